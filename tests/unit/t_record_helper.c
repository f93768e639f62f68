/* SPDX-License-Identifier: BSD-2-Clause */
/* The helper's life, and what the recorder makes of all that it may send. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/confine.h"
#include "record/helper_wire.h"
#include "tests/unit/record_child.h"
#include "tests/unit/record_gather.h"

/* Tasks that tests run in a helper ------------------------------------------------------------- */

/* Answers with what it was asked. */
static int echo(void *state, const struct helper_request *q, const struct record_sink *sink,
		struct reel_err *err)
{
	static struct reel_record record;
	struct ev_hash *hash = reel_record_begin(&record, reel_type_by_id(EV_hash));

	(void)state;
	hash->inode = q->inode;
	hash->dev = q->dev;
	hash->size = q->start_ns;
	hash->ctime = (int64_t)q->cgroup;
	record.header.pid = q->pid;
	record.header.ts = 5;
	record.header.flags = q->again ? EV_KEYFRAME : 0;
	/* As if it had been cut. */
	reel_record_cut_string(&record, q->path, q->path_length, (uint32_t)q->path_length + 10);
	return record_put(sink, &record, err) < 0 ? -1 : HELPER_ANSWERED;
}

/* The socket, which no task is told: the only one that is open. */
static int find_socket(void)
{
	for (int fd = 0; fd < 64; fd++) {
		struct stat st;

		if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
			return fd;
	}
	return -1;
}

enum garbage {
	NOTHING_IN_IT,
	ONE_BYTE,
	FRAME_OF_NO_KIND,
	READY_WITH_MORE,
	ANSWERED_TOO_OFTEN,
	ANSWERED_WITH_MORE,
	RECORD_WITHOUT_HEADER,
	RECORD_OF_OTHER_LENGTH,
	RECORD_BEYOND_THE_PACKET,
	RECORD_OF_NO_TYPE,
	RECORD_OF_THE_KERNEL,
	RECORD_TOO_SHORT,
	RECORD_WITH_LONG_STRINGS,
	RECORD_WITH_SHORT_STRINGS,
	RECORD_CUT_BUT_NOT,
	RECORD_OF_BAD_PID,
	PACKET_TOO_LONG,
	GARBAGES,
};

/* A sound record first, then one thing is broken. */
static size_t make_garbage(enum garbage what, uint8_t *packet)
{
	struct helper_frame frame = { FRAME_RECORD, 0 };
	struct ev_header header = { .type = EV_hash };
	struct ev_hash hash = { .path = 3 };
	size_t n = sizeof(frame) + sizeof(header) + sizeof(hash) + 3;

	header.length = sizeof(hash) + 3;
	frame.value = sizeof(header) + header.length;
	if (what == NOTHING_IN_IT)
		return 0;
	if (what == FRAME_OF_NO_KIND)
		frame.kind = 77;
	if (what == READY_WITH_MORE)
		frame.kind = FRAME_READY;
	if (what == ANSWERED_TOO_OFTEN)
		frame = (struct helper_frame){ FRAME_ANSWERED, 2 };
	if (what == ANSWERED_WITH_MORE)
		frame = (struct helper_frame){ FRAME_ANSWERED, 1 };
	if (what == RECORD_WITHOUT_HEADER)
		frame.value = 5;
	if (what == RECORD_OF_OTHER_LENGTH)
		header.length += 1;
	if (what == RECORD_BEYOND_THE_PACKET) {
		header.length += 8;
		hash.path += 8;
	}
	if (what == RECORD_OF_NO_TYPE)
		header.type = 255;
	if (what == RECORD_OF_THE_KERNEL) {
		/* Sound, but not the helper's to tell: it has neither fields nor strings. */
		header = (struct ev_header){ .type = EV_setsid };
		frame.value = sizeof(header);
	}
	if (what == RECORD_TOO_SHORT)
		header.length = 8;
	if (what == RECORD_WITH_LONG_STRINGS)
		hash.reason = 60000;
	if (what == RECORD_WITH_SHORT_STRINGS)
		hash.path = 2;
	if (what == RECORD_CUT_BUT_NOT)
		header.flags = EV_TRUNCATED;
	if (what == RECORD_OF_BAD_PID)
		header.pid = UINT32_MAX;
	memcpy(packet, &frame, sizeof(frame));
	memcpy(packet + sizeof(frame), &header, sizeof(header));
	memcpy(packet + sizeof(frame) + sizeof(header), &hash, sizeof(hash));
	memcpy(packet + n - 3, "abc", 3);
	switch (what) {
	case ONE_BYTE:
		return 1;
	case ANSWERED_TOO_OFTEN:
		return sizeof(frame);
	case RECORD_OF_THE_KERNEL:
		return sizeof(frame) + sizeof(header);
	case RECORD_WITHOUT_HEADER:
		return sizeof(frame) + 5;
	case RECORD_TOO_SHORT:
		frame.value = sizeof(header) + 8;
		memcpy(packet, &frame, sizeof(frame));
		return sizeof(frame) + sizeof(header) + 8;
	case PACKET_TOO_LONG:
		return FRAME_MAX + 100;
	default:
		return n;
	}
}

