/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What the probes inside programs and the process that attaches them share: what a probed function
 * means, and what is known of the file that it lies in.
 *
 * Two programs serve all probes, one at the entry of functions and one at their return. Which
 * function it is, of which file, and where in its segment of code, is in the cookie of the probe:
 * place << 32 | file << 16 | function.
 */
#ifndef REEL_BPF_USER_H
#define REEL_BPF_USER_H

#include <linux/types.h>

enum {
	USER_FILES = 256,
	USER_FUNCTIONS = 96,
	USER_FILE_BYTES = 256,		/* of a file's name */
	USER_FUNCTION_BYTES = 64,
	USER_SERVER_BYTES = 256,	/* of a server's name */
	USER_NO_ARG = 0xff,
};

/* What a function means. A session is an SSL or a gnutls_session_t, and known by its address. */
enum user_kind {
	USER_NONE,
	USER_SESSION,		/* returns a new session */
	USER_SESSION_AT,	/* puts a new session where arg 0 points to; arg 1: flags */
	USER_SESSION_END,	/* arg 0: session */
	USER_SESSION_AGAIN,	/* the session, arg 0, may do another handshake */
	USER_SIDE,		/* param: the side of the session, arg 0 */
	USER_HANDSHAKE,		/* of the session, arg 0; param: its side */
	USER_VERDICT,		/* arg 0: session, arg 1: what a call returned; returns why */
	USER_NOTICE,		/* arg 0: session; nothing but an occasion to look at it */
	USER_SET_FD,		/* arg 0: session, arg 1: fd */
	USER_SET_BIO,		/* arg 0: session, arg 1: BIO to read from */
	USER_BIO_CONTROL,	/* arg 0: BIO, arg 1: command, arg 3: fd */
	USER_CONTROL,		/* arg 0: session, arg 1: command, arg 3: server name */
	USER_SERVER_NAME,	/* arg 0: session, arg 1: its kind, arg 2 and 3: bytes, length */
	USER_ASKED_NAME,	/* arg 0: session; returns the name that the client asked for */
	USER_SETUP,		/* is given files or ciphers: struct user_function says where */
	USER_CRYPTO,		/* arg 1: an EVP_CIPHER */
	USER_LINE,		/* returns a line */
	USER_KINDS,
};

enum user_library { USER_OPENSSL, USER_GNUTLS, USER_READLINE };

struct user_function {
	__u8 kind;
	__u8 library;
	__u8 param;
	__u8 path[2];		/* of USER_SETUP: which arguments, or USER_NO_ARG */
	__u8 cipher;
	__u16 name_bytes;
	char name[USER_FUNCTION_BYTES];
};

/*
 * How to find a property of an object that is private to a library: what its own function for that
 * does, read out of its code. One or two loads, each from an offset in what the load before gave.
 */
struct user_getter {
	__s32 at[2];
	__u8 loads;	/* 0: not known */
	__u8 bytes;	/* of the last one, 4 or 8 */
	__u8 zero[2];
};

enum user_property {
	USER_GET_VERSION,	/* session: a number for the protocol */
	USER_GET_IS_SERVER,	/* session */
	USER_GET_IN_INIT,	/* session: its handshake is not done */
	USER_GET_CIPHER,	/* session: its SSL_CIPHER */
	USER_GET_CIPHER_NAME,	/* SSL_CIPHER */
	USER_GET_CIPHER_BITS,	/* SSL_CIPHER */
	USER_GET_EVP_NAME,	/* EVP_CIPHER */
	USER_GET_BIO_TYPE,	/* BIO */
	USER_PROPERTIES,
};

struct user_file {
	struct user_getter get[USER_PROPERTIES];
	__u32 code_bytes;	/* of a library: calls from there are its own; 0: not known */
	__u16 name_bytes;	/* kept */
	__u16 true_bytes;	/* that it is long */
	char name[USER_FILE_BYTES];
};

#endif
