/* SPDX-License-Identifier: BSD-2-Clause */
/* By time: the blocks that touch it, untouched. */
#include "format/cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "format/collect.h"
#include "format/moment.h"

struct cutter {
	const struct reel_reader *r;
	struct reel_cut_range range;
	struct reel_cut_boot *boots;
	bool *wanted;			/* of each entry of the reader */
	bool *has_any;			/* of each segment */
	int fd;
	struct reel_cut *done;
	struct reel_unpacked u;
};

/* The plan ----------------------------------------------------------------------------------- */

static int to_realtime(const struct reel_reader *r, const struct reel_moment *m, int64_t *ret,
		       struct reel_err *err)
{
	struct reel_clock_cache cache = { 0 };

	if (m->kind == REEL_REALTIME)
		*ret = m->ns;
	if (m->kind != REEL_BOOTTIME)
		return 0;
	if (r->n_boots != 1)
		return reel_err_set(err, -EINVAL,
				    "@%lld: the capture has %u boots, each with times of its own",
				    (long long)m->ns, r->n_boots);
	*ret = reel_clocks_realtime(&r->boots[0].clocks, (uint64_t)m->ns, &cache);
	return 0;
}

static void plan_boot(const struct reel_reader *r, const struct reel_boot *boot,
		      const struct reel_cut_range *range, struct reel_cut_boot *ret)
{
	const struct reel_clocks *c = &boot->clocks;
	uint64_t first = boot->ts_min, last = boot->ts_max;

	/* Without a clock all times are 0, which is in the range only if it is open at that end. */
	if (!boot->ts_max || (!c->n && range->from_ns > 0) ||
	    (c->n && !reel_moment_span(boot, range->from_ns, range->to_ns, &first, &last)) ||
	    last < boot->ts_min)
		return;
	*ret = (struct reel_cut_boot){ .boot = boot, .state_from = boot->ts_min, .last = last };
	if (first > boot->ts_min)
		(void)reel_keyframe_before(r, boot, first, &ret->state_from);
	for (size_t i = 0; i < c->n && c->list[i].ts <= ret->state_from; i++)
		ret->clock_from = c->list[i].ts;
}

int reel_cut_plan(const struct reel_reader *r, const struct reel_filter *f,
		  struct reel_cut_range *ret_range, struct reel_cut_boot **ret_boots,
		  struct reel_err *err)
{
	struct reel_cut_range range = { 0, INT64_MAX };
	struct reel_cut_boot *boots;
	bool any = false;
	int result;

	if (r->n_sources != 1)
		return reel_err_set(err, -EINVAL, "%u captures are in it: cut one at a time",
				    r->n_sources);
	result = to_realtime(r, &f->from, &range.from_ns, err);
	if (result == 0)
		result = to_realtime(r, &f->to, &range.to_ns, err);
	if (result < 0)
		return result;
	if (range.from_ns >= range.to_ns)
		return reel_err_set(err, -EINVAL, "there is no time between --from and --to");
	boots = calloc(r->n_boots + 1u, sizeof(*boots));
	if (!boots)
		return reel_err_set(err, -ENOMEM, "no memory for a cut");
	for (unsigned i = 0; i < r->n_boots; i++) {
		plan_boot(r, &r->boots[i], &range, &boots[i]);
		any |= boots[i].boot != NULL;
	}
	if (!any) {
		free(boots);
		return reel_err_set(err, -ENODATA, "nothing was recorded in that time");
	}
	*ret_range = range;
	*ret_boots = boots;
	return 0;
}

/* Which blocks ------------------------------------------------------------------------------- */

/* A LOST record tells of a time before its own. */
static bool tells_of_loss(struct cutter *x, uint32_t i, const struct reel_boot *boot)
{
	if (reel_reader_unpack(x->r, i, &x->u, NULL) < 0)
		return true;
	for (uint32_t run = 0; run < x->u.n_runs; run++) {
		for (uint32_t k = x->u.run_at[run]; k < x->u.run_at[run + 1]; k++) {
			struct reel_event ev;
			struct ev_lost scratch;
			const struct ev_lost *lost;
			int64_t from, to;

			if (x->u.type[k] != EV_lost || !x->u.schema->as_built[EV_lost])
				continue;
			reel_unpacked_event(&x->u, run, k, &ev);
			lost = reel_event_as(&ev, &scratch, sizeof(scratch));
			reel_clocks_range(&boot->clocks, lost->first, lost->last, &from, &to);
			if (to >= x->range.from_ns && from < x->range.to_ns)
				return true;
		}
	}
	return false;
}

