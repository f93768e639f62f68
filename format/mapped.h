/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files in memory that somebody else may cut, or the disk fail to give, while they are looked at.
 * What is gone reads as zeros, which are no block: it is found as damage is, and nobody dies of it;
 * but for reel.so, which leaves the signals of its host alone.
 */
#ifndef REEL_FORMAT_MAPPED_H
#define REEL_FORMAT_MAPPED_H

#include <stddef.h>
#include <stdint.h>

/* Read-only; NULL where the size is 0. */
int reel_mapped_open(int fd, size_t size, const uint8_t **ret);
void reel_mapped_close(const uint8_t *bytes, size_t size);

#endif
