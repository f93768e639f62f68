/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole of a case a second time: its captures are loaded and its rules replayed into another
 * one, with the same options, in the same order and under the same ids. Then both are compared.
 * That one is never committed; it has a place on disk only because it may be large.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/moment.h"
#include "replay/case_events.h"
#include "replay/case_load.h"
#include "replay/case_options.h"
#include "replay/case_replay.h"
#include "replay/proof_impl.h"

/* A place for it ------------------------------------------------------------------------------- */

const char *proof_place(void)
{
	const char *directory = getenv("TMPDIR");

	return directory && *directory ? directory : "/var/tmp";
}

static int make_place(struct prover *x, struct reel_err *err)
{
	char *path = NULL;
	int r;

	if (asprintf(&x->directory, "%s/reel-proof-XXXXXX", proof_place()) < 0) {
		x->directory = NULL;
		return reel_err_set(err, -ENOMEM, "no memory to prove a case");
	}
	if (!mkdtemp(x->directory)) {
		r = reel_err_set(err, -errno, "%s: %s", x->directory, strerror(errno));
		free(x->directory);
		x->directory = NULL;
		return r;
	}
	if (asprintf(&path, "%s/case.db", x->directory) < 0)
		return reel_err_set(err, -ENOMEM, "no memory to prove a case");
	r = case_writer_open(path, &x->again, err);
	free(path);
	if (r == 0)
		case_writer_stop_on(x->again, x->o->stop);
	return r;
}

/* Captures ------------------------------------------------------------------------------------- */

/* By the reader's sources: ids and hashes of all, and what of it is to be loaded. */
static int make_captures(const struct prover *x, const struct reel_reader *r,
			 struct case_captures *ret)
{
	*ret = (struct case_captures){ .n = r->n_sources };
	ret->ids = calloc(ret->n + 1u, sizeof(*ret->ids));
	ret->to_load = calloc(ret->n + 1u, sizeof(*ret->to_load));
	ret->wants_events = calloc(ret->n + 1u, sizeof(*ret->wants_events));
	ret->hashes = calloc(ret->n + 1u, sizeof(*ret->hashes));
	if (!ret->ids || !ret->to_load || !ret->wants_events || !ret->hashes)
		return -ENOMEM;
	for (unsigned i = 0; i < ret->n; i++) {
		ret->ids[i] = ret->to_load[i] = CASE_NONE;
		for (unsigned k = 0; k < x->n_captures; k++) {
			const struct proof_capture *c = &x->captures[k];

			if (memcmp(c->capture, r->sources[i].capture, TAPE_ID_BYTES) != 0)
				continue;
			ret->ids[i] = c->id;
			ret->wants_events[i] = c->is_same && c->wants_events;
			memcpy(ret->hashes[i], c->hash, sizeof(c->hash));
		}
	}
	return 0;
}

static int64_t first_id(struct prover *x, enum case_table_id table, const char *where,
			int64_t bound)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT min(id) FROM %s WHERE %s", case_tables[table].name,
		 where);
	return proof_number(x, sql, bound);
}

static int64_t find_boot(struct prover *x, const struct proof_capture *c)
{
	const struct reel_source *source = &x->reader->sources[c->source];
	char sql[128], boot[CASE_BOOT_TEXT];

	case_boot_text(x->reader->boots[source->first_boot].id, boot);
	snprintf(sql, sizeof(sql), "SELECT id FROM boot WHERE capture = ?1 AND boot_id = '%s'",
		 boot);
	return proof_number(x, sql, c->id);
}

/* One that was loaded a second time, since it had grown, has ids behind those that it had then, and
 * so has what came later. */
static void take_ids(struct prover *x, const struct proof_capture *c)
{
	int64_t boot = find_boot(x, c), next = case_new_id(x->again, CASE_boot);

	case_set_next_id(x->again, CASE_boot, next);
	x->has_moved |= boot && boot != next;
	if (!x->has_moved)
		return;
	for (int t = CASE_source; t < CASE_replay; t++) {
		int64_t id = first_id(x, (enum case_table_id)t,
				      case_rows_of_capture((enum case_table_id)t), c->id);

		if (id)
			case_set_next_id(x->again, (enum case_table_id)t, id);
	}
	case_set_next_id(x->again, CASE_boot, boot ? boot : next);
}

