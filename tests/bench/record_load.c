/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls in a loop, to be run with and without the recorder:
 *
 *	record_load KIND CALLS [THREADS]
 *
 * io      pread() of one byte
 * path    ftruncate() of such a file, which changes nothing
 * open    open() and close() of a file six directories down
 * close   close() of no descriptor
 * flood   getppid(), on as many CPUs as there are threads
 *
 * Says in JSON how many calls were made and how long one took, in CPU time and by the clock.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 64 };

struct load {
	const char *kind;
	unsigned long calls;
	int cpu;
	double cpu_ns, wall_ns;
};

static double now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *run(void *arg)
{
	struct load *l = arg;
	cpu_set_t one;
	double cpu, wall;
	char byte;
	int fd;

	CPU_ZERO(&one);
	CPU_SET(l->cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
	fd = open("a/b/c/d/e/f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	(void)!write(fd, "x", 1);
	cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
	wall = now_ns(CLOCK_MONOTONIC);
	for (unsigned long i = 0; i < l->calls; i++) {
		switch (l->kind[0]) {
		case 'i':
			(void)!pread(fd, &byte, 1, 0);
			break;
		case 'p':
			(void)!ftruncate(fd, 1);
			break;
		case 'o':
			close(open("a/b/c/d/e/f", O_RDONLY | O_CLOEXEC));
			break;
		case 'c':
			close(-1);
			break;
		default:
			(void)syscall(SYS_getppid);
			break;
		}
	}
	l->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	l->wall_ns = now_ns(CLOCK_MONOTONIC) - wall;
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	static const char *const dirs[] = { "a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/e" };
	/* In memory, where a disk's own doings do not show. */
	char place[] = "/dev/shm/reel-load.XXXXXX";
	struct load loads[MOST_THREADS];
	pthread_t threads[MOST_THREADS];
	unsigned n = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	double cpu_ns = 0, wall_ns = 0;

	if (argc < 3 || n < 1 || n > MOST_THREADS || !mkdtemp(place) || chdir(place) < 0) {
		fputs("record_load KIND CALLS [THREADS]\n", stderr);
		return 2;
	}
	for (unsigned i = 0; i < 5; i++)
		mkdir(dirs[i], 0700);
	for (unsigned i = 0; i < n; i++) {
		loads[i] = (struct load){ argv[1], strtoul(argv[2], NULL, 10), (int)i, 0, 0 };
		if (pthread_create(&threads[i], NULL, run, &loads[i]) != 0)
			return 1;
	}
	for (unsigned i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		cpu_ns += loads[i].cpu_ns / (double)loads[i].calls / n;
		wall_ns += loads[i].wall_ns / (double)loads[i].calls / n;
	}
	unlink("a/b/c/d/e/f");
	for (unsigned i = 5; i-- > 0;)
		rmdir(dirs[i]);
	if (chdir("/") == 0)
		rmdir(place);
	printf("{\"kind\":\"%s\",\"calls\":%lu,\"cpu_ns\":%.1f,\"wall_ns\":%.1f}\n", argv[1],
	       loads[0].calls * n, cpu_ns, wall_ns);
	return 0;
}
