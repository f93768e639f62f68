/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/sieve.h"

#include <string.h>

#include "format/bloom.h"

void reel_sieve_init(struct reel_sieve *s, const struct reel_filter *f,
		     const struct reel_clocks *clocks)
{
	memset(s, 0, sizeof(*s));
	s->f = f;
	s->clocks = clocks;
	s->any_time = f->from.kind == REEL_ANYTIME && f->to.kind == REEL_ANYTIME;
	s->any_event = s->any_time && !f->some_types && !f->n_pids && !f->whole_state;
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		s->type_bits[t / 8] |= (uint8_t)(f->types[t] << t % 8);
}

/* Whether something between two moments, both included, may be in the time that is wanted. */
static bool touches(const struct reel_moment *from, const struct reel_moment *to, uint64_t ts_min,
		    uint64_t ts_max, int64_t real_min, int64_t real_max)
{
	if (from->kind == REEL_BOOTTIME && ts_max < (uint64_t)from->ns)
		return false;
	if (to->kind == REEL_BOOTTIME && ts_min >= (uint64_t)to->ns)
		return false;
	if (from->kind == REEL_REALTIME && real_max < from->ns)
		return false;
	return to->kind != REEL_REALTIME || real_min < to->ns;
}

static bool wants_moments(const struct reel_sieve *s, const struct reel_moment *from,
			  uint64_t ts_min, uint64_t ts_max)
{
	int64_t real_min, real_max;

	if (from->kind == REEL_ANYTIME && s->f->to.kind == REEL_ANYTIME)
		return true;
	reel_clocks_range(s->clocks, ts_min, ts_max, &real_min, &real_max);
	return touches(from, &s->f->to, ts_min, ts_max, real_min, real_max);
}

bool reel_sieve_wants_time(const struct reel_sieve *s, uint64_t ts_min, uint64_t ts_max)
{
	return wants_moments(s, &s->f->from, ts_min, ts_max);
}

static bool is_state(unsigned kind)
{
	return kind == TAPE_STATE || kind == TAPE_GAP;
}

/* A header that is not sound is left to be found out when the block is unpacked. */
void reel_entry_filter(const struct reel_segment *s, const struct reel_entry *e,
		       struct reel_block_filter *ret)
{
	struct reel_block b = { .at = e->at };

	memcpy(&b.h, e->at, sizeof(b.h));
	ret->n = 0;
	if (b.h.magic != TAPE_MAGIC || b.h.header_bytes != e->header_bytes ||
	    b.h.header_bytes < TAPE_HEADER_MIN + b.h.bloom_bytes ||
	    (b.h.bloom_bytes & (b.h.bloom_bytes - 1)) || b.h.bloom_bytes > TAPE_BLOOM_MAX)
		return;
	b.bloom = e->at + b.h.header_bytes - TAPE_SUM_BYTES - b.h.bloom_bytes;
	ret->bytes = b.bloom;
	if (b.h.flags & TAPE_ENCRYPTED) {
		if (reel_crypt_open_header(s->crypt, &b, ret->plain, NULL) < 0)
			return;
		ret->bytes = ret->plain;
	}
	ret->n = b.h.bloom_bytes;
}

static bool may_have_pids(const struct reel_filter *f, const struct reel_segment *s,
			  const struct reel_entry *e)
{
	struct reel_block_filter filter;

	reel_entry_filter(s, e, &filter);
	for (unsigned i = 0; i < f->n_pids; i++)
		if (bloom_may_have(filter.bytes, filter.n, f->pids[i]))
			return true;
	return false;
}

bool reel_sieve_wants_block(const struct reel_sieve *s, const struct reel_segment *segment,
			    const struct reel_entry *e)
{
	const struct reel_filter *f = s->f;
	uint8_t common = 0;

	if (e->kind == REEL_CLOSED)
		return false;
	if (f->whole_state && is_state(e->kind))
		return e->n_events && wants_moments(s, &f->state_from, e->ts_min, e->ts_max);
	if (f->kinds && !(f->kinds & 1u << e->kind))
		return false;
	if (e->n_events == 0 || !reel_sieve_wants_time(s, e->ts_min, e->ts_max))
		return false;
	if (f->some_types) {
		for (unsigned i = 0; i < sizeof(e->types); i++)
			common |= e->types[i] & s->type_bits[i];
		if (!common)
			return false;
	}
	return !f->n_pids || may_have_pids(f, segment, e);
}

static bool wants_pid(const struct reel_filter *f, uint32_t pid)
{
	for (unsigned i = 0; i < f->n_pids; i++)
		if (f->pids[i] == pid)
			return true;
	return f->n_pids == 0;
}

bool reel_sieve_wants_slowly(struct reel_sieve *s, const struct reel_merge_event *e)
{
	const struct reel_filter *f = s->f;
	const struct reel_segment *segment = e->u->segment;
	uint64_t ts = e->u->ts[e->i];
	int64_t real;

	if (f->whole_state && is_state(e->u->schema->types[e->u->type[e->i]]->stream)) {
		real = reel_clocks_realtime(s->clocks, ts, &s->clock);
		return touches(&f->state_from, &f->to, ts, ts, real, real);
	}
	if (f->some_types && !f->types[e->u->type[e->i]])
		return false;
	if (!wants_pid(f, e->u->pid[e->i]))
		return false;
	if (s->any_time && !segment->is_cut)
		return true;
	real = reel_clocks_realtime(s->clocks, ts, &s->clock);
	if (segment->is_cut && !f->beyond_cut &&
	    (real < segment->cut_from_ns || real >= segment->cut_to_ns))
		return false;
	return touches(&f->from, &f->to, ts, ts, real, real);
}

uint64_t reel_sieve_count_lost(struct reel_sieve *s, struct reel_unpacked *u)
{
	uint64_t lost = 0;

	for (uint32_t run = 0; run < u->n_runs; run++) {
		for (uint32_t i = u->run_at[run]; i < u->run_at[run + 1]; i++) {
			struct ev_lost scratch;
			const struct ev_lost *record;
			struct reel_event ev;

			if (u->type[i] != EV_lost || !u->schema->as_built[EV_lost])
				continue;
			reel_unpacked_event(u, run, i, &ev);
			record = reel_event_as(&ev, &scratch, sizeof(scratch));
			if (reel_sieve_wants_time(s, record->first, record->last))
				lost += record->count;
		}
	}
	return lost;
}
