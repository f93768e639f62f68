/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of what no process has done: boots, clocks, coverage, gaps, accounts, containers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "format/tape.h"
#include "replay/case_load_impl.h"

int case_boot_begin(struct case_load *c, const struct reel_boot *boot)
{
	struct row_boot row;

	case_clear(CASE_boot, &row);
	out_reset(&c->texts);
	c->boot = case_new_id(c->w, CASE_boot);
	row.id = c->boot;
	row.capture = c->capture;
	/* As the kernel writes it. */
	for (unsigned i = 0; i < TAPE_ID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out_char(&c->texts, '-');
		out_hex_bytes(&c->texts, boot->id + i, 1);
	}
	row.boot_id = case_text_taken(c, 0);
	if (boot->ts_max)
		CASE_LIFE_OF(c, &row, boot->ts_min, boot->ts_max);
	return case_write(c->w, CASE_boot, &row, c->err);
}

/* Clocks */

enum { CLOCK_STEP = 2 };

static int on_clock(struct case_load *c)
{
	static const char *const reasons[] = { "start", "minute", "step", "end" };
	const struct ev_clock *e = (const void *)c->ev->fixed;
	struct row_clock row;

	case_clear(CASE_clock, &row);
	row.boot = c->boot;
	row.ts = (int64_t)c->ev->ts;
	row.realtime_ns = e->realtime;
	/* Small ones are the clock's own rate, being steered. */
	if (c->has_clock)
		row.stepped = e->reason != CLOCK_STEP ?
				      0 :
				      (int64_t)((uint64_t)e->realtime - (uint64_t)c->last_clock_ns -
						(c->ev->ts - c->last_clock_ts));
	if (e->reason < 4)
		row.reason = case_str(reasons[e->reason]);
	row.synchronized = e->synchronized;
	row.max_error = (int64_t)e->max_error;
	c->has_clock = true;
	c->last_clock_ts = c->ev->ts;
	c->last_clock_ns = e->realtime;
	return case_write(c->w, CASE_clock, &row, c->err);
}

/* Coverage and gaps */

static struct case_text string(struct case_load *c, uint16_t offset)
{
	struct reel_string s = reel_event_string_at(c->ev, offset);

	return (struct case_text){ s.length ? s.bytes : NULL, s.length };
}

static int on_coverage(struct case_load *c)
{
	static const char *const status[] = { "loaded",	 "not wanted", "not there",
					      "refused", "filter",     "partly" };
	const struct ev_coverage *e = (const void *)c->ev->fixed;
	struct row_coverage row;

	case_clear(CASE_coverage, &row);
	row.boot = c->boot;
	row.ns = c->ns;
	row.ts = (int64_t)c->ev->ts;
	row.hook = string(c, offsetof(struct ev_coverage, hook));
	if (!row.hook.bytes)
		row.hook = (struct case_text){ "", 0 };
	row.types = string(c, offsetof(struct ev_coverage, types));
	row.status = case_str(e->status < 6 ? status[e->status] : "unknown");
	row.reason = string(c, offsetof(struct ev_coverage, reason));
	return case_write(c->w, CASE_coverage, &row, c->err);
}

static int on_lost(struct case_load *c)
{
	static const char *const causes[] = { "ring full", "missed run",  "malformed",
					      "disk full", "write error", "recorder stopped" };
	const struct ev_lost *e = (const void *)c->ev->fixed;
	const struct reel_class *class = reel_class_by_id(e->lost_class);
	struct row_gap row;

	case_clear(CASE_gap, &row);
	row.capture = c->capture;
	row.boot = c->boot;
	CASE_LIFE_OF(c, &row, e->first, e->last);
	row.kind = case_str("lost");
	row.cause = case_str(e->cause < 6 ? causes[e->cause] : "unknown");
	if (e->lost_cpu != EV_NO_CPU)
		row.cpu = e->lost_cpu;
	if (class)
		row.class = case_str(class->name);
	if (e->count)
		row.count = (int64_t)e->count;
	return case_write(c->w, CASE_gap, &row, c->err);
}

static int on_retired(struct case_load *c)
{
	const struct ev_retired *e = (const void *)c->ev->fixed;
	struct row_gap row;

	case_clear(CASE_gap, &row);
	row.capture = c->capture;
	row.boot = c->boot;
	CASE_LIFE_OF(c, &row, e->first, e->last);
	row.kind = case_str("retired");
	row.cause = case_str("removed by retention");
	row.count = (int64_t)e->events;
	return case_write(c->w, CASE_gap, &row, c->err);
}