static int send_garbage(void *state, const struct helper_request *q, const struct record_sink *sink,
			struct reel_err *err)
{
	static uint8_t packet[FRAME_MAX + 200];
	size_t n = make_garbage((enum garbage)q->inode, packet);

	(void)state;
	(void)sink;
	(void)err;
	(void)send(find_socket(), packet, n, MSG_NOSIGNAL);
	for (;;)
		pause(); /* refused, so that it spins */
	return HELPER_ANSWERED;
}

static int spin(void *state, const struct helper_request *q, const struct record_sink *sink,
		struct reel_err *err)
{
	(void)state;
	(void)q;
	(void)sink;
	(void)err;
	for (volatile unsigned i = 0;; i++)
		;
	return HELPER_ANSWERED;
}

enum { FLOOD = 2000 };

static int flood(void *state, const struct helper_request *q, const struct record_sink *sink,
		 struct reel_err *err)
{
	int r = HELPER_ANSWERED;

	for (unsigned i = 0; r == HELPER_ANSWERED && i < FLOOD; i++)
		r = echo(state, q, sink, err);
	return r;
}

/* Takes long for each request. */
struct slow {
	unsigned waiting;
	bool forever;
};

static int be_asked(void *state, const struct helper_request *q, const struct record_sink *sink,
		    struct reel_err *err)
{
	struct slow *s = state;

	(void)q;
	(void)sink;
	(void)err;
	s->waiting++;
	return HELPER_LATER;
}

static int work_slowly(void *state, unsigned *answered, const struct record_sink *sink,
		       struct reel_err *err)
{
	const struct timespec pause = { 0, 20 * 1000 * 1000 };
	const struct helper_request q = { .pid = 9, .path = "slow", .path_length = 4 };
	struct slow *s = state;

	nanosleep(&pause, NULL);
	if (s->forever)
		return 1;
	if (echo(NULL, &q, sink, err) < 0)
		return -1;
	++*answered;
	return --s->waiting > 0;
}

static struct helper *started(const struct helper_task *tasks, unsigned n)
{
	const struct helper_options o = { .tasks = tasks, .n_tasks = n };
	struct reel_err err = { 0 };
	struct helper *h = NULL;

	if (helper_start(&o, &h, &err) < 0)
		T_FAIL("%s", err.msg);
	return h;
}

static struct helper *started_with(int (*run)(void *, const struct helper_request *,
					      const struct record_sink *, struct reel_err *))
{
	const struct helper_task task = { .kind = HELPER_HASH, .run = run, .types = { EV_hash } };

	return started(&task, 1);
}

static const struct helper_request some = { .kind = HELPER_HASH,
					    .path = "/bin/x",
					    .path_length = 6 };

/* Requests and answers ------------------------------------------------------------------------- */

TEST(requests_are_answered)
{
	struct helper_request q = { .kind = HELPER_HASH,
				    .pid = 7,
				    .start_ns = 1,
				    .inode = 99,
				    .dev = 8 << 20 | 1,
				    .cgroup = 5,
				    .again = true,
				    .path = "/bin/with\nline",
				    .path_length = 14 };
	struct helper *h = started_with(echo);
	static struct gather g;
	const struct ev_hash *hash = (const void *)g.list[0].fixed;
	uint64_t before = boot_ns();

	REQUIRE(h);
	CHECK_EQ(helper_ask(h, &q), 0);
	q.path_length = 0;
	CHECK_EQ(helper_ask(h, &q), 0);
	gather_until(&g, h, 2);
	CHECK_EQ(g.list[0].type, EV_hash);
	CHECK_EQ(g.list[0].pid, 7);
	CHECK(g.list[0].ts >= before && g.list[0].ts <= boot_ns());
	CHECK_EQ(hash->inode, 99);
	CHECK_EQ(hash->dev, 8 << 20 | 1);
	CHECK_EQ(hash->size, 1);
	CHECK_EQ(hash->ctime, 5);
	CHECK_STR(g.list[0].text, "</bin/with\nline><><>");
	CHECK_EQ(g.list[0].flags, EV_KEYFRAME | EV_TRUNCATED);
	CHECK_EQ(g.list[0].true_length, 24);
	CHECK_STR(g.list[1].text, "<><><>");
	CHECK_EQ(gather_stop(&g, h), 0);
	CHECK_EQ(g.n, 2);
}

