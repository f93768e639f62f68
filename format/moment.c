/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/moment.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "format/timetext.h"

int reel_moment_parse(const char *text, const struct reel_reader *r, struct reel_moment *ret,
		      struct reel_err *err)
{
	struct reel_when when;
	struct timespec now;
	int64_t end;
	int result;

	clock_gettime(CLOCK_REALTIME, &now);
	result = reel_time_parse(text, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
				 &when, err);
	if (result < 0)
		return result;
	if (when.ns > INT64_MAX)
		return reel_err_set(err, -ERANGE, "'%.64s' is no time of a capture", text);
	if (when.kind != REEL_WHEN_RELATIVE) {
		ret->kind = when.kind == REEL_WHEN_BOOTTIME ? REEL_BOOTTIME : REEL_REALTIME;
		ret->ns = (int64_t)when.ns;
		return 0;
	}
	if (!r)
		return reel_err_set(err, -EINVAL,
				    "'%.64s' counts from the end, which is not known here", text);
	end = reel_reader_end_ns(r);
	if (end <= 0)
		return reel_err_set(err, -EINVAL,
				    "'%.64s' counts from the end, but the capture has no wall time",
				    text);
	*ret = (struct reel_moment){ REEL_REALTIME, end - (int64_t)when.ns };
	return 0;
}

/* A stretch of the boot with one offset of the wall clock: from its first ts to its last. */
struct stretch {
	uint64_t first, last;
	int64_t offset_ns;
};

/* false: there is nothing of the boot in it. */
static bool stretch_of(const struct reel_boot *boot, size_t i, struct stretch *ret)
{
	const struct reel_clocks *c = &boot->clocks;
	uint64_t first = i ? c->list[i].ts : 0, end = i + 1 < c->n ? c->list[i + 1].ts : UINT64_MAX;

	if (first >= end || first > boot->ts_max)
		return false;
	*ret = (struct stretch){ first, end - 1, c->list[i].offset_ns };
	if (ret->last > boot->ts_max)
		ret->last = boot->ts_max;
	return true;
}

/* The ts at a wall time by that offset, or the end of all times that are too far. */
static uint64_t ts_at(const struct stretch *s, int64_t realtime_ns)
{
	int64_t ts;

	if (__builtin_sub_overflow(realtime_ns, s->offset_ns, &ts))
		return s->offset_ns < 0 ? UINT64_MAX : 0;
	return ts < 0 ? 0 : (uint64_t)ts;
}

bool reel_moment_ts(const struct reel_boot *boot, int64_t realtime_ns, uint64_t *ret_ts)
{
	bool found = false;

	for (size_t i = boot->clocks.n; i-- > 0;) {
		struct stretch s;
		uint64_t ts;

		if (!stretch_of(boot, i, &s))
			continue;
		ts = ts_at(&s, realtime_ns);
		if (ts >= s.first && ts <= s.last) {
			*ret_ts = ts;
			return true;
		}
		if (ts > s.last && !found) {
			*ret_ts = s.last;
			found = true;
		}
	}
	return found;
}

bool reel_moment_span(const struct reel_boot *boot, int64_t from_ns, int64_t to_ns,
		      uint64_t *ret_first, uint64_t *ret_last)
{
	bool found = false;

	for (size_t i = 0; i < boot->clocks.n; i++) {
		uint64_t first, end;
		struct stretch s;

		if (!stretch_of(boot, i, &s))
			continue;
		first = ts_at(&s, from_ns);
		end = ts_at(&s, to_ns);
		if (first < s.first)
			first = s.first;
		if (end > s.last)
			end = s.last + 1;
		if (first >= end)
			continue;
		if (!found)
			*ret_first = first;
		*ret_last = end - 1;
		found = true;
	}
	return found;
}

