/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/recipients.h"

#include <errno.h>
#include <string.h>

static bool has(const struct recipients *r, const struct reel_public_key *key)
{
	for (unsigned i = 0; i < r->n; i++)
		if (memcmp(r->keys[i].id, key->id, sizeof(key->id)) == 0)
			return true;
	return false;
}

int recipients_read(const struct reel_strings *files, struct recipients *ret, struct reel_err *err)
{
	ret->n = 0;
	for (size_t i = 0; i < files->n; i++) {
		struct reel_public_key key;
		int r = reel_public_key_read(files->v[i], &key, err);

		if (r < 0)
			return r == -EBADMSG ? -EINVAL : r;
		if (has(ret, &key))
			continue;
		if (ret->n == REEL_RECIPIENTS_MAX)
			return reel_err_set(err, -EINVAL, "--encrypt-to: %d keys at most",
					    REEL_RECIPIENTS_MAX);
		ret->keys[ret->n++] = key;
	}
	return 0;
}
