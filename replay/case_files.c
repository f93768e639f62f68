/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of files and descriptors, and what went between files and processes. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "replay/case_load_impl.h"

/* Files */

int64_t case_file_met(struct case_load *c, struct life_file *f)
{
	if (!f->use.is_met) {
		f->use.is_met = true;
		f->use.row = case_new_id(c->w, CASE_file);
		f->use.boot = c->boot;
		f->use.first_ns = c->ns;
		f->use.created_ns = f->use.removed_ns = CASE_NONE;
	}
	f->use.last_ns = c->ns;
	return f->use.row;
}

/* Behind the event: it was met before. */
static int64_t file_row(struct case_load *c, struct life_file *f)
{
	return f->use.is_met ? f->use.row : case_file_met(c, f);
}

int case_file_forgotten(void *context, struct life_file *f)
{
	static const char *const kinds[] = { [LIFE_FILE] = "file",
					     [LIFE_PIPE] = "pipe",
					     [LIFE_SOCKET] = "socket",
					     [LIFE_MEMFD] = "memfd",
					     [LIFE_ANON] = "anon" };
	struct case_load *c = context;
	struct row_file row;

	if (!f->use.is_met)
		return 0;
	case_clear(CASE_file, &row);
	out_reset(&c->texts);
	row.id = f->use.row;
	row.capture = c->capture;
	row.path = (struct case_text){ f->path, f->length };
	row.kind = case_str(kinds[f->kind]);
	if (f->kind != LIFE_FILE)
		row.boot = f->use.boot;
	if (f->inode) {
		row.dev = f->dev;
		row.inode = (int64_t)f->inode;
	}
	row.first_ns = f->use.first_ns;
	row.last_ns = f->use.last_ns;
	row.created_ns = f->use.created_ns;
	row.removed_ns = f->use.removed_ns;
	row.writers = f->use.writers;
	row.readers = f->use.readers;
	row.executions = f->use.executions;
	if (f->use.has_hash) {
		out_hex_bytes(&c->texts, f->use.sha256, sizeof(f->use.sha256));
		row.sha256 = case_text_taken(c, 0);
	}
	return case_write(c->w, CASE_file, &row, c->err);
}

/* Who has read and written what: each file once for each process. */

static bool grow(struct case_touched *t)
{
	uint32_t room = t->room ? 2 * t->room : 16;
	uint64_t *at = calloc(room, sizeof(*at));

	if (!at)
		return false;
	for (uint32_t i = 0; i < t->room; i++) {
		uint32_t k = (uint32_t)(t->at[i] * 0x9e3779b97f4a7c15ull >> 40) & (room - 1);

		while (t->at[i] && at[k])
			k = (k + 1) & (room - 1);
		if (t->at[i])
			at[k] = t->at[i];
	}
	free(t->at);
	t->at = at;
	t->room = room;
	return true;
}

/* Whether it is the first time. */
static bool touches(struct case_touched *t, const struct life_file *f, bool is_write)
{
	uint64_t key = 2 * f->number + is_write;
	uint32_t k;

	if (2 * t->n >= t->room) {
		/* Somebody who has seen that many begins again. */
		if (t->n >= CASE_TOUCHED_MAX) {
			memset(t->at, 0, t->room * sizeof(*t->at));
			t->n = 0;
		} else if (!grow(t)) {
			return false;
		}
	}
	for (k = (uint32_t)(key * 0x9e3779b97f4a7c15ull >> 40) & (t->room - 1); t->at[k];
	     k = (k + 1) & (t->room - 1))
		if (t->at[k] == key)
			return false;
	t->at[k] = key;
	t->n++;
	return true;
}

static void count_touch(struct case_load *c, struct life_file *f, bool is_write)
{
	struct case_process *p = case_process_of(c->by);

	if (!p || !touches(&p->touched, f, is_write))
		return;
	f->use.writers += is_write;
	f->use.readers += !is_write;
}

/* Descriptors */

/* Of open_flags; valid until texts are made for the next row. */
static struct case_text flags_text(struct case_load *c, uint32_t flags)
{
	uint32_t at = (flags * 0x9e3779b1u) >> 26;

	if (c->flags[at].flags != flags || !c->flags[at].length) {
		case_put_names(&c->texts, "open_flags", flags);
		if (c->texts.len > sizeof(c->flags[at].text))
			return case_text_taken(c, 0);
		memcpy(c->flags[at].text, c->texts.buf, c->texts.len);
		c->flags[at].length = (uint32_t)c->texts.len;
		c->flags[at].flags = flags;
	}
	return (struct case_text){ c->flags[at].text, c->flags[at].length };
}

