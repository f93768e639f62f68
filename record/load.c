/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/load.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/now.h"
#include "format/tape.h"
#include "record/calls.h"
#include "record/user.h"
#include "record/load_impl.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "reel_old.skel.h"
#pragma GCC diagnostic pop

/* What is asked of an io_uring is told as what it does. */
#define URING_TYPES                                                                           \
	"open close unlink rename link symlink mkdir truncate setxattr read write copy fold " \
	"socket bind listen connect accept send recv shutdown dns pass dup pipe stat"

const struct hook_row load_hooks[] = {
	{ "sys_exit", "sys_exit", "", true },
	{ "scope_first", "sys_exit", "", true, HANDLER, .slot = JUMP_SCOPE },
	{ "scope_again", "sys_exit: scope", "", true, HANDLER, .slot = JUMP_RESCOPE },
	{ "task_newtask", "task_newtask", "fork thread", true },
	{ "sched_process_exec", "sched_process_exec", "exec", true },
	{ "sched_prepare_exec", "sched_prepare_exec", "exec", false },
	{ "sched_process_exit", "sched_process_exit", "exit", true },
	{ "cgroup_attach_task", "cgroup_attach_task", "cgroup_move", false },
	{ "cgroup_mkdir", "cgroup_mkdir", "cgroup", false },
	{ "cgroup_rmdir", "cgroup_rmdir", "cgroup", false },
	{ "cgroup_rename", "cgroup_rename", "cgroup", false },
	{ "uring_submit", "io_uring_submit_req", URING_TYPES },
	{ "uring_submit_old", "io_uring_submit_sqe", URING_TYPES },
	{ "uring_complete", "io_uring_complete", URING_TYPES, .arguments = 3 },
	{ "uring_complete_old", "io_uring_complete", URING_TYPES, .arguments = 7 },
	{ "uring_tell_names", "io_uring: names", "open unlink rename link symlink mkdir stat",
	  .kind = TELLER, .slot = TELL_NAMES },
	{ "uring_tell_files", "io_uring: files",
	  "close truncate setxattr copy socket shutdown dup pipe", .kind = TELLER,
	  .slot = TELL_FILES },
	{ "uring_tell_sockets", "io_uring: sockets", "bind listen connect accept", .kind = TELLER,
	  .slot = TELL_SOCKETS },
	{ "uring_tell_transfers", "io_uring: transfers", "send recv dns pass", .kind = TELLER,
	  .slot = TELL_TRANSFERS },
	{ "uring_tell_io", "io_uring: io", "read write fold dns", .kind = TELLER, .slot = TELL_IO },
	{ "inet_sock_set_state", "inet_sock_set_state", "flow", false },
	{ "module_load", "module_load", "init_module finit_module", false },
	{ "signal_generate", "signal_generate", "signal", false },
	{ "signal_deliver", "signal_deliver", "signal", false },
	{ "keyframe_task", "iter/task", "process task inflight", false, ITERATOR },
	{ "keyframe_file", "iter/task_file", "fd", false, ITERATOR },
	{ "keyframe_map", "iter/task_vma", "map", false, ITERATOR },
	{ "user_enter", "uprobe", "tls tls_setup line", false, UPROBE },
	{ "user_return", "uretprobe", "tls tls_setup line", false, UPROBE },
	{ 0 },
};

_Static_assert(sizeof(load_hooks) / sizeof(*load_hooks) <= HOOKS_MAX, "hooks");

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* What is mapped may have to be probed. */
static bool is_for_probes(const struct load_options *o, const struct reel_type *t)
{
	return t->id == EV_mmap && o->classes[EV_CLASS_user];
}

bool load_type_wanted(const struct load_options *o, const struct reel_type *t)
{
	if (t->id == EV_dns && !o->config.dns)
		return false;
	/* What a model of the machine needs is always there. */
	if (t->stream == TAPE_STATE || o->classes[t->class_id])
		return true;
	if (is_for_probes(o, t))
		return true;
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (o->slots[slot] && call_name(slot) && call_type(call_name(slot)) == t)
			return true;
	return false;
}

