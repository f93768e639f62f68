/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/case_edges.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "replay/case_writer.h"

enum {
	NODES_OF_A_ROW = 3,
	NODES = 2 * CASE_EDGES_OPEN + NODES_OF_A_ROW,
	ROW_SLOTS = 2 * CASE_EDGES_OPEN,
	NODE_SLOTS = 2 * NODES,
	LINKED_SLOTS = 2 * CASE_EDGES_LINKED,
};

/* The last two bits of a node's key; ids begin at 1, so that 0 is no node. */
enum { NODE_PROCESS = 1, NODE_FILE = 2, NODE_CONNECTION = 3 };

#define NOBODY UINT32_MAX
#define NEVER UINT64_MAX

/* Moments are counted in calls of case_edges_add: the same ns may be there twice. */
struct node {
	uint64_t key;
	uint64_t version;     /* the moment of the last new row into it */
	uint64_t last_source; /* where it came from; 0: from more than one */
	uint64_t base;	/* its version before the rows that came from there, one after another */
	uint64_t out;	/* the moment when something last went out of it */
	uint32_t users; /* open rows from it and to it */
	uint32_t next;	/* of the same hash, or free */
};

struct row {
	int64_t boot, process, old_file;
	uint64_t other;
	uint64_t from_ts, to_ts;
	int64_t from_ns, to_ns;
	uint64_t count, bytes;
	uint64_t extended;	 /* the moment of its last event */
	uint64_t seen, old_seen; /* versions of where it comes from, at that moment */
	uint64_t mixed_ts;	 /* since when something went out in between; NEVER */
	uint32_t from, to, old;	 /* nodes */
	uint32_t next;		 /* of the same hash, or free */
	uint32_t newer, older;
	uint8_t kind, event_length;
	char event[CASE_EDGE_EVENT_BYTES];
};

_Static_assert(sizeof(struct row) * CASE_EDGES_OPEN + sizeof(struct node) * NODES +
			       4 * (ROW_SLOTS + NODE_SLOTS) + 8 * LINKED_SLOTS <
		       CASE_EDGES_BYTES,
	       "as much memory as the header says");

struct case_edges {
	case_edges_write *write;
	void *ctx;
	uint64_t moment;
	struct row *rows;
	struct node *nodes;
	uint32_t *row_slots, *node_slots;
	uint32_t free_row, free_node, n_free_nodes;
	uint32_t newest, oldest;
	uint64_t *linked; /* by their hash; 0: a free place */
	uint32_t n_linked;
};

static const char *const kind_names[] = {
#define X(name, is_out) #name,
	CASE_EDGE_KINDS(X)
#undef X
};

static const bool kind_is_out[] = {
#define X(name, is_out) is_out,
	CASE_EDGE_KINDS(X)
#undef X
};

static bool has_bytes(enum edge_kind kind)
{
	return kind == EDGE_write || kind == EDGE_read || kind == EDGE_send || kind == EDGE_recv;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15;
	return h ^ h >> 32;
}

static uint64_t node_key(int64_t id, unsigned type)
{
	return (uint64_t)id << 2 | type;
}

/* Linked files -------------------------------------------------------------------------------- */

static uint64_t *linked_place(const struct case_edges *e, uint64_t key)
{
	uint64_t i = mix(0, key) % LINKED_SLOTS;

	while (e->linked[i] && e->linked[i] != key)
		i = (i + 1) % LINKED_SLOTS;
	return &e->linked[i];
}

static void remember_linked(struct case_edges *e, uint64_t key)
{
	uint64_t *place = linked_place(e, key);

	if (*place || e->n_linked == CASE_EDGES_LINKED)
		return;
	*place = key;
	e->n_linked++;
}

static bool is_linked(const struct case_edges *e, uint64_t key)
{
	if ((key & 3) != NODE_FILE || !e->n_linked)
		return false;
	return e->n_linked == CASE_EDGES_LINKED || *linked_place(e, key);
}

/* Nodes ---------------------------------------------------------------------------------------- */

static uint32_t *node_slot(struct case_edges *e, uint64_t key)
{
	return &e->node_slots[mix(0, key) % NODE_SLOTS];
}

