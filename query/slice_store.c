/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes of a slice, what is known by their keys, and the steps that are still to be taken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/slice_impl.h"

void *slice_grow(struct slice_work *w, void *old, uint32_t *room, size_t size)
{
	uint32_t more = *room ? 2 * *room : 64;
	void *p = reallocarray(old, more, size);

	if (p)
		*room = more;
	else
		reel_err_set(w->err, -ENOMEM, "no memory for a slice");
	return p;
}

static struct slice_known *place_of(struct slice_known *known, uint32_t room, uint64_t key)
{
	uint64_t h = key * 0x9e3779b97f4a7c15;
	uint32_t i = (uint32_t)(h >> 32) & (room - 1);

	while (known[i].key && known[i].key != key)
		i = (i + 1) & (room - 1);
	return &known[i];
}

static int grow_known(struct slice_work *w)
{
	uint32_t room = w->known_room ? 2 * w->known_room : 1024;
	struct slice_known *known = calloc(room, sizeof(*known));

	if (!known)
		return reel_err_set(w->err, -ENOMEM, "no memory for a slice");
	for (uint32_t i = 0; i < w->known_room; i++)
		if (w->known[i].key)
			*place_of(known, room, w->known[i].key) = w->known[i];
	free(w->known);
	w->known = known;
	w->known_room = room;
	return 0;
}

int slice_know(struct slice_work *w, uint64_t key, struct slice_known **ret)
{
	struct slice_known *k;

	if (2 * w->n_known >= w->known_room) {
		int result = grow_known(w);

		if (result)
			return result;
	}
	k = place_of(w->known, w->known_room, key);
	if (!k->key) {
		*k = (struct slice_known){ .key = key, .node = SLICE_NONE };
		w->n_known++;
	}
	*ret = k;
	return 0;
}

int slice_add_node(struct slice_work *w, const struct slice_step *via, uint32_t *ret)
{
	uint32_t i = w->n_nodes;
	struct slice_node *n, *parent;

	if (i == w->nodes_room) {
		n = slice_grow(w, w->nodes, &w->nodes_room, sizeof(*n));
		if (!n)
			return -ENOMEM;
		w->nodes = n;
	}
	n = &w->nodes[i];
	*n = (struct slice_node){ .key = via->to, .via = *via, .copy_of = SLICE_NONE };
	n->first_child = n->last_child = n->next_sibling = SLICE_NONE;
	n->is_root = via->parent == SLICE_NONE;
	if (!n->is_root) {
		parent = &w->nodes[via->parent];
		n->depth = parent->depth + 1;
		if (parent->last_child == SLICE_NONE)
			parent->first_child = i;
		else
			w->nodes[parent->last_child].next_sibling = i;
		parent->last_child = i;
	}
	w->n_nodes++;
	*ret = i;
	return 0;
}

/* The same moment: in the order of the table, so that an answer is always the same. */
static bool is_before(const struct slice_work *w, const struct slice_step *a,
		      const struct slice_step *b)
{
	int c = slice_compare(a->at, b->at);

	if (w->q->is_backward)
		c = -c;
	if (!c)
		c = a->edge < b->edge ? -1 : a->edge > b->edge;
	if (!c)
		c = a->to < b->to ? -1 : a->to > b->to;
	return c < 0;
}

int slice_push(struct slice_work *w, const struct slice_step *step)
{
	uint32_t i = w->n_heap;

	if (i == w->heap_room) {
		void *p = slice_grow(w, w->heap, &w->heap_room, sizeof(*w->heap));

		if (!p)
			return -ENOMEM;
		w->heap = p;
	}
	for (; i && is_before(w, step, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = *step;
	w->n_heap++;
	return 0;
}

bool slice_pop(struct slice_work *w, struct slice_step *ret)
{
	const struct slice_step *last;
	uint32_t i = 0, child;

	if (!w->n_heap)
		return false;
	*ret = w->heap[0];
	last = &w->heap[--w->n_heap];
	while ((child = 2 * i + 1) < w->n_heap) {
		if (child + 1 < w->n_heap && is_before(w, &w->heap[child + 1], &w->heap[child]))
			child++;
		if (!is_before(w, &w->heap[child], last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = *last;
	return true;
}
