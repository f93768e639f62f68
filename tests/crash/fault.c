/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/crash/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS = 1024 };

static struct fault unarmed;
static struct fault *armed = &unarmed;
static const char *only; /* FAULT_PATH */
static _Atomic bool is_ours[FDS];

/* The headers that declare these do not want them defined. */
int __open_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

void fault_arm(struct fault *fault)
{
	armed = fault;
}

__attribute__((constructor)) static void from_environment(void)
{
	const char *text = getenv("FAULT"), *state = getenv("FAULT_STATE");
	unsigned kinds, at, times, error, mode;
	void *shared;
	int fd;

	only = getenv("FAULT_PATH");
	if (!text || sscanf(text, "%u:%u:%u:%u:%u", &kinds, &at, &times, &error, &mode) != 5)
		return;
	fd = state ? (int)syscall(SYS_openat, AT_FDCWD, state, O_RDWR | O_CLOEXEC) : -1;
	shared = mmap(NULL, sizeof(unarmed), PROT_READ | PROT_WRITE,
		      fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		_exit(99);
	armed = shared;
	*armed = (struct fault){ kinds, at, times, (int32_t)error, mode, 0, 0 };
	if (fd >= 0)
		syscall(SYS_close, fd);
}

static bool name_matters(const char *path)
{
	return !only || strstr(path, only);
}

static bool fd_matters(int fd)
{
	return !only || (fd >= 0 && fd < FDS && is_ours[fd]);
}

static bool strikes(enum fault_kind kind, bool matters)
{
	struct fault *f = armed;
	uint32_t n;

	if (!matters || !(f->kinds & 1u << kind))
		return false;
	n = ++f->calls;
	if (n < f->at || (f->times && n >= f->at + f->times))
		return false;
	f->hits++;
	errno = f->error;
	return true;
}

static int note_open(int fd, bool matters)
{
	if (fd >= 0 && fd < FDS)
		is_ours[fd] = matters;
	return fd;
}

static int do_open(int dir, const char *path, int flags, mode_t mode)
{
	bool matters = name_matters(path) || (dir != AT_FDCWD && only && fd_matters(dir));

	if (strikes(FAULT_OPEN, matters))
		return -1;
	return note_open((int)syscall(SYS_openat, dir, path, flags, mode), matters);
}

#define MODE_OF(flags, mode)                                       \
	do {                                                       \
		va_list args;                                      \
		va_start(args, flags);                             \
		mode = (flags)&O_CREAT ? va_arg(args, mode_t) : 0; \
		va_end(args);                                      \
	} while (0)

int open(const char *path, int flags, ...)
{
	mode_t mode;

	MODE_OF(flags, mode);
	return do_open(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;

	MODE_OF(flags, mode);
	return do_open(dir, path, flags, mode);
}

int __open_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char *path, int flags)
{
	return do_open(dir, path, flags, 0);
}

/* A single byte has no half: it is written, or fails. */
ssize_t write(int fd, const void *from, size_t bytes)
{
	bool is_first = armed->calls + 1 == armed->at;

	if (!strikes(FAULT_WRITE, fd_matters(fd)))
		return syscall(SYS_write, fd, from, bytes);
	if (armed->mode == FAULT_SHORT)
		return syscall(SYS_write, fd, from, (bytes + 1) / 2);
	if (armed->mode == FAULT_HALF && is_first && bytes > 1)
		return syscall(SYS_write, fd, from, bytes / 2);
	errno = armed->error;
	return -1;
}

int fsync(int fd)
{
	return strikes(FAULT_SYNC, fd_matters(fd)) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return strikes(FAULT_SYNC, fd_matters(fd)) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t bytes)
{
	return strikes(FAULT_TRUNCATE, fd_matters(fd)) ? -1 :
							 (int)syscall(SYS_ftruncate, fd, bytes);
}

int unlinkat(int dir, const char *path, int flags)
{
	return strikes(FAULT_UNLINK, name_matters(path) || fd_matters(dir)) ?
		       -1 :
		       (int)syscall(SYS_unlinkat, dir, path, flags);
}

/* It is closed in any case, as the kernel does it. */
int close(int fd)
{
	bool matters = fd_matters(fd);
	int r = (int)syscall(SYS_close, fd), code = errno;

	if (fd >= 0 && fd < FDS)
		is_ours[fd] = false;
	if (r == 0 && strikes(FAULT_CLOSE, matters))
		return -1;
	errno = code;
	return r;
}

off_t lseek(int fd, off_t offset, int whence)
{
	return strikes(FAULT_SEEK, fd_matters(fd)) ? -1 : syscall(SYS_lseek, fd, offset, whence);
}

int fstat(int fd, struct stat *to)
{
	return strikes(FAULT_STAT, fd_matters(fd)) ? -1 : (int)syscall(SYS_fstat, fd, to);
}

void *mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	if (fd >= 0 && strikes(FAULT_MAP, fd_matters(fd)))
		return MAP_FAILED;
	return (void *)(uintptr_t)syscall(SYS_mmap, at, bytes, prot, flags, fd, offset);
}

int mkdir(const char *path, mode_t mode)
{
	return strikes(FAULT_MKDIR, name_matters(path)) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int flock(int fd, int how)
{
	return strikes(FAULT_LOCK, fd_matters(fd)) ? -1 : (int)syscall(SYS_flock, fd, how);
}

/* Gives the error and leaves errno alone. */
int posix_fallocate(int fd, off_t offset, off_t bytes)
{
	int (*real)(int, off_t, off_t) =
		(int (*)(int, off_t, off_t))(uintptr_t)dlsym(RTLD_NEXT, "posix_fallocate");

	return strikes(FAULT_ALLOCATE, fd_matters(fd)) ? armed->error : real(fd, offset, bytes);
}

ssize_t getrandom(void *to, size_t bytes, unsigned flags)
{
	return strikes(FAULT_RANDOM, !only) ? -1 : syscall(SYS_getrandom, to, bytes, flags);
}
