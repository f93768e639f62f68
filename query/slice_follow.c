/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be reached from a node in one step, and what of it is not to be followed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/slice_impl.h"

const char *const slice_kinds[] = { "write", "create", "rename",  "link", "truncate",
				    "fork",  "send",   "connect", "read", "exec",
				    "map",   "recv",   "accept",  NULL };

struct edge {
	int64_t id, file, child, connection, old_file, process;
	struct slice_moment from, to;
	int64_t from_ns, to_ns, count, bytes;
	uint32_t kind;
	bool is_link;
};

static int64_t number_of(sqlite3_stmt *s, int column, int64_t null)
{
	return sqlite3_column_type(s, column) == SQLITE_NULL ? null :
							       sqlite3_column_int64(s, column);
}

static void read_edge(sqlite3_stmt *s, struct edge *ret)
{
	const char *kind = (const char *)sqlite3_column_text(s, 1);

	*ret = (struct edge){
		.id = sqlite3_column_int64(s, 0),
		.file = number_of(s, 2, 0),
		.child = number_of(s, 3, 0),
		.connection = number_of(s, 4, 0),
		.old_file = number_of(s, 5, 0),
		.process = sqlite3_column_int64(s, 6),
		.from = { sqlite3_column_int64(s, 7), sqlite3_column_int64(s, 8) },
		.to = { sqlite3_column_int64(s, 7), sqlite3_column_int64(s, 9) },
		.from_ns = number_of(s, 10, INT64_MIN),
		.to_ns = number_of(s, 11, INT64_MIN),
		.count = sqlite3_column_int64(s, 12),
		.bytes = number_of(s, 13, -1),
	};
	for (uint32_t i = 0; kind && slice_kinds[i]; i++)
		if (strcmp(kind, slice_kinds[i]) == 0)
			ret->kind = 1u << i;
	ret->is_link = kind && strcmp(kind, "link") == 0;
}

static struct slice_moment shifted(struct slice_moment m, int64_t ns)
{
	if (__builtin_add_overflow(m.ts, ns, &m.ts))
		m.ts = ns < 0 ? INT64_MIN : INT64_MAX;
	return m;
}

static int64_t slack_of(const struct slice_node *n)
{
	return n->is_root || slice_type_of(n->key) == SLICE_PROCESS ? 0 : SLICE_SLACK_NS;
}

/* When the node at the other end is reached; false: the edge was over, or had not begun. */
static bool moment_of(const struct slice_work *w, const struct slice_node *n, const struct edge *e,
		      bool is_name, struct slice_moment *ret)
{
	struct slice_moment now = n->via.at;

	if (!w->q->is_backward) {
		if (slice_compare(e->from, now) >= 0)
			*ret = e->from;
		else if (is_name || slice_compare(e->to, now) >= 0)
			*ret = now;
		else if (slice_compare(e->to, shifted(now, -slack_of(n))) >= 0)
			*ret = e->to;
		else
			return false;
		return true;
	}
	if (slice_compare(e->from, now) <= 0)
		*ret = is_name || slice_compare(e->to, now) > 0 ? now : e->to;
	else if (!is_name && slice_compare(e->from, shifted(now, slack_of(n))) <= 0)
		*ret = e->from;
	else
		return false;
	return true;
}

static int take(struct slice_work *w, uint32_t node, const struct edge *e, enum slice_type type,
		int64_t id, bool is_name)
{
	const struct slice_node *n = &w->nodes[node];
	struct slice_step s = { .to = slice_key(type, id), .parent = node, .edge = e->id };

	if (s.to == n->key || !moment_of(w, n, e, is_name, &s.at))
		return 0;
	if (!n->is_root && s.to == w->nodes[n->via.parent].key)
		return 0;
	s.count = e->count;
	s.bytes = e->bytes;
	s.from_ns = e->from_ns;
	s.to_ns = e->to_ns;
	s.kinds = e->kind;
	if (w->n_found == w->found_room) {
		void *p = slice_grow(w, w->found, &w->found_room, sizeof(*w->found));

		if (!p)
			return -ENOMEM;
		w->found = p;
	}
	w->found[w->n_found++] = s;
	return 0;
}

