/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keyframes and coverage: how the machine is, and what of it can be seen. The processes come from
 * the iterators, or from the helper where these do not work; the rest of the machine always comes
 * from the helper. All of that arrives between the rounds.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format/types.h"
#include "record/now.h"
#include "record/session_impl.h"

enum keyframe_edge { KEYFRAME_BEGIN, KEYFRAME_END };
enum keyframe_source { FROM_ITERATORS, FROM_PROC, FROM_BOTH };

/* The helper may not answer: a keyframe is then ended without. */
#define KEYFRAME_PATIENCE_NS (20ull * 1000 * 1000 * 1000)

static int put_edge(struct session *s, enum keyframe_edge edge, bool complete, struct reel_err *err)
{
	struct ev_keyframe *e = reel_record_begin(&s->record, reel_type_by_id(EV_keyframe));

	s->record.header.ts = now_boottime_ns();
	e->records = edge == KEYFRAME_END ? s->keyframe_records : 0;
	e->edge = (uint8_t)edge;
	e->source = s->keyframe_source;
	e->complete = complete;
	return session_put_own(s, &s->record, err);
}

int session_keyframe_begin(struct session *s, struct reel_err *err)
{
	struct helper_request host = { .kind = HELPER_HOST, .again = true };
	struct helper_request processes = { .kind = HELPER_PROCESSES, .again = true };
	struct helper_request probes = { .kind = HELPER_UPROBE, .path = "", .again = true };
	int links[ITERATORS], iterators = programs_iterators(s->programs, links), r = 0;

	s->keyframe_source = iterators ? FROM_BOTH : FROM_PROC;
	/* Segments that are shorter than a keyframe takes share one. */
	if (!s->keyframe_open)
		r = put_edge(s, KEYFRAME_BEGIN, false, err);
	if (r < 0)
		return r;
	s->keyframe_open = true;
	s->keyframe_records = 0;
	s->keyframe_since_ns = now_boottime_ns();
	s->keyframe_asked_hidden = links[ITERATOR_TASK] < 0;
	memcpy(s->keyframe_hidden, s->ancestors, sizeof(s->ancestors));
	if (s->helper) {
		s->helper_floor_ns = s->keyframe_since_ns;
		helper_stats(s->helper, &s->keyframe_before);
		(void)helper_ask(s->helper, &host);
		if (iterators < ITERATORS)
			(void)helper_ask(s->helper, &processes);
		if (s->probes)
			(void)helper_ask(s->helper, &probes);
	}
	keyframes_want(s->keyframes);
	return 0;
}

static bool helper_is_done(const struct session *s)
{
	struct helper_stats now;

	if (!s->helper)
		return true;
	helper_stats(s->helper, &now);
	return now.gone || now.answered >= now.asked;
}

void session_keyframe_shows(struct session *s, uint32_t pid)
{
	for (unsigned i = 0; i < ANCESTORS_TOLD; i++)
		if (s->keyframe_hidden[i] == pid)
			s->keyframe_hidden[i] = 0;
}

/* Some sandboxes keep processes from BPF of which /proc says at least that they are there. */
static void ask_about_hidden(struct session *s)
{
	if (s->keyframe_asked_hidden || !s->helper)
		return;
	s->keyframe_asked_hidden = true;
	for (unsigned i = 0; i < ANCESTORS_TOLD; i++) {
		struct helper_request q = { .kind = HELPER_PROCESSES,
					    .pid = s->keyframe_hidden[i],
					    .again = true };

		if (q.pid)
			(void)helper_ask(s->helper, &q);
	}
}

int session_keyframe_go_on(struct session *s, struct reel_err *err)
{
	struct keyframes_taken taken;
	struct helper_stats now = { 0 };
	bool late;
	int r;

	r = keyframes_take(s->keyframes, session_put_bytes, s, &taken, err);
	s->floor_ns = taken.floor_ns;
	if (r < 0 || !s->keyframe_open || !taken.done)
		return r;
	ask_about_hidden(s);
	late = now_boottime_ns() - s->keyframe_since_ns > KEYFRAME_PATIENCE_NS;
	if (!helper_is_done(s) && !late)
		return 0;
	s->keyframe_open = false;
	s->helper_floor_ns = UINT64_MAX;
	if (s->helper)
		helper_stats(s->helper, &now);
	s->keyframe_records += now.records - s->keyframe_before.records;
	return put_edge(s, KEYFRAME_END, taken.whole && s->helper && !now.gone && !late, err);
}

/* Coverage */

static int put_coverage(struct session *s, const char *hook, const char *types, const char *reason,
			enum hook_status status, struct reel_err *err)
{
	struct ev_coverage *e = reel_record_begin(&s->record, reel_type_by_id(EV_coverage));

