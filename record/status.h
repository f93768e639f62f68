/* SPDX-License-Identifier: BSD-2-Clause */
/* What a user sees of a recording: a line that is written over, and a summary at the end. */
#ifndef REEL_RECORD_STATUS_H
#define REEL_RECORD_STATUS_H

#include <stdio.h>

#include "record/session.h"

struct status_line {
	int fd; /* of a terminal; -1: none */
	bool shown;
};

void status_show(struct status_line *l, const struct session_state *s);
void status_hide(struct status_line *l);

/* Several lines. */
void status_summary(FILE *to, const struct session_state *s);

#endif
