/* SPDX-License-Identifier: BSD-2-Clause */
/* What rows lead to, kept as long as the scanner. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/scan.h"

enum { KEPT_MAX = 1 << 22, ROWS_FIRST = 64 };

int scan_lists_init(struct scan_lists *l, const struct scan_plan *plan)
{
	uint32_t n_steps = plan->eval->rules->n_steps;

	memset(l, 0, sizeof(*l));
	l->index = calloc(2 * (plan->n_probes + 1u), sizeof(*l->index));
	l->last = calloc(n_steps + 1u, sizeof(*l->last));
	l->is_in = calloc(n_steps + 1u, sizeof(*l->is_in));
	return l->index && l->last && l->is_in ? 0 : -ENOMEM;
}

void scan_lists_done(struct scan_lists *l, const struct scan_plan *plan)
{
	for (uint32_t i = 0; l->index && i < 2 * plan->n_probes; i++)
		free(l->index[i].at);
	free(l->index);
	free(l->memory);
	free(l->last);
	free(l->is_in);
	memset(l, 0, sizeof(*l));
}

static void add(struct scan_lists *l, uint32_t step)
{
	if (l->is_in[step])
		return;
	l->is_in[step] = true;
	l->last[++l->last[0]] = step;
}

static bool is_excluded(const struct scan_probe *p, const struct scan_unless *u,
			const struct match_row *row)
{
	for (uint32_t i = 0; i < u->n; i++)
		if (match_truth(row, p->unless_tests[u->first + i]) == TRUTH_YES)
			return true;
	return false;
}

/* The steps of those tests of the probe that hold, or may, and all whom none excludes. */
static void make(struct scan_lists *l, const struct scan_plan *plan, const struct scan_probe *p,
		 const struct match_row *row, bool is_there)
{
	l->last[0] = 0;
	for (uint32_t i = 0; i < p->n_unless; i++)
		if (plan->keeps_all || !is_there || !is_excluded(p, &p->unless[i], row))
			add(l, p->unless[i].step);
	for (uint32_t w = 0; w < p->n_words; w++) {
		uint64_t bits = row->yes[w];

		if (row->has_unknown)
			bits |= row->unknown[w];
		for (bits &= p->mask[w]; bits; bits &= bits - 1) {
			uint32_t t = w * 64 + (uint32_t)__builtin_ctzll(bits);

			for (uint32_t i = p->first[t]; i < p->first[t + 1]; i++)
				add(l, p->steps[i]);
		}
	}
	for (uint32_t i = 1; i <= l->last[0]; i++)
		l->is_in[l->last[i]] = false;
}

static void *larger(void *memory, uint32_t *room, uint32_t wanted, uint32_t first)
{
	uint32_t more = *room ? *room : first;
	uint32_t *to;

	while (more < wanted)
		more *= 2;
	to = reallocarray(memory, more, sizeof(*to));
	if (!to)
		return NULL;
	memset(to + *room, 0, (more - *room) * sizeof(*to));
	*room = more;
	return to;
}

/* Without memory it is made again when it is met again. */
static void keep(struct scan_lists *l, struct scan_list_index *index, uint32_t number)
{
	uint32_t n = l->last[0] + 1;
	uint32_t *to;

	if (l->used + n > KEPT_MAX || number >= KEPT_MAX)
		return;
	if (number >= index->room) {
		to = larger(index->at, &index->room, number + 1, ROWS_FIRST);
		if (!to)
			return;
		index->at = to;
	}
	if (l->used + n > l->room) {
		to = larger(l->memory, &l->room, l->used + n, 1024);
		if (!to)
			return;
		l->memory = to;
	}
	memcpy(l->memory + l->used, l->last, n * sizeof(*l->last));
	index->at[number] = l->used + 1;
	l->used += n;
}

const uint32_t *scan_list(struct scan_lists *l, const struct scan_plan *plan,
			  const struct scan_probe *p, const struct match_row *row, bool is_there)
{
	struct scan_list_index *index = &l->index[2 * p->number + is_there];

	if (!row->is_fleeting && row->number < index->room && index->at[row->number])
		return l->memory + index->at[row->number] - 1;
	make(l, plan, p, row, is_there);
	if (!row->is_fleeting)
		keep(l, index, row->number);
	return l->last;
}
