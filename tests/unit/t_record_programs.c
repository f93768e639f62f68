/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel programs against the table of types: each type has one, each handler a type. */
#include <stdlib.h>

#include "bpf/events.h"
#include "format/types.h"
#include "record/calls.h"
#include "tests/unit/harness.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wshadow"
#include "reel.skel.h"
#include "reel_old.skel.h"
#pragma GCC diagnostic pop

/* What is seen where no call ends. */
static const struct {
	unsigned type;
	const char *program;
} apart[] = {
	{ EV_fork, "task_newtask" },
	{ EV_thread, "task_newtask" },
	{ EV_exec, "sched_process_exec" },
	{ EV_exit, "sched_process_exit" },
	{ EV_cgroup_move, "cgroup_attach_task" },
	{ EV_flow, "inet_sock_set_state" },
	{ EV_signal, "signal_deliver" },
	{ EV_tls, "user_enter" },
	{ EV_tls_setup, "user_enter" },
	{ EV_line, "user_enter" },
	{ EV_process, "keyframe_task" },
	{ EV_task, "keyframe_task" },
	{ EV_inflight, "keyframe_task" },
	{ EV_fd, "keyframe_file" },
	{ EV_map, "keyframe_map" },
};

/* What only the recorder itself makes, and not the kernel. */
static bool made_by_programs(const struct reel_type *t)
{
	switch (t->id) {
	case EV_process:
	case EV_task:
	case EV_inflight:
	case EV_fd:
	case EV_map:
		return true;
	}
	return t->class_id != EV_CLASS_state && t->class_id != EV_CLASS_tape;
}

static bool listed(const char *types, const struct reel_type *t)
{
	const struct reel_type *at;

	while (types && (at = call_types_next(&types)))
		if (at == t)
			return true;
	return false;
}

/* May this handler tell of this type? */
static bool tells(const char *handler, const struct reel_type *t)
{
	const struct call_mixed *m = call_mixed_of(handler);

	return strcmp(handler + 3, t->name) == 0 || listed(call_family(handler), t) ||
	       (m && listed(m->types, t));
}

static bool has_program(const struct bpf_object *object, const struct reel_type *t)
{
	struct bpf_program *p;

	for (size_t i = 0; i < sizeof(apart) / sizeof(*apart); i++)
		if (apart[i].type == t->id)
			return bpf_object__find_program_by_name(object, apart[i].program) != NULL;
	for (p = bpf_object__next_program(object, NULL); p; p = bpf_object__next_program(object, p))
		if (strncmp(bpf_program__name(p), "on_", 3) == 0 && tells(bpf_program__name(p), t))
			return true;
	return false;
}

TEST(every_type_has_a_program)
{
	struct reel_bpf *s = reel_bpf__open();
	unsigned n = 0;

	REQUIRE(s != NULL);
	for (unsigned id = 1; id < EV_MAX_TYPES; id++) {
		const struct reel_type *t = reel_type_by_id(id);

		if (!t || !made_by_programs(t))
			continue;
		n++;
		if (!has_program(s->obj, t))
			T_FAIL("nothing tells of %s", t->name);
	}
	CHECK(n > 80);
	reel_bpf__destroy(s);
}

TEST(every_handler_has_a_type)
{
	struct reel_bpf *s = reel_bpf__open();
	struct bpf_program *p;
	unsigned n = 0;

	REQUIRE(s != NULL);
	for (p = bpf_object__next_program(s->obj, NULL); p;
	     p = bpf_object__next_program(s->obj, p)) {
		const char *name = bpf_program__name(p);
		bool found = false;

		if (strncmp(name, "on_", 3) != 0)
			continue;
		n++;
		for (unsigned id = 1; id < EV_MAX_TYPES && !found; id++) {
			const struct reel_type *t = reel_type_by_id(id);

			found = t && tells(name, t);
		}
		if (!found)
			T_FAIL("%s is called for nothing", name);
	}
	CHECK(n > 10);
	reel_bpf__destroy(s);
}

/* Calls that are named in the tables have the programs that the tables name. */
TEST(every_mixed_call_has_its_program)
{
	struct reel_bpf *s = reel_bpf__open();

	REQUIRE(s != NULL);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		const char *name = call_name(slot);
		const struct call_mixed *m = name ? call_mixed(name) : NULL;

		if (m && !bpf_object__find_program_by_name(s->obj, m->program))
			T_FAIL("%s: there is no program %s", name, m->program);
	}
	reel_bpf__destroy(s);
}

/* The recorder opens either by the names of the first. */
TEST(both_objects_have_the_same_programs_and_maps)
{
	struct reel_bpf *s = reel_bpf__open();
	struct reel_old_bpf *old = reel_old_bpf__open();
	struct bpf_program *p, *q;
	unsigned n = 0;

	REQUIRE(s != NULL && old != NULL);
	q = bpf_object__next_program(old->obj, NULL);
	for (p = bpf_object__next_program(s->obj, NULL); p && q;
	     p = bpf_object__next_program(s->obj, p)) {
		CHECK_STR(bpf_program__name(p), bpf_program__name(q));
		q = bpf_object__next_program(old->obj, q);
		n++;
	}
	CHECK(n > 50 && !p && !q);
	CHECK_EQ(s->skeleton->map_cnt, old->skeleton->map_cnt);
	for (int i = 0; i < s->skeleton->map_cnt && i < old->skeleton->map_cnt; i++)
		if (strchr(s->skeleton->maps[i].name, '.') == NULL)
			CHECK_STR(s->skeleton->maps[i].name, old->skeleton->maps[i].name);
	CHECK(sizeof(*s->rodata) == sizeof(*old->rodata));
	CHECK(sizeof(*s->bss) == sizeof(*old->bss));
	reel_old_bpf__destroy(old);
	reel_bpf__destroy(s);
}
