/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a trap program says what has to lie on tape. Each case runs in a process of its own, does
 * something awkward, and prints a line for expect.py:
 *
 *	expect(1, "'type':'open','pid':%d,'path':'%s'", getpid(), path);
 *
 * so many events have all these fields (single quotes stand for double ones). A name may end in
 *
 *	~	a regular expression that the whole value, as text, must match
 *	!	the field must not be there; its value is ignored
 *
 * expect_some() wants at least one. A case that cannot be provoked here says case_skip().
 */
#ifndef REEL_TESTS_E2E_EXPECT_H
#define REEL_TESTS_E2E_EXPECT_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct trap {
	const char *name;
	void (*run)(void);
};

/* A process has one case at a time, and what it prints goes where the program began printing. */
static const char *case_name;
static int case_out = 1;
static char case_dir[3000]; /* the working directory of each case, empty at its beginning */

__attribute__((format(printf, 1, 0))) static inline void case_print(const char *fmt, va_list ap)
{
	static char text[65536];
	int n = vsnprintf(text, sizeof(text) - 1, fmt, ap);

	if (n < 0 || (size_t)n >= sizeof(text) - 1)
		abort();
	for (int i = 0; i < n; i++) {
		if (text[i] == '\'')
			text[i] = '"';
	}
	text[n] = '\n';
	if (write(case_out, text, (size_t)n + 1) != n + 1)
		abort();
}

__attribute__((format(printf, 1, 2))) static inline void case_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	case_print(fmt, ap);
	va_end(ap);
}

#define expect(n, fmt, ...)                                                                     \
	case_say("{'case':'%s','line':%d,'count':%d,'want':{" fmt "}}", case_name, __LINE__, n, \
		 ##__VA_ARGS__)
#define expect_some(fmt, ...) \
	case_say("{'case':'%s','line':%d,'want':{" fmt "}}", case_name, __LINE__, ##__VA_ARGS__)
#define case_skip(fmt, ...) case_say("{'case':'%s','skip':'" fmt "'}", case_name, ##__VA_ARGS__)

/* What a case relies on; where it does not hold, the case shows nothing and has failed. */
#define need(condition)                                                                       \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			case_say("{'case':'%s','broken':'line %d: %s'}", case_name, __LINE__, \
				 strerror(errno));                                            \
			_exit(1);                                                             \
		}                                                                             \
	} while (0)

/* As the tape has it, not as stat() does. */
static inline unsigned dev_of(const struct stat *st)
{
	return major(st->st_dev) << 20 | minor(st->st_dev);
}

/* "'inode':1,'dev':2" of a descriptor, for an expectation. Keeps the last eight. */
static inline const char *file_id(int fd)
{
	static char text[8][64];
	static unsigned next;
	struct stat st = { 0 };
	char *at = text[next++ % 8];

	need(fstat(fd, &st) == 0);
	snprintf(at, sizeof(text[0]), "'inode':%llu,'dev':%u", (unsigned long long)st.st_ino,
		 dev_of(&st));
	return at;
}

static inline void file_write(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	need(fd >= 0);
	need(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static inline void file_copy(const char *from, const char *to)
{
	char buffer[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n;

	need(in >= 0 && out >= 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		need(write(out, buffer, (size_t)n) == n);
	close(in);
	close(out);
}

/* Waits, and expects the end that it saw. */
static inline int expect_exit(pid_t pid)
{
	int status;

	need(waitpid(pid, &status, __WALL) == pid);
	if (WIFEXITED(status))
		expect(1, "'type':'exit','pid':%d,'code':%d,'signal':0,'core_dumped':false", pid,
		       WEXITSTATUS(status));
	else
		expect(1, "'type':'exit','pid':%d,'signal':%d,'core_dumped':%s", pid,
		       WTERMSIG(status), WCOREDUMP(status) ? "true" : "false");
	expect(1, "'type':'exit','pid':%d", pid);
	return status;
}

/* The process as the initial namespace knows it, wherever it is: /proc is that of the beginning. */
static inline pid_t pid_outside(void)
{
	char text[32] = "";

	need(readlink("/proc/self", text, sizeof(text) - 1) > 0);
	return atoi(text);
}

/* Does the kernel have this type or function? Its BTF has the names of all, one after the other. */
static inline bool kernel_has(const char *name)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	struct stat st = { 0 };
	ssize_t n, used = 0;
	char *text;
	bool found;

	need(fd >= 0 && fstat(fd, &st) == 0);
	text = malloc((size_t)st.st_size);
	need(text);
	while ((n = read(fd, text + used, (size_t)(st.st_size - used))) > 0)
		used += n;
	close(fd);
	found = memmem(text, (size_t)used, name, strlen(name) + 1);
	free(text);
	return found;
}

static inline int traps_run(const struct trap *traps, size_t n, int argc, char **argv)
{
	char top[2000];
	int failed = 0;

	if (!getcwd(top, sizeof(top)))
		return 1;
	case_out = fcntl(1, F_DUPFD_CLOEXEC, 500);
	for (size_t i = 0; i < n; i++) {
		int status;
		pid_t pid;

		if (argc > 1 && strcmp(argv[1], traps[i].name) != 0)
			continue;
		case_name = traps[i].name;
		snprintf(case_dir, sizeof(case_dir), "%s/%s.d", top, case_name);
		if (mkdir(case_dir, 0755) < 0 && errno != EEXIST)
			return 1;
		pid = fork();
		if (pid == 0) {
			alarm(30);
			need(chdir(case_dir) == 0);
			traps[i].run();
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 1;
		if (status) {
			case_say("{'case':'%s','broken':'ended with %#x'}", case_name, status);
			failed = 1;
		}
	}
	return failed;
}

#define TRAPS_MAIN(traps)                                                                \
	int main(int argc, char **argv)                                                  \
	{                                                                                \
		return traps_run(traps, sizeof(traps) / sizeof((traps)[0]), argc, argv); \
	}

#endif
