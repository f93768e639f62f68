/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of blocks, opened, walked, followed, verified and read as a stream. Byte 0 says how: with
 * RAW what follows is the file itself, else a row of pieces, each one block:
 *
 *	struct piece, body before compression [body_bytes]
 *
 * Of these the file is made here, with all sums, numbers, links and tables as they should be except
 * where the piece wants something else, so that mutations get behind what protects a block; with
 * ENCRYPTED also behind what hides it, since the key is always the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/verify.h"
#include "format/walk.h"
#include "tests/fuzz/making.h"
#include "tests/fuzz/secret.h"
#include "tests/fuzz/touch.h"

/* Everything a walk gives, to its end. */
static void walk_over(struct reel_walk *w, unsigned format)
{
	const struct reel_health *health = reel_walk_health(w);
	struct reel_walk_stats stats;
	struct reel_err err;
	struct reel_event ev;
	struct touch t;
	uint64_t n = 0;
	int r;

	touch_init(&t, format);
	while ((r = reel_walk_next(w, &ev, &err)) > 0) {
		touch_event(&t, &ev, reel_walk_realtime(w, &ev), reel_event_boot(&ev));
		n++;
	}
	MUST(r == 0 || r == -ENODATA || r == -ENOKEY);
	reel_walk_stats(w, &stats);
	MUST(stats.events == n);
	for (unsigned i = 0; i < health->n_damages && i < REEL_DAMAGES_MAX; i++)
		touch_sink += strlen(health->damages[i].what) + strlen(health->damages[i].path);
	touch_sink += strlen(reel_ending_name(health->ending));
	touch_done(&t);
	reel_walk_close(w);
}

static struct reel_filter filter_of(uint8_t choice)
{
	struct reel_filter f = { .beyond_cut = choice & 64 };

	if (choice & 1) {
		f.some_types = true;
		for (unsigned t = 0; t < EV_MAX_TYPES; t += 2)
			f.types[t] = true;
	}
	if (choice & 2) {
		f.n_pids = 1;
		f.pids[0] = 100;
	}
	if (choice & 4)
		f.from = (struct reel_moment){ REEL_BOOTTIME, 2000000 };
	if (choice & 8)
		f.to = (struct reel_moment){ REEL_REALTIME, 1700000000002000000 };
	if (choice & 16)
		f.kinds = 1u << TAPE_EVENTS;
	return f;
}

static void read_file(const char *path, const struct reel_filter *f, const struct reel_keys *keys,
		      unsigned format)
{
	char *paths[] = { (char *)(uintptr_t)path };
	struct reel_reader *r;
	struct reel_walk *w;
	uint64_t ts;

	if (reel_reader_open_all(paths, 1, keys, &r, NULL) < 0)
		return;
	for (unsigned i = 0; i < r->n_boots; i++)
		MUST(reel_keyframe_before(r, &r->boots[i], r->boots[i].ts_max, &ts) == 0);
	touch_sink += (uint64_t)reel_reader_end_ns(r);
	if (reel_walk_open(r, f, &w, NULL) == 0)
		walk_over(w, format);
	reel_reader_close(r);
}

static void verify(const char *path, const struct reel_keys *keys)
{
	const struct reel_verify_with with = { .keys = keys };
	char *paths[] = { (char *)(uintptr_t)path };
	struct reel_verification *v;

	if (reel_verify(paths, 1, &with, &v, NULL) < 0)
		return;
	for (unsigned i = 0; i < v->n; i++)
		for (unsigned k = 0; k < v->captures[i].n_findings; k++)
			touch_sink += strlen(v->captures[i].findings[k].what);
	reel_verification_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct making m;
	static struct reel_public_key to;
	static struct reel_keys *keys;
	static int fd = -1;
	static char path[40];
	struct reel_filter f;
	struct reel_walk *w;
	const int stop = 0;

	if (size < 2 || size > ROOM)
		return 0;
	if (fd < 0) {
		fd = memfd_create("segment", 0);
		MUST(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		keys = make_keys(&to);
	}
	m.to = data[0] & SEGMENT_ENCRYPTED ? &to : NULL;
	if (data[0] & SEGMENT_RAW)
		memcpy(m.file, data + 2, m.n = size - 2);
	else
		make_file(&m, data + 2, size - 2);
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, m.file, m.n, 0) == (ssize_t)m.n);

	f = filter_of(data[1]);
	read_file(path, &f, keys, data[0] >> 4);
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	if (reel_walk_stream(fd, &f, keys, &w, NULL) == 0)
		walk_over(w, data[0] >> 4);
	if (data[0] & SEGMENT_FOLLOWED && reel_walk_follow(path, &f, keys, &stop, &w, NULL) == 0)
		walk_over(w, data[0] >> 4);
	if (data[0] & SEGMENT_VERIFIED)
		verify(path, keys);
	return 0;
}
