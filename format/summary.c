/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/tail.h"

struct gathering {
	const struct reel_reader *r;
	struct reel_summary *s; /* of the source at hand */
	struct reel_health *health;
	struct reel_unpacked u;
	bool predecessor_was_retired;
	struct reel_clock_cache clock;
	const struct reel_boot *clock_boot;
};

static int64_t wall(struct gathering *g, const struct reel_boot *boot, uint64_t ts)
{
	if (g->clock_boot != boot)
		g->clock = (struct reel_clock_cache){ 0 };
	g->clock_boot = boot;
	return reel_clocks_realtime(&boot->clocks, ts, &g->clock);
}

/* Room for one more; NULL in *list's place is an empty one. false: no memory. */
static bool grow(void **list, uint32_t n, uint32_t *room, size_t size)
{
	uint32_t more = *room ? 2 * *room : 16;
	void *larger;

	if (n < *room)
		return true;
	larger = reallocarray(*list, more, size);
	if (!larger)
		return false;
	*list = larger;
	*room = more;
	return true;
}

static int take_lost(struct gathering *g, const struct reel_event *ev)
{
	struct reel_summary *s = g->s;
	struct ev_lost scratch;
	const struct ev_lost *lost = reel_event_as(ev, &scratch, sizeof(scratch));

	s->lost += lost->count;
	if (s->n_all_losses++ >= REEL_SUMMARY_ROWS_MAX)
		return 0;
	if (!grow((void **)&s->losses, s->n_losses, &s->losses_room, sizeof(*s->losses)))
		return -ENOMEM;
	s->losses[s->n_losses++] = (struct reel_loss){
		.boot = ev->segment->boot,
		.type = ev->type,
		.class_name = g->u.schema->classes[lost->lost_class],
		.first = lost->first,
		.last = lost->last,
		.from_ns = wall(g, ev->segment->boot, lost->first),
		.to_ns = wall(g, ev->segment->boot, lost->last),
		.count = lost->count,
		.cpu = lost->lost_cpu,
		.class_id = lost->lost_class,
		.cause = lost->cause,
	};
	return 0;
}

static void take_retired(struct gathering *g, const struct reel_event *ev)
{
	struct reel_retirement *all = &g->s->retired;
	const struct tape_previous *before = &g->s->meta->previous;
	struct ev_retired scratch;
	const struct ev_retired *one = reel_event_as(ev, &scratch, sizeof(scratch));
	const struct reel_field *f = reel_type_field(ev->type, "head");
	struct reel_string head = f ? reel_event_string(ev, f) : (struct reel_string){ 0 };
	int64_t from = wall(g, ev->segment->boot, one->first);
	int64_t to = wall(g, ev->segment->boot, one->last);

	if (!all->segments || one->segment_number < all->first_number)
		all->first_number = one->segment_number;
	if (one->segment_number > all->last_number)
		all->last_number = one->segment_number;
	/* Of another boot its times mean nothing here; a segment without events has none. */
	if (one->events && from > 0 && (!all->from_ns || from < all->from_ns))
		all->from_ns = from;
	if (one->events && to > all->to_ns)
		all->to_ns = to;
	all->segments++;
	all->events += one->events;
	all->bytes += one->size;
	if (g->s->meta->has_previous && one->segment == before->segment &&
	    head.length == TAPE_TAG_BYTES && memcmp(head.bytes, before->head, TAPE_TAG_BYTES) == 0)
		g->predecessor_was_retired = true;
}

static char *copy_field(const struct reel_event *ev, const char *name)
{
	const struct reel_field *f = reel_type_field(ev->type, name);
	struct reel_string s = f ? reel_event_string(ev, f) : (struct reel_string){ 0 };

	return s.length ? strndup((const char *)s.bytes, s.length) : strdup("");
}

static void free_cover(struct reel_cover *c)
{
	free(c->hook);
	free(c->types);
	free(c->reason);
}

static int take_coverage(struct gathering *g, const struct reel_event *ev)
{
	struct reel_summary *s = g->s;
	struct ev_coverage scratch;
	const struct ev_coverage *said = reel_event_as(ev, &scratch, sizeof(scratch));
	struct reel_cover cover = {
		.boot = ev->segment->boot,
		.type = ev->type,
		.ts = ev->ts,
		.hook = copy_field(ev, "hook"),
		.types = copy_field(ev, "types"),
		.reason = copy_field(ev, "reason"),
		.status = said->status,
	};

	if (!cover.hook || !cover.types || !cover.reason) {
		free_cover(&cover);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < s->n_covers; i++) {
		struct reel_cover *c = &s->covers[i];

		if (c->boot != cover.boot || strcmp(c->hook, cover.hook) != 0)
			continue;
		if (c->ts > cover.ts) {
			free_cover(&cover);
			return 0;
		}
		free_cover(c);
		*c = cover;
		return 0;
	}
	if (s->n_covers == REEL_SUMMARY_ROWS_MAX ||
	    !grow((void **)&s->covers, s->n_covers, &s->covers_room, sizeof(*s->covers))) {
		int r = s->n_covers == REEL_SUMMARY_ROWS_MAX ? 0 : -ENOMEM;

		free_cover(&cover);
		return r;
	}
	s->covers[s->n_covers++] = cover;
	return 0;
}

