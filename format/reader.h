/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads captures: a directory of segments, a directory of such directories (as merge makes it), one
 * segment, several of them concatenated, or standard input; also while it is being written.
 *
 * Opening looks at the headers of blocks only, or at the table in END, and at the CLOCK blocks.
 * What is found broken is never an error of the reading: it is passed over and noted in the health,
 * which every command shows; so is what somebody cuts off a file, or a disk cannot give, while it
 * is read (mapped.h). After opening, a reader does not change: several threads may unpack blocks,
 * each into a reel_unpacked of its own.
 *
 * Of an encrypted capture a reader that was given no key knows what headers say in public: its
 * segments are closed. With a key it is as if it had been plain.
 *
 * Memory: about 100 bytes a block, so 40 MB for 30 GB of tape, beside what a walk needs; 4 bytes
 * more where it is encrypted.
 */
#ifndef REEL_FORMAT_READER_H
#define REEL_FORMAT_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "format/block.h"
#include "format/clocks.h"
#include "format/crypt.h"
#include "format/err.h"
#include "format/event.h"
#include "format/files.h"
#include "format/meta.h"
#include "format/schema.h"
#include "format/unpack.h"

enum reel_ending {
	REEL_COMPLETE,		/* END is there */
	REEL_UNCLEAN,		/* the last block is sound, but no END: a writer died or goes on */
	REEL_TORN,		/* bytes behind the last sound block */
	REEL_DAMAGED,		/* something in the middle is broken or missing */
};

/* One boot of one machine, as one capture saw it: events of different boots never mix. */
struct reel_boot {
	uint8_t id[TAPE_ID_BYTES];
	unsigned source;
	struct reel_clocks clocks;
	uint64_t ts_min, ts_max;	/* of the events; ts_max 0: none */
};

/* A capture: all segments with one capture id. Captures of several hosts lie side by side. */
struct reel_source {
	uint8_t capture[TAPE_ID_BYTES];
	const char *host;
	unsigned first_boot, n_boots;	/* in the order of time */
	unsigned first_segment, n_segments;
};

struct reel_segment {
	struct reel_meta meta;
	uint64_t id;
	const struct reel_schema *schema;
	const struct reel_boot *boot;
	const char *path;
	uint64_t path_offset;		/* of its META in the file */
	const uint8_t *base;		/* its META */
	uint64_t bytes;
	uint64_t first_sequence, last_sequence;
	uint32_t first_block, n_blocks;	/* in reel_reader.blocks: STATE, EVENTS, GAP and CLOCK */
	enum reel_ending ending;
	uint64_t torn_bytes;
	uint64_t missing_blocks;	/* in it, or right before it */
	bool has_end;
	uint64_t end_reason;
	bool is_refused;		/* by a newer reel, in a way that this one cannot read */
	struct reel_crypt *crypt;	/* NULL: it is plain, or closed */
	bool is_closed;			/* encrypted, and no key is here */
	bool is_cut;			/* blocks may be missing; only this range is shown: */
	int64_t cut_from_ns, cut_to_ns;
	unsigned source;
};

/* The kind of an entry of a closed segment: nothing can be looked up in it, whatever it is. */
enum { REEL_CLOSED = 0 };

/* What is known of a block without touching it. */
struct reel_entry {
	const uint8_t *at;
	uint32_t segment;
	uint32_t n_events;
	uint32_t stored_bytes, raw_bytes;
	uint16_t header_bytes;
	uint8_t kind, flags;
	uint64_t ts_min, ts_max, settled;
	uint8_t types[32];
};

/* Something that is broken, and where. */
struct reel_damage {
	const char *path;
	uint64_t offset;
	char what[120];
};

enum { REEL_DAMAGES_MAX = 64, REEL_SEGMENTS_MAX = 1 << 16, REEL_SOURCES_MAX = 1024 };

struct reel_health {
	enum reel_ending ending;	/* the worst of all segments */
	uint64_t n_damages;		/* all; the first of them are listed */
	struct reel_damage damages[REEL_DAMAGES_MAX];
	uint64_t missing_blocks;	/* holes in the sequence of blocks */
	uint64_t torn_bytes;
	uint64_t unclean_segments;
	uint64_t lost;			/* events, by the LOST records that were read */
	uint64_t disordered;	/* events given later than their time, to bound the memory */
	uint64_t closed_segments;	/* encrypted, and no key was given: */
	char closed_why[sizeof(((struct reel_err *)0)->msg)];	/* of the first of them */
};

struct reel_reader {
	struct reel_segment *segments;	/* by source, then number */
	unsigned n_segments;
	struct reel_source *sources;
	unsigned n_sources;
	struct reel_boot *boots;
	unsigned n_boots;
	struct reel_entry *blocks;
	uint32_t n_blocks;
	struct reel_health health;	/* what opening found */
	uint64_t bytes;
	struct reel_files files;
	struct reel_schemas *schemas;	/* each distinct one once */
	const struct reel_keys *keys;
};

/*
 * Opens what lies at PATH. -ENOENT and others of open(); -ENODATA: there is no segment in it at
 * all. A pipe or "-" cannot be opened so, only walked: see walk.h.
 */
int reel_reader_open(const char *path, struct reel_reader **ret, struct reel_err *err);
/*
 * Several captures as one, as if they had been merged. The keys, NULL for none, are asked for while
 * it is opened only. -ENOKEY: it is encrypted as a whole, and none of them fits.
 */
int reel_reader_open_all(char *const *paths, unsigned n, const struct reel_keys *keys,
			 struct reel_reader **ret, struct reel_err *err);
/* The same for who does not need to look inside: that it is closed is no error. */
int reel_reader_open_closed(char *const *paths, unsigned n, const struct reel_keys *keys,
			    struct reel_reader **ret, struct reel_err *err);
void reel_reader_close(struct reel_reader *r);

/* Decompresses and checks block i. Thread-safe, with a u for each thread. */
int reel_reader_unpack(const struct reel_reader *r, uint32_t i, struct reel_unpacked *u,
		       struct reel_err *err);

void reel_health_add(struct reel_health *h, const char *path, uint64_t offset, const char *what);

/* "complete", "unclean", "torn", "damaged". */
const char *reel_ending_name(enum reel_ending e);

/* Wall time of the last event there is. 0: none. */
int64_t reel_reader_end_ns(const struct reel_reader *r);

#endif
