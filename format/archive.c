/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"

enum { OWN_PACK_BYTES = 16 << 10, WORDS_IN_PACK = 64, SYNC_BYTES = 16 << 20 };

static bool is_no_room(int r)
{
	return r == -ENOSPC || r == -EDQUOT;
}

/* Whether there is hope that a second attempt succeeds, after one for which there was no room. */
static bool use_reserve(struct reel_archive *a, int no_room)
{
	if (!a->has_directory || a->no_room)
		return false;
	reel_directory_free_reserve(&a->directory);
	a->no_room = no_room;
	return true;
}

/* Where a segment cannot be begun, nothing is left of it. */
static int try_segment(struct reel_archive *a, struct reel_err *err)
{
	struct reel_segment_writer *seg = &a->segment;
	uint64_t sequence = seg->sequence;
	uint8_t head[TAPE_TAG_BYTES];
	int fd = seg->fd, r;

	a->meta.start.boottime_ns = a->now_ns;
	a->meta.start.realtime_ns = (int64_t)a->now_ns + a->realtime_offset;
	if (a->has_directory) {
		r = reel_directory_create(&a->directory, &a->meta, a->name, &fd, err);
		if (r < 0)
			return r;
	}
	memcpy(head, seg->head, sizeof(head));
	if (a->seal)
		reel_seal_hold(a->seal);
	r = reel_segment_begin(seg, fd, &a->meta, err);
	if (r < 0 && a->has_directory) {
		seg->sequence = sequence;
		if (a->seal)
			reel_seal_go_back(a->seal);
		memcpy(seg->head, head, sizeof(head));
		(void)reel_segment_close(seg, NULL);
		reel_directory_discard(&a->directory, a->name);
	}
	if (a->seal)
		reel_seal_let_go(a->seal);
	return r;
}

static int begin_segment(struct reel_archive *a, struct reel_err *err)
{
	int r = try_segment(a, err);

	if (is_no_room(r) && use_reserve(a, r))
		r = try_segment(a, err);
	if (r < 0)
		return r;
	a->is_begun = true;
	a->stats.segments++;
	return 0;
}

/* Nothing more goes to it. The next one will name its last block. */
static int leave_segment(struct reel_archive *a, struct reel_err *err)
{
	struct reel_segment_writer *seg = &a->segment;
	int r, closed;

	a->is_begun = false;
	a->meta.has_previous = true;
	a->meta.previous.segment = seg->id;
	a->meta.previous.sequence = seg->sequence - 1;
	memcpy(a->meta.previous.head, seg->head, TAPE_TAG_BYTES);
	a->meta.number++;
	if (!a->has_directory)
		return 0;
	r = reel_directory_note_finished(&a->directory, a->name, a->meta.number - 1, seg->offset,
					 (int64_t)a->now_ns + a->realtime_offset, err);
	closed = reel_segment_close(seg, r < 0 ? NULL : err);
	return r < 0 ? r : closed;
}

static int end_segment(struct reel_archive *a, enum tape_end_reason reason, struct reel_err *err)
{
	struct reel_segment_writer *seg = &a->segment;
	int r = reel_segment_put_end(seg, reason, err), left;

	if (is_no_room(r) && use_reserve(a, r))
		r = reel_segment_put_end(seg, reason, err);
	if (r < 0)
		return r;
	if (a->sync != REEL_SYNC_NONE)
		r = reel_segment_sync(seg, err);
	/* END is there, synced or not: what is still to be said needs another segment. */
	left = leave_segment(a, r < 0 ? NULL : err);
	return r < 0 ? r : left;
}

static int put_own(struct reel_archive *a, struct reel_err *err)
{
	int r = reel_segment_put_pack(&a->segment, &a->own, a->settled, a->level, err);

	if (is_no_room(r) && use_reserve(a, r))
		r = reel_segment_put_pack(&a->segment, &a->own, a->settled, a->level, err);
	reel_pack_reset(&a->own, TAPE_GAP);
	return r;
}

static void add_own(struct reel_archive *a, struct reel_record *record)
{
	(void)reel_record_end(record);
	record->header.cpu = EV_NO_CPU;
	record->header.seq = reel_archive_own_seq(a);
	/* The last tick may be older than what was promised since. */
	record->header.ts = a->now_ns > a->settled ? a->now_ns : a->settled;
	reel_pack_add(&a->own, record->type, &record->header, record->payload);
	a->stats.events++;
}

/* What is noticed is state. Nothing waits in the pack, which is of GAP again afterwards. */
static int warn(struct reel_archive *a, const char *text, struct reel_err *err)
{
	struct reel_record record;

	(void)reel_record_begin(&record, reel_type_by_id(EV_warning));
	reel_record_string(&record, text, strlen(text));
	reel_pack_reset(&a->own, TAPE_STATE);
	add_own(a, &record);
	return put_own(a, err);
}

