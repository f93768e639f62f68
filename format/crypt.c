/* SPDX-License-Identifier: BSD-2-Clause */
/* The cipher itself: where in a block it works, and with which keys. FORMAT.md, section 21. */
#include "format/crypt.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "format/crypt_impl.h"

/* What the mac of types and filter covers besides: all of the header before them. */
enum { PUBLIC_BYTES = offsetof(struct tape_header, types) };
/* That of the body: all of the header up to the sums, as it is on tape. */
enum { HEADER_BYTES = offsetof(struct tape_header, body_sum) };

_Static_assert(TAPE_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(TAPE_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(TAPE_MAC_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "mac");
_Static_assert(TAPE_BOX_BYTES == TAPE_KEY_BYTES + crypto_box_SEALBYTES, "box");

void crypt_next_key(uint8_t key[TAPE_KEY_BYTES])
{
	static const uint8_t label[] = "reel block";
	uint8_t next[TAPE_KEY_BYTES];

	crypto_generichash_blake2b(next, sizeof(next), label, sizeof(label) - 1, key,
				   TAPE_KEY_BYTES);
	memcpy(key, next, sizeof(next));
	sodium_memzero(next, sizeof(next));
}

void crypt_seal(uint8_t *bytes, size_t n, uint8_t mac[TAPE_MAC_BYTES], const void *beside,
		size_t n_beside, const uint8_t nonce[TAPE_NONCE_BYTES],
		const uint8_t key[TAPE_KEY_BYTES])
{
	crypto_aead_xchacha20poly1305_ietf_encrypt_detached(bytes, mac, NULL, bytes, n, beside,
							    n_beside, NULL, nonce, key);
}

bool crypt_unseal(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mac[TAPE_MAC_BYTES],
		  const void *beside, size_t n_beside, const uint8_t nonce[TAPE_NONCE_BYTES],
		  const uint8_t key[TAPE_KEY_BYTES])
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(to, NULL, from, n, mac, beside,
								   n_beside, nonce, key) == 0;
}

/* Types and filter, which do not lie together, as one message. */
struct lids {
	uint8_t bytes[sizeof(((struct tape_header *)0)->types) + TAPE_BLOOM_MAX];
};

static size_t gather_lids(struct lids *l, const struct tape_header *h, const uint8_t *filter)
{
	memcpy(l->bytes, h->types, sizeof(h->types));
	memcpy(l->bytes + sizeof(h->types), filter, h->bloom_bytes);
	return sizeof(h->types) + h->bloom_bytes;
}

static void nonce_of_body(const struct tape_secret *secret, uint8_t nonce[TAPE_NONCE_BYTES])
{
	memcpy(nonce, secret->nonce, TAPE_NONCE_BYTES);
	nonce[0] ^= 1;
}

void crypt_block(uint8_t *at, const uint8_t key[TAPE_KEY_BYTES])
{
	uint8_t nonce[TAPE_NONCE_BYTES], *body, *filter;
	struct tape_secret secret;
	struct tape_header h;
	struct lids lids;
	size_t n;

	memcpy(&h, at, sizeof(h));
	body = at + h.header_bytes;
	filter = body - TAPE_SUM_BYTES - h.bloom_bytes;
	randombytes_buf(secret.nonce, sizeof(secret.nonce));
	n = gather_lids(&lids, &h, filter);
	crypt_seal(lids.bytes, n, secret.mac, at, PUBLIC_BYTES, secret.nonce, key);
	memcpy(at + PUBLIC_BYTES, lids.bytes, sizeof(h.types));
	memcpy(filter, lids.bytes + sizeof(h.types), h.bloom_bytes);
	memcpy(at + sizeof(h), &secret, sizeof(secret));

	n = h.stored_bytes - TAPE_MAC_BYTES;
	nonce_of_body(&secret, nonce);
	crypt_seal(body, n, body + n, at, HEADER_BYTES, nonce, key);
}

static int find_key(const struct reel_crypt *c, const struct reel_block *b,
		    uint8_t key[TAPE_KEY_BYTES], struct reel_err *err)
{
	uint64_t i = b->h.sequence - c->first;

	if (b->h.segment != c->segment || i / CRYPT_STRIDE >= c->n_steps)
		return reel_err_set(err, -EBADMSG, "block is of another segment than its key");
	memcpy(key, c->steps[i / CRYPT_STRIDE], TAPE_KEY_BYTES);
	for (i %= CRYPT_STRIDE; i > 0; i--)
		crypt_next_key(key);
	return 0;
}

/* Whether it can be encrypted at all, and with what. */
static int begin(const struct reel_crypt *c, const struct reel_block *b, struct tape_secret *secret,
		 uint8_t key[TAPE_KEY_BYTES], struct reel_err *err)
{
	if (!c)
		return reel_err_set(err, -ENOKEY, "block is encrypted");
	if (b->h.header_bytes < TAPE_HEADER_MIN + sizeof(*secret) + b->h.bloom_bytes ||
	    b->h.stored_bytes < TAPE_MAC_BYTES)
		return reel_err_set(err, -EBADMSG, "block is too short to be encrypted");
	memcpy(secret, b->at + sizeof(b->h), sizeof(*secret));
	return find_key(c, b, key, err);
}

static int open_header(struct reel_block *b, const struct tape_secret *secret,
		       const uint8_t key[TAPE_KEY_BYTES], uint8_t *filter, struct reel_err *err)
{
	struct lids lids;
	size_t n = gather_lids(&lids, &b->h, b->bloom);

	if (!crypt_unseal(lids.bytes, lids.bytes, n, secret->mac, b->at, PUBLIC_BYTES,
			  secret->nonce, key))
		return reel_err_set(err, -EBADMSG, "block header does not decrypt");
	memcpy(b->h.types, lids.bytes, sizeof(b->h.types));
	if (filter)
		memcpy(filter, lids.bytes + sizeof(b->h.types), b->h.bloom_bytes);
	return 0;
}

int reel_crypt_open_header(const struct reel_crypt *c, struct reel_block *b, uint8_t *filter,
			   struct reel_err *err)
{
	uint8_t key[TAPE_KEY_BYTES];
	struct tape_secret secret;
	int r = begin(c, b, &secret, key, err);

	if (r == 0)
		r = open_header(b, &secret, key, filter, err);
	sodium_memzero(key, sizeof(key));
	return r;
}

int reel_crypt_open(const struct reel_crypt *c, struct reel_block *b, struct reel_plain *plain,
		    struct reel_err *err)
{
	uint8_t key[TAPE_KEY_BYTES], nonce[TAPE_NONCE_BYTES], *filter, *body;
	struct tape_secret secret;
	size_t n;
	int r;

	if (!(b->h.flags & TAPE_ENCRYPTED))
		return c ? reel_err_set(err, -EBADMSG, "a plain block in an encrypted segment") : 0;
	if (!reel_block_body_is_sound(b))
		return reel_err_set(err, -EBADMSG, "block body does not match its checksum");
	r = begin(c, b, &secret, key, err);
	if (r < 0)
		goto out;
	n = b->h.stored_bytes - TAPE_MAC_BYTES;
	/* One more, so that there is an address even of a body without bytes. */
	if (plain->room < n + b->h.bloom_bytes + 1) {
		free(plain->bytes);
		plain->room = n + b->h.bloom_bytes + 1;
		plain->bytes = malloc(plain->room);
		if (!plain->bytes) {
			plain->room = 0;
			r = reel_err_set(err, -ENOMEM, "no memory for a block");
			goto out;
		}
	}
	filter = plain->bytes;
	body = plain->bytes + b->h.bloom_bytes;
	r = open_header(b, &secret, key, filter, err);
	if (r < 0)
		goto out;
	nonce_of_body(&secret, nonce);
	if (!crypt_unseal(body, b->body, n, b->body + n, b->at, HEADER_BYTES, nonce, key)) {
		r = reel_err_set(err, -EBADMSG, "block body does not decrypt");
		goto out;
	}
	b->h.flags &= (uint8_t)~TAPE_ENCRYPTED;
	b->h.stored_bytes = (uint32_t)n;
	b->bloom = filter;
	b->body = body;
	b->is_opened = true;
out:
	sodium_memzero(key, sizeof(key));
	return r;
}

void reel_plain_done(struct reel_plain *plain)
{
	free(plain->bytes);
	*plain = (struct reel_plain){ 0 };
}
