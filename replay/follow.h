/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `reel replay --follow` share. */
#ifndef REEL_REPLAY_FOLLOW_H
#define REEL_REPLAY_FOLLOW_H

#include "replay/replay.h"

/* The files of rules, as they stood when they were last read. */
struct follow_watch {
	struct rules_source *list; /* its paths are its own */
	uint32_t n;
	uint64_t seen; /* a hash of how they stood at the last look */
};

/* A finding's surroundings that are to be kept, once the tape has gone on for long enough. */
struct follow_keep {
	bool is_pending;
	char rule[128];
	int64_t time_ns;	     /* of the first finding; 0: not known */
	struct reel_moment from, to; /* of the tape */
	uint64_t story_ts, to_ts;    /* of the first finding; of the end */
	const struct reel_boot *boot;
	int64_t noticed_ns; /* monotonic, of the last finding */
};

enum { FOLLOW_LAGS = 1024 };

/* What is measured while it goes on. */
struct follow_figures {
	uint64_t lags[FOLLOW_LAGS]; /* of the last findings, in the order in which they came */
	uint64_t n_lags, lag_sum_ns;
	uint64_t worst_lag_ns; /* of events and findings, since the last look */
	uint64_t findings[RULE_CRITICAL + 1];
	uint64_t events_before;
	int64_t looked_ns; /* monotonic */
	double events_per_second;
	bool lag_is_high, memory_is_high;
	bool cannot_write; /* the file; it is said once, and tried again */
};

struct follow {
	struct replay *r;
	struct reel_walk *walk;
	struct follow_watch watch;
	struct follow_keep keep;
	struct follow_figures figures;
	int64_t began_ns;		       /* wall time */
	int64_t next_look_ns, next_figures_ns; /* monotonic */
	uint64_t reloads, bad_reloads;
	unsigned events_unmeasured;
	bool has_found;
};

int64_t follow_monotonic_ns(void);
int64_t follow_wall_ns(void);

int follow_watch_take(struct follow_watch *w, const struct rules *rules);
/* As they stand now. */
void follow_watch_refresh(struct follow_watch *w);
/* Whether they stand otherwise than when they were read, and nobody is just writing them. */
bool follow_watch_changed(struct follow_watch *w);
void follow_watch_done(struct follow_watch *w);

/* The rules anew; IS_ASKED: somebody asked for it. What is wrong is said, and the old ones stay. */
void follow_reload(struct follow *f, bool is_asked);

void follow_measure_event(struct follow *f, const struct reel_event *ev);
void follow_measure_finding(struct follow *f, const struct finding *x);
/* Once a second: the file, and warnings. */
void follow_figures(struct follow *f, int64_t now_ns);

void follow_keep_finding(struct follow *f, const struct finding *x);
/* Keeps it if it is time; IS_LAST: in any case. */
void follow_keep(struct follow *f, bool is_last);

#endif
