/* SPDX-License-Identifier: BSD-2-Clause */
/* The record of a process, and those of its further threads and of the calls they are in. */
#include "record/proc_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/proc_cgroup.h"

enum {
	KERNEL_THREAD = 0x00200000, /* PF_KTHREAD */
	X32_BIT = 0x40000000,
};

/* /proc/PID/stat ----------------------------------------------------------------------------- */

/* A device as it is encoded for user space: minor in bits 0 to 7 and 20 to 31. */
static uint32_t decode_device(uint32_t dev)
{
	return (dev >> 8 & 0xfff) << 20 | (dev & 0xff) | (dev >> 12 & 0xfff00);
}

int proc_read_state(const struct proc_look *l, int dir, const char *name, char *buffer, size_t size,
		    struct proc_state *ret)
{
	/* By their numbers in proc(5). */
	enum { PPID = 4, PGID, SID, TTY, FLAGS = 9, THREADS = 20, START = 22 };
	ssize_t n = proc_read(dir, name, buffer, size);
	uint64_t fields[START + 1];
	char *open, *close, *p;
	char state;

	if (n < 0)
		return (int)n;
	/* The name may hold anything; behind it there are only numbers. */
	open = memchr(buffer, '(', (size_t)n);
	close = memrchr(buffer, ')', (size_t)n);
	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return -ESRCH;
	state = close[2];
	p = close + 3;
	for (unsigned i = PPID; i <= START; i++)
		if (!proc_number(&p, 10, &fields[i]))
			return -ESRCH;
	/* It has been waited for already. */
	if ((int64_t)fields[PGID] < 0)
		return -ESRCH;
	*ret = (struct proc_state){
		.comm = open + 1,
		.comm_length = (size_t)(close - open - 1),
		.start = fields[START] * l->tick_ns,
		.ppid = (uint32_t)fields[PPID],
		.pgid = (uint32_t)fields[PGID],
		.sid = (uint32_t)fields[SID],
		.tty = decode_device((uint32_t)fields[TTY]),
		.n_threads = (uint32_t)fields[THREADS],
		.kernel_thread = fields[FLAGS] & KERNEL_THREAD,
		.dead = state == 'Z' || state == 'X' || state == 'x',
	};
	return 0;
}

/* Start of a parent. One that is younger than its child has got the pid meanwhile. */
static uint64_t start_of(struct proc_look *l, uint32_t pid, uint64_t child_start)
{
	uint64_t start = 0;
	struct proc_state s;
	char name[24], text[512];

	if (!pid)
		return 0;
	if (l->starts[pid % PROC_STARTS].pid == pid) {
		start = l->starts[pid % PROC_STARTS].start;
	} else {
		snprintf(name, sizeof(name), "%u/stat", pid);
		if (proc_read_state(l, l->proc, name, text, sizeof(text), &s) < 0)
			return 0;
		start = s.start;
		l->starts[pid % PROC_STARTS].pid = pid;
		l->starts[pid % PROC_STARTS].start = start;
	}
	return start <= child_start ? start : 0;
}

/* /proc/PID/status --------------------------------------------------------------------------- */

/* Lines that are wanted, in their order in the file, and where their numbers go. */
static const struct status_row {
	const char *key;
	uint8_t base, count, width; /* count 0: only the last number */
	uint16_t offset;
} status_rows[] = {
	{ "Uid:", 10, 4, 4, offsetof(struct ev_process, uid) },
	{ "Gid:", 10, 4, 4, offsetof(struct ev_process, gid) },
	{ "NSpid:", 10, 0, 4, offsetof(struct ev_process, vpid) },
	{ "CapInh:", 16, 1, 8, offsetof(struct ev_process, cap_inheritable) },
	{ "CapPrm:", 16, 1, 8, offsetof(struct ev_process, cap_permitted) },
	{ "CapEff:", 16, 1, 8, offsetof(struct ev_process, cap_effective) },
	{ "CapBnd:", 16, 1, 8, offsetof(struct ev_process, cap_bounding) },
	{ "CapAmb:", 16, 1, 8, offsetof(struct ev_process, cap_ambient) },
	{ "NoNewPrivs:", 10, 1, 1, offsetof(struct ev_process, no_new_privs) },
	{ "Seccomp:", 10, 1, 1, offsetof(struct ev_process, seccomp_mode) },
};

