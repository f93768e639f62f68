/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that processes have open or mapped, in a keyframe from /proc. */
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "tests/unit/record_proc.h"

/* Descriptors -------------------------------------------------------------------------------- */

enum { MANY = 400, HIGH = 480 };

static void have_descriptors(struct shared *s, int ready)
{
	int ends[2];

	(void)ready;
	close_range(3, 499, 0);
	must(s, open("fi le\n", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
	must(s, open(".", O_RDONLY | O_DIRECTORY));
	must(s, open("fi le\n", O_PATH | O_NOFOLLOW));
	must(s, pipe2(ends, O_NONBLOCK));
	must(s, socket(AF_UNIX, SOCK_STREAM, 0));
	must(s, eventfd(0, EFD_CLOEXEC));
	must(s, epoll_create1(0));
	must(s, memfd_create("m", 0));
	must(s, open("/dev/null", O_WRONLY));
	must(s, unlink("fi le\n"));
	must(s, fcntl(3, F_DUPFD, HIGH) - HIGH);
	for (unsigned i = 0; i < MANY; i++)
		must(s, dup(11));
}

struct fd_want {
	const char *path; /* behind the working directory where it begins with "./" */
	uint32_t flags, mode;
};

TEST(descriptors)
{
	static const struct fd_want wants[] = {
		{ "./fi le\n (deleted)", O_RDWR | O_APPEND | O_CLOEXEC, S_IFREG | 0640 },
		{ ".", O_RDONLY | O_DIRECTORY, S_IFDIR | 0700 },
		{ "./fi le\n (deleted)", O_PATH | O_NOFOLLOW, S_IFREG | 0640 },
		{ "pipe:[", O_RDONLY | O_NONBLOCK, S_IFIFO | 0600 },
		{ "pipe:[", O_WRONLY | O_NONBLOCK, S_IFIFO | 0600 },
		{ "socket:[", O_RDWR, S_IFSOCK | 0777 },
		{ "anon_inode:[eventfd]", O_RDWR | O_CLOEXEC, 0 },
		{ "anon_inode:[eventpoll]", O_RDWR, 0 },
		{ "/memfd:m (deleted)", O_RDWR, S_IFREG | 0777 },
		{ "/dev/null", O_WRONLY, S_IFCHR | 0666 },
	};
	/* Beyond 32 bits of file sizes the kernel has a flag of its own. */
	const uint32_t large = 0100000;
	struct shared *s = share();
	char scratch[4096], want[5000], link[64];
	struct kept k;
	pid_t pid;

	enter_scratch(scratch, sizeof(scratch));
	pid = start(have_descriptors, s);
	CHECK_EQ(s->failed, -1);
	k = look(pid, PROC_FDS);
	CHECK_EQ(count(&k, EV_process, 0), 0);
	CHECK_EQ(count(&k, EV_fd, pid), 3 + 10 + 1 + MANY);
	for (unsigned i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		struct item *item = nth(&k, EV_fd, pid, 3 + i);
		struct ev_fd *e;
		struct stat st;

		REQUIRE(item);
		e = (void *)item->payload;
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, (int)(3 + i));
		CHECK_EQ(stat(link, &st), 0);
		CHECK_EQ(e->fd, 3 + i);
		CHECK_EQ(e->flags & ~large, wants[i].flags);
		CHECK_EQ(e->mode, st.st_mode);
		if (wants[i].mode)
			CHECK_EQ(e->mode & (S_IFMT | 0700), wants[i].mode & (S_IFMT | 0700));
		CHECK_EQ(e->inode, st.st_ino);
		CHECK_EQ(e->dev, dev_of(&st));
		CHECK_EQ(item->h.flags, EV_KEYFRAME);
		snprintf(want, sizeof(want), "%s%s", wants[i].path[0] == '.' ? scratch : "",
			 wants[i].path + (wants[i].path[0] == '.'));
		if (strchr(want, '[') && !strchr(want, ']'))
			snprintf(want + strlen(want), 40, "%llu]", (unsigned long long)e->inode);
		CHECK_STRING(item, "path", want);
	}
	forget(&k);
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
}

/* Maps --------------------------------------------------------------------------------------- */

static void map_files(struct shared *s, int ready)
{
	static const char *const names[] = { "new\nline", "new\\012line" };

	(void)ready;
	for (unsigned i = 0; i < 2; i++) {
		int prot = PROT_EXEC | (i ? PROT_READ : PROT_READ | PROT_WRITE);
		int fd = open(names[i], O_RDWR | O_CREAT, 0700);
		struct stat st;
		void *at;

		must(s, ftruncate(fd, 10000));
		at = mmap(NULL, 8192, prot, MAP_PRIVATE, fd, 0);
		must(s, at == MAP_FAILED ? -1 : fstat(fd, &st));
		s->number[2 * i] = (uint64_t)(uintptr_t)at;
		s->number[2 * i + 1] = st.st_ino;
		/* These are not to be told. */
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
		close(fd);
	}
	must(s, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
				MAP_FAILED ?
			-1 :
			0);
	must(s, rename("new\nline", "new\nname"));
}

static const struct item *map_at(const struct kept *k, uint64_t addr)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->items[i]->h.type == EV_map &&
		    ((struct ev_map *)k->items[i]->payload)->addr == addr)
			return k->items[i];
	return NULL;
}