/* The counts go on in a run: the last ones are it. */
static int take_counters(struct gathering *g, const struct reel_event *ev)
{
	struct reel_summary *s = g->s;
	struct ev_counters scratch;
	const struct ev_counters *e = reel_event_as(ev, &scratch, sizeof(scratch));
	struct reel_counted c = {
		.run = ev->segment->meta.run,
		.seen = e->seen,
		.kept = e->kept,
		.folded = e->folded,
		.filtered = e->filtered,
		.lost = e->lost,
		.missed = e->missed,
		.cpu = e->counted_cpu,
		.class_id = e->counted_class,
	};

	for (uint32_t i = s->n_counted; i-- > 0 && s->counted[i].run == c.run;) {
		if (s->counted[i].cpu != c.cpu || s->counted[i].class_id != c.class_id)
			continue;
		s->counted[i] = c;
		return 0;
	}
	if (s->n_counted >= REEL_SUMMARY_ROWS_MAX)
		return 0;
	if (!grow((void **)&s->counted, s->n_counted, &s->counted_room, sizeof(*s->counted)))
		return -ENOMEM;
	s->counted[s->n_counted++] = c;
	return 0;
}

static void add_counted(struct reel_summary *s)
{
	struct reel_counted *all = &s->all_counted;

	for (uint32_t i = 0; i < s->n_counted; i++) {
		all->seen += s->counted[i].seen;
		all->kept += s->counted[i].kept;
		all->folded += s->counted[i].folded;
		all->filtered += s->counted[i].filtered;
		all->lost += s->counted[i].lost;
		all->missed += s->counted[i].missed;
	}
}

static int take_event(struct gathering *g, uint32_t run, uint32_t i)
{
	struct reel_event ev;

	if (!g->u.schema->as_built[g->u.type[i]])
		return 0;
	switch (g->u.type[i]) {
	case EV_lost:
		reel_unpacked_event(&g->u, run, i, &ev);
		return take_lost(g, &ev);
	case EV_retired:
		reel_unpacked_event(&g->u, run, i, &ev);
		take_retired(g, &ev);
		return 0;
	case EV_coverage:
		reel_unpacked_event(&g->u, run, i, &ev);
		return take_coverage(g, &ev);
	case EV_counters:
		reel_unpacked_event(&g->u, run, i, &ev);
		return take_counters(g, &ev);
	default:
		return 0;
	}
}

static void widen(struct reel_span *span, int64_t from, int64_t to)
{
	if (from > 0 && (!span->from_ns || from < span->from_ns))
		span->from_ns = from;
	if (to > span->to_ns)
		span->to_ns = to;
}

static bool is_shown(struct gathering *g, const struct reel_segment *segment, uint32_t i,
		     struct reel_span *span)
{
	int64_t real;

	if (!segment->is_cut)
		return true;
	real = wall(g, segment->boot, g->u.ts[i]);
	if (real < segment->cut_from_ns || real >= segment->cut_to_ns)
		return false;
	widen(span, real, real);
	return true;
}

/* Counts the events of a block that is unpacked, if END does not, and reads what is said in it. */
static int take_block(struct gathering *g, const struct reel_segment *segment, bool counts,
		      struct reel_span *span)
{
	for (uint32_t run = 0; run < g->u.n_runs; run++) {
		for (uint32_t i = g->u.run_at[run]; i < g->u.run_at[run + 1]; i++) {
			int r = take_event(g, run, i);

			if (r < 0)
				return r;
			if (!counts || !is_shown(g, segment, i, span))
				continue;
			g->s->events++;
			g->s->events_of[g->u.type[i]]++;
		}
	}
	return 0;
}

static bool may_have(const struct reel_entry *e, unsigned type)
{
	return e->types[type / 8] & 1u << type % 8;
}

/* Its header tells it also where the entry must not. */
static unsigned kind_of(const struct reel_entry *e)
{
	return e->kind == REEL_CLOSED ? e->at[offsetof(struct tape_header, kind)] : e->kind;
}

static bool must_be_read(const struct reel_entry *e, bool counts)
{
	return counts || e->kind == TAPE_GAP || (e->kind == TAPE_STATE && may_have(e, EV_coverage));
}

static int take_blocks(struct gathering *g, const struct reel_segment *segment, bool counts,
		       struct reel_span *span, struct reel_err *err)
{
	for (uint32_t i = segment->first_block; i < segment->first_block + segment->n_blocks; i++) {
		const struct reel_entry *e = &g->r->blocks[i];
		struct reel_err why = { 0 };
		int64_t from, to;
		int r;

		g->s->blocks_of[kind_of(e)]++;
		g->s->blocks++;
		g->s->raw_bytes += e->raw_bytes;
		g->s->events += segment->is_closed ? e->n_events : 0;
		if (e->n_events && !segment->is_cut) {
			reel_clocks_range(&segment->boot->clocks, e->ts_min, e->ts_max, &from, &to);
			widen(span, from, to);
		}
		/* Without its schema, which has been noted, it cannot be read. */
		if (!must_be_read(e, counts) || !segment->schema)
			continue;
		r = reel_reader_unpack(g->r, i, &g->u, &why);
		if (r == -ENOMEM)
			return reel_err_set(err, r, "%s", why.msg);
		if (r < 0) {
			reel_health_add(g->health, segment->path,
					segment->path_offset + (uint64_t)(e->at - segment->base),
					why.msg);
			g->s->ending = REEL_DAMAGED;
			continue;
		}
		if (take_block(g, segment, counts, span) < 0)
			return reel_err_set(err, -ENOMEM, "no memory for a summary");
	}
	return 0;
}