static int put_gap(struct case_load *c, const char *kind, const char *cause, int64_t count,
		   int64_t from_ns, int64_t to_ns)
{
	struct row_gap row;

	case_clear(CASE_gap, &row);
	row.capture = c->capture;
	row.from_ns = from_ns;
	row.to_ns = to_ns;
	row.kind = case_str(kind);
	row.cause = case_str(cause);
	row.count = count;
	return case_write(c->w, CASE_gap, &row, c->err);
}

static const struct reel_segment *segment_at(const struct case_load *c, const char *path,
					     uint64_t offset)
{
	for (unsigned i = 0; i < c->r->n_segments; i++) {
		const struct reel_segment *s = &c->r->segments[i];

		if (strcmp(s->path, path) == 0 && offset >= s->path_offset &&
		    offset - s->path_offset < s->bytes + s->torn_bytes + 1)
			return s;
	}
	return NULL;
}

/* From the last event before the place to the first behind it, in one of its segments. */
static void around(struct case_load *c, const struct reel_segment *s, uint64_t offset,
		   int64_t *ret_from, int64_t *ret_to)
{
	struct reel_clock_cache cache = { 0 };
	uint64_t before = 0, behind = UINT64_MAX;

	*ret_from = *ret_to = CASE_NONE;
	for (uint32_t i = 0; i < s->n_blocks; i++) {
		const struct reel_entry *e = &c->r->blocks[s->first_block + i];
		uint64_t at = s->path_offset + (uint64_t)(e->at - s->base);

		if (at < offset && e->ts_max > before)
			before = e->ts_max;
		if (at > offset && e->ts_min < behind)
			behind = e->ts_min;
	}
	if (before)
		*ret_from = reel_clocks_realtime(&s->boot->clocks, before, &cache);
	if (behind != UINT64_MAX)
		*ret_to = reel_clocks_realtime(&s->boot->clocks, behind, &cache);
}

/* Damages of a file that no segment of a capture could be read from are told with the first. */
int case_damages(struct case_load *c, const struct reel_health *h, const struct reel_source *s)
{
	unsigned number = (unsigned)(s - c->r->sources), n;
	int64_t from, to;
	uint64_t missing = 0;
	int r = 0;

	n = h->n_damages < REEL_DAMAGES_MAX ? (unsigned)h->n_damages : REEL_DAMAGES_MAX;
	for (unsigned i = 0; i < n && r == 0; i++) {
		const struct reel_damage *d = &h->damages[i];
		const struct reel_segment *at = segment_at(c, d->path, d->offset);
		char cause[512];

		if (at ? at->source != number : number)
			continue;
		from = to = CASE_NONE;
		if (at)
			around(c, at, d->offset, &from, &to);
		snprintf(cause, sizeof(cause), "%s at byte %llu: %s", d->path,
			 (unsigned long long)d->offset, d->what);
		r = put_gap(c, "damaged", cause, CASE_NONE, from, to);
	}
	for (unsigned i = 0; i < s->n_segments && r == 0; i++) {
		const struct reel_segment *at = &c->r->segments[s->first_segment + i];

		missing += at->missing_blocks;
		if (!at->torn_bytes)
			continue;
		around(c, at, at->path_offset + at->bytes + 1, &from, &to);
		r = put_gap(c, "torn", at->path, CASE_NONE, from, CASE_NONE);
	}
	if (missing && r == 0)
		r = put_gap(c, "missing", "blocks that the numbers of others show to be missing",
			    (int64_t)missing, CASE_NONE, CASE_NONE);
	return r;
}

/* Accounts: keyframes tell them again and again. */

static bool was_written(struct case_load *c, uint64_t hash, int *ret)
{
	uint32_t i, room = c->users_room ? 2 * c->users_room : 256;

	if (!c->n_users && c->users)
		memset(c->users, 0, c->users_room * sizeof(*c->users));
	if (2 * c->n_users >= c->users_room && c->n_users < CASE_USERS_MAX) {
		uint64_t *list = calloc(room, sizeof(*list));

		if (!list) {
			*ret = -ENOMEM;
			return true;
		}
		for (uint32_t k = 0; k < c->users_room; k++) {
			for (i = (uint32_t)c->users[k] & (room - 1); c->users[k] && list[i];)
				i = (i + 1) & (room - 1);
			if (c->users[k])
				list[i] = c->users[k];
		}
		free(c->users);
		c->users = list;
		c->users_room = room;
	}
	for (i = (uint32_t)hash & (c->users_room - 1); c->users[i];
	     i = (i + 1) & (c->users_room - 1))
		if (c->users[i] == hash)
			return true;
	if (c->n_users >= CASE_USERS_MAX)
		return true;
	c->users[i] = hash;
	c->n_users++;
	return false;
}

