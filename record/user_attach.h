/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes at places in a file, for every process that maps it, by kernel programs that are loaded.
 * One link holds all of them where the kernel has such links (6.6 and later); before, each has a
 * descriptor of its own, and takes 0.1 s to go.
 */
#ifndef REEL_RECORD_USER_ATTACH_H
#define REEL_RECORD_USER_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"

struct bpf_program;
struct btf;

/* Before loading: whether programs are for links of many probes. */
bool user_attach_has_multi(const struct btf *kernel);
void user_attach_set_multi(struct bpf_program *program);

struct user_attacher {
	int enter_fd, return_fd; /* the programs */
	bool multi;
	uint32_t event_type; /* of perf events, where not multi */
	uint64_t return_bit;
};

/* -EOPNOTSUPP: the kernel has no uprobes. */
int user_attacher_init(struct user_attacher *a, const struct bpf_program *enter,
		       const struct bpf_program *leave, struct reel_err *err);

struct user_point {
	uint64_t offset, cookie;
};

enum { USER_MAX_POINTS = 128 };

/*
 * Returns how many points have a probe now, or -errno if none has: then, and for others that have
 * none, *ret_code is why. FDS has room for n descriptors; *ret_n_fds of them are in use.
 */
int user_attach(const struct user_attacher *a, int file_fd, const struct user_point *points,
		size_t n, bool at_return, int *fds, size_t *ret_n_fds, int *ret_code);

#endif
