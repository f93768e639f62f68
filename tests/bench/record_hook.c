/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hook of system calls costs the program that makes them: getpid() in a loop on one CPU.
 * Each line of JSON is the same loop with another program on the hook:
 *
 *	record_hook [ROUNDS [CALLS [budget]]]		only what there are budgets for
 *
 * base            none
 * empty           one that does nothing: the budgets are ratios to what it adds
 * recorded        ours, and the call is wanted
 * in-scope        the same, and the process is looked up, too
 * not-by-class    the call is not wanted
 * not-by-scope    the process is not wanted
 * ask-scope, fold  the least that asks whose a call is, and that then adds to the sums of a file
 * in-place, by-scratch, by-output
 *                 ways into the ring (record_hook.bpf.c), on one CPU, and with -2 on two at once
 * tp_btf-empty, tp_btf-simple, ..., kprobe-complex
 *                 what others measured (record_probe.bpf.c); what this kernel does not load or
 *                 attach is a line with an error
 *
 * A figure is the least of ROUNDS times that CALLS calls took, in CPU time of the thread, so that
 * other work on the machine is left out as far as it can be; all of them are in rounds_ns. The
 * variants take turns.
 *
 * Nothing but getpid() is handled, and nothing is kept.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "record/calls.h"
#include "record/load.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "record_hook.skel.h"
#include "record_probe.skel.h"
#include "reel.skel.h"
#pragma GCC diagnostic pop

enum { RING_BYTES = 16 << 20, MOST_CPUS = 2, MOST_VARIANTS = 32, MOST_ROUNDS = 1000 };

struct variant {
	const char *what;
	int program;		   /* -1: none */
	struct bpf_program *probe; /* or this one, which knows where it goes */
	int rings[MOST_CPUS];
	unsigned n_threads;
	double rounds_ns[MOST_ROUNDS];
	double ns;
};

struct bench {
	unsigned long rounds, calls;
	struct variant variants[MOST_VARIANTS];
	unsigned n;
	int rings[MOST_CPUS];
};

static void die(const char *what)
{
	fprintf(stderr, "record_hook: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Of the round that is under way, whose two halves begin together. */
struct runner {
	pthread_barrier_t *together;
	unsigned long calls;
	unsigned cpu;
	double ns;
};

static double thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *run(void *arg)
{
	struct runner *r = arg;
	cpu_set_t set;
	double start;

	CPU_ZERO(&set);
	CPU_SET(r->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
	for (unsigned long i = 0; i < r->calls / 10; i++)
		syscall(SYS_getpid);
	pthread_barrier_wait(r->together);
	start = thread_ns();
	for (unsigned long i = 0; i < r->calls; i++)
		syscall(SYS_getpid);
	r->ns = (thread_ns() - start) / (double)r->calls;
	return NULL;
}

/* What is in the ring is read: nobody looks at it. */
static void ring_empty(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	volatile uint64_t *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	volatile uint64_t *producer = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)page);

	if (consumer == MAP_FAILED || producer == MAP_FAILED)
		die("cannot map a ring");
	*consumer = *producer;
	munmap((void *)(uintptr_t)consumer, page);
	munmap((void *)(uintptr_t)producer, page);
}

static void measure(struct bench *b, struct variant *v, unsigned long round)
{
	struct runner runners[MOST_CPUS];
	pthread_t threads[MOST_CPUS];
	pthread_barrier_t together;
	unsigned last = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	struct bpf_link *probe = v->probe ? bpf_program__attach(v->probe) : NULL;
	double ns = 0;
	int link = -1;

	if (v->probe && !probe)
		die("cannot attach");
	if (v->program >= 0 && (link = bpf_raw_tracepoint_open(NULL, v->program)) < 0)
		die("cannot attach");
	pthread_barrier_init(&together, NULL, v->n_threads);
	for (unsigned i = 0; i < v->n_threads; i++) {
		runners[i] = (struct runner){ &together, b->calls, last - i, 0 };
		if (i && pthread_create(&threads[i], NULL, run, &runners[i]))
			die("pthread_create");
	}
	/* This thread is the one whose scope is known. */
	run(&runners[0]);
	for (unsigned i = 0; i < v->n_threads; i++) {
		if (i)
			pthread_join(threads[i], NULL);
		ns += runners[i].ns / v->n_threads;
	}
	pthread_barrier_destroy(&together);
	if (link >= 0)
		close(link);
	bpf_link__destroy(probe);
	for (int i = 0; i < MOST_CPUS; i++)
		if (v->rings[i] >= 0)
			ring_empty(v->rings[i]);
	v->rounds_ns[round] = ns;
	if (!v->ns || ns < v->ns)
		v->ns = ns;
}

static struct variant *add(struct bench *b, const char *what, int program)
{
	struct variant *v = &b->variants[b->n++];

	*v = (struct variant){ .what = what,
			       .program = program,
			       .rings = { -1, -1 },
			       .n_threads = 1 };
	return v;
}

static void add_empty(struct bench *b)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = BPF_TRACE_RAW_TP);
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd, id = libbpf_find_vmlinux_btf_id("sys_exit", BPF_TRACE_RAW_TP);

	if (id < 0)
		die("no tracepoint sys_exit");
	o.attach_btf_id = (__u32)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", insns, 2, &o);
	if (fd < 0)
		die("cannot load the empty program");
	add(b, "empty", fd);
}

