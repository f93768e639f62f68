/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where which of many literals ends in a string: Aho-Corasick over classes of bytes. States near
 * the root, as many as fit in AC_TABLE_BYTES, have a row of all next states; those further away,
 * where strings seldom get to, have their own edges and a state to fall back on.
 */
#ifndef REEL_REPLAY_MATCH_AC_H
#define REEL_REPLAY_MATCH_AC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"

enum { AC_TABLE_BYTES = 16 << 20 };

/* A literal and what it is good for; the automaton only carries it. */
struct ac_output {
	uint32_t test;
	uint32_t length;
	uint8_t how;
};

/* The literals that end in a state: its own, then those of a shorter suffix. 0 is none. */
struct ac_chain {
	uint32_t first, n;
	uint32_t next;
};

struct ac_far_state {
	uint32_t fallback, chain;
	uint32_t first_child; /* children are numbered one after the other */
	uint32_t n_children;
};

/*
 * A state is the place of its row in the table, rows having STRIDE cells: one for each class, and
 * its chain. Beyond the table it is TABLE_CELLS plus its place among the far ones.
 */
struct ac {
	uint8_t classes[256];
	uint32_t n_classes, stride;
	uint32_t table_cells, n_near, n_states;
	uint32_t *table; /* next state | AC_HAS_OUTPUT */
	struct ac_far_state *far;
	uint8_t *labels; /* the class that leads to a state, by its number */
	struct ac_chain *chains;
	struct ac_output *outputs;
	uint32_t n_chains, n_outputs;
};

#define AC_HAS_OUTPUT 0x80000000u

struct ac_builder;

int ac_builder_new(struct ac_builder **ret);
/* In any order; LENGTH > 0. If FOLD is asked for below, in lower case. */
int ac_builder_add(struct ac_builder *b, const uint8_t *literal, uint32_t length,
		   const struct ac_output *output);
/* With FOLD upper-case letters of strings are taken as lower case. */
int ac_build(struct ac_builder *b, bool fold, struct ac **ret);
void ac_builder_free(struct ac_builder *b);

void ac_free(struct ac *ac);
size_t ac_bytes(const struct ac *ac);

uint32_t ac_step_far(const struct ac *ac, uint32_t state, uint8_t class);

/* The state behind BYTE, with AC_HAS_OUTPUT if any literal ends there. */
static inline uint32_t ac_step(const struct ac *ac, uint32_t state, uint8_t byte)
{
	uint8_t class = ac->classes[byte];

	if (__builtin_expect(state >= ac->table_cells, 0))
		return ac_step_far(ac, state, class);
	return ac->table[state + class];
}

static inline uint32_t ac_chain_of(const struct ac *ac, uint32_t state)
{
	return state >= ac->table_cells ? ac->far[state - ac->table_cells].chain :
					  ac->table[state + ac->n_classes];
}

#endif
