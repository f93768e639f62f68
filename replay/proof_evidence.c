/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the copies of events in a case are the events of the captures, byte for byte. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/render.h"
#include "replay/proof_impl.h"

/* The name of an event, taken apart: "7074002a-0-21867253845". */
struct wanted {
	uint32_t boot;
	uint16_t cpu;
	bool is_found, is_here; /* its capture is */
	uint64_t seq;
	int64_t row; /* of evidence */
};

struct search {
	struct prover *x;
	struct wanted *list;
	size_t n;
	struct reel_unpacked u;
	struct reel_renderer renderer;
	struct reel_out text;
	sqlite3_stmt *copy;   /* of a row */
	sqlite3_stmt *minify; /* JSON as it is when it has been taken out of a list */
};

static int by_name(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->boot != y->boot)
		return x->boot < y->boot ? -1 : 1;
	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static bool parse_name(const char *name, struct wanted *ret)
{
	char *end;

	ret->boot = (uint32_t)strtoul(name, &end, 16);
	if (end != name + 8 || *end++ != '-')
		return false;
	if (*end == 'r') {
		ret->cpu = EV_NO_CPU;
		end++;
	} else {
		ret->cpu = (uint16_t)strtoul(end, &end, 10);
	}
	if (*end++ != '-')
		return false;
	ret->seq = strtoull(end, &end, 10);
	return *end == '\0';
}

/* Those of captures that are not here, or not as they were, are looked for where there is one. */
static int list_wanted(struct search *j, struct reel_err *err)
{
	struct prover *x = j->x;
	sqlite3_stmt *s;
	int r = proof_prepare(
		x,
		"SELECT e.rowid, e.event, b.capture FROM evidence AS e "
		"JOIN finding AS f ON f.id = e.finding JOIN boot AS b ON b.id = f.boot",
		&s);

	if (r < 0)
		return r;
	j->list = calloc(x->p->n_evidence + 1, sizeof(*j->list));
	if (!j->list) {
		sqlite3_finalize(s);
		return reel_err_set(err, -ENOMEM, "no memory for the evidence of a case");
	}
	while (j->n < x->p->n_evidence && sqlite3_step(s) == SQLITE_ROW) {
		struct wanted *w = &j->list[j->n];
		int64_t capture = sqlite3_column_int64(s, 2);

		w->row = sqlite3_column_int64(s, 0);
		for (unsigned i = 0; i < x->n_captures; i++)
			if (x->captures[i].id == capture)
				w->is_here = x->captures[i].source >= 0;
		j->n += parse_name((const char *)sqlite3_column_text(s, 1), w);
	}
	qsort(j->list, j->n, sizeof(*j->list), by_name);
	return proof_finish(x, s);
}

