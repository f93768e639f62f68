/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of edges against the events they were made of: slices must not tell them apart. */
#include <errno.h>
#include <stdlib.h>

#include "replay/case_edges.h"
#include "tests/unit/harness.h"

enum { PROCESSES = 5, FILES = 4, CONNECTIONS = 2, NODES = PROCESSES + FILES + CONNECTIONS };
enum { EVENTS = 60, ROUNDS = 2000 };

#define NOT_REACHED INT64_MAX
#define MS 1000000ll

/* A node is a process, a file or a connection, in this order; old is -1 where there is none. */
struct part {
	int from, to, old;
	int64_t first, last;
	int64_t count;
	bool is_link;
};

struct parts {
	struct part *all;
	size_t n, room;
};

static uint64_t seed;

static uint32_t pick(uint32_t n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(seed >> 33) % n;
}

static void put(struct parts *p, struct part part)
{
	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 64;
		p->all = realloc(p->all, p->room * sizeof(*p->all));
	}
	p->all[p->n++] = part;
}

static int keep_row(void *ctx, const struct row_edge *row, struct reel_err *err)
{
	struct parts *p = ctx;
	int other, process = (int)row->process - 1;
	struct part part = { .old = -1, .first = row->from_ts, .last = row->to_ts };

	(void)err;
	if (row->file != CASE_NONE)
		other = PROCESSES + (int)row->file - 1;
	else if (row->child != CASE_NONE)
		other = (int)row->child - 1;
	else
		other = PROCESSES + FILES + (int)row->connection - 1;
	part.from = row->is_out ? process : other;
	part.to = row->is_out ? other : process;
	if (row->old_file != CASE_NONE)
		part.old = PROCESSES + (int)row->old_file - 1;
	part.is_link = part.old >= 0 && row->kind.length == 4 &&
		       memcmp(row->kind.bytes, "link", 4) == 0;
	part.count = row->count;
	put(p, part);
	return 0;
}

static struct case_edge some_event(struct part *ret, bool with_links, bool with_folds, int64_t now)
{
	static const enum edge_kind of_file[] = { EDGE_write, EDGE_write,  EDGE_read, EDGE_read,
						  EDGE_map,   EDGE_rename, EDGE_link };
	struct case_edge e = { .boot = 1, .file = CASE_NONE, .child = CASE_NONE };
	int process = (int)pick(PROCESSES), other;

	e.process = process + 1;
	e.connection = e.old_file = CASE_NONE;
	e.ts = (uint64_t)now;
	e.ns = e.first_ns = CASE_NONE;
	e.event = (struct case_text){ "00000000-0-1", 12 };
	*ret = (struct part){ .old = -1, .first = now, .last = now, .count = 1 };
	if (pick(10) < 7) {
		other = (int)pick(FILES);
		e.kind = of_file[pick(with_links ? 7 : 6)];
		e.file = other + 1;
		if (e.kind == EDGE_rename || e.kind == EDGE_link) {
			ret->old = (int)pick(FILES);
			e.old_file = ret->old + 1;
			ret->old = ret->old == other ? -1 : PROCESSES + ret->old;
			ret->is_link = e.kind == EDGE_link && ret->old >= 0;
		}
		other += PROCESSES;
	} else if (pick(3)) {
		other = (int)pick(CONNECTIONS);
		e.kind = pick(2) ? EDGE_send : EDGE_recv;
		e.connection = other + 1;
		other += PROCESSES + FILES;
	} else {
		other = (process + 1 + (int)pick(PROCESSES - 1)) % PROCESSES;
		e.kind = EDGE_fork;
		e.child = other + 1;
	}
	ret->from = e.kind >= EDGE_read ? other : process;
	ret->to = e.kind >= EDGE_read ? process : other;
	if (with_folds && pick(4) == 0 && now > 3000 * MS) {
		ret->first = now - (int64_t)pick(3000) * MS;
		e.first_ts = (uint64_t)ret->first;
	}
	return e;
}

