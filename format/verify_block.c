/* SPDX-License-Identifier: BSD-2-Clause */
/* One block by itself: its frame, and the events in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "format/bloom.h"
#include "format/scribe.h"
#include "format/verify_impl.h"

enum {
	KNOWN_FLAGS = TAPE_ZSTD | TAPE_SEALED | TAPE_REQUIRED | TAPE_ENCRYPTED | TAPE_KEYFRAME,
};

static bool holds_events(uint8_t kind)
{
	return kind >= TAPE_STATE && kind <= TAPE_CLOCK;
}

static bool is_zero(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n--)
		if (*p++)
			return false;
	return true;
}

void verify_frame(struct verifier *x)
{
	const struct tape_header *h = &x->b.h;
	bool is_secret = h->flags & TAPE_ENCRYPTED;

	if (h->reserved)
		verify_damage(x, "a reserved field of the header is not zero");
	if (h->flags & ~KNOWN_FLAGS && !x->segment.is_newer)
		verify_damage(x, "unknown flags 0x%x", h->flags & ~KNOWN_FLAGS);
	if (h->flags & (TAPE_SEALED | TAPE_ENCRYPTED) && x->meta.major && x->meta.minor < 1)
		verify_damage(x, "sealed or encrypted, which this version of the format cannot be");
	if (h->flags & TAPE_KEYFRAME && h->kind != TAPE_STATE)
		verify_damage(x, "a keyframe in a block that is not STATE");
	if (h->header_bytes !=
		    TAPE_HEADER_MIN + h->bloom_bytes +
			    (is_secret && x->meta.minor >= 1 ? sizeof(struct tape_secret) : 0) &&
	    !x->segment.is_newer)
		verify_damage(x, "header has fields that this version of the format lacks");
	if (!(h->flags & (TAPE_ZSTD | TAPE_ENCRYPTED)) && h->raw_bytes != h->stored_bytes)
		verify_damage(x, "stored and raw length differ in a block that is not compressed");
	if (!holds_events(h->kind) && h->kind < TAPE_KINDS &&
	    (h->n_events || h->ts_min || h->ts_max || h->settled || h->bloom_bytes ||
	     (!is_secret && !is_zero(h->types, sizeof(h->types)))))
		verify_damage(x, "header speaks of events, but this kind of block has none");
	if (!reel_block_body_is_sound(&x->b))
		verify_damage(x, "body does not match its checksum");
	if (!reel_block_padding_is_zero(&x->b))
		verify_damage(x, "padding is not zero");
	verify_tag(x);
	verify_capture(x)->encrypted_blocks += is_secret;
}

void verify_schema(struct verifier *x)
{
	struct verify_segment *s = &x->segment;
	struct reel_err why = { 0 };
	uint8_t *raw = NULL;
	int r = -ENOMEM;

	if (x->b.h.flags & TAPE_ENCRYPTED)
		return;
	if (!x->u.zstd)
		x->u.zstd = ZSTD_createDCtx();
	raw = malloc(x->b.h.raw_bytes + 8u);
	if (raw && x->u.zstd)
		r = reel_block_inflate(&x->b, x->u.zstd, raw, &why);
	if (r == 0)
		r = reel_schema_decode(raw, x->b.h.raw_bytes, &s->schema, &why);
	if (r == -ENOMEM)
		x->no_memory = true;
	else if (r < 0)
		verify_damage(x, "%s", why.msg);
	s->lacks_schema = r < 0;
	free(raw);
}

/* What unpacking passes over, since it does no harm to a reader. */
static void check_layout(struct verifier *x)
{
	const struct reel_unpacked *u = &x->u;
	const struct tape_body *head = u->raw.memory;
	const struct tape_column *rows = (const void *)(head + 1);
	const struct tape_group *groups = (const void *)(u->runs + u->n_runs);

	for (uint32_t i = 0; i < head->n_columns; i++) {
		if (rows[i].reserved)
			verify_damage(x, "a reserved field of a column is not zero");
		if ((rows[i].id == 0 || rows[i].id >= TAPE_COLUMNS) && !x->segment.is_newer)
			verify_damage(x, "a column that this version of the format lacks");
	}
	for (uint32_t i = 0; i < u->n_runs; i++) {
		if (u->runs[i].reserved) {
			verify_damage(x, "a reserved field of a run is not zero");
			break;
		}
	}
	for (uint32_t i = 0; i < head->n_types; i++) {
		if (groups[i].coding != TAPE_FORMS)
			continue;
		if (groups[i].words[1])
			verify_damage(x, "a reserved field of a group of events is not zero");
		if (!x->meta.has_forms)
			verify_damage(x, "a group of events in forms, which its META does not say");
	}
}

