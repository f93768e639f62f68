/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of reel's processes may make which system call, as one table. */
#ifndef REEL_FORMAT_CONFINE_CALLS_H
#define REEL_FORMAT_CONFINE_CALLS_H

#include <sys/types.h>

#include "format/confine_filter.h"

enum confine_role {
	CALLS_RECORDER = 1,
	CALLS_HELPER = 2,
	CALLS_ATTACHER = 4,	/* a helper that attaches uprobes */
	CALLS_EXECUTOR = 8,	/* a helper that runs programs: all but the worst */
	CALLS_PARSER = 16,
	CALLS_READER = 32,	/* a command that reads what comes from elsewhere */
	CALLS_MAKER = 64,	/* one that makes files that are not there yet */
	CALLS_DATABASE = 128,	/* one that writes a database */
	CALLS_COMPILER = 256,	/* one that makes code */
	CALLS_NARROWER = 1024,	/* one that will say which files it reads */
	CALLS_SESSION = 512,	/* what a reading command runs: all but the worst */
};

/* Values that are known only when the filter is made. */
enum confine_value { VALUE_NONE, VALUE_SELF, VALUE_SELF_OR_0, VALUE_SIGNALLED };

struct confine_check {
	enum filter_test test;
	enum confine_value value;	/* goes behind those of the row */
	uint8_t arg;
	uint8_t n_values;
	uint32_t values[FILTER_VALUES];
};

/* The first row of a call that is for one of the roles decides. */
struct confine_call {
	const char *name;
	uint32_t nr;
	uint32_t roles;
	enum filter_action action;
	enum filter_action otherwise;
	const struct confine_check *check;	/* NULL: always */
};

extern const struct confine_call confine_calls[];	/* ends with a name that is NULL */

/* ROLES: of enum confine_role, one or more. SIGNALLED: whom the process may signal, 0: nobody. */
int confine_calls_filter(uint32_t roles, pid_t self, pid_t signalled, struct filter *ret);

#endif
