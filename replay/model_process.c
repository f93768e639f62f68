/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a process is there. The living are in the table, and in a list by when they were
 * heard of. Of the dead the last ones stay in the table too, since some events come behind the
 * exit; the others live on as ancestors, held by their children alone.
 *
 * References: one of the table or of the ring of the dead, one of each child, one of being pending,
 * and those of the reader.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/model_impl.h"

/* What /proc says of a start is cut to this. */
#define TICK_NS (10ull * 1000 * 1000)

bool model_same_start(uint64_t a, uint64_t b)
{
	uint64_t less = a < b ? a : b, more = a < b ? b : a;

	return !less || less == more || (less % TICK_NS == 0 && more - less < TICK_NS);
}

/* The table */

static void **slot_of(const struct model *m, uint32_t pid)
{
	return &m->processes.at[model_slot(m, &m->processes, pid)];
}

struct node *model_lookup(const struct model *m, uint32_t pid)
{
	struct model_process *p = *slot_of(m, pid);

	while (p && p->pid != pid)
		p = p->next_by_pid;
	return p ? node_of(p) : NULL;
}

static void grow_table(struct model *m)
{
	uint32_t n;
	void **old;

	if (!model_buckets_grow(m, &m->processes, &old, &n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		for (struct model_process *p = old[i], *next; p; p = next) {
			void **at = slot_of(m, p->pid);

			next = p->next_by_pid;
			p->next_by_pid = *at;
			*at = p;
		}
	}
	free(old);
}

static void enter_table(struct model *m, struct node *n)
{
	void **at = slot_of(m, n->p.pid);

	n->p.next_by_pid = *at;
	*at = &n->p;
	n->is_hashed = true;
	m->processes.n++;
	grow_table(m);
}

static void leave_table(struct model *m, struct node *n)
{
	void **at = slot_of(m, n->p.pid);
	struct model_process *p = *at;

	if (!n->is_hashed)
		return;
	n->is_hashed = false;
	m->processes.n--;
	if (p == &n->p) {
		*at = p->next_by_pid;
		return;
	}
	while (p->next_by_pid != &n->p)
		p = p->next_by_pid;
	p->next_by_pid = n->p.next_by_pid;
}

/* The list */

static void leave_list(struct model *m, struct model_process *p)
{
	*(p->older ? &p->older->newer : &m->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &m->newest) = p->older;
	p->older = p->newer = NULL;
}

static void enter_list(struct model *m, struct model_process *p)
{
	p->older = m->newest;
	p->newer = NULL;
	*(p->older ? &p->older->newer : &m->oldest) = p;
	m->newest = p;
}

void model_hear(struct model *m, struct node *n)
{
	n->generation = m->generation;
	if (m->newest == &n->p || n->p.is_dead)
		return;
	leave_list(m, &n->p);
	enter_list(m, &n->p);
}

struct model_process *model_next(const struct model *m, const struct model_process *before)
{
	return before ? before->newer : m->oldest;
}

/* References */

void model_ref(struct model_process *p)
{
	p->refs++;
}

static void free_node(struct model *m, struct node *n)
{
	struct model_process *p = &n->p;

	model_container_drop(m, n);
	model_text_unref(m, p->exe);
	model_text_unref(m, p->comm);
	model_text_unref(m, p->argv);
	model_text_unref(m, p->cwd);
	model_text_unref(m, p->root);
	m->n_dead--;
	m->bytes -= sizeof(*n);
	free(n);
}

/* From child to parent, as far as each was the last who referred to the next. */
void model_unref(struct model *m, struct model_process *p)
{
	while (p && --p->refs == 0) {
		struct model_process *parent = p->parent;

		free_node(m, node_of(p));
		p = parent;
	}
}

/* Leaves KEEP dead ones in a row above P, up to the first who lives. */
void model_cut_ancestors(struct model *m, struct model_process *p, uint32_t keep)
{
	struct model_process *cut;

	for (uint32_t n = 0; p->parent && p->parent->is_dead; n++, p = p->parent) {
		if (n < keep)
			continue;
		cut = p->parent;
		p->parent = NULL;
		model_unref(m, cut);
		return;
	}
}

/*
 * Chains may also die from their youngest on, and are then longer than a fork ever sees. Each time
 * that the dead are too many, all chains are cut, if need be to nothing.
 */
static void bound_dead(struct model *m)
{
	uint64_t limit = MODEL_DEAD_MAX + m->n_living;

	if (m->n_dead <= limit || m->n_dead <= m->n_dead_limit)
		return;
	for (uint32_t keep = MODEL_ANCESTORS_MAX;; keep /= 2) {
		for (struct model_process *p = m->oldest; p; p = p->newer)
			model_cut_ancestors(m, p, keep);
		if (m->n_dead <= limit / 2 || !keep)
			break;
	}
	/* The reader may hold them. */
	m->n_dead_limit = 2 * m->n_dead;
}

/* Birth and death */

static void let_go(struct model *m, struct node *n)
{
	leave_table(m, n);
	model_unref(m, &n->p);
}

static void linger(struct model *m, struct node *n)
{
	struct node *last = m->linger[m->linger_at];

	m->linger[m->linger_at] = n;
	m->linger_at = (m->linger_at + 1) % MODEL_LINGER;
	if (last)
		let_go(m, last);
}

int model_die(struct model *m, struct node *n)
{
	struct model_change *e = model_ended(m);

	if (!e)
		return -ENOMEM;
	model_settle(m, n);
	e->ended_process = n->p.serial;
	e->ended_container = model_container_leave(m, n);
	e->ended_family = model_family_leave(m, n);
	leave_list(m, &n->p);
	n->p.is_dead = true;
	m->n_living--;
	m->n_dead++;
	linger(m, n);
	bound_dead(m);
	return 0;
}

int model_bear(struct model *m, uint32_t pid, struct model_change *change, struct node **ret)
{
	struct node *n = model_lookup(m, pid);
	int r = 0;

	if (n && !n->p.is_dead)
		r = model_die(m, n);
	if (n && r == 0)
		leave_table(m, n);
	if (r == 0 && m->oldest && (m->n_living >= m->processes_max || m->bytes > m->bytes_max)) {
		change->evicted = true;
		m->evicted++;
		r = model_die(m, node_of(m->oldest));
	}
	if (r < 0)
		return r;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	m->bytes += sizeof(*n);
	m->n_living++;
	n->p.pid = pid;
	n->p.refs = 1;
	n->p.serial = model_serial(&m->serial);
	n->p.loginuid = UINT32_MAX;
	n->generation = m->generation;
	enter_table(m, n);
	enter_list(m, &n->p);
	*ret = n;
	return 0;
}

int model_guess(struct model *m, uint32_t pid, struct model_change *change, struct node **ret)
{
	int r = model_bear(m, pid, change, ret);

	if (r < 0)
		return r;
	(*ret)->is_vague = true;
	return model_family_found(m, *ret, true);
}

void model_processes_free(struct model *m)
{
	for (uint32_t i = 0; i < m->n_pending; i++)
		model_unref(m, &m->pending[i]->p);
	free(m->pending);
	while (m->oldest) {
		struct node *n = node_of(m->oldest);

		model_settle(m, n);
		(void)model_container_leave(m, n);
		(void)model_family_leave(m, n);
		leave_list(m, &n->p);
		m->n_living--;
		m->n_dead++;
		let_go(m, n);
	}
	for (uint32_t i = 0; i < MODEL_LINGER; i++)
		if (m->linger[i])
			let_go(m, m->linger[i]);
	model_buckets_free(m, &m->processes);
}
