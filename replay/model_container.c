/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cgroups and the containers that they are of. An id of a cgroup may be there in several
 * hierarchies of version 1, each with a path of its own; any path that names a container is
 * believed.
 *
 * A container exists from its first process to its last. One that gets processes again after
 * that has another serial number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/container_id.h"
#include "replay/model_impl.h"

/* Containers */

static void container_unref(struct model *m, struct container *c)
{
	struct container *other;
	void **at;

	if (!c || --c->refs)
		return;
	at = &m->containers.at[model_slot(m, &m->containers, c->c.id->hash)];
	if (*at == c) {
		*at = c->next;
	} else {
		for (other = *at; other->next != c; other = other->next)
			;
		other->next = c->next;
	}
	m->containers.n--;
	model_text_unref(m, c->c.id);
	model_text_unref(m, c->c.name);
	model_text_unref(m, c->c.image);
	m->bytes -= sizeof(*c);
	free(c);
}

static void grow_containers(struct model *m)
{
	uint32_t n;
	void **old;

	if (!model_buckets_grow(m, &m->containers, &old, &n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		for (struct container *c = old[i], *next; c; c = next) {
			void **at = &m->containers.at[model_slot(m, &m->containers, c->c.id->hash)];

			next = c->next;
			c->next = *at;
			*at = c;
		}
	}
	free(old);
}

/* By its id; a new one if there is none. Takes a reference. */
static int container_get(struct model *m, const struct reel_string *id, uint64_t cgroup,
			 struct container **ret)
{
	struct model_text *text = model_text(m, id);
	struct container *c;
	void **at;

	if (!text)
		return -ENOMEM;
	at = &m->containers.at[model_slot(m, &m->containers, text->hash)];
	for (c = *at; c && c->c.id != text; c = c->next)
		;
	if (c) {
		model_text_unref(m, text);
	} else {
		c = calloc(1, sizeof(*c));
		if (!c) {
			model_text_unref(m, text);
			return -ENOMEM;
		}
		c->c.id = text;
		c->c.cgroup = cgroup;
		c->c.is_privileged = -1;
		c->c.serial = model_serial(&m->container_serial);
		c->next = *at;
		*at = c;
		m->bytes += sizeof(*c);
		m->containers.n++;
		grow_containers(m);
	}
	c->refs++;
	*ret = c;
	return 0;
}

static int container_of_path(struct model *m, const char *path, uint64_t cgroup,
			     struct container **ret)
{
	struct container_id id;
	struct reel_string s;
	int r;

	*ret = NULL;
	if (container_of_cgroup(path, &id) < 0)
		return 0;
	s.bytes = (const uint8_t *)id.id;
	s.length = s.true_length = (uint32_t)strlen(id.id);
	r = container_get(m, &s, cgroup, ret);
	if (r == 0 && (*ret)->c.runtime == CONTAINER_UNKNOWN)
		(*ret)->c.runtime = (uint8_t)id.runtime;
	return r;
}

/* Cgroups */

static void **cgroup_slot(const struct model *m, uint64_t id)
{
	return &m->cgroups.at[model_slot(m, &m->cgroups, id)];
}

static struct cgroup *cgroup_lookup(const struct model *m, uint64_t id, uint32_t hierarchy)
{
	struct cgroup *g = *cgroup_slot(m, id);

	while (g && !(g->id == id && g->hierarchy == hierarchy))
		g = g->next;
	return g;
}

bool model_cgroup_find(const struct model *m, uint64_t cgroup, struct container **ret)
{
	bool found = false;

	*ret = NULL;
	for (struct cgroup *g = *cgroup_slot(m, cgroup); g && !*ret; g = g->next) {
		if (g->id != cgroup)
			continue;
		found = true;
		*ret = g->container;
	}
	return found;
}

static void cgroup_free(struct model *m, struct cgroup *g)
{
	void **at = cgroup_slot(m, g->id);
	struct cgroup *other;

	if (*at == g) {
		*at = g->next;
	} else {
		for (other = *at; other->next != g; other = other->next)
			;
		other->next = g->next;
	}
	*(g->older ? &g->older->newer : &m->cgroup_oldest) = g->newer;
	*(g->newer ? &g->newer->older : &m->cgroup_newest) = g->older;
	m->cgroups.n--;
	m->bytes -= sizeof(*g);
	container_unref(m, g->container);
	free(g);
}

static void grow_cgroups(struct model *m)
{
	uint32_t n;
	void **old;

	if (!model_buckets_grow(m, &m->cgroups, &old, &n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		for (struct cgroup *g = old[i], *next; g; g = next) {
			void **at = cgroup_slot(m, g->id);

			next = g->next;
			g->next = *at;
			*at = g;
		}
	}
	free(old);
}

/* Takes the reference to the container over. */
static int cgroup_put(struct model *m, uint64_t id, uint32_t hierarchy, bool is_root,
		      struct container *container)
{
	struct cgroup *g = cgroup_lookup(m, id, hierarchy);
	void **at;

	if (!g) {
		if (m->cgroups.n >= MODEL_CGROUPS_MAX)
			cgroup_free(m, m->cgroup_oldest);
		g = calloc(1, sizeof(*g));
		if (!g) {
			container_unref(m, container);
			return -ENOMEM;
		}
		at = cgroup_slot(m, id);
		g->id = id;
		g->hierarchy = hierarchy;
		g->next = *at;
		*at = g;
		g->older = m->cgroup_newest;
		*(g->older ? &g->older->newer : &m->cgroup_oldest) = g;
		m->cgroup_newest = g;
		m->cgroups.n++;
		m->bytes += sizeof(*g);
		grow_cgroups(m);
	}
	container_unref(m, g->container);
	g->container = container;
	g->is_root = is_root;
	return 0;
}

static int cgroup_put_path(struct model *m, uint64_t id, uint32_t hierarchy,
			   const struct reel_string *path, struct container **ret)
{
	struct model_text *text = model_text(m, path);
	struct container *c = NULL;
	int r;

	if (!text)
		return -ENOMEM;
	r = container_of_path(m, (const char *)text->bytes, id, &c);
	if (r == 0)
		r = cgroup_put(m, id, hierarchy, text->length == 1, c);
	model_text_unref(m, text);
	*ret = c;
	return r;
}

enum { CGROUP_CHANGE_REMOVED = 2 };

int model_on_cgroup(struct told *t, const void *fixed)
{
	const struct ev_cgroup *e = fixed;
	struct reel_string path = reel_event_string_at(t->ev, offsetof(struct ev_cgroup, path));
	struct cgroup *g;
	struct container *c;

	if (e->change == CGROUP_CHANGE_REMOVED) {
		while ((g = cgroup_lookup(t->m, e->cgroup, e->hierarchy)) ||
		       (g = cgroup_lookup(t->m, e->cgroup, CGROUP_NO_HIERARCHY)))
			cgroup_free(t->m, g);
		return 0;
	}
	return cgroup_put_path(t->m, e->cgroup, e->hierarchy, &path, &c);
}

int model_on_container(struct told *t, const void *fixed)
{
	const struct ev_container *e = fixed;
	struct reel_string id =
		reel_event_string_at(t->ev, offsetof(struct ev_container, container_id));
	struct reel_string reason =
		reel_event_string_at(t->ev, offsetof(struct ev_container, reason));
	struct container *c;
	int r;

	if (!id.length)
		return 0;
	r = container_get(t->m, &id, e->cgroup, &c);
	if (r < 0)
		return r;
	if (e->runtime)
		c->c.runtime = e->runtime;
	if (e->privileged)
		c->c.is_privileged = 1;
	else if (!reason.length)
		c->c.is_privileged = 0;
	r = model_take_string(t, offsetof(struct ev_container, name), &c->c.name);
	if (r == 0)
		r = model_take_string(t, offsetof(struct ev_container, image), &c->c.image);
	if (r < 0) {
		container_unref(t->m, c);
		return r;
	}
	return cgroup_put(t->m, e->cgroup, CGROUP_RUNTIME, false, c);
}

/* Members */

void model_container_enter(struct node *n, struct container *c)
{
	n->p.container = &c->c;
	c->c.members++;
	c->refs++;
}

void model_container_drop(struct model *m, struct node *n)
{
	struct model_container *c = n->p.container;

	n->p.container = NULL;
	container_unref(m, (struct container *)c);
}

uint64_t model_container_leave(struct model *m, struct node *n)
{
	struct model_container *c = n->p.container;
	uint64_t ended;

	if (!c || --c->members)
		return 0;
	ended = c->serial;
	c->serial = model_serial(&m->container_serial);
	c->family = 0;
	return ended;
}

int model_container_move(struct model *m, struct node *n, struct container *c)
{
	struct model_container *old = n->p.container;
	struct model_change *e;
	int r = 0;

	n->p.has_container = true;
	if (old == (c ? &c->c : NULL))
		return 0;
	if (c && !c->c.members) {
		/* The first one founds a family, and leaves his own. */
		e = model_ended(m);
		if (!e)
			return -ENOMEM;
		model_settle(m, n);
		e->ended_family = model_family_leave(m, n);
		r = model_family_found(m, n, false);
		c->c.family = n->p.family;
	}
	if (r == 0 && old && old->members == 1) {
		e = model_ended(m);
		if (!e)
			return -ENOMEM;
		e->ended_container = model_container_leave(m, n);
	} else {
		(void)model_container_leave(m, n);
	}
	model_container_drop(m, n);
	if (c)
		model_container_enter(n, c);
	return r;
}

/* The hierarchy that an id is known in, if it is one only. */
static uint32_t hierarchy_of(const struct model *m, uint64_t id)
{
	uint32_t found = CGROUP_NO_HIERARCHY;

	for (struct cgroup *g = *cgroup_slot(m, id); g; g = g->next) {
		if (g->id != id || g->hierarchy >= CGROUP_RUNTIME)
			continue;
		if (found != CGROUP_NO_HIERARCHY)
			return CGROUP_NO_HIERARCHY;
		found = g->hierarchy;
	}
	return found;
}

/*
 * Of a host with several hierarchies each tells of the move. The one that counts is the one that
 * the process was in before; another only if it names a container where the first named none.
 */
int model_on_cgroup_move(struct told *t, const void *fixed)
{
	const struct ev_cgroup_move *e = fixed;
	struct reel_string path =
		reel_event_string_at(t->ev, offsetof(struct ev_cgroup_move, path));
	struct node *n = model_lookup(t->m, e->target);
	struct model *m = t->m;
	struct container *c = NULL;
	struct model_text *text;
	uint32_t old, new;
	int r = 0;

	if (!model_call_worked(t->ev) || !n || n->p.is_dead)
		return 0;
	if (path.length) {
		text = model_text(m, &path);
		if (!text)
			return -ENOMEM;
		r = container_of_path(m, (const char *)text->bytes, e->cgroup, &c);
		model_text_unref(m, text);
	}
	if (r < 0)
		return r;
	if (!c && model_cgroup_find(m, e->cgroup, &c) && c)
		c->refs++;
	old = hierarchy_of(m, n->p.cgroup);
	new = hierarchy_of(m, e->cgroup);
	if (old == new || old == CGROUP_NO_HIERARCHY || new == CGROUP_NO_HIERARCHY ||
	    (c && !n->p.container) || (new == 0 && path.length > 1)) {
		n->p.cgroup = e->cgroup;
		r = model_container_move(m, n, c);
	}
	container_unref(m, c);
	return r;
}

void model_containers_free(struct model *m)
{
	while (m->cgroup_oldest)
		cgroup_free(m, m->cgroup_oldest);
	model_buckets_free(m, &m->cgroups);
	model_buckets_free(m, &m->containers);
}