static int on_account(struct case_load *c)
{
	const struct ev_account *e = (const void *)c->ev->fixed;
	struct row_user row;
	uint64_t hash;
	int r = 0;

	case_clear(CASE_user, &row);
	row.capture = c->capture;
	row.kind = case_str(e->kind ? "group" : "user");
	row.number = e->account_id;
	row.name = string(c, offsetof(struct ev_account, name));
	if (!row.name.bytes)
		row.name = (struct case_text){ "", 0 };
	if (!e->kind)
		row.gid = e->gid;
	row.home = string(c, offsetof(struct ev_account, home));
	row.shell = string(c, offsetof(struct ev_account, shell));
	hash = XXH3_64bits_withSeed(row.name.bytes, row.name.length,
				    (uint64_t)e->account_id << 32 ^ e->gid << 1 ^ e->kind);
	hash = XXH3_64bits_withSeed(row.home.bytes, row.home.length, hash);
	hash = XXH3_64bits_withSeed(row.shell.bytes, row.shell.length, hash) | 1;
	return was_written(c, hash, &r) ? r : case_write(c->w, CASE_user, &row, c->err);
}

/* Cgroups */

static struct case_cgroup **cgroup_slot(struct case_load *c, uint64_t id)
{
	return &c->cgroups[id % CASE_BUCKETS];
}

static struct case_cgroup *cgroup_find(struct case_load *c, uint64_t id)
{
	struct case_cgroup *g = id ? *cgroup_slot(c, id) : NULL;

	while (g && g->id != id)
		g = g->next;
	return g;
}

struct model_text *case_cgroup_path(struct case_load *c, uint64_t id)
{
	struct case_cgroup *g = cgroup_find(c, id);

	return g ? g->path : NULL;
}

static int take_string(struct case_load *c, struct model_text **to, uint16_t offset)
{
	struct reel_string s = reel_event_string_at(c->ev, offset);
	struct model_text *text;

	if (!s.length)
		return 0;
	text = model_text(c->m, &s);
	if (!text)
		return -ENOMEM;
	model_text_unref(c->m, *to);
	*to = text;
	return 0;
}

static int name_cgroup(struct case_load *c, uint64_t id, uint16_t path)
{
	struct case_cgroup *g = cgroup_find(c, id);

	if (!id || (!g && c->n_cgroups >= CASE_CGROUPS_MAX))
		return 0;
	if (!g) {
		g = calloc(1, sizeof(*g));
		if (!g)
			return -ENOMEM;
		g->id = id;
		g->next = *cgroup_slot(c, id);
		*cgroup_slot(c, id) = g;
		c->n_cgroups++;
	}
	return take_string(c, &g->path, path);
}

/* Containers */

static struct case_container **container_slot(struct case_load *c, uint64_t serial)
{
	return &c->containers[serial % CASE_BUCKETS];
}

static void take_text(struct case_load *c, struct model_text **to, struct model_text *text)
{
	if (!text)
		return;
	model_text_ref(text);
	model_text_unref(c->m, *to);
	*to = text;
}

int case_container_of(struct case_load *c, const struct model_process *p, int64_t *ret)
{
	const struct model_container *m = p->container;
	struct case_container *k;

	if (!m)
		return 0;
	k = *container_slot(c, m->serial);
	while (k && k->serial != m->serial)
		k = k->next;
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return -ENOMEM;
		k->row = case_new_id(c->w, CASE_container);
		k->serial = m->serial;
		k->from_ts = c->change_how == EV_process || c->change_how == EV_keyframe || !c->ev ?
				     0 :
				     c->ev->ts;
		k->next = *container_slot(c, m->serial);
		*container_slot(c, m->serial) = k;
	}
	take_text(c, &k->id, m->id);
	take_text(c, &k->name, m->name);
	take_text(c, &k->image, m->image);
	k->runtime = m->runtime;
	k->privileged = m->is_privileged;
	k->cgroup = m->cgroup;
	*ret = k->row;
	return 0;
}

