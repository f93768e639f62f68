/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tags of blocks, and seals: each block in its place among those of its run, with the key of that
 * place and no other. What META says of a run is believed only as far as the seal of META itself
 * is right, since its key follows from all that it says.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "format/keyfile.h"
#include "format/seal.h"
#include "format/verify_impl.h"

#define ULL(x) ((unsigned long long)(x))

/* The keys where one has come to last: from there they go on, or else from the beginning. */
struct verify_secrets {
	bool has_root;
	uint8_t host[TAPE_ID_BYTES];
	uint64_t n;
	uint8_t root[TAPE_KEY_BYTES]; /* R_n of that host */
	int run;		      /* -1: none */
	uint64_t i;
	uint8_t key[TAPE_KEY_BYTES]; /* of block i of that run */
};

int verify_seal_begin(struct verifier *x)
{
	uint8_t host[TAPE_ID_BYTES];
	const char *name, *path;

	if (!reel_keys_root(x->with.keys, 0, host, &name, &path))
		return 0;
	x->seal.secrets = reel_secret_new(sizeof(*x->seal.secrets));
	if (!x->seal.secrets)
		return -ENOMEM;
	x->seal.secrets->run = -1;
	return 0;
}

void verify_seal_end(struct verifier *x)
{
	sodium_free(x->seal.secrets);
	free(x->seal.runs);
}

/* False: that would be too many. */
static bool may_step(struct verifier *x, uint64_t steps)
{
	if (steps > REEL_SEAL_STEPS_MAX - x->seal.steps)
		return false;
	x->seal.steps += steps;
	return true;
}

/* R_n, and the first key of the run. */
static bool enter_run(struct verifier *x, int at)
{
	struct verify_secrets *s = x->seal.secrets;
	const struct verify_run *run = &x->seal.runs[at];

	s->run = -1;
	if (!s->has_root || s->n > run->seal.n || memcmp(s->host, run->seal.host, TAPE_ID_BYTES)) {
		s->has_root = reel_keys_host(x->with.keys, run->seal.host, s->root) == 0;
		memcpy(s->host, run->seal.host, TAPE_ID_BYTES);
		s->n = 0;
	}
	if (!s->has_root || run->seal.n >= REEL_SEAL_RUNS_MAX || !may_step(x, run->seal.n - s->n))
		return false;
	for (; s->n < run->seal.n; s->n++)
		reel_seal_next_root(s->root);
	reel_seal_first_key(s->root, run->capture, run->seal.first_sequence, run->run, s->key);
	s->run = at;
	s->i = 0;
	return true;
}

/*
 * The key of the block at hand; NULL: it cannot be had. A segment has not so many blocks that one
 * in its midst could be far from the one before.
 */
static const uint8_t *key_of_block(struct verifier *x)
{
	struct verify_secrets *s = x->seal.secrets;
	const struct verify_run *run = &x->seal.runs[x->seal.at];
	uint64_t i = x->b.h.sequence - run->seal.first_sequence;

	if (x->b.h.sequence < run->seal.first_sequence)
		return NULL;
	if (s->run != x->seal.at || s->i > i)
		if (!enter_run(x, x->seal.at))
			return NULL;
	if ((i - s->i > TAPE_ROWS_MAX && x->b.h.kind != TAPE_META) || !may_step(x, i - s->i))
		return NULL;
	for (; s->i < i; s->i++)
		reel_seal_next_key(s->key);
	return s->key;
}

void verify_tag(struct verifier *x)
{
	struct reel_verified *c = verify_capture(x);
	struct verify_run *run = x->seal.at < 0 ? NULL : &x->seal.runs[x->seal.at];
	const uint8_t *key;

	x->seal.is_right = false;
	if (!(x->b.h.flags & TAPE_SEALED)) {
		if (run)
			verify_damage(x, "it is not sealed, but its run is");
		else if (!reel_block_tag_is_right(&x->b, NULL))
			verify_damage(x, "tag does not match header and body");
		c->seal.unsealed += !x->meta.is_cut;
		return;
	}
	c->sealed_blocks++;
	if (!run && x->meta.major && x->meta.minor >= 1)
		verify_damage(x, "it is sealed, but META names no seal");
	key = run && run->is_known ? key_of_block(x) : NULL;
	if (!key) {
		c->seal.unchecked++;
		return;
	}
	x->seal.is_right = reel_block_tag_is_right(&x->b, key);
	if (x->seal.is_right)
		c->seal.right++;
	else
		verify_damage(x, "the seal does not match header, body and place");
	if (x->b.h.kind == TAPE_META && run->offset == x->offset && run->file == x->file)
		run->is_right = x->seal.is_right;
}

static bool is_same_run(const struct verifier *x, const struct verify_run *run)
{
	return run->run == x->meta.run &&
	       memcmp(&run->seal, &x->meta.seal, sizeof(run->seal)) == 0 &&
	       memcmp(run->capture, x->meta.capture, TAPE_ID_BYTES) == 0;
}

static struct verify_run *add_run(struct verifier *x)
{
	struct verify_seal *s = &x->seal;

