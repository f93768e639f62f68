/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the captures that lie here are those that a case was made of: every byte of them by
 * reel_verify(), and each segment that the case names by its id, size and last tag, to which all of
 * it is chained. This is the only place where captures are opened: whatever else it takes to read
 * one, such as a key, belongs here.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/verify.h"
#include "replay/proof_impl.h"
#include "replay/report.h"

/* What the case has --------------------------------------------------------------------------- */

#define IN_ORDER "FROM capture ORDER BY loaded_ns, id"

static int list_captures(struct prover *x, struct reel_err *err)
{
	size_t n = x->p->n_captures;
	sqlite3_stmt *s;
	int r = proof_prepare(x, "SELECT id, capture_id, hash, events_loaded IS NOT NULL " IN_ORDER,
			      &s);

	if (r < 0)
		return r;
	x->captures = calloc(n + 1, sizeof(*x->captures));
	if (!x->captures) {
		sqlite3_finalize(s);
		return reel_err_set(err, -ENOMEM, "no memory for the captures of a case");
	}
	while (x->n_captures < n && sqlite3_step(s) == SQLITE_ROW) {
		struct proof_capture *c = &x->captures[x->n_captures++];
		const char *id = (const char *)sqlite3_column_text(s, 1);

		c->id = sqlite3_column_int64(s, 0);
		(void)sodium_hex2bin(c->capture, sizeof(c->capture), id, strlen(id), NULL, NULL,
				     NULL);
		snprintf(c->hash, sizeof(c->hash), "%s", (const char *)sqlite3_column_text(s, 2));
		c->wants_events = sqlite3_column_int(s, 3);
		c->source = -1;
	}
	return proof_finish(x, s);
}

static struct proof_capture *capture_of(struct prover *x, const uint8_t id[TAPE_ID_BYTES])
{
	for (unsigned i = 0; i < x->n_captures; i++)
		if (memcmp(x->captures[i].capture, id, TAPE_ID_BYTES) == 0)
			return &x->captures[i];
	return NULL;
}

/* Where they are ------------------------------------------------------------------------------ */

static int add_place(struct prover *x, char *place)
{
	if (place && reel_strings_add(&x->places, place) == 0)
		return 0;
	free(place);
	return -ENOMEM;
}

/* By now something else may lie there. */
static bool is_of_case(struct prover *x, char *place)
{
	struct reel_reader *r;
	bool is = true;

	if (reel_reader_open_closed(&place, 1, NULL, &r, NULL) < 0)
		return false;
	for (unsigned i = 0; i < r->n_sources; i++)
		is &= capture_of(x, r->sources[i].capture) != NULL;
	reel_reader_close(r);
	return is;
}

static int find_places(struct prover *x)
{
	sqlite3_stmt *s;
	int r = proof_prepare(x,
			      "SELECT CAST(path AS TEXT) FROM capture GROUP BY path "
			      "ORDER BY min(loaded_ns), min(id)",
			      &s);

	x->captures_as_stated = true;
	while (r == 0 && sqlite3_step(s) == SQLITE_ROW) {
		const char *path = (const char *)sqlite3_column_text(s, 0);
		char *place = proof_find(x, path);

		if (!place || !is_of_case(x, place)) {
			proof_say(x, PROOF_UNCHECKED, NULL,
				  place ? "%.200s is another by now" : "%.200s is not here", path);
			free(place);
			continue;
		}
		x->captures_as_stated &= strcmp(place, path) == 0;
		r = add_place(x, place);
	}
	return r < 0 ? r : proof_finish(x, s);
}

