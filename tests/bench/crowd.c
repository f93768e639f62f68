/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many processes that together make events at a steady rate:
 *
 *	crowd file|name|call PROCESSES EVENTS_A_SECOND SECONDS
 *
 * file	open() and close() of a file of its own, two events
 * name	open() of one that is not there
 * call	getppid()
 *
 * What is late is made up for as long as there is time; what is left then is not made. Says in JSON
 * what was made, how long it took, since when by the monotonic clock, and in how much CPU time.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/pace.h"

enum {
	MOST_PROCESSES = 10000,
	/* Of one of them, so that all together wake up no oftener than 20,000 times a second. */
	TICK_NS = 10 * 1000 * 1000,
	TICK_NS_A_PROCESS = 50 * 1000,
	/* Calls between two looks at the clock. */
	BATCH = 256,
};

struct crowd {
	char kind;
	uint64_t processes, rate, begin_ns, end_ns, tick_ns;
	uint64_t *made; /* by process, shared */
};

/* One event, or two; returns how many. */
static uint64_t make_some(const struct crowd *c, const char *path)
{
	if (c->kind == 'c') {
		(void)syscall(SYS_getppid);
		return 1;
	}
	if (c->kind == 'n') {
		(void)!open(path, O_RDONLY | O_CLOEXEC);
		return 1;
	}
	close(open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
	return 2;
}

static void work(const struct crowd *c, uint64_t number)
{
	/* Ticks of all are spread over one. */
	uint64_t next = c->begin_ns + c->tick_ns * number / c->processes, done = 0;
	double each_ns = (double)SECOND_NS * (double)c->processes / (double)c->rate;
	char path[32];

	snprintf(path, sizeof(path), "%" PRIu64, number);
	for (uint64_t now = 0; now < c->end_ns; next += c->tick_ns) {
		sleep_until(next < c->end_ns ? next : c->end_ns);
		now = now_ns();
		while ((double)done * each_ns < (double)(now - c->begin_ns) && now < c->end_ns) {
			for (unsigned i = 0;
			     i < BATCH && (double)done * each_ns < (double)(now - c->begin_ns); i++)
				done += make_some(c, path);
			now = now_ns();
		}
	}
	c->made[number] = done;
	unlink(path);
}

int main(int argc, char **argv)
{
	struct crowd c = { 0 };
	struct rusage used;
	uint64_t made = 0, seconds;
	char place[] = "/dev/shm/reel-crowd.XXXXXX";

	if (argc != 5 ||
	    (strcmp(argv[1], "file") && strcmp(argv[1], "name") && strcmp(argv[1], "call"))) {
		fputs("crowd file|name|call PROCESSES EVENTS_A_SECOND SECONDS\n", stderr);
		return 2;
	}
	c.kind = argv[1][0];
	c.processes = strtoull(argv[2], NULL, 10);
	c.rate = strtoull(argv[3], NULL, 10);
	seconds = strtoull(argv[4], NULL, 10);
	if (!c.processes || c.processes > MOST_PROCESSES || !c.rate || !seconds ||
	    !mkdtemp(place) || chdir(place) < 0)
		return 2;
	c.made = mmap(NULL, c.processes * sizeof(*c.made), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c.made == MAP_FAILED)
		return 1;
	c.tick_ns = c.processes * TICK_NS_A_PROCESS > TICK_NS ? c.processes * TICK_NS_A_PROCESS :
								TICK_NS;
	/* All are there before the first begins: to fork one takes less than that, recorded too. */
	c.begin_ns = now_ns() + SECOND_NS / 10 + c.processes * 1000 * 1000;
	c.end_ns = c.begin_ns + seconds * SECOND_NS;
	for (uint64_t i = 0; i < c.processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0) {
			work(&c, i);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	for (uint64_t i = 0; i < c.processes; i++)
		made += c.made[i];
	getrusage(RUSAGE_CHILDREN, &used);
	if (chdir("/") == 0)
		rmdir(place);
	printf("{\"made\":%" PRIu64 ",\"seconds\":%" PRIu64 ",\"begin_s\":%.3f,\"cpu_s\":%.3f}\n",
	       made, seconds, (double)c.begin_ns / 1e9,
	       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	return 0;
}
