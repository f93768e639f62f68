/* SPDX-License-Identifier: BSD-2-Clause */
/* Columns of events in SQL: their names, and values that stay where they are. */
#include <stdlib.h>
#include <strings.h>

#include "format/columns.h"
#include "format/reader.h"
#include "tests/unit/harness.h"

TEST(names_are_told_apart_as_sql_does)
{
	struct reel_err err;

	for (const struct reel_type *t = reel_types;; t++) {
		struct reel_columns *c;

		REQUIRE(reel_columns_new(t->name ? t : NULL, &c, &err) == 0);
		for (unsigned i = 0; i < c->n; i++) {
			CHECK(strcasecmp(c->list[i].name, "capture") != 0);
			CHECK(c->list[i].doc);
			for (unsigned k = 0; k < i; k++)
				if (strcasecmp(c->list[i].name, c->list[k].name) == 0)
					T_FAIL("%s: %s twice", t->name ? t->name : "event",
					       c->list[i].name);
		}
		reel_columns_free(c);
		if (!t->name)
			break;
	}
}

static int find(const struct reel_columns *c, const char *name)
{
	for (unsigned i = 0; i < c->n; i++)
		if (strcmp(c->list[i].name, name) == 0)
			return (int)i;
	return -1;
}

TEST(a_field_with_a_common_name_has_its_type_before_it)
{
	struct reel_columns *c;
	struct reel_err err;
	int flags;

	REQUIRE(reel_columns_new(reel_type_by_id(EV_open), &c, &err) == 0);
	flags = find(c, "open_flags");
	REQUIRE(flags >= 0);
	CHECK_EQ(c->list[flags].id, REEL_COLUMN_FIELD);
	CHECK_STR(reel_column_affinity(&c->list[flags]), "INTEGER");
	CHECK_EQ(c->list[find(c, "flags")].id, REEL_COLUMN_FLAGS);
	CHECK_EQ(c->list[find(c, "open_flags_name")].id, REEL_COLUMN_FIELD_NAME);
	CHECK_EQ(find(c, "fields"), -1);
	CHECK_EQ(c->list[find(c, "path")].id, REEL_COLUMN_FIELD);
	CHECK_STR(reel_column_strict_type(&c->list[find(c, "path")]), "ANY");
	CHECK_EQ(find(c, "inode_name"), -1);
	reel_columns_free(c);
}

enum { STRING = 60000 };

/* An execution with as long arguments as there can be. */
struct sample {
	uint8_t bytes[3 * STRING];
	uint32_t at[4];
	struct reel_string_table strings;
	struct reel_segment segment;
	struct ev_exec fixed;
	struct reel_event ev;
};

static struct sample *sample_new(void)
{
	struct sample *s = calloc(1, sizeof(*s));

	memset(s->bytes, 1, STRING);		 /* a byte that JSON has to escape */
	memset(s->bytes + STRING, 0xff, STRING); /* none of UTF-8 */
	memset(s->bytes + 2 * STRING, 'a', STRING);
	for (uint32_t i = 0; i < 4; i++)
		s->at[i] = i * STRING;
	s->strings = (struct reel_string_table){ 3, 0, s->at, s->bytes, NULL };
	snprintf(s->segment.meta.host, sizeof(s->segment.meta.host), "host");
	s->fixed.argv = 1;
	s->fixed.argv_arg = 2;
	s->fixed.env = 2;
	s->fixed.exe = 2;
	s->fixed.path = 3;
	s->fixed.euid = 0xffffffff;
	s->fixed.cap_effective = UINT64_MAX;
	s->fixed.memfd = 7;
	s->ev = (struct reel_event){
		.ts = UINT64_MAX - 1,
		.ret = -2,
		.call = EV_CALL(EV_ABI_NATIVE, 59),
		.flags = EV_FAULT | EV_PARTIAL,
		.type = reel_type_by_id(EV_exec),
		.fixed = (const uint8_t *)&s->fixed,
		.strings = &s->strings,
		.segment = &s->segment,
	};
	return s;
}

