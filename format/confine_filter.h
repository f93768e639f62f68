/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A seccomp filter put together from rows, one a call; the first row of a call decides. Calls of
 * another ABI than the native one kill the process.
 */
#ifndef REEL_FORMAT_CONFINE_FILTER_H
#define REEL_FORMAT_CONFINE_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

enum { FILTER_MAX = 2048, FILTER_VALUES = 16 };

enum filter_action { FILTER_ALLOW, FILTER_EPERM, FILTER_ENOSYS, FILTER_KILL };

/* Of an argument; only its low 32 bits are looked at, which is all the kernel takes of these. */
enum filter_test {
	FILTER_ANY,
	FILTER_ONE_OF,
	FILTER_NO_BITS,		/* none of the first value's */
	FILTER_ALL_BITS,
	FILTER_BITS_ONLY_WITH,	/* none of the first value's, or all of one that follows */
};

struct filter_row {
	uint32_t nr;
	enum filter_action action;	/* when the test holds */
	enum filter_action otherwise;
	enum filter_test test;
	uint8_t arg;
	uint8_t n_values;
	uint32_t values[FILTER_VALUES];
};

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned n;
	bool overflow;
};

void filter_begin(struct filter *f);
void filter_add(struct filter *f, const struct filter_row *row);
/* What becomes of all other calls. -E2BIG: there were too many rows. */
int filter_end(struct filter *f, enum filter_action otherwise);

#endif
