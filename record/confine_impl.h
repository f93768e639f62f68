/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the recorder's confinement; for its tests too. */
#ifndef REEL_RECORD_CONFINE_IMPL_H
#define REEL_RECORD_CONFINE_IMPL_H

#include "format/confine_impl.h"
#include "record/confine.h"

#define CONFINE_SIGNAL (SIGRTMAX - 1)

/*
 * Calls run in every thread of the process, in the own one last. -ETIMEDOUT: one does not answer,
 * and ARG must then stay where it is until the process ends.
 */
int confine_in_every_thread(void (*run)(void *arg), void *arg, struct reel_err *err);

/* Directory, lock and segments get a new owner, where they are ours until now. */
int confine_give_capture(int directory_fd, const struct confine_owner *owner, struct reel_err *err);

#endif
