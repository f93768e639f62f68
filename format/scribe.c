/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/scribe.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "format/directory.h"
#include "format/record.h"
#include "format/segment.h"

enum {
	JOBS = 64,
	PACKS_IN_LINE = 4, /* one a stream: what is given comes back at once */
	OWN_PACK_BYTES = 16 << 10,
	SYNC_BYTES = 16 << 20,
};
#define SYNC_NS (5ull * 1000 * 1000 * 1000)

struct job {
	enum { JOB_PACK, JOB_ROTATE, JOB_SYNC, JOB_STOP } what;
	struct reel_pack *pack;
	uint64_t settled;
};

struct reel_scribe {
	/* Set when it is opened, not changed after that. */
	bool in_line, has_directory, drop_oldest;
	int level;
	enum reel_sync sync;
	uint64_t keep_bytes, keep_ns;
	unsigned n_packs;
	struct reel_pack packs[REEL_WRITER_BUFFERS];

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
	_Atomic uint64_t now_ns, own_seq, segment_bytes, segment_blocks;
	_Atomic unsigned rotations;	 /* asked for and not done yet */
	_Atomic int64_t realtime_offset; /* CLOCK_REALTIME - CLOCK_BOOTTIME */

	/* The scribe's own thread. */
	pthread_t thread;
	struct reel_meta meta; /* of the open segment */
	struct reel_segment_writer segment;
	struct reel_directory directory;
	char name[REEL_SEGMENT_NAME_MAX];
	struct reel_pack own; /* for what it has to say itself */
	uint64_t settled;
	uint64_t synced_ns;
	bool is_full;	      /* the disk: only the last words are written */
	bool reserve_is_used; /* since the disk was full at a change of segments */
	struct {
		uint64_t count, first_ns, last_ns;
	} lost[EV_MAX_TYPES]; /* by class, after is_full */
};

static bool is_no_room(int r)
{
	return r == -ENOSPC || r == -EDQUOT;
}

/* Whether there is hope that a second attempt succeeds. */
static bool use_reserve(struct reel_scribe *s)
{
	if (!s->has_directory || s->reserve_is_used)
		return false;
	reel_directory_free_reserve(&s->directory);
	s->reserve_is_used = true;
	return true;
}

/* Where a segment cannot be begun, nothing is left of it. */
static int try_segment(struct reel_scribe *s, struct reel_err *err)
{
	struct reel_segment_writer *seg = &s->segment;
	uint64_t sequence = seg->sequence;
	uint8_t head[TAPE_TAG_BYTES];
	int fd = seg->fd, r;

	s->meta.start.boottime_ns = s->now_ns;
	s->meta.start.realtime_ns = (int64_t)s->now_ns + s->realtime_offset;
	if (s->has_directory) {
		r = reel_directory_create(&s->directory, &s->meta, s->name, &fd, err);
		if (r < 0)
			return r;
	}
	memcpy(head, seg->head, sizeof(head));
	r = reel_segment_begin(seg, fd, &s->meta, err);
	if (r < 0 && s->has_directory) {
		seg->sequence = sequence;
		memcpy(seg->head, head, sizeof(head));
		(void)reel_segment_close(seg, NULL);
		reel_directory_discard(&s->directory, s->name);
	}
	return r;
}

static int begin_segment(struct reel_scribe *s, struct reel_err *err)
{
	int r = try_segment(s, err);

	if (is_no_room(r) && use_reserve(s))
		r = try_segment(s, err);
	if (r < 0)
		return r;
	s->segment_bytes = s->segment.offset;
	s->segment_blocks = s->segment.n_rows;
	s->stats.segments++;
	return 0;
}