static void show_loading(void *context, uint64_t done, uint64_t all)
{
	proof_progress(context, "loading", done, all);
}

static int load_capture(struct prover *x, const struct proof_capture *c, struct case_captures *all,
			struct reel_err *err)
{
	const struct case_load_options o = { .stop = x->o->stop,
					     .progress = show_loading,
					     .context = x };
	struct case_loaded *loaded = calloc(all->n, sizeof(*loaded));
	int r;

	if (!loaded)
		return reel_err_set(err, -ENOMEM, "no memory to load captures");
	all->to_load[c->source] = c->id;
	all->n_to_load = 1;
	take_ids(x, c);
	r = case_load(x->again, x->reader, all->to_load, &o, loaded, err);
	if (r == 0)
		r = case_captures_end(x->again, x->reader, all,
				      (char *const *)(uintptr_t)x->places.v, (unsigned)x->places.n,
				      err);
	all->to_load[c->source] = CASE_NONE;
	free(loaded);
	return r;
}

static int load_captures(struct prover *x, struct reel_err *err)
{
	struct case_captures all;
	int r = make_captures(x, x->reader, &all);

	if (r < 0)
		reel_err_set(err, r, "no memory to load captures");
	for (unsigned i = 0; r == 0 && i < x->n_captures; i++)
		if (x->captures[i].is_same)
			r = load_capture(x, &x->captures[i], &all, err);
	if (r == 0)
		r = case_events_write(x->again, x->reader, &all, err);
	case_captures_done(&all);
	return r;
}

/* Replays -------------------------------------------------------------------------------------- */

/* Its captures, in their order; false: not all are as they were then, which is said. */
static bool find_captures(struct prover *x, int64_t replay, const struct proof_capture **ret,
			  unsigned *ret_n)
{
	char row[24];
	struct proof_place at = { .table = "replay", .row = row };
	bool fit = true;
	sqlite3_stmt *s;

	*ret_n = 0;
	snprintf(row, sizeof(row), "%lld", (long long)replay);
	if (proof_prepare(x, "SELECT capture, hash FROM replayed WHERE replay = ?1 ORDER BY rowid",
			  &s) < 0)
		return false;
	sqlite3_bind_int64(s, 1, replay);
	while (fit && sqlite3_step(s) == SQLITE_ROW) {
		const char *hash = (const char *)sqlite3_column_text(s, 1);
		const struct proof_capture *c = NULL;

		for (unsigned i = 0; i < x->n_captures; i++)
			if (x->captures[i].id == sqlite3_column_int64(s, 0))
				c = &x->captures[i];
		fit = c && c->is_same && strcmp(hash, c->hash) == 0 && *ret_n < x->n_captures;
		if (fit)
			ret[(*ret_n)++] = c;
		else
			proof_say(x, PROOF_UNCHECKED, &at,
				  c && c->is_same ?
					  "a capture has changed since, and was loaded again" :
					  "its captures are not here as they were");
	}
	return proof_finish(x, s) == 0 && fit && *ret_n;
}

static bool is_whole_reader(const struct reel_reader *r, const struct proof_capture **list,
			    unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i]->source != (int)i)
			return false;
	return n == r->n_sources;
}

/* Each file once, though several captures are in it. */
static int list_files(const struct reel_reader *reader, const struct proof_capture **list,
		      unsigned n, struct reel_strings *ret)
{
	bool *seen = calloc(reader->files.n + 1u, sizeof(*seen));
	unsigned file = 0;
	int r = seen ? 0 : -ENOMEM;

	for (unsigned i = 0; r == 0 && i < n; i++) {
		const struct reel_source *s = &reader->sources[list[i]->source];

		for (unsigned k = 0; r == 0 && k < s->n_segments; k++) {
			const char *path = reader->segments[s->first_segment + k].path;

			/* Mostly it is the next. */
			while (reader->files.list[file].path != path)
				file = (file + 1) % reader->files.n;
			if (!seen[file])
				r = reel_strings_add(ret, path);
			seen[file] = true;
		}
	}
	free(seen);
	return r;
}

/* Files of these captures alone, in this order. NULL and no error: they cannot be told apart. */
static int open_part(struct prover *x, const struct proof_capture **list, unsigned n,
		     struct reel_reader **ret, struct reel_err *err)
{
	struct reel_strings files = { 0 };
	int r = list_files(x->reader, list, n, &files);

