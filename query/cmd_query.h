/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the command share. */
#ifndef REEL_QUERY_CMD_QUERY_H
#define REEL_QUERY_CMD_QUERY_H

#include "format/command.h"
#include "format/key_option.h"
#include "format/outcome.h"
#include "query/database.h"
#include "query/health.h"
#include "query/case_maker.h"
#include "query/redact.h"
#include "query/script.h"
#include "query/show.h"
#include "query/suggest.h"

enum {
	QUERY_STATUS_INTERRUPTED = 130, /* as a shell has it of SIGINT */
	QUERY_SQL_BYTES_MAX = 16 << 20,
};

struct query_options {
	const char *file, *null;
	struct reel_strings directories, redact, keys;
	uint64_t timeout_ns;
	int format;
	bool write, header, no_header, list;
};

struct query {
	const struct reel_command *self;
	struct query_options options;
	struct reel_args args;
	const char *source; /* the case or capture */
	bool is_case;
	struct named_queries named;
	struct script script;
	char *text; /* the SQL, where it was read */
	struct param_given *given;
	sqlite3 *db;
	struct reel_captures *captures; /* of the connection */
	struct redact redact;
	struct case_maker maker;
	char passing[PASSING_CASE_PATH]; /* where a case of the capture lies; or empty */
	struct reel_out out;
	struct show *show;
	uint64_t flushed_ns;
};

extern const struct reel_command reel_cmd_query;

/* A signal came. */
extern volatile int query_stop;

int query_fail(struct query *q, int r, const struct reel_err *err);
/* Where named queries may lie, in the order in which they count. */
int query_find_directories(struct query *q, struct reel_strings *ret);
void query_directories_done(struct reel_strings *list);
int query_load_named(struct query *q);
int query_list(struct query *q);
/* Offers the named queries, see format/complete.h. */
void query_complete(const char *word, struct reel_out *out);
int query_explain(struct query *q, const struct named_query *named);
/* Without confinement: what is foreign is opened by others, who are confined. */
int query_session(struct query *q);
/* To be called before a byte of the case or capture is looked at, of named queries, or of SQL. */
void query_confine(struct query *q);
/* Makes the passing case of the capture, with a line about it on a terminal. */
int query_make_case(struct query *q);

/* A file beside the program, or where it is installed: 0, or -ENOENT. */
int query_find_beside(const char *const *candidates, char *ret, size_t size);

#endif
