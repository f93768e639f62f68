/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of a capture, from their first byte to their last, and what was found in them. */
#include "format/verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/reader.h"
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
			struct reel_finding *list = reallocarray(c->findings, room, sizeof(*list));

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

__attribute__((format(printf, 3, 0))) static void
find(struct verifier *x, const struct reel_finding *template, const char *fmt, va_list ap)
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
		verify_finish_recording(x);	/* segments come sorted, so that it is over */
	for (unsigned i = 0; i < v->n; i++) {
		if (v->captures[i].is_known == !!meta &&
		    memcmp(v->captures[i].capture, id, TAPE_ID_BYTES) == 0) {
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

/* Segments ----------------------------------------------------------------------------------- */

/* From a META to the next one or to the end of the file; what no META precedes is one, too. */
struct stretch {
	const struct reel_file *file;
	uint64_t offset, bytes;
	uint8_t capture[TAPE_ID_BYTES];
	uint64_t number;
	uint64_t cut_lacks;		/* a cut: how many of its segments are not there */
	uint64_t cut_lacks_blocks;
	bool is_known, is_cut;
};

struct stretches {
	struct stretch *list;
	unsigned n, room;
};

/* In the order of capture and number, however the files lie; what is of no capture goes last. */
static int by_number(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;
	int order = y->is_known - x->is_known;

	if (order == 0)
		order = memcmp(x->capture, y->capture, TAPE_ID_BYTES);
	if (order == 0)
		order = (x->number > y->number) - (x->number < y->number);
	if (order == 0)
		order = strcmp(x->file->path, y->file->path);
	return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

static int add_stretch(struct stretches *all, const struct stretch *one)
{
	if (all->n == REEL_SEGMENTS_MAX)
		return -E2BIG;
	if (all->n == all->room) {
		unsigned room = all->room ? 2 * all->room : 16;
		struct stretch *list = reallocarray(all->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		all->list = list;
		all->room = room;
	}
	all->list[all->n++] = *one;
	return 0;
}

static bool read_meta(struct verifier *x, const struct reel_block *b)
{
	return b->h.kind == TAPE_META && !(b->h.flags & (TAPE_ZSTD | TAPE_ENCRYPTED)) &&
	       reel_block_body_is_sound(b) &&
	       reel_meta_decode(b->body, b->h.stored_bytes, &x->meta, NULL) == 0;
}

/* What a META that can be read says of the stretch, and of those that a cut before it announced. */
static void describe(struct verifier *x, struct stretch *one, struct stretches *all, unsigned *cut,
		     uint64_t *cut_left)
{
	one->is_known = true;
	one->number = x->meta.number;
	memcpy(one->capture, x->meta.capture, TAPE_ID_BYTES);
	if (x->meta.is_cut) {
		*cut = all->n;
		*cut_left = one->cut_lacks = x->meta.cut.n_segments;
		one->cut_lacks_blocks = x->meta.cut.n_blocks;
	} else if (*cut_left) {
		one->is_cut = true;
		all->list[*cut].cut_lacks = --*cut_left;
		all->list[*cut].cut_lacks_blocks -= all->list[*cut].cut_lacks_blocks > 0;
	}
}

static int divide_file(struct verifier *x, const struct reel_file *f, struct stretches *all)
{
	struct reel_scan scan = { .base = f->bytes, .size = f->size };
	struct stretch one = { .file = f };
	uint64_t cut_left = 0;
	struct reel_block b;
	unsigned cut = 0;
	int r = 0;

	while (r == 0 && reel_scan_next(&scan, &b) > 0) {
		uint64_t at = (uint64_t)(b.at - scan.base);

		if (b.h.kind != TAPE_META) {
			if (one.is_cut && all->list[cut].cut_lacks_blocks)
				all->list[cut].cut_lacks_blocks--;
			continue;
		}
		one.bytes = at - one.offset;
		if (at)
			r = add_stretch(all, &one);
		one = (struct stretch){ .file = f, .offset = at };
		if (read_meta(x, &b))
			describe(x, &one, all, &cut, &cut_left);
	}
	one.bytes = f->size - one.offset;
	return r < 0 ? r : add_stretch(all, &one);
}

/* Bytes that are no block, before the block at hand or at the end of the segment. */
static void take_gap(struct verifier *x, uint64_t at, uint64_t bytes, bool is_end)
{
	static const uint8_t magic[4] = { 'R', 'L', 'E', '1' };
	const uint8_t *last = x->file->bytes + at + bytes - sizeof(magic);
	struct verify_segment *s = &x->segment;
	/* A trailer is written last of all, so what stands before one was whole once. */
	bool was_whole = bytes >= sizeof(struct tape_trailer) &&
			 memcmp(last, magic, sizeof(magic)) == 0;

	if (is_end && s->is_open && !s->has_end && !was_whole) {
		verify_capture(x)->torn_bytes += bytes;
		x->chains[x->at].open_torn_bytes = bytes;
		return;
	}
	x->may_have_holes = true;
	if (s->is_open && s->has_end)
		verify_damage_at(x, at, "%llu bytes behind END that do not belong to it",
				 (unsigned long long)bytes);
	else
		verify_damage_at(x, at, "%llu bytes that are no block", (unsigned long long)bytes);
}

/* A file without one whole block: what a recorder leaves that dies at once, or something else. */
static void take_nothing(struct verifier *x, const struct stretch *one)
{
	static const uint8_t magic[4] = { 'R', 'L', 'B', '1' };
	size_t n = one->bytes < sizeof(magic) ? one->bytes : sizeof(magic);

	if (n == 0 || memcmp(one->file->bytes + one->offset, magic, n) == 0) {
		verify_capture(x)->torn_bytes += one->bytes;
		verify_capture(x)->unclean_segments++;
		verify_note(x, "%s: ends before its first block does", one->file->path);
	} else {
		verify_damage_at(x, one->offset, "no block is in this file");
	}
}

static int enter_capture(struct verifier *x, const struct stretch *one)
{
	if (!one->is_known)
		return verify_select_capture(x, NULL);
	memcpy(x->meta.capture, one->capture, TAPE_ID_BYTES);
	return verify_select_capture(x, &x->meta);
}

static int take_stretch(struct verifier *x, const struct stretch *one)
{
	/* An empty file has no bytes, not even an address of them. */
	struct reel_scan scan = { .base = one->bytes ? one->file->bytes + one->offset : NULL,
				  .size = one->bytes };
	bool any = false;
	int r;

	x->file = one->file;
	x->offset = one->offset;
	x->is_cut = one->is_cut;
	r = enter_capture(x, one);
	if (r < 0)
		return r;
	while (reel_scan_next(&scan, &x->b) > 0) {
		uint64_t end = (uint64_t)(x->b.at - scan.base) + x->b.total_bytes;

		x->offset = one->offset + (uint64_t)(x->b.at - scan.base);
		if (scan.skipped_bytes)
			take_gap(x, one->offset + scan.skipped_at, scan.skipped_bytes, false);
		verify_take_block(x);
		if (x->no_memory)
			return -ENOMEM;
		if (x->b.h.kind == TAPE_END && scan.at == end)
			verify_note(x, "the trailer behind END of segment %llu is missing or wrong",
				    (unsigned long long)x->chains[x->at].number);
		verify_capture(x)->bytes += scan.at - end;
		any = true;
	}
	if (!any)
		take_nothing(x, one);
	else if (scan.skipped_bytes)
		take_gap(x, one->offset + scan.skipped_at, scan.skipped_bytes, true);
	if (one->cut_lacks)
		verify_damage_at(x, one->offset, "%llu of the segments of this cut are missing",
				 (unsigned long long)one->cut_lacks);
	if (one->cut_lacks_blocks)
		verify_damage_at(x, one->offset, "%llu of the blocks of this cut are missing",
				 (unsigned long long)one->cut_lacks_blocks);
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
		c->head_is_unknown = c->head_is_missing && c->opened_blocks < c->encrypted_blocks;
		c->head_is_missing &= !c->head_is_unknown;
		if (!chain->open_path || !reel_tail_is_locked(chain->open_path))
			continue;
		c->is_being_written = true;
		c->unclean_segments--;
		c->torn_bytes -= chain->open_torn_bytes;
	}
}

static int verify_files(struct verifier *x, struct reel_err *err)
{
	struct stretches all = { 0 };
	int r = 0;

	x->cpus = calloc(N_CPUS, sizeof(*x->cpus));
	x->cpus_used = calloc(N_CPUS, sizeof(*x->cpus_used));
	x->cpu_is_used = calloc(N_CPUS, sizeof(*x->cpu_is_used));
	if (!x->cpus || !x->cpus_used || !x->cpu_is_used)
		r = -ENOMEM;
	for (unsigned i = 0; r == 0 && i < x->v->files.n; i++)
		r = divide_file(x, &x->v->files.list[i], &all);
	if (r == 0 && all.n)
		qsort(all.list, all.n, sizeof(*all.list), by_number);
	if (r == 0)
		r = verify_seal_begin(x);
	for (unsigned i = 0; r == 0 && i < all.n; i++)
		r = take_stretch(x, &all.list[i]);
	if (r == 0) {
		verify_finish_recording(x);
		conclude(x);
		r = verify_runs_conclude(x);
	}
	if (r == 0)
		verify_seal_conclude(x);
	free(all.list);
	if (r == -E2BIG)
		return reel_err_set(err, r, "more than %u captures, or %u segments",
				    REEL_VERIFIED_MAX, REEL_SEGMENTS_MAX);
	return r < 0 ? reel_err_set(err, r, "no memory to verify with") : 0;
}

int reel_verify(char *const *paths, unsigned n, const struct reel_verify_with *with,
		struct reel_verification **ret, struct reel_err *err)
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
	x->seal.at = -1;
	if (with)
		x->with = *with;
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = reel_files_add(&v->files, paths[i], err);
	if (r == 0)
		r = verify_files(x, err);
	reel_schema_free(x->segment.schema);
	reel_unpack_done(&x->u);
	reel_crypt_free(x->segment.crypt);
	reel_plain_done(&x->plain);
	verify_seal_end(x);
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
