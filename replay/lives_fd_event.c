/* SPDX-License-Identifier: BSD-2-Clause */
/* What events say of descriptors. */
#include <fcntl.h>
#include <string.h>

#include "replay/lives_impl.h"

/* What is known of a descriptor that the event opens. */
static struct life_fd opened(const struct lives *l, int64_t fd)
{
	return (struct life_fd){ .fd = fd > INT32_MAX ? -1 : (int32_t)fd,
				 .how = l->ev->type->id,
				 .from_ts = l->ev->ts,
				 .told_ts = l->ev->ts,
				 .event = lives_event_name(l->ev) };
}

static enum life_on_exec on_exec(uint64_t flags, uint64_t bit)
{
	return flags & bit ? LIFE_CLOSES : LIFE_STAYS;
}

static struct life_file *unknown_file(struct lives *l)
{
	static const char text[] = "anon_inode:[unknown]";

	return life_file(l->files, l->boot, text, sizeof(text) - 1);
}

static int show_socket(struct lives *l, struct life_fd *fd, uint64_t inode, bool is_new)
{
	/* Of the device of their file system few events tell. */
	fd->dev = 0;
	fd->inode = inode;
	fd->file = lives_object(l, "socket", inode, is_new);
	return fd->file ? lives_sock_open(l, inode, is_new, &fd->socket) : -ENOMEM;
}

/* By its path where there is one (OFFSET not 0), else by its identity. */
static int show(struct lives *l, struct life_fd *fd, uint32_t dev, uint64_t inode, uint16_t offset)
{
	static const char deleted[] = " (deleted)";
	struct life_file *by_inode = life_file_by_inode(l->files, l->boot, dev, inode);
	struct life_file *file = offset ? lives_path(l, offset) : NULL;
	size_t n = sizeof(deleted) - 1;

	if (file && file->kind == LIFE_SOCKET && inode) {
		l->sock_dev = dev;
		return show_socket(l, fd, inode, false);
	}
	if (!file && !by_inode && inode && dev && dev == l->sock_dev)
		return show_socket(l, fd, inode, false);
	/* A file that has lost its name is still the one that had it. */
	if (file && by_inode && file != by_inode && file->length == by_inode->length + n &&
	    memcmp(file->path, by_inode->path, by_inode->length) == 0 &&
	    memcmp(file->path + by_inode->length, deleted, n) == 0)
		file = by_inode;
	if (!file)
		file = by_inode;
	fd->dev = dev;
	fd->inode = inode;
	fd->file = file ? file : unknown_file(l);
	if (file)
		life_file_is_at(l->files, file, dev, inode);
	return fd->file ? 0 : -ENOMEM;
}

static int open_named(struct lives *l, const char *name, enum life_on_exec exec)
{
	struct life_fd fd = opened(l, l->ev->ret);

	fd.on_exec = (uint8_t)exec;
	fd.file = life_file(l->files, l->boot, name, strlen(name));
	return fd.file ? lives_fd_put(l, l->by, &fd) : -ENOMEM;
}

static int on_open(struct lives *l)
{
	struct ev_open scratch;
	const struct ev_open *e = lives_as(l, open, &scratch);
	struct life_fd fd = opened(l, l->ev->ret);
	int r;

	if (!e)
		return 0;
	fd.flags = e->flags;
	fd.on_exec = (uint8_t)on_exec(e->flags, O_CLOEXEC);
	r = show(l, &fd, e->dev, e->inode, offsetof(struct ev_open, path));
	return r == 0 ? lives_fd_put(l, l->by, &fd) : r;
}

static int on_open_by_handle(struct lives *l)
{
	struct ev_open_by_handle scratch;
	const struct ev_open_by_handle *e = lives_as(l, open_by_handle, &scratch);
	struct life_fd fd = opened(l, l->ev->ret);
	int r;

	if (!e)
		return 0;
	fd.flags = e->flags;
	fd.on_exec = (uint8_t)on_exec(e->flags, O_CLOEXEC);
	r = show(l, &fd, e->dev, e->inode, offsetof(struct ev_open_by_handle, path));
	return r == 0 ? lives_fd_put(l, l->by, &fd) : r;
}

