/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One event, as a view into the block it lies in: nothing is copied, and nothing may be kept beyond
 * the life of the block (for reel_walk_next: until the next call).
 */
#ifndef REEL_FORMAT_EVENT_H
#define REEL_FORMAT_EVENT_H

#include <string.h>

#include "bpf/events.h"
#include "format/tape.h"
#include "format/types.h"

struct reel_segment;

/*
 * The distinct strings of a block. In the fixed part of an event the u16 of a string field is the
 * number of its string here, from 1; 0 is the empty one. Equal strings of a block have one number
 * (unless they were cut), so what is found out about one need not be found out again.
 */
struct reel_string_table {
	uint32_t n, n_cuts;
	const uint32_t *at;		/* n + 1: where each begins, and where the last ends */
	const uint8_t *bytes;
	const struct tape_cut_string *cuts;
};

struct reel_event {
	uint64_t ts;
	uint64_t seq;
	int64_t ret;
	uint32_t pid;
	uint32_t tid;
	uint16_t cpu;
	uint16_t call;
	uint8_t flags;			/* enum ev_flag, EV_WIDE_RET already taken out */
	const struct reel_type *type;	/* of the capture's own schema; never NULL */
	const uint8_t *fixed;		/* type->fixed_bytes, 8-aligned */
	const struct reel_string_table *strings;
	const struct reel_segment *segment;
};

struct reel_string {
	const uint8_t *bytes;
	uint32_t length;
	uint32_t true_length;		/* EV_UNKNOWN_LENGTH: cut, and nobody knows how much */
};

static inline bool reel_string_is_cut(const struct reel_string *s)
{
	return s->true_length != s->length;
}

/* The value of a number field, sign-extended; of an address its first eight bytes. */
static inline uint64_t reel_event_number(const struct reel_event *ev, const struct reel_field *f)
{
	const uint8_t *at = ev->fixed + f->offset;
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		int32_t s32;
	} v;

	switch (f->kind & REEL_KIND_MASK) {
	case REEL_U8:
		return *at;
	case REEL_U16:
		memcpy(&v.u16, at, 2);
		return v.u16;
	case REEL_U32:
		memcpy(&v.u32, at, 4);
		return v.u32;
	case REEL_S32:
		memcpy(&v.s32, at, 4);
		return (uint64_t)(int64_t)v.s32;
	case REEL_U64:
	case REEL_S64:
	case REEL_ADDR:
		memcpy(&v.u64, at, 8);
		return v.u64;
	case REEL_RESULT:
		return (uint64_t)ev->ret;
	default:
		return 0;
	}
}

/* Number of the string in its block. */
static inline uint32_t reel_event_string_number(const struct reel_event *ev, uint16_t offset)
{
	uint16_t number;

	memcpy(&number, ev->fixed + offset, sizeof(number));
	return number;
}

/* The value of a string field. A number that the block has no string for is given as empty and
 * cut. */
struct reel_string reel_event_string_at(const struct reel_event *ev, uint16_t offset);

static inline struct reel_string reel_event_string(const struct reel_event *ev,
						   const struct reel_field *f)
{
	return reel_event_string_at(ev, f->offset);
}

/* Whether the block has all strings that the event names. */
bool reel_event_is_sound(const struct reel_event *ev);

/*
 * The fixed part as this build's struct: in place, or where the tape's is shorter than ours, copied
 * into scratch and filled up with zeros. Only for types with schema->as_built.
 */
static inline const void *reel_event_as(const struct reel_event *ev, void *scratch, size_t size)
{
	if (ev->type->fixed_bytes >= size)
		return ev->fixed;
	memset(scratch, 0, size);
	memcpy(scratch, ev->fixed, ev->type->fixed_bytes);
	return scratch;
}

/* An event's name: "1f2e3d4c-0-17", boot id, CPU and seq; the CPU is "r" for the recorder's own. */
enum { REEL_EVENT_ID_MAX = 48 };
size_t reel_event_id(const struct reel_event *ev, const uint8_t boot[16],
		     char text[REEL_EVENT_ID_MAX]);

#endif
