/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs once they are loaded: attached, told whom to follow, asked what became of them. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format/tape.h"
#include "record/calls.h"
#include "record/load_impl.h"

enum { FOLLOW_TRIES = 1000 };

int programs_attach(struct programs *p, struct reel_err *err)
{
	/* The dispatcher last: what happens to a process is known before what it does. */
	for (unsigned hook = HOOKS_MAX; hook-- > 0;) {
		for (unsigned i = 0; i < p->n; i++) {
			struct loaded_program *l = &p->all[i];

			if (l->handler || l->hook != hook || l->status != HOOK_LOADED ||
			    load_hooks[hook].kind >= UPROBE)
				continue;
			p->links[hook] = load_attach(l->program);
			if (p->links[hook])
				continue;
			if (load_hooks[hook].needed)
				return reel_err_set(err, -errno, "cannot attach to %s: %s",
						    load_hooks[hook].tracepoint, strerror(errno));
			l->status = HOOK_REFUSED;
			snprintf(l->reason, sizeof(l->reason), "%s", strerror(errno));
		}
	}
	return 0;
}

void programs_set_helper(struct programs *p, int pid)
{
	p->skeleton->bss->helper_pid = (uint32_t)pid;
}

void programs_set_ancestors(struct programs *p, const uint32_t pids[ANCESTORS_TOLD])
{
	memcpy(p->skeleton->bss->keyframe_ancestors, pids, ANCESTORS_TOLD * sizeof(*pids));
}

int programs_iterators(const struct programs *p, int ret_fds[ITERATORS])
{
	static const char *const names[ITERATORS] = { "keyframe_task", "keyframe_file",
						      "keyframe_map" };
	int n = 0;

	for (unsigned i = 0; i < ITERATORS; i++) {
		int hook = load_find_hook(names[i]);

		ret_fds[i] = p->links[hook] ? bpf_link__fd(p->links[hook]) : -1;
		n += ret_fds[i] >= 0;
	}
	return n;
}

int programs_follow(struct programs *p, int pid, struct reel_err *err)
{
	struct task_note note = { .in_tree = 1 };
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), map = bpf_map__fd(p->skeleton->maps.notes);
	int r = 0, done = -1;

	/* Whether it is in scope it asks itself, at its first call. */
	if (!p->options.config.n_terms)
		note.scope = SCOPE_IN;
	else
		note.scope = SCOPE_OUT;
	/* A program that looks into the storage at this moment is in the way. */
	for (int i = 0; fd >= 0 && done < 0 && i < FOLLOW_TRIES; i++) {
		done = bpf_map_update_elem(map, &fd, &note, BPF_ANY);
		if (done < 0 && errno != EAGAIN && errno != EBUSY)
			break;
	}
	if (done < 0)
		r = reel_err_set(err, -errno, "cannot follow process %d: %s", pid, strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}

void programs_detach(struct programs *p)
{
	for (unsigned i = 0; load_hooks[i].program; i++) {
		bpf_link__destroy(p->links[i]);
		p->links[i] = NULL;
	}
	p->skeleton->data_user->user_ended = 1;
	/* Waits until no program runs that began before: it is the kernel's synchronize_rcu(). */
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

void programs_free(struct programs *p)
{
	if (!p)
		return;
	for (unsigned i = 0; load_hooks[i].program; i++)
		bpf_link__destroy(p->links[i]);
	for (unsigned i = 0; i <= p->n_cpus && p->ring_fds; i++)
		if (p->ring_fds[i] >= 0)
			close(p->ring_fds[i]);
	free(p->ring_fds);
	if (p->counts)
		munmap(p->counts, p->counts_bytes);
	reel_bpf__destroy(p->skeleton);
	free(p);
}

unsigned programs_n_cpus(const struct programs *p)
{
	return p->n_cpus;
}

int programs_ring_fd(const struct programs *p, unsigned ring)
{
	return p->ring_fds[ring];
}

const struct cpu_counts *programs_counts(const struct programs *p, unsigned cpu)
{
	return (const void *)((const char *)p->counts + cpu * p->counts_step);
}

struct reel_bpf *programs_skeleton(const struct programs *p)
{
	return p->skeleton;
}

bool programs_slot_handled(const struct programs *p, unsigned slot)
{
	return p->skeleton->bss->slots[slot].jump != JUMP_NONE;
}

uint8_t programs_slot_class(unsigned slot)
{
	const char *name = call_name(slot);
	const struct call_mixed *m = name ? call_mixed(name) : NULL;
	const char *types = m ? m->types : NULL;

	if (!name)
		return EV_CLASS_sys;
	return (m ? call_types_next(&types) : call_type(name))->class_id;
}

struct bpf_object *programs_object(const struct programs *p)
{
	return p->skeleton->obj;
}

bool programs_want_type(const struct programs *p, unsigned type)
{
	const struct reel_type *t = reel_type_by_id(type);

	return t && load_type_wanted(&p->options, t);
}

bool programs_have_type(const struct programs *p, unsigned type)
{
	for (unsigned i = 0; i < p->n; i++) {
		const char *types = p->all[i].types;
		const struct reel_type *t;

		if (p->all[i].status != HOOK_LOADED)
			continue;
		while ((t = call_types_next(&types)) != NULL)
			if (t->id == type)
				return true;
	}
	return false;
}

int programs_hooks(const struct programs *p, int (*visit)(void *arg, const struct hook *hook),
		   void *arg)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct loaded_program *l = &p->all[i];
		struct hook h = {
			.name = l->handler ? bpf_program__name(l->program) + strlen("on_") :
					     load_hooks[l->hook].tracepoint,
			.types = l->types,
			.reason = l->reason,
			.status = l->status,
		};
		int r = visit(arg, &h);

		if (r != 0)
			return r;
	}
	return 0;
}

int programs_runs(const struct programs *p, int (*visit)(void *arg, const struct program_run *run),
		  void *arg)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t bytes = sizeof(info);
		struct program_run run = { .name = bpf_program__name(p->all[i].program) };
		int fd = bpf_program__fd(p->all[i].program), r;

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &bytes) < 0)
			continue;
		run.runs = info.run_cnt;
		run.run_ns = info.run_time_ns;
		run.missed = info.recursion_misses;
		r = visit(arg, &run);
		if (r != 0)
			return r;
	}
	return 0;
}
