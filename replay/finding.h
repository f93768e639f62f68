/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings: matches of one rule whose last event lies in the same image of a process are one row,
 * with the evidence of the first and of the last, already in the words in which it will be shown.
 *
 * Memory: FINDINGS_ROWS_MAX rows a rule, 200 bytes each; evidence beyond FINDINGS_MEMORY_BYTES goes
 * to a file without a name.
 */
#ifndef REEL_REPLAY_FINDING_H
#define REEL_REPLAY_FINDING_H

#include "format/clocks.h"
#include "format/render.h"
#include "replay/sequence.h"

enum {
	FINDINGS_ROWS_MAX = 100000,
	FINDINGS_MEMORY_BYTES = 64 << 20,
	FINDING_ID_BYTES = 8,
};

struct blob {
	uint64_t at;
	uint32_t length;
};

/* One match of a row: its first, or its last. */
struct finding_match {
	uint8_t id[FINDING_ID_BYTES]; /* of the rule and the ids of the evidence */
	int64_t time_ns;	      /* wall time of its last event; 0: not known */
	uint64_t ts, first_ts;	      /* boottime of its last and its first event */
	uint32_t node;
	uint32_t n_evidence;
	struct blob evidence;
	struct blob json; /* the same in JSON with times in UTC, where a case is written */
};

struct finding {
	uint32_t rule;
	unsigned boot; /* of the engine */
	uint64_t count;
	uint64_t key, process, image;
	uint32_t pid, uid;
	bool has_uid, is_despite, is_tuned;
	struct blob exe, line; /* of its process at the first */
	struct blob output;    /* what its rule says of the first: PRIORITY TEXT; none: empty */
	struct finding_match first, last;
	struct evidence *latest; /* of last, until the boot is over and it gets its words */
	uint64_t order;		 /* in which it was found */
};

struct findings_options {
	bool is_json; /* how evidence is worded */
	bool for_case; /* evidence is wanted in JSON too */
	bool all;     /* each match is a row */
	struct reel_tz tz;
	bool color, host;
	bool wide;	/* text: events as they are, however long */
	/* A new row, as soon as there is one; may be NULL. */
	int (*appeared)(void *context, const struct finding *f, struct reel_err *err);
	void *context;
};

/* What findings are counted by, for each rule. */
struct finding_counts {
	uint64_t matches, rows, despite, suppressed, dropped;
	uint64_t first_ts; /* of the first that was not suppressed */
};

struct findings {
	struct findings_options o;
	const struct rules *rules;
	struct finding *rows;
	size_t n, room;
	uint32_t *table; /* of rows, by rule and image */
	size_t table_size;
	struct finding_counts *counts; /* by rule */
	struct finding_counts *counts_before; /* as they were when the boot began */
	struct reel_out words;
	struct reel_renderer renderer, case_renderer;
	uint8_t *memory;
	uint64_t blob_bytes;
	size_t memory_room;
	int file; /* -1: not needed yet */
	uint64_t n_found;
};

int findings_new(const struct findings_options *o, struct findings **ret, struct reel_err *err);
void findings_free(struct findings *f);
/* Rules that they are of; after a reload RULE_OF says what became of each of the old. */
int findings_set_rules(struct findings *f, const struct rules *rules, const int32_t *rule_of,
		       uint32_t n_old, struct reel_err *err);

struct finding_where {
	unsigned boot;
	const uint8_t *boot_id;
	const char *host;
	const struct reel_clocks *clocks;
	struct eval *eval; /* of the event that completes a match */
};
int findings_add(struct findings *f, const struct match *m, struct model *model,
		 const struct finding_where *where, struct reel_err *err);

void findings_begin_boot(struct findings *f);
/* The boot is looked at anew: what was found in it is forgotten. */
void findings_forget_boot(struct findings *f, struct model *m, unsigned boot);

/* The boot is over, or the rows are wanted as they are: those of it get the words of their last
 * match. Must be called before the model goes. */
int findings_settle(struct findings *f, struct model *m, const struct finding_where *where,
		    struct reel_err *err);

/* By wall time, then in the order in which they were found. */
int findings_sort(struct findings *f, struct reel_err *err);
/* A finding's output as Falco prints it: with the time of day before it. */
void findings_put_output(struct findings *f, struct reel_out *o, const struct finding *row,
			 const struct reel_tz *tz);
/* The bytes of a blob, valid until the next call; NULL: they cannot be read any more. */
const char *findings_blob(struct findings *f, const struct blob *b);

#endif
