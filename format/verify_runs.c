/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seals, after the last block: which runs of a host are here, twice, or not; where each of them
 * ends; and whether a capture is sealed as a whole. Nothing is said that cannot be known.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/verify_impl.h"

#define ULL(x) ((unsigned long long)(x))

/* Notes and damages that follow belong to where this run begins. */
static void look_at(struct verifier *x, const struct verify_run *run)
{
	x->at = run->at;
	x->file = run->file;
}

static void doubt(struct verifier *x)
{
	verify_capture(x)->seal.doubts++;
}

/* All runs ----------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const struct verify_run *const *p = a, *const *q = b, *x = *p, *y = *q;
	int order = memcmp(x->seal.host, y->seal.host, TAPE_ID_BYTES);

	if (order == 0)
		order = (x->seal.n > y->seal.n) - (x->seal.n < y->seal.n);
	/* Found in the order of captures and blocks. */
	return order ? order : (x > y) - (x < y);
}

static bool is_same_run(const struct verify_run *a, const struct verify_run *b)
{
	return a->run == b->run && memcmp(&a->seal, &b->seal, sizeof(a->seal)) == 0 &&
	       memcmp(a->capture, b->capture, TAPE_ID_BYTES) == 0;
}

/* What is not sealed from here on was not before either, whatever its tags say. */
static void end_range_before(struct verifier *x, const struct verify_run *run)
{
	struct reel_verified_seal *seal = &verify_capture(x)->seal;
	struct reel_sealed_range *range = &seal->range;
	uint64_t first = run->seal.first_sequence;

	if (!seal->has_range || range->last < first)
		return;
	if (first <= range->first) {
		seal->has_range = false;
		return;
	}
	range->last = first - 1;
	range->to_ns = 0;
	for (unsigned i = 0; i < x->seal.n; i++)
		if (x->seal.runs[i].at == x->at && x->seal.runs[i].seal.first_sequence < first)
			range->last_run = x->seal.runs[i].seal.n;
}

static void tell_twice(struct verifier *x, const struct verify_run *run,
		       const struct verify_run *other)
{
	look_at(x, run);
	verify_damage_at(x, run->offset,
			 "run %llu of its host stands twice: the other one begins with block %llu "
			 "in %.80s",
			 ULL(run->seal.n), ULL(other->seal.first_sequence), other->file->path);
	end_range_before(x, run);
}

/* Is its first block here, so that META tells when it began? */
static bool has_begin(const struct verify_run *run)
{
	const struct reel_file *f = run->file;
	struct reel_block b;

	return reel_block_parse(f->bytes + run->offset, f->size - run->offset, &b, NULL) == 0 &&
	       b.h.sequence == run->seal.first_sequence;
}

static void compare_starts(struct verifier *x, const struct verify_run *a,
			   const struct verify_run *b)
{
	if (!has_begin(a) || !has_begin(b))
		return;
	look_at(x, b);
	if (memcmp(a->boot, b->boot, TAPE_ID_BYTES) == 0) {
		if (b->start.boottime_ns >= a->start.boottime_ns)
			return;
		verify_damage_at(x, b->offset, "run %llu says that it began before run %llu did",
				 ULL(b->seal.n), ULL(a->seal.n));
		end_range_before(x, b);
	} else if (b->start.realtime_ns < a->start.realtime_ns) {
		verify_note(x,
			    "by the clock of the host run %llu began before run %llu did: the "
			    "clock was set back, or is not to be believed",
			    ULL(b->seal.n), ULL(a->seal.n));
		doubt(x);
	}
}

static void tell_missing(struct verifier *x, const struct verify_run *run, uint64_t first,
			 uint64_t last)
{
	char host[2 * TAPE_ID_BYTES + 1];

	reel_id_format(run->seal.host, host);
	look_at(x, run);
	if (first == last)
		verify_note(x, "run %llu of host key %s is not among these", ULL(first), host);
	else
		verify_note(x, "runs %llu to %llu of host key %s are not among these", ULL(first),
			    ULL(last), host);
}

/* A run whose META is not as it was sealed says nothing of others. */
static bool counts(const struct verify_run *run)
{
	return run->is_right || !run->is_known;
}

