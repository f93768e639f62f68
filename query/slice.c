/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/slice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/slice_impl.h"

static bool is_child(const struct slice_work *w, uint32_t parent, uint64_t key)
{
	uint32_t i = w->nodes[parent].first_child;

	while (i != SLICE_NONE && w->nodes[i].key != key)
		i = w->nodes[i].next_sibling;
	return i != SLICE_NONE;
}

/* A line that says where the node is, but none for a way back to where one came from. */
static int add_copy(struct slice_work *w, const struct slice_step *step, uint32_t of)
{
	uint32_t i = step->parent;
	int result;

	if (i == SLICE_NONE || (w->nodes[i].is_again && is_child(w, i, step->to)))
		return 0;
	for (; i != SLICE_NONE; i = w->nodes[i].via.parent)
		if (w->nodes[i].key == step->to)
			return 0;
	if (w->n_copies == w->q->nodes) {
		w->nodes[step->parent].cut.limit++;
		return 0;
	}
	w->n_copies++;
	result = slice_add_node(w, step, &i);
	if (!result)
		w->nodes[i].copy_of = of;
	return result;
}

static int expand(struct slice_work *w, uint32_t node)
{
	int result = slice_follow(w, node);

	for (uint32_t i = 0; !result && i < w->n_found; i++)
		result = slice_push(w, &w->found[i]);
	w->nodes[node].is_expanded = true;
	return result;
}

/* It was not followed where it stands, but could be from here: then this is where it stands. */
static bool is_better(const struct slice_work *w, const struct slice_step *step, uint32_t of)
{
	const struct slice_node *n = &w->nodes[of];

	return step->parent != SLICE_NONE && !n->is_expanded && !step->is_leaf &&
	       w->nodes[step->parent].depth + 1 < w->q->steps;
}

/*
 * By the slack between processes a way that is found later can lead to an earlier moment. Then what
 * is behind the node is looked for once more; it stays where it is.
 */
static int reach_again(struct slice_work *w, const struct slice_step *step, uint32_t of)
{
	struct slice_node *n = &w->nodes[of];
	int c = slice_compare(step->at, n->via.at);
	int result = add_copy(w, step, of);

	n = &w->nodes[of];
	if (result || n->is_root || !n->is_expanded || step->is_leaf ||
	    (w->q->is_backward ? c <= 0 : c >= 0))
		return result;
	n->via.at = step->at;
	n->is_again = true;
	n->cut = (struct slice_cut){ 0 };
	return expand(w, of);
}

static int walk(struct slice_work *w)
{
	struct slice_step step;
	int result = 0;

	while (!result && slice_pop(w, &step)) {
		struct slice_known *k;
		uint32_t i;

		result = slice_know(w, step.to, &k);
		if (result)
			break;
		if (k->node != SLICE_NONE && !is_better(w, &step, k->node)) {
			result = reach_again(w, &step, k->node);
			continue;
		}
		if (k->node == SLICE_NONE && step.parent != SLICE_NONE &&
		    w->n_nodes - w->n_copies >= w->q->nodes) {
			w->nodes[step.parent].cut.limit++;
			continue;
		}
		result = slice_add_node(w, &step, &i);
		if (result)
			break;
		if (k->node != SLICE_NONE) {
			w->nodes[k->node].copy_of = i;
			w->n_copies++;
		}
		k->node = i;
		if (w->nodes[i].depth < w->q->steps && !step.is_leaf)
			result = expand(w, i);
	}
	return result;
}

/* What would be behind the last step and is nowhere else. */
static int count_beyond(struct slice_work *w)
{
	uint32_t n = w->n_nodes;
	int result = 0;

	for (uint32_t i = 0; i < n && !result; i++) {
		struct slice_node *node = &w->nodes[i];

		if (node->depth < w->q->steps || node->copy_of != SLICE_NONE || node->via.is_leaf)
			continue;
		result = slice_follow(w, i);
		for (uint32_t j = 0; !result && j < w->n_found; j++) {
			struct slice_known *k;

			result = slice_know(w, w->found[j].to, &k);
			if (!result)
				node->cut.steps += k->node == SLICE_NONE;
		}
		node->cut.steps += node->cut.wide;
		node->cut.wide = 0;
	}
	return result;
}

