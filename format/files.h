/* SPDX-License-Identifier: BSD-2-Clause */
/* The segment files of a capture, found and mapped. */
#ifndef REEL_FORMAT_FILES_H
#define REEL_FORMAT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "format/err.h"

struct reel_file {
	char *path;
	const uint8_t *bytes;
	size_t size;
};

struct reel_files {
	struct reel_file *list;
	unsigned n, room;
};

/*
 * Adds the file at PATH, or every segment file in the directory and in its subdirectories, in the
 * order of their names. Links below the directory are not followed. -ENODATA: there is none.
 */
int reel_files_add(struct reel_files *f, const char *path, struct reel_err *err);
void reel_files_done(struct reel_files *f);

/* Whether the name of a file says that it is a segment. */
int reel_files_is_segment(const char *name);

#endif
