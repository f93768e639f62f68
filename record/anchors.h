/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --anchor: the tag of the last block that is on disk goes to a command, and so out of reach of who
 * takes the machine: when there is a first block, each minute, and at the end. The command is run
 * by a helper of its own, since one that runs programs cannot be confined as the other one is.
 *
 * Recording never waits for it. What goes wrong is a warning on the tape.
 */
#ifndef REEL_RECORD_ANCHORS_H
#define REEL_RECORD_ANCHORS_H

#include "format/writer.h"
#include "record/sink.h"

struct anchors;

/* Before rings are mapped and keys are read: see helper.h. */
int anchors_start(const char *command, struct anchors **ret, struct reel_err *err);

/* Once a round: what the helper has to say. Fails only as the sink does. */
int anchors_take(struct anchors *a, const struct record_sink *sink, struct reel_err *err);

/* Once a second: tells, if it is time to. */
void anchors_look(struct anchors *a, const struct reel_writer_stats *written, uint64_t now_ns);

/*
 * Tells the last block, if the writer has come to its end, waits some seconds until that is told,
 * and frees it; NULL too. What goes wrong is said to WARNING.
 */
void anchors_end(struct anchors *a, const struct reel_writer_stats *written, uint64_t now_ns,
		 void (*warning)(void *arg, const char *text), void *arg);

#endif