enum { STATUS_ROWS = sizeof(status_rows) / sizeof(status_rows[0]) };

static void take_numbers(const struct status_row *row, char *p, struct ev_process *e)
{
	uint8_t *to = (uint8_t *)e + row->offset;
	uint64_t n;

	for (unsigned i = 0; (!row->count || i < row->count) && proc_number(&p, row->base, &n); i++)
		memcpy(to + (row->count ? i * row->width : 0), &n, row->width);
}

/* Reads no further than the last line that is wanted. 0, or -errno. */
static int read_status(struct proc_look *l, int dir, struct ev_process *e)
{
	int fd = proc_open(dir, "status", O_RDONLY), r = 0;
	struct proc_lines s;
	unsigned next = 0;
	size_t length;
	char *line;

	if (fd < 0)
		return fd;
	s = proc_lines_begin(fd, l->buffer, sizeof(l->buffer));
	while (next < STATUS_ROWS && (r = proc_lines_next(&s, &line, &length)) > 0) {
		for (unsigned i = next; i < STATUS_ROWS; i++) {
			size_t key = strlen(status_rows[i].key);

			if (strncmp(line, status_rows[i].key, key) != 0)
				continue;
			take_numbers(&status_rows[i], line + key, e);
			next = i + 1;
			break;
		}
	}
	close(fd);
	return next ? 0 : r < 0 ? r : -ESRCH;
}

/* The rest ----------------------------------------------------------------------------------- */

static uint32_t read_login(struct proc_look *l, int dir, const char *name)
{
	char text[16];
	uint32_t id;
	ssize_t n;

	if (l->no_audit)
		return UINT32_MAX;
	n = proc_read(dir, name, text, sizeof(text));
	proc_note(l, n);
	return n > 0 && proc_is_number(text, &id) ? id : UINT32_MAX;
}

static void read_spaces(struct proc_look *l, int dir, struct ev_process *e)
{
	e->mnt_ns = proc_read_space(l, dir, "ns/mnt");
	e->pid_ns = proc_read_space(l, dir, "ns/pid");
	e->net_ns = proc_read_space(l, dir, "ns/net");
	e->user_ns = proc_read_space(l, dir, "ns/user");
	e->uts_ns = proc_read_space(l, dir, "ns/uts");
	e->ipc_ns = proc_read_space(l, dir, "ns/ipc");
	e->cgroup_ns = proc_read_space(l, dir, "ns/cgroup");
}

/* What a process has that has memory of its own. Returns whether its program was there. */
static bool put_program(struct proc_look *l, const struct proc_options *o, int dir,
			struct ev_process *e)
{
	struct proc_inode i;
	ssize_t n;
	int r;

	n = proc_put_link(l, dir, "exe");
	r = n < 0 ? (int)n : proc_stat(dir, "exe", 0, &i);
	if (r == 0) {
		e->inode = i.inode;
		e->dev = proc_device(l, &i);
	}
	proc_note(l, r);
	proc_put_argv(l, dir, o->max_arg);
	proc_put_link(l, dir, "cwd");
	r = (int)proc_read_link(l, dir, "root");
	proc_note(l, r);
	if (r == 1 && l->link[0] == '/')
		r = 0;
	reel_record_string(&l->record, l->link, r < 0 ? 0 : (size_t)r);
	proc_put_env(l, dir, o->env, o->max_arg);
	return !proc_is_gone(n);
}

/* Where the first thread of a process has ended, another one shows what the process has. */
static int find_living(struct proc_look *l, const struct proc_held *p)
{
	struct proc_dir d = { .fd = proc_open(p->dir, "task", O_RDONLY | O_DIRECTORY) };
	struct proc_state s;
	struct dirent64 *entry;
	char name[32], text[512];
	int found = -ESRCH;

	if (d.fd < 0)
		return d.fd;
	while (found < 0 && proc_dir_next(l, &d, &entry) > 0) {
		uint32_t tid;

		if (!proc_is_number(entry->d_name, &tid))
			continue;
		snprintf(name, sizeof(name), "%u/stat", tid);
		if (proc_read_state(l, d.fd, name, text, sizeof(text), &s) < 0 || s.dead)
			continue;
		snprintf(name, sizeof(name), "%u", tid);
		found = proc_open(d.fd, name, O_PATH | O_DIRECTORY);
	}
	close(d.fd);
	return found;
}