static int open_captures(struct prover *x, struct reel_err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < x->o->n_captures; i++)
		r = add_place(x, strdup(x->o->captures[i]));
	if (r == 0 && !x->o->n_captures)
		r = find_places(x);
	if (r < 0)
		return r == -ENOMEM ? reel_err_set(err, r, "no memory for the captures of a case") :
				      r;
	if (!x->places.n)
		return 0;
	r = reel_reader_open_all((char *const *)(uintptr_t)x->places.v, (unsigned)x->places.n,
				 x->o->keys, &x->reader, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < x->reader->n_sources; i++) {
		const struct reel_source *source = &x->reader->sources[i];
		struct proof_capture *c = capture_of(x, source->capture);
		char id[2 * TAPE_ID_BYTES + 1];

		reel_id_format(source->capture, id);
		if (c)
			c->source = (int)i;
		else
			proof_say(x, PROOF_ALTERED, NULL,
				  "capture %s of %.60s is none that the case was made of", id,
				  source->host);
	}
	return 0;
}

/* Whether each is as it was ------------------------------------------------------------------- */

static const struct reel_segment *segment_of(const struct prover *x, const struct proof_capture *c,
					     const char *id)
{
	const struct reel_source *s = &x->reader->sources[c->source];

	for (unsigned i = 0; i < s->n_segments; i++) {
		const struct reel_segment *segment = &x->reader->segments[s->first_segment + i];
		char text[17];

		snprintf(text, sizeof(text), "%016llx", (unsigned long long)segment->id);
		if (strcmp(text, id) == 0)
			return segment;
	}
	return NULL;
}

static bool has_number(const struct prover *x, const struct proof_capture *c, uint64_t number)
{
	const struct reel_source *s = &x->reader->sources[c->source];

	for (unsigned i = 0; i < s->n_segments; i++)
		if (x->reader->segments[s->first_segment + i].meta.number == number)
			return true;
	return false;
}

/* Whether a block of it has that tag: then what was there then is in it, and more. */
static bool holds_tag(const struct reel_segment *s, const char *digits)
{
	const uint8_t *at = s->base, *end = s->base + s->bytes;
	struct reel_block b;

	while (at < end && reel_block_parse(at, (size_t)(end - at), &b, NULL) == 0) {
		char tag[2 * TAPE_TAG_BYTES + 1];

		sodium_bin2hex(tag, sizeof(tag), b.tag, TAPE_TAG_BYTES);
		if (strcmp(tag, digits) == 0)
			return true;
		at += b.total_bytes;
	}
	return false;
}

enum { SOURCE_ID, SOURCE_SEGMENT, SOURCE_NUMBER, SOURCE_BYTES, SOURCE_HEAD, SOURCE_PATH };

static bool compare_segment(struct prover *x, const struct proof_capture *c, sqlite3_stmt *row)
{
	const char *id = (const char *)sqlite3_column_text(row, SOURCE_SEGMENT);
	const char *head = (const char *)sqlite3_column_text(row, SOURCE_HEAD);
	const struct reel_segment *s = segment_of(x, c, id);
	uint64_t bytes = (uint64_t)sqlite3_column_int64(row, SOURCE_BYTES);
	struct proof_place at = { .table = "source",
				  .row = (const char *)sqlite3_column_text(row, SOURCE_ID) };
	char tag[2 * TAPE_TAG_BYTES + 1] = "";
	const uint8_t *last;

	if (!s && has_number(x, c, (uint64_t)sqlite3_column_int64(row, SOURCE_NUMBER))) {
		at.column = "segment";
		proof_say(x, PROOF_ALTERED, &at, "segment %s is stored, and another lies here", id);
		return false;
	}
	if (!s) {
		proof_say(x, PROOF_UNCHECKED, &at, "segment %s of %.200s is not here any more", id,
			  (const char *)sqlite3_column_text(row, SOURCE_PATH));
		x->has_gone = true;
		return false;
	}
	last = report_last_tag(x->reader, s);
	if (last)
		sodium_bin2hex(tag, sizeof(tag), last, TAPE_TAG_BYTES);
	if (bytes == s->bytes && strcmp(head ? head : "", tag) == 0)
		return true;
	if (s->bytes > bytes && head && holds_tag(s, head)) {
		proof_say(x, PROOF_UNCHECKED, &at,
			  "segment %s has grown since: what was there then is there still", id);
		return false;
	}
	at.column = bytes == s->bytes ? "head" : "bytes";
	proof_say(x, PROOF_ALTERED, &at,
		  "%llu bytes with the head %.64s are stored, and %llu with %s lie here",
		  (unsigned long long)bytes, head ? head : "NULL", (unsigned long long)s->bytes,
		  *tag ? tag : "none");
	return false;
}

