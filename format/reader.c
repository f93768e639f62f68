/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/index.h"

const char *reel_ending_name(enum reel_ending e)
{
	static const char *const names[] = { "complete", "unclean", "torn", "damaged" };

	return names[e];
}

void reel_health_add(struct reel_health *h, const char *path, uint64_t offset, const char *what)
{
	struct reel_damage *d;

	h->ending = REEL_DAMAGED;
	/* A block may be come upon more than once. */
	for (uint64_t i = 0; i < h->n_damages && i < REEL_DAMAGES_MAX; i++) {
		d = &h->damages[i];
		if (d->path == path && d->offset == offset &&
		    strncmp(d->what, what, sizeof(d->what) - 1) == 0)
			return;
	}
	if (h->n_damages++ >= REEL_DAMAGES_MAX)
		return;
	d = &h->damages[h->n_damages - 1];
	d->path = path;
	d->offset = offset;
	snprintf(d->what, sizeof(d->what), "%s", what);
}

/* Where a segment goes: captures as they were met, segments by number, those of a number as met. */
struct place {
	unsigned source;
	unsigned index;
	uint64_t number;
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static int source_of(struct reel_reader *r, const struct reel_segment *s, unsigned *ret,
		     struct reel_err *err)
{
	struct reel_source *source;

	for (unsigned i = r->n_sources; i-- > 0;) {
		if (memcmp(r->sources[i].capture, s->meta.capture, TAPE_ID_BYTES) == 0) {
			*ret = i;
			return 0;
		}
	}
	if (r->n_sources == REEL_SOURCES_MAX)
		return reel_err_set(err, -E2BIG, "more than %u captures", REEL_SOURCES_MAX);
	source = reallocarray(r->sources, r->n_sources + 1, sizeof(*source));
	if (!source)
		return reel_err_set(err, -ENOMEM, "no memory for the list of captures");
	r->sources = source;
	source = &r->sources[r->n_sources];
	memset(source, 0, sizeof(*source));
	memcpy(source->capture, s->meta.capture, TAPE_ID_BYTES);
	*ret = r->n_sources++;
	return 0;
}

static int sort_segments(struct reel_reader *r, struct reel_err *err)
{
	struct place *places = calloc(r->n_segments + 1u, sizeof(*places));
	struct reel_segment *sorted = calloc(r->n_segments + 1u, sizeof(*sorted));
	uint32_t *moved_to = calloc(r->n_segments + 1u, sizeof(*moved_to));
	int result = 0;

	if (!places || !sorted || !moved_to)
		result = reel_err_set(err, -ENOMEM, "no memory for the list of segments");
	for (unsigned i = 0; result == 0 && i < r->n_segments; i++) {
		places[i].index = i;
		places[i].number = r->segments[i].meta.number;
		result = source_of(r, &r->segments[i], &places[i].source, err);
		r->segments[i].source = places[i].source;
	}
	if (result == 0) {
		qsort(places, r->n_segments, sizeof(*places), by_place);
		for (unsigned i = 0; i < r->n_segments; i++) {
			sorted[i] = r->segments[places[i].index];
			moved_to[places[i].index] = i;
		}
		for (uint32_t i = 0; i < r->n_blocks; i++)
			r->blocks[i].segment = moved_to[r->blocks[i].segment];
		free(r->segments);
		r->segments = sorted;
		sorted = NULL;
	}
	free(places);
	free(sorted);
	free(moved_to);
	return result;
}

/* Segments of one capture must follow each other as their blocks do. */
static void check_succession(struct reel_reader *r)
{
	for (unsigned i = 1; i < r->n_segments; i++) {
		const struct reel_segment *a = &r->segments[i - 1];
		struct reel_segment *b = &r->segments[i];

		if (a->source != b->source || a->is_cut || b->is_cut ||
		    b->first_sequence == a->last_sequence + 1)
			continue;
		b->ending = REEL_DAMAGED;
		if (b->first_sequence > a->last_sequence) {
			reel_health_add(&r->health, b->path, b->path_offset,
					"segments are missing before this one");
			b->missing_blocks += b->first_sequence - a->last_sequence - 1;
			r->health.missing_blocks += b->first_sequence - a->last_sequence - 1;
		} else {
			reel_health_add(&r->health, b->path, b->path_offset,
					"this segment is there twice, or in part");
		}
	}
}

/* Boots of each capture, in the order of its segments. */
static int find_boots(struct reel_reader *r, struct reel_err *err)
{
	struct reel_boot *boot = NULL;

	r->boots = calloc(r->n_segments + 1u, sizeof(*r->boots));
	if (!r->boots)
		return reel_err_set(err, -ENOMEM, "no memory for the list of boots");
	for (unsigned i = 0; i < r->n_segments; i++) {
		struct reel_segment *s = &r->segments[i];
		struct reel_source *source = &r->sources[s->source];

		if (!source->n_segments++) {
			source->first_segment = i;
			source->first_boot = r->n_boots;
			boot = NULL;
		}
		if (!source->host || !*source->host)
			source->host = s->meta.host;
		if (!boot || memcmp(boot->id, s->meta.boot, TAPE_ID_BYTES) != 0) {
			boot = &r->boots[r->n_boots++];
			memcpy(boot->id, s->meta.boot, TAPE_ID_BYTES);
			boot->source = s->source;
			source->n_boots++;
		}
		s->boot = boot;
		reel_clocks_start(&boot->clocks, &s->meta.start);
	}
	return 0;
}

static int read_clocks(struct reel_reader *r, struct reel_err *err)
{
	struct reel_unpacked u = { 0 };
	struct reel_err why;
	int result = 0;

	for (uint32_t i = 0; result == 0 && i < r->n_blocks; i++) {
		const struct reel_entry *e = &r->blocks[i];
		struct reel_boot *boot = &r->boots[r->segments[e->segment].boot - r->boots];

		if (e->n_events && (!boot->ts_max || e->ts_min < boot->ts_min))
			boot->ts_min = e->ts_min;
		if (e->n_events && e->ts_max > boot->ts_max)
			boot->ts_max = e->ts_max;
		if (e->kind != TAPE_CLOCK)
			continue;
		result = reel_reader_unpack(r, i, &u, &why);
		if (result == -ENOMEM) {
			reel_err_set(err, result, "%s", why.msg);
		} else if (result < 0) {
			/* A walk may pass it over, and its times are unsure all the same. */
			const struct reel_segment *s = &r->segments[e->segment];

			reel_health_add(&r->health, s->path,
					s->path_offset + (uint64_t)(e->at - s->base), why.msg);
			result = 0;
		} else if (reel_clocks_add_block(&boot->clocks, &u) < 0) {
			result = reel_err_set(err, -ENOMEM, "no memory for clocks");
		}
	}
	reel_unpack_done(&u);
	return result;
}

int reel_reader_open_closed(char *const *paths, unsigned n, const struct reel_keys *keys,
			    struct reel_reader **ret, struct reel_err *err)
{
	struct reel_reader *r = calloc(1, sizeof(*r));
	int result = 0;

