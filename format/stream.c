/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walking over a capture that is not all there yet: a pipe, or files that a recorder is writing.
 * Blocks are kept, compressed, until their header's `settled` says that nothing older can come.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/feed.h"
#include "format/index.h"
#include "format/sieve.h"
#include "format/walk_impl.h"

/* Any more are looked through for some that can be forgotten. */
enum { SEGMENTS_KEPT = 16 };

struct waiting {
	uint8_t *bytes;
	size_t size;
	uint64_t ts_min;
	unsigned segment;
};

struct stream {
	struct reel_walk walk;
	struct reel_feed feed;
	struct reel_reader reader; /* the last segments; their blocks go to the queue */
	unsigned n_forgotten;	   /* of those before them */
	struct reel_indexer indexer;
	struct reel_boot **boots; /* all that came, since segments refer to theirs */
	unsigned n_boots;
	uint8_t capture[TAPE_ID_BYTES]; /* of the last of them */
	struct reel_boot *boot;	     /* whose events are given out */
	struct reel_boot *next_boot; /* begins when all of this one's are given out */

	struct waiting *queue; /* by falling ts_min: the next one is the last */
	size_t n_queue, queue_room, queue_bytes;
	uint64_t settled;
	struct reel_merge merge;
	struct reel_sieve sieve;
	struct reel_merge_event head;
	struct reel_unpacked scratch;
	bool has_ended; /* nothing more will come */
};

/* Segments may move when one more comes; what refers to one moves along. */
static void move_segments(struct stream *s, const struct reel_segment *before)
{
	if (s->reader.segments == before)
		return;
	for (size_t i = 0; i < s->merge.n_used; i++) {
		struct reel_unpacked *u = &s->merge.slots[i]->u;

		u->segment = s->reader.segments + (u->segment - before);
	}
}

static bool is_path_used(const void *context, const char *path)
{
	const struct stream *s = context;
	const struct reel_health *h = &s->walk.health;

	for (unsigned i = 0; i < s->reader.n_segments; i++)
		if (s->reader.segments[i].path == path)
			return true;
	for (unsigned i = 0; i < REEL_DAMAGES_MAX && i < h->n_damages; i++)
		if (h->damages[i].path == path)
			return true;
	return false;
}

/* Memory is for the segments of which blocks wait, not for all that ever came. */
static void forget_segments(struct stream *s)
{
	struct reel_segment *segments = s->reader.segments;
	unsigned first = s->reader.n_segments - 1;

	if (s->reader.n_segments < SEGMENTS_KEPT)
		return;
	for (size_t i = 0; i < s->n_queue; i++)
		if (s->queue[i].segment < first)
			first = s->queue[i].segment;
	for (size_t i = 0; i < s->merge.n_used; i++)
		if (s->merge.slots[i]->u.segment < segments + first)
			first = (unsigned)(s->merge.slots[i]->u.segment - segments);
	if (!first)
		return;
	for (unsigned i = 0; i < first; i++)
		reel_crypt_free(segments[i].crypt);
	s->n_forgotten += first;
	s->reader.n_segments -= first;
	memmove(segments, segments + first, s->reader.n_segments * sizeof(*segments));
	for (size_t i = 0; i < s->n_queue; i++)
		s->queue[i].segment -= first;
	for (size_t i = 0; i < s->merge.n_used; i++)
		s->merge.slots[i]->u.segment -= first;
	reel_feed_forget(&s->feed, is_path_used, s);
}

