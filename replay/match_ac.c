/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/match_ac.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STATES_MAX = 1 << 29 };

/* A state while the tree of literals grows; 0 is the root, and no child or sibling. */
struct node {
	uint32_t first_child, next_sibling;
	uint32_t last_output; /* index + 1 */
	uint8_t byte;
};

struct pending {
	struct ac_output output;
	uint32_t previous; /* of the same node, index + 1 */
};

struct ac_builder {
	struct node *nodes;
	uint32_t n_nodes, room;
	struct pending *pending;
	uint32_t n_pending, pending_room;
	bool has_byte[256];
};

int ac_builder_new(struct ac_builder **ret)
{
	struct ac_builder *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->room = 1024;
	b->nodes = calloc(b->room, sizeof(*b->nodes));
	if (!b->nodes) {
		free(b);
		return -ENOMEM;
	}
	b->n_nodes = 1;
	*ret = b;
	return 0;
}

void ac_builder_free(struct ac_builder *b)
{
	if (!b)
		return;
	free(b->nodes);
	free(b->pending);
	free(b);
}

static int new_node(struct ac_builder *b, uint32_t parent, uint8_t byte, uint32_t *ret)
{
	if (b->n_nodes >= STATES_MAX)
		return -E2BIG;
	if (b->n_nodes == b->room) {
		struct node *nodes = reallocarray(b->nodes, 2 * (size_t)b->room, sizeof(*nodes));

		if (!nodes)
			return -ENOMEM;
		b->nodes = nodes;
		b->room *= 2;
	}
	b->nodes[b->n_nodes] = (struct node){ 0, b->nodes[parent].first_child, 0, byte };
	b->nodes[parent].first_child = b->n_nodes;
	b->has_byte[byte] = true;
	*ret = b->n_nodes++;
	return 0;
}

int ac_builder_add(struct ac_builder *b, const uint8_t *literal, uint32_t length,
		   const struct ac_output *output)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < length; i++) {
		uint32_t child = b->nodes[at].first_child;

		while (child && b->nodes[child].byte != literal[i])
			child = b->nodes[child].next_sibling;
		if (!child) {
			int ret = new_node(b, at, literal[i], &child);

			if (ret < 0)
				return ret;
		}
		at = child;
	}
	if (b->n_pending == b->pending_room) {
		size_t room = 2 * (size_t)b->pending_room + 64;
		struct pending *pending = reallocarray(b->pending, room, sizeof(*pending));

		if (room > STATES_MAX || !pending) {
			b->pending = pending ? pending : b->pending;
			return pending ? -E2BIG : -ENOMEM;
		}
		b->pending = pending;
		b->pending_room = (uint32_t)room;
	}
	b->pending[b->n_pending] = (struct pending){ *output, b->nodes[at].last_output };
	b->nodes[at].last_output = ++b->n_pending;
	return 0;
}

/* Bytes of no literal are class 0, if there are such. */
static void choose_classes(struct ac *ac, const struct ac_builder *b, bool fold)
{
	unsigned n_used = 0;

	for (unsigned i = 0; i < 256; i++)
		n_used += b->has_byte[i];
	ac->n_classes = n_used < 256;
	for (unsigned i = 0; i < 256; i++)
		if (b->has_byte[i])
			ac->classes[i] = (uint8_t)ac->n_classes++;
	for (unsigned i = 'A'; fold && i <= 'Z'; i++)
		ac->classes[i] = ac->classes[i | 0x20];
	ac->stride = ac->n_classes + 1;
}

/* The states by their distance from the root, and the children of each next to each other. */
struct order {
	uint32_t *node;	       /* by state number */
	uint32_t *first_child; /* state number; those of n end where those of n + 1 begin */
};

static void sort_states(const struct ac_builder *b, struct order *o)
{
	uint32_t n = 1;

	o->node[0] = 0;
	for (uint32_t i = 0; i < b->n_nodes; i++) {
		o->first_child[i] = n;
		for (uint32_t c = b->nodes[o->node[i]].first_child; c; c = b->nodes[c].next_sibling)
			o->node[n++] = c;
	}
	o->first_child[b->n_nodes] = n;
}

static uint32_t state_of(const struct ac *ac, uint32_t number)
{
	return number < ac->n_near ? number * ac->stride : ac->table_cells + (number - ac->n_near);
}

uint32_t ac_step_far(const struct ac *ac, uint32_t state, uint8_t class)
{
	while (state >= ac->table_cells) {
		const struct ac_far_state *far = &ac->far[state - ac->table_cells];

		for (uint32_t i = 0; i < far->n_children; i++) {
			uint32_t child = far->first_child + i;

			/* Children are further away than their parent, so they are far, too. */
			if (ac->labels[child] == class) {
				uint32_t to = child - ac->n_near;

				return (ac->table_cells + to) |
				       (ac->far[to].chain ? AC_HAS_OUTPUT : 0);
			}
		}
		state = far->fallback;
	}
	return ac->table[state + class];
}

