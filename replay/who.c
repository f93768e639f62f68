/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/who.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "replay/eval_impl.h"
#include "replay/sieve_impl.h"

/* Tests ---------------------------------------------------------------------------------------- */

int who_plan_init(struct who_plan *p, const struct rules *rules)
{
	memset(p, 0, sizeof(*p));
	p->bit_of = malloc(rules->n_leaves + 1u);
	if (!p->bit_of)
		return -ENOMEM;
	memset(p->bit_of, WHO_NO_BIT, rules->n_leaves + 1u);
	return 0;
}

void who_plan_done(struct who_plan *p)
{
	free(p->bit_of);
	memset(p, 0, sizeof(*p));
}

static void add_test(struct who_plan *p, const struct eval_plan *eval, unsigned type, uint32_t leaf)
{
	unsigned role = eval->rules->leaves[leaf].role;
	uint64_t bit = 1ull << p->n_tests;

	p->bit_of[leaf] = (uint8_t)p->n_tests;
	p->leaves[p->n_tests++] = leaf;
	if (eval->left[type][leaf].context == RULE_exe)
		p->exe[role] |= bit;
	else
		p->comm[role] |= bit;
}

void who_plan_add(struct who_plan *p, const struct eval_plan *eval, unsigned type, uint32_t step)
{
	const struct sieve *s = eval->sieves[type];
	uint32_t last = s->begin[SIEVE_OF_WHO][step];
	bool is_reached[SIEVE_TESTS_MAX] = { true };

	/* A test leads to those that were made before it. */
	for (uint32_t i = 0; i < SIEVE_TESTS_MAX && last >= SIEVE_FIRST + i; i++) {
		const struct sieve_test *t = &s->tests[last - i - SIEVE_FIRST];

		if (!is_reached[i])
			continue;
		if (t->yes >= SIEVE_FIRST && last - t->yes < SIEVE_TESTS_MAX)
			is_reached[last - t->yes] = true;
		if (t->no >= SIEVE_FIRST && last - t->no < SIEVE_TESTS_MAX)
			is_reached[last - t->no] = true;
		if (p->bit_of[t->leaf] == WHO_NO_BIT && p->n_tests < WHO_TESTS_MAX)
			add_test(p, eval, type, t->leaf);
	}
}

/* All tests that take a string for the same, whosever it is. */
static struct who_answers ask(const struct who_plan *p, const struct rules *rules, unsigned role,
			      const struct match_row *row)
{
	uint64_t asked = p->exe[role] | p->comm[role];
	struct who_answers a = { 0 };

	for (uint32_t i = 0; i < p->n_tests; i++) {
		const struct rule_leaf *l = &rules->leaves[p->leaves[i]];
		enum truth t;

		if (!(asked >> i & 1))
			continue;
		t = sieve_with_op(l, eval_fits_row(l, row));
		a.may |= (uint64_t)(t != TRUTH_NO) << i;
		a.may_not |= (uint64_t)(t != TRUTH_YES) << i;
	}
	return a;
}

void who_look_done(struct who_look *w)
{
	for (unsigned role = 0; role < RULE_ROLES; role++)
		free(w->of_row[role]);
	memset(w, 0, sizeof(*w));
}

/* Rows are few, and met again and again. */
static int ask_row(struct who_look *w, unsigned role, const struct match_row *row,
		   struct who_answers *ret)
{
	struct who_answers *known;

	if (row && !row->is_fleeting && row->number >= w->room[role]) {
		uint32_t room = 2 * row->number + 64;

		known = reallocarray(w->of_row[role], room, sizeof(*known));
		if (!known)
			return -ENOMEM;
		memset(known + w->room[role], 0, (room - w->room[role]) * sizeof(*known));
		w->of_row[role] = known;
		w->room[role] = room;
	}
	known = row && !row->is_fleeting ? &w->of_row[role][row->number] : NULL;
	if (known && (known->may || known->may_not))
		*ret = *known;
	else
		*ret = ask(w->plan, w->eval.plan->rules, role, row);
	if (known)
		*known = *ret;
	return 0;
}

