/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a keyframe takes from /proc while recording: tasks of the helper, since the recorder cannot
 * look there any more.
 */
#ifndef REEL_RECORD_LOOKAROUND_H
#define REEL_RECORD_LOOKAROUND_H

#include "record/helper.h"
#include "record/wishes.h"

struct lookaround {
	const struct wishes *wishes;
	pid_t command; /* 0: none; else only its tree is in scope */
};

struct helper_task lookaround_host(struct lookaround *l);
struct helper_task lookaround_processes(struct lookaround *l);

/* The parent of a process; 0: it is gone, or has none. */
uint32_t lookaround_parent(uint32_t pid);

#endif
