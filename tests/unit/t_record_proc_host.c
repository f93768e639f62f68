/* SPDX-License-Identifier: BSD-2-Clause */
/* What a keyframe says of the host: of namespaces, files and cgroups that the test has made. */
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "tests/unit/record_proc.h"

/* Mounts ------------------------------------------------------------------------------------- */

#define ODD "a b\t\n\\134#c"

static void have_mounts(struct shared *s, int ready)
{
	struct stat st;

	(void)ready;
	must(s, leave_spaces(CLONE_NEWNS));
	must(s, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(s, mkdir(ODD, 0755));
	must(s, mount("so urce", ODD, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k"));
	must(s, stat(ODD, &st));
	s->number[0] = space_of("mnt");
	s->number[1] = dev_of(&st);
	must(s, mkdir(ODD "/sub", 0755));
	must(s, mkdir("bound", 0755));
	must(s, mount(ODD "/sub", "bound", NULL, MS_BIND, NULL));
	must(s, mount(NULL, "bound", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
}

/* One that sees the same mounts, but not all of them, with a lower pid. */
static void chroot_into(struct shared *s, const char *root)
{
	char path[64];
	int fd;

	while (!s->number[10])
		usleep(1000);
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)s->number[10]);
	fd = open(path, O_RDONLY);
	must(s, setns(fd, CLONE_NEWNS));
	must(s, chroot(root));
	close(fd);
}

static const struct item *mount_of(const struct kept *k, uint64_t space, const char *path)
{
	for (size_t i = 0; i < k->n; i++) {
		struct bytes b;

		if (k->items[i]->h.type != EV_mounted ||
		    ((struct ev_mounted *)k->items[i]->payload)->mnt_ns != space)
			continue;
		b = string_of(k->items[i], "path");
		if (b.length == strlen(path) && memcmp(b.at, path, b.length) == 0)
			return k->items[i];
	}
	return NULL;
}

static size_t lines_of(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void check_mounts(const struct kept *k, const struct shared *s, const char *scratch)
{
	const struct ev_mounted *e, *bound;
	const struct item *item;
	struct bytes data;
	char path[5000];

	snprintf(path, sizeof(path), "%s/" ODD, scratch);
	item = mount_of(k, s->number[0], path);
	if (!item) {
		T_FAIL("no mount %s", path);
		return;
	}
	e = (const void *)item->payload;
	CHECK_EQ(e->dev, s->number[1]);
	CHECK_STRING(item, "root", "/");
	CHECK_STRING(item, "fstype", "tmpfs");
	CHECK_STRING(item, "source", "so urce");
	data = string_of(item, "data");
	CHECK(data.length > 3 && memcmp(data.at, "rw,", 3) == 0);
	CHECK(memmem(data.at, data.length, ",nosuid", 7) &&
	      memmem(data.at, data.length, ",noexec", 7));
	CHECK(memmem(data.at, data.length, ",size=64k", 9));
	CHECK(!memmem(data.at, data.length, ",rw", 3));

	snprintf(path, sizeof(path), "%s/bound", scratch);
	item = mount_of(k, s->number[0], path);
	if (!item) {
		T_FAIL("no mount %s", path);
		return;
	}
	bound = (const void *)item->payload;
	CHECK_STRING(item, "root", "/sub");
	CHECK_EQ(bound->dev, e->dev);
	CHECK_EQ(bound->parent_id, e->parent_id);
	CHECK(bound->mount_id != e->mount_id);
	/* Of the two it is the mount that is read-only. */
	CHECK(memcmp(string_of(item, "data").at, "ro,", 3) == 0);
}

TEST(mounts_of_each_namespace)
{
	struct shared *s = share();
	char scratch[2000], path[64];
	bool made;
	struct kept k;
	pid_t pid;

	enter_scratch(scratch, sizeof(scratch));
	pid = start(have_mounts, s);
	made = s->failed == -1;
	if (made) {
		size_t own = lines_of("/proc/self/mountinfo");

		k = look_at_host(pid, HOST_MOUNTS);
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
		CHECK_EQ(count(&k, EV_mounted, 0), own + lines_of(path));
		CHECK(mount_of(&k, space_of("mnt"), "/"));
		check_mounts(&k, s, scratch);
		forget(&k);
	}
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
	if (!made)
		SKIP("no mount namespace can be made here");
}

TEST(mounts_where_the_first_process_is_chrooted)
{
	struct shared *s, *t;
	char scratch[2000];
	struct only who;
	struct host_options o = { .wants = is_one_of, .wants_arg = &who, .parts = HOST_MOUNTS };
	struct kept k = { 0 };
	struct record_sink sink = { keep, &k };
	pid_t inner, outer;

	if (geteuid() != 0)
		SKIP("not root: a mount namespace cannot be entered");
	s = share();
	t = share();
	enter_scratch(scratch, sizeof(scratch));
	/* The one that waits to be chrooted comes first. */
	inner = fork();
	if (inner == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		chroot_into(t, scratch);
		t->number[11] = 1;
		sleep_forever();
	}
	outer = start(have_mounts, s);
	t->number[10] = (uint64_t)outer;
	for (unsigned i = 0; i < 5000 && !t->number[11]; i++)
		usleep(1000);
	CHECK_EQ(s->failed, -1);
	CHECK_EQ(t->failed, 0);
	who = (struct only){ { inner, outer } };
	CHECK_EQ(host_keyframe(&o, &sink, &k.totals, NULL), 0);
	check_mounts(&k, s, scratch);
	forget(&k);
	/* Alone it is better than nothing. */
	who = (struct only){ { inner } };
	CHECK_EQ(host_keyframe(&o, &sink, &k.totals, NULL), 0);
	CHECK(mount_of(&k, s->number[0], "/" ODD));
	forget(&k);
	reap(inner);
	reap(outer);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
	munmap(t, sizeof(*t));
}

/* Accounts ----------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text, unsigned extra)
{
	FILE *f = fopen(path, "w");

	if (!f)
		abort();
	fputs(text, f);
	for (unsigned i = 0; i < extra; i++)
		fprintf(f, "u%u:x:%u:7::/:\n", i, i);
	fclose(f);
}

static void long_line(const char *path)
{
	FILE *f = fopen(path, "a");

	if (!f)
		abort();
	fprintf(f, "huge:x:9:");
	for (unsigned i = 0; i < 300000; i++)
		putc('m', f);
	fprintf(f, "\nlast:x:10:");
	fclose(f);
}

/* With files of its own over those of the host. Checks here, since nobody else sees them. */
static void have_accounts(struct shared *s, int ready)
{
	const struct ev_account *e;
	struct kept k;

	(void)ready;
	write_file("passwd",
		   "root:x:0:0:root:/root:/bin/sh\n# comment\n\n+nis\nbad:x:y:0::/:/\n"
		   "short:x:1\nna\xffme:x:4000000000:5:a,b:/ho me:\n",
		   70000);
	write_file("group", "wheel:x:3:root,a\n-x\nbad:x\n", 0);
	long_line("group");
	must(s, leave_spaces(CLONE_NEWNS));
	must(s, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(s, mount("passwd", "/etc/passwd", NULL, MS_BIND, NULL));
	must(s, mount("group", "/etc/group", NULL, MS_BIND, NULL));
	if (s->failed)
		return;
	k = look_at_host(0, HOST_ACCOUNTS);
	s->number[1] = k.n;
	s->number[2] = k.totals.left_out;
	if (k.n > 65536) {
		CHECK_STRING(k.items[0], "name", "root");
		CHECK_STRING(k.items[0], "home", "/root");
		CHECK_STRING(k.items[0], "shell", "/bin/sh");
		CHECK_STRING(k.items[1], "name", "na\xffme");
		CHECK_STRING(k.items[1], "home", "/ho me");
		CHECK_STRING(k.items[1], "shell", "");
		e = (const void *)k.items[1]->payload;
		CHECK_EQ(e->account_id, 4000000000);
		CHECK_EQ(e->gid, 5);
		CHECK_EQ(e->kind, 0);
		CHECK_STRING(k.items[k.n - 2], "name", "wheel");
		CHECK_STRING(k.items[k.n - 2], "home", "");
		e = (const void *)k.items[k.n - 2]->payload;
		CHECK_EQ(e->account_id, 3);
		CHECK_EQ(e->gid, 3);
		CHECK_EQ(e->kind, 1);
		CHECK_STRING(k.items[k.n - 1], "name", "last");
	}
	s->number[0] = t_state.failed;
	forget(&k);
}

TEST(accounts)
{
	struct shared *s = share();
	char scratch[4096];
	struct kept k = look_at_host(0, HOST_ACCOUNTS);
	bool made;
	pid_t pid;

	CHECK(k.n > 0 || access("/etc/passwd", R_OK) < 0);
	forget(&k);
	enter_scratch(scratch, sizeof(scratch));
	pid = start(have_accounts, s);
	made = s->failed == -1;
	if (made) {
		CHECK_EQ(s->number[0], 0);
		/* Of 65,536 lines in passwd 5 are no users. */
		CHECK_EQ(s->number[1], 65536 - 5 + 2);
		/* Two bad users, what is over the limit, a bad group, one that is too long. */
		CHECK_EQ(s->number[2], 5);
	}
	reap(pid);
	leave_scratch(scratch);
	munmap(s, sizeof(*s));
	if (!made)
		SKIP("nothing can be mounted here");
}

/* Cgroups ------------------------------------------------------------------------------------- */

static bool enter_cgroup(const char *path, pid_t pid)
{
	char file[400], text[20];
	int fd, n = snprintf(text, sizeof(text), "%d", pid);
	bool entered;

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	fd = open(file, O_WRONLY);
	entered = fd >= 0 && write(fd, text, (size_t)n) == n;
	if (fd >= 0)
		close(fd);
	return entered;
}

static void be_plain(struct shared *s, int ready)
{
	(void)s;
	(void)ready;
}

static void check_cgroup(pid_t pid, const char *mount, const char *path, bool is_v2)
{
	struct kept k = look_at_host(0, HOST_CGROUPS), p = look(pid, PROC_PROCESSES);
	const char *want = path + strlen(mount);
	const struct item *item = NULL;
	const struct ev_cgroup *e;
	struct stat st;
	bool root = false;

	CHECK_EQ(stat(path, &st), 0);
	for (size_t i = 0; i < k.n; i++) {
		struct bytes b = string_of(k.items[i], "path");

		e = (const void *)k.items[i]->payload;
		root |= b.length == 1 && !e->hierarchy == is_v2;
		/* Ids are those of a hierarchy: another one may have the same. */
		if (b.length == strlen(want) && !memcmp(b.at, want, b.length))
			item = k.items[i];
	}
	CHECK(root);
	CHECK(item);
	if (item) {
		e = (const void *)item->payload;
		CHECK_EQ(e->cgroup, st.st_ino);
		CHECK_EQ(!e->hierarchy, is_v2);
		CHECK_EQ(e->change, 0);
	}
	item = nth(&p, EV_process, pid, 0);
	CHECK(item);
	if (item)
		CHECK_EQ(((const struct ev_process *)item->payload)->cgroup, st.st_ino);
	forget(&k);
	forget(&p);
}

TEST(cgroups)
{
	static const char *const mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup",
					      "/sys/fs/cgroup/pids" };
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++) {
		char outer[300], inner[320];
		struct statfs fs;
		struct shared *s;
		bool is_v2;
		pid_t pid;

		if (statfs(mounts[i], &fs) < 0)
			continue;
		is_v2 = fs.f_type == CGROUP2_SUPER_MAGIC;
		if (!is_v2 && fs.f_type != CGROUP_SUPER_MAGIC)
			continue;
		snprintf(outer, sizeof(outer), "%s/reel test %d \xff", mounts[i], getpid());
		snprintf(inner, sizeof(inner), "%s/in", outer);
		if (mkdir(outer, 0755) < 0)
			continue;
		s = share();
		pid = start(be_plain, s);
		if (mkdir(inner, 0755) == 0 && enter_cgroup(inner, pid)) {
			check_cgroup(pid, mounts[i], inner, is_v2);
			n++;
		}
		reap(pid);
		rmdir(inner);
		CHECK_EQ(rmdir(outer), 0);
		munmap(s, sizeof(*s));
	}
	if (!n)
		SKIP("no cgroup can be made here");
}
