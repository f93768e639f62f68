/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/scribe.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	JOBS = 64,
	PACKS_IN_LINE = 4, /* one a stream: what is given comes back at once */
};
#define SYNC_NS (5ull * 1000 * 1000 * 1000)

struct job {
	enum { JOB_PACK, JOB_ROTATE, JOB_SYNC, JOB_STOP } what;
	struct reel_pack *pack;
	uint64_t settled;
};

struct reel_scribe {
	bool in_line;
	unsigned n_packs;
	struct reel_pack packs[REEL_WRITER_BUFFERS];
	uint64_t first_number;
	uint64_t synced_ns; /* the caller's */

	/* Between the two threads. */
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct job jobs[JOBS];
	unsigned first_job, n_jobs;
	struct reel_pack *free[REEL_WRITER_BUFFERS];
	unsigned n_free;
	struct reel_err failed; /* code 0: all is well */
	struct reel_writer_stats stats;
	bool abandoned;
	_Atomic uint64_t segment_bytes, segment_blocks, replaced;
	_Atomic unsigned rotations; /* asked for and not done yet */

	/* The scribe's own thread. */
	pthread_t thread;
	struct reel_archive archive;
};

static int level_for_load(struct reel_scribe *s)
{
	int level = s->archive.level;
	unsigned waiting;

	if (s->in_line)
		return level;
	pthread_mutex_lock(&s->lock);
	waiting = s->n_packs - s->n_free;
	if (waiting > s->n_packs / 2)
		s->stats.lower_level++;
	pthread_mutex_unlock(&s->lock);
	if (waiting > s->n_packs * 3 / 4)
		return level < -5 ? level : -5;
	if (waiting > s->n_packs / 2)
		return level < -3 ? level : -3;
	return level;
}

static int do_job(struct reel_scribe *s, const struct job *job, struct reel_err *err)
{
	int r;

	switch (job->what) {
	case JOB_PACK:
		return reel_archive_put(&s->archive, job->pack, job->settled, level_for_load(s),
					err);
	case JOB_ROTATE:
		r = reel_archive_rotate(&s->archive, err);
		s->rotations--;
		return r;
	case JOB_SYNC:
		return reel_archive_sync(&s->archive, err);
	case JOB_STOP:
		break;
	}
	return 0;
}

static void tell_head(struct reel_scribe *s)
{
	const struct reel_segment_writer *seg = &s->archive.segment;

	if (seg->unsynced_bytes && s->archive.sync != REEL_SYNC_NONE && !seg->is_stream)
		return;
	s->stats.head_sequence = seg->sequence - 1;
	memcpy(s->stats.head, seg->head, sizeof(s->stats.head));
	memcpy(s->stats.capture, s->archive.meta.capture, sizeof(s->stats.capture));
}

/* How far the archive is, for the other thread to see. */
static void tell_progress(struct reel_scribe *s)
{
	struct reel_writer_stats stats = s->archive.stats;

	tell_head(s);
	stats.head_sequence = s->stats.head_sequence;
	memcpy(stats.head, s->stats.head, sizeof(stats.head));
	memcpy(stats.capture, s->stats.capture, sizeof(stats.capture));
	stats.waits = s->stats.waits;
	stats.lower_level = s->stats.lower_level;
	s->stats = stats;
	s->segment_bytes = s->archive.segment.offset;
	s->segment_blocks = s->archive.segment.n_rows;
	s->replaced = s->archive.stats.replaced;
}

/* Called with the lock held. The first error is the one that is told, before its pack is free. */
static void finish_job(struct reel_scribe *s, const struct job *job, int r,
		       const struct reel_err *err)
{
	if (r < 0 && !s->failed.code) {
		s->failed = *err;
		s->failed.code = r;
	}
	tell_progress(s);
	if (job->what == JOB_PACK)
		s->free[s->n_free++] = job->pack;
	pthread_cond_signal(&s->done);
}

