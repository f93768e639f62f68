/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/json_text.h"

#include <string.h>

struct cursor {
	const char *s, *end;
	unsigned depth;
};

static bool value(struct cursor *c);

static void skip_space(struct cursor *c)
{
	while (c->s < c->end && (*c->s == ' ' || *c->s == '\t' || *c->s == '\n' || *c->s == '\r'))
		c->s++;
}

static bool take(struct cursor *c, char wanted)
{
	if (c->s == c->end || *c->s != wanted)
		return false;
	c->s++;
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool escape(struct cursor *c)
{
	if (c->s == c->end)
		return false;
	if (*c->s != 'u')
		return *c->s && strchr("\"\\/bfnrt", *c->s++);
	if (c->end - c->s < 5)
		return false;
	for (int i = 1; i <= 4; i++)
		if (!is_hex(c->s[i]))
			return false;
	c->s += 5;
	return true;
}

static bool string(struct cursor *c)
{
	if (!take(c, '"'))
		return false;
	while (c->s < c->end) {
		unsigned char b = (unsigned char)*c->s++;

		if (b == '"')
			return true;
		if (b < 0x20 || (b == '\\' && !escape(c)))
			return false;
	}
	return false;
}

static size_t digits(struct cursor *c)
{
	const char *from = c->s;

	while (c->s < c->end && *c->s >= '0' && *c->s <= '9')
		c->s++;
	return (size_t)(c->s - from);
}

static bool number(struct cursor *c)
{
	(void)take(c, '-');
	if (!take(c, '0') && digits(c) == 0)
		return false;
	if (take(c, '.') && digits(c) == 0)
		return false;
	if (take(c, 'e') || take(c, 'E')) {
		(void)(take(c, '+') || take(c, '-'));
		return digits(c) > 0;
	}
	return true;
}

static bool word(struct cursor *c, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(c->end - c->s) < n || memcmp(c->s, text, n) != 0)
		return false;
	c->s += n;
	return true;
}

static bool members(struct cursor *c, bool named, char close)
{
	skip_space(c);
	if (take(c, close))
		return true;
	do {
		skip_space(c);
		if (named) {
			if (!string(c))
				return false;
			skip_space(c);
			if (!take(c, ':'))
				return false;
		}
		if (!value(c))
			return false;
		skip_space(c);
	} while (take(c, ','));
	return take(c, close);
}

static bool value(struct cursor *c)
{
	bool ok;

	skip_space(c);
	if (c->s == c->end || c->depth == JSON_TEXT_DEPTH_MAX)
		return false;
	c->depth++;
	switch (*c->s) {
	case '{':
		c->s++;
		ok = members(c, true, '}');
		break;
	case '[':
		c->s++;
		ok = members(c, false, ']');
		break;
	case '"':
		ok = string(c);
		break;
	case 't':
		ok = word(c, "true");
		break;
	case 'f':
		ok = word(c, "false");
		break;
	case 'n':
		ok = word(c, "null");
		break;
	default:
		ok = number(c);
	}
	c->depth--;
	return ok;
}

size_t json_text_value(const char *text, size_t len)
{
	struct cursor c = { text, text + len, 0 };

	return value(&c) ? (size_t)(c.s - text) : 0;
}

bool json_text_is_nested(const char *text, size_t len)
{
	return len >= 2 && (text[0] == '[' || text[0] == '{') && json_text_value(text, len) == len;
}

static void new_line(struct reel_out *o, unsigned depth)
{
	out_char(o, '\n');
	while (depth--)
		out_str(o, "  ");
}

static size_t string_length(const char *s, const char *end)
{
	struct cursor c = { s, end, 0 };

	return string(&c) ? (size_t)(c.s - s) : 1;
}

void json_text_put_pretty(struct reel_out *o, const char *text, size_t len, unsigned depth)
{
	const char *end = text + len;
	bool opened = false;

	for (const char *s = text; s < end; s++) {
		size_t n;

		if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
			continue;
		if (*s == ']' || *s == '}') {
			depth--;
			if (!opened)
				new_line(o, depth);
		} else if (opened) {
			new_line(o, depth);
		}
		opened = *s == '[' || *s == '{';
		n = *s == '"' ? string_length(s, end) : 1;
		out_mem(o, s, n);
		s += n - 1;
		if (opened)
			depth++;
		else if (*s == ',' && n == 1)
			new_line(o, depth);
		else if (*s == ':' && n == 1)
			out_char(o, ' ');
	}
}

bool json_text_is_column(const char *name)
{
	static const char *const names[] = {
		"argv",
		"argv_arg",
		"env",
		"fields",
		"json",
		"evidence",
		"tags",
		"false_positives",
		"reference_links",
		"rules_paths",
		"options",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}
