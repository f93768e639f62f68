/* SPDX-License-Identifier: BSD-2-Clause */
/* What sieve.c and sieve_plan.c share, and nobody else includes. */
#ifndef REEL_REPLAY_SIEVE_IMPL_H
#define REEL_REPLAY_SIEVE_IMPL_H

#include "replay/sieve.h"

/* Most leaves ask whether one string or number is one of a few: those are asked in sieve.c, and
 * what is not as simple as that where all leaves are. */
enum sieve_way {
	SIEVE_ANY,
	SIEVE_STRING,
	SIEVE_STRINGS, /* several leaves of one string; LEAF: the test that comes without a row */
	SIEVE_ARGUMENT,
	SIEVE_NUMBER,
	SIEVE_PORT, /* a number that only IPv4 and IPv6 sockets have; INDEX: where the family is */
	SIEVE_ADDR, /* an address of such */
	SIEVE_RET,
	SIEVE_CALL,
	SIEVE_PROCESS_TEXT
};

#endif
