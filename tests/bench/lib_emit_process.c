/* SPDX-License-Identifier: BSD-2-Clause */
/* Records about processes and what they may do. */
#include <errno.h>
#include <string.h>

#include "tests/bench/lib_emit.h"

enum { NAMESPACE_FIRST = 0xeffffff8u };
#define ALL_CAPS 0x1ffffffffffull

void emit_fork(struct machine *m, struct task *t, const struct proc *child, struct cpu *c)
{
	struct ev_fork *e = emit_begin(m, t, c, EV_fork,
				       child->work == WORK_BUILD ? NR_clone3 : NR_clone,
				       child->pid);

	e->child_start = child->start;
	e->clone_flags = child->work == WORK_BUILD ? 0x4111 : 0x1200011;
	e->cgroup = child->cgroup;
	e->child = e->vpid = child->pid;
	e->pid_ns = NAMESPACE_FIRST + 4;
	emit_end(m, t, c, t->proc->plant ? OPF_STEP : 0);
}

void emit_thread(struct machine *m, struct task *t, const struct task *child, struct cpu *c)
{
	struct ev_thread *e = emit_begin(m, t, c, EV_thread, NR_clone3, child->tid);

	e->child_start = child->start;
	e->clone_flags = 0x3d0f00;
	e->child = e->vpid = child->tid;
	emit_end(m, t, c, 0);
}

void emit_exit(struct machine *m, struct task *t, struct cpu *c)
{
	struct proc *p = t->proc;
	struct ev_exit *e = emit_begin(m, t, c, EV_exit, NR_exit_group, 0);

	e->start = p->start;
	e->cpu_ns = spread_next(&m->size, &m->rng, 2000000 + (c->now - p->start) / 4);
	e->read_bytes = p->read_bytes & ~0xfffull;
	e->written_bytes = p->written_bytes & ~0xfffull;
	e->code = p->code;
	emit_end(m, t, c, 0);
}

static void set_caps_and_ids(const struct creds *from, struct ev_exec *e)
{
	if (from->euid == 0)
		e->cap_effective = e->cap_permitted = ALL_CAPS;
	e->uid = from->uid;
	e->euid = e->suid = e->fsuid = from->euid;
	e->gid = from->gid;
	e->egid = e->sgid = e->fsgid = from->egid;
}

static void emit_exec(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	struct proc *p = t->proc;
	struct image *i = (struct image *)(uintptr_t)op->b;
	const struct file *exe = &m->tree.files[i->exe];
	struct ev_exec *e = emit_begin(m, t, c, EV_exec, NR_execve, 0);

	e->inode = exe->inode;
	e->dev = exe->dev;
	set_caps_and_ids(&p->creds, e);
	e->path_from = 2;
	e->memfd = exe->dev == DEV_ANON;
	e->deleted = e->memfd;
	e->stdin_type = (uint8_t)op->a;
	reel_record_string(&m->record, i->comm, i->comm_len);
	emit_path_and_arg(m, i->path);
	emit_path(m, i->exe);
	reel_record_string(&m->record, i->argv, i->argv_len);
	reel_record_string(&m->record, "", 0);
	reel_record_string(&m->record, "", 0);
	emit_path(m, p->cwd);
	emit_end(m, t, c, op->flags);
	proc_exec(m, p, i, c->now);
}

