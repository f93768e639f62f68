/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread found out: rows by their content, which stay, and strings, of which the oldest are
 * forgotten where there are too many.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "replay/match_scan.h"

enum {
	/* Slots are there twice while they grow. */
	WAYS = 5,
	BUCKETS_FIRST = 1 << 8,
	BUCKETS_MAX = 1 << 18,
	SECRET_BYTES = 192,
	ROW_SLOTS_FIRST = 64,
	LARGE_PAGE_BYTES = 2 << 20,
};

/*
 * Strings are known by a 64-bit fingerprint that is made with a secret of this memo, so that nobody
 * can choose two that have the same. A bucket is a line of the cache; a full one forgets.
 */
struct bucket {
	uint64_t print[WAYS]; /* 0: empty */
	uint32_t row[WAYS];   /* its number */
	uint32_t next;	      /* which is forgotten next */
};

_Static_assert(sizeof(struct bucket) == 64, "a line of the cache");
_Static_assert(BUCKETS_MAX * sizeof(struct bucket) <= MATCH_MEMO_BYTES, "the memo is bounded");

/* The caller's view comes first. */
struct full_row {
	struct match_row row;
	uint64_t hash;
	uint64_t bits[];
};

struct match_memo {
	const struct matcher *m;
	struct match_tools *tools; /* NULL: there are no regular expressions */
	struct match_answers answers[MATCH_LANES];

	struct bucket *buckets;
	uint32_t bucket_mask, n_known;

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

/* They are asked for at random: with large pages the processor finds them sooner. */
static struct bucket *new_buckets(uint32_t n)
{
	size_t bytes = n * sizeof(struct bucket);
	bool is_large = bytes >= LARGE_PAGE_BYTES;
	struct bucket *buckets = aligned_alloc(is_large ? LARGE_PAGE_BYTES : 64, bytes);

