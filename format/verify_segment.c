/* SPDX-License-Identifier: BSD-2-Clause */
/* A block in its place: in its segment, and in the chain of its capture. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/verify_impl.h"

#define ULL(x) ((unsigned long long)(x))

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

static struct verify_chain *chain_of(struct verifier *x)
{
	return &x->chains[x->at];
}

/*
 * Ends the account of what one run of a recorder has numbered: what is missing must have been told
 * as lost. Where something that was numbered cannot be here, the account cannot come out even.
 */
void verify_finish_recording(struct verifier *x)
{
	struct reel_verified *c = verify_capture(x);
	uint64_t missing = 0;

	for (uint32_t i = 0; i < x->n_cpus_used; i++) {
		const struct verify_cpu *cpu = &x->cpus[x->cpus_used[i]];
		uint64_t numbers = cpu->max - cpu->min + 1;

		if (cpu->n > numbers && numbers)
			verify_damage_at(x, 0, "CPU %u has more events than numbers for them",
					 x->cpus_used[i]);
		else
			missing += numbers - cpu->n;
		x->cpu_is_used[x->cpus_used[i]] = 0;
	}
	if (missing > x->accounted && !x->may_have_holes && !c->n_damages)
		verify_damage_at(x, 0,
				 "%llu events are missing between those that are here, but only "
				 "%llu were told as lost",
				 ULL(missing), ULL(x->accounted));
	c->missing_events += missing;
	c->accounted_events += x->accounted;
	x->n_cpus_used = 0;
	x->accounted = 0;
	x->may_have_holes = false;
}

void verify_close_segment(struct verifier *x)
{
	struct verify_segment *s = &x->segment;
	struct reel_verified *c = verify_capture(x);

	if (!s->is_open)
		return;
	if (s->n_blocks < 2 && s->has_end)
		verify_damage_at(x, s->offset, "a segment of %llu blocks", ULL(s->n_blocks));
	if (!s->has_end && !s->is_cut) {
		c->unclean_segments++;
		x->may_have_holes = true;
		chain_of(x)->goes_on = false;
		chain_of(x)->open_path = x->file->path;
	}
	reel_schema_free(s->schema);
	s->schema = NULL;
	reel_crypt_free(s->crypt);
	s->crypt = NULL;
	s->is_open = false;
}

static void open_segment(struct verifier *x)
{
	struct verify_segment *s = &x->segment;
	struct tape_row *rows = s->rows;
	uint32_t room = s->rows_room;

	verify_close_segment(x);
	memset(s, 0, sizeof(*s));
	s->rows = rows;
	s->rows_room = room;
	s->is_open = true;
	s->was_counted = true;
	s->lacks_schema = true;
	s->id = x->b.h.segment;
	s->offset = x->offset;
	s->is_derived = x->meta.is_derived;
	s->is_newer = x->meta.minor > TAPE_MINOR;
}

/* The first block of a capture that is here is the first of all, or says what came before. */
static void begin_chain(struct verifier *x)
{
	struct verify_chain *chain = chain_of(x);
	const struct tape_header *h = &x->b.h;
	const struct tape_previous *before = &x->meta.previous;
	struct reel_verified *c = verify_capture(x);

	chain->has_begun = true;
	c->first_sequence = h->sequence;
	c->first_number = x->meta.number;
	if (x->meta.has_previous) {
		chain->has_before = true;
		chain->before = *before;
		x->may_have_holes = true;
		if (h->sequence != before->sequence + 1 ||
		    memcmp(h->link, before->head, TAPE_TAG_BYTES) != 0)
			verify_damage(x, "META names another block before it than its link");
	} else if (h->sequence || !is_zero(h->link, TAPE_TAG_BYTES) || x->meta.number != 1) {
		verify_damage(x, "the capture begins here, but this is not the first block of one");
	}
}

static void follow_cut(struct verifier *x)
{
	struct verify_chain *chain = chain_of(x);
	const struct tape_header *h = &x->b.h;

	if (h->sequence <= chain->sequence)
		verify_damage(x, "this segment stands in the wrong place, or twice");
	else if (h->sequence == chain->sequence + 1 &&
		 memcmp(h->link, chain->head, TAPE_TAG_BYTES) != 0)
		verify_damage(x, "link is not the tag of the block before");
}

