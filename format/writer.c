/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The side of the writer that its caller sees: records are sorted into the pack of their stream,
 * and full or old packs are handed to the scribe (scribe.c), in whose thread they go to disk.
 */
#include "format/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"
#include "format/scribe.h"
#include "format/types.h"

/* Streams in the order in which they are closed together: clocks first, since everything that
 * follows is dated by them, and state before the events that it explains. */
static const uint8_t streams[] = { TAPE_CLOCK, TAPE_GAP, TAPE_STATE, TAPE_EVENTS };

enum { LAST_WORDS_BYTES = 256 << 10, OWN_WORD_BYTES = 256 };

struct reel_writer {
	struct reel_scribe *scribe;
	struct reel_pack *packs[TAPE_KINDS]; /* NULL: nothing is pending */
	uint64_t now_ns;
	uint64_t settled;
	uint64_t latency_ns;
	uint64_t segment_bytes, segment_ns;
	uint64_t segment_since_ns;
	uint64_t segment_number;
	uint64_t replaced; /* segments, of which segment_number knows */
	uint64_t events;
	uint64_t malformed, malformed_told;
	uint64_t malformed_first, malformed_last;
	const struct reel_type *types[EV_MAX_TYPES]; /* NULL: no such type */
	struct reel_words words;
};

int reel_writer_open(const struct reel_writer_options *o, struct reel_writer **ret,
		     struct reel_err *err)
{
	struct reel_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return reel_err_set(err, -ENOMEM, "no memory for a writer");
	w->latency_ns = o->latency_ns ? o->latency_ns : REEL_LATENCY_NS;
	w->segment_bytes = o->segment_bytes ? o->segment_bytes : REEL_SEGMENT_BYTES;
	w->segment_ns = o->segment_ns ? o->segment_ns : REEL_SEGMENT_NS;
	w->now_ns = w->segment_since_ns = o->meta.start.boottime_ns;
	for (const struct reel_type *t = reel_types; t->name; t++)
		w->types[t->id] = t;
	r = reel_scribe_open(o, &w->scribe, err);
	if (r < 0) {
		free(w);
		return r;
	}
	w->segment_number = reel_scribe_first_number(w->scribe);
	*ret = w;
	return 0;
}

/*
 * Until when everything is on tape once the pack of this kind is written: as far as the rounds are
 * done, but not beyond what waits in the other streams.
 */
static uint64_t settled_after(const struct reel_writer *w, unsigned kind)
{
	uint64_t settled = w->settled;

	for (unsigned k = 0; k < TAPE_KINDS; k++)
		if (k != kind && w->packs[k] && w->packs[k]->settled_before < settled)
			settled = w->packs[k]->settled_before;
	return settled;
}

/* The scribe takes it also after a failure, which it remembers: what it does not get is not counted
 * as lost. */
static void close_pack(struct reel_writer *w, unsigned kind)
{
	struct reel_pack *p = w->packs[kind];

	if (!p)
		return;
	w->packs[kind] = NULL;
	(void)reel_scribe_give(w->scribe, p, settled_after(w, kind), NULL);
}

int reel_writer_flush(struct reel_writer *w, struct reel_err *err)
{
	for (unsigned i = 0; i < sizeof(streams); i++)
		close_pack(w, streams[i]);
	return reel_scribe_failure(w->scribe, err);
}

static int open_pack(struct reel_writer *w, unsigned kind, struct reel_err *err)
{
	struct reel_pack *p;
	int r = reel_scribe_take(w->scribe, &p, err);

	if (r < 0)
		return r;
	reel_pack_reset(p, (uint8_t)kind);
	p->since_ns = w->now_ns;
	p->settled_before = w->settled;
	w->packs[kind] = p;
	return 0;
}

/* Full: the streams that must come first go first. */
static void close_full(struct reel_writer *w, unsigned kind)
{
	if (kind == TAPE_STATE || kind == TAPE_EVENTS) {
		close_pack(w, TAPE_CLOCK);
		close_pack(w, TAPE_GAP);
	}
	close_pack(w, kind);
}

