/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a library keeps a property of its own objects, as its own function for that says: the code
 * of SSL_version() is "load 4 bytes from offset 0 of the argument, return". Read this way it is
 * true for every version of the library for which it can be read at all.
 */
#ifndef REEL_RECORD_USER_CODE_H
#define REEL_RECORD_USER_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/user.h"

/*
 * Follows 64-bit code along the way where no pointer is NULL, up to its return. True only if every
 * instruction on it is one of the few that are known, and what it returns came from the argument
 * by one or two loads.
 */
bool user_code_read(const uint8_t *code, size_t n, struct user_getter *ret);

#endif
