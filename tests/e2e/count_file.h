/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps of the classes file, io and look. */
#ifndef REEL_TESTS_E2E_COUNT_FILE_H
#define REEL_TESTS_E2E_COUNT_FILE_H

#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <utime.h>

#include "tests/e2e/count.h"

static void step_open(struct worker *w)
{
	struct open_how how = { .flags = O_RDONLY }, bad = { .flags = ~0ull };
	long fd;

	fd = DO(open, open, P(w->file), O_RDWR | O_CREAT, 0600);
	DO(close, close, fd);
	fd = DO(open, openat, w->dir_fd, P("file"), O_RDONLY | O_CLOEXEC);
	DO(close, close, fd);
	fd = DO(open, openat2, w->dir_fd, P("file"), P(&how), sizeof(how));
	DO(close, close, fd);
	fd = DO(create, creat, P(w->file), 0600);
	DO(close, close, fd);
	DO(open, openat, w->dir_fd, P("missing"), O_RDONLY);
	DO(open, openat, w->dir_fd, P("file/below"), O_RDONLY);
	DO(open, openat, w->dir_fd, P("file"), O_RDWR | O_CREAT | O_EXCL, 0600);
	DO(open, openat, -1, P("file"), O_RDONLY);
	DO(open, openat, AT_FDCWD, 1, O_RDONLY);
	DO(open, openat2, w->dir_fd, P("file"), P(&bad), sizeof(bad));
	DO(open, open, P("/"), O_RDWR);
	DO(create, creat, P(w->dir), 0600);
	DO(close, close, -1);
	DO(close, close, 99999);
}

static void step_names(struct worker *w)
{
	DO(link, link, P(w->file), P(w->other));
	DO(rename, rename, P(w->other), P(w->sub));
	DO(rename, renameat, w->dir_fd, P("sub"), w->dir_fd, P("other"));
	DO(rename, renameat2, w->dir_fd, P("other"), w->dir_fd, P("file"), 1u); /* NOREPLACE */
	DO(rename, renameat2, w->dir_fd, P("other"), w->dir_fd, P("file"), 2u); /* EXCHANGE */
	DO(rename, rename, P(w->missing), P(w->other));
	DO(link, linkat, w->dir_fd, P("file"), w->dir_fd, P("other"), 0);
	DO(unlink, unlink, P(w->other));
	DO(unlink, unlink, P(w->other));
	DO(unlink, unlink, P(w->dir));
	DO(symlink, symlink, P("file"), P(w->other));
	DO(symlink, symlinkat, P("file"), w->dir_fd, P("other"));
	DO(unlink, unlinkat, w->dir_fd, P("other"), 0);
	DO(unlink, unlinkat, w->dir_fd, P("other"), 0x8000);
	DO(mkdir, mkdir, P(w->sub), 0700);
	DO(mkdir, mkdirat, w->dir_fd, P("sub"), 0700);
	DO(rmdir, rmdir, P(w->sub));
	DO(rmdir, rmdir, P(w->sub));
	DO(mkdir, mkdirat, w->dir_fd, P("sub"), 0700);
	DO(unlink, unlinkat, w->dir_fd, P("sub"), 0);
	DO(unlink, unlinkat, w->dir_fd, P("sub"), AT_REMOVEDIR);
	DO(mknod, mknod, P(w->other), S_IFIFO | 0600, 0);
	DO(mknod, mknodat, w->dir_fd, P("other"), S_IFIFO | 0600, 0);
	DO(unlink, unlink, P(w->other));
}

