/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A buffered writer of text, to a file descriptor or to memory: fast enough for two million JSON
 * lines a second on one core, and the one place that knows how foreign bytes are made harmless.
 *
 * No put function fails. The first error stays with the writer, and what is written after it is
 * dropped; callers look at out_error() where it suits them (a reader that closed its end of a pipe
 * is -EPIPE: callers keep SIGPIPE from killing them). A writer belongs to one thread at a time; the
 * descriptor stays its caller's.
 */
#ifndef REEL_FORMAT_OUT_H
#define REEL_FORMAT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	OUT_BUFFER_BYTES = 128 * 1024,
	OUT_SMALL = 256, /* this much room out_room() always gives, even after an error */
};

struct reel_out {
	char *buf;
	size_t len;
	size_t cap;
	uint64_t flushed; /* bytes that the descriptor has taken */
	int fd;		  /* -1: the text stays in buf[0..len), which grows */
	int err;	  /* the first error as -errno, or 0 */
};

int out_init(struct reel_out *o, int fd);
/* A writer to memory. */
int out_init_mem(struct reel_out *o);
/* Frees the buffer; what was not flushed is gone. Does nothing to a zeroed struct. */
void out_done(struct reel_out *o);

/* Hands the buffer to the descriptor, if there is one. Returns 0 or the first error. */
int out_flush(struct reel_out *o);

static inline int out_error(const struct reel_out *o)
{
	return o->err;
}

/* Forgets the text of a writer to memory, and its error, but keeps the buffer. */
static inline void out_reset(struct reel_out *o)
{
	o->len = 0;
	o->err = 0;
}

/* Makes room for N more bytes: by a flush, or by growing; for the macros below. */
void out_make_room(struct reel_out *o, size_t n);
void out_mem_slow(struct reel_out *o, const void *bytes, size_t len);
/* Writes V in decimal at P, 20 bytes at most, and returns the end. */
char *out_digits(char *p, uint64_t v);

/* A place for N <= OUT_SMALL bytes; the caller advances o->len by what it used. */
static inline char *out_room(struct reel_out *o, size_t n)
{
	if (__builtin_expect(o->cap - o->len < n, 0))
		out_make_room(o, n);
	return o->buf + o->len;
}

static inline void out_char(struct reel_out *o, char c)
{
	*out_room(o, 1) = c;
	o->len++;
}

static inline void out_mem(struct reel_out *o, const void *bytes, size_t len)
{
	if (__builtin_expect(o->cap - o->len < len, 0)) {
		out_mem_slow(o, bytes, len);
		return;
	}
	if (len)
		memcpy(o->buf + o->len, bytes, len);
	o->len += len;
}

/* With a literal the length is a constant and the copy becomes a few stores. */
static inline void out_str(struct reel_out *o, const char *s)
{
	out_mem(o, s, strlen(s));
}

static inline void out_u64(struct reel_out *o, uint64_t v)
{
	char *p = out_room(o, 20);

	if (v < 10) {
		*p = (char)('0' + v);
		o->len++;
		return;
	}
	o->len += (size_t)(out_digits(p, v) - p);
}

static inline void out_s64(struct reel_out *o, int64_t v)
{
	if (v < 0) {
		out_char(o, '-');
		out_u64(o, -(uint64_t)v);
		return;
	}
	out_u64(o, (uint64_t)v);
}

/* 0x1f; zero is 0x0 */
void out_hex(struct reel_out *o, uint64_t v);
/* The lowest DIGITS (1 to 16) hexadecimal digits, without 0x: for ids. */
void out_hex_pad(struct reel_out *o, uint64_t v, unsigned int digits);
/* 0644; zero is 0 */
void out_oct(struct reel_out *o, uint64_t v);
/* Two lower-case digits for each byte. */
void out_hex_bytes(struct reel_out *o, const void *bytes, size_t len);

/*
 * A JSON string with its quotes. Each maximal invalid part becomes U+FFFD, as the Unicode standard
 * recommends. Returns whether anything had to be replaced, so that the string is not the bytes.
 * Bytes below 0x20, DEL and U+0080 to U+009F are escaped: a line can be shown by a terminal.
 */
bool out_json_string(struct reel_out *o, const void *bytes, size_t len);

/*
 * A string for people. Bare where that is safe and unambiguous, else in double quotes, where \n \t
 * \\ \" and \xHH stand for bytes: invalid UTF-8, controls, and characters that reorder or break
 * lines (U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069). No name can drive a terminal,
 * and the exact bytes can be had back.
 */
void out_text_string(struct reel_out *o, const void *bytes, size_t len);
/* The same, always between quotes. */
void out_quoted(struct reel_out *o, const void *bytes, size_t len, char quote);
bool out_is_hostile(uint32_t character);

/* A field of RFC 4180, the bytes exactly, quoted where they have to be. */
void out_csv_field(struct reel_out *o, const void *bytes, size_t len);

/*
 * The length of the valid UTF-8 character at the head of BYTES (LEN > 0), its number in
 * *ret_character; or 0, with the length of the maximal invalid part in *ret_invalid_len. Strict:
 * neither overlong forms nor surrogates nor numbers above U+10FFFF are valid.
 */
size_t out_utf8_next(const uint8_t *bytes, size_t len, uint32_t *ret_character,
		     size_t *ret_invalid_len);

#endif
