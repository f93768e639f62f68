/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a capture again with something gone, and with the record of it that an honest recorder
 * would have put in: for tests of what a replay says of events that it cannot see.
 *
 *	lose -o DIR --what events|span|tails|hook [--n N] [--seed N] [--type NAME] [--event CPU-SEQ]
 *	     CAPTURE
 *
 * events	N events, one by one
 * span		N neighbours of one stream
 * tails	the ends of a string of N events; how long it was is kept
 * hook		all events of a type, which was never seen
 *
 * With --event it is that one, with --type one of that type. What was there before keeps its time,
 * CPU and number. What is gone is printed, a line of JSON each.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/options.h"
#include "format/record.h"
#include "format/walk.h"
#include "format/writer.h"
#include "tests/bench/lib_rand.h"

enum what { EVENTS, SPAN, TAILS, HOOK };
enum status { LOADED, NOT_THERE = 2, REFUSED = 3 };
enum { CPUS = 256, CLASSES = 16 };

struct options {
	const char *output, *type, *event;
	uint64_t n, seed;
	int what;
};

static const struct reel_option table[] = {
	{ "output", 'o', "DIR", REEL_OPT_STRING, offsetof(struct options, output), "the capture" },
	{ "what", 0, NULL, REEL_OPT_CHOICE, offsetof(struct options, what), "what goes",
	  .choices = "events|span|tails|hook" },
	{ "n", 'n', "N", REEL_OPT_U64, offsetof(struct options, n), "how many (default: 1)" },
	{ "seed", 's', "N", REEL_OPT_U64, offsetof(struct options, seed), "which ones" },
	{ "type", 0, "NAME", REEL_OPT_STRING, offsetof(struct options, type), "of this type only" },
	{ "event", 0, "CPU-SEQ", REEL_OPT_STRING, offsetof(struct options, event), "this one" },
	{ 0 },
};

/* What is known of an event before it is decided whether it goes. */
struct entry {
	uint64_t seq;
	uint16_t cpu;
	uint8_t type, class_id, stream;
	bool may_go, has_text, goes;
};

/* Events of a CPU and a class that are gone and not yet told of. */
struct untold {
	uint64_t first, last, count;
};

struct loser {
	const struct options *o;
	const struct reel_type *type;
	struct reel_reader *r;
	struct reel_writer *w;
	struct entry *entries;
	size_t n, room;
	bool there[EV_MAX_TYPES];
	struct untold untold[CPUS][CLASSES];
	struct reel_record record, own;
	struct rng rng;
	struct reel_err err;
};

static bool has_text(const struct reel_event *ev)
{
	for (unsigned i = 0; i < ev->type->n_fields; i++)
		if (reel_field_is_string(&ev->type->fields[i]) &&
		    reel_event_string(ev, &ev->type->fields[i]).length)
			return true;
	return false;
}

static int note(struct loser *l, const struct reel_event *ev)
{
	bool is_of_recorder = ev->type->class_id == EV_CLASS_state ||
			      ev->type->class_id == EV_CLASS_tape || ev->flags & EV_KEYFRAME;

	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 1024;
		struct entry *more = reallocarray(l->entries, room, sizeof(*more));

		if (!more)
			return reel_err_set(&l->err, -ENOMEM, "no memory");
		l->entries = more;
		l->room = room;
	}
	if (ev->cpu != EV_NO_CPU && ev->cpu >= CPUS)
		return reel_err_set(&l->err, -ERANGE, "CPU %u is too many", ev->cpu);
	l->there[ev->type->id] = true;
	l->entries[l->n++] = (struct entry){
		.seq = ev->seq,
		.cpu = ev->cpu,
		.type = ev->type->id,
		.class_id = ev->type->class_id,
		.stream = ev->type->stream,
		.may_go = !is_of_recorder,
		.has_text = has_text(ev) && (!is_of_recorder || ev->type->id == EV_process),
	};
	return 0;
}

/* Which go ------------------------------------------------------------------------------------- */

static bool is_named(const struct loser *l, const struct entry *e)
{
	char name[48];

	if (l->type && e->type != l->type->id)
		return false;
	snprintf(name, sizeof(name), "%u-%" PRIu64, e->cpu, e->seq);
	return !l->o->event || strcmp(name, l->o->event) == 0;
}

static void choose_span(struct loser *l, size_t begin)
{
	uint64_t left = l->o->n;
	uint8_t stream = l->entries[begin].stream;

	for (size_t i = begin; i < l->n && left; i++) {
		if (!l->entries[i].may_go || l->entries[i].stream != stream)
			continue;
		l->entries[i].goes = true;
		left--;
	}
}

