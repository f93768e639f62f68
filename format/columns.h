/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events as rows of SQL: which columns they have, and what each says. The tables that read a
 * capture and those that events are copied into are both made from here. Nothing here knows SQLite.
 *
 * `event` has the common columns, `path`, what is known of the process, and `fields`: the type's
 * own as JSON. The table of a type lacks `path` and `fields` and has the type's own fields instead:
 *  - One with the name of a common column is called TYPE_NAME: "open_flags".
 *  - Numbers are INTEGER; what exceeds 63 bits is negative, as SQLite has no other; "bool" is 0 or
 *    1. Where the hint gives names to values a further column NAME_name has them: "signal_name".
 *  - Addresses are text. Lists of arguments are a JSON array; of one that is not UTF-8 `fields` of
 *    `event` has the bytes too, as argv_hex. Bytes with the hint "hex" are digits, with "u32" a
 *    JSON array of numbers.
 *  - Other strings are TEXT, or BLOB where they are not UTF-8 or hold a NUL, which would end a
 *    TEXT. An optional one that says nothing is NULL.
 *  - A field that the capture's own schema lacks, or has of another kind, is NULL.
 */
#ifndef REEL_FORMAT_COLUMNS_H
#define REEL_FORMAT_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "format/err.h"
#include "format/event.h"
#include "format/render.h"
#include "format/types.h"

enum reel_column_id {
	REEL_COLUMN_ID,
	REEL_COLUMN_TS,
	REEL_COLUMN_TIME_NS,
	REEL_COLUMN_TIME,
	REEL_COLUMN_HOST,
	REEL_COLUMN_TYPE,
	REEL_COLUMN_CLASS,
	REEL_COLUMN_CPU,
	REEL_COLUMN_SEQ,
	REEL_COLUMN_PID,
	REEL_COLUMN_TID,
	REEL_COLUMN_RET,
	REEL_COLUMN_ERRNO,
	REEL_COLUMN_SYSCALL,
	REEL_COLUMN_ABI,
	REEL_COLUMN_FLAGS,
	REEL_COLUMN_PATH,	/* of `event` only */
	REEL_COLUMN_PPID,	/* these four: what is known besides, see reel_row_begin */
	REEL_COLUMN_COMM,
	REEL_COLUMN_EXE,
	REEL_COLUMN_UID,
	REEL_COLUMN_FIELDS,	/* of `event` only */
	REEL_COLUMN_FIELD,	/* one of the type's own */
	REEL_COLUMN_FIELD_NAME, /* the names that its value has */
};

/* What a column may hold, beside NULL. */
enum reel_column_holds {
	REEL_HOLDS_INTEGER,
	REEL_HOLDS_TEXT,
	REEL_HOLDS_STRING,	/* text, or a blob */
};

struct reel_column {
	const char *name;
	const char *doc;		/* NULL: nobody has said */
	const struct reel_field *field; /* of the build's own type: FIELD and FIELD_NAME; or NULL */
	enum reel_column_id id;
	enum reel_column_holds holds;
};

/* The columns of one table; does not change. */
struct reel_columns {
	const struct reel_type *type; /* NULL: of `event` */
	unsigned n;
	struct reel_column *list;
	char *names;
};

/* TYPE is one of reel_types[], or NULL for `event`. -ENOMEM only. */
int reel_columns_new(const struct reel_type *type, struct reel_columns **ret, struct reel_err *err);
void reel_columns_free(struct reel_columns *c);

/* Whether a column says what a model of the machine knows of the event's process. */
static inline bool reel_column_is_context(enum reel_column_id id)
{
	return id >= REEL_COLUMN_PPID && id <= REEL_COLUMN_UID;
}

/* In a declaration, "INTEGER" or "TEXT"; of a STRICT table "ANY" where a blob may come. */
const char *reel_column_affinity(const struct reel_column *c);
const char *reel_column_strict_type(const struct reel_column *c);

enum reel_value_kind { REEL_VALUE_NULL, REEL_VALUE_INTEGER, REEL_VALUE_TEXT, REEL_VALUE_BLOB };

/* A text has no NUL behind it. */
struct reel_value {
	enum reel_value_kind kind;
	uint32_t length;
	int64_t integer;
	const void *bytes;
};

/*
 * Makes the values of one event after the other. Nothing is allocated a row, once it has seen the
 * longest values. One for each thread; the columns must live as long, and so must the schemas of
 * all events that it is given.
 */
struct reel_row;

int reel_row_new(const struct reel_columns *c, struct reel_row **ret, struct reel_err *err);
void reel_row_free(struct reel_row *r);

/*
 * The event whose values are wanted next; EV itself must stay until they have been made, and its
 * block as long as they are used. REALTIME_NS 0: nobody knows. BESIDE is what replay/context.h
 * tells of it, by the names ppid, comm, exe, uid; it may be NULL.
 */
void reel_row_begin(struct reel_row *r, const struct reel_event *ev, int64_t realtime_ns,
		    const struct reel_render_value *beside, unsigned n_beside);

/* Valid until the next reel_row_begin. -ENOMEM only. Columns are asked for in any order, or not. */
int reel_row_value(struct reel_row *r, unsigned column, struct reel_value *ret);

/* The path field that column `path` shows; NULL: the type has none. */
const struct reel_field *reel_type_path(const struct reel_type *t);

#endif