static void *scribe_thread(void *arg)
{
	struct reel_scribe *s = arg;
	struct reel_err err = { 0 };
	struct job job;
	int r;

	pthread_mutex_lock(&s->lock);
	do {
		while (!s->n_jobs)
			pthread_cond_wait(&s->work, &s->lock);
		job = s->jobs[s->first_job];
		s->first_job = (s->first_job + 1) % JOBS;
		s->n_jobs--;
		if (s->abandoned) {
			finish_job(s, &job, 0, &err);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		r = do_job(s, &job, &err);
		pthread_mutex_lock(&s->lock);
		finish_job(s, &job, r, &err);
	} while (job.what != JOB_STOP);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int reel_scribe_failure(struct reel_scribe *s, struct reel_err *err)
{
	int r;

	pthread_mutex_lock(&s->lock);
	r = s->failed.code;
	if (r < 0)
		reel_err_set(err, r, "%s", s->failed.msg);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int give_job(struct reel_scribe *s, struct job job, struct reel_err *err)
{
	struct reel_err now = { 0 };
	int r;

	if (s->in_line) {
		r = do_job(s, &job, &now);
		finish_job(s, &job, r, &now);
	} else {
		pthread_mutex_lock(&s->lock);
		while (s->n_jobs == JOBS)
			pthread_cond_wait(&s->done, &s->lock);
		s->jobs[(s->first_job + s->n_jobs++) % JOBS] = job;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
	}
	return reel_scribe_failure(s, err);
}

int reel_scribe_take(struct reel_scribe *s, struct reel_pack **ret, struct reel_err *err)
{
	int r;

	pthread_mutex_lock(&s->lock);
	if (!s->n_free)
		s->stats.waits++;
	while (!s->n_free)
		pthread_cond_wait(&s->done, &s->lock);
	r = s->failed.code;
	if (r < 0)
		reel_err_set(err, r, "%s", s->failed.msg);
	else
		*ret = s->free[--s->n_free];
	pthread_mutex_unlock(&s->lock);
	return r;
}

int reel_scribe_give(struct reel_scribe *s, struct reel_pack *p, uint64_t settled,
		     struct reel_err *err)
{
	return give_job(s, (struct job){ JOB_PACK, p, settled }, err);
}

int reel_scribe_rotate(struct reel_scribe *s, struct reel_err *err)
{
	s->rotations++;
	return give_job(s, (struct job){ .what = JOB_ROTATE }, err);
}

/* Where nothing is due, and nothing happens, a failure must be heard of all the same. */
int reel_scribe_sync_in_time(struct reel_scribe *s, struct reel_err *err)
{
	if (s->archive.sync != REEL_SYNC_SECONDS || s->archive.now_ns - s->synced_ns < SYNC_NS)
		return reel_scribe_failure(s, err);
	s->synced_ns = s->archive.now_ns;
	return give_job(s, (struct job){ .what = JOB_SYNC }, err);
}

uint64_t reel_scribe_own_seq(struct reel_scribe *s)
{
	return reel_archive_own_seq(&s->archive);
}

void reel_scribe_see_time(struct reel_scribe *s, uint64_t now_ns)
{
	s->archive.now_ns = now_ns;
}

void reel_scribe_see_clock(struct reel_scribe *s, uint64_t boottime_ns, int64_t realtime_ns)
{
	s->archive.realtime_offset = realtime_ns - (int64_t)boottime_ns;
}

bool reel_scribe_segment_is_full(const struct reel_scribe *s, uint64_t bytes)
{
	/* Room is left in the table for the blocks that may be on their way. */
	return !s->rotations &&
	       (s->segment_bytes >= bytes || s->segment_blocks >= TAPE_ROWS_MAX - 1000);
}

uint64_t reel_scribe_first_number(const struct reel_scribe *s)
{
	return s->first_number;
}

uint64_t reel_scribe_replaced(const struct reel_scribe *s)
{
	return s->replaced;
}

void reel_scribe_stats(struct reel_scribe *s, struct reel_writer_stats *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->stats;
	pthread_mutex_unlock(&s->lock);
}

static void free_scribe(struct reel_scribe *s)
{
	reel_archive_done(&s->archive);
	for (unsigned i = 0; i < s->n_packs; i++)
		reel_pack_done(&s->packs[i]);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->done);
	free(s);
}

int reel_scribe_open(const struct reel_writer_options *o, struct reel_scribe **ret,
		     struct reel_err *err)
{
	uint32_t block_bytes = o->block_bytes ? o->block_bytes : REEL_BLOCK_BYTES;
	struct reel_scribe *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return reel_err_set(err, -ENOMEM, "no memory for a writer");
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->done, NULL);
	s->in_line = o->in_line;
	s->synced_ns = o->meta.start.boottime_ns;
	r = reel_archive_open(&s->archive, o, block_bytes, err);
	s->n_packs = s->in_line ? PACKS_IN_LINE : REEL_WRITER_BUFFERS;
	for (unsigned i = 0; r == 0 && i < s->n_packs; i++) {
		r = reel_pack_init(&s->packs[i], block_bytes, err);
		s->free[s->n_free++] = &s->packs[i];
	}
	s->first_number = s->archive.meta.number;
	tell_progress(s);
	if (r == 0 && !s->in_line && pthread_create(&s->thread, NULL, scribe_thread, s) != 0)
		r = reel_err_set(err, -EAGAIN, "cannot start a thread");
	if (r < 0) {
		free_scribe(s);
		return r;
	}
	*ret = s;
	return 0;
}

static void stop_thread(struct reel_scribe *s)
{
	struct reel_err ignored;

	if (s->in_line)
		return;
	give_job(s, (struct job){ .what = JOB_STOP }, &ignored);
	pthread_join(s->thread, NULL);
}

int reel_scribe_close(struct reel_scribe *s, const struct reel_words *words,
		      struct reel_writer_stats *ret, struct reel_err *err)
{
	int r = 0, end;

	stop_thread(s);
	if (s->failed.code)
		r = reel_err_set(err, s->failed.code, "%s", s->failed.msg);
	end = reel_archive_end(&s->archive, r, words, r < 0 ? NULL : err);
	tell_progress(s);
	if (ret)
		*ret = s->stats;
	free_scribe(s);
	return r < 0 ? r : end;
}

void reel_scribe_abandon(struct reel_scribe *s)
{
	pthread_mutex_lock(&s->lock);
	s->abandoned = true;
	pthread_mutex_unlock(&s->lock);
	stop_thread(s);
	free_scribe(s);
}
