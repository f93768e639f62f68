/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/keys.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/keyfile.h"

_Static_assert(REEL_BOX_EXTRA == crypto_box_SEALBYTES, "a box");
_Static_assert(REEL_KEY_BYTES == crypto_box_PUBLICKEYBYTES, "a public key");
_Static_assert(REEL_KEY_BYTES == crypto_box_SECRETKEYBYTES, "a secret key");

struct secret_key {
	uint8_t id[REEL_KEY_ID_BYTES];
	uint8_t key[REEL_KEY_BYTES];
	uint8_t secret[REEL_KEY_BYTES];
};

/* The id of the host is in the box too, so that nobody can give the root of one for another's. */
struct root_inside {
	uint8_t host[REEL_KEY_ID_BYTES];
	uint8_t root[REEL_KEY_BYTES];
};

struct root_box {
	uint8_t id[REEL_KEY_ID_BYTES];
	uint8_t box[sizeof(struct root_inside) + REEL_BOX_EXTRA];
};

struct host_root {
	uint8_t host[REEL_KEY_ID_BYTES];
	char name[REEL_KEY_NAME_MAX];
	char made[40];
	unsigned n_boxes;
	struct root_box boxes[REEL_RECIPIENTS_MAX];
	char *path;
};

struct reel_keys {
	struct secret_key *secrets; /* in locked memory */
	unsigned n_secrets;
	struct host_root *roots;
	unsigned n_roots;
};

#define BYTES(name, type, field)                                 \
	{                                                        \
		name, REEL_KEYFILE_BYTES, offsetof(type, field), \
			sizeof(((type *)0)->field), 0, 0         \
	}
#define TEXT(name, type, field)                                 \
	{                                                       \
		name, REEL_KEYFILE_TEXT, offsetof(type, field), \
			sizeof(((type *)0)->field), 0, 0        \
	}

static const struct reel_keyfile_kind public_kind = {
	.name = "reel-public-key",
	.what = "public key",
	.rows = (const struct reel_keyfile_row[]){ BYTES("id", struct reel_public_key, id),
						   BYTES("key", struct reel_public_key, key),
						   { 0 } },
};

static const struct reel_keyfile_kind secret_kind = {
	.name = "reel-secret-key",
	.what = "secret key",
	.is_secret = true,
	.rows = (const struct reel_keyfile_row[]){ BYTES("id", struct secret_key, id),
						   BYTES("key", struct secret_key, key),
						   BYTES("secret", struct secret_key, secret),
						   { 0 } },
};

static const struct reel_keyfile_kind root_kind = {
	.name = "reel-host-root",
	.what = "root of a host",
	.rows = (const struct reel_keyfile_row[]){ BYTES("host-key", struct host_root, host),
						   TEXT("host", struct host_root, name),
						   TEXT("made", struct host_root, made),
						   { "box", REEL_KEYFILE_BYTES,
						     offsetof(struct host_root, boxes),
						     sizeof(struct root_box), REEL_RECIPIENTS_MAX,
						     offsetof(struct host_root, n_boxes) },
						   { 0 } },
};

#undef BYTES
#undef TEXT

static void make_id(const uint8_t key[REEL_KEY_BYTES], uint8_t id[REEL_KEY_ID_BYTES])
{
	uint8_t hash[32];

	crypto_generichash_blake2b(hash, sizeof(hash), key, REEL_KEY_BYTES, NULL, 0);
	memcpy(id, hash, REEL_KEY_ID_BYTES);
}

static bool id_is_right(const uint8_t id[REEL_KEY_ID_BYTES], const uint8_t key[REEL_KEY_BYTES])
{
	uint8_t right[REEL_KEY_ID_BYTES];

	make_id(key, right);
	return memcmp(id, right, sizeof(right)) == 0;
}

/* Public keys */

int reel_public_key_read(const char *path, struct reel_public_key *ret, struct reel_err *err)
{
	const struct reel_keyfile_kind *const kinds[] = { &public_kind, NULL };
	struct reel_public_key key = { 0 };
	unsigned kind;
	int r = reel_keyfile_read(path, kinds, (void *[]){ &key }, &kind, err);

	if (r == 0 && !id_is_right(key.id, key.key))
		r = reel_err_set(err, -EBADMSG, "%s: the id is not that of the key", path);
	if (r == 0)
		*ret = key;
	return r;
}

