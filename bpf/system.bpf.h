/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The kernel itself: modules, BPF, probes, another kernel, its log and its clock. */
#ifndef REEL_BPF_SYSTEM_BPF_H
#define REEL_BPF_SYSTEM_BPF_H

#include <linux/perf_event.h>

#include "bpf/family.bpf.h"
#include "bpf/path.bpf.h"

enum {
	MODULE_NAME_BYTES = 56,
	MODULES_LOADING = 64,
	REBOOT_RESTART_2 = 0xa1b2c3d4,
	NS_PER_S = 1000000000,
	NS_PER_US = 1000,

	TIMEX_OFFSET = 1,
	TIMEX_SET_OFFSET = 0x100,
	TIMEX_SINGLE_SHOT = 0x8000,
	TIMEX_STATUS_NANO = 0x2000,
};

/* The module that a thread is loading, where the kernel says its name. */
struct module_name {
	char text[MODULE_NAME_BYTES];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MODULES_LOADING);
	__type(key, __u64);
	__type(value, struct module_name);
} module_names SEC(".maps");

SEC("tp_btf/module_load")
int module_load(__u64 *ctx)
{
	__u64 module = ctx[0], id = task_id(task_to_load());
	struct module_name name = { 0 };

	bpf_probe_read_kernel_str(name.text, sizeof(name.text),
				  (void *)(module + bpf_core_field_offset(struct module, name)));
	bpf_map_update_elem(&module_names, &id, &name, BPF_ANY);
	return 0;
}

static __always_inline __u16 build_module_name(const struct call *c, struct build *b)
{
	__u64 id = task_id(c->task);
	struct module_name *name = bpf_map_lookup_elem(&module_names, &id);
	__u16 n;

	if (!name)
		return build_nothing(b);
	n = build_kernel_string(b, (__u64)name->text, sizeof(name->text));
	bpf_map_delete_elem(&module_names, &id);
	return n;
}

FILLER(init_module)
{
	e->length = call_arg(c, 1);
	e->name = build_module_name(c, b);
	e->params = build_user_string(b, call_arg(c, 2), PATH_BYTES);
	return true;
}

/* The file of a descriptor that was passed. */
static __always_inline __u16 build_passed_file(const struct call *c, struct build *b, __s32 fd,
					       __u8 *ret_from)
{
	__u64 file = task_file(c->task, fd);

	*ret_from = file ? PATH_OBJECT : PATH_PASSED;
	return build_file_path(b, file);
}

FILLER(finit_module)
{
	__u64 file;

	e->fd = call_arg(c, 0);
	e->flags = call_arg(c, 2);
	file = task_file(c->task, e->fd);
	if (file)
		file_identify(file, e);
	e->path = build_passed_file(c, b, e->fd, &e->path_from);
	e->path_arg = build_nothing(b);
	e->name = build_module_name(c, b);
	e->params = build_user_string(b, call_arg(c, 1), PATH_BYTES);
	if (file && task_file(c->task, e->fd) != file)
		build_flag(b, EV_RACED);
	return true;
}

FILLER(delete_module)
{
	e->flags = call_arg(c, 1);
	e->name = build_user_string(b, call_arg(c, 0), MODULE_NAME_BYTES);
	return true;
}

/* Where union bpf_attr has what a command is about; NOWHERE: it has none. */
enum { NOWHERE = 0xff };
struct bpf_places {
	__u8 fd;
	__u8 id;
	__u8 attach_type;
	__u8 name; /* in place */
	__u8 name_pointer;
	__u8 path_pointer;
};

union bpf_places_word {
	struct bpf_places places;
	__u64 word;
};

#define AT(member) __builtin_offsetof(union bpf_attr, member)

/* Behind file_flags, since 6.5. */
enum { BPF_PATH_FD = 1 << 14, BPF_PATH_FD_AT = AT(file_flags) + 4 };