static bool types_wanted(const struct load_options *o, const char *types)
{
	const struct reel_type *t;

	while ((t = call_types_next(&types)) != NULL)
		if (load_type_wanted(o, t))
			return true;
	return false;
}

/* Is the call of this slot to have a handler, if there is one? */
static bool slot_wanted(const struct load_options *o, unsigned slot)
{
	const char *name = call_name(slot);
	const struct reel_type *t = name ? call_type(name) : NULL;
	const struct call_mixed *m;
	const char *types;

	if (!t)
		return false;
	if (o->slots[slot] || t->stream == TAPE_STATE || is_for_probes(o, t))
		return true;
	m = call_mixed(name);
	types = m ? m->types : t->name;
	/* By their classes: a type that is wanted for the sake of one call is not for all. */
	while ((t = call_types_next(&types)) != NULL)
		if (t->id != EV_sys && o->classes[t->class_id] && load_type_wanted(o, t))
			return true;
	return false;
}

int load_find_hook(const char *program)
{
	for (unsigned i = 0; load_hooks[i].program; i++)
		if (strcmp(load_hooks[i].program, program) == 0)
			return (int)i;
	return -1;
}

static bool hook_is_there(const struct btf *kernel, unsigned hook)
{
	char name[64];
	const struct btf_type *t;
	int id;

	if (load_hooks[hook].kind == ITERATOR) {
		snprintf(name, sizeof(name), "bpf_iter_%s",
			 load_hooks[hook].tracepoint + strlen("iter/"));
		return btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
	}
	if (load_hooks[hook].kind != TRACEPOINT)
		return true;
	snprintf(name, sizeof(name), "btf_trace_%s", load_hooks[hook].tracepoint);
	id = btf__find_by_name_kind(kernel, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return false;
	/* A pointer to a function, whose first argument is not the tracepoint's. */
	t = btf__type_by_id(kernel, btf__type_by_id(kernel, (uint32_t)id)->type);
	t = t && btf_is_ptr(t) ? btf__type_by_id(kernel, t->type) : NULL;
	return !load_hooks[hook].arguments ||
	       (t && btf_is_func_proto(t) && btf_vlen(t) == load_hooks[hook].arguments + 1);
}

/* Does another program do the same on this kernel? */
static bool has_stand_in(const struct btf *kernel, unsigned hook)
{
	static const char old[] = "_old";
	size_t n = strlen(load_hooks[hook].program);

	if (n > strlen(old) && strcmp(load_hooks[hook].program + n - strlen(old), old) == 0)
		n -= strlen(old);
	for (unsigned i = 0; load_hooks[i].program; i++) {
		const char *other = load_hooks[i].program;

		if (i != hook && strncmp(other, load_hooks[hook].program, n) == 0 &&
		    (other[n] == 0 || strcmp(other + n, old) == 0) && hook_is_there(kernel, i))
			return true;
	}
	return false;
}

static void refuse(struct loaded_program *l, enum hook_status status, const char *why)
{
	l->status = status;
	snprintf(l->reason, sizeof(l->reason), "%s", why);
	bpf_program__set_autoload(l->program, false);
}

/* Decides which programs to load at all. */
static int choose(struct programs *p, const struct btf *kernel, struct reel_err *err)
{
	struct bpf_program *program;

	if (user_probes_prepare(p->skeleton->obj, p->options.classes[EV_CLASS_user], kernel) < 0)
		return reel_err_set(err, -EINVAL, "the programs of probes are missing");
	bpf_object__for_each_program(program, p->skeleton->obj)
	{
		const char *name = bpf_program__name(program);
		struct loaded_program *l = &p->all[p->n];

		if (p->n == PROGRAMS_MAX)
			return reel_err_set(err, -E2BIG, "more than %d programs", PROGRAMS_MAX);
		l->program = program;
		if (strncmp(name, "on_", 3) == 0) {
			const struct call_mixed *m = call_mixed_of(name);
			const char *family = call_family(name);

			l->handler = true;
			l->family = family != NULL;
			l->type = reel_type_by_name(name + 3, strlen(name + 3));
			if (!l->type && !m && !family)
				return reel_err_set(err, -EINVAL, "program %s has no type", name);
			l->types = family ? family : m ? m->types : l->type->name;
			if (!types_wanted(&p->options, l->types))
				refuse(l, HOOK_NOT_WANTED, "");
		} else {
			int hook = load_find_hook(name);
			bool there = hook >= 0 && hook_is_there(kernel, (unsigned)hook);

			if (hook < 0 || (!there && has_stand_in(kernel, (unsigned)hook))) {
				bpf_program__set_autoload(program, false);
				continue;
			}
			l->hook = (unsigned)hook;
			l->types = load_hooks[hook].types;
			if (!there)
				refuse(l, HOOK_NOT_THERE, "no such tracepoint in this kernel");
			else if (*l->types && !types_wanted(&p->options, l->types))
				refuse(l, HOOK_NOT_WANTED, "");
		}
		p->n++;
	}
	return 0;
}

/* The path of a type is its first string of that name. */
static void place_paths(struct path_place places[EV_MAX_TYPES])
{
	for (const struct reel_type *t = reel_types; t->name; t++) {
		struct path_place *place = &places[t->id];
		unsigned strings = 0;

		for (unsigned i = 0; i < t->n_fields && strings < PATH_PLACE_STRINGS; i++) {
			const struct reel_field *f = &t->fields[i];

			if (!reel_field_is_string(f))
				continue;
			place->lengths[strings] = t->string_offsets[strings];
			strings++;
			if (strcmp(f->name, "path") == 0) {
				place->fixed_bytes = t->fixed_bytes;
				place->strings = (__u16)strings;
				break;
			}
		}
	}
}

static int open_skeleton(struct programs *p, struct reel_err *err)
{
	struct recorder_config *config;
	uint32_t files = p->options.open_files;
	int r;

	p->skeleton = calloc(1, sizeof(*p->skeleton));
	if (!p->skeleton || reel_bpf__create_skeleton(p->skeleton) < 0)
		return reel_err_set(err, -ENOMEM, "no memory for the kernel programs");
	/* The same programs and maps, in the same order. */
	if (btf__find_by_name_kind(p->kernel, "bpf_rdonly_cast", BTF_KIND_FUNC) < 0)
		p->skeleton->skeleton->data =
			(void *)(uintptr_t)reel_old_bpf__elf_bytes(&p->skeleton->skeleton->data_sz);
	r = bpf_object__open_skeleton(p->skeleton->skeleton, NULL);
	if (r < 0)
		return reel_err_set(err, r, "cannot open the kernel programs: %s", strerror(-r));
	/* The skeleton has it const, like the programs. */
	config = (struct recorder_config *)(uintptr_t)&p->skeleton->rodata->config;
	*config = p->options.config;
	memcpy((void *)(uintptr_t)p->skeleton->rodata->scope_terms, p->options.terms,
	       config->n_terms * sizeof(*p->options.terms));
	place_paths((struct path_place *)(uintptr_t)p->skeleton->rodata->path_places);
	memcpy((void *)(uintptr_t)p->skeleton->rodata->path_terms, p->options.paths,
	       config->n_paths * sizeof(*p->options.paths));
	if (bpf_map__set_max_entries(p->skeleton->maps.scratches, p->n_cpus + 1) < 0 ||
	    bpf_map__set_max_entries(p->skeleton->maps.counts, p->n_cpus) < 0 ||
	    bpf_map__set_max_entries(p->skeleton->maps.rings, p->n_cpus + 1) < 0 ||
	    (files && (bpf_map__set_max_entries(p->skeleton->maps.open_files, files) < 0 ||
		       bpf_map__set_max_entries(p->skeleton->maps.open_lists, files / 8 + 64) < 0)))
		return reel_err_set(err, -EINVAL, "cannot size the maps");
	return 0;
}

/* Rings are powers of two of pages. */
static uint32_t ring_size(uint32_t bytes)
{
	uint32_t size = (uint32_t)sysconf(_SC_PAGESIZE);

	while (size < bytes && size < 1u << 30)
		size <<= 1;
	return size;
}

uint32_t programs_ring_bytes(const struct programs *p, unsigned ring)
{
	return ring_size(ring == p->n_cpus ? p->options.state_ring_bytes : p->options.ring_bytes);
}

static int make_rings(struct programs *p, struct reel_err *err)
{
	int rings = bpf_map__fd(p->skeleton->maps.rings);

	p->ring_fds = calloc(p->n_cpus + 1, sizeof(*p->ring_fds));
	if (!p->ring_fds)
		return reel_err_set(err, -ENOMEM, "no memory for rings");
	for (uint32_t i = 0; i <= p->n_cpus; i++)
		p->ring_fds[i] = -1;
	for (uint32_t i = 0; i <= p->n_cpus; i++) {
		uint32_t bytes = programs_ring_bytes(p, i);
		int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF,
					i == p->n_cpus ? "reel_state" : "reel_events", 0, 0, bytes,
					NULL);

		if (fd < 0)
			return reel_err_set(err, -errno, "cannot make a ring of %u bytes: %s",
					    bytes, strerror(errno));
		p->ring_fds[i] = fd;
		if (bpf_map_update_elem(rings, &i, &fd, BPF_ANY) < 0)
			return reel_err_set(err, -errno, "cannot place ring %u: %s", i,
					    strerror(errno));
	}
	return 0;
}