static int look_at(struct who_look *w, const struct model_process *process, unsigned context,
		   const uint64_t tests[RULE_ROLES], struct who_life *life)
{
	struct who_answers said;
	struct model_text *text;
	int r = 0;

	for (unsigned role = 0; role < RULE_ROLES && r == 0; role++) {
		if (!tests[role])
			continue;
		said = (struct who_answers){ .may_not = UINT64_MAX }; /* of none: it fits nothing */
		if (!eval_process_text(&w->eval, process, context, &text))
			said.may = UINT64_MAX;
		else if (text)
			r = ask_row(w, role, eval_text_row(&w->eval, (enum rule_role)role, text),
				    &said);
		life->said.may |= said.may & tests[role];
		life->said.may_not |= said.may_not & tests[role];
	}
	return r;
}

int who_look(struct who_look *w, const struct model_process *process, struct who_life *life)
{
	int r = look_at(w, process, RULE_exe, w->plan->exe, life);

	return r < 0 ? r : look_at(w, process, RULE_comm, w->plan->comm, life);
}

bool who_may(const struct who_plan *p, const struct sieve *s, uint32_t step,
	     const struct who_life *life)
{
	uint32_t at = s->begin[SIEVE_OF_WHO][step];

	while (at >= SIEVE_FIRST) {
		const struct sieve_test *t = &s->tests[at - SIEVE_FIRST];
		uint8_t bit = p->bit_of[t->leaf];
		bool may = bit == WHO_NO_BIT ||
			   (t->is_negated ? life->said.may_not : life->said.may) >> bit & 1;

		at = may ? t->yes : t->no;
	}
	return at == SIEVE_KEEP;
}

/* Lives ---------------------------------------------------------------------------------------- */

static int by_pid(const void *a, const void *b)
{
	const struct who_life *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static struct who_slot *slot_of(const struct who *w, uint32_t pid)
{
	uint32_t at = (uint32_t)((pid + 1) * w->seed >> 32) & w->slot_mask;

	while (w->slots[at].n && w->slots[at].pid != pid)
		at = (at + 1) & w->slot_mask;
	return &w->slots[at];
}

int who_new(struct who_life *lives, uint32_t n, struct who **ret)
{
	struct who *w = calloc(1, sizeof(*w));
	uint32_t room = 64;

	while (room < 2 * n)
		room *= 2;
	if (w)
		w->slots = calloc(room, sizeof(*w->slots));
	if (!w || !w->slots) {
		free(lives);
		free(w);
		return -ENOMEM;
	}
	/* Only so that no tape can be made for it. */
	if (getrandom(&w->seed, sizeof(w->seed), GRND_NONBLOCK) != sizeof(w->seed))
		w->seed = 0x9e3779b97f4a7c15;
	w->seed |= 1;
	w->slot_mask = room - 1;
	w->lives = lives;
	w->n_lives = n;
	if (n)
		qsort(lives, n, sizeof(*lives), by_pid);
	for (uint32_t i = 0; i < n; i++) {
		struct who_slot *slot = slot_of(w, lives[i].pid);

		if (!slot->n)
			*slot = (struct who_slot){ .pid = lives[i].pid, .first = i };
		slot->n++;
	}
	*ret = w;
	return 0;
}

void who_free(struct who *w)
{
	if (!w)
		return;
	free(w->lives);
	free(w->slots);
	free(w);
}

const struct who_life *who_at(const struct who *w, uint32_t pid, uint64_t ts)
{
	const struct who_slot *slot = slot_of(w, pid);
	uint32_t low = slot->first, high = slot->first + slot->n;

	/* The last that began before. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (w->lives[middle].from_ns < ts)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == slot->first || w->lives[low - 1].until_ns <= ts)
		return NULL;
	return &w->lives[low - 1];
}
