/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Files: opened and made. How they are closed is in fds.bpf.h. */
#ifndef REEL_BPF_FILE_BPF_H
#define REEL_BPF_FILE_BPF_H

#include "bpf/files.bpf.h"
#include "bpf/path.bpf.h"

enum {
	OPEN_WRONLY = 01,
	OPEN_CREAT = 0100,
	OPEN_TRUNC = 01000,
	OPEN_TMPFILE = 020000000,
	FMODE_CREATED_BIT = 0x100000,
};

/* As the names of the field have it. */
enum open_created { CREATED_UNKNOWN, CREATED_NO, CREATED_YES };

struct open_how_given {
	__u64 flags, mode;
};

/*
 * Roles: dirfd, path, flags, mode, how. Variants: 'h' has flags and mode in a struct, 'c' is
 * creat().
 */
static __always_inline void build_opened(struct build *b, struct ev_open *e, const struct call *c)
{
	struct open_how_given how = { call_arg(c, 2), call_arg(c, 3) };
	bool may_create;
	__u64 file = 0;

	if (c->variant == 'h') {
		if (bpf_probe_read_user(&how, sizeof(how), (void *)call_arg(c, 4)) < 0)
			build_flag(b, EV_FAULT);
	} else if (c->variant == 'c') {
		how.flags = OPEN_CREAT | OPEN_WRONLY | OPEN_TRUNC;
	}
	e->flags = how.flags;
	may_create = e->flags & (OPEN_CREAT | OPEN_TMPFILE);
	/* Without these nobody passes a mode, and the register has anything. */
	e->mode = may_create || c->variant == 'h' ? how.mode : 0;
	if (call_worked(c)) {
		file = task_file(c->task, c->ret);
		if (!file)
			build_flag(b, EV_RACED);
	}
	if (!file) {
		e->created = may_create ? CREATED_UNKNOWN : CREATED_NO;
		build_target(b, e, call_arg(c, 0), call_arg(c, 1), TARGET_PATH);
		return;
	}
	files_opened(c->task, c->ret, file);
	file_identify(file, e);
	e->created = KLOAD(struct file, file, f_mode) & FMODE_CREATED_BIT ||
				     e->flags & OPEN_TMPFILE ?
			     CREATED_YES :
			     CREATED_NO;
	e->path = build_file_path(b, file);
	e->path_arg = build_path_arg(b, call_arg(c, 1), e->path);
	e->path_from = PATH_OBJECT;
	if (task_file(c->task, c->ret) != file)
		build_flag(b, EV_RACED);
}

/* creat() too: its record has the same fields. */
MEMBER(open)
{
	struct build b;
	struct ev_open *e = call_build(&b, open, c);

	_Static_assert(sizeof(struct ev_create) == sizeof(*e), "create is an open");
	b.s->header.type = c->type;
	build_opened(&b, e, c);
	return build_emit(&b, open);
}

struct handle_given {
	__u32 bytes;
	__s32 type;
};
enum { HANDLE_BYTES_MAX = 128 };

/* handle: the bytes that stand for the file, without the struct's own length and type. */
MEMBER(open_by_handle)
{
	struct build b;
	struct ev_open_by_handle *e = call_build(&b, open_by_handle, c);
	struct handle_given given = { 0 };
	__u64 handle = call_arg(c, 1), file = 0;

	if (bpf_probe_read_user(&given, sizeof(given), (void *)handle) < 0)
		build_flag(&b, EV_FAULT);
	e->mount_fd = call_arg(c, 0);
	e->flags = call_arg(c, 2);
	if (call_worked(c))
		file = task_file(c->task, c->ret);
	if (file) {
		files_opened(c->task, c->ret, file);
		file_identify(file, e);
		e->path_from = PATH_OBJECT;
	}
	e->path = build_file_path(&b, file);
	e->path_arg = build_nothing(&b);
	e->handle = build_user_bytes(&b, handle + sizeof(given),
				     given.bytes > HANDLE_BYTES_MAX ? 0 : given.bytes, 255);
	if (file && task_file(c->task, c->ret) != file)
		build_flag(&b, EV_RACED);
	return build_emit(&b, open_by_handle);
}

HANDLER_FAMILY(opens)
{
	switch (c->type) {
	case EV_open:
	case EV_create:
		return handle_open(c);
	case EV_open_by_handle:
		return handle_open_by_handle(c);
	}
	return call_no_event(c, EV_CLASS_file);
}

#endif
