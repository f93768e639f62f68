/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures of a recording as a text file for Prometheus, replaced as a whole. */
#ifndef REEL_RECORD_METRICS_H
#define REEL_RECORD_METRICS_H

#include "record/session.h"

#define METRICS_EVERY_NS (5ull * 1000 * 1000 * 1000)

int metrics_write(const char *path, const struct session *s, const struct session_state *state,
		  struct reel_err *err);

#endif
