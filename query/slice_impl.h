/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of a slice share. */
#ifndef REEL_QUERY_SLICE_IMPL_H
#define REEL_QUERY_SLICE_IMPL_H

#include "format/out.h"
#include "query/slice.h"

#define SLICE_NONE UINT32_MAX

/* Boots of a capture follow each other, as their ids do; boottime counts from each anew. */
struct slice_moment {
	int64_t boot, ts;
};

/* All rows of edge from one node to another, in the direction of the slice, put together. */
struct slice_step {
	uint64_t to; /* key of the node */
	struct slice_moment at;
	int64_t edge, count, bytes, from_ns, to_ns;
	uint32_t kinds;
	uint32_t parent; /* node it goes from */
	bool is_leaf;	 /* shown, not followed */
};

/* What was met at a node and is not shown below it. */
struct slice_cut {
	int64_t wide, rows, steps, limit, unwritten, devices, families;
	bool is_rows_at_least;
};

struct slice_node {
	uint64_t key;
	struct slice_step via;
	uint32_t depth;
	uint32_t copy_of; /* of a line that only says where the node is; else SLICE_NONE */
	uint32_t line;	  /* where it stands in the answer */
	uint32_t first_child, last_child, next_sibling;
	bool is_root, is_expanded;
	bool is_again; /* expanded more than once */
	struct slice_cut cut;
};

enum slice_file_way { FILE_UNKNOWN, FILE_PLAIN, FILE_PIPE, FILE_DEVICE, FILE_KERNEL };

/* What is known of a node by its key. */
struct slice_known {
	uint64_t key; /* 0: a free place */
	uint32_t node;
	uint8_t way; /* enum slice_file_way */
	bool is_unwritten;
};

enum slice_statement {
	S_PROCESS,
	S_FILE,
	S_CONNECTION,
	S_OLD_FILE,
	S_LINKS,
	S_CHILD,
	S_EARLIER_PROCESS,
	S_EARLIER_FILE,
	S_EARLIER_CONNECTION,
	S_COUNT_PROCESS,
	S_COUNT_FILE,
	S_COUNT_CONNECTION,
	S_OTHERS,
	S_FILE_WAY,
	S_FOUNDER,
	S_PROCESS_LABEL,
	S_FILE_LABEL,
	S_CONNECTION_LABEL,
	S_STATEMENTS
};

struct slice_work {
	sqlite3 *db;
	const struct slice_question *q;
	struct reel_err *err;
	sqlite3_stmt *statements[S_STATEMENTS];

	struct slice_node *nodes;
	uint32_t n_nodes, nodes_room, n_copies;
	struct slice_known *known;
	uint32_t n_known, known_room;
	struct slice_step *heap;
	uint32_t n_heap, heap_room;
	struct slice_step *found; /* of the node that is being expanded */
	uint32_t n_found, found_room;
	int64_t rows_left, counts_left;
	struct reel_out out;
};

static inline uint64_t slice_key(enum slice_type type, int64_t id)
{
	return (uint64_t)id << 2 | type;
}

static inline enum slice_type slice_type_of(uint64_t key)
{
	return key & 3;
}

static inline int64_t slice_id_of(uint64_t key)
{
	return (int64_t)(key >> 2);
}

static inline int slice_compare(struct slice_moment a, struct slice_moment b)
{
	if (a.boot != b.boot)
		return a.boot < b.boot ? -1 : 1;
	return a.ts < b.ts ? -1 : a.ts > b.ts;
}

/* slice_store.c: memory. -ENOMEM is in err already. */
void *slice_grow(struct slice_work *w, void *old, uint32_t *room, size_t size);
int slice_know(struct slice_work *w, uint64_t key, struct slice_known **ret);
int slice_add_node(struct slice_work *w, const struct slice_step *via, uint32_t *ret);
int slice_push(struct slice_work *w, const struct slice_step *step);
/* What comes next: forwards the earliest, backwards the latest. False: nothing. */
bool slice_pop(struct slice_work *w, struct slice_step *ret);

/* slice_sql.c: statements, made when they are first used. */
int slice_statement(struct slice_work *w, enum slice_statement which, sqlite3_stmt **ret);
/* 1: a row; 0: no more, and the statement is ready for the next use. */
int slice_next(struct slice_work *w, sqlite3_stmt *s);
int slice_sql_error(struct slice_work *w);

/* slice_start.c: nodes that the slice starts at. */
int slice_start(struct slice_work *w);

/* slice_follow.c: what is reached from a node goes into found, what is left out into its cut. */
int slice_follow(struct slice_work *w, uint32_t node);

/* slice_label.c */
int slice_label(struct slice_work *w, uint64_t key, char **ret);
int slice_note(struct slice_work *w, const struct slice_node *n, char **ret);

#endif
