/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slices of a case: what came of a file, a process or an address, or what it came from, as a tree
 * over the rows of the table edge. replay/case_edges.h says what these rows are, and why a slice
 * over them is one over the events.
 *
 * It goes step by step, forwards always on with what was reached first, backwards with what counted
 * last, so that each node is reached at its earliest moment, or its latest, and stands there in the
 * tree. Each node is expanded once; another way to it is a line that says so.
 *
 * A step must be possible in time. An event has the time at which its call ended, so that between
 * two processes that meet at a file or a connection order is no evidence below SLICE_SLACK_NS: as
 * much is allowed there.
 *
 * Not followed, but counted in the note of where it was met:
 * - backwards, files that nobody in the capture had written by then: libraries, settings;
 * - devices that hand nothing on (/dev/null ...), and terminals: who shares one shares no data;
 * - a pipe, a socket or an own file from a process to itself;
 * - from a process that founded a family (a session, a service, the first of a container) up to
 *   who made it, if that one founded a family as well, and to the families of such a one down:
 *   their siblings are other stories. Nor is anything behind init, or a thread of the kernel.
 *   What the slice starts at is followed whatever it is;
 * - what is behind /proc and /sys.
 *
 * Bounds: SLICE_NODES_MAX nodes, of a node SLICE_ROWS_OF_NODE rows of edge, SLICE_ROWS rows in all.
 * What is beyond is counted, up to SLICE_COUNTED rows; then the note says "more than".
 */
#ifndef REEL_QUERY_SLICE_H
#define REEL_QUERY_SLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "format/err.h"
#include "query/sqlite.h"

enum {
	SLICE_SLACK_NS = 100000,
	SLICE_STEPS = 6, /* if nothing is said */
	SLICE_NODES = 1000,
	SLICE_WIDTH = 100, /* of a node so many others at most, those next in time */
	SLICE_STEPS_MAX = 1000,
	SLICE_NODES_MAX = 100000,
	SLICE_ROWS_OF_NODE = 20000,
	SLICE_ROWS = 60000,
	SLICE_COUNTED = 200000,
};

struct slice_question {
	bool is_backward;
	const char *kind; /* path, pid, process, addr, connection, file */
	sqlite3_value *value;
	bool has_at;
	int64_t at_ns;
	unsigned steps, nodes, width;
	bool with_unwritten;
};

enum slice_type { SLICE_PROCESS = 1, SLICE_FILE = 2, SLICE_CONNECTION = 3 };

struct slice_row {
	unsigned depth;
	enum slice_type type;
	int64_t id;	      /* in the table of its type */
	uint32_t kinds;	      /* of the edges to it, bits in the order of slice_kinds; 0: a root */
	int64_t edge;	      /* the first of them, or the last backwards */
	int64_t count, bytes; /* bytes: -1, where there are none */
	int64_t from_ns, to_ns;
	char *label, *note; /* note may be NULL */
};

struct slice {
	struct slice_row *rows;
	unsigned n_rows;
};

extern const char *const slice_kinds[];

/* -ENOENT: what it should start at is not there; -EINVAL: the question; -EIO: SQLite's error. */
int slice_ask(sqlite3 *db, const struct slice_question *q, struct slice *ret, struct reel_err *err);
void slice_done(struct slice *s);

/* The table `slice`; see slice_table.c. */
int slice_register(sqlite3 *db);

#endif
