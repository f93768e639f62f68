/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format/confine_calls.h"
#include "format/confine_impl.h"

#define READING (LANDLOCK_READ_FILE | LANDLOCK_READ_DIR)
#define OVERWRITING (LANDLOCK_WRITE_FILE | LANDLOCK_TRUNCATE)
#define CAP(name) (1ull << (name))

/*
 * Who only makes new files is not kept by Landlock from writing to those that are there, but by the
 * filter, which refuses to open them for it. So a segment can be linked to where it is kept: a
 * place that allows more than the one it comes from would not get it.
 */
void confine_reader_begin(struct confine_reader *c)
{
	struct confine_landlock_rights rights;
	int abi = confine_landlock_abi();

	c->landlock_fd = -1;
	c->landlock_failed = abi < 0 ? abi : 0;
	if (abi < 0)
		return;
	confine_landlock_rights(abi, &rights);
	c->handled = rights.fs;
	if (c->reads_anywhere)
		c->handled &= ~(uint64_t)READING;
	if (c->makes_files && !c->writes_database)
		c->handled &= ~(uint64_t)OVERWRITING;
	c->read_rights = READING;
	if (c->makes_files)
		c->read_rights |= LANDLOCK_REFER;
	c->read_rights &= c->handled;
	c->write_rights = rights.directory & c->handled;
	c->landlock_failed = confine_landlock_begin(abi, c->handled, &c->landlock_fd);
}

static void allow(struct confine_reader *c, const char *path, uint64_t rights)
{
	int fd, r;

	if (c->landlock_fd < 0 || !rights || strcmp(path, "-") == 0)
		return;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return; /* whoever opens it says so */
	r = confine_landlock_allow(c->landlock_fd, fd, rights);
	/* EBADFD: a pipe, which Landlock leaves alone. */
	if (r < 0 && r != -EBADFD && !c->landlock_failed)
		c->landlock_failed = r;
	close(fd);
}

/* What PATH is in. NULL: no memory. */
static char *directory_of(const char *path)
{
	const char *end = path + strlen(path), *slash;

	while (end > path + 1 && end[-1] == '/')
		end--;
	slash = memrchr(path, '/', (size_t)(end - path));
	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

void confine_reader_may_read(struct confine_reader *c, const char *path)
{
	allow(c, path, c->read_rights);
}

static void allow_beside(struct confine_reader *c, const char *path, const char *name)
{
	char *directory = directory_of(path), *beside;

	if (directory && (beside = malloc(strlen(directory) + strlen(name) + 2))) {
		stpcpy(stpcpy(stpcpy(beside, directory), "/"), name);
		allow(c, beside, c->read_rights);
		free(beside);
	}
	free(directory);
}

/* The lock tells whether a segment is being written. To link one, its directory must allow it. */
void confine_reader_may_read_capture(struct confine_reader *c, const char *path)
{
	struct stat st;

	allow(c, path, c->read_rights);
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		allow_beside(c, path, c->makes_files ? "." : ".lock");
}

void confine_reader_may_write_in(struct confine_reader *c, const char *directory)
{
	struct stat st;

	if (stat(directory, &st) == 0 && S_ISDIR(st.st_mode))
		allow(c, directory, c->write_rights);
	else
		confine_reader_may_write(c, directory);
}

void confine_reader_may_write(struct confine_reader *c, const char *path)
{
	char *real = realpath(path, NULL), *directory = directory_of(real ? real : path);

	if (directory)
		allow(c, directory, c->write_rights);
	free(directory);
	free(real);
}

void confine_reader_may_remove(struct confine_reader *c, const char *path)
{
	char *directory = directory_of(path);
	struct stat st;

	if (directory && lstat(path, &st) == 0)
		allow(c, directory,
		      S_ISDIR(st.st_mode) ? LANDLOCK_REMOVE_DIR : LANDLOCK_REMOVE_FILE);
	free(directory);
}

static bool may_spill_to(struct confine_reader *c, const char *directory)
{
	if (!directory || !*directory || access(directory, W_OK | X_OK) < 0)
		return false;
	allow(c, directory, c->write_rights & ~(uint64_t)LANDLOCK_MAKE_DIR);
	return true;
}

/* In the order in which SQLite looks for a place; others look at TMPDIR only. */
void confine_reader_may_spill(struct confine_reader *c)
{
	bool own = may_spill_to(c, getenv("SQLITE_TMPDIR"));

	if (!may_spill_to(c, getenv("TMPDIR")) && !own && !may_spill_to(c, "/var/tmp"))
		(void)may_spill_to(c, "/tmp");
}

static uint32_t roles_of(const struct confine_reader *c)
{
	return CALLS_READER | (c->makes_files ? CALLS_MAKER : 0) |
	       (c->writes_database ? CALLS_DATABASE : 0) | (c->makes_code ? CALLS_COMPILER : 0) |
	       (c->narrows_later ? CALLS_NARROWER : 0);
}

uint64_t confine_reader_caps(const struct confine_reader *c)
{
	bool writes = c->makes_files || c->writes_database;

	return CAP(CAP_DAC_READ_SEARCH) | (writes ? CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER) : 0);
}

/* A rule that is missing would refuse what is needed. */
static int landlock_of(const struct confine_reader *c, struct confine_report *ret)
{
	if (!c->landlock_failed)
		return c->landlock_fd;
	if (c->landlock_failed == -EOPNOTSUPP)
		confine_tell(ret, CONFINE_LANDLOCK, CONFINE_NOT_THERE,
			     "the kernel has no Landlock");
	else
		confine_tell(ret, CONFINE_LANDLOCK, CONFINE_REFUSED, "%s",
			     strerror(-c->landlock_failed));
	return -1;
}

void confine_reader_end(struct confine_reader *c, struct confine_report *ret)
{
	struct confine_rights rights = { .keep_caps = confine_reader_caps(c) };

	memset(ret, 0, sizeof(*ret));
	rights.landlock_fd = landlock_of(c, ret);
	confine_give_up(&rights);
	confine_tell_rights(ret, &rights);
	if (geteuid() == 0)
		confine_forbid_dumps(ret);
	else
		confine_tell(ret, CONFINE_DUMPABLE, CONFINE_NOT_WANTED, "%s", "");
	confine_filter_calls(roles_of(c), c->may_signal, ret);
	confine_reader_drop(c);
}

void confine_reader_narrow(struct confine_reader *c)
{
	if (c->landlock_fd >= 0 && !c->landlock_failed)
		(void)syscall(SYS_landlock_restrict_self, c->landlock_fd, 0);
	confine_reader_drop(c);
}

void confine_reader_drop(struct confine_reader *c)
{
	if (c->landlock_fd >= 0)
		close(c->landlock_fd);
	c->landlock_fd = -1;
}
