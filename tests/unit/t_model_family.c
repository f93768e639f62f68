/* SPDX-License-Identifier: BSD-2-Clause */
/* Families and containers: who belongs to whom, and when they end. */
#include "tests/unit/model.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static uint64_t family(uint32_t pid)
{
	const struct model_process *p = t_find(pid);

	return p ? p->family : 0;
}

static struct model_change move_to(uint32_t pid, uint64_t cgroup, const char *path)
{
	struct ev_cgroup_move *e = t_make(EV_cgroup_move, 1);

	e->cgroup = cgroup;
	e->target = pid;
	t_strings(path, NULL);
	return t_tell();
}

static struct model_change process_in(uint32_t pid, uint32_t ppid, uint64_t cgroup)
{
	t_make_process(pid, ppid)->cgroup = cgroup;
	return t_tell();
}

static struct model_change container_says(uint64_t cgroup, const char *id, const char *name)
{
	struct ev_container *e = t_make(EV_container, 0);

	e->cgroup = cgroup;
	e->runtime = 1;
	t_strings(id, name, "image:1", NULL);
	return t_tell();
}

TEST(children_of_the_first_process_found)
{
	t_begin();
	t_process(1, 0);
	t_fork(1, 10);
	t_fork(1, 20);
	t_fork(10, 11);
	t_fork(11, 12);
	CHECK(family(1) && family(10) && family(20));
	CHECK(family(1) != family(10) && family(10) != family(20));
	CHECK_EQ(family(11), family(10));
	/* Whoever takes care of 12 then, it stays where it is. */
	t_exit(11);
	t_exit(10);
	CHECK_EQ(t_m.change.ended_family, 0);
	CHECK(family(12) != 0);
	CHECK(t_find(12)->has_family);
	t_exit(12);
	CHECK(t_m.change.ended_family != 0);
	CHECK_EQ(t_stats().families, 2);
	t_end();
}

TEST(setsid_founds)
{
	uint64_t old;

	t_begin();
	t_process(1, 0);
	t_fork(1, 10);
	t_fork(10, 11);
	old = family(10);
	t_event(EV_setsid, 11);
	CHECK_EQ(t_m.change.family_from, old);
	CHECK_EQ(t_m.change.family_to, family(11));
	CHECK_EQ(t_m.change.ended_family, 0);
	CHECK(family(11) != old);
	CHECK_EQ(t_find(11)->sid, 11);
	/* The last of the old one goes by setsid too. */
	t_event(EV_setsid, 10);
	CHECK_EQ(t_m.change.family_from, old);
	CHECK_EQ(t_m.change.ended_family, old);
	/* And again, which the kernel would not allow, but is reported. */
	old = family(10);
	t_event(EV_setsid, 10);
	CHECK_EQ(t_m.change.family_from, old);
	CHECK(t_m.change.family_to != old);
	t_end();
}

TEST(families_of_a_keyframe)
{
	struct model_change more;
	unsigned joined = 0;

	t_begin();
	t_edge(0, false);
	/* Children before their parents. */
	t_process(30, 20);
	t_process(20, 10);
	t_process(21, 10);
	t_make_process(22, 10)->sid = 22;
	t_tell();
	t_fork(30, 31);
	t_process(10, 1);
	t_process(11, 1);
	t_process(1, 0);
	CHECK(!t_find(30)->has_family);
	t_edge(1, true);
	joined += t_m.change.family_to && t_m.change.ended_family == t_m.change.family_from;
	while (model_more(t_m.m, &more))
		joined += more.family_to && more.ended_family == more.family_from;
	CHECK_EQ(joined, 3);
	CHECK_EQ(family(20), family(10));
	CHECK_EQ(family(21), family(10));
	CHECK_EQ(family(30), family(10));
	CHECK_EQ(family(31), family(10));
	CHECK(t_find(30)->has_family && t_find(31)->has_family);
	CHECK(family(22) != family(10) && family(11) != family(10));
	CHECK(t_find(30)->parent == t_find(20) && t_find(20)->parent == t_find(10));
	CHECK(t_find(10)->parent == t_find(1));
	CHECK_EQ(t_stats().families, 4);
	t_exit(10);
	t_exit(20);
	t_exit(21);
	t_exit(30);
	CHECK_EQ(t_m.change.ended_family, 0);
	t_exit(31);
	CHECK(t_m.change.ended_family != 0);
	t_end();
}

/* Outside of a keyframe the next event puts things in order. */
TEST(records_without_a_keyframe)
{
	t_begin();
	t_process(30, 20);
	t_process(20, 10);
	t_process(10, 1);
	CHECK_EQ(family(30), family(10));
	CHECK(t_find(30)->parent == t_find(20));
	CHECK(t_find(30)->has_family);
	t_end();
}

