/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of a machine at a moment: their columns, and the rows that they have. */
#ifndef REEL_QUERY_AT_COLUMNS_H
#define REEL_QUERY_AT_COLUMNS_H

#include "query/at_state.h"
#include "query/sqlite.h"

/* One row: which of these are there depends on the table. */
struct at_row {
	struct at_machine *machine;
	struct model_process *process; /* NULL: nobody is known */
	struct life_fd *fd;
	struct life_connection *connection;
	struct life_mount *mount;
};

struct at_rows {
	struct at_row *list;
	size_t n, room;
};

struct at_column {
	const char *name;
	const char *affinity;
};

struct at_kind {
	const char *name;
	const char *doc;
	enum at_depth depth;
	const struct at_column *columns; /* a last one without a name */
	/* -ENOMEM */
	int (*collect)(struct at_machine *m, struct at_rows *ret);
	void (*put)(sqlite3_context *context, const struct at_row *row, unsigned column);
};

/* A last one without a name. */
extern const struct at_kind at_kinds[];

#endif