/* There is room. A node whose rows are all written is forgotten: nothing asks for its version. */
static uint32_t use_node(struct case_edges *e, uint64_t key)
{
	uint32_t *slot = node_slot(e, key), i = *slot;
	struct node *n;

	while (i != NOBODY && e->nodes[i].key != key)
		i = e->nodes[i].next;
	if (i == NOBODY) {
		i = e->free_node;
		n = &e->nodes[i];
		e->free_node = n->next;
		e->n_free_nodes--;
		*n = (struct node){ .key = key, .version = e->moment, .base = e->moment };
		n->next = *slot;
		*slot = i;
	}
	e->nodes[i].users++;
	return i;
}

static void leave_node(struct case_edges *e, uint32_t i)
{
	struct node *n = &e->nodes[i];
	uint32_t *at;

	if (--n->users)
		return;
	for (at = node_slot(e, n->key); *at != i;)
		at = &e->nodes[*at].next;
	*at = n->next;
	n->next = e->free_node;
	e->free_node = i;
	e->n_free_nodes++;
}

/* Rows ----------------------------------------------------------------------------------------- */

static uint32_t *row_slot(struct case_edges *e, int64_t process, uint64_t other, unsigned kind,
			  int64_t old_file)
{
	uint64_t h = mix(mix(mix(mix(0, (uint64_t)process), other), kind), (uint64_t)old_file);

	return &e->row_slots[h % ROW_SLOTS];
}

static void unlist(struct case_edges *e, const struct row *r)
{
	if (r->newer == NOBODY)
		e->newest = r->older;
	else
		e->rows[r->newer].older = r->older;
	if (r->older == NOBODY)
		e->oldest = r->newer;
	else
		e->rows[r->older].newer = r->newer;
}

static void list_newest(struct case_edges *e, uint32_t i)
{
	struct row *r = &e->rows[i];

	r->newer = NOBODY;
	r->older = e->newest;
	if (e->newest == NOBODY)
		e->oldest = i;
	else
		e->rows[e->newest].newer = i;
	e->newest = i;
}

static int put_row(struct case_edges *e, const struct row *r, struct reel_err *err)
{
	int64_t id = (int64_t)(r->other >> 2);
	unsigned type = r->other & 3;
	const char *kind = kind_names[r->kind];
	struct row_edge out;

	case_clear(CASE_edge, &out);
	out.boot = r->boot;
	out.process = r->process;
	out.kind = (struct case_text){ kind, strlen(kind) };
	out.is_out = kind_is_out[r->kind];
	out.file = type == NODE_FILE ? id : CASE_NONE;
	out.child = type == NODE_PROCESS ? id : CASE_NONE;
	out.connection = type == NODE_CONNECTION ? id : CASE_NONE;
	out.old_file = r->old_file;
	out.from_ts = (int64_t)r->from_ts;
	out.to_ts = (int64_t)r->to_ts;
	out.from_ns = r->from_ns;
	out.to_ns = r->to_ns;
	out.count = (int64_t)r->count;
	if (has_bytes(r->kind))
		out.bytes = r->bytes > INT64_MAX ? INT64_MAX : (int64_t)r->bytes;
	out.event = (struct case_text){ r->event, r->event_length };
	return e->write(e->ctx, &out, err);
}

static int close_row(struct case_edges *e, uint32_t i, struct reel_err *err)
{
	struct row *r = &e->rows[i];
	uint32_t *at = row_slot(e, r->process, r->other, r->kind, r->old_file);
	int ret = put_row(e, r, err);

	while (*at != i)
		at = &e->rows[*at].next;
	*at = r->next;
	unlist(e, r);
	leave_node(e, r->from);
	leave_node(e, r->to);
	if (r->old != NOBODY)
		leave_node(e, r->old);
	r->next = e->free_row;
	e->free_row = i;
	return ret;
}

/* What is put in: an edge, seen from its nodes. */
struct step {
	const struct case_edge *edge;
	uint64_t other, from, to; /* keys of nodes */
	int64_t old_file;
};

