/* SPDX-License-Identifier: BSD-2-Clause */
/* reel verify --case: what is proven of a case, and what is not. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/json.h"
#include "format/outcome.h"
#include "replay/cmd_verify.h"
#include "replay/pipeline.h"
#include "replay/proof.h"

enum { STEP_COLUMNS = 10 };

static const char *const step_names[PROOF_STEPS] = {
	[PROOF_DATABASE] = "database", [PROOF_CAPTURES] = "captures", [PROOF_RULES] = "rules",
	[PROOF_REPLAYS] = "replays",   [PROOF_TABLES] = "tables",
};

static const char *const state_names[] = {
	[PROOF_PROVEN] = "proven",
	[PROOF_UNCHECKED] = "not checked",
	[PROOF_ALTERED] = "altered",
};

static volatile int verify_stop;

static void handle_stop(int signal_number)
{
	(void)signal_number;
	verify_stop = 1;
}

/* Text ----------------------------------------------------------------------------------------- */

static void put_count(struct reel_out *o, uint64_t n, const char *one, const char *many)
{
	out_u64(o, n);
	out_char(o, ' ');
	out_str(o, n == 1 ? one : many);
}

static void put_step(struct reel_out *o, const struct proof *p, enum proof_step_id i)
{
	const struct proof_step *s = &p->steps[i];

	out_str(o, "  ");
	out_str(o, step_names[i]);
	for (size_t n = strlen(step_names[i]); n < STEP_COLUMNS; n++)
		out_char(o, ' ');
	out_str(o, state_names[s->state]);
	out_str(o, ": ");
	switch (i) {
	case PROOF_DATABASE:
		put_count(o, s->n_checked, "row", "rows");
		out_str(o, " are sound by themselves");
		break;
	case PROOF_CAPTURES:
		put_count(o, s->n_checked, "event, ", "events, ");
		out_u64(o, p->n_copies);
		out_str(o, " of ");
		put_count(o, p->n_evidence, "copy compared", "copies compared");
		break;
	case PROOF_RULES:
		put_count(o, s->n_checked, "file", "files");
		out_str(o, s->n_checked == 1 ? " is the same" : " are the same");
		break;
	case PROOF_REPLAYS:
		put_count(o, s->n_checked, "row found again", "rows found again");
		break;
	default:
		put_count(o, s->n_checked, "row made again", "rows made again");
		break;
	}
	out_char(o, '\n');
}

static void put_foreign(struct reel_out *o, const char *text)
{
	out_text_string(o, text, strlen(text));
}

static void put_remark(struct reel_out *o, const struct proof_remark *r)
{
	const char *separator = ", ";

	out_str(o, r->state == PROOF_ALTERED   ? "  altered: " :
		   r->state == PROOF_UNCHECKED ? "  not checked: " :
						 "  note: ");
	if (*r->table) {
		put_foreign(o, r->table);
		if (*r->row) {
			out_str(o, separator);
			out_str(o, "row ");
			put_foreign(o, r->row);
		}
		if (*r->column) {
			out_str(o, separator);
			out_str(o, "column ");
			put_foreign(o, r->column);
		}
		out_str(o, ": ");
	}
	if (r->has_values) {
		put_foreign(o, r->stored);
		out_str(o, " is stored, ");
		put_foreign(o, r->computed);
		out_str(o, " is computed");
	} else {
		out_str(o, r->what);
	}
	out_char(o, '\n');
}

static void put_text(struct reel_out *o, const struct proof *p, const char *path)
{
	out_str(o, "case ");
	put_foreign(o, path);
	out_str(o, ": ");
	out_str(o, state_names[proof_state_of(p)]);
	out_char(o, '\n');
	for (int i = 0; i < PROOF_STEPS; i++)
		put_step(o, p, (enum proof_step_id)i);
	for (int state = PROOF_ALTERED; state >= PROOF_PROVEN; state--)
		for (unsigned i = 0; i < p->n_remarks; i++)
			if (p->remarks[i].state == (enum proof_state)state)
				put_remark(o, &p->remarks[i]);
	if (p->n_left_out) {
		out_str(o, "  and ");
		out_u64(o, p->n_left_out);
		out_str(o, " more\n");
	}
	if (p->n_notes) {
		out_str(o, "  note: ");
		put_count(o, p->n_notes, "row", "rows");
		out_str(o, " of an examiner in note, which nothing makes\n");
	}
}

/* JSON ----------------------------------------------------------------------------------------- */

