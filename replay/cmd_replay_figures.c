/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures of a tape that is followed, as a text file for Prometheus that is replaced as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/replace.h"
#include "replay/follow.h"

enum { EVENTS_PER_LOOK = 64 };

/* Measuring ------------------------------------------------------------------------------------ */

static void note_lag(struct follow_figures *m, int64_t lag_ns)
{
	if (lag_ns > 0 && (uint64_t)lag_ns > m->worst_lag_ns)
		m->worst_lag_ns = (uint64_t)lag_ns;
}

void follow_measure_event(struct follow *f, const struct reel_event *ev)
{
	int64_t time_ns;

	if (f->events_unmeasured++ % EVENTS_PER_LOOK || !f->r->engine->boot)
		return;
	time_ns = engine_realtime(f->r->engine->boot, ev->ts);
	/* What was there before we came is no lag of ours. */
	if (time_ns >= f->began_ns)
		note_lag(&f->figures, follow_wall_ns() - time_ns);
}

void follow_measure_finding(struct follow *f, const struct finding *x)
{
	struct follow_figures *m = &f->figures;
	const struct rule *rule = &f->r->rules->list[x->rule];
	/* It waited that long for something not to come. */
	int64_t known_ns = x->first.time_ns + (int64_t)rule->nodes[x->first.node].wait_ns;
	int64_t lag_ns = follow_wall_ns() - known_ns;

	m->findings[rule->severity]++;
	if (!x->first.time_ns || known_ns < f->began_ns)
		return;
	if (lag_ns < 0)
		lag_ns = 0;
	note_lag(m, lag_ns);
	m->lags[m->n_lags++ % FOLLOW_LAGS] = (uint64_t)lag_ns;
	m->lag_sum_ns += (uint64_t)lag_ns;
}

static uint64_t resident_bytes(void)
{
	unsigned long long all, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu", &all, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The file ------------------------------------------------------------------------------------- */

static void put_head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void put_lags(FILE *f, const struct follow_figures *m)
{
	static const char name[] = "reel_replay_finding_lag_seconds";
	static const struct {
		const char *name;
		unsigned percent;
	} quantiles[] = { { "0.5", 50 }, { "0.95", 95 }, { "0.99", 99 } };
	size_t n = m->n_lags < FOLLOW_LAGS ? m->n_lags : FOLLOW_LAGS;
	uint64_t sorted[FOLLOW_LAGS];

	memcpy(sorted, m->lags, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_size);
	put_head(f, name, "summary",
		 "From when a finding could be known to when it was printed; quantiles of the last "
		 "1024.");
	for (size_t i = 0; n && i < sizeof(quantiles) / sizeof(*quantiles); i++)
		fprintf(f, "%s{quantile=\"%s\"} %.9f\n", name, quantiles[i].name,
			(double)sorted[(n * quantiles[i].percent + 99) / 100 - 1] / 1e9);
	fprintf(f, "%s_sum %.9f\n%s_count %llu\n", name, (double)m->lag_sum_ns / 1e9, name,
		(unsigned long long)m->n_lags);
}

static void put_label(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		if (*text == '\n')
			fputs("\\n", f);
		else
			fputc(*text, f);
	}
}

static void put_rules(FILE *f, const struct engine *e)
{
	enum { VERDICTS = VERDICT_NOT_EVALUABLE + 1 };
	uint64_t verdicts[VERDICTS] = { 0 };

	put_head(f, "reel_replay_blind_seconds", "gauge",
		 "Time of the tape in which something that a rule reads was missing.");
	for (uint32_t i = 0; i < e->rules->n; i++) {
		struct verdict v;

		if (verdict_of(e, i, &v, NULL) < 0)
			continue;
		verdicts[v.kind]++;
		fputs("reel_replay_blind_seconds{rule=\"", f);
		put_label(f, e->rules->list[i].id);
		fprintf(f, "\"} %.9f\n", (double)(v.total_ns - v.clear_ns) / 1e9);
		verdict_done(&v);
	}
	put_head(f, "reel_replay_rules", "gauge", "Rules by what can be said of them so far.");
	for (unsigned i = 0; i < VERDICTS; i++)
		fprintf(f, "reel_replay_rules{verdict=\"%s\"} %llu\n", verdict_name(i),
			(unsigned long long)verdicts[i]);
}

struct figures_of {
	const struct follow *follow;
	uint64_t memory_bytes;
};

