/* SPDX-License-Identifier: BSD-2-Clause */
/* What a META block says: which segment of which capture this is, and where it was made. */
#ifndef REEL_FORMAT_META_H
#define REEL_FORMAT_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/err.h"
#include "format/tape.h"

enum { REEL_META_MAX = 16 << 10, REEL_NOTE_MAX = 1024 };

struct reel_meta {
	uint8_t capture[TAPE_ID_BYTES];
	uint8_t machine[TAPE_ID_BYTES];
	uint8_t boot[TAPE_ID_BYTES];
	uint8_t config[32];
	uint64_t number;		/* of the segment in its capture, from 1 */
	uint64_t cpus;
	uint64_t run;			/* random, one for each time a recorder ran */
	char host[256];
	char kernel[256];
	char arch[72];
	char program[64];
	char note[REEL_NOTE_MAX];
	struct tape_start start;
	bool has_previous;
	struct tape_previous previous;
	bool is_cut;
	struct tape_cut cut;
	bool is_derived;
	struct tape_source source;
	char chosen[512];		/* is_derived: which events, as it was asked for */
	bool is_encrypted;		/* all that is hidden below is empty until it is opened */
	bool has_forms;			/* read only: since 1.2 all that is written has them */
	unsigned n_recipients;
	struct tape_recipient recipients[TAPE_RECIPIENTS_MAX];
	bool is_sealed;
	struct tape_seal seal;
	uint16_t major, minor;
};

/* Fills in the machine, boot, host, kernel, architecture and program; nothing of it can fail. */
void reel_meta_this_machine(struct reel_meta *m);
/* Fresh ids of a capture and a run. */
int reel_meta_new_capture(struct reel_meta *m);

/* Of an encrypted segment what names the machine, its recorder and their words is hidden. */
enum reel_meta_part { REEL_META_PUBLIC = 1, REEL_META_HIDDEN, REEL_META_WHOLE };
size_t reel_meta_encode_part(const struct reel_meta *m, enum reel_meta_part part,
			     uint8_t buffer[REEL_META_MAX]);
size_t reel_meta_encode(const struct reel_meta *m, uint8_t buffer[REEL_META_MAX]);
int reel_meta_decode(const void *body, size_t length, struct reel_meta *ret, struct reel_err *err);
/* Adds what was hidden; of what is public nothing is changed. */
int reel_meta_decode_hidden(const void *items, size_t length, struct reel_meta *m,
			    struct reel_err *err);

/* One item of a META or END body. Returns 1, 0 at the end, -EBADMSG. *at moves on. */
struct reel_item {
	uint16_t tag;
	uint32_t bytes;
	const uint8_t *value;
};
int reel_item_next(const uint8_t **at, const uint8_t *end, struct reel_item *ret);
uint8_t *reel_item_put(uint8_t *at, unsigned tag, const void *value, size_t bytes);

void reel_id_format(const uint8_t id[TAPE_ID_BYTES], char text[2 * TAPE_ID_BYTES + 1]);

#endif
