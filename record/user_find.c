/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/user_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

enum { MAX_PATH_BYTES = 4096, LINE_BYTES = 4096 + 128 };

struct candidate {
	int fd; /* O_PATH */
	struct stat st;
	long filesystem;
};

static uint32_t kernel_dev(dev_t dev)
{
	return (uint32_t)(major(dev) << 20 | minor(dev));
}

static int look_at(const char *path, struct candidate *ret)
{
	struct candidate c = { .fd = open(path, O_PATH | O_CLOEXEC) };
	struct statfs fs;
	int code;

	if (c.fd < 0)
		return -errno;
	if (fstat(c.fd, &c.st) < 0 || fstatfs(c.fd, &fs) < 0) {
		code = -errno;
		close(c.fd);
		return code;
	}
	c.filesystem = (long)fs.f_type;
	*ret = c;
	return 0;
}

/*
 * These two give a file other numbers in stat() than the kernel has for it. A probe goes to the
 * right file in any case: at worst, somebody has put another one there in the meantime.
 */
static bool numbers_differ(const struct candidate *c)
{
	return c->filesystem == OVERLAYFS_SUPER_MAGIC || c->filesystem == BTRFS_SUPER_MAGIC;
}

static bool is_wanted(const struct user_wanted *w, const struct candidate *c)
{
	if (!w->inode && !w->dev)
		return true;
	return c->st.st_ino == w->inode && kernel_dev(c->st.st_dev) == w->dev;
}

static bool is_executed(uint32_t pid, const struct candidate *c)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	return stat(path, &st) == 0 && st.st_dev == c->st.st_dev && st.st_ino == c->st.st_ino;
}

/* The link to the mapping of the file, if it is still mapped. */
static int find_mapping(const struct user_wanted *w, char *ret, size_t bytes)
{
	char path[64], line[LINE_BYTES];
	FILE *maps;
	int r = -ENOENT;

	snprintf(path, sizeof(path), "/proc/%u/maps", w->pid);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		unsigned dev_major, dev_minor;
		uint64_t inode;
		char prot[5];
		int name_at = 0;

		if (sscanf(line, "%lx-%lx %4s %*x %x:%x %" SCNu64 " %n", &from, &to, prot,
			   &dev_major, &dev_minor, &inode, &name_at) < 6 ||
		    prot[2] != 'x' || !inode || !name_at)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if ((inode != w->inode || (dev_major << 20 | dev_minor) != w->dev) &&
		    strcmp(line + name_at, w->path) != 0)
			continue;
		snprintf(ret, bytes, "/proc/%u/map_files/%lx-%lx", w->pid, from, to);
		r = 0;
		break;
	}
	fclose(maps);
	return r;
}

static int find_candidate(const struct user_wanted *w, struct candidate *ret)
{
	char path[MAX_PATH_BYTES + 64];
	struct candidate c;
	int r, first;

	if (w->path[0] != '/' || strlen(w->path) >= MAX_PATH_BYTES)
		return -ENOENT;
	if (!w->pid)
		return look_at(w->path, ret);
	snprintf(path, sizeof(path), "/proc/%u/root%s", w->pid, w->path);
	first = look_at(path, &c);
	if (first == 0) {
		if (is_wanted(w, &c) || numbers_differ(&c)) {
			*ret = c;
			return 0;
		}
		close(c.fd);
		first = -ENOENT;
	}
	/* What is executed needs fewer rights than what else is mapped. */
	snprintf(path, sizeof(path), "/proc/%u/exe", w->pid);
	r = w->inode ? look_at(path, &c) : -ENOENT;
	if (r == 0) {
		if (is_wanted(w, &c)) {
			*ret = c;
			return 0;
		}
		close(c.fd);
	}
	r = find_mapping(w, path, sizeof(path));
	if (r == 0)
		r = look_at(path, ret);
	return r == -ENOENT ? first : r;
}

/*
 * Served by a process of this machine, which may make us wait, or show another file to each who
 * reads it? virtiofs has the same magic number, but is the host's.
 */
static bool is_fuse(const struct user_wanted *w, const struct candidate *c)
{
	char path[64], line[LINE_BYTES];
	bool fuse = true;
	FILE *mounts;

	if (c->filesystem != FUSE_SUPER_MAGIC)
		return false;
	if (w->pid)
		snprintf(path, sizeof(path), "/proc/%u/mountinfo", w->pid);
	else
		strcpy(path, "/proc/self/mountinfo");
	mounts = fopen(path, "re");
	while (mounts && fgets(line, sizeof(line), mounts)) {
		unsigned dev_major, dev_minor;
		const char *type = strstr(line, " - ");

		if (sscanf(line, "%*u %*u %u:%u", &dev_major, &dev_minor) == 2 && type &&
		    dev_major == major(c->st.st_dev) && dev_minor == minor(c->st.st_dev))
			fuse = strncmp(type + 3, "virtiofs ", 9) != 0;
	}
	if (mounts)
		fclose(mounts);
	return fuse;
}

static int open_candidate(const struct user_wanted *w, const struct candidate *c,
			  struct reel_err *err)
{
	char path[64];
	int fd;

	if (!S_ISREG(c->st.st_mode))
		return reel_err_set(err, -ENOEXEC, "not a regular file");
	if (w->if_executable && w->pid && !is_executed(w->pid, c))
		return reel_err_set(err, -ENOEXEC, "not what the process executes");
	if (is_fuse(w, c))
		return reel_err_set(err, -EOPNOTSUPP, "it is on a FUSE file system");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", c->fd);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? reel_err_set(err, -errno, "cannot open it: %s", strerror(errno)) : fd;
}

int user_find(const struct user_wanted *wanted, struct reel_err *err)
{
	struct candidate c;
	int r = find_candidate(wanted, &c);

	if (r < 0)
		return reel_err_set(err, r, "cannot find it: %s", strerror(-r));
	r = open_candidate(wanted, &c, err);
	close(c.fd);
	return r;
}
