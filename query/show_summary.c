/* SPDX-License-Identifier: BSD-2-Clause */
/* What the columns of an answer hold, instead of the rows: how many values, the most frequent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/show_impl.h"

enum { TOP = 5, SLOTS = SUMMARY_VALUES_MAX * 2 };

struct seen {
	char *text;
	size_t len;
	uint64_t count;
};

struct summary_column {
	struct seen *slots; /* open addressing, at most half full */
	uint32_t n_seen;
	uint64_t n_null, n_beyond;
};

int show_summary_begin(struct show *s, struct reel_err *err)
{
	s->summary = calloc(s->n_columns + 1u, sizeof(*s->summary));
	for (unsigned i = 0; s->summary && i < s->n_columns; i++) {
		s->summary[i].slots = calloc(SLOTS, sizeof(struct seen));
		if (!s->summary[i].slots)
			return show_no_memory(err);
	}
	return s->summary ? 0 : show_no_memory(err);
}

void show_summary_free(struct show *s)
{
	for (unsigned i = 0; s->summary && i < s->n_columns; i++) {
		struct seen *slots = s->summary[i].slots;

		for (uint32_t k = 0; slots && k < SLOTS; k++)
			free(slots[k].text);
		free(slots);
	}
	free(s->summary);
	s->summary = NULL;
}

static uint64_t hash_of(const char *text, size_t len)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * 0x100000001b3;
	return h ^ h >> 32;
}

static int count(struct summary_column *c, const char *text, size_t len, struct reel_err *err)
{
	uint32_t at = (uint32_t)(hash_of(text, len) % SLOTS);

	while (c->slots[at].count &&
	       (c->slots[at].len != len || memcmp(c->slots[at].text, text, len) != 0))
		at = (at + 1) % SLOTS;
	if (!c->slots[at].count) {
		if (c->n_seen == SUMMARY_VALUES_MAX) {
			c->n_beyond++;
			return 0;
		}
		c->slots[at].text = malloc(len + 1);
		if (!c->slots[at].text)
			return show_no_memory(err);
		memcpy(c->slots[at].text, text, len);
		c->slots[at].len = len;
		c->n_seen++;
	}
	c->slots[at].count++;
	return 0;
}

int show_summary_row(struct show *s, const struct show_cell *row, struct reel_err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < s->n_columns; i++) {
		if (row[i].type == SQLITE_NULL) {
			s->summary[i].n_null++;
			continue;
		}
		out_reset(&s->scratch);
		show_plain(s, &s->scratch, &row[i]);
		r = count(&s->summary[i], s->scratch.buf, s->scratch.len, err);
	}
	return r;
}

static int by_count(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (!x->count)
		return 0;
	order = memcmp(x->text, y->text, n);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void put_count(struct reel_out *o, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "  %12llu  ", (unsigned long long)n);
	out_str(o, text);
}

static void put_column(struct show *s, unsigned i)
{
	struct summary_column *c = &s->summary[i];
	struct reel_out *o = s->out;

	show_plain_text(o, s->names[i], strlen(s->names[i]));
	out_str(o, c->n_beyond ? ": more than " : ": ");
	out_u64(o, c->n_seen);
	out_str(o, c->n_seen == 1 ? " value" : " different values");
	if (c->n_null) {
		out_str(o, ", and ");
		out_u64(o, c->n_null);
		out_str(o, " rows without");
	}
	out_char(o, '\n');
	qsort(c->slots, SLOTS, sizeof(*c->slots), by_count);
	for (unsigned k = 0; k < TOP && k < c->n_seen; k++) {
		put_count(o, c->slots[k].count);
		out_mem(o, c->slots[k].text, c->slots[k].len);
		out_char(o, '\n');
	}
}

void show_summary_end(struct show *s)
{
	out_str(s->out, "rows: ");
	out_u64(s->out, s->n_rows);
	out_char(s->out, '\n');
	for (unsigned i = 0; i < s->n_columns; i++)
		put_column(s, i);
}
