/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/user_attach.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UPROBE_SYSFS "/sys/bus/event_source/devices/uprobe/"

/* Of linux/bpf.h, which may be older than the kernel that we run on. */
enum { TRACE_UPROBE_MULTI = 48, UPROBE_MULTI_RETURN = 1 };
struct link_uprobe_multi {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, probe_flags, pid, unused;
};

bool user_attach_has_multi(const struct btf *kernel)
{
	int id = btf__find_by_name_kind(kernel, "bpf_attach_type", BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(kernel, (uint32_t)id) : NULL;

	for (unsigned i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_enum *e = btf_enum(t) + i;

		if (e->val == TRACE_UPROBE_MULTI)
			return strcmp(btf__name_by_offset(kernel, e->name_off),
				      "BPF_TRACE_UPROBE_MULTI") == 0;
	}
	return false;
}

void user_attach_set_multi(struct bpf_program *program)
{
	bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)TRACE_UPROBE_MULTI);
}

/* A number behind the words HEAD. */
static int read_number(const char *file, const char *head, uint64_t *ret)
{
	FILE *f = fopen(file, "re");
	char text[64], *end;

	if (!f)
		return -errno;
	end = fgets(text, sizeof(text), f);
	fclose(f);
	if (!end || strncmp(text, head, strlen(head)) != 0)
		return -EINVAL;
	*ret = strtoull(text + strlen(head), &end, 10);
	return end == text + strlen(head) ? -EINVAL : 0;
}

int user_attacher_init(struct user_attacher *a, const struct bpf_program *enter,
		       const struct bpf_program *leave, struct reel_err *err)
{
	uint64_t type = 0, bit = 0;
	int r = 0;

	a->enter_fd = bpf_program__fd(enter);
	a->return_fd = bpf_program__fd(leave);
	a->multi = (int)bpf_program__expected_attach_type(enter) == TRACE_UPROBE_MULTI;
	if (a->enter_fd < 0 || a->return_fd < 0)
		return reel_err_set(err, -EOPNOTSUPP, "the programs of probes are not loaded");
	if (a->multi)
		return 0;
	r = read_number(UPROBE_SYSFS "type", "", &type);
	if (r == 0)
		r = read_number(UPROBE_SYSFS "format/retprobe", "config:", &bit);
	if (r < 0 || type > UINT32_MAX || bit > 63)
		return reel_err_set(err, -EOPNOTSUPP, "this kernel has no uprobes");
	a->event_type = (uint32_t)type;
	a->return_bit = 1ull << bit;
	return 0;
}

/* Another name for a descriptor, which leads to the very file. */
static void name_of(int fd, char *ret, size_t bytes)
{
	snprintf(ret, bytes, "/proc/self/fd/%d", fd);
}

static int attach_many(const struct user_attacher *a, int file_fd, const struct user_point *points,
		       size_t n, bool at_return)
{
	uint64_t offsets[USER_MAX_POINTS], cookies[USER_MAX_POINTS];
	struct link_uprobe_multi link = { 0 };
	char path[32];
	long fd;

	if (n > USER_MAX_POINTS)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		offsets[i] = points[i].offset;
		cookies[i] = points[i].cookie;
	}
	name_of(file_fd, path, sizeof(path));
	link.prog_fd = (uint32_t)(at_return ? a->return_fd : a->enter_fd);
	link.attach_type = TRACE_UPROBE_MULTI;
	link.path = (uintptr_t)path;
	link.offsets = (uintptr_t)offsets;
	link.cookies = (uintptr_t)cookies;
	link.count = (uint32_t)n;
	link.probe_flags = at_return ? UPROBE_MULTI_RETURN : 0;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link));
	return fd < 0 ? -errno : (int)fd;
}

static int attach_one(const struct user_attacher *a, int file_fd, const struct user_point *point,
		      bool at_return)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .type = a->event_type };
	LIBBPF_OPTS(bpf_link_create_opts, options);
	char path[32];
	int fd, link;

	name_of(file_fd, path, sizeof(path));
	attr.config = at_return ? a->return_bit : 0;
	attr.uprobe_path = (uintptr_t)path;
	attr.probe_offset = point->offset;
	/* The program runs on every CPU, whichever the event is on. */
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	options.perf_event.bpf_cookie = point->cookie;
	link = bpf_link_create(at_return ? a->return_fd : a->enter_fd, fd, BPF_PERF_EVENT,
			       &options);
	/* The link holds it. */
	close(fd);
	return link;
}

int user_attach(const struct user_attacher *a, int file_fd, const struct user_point *points,
		size_t n, bool at_return, int *fds, size_t *ret_n_fds, int *ret_code)
{
	int code = 0, fd;
	size_t n_fds = 0;

	*ret_n_fds = 0;
	*ret_code = 0;
	if (a->multi && n > 0) {
		fd = attach_many(a, file_fd, points, n, at_return);
		if (fd >= 0) {
			fds[0] = fd;
			*ret_n_fds = 1;
			return (int)n;
		}
	}
	/* One that is refused makes the kernel refuse them all. */
	for (size_t i = 0; i < n; i++) {
		fd = a->multi ? attach_many(a, file_fd, points + i, 1, at_return) :
				attach_one(a, file_fd, points + i, at_return);
		if (fd >= 0)
			fds[n_fds++] = fd;
		else if (!code)
			code = fd;
		if (code == -EPERM || code == -EACCES || code == -EMFILE)
			break;
	}
	*ret_n_fds = n_fds;
	*ret_code = code;
	return n_fds || !code ? (int)n_fds : code;
}
