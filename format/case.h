/* SPDX-License-Identifier: BSD-2-Clause */
/* A case, as far as its tables go: structs that rows are written from, and statements. */
#ifndef REEL_FORMAT_CASE_H
#define REEL_FORMAT_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/case_tables.h"

enum {
	CASE_APPLICATION_ID = 0x5265656c, /* "Reel" */
	CASE_VERSION = 2,		  /* PRAGMA user_version; another one is refused */
};

#define CASE_NONE INT64_MIN

enum case_kind { CASE_KEY, CASE_NUM, CASE_TEXT, CASE_BYTES, CASE_REAL };

/* Of a column that is NULL: {0}. What it points to has to live until the row is written. */
struct case_text {
	const void *bytes;
	size_t length;
};

struct case_column {
	const char *name;
	const char *constraint;
	const char *doc;
	uint16_t offset; /* in its struct row_TABLE */
	uint8_t kind;	 /* enum case_kind */
};

struct case_table {
	const char *name;
	const char *constraint;
	const char *doc;
	const struct case_column *columns;
	uint16_t n_columns;
	uint16_t row_bytes;
};

struct case_index {
	const char *table, *columns;
};

/* Beside TABLE_iso, which each table with times has. */
struct case_view {
	const char *name;
	const char *doc;
	const char *sql; /* a SELECT */
};

enum case_table_id {
#define T(name, constraint, doc) CASE_##name,
	CASE_TABLES(T)
#undef T
		CASE_N_TABLES
};

#define CASE_MEMBER_key(name) int64_t name;
#define CASE_MEMBER_num(name) int64_t name;
#define CASE_MEMBER_text(name) struct case_text name;
#define CASE_MEMBER_bytes(name) struct case_text name;
#define CASE_MEMBER_real(name) double name;
#define CASE_MEMBER(R, kind, name, constraint, doc) CASE_MEMBER_##kind(name)
#define T(name, constraint, doc)                  \
	struct row_##name {                       \
		COLUMNS_##name(CASE_MEMBER, name) \
	};
CASE_TABLES(T)
#undef T
#undef CASE_MEMBER

/* By their ids; and a last one without a name. */
extern const struct case_table case_tables[];
extern const struct case_index case_indexes[];
extern const struct case_view case_views[];

const struct case_table *case_table_by_name(const char *name);

/* "INTEGER PRIMARY KEY", "ANY" ... */
const char *case_column_type(const struct case_column *c);
/* The table that it has keys of. */
bool case_column_refers(const struct case_column *c, char *ret, size_t size);
/* Whether there is a view TABLE_iso. */
bool case_has_iso(const struct case_table *t);

/* All columns NULL. */
void case_clear(enum case_table_id table, void *row);

struct reel_out;

/* The statements that make the tables, and those that make what is made when they are filled:
 * indexes and views. */
void case_put_tables(struct reel_out *o);
void case_put_indexes(struct reel_out *o);
void case_put_views(struct reel_out *o);

/* All of it for people, as an object a table and view, and as a page: what SCHEMA.md is made of. */
void case_list_text(struct reel_out *o);
void case_list_json(struct reel_out *o);
void case_list_markdown(struct reel_out *o);

#endif