/* Calls FN with each word between commas. */
static int each_word(const struct reel_strings *lists,
		     int (*fn)(const char *word, size_t length, void *context,
			       struct reel_err *err),
		     void *context, struct reel_err *err)
{
	for (size_t i = 0; i < lists->n; i++) {
		const char *at = lists->v[i];

		for (;;) {
			size_t n = strcspn(at, ",");
			int r = fn(at, n, context, err);

			if (r < 0)
				return r;
			if (!at[n])
				break;
			at += n + 1;
		}
	}
	return 0;
}

struct type_choice {
	const struct reel_reader *r;
	struct reel_filter *f;
	const struct reel_type *only;
	unsigned n;
};

/* What a capture of another version calls a type; its ids are never used for anything else. */
static const struct reel_type *type_of_capture(const struct reel_reader *r, const char *name,
					       size_t length)
{
	const struct reel_schema *last = NULL;

	for (unsigned i = 0; r && i < r->n_segments; i++) {
		const struct reel_schema *s = r->segments[i].schema;

		for (unsigned t = 0; s && s != last && t < EV_MAX_TYPES; t++)
			if (s->types[t] && strlen(s->types[t]->name) == length &&
			    memcmp(s->types[t]->name, name, length) == 0)
				return s->types[t];
		last = s;
	}
	return NULL;
}

static int unknown_type(const char *word, struct reel_err *err)
{
	struct reel_nearest near = REEL_NEAREST(word);

	for (const struct reel_type *t = reel_types; t->name; t++)
		reel_nearest_offer(&near, t->name);
	if (near.best)
		return reel_err_set(err, -EINVAL,
				    "no type of event is called '%.64s', did you mean '%s'?", word,
				    near.best);
	return reel_err_set(err, -EINVAL, "no type of event is called '%.64s'", word);
}

static int choose_type(const char *word, size_t length, void *context, struct reel_err *err)
{
	struct type_choice *choice = context;
	const struct reel_type *t = reel_type_by_name(word, length);
	char name[64];

	if (!t)
		t = type_of_capture(choice->r, word, length);
	if (!t) {
		length = length < sizeof(name) ? length : sizeof(name) - 1;
		memcpy(name, word, length);
		name[length] = '\0';
		return unknown_type(name, err);
	}
	if (!choice->f->types[t->id])
		choice->n++;
	choice->f->types[t->id] = true;
	choice->f->some_types = true;
	choice->only = t;
	return 0;
}

int reel_choose_types(const struct reel_strings *lists, const struct reel_reader *r,
		      struct reel_filter *f, const struct reel_type **ret_only,
		      struct reel_err *err)
{
	struct type_choice choice = { .r = r, .f = f };
	int result = each_word(lists, choose_type, &choice, err);

	if (result == 0 && ret_only)
		*ret_only = choice.n == 1 ? choice.only : NULL;
	return result;
}

static int choose_pid(const char *word, size_t length, void *context, struct reel_err *err)
{
	struct reel_filter *f = context;
	uint64_t pid = UINT64_MAX;
	char digits[16];

	if (length && length < sizeof(digits)) {
		memcpy(digits, word, length);
		digits[length] = '\0';
		if (reel_parse_u64(digits, &pid, NULL) < 0)
			pid = UINT64_MAX;
	}
	if (pid >= UINT32_MAX)
		return reel_err_set(err, -EINVAL, "'%.*s' is no process id",
				    (int)(length < 64 ? length : 64), word);
	for (unsigned i = 0; i < f->n_pids; i++)
		if (f->pids[i] == pid)
			return 0;
	if (f->n_pids == REEL_FILTER_PIDS)
		return reel_err_set(err, -EINVAL, "more than %u process ids", REEL_FILTER_PIDS);
	f->pids[f->n_pids++] = (uint32_t)pid;
	return 0;
}

int reel_choose_pids(const struct reel_strings *lists, struct reel_filter *f, struct reel_err *err)
{
	return each_word(lists, choose_pid, f, err);
}
