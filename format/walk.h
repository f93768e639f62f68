/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All events of a capture, or those that a filter lets through, in the order (ts, cpu, seq); those
 * of several captures by their wall time, each capture's own order kept. Blocks that cannot hold
 * anything wanted are not decompressed.
 *
 * Memory: the blocks whose times overlap, REEL_WALK_BYTES at most. Beyond that, and only then,
 * order is given up and health.disordered counts.
 */
#ifndef REEL_FORMAT_WALK_H
#define REEL_FORMAT_WALK_H

#include "format/reader.h"

enum { REEL_WALK_BYTES = 256 << 20, REEL_FILTER_PIDS = 64 };

enum reel_moment_kind { REEL_ANYTIME, REEL_REALTIME, REEL_BOOTTIME };

struct reel_moment {
	enum reel_moment_kind kind;
	int64_t ns;
};

/*
 * What a caller knows of blocks besides. Each returns 1: the block may hold something wanted; 0: it
 * is passed over; -errno ends the walk. Not asked about blocks of STATE and GAP of a whole_state.
 */
struct reel_picker {
	/* Of a block that has not been touched; while a boot is entered. */
	int (*block)(void *context, const struct reel_segment *s, const struct reel_entry *e,
		     struct reel_err *err);
	/* Of one that has been decompressed; also the place to end a long walk. */
	int (*unpacked)(void *context, struct reel_unpacked *u, struct reel_err *err);
	/* Of an event that is wanted, which is I of its block, in order; false: not it. */
	bool (*event)(void *context, const struct reel_unpacked *u, uint32_t i);
	void *context;
};

struct reel_filter {
	struct reel_moment from;	/* the first moment that is wanted */
	struct reel_moment to;		/* the first that is not */
	bool some_types;		/* only those in types, else all */
	bool types[EV_MAX_TYPES];
	unsigned n_pids;		/* 0: all */
	uint32_t pids[REEL_FILTER_PIDS];
	uint32_t kinds;			/* bits 1 << enum tape_kind; 0: all */
	bool beyond_cut;	/* of a cut also what lies around its range, for the state */
	/* STATE and GAP from state_from on are given whole, whatever else is asked for, so that a
	 * model can be told; who walks tells apart what he wanted. */
	bool whole_state;
	struct reel_moment state_from;
	bool no_losses;		/* losses need not be counted: the caller does, or knows them */
	const struct reel_picker *pick; /* NULL: nobody; of files only */
};

struct reel_walk;

struct reel_walk_stats {
	uint64_t blocks;		/* of events, in all */
	uint64_t unpacked;		/* that were decompressed */
	uint64_t events;		/* given to the caller */
	uint64_t newest_ns;		/* the latest ts that a block has announced, of its boot */
};

int reel_walk_open(const struct reel_reader *r, const struct reel_filter *f, struct reel_walk **ret,
		   struct reel_err *err);

/*
 * From a pipe, to its end. One capture after the other, if there are several. The keys, NULL for
 * none, must outlive the walk; next returns -ENOKEY where they open nothing at all.
 */
int reel_walk_stream(int fd, const struct reel_filter *f, const struct reel_keys *keys,
		     struct reel_walk **ret, struct reel_err *err);

/* A capture directory or segment that is being written: goes on to its END or until *stop. */
int reel_walk_follow(const char *path, const struct reel_filter *f, const struct reel_keys *keys,
		     const volatile int *stop, struct reel_walk **ret, struct reel_err *err);

/*
 * What else is to be done while a stream, or a capture that is followed, is waited for: IDLE is
 * called about every 50 ms then, and before each block that is read. What it returns below 0 ends
 * the walk so. It may ask of the walk, and not go on with it.
 */
struct reel_walk_wait {
	const volatile int *stop;	/* as reel_walk_follow has it; NULL: as it was */
	int (*idle)(void *context, struct reel_err *err);
	void *context;
};
void reel_walk_wait(struct reel_walk *w, const struct reel_walk_wait *wait);

/*
 * While IDLE is called: every event of the boot from before *ret_ts has been given. NULL: none has
 * begun.
 */
const struct reel_boot *reel_walk_settled(const struct reel_walk *w, uint64_t *ret_ts);

/* 1: an event, valid until the next call. 0: there are no more. */
int reel_walk_next(struct reel_walk *w, struct reel_event *ret, struct reel_err *err);

/* Of the last event that next gave. */
int64_t reel_walk_realtime(struct reel_walk *w, const struct reel_event *ev);
const uint8_t *reel_event_boot(const struct reel_event *ev);

/* What has been found out so far; whole after the last event. Includes what opening found. */
const struct reel_health *reel_walk_health(const struct reel_walk *w);
void reel_walk_stats(const struct reel_walk *w, struct reel_walk_stats *ret);
void reel_walk_close(struct reel_walk *w);

/*
 * Where to begin to know the state of a boot at ts: when the last keyframe began that was complete
 * by then; where there is none, when the boot's events begin.
 */
int reel_keyframe_before(const struct reel_reader *r, const struct reel_boot *boot, uint64_t ts,
			 uint64_t *ret_ts);

#endif