/* In preorder. Goes through the tree by the links in it, so that depth costs no stack. */
static void number_lines(struct slice_work *w, uint32_t *ret_order)
{
	uint32_t line = 0;

	for (uint32_t root = 0; root < w->n_nodes; root++) {
		uint32_t i = root;

		if (!w->nodes[root].is_root)
			continue;
		while (i != SLICE_NONE) {
			struct slice_node *n = &w->nodes[i];

			n->line = line;
			ret_order[line++] = i;
			if (n->first_child != SLICE_NONE) {
				i = n->first_child;
				continue;
			}
			while (i != root && w->nodes[i].next_sibling == SLICE_NONE)
				i = w->nodes[i].via.parent;
			i = i == root ? SLICE_NONE : w->nodes[i].next_sibling;
		}
	}
}

static int put_row(struct slice_work *w, const struct slice_node *n, struct slice_row *ret)
{
	int result;

	*ret = (struct slice_row){
		.depth = n->depth,
		.type = slice_type_of(n->key),
		.id = slice_id_of(n->key),
		.kinds = n->is_root ? 0 : n->via.kinds,
		.edge = n->is_root ? 0 : n->via.edge,
		.count = n->via.count,
		.bytes = n->via.bytes,
		.from_ns = n->via.from_ns,
		.to_ns = n->via.to_ns,
	};
	result = slice_label(w, n->key, &ret->label);
	return result ? result : slice_note(w, n, &ret->note);
}

static int answer(struct slice_work *w, struct slice *ret)
{
	uint32_t *order = calloc(w->n_nodes, sizeof(*order));
	int result = 0;

	ret->rows = calloc(w->n_nodes, sizeof(*ret->rows));
	if (!order || !ret->rows)
		result = reel_err_set(w->err, -ENOMEM, "no memory for a slice");
	else
		number_lines(w, order);
	for (uint32_t i = 0; i < w->n_nodes && !result; i++) {
		result = put_row(w, &w->nodes[order[i]], &ret->rows[i]);
		ret->n_rows = i + 1;
	}
	free(order);
	return result;
}

static int check(const struct slice_question *q, struct reel_err *err)
{
	if (q->nodes < 1 || q->nodes > SLICE_NODES_MAX)
		return reel_err_set(err, -EINVAL, "slice: nodes are 1 to %d", SLICE_NODES_MAX);
	if (q->steps > SLICE_STEPS_MAX)
		return reel_err_set(err, -EINVAL, "slice: steps are 0 to %d", SLICE_STEPS_MAX);
	if (q->width < 1 || q->width > SLICE_NODES_MAX)
		return reel_err_set(err, -EINVAL, "slice: width is 1 to %d", SLICE_NODES_MAX);
	return 0;
}

int slice_ask(sqlite3 *db, const struct slice_question *q, struct slice *ret, struct reel_err *err)
{
	struct slice_work w = { .db = db, .q = q, .err = err };
	int result = check(q, err);

	*ret = (struct slice){ 0 };
	if (result)
		return result;
	w.rows_left = SLICE_ROWS;
	w.counts_left = SLICE_COUNTED;
	if (out_init_mem(&w.out) < 0)
		return reel_err_set(err, -ENOMEM, "no memory for a slice");
	result = slice_start(&w);
	if (!result)
		result = walk(&w);
	if (!result)
		result = count_beyond(&w);
	if (!result)
		result = answer(&w, ret);
	for (int i = 0; i < S_STATEMENTS; i++)
		sqlite3_finalize(w.statements[i]);
	free(w.nodes);
	free(w.known);
	free(w.heap);
	free(w.found);
	out_done(&w.out);
	if (result)
		slice_done(ret);
	return result;
}

void slice_done(struct slice *s)
{
	for (unsigned i = 0; i < s->n_rows; i++) {
		free(s->rows[i].label);
		free(s->rows[i].note);
	}
	free(s->rows);
	*s = (struct slice){ 0 };
}
