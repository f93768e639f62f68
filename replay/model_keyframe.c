/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keyframes say. Their records come in any order: a parent behind its child, the path of a
 * cgroup behind its processes. Whoever has something open is pending until the keyframe ends;
 * outside of one, until the next event that is no such record.
 */
#include <errno.h>
#include <stdlib.h>

#include "replay/model_impl.h"

int model_pend(struct model *m, struct node *n)
{
	if (n->is_pending || m->n_pending >= MODEL_PENDING_MAX)
		return 0;
	if (m->n_pending == m->pending_room) {
		uint32_t room = m->pending_room ? 2 * m->pending_room : 64;
		struct node **pending = reallocarray(m->pending, room, sizeof(*pending));

		if (!pending)
			return -ENOMEM;
		m->bytes += (room - m->pending_room) * sizeof(*pending);
		m->pending = pending;
		m->pending_room = room;
	}
	m->pending[m->n_pending++] = n;
	n->is_pending = true;
	model_ref(&n->p);
	return 0;
}

/* Its parent by number, if it is the one that is meant. */
static struct node *parent_of(const struct model *m, const struct node *n)
{
	struct node *parent = n->p.ppid ? model_lookup(m, n->p.ppid) : NULL;

	if (!parent || parent == n || !model_same_start(parent->p.start_ns, n->parent_start_ns))
		return NULL;
	return parent->p.is_dead && !n->parent_start_ns ? NULL : parent;
}

static void link_parent(struct node *n, struct node *parent)
{
	n->p.parent = &parent->p;
	model_ref(&parent->p);
}

/* Into the container that its cgroup is of. Its family is what it was: it has not come just now. */
static void place(struct model *m, struct node *n)
{
	struct container *c = NULL;

	if (n->p.has_container)
		return;
	if (n->p.cgroup)
		n->p.has_container = model_cgroup_find(m, n->p.cgroup, &c);
	else
		n->p.has_container = n->p.known_by == MODEL_KEYFRAME;
	if (!c)
		return;
	if (!c->c.members)
		c->c.family = n->p.family;
	model_container_enter(n, c);
}

static void unlink_parent(struct model *m, struct model_process *p)
{
	struct model_process *parent = p->parent;

	p->parent = NULL;
	model_unref(m, parent);
}

enum { STEPS_FREE = 4096, STEPS_EACH = 64 };

/*
 * New links may close a circle, if the tape is wrong. Nodes that were walked over are marked
 * with the number of their walk, so that each is walked over once. If there are far more of them
 * than there are new links, nothing of what was linked now is believed.
 */
static void break_circles(struct model *m)
{
	uint64_t steps = STEPS_FREE + (uint64_t)STEPS_EACH * m->n_pending;
	struct model_process *p;

	for (uint32_t i = 0; i < m->n_pending && steps; i++) {
		uint64_t walk = ++m->walk;

		if (!m->pending[i]->is_linked)
			continue;
		for (p = &m->pending[i]->p; p && node_of(p)->walk <= m->walk_floor && steps;
		     steps--) {
			node_of(p)->walk = walk;
			p = p->parent;
		}
		if (steps && p && node_of(p)->walk == walk)
			unlink_parent(m, p);
	}
	for (uint32_t i = 0; i < m->n_pending; i++) {
		struct node *n = m->pending[i];

		if (n->is_linked && !steps && n->p.parent)
			unlink_parent(m, &n->p);
		n->is_linked = false;
	}
	m->walk_floor = m->walk;
}

int model_resolve(struct model *m)
{
	uint32_t n_pending = m->n_pending;
	int r = 0;

	for (uint32_t i = 0; i < n_pending; i++) {
		struct node *n = m->pending[i], *parent;

		if (n->p.is_dead || n->p.parent || n->p.known_by != MODEL_KEYFRAME)
			continue;
		parent = parent_of(m, n);
		if (!parent)
			continue;
		link_parent(n, parent);
		n->is_linked = true;
	}
	break_circles(m);
	for (uint32_t i = 0; i < n_pending && r == 0; i++) {
		struct node *n = m->pending[i];

		if (n->p.is_dead)
			continue;
		if (n->p.parent && !n->p.parent->is_dead && n->p.known_by == MODEL_KEYFRAME)
			r = model_family_join(m, n, node_of(n->p.parent));
		place(m, n);
	}
	for (uint32_t i = 0; i < n_pending; i++) {
		m->pending[i]->is_pending = false;
		model_unref(m, &m->pending[i]->p);
	}
	m->n_pending = 0;
	return r;
}