/* A further segment: it goes on where the one before it has ended. */
static void follow_chain(struct verifier *x)
{
	struct verify_chain *chain = chain_of(x);
	const struct tape_header *h = &x->b.h;
	const struct tape_previous *before = &x->meta.previous;

	if (h->sequence <= chain->sequence) {
		verify_damage(x, "this segment stands in the wrong place, or twice");
		/* Everything in it comes too late then, which need not be said again. */
		chain->settled = 0;
		chain->goes_on = false;
		return;
	}
	if (h->sequence != chain->sequence + 1) {
		verify_damage(x, "blocks %llu to %llu are missing before this segment",
			      ULL(chain->sequence + 1), ULL(h->sequence - 1));
		x->may_have_holes = true;
		return;
	}
	if (memcmp(h->link, chain->head, TAPE_TAG_BYTES) != 0)
		verify_damage(x, "link is not the tag of the last block of the segment before");
	if (!x->meta.has_previous || before->segment != chain->segment ||
	    before->sequence != chain->sequence ||
	    memcmp(before->head, chain->head, TAPE_TAG_BYTES) != 0)
		verify_damage(x, "META names another segment before it than there is");
	if (x->meta.number != chain->number + 1)
		verify_damage(x, "number %llu follows number %llu", ULL(x->meta.number),
			      ULL(chain->number));
}

static void place_segment(struct verifier *x)
{
	struct verify_chain *chain = chain_of(x);
	struct reel_verified *c = verify_capture(x);
	struct verify_segment *s = &x->segment;
	bool is_same_boot = memcmp(chain->boot, x->meta.boot, TAPE_ID_BYTES) == 0;
	bool has_begun = chain->has_begun;
	/* Of a cut the ends of segments are gone, and only the id of the run can tell. */
	bool is_same_run = is_same_boot && chain->run == x->meta.run &&
			   (chain->goes_on || s->is_cut || chain->was_cut);

	if (has_begun && !is_same_run)
		verify_finish_recording(x);
	if (s->is_cut)
		x->may_have_holes = true;
	if (s->is_derived)
		x->may_have_holes = true;
	if (!has_begun)
		begin_chain(x);
	else if (s->is_cut || chain->was_cut)
		follow_cut(x);
	else
		follow_chain(x);
	/* A new recorder begins with promises of its own, a new boot with times of its own. */
	if (has_begun && is_same_run)
		s->settled = chain->settled;
	if (!is_same_boot)
		chain->settled = 0;
	chain->goes_on = false;
	chain->open_path = NULL;
	chain->open_torn_bytes = 0;
	chain->was_cut = s->is_cut;
	chain->run = x->meta.run;
	chain->segment = s->id;
	chain->number = x->meta.number;
	memcpy(chain->boot, x->meta.boot, TAPE_ID_BYTES);
	c->segments++;
	c->cut_segments += s->is_cut;
	c->is_derived |= s->is_derived;
	c->last_number = x->meta.number;
	snprintf(c->host, sizeof(c->host), "%s", x->meta.host);
}

static void take_cut(struct verifier *x)
{
	const struct tape_header *h = &x->b.h;
	struct reel_verified *c = verify_capture(x);

	verify_close_segment(x);
	if (h->sequence || !is_zero(h->link, TAPE_TAG_BYTES) || x->meta.has_previous)
		verify_damage(x, "a cut is announced by a block that claims a place in a chain");
	if (x->meta.cut.from_realtime_ns >= x->meta.cut.to_realtime_ns)
		verify_damage(x, "a cut of no time at all");
	c->blocks++;
	c->bytes += x->b.total_bytes;
}