static int choose(struct loser *l)
{
	size_t *fit = calloc(l->n + 1, sizeof(*fit));
	size_t n = 0;

	if (!fit)
		return reel_err_set(&l->err, -ENOMEM, "no memory");
	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->entries[i];

		if ((l->o->what == TAILS ? e->has_text : e->may_go) && is_named(l, e))
			fit[n++] = i;
	}
	if (!n) {
		free(fit);
		return reel_err_set(&l->err, -ENOENT, "there is no such event");
	}
	if (l->o->what == SPAN) {
		choose_span(l, fit[rng_below(&l->rng, (uint32_t)n)]);
	} else if (l->o->what == HOOK) {
		uint8_t type = l->entries[fit[rng_below(&l->rng, (uint32_t)n)]].type;

		l->type = reel_type_by_id(type);
		for (size_t i = 0; i < l->n; i++)
			l->entries[i].goes = l->entries[i].type == type;
	} else {
		for (uint64_t k = 0; k < l->o->n; k++)
			l->entries[fit[rng_below(&l->rng, (uint32_t)n)]].goes = true;
	}
	free(fit);
	return 0;
}

/* Writing -------------------------------------------------------------------------------------- */

static void say(const struct loser *l, const struct reel_event *ev, const char *field)
{
	static const char *const names[] = { "events", "span", "tails", "hook" };

	printf("{\"what\":\"%s\",\"type\":\"%s\",\"class\":\"%s\",\"cpu\":%u,\"seq\":%" PRIu64
	       ",\"ts\":%" PRIu64 "%s%s%s}\n",
	       names[l->o->what], ev->type->name, reel_class_by_id(ev->type->class_id)->name,
	       ev->cpu, ev->seq, ev->ts, field ? ",\"field\":\"" : "", field ? field : "",
	       field ? "\"" : "");
}

static int tell_losses(struct loser *l, unsigned cpu, uint64_t ts)
{
	for (unsigned class_id = 0; class_id < CLASSES; class_id++) {
		struct untold *u = &l->untold[cpu][class_id];
		struct ev_lost *lost;
		int r;

		if (!u->count)
			continue;
		lost = reel_record_begin(&l->own, reel_type_by_id(EV_lost));
		lost->first = u->first;
		lost->last = u->last;
		lost->count = u->count;
		lost->lost_cpu = (uint16_t)cpu;
		lost->lost_class = (uint8_t)class_id;
		l->own.header.ts = ts;
		r = reel_writer_append_own(l->w, &l->own.header, reel_record_end(&l->own), &l->err);
		if (r < 0)
			return r;
		u->count = 0;
	}
	return 0;
}

static void lose(struct loser *l, const struct reel_event *ev)
{
	struct untold *u = &l->untold[ev->cpu][ev->type->class_id % CLASSES];

	say(l, ev, NULL);
	if (l->o->what == HOOK)
		return; /* nobody knows that they were there */
	if (!u->count++)
		u->first = ev->ts;
	u->last = ev->ts;
}

/* Makes the record of an event with one of its strings shorter than it was. */
static size_t cut_tail(struct loser *l, const struct reel_event *ev)
{
	struct reel_record *r = &l->record;
	const struct reel_type *t = ev->type;
	const struct reel_field *chosen = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < t->n_fields; i++)
		if (reel_field_is_string(&t->fields[i]) &&
		    reel_event_string(ev, &t->fields[i]).length && rng_below(&l->rng, ++n) == 0)
			chosen = &t->fields[i];
	(void)reel_record_of_event(r, ev);
	r->used = t->fixed_bytes;
	r->n_strings = 0;
	r->header.flags &= (uint8_t)~EV_TRUNCATED;
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct reel_field *f = &t->fields[i];
		struct reel_string s;

		if (!reel_field_is_string(f))
			continue;
		s = reel_event_string(ev, f);
		reel_record_cut_string(r, s.bytes,
				       f == chosen ? rng_below(&l->rng, s.length) : s.length,
				       s.true_length);
	}
	say(l, ev, chosen ? chosen->name : NULL);
	return reel_record_end(r);
}

static int copy(struct loser *l, const struct reel_event *ev, bool is_cut)
{
	size_t length;
	int r;

	if (!ev->segment->schema->as_built[ev->type->id])
		return reel_err_set(&l->err, -EINVAL, "%s is of another version", ev->type->name);
	length = is_cut ? cut_tail(l, ev) : reel_record_of_event(&l->record, ev);
	if (ev->cpu == EV_NO_CPU)
		r = reel_writer_append_own(l->w, &l->record.header, length, &l->err);
	else
		r = reel_writer_append(l->w, &l->record, length, &l->err);
	return r;
}