static int end_segment(struct reel_scribe *s, enum tape_end_reason reason, struct reel_err *err)
{
	struct reel_segment_writer *seg = &s->segment;
	int r = reel_segment_put_end(seg, reason, err);

	if (is_no_room(r) && use_reserve(s))
		r = reel_segment_put_end(seg, reason, err);
	if (r < 0)
		return r;
	if (s->sync != REEL_SYNC_NONE)
		r = reel_segment_sync(seg, err);
	s->meta.has_previous = true;
	s->meta.previous.segment = seg->id;
	s->meta.previous.sequence = seg->sequence - 1;
	memcpy(s->meta.previous.head, seg->head, TAPE_TAG_BYTES);
	s->meta.number++;
	if (!s->has_directory)
		return r;
	if (r == 0)
		r = reel_directory_note_finished(&s->directory, s->name, s->meta.number - 1,
						 seg->offset,
						 (int64_t)s->now_ns + s->realtime_offset, err);
	if (r == 0)
		r = reel_segment_close(seg, err);
	return r;
}

static int put_own(struct reel_scribe *s, struct reel_err *err)
{
	int r = reel_segment_put_pack(&s->segment, &s->own, s->settled, s->level, err);

	if (is_no_room(r) && use_reserve(s))
		r = reel_segment_put_pack(&s->segment, &s->own, s->settled, s->level, err);
	reel_pack_reset(&s->own, TAPE_GAP);
	return r;
}

static void add_own(struct reel_scribe *s, struct reel_record *record)
{
	size_t length = reel_record_end(record);

	record->header.cpu = EV_NO_CPU;
	record->header.seq = reel_scribe_own_seq(s);
	/* The last tick may be older than what was promised since. */
	record->header.ts = s->now_ns > s->settled ? s->now_ns : s->settled;
	reel_pack_add(&s->own, record->type, &record->header, record->payload);
	pthread_mutex_lock(&s->lock);
	s->stats.events++;
	pthread_mutex_unlock(&s->lock);
	(void)length;
}

/* The record of what goes is on tape before it goes. */
static int retire_oldest(struct reel_scribe *s, struct reel_err *err)
{
	const struct reel_finished *f = &s->directory.finished[0];
	struct reel_retired about;
	struct reel_record record;
	struct ev_retired *retired;
	int r = reel_directory_describe(&s->directory, f, &about, err);

	if (r < 0)
		return r;
	retired = reel_record_begin(&record, reel_type_by_id(EV_retired));
	retired->segment = about.segment;
	retired->segment_number = f->number;
	retired->first_block = about.first_block;
	retired->last_block = about.last_block;
	retired->first = about.first_ns;
	retired->last = about.last_ns;
	retired->events = about.events;
	retired->size = f->size;
	reel_record_string(&record, about.head, sizeof(about.head));
	reel_record_string(&record, f->name, strlen(f->name));
	add_own(s, &record);
	r = put_own(s, err);
	if (r == 0)
		r = reel_segment_sync(&s->segment, err);
	if (r == 0)
		r = reel_directory_remove_oldest(&s->directory, err);
	if (r < 0)
		return r;
	s->stats.retired++;
	if (s->reserve_is_used) {
		reel_directory_keep_reserve(&s->directory);
		s->reserve_is_used = false;
	}
	return 0;
}

static bool oldest_is_too_old(const struct reel_scribe *s)
{
	int64_t now = (int64_t)s->now_ns + s->realtime_offset;

	return s->keep_ns && s->directory.finished[0].ended_realtime_ns < now - (int64_t)s->keep_ns;
}

static bool is_too_much(const struct reel_scribe *s)
{
	uint64_t bytes = s->directory.finished_bytes + s->segment.offset;

	return s->keep_bytes && bytes > s->keep_bytes;
}