int verify_runs_conclude(struct verifier *x)
{
	const struct verify_run **runs = calloc(x->seal.n + 1u, sizeof(*runs));
	const struct verify_run *before = NULL;
	unsigned n = 0;

	if (!runs)
		return -ENOMEM;
	for (unsigned i = 0; i < x->seal.n; i++)
		if (counts(&x->seal.runs[i]))
			runs[n++] = &x->seal.runs[i];
	if (n)
		qsort(runs, n, sizeof(*runs), by_number);
	for (unsigned i = 0; i < n; i++) {
		const struct verify_run *run = runs[i];

		if (before && memcmp(before->seal.host, run->seal.host, TAPE_ID_BYTES) != 0)
			before = NULL;
		if (before && before->seal.n == run->seal.n) {
			if (!is_same_run(before, run)) {
				tell_twice(x, before, run);
				tell_twice(x, run, before);
			}
			continue;
		}
		if (before && before->seal.n + 1 < run->seal.n)
			tell_missing(x, run, before->seal.n + 1, run->seal.n - 1);
		if (before)
			compare_starts(x, before, run);
		before = run;
	}
	free(runs);
	return 0;
}

/* A capture ---------------------------------------------------------------------------------- */

/* Whoever has the machine can cut a run off behind any block, and it looks like a crash. */
static void tell_end(struct verifier *x, const struct verify_run *run, bool is_last)
{
	uint64_t n = run->seal.n, last = run->last_sequence;

	if (run->has_end)
		return;
	look_at(x, run);
	doubt(x);
	if (is_last && verify_capture(x)->is_being_written)
		return;
	if (run->goes_on)
		verify_note(x, "run %llu went on behind block %llu, and that is not here", ULL(n),
			    ULL(last));
	else if (run->has_unread_end)
		verify_note(x,
			    "whether run %llu went on behind block %llu is not known: its END "
			    "cannot be read",
			    ULL(n), ULL(last));
	else
		verify_note(x,
			    "run %llu has no END: what it wrote behind block %llu, if anything, "
			    "is not known",
			    ULL(n), ULL(last));
}

/* Of blocks that come behind what is here somebody outside has been told. */
static void conclude_anchors(struct verifier *x)
{
	const struct reel_anchors *all = x->with.anchors;
	struct reel_verified *c = verify_capture(x);
	uint64_t last = 0;

	for (size_t i = reel_anchors_find(all, c->capture, 0); all && i < all->n; i++) {
		if (memcmp(all->list[i].capture, c->capture, TAPE_ID_BYTES) != 0)
			break;
		c->seal.anchors++;
		last = all->list[i].sequence;
	}
	if (!c->seal.anchors || last <= c->last_sequence)
		return;
	c->seal.anchors_are_ahead = true;
	doubt(x);
	x->file = x->chains[x->at].last_file;
	if (c->cut_segments || c->is_being_written || x->chains[x->at].goes_on)
		verify_note(x, "it went on to block %llu at least, by an anchor", ULL(last));
	else
		verify_damage_at(x, 0,
				 "its end is missing: block %llu was anchored, the last here is "
				 "block %llu",
				 ULL(last), ULL(c->last_sequence));
}

static bool is_whole(const struct reel_verified *c)
{
	const struct reel_verified_seal *s = &c->seal;

	return s->is_expected && s->right && !s->unsealed && !s->unchecked && !s->doubts &&
	       !c->n_damages && !c->torn_bytes && !c->unclean_segments && !c->cut_segments &&
	       !c->is_derived && !c->head_is_missing && !c->head_is_unknown &&
	       !c->is_being_written && c->is_known;
}

void verify_seal_conclude(struct verifier *x)
{
	for (unsigned i = 0; i < x->seal.n; i++) {
		const struct verify_run *run = &x->seal.runs[i];
		const struct verify_chain *chain = &x->chains[run->at];

		if (x->seal.secrets && !x->v->captures[run->at].cut_segments)
			tell_end(x, run, i == chain->last_run && chain->was_sealed);
	}
	for (unsigned i = 0; i < x->v->n; i++) {
		struct reel_verified *c = &x->v->captures[i];

		x->at = i;
		if (c->is_known)
			conclude_anchors(x);
		c->seal.is_expected = x->seal.secrets != NULL;
		c->seal.is_whole = is_whole(c);
	}
}
