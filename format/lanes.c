/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/lanes.h"

#include <errno.h>
#include <stdbool.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Writing -------------------------------------------------------------------------------------- */

/* A table pays where it has at most an eighth as many values as there are events. */
enum { TABLE_MAX = 256, TABLE_SHARE = 8, TABLE_SLOTS = 2 * TABLE_MAX };

/* What differs from the first word, and what any word has, bit by bit. */
struct spread {
	uint32_t differs, any;
};

static uint32_t load(const uint8_t *words, size_t i)
{
	uint32_t word;

	memcpy(&word, words + 4 * i, sizeof(word));
	return word;
}

static struct spread spread_of(const uint8_t *words, uint32_t n)
{
	uint32_t first = load(words, 0), i = 0;
	struct spread s = { 0, first };

#ifdef __SSE2__
	__m128i differs = _mm_setzero_si128(), any = differs;
	const __m128i firsts = _mm_set1_epi32((int)first);
	uint32_t four[2][4];

	for (; i + 4 <= n; i += 4) {
		__m128i v = _mm_loadu_si128((const void *)(words + 4 * (size_t)i));

		differs = _mm_or_si128(differs, _mm_xor_si128(v, firsts));
		any = _mm_or_si128(any, v);
	}
	_mm_storeu_si128((void *)four[0], differs);
	_mm_storeu_si128((void *)four[1], any);
	s.differs = four[0][0] | four[0][1] | four[0][2] | four[0][3];
	s.any |= four[1][0] | four[1][1] | four[1][2] | four[1][3];
#endif
	for (; i < n; i++) {
		s.differs |= load(words, i) ^ first;
		s.any |= load(words, i);
	}
	return s;
}

#ifdef __SSE2__
/* The halves of eight words. */
static __m128i eight_halves(const uint8_t *words, unsigned shift)
{
	__m128i a = _mm_loadu_si128((const void *)words);
	__m128i b = _mm_loadu_si128((const void *)(words + 16));

	if (!shift) {
		a = _mm_slli_epi32(a, 16);
		b = _mm_slli_epi32(b, 16);
	}
	return _mm_packs_epi32(_mm_srai_epi32(a, 16), _mm_srai_epi32(b, 16));
}
#endif

static uint8_t *put_bytes(uint8_t *to, const uint8_t *words, unsigned shift, uint32_t n)
{
	uint32_t i = 0;

#ifdef __SSE2__
	for (; i + 16 <= n; i += 16) {
		const uint8_t *from = words + 4 * (size_t)i;

		_mm_storeu_si128((void *)(to + i),
				 _mm_packus_epi16(eight_halves(from, shift),
						  eight_halves(from + 32, shift)));
	}
#endif
	for (; i < n; i++)
		to[i] = (uint8_t)(load(words, i) >> shift);
	return to + n;
}

static uint8_t *put_whole(uint8_t *to, const uint8_t *words, unsigned shift, uint32_t n)
{
	uint32_t i = 0;

#ifdef __SSE2__
	for (; i + 8 <= n; i += 8)
		_mm_storeu_si128((void *)(to + 2 * (size_t)i),
				 eight_halves(words + 4 * (size_t)i, shift));
#endif
	for (; i < n; i++) {
		uint16_t half = (uint16_t)(load(words, i) >> shift);

		memcpy(to + 2 * (size_t)i, &half, sizeof(half));
	}
	return to + 2 * (size_t)n;
}

/* NULL: it has too many values. What is written until then fits where it would stand whole. */
static uint8_t *put_table(uint8_t *to, const uint8_t *words, unsigned shift, uint32_t n)
{
	uint32_t most = n / TABLE_SHARE < TABLE_MAX ? n / TABLE_SHARE : TABLE_MAX, k = 0;
	uint16_t slots[TABLE_SLOTS], table[TABLE_MAX];
	uint8_t *index = to + 1 + 2 * most;
	unsigned bits = 2;

	if (most < 2)
		return NULL;
	while (1u << bits < 2 * most)
		bits++;
	memset(slots, 0, sizeof(*slots) << bits);
	for (uint32_t i = 0; i < n; i++) {
		uint16_t half = (uint16_t)(load(words, i) >> shift);
		uint32_t slot = half * 2654435769u >> (32 - bits);

		while (slots[slot] && table[slots[slot] - 1] != half)
			slot = (slot + 1) & ((1u << bits) - 1);
		if (!slots[slot]) {
			if (k == most)
				return NULL;
			table[k++] = half;
			slots[slot] = (uint16_t)k;
		}
		index[i] = (uint8_t)(slots[slot] - 1);
	}
	to[0] = (uint8_t)(k - 1);
	memcpy(to + 1, table, 2 * k);
	memmove(to + 1 + 2 * k, index, n);
	return to + 1 + 2 * k + n;
}

