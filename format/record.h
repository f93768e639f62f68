/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record, put together in user space: what the recorder itself has to say, keyframes from /proc,
 * the generator and the tests. The kernel programs make the same bytes themselves.
 *
 *	struct ev_open *o = reel_record_begin(&rec, open_type);
 *	o->flags = O_RDONLY;
 *	reel_record_string(&rec, path, strlen(path));	strings in the order of their fields,
 *	reel_record_string(&rec, "", 0);		each one of them
 *	reel_writer_append(w, &rec.header, reel_record_end(&rec), err);
 */
#ifndef REEL_FORMAT_RECORD_H
#define REEL_FORMAT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "format/event.h"
#include "format/types.h"

struct reel_record {
	struct ev_header header;
	uint8_t payload[EV_MAX_PAYLOAD + 8];
	/* While it is being made; nothing of this goes on tape. */
	const struct reel_type *type;
	uint32_t used;
	unsigned n_strings;
	uint32_t true_lengths[EV_MAX_STRINGS];
};

/* Returns the fixed part, all zero, for the caller to fill in. The header is zero but for the
 * type. */
void *reel_record_begin(struct reel_record *r, const struct reel_type *type);

/* The next string. What does not fit any more is cut, and the record says so. */
void reel_record_string(struct reel_record *r, const void *bytes, size_t length);
/* The same for one that was cut before: true_length is what it had been, or EV_UNKNOWN_LENGTH. */
void reel_record_cut_string(struct reel_record *r, const void *bytes, size_t length,
			    uint32_t true_length);

/* The record that an event was before it came on tape. The type must be this build's own. */
size_t reel_record_of_event(struct reel_record *r, const struct reel_event *ev);

/* Closes the record; string fields that were not given are empty. Returns its length in bytes. */
size_t reel_record_end(struct reel_record *r);

/*
 * A view of a closed record, as if it lay in a block alone. The view lives as long as both; the
 * record is changed by it.
 */
struct reel_record_strings {
	struct reel_string_table table;
	uint32_t at[EV_MAX_STRINGS + 1];
	struct tape_cut_string cuts[EV_MAX_STRINGS];
};
void reel_record_view(struct reel_record *r, struct reel_record_strings *strings,
		      struct reel_event *ret);

#endif