static bool is_text(const struct reel_value *v, const char *text)
{
	return v->kind == REEL_VALUE_TEXT && v->length == strlen(text) &&
	       memcmp(v->bytes, text, v->length) == 0;
}

TEST(values_stay_where_they_are)
{
	struct sample *s = sample_new();
	struct reel_columns *c;
	struct reel_row *row;
	struct reel_err err;
	struct reel_value *values, again;

	REQUIRE(reel_columns_new(s->ev.type, &c, &err) == 0);
	REQUIRE(reel_row_new(c, &row, &err) == 0);
	values = calloc(c->n, sizeof(*values));
	for (unsigned times = 0; times < 3; times++) {
		reel_row_begin(row, &s->ev, 1700000000000000000, NULL, 0);
		for (unsigned i = 0; i < c->n; i++)
			CHECK_EQ(reel_row_value(row, i, &values[i]), 0);
		for (unsigned i = 0; i < c->n; i++) {
			CHECK_EQ(reel_row_value(row, i, &again), 0);
			CHECK_EQ(again.kind, values[i].kind);
			CHECK_EQ(again.length, values[i].length);
			if (again.kind >= REEL_VALUE_TEXT)
				CHECK(memcmp(again.bytes, values[i].bytes, again.length) == 0);
		}
	}
	CHECK(is_text(&values[find(c, "id")], "00000000-0-0"));
	CHECK(is_text(&values[find(c, "errno")], "ENOENT"));
	CHECK(is_text(&values[find(c, "syscall")], "execve"));
	CHECK(is_text(&values[find(c, "flags")], "fault partial"));
	CHECK(is_text(&values[find(c, "time")], "2023-11-14T22:13:20.000000000Z"));
	CHECK_EQ(values[find(c, "argv")].length, 6 * STRING + 4);
	CHECK_EQ(values[find(c, "exec_exe")].kind, REEL_VALUE_BLOB);
	CHECK_EQ(values[find(c, "path")].kind, REEL_VALUE_TEXT);
	CHECK_EQ(values[find(c, "path_arg")].kind, REEL_VALUE_NULL);
	CHECK_EQ(values[find(c, "exe")].kind, REEL_VALUE_NULL);
	CHECK_EQ(values[find(c, "euid")].integer, 0xffffffff);
	CHECK_EQ(values[find(c, "cap_effective")].integer, -1);
	CHECK_EQ(values[find(c, "memfd")].integer, 1);
	free(values);
	reel_row_free(row);
	reel_columns_free(c);
	free(s);
}

TEST(all_fields_are_json)
{
	struct sample *s = sample_new();
	struct reel_columns *c;
	struct reel_value v;
	struct reel_row *row;
	struct reel_err err;
	const char *text;

	REQUIRE(reel_columns_new(NULL, &c, &err) == 0);
	REQUIRE(reel_row_new(c, &row, &err) == 0);
	reel_row_begin(row, &s->ev, 0, NULL, 0);
	CHECK_EQ(reel_row_value(row, (unsigned)find(c, "fields"), &v), 0);
	CHECK_EQ(v.kind, REEL_VALUE_TEXT);
	text = v.bytes;
	CHECK(memcmp(text, "{\"inode\":0,", 11) == 0);
	CHECK_EQ(text[v.length - 1], '}');
	CHECK_EQ(reel_row_value(row, (unsigned)find(c, "time"), &v), 0);
	CHECK_EQ(v.kind, REEL_VALUE_NULL);
	CHECK_EQ(reel_row_value(row, (unsigned)find(c, "time_ns"), &v), 0);
	CHECK_EQ(v.kind, REEL_VALUE_NULL);
	reel_row_free(row);
	reel_columns_free(c);
	free(s);
}