	s->record.header.ts = now_boottime_ns();
	e->status = (uint8_t)status;
	reel_record_string(&s->record, hook, strlen(hook));
	reel_record_string(&s->record, types, strlen(types));
	reel_record_string(&s->record, reason, strlen(reason));
	return session_put_own(s, &s->record, err);
}

struct coverage_put {
	struct session *s;
	struct reel_err *err;
};

static int put_hook(void *arg, const struct hook *h)
{
	const struct coverage_put *p = arg;

	return put_coverage(p->s, h->name, h->types, h->reason, h->status, p->err);
}

/*
 * The types that no class and no name asks for. It comes last, and always: with it a reader knows
 * all filters of this run, and forgets those of an earlier one.
 */
static int put_unwanted(struct session *s, struct reel_err *err)
{
	char types[EV_MAX_TYPES * 20];
	size_t used = 0;

	types[0] = 0;
	for (const struct reel_type *t = reel_types; t->name; t++) {
		/* This one has an option of its own. */
		if (t->stream != TAPE_EVENTS || (t->id == EV_dns && s->wishes->no_dns) ||
		    programs_want_type(s->programs, t->id))
			continue;
		used += (size_t)snprintf(types + used, sizeof(types) - used, "%s%s",
					 used ? " " : "", t->name);
		if (used >= sizeof(types))
			return reel_err_set(err, -E2BIG, "the names of types are too long");
	}
	return put_coverage(s, "-e", types, "", HOOK_FILTER, err);
}

static int put_names(struct session *s, const char *option, const char *types,
		     const struct reel_strings *names, struct reel_err *err)
{
	int r = names->n ? 0 : put_coverage(s, option, types, "none", HOOK_FILTER, err);

	for (size_t i = 0; i < names->n && r == 0; i++)
		r = put_coverage(s, option, types, names->v[i], HOOK_FILTER, err);
	return r;
}

/* How much is kept of what is: also where nobody gave the option, for whoever asks later. */
static int put_limits(struct session *s, struct reel_err *err)
{
	const struct wishes *w = s->wishes;
	char bytes[16];
	int r;

	snprintf(bytes, sizeof(bytes), "%u", w->content);
	r = put_coverage(s, "--content", "read write send recv", bytes, HOOK_FILTER, err);
	snprintf(bytes, sizeof(bytes), "%u", w->max_arg);
	if (r == 0)
		r = put_coverage(s, "--max-arg", "exec process", bytes, HOOK_FILTER, err);
	if (r == 0)
		r = put_names(s, "--env", "exec process", &w->env, err);
	if (r == 0 && w->calls.n)
		r = put_names(s, "--syscalls", "sys", &w->calls, err);
	if (r == 0 && !w->hash)
		r = put_coverage(s, "--hash", "hash", "none", HOOK_FILTER, err);
	return r;
}

/* Options as the user gave them: each is a filter that holds. */
static int put_filters(struct session *s, struct reel_err *err)
{
	const struct wishes *w = s->wishes;
	const struct {
		const char *option;
		const struct reel_strings *values;
	} lists[] = {
		{ "-p", &w->pids },
		{ "-n", &w->comms },
		{ "--exe", &w->exes },
		{ "-u", &w->users },
		{ "--cgroup", &w->cgroups },
		{ "--path", &w->paths },
		{ "--no-path", &w->no_paths },
		{ "--container", &w->containers },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (size_t k = 0; k < lists[i].values->n && r == 0; k++)
			r = put_coverage(s, lists[i].option, "", lists[i].values->v[k], HOOK_FILTER,
					 err);
	if (w->command && r == 0)
		r = put_coverage(s, "--", "", w->command[0], HOOK_FILTER, err);
	if (w->no_follow && r == 0)
		r = put_coverage(s, "--no-follow", "", "", HOOK_FILTER, err);
	if (w->io != IO_ALL && r == 0)
		r = put_coverage(s, "--io", "read write fold", w->io == IO_FIRST ? "first" : "none",
				 HOOK_FILTER, err);
	if (w->no_dns && r == 0)
		r = put_coverage(s, "--no-dns", "dns", "", HOOK_FILTER, err);
	if (r == 0)
		r = put_limits(s, err);
	return r < 0 ? r : put_unwanted(s, err);
}

int session_put_coverage(struct session *s, struct reel_err *err)
{
	struct coverage_put p = { s, err };
	int r = programs_hooks(s->programs, put_hook, &p);
	struct hook maps;

	guard_coverage(s->guard, &maps);
	if (r == 0)
		r = put_hook(&p, &maps);
	return r < 0 ? r : put_filters(s, err);
}