static int look(const struct case_edge *edge, struct step *s, struct reel_err *err)
{
	uint64_t process = node_key(edge->process, NODE_PROCESS);
	int n = (edge->file != CASE_NONE) + (edge->child != CASE_NONE) +
		(edge->connection != CASE_NONE);

	if (n != 1 || (unsigned)edge->kind >= EDGE_N_KINDS || edge->process < 1 ||
	    edge->event.length > CASE_EDGE_EVENT_BYTES)
		return reel_err_set(err, -EINVAL, "an edge without an end, or with two");
	*s = (struct step){ .edge = edge, .old_file = edge->old_file };
	if (edge->file != CASE_NONE)
		s->other = node_key(edge->file, NODE_FILE);
	else if (edge->child != CASE_NONE)
		s->other = node_key(edge->child, NODE_PROCESS);
	else
		s->other = node_key(edge->connection, NODE_CONNECTION);
	if (s->old_file == edge->file)
		s->old_file = CASE_NONE;
	s->from = kind_is_out[edge->kind] ? process : s->other;
	s->to = kind_is_out[edge->kind] ? s->other : process;
	return 0;
}

static bool extends(const struct case_edges *e, const struct row *r, const struct case_edge *edge)
{
	const struct node *from = &e->nodes[r->from], *to = &e->nodes[r->to];
	const struct node *old = r->old == NOBODY ? NULL : &e->nodes[r->old];
	bool is_same = from->version == r->seen;
	uint64_t mixed_ts = r->mixed_ts == NEVER ? r->to_ts : r->mixed_ts;

	if (edge->first_ts && edge->first_ts < r->from_ts)
		return false;
	if (is_linked(e, from->key) || (old && is_linked(e, old->key)))
		return false;
	if (old && (!is_same || old->version != r->old_seen))
		return false;
	if (!is_same && (from->last_source != to->key || r->seen < from->base))
		return false;
	if (to->out < r->extended && !is_linked(e, to->key))
		return true;
	return edge->ts < mixed_ts || edge->ts - mixed_ts < CASE_EDGE_SPAN_NS;
}

/* The row is up to date with all that went on until now. */
static void mark(struct case_edges *e, struct row *r)
{
	struct node *from = &e->nodes[r->from];

	r->seen = from->version;
	r->extended = e->moment;
	from->out = e->moment;
	if (r->old != NOBODY) {
		r->old_seen = e->nodes[r->old].version;
		e->nodes[r->old].out = e->moment;
	}
}

static void extend(struct case_edges *e, uint32_t i, const struct case_edge *edge)
{
	struct row *r = &e->rows[i];
	const struct node *to = &e->nodes[r->to];

	if (r->mixed_ts == NEVER && (to->out > r->extended || is_linked(e, to->key)))
		r->mixed_ts = r->to_ts;
	if (edge->ts >= r->to_ts) {
		r->to_ts = edge->ts;
		r->to_ns = edge->ns;
	}
	r->count += edge->count ? edge->count : 1;
	r->bytes += edge->bytes;
	mark(e, r);
	unlist(e, r);
	list_newest(e, i);
}

static int make_room(struct case_edges *e, struct reel_err *err)
{
	int ret = 0;

	while (!ret && (e->free_row == NOBODY || e->n_free_nodes < NODES_OF_A_ROW))
		ret = close_row(e, e->oldest, err);
	return ret;
}

static void begin_row(struct case_edges *e, uint32_t *slot, const struct step *s)
{
	const struct case_edge *edge = s->edge;
	bool is_fold = edge->first_ts && edge->first_ts < edge->ts;
	uint32_t i = e->free_row;
	struct row *r = &e->rows[i];
	struct node *to;

	e->free_row = r->next;
	*r = (struct row){
		.boot = edge->boot,
		.process = edge->process,
		.old_file = s->old_file,
		.other = s->other,
		.from_ts = is_fold ? edge->first_ts : edge->ts,
		.to_ts = edge->ts,
		.from_ns = is_fold ? edge->first_ns : edge->ns,
		.to_ns = edge->ns,
		.count = edge->count ? edge->count : 1,
		.bytes = edge->bytes,
		.mixed_ts = NEVER,
		.kind = (uint8_t)edge->kind,
		.event_length = (uint8_t)edge->event.length,
	};
	if (edge->event.length)
		memcpy(r->event, edge->event.bytes, edge->event.length);
	r->from = use_node(e, s->from);
	r->to = use_node(e, s->to);
	r->old = s->old_file == CASE_NONE ? NOBODY : use_node(e, node_key(s->old_file, NODE_FILE));
	mark(e, r);

	to = &e->nodes[r->to];
	if (to->last_source != s->from || r->old != NOBODY) {
		to->last_source = r->old == NOBODY ? s->from : 0;
		to->base = to->version;
	}
	to->version = e->moment;

	r->next = *slot;
	*slot = i;
	list_newest(e, i);
}

