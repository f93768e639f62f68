/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast a capture is read. One line of JSON for each measurement, RUNS of each:
 *
 *	read_bench CAPTURE [RUNS [WHAT]...]
 *
 * blocks-1, blocks-2   every block decompressed and checked, every event's fields looked at, by one
 *                      and by two threads, in no particular order: what a scan costs
 * ordered              the same through reel_walk_next(), in the order of time
 * no-match             the same for a type and a pid that are nowhere
 * minute               one minute in the middle
 * at                   the processes at a moment in the middle, from the last keyframe on
 * libzstd-unpack       what libzstd alone takes for all bodies, each from its place into one buffer
 * libzstd-pack         and to make them again, as the writer asks for it
 * libsodium-tag        the tag that each block carries, from where it lies
 *
 * cpu_s is CPU time of all threads, the others are by the clock. Of libzstd-pack both are CPU time.
 */
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "format/segment.h"
#include "format/walk.h"
#include "format/writer.h"

enum { MOST_RUNS = 50, PIDS = 1 << 22 };

struct result {
	uint64_t events, blocks, unpacked, check;
	double own_s; /* not 0: only this of its time counts */
};

struct scan {
	const struct reel_reader *r;
	_Atomic uint32_t next;
	_Atomic uint64_t events, check;
};

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Something of everything that an event has, so that nothing is left undone. */
static inline uint64_t touch(const struct reel_event *ev)
{
	uint64_t check = ev->ts ^ ev->seq ^ ev->pid ^ ev->tid ^ (uint64_t)ev->ret ^ ev->call;

	if (ev->type->fixed_bytes)
		check ^= ev->fixed[0];
	if (ev->type->n_strings) {
		struct reel_string s = reel_event_string_at(ev, ev->type->string_offsets[0]);

		check ^= s.length ? s.bytes[s.length - 1] : 0u;
	}
	return check;
}

static void *scan_thread(void *arg)
{
	struct scan *s = arg;
	struct reel_unpacked u = { 0 };
	uint64_t events = 0, check = 0;
	uint32_t i;

	while ((i = atomic_fetch_add(&s->next, 1)) < s->r->n_blocks) {
		struct reel_event ev;

		if (reel_reader_unpack(s->r, i, &u, NULL) < 0)
			continue;
		for (uint32_t run = 0; run < u.n_runs; run++) {
			for (uint32_t k = u.run_at[run]; k < u.run_at[run + 1]; k++) {
				reel_unpacked_event(&u, run, k, &ev);
				check += touch(&ev);
			}
		}
		events += u.n_events;
	}
	atomic_fetch_add(&s->events, events);
	atomic_fetch_add(&s->check, check);
	reel_unpack_done(&u);
	return NULL;
}

static struct result scan_blocks(const struct reel_reader *r, unsigned n_threads)
{
	struct scan s = { .r = r };
	pthread_t threads[2];

	for (unsigned i = 1; i < n_threads; i++)
		if (pthread_create(&threads[i], NULL, scan_thread, &s) != 0)
			exit(1);
	scan_thread(&s);
	for (unsigned i = 1; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	return (struct result){ s.events, r->n_blocks, r->n_blocks, s.check };
}

static struct result scan_1(const struct reel_reader *r)
{
	return scan_blocks(r, 1);
}

static struct result scan_2(const struct reel_reader *r)
{
	return scan_blocks(r, 2);
}

static struct result scan_apart(const struct reel_reader *r)
{
	pid_t other = fork();
	struct result result;

	if (other < 0)
		exit(1);
	result = scan_blocks(r, 1);
	if (other == 0)
		_exit(0);
	if (waitpid(other, NULL, 0) != other)
		exit(1);
	result.events *= 2;
	return result;
}

static struct result walk(const struct reel_reader *r, const struct reel_filter *f)
{
	struct result result = { 0 };
	struct reel_walk_stats stats;
	struct reel_walk *w;
	struct reel_event ev;
	struct reel_err err = { 0 };