/* The recorder's own programs, of which only the one for getpid() is left in its place. */
static void add_recorder(struct bench *b, const char *what, uint32_t scope, bool wanted)
{
	struct load_options o = {
		.ring_bytes = RING_BYTES,
		.state_ring_bytes = 1 << 20,
		.config = { .recorder_pid = 1, .max_arg = 4096, .scope = scope != SCOPE_UNKNOWN },
	};
	struct task_note note = { .scope = scope };
	struct reel_err err = { 0 };
	struct programs *p;
	struct variant *v;
	struct reel_bpf *skeleton;
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	o.slots[SYS_getpid] = true;
	if (programs_load(&o, &p, &err) < 0) {
		fprintf(stderr, "record_hook: %s\n", err.msg);
		exit(1);
	}
	skeleton = programs_skeleton(p);
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		if (slot != SYS_getpid || !wanted)
			skeleton->bss->slots[slot].jump = JUMP_NONE;
	if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.notes), &pidfd, &note, BPF_ANY) < 0)
		die("cannot set the scope");
	v = add(b, what, bpf_program__fd(skeleton->progs.sys_exit));
	for (unsigned i = 0; i < MOST_CPUS && i < programs_n_cpus(p); i++)
		v->rings[i] = programs_ring_fd(p, i);
}

static void add_way(struct bench *b, const char *what, struct bpf_program *program,
		    unsigned n_threads)
{
	struct variant *v = add(b, what, bpf_program__fd(program));

	v->n_threads = n_threads;
	memcpy(v->rings, b->rings, sizeof(v->rings));
}

/* What they find: this thread is out of scope, and the file has an entry. */
static void fill_for_least(const struct record_hook_bpf *s)
{
	struct task_note note = { .scope = SCOPE_OUT };
	struct open_key key = { .files = 1 };
	struct open_file file = { 0 };
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (bpf_map_update_elem(bpf_map__fd(s->maps.notes), &pidfd, &note, BPF_ANY) < 0 ||
	    bpf_map_update_elem(bpf_map__fd(s->maps.open_files), &key, &file, BPF_ANY) < 0)
		die("cannot set what is looked up");
	close(pidfd);
}

static void add_ways(struct bench *b)
{
	struct record_hook_bpf *s = record_hook_bpf__open();
	uint32_t n_cpus = (uint32_t)libbpf_num_possible_cpus();
	struct recorder_config *config;

	if (!s)
		die("cannot open the programs");
	config = (struct recorder_config *)(uintptr_t)&s->rodata->config;
	config->n_cpus = n_cpus;
	*(uint32_t *)(uintptr_t)&s->rodata->only_pid = (uint32_t)getpid();
	/* One program of each of the recorder's files comes with the header: not needed. */
	bpf_program__set_autoload(s->progs.on_sys, false);
	if (bpf_map__set_max_entries(s->maps.scratches, n_cpus + 1) < 0 ||
	    bpf_map__set_max_entries(s->maps.counts, n_cpus) < 0 ||
	    bpf_map__set_max_entries(s->maps.rings, n_cpus + 1) < 0 || record_hook_bpf__load(s) < 0)
		die("cannot load the programs");
	for (uint32_t i = 0; i < n_cpus && i < MOST_CPUS; i++) {
		b->rings[i] = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "bench", 0, 0, RING_BYTES, NULL);
		if (b->rings[i] < 0 ||
		    bpf_map_update_elem(bpf_map__fd(s->maps.rings), &i, &b->rings[i], BPF_ANY) < 0)
			die("cannot make a ring");
	}
	fill_for_least(s);
	add_way(b, "ask-scope", s->progs.ask_scope, 1);
	add_way(b, "fold", s->progs.ask_and_fold, 1);
	add_way(b, "in-place", s->progs.in_place, 1);
	add_way(b, "by-scratch", s->progs.by_scratch, 1);
	add_way(b, "by-output", s->progs.by_output, 1);
	if (n_cpus < 2)
		return;
	add(b, "base-2", -1)->n_threads = 2;
	add_way(b, "in-place-2", s->progs.in_place, 2);
	add_way(b, "by-scratch-2", s->progs.by_scratch, 2);
	add_way(b, "by-output-2", s->progs.by_output, 2);
}

