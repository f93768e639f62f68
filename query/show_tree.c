/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows as a tree: they come in preorder, each with its depth and its label; the other columns stand
 * behind the label. All below one root is kept until the next one comes, since a line is drawn as
 * long as something hangs on it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "query/show_impl.h"
#include "query/width.h"

enum { DEPTH_MAX = 200 };

struct lines {
	const char *pass, *fork, *last, *none;
};

static const struct lines lines_drawn = { "\xe2\x94\x82  ", "\xe2\x94\x9c\xe2\x94\x80 ",
					  "\xe2\x94\x94\xe2\x94\x80 ", "   " };
static const struct lines lines_ascii = { "|  ", "|- ", "`- ", "   " };

int show_tree_begin(struct show *s, struct reel_err *err)
{
	s->depth_column = s->label_column = -1;
	for (unsigned i = 0; i < s->n_columns; i++) {
		if (s->depth_column < 0 && strcasecmp(s->names[i], "depth") == 0)
			s->depth_column = (int)i;
		else if (s->label_column < 0 && strcasecmp(s->names[i], "label") == 0)
			s->label_column = (int)i;
	}
	if (s->depth_column < 0 || s->label_column < 0)
		return reel_err_set(err, -EINVAL,
				    "a tree is drawn from the columns depth and label; there is no "
				    "column %s",
				    s->depth_column < 0 ? "depth" : "label");
	return 0;
}

static bool is_hidden(const struct show *s, const char *name)
{
	const char *p = s->options.hidden ? s->options.hidden : "";
	size_t n;

	for (; *p; p += n + strspn(p + n, " ")) {
		n = strcspn(p, " ");
		if (strlen(name) == n && strncasecmp(p, name, n) == 0)
			return true;
	}
	return false;
}

static unsigned depth_of(const struct show *s, const struct show_cell *row)
{
	const struct show_cell *c = &row[s->depth_column];

	if (c->type != SQLITE_INTEGER || c->integer < 0)
		return 0;
	return c->integer > DEPTH_MAX ? DEPTH_MAX : (unsigned)c->integer;
}

static void put_row(struct show *s, const struct show_cell *row, unsigned depth,
		    const bool *goes_on)
{
	const struct lines *lines = s->options.ascii ? &lines_ascii : &lines_drawn;
	struct reel_out *o = &s->scratch;
	size_t used, end;

	out_reset(o);
	for (unsigned d = 1; d <= depth; d++) {
		if (d == depth)
			out_str(o, goes_on[d] ? lines->fork : lines->last);
		else
			out_str(o, goes_on[d] ? lines->pass : lines->none);
	}
	show_plain(s, o, &row[s->label_column]);
	for (unsigned i = 0; i < s->n_columns; i++) {
		if ((int)i == s->depth_column || (int)i == s->label_column ||
		    (row[i].type == SQLITE_NULL && !s->options.null) || is_hidden(s, s->names[i]))
			continue;
		out_str(o, "  ");
		if (!s->options.no_header) {
			show_plain_text(o, s->names[i], strlen(s->names[i]));
			out_char(o, '=');
		}
		show_plain(s, o, &row[i]);
	}
	end = o->len;
	if (s->options.columns && width_text(o->buf, o->len) > s->options.columns)
		end = width_cut(o->buf, o->len, s->options.columns - 1, &used);
	out_mem(s->out, o->buf, end);
	if (end < o->len)
		out_str(s->out, s->options.ascii ? "~" : "\xe2\x80\xa6");
	out_char(s->out, '\n');
}

/* Whether a line goes on below row I at each depth: from the last row up. MORE: rows are to come,
 * and may hang anywhere. */
void show_tree_flush(struct show *s, bool more)
{
	bool goes_on[DEPTH_MAX + 1];
	unsigned long long(*marks)[(DEPTH_MAX + 64) / 64];

	marks = calloc(s->n_kept + 1, sizeof(*marks));
	memset(goes_on, more, sizeof(goes_on));
	for (size_t i = s->n_kept; marks && i-- > 0;) {
		unsigned depth = depth_of(s, s->kept[i]);

		for (unsigned d = 0; d <= depth; d++)
			if (goes_on[d])
				marks[i][d / 64] |= 1ull << d % 64;
		goes_on[depth] = true;
		for (unsigned d = depth + 1; d <= DEPTH_MAX; d++)
			goes_on[d] = false;
	}
	for (size_t i = 0; i < s->n_kept; i++) {
		for (unsigned d = 0; d <= DEPTH_MAX; d++)
			goes_on[d] = marks && (marks[i][d / 64] >> d % 64 & 1);
		put_row(s, s->kept[i], depth_of(s, s->kept[i]), goes_on);
	}
	free(marks);
	show_forget(s);
}

int show_tree_row(struct show *s, struct show_cell *row, struct reel_err *err)
{
	if (depth_of(s, row) == 0)
		show_tree_flush(s, false);
	else if (s->n_kept >= SHOW_TREE_ROWS_MAX || s->kept_bytes >= SHOW_BYTES_MAX)
		show_tree_flush(s, true);
	return show_keep(s, row, err);
}
