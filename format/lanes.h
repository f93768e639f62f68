/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lanes: the fixed parts of a type's events on tape (FORMAT.md, 7.4). A fixed part is cut into
 * pieces of two bytes, and what stands at the same place in all events comes together, in the
 * shortest of a few forms. Most numbers are small, most are few, and half of a large one hardly
 * changes: a block shrinks by a quarter before it is compressed, and that is what compressing it,
 * and undoing it, takes less.
 */
#ifndef REEL_FORMAT_LANES_H
#define REEL_FORMAT_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "format/tape.h"

/* A lane that says something. Others are not here, and are zero. */
struct reel_lane {
	const uint8_t *at;		/* the first event's; of TAPE_TABLE behind the table */
	uint16_t value;			/* TAPE_SAME: of all. TAPE_TABLE: how many there are */
	uint8_t number;			/* bytes 2 * number and the next of the fixed part */
	uint8_t form;			/* enum tape_form */
	uint8_t step;			/* of TAPE_WHOLE, from one event to the next */
};

/* Of the group of N events, N not 0, whose fixed parts have WIDTH bytes, given as WORDS: the first
 * 4 bytes of all events, then the next 4. Returns where it ended. */
uint8_t *reel_lanes_put(uint8_t *to, const uint8_t *words, uint32_t width, uint32_t n);

/* Takes apart what put wrote, of BYTES. LANES has room for WIDTH / 2, and *ret_n are there.
 * -EBADMSG: it is not that. */
int reel_lanes_take(const uint8_t *at, uint64_t bytes, uint32_t width, uint32_t n,
		    struct reel_lane *lanes, uint32_t *ret_n);
/* The same for a group as version 1.1 wrote it; that it has its bytes was made sure of. */
void reel_lanes_take_words(const uint8_t *at, const uint64_t there[2], uint32_t n,
			   struct reel_lane *lanes, uint32_t *ret_n);

/* The lane at this place of the fixed part; NULL: it is zero. */
const struct reel_lane *reel_lanes_find(const struct reel_lane *lanes, uint32_t n_lanes,
					unsigned offset);
/* The values of N events from FROM on. */
void reel_lane_read(const struct reel_lane *l, uint32_t from, uint32_t n, uint16_t *to);
/* Whole fixed parts, WIDTH bytes each, of N events from FROM on, at most REEL_LANES_ROWS: so few
 * that they stay in the nearest cache until they are whole. */
enum { REEL_LANES_ROWS = 256 };
void reel_lanes_make_rows(const struct reel_lane *lanes, uint32_t n_lanes, uint32_t width,
			  uint32_t from, uint32_t n, uint8_t *rows);

/* Of one event. An index that the table does not have stands for 0. */
static inline uint16_t reel_lane_value(const struct reel_lane *l, uint32_t row)
{
	uint16_t value = 0;

	switch (l->form) {
	case TAPE_SAME:
		return l->value;
	case TAPE_BYTES:
		return l->at[row];
	case TAPE_TABLE:
		if (l->at[row] < l->value)
			memcpy(&value, l->at - 2 * (l->value - l->at[row]), sizeof(value));
		return value;
	default:
		memcpy(&value, l->at + (size_t)l->step * row, sizeof(value));
		return value;
	}
}

static inline void reel_lanes_make_row(const struct reel_lane *lanes, uint32_t n_lanes,
				       uint32_t width, uint32_t row, uint8_t *to)
{
	memset(to, 0, width);
	for (const struct reel_lane *l = lanes; l < lanes + n_lanes; l++) {
		uint16_t value = reel_lane_value(l, row);

		memcpy(to + 2 * l->number, &value, sizeof(value));
	}
}

#endif
