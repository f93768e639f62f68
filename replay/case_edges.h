/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edges of a case: events that carried something from one to another, put together into rows as
 * far as no slice can tell the difference.
 *
 * A node is a process, a file or a connection; an event u -> v at t hands on all that had come to
 * u until t. rename and link carry two ways at once: from the process and from the old file.
 *
 * The rule. Each new row into a node gives it a new version. An event u -> v of a kind extends
 * the row (u, v, kind), so that to_ts, count and bytes grow, if since that row was last extended
 *   (a) u has no new version, but for rows that came from v itself: v has all that is in them; and
 *   (b) nothing has gone out of v, or the row's first extension for which that was not so lies less
 *       than CASE_EDGE_SPAN_NS back.
 * Everything else begins a new row. The rows out of a file that has a second name by link() are
 * never extended: what is written under one name can be read under the other without an event.
 *
 * What a slice does with a row [from, to] is: forwards it follows it if `to` is not before a(u),
 * when u was reached, and reaches v at max(from, a(u)). Backwards it follows it if `from` is not
 * after b(v), the last moment that counts for v, and reaches u with min(to, b(v)).
 *
 * Nothing is lost: every event lies in its row, so that wherever it can be followed so can the
 * row, and to no worse a time.
 * Nothing is added: take rows r1 ... rn, one behind the other, each node once, that can be
 * followed. If from(i+1) < from(i), then to(i+1) >= from(i), and the node between them was given
 * a version by r(i) while r(i+1) was open: by (a) only if r(i) comes from where r(i+1) goes, and
 * then a node is there twice. So from(1) <= from(2) ..., and these are times of real events:
 * there is a path in time over events as well. It ends early enough for any end of a backward
 * slice, and a forward slice from the first moment reaches each node at the same time.
 * A forward slice from node s at time t is the same but for a first row with from < t <= to. By
 * (b) nothing left its v between the events of the row, so that it does not matter which of them
 * counts; or they lie in a stretch shorter than CASE_EDGE_SPAN_NS. So it shows all that went out
 * of s from t on, and nothing that did not from t - CASE_EDGE_SPAN_NS on.
 *
 * - An event of many calls in one (a fold) that extends a row is one at its last call: nothing
 *   new has come to u meanwhile. Any other may have carried anything at any time: its row goes
 *   from its first call to its last, and a slice may show more, never less, than the calls would.
 * - Events with the same ns count in the order in which they are given. Between processes order
 *   is no evidence below 100 us, because an event has the time of its call's end: a slice allows
 *   as much where two processes meet, and this may show more, never less, than the events would.
 *
 * Memory: CASE_EDGES_OPEN rows and twice as many nodes, in all less than CASE_EDGES_BYTES. The
 * row that was extended least recently makes place for a new one; an event that would have
 * extended it begins another. Linked files are remembered one by one up to CASE_EDGES_LINKED;
 * from then on every file is held to be one.
 */
#ifndef REEL_REPLAY_CASE_EDGES_H
#define REEL_REPLAY_CASE_EDGES_H

#include "format/case.h"
#include "format/err.h"

struct case_writer;
struct case_edges;

#define CASE_EDGE_SPAN_NS 1000000000ull

enum {
	CASE_EDGES_OPEN = 1 << 16,
	CASE_EDGES_LINKED = 1 << 18,
	CASE_EDGES_BYTES = 32 << 20,
	CASE_EDGE_EVENT_BYTES = 48, /* the longest id of an event */
};

/* clang-format off */
/* X(name, 1: out of the process) */
#define CASE_EDGE_KINDS(X)							\
	X(write, 1) X(create, 1) X(rename, 1) X(link, 1) X(truncate, 1)		\
	X(fork, 1) X(send, 1) X(connect, 1)					\
	X(read, 0) X(exec, 0) X(map, 0) X(recv, 0) X(accept, 0)
/* clang-format on */

enum edge_kind {
#define X(name, is_out) EDGE_##name,
	CASE_EDGE_KINDS(X)
#undef X
		EDGE_N_KINDS
};

/* What happened between a process and a file, a child or a connection; the others are CASE_NONE. */
struct case_edge {
	int64_t boot, process;
	enum edge_kind kind;
	int64_t file, child, connection;
	int64_t old_file;     /* of rename and link */
	uint64_t ts;	      /* boottime; of many calls the last */
	uint64_t first_ts;    /* of many calls the first; 0: as ts */
	int64_t ns, first_ns; /* the same as wall time, or CASE_NONE */
	uint64_t count;	      /* calls; 0: one */
	uint64_t bytes;
	struct case_text event; /* its id */
};

/* Rows go to the writer, which has to live as long. */
int case_edges_new(struct case_writer *writer, struct case_edges **ret, struct reel_err *err);
/* In the order of events; only a fold is told of later than its ts. Boots do not mix. */
int case_edges_add(struct case_edges *e, const struct case_edge *edge, struct reel_err *err);
/* Writes what is open. Needed at the end, and at the end of each boot. */
int case_edges_flush(struct case_edges *e, struct reel_err *err);
void case_edges_free(struct case_edges *e);

/* For who wants to look at the rows: instead of a writer. */
typedef int case_edges_write(void *ctx, const struct row_edge *row, struct reel_err *err);
int case_edges_new_to(case_edges_write *write, void *ctx, struct case_edges **ret,
		      struct reel_err *err);

#endif
