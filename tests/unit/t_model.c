/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes as a model of the machine has them. */
#include <linux/prctl.h>
#include <sched.h>
#include <time.h>

#include "tests/unit/model.h"

TEST(a_child_has_what_its_parent_has)
{
	struct model_process *p, *c;
	struct ev_process *e;

	t_begin();
	e = t_make_process(10, 1);
	e->uid = 5;
	e->cap_bounding = 9;
	e->net_ns = 77;
	e->sid = 10;
	e->pgid = 10;
	e->tty = 3;
	e->loginuid = 1000;
	e->no_new_privs = 1;
	t_strings("sh", "/bin/sh", "", "/home", NULL);
	t_tell();
	CHECK(t_m.change.process == t_find(10));
	t_fork(10, 11);
	c = t_m.change.child;
	p = t_find(10);
	REQUIRE(p && c && c == t_find(11));
	CHECK(t_m.change.process == p);
	CHECK(c->parent == p);
	CHECK_EQ(c->ppid, 10);
	CHECK_STR(t_text(c->exe), "/bin/sh");
	CHECK_STR(t_text(c->comm), "sh");
	CHECK_STR(t_text(c->cwd), "/home");
	CHECK_STR(t_text(c->root), "/");
	CHECK(c->exe == p->exe);
	CHECK_EQ(c->ids.uid, 5);
	CHECK_EQ(c->caps.bounding, 9);
	CHECK_EQ(c->spaces.net, 77);
	CHECK_EQ(c->sid, 10);
	CHECK_EQ(c->tty, 3);
	CHECK_EQ(c->loginuid, 1000);
	CHECK(c->no_new_privs && c->has_ids && c->has_caps && c->has_bounding && c->has_spaces);
	CHECK_EQ(c->family, p->family);
	CHECK_EQ(c->image, p->image);
	CHECK(c->serial != p->serial);
	CHECK_EQ(c->known_by, MODEL_FORK);
	CHECK(model_is_certain(t_m.m, c));
	CHECK_STR(t_text(model_host(t_m.m)), "box");
	t_end();
}

TEST(a_failed_call_changes_nothing)
{
	struct ev_setuid *u;
	struct model_process *p;

	t_begin();
	t_process(10, 1);
	t_m.ret = -2;
	t_exec(10, "/bin/no");
	p = t_find(10);
	CHECK_STR(t_text(p->exe), "/exe");
	t_m.ret = -11;
	t_fork(10, 12);
	CHECK(!t_find(12) && !t_m.change.child);
	t_m.flags = EV_BLOCKED;
	u = t_make(EV_setuid, 10);
	u->uid = 99;
	t_tell();
	CHECK_EQ(p->ids.uid, 0);
	t_m.ret = -1;
	t_event(EV_setsid, 10);
	CHECK_EQ(t_m.change.family_to, 0);
	t_m.ret = -1;
	t_make(EV_chdir, 10);
	t_strings("/tmp", NULL);
	t_tell();
	CHECK(!p->cwd);
	t_end();
}

TEST(exec_in_place)
{
	struct model_process *p;
	uint64_t image, serial, family;

	t_begin();
	t_process(10, 1);
	p = t_find(10);
	image = p->image;
	serial = p->serial;
	family = p->family;
	/* By a thread: the pid stays, and the thread has become the first one. */
	t_m.tid = 10;
	t_exec(10, "/bin/cat");
	CHECK(t_find(10) == p);
	CHECK_STR(t_text(p->exe), "/bin/cat");
	CHECK_STR(t_text(p->comm), "cat");
	CHECK_EQ(p->argv->length, 4);
	CHECK_MEM(p->argv->bytes, "a\0b", 4);
	CHECK(p->image != image);
	CHECK_EQ(p->serial, serial);
	CHECK_EQ(p->family, family);
	CHECK_EQ(p->exec_ns, t_m.now);
	CHECK_EQ(p->ids.fsuid, 7);
	CHECK_EQ(p->ids.gid, 8);
	CHECK_EQ(p->caps.effective, 3);
	t_end();
}

TEST(names_are_those_of_first_threads)
{
	struct ev_prctl *e;

	t_begin();
	t_process(10, 1);
	t_m.tid = 13;
	e = t_make(EV_prctl, 10);
	e->option = PR_SET_NAME;
	t_strings("worker", NULL);
	t_tell();
	CHECK_STR(t_text(t_find(10)->comm), "comm");
	e = t_make(EV_prctl, 10);
	e->option = PR_SET_NAME;
	t_strings("a-name-of-more-than-15", NULL);
	t_tell();
	CHECK_STR(t_text(t_find(10)->comm), "a-name-of-more-");
	t_end();
}