static void put_all(FILE *f, void *context)
{
	const struct figures_of *of = context;
	const struct follow *fo = of->follow;
	const struct engine *e = fo->r->engine;
	const struct follow_figures *m = &fo->figures;
	const struct reel_health *h = reel_walk_health(fo->walk);
	struct sequence_stats s = { 0 };

	if (e->sequence)
		sequence_stats(e->sequence, &s);

	const struct {
		const char *name, *type, *help;
		double value;
	} figures[] = {
		{ "reel_replay_events_total", "counter", "Events that were looked at.",
		  (double)e->stats.events },
		{ "reel_replay_events_per_second", "gauge", "The same, lately.",
		  m->events_per_second },
		{ "reel_replay_event_lag_seconds", "gauge",
		  "The most that an event was looked at after it happened, lately.",
		  (double)m->worst_lag_ns / 1e9 },
		{ "reel_replay_memory_bytes", "gauge", "Memory that is in use.",
		  (double)of->memory_bytes },
		{ "reel_replay_tokens", "gauge", "Half matches that are kept.", (double)s.tokens },
		{ "reel_replay_evicted_total", "counter",
		  "Half matches that were thrown away to bound memory.",
		  (double)(e->stats.evicted_tokens + s.evicted) },
		{ "reel_replay_undecided_total", "counter",
		  "Events on which a rule could not be decided.",
		  (double)(e->stats.undecided + s.undecided) },
		{ "reel_replay_lost_total", "counter", "Events that the recorder lost.",
		  (double)h->lost },
		{ "reel_replay_damages_total", "counter", "Places where the tape is broken.",
		  (double)h->n_damages },
		{ "reel_replay_reloads_total", "counter", "Times that other rules were taken.",
		  (double)fo->reloads },
		{ "reel_replay_bad_reloads_total", "counter",
		  "Times that rules could not be taken, and the old ones stayed.",
		  (double)fo->bad_reloads },
	};

	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
		put_head(f, figures[i].name, figures[i].type, figures[i].help);
		fprintf(f, "%s %.17g\n", figures[i].name, figures[i].value);
	}
	put_head(f, "reel_replay_findings_total", "counter", "Findings by severity.");
	for (unsigned i = 0; i <= RULE_CRITICAL; i++)
		fprintf(f, "reel_replay_findings_total{severity=\"%s\"} %llu\n",
			rule_severity_names[i], (unsigned long long)m->findings[i]);
	put_lags(f, m);
	put_rules(f, e);
}

/* Warnings ------------------------------------------------------------------------------------- */

/* Said once, until it is over. */
static bool rises_above(bool *is_high, uint64_t value, uint64_t mark)
{
	bool was_high = *is_high;

	*is_high = value > mark;
	return *is_high && !was_high;
}

static void warn(struct follow *f, uint64_t memory_bytes)
{
	const struct replay_options *o = &f->r->options;
	struct follow_figures *m = &f->figures;
	char used[REEL_SIZE_TEXT];

	if (rises_above(&m->lag_is_high, m->worst_lag_ns, o->lag_ns))
		reel_command_note(f->r->self, &f->r->args.common,
				  "warning: the tape is looked at %.1f s after it was recorded",
				  (double)m->worst_lag_ns / 1e9);
	if (rises_above(&m->memory_is_high, memory_bytes, o->memory_bytes)) {
		(void)reel_size_format(memory_bytes, used);
		reel_command_note(f->r->self, &f->r->args.common, "warning: %s of memory are used",
				  used);
	}
}

void follow_figures(struct follow *f, int64_t now_ns)
{
	struct follow_figures *m = &f->figures;
	uint64_t memory_bytes = resident_bytes(), events = f->r->engine->stats.events;
	struct reel_err err = { 0 };
	int64_t passed_ns = now_ns - m->looked_ns;

	if (passed_ns > 0)
		m->events_per_second =
			(double)(events - m->events_before) * 1e9 / (double)passed_ns;
	m->looked_ns = now_ns;
	m->events_before = events;
	warn(f, memory_bytes);
	if (f->r->options.metrics) {
		struct figures_of of = { f, memory_bytes };
		bool failed = reel_replace_file(f->r->options.metrics, put_all, &of, &err) < 0;

		if (failed && !m->cannot_write)
			reel_command_note(f->r->self, &f->r->args.common, "warning: %s", err.msg);
		m->cannot_write = failed;
	}
	m->worst_lag_ns = 0;
}
