/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "format/lanes.h"
#include "harness.h"

enum { EVENTS_MAX = 1200, WIDTH_MAX = 512, ROUNDS = 400 };

/* Fixed parts, as the words that are put, and the room for what they become: to the byte. */
struct group {
	uint32_t width, n;
	uint8_t words[EVENTS_MAX * WIDTH_MAX];
	uint8_t rows[EVENTS_MAX * WIDTH_MAX];
	struct reel_lane lanes[WIDTH_MAX / 2];
	uint32_t n_lanes;
	uint8_t *tape;
	size_t bytes;
};

static uint64_t seed = 20261130;

static uint32_t some(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

/* A lane of each kind that there is, at its bounds too. */
static void fill_lane(struct group *g, uint32_t lane)
{
	uint32_t kind = some(7), few = 1 + some(300), first = some(0x10000);

	for (uint32_t i = 0; i < g->n; i++) {
		uint16_t value = 0;

		switch (kind) {
		case 1:
			value = (uint16_t)first;
			break;
		case 2:
			value = (uint16_t)some(256);
			break;
		case 3:
			value = (uint16_t)(first + 257 * some(few));
			break;
		case 4:
			value = (uint16_t)some(0x10000);
			break;
		case 5:
			value = i + 1 == g->n ? 256 : 0;
			break;
		case 6:
			value = i ? 0xffff : 0x8000;
			break;
		}
		memcpy(g->words + 4 * ((size_t)lane / 2 * g->n + i) + 2 * (lane % 2), &value, 2);
		memcpy(g->rows + (size_t)g->width * i + 2 * lane, &value, 2);
	}
}

static void fill(struct group *g, uint32_t width, uint32_t n)
{
	g->width = width;
	g->n = n;
	for (uint32_t lane = 0; lane < width / 2; lane++)
		fill_lane(g, lane);
}

static void put(struct group *g)
{
	size_t most = g->width / 2 + (size_t)g->width * g->n;
	uint8_t *end;

	g->tape = malloc(most + 1);
	if (!g->tape)
		exit(1);
	end = reel_lanes_put(g->tape, g->words, g->width, g->n);
	g->bytes = (size_t)(end - g->tape);
	CHECK(g->bytes <= most);
	g->tape = realloc(g->tape, g->bytes + 1); /* a sanitizer sees whoever reads on */
}

static int take(struct group *g, size_t bytes)
{
	return reel_lanes_take(g->tape, bytes, g->width, g->n, g->lanes, &g->n_lanes);
}

static bool rows_are_right(const struct group *g)
{
	static uint8_t rows[REEL_LANES_ROWS * WIDTH_MAX], row[WIDTH_MAX];

	for (uint32_t from = 0; from < g->n; from += 100) {
		uint32_t n = g->n - from < 100 ? g->n - from : 100;
		const uint8_t *wanted = g->rows + (size_t)g->width * from;

		reel_lanes_make_rows(g->lanes, g->n_lanes, g->width, from, n, rows);
		reel_lanes_make_row(g->lanes, g->n_lanes, g->width, from, row);
		if (memcmp(rows, wanted, (size_t)g->width * n) != 0 ||
		    memcmp(row, wanted, g->width) != 0)
			return false;
	}
	return true;
}

static bool lanes_are_right(const struct group *g)
{
	static uint16_t values[EVENTS_MAX];

	for (uint32_t at = 0; at < g->width; at += 2) {
		const struct reel_lane *l = reel_lanes_find(g->lanes, g->n_lanes, at);
		uint32_t from = some(g->n);

		memset(values, 0, sizeof(values));
		if (l)
			reel_lane_read(l, from, g->n - from, values);
		for (uint32_t i = from; i < g->n; i++) {
			const uint8_t *wanted = g->rows + (size_t)g->width * i + at;

			if (memcmp(&values[i - from], wanted, 2) != 0)
				return false;
			if (l && reel_lane_value(l, i) != values[i - from])
				return false;
		}
	}
	return true;
}

TEST(what_is_put_is_taken)
{
	static struct group g;

	for (unsigned round = 0; round < ROUNDS; round++) {
		fill(&g, 8 * some(round % 20 ? 9 : WIDTH_MAX / 8 + 1),
		     1 + some(round % 10 ? 40 : EVENTS_MAX));
		put(&g);
		CHECK_EQ(take(&g, g.bytes), 0);
		CHECK(rows_are_right(&g));
		CHECK(lanes_are_right(&g));
		free(g.tape);
	}
}

TEST(the_shortest_form_is_taken)
{
	static const struct {
		uint32_t n, values;
		uint8_t form;
		size_t bytes;
	} of[] = {
		{ 80, 1, TAPE_SAME, 2 },	   { 80, 10, TAPE_TABLE, 1 + 20 + 80 },
		{ 80, 11, TAPE_WHOLE, 160 },	   { 15, 2, TAPE_WHOLE, 30 },
		{ 16, 2, TAPE_TABLE, 1 + 4 + 16 }, { 1200, 150, TAPE_TABLE, 1 + 300 + 1200 },
		{ 1200, 151, TAPE_WHOLE, 2400 },
	};
	static struct group g;

	for (unsigned k = 0; k < sizeof(of) / sizeof(of[0]); k++) {
		g.width = 8;
		g.n = of[k].n;
		memset(g.words, 0, sizeof(g.words));
		for (uint32_t i = 0; i < g.n; i++) {
			uint16_t value = (uint16_t)(300 + i % of[k].values);

			memcpy(g.words + 4 * (size_t)i + 2, &value, 2);
		}
		put(&g);
		CHECK_EQ(g.bytes, 4 + of[k].bytes);
		CHECK_EQ(take(&g, g.bytes), 0);
		CHECK_EQ(g.n_lanes, 1);
		CHECK_EQ(g.lanes[0].form, of[k].form);
		CHECK_EQ(g.lanes[0].number, 1);
		free(g.tape);
	}
}

TEST(what_is_cut_or_more_is_refused)
{
	static struct group g;

	for (unsigned round = 0; round < 40; round++) {
		fill(&g, 8 * (1 + some(4)), 1 + some(40));
		put(&g);
		for (size_t bytes = 0; bytes < g.bytes; bytes++)
			CHECK_EQ(take(&g, bytes), -EBADMSG);
		CHECK_EQ(take(&g, g.bytes + 1), -EBADMSG);
		g.tape[some(g.width / 2)] = (uint8_t)(TAPE_WHOLE + 1 + some(200));
		CHECK_EQ(take(&g, g.bytes), -EBADMSG);
		free(g.tape);
	}
}

TEST(an_index_that_the_table_lacks_stands_for_zero)
{
	uint8_t tape[] = { 0, TAPE_TABLE, 0, 0, 1, 7, 1, 9, 2, 0, 1, 2, 255 };
	static struct group g;
	static uint8_t rows[4 * 8];
	uint16_t values[4];

	g.width = 8;
	g.n = 4;
	g.tape = tape;
	CHECK_EQ(take(&g, sizeof(tape)), 0);
	reel_lane_read(&g.lanes[0], 0, 4, values);
	reel_lanes_make_rows(g.lanes, g.n_lanes, 8, 0, 4, rows);
	for (unsigned i = 0; i < 4; i++) {
		static const uint16_t wanted[] = { 0x107, 0x209, 0, 0 };

		CHECK_EQ(values[i], wanted[i]);
		CHECK_EQ(reel_lane_value(&g.lanes[0], i), wanted[i]);
		CHECK_EQ(rows[8 * i + 2] | rows[8 * i + 3] << 8, wanted[i]);
	}
}

TEST(words_of_version_1_1_are_taken)
{
	static struct group g;
	uint64_t there[2] = { 0, 0 };

	fill(&g, WIDTH_MAX, 33);
	memset(g.rows, 0, sizeof(g.rows));
	g.tape = malloc((size_t)4 * 33 * 3);
	if (!g.tape)
		exit(1);
	for (unsigned k = 0; k < 3; k++) {
		static const unsigned word[] = { 0, 63, 127 };

		there[word[k] / 64] |= 1ull << word[k] % 64;
		memcpy(g.tape + 4 * 33 * k, g.words + (size_t)4 * 33 * word[k], 4 * 33);
		for (uint32_t i = 0; i < 33; i++)
			memcpy(g.rows + (size_t)WIDTH_MAX * i + 4 * word[k],
			       g.tape + 4 * 33 * k + 4 * i, 4);
	}
	reel_lanes_take_words(g.tape, there, 33, g.lanes, &g.n_lanes);
	CHECK_EQ(g.n_lanes, 6);
	CHECK(rows_are_right(&g));
	CHECK(lanes_are_right(&g));
	free(g.tape);
}
