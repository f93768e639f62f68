/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event that is evidence: kept beyond its block, with what its process was at that moment. And
 * the evidence of a token: a list from its last event back to its first, whose older part tokens
 * share.
 */
#ifndef REEL_REPLAY_SEEN_H
#define REEL_REPLAY_SEEN_H

#include "format/event.h"
#include "replay/model.h"

struct seen {
	uint32_t refs;
	uint32_t bytes;		 /* of all of this */
	uint64_t serial;	 /* of the event, in the order in which they were looked at */
	struct reel_event event; /* its fixed part and strings lie below */
	struct reel_string_table strings;
	/* The process, as far as it was known: */
	bool has_process, has_ids;
	uint64_t process, image, start_ns;
	uint32_t ppid, uid, euid;
	struct model_text *exe, *comm, *argv, *cwd, *user, *parent_exe, *container;
	uint64_t memory[];
};

/* NULL: no memory. */
struct seen *seen_new(struct model *m, const struct reel_event *ev, const struct model_process *p,
		      uint64_t serial);
void seen_unref(struct model *m, struct seen *s);

struct evidence {
	uint32_t refs;
	uint32_t node; /* of the rule: which step it was */
	struct seen *seen;
	struct evidence *before;
	uint32_t depth; /* how many there are, with this one */
};

/* Takes over the caller's reference to before, and a new one to seen; NULL: no memory, and before
 * is released. */
struct evidence *evidence_add(struct model *m, struct evidence *before, struct seen *seen,
			      uint32_t node);
static inline struct evidence *evidence_ref(struct evidence *e)
{
	if (e)
		e->refs++;
	return e;
}
/* The same for those who only look at it. */
struct evidence *evidence_share(const struct evidence *e);
void evidence_unref(struct model *m, struct evidence *e);

#endif