static int on_socket(struct lives *l)
{
	struct ev_socket scratch;
	const struct ev_socket *e = lives_as(l, socket, &scratch);
	struct life_fd fd;
	int r;

	if (!e)
		return 0;
	fd = opened(l, e->fd2 < 0 ? l->ev->ret : e->fd);
	fd.flags = O_RDWR | (e->sock_type & (O_CLOEXEC | O_NONBLOCK));
	fd.on_exec = (uint8_t)on_exec(e->sock_type, O_CLOEXEC);
	r = e->inode ? show_socket(l, &fd, e->inode, true) : show(l, &fd, 0, 0, 0);
	if (r == 0)
		r = lives_fd_put(l, l->by, &fd);
	if (r < 0 || e->fd2 < 0)
		return r;
	/* Of a pair only the first is known by more than its number, and whose other end it is. */
	r = lives_pair_open(l, fd.socket, &fd.socket);
	fd.fd = e->fd2;
	fd.inode = 0;
	fd.file = unknown_file(l);
	if (!fd.file)
		return -ENOMEM;
	return r == 0 ? lives_fd_put(l, l->by, &fd) : r;
}

static int on_accept(struct lives *l)
{
	struct ev_accept scratch;
	const struct ev_accept *e = lives_as(l, accept, &scratch);
	struct life_fd fd = opened(l, l->ev->ret);
	int r;

	if (!e || !e->inode)
		return 0;
	fd.flags = O_RDWR;
	fd.on_exec = LIFE_ON_EXEC_UNKNOWN;
	r = show_socket(l, &fd, e->inode, true);
	return r == 0 ? lives_fd_put(l, l->by, &fd) : r;
}

static int on_pipe(struct lives *l)
{
	struct ev_pipe scratch;
	const struct ev_pipe *e = lives_as(l, pipe, &scratch);
	struct life_fd fd;
	int r;

	if (!e)
		return 0;
	fd = opened(l, e->fd);
	fd.flags = e->flags;
	fd.on_exec = (uint8_t)on_exec(e->flags, O_CLOEXEC);
	fd.dev = e->dev;
	fd.inode = e->inode;
	fd.file = lives_object(l, "pipe", e->inode, true);
	if (!fd.file)
		return -ENOMEM;
	life_file_is_at(l->files, fd.file, e->dev, e->inode);
	r = lives_fd_put(l, l->by, &fd);
	fd.fd = e->fd2;
	fd.flags |= O_WRONLY;
	return r == 0 ? lives_fd_put(l, l->by, &fd) : r;
}

static int on_memfd(struct lives *l)
{
	struct ev_memfd_create scratch;
	const struct ev_memfd_create *e = lives_as(l, memfd_create, &scratch);
	struct reel_string name =
		reel_event_string_at(l->ev, offsetof(struct ev_memfd_create, name));
	static const char head[] = "/memfd:", tail[] = " (deleted)";
	const size_t n_head = sizeof(head) - 1, n_tail = sizeof(tail) - 1;
	struct life_fd fd = opened(l, l->ev->ret);
	char path[512];
	size_t n = name.length < 256 ? name.length : 256;

	if (!e)
		return 0;
	memcpy(path, head, n_head);
	if (n)
		memcpy(path + n_head, name.bytes, n);
	memcpy(path + n_head + n, tail, n_tail);
	fd.flags = O_RDWR;
	fd.on_exec = (uint8_t)on_exec(e->flags, 1);
	fd.dev = e->dev;
	fd.inode = e->inode;
	fd.file = life_file_new(l->files, l->boot, path, n_head + n + n_tail);
	if (!fd.file)
		return -ENOMEM;
	life_file_is_at(l->files, fd.file, e->dev, e->inode);
	return lives_fd_put(l, l->by, &fd);
}

/* Shows the same file as another descriptor, if that is known. */
static int copy_of(struct lives *l, const struct life_fd *from, struct life_fd *fd, uint32_t dev,
		   uint64_t inode)
{
	if (!from || (inode && from->inode && from->inode != inode))
		return show(l, fd, dev, inode, 0);
	fd->dev = from->dev;
	fd->inode = from->inode ? from->inode : inode;
	fd->file = from->file;
	fd->socket = from->socket;
	fd->flags = from->flags;
	return 0;
}

