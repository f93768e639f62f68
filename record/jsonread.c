/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/jsonread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct json *j;
	const char *text;
	uint32_t length, at;
	unsigned depth;
	int code;
	const char *what;	/* why it ended */
};

static int fail(struct reader *r, int code, const char *what)
{
	if (!r->code) {
		r->code = code;
		r->what = what;
	}
	return code;
}

/* NUL at the end, which no rule takes. */
static char peek(const struct reader *r)
{
	return r->at < r->length ? r->text[r->at] : '\0';
}

static void skip_space(struct reader *r)
{
	while (r->at < r->length && strchr(" \t\n\r", r->text[r->at]) && r->text[r->at])
		r->at++;
}

static int add_node(struct reader *r, enum json_kind kind, uint32_t *ret)
{
	struct json *j = r->j;

	if (j->n == JSON_MAX_NODES)
		return fail(r, -E2BIG, "too many values");
	if (j->n == j->room) {
		uint32_t room = j->room ? 2 * j->room : 64;
		struct json_node *nodes = reallocarray(j->nodes, room, sizeof(*nodes));

		if (!nodes)
			return fail(r, -ENOMEM, "no memory");
		j->nodes = nodes;
		j->room = room;
	}
	*ret = j->n++;
	j->nodes[*ret] = (struct json_node){ .start = r->at, .kind = kind };
	return 0;
}