/* As the header says that a slice goes, until nothing more comes; events are rows of a moment. */
static void forward(const struct parts *p, int start, int64_t at, int64_t *ret)
{
	bool more = true;

	for (int i = 0; i < NODES; i++)
		ret[i] = i == start ? at : NOT_REACHED;
	while (more) {
		more = false;
		for (size_t i = 0; i < p->n; i++) {
			const struct part *e = &p->all[i];
			const int ways[][2] = { { e->from, e->to },
						{ e->old, e->to },
						{ e->is_link ? e->to : -1, e->old } };

			for (int w = 0; w < 3; w++) {
				int64_t a, last = w && e->is_link ? NOT_REACHED - 1 : e->last;

				if (ways[w][0] < 0 || ret[ways[w][0]] > last)
					continue;
				a = ret[ways[w][0]] > e->first ? ret[ways[w][0]] : e->first;
				if (a < ret[ways[w][1]]) {
					ret[ways[w][1]] = a;
					more = true;
				}
			}
		}
	}
}

static void backward(const struct parts *p, int start, int64_t at, int64_t *ret)
{
	bool more = true;

	for (int i = 0; i < NODES; i++)
		ret[i] = i == start ? at : -1;
	while (more) {
		more = false;
		for (size_t i = 0; i < p->n; i++) {
			const struct part *e = &p->all[i];
			const int ways[][2] = { { e->from, e->to },
						{ e->old, e->to },
						{ e->is_link ? e->to : -1, e->old } };

			for (int w = 0; w < 3; w++) {
				int64_t b, last = w && e->is_link ? NOT_REACHED - 1 : e->last;

				if (ways[w][0] < 0 || ret[ways[w][1]] < e->first)
					continue;
				b = ret[ways[w][1]] < last ? ret[ways[w][1]] : last;
				if (b > ret[ways[w][0]]) {
					ret[ways[w][0]] = b;
					more = true;
				}
			}
		}
	}
}

/* Whether all that A reached B has reached too. */
static bool within(const int64_t *a, const int64_t *b, bool is_forward)
{
	int64_t nothing = is_forward ? NOT_REACHED : -1;

	for (int i = 0; i < NODES; i++)
		if (a[i] != nothing && b[i] == nothing)
			return false;
	return true;
}

struct sums {
	unsigned rows, events, unequal_times, lost, added, backward_lost, backward_added;
};

static void compare(const struct parts *events, const struct parts *rows, int64_t end,
		    struct sums *sums)
{
	int64_t of_events[NODES], of_rows[NODES], earlier[NODES];
	int64_t at = (int64_t)pick((uint32_t)(end / MS)) * MS + 1;

	for (int start = 0; start < NODES; start++) {
		forward(events, start, 0, of_events);
		forward(rows, start, 0, of_rows);
		sums->unequal_times += memcmp(of_events, of_rows, sizeof(of_rows)) != 0;

		forward(events, start, at, of_events);
		forward(rows, start, at, of_rows);
		forward(events, start, at - (int64_t)CASE_EDGE_SPAN_NS, earlier);
		sums->lost += !within(of_events, of_rows, true);
		sums->added += !within(of_rows, earlier, true);

		for (int when = 0; when < 2; when++) {
			backward(events, start, when ? at : end, of_events);
			backward(rows, start, when ? at : end, of_rows);
			sums->backward_lost += !within(of_events, of_rows, false);
			sums->backward_added += !within(of_rows, of_events, false);
		}
	}
	sums->rows += (unsigned)rows->n;
	sums->events += (unsigned)events->n;
}

static void one_round(struct case_edges *e, struct parts *rows, bool with_links, bool with_folds,
		      struct sums *sums)
{
	struct parts events = { 0 };
	int64_t now = MS;
	uint32_t step = 1 + pick(400);

	rows->n = 0;
	for (int i = 0; i < EVENTS; i++) {
		struct part part;
		struct case_edge edge;

		now += (int64_t)(1 + pick(step)) * MS;
		edge = some_event(&part, with_links, with_folds, now);
		put(&events, part);
		CHECK_EQ(case_edges_add(e, &edge, NULL), 0);
		/* Most events come in bursts of the same, or there would be nothing to reduce. */
		while (pick(3)) {
			now += (int64_t)(1 + pick(step)) * MS;
			edge.ts = (uint64_t)now;
			part.first = part.last = now;
			edge.first_ts = 0;
			put(&events, part);
			CHECK_EQ(case_edges_add(e, &edge, NULL), 0);
		}
	}
	CHECK_EQ(case_edges_flush(e, NULL), 0);
	compare(&events, rows, now + MS, sums);
	free(events.all);
}

