/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole segments of a time put aside, so that retention cannot take them. */
#ifndef REEL_FORMAT_KEEP_H
#define REEL_FORMAT_KEEP_H

#include "format/collect.h"
#include "format/walk.h"

/*
 * Puts all segments that touch the time of the filter into a new directory at PATH, with those
 * between them. RET is { .fd = -1 }, or was made already and is filled. Nothing is left behind on
 * failure. -ENODATA: there is none.
 */
int reel_keep(const struct reel_reader *r, const struct reel_filter *f, const char *path,
	      struct reel_collection *ret, bool *ret_wanted, struct reel_err *err);

#endif
