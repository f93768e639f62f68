/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which call has which slot, and where its arguments lie. Which type a call ends in is said by
 * bpf/events.h; which program handles it follows from the type's name.
 */
#ifndef REEL_RECORD_CALLS_H
#define REEL_RECORD_CALLS_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/recorder.h"
#include "format/types.h"

/* The type that a call ends in; sys for any other. NULL: a call that is seen elsewhere. */
const struct reel_type *call_type(const char *name);

/* A call whose program is not that of its type, or tells of more than one. */
struct call_mixed {
	const char *name;
	const char *program;
	const char *types;	/* blank between */
};
/* By the call, and the first by its program; NULL if there is none. */
const struct call_mixed *call_mixed(const char *name);
const struct call_mixed *call_mixed_of(const char *program);

/* The types that one program has been made for; NULL: only the type that it is named after. */
const char *call_family(const char *program);

/* Takes the next type from such a list; NULL at its end. */
const struct reel_type *call_types_next(const char **types);

/* Where this call of this ABI has its slot. Returns -ENOENT if the ABI does not have it. */
int call_slot(unsigned abi, const char *name, unsigned *ret_slot);

/* The call of a slot; NULL if there is none. */
const char *call_name(unsigned slot);

struct call_layout call_layout(const char *name);

#endif
