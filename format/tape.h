/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a capture. FORMAT.md says what they mean; the structs here say where they are.
 *
 * A segment is a row of blocks; a META block begins it and an END block may close it. A block:
 *
 *	offset 0    struct tape_header, fixed part                        136 bytes
 *	       136  ENCRYPTED only: struct tape_secret                        40
 *	            fields that a later version adds
 *	            bloom filter of the pids                              bloom_bytes
 *	            XXH3-64 of the header so far, seeded                  8
 *	            body as stored                                        stored_bytes
 *	            tag: BLAKE2b-256 of header and body, keyed if SEALED  32
 *	            zeros up to a multiple of 8
 *	            END only: struct tape_trailer                         16
 *
 * header_bytes counts all down to the header's checksum. Blocks of a capture are numbered without a
 * hole, and each names the tag of the one before it as its link.
 */
#ifndef REEL_FORMAT_TAPE_H
#define REEL_FORMAT_TAPE_H

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the tape is little-endian, and so must be the machine that reads it in place"
#endif

#define TAPE_SUFFIX ".rls"

enum {
	TAPE_MAGIC = 0x31424c52,		/* "RLB1" */
	TAPE_TRAILER_MAGIC = 0x31454c52,	/* "RLE1" */
	TAPE_MAJOR = 1,
	TAPE_MINOR = 2,

	TAPE_TAG_BYTES = 32,
	TAPE_ID_BYTES = 16,
	TAPE_SUM_BYTES = 8,
	TAPE_KEY_BYTES = 32,
	TAPE_NONCE_BYTES = 24,
	TAPE_MAC_BYTES = 16,
	TAPE_BOX_BYTES = TAPE_KEY_BYTES + 48,	/* crypto_box_seal of a key */
	TAPE_HEADER_MIN = 136 + TAPE_SUM_BYTES,

	/* Limits, checked before anything is allocated. A reader refuses what is beyond them. */
	TAPE_HEADER_MAX = 0xfff8,
	TAPE_RAW_MAX = 4 << 20,
	TAPE_STORED_MAX = (4 << 20) + (64 << 10),
	TAPE_EVENTS_MAX = 1 << 18,
	TAPE_BLOOM_MAX = 32 << 10,
	TAPE_ROWS_MAX = 50000,
	TAPE_FIXED_MAX = 512,			/* of a type's struct */
	TAPE_STRINGS_MAX = 0xffff,
	TAPE_RECIPIENTS_MAX = 8,
};

enum tape_kind {
	TAPE_META = 1,
	TAPE_SCHEMA,
	TAPE_STATE,
	TAPE_EVENTS,
	TAPE_GAP,
	TAPE_CLOCK,
	TAPE_END,
	TAPE_KINDS,
	TAPE_PRIVATE = 128,		/* this and above: never defined here, always skipped */
};

enum tape_block_flag {
	TAPE_ZSTD = 1,				/* the body is one zstd frame of raw_bytes */
	TAPE_SEALED = 2,			/* the tag is keyed */
	TAPE_REQUIRED = 4,			/* who does not know this kind must not read on */
	TAPE_ENCRYPTED = 8,
	TAPE_KEYFRAME = 16,			/* STATE: a keyframe begins in this block */
};

struct tape_header {
	uint32_t magic;
	uint8_t kind;
	uint8_t flags;
	uint16_t header_bytes;
	uint32_t stored_bytes;
	uint32_t raw_bytes;
	uint64_t segment;		/* random, never 0 */
	uint64_t sequence;		/* of the block in its capture, across segments */
	uint64_t ts_min;		/* of the events in it; 0 and 0 where there are none */
	uint64_t ts_max;
	uint64_t settled;		/* every event before this is in this block or before it */
	uint32_t n_events;
	uint16_t bloom_bytes;		/* a power of two, or 0: no filter, any pid may be in it */
	uint16_t reserved;
	uint8_t types[32];		/* bit t: an event of type t is in it */
	uint8_t link[TAPE_TAG_BYTES];	/* tag of the block before; of the first block: zeros */
	uint64_t body_sum;		/* XXH3-64 of the stored body, seeded like the header's */
};
_Static_assert(sizeof(struct tape_header) == 136, "tape_header");

/*
 * Of an encrypted block: types and filter lie encrypted in their places, and so does the body, with
 * a mac of its own in its last 16 bytes.
 */
struct tape_secret {
	uint8_t nonce[TAPE_NONCE_BYTES];	/* of the body: the same, the lowest bit flipped */
	uint8_t mac[TAPE_MAC_BYTES];		/* of types and filter */
};
_Static_assert(sizeof(struct tape_secret) == 40, "tape_secret");

