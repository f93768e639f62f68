/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs loaded on all CPUs. The kernel checks each for milliseconds, libbpf asks for one after
 * the other, and a recorder that starts half a second later misses half a second. So libbpf
 * relocates each program but hands an empty one to the kernel in its place; then threads load the
 * real ones, and each takes over the descriptor of its empty one.
 *
 * One that the kernel refuses is refused by itself: all others are there.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/load_impl.h"

enum { THREADS_MAX = 8, LOG_BYTES = 16 << 10 };

/* The types of what tracepoints and iterators call are named after them. */
static const struct section_row {
	const char *section;
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	const char *target;
	uint32_t target_kind;
} sections[LOAD_SECTIONS] = {
	{ "tp_btf+", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "btf_trace_", BTF_KIND_TYPEDEF },
	{ "raw_tp+", BPF_PROG_TYPE_RAW_TRACEPOINT },
	{ "iter+", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_", BTF_KIND_FUNC },
	{ "iter.s+", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_", BTF_KIND_FUNC },
	{ "uprobe", BPF_PROG_TYPE_KPROBE },
	{ "uretprobe", BPF_PROG_TYPE_KPROBE },
};

struct code {
	struct bpf_insn *instructions;
	size_t n;
	struct bpf_prog_load_opts options;
};

struct loading {
	struct programs *programs;
	struct code code[PROGRAMS_MAX];
	int error[PROGRAMS_MAX];
	char target_name[80];
	int target; /* the last that was found */
	char *log[PROGRAMS_MAX];
	unsigned next; /* of order, atomically */
	unsigned order[PROGRAMS_MAX];
};

static const struct section_row *section_of(const struct bpf_program *program)
{
	const char *is = bpf_program__section_name(program);

	for (unsigned i = 0; i < LOAD_SECTIONS; i++) {
		size_t n = strcspn(sections[i].section, "+");

		if (strncmp(is, sections[i].section, n) == 0 && (is[n] == '/' || is[n] == 0))
			return &sections[i];
	}
	return NULL;
}

static const char *hook_of(const struct bpf_program *program)
{
	const char *slash = strchr(bpf_program__section_name(program), '/');

	return slash ? slash + 1 : "";
}

/* The type in the kernel that this program is attached to; 0: none. */
static int target_of(struct loading *l, const struct bpf_program *program)
{
	const struct section_row *s = section_of(program);
	char name[80];

	if (!s || !s->target)
		return 0;
	snprintf(name, sizeof(name), "%s%s", s->target, hook_of(program));
	/* Most are on the same: it takes a millisecond to find. */
	if (strcmp(name, l->target_name) != 0) {
		memcpy(l->target_name, name, sizeof(name));
		l->target = btf__find_by_name_kind(l->programs->kernel, name, s->target_kind);
	}
	return l->target;
}

/* What libbpf would have loaded now: kept, and an empty program instead. */
static int keep(struct bpf_program *program, struct bpf_prog_load_opts *options, long cookie)
{
	struct bpf_insn empty[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct loading *l = ((struct programs *)cookie)->loading;
	const struct programs *p = l->programs;
	unsigned i = 0;
	struct code *code;
	int target;

	while (i < p->n && p->all[i].program != program)
		i++;
	if (i == p->n)
		return -ENOENT;
	code = &l->code[i];
	target = target_of(l, program);
	if (target < 0)
		return target;
	if (target > 0)
		options->attach_btf_id = (uint32_t)target;
	if (strncmp(bpf_program__section_name(program), "iter.s", 6) == 0)
		options->prog_flags |= BPF_F_SLEEPABLE;
	code->n = bpf_program__insn_cnt(program);
	code->instructions = calloc(code->n, sizeof(*code->instructions));
	if (!code->instructions)
		return -ENOMEM;
	memcpy(code->instructions, bpf_program__insns(program),
	       code->n * sizeof(*code->instructions));
	code->options = *options;
	options->func_info = options->line_info = NULL;
	options->func_info_cnt = options->line_info_cnt = 0;
	options->prog_flags &= ~(uint32_t)BPF_F_SLEEPABLE;
	return bpf_program__set_insns(program, empty, sizeof(empty) / sizeof(*empty));
}

struct bpf_link *load_attach(const struct bpf_program *program)
{
	const struct section_row *s = section_of(program);

	if (s->type == BPF_PROG_TYPE_RAW_TRACEPOINT)
		return bpf_program__attach_raw_tracepoint(program, hook_of(program));
	if (s->attach == BPF_TRACE_ITER)
		return bpf_program__attach_iter(program, NULL);
	return bpf_program__attach_trace(program);
}

int load_sections_register(struct programs *p, struct reel_err *err)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, options, .cookie = (long)p,
		    .prog_prepare_load_fn = keep);

	/* It stays: before 1.3 libbpf frees an empty list and goes on with it. */
	(void)libbpf_register_prog_handler("reel none", BPF_PROG_TYPE_KPROBE, 0, NULL);
	for (unsigned i = 0; i < LOAD_SECTIONS; i++) {
		int id = libbpf_register_prog_handler(sections[i].section, sections[i].type,
						      sections[i].attach, &options);

		if (id < 0)
			return reel_err_set(err, id, "cannot load programs of %s: %s",
					    sections[i].section, strerror(-id));
		p->sections[p->n_sections++] = id;
	}
	return 0;
}

void load_sections_unregister(struct programs *p)
{
	while (p->n_sections > 0)
		libbpf_unregister_prog_handler(p->sections[--p->n_sections]);
}

/* Under the licence that is said in bpf/reel.bpf.c, which libbpf keeps to itself. */
static int ask_kernel(const struct bpf_program *program, const struct code *code)
{
	return bpf_prog_load(bpf_program__type(program), bpf_program__name(program), "Dual BSD/GPL",
			     code->instructions, code->n, &code->options);
}

static int load_one(struct loading *l, unsigned i)
{
	const struct bpf_program *program = l->programs->all[i].program;
	struct code *code = &l->code[i];
	int fd = ask_kernel(program, code), r = 0;

	if (fd < 0) {
		r = -errno;
		l->log[i] = calloc(1, LOG_BYTES);
		if (!l->log[i])
			return r;
		/* With words this time, and in case it was not its own fault. */
		code->options.log_level = 1;
		code->options.log_buf = l->log[i];
		code->options.log_size = LOG_BYTES;
		fd = ask_kernel(program, code);
		if (fd < 0)
			return r;
	}
	if (dup3(fd, bpf_program__fd(program), O_CLOEXEC) < 0)
		r = -errno;
	close(fd);
	return r;
}

static void *load_some(void *arg)
{
	struct loading *l = arg;
	unsigned at;

	while ((at = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED)) < l->programs->n) {
		unsigned i = l->order[at];

		if (l->code[i].instructions)
			l->error[i] = load_one(l, i);
	}
	return NULL;
}

