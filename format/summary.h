/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a capture holds and what it lost, in numbers. Segments with an END are not decompressed for
 * it: only their GAP blocks, and the STATE blocks that hold coverage records, are.
 */
#ifndef REEL_FORMAT_SUMMARY_H
#define REEL_FORMAT_SUMMARY_H

#include "format/reader.h"

/* Lists are cut here; their counts and sums go on. */
enum { REEL_SUMMARY_ROWS_MAX = 4096 };

/* Events that were wanted and are not on tape: one LOST record. */
struct reel_loss {
	const struct reel_boot *boot;
	const struct reel_type *type;	/* of the record, for the names of cause */
	const char *class_name;		/* NULL: the capture does not say */
	uint64_t first, last;		/* ts */
	int64_t from_ns, to_ns;		/* wall time; 0 where that is not known */
	uint64_t count;
	uint16_t cpu;			/* EV_NO_CPU: not said */
	uint8_t class_id;
	uint8_t cause;
};

/* A hook or filter, as the last coverage record about it in this boot says. */
struct reel_cover {
	const struct reel_boot *boot;
	const struct reel_type *type;
	uint64_t ts;
	char *hook, *types, *reason;
	uint8_t status;
};

/* What became of the events of a class on a CPU, as the last counters record of a run says. */
struct reel_counted {
	uint64_t run;
	uint64_t seen, kept, folded, filtered, lost, missed;
	uint16_t cpu;
	uint8_t class_id;
};

struct reel_span {
	const struct reel_boot *boot;
	int64_t from_ns, to_ns;		/* of its events that are shown; 0 and 0: none */
};

struct reel_retirement {
	uint64_t segments, events, bytes;
	uint64_t first_number, last_number;
	int64_t from_ns, to_ns;
};

/* Of one source of the reader. */
struct reel_summary {
	const struct reel_source *source;
	const struct reel_meta *meta;	/* of its first segment */
	int64_t from_ns, to_ns;
	struct reel_span *spans;	/* source->n_boots of them */
	uint64_t blocks_of[TAPE_KINDS];	/* STATE, EVENTS, GAP and CLOCK */
	uint64_t blocks;
	uint64_t events;
	uint64_t events_of[EV_MAX_TYPES];
	const char *type_names[EV_MAX_TYPES];	/* where events_of is not 0 */
	uint64_t raw_bytes;		/* of those blocks */
	uint64_t stored_bytes;		/* of everything */
	uint64_t lost;
	struct reel_loss *losses;
	uint32_t n_losses, losses_room;
	uint64_t n_all_losses;
	struct reel_counted *counted;
	uint32_t n_counted, counted_room;
	struct reel_counted all_counted;	/* their sum */
	struct reel_cover *covers;
	uint32_t n_covers, covers_room;
	struct reel_retirement retired;
	bool head_is_missing;		/* something came before it, and no RETIRED says so */
	bool is_cut, is_derived;
	enum reel_ending ending;	/* the worst of its segments that do not go on */
	bool is_being_written;
	uint64_t unclean_segments, torn_segments, damaged_segments;
	uint64_t closed_segments;	/* of them only what the headers say is counted */
};

/*
 * Of each source, in an array that the caller releases with reel_summary_free(). Blocks that cannot
 * be read are noted in health, which the caller has copied from the reader or zeroed.
 */
int reel_summarize(const struct reel_reader *r, struct reel_summary **ret,
		   struct reel_health *health, struct reel_err *err);
void reel_summary_free(struct reel_summary *list, const struct reel_reader *r);

#endif