TEST(moves)
{
	struct model_process *p;
	struct ev_setpgid *g;

	t_begin();
	t_process(10, 1);
	p = t_find(10);
	t_make(EV_chdir, 10);
	t_strings("/srv", NULL);
	t_tell();
	CHECK_STR(t_text(p->cwd), "/srv");
	t_make(EV_chroot, 10);
	t_strings("/jail", NULL);
	t_tell();
	CHECK_STR(t_text(p->root), "/jail");
	t_make(EV_pivot_root, 10);
	t_strings(".", ".", NULL);
	t_tell();
	CHECK_STR(t_text(p->root), "/");
	t_fork(10, 11);
	g = t_make(EV_setpgid, 10);
	g->target = 11;
	t_tell();
	CHECK_EQ(t_find(11)->pgid, 11);
	g = t_make(EV_setpgid, 11);
	g->pgid = 10;
	t_tell();
	CHECK_EQ(t_find(11)->pgid, 10);
	t_event(EV_setpgid, 11);
	CHECK_EQ(t_find(11)->pgid, 11);
	t_end();
}

TEST(numbers_of_another_pid_namespace)
{
	struct ev_process *e;
	struct ev_setpgid *g;

	t_begin();
	e = t_make_process(10, 1);
	e->vpid = 1;
	t_tell();
	t_process(2, 1);
	g = t_make(EV_setpgid, 10);
	g->target = 2;
	g->pgid = 2;
	t_tell();
	CHECK_EQ(t_find(2)->pgid, 0);
	g = t_make(EV_setpgid, 10);
	g->pgid = 1;
	t_tell();
	CHECK_EQ(t_find(10)->pgid, 10);
	t_m.ret = 1;
	t_event(EV_setsid, 10);
	CHECK_EQ(t_find(10)->sid, 10);
	t_end();
}

TEST(rights)
{
	struct model_process *p;
	struct ev_process *k;
	struct ev_setuid *u;
	struct ev_setgid *g;
	struct ev_capset *c;
	struct ev_prctl *e;
	struct ev_unshare *n;

	t_begin();
	k = t_make_process(10, 1);
	k->cap_effective = k->cap_permitted = k->cap_bounding = 0xff;
	k->cap_ambient = 4;
	t_tell();
	p = t_find(10);
	e = t_make(EV_prctl, 10);
	e->option = PR_CAPBSET_DROP;
	e->arg2 = 3;
	t_tell();
	CHECK_EQ(p->caps.bounding, 0xf7);
	e = t_make(EV_prctl, 10);
	e->option = PR_CAPBSET_DROP;
	e->arg2 = 1ull << 40;
	t_tell();
	CHECK_EQ(p->caps.bounding, 0xf7);
	e = t_make(EV_prctl, 10);
	e->option = PR_CAP_AMBIENT;
	e->arg2 = PR_CAP_AMBIENT_RAISE;
	e->arg3 = 1;
	t_tell();
	CHECK_EQ(p->caps.ambient, 6);
	g = t_make(EV_setgid, 10);
	g->gid = g->egid = 50;
	t_tell();
	CHECK_EQ(p->ids.egid, 50);
	u = t_make(EV_setuid, 10);
	u->uid = u->suid = 0;
	u->euid = u->fsuid = 40;
	t_tell();
	CHECK_EQ(p->caps.effective, 0);
	CHECK_EQ(p->caps.permitted, 0xff);
	u = t_make(EV_setuid, 10);
	t_tell();
	CHECK_EQ(p->caps.effective, 0xff);
	c = t_make(EV_capset, 10);
	c->cap_effective = c->cap_permitted = 0x0f;
	c->cap_inheritable = 2;
	t_tell();
	CHECK_EQ(p->caps.permitted, 0x0f);
	CHECK_EQ(p->caps.ambient, 2);
	u = t_make(EV_setuid, 10);
	u->uid = u->euid = u->suid = u->fsuid = 40;
	t_tell();
	CHECK_EQ(p->caps.permitted | p->caps.effective | p->caps.ambient, 0);
	CHECK_EQ(p->ids.suid, 40);
	n = t_make(EV_unshare, 10);
	n->user_ns = 6;
	n->net_ns = 8;
	t_tell();
	CHECK_EQ(p->spaces.net, 8);
	CHECK_EQ(p->spaces.user, 6);
	t_m.tid = 14;
	n = t_make(EV_unshare, 10);
	n->net_ns = 9;
	t_tell();
	CHECK_EQ(p->spaces.net, 8);
	/* It was a thread, whose children are where it is. */
	t_m.tid = 14;
	t_fork(10, 20);
	CHECK_EQ(t_find(20)->spaces.net, 9);
	t_fork(10, 20);
	CHECK_EQ(t_find(20)->spaces.net, 8);
	e = t_make(EV_prctl, 10);
	e->option = PR_SET_NO_NEW_PRIVS;
	e->arg2 = 1;
	t_tell();
	e = t_make(EV_prctl, 10);
	e->option = PR_SET_SECCOMP;
	e->arg2 = 2;
	t_tell();
	CHECK(p->no_new_privs);
	CHECK_EQ(p->seccomp_mode, 2);
	t_fork(10, 11);
	t_m.ret = 17; /* with TSYNC: that thread stood in the way */
	((struct ev_seccomp *)t_make(EV_seccomp, 11))->flags = 1;
	t_tell();
	CHECK_EQ(t_find(11)->seccomp_mode, 2);
	t_event(EV_seccomp, 11);
	CHECK_EQ(t_find(11)->seccomp_mode, 1);
	t_end();
}