/* The longest first, so that none is left alone at the end. */
static void put_in_order(struct loading *l)
{
	for (unsigned i = 0; i < l->programs->n; i++) {
		unsigned at = i;

		for (; at > 0 && l->code[l->order[at - 1]].n < l->code[i].n; at--)
			l->order[at] = l->order[at - 1];
		l->order[at] = i;
	}
}

static void load_beside(struct loading *l)
{
	unsigned n = l->programs->n_cpus < THREADS_MAX ? l->programs->n_cpus : THREADS_MAX, up = 0;
	pthread_t threads[THREADS_MAX];

	put_in_order(l);
	while (up + 1 < n && pthread_create(&threads[up], NULL, load_some, l) == 0)
		up++;
	load_some(l);
	while (up > 0)
		pthread_join(threads[--up], NULL);
}

/* The last line of the verifier's that says something. */
static const char *log_reason(char *log)
{
	static const char *const dull[] = { "processed ", "-- ", "arg#", "verification time",
					    "stack depth" };
	char *best = log, *next;

	for (char *line = log; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		for (size_t i = 0; i < sizeof(dull) / sizeof(*dull); i++)
			if (strncmp(line, dull[i], strlen(dull[i])) == 0)
				line = NULL, i = sizeof(dull);
		if (line && *line)
			best = line;
	}
	return best;
}

/* The first refusal of a program that must be there is the error. */
static int note_refused(struct loading *l, struct reel_err *err)
{
	for (unsigned i = 0; i < l->programs->n; i++) {
		struct loaded_program *program = &l->programs->all[i];

		if (l->error[i] == 0)
			continue;
		if (l->programs->options.verifier_log && l->log[i])
			fputs(l->log[i], l->programs->options.verifier_log);
		program->status = HOOK_REFUSED;
		snprintf(program->reason, sizeof(program->reason), "%s",
			 l->log[i] && l->log[i][0] ? log_reason(l->log[i]) :
						     strerror(-l->error[i]));
		if (!program->handler && load_hooks[program->hook].needed)
			return reel_err_set(err, l->error[i],
					    "the kernel refuses the program %s: %s",
					    bpf_program__name(program->program), program->reason);
	}
	return 0;
}

static int load_refused(int error, struct reel_err *err)
{
	const char *who = error == -EPERM || error == -EACCES ?
				  "; it takes root, or CAP_BPF and CAP_PERFMON" :
				  "";

	return reel_err_set(err, error, "cannot load the kernel programs: %s%s", strerror(-error),
			    who);
}

int load_programs(struct programs *p, struct reel_err *err)
{
	struct loading *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return reel_err_set(err, -ENOMEM, "no memory for programs");
	l->programs = p;
	p->loading = l;
	r = reel_bpf__load(p->skeleton);
	if (r < 0) {
		r = load_refused(r, err);
		goto out;
	}
	load_beside(l);
	r = note_refused(l, err);
out:
	for (unsigned i = 0; i < p->n; i++) {
		free(l->code[i].instructions);
		free(l->log[i]);
	}
	free(l);
	p->loading = NULL;
	return r;
}
