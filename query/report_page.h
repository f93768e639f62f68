/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A case as one page of HTML, which needs nothing else: the script and the style of query/report/,
 * a library for charts, and what the case has to say as JSON.
 *
 * Whatever comes of the case is in that JSON and nowhere else, and has no '<' in it, so that
 * nothing can end the element it stands in. The page has a policy that lets no script run but its
 * own two, and nothing be loaded from anywhere.
 *
 * Memory: rows are written as they come. Kept are the events of the timeline (24 bytes each, while
 * the list grows twice that), their texts (PAGE_TEXTS_BYTES_MAX at most), and what SQLite has as
 * its cache; what it sorts goes to temporary files.
 */
#ifndef REEL_QUERY_REPORT_PAGE_H
#define REEL_QUERY_REPORT_PAGE_H

#include <stdbool.h>

#include "format/err.h"
#include "format/out.h"
#include "query/sqlite.h"

enum {
	PAGE_EVENTS_DEFAULT = 100000,
	PAGE_EVENTS_MAX = 1000000,
	PAGE_TEXT_BYTES_MAX = 4096,	  /* of one text; the rest is counted */
	PAGE_EVENT_TEXT_BYTES_MAX = 512,  /* the same, of an event */
	PAGE_EVIDENCE_BYTES_MAX = 65536,  /* the same, of JSON, which is nothing if it is cut */
	PAGE_TEXTS_BYTES_MAX = 64 << 20,
};

struct page {
	sqlite3 *db;
	const char *path; /* of the case, for messages */
	struct reel_out *out;
	struct reel_out scratch; /* one text */
	uint64_t max_events;
	uint8_t program_hash[32];
	int64_t from_ns, to_ns; /* what the case covers: times are told from its beginning on */

	uint64_t findings; /* those that no tune suppresses */

	/* What happened: in the case, by processes of findings, without wall time, shown. */
	bool has_events; /* else it is what the tables tell */
	int64_t events_there, events_near, events_without_time, events_shown;
};

/* A text that begins every such page, by which one is known. */
extern const char page_mark[];

/* Negative: -errno, as database_failed() has it, or of writing. */
int page_write(struct page *p, struct reel_err *err);

/* The parts --------------------------------------------------------------------------------- */

/* A statement in which :t0, :t1 and :limit, where they occur, have their values. */
int page_prepare(struct page *p, const char *sql, int64_t limit, sqlite3_stmt **ret,
		 struct reel_err *err);
int page_failed(struct page *p, struct reel_err *err);
/* The tables that say what is near a finding. */
int page_prepare_case(struct page *p, struct reel_err *err);
/* Counts what happened; where the clock was set back, it began before the case did. */
int page_prepare_events(struct page *p, struct reel_err *err);
/* Members of the object that the page reads. */
int page_put_sections(struct page *p, struct reel_err *err);
int page_put_events(struct page *p, struct reel_err *err);

/*
 * A JSON string without '<', U+2028 and U+2029. What is no UTF-8 is between quotes, with \xHH for
 * its bytes, as everywhere in reel. Of what is longer than MAX_BYTES it is said how much more there
 * was.
 */
void page_put_text(struct page *p, const void *bytes, size_t length, size_t max_bytes);
void page_put_string(struct page *p, const char *string);

#endif