static int on_dup(struct lives *l)
{
	struct ev_dup scratch;
	const struct ev_dup *e = lives_as(l, dup, &scratch);
	struct life_fd fd = opened(l, l->ev->ret);
	int r;

	if (!e || e->fd == fd.fd)
		return 0;
	r = lives_pair_used(l, lives_fd(l->by, e->fd), e->inode);
	if (r == 0)
		r = copy_of(l, lives_fd(l->by, e->fd), &fd, e->dev, e->inode);
	fd.on_exec = (uint8_t)on_exec(e->flags, O_CLOEXEC);
	fd.flags = (fd.flags & ~(uint32_t)O_CLOEXEC) | (e->flags & O_CLOEXEC);
	return r == 0 ? lives_fd_put(l, l->by, &fd) : r;
}

static int on_pidfd_getfd(struct lives *l)
{
	struct ev_pidfd_getfd scratch;
	const struct ev_pidfd_getfd *e = lives_as(l, pidfd_getfd, &scratch);
	struct life_fd fd = opened(l, l->ev->ret);
	struct model_process *target = e && e->target ? model_find(l->m, e->target) : NULL;
	int r;

	if (!e)
		return 0;
	r = copy_of(l, target ? lives_fd(target->user, e->target_fd) : NULL, &fd, e->dev, e->inode);
	fd.on_exec = LIFE_CLOSES;
	fd.flags |= O_CLOEXEC;
	return r == 0 ? lives_fd_put(l, l->by, &fd) : r;
}

/* Which files they show, no event says. */
static int on_pass(struct lives *l)
{
	struct ev_pass scratch;
	const struct ev_pass *e = lives_as(l, pass, &scratch);
	struct reel_string fds = reel_event_string_at(l->ev, offsetof(struct ev_pass, fds));
	int r = 0;

	if (!e || e->direction != 1)
		return 0;
	for (uint32_t i = 0; i + 4 <= fds.length && r == 0; i += 4) {
		struct life_fd fd;
		int32_t number;

		memcpy(&number, fds.bytes + i, sizeof(number));
		fd = opened(l, number);
		fd.on_exec = LIFE_ON_EXEC_UNKNOWN;
		fd.file = unknown_file(l);
		r = fd.file ? lives_fd_put(l, l->by, &fd) : -ENOMEM;
	}
	return r;
}

static int on_close(struct lives *l)
{
	struct ev_close scratch;
	const struct ev_close *e = lives_as(l, close, &scratch);
	struct life_fd *fd;

	if (!e || l->ev->ret == -EBADF || l->ev->flags & (EV_BLOCKED | EV_RACED))
		return 0;
	fd = lives_fd(l->by, e->fd);
	/* Another thread has got the number meanwhile, and was told first. */
	if (!fd || (e->inode && fd->inode && e->inode != fd->inode))
		return 0;
	return lives_fd_end(l, l->by, lives_fd_place(l->by, e->fd), l->ev->ts, LIVES_AT_ONCE);
}

static int on_close_range(struct lives *l)
{
	enum { MARKS = 4 };
	struct ev_close_range scratch;
	const struct ev_close_range *e = lives_as(l, close_range, &scratch);
	struct life *of = l->by;
	int r = 0;

	if (!e || e->first_fd > INT32_MAX)
		return 0;
	for (uint32_t i = of->n_fds; i-- > 0 && of->fds[i]->fd >= (int32_t)e->first_fd && r == 0;) {
		if ((uint32_t)of->fds[i]->fd > e->last_fd)
			continue;
		if (e->flags & MARKS)
			of->fds[i]->on_exec = LIFE_CLOSES;
		else
			r = lives_fd_end(l, of, i, l->ev->ts, LIVES_AT_ONCE);
	}
	return r;
}

/*
 * It was used, and showed (DEV, INODE) then. What was told of it otherwise was over before.
 */
