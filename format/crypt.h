/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Encryption of a segment to the holders of private keys. The segment has a random first key, which
 * lies in its META, boxed to each of them; the key of each further block is a hash of the key of
 * the block before. A writer forgets a key as soon as its block is written: who takes the memory of
 * a recorder can read what comes, and not what has been.
 */
#ifndef REEL_FORMAT_CRYPT_H
#define REEL_FORMAT_CRYPT_H

#include <stddef.h>
#include <stdint.h>

#include "format/block.h"
#include "format/err.h"
#include "format/keys.h"
#include "format/meta.h"

/* Writing ------------------------------------------------------------------------------------ */

/* To whom, and the key of the next block, which lies in memory that is never swapped. */
struct reel_crypt_writer;

/* n is 1 to TAPE_RECIPIENTS_MAX. */
int reel_crypt_writer_new(const struct reel_public_key *recipients, unsigned n,
			  struct reel_crypt_writer **ret, struct reel_err *err);
void reel_crypt_writer_free(struct reel_crypt_writer *w);

/* A new segment: a fresh key, boxed into meta. */
int reel_crypt_begin(struct reel_crypt_writer *w, struct reel_meta *meta, struct reel_err *err);
/* The body of META: what is public, and the rest hidden. */
size_t reel_crypt_meta(const struct reel_crypt_writer *w, const struct reel_meta *meta,
		       uint64_t segment, uint64_t sequence, uint8_t buffer[REEL_META_MAX]);
/*
 * The block that is being made at AT, as reel_block_finish() wants it, but plain: the header has
 * room for tape_secret, and behind the body, for which stored_bytes speaks, there is room for a
 * mac that it counts already.
 */
void reel_crypt_block(const struct reel_crypt_writer *w, uint8_t *at);
/* The block is written: its key is forgotten. */
void reel_crypt_next(struct reel_crypt_writer *w);

/* Reading ------------------------------------------------------------------------------------ */

/*
 * The keys of a segment. Thread-safe but for reach. Memory: 4 bytes a block, 200 KB at most; they
 * are wiped, but not locked, as what they open is not.
 */
struct reel_crypt;

/*
 * Opens the segment that META begins: finds a box among meta's that a key opens, and completes meta
 * with what was hidden. -ENOKEY: there is none, and the message says whose would do. -EBADMSG with
 * *ret not NULL: META was changed, but what follows it can be read.
 */
int reel_crypt_open_meta(const struct reel_keys *keys, const struct reel_block *b,
			 struct reel_meta *meta, struct reel_crypt **ret, struct reel_err *err);
void reel_crypt_free(struct reel_crypt *c);

/* Gets ready for blocks up to this sequence. -EBADMSG: no segment has that many. */
int reel_crypt_reach(struct reel_crypt *c, uint64_t sequence, struct reel_err *err);

/*
 * Decrypts types and filter of an encrypted block. The filter goes to FILTER, if that is not NULL:
 * b->h.bloom_bytes. c NULL: -ENOKEY.
 */
int reel_crypt_open_header(const struct reel_crypt *c, struct reel_block *b, uint8_t *filter,
			   struct reel_err *err);

/* Memory for what is decrypted, kept from block to block: at most TAPE_STORED_MAX and a filter. */
struct reel_plain {
	uint8_t *bytes;
	size_t room;
};

/*
 * Decrypts the whole block, so that b is as if it had been plain, and valid as long as PLAIN is
 * left alone. c NULL: a plain block stays as it is; one that is encrypted gives -ENOKEY. Else a
 * plain one has no place there: -EBADMSG.
 */
int reel_crypt_open(const struct reel_crypt *c, struct reel_block *b, struct reel_plain *plain,
		    struct reel_err *err);
void reel_plain_done(struct reel_plain *plain);

/* Whose keys open what meta's segment holds: their ids, as text with commas between. */
enum { REEL_RECIPIENTS_TEXT = TAPE_RECIPIENTS_MAX * (2 * TAPE_ID_BYTES + 2) };
void reel_recipients_format(const struct reel_meta *meta, char text[REEL_RECIPIENTS_TEXT]);

#endif