/* Fails only if the record is in no pack: who fails to close one must not say so here. */
static int add(struct reel_writer *w, const struct ev_header *h, const uint8_t *payload,
	       struct reel_err *err)
{
	const struct reel_type *t = w->types[h->type];
	unsigned kind = t->stream;
	int r;

	if (!w->packs[kind]) {
		r = open_pack(w, kind, err);
		if (r < 0)
			return r;
	}
	reel_pack_add(w->packs[kind], t, h, payload);
	w->events++;
	if (h->type == EV_keyframe && payload[offsetof(struct ev_keyframe, edge)] == 0)
		w->packs[kind]->keyframe = true;
	if (reel_pack_is_full(w->packs[kind]))
		close_full(w, kind);
	return 0;
}

/* Every length in a record is checked here, where it comes from the kernel. Others may trust it. */
static bool is_sound(const struct reel_writer *w, const struct ev_header *h, const uint8_t *payload,
		     size_t length)
{
	const struct reel_type *t = w->types[h->type];
	uint32_t sum;

	if (!t || length != sizeof(*h) + h->length || h->length < t->fixed_bytes ||
	    h->length > EV_MAX_PAYLOAD || h->pid == UINT32_MAX)
		return false;
	sum = t->fixed_bytes + (h->flags & EV_TRUNCATED ? 4u * t->n_strings : 0);
	for (unsigned i = 0; i < t->n_strings; i++) {
		uint16_t bytes;

		memcpy(&bytes, payload + t->string_offsets[i], sizeof(bytes));
		sum += bytes;
	}
	return sum == h->length;
}

static void count_malformed(struct reel_writer *w)
{
	if (w->malformed == w->malformed_told)
		w->malformed_first = w->now_ns;
	w->malformed_last = w->now_ns;
	w->malformed++;
}

static void see_clock(struct reel_writer *w, uint64_t ts, const uint8_t *payload)
{
	struct ev_clock clock;

	memcpy(&clock, payload, sizeof(clock));
	reel_scribe_see_clock(w->scribe, ts, clock.realtime);
}

int reel_writer_append(struct reel_writer *w, const void *record, size_t length,
		       struct reel_err *err)
{
	const uint8_t *payload = (const uint8_t *)record + sizeof(struct ev_header);
	struct ev_header h;

	if (length < sizeof(h)) {
		count_malformed(w);
		return 0;
	}
	memcpy(&h, record, sizeof(h));
	if (!is_sound(w, &h, payload, length)) {
		count_malformed(w);
		return 0;
	}
	if (h.type == EV_clock)
		see_clock(w, h.ts, payload);
	return add(w, &h, payload, err);
}

int reel_writer_append_own(struct reel_writer *w, struct ev_header *record, size_t length,
			   struct reel_err *err)
{
	record->cpu = EV_NO_CPU;
	record->seq = reel_scribe_own_seq(w->scribe);
	return reel_writer_append(w, record, length, err);
}

static int put_word(struct reel_writer *w, struct reel_record *record, size_t most_bytes)
{
	size_t bytes = reel_record_end(record);
	struct reel_words *words = &w->words;

	if (words->used + bytes > most_bytes || record->type->stream != TAPE_GAP)
		return -ENOSPC;
	if (words->used + bytes > words->room) {
		uint8_t *larger = realloc(words->bytes, LAST_WORDS_BYTES + OWN_WORD_BYTES);

		if (!larger)
			return -ENOMEM;
		words->bytes = larger;
		words->room = LAST_WORDS_BYTES + OWN_WORD_BYTES;
	}
	memcpy(words->bytes + words->used, &record->header, sizeof(record->header));
	memcpy(words->bytes + words->used + sizeof(record->header), record->payload,
	       record->header.length);
	words->used += bytes;
	return 0;
}

int reel_writer_last_word(struct reel_writer *w, struct reel_record *record)
{
	return put_word(w, record, LAST_WORDS_BYTES);
}

