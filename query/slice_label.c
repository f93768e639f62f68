/* SPDX-License-Identifier: BSD-2-Clause */
/* How a node of a slice is called, and what is said about what is not shown below it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "query/slice_impl.h"

enum { ARGUMENTS_BYTES = 80, COMM_BYTES = 15 };

/* The length of a well-formed character other than a control one; 0: it is none. */
static size_t character(const unsigned char *s, size_t len)
{
	uint32_t c = s[0];
	size_t n;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f;
	n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || n > len)
		return 0;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < 0xa0 || (n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) ||
	    (c >= 0xd800 && c < 0xe000))
		return 0;
	return n;
}

/* A name that a machine chose; what cannot be shown as \xNN. Cut behind MOST bytes; 0: never. */
static void put_name(struct reel_out *o, sqlite3_stmt *s, int column, size_t most)
{
	const unsigned char *p = sqlite3_column_blob(s, column);
	size_t len = (size_t)sqlite3_column_bytes(s, column), n, end = o->len + most;

	for (size_t i = 0; p && i < len; i += n ? n : 1) {
		static const char hex[] = "0123456789abcdef";

		if (most && o->len >= end) {
			out_str(o, "...");
			return;
		}
		n = character(p + i, len - i);
		if (n) {
			out_mem(o, p + i, n);
		} else {
			out_str(o, "\\x");
			out_char(o, hex[p[i] >> 4]);
			out_char(o, hex[p[i] & 15]);
		}
	}
}

static void put_number(struct reel_out *o, int64_t n)
{
	char digits[20];

	if (n < 0)
		out_char(o, '-');
	out_mem(o, digits,
		(size_t)(out_digits(digits, n < 0 ? -(uint64_t)n : (uint64_t)n) - digits));
}

static bool is_there(sqlite3_stmt *s, int column)
{
	return sqlite3_column_type(s, column) != SQLITE_NULL && sqlite3_column_bytes(s, column);
}

static bool is_named_as(sqlite3_stmt *s, int comm, int exe)
{
	const char *a = sqlite3_column_blob(s, comm), *b = sqlite3_column_blob(s, exe), *slash;
	size_t a_len = (size_t)sqlite3_column_bytes(s, comm);
	size_t b_len = (size_t)sqlite3_column_bytes(s, exe);

	if (!a || !b)
		return false;
	slash = memrchr(b, '/', b_len);
	if (slash) {
		b_len -= (size_t)(slash + 1 - b);
		b = slash + 1;
	}
	return a_len == (b_len < COMM_BYTES ? b_len : COMM_BYTES) && memcmp(a, b, a_len) == 0;
}

/* pid, comm, exe, arguments */
static void put_process(struct reel_out *o, sqlite3_stmt *s)
{
	if (is_there(s, 1))
		put_name(o, s, 1, 0);
	else
		out_char(o, '?');
	out_char(o, '[');
	put_number(o, sqlite3_column_int64(s, 0));
	out_char(o, ']');
	if (is_there(s, 2) && !is_named_as(s, 1, 2)) {
		out_str(o, " (");
		put_name(o, s, 2, 0);
		out_char(o, ')');
	}
	if (is_there(s, 3)) {
		out_char(o, ' ');
		put_name(o, s, 3, ARGUMENTS_BYTES);
	}
}

/* path, kind */
static void put_file(struct reel_out *o, sqlite3_stmt *s)
{
	const char *kind = (const char *)sqlite3_column_text(s, 1);
	const char *path = sqlite3_column_blob(s, 0);

	if (kind && strcmp(kind, "file") != 0 &&
	    (!path || strncmp(path, kind,
			      (size_t)sqlite3_column_bytes(s, 0) < strlen(kind) ?
				      (size_t)sqlite3_column_bytes(s, 0) :
				      strlen(kind)) != 0)) {
		out_str(o, kind);
		out_char(o, ' ');
	}
	put_name(o, s, 0, 0);
}

static void put_end(struct reel_out *o, sqlite3_stmt *s, int addr, int port)
{
	const char *text = (const char *)sqlite3_column_text(s, addr);
	bool is_v6 = text && strchr(text, ':');

	if (is_v6)
		out_char(o, '[');
	put_name(o, s, addr, 0);
	if (is_v6)
		out_char(o, ']');
	if (is_there(s, port)) {
		out_char(o, ':');
		put_number(o, sqlite3_column_int64(s, port));
	}
}

