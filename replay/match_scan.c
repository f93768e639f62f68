/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/match_scan.h"

#include <errno.h>
#include <stdlib.h>

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
static inline void take(const struct matcher *m, const struct match_value *v,
			const struct ac_output *o, uint32_t end, bool is_cut,
			struct match_answers *a)
{
	uint32_t start = end - o->length;
	bool at_end = end == v->length ? !is_cut : m->shape == MATCH_ARGS && v->bytes[end] == 0;

	switch (o->how & ~HOW_COMPARE) {
	case HOW_EQUALS:
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

/* A string on its way through the automaton. */
struct walk {
	const struct match_value *v;
	struct match_answers *answers;
	unsigned number; /* of the string */
	uint32_t at, state;
};

static __attribute__((noinline)) void take_all(const struct matcher *m, const struct walk *w,
					       uint32_t state, uint32_t end)
{
	const struct ac *ac = m->ac;
	bool is_cut = match_value_is_cut(w->v);

	for (uint32_t chain = ac_chain_of(ac, state); chain; chain = ac->chains[chain].next) {
		const struct ac_output *o = &ac->outputs[ac->chains[chain].first];

		for (uint32_t n = ac->chains[chain].n; n; n--, o++)
			take(m, w->v, o, end, is_cut, w->answers);
	}
}

/* What ends before END, if anything does. Returns the state alone. */
static inline uint32_t tell(const struct matcher *m, const struct walk *w, uint32_t state,
			    uint32_t end)
{
	if (__builtin_expect(!(state & AC_HAS_OUTPUT), 1))
		return state;
	take_all(m, w, state & ~AC_HAS_OUTPUT, end);
	return state & ~AC_HAS_OUTPUT;
}

/* All that is left of one. */
static void walk_alone(const struct matcher *m, struct walk *w)
{
	const uint8_t *bytes = w->v->bytes;
	uint32_t state = w->state, n = w->v->length;

	for (uint32_t i = w->at; i < n; i++)
		state = tell(m, w, ac_step(m->ac, state, bytes[i]), i + 1);
	w->at = n;
}

static uint32_t left(const struct walk *w)
{
	return w->v->length - w->at;
}

/*
 * Until the first of them ends. Each byte of a string waits for the one before it; while one
 * string waits the others go on. The same one may be there twice, where there are too few.
 */
static void walk_together(const struct matcher *m, struct walk *const w[MATCH_LANES])
{
	const struct ac *ac = m->ac;
	const uint8_t *bytes[MATCH_LANES];
	uint32_t a = w[0]->state, b = w[1]->state, c = w[2]->state, d = w[3]->state;
	uint32_t at[MATCH_LANES], n = left(w[0]);

	_Static_assert(MATCH_LANES == 4, "they are a, b, c and d");
	for (unsigned i = 0; i < MATCH_LANES; i++) {
		at[i] = w[i]->at;
		bytes[i] = w[i]->v->bytes + at[i];
		n = left(w[i]) < n ? left(w[i]) : n;
	}
	for (uint32_t i = 0; i < n; i++) {
		a = ac_step(ac, a, bytes[0][i]);
		b = ac_step(ac, b, bytes[1][i]);
		c = ac_step(ac, c, bytes[2][i]);
		d = ac_step(ac, d, bytes[3][i]);
		if (__builtin_expect(!((a | b | c | d) & AC_HAS_OUTPUT), 1))
			continue;
		a = tell(m, w[0], a, at[0] + i + 1);
		b = tell(m, w[1], b, at[1] + i + 1);
		c = tell(m, w[2], c, at[2] + i + 1);
		d = tell(m, w[3], d, at[3] + i + 1);
	}
	w[0]->state = a;
	w[1]->state = b;
	w[2]->state = c;
	w[3]->state = d;
	for (unsigned i = 0; i < MATCH_LANES; i++)
		w[i]->at = at[i] + n;
}

static void drop_candidates(struct match_answers *a)
{
	for (uint32_t i = 0; i < a->n_candidates; i++)
		a->is_candidate[a->candidates[i] / 64] = 0;
	a->n_candidates = 0;
}

static void finish_whole(const struct matcher *m, struct match_tools *tools,
			 const struct match_value *v, struct match_answers *a)
{
	for (uint32_t i = 0; i < a->n_candidates; i++)
		run(m, tools, v, a->candidates[i], a);
	drop_candidates(a);
	for (uint32_t i = 0; i < m->always.n; i++)
		run(m, tools, v, m->always.tests[i], a);
}

/* The literals are found as ever; the rest would be run on nearly every string anyway. */
static void finish_cut(const struct matcher *m, struct match_tools *tools,
		       const struct match_value *v, struct match_answers *a)
{
	drop_candidates(a);
	for (uint32_t i = 0; i < m->if_cut.n; i++)
		run(m, tools, v, m->if_cut.tests[i], a);
	for (uint32_t w = 0; w < m->n_words; w++) {
		a->unknown[w] |= m->unknown_if_cut[w] & ~a->yes[w];
		a->has_unknown |= a->unknown[w] != 0;
	}
}

/* What is shorter than a literal, and cut, may begin one. */
static bool is_by_itself(const struct matcher *m, const struct match_value *v)
{
	return m->is_slow || (match_value_is_cut(v) && m->shape == MATCH_TEXT &&
			      (v->length <= m->longest || v->true_length <= m->longest));
}

static void begin(const struct matcher *m, struct walk *w, const struct match_value *v,
		  unsigned number)
{
	w->v = v;
	w->number = number;
	w->at = m->ac && !is_by_itself(m, v) ? 0 : v->length;
	w->state = m->ac ? m->ac->start : 0;
}

static void finish(const struct matcher *m, struct match_tools *tools, const struct walk *w)
{
	if (is_by_itself(m, w->v))
		for (uint32_t i = 0; i < m->n_tests; i++)
			run(m, tools, w->v, i, w->answers);
	else if (match_value_is_cut(w->v))
		finish_cut(m, tools, w->v, w->answers);
	else
		finish_whole(m, tools, w->v, w->answers);
}

void match_scan(const struct matcher *m, struct match_tools *tools, const struct match_value *v,
		struct match_answers *a)
{
	struct walk w = { .answers = a };

	begin(m, &w, v, 0);
	walk_alone(m, &w);
	finish(m, tools, &w);
}

static void go_on(const struct matcher *m, struct walk walks[MATCH_LANES], unsigned n)
{
	struct walk *w[MATCH_LANES];

	if (n == 1) {
		walk_alone(m, walks);
		return;
	}
	for (unsigned i = 0; i < MATCH_LANES; i++)
		w[i] = &walks[i < n ? i : 0];
	walk_together(m, w);
}

void match_scan_many(const struct matcher *m, struct match_tools *tools,
		     const struct match_value *values, unsigned n,
		     struct match_answers answers[MATCH_LANES], match_done *done, void *context)
{
	struct walk walks[MATCH_LANES];
	unsigned begun = 0, n_walks = 0;

	for (unsigned i = 0; i < MATCH_LANES; i++)
		walks[i].answers = &answers[i];
	while (begun < n || n_walks) {
		for (; begun < n && n_walks < MATCH_LANES; begun++)
			begin(m, &walks[n_walks++], &values[begun], begun);
		go_on(m, walks, n_walks);
		for (unsigned i = n_walks; i-- > 0;) {
			const struct walk ended = walks[i];

			if (left(&ended))
				continue;
			finish(m, tools, &ended);
			done(context, ended.number, ended.answers);
			walks[i] = walks[--n_walks];
			walks[n_walks] = ended;
		}
	}
}