static void put_json(struct reel_out *o, const struct proof *p, const char *path)
{
	struct reel_json j = { .out = o };

	json_begin(&j, NULL, '{');
	json_str(&j, "case", path);
	json_str(&j, "result", state_names[proof_state_of(p)]);
	json_begin(&j, "steps", '{');
	for (int i = 0; i < PROOF_STEPS; i++) {
		const struct proof_step *s = &p->steps[i];

		json_begin(&j, step_names[i], '{');
		json_str(&j, "result", state_names[s->state]);
		json_u64(&j, "checked", s->n_checked);
		json_u64(&j, "altered", s->n_altered);
		json_u64(&j, "not_checked", s->n_unchecked);
		json_end(&j, '}');
	}
	json_end(&j, '}');
	json_u64(&j, "captures", p->n_captures);
	json_u64(&j, "replays", p->n_replays);
	json_u64(&j, "findings", p->n_findings);
	json_u64(&j, "evidence", p->n_evidence);
	json_u64(&j, "copies_compared", p->n_copies);
	json_u64(&j, "notes", p->n_notes);
	json_begin(&j, "remarks", '[');
	for (unsigned i = 0; i < p->n_remarks; i++) {
		const struct proof_remark *r = &p->remarks[i];

		json_begin(&j, NULL, '{');
		json_str(&j, "step", step_names[r->step]);
		json_str(&j, "kind", r->state == PROOF_PROVEN ? "note" : state_names[r->state]);
		if (*r->table)
			json_str(&j, "table", r->table);
		if (*r->row)
			json_str(&j, "row", r->row);
		if (*r->column)
			json_str(&j, "column", r->column);
		if (r->has_values) {
			json_str(&j, "stored", r->stored);
			json_str(&j, "computed", r->computed);
		} else {
			json_str(&j, "what", r->what);
		}
		json_end(&j, '}');
	}
	json_end(&j, ']');
	json_u64(&j, "left_out", p->n_left_out);
	json_end(&j, '}');
	out_char(o, '\n');
}

static int print(const struct reel_command *self, const struct verify_options *o,
		 const struct proof *p)
{
	struct reel_out out = { 0 };
	struct reel_err err;
	int r = out_init(&out, STDOUT_FILENO);

	if (r == 0 && o->format == VERIFY_JSON)
		put_json(&out, p, o->of_case);
	else if (r == 0)
		put_text(&out, p, o->of_case);
	if (r == 0)
		r = out_flush(&out);
	out_done(&out);
	if (r == 0)
		return REEL_STATUS_OK;
	reel_err_set(&err, r, "cannot write: %s", strerror(-r));
	return reel_command_fail(self, REEL_STATUS_IO, &err);
}

/* The command ---------------------------------------------------------------------------------- */

static void show_progress(void *context, const char *what, uint64_t done, uint64_t all)
{
	int64_t *shown_percent = context;
	int64_t percent = all ? (int64_t)(100.0 * (double)done / (double)all) : 0;

	if (percent == *shown_percent && done)
		return;
	*shown_percent = percent;
	fprintf(stderr, "\r\033[Kreel verify: %s, %3" PRId64 " %% ", what, percent);
	fflush(stderr);
}

static int status_of(const struct proof *p)
{
	switch (proof_state_of(p)) {
	case PROOF_ALTERED:
		return REEL_STATUS_UNREADABLE;
	case PROOF_UNCHECKED:
		return REEL_STATUS_INCOMPLETE;
	default:
		return REEL_STATUS_OK;
	}
}

/* A case names its captures and rules, and is made again in a place of its own. */
static void confine(const struct reel_command *self, const struct reel_args *args)
{
	struct confine_reader c = {
		.reads_anywhere = true,
		.makes_files = true,
		.writes_database = true,
		.makes_code = true,
	};

	confine_reader_begin(&c);
	confine_reader_may_spill(&c);
	confine_reader_may_write_in(&c, proof_place());
	reel_command_confine(self, &args->common, &c);
}

int verify_case(const struct reel_command *self, const struct verify_options *o,
		const struct reel_args *args, const struct reel_keys *keys)
{
	struct sigaction action = { .sa_handler = handle_stop };
	bool talks = isatty(STDERR_FILENO) && !args->common.quiet;
	int64_t shown_percent = -1;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct proof_options what = {
		.path = o->of_case,
		.captures = (const char *const *)args->v,
		.n_captures = (unsigned)args->n,
		.rules = o->rules.v,
		.n_rules = (unsigned)o->rules.n,
		.keys = keys,
		.threads = o->threads ? o->threads :
			   cpus < 1   ? 1 :
			   cpus > 64  ? 64 :
					(uint32_t)cpus,
		.stop = &verify_stop,
		.progress = talks ? show_progress : NULL,
		.context = &shown_percent,
	};
	struct reel_err err = { 0 };
	struct proof *p = NULL;
	int r, status;

	if (!*o->of_case)
		return reel_command_misuse(self, "which case?");
	if (o->threads > PIPELINE_THREADS_MAX)
		return reel_command_misuse(self, "that is too many threads");
	confine(self, args);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	r = case_prove(&what, &p, &err);
	if (talks && shown_percent >= 0)
		fputs("\r\033[K", stderr);
	if (r < 0)
		return reel_command_fail(self,
					 r == -EPROTONOSUPPORT ? REEL_STATUS_INCOMPLETE :
								 reel_status_of(r),
					 &err);
	status = print(self, o, p);
	if (status == REEL_STATUS_OK)
		status = status_of(p);
	proof_free(p);
	return status;
}
