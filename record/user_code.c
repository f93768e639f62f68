/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/user_code.h"

#include <string.h>

enum {
	REX_W = 0x48,
	REG_AX = 0,
	REG_SP = 4,
	REG_DI = 7,
	MAX_STEPS = 24,
};

struct state {
	struct user_getter ax; /* what %rax holds; no loads: something else */
	bool argument_gone;    /* from %rdi */
	bool pointer_tested;   /* the flags are those of a pointer that is not NULL */
};

static bool skip(size_t n, size_t *at, size_t bytes)
{
	if (n - *at < bytes)
		return false;
	*at += bytes;
	return true;
}

/* mov disp(%rdi or %rax),%eax or %rax; *AT is behind the opcode. */
static bool load(struct state *s, const uint8_t *code, size_t n, size_t *at, bool wide)
{
	unsigned mode, to, base;
	struct user_getter got = { .bytes = wide ? 8 : 4 };
	int32_t offset = 0;

	if (*at >= n)
		return false;
	mode = code[*at] >> 6;
	to = code[*at] >> 3 & 7;
	base = code[*at] & 7;
	++*at;
	if (to != REG_AX || (base != REG_DI && base != REG_AX) || mode == 3)
		return false;
	if (mode == 1) {
		if (!skip(n, at, 1))
			return false;
		offset = (int8_t)code[*at - 1];
	} else if (mode == 2) {
		if (!skip(n, at, 4))
			return false;
		memcpy(&offset, code + *at - 4, 4);
	}
	if (base == REG_DI && s->argument_gone)
		return false;
	if (base == REG_AX) {
		if (s->ax.loads != 1 || s->ax.bytes != 8)
			return false;
		got.at[0] = s->ax.at[0];
		got.loads = 1;
	}
	got.at[got.loads++] = offset;
	s->ax = got;
	return true;
}

/* One instruction. False: it is not known, or ends the way. */
static bool step(struct state *s, const uint8_t *code, size_t n, size_t *at)
{
	const uint8_t *c = code + *at;
	size_t left = n - *at;
	bool tested = s->pointer_tested;

	s->pointer_tested = false;
	if (left >= 4 && memcmp(c, "\xf3\x0f\x1e\xfa", 4) == 0) { /* endbr64 */
		*at += 4;
		return true;
	}
	if (left >= 2 && c[0] == 0x31 && c[1] >> 6 == 3 && (c[1] & 7) == (c[1] >> 3 & 7)) {
		if ((c[1] & 7) == REG_SP)
			return false;
		/* xor of a register with itself */
		if ((c[1] & 7) == REG_AX)
			s->ax = (struct user_getter){ 0 };
		s->argument_gone |= (c[1] & 7) == REG_DI;
		*at += 2;
		return true;
	}
	if (left >= 3 && c[0] == REX_W && c[1] == 0x85 && c[2] >> 6 == 3 &&
	    (c[2] & 7) == (c[2] >> 3 & 7)) { /* test of a register with itself */
		s->pointer_tested = true;
		*at += 3;
		return true;
	}
	if (left >= 2 && tested && c[0] == 0x74) { /* je: not taken */
		*at += 2;
		return true;
	}
	if (left >= 2 && tested && c[0] == 0x75 && c[1] < 0x80) { /* jne: taken, forward */
		*at += 2;
		return skip(n, at, c[1]);
	}
	/* lea of something of its own; mov of a constant */
	if ((left >= 7 && memcmp(c, "\x48\x8d\x05", 3) == 0) || (left >= 5 && c[0] == 0xb8)) {
		s->ax = (struct user_getter){ 0 };
		*at += c[0] == 0xb8 ? 5 : 7;
		return true;
	}
	if (left >= 2 && c[0] == 0x89 && c[1] == 0x06) { /* mov %eax,(%rsi) */
		*at += 2;
		return true;
	}
	if (left >= 3 && c[0] == REX_W && c[1] == 0x8b) {
		*at += 2;
		return load(s, code, n, at, true);
	}
	if (left >= 2 && c[0] == 0x8b) {
		*at += 1;
		return load(s, code, n, at, false);
	}
	return false;
}

bool user_code_read(const uint8_t *code, size_t n, struct user_getter *ret)
{
	struct state s = { 0 };
	size_t at = 0;

	for (unsigned i = 0; i < MAX_STEPS && at < n; i++) {
		if (code[at] == 0xc3) { /* ret */
			if (!s.ax.loads)
				return false;
			*ret = s.ax;
			return true;
		}
		if (!step(&s, code, n, &at))
			return false;
	}
	return false;
}
