/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/case_load_impl.h"

enum { PROGRESS_EVENTS = 1 << 16 };

/* Values */

int64_t case_ns(struct case_load *c, uint64_t ts)
{
	int64_t ns = ts ? reel_clocks_realtime(&c->reel_boot->clocks, ts, &c->clock) : 0;

	return ns ? ns : CASE_NONE;
}

static char *put_decimal(char *p, uint64_t v)
{
	return out_digits(p, v);
}

/* As reel_event_id() has it. */
struct case_text case_event(struct case_load *c, unsigned place, const struct life_event *e)
{
	char *text = c->event_text[place], *p = text;

	if (!e->is_there)
		return (struct case_text){ 0 };
	memcpy(p, c->boot_name, 8);
	p += 8;
	*p++ = '-';
	if (e->cpu == EV_NO_CPU)
		*p++ = 'r';
	else
		p = put_decimal(p, e->cpu);
	*p++ = '-';
	p = put_decimal(p, e->seq);
	return (struct case_text){ text, (size_t)(p - text) };
}

size_t case_text_begin(struct case_load *c)
{
	return c->texts.len;
}

struct case_text case_text_taken(const struct case_load *c, size_t from)
{
	return (struct case_text){ c->texts.buf + from, c->texts.len - from };
}

void case_put_args(struct reel_out *o, const struct model_text *args)
{
	const uint8_t *at = args->bytes, *end = at + args->length;

	out_char(o, '[');
	while (at < end) {
		const uint8_t *nul = memchr(at, '\0', (size_t)(end - at));
		size_t n = (size_t)((nul ? nul : end) - at);

		if (at > args->bytes)
			out_char(o, ',');
		(void)out_json_string(o, at, n);
		at += n + (nul != NULL);
	}
	out_char(o, ']');
}

void case_put_names(struct reel_out *o, const char *hint, uint64_t value)
{
	(void)reel_name_value(o, hint, value);
}

/* Edges */

struct case_edge case_edge_now(struct case_load *c, enum edge_kind kind)
{
	const struct case_process *p = case_process_of(c->by);
	struct life_event name = { c->ev->seq, c->ev->cpu, c->ev->type->id, true };

	return (struct case_edge){
		.boot = c->boot,
		.process = p ? p->row : CASE_NONE,
		.kind = kind,
		.file = CASE_NONE,
		.child = CASE_NONE,
		.connection = CASE_NONE,
		.old_file = CASE_NONE,
		.ts = c->ev->ts,
		.ns = c->ns,
		.first_ns = CASE_NONE,
		.event = case_event(c, 0, &name),
	};
}

int case_edge_add(struct case_load *c, struct case_edge *e)
{
	return e->process == CASE_NONE ? 0 : case_edges_add(c->edges, e, c->err);
}

/* Events */

static int look(struct case_load *c, const struct model_change *change)
{
	int r = case_process_event(c, change);

	if (r == 0)
		r = case_machine_event(c);
	if (r == 0)
		r = case_file_event(c);
	if (r == 0)
		r = case_net_event(c);
	if (r == 0)
		r = case_crypto_event(c);
	if (r == 0)
		r = case_change_event(c);
	return r == 0 && c->ev->type->id == EV_dns ? case_dns_event(c) : r;
}

static int ended(struct case_load *c, const struct model_change *change)
{
	int r = 0;

	if (change->ended_process)
		r = lives_ended(c->l, change->ended_process, c->ev->ts);
	if (r == 0 && change->ended_container)
		r = case_container_ended(c, change->ended_container);
	return r;
}

/* What nobody's process has done, but the machine. */
static bool is_nobodys(const struct reel_event *ev)
{
	return !ev->pid || ev->type->stream == TAPE_GAP || ev->type->stream == TAPE_CLOCK ||
	       ev->type->class_id == EV_CLASS_tape;
}

static int tell_model(struct case_load *c, struct model_change *change)
{
	*change = (struct model_change){ 0 };
	c->process = NULL;
	if (c->ev->type->id == EV_lost) {
		struct ev_lost scratch;
		const struct ev_lost *e = reel_event_as(c->ev, &scratch, sizeof(scratch));

		if (c->ev->segment->schema->as_built[EV_lost])
			model_lost(c->m, e->lost_class, e->last);
		return 0;
	}
	if (c->ev->type->stream != TAPE_STATE && c->ev->type->id != EV_seccomp) {
		if (is_nobodys(c->ev))
			return 0;
		c->process = model_find(c->m, c->ev->pid);
		if (c->process)
			return 0;
	}
	/* Also who is only met by what he does is somebody. */
	if (model_event(c->m, c->ev, change, c->err) < 0)
		return -ENOMEM;
	c->process = change->process;
	return 0;
}

static int take_event(struct case_load *c, const struct reel_event *event)
{
	uint64_t scratch[LIVES_SCRATCH / 8];
	struct model_change change, more;
	struct reel_event view;
	int r;

	c->ev = lives_whole(event, &view, scratch);
	c->ns = case_ns(c, event->ts);
	if (event->ts > c->now_ts)
		c->now_ts = event->ts;
	c->change_how = event->type->id;
	r = tell_model(c, &change);
	if (r == 0)
		r = lives_event(c->l, c->ev, &change, c->process);
	c->by = lives_of(c->process);
	if (r == 0)
		r = look(c, &change);
	more = change;
	do {
		r = r == 0 ? ended(c, &more) : r;
	} while (r == 0 && model_more(c->m, &more));
	return r;
}

/* Boots */

