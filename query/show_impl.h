/* SPDX-License-Identifier: BSD-2-Clause */
/* What the formats share; for show*.c only. */
#ifndef REEL_QUERY_SHOW_IMPL_H
#define REEL_QUERY_SHOW_IMPL_H

#include "query/show.h"

/* A row that is kept: its cells as they will be printed. */
struct show_kept {
	struct show_cell *cells;
};

struct summary_column;

struct show {
	struct reel_out *out;
	struct show_options options;
	struct reel_out scratch, scratch_redacted;
	char **names;
	bool *is_json; /* columns whose texts are JSON, as they are called */
	unsigned n_columns;
	uint64_t n_rows, n_answers;

	struct show_cell **kept; /* rows of cells */
	size_t n_kept, cap_kept;
	size_t kept_bytes;
	size_t *widths; /* of a table, once they are known */
	bool *is_number;

	int depth_column, label_column; /* of a tree */
	struct summary_column *summary;
};

int show_no_memory(struct reel_err *err);

/* The cell as a person reads it: bare where that is unambiguous, else quoted with escapes. */
void show_plain(struct show *s, struct reel_out *to, const struct show_cell *c);
void show_plain_text(struct reel_out *to, const char *text, size_t len);
/* Shortest form that reads back as the same number. */
void show_real(struct reel_out *to, double v);
bool show_is_utf8(const char *text, size_t len);

/* Takes the row over. */
int show_keep(struct show *s, struct show_cell *row, struct reel_err *err);
void show_forget(struct show *s);
void show_cells_free(struct show_cell *row, unsigned n);

void show_json_row(struct show *s, const struct show_cell *row, bool pretty);
void show_table_head(struct show *s);
void show_table_row(struct show *s, const struct show_cell *row);
int show_tree_begin(struct show *s, struct reel_err *err);
int show_tree_row(struct show *s, struct show_cell *row, struct reel_err *err);
void show_tree_flush(struct show *s, bool more);
int show_summary_begin(struct show *s, struct reel_err *err);
int show_summary_row(struct show *s, const struct show_cell *row, struct reel_err *err);
void show_summary_end(struct show *s);
void show_summary_free(struct show *s);

#endif