static int met(struct lives *l, int32_t number, uint32_t dev, uint64_t inode, bool is_socket,
	       uint16_t offset)
{
	struct life_fd *known = lives_fd(l->by, number), fd;
	int r;

	if (number < 0 || !inode)
		return 0;
	r = lives_pair_used(l, known, inode);
	if (r < 0)
		return r;
	if (known && known->inode == inode && (known->socket || known->dev == dev)) {
		known->told_ts = l->ev->ts;
		known->is_doubtful = false;
		return 0;
	}
	if (l->by->process->is_dead)
		return 0;
	fd = opened(l, number);
	fd.is_met = true;
	fd.on_exec = LIFE_ON_EXEC_UNKNOWN;
	if (known && !known->inode) {
		fd.is_met = known->is_met;
		fd.how = known->how;
		fd.on_exec = known->on_exec;
		fd.event = known->event;
		fd.flags = known->flags;
		fd.from_ts = known->from_ts;
	} else if (!known && !l->by->frame && l->by->process->known_by != MODEL_FORK) {
		/* No keyframe has told what he had. */
		fd.from_ts = 0;
	}
	r = is_socket ? show_socket(l, &fd, inode, false) : show(l, &fd, dev, inode, offset);
	if (r < 0 || !known || known->inode)
		return r == 0 ? lives_fd_put(l, l->by, &fd) : r;
	/* So far only its number was known. */
	life_file_ref(fd.file);
	life_file_unref(known->file);
	known->file = fd.file;
	known->socket = fd.socket;
	known->dev = fd.dev;
	known->inode = fd.inode;
	known->told_ts = l->ev->ts;
	if (known->socket)
		lives_sock_hold(known->socket);
	return 0;
}

static void add_bytes(struct lives *l, int32_t number, uint64_t inode, uint64_t read_bytes,
		      uint64_t written_bytes)
{
	struct life_fd *fd = lives_fd_of(l->by, number, inode);

	if (!fd)
		return;
	fd->read_bytes += read_bytes;
	fd->written_bytes += written_bytes;
}

/* Totals come just before what ended them, but for exec and exit. */
static int on_fold(struct lives *l)
{
	enum { BY_EXEC = 3, BY_EXIT = 4 };
	struct ev_fold scratch;
	const struct ev_fold *e = lives_as(l, fold, &scratch);
	struct life_fd *fd;
	int r = 0;

	if (!e || e->fd < 0)
		return 0;
	if (!lives_fd_is_over(l->by, e->fd))
		r = met(l, e->fd, e->dev, e->inode, false, 0);
	if (r < 0)
		return r;
	add_bytes(l, e->fd, e->inode, e->read_bytes, e->written_bytes);
	fd = lives_fd(l->by, e->fd);
	/* That it was marked close-on-exec is known by this alone. */
	if (fd && e->ended_by == BY_EXEC && fd->inode == e->inode)
		fd->on_exec = LIFE_CLOSES;
	return 0;
}

static int on_read_or_write(struct lives *l)
{
	struct ev_read scratch;
	const struct ev_read *e = lives_as(l, read, &scratch);
	uint64_t n = l->ev->ret > 0 ? (uint64_t)l->ev->ret : 0;
	int r;

	if (!e || e->fd < 0)
		return 0;
	r = met(l, e->fd, e->dev, e->inode, false, offsetof(struct ev_read, path));
	if (l->ev->type->id == EV_read)
		add_bytes(l, e->fd, e->inode, n, 0);
	else
		add_bytes(l, e->fd, e->inode, 0, n);
	return r;
}

static int on_copy(struct lives *l)
{
	struct ev_copy scratch;
	const struct ev_copy *e = lives_as(l, copy, &scratch);
	uint64_t n = l->ev->ret > 0 ? (uint64_t)l->ev->ret : 0;
	int r;

	if (!e)
		return 0;
	r = met(l, e->fd, e->dev, e->inode, false, 0);
	if (r == 0)
		r = met(l, e->to_fd, e->to_dev, e->to_inode, false, 0);
	add_bytes(l, e->fd, e->inode, n, 0);
	add_bytes(l, e->to_fd, e->to_inode, 0, n);
	return r;
}

static int on_send_or_recv(struct lives *l)
{
	struct ev_send scratch;
	const struct ev_send *e = lives_as(l, send, &scratch);
	uint64_t n = l->ev->ret > 0 ? (uint64_t)l->ev->ret : 0;
	int r;

	if (!e)
		return 0;
	/* Of several messages the result is their number. */
	if (e->messages > 1)
		n = e->count;
	r = met(l, e->fd, 0, e->inode, true, 0);
	if (l->ev->type->id == EV_recv)
		add_bytes(l, e->fd, e->inode, n, 0);
	else
		add_bytes(l, e->fd, e->inode, 0, n);
	return r;
}

static int on_sock_call(struct lives *l)
{
	struct ev_bind scratch;
	const struct ev_bind *e = lives_as(l, bind, &scratch);

	return e ? met(l, e->fd, 0, e->inode, true, 0) : 0;
}

