/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/metrics.h"

#include <stdio.h>

#include "format/replace.h"
#include "format/types.h"

static void put_classes(FILE *f, const struct sums *sums)
{
	static const struct {
		const char *name;
		size_t offset;
	} fates[] = {
		{ "kept", offsetof(struct sum, kept) },
		{ "folded", offsetof(struct sum, folded) },
		{ "filtered", offsetof(struct sum, filtered) },
		{ "lost", offsetof(struct sum, lost) },
	};

	fputs("# HELP reel_events_total Events by class and what became of them.\n"
	      "# TYPE reel_events_total counter\n",
	      f);
	for (const struct reel_class *c = reel_classes; c->name; c++) {
		struct sum sum = sums_of_class(sums, c->id);

		for (size_t i = 0; i < sizeof(fates) / sizeof(*fates); i++) {
			uint64_t value;

			memcpy(&value, (const char *)&sum + fates[i].offset, sizeof(value));
			fprintf(f, "reel_events_total{class=\"%s\",fate=\"%s\"} %llu\n", c->name,
				fates[i].name, (unsigned long long)value);
		}
	}
}

static int put_program(void *arg, const struct program_run *run)
{
	FILE *f = arg;

	fprintf(f, "reel_program_runs_total{program=\"%s\"} %llu\n", run->name,
		(unsigned long long)run->runs);
	fprintf(f, "reel_program_seconds_total{program=\"%s\"} %.9f\n", run->name,
		(double)run->run_ns / 1e9);
	fprintf(f, "reel_program_missed_total{program=\"%s\"} %llu\n", run->name,
		(unsigned long long)run->missed);
	return 0;
}

struct figures_of {
	const struct session *session;
	const struct session_state *state;
};

static void put_all(FILE *f, void *context)
{
	const struct figures_of *of = context;
	const struct session *s = of->session;
	const struct session_state *state = of->state;
	const struct {
		const char *name, *type, *help;
		double value;
	} figures[] = {
		{ "reel_up_seconds", "gauge", "How long the recorder has been recording.",
		  (double)(state->now_ns - state->since_ns) / 1e9 },
		{ "reel_tape_events_total", "counter", "Records on tape.",
		  (double)state->written.events },
		{ "reel_tape_bytes_total", "counter", "Bytes on tape.",
		  (double)state->written.stored_bytes },
		{ "reel_tape_raw_bytes_total", "counter", "The same before compression.",
		  (double)state->written.raw_bytes },
		{ "reel_segments_total", "counter", "Segments begun.",
		  (double)state->written.segments },
		{ "reel_segments_retired_total", "counter", "Segments removed by retention.",
		  (double)state->written.retired },
		{ "reel_malformed_total", "counter", "Records that were refused.",
		  (double)state->written.malformed },
		{ "reel_ring_high_percent", "gauge", "The most that a ring was ever filled.",
		  state->ring_high_percent },
		{ "reel_cpu_seconds_total", "counter", "CPU time of the recorder.",
		  (double)state->cpu_ns / 1e9 },
		{ "reel_memory_bytes", "gauge", "The most memory that the recorder had.",
		  (double)state->memory_bytes },
		{ "reel_missed_total", "counter", "Program runs that the kernel left out.",
		  (double)state->sum.missed },
	};

	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
		fprintf(f, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", figures[i].name,
			figures[i].help, figures[i].name, figures[i].type, figures[i].name,
			figures[i].value);
	put_classes(f, session_sums(s));
	fputs("# HELP reel_program_runs_total Runs of a kernel program, where the kernel counts "
	      "them (kernel.bpf_stats_enabled).\n"
	      "# TYPE reel_program_runs_total counter\n",
	      f);
	(void)programs_runs(session_programs(s), put_program, f);
}

int metrics_write(const char *path, const struct session *s, const struct session_state *state,
		  struct reel_err *err)
{
	struct figures_of of = { s, state };

	return reel_replace_file(path, put_all, &of, err);
}