/* Fills the record. 0, 1: it is gone, or the -errno that ends it all. */
static int describe(struct proc_look *l, const struct proc_options *o, const struct proc_cgroups *c,
		    struct proc_held *p, struct ev_process *e)
{
	const struct proc_state *s = &p->state;
	struct proc_state now;
	char text[512];

	e->start = s->start;
	e->parent_start = start_of(l, s->ppid, s->start);
	e->ppid = s->ppid;
	e->pgid = s->pgid;
	e->sid = s->sid;
	e->tty = s->tty;
	e->kernel_thread = s->kernel_thread;
	e->zombie = s->dead;
	reel_record_string(&l->record, s->comm, s->comm_length);
	read_spaces(l, p->alive, e);
	e->cgroup = proc_cgroup_id(l, c, p->alive);
	e->loginuid = read_login(l, p->alive, "loginuid");
	e->sessionid = read_login(l, p->alive, "sessionid");
	if (s->kernel_thread || s->dead)
		return 0;
	if (proc_learn_mounts(l, p->alive, e->mnt_ns) < 0)
		return -ENOMEM;
	if (put_program(l, o, p->alive, e))
		return 0;
	/* Either it has ended while we looked, or it is about to. */
	if (proc_read_state(l, p->dir, "stat", text, sizeof(text), &now) < 0)
		return 1;
	e->zombie = now.dead && now.n_threads <= 1;
	return 0;
}

int proc_put_process(struct proc_look *l, const struct proc_options *o,
		     const struct proc_cgroups *c, struct proc_held *p)
{
	struct ev_process *e = proc_record(l, EV_process, p->pid, p->pid);
	struct proc_state *s = &p->state;
	int r = proc_read_state(l, p->dir, "stat", p->text, sizeof(p->text), s);

	if (r == 0)
		r = read_status(l, p->dir, e);
	if (proc_is_gone(r))
		goto gone;
	/* Somebody hides it, or the kernel is short of memory: it is told that it is there. */
	proc_note(l, r);
	if (r < 0)
		return proc_put(l);
	p->vpid = e->vpid;
	if (s->dead && s->n_threads > 1) {
		r = find_living(l, p);
		if (r >= 0) {
			p->alive = r;
			s->dead = false;
		}
	}
	l->starts[p->pid % PROC_STARTS].pid = p->pid;
	l->starts[p->pid % PROC_STARTS].start = s->start;
	if (!s->kernel_thread && !s->dead) {
		if (o->parts & PROC_FDS)
			p->fds = proc_open(p->alive, "fd", O_RDONLY | O_DIRECTORY);
		if (o->parts & PROC_MAPS)
			p->maps = proc_open(p->alive, "maps", O_RDONLY);
		proc_note(l, o->parts & PROC_FDS ? p->fds : 0);
		proc_note(l, o->parts & PROC_MAPS ? p->maps : 0);
	}
	if (!(o->parts & PROC_PROCESSES)) {
		l->totals.refused += l->refused;
		return o->parts & PROC_FDS ?
			       proc_learn_mounts(l, p->alive,
						 proc_read_space(l, p->alive, "ns/mnt")) :
			       0;
	}
	r = describe(l, o, c, p, e);
	if (r == 0)
		return proc_put(l);
	if (r < 0)
		return r;
gone:
	l->totals.vanished++;
	return 1;
}

/* Threads ------------------------------------------------------------------------------------ */

/* Its auxiliary vector begins with a small number, in 4 bytes or in 8. */
static bool is_32_bit(int dir)
{
	char text[sizeof(uint64_t) + 1];
	uint64_t first;

	if (proc_read(dir, "auxv", text, sizeof(text)) != sizeof(first))
		return false;
	memcpy(&first, text, sizeof(first));
	return first > UINT32_MAX;
}