/* The events of each CPU are numbered from the time of the start, so that no number comes twice in
 * a boot. */
static int start_counts(struct programs *p, struct reel_err *err)
{
	int fd = bpf_map__fd(p->skeleton->maps.counts);
	uint64_t now_ns = now_boottime_ns();

	p->counts_step = (sizeof(struct cpu_counts) + 7) & ~(size_t)7;
	p->counts_bytes = p->counts_step * p->n_cpus;
	p->counts = mmap(NULL, p->counts_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p->counts == MAP_FAILED) {
		p->counts = NULL;
		return reel_err_set(err, -errno, "cannot map the counts: %s", strerror(errno));
	}
	for (unsigned cpu = 0; cpu < p->n_cpus; cpu++)
		((struct cpu_counts *)(void *)((char *)p->counts + cpu * p->counts_step))->seq =
			now_ns;
	return 0;
}

static bool has_type(const char *types, const struct reel_type *type)
{
	const struct reel_type *t;

	while ((t = call_types_next(&types)) != NULL)
		if (t == type)
			return true;
	return false;
}

/* What is jumped to. */
static int place_jumps(struct programs *p, struct reel_err *err)
{
	uint32_t handlers = JUMP_HANDLERS;

	for (unsigned i = 0; i < p->n; i++) {
		struct loaded_program *l = &p->all[i];
		int fd = bpf_program__fd(l->program), map = bpf_map__fd(p->skeleton->maps.handlers);
		uint32_t slot;

		if (l->status != HOOK_LOADED || (!l->handler && load_hooks[l->hook].kind < HANDLER))
			continue;
		slot = l->handler ? handlers++ : load_hooks[l->hook].slot;
		if (!l->handler && load_hooks[l->hook].kind == TELLER)
			map = bpf_map__fd(p->skeleton->maps.uring_tellers);
		if (bpf_map_update_elem(map, &slot, &fd, BPF_ANY) < 0)
			return reel_err_set(err, -errno, "cannot place %s: %s",
					    bpf_program__name(l->program), strerror(errno));
		l->jump = (uint8_t)slot;
	}
	return 0;
}

