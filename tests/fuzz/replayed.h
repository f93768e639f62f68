/* SPDX-License-Identifier: BSD-2-Clause */
/* A fixed set of rules over a capture, and all that is said of it: for tapes that are hostile. */
#ifndef REEL_TESTS_FUZZ_REPLAYED_H
#define REEL_TESTS_FUZZ_REPLAYED_H

#include <string.h>

#include "format/walk.h"
#include "replay/policy.h"
#include "replay/report.h"

/* Every kind of step, key, bound and field that there is. */
static const char replayed_rules[] =
	"path \"open\" { open attempted { path contains \"a\" or not path =~ \"^/[a-m]\" } }\n"
	"path \"family\" { open { path startswith \"/\" } as f\n"
	"    exec|unlink { path == f.path } }\n"
	"path \"process\" { by process; exec|fork attempted { }\n"
	"    write|read { path contains \"a\" } ..\n"
	"    unless close { path endswith \"a\" } exit { } within 1h }\n"
	"path \"container\" { by container; open { container.id exists }\n"
	"    connect { port > 9 } }\n"
	"path \"user\" { by user; within forever; setuid { euid < old_euid }\n"
	"    any { open { } mmap { } } }\n"
	"path \"host\" { by host; within 5s\n"
	"    all { open { } close { } connect attempted { } } }\n"
	"path \"count\" { by process; open attempted { } count 3 distinct path within 10s }\n"
	"path \"after\" { exec { argv contains \"a\" } unless exit { } within 2s }\n"
	"path \"else\" { fork { } exec { cmdline =~ \"a.*b\" } ? open { } : unlink { } }\n"
	"path \"above\" { exec attempted { ancestor.exe contains \"/\" or\n"
	"    parent.comm != \"x\" } }\n"
	"path \"numbers\" { open attempted { flags & O_CREAT,\n"
	"    uid != 0 or cap_effective exists } }\n"
	"path \"names\" { close|dup|fold|read { path glob \"*[a-z]\" } }\n"
	"path \"self\" { unlink attempted { path == exe or cwd == path } }\n"
	"tune \"o*\" { unless comm == \"tuned\" }\n";

struct replayed {
	const struct rules *rules;
	struct engine *engine;
	struct findings *findings;
	struct reel_err err;
};

static inline int replayed_load(struct rules **ret, struct reel_err *err)
{
	int r = rules_new(ret, err);

	if (r == 0)
		r = policy_load_text(*ret, "fixed", replayed_rules, strlen(replayed_rules), err);
	if (r == 0)
		r = rules_finish(*ret, err);
	if (r == 0 && (*ret)->n_errors)
		r = reel_err_set(err, -EINVAL, "%u: %s", (*ret)->notes[0].line,
				 (*ret)->notes[0].text);
	return r;
}

/* The rules are not its own. */
static inline int replayed_begin(struct replayed *p, struct rules *rules, unsigned threads,
				 bool is_slow, uint64_t max_state)
{
	const struct findings_options fo = { .is_json = true, .all = true };
	const struct engine_options eo = { .threads = threads,
					   .is_slow = is_slow,
					   .max_state = max_state };
	int r;

	*p = (struct replayed){ .rules = rules };
	r = findings_new(&fo, &p->findings, &p->err);
	if (r == 0)
		r = engine_new(rules, &eo, p->findings, &p->engine, &p->err);
	return r;
}

/* All that is to say, behind what OUT holds. */
static inline int replayed_report(struct replayed *p, struct reel_out *out)
{
	struct report rp = { .out = out, .is_json = true };
	int r = findings_sort(p->findings, &p->err);

	for (size_t i = 0; r == 0 && i < p->findings->n; i++)
		report_finding(&rp, p->engine, &p->findings->rows[i]);
	for (uint32_t i = 0; r == 0 && i < p->rules->n; i++) {
		struct verdict v;

		r = verdict_of(p->engine, i, &v, &p->err);
		if (r == 0)
			report_verdict(&rp, p->engine, i, &v);
		if (r == 0)
			verdict_done(&v);
	}
	return r < 0 ? r : out_error(out);
}

/* As `reel replay` does it with files. */
static inline int replayed_files(struct replayed *p, const struct reel_reader *reader,
				 struct reel_out *out)
{
	int r = engine_replay(p->engine, reader, &p->err);

	return r < 0 ? r : replayed_report(p, out);
}

/* As it does it with what comes event by event. The walk is closed. */
static inline int replayed_walk(struct replayed *p, struct reel_walk *w, struct reel_out *out)
{
	struct reel_event ev;
	int r;

	while ((r = reel_walk_next(w, &ev, &p->err)) > 0) {
		r = engine_event(p->engine, &ev, &p->err);
		if (r < 0)
			break;
	}
	if (r == 0 || r == -ENODATA)
		r = engine_end(p->engine, reel_walk_health(w), &p->err);
	if (r == 0)
		r = replayed_report(p, out);
	reel_walk_close(w);
	return r;
}

static inline void replayed_end(struct replayed *p)
{
	engine_free(p->engine);
	findings_free(p->findings);
}

#endif
