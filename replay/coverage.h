/* SPDX-License-Identifier: BSD-2-Clause */
/* Which types of events a recording has at all, by its coverage records. */
#ifndef REEL_REPLAY_COVERAGE_H
#define REEL_REPLAY_COVERAGE_H

#include <stdbool.h>

#include "format/event.h"
#include "format/schema.h"

enum { COVERAGE_HOOKS_MAX = 1024 };

struct coverage_hook {
	char name[64];
	char reason[128];
	uint8_t types[32];
	uint8_t status; /* as in the record: */
	uint64_t run;	/* of the recorder that said so */
};
enum coverage_status {
	COVERAGE_LOADED,
	COVERAGE_NOT_WANTED,
	COVERAGE_NOT_THERE,
	COVERAGE_REFUSED,
	COVERAGE_FILTER,
	COVERAGE_PARTLY,
};

struct coverage {
	struct coverage_hook *hooks;
	unsigned n, room;
	uint8_t missing[32]; /* bit t: no event of the type can be on tape */
	char scope[256];     /* whose events are, if not everybody's */
};

/* Returns 1 if `missing` has changed, 0, or -ENOMEM. */
int coverage_note(struct coverage *c, const struct reel_event *ev);
/* What it says of options of the recorder: that one holds, at all or with this value, which may be
 * one of a list between commas, where `all` is any. */
bool coverage_is_filter(const struct coverage_hook *h, const char *option);
bool coverage_says(const struct coverage *c, const char *option);
bool coverage_has(const struct coverage *c, const char *option, const char *value, bool is_list);
void coverage_done(struct coverage *c);
/* Why the type is missing, for people: the hook and its reason. */
const char *coverage_why(const struct coverage *c, unsigned type);

#endif