static int take_edge(struct slice_work *w, uint32_t node, const struct edge *e)
{
	bool is_backward = w->q->is_backward;
	int ret = 0;

	if (slice_type_of(w->nodes[node].key) != SLICE_PROCESS) {
		ret = take(w, node, e, SLICE_PROCESS, e->process, false);
		if (!ret && is_backward && e->old_file)
			ret = take(w, node, e, SLICE_FILE, e->old_file, e->is_link);
		return ret;
	}
	if (e->file)
		return take(w, node, e, SLICE_FILE, e->file, false);
	if (e->connection)
		return take(w, node, e, SLICE_CONNECTION, e->connection, false);
	if (e->child)
		return take(w, node, e, SLICE_PROCESS, e->child, false);
	return 0;
}

/* Rows ----------------------------------------------------------------------------------------- */

static int bind(struct slice_work *w, enum slice_statement which, uint32_t node, int64_t most,
		sqlite3_stmt **ret)
{
	const struct slice_node *n = &w->nodes[node];
	bool is_process = slice_type_of(n->key) == SLICE_PROCESS;
	struct slice_moment at = shifted(n->via.at, w->q->is_backward ? slack_of(n) : -slack_of(n));
	int result = slice_statement(w, which, ret);

	if (result)
		return result;
	sqlite3_bind_int64(*ret, 1, slice_id_of(n->key));
	sqlite3_bind_int(*ret, 2, is_process != w->q->is_backward);
	sqlite3_bind_int64(*ret, 3, at.boot);
	sqlite3_bind_int64(*ret, 4, at.ts);
	sqlite3_bind_int64(*ret, 5, most);
	return 0;
}

typedef int each_edge(struct slice_work *w, uint32_t node, const struct edge *e);

static int for_rows(struct slice_work *w, enum slice_statement which, uint32_t node, int64_t most,
		    each_edge *each, int64_t *ret_rows)
{
	sqlite3_stmt *s;
	int64_t rows = 0;
	int result = bind(w, which, node, most, &s);

	if (result)
		return result;
	while ((result = slice_next(w, s)) == 1) {
		struct edge e;

		read_edge(s, &e);
		rows++;
		result = each(w, node, &e);
		if (result) {
			sqlite3_reset(s);
			break;
		}
	}
	w->rows_left -= rows;
	*ret_rows = rows;
	return result;
}

static int count_rest(struct slice_work *w, enum slice_statement which, uint32_t node,
		      int64_t looked_at)
{
	struct slice_cut *cut = &w->nodes[node].cut;
	int64_t most = w->counts_left + looked_at, n;
	sqlite3_stmt *s;
	int result = bind(w, which, node, most, &s);

	if (result)
		return result;
	result = slice_next(w, s);
	if (result < 0)
		return result;
	n = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	w->counts_left -= n - looked_at;
	cut->rows += n - looked_at;
	cut->is_rows_at_least |= n == most;
	return 0;
}

static int64_t rows_of_node(const struct slice_work *w)
{
	if (w->rows_left <= 0)
		return 0;
	return w->rows_left < SLICE_ROWS_OF_NODE ? w->rows_left : SLICE_ROWS_OF_NODE;
}

static int main_rows(struct slice_work *w, uint32_t node)
{
	static const enum slice_statement of_type[][3] = {
		[SLICE_PROCESS] = { S_PROCESS, S_EARLIER_PROCESS, S_COUNT_PROCESS },
		[SLICE_FILE] = { S_FILE, S_EARLIER_FILE, S_COUNT_FILE },
		[SLICE_CONNECTION] = { S_CONNECTION, S_EARLIER_CONNECTION, S_COUNT_CONNECTION },
	};
	const enum slice_statement *which = of_type[slice_type_of(w->nodes[node].key)];
	int64_t most = rows_of_node(w), rows, earlier;
	int result = for_rows(w, which[0], node, most, take_edge, &rows);

	if (!result && rows == most)
		result = count_rest(w, which[2], node, rows);
	if (!result && !w->q->is_backward && w->nodes[node].via.at.ts != INT64_MIN)
		result = for_rows(w, which[1], node, rows_of_node(w), take_edge, &earlier);
	return result;
}