static uint8_t *put_half(uint8_t *to, uint8_t *ret_form, const uint8_t *words, unsigned shift,
			 uint32_t n, const struct spread *s)
{
	uint16_t first = (uint16_t)(load(words, 0) >> shift);
	uint8_t *end;

	if (!(s->any >> shift & 0xffff)) {
		*ret_form = TAPE_ZERO;
		return to;
	}
	if (!(s->differs >> shift & 0xffff)) {
		*ret_form = TAPE_SAME;
		memcpy(to, &first, sizeof(first));
		return to + sizeof(first);
	}
	if (!(s->any >> shift & 0xff00)) {
		*ret_form = TAPE_BYTES;
		return put_bytes(to, words, shift, n);
	}
	end = put_table(to, words, shift, n);
	*ret_form = end ? TAPE_TABLE : TAPE_WHOLE;
	return end ? end : put_whole(to, words, shift, n);
}

uint8_t *reel_lanes_put(uint8_t *to, const uint8_t *words, uint32_t width, uint32_t n)
{
	uint8_t *forms = to;

	to += width / 2;
	for (uint32_t l = 0; l < width / 2; l += 2, words += 4 * (size_t)n) {
		struct spread s = spread_of(words, n);

		to = put_half(to, &forms[l], words, 0, n, &s);
		to = put_half(to, &forms[l + 1], words, 16, n, &s);
	}
	return to;
}

/* Reading -------------------------------------------------------------------------------------- */

/* Bytes that a lane of this form takes, where LEFT are there; more than that: it is cut. */
static uint64_t lane_bytes(const uint8_t *at, uint64_t left, unsigned form, uint32_t n)
{
	switch (form) {
	case TAPE_SAME:
		return 2;
	case TAPE_BYTES:
		return n;
	case TAPE_TABLE:
		return left ? 1 + 2 * (at[0] + 1ull) + n : 1;
	case TAPE_WHOLE:
		return 2ull * n;
	}
	return UINT64_MAX;
}

int reel_lanes_take(const uint8_t *at, uint64_t bytes, uint32_t width, uint32_t n,
		    struct reel_lane *lanes, uint32_t *ret_n)
{
	const uint8_t *forms = at;
	struct reel_lane *l = lanes;

	if (bytes < width / 2)
		return -EBADMSG;
	at += width / 2;
	bytes -= width / 2;
	for (uint32_t i = 0; i < width / 2; i++) {
		uint64_t own;

		if (forms[i] == TAPE_ZERO)
			continue;
		own = lane_bytes(at, bytes, forms[i], n);
		if (own > bytes)
			return -EBADMSG;
		*l = (struct reel_lane){ at, 0, (uint8_t)i, forms[i], 2 };
		if (forms[i] == TAPE_SAME) {
			memcpy(&l->value, at, sizeof(l->value));
		} else if (forms[i] == TAPE_TABLE) {
			l->value = (uint16_t)(at[0] + 1);
			l->at = at + 1 + 2 * l->value;
		}
		l++;
		at += own;
		bytes -= own;
	}
	*ret_n = (uint32_t)(l - lanes);
	return bytes ? -EBADMSG : 0;
}

void reel_lanes_take_words(const uint8_t *at, const uint64_t there[2], uint32_t n,
			   struct reel_lane *lanes, uint32_t *ret_n)
{
	struct reel_lane *l = lanes;

	for (unsigned word = 0; word < TAPE_FIXED_MAX / 4; word++) {
		if (!(there[word / 64] >> word % 64 & 1))
			continue;
		*l++ = (struct reel_lane){ at, 0, (uint8_t)(2 * word), TAPE_WHOLE, 4 };
		*l++ = (struct reel_lane){ at + 2, 0, (uint8_t)(2 * word + 1), TAPE_WHOLE, 4 };
		at += 4 * (size_t)n;
	}
	*ret_n = (uint32_t)(l - lanes);
}

