/* SPDX-License-Identifier: BSD-2-Clause */
/* A running container by its name: its cgroup is one of those that exist. */
#ifndef REEL_RECORD_CONTAINER_FIND_H
#define REEL_RECORD_CONTAINER_FIND_H

#include "record/container.h"

/* -ENOENT: no container that runs now has this name. */
int container_find(const char *name, char ret_id[CONTAINER_ID_MAX], struct reel_err *err);

#endif
