/* SPDX-License-Identifier: BSD-2-Clause */
/* A small text file that others read while it is written: it is replaced as a whole. */
#ifndef REEL_FORMAT_REPLACE_H
#define REEL_FORMAT_REPLACE_H

#include <stdio.h>

#include "format/err.h"

/* PUT writes all of it. A link that stands where the new file is made is not followed. */
int reel_replace_file(const char *path, void (*put)(FILE *f, void *context), void *context,
		      struct reel_err *err);

#endif
