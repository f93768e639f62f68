/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who makes a passing case for a process that may not run anything any more: a child, begun before
 * that was so. It knows of which capture, and is told no more than "make it", "stop" and "remove
 * it". When its parent ends, however that comes, it removes what it has made and ends as well.
 */
#ifndef REEL_QUERY_CASE_MAKER_H
#define REEL_QUERY_CASE_MAKER_H

#include <sys/types.h>

#include "query/passing_case.h"

struct case_maker {
	pid_t pid; /* 0: there is none */
	int fd;
};

/* The keys are files, which are read when it makes something. */
int case_maker_start(struct case_maker *m, const char *capture, const struct reel_strings *keys,
		     bool quiet, struct reel_err *err);
/* PATH: where the case lies then. *STOP ends it early: -EINTR. Else as passing_case_make(). */
int case_maker_make(struct case_maker *m, char path[PASSING_CASE_PATH], const volatile int *stop,
		    struct reel_err *err);
/* A connection that has it open may go on to read. */
void case_maker_remove(struct case_maker *m);
void case_maker_end(struct case_maker *m);

#endif