/* A name of the kernel's headers, IPPROTO_TCP or AF_UNIX, as people say it. */
static void put_constant(struct reel_out *o, sqlite3_stmt *s, int column)
{
	const char *name = (const char *)sqlite3_column_text(s, column), *under;

	if (!name)
		return;
	under = strncmp(name, "IPPROTO_", 8) == 0 || strncmp(name, "AF_", 3) == 0 ?
			strchr(name, '_') :
			NULL;
	for (name = under ? under + 1 : name; *name; name++)
		out_char(o, *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name);
}

/* family, proto, addr, port, name, unix_path, laddr, lport, peer, inode, kind */
static void put_connection(struct reel_out *o, sqlite3_stmt *s)
{
	bool is_local = sqlite3_column_type(s, 8) != SQLITE_NULL;

	put_constant(o, s, is_there(s, 1) ? 1 : 0);
	if (is_there(s, 5)) {
		out_char(o, ' ');
		put_name(o, s, 5, 0);
	} else if (is_there(s, 2)) {
		out_char(o, ' ');
		put_end(o, s, 2, 3);
	} else if (is_there(s, 6)) {
		out_str(o, " at ");
		put_end(o, s, 6, 7);
	} else if (is_there(s, 9)) {
		out_str(o, " inode ");
		put_number(o, sqlite3_column_int64(s, 9));
	}
	if (is_there(s, 4)) {
		out_str(o, " (");
		put_name(o, s, 4, 0);
		out_char(o, ')');
	}
	if (is_local)
		out_str(o, " on this machine");
}

static int keep(struct slice_work *w, char **ret)
{
	struct reel_out *o = &w->out;

	out_char(o, 0);
	*ret = out_error(o) ? NULL : strdup(o->buf);
	if (!*ret)
		return reel_err_set(w->err, -ENOMEM, "no memory for a slice");
	return 0;
}

int slice_label(struct slice_work *w, uint64_t key, char **ret)
{
	static const enum slice_statement of_type[] = {
		[SLICE_PROCESS] = S_PROCESS_LABEL,
		[SLICE_FILE] = S_FILE_LABEL,
		[SLICE_CONNECTION] = S_CONNECTION_LABEL,
	};
	enum slice_type type = slice_type_of(key);
	sqlite3_stmt *s;
	int result = slice_statement(w, of_type[type], &s);

	if (result)
		return result;
	out_reset(&w->out);
	sqlite3_bind_int64(s, 1, slice_id_of(key));
	result = slice_next(w, s);
	if (result < 0)
		return result;
	if (result == 0)
		out_str(&w->out, "?");
	else if (type == SLICE_PROCESS)
		put_process(&w->out, s);
	else if (type == SLICE_FILE)
		put_file(&w->out, s);
	else
		put_connection(&w->out, s);
	sqlite3_reset(s);
	return keep(w, ret);
}

struct part {
	int64_t n;
	const char *one, *many; /* behind the number */
};

/* Returns whether anything was said. */
static bool put_parts(struct slice_work *w, const char *title, const struct part *parts, size_t n)
{
	struct reel_out *o = &w->out;
	bool is_first = true;

	for (size_t i = 0; i < n; i++) {
		if (!parts[i].n)
			continue;
		if (is_first && o->len)
			out_str(o, "; ");
		out_str(o, is_first ? title : ", ");
		put_number(o, parts[i].n);
		out_str(o, parts[i].n == 1 ? parts[i].one : parts[i].many);
		is_first = false;
	}
	return !is_first;
}

int slice_note(struct slice_work *w, const struct slice_node *n, char **ret)
{
	const struct slice_cut *c = &n->cut;
	const struct part cut[] = {
		{ c->wide, " more beyond the width", " more beyond the width" },
		{ c->steps, " more beyond the steps", " more beyond the steps" },
		{ c->limit, " more beyond the nodes", " more beyond the nodes" },
		{ c->is_rows_at_least ? 0 : c->rows, " edge not looked at",
		  " edges not looked at" },
		{ c->is_rows_at_least ? c->rows : 0, " edges or more not looked at",
		  " edges or more not looked at" },
	};
	const struct part beside[] = {
		{ c->unwritten, " file that nobody had written", " files that nobody had written" },
		{ c->devices, " device or terminal", " devices and terminals" },
		{ c->families, " other family", " other families" },
	};

	*ret = NULL;
	out_reset(&w->out);
	if (n->copy_of != SLICE_NONE)
		out_str(&w->out, w->nodes[n->copy_of].line < n->line ? "already shown above" :
								       "shown below");
	else if (n->via.is_leaf)
		out_str(&w->out, "not followed");
	put_parts(w, "cut: ", cut, sizeof(cut) / sizeof(cut[0]));
	put_parts(w, "left out: ", beside, sizeof(beside) / sizeof(beside[0]));
	return w->out.len ? keep(w, ret) : 0;
}