	if (s->n == s->room) {
		unsigned room = s->room ? 2 * s->room : 16;
		struct verify_run *runs = reallocarray(s->runs, room, sizeof(*runs));

		if (!runs) {
			x->no_memory = true;
			return NULL;
		}
		s->runs = runs;
		s->room = room;
	}
	s->runs[s->n] = (struct verify_run){ .run = x->meta.run,
					     .seal = x->meta.seal,
					     .at = x->at,
					     .file = x->file,
					     .offset = x->offset,
					     .start = x->meta.start };
	memcpy(s->runs[s->n].capture, x->meta.capture, TAPE_ID_BYTES);
	memcpy(s->runs[s->n].boot, x->meta.boot, TAPE_ID_BYTES);
	return &s->runs[s->n++];
}

static void begin_run(struct verifier *x)
{
	struct verify_chain *chain = &x->chains[x->at];
	uint64_t first = x->meta.seal.first_sequence;
	struct verify_run *run = add_run(x);
	uint8_t root[TAPE_KEY_BYTES];

	if (!run)
		return;
	run->is_known = reel_keys_host(x->with.keys, run->seal.host, root) == 0;
	sodium_memzero(root, sizeof(root));
	chain->n_runs++;
	chain->last_run = x->seal.n - 1;
	if (run->seal.n >= REEL_SEAL_RUNS_MAX)
		verify_damage(x, "no host has as many runs as META says");
	/* What is between its first block and this one may be missing, but is not another run's. */
	if (x->b.h.sequence < first || (chain->has_begun && first <= chain->sequence))
		verify_damage(x, "the run that META names cannot have begun with block %llu",
			      ULL(first));
}

void verify_seal_segment(struct verifier *x)
{
	struct verify_chain *chain = &x->chains[x->at];

	x->seal.at = -1;
	chain->wall_offset_ns = (uint64_t)x->meta.start.realtime_ns - x->meta.start.boottime_ns;
	if (!x->meta.is_sealed || x->meta.minor < 1) {
		if (chain->was_sealed && chain->run == x->meta.run)
			verify_damage(x, "this segment is not sealed, but its run is");
		chain->was_sealed = false;
		return;
	}
	chain->was_sealed = true;
	if (!chain->n_runs || !is_same_run(x, &x->seal.runs[chain->last_run]))
		begin_run(x);
	if (!x->no_memory)
		x->seal.at = (int)chain->last_run;
}

/* Anchors ------------------------------------------------------------------------------------ */

static void check_anchors(struct verifier *x)
{
	const struct reel_anchors *all = x->with.anchors;
	struct reel_verified *c = verify_capture(x);
	uint64_t sequence = x->b.h.sequence;

	for (size_t i = reel_anchors_find(all, c->capture, sequence); i < all->n; i++) {
		const struct reel_anchor *a = &all->list[i];

		if (a->sequence != sequence || memcmp(a->capture, c->capture, TAPE_ID_BYTES) != 0)
			break;
		if (memcmp(a->tag, x->b.tag, TAPE_TAG_BYTES) != 0) {
			verify_damage(x, "it is not the block that was anchored");
			continue;
		}
		c->seal.anchors_here++;
		c->seal.anchored_block = sequence;
		c->seal.anchored_ns = x->chains[x->at].wall_ns;
	}
}

/* Blocks in their row ------------------------------------------------------------------------ */

static void extend_range(struct verifier *x, const struct verify_run *run)
{
	struct verify_chain *chain = &x->chains[x->at];
	struct reel_verified *c = verify_capture(x);
	struct reel_sealed_range *range = &c->seal.range;

	if (c->n_damages || (c->seal.has_range && !x->seal.is_right))
		chain->range_is_over = true;
	if (chain->range_is_over || !x->seal.is_right)
		return;
	if (!c->seal.has_range) {
		range->first = x->b.h.sequence;
		range->from_ns = x->meta.start.realtime_ns;
		range->first_run = run->seal.n;
		memcpy(range->host, run->seal.host, TAPE_ID_BYTES);
		c->seal.has_range = true;
	} else if (memcmp(range->host, run->seal.host, TAPE_ID_BYTES) != 0) {
		chain->range_is_over = true;
		return;
	}
	range->last = x->b.h.sequence;
	range->last_run = run->seal.n;
	range->to_ns = chain->wall_ns;
}

void verify_seal_block_done(struct verifier *x)
{
	struct verify_chain *chain = &x->chains[x->at];
	struct verify_run *run = x->seal.at < 0 ? NULL : &x->seal.runs[x->seal.at];
	const struct tape_header *h = &x->b.h;
	int64_t wall_ns = (int64_t)(h->ts_max + chain->wall_offset_ns);

	if (h->kind == TAPE_META && !h->ts_max)
		wall_ns = x->meta.start.realtime_ns;
	if (wall_ns > chain->wall_ns && (h->ts_max || h->kind == TAPE_META))
		chain->wall_ns = wall_ns;
	chain->last_file = x->file;
	if (x->with.anchors)
		check_anchors(x);
	if (!run)
		chain->range_is_over |= verify_capture(x)->seal.has_range;
	else
		extend_range(x, run);
	if (!run)
		return;
	run->last_sequence = h->sequence;
	run->has_unread_end = h->kind == TAPE_END && !x->segment.has_reason;
	run->goes_on = h->kind == TAPE_END && x->segment.has_reason &&
		       x->segment.reason == TAPE_ROTATED;
	run->has_end = h->kind == TAPE_END && !run->has_unread_end && !run->goes_on;
}
