/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread found out: rows by their content, which stay, and strings, which are forgotten all
 * at once when they are too many.
 *
 * A string lies in the arena, aligned to 8 bytes: struct known, then its bytes. It is found through
 * slots, of which the lower bits of the hash choose the first.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "replay/match_scan.h"

enum {
	/* Slots are there twice while they grow. */
	ARENA_MAX_BYTES = 40 << 20,
	SLOTS_MAX = 2 << 20,
	ARENA_FIRST_BYTES = 64 << 10,
	SLOTS_FIRST = 1 << 10,
	LONGEST_KNOWN = 1 << 20,
	SECRET_BYTES = 192,
	ROW_SLOTS_FIRST = 64,
};

struct slot {
	uint32_t hash;
	uint32_t at; /* in the arena, in units of 8 bytes, + 1; 0: empty */
};

_Static_assert(ARENA_MAX_BYTES + (SLOTS_MAX + SLOTS_MAX / 2) * sizeof(struct slot) <=
		       MATCH_MEMO_BYTES,
	       "the memo is bounded");

struct known {
	struct match_row *row;
	uint32_t length, true_length;
};

/* The caller's view comes first. */
struct full_row {
	struct match_row row;
	uint64_t hash;
	uint64_t bits[];
};

struct match_memo {
	const struct matcher *m;
	struct match_tools *tools; /* NULL: there are no regular expressions */
	struct match_answers answers;

	struct slot *slots;
	uint32_t slot_mask, n_known;
	uint8_t *arena;
	size_t arena_used, arena_room;

	struct full_row *empty;	  /* every test is false */
	struct full_row *scratch; /* for what no row is left for */
	struct full_row **rows;
	uint32_t n_rows;
	uint32_t *row_slots; /* index + 1 of a row */
	uint32_t row_slot_mask;
	size_t row_bytes;

	uint64_t strings, tested;
	uint8_t secret[SECRET_BYTES]; /* so that nobody can choose strings of one hash */
};

static struct full_row *new_row(struct match_memo *memo, bool has_unknown)
{
	size_t bits = memo->m->n_words * sizeof(uint64_t) * (has_unknown ? 2 : 1);
	struct full_row *full = calloc(1, sizeof(*full) + bits);

	if (!full)
		return NULL;
	full->row.yes = full->bits;
	full->row.unknown = has_unknown ? full->bits + memo->m->n_words : NULL;
	memo->row_bytes += sizeof(*full) + bits;
	return full;
}

int match_memo_new(const struct matcher *m, struct match_memo **ret, struct reel_err *err)
{
	struct match_memo *memo = calloc(1, sizeof(*memo));

	if (!memo)
		return reel_err_set(err, -ENOMEM, "no memory to remember strings");
	memo->m = m;
	memo->slot_mask = SLOTS_FIRST - 1;
	memo->slots = calloc(SLOTS_FIRST, sizeof(*memo->slots));
	memo->arena_room = ARENA_FIRST_BYTES;
	memo->arena = malloc(ARENA_FIRST_BYTES);
	memo->row_slot_mask = ROW_SLOTS_FIRST - 1;
	memo->row_slots = calloc(ROW_SLOTS_FIRST, sizeof(*memo->row_slots));
	memo->rows = calloc(ROW_SLOTS_FIRST / 2, sizeof(struct full_row *));
	memo->empty = new_row(memo, false);
	memo->scratch = new_row(memo, true);
	if (!memo->slots || !memo->arena || !memo->row_slots || !memo->rows || !memo->empty ||
	    !memo->scratch || match_answers_init(&memo->answers, m) < 0 ||
	    (m->has_regex && match_tools_new(&memo->tools) < 0)) {
		match_memo_free(memo);
		return reel_err_set(err, -ENOMEM, "no memory to remember strings");
	}
	memo->empty->row.is_empty = true;
	memo->scratch->row.is_fleeting = true;
	if (getrandom(memo->secret, sizeof(memo->secret), 0) != sizeof(memo->secret)) {
		match_memo_free(memo);
		return reel_err_set(err, -EIO, "the kernel gives no random numbers");
	}
	*ret = memo;
	return 0;
}