/* The first that is not before it. */
static size_t lower_bound(const struct search *j, const struct wanted *key)
{
	size_t from = 0, to = j->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (by_name(&j->list[middle], key) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static int compare(struct search *j, struct wanted *w, const struct reel_event *ev)
{
	const struct reel_boot *boot = ev->segment->boot;
	struct reel_clock_cache clock = { 0 };
	int64_t ns = reel_clocks_realtime(&boot->clocks, ev->ts, &clock);
	struct proof_place at = { .table = "evidence", .column = "json" };

	w->is_found = true;
	out_reset(&j->text);
	reel_render_event(&j->renderer, ev, ns ? ns : -1, boot->id, NULL);
	if (out_error(&j->text) < 0)
		return out_error(&j->text);
	sqlite3_reset(j->copy);
	sqlite3_reset(j->minify);
	sqlite3_bind_int64(j->copy, 1, w->row);
	sqlite3_bind_text64(j->minify, 1, j->text.buf, j->text.len, SQLITE_STATIC, SQLITE_UTF8);
	if (sqlite3_step(j->copy) != SQLITE_ROW || sqlite3_step(j->minify) != SQLITE_ROW)
		return -EBADMSG;
	j->x->p->n_copies++;
	at.row = (const char *)sqlite3_column_text(j->copy, 0);
	if (sqlite3_column_bytes(j->copy, 1) != sqlite3_column_bytes(j->minify, 0) ||
	    memcmp(sqlite3_column_text(j->copy, 1), sqlite3_column_text(j->minify, 0),
		   (size_t)sqlite3_column_bytes(j->copy, 1)) != 0)
		proof_differs(j->x, &at, j->copy, 1, j->minify, 0);
	return 0;
}

static int search_block(struct search *j, uint32_t i)
{
	const struct reel_reader *reader = j->x->reader;
	const struct reel_boot *boot = reader->segments[reader->blocks[i].segment].boot;
	int r = reel_reader_unpack(reader, i, &j->u, NULL);

	/* What is broken was said of its capture. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (uint32_t run = 0; run < j->u.n_runs; run++) {
		const struct tape_run *t = &j->u.runs[run];
		struct wanted key = { .cpu = t->cpu, .seq = t->seq };

		for (unsigned k = 0; k < 4; k++)
			key.boot = key.boot << 8 | boot->id[k];
		for (size_t at = lower_bound(j, &key); r == 0 && at < j->n; at++) {
			struct wanted *w = &j->list[at];
			struct reel_event ev;

			if (w->boot != key.boot || w->cpu != key.cpu || w->seq >= t->seq + t->n)
				break;
			reel_unpacked_event(&j->u, run,
					    j->u.run_at[run] + (uint32_t)(w->seq - t->seq), &ev);
			r = compare(j, w, &ev);
		}
	}
	return r;
}

static void say_missing(struct search *j)
{
	uint64_t elsewhere = j->x->p->n_evidence - j->n;

	if (elsewhere)
		proof_say(j->x, PROOF_ALTERED, NULL, "%llu events have names that are none",
			  (unsigned long long)elsewhere);
	elsewhere = 0;
	for (size_t i = 0; i < j->n; i++) {
		struct proof_place at = { .table = "evidence", .column = "event" };

		elsewhere += !j->list[i].is_found && !j->list[i].is_here;
		if (j->list[i].is_found || !j->list[i].is_here)
			continue;
		sqlite3_reset(j->copy);
		sqlite3_bind_int64(j->copy, 1, j->list[i].row);
		if (sqlite3_step(j->copy) != SQLITE_ROW)
			continue;
		at.row = (const char *)sqlite3_column_text(j->copy, 0);
		proof_say(j->x,
			  j->x->p->steps[PROOF_CAPTURES].n_unchecked ? PROOF_UNCHECKED :
								       PROOF_ALTERED,
			  &at, "event %s is not in the captures",
			  (const char *)sqlite3_column_text(j->copy, 2));
	}
	if (elsewhere)
		proof_say(j->x, PROOF_UNCHECKED, NULL,
			  "%llu copies of events are of captures that are not here",
			  (unsigned long long)elsewhere);
}

static int search_all(struct search *j)
{
	static const struct reel_render_options how = { .format = REEL_RENDER_JSON,
							.tz = { .kind = REEL_TZ_UTC } };
	const struct reel_reader *reader = j->x->reader;
	int r = out_init_mem(&j->text);

	if (r == 0)
		r = reel_renderer_init(&j->renderer, &j->text, &how);
	for (uint32_t i = 0; r == 0 && j->n && i < reader->n_blocks; i++) {
		if (i % 64 == 0)
			proof_progress(j->x, "looking for evidence", i, reader->n_blocks);
		r = proof_stopped(j->x) ? -EINTR : search_block(j, i);
	}
	if (r == 0)
		say_missing(j);
	return r;
}

int proof_evidence(struct prover *x, struct reel_err *err)
{
	struct search j = { .x = x };
	int r;

	if (!x->reader)
		return 0;
	r = list_wanted(&j, err);
	if (r == 0)
		r = proof_prepare(x,
				  "SELECT finding || ', ' || match || ', ' || n, json, event "
				  "FROM evidence WHERE rowid = ?1",
				  &j.copy);
	if (r == 0)
		r = proof_prepare(x, "SELECT json_extract(?1, '$')", &j.minify);
	if (r == 0)
		r = search_all(&j);
	sqlite3_finalize(j.copy);
	sqlite3_finalize(j.minify);
	reel_unpack_done(&j.u);
	reel_renderer_done(&j.renderer);
	out_done(&j.text);
	free(j.list);
	if (r == -EBADMSG)
		x->has_tables = false, r = 0;
	return r;
}