/* What was done before the keyframe told of it. */
TEST(guesses_join_their_family)
{
	uint64_t guessed;
	struct model_process *p;

	t_begin();
	t_edge(0, false);
	t_event(EV_open, 20);
	t_fork(20, 21);
	guessed = family(20);
	CHECK_EQ(family(21), guessed);
	t_process(10, 1);
	t_process(20, 10);
	t_edge(1, false);
	CHECK_EQ(t_m.change.family_from, guessed);
	CHECK_EQ(t_m.change.ended_family, guessed);
	CHECK_EQ(t_m.change.family_to, family(10));
	p = t_find(20);
	CHECK_EQ(p->family, family(10));
	CHECK_EQ(p->known_by, MODEL_KEYFRAME);
	CHECK(p->has_family && model_is_certain(t_m.m, p));
	CHECK_EQ(family(21), family(10));
	CHECK(t_find(21)->has_family);
	/* A session leader's guess was right. */
	t_event(EV_open, 40);
	guessed = family(40);
	t_make_process(40, 10)->sid = 40;
	t_tell();
	CHECK_EQ(family(40), guessed);
	CHECK(t_find(40)->has_family);
	/* Nobody knows its parent. */
	t_process(50, 49);
	CHECK(!t_find(50)->has_family && !t_find(50)->parent);
	t_end();
}

TEST(what_is_not_in_a_whole_keyframe)
{
	struct model_change more;
	unsigned ended = 0;

	t_begin();
	t_process(1, 0);
	for (uint32_t pid = 10; pid < 15; pid++)
		t_fork(1, pid);
	t_edge(0, false);
	t_process(1, 0);
	t_fork(1, 20);
	t_edge(1, false);
	CHECK(t_find(10) && t_find(14));
	t_edge(0, false);
	t_process(1, 0);
	t_event(EV_chdir, 12);
	t_edge(1, true);
	ended += t_m.change.ended_process && t_m.change.ended_family;
	while (model_more(t_m.m, &more))
		ended += more.ended_process && more.ended_family;
	CHECK_EQ(ended, 5);
	CHECK(t_find(1) && t_find(12));
	CHECK(!t_find(10) && !t_find(11) && !t_find(14) && !t_find(20));
	/* An end without a beginning proves nothing. */
	t_edge(1, true);
	CHECK(t_find(12));
	t_end();
}

TEST(circles_of_parents)
{
	struct model_process *p;
	unsigned n = 0;

	t_begin();
	t_event(EV_open, 13);
	t_edge(0, false);
	t_process(10, 11);
	t_process(11, 12);
	t_process(12, 10);
	t_process(13, 13);
	t_fork(13, 14);
	t_process(14, 13);
	t_edge(1, true);
	for (p = t_find(10); p && n < 10; p = p->parent)
		n++;
	CHECK(n <= 3);
	CHECK(!t_find(13)->parent);
	/* Of a guess its own child becomes the parent. */
	t_event(EV_open, 20);
	t_fork(20, 21);
	p = t_find(21);
	t_make_process(20, 21)->parent_start = p->start_ns;
	t_tell();
	for (p = t_find(20), n = 0; p && n < 10; p = p->parent)
		n++;
	CHECK(n <= 2);
	t_end();
}

/*
 * Chains as long as this are none of a real machine; that it takes no time for each is what
 * counts.
 */
TEST(links_to_long_chains)
{
	t_begin();
	t_event(EV_open, 5);
	t_fork(5, 10);
	for (uint32_t i = 10; i < 30000; i++)
		t_fork(i, i + 1);
	for (uint32_t i = 40000; i < 60000; i++) {
		t_event(EV_open, i);
		t_make_process(i, 30000)->parent_start = t_find(30000)->start_ns;
		t_tell();
	}
	CHECK_EQ(t_stats().processes, 29992 + 20000);
	t_end();
}

/* Containers ---------------------------------------------------------------------------------- */

TEST(the_first_process_of_a_container_founds)
{
	const struct model_container *c;
	uint64_t host, serial, first;

	t_begin();
	t_process(1, 0);
	t_fork(1, 10);
	t_fork(10, 11);
	t_fork(10, 12);
	host = family(10);
	CHECK(!t_find(11)->container && t_find(11)->has_container);
	t_cgroup(7, 0, "/system.slice/docker-" ID_A ".scope");
	move_to(11, 7, "/system.slice/docker-" ID_A ".scope");
	c = t_find(11)->container;
	REQUIRE(c);
	CHECK_STR(t_text(c->id), ID_A);
	CHECK_EQ(c->runtime, 1);
	CHECK_EQ(c->members, 1);
	CHECK_EQ(c->is_privileged, -1);
	CHECK(!c->name);
	CHECK_EQ(c->family, family(11));
	CHECK(family(11) != host);
	first = family(11);
	container_says(7, ID_A, "web");
	CHECK_STR(t_text(c->name), "web");
	CHECK_STR(t_text(c->image), "image:1");
	CHECK_EQ(c->is_privileged, 0);
	/* Who comes later keeps his family, and his children theirs. */
	move_to(12, 7, "/system.slice/docker-" ID_A ".scope");
	CHECK_EQ(family(12), host);
	t_fork(12, 13);
	CHECK_EQ(family(13), host);
	t_fork(11, 14);
	CHECK_EQ(family(14), first);
	CHECK_EQ(c->members, 4);
	serial = c->serial;
	t_exit(11);
	CHECK_EQ(t_m.change.ended_container, 0);
	t_exit(14);
	CHECK_EQ(t_m.change.ended_family, first);
	t_exit(12);
	move_to(13, 1, "/");
	CHECK_EQ(t_m.change.ended_container, serial);
	CHECK(!t_find(13)->container);
	/* Another life, another number. */
	move_to(13, 7, "/system.slice/docker-" ID_A ".scope");
	CHECK(t_find(13)->container == c);
	CHECK(c->serial != serial);
	CHECK(family(13) != host);
	t_end();
}

