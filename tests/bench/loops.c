/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plain loops that recorders are compared with:
 *
 *	loops getpid|open|exec|dd N
 *	loops cpu PID...
 *
 * getpid  one call
 * open    open, read and close of a small file: three calls
 * exec    fork, exec of true and wait
 * dd      read of a byte from /dev/zero, write of it to /dev/null: two calls
 * cpu     none: the CPU time of these processes in ns, with that of threads that have ended
 *
 * Says in JSON how long one round took, by the clock and in CPU time, children included.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double cpu_ns(void)
{
	const int whose[] = { RUSAGE_SELF, RUSAGE_CHILDREN };
	double ns = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct rusage r;

		getrusage(whose[i], &r);
		ns += (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e9 +
		      (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e3;
	}
	return ns;
}

static void by_getpid(unsigned long n)
{
	while (n--)
		syscall(SYS_getpid);
}

static void by_open(unsigned long n)
{
	char buf[512];

	while (n--) {
		int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);

		(void)!read(fd, buf, sizeof(buf));
		close(fd);
	}
}

static void by_exec(unsigned long n)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	while (n--) {
		pid_t pid;

		if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0)
			waitpid(pid, NULL, 0);
	}
}

static void by_dd(unsigned long n)
{
	int from = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char byte = 0;

	while (n--) {
		(void)!read(from, &byte, 1);
		(void)!write(to, &byte, 1);
	}
	close(from);
	close(to);
}

static int by_cpu(char **pids)
{
	long long ns = 0;

	for (; *pids; pids++) {
		struct timespec t;
		clockid_t clock;

		if (clock_getcpuclockid((pid_t)strtol(*pids, NULL, 10), &clock) == 0 &&
		    clock_gettime(clock, &t) == 0)
			ns += t.tv_sec * 1000000000ll + t.tv_nsec;
	}
	printf("%lld\n", ns);
	return 0;
}

static const struct {
	const char *kind;
	void (*run)(unsigned long n);
} loops[] = {
	{ "getpid", by_getpid },
	{ "open", by_open },
	{ "exec", by_exec },
	{ "dd", by_dd },
};

int main(int argc, char **argv)
{
	unsigned long n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (argc > 1 && strcmp(argv[1], "cpu") == 0)
		return by_cpu(argv + 2);
	for (unsigned i = 0; n && i < sizeof(loops) / sizeof(*loops); i++) {
		double wall, cpu;

		if (strcmp(loops[i].kind, argv[1]))
			continue;
		loops[i].run(n / 20);
		cpu = cpu_ns();
		wall = wall_ns();
		loops[i].run(n);
		wall = (wall_ns() - wall) / (double)n;
		cpu = (cpu_ns() - cpu) / (double)n;
		printf("{\"kind\":\"%s\",\"rounds\":%lu,\"wall_ns\":%.1f,\"cpu_ns\":%.1f}\n",
		       argv[1], n, wall, cpu);
		return 0;
	}
	fputs("loops getpid|open|exec|dd N\nloops cpu PID...\n", stderr);
	return 2;
}
