/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/columns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/names.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* In the order of the table; the ids say which of them only `event` has. */
static const struct reel_column common[] = {
	{ "id", "name of the event: boot id, CPU (r: the recorder's own) and number", NULL,
	  REEL_COLUMN_ID, REEL_HOLDS_TEXT },
	{ "ts", "when, CLOCK_BOOTTIME ns", NULL, REEL_COLUMN_TS, REEL_HOLDS_INTEGER },
	{ "time_ns", "when, ns since 1970 by the machine's clock; NULL where nobody knows", NULL,
	  REEL_COLUMN_TIME_NS, REEL_HOLDS_INTEGER },
	{ "time", "the same as text, ISO 8601 in UTC with nine digits", NULL, REEL_COLUMN_TIME,
	  REEL_HOLDS_TEXT },
	{ "host", "the machine it was recorded on", NULL, REEL_COLUMN_HOST, REEL_HOLDS_STRING },
	{ "type", "what happened", NULL, REEL_COLUMN_TYPE, REEL_HOLDS_TEXT },
	{ "class", "what kind of type that is", NULL, REEL_COLUMN_CLASS, REEL_HOLDS_TEXT },
	{ "cpu", "on which CPU; NULL: the recorder made it", NULL, REEL_COLUMN_CPU,
	  REEL_HOLDS_INTEGER },
	{ "seq", "its number on that CPU", NULL, REEL_COLUMN_SEQ, REEL_HOLDS_INTEGER },
	{ "pid", "whose it is; 0: nobody's", NULL, REEL_COLUMN_PID, REEL_HOLDS_INTEGER },
	{ "tid", "the thread", NULL, REEL_COLUMN_TID, REEL_HOLDS_INTEGER },
	{ "ret", "what the call returned, -errno where it failed", NULL, REEL_COLUMN_RET,
	  REEL_HOLDS_INTEGER },
	{ "errno", "name of the error; NULL: none, or no call", NULL, REEL_COLUMN_ERRNO,
	  REEL_HOLDS_TEXT },
	{ "syscall", "the call that caused it; NULL: none", NULL, REEL_COLUMN_SYSCALL,
	  REEL_HOLDS_TEXT },
	{ "abi", "the call's table, i386 or x32; NULL: the native one", NULL, REEL_COLUMN_ABI,
	  REEL_HOLDS_TEXT },
	{ "flags",
	  "what to bear in mind, blank between: fault truncated raced blocked restarted keyframe "
	  "partial; NULL: nothing",
	  NULL, REEL_COLUMN_FLAGS, REEL_HOLDS_TEXT },
	{ "path", "the type's field path; NULL: it has none, or it says nothing", NULL,
	  REEL_COLUMN_PATH, REEL_HOLDS_STRING },
	{ "ppid", "parent of the process; NULL: not known", NULL, REEL_COLUMN_PPID,
	  REEL_HOLDS_INTEGER },
	{ "comm", "name of the process; NULL: not known", NULL, REEL_COLUMN_COMM,
	  REEL_HOLDS_STRING },
	{ "exe", "what the process runs; NULL: not known", NULL, REEL_COLUMN_EXE,
	  REEL_HOLDS_STRING },
	{ "uid", "real user id of the process; NULL: not known", NULL, REEL_COLUMN_UID,
	  REEL_HOLDS_INTEGER },
	{ "fields", "the type's own fields as JSON, as reel dump --json has them", NULL,
	  REEL_COLUMN_FIELDS, REEL_HOLDS_TEXT },
};

static bool is_of_event_only(enum reel_column_id id)
{
	return id == REEL_COLUMN_PATH || id == REEL_COLUMN_FIELDS;
}

static bool is_common(const char *name)
{
	if (reel_render_is_common(name))
		return true;
	for (size_t i = 0; i < COUNT(common); i++)
		if (!is_of_event_only(common[i].id) && !strcmp(common[i].name, name))
			return true;
	return false;
}

static void count_name(void *user, const char *name)
{
	(void)name;
	++*(unsigned *)user;
}

