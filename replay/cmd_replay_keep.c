/* SPDX-License-Identifier: BSD-2-Clause */
/* The tape around a finding put aside, out of the reach of retention. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "format/keep.h"
#include "replay/follow.h"

#define BEFORE_NS (300 * 1000000000ll)
/* Findings that go on extend what is kept; a story that goes on for ever is kept in parts. */
#define STORY_NS (3600 * 1000000000ull)
/* The recorder writes what it has that often, or nothing is recorded. */
#define GRACE_NS 2000000000ull

enum { NAMES_MAX = 1000 };

/* What a file's name may have everywhere. */
static void name_of(const char *rule, char *ret, size_t size)
{
	size_t n = 0;

	for (; *rule && n + 1 < size; rule++) {
		bool is_plain = (*rule >= 'a' && *rule <= 'z') || (*rule >= 'A' && *rule <= 'Z') ||
				(*rule >= '0' && *rule <= '9') || strchr("-_.", *rule);

		ret[n] = is_plain && !(n == 0 && *rule == '.') ? *rule : '_';
		n++;
	}
	ret[n] = '\0';
}

void follow_keep_finding(struct follow *f, const struct finding *x)
{
	struct follow_keep *k = &f->keep;
	const struct engine *e = f->r->engine;
	const struct engine_boot *b = e->boots[x->boot];
	uint64_t after_ns = f->r->options.after_ns;
	int64_t first_ns;

	if (k->is_pending && (k->boot != b->boot || x->first.ts - k->story_ts > STORY_NS))
		follow_keep(f, true);
	if (!k->is_pending) {
		uint64_t begin = x->first.ts > BEFORE_NS ? x->first.ts - BEFORE_NS : 0;

		name_of(e->rules->list[x->rule].id, k->rule, sizeof(k->rule));
		k->is_pending = true;
		k->boot = b->boot;
		k->time_ns = x->first.time_ns;
		/* All of its evidence, if that is still there. */
		if (x->first.first_ts < begin)
			begin = x->first.first_ts;
		first_ns = k->time_ns - (int64_t)(x->first.ts - begin);
		k->from = k->time_ns ? (struct reel_moment){ REEL_REALTIME, first_ns } :
				       (struct reel_moment){ REEL_BOOTTIME, (int64_t)begin };
		k->story_ts = x->first.ts;
	}
	k->to_ts = x->first.ts + after_ns;
	k->to = x->first.time_ns ?
			(struct reel_moment){ REEL_REALTIME,
					      x->first.time_ns + (int64_t)after_ns + 1 } :
			(struct reel_moment){ REEL_BOOTTIME, (int64_t)k->to_ts + 1 };
	k->noticed_ns = follow_monotonic_ns();
}

static bool is_time(const struct follow *f)
{
	const struct follow_keep *k = &f->keep;
	const struct engine *e = f->r->engine;
	uint64_t waited_ns = (uint64_t)(follow_monotonic_ns() - k->noticed_ns);

	return !e->boot || e->boot->boot != k->boot || e->settled_ns > k->to_ts ||
	       waited_ns > f->r->options.after_ns + GRACE_NS;
}

/* A name that nobody has yet. */
static int choose_path(const struct follow *f, char **ret)
{
	const struct follow_keep *k = &f->keep;
	time_t seconds = (time_t)(k->time_ns / 1000000000);
	char when[32] = "unknown";
	struct tm tm;
	struct stat st;

	if (k->time_ns && gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	for (unsigned i = 1; i < NAMES_MAX; i++) {
		char more[16] = "";

		if (i > 1)
			snprintf(more, sizeof(more), "-%u", i);
		if (asprintf(ret, "%s/%s-%s%s.reel", f->r->options.keep, k->rule, when, more) < 0) {
			*ret = NULL;
			return -ENOMEM;
		}
		if (lstat(*ret, &st) < 0)
			return 0;
		free(*ret);
		*ret = NULL;
	}
	return -EEXIST;
}

static int keep(struct follow *f, const char *path, struct reel_err *err)
{
	const struct reel_filter filter = { .from = f->keep.from, .to = f->keep.to };
	struct reel_collection c = { .fd = -1 };
	struct reel_reader *r = NULL;
	bool *wanted = NULL;
	int result;

	if (mkdir(f->r->options.keep, 0700) < 0 && errno != EEXIST)
		return reel_err_set(err, -errno, "%s: %s", f->r->options.keep, strerror(errno));
	result = reel_reader_open_closed(f->r->args.v, 1, f->r->keys, &r, err);
	if (result < 0)
		return result;
	wanted = calloc(r->n_segments + 1u, sizeof(*wanted));
	result = wanted ? reel_keep(r, &filter, path, &c, wanted, err) :
			  reel_err_set(err, -ENOMEM, "no memory");
	if (result == 0)
		reel_command_note(f->r->self, &f->r->args.common, "%llu segments kept in %s",
				  (unsigned long long)c.segments, path);
	reel_collection_done(&c);
	reel_reader_close(r);
	free(wanted);
	return result;
}

void follow_keep(struct follow *f, bool is_last)
{
	struct reel_err err = { 0 };
	char *path = NULL;
	int result;

	if (!f->keep.is_pending || !(is_last || is_time(f)))
		return;
	f->keep.is_pending = false;
	result = choose_path(f, &path);
	if (result < 0)
		reel_err_set(&err, result, "%s: %s", f->r->options.keep, strerror(-result));
	else
		result = keep(f, path, &err);
	if (result < 0)
		reel_command_note(f->r->self, &f->r->args.common,
				  "the tape around a finding of %s could not be kept: %s",
				  f->keep.rule, err.msg);
	free(path);
}