void match_memo_free(struct match_memo *memo)
{
	if (!memo)
		return;
	for (uint32_t i = 0; i < memo->n_rows; i++)
		free(memo->rows[i]);
	free(memo->rows);
	free(memo->row_slots);
	free(memo->empty);
	free(memo->scratch);
	free(memo->slots);
	free(memo->arena);
	match_answers_done(&memo->answers);
	match_tools_free(memo->tools);
	free(memo);
}

/* Rows ---------------------------------------------------------------------------------------- */

static bool row_is(const struct match_memo *memo, const struct full_row *full,
		   const struct match_answers *a)
{
	size_t bytes = memo->m->n_words * sizeof(uint64_t);

	return full->row.has_unknown == a->has_unknown &&
	       memcmp(full->row.yes, a->yes, bytes) == 0 &&
	       (!a->has_unknown || memcmp(full->row.unknown, a->unknown, bytes) == 0);
}

static int grow_rows(struct match_memo *memo)
{
	size_t n = 2 * ((size_t)memo->row_slot_mask + 1);
	uint32_t mask = (uint32_t)n - 1;
	struct full_row **rows;
	uint32_t *slots;

	rows = reallocarray(memo->rows, n / 2, sizeof(struct full_row *));
	if (!rows)
		return -ENOMEM;
	memo->rows = rows;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < memo->n_rows; i++) {
		uint32_t at = (uint32_t)rows[i]->hash & mask;

		while (slots[at])
			at = (at + 1) & mask;
		slots[at] = i + 1;
	}
	free(memo->row_slots);
	memo->row_slots = slots;
	memo->row_slot_mask = mask;
	return 0;
}

static void fill_row(const struct match_memo *memo, struct full_row *full,
		     const struct match_answers *a)
{
	size_t n = memo->m->n_words;

	memcpy(full->bits, a->yes, n * sizeof(uint64_t));
	if (a->has_unknown)
		memcpy(full->bits + n, a->unknown, n * sizeof(uint64_t));
	full->row.has_unknown = a->has_unknown;
	full->row.user = NULL;
}

/* The row of the answers; NULL: no memory. */
static struct full_row *row_of(struct match_memo *memo, const struct match_answers *a)
{
	size_t bytes = memo->m->n_words * sizeof(uint64_t);
	struct full_row *full;
	uint64_t hash;
	uint32_t at;

	if (!a->has_yes && !a->has_unknown)
		return memo->empty;
	hash = XXH3_64bits_withSecret(a->yes, bytes, memo->secret, sizeof(memo->secret));
	if (a->has_unknown)
		hash = (hash << 1 | hash >> 63) ^ XXH3_64bits_withSecret(a->unknown, bytes,
									 memo->secret,
									 sizeof(memo->secret));
	for (at = (uint32_t)hash & memo->row_slot_mask; memo->row_slots[at];
	     at = (at + 1) & memo->row_slot_mask) {
		full = memo->rows[memo->row_slots[at] - 1];
		if (full->hash == hash && row_is(memo, full, a))
			return full;
	}
	if (memo->n_rows == MATCH_ROWS_MAX) {
		fill_row(memo, memo->scratch, a);
		return memo->scratch;
	}
	full = new_row(memo, a->has_unknown);
	if (!full)
		return NULL;
	fill_row(memo, full, a);
	full->hash = hash;
	memo->rows[memo->n_rows++] = full;
	memo->row_slots[at] = memo->n_rows;
	/* There is always room for one more, and an empty slot. */
	if (memo->n_rows > memo->row_slot_mask / 2 && grow_rows(memo) < 0) {
		memo->n_rows--;
		memo->row_slots[at] = 0;
		memo->row_bytes -= sizeof(*full) + bytes * (a->has_unknown ? 2 : 1);
		free(full);
		return NULL;
	}
	return full;
}

/* Strings ------------------------------------------------------------------------------------- */

static void forget(struct match_memo *memo)
{
	memset(memo->slots, 0, ((size_t)memo->slot_mask + 1) * sizeof(*memo->slots));
	memo->arena_used = 0;
	memo->n_known = 0;
}

static bool grow_slots(struct match_memo *memo)
{
	size_t n = 2 * ((size_t)memo->slot_mask + 1);
	uint32_t mask = (uint32_t)n - 1;
	struct slot *slots;

	slots = n <= SLOTS_MAX ? calloc(n, sizeof(*slots)) : NULL;
	if (!slots)
		return false;
	for (uint32_t i = 0; i <= memo->slot_mask; i++) {
		uint32_t at = memo->slots[i].hash & mask;

		if (!memo->slots[i].at)
			continue;
		while (slots[at].at)
			at = (at + 1) & mask;
		slots[at] = memo->slots[i];
	}
	free(memo->slots);
	memo->slots = slots;
	memo->slot_mask = mask;
	return true;
}