static void close_node(struct reader *r, uint32_t node)
{
	r->j->nodes[node].length = r->at - r->j->nodes[node].start;
	r->j->nodes[node].after = r->j->n;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Four hexadecimal digits, or -1. */
static int hex4(const char *at, size_t left)
{
	int value = 0;

	if (left < 4)
		return -1;
	for (unsigned i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static bool is_high(int unit)
{
	return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(int unit)
{
	return unit >= 0xdc00 && unit < 0xe000;
}

/* What stands behind a backslash: how many bytes it takes, and the character that it is. 0: no
 * such escape, or half a surrogate pair. */
static unsigned escape(const char *at, size_t left, uint32_t *ret)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *name = left && *at ? strchr(names, *at) : NULL;
	int unit, low;

	if (name) {
		*ret = (uint8_t)values[name - names];
		return 1;
	}
	if (!left || *at != 'u')
		return 0;
	unit = hex4(at + 1, left - 1);
	if (unit < 0 || is_low(unit))
		return 0;
	*ret = (uint32_t)unit;
	if (!is_high(unit))
		return 5;
	if (left < 11 || at[5] != '\\' || at[6] != 'u')
		return 0;
	low = hex4(at + 7, left - 7);
	if (!is_low(low))
		return 0;
	*ret = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
	return 11;
}

/* Bytes of one character of UTF-8 in its shortest form; 0: it is none. */
static unsigned utf8_bytes(const char *at, size_t left)
{
	const uint8_t *b = (const uint8_t *)at;
	uint8_t least = 0x80, most = 0xbf;
	unsigned n;

	if (b[0] < 0x80)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	n = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	if (b[0] == 0xe0)
		least = 0xa0;
	if (b[0] == 0xed)
		most = 0x9f; /* surrogates */
	if (b[0] == 0xf0)
		least = 0x90;
	if (b[0] == 0xf4)
		most = 0x8f;
	if (b[1] < least || b[1] > most)
		return 0;
	for (unsigned i = 2; i < n; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static int read_string(struct reader *r)
{
	uint32_t node, character;
	int code;

	r->at++;
	code = add_node(r, JSON_STRING, &node);
	if (code < 0)
		return code;
	while (r->at < r->length && r->text[r->at] != '"') {
		const char *at = r->text + r->at;
		size_t left = r->length - r->at;
		unsigned n;

		if ((uint8_t)*at < 0x20)
			return fail(r, -EBADMSG, "a control character in a string");
		if (*at == '\\') {
			n = escape(at + 1, left - 1, &character);
			if (!n)
				return fail(r, -EBADMSG, "an escape that is none");
			n++;
		} else {
			n = utf8_bytes(at, left);
			if (!n)
				return fail(r, -EBADMSG, "bytes that are not UTF-8");
		}
		r->at += n;
	}
	if (r->at == r->length)
		return fail(r, -EBADMSG, "a string without an end");
	close_node(r, node);
	r->at++;
	return 0;
}

static bool skip_digits(struct reader *r)
{
	uint32_t before = r->at;

	while (peek(r) >= '0' && peek(r) <= '9')
		r->at++;
	return r->at > before;
}

static int read_number(struct reader *r)
{
	uint32_t node;
	bool sound;
	int code = add_node(r, JSON_NUMBER, &node);

	if (code < 0)
		return code;
	if (peek(r) == '-')
		r->at++;
	if (peek(r) == '0') {
		r->at++;
		sound = true;
	} else {
		sound = skip_digits(r);
	}
	if (sound && peek(r) == '.') {
		r->at++;
		sound = skip_digits(r);
	}
	if (sound && (peek(r) == 'e' || peek(r) == 'E')) {
		r->at++;
		if (peek(r) == '+' || peek(r) == '-')
			r->at++;
		sound = skip_digits(r);
	}
	if (!sound)
		return fail(r, -EBADMSG, "a number that is none");
	close_node(r, node);
	return 0;
}

static int read_word(struct reader *r)
{
	static const struct {
		const char *word;
		enum json_kind kind;
	} words[] = { { "true", JSON_TRUE }, { "false", JSON_FALSE }, { "null", JSON_NULL } };

	for (unsigned i = 0; i < 3; i++) {
		uint32_t n = (uint32_t)strlen(words[i].word), node;
		int code;

		if (r->length - r->at < n || memcmp(r->text + r->at, words[i].word, n) != 0)
			continue;
		code = add_node(r, words[i].kind, &node);
		if (code < 0)
			return code;
		r->at += n;
		close_node(r, node);
		return 0;
	}
	return fail(r, -EBADMSG, "no value");
}

static int read_value(struct reader *r);

static int read_name(struct reader *r)
{
	int code;

	if (peek(r) != '"')
		return fail(r, -EBADMSG, "no name of a member");
	code = read_string(r);
	if (code < 0)
		return code;
	skip_space(r);
	if (peek(r) != ':')
		return fail(r, -EBADMSG, "no colon behind a name");
	r->at++;
	skip_space(r);
	return 0;
}

static int read_container(struct reader *r, enum json_kind kind, char end)
{
	uint32_t node;
	int code = add_node(r, kind, &node);

	if (code < 0)
		return code;
	if (++r->depth > JSON_MAX_DEPTH)
		return fail(r, -E2BIG, "nested too deeply");
	r->at++;
	skip_space(r);
	if (peek(r) == end)
		goto out;
	for (;;) {
		code = kind == JSON_OBJECT ? read_name(r) : 0;
		if (code == 0)
			code = read_value(r);
		if (code < 0)
			return code;
		skip_space(r);
		if (peek(r) != ',')
			break;
		r->at++;
		skip_space(r);
	}
	if (peek(r) != end)
		return fail(r, -EBADMSG, "no comma or end of a list");
out:
	r->at++;
	r->depth--;
	close_node(r, node);
	return 0;
}

static int read_value(struct reader *r)
{
	char c = peek(r);

	if (c == '{')
		return read_container(r, JSON_OBJECT, '}');
	if (c == '[')
		return read_container(r, JSON_ARRAY, ']');
	if (c == '"')
		return read_string(r);
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(r);
	return read_word(r);
}

int json_read(const char *text, size_t length, struct json *ret, struct reel_err *err)
{
	struct json j = { .text = text };
	struct reader r = { .j = &j, .text = text, .length = (uint32_t)length };

	if (length > JSON_MAX_BYTES)
		return reel_err_set(err, -E2BIG, "JSON of %zu bytes is too long", length);
	skip_space(&r);
	if (read_value(&r) == 0) {
		skip_space(&r);
		if (r.at < r.length)
			fail(&r, -EBADMSG, "something behind the end");
	}
	if (r.code) {
		json_done(&j);
		return reel_err_set(err, r.code, "JSON, byte %u: %s", r.at, r.what);
	}
	*ret = j;
	return 0;
}

void json_done(struct json *j)
{
	free(j->nodes);
	memset(j, 0, sizeof(*j));
}

bool json_is(const struct json *j, uint32_t node, enum json_kind kind)
{
	return node < j->n && j->nodes[node].kind == kind;
}

uint32_t json_first(const struct json *j, uint32_t parent)
{
	if ((!json_is(j, parent, JSON_OBJECT) && !json_is(j, parent, JSON_ARRAY)) ||
	    j->nodes[parent].after == parent + 1)
		return JSON_NONE;
	return parent + 1;
}

uint32_t json_next(const struct json *j, uint32_t parent, uint32_t child)
{
	uint32_t next = j->nodes[child].after;

	return next < j->nodes[parent].after ? next : JSON_NONE;
}

uint32_t json_member(const struct json *j, uint32_t object, const char *name)
{
	uint32_t found = JSON_NONE;

	if (!json_is(j, object, JSON_OBJECT))
		return JSON_NONE;
	for (uint32_t i = json_first(j, object); i != JSON_NONE;) {
		uint32_t value = json_next(j, object, i);

		if (json_equals(j, i, name))
			found = value;
		i = json_next(j, object, value);
	}
	return found;
}

static unsigned put_utf8(uint32_t c, char to[4])
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t json_string(const struct json *j, uint32_t node, char *buf, size_t size)
{
	size_t whole = 0;

	if (size)
		buf[0] = '\0';
	if (!json_is(j, node, JSON_STRING))
		return 0;
	for (uint32_t i = 0; i < j->nodes[node].length;) {
		const char *at = j->text + j->nodes[node].start + i;
		uint32_t character;
		char bytes[4];
		unsigned n = 1;

		if (*at == '\\') {
			i += 1 + escape(at + 1, j->nodes[node].length - i - 1, &character);
			n = put_utf8(character, bytes);
		} else {
			bytes[0] = *at;
			i++;
		}
		for (unsigned k = 0; k < n; k++, whole++)
			if (whole + 1 < size)
				buf[whole] = bytes[k];
	}
	if (size)
		buf[whole < size ? whole : size - 1] = '\0';
	return whole;
}

bool json_equals(const struct json *j, uint32_t node, const char *string)
{
	size_t length = strlen(string);
	char decoded[128];

	if (!json_is(j, node, JSON_STRING))
		return false;
	/* Escapes only make it longer. */
	if (length >= sizeof(decoded) || j->nodes[node].length < length)
		return false;
	return json_string(j, node, decoded, sizeof(decoded)) == length &&
	       memcmp(decoded, string, length) == 0;
}
