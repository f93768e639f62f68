/* SPDX-License-Identifier: BSD-2-Clause */
/* Between policy_unfold.c, which walks statements, and policy_nodes.c, which makes nodes. */
#ifndef REEL_REPLAY_POLICY_UNFOLD_IMPL_H
#define REEL_REPLAY_POLICY_UNFOLD_IMPL_H

#include "replay/policy_check.h"
#include "replay/policy_unfold.h"

/* Names of the blocks that a way leads through, the last first. */
struct block_name {
	const struct block_name *before;
	const char *name;
};

/* An `unless` that was met since the last node. */
struct pending {
	const struct pending *before;
	const struct policy_statement *statement;
	uint32_t step;
};

/* Steps that must not have come since then. */
struct guard {
	const struct guard *before;
	uint32_t step;
};

/* Where a way has come to. */
struct way_end {
	int32_t node;	 /* RULES_NONE: nowhere yet */
	bool has_parted; /* other ways go on from the same node */
	const struct policy_named *names;
	const struct block_name *blocks;
	const struct pending *pending;
	const struct guard *guards, *stops;
};

struct way_ends {
	struct way_end *v;
	uint32_t n, room;
};

/* A value that is bound: of a name's field. */
struct bound {
	const char *name;
	const char *field;
	uint8_t context, scope;
	int16_t index;
};

struct unfolder {
	struct policy_file *file;
	struct policy_path *path;
	struct policy_check check;
	struct rule_node *nodes;
	uint32_t n_nodes, node_room;
	uint32_t *unlesses;
	uint32_t n_unlesses;
	struct bound *slots;
	uint32_t n_slots, slot_room;
	bool is_full;
};

/* False of all of these: no memory, or too many nodes. */

bool policy_add_end(struct unfolder *u, struct way_ends *to, const struct way_end *end);
/* One more number of a small set. */
bool policy_add_number(struct policy_file *f, uint32_t **list, uint32_t *n, uint32_t number);
/* For struct policy_check: the node of a name keeps the value. */
int policy_bind_value(struct policy_check *c, const struct policy_named *from,
		      const struct rule_ref *ref);
/* As it is on the way to END. A wrong one stands for any event, so that what is wrong behind it is
 * found, too. */
bool policy_compile_step(struct unfolder *u, struct policy_step *step, const struct way_end *end,
			 uint32_t *ret);
/* What was met behind the end's node holds for it, now that a step follows. */
bool policy_settle_unlesses(struct unfolder *u, struct way_end *end);
/* A node behind END, which moves to it. */
bool policy_append_step(struct unfolder *u, struct policy_step *step, struct way_end *end);
bool policy_append_all(struct unfolder *u, const struct policy_statement *s, struct way_end *end);

#endif
