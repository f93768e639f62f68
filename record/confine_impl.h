/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the confinement; for its tests too. */
#ifndef REEL_RECORD_CONFINE_IMPL_H
#define REEL_RECORD_CONFINE_IMPL_H

#include <stdint.h>

#include "record/confine.h"

#define CONFINE_SIGNAL (SIGRTMAX - 1)

/*
 * Calls run in every thread of the process, in the own one last. -ETIMEDOUT: one does not answer,
 * and ARG must then stay where it is until the process ends.
 */
int confine_in_every_thread(void (*run)(void *arg), void *arg, struct reel_err *err);

/* Rights of Landlock, as a kernel with this ABI knows them. */
struct confine_landlock_rights {
	uint64_t fs;		/* all that the ABI can refuse */
	uint64_t net;
	uint64_t scoped;
	uint64_t directory;	/* what is allowed beneath a directory that we write to */
};
void confine_landlock_rights(int abi, struct confine_landlock_rights *ret);

/* The ABI of this kernel, or -EOPNOTSUPP. */
int confine_landlock_abi(void);
/* A rule set that allows to write beneath the directories of these descriptors. */
int confine_landlock_ruleset(int abi, const int *directories, unsigned n, int *ret_fd);

/* What one thread gives up. Safe in a signal handler; errors are noted, the first of each. */
struct confine_rights {
	int landlock_fd;		/* -1: none */
	const struct confine_owner *owner; /* or NULL */
	uint64_t keep_caps;
	_Atomic int failed[CONFINE_MEASURES]; /* negative errno */
	_Atomic uint64_t kept_caps;	/* of those to keep, which there were */
};
void confine_give_up(void *rights);

/* Directory, lock and segments get a new owner, where they are ours until now. */
int confine_give_capture(int directory_fd, const struct confine_owner *owner, struct reel_err *err);

#endif
