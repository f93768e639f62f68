/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "format/timetext.h"
#include "replay/report.h"

static void key(struct reel_out *o, const char *name)
{
	out_str(o, ",\"");
	out_str(o, name);
	out_str(o, "\":");
}

static void put_string(struct reel_out *o, const char *name, const char *text)
{
	if (!text)
		return;
	key(o, name);
	(void)out_json_string(o, text, strlen(text));
}

static void put_number(struct reel_out *o, const char *name, uint64_t n)
{
	key(o, name);
	out_u64(o, n);
}

static void put_words(struct reel_out *o, const char *name, const struct rule_words *w)
{
	if (!w->n)
		return;
	key(o, name);
	for (uint32_t i = 0; i < w->n; i++) {
		out_char(o, i ? ',' : '[');
		(void)out_json_string(o, w->v[i], strlen(w->v[i]));
	}
	out_char(o, ']');
}

static void put_time(struct report *rp, const char *name, const struct engine_boot *b, uint64_t ts)
{
	key(rp->out, name);
	out_char(rp->out, '"');
	report_put_time(rp, b, ts);
	out_char(rp->out, '"');
}

static void put_ratio(struct reel_out *o, const char *name, uint64_t part, uint64_t whole)
{
	uint64_t millionths = whole ? (uint64_t)((__uint128_t)part * 1000000 / whole) : 1000000;

	key(o, name);
	out_u64(o, millionths / 1000000);
	out_char(o, '.');
	for (uint64_t unit = 100000; unit; unit /= 10)
		out_char(o, (char)('0' + millionths / unit % 10));
}

static void put_blob(struct report *rp, const struct engine *e, const char *name,
		     const struct blob *b)
{
	const char *bytes = findings_blob(e->findings, b);

	key(rp->out, name);
	if (bytes && b->length)
		out_mem(rp->out, bytes, b->length);
	else
		out_str(rp->out, "[]");
}

static void put_text_blob(struct report *rp, const struct engine *e, const char *name,
			  const struct blob *b)
{
	const char *bytes = b->length ? findings_blob(e->findings, b) : NULL;

	if (!bytes)
		return;
	key(rp->out, name);
	(void)out_json_string(rp->out, bytes, b->length);
}

static void put_output(struct report *rp, const struct engine *e, const struct finding *f)
{
	struct reel_out line;

	if (out_init_mem(&line) < 0)
		return;
	findings_put_output(e->findings, &line, f, &rp->tz);
	key(rp->out, "output");
	(void)out_json_string(rp->out, line.buf, line.len);
	out_done(&line);
}

void report_finding_json(struct report *rp, const struct engine *e, const struct finding *f)
{
	const struct rule *rule = &e->rules->list[f->rule];
	const struct rule_node *node = &rule->nodes[f->first.node];
	const struct engine_boot *b = e->boots[f->boot];
	struct reel_out *o = rp->out;

	out_str(o, "{\"finding\":\"");
	out_hex_bytes(o, f->first.id, sizeof(f->first.id));
	out_char(o, '"');
	put_string(o, "rule", rule->id);
	if (rule->title && strcmp(rule->title, rule->id) != 0)
		put_string(o, "title", rule->title);
	put_string(o, "language", rule_language_names[rule->language]);
	put_string(o, "severity", rule_severity_names[rule->severity]);
	put_string(o, "status", rule->status);
	put_string(o, "description", rule->description);
	put_string(o, "priority", rule->priority);
	put_string(o, "source", rule->source);
	if (f->output.length)
		put_output(rp, e, f);
	put_words(o, "tags", &rule->tags);
	put_words(o, "falsepositives", &rule->false_positives);
	put_words(o, "references", &rule->references);
	put_string(o, "host", b->host);
	put_time(rp, "time", b, f->first.ts);
	put_number(o, "ts", f->first.ts);
	put_number(o, "first_ts", f->first.first_ts);
	put_number(o, "count", f->count);
	put_number(o, "pid", f->pid);
	if (f->has_uid)
		put_number(o, "uid", f->uid);
	put_text_blob(rp, e, "exe", &f->exe);
	put_string(o, "by", rule_key_name(rule->key));
	put_number(o, "key", f->key);
	key(o, "blocks");
	out_char(o, '[');
	for (uint32_t i = 0; i < node->n_blocks; i++) {
		if (i)
			out_char(o, ',');
		(void)out_json_string(o, node->blocks[i], strlen(node->blocks[i]));
	}
	out_char(o, ']');
	if (f->is_despite)
		out_str(o, ",\"despite\":true");
	if (f->is_tuned)
		out_str(o, ",\"suppressed\":true");
	put_blob(rp, e, "evidence", &f->first.evidence);
	if (f->count > 1) {
		key(o, "last");
		out_str(o, "{\"finding\":\"");
		out_hex_bytes(o, f->last.id, sizeof(f->last.id));
		out_char(o, '"');
		put_time(rp, "time", b, f->last.ts);
		put_number(o, "ts", f->last.ts);
		put_number(o, "first_ts", f->last.first_ts);
		if (!f->latest)
			put_blob(rp, e, "evidence", &f->last.evidence);
		out_char(o, '}');
	}
	out_str(o, "}\n");
}

