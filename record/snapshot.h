/* SPDX-License-Identifier: BSD-2-Clause */
/* reel record --snapshot: a capture of one keyframe, from /proc. */
#ifndef REEL_RECORD_SNAPSHOT_H
#define REEL_RECORD_SNAPSHOT_H

#include "record/wishes.h"

int snapshot_write(const struct wishes *w, struct reel_err *err);

#endif