static void take_names(struct gathering *g, const struct reel_segment *segment)
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++)
		if (!g->s->type_names[t] && segment->schema && segment->schema->types[t])
			g->s->type_names[t] = segment->schema->types[t]->name;
}

static void take_ending(struct gathering *g, const struct reel_segment *segment)
{
	struct reel_summary *s = g->s;
	enum reel_ending ending = segment->ending;

	if (ending != REEL_COMPLETE && reel_tail_is_being_written(g->r, segment)) {
		s->is_being_written = true;
		if (ending != REEL_DAMAGED)
			ending = REEL_COMPLETE;
	}
	s->unclean_segments += ending == REEL_UNCLEAN;
	s->torn_segments += ending == REEL_TORN;
	s->damaged_segments += ending == REEL_DAMAGED;
	if (ending > s->ending)
		s->ending = ending;
}

static int take_segment(struct gathering *g, const struct reel_segment *segment,
			struct reel_tail *tail, struct reel_err *err)
{
	struct reel_summary *s = g->s;
	struct reel_span *span = &s->spans[segment->boot - g->r->boots - s->source->first_boot];
	/* What is damaged is counted, since END tells what was there once. */
	bool trusts_end = segment->has_end && !segment->is_cut && !segment->is_closed &&
			  segment->ending == REEL_COMPLETE;
	int r = trusts_end ? reel_tail_read(segment, tail, err) : -ENODATA;

	if (r == -ENOMEM)
		return r;
	span->boot = segment->boot;
	s->stored_bytes += segment->bytes;
	s->is_cut |= segment->is_cut;
	s->closed_segments += segment->is_closed;
	take_ending(g, segment);
	take_names(g, segment);
	if (r == 0) {
		s->events += tail->totals.events;
		for (unsigned t = 0; t < EV_MAX_TYPES; t++)
			s->events_of[t] += tail->events_of[t];
	}
	return take_blocks(g, segment, r < 0, span, err);
}

static int take_source(struct gathering *g, const struct reel_source *source,
		       struct reel_tail *tail, struct reel_err *err)
{
	struct reel_summary *s = g->s;
	const struct reel_segment *first = &g->r->segments[source->first_segment];
	int r = 0;

	s->source = source;
	s->meta = &first->meta;
	s->is_derived = first->meta.is_derived;
	s->spans = calloc(source->n_boots + 1u, sizeof(*s->spans));
	if (!s->spans)
		return reel_err_set(err, -ENOMEM, "no memory for a summary");
	g->predecessor_was_retired = false;
	for (unsigned i = 0; r == 0 && i < source->n_segments; i++)
		r = take_segment(g, first + i, tail, err);
	add_counted(s);
	for (unsigned i = 0; i < source->n_boots; i++) {
		struct reel_span all = { NULL, s->from_ns, s->to_ns };

		widen(&all, s->spans[i].from_ns, s->spans[i].to_ns);
		s->from_ns = all.from_ns;
		s->to_ns = all.to_ns;
	}
	/* In what is closed it may be told that it was retired. */
	s->head_is_missing = first->meta.has_previous && !first->is_cut &&
			     !g->predecessor_was_retired && !s->closed_segments;
	return r;
}

int reel_summarize(const struct reel_reader *r, struct reel_summary **ret,
		   struct reel_health *health, struct reel_err *err)
{
	struct gathering g = { .r = r, .health = health };
	struct reel_summary *list = calloc(r->n_sources + 1u, sizeof(*list));
	struct reel_tail *tail = malloc(sizeof(*tail));
	int result = 0;

	if (!list || !tail)
		result = reel_err_set(err, -ENOMEM, "no memory for a summary");
	for (unsigned i = 0; result == 0 && i < r->n_sources; i++) {
		g.s = &list[i];
		result = take_source(&g, &r->sources[i], tail, err);
		health->lost += list[i].lost;
	}
	reel_unpack_done(&g.u);
	free(tail);
	if (result < 0) {
		reel_summary_free(list, r);
		return result;
	}
	*ret = list;
	return 0;
}

void reel_summary_free(struct reel_summary *list, const struct reel_reader *r)
{
	for (unsigned i = 0; list && i < r->n_sources; i++) {
		for (uint32_t k = 0; k < list[i].n_covers; k++)
			free_cover(&list[i].covers[k]);
		free(list[i].covers);
		free(list[i].losses);
		free(list[i].counted);
		free(list[i].spans);
	}
	free(list);
}