TEST(the_helper_tells_what_it_gave_up)
{
	struct helper *h = started_with(echo);
	static struct gather g;

	REQUIRE(h);
	CHECK_EQ(gather_stop(&g, h), 0);
	CHECK_EQ(g.coverage, CONFINE_MEASURES);
	CHECK(strstr(g.covered, "helper: seccomp;") && strstr(g.covered, "helper: capabilities;"));
	CHECK_EQ(g.n, 0);
}

TEST(only_what_it_can_do_is_asked)
{
	struct helper_request q = some;
	struct helper *h = started_with(echo);
	static struct gather g;
	static char path[HELPER_MAX_PATH + 1];

	REQUIRE(h);
	q.kind = HELPER_CONTAINER;
	CHECK_EQ(helper_ask(h, &q), -ENOSYS);
	q.kind = (enum helper_kind)200;
	CHECK_EQ(helper_ask(h, &q), -ENOSYS);
	/* A path that is too long is left out. */
	memset(path, 'p', sizeof(path));
	q = some;
	q.path = path;
	q.path_length = sizeof(path);
	CHECK_EQ(helper_ask(h, &q), 0);
	q.path_length = HELPER_MAX_PATH;
	CHECK_EQ(helper_ask(h, &q), 0);
	gather_until(&g, h, 2);
	CHECK_STR(g.list[0].text, "<><><>");
	CHECK_EQ(g.list[1].true_length, HELPER_MAX_PATH + 10);
	CHECK_EQ(gather_stop(&g, h), 0);
}

TEST(asking_never_waits)
{
	struct helper *h = started_with(echo);
	static struct gather g;
	struct helper_stats stats;
	unsigned given = 0, r = 0;
	uint64_t begin, longest = 0;

	REQUIRE(h);
	kill(helper_pid(h), SIGSTOP);
	for (unsigned i = 0; i < 5000; i++) {
		int code;

		begin = boot_ns();
		code = helper_ask(h, &some);
		if (boot_ns() - begin > longest)
			longest = boot_ns() - begin;
		given += code == 0;
		r += code == -EAGAIN;
	}
	helper_stats(h, &stats);
	CHECK(given > 50 && r > 0 && given + r == 5000);
	CHECK_EQ(stats.asked, given);
	CHECK_EQ(stats.dropped, r);
	CHECK(longest < 500000000);
	kill(helper_pid(h), SIGCONT);
	gather_until(&g, h, given < GATHER_MAX ? given : GATHER_MAX);
	helper_stats(h, &stats);
	CHECK_EQ(gather_stop(&g, h), 0);
	CHECK_EQ(g.n + g.others, given);
	printf("# %u requests waited, the longest call took %llu us\n", given,
	       (unsigned long long)longest / 1000);
}

TEST(a_flood_of_records_is_taken_in_parts)
{
	const struct timespec pause = { 0, 50 * 1000 * 1000 };
	struct helper *h = started_with(flood);
	static struct gather g;
	const struct record_sink sink = gather_sink(&g);
	unsigned most = 0, before;

	REQUIRE(h);
	CHECK_EQ(helper_ask(h, &some), 0);
	nanosleep(&pause, NULL);
	for (unsigned i = 0; i < 5; i++) {
		before = g.n + g.others;
		CHECK_EQ(helper_take(h, &sink, NULL), 0);
		if (g.n + g.others - before > most)
			most = g.n + g.others - before;
	}
	CHECK(most > 50 && most <= 256);
	CHECK_EQ(gather_stop(&g, h), 0);
	CHECK_EQ(g.n + g.others, FLOOD);
}

