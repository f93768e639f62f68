/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Others with rights may reach our kernel programs by bpf() and the numbers of links and maps. What
 * the programs go by (handlers, layouts, who the helper is) is frozen once it is settled: then the
 * kernel refuses to change it, also to us. What cannot be frozen is looked at from time to time.
 */
#ifndef REEL_RECORD_GUARD_H
#define REEL_RECORD_GUARD_H

#include "format/err.h"
#include "record/load.h"

struct guard;

/* Before the helper is forked: what it inherits could be written to, and is not for it. */
void guard_keep_from_children(struct programs *p);
/* When all is attached and told, before probes are placed. Fails only without memory. */
int guard_new(struct programs *p, struct guard **ret, struct reel_err *err);
void guard_free(struct guard *g);

/* For coverage: what is frozen, and what not and why. */
void guard_coverage(const struct guard *g, struct hook *ret);

/*
 * Is all as it was? Otherwise true, each thing once, and the text says what; hooks whose program is
 * another one are no longer "loaded".
 */
bool guard_look(struct guard *g, struct programs *p, char *ret, size_t bytes);

#endif