	*ret = NULL;
	if (r < 0)
		reel_err_set(err, -ENOMEM, "no memory for the captures of a replay");
	else
		r = reel_reader_open_all((char *const *)(uintptr_t)files.v, (unsigned)files.n,
					 x->o->keys, ret, err);
	reel_strings_done(&files);
	for (unsigned i = 0; r == 0 && *ret && i < n; i++) {
		if ((*ret)->n_sources == n &&
		    memcmp((*ret)->sources[i].capture, list[i]->capture, TAPE_ID_BYTES) == 0)
			continue;
		reel_reader_close(*ret);
		*ret = NULL;
	}
	return r;
}

static void show_replaying(void *context, uint64_t done, uint64_t all)
{
	proof_progress(context, "replaying", done, all);
}

struct run {
	struct prover *x;
	int64_t replay;
	struct rules *rules;
	const struct case_options *options;
	const struct reel_strings *paths;
	struct findings *findings;
	struct engine *engine;
};

/* In a replay that was run again later, rows have ids behind those that they had then. */
static void take_replay_ids(struct run *n)
{
	static const struct {
		enum case_table_id table;
		const char *where;
	} tables[] = {
		{ CASE_rule, "replay = ?1" },
		{ CASE_verdict, "replay = ?1" },
		{ CASE_blind, "verdict IN (SELECT id FROM verdict WHERE replay = ?1)" },
		{ CASE_finding, "replay = ?1" },
	};
	struct case_writer *w = n->x->again;
	int64_t next = case_new_id(w, CASE_rule);

	case_set_next_id(w, CASE_replay, n->replay);
	case_set_next_id(w, CASE_rule, next);
	if (first_id(n->x, CASE_rule, "replay = ?1", n->replay) == next)
		return;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		int64_t id = first_id(n->x, tables[i].table, tables[i].where, n->replay);

		if (id)
			case_set_next_id(w, tables[i].table, id);
	}
}

static int write_replay(struct run *n, const struct reel_reader *reader, struct reel_err *err)
{
	struct report_hashes hashes;
	struct case_captures captures;
	struct reel_out options = { 0 };
	struct case_replay what = { .engine = n->engine,
				    .reader = reader,
				    .captures = &captures,
				    .hashes = &hashes,
				    .rules_paths = n->paths->v,
				    .n_rules_paths = n->paths->n };
	int r = make_captures(n->x, reader, &captures);

	if (r == 0)
		r = out_init_mem(&options);
	if (r == 0)
		r = case_options_put(&options, n->options);
	if (r < 0)
		reel_err_set(err, r, "no memory to replay again");
	else
		r = report_hash_all(&hashes, n->rules, reader, err);
	what.options = options.buf;
	take_replay_ids(n);
	if (r == 0)
		r = case_replay_write(n->x->again, &what, err);
	out_done(&options);
	case_captures_done(&captures);
	return r;
}

static int run_replay(struct run *n, const struct reel_reader *reader, struct reel_err *err)
{
	const struct case_options *o = n->options;
	const struct findings_options fo = { .for_case = true, .all = o->all };
	struct engine_options eo = { .threads = n->x->o->threads,
				     .max_state = o->max_state,
				     .stop = n->x->o->stop,
				     .progress = show_replaying,
				     .context = n->x };
	int r = 0;

	if (o->from)
		r = reel_moment_parse(o->from, reader, &eo.from, err);
	if (r == 0 && o->to)
		r = reel_moment_parse(o->to, reader, &eo.to, err);
	if (r == 0)
		r = findings_new(&fo, &n->findings, err);
	if (r == 0)
		r = engine_new(n->rules, &eo, n->findings, &n->engine, err);
	if (r == 0)
		r = engine_replay(n->engine, reader, err);
	if (r == 0 && proof_stopped(n->x))
		r = -EINTR;
	if (r == 0)
		r = findings_sort(n->findings, err);
	if (r == 0)
		r = write_replay(n, reader, err);
	engine_free(n->engine);
	findings_free(n->findings);
	return r;
}

