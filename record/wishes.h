/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a user wants recorded, and how; and what follows from it for the kernel programs. All
 * strings are borrowed.
 */
#ifndef REEL_RECORD_WISHES_H
#define REEL_RECORD_WISHES_H

#include "format/options.h"
#include "record/load.h"
#include "record/recipients.h"

struct wishes {
	const char *output;
	struct reel_strings classes;
	struct reel_strings calls;
	int io; /* enum io_mode */
	uint32_t content, max_arg;
	struct reel_strings env;
	bool no_dns, hash;

	struct reel_strings pids, comms, exes, users, cgroups, containers;
	struct reel_strings paths, no_paths;
	bool no_follow;

	uint64_t duration_ns;
	uint64_t segment_bytes, segment_ns, keep_bytes, keep_ns, latency_ns;
	uint32_t ring_mib;
	int sync; /* enum reel_sync */
	bool drop_oldest;
	struct reel_strings encrypt_to;
	struct recipients recipients; /* the keys in encrypt_to */

	const char *metrics_file;
	const char *owner;
	const char *note;
	const char *seal;   /* the state of the host's key; NULL: not sealed */
	const char *anchor; /* a command; NULL: none */
	int ready_fd;
	bool snapshot;

	const char *config; /* the file with defaults, where another is named */
	bool no_config;

	char **command; /* NULL: none */
};

/* What the kernel programs can be told, and where it lies in their constants. */
struct scope {
	struct scope_term terms[SCOPE_TERMS];
	struct scope_term paths[PATH_TERMS];
};

/* -EINVAL: something that nobody can mean; the message says what. */
int wishes_apply(const struct wishes *w, struct load_options *ret_load, struct scope *ret_scope,
		 struct reel_err *err);

#endif
