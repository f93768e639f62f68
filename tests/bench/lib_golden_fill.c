/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in the records of the captures of tests/golden: usual values, none, and extremes. */
#include <stdio.h>
#include <string.h>

#include "format/record.h"
#include "tests/bench/lib_golden.h"

struct reel_err golden_err;

void golden_machine(struct reel_meta *m, uint8_t boot)
{
	memset(m->machine, 0x4d, sizeof(m->machine));
	memset(m->boot, boot, sizeof(m->boot));
	memset(m->config, 0xc0, sizeof(m->config));
	snprintf(m->host, sizeof(m->host), "golden");
	snprintf(m->kernel, sizeof(m->kernel), "6.1.0-golden #1 SMP");
	snprintf(m->arch, sizeof(m->arch), "x86_64");
	snprintf(m->program, sizeof(m->program), "make_golden 1");
	m->cpus = CPUS;
}

const struct golden_odd golden_odd[GOLDEN_ODD] = {
#define ODD(s)                   \
	{                        \
		s, sizeof(s) - 1 \
	}
	ODD("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
	ODD("\xff\xfe/\x80"),
	ODD("cut\xe2\x82"),
	ODD("\xf0\x9f\x98 \xf0\x9f\x98"),
	ODD("\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf"),
	ODD("\xed\xa0\x80\xed\xbf\xbf"),
	ODD("\xf4\x90\x80\x80\xf5\xf4\x8f\xbf\xbf"),
	ODD("\"\\\b\t\n\v\f\r\x01\x1f\x7f/"),
	ODD("\xc2\x80\xc2\x9f\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9"),
	ODD("a\0b"),
	ODD("\xef\xbb\xbf\xef\xbf\xbd\xef\xbf\xbe"),
	ODD("\0"),
	ODD("sh\0-c\0\0\xff\0left"),
	ODD("\0\0"),
	ODD("\xe2\x80\xae{\"a\":[1]}\x1b[31m"),
};

static const uint8_t addresses[][16] = {
	{ [10] = 0xff, 0xff, 192, 0, 2, 1 },
	{ 0 },
	{ [15] = 1 },
	{ 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
	{ 0x20, 0x01, [7] = 1, [15] = 1 },
	{ 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 },
	{ 0xfe, 0x80, [3] = 1, [9] = 2, [15] = 3 },
	{ [10] = 0xff, 0xff },
	{ [12] = 192, 0, 2, 1 },
	{ 0, 0x64, 0xff, 0x9b, [12] = 192, 0, 2, 33 },
	{ 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0 },
	{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff },
};

static uint64_t usual_number(const struct reel_field *f, unsigned i)
{
	uint64_t labels = 1;

	if (strcmp(f->hint, "bool") == 0)
		return i % 2;
	if (strcmp(f->hint, "class") == 0)
		return 1 + i % 13;
	if (strcmp(f->hint, "boottime") == 0)
		return 999 * SECOND + i;
	if (strcmp(f->hint, "realtime") == 0)
		return WALL - i * MINUTE;
	if (!strchr(f->hint, '|'))
		return 3 + i * 7 % 250;
	for (const char *c = f->hint; *c; c++)
		labels += *c == '|';
	return i % labels;
}

static void put_number(uint8_t *fixed, const struct reel_field *f, enum golden_shape shape,
		       unsigned i)
{
	unsigned width = reel_kind_width(f->kind);
	uint64_t value = shape == USUAL || shape == CUT ? usual_number(f, i) : 0;

	if (shape == EXTREME) {
		value = UINT64_MAX;
		if (f->kind == REEL_S32)
			value = i % 2 ? INT32_MAX : 1ull << 31;
		if (f->kind == REEL_S64)
			value = i % 2 ? INT64_MAX : 1ull << 63;
	}
	if (f->kind == REEL_ADDR) {
		if (shape != EMPTY)
			memcpy(fixed + f->offset, addresses[i % COUNT(addresses)], 16);
	} else {
		memcpy(fixed + f->offset, &value, width);
	}
}

static void put_string(struct reel_record *rec, const struct reel_field *f, enum golden_shape shape,
		       unsigned i)
{
	unsigned kind = f->kind & REEL_KIND_MASK;
	char text[64];
	int n;

	switch (shape) {
	case EMPTY:
		reel_record_string(rec, "", 0);
		break;
	case EXTREME:
		reel_record_string(rec, golden_odd[i % GOLDEN_ODD].bytes,
				   golden_odd[i % GOLDEN_ODD].n);
		break;
	case CUT:
		if (i % 4 == 0)
			reel_record_cut_string(rec, "/usr/li\xc3", 8, 4096 + i);
		else if (i % 4 == 1)
			reel_record_cut_string(rec, "sh\0-c\0ec", 8, EV_UNKNOWN_LENGTH);
		else if (i % 4 == 2)
			reel_record_string(rec, "/usr/li\xc3", 8); /* whole, with the same bytes */
		else
			reel_record_cut_string(rec, "", 0, i % 8 == 3 ? 77 : EV_UNKNOWN_LENGTH);
		break;
	default:
		n = snprintf(text, sizeof(text), kind == REEL_PATH ? "/srv/%s.%u" : "%s %u",
			     f->name, i % 3);
		if (kind == REEL_ARGS)
			memcpy(text, "id\0-u", n = 6);
		if (strcmp(f->hint, "u32") == 0 || strcmp(f->hint, "hex") == 0)
			n = 8;
		reel_record_string(rec, text, (size_t)n);
	}
}

/* Any type, also one that this build does not have. */
void golden_fill(struct reel_record *rec, const struct reel_type *t, enum golden_shape shape,
		 unsigned i)
{
	uint8_t *fixed = reel_record_begin(rec, t);

	for (unsigned k = 0; k < t->n_fields; k++) {
		const struct reel_field *f = &t->fields[k];

		if (reel_field_is_string(f))
			put_string(rec, f, shape, i + k);
		else if (reel_kind_width(f->kind))
			put_number(fixed, f, shape, i + k);
		else if (f->kind != REEL_RESULT) /* nobody knows what it means, or its width */
			memset(fixed + f->offset, 0xa5, 12);
	}
	rec->header.pid = shape == EMPTY ? 0 : shape == EXTREME ? UINT32_MAX - 1 : 100 + i % 5;
	rec->header.tid = shape == EXTREME ? UINT32_MAX - i % 2 : rec->header.pid + i % 2;
	rec->header.cpu = (uint16_t)(i % CPUS);
}
