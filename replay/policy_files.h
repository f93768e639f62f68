/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that policies are read from or name, and the lists and macros that they know. */
#ifndef REEL_REPLAY_POLICY_FILES_H
#define REEL_REPLAY_POLICY_FILES_H

#include "replay/policy_ast.h"

struct policy_contents {
	char *bytes;
	size_t length;
	uint64_t dev, inode;
};

/* All of a plain file; the caller frees its bytes. -EFBIG: over the limit. Whatever is no plain
 * file is refused before anybody waits for it. */
int policy_read_file(const char *path, struct policy_contents *ret);
/* What its error means. */
const char *policy_why(int r);
/* A name that stands in a file, from where that file is. NULL: no memory. */
char *policy_resolve(struct policy_file *f, const char *name);

/* A list or macro is known from here on; a list's file is read. False: no memory. */
bool policy_declare(struct policy_file *f, struct policy_item *item);
bool policy_add_symbol(struct policy_file *f, const struct policy_item *item, const char *file);

#endif