TEST(what_takes_long_does_not_hold_up_the_rest)
{
	struct slow slow = { 0 };
	const struct helper_task tasks[] = {
		{ .kind = HELPER_HASH, .state = &slow, .run = be_asked, .work = work_slowly,
		  .types = { EV_hash } },
		{ .kind = HELPER_CONTAINER, .run = echo, .types = { EV_hash } },
	};
	struct helper_request quick = { .kind = HELPER_CONTAINER,
					.path = "quick",
					.path_length = 5 };
	struct helper *h = started(tasks, 2);
	static struct gather g;
	unsigned at = 0;

	REQUIRE(h);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(helper_ask(h, &some), 0);
	CHECK_EQ(helper_ask(h, &quick), 0);
	/* All of it is done before it ends. */
	CHECK_EQ(gather_stop(&g, h), 0);
	CHECK_EQ(g.n, 9);
	while (at < g.n && strcmp(g.list[at].text, "<quick><><>") != 0)
		at++;
	CHECK(at <= 1);
}

/* Its end -------------------------------------------------------------------------------------- */

TEST(stopping_ends_at_the_deadline)
{
	struct slow slow = { .forever = true };
	const struct helper_task task = { .kind = HELPER_HASH,
					  .state = &slow,
					  .run = be_asked,
					  .work = work_slowly,
					  .types = { EV_hash } };
	struct helper *h = started(&task, 1);
	static struct gather g;
	const struct record_sink sink = gather_sink(&g);
	uint64_t begin = boot_ns();
	pid_t pid;

	REQUIRE(h);
	pid = helper_pid(h);
	CHECK_EQ(helper_ask(h, &some), 0);
	CHECK_EQ(helper_ask(h, &some), 0);
	CHECK_EQ(helper_stop(h, begin + 300000000, &sink, NULL), 0);
	CHECK(boot_ns() - begin >= 290000000 && boot_ns() - begin < 3000000000);
	CHECK_EQ(kill(pid, 0), -1);
	REQUIRE(g.n == 1);
	CHECK_EQ(g.list[0].type, EV_warning);
	CHECK(strstr(g.list[0].text, "2 requests are not answered") != NULL);
}

TEST(its_death_is_told)
{
	struct helper *h = started_with(spin);
	static struct gather g;
	struct helper_stats stats;

	REQUIRE(h);
	CHECK_EQ(helper_ask(h, &some), 0);
	kill(helper_pid(h), SIGKILL);
	gather_until(&g, h, 1);
	CHECK_EQ(g.list[0].type, EV_warning);
	CHECK_STR(g.list[0].text, "<the helper has ended (signal 9): 1 requests are not answered, "
				  "and none will be from now on>");
	CHECK_EQ(helper_fd(h), -1);
	CHECK_EQ(helper_ask(h, &some), -EPIPE);
	helper_stats(h, &stats);
	CHECK(stats.gone && stats.dropped == 1);
	CHECK_EQ(waitpid(helper_pid(h), NULL, WNOHANG), -1);
	CHECK_EQ(gather_stop(&g, h), 0);
	CHECK_EQ(g.n, 1);
}

TEST(signals_for_the_recorder_do_not_end_it)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGPIPE };
	struct helper *h = started_with(echo);
	static struct gather g;

	REQUIRE(h);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		kill(helper_pid(h), signals[i]);
	CHECK(getsid(helper_pid(h)) == helper_pid(h));
	CHECK_EQ(helper_ask(h, &some), 0);
	gather_until(&g, h, 1);
	CHECK_EQ(g.list[0].type, EV_hash);
	CHECK_EQ(gather_stop(&g, h), 0);
}

struct parent {
	int to_test;
	bool busy, becomes_nobody;
};

/* A recorder that tells its helper's pid and then does nothing more. */
static void be_a_recorder(void *arg)
{
	const struct parent *p = arg;
	struct helper *h = started_with(p->busy ? spin : echo);
	struct confine_owner nobody;
	struct confine_options confine = { .owner = &nobody };
	struct confine_report report;
	pid_t pid;

	EXPECT(h);
	pid = helper_pid(h);
	if (p->busy)
		EXPECT(helper_ask(h, &some) == 0);
	if (p->becomes_nobody) {
		EXPECT(confine_find_owner("/etc/passwd", "nobody", &nobody, NULL) == 0);
		EXPECT(confine_recorder(&confine, &report, NULL) == 0);
		EXPECT(getuid() == nobody.uid);
	}
	EXPECT(write(p->to_test, &pid, sizeof(pid)) == sizeof(pid));
	for (;;)
		pause();
}