/* Where one of them does not load, none of that kind does. */
static void add_probes(struct bench *b, const char *kind, const char *const names[3])
{
	size_t n = strlen(kind);
	struct record_probe_bpf *s = record_probe_bpf__open();
	struct bpf_program *program;
	unsigned k = 0;
	int err;

	if (!s)
		die("cannot open the probes");
	bpf_object__for_each_program(program, s->obj)
		bpf_program__set_autoload(program, !strncmp(bpf_program__name(program), kind, n));
	err = record_probe_bpf__load(s);
	bpf_object__for_each_program(program, s->obj)
	{
		struct bpf_link *link = NULL;

		if (!bpf_program__autoload(program))
			continue;
		if (!err && !(link = bpf_program__attach(program)))
			err = -errno;
		if (err)
			printf("{\"what\":\"%s\",\"error\":\"%s\"}\n", names[k], strerror(-err));
		else
			add(b, names[k], -1)->probe = program;
		bpf_link__destroy(link);
		k++;
	}
}

static double base_of(const struct bench *b, const struct variant *v)
{
	double ns = b->variants[0].ns;

	for (unsigned i = 1; i < b->n; i++)
		if (b->variants[i].program < 0 && !b->variants[i].probe &&
		    b->variants[i].n_threads == v->n_threads)
			ns = b->variants[i].ns;
	return ns;
}

static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static void print(const struct bench *b, const struct variant *v, double empty_ns)
{
	double added = v->ns - base_of(b, v);

	printf("{\"what\":\"%s\",\"ns\":%.1f,\"added_ns\":%.1f,\"ratio\":%.2f,\"rounds_ns\":[",
	       v->what, v->ns, added, added / empty_ns);
	for (unsigned long i = 0; i < b->rounds; i++)
		printf("%s%.1f", i ? "," : "", v->rounds_ns[i]);
	printf("]}\n");
}

int main(int argc, char **argv)
{
	static const char *const probes[][4] = {
		{ "tp_btf", "tp_btf-empty", "tp_btf-simple", "tp_btf-complex" },
		{ "tracepoint", "tracepoint-empty", "tracepoint-simple", "tracepoint-complex" },
		{ "fentry", "fentry-empty", "fentry-simple", "fentry-complex" },
		{ "kprobe", "kprobe-empty", "kprobe-simple", "kprobe-complex" },
	};
	static struct bench b;
	double empty;

	b.rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 40;
	b.calls = argc > 2 ? strtoul(argv[2], NULL, 10) : 50000;
	/* What the rings can take. */
	if (!b.rounds || b.rounds > MOST_ROUNDS || !b.calls || b.calls > 120000) {
		fprintf(stderr,
			"usage: record_hook [ROUNDS [CALLS [budget]]], at most 1000 of 120000\n");
		return 2;
	}
	add(&b, "base", -1);
	add_empty(&b);
	add_recorder(&b, "recorded", SCOPE_UNKNOWN, true);
	add_recorder(&b, "in-scope", SCOPE_IN, true);
	add_recorder(&b, "not-by-class", SCOPE_IN, false);
	add_recorder(&b, "not-by-scope", SCOPE_OUT, true);
	if (argc < 4)
		add_ways(&b);
	libbpf_set_print(say_nothing);
	for (unsigned i = 0; argc < 4 && i < sizeof(probes) / sizeof(*probes); i++)
		add_probes(&b, probes[i][0], probes[i] + 1);
	for (unsigned long i = 0; i < b.rounds; i++)
		for (unsigned k = 0; k < b.n; k++)
			measure(&b, &b.variants[k], i);
	empty = b.variants[1].ns - b.variants[0].ns;
	for (unsigned k = 0; k < b.n; k++)
		print(&b, &b.variants[k], empty);
	return 0;
}
