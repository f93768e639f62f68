/* SPDX-License-Identifier: BSD-2-Clause */
/* A summary as text for people and as JSON; reel-info(1) describes both. */
#ifndef REEL_FORMAT_SUMMARY_SHOW_H
#define REEL_FORMAT_SUMMARY_SHOW_H

#include "format/out.h"
#include "format/summary.h"

/* Several lines. With VERBOSE also segments, all losses and all hooks. */
void reel_summary_put_text(struct reel_out *o, const struct reel_reader *r,
			   const struct reel_summary *s, bool verbose);
/* One line. */
void reel_summary_put_json(struct reel_out *o, const struct reel_reader *r,
			   const struct reel_summary *s);

/* "complete, nothing was lost": the sum of what the rest says. */
enum { REEL_VERDICT_TEXT = 160 };
void reel_summary_verdict(const struct reel_summary *s, char text[REEL_VERDICT_TEXT]);

/* The name of a kind of blocks that hold events, else NULL. */
const char *reel_summary_kind_name(unsigned kind);
/* The value of a number field of T under the hint that T has for it. */
void reel_summary_put_field(struct reel_out *o, const struct reel_type *t, const char *field,
			    uint64_t value);

#endif
