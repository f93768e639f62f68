/* SPDX-License-Identifier: BSD-2-Clause */
/* What programs of others see of the reader: reel.h, over walk.h. */
#include "reel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/render.h"
#include "format/walk.h"

#define PUBLIC __attribute__((visibility("default")))

_Static_assert(sizeof(((struct reel_err *)0)->msg) == REEL_TAPE_WHY, "reel.h says how much");

struct reel_tape {
	struct reel_reader *reader;
	struct reel_filter filter;
	struct reel_walk *walk; /* NULL: nothing was asked for yet */
	struct reel_event event;
	struct reel_out text;
	struct reel_renderer renderer;
	struct reel_err err;
};

PUBLIC int reel_tape_open(const char *path, struct reel_tape **ret, char why[REEL_TAPE_WHY])
{
	struct reel_tape *t = calloc(1, sizeof(*t));
	struct reel_render_options options = { .format = REEL_RENDER_JSON };
	struct reel_err err = { 0 };
	int r;

	r = t ? reel_reader_open(path, &t->reader, &err) :
		reel_err_set(&err, -ENOMEM, "out of memory");
	if (r == 0) {
		options.host = t->reader->n_sources > 1;
		r = out_init_mem(&t->text);
		if (r == 0)
			r = reel_renderer_init(&t->renderer, &t->text, &options);
		if (r < 0)
			reel_err_set(&err, r, "out of memory");
	}
	if (r < 0) {
		snprintf(why, REEL_TAPE_WHY, "%s", err.msg);
		reel_tape_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

PUBLIC void reel_tape_close(struct reel_tape *t)
{
	if (!t)
		return;
	reel_renderer_done(&t->renderer);
	out_done(&t->text);
	reel_walk_close(t->walk);
	reel_reader_close(t->reader);
	free(t);
}

PUBLIC const char *reel_tape_why(const struct reel_tape *t)
{
	return t->err.msg;
}

static int may_ask(struct reel_tape *t)
{
	return t->walk ? reel_err_set(&t->err, -EBUSY, "the first event was given already") : 0;
}

PUBLIC int reel_tape_types(struct reel_tape *t, const char *names)
{
	int r = may_ask(t);

	t->filter.some_types = true;
	while (r == 0 && *names) {
		size_t n = strcspn(names, ",");
		const struct reel_type *type = reel_type_by_name(names, n);

		if (!type)
			return reel_err_set(&t->err, -ENOENT, "no type of event is called '%.*s'",
					    (int)n, names);
		t->filter.types[type->id] = true;
		names += n + (names[n] == ',');
	}
	return r;
}

static struct reel_moment moment(int64_t ns)
{
	return (struct reel_moment){ ns ? REEL_REALTIME : REEL_ANYTIME, ns };
}

PUBLIC int reel_tape_between(struct reel_tape *t, int64_t from_ns, int64_t to_ns)
{
	t->filter.from = moment(from_ns);
	t->filter.to = moment(to_ns);
	return may_ask(t);
}

PUBLIC int reel_tape_process(struct reel_tape *t, uint32_t pid)
{
	t->filter.pids[0] = pid;
	t->filter.n_pids = 1;
	return may_ask(t);
}

PUBLIC int reel_tape_next(struct reel_tape *t)
{
	int r = t->walk ? 0 : reel_walk_open(t->reader, &t->filter, &t->walk, &t->err);

	return r < 0 ? r : reel_walk_next(t->walk, &t->event, &t->err);
}

PUBLIC const char *reel_tape_type(const struct reel_tape *t)
{
	return t->event.type->name;
}

PUBLIC const char *reel_tape_host(const struct reel_tape *t)
{
	return t->event.segment->meta.host;
}

PUBLIC int64_t reel_tape_time_ns(const struct reel_tape *t)
{
	return reel_walk_realtime(t->walk, &t->event);
}

PUBLIC uint32_t reel_tape_pid(const struct reel_tape *t)
{
	return t->event.pid;
}

PUBLIC uint32_t reel_tape_tid(const struct reel_tape *t)
{
	return t->event.tid;
}

PUBLIC int64_t reel_tape_result(const struct reel_tape *t)
{
	return t->event.ret;
}

PUBLIC int reel_tape_number(const struct reel_tape *t, const char *name, int64_t *ret)
{
	const struct reel_field *f = reel_type_field(t->event.type, name);

	if (!f)
		return -ENOENT;
	if (reel_field_is_string(f) || (f->kind & REEL_KIND_MASK) == REEL_ADDR)
		return -EINVAL;
	*ret = (int64_t)reel_event_number(&t->event, f);
	return 0;
}

PUBLIC int reel_tape_string(const struct reel_tape *t, const char *name, const char **ret,
			    size_t *ret_length, size_t *ret_whole)
{
	const struct reel_field *f = reel_type_field(t->event.type, name);
	struct reel_string s;

	if (!f)
		return -ENOENT;
	if (!reel_field_is_string(f))
		return -EINVAL;
	s = reel_event_string(&t->event, f);
	*ret = (const char *)s.bytes;
	*ret_length = s.length;
	if (ret_whole)
		*ret_whole = s.true_length;
	return 0;
}

PUBLIC int reel_tape_address(const struct reel_tape *t, const char *name, uint8_t ret[16])
{
	const struct reel_field *f = reel_type_field(t->event.type, name);

	if (!f)
		return -ENOENT;
	if ((f->kind & REEL_KIND_MASK) != REEL_ADDR)
		return -EINVAL;
	memcpy(ret, t->event.fixed + f->offset, 16);
	return 0;
}

PUBLIC const char *reel_tape_json(struct reel_tape *t)
{
	out_reset(&t->text);
	reel_render_event(&t->renderer, &t->event, reel_tape_time_ns(t), reel_event_boot(&t->event),
			  reel_tape_host(t));
	if (out_error(&t->text) < 0 || !t->text.len)
		return NULL;
	t->text.buf[t->text.len - 1] = '\0';
	return t->text.buf;
}

PUBLIC uint64_t reel_tape_lost(const struct reel_tape *t)
{
	return t->walk ? reel_walk_health(t->walk)->lost : t->reader->health.lost;
}

PUBLIC const char *reel_tape_ending(const struct reel_tape *t)
{
	return reel_ending_name(t->walk ? reel_walk_health(t->walk)->ending :
					  t->reader->health.ending);
}