static int begin_boot(struct stream *s, struct reel_segment *segment, struct reel_err *err)
{
	struct reel_boot *last = s->n_boots ? s->boots[s->n_boots - 1] : NULL;
	struct reel_boot **boots, *boot;

	if (last && memcmp(last->id, segment->meta.boot, TAPE_ID_BYTES) == 0 &&
	    memcmp(s->capture, segment->meta.capture, TAPE_ID_BYTES) == 0) {
		segment->boot = last;
		return 0;
	}
	boots = reallocarray(s->boots, s->n_boots + 1u, sizeof(*boots));
	if (boots)
		s->boots = boots;
	boot = boots ? calloc(1, sizeof(*boot)) : NULL;
	if (!boot)
		return reel_err_set(err, -ENOMEM, "no memory for a boot");
	memcpy(boot->id, segment->meta.boot, TAPE_ID_BYTES);
	memcpy(s->capture, segment->meta.capture, TAPE_ID_BYTES);
	reel_clocks_start(&boot->clocks, &segment->meta.start);
	segment->boot = s->boots[s->n_boots++] = boot;
	s->next_boot = boot;
	return 0;
}

/* CLOCK and GAP blocks are looked into as they come: what follows is dated by the one, and whoever
 * asks must hear of the other. */
static int look_into(struct stream *s, const struct reel_block *b, struct reel_segment *segment,
		     struct reel_err *err)
{
	struct reel_boot *boot = s->boots[s->n_boots - 1];
	struct reel_unpacked *u = &s->scratch;
	struct reel_block plain = *b;
	struct reel_sieve sieve;

	if ((b->h.kind != TAPE_CLOCK && b->h.kind != TAPE_GAP) || !segment->schema ||
	    reel_crypt_open(segment->crypt, &plain, &u->plain, NULL) < 0 ||
	    reel_unpack(u, &plain, segment->schema, segment, NULL) < 0)
		return 0;
	if (b->h.kind == TAPE_GAP) {
		reel_sieve_init(&sieve, &s->walk.filter, &boot->clocks);
		s->walk.health.lost += reel_sieve_count_lost(&sieve, u);
		return 0;
	}
	s->sieve.clock = (struct reel_clock_cache){ 0 };
	if (reel_clocks_add_block(&boot->clocks, u) < 0)
		return reel_err_set(err, -ENOMEM, "no memory for clocks");
	return 0;
}

static int enqueue(struct stream *s, const struct reel_block *b, struct reel_err *err)
{
	struct waiting w = { NULL, b->total_bytes, b->h.ts_min, s->reader.n_segments - 1 };
	size_t i = s->n_queue;

	if (s->n_queue == s->queue_room) {
		size_t room = s->queue_room ? 2 * s->queue_room : 64;
		struct waiting *queue = reallocarray(s->queue, room, sizeof(*queue));

		if (!queue)
			return reel_err_set(err, -ENOMEM, "no memory for blocks that wait");
		s->queue = queue;
		s->queue_room = room;
	}
	w.bytes = malloc(w.size);
	if (!w.bytes)
		return reel_err_set(err, -ENOMEM, "no memory for blocks that wait");
	memcpy(w.bytes, b->at, w.size);
	while (i > 0 && s->queue[i - 1].ts_min <= w.ts_min)
		i--;
	memmove(s->queue + i + 1, s->queue + i, (s->n_queue - i) * sizeof(w));
	s->queue[i] = w;
	s->n_queue++;
	s->queue_bytes += w.size;
	return 0;
}

static int take_block(struct stream *s, const struct reel_block *b, uint64_t offset,
		      struct reel_err *err)
{
	const struct reel_segment *before;
	struct reel_segment *segment;
	int r;

	if (b->h.kind == TAPE_META)
		forget_segments(s);
	before = s->reader.segments;
	s->indexer.path = reel_feed_path(&s->feed);
	s->reader.n_blocks = 0;
	r = reel_index_block(&s->indexer, b, offset, err);
	if (r < 0)
		return r;
	move_segments(s, before);
	if (!s->indexer.is_open)
		return 0;
	segment = &s->reader.segments[s->reader.n_segments - 1];
	if (!segment->boot) {
		r = begin_boot(s, segment, err);
		if (r < 0)
			return r;
	}
	if (!s->reader.n_blocks)
		return 0;
	s->walk.stats.blocks++;
	if (s->next_boot || b->h.ts_max > s->walk.stats.newest_ns)
		s->walk.stats.newest_ns = b->h.ts_max;
	r = look_into(s, b, segment, err);
	if (r == 0 && !segment->schema && !segment->is_closed)
		reel_health_add(&s->walk.health, segment->path, offset,
				"the schema of its segment is missing");
	else if (r == 0 && reel_sieve_wants_block(&s->sieve, segment, &s->reader.blocks[0]))
		r = enqueue(s, b, err);
	if (!s->next_boot && b->h.settled > s->settled)
		s->settled = b->h.settled;
	return r;
}

