/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families of processes: who founds one, who inherits, when it ends.
 *
 * At the beginning of a capture things happen before the keyframe has told of everybody. Whoever
 * does something then has a family that is only guessed, as have his children. When his parent is
 * known the guessed family joins that of the parent: its members count there at once, and are moved
 * one by one as they are asked for.
 */
#include <errno.h>
#include <stdlib.h>

#include "replay/model_impl.h"

static void family_unref(struct model *m, struct family *f)
{
	while (f && --f->refs == 0) {
		struct family *joins = f->joins;

		m->bytes -= sizeof(*f);
		free(f);
		f = joins;
	}
}

static struct family *family_new(struct model *m, bool is_guess)
{
	struct family *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->serial = model_serial(&m->family_serial);
	f->is_guess = is_guess;
	m->n_families++;
	m->bytes += sizeof(*f);
	return f;
}

static void enter(struct node *n, struct family *f)
{
	n->family = f;
	n->p.family = f->serial;
	n->p.has_family = !f->is_guess;
	f->members++;
	f->refs++;
}

int model_family_found(struct model *m, struct node *n, bool is_guess)
{
	struct family *f = family_new(m, is_guess);

	if (!f)
		return -ENOMEM;
	enter(n, f);
	return 0;
}

void model_family_inherit(struct node *n, const struct node *parent)
{
	enter(n, parent->family);
}

/* The one that it has joined, directly or not. On the way each second step is made shorter. */
static struct family *root_of(struct model *m, struct family *f)
{
	while (f->joins && f->joins->joins) {
		struct family *next = f->joins;

		f->joins = next->joins;
		f->joins->refs++;
		f = f->joins;
		family_unref(m, next);
	}
	return f->joins ? f->joins : f;
}

void model_settle(struct model *m, struct node *n)
{
	struct family *f = n->family, *root;

	if (!f)
		return;
	if (f->joins) {
		root = root_of(m, f);
		root->refs++;
		n->family = root;
		n->p.family = root->serial;
		family_unref(m, f);
	}
	n->p.has_family = !n->family->is_guess;
}

void model_family_confirm(struct node *n)
{
	n->family->is_guess = false;
	n->p.has_family = true;
}

uint64_t model_family_leave(struct model *m, struct node *n)
{
	struct family *f = n->family;
	uint64_t ended = 0;

	n->family = NULL;
	if (!f)
		return 0;
	if (--f->members == 0) {
		ended = f->serial;
		m->n_families--;
	}
	family_unref(m, f);
	return ended;
}

int model_family_join(struct model *m, struct node *n, struct node *other)
{
	struct model_change *e;
	struct family *from, *to;

	model_settle(m, n);
	model_settle(m, other);
	from = n->family;
	to = other->family;
	if (from == to || !from->is_guess)
		return 0;
	e = model_ended(m);
	if (!e)
		return -ENOMEM;
	e->ended_family = e->family_from = from->serial;
	e->family_to = to->serial;
	to->members += from->members;
	from->members = 0;
	from->joins = to;
	to->refs++;
	m->n_families--;
	model_settle(m, n);
	return 0;
}

int model_on_setsid(struct told *t, const void *fixed)
{
	struct node *n = t->by;
	struct family *f;

	(void)fixed;
	if (!n || !model_call_worked(t->ev))
		return 0;
	f = family_new(t->m, n->family->is_guess);
	if (!f)
		return -ENOMEM;
	n->p.sid = n->p.pgid = n->p.pid;
	n->p.tty = 0;
	t->change->family_from = n->family->serial;
	t->change->family_to = f->serial;
	t->change->ended_family = model_family_leave(t->m, n);
	enter(n, f);
	return 0;
}