static int append_coverage(struct loser *l, uint64_t ts)
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		const struct reel_type *type = reel_type_by_id(t);
		struct ev_coverage *c;
		int r;

		if (!type || !(l->there[t] || type == l->type) || type->class_id == EV_CLASS_tape)
			continue;
		c = reel_record_begin(&l->own, reel_type_by_id(EV_coverage));
		c->status = LOADED;
		if (type == l->type)
			c->status = rng_below(&l->rng, 2) ? NOT_THERE : REFUSED;
		reel_record_string(&l->own, type->name, strlen(type->name));
		reel_record_string(&l->own, type->name, strlen(type->name));
		l->own.header.ts = ts;
		r = reel_writer_append_own(l->w, &l->own.header, reel_record_end(&l->own), &l->err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Calls DO with each event, in order. */
static int walk(struct loser *l,
		int (*each)(struct loser *l, const struct reel_event *ev, size_t number))
{
	const struct reel_filter all = { 0 };
	struct reel_walk *w;
	struct reel_event ev;
	size_t number = 0;
	int r = reel_walk_open(l->r, &all, &w, &l->err);

	if (r < 0)
		return r;
	while ((r = reel_walk_next(w, &ev, &l->err)) > 0) {
		r = each(l, &ev, number++);
		if (r < 0)
			break;
	}
	reel_walk_close(w);
	return r;
}

static int note_one(struct loser *l, const struct reel_event *ev, size_t number)
{
	(void)number;
	return note(l, ev);
}

static int write_one(struct loser *l, const struct reel_event *ev, size_t number)
{
	const struct entry *e = &l->entries[number];
	int r = 0;

	if (number == 0 && l->o->what == HOOK)
		r = append_coverage(l, ev->ts);
	if (r == 0 && e->goes && l->o->what != TAILS) {
		lose(l, ev);
		return 0;
	}
	if (r == 0 && ev->cpu != EV_NO_CPU)
		r = tell_losses(l, ev->cpu, ev->ts);
	if (r == 0)
		r = copy(l, ev, e->goes);
	if (r == 0) {
		reel_writer_settle(l->w, ev->ts);
		r = reel_writer_tick(l->w, ev->ts, &l->err);
	}
	return r;
}

static int run(struct loser *l, const char *from)
{
	struct reel_writer_options w = {
		.directory = l->o->output,
		.latency_ns = 1ull << 62,
		.segment_ns = 1ull << 62,
		.in_line = true,
		.sync = REEL_SYNC_NONE,
	};
	uint64_t end;
	int r = reel_reader_open(from, &l->r, &l->err);

	if (r < 0)
		return r;
	if (l->r->n_boots != 1)
		return reel_err_set(&l->err, -EINVAL, "there must be one boot in it");
	r = walk(l, note_one);
	if (r == 0)
		r = choose(l);
	if (r < 0)
		return r;
	w.meta = l->r->segments[0].meta;
	r = reel_writer_open(&w, &l->w, &l->err);
	if (r < 0)
		return r;
	r = walk(l, write_one);
	end = l->r->boots[0].ts_max + 1;
	for (unsigned cpu = 0; r == 0 && cpu < CPUS; cpu++)
		r = tell_losses(l, cpu, end);
	if (r < 0) {
		reel_writer_abandon(l->w);
		return r;
	}
	reel_writer_settle(l->w, end + 1);
	return reel_writer_close(l->w, &l->err);
}

int main(int argc, char **argv)
{
	struct options o = { .n = 1, .seed = 1 };
	struct loser *l = calloc(1, sizeof(*l));
	struct reel_args args;
	int r = -EINVAL;

	if (!l)
		return 2;
	l->o = &o;
	if (reel_options_parse(table, &o, argc, argv, &args, &l->err) < 0)
		fprintf(stderr, "lose: %s\n", l->err.msg);
	else if (args.n != 1 || !o.output)
		fprintf(stderr, "usage: lose -o DIR --what WHAT CAPTURE\n");
	else if (o.type && !(l->type = reel_type_by_name(o.type, strlen(o.type))))
		fprintf(stderr, "lose: no such type: %s\n", o.type);
	else {
		rng_seed(&l->rng, o.seed);
		r = run(l, args.v[0]);
		if (r < 0)
			fprintf(stderr, "lose: %s\n", l->err.msg);
	}
	reel_reader_close(l->r);
	free(l->entries);
	reel_options_done(table, &o);
	free(l);
	return r == -ENOENT ? 1 : r < 0 ? 2 : 0;
}