/* How the helper ended, whose parent was killed: it is our child then. */
static int end_of_orphan(bool busy, bool becomes_nobody)
{
	struct parent p = { .busy = busy, .becomes_nobody = becomes_nobody };
	int fds[2], status = 0;
	pid_t recorder, helper = 0, got = 0;

	if (pipe(fds) < 0)
		return -1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	p.to_test = fds[1];
	recorder = start_child(be_a_recorder, &p);
	close(fds[1]);
	CHECK_EQ(read(fds[0], &helper, sizeof(helper)), sizeof(helper));
	close(fds[0]);
	CHECK(helper > 0 && kill(helper, 0) == 0);
	kill(recorder, SIGKILL);
	CHECK_EQ(end_of_child(recorder), KILLED_BY(SIGKILL));
	for (unsigned i = 0; helper > 0 && got == 0 && i < 3000; i++) {
		const struct timespec pause = { 0, 1000000 };

		got = waitpid(helper, &status, WNOHANG);
		if (got == 0)
			nanosleep(&pause, NULL);
	}
	if (helper > 0 && got == 0) {
		kill(helper, SIGKILL);
		waitpid(helper, NULL, 0);
		return -1;
	}
	return WIFSIGNALED(status) ? KILLED_BY(WTERMSIG(status)) : WEXITSTATUS(status);
}

TEST(it_dies_with_the_recorder)
{
	CHECK_EQ(end_of_orphan(false, false), KILLED_BY(SIGKILL));
	CHECK_EQ(end_of_orphan(true, false), KILLED_BY(SIGKILL));
}

/* The kernel's death signal does not reach it then: it comes from a user who may not send it. */
TEST(it_dies_with_a_recorder_of_another_user)
{
	if (geteuid() != 0)
		SKIP("needs root");
	CHECK_EQ(end_of_orphan(false, true), KILLED_BY(SIGKILL));
	CHECK_EQ(end_of_orphan(true, true), KILLED_BY(SIGKILL));
}

/* Garbage -------------------------------------------------------------------------------------- */

TEST(garbage_is_refused)
{
	static struct gather g;

	for (unsigned i = 0; i < GARBAGES; i++) {
		struct helper_request q = some;
		struct helper *h = started_with(send_garbage);
		pid_t pid;

		REQUIRE(h);
		pid = helper_pid(h);
		memset(&g, 0, sizeof(g));
		q.inode = i;
		CHECK_EQ(helper_ask(h, &q), 0);
		gather_until(&g, h, 1);
		if (g.n != 1 || g.list[0].type != EV_warning)
			T_FAIL("garbage %u: %u records, the first of type %u", i, g.n,
			       g.list[0].type);
		if (i != NOTHING_IN_IT && !strstr(g.list[0].text, "makes no sense"))
			T_FAIL("garbage %u: %s", i, g.list[0].text);
		CHECK_EQ(helper_fd(h), -1);
		CHECK_EQ(kill(pid, 0), -1);
		CHECK_EQ(gather_stop(&g, h), 0);
	}
}

/* The one that garbage is made of is good: what is refused is what was broken. */
TEST(what_is_no_garbage_is_taken)
{
	struct helper_request q = some;
	struct helper *h = started_with(send_garbage);
	static struct gather g;

	REQUIRE(h);
	q.inode = GARBAGES;
	CHECK_EQ(helper_ask(h, &q), 0);
	gather_until(&g, h, 1);
	CHECK_EQ(g.list[0].type, EV_hash);
	CHECK_STR(g.list[0].text, "<abc><><>");
	kill(helper_pid(h), SIGKILL);
	CHECK_EQ(gather_stop(&g, h), 0);
}

TEST(a_helper_has_bounds)
{
	const struct helper_task tasks[HELPER_MAX_TASKS + 1] = { { .kind = HELPER_HASH } };
	const struct helper_options o = { .tasks = tasks, .n_tasks = HELPER_MAX_TASKS + 1 };
	struct reel_err err = { 0 };
	struct helper *h = NULL;

	CHECK_EQ(helper_start(&o, &h, &err), -E2BIG);
	CHECK(h == NULL);
	CHECK_EQ(helper_stop(NULL, 0, NULL, NULL), 0);
}
