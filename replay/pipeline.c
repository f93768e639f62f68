/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "format/walk.h"

/* A block on its way: scanned by whoever comes first, then taken in its turn. */
struct job {
	struct scan_block block;
	struct job *next; /* free ones */
	struct reel_err err;
	int result;
	uint32_t entry;
	bool is_done;
	uint32_t at; /* of its candidates: the next one */
	size_t bytes;
};

struct worker {
	struct pipeline *p;
	struct scanner scanner;
	struct ZSTD_DCtx_s *zstd;
	uint32_t *tail_of_cpu;
	pthread_t thread;
	bool is_running;
};

struct pipeline {
	const struct reel_reader *r;
	const struct scan_plan *plan;
	const uint32_t *entries;
	uint32_t n;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t work, done;
	struct job **ring; /* by number of the block, mod window */
	uint32_t window, begun, taken;
	struct job *free_jobs;
	bool stop;

	struct worker *workers;
	unsigned n_workers;
	struct job **heap; /* those with candidates left, by the next one */
	size_t n_heap, heap_room, heap_bytes;
	struct job *broken; /* given out last, to be given back */
	struct pipeline_stats stats;
};

/* Scanning ------------------------------------------------------------------------------------- */

static struct job *job_get(struct pipeline *p)
{
	struct job *j = p->free_jobs;

	if (j)
		p->free_jobs = j->next;
	else
		j = calloc(1, sizeof(*j));
	return j;
}

/* What only unpacking needs stays with the worker. */
static void scan_job(struct worker *w, struct job *j)
{
	const struct reel_entry *e = &w->p->r->blocks[j->entry];
	struct reel_unpacked *u = &j->block.u;

	u->zstd = w->zstd;
	u->tail_of_cpu = w->tail_of_cpu;
	j->err = (struct reel_err){ 0 };
	j->result = reel_reader_unpack(w->p->r, j->entry, u, &j->err);
	w->zstd = u->zstd;
	w->tail_of_cpu = u->tail_of_cpu;
	u->zstd = NULL;
	u->tail_of_cpu = NULL;
	j->at = 0;
	j->block.n = 0;
	if (j->result == 0)
		j->result = scan_block(&w->scanner, &j->block, e->kind == TAPE_STATE, &j->err);
	j->bytes = reel_unpacked_bytes(u) + j->block.room * sizeof(*j->block.candidates);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct pipeline *p = w->p;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct job *j;
		uint32_t i = p->begun;

		if (i == p->n || i >= p->taken + p->window) {
			pthread_cond_wait(&p->work, &p->lock);
			continue;
		}
		p->begun++;
		j = job_get(p);
		p->ring[i % p->window] = j;
		if (!j) { /* found by whoever takes it */
			pthread_cond_signal(&p->done);
			continue;
		}
		j->entry = p->entries[i];
		j->is_done = false;
		pthread_mutex_unlock(&p->lock);
		scan_job(w, j);
		pthread_mutex_lock(&p->lock);
		j->is_done = true;
		pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int take_job(struct pipeline *p, struct job **ret, struct reel_err *err)
{
	uint32_t i = p->taken;
	struct job *j;

	if (!p->workers[0].is_running) {
		j = job_get(p);
		if (j) {
			j->entry = p->entries[i];
			scan_job(&p->workers[0], j);
		}
		p->taken++;
	} else {
		pthread_mutex_lock(&p->lock);
		while (p->begun <= i ||
		       (p->ring[i % p->window] && !p->ring[i % p->window]->is_done))
			pthread_cond_wait(&p->done, &p->lock);
		j = p->ring[i % p->window];
		p->taken++;
		pthread_cond_broadcast(&p->work);
		pthread_mutex_unlock(&p->lock);
	}
	if (!j)
		return reel_err_set(err, -ENOMEM, "no memory for a block");
	*ret = j;
	return 0;
}

static void give_back(struct pipeline *p, struct job *j)
{
	p->stats.bytes += p->r->blocks[j->entry].stored_bytes;
	pthread_mutex_lock(&p->lock);
	j->next = p->free_jobs;
	p->free_jobs = j;
	pthread_mutex_unlock(&p->lock);
}

/* Order ---------------------------------------------------------------------------------------- */

static bool is_before(const struct job *a, const struct job *b)
{
	const struct scan_candidate *x = &a->block.candidates[a->at];
	const struct scan_candidate *y = &b->block.candidates[b->at];

	if (x->ts != y->ts)
		return x->ts < y->ts;
	if (x->cpu != y->cpu)
		return x->cpu < y->cpu;
	if (x->seq != y->seq)
		return x->seq < y->seq;
	return a->entry < b->entry;
}

static void sift_down(struct pipeline *p)
{
	struct job *moving = p->heap[0];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < p->n_heap) {
		if (child + 1 < p->n_heap && is_before(p->heap[child + 1], p->heap[child]))
			child++;
		if (!is_before(p->heap[child], moving))
			break;
		p->heap[at] = p->heap[child];
		at = child;
	}
	p->heap[at] = moving;
}

