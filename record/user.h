/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The class user: probes inside programs, on TLS libraries and readline, wherever a process maps
 * one. Probes belong to files, not to processes; whose hits are recorded is for the kernel programs
 * to say.
 *
 *	user_probes_prepare(object, wanted, kernel);	when the object is open, not yet loaded
 *	user_probes_new(object, &probes, err);		when it is loaded
 *	user_probes_task(probes);			in the helper: each executable mapping of a
 *							file is a request. One for pid 0, before all
 *							others and before the command starts, is for
 *							libraries and shells where they usually are;
 *							one with "again" tells what became of all
 *							files so far, for a keyframe.
 *	user_probes_free(probes);
 *
 * Without a helper the same is done by user_probes_known() and user_probes_file().
 *
 * After a fork each process owns the probes that it has made itself, and knows of those before; in
 * the helper only the programs and maps of user_probes_fds() need to stay open. Probes go with the
 * process that owns them, at the latest. Before Linux 6.6 each of them takes 0.1 s to go, which the
 * kernel does while that process ends.
 *
 * Attaching needs CAP_SYS_ADMIN before Linux 6.6, where it is done by perf events, and nothing but
 * the programs since. CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH find files of other users' processes,
 * CAP_CHECKPOINT_RESTORE those that are no longer at their path.
 *
 * Bounds: USER_FILES files with probes, USER_MAX_FDS descriptors, USER_QUEUE files that wait (those
 * that find no room are looked at when they are mapped again), USER_TOLD files that a keyframe
 * tells of, and what user_seen.h says: 260 KiB, and paths.
 */
#ifndef REEL_RECORD_USER_H
#define REEL_RECORD_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/user.h"
#include "record/helper.h"
#include "record/sink.h"

enum { USER_QUEUE = 256, USER_TOLD = 512, USER_MAX_FDS = 4096, USER_KEEP_FDS = 3 };

struct bpf_object;
struct btf;
struct user_probes;

/* Not wanted: its programs and maps are not loaded at all. */
int user_probes_prepare(struct bpf_object *object, bool wanted, const struct btf *kernel);

/* -EOPNOTSUPP: the kernel has no uprobes, or refused the programs. */
int user_probes_new(const struct bpf_object *object, struct user_probes **ret,
		    struct reel_err *err);
/* Takes the probes away that this process has made. */
void user_probes_free(struct user_probes *p);

/* Attaches by perf events, which take CAP_SYS_ADMIN. */
bool user_probes_by_perf(const struct user_probes *p);

/*
 * What became of each file with functions to probe goes to the sink as coverage; without a sink it
 * is only remembered. These fail only as the sink does.
 */
int user_probes_known(struct user_probes *p, const struct record_sink *sink, struct reel_err *err);

struct user_mapped {
	uint32_t pid;
	uint32_t dev;
	uint64_t inode;
	const char *path; /* as the process sees it */
};
int user_probes_file(struct user_probes *p, const struct user_mapped *mapped,
		     const struct record_sink *sink, struct reel_err *err);

struct helper_task user_probes_task(struct user_probes *p);
void user_probes_fds(const struct user_probes *p, int ret[USER_KEEP_FDS]);

/* Is a mapping of this file worth a request? */
bool user_path_matters(const char *path, size_t length);

struct user_stats {
	unsigned files, probes, fds;
};
void user_probes_stats(const struct user_probes *p, struct user_stats *ret);

#endif
