/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tale: events as people write them down, a line an event. README.md of this directory has its
 * syntax and what is filled in where a line is silent.
 */
#ifndef REEL_TESTS_BENCH_TALE_H
#define REEL_TESTS_BENCH_TALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"
#include "format/record.h"

#define TALE_SECOND 1000000000ull
#define TALE_BASE (1000 * TALE_SECOND) /* CLOCK_BOOTTIME of second 0 */

enum { TALE_FIELDS_MAX = EV_MAX_FIELDS, TALE_CPUS = 64 };

/* A value as a line has it. A string lies in the text of the tale's own memory. */
struct tale_value {
	bool given;
	uint64_t number;
	uint8_t addr[16];
	uint8_t *bytes;
	uint32_t length, true_length;
};

/* What is remembered of a process, so that its later lines need not say it again. */
struct tale_process {
	uint32_t pid;
	uint64_t start;
	uint32_t ids[8]; /* in the order of tale_id_names */
	uint64_t caps[4];
};

struct tale_line {
	uint64_t ts;
	const char *text; /* behind the seconds */
	size_t length;
	unsigned number, column;
};

struct tale {
	struct tale_line *lines; /* by time */
	size_t n, at;
	struct tale_process *processes;
	size_t n_processes;
	/* Where the reading is. */
	const struct tale_line *line;
	const char *p, *end;
	/* The line that is being read. */
	const struct reel_type *type;
	struct tale_value values[TALE_FIELDS_MAX];
	struct tale_value ret;
	const char *call;
	size_t call_length;
	uint8_t *text; /* where its strings lie */
	size_t text_used, text_room;
};

struct tale_event {
	struct reel_record *record;
	size_t length;
	uint64_t hole;	  /* so many numbers of the CPU are left out before it */
	bool is_own;	  /* the recorder's: it has no CPU */
	bool is_process;  /* a `process` line: part of a keyframe */
	bool is_keyframe; /* a `keyframe` line */
};

/* TEXT must outlive the tale. */
int tale_open(const char *text, size_t length, struct tale *ret, struct reel_err *err);
/* Returns 1, 0 at the end, or -EINVAL: the message begins with line and column. The record's seq is
 * the caller's to set. */
int tale_next(struct tale *t, struct reel_record *record, struct tale_event *ret,
	      struct reel_err *err);
void tale_close(struct tale *t);

/* lib_tale_value.c: reads the value of a field at t->p. */
int tale_read_value(struct tale *t, const struct reel_field *f, struct tale_value *ret,
		    struct reel_err *err);
int tale_read_seconds(const char **p, const char *end, uint64_t *ret_ts);
int tale_error(const struct tale *t, const char *at, struct reel_err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* lib_tale_fill.c: what a line did not say; and what it says about its process. */
int tale_fill(struct tale *t, struct ev_header *h, struct reel_err *err);

static inline bool tale_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

#endif
