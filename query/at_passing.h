/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that begin and end within one block of STATE, before the moment that is asked for, and
 * leave nothing behind: what they did need not be told to a model. On most machines these are
 * nearly all.
 *
 * One is passing if its fork and its exit are the only ones of its pid in the block, at times of
 * which no other block tells, if all its children are passing too, and if it did nothing that
 * others have to do with.
 * Memory: of one block, 64 bytes a fork.
 */
#ifndef REEL_QUERY_AT_PASSING_H
#define REEL_QUERY_AT_PASSING_H

#include "format/walk.h"

struct at_passing;

/* Until TS. */
struct at_passing *at_passing_new(uint64_t ts);
/* For the filter of a walk over one boot's STATE: it passes over what they do. */
const struct reel_picker *at_passing_picker(const struct at_passing *p);
/* Of the event that the walk has just given: it begins one. */
bool at_passing_begins(const struct at_passing *p, const struct reel_event *ev);
/* Whom the fork begins is told after all. */
void at_passing_keep(struct at_passing *p, const struct reel_event *ev);
void at_passing_free(struct at_passing *p);

#endif
