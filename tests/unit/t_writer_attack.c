/* SPDX-License-Identifier: BSD-2-Clause */
/* Others may have rights in the directory of a capture: what they do to its files costs what was in
 * them, and nothing that comes later. */
#include <glob.h>
#include <unistd.h>

#include "tests/unit/capture.h"

enum { SOME = 400, KEPT_BYTES = 64 << 10, SMALL_SEGMENT = 16 << 10 };

static void put_some(struct tape *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		t->ts += 1000;
		put_event(t, EV_open, 0, 7);
		if (i % 50 == 49) {
			reel_writer_settle(t->w, t->ts);
			CHECK_EQ(reel_writer_tick(t->w, t->ts, &t->err), 0);
		}
	}
	CHECK_EQ(reel_writer_flush(t->w, &t->err), 0);
	CHECK_EQ(reel_writer_tick(t->w, t->ts, &t->err), 0);
}

/* The file of a segment; false: it has none. */
static bool segment_path(const char *directory, unsigned number, char *ret, size_t bytes)
{
	char pattern[200];
	glob_t found;
	bool there;

	snprintf(pattern, sizeof(pattern), "%s/host-%06u-*.rls", directory, number);
	there = glob(pattern, 0, NULL, &found) == 0;
	if (there) {
		snprintf(ret, bytes, "%s", found.gl_pathv[0]);
		globfree(&found);
	}
	return there;
}

static uint64_t count(const char *path, uint8_t type)
{
	struct reel_reader *reader = opened(path);
	struct reel_walk *walk = walked(reader, NULL);
	struct reel_err err = { 0 };
	struct reel_event ev;
	uint64_t n = 0;

	while (reel_walk_next(walk, &ev, &err) > 0)
		n += ev.type->id == type;
	reel_walk_close(walk);
	reel_reader_close(reader);
	return n;
}

/* In blocks of which kinds events of a type are, as bits. */
static unsigned kinds_with(const char *path, uint8_t type)
{
	struct reel_reader *reader = opened(path);
	unsigned kinds = 0;

	for (uint32_t i = 0; i < reader->n_blocks; i++)
		if (reader->blocks[i].types[type / 8] & 1u << type % 8)
			kinds |= 1u << reader->blocks[i].kind;
	reel_reader_close(reader);
	return kinds;
}

static void remove_capture(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	CHECK_EQ(system(command), 0);
}

static void attack_open_segment(bool in_line, bool removes)
{
	struct reel_writer_options o = options("attacked.reel");
	struct tape t = { 0 };
	struct reel_writer_stats stats;
	char path[300], next[300];

	o.in_line = in_line;
	begin(&t, &o);
	put_some(&t, SOME);
	REQUIRE(segment_path(o.directory, 1, path, sizeof(path)));
	/* With a thread, the block has to have arrived. */
	do
		reel_writer_stats(t.w, &stats);
	while (stats.blocks < 1);
	CHECK_EQ(stats.replaced, 0);
	CHECK_EQ(removes ? unlink(path) : truncate(path, 100), 0);
	put_some(&t, SOME);
	do
		reel_writer_stats(t.w, &stats);
	while (stats.blocks < 2);
	CHECK_EQ(stats.replaced, 1);
	CHECK_EQ(stats.replaced_state, removes ? REEL_SEGMENT_REMOVED : REEL_SEGMENT_ALTERED);
	CHECK(segment_path(o.directory, 2, next, sizeof(next)));
	CHECK_EQ(reel_writer_tick(t.w, t.ts, &t.err), 0);
	CHECK_EQ(reel_writer_segment_number(t.w), 2);
	put_some(&t, SOME);
	CHECK_EQ(reel_writer_close(t.w, &t.err), 0);
	/* All that came later is there, in one file. */
	CHECK_EQ(count(next, EV_open), 2 * SOME);
	CHECK_EQ(count(next, EV_warning), 1);
	CHECK_EQ(kinds_with(next, EV_warning), 1u << TAPE_STATE);
	CHECK(!segment_path(o.directory, 3, next, sizeof(next)));
	remove_capture(o.directory);
}