struct tape_trailer {
	uint64_t end_offset;			/* of the END block, from its segment's META */
	uint32_t check;				/* low half of XXH3-64 of end_offset, seeded */
	uint32_t magic;
};
_Static_assert(sizeof(struct tape_trailer) == 16, "tape_trailer");

/*
 * Body of STATE, EVENTS, GAP and CLOCK, after decompression. Every part begins at a multiple of 8:
 *
 *	struct tape_body
 *	struct tape_column [n_columns]
 *	struct tape_run [n_runs]	these cover the events in order
 *	struct tape_group [n_types]	the types that occur, by rising id
 *	the columns, in the order of their rows; one that is all zero is left out
 *	struct tape_wide [n_wide]	high halves of results, by rising index
 *	lanes				the fixed parts: for each group u8 form [fixed bytes / 2],
 *					and for each 2 bytes of its struct these of each event
 *					of the type, in order, in that form
 *	u16 [n_strings]			length of each distinct string
 *	struct tape_cut_string [n_cuts]	by rising number
 *	the strings			string_bytes, one behind the other
 *
 * In a fixed part on tape the u16 of a string field is the number of the string: from 1, in the
 * order of the table above; 0 is the empty string, not cut.
 */
struct tape_body {
	uint32_t n_events;
	uint32_t n_runs;
	uint32_t n_wide;
	uint32_t n_columns;
	uint32_t n_types;
	uint32_t n_strings;
	uint32_t n_cuts;
	uint32_t string_bytes;
};
_Static_assert(sizeof(struct tape_body) == 32, "tape_body");

enum tape_column_id {
	TAPE_COL_TYPE = 1,		/* 1 byte */
	TAPE_COL_FLAGS,			/* 1 */
	TAPE_COL_CALL,			/* 2: exclusive or with the usual call of its type */
	TAPE_COL_TS,			/* 4: ns after the event before it in its run */
	TAPE_COL_PID,			/* 4 */
	TAPE_COL_TID,			/* 4: tid - pid */
	TAPE_COL_RET,			/* 4: low half, signed */
	TAPE_COLUMNS,
};

enum tape_encoding {
	TAPE_PLAIN,
	TAPE_PLANES,		/* lowest byte of every value, then the next byte ... */
};

struct tape_column {
	uint8_t id;
	uint8_t width;
	uint8_t encoding;
	uint8_t reserved;
	uint32_t bytes;				/* width * n_events */
};
_Static_assert(sizeof(struct tape_column) == 8, "tape_column");

/* How the two bytes at one place of the fixed part lie there, of all events of a type. */
enum tape_form {
	TAPE_ZERO,		/* they do not: all are zero */
	TAPE_SAME,		/* u16, of all */
	TAPE_BYTES,		/* u8 of each; the high ones are zero */
	TAPE_TABLE,		/* u8 k, u16 [k + 1], and u8 of each: which of these */
	TAPE_WHOLE,		/* u16 of each */
};

enum tape_coding {
	TAPE_WORDS,		/* as version 1.1 had it: 4 bytes of each, or not there */
	TAPE_FORMS,
};

/* The events of one type. */
struct tape_group {
	uint32_t n;
	uint16_t usual_call;
	uint8_t type;
	uint8_t coding;
	union {
		uint64_t words[2];	/* TAPE_WORDS: bit i: bytes 4i to 4i+3 of the struct */
		uint64_t bytes;		/* TAPE_FORMS: of its forms and lanes; the rest is 0 */
	};
};
_Static_assert(sizeof(struct tape_group) == 24, "tape_group");

/* A string that was longer before it was recorded. */
struct tape_cut_string {
	uint32_t number;
	uint32_t true_length;			/* all ones: nobody knows */
};
_Static_assert(sizeof(struct tape_cut_string) == 8, "tape_cut_string");

/* Events that follow each other on one CPU: seq rises by one, ts never falls. */
struct tape_run {
	uint64_t ts;				/* of the first */
	uint64_t seq;
	uint32_t n;
	uint16_t cpu;
	uint16_t reserved;
};
_Static_assert(sizeof(struct tape_run) == 24, "tape_run");

struct tape_wide {
	uint32_t index;
	int32_t high;
};
_Static_assert(sizeof(struct tape_wide) == 8, "tape_wide");

/* META and END bodies are items: { u16 tag; u16 reserved; u32 bytes; value } padded to 8. */
struct tape_item {
	uint16_t tag;
	uint16_t reserved;
	uint32_t bytes;
};
_Static_assert(sizeof(struct tape_item) == 8, "tape_item");

