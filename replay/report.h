/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings and verdicts as text for people and as JSON, an object a line, for programs. */
#ifndef REEL_REPLAY_REPORT_H
#define REEL_REPLAY_REPORT_H

#include "replay/verdict.h"

/* By what a conclusion can be checked. */
struct report_hashes {
	uint8_t rules[32], compiled[32], capture[32], program[32];
	const struct reel_reader *reader; /* NULL: captures that came event by event */
};
/* Of all captures of the reader together, and of one of them. */
int report_hash_capture(const struct reel_reader *r, uint8_t ret[32]);
int report_hash_source(const struct reel_reader *r, unsigned source, uint8_t ret[32]);
/* Tag of the last whole block, END included; NULL: there is none. */
const uint8_t *report_last_tag(const struct reel_reader *r, const struct reel_segment *s);
/* The same of a capture: its head, as reel verify shows it. */
const uint8_t *report_head(const struct reel_reader *r, unsigned source);
/* READER may be NULL. */
int report_hash_all(struct report_hashes *h, const struct rules *rules,
		    const struct reel_reader *reader, struct reel_err *err);
/* Lines; and keys of an object that has some already. */
void report_hashes_text(struct reel_out *o, const struct engine *e, const struct report_hashes *h);
void report_hashes_json(struct reel_out *o, const struct engine *e, const struct report_hashes *h);

struct report {
	struct reel_out *out;
	struct reel_tz tz;
	bool is_json, color, quiet;
	bool by_hosts;
	bool names_clean;	/* text: those that are clean by name, not only how many */
	uint32_t n_clean;
};

void report_finding(struct report *rp, const struct engine *e, const struct finding *f);
void report_verdict(struct report *rp, const struct engine *e, uint32_t rule,
		    const struct verdict *v);
/* What was looked at, and the hashes. */
void report_end(struct report *rp, const struct engine *e, const struct report_hashes *h);

/* Since when the rule was there, and in which boot; NULL: from the beginning. */
const struct engine_boot *report_since(const struct engine *e, uint32_t rule, uint64_t *ret_ts);

/* The time of a moment of a boot, or @NS where wall time is not known. */
void report_put_time(struct report *rp, const struct engine_boot *b, uint64_t ts);
/* The part of the interval that the capture has; of one outside of it the beginning. */
void report_bounds(const struct engine_boot *b, const struct blind_interval *x,
		   uint64_t *ret_from_ns, uint64_t *ret_to_ns);

void report_finding_text(struct report *rp, const struct engine *e, const struct finding *f);
void report_verdict_text(struct report *rp, const struct engine *e, uint32_t rule,
			 const struct verdict *v);
void report_end_text(struct report *rp, const struct engine *e, const struct report_hashes *h);
void report_finding_json(struct report *rp, const struct engine *e, const struct finding *f);
void report_verdict_json(struct report *rp, const struct engine *e, uint32_t rule,
			 const struct verdict *v);
void report_end_json(struct report *rp, const struct engine *e, const struct report_hashes *h);

#endif