static int load_block(struct stream *s, struct reel_err *err)
{
	struct waiting w = s->queue[--s->n_queue];
	const struct reel_segment *segment = &s->reader.segments[w.segment];
	struct reel_merge_slot *slot = reel_merge_slot(&s->merge);
	struct reel_err why = { 0 };
	struct reel_block b;
	int r = -ENOMEM;

	s->queue_bytes -= w.size;
	if (slot) {
		r = reel_block_parse(w.bytes, w.size, &b, &why);
		if (r == 0)
			r = reel_crypt_open(segment->crypt, &b, &slot->u.plain, &why);
		if (r == 0)
			r = segment->schema ?
				    reel_unpack(&slot->u, &b, segment->schema, segment, &why) :
				    reel_err_set(&why, -EBADMSG, "the schema is missing");
	}
	free(w.bytes);
	if (r == 0) {
		s->walk.stats.unpacked++;
		return reel_merge_add(&s->merge, slot, err);
	}
	if (slot)
		reel_merge_drop(&s->merge, slot);
	if (r == -ENOMEM)
		return reel_err_set(err, r, "no memory for a block");
	reel_health_add(&s->walk.health, segment->path, segment->path_offset, why.msg);
	return 0;
}

/* The next wanted event that nothing can come before any more. */
static bool take_event(struct stream *s, bool is_drained)
{
	uint64_t bound = is_drained ? UINT64_MAX : s->settled;

	if (s->n_queue && s->queue[s->n_queue - 1].ts_min < bound)
		bound = s->queue[s->n_queue - 1].ts_min;
	while (reel_merge_next(&s->merge, bound, &s->head))
		if (reel_sieve_wants_event(&s->sieve, &s->head))
			return true;
	return false;
}

static int read_block(struct stream *s, struct reel_err *err)
{
	struct reel_feed_block got;
	int r = reel_feed_next(&s->feed, &got, err);

	if (r < 0)
		return r;
	if (got.skipped_bytes && (r == 0 || got.block.h.kind == TAPE_META)) {
		s->walk.health.torn_bytes += got.skipped_bytes;
		if (s->walk.health.ending < REEL_TORN)
			s->walk.health.ending = REEL_TORN;
	} else if (got.skipped_bytes) {
		reel_health_add(&s->walk.health, reel_feed_path(&s->feed), got.skipped_at,
				"bytes that are no block");
	}
	if (r == 0) {
		s->has_ended = true;
		reel_index_close_segment(&s->indexer, got.offset);
		reel_index_end(&s->indexer, got.offset);
		if (s->walk.health.unclean_segments && s->walk.health.ending < REEL_UNCLEAN)
			s->walk.health.ending = REEL_UNCLEAN;
		return 0;
	}
	return take_block(s, &got.block, got.offset, err);
}

