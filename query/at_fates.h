/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who of those that do something before a moment is gone by then, and has left nobody to whom what
 * he had open may have come: neither a child that is still there, nor one with such a child, nor
 * whomever he passed descriptors. What he opened and closed need not be told.
 *
 * Found from forks and exits, and from the blocks that have passed descriptors.
 * Memory: 24 bytes each of these, and 64 bytes a process that has ended.
 */
#ifndef REEL_QUERY_AT_FATES_H
#define REEL_QUERY_AT_FATES_H

#include "format/walk.h"

struct at_fates;

/* FROM and TO: between which events will be told. */
int at_fates_new(const struct reel_reader *r, const struct reel_boot *boot, uint64_t from,
		 uint64_t to, struct at_fates **ret, struct reel_err *err);
/* For a picker of events, with FATES as its context: false of what such a one did. */
bool at_fates_stays(void *fates, const struct reel_unpacked *u, uint32_t i);
void at_fates_free(struct at_fates *f);

#endif
