/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/lookaround.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/host.h"
#include "record/proc.h"

enum { DEEPEST_TREE = 64 };

uint32_t lookaround_parent(uint32_t pid)
{
	char path[40], text[512];
	const char *after;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return 0;
	text[n] = 0;
	/* "PID (NAME) STATE PARENT": the name may hold anything, also this. */
	after = strrchr(text, ')');
	return after && strlen(after) > 4 ? (uint32_t)strtoul(after + 4, NULL, 10) : 0;
}

/* In the tree of the command. */
static bool in_tree(void *arg, uint32_t pid)
{
	const struct lookaround *l = arg;

	for (int i = 0; i < DEEPEST_TREE && pid > 1; i++) {
		if (pid == (uint32_t)l->command)
			return true;
		pid = lookaround_parent(pid);
	}
	return false;
}

static int look_at_host(void *state, const struct helper_request *q, const struct record_sink *sink,
			struct reel_err *err)
{
	struct lookaround *l = state;
	struct host_options o = { 0 };
	struct proc_totals totals;
	int r;

	(void)q;
	/* Of a command the sockets of all others are not to be told. */
	if (l->command) {
		o.wants = in_tree;
		o.wants_arg = l;
		o.parts = HOST_ALL & ~HOST_SOCKS;
	}
	r = host_keyframe(&o, sink, &totals, err);
	return r < 0 ? r : HELPER_ANSWERED;
}

static bool is_it(void *arg, uint32_t pid)
{
	return pid == *(const uint32_t *)arg;
}

static int put_process(void *arg, struct reel_record *record, struct reel_err *err)
{
	return record->header.type == EV_process ? record_put(arg, record, err) : 0;
}

static int look_at_processes(void *state, const struct helper_request *q,
			     const struct record_sink *sink, struct reel_err *err)
{
	struct lookaround *l = state;
	struct proc_options o = { .max_arg = l->wishes->max_arg };
	const char **env = calloc(l->wishes->env.n + 1, sizeof(*env));
	/* Of one that is named only that it is there. */
	struct record_sink named = { put_process, (void *)(uintptr_t)sink };
	struct proc_totals totals;
	uint32_t pid = q->pid;
	int r;

	for (size_t i = 0; env && i < l->wishes->env.n; i++)
		env[i] = l->wishes->env.v[i];
	o.env = env;
	if (pid) {
		o.wants = is_it;
		o.wants_arg = &pid;
		o.parts = PROC_PROCESSES;
		sink = &named;
	} else if (l->command) {
		o.wants = in_tree;
		o.wants_arg = l;
	}
	r = proc_keyframe(&o, sink, &totals, err);
	free(env);
	return r < 0 ? r : HELPER_ANSWERED;
}

struct helper_task lookaround_host(struct lookaround *l)
{
	return (struct helper_task){
		.kind = HELPER_HOST,
		.state = l,
		.run = look_at_host,
		.types = { EV_account, EV_mounted, EV_netif, EV_sock, EV_cgroup },
	};
}

struct helper_task lookaround_processes(struct lookaround *l)
{
	return (struct helper_task){
		.kind = HELPER_PROCESSES,
		.state = l,
		.run = look_at_processes,
		.types = { EV_process, EV_task, EV_fd, EV_map, EV_inflight },
	};
}