static void step_attributes(struct worker *w)
{
	struct timespec times[2] = { { 1, 2 }, { 3, UTIME_OMIT } };
	struct timeval old[2] = { { 1, 2 }, { 3, 4 } };
	struct utimbuf older = { 1, 2 };
	int flags = 0;

	DO(chmod, chmod, P(w->file), 0640);
	DO(chmod, fchmod, w->file_fd, 0600);
	DO(chmod, fchmodat, w->dir_fd, P("file"), 0640);
	DO(chmod, fchmodat2, w->dir_fd, P("file"), 0600, 0);
	DO(chmod, chmod, P(w->missing), 0640);
	DO(chmod, fchmod, -1, 0600);
	DO(chown, chown, P(w->file), -1, -1);
	DO(chown, lchown, P(w->file), 0, 0);
	DO(chown, fchown, w->file_fd, 0, 0);
	DO(chown, fchownat, w->dir_fd, P("file"), 0, 0, 0);
	DO(chown, fchownat, w->dir_fd, P("missing"), 0, 0, 0);
	DO(truncate, truncate, P(w->file), 100);
	DO(truncate, ftruncate, w->file_fd, 8192);
	DO(truncate, ftruncate, w->file_fd, -1);
	DO(truncate, truncate, P(w->dir), 0);
	DO(setxattr, setxattr, P(w->file), P("user.reel"), P("value"), 5, 0);
	DO(setxattr, lsetxattr, P(w->file), P("user.reel"), P("other"), 5, 0);
	DO(setxattr, fsetxattr, w->file_fd, P("user.reel2"), P(""), 0, 0);
	DO(setxattr, removexattr, P(w->file), P("user.reel"));
	DO(setxattr, lremovexattr, P(w->file), P("user.reel"));
	DO(setxattr, fremovexattr, w->file_fd, P("user.reel2"));
	DO(setxattr, setxattr, P(w->file), P("unheard.of"), P("value"), 5, 0);
	DO(utimes, utime, P(w->file), P(&older));
	DO(utimes, utimes, P(w->file), P(old));
	DO(utimes, futimesat, w->dir_fd, P("file"), P(old));
	DO(utimes, utimensat, w->dir_fd, P("file"), P(times), 0);
	DO(utimes, utimensat, w->file_fd, 0, P(times), 0);
	DO(utimes, utimensat, w->dir_fd, P("missing"), 0, 0);
	QUIET(ioctl, w->file_fd, FS_IOC_GETFLAGS, P(&flags));
	DO(setflags, ioctl, w->file_fd, FS_IOC_SETFLAGS, P(&flags));
	DO(setflags, ioctl, w->file_fd, FS_IOC_SETFLAGS, 1);
}

static void step_handle(struct worker *w)
{
	struct {
		struct file_handle head;
		unsigned char bytes[128];
	} h = { .head.handle_bytes = 128 };
	int mount_id;
	long fd;

	if (QUIET(name_to_handle_at, w->dir_fd, P("file"), P(&h), P(&mount_id), 0) == 0) {
		fd = DO(open_by_handle, open_by_handle_at, w->dir_fd, P(&h), O_RDONLY);
		DO(close, close, fd);
	}
	h.head.handle_bytes = 1000;
	DO(open_by_handle, open_by_handle_at, w->dir_fd, P(&h), O_RDONLY);
}

/* In a mount namespace of this process alone. */
static void step_mount(struct worker *w)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	long context, tree, fd;

	DO(mount, mount, P("none"), P(w->mount), P("tmpfs"), 0, P("size=64k"));
	DO(mount_setattr, mount_setattr, AT_FDCWD, P(w->mount), 0, P(&attr), sizeof(attr));
	tree = DO(open_tree, open_tree, AT_FDCWD, P(w->mount), 1); /* CLONE */
	fd = DO(open_tree, fspick, AT_FDCWD, P(w->mount), 0);
	DO(close, close, fd);
	DO(umount, umount2, P(w->mount), 0);
	DO(move_mount, move_mount, tree, P(""), AT_FDCWD, P(w->mount), 4); /* F_EMPTY_PATH */
	DO(close, close, tree);
	DO(umount, umount2, P(w->mount), MNT_DETACH);
	DO(umount, umount2, P(w->mount), 0);
	DO(mount, mount, P("none"), P(w->missing), P("tmpfs"), 0, 0);
	DO(mount, mount, P("none"), P(w->mount), P("nosuchfs"), 0, 0);

	context = DO(fsopen, fsopen, P("tmpfs"), 1);
	DO(fsconfig, fsconfig, context, 1, P("size"), P("64k"), 0);
	DO(fsconfig, fsconfig, context, 1, P("nonsense"), P("1"), 0);
	DO(fsconfig, fsconfig, context, 6, 0, 0, 0);
	fd = DO(fsmount, fsmount, context, 0, 0);
	DO(close, close, fd);
	DO(close, close, context);
	DO(fsopen, fsopen, P("nosuchfs"), 0);
	DO(fsmount, fsmount, -1, 0, 0);
	DO(open_tree, open_tree, AT_FDCWD, P(w->missing), 0);
	DO(move_mount, move_mount, -1, P("x"), AT_FDCWD, P(w->mount), 0);
	DO(mount_setattr, mount_setattr, AT_FDCWD, P(w->missing), 0, P(&attr), sizeof(attr));
}