	if (!buckets)
		return NULL;
	if (is_large)
		(void)madvise(buckets, bytes, MADV_HUGEPAGE);
	memset(buckets, 0, bytes);
	return buckets;
}

static int init_answers(struct match_memo *memo)
{
	int r = 0;

	for (unsigned i = 0; i < MATCH_LANES && r == 0; i++)
		r = match_answers_init(&memo->answers[i], memo->m);
	return r;
}

int match_memo_new(const struct matcher *m, struct match_memo **ret, struct reel_err *err)
{
	struct match_memo *memo = calloc(1, sizeof(*memo));

	if (!memo)
		return reel_err_set(err, -ENOMEM, "no memory to remember strings");
	memo->m = m;
	memo->bucket_mask = BUCKETS_FIRST - 1;
	memo->buckets = new_buckets(BUCKETS_FIRST);
	memo->row_slot_mask = ROW_SLOTS_FIRST - 1;
	memo->row_slots = calloc(ROW_SLOTS_FIRST, sizeof(*memo->row_slots));
	memo->rows = calloc(ROW_SLOTS_FIRST / 2, sizeof(struct full_row *));
	memo->empty = new_row(memo, false);
	memo->scratch = new_row(memo, true);
	if (!memo->buckets || !memo->row_slots || !memo->rows || !memo->empty || !memo->scratch ||
	    init_answers(memo) < 0 || (m->has_regex && match_tools_new(&memo->tools) < 0)) {
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
	free(memo->buckets);
	for (unsigned i = 0; i < MATCH_LANES; i++)
		match_answers_done(&memo->answers[i]);
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
	full->row.number = memo->row_slots[at] = memo->n_rows;
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

static void put(struct match_memo *memo, uint64_t print, uint32_t row)
{
	struct bucket *b = &memo->buckets[print & memo->bucket_mask];

	for (unsigned i = 0; i < WAYS; i++) {
		if (b->print[i])
			continue;
		b->print[i] = print;
		b->row[i] = row;
		memo->n_known++;
		return;
	}
	b->print[b->next] = print;
	b->row[b->next] = row;
	b->next = (b->next + 1) % WAYS;
}

/* Without memory it stays as large as it is, and forgets. */
static void grow(struct match_memo *memo)
{
	uint32_t n = memo->bucket_mask + 1;
	struct bucket *old = memo->buckets, *larger;

	larger = n < BUCKETS_MAX ? new_buckets(2 * n) : NULL;
	if (!larger)
		return;
	memo->buckets = larger;
	memo->bucket_mask = 2 * n - 1;
	memo->n_known = 0;
	for (uint32_t i = 0; i < n; i++)
		for (unsigned k = 0; k < WAYS; k++)
			if (old[i].print[k])
				put(memo, old[i].print[k], old[i].row[k]);
	free(old);
}

static uint64_t print_of(const struct match_memo *memo, const struct match_value *v)
{
	uint64_t print = XXH3_64bits_withSecret(v->length ? v->bytes : (const uint8_t *)"",
						v->length, memo->secret, sizeof(memo->secret));

	if (match_value_is_cut(v))
		print ^= ((uint64_t)v->true_length + 1) * 0x9e3779b97f4a7c15ull;
	return print ? print : 1;
}

static struct match_row *find(const struct match_memo *memo, uint64_t print)
{
	const struct bucket *b = &memo->buckets[print & memo->bucket_mask];

	for (unsigned i = 0; i < WAYS; i++)
		if (b->print[i] == print)
			return b->row[i] ? &memo->rows[b->row[i] - 1]->row : &memo->empty->row;
	return NULL;
}

/* Of a string that was tested. */
static struct match_row *learn(struct match_memo *memo, uint64_t print, struct match_answers *a)
{
	struct full_row *full = row_of(memo, a);

	memo->tested++;
	match_answers_clear(a, memo->m);
	if (!full)
		return NULL;
	if (full == memo->scratch || memo->m->is_slow)
		return &full->row;
	if (memo->n_known > memo->bucket_mask / 2 * WAYS)
		grow(memo);
	put(memo, print, full->row.number);
	return &full->row;
}

struct match_row *match_string(struct match_memo *memo, const void *bytes, uint32_t length,
			       uint32_t true_length)
{
	struct match_value v = { bytes, length, true_length };
	uint64_t print = print_of(memo, &v);
	struct match_row *row = find(memo, print);

	memo->strings++;
	if (row)
		return row;
	match_scan(memo->m, memo->tools, &v, &memo->answers[0]);
	return learn(memo, print, &memo->answers[0]);
}

void match_prepare(const struct match_memo *memo, struct match_ask *ask)
{
	struct match_value v = { ask->bytes, ask->length, ask->true_length };

	ask->print = print_of(memo, &v);
	__builtin_prefetch(&memo->buckets[ask->print & memo->bucket_mask]);
}

/* Those of many strings that are new. */
struct unknown {
	struct match_memo *memo;
	struct match_value values[MATCH_MANY];
	struct match_ask *asks[MATCH_MANY];
	unsigned n;
};

static void learn_one(void *context, unsigned number, struct match_answers *a)
{
	const struct unknown *u = context;
	const struct match_row *row = learn(u->memo, u->asks[number]->print, a);

	u->asks[number]->row = row && !row->is_fleeting ? row : NULL;
}

void match_prepared(struct match_memo *memo, struct match_ask *asks, unsigned n)
{
	struct unknown u;

	u.memo = memo;
	u.n = 0;
	for (unsigned i = 0; i < n; i++) {
		asks[i].row = find(memo, asks[i].print);
		if (asks[i].row)
			continue;
		u.values[u.n] =
			(struct match_value){ asks[i].bytes, asks[i].length, asks[i].true_length };
		u.asks[u.n++] = &asks[i];
	}
	memo->strings += n;
	match_scan_many(memo->m, memo->tools, u.values, u.n, memo->answers, learn_one, &u);
}

void match_memo_stats(const struct match_memo *memo, struct match_stats *ret)
{
	*ret = (struct match_stats){
		.strings = memo->strings,
		.tested = memo->tested,
		.undecided = match_tools_undecided(memo->tools),
		.rows = (uint64_t)memo->n_rows + 1,
		.bytes = memo->row_bytes +
			 ((size_t)memo->bucket_mask + 1) * sizeof(*memo->buckets) +
			 ((size_t)memo->row_slot_mask + 1) *
				 (sizeof(*memo->row_slots) + sizeof(struct full_row *) / 2),
	};
}
