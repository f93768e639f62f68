/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules over captures: one engine for files, where blocks are scanned by all threads, and for what
 * comes event by event. Boots are looked at one after the other, since no key crosses them.
 *
 * What comes out is the same bytes whatever the number of threads.
 */
#ifndef REEL_REPLAY_ENGINE_H
#define REEL_REPLAY_ENGINE_H

#include "format/walk.h"
#include "replay/coverage.h"
#include "replay/finding.h"
#include "replay/pipeline.h"
#include "replay/reads.h"
#include "replay/sequence.h"

struct engine_options {
	unsigned threads;
	uint64_t max_state;
	struct reel_moment from, to; /* steps are asked of events in this time only */
	bool is_slow;		     /* without the shortcuts, for tests */
	struct explain *explain;     /* who wants to know all about one rule; may be NULL */
	bool measures;		     /* what steps and rules cost */
	bool is_survey;		     /* no step is asked: only state and gaps are read */
	const volatile int *stop;    /* may be NULL */
	void (*progress)(void *context, uint64_t bytes_done, uint64_t bytes);
	void *context;
};

/* Something that makes rules blind, whichever read it. */
struct engine_gap {
	uint64_t from_ns, to_ns, count;
	uint8_t reason;	  /* enum blind_reason */
	uint8_t class_id; /* LOST: 0 is any */
	bool by_types;	  /* only these: */
	uint8_t types[32];
};

/* A boot that was looked at, and what could not be seen in it. */
struct engine_boot {
	const struct reel_boot *boot;
	char host[256];
	uint8_t id[TAPE_ID_BYTES];
	uint64_t first_ns, last_ns; /* boottime that it covers */
	struct blind *blind;	    /* by rule: what single events left open */
	uint64_t *since_ns;	    /* by rule: it was loaded then; 0: from the beginning;
				     * UINT64_MAX: when the boot was over */
	struct engine_gap *gaps;
	uint32_t n_gaps, gaps_room;
	struct blind folded_reads, folded_writes;
	struct missing_types { /* from then on these types are not recorded */
		uint64_t from_ns;
		uint8_t types[32];
	} * missing;
	uint32_t n_missing, missing_room;
	struct coverage coverage;
	struct reel_clock_cache clock;
};

enum engine_names { ENGINE_NO_NAMES, ENGINE_ASKED_NAMES, ENGINE_ALL_NAMES };

struct engine {
	struct engine_options o;
	struct rules *rules; /* not the engine's */
	struct eval_plan *eval_plan;
	struct scan_plan *scan_plan;
	struct sequence_plan *sequence_plan;
	struct reads *reads;
	struct findings *findings; /* not the engine's */
	struct profile *profile;   /* NULL: nothing is measured */
	struct engine_boot **boots;
	unsigned n_boots;
	uint64_t plan_number;

	/* Of the boot that is looked at: */
	struct engine_boot *boot;
	struct model *model;
	struct sequence *sequence;
	struct eval eval;
	struct scanner scanner; /* for events that come one by one */
	bool has_scanner, coverage_changed;
	uint8_t names; /* enum engine_names: which the model hears of, of files that are whole */
	bool is_live; /* events come one by one, and boots are not all there */
	/* Of a walk that comes event by event: its own segments move while it reads on. One stands
	 * for all that are like it. */
	struct reel_segment **segments;
	unsigned n_segments;
	const struct reel_segment *segment; /* of the last event */
	uint64_t segment_id;		    /* of that event's own */
	struct {
		uint64_t n_damages, torn_bytes, unclean_segments; /* that are accounted for */
		uint64_t until_block; /* what is missing is older than what comes up to there */
		uint64_t from_ns;
		uint8_t reason;
		bool is_open;
	} hole;
	uint64_t settled_ns; /* as engine_settled was told */
	/* What came before the first keyframe was whole: see engine_begin.c. */
	struct {
		struct seen **list;
		uint32_t n, room;
		size_t bytes;
		bool is_open, has_keyframe;
	} held;
	uint32_t gaps_passed;
	uint64_t from_ns, to_ns, now_ns, coverage_ns;

	struct {
		uint64_t events, blocks, unpacked, candidates, disordered, steps;
		uint64_t evicted_processes, peak_tokens, evicted_tokens, undecided, matches;
		uint64_t *evaluations, *hits; /* by step */
	} stats;
	struct reel_health health;
};

int engine_new(struct rules *rules, const struct engine_options *o, struct findings *findings,
	       struct engine **ret, struct reel_err *err);
void engine_free(struct engine *e);

/* All boots of all captures in the reader, which must live as long as the engine. */
int engine_replay(struct engine *e, const struct reel_reader *r, struct reel_err *err);

/* An event of a walk that gives all of them in order; boots follow each other by themselves. */
int engine_event(struct engine *e, const struct reel_event *ev, struct reel_err *err);
/* Nothing comes from before SETTLED_NS of the boot any more: what waited for something not to come
 * until then is found now. */
int engine_settled(struct engine *e, const struct reel_boot *boot, uint64_t settled_ns,
		   struct reel_err *err);
/* What the walk has found to be broken or missing makes blind. To be asked behind each event. */
int engine_walked(struct engine *e, const struct reel_walk *w, struct reel_err *err);
/* There are no more. */
int engine_end(struct engine *e, const struct reel_health *health, struct reel_err *err);

/* Other rules from now on; those that did not change keep their state. The old set stays the
 * caller's. On an error everything is as it was. */
int engine_reload(struct engine *e, struct rules *rules, struct reel_err *err);

int64_t engine_realtime(struct engine_boot *b, uint64_t ts);

#endif