TEST(new_namespaces_of_a_child)
{
	struct ev_process *k;
	struct ev_fork *f;
	struct model_process *c;

	t_begin();
	k = t_make_process(10, 1);
	k->net_ns = k->mnt_ns = k->user_ns = k->uts_ns = k->pid_ns = 5;
	t_tell();
	f = t_make(EV_fork, 10);
	f->child = 11;
	f->vpid = 1;
	f->pid_ns = 6;
	f->clone_flags = CLONE_NEWNET | CLONE_NEWUSER | CLONE_NEWPID;
	t_tell();
	c = t_m.change.child;
	REQUIRE(c);
	CHECK_EQ(c->spaces.net, 0);
	CHECK_EQ(c->spaces.user, 0);
	CHECK_EQ(c->spaces.mnt, 5);
	CHECK_EQ(c->spaces.pid, 6);
	CHECK_EQ(c->vpid, 1);
	CHECK(c->caps.effective & 1);
	t_end();
}

TEST(pids_are_used_again)
{
	struct model_process *old, *new;
	uint64_t serial;

	t_begin();
	t_process(10, 1);
	t_fork(10, 11);
	old = t_find(11);
	serial = old->serial;
	model_ref(old);
	/* The exit of 11 was lost. */
	t_fork(10, 11);
	new = t_find(11);
	CHECK(new != old && old->is_dead);
	CHECK_EQ(t_m.change.ended_process, serial);
	serial = new->serial;
	/* A keyframe knows another 11, and no fork of it. */
	t_process(11, 10);
	CHECK_EQ(t_m.change.ended_process, serial);
	CHECK(t_find(11)->serial != serial);
	CHECK_EQ(t_find(11)->start_ns, 11000);
	model_unref(t_m.m, old);
	/* And of one that is there already nothing changes that stays. */
	serial = t_find(11)->serial;
	t_process(11, 1);
	CHECK_EQ(t_find(11)->serial, serial);
	CHECK_EQ(t_find(11)->ppid, 10);
	CHECK_EQ(t_m.change.ended_process, 0);
	t_end();
}

TEST(starts_of_proc_are_cut)
{
	CHECK(model_same_start(5, 5));
	CHECK(model_same_start(0, 5));
	CHECK(model_same_start(20000000, 29999999));
	CHECK(!model_same_start(20000000, 30000000));
	CHECK(!model_same_start(20000001, 29999999));
}

TEST(parents_stay)
{
	struct model_process *p, *q;

	t_begin();
	t_process(1, 0);
	t_fork(1, 10);
	t_exec(10, "/bin/a");
	t_fork(10, 11);
	t_fork(11, 12);
	t_exit(11);
	t_exit(10);
	CHECK(!t_find(10) && model_find(t_m.m, 10));
	p = t_find(12);
	REQUIRE(p && p->parent && p->parent->parent);
	CHECK_EQ(p->parent->pid, 11);
	CHECK(p->parent->is_dead);
	CHECK_EQ(p->parent->parent->pid, 10);
	CHECK_STR(t_text(p->parent->parent->exe), "/bin/a");
	CHECK_EQ(p->ppid, 11);
	/* A number that is used again is not the parent. */
	t_fork(1, 10);
	CHECK(p->parent->parent != t_find(10));
	q = p->parent->parent->parent;
	REQUIRE(q);
	CHECK_EQ(q->pid, 1);
	t_end();
}

