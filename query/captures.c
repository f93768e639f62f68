/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/captures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/sieve.h"

struct reel_captures {
	struct reel_capture *list; /* the open ones, if there are any, are the first */
	char *paths[REEL_CAPTURE_PATHS_MAX];
	unsigned n_paths;
	struct reel_keys *keys; /* NULL: none */
	char closed_why[sizeof(((struct reel_health *)0)->closed_why)];
	unsigned refs;
	uint64_t uses;
};

int reel_captures_new(struct reel_captures **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->refs = 1;
	return 0;
}

void reel_captures_ref(struct reel_captures *c)
{
	c->refs++;
}

void reel_capture_unref(struct reel_capture *c)
{
	if (!c || --c->refs > 0)
		return;
	reel_reader_close(c->reader);
	free(c->losses);
	free(c->ids);
	free(c->ids_at);
	free(c->path);
	free(c);
}

static void forget_paths(struct reel_captures *c, unsigned from)
{
	while (c->n_paths > from)
		free(c->paths[--c->n_paths]);
}

/* Takes the capture that *at names out of the list. */
static void drop(struct reel_capture **at)
{
	struct reel_capture *c = *at;

	*at = c->next;
	c->next = NULL;
	reel_capture_unref(c);
}

void reel_captures_close(struct reel_captures *c)
{
	while (c->list)
		drop(&c->list);
	forget_paths(c, 0);
}

void reel_captures_unref(struct reel_captures *c)
{
	if (!c || --c->refs > 0)
		return;
	reel_captures_close(c);
	reel_keys_free(c->keys);
	free(c);
}

int reel_captures_add_key(struct reel_captures *c, const char *path, struct reel_err *err)
{
	int r = c->keys ? 0 : reel_keys_new(&c->keys, err);

	return r < 0 ? r : reel_keys_add(c->keys, path, err);
}

const struct reel_keys *reel_captures_keys(const struct reel_captures *c)
{
	return c->keys;
}

void reel_captures_note_closed(struct reel_captures *c, const char *why)
{
	snprintf(c->closed_why, sizeof(c->closed_why), "%s", why);
}

static int capture_new(char *const *paths, unsigned n, const char *path,
		       const struct reel_keys *keys, struct reel_capture **ret,
		       struct reel_err *err)
{
	struct reel_capture *c = calloc(1, sizeof(*c));
	int r = 0;

	if (c && path)
		c->path = strdup(path);
	if (!c || (path && !c->path))
		r = reel_err_set(err, -ENOMEM, "no memory for a capture");
	if (r == 0)
		r = reel_reader_open_all(paths, n, keys, &c->reader, err);
	if (r < 0) {
		if (c)
			free(c->path);
		free(c);
		return r;
	}
	c->refs = 1;
	c->health = c->reader->health;
	*ret = c;
	return 0;
}

int reel_captures_open(struct reel_captures *c, const char *const *paths, unsigned n,
		       struct reel_err *err)
{
	unsigned before = c->n_paths;
	struct reel_capture *opened = NULL;
	int r = 0;

	if (n > REEL_CAPTURE_PATHS_MAX - before)
		return reel_err_set(err, -E2BIG, "more than %u captures", REEL_CAPTURE_PATHS_MAX);
	for (unsigned i = 0; i < n && r == 0; i++) {
		c->paths[c->n_paths] = strdup(paths[i]);
		if (c->paths[c->n_paths])
			c->n_paths++;
		else
			r = reel_err_set(err, -ENOMEM, "no memory for a path");
	}
	if (r == 0)
		r = capture_new(c->paths, c->n_paths, NULL, c->keys, &opened, err);
	if (r < 0) {
		forget_paths(c, before);
		return r;
	}
	if (c->list && !c->list->path)
		drop(&c->list);
	opened->next = c->list;
	c->list = opened;
	return 0;
}

/* Closes what was used longest ago, if there are too many that were given by path. */
static void make_room(struct reel_captures *c)
{
	struct reel_capture **oldest = NULL;
	unsigned n = 0;

	for (struct reel_capture **at = &c->list; *at; at = &(*at)->next) {
		if (!(*at)->path)
			continue;
		n++;
		if ((*at)->refs == 1 && (!oldest || (*at)->used < (*oldest)->used))
			oldest = at;
	}
	if (n >= REEL_CAPTURES_KEPT && oldest)
		drop(oldest);
}