int case_fd_ended(void *context, struct life *of, struct life_fd *fd)
{
	struct case_load *c = context;
	const struct case_process *p = of->user;
	struct life_connection *connection = fd->socket ? lives_connection(fd->socket) : NULL;
	const struct reel_type *how = reel_type_by_id(fd->how);
	struct row_fd row;

	case_clear(CASE_fd, &row);
	out_reset(&c->texts);
	row.process = p->row;
	row.fd = fd->fd;
	CASE_LIFE_OF(c, &row, fd->from_ts, fd->to_ts);
	row.file = file_row(c, fd->file);
	if (connection) {
		row.connection = connection->row;
		if (connection->process_row == CASE_NONE)
			connection->process_row = p->row;
	}
	row.how = case_str(fd->how == EV_fd ? "keyframe" : how->name);
	if (fd->flags || fd->how == EV_open) {
		row.flags = fd->flags;
		row.flags_names = flags_text(c, fd->flags);
	}
	row.read_bytes = (int64_t)fd->read_bytes;
	row.written_bytes = (int64_t)fd->written_bytes;
	if (fd->how != EV_fd)
		row.event = case_event(c, 0, &fd->event);
	return case_write(c->w, CASE_fd, &row, c->err);
}

/* Edges */

static int file_edge(struct case_load *c, struct life_file *f, struct case_edge *edge)
{
	bool is_write = edge->kind == EDGE_write || edge->kind == EDGE_create ||
			edge->kind == EDGE_truncate || edge->kind == EDGE_rename ||
			edge->kind == EDGE_link;

	edge->file = case_file_met(c, f);
	if (f->kind == LIFE_ANON)
		return 0;
	count_touch(c, f, is_write);
	return case_edge_add(c, edge);
}

static int named_edge(struct case_load *c, enum edge_kind kind, uint16_t path)
{
	struct life_file *f = lives_event_path(c->l, c->ev, c->by, path);
	struct case_edge edge = case_edge_now(c, kind);

	if (!f)
		return 0;
	if (kind == EDGE_create && f->use.created_ns == CASE_NONE)
		f->use.created_ns = c->ns;
	return file_edge(c, f, &edge);
}

/* Data came from or went to what the descriptor shows. */
static int data_edge(struct case_load *c, int32_t number, uint32_t dev, uint64_t inode,
		     uint16_t path, struct case_edge *edge)
{
	struct life_fd *fd = lives_fd_of(c->by, number, inode);
	struct life_file *f = fd ? fd->file : NULL;

	if (fd && fd->socket)
		return case_socket_edge(c, fd->socket, edge->kind, edge);
	if (!f)
		f = life_file_by_inode(c->files, c->boot_number, dev, inode);
	if (!f && path)
		f = lives_event_path(c->l, c->ev, c->by, path);
	return f ? file_edge(c, f, edge) : 0;
}

static int on_open(struct case_load *c)
{
	enum { CREATED = 2 };
	const struct ev_open *e = (const void *)c->ev->fixed;
	struct life_fd *fd = lives_fd_of(c->by, (int32_t)c->ev->ret, e->inode);
	struct life_file *f = fd ? fd->file : NULL;
	struct case_edge edge = case_edge_now(c, EDGE_create);

	if (!f)
		f = lives_event_path(c->l, c->ev, c->by, offsetof(struct ev_open, path));
	if (!f)
		return 0;
	(void)case_file_met(c, f);
	/* creat() does not say whether the file is new: either way nothing of it is left. */
	if (e->created == CREATED) {
		if (f->use.created_ns == CASE_NONE)
			f->use.created_ns = c->ns;
		return file_edge(c, f, &edge);
	}
	edge.kind = EDGE_truncate;
	if (e->flags & O_TRUNC && (e->flags & O_ACCMODE) != O_RDONLY)
		return file_edge(c, f, &edge);
	return 0;
}

static int on_read_or_write(struct case_load *c, enum edge_kind kind)
{
	const struct ev_read *e = (const void *)c->ev->fixed;
	struct case_edge edge = case_edge_now(c, kind);

	if (c->ev->ret <= 0)
		return 0;
	edge.bytes = (uint64_t)c->ev->ret;
	return data_edge(c, e->fd, e->dev, e->inode, offsetof(struct ev_read, path), &edge);
}

static int fold_edge(struct case_load *c, enum edge_kind kind, uint64_t calls, uint64_t bytes)
{
	const struct ev_fold *e = (const void *)c->ev->fixed;
	struct case_edge edge = case_edge_now(c, kind);

	if (!calls || !bytes)
		return 0;
	edge.ts = e->last && e->last < c->ev->ts ? e->last : c->ev->ts;
	edge.first_ts = e->first && e->first < edge.ts ? e->first : edge.ts;
	edge.ns = case_ns(c, edge.ts);
	edge.first_ns = case_ns(c, edge.first_ts);
	edge.count = calls;
	edge.bytes = bytes;
	return data_edge(c, e->fd, e->dev, e->inode, 0, &edge);
}

static int on_fold(struct case_load *c)
{
	const struct ev_fold *e = (const void *)c->ev->fixed;
	int r = fold_edge(c, EDGE_read, e->reads, e->read_bytes);

	return r == 0 ? fold_edge(c, EDGE_write, e->writes, e->written_bytes) : r;
}

