/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/show_impl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/json_text.h"

int show_no_memory(struct reel_err *err)
{
	return reel_err_set(err, -ENOMEM, "no memory to print with");
}

bool show_is_utf8(const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t invalid;
	uint32_t c;

	while (len) {
		size_t n = out_utf8_next(s, len, &c, &invalid);

		if (n == 0)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

/* Quoted is what has bytes that would have to be escaped, or could be taken for quoted. */
static bool is_plain(const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t invalid;
	uint32_t c;

	if (len == 0 || text[0] == '"')
		return false;
	while (len) {
		size_t n = out_utf8_next(s, len, &c, &invalid);

		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || out_is_hostile(c))
			return false;
		s += n;
		len -= n;
	}
	return true;
}

void show_plain_text(struct reel_out *to, const char *text, size_t len)
{
	if (is_plain(text, len))
		out_mem(to, text, len);
	else
		out_quoted(to, text, len, '"');
}

void show_real(struct reel_out *to, double v)
{
	char text[40];

	if (isinf(v)) {
		out_str(to, v < 0 ? "-9e999" : "9e999");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	out_str(to, text);
	if (!strpbrk(text, ".e"))
		out_str(to, ".0");
}

void show_plain(struct show *s, struct reel_out *to, const struct show_cell *c)
{
	switch (c->type) {
	case SQLITE_INTEGER:
		out_s64(to, c->integer);
		break;
	case SQLITE_FLOAT:
		show_real(to, c->real);
		break;
	case SQLITE_NULL:
		if (s->options.null)
			out_str(to, s->options.null);
		break;
	default:
		show_plain_text(to, c->text, c->len);
	}
}

/* Reading a row ------------------------------------------------------------------------------- */

void show_cells_free(struct show_cell *row, unsigned n)
{
	for (unsigned i = 0; row && i < n; i++)
		if (!row[i].is_borrowed)
			free(row[i].text);
	free(row);
}

static int read_text(struct show *s, const char *text, size_t len, struct show_cell *c)
{
	const struct redact *redact = s->options.redact;
	bool is_kept = s->options.format == SHOW_TABLE || s->options.format == SHOW_TREE;

	if (!redact && !is_kept) {
		c->text = (char *)(uintptr_t)(text ? text : "");
		c->len = len;
		c->is_borrowed = true;
		return 0;
	}
	if (redact) {
		out_reset(&s->scratch_redacted);
		redact_shown(redact, &s->scratch_redacted, text, len);
		text = s->scratch_redacted.buf;
		len = s->scratch_redacted.len;
		if (out_error(&s->scratch_redacted) < 0)
			return -ENOMEM;
	}
	c->text = malloc(len + 1);
	if (!c->text)
		return -ENOMEM;
	if (len)
		memcpy(c->text, text, len);
	c->text[len] = '\0';
	c->len = len;
	return 0;
}

static int read_cell(struct show *s, sqlite3_stmt *statement, unsigned i, struct show_cell *c)
{
	int column = (int)i;

	c->type = sqlite3_column_type(statement, column);
	switch (c->type) {
	case SQLITE_INTEGER:
		c->integer = sqlite3_column_int64(statement, column);
		return 0;
	case SQLITE_FLOAT:
		c->real = sqlite3_column_double(statement, column);
		return 0;
	case SQLITE_TEXT:
		return read_text(s, (const char *)sqlite3_column_text(statement, column),
				 (size_t)sqlite3_column_bytes(statement, column), c);
	case SQLITE_BLOB:
		return read_text(s, sqlite3_column_blob(statement, column),
				 (size_t)sqlite3_column_bytes(statement, column), c);
	default:
		return 0;
	}
}

static int read_row(struct show *s, sqlite3_stmt *statement, struct show_cell **ret)
{
	struct show_cell *row = calloc(s->n_columns + 1u, sizeof(*row));

	for (unsigned i = 0; row && i < s->n_columns; i++) {
		if (read_cell(s, statement, i, &row[i]) == 0)
			continue;
		show_cells_free(row, s->n_columns);
		row = NULL;
	}
	*ret = row;
	return row ? 0 : -ENOMEM;
}

/* Rows that wait ------------------------------------------------------------------------------ */

int show_keep(struct show *s, struct show_cell *row, struct reel_err *err)
{
	if (s->n_kept == s->cap_kept) {
		size_t cap = s->cap_kept ? s->cap_kept * 2 : 64;
		struct show_cell **grown = realloc(s->kept, cap * sizeof(*grown));

		if (!grown) {
			show_cells_free(row, s->n_columns);
			return show_no_memory(err);
		}
		s->kept = grown;
		s->cap_kept = cap;
	}
	s->kept[s->n_kept++] = row;
	s->kept_bytes += s->n_columns * sizeof(*row);
	for (unsigned i = 0; i < s->n_columns; i++)
		s->kept_bytes += row[i].len;
	return 0;
}

void show_forget(struct show *s)
{
	for (size_t i = 0; i < s->n_kept; i++)
		show_cells_free(s->kept[i], s->n_columns);
	s->n_kept = 0;
	s->kept_bytes = 0;
}

/* Lines of one kind --------------------------------------------------------------------------- */

static void put_csv_text(struct reel_out *o, const char *text, size_t len)
{
	if (len == 0)
		out_str(o, "\"\"");
	else
		out_csv_field(o, text, len);
}

static void put_csv_row(struct show *s, const struct show_cell *row)
{
	for (unsigned i = 0; i < s->n_columns; i++) {
		if (i)
			out_char(s->out, ',');
		if (row[i].type == SQLITE_TEXT || row[i].type == SQLITE_BLOB)
			put_csv_text(s->out, row[i].text, row[i].len);
		else
			show_plain(s, s->out, &row[i]);
	}
	out_char(s->out, '\n');
}

static void put_text_row(struct show *s, const struct show_cell *row)
{
	for (unsigned i = 0; i < s->n_columns; i++) {
		if (i)
			out_char(s->out, '\t');
		show_plain(s, s->out, &row[i]);
	}
	out_char(s->out, '\n');
}

static void put_lines(struct show *s, const struct show_cell *row)
{
	size_t width = 0;

	for (unsigned i = 0; i < s->n_columns; i++)
		if (strlen(s->names[i]) > width)
			width = strlen(s->names[i]);
	if (s->n_rows)
		out_char(s->out, '\n');
	for (unsigned i = 0; i < s->n_columns; i++) {
		for (size_t k = strlen(s->names[i]); k < width; k++)
			out_char(s->out, ' ');
		show_plain_text(s->out, s->names[i], strlen(s->names[i]));
		out_str(s->out, " = ");
		show_plain(s, s->out, &row[i]);
		out_char(s->out, '\n');
	}
}

static void put_names(struct show *s, char between, const char *end)
{
	for (unsigned i = 0; i < s->n_columns; i++) {
		if (i)
			out_char(s->out, between);
		if (between == ',')
			put_csv_text(s->out, s->names[i], strlen(s->names[i]));
		else
			show_plain_text(s->out, s->names[i], strlen(s->names[i]));
	}
	out_str(s->out, end);
}

/* From begin to end --------------------------------------------------------------------------- */

static void forget_columns(struct show *s)
{
	show_forget(s);
	show_summary_free(s);
	for (unsigned i = 0; s->names && i < s->n_columns; i++)
		free(s->names[i]);
	free(s->names);
	free(s->is_json);
	free(s->widths);
	free(s->is_number);
	s->names = NULL;
	s->is_json = s->is_number = NULL;
	s->widths = NULL;
	s->n_columns = 0;
	s->n_rows = 0;
}

int show_new(struct reel_out *out, const struct show_options *options, struct show **ret,
	     struct reel_err *err)
{
	struct show *s = calloc(1, sizeof(*s));

	if (!s || out_init_mem(&s->scratch) < 0 || out_init_mem(&s->scratch_redacted) < 0) {
		show_free(s);
		return show_no_memory(err);
	}
	s->out = out;
	s->options = *options;
	*ret = s;
	return 0;
}

void show_free(struct show *s)
{
	if (!s)
		return;
	forget_columns(s);
	free(s->kept);
	out_done(&s->scratch);
	out_done(&s->scratch_redacted);
	free(s);
}

static int read_columns(struct show *s, sqlite3_stmt *statement)
{
	unsigned n = (unsigned)sqlite3_column_count(statement);

	s->names = calloc(n + 1u, sizeof(*s->names));
	s->is_json = calloc(n + 1u, sizeof(*s->is_json));
	s->widths = calloc(n + 1u, sizeof(*s->widths));
	s->is_number = calloc(n + 1u, sizeof(*s->is_number));
	if (!s->names || !s->is_json || !s->widths || !s->is_number)
		return -ENOMEM;
	for (s->n_columns = 0; s->n_columns < n; s->n_columns++) {
		const char *name = sqlite3_column_name(statement, (int)s->n_columns);

		s->names[s->n_columns] = name ? strdup(name) : NULL;
		if (!s->names[s->n_columns])
			return -ENOMEM;
		s->is_json[s->n_columns] = json_text_is_column(name);
	}
	return 0;
}

int show_begin(struct show *s, sqlite3_stmt *statement, struct reel_err *err)
{
	int r = 0;

	forget_columns(s);
	if (read_columns(s, statement) < 0)
		return show_no_memory(err);
	if (s->n_answers++ && (s->options.format == SHOW_TABLE || s->options.format == SHOW_LINE ||
			       s->options.format == SHOW_TREE || s->options.format == SHOW_SUMMARY))
		out_char(s->out, '\n');
	switch (s->options.format) {
	case SHOW_CSV:
		if (!s->options.no_header)
			put_names(s, ',', "\n");
		break;
	case SHOW_TEXT:
		if (!s->options.no_header)
			put_names(s, '\t', "\n");
		break;
	case SHOW_ARRAY:
		out_char(s->out, '[');
		break;
	case SHOW_TREE:
		r = show_tree_begin(s, err);
		break;
	case SHOW_SUMMARY:
		r = show_summary_begin(s, err);
		break;
	default:
		break;
	}
	return r;
}

static int table_row(struct show *s, struct show_cell *row, struct reel_err *err)
{
	int r;

	/* What is kept decides the widths; the rest goes out as it comes. */
	if (s->n_rows > s->n_kept) {
		show_table_row(s, row);
		show_cells_free(row, s->n_columns);
		return 0;
	}
	r = show_keep(s, row, err);
	if (r < 0 || (s->n_kept < SHOW_ROWS_MAX && s->kept_bytes < SHOW_BYTES_MAX))
		return r;
	show_table_head(s);
	for (size_t i = 0; i < s->n_kept; i++)
		show_table_row(s, s->kept[i]);
	show_forget(s);
	return 0;
}

int show_row(struct show *s, sqlite3_stmt *statement, struct reel_err *err)
{
	struct show_cell *row = NULL;
	int r = 0;

	if (read_row(s, statement, &row) < 0)
		return show_no_memory(err);
	switch (s->options.format) {
	case SHOW_TABLE:
		r = table_row(s, row, err);
		row = NULL;
		break;
	case SHOW_TREE:
		r = show_tree_row(s, row, err);
		row = NULL;
		break;
	case SHOW_SUMMARY:
		r = show_summary_row(s, row, err);
		break;
	case SHOW_LINE:
		put_lines(s, row);
		break;
	case SHOW_CSV:
		put_csv_row(s, row);
		break;
	case SHOW_TEXT:
		put_text_row(s, row);
		break;
	case SHOW_ARRAY:
		out_str(s->out, s->n_rows ? ",\n " : "\n ");
		show_json_row(s, row, false);
		break;
	case SHOW_JSON:
	case SHOW_PRETTY:
		show_json_row(s, row, s->options.format == SHOW_PRETTY);
		out_char(s->out, '\n');
		break;
	}
	s->n_rows++;
	show_cells_free(row, s->n_columns);
	return r;
}

int show_end(struct show *s, struct reel_err *err)
{
	if (s->options.format == SHOW_TABLE && s->n_rows == s->n_kept) {
		show_table_head(s);
		for (size_t i = 0; i < s->n_kept; i++)
			show_table_row(s, s->kept[i]);
	} else if (s->options.format == SHOW_TREE) {
		show_tree_flush(s, false);
	} else if (s->options.format == SHOW_SUMMARY) {
		show_summary_end(s);
	} else if (s->options.format == SHOW_ARRAY) {
		out_str(s->out, s->n_rows ? "\n]\n" : "]\n");
	}
	forget_columns(s);
	if (out_error(&s->scratch) < 0)
		return show_no_memory(err);
	return 0;
}