TEST(mapped_files)
{
	struct shared *s = share();
	char scratch[4096], want[5000];
	struct kept k, own;
	pid_t pid;

	enter_scratch(scratch, sizeof(scratch));
	own = look(getpid(), PROC_MAPS);
	pid = start(map_files, s);
	CHECK_EQ(s->failed, -1);
	k = look(pid, PROC_MAPS);
	CHECK_EQ(count(&k, EV_map, pid), count(&own, EV_map, getpid()) + 2);
	CHECK(count(&own, EV_map, getpid()) >= 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct item *item = map_at(&k, s->number[2 * i]);
		const struct ev_map *e;
		struct stat st;

		REQUIRE(item);
		e = (const void *)item->payload;
		CHECK_EQ(stat(".", &st), 0);
		CHECK_EQ(e->length, 8192);
		CHECK_EQ(e->inode, s->number[2 * i + 1]);
		CHECK_EQ(e->dev, dev_of(&st));
		CHECK_EQ(e->prot, PROT_READ | PROT_EXEC | (i ? 0 : PROT_WRITE));
		snprintf(want, sizeof(want), "%s/%s", scratch, i ? "new\\012line" : "new\nname");
		if (i == 0 || geteuid() == 0)
			CHECK_STRING(item, "path", want);
	}
	forget(&k);
	forget(&own);
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
}

/* Devices ------------------------------------------------------------------------------------ */

/* A file that only the lower layer has, for which stat() has a device of its own. */
static void have_overlay(struct shared *s, int ready)
{
	struct stat st;
	void *at;
	int fd;

	(void)ready;
	must(s, unshare(CLONE_NEWNS));
	must(s, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(s, mkdir("lower", 0755) + mkdir("upper", 0755) + mkdir("merged", 0755));
	must(s, mount("lower", "lower", "tmpfs", 0, NULL));
	must(s, mount("upper", "upper", "tmpfs", 0, NULL));
	must(s, mkdir("upper/data", 0755) + mkdir("upper/work", 0755));
	close(open("lower/file", O_CREAT | O_WRONLY, 0755));
	must(s, truncate("lower/file", 4096));
	must(s, mount("overlay", "merged", "overlay", 0,
		      "lowerdir=lower,upperdir=upper/data,workdir=upper/work,xino=off"));
	fd = open("merged/file", O_RDONLY);
	must(s, fstat(fd, &st));
	s->number[0] = dev_of(&st);
	must(s, stat("merged", &st));
	s->number[1] = dev_of(&st);
	s->number[2] = (uint64_t)fd;
	at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	s->number[3] = (uint64_t)(uintptr_t)at;
}

TEST(devices_are_the_kernels_own)
{
	struct shared *s = share();
	char scratch[4096];
	struct kept k;
	bool made;
	pid_t pid;

	enter_scratch(scratch, sizeof(scratch));
	pid = start(have_overlay, s);
	made = s->failed == -1;
	if (made) {
		const struct item *map;
		const struct ev_fd *fd = NULL;

		k = look(pid, PROC_FDS | PROC_MAPS);
		for (size_t i = 0; i < count(&k, EV_fd, pid); i++) {
			const struct ev_fd *e = (void *)nth(&k, EV_fd, pid, i)->payload;

			if (e->fd == (int32_t)s->number[2])
				fd = e;
		}
		map = map_at(&k, s->number[3]);
		REQUIRE(map && fd);
		CHECK(s->number[0] != s->number[1]);
		CHECK_EQ(fd->dev, s->number[1]);
		CHECK_EQ(((const struct ev_map *)map->payload)->dev, s->number[1]);
		CHECK_EQ(((const struct ev_map *)map->payload)->inode, fd->inode);
		forget(&k);
	}
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
	if (!made)
		SKIP("no overlay can be mounted here");
}
