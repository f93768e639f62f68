/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a known number of every system call that the recorder knows, and prints how often each of
 * its threads made which, with which result:
 *
 *	count [-p PROCESSES] [-t THREADS] [-r ROUNDS] [-c CPUS] [-s STEP,...] [-w DIR]
 *	      [-T SECONDS] [-g MICROSECONDS] [-a SECONDS] [-i]
 *
 * Each process has THREADS threads, which run ROUNDS rounds of the steps side by side, or as many
 * as there is time for, with a rest (-g) after each. With -c they are pinned to CPU 0, 1, ... in
 * turn, so that it is also known which CPU made the call. -i waits for the end of standard input
 * first, -a before anything is printed, which are calls too, and none of those that are counted: a
 * recorder that lags must have caught up by then. Needs root.
 *
 * A line of output is an object: {"worker": ...} with the calls of a thread as "type call error"
 * and how often; {"child": ...} a process that a worker made; {"process": ...} one of workers.
 */
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/e2e/count.h"
#include "tests/e2e/count_file.h"
#include "tests/e2e/count_net.h"
#include "tests/e2e/count_rest.h"

/* clang-format off */
static const struct step steps[] = {
	{ "open", step_open, 1 },
	{ "names", step_names, 1 },
	{ "attributes", step_attributes, 1 },
	{ "handle", step_handle, 1 },
	{ "mount", step_mount, 64 },
	{ "io", step_io, 1 },
	{ "look", step_look, 1 },
	{ "socket", step_socket, 4 },
	{ "tcp", step_tcp, 8 },
	{ "udp", step_udp, 1 },
	{ "unix", step_unix, 4 },
	{ "pass", step_pass, 1 },
	{ "fork", step_fork, 64 },
	{ "run", step_run, 64 },
	{ "exec", step_exec, 4 },
	{ "process", step_process, 16 },
	{ "identity", step_identity, 16 },
	{ "confinement", step_confinement, 16 },
	{ "memory", step_memory, 8 },
	{ "kernel", step_kernel, 16 },
	{ "descriptors", step_descriptors, 1 },
	{ "signals", step_signals, 1 },
};
/* clang-format on */

enum { N_STEPS = sizeof(steps) / sizeof(steps[0]) };

/* Those of the headers, and those that are newer. */
static const char *const call_names[512] = {
#include "syscalls_x86_64.h"
	[SYS_fchmodat2] = "fchmodat2",
};

static const char *const type_names[EV_MAX_TYPES] = {
#define T(id, name, class, stream, aliases, doc) [id] = #name,
	EV_TYPES(T)
#undef T
};

struct options {
	int processes, threads, cpus;
	uint64_t rounds;
	unsigned seconds, rest_us, after_s;
	bool waits;
	const char *dir, *steps;
};

struct shared {
	struct options options;
	bool wanted[N_STEPS];
	char self[256];
	struct worker workers[MAX_WORKERS];
};

