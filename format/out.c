/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/out.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static const char hex_digits[] = "0123456789abcdef";

/* "00" to "99": halves the divisions of a decimal number. */
static const char digit_pairs[] = "0001020304050607080910111213141516171819"
				  "2021222324252627282930313233343536373839"
				  "4041424344454647484950515253545556575859"
				  "6061626364656667686970717273747576777879"
				  "8081828384858687888990919293949596979899";

int out_init(struct reel_out *o, int fd)
{
	char *buf = malloc(OUT_BUFFER_BYTES);

	if (!buf)
		return -ENOMEM;
	*o = (struct reel_out){ .buf = buf, .cap = OUT_BUFFER_BYTES, .fd = fd };
	return 0;
}

int out_init_mem(struct reel_out *o)
{
	char *buf = malloc(4096);

	if (!buf)
		return -ENOMEM;
	*o = (struct reel_out){ .buf = buf, .cap = 4096, .fd = -1 };
	return 0;
}

void out_done(struct reel_out *o)
{
	free(o->buf);
	*o = (struct reel_out){ .fd = -1 };
}

static void write_all(struct reel_out *o, const char *bytes, size_t len)
{
	while (len > 0 && !o->err) {
		ssize_t n = write(o->fd, bytes, len);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
			o->flushed += (uint64_t)n;
		} else if (n == 0) {
			o->err = -EIO;
		} else if (errno == EAGAIN) {
			/* Whoever shares the other end may have made it non-blocking. */
			struct pollfd p = { .fd = o->fd, .events = POLLOUT };

			if (poll(&p, 1, -1) < 0 && errno != EINTR)
				o->err = -errno;
		} else if (errno != EINTR) {
			o->err = -errno;
		}
	}
}

int out_flush(struct reel_out *o)
{
	if (o->fd < 0)
		return o->err;
	write_all(o, o->buf, o->len);
	o->len = 0;
	return o->err;
}

/* Whatever happens, OUT_SMALL bytes are free afterwards: no buffer is smaller, and it is emptied
 * when it cannot grow. That is what lets the inline functions do without a return value. */
void out_make_room(struct reel_out *o, size_t n)
{
	size_t cap = o->cap;
	char *buf;

	if (o->fd >= 0) {
		out_flush(o);
		return;
	}
	if (o->err) {
		o->len = 0;
		return;
	}
	if (n > SIZE_MAX / 4 - o->len)
		goto full;
	while (cap - o->len < n)
		cap *= 2;
	buf = realloc(o->buf, cap);
	if (!buf)
		goto full;
	o->buf = buf;
	o->cap = cap;
	return;
full:
	o->err = -ENOMEM;
	o->len = 0;
}

void out_mem_slow(struct reel_out *o, const void *bytes, size_t len)
{
	out_make_room(o, len);
	if (o->err)
		return;
	if (o->cap - o->len < len) {
		write_all(o, bytes, len);
		return;
	}
	memcpy(o->buf + o->len, bytes, len);
	o->len += len;
}

char *out_digits(char *p, uint64_t v)
{
	char tmp[20];
	char *t = tmp + sizeof(tmp);
	size_t n;

	while (v >= 100) {
		t -= 2;
		memcpy(t, digit_pairs + v % 100 * 2, 2);
		v /= 100;
	}
	if (v >= 10) {
		t -= 2;
		memcpy(t, digit_pairs + v * 2, 2);
	} else {
		*--t = (char)('0' + v);
	}
	n = (size_t)(tmp + sizeof(tmp) - t);
	memcpy(p, t, n);
	return p + n;
}

void out_hex(struct reel_out *o, uint64_t v)
{
	unsigned int digits = v ? (67 - (unsigned int)__builtin_clzll(v)) / 4 : 1;

	out_str(o, "0x");
	out_hex_pad(o, v, digits);
}

void out_hex_pad(struct reel_out *o, uint64_t v, unsigned int digits)
{
	char *p = out_room(o, 16);
	unsigned int i;

	for (i = 0; i < digits; i++)
		p[i] = hex_digits[v >> (digits - 1 - i) * 4 & 15];
	o->len += digits;
}

void out_oct(struct reel_out *o, uint64_t v)
{
	unsigned int digits = v ? (66 - (unsigned int)__builtin_clzll(v)) / 3 : 0;
	char *p = out_room(o, 24);
	unsigned int i;

	*p++ = '0';
	for (i = 0; i < digits; i++)
		p[i] = (char)('0' + (v >> (digits - 1 - i) * 3 & 7));
	o->len += 1 + digits;
}

void out_hex_bytes(struct reel_out *o, const void *bytes, size_t len)
{
	const uint8_t *s = bytes;

	while (len > 0) {
		size_t n = len < OUT_SMALL / 2 ? len : OUT_SMALL / 2, i;
		char *p = out_room(o, n * 2);

		for (i = 0; i < n; i++) {
			*p++ = hex_digits[s[i] >> 4];
			*p++ = hex_digits[s[i] & 15];
		}
		o->len += n * 2;
		s += n;
		len -= n;
	}
}