/* Somebody was there before us: one that is gone, or cannot be read, does not hold up the rest. */
static int forget_oldest(struct reel_archive *a, struct reel_err *err)
{
	char text[300];
	int r;

	snprintf(text, sizeof(text), "the oldest segment was not as it was left: %.240s", err->msg);
	r = warn(a, text, err);
	return r < 0 ? r : reel_directory_remove_oldest(&a->directory, err);
}

/* The record of what goes is on tape before it goes. */
static int retire_oldest(struct reel_archive *a, struct reel_err *err)
{
	const struct reel_finished *f = &a->directory.finished[0];
	struct reel_retired about;
	struct reel_record record;
	struct ev_retired *retired;
	int r = reel_directory_describe(&a->directory, f, &about, err);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return forget_oldest(a, err);
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
	add_own(a, &record);
	r = put_own(a, err);
	if (r == 0)
		r = reel_segment_sync(&a->segment, err);
	if (r == 0)
		r = reel_directory_remove_oldest(&a->directory, err);
	if (r < 0)
		return r;
	a->stats.retired++;
	if (a->no_room) {
		reel_directory_keep_reserve(&a->directory);
		a->no_room = 0;
	}
	return 0;
}

static bool oldest_is_too_old(const struct reel_archive *a)
{
	int64_t now = (int64_t)a->now_ns + a->realtime_offset;

	return a->keep_ns && a->directory.finished[0].ended_realtime_ns < now - (int64_t)a->keep_ns;
}

static bool is_too_much(const struct reel_archive *a)
{
	uint64_t bytes = a->directory.finished_bytes + a->segment.offset;

	return a->keep_bytes && bytes > a->keep_bytes;
}

