/* SPDX-License-Identifier: BSD-2-Clause */
/* The making of a set of rules: what its front ends share beside rules.h. */
#ifndef REEL_REPLAY_RULES_IMPL_H
#define REEL_REPLAY_RULES_IMPL_H

#include <sodium.h>

#include "replay/arena.h"
#include "replay/rules.h"

/* Numbers of things by a hash of their content: open addressing, at most half full. */
struct rules_index {
	struct rules_index_slot {
		uint64_t hash;
		uint32_t number; /* from 1; 0: free */
	} * slots;
	uint32_t n_slots, n_used;
};

/* What is known of an expression without looking into it. */
enum rules_expr_trait {
	RULES_READS_BOUND = 1,
	RULES_READS_CONTEXT = 2,
	RULES_READS_PATH = 4,	/* path, pathname or filename */
	RULES_HAS_NAMESAKE = 8, /* a field of the event's own that its process has, too */
	RULES_READS_FD = 16,	/* what a descriptor is */
};

struct rules_maker {
	struct arena memory;  /* as long as the set */
	struct arena scratch; /* until it is finished */
	struct rules_index leaves, exprs, steps, ids;
	/* By number; of content alone, so that they do not depend on the order of making. */
	uint64_t *leaf_hashes, *expr_hashes, *step_hashes;
	uint8_t *leaf_traits, *expr_traits;
	uint32_t leaf_room, expr_room, step_room, list_room, tune_room, note_room, source_room,
		contents_room;
	crypto_generichash_state contents;
	struct policy_file *files; /* that were read, the newest first */
	struct falco *falco;	   /* items that wait for the others; NULL: none */
	struct sigma *sigma;	   /* documents that wait for the others; NULL: none */
	uint32_t rejected_room;
	bool is_finished;
};

/* The rule of that id, or NULL. */
const struct rule *rules_find(const struct rules *r, const char *id);

/* To be called before it is read. -ENOMEM. */
int rules_note_source(struct rules *r, const char *path);

/* A file's bytes, for the hash of the set. -ENOMEM. */
int rules_hash_contents(struct rules *r, const char *path, const void *bytes, size_t length);

/* Of a rule's compiled form. */
uint64_t rules_hash_rule(const struct rules *r, const struct rule *rule);

/* Helpers of rules.c and rules_pool.c ---------------------------------------------------------- */

int rules_no_memory(struct reel_err *err);

/* Room for one more of SIZE bytes. */
bool rules_reserve(void **list, uint32_t n, uint32_t *room, size_t size);

#define RULES_RESERVE(list, n, room) rules_reserve((void **)&(list), (n), (room), sizeof(*(list)))

/* Pools beside one another grow together: each sees the room that was there before. */
#define RULES_RESERVE_TOO(list, n, room)                                             \
	({                                                                           \
		uint32_t room_before = (room);                                       \
		rules_reserve((void **)&(list), (n), &room_before, sizeof(*(list))); \
	})

bool rules_index_add(struct rules_index *x, uint64_t hash, uint32_t number);

/* For each that has this hash: NUMBER is it, until the body breaks. -1: there is none. */
#define RULES_INDEX_EACH(x, wanted, number)                                             \
	for (uint32_t at_ = (x)->n_slots ? (uint32_t)(wanted) & ((x)->n_slots - 1) : 0; \
	     (x)->n_slots && ((number) = (int64_t)(x)->slots[at_].number - 1) >= 0;     \
	     at_ = (at_ + 1) & ((x)->n_slots - 1))                                      \
		if ((x)->slots[at_].hash == (wanted))

uint64_t rules_mix_text(uint64_t hash, const char *text);
/* Its texts become the set's own. */
int rules_copy_ref(struct rules *r, struct rule_ref *ref);

#endif