/*
 * "NR ARG1..ARG6 SP PC" of a thread that waits in a call, "-1 SP PC" of one that waits elsewhere,
 * "running". The table of calls is not said: a call of x32 has its bit, and a program of 32 bits
 * with its stack and code below 4 GiB is taken to use its own. Of a call by int 0x80 in a program
 * of 64 bits nobody knows.
 */
static int put_call(struct proc_look *l, const struct proc_held *p, int dir, const char *name,
		    uint32_t tid)
{
	struct ev_inflight *e = proc_record(l, EV_inflight, p->pid, tid);
	ssize_t n = proc_read(dir, name, l->buffer, sizeof(l->buffer));
	unsigned abi = EV_ABI_NATIVE;
	uint64_t call, args[6], stack, code;
	char *at = l->buffer;

	if (n <= 0) {
		proc_note(l, n);
		l->totals.refused += l->refused;
		return 0;
	}
	if (!proc_number(&at, 10, &call) ||
	    (call & ~(uint64_t)X32_BIT) > EV_CALL_NUMBER(UINT16_MAX))
		return 0;
	for (unsigned i = 0; i < 6; i++)
		if (!proc_number(&at, 16, &args[i]))
			return 0;
	if (!proc_number(&at, 16, &stack) || !proc_number(&at, 16, &code))
		return 0;
	if (sizeof(long) == 8 && call & X32_BIT)
		abi = EV_ABI_X32;
	else if (sizeof(long) == 8 && stack <= UINT32_MAX && code <= UINT32_MAX &&
		 is_32_bit(p->alive))
		abi = EV_ABI_COMPAT;
	l->record.header.call = EV_CALL(abi, call);
	e->arg1 = args[0];
	e->arg2 = args[1];
	e->arg3 = args[2];
	e->arg4 = args[3];
	e->arg5 = args[4];
	e->arg6 = args[5];
	return proc_put(l);
}

static int put_task(struct proc_look *l, const struct proc_held *p, int dir, uint32_t tid)
{
	struct ev_task *e = proc_record(l, EV_task, p->pid, tid);
	struct ev_process status;
	struct proc_state s;
	char name[32], text[512];
	int r;

	snprintf(name, sizeof(name), "%u/stat", tid);
	r = proc_read_state(l, dir, name, text, sizeof(text), &s);
	if (r < 0) {
		proc_note(l, r);
		return proc_is_gone(r) ? 0 : proc_put(l);
	}
	e->start = s.start;
	/* Where the process has one number, so have its threads. */
	e->vpid = tid;
	if (p->vpid != p->pid) {
		int thread;

		snprintf(name, sizeof(name), "%u", tid);
		thread = proc_open(dir, name, O_PATH | O_DIRECTORY);
		r = thread < 0 ? thread : read_status(l, thread, &status);
		if (thread >= 0)
			close(thread);
		proc_note(l, r);
		if (proc_is_gone(r))
			return 0;
		e->vpid = r < 0 ? 0 : status.vpid;
	}
	reel_record_string(&l->record, s.comm, s.comm_length);
	return proc_put(l);
}

int proc_put_tasks(struct proc_look *l, const struct proc_options *o, const struct proc_held *p)
{
	struct proc_dir d;
	struct dirent64 *entry;
	int r = 0;

	if (p->state.kernel_thread || p->state.dead)
		return 0;
	if (p->state.n_threads <= 1)
		return o->parts & PROC_CALLS ? put_call(l, p, p->dir, "syscall", p->pid) : 0;
	d = (struct proc_dir){ .fd = proc_open(p->dir, "task", O_RDONLY | O_DIRECTORY) };
	if (d.fd < 0)
		return 0;
	while (r == 0 && proc_dir_next(l, &d, &entry) > 0) {
		char name[32];
		uint32_t tid;

		if (!proc_is_number(entry->d_name, &tid))
			continue;
		if (tid != p->pid && o->parts & PROC_PROCESSES)
			r = put_task(l, p, d.fd, tid);
		snprintf(name, sizeof(name), "%u/syscall", tid);
		if (r == 0 && o->parts & PROC_CALLS)
			r = put_call(l, p, d.fd, name, tid);
	}
	close(d.fd);
	return r;
}
