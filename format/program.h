/* SPDX-License-Identifier: BSD-2-Clause */
/* Which program this is, for those who want to check what it said. */
#ifndef REEL_FORMAT_PROGRAM_H
#define REEL_FORMAT_PROGRAM_H

#include <stdint.h>

#include "format/err.h"

/* BLAKE2b-256 of the executable that runs. On an error RET is zeroes. */
int reel_program_hash(uint8_t ret[32], struct reel_err *err);

#endif
