/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keyframes while recording: a thread reads the iterators, so that the rings are emptied meanwhile.
 * What it has read waits in a buffer of KEYFRAME_BUFFER_BYTES until it is taken; the thread waits
 * when that is full.
 */
#ifndef REEL_RECORD_KEYFRAME_H
#define REEL_RECORD_KEYFRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "record/load.h"
#include "bpf/events.h"
#include "format/err.h"

enum { KEYFRAME_BUFFER_BYTES = 1 << 20 };

struct keyframes;

int keyframes_start(const struct programs *p, struct keyframes **ret, struct reel_err *err);
/* Ends the thread, NULL too. */
void keyframes_stop(struct keyframes *k);

/* A keyframe is wanted from now on; one that is being read is gone over again. */
void keyframes_want(struct keyframes *k);

/* Only of the processes, for the end: which calls they are in. */
void keyframes_want_calls(struct keyframes *k);

struct keyframes_taken {
	bool done;	   /* a keyframe was read to its end */
	bool whole;	   /* and nothing of it is missing */
	uint64_t floor_ns; /* no record older than this will come; UINT64_MAX: none will */
};

/* Puts what has been read by now: whole records, whose cpu and seq are still to be given. */
int keyframes_take(struct keyframes *k,
		   int (*put)(void *arg, struct ev_header *record, size_t bytes,
			      struct reel_err *err),
		   void *arg, struct keyframes_taken *ret, struct reel_err *err);

bool keyframes_busy(struct keyframes *k);

#endif
