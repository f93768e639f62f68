/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/script.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "format/options.h"
#include "query/suggest.h"

struct script_place script_place(const struct script *s, size_t offset)
{
	struct script_place p = { s->first_line, 1 };

	for (size_t i = 0; i < offset && s->text[i]; i++) {
		if (s->text[i] == '\n') {
			p.line++;
			p.column = 1;
		} else if ((s->text[i] & 0xc0) != 0x80) {
			p.column++;
		}
	}
	return p;
}

/* Words --------------------------------------------------------------------------------------- */

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (c & 0x80);
}

static const char *skip_to(const char *s, char end)
{
	while (*s && *s != end)
		s++;
	return *s ? s + 1 : s;
}

/* What is a blank to SQL: its length. */
static size_t space_length(const char *s)
{
	const char *end;

	if (s[0] == '-' && s[1] == '-')
		return (size_t)(skip_to(s, '\n') - s);
	if (s[0] == '/' && s[1] == '*') {
		end = strstr(s + 2, "*/");
		return end ? (size_t)(end + 2 - s) : strlen(s);
	}
	return *s == ' ' || *s == '\t' || *s == '\n' || *s == '\r' || *s == '\f';
}

void script_words(const char *s, bool (*visit)(void *context, const char *word), void *context)
{
	char word[128];

	while (*s) {
		size_t n = space_length(s);
		const char *from = s;
		char close = *s == '[' ? ']' : *s;

		if (n) {
			s += n;
			continue;
		}
		if (*s == '\'') {
			s = skip_to(s + 1, '\'');
			continue;
		}
		if (*s == '"' || *s == '`' || *s == '[') {
			from = s + 1;
			s = skip_to(s + 1, close);
			n = s > from ? (size_t)(s - from) - (s[-1] == close) : 0;
		} else if (is_word_byte(*s)) {
			while (is_word_byte(*s))
				s++;
			n = (size_t)(s - from);
		} else {
			s++;
			continue;
		}
		if (n >= sizeof(word))
			continue;
		memcpy(word, from, n);
		word[n] = '\0';
		if (!visit(context, word))
			return;
	}
}

static bool is_not(void *context, const char *word)
{
	const char **wanted = context;

	if (strcasecmp(word, *wanted) != 0)
		return true;
	*wanted = NULL;
	return false;
}

bool script_names(const char *sql, const char *word)
{
	const char *wanted = word;

	script_words(sql, is_not, &wanted);
	return !wanted;
}

/* Statements ---------------------------------------------------------------------------------- */

static int errno_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_INTERRUPT:
		return -EINTR;
	case SQLITE_ERROR:
	case SQLITE_AUTH:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_TOOBIG:
	case SQLITE_CONSTRAINT:
	case SQLITE_READONLY:
	case SQLITE_MISUSE:
		return -EINVAL;
	default:
		return -EIO;
	}
}

static int wrong_at(const struct script *s, size_t offset, struct reel_err *err, const char *what,
		    const char *more)
{
	struct script_place p = script_place(s, offset);

	return reel_err_set(err, -EINVAL, "%s:%u:%u: %s%s", s->name, p.line, p.column, what, more);
}

/* Blanks and comments are passed over. */
static size_t begin_of(const struct script *s)
{
	size_t at = s->at, n;

	while ((n = space_length(s->text + at)) > 0)
		at += n;
	return at;
}

static int say(const struct script *s, sqlite3 *db, size_t base, struct reel_err *err)
{
	int r = errno_of(sqlite3_extended_errcode(db));
	int offset = sqlite3_error_offset(db);
	char more[SUGGEST_BYTES] = "";
	char what[sizeof(err->msg)];

	snprintf(what, sizeof(what), "%s", sqlite3_errmsg(db));
	if (r != -EINVAL)
		return reel_err_set(err, r, "%s", what);
	if ((sqlite3_errcode(db) & 0xff) == SQLITE_AUTH)
		snprintf(more, sizeof(more), " (with --redact there are only questions)");
	else if ((sqlite3_errcode(db) & 0xff) == SQLITE_READONLY)
		snprintf(more, sizeof(more),
			 " (it is opened to be read; --write opens it for notes)");
	else
		suggest_for(db, s->text, what, more);
	/* Asking for near names has changed what the connection says of the error. */
	if (strcmp(what, "incomplete input") == 0)
		return wrong_at(s, strlen(s->text), err, what, more);
	return wrong_at(s, offset >= 0 ? base + (size_t)offset : base, err, what, more);
}