/* What execvp() does along PATH before it finds the program. */
static void emit_exec_fail(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	static const char *const path[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin" };
	const struct image *i = (const struct image *)(uintptr_t)op->b;
	struct ev_exec *e = emit_begin(m, t, c, EV_exec, NR_execve, op->ret);
	char tried[64];
	size_t n = strlen(path[op->a]);

	set_caps_and_ids(&t->proc->creds, e);
	memcpy(tried, path[op->a], n);
	tried[n++] = '/';
	memcpy(tried + n, i->comm, i->comm_len);
	reel_record_string(&m->record, "", 0);
	reel_record_string(&m->record, tried, n + i->comm_len);
	reel_record_string(&m->record, "", 0);
	reel_record_string(&m->record, "", 0);
	reel_record_string(&m->record, i->argv, i->argv_len);
	emit_end(m, t, c, op->flags);
}

static void emit_groups(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	struct proc *p = t->proc;

	if (op->code == OP_CHDIR) {
		const struct file *f = &m->tree.files[op->file];
		struct ev_chdir *e = emit_begin(m, t, c, EV_chdir, NR_chdir, op->ret);

		e->inode = f->inode;
		e->dev = f->dev;
		e->path_from = 2;
		emit_path_and_arg(m, op->file);
		p->cwd = op->file;
	} else if (op->code == OP_SETSID) {
		emit_begin(m, t, c, EV_setsid, NR_setsid, p->pid);
		p->sid = p->pgid = p->pid;
		p->tty = 0;
	} else if (op->code == OP_SETPGID) {
		struct ev_setpgid *e = emit_begin(m, t, c, EV_setpgid, NR_setpgid, 0);

		e->target = e->pgid = op->a ? op->a : p->pid;
		p->pgid = p->pid;
	} else {
		struct ev_cgroup_move *e = emit_begin(m, t, c, EV_cgroup_move, 0, 0);
		char path[64];
		unsigned n = 0;

		m->record.header.call = 0;
		p->cgroup = op->b;
		e->cgroup = op->b;
		e->target = p->pid;
		memcpy(path, "/user.slice/user-1000.slice/session-", n = 36);
		for (unsigned digit = 10000; digit; digit /= 10)
			path[n++] = (char)('0' + op->a / digit % 10);
		memcpy(path + n, ".scope", 6);
		reel_record_string(&m->record, path, n + 6);
	}
	emit_end(m, t, c, op->flags);
}

static void emit_ids(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	struct creds *cr = &t->proc->creds;

	if (op->code == OP_SETUID) {
		struct ev_setuid *e = emit_begin(m, t, c, EV_setuid, NR_setresuid, op->ret);

		e->old_uid = cr->uid;
		e->old_euid = e->old_suid = e->old_fsuid = cr->euid;
		cr->uid = op->a;
		cr->euid = (uint32_t)op->b;
		e->uid = cr->uid;
		e->euid = e->suid = e->fsuid = cr->euid;
	} else if (op->code == OP_SETGID) {
		struct ev_setgid *e = emit_begin(m, t, c, EV_setgid, NR_setresgid, op->ret);

		e->old_gid = cr->gid;
		e->old_egid = e->old_sgid = e->old_fsgid = cr->egid;
		cr->gid = cr->egid = op->a;
		e->gid = e->egid = e->sgid = e->fsgid = op->a;
	} else {
		static const uint32_t groups[] = { 1000, 4, 24, 27, 30, 46, 100 };
		struct ev_setgroups *e = emit_begin(m, t, c, EV_setgroups, NR_setgroups, 0);

		e->count = op->a;
		reel_record_string(&m->record, groups, op->a * sizeof(groups[0]));
	}
	emit_end(m, t, c, op->flags);
}

static void emit_confinement(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	if (op->code == OP_CAPSET) {
		struct ev_capset *e = emit_begin(m, t, c, EV_capset, NR_capset, 0);

		e->old_effective = e->old_permitted = ALL_CAPS;
		e->cap_effective = e->cap_permitted = op->b;
	} else if (op->code == OP_PRCTL) {
		struct ev_prctl *e = emit_begin(m, t, c, EV_prctl, NR_prctl, 0);

		e->option = op->a;
		e->arg2 = op->b;
	} else if (op->code == OP_SECCOMP) {
		struct ev_seccomp *e = emit_begin(m, t, c, EV_seccomp, NR_seccomp, 0);

		e->op = 1;
	} else {
		struct ev_unshare *e = emit_begin(m, t, c, EV_unshare, NR_unshare, 0);

		e->flags = op->b;
		e->mnt_ns = NAMESPACE_FIRST + 200 + op->a;
		e->pid_ns = NAMESPACE_FIRST + 4;
		e->net_ns = NAMESPACE_FIRST + 80;
		e->user_ns = NAMESPACE_FIRST + 5;
		e->uts_ns = NAMESPACE_FIRST + 6;
		e->ipc_ns = NAMESPACE_FIRST + 7;
		e->cgroup_ns = NAMESPACE_FIRST + 3;
	}
	emit_end(m, t, c, op->flags);
}

bool emit_process(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	switch (op->code) {
	case OP_EXEC:
		emit_exec(m, t, op, c);
		return true;
	case OP_EXEC_FAIL:
		emit_exec_fail(m, t, op, c);
		return true;
	case OP_CHDIR:
	case OP_SETSID:
	case OP_SETPGID:
	case OP_CGROUP_MOVE:
		emit_groups(m, t, op, c);
		return true;
	case OP_SETUID:
	case OP_SETGID:
	case OP_SETGROUPS:
		emit_ids(m, t, op, c);
		return true;
	case OP_CAPSET:
	case OP_PRCTL:
	case OP_SECCOMP:
	case OP_UNSHARE:
		emit_confinement(m, t, op, c);
		return true;
	default:
		return false;
	}
}
