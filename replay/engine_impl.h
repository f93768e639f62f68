/* SPDX-License-Identifier: BSD-2-Clause */
/* What engine.c, engine_gaps.c, engine_live.c and engine_reload.c share, nobody else includes. */
#ifndef REEL_REPLAY_ENGINE_IMPL_H
#define REEL_REPLAY_ENGINE_IMPL_H

#include "replay/engine.h"

/* The model hears of what was lost. */
void engine_tell_gap(struct engine *e, const struct engine_gap *gap);
int engine_add_gap(struct engine *e, const struct engine_gap *gap, struct reel_err *err);
/* What is known before the first event: losses that were told, blocks that are not there, times in
 * which nobody recorded. */
int engine_find_gaps(struct engine *e, const struct reel_reader *r, struct reel_err *err);
/* A record of GAP. */
int engine_lost(struct engine *e, const struct reel_event *ev, struct reel_err *err);
/* A block that could not be unpacked. */
int engine_broken(struct engine *e, const struct reel_entry *entry, struct reel_err *err);
int engine_folded(struct engine *e, const struct reel_event *ev, struct reel_err *err);
int engine_covered(struct engine *e, struct reel_err *err);
/* Whether what could have prevented the match was, in part, not seen. */
bool engine_is_despite(const struct engine *e, const struct match *m);

int engine_make_plans(struct engine *e, struct rules *rules, uint64_t number, struct engine *ret,
		      struct reel_err *err);
void engine_drop_plans(struct engine *e);
/* Whatever may be asked for the name of a file: nothing can be looked at again for it. */
void engine_want_names(struct engine *e);
int engine_begin_boot(struct engine *e, const struct reel_boot *boot,
		      const struct reel_segment *segment, struct reel_err *err);
/* What a sequence of the boot is made with. */
struct sequence_options engine_sequence_options(struct engine *e, struct blind *blind);
/* As if it had not begun. */
void engine_drop_boot(struct engine *e);
int engine_end_boot(struct engine *e, struct reel_err *err);
/* Files that are asked for in these blocks; *RET NULL: too many to tell. */
int engine_find_asked(struct engine *e, const struct reel_reader *r, const uint32_t *list,
		      uint32_t n_blocks, struct model_asked **ret, struct reel_err *err);
/* LIST: blocks of the boot in the order of their first event. */
int engine_introduce(struct engine *e, const struct reel_reader *r, const uint32_t *list,
		     uint32_t n_blocks, struct reel_err *err);
/* The same by events, of which those of the state matter. */
int engine_introduce_held(struct engine *e, struct seen *const *list, uint32_t n_events,
			  struct reel_err *err);
void engine_free_held(struct engine *e);
/* An event of the boot, with the steps that may hold on it. */
int engine_judge(struct engine *e, const struct reel_event *ev, bool is_state,
		 const uint32_t *steps, uint32_t n_steps, struct reel_err *err);
/* What the sequence of the boot has counted so far goes to the engine's numbers. */
void engine_add_stats(struct engine *e);
/* The findings of the boot get their last words. */
int engine_settle_findings(struct engine *e, struct reel_err *err);
int engine_found(void *context, const struct match *m, struct reel_err *err);

#endif