static bool has_names(const struct reel_field *f)
{
	unsigned n = 0;

	if (reel_field_is_string(f) || (f->kind & REEL_KIND_MASK) == REEL_ADDR)
		return false;
	if (strchr(f->hint, '|') || !strcmp(f->hint, "class") || !strcmp(f->hint, "proto"))
		return true;
	reel_name_each(f->hint, count_name, &n);
	return n > 0;
}

static enum reel_column_holds holds_of(const struct reel_field *f)
{
	unsigned kind = f->kind & REEL_KIND_MASK;

	if (kind == REEL_ADDR || kind == REEL_ARGS)
		return REEL_HOLDS_TEXT;
	if (!reel_field_is_string(f))
		return REEL_HOLDS_INTEGER;
	if (kind == REEL_BYTES && (!strcmp(f->hint, "hex") || !strcmp(f->hint, "u32")))
		return REEL_HOLDS_TEXT;
	return REEL_HOLDS_STRING;
}

/* TYPE_NAME or NAME, with SUFFIX behind it, at *at in the pool. */
static const char *put_name(char **at, const struct reel_type *t, const struct reel_field *f,
			    const char *suffix)
{
	char *name = *at;

	if (is_common(f->name)) {
		*at = stpcpy(*at, t->name);
		*at = stpcpy(*at, "_");
	}
	*at = stpcpy(*at, f->name);
	*at = stpcpy(*at, suffix) + 1;
	return name;
}

static void add_field(struct reel_columns *c, const struct reel_field *f, char **at)
{
	c->list[c->n++] = (struct reel_column){
		.name = put_name(at, c->type, f, ""),
		.doc = reel_field_doc(f->name),
		.field = f,
		.id = REEL_COLUMN_FIELD,
		.holds = holds_of(f),
	};
	if (!has_names(f))
		return;
	c->list[c->n++] = (struct reel_column){
		.name = put_name(at, c->type, f, "_name"),
		.doc = "its name, or names",
		.field = f,
		.id = REEL_COLUMN_FIELD_NAME,
		.holds = REEL_HOLDS_TEXT,
	};
}

int reel_columns_new(const struct reel_type *type, struct reel_columns **ret, struct reel_err *err)
{
	unsigned n_fields = type ? type->n_fields : 0;
	struct reel_columns *c = calloc(1, sizeof(*c));
	size_t bytes = 1;
	char *at;

	for (unsigned i = 0; i < n_fields; i++)
		bytes += 2 * (strlen(type->name) + strlen(type->fields[i].name) + sizeof("_") +
			      sizeof("_name"));
	if (c) {
		c->list = calloc(COUNT(common) + 2 * n_fields, sizeof(*c->list));
		c->names = malloc(bytes);
	}
	if (!c || !c->list || !c->names) {
		reel_columns_free(c);
		return reel_err_set(err, -ENOMEM, "no memory for the columns of a table");
	}
	c->type = type;
	for (size_t i = 0; i < COUNT(common); i++)
		if (!type || !is_of_event_only(common[i].id))
			c->list[c->n++] = common[i];
	at = c->names;
	for (unsigned i = 0; i < n_fields; i++)
		add_field(c, &type->fields[i], &at);
	*ret = c;
	return 0;
}

void reel_columns_free(struct reel_columns *c)
{
	if (!c)
		return;
	free(c->list);
	free(c->names);
	free(c);
}

const char *reel_column_affinity(const struct reel_column *c)
{
	return c->holds == REEL_HOLDS_INTEGER ? "INTEGER" : "TEXT";
}

const char *reel_column_strict_type(const struct reel_column *c)
{
	return c->holds == REEL_HOLDS_STRING ? "ANY" : reel_column_affinity(c);
}

const struct reel_field *reel_type_path(const struct reel_type *t)
{
	for (unsigned i = 0; i < t->n_fields; i++) {
		unsigned kind = t->fields[i].kind & REEL_KIND_MASK;

		if ((kind == REEL_PATH || kind == REEL_TEXT) && !strcmp(t->fields[i].name, "path"))
			return &t->fields[i];
	}
	return NULL;
}
