/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose events are, for each boot of each capture. */
#include "format/reader.h"
#include "replay/context.h"
#include "tests/unit/model.h"

static struct reel_segment segments[3];
static struct reel_render_value values[CONTEXT_VALUES_MAX];
static unsigned n_values;

static const struct reel_render_value *value(const char *name)
{
	for (unsigned i = 0; i < n_values; i++)
		if (strcmp(values[i].name, name) == 0)
			return &values[i];
	return NULL;
}

static long long number(const char *name)
{
	const struct reel_render_value *v = value(name);

	return v && !v->is_string ? (long long)v->number : -1;
}

static bool is_text(const char *name, const char *want)
{
	const struct reel_render_value *v = value(name);

	return v && v->is_string && v->string.length == strlen(want) &&
	       memcmp(v->string.bytes, want, v->string.length) == 0;
}

static void give(struct context *c, unsigned segment)
{
	t_view();
	t_m.ev.segment = &segments[segment];
	t_m.ev.type = segments[segment].schema->types[t_m.record.header.type];
	CHECK_EQ(context_event(c, &t_m.ev, values, &n_values, NULL), 0);
}

static void give_process(struct context *c, unsigned segment, uint32_t pid, uint32_t ppid)
{
	t_make_process(pid, ppid)->uid = 33;
	t_strings("sh", "/bin/sh", NULL);
	give(c, segment);
}

TEST(each_boot_has_its_processes)
{
	struct reel_schema *schema;
	struct ev_exec *x;
	struct ev_lost *l;
	struct context *c;

	REQUIRE(reel_schema_built_in(&schema, NULL) == 0);
	REQUIRE(context_new(&c, NULL) == 0);
	for (unsigned i = 0; i < 3; i++) {
		segments[i].schema = schema;
		segments[i].source = i % 2;
		segments[i].meta.boot[0] = (uint8_t)i;
	}
	give_process(c, 0, 10, 4);
	CHECK_EQ(number("ppid"), 4);
	CHECK_EQ(number("uid"), 33);
	CHECK(is_text("exe", "/bin/sh") && is_text("comm", "sh"));
	t_make(EV_open, 10);
	give(c, 0);
	CHECK_EQ(n_values, 4);
	/* Another machine has another 10. */
	t_make(EV_open, 10);
	give(c, 1);
	CHECK_EQ(n_values, 0);
	x = t_make(EV_exec, 10);
	x->uid = 5;
	t_strings("ls", "/bin/ls", "", "/bin/ls", NULL);
	give(c, 1);
	CHECK_EQ(n_values, 3);
	CHECK(!value("ppid") && is_text("exe", "/bin/ls"));
	CHECK_EQ(number("uid"), 5);
	/* A loss of processes, up to which nothing is certain. */
	l = t_make(EV_lost, 0);
	l->last = t_m.now;
	l->lost_class = EV_CLASS_process;
	give(c, 0);
	t_make(EV_open, 10);
	give(c, 0);
	CHECK_EQ(n_values, 0);
	t_make(EV_open, 10);
	give(c, 1);
	CHECK_EQ(n_values, 3);
	give_process(c, 0, 10, 4);
	t_make(EV_open, 10);
	give(c, 0);
	CHECK_EQ(n_values, 4);
	/* The next boot of the first one. */
	t_make(EV_open, 10);
	give(c, 2);
	CHECK_EQ(n_values, 0);
	context_free(c);
	reel_schema_free(schema);
}

TEST(what_has_to_be_read)
{
	bool types[EV_MAX_TYPES] = { 0 };

	context_types(types);
	CHECK(types[EV_fork] && types[EV_process] && types[EV_setuid] && types[EV_keyframe]);
	CHECK(types[EV_lost] && !types[EV_open] && !types[EV_clock]);
}