TEST(children_may_be_born_into_a_container)
{
	struct ev_fork *e;

	t_begin();
	t_process(1, 0);
	t_fork(1, 10);
	t_cgroup(7, 0, "/docker/" ID_A);
	for (uint32_t pid = 11; pid < 13; pid++) {
		e = t_make(EV_fork, 10);
		e->child = pid;
		e->cgroup = 7;
		t_tell();
	}
	REQUIRE(t_find(11)->container);
	CHECK(t_find(11)->container == t_find(12)->container);
	CHECK(family(11) != family(10));
	CHECK_EQ(family(12), family(10));
	CHECK_EQ(t_find(11)->container->family, family(11));
	t_end();
}

/* Paths of cgroups come behind the processes that are in them. */
TEST(containers_of_a_keyframe)
{
	const struct model_container *c;

	t_begin();
	t_edge(0, false);
	process_in(10, 1, 7);
	process_in(11, 10, 7);
	process_in(12, 10, 8);
	process_in(13, 10, 9);
	process_in(1, 0, 1);
	t_cgroup(1, 0, "/");
	t_cgroup(7, 3, "/");
	t_cgroup(7, 4, "/docker/" ID_A);
	t_cgroup(8, 4, "/strange/place");
	container_says(8, ID_B, "odd");
	CHECK(!t_find(11)->has_container);
	t_edge(1, true);
	c = t_find(10)->container;
	REQUIRE(c);
	CHECK_STR(t_text(c->id), ID_A);
	CHECK(t_find(11)->container == c);
	CHECK_EQ(c->members, 2);
	CHECK_EQ(c->family, family(10));
	REQUIRE(t_find(12)->container);
	CHECK_STR(t_text(t_find(12)->container->name), "odd");
	CHECK(!t_find(1)->container && t_find(1)->has_container);
	/* Nobody has said what 9 is. */
	CHECK(!t_find(13)->container && !t_find(13)->has_container);
	/* It is refreshed, and has moved meanwhile. */
	process_in(12, 10, 7);
	CHECK(t_find(12)->container == c);
	CHECK_EQ(c->members, 3);
	t_end();
}

TEST(moves_in_other_hierarchies)
{
	const struct model_container *c;
	struct ev_cgroup *e;

	t_begin();
	t_process(1, 0);
	t_fork(1, 10);
	t_cgroup(70, 4, "/docker/" ID_A);
	t_cgroup(71, 5, "/docker/" ID_A);
	t_cgroup(72, 5, "/");
	t_cgroup(73, 4, "/");
	move_to(10, 70, "/docker/" ID_A);
	c = t_find(10)->container;
	REQUIRE(c);
	move_to(10, 71, "/docker/" ID_A);
	CHECK(t_find(10)->container == c);
	CHECK_EQ(t_find(10)->cgroup, 70);
	move_to(10, 72, "/");
	CHECK(t_find(10)->container == c);
	move_to(10, 73, "/");
	CHECK(!t_find(10)->container);
	CHECK_EQ(t_find(10)->cgroup, 73);
	/* A container without processes and cgroups is forgotten. */
	CHECK_EQ(t_stats().containers, 1);
	for (uint32_t i = 0; i < 2; i++) {
		e = t_make(EV_cgroup, 0);
		e->cgroup = 70 + i;
		e->hierarchy = 4 + i;
		e->change = 2;
		t_tell();
	}
	CHECK_EQ(t_stats().containers, 0);
	t_end();
}

TEST(cgroups_are_bounded)
{
	t_begin();
	for (uint32_t i = 0; i < MODEL_CGROUPS_MAX + 1000; i++) {
		char path[100];

		snprintf(path, sizeof(path), "/docker/%064x", i);
		t_cgroup(i, 0, path);
	}
	CHECK_EQ(t_stats().containers, MODEL_CGROUPS_MAX);
	t_end();
}
