/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ways of scanning share, and nobody else includes. */
#ifndef REEL_QUERY_SCAN_IMPL_H
#define REEL_QUERY_SCAN_IMPL_H

#include "query/scan.h"

struct scan_ops {
	int (*next)(struct scan *s, struct reel_err *err);
	void (*event)(struct scan *s);	/* fills in what next has come to */
	void (*close)(struct scan *s);
};

struct scan {
	const struct scan_ops *ops;
	struct reel_capture *capture;
	const struct scan_question *q;
	struct scan_event event;
	bool has_event;			/* it has been filled in */
};

int scan_open_lying(struct reel_capture *c, const struct scan_question *q, struct scan **ret,
		    struct reel_err *err);
int scan_open_ordered(struct reel_capture *c, const struct scan_question *q, struct scan **ret,
		      struct reel_err *err);
int scan_open_counted(struct reel_capture *c, const struct scan_question *q, struct scan **ret,
		      struct reel_err *err);

int scan_interrupted(const struct scan_question *q, struct reel_err *err);

/* Whether any string of the block is the one that is asked for. */
bool scan_block_has(const struct scan_string *wish, const struct reel_string_table *strings);
/* Whether the event's own is. */
bool scan_event_has(const struct scan_string *wish, const struct reel_event *ev);

/*
 * Blocks one after the other as they lie, only those that may hold something wanted.
 */
struct scan_blocks {
	struct reel_capture *capture;
	const struct scan_question *q;
	uint32_t next;
	const struct reel_boot *boot;
	struct reel_sieve *sieve;	/* of the boot */
	struct reel_unpacked u;
	const struct reel_entry *entry;
	bool any_event;			/* of the block: all that is in it is wanted */
	bool any_time;			/* of the block: nothing in it is outside the time */
};

int scan_blocks_init(struct scan_blocks *b, struct reel_capture *c, const struct scan_question *q,
		     struct reel_err *err);
void scan_blocks_done(struct scan_blocks *b);
/* 1: b->u is the next one. 0: there are no more. */
int scan_blocks_next(struct scan_blocks *b, struct reel_err *err);
/* From event i on the first that is wanted; u.n_events: there is none. *run goes along, from 0. */
uint32_t scan_blocks_find(struct scan_blocks *b, uint32_t i, uint32_t *run);

/*
 * When which processes may have run what is asked for: more than did, never fewer.
 */
struct scan_lives;
int scan_lives_read(struct reel_capture *c, const struct scan_question *q, struct scan_lives **ret,
		    struct reel_err *err);
bool scan_lives_may_be_in(const struct scan_lives *l, const struct reel_segment *s,
			  const struct reel_entry *e);
void scan_lives_free(struct scan_lives *l);

#endif
