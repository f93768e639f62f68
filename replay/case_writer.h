/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a case. All that is written is there after the commit, or none of it:
 *
 * - A file that is not there yet is built beside its place, as PATH.new-PID, as fast as SQLite can:
 *   without a journal and with the indexes made at the end. It gets its name when it is whole and
 *   on disk, and never takes the place of a file that somebody else has made meanwhile.
 * - In one that is there all is one transaction, so that who reads it sees the old case until then,
 *   and whoever finds it after a crash.
 *
 * Rows are only inserted, their ids given out in memory. Foreign keys may point to rows that come
 * later; the commit checks them all. A writer belongs to one thread at a time.
 *
 * Memory: CASE_CACHE_BYTES of pages, and as much again while indexes are made; 1 MiB of rows.
 */
#ifndef REEL_REPLAY_CASE_WRITER_H
#define REEL_REPLAY_CASE_WRITER_H

#include <sqlite3.h>
#include <stdbool.h>

#include "format/case.h"
#include "format/err.h"

enum { CASE_CACHE_BYTES = 256 << 20, CASE_BUSY_MS = 5000 };

struct case_writer;

/* A new file, or one that is there; of another kind or version, or locked: an error. */
int case_writer_open(const char *path, struct case_writer **ret, struct reel_err *err);

/* When it is set, whatever is being done ends with -EINTR. */
void case_writer_stop_on(struct case_writer *w, const volatile int *stop);

/* Of a table with a key: the next id. */
int64_t case_new_id(struct case_writer *w, enum case_table_id table);
/* Where that goes on: who writes a case a second time wants the ids of the first. */
void case_set_next_id(struct case_writer *w, enum case_table_id table, int64_t id);

/*
 * A row, as a struct row_TABLE. A key of CASE_NONE is given the next id. Of the kind bytes what is
 * UTF-8 without a NUL becomes TEXT, all else a BLOB. Of the tables that are filled from events a
 * copy waits until there are many: what is wrong with it shows later.
 */
int case_write(struct case_writer *w, enum case_table_id table, const void *row,
	       struct reel_err *err);
/* Writes all that wait, as the commit does: for questions before it. */
int case_writer_flush(struct case_writer *w, struct reel_err *err);

/* Ids that were given out and whose rows were deleted again are free. */
int case_writer_count_again(struct case_writer *w, enum case_table_id table, struct reel_err *err);

/* Makes the indexes of a new case, which the commit does otherwise: for questions before it. */
int case_writer_index(struct case_writer *w, struct reel_err *err);

/* Nothing can be written afterwards. */
int case_writer_commit(struct case_writer *w, struct reel_err *err);

/* Without a commit before: all is as it was. */
void case_writer_free(struct case_writer *w);

/* Until the commit; for what else is to be asked or changed in the same transaction. */
sqlite3 *case_writer_db(struct case_writer *w);
/* Whether there was no case before. */
bool case_writer_is_new(const struct case_writer *w);
uint64_t case_writer_rows(const struct case_writer *w);

/* SQLite's last error on the case, with the name of the file: returns a negative errno. */
int case_writer_error(struct case_writer *w, const char *what, struct reel_err *err);
/* Statements without rows. */
int case_writer_exec(struct case_writer *w, const char *sql, struct reel_err *err);

/* The id of a boot as the kernel writes it. */
enum { CASE_BOOT_TEXT = 37 };
void case_boot_text(const uint8_t id[16], char ret[CASE_BOOT_TEXT]);

#endif