/* The chain of a state: its own literals, and those of where it falls back to. */
static uint32_t make_chain(struct ac *ac, const struct ac_builder *b, const struct node *node,
			   uint32_t fallback_chain)
{
	struct ac_chain *chain = &ac->chains[ac->n_chains];

	if (!node->last_output)
		return fallback_chain;
	*chain = (struct ac_chain){ ac->n_outputs, 0, fallback_chain };
	for (uint32_t p = node->last_output; p; p = b->pending[p - 1].previous) {
		ac->outputs[ac->n_outputs++] = b->pending[p - 1].output;
		chain->n++;
	}
	return ac->n_chains++;
}

static void set_chain(struct ac *ac, uint32_t state, uint32_t chain)
{
	if (state >= ac->table_cells)
		ac->far[state - ac->table_cells].chain = chain;
	else
		ac->table[state + ac->n_classes] = chain;
}

/*
 * From the root outwards: a state's fallback is nearer to the root, so that it is finished, and the
 * row of a state is that of its fallback but for its children.
 */
static void link_states(struct ac *ac, const struct ac_builder *b, const struct order *o,
			uint32_t *fallbacks)
{
	for (uint32_t i = 0; i < ac->n_states; i++) {
		uint32_t state = state_of(ac, i), fallback = fallbacks[i];
		uint32_t first = o->first_child[i], end = o->first_child[i + 1];

		if (i >= ac->n_near) {
			struct ac_far_state *far = &ac->far[i - ac->n_near];

			far->fallback = fallback;
			far->first_child = first;
			far->n_children = end - first;
		} else if (i > 0) {
			memcpy(&ac->table[state], &ac->table[fallback],
			       ac->n_classes * sizeof(*ac->table));
		}
		for (uint32_t c = first; c < end; c++) {
			const struct node *node = &b->nodes[o->node[c]];
			uint8_t class = ac->classes[node->byte];
			uint32_t child = state_of(ac, c), chain;

			if (i > 0)
				fallbacks[c] = (i >= ac->n_near ? ac_step_far(ac, fallback, class) :
								  ac->table[fallback + class]) &
					       ~AC_HAS_OUTPUT;
			ac->labels[c] = class;
			chain = make_chain(ac, b, node, ac_chain_of(ac, fallbacks[c]));
			set_chain(ac, child, chain);
			if (i < ac->n_near)
				ac->table[state + class] = child | (chain ? AC_HAS_OUTPUT : 0);
		}
	}
}

int ac_build(struct ac_builder *b, bool fold, struct ac **ret)
{
	size_t n = b->n_nodes;
	struct order o = { calloc(n, sizeof(uint32_t)), calloc(n + 1, sizeof(uint32_t)) };
	uint32_t *fallbacks = calloc(n, sizeof(*fallbacks));
	struct ac *ac = calloc(1, sizeof(*ac));
	size_t row_bytes, near;
	int result = -ENOMEM;

	if (!ac || !o.node || !o.first_child || !fallbacks)
		goto out;
	choose_classes(ac, b, fold);
	row_bytes = ac->stride * sizeof(*ac->table);
	near = AC_TABLE_BYTES / row_bytes;
	ac->n_states = (uint32_t)n;
	ac->n_near = (uint32_t)(n < near ? n : near);
	ac->table_cells = ac->n_near * ac->stride;
	ac->table = calloc(ac->n_near, row_bytes);
	ac->far = calloc(n - ac->n_near + 1, sizeof(*ac->far));
	ac->labels = calloc(n, 1);
	ac->chains = calloc((size_t)b->n_pending + 1, sizeof(*ac->chains));
	ac->outputs = calloc((size_t)b->n_pending + 1, sizeof(*ac->outputs));
	if (!ac->table || !ac->far || !ac->labels || !ac->chains || !ac->outputs)
		goto out;
	ac->n_chains = 1;
	sort_states(b, &o);
	link_states(ac, b, &o, fallbacks);
	*ret = ac;
	ac = NULL;
	result = 0;
out:
	free(o.node);
	free(o.first_child);
	free(fallbacks);
	ac_free(ac);
	return result;
}

void ac_free(struct ac *ac)
{
	if (!ac)
		return;
	free(ac->table);
	free(ac->far);
	free(ac->labels);
	free(ac->chains);
	free(ac->outputs);
	free(ac);
}

size_t ac_bytes(const struct ac *ac)
{
	return sizeof(*ac) + ac->table_cells * sizeof(*ac->table) +
	       (ac->n_states - ac->n_near + 1) * sizeof(*ac->far) + ac->n_states +
	       ac->n_chains * sizeof(*ac->chains) + ac->n_outputs * sizeof(*ac->outputs);
}