/* Table 3-7 of the Unicode standard: only the second byte has a range that depends on the first. */
size_t out_utf8_next(const uint8_t *bytes, size_t len, uint32_t *ret_character,
		     size_t *ret_invalid_len)
{
	uint8_t lead = bytes[0], low = 0x80, high = 0xbf;
	uint32_t c;
	size_t need, i;

	if (lead < 0x80) {
		*ret_character = lead;
		return 1;
	}
	if (lead >= 0xc2 && lead <= 0xdf) {
		need = 2;
		c = lead & 0x1f;
	} else if ((lead & 0xf0) == 0xe0) {
		need = 3;
		c = lead & 0x0f;
		if (lead == 0xe0)
			low = 0xa0;
		else if (lead == 0xed)
			high = 0x9f;
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		need = 4;
		c = lead & 0x07;
		if (lead == 0xf0)
			low = 0x90;
		else if (lead == 0xf4)
			high = 0x8f;
	} else {
		*ret_invalid_len = 1;
		return 0;
	}
	for (i = 1; i < need; i++) {
		if (i == len || bytes[i] < low || bytes[i] > high) {
			*ret_invalid_len = i;
			return 0;
		}
		c = c << 6 | (bytes[i] & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	*ret_character = c;
	return need;
}

#define EVERY_BYTE(b) ((uint64_t)0x0101010101010101 * (b))

/*
 * Bit 7 of the bytes of W that are neither 0x20 to 0x7e nor one of " and \. A borrow may also mark
 * a byte above a marked one, so that only the lowest mark is exact; callers use no other.
 */
static uint64_t special_bytes(uint64_t w)
{
	uint64_t quote = w ^ EVERY_BYTE('"');
	uint64_t backslash = w ^ EVERY_BYTE('\\');
	uint64_t del = w ^ EVERY_BYTE(0x7f);

	return (w | (w - EVERY_BYTE(0x20)) | ((quote - EVERY_BYTE(1)) & ~quote) |
		((backslash - EVERY_BYTE(1)) & ~backslash) | ((del - EVERY_BYTE(1)) & ~del)) &
	       EVERY_BYTE(0x80);
}

/* How many bytes at the head of S go into a JSON string as they are. */
static size_t plain_len(const uint8_t *s, size_t len)
{
	size_t i = 0;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (; len - i >= 8; i += 8) {
		uint64_t w, marks;

		memcpy(&w, s + i, 8);
		marks = special_bytes(w);
		if (marks)
			return i + (size_t)__builtin_ctzll(marks) / 8;
	}
#endif
	while (i < len && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

static void json_escape(struct reel_out *o, uint32_t c)
{
	static const char letters[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
					['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\' };

	out_char(o, '\\');
	if (c < sizeof(letters) && letters[c]) {
		out_char(o, letters[c]);
		return;
	}
	out_char(o, 'u');
	out_hex_pad(o, c, 4);
}

bool out_json_string(struct reel_out *o, const void *bytes, size_t len)
{
	const uint8_t *s = bytes;
	bool replaced = false;

	out_char(o, '"');
	while (len > 0) {
		size_t n = plain_len(s, len), invalid_len = 0;
		uint32_t c;

		out_mem(o, s, n);
		s += n;
		len -= n;
		if (len == 0)
			break;

		n = out_utf8_next(s, len, &c, &invalid_len);
		if (n == 0) {
			out_str(o, "\xef\xbf\xbd");
			n = invalid_len;
			replaced = true;
		} else if (c < 0xa0) {
			json_escape(o, c);
		} else {
			out_mem(o, s, n);
		}
		s += n;
		len -= n;
	}
	out_char(o, '"');
	return replaced;
}

/* Controls, and what reorders or breaks the line it is shown in. */
bool out_is_hostile(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool text_is_bare(const uint8_t *s, size_t len)
{
	size_t n, invalid_len;
	uint32_t c;

	if (len == 0)
		return false;
	for (; len > 0; s += n, len -= n) {
		n = out_utf8_next(s, len, &c, &invalid_len);
		if (n == 0 || out_is_hostile(c) || c == ' ' || c == '"' || c == '\'' || c == '\\')
			return false;
	}
	return true;
}

void out_quoted(struct reel_out *o, const void *bytes, size_t len, char quote)
{
	const uint8_t *s = bytes;

	out_char(o, quote);
	while (len > 0) {
		size_t invalid_len = 0, i;
		uint32_t c = 0;
		size_t n = out_utf8_next(s, len, &c, &invalid_len);

		if (c == '\n') {
			out_str(o, "\\n");
		} else if (c == '\t') {
			out_str(o, "\\t");
		} else if (c == (uint32_t)quote || c == '\\') {
			out_char(o, '\\');
			out_char(o, (char)c);
		} else if (n == 0 || out_is_hostile(c)) {
			if (n == 0)
				n = invalid_len;
			for (i = 0; i < n; i++) {
				out_str(o, "\\x");
				out_hex_pad(o, s[i], 2);
			}
		} else {
			out_mem(o, s, n);
		}
		s += n;
		len -= n;
	}
	out_char(o, quote);
}

void out_text_string(struct reel_out *o, const void *bytes, size_t len)
{
	if (text_is_bare(bytes, len))
		out_mem(o, bytes, len);
	else
		out_quoted(o, bytes, len, '"');
}

void out_csv_field(struct reel_out *o, const void *bytes, size_t len)
{
	const char *s = bytes, *quote;
	size_t i = 0;

	while (i < len && s[i] != ',' && s[i] != '"' && s[i] != '\r' && s[i] != '\n')
		i++;
	if (i == len) {
		out_mem(o, s, len);
		return;
	}
	out_char(o, '"');
	while ((quote = memchr(s, '"', len)) != NULL) {
		size_t n = (size_t)(quote - s) + 1;

		out_mem(o, s, n);
		out_char(o, '"');
		s += n;
		len -= n;
	}
	out_mem(o, s, len);
	out_char(o, '"');
}
