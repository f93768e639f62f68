/* SPDX-License-Identifier: BSD-2-Clause */
/* Hashes and names in a case that follow from the rest of it, computed again. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/program.h"
#include "replay/finding.h"
#include "replay/proof_impl.h"
#include "replay/report.h"

static void put_digits(const uint8_t *hash, size_t n, char *ret)
{
	for (size_t i = 0; i < n; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

/* A hash in a column of a row, against what it must be. */
static void compare(struct prover *x, const char *table, const char *column, sqlite3_stmt *s,
		    const uint8_t *hash, size_t n)
{
	const char *stored = (const char *)sqlite3_column_text(s, 1);
	char digits[65];
	struct proof_place at = { .table = table,
				  .row = (const char *)sqlite3_column_text(s, 0),
				  .column = column };

	put_digits(hash, n, digits);
	x->p->steps[x->step].n_checked++;
	if (stored && strcmp(stored, digits) == 0)
		return;
	proof_say(x, PROOF_ALTERED, &at, "%.80s is stored, and of the rest of the case follows %s",
		  stored ? stored : "NULL", digits);
}

static void add_hex(crypto_generichash_state *state, sqlite3_stmt *s, int n)
{
	const char *text = (const char *)sqlite3_column_text(s, n);
	uint8_t bytes[32];
	size_t length = 0;

	if (text &&
	    sodium_hex2bin(bytes, sizeof(bytes), text, strlen(text), NULL, &length, NULL) == 0)
		crypto_generichash_update(state, bytes, length);
}

/* As report_hash_source() has it. */
static void add_segment(crypto_generichash_state *state, sqlite3_stmt *s)
{
	const char *id = (const char *)sqlite3_column_text(s, 1);
	uint64_t segment = id ? strtoull(id, NULL, 16) : 0;
	uint64_t bytes = (uint64_t)sqlite3_column_int64(s, 2);

	add_hex(state, s, 0);
	crypto_generichash_update(state, (const void *)&segment, sizeof(segment));
	crypto_generichash_update(state, (const void *)&bytes, sizeof(bytes));
	add_hex(state, s, 3);
}

/* For each row of OUTER, whose first column is bound to INNER, the hash of its rows. */
struct hashing {
	const char *table, *column, *outer, *inner;
	void (*add)(crypto_generichash_state *state, sqlite3_stmt *s);
	void (*judge)(struct prover *x, const struct hashing *h, sqlite3_stmt *row,
		      const uint8_t hash[32]);
};

static void add_first(crypto_generichash_state *state, sqlite3_stmt *s)
{
	add_hex(state, s, 0);
}

static void must_be(struct prover *x, const struct hashing *h, sqlite3_stmt *row,
		    const uint8_t hash[32])
{
	compare(x, h->table, h->column, row, hash, 32);
}

/* If all of them together are as they were, one of them cannot have been another. */
static void must_differ(struct prover *x, const struct hashing *h, sqlite3_stmt *row,
			const uint8_t hash[32])
{
	struct proof_place at = { .table = h->table,
				  .row = (const char *)sqlite3_column_text(row, 0),
				  .column = h->column };
	char digits[65];

	put_digits(hash, 32, digits);
	if (strcmp((const char *)sqlite3_column_text(row, 1), digits) == 0)
		proof_say(x, PROOF_ALTERED, &at,
			  "of a capture of this replay another hash is stored than it had then");
}

/* Whether some of its captures have grown since, and are not as they were then. */
#define HAS_CHANGED                                                                        \
	"EXISTS (SELECT 1 FROM replayed AS d JOIN capture AS c ON c.id = d.capture WHERE " \
	"d.replay = r.id AND c.hash <> d.hash)"
#define SEGMENT "SELECT c.capture_id, s.segment, s.bytes, s.head FROM "
#define ALL_SEGMENTS                                                               \
	SEGMENT "replayed AS d JOIN source AS s ON s.capture = d.capture "         \
		"JOIN capture AS c ON c.id = d.capture WHERE d.replay = ?1 ORDER " \
		"BY d.rowid, s.id"

static const struct hashing hashings[] = {
	{ "capture", "hash", "SELECT id, hash FROM capture",
	  SEGMENT "source AS s JOIN capture AS c ON c.id = s.capture "
		  "WHERE s.capture = ?1 ORDER BY s.id",
	  add_segment, must_be },
	{ "replay", "captures_hash",
	  "SELECT id, captures_hash FROM replay AS r WHERE NOT " HAS_CHANGED, ALL_SEGMENTS,
	  add_segment, must_be },
	{ "replayed", "hash", "SELECT id, captures_hash FROM replay AS r WHERE " HAS_CHANGED,
	  ALL_SEGMENTS, add_segment, must_differ },
	{ "replay", "rules_hash", "SELECT id, rules_hash FROM replay",
	  "SELECT hash FROM rule_file WHERE replay = ?1 ORDER BY n", add_first, must_be },
};