const struct reel_lane *reel_lanes_find(const struct reel_lane *lanes, uint32_t n_lanes,
					unsigned offset)
{
	for (const struct reel_lane *l = lanes; l < lanes + n_lanes; l++)
		if (l->number == offset / 2)
			return l;
	return NULL;
}

static void fill_table(const struct reel_lane *l, uint16_t table[TABLE_MAX])
{
	memcpy(table, l->at - 2 * l->value, 2 * (size_t)l->value);
	memset(table + l->value, 0, 2 * (size_t)(TABLE_MAX - l->value));
}

static void read_bytes(const uint8_t *at, uint32_t n, uint16_t *to)
{
	uint32_t i = 0;

#ifdef __SSE2__
	for (; i + 16 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const void *)(at + i)), zero = _mm_setzero_si128();

		_mm_storeu_si128((void *)(to + i), _mm_unpacklo_epi8(v, zero));
		_mm_storeu_si128((void *)(to + i + 8), _mm_unpackhi_epi8(v, zero));
	}
#endif
	for (; i < n; i++)
		to[i] = at[i];
}

void reel_lane_read(const struct reel_lane *l, uint32_t from, uint32_t n, uint16_t *to)
{
	uint16_t table[TABLE_MAX];

	switch (l->form) {
	case TAPE_SAME:
		for (uint32_t i = 0; i < n; i++)
			to[i] = l->value;
		break;
	case TAPE_BYTES:
		read_bytes(l->at + from, n, to);
		break;
	case TAPE_TABLE:
		fill_table(l, table);
		for (uint32_t i = 0; i < n; i++)
			to[i] = table[l->at[from + i]];
		break;
	default:
		for (uint32_t i = 0; i < n; i++)
			memcpy(&to[i], l->at + (size_t)l->step * (from + i), sizeof(to[i]));
	}
}

/* Four lanes become the same eight bytes of each row. */
static void join_lanes(const uint8_t *const lanes[4], uint32_t n, uint8_t *rows, uint32_t width)
{
	uint32_t i = 0;

#ifdef __SSE2__
	for (; i + 8 <= n; i += 8, rows += 8 * width) {
		__m128i l[4], a, b;

		for (unsigned k = 0; k < 4; k++)
			l[k] = _mm_loadu_si128((const void *)(lanes[k] + 2 * (size_t)i));
		for (unsigned half = 0; half < 2; half++) {
			uint8_t *to = rows + 4 * half * width;
			__m128i two;

			a = half ? _mm_unpackhi_epi16(l[0], l[1]) : _mm_unpacklo_epi16(l[0], l[1]);
			b = half ? _mm_unpackhi_epi16(l[2], l[3]) : _mm_unpacklo_epi16(l[2], l[3]);
			two = _mm_unpacklo_epi32(a, b);
			_mm_storel_epi64((void *)to, two);
			_mm_storeh_pd((void *)(to + width), _mm_castsi128_pd(two));
			two = _mm_unpackhi_epi32(a, b);
			_mm_storel_epi64((void *)(to + 2 * width), two);
			_mm_storeh_pd((void *)(to + 3 * width), _mm_castsi128_pd(two));
		}
	}
#endif
	for (; i < n; i++, rows += width)
		for (unsigned k = 0; k < 4; k++)
			memcpy(rows + 2 * k, lanes[k] + 2 * (size_t)i, 2);
}

void reel_lanes_make_rows(const struct reel_lane *lanes, uint32_t n_lanes, uint32_t width,
			  uint32_t from, uint32_t n, uint8_t *rows)
{
	static const uint8_t zeros[2 * REEL_LANES_ROWS];
	uint16_t values[4][REEL_LANES_ROWS];
	const struct reel_lane *l = lanes;

	for (uint32_t at = 0; at < width; at += 8) {
		const uint8_t *four[4] = { zeros, zeros, zeros, zeros };

		for (; l < lanes + n_lanes && 2u * l->number < at + 8; l++) {
			unsigned k = l->number % 4;

			if (l->form == TAPE_WHOLE && l->step == 2) {
				four[k] = l->at + 2 * (size_t)from;
			} else {
				reel_lane_read(l, from, n, values[k]);
				four[k] = (const uint8_t *)values[k];
			}
		}
		join_lanes(four, n, rows + at, width);
	}
}