static void take_meta(struct verifier *x)
{
	struct reel_err why = { 0 };

	verify_close_segment(x);
	if (x->b.h.flags & (TAPE_ZSTD | TAPE_ENCRYPTED) || !reel_block_body_is_sound(&x->b) ||
	    reel_meta_decode(x->b.body, x->b.h.stored_bytes, &x->meta, &why) < 0) {
		verify_damage(x, "%s", why.code ? why.msg : "META cannot be read");
		memset(&x->meta, 0, sizeof(x->meta));
		open_segment(x);
		x->seal.at = -1;
		verify_frame(x);
		x->may_have_holes = true;
		return;
	}
	if (verify_select_capture(x, &x->meta) < 0) {
		x->no_memory = true;
		return;
	}
	if (x->meta.is_cut) {
		x->segment.is_newer = x->meta.minor > TAPE_MINOR;
		x->seal.at = -1;
		verify_frame(x);
		take_cut(x);
		return;
	}
	open_segment(x);
	verify_crypt_segment(x);
	verify_seal_segment(x);
	verify_frame(x);
	verify_items(x, x->b.body, x->b.body + x->b.h.stored_bytes);
	x->segment.is_cut = x->is_cut;
	place_segment(x);
}

/* Number and link of a block that is not the first of its segment. */
static void check_place(struct verifier *x)
{
	struct verify_chain *chain = chain_of(x);
	const struct verify_segment *s = &x->segment;
	const struct tape_header *h = &x->b.h;

	if (h->sequence == chain->sequence + 1) {
		if (memcmp(h->link, chain->head, TAPE_TAG_BYTES) != 0)
			verify_damage(x, "link is not the tag of the block before");
		return;
	}
	if (h->sequence <= chain->sequence) {
		verify_damage(x, "this block stands in the wrong place, or twice");
		return;
	}
	x->may_have_holes = true;
	if (!s->is_cut)
		verify_damage(x, "blocks %llu to %llu are missing before this one",
			      ULL(chain->sequence + 1), ULL(h->sequence - 1));
}

static void take_content(struct verifier *x)
{
	struct verify_segment *s = &x->segment;
	const struct tape_header *h = &x->b.h;

	if (s->has_end)
		verify_damage(x, "a block behind END");
	if ((h->kind == TAPE_SCHEMA) != (s->n_blocks == 1))
		verify_damage(x, h->kind == TAPE_SCHEMA ? "SCHEMA is not the second block" :
							  "the second block is not SCHEMA");
	switch (h->kind) {
	case TAPE_SCHEMA:
		if (!s->schema)
			verify_schema(x);
		break;
	case TAPE_STATE:
	case TAPE_EVENTS:
	case TAPE_GAP:
	case TAPE_CLOCK:
		verify_events(x);
		break;
	case TAPE_END:
		verify_end(x);
		break;
	default:
		if (h->kind >= TAPE_PRIVATE)
			break;
		if (h->flags & TAPE_REQUIRED)
			verify_damage(x, "kind %u needs a newer reel", h->kind);
		else
			verify_note(x, "a block of the unknown kind %u was passed over", h->kind);
	}
}

static void take_other(struct verifier *x)
{
	struct verify_segment *s = &x->segment;
	struct reel_block raw;

	if (!s->is_open || x->b.h.segment != s->id) {
		/* One finding for all the blocks of a segment whose META is gone. */
		memset(&x->meta, 0, sizeof(x->meta));
		open_segment(x);
		x->seal.at = -1;
		verify_damage(x, "the beginning of this segment is missing");
		verify_frame(x);
		x->may_have_holes = true;
		chain_of(x)->sequence = x->b.h.sequence;
		s->n_blocks = 2;
		return;
	}
	verify_frame(x);
	check_place(x);
	raw = x->b;
	verify_crypt_block(x);
	take_content(x);
	/* END has the types as they are when decrypted, and all else as it is on tape. */
	memcpy(raw.h.types, x->b.h.types, sizeof(raw.h.types));
	x->b = raw;
}

void verify_take_block(struct verifier *x)
{
	struct verify_segment *s = &x->segment;
	struct reel_verified *c;
	struct verify_chain *chain;

	if (x->b.h.kind == TAPE_META)
		take_meta(x);
	else
		take_other(x);
	if (x->no_memory || !s->is_open)
		return;
	if (x->b.h.kind != TAPE_END)
		verify_note_row(x);
	s->n_blocks++;
	c = verify_capture(x);
	chain = chain_of(x);
	c->blocks++;
	c->bytes += x->b.total_bytes;
	c->last_sequence = chain->sequence = x->b.h.sequence;
	memcpy(chain->head, x->b.tag, TAPE_TAG_BYTES);
	memcpy(c->head, x->b.tag, TAPE_TAG_BYTES);
	verify_seal_block_done(x);
}
