/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options from a file: a line "NAME = VALUE" for each, by the long names of the same table that the
 * command line is read by; "NAME" or "NAME = yes" for one without a value, "NAME = no" for nothing.
 * A name that is said again adds to a list, and else the last one holds. "#" begins a comment where
 * a line or a blank before it does; quotes are not special.
 *
 * The command line wins: an option that it has is not looked for in the file, also not a list.
 */
#ifndef REEL_FORMAT_OPTIONS_FILE_H
#define REEL_FORMAT_OPTIONS_FILE_H

#include "options.h"

enum { OPTIONS_FILE_MAX = 1 << 20 };

/*
 * Fills OPTS, which the command line has filled already, with what ARGS says that it did not have.
 * NOT_HERE are names that only a command line may have, with a NULL behind. *RET_TEXT holds the
 * strings and is to be freed after OPTS.
 *
 * -ENOENT: there is no such file. -EPERM: others than root and the caller may write to it. -EINVAL:
 * it is wrong, and the message begins with FILE:LINE.
 */
int options_file_read(const char *path, const struct reel_option *table, void *opts,
		      const struct reel_args *args, const char *const *not_here, char **ret_text,
		      struct reel_err *err);

#endif
