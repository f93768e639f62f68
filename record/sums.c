/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/sums.h"

#include <errno.h>
#include <stdlib.h>

#include "format/types.h"
#include "record/calls.h"
#include "record/now.h"

/* Of a CPU and class. */
struct telling {
	uint64_t told;		     /* of what the programs count as untold */
	uint64_t count, first, last; /* untold again */
	bool told_taken;
};

struct sums {
	const struct programs *programs;
	struct reel_record *record;
	uint8_t class_of_slot[SLOTS];
	uint8_t class_of_type[EV_MAX_TYPES];
	unsigned n_cpus;
	uint64_t missed_told;
	struct {
		uint64_t kept[CLASSES];
		uint64_t taken[CLASSES]; /* from the rings, by others */
		struct telling telling[CLASSES];
	} cpus[];
};

int sums_new(const struct programs *p, struct sums **ret, struct reel_err *err)
{
	unsigned n_cpus = programs_n_cpus(p);
	struct sums *s = calloc(1, sizeof(*s) + n_cpus * sizeof(s->cpus[0]));

	if (s)
		s->record = malloc(sizeof(*s->record));
	if (!s || !s->record) {
		sums_free(s);
		return reel_err_set(err, -ENOMEM, "no memory for counts");
	}
	s->programs = p;
	s->n_cpus = n_cpus;
	for (unsigned slot = 0; slot < SLOTS; slot++)
		s->class_of_slot[slot] = programs_slot_class(slot);
	for (const struct reel_type *t = reel_types; t->name; t++)
		s->class_of_type[t->id] = t->class_id;
	*ret = s;
	return 0;
}

void sums_free(struct sums *s)
{
	if (!s)
		return;
	free(s->record);
	free(s);
}

void sums_keep(struct sums *s, const struct ev_header *record)
{
	if (record->cpu < s->n_cpus)
		s->cpus[record->cpu].kept[s->class_of_type[record->type] % CLASSES]++;
}

void sums_untell(struct sums *s, const struct ev_lost *lost)
{
	struct telling *t;

	if (lost->lost_cpu >= s->n_cpus || !lost->count)
		return;
	t = &s->cpus[lost->lost_cpu].telling[lost->lost_class % CLASSES];
	if (!t->count || lost->first < t->first)
		t->first = lost->first;
	if (lost->last > t->last)
		t->last = lost->last;
	t->count += lost->count;
}

struct sum sums_get(const struct sums *s, unsigned cpu, unsigned class_id)
{
	const struct cpu_counts *c = programs_counts(s->programs, cpu);
	struct sum sum = {
		.kept = s->cpus[cpu].kept[class_id],
		.folded = c->folded[class_id],
		.filtered = c->filtered[class_id],
		.lost = c->lost[class_id] + s->cpus[cpu].taken[class_id],
		.seen = c->extra[class_id] - c->no_event[class_id],
	};

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		if (s->class_of_slot[slot] != class_id)
			continue;
		sum.seen += c->calls[slot];
		if (!programs_slot_handled(s->programs, slot))
			sum.filtered += c->calls[slot];
	}
	/* What an interrupt counts is of the network. */
	if (class_id == EV_CLASS_net) {
		sum.seen += c->extra[CLASS_SOFTIRQ] - c->no_event[CLASS_SOFTIRQ];
		sum.filtered += c->filtered[CLASS_SOFTIRQ];
		sum.lost += c->lost[CLASS_SOFTIRQ];
	}
	return sum;
}

static void add(struct sum *to, struct sum from)
{
	to->seen += from.seen;
	to->kept += from.kept;
	to->folded += from.folded;
	to->filtered += from.filtered;
	to->lost += from.lost;
}

struct sum sums_of_class(const struct sums *s, unsigned class_id)
{
	struct sum sum = { 0 };

	for (unsigned cpu = 0; cpu < s->n_cpus; cpu++)
		add(&sum, sums_get(s, cpu, class_id));
	return sum;
}

static int add_missed(void *arg, const struct program_run *run)
{
	*(uint64_t *)arg += run->missed;
	return 0;
}

struct sum sums_of_all(const struct sums *s)
{
	struct sum sum = { 0 };

	for (unsigned class_id = 1; class_id < CLASS_SOFTIRQ; class_id++)
		if (class_id != EV_CLASS_tape)
			add(&sum, sums_of_class(s, class_id));
	(void)programs_runs(s->programs, add_missed, &sum.missed);
	return sum;
}

