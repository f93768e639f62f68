/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of a segment: made and boxed by its writer, found in META by who may read it. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/crypt_impl.h"
#include "format/keyfile.h"

/* The longest segment: its blocks, and END. */
enum { KEYS_MAX = TAPE_ROWS_MAX + 1 };

/* What the mac of META's hidden part covers besides; then all of the body that stands before it. */
struct place {
	uint64_t segment, sequence;
};

/* Writing ------------------------------------------------------------------------------------ */

struct reel_crypt_writer {
	struct reel_public_key recipients[TAPE_RECIPIENTS_MAX];
	unsigned n;
	uint8_t *key;
};

int reel_crypt_writer_new(const struct reel_public_key *recipients, unsigned n,
			  struct reel_crypt_writer **ret, struct reel_err *err)
{
	struct reel_crypt_writer *w = calloc(1, sizeof(*w));

	if (w)
		w->key = reel_secret_new(TAPE_KEY_BYTES);
	if (!w || !w->key) {
		free(w);
		return reel_err_set(err, -ENOMEM, "no memory for a key");
	}
	memcpy(w->recipients, recipients, n * sizeof(*recipients));
	w->n = n;
	*ret = w;
	return 0;
}

void reel_crypt_writer_free(struct reel_crypt_writer *w)
{
	if (!w)
		return;
	sodium_free(w->key);
	free(w);
}

int reel_crypt_begin(struct reel_crypt_writer *w, struct reel_meta *meta, struct reel_err *err)
{
	int r = 0;

	randombytes_buf(w->key, TAPE_KEY_BYTES);
	meta->is_encrypted = true;
	meta->n_recipients = w->n;
	for (unsigned i = 0; i < w->n && r == 0; i++) {
		struct tape_recipient *to = &meta->recipients[i];

		memcpy(to->id, w->recipients[i].id, sizeof(to->id));
		r = reel_public_key_box(&w->recipients[i], w->key, TAPE_KEY_BYTES, to->box);
	}
	return r < 0 ? reel_err_set(err, r, "nothing can be encrypted to this key") : 0;
}

size_t reel_crypt_meta(const struct reel_crypt_writer *w, const struct reel_meta *meta,
		       uint64_t segment, uint64_t sequence, uint8_t buffer[REEL_META_MAX])
{
	uint8_t beside[sizeof(struct place) + REEL_META_MAX];
	uint8_t hidden[TAPE_NONCE_BYTES + REEL_META_MAX + TAPE_MAC_BYTES] = { 0 };
	uint8_t *items = hidden + TAPE_NONCE_BYTES, *end;
	size_t n = reel_meta_encode_part(meta, REEL_META_PUBLIC, buffer);
	size_t n_items = reel_meta_encode_part(meta, REEL_META_HIDDEN, items);

	/* Put there first, so that the mac covers the head of the item, too. */
	end = reel_item_put(buffer + n, TAPE_META_HIDDEN, hidden,
			    TAPE_NONCE_BYTES + n_items + TAPE_MAC_BYTES);
	n += sizeof(struct tape_item);
	memcpy(beside, &(struct place){ segment, sequence }, sizeof(struct place));
	memcpy(beside + sizeof(struct place), buffer, n);
	randombytes_buf(hidden, TAPE_NONCE_BYTES);
	crypt_seal(items, n_items, items + n_items, beside, sizeof(struct place) + n, hidden,
		   w->key);
	memcpy(buffer + n, hidden, TAPE_NONCE_BYTES + n_items + TAPE_MAC_BYTES);
	return (size_t)(end - buffer);
}

void reel_crypt_block(const struct reel_crypt_writer *w, uint8_t *at)
{
	crypt_block(at, w->key);
}

void reel_crypt_next(struct reel_crypt_writer *w)
{
	crypt_next_key(w->key);
}

/* Reading ------------------------------------------------------------------------------------ */

void reel_recipients_format(const struct reel_meta *meta, char text[REEL_RECIPIENTS_TEXT])
{
	char *at = text;

	*at = '\0';
	for (unsigned i = 0; i < meta->n_recipients; i++) {
		if (i)
			at = stpcpy(at, ", ");
		reel_id_format(meta->recipients[i].id, at);
		at += 2 * (size_t)TAPE_ID_BYTES;
	}
}

/* The key in one of the boxes. */
static int find_key(const struct reel_keys *keys, const struct reel_meta *meta,
		    uint8_t key[TAPE_KEY_BYTES], struct reel_err *err)
{
	char ids[REEL_RECIPIENTS_TEXT];
	bool is_broken = false;

	for (unsigned i = 0; i < meta->n_recipients; i++) {
		const struct tape_recipient *to = &meta->recipients[i];
		int r = reel_keys_open_box(keys, to->id, to->box, sizeof(to->box), key);

		if (r == 0)
			return 0;
		is_broken |= r == -EBADMSG;
	}
	reel_recipients_format(meta, ids);
	if (is_broken)
		return reel_err_set(err, -EBADMSG, "the box for a key that was given is broken");
	if (reel_keys_n_secrets(keys))
		return reel_err_set(err, -ENOKEY,
				    "encrypted to %s: none of the keys that were given is it", ids);
	return reel_err_set(err, -ENOKEY, "encrypted to %s: --key FILE is needed", ids);
}