static bool wants(struct cutter *x, uint32_t i)
{
	const struct reel_entry *e = &x->r->blocks[i];
	const struct reel_boot *boot = x->r->segments[e->segment].boot;
	const struct reel_cut_boot *plan = &x->boots[boot - x->r->boots];
	int64_t from, to;

	if (!plan->boot || !e->n_events)
		return false;
	reel_clocks_range(&boot->clocks, e->ts_min, e->ts_max, &from, &to);
	switch (e->kind) {
	case TAPE_STATE:
		return e->ts_max >= plan->state_from && e->ts_min <= plan->last;
	case TAPE_EVENTS:
		return to >= x->range.from_ns && from < x->range.to_ns;
	case TAPE_GAP:
		return (to >= x->range.from_ns && from < x->range.to_ns) ||
		       tells_of_loss(x, i, boot);
	default:
		return false;
	}
}

/* The segment whose clock dates the first of what is wanted, if that lies in an earlier one. */
static void want_clock_before(struct cutter *x, const struct reel_boot *boot)
{
	const struct reel_clocks *c = &boot->clocks;
	uint64_t first = UINT64_MAX, clock = 0;
	uint32_t segment = UINT32_MAX;

	for (uint32_t i = 0; i < x->r->n_blocks; i++)
		if (x->wanted[i] && x->r->segments[x->r->blocks[i].segment].boot == boot &&
		    x->r->blocks[i].ts_min < first)
			first = x->r->blocks[i].ts_min;
	for (size_t i = 0; i < c->n && c->list[i].ts <= first; i++)
		clock = c->list[i].ts;
	for (uint32_t i = 0; i < x->r->n_blocks && first != UINT64_MAX; i++) {
		const struct reel_entry *e = &x->r->blocks[i];

		if (e->kind == TAPE_CLOCK && x->r->segments[e->segment].boot == boot &&
		    e->ts_min <= clock && e->ts_max >= clock)
			segment = e->segment;
	}
	if (segment != UINT32_MAX)
		x->has_any[segment] = true;
}

static void choose_blocks(struct cutter *x)
{
	for (uint32_t i = 0; i < x->r->n_blocks; i++) {
		x->wanted[i] = wants(x, i);
		x->has_any[x->r->blocks[i].segment] |= x->wanted[i];
	}
	for (unsigned i = 0; i < x->r->n_boots; i++)
		if (x->boots[i].boot)
			want_clock_before(x, &x->r->boots[i]);
	for (uint32_t i = 0; i < x->r->n_blocks; i++)
		x->wanted[i] |= x->r->blocks[i].kind == TAPE_CLOCK &&
				x->has_any[x->r->blocks[i].segment];
	/* Without META and SCHEMA nobody can read what is in it, here as there. */
	for (unsigned i = 0; i < x->r->n_segments; i++)
		x->has_any[i] &= x->r->segments[i].schema != NULL;
}

/* Writing ------------------------------------------------------------------------------------ */

static int put(struct cutter *x, const void *bytes, size_t n, struct reel_err *err)
{
	int r = reel_write_whole(x->fd, bytes, n);

	if (r < 0)
		return reel_err_set(err, r, "cannot write the cut: %s", strerror(-r));
	return 0;
}

/* What a cut of a cut shows is what both show. */
static struct reel_cut_range shown_of(const struct cutter *x, const struct reel_segment *s)
{
	struct reel_cut_range range = x->range;

	if (s->is_cut && s->cut_from_ns > range.from_ns)
		range.from_ns = s->cut_from_ns;
	if (s->is_cut && s->cut_to_ns < range.to_ns)
		range.to_ns = s->cut_to_ns;
	return range;
}