int sums_put(const struct sums *s, const struct record_sink *sink, struct reel_err *err)
{
	const struct reel_type *type = reel_type_by_id(EV_counters);

	for (unsigned cpu = 0; cpu < s->n_cpus; cpu++) {
		for (unsigned class_id = 1; class_id < CLASS_SOFTIRQ; class_id++) {
			struct sum sum = sums_get(s, cpu, class_id);
			struct ev_counters *e;
			int r;

			if (!sum.seen || class_id == EV_CLASS_tape)
				continue;
			e = reel_record_begin(s->record, type);
			s->record->header.ts = now_boottime_ns();
			e->seen = sum.seen;
			e->kept = sum.kept;
			e->folded = sum.folded;
			e->filtered = sum.filtered;
			e->lost = sum.lost;
			e->counted_cpu = (__u16)cpu;
			e->counted_class = (__u8)class_id;
			r = record_put(sink, s->record, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int put_lost(const struct sums *s, unsigned cpu, unsigned class_id, enum loss_cause cause,
		    uint64_t first, uint64_t last, uint64_t count, const struct record_sink *sink,
		    struct reel_err *err)
{
	struct ev_lost *e = reel_record_begin(s->record, reel_type_by_id(EV_lost));

	s->record->header.ts = now_boottime_ns();
	e->first = first;
	e->last = last;
	e->count = count;
	e->lost_cpu = (__u16)cpu;
	e->lost_class = (__u8)class_id;
	e->cause = (__u8)cause;
	return record_put(sink, s->record, err);
}

uint64_t sums_balance(struct sums *s, bool others_read)
{
	uint64_t surplus = 0;

	for (unsigned cpu = 0; cpu < s->n_cpus; cpu++) {
		for (unsigned k = 1; k < CLASS_SOFTIRQ; k++) {
			struct sum sum = sums_get(s, cpu, k);
			uint64_t known = sum.kept + sum.folded + sum.filtered + sum.lost;

			if (k == EV_CLASS_tape)
				continue;
			if (known < sum.seen && others_read)
				s->cpus[cpu].taken[k] = sum.seen - known;
			else if (known > sum.seen)
				surplus += known - sum.seen;
		}
	}
	return surplus;
}

static int put_untold(struct sums *s, unsigned cpu, unsigned k, uint64_t since_ns,
		      const struct record_sink *sink, struct reel_err *err)
{
	const struct cpu_counts *c = programs_counts(s->programs, cpu);
	struct telling *t = &s->cpus[cpu].telling[k];
	unsigned class_id = k == CLASS_SOFTIRQ ? EV_CLASS_net : k;
	uint64_t now = c->lost_now[k].count;
	int r = 0;

	if (now > t->told) {
		r = put_lost(s, cpu, class_id, LOSS_RING_FULL, c->lost_now[k].first,
			     c->lost_now[k].last, now - t->told, sink, err);
		if (r == 0)
			t->told = now;
	}
	if (r == 0 && t->count) {
		r = put_lost(s, cpu, class_id, LOSS_RING_FULL, t->first, t->last, t->count, sink,
			     err);
		if (r == 0)
			t->count = t->last = 0;
	}
	if (r == 0 && s->cpus[cpu].taken[k] && !t->told_taken) {
		r = put_lost(s, cpu, k, LOSS_STOPPED, since_ns, now_boottime_ns(),
			     s->cpus[cpu].taken[k], sink, err);
		t->told_taken = r == 0;
	}
	return r;
}

int sums_put_untold(struct sums *s, uint64_t since_ns, const struct record_sink *sink,
		    struct reel_err *err)
{
	uint64_t missed = sums_of_all(s).missed;
	int r = 0;

	for (unsigned cpu = 0; cpu < s->n_cpus && r == 0; cpu++)
		for (unsigned k = 0; k < CLASSES && r == 0; k++)
			r = put_untold(s, cpu, k, since_ns, sink, err);
	/* Of which CPU and class they would have been nobody knows. */
	if (r == 0 && missed > s->missed_told) {
		r = put_lost(s, EV_NO_CPU, 0, LOSS_MISSED_RUN, since_ns, now_boottime_ns(),
			     missed - s->missed_told, sink, err);
		if (r == 0)
			s->missed_told = missed;
	}
	return r;
}
