/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel programs of a run: loaded one by one as far as this kernel has them, attached, and
 * what became of each hook.
 */
#ifndef REEL_RECORD_LOAD_H
#define REEL_RECORD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bpf/events.h"
#include "bpf/recorder.h"
#include "format/err.h"

struct programs;

/* In the order of the names of coverage.status. */
enum hook_status {
	HOOK_LOADED,
	HOOK_NOT_WANTED,
	HOOK_NOT_THERE,
	HOOK_REFUSED,
	HOOK_FILTER,
	HOOK_PARTLY,
};

struct load_options {
	struct recorder_config config;		/* n_cpus, tick_ns, types: filled in here */
	const struct scope_term *terms, *paths; /* as many as config says */
	uint32_t ring_bytes;			/* of each CPU; made a power of two of pages */
	uint32_t state_ring_bytes;
	uint32_t open_files; /* that can be followed at a time; 0: 65,536 */
	bool classes[CLASSES];
	bool slots[SLOTS];  /* calls wanted by name, whatever their class */
	FILE *verifier_log; /* where to write what the kernel says of a refused program; or NULL */
};

/*
 * Loads and opens the rings; attaches nothing yet. Fails only without the dispatcher or the hooks
 * of processes: -EPERM, -EOPNOTSUPP (no BTF, an old kernel) or what the kernel said.
 */
int programs_load(const struct load_options *o, struct programs **ret, struct reel_err *err);

/* Handlers first, so that the first call that is seen has its own. */
int programs_attach(struct programs *p, struct reel_err *err);
/* The helper is not recorded either. */
void programs_set_helper(struct programs *p, int pid);

/* Processes that a keyframe names although they are not in scope. */
void programs_set_ancestors(struct programs *p, const uint32_t pids[ANCESTORS_TOLD]);

/* Links of the iterators over processes, their files, their maps; -1 where one does not work.
 * Returns how many do. */
enum { ITERATOR_TASK, ITERATOR_FILE, ITERATOR_MAP, ITERATORS };
int programs_iterators(const struct programs *p, int ret_fds[ITERATORS]);
/* This process is in scope from now on, and what descends from it. */
int programs_follow(struct programs *p, int pid, struct reel_err *err);
/* Nothing runs any more when this returns. */
void programs_detach(struct programs *p);
void programs_free(struct programs *p);

struct bpf_map;
struct bpf_object;
struct bpf_program;
struct reel_bpf;

unsigned programs_n_cpus(const struct programs *p);
/* Ring n_cpus is that of state. */
int programs_ring_fd(const struct programs *p, unsigned ring);
uint32_t programs_ring_bytes(const struct programs *p, unsigned ring);
/* Mapped, to read only. */
const struct cpu_counts *programs_counts(const struct programs *p, unsigned cpu);
struct reel_bpf *programs_skeleton(const struct programs *p);
struct bpf_object *programs_object(const struct programs *p);

/* Has the call of this slot a handler? If not, it is filtered. */
bool programs_slot_handled(const struct programs *p, unsigned slot);
/* In which class its calls are counted; one of several types in that of the first. */
uint8_t programs_slot_class(unsigned slot);

/* Does an event of this type have a hook that works? */
bool programs_have_type(const struct programs *p, unsigned type);
/* Is it asked for, by its class or the name of a call? */
bool programs_want_type(const struct programs *p, unsigned type);

/* What became of each hook: calls visit for each, until it returns other than 0. */
struct hook {
	const char *name;   /* the tracepoint, or the type of a call */
	const char *types;  /* what it yields, blank between */
	const char *reason; /* "" */
	enum hook_status status;
};
int programs_hooks(const struct programs *p, int (*visit)(void *arg, const struct hook *hook),
		   void *arg);

/* How often each program ran and how long, where the kernel counts it; and the runs it left out. */
struct program_run {
	const char *name;
	uint64_t runs, run_ns, missed;
};
int programs_runs(const struct programs *p, int (*visit)(void *arg, const struct program_run *run),
		  void *arg);

#endif
