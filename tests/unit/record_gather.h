/* SPDX-License-Identifier: BSD-2-Clause */
/* A sink that keeps what the tests of the helper look at, and a clock. */
#ifndef REEL_TESTS_UNIT_RECORD_GATHER_H
#define REEL_TESTS_UNIT_RECORD_GATHER_H

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "format/schema.h"
#include "record/helper.h"
#include "tests/unit/harness.h"

enum { GATHER_MAX = 512, GATHER_TEXT = 700 };

struct gathered {
	uint8_t type, flags;
	uint32_t pid;
	uint64_t ts;
	uint8_t fixed[256];
	char text[GATHER_TEXT];	/* its strings, each in angle brackets */
	uint32_t true_length;	/* of the first */
};

struct gather {
	unsigned n, coverage, others;
	struct gathered list[GATHER_MAX]; /* all but coverage */
	char covered[1024];
};

static inline int gather_put(void *arg, struct reel_record *record, struct reel_err *err)
{
	struct gather *g = arg;
	struct gathered *to;
	const uint8_t *at = record->payload + record->type->fixed_bytes;
	size_t n = 0;

	(void)err;
	reel_record_end(record);
	if (record->header.type == EV_coverage) {
		uint16_t length;

		memcpy(&length, record->payload + record->type->string_offsets[0], 2);
		n = strlen(g->covered);
		snprintf(g->covered + n, sizeof(g->covered) - n, "%.*s;", length, (const char *)at);
		g->coverage++;
		return 0;
	}
	if (g->n == GATHER_MAX) {
		g->others++;
		return 0;
	}
	to = &g->list[g->n++];
	memset(to, 0, sizeof(*to));
	to->type = record->header.type;
	to->flags = record->header.flags;
	to->pid = record->header.pid;
	to->ts = record->header.ts;
	memcpy(to->fixed, record->payload, record->type->fixed_bytes);
	for (unsigned i = 0; i < record->n_strings; i++) {
		uint16_t length;

		memcpy(&length, record->payload + record->type->string_offsets[i], 2);
		if (n < sizeof(to->text))
			n += (size_t)snprintf(to->text + n, sizeof(to->text) - n, "<%.*s>", length,
					      (const char *)at);
		at += length;
	}
	to->true_length = record->n_strings ? record->true_lengths[0] : 0;
	return 0;
}

static inline struct record_sink gather_sink(struct gather *g)
{
	return (struct record_sink){ gather_put, g };
}

static inline uint64_t boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Takes until there are so many records, or the helper is gone, for some seconds at most. */
static inline void gather_until(struct gather *g, struct helper *h, unsigned n)
{
	const struct record_sink sink = gather_sink(g);
	uint64_t deadline = boot_ns() + 10ull * 1000000000u;

	while (g->n < n && helper_fd(h) >= 0 && boot_ns() < deadline) {
		struct pollfd p = { .fd = helper_fd(h), .events = POLLIN };

		(void)poll(&p, 1, 100);
		CHECK_EQ(helper_take(h, &sink, NULL), 0);
	}
	CHECK(g->n >= n);
}

static inline int gather_stop(struct gather *g, struct helper *h)
{
	const struct record_sink sink = gather_sink(g);

	return helper_stop(h, boot_ns() + 10ull * 1000000000u, &sink, NULL);
}

#endif
