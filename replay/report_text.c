/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "format/timetext.h"
#include "replay/report.h"

enum { NAME_COLUMNS = 14, INTERVALS_SHOWN = 5 };

static const char *const severity_colors[] = {
	[RULE_INFORMATIONAL] = "\033[2m", [RULE_LOW] = "\033[36m",
	[RULE_MEDIUM] = "\033[33m",	  [RULE_HIGH] = "\033[31m",
	[RULE_CRITICAL] = "\033[1;31m",
};

static void put_colored(struct report *rp, const char *color, const char *text, unsigned columns)
{
	if (rp->color)
		out_str(rp->out, color);
	out_str(rp->out, text);
	if (rp->color)
		out_str(rp->out, "\033[0m");
	for (size_t n = strlen(text); n < columns; n++)
		out_char(rp->out, ' ');
}

static void put_text(struct report *rp, const char *text)
{
	out_text_string(rp->out, text, strlen(text));
}

/* Rules of others have numbers that nobody knows by heart. */
static void put_name(struct report *rp, const struct rule *rule)
{
	bool has_title = rule->title && strcmp(rule->title, rule->id) != 0;

	put_text(rp, has_title ? rule->title : rule->id);
	if (!has_title)
		return;
	out_str(rp->out, " (");
	put_text(rp, rule->id);
	out_char(rp->out, ')');
}

static void put_evidence(struct report *rp, const struct engine *e, const struct finding_match *m)
{
	const char *bytes = findings_blob(e->findings, &m->evidence);

	if (bytes)
		out_mem(rp->out, bytes, m->evidence.length);
}

/* As it is, but for what could drive a terminal. */
static void put_harmless(struct reel_out *o, const struct reel_out *line)
{
	struct reel_out quoted;

	if (out_init_mem(&quoted) < 0)
		return;
	out_quoted(&quoted, line->buf, line->len, '"');
	for (size_t i = 1; i + 1 < quoted.len; i++) {
		if (quoted.buf[i] == '\\' && strchr("\\\"", quoted.buf[i + 1]))
			i++;
		out_char(o, quoted.buf[i]);
	}
	out_done(&quoted);
}

void report_finding_text(struct report *rp, const struct engine *e, const struct finding *f)
{
	const struct rule *rule = &e->rules->list[f->rule];
	const struct rule_node *node = &rule->nodes[f->first.node];
	const struct engine_boot *b = e->boots[f->boot];
	struct reel_out *o = rp->out;
	const char *exe;

	put_colored(rp, severity_colors[rule->severity], rule_severity_names[rule->severity],
		    NAME_COLUMNS);
	report_put_time(rp, b, f->first.ts);
	out_str(o, "  ");
	put_name(rp, rule);
	if (rp->by_hosts) {
		out_str(o, "  on ");
		put_text(rp, b->host);
	}
	out_str(o, "  pid ");
	out_u64(o, f->pid);
	exe = f->exe.length ? findings_blob(e->findings, &f->exe) : NULL;
	if (exe) {
		out_char(o, ' ');
		out_text_string(o, exe, f->exe.length);
	}
	if (f->has_uid) {
		out_str(o, " uid ");
		out_u64(o, f->uid);
	}
	if (f->is_despite)
		out_str(o, "  (despite: what could have prevented it was not all seen)");
	if (f->is_tuned)
		out_str(o, "  (suppressed by a tune)");
	out_char(o, '\n');
	if (rule->description) {
		out_str(o, "    ");
		put_text(rp, rule->description);
		out_char(o, '\n');
	}
	if (f->output.length) {
		struct reel_out line;

		out_str(o, "    ");
		if (out_init_mem(&line) == 0) {
			findings_put_output(e->findings, &line, f, &rp->tz);
			put_harmless(o, &line);
			out_done(&line);
		}
		out_char(o, '\n');
	}
	for (uint32_t i = 0; i < node->n_blocks; i++) {
		out_str(o, i ? " > " : "    by way of ");
		put_text(rp, node->blocks[i]);
	}
	if (node->n_blocks)
		out_char(o, '\n');
	put_evidence(rp, e, &f->first);
	if (f->count > 1) {
		out_str(o, "    ");
		out_u64(o, f->count);
		out_str(o, " times in this process image, the last at ");
		report_put_time(rp, b, f->last.ts);
		out_char(o, '\n');
		if (!f->latest)
			put_evidence(rp, e, &f->last);
	}
}