/* What went on under another name. */
static int take_new_name(struct slice_work *w, uint32_t node, const struct edge *e)
{
	if (w->q->is_backward && !e->is_link)
		return 0;
	return e->file ? take(w, node, e, SLICE_FILE, e->file, e->is_link) : 0;
}

static int take_linked_name(struct slice_work *w, uint32_t node, const struct edge *e)
{
	return e->old_file ? take(w, node, e, SLICE_FILE, e->old_file, true) : 0;
}

static int take_parent(struct slice_work *w, uint32_t node, const struct edge *e)
{
	return take(w, node, e, SLICE_PROCESS, e->process, false);
}

static int side_rows(struct slice_work *w, uint32_t node)
{
	enum slice_type type = slice_type_of(w->nodes[node].key);
	int64_t rows;
	int result = 0;

	if (type == SLICE_FILE) {
		result = for_rows(w, S_OLD_FILE, node, rows_of_node(w), take_new_name, &rows);
		if (!result && !w->q->is_backward)
			result = for_rows(w, S_LINKS, node, rows_of_node(w), take_linked_name,
					  &rows);
	} else if (type == SLICE_PROCESS && w->q->is_backward) {
		result = for_rows(w, S_CHILD, node, rows_of_node(w), take_parent, &rows);
	}
	return result;
}

/* What is not to be followed ------------------------------------------------------------------- */

static int ask_number(struct slice_work *w, enum slice_statement which, int64_t id, int64_t *ret)
{
	sqlite3_stmt *s;
	int result = slice_statement(w, which, &s);

	*ret = 0;
	if (result)
		return result;
	sqlite3_bind_int64(s, 1, id);
	result = slice_next(w, s);
	if (result == 1) {
		*ret = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
		result = 0;
	}
	return result;
}

/* -1: nobody; 0: nobody but the process; 1: somebody else. */
static int others_at(struct slice_work *w, const struct slice_step *step, uint64_t process,
		     int *ret)
{
	struct slice_moment until = shifted(step->at, SLICE_SLACK_NS);
	sqlite3_stmt *s;
	int result = slice_statement(w, S_OTHERS, &s);

	*ret = -1;
	if (result)
		return result;
	sqlite3_bind_int64(s, 1, slice_id_of(step->to));
	sqlite3_bind_int64(s, 2,
			   slice_type_of(process) == SLICE_PROCESS ? slice_id_of(process) : 0);
	if (w->q->is_backward) {
		sqlite3_bind_int64(s, 3, until.boot);
		sqlite3_bind_int64(s, 4, until.ts);
	}
	result = slice_next(w, s);
	if (result == 1) {
		*ret = sqlite3_column_int(s, 0) != 0;
		sqlite3_reset(s);
		result = 0;
	}
	return result;
}

/* Whether a file is shown at all, and followed. */
static int judge_file(struct slice_work *w, struct slice_node *n, struct slice_step *step,
		      bool *ret_shown)
{
	struct slice_known *k;
	int64_t way;
	int others, result = slice_know(w, step->to, &k);

	*ret_shown = false;
	if (result)
		return result;
	if (k->way == FILE_UNKNOWN) {
		result = ask_number(w, S_FILE_WAY, slice_id_of(step->to), &way);
		if (result)
			return result;
		k->way = way ? (uint8_t)way : FILE_PLAIN;
	}
	if (k->way == FILE_DEVICE) {
		n->cut.devices++;
		return 0;
	}
	*ret_shown = true;
	step->is_leaf = k->way == FILE_KERNEL;
	if (!w->q->is_backward && k->way != FILE_PIPE)
		return 0;
	result = others_at(w, step, n->key, &others);
	if (result)
		return result;
	if (w->q->is_backward && others < 0) {
		if (!w->q->with_unwritten) {
			n->cut.unwritten++;
			*ret_shown = false;
		}
		return 0;
	}
	*ret_shown = others == 1;
	return 0;
}