static int replay_over(struct run *n, const struct proof_capture **list, unsigned n_list,
		       bool *ret_done, struct reel_err *err)
{
	struct prover *x = n->x;
	struct reel_reader *part = NULL;
	int r = 0;

	if (!is_whole_reader(x->reader, list, n_list)) {
		r = open_part(x, list, n_list, &part, err);
		if (r == 0 && !part)
			proof_say(x, PROOF_UNCHECKED, NULL,
				  "captures of replay %lld lie in one file with others",
				  (long long)n->replay);
		if (r < 0 || !part)
			return r;
	}
	r = run_replay(n, part ? part : x->reader, err);
	*ret_done = r == 0;
	reel_reader_close(part);
	return r;
}

static int replay_again(struct prover *x, int64_t replay, bool *ret_done, struct reel_err *err)
{
	const struct proof_capture **list = calloc(x->n_captures + 1u, sizeof(*list));
	struct case_options options = { 0 };
	struct reel_strings paths = { 0 };
	struct reel_err unknown = { 0 };
	struct run n = { .x = x, .replay = replay, .options = &options, .paths = &paths };
	char row[24];
	struct proof_place at = { .table = "replay", .row = row, .column = "options" };
	sqlite3_stmt *s = NULL;
	unsigned n_list = 0;
	int r = list ? proof_prepare(x, "SELECT options FROM replay WHERE id = ?1", &s) : -ENOMEM;

	x->step = PROOF_RULES;
	if (r == 0) {
		sqlite3_bind_int64(s, 1, replay);
		if (sqlite3_step(s) == SQLITE_ROW)
			r = case_options_parse(x->db, (const char *)sqlite3_column_text(s, 0),
					       &options, &unknown);
		sqlite3_finalize(s);
	}
	if (r == -EPROTONOSUPPORT) {
		snprintf(row, sizeof(row), "%lld", (long long)replay);
		proof_say(x, PROOF_ALTERED, &at, "%.300s", unknown.msg);
		r = 0;
	} else if (r == 0) {
		r = proof_rules(x, replay, &options, &n.rules, &paths, err);
	}
	x->step = PROOF_REPLAYS;
	if (r == 0 && !n.rules)
		proof_say(x, PROOF_UNCHECKED, NULL,
			  "replay %lld cannot be run again without its rules", (long long)replay);
	else if (r == 0 && find_captures(x, replay, list, &n_list))
		r = replay_over(&n, list, n_list, ret_done, err);
	rules_free(n.rules);
	proof_free_strings(&paths);
	case_options_done(&options);
	free(list);
	return r;
}

static int replay_all(struct prover *x, struct reel_err *err)
{
	sqlite3_stmt *s;
	int r;

	x->rules_as_stated = !x->o->n_rules;
	x->replay_ids = calloc(x->p->n_replays + 1, sizeof(*x->replay_ids));
	x->is_again = calloc(x->p->n_replays + 1, sizeof(*x->is_again));
	if (!x->replay_ids || !x->is_again)
		return reel_err_set(err, -ENOMEM, "no memory to replay again");
	r = proof_prepare(x,
			  "SELECT id FROM replay AS r ORDER BY "
			  "(SELECT min(id) FROM rule WHERE replay = r.id), id",
			  &s);
	while (r == 0 && x->n_replays < x->p->n_replays && sqlite3_step(s) == SQLITE_ROW)
		x->replay_ids[x->n_replays++] = sqlite3_column_int64(s, 0);
	if (r == 0)
		r = proof_finish(x, s);
	for (unsigned i = 0; r == 0 && i < x->n_replays; i++)
		r = replay_again(x, x->replay_ids[i], &x->is_again[i], err);
	return r;
}

/* Both against each other ---------------------------------------------------------------------- */

/* The two that are asked. */
static int tie(struct prover *x, struct reel_err *err)
{
	int r = case_writer_exec(x->again,
				 "CREATE INDEX tie_process ON process (boot, pid, from_ts); "
				 "CREATE INDEX tie_image ON image (process, from_ts)",
				 err);

	return r < 0 ? r : case_tie_findings(x->again, err);
}

