/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Files: opened, closed, named. */
#ifndef REEL_BPF_FILE_BPF_H
#define REEL_BPF_FILE_BPF_H

#include "bpf/call.bpf.h"
#include "bpf/files.bpf.h"
#include "bpf/path.bpf.h"

/* Roles: dirfd, path, flags, mode, how. */
HANDLER_ROLES(open)
{
	struct build b;
	struct ev_open *e = call_build(&b, open, c);
	__u64 passed = call_arg(c, 1), file;

	e->flags = call_arg(c, 2);
	e->mode = call_arg(c, 3);
	if (c->ret < 0) {
		struct passed p;

		build_passed(&b, c->task, call_arg(c, 0), passed, &p);
		e->path = p.path;
		e->path_arg = p.arg;
		e->path_from = p.from;
		return build_emit(&b, open);
	}
	file = task_file(c->task, c->ret);
	files_opened(c->task, c->ret, file);
	file_identify(file, e);
	e->path = build_file_path(&b, file);
	e->path_arg = build_path_arg(&b, passed, e->path);
	e->path_from = PATH_OBJECT;
	if (task_file(c->task, c->ret) != file)
		build_flag(&b, EV_RACED);
	return build_emit(&b, open);
}

#endif