static int begin_boot(struct case_load *c, const struct reel_boot *boot)
{
	const struct reel_source *s = &c->r->sources[boot->source];
	int r;

	c->reel_boot = boot;
	c->clock = (struct reel_clock_cache){ 0 };
	c->has_clock = false;
	c->now_ts = 0;
	c->boot_number++;
	for (unsigned i = 0; i < 4; i++)
		snprintf(c->boot_name + 2 * i, 3, "%02x", boot->id[i]);
	r = case_boot_begin(c, boot);
	if (r == 0)
		r = model_new(s->host, &c->m, c->err);
	return r == 0 ? lives_new(c->m, c->files, c->boot_number, &c->tell, &c->l, c->err) : r;
}

static void free_boot(struct case_load *c)
{
	lives_free(c->l);
	if (c->m) {
		case_sessions_free(c);
		case_machine_free(c);
		case_names_free(c);
	}
	model_free(c->m);
	c->l = NULL;
	c->m = NULL;
	c->reel_boot = NULL;
}

static int end_boot(struct case_load *c)
{
	int r = 0;

	if (!c->reel_boot)
		return 0;
	c->ev = NULL;
	r = lives_end(c->l);
	if (r == 0)
		r = case_sessions_end(c);
	if (r == 0)
		r = case_machine_end(c);
	if (r == 0)
		r = case_edges_flush(c->edges, c->err);
	free_boot(c);
	return r;
}

static int change_boot(struct case_load *c, const struct reel_boot *boot)
{
	int r = end_boot(c);

	if (r == 0)
		r = case_names_new(&c->names, c->err);
	return r == 0 ? begin_boot(c, boot) : r;
}

/* One capture. Boots without events have their row too. */
static int load_source(struct case_load *c, const struct reel_reader *one, uint64_t *done,
		       uint64_t all, struct case_loaded *ret)
{
	const struct reel_source *s = one->sources;
	const struct reel_boot *next = one->boots + s->first_boot, *end = next + s->n_boots;
	struct reel_walk *walk = NULL;
	struct reel_event ev;
	int r = reel_walk_open(one, NULL, &walk, c->err);

	while (r >= 0) {
		r = reel_walk_next(walk, &ev, c->err);
		if (r <= 0)
			break;
		while (r > 0 && next < end && c->reel_boot != ev.segment->boot)
			r = change_boot(c, next++) < 0 ? -1 : 1;
		if (r > 0)
			r = take_event(c, &ev);
		ret->events++;
		if (++*done % PROGRESS_EVENTS)
			continue;
		if (c->o && c->o->progress)
			c->o->progress(c->o->context, *done, all);
		if (r == 0 && c->o && c->o->stop && *c->o->stop)
			r = reel_err_set(c->err, -EINTR, "interrupted");
	}
	while (r == 0 && next < end)
		r = change_boot(c, next++);
	if (r == 0)
		r = end_boot(c);
	if (r == 0)
		r = case_damages(c, reel_walk_health(walk), s);
	if (r == 0)
		ret->lost = reel_walk_health(walk)->lost;
	reel_walk_close(walk);
	return r;
}

static void free_load(struct case_load *c)
{
	if (!c)
		return;
	free_boot(c);
	life_files_free(c->files);
	case_edges_free(c->edges);
	free(c->users);
	out_done(&c->texts);
	free(c);
}

static int load_one(struct case_load *c, const struct reel_reader *r, unsigned source,
		    uint64_t *done, uint64_t all, struct case_loaded *ret)
{
	/* As if it were alone: the events of several boots must not mix. */
	struct reel_reader *one = malloc(sizeof(*one));
	int result;

	if (!one)
		return reel_err_set(c->err, -ENOMEM, "no memory to load a capture");
	*one = *r;
	one->sources = &r->sources[source];
	one->n_sources = 1;
	result = life_files_new(&c->tell, &c->files, c->err);
	if (result == 0)
		result = load_source(c, one, done, all, ret);
	if (result == 0)
		result = life_files_end(c->files);
	life_files_free(c->files);
	c->files = NULL;
	free(one);
	return result;
}

int case_load(struct case_writer *w, const struct reel_reader *r, const int64_t *captures,
	      const struct case_load_options *o, struct case_loaded *ret, struct reel_err *err)
{
	struct reel_err own = { 0 };
	struct case_load *c = calloc(1, sizeof(*c));
	uint64_t done = 0, all = 0;
	int result;

	if (!c)
		return reel_err_set(err, -ENOMEM, "no memory to load a capture");
	c->w = w;
	c->r = r;
	c->o = o;
	c->err = err ? err : &own;
	c->tell = (struct lives_tell){
		.context = c,
		.begun = case_process_begun,
		.over = case_process_over,
		.ended = case_process_ended,
		.freed = case_process_freed,
		.fd = case_fd_ended,
		.connected = case_connected,
		.connection = case_connection_ended,
		.mounted = case_mounted,
		.mount = case_mount_ended,
		.file = case_file_forgotten,
	};
	for (uint32_t i = 0; i < r->n_blocks; i++)
		if (captures[r->segments[r->blocks[i].segment].source] != CASE_NONE)
			all += r->blocks[i].n_events;
	result = out_init_mem(&c->texts);
	if (result == 0)
		result = case_edges_new(w, &c->edges, c->err);
	for (unsigned i = 0; i < r->n_sources && result == 0; i++) {
		ret[i] = (struct case_loaded){ 0 };
		c->capture = captures[i];
		if (c->capture == CASE_NONE)
			continue;
		c->n_users = 0;
		result = load_one(c, r, i, &done, all, &ret[i]);
	}
	if (result == 0)
		result = case_writer_flush(w, c->err);
	if (result == -ENOMEM && !c->err->code)
		(void)reel_err_set(c->err, -ENOMEM, "no memory to load a capture");
	free_load(c);
	return result;
}