static void step_io(struct worker *w)
{
	char buffer[256] = "some bytes";
	struct iovec iov[2] = { { buffer, 100 }, { buffer + 100, 56 } };
	long offset = 0;

	DO(write, write, w->file_fd, P(buffer), 200);
	DO(write, pwrite64, w->file_fd, P(buffer), 200, 0);
	DO(write, writev, w->file_fd, P(iov), 2);
	DO(write, pwritev, w->file_fd, P(iov), 2, 0, 0);
	DO(write, pwritev2, w->file_fd, P(iov), 2, 0, 0, 0);
	DO(read, read, w->zero_fd, P(buffer), 100);
	DO(read, read, w->zero_fd, P(buffer), 0);
	DO(read, pread64, w->file_fd, P(buffer), 100, 0);
	DO(read, readv, w->zero_fd, P(iov), 2);
	DO(read, preadv, w->file_fd, P(iov), 2, 0, 0);
	DO(read, preadv2, w->file_fd, P(iov), 2, 0, 0, 0);
	DO(read, read, -1, P(buffer), 100);
	DO(write, write, w->null_fd, 1, 100); /* never looked at */
	DO(write, write, w->file_fd, 1, 100);
	DO(read, read, w->dir_fd, P(buffer), 100);
	DO(copy, copy_file_range, w->file_fd, P(&offset), w->other_fd, 0, 100, 0);
	offset = 0;
	DO(copy, sendfile, w->null_fd, w->file_fd, P(&offset), 100);
	DO(copy, sendfile, -1, w->file_fd, P(&offset), 100);
	offset = 0;
	DO(copy, splice, w->file_fd, P(&offset), w->pipe[1], 0, 50, 0);
	DO(copy, vmsplice, w->pipe[1], P(iov), 1, 0);
	DO(copy, tee, w->pipe[0], w->tee[1], 10, 0);
	DO(read, read, w->tee[0], P(buffer), sizeof(buffer));
	DO(read, read, w->pipe[0], P(buffer), sizeof(buffer));
	QUIET(lseek, w->file_fd, 0, SEEK_SET);
	QUIET(lseek, w->other_fd, 0, SEEK_SET);
}

static void step_look(struct worker *w)
{
	char buffer[1024];
	struct stat st;

	DO(stat, stat, P(w->file), P(&st));
	DO(stat, lstat, P(w->file), P(&st));
	DO(stat, fstat, w->file_fd, P(&st));
	DO(stat, newfstatat, w->dir_fd, P("file"), P(&st), 0);
	DO(stat, statx, w->dir_fd, P("file"), 0, 0xfff, P(buffer));
	DO(stat, stat, P(w->missing), P(&st));
	DO(access, access, P(w->file), R_OK);
	DO(access, faccessat, w->dir_fd, P("file"), W_OK);
	DO(access, faccessat2, w->dir_fd, P("missing"), F_OK, 0);
	DO(readlink, readlink, P("/proc/self/exe"), P(buffer), sizeof(buffer));
	DO(readlink, readlinkat, w->dir_fd, P("file"), P(buffer), sizeof(buffer));
	QUIET(lseek, w->dir_fd, 0, SEEK_SET);
	DO(getdents, getdents64, w->dir_fd, P(buffer), sizeof(buffer));
	DO(getdents, getdents, w->file_fd, P(buffer), sizeof(buffer));
}

#endif
