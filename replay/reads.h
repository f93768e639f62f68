/* SPDX-License-Identifier: BSD-2-Clause */
/* What a rule reads: the types of its steps, and those from which its key and the process's fields
 * come. What of this is missing makes it blind. */
#ifndef REEL_REPLAY_READS_H
#define REEL_REPLAY_READS_H

#include "replay/rules.h"

struct reads {
	uint8_t types[32];   /* bit t: events of the type are looked at by a step */
	uint8_t state[32];   /* what is known of a process comes from these, too */
	uint8_t classes[32]; /* of both: bit c: losses of the class matter */
	uint64_t extent_ns;  /* how long after something that was missed a match may end */
};

/* By rule; the caller frees it. NULL: no memory. */
struct reads *reads_new(const struct rules *rules, const uint64_t *extents_ns);

/* Whether what is said of its findings comes of answers of DNS: without them it says less. */
bool reads_dns_to_show(const struct rule *rule);

static inline bool reads_type(const struct reads *r, unsigned type)
{
	return r->types[type / 8] >> type % 8 & 1;
}

static inline bool reads_class(const struct reads *r, unsigned class_id)
{
	return class_id == 0 || class_id > 255 || r->classes[class_id / 8] >> class_id % 8 & 1;
}

/* Whether a way through the rule is left when these types are not recorded (bits). */
enum reads_possible { READS_ALL, READS_SOME, READS_NONE };
enum reads_possible reads_without(const struct rules *rules, const struct rule *rule,
				  const uint8_t missing[32]);

#endif