static int retire(struct reel_scribe *s, struct reel_err *err)
{
	while (s->has_directory && s->directory.n_finished &&
	       (is_too_much(s) || oldest_is_too_old(s))) {
		int r = retire_oldest(s, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The disk is full. Either the oldest segment makes room, or from now on everything is lost. */
static int make_room(struct reel_scribe *s, struct reel_err *err)
{
	if (!s->has_directory || !s->drop_oldest || !s->directory.n_finished)
		return -ENOSPC;
	return retire_oldest(s, err);
}

static int change_segment(struct reel_scribe *s, struct reel_err *err)
{
	int r = end_segment(s, TAPE_ROTATED, err);

	if (r == 0)
		r = begin_segment(s, err);
	if (r == 0 && s->reserve_is_used && make_room(s, err) < 0)
		r = reel_err_set(err, -ENOSPC, "cannot go on after segment %llu: %s",
				 (unsigned long long)s->meta.number - 1, strerror(ENOSPC));
	/* What comes now cannot be kept, but there is a segment to say so in. */
	if (r < 0)
		s->is_full = true;
	return r;
}

static void count_lost(struct reel_scribe *s, const struct reel_pack *p)
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		uint32_t n = p->groups[t].n;
		unsigned c = n ? p->groups[t].type->class_id : 0;

		if (!n)
			continue;
		if (!s->lost[c].count || p->ts_min < s->lost[c].first_ns)
			s->lost[c].first_ns = p->ts_min;
		if (p->ts_max > s->lost[c].last_ns)
			s->lost[c].last_ns = p->ts_max;
		s->lost[c].count += n;
	}
}

static int level_for_load(struct reel_scribe *s)
{
	unsigned waiting;

	if (s->in_line)
		return s->level;
	pthread_mutex_lock(&s->lock);
	waiting = s->n_packs - s->n_free;
	if (waiting > s->n_packs / 2)
		s->stats.lower_level++;
	pthread_mutex_unlock(&s->lock);
	if (waiting > s->n_packs * 3 / 4)
		return s->level < -5 ? s->level : -5;
	if (waiting > s->n_packs / 2)
		return s->level < -1 ? s->level : -1;
	return s->level;
}

static int write_pack(struct reel_scribe *s, struct reel_pack *p, uint64_t settled,
		      struct reel_err *err)
{
	uint64_t before = s->segment.totals.stored_bytes;
	int r;

	if (s->is_full) {
		count_lost(s, p);
		return 0;
	}
	if (settled < s->settled)
		settled = s->settled;
	for (;;) {
		r = reel_segment_put_pack(&s->segment, p, settled, level_for_load(s), err);
		if (!is_no_room(r) || make_room(s, err) < 0)
			break;
	}
	if (r < 0) {
		s->is_full = true;
		count_lost(s, p);
		return r;
	}
	s->settled = settled; /* not before, since RETIRED may have come between */
	s->segment_bytes = s->segment.offset;
	s->segment_blocks = s->segment.n_rows;
	pthread_mutex_lock(&s->lock);
	s->stats.events += p->n_events;
	s->stats.blocks++;
	s->stats.raw_bytes += p->raw_bytes;
	s->stats.stored_bytes += s->segment.totals.stored_bytes - before;
	pthread_mutex_unlock(&s->lock);
	if (s->sync == REEL_SYNC_BLOCK ||
	    (s->sync == REEL_SYNC_SECONDS && s->segment.unsynced_bytes >= SYNC_BYTES))
		r = reel_segment_sync(&s->segment, err);
	return r < 0 ? r : retire(s, err);
}

static int do_job(struct reel_scribe *s, const struct job *job, struct reel_err *err)
{
	int r;

	switch (job->what) {
	case JOB_PACK:
		return write_pack(s, job->pack, job->settled, err);
	case JOB_ROTATE:
		if (s->is_full)
			return 0;
		r = change_segment(s, err);
		s->rotations--;
		return r < 0 ? r : retire(s, err);
	case JOB_SYNC:
		return s->is_full ? 0 : reel_segment_sync(&s->segment, err);
	case JOB_STOP:
		break;
	}
	return 0;
}

/* Called with the lock held. The first error is the one that is told. */
static void finish_job(struct reel_scribe *s, const struct job *job, int r,
		       const struct reel_err *err)
{
	if (r < 0 && !s->failed.code) {
		s->failed = *err;
		s->failed.code = r;
	}
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
	pthread_mutex_lock(&s->lock);
	r = s->failed.code;
	if (r < 0)
		reel_err_set(err, r, "%s", s->failed.msg);
	pthread_mutex_unlock(&s->lock);
	return r;
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

static int tell_failure(struct reel_scribe *s, struct reel_err *err)
{
	int r;

	pthread_mutex_lock(&s->lock);
	r = s->failed.code;
	if (r < 0)
		reel_err_set(err, r, "%s", s->failed.msg);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* Where nothing is due, and nothing happens, a failure must be heard of all the same. */
int reel_scribe_sync_in_time(struct reel_scribe *s, struct reel_err *err)
{
	if (s->sync != REEL_SYNC_SECONDS || s->now_ns - s->synced_ns < SYNC_NS)
		return tell_failure(s, err);
	s->synced_ns = s->now_ns;
	return give_job(s, (struct job){ .what = JOB_SYNC }, err);
}

uint64_t reel_scribe_own_seq(struct reel_scribe *s)
{
	return atomic_fetch_add(&s->own_seq, 1);
}

void reel_scribe_see_time(struct reel_scribe *s, uint64_t now_ns)
{
	s->now_ns = now_ns;
}

void reel_scribe_see_clock(struct reel_scribe *s, uint64_t boottime_ns, int64_t realtime_ns)
{
	s->realtime_offset = realtime_ns - (int64_t)boottime_ns;
}

bool reel_scribe_segment_is_full(const struct reel_scribe *s, uint64_t bytes)
{
	/* Room is left in the table for the blocks that may be on their way. */
	return !s->rotations &&
	       (s->segment_bytes >= bytes || s->segment_blocks >= TAPE_ROWS_MAX - 1000);
}

uint64_t reel_scribe_first_number(const struct reel_scribe *s)
{
	return s->meta.number;
}

void reel_scribe_stats(struct reel_scribe *s, struct reel_writer_stats *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->stats;
	pthread_mutex_unlock(&s->lock);
}

/* A capture that exists keeps its id and goes on with the next segment; what the machine, boot and
 * note are is said anew. */
static int open_directory(struct reel_scribe *s, const char *path, struct reel_err *err)
{
	struct reel_meta *before = malloc(sizeof(*before));
	struct tape_previous last;
	bool is_new;
	int r;

	if (!before)
		return reel_err_set(err, -ENOMEM, "no memory for a writer");
	r = reel_directory_open(&s->directory, path, &is_new, before, &last, err);
	if (r < 0)
		goto out;
	s->has_directory = true;
	if (!is_new) {
		memcpy(s->meta.capture, before->capture, sizeof(s->meta.capture));
		s->meta.number = before->number + 1;
		s->meta.has_previous = true;
		s->meta.previous = last;
		s->segment.sequence = last.sequence + 1;
		memcpy(s->segment.head, last.head, TAPE_TAG_BYTES);
		/* What was settled in this boot stays so. */
		if (memcmp(s->meta.boot, before->boot, sizeof(s->meta.boot)) == 0)
			s->settled = s->directory.last_settled;
	}
	reel_directory_keep_reserve(&s->directory);
out:
	free(before);
	return r;
}

static int init_packs(struct reel_scribe *s, uint32_t block_bytes, struct reel_err *err)
{
	int r = reel_pack_init(&s->own, OWN_PACK_BYTES, err);

	s->n_packs = s->in_line ? PACKS_IN_LINE : REEL_WRITER_BUFFERS;
	for (unsigned i = 0; r == 0 && i < s->n_packs; i++) {
		r = reel_pack_init(&s->packs[i], block_bytes, err);
		s->free[s->n_free++] = &s->packs[i];
	}
	if (r == 0)
		reel_pack_reset(&s->own, TAPE_GAP);
	return r;
}

static void free_scribe(struct reel_scribe *s)
{
	for (unsigned i = 0; i < s->n_packs; i++)
		reel_pack_done(&s->packs[i]);
	reel_pack_done(&s->own);
	reel_segment_done(&s->segment);
	if (s->has_directory)
		reel_directory_close(&s->directory);
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
	s->segment.fd = -1;
	s->in_line = o->in_line;
	s->drop_oldest = o->drop_oldest;
	s->level = o->level ? o->level : REEL_LEVEL;
	s->sync = o->sync;
	s->keep_bytes = o->keep_bytes;
	s->keep_ns = o->keep_ns;
	s->meta = o->meta;
	s->meta.number = 1;
	/* A later run in the same boot must not give the same names to its own records again. */
	s->own_seq = o->meta.start.boottime_ns;
	s->now_ns = s->synced_ns = o->meta.start.boottime_ns;
	s->realtime_offset = o->meta.start.realtime_ns - (int64_t)o->meta.start.boottime_ns;
	if (block_bytes < PACK_LIMIT_MIN || block_bytes > PACK_LIMIT_MAX) {
		r = reel_err_set(err, -EINVAL, "blocks may have %u to %u bytes, not %u",
				 PACK_LIMIT_MIN, PACK_LIMIT_MAX, block_bytes);
		goto out;
	}
	r = reel_segment_init(&s->segment, block_bytes, err);
	if (r == 0)
		r = init_packs(s, block_bytes, err);
	if (r == 0)
		r = reel_meta_new_capture(&s->meta);
	if (r == 0 && o->directory)
		r = open_directory(s, o->directory, err);
	if (r == 0 && !o->directory)
		s->segment.fd = o->fd;
	if (r == 0)
		r = begin_segment(s, err);
	if (r == 0 && !s->in_line && pthread_create(&s->thread, NULL, scribe_thread, s) != 0)
		r = reel_err_set(err, -EAGAIN, "cannot start a thread");
out:
	if (r < 0) {
		free_scribe(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* The last words after the disk was full: what did not get on tape, and END. */
static int put_last_words(struct reel_scribe *s, struct reel_err *err)
{
	if (s->has_directory)
		reel_directory_free_reserve(&s->directory);
	for (unsigned c = 0; c < EV_MAX_TYPES; c++) {
		struct reel_record record;
		struct ev_lost *lost;

		if (!s->lost[c].count)
			continue;
		lost = reel_record_begin(&record, reel_type_by_id(EV_lost));
		lost->first = s->lost[c].first_ns;
		lost->last = s->lost[c].last_ns;
		lost->count = s->lost[c].count;
		lost->lost_cpu = EV_NO_CPU;
		lost->lost_class = (uint8_t)c;
		lost->cause = is_no_room(s->failed.code) ? REEL_LOST_DISK_FULL :
							   REEL_LOST_WRITE_ERROR;
		add_own(s, &record);
	}
	return s->own.n_events ? put_own(s, err) : 0;
}

static void stop_thread(struct reel_scribe *s)
{
	struct reel_err ignored;

	if (s->in_line)
		return;
	give_job(s, (struct job){ .what = JOB_STOP }, &ignored);
	pthread_join(s->thread, NULL);
}

int reel_scribe_close(struct reel_scribe *s, struct reel_err *err)
{
	int r = 0, end = 0;

	stop_thread(s);
	if (s->failed.code)
		r = reel_err_set(err, s->failed.code, "%s", s->failed.msg);
	if (s->segment.fd >= 0 && !s->segment.is_torn) {
		if (s->is_full)
			end = put_last_words(s, r < 0 ? NULL : err);
		if (end == 0)
			end = end_segment(s, s->is_full ? TAPE_DISK_FULL : TAPE_ENDED,
					  r < 0 ? NULL : err);
	}
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