static int compare_capture(struct prover *x, struct proof_capture *c)
{
	const struct reel_source *source = &x->reader->sources[c->source];
	char row[24];
	struct proof_place at = { .table = "capture", .row = row };
	unsigned n = 0;
	sqlite3_stmt *s;
	int r = proof_prepare(x,
			      "SELECT id, segment, number, bytes, head, path FROM source "
			      "WHERE capture = ?1 ORDER BY id",
			      &s);

	if (r < 0)
		return r;
	c->is_same = true;
	sqlite3_bind_int64(s, 1, c->id);
	for (; sqlite3_step(s) == SQLITE_ROW; n++)
		c->is_same &= compare_segment(x, c, s);
	if (c->is_same && source->n_segments > n) {
		snprintf(row, sizeof(row), "%lld", (long long)c->id);
		proof_say(x, PROOF_UNCHECKED, &at,
			  "%u segments have come since: what was there then is there still",
			  source->n_segments - n);
		c->is_same = false;
	}
	return proof_finish(x, s);
}

/* Every byte of them. Damage that the case knows of was there then. */
static int verify(struct prover *x, char *const *paths, unsigned n, struct reel_err *err)
{
	struct reel_verification *v = NULL;
	int r = reel_verify(paths, n, &(struct reel_verify_with){ x->o->keys, NULL }, &v, err);

	for (unsigned i = 0; r == 0 && i < v->n; i++) {
		const struct reel_verified *c = &v->captures[i];
		struct proof_capture *of = c->is_known ? capture_of(x, c->capture) : NULL;
		bool was = proof_number(x,
					of ? "SELECT damages > 0 FROM capture WHERE id = ?1" :
					     "SELECT max(damages) > 0 FROM capture",
					of ? of->id : 0);

		x->p->steps[x->step].n_checked += c->events;
		for (unsigned k = 0; k < c->n_findings && k < 3; k++)
			if (c->findings[k].kind == REEL_FINDING_DAMAGE)
				proof_say(x, was ? PROOF_PROVEN : PROOF_ALTERED, NULL,
					  "%.150s: %s%s",
					  c->findings[k].path ? c->findings[k].path : "a capture",
					  c->findings[k].what,
					  was ? ", and it was damaged when the case was made" : "");
		if (c->n_damages && of && !was)
			of->is_same = false;
	}
	reel_verification_free(v);
	return r;
}

/* Where segments are gone, what is left does not follow each other, and is looked at one by one. */
static int verify_all(struct prover *x, struct reel_err *err)
{
	const struct reel_files *files = &x->reader->files;
	int r = 0;

	proof_progress(x, "looking at the captures", 0, 0);
	if (!x->has_gone)
		return verify(x, (char *const *)(uintptr_t)x->places.v, (unsigned)x->places.n, err);
	for (unsigned i = 0; r == 0 && i < files->n; i++)
		r = verify(x, &files->list[i].path, 1, err);
	return r;
}

int proof_captures(struct prover *x, struct reel_err *err)
{
	int r = list_captures(x, err);

	if (r == 0)
		r = open_captures(x, err);
	for (unsigned i = 0; r == 0 && i < x->n_captures; i++) {
		struct proof_capture *c = &x->captures[i];
		char id[2 * TAPE_ID_BYTES + 1];

		reel_id_format(c->capture, id);
		if (c->source >= 0)
			r = compare_capture(x, c);
		else
			proof_say(x, PROOF_UNCHECKED, NULL, "capture %s is not here", id);
	}
	if (r == 0 && x->reader)
		r = verify_all(x, err);
	if (r == -EBADMSG && (!err || !err->code))
		x->has_tables = false, r = 0;
	return r;
}
