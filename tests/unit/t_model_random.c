/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anything may stand on a tape. Random events of all types with few pids and any values, so that
 * all that can meet does; what must hold is looked at in between. Under the sanitizers this is
 * where wrong references show.
 */
#include "format/tape.h"
#include "tests/unit/model.h"

enum { EVENTS = 60000, PIDS = 40, ANCESTORS_SEEN = 100000 };

static uint64_t rand_state;

static uint64_t rand_next(void)
{
	rand_state ^= rand_state << 13;
	rand_state ^= rand_state >> 7;
	rand_state ^= rand_state << 17;
	return rand_state;
}

static uint64_t rand_below(uint64_t n)
{
	return rand_next() % n;
}

static const char *const texts[] = {
	"",
	"/",
	"/bin/sh",
	"socket:[3]",
	"pipe:[4]",
	"x",
	"root",
	"/docker/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"/docker/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
};

static uint64_t rand_number(void)
{
	switch (rand_below(8)) {
	case 0:
		return rand_next();
	case 1:
		return UINT64_MAX;
	case 2:
		return rand_below(300000000);
	default:
		return rand_below(PIDS);
	}
}

static void fill_fields(const struct reel_type *type, uint8_t *fixed)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		const struct reel_field *f = &type->fields[i];
		uint64_t n[2] = { rand_number(), rand_below(2) };

		if (!reel_field_is_string(f))
			memcpy(fixed + f->offset, n, reel_kind_width(f->kind));
	}
	for (unsigned i = 0; i < type->n_strings; i++) {
		const char *s = texts[rand_below(sizeof(texts) / sizeof(*texts))];

		if (rand_below(50))
			reel_record_string(&t_m.record, s, strlen(s));
		else
			reel_record_cut_string(&t_m.record, s, strlen(s), EV_UNKNOWN_LENGTH);
	}
}

static const struct reel_type *rand_type(void)
{
	static const uint8_t often[] = { EV_fork,     EV_fork,	 EV_fork,	 EV_exit,
					 EV_exit,     EV_exec,	 EV_setsid,	 EV_process,
					 EV_process,  EV_cgroup, EV_cgroup_move, EV_container,
					 EV_keyframe, EV_fd,	 EV_open,	 EV_socket };
	unsigned n = 0;

	if (rand_below(4))
		return reel_type_by_id(often[rand_below(sizeof(often))]);
	while (reel_types[n].name)
		n++;
	return &reel_types[rand_below(n)];
}

static void rand_event(void)
{
	const struct reel_type *type = rand_type();
	uint8_t *fixed;

	t_m.flags = rand_below(8) ? 0 : (uint8_t)rand_next() & ~(EV_TRUNCATED | EV_WIDE_RET);
	t_m.ret = rand_below(4) ? 0 : (int64_t)rand_number();
	t_m.tid = (uint32_t)rand_below(PIDS);
	if (!rand_below(100))
		t_m.now = rand_number();
	fixed = t_make(type->id, (uint32_t)rand_below(PIDS));
	fill_fields(type, fixed);
}

/* Lists, counts and chains of the model. */
static void check_whole(const struct model *m)
{
	const struct model_process *p, *a;
	uint64_t n = 0, steps = 0;

	for (p = m->oldest; p; p = p->newer, n++) {
		CHECK(!p->is_dead && p->refs >= 1 && p->family && p->serial);
		CHECK(model_lookup(m, p->pid) == (const struct node *)p);
		CHECK(p->newer ? p->newer->older == p : m->newest == p);
		for (a = p->parent; a && steps < ANCESTORS_SEEN; a = a->parent, steps++)
			CHECK(a->refs >= 1);
		if (p->container)
			CHECK(p->container->members >= 1);
	}
	CHECK_EQ(n, m->n_living);
	CHECK(steps < ANCESTORS_SEEN);
	CHECK(m->n_families <= n);
}

static void check_seed(uint64_t seed)
{
	struct model_process *held[8] = { 0 }, *p;
	struct model_change more;
	uint64_t said_process = 0;

	rand_state = seed * 0x9e3779b97f4a7c15 + 1;
	t_begin();
	t_m.m->processes_max = 30;
	t_m.m->files.max = 1500;
	for (unsigned i = 0; i < EVENTS; i++) {
		rand_event();
		(void)t_tell();
		said_process += t_m.change.ended_process != 0;
		if (t_m.change.process)
			CHECK(t_m.change.process->refs > 0);
		if (rand_below(2) && model_names(t_m.m, &t_m.ev, NULL) < 0)
			T_FAIL("model_names failed");
		while (rand_below(4) && model_more(t_m.m, &more))
			said_process += more.ended_process != 0;
		p = model_find(t_m.m, (uint32_t)rand_below(PIDS));
		if (p && !rand_below(10)) {
			struct model_process **at = &held[rand_below(8)];

			model_ref(p);
			if (*at)
				model_unref(t_m.m, *at);
			*at = p;
		}
		if (!rand_below(500))
			model_lost(t_m.m, (uint8_t)rand_next(), rand_number());
		if (p)
			(void)model_is_certain(t_m.m, p);
		(void)model_file(t_m.m, (uint32_t)rand_below(PIDS), rand_number());
		if (i % 100 == 0)
			check_whole(t_m.m);
	}
	CHECK(said_process > 100);
	CHECK(t_stats().evicted > 0);
	for (unsigned i = 0; i < 8; i++)
		if (held[i])
			model_unref(t_m.m, held[i]);
	t_end();
}

TEST(any_events)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		check_seed(seed);
}

/* A type of a capture that has other fields under the same number. */
TEST(types_that_are_not_our_own)
{
	static const struct reel_field fields[] = {
		{ "path", "", 6, REEL_U16 },
		{ "inode", "", 0, REEL_U32 },
		{ "dev", "", 4, REEL_U8 },
	};
	const struct reel_type alien = { .name = "fork",
					 .aliases = "",
					 .doc = "",
					 .fields = fields,
					 .fixed_bytes = 8,
					 .id = EV_fork,
					 .class_id = EV_CLASS_process,
					 .stream = TAPE_STATE,
					 .n_fields = 3 };
	uint64_t fixed = UINT64_MAX;
	struct reel_event ev = { .pid = 5,
				 .tid = 5,
				 .type = &alien,
				 .fixed = (const uint8_t *)&fixed };
	struct model_change change;

	t_begin();
	CHECK_EQ(model_event(t_m.m, &ev, &change, NULL), 0);
	CHECK(!change.child);
	CHECK_EQ(t_stats().processes, 1);
	CHECK_EQ(t_stats().files, 0);
	t_end();
}