/* What was refused is a loss like any other, and goes on tape: at last with the last words. */
static int tell_malformed(struct reel_writer *w, bool is_last, struct reel_err *err)
{
	struct reel_record record;
	struct ev_lost *lost;
	int r;

	if (w->malformed == w->malformed_told)
		return 0;
	lost = reel_record_begin(&record, reel_type_by_id(EV_lost));
	lost->first = w->malformed_first;
	lost->last = w->malformed_last;
	lost->count = w->malformed - w->malformed_told;
	lost->lost_cpu = EV_NO_CPU;
	lost->cause = REEL_LOST_MALFORMED;
	record.header.ts = w->now_ns;
	r = reel_writer_append_own(w, &record.header, reel_record_end(&record), err);
	if (r < 0 && is_last)
		(void)put_word(w, &record, LAST_WORDS_BYTES + OWN_WORD_BYTES);
	if (r == 0)
		w->malformed_told = w->malformed;
	return r;
}

void reel_writer_settle(struct reel_writer *w, uint64_t ts)
{
	if (ts > w->settled)
		w->settled = ts;
	/* What the recorder itself has to say comes later than what is settled. */
	if (ts > w->now_ns)
		w->now_ns = ts;
}

int reel_writer_rotate(struct reel_writer *w, struct reel_err *err)
{
	int r = reel_writer_flush(w, err);

	if (r == 0)
		r = reel_scribe_rotate(w->scribe, err);
	if (r < 0)
		return r;
	w->segment_number++;
	w->segment_since_ns = w->now_ns;
	return 0;
}

int reel_writer_tick(struct reel_writer *w, uint64_t now_ns, struct reel_err *err)
{
	int r;

	if (now_ns > w->now_ns)
		w->now_ns = now_ns;
	reel_scribe_see_time(w->scribe, w->now_ns);
	r = tell_malformed(w, false, err);
	if (r < 0)
		return r;
	if (reel_scribe_replaced(w->scribe) != w->replaced) {
		w->segment_number += reel_scribe_replaced(w->scribe) - w->replaced;
		w->replaced = reel_scribe_replaced(w->scribe);
		w->segment_since_ns = w->now_ns;
	}
	if (reel_scribe_segment_is_full(w->scribe, w->segment_bytes) ||
	    w->now_ns - w->segment_since_ns >= w->segment_ns)
		return reel_writer_rotate(w, err);
	for (unsigned i = 0; i < sizeof(streams); i++) {
		const struct reel_pack *p = w->packs[streams[i]];

		if (p && w->now_ns - p->since_ns >= w->latency_ns)
			return reel_writer_flush(w, err);
	}
	return reel_scribe_sync_in_time(w->scribe, err);
}

uint64_t reel_writer_segment_number(const struct reel_writer *w)
{
	return w->segment_number;
}

void reel_writer_stats(struct reel_writer *w, struct reel_writer_stats *ret)
{
	reel_scribe_stats(w->scribe, ret);
	ret->events = w->events;
	ret->malformed = w->malformed;
}

int reel_writer_close(struct reel_writer *w, struct reel_err *err)
{
	return reel_writer_end(w, NULL, err);
}

int reel_writer_end(struct reel_writer *w, struct reel_writer_stats *ret, struct reel_err *err)
{
	struct reel_err ignored;
	int r, flushed, end;

	if (!w)
		return 0;
	r = tell_malformed(w, true, err);
	flushed = reel_writer_flush(w, r < 0 ? &ignored : err);
	if (r == 0)
		r = flushed;
	/* What is said at last is later than all that was said before. */
	reel_scribe_see_time(w->scribe, w->now_ns);
	/* After an error, too: what still can be is written, and the first error is told. */
	end = reel_scribe_close(w->scribe, &w->words, ret, r < 0 ? &ignored : err);
	if (ret) {
		ret->events = w->events;
		ret->malformed = w->malformed;
	}
	free(w->words.bytes);
	free(w);
	return r < 0 ? r : end;
}

void reel_writer_abandon(struct reel_writer *w)
{
	if (!w)
		return;
	reel_scribe_abandon(w->scribe);
	free(w->words.bytes);
	free(w);
}