TEST(a_removed_segment_is_left_for_another)
{
	attack_open_segment(true, true);
	attack_open_segment(false, true);
}

TEST(so_is_one_that_was_cut)
{
	attack_open_segment(true, false);
	attack_open_segment(false, false);
}

/* Nothing more is to be written, but for the end of it. */
TEST(what_befalls_the_last_one_is_told_in_another)
{
	for (int removes = 0; removes < 2; removes++) {
		struct reel_writer_options o = options("last.reel");
		struct tape t = { 0 };
		struct reel_writer_stats stats;
		char path[300], next[300];

		begin(&t, &o);
		put_some(&t, SOME);
		do
			reel_writer_stats(t.w, &stats);
		while (stats.blocks < 1);
		REQUIRE(segment_path(o.directory, 1, path, sizeof(path)));
		CHECK_EQ(removes ? unlink(path) : truncate(path, 100), 0);
		CHECK_EQ(reel_writer_end(t.w, &stats, &t.err), 0);
		CHECK_EQ(stats.replaced, 1);
		REQUIRE(segment_path(o.directory, 2, next, sizeof(next)));
		CHECK_EQ(count(next, EV_warning), 1);
		CHECK_EQ(kinds_with(next, EV_warning), 1u << TAPE_STATE);
		remove_capture(o.directory);
	}
}

TEST(one_with_two_names_is_whole)
{
	struct reel_writer_options o = options("linked.reel");
	struct tape t = { 0 };
	struct reel_writer_stats stats;
	char path[300];

	begin(&t, &o);
	put_some(&t, SOME);
	REQUIRE(segment_path(o.directory, 1, path, sizeof(path)));
	CHECK_EQ(link(path, "linked.reel/other"), 0);
	put_some(&t, SOME);
	reel_writer_stats(t.w, &stats);
	CHECK_EQ(stats.replaced, 0);
	CHECK_EQ(reel_writer_close(t.w, &t.err), 0);
	remove_capture(o.directory);
}

TEST(retention_bears_what_is_gone_already)
{
	struct reel_writer_options o = options("gone.reel");
	struct tape t = { 0 };
	struct reel_writer_stats stats;
	char path[300];

	o.block_bytes = 4 << 10;
	o.segment_bytes = SMALL_SEGMENT;
	o.keep_bytes = KEPT_BYTES;
	begin(&t, &o);
	while (reel_writer_segment_number(t.w) < 3)
		put_some(&t, 50);
	REQUIRE(segment_path(o.directory, 1, path, sizeof(path)));
	CHECK_EQ(unlink(path), 0);
	while (reel_writer_segment_number(t.w) < 20)
		put_some(&t, 50);
	reel_writer_stats(t.w, &stats);
	CHECK(stats.retired > 5);
	CHECK(!segment_path(o.directory, 2, path, sizeof(path)));
	CHECK_EQ(reel_writer_close(t.w, &t.err), 0);
	remove_capture(o.directory);
}

/* The warning of it is in a segment that is soon retired itself: here it is not. */
TEST(and_it_is_told)
{
	struct reel_writer_options o = options("told.reel");
	struct tape t = { 0 };
	char path[300];

	o.block_bytes = 4 << 10;
	o.segment_bytes = SMALL_SEGMENT;
	o.keep_bytes = KEPT_BYTES;
	begin(&t, &o);
	while (reel_writer_segment_number(t.w) < 3)
		put_some(&t, 50);
	REQUIRE(segment_path(o.directory, 1, path, sizeof(path)));
	CHECK_EQ(unlink(path), 0);
	while (count(o.directory, EV_warning) == 0 && reel_writer_segment_number(t.w) < 20)
		put_some(&t, 50);
	CHECK_EQ(count(o.directory, EV_warning), 1);
	CHECK_EQ(kinds_with(o.directory, EV_warning), 1u << TAPE_STATE);
	CHECK_EQ(reel_writer_close(t.w, &t.err), 0);
	remove_capture(o.directory);
}
