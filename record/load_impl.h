/* SPDX-License-Identifier: BSD-2-Clause */
/* What loading the programs (load.c) and asking about them afterwards (programs.c) share. */
#ifndef REEL_RECORD_LOAD_IMPL_H
#define REEL_RECORD_LOAD_IMPL_H

#include <bpf/libbpf.h>

#include "format/types.h"
#include "record/load.h"
/* Made by bpftool, not by our rules. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "reel.skel.h"
#pragma GCC diagnostic pop

enum { PROGRAMS_MAX = 160, HOOKS_MAX = 48, LOAD_SECTIONS = 6 };

/*
 * The programs that sit on a hook of their own. All others are handlers, "on_" and the type of
 * their calls, which the dispatcher sys_exit jumps to. One whose name ends in "_old" stands in
 * where the kernel does not have the hook of that without, or has it with other arguments.
 */
struct hook_row {
	const char *program;
	const char *tracepoint;
	const char *types;
	bool needed;
	/* The last two are jumped to: by handlers, by what is asked of an io_uring. */
	enum { TRACEPOINT, ITERATOR, UPROBE, HANDLER, TELLER } kind;
	unsigned arguments; /* that the tracepoint has; 0: any number */
	unsigned slot;	    /* where what is jumped to has its place */
};
/* Ends with a row without a program. */
extern const struct hook_row load_hooks[];

/* The row of a program; -1: it has none. */
int load_find_hook(const char *program);
bool load_type_wanted(const struct load_options *o, const struct reel_type *t);

struct loaded_program {
	struct bpf_program *program;
	const struct reel_type *type; /* of a handler; NULL: it has several, or is hooks[hook] */
	const char *types;	      /* what it may tell */
	bool handler;
	bool family; /* serves all calls of types */
	uint8_t jump; /* to a handler that is loaded */
	unsigned hook;
	enum hook_status status;
	char reason[200];
};

struct programs {
	struct reel_bpf *skeleton;
	struct load_options options;
	unsigned n_cpus;
	int *ring_fds;
	void *counts;
	size_t counts_bytes, counts_step;
	struct bpf_link *links[HOOKS_MAX];
	unsigned n;
	struct loaded_program all[PROGRAMS_MAX];
	int sections[LOAD_SECTIONS]; /* libbpf's numbers of how they are loaded */
	unsigned n_sections;
	/* While they are loaded. */
	struct loading *loading;
	const struct btf *kernel;
};

/*
 * load_threads.c: libbpf has one list of how sections are loaded for all of a program. Ours are in
 * it from before the skeleton is opened until it is loaded, and what libbpf knows of a program's
 * section is void then: bpf_program__attach() is not for these.
 */
int load_sections_register(struct programs *p, struct reel_err *err);
void load_sections_unregister(struct programs *p);
struct bpf_link *load_attach(const struct bpf_program *program);
int load_programs(struct programs *p, struct reel_err *err);

#endif