static void free_container(struct case_load *c, struct case_container *k)
{
	model_text_unref(c->m, k->id);
	model_text_unref(c->m, k->name);
	model_text_unref(c->m, k->image);
	model_text_unref(c->m, k->labels);
	model_text_unref(c->m, k->mounts);
	free(k);
}

static int write_container(struct case_load *c, struct case_container *k, uint64_t to_ts)
{
	static const char *const runtimes[] = { "unknown", "docker", "podman", "containerd",
						"cri-o" };
	struct row_container row;
	int r;

	case_clear(CASE_container, &row);
	row.id = k->row;
	row.boot = c->boot;
	CASE_LIFE_OF(c, &row, k->from_ts, to_ts);
	row.container_id = case_model_text(k->id);
	row.name = case_model_text(k->name);
	row.image = case_model_text(k->image);
	row.runtime = case_str(runtimes[k->runtime < 5 ? k->runtime : 0]);
	if (k->privileged >= 0)
		row.privileged = k->privileged;
	row.cgroup = case_model_text(case_cgroup_path(c, k->cgroup));
	row.labels = case_model_text(k->labels);
	row.mounts = case_model_text(k->mounts);
	r = case_write(c->w, CASE_container, &row, c->err);
	free_container(c, k);
	return r;
}

int case_container_ended(struct case_load *c, uint64_t serial)
{
	struct case_container **at = container_slot(c, serial), *k;

	while (*at && (*at)->serial != serial)
		at = &(*at)->next;
	k = *at;
	if (!k)
		return 0;
	*at = k->next;
	return write_container(c, k, c->ev->ts);
}

/* What a runtime says of one that is there. */
static int on_container(struct case_load *c)
{
	struct reel_string id =
		reel_event_string_at(c->ev, offsetof(struct ev_container, container_id));
	int r = 0;

	for (unsigned i = 0; i < CASE_BUCKETS; i++) {
		for (struct case_container *k = c->containers[i]; k && r == 0; k = k->next) {
			if (!k->id || k->id->length != id.length || !id.length ||
			    memcmp(k->id->bytes, id.bytes, id.length) != 0)
				continue;
			r = take_string(c, &k->labels, offsetof(struct ev_container, labels));
			if (r == 0)
				r = take_string(c, &k->mounts,
						offsetof(struct ev_container, mounts));
			if (r == 0)
				r = take_string(c, &k->name, offsetof(struct ev_container, name));
			if (r == 0)
				r = take_string(c, &k->image, offsetof(struct ev_container, image));
			k->runtime =
				((const struct ev_container *)(const void *)c->ev->fixed)->runtime;
			k->privileged = ((const struct ev_container *)(const void *)c->ev->fixed)
						->privileged;
		}
	}
	return r;
}

int case_machine_end(struct case_load *c)
{
	int r = 0;

	for (unsigned i = 0; i < CASE_BUCKETS; i++) {
		while (c->containers[i] && r == 0) {
			struct case_container *k = c->containers[i];

			c->containers[i] = k->next;
			r = write_container(c, k, 0);
		}
	}
	return r;
}

void case_machine_free(struct case_load *c)
{
	for (unsigned i = 0; i < CASE_BUCKETS; i++) {
		while (c->containers[i]) {
			struct case_container *k = c->containers[i];

			c->containers[i] = k->next;
			free_container(c, k);
		}
		while (c->cgroups[i]) {
			struct case_cgroup *g = c->cgroups[i];

			c->cgroups[i] = g->next;
			model_text_unref(c->m, g->path);
			free(g);
		}
	}
	c->n_cgroups = 0;
}

int case_machine_event(struct case_load *c)
{
	const uint8_t id = c->ev->type->id;

	if (!c->ev->segment->schema->as_built[id])
		return 0;
	switch (id) {
	case EV_clock:
		return on_clock(c);
	case EV_coverage:
		return on_coverage(c);
	case EV_lost:
		return on_lost(c);
	case EV_retired:
		return on_retired(c);
	case EV_account:
		return on_account(c);
	case EV_cgroup:
		return name_cgroup(c,
				   ((const struct ev_cgroup *)(const void *)c->ev->fixed)->cgroup,
				   offsetof(struct ev_cgroup, path));
	case EV_cgroup_move:
		return name_cgroup(c,
				   ((const struct ev_cgroup_move *)(const void *)c->ev->fixed)
					   ->cgroup,
				   offsetof(struct ev_cgroup_move, path));
	case EV_container:
		return on_container(c);
	}
	return 0;
}