static void take_cpu(struct verifier *x, const struct tape_run *run)
{
	struct verify_cpu *cpu = &x->cpus[run->cpu];
	uint64_t last = run->seq + run->n - 1;

	if (last < run->seq) {
		verify_damage(x, "sequence numbers of CPU %u run over", run->cpu);
		return;
	}
	if (!x->cpu_is_used[run->cpu]) {
		x->cpu_is_used[run->cpu] = 1;
		x->cpus_used[x->n_cpus_used++] = run->cpu;
		*cpu = (struct verify_cpu){ run->seq, last, 0 };
	}
	if (run->seq < cpu->min)
		cpu->min = run->seq;
	if (last > cpu->max)
		cpu->max = last;
	cpu->n += run->n;
}

/* No event may come later than the promise of a block before it. */
static void check_promise(struct verifier *x, uint64_t settled)
{
	const struct reel_unpacked *u = &x->u;

	for (uint32_t r = 0; r < u->n_runs; r++) {
		if (u->runs[r].ts >= settled)
			continue;
		verify_damage(x, "an event of CPU %u is %llu ns before what was settled",
			      u->runs[r].cpu, (unsigned long long)(settled - u->runs[r].ts));
		return;
	}
}

static void take_record(struct verifier *x, uint32_t run, uint32_t i)
{
	struct verify_chain *chain = &x->chains[x->at];
	struct reel_event ev;
	union {
		struct ev_clock clock;
		struct ev_lost lost;
		struct ev_retired retired;
	} scratch;

	if (!x->u.schema->as_built[x->u.type[i]])
		return;
	reel_unpacked_event(&x->u, run, i, &ev);
	if (ev.type->id == EV_clock) {
		const struct ev_clock *clock = reel_event_as(&ev, &scratch, sizeof(scratch.clock));

		chain->wall_offset_ns = (uint64_t)clock->realtime - ev.ts;
	} else if (ev.type->id == EV_lost) {
		const struct ev_lost *lost = reel_event_as(&ev, &scratch, sizeof(scratch.lost));

		/* A program that never ran has counted nothing. */
		if (lost->cause != REEL_LOST_MISSED)
			x->accounted += lost->count;
	} else if (chain->has_before) {
		const struct ev_retired *retired =
			reel_event_as(&ev, &scratch, sizeof(scratch.retired));

		const struct reel_field *f = reel_type_field(ev.type, "head");
		struct reel_string head = f ? reel_event_string(&ev, f) : (struct reel_string){ 0 };

		if (retired->segment == chain->before.segment && head.length == TAPE_TAG_BYTES &&
		    memcmp(head.bytes, chain->before.head, TAPE_TAG_BYTES) == 0)
			chain->before_was_retired = true;
	}
}

/* What one pass over the events of a block has shown. */
struct seen {
	uint64_t ts_min, ts_max;
	uint32_t n_wide, n_unsound, n_strange, n_hidden;
	uint8_t types[32];
	bool keyframe;
};

/* All strings are there, and the event says that one was cut if and only if that is so. */
static bool is_sound(const struct reel_event *ev)
{
	const struct reel_type *t = ev->type;
	bool any_cut = false;

	if (!reel_event_is_sound(ev))
		return false;
	for (unsigned i = 0; ev->strings->n_cuts && i < t->n_strings; i++) {
		struct reel_string s = reel_event_string_at(ev, t->string_offsets[i]);

		any_cut |= reel_string_is_cut(&s);
	}
	return any_cut == !!(ev->flags & EV_TRUNCATED);
}