/* A function of its own, whose result the verifier does not follow for each command. */
__noinline __u64 bpf_places_of(__u32 cmd)
{
	union bpf_places_word w = { .places = { NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE,
						NOWHERE } };

	switch (cmd) {
	case BPF_MAP_CREATE:
		w.places.name = AT(map_name);
		break;
	case BPF_PROG_LOAD:
		w.places.name = AT(prog_name);
		w.places.attach_type = AT(expected_attach_type);
		break;
	case BPF_OBJ_PIN:
		w.places.fd = AT(bpf_fd);
		w.places.path_pointer = AT(pathname);
		break;
	case BPF_OBJ_GET:
		w.places.path_pointer = AT(pathname);
		break;
	case BPF_PROG_ATTACH:
	case BPF_PROG_DETACH:
		w.places.fd = AT(attach_bpf_fd);
		w.places.attach_type = AT(attach_type);
		break;
	case BPF_PROG_QUERY:
		w.places.fd = AT(query.target_fd);
		w.places.attach_type = AT(query.attach_type);
		break;
	case BPF_RAW_TRACEPOINT_OPEN:
		w.places.fd = AT(raw_tracepoint.prog_fd);
		w.places.name_pointer = AT(raw_tracepoint.name);
		break;
	case BPF_LINK_CREATE:
		w.places.fd = AT(link_create.prog_fd);
		w.places.attach_type = AT(link_create.attach_type);
		break;
	case BPF_PROG_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
	case BPF_BTF_GET_NEXT_ID:
	case BPF_LINK_GET_NEXT_ID:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
		w.places.id = AT(start_id);
		break;
	case BPF_MAP_LOOKUP_ELEM:
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_GET_NEXT_KEY:
	case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_PROG_TEST_RUN:
	case BPF_OBJ_GET_INFO_BY_FD:
	case BPF_LINK_UPDATE:
	case BPF_LINK_DETACH:
	case BPF_ITER_CREATE:
	case BPF_PROG_BIND_MAP:
		/* All have it first. */
		w.places.fd = AT(map_fd);
		break;
	case BPF_MAP_LOOKUP_BATCH:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH:
		w.places.fd = AT(batch.map_fd);
		break;
	}
	return w.word;
}

/* A number of the attributes; what lies behind their end is 0 to the kernel. */
static __always_inline __u64 attr_load(const struct call *c, struct build *b, __u32 at, __u32 bytes)
{
	__u64 value = 0;

	if (at == NOWHERE || at + bytes > (__u32)c->args[2])
		return 0;
	if (bytes == 4 ? bpf_probe_read_user(&value, 4, (void *)(c->args[1] + at)) :
			 bpf_probe_read_user(&value, 8, (void *)(c->args[1] + at)))
		build_flag(b, EV_FAULT);
	return value;
}

/* The id of what the call has made. */
static __always_inline __u32 bpf_made_id(const struct call *c, __u32 cmd)
{
	__u64 file = call_worked(c) ? task_file(c->task, c->ret) : 0, made;

	if (!file)
		return 0;
	made = KPTR(struct file, file, private_data);
	switch (cmd) {
	case BPF_MAP_CREATE:
		return KLOAD(struct bpf_map, made, id);
	case BPF_PROG_LOAD:
		return KLOAD(struct bpf_prog_aux, KPTR(struct bpf_prog, made, aux), id);
	case BPF_LINK_CREATE:
	case BPF_RAW_TRACEPOINT_OPEN:
		return KLOAD(struct bpf_link, made, id);
	}
	return 0;
}

#define BPF_BIT(cmd) (1ull << (cmd))
#define BPF_MAKES_FD                                                               \
	(BPF_BIT(BPF_MAP_CREATE) | BPF_BIT(BPF_PROG_LOAD) | BPF_BIT(BPF_OBJ_GET) | \
	 BPF_BIT(BPF_PROG_GET_FD_BY_ID) | BPF_BIT(BPF_MAP_GET_FD_BY_ID) |          \
	 BPF_BIT(BPF_BTF_GET_FD_BY_ID) | BPF_BIT(BPF_LINK_GET_FD_BY_ID) | BPF_BIT(BPF_BTF_LOAD))