int reel_public_key_box(const struct reel_public_key *to, const void *what, size_t n, uint8_t *box)
{
	if (sodium_init() < 0 || crypto_box_seal(box, what, n, to->key) != 0)
		return -EINVAL;
	return 0;
}

/* What somebody has */

int reel_keys_new(struct reel_keys **ret, struct reel_err *err)
{
	struct reel_keys *k = calloc(1, sizeof(*k));

	if (k)
		k->secrets = reel_secret_new(REEL_KEYS_MAX * sizeof(*k->secrets));
	if (!k || !k->secrets) {
		free(k);
		return reel_err_set(err, -ENOMEM, "no memory for keys");
	}
	*ret = k;
	return 0;
}

void reel_keys_free(struct reel_keys *k)
{
	if (!k)
		return;
	sodium_free(k->secrets);
	for (unsigned i = 0; i < k->n_roots; i++)
		free(k->roots[i].path);
	free(k->roots);
	free(k);
}

static const struct secret_key *find_secret(const struct reel_keys *k,
					    const uint8_t id[REEL_KEY_ID_BYTES])
{
	for (unsigned i = 0; k && i < k->n_secrets; i++)
		if (memcmp(k->secrets[i].id, id, REEL_KEY_ID_BYTES) == 0)
			return &k->secrets[i];
	return NULL;
}

static int keep_secret(struct reel_keys *k, const char *path, const struct secret_key *key,
		       struct reel_err *err)
{
	uint8_t public[REEL_KEY_BYTES];

	if (crypto_scalarmult_base(public, key->secret) != 0 ||
	    memcmp(public, key->key, sizeof(public)) != 0 || !id_is_right(key->id, public))
		return reel_err_set(err, -EBADMSG, "%s: its lines do not belong together", path);
	if (find_secret(k, key->id))
		return 0;
	if (k->n_secrets == REEL_KEYS_MAX)
		return reel_err_set(err, -E2BIG, "%s: more than %u secret keys", path,
				    REEL_KEYS_MAX);
	k->secrets[k->n_secrets++] = *key;
	return 0;
}

static int keep_root(struct reel_keys *k, const char *path, const struct host_root *root,
		     struct reel_err *err)
{
	struct host_root *roots;

	if (k->n_roots == REEL_KEYS_MAX)
		return reel_err_set(err, -E2BIG, "%s: roots of more than %u hosts", path,
				    REEL_KEYS_MAX);
	roots = reallocarray(k->roots, k->n_roots + 1, sizeof(*roots));
	if (!roots)
		return reel_err_set(err, -ENOMEM, "no memory for keys");
	k->roots = roots;
	roots[k->n_roots] = *root;
	roots[k->n_roots].path = strdup(path);
	if (!roots[k->n_roots].path)
		return reel_err_set(err, -ENOMEM, "no memory for keys");
	k->n_roots++;
	return 0;
}

int reel_keys_add(struct reel_keys *k, const char *path, struct reel_err *err)
{
	const struct reel_keyfile_kind *const kinds[] = { &secret_kind, &root_kind, NULL };
	struct secret_key *secret = reel_secret_new(sizeof(*secret));
	struct host_root *root = calloc(1, sizeof(*root));
	unsigned kind;
	int r = -ENOMEM;

	if (!secret || !root) {
		reel_err_set(err, r, "no memory for keys");
		goto out;
	}
	r = reel_keyfile_read(path, kinds, (void *[]){ secret, root }, &kind, err);
	if (r == 0)
		r = kinds[kind] == &secret_kind ? keep_secret(k, path, secret, err) :
						  keep_root(k, path, root, err);
out:
	sodium_free(secret);
	free(root);
	return r;
}

unsigned reel_keys_n_secrets(const struct reel_keys *k)
{
	return k ? k->n_secrets : 0;
}

bool reel_keys_has_secret(const struct reel_keys *k, const uint8_t id[REEL_KEY_ID_BYTES])
{
	return find_secret(k, id) != NULL;
}

