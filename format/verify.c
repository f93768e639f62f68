/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of a capture, from their first byte to their last, and what was found in them. */
#include "format/verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/tail.h"
#include "format/verify_impl.h"

enum { N_CPUS = 1 << 16 };

/* Findings ----------------------------------------------------------------------------------- */

/* Where a finding goes when the list is full: damage in the place of a note. */
static struct reel_finding *place_for(struct reel_verified *c, enum reel_finding_kind kind)
{
	if (c->n_findings < REEL_FINDINGS_MAX) {
		if ((c->n_findings & (c->n_findings - 1)) == 0) {
			unsigned room = c->n_findings ? 2 * c->n_findings : 1;
			struct reel_finding *list =
				reallocarray(c->findings, room, sizeof(*list));

			if (!list)
				return NULL;
			c->findings = list;
		}
		return &c->findings[c->n_findings++];
	}
	for (unsigned i = c->n_findings; kind == REEL_FINDING_DAMAGE && i-- > 0;)
		if (c->findings[i].kind == REEL_FINDING_NOTE)
			return &c->findings[i];
	return NULL;
}

static void find(struct verifier *x, const struct reel_finding *template, const char *fmt,
		 va_list ap)
{
	struct reel_verified *c = verify_capture(x);
	struct reel_finding *f;

	c->n_damages += template->kind == REEL_FINDING_DAMAGE;
	f = place_for(c, template->kind);
	if (!f)
		return;
	*f = *template;
	f->path = x->file->path;
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
}

void verify_damage(struct verifier *x, const char *fmt, ...)
{
	const struct reel_finding f = { .kind = REEL_FINDING_DAMAGE,
					.offset = x->offset,
					.sequence = x->b.h.sequence,
					.has_place = true,
					.has_sequence = true };
	va_list ap;

	va_start(ap, fmt);
	find(x, &f, fmt, ap);
	va_end(ap);
}

void verify_damage_at(struct verifier *x, uint64_t offset, const char *fmt, ...)
{
	const struct reel_finding f = { .kind = REEL_FINDING_DAMAGE,
					.offset = offset,
					.has_place = offset != 0 };
	va_list ap;

	va_start(ap, fmt);
	find(x, &f, fmt, ap);
	va_end(ap);
}

void verify_note(struct verifier *x, const char *fmt, ...)
{
	const struct reel_finding f = { .kind = REEL_FINDING_NOTE };
	va_list ap;

	va_start(ap, fmt);
	find(x, &f, fmt, ap);
	va_end(ap);
}

/* Captures ----------------------------------------------------------------------------------- */

/* NULL: the capture of what no META belongs to. */
int verify_select_capture(struct verifier *x, const struct reel_meta *meta)
{
	static const uint8_t nobody[TAPE_ID_BYTES];
	const uint8_t *id = meta ? meta->capture : nobody;
	struct reel_verification *v = x->v;
	struct reel_verified *captures;
	struct verify_chain *chains;

	if (v->n && verify_capture(x)->is_known == !!meta &&
	    memcmp(verify_capture(x)->capture, id, TAPE_ID_BYTES) == 0)
		return 0;
	if (v->n)
		verify_finish_recording(x);
	for (unsigned i = 0; i < v->n; i++) {
		if (v->captures[i].is_known == !!meta &&
		    memcmp(v->captures[i].capture, id, TAPE_ID_BYTES) == 0) {
			/* Captures that take turns in a file: the account of each is cut in pieces. */
			x->may_have_holes = true;
			x->at = i;
			return 0;
		}
	}
	if (v->n == REEL_VERIFIED_MAX)
		return -E2BIG;
	captures = reallocarray(v->captures, v->n + 1u, sizeof(*captures));
	if (captures)
		v->captures = captures;
	chains = reallocarray(x->chains, v->n + 1u, sizeof(*chains));
	if (chains)
		x->chains = chains;
	if (!captures || !chains)
		return -ENOMEM;
	memset(&captures[v->n], 0, sizeof(*captures));
	memset(&chains[v->n], 0, sizeof(*chains));
	memcpy(captures[v->n].capture, id, TAPE_ID_BYTES);
	captures[v->n].is_known = !!meta;
	x->at = v->n++;
	return 0;
}