/* Without a descriptor that is passed, fd is the one that is made. */
FILLER(bpf)
{
	__u32 cmd = call_arg(c, 0);
	union bpf_places_word w = { .word = bpf_places_of(cmd) };
	__s32 dirfd;
	struct bpf_places p = w.places;

	e->cmd = cmd;
	e->size = call_arg(c, 2);
	if (p.fd != NOWHERE)
		e->fd = attr_load(c, b, p.fd, 4);
	else
		e->fd = BPF_MAKES_FD >> (cmd & 63) & 1 && call_worked(c) ? c->ret : -1;
	e->attach_type = attr_load(c, b, p.attach_type, 4);
	if (cmd == BPF_PROG_LOAD)
		e->prog_type = attr_load(c, b, AT(prog_type), 4);
	e->object_id = p.id == NOWHERE ? bpf_made_id(c, cmd) : attr_load(c, b, p.id, 4);
	if (p.name != NOWHERE && p.name + BPF_OBJ_NAME_LEN <= e->size)
		e->name = build_user_string(b, call_arg(c, 1) + p.name, BPF_OBJ_NAME_LEN);
	else
		e->name = build_user_string(b, attr_load(c, b, p.name_pointer, 8), 128);
	if (p.path_pointer == NOWHERE) {
		e->path = build_nothing(b);
		return true;
	}
	dirfd = attr_load(c, b, AT(file_flags), 4) & BPF_PATH_FD ?
			attr_load(c, b, BPF_PATH_FD_AT, 4) :
			FD_CWD;
	build_target_path(b, e, dirfd, attr_load(c, b, p.path_pointer, 8), TARGET_PATH);
	return true;
}

FILLER(perf_event_open)
{
	struct {
		__u32 type, size;
		__u64 config;
	} begin = { 0 };
	__u64 attr = call_arg(c, 0), configs[2] = { 0 }, name = 0;

	e->target = call_arg(c, 1);
	e->target_cpu = call_arg(c, 2);
	e->flags = call_arg(c, 4);
	if (bpf_probe_read_user(&begin, sizeof(begin), (void *)attr) < 0 ||
	    bpf_probe_read_user(configs, sizeof(configs),
				(void *)(attr +
					 __builtin_offsetof(struct perf_event_attr, config1))) < 0)
		build_flag(b, EV_FAULT);
	e->perf_type = begin.type;
	e->config = begin.config;
	if (begin.type == PERF_TYPE_BREAKPOINT) {
		e->addr = configs[0];
	} else if (begin.type >= PERF_TYPE_MAX) {
		/* Of kprobe and uprobe the function or the file, and where in it; others may have a
		 * number here that is no address. */
		name = configs[0];
		e->addr = configs[1];
		if (bpf_probe_read_user(&begin, 1, (void *)name) < 0)
			name = 0;
	}
	e->name = build_user_string(b, name, PATH_BYTES);
	return true;
}

/* Roles: flags, segments, kernel, initrd, command line. Variant 'f' has files. */
FILLER(kexec)
{
	bool has_files = c->variant == 'f';

	e->flags = call_arg(c, 0);
	e->segments = call_arg(c, 1);
	e->kernel_fd = has_files ? call_arg(c, 2) : -1;
	e->initrd_fd = has_files ? call_arg(c, 3) : -1;
	e->cmdline = build_user_string(b, call_arg(c, 4), PATH_BYTES);
	e->path = build_passed_file(c, b, e->kernel_fd, &e->path_from);
	return true;
}

FILLER(io_uring_setup)
{
	e->entries = call_arg(c, 0);
	/* Behind two numbers that the kernel has filled in. */
	if (bpf_probe_read_user(&e->flags, sizeof(e->flags), (void *)(call_arg(c, 1) + 8)) < 0)
		build_flag(b, EV_FAULT);
	return true;
}

