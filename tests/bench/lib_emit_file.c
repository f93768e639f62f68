/* SPDX-License-Identifier: BSD-2-Clause */
/* Records about files. */
#include <errno.h>
#include <string.h>

#include "tests/bench/lib_emit.h"

/* How the kernel side knows a path: 2 from the object itself, 1 directory and name. */
enum { FROM_PASSED, FROM_NAME, FROM_OBJECT };

static void emit_open(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	const struct file *f = &m->tree.files[op->file];
	struct ev_open *e = emit_begin(m, t, c, EV_open, NR_openat, op->ret);

	c->filtered[EV_CLASS_look]++;
	e->flags = op->a;
	e->mode = (uint16_t)op->b;
	e->created = (uint8_t)(op->b >> 16);
	if (op->ret >= 0) {
		e->inode = f->inode;
		e->dev = f->dev;
		e->path_from = FROM_OBJECT;
	} else {
		e->path_from = f->arg_len ? FROM_NAME : FROM_PASSED;
	}
	emit_path_and_arg(m, op->file);
	emit_end(m, t, c, op->flags);
}

/* The name of a header, looked for in a directory where it is not. */
static void emit_miss(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	const struct file *f = &m->tree.files[op->file], *d = &m->tree.files[op->a];
	struct ev_open *e = emit_begin(m, t, c, EV_open, NR_openat, -ENOENT);
	size_t name_bytes = f->path_len - f->name_at, length;
	char path[512];

	e->flags = (uint32_t)op->b;
	e->path_from = d->arg_len ? FROM_NAME : FROM_PASSED;
	memcpy(path, m->tree.text + d->path, d->path_len);
	path[d->path_len] = '/';
	memcpy(path + d->path_len + 1, m->tree.text + f->path + f->name_at, name_bytes);
	length = d->path_len + 1 + name_bytes;
	reel_record_string(&m->record, path, length);
	if (d->arg_len)
		reel_record_string(&m->record, path + d->path_len - d->arg_len,
				   length - d->path_len + d->arg_len);
	emit_end(m, t, c, op->flags);
}

static void emit_io(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	const struct file *f = &m->tree.files[op->file];
	bool is_write = op->code == OP_WRITE;
	struct ev_read *e = is_write ? emit_begin(m, t, c, EV_write, NR_write, op->ret) :
				       emit_begin(m, t, c, EV_read, NR_read, op->ret);

	_Static_assert(sizeof(struct ev_read) == sizeof(struct ev_write), "read and write");
	e->inode = f->inode;
	e->dev = f->dev;
	e->count = op->a;
	e->fd = op->fd;
	e->path_from = FROM_OBJECT;
	t->io_first = c->now;
	if (op->ret > 0)
		*(is_write ? &t->proc->written_bytes : &t->proc->read_bytes) += (uint64_t)op->ret;
	emit_path(m, op->file);
	if (is_write && op->ret > 0) {
		char content[64];

		content_make(m, (enum content)op->b, content);
		reel_record_string(&m->record, content, op->ret < 64 ? (size_t)op->ret : 64);
	}
	emit_end(m, t, c, op->flags);
}

static void emit_copy(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	const struct file *f = &m->tree.files[op->file];
	struct ev_copy *e = emit_begin(m, t, c, EV_copy, NR_sendfile, op->ret);

	e->inode = f->inode;
	e->dev = f->dev;
	e->count = op->a;
	e->fd = op->fd;
	e->to_fd = (int32_t)op->b;
	e->to_dev = DEV_SOCK;
	e->to_inode = op->b >> 32;
	emit_end(m, t, c, op->flags);
}

static void emit_fold(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	const struct file *f = &m->tree.files[op->file];
	struct ev_fold *e = emit_begin(m, t, c, EV_fold, NR_close, 0);

	c->folded[EV_CLASS_io] += op->a - 1;
	e->inode = f->inode;
	e->dev = f->dev;
	e->fd = op->fd;
	e->first = t->io_first;
	e->last = c->now - rng_below(&m->rng, (uint32_t)((c->now - t->io_first) / 2 & 0xffffff));
	if (op->flags & OPF_WRITE) {
		e->writes = op->a;
		e->written_bytes = op->b;
		t->proc->written_bytes += op->b;
	} else {
		e->reads = op->a;
		e->read_bytes = op->b;
		t->proc->read_bytes += op->b;
	}
	emit_end(m, t, c, op->flags);
}