static int compare_captures(struct prover *x)
{
	bool is_all = true;
	int r = 0;

	x->step = PROOF_TABLES;
	for (unsigned i = 0; i < x->n_captures; i++)
		is_all &= x->captures[i].is_same;
	if (!is_all)
		proof_say(x, PROOF_UNCHECKED, NULL,
			  "of captures that are not here as they were nothing was computed again");
	for (int t = 0; r == 0 && t < CASE_replay; t++) {
		proof_progress(x, "comparing", (uint64_t)t, CASE_replay);
		if (is_all)
			r = proof_rows(x, &case_tables[t], NULL, 0);
		for (unsigned i = 0; r == 0 && !is_all && i < x->n_captures; i++)
			if (x->captures[i].is_same)
				r = proof_rows(x, &case_tables[t],
					       case_rows_of_capture((enum case_table_id)t),
					       x->captures[i].id);
	}
	for (unsigned i = 0; r == 0 && i < x->n_captures; i++)
		if (x->captures[i].is_same && x->captures[i].wants_events)
			r = proof_event_rows(x, x->captures[i].id);
	return r;
}

static int compare_replay(struct prover *x, int64_t replay)
{
	static const char *const where[CASE_N_TABLES] = {
		[CASE_replay] = "id = ?1",
		[CASE_replayed] = "replay = ?1",
		[CASE_rule_file] = "replay = ?1",
		[CASE_rule] = "replay = ?1",
		[CASE_verdict] = "replay = ?1",
		[CASE_blind] = "verdict IN (SELECT id FROM verdict WHERE replay = ?1)",
		[CASE_finding] = "replay = ?1",
		[CASE_evidence] = "finding IN (SELECT id FROM finding WHERE replay = ?1)",
	};
	int r = 0;

	x->step = PROOF_REPLAYS;
	for (int t = CASE_replay; r == 0 && t < CASE_N_TABLES; t++)
		if (where[t])
			r = proof_rows(x, &case_tables[t], where[t], replay);
	return r;
}

/* The table of events, and views of it: what there must be is known only now. */
static int compare_event_objects(struct prover *x, struct reel_err *err)
{
#define EVENT_OBJECTS                                                                    \
	"SELECT name, sql FROM sqlite_schema WHERE type <> 'index' AND sql NOTNULL AND " \
	"(name = 'event' OR name GLOB 'event_*' OR sql GLOB '* SELECT [*] FROM event_*') "
	sqlite3_stmt *ours = NULL, *theirs = NULL;
	sqlite3 *again = case_writer_db(x->again);
	int r = proof_prepare(x, EVENT_OBJECTS "ORDER BY name", &theirs);

	x->step = PROOF_TABLES;
	if (r < 0)
		return r;
	if (sqlite3_prepare_v2(again, EVENT_OBJECTS "AND name = ?1", -1, &ours, NULL) != SQLITE_OK)
		r = reel_err_set(err, -ENOMEM, "no memory to compare cases");
	while (r == 0 && sqlite3_step(theirs) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(theirs, 0);
		struct proof_place at = { .table = name, .column = "sql" };

		sqlite3_reset(ours);
		sqlite3_bind_text(ours, 1, name, -1, SQLITE_TRANSIENT);
		if (sqlite3_step(ours) != SQLITE_ROW)
			proof_say(x, PROOF_PROVEN, &at, "that somebody has added");
		else if (strcmp((const char *)sqlite3_column_text(theirs, 1),
				(const char *)sqlite3_column_text(ours, 1)) != 0)
			proof_differs(x, &at, theirs, 1, ours, 1);
	}
	sqlite3_finalize(ours);
	return r < 0 ? (sqlite3_finalize(theirs), r) : proof_finish(x, theirs);
}

int proof_again(struct prover *x, struct reel_err *err)
{
	bool any = false;
	int r = 0;

	for (unsigned i = 0; i < x->n_captures; i++)
		any |= x->captures[i].is_same;
	if (any)
		r = make_place(x, err);
	if (r == 0 && any)
		r = load_captures(x, err);
	if (r == 0)
		r = replay_all(x, err);
	if (r == 0 && any)
		r = tie(x, err);
	if (r == 0 && any)
		r = compare_event_objects(x, err);
	if (r == 0 && any)
		r = compare_captures(x);
	for (unsigned i = 0; r == 0 && i < x->n_replays; i++)
		if (x->is_again[i])
			r = compare_replay(x, x->replay_ids[i]);
	if (r == 0 && !any) {
		x->step = PROOF_TABLES;
		proof_say(x, PROOF_UNCHECKED, NULL,
			  "without the captures nothing was computed again");
	}
	return r == -EBADMSG && (!err || !err->code) ? 0 : r;
}