FILLER(syslog)
{
	e->action = call_arg(c, 0);
	e->count = call_arg(c, 2);
	return true;
}

FILLER(reboot)
{
	e->cmd = call_arg(c, 2);
	e->text = build_user_string(b, e->cmd == (__u32)REBOOT_RESTART_2 ? call_arg(c, 3) : 0, 256);
	return true;
}

/* Two numbers of a time, as wide as longs of the call are. */
static __always_inline int time_take(const struct call *c, bool narrow, __u64 address, __s64 ret[2])
{
	__s32 half[2];

	if (!narrow)
		return bpf_probe_read_user(ret, 16, (void *)address);
	if (bpf_probe_read_user(half, sizeof(half), (void *)address) < 0)
		return -1;
	ret[0] = half[0];
	ret[1] = half[1];
	return 0;
}

/* struct timex, which the call gives back with what holds now: a correction that is spread, or the
 * new time. What it was told to jump by is gone. */
static __always_inline bool clock_adjusted(const struct call *c, struct build *b,
					   struct ev_clock_settime *e, bool narrow)
{
	__u64 address = call_arg(c, 1);
	__u32 offset_at = narrow ? 4 : 8, status_at = narrow ? 20 : 40, time_at = narrow ? 36 : 72;
	__s64 pair[2] = { 0 };
	__u32 status = 0;
	__s64 unit;

	if (bpf_probe_read_user(&e->modes, sizeof(e->modes), (void *)address) < 0 ||
	    bpf_probe_read_user(&status, sizeof(status), (void *)(address + status_at)) < 0)
		build_flag(b, EV_FAULT);
	else if (!e->modes && call_worked(c))
		return false;
	unit = status & TIMEX_STATUS_NANO ? 1 : NS_PER_US;
	if ((e->modes & TIMEX_OFFSET) && !(e->modes & TIMEX_SINGLE_SHOT) &&
	    time_take(c, narrow, address + offset_at, pair) == 0)
		e->offset = pair[0] * unit;
	if ((e->modes & TIMEX_SET_OFFSET) && time_take(c, narrow, address + time_at, pair) == 0)
		e->time = pair[0] * NS_PER_S + pair[1] * unit;
	return true;
}

/* Roles: clock, where the time is. Variants: 's' timespec, 'S' the same with 64 bits in every ABI,
 * 'v' timeval, 't' seconds alone, 'a' and 'A' timex. */
FILLER(clock_settime)
{
	bool narrow = c->compat && c->variant != 'S' && c->variant != 'A';
	__u64 address = call_arg(c, 1);
	__s64 pair[2] = { 0 };

	e->clock = call_arg(c, 0);
	if (c->variant == 'a' || c->variant == 'A')
		return clock_adjusted(c, b, e, narrow);
	/* settimeofday() may set the time zone alone. */
	if (!address && c->variant == 'v')
		return true;
	if (c->variant == 't') {
		__s32 seconds = 0;

		if (bpf_probe_read_user(&seconds, sizeof(seconds), (void *)address) < 0)
			build_flag(b, EV_FAULT);
		pair[0] = seconds;
	} else if (time_take(c, narrow, address, pair) < 0) {
		build_flag(b, EV_FAULT);
		return true;
	}
	/* Of the nanoseconds i386 has only the lower half, even of 64 bits. */
	if (c->compat)
		pair[1] = (__s32)pair[1];
	e->time = pair[0] * NS_PER_S + pair[1] * (c->variant == 'v' ? NS_PER_US : 1);
	return true;
}

FILLED_FAMILY(kernel, EV_CLASS_kernel,
	      FILLED(init_module) FILLED(finit_module) FILLED(delete_module) FILLED(bpf)
		      FILLED(perf_event_open) FILLED(kexec) FILLED(io_uring_setup) FILLED(syslog)
			      FILLED(reboot) FILLED(clock_settime))

#endif
