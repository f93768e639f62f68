/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/match_scan.h"

#include <errno.h>
#include <stdlib.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

int match_answers_init(struct match_answers *a, const struct matcher *m)
{
	size_t n = m->n_words + 1;

	memset(a, 0, sizeof(*a));
	a->yes = calloc(n, sizeof(*a->yes));
	a->unknown = calloc(n, sizeof(*a->unknown));
	a->is_candidate = calloc(n, sizeof(*a->is_candidate));
	a->candidates = calloc((size_t)m->n_tests + 1, sizeof(*a->candidates));
	if (a->yes && a->unknown && a->is_candidate && a->candidates)
		return 0;
	match_answers_done(a);
	return -ENOMEM;
}

void match_answers_done(struct match_answers *a)
{
	free(a->yes);
	free(a->unknown);
	free(a->is_candidate);
	free(a->candidates);
	memset(a, 0, sizeof(*a));
}

void match_answers_clear(struct match_answers *a, const struct matcher *m)
{
	if (a->has_yes)
		memset(a->yes, 0, m->n_words * sizeof(*a->yes));
	if (a->has_unknown)
		memset(a->unknown, 0, m->n_words * sizeof(*a->unknown));
	a->has_yes = false;
	a->has_unknown = false;
}

static inline void set_yes(struct match_answers *a, uint32_t test)
{
	a->yes[test / 64] |= 1ull << test % 64;
	a->has_yes = true;
}

static inline void set(struct match_answers *a, uint32_t test, enum truth answer)
{
	if (answer == TRUTH_YES) {
		set_yes(a, test);
	} else if (answer == TRUTH_UNKNOWN) {
		a->unknown[test / 64] |= 1ull << test % 64;
		a->has_unknown = true;
	}
}

static void run(const struct matcher *m, struct match_tools *tools, const struct match_value *v,
		uint32_t test, struct match_answers *a)
{
	const struct match_test *t = &m->tests[test];

	set(a, test,
	    m->shape == MATCH_ARGS ? match_test_args(t, tools, v) : match_test_value(t, tools, v));
}

static inline void add_candidate(struct match_answers *a, uint32_t test)
{
	uint64_t bit = 1ull << test % 64;

	if (a->is_candidate[test / 64] & bit)
		return;
	a->is_candidate[test / 64] |= bit;
	a->candidates[a->n_candidates++] = test;
}

/*
 * A literal ends before END. Of a string that is cut what lies at its end is not known to be the
 * end of anything.
 */
static ALWAYS_INLINE void take(const struct matcher *m, const struct match_value *v,
			       const struct ac_output *o, uint32_t end, bool is_args, bool is_cut,
			       struct match_answers *a)
{
	uint32_t start = end - o->length;
	bool at_start = start == 0 || (is_args && v->bytes[start - 1] == 0);
	bool at_end = end == v->length ? !is_cut : is_args && v->bytes[end] == 0;

	switch (o->how & ~HOW_COMPARE) {
	case HOW_EQUALS:
		if (!at_start || !at_end)
			return;
		break;
	case HOW_STARTS:
		if (!at_start)
			return;
		break;
	case HOW_ENDS:
		if (!at_end)
			return;
		break;
	case HOW_CANDIDATE:
		add_candidate(a, o->test);
		return;
	case HOW_EXACT:
		if (is_cut)
			return;
		break;
	}
	if (o->how & HOW_COMPARE &&
	    memcmp(v->bytes + start, m->tests[o->test].bytes, o->length) != 0)
		return;
	set_yes(a, o->test);
}

static ALWAYS_INLINE void find(const struct matcher *m, const struct match_value *v, bool is_args,
			       bool is_cut, struct match_answers *a)
{
	const struct ac *ac = m->ac;
	uint32_t state = 0;

	for (uint32_t i = 0; i < v->length; i++) {
		uint32_t chain;

		state = ac_step(ac, state, v->bytes[i]);
		if (__builtin_expect(!(state & AC_HAS_OUTPUT), 1))
			continue;
		state &= ~AC_HAS_OUTPUT;
		for (chain = ac_chain_of(ac, state); chain; chain = ac->chains[chain].next) {
			const struct ac_output *o = &ac->outputs[ac->chains[chain].first];

			for (uint32_t n = ac->chains[chain].n; n; n--, o++)
				take(m, v, o, i + 1, is_args, is_cut, a);
		}
	}
}

static void drop_candidates(struct match_answers *a)
{
	for (uint32_t i = 0; i < a->n_candidates; i++)
		a->is_candidate[a->candidates[i] / 64] = 0;
	a->n_candidates = 0;
}

static void scan_whole(const struct matcher *m, struct match_tools *tools,
		       const struct match_value *v, struct match_answers *a)
{
	if (m->ac && m->shape == MATCH_ARGS)
		find(m, v, true, false, a);
	else if (m->ac)
		find(m, v, false, false, a);
	for (uint32_t i = 0; i < a->n_candidates; i++)
		run(m, tools, v, a->candidates[i], a);
	drop_candidates(a);
	for (uint32_t i = 0; i < m->always.n; i++)
		run(m, tools, v, m->always.tests[i], a);
}

/* The literals are found as ever; the rest would be run on nearly every string anyway. */
static void scan_cut(const struct matcher *m, struct match_tools *tools,
		     const struct match_value *v, struct match_answers *a)
{
	if (m->ac && m->shape == MATCH_ARGS)
		find(m, v, true, true, a);
	else if (m->ac)
		find(m, v, false, true, a);
	drop_candidates(a);
	for (uint32_t i = 0; i < m->if_cut.n; i++)
		run(m, tools, v, m->if_cut.tests[i], a);
	for (uint32_t w = 0; w < m->n_words; w++) {
		a->unknown[w] |= m->unknown_if_cut[w] & ~a->yes[w];
		a->has_unknown |= a->unknown[w] != 0;
	}
}

void match_scan(const struct matcher *m, struct match_tools *tools, const struct match_value *v,
		struct match_answers *a)
{
	bool is_cut = match_value_is_cut(v);

	/* What is shorter than a literal, and cut, may begin one. */
	if (m->is_slow || (is_cut && m->shape == MATCH_TEXT &&
			   (v->length <= m->longest || v->true_length <= m->longest))) {
		for (uint32_t i = 0; i < m->n_tests; i++)
			run(m, tools, v, i, a);
		return;
	}
	if (is_cut)
		scan_cut(m, tools, v, a);
	else
		scan_whole(m, tools, v, a);
}
