/* SPDX-License-Identifier: BSD-2-Clause */
/* Encrypted blocks: with a key they are looked at as if they were plain. */
#include <errno.h>
#include <string.h>

#include "format/crypt.h"
#include "format/verify_impl.h"

void verify_crypt_segment(struct verifier *x)
{
	struct reel_err why = { 0 };
	int r;

	if (!x->meta.is_encrypted || !reel_keys_n_secrets(x->with.keys))
		return;
	r = reel_crypt_open_meta(x->with.keys, &x->b, &x->meta, &x->segment.crypt, &why);
	if (r == -ENOMEM)
		x->no_memory = true;
	else if (r < 0 && r != -ENOKEY)
		verify_damage(x, "%s", why.msg);
}

static bool has_events(const struct tape_header *h)
{
	return h->kind >= TAPE_STATE && h->kind <= TAPE_CLOCK;
}

void verify_crypt_block(struct verifier *x)
{
	static const uint8_t none[sizeof(x->b.h.types)];
	struct reel_crypt *crypt = x->segment.crypt;
	struct reel_err why = { 0 };
	int r;

	if (x->meta.is_encrypted && !(x->b.h.flags & TAPE_ENCRYPTED)) {
		verify_damage(x, "a plain block in an encrypted segment");
		return;
	}
	if (!(x->b.h.flags & TAPE_ENCRYPTED) || !crypt)
		return;
	r = reel_crypt_reach(crypt, x->b.h.sequence, &why);
	if (r == 0)
		r = reel_crypt_open(crypt, &x->b, &x->plain, &why);
	if (r == -ENOMEM)
		x->no_memory = true;
	else if (r < 0)
		verify_damage(x, "%s", why.msg);
	else if (!has_events(&x->b.h) && memcmp(x->b.h.types, none, sizeof(none)) != 0)
		verify_damage(x, "header speaks of events, but this kind of block has none");
	else
		verify_capture(x)->opened_blocks++;
}
