/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of blocks, replayed with a fixed set of rules: as files are, without the shortcuts, and
 * event by event. Byte 0 says how the file is made (see fuzz_segment.c), byte 1 how few tokens
 * there may be.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/making.h"
#include "tests/fuzz/replayed.h"
#include "tests/fuzz/secret.h"
#include "tests/fuzz/touch.h"

static void replay_files(struct rules *rules, char *path, const struct reel_keys *keys,
			 bool is_slow, uint64_t max_state)
{
	struct reel_reader *reader;
	struct replayed p;
	struct reel_out out;
	int r;

	if (reel_reader_open_all(&path, 1, keys, &reader, NULL) < 0)
		return;
	MUST(out_init_mem(&out) == 0);
	MUST(replayed_begin(&p, rules, 1, is_slow, max_state) == 0);
	r = replayed_files(&p, reader, &out);
	MUST(r == 0);
	replayed_end(&p);
	out_done(&out);
	reel_reader_close(reader);
}

static void replay_stream(struct rules *rules, int fd, const struct reel_keys *keys,
			  uint64_t max_state)
{
	const struct reel_filter all = { .beyond_cut = true };
	struct reel_walk *w;
	struct replayed p;
	struct reel_out out;
	int r;

	if (reel_walk_stream(fd, &all, keys, &w, NULL) < 0)
		return;
	MUST(out_init_mem(&out) == 0);
	MUST(replayed_begin(&p, rules, 1, false, max_state) == 0);
	r = replayed_walk(&p, w, &out);
	MUST(r == 0);
	replayed_end(&p);
	out_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct making m;
	static struct reel_public_key to;
	static struct reel_keys *keys;
	static int fd = -1;
	static char path[40];
	static struct rules *rules;
	uint64_t max_state;

	if (size < 2 || size > ROOM)
		return 0;
	if (fd < 0) {
		fd = memfd_create("segment", 0);
		MUST(fd >= 0);
		MUST(replayed_load(&rules, NULL) == 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		keys = make_keys(&to);
	}
	m.to = data[0] & SEGMENT_ENCRYPTED ? &to : NULL;
	if (data[0] & SEGMENT_RAW)
		memcpy(m.file, data + 2, m.n = size - 2);
	else
		make_file(&m, data + 2, size - 2);
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, m.file, m.n, 0) == (ssize_t)m.n);
	max_state = data[1] ? data[1] : 100000;
	replay_files(rules, path, keys, false, max_state);
	replay_files(rules, path, keys, true, max_state);
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	replay_stream(rules, fd, keys, max_state);
	return 0;
}