int case_edges_add(struct case_edges *e, const struct case_edge *edge, struct reel_err *err)
{
	struct step s = { 0 };
	uint32_t *slot, i;
	int ret = look(edge, &s, err);

	if (ret)
		return ret;
	e->moment++;
	if (edge->kind == EDGE_link && s.old_file != CASE_NONE) {
		remember_linked(e, node_key(edge->file, NODE_FILE));
		remember_linked(e, node_key(s.old_file, NODE_FILE));
	}
	slot = row_slot(e, edge->process, s.other, edge->kind, s.old_file);
	for (i = *slot; i != NOBODY; i = e->rows[i].next) {
		const struct row *r = &e->rows[i];

		if (r->process == edge->process && r->other == s.other && r->kind == edge->kind &&
		    r->old_file == s.old_file)
			break;
	}
	if (i != NOBODY && extends(e, &e->rows[i], edge)) {
		extend(e, i, edge);
		return 0;
	}
	if (i != NOBODY)
		ret = close_row(e, i, err);
	if (!ret)
		ret = make_room(e, err);
	if (!ret)
		begin_row(e, slot, &s);
	return ret;
}

int case_edges_flush(struct case_edges *e, struct reel_err *err)
{
	int ret = 0;

	while (!ret && e->oldest != NOBODY)
		ret = close_row(e, e->oldest, err);
	return ret;
}

/* Making it ------------------------------------------------------------------------------------ */

static void set_up(struct case_edges *e)
{
	memset(e->row_slots, 0xff, ROW_SLOTS * sizeof(*e->row_slots));
	memset(e->node_slots, 0xff, NODE_SLOTS * sizeof(*e->node_slots));
	for (uint32_t i = 0; i < CASE_EDGES_OPEN; i++)
		e->rows[i].next = i + 1 < CASE_EDGES_OPEN ? i + 1 : NOBODY;
	for (uint32_t i = 0; i < NODES; i++)
		e->nodes[i].next = i + 1 < NODES ? i + 1 : NOBODY;
	e->free_row = e->free_node = 0;
	e->n_free_nodes = NODES;
	e->newest = e->oldest = NOBODY;
}

int case_edges_new_to(case_edges_write *write, void *ctx, struct case_edges **ret,
		      struct reel_err *err)
{
	struct case_edges *e = calloc(1, sizeof(*e));

	*ret = NULL;
	if (!e)
		return reel_err_set(err, -ENOMEM, "no memory for edges");
	e->write = write;
	e->ctx = ctx;
	e->rows = calloc(CASE_EDGES_OPEN, sizeof(*e->rows));
	e->nodes = calloc(NODES, sizeof(*e->nodes));
	e->row_slots = calloc(ROW_SLOTS, sizeof(*e->row_slots));
	e->node_slots = calloc(NODE_SLOTS, sizeof(*e->node_slots));
	e->linked = calloc(LINKED_SLOTS, sizeof(*e->linked));
	if (!e->rows || !e->nodes || !e->row_slots || !e->node_slots || !e->linked) {
		case_edges_free(e);
		return reel_err_set(err, -ENOMEM, "no memory for edges");
	}
	set_up(e);
	*ret = e;
	return 0;
}

static int write_to_case(void *ctx, const struct row_edge *row, struct reel_err *err)
{
	return case_write(ctx, CASE_edge, row, err);
}

int case_edges_new(struct case_writer *writer, struct case_edges **ret, struct reel_err *err)
{
	return case_edges_new_to(write_to_case, writer, ret, err);
}

void case_edges_free(struct case_edges *e)
{
	if (!e)
		return;
	free(e->rows);
	free(e->nodes);
	free(e->row_slots);
	free(e->node_slots);
	free(e->linked);
	free(e);
}