int reel_captures_get(struct reel_captures *c, const char *path, struct reel_capture **ret,
		      struct reel_err *err)
{
	struct reel_capture *found = c->list, **end = &c->list;
	char *paths[1];
	int r;

	if (!path) {
		if ((!found || found->path) && *c->closed_why)
			return reel_err_set(err, -ENODATA, "%s", c->closed_why);
		if (!found || found->path)
			return reel_err_set(err, -ENODATA,
					    "no capture is open: call reel_open('PATH'), or name "
					    "it, as in reel_event('PATH')");
	} else {
		while (found && (!found->path || strcmp(found->path, path) != 0))
			found = found->next;
	}
	if (!found) {
		make_room(c);
		paths[0] = (char *)(uintptr_t)path;
		r = capture_new(paths, 1, path, c->keys, &found, err);
		if (r < 0)
			return r;
		while (*end)
			end = &(*end)->next;
		*end = found;
	}
	found->used = ++c->uses;
	found->refs++;
	*ret = found;
	return 0;
}

struct reel_capture *reel_captures_each(struct reel_captures *c, struct reel_capture *last)
{
	return last ? last->next : c->list;
}

/* Losses ------------------------------------------------------------------------------------- */

static int add_loss(struct reel_capture *c, size_t *room, const struct reel_loss *loss)
{
	if (c->n_losses == *room) {
		size_t n = *room ? 2 * *room : 64;
		struct reel_loss *larger = reallocarray(c->losses, n, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		c->losses = larger;
		*room = n;
	}
	c->losses[c->n_losses++] = *loss;
	return 0;
}

static int take_losses(struct reel_capture *c, struct reel_unpacked *u, size_t *room)
{
	if (!u->schema->as_built[EV_lost])
		return 0;
	for (uint32_t run = 0; run < u->n_runs; run++) {
		for (uint32_t i = u->run_at[run]; i < u->run_at[run + 1]; i++) {
			const struct ev_lost *record;
			struct ev_lost scratch;
			struct reel_event ev;
			struct reel_loss loss;

			if (u->type[i] != EV_lost)
				continue;
			reel_unpacked_event(u, run, i, &ev);
			record = reel_event_as(&ev, &scratch, sizeof(scratch));
			loss = (struct reel_loss){ u->segment->boot, record->first, record->last,
						   record->count, false };
			if (add_loss(c, room, &loss) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int read_losses(struct reel_capture *c, struct reel_err *err)
{
	const struct reel_reader *r = c->reader;
	struct reel_unpacked u = { 0 };
	struct reel_err why = { 0 };
	size_t room = 0;
	int result = 0;

	for (uint32_t i = 0; result == 0 && i < r->n_blocks; i++) {
		const struct reel_entry *e = &r->blocks[i];
		const struct reel_segment *s = &r->segments[e->segment];

		if (e->kind != TAPE_GAP || !(e->types[EV_lost / 8] & 1u << EV_lost % 8))
			continue;
		result = reel_reader_unpack(r, i, &u, &why);
		if (result == 0) {
			result = take_losses(c, &u, &room);
		} else if (result != -ENOMEM) {
			reel_health_add(&c->health, s->path,
					s->path_offset + (uint64_t)(e->at - s->base), why.msg);
			result = 0;
		}
	}
	reel_unpack_done(&u);
	if (result < 0) {
		free(c->losses);
		c->losses = NULL;
		c->n_losses = 0;
		return reel_err_set(err, result, "no memory for what was lost");
	}
	c->has_losses = true;
	return 0;
}

int reel_capture_ask(struct reel_capture *c, const struct reel_filter *f, struct reel_err *err)
{
	const struct reel_boot *boot = NULL;
	struct reel_sieve sieve;
	int r = c->has_losses ? 0 : read_losses(c, err);

	for (size_t i = 0; r == 0 && i < c->n_losses; i++) {
		struct reel_loss *loss = &c->losses[i];

		if (loss->is_counted)
			continue;
		if (loss->boot != boot) {
			boot = loss->boot;
			reel_sieve_init(&sieve, f, &boot->clocks);
		}
		if (!reel_sieve_wants_time(&sieve, loss->first, loss->last))
			continue;
		loss->is_counted = true;
		c->health.lost += loss->count;
	}
	return r;
}
