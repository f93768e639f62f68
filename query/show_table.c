/* SPDX-License-Identifier: BSD-2-Clause */
/* Columns that stand below each other. */
#include <stdlib.h>
#include <string.h>

#include "query/show_impl.h"
#include "query/width.h"

enum { GAP_COLUMNS = 2, NARROWEST = 8 };

static void put_blanks(struct reel_out *o, size_t n)
{
	while (n--)
		out_char(o, ' ');
}

static size_t cell_width(struct show *s, const struct show_cell *c)
{
	out_reset(&s->scratch);
	show_plain(s, &s->scratch, c);
	return width_text(s->scratch.buf, s->scratch.len);
}

/* The widest columns give way first, until all fit into a line, or all are narrow. */
static void fit(struct show *s)
{
	size_t total = 0;

	for (unsigned i = 0; i < s->n_columns; i++)
		total += s->widths[i] + (i ? GAP_COLUMNS : 0);
	while (s->options.columns && total > s->options.columns) {
		size_t widest = 0, second = NARROWEST, n = 0, cut;

		for (unsigned i = 0; i < s->n_columns; i++)
			if (s->widths[i] > widest)
				widest = s->widths[i];
		if (widest <= NARROWEST)
			return;
		for (unsigned i = 0; i < s->n_columns; i++) {
			if (s->widths[i] == widest)
				n++;
			else if (s->widths[i] > second)
				second = s->widths[i];
		}
		cut = (total - s->options.columns + n - 1) / n;
		if (cut > widest - second)
			cut = widest - second;
		for (unsigned i = 0; i < s->n_columns; i++) {
			if (s->widths[i] != widest)
				continue;
			s->widths[i] -= cut;
			total -= cut;
		}
	}
}

/* What is shown of TEXT, and what of its column is left over. */
static void put_fitted(struct show *s, unsigned i, const char *text, size_t len, bool right)
{
	size_t width = s->widths[i], used = width_text(text, len), end = len;
	bool is_cut = s->options.columns && used > width, last = i + 1 == s->n_columns;

	if (is_cut) {
		end = width_cut(text, len, width - 1, &used);
		used++;
	}
	if (right && used < width)
		put_blanks(s->out, width - used);
	out_mem(s->out, text, end);
	if (is_cut)
		out_str(s->out, s->options.ascii ? "~" : "\xe2\x80\xa6");
	if (!right && used < width && !last)
		put_blanks(s->out, width - used);
	if (!last)
		put_blanks(s->out, GAP_COLUMNS);
}

static void put_rule(struct show *s)
{
	for (unsigned i = 0; i < s->n_columns; i++) {
		for (size_t k = 0; k < s->widths[i]; k++)
			out_char(s->out, '-');
		if (i + 1 < s->n_columns)
			put_blanks(s->out, GAP_COLUMNS);
	}
	out_char(s->out, '\n');
}

void show_table_head(struct show *s)
{
	for (unsigned i = 0; i < s->n_columns; i++) {
		bool number = s->n_kept > 0;

		s->widths[i] = s->options.no_header ? 1 :
						      width_text(s->names[i], strlen(s->names[i]));
		if (s->widths[i] == 0)
			s->widths[i] = 1;
		for (size_t k = 0; k < s->n_kept; k++) {
			const struct show_cell *c = &s->kept[k][i];
			size_t width = cell_width(s, c);

			if (width > s->widths[i])
				s->widths[i] = width;
			number &= c->type != SQLITE_TEXT && c->type != SQLITE_BLOB;
		}
		s->is_number[i] = number;
	}
	fit(s);
	if (s->options.no_header || s->n_columns == 0)
		return;
	for (unsigned i = 0; i < s->n_columns; i++) {
		out_reset(&s->scratch);
		show_plain_text(&s->scratch, s->names[i], strlen(s->names[i]));
		put_fitted(s, i, s->scratch.buf, s->scratch.len, s->is_number[i]);
	}
	out_char(s->out, '\n');
	put_rule(s);
}

void show_table_row(struct show *s, const struct show_cell *row)
{
	for (unsigned i = 0; i < s->n_columns; i++) {
		out_reset(&s->scratch);
		show_plain(s, &s->scratch, &row[i]);
		put_fitted(s, i, s->scratch.buf, s->scratch.len,
			   s->is_number[i] && row[i].type != SQLITE_TEXT);
	}
	out_char(s->out, '\n');
}
