/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_event_rows.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "format/walk.h"
#include "replay/context.h"

struct event_rows {
	const bool *wanted;
	const struct reel_columns *columns;
	struct reel_row *row;
	struct context *context;
	struct reel_walk *walk;

	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Made and given back in turn; of those in between the taker may have the first. */
	uint64_t n_made, n_taken;
	struct event_batch batches[EVENT_BATCHES];
	bool is_over, is_unwanted;
	int result; /* when it is over */
	struct reel_err err;
};

/* Making --------------------------------------------------------------------------------------- */

/* A free batch, emptied; NULL: nobody wants it any more. */
static struct event_batch *wait_for_room(struct event_rows *e)
{
	struct event_batch *b = NULL;

	pthread_mutex_lock(&e->lock);
	while (e->n_made - e->n_taken == EVENT_BATCHES && !e->is_unwanted)
		pthread_cond_wait(&e->changed, &e->lock);
	if (!e->is_unwanted)
		b = &e->batches[e->n_made % EVENT_BATCHES];
	pthread_mutex_unlock(&e->lock);
	if (b) {
		b->n = 0;
		out_reset(&b->bytes);
	}
	return b;
}

static void hand_over(struct event_rows *e)
{
	pthread_mutex_lock(&e->lock);
	e->n_made++;
	pthread_cond_signal(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

/* Bytes are told by their place as long as they may move. */
static int put_row(struct event_rows *e, struct event_batch *b, const struct reel_event *ev)
{
	struct reel_render_value beside[CONTEXT_VALUES_MAX];
	struct reel_value *values = b->values + (size_t)b->n * e->columns->n;
	int64_t realtime = reel_walk_realtime(e->walk, ev);
	unsigned n_beside;
	int result = context_event(e->context, ev, beside, &n_beside, &e->err);

	if (result < 0)
		return result;
	reel_row_begin(e->row, ev, realtime < 0 ? 0 : realtime, beside, n_beside);
	for (unsigned i = 0; i < e->columns->n; i++) {
		if (reel_row_value(e->row, i, &values[i]) < 0)
			return reel_err_set(&e->err, -ENOMEM, "no memory for rows");
		if (values[i].kind != REEL_VALUE_TEXT && values[i].kind != REEL_VALUE_BLOB)
			continue;
		out_mem(&b->bytes, values[i].bytes, values[i].length);
		values[i].integer = (int64_t)b->bytes.len - values[i].length;
	}
	if (out_error(&b->bytes) < 0)
		return reel_err_set(&e->err, -ENOMEM, "no memory for rows");
	b->types[b->n] = ev->type->id;
	b->sources[b->n++] = (uint16_t)ev->segment->source;
	return 0;
}

static void settle(struct event_rows *e, struct event_batch *b)
{
	for (size_t i = 0; i < (size_t)b->n * e->columns->n; i++)
		if (b->values[i].kind == REEL_VALUE_TEXT || b->values[i].kind == REEL_VALUE_BLOB)
			b->values[i].bytes = b->bytes.buf + b->values[i].integer;
}

static int make(struct event_rows *e)
{
	struct event_batch *b = wait_for_room(e);
	struct reel_event ev;
	int result = 0;

	while (b && (result = reel_walk_next(e->walk, &ev, &e->err)) > 0) {
		if (!e->wanted[ev.segment->source])
			continue;
		result = put_row(e, b, &ev);
		if (result < 0)
			return result;
		if (b->n < EVENT_BATCH_ROWS)
			continue;
		settle(e, b);
		hand_over(e);
		b = wait_for_room(e);
	}
	if (b && result == 0 && b->n) {
		settle(e, b);
		hand_over(e);
	}
	return result < 0 ? result : 0;
}

static void *run(void *context)
{
	struct event_rows *e = context;
	int result = make(e);

	pthread_mutex_lock(&e->lock);
	e->result = result;
	e->is_over = true;
	pthread_cond_signal(&e->changed);
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* Taking --------------------------------------------------------------------------------------- */

int event_rows_next(struct event_rows *e, const struct event_batch **ret, struct reel_err *err)
{
	int result;

	pthread_mutex_lock(&e->lock);
	if (*ret) {
		e->n_taken++;
		pthread_cond_signal(&e->changed);
	}
	while (e->n_made == e->n_taken && !e->is_over)
		pthread_cond_wait(&e->changed, &e->lock);
	result = e->n_made > e->n_taken ? 1 : e->result;
	if (result < 0 && err)
		*err = e->err;
	pthread_mutex_unlock(&e->lock);
	*ret = result > 0 ? &e->batches[e->n_taken % EVENT_BATCHES] : NULL;
	return result;
}

static int make_batches(struct event_rows *e)
{
	for (unsigned i = 0; i < EVENT_BATCHES; i++) {
		struct event_batch *b = &e->batches[i];

		b->values = calloc((size_t)EVENT_BATCH_ROWS * e->columns->n, sizeof(*b->values));
		if (!b->values || out_init_mem(&b->bytes) < 0)
			return -ENOMEM;
	}
	return 0;
}

int event_rows_new(const struct reel_reader *r, const bool *wanted_sources,
		   const struct reel_columns *columns, struct event_rows **ret,
		   struct reel_err *err)
{
	const struct reel_filter everything = { 0 };
	struct event_rows *e = calloc(1, sizeof(*e));
	int result;

	*ret = NULL;
	if (!e)
		return reel_err_set(err, -ENOMEM, "no memory for events");
	e->wanted = wanted_sources;
	e->columns = columns;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	result = make_batches(e);
	if (result < 0)
		reel_err_set(err, result, "no memory for events");
	if (result == 0)
		result = reel_row_new(columns, &e->row, err);
	if (result == 0)
		result = context_new(&e->context, err);
	if (result == 0)
		result = reel_walk_open(r, &everything, &e->walk, err);
	if (result == 0) {
		result = -pthread_create(&e->thread, NULL, run, e);
		e->has_thread = result == 0;
		if (result < 0)
			reel_err_set(err, result, "no thread for events: %s", strerror(-result));
	}
	if (result < 0) {
		event_rows_free(e);
		return result;
	}
	*ret = e;
	return 0;
}

void event_rows_free(struct event_rows *e)
{
	if (!e)
		return;
	if (e->has_thread) {
		pthread_mutex_lock(&e->lock);
		e->is_unwanted = true;
		pthread_cond_signal(&e->changed);
		pthread_mutex_unlock(&e->lock);
		pthread_join(e->thread, NULL);
	}
	for (unsigned i = 0; i < EVENT_BATCHES; i++) {
		free(e->batches[i].values);
		out_done(&e->batches[i].bytes);
	}
	reel_walk_close(e->walk);
	context_free(e->context);
	reel_row_free(e->row);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
