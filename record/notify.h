/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells whoever started us that recording has begun: a descriptor, and systemd where it listens. */
#ifndef REEL_RECORD_NOTIFY_H
#define REEL_RECORD_NOTIFY_H

#include "record/session.h"

/* For the table of options: a descriptor that is open. */
int notify_parse_fd(const char *text, void *field, struct reel_err *err);

/* fd -1: none. It is closed. */
void notify_ready(int fd);

#endif