TEST(events_behind_the_exit)
{
	struct model_process *p;

	t_begin();
	t_process(10, 1);
	t_exec(10, "/bin/a");
	p = t_find(10);
	t_exit(10);
	CHECK(t_m.change.process == p);
	CHECK_EQ(t_m.change.ended_process, p->serial);
	CHECK(t_m.change.ended_family != 0);
	t_event(EV_flow, 10);
	CHECK(t_m.change.process == p);
	CHECK_STR(t_text(p->exe), "/bin/a");
	/* It executes: so it is another one. */
	t_exec(10, "/bin/b");
	CHECK(t_m.change.process != p);
	CHECK_EQ(t_m.change.process->known_by, MODEL_EXEC);
	t_end();
}

TEST(guesses)
{
	struct model_process *p;

	t_begin();
	t_event(EV_open, 10);
	p = t_m.change.process;
	REQUIRE(p);
	CHECK_EQ(p->known_by, MODEL_GUESS);
	CHECK(!p->has_family && !p->has_ids && !p->has_container && !p->has_caps);
	CHECK(p->family != 0);
	CHECK(!model_is_certain(t_m.m, p));
	t_fork(10, 11);
	CHECK(!model_is_certain(t_m.m, t_find(11)));
	CHECK_EQ(t_find(11)->family, p->family);
	t_exec(10, "/bin/x");
	CHECK_EQ(p->known_by, MODEL_EXEC);
	CHECK(model_is_certain(t_m.m, p));
	CHECK(p->has_ids && p->has_caps && !p->has_bounding && !p->has_spaces);
	/* Neither the swapper nor the recorder. */
	t_event(EV_warning, 0);
	CHECK(!t_m.change.process);
	CHECK(!model_find(t_m.m, 12));
	t_end();
}

TEST(losses)
{
	struct model_process *p;

	t_begin();
	t_process(10, 1);
	p = t_find(10);
	t_fork(10, 9);
	model_lost(t_m.m, EV_CLASS_io, t_m.now + 1);
	CHECK(model_is_certain(t_m.m, p));
	model_lost(t_m.m, EV_CLASS_process, t_m.now);
	CHECK(!model_is_certain(t_m.m, p));
	t_fork(10, 11);
	CHECK(!model_is_certain(t_m.m, t_find(11)));
	t_exec(11, "/bin/a");
	CHECK(model_is_certain(t_m.m, t_find(11)));
	t_fork(11, 12);
	CHECK(model_is_certain(t_m.m, t_find(12)));
	t_process(10, 1);
	CHECK(model_is_certain(t_m.m, p));
	CHECK(!model_is_certain(t_m.m, t_find(9)));
	model_lost(t_m.m, EV_CLASS_priv, t_m.now);
	CHECK(model_is_certain(t_m.m, p) && model_is_whole(t_m.m, p));
	CHECK(!model_is_certain_of_ids(t_m.m, p) && !model_is_whole_of_rights(t_m.m, p));
	t_fork(10, 13);
	CHECK(model_is_whole(t_m.m, t_find(13)) && !model_is_certain_of_ids(t_m.m, t_find(13)));
	t_exec(13, "/bin/b");
	CHECK(model_is_certain_of_ids(t_m.m, t_find(13)));
	CHECK(!model_is_whole_of_rights(t_m.m, t_find(13)));
	t_process(10, 1);
	CHECK(model_is_certain_of_ids(t_m.m, p) && model_is_whole_of_rights(t_m.m, p));
	model_lost(t_m.m, 0xff, t_m.now);
	CHECK(!model_is_certain(t_m.m, p));
	t_end();
}

TEST(accounts)
{
	static const struct {
		uint32_t uid;
		uint8_t kind;
		const char *name;
	} accounts[] = { { 0, 0, "root" }, { 0, 0, "toor" }, { 33, 1, "group" }, { 34, 0, "web" } };
	struct ev_account *e;

	t_begin();
	for (unsigned i = 0; i < 4; i++) {
		e = t_make(EV_account, 0);
		e->account_id = accounts[i].uid;
		e->kind = accounts[i].kind;
		t_strings(accounts[i].name, NULL);
		t_tell();
	}
	CHECK_STR(t_text(model_user(t_m.m, 0)), "root");
	CHECK_STR(t_text(model_user(t_m.m, 34)), "web");
	CHECK(!model_user(t_m.m, 33));
	t_edge(0, false);
	e = t_make(EV_account, 0);
	t_strings("admin", NULL);
	t_tell();
	CHECK_STR(t_text(model_user(t_m.m, 0)), "admin");
	t_end();
}

