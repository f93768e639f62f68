/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that are loaded again while a tape is followed: all of them, or none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "replay/follow.h"

/* The files ------------------------------------------------------------------------------------ */

void follow_watch_done(struct follow_watch *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		free((void *)(uintptr_t)w->list[i].path);
	free(w->list);
	*w = (struct follow_watch){ 0 };
}

int follow_watch_take(struct follow_watch *w, const struct rules *rules)
{
	struct follow_watch taken = { .list = calloc(rules->n_sources + 1u, sizeof(*taken.list)) };

	if (!taken.list)
		return -ENOMEM;
	for (; taken.n < rules->n_sources; taken.n++) {
		taken.list[taken.n] = rules->sources[taken.n];
		taken.list[taken.n].path = strdup(rules->sources[taken.n].path);
		if (!taken.list[taken.n].path) {
			follow_watch_done(&taken);
			return -ENOMEM;
		}
	}
	follow_watch_done(w);
	*w = taken;
	return 0;
}

void follow_watch_refresh(struct follow_watch *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		struct rules_source now;

		(void)rules_source_differs(&w->list[i], &now);
		w->list[i] = now;
	}
}

bool follow_watch_changed(struct follow_watch *w)
{
	uint64_t before = w->seen;
	bool differs = false;

	w->seen = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		struct rules_source now;

		differs |= rules_source_differs(&w->list[i], &now);
		now.path = NULL;
		w->seen = XXH3_64bits_withSeed(&now, sizeof(now), w->seen);
	}
	return differs && w->seen == before;
}

/* The rules ------------------------------------------------------------------------------------ */

static void say_kept(struct follow *f, const char *why)
{
	struct reel_err err = { 0 };

	f->bad_reloads++;
	reel_err_set(&err, -EINVAL, "%s: the rules stay as they were loaded before", why);
	(void)reel_command_fail(f->r->self, REEL_STATUS_USAGE, &err);
}

static uint32_t count_same(const struct rules *old, const struct rules *now)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < now->n; i++)
		for (uint32_t k = 0; k < old->n; k++)
			if (now->list[i].hash == old->list[k].hash &&
			    strcmp(now->list[i].id, old->list[k].id) == 0) {
				n++;
				break;
			}
	return n;
}

/* Whether the set can be taken; if not it is said. */
static bool is_good(struct follow *f, const struct rules *rules, bool is_asked)
{
	struct replay *r = f->r;

	replay_say_notes(r, rules);
	if (rules->n_errors > rules->n_skipped) {
		say_kept(f, "files of rules do not compile");
		return false;
	}
	if (!rules->n) {
		say_kept(f, "there is no rule left to look for");
		return false;
	}
	if (memcmp(rules->hash, r->rules->hash, sizeof(rules->hash)) == 0) {
		if (is_asked)
			reel_command_note(r->self, &r->args.common, "the rules have not changed");
		return false;
	}
	return true;
}

void follow_reload(struct follow *f, bool is_asked)
{
	struct replay *r = f->r;
	struct rules *rules = NULL, *old = r->rules;
	struct reel_err err = { 0 };
	int64_t began_ns = follow_monotonic_ns();
	uint32_t same;

	if (replay_load_again(r, &r->options.rules, &rules, &err) < 0) {
		say_kept(f, err.msg);
		follow_watch_refresh(&f->watch);
		return;
	}
	if (follow_watch_take(&f->watch, rules) < 0)
		follow_watch_refresh(&f->watch);
	if (!is_good(f, rules, is_asked)) {
		rules_free(rules);
		return;
	}
	same = count_same(old, rules);
	if (engine_reload(r->engine, rules, &err) < 0) {
		say_kept(f, err.msg);
		rules_free(rules);
		return;
	}
	r->rules = rules;
	f->reloads++;
	reel_command_note(
		r->self, &r->args.common,
		"%u rules loaded again in %.1f ms: %u are new or have changed, %u are gone",
		rules->n, (double)(follow_monotonic_ns() - began_ns) / 1e6, rules->n - same,
		old->n - same);
	rules_free(old);
}
