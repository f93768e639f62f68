/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a container runtime keeps on disk of a container: a task of the helper. A cgroup of a
 * container is known by its path; its name, image, labels and mounts are read from the files of
 * docker, podman, containerd or CRI-O, also where a user runs them without root.
 *
 * What is said here the runtime says, and for containers that a user runs, the user: a cgroup in
 * which processes are is a fact, a container's name is a claim.
 *
 * Labels are lines "key=value", mounts are lines "source:destination", ":ro" behind it where it
 * cannot be written; in both a line feed is "\n" and a backslash "\\". Only bind mounts and volumes
 * are named. Of podman, containerd and CRI-O the annotations count as labels: their own labels lie
 * in a database.
 *
 * Memory: 300 KiB, and while a file is read its JSON, 16 MiB and 4 MiB of nodes at most.
 */
#ifndef REEL_RECORD_CONTAINER_H
#define REEL_RECORD_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "format/container_id.h"
#include "record/helper.h"

enum { CONTAINER_TEXT_MAX = 24 << 10 };

/* A text of lines; more than fits is counted but not kept. */
struct container_text {
	size_t length, whole;
	char bytes[CONTAINER_TEXT_MAX];
};

struct container_about {
	struct container_id id;
	bool privileged;
	char name[256], image[512];
	struct container_text labels, mounts;
	char reason[200];	/* "": all was found */
};

struct container_options {
	const char *root;	/* beneath which the runtimes' files are looked for; NULL: / */
};

struct container_reader;

int container_reader_new(const struct container_options *o, struct container_reader **ret,
			 struct reel_err *err);
void container_reader_free(struct container_reader *r);

/* -ENOENT: the cgroup belongs to no container. *ret is valid until the next call. */
int container_read(struct container_reader *r, const char *cgroup_path,
		   const struct container_about **ret);

struct helper_task container_task(struct container_reader *r);

#endif
