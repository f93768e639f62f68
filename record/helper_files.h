/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files at paths that others control. What is opened is looked at before it is opened to be read,
 * so that a device or a FIFO at the path has no effect, and one that is leased makes no one wait.
 */
#ifndef REEL_RECORD_HELPER_FILES_H
#define REEL_RECORD_HELPER_FILES_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "format/err.h"

/* Only a handle of what lies there: links are followed. Returns a descriptor or -errno. */
int helper_file_find(int directory_fd, const char *path, struct stat *ret);
/* Opens it to read. -EINVAL: it is not a regular file. */
int helper_file_open(int found_fd, const struct stat *st);

/*
 * All of a regular file of MAX bytes at most, with a NUL behind it, for the caller to free. OWNER,
 * unless it is -1: the only user whose file it may be, so that links to somebody else's files lead
 * nowhere; -EPERM.
 */
int helper_file_read(const char *path, size_t max, uid_t owner, char **ret, size_t *ret_length);

#endif
