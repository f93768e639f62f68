/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the writer of cases share. */
#ifndef REEL_REPLAY_CASE_WRITER_IMPL_H
#define REEL_REPLAY_CASE_WRITER_IMPL_H

#include "format/out.h"
#include "replay/case_rows.h"
#include "replay/case_writer.h"

struct case_writer {
	sqlite3 *db;
	char *path;	 /* as the user named it */
	char *open_path; /* what SQLite opens: of a new case the temporary name */
	bool is_beside;	 /* open_path is not path, and not yet renamed */
	bool is_fresh;	 /* there were no tables */
	bool is_indexed;
	const volatile int *stop;
	uint64_t rows;
	int64_t next_id[CASE_N_TABLES];
	int64_t last_old_id[CASE_N_TABLES];
	struct case_rows *waiting[CASE_N_TABLES];
};

/* A question with one number as its answer; 0: it has none. */
int case_writer_ask(struct case_writer *w, const char *sql, int64_t *ret, struct reel_err *err);
/* Statements that are made into text. */
int case_writer_run(struct case_writer *w, void (*put)(struct reel_out *o), struct reel_err *err);

#endif
