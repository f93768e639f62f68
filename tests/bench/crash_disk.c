/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer on a disk whose power will be cut, for tests/crash/powercut.py.
 *
 *	crash_disk -o DIR --marks DEVICE --at OFFSET [--sync POLICY] [-n ROUNDS] ...
 *
 * After each round it puts a mark on the disk, outside of the file system: up to which event all
 * had been written when the round was over, and its time. So whoever knows in what order the disk
 * was written knows at each moment what had been promised. Time is made up, 100 ms a round, so that
 * five seconds pass in a moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/options.h"
#include "tests/bench/lib_crash.h"

enum { MARK_BYTES = 4096 };
#define STEP_NS (100ull * 1000 * 1000)
#define MARK_MAGIC 0x6b72616d6c656572ull /* "reelmark" */

struct mark {
	uint64_t magic, number, now_ns, is_over;
};

struct options {
	struct crash_options writer;
	const char *marks;
	uint64_t at, rounds;
};

#define AT(field) offsetof(struct options, writer.field)

static const struct reel_option table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, AT(output), "the capture" },
	{ "marks", 0, "DEVICE", REEL_OPT_STRING, offsetof(struct options, marks), "for marks" },
	{ "at", 0, "OFFSET", REEL_OPT_U64, offsetof(struct options, at), "where on it" },
	{ "rounds", 'n', "N", REEL_OPT_U64, offsetof(struct options, rounds), "how many" },
	{ "segment-size", 0, "SIZE", REEL_OPT_SIZE, AT(segment_bytes), "of a segment" },
	{ "keep-size", 0, "SIZE", REEL_OPT_SIZE, AT(keep_bytes), "how much is kept" },
	{ "sync", 0, NULL, REEL_OPT_CHOICE, AT(sync), "when to", .choices = "seconds|block|none" },
	{ 0 },
};

static int put_mark(int fd, uint64_t at, const struct mark *mark)
{
	static _Alignas(MARK_BYTES) char page[MARK_BYTES];

	memcpy(page, mark, sizeof(*mark));
	return pwrite(fd, page, sizeof(page), (off_t)at) == sizeof(page) ? 0 : -errno;
}

static int write_rounds(const struct options *o, int marks, struct reel_err *err)
{
	struct mark mark = { .magic = MARK_MAGIC };
	struct crash_run run;
	int r = crash_open(&o->writer, 0, &run, err), end;

	if (r < 0)
		return r;
	for (uint64_t i = 0; r == 0 && i < o->rounds; i++) {
		r = crash_round(&run, true, err);
		mark.number = run.number;
		mark.now_ns = run.now_ns;
		if (r == 0)
			r = put_mark(marks, o->at, &mark);
	}
	end = reel_writer_close(run.w, r < 0 ? NULL : err);
	/* END is synced whatever the policy, but for "none". */
	mark.is_over = 1;
	if (r == 0 && end == 0)
		r = put_mark(marks, o->at, &mark);
	return r < 0 ? r : end;
}

int main(int argc, char **argv)
{
	struct options o = { .rounds = 100,
			     .writer = { .step_ns = STEP_NS, .sync = REEL_SYNC_BLOCK } };
	struct reel_err err = { 0 };
	struct reel_args args;
	int status = 2, marks;

	if (reel_options_parse(table, &o, argc, argv, &args, &err) < 0) {
		fprintf(stderr, "crash_disk: %s\n", err.msg);
	} else if (args.n || !o.writer.output || !o.marks) {
		fprintf(stderr, "usage: crash_disk -o DIR --marks DEVICE --at OFFSET\n");
	} else {
		o.writer.block_bytes = 16 << 10;
		marks = open(o.marks, O_WRONLY | O_DIRECT | O_CLOEXEC);
		status = marks < 0 || write_rounds(&o, marks, &err) < 0;
		if (status)
			fprintf(stderr, "crash_disk: %s: %s\n", o.marks,
				err.code ? err.msg : strerror(errno));
		if (marks >= 0)
			close(marks);
	}
	reel_options_done(table, &o);
	return status;
}