/* Files -------------------------------------------------------------------------------------- */

/* In the order of capture and number, by the META that each begins with; what has none goes last. */
struct place {
	const struct reel_file *file;
	uint8_t capture[TAPE_ID_BYTES];
	uint64_t number;
	bool is_known;
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = y->is_known - x->is_known;

	if (order == 0)
		order = memcmp(x->capture, y->capture, TAPE_ID_BYTES);
	if (order == 0)
		order = (x->number > y->number) - (x->number < y->number);
	return order ? order : strcmp(x->file->path, y->file->path);
}

static void find_place(struct verifier *x, const struct reel_file *file, struct place *ret)
{
	struct reel_block b;

	*ret = (struct place){ .file = file };
	if (reel_block_parse(file->bytes, file->size, &b, NULL) < 0 || b.h.kind != TAPE_META ||
	    b.h.flags & TAPE_ZSTD ||
	    reel_meta_decode(b.body, b.h.stored_bytes, &x->meta, NULL) < 0)
		return;
	ret->is_known = true;
	ret->number = x->meta.number;
	memcpy(ret->capture, x->meta.capture, TAPE_ID_BYTES);
}

/* Bytes that are no block, before the block at hand or at the end of the file. */
static void take_gap(struct verifier *x, size_t at, size_t bytes, bool before_meta)
{
	static const uint8_t magic[4] = { 'R', 'L', 'E', '1' };
	const uint8_t *last = x->file->bytes + at + bytes - sizeof(magic);
	struct verify_segment *s = &x->segment;
	/* A trailer is written last of all, so what stands before one was whole once. */
	bool was_whole = bytes >= sizeof(struct tape_trailer) &&
			 memcmp(last, magic, sizeof(magic)) == 0;

	if (before_meta && s->is_open && !s->has_end && !was_whole) {
		verify_capture(x)->torn_bytes += bytes;
		x->chains[x->at].open_torn_bytes = bytes;
		return;
	}
	x->may_have_holes = true;
	if (s->is_open && s->has_end)
		verify_damage_at(x, at, "%zu bytes behind END that do not belong to it", bytes);
	else
		verify_damage_at(x, at, "%zu bytes that are no block", bytes);
}

/* The trailer behind the END at hand; without it the write of END has not come to its end. */
static void check_trailer(struct verifier *x, const struct reel_scan *scan)
{
	size_t end = (size_t)(x->b.at - scan->base) + x->b.total_bytes;

	if (scan->at - end == sizeof(struct tape_trailer)) {
		verify_capture(x)->bytes += sizeof(struct tape_trailer);
		return;
	}
	if (scan->size - end < sizeof(struct tape_trailer))
		x->segment.has_end = false;
	else
		verify_damage_at(x, end, "the trailer behind END is missing or wrong");
}

/* A file without one whole block: what a recorder leaves that dies at once, or something else. */
static void take_nothing(struct verifier *x)
{
	static const uint8_t magic[4] = { 'R', 'L', 'B', '1' };
	size_t n = x->file->size < sizeof(magic) ? x->file->size : sizeof(magic);

	if (n == 0 || memcmp(x->file->bytes, magic, n) == 0) {
		verify_capture(x)->torn_bytes += x->file->size;
		verify_capture(x)->unclean_segments++;
		verify_note(x, "%s: ends before its first block does", x->file->path);
	} else {
		verify_damage_at(x, 0, "no block is in this file");
	}
}