static struct param_given *find_given(const struct script *s, const char *name)
{
	for (size_t i = 0; i < s->n_given; i++)
		if (strlen(name) == s->given[i].name_len &&
		    memcmp(s->given[i].name, name, s->given[i].name_len) == 0)
			return &s->given[i];
	return NULL;
}

static int bind(const struct script *s, sqlite3_stmt *statement, size_t at, struct reel_err *err)
{
	int n = sqlite3_bind_parameter_count(statement);

	if (s->query)
		return named_bind(s->query, statement, s->given, s->n_given, err);
	for (int i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(statement, i);
		struct param_given *g = name && *name != '?' ? find_given(s, name + 1) : NULL;
		struct param_value v;
		char more[160];

		if (!name || *name == '?')
			return wrong_at(s, at, err, "a parameter without a name cannot be given: ",
					"write :name");
		if (!g) {
			snprintf(more, sizeof(more), " has no value: add %s=VALUE", name + 1);
			return wrong_at(s, at, err, name, more);
		}
		g->is_used = true;
		(void)param_parse(g->value, PARAM_ANY, NULL, &v, NULL);
		if (param_bind(statement, i, &v) != SQLITE_OK)
			return reel_err_set(err, -ENOMEM, "no memory for the parameter %s", name);
	}
	return 0;
}

int script_next(struct script *s, sqlite3 *db, sqlite3_stmt **ret, struct reel_err *err)
{
	sqlite3_stmt *statement = NULL;
	const char *tail = NULL;
	size_t at;
	int r;

	*ret = NULL;
	do {
		at = begin_of(s);
		if (!s->text[at])
			return 0;
		if (sqlite3_prepare_v2(db, s->text + at, -1, &statement, &tail) != SQLITE_OK)
			return say(s, db, at, err);
		s->began = at;
		s->at = (size_t)(tail - s->text);
	} while (!statement);
	r = bind(s, statement, at, err);
	if (r == 0 && s->query && s->text[begin_of(s)])
		r = wrong_at(s, begin_of(s), err, "a named query is one statement", "");
	if (r == 0 && s->query && !sqlite3_stmt_readonly(statement))
		r = wrong_at(s, at, err, "a named query only asks", "");
	if (r < 0) {
		sqlite3_finalize(statement);
		s->at = at;
		return r;
	}
	*ret = statement;
	return 0;
}

static int no_parameter(const struct script *s, const char *name, struct reel_err *err)
{
	struct reel_nearest near = REEL_NEAREST(name);

	for (unsigned k = 0; s->query && k < s->query->n_params; k++)
		reel_nearest_offer(&near, s->query->params[k].name);
	return reel_err_set(err, -EINVAL, "%s%s has no parameter '%s'%s%s%s", s->query ? "@" : "",
			    s->query ? s->query->name : "the SQL", name,
			    near.best ? ", did you mean '" : "", near.best ? near.best : "",
			    near.best ? "'?" : "");
}

static bool is_declared(const struct named_query *q, const char *name)
{
	for (unsigned k = 0; k < q->n_params; k++)
		if (strcmp(q->params[k].name, name) == 0)
			return true;
	return false;
}

int script_check_names(const struct script *s, struct reel_err *err)
{
	for (size_t i = 0; i < s->n_given; i++) {
		char name[128];

		snprintf(name, sizeof(name), "%.*s", (int)s->given[i].name_len, s->given[i].name);
		if (s->query ? !is_declared(s->query, name) : !script_names(s->text, name))
			return no_parameter(s, name, err);
	}
	return 0;
}

int script_check_given(const struct script *s, struct reel_err *err)
{
	for (size_t i = 0; i < s->n_given; i++) {
		char name[128];

		snprintf(name, sizeof(name), "%.*s", (int)s->given[i].name_len, s->given[i].name);
		/* A declared one that the statement has no use for does no harm. */
		if (!s->given[i].is_used && !s->query)
			return no_parameter(s, name, err);
	}
	return 0;
}

int script_failed(const struct script *s, sqlite3 *db, struct reel_err *err)
{
	return say(s, db, s->began, err);
}
