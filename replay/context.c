/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/moment.h"
#include "format/reader.h"
#include "replay/model.h"

/* A source tells of one boot after the other: the model is that of the last. */
struct boot_model {
	uint8_t boot[TAPE_ID_BYTES];
	struct model *model;
};

struct context {
	struct boot_model *of_source;
	unsigned n_sources;
	bool wants_names;
	struct model *model; /* of the last event */
	struct model_process *process;
};

int context_new(struct context **ret, struct reel_err *err)
{
	struct context *c = calloc(1, sizeof(*c));

	if (!c)
		return reel_err_set(err, -ENOMEM, "no memory to tell whose events are");
	*ret = c;
	return 0;
}

void context_free(struct context *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n_sources; i++)
		model_free(c->of_source[i].model);
	free(c->of_source);
	free(c);
}

void context_want_names(struct context *c)
{
	c->wants_names = true;
}

struct model *context_model(const struct context *c)
{
	return c->model;
}

struct model_process *context_process(const struct context *c)
{
	return c->process;
}

void context_types(bool types[EV_MAX_TYPES])
{
	for (const struct reel_type *t = reel_types; t->name; t++)
		if (t->stream == TAPE_STATE || t->id == EV_lost)
			types[t->id] = true;
}

static uint64_t begin_of(const struct reel_reader *r, const struct reel_boot *boot,
			 const struct reel_moment *moment)
{
	uint64_t ts = (uint64_t)moment->ns, begin = 0;

	if (moment->kind == REEL_ANYTIME)
		return 0;
	if (moment->kind == REEL_REALTIME && !reel_moment_ts(boot, moment->ns, &ts))
		return 0;
	(void)reel_keyframe_before(r, boot, ts, &begin);
	return begin;
}

struct reel_moment context_from(const struct reel_reader *r, const struct reel_moment *moment)
{
	uint64_t from = UINT64_MAX;

	for (unsigned i = 0; i < r->n_boots; i++) {
		uint64_t begin = begin_of(r, &r->boots[i], moment);

		if (begin < from)
			from = begin;
	}
	if (from == UINT64_MAX || !from)
		return (struct reel_moment){ REEL_ANYTIME, 0 };
	return (struct reel_moment){ REEL_BOOTTIME, (int64_t)from };
}

static int model_of(struct context *c, const struct reel_segment *segment, struct model **ret,
		    struct reel_err *err)
{
	struct boot_model *b;
	int r;

	if (segment->source >= c->n_sources) {
		unsigned n = segment->source + 1;

		b = reallocarray(c->of_source, n, sizeof(*b));
		if (!b)
			return reel_err_set(err, -ENOMEM, "no memory to tell whose events are");
		memset(b + c->n_sources, 0, (n - c->n_sources) * sizeof(*b));
		c->of_source = b;
		c->n_sources = n;
	}
	b = &c->of_source[segment->source];
	if (!b->model || memcmp(b->boot, segment->meta.boot, sizeof(b->boot)) != 0) {
		model_free(b->model);
		b->model = NULL;
		r = model_new(segment->meta.host, &b->model, err);
		if (r < 0)
			return r;
		memcpy(b->boot, segment->meta.boot, sizeof(b->boot));
	}
	*ret = b->model;
	return 0;
}

static void put_number(struct reel_render_value *values, unsigned *n, const char *name,
		       uint64_t number)
{
	values[(*n)++] = (struct reel_render_value){ .name = name, .number = number };
}

static void put_text(struct reel_render_value *values, unsigned *n, const char *name,
		     const struct model_text *text)
{
	if (!text)
		return;
	values[(*n)++] = (struct reel_render_value){
		.name = name,
		.is_string = true,
		.string = { text->bytes, text->length, text->true_length },
	};
}

static void tell_lost(struct model *m, const struct reel_event *ev)
{
	struct ev_lost scratch;
	const struct ev_lost *e;

	if (!ev->segment->schema->as_built[EV_lost])
		return;
	e = reel_event_as(ev, &scratch, sizeof(scratch));
	model_lost(m, e->lost_class, e->last);
}

int context_event(struct context *c, const struct reel_event *ev,
		  struct reel_render_value ret[CONTEXT_VALUES_MAX], unsigned *ret_n,
		  struct reel_err *err)
{
	struct model_process *p;
	struct model_change change;
	struct model *m = NULL;
	int r = model_of(c, ev->segment, &m, err);

	*ret_n = 0;
	if (r < 0)
		return r;
	if (ev->type->id == EV_lost)
		tell_lost(m, ev);
	if (ev->type->stream == TAPE_STATE) {
		r = model_event(m, ev, &change, err);
		if (r < 0)
			return r;
		p = change.process;
	} else {
		p = model_find(m, ev->pid);
		if (c->wants_names)
			r = model_names(m, ev, err);
	}
	c->model = m;
	c->process = p;
	if (r < 0)
		return r;
	if (!p || !model_is_certain(m, p))
		return 0;
	if (p->known_by != MODEL_EXEC)
		put_number(ret, ret_n, "ppid", p->ppid);
	if (model_is_certain_of_ids(m, p))
		put_text(ret, ret_n, "comm", p->comm);
	put_text(ret, ret_n, "exe", p->exe);
	if (p->has_ids && model_is_certain_of_ids(m, p))
		put_number(ret, ret_n, "uid", p->ids.uid);
	return 0;
}