/* The part of META that is hidden. */
static int open_hidden(const struct reel_block *b, struct reel_meta *meta,
		       const uint8_t key[TAPE_KEY_BYTES], struct reel_err *err)
{
	const uint8_t *at = b->body, *end = at + b->h.stored_bytes;
	struct place place = { b->h.segment, b->h.sequence };
	uint8_t *beside = NULL, *items = NULL;
	struct reel_item item;
	size_t n, before;
	int r;

	while ((r = reel_item_next(&at, end, &item)) > 0 && item.tag != TAPE_META_HIDDEN)
		;
	if (r <= 0 || item.bytes < TAPE_NONCE_BYTES + TAPE_MAC_BYTES)
		return reel_err_set(err, -EBADMSG, "META lacks its hidden part");
	n = item.bytes - TAPE_NONCE_BYTES - TAPE_MAC_BYTES;
	before = (size_t)(item.value - b->body);
	beside = malloc(sizeof(place) + before);
	items = malloc(n + 1);
	if (!beside || !items) {
		r = reel_err_set(err, -ENOMEM, "no memory for META");
		goto out;
	}
	memcpy(beside, &place, sizeof(place));
	memcpy(beside + sizeof(place), b->body, before);
	if (!crypt_unseal(items, item.value + TAPE_NONCE_BYTES, n,
			  item.value + TAPE_NONCE_BYTES + n, beside, sizeof(place) + before,
			  item.value, key))
		r = reel_err_set(err, -EBADMSG, "META does not decrypt");
	else
		r = reel_meta_decode_hidden(items, n, meta, err);
out:
	free(beside);
	free(items);
	return r;
}

int reel_crypt_open_meta(const struct reel_keys *keys, const struct reel_block *b,
			 struct reel_meta *meta, struct reel_crypt **ret, struct reel_err *err)
{
	uint8_t key[TAPE_KEY_BYTES];
	struct reel_crypt *c = NULL;
	int r = find_key(keys, meta, key, err);

	*ret = NULL;
	if (r < 0)
		goto out;
	c = calloc(1, sizeof(*c));
	if (c)
		c->steps = malloc(sizeof(*c->steps));
	if (!c || !c->steps) {
		free(c);
		r = reel_err_set(err, -ENOMEM, "no memory for a key");
		goto out;
	}
	c->segment = b->h.segment;
	c->first = b->h.sequence;
	c->n_steps = 1;
	memcpy(c->steps[0], key, sizeof(key));
	*ret = c;
	r = open_hidden(b, meta, key, err);
out:
	sodium_memzero(key, sizeof(key));
	return r;
}

/* All or nothing, and what was there is wiped. */
static int grow(struct reel_crypt *c, uint32_t n_steps)
{
	uint8_t(*steps)[TAPE_KEY_BYTES] = calloc(n_steps, sizeof(*steps));

	if (!steps)
		return -ENOMEM;
	memcpy(steps, c->steps, c->n_steps * sizeof(*steps));
	sodium_memzero(c->steps, c->n_steps * sizeof(*steps));
	free(c->steps);
	c->steps = steps;
	for (; c->n_steps < n_steps; c->n_steps++) {
		memcpy(steps[c->n_steps], steps[c->n_steps - 1], sizeof(*steps));
		for (unsigned i = 0; i < CRYPT_STRIDE; i++)
			crypt_next_key(steps[c->n_steps]);
	}
	return 0;
}

int reel_crypt_reach(struct reel_crypt *c, uint64_t sequence, struct reel_err *err)
{
	uint64_t i = sequence - c->first, needed = i / CRYPT_STRIDE + 1;

	if (i >= KEYS_MAX)
		return reel_err_set(err, -EBADMSG, "no segment has that many blocks");
	if (needed <= c->n_steps)
		return 0;
	/* Some more at once, so that growing block by block is no work. */
	needed += c->n_steps;
	if (needed > KEYS_MAX / CRYPT_STRIDE + 1)
		needed = KEYS_MAX / CRYPT_STRIDE + 1;
	return grow(c, (uint32_t)needed) < 0 ? reel_err_set(err, -ENOMEM, "no memory for keys") : 0;
}

void reel_crypt_free(struct reel_crypt *c)
{
	if (!c)
		return;
	sodium_memzero(c->steps, c->n_steps * sizeof(*c->steps));
	free(c->steps);
	free(c);
}