/* A process as it is */

static void take_numbers(struct node *n, const struct ev_process *e)
{
	struct model_process *p = &n->p;

	p->vpid = e->vpid;
	p->sid = e->sid;
	p->pgid = e->pgid;
	p->tty = e->tty;
	p->loginuid = e->loginuid;
	p->ids = (struct model_ids){ e->uid, e->euid, e->suid, e->fsuid,
				     e->gid, e->egid, e->sgid, e->fsgid };
	p->caps = (struct model_caps){ e->cap_effective, e->cap_permitted, e->cap_inheritable,
				       e->cap_bounding, e->cap_ambient };
	p->spaces = (struct model_spaces){ e->mnt_ns, e->pid_ns, e->net_ns,   e->user_ns,
					   e->uts_ns, e->ipc_ns, e->cgroup_ns };
	p->seccomp_mode = e->seccomp_mode;
	p->no_new_privs = e->no_new_privs;
	p->kernel_thread = e->kernel_thread;
	p->has_ids = p->has_caps = p->has_bounding = p->has_spaces = true;
	n->has_uids = n->has_gids = true;
}

/* An empty string of a record with a fault was not read. */
static int take_text(struct told *t, uint16_t offset, struct model_text **at)
{
	if ((t->ev->flags & EV_FAULT) && !reel_event_string_at(t->ev, offset).length)
		return 0;
	return model_take_string(t, offset, at);
}

static int take_texts(struct told *t, struct node *n)
{
	struct model_text *exe = n->p.exe;
	int r = take_text(t, offsetof(struct ev_process, exe), &n->p.exe);

	if (r == 0)
		r = take_text(t, offsetof(struct ev_process, comm), &n->p.comm);
	if (r == 0)
		r = take_text(t, offsetof(struct ev_process, argv), &n->p.argv);
	if (r == 0)
		r = take_text(t, offsetof(struct ev_process, cwd), &n->p.cwd);
	if (r == 0 && reel_event_string_at(t->ev, offsetof(struct ev_process, root)).length)
		r = model_take_string(t, offsetof(struct ev_process, root), &n->p.root);
	else if (r == 0 && !(t->ev->flags & EV_FAULT))
		r = model_take_bytes(t->m, "/", 1, &n->p.root);
	if (!n->p.image || exe != n->p.exe)
		n->p.image = model_serial(&t->m->image_serial);
	return r;
}

/* Comes into its cgroup, if that is another one. */
static int take_cgroup(struct model *m, struct node *n, uint64_t cgroup)
{
	struct container *c;

	if (n->p.has_container && n->p.cgroup != cgroup && model_cgroup_find(m, cgroup, &c)) {
		n->p.cgroup = cgroup;
		return model_container_move(m, n, c);
	}
	if (n->p.has_container && n->p.cgroup == cgroup)
		return 0;
	if (n->p.container)
		return 0;
	n->p.cgroup = cgroup;
	n->p.has_container = false;
	place(m, n);
	return 0;
}

/* Of whom nothing was known so far. */
static int take_origin(struct model *m, struct node *n, const struct ev_process *e)
{
	/* Nobody has it as his parent yet, so that no circle can come of it. */
	bool is_unknown = !n->family;
	struct node *parent;
	int r = 0;

	n->p.start_ns = e->start;
	n->p.ppid = e->ppid;
	n->parent_start_ns = e->parent_start;
	parent = is_unknown ? parent_of(m, n) : NULL;
	if (parent)
		link_parent(n, parent);
	if (e->ppid <= 1 || e->sid == n->p.pid) {
		if (is_unknown)
			r = model_family_found(m, n, false);
		else
			model_family_confirm(n);
	} else if (parent && parent->family) {
		model_settle(m, parent);
		model_family_inherit(n, parent);
	} else if (is_unknown) {
		r = model_family_found(m, n, true);
	}
	return r < 0 || parent || !e->ppid ? r : model_pend(m, n);
}