static int check_hashing(struct prover *x, const struct hashing *h)
{
	sqlite3_stmt *outer, *inner;
	int r = proof_prepare(x, h->outer, &outer);

	if (r < 0)
		return r;
	r = proof_prepare(x, h->inner, &inner);
	while (r == 0 && sqlite3_step(outer) == SQLITE_ROW) {
		crypto_generichash_state state;
		uint8_t hash[32];

		crypto_generichash_init(&state, NULL, 0, sizeof(hash));
		sqlite3_reset(inner);
		sqlite3_bind_int64(inner, 1, sqlite3_column_int64(outer, 0));
		while (sqlite3_step(inner) == SQLITE_ROW)
			h->add(&state, inner);
		crypto_generichash_final(&state, hash, sizeof(hash));
		h->judge(x, h, outer, hash);
	}
	sqlite3_finalize(inner);
	return r < 0 ? (sqlite3_finalize(outer), r) : proof_finish(x, outer);
}

/* A finding's key is of its rule's name and the names of its events, as findings_add() makes it. */
static int check_findings(struct prover *x)
{
	static const char outer_sql[] =
		"SELECT f.id, f.key, r.name FROM finding AS f JOIN rule AS r ON r.id = f.rule";
	static const char inner_sql[] =
		"SELECT event FROM evidence WHERE finding = ?1 AND match = 'first' ORDER BY n";
	sqlite3_stmt *outer, *inner;
	int r = proof_prepare(x, outer_sql, &outer);

	if (r < 0)
		return r;
	r = proof_prepare(x, inner_sql, &inner);
	while (r == 0 && sqlite3_step(outer) == SQLITE_ROW) {
		const void *name = sqlite3_column_text(outer, 2);
		crypto_generichash_state state;
		uint8_t hash[32];

		crypto_generichash_init(&state, NULL, 0, sizeof(hash));
		crypto_generichash_update(&state, name, (size_t)sqlite3_column_bytes(outer, 2) + 1);
		sqlite3_reset(inner);
		sqlite3_bind_int64(inner, 1, sqlite3_column_int64(outer, 0));
		while (sqlite3_step(inner) == SQLITE_ROW) {
			const void *event = sqlite3_column_text(inner, 0);

			crypto_generichash_update(&state, event,
						  (size_t)sqlite3_column_bytes(inner, 0) + 1);
		}
		crypto_generichash_final(&state, hash, sizeof(hash));
		compare(x, "finding", "key", outer, hash, FINDING_ID_BYTES);
	}
	sqlite3_finalize(inner);
	return r < 0 ? (sqlite3_finalize(outer), r) : proof_finish(x, outer);
}

/* That another program made it is worth knowing, and no alteration. */
static int compare_program(struct prover *x, struct reel_err *err)
{
	uint8_t hash[32];
	char digits[65];
	sqlite3_stmt *s;
	int r = reel_program_hash(hash, err);

	if (r < 0)
		return r;
	x->is_same_program = true;
	put_digits(hash, sizeof(hash), digits);
	r = proof_prepare(x, "SELECT id, program_hash, program FROM replay", &s);
	while (r == 0 && sqlite3_step(s) == SQLITE_ROW) {
		const char *stored = (const char *)sqlite3_column_text(s, 1);
		struct proof_place at = { .table = "replay",
					  .row = (const char *)sqlite3_column_text(s, 0),
					  .column = "program_hash" };

		if (strcmp(stored, digits) == 0)
			continue;
		x->is_same_program = false;
		proof_say(x, PROOF_PROVEN, &at,
			  "made by %.40s with the hash %.64s, and looked at by another: %s",
			  (const char *)sqlite3_column_text(s, 2), stored, digits);
	}
	return r < 0 ? r : proof_finish(x, s);
}

int proof_hashes(struct prover *x, struct reel_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(hashings) / sizeof(hashings[0]); i++)
		r = check_hashing(x, &hashings[i]);
	if (r == 0)
		r = check_findings(x);
	if (r == 0)
		r = compare_program(x, err);
	if (r == -EBADMSG)
		x->has_tables = false;
	return r == -EBADMSG ? 0 : r;
}