/* META that says of the next n segments which time was cut out of them. */
static int put_announcement(struct cutter *x, const struct reel_segment *s,
			    const struct reel_cut_range *range, uint64_t n_segments,
			    uint64_t n_blocks, struct reel_err *err)
{
	struct tape_header h = { .magic = TAPE_MAGIC, .kind = TAPE_META };
	struct reel_meta *meta = malloc(sizeof(*meta));
	uint8_t *block = calloc(1, TAPE_HEADER_MIN + REEL_META_MAX + TAPE_TAG_BYTES + 8);
	enum reel_meta_part part;
	int r = -ENOMEM;

	if (!meta || !block) {
		reel_err_set(err, r, "no memory for a cut");
		goto out;
	}
	*meta = s->meta;
	meta->number = 0;
	meta->has_previous = false;
	meta->is_derived = false;
	meta->is_sealed = false;
	meta->is_cut = true;
	meta->cut = (struct tape_cut){ range->from_ns, range->to_ns, n_segments, n_blocks };
	do {
		if (getrandom(&h.segment, sizeof(h.segment), 0) != sizeof(h.segment)) {
			r = reel_err_set(err, -EIO, "no random number for a cut");
			goto out;
		}
	} while (h.segment == 0);
	h.header_bytes = TAPE_HEADER_MIN;
	/* What its segments hide is not told here either. */
	part = meta->is_encrypted ? REEL_META_PUBLIC : REEL_META_WHOLE;
	h.raw_bytes = (uint32_t)reel_meta_encode_part(meta, part, block + TAPE_HEADER_MIN);
	h.stored_bytes = h.raw_bytes;
	memcpy(block, &h, sizeof(h));
	r = put(x, block, reel_block_finish(block, NULL), err);
out:
	free(meta);
	free(block);
	return r;
}

/* META and SCHEMA, then what is wanted of the rest, in the order in which it lies there. */
static int put_segment(struct cutter *x, const struct reel_segment *s, struct reel_err *err)
{
	size_t at = 0;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < 2; i++) {
		struct reel_block b;

		r = reel_block_parse(s->base + at, s->bytes - at, &b, err);
		if (r == 0)
			r = put(x, b.at, b.total_bytes, err);
		at += r == 0 ? b.total_bytes : 0;
	}
	for (uint32_t i = s->first_block; r == 0 && i < s->first_block + s->n_blocks; i++) {
		const struct reel_entry *e = &x->r->blocks[i];
		struct tape_header h = { .header_bytes = e->header_bytes,
					 .stored_bytes = e->stored_bytes };

		if (!x->wanted[i])
			continue;
		r = put(x, e->at, reel_block_total_bytes(&h), err);
		x->done->events += e->n_events;
	}
	x->done->segments++;
	return r;
}

/* How many blocks put_segment() writes. */
static uint64_t count_blocks(const struct cutter *x, const struct reel_segment *s)
{
	uint64_t n = 2;

	for (uint32_t i = s->first_block; i < s->first_block + s->n_blocks; i++)
		n += x->wanted[i];
	return n;
}

/* Segments that show the same time share an announcement. */
static int put_all(struct cutter *x, struct reel_err *err)
{
	int r = 0;

	for (unsigned i = 0, end; r == 0 && i < x->r->n_segments; i = end) {
		struct reel_cut_range range = shown_of(x, &x->r->segments[i]);
		uint64_t n = 0, n_blocks = 0;

		for (end = i; end < x->r->n_segments; end++) {
			struct reel_cut_range other = shown_of(x, &x->r->segments[end]);

			if (memcmp(&range, &other, sizeof(range)) != 0)
				break;
			if (!x->has_any[end])
				continue;
			n++;
			n_blocks += count_blocks(x, &x->r->segments[end]);
		}
		if (!n || range.from_ns >= range.to_ns)
			continue;
		r = put_announcement(x, &x->r->segments[i], &range, n, n_blocks, err);
		for (unsigned k = i; r == 0 && k < end; k++)
			if (x->has_any[k])
				r = put_segment(x, &x->r->segments[k], err);
	}
	if (r == 0 && !x->done->segments)
		r = reel_err_set(err, -ENODATA, "nothing was recorded in that time");
	return r;
}

int reel_cut_by_time(const struct reel_reader *r, const struct reel_filter *f, int fd,
		     struct reel_cut *ret, struct reel_err *err)
{
	struct cutter x = { .r = r, .fd = fd, .done = ret };
	int result = reel_cut_plan(r, f, &x.range, &x.boots, err);

	memset(ret, 0, sizeof(*ret));
	if (result < 0)
		return result;
	x.wanted = calloc(r->n_blocks + 1u, sizeof(*x.wanted));
	x.has_any = calloc(r->n_segments + 1u, sizeof(*x.has_any));
	if (!x.wanted || !x.has_any) {
		result = reel_err_set(err, -ENOMEM, "no memory for a cut");
		goto out;
	}
	choose_blocks(&x);
	result = put_all(&x, err);
out:
	reel_unpack_done(&x.u);
	free(x.boots);
	free(x.wanted);
	free(x.has_any);
	return result;
}
