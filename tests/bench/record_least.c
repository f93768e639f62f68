/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least that can be recorded of a command (record_least.bpf.c), and what the kernel says that
 * it took: beside it stands what reel's programs take of the same work.
 *
 *	record_least CMD [ARG...]
 *
 * Of the calls that are events by default. Says in JSON how many records and sums were made, how
 * often the programs ran, and how long by the kernel's count. Nothing is kept.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/calls.h"
#include "record/load.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "record_least.skel.h"
#pragma GCC diagnostic pop

enum { RING_BYTES = 16 << 20, MOST_CPUS = 64, EMPTY_EACH_US = 10000 };

/* As in record_least.bpf.c. */
enum { RECORD = 1, SUM = 2 };

struct ring {
	volatile uint64_t *consumer;
	const volatile uint64_t *producer;
};

static void die(const char *what)
{
	fprintf(stderr, "record_least: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct ring make_ring(int rings, uint32_t cpu)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "least", 0, 0, RING_BYTES, NULL);
	struct ring r;

	if (fd < 0 || bpf_map_update_elem(rings, &cpu, &fd, BPF_ANY) < 0)
		die("cannot make a ring");
	r.consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	r.producer = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (r.consumer == MAP_FAILED || r.producer == MAP_FAILED)
		die("cannot map a ring");
	return r;
}

/* Those that are events by default, without the few of which most are none. */
static uint8_t does_of(const char *name)
{
	static const char *const seldom[] = { "mmap", "mprotect", "ioctl", "fcntl" };
	const struct reel_type *t = call_type(name);

	for (size_t i = 0; i < sizeof(seldom) / sizeof(*seldom); i++)
		if (strcmp(name, seldom[i]) == 0)
			return 0;
	if (!t || t->class_id > EV_CLASS_ipc)
		return 0;
	return t->id == EV_read || t->id == EV_write ? SUM : RECORD;
}

/* The command, which waits until a byte comes. */
static pid_t start(char **argv, int *ret_go)
{
	int go[2];
	pid_t pid;
	char byte;

	if (pipe(go) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	*ret_go = go[1];
	if (pid)
		return pid;
	close(go[1]);
	if (read(go[0], &byte, 1) == 1)
		execvp(argv[0], argv);
	_exit(127);
}

static void tell(const struct record_least_bpf *s, uint32_t n_cpus)
{
	const struct bpf_program *const programs[] = { s->progs.least_call, s->progs.least_follow };
	uint64_t runs = 0, run_ns = 0, sums = 0, lost = 0, records = 0;

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t bytes = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(programs[i]), &info, &bytes) < 0)
			die("cannot ask about a program");
		runs += info.run_cnt;
		run_ns += info.run_time_ns;
	}
	for (uint32_t cpu = 0; cpu < n_cpus; cpu++) {
		struct cpu_counts c;

		if (bpf_map_lookup_elem(bpf_map__fd(s->maps.counts), &cpu, &c) < 0)
			die("cannot read the counts");
		records += c.seq;
		sums += c.folded[EV_CLASS_io];
		lost += c.lost[EV_CLASS_sys];
	}
	printf("{\"records\":%llu,\"sums\":%llu,\"lost\":%llu,\"runs\":%llu,\"run_ns\":%llu}\n",
	       (unsigned long long)records, (unsigned long long)sums, (unsigned long long)lost,
	       (unsigned long long)runs, (unsigned long long)run_ns);
}

int main(int argc, char **argv)
{
	struct record_least_bpf *s = record_least_bpf__open();
	uint32_t n_cpus = (uint32_t)libbpf_num_possible_cpus();
	struct ring rings[MOST_CPUS];
	struct task_note note = { .scope = SCOPE_IN };
	int go, pidfd, status;
	pid_t pid;

	if (argc < 2 || n_cpus > MOST_CPUS || !s) {
		fputs("record_least CMD [ARG...]\n", stderr);
		return 2;
	}
	((struct recorder_config *)(uintptr_t)&s->rodata->config)->n_cpus = n_cpus;
	/* One program of each of the recorder's files comes with the header: not needed. */
	bpf_program__set_autoload(s->progs.on_sys, false);
	if (bpf_map__set_max_entries(s->maps.scratches, n_cpus + 1) < 0 ||
	    bpf_map__set_max_entries(s->maps.counts, n_cpus) < 0 ||
	    bpf_map__set_max_entries(s->maps.rings, n_cpus + 1) < 0 ||
	    record_least_bpf__load(s) < 0)
		die("cannot load the programs");
	for (uint32_t i = 0; i < n_cpus; i++)
		rings[i] = make_ring(bpf_map__fd(s->maps.rings), i);
	for (unsigned slot = 0; slot < SLOTS_COMPAT; slot++)
		if (call_name(slot))
			s->bss->least_does[slot] = does_of(call_name(slot));
	pid = start(argv + 1, &go);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (bpf_map_update_elem(bpf_map__fd(s->maps.notes), &pidfd, &note, BPF_ANY) < 0 ||
	    bpf_enable_stats(BPF_STATS_RUN_TIME) < 0 || record_least_bpf__attach(s) < 0)
		die("cannot attach");
	if (write(go, "", 1) != 1)
		die("cannot let it go");
	while (waitpid(pid, &status, WNOHANG) == 0) {
		usleep(EMPTY_EACH_US);
		for (uint32_t i = 0; i < n_cpus; i++)
			*rings[i].consumer = *rings[i].producer;
	}
	tell(s, n_cpus);
	return status != 0;
}
