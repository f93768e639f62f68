/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The captures that a connection of SQLite has open. All tables of the connection share them: a
 * capture is opened and indexed once, and what was found broken or lost while it was read stays
 * with it until somebody asks.
 *
 * The open ones, which a table without an argument shows, are one reader, as if they had been
 * merged; beside them those that a table was given by path, REEL_CAPTURES_KEPT of them: more are
 * closed when nobody reads them, the one that was used longest ago first.
 *
 * Memory: about 100 bytes a block and 40 bytes a LOST record of each, and once events are asked for
 * by their ids 24 bytes for each CPU of a block, REEL_IDS_MAX of them; its events stay on disk.
 */
#ifndef REEL_QUERY_CAPTURES_H
#define REEL_QUERY_CAPTURES_H

#include "format/reader.h"
#include "format/walk.h"

enum { REEL_CAPTURES_KEPT = 16, REEL_CAPTURE_PATHS_MAX = 1024, REEL_IDS_MAX = 4 << 20 };

/* What the LOST records of a capture say; the reader counts those that were in some question's
 * time. */
struct reel_loss {
	const struct reel_boot *boot;
	uint64_t first, last, count;
	bool is_counted;
};

/* The numbers that the events of a CPU have in a block, the least and the greatest. */
struct reel_id_range {
	uint64_t first, last;
	uint16_t cpu;
};

/* How much had to be read for what has been asked so far. */
struct reel_reading {
	uint64_t blocks;	/* of events that the questions went over, in all */
	uint64_t unpacked;	/* that were decompressed */
	uint64_t events;	/* looked at */
	uint64_t rows;		/* given to SQLite */
};

struct reel_capture {
	struct reel_capture *next;
	char *path;		/* as it was given; NULL: the open ones */
	struct reel_reader *reader;
	struct reel_health health;
	struct reel_loss *losses;	/* read when first asked for */
	size_t n_losses;
	bool has_losses;
	/* Made when an event is first asked for by its id, for which all blocks are read once:
	 * those of block i begin at ids_at[i]. NULL: not made, or more than the most. */
	struct reel_id_range *ids;
	uint32_t *ids_at;
	bool has_tried_ids;
	struct reel_reading reading;
	unsigned refs;		/* cursors, and the list it is in */
	uint64_t used;		/* the larger, the later */
};

struct reel_captures;

int reel_captures_new(struct reel_captures **ret);
void reel_captures_ref(struct reel_captures *c);
void reel_captures_unref(struct reel_captures *c);

/*
 * A file with a secret key, for captures that are opened from now on; see reel_keys_add(). It is
 * forgotten with the connection.
 */
int reel_captures_add_key(struct reel_captures *c, const char *path, struct reel_err *err);
const struct reel_keys *reel_captures_keys(const struct reel_captures *c);
/* Why the captures of a case are not among the open ones: none of the keys opens them. */
void reel_captures_note_closed(struct reel_captures *c, const char *why);

/* Adds these to those that are open. On an error they stay as they were. */
int reel_captures_open(struct reel_captures *c, const char *const *paths, unsigned n,
		       struct reel_err *err);
/* Closes all, as soon as nobody reads them. */
void reel_captures_close(struct reel_captures *c);

/*
 * The capture of that path, which is opened if need be; NULL: the open ones, -ENODATA if there are
 * none. It stays until reel_capture_unref().
 */
int reel_captures_get(struct reel_captures *c, const char *path, struct reel_capture **ret,
		      struct reel_err *err);
void reel_capture_unref(struct reel_capture *c);

/* For whoever wants to see all: NULL behind the last. The open ones come first. */
struct reel_capture *reel_captures_each(struct reel_captures *c, struct reel_capture *last);

/*
 * A question about what the filter lets through begins: what was lost in its time counts from now
 * on as met. Damage is noted by whoever meets it, in health.
 */
int reel_capture_ask(struct reel_capture *c, const struct reel_filter *f, struct reel_err *err);

/* Makes ids, if they are not there. STOP, asked before each block, ends it with -ECANCELED. */
int reel_capture_number(struct reel_capture *c, bool (*stop)(void *context), void *context,
			struct reel_err *err);
/* Whether the event may be in block i. */
bool reel_capture_may_have(const struct reel_capture *c, uint32_t i, uint16_t cpu, uint64_t seq);

#endif