	if (reel_walk_open(r, f, &w, &err) < 0) {
		fprintf(stderr, "read_bench: %s\n", err.msg);
		exit(1);
	}
	while (reel_walk_next(w, &ev, &err) > 0)
		result.check += touch(&ev);
	reel_walk_stats(w, &stats);
	result.events = stats.events;
	result.blocks = stats.blocks;
	result.unpacked = stats.unpacked;
	reel_walk_close(w);
	return result;
}

static struct result ordered(const struct reel_reader *r)
{
	return walk(r, NULL);
}

static struct result no_match(const struct reel_reader *r)
{
	struct reel_filter f = { .some_types = true, .n_pids = 1, .pids = { 4194303 } };

	f.types[EV_open] = true;
	return walk(r, &f);
}

static int64_t middle(const struct reel_reader *r)
{
	struct reel_clock_cache cache = { 0 };
	const struct reel_boot *boot = &r->boots[0];

	return reel_clocks_realtime(&boot->clocks, boot->ts_min + (boot->ts_max - boot->ts_min) / 2,
				    &cache);
}

static struct result minute(const struct reel_reader *r)
{
	struct reel_filter f = { .from = { REEL_REALTIME, middle(r) },
				 .to = { REEL_REALTIME, middle(r) + 60000000000ll } };

	return walk(r, &f);
}

/* Which pids are alive at a moment: what the keyframe lists, and forks and exits since. */
static struct result processes_at(const struct reel_reader *r)
{
	const struct reel_boot *boot = &r->boots[0];
	uint64_t at = boot->ts_min + (boot->ts_max - boot->ts_min) / 2, from;
	struct reel_filter f = { .some_types = true, .kinds = 1u << TAPE_STATE };
	uint8_t *alive = calloc(PIDS, 1);
	struct result result = { 0 };
	struct reel_walk_stats stats;
	struct reel_walk *w;
	struct reel_event ev;
	struct reel_err err = { 0 };

	if (!alive || reel_keyframe_before(r, boot, at, &from) < 0)
		exit(1);
	f.from = (struct reel_moment){ REEL_BOOTTIME, (int64_t)from };
	f.to = (struct reel_moment){ REEL_BOOTTIME, (int64_t)at };
	f.types[EV_process] = f.types[EV_fork] = f.types[EV_exit] = true;
	if (reel_walk_open(r, &f, &w, &err) < 0)
		exit(1);
	while (reel_walk_next(w, &ev, &err) > 0) {
		uint32_t pid = ev.pid;
		bool is_alive = ev.type->id != EV_exit;

		if (ev.type->id == EV_fork)
			memcpy(&pid, ev.fixed + offsetof(struct ev_fork, child), sizeof(pid));
		if (pid >= PIDS)
			continue;
		result.events += is_alive && !alive[pid];
		result.events -= !is_alive && alive[pid];
		alive[pid] = is_alive;
	}
	reel_walk_stats(w, &stats);
	result.blocks = stats.blocks;
	result.unpacked = stats.unpacked;
	reel_walk_close(w);
	free(alive);
	return result;
}

/* The floor: what nobody can leave out who keeps bodies so. */
static struct result libzstd(const struct reel_reader *r, bool packs)
{
	uint8_t *raw = malloc(TAPE_RAW_MAX), *packed = malloc(ZSTD_compressBound(TAPE_RAW_MAX));
	ZSTD_DCtx *unpacker = ZSTD_createDCtx();
	ZSTD_CCtx *packer = ZSTD_createCCtx();
	struct result result = { .blocks = r->n_blocks };

	if (!raw || !packed || !unpacker || !packer)
		exit(1);
	reel_segment_set_level(packer, REEL_LEVEL);
	for (uint32_t i = 0; i < r->n_blocks; i++) {
		const struct reel_entry *e = &r->blocks[i];
		const uint8_t *body = e->at + e->header_bytes;
		double start;

		if (!(e->flags & TAPE_ZSTD))
			continue;
		result.check +=
			ZSTD_decompressDCtx(unpacker, raw, TAPE_RAW_MAX, body, e->stored_bytes);
		result.unpacked++;
		result.events += e->n_events;
		if (!packs)
			continue;
		start = now(CLOCK_THREAD_CPUTIME_ID);
		result.check += ZSTD_compress2(packer, packed, ZSTD_compressBound(TAPE_RAW_MAX),
					       raw, e->raw_bytes);
		result.own_s += now(CLOCK_THREAD_CPUTIME_ID) - start;
	}
	ZSTD_freeCCtx(packer);
	ZSTD_freeDCtx(unpacker);
	free(packed);
	free(raw);
	return result;
}

static struct result libsodium_tag(const struct reel_reader *r)
{
	struct result result = { .blocks = r->n_blocks };
	uint8_t tag[TAPE_TAG_BYTES];

