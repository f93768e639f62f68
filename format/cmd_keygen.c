/* SPDX-License-Identifier: BSD-2-Clause */
/* reel keygen: the keys of an examiner, and the root from which a host seals. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "format/command.h"
#include "format/keyfile.h"
#include "format/keys.h"
#include "format/meta.h"
#include "format/seal_state.h"

struct keygen_options {
	const char *output, *state;
	struct reel_strings to;
	bool host;
};

static const struct reel_option keygen_table[] = {
	{ "output", 'o', "NAME", REEL_OPT_STRING, offsetof(struct keygen_options, output),
	  "of an examiner NAME.key and NAME.pub are made; with --host the file of this name" },
	{ "host", 0, NULL, REEL_OPT_FLAG, offsetof(struct keygen_options, host),
	  "make the root of this host's seals, once" },
	{ "to", 0, "KEY.pub", REEL_OPT_LIST, offsetof(struct keygen_options, to),
	  "with --host: whose secret key will open it; may be repeated" },
	{ "state", 0, "FILE", REEL_OPT_STRING, offsetof(struct keygen_options, state),
	  "with --host: what stays on the host, for reel record --seal (default: " REEL_SEAL_STATE
	  ")" },
	{ 0 },
};

static int make_pair(const char *name, struct reel_err *err)
{
	char secret[4096], public[4096], id[2 * TAPE_ID_BYTES + 1];
	struct reel_public_key key;
	int r;

	if (snprintf(secret, sizeof(secret), "%s.key", name) >= (int)sizeof(secret) ||
	    snprintf(public, sizeof(public), "%s.pub", name) >= (int)sizeof(public))
		return reel_err_set(err, -ENAMETOOLONG, "%s: the name is too long", name);
	r = reel_keys_make_pair(secret, public, &key, err);
	if (r < 0)
		return r;
	reel_id_format(key.id, id);
	printf("key %s: %s is secret, %s is for others\n", id, secret, public);
	return 0;
}

static int read_recipients(const struct reel_strings *files, struct reel_public_key *to,
			   struct reel_err *err)
{
	for (size_t i = 0; i < files->n; i++) {
		int r = reel_public_key_read(files->v[i], &to[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_files(const struct keygen_options *o, const char *state,
		      const struct reel_public_key *to, const uint8_t host[TAPE_ID_BYTES],
		      const uint8_t *root, struct reel_err *err)
{
	struct reel_meta *meta = calloc(1, sizeof(*meta));
	time_t now = time(NULL);
	char made[32];
	struct tm tm;
	int r;

	if (!meta)
		return reel_err_set(err, -ENOMEM, "no memory for keys");
	reel_meta_this_machine(meta);
	gmtime_r(&now, &tm);
	strftime(made, sizeof(made), "%Y-%m-%dT%H:%M:%SZ", &tm);
	/* The root first: a state without it could never be verified. */
	r = reel_keys_write_root(o->output, host, meta->host[0] ? meta->host : "-", made, root, to,
				 (unsigned)o->to.n, err);
	if (r == 0) {
		r = reel_seal_state_make(state, host, root, err);
		if (r < 0)
			(void)unlink(o->output);
	}
	free(meta);
	return r;
}

static int make_host(const struct keygen_options *o, struct reel_err *err)
{
	const char *state = o->state ? o->state : REEL_SEAL_STATE;
	struct reel_public_key to[REEL_RECIPIENTS_MAX];
	uint8_t host[TAPE_ID_BYTES], *root = NULL;
	char id[2 * TAPE_ID_BYTES + 1];
	int r = read_recipients(&o->to, to, err);

	if (r < 0)
		return r;
	root = reel_secret_new(REEL_KEY_BYTES);
	if (!root)
		return reel_err_set(err, -ENOMEM, "no memory for keys");
	randombytes_buf(root, REEL_KEY_BYTES);
	randombytes_buf(host, sizeof(host));
	if (!o->state)
		(void)mkdir("/var/lib/reel", 0700); /* if it fails, so does what follows */
	r = make_files(o, state, to, host, root, err);
	sodium_free(root);
	if (r < 0)
		return r;
	reel_id_format(host, id);
	printf("host key %s: %s goes to the examiner, away from this host, and %s stays\n", id,
	       o->output, state);
	return 0;
}

static const char *misuse_of(const struct keygen_options *o, const struct reel_args *args)
{
	if (args->n)
		return "nothing is expected behind the options";
	if (!o->output || !*o->output)
		return "what is it to be called? -o NAME";
	if (!o->host && (o->to.n || o->state))
		return "--to and --state are for --host";
	if (o->host && !o->to.n)
		return "whose key will open it? --to KEY.pub";
	if (o->to.n > REEL_RECIPIENTS_MAX)
		return "--to: 8 keys at most";
	return NULL;
}

static enum reel_status status_of(int error)
{
	switch (error) {
	case -EEXIST:
	case -EBADMSG:
	case -EINVAL:
	case -ENAMETOOLONG:
		return REEL_STATUS_USAGE;
	case -EACCES:
	case -EPERM:
		return REEL_STATUS_PRIVILEGE;
	default:
		return REEL_STATUS_IO;
	}
}

static int keygen_run(const struct reel_command *self, int argc, char **argv)
{
	struct keygen_options o = { 0 };
	struct reel_err err = { 0 };
	struct reel_args args;
	const char *misuse;
	int status, r;

	if (!reel_command_parse(self, argc, argv, &o, &args, &status))
		return status;
	misuse = misuse_of(&o, &args);
	if (misuse) {
		status = reel_command_misuse(self, "%s", misuse);
	} else {
		r = o.host ? make_host(&o, &err) : make_pair(o.output, &err);
		status = r < 0 ? reel_command_fail(self, status_of(r), &err) : REEL_STATUS_OK;
	}
	reel_options_done(keygen_table, &o);
	return status;
}

const struct reel_command reel_cmd_keygen = {
	.name = "keygen",
	.summary = "make the keys that seal captures, open them and verify them",
	.usage = "-o NAME",
	.examples = { "reel keygen -o ann", "reel keygen --host --to ann.pub -o web1.root" },
	.options = keygen_table,
	.run = keygen_run,
};