int model_on_process(struct told *t, const void *fixed)
{
	const struct ev_process *e = fixed;
	struct model *m = t->m;
	struct node *n = model_lookup(m, t->ev->pid);
	int r = 0;

	if (!t->ev->pid)
		return 0;
	/* One that has ended but was not waited for. */
	if (e->zombie || (n && n->p.is_dead && e->start && n->p.start_ns == e->start))
		return 0;
	if (!n || n->p.is_dead || !model_same_start(n->p.start_ns, e->start))
		r = model_bear(m, t->ev->pid, t->change, &n);
	if (r < 0)
		return r;
	model_hear(m, n);
	take_numbers(n, e);
	if (n->p.known_by == MODEL_GUESS || n->p.known_by == MODEL_EXEC) {
		r = take_origin(m, n, e);
		n->p.known_by = MODEL_KEYFRAME;
	}
	if (r == 0)
		r = take_texts(t, n);
	if (r == 0)
		r = take_cgroup(m, n, e->cgroup);
	if (r == 0 && !n->p.has_container)
		r = model_pend(m, n);
	n->p.certain_ns = n->p.whole_ns = n->p.ids_ns = n->p.rights_ns = t->ev->ts;
	n->is_vague = false;
	t->change->process = &n->p;
	return r;
}

enum { EDGE_BEGIN, EDGE_END };

/* They are in the order in which they were heard of. */
static int remove_unheard(struct model *m)
{
	int r = 0;

	while (r == 0 && m->oldest && node_of(m->oldest)->generation < m->generation)
		r = model_die(m, node_of(m->oldest));
	return r;
}

int model_on_keyframe(struct told *t, const void *fixed)
{
	const struct ev_keyframe *e = fixed;
	struct model *m = t->m;
	int r;

	if (e->edge == EDGE_BEGIN) {
		r = model_resolve(m);
		m->generation++;
		m->keyframe_is_open = true;
		return r;
	}
	if (!m->keyframe_is_open)
		return 0;
	m->keyframe_is_open = false;
	r = model_resolve(m);
	if (r == 0 && e->complete)
		r = remove_unheard(m);
	return r;
}

/* Accounts */

enum { ACCOUNT_USER };

static void **account_slot(const struct model *m, uint32_t uid)
{
	return &m->accounts.at[model_slot(m, &m->accounts, uid)];
}

static struct account *account_lookup(const struct model *m, uint32_t uid)
{
	struct account *a = *account_slot(m, uid);

	while (a && a->uid != uid)
		a = a->next;
	return a;
}

static void grow_accounts(struct model *m)
{
	uint32_t n;
	void **old;

	if (!model_buckets_grow(m, &m->accounts, &old, &n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		for (struct account *a = old[i], *next; a; a = next) {
			void **at = account_slot(m, a->uid);

			next = a->next;
			a->next = *at;
			*at = a;
		}
	}
	free(old);
}

/* Of several names of a number the first one counts. */
int model_on_account(struct told *t, const void *fixed)
{
	const struct ev_account *e = fixed;
	struct model *m = t->m;
	struct account *a = account_lookup(m, e->account_id);
	void **at;

	if (e->kind != ACCOUNT_USER || (a && a->generation == m->generation))
		return 0;
	if (!a) {
		if (m->accounts.n >= MODEL_ACCOUNTS_MAX)
			return 0;
		a = calloc(1, sizeof(*a));
		if (!a)
			return -ENOMEM;
		at = account_slot(m, e->account_id);
		a->uid = e->account_id;
		a->next = *at;
		*at = a;
		m->accounts.n++;
		m->bytes += sizeof(*a);
		grow_accounts(m);
	}
	a->generation = m->generation;
	return model_take_string(t, offsetof(struct ev_account, name), &a->name);
}

struct model_text *model_user(const struct model *m, uint32_t uid)
{
	const struct account *a = account_lookup(m, uid);

	return a ? a->name : NULL;
}

void model_accounts_free(struct model *m)
{
	for (uint32_t i = 0; m->accounts.at && i < 1u << (64 - m->accounts.shift); i++) {
		for (struct account *a = m->accounts.at[i], *next; a; a = next) {
			next = a->next;
			model_text_unref(m, a->name);
			m->bytes -= sizeof(*a);
			free(a);
		}
	}
	model_buckets_free(m, &m->accounts);
}