static void fail(const char *what)
{
	fprintf(stderr, "count: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int need(int ret, const char *what)
{
	if (ret < 0)
		fail(what);
	return ret;
}

static int socket_bound(int type, uint16_t *ret_port)
{
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);
	int fd = need(socket(AF_INET, type, 0), "socket");

	need(bind(fd, (struct sockaddr *)&address, length), "bind");
	need(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void name_make(char *name, const struct worker *w, const struct options *o, const char *leaf)
{
	snprintf(name, MAX_NAME, "%s/w%d.%d%s", o->dir, w->process, w->thread, leaf);
}

/* Files, sockets and terminals of its own, so that no worker disturbs another. */
static void worker_prepare(struct worker *w, const struct options *o)
{
	int at;

	name_make(w->dir, w, o, "");
	need(mkdir(w->dir, 0700), w->dir);
	name_make(w->file, w, o, "/file");
	name_make(w->other, w, o, "/other");
	name_make(w->missing, w, o, "/missing");
	name_make(w->sub, w, o, "/sub");
	name_make(w->mount, w, o, "/mount");
	name_make(w->address, w, o, "/socket");
	need(mkdir(w->mount, 0700), w->mount);
	w->dir_fd = need(open(w->dir, O_RDONLY | O_DIRECTORY), w->dir);
	w->cwd_fd = need(open(o->dir, O_RDONLY | O_DIRECTORY), o->dir);
	w->file_fd = need(open(w->file, O_RDWR | O_CREAT, 0600), w->file);
	w->other_fd = need(openat(w->dir_fd, "copy", O_RDWR | O_CREAT, 0600), "copy");
	w->null_fd = need(open("/dev/null", O_RDWR), "/dev/null");
	w->zero_fd = need(open("/dev/zero", O_RDWR), "/dev/zero");
	w->tty_fd = need(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
	w->pidfd = need((int)syscall(SYS_pidfd_open, getpid(), 0), "pidfd_open");
	need(pipe(w->pipe), "pipe");
	need(pipe(w->tee), "pipe");
	need(socketpair(AF_UNIX, SOCK_DGRAM, 0, w->unix_pair), "socketpair");
	w->udp_fd = socket_bound(SOCK_DGRAM, &w->udp_port);
	w->listen_fd = socket_bound(SOCK_STREAM, &w->port);
	need(listen(w->listen_fd, 8), "listen");
	at = fcntl(w->listen_fd, F_GETFL);
	need(fcntl(w->listen_fd, F_SETFL, at | O_NONBLOCK), "O_NONBLOCK");
	w->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->page == MAP_FAILED)
		fail("mmap");
}

struct start {
	struct shared *shared;
	struct worker *worker;
	pthread_barrier_t *barrier;
};

static void *worker_run(void *arg)
{
	struct start *start = arg;
	struct shared *s = start->shared;
	struct worker *w = start->worker;
	struct timespec begin, now;
	cpu_set_t set;

	w->tid = (pid_t)syscall(SYS_gettid);
	if (w->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(w->cpu, &set);
		need(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
	}
	/* Not seen: the barrier's own calls are none of those that are recorded. */
	pthread_barrier_wait(start->barrier);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (w->done = 0; w->done < w->rounds; w->done++) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (s->options.seconds && now.tv_sec - begin.tv_sec >= s->options.seconds)
			break;
		for (int i = 0; i < N_STEPS; i++) {
			if (s->wanted[i] && w->done % steps[i].every == 0)
				steps[i].run(w);
		}
		if (s->options.rest_us)
			usleep(s->options.rest_us);
	}
	pthread_barrier_wait(start->barrier);
	return NULL;
}

static int process_run(struct shared *s, int process)
{
	const struct options *o = &s->options;
	struct start starts[MAX_WORKERS];
	pthread_t threads[MAX_WORKERS];
	pthread_barrier_t barrier;

	/* A session, whose terminal nobody sees, and mounts of its own. */
	if (setsid() < 0)
		fail("setsid");
	need(unshare(CLONE_NEWNS), "unshare");
	need(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount");
	need(chdir(o->dir), o->dir);
	signal(SIGPIPE, SIG_IGN);
	pthread_barrier_init(&barrier, NULL, (unsigned)o->threads);
	for (int i = 0; i < o->threads; i++) {
		struct worker *w = &s->workers[process * o->threads + i];

		*w = (struct worker){ .process = process,
				      .thread = i,
				      .pid = getpid(),
				      .rounds = o->rounds,
				      .self = s->self,
				      .cpu = o->cpus ? (process * o->threads + i) % o->cpus : -1 };
		worker_prepare(w, o);
		starts[i] = (struct start){ s, w, &barrier };
	}
	for (int i = 0; i < o->threads; i++) {
		errno = pthread_create(&threads[i], NULL, worker_run, &starts[i]);
		if (errno)
			fail("pthread_create");
	}
	for (int i = 0; i < o->threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void print_worker(const struct worker *w)
{
	const char *comma = "";

	printf("{\"worker\":%d,\"pid\":%d,\"tid\":%d,\"cpu\":%d,\"rounds\":%llu,\"overflow\":%s,"
	       "\"calls\":{",
	       w->process * 100 + w->thread, w->pid, w->tid, w->cpu, (unsigned long long)w->done,
	       w->overflow ? "true" : "false");
	for (int i = 0; i < MAX_TALLIES; i++) {
		const struct tally *t = &w->tallies[i];
		const char *error = t->error ? strerrorname_np(t->error) : "0";

		if (!t->count)
			continue;
		printf("%s\"%s ", comma, type_names[t->type]);
		printf("%s", call_names[t->number]);
		/* The kernel has numbers for which the C library has no name. */
		if (error)
			printf(" %s\":%u", error, t->count);
		else
			printf(" %u\":%u", t->error, t->count);
		comma = ",";
	}
	printf("}}\n");
	for (uint32_t i = 0; i < w->n_children; i++)
		printf("{\"child\":%d,\"parent\":%d,\"executed\":%s}\n", w->children[i].pid, w->pid,
		       w->children[i].has_executed ? "true" : "false");
}

static void parse(struct shared *s, int argc, char **argv)
{
	struct options *o = &s->options;
	int c;

	*o = (struct options){ .processes = 2, .threads = 2, .rounds = 20, .dir = "count.d" };
	while ((c = getopt(argc, argv, "p:t:r:c:s:w:T:g:a:i")) != -1) {
		switch (c) {
		case 'p':
			o->processes = atoi(optarg);
			break;
		case 't':
			o->threads = atoi(optarg);
			break;
		case 'r':
			o->rounds = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			o->cpus = atoi(optarg);
			break;
		case 'T':
			o->seconds = (unsigned)atoi(optarg);
			o->rounds = UINT64_MAX;
			break;
		case 'g':
			o->rest_us = (unsigned)atoi(optarg);
			break;
		case 'a':
			o->after_s = (unsigned)atoi(optarg);
			break;
		case 'i':
			o->waits = true;
			break;
		case 's':
			o->steps = optarg;
			break;
		case 'w':
			o->dir = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (o->processes < 1 || o->threads < 1 || o->processes * o->threads > MAX_WORKERS) {
		fprintf(stderr, "count: not so many\n");
		exit(2);
	}
	for (int i = 0; i < N_STEPS; i++)
		s->wanted[i] = !o->steps;
	for (char *word = o->steps ? strtok(strdup(o->steps), ",") : NULL; word;
	     word = strtok(NULL, ",")) {
		int found = 0;

		for (int i = 0; i < N_STEPS; i++) {
			if (!strcmp(word, steps[i].name))
				found = s->wanted[i] = true;
		}
		if (!found) {
			fprintf(stderr, "count: no step is called %s\n", word);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct shared *s;
	int status, failed = 0;
	pid_t pids[MAX_WORKERS];
	char full[4096];

	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		fail("mmap");
	parse(s, argc, argv);
	need((int)readlink("/proc/self/exe", s->self, sizeof(s->self) - 1), "/proc/self/exe");
	need(mkdir(s->options.dir, 0700), s->options.dir);
	if (!realpath(s->options.dir, full))
		fail(s->options.dir);
	if (strlen(full) + 20 > sizeof(((struct sockaddr_un *)0)->sun_path)) {
		fprintf(stderr, "count: %s: too long for the address of a socket\n", full);
		exit(2);
	}
	s->options.dir = strdup(full);

	while (s->options.waits && read(0, full, sizeof(full)) > 0)
		;
	for (int i = 0; i < s->options.processes; i++) {
		pids[i] = need(fork(), "fork");
		if (pids[i] == 0)
			_exit(process_run(s, i));
	}
	for (int i = 0; i < s->options.processes; i++) {
		need(waitpid(pids[i], &status, 0), "waitpid");
		failed |= status;
	}
	sleep(s->options.after_s);
	for (int i = 0; i < s->options.processes; i++)
		printf("{\"process\":%d,\"threads\":%d}\n", pids[i], s->options.threads);
	for (int i = 0; i < s->options.processes * s->options.threads; i++)
		print_worker(&s->workers[i]);
	return failed ? 1 : 0;
}