enum tape_meta_tag {
	TAPE_META_VERSION = 1,		/* u16 major, u16 minor, u32 0 */
	TAPE_META_INCOMPATIBLE,		/* u64: a reader that does not know a bit must refuse */
	TAPE_META_CAPTURE,		/* 16 bytes */
	TAPE_META_NUMBER,		/* u64: of the segment in its capture, from 1 */
	TAPE_META_MACHINE,		/* 16 bytes, machine id */
	TAPE_META_BOOT,			/* 16 bytes, boot id */
	TAPE_META_HOST,			/* text, as all that follow down to NOTE */
	TAPE_META_KERNEL,
	TAPE_META_ARCH,
	TAPE_META_PROGRAM,
	TAPE_META_NOTE,
	TAPE_META_CONFIG,		/* 32 bytes, hash of the recorder's configuration */
	TAPE_META_CPUS,			/* u64 */
	TAPE_META_START,		/* struct tape_start */
	TAPE_META_PREVIOUS,		/* struct tape_previous */
	TAPE_META_CUT,			/* struct tape_cut */
	TAPE_META_SOURCE,		/* struct tape_source, then text: what was chosen */
	TAPE_META_RUN,			/* u64: which run of the recorder wrote it */
	TAPE_META_SEAL,			/* struct tape_seal */
	TAPE_META_RECIPIENTS,		/* struct tape_recipient [] */
	TAPE_META_HIDDEN,		/* nonce, items, mac: what only they may read */
};

/* Bits of INCOMPATIBLE. */
enum tape_feature {
	TAPE_FEATURE_ENCRYPTED = 1,
	TAPE_FEATURE_FORMS = 2,		/* groups in TAPE_FORMS; since 1.2 */
	TAPE_FEATURES_KNOWN = 3,
};

/* Who can read the segment: its first key in a box that one private key opens. */
struct tape_recipient {
	uint8_t id[TAPE_ID_BYTES];		/* of the public key */
	uint8_t box[TAPE_BOX_BYTES];
};

/* Of a sealed segment: from which key of which host its run began. */
struct tape_seal {
	uint8_t host[TAPE_ID_BYTES];		/* id of the host's key */
	uint64_t n;				/* the run's number, of all of the host's */
	uint64_t first_sequence;		/* of the run's first block */
};

struct tape_start {
	uint64_t boottime_ns;
	int64_t realtime_ns;
};

/* The segment before this one in the capture, and its last block. */
struct tape_previous {
	uint64_t segment;
	uint64_t sequence;
	uint8_t head[TAPE_TAG_BYTES];
};

/* The segments that follow in this file lack blocks on purpose: all that do not touch the range. */
struct tape_cut {
	int64_t from_realtime_ns;
	int64_t to_realtime_ns;			/* not itself in the range */
	uint64_t n_segments;
	uint64_t n_blocks;			/* in all of them, so that a missing end is seen */
};

/* A derived capture: which events of which capture it was made of. */
struct tape_source {
	uint8_t capture[TAPE_ID_BYTES];
	uint8_t head[TAPE_TAG_BYTES];		/* tag of the last block that was read */
};

enum tape_end_tag {
	TAPE_END_REASON = 1,			/* u64, enum tape_end_reason */
	TAPE_END_TOTALS,			/* struct tape_totals */
	TAPE_END_TYPES,				/* u64 [256]: events of each type in the segment */
	TAPE_END_ROWS,				/* struct tape_row for each block before END */
};

enum tape_end_reason {
	TAPE_ENDED,				/* the recording ended */
	TAPE_ROTATED,				/* the next segment goes on */
	TAPE_DISK_FULL,
	TAPE_FAILED,				/* a write or sync has failed */
};

struct tape_totals {
	uint64_t events;
	uint64_t raw_bytes;
	uint64_t stored_bytes;
};

struct tape_row {
	uint64_t offset;			/* from META */
	uint64_t ts_min;
	uint64_t ts_max;
	uint64_t settled;
	uint32_t n_events;
	uint32_t stored_bytes;
	uint32_t raw_bytes;
	uint16_t header_bytes;
	uint8_t kind;
	uint8_t flags;
	uint8_t types[32];
};
_Static_assert(sizeof(struct tape_row) == 80, "tape_row");

/*
 * SCHEMA body:
 *	u32 classes, u32 types
 *	for each class:  u8 id, name
 *	for each type:   u8 id, u8 class, u8 block kind, u8 fields, u16 fixed bytes, name,
 *	                 for each field: u8 kind, u8 reserved, u16 offset, name, hint
 * name and hint are a u8 length and that many bytes of ASCII.
 */

#endif
