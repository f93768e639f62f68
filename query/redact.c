/* SPDX-License-Identifier: BSD-2-Clause */
/* Which columns hold what, and homes in text. */
#include "query/redact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format/options.h"

static const struct {
	const char *name;
	unsigned kinds;
} kinds[] = {
	{ "home", REDACT_HOME }, { "args", REDACT_ARGS }, { "content", REDACT_CONTENT },
	{ "env", REDACT_ENV },	 { "all", REDACT_ALL },
};

enum { N_KINDS = sizeof(kinds) / sizeof(*kinds) };

/* table NULL: of any. The first that fits counts. */
static const struct {
	const char *table, *column;
	unsigned kinds;
} columns[] = {
	{ NULL, "argv", REDACT_ARGS },
	{ NULL, "argv_arg", REDACT_ARGS },
	{ NULL, "cmdline", REDACT_ARGS },
	{ NULL, "command_line", REDACT_ARGS },
	{ NULL, "env", REDACT_ENV },
	{ NULL, "content", REDACT_CONTENT },
	{ NULL, "payload", REDACT_CONTENT },
	{ NULL, "fields", REDACT_JSON },
	{ NULL, "json", REDACT_JSON },
	{ NULL, "evidence", REDACT_JSON },
	/* A command line, and what somebody has typed. */
	{ NULL, "line", REDACT_ARGS | REDACT_CONTENT },
	{ "dns", "data", 0 }, /* of a case: an address or name */
	{ NULL, "data", REDACT_CONTENT },
	{ NULL, "value", REDACT_CONTENT },
	{ NULL, "params", REDACT_CONTENT }, /* of a kernel module */
	{ NULL, "character", REDACT_CONTENT },
};

enum { N_COLUMNS = sizeof(columns) / sizeof(*columns) };

int redact_parse(const char *text, unsigned *ret_kinds, struct reel_err *err)
{
	unsigned all = 0;

	while (*text) {
		size_t len = strcspn(text, ",");
		char word[32];
		struct reel_nearest near = REEL_NEAREST(word);
		unsigned i = 0;

		while (i < N_KINDS &&
		       (strlen(kinds[i].name) != len || memcmp(kinds[i].name, text, len) != 0))
			i++;
		if (i == N_KINDS) {
			if (len >= sizeof(word))
				len = sizeof(word) - 1;
			memcpy(word, text, len);
			word[len] = '\0';
			for (i = 0; i < N_KINDS; i++)
				reel_nearest_offer(&near, kinds[i].name);
			return reel_err_set(
				err, -EINVAL,
				"nothing to redact is called '%s'%s%s%s (home, args, content, "
				"env or all)",
				word, near.best ? ", did you mean '" : "",
				near.best ? near.best : "", near.best ? "'?" : "");
		}
		all |= kinds[i].kinds;
		text += len;
		text += *text == ',';
	}
	if (!all)
		return reel_err_set(err, -EINVAL,
				    "what is to be redacted? home, args, content, env or all");
	*ret_kinds |= all;
	return 0;
}

void redact_done(struct redact *r)
{
	for (size_t i = 0; i < r->n_names; i++)
		free(r->names[i]);
	for (size_t i = 0; i < r->n_tables; i++)
		free(r->tables[i]);
	free(r->names);
	free(r->tables);
	*r = (struct redact){ 0 };
}

/* NAME_hex, which dumps and events add, is the same. */
static size_t base_length(const char *column)
{
	size_t n = strlen(column);

	return n > 4 && strcasecmp(column + n - 4, "_hex") == 0 ? n - 4 : n;
}

unsigned redact_column(const char *table, const char *column)
{
	size_t len = base_length(column);

	for (unsigned i = 0; i < N_COLUMNS; i++) {
		if (columns[i].table && (!table || strcasecmp(columns[i].table, table) != 0))
			continue;
		if (strlen(columns[i].column) == len &&
		    strncasecmp(columns[i].column, column, len) == 0)
			return columns[i].kinds;
	}
	return 0;
}

/* Homes --------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.' || (c & 0x80);
}

/* Of the name of a directory: up to what no path in a text goes on behind. */
static size_t component_length(const char *s, size_t len)
{
	static const char ends[] = "/ \t\n\r\"'`:;,()[]{}<>|&\\*?!=";
	size_t n = 0;

	while (n < len && s[n] && !strchr(ends, s[n]))
		n++;
	return n;
}

static bool is_name(const struct redact *r, const char *s, size_t len)
{
	size_t low = 0, high = r->n_names;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strncmp(s, r->names[middle], len);

		if (order == 0 && r->names[middle][len])
			order = -1;
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* What begins here and is not shown: its length, and what stands for it. */
static size_t match_home(const struct redact *r, const char *s, size_t len, bool in_word,
			 const char **ret)
{
	size_t n;

	if (len > 6 && memcmp(s, "/home/", 6) == 0) {
		n = component_length(s + 6, len - 6);
		*ret = "/home/USER";
		return n ? 6 + n : 0;
	}
	if (!in_word && len >= 5 && memcmp(s, "/root", 5) == 0 && (len == 5 || !is_word(s[5]))) {
		*ret = "/home/ROOT";
		return 5;
	}
	if (in_word || !is_word(*s))
		return 0;
	for (n = 1; n < len && is_word(s[n]);)
		n++;
	/* A full stop behind a name ends a sentence. */
	while (n > 1 && s[n - 1] == '.')
		n--;
	*ret = "USER";
	return is_name(r, s, n) ? n : 0;
}

void redact_shown(const struct redact *r, struct reel_out *o, const char *text, size_t len)
{
	size_t from = 0;

	if (!(r->kinds & REDACT_HOME)) {
		out_mem(o, text, len);
		return;
	}
	for (size_t i = 0; i < len;) {
		const char *instead = NULL;
		bool in_word = i > 0 && is_word(text[i - 1]);
		size_t n = match_home(r, text + i, len - i, in_word, &instead);

		if (!n) {
			i++;
			continue;
		}
		out_mem(o, text + from, i - from);
		out_str(o, instead);
		i += n;
		from = i;
	}
	out_mem(o, text + from, len - from);
}