static int retire(struct reel_archive *a, struct reel_err *err)
{
	while (a->has_directory && a->directory.n_finished &&
	       (is_too_much(a) || oldest_is_too_old(a))) {
		int r = retire_oldest(a, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The disk is full. Either the oldest segment makes room, or from now on everything is lost. */
static int make_room(struct reel_archive *a, struct reel_err *err)
{
	if (!a->has_directory || !a->drop_oldest || !a->directory.n_finished)
		return -ENOSPC;
	return retire_oldest(a, err);
}

static int change_segment(struct reel_archive *a, struct reel_err *err)
{
	int r = end_segment(a, TAPE_ROTATED, err);

	if (r == 0)
		r = begin_segment(a, err);
	if (r == 0 && a->no_room && make_room(a, err) < 0)
		r = reel_err_set(err, a->no_room, "cannot go on after segment %llu: %s",
				 (unsigned long long)a->meta.number - 1, strerror(-a->no_room));
	return r;
}

static void count_lost(struct reel_archive *a, const struct reel_pack *p)
{
	for (unsigned t = 0; t < EV_MAX_TYPES; t++) {
		uint32_t n = p->groups[t].n;
		unsigned c = n ? p->groups[t].type->class_id : 0;

		if (!n)
			continue;
		if (!a->lost[c].count || p->ts_min < a->lost[c].first_ns)
			a->lost[c].first_ns = p->ts_min;
		if (p->ts_max > a->lost[c].last_ns)
			a->lost[c].last_ns = p->ts_max;
		a->lost[c].count += n;
	}
}

/* What is in it is lost, but for what it tells of other losses and counts. */
static void lose_pack(struct reel_archive *a, const struct reel_pack *p)
{
	if (p->kind == TAPE_GAP && a->n_held < REEL_WRITER_BUFFERS)
		a->held[a->n_held++] = p;
	else
		count_lost(a, p);
}

/* The first failure is the end. */
static int ended_by(struct reel_archive *a, int r)
{
	if (r < 0)
		a->is_over = true;
	return r;
}

/* What is written to a file that somebody has removed, or changed, is gone with it. */
static int leave_bad_segment(struct reel_archive *a, struct reel_err *err)
{
	enum reel_segment_state state = reel_segment_look(&a->segment);
	int r;

	if (state == REEL_SEGMENT_WHOLE || !a->has_directory)
		return 0;
	a->stats.replaced++;
	a->stats.replaced_state = state;
	r = change_segment(a, err);
	return r < 0 ? r : warn(a, reel_segment_state_text(state), err);
}

int reel_archive_put(struct reel_archive *a, const struct reel_pack *p, uint64_t settled, int level,
		     struct reel_err *err)
{
	uint64_t before;
	int r;

	if (a->is_over) {
		lose_pack(a, p);
		return 0;
	}
	r = leave_bad_segment(a, err);
	if (r < 0) {
		lose_pack(a, p);
		return ended_by(a, r);
	}
	if (settled < a->settled)
		settled = a->settled;
	before = a->segment.totals.stored_bytes;
	for (;;) {
		r = reel_segment_put_pack(&a->segment, p, settled, level, err);
		if (!is_no_room(r) || make_room(a, err) < 0)
			break;
	}
	if (r < 0) {
		lose_pack(a, p);
		return ended_by(a, r);
	}
	a->settled = settled; /* not before, since RETIRED may have come between */
	a->stats.events += p->n_events;
	a->stats.blocks++;
	a->stats.raw_bytes += p->raw_bytes;
	a->stats.stored_bytes += a->segment.totals.stored_bytes - before;
	if (a->sync == REEL_SYNC_BLOCK ||
	    (a->sync == REEL_SYNC_SECONDS && a->segment.unsynced_bytes >= SYNC_BYTES))
		r = reel_segment_sync(&a->segment, err);
	return ended_by(a, r < 0 ? r : retire(a, err));
}

int reel_archive_rotate(struct reel_archive *a, struct reel_err *err)
{
	int r;

	if (a->is_over)
		return 0;
	/* If it fails, what comes now cannot be kept, but there is a segment to say so in. */
	r = change_segment(a, err);
	return ended_by(a, r < 0 ? r : retire(a, err));
}

int reel_archive_sync(struct reel_archive *a, struct reel_err *err)
{
	return a->is_over ? 0 : ended_by(a, reel_segment_sync(&a->segment, err));
}

uint64_t reel_archive_own_seq(struct reel_archive *a)
{
	return atomic_fetch_add(&a->own_seq, 1);
}

/* A capture that exists keeps its id and goes on with the next segment; what the machine, boot and
 * note are is said anew. */
static int open_directory(struct reel_archive *a, const char *path, struct reel_err *err)
{
	struct reel_meta *before = malloc(sizeof(*before));
	struct tape_previous last;
	bool is_new;
	int r;

	if (!before)
		return reel_err_set(err, -ENOMEM, "no memory for a writer");
	r = reel_directory_open(&a->directory, path, &is_new, before, &last, err);
	if (r < 0)
		goto out;
	a->has_directory = true;
	if (!is_new) {
		memcpy(a->meta.capture, before->capture, sizeof(a->meta.capture));
		a->meta.number = before->number + 1;
		a->meta.has_previous = true;
		a->meta.previous = last;
		a->segment.sequence = last.sequence + 1;
		memcpy(a->segment.head, last.head, TAPE_TAG_BYTES);
		/* What was settled in this boot stays so. */
		if (memcmp(a->meta.boot, before->boot, sizeof(a->meta.boot)) == 0)
			a->settled = a->directory.last_settled;
	}
	reel_directory_keep_reserve(&a->directory);
out:
	free(before);
	return r;
}

int reel_archive_open(struct reel_archive *a, const struct reel_writer_options *o,
		      uint32_t block_bytes, struct reel_err *err)
{
	int r;

	a->segment.fd = -1;
	a->drop_oldest = o->drop_oldest;
	a->level = o->level ? o->level : REEL_LEVEL;
	a->sync = o->sync;
	a->keep_bytes = o->keep_bytes;
	a->keep_ns = o->keep_ns;
	a->meta = o->meta;
	a->meta.is_encrypted = o->n_recipients > 0;
	a->meta.is_sealed = o->seal != NULL;
	a->meta.n_recipients = 0;
	a->meta.number = 1;
	/* A later run in the same boot must not give the same names to its own records again. */
	a->own_seq = o->meta.start.boottime_ns;
	a->now_ns = o->meta.start.boottime_ns;
	a->realtime_offset = o->meta.start.realtime_ns - (int64_t)o->meta.start.boottime_ns;
	if (block_bytes < PACK_LIMIT_MIN || block_bytes > PACK_LIMIT_MAX)
		return reel_err_set(err, -EINVAL, "blocks may have %u to %u bytes, not %u",
				    PACK_LIMIT_MIN, PACK_LIMIT_MAX, block_bytes);
	r = reel_segment_init(&a->segment, block_bytes, err);
	if (r == 0 && o->n_recipients)
		r = reel_crypt_writer_new(o->recipients, o->n_recipients, &a->crypt, err);
	a->segment.crypt = a->crypt;
	if (r == 0)
		r = reel_pack_init(&a->own, OWN_PACK_BYTES, err);
	if (r < 0)
		return r;
	reel_pack_reset(&a->own, TAPE_GAP);
	r = reel_meta_new_capture(&a->meta);
	if (r < 0)
		return reel_err_set(err, r, "no random number for a capture");
	if (o->directory)
		r = open_directory(a, o->directory, err);
	else
		a->segment.fd = o->fd;
	/* Here, since only now its place in a chain is known; and before its first block. */
	if (r == 0 && o->seal)
		r = reel_seal_begin(o->seal, a->meta.capture, a->segment.sequence, a->meta.run,
				    &a->seal, &a->meta.seal, err);
	a->segment.seal = a->seal;
	if (r == 0)
		r = begin_segment(a, err);
	/* What begins a run is there at once, so that somebody outside can be told of it. */
	if (r == 0 && o->seal && a->sync != REEL_SYNC_NONE)
		r = reel_segment_sync(&a->segment, err);
	return r;
}

/* One for which there is no room is counted, since smaller words may still find some. */
static int put_held(struct reel_archive *a, struct reel_err *err)
{
	int r = 0;

	for (unsigned i = 0; i < a->n_held && r == 0; i++) {
		r = reel_segment_put_pack(&a->segment, a->held[i], a->settled, a->level, err);
		if (r == 0)
			a->stats.events += a->held[i]->n_events;
		if (!is_no_room(r))
			continue;
		count_lost(a, a->held[i]);
		r = 0;
	}
	return r;
}

/* What did not get on tape. */
static int put_lost(struct reel_archive *a, int failed, struct reel_err *err)
{
	for (unsigned c = 0; c < EV_MAX_TYPES; c++) {
		struct reel_record record;
		struct ev_lost *lost;

		if (!a->lost[c].count)
			continue;
		lost = reel_record_begin(&record, reel_type_by_id(EV_lost));
		lost->first = a->lost[c].first_ns;
		lost->last = a->lost[c].last_ns;
		lost->count = a->lost[c].count;
		lost->lost_cpu = EV_NO_CPU;
		lost->lost_class = (uint8_t)c;
		lost->cause = is_no_room(failed) ? REEL_LOST_DISK_FULL : REEL_LOST_WRITE_ERROR;
		add_own(a, &record);
	}
	return a->own.n_events ? put_own(a, err) : 0;
}

/* What the caller had to say after the failure, in packs that are sure to hold it. */
static int put_callers_words(struct reel_archive *a, const struct reel_words *words,
			     struct reel_err *err)
{
	int r = 0;

	for (size_t at = 0; at < words->used && r == 0;) {
		struct ev_header h;

		memcpy(&h, words->bytes + at, sizeof(h));
		at += sizeof(h);
		h.cpu = EV_NO_CPU;
		h.seq = reel_archive_own_seq(a);
		h.ts = a->now_ns > a->settled ? a->now_ns : a->settled;
		reel_pack_add(&a->own, reel_type_by_id(h.type), &h, words->bytes + at);
		a->stats.events++;
		at += h.length;
		if (a->own.n_events >= WORDS_IN_PACK)
			r = put_own(a, err);
	}
	return r;
}

/* A tape to write on: the open segment, or after one that has its END, or is torn, another. */
static int reopen(struct reel_archive *a, struct reel_err *err)
{
	if (a->is_begun && !a->segment.is_torn)
		return 0;
	if (!a->has_directory)
		return -EPIPE;
	if (a->is_begun)
		(void)leave_segment(a, NULL);
	return begin_segment(a, err);
}

static int put_last_words(struct reel_archive *a, int failed, const struct reel_words *words,
			  struct reel_err *err)
{
	int r;

	if (a->has_directory)
		reel_directory_free_reserve(&a->directory);
	if (!a->no_room)
		a->no_room = -ENOSPC;
	r = reopen(a, err);
	if (r == 0)
		r = put_held(a, err);
	if (r == 0)
		r = put_callers_words(a, words, err);
	if (r == 0)
		r = put_lost(a, failed, err);
	return r < 0 ? r : end_segment(a, is_no_room(failed) ? TAPE_DISK_FULL : TAPE_FAILED, err);
}

int reel_archive_end(struct reel_archive *a, int failed, const struct reel_words *words,
		     struct reel_err *err)
{
	int r = a->is_over ? 0 : leave_bad_segment(a, err);

	if (a->is_over)
		return put_last_words(a, failed, words, err);
	return r < 0 ? r : end_segment(a, TAPE_ENDED, err);
}

void reel_archive_done(struct reel_archive *a)
{
	reel_pack_done(&a->own);
	reel_segment_done(&a->segment);
	reel_crypt_writer_free(a->crypt);
	reel_seal_free(a->seal);
	if (a->has_directory)
		reel_directory_close(&a->directory);
}