static enum io_direction slot_folds(const struct load_options *o, const struct reel_type *t)
{
	if (o->config.io != IO_FIRST || !load_type_wanted(o, t))
		return IO_NEITHER;
	return t->id == EV_read ? IO_READ : t->id == EV_write ? IO_WRITE : IO_NEITHER;
}

/* Every call whose type has a handler, and that is wanted by its class or its name. */
static int fill_slots(struct programs *p, struct reel_err *err)
{
	int layouts = bpf_map__fd(p->skeleton->maps.layouts);
	const struct recorder_config *config = &p->options.config;

	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		const char *name = call_name(slot);
		const struct call_mixed *m = name ? call_mixed(name) : NULL;
		struct call_layout layout;
		uint8_t jump = JUMP_NONE;

		if (!slot_wanted(&p->options, slot))
			continue;
		for (unsigned i = 0; i < p->n; i++) {
			const struct loaded_program *l = &p->all[i];

			if (l->handler && l->status == HOOK_LOADED &&
			    (m	       ? strcmp(bpf_program__name(l->program), m->program) == 0 :
			     l->family ? has_type(l->types, call_type(name)) :
					 l->type == call_type(name)))
				jump = l->jump;
		}
		if (jump == JUMP_NONE)
			continue;
		layout = call_layout(name);
		layout.type = (uint8_t)call_type(name)->id;
		layout.by_name = p->options.slots[slot];
		if (bpf_map_update_elem(layouts, &slot, &layout, BPF_ANY) < 0)
			return reel_err_set(err, -errno, "cannot place the handler of %s: %s", name,
					    strerror(errno));
		p->skeleton->bss->slots[slot] = (struct call_slot){
			.jump = jump,
			.class = programs_slot_class(slot),
			.rescopes = config->scope && config->n_terms && layout.type == EV_setuid,
			.folds = (uint8_t)slot_folds(&p->options, call_type(name)),
		};
	}
	return 0;
}