static struct sums rounds(bool with_links, bool with_folds)
{
	struct parts rows = { 0 };
	struct case_edges *e = NULL;
	struct sums sums = { 0 };

	CHECK_EQ(case_edges_new_to(keep_row, &rows, &e, NULL), 0);
	for (unsigned i = 0; e && i < ROUNDS; i++) {
		seed = i;
		/* Linked files are remembered for good: a round of them has edges of its own. */
		if (with_links) {
			case_edges_free(e);
			CHECK_EQ(case_edges_new_to(keep_row, &rows, &e, NULL), 0);
		}
		one_round(e, &rows, with_links, with_folds, &sums);
	}
	printf("# %u events, %u rows\n", sums.events, sums.rows);
	case_edges_free(e);
	free(rows.all);
	return sums;
}

TEST(slices_are_the_same)
{
	struct sums s = rounds(false, false);

	CHECK_EQ(s.unequal_times, 0);
	CHECK_EQ(s.lost, 0);
	CHECK_EQ(s.added, 0);
	CHECK_EQ(s.backward_lost, 0);
	CHECK_EQ(s.backward_added, 0);
	CHECK(s.rows < s.events * 2 / 3);
}

TEST(slices_are_the_same_with_links)
{
	struct sums s = rounds(true, false);

	CHECK_EQ(s.unequal_times, 0);
	CHECK_EQ(s.lost, 0);
	CHECK_EQ(s.added, 0);
	CHECK_EQ(s.backward_lost, 0);
	CHECK_EQ(s.backward_added, 0);
}

TEST(nothing_is_lost_with_folds)
{
	struct sums s = rounds(false, true);

	CHECK_EQ(s.lost, 0);
	CHECK_EQ(s.backward_lost, 0);
}

static struct case_edge edge_of(int64_t process, enum edge_kind kind, int64_t file, uint64_t ts)
{
	return (struct case_edge){ .boot = 1,
				   .process = process,
				   .kind = kind,
				   .file = file,
				   .child = CASE_NONE,
				   .connection = CASE_NONE,
				   .old_file = CASE_NONE,
				   .ts = ts,
				   .ns = CASE_NONE,
				   .bytes = 3,
				   .event = { "0-0-0", 5 } };
}

/* A copy in small pieces, and a talk over one connection: what has come once is not new again. */
TEST(a_copy_is_two_rows)
{
	struct parts rows = { 0 };
	struct case_edges *e = NULL;
	uint64_t now = 1;
	int64_t count = 0;

	REQUIRE(case_edges_new_to(keep_row, &rows, &e, NULL) == 0);
	for (int i = 0; i < 1000; i++) {
		struct case_edge in = edge_of(1, EDGE_read, 1, now++);
		struct case_edge out = edge_of(1, EDGE_write, 2, now++);

		CHECK_EQ(case_edges_add(e, &in, NULL), 0);
		CHECK_EQ(case_edges_add(e, &out, NULL), 0);
	}
	CHECK_EQ(case_edges_flush(e, NULL), 0);
	CHECK_EQ(rows.n, 2);
	rows.n = 0;
	for (int i = 0; i < 1000; i++) {
		struct case_edge in = edge_of(1, EDGE_recv, CASE_NONE, now++);
		struct case_edge out = edge_of(1, EDGE_send, CASE_NONE, now++);

		in.connection = out.connection = 1;
		CHECK_EQ(case_edges_add(e, &in, NULL), 0);
		CHECK_EQ(case_edges_add(e, &out, NULL), 0);
	}
	CHECK_EQ(case_edges_flush(e, NULL), 0);
	CHECK_EQ(rows.n, 2);
	for (size_t i = 0; i < rows.n; i++)
		count += rows.all[i].count;
	CHECK_EQ(count, 2000);
	case_edges_free(e);
	free(rows.all);
}

