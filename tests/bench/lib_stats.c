/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/lib_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/events.h"

enum { PATHS = 1 << 21, PIDS_MAX = 1 << 22, CPUS = 256, GAPS = 64, INODES = 1 << 21 };

struct stats {
	uint64_t n, bytes, types[EV_MAX_TYPES], type_bytes[EV_MAX_TYPES];
	uint64_t opens, absent, refused, with_arg, path_bytes, arg_bytes, argv_bytes, argv_max,
		n_execs;
	uint64_t gaps[GAPS], n_gaps, gap_sum, runs, last_ts[CPUS];
	uint32_t last_tid[CPUS];
	uint32_t *pids;	 /* events of each */
	uint32_t *paths; /* opens of each, by hash */
	uint32_t *inodes;
	const struct reel_type *by_id[EV_MAX_TYPES];
};

struct stats *stats_new(void)
{
	struct stats *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->pids = calloc(PIDS_MAX, sizeof(*s->pids));
	s->paths = calloc(PATHS, sizeof(*s->paths));
	s->inodes = calloc(INODES, sizeof(*s->inodes));
	if (!s->pids || !s->paths || !s->inodes) {
		stats_free(s);
		return NULL;
	}
	for (const struct reel_type *t = reel_types; t->name; t++)
		s->by_id[t->id] = t;
	return s;
}

void stats_free(struct stats *s)
{
	if (!s)
		return;
	free(s->pids);
	free(s->paths);
	free(s->inodes);
	free(s);
}

static uint32_t hash(const uint8_t *bytes, size_t n, uint32_t cells)
{
	uint64_t h = 0xcbf29ce484222325;

	while (n--)
		h = (h ^ *bytes++) * 0x100000001b3;
	return (uint32_t)((h ^ h >> 31) % cells);
}

static void count_open(struct stats *s, const struct ev_header *h, const struct ev_open *e)
{
	const uint8_t *path = (const uint8_t *)(e + 1);

	s->opens++;
	s->absent += h->ret == -ENOENT;
	s->refused += h->ret == -EACCES;
	s->with_arg += e->path_arg > 0;
	s->path_bytes += e->path;
	s->arg_bytes += e->path_arg;
	s->paths[hash(path, e->path, PATHS)]++;
	if (h->ret >= 0)
		s->inodes[hash((const uint8_t *)&e->inode, 8, INODES)]++;
}

static void count_time(struct stats *s, const struct ev_header *h)
{
	uint64_t gap = h->ts - s->last_ts[h->cpu];

	if (s->last_ts[h->cpu] && h->ts >= s->last_ts[h->cpu]) {
		/* Two cells for each power of two. */
		unsigned bits = gap ? 63 - (unsigned)__builtin_clzll(gap) : 0;
		unsigned cell = 2 * bits + (bits && gap >> (bits - 1) & 1);

		s->gaps[cell < GAPS ? cell : GAPS - 1]++;
		s->gap_sum += gap;
		s->n_gaps++;
	}
	s->last_ts[h->cpu] = h->ts;
	s->runs += h->tid != s->last_tid[h->cpu];
	s->last_tid[h->cpu] = h->tid;
}

void stats_record(struct stats *s, const void *record)
{
	const struct ev_header *h = record;

	s->n++;
	s->bytes += sizeof(*h) + h->length;
	s->types[h->type]++;
	s->type_bytes[h->type] += sizeof(*h) + h->length;
	s->pids[h->pid % PIDS_MAX]++;
	if (h->type == EV_open) {
		count_open(s, h, (const struct ev_open *)(h + 1));
	} else if (h->type == EV_exec) {
		const struct ev_exec *e = (const struct ev_exec *)(h + 1);

		s->n_execs++;
		s->argv_bytes += e->argv;
		s->argv_max = s->argv_max > e->argv ? s->argv_max : e->argv;
	}
	/* State comes after the events of its round: time seems to go back there. */
	if (h->cpu < CPUS && s->by_id[h->type]->class_id != EV_CLASS_process)
		count_time(s, h);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x < y) - (x > y);
}

/* How many there are, and which share the most frequent hundredth of them has. */
static void print_skew(FILE *out, const char *name, uint32_t *counts, size_t n)
{
	size_t used, top = 0;
	uint64_t all = 0, of_top = 0;

	qsort(counts, n, sizeof(*counts), compare);
	for (used = 0; used < n && counts[used]; used++)
		all += counts[used];
	top = (used + 99) / 100;
	for (size_t i = 0; i < top; i++)
		of_top += counts[i];
	if (all)
		fprintf(out, "%-28s %zu; the top 1 %% have %.1f %%, the first ten %.1f %%\n", name,
			used, 100.0 * (double)of_top / (double)all,
			100.0 *
				(double)(counts[0] + counts[1] + counts[2] + counts[3] + counts[4] +
					 counts[5] + counts[6] + counts[7] + counts[8] +
					 counts[9]) /
				(double)all);
}

static double quantile(const struct stats *s, double q)
{
	uint64_t seen = 0;

	for (unsigned cell = 0; cell < GAPS; cell++) {
		seen += s->gaps[cell];
		if ((double)seen >= q * (double)s->n_gaps)
			return (double)(1ull << cell / 2) * (cell % 2 ? 1.75 : 1.25) / 1000;
	}
	return 0;
}

void stats_print(struct stats *s, FILE *out)
{
	static const double at[] = { 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999 };
	double opens = s->opens ? (double)s->opens : 1, n = s->n ? (double)s->n : 1;

	for (;;) {
		unsigned best = 0;

		for (unsigned i = 0; i < EV_MAX_TYPES; i++)
			if (s->types[i] > s->types[best])
				best = i;
		if (!s->types[best])
			break;
		fprintf(out, "%-20s %9llu %6.2f %% %7.1f bytes\n", s->by_id[best]->name,
			(unsigned long long)s->types[best], 100.0 * (double)s->types[best] / n,
			(double)s->type_bytes[best] / (double)s->types[best]);
		s->types[best] = 0;
	}
	fprintf(out, "record, mean                 %.1f bytes\n", (double)s->bytes / n);
	fprintf(out, "open: ENOENT, EACCES         %.1f %%, %.2f %%\n",
		100 * (double)s->absent / opens, 100 * (double)s->refused / opens);
	fprintf(out, "open: path, mean             %.1f bytes\n", (double)s->path_bytes / opens);
	fprintf(out, "open: passed otherwise       %.1f %%\n", 100 * (double)s->with_arg / opens);
	fprintf(out, "argv: mean, longest          %.0f, %llu bytes\n",
		(double)s->argv_bytes / (double)(s->n_execs ? s->n_execs : 1),
		(unsigned long long)s->argv_max);
	print_skew(out, "pids", s->pids, PIDS_MAX);
	print_skew(out, "paths opened", s->paths, PATHS);
	print_skew(out, "inodes opened", s->inodes, INODES);
	fprintf(out, "gaps on a CPU, us           ");
	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		fprintf(out, " %.3g:%.3g", 100 * at[i], quantile(s, at[i]));
	fprintf(out, ", mean %.1f\n",
		(double)s->gap_sum / (double)(s->n_gaps ? s->n_gaps : 1) / 1000);
	fprintf(out, "events of a thread in a row  %.1f\n", n / (double)(s->runs ? s->runs : 1));
}