static int on_listen(struct lives *l)
{
	struct ev_listen scratch;
	const struct ev_listen *e = lives_as(l, listen, &scratch);

	return e ? met(l, e->fd, 0, e->inode, true, 0) : 0;
}

static int on_mmap(struct lives *l)
{
	struct ev_mmap scratch;
	const struct ev_mmap *e = lives_as(l, mmap, &scratch);

	return e ? met(l, e->fd, e->dev, e->inode, false, offsetof(struct ev_mmap, path)) : 0;
}

/* A keyframe's. */
static int on_fd(struct lives *l)
{
	struct ev_fd scratch;
	const struct ev_fd *e = lives_as(l, fd, &scratch);
	struct life_fd *known, fd;
	int r;

	if (!e || l->by->process->is_dead)
		return 0;
	l->frame_has_fds = true;
	l->by->frame = l->frame;
	known = lives_fd(l->by, e->fd);
	r = lives_pair_used(l, known, e->inode);
	if (r < 0)
		return r;
	fd = opened(l, e->fd);
	fd.flags = e->flags;
	fd.on_exec = e->flags & O_CLOEXEC ? LIFE_CLOSES : LIFE_ON_EXEC_UNKNOWN;
	/* The first that is told was there before. */
	if (l->frame <= 1)
		fd.from_ts = 0;
	if (!known || !known->inode || known->inode != e->inode ||
	    (known->dev && known->dev != e->dev)) {
		r = show(l, &fd, e->dev, e->inode, offsetof(struct ev_fd, path));
		if (r == 0 && known && !known->inode) {
			fd.how = known->how;
			fd.event = known->event;
			fd.from_ts = known->from_ts;
		}
		return r == 0 ? lives_fd_put(l, l->by, &fd) : r;
	}
	known->told_ts = l->ev->ts;
	known->is_doubtful = false;
	return 0;
}

int lives_fd_event(struct lives *l)
{
	bool worked = lives_worked(l->ev);

	switch (l->ev->type->id) {
	case EV_open:
	case EV_create:
		return worked ? on_open(l) : 0;
	case EV_close:
		return on_close(l);
	case EV_read:
	case EV_write:
		return worked ? on_read_or_write(l) : 0;
	case EV_fold:
		return on_fold(l);
	case EV_copy:
		return worked ? on_copy(l) : 0;
	case EV_dup:
		return worked ? on_dup(l) : 0;
	case EV_pipe:
		return worked ? on_pipe(l) : 0;
	case EV_socket:
		return worked ? on_socket(l) : 0;
	case EV_accept:
		return worked ? on_accept(l) : 0;
	case EV_send:
	case EV_recv:
		return worked ? on_send_or_recv(l) : 0;
	case EV_connect:
	case EV_bind:
		return on_sock_call(l);
	case EV_listen:
		return worked ? on_listen(l) : 0;
	case EV_mmap:
		return worked ? on_mmap(l) : 0;
	case EV_close_range:
		return worked ? on_close_range(l) : 0;
	case EV_memfd_create:
		return worked ? on_memfd(l) : 0;
	case EV_open_by_handle:
		return worked ? on_open_by_handle(l) : 0;
	case EV_pidfd_getfd:
		return worked ? on_pidfd_getfd(l) : 0;
	case EV_pass:
		return worked ? on_pass(l) : 0;
	case EV_io_uring_setup:
		return worked ? open_named(l, "anon_inode:[io_uring]", LIFE_CLOSES) : 0;
	case EV_userfaultfd:
		return worked ? open_named(l, "anon_inode:[userfaultfd]", LIFE_ON_EXEC_UNKNOWN) : 0;
	case EV_perf_event_open:
		return worked ? open_named(l, "anon_inode:[perf_event]", LIFE_ON_EXEC_UNKNOWN) : 0;
	case EV_fsopen:
		return worked ? open_named(l, "anon_inode:[fscontext]", LIFE_ON_EXEC_UNKNOWN) : 0;
	case EV_fsmount:
	case EV_open_tree:
		return worked ? open_named(l, "anon_inode:[mount]", LIFE_ON_EXEC_UNKNOWN) : 0;
	case EV_fd:
		return on_fd(l);
	}
	return 0;
}
