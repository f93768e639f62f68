/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a session share. */
#ifndef REEL_RECORD_SESSION_IMPL_H
#define REEL_RECORD_SESSION_IMPL_H

#include "record/anchors.h"
#include "record/child.h"
#include "record/confine.h"
#include "record/container.h"
#include "record/hash.h"
#include "record/guard.h"
#include "record/helper.h"
#include "record/keyframe.h"
#include "record/lookaround.h"
#include "record/rings.h"
#include "record/session.h"
#include "record/user.h"

struct session {
	const struct wishes *wishes;
	const struct session_talk *talk;
	struct programs *programs;
	struct guard *guard;
	struct rings *rings;
	struct sums *sums;
	struct reel_writer *writer;
	struct keyframes *keyframes;
	struct helper *helper;
	struct anchors *anchors;
	struct hasher *hasher;
	struct container_reader *containers;
	struct user_probes *user;
	struct lookaround lookaround;
	struct child child;
	struct confine_owner owner;
	struct record_sink sink;   /* into the writer, as our own */
	struct record_sink helped; /* the same for what the helper says */
	struct record_sink last;   /* after an error: with the last words of the tape */
	struct reel_record record;
	uint64_t edited[(sizeof(struct ev_header) + EV_MAX_PAYLOAD + 7) / 8];
	char path[4096];
	int signal_fd, clock_fd, memory_fd;

	uint64_t since_ns;
	uint64_t segment_number;
	/* Taken out of the rings when the tape could not be written any more. */
	struct {
		uint64_t count, first_ns, last_ns;
	} dropped[CLASSES];
	int64_t rotated_realtime_ns;
	/* So many there were before the last hour is kept; 0: nobody asks for it. */
	uint64_t keep_segments;
	uint64_t settled_ns;
	/*
	 * Of the keyframe, nothing older than these is still to come: only up to them is settled.
	 */
	uint64_t floor_ns, helper_floor_ns;
	uint64_t last_records, last_bytes;
	/* The keyframe that is being written. */
	bool keyframe_open;
	uint64_t keyframe_records, keyframe_since_ns;
	struct helper_stats keyframe_before;
	uint8_t keyframe_source; /* as its beginning said */
	/* Above the command; of the second no iterator has shown any. */
	uint32_t ancestors[ANCESTORS_TOLD], keyframe_hidden[ANCESTORS_TOLD];
	bool keyframe_asked_hidden;

	/* The looks once a second, and what they found last. */
	struct session_state state;
	uint64_t looked_ns, minute_ns;
	uint64_t quiet_kept, quiet_since_ns, quiet_mark_ns; /* see is_quiet() */
	uint64_t warned_lost;
	unsigned warned_ring;
	bool others_read; /* from our rings */
	uint64_t warned_replaced;
	uint64_t round_ns; /* when the last one began, CLOCK_MONOTONIC */
	bool warned_memory, warned_disk, warned_helper;

	bool probes; /* the user class is wanted */
	bool stop, rotate, keep, child_ended, told_command;
	int child_wait_status;
};

/* drain.c: records on their way to the tape. */
int session_take(void *arg, const struct ev_header *record, size_t bytes, struct reel_err *err);
int session_put_own(void *arg, struct reel_record *record, struct reel_err *err);
/* For what is still in the rings after an error; and then the accounts of it. */
int session_drop(void *arg, const struct ev_header *record, size_t bytes, struct reel_err *err);
void session_put_dropped(struct session *s, int failed);
int session_put_last(void *arg, struct reel_record *record, struct reel_err *err);
int session_put_helped(void *arg, struct reel_record *record, struct reel_err *err);
int session_put_bytes(void *arg, struct ev_header *record, size_t bytes, struct reel_err *err);

/* session_keyframe.c */
int session_keyframe_begin(struct session *s, struct reel_err *err);
int session_keyframe_go_on(struct session *s, struct reel_err *err);
/* An iterator has shown this process. */
void session_keyframe_shows(struct session *s, uint32_t pid);
int session_put_coverage(struct session *s, struct reel_err *err);

/* session_watch.c: each round, and once a second. */
int session_watch_round(struct session *s, const struct round *round, struct reel_err *err);
void session_watch_segment(struct session *s);
int session_look(struct session *s, uint64_t now_ns, struct reel_err *err);
int session_warn(struct session *s, struct reel_err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* After the end: do the sums of what was seen and what came agree? */
int session_balance(struct session *s, struct reel_err *err);
void session_state_read(struct session *s, uint64_t now_ns);

#endif
