/* SPDX-License-Identifier: BSD-2-Clause */
/* What a walk does for others while it waits, and what it can say then. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/capture.h"

struct idler {
	struct reel_walk *walk;
	uint64_t calls, settled_ns, limit;
	const struct reel_boot *boot;
};

static int idle(void *context, struct reel_err *err)
{
	struct idler *x = context;
	uint64_t settled_ns;
	const struct reel_boot *boot = reel_walk_settled(x->walk, &settled_ns);

	x->calls++;
	if (boot && boot == x->boot)
		CHECK(settled_ns >= x->settled_ns);
	x->boot = boot;
	x->settled_ns = settled_ns;
	return x->limit && x->calls > x->limit ? reel_err_set(err, -ECANCELED, "enough") : 0;
}

static void make_capture(const char *directory, unsigned seconds)
{
	struct reel_writer_options o = options(directory);
	struct tape t = { 0 };

	o.block_bytes = 8 << 10;
	begin(&t, &o);
	put_clock(&t, EPOCH);
	fill(&t, seconds);
	end(&t);
}

/* What was settled when somebody was asked had been given by then. */
static int walk_on(struct idler *x, uint64_t *ret_n, struct reel_err *err)
{
	const struct reel_walk_wait wait = { .idle = idle, .context = x };
	struct reel_event ev;
	int r;

	*ret_n = 0;
	reel_walk_wait(x->walk, &wait);
	while ((r = reel_walk_next(x->walk, &ev, err)) > 0) {
		CHECK(ev.segment->boot != x->boot || ev.ts >= x->settled_ns);
		++*ret_n;
	}
	return r;
}

TEST(whoever_follows_is_asked_at_each_block)
{
	struct reel_walk_stats stats;
	struct idler x = { 0 };
	struct reel_err err = { 0 };
	uint64_t n;

	make_capture("wait.reel", 20);
	REQUIRE(reel_walk_follow("wait.reel", NULL, NULL, NULL, &x.walk, &err) == 0);
	CHECK_EQ(walk_on(&x, &n, &err), 0);
	reel_walk_stats(x.walk, &stats);
	CHECK_EQ(n, count_events("wait.reel", EV_open) + 1);
	CHECK(stats.blocks > 10);
	CHECK(x.calls >= stats.blocks);
	CHECK(x.settled_ns > 0 && x.settled_ns <= stats.newest_ns + SECOND);
	reel_walk_close(x.walk);
}

TEST(whoever_is_asked_can_end_it)
{
	struct idler x = { .limit = 5 };
	struct reel_err err = { 0 };
	uint64_t n;

	REQUIRE(reel_walk_follow("wait.reel", NULL, NULL, NULL, &x.walk, &err) == 0);
	CHECK_EQ(walk_on(&x, &n, &err), -ECANCELED);
	CHECK_STR(err.msg, "enough");
	CHECK_EQ(x.calls, 6);
	reel_walk_close(x.walk);
}

TEST(a_pipe_in_which_nothing_comes)
{
	struct idler x = { .limit = 3 };
	struct reel_err err = { 0 };
	uint64_t n;
	int fds[2];

	REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
	REQUIRE(reel_walk_stream(fds[0], NULL, NULL, &x.walk, &err) == 0);
	CHECK_EQ(walk_on(&x, &n, &err), -ECANCELED);
	CHECK_EQ(n, 0);
	reel_walk_close(x.walk);
	close(fds[0]);
	close(fds[1]);
}

TEST(a_pipe_that_is_stopped)
{
	struct reel_walk *w;
	struct reel_err err = { 0 };
	struct idler x = { 0 };
	volatile int stop = 1;
	const struct reel_walk_wait wait = { &stop, idle, &x };
	struct reel_event ev;
	int fds[2];

	REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
	REQUIRE(reel_walk_stream(fds[0], NULL, NULL, &w, &err) == 0);
	x.walk = w;
	reel_walk_wait(w, &wait);
	CHECK_EQ(reel_walk_next(w, &ev, &err), -ENODATA);
	reel_walk_close(w);
	close(fds[0]);
	close(fds[1]);
}

TEST(files_that_are_all_there_wait_for_nothing)
{
	struct reel_reader *r = opened("wait.reel");
	struct idler x = { .walk = walked(r, NULL) };
	struct reel_err err = { 0 };
	uint64_t n, settled_ns;

	CHECK_EQ(walk_on(&x, &n, &err), 0);
	CHECK_EQ(x.calls, 0);
	CHECK(n > 0);
	CHECK(!reel_walk_settled(x.walk, &settled_ns));
	reel_walk_close(x.walk);
	reel_reader_close(r);
}
