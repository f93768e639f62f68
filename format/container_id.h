/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which container a cgroup belongs to, as far as its path says: a fact, and no claim of a
 * runtime.
 */
#ifndef REEL_FORMAT_CONTAINER_ID_H
#define REEL_FORMAT_CONTAINER_ID_H

#include <sys/types.h>

/* Values of container.runtime. */
enum container_runtime {
	CONTAINER_UNKNOWN,
	CONTAINER_DOCKER,
	CONTAINER_PODMAN,
	CONTAINER_CONTAINERD,
	CONTAINER_CRIO,
};

enum { CONTAINER_ID_MAX = 128 };

struct container_id {
	enum container_runtime runtime;	/* as far as the path says */
	uid_t uid;			/* whose slice it is in; -1: in none of a user */
	char id[CONTAINER_ID_MAX];
};

/*
 * The container that a cgroup belongs to: the innermost, where one runs in another. -ENOENT: none;
 * what only watches over a container, such as conmon, is in none.
 */
int container_of_cgroup(const char *path, struct container_id *ret);

#endif