/* Memory ------------------------------------------------------------------------------------- */

TEST(the_one_not_heard_of_goes)
{
	uint64_t serial;

	t_begin();
	t_m.m->processes_max = 8;
	t_process(1, 0);
	for (uint32_t pid = 10; pid < 17; pid++)
		t_fork(1, pid);
	CHECK(!t_m.change.evicted);
	t_event(EV_open, 10);
	serial = t_find(11)->serial;
	for (uint32_t pid = 12; pid < 17; pid++)
		t_event(EV_open, pid);
	t_event(EV_open, 10);
	/* model_find() hears too: only 11 has waited. */
	t_find(1);
	t_event(EV_open, 11);
	for (uint32_t pid = 12; pid < 17; pid++)
		t_event(EV_open, pid);
	t_event(EV_open, 10);
	t_fork(1, 20);
	CHECK(t_m.change.evicted);
	CHECK_EQ(t_m.change.ended_process, serial);
	CHECK(!t_find(11) && t_find(10) && t_find(20));
	CHECK_EQ(t_stats().evicted, 1);
	CHECK_EQ(t_stats().processes, 8);
	t_end();
}

TEST(long_names_take_no_more)
{
	static char name[4000];

	t_begin();
	t_m.m->bytes_max = 10 << 20;
	t_process(1, 0);
	memset(name, 'x', sizeof(name) - 1);
	for (uint32_t pid = 10; pid < 8010; pid++) {
		snprintf(name, 16, "/%u", pid);
		name[strlen(name)] = 'y';
		t_fork(1, pid);
		t_exec(pid, name);
		t_find(1);
	}
	CHECK(t_stats().bytes < 20 << 20);
	CHECK(t_stats().evicted > 4000);
	CHECK(t_find(1) && t_find(8009));
	t_end();
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST(a_storm_of_forks)
{
	size_t bytes = 0;
	double start;

	t_begin();
	t_process(1, 0);
	t_fork(1, 100);
	start = seconds_now();
	for (uint32_t i = 0; i < 1000000; i++) {
		uint32_t pid = 1000 + i % 30000;

		t_fork(100, pid);
		t_exec(pid, "/bin/true");
		t_exit(pid);
		if (i == 100000)
			bytes = t_stats().bytes;
	}
	printf("# %.0f ns an event, with the making of it\n", (seconds_now() - start) * 1e9 / 3e6);
	CHECK_EQ(t_stats().processes, 2);
	CHECK(t_stats().dead <= MODEL_LINGER + 1);
	CHECK_EQ(t_stats().bytes, bytes);
	CHECK_EQ(t_stats().families, 2);
	t_end();
}

TEST(a_chain_of_double_forks)
{
	uint32_t pid = 100, n = 0;

	t_begin();
	t_process(1, 0);
	t_fork(1, pid);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t child = 100 + (i + 1) % 30000;

		t_fork(pid, child);
		t_exit(pid);
		pid = child;
	}
	for (struct model_process *p = t_find(pid)->parent; p; p = p->parent)
		n++;
	CHECK_EQ(n, MODEL_ANCESTORS_MAX);
	CHECK(t_stats().dead <= MODEL_LINGER + MODEL_ANCESTORS_MAX + 1);
	CHECK_EQ(t_stats().processes, 2);
	t_end();
}

/* Each fork sees only living ancestors; they die from the youngest on, but for the last. */
TEST(chains_that_die_backwards)
{
	enum { LENGTH = 50000, CHAINS = 12 };

	t_begin();
	t_process(1, 0);
	for (uint32_t chain = 0; chain < CHAINS; chain++) {
		uint32_t first = 10 + chain * LENGTH;

		t_fork(1, first);
		for (uint32_t i = 0; i < LENGTH - 1; i++)
			t_fork(first + i, first + i + 1);
		for (uint32_t i = LENGTH - 1; i > 0; i--)
			t_exit(first + i - 1);
	}
	CHECK(t_stats().dead <= MODEL_DEAD_MAX + LENGTH + CHAINS + MODEL_LINGER);
	CHECK_EQ(t_stats().processes, 1 + CHAINS);
	t_end();
}