int reel_keys_open_box(const struct reel_keys *k, const uint8_t id[REEL_KEY_ID_BYTES],
		       const uint8_t *box, size_t n, uint8_t *ret)
{
	const struct secret_key *s = find_secret(k, id);

	if (!s)
		return -ENOKEY;
	if (n < REEL_BOX_EXTRA || crypto_box_seal_open(ret, box, n, s->key, s->secret) != 0)
		return -EBADMSG;
	return 0;
}

static int open_root(const struct reel_keys *k, const struct host_root *root,
		     uint8_t ret[REEL_KEY_BYTES])
{
	struct root_inside inside;
	int r = -ENOKEY;

	for (unsigned i = 0; i < root->n_boxes && r == -ENOKEY; i++)
		r = reel_keys_open_box(k, root->boxes[i].id, root->boxes[i].box,
				       sizeof(root->boxes[i].box), (uint8_t *)&inside);
	if (r == 0 && memcmp(inside.host, root->host, sizeof(inside.host)) != 0)
		r = -EBADMSG;
	if (r == 0)
		memcpy(ret, inside.root, REEL_KEY_BYTES);
	sodium_memzero(&inside, sizeof(inside));
	return r;
}

int reel_keys_host(const struct reel_keys *k, const uint8_t host[REEL_KEY_ID_BYTES],
		   uint8_t ret_root[REEL_KEY_BYTES])
{
	int r = -ENOENT;

	for (unsigned i = 0; k && i < k->n_roots && r != 0; i++)
		if (memcmp(k->roots[i].host, host, REEL_KEY_ID_BYTES) == 0)
			r = open_root(k, &k->roots[i], ret_root);
	return r;
}

bool reel_keys_root(const struct reel_keys *k, unsigned i, uint8_t ret_host[REEL_KEY_ID_BYTES],
		    const char **ret_name, const char **ret_path)
{
	if (!k || i >= k->n_roots)
		return false;
	memcpy(ret_host, k->roots[i].host, REEL_KEY_ID_BYTES);
	*ret_name = k->roots[i].name;
	*ret_path = k->roots[i].path;
	return true;
}

/* Making them */

int reel_keys_make_pair(const char *secret_path, const char *public_path,
			struct reel_public_key *ret, struct reel_err *err)
{
	struct secret_key *secret = reel_secret_new(sizeof(*secret));
	struct reel_public_key key;
	int r;

	if (!secret)
		return reel_err_set(err, -ENOMEM, "no memory for keys");
	crypto_box_keypair(secret->key, secret->secret);
	make_id(secret->key, secret->id);
	memcpy(key.id, secret->id, sizeof(key.id));
	memcpy(key.key, secret->key, sizeof(key.key));
	r = reel_keyfile_write_new(secret_path, &secret_kind, secret, err);
	if (r == 0) {
		r = reel_keyfile_write_new(public_path, &public_kind, &key, err);
		if (r < 0)
			(void)unlink(secret_path);
	}
	if (r == 0)
		*ret = key;
	sodium_free(secret);
	return r;
}

int reel_keys_write_root(const char *path, const uint8_t host[REEL_KEY_ID_BYTES], const char *name,
			 const char *made, const uint8_t root[REEL_KEY_BYTES],
			 const struct reel_public_key *to, unsigned n_to, struct reel_err *err)
{
	struct host_root *out = calloc(1, sizeof(*out));
	struct root_inside inside;
	int r = 0;

	if (!out)
		return reel_err_set(err, -ENOMEM, "no memory for keys");
	memcpy(inside.host, host, sizeof(inside.host));
	memcpy(inside.root, root, sizeof(inside.root));
	memcpy(out->host, host, sizeof(out->host));
	snprintf(out->name, sizeof(out->name), "%s", name);
	for (char *c = out->name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '_';
	snprintf(out->made, sizeof(out->made), "%s", made);
	out->n_boxes = n_to;
	for (unsigned i = 0; i < n_to && r == 0; i++) {
		memcpy(out->boxes[i].id, to[i].id, sizeof(to[i].id));
		r = reel_public_key_box(&to[i], &inside, sizeof(inside), out->boxes[i].box);
		if (r < 0)
			reel_err_set(err, r, "nothing can be boxed to this public key");
	}
	sodium_memzero(&inside, sizeof(inside));
	if (r == 0)
		r = reel_keyfile_write_new(path, &root_kind, out, err);
	free(out);
	return r;
}