static int on_copy(struct case_load *c)
{
	const struct ev_copy *e = (const void *)c->ev->fixed;
	struct case_edge edge = case_edge_now(c, EDGE_read);
	int r;

	if (c->ev->ret <= 0)
		return 0;
	edge.bytes = (uint64_t)c->ev->ret;
	r = data_edge(c, e->fd, e->dev, e->inode, 0, &edge);
	edge = case_edge_now(c, EDGE_write);
	edge.bytes = (uint64_t)c->ev->ret;
	return r == 0 ? data_edge(c, e->to_fd, e->to_dev, e->to_inode, 0, &edge) : r;
}

static int on_two_names(struct case_load *c, enum edge_kind kind, uint16_t old_path, uint16_t path)
{
	struct life_file *from = lives_event_path(c->l, c->ev, c->by, old_path);
	struct life_file *to = lives_event_path(c->l, c->ev, c->by, path);
	struct case_edge edge = case_edge_now(c, kind);

	if (!from || !to || from == to)
		return 0;
	edge.old_file = case_file_met(c, from);
	if (kind == EDGE_rename) {
		from->use.removed_ns = c->ns;
		count_touch(c, from, true);
		if (from->inode)
			life_file_is_at(c->files, to, from->dev, from->inode);
	}
	if (to->use.is_met)
		to->use.removed_ns = CASE_NONE;
	return file_edge(c, to, &edge);
}

static int on_removed(struct case_load *c, uint16_t path)
{
	struct life_file *f = lives_event_path(c->l, c->ev, c->by, path);

	if (!f)
		return 0;
	(void)case_file_met(c, f);
	f->use.removed_ns = c->ns;
	return 0;
}

static int on_map(struct case_load *c)
{
	const struct ev_mmap *e = (const void *)c->ev->fixed;
	struct case_edge edge = case_edge_now(c, EDGE_map);

	return data_edge(c, e->fd, e->dev, e->inode, offsetof(struct ev_mmap, path), &edge);
}

/* A keyframe's: once for each process. */
static int on_mapped(struct case_load *c)
{
	struct life_file *f = lives_event_path(c->l, c->ev, c->by, offsetof(struct ev_map, path));
	struct case_process *p = case_process_of(c->by);
	struct case_edge edge = case_edge_now(c, EDGE_map);

	if (!f || !p || !touches(&p->touched, f, false))
		return 0;
	f->use.readers++;
	edge.file = case_file_met(c, f);
	return case_edge_add(c, &edge);
}

static int on_hash(struct case_load *c)
{
	const struct ev_hash *e = (const void *)c->ev->fixed;
	struct reel_string sha = reel_event_string_at(c->ev, offsetof(struct ev_hash, sha256));
	struct life_file *f;

	f = lives_event_path(c->l, c->ev, NULL, offsetof(struct ev_hash, path));
	if (!f)
		f = life_file_by_inode(c->files, c->boot_number, e->dev, e->inode);
	if (!f || sha.length != sizeof(f->use.sha256))
		return 0;
	(void)case_file_met(c, f);
	memcpy(f->use.sha256, sha.bytes, sizeof(f->use.sha256));
	f->use.has_hash = true;
	return 0;
}

#define OF(type, field) offsetof(struct ev_##type, field)

int case_file_event(struct case_load *c)
{
	const uint8_t id = c->ev->type->id;

	if (id == EV_hash)
		return on_hash(c);
	if (!c->by || c->ev->ret < 0 || c->ev->flags & EV_BLOCKED ||
	    !c->ev->segment->schema->as_built[id])
		return 0;
	switch (id) {
	case EV_open:
	case EV_create:
		return on_open(c);
	case EV_read:
		return on_read_or_write(c, EDGE_read);
	case EV_write:
		return on_read_or_write(c, EDGE_write);
	case EV_fold:
		return on_fold(c);
	case EV_copy:
		return on_copy(c);
	case EV_mmap:
		return on_map(c);
	case EV_map:
		return on_mapped(c);
	case EV_rename:
		return on_two_names(c, EDGE_rename, OF(rename, oldpath), OF(rename, path));
	case EV_link:
		return on_two_names(c, EDGE_link, OF(link, oldpath), OF(link, path));
	case EV_truncate:
		return named_edge(c, EDGE_truncate, OF(truncate, path));
	case EV_symlink:
		return named_edge(c, EDGE_create, OF(symlink, path));
	case EV_mkdir:
		return named_edge(c, EDGE_create, OF(mkdir, path));
	case EV_mknod:
		return named_edge(c, EDGE_create, OF(mknod, path));
	case EV_unlink:
		return on_removed(c, OF(unlink, path));
	case EV_rmdir:
		return on_removed(c, OF(rmdir, path));
	}
	return 0;
}