static bool grow_arena(struct match_memo *memo, size_t needed)
{
	size_t room = memo->arena_room;
	uint8_t *arena;

	while (room < ARENA_MAX_BYTES && room - memo->arena_used < needed)
		room *= 2;
	if (room > ARENA_MAX_BYTES)
		room = ARENA_MAX_BYTES;
	if (room - memo->arena_used < needed)
		return false;
	arena = realloc(memo->arena, room);
	if (!arena)
		return false;
	memo->arena = arena;
	memo->arena_room = room;
	return true;
}

/* Without memory it is not remembered, and tested again the next time. */
static void remember(struct match_memo *memo, const struct match_value *v, uint32_t hash,
		     struct match_row *row)
{
	size_t needed = (sizeof(struct known) + v->length + 7) & ~(size_t)7;
	struct known known = { row, v->length, v->true_length };
	uint32_t at;

	if (v->length > LONGEST_KNOWN)
		return;
	if (memo->n_known > memo->slot_mask / 4 * 3 && !grow_slots(memo))
		forget(memo);
	if (memo->arena_room - memo->arena_used < needed && !grow_arena(memo, needed)) {
		forget(memo);
		if (memo->arena_room < needed)
			return;
	}
	memcpy(memo->arena + memo->arena_used, &known, sizeof(known));
	if (v->length)
		memcpy(memo->arena + memo->arena_used + sizeof(known), v->bytes, v->length);
	at = hash & memo->slot_mask;
	while (memo->slots[at].at)
		at = (at + 1) & memo->slot_mask;
	memo->slots[at] = (struct slot){ hash, (uint32_t)(memo->arena_used / 8) + 1 };
	memo->arena_used += needed;
	memo->n_known++;
}

static inline struct match_row *recall(const struct match_memo *memo, const struct match_value *v,
				       uint32_t hash)
{
	uint32_t at = hash & memo->slot_mask;

	for (; memo->slots[at].at; at = (at + 1) & memo->slot_mask) {
		const uint8_t *bytes;
		struct known known;

		if (memo->slots[at].hash != hash)
			continue;
		bytes = memo->arena + 8 * ((size_t)memo->slots[at].at - 1);
		memcpy(&known, bytes, sizeof(known));
		if (known.length == v->length && known.true_length == v->true_length &&
		    (!v->length || memcmp(bytes + sizeof(known), v->bytes, v->length) == 0))
			return known.row;
	}
	return NULL;
}

struct match_row *match_string(struct match_memo *memo, const void *bytes, uint32_t length,
			       uint32_t true_length)
{
	struct match_value v = { bytes, length, true_length };
	struct match_answers *a = &memo->answers;
	struct full_row *full;
	struct match_row *row;
	uint32_t hash;

	memo->strings++;
	hash = (uint32_t)XXH3_64bits_withSecret(length ? bytes : "", length, memo->secret,
						sizeof(memo->secret));
	if (match_value_is_cut(&v))
		hash ^= true_length * 0x9e3779b1u;
	row = memo->m->is_slow ? NULL : recall(memo, &v, hash);
	if (row)
		return row;
	memo->tested++;
	match_scan(memo->m, memo->tools, &v, a);
	full = row_of(memo, a);
	match_answers_clear(a, memo->m);
	if (!full)
		return NULL;
	if (full != memo->scratch && !memo->m->is_slow)
		remember(memo, &v, hash, &full->row);
	return &full->row;
}

void match_memo_stats(const struct match_memo *memo, struct match_stats *ret)
{
	*ret = (struct match_stats){
		.strings = memo->strings,
		.tested = memo->tested,
		.undecided = match_tools_undecided(memo->tools),
		.rows = (uint64_t)memo->n_rows + 1,
		.bytes = memo->row_bytes + memo->arena_room +
			 ((size_t)memo->slot_mask + 1) * sizeof(*memo->slots) +
			 ((size_t)memo->row_slot_mask + 1) *
				 (sizeof(*memo->row_slots) + sizeof(struct full_row *) / 2),
	};
}
