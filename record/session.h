/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording, from its first hook to its last block.
 *
 * Memory beyond the rings: the writer's buffers (format/writer.h), 1 MiB twice for keyframes, and
 * what the helper may answer.
 */
#ifndef REEL_RECORD_SESSION_H
#define REEL_RECORD_SESSION_H

#include "format/writer.h"
#include "record/sums.h"
#include "record/wishes.h"

struct session;

/* What the recording is like at a moment, for a status line, a summary and metrics. */
struct session_state {
	uint64_t since_ns, now_ns;
	struct sum sum;
	struct reel_writer_stats written;
	unsigned ring_percent, ring_high_percent;
	uint64_t memory_bytes; /* of the recorder's own, beside the rings */
	uint64_t cpu_ns;
	uint64_t disk_left_bytes;
	double events_per_s, bytes_per_s; /* since the last look */
	bool ended;			  /* this is the last time */
	char path[4096];
};

/* How the session talks; any of them may be NULL. */
struct session_talk {
	void *arg;
	void (*ready)(void *arg, const char *path);
	/* Once a second. */
	void (*state)(void *arg, const struct session *s, const struct session_state *state);
	void (*warning)(void *arg, const char *text);
};

struct session_end {
	struct session_state state;
	bool command_ended;
	int command_status; /* as a shell has it */
};

/*
 * Records until it is told to stop: by SIGINT or SIGTERM, the end of the command or of the time.
 * -EPERM, -EACCES: privilege; -EOPNOTSUPP: the kernel; -ENOENT, -ENOEXEC of the command are
 * told by ret->command_status (127, 126) with command_ended.
 */
int session_run(const struct wishes *w, const struct session_talk *talk, struct session_end *ret,
		struct reel_err *err);

/* For whoever is called by talk.state. */
const struct sums *session_sums(const struct session *s);
const struct programs *session_programs(const struct session *s);

#endif