/* How often the kernel's coarse clocks move on. */
static uint32_t tick_ns(void)
{
	struct timespec t;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &t) < 0 || t.tv_sec != 0 || t.tv_nsec <= 0)
		return 4000000;
	return (uint32_t)t.tv_nsec;
}

int programs_load(const struct load_options *o, struct programs **ret, struct reel_err *err)
{
	struct programs *p = calloc(1, sizeof(*p));
	struct btf *kernel = NULL;
	int r;

	if (!p)
		return reel_err_set(err, -ENOMEM, "no memory for programs");
	libbpf_set_print(silent);
	p->options = *o;
	p->n_cpus = (unsigned)libbpf_num_possible_cpus();
	kernel = btf__load_vmlinux_btf();
	if (!kernel) {
		r = reel_err_set(err, -EOPNOTSUPP,
				 "this kernel does not describe its types "
				 "(no BTF in /sys/kernel/btf/vmlinux)");
		goto out;
	}
	p->options.config.n_cpus = p->n_cpus;
	p->options.config.tick_ns = tick_ns();
	memset(p->options.config.types, 0, sizeof(p->options.config.types));
	for (const struct reel_type *t = reel_types; t->name; t++)
		if (load_type_wanted(o, t))
			p->options.config.types[t->id / 64] |= 1ull << t->id % 64;
	p->kernel = kernel;
	r = load_sections_register(p, err);
	if (r == 0)
		r = open_skeleton(p, err);
	if (r == 0)
		r = choose(p, kernel, err);
	if (r == 0)
		r = load_programs(p, err);
	load_sections_unregister(p);
	if (r == 0)
		r = make_rings(p, err);
	if (r == 0)
		r = start_counts(p, err);
	if (r == 0)
		r = place_jumps(p, err);
	if (r == 0)
		r = fill_slots(p, err);
out:
	btf__free(kernel);
	p->kernel = NULL;
	if (r < 0) {
		programs_free(p);
		return r;
	}
	*ret = p;
	return 0;
}
