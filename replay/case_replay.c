/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/version.h"
#include "replay/case_evidence.h"

struct job {
	struct case_writer *w;
	const struct case_replay *r;
	int64_t replay;
	int64_t *boots; /* by the engine's */
	int64_t *rules; /* by the engine's */
	struct reel_out text;
	struct case_evidence *evidence;
};

static struct case_text text_of(const char *s)
{
	return (struct case_text){ s && *s ? s : NULL, s ? strlen(s) : 0 };
}

static void put_digits(const uint8_t hash[32], char ret[65])
{
	for (unsigned i = 0; i < 32; i++)
		snprintf(ret + (size_t)2 * i, 3, "%02x", hash[i]);
}

static int64_t wall_ns(struct engine_boot *b, uint64_t ts)
{
	int64_t ns = engine_realtime(b, ts);

	return ns > 0 ? ns : CASE_NONE;
}

/* The same replay before ----------------------------------------------------------------------- */

static int find_same(struct job *j, const struct row_replay *row, struct reel_err *err)
{
	const struct case_text *keys[] = { &row->rules_hash, &row->captures_hash,
					   &row->program_hash, &row->options };
	sqlite3_stmt *s = NULL;

	j->replay = CASE_NONE;
	if (sqlite3_prepare_v2(case_writer_db(j->w),
			       "SELECT id FROM replay WHERE rules_hash = ? AND captures_hash = ? "
			       "AND program_hash = ? AND options = ?",
			       -1, &s, NULL) != SQLITE_OK)
		return case_writer_error(j->w, "cannot read it", err);
	for (int i = 0; i < 4; i++)
		sqlite3_bind_text(s, i + 1, keys[i]->bytes, (int)keys[i]->length, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		j->replay = sqlite3_column_int64(s, 0);
	if (sqlite3_finalize(s) != SQLITE_OK)
		return case_writer_error(j->w, "cannot read it", err);
	return 0;
}

static int take_out(struct job *j, struct reel_err *err)
{
	static const enum case_table_id emptied[] = { CASE_rule, CASE_verdict, CASE_blind,
						      CASE_finding };
	char sql[640];
	int result;

	snprintf(sql, sizeof(sql),
		 "DELETE FROM evidence WHERE finding IN "
		 "(SELECT id FROM finding WHERE replay = %1$lld);"
		 "DELETE FROM blind WHERE verdict IN "
		 "(SELECT id FROM verdict WHERE replay = %1$lld);"
		 "DELETE FROM finding WHERE replay = %1$lld;"
		 "DELETE FROM verdict WHERE replay = %1$lld;"
		 "DELETE FROM rule WHERE replay = %1$lld;"
		 "DELETE FROM replayed WHERE replay = %1$lld;"
		 "DELETE FROM rule_file WHERE replay = %1$lld;"
		 "DELETE FROM replay WHERE id = %1$lld",
		 (long long)j->replay);
	result = case_writer_exec(j->w, sql, err);
	for (size_t i = 0; result == 0 && i < sizeof(emptied) / sizeof(emptied[0]); i++)
		result = case_writer_count_again(j->w, emptied[i], err);
	return result;
}

/* Replay and rules ----------------------------------------------------------------------------- */

static void put_list(struct reel_out *o, const char *const *list, size_t n)
{
	out_char(o, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			out_char(o, ',');
		(void)out_json_string(o, list[i], strlen(list[i]));
	}
	out_char(o, ']');
}

static struct case_text out_text(const struct reel_out *o, size_t from)
{
	return (struct case_text){ o->buf + from, o->len - from };
}

static int put_replay(struct job *j, struct reel_err *err)
{
	const struct case_replay *r = j->r;
	const struct engine *e = r->engine;
	char rules[65], compiled[65], captures[65], program[65];
	struct row_replay row;
	struct timespec now;
	int result;

	clock_gettime(CLOCK_REALTIME, &now);
	put_digits(r->hashes->rules, rules);
	put_digits(r->hashes->compiled, compiled);
	put_digits(r->hashes->capture, captures);
	put_digits(r->hashes->program, program);
	case_clear(CASE_replay, &row);
	row.at_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	row.program = text_of("reel " REEL_VERSION);
	row.program_hash = text_of(program);
	row.rules_hash = text_of(rules);
	row.compiled_hash = text_of(compiled);
	row.captures_hash = text_of(captures);
	row.options = text_of(r->options);
	if (e->n_boots)
		row.scope = text_of(e->boots[0]->coverage.scope);
	row.rules = e->rules->n;
	row.events = (int64_t)e->stats.events;
	row.matches = row.findings = 0;
	for (uint32_t i = 0; i < e->rules->n; i++) {
		row.matches += (int64_t)e->findings->counts[i].matches;
		row.findings += (int64_t)e->findings->counts[i].rows;
	}
	out_reset(&j->text);
	put_list(&j->text, r->rules_paths, r->n_rules_paths);
	if (out_error(&j->text) < 0)
		return reel_err_set(err, out_error(&j->text), "no memory for a case");
	row.rules_paths = out_text(&j->text, 0);
	result = find_same(j, &row, err);
	if (result == 0 && j->replay != CASE_NONE)
		result = take_out(j, err);
	else if (result == 0)
		j->replay = case_new_id(j->w, CASE_replay);
	row.id = j->replay;
	return result < 0 ? result : case_write(j->w, CASE_replay, &row, err);
}

static int put_replayed(struct job *j, struct reel_err *err)
{
	const struct case_captures *c = j->r->captures;
	int result = 0;

	for (unsigned i = 0; result == 0 && i < c->n; i++) {
		const struct row_replayed row = { j->replay, c->ids[i], text_of(c->hashes[i]) };

		result = case_write(j->w, CASE_replayed, &row, err);
	}
	return result;
}

static int put_rule_files(struct job *j, struct reel_err *err)
{
	const struct rules *rules = j->r->engine->rules;
	int result = 0;

	for (uint32_t i = 0; result == 0 && i < rules->n_contents; i++) {
		const struct rules_contents *c = &rules->contents[i];
		struct row_rule_file row = { .replay = j->replay,
					     .n = i + 1,
					     .path = text_of(c->path),
					     .bytes = (int64_t)c->bytes };
		char hash[65];

		put_digits(c->hash, hash);
		row.hash = text_of(hash);
		result = case_write(j->w, CASE_rule_file, &row, err);
	}
	return result;
}

static int put_rule(struct job *j, const struct rule *rule, int64_t id, struct reel_err *err)
{
	static const char *const languages[] = { "policy", "sigma", "falco" };
	const struct rule_words *lists[] = { &rule->tags, &rule->false_positives,
					     &rule->references };
	struct case_text *to[3];
	size_t from[4] = { 0 };
	struct row_rule row;

	case_clear(CASE_rule, &row);
	row.id = id;
	row.replay = j->replay;
	row.name = text_of(rule->id);
	row.title = text_of(rule->title);
	row.language = text_of(languages[rule->language]);
	row.severity = text_of(rule_severity_names[rule->severity]);
	row.severity_rank = rule->severity;
	row.description = text_of(rule->description);
	row.file = text_of(rule->file);
	if (rule->line)
		row.line = rule->line;
	to[0] = &row.tags;
	to[1] = &row.false_positives;
	to[2] = &row.reference_links;
	out_reset(&j->text);
	for (unsigned i = 0; i < 3; i++) {
		put_list(&j->text, lists[i]->v, lists[i]->n);
		from[i + 1] = j->text.len;
	}
	if (out_error(&j->text) < 0)
		return reel_err_set(err, out_error(&j->text), "no memory for a case");
	for (unsigned i = 0; i < 3; i++)
		*to[i] = (struct case_text){ j->text.buf + from[i], from[i + 1] - from[i] };
	return case_write(j->w, CASE_rule, &row, err);
}

/* Verdicts ------------------------------------------------------------------------------------- */

static int put_blind(struct job *j, const struct verdict *v, int64_t verdict, struct reel_err *err)
{
	int result = 0;

	for (unsigned i = 0; i < v->n_boots; i++) {
		struct engine_boot *b = j->r->engine->boots[i];

		for (uint32_t k = 0; result == 0 && k < v->blind[i].n; k++) {
			const struct blind_interval *x = &v->blind[i].list[k];
			struct row_blind row;
			uint64_t from, to;

			report_bounds(b, x, &from, &to);
			case_clear(CASE_blind, &row);
			row.verdict = verdict;
			row.boot = j->boots[i];
			row.from_ts = (int64_t)from;
			row.to_ts = (int64_t)to;
			row.from_ns = wall_ns(b, from);
			row.to_ns = wall_ns(b, to);
			row.reason = text_of(blind_reason_text((enum blind_reason)x->reason));
			row.count = (int64_t)x->count;
			result = case_write(j->w, CASE_blind, &row, err);
		}
	}
	return result;
}

static int put_verdict(struct job *j, uint32_t rule, const struct verdict *v, struct reel_err *err)
{
	const struct finding_counts *c = &j->r->engine->findings->counts[rule];
	struct row_verdict row;
	int result;

	case_clear(CASE_verdict, &row);
	row.id = case_new_id(j->w, CASE_verdict);
	row.replay = j->replay;
	row.rule = j->rules[rule];
	row.verdict = text_of(verdict_name(v->kind));
	row.despite = v->is_despite;
	row.why = text_of(v->why);
	row.matches = (int64_t)c->matches;
	row.findings = (int64_t)c->rows;
	row.suppressed = (int64_t)c->suppressed;
	row.clear = v->total_ns ? (double)v->clear_ns / (double)v->total_ns : 1.0;
	result = case_write(j->w, CASE_verdict, &row, err);
	return result < 0 ? result : put_blind(j, v, row.id, err);
}

static int put_rules(struct job *j, struct reel_err *err)
{
	const struct engine *e = j->r->engine;
	int result = 0;

	for (uint32_t i = 0; result == 0 && i < e->rules->n; i++) {
		struct verdict v;

		j->rules[i] = case_new_id(j->w, CASE_rule);
		result = put_rule(j, &e->rules->list[i], j->rules[i], err);
		if (result == 0)
			result = verdict_of(e, i, &v, err);
		if (result < 0)
			break;
		result = put_verdict(j, i, &v, err);
		verdict_done(&v);
	}
	return result;
}

/* Findings ------------------------------------------------------------------------------------- */

/* The arguments with a blank between; what the blob holds is gone with the next one. */
static size_t put_blob(struct job *j, const struct blob *b, bool is_line)
{
	const char *bytes = b->length ? findings_blob(j->r->engine->findings, b) : NULL;
	size_t from = j->text.len;

	for (uint32_t i = 0; bytes && i < b->length; i++) {
		if (!is_line || bytes[i])
			out_char(&j->text, bytes[i]);
		else if (i + 1 < b->length)
			out_char(&j->text, ' ');
	}
	return j->text.len - from;
}

static int put_finding(struct job *j, const struct finding *f, struct reel_err *err)
{
	struct engine_boot *b = j->r->engine->boots[f->boot];
	char key[2 * FINDING_ID_BYTES + 1];
	size_t exe_bytes, line_bytes, output_bytes = 0;
	struct row_finding row;
	int result;

	for (unsigned i = 0; i < FINDING_ID_BYTES; i++)
		snprintf(key + (size_t)2 * i, 3, "%02x", f->first.id[i]);
	case_clear(CASE_finding, &row);
	row.id = case_new_id(j->w, CASE_finding);
	row.replay = j->replay;
	row.key = text_of(key);
	row.rule = j->rules[f->rule];
	row.boot = j->boots[f->boot];
	row.ts = (int64_t)f->first.ts;
	row.ns = wall_ns(b, f->first.ts);
	row.first_ts = (int64_t)f->first.first_ts;
	row.first_ns = wall_ns(b, f->first.first_ts);
	row.count = (int64_t)f->count;
	row.last_ts = (int64_t)f->last.ts;
	row.last_ns = wall_ns(b, f->last.ts);
	row.pid = f->pid;
	if (f->has_uid)
		row.uid = f->uid;
	out_reset(&j->text);
	exe_bytes = put_blob(j, &f->exe, false);
	line_bytes = put_blob(j, &f->line, true);
	if (f->output.length) {
		findings_put_output(j->r->engine->findings, &j->text, f,
				    &(struct reel_tz){ .kind = REEL_TZ_UTC });
		output_bytes = j->text.len - exe_bytes - line_bytes;
	}
	if (out_error(&j->text) < 0)
		return reel_err_set(err, out_error(&j->text), "no memory for a case");
	if (exe_bytes)
		row.exe = (struct case_text){ j->text.buf, exe_bytes };
	if (line_bytes)
		row.line = (struct case_text){ j->text.buf + exe_bytes, line_bytes };
	if (output_bytes)
		row.output =
			(struct case_text){ j->text.buf + exe_bytes + line_bytes, output_bytes };
	row.key_kind = text_of(rule_key_name(j->r->engine->rules->list[f->rule].key));
	row.despite = f->is_despite;
	row.suppressed = f->is_tuned;
	result = case_write(j->w, CASE_finding, &row, err);
	if (result == 0)
		result = case_evidence_put(j->evidence, j->r->engine, f, row.id, err);
	return result;
}

static int find_boots(struct job *j, struct reel_err *err)
{
	const struct engine *e = j->r->engine;
	int result = 0;

	for (unsigned i = 0; result == 0 && i < e->n_boots; i++) {
		const struct engine_boot *b = e->boots[i];

		result = case_find_boot(j->w, j->r->captures->ids[b->boot->source], b->id,
					&j->boots[i], err);
	}
	return result;
}

int case_replay_write(struct case_writer *w, const struct case_replay *r, struct reel_err *err)
{
	const struct engine *e = r->engine;
	struct job j = { .w = w, .r = r };
	int result = out_init_mem(&j.text);

	j.boots = calloc(e->n_boots + 1u, sizeof(*j.boots));
	j.rules = calloc(e->rules->n + 1u, sizeof(*j.rules));
	if (result < 0 || !j.boots || !j.rules)
		result = reel_err_set(err, -ENOMEM, "no memory for the findings of a case");
	if (result == 0)
		result = case_evidence_new(w, &j.evidence, err);
	if (result == 0)
		result = find_boots(&j, err);
	if (result == 0)
		result = put_replay(&j, err);
	if (result == 0)
		result = put_replayed(&j, err);
	if (result == 0)
		result = put_rule_files(&j, err);
	if (result == 0)
		result = put_rules(&j, err);
	for (size_t i = 0; result == 0 && i < e->findings->n; i++)
		result = put_finding(&j, &e->findings->rows[i], err);
	case_evidence_free(j.evidence);
	out_done(&j.text);
	free(j.boots);
	free(j.rules);
	return result;
}
