/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/reader.h"
#include "format/verify.h"
#include "tests/bench/lib_crash.h"

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The numbers that are there follow each other without a hole. */
static void check_numbers(struct crash_found *f, uint64_t *numbers)
{
	if (!f->events)
		return;
	qsort(numbers, f->events, sizeof(*numbers), by_number);
	f->first = numbers[0];
	f->last = numbers[f->events - 1];
	f->whole = f->first;
	for (uint64_t i = 1; i < f->events; i++) {
		f->whole += numbers[i] == f->whole + 1;
		f->in_order &= numbers[i] == numbers[i - 1] + 1;
	}
}

static void note_lost(struct crash_found *f, const struct ev_lost *at)
{
	struct ev_lost lost;

	memcpy(&lost, at, sizeof(lost));
	if (lost.lost_class == EV_CLASS_file)
		f->lost_events += lost.count;
}

static int read_events(struct reel_walk *walk, struct crash_found *f, struct reel_err *err)
{
	uint64_t *numbers = NULL, room = 0, last_ts = 0;
	struct reel_event ev;
	int r;

	f->in_order = true;
	while ((r = reel_walk_next(walk, &ev, err)) > 0) {
		f->in_order &= ev.ts >= last_ts;
		last_ts = ev.ts;
		f->retired += ev.type->id == EV_retired;
		f->clocks += ev.type->id == EV_clock;
		if (ev.type->id == EV_lost)
			note_lost(f, (const void *)ev.fixed);
		if (ev.type->id != EV_open)
			continue;
		if (f->events == room) {
			room = room ? 2 * room : 1024;
			numbers = reallocarray(numbers, room, sizeof(*numbers));
			if (!numbers)
				abort();
		}
		memcpy(&numbers[f->events++], ev.fixed + offsetof(struct ev_open, inode), 8);
	}
	check_numbers(f, numbers);
	free(numbers);
	f->ending = reel_walk_health(walk)->ending;
	f->lost = reel_walk_health(walk)->lost;
	return r;
}

static int count_damages(const char *path, struct crash_found *f, struct reel_err *err)
{
	char *paths[] = { (char *)(uintptr_t)path };
	struct reel_verification *v;
	int r = reel_verify(paths, 1, NULL, &v, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < v->n; i++) {
		f->damages += v->captures[i].n_damages;
		for (unsigned k = 0; k < v->captures[i].n_findings; k++)
			if (v->captures[i].findings[k].kind == REEL_FINDING_DAMAGE)
				fprintf(stderr, "%s+%llu: %s\n", v->captures[i].findings[k].path,
					(unsigned long long)v->captures[i].findings[k].offset,
					v->captures[i].findings[k].what);
	}
	reel_verification_free(v);
	return 0;
}

int crash_look_at(const char *path, struct crash_found *f, struct reel_err *err)
{
	struct reel_reader *reader;
	struct reel_walk *walk;
	int r;

	memset(f, 0, sizeof(*f));
	r = reel_reader_open(path, &reader, err);
	if (r < 0)
		return r;
	r = reel_walk_open(reader, NULL, &walk, err);
	if (r == 0) {
		r = read_events(walk, f, err);
		reel_walk_close(walk);
	}
	f->segments = reader->n_segments;
	f->has_end = reader->segments[reader->n_segments - 1].has_end;
	f->end_reason = reader->segments[reader->n_segments - 1].end_reason;
	reel_reader_close(reader);
	return r < 0 ? r : count_damages(path, f, err);
}
