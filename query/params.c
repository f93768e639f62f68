/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/out.h"
#include "format/timetext.h"

static const char *const type_names[] = {
	[PARAM_ANY] = "any",   [PARAM_TEXT] = "text", [PARAM_INTEGER] = "integer",
	[PARAM_REAL] = "real", [PARAM_TIME] = "time",
};

enum { N_TYPES = sizeof(type_names) / sizeof(*type_names) };

int param_type_of(const char *name, size_t len)
{
	for (int i = 0; i < N_TYPES; i++)
		if (strlen(type_names[i]) == len && memcmp(type_names[i], name, len) == 0)
			return i;
	return -1;
}

const char *param_type_name(enum param_type type)
{
	return type_names[type];
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool param_is_name(const char *text, size_t len)
{
	if (len == 0 || !is_letter(text[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_letter(text[i]) && !(text[i] >= '0' && text[i] <= '9'))
			return false;
	return true;
}

bool param_split(const char *text, struct param_given *ret)
{
	const char *equals = strchr(text, '=');

	if (!equals || !param_is_name(text, (size_t)(equals - text)))
		return false;
	*ret = (struct param_given){
		.name = text,
		.name_len = (size_t)(equals - text),
		.value = equals + 1,
	};
	return true;
}

static bool parse_integer(const char *text, sqlite3_int64 *ret)
{
	const char *digits = text + (*text == '-' || *text == '+');
	char *end;

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0;
}

static bool parse_real(const char *text, double *ret)
{
	char *end;

	/* Neither blanks nor hexadecimal nor "inf": a number as SQL has it. */
	if (text[strspn(text, "0123456789+-.eE")] != '\0' || !*text)
		return false;
	errno = 0;
	*ret = strtod(text, &end);
	return *end == '\0' && end != text && errno == 0;
}

static bool is_utf8(const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t invalid;
	uint32_t c;

	while (len) {
		size_t n = out_utf8_next(s, len, &c, &invalid);

		if (n == 0)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

/* When the capture of a case ended that did so last. */
static bool end_of_case(sqlite3 *db, sqlite3_int64 *ret)
{
	sqlite3_stmt *s = NULL;
	bool found = false;

	if (db &&
	    sqlite3_prepare_v2(db, "SELECT max(to_ns) FROM capture", -1, &s, NULL) == SQLITE_OK)
		found = sqlite3_step(s) == SQLITE_ROW &&
			sqlite3_column_type(s, 0) == SQLITE_INTEGER;
	if (found)
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return found;
}

static int parse_time(const char *text, sqlite3 *db, sqlite3_int64 *ret, struct reel_err *err)
{
	struct reel_when when;
	struct timespec now;
	sqlite3_int64 end;
	int r;

	/* A minus is what counts back. */
	if (*text != '-' && parse_integer(text, ret))
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	r = reel_time_parse(text, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, &when,
			    err);
	if (r < 0)
		return r;
	if (when.kind == REEL_WHEN_BOOTTIME || when.ns > INT64_MAX)
		return reel_err_set(err, -EINVAL, "'%.64s' is no wall time", text);
	*ret = (sqlite3_int64)when.ns;
	if (when.kind != REEL_WHEN_RELATIVE)
		return 0;
	if (!end_of_case(db, &end))
		return reel_err_set(err, -EINVAL,
				    "'%.64s' counts from the end, which only a case knows", text);
	*ret = end - *ret;
	return 0;
}

int param_parse(const char *text, enum param_type type, sqlite3 *db, struct param_value *ret,
		struct reel_err *err)
{
	struct param_value v = { .type = SQLITE_TEXT, .text = text, .len = strlen(text) };

	if (type == PARAM_TIME) {
		int r = parse_time(text, db, &v.integer, err);

		if (r < 0)
			return r;
		v.type = SQLITE_INTEGER;
	} else if (type == PARAM_REAL) {
		if (!parse_real(text, &v.real))
			return reel_err_set(err, -EINVAL, "'%s' is not a number", text);
		v.type = SQLITE_FLOAT;
	} else if (type != PARAM_TEXT && parse_integer(text, &v.integer)) {
		v.type = SQLITE_INTEGER;
	} else if (type == PARAM_INTEGER) {
		return reel_err_set(err, -EINVAL, "'%s' is not a whole number", text);
	} else if (!is_utf8(text, v.len)) {
		v.type = SQLITE_BLOB;
	}
	*ret = v;
	return 0;
}

int param_bind(sqlite3_stmt *statement, int index, const struct param_value *v)
{
	switch (v->type) {
	case SQLITE_INTEGER:
		return sqlite3_bind_int64(statement, index, v->integer);
	case SQLITE_FLOAT:
		return sqlite3_bind_double(statement, index, v->real);
	case SQLITE_TEXT:
		return sqlite3_bind_text64(statement, index, v->text, v->len, SQLITE_TRANSIENT,
					   SQLITE_UTF8);
	case SQLITE_BLOB:
		return sqlite3_bind_blob64(statement, index, v->text, v->len, SQLITE_TRANSIENT);
	default:
		return sqlite3_bind_null(statement, index);
	}
}