static void put_interval(struct report *rp, const struct engine_boot *b,
			 const struct blind_interval *x)
{
	struct reel_out *o = rp->out;
	uint64_t from, to;

	report_bounds(b, x, &from, &to);
	out_str(o, "    ");
	if (rp->by_hosts) {
		put_text(rp, b->host);
		out_str(o, ": ");
	}
	report_put_time(rp, b, from);
	out_str(o, " to ");
	report_put_time(rp, b, to);
	out_str(o, ": ");
	out_str(o, blind_reason_text((enum blind_reason)x->reason));
	if (x->count) {
		out_str(o, " (");
		out_u64(o, x->count);
		out_char(o, ')');
	}
	out_char(o, '\n');
}

static void put_intervals(struct report *rp, const struct engine *e, const struct verdict *v)
{
	unsigned shown = 0, all = 0;

	for (unsigned i = 0; i < v->n_boots; i++) {
		all += v->blind[i].n;
		for (uint32_t k = 0; k < v->blind[i].n && shown < INTERVALS_SHOWN; k++, shown++)
			put_interval(rp, e->boots[i], &v->blind[i].list[k]);
	}
	if (shown < all) {
		out_str(rp->out, "    and ");
		out_u64(rp->out, all - shown);
		out_str(rp->out, " more such times (--json has all)\n");
	}
}

/* It was loaded while the tape was followed, and says nothing of what was before. */
static void put_since(struct report *rp, const struct engine *e, uint32_t rule)
{
	uint64_t ts;
	const struct engine_boot *b = report_since(e, rule, &ts);

	if (!b)
		return;
	out_str(rp->out, ", since ");
	report_put_time(rp, b, ts);
}

void report_verdict_text(struct report *rp, const struct engine *e, uint32_t rule,
			 const struct verdict *v)
{
	const struct finding_counts *c = &e->findings->counts[rule];
	static const char *const colors[] = { "\033[31m", "\033[32m", "\033[33m", "\033[2m" };
	const struct rule *r = &e->rules->list[rule];
	struct reel_out *o = rp->out;

	if (v->kind == VERDICT_CLEAN && !rp->names_clean && !c->suppressed) {
		rp->n_clean++;
		return;
	}
	put_colored(rp, colors[v->kind], verdict_name(v->kind), NAME_COLUMNS);
	put_name(rp, r);
	if (v->kind == VERDICT_HIT) {
		out_str(o, ": ");
		out_u64(o, c->matches);
		out_str(o, c->matches == 1 ? " time" : " times");
		if (v->is_despite)
			out_str(o, ", despite blind spots");
	}
	if (c->dropped) {
		out_str(o, ", ");
		out_u64(o, c->dropped);
		out_str(o, " of them in rows that are not kept");
	}
	if (c->suppressed) {
		out_str(o, ", ");
		out_u64(o, c->suppressed);
		out_str(o, " suppressed by a tune");
	}
	if (v->kind == VERDICT_EXCEPT) {
		char text[64];

		snprintf(text, sizeof(text), ": %.4g %% of the time is clear",
			 v->total_ns ? 100.0 * (double)v->clear_ns / (double)v->total_ns : 0.0);
		out_str(o, text);
	}
	if (v->why[0] && v->kind != VERDICT_HIT) {
		out_str(o, v->kind == VERDICT_EXCEPT ? "; " : ": ");
		out_str(o, v->why);
	}
	put_since(rp, e, rule);
	out_char(o, '\n');
	if (v->kind == VERDICT_EXCEPT)
		put_intervals(rp, e, v);
}

void report_end_text(struct report *rp, const struct engine *e, const struct report_hashes *h)
{
	struct reel_out *o = rp->out;

	if (rp->n_clean) {
		put_colored(rp, "\033[32m", verdict_name(VERDICT_CLEAN), NAME_COLUMNS);
		out_u64(o, rp->n_clean);
		out_str(o, rp->n_clean == 1 ? " rule" : " rules");
		out_str(o, ": nothing matched, and nothing that they read was missing (-v names "
			   "them)\n");
	}
	if (e->n_boots && e->boots[0]->coverage.scope[0]) {
		out_str(o, "All of this is said of the processes in scope only: ");
		put_text(rp, e->boots[0]->coverage.scope);
		out_char(o, '\n');
	}
	if (e->stats.evicted_tokens || e->stats.evicted_processes) {
		out_str(o, "Thrown away to bound memory: ");
		out_u64(o, e->stats.evicted_tokens);
		out_str(o, " half matches, ");
		out_u64(o, e->stats.evicted_processes);
		out_str(o, " processes\n");
	}
	report_hashes_text(o, e, h);
}
