/* SPDX-License-Identifier: BSD-2-Clause */
/* Between helper.c and helper_loop.c: packets of a socket, each of them one of these. */
#ifndef REEL_RECORD_HELPER_WIRE_H
#define REEL_RECORD_HELPER_WIRE_H

#include <stdint.h>

#include "bpf/events.h"
#include "record/helper.h"

/* To the helper; the bytes of the path follow. */
struct helper_wire_request {
	uint32_t kind;
	uint32_t pid;
	uint64_t start_ns;
	uint64_t ts;
	uint64_t inode;
	uint64_t cgroup;
	uint32_t dev;
	uint16_t again;
	uint16_t path_length;
};

enum helper_frame_kind {
	FRAME_READY = 1,	/* all is set up */
	FRAME_RECORD,		/* header and payload of a record follow */
	FRAME_ANSWERED,		/* .value requests more are done with */
};

/* From the helper. */
struct helper_frame {
	uint32_t kind;
	uint32_t value;		/* of a record: its length */
};

enum { FRAME_MAX = sizeof(struct helper_frame) + sizeof(struct ev_header) + EV_MAX_PAYLOAD + 8 };

/* The helper's own life, until nobody is left to answer. Returns its exit status. */
int helper_live(const struct helper_options *o, int fd, int life_fd, pid_t recorder);

#endif
