/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the rules that lie here are those of a replay: its files, and what they mean. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/case_options.h"
#include "replay/proof_impl.h"
#include "replay/rules.h"

static int load(const struct reel_strings *paths, struct rules **ret, struct reel_err *err)
{
	int r = rules_new(ret, err);

	for (size_t i = 0; r == 0 && i < paths->n; i++)
		r = rules_load(*ret, paths->v[i], err);
	if (r == 0)
		r = rules_finish(*ret, err);
	if (r < 0) {
		rules_free(*ret);
		*ret = NULL;
	}
	return r;
}

static int add(struct reel_strings *to, char *own)
{
	if (own && reel_strings_add(to, own) == 0)
		return 0;
	free(own);
	return -ENOMEM;
}

/* Those of the command line, or where the replay says; *ret_here false: some are not there. */
static int find_paths(struct prover *x, int64_t replay, bool given, struct reel_strings *ret,
		      bool *ret_here)
{
	sqlite3_stmt *s;
	int r = 0;

	*ret_here = true;
	for (unsigned i = 0; given && r == 0 && i < x->o->n_rules; i++)
		r = add(ret, strdup(x->o->rules[i]));
	if (given || r < 0)
		return r;
	r = proof_prepare(x,
			  "SELECT value FROM replay, json_each(rules_paths) WHERE replay.id = ?1",
			  &s);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, replay);
	while (r == 0 && sqlite3_step(s) == SQLITE_ROW) {
		const char *path = (const char *)sqlite3_column_text(s, 0);
		char *place = path ? proof_find(x, path) : NULL;

		*ret_here &= place != NULL;
		if (!place)
			continue;
		x->rules_as_stated &= strcmp(place, path) == 0;
		r = add(ret, place);
	}
	*ret_here &= ret->n > 0;
	return r < 0 ? (sqlite3_finalize(s), r) : proof_finish(x, s);
}

static bool is_hash(const char *stored, const uint8_t hash[32])
{
	char digits[65];

	sodium_bin2hex(digits, sizeof(digits), hash, 32);
	return stored && strcmp(stored, digits) == 0;
}

/* How many replays are of the rules that are given. */
static unsigned count_replays_of(struct prover *x, const struct rules *rules)
{
	sqlite3_stmt *s;
	unsigned n = 0;

	if (proof_prepare(x, "SELECT rules_hash FROM replay", &s) < 0)
		return 0;
	while (sqlite3_step(s) == SQLITE_ROW)
		n += is_hash((const char *)sqlite3_column_text(s, 0), rules->hash);
	(void)proof_finish(x, s);
	return n;
}

/* Which of the files it is. STATE: what that means. */
static int say_files(struct prover *x, int64_t replay, const struct rules *rules,
		     enum proof_state state)
{
	sqlite3_stmt *s;
	uint32_t i = 0;
	int r = proof_prepare(x, "SELECT n, path, hash FROM rule_file WHERE replay = ?1 ORDER BY n",
			      &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, replay);
	for (; sqlite3_step(s) == SQLITE_ROW; i++) {
		const struct rules_contents *c = i < rules->n_contents ? &rules->contents[i] : NULL;
		const char *hash = (const char *)sqlite3_column_text(s, 2);
		char row[48], digits[65] = "none";
		struct proof_place at = { .table = "rule_file", .row = row, .column = "hash" };

		if (c && is_hash(hash, c->hash))
			continue;
		snprintf(row, sizeof(row), "%lld, %lld", (long long)replay,
			 (long long)sqlite3_column_int64(s, 0));
		if (c)
			sodium_bin2hex(digits, sizeof(digits), c->hash, sizeof(c->hash));
		proof_say(x, state, &at,
			  "%.100s with the hash %.64s is stored, and %.100s with %s "
			  "lies here",
			  (const char *)sqlite3_column_text(s, 1), hash, c ? c->path : "no file",
			  digits);
	}
	for (; i < rules->n_contents; i++)
		proof_say(x, state, NULL, "%.200s is no file of replay %lld",
			  rules->contents[i].path, (long long)replay);
	return proof_finish(x, s);
}

/* NULL: there are none. */
static int load_from(struct prover *x, int64_t replay, bool given, struct rules **ret,
		     struct reel_strings *paths, struct reel_err *err)
{
	struct reel_err why = { 0 };
	bool is_here;
	int r = find_paths(x, replay, given, paths, &is_here);

	if (r == 0 && is_here)
		r = load(paths, ret, &why);
	/* What lies there by now may be anything. */
	if (why.code && (given || r == -ENOMEM))
		return reel_err_set(err, r, "%s", why.msg);
	return why.code ? 0 : r;
}

/* The rules that were run, of all that were loaded. */
static void compare_compiled(struct prover *x, int64_t replay, const char *compiled,
			     const struct rules *rules)
{
	char row[24], digits[65];
	struct proof_place at = { .table = "replay", .row = row, .column = "compiled_hash" };
	uint8_t hash[32];

	rules_hash_compiled(rules, hash);
	if (is_hash(compiled, hash))
		return;
	snprintf(row, sizeof(row), "%lld", (long long)replay);
	sodium_bin2hex(digits, sizeof(digits), hash, sizeof(hash));
	proof_say(x, x->is_same_program ? PROOF_ALTERED : PROOF_PROVEN, &at,
		  "%.64s is stored, and this program makes %s of the same rules%s", compiled,
		  digits, x->is_same_program ? "" : "; it is another program");
}

static int find_rules(struct prover *x, int64_t replay, const char *hash, struct rules **ret,
		      struct reel_strings *paths, struct reel_err *err)
{
	struct rules *given = NULL;
	enum proof_state state = PROOF_ALTERED;
	int r = 0;

	if (x->o->n_rules) {
		r = load_from(x, replay, true, &given, paths, err);
		if (r < 0 || is_hash(hash, given->hash)) {
			*ret = given;
			return r;
		}
		/* A case may have been made of several sets. */
		if (count_replays_of(x, given))
			state = PROOF_UNCHECKED;
	}
	if (state == PROOF_UNCHECKED || !given) {
		proof_free_strings(paths);
		r = load_from(x, replay, false, ret, paths, err);
	}
	if (r == 0 && *ret && is_hash(hash, (*ret)->hash)) {
		rules_free(given);
		return 0;
	}
	if (r == 0 && !given && !*ret)
		proof_say(x, PROOF_UNCHECKED, NULL, "the rules of replay %lld are not here",
			  (long long)replay);
	else if (r == 0)
		r = say_files(x, replay, given ? given : *ret, state);
	rules_free(given);
	rules_free(*ret);
	*ret = NULL;
	return r;
}

int proof_rules(struct prover *x, int64_t replay, const struct case_options *options,
		struct rules **ret, struct reel_strings *ret_paths, struct reel_err *err)
{
	sqlite3_stmt *s;
	int r = proof_prepare(x, "SELECT rules_hash, compiled_hash FROM replay WHERE id = ?1", &s);

	*ret = NULL;
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, replay);
	if (sqlite3_step(s) == SQLITE_ROW)
		r = find_rules(x, replay, (const char *)sqlite3_column_text(s, 0), ret, ret_paths,
			       err);
	if (r == 0 && *ret) {
		rules_choose(*ret, &options->choice);
		x->p->steps[PROOF_RULES].n_checked += (*ret)->n_contents;
		compare_compiled(x, replay, (const char *)sqlite3_column_text(s, 1), *ret);
	}
	sqlite3_finalize(s);
	return r;
}
