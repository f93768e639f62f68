/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of keys: text that a person can look at and copy, a name and a value a line.
 *
 *	reel-public-key 1		the kind of file and its version
 *	id 0f3a...			bytes are hexadecimal digits
 *
 * What may be secret lies in memory that is not swapped out (sodium_malloc) and is wiped. A struct
 * into which a file is read is its caller's to wipe.
 */
#ifndef REEL_FORMAT_KEYFILE_H
#define REEL_FORMAT_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "format/err.h"

enum { REEL_KEYFILE_MAX = 16 << 10 };

enum reel_keyfile_how {
	REEL_KEYFILE_BYTES,	/* uint8_t [bytes] */
	REEL_KEYFILE_NUMBER,	/* uint64_t */
	REEL_KEYFILE_TEXT,	/* char [bytes], with its NUL */
};

struct reel_keyfile_row {
	const char *name;
	enum reel_keyfile_how how;
	size_t offset;		/* in the struct that holds what the file says */
	size_t bytes;
	unsigned most;		/* 0: stands once; else from once to so often, as an array */
	size_t count;		/* offset of the unsigned that counts them */
};

struct reel_keyfile_kind {
	const char *name;	/* "reel-public-key" */
	const char *what;	/* for whoever reads an error: "public key" */
	bool is_secret;		/* nobody but its owner may read the file */
	const struct reel_keyfile_row *rows;	/* up to one without a name */
};

/*
 * The whole of a file that somebody has opened, which is to be of one of the kinds, up to NULL.
 * *TO, a struct of that kind, is zero before. *ret_kind: which it was. -EPERM: others may read
 * the secret; -EBADMSG: it is none of these kinds, or not well formed.
 */
int reel_keyfile_read_fd(int fd, const char *path, const struct reel_keyfile_kind *const *kinds,
			 void *const *to, unsigned *ret_kind, struct reel_err *err);
int reel_keyfile_read(const char *path, const struct reel_keyfile_kind *const *kinds,
		      void *const *to, unsigned *ret_kind, struct reel_err *err);

/*
 * Writes a file that must not be there yet, and is either there as a whole afterwards, on disk and
 * with its name, or not at all. 0600 if the kind is secret, else 0644.
 */
int reel_keyfile_write_new(const char *path, const struct reel_keyfile_kind *kind, const void *from,
			   struct reel_err *err);

/* Syncs the directory that holds PATH. */
int reel_keyfile_sync_name(const char *path, struct reel_err *err);

/* Zeroed memory for secrets, to be given to sodium_free(), which wipes it. NULL: there is none. */
void *reel_secret_new(size_t bytes);

#endif