static int add_to_heap(struct pipeline *p, struct job *j, struct reel_err *err)
{
	size_t at = p->n_heap;

	if (p->n_heap == p->heap_room) {
		size_t room = p->heap_room ? 2 * p->heap_room : 16;
		struct job **heap = reallocarray(p->heap, room, sizeof(*heap));

		if (!heap)
			return reel_err_set(err, -ENOMEM, "no memory to put events in order");
		p->heap = heap;
		p->heap_room = room;
	}
	p->n_heap++;
	p->heap_bytes += j->bytes;
	for (; at > 0 && is_before(j, p->heap[(at - 1) / 2]); at = (at - 1) / 2)
		p->heap[at] = p->heap[(at - 1) / 2];
	p->heap[at] = j;
	return 0;
}

static int advance(struct pipeline *p, struct pipeline_item *ret)
{
	struct job *j = p->heap[0];
	const struct reel_entry *e = &p->r->blocks[j->entry];

	*ret = (struct pipeline_item){ &j->block, &j->block.candidates[j->at], j->entry,
				       e->kind == TAPE_STATE, NULL };
	p->stats.candidates++;
	j->at++;
	if (j->at == j->block.n) {
		p->heap[0] = p->heap[--p->n_heap];
		p->heap_bytes -= j->bytes;
		p->broken = j; /* it is looked at until the next call */
	}
	if (p->n_heap > 1)
		sift_down(p);
	return 1;
}

int pipeline_next(struct pipeline *p, struct pipeline_item *ret, struct reel_err *err)
{
	if (p->broken) {
		give_back(p, p->broken);
		p->broken = NULL;
	}
	for (;;) {
		uint64_t bound = p->taken < p->n ? p->r->blocks[p->entries[p->taken]].ts_min :
						   UINT64_MAX;
		bool is_over = p->heap_bytes > REEL_WALK_BYTES;
		struct job *j = NULL;
		int r;

		if (p->n_heap) {
			const struct job *head = p->heap[0];
			uint64_t ts = head->block.candidates[head->at].ts;

			if (ts < bound || is_over) {
				p->stats.disordered += ts >= bound;
				return advance(p, ret);
			}
		}
		if (p->taken == p->n)
			return p->n_heap ? advance(p, ret) : 0;
		r = take_job(p, &j, err);
		if (r < 0)
			return r;
		p->stats.blocks++;
		if (j->result == -ENOMEM) {
			r = reel_err_set(err, j->result, "%s", j->err.msg);
			give_back(p, j);
			return r;
		}
		if (j->result < 0) {
			p->broken = j;
			*ret = (struct pipeline_item){ NULL, NULL, j->entry, false, &j->err };
			return 1;
		}
		p->stats.unpacked++;
		p->stats.events += j->block.u.n_events;
		if (!j->block.n) {
			give_back(p, j);
			continue;
		}
		r = add_to_heap(p, j, err);
		if (r < 0) {
			give_back(p, j);
			return r;
		}
	}
}

void pipeline_stats(const struct pipeline *p, struct pipeline_stats *ret)
{
	*ret = p->stats;
}

/* Beginning and end ---------------------------------------------------------------------------- */

int pipeline_new(const struct reel_reader *r, const struct scan_plan *plan, unsigned threads,
		 const uint32_t *entries, uint32_t n, struct pipeline **ret, struct reel_err *err)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	int result = 0;

	if (!p)
		return reel_err_set(err, -ENOMEM, "no memory for threads");
	p->r = r;
	p->plan = plan;
	p->entries = entries;
	p->n = n;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->done, NULL);
	if (threads > PIPELINE_THREADS_MAX)
		threads = PIPELINE_THREADS_MAX;
	p->window = PIPELINE_AHEAD * (threads ? threads : 1);
	p->ring = calloc(p->window, sizeof(*p->ring));
	p->workers = calloc(threads ? threads : 1, sizeof(*p->workers));
	if (!p->ring || !p->workers)
		result = reel_err_set(err, -ENOMEM, "no memory for threads");
	while (result == 0 && p->n_workers < (threads ? threads : 1)) {
		struct worker *w = &p->workers[p->n_workers];

		w->p = p;
		result = scanner_init(&w->scanner, plan, err);
		if (result < 0)
			break;
		p->n_workers++;
		/* With fewer threads than wanted the answer is the same, only later. */
		if (threads > 1)
			w->is_running = pthread_create(&w->thread, NULL, worker_run, w) == 0;
		if (threads > 1 && !w->is_running)
			break;
	}
	if (result < 0) {
		pipeline_free(p);
		return result;
	}
	*ret = p;
	return 0;
}

static void job_free(struct job *j)
{
	if (!j)
		return;
	scan_block_done(&j->block);
	free(j);
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_workers; i++) {
		if (p->workers[i].is_running)
			pthread_join(p->workers[i].thread, NULL);
	}
	for (uint32_t i = p->taken; i < p->begun; i++)
		job_free(p->ring[i % p->window]);
	for (size_t i = 0; i < p->n_heap; i++)
		job_free(p->heap[i]);
	job_free(p->broken);
	while (p->free_jobs) {
		struct job *j = p->free_jobs;

		p->free_jobs = j->next;
		job_free(j);
	}
	for (unsigned i = 0; i < p->n_workers; i++) {
		struct reel_unpacked tools = { .zstd = p->workers[i].zstd,
					       .tail_of_cpu = p->workers[i].tail_of_cpu };

		reel_unpack_done(&tools);
		scanner_done(&p->workers[i].scanner);
	}
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->done);
	free(p->workers);
	free(p->ring);
	free(p->heap);
	free(p);
}