	if (!r)
		return reel_err_set(err, -ENOMEM, "no memory for a reader");
	r->keys = keys;
	for (unsigned i = 0; result == 0 && i < n; i++)
		result = reel_files_add(&r->files, paths[i], err);
	for (unsigned i = 0; result == 0 && i < r->files.n; i++) {
		r->bytes += r->files.list[i].size;
		result = reel_index_file(r, &r->files.list[i], err);
	}
	if (result == 0 && r->n_segments == 0)
		result = reel_err_set(err, -ENODATA, "%s: no segment of a capture is in it",
				      paths[0]);
	if (result == 0)
		result = sort_segments(r, err);
	if (result == 0) {
		check_succession(r);
		result = find_boots(r, err);
	}
	if (result == 0)
		result = read_clocks(r, err);
	if (result < 0) {
		reel_reader_close(r);
		return result;
	}
	for (unsigned i = 0; i < r->n_segments; i++)
		if (r->segments[i].ending > r->health.ending)
			r->health.ending = r->segments[i].ending;
	r->keys = NULL;
	*ret = r;
	return 0;
}

int reel_reader_open_all(char *const *paths, unsigned n, const struct reel_keys *keys,
			 struct reel_reader **ret, struct reel_err *err)
{
	struct reel_reader *r;
	int result = reel_reader_open_closed(paths, n, keys, &r, err);

	if (result < 0)
		return result;
	if (r->health.closed_segments == r->n_segments) {
		result = reel_err_set(err, -ENOKEY, "%s: %s", r->segments[0].path,
				      r->health.closed_why);
		reel_reader_close(r);
		return result;
	}
	*ret = r;
	return 0;
}

int reel_reader_open(const char *path, struct reel_reader **ret, struct reel_err *err)
{
	char *paths[] = { (char *)(uintptr_t)path };

	return reel_reader_open_all(paths, 1, NULL, ret, err);
}

void reel_reader_close(struct reel_reader *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->n_boots; i++)
		reel_clocks_done(&r->boots[i].clocks);
	for (unsigned i = 0; i < r->n_segments; i++)
		reel_crypt_free(r->segments[i].crypt);
	reel_schemas_free(r->schemas);
	reel_files_done(&r->files);
	free(r->segments);
	free(r->sources);
	free(r->boots);
	free(r->blocks);
	free(r);
}

int reel_reader_unpack(const struct reel_reader *r, uint32_t i, struct reel_unpacked *u,
		       struct reel_err *err)
{
	const struct reel_entry *e = &r->blocks[i];
	const struct reel_segment *s = &r->segments[e->segment];
	struct reel_block b;
	size_t room = e->header_bytes + (size_t)e->stored_bytes + TAPE_TAG_BYTES + 8;
	size_t left = (size_t)(s->bytes - (uint64_t)(e->at - s->base));
	int result;

	if (s->is_closed)
		return reel_err_set(err, -ENOKEY, "block is encrypted");
	if (!s->schema)
		return reel_err_set(err, -EBADMSG, "the schema of its segment is missing");
	result = reel_block_parse(e->at, left < room ? left : room, &b, err);
	if (result < 0)
		return result;
	if (b.h.kind != e->kind || b.h.n_events != e->n_events || b.h.segment != s->id ||
	    b.h.ts_min != e->ts_min || b.h.ts_max != e->ts_max)
		return reel_err_set(err, -EBADMSG, "block is not the one that END names");
	result = reel_crypt_open(s->crypt, &b, &u->plain, err);
	return result < 0 ? result : reel_unpack(u, &b, s->schema, s, err);
}

int64_t reel_reader_end_ns(const struct reel_reader *r)
{
	int64_t end = 0;

	for (unsigned i = 0; i < r->n_boots; i++) {
		struct reel_clock_cache cache = { 0 };
		int64_t ns = reel_clocks_realtime(&r->boots[i].clocks, r->boots[i].ts_max, &cache);

		if (ns > end)
			end = ns;
	}
	return end;
}
