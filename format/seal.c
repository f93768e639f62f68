/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "format/keyfile.h"
#include "format/seal_state.h"

struct reel_seal {
	uint8_t key[TAPE_KEY_BYTES];
	uint8_t held[TAPE_KEY_BYTES];
};

static void step(uint8_t key[TAPE_KEY_BYTES], const void *said, size_t n)
{
	uint8_t next[TAPE_KEY_BYTES];

	crypto_generichash_blake2b(next, sizeof(next), said, n, key, TAPE_KEY_BYTES);
	memcpy(key, next, sizeof(next));
	sodium_memzero(next, sizeof(next));
}

void reel_seal_next_root(uint8_t root[TAPE_KEY_BYTES])
{
	step(root, "reel run", 8);
}

void reel_seal_next_key(uint8_t key[TAPE_KEY_BYTES])
{
	step(key, "reel next", 9);
}

void reel_seal_first_key(const uint8_t root[TAPE_KEY_BYTES], const uint8_t capture[TAPE_ID_BYTES],
			 uint64_t first_sequence, uint64_t run, uint8_t ret_key[TAPE_KEY_BYTES])
{
	static const char word[10] = "reel chain";
	uint8_t said[sizeof(word) + TAPE_ID_BYTES + 16], *at = said;

	memcpy(at, word, sizeof(word));
	memcpy(at += sizeof(word), capture, TAPE_ID_BYTES);
	memcpy(at += TAPE_ID_BYTES, &first_sequence, sizeof(first_sequence));
	memcpy(at + sizeof(first_sequence), &run, sizeof(run));
	memcpy(ret_key, root, TAPE_KEY_BYTES);
	step(ret_key, said, sizeof(said));
}

int reel_seal_begin(const char *state, const uint8_t capture[TAPE_ID_BYTES],
		    uint64_t first_sequence, uint64_t run, struct reel_seal **ret,
		    struct tape_seal *ret_said, struct reel_err *err)
{
	struct reel_seal *s = reel_secret_new(sizeof(*s));
	struct reel_seal_state *taken = reel_secret_new(sizeof(*taken));
	int r = -ENOMEM;

	if (!s || !taken) {
		reel_err_set(err, r, "no memory for a key");
		goto out;
	}
	r = reel_seal_state_take(state, taken, err);
	if (r < 0)
		goto out;
	reel_seal_first_key(taken->root, capture, first_sequence, run, s->key);
	memcpy(ret_said->host, taken->host, sizeof(ret_said->host));
	ret_said->n = taken->n;
	ret_said->first_sequence = first_sequence;
	*ret = s;
	s = NULL;
out:
	sodium_free(taken);
	sodium_free(s);
	return r;
}

void reel_seal_free(struct reel_seal *s)
{
	sodium_free(s);
}

const uint8_t *reel_seal_key(const struct reel_seal *s)
{
	return s->key;
}

void reel_seal_next(struct reel_seal *s)
{
	reel_seal_next_key(s->key);
}

void reel_seal_hold(struct reel_seal *s)
{
	memcpy(s->held, s->key, sizeof(s->held));
}

void reel_seal_go_back(struct reel_seal *s)
{
	memcpy(s->key, s->held, sizeof(s->key));
	reel_seal_let_go(s);
}

void reel_seal_let_go(struct reel_seal *s)
{
	sodium_memzero(s->held, sizeof(s->held));
}