/* A fork, seen from one of both: is the other one's family another story? */
static int judge_fork(struct slice_work *w, struct slice_node *n, struct slice_step *step,
		      bool *ret_shown)
{
	bool is_backward = w->q->is_backward;
	int64_t here, there;
	int result = ask_number(w, S_FOUNDER, slice_id_of(n->key), &here);

	*ret_shown = true;
	if (!result)
		result = ask_number(w, S_FOUNDER, slice_id_of(step->to), &there);
	if (result || n->is_root)
		return result;
	if (is_backward) {
		step->is_leaf = here && there;
	} else if (here && there) {
		n->cut.families++;
		*ret_shown = false;
	}
	return 0;
}

static int judge(struct slice_work *w, struct slice_node *n, struct slice_step *step,
		 bool *ret_shown)
{
	enum slice_type from = slice_type_of(n->key), to = slice_type_of(step->to);
	struct slice_known *k;
	int64_t founder;
	int result = 0;

	*ret_shown = true;
	if (to == SLICE_FILE)
		return judge_file(w, n, step, ret_shown);
	if (to != SLICE_PROCESS)
		return 0;
	result = slice_know(w, step->to, &k);
	if (result || (k->node != SLICE_NONE && w->nodes[k->node].is_expanded))
		return result;
	if (from == SLICE_PROCESS) {
		result = judge_fork(w, n, step, ret_shown);
		if (result || !*ret_shown)
			return result;
	}
	result = ask_number(w, S_FOUNDER, slice_id_of(step->to), &founder);
	step->is_leaf |= founder == 2;
	return result;
}

/* Putting it together -------------------------------------------------------------------------- */

static int by_node_and_time(const void *a, const void *b)
{
	const struct slice_step *x = a, *y = b;
	int c = x->to < y->to ? -1 : x->to > y->to;

	if (!c)
		c = slice_compare(x->at, y->at);
	return c ? c : x->edge < y->edge ? -1 : x->edge > y->edge;
}

static int by_time(const void *a, const void *b)
{
	const struct slice_step *x = a, *y = b;
	int c = slice_compare(x->at, y->at);

	return c ? c : x->edge < y->edge ? -1 : x->edge > y->edge;
}

static void put_together(struct slice_step *all, const struct slice_step *s, bool is_backward)
{
	if (is_backward) {
		all->at = s->at;
		all->edge = s->edge;
	}
	if (s->from_ns != INT64_MIN && (all->from_ns == INT64_MIN || s->from_ns < all->from_ns))
		all->from_ns = s->from_ns;
	if (s->to_ns > all->to_ns)
		all->to_ns = s->to_ns;
	all->kinds |= s->kinds;
	all->count += s->count;
	if (s->bytes >= 0)
		all->bytes = (all->bytes < 0 ? 0 : all->bytes) + s->bytes;
}

/* A row may be found twice, from both its sides: one that began before may be a link as well. */
static void merge(struct slice_work *w)
{
	struct slice_step *f = w->found;
	uint32_t n = 0;
	int64_t last = 0;

	if (!w->n_found)
		return;
	qsort(f, w->n_found, sizeof(*f), by_node_and_time);
	for (uint32_t i = 0; i < w->n_found; i++) {
		if (n && f[n - 1].to == f[i].to) {
			if (f[i].edge != last)
				put_together(&f[n - 1], &f[i], w->q->is_backward);
		} else {
			f[n++] = f[i];
		}
		last = f[i].edge;
	}
	w->n_found = n;
}

int slice_follow(struct slice_work *w, uint32_t node)
{
	struct slice_node *n = &w->nodes[node];
	struct slice_step *f;
	uint32_t shown = 0;
	int result;

	w->n_found = 0;
	result = main_rows(w, node);
	if (!result)
		result = side_rows(w, node);
	if (result)
		return result;
	merge(w);
	f = w->found;
	for (uint32_t i = 0; i < w->n_found; i++) {
		bool is_shown;

		result = judge(w, n, &f[i], &is_shown);
		if (result)
			return result;
		if (is_shown)
			f[shown++] = f[i];
	}
	w->n_found = shown;
	if (shown > w->q->width) {
		uint32_t width = w->q->width;

		qsort(f, shown, sizeof(*f), by_time);
		if (w->q->is_backward)
			memmove(f, f + shown - width, width * sizeof(*f));
		n->cut.wide += shown - width;
		w->n_found = width;
	}
	return 0;
}