static void look_at_run(struct verifier *x, uint32_t run, struct seen *seen)
{
	struct reel_unpacked *u = &x->u;
	const struct tape_header *h = &x->b.h;
	uint32_t first = u->run_at[run], end = u->run_at[run + 1], last_pid = 0;

	if (u->ts[first] < seen->ts_min)
		seen->ts_min = u->ts[first];
	if (u->ts[end - 1] > seen->ts_max)
		seen->ts_max = u->ts[end - 1];
	for (uint32_t i = first; i < end; i++) {
		unsigned type = u->type[i];
		struct reel_event ev;

		reel_unpacked_event(u, run, i, &ev);
		seen->types[type / 8] |= (uint8_t)(1u << type % 8);
		seen->n_wide += (u->flags[i] & EV_WIDE_RET) != 0;
		seen->n_unsound += !is_sound(&ev);
		seen->n_strange += ev.type->stream != h->kind;
		if ((i == first || ev.pid != last_pid) &&
		    !bloom_may_have(x->b.bloom, h->bloom_bytes, ev.pid))
			seen->n_hidden++;
		last_pid = ev.pid;
		x->segment.events_of[type]++;
		if (type == EV_lost || type == EV_retired || type == EV_clock)
			take_record(x, run, i);
		if (type == EV_keyframe && u->schema->as_built[type] &&
		    ev.fixed[offsetof(struct ev_keyframe, edge)] == 0)
			seen->keyframe = true;
	}
}

static void compare_header(struct verifier *x, const struct seen *seen)
{
	const struct tape_header *h = &x->b.h;

	if (seen->ts_min != h->ts_min || seen->ts_max != h->ts_max)
		verify_damage(x, "header gives other times than the events have");
	if (memcmp(seen->types, h->types, sizeof(h->types)) != 0)
		verify_damage(x, "header names other types than there are");
	if (seen->n_hidden)
		verify_damage(x, "the filter of process ids hides some that are there");
	if (seen->keyframe != !!(h->flags & TAPE_KEYFRAME))
		verify_damage(x, "header is wrong about a keyframe that begins here");
	if (seen->n_wide != x->u.n_wide)
		verify_damage(x, "wide results are not those that the flags announce");
	if (seen->n_unsound)
		verify_damage(x, "%u events have strings that are not as they say",
			      seen->n_unsound);
	if (seen->n_strange)
		verify_damage(x, "%u events belong to another kind of block", seen->n_strange);
}

static void check_settled(struct verifier *x)
{
	struct verify_chain *chain = &x->chains[x->at];
	uint64_t settled = x->b.h.settled;

	check_promise(x, chain->settled);
	if (settled > chain->settled)
		chain->settled = settled;
	/* The greatest counts, so that a lesser one does no harm; but no recorder writes it. */
	if (settled < x->segment.settled && !chain->is_falling) {
		chain->is_falling = true;
		verify_note(x, "what is settled falls in segment %llu",
			    (unsigned long long)chain->number);
	}
	x->segment.settled = settled;
}

void verify_events(struct verifier *x)
{
	struct verify_segment *s = &x->segment;
	struct seen seen = { .ts_min = UINT64_MAX };
	struct reel_err why = { 0 };
	int r;

	if (x->b.h.flags & TAPE_ENCRYPTED || s->lacks_schema) {
		s->was_counted = false;
		x->may_have_holes = true;
		return;
	}
	r = reel_unpack(&x->u, &x->b, s->schema, NULL, &why);
	if (r < 0) {
		if (r == -ENOMEM)
			x->no_memory = true;
		else
			verify_damage(x, "%s", why.msg);
		s->was_counted = false;
		x->may_have_holes = true;
		return;
	}
	check_layout(x);
	for (uint32_t run = 0; run < x->u.n_runs; run++) {
		look_at_run(x, run, &seen);
		if (x->b.h.kind != TAPE_CLOCK && x->u.runs[run].cpu != EV_NO_CPU)
			take_cpu(x, &x->u.runs[run]);
	}
	if (!x->u.n_events)
		seen.ts_min = seen.ts_max = 0;
	compare_header(x, &seen);
	check_settled(x);
	s->totals.events += x->u.n_events;
	verify_capture(x)->events += x->u.n_events;
}
