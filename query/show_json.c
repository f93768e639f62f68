/* SPDX-License-Identifier: BSD-2-Clause */
/* A row as an object of JSON. */
#include <math.h>
#include <string.h>

#include "query/json_text.h"
#include "query/show_impl.h"

static void put_key(struct show *s, const char *name, const char *suffix, bool first, bool pretty)
{
	if (!first)
		out_char(s->out, ',');
	if (pretty)
		out_str(s->out, "\n  ");
	if (!*suffix) {
		(void)out_json_string(s->out, name, strlen(name));
	} else {
		out_reset(&s->scratch);
		out_str(&s->scratch, name);
		out_str(&s->scratch, suffix);
		(void)out_json_string(s->out, s->scratch.buf, s->scratch.len);
	}
	out_str(s->out, pretty ? ": " : ":");
}

/* Returns whether bytes had to be replaced. */
static bool put_value(struct show *s, unsigned i, const struct show_cell *c, bool pretty,
		      unsigned depth)
{
	switch (c->type) {
	case SQLITE_INTEGER:
		out_s64(s->out, c->integer);
		return false;
	case SQLITE_FLOAT:
		show_real(s->out, c->real);
		return false;
	case SQLITE_NULL:
		out_str(s->out, "null");
		return false;
	default:
		break;
	}
	if (s->is_json[i] && json_text_is_nested(c->text, c->len) &&
	    show_is_utf8(c->text, c->len)) {
		if (pretty)
			json_text_put_pretty(s->out, c->text, c->len, depth);
		else
			out_mem(s->out, c->text, c->len);
		return false;
	}
	return out_json_string(s->out, c->text, c->len);
}

/* One column that is called json is the answer itself. */
static bool is_document(const struct show *s)
{
	return s->n_columns == 1 && strcmp(s->names[0], "json") == 0;
}

void show_json_row(struct show *s, const struct show_cell *row, bool pretty)
{
	bool first = true;

	if (is_document(s)) {
		(void)put_value(s, 0, &row[0], pretty, 0);
		return;
	}
	out_char(s->out, '{');
	for (unsigned i = 0; i < s->n_columns; i++) {
		if (s->options.omit_nulls && row[i].type == SQLITE_NULL)
			continue;
		put_key(s, s->names[i], "", first, pretty);
		first = false;
		if (!put_value(s, i, &row[i], pretty, 1))
			continue;
		put_key(s, s->names[i], "_hex", false, pretty);
		out_char(s->out, '"');
		out_hex_bytes(s->out, row[i].text, row[i].len);
		out_char(s->out, '"');
	}
	out_str(s->out, pretty ? "\n}" : "}");
}