static void emit_names(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	switch (op->code) {
	case OP_UNLINK: {
		struct ev_unlink *e = emit_begin(m, t, c, EV_unlink, NR_unlink, op->ret);

		e->path_from = FROM_NAME;
		break;
	}
	case OP_RENAME: {
		struct ev_rename *e = emit_begin(m, t, c, EV_rename, NR_rename, op->ret);

		e->path_from = e->oldpath_from = FROM_NAME;
		emit_path_and_arg(m, op->a);
		break;
	}
	case OP_LINK: {
		struct ev_link *e = emit_begin(m, t, c, EV_link, NR_link, op->ret);

		e->path_from = e->oldpath_from = FROM_NAME;
		emit_path_and_arg(m, op->a);
		break;
	}
	case OP_SYMLINK: {
		struct ev_symlink *e = emit_begin(m, t, c, EV_symlink, NR_symlink, op->ret);

		e->path_from = FROM_NAME;
		emit_path(m, op->a);
		break;
	}
	case OP_MKDIR: {
		struct ev_mkdir *e = emit_begin(m, t, c, EV_mkdir, NR_mkdir, op->ret);

		e->mode = 0777;
		e->path_from = FROM_NAME;
		break;
	}
	default: {
		struct ev_rmdir *e = emit_begin(m, t, c, EV_rmdir, NR_rmdir, op->ret);

		e->path_from = FROM_NAME;
	}
	}
	emit_path_and_arg(m, op->file);
	emit_end(m, t, c, op->flags);
}

static void emit_attributes(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	const struct file *f = &m->tree.files[op->file];

	switch (op->code) {
	case OP_CHMOD: {
		struct ev_chmod *e = emit_begin(m, t, c, EV_chmod, NR_fchmodat, op->ret);

		e->inode = f->inode;
		e->dev = f->dev;
		e->fd = -100;
		e->mode = (uint16_t)op->a;
		e->path_from = FROM_NAME;
		break;
	}
	case OP_CHOWN: {
		struct ev_chown *e = emit_begin(m, t, c, EV_chown, NR_fchown, op->ret);

		e->inode = f->inode;
		e->dev = f->dev;
		e->fd = op->fd;
		e->owner = (int32_t)op->a;
		e->group = (int32_t)op->b;
		e->path_from = FROM_OBJECT;
		break;
	}
	case OP_UTIMES: {
		struct ev_utimes *e = emit_begin(m, t, c, EV_utimes, NR_utimensat, op->ret);

		e->inode = f->inode;
		e->dev = f->dev;
		e->fd = op->fd;
		e->atime = (int64_t)op->b;
		e->mtime = (int64_t)(op->b - (rng_next(&m->rng) & 0xffffffffffff));
		e->path_from = FROM_OBJECT;
		break;
	}
	default: {
		struct ev_truncate *e = emit_begin(m, t, c, EV_truncate, NR_truncate, op->ret);

		e->inode = f->inode;
		e->dev = f->dev;
		e->size = op->b;
		e->fd = -1;
		e->path_from = FROM_NAME;
	}
	}
	emit_path_and_arg(m, op->file);
	emit_end(m, t, c, op->flags);
}

static void emit_mount(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	struct ev_mount *e = emit_begin(m, t, c, EV_mount, NR_mount, 0);

	e->flags = op->b;
	e->path_from = FROM_OBJECT;
	reel_record_string(&m->record, "tmpfs", 5);
	emit_path_and_arg(m, op->file);
	reel_record_string(&m->record, "tmpfs", 5);
	emit_end(m, t, c, op->flags);
}

bool emit_file(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	switch (op->code) {
	case OP_OPEN:
		emit_open(m, t, op, c);
		return true;
	case OP_MISS:
		emit_miss(m, t, op, c);
		return true;
	case OP_CLOSE: {
		const struct file *f = &m->tree.files[op->file];
		struct ev_close *e = emit_begin(m, t, c, EV_close, NR_close, op->ret);

		if (!op->ret) {
			e->inode = f->inode;
			e->dev = f->dev;
		}
		e->fd = op->fd;
		emit_end(m, t, c, op->flags);
		return true;
	}
	case OP_READ:
	case OP_WRITE:
		emit_io(m, t, op, c);
		return true;
	case OP_COPY:
		emit_copy(m, t, op, c);
		return true;
	case OP_FOLD:
		emit_fold(m, t, op, c);
		return true;
	case OP_UNLINK:
	case OP_RENAME:
	case OP_LINK:
	case OP_SYMLINK:
	case OP_MKDIR:
	case OP_RMDIR:
		emit_names(m, t, op, c);
		return true;
	case OP_CHMOD:
	case OP_CHOWN:
	case OP_UTIMES:
	case OP_TRUNCATE:
		emit_attributes(m, t, op, c);
		return true;
	case OP_MOUNT:
		emit_mount(m, t, op, c);
		return true;
	default:
		return false;
	}
}