	for (uint32_t i = 0; i < r->n_blocks; i++) {
		const struct reel_entry *e = &r->blocks[i];

		crypto_generichash_blake2b(tag, sizeof(tag), e->at,
					   (unsigned long long)e->header_bytes + e->stored_bytes,
					   NULL, 0);
		result.check += tag[0];
		result.unpacked++;
		result.events += e->n_events;
	}
	return result;
}

static struct result libzstd_unpack(const struct reel_reader *r)
{
	return libzstd(r, false);
}

static struct result libzstd_pack(const struct reel_reader *r)
{
	return libzstd(r, true);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *name, struct result (*what)(const struct reel_reader *),
		    const struct reel_reader *r, unsigned n_runs)
{
	double wall[MOST_RUNS], cpu[MOST_RUNS];
	struct result result = { 0 };

	for (unsigned i = 0; i < n_runs; i++) {
		double start = now(CLOCK_MONOTONIC), cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);

		result = what(r);
		cpu[i] = result.own_s ? result.own_s : now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
		wall[i] = result.own_s ? result.own_s : now(CLOCK_MONOTONIC) - start;
	}
	qsort(wall, n_runs, sizeof(wall[0]), by_value);
	qsort(cpu, n_runs, sizeof(cpu[0]), by_value);
	printf("{\"what\":\"%s\",\"events\":%llu,\"blocks\":%llu,\"unpacked\":%llu,"
	       "\"min_s\":%.6f,\"median_s\":%.6f,\"max_s\":%.6f,\"cpu_s\":%.6f,"
	       "\"m_events_per_s\":%.2f}\n",
	       name, (unsigned long long)result.events, (unsigned long long)result.blocks,
	       (unsigned long long)result.unpacked, wall[0], wall[n_runs / 2], wall[n_runs - 1],
	       cpu[n_runs / 2], (double)result.events / wall[n_runs / 2] / 1e6);
	fflush(stdout);
}

static const struct {
	const char *name;
	struct result (*what)(const struct reel_reader *);
} measurements[] = {
	{ "blocks-1", scan_1 },		  { "blocks-2", scan_2 },
	{ "apart", scan_apart },	  { "ordered", ordered },
	{ "no-match", no_match },	  { "minute", minute },
	{ "at", processes_at },		  { "libzstd-unpack", libzstd_unpack },
	{ "libzstd-pack", libzstd_pack }, { "libsodium-tag", libsodium_tag },
};

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 3; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc <= 3;
}

int main(int argc, char **argv)
{
	unsigned n_runs = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
	struct reel_reader *r;
	struct reel_err err = { 0 };
	double start = now(CLOCK_MONOTONIC);

	if (argc < 2 || n_runs < 1 || n_runs > MOST_RUNS) {
		fprintf(stderr, "usage: read_bench CAPTURE [RUNS [WHAT]...]\n");
		return 2;
	}
	if (reel_reader_open(argv[1], &r, &err) < 0) {
		fprintf(stderr, "read_bench: %s\n", err.msg);
		return 3;
	}
	printf("{\"what\":\"open\",\"blocks\":%u,\"segments\":%u,\"bytes\":%llu,"
	       "\"median_s\":%.6f}\n",
	       r->n_blocks, r->n_segments, (unsigned long long)r->bytes,
	       now(CLOCK_MONOTONIC) - start);
	for (unsigned i = 0; i < sizeof(measurements) / sizeof(*measurements); i++)
		if (is_wanted(measurements[i].name, argc, argv))
			measure(measurements[i].name, measurements[i].what, r, n_runs);
	reel_reader_close(r);
	return 0;
}