static int take_file(struct verifier *x, const struct place *place)
{
	struct reel_scan scan = { .base = place->file->bytes, .size = place->file->size };
	bool any = false;
	int r;

	x->file = place->file;
	x->offset = 0;
	x->cut_left = 0;
	/* What precedes the first META belongs to the capture that the file is of, if that is known. */
	r = place->is_known ? 0 : verify_select_capture(x, NULL);
	if (place->is_known) {
		memset(&x->meta, 0, sizeof(x->meta));
		memcpy(x->meta.capture, place->capture, TAPE_ID_BYTES);
		r = verify_select_capture(x, &x->meta);
	}
	if (r < 0)
		return r;
	while (reel_scan_next(&scan, &x->b) > 0) {
		x->offset = (uint64_t)(x->b.at - scan.base);
		if (scan.skipped_bytes)
			take_gap(x, scan.skipped_at, scan.skipped_bytes,
				 x->b.h.kind == TAPE_META);
		verify_take_block(x);
		if (x->b.h.kind == TAPE_END && x->segment.is_open && !x->segment.is_cut)
			check_trailer(x, &scan);
		if (x->no_memory)
			return -ENOMEM;
		any = true;
	}
	if (!any)
		take_nothing(x);
	else if (scan.skipped_bytes)
		take_gap(x, scan.skipped_at, scan.skipped_bytes, true);
	if (x->cut_left)
		verify_damage_at(x, 0, "the cut lacks %llu of the segments that it announces",
				 (unsigned long long)x->cut_left);
	verify_close_segment(x);
	return 0;
}

static void conclude(struct verifier *x)
{
	for (unsigned i = 0; i < x->v->n; i++) {
		struct reel_verified *c = &x->v->captures[i];
		const struct verify_chain *chain = &x->chains[i];

		c->head_is_missing = chain->has_before && !chain->before_was_retired &&
				     !c->cut_segments;
		if (!chain->open_path || !reel_tail_is_locked(chain->open_path))
			continue;
		c->is_being_written = true;
		c->unclean_segments--;
		c->torn_bytes -= chain->open_torn_bytes;
	}
}

static int verify_files(struct verifier *x, struct reel_err *err)
{
	struct place *places = calloc(x->v->files.n + 1u, sizeof(*places));
	int r = 0;

	x->cpus = calloc(N_CPUS, sizeof(*x->cpus));
	x->cpus_used = calloc(N_CPUS, sizeof(*x->cpus_used));
	x->cpu_is_used = calloc(N_CPUS, sizeof(*x->cpu_is_used));
	if (!places || !x->cpus || !x->cpus_used || !x->cpu_is_used)
		r = -ENOMEM;
	for (unsigned i = 0; r == 0 && i < x->v->files.n; i++)
		find_place(x, &x->v->files.list[i], &places[i]);
	if (r == 0)
		qsort(places, x->v->files.n, sizeof(*places), by_place);
	for (unsigned i = 0; r == 0 && i < x->v->files.n; i++)
		r = take_file(x, &places[i]);
	if (r == 0) {
		verify_finish_recording(x);
		conclude(x);
	}
	free(places);
	if (r == -E2BIG)
		return reel_err_set(err, r, "more than %u captures", REEL_VERIFIED_MAX);
	return r < 0 ? reel_err_set(err, r, "no memory to verify with") : 0;
}

int reel_verify(char *const *paths, unsigned n, struct reel_verification **ret, struct reel_err *err)
{
	struct verifier *x = calloc(1, sizeof(*x));
	struct reel_verification *v = calloc(1, sizeof(*v));
	int r = 0;

	if (!x || !v) {
		free(x);
		free(v);
		return reel_err_set(err, -ENOMEM, "no memory to verify with");
	}
	x->v = v;
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = reel_files_add(&v->files, paths[i], err);
	if (r == 0)
		r = verify_files(x, err);
	reel_schema_free(x->segment.schema);
	reel_unpack_done(&x->u);
	free(x->segment.rows);
	free(x->chains);
	free(x->cpus);
	free(x->cpus_used);
	free(x->cpu_is_used);
	free(x);
	if (r < 0) {
		reel_verification_free(v);
		return r;
	}
	*ret = v;
	return 0;
}

void reel_verification_free(struct reel_verification *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i < v->n; i++)
		free(v->captures[i].findings);
	free(v->captures);
	reel_files_done(&v->files);
	free(v);
}