static int stream_next(struct reel_walk *w, struct reel_event *ret, struct reel_err *err)
{
	struct stream *s = (struct stream *)w;
	int r = 0;

	while (r == 0) {
		bool is_over = s->queue_bytes + s->merge.bytes > REEL_WALK_BYTES;
		bool is_drained = s->has_ended || s->next_boot || is_over;

		if (take_event(s, is_drained)) {
			w->health.disordered += is_over && s->head.u->ts[s->head.i] >= s->settled;
			w->stats.events++;
			reel_unpacked_event(s->head.u, s->head.run, s->head.i, ret);
			return 1;
		}
		if (s->n_queue && (is_drained || s->queue[s->n_queue - 1].ts_min < s->settled)) {
			r = load_block(s, err);
		} else if (s->next_boot) {
			s->boot = s->next_boot;
			s->next_boot = NULL;
			s->settled = 0;
			reel_sieve_init(&s->sieve, &w->filter, &s->boot->clocks);
		} else if (s->has_ended) {
			if (!s->reader.n_segments)
				return reel_err_set(err, -ENODATA,
						    "%s: no segment of a capture is in it",
						    reel_feed_path(&s->feed));
			if (w->health.closed_segments == s->reader.n_segments + s->n_forgotten)
				return reel_err_set(err, -ENOKEY, "%s: %s",
						    reel_feed_path(&s->feed), w->health.closed_why);
			return 0;
		} else {
			r = read_block(s, err);
		}
	}
	return r;
}

static int64_t stream_realtime(struct reel_walk *w, const struct reel_event *ev)
{
	struct stream *s = (struct stream *)w;

	return reel_clocks_realtime(&s->boot->clocks, ev->ts, &s->sieve.clock);
}

static void stream_close(struct reel_walk *w)
{
	struct stream *s = (struct stream *)w;

	for (size_t i = 0; i < s->n_queue; i++)
		free(s->queue[i].bytes);
	free(s->queue);
	for (unsigned i = 0; i < s->n_boots; i++) {
		reel_clocks_done(&s->boots[i]->clocks);
		free(s->boots[i]);
	}
	free(s->boots);
	reel_merge_done(&s->merge);
	reel_unpack_done(&s->scratch);
	for (unsigned i = 0; i < s->reader.n_segments; i++)
		reel_crypt_free(s->reader.segments[i].crypt);
	reel_index_done(&s->indexer);
	reel_schemas_free(s->reader.schemas);
	free(s->reader.segments);
	free(s->reader.blocks);
	reel_feed_close(&s->feed);
	free(s);
}

static void stream_wait(struct reel_walk *w, const struct reel_walk_wait *wait)
{
	struct stream *s = (struct stream *)w;

	if (wait->stop)
		s->feed.stop = wait->stop;
	s->feed.idle = wait->idle;
	s->feed.context = wait->context;
}

static const struct reel_boot *stream_settled(const struct reel_walk *w, uint64_t *ret_ts)
{
	const struct stream *s = (const struct stream *)w;

	*ret_ts = s->settled;
	return s->boot;
}

static const struct reel_walk_ops stream_ops = { stream_next, stream_realtime, stream_close,
						 stream_wait, stream_settled };

static struct stream *new_stream(const struct reel_filter *f, const struct reel_keys *keys)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->walk.ops = &stream_ops;
	if (f)
		s->walk.filter = *f;
	s->reader.keys = keys;
	s->indexer.r = &s->reader;
	s->indexer.health = &s->walk.health;
	return s;
}

int reel_walk_stream(int fd, const struct reel_filter *f, const struct reel_keys *keys,
		     struct reel_walk **ret, struct reel_err *err)
{
	struct stream *s = new_stream(f, keys);

	if (!s)
		return reel_err_set(err, -ENOMEM, "no memory for a walk");
	reel_feed_open_fd(&s->feed, fd);
	*ret = &s->walk;
	return 0;
}

int reel_walk_follow(const char *path, const struct reel_filter *f, const struct reel_keys *keys,
		     const volatile int *stop, struct reel_walk **ret, struct reel_err *err)
{
	struct stream *s = new_stream(f, keys);
	int r;

	if (!s)
		return reel_err_set(err, -ENOMEM, "no memory for a walk");
	r = reel_feed_open_path(&s->feed, path, stop, err);
	if (r < 0) {
		stream_close(&s->walk);
		return r;
	}
	*ret = &s->walk;
	return 0;
}
