/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments, variables and contents, replaced; also inside JSON. */
#include <string.h>

#include "query/json_text.h"
#include "query/redact.h"

static size_t option_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') ||
			   (s[n] >= '0' && s[n] <= '9') || s[n] == '-' || s[n] == '_'))
		n++;
	return n;
}

/* The program's name stays, and names of options; what they are set to does not. */
static void put_arg(struct reel_out *o, const char *s, size_t len, bool first)
{
	size_t n;

	/* What is set is no program. */
	if (first && !memchr(s, '=', len)) {
		for (n = 0; n < len && s[n] != ' ' && s[n] != '\\' && s[n] != '\t' && s[n] != '\n';)
			n++;
		out_mem(o, s, n);
		if (n < len)
			out_str(o, " [arg]");
		return;
	}
	if (len && len <= 2 && s[0] == '-' && option_length(s, len) == len) {
		out_mem(o, s, len);
		return;
	}
	if (len > 2 && s[0] == '-' && s[1] == '-') {
		n = option_length(s, len);
		if (n == len) {
			out_mem(o, s, len);
			return;
		}
		if (s[n] == '=') {
			out_mem(o, s, n + 1);
			out_str(o, "[arg]");
			return;
		}
	} else if (len > 2 && s[0] == '-' && option_length(s, 2) == 2) {
		out_mem(o, s, 2);
	}
	out_str(o, "[arg]");
}

static void put_variable(struct reel_out *o, const char *s, size_t len)
{
	size_t n = option_length(s, len);

	if (n && n < len && s[n] == '=')
		out_mem(o, s, n + 1);
	out_str(o, "[env]");
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\0';
}

static void put_words(unsigned kinds, struct reel_out *o, const char *s, size_t len)
{
	bool first = true;

	for (size_t i = 0; i < len;) {
		size_t n = 0;

		if (is_blank(s[i])) {
			out_char(o, ' ');
			i++;
			continue;
		}
		while (i + n < len && !is_blank(s[i + n]))
			n++;
		if (kinds & REDACT_ARGS)
			put_arg(o, s + i, n, first);
		else
			put_variable(o, s + i, n);
		first = false;
		i += n;
	}
}

/* JSON ---------------------------------------------------------------------------------------- */

struct walk {
	const char *s, *end;
	struct reel_out *o;
};

static size_t value_length(const struct walk *w)
{
	return json_text_value(w->s, (size_t)(w->end - w->s));
}

static void copy(struct walk *w, size_t n)
{
	out_mem(w->o, w->s, n);
	w->s += n;
}

static void copy_space(struct walk *w)
{
	while (w->s < w->end && (is_blank(*w->s) || *w->s == '\r'))
		copy(w, 1);
}

static void hide_value(struct walk *w, unsigned kinds, bool first);

/* The text of a string as it is escaped: what decides is never escaped. */
static void hide_string(struct walk *w, unsigned kinds, size_t len, bool first)
{
	const char *inside = w->s + 1;
	size_t n = len - 2;

	out_char(w->o, '"');
	if (kinds & REDACT_ARGS)
		put_arg(w->o, inside, n, first);
	else if (kinds & REDACT_ENV)
		put_variable(w->o, inside, n);
	else
		out_str(w->o, "[content]");
	out_char(w->o, '"');
	w->s += len;
}

static void show_value(struct walk *w, unsigned kinds);

/* HIDDEN: all of it is of these kinds. Else only members that are called so. */
static void members(struct walk *w, unsigned kinds, bool hidden)
{
	bool named = *w->s == '{';
	char close = named ? '}' : ']';
	bool first = true;

	copy(w, 1);
	copy_space(w);
	while (w->s < w->end && *w->s != close) {
		unsigned of_member = 0;

		if (named) {
			size_t n = value_length(w);
			char key[64] = "";

			if (n >= 2 && n - 2 < sizeof(key))
				memcpy(key, w->s + 1, n - 2);
			of_member = redact_column(NULL, key);
			copy(w, n);
			copy_space(w);
			copy(w, 1);
			copy_space(w);
		}
		if (hidden)
			hide_value(w, kinds, first);
		else if (of_member & kinds & REDACT_ALL)
			hide_value(w, of_member & kinds, true);
		else
			show_value(w, kinds);
		first = false;
		copy_space(w);
		if (*w->s == ',')
			copy(w, 1);
		copy_space(w);
	}
	copy(w, 1);
}

static void hide_value(struct walk *w, unsigned kinds, bool first)
{
	size_t n = value_length(w);

	if (*w->s == '{' || *w->s == '[')
		members(w, kinds, true);
	else if (*w->s == '"')
		hide_string(w, kinds, n, first);
	else
		copy(w, n); /* null, or a number */
}

static void show_value(struct walk *w, unsigned kinds)
{
	if (*w->s == '{' || *w->s == '[')
		members(w, kinds, false);
	else
		copy(w, value_length(w));
}

void redact_json(unsigned kinds, struct reel_out *o, const char *text, size_t len)
{
	struct walk w = { text, text + len, o };

	if (json_text_is_nested(text, len))
		show_value(&w, kinds);
	else
		out_str(o, "[redacted]");
}

void redact_value(unsigned kinds, struct reel_out *o, const char *text, size_t len)
{
	struct walk w = { text, text + len, o };

	if (kinds & REDACT_CONTENT && !(kinds & REDACT_ARGS)) {
		out_str(o, "[content]");
	} else if (json_text_is_nested(text, len)) {
		hide_value(&w, kinds, true);
	} else {
		put_words(kinds, o, text, len);
	}
}