/* Slowly, over a minute: a start in between is not more than a second wrong. */
TEST(a_stretch_is_not_longer_than_it_may_be)
{
	struct parts rows = { 0 };
	struct case_edges *e = NULL;
	uint64_t now = 1;

	REQUIRE(case_edges_new_to(keep_row, &rows, &e, NULL) == 0);
	for (int i = 0; i < 600; i++, now += 100 * MS) {
		struct case_edge in = edge_of(1, EDGE_read, 1, now);
		struct case_edge out = edge_of(1, EDGE_write, 2, now + 1);

		CHECK_EQ(case_edges_add(e, &in, NULL), 0);
		CHECK_EQ(case_edges_add(e, &out, NULL), 0);
	}
	CHECK_EQ(case_edges_flush(e, NULL), 0);
	CHECK(rows.n < 140);
	for (size_t i = 0; i < rows.n; i++)
		if (rows.all[i].from == PROCESSES)
			CHECK(rows.all[i].last - rows.all[i].first < (int64_t)CASE_EDGE_SPAN_NS);
	case_edges_free(e);
	free(rows.all);
}

static int count_row(void *ctx, const struct row_edge *row, struct reel_err *err)
{
	uint64_t *sums = ctx;

	(void)err;
	sums[0]++;
	sums[1] += (uint64_t)row->count;
	sums[2] += (uint64_t)row->bytes;
	return 0;
}

TEST(what_does_not_fit_is_written)
{
	uint64_t sums[3] = { 0 }, n = 3 * CASE_EDGES_OPEN;
	struct case_edges *e = NULL;

	REQUIRE(case_edges_new_to(count_row, sums, &e, NULL) == 0);
	for (uint64_t i = 0; i < 2 * n; i++) {
		struct case_edge edge =
			edge_of(1 + (int64_t)(i % n), EDGE_write, 1 + (int64_t)(i % n), 1 + i);

		CHECK_EQ(case_edges_add(e, &edge, NULL), 0);
	}
	CHECK_EQ(sums[0], 2 * n - CASE_EDGES_OPEN);
	CHECK_EQ(case_edges_flush(e, NULL), 0);
	CHECK_EQ(sums[0], 2 * n);
	CHECK_EQ(sums[1], 2 * n);
	CHECK_EQ(sums[2], 6 * n);
	case_edges_free(e);
}

/* Renames have three nodes, so that there are more than places for nodes. */
TEST(nodes_do_not_run_out)
{
	uint64_t sums[3] = { 0 }, n = 2 * CASE_EDGES_OPEN;
	struct case_edges *e = NULL;

	REQUIRE(case_edges_new_to(count_row, sums, &e, NULL) == 0);
	for (uint64_t i = 0; i < n; i++) {
		struct case_edge edge =
			edge_of(1 + (int64_t)i, EDGE_rename, 1 + 2 * (int64_t)i, 1 + i);

		edge.old_file = edge.file + 1;
		edge.bytes = 0;
		CHECK_EQ(case_edges_add(e, &edge, NULL), 0);
	}
	CHECK_EQ(case_edges_flush(e, NULL), 0);
	CHECK_EQ(sums[1], n);
	case_edges_free(e);
}

static int fail_row(void *ctx, const struct row_edge *row, struct reel_err *err)
{
	(void)ctx;
	(void)row;
	return reel_err_set(err, -ENOSPC, "no space left");
}

TEST(errors_come_back)
{
	struct case_edges *e = NULL;
	struct reel_err err = { 0 };
	struct case_edge edge = edge_of(1, EDGE_write, 1, 1);

	REQUIRE(case_edges_new_to(fail_row, NULL, &e, NULL) == 0);
	CHECK_EQ(case_edges_add(e, &edge, &err), 0);
	CHECK_EQ(case_edges_flush(e, &err), -ENOSPC);
	edge.file = CASE_NONE;
	CHECK_EQ(case_edges_add(e, &edge, &err), -EINVAL);
	edge.file = edge.connection = 1;
	CHECK_EQ(case_edges_add(e, &edge, &err), -EINVAL);
	case_edges_free(e);
}