static void put_intervals(struct report *rp, const struct engine *e, const struct verdict *v)
{
	struct reel_out *o = rp->out;
	bool first = true;

	key(o, "intervals");
	out_char(o, '[');
	for (unsigned i = 0; i < v->n_boots; i++) {
		const struct engine_boot *b = e->boots[i];

		for (uint32_t k = 0; k < v->blind[i].n; k++) {
			const struct blind_interval *x = &v->blind[i].list[k];
			uint64_t from, to;

			report_bounds(b, x, &from, &to);
			out_str(o, first ? "{\"reason\":\"" : ",{\"reason\":\"");
			first = false;
			out_str(o, blind_reason_name((enum blind_reason)x->reason));
			out_char(o, '"');
			if (rp->by_hosts)
				put_string(o, "host", b->host);
			put_time(rp, "from", b, from);
			put_time(rp, "to", b, to);
			put_number(o, "from_ts", x->from_ns);
			put_number(o, "to_ts", x->to_ns);
			put_number(o, "count", x->count);
			out_char(o, '}');
		}
	}
	out_char(o, ']');
}

void report_verdict_json(struct report *rp, const struct engine *e, uint32_t rule,
			 const struct verdict *v)
{
	const struct finding_counts *c = &e->findings->counts[rule];
	const struct rule *r = &e->rules->list[rule];
	const struct engine_boot *since;
	struct reel_out *o = rp->out;
	uint64_t since_ts;

	out_str(o, "{\"verdict\":\"");
	out_str(o, verdict_name(v->kind));
	out_char(o, '"');
	put_string(o, "rule", r->id);
	put_string(o, "severity", rule_severity_names[r->severity]);
	put_number(o, "matches", c->matches);
	put_number(o, "findings", c->rows);
	if (v->is_despite)
		out_str(o, ",\"despite\":true");
	if (c->suppressed)
		put_number(o, "suppressed", c->suppressed);
	if (c->dropped)
		put_number(o, "not_shown", c->dropped);
	if (v->why[0])
		put_string(o, "why", v->why);
	put_ratio(o, "clear", v->clear_ns, v->total_ns);
	since = report_since(e, rule, &since_ts);
	if (since)
		put_time(rp, "since", since, since_ts);
	put_intervals(rp, e, v);
	out_str(o, "}\n");
}

void report_end_json(struct report *rp, const struct engine *e, const struct report_hashes *h)
{
	struct reel_out *o = rp->out;
	uint64_t matches = 0, rows = 0;

	for (uint32_t i = 0; i < e->rules->n; i++) {
		matches += e->findings->counts[i].matches;
		rows += e->findings->counts[i].rows;
	}
	out_str(o, "{\"summary\":{\"rules\":");
	out_u64(o, e->rules->n);
	put_number(o, "matches", matches);
	put_number(o, "findings", rows);
	put_number(o, "events", e->stats.events);
	put_number(o, "blocks", e->stats.blocks);
	put_number(o, "candidates", e->stats.candidates);
	put_number(o, "lost", e->health.lost);
	put_number(o, "evicted_tokens", e->stats.evicted_tokens);
	put_number(o, "evicted_processes", e->stats.evicted_processes);
	put_number(o, "disordered", e->stats.disordered);
	put_string(o, "ending", reel_ending_name(e->health.ending));
	if (e->n_boots && e->boots[0]->coverage.scope[0])
		put_string(o, "scope", e->boots[0]->coverage.scope);
	report_hashes_json(o, e, h);
	out_str(o, "}}\n");
}
