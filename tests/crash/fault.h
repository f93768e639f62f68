/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that fail when a test wants it: fault.so is preloaded, and stands before the C library.
 *
 * A program under test arms it by itself (fault_arm), or it is armed from the environment:
 *
 *	FAULT=KINDS:AT:TIMES:ERROR:MODE	as below, in numbers
 *	FAULT_PATH=TEXT		only names that contain it, and files opened by them
 *	FAULT_STATE=FILE	where struct fault lies, for those who want to see the counts
 */
#ifndef REEL_TESTS_CRASH_FAULT_H
#define REEL_TESTS_CRASH_FAULT_H

#include <stdatomic.h>
#include <stdint.h>

enum fault_kind {
	FAULT_OPEN, /* open and openat of all kinds */
	FAULT_WRITE,
	FAULT_SYNC, /* fsync, fdatasync */
	FAULT_TRUNCATE,
	FAULT_UNLINK,
	FAULT_CLOSE,
	FAULT_SEEK,
	FAULT_STAT,
	FAULT_MAP,
	FAULT_MKDIR,
	FAULT_LOCK,
	FAULT_ALLOCATE,
	FAULT_RANDOM,
	FAULT_KINDS,
};

enum fault_mode {
	FAULT_FAIL,  /* nothing is done; of close: it is done, and fails */
	FAULT_SHORT, /* a write writes half, and says so */
	FAULT_HALF,  /* the first such write writes half, what follows fails */
};

struct fault {
	uint32_t kinds; /* bits; none: nothing is armed */
	uint32_t at;	/* the first call that fails, from 1 */
	uint32_t times; /* how many; 0: all from there on */
	int32_t error;
	uint32_t mode;
	_Atomic uint32_t calls, hits;
};

/* The structure is looked at with each call, and must stay. */
void fault_arm(struct fault *fault);

#endif
