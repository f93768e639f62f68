/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a keyframe says of the machine apart from its processes: users and groups, mounts of each
 * mount namespace, addresses and sockets of each network namespace, cgroups. No BPF iterator gives
 * these, so that every keyframe has them from here.
 *
 * Namespaces other than the own are found by their processes. One that no process is in (kept by a
 * mount or a descriptor alone) is not seen.
 *
 * Memory: 400 KiB, 8 bytes a namespace and 64 bytes an interface, for no more than 65,536 of each,
 * and the paths of cgroups that are still to be walked, 16 MiB at most.
 */
#ifndef REEL_RECORD_HOST_H
#define REEL_RECORD_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/events.h"
#include "record/sink.h"

enum host_part {
	HOST_ACCOUNTS = 1,
	HOST_MOUNTS = 2,
	HOST_NETIFS = 4,
	HOST_SOCKS = 8,
	HOST_CGROUPS = 16,
	HOST_ALL = 31,
};

struct host_options {
	/* Whose namespaces are looked at besides the own. NULL: those of all processes. */
	bool (*wants)(void *arg, uint32_t pid);
	void *wants_arg;
	uint32_t parts; /* of enum host_part; 0: all */
};

struct proc_totals {
	uint64_t records;
	uint64_t by_type[EV_MAX_TYPES];
	uint64_t vanished; /* processes that ended while they were looked at */
	uint64_t refused;  /* processes, threads and things of the host that were not fully readable
			      for lack of privilege */
	uint64_t left_out; /* things of the host beyond a limit, or that made no sense */
};

/* Errors as those of proc_keyframe(). */
int host_keyframe(const struct host_options *o, const struct record_sink *sink,
		  struct proc_totals *ret, struct reel_err *err);

#endif
