/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/lib_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct op *plan_op(struct machine *m, struct task *t, enum op_code code, uint32_t file)
{
	struct op *op;

	if (t->n == t->max) {
		struct op *ops = realloc(t->ops, 2 * t->max * sizeof(*ops));

		if (!ops) {
			m->err = -ENOMEM;
			t->n--;
		} else {
			t->ops = ops;
			t->max *= 2;
		}
	}
	op = &t->ops[t->n++];
	*op = (struct op){ .code = (uint8_t)code, .file = file };
	return op;
}

int16_t plan_fd(struct task *t)
{
	int fd = ~t->proc->fds ? __builtin_ctzll(~t->proc->fds) : 63;

	t->proc->fds |= 1ull << fd;
	return (int16_t)fd;
}

void plan_fd_free(struct task *t, int16_t fd)
{
	t->proc->fds &= ~(1ull << fd);
}

int16_t plan_open(struct machine *m, struct task *t, uint32_t file, uint32_t flags)
{
	struct op *op = plan_op(m, t, OP_OPEN, file);

	op->fd = plan_fd(t);
	op->ret = op->fd;
	op->a = flags;
	op->b = flags & O_CREATE ? 0666 | (flags & (O_EXCLUSIVE | O_CUT) ? 2 << 16 : 1 << 16) :
				   1 << 16;
	return op->fd;
}

void plan_open_fail(struct machine *m, struct task *t, uint32_t file, uint32_t flags, int error)
{
	struct op *op = plan_op(m, t, OP_OPEN, file);

	op->ret = -error;
	op->a = flags;
}

void plan_absent(struct machine *m, struct task *t, unsigned n)
{
	while (n--)
		plan_open_fail(m, t, tree_pick(&m->tree, SET_ABSENT, &m->rng), O_CLOSE_EXEC,
			       ENOENT);
}

void plan_close(struct machine *m, struct task *t, int16_t fd, uint32_t file)
{
	plan_op(m, t, OP_CLOSE, file)->fd = fd;
	plan_fd_free(t, fd);
}

void plan_read(struct machine *m, struct task *t, int16_t fd, uint32_t file, uint32_t bytes)
{
	struct op *op = plan_op(m, t, OP_READ, file);

	op->fd = fd;
	op->a = (bytes + 4095) & ~4095u;
	op->ret = (int32_t)bytes;
}

void plan_write(struct machine *m, struct task *t, int16_t fd, uint32_t file, uint32_t bytes,
		unsigned content)
{
	struct op *op = plan_op(m, t, OP_WRITE, file);

	op->fd = fd;
	op->a = bytes;
	op->ret = (int32_t)bytes;
	op->b = content;
}

/* Calls after the first one of their kind are not events, but their totals are. */
static void plan_fold(struct machine *m, struct task *t, int16_t fd, uint32_t file, uint32_t calls,
		      uint64_t bytes, unsigned flags)
{
	struct op *op = plan_op(m, t, OP_FOLD, file);

	op->fd = fd;
	op->a = calls;
	op->b = bytes;
	op->flags = (uint8_t)flags;
}

void plan_slurp(struct machine *m, struct task *t, uint32_t file)
{
	uint32_t size = m->tree.files[file].size + 100;
	int16_t fd = plan_open(m, t, file, rng_chance(&m->rng, 600) ? O_CLOSE_EXEC : 0);

	plan_read(m, t, fd, file, size > 65536 ? 65536 : size);
	if (rng_chance(&m->rng, 550))
		plan_fold(m, t, fd, file, 2 + size / 65536, size, 0);
	plan_close(m, t, fd, file);
}

void plan_create(struct machine *m, struct task *t, uint32_t file, unsigned content, uint32_t bytes)
{
	int16_t fd = plan_open(m, t, file, O_WR | O_CREATE | O_CUT);

	plan_write(m, t, fd, file, bytes > 4096 ? 4096 : bytes, content);
	if (bytes > 4096)
		plan_fold(m, t, fd, file, bytes / 4096 + 1, bytes, OPF_WRITE);
	plan_close(m, t, fd, file);
}

void plan_fork(struct machine *m, struct task *t, enum plan plan, uint32_t a, uint64_t b)
{
	struct op *op = plan_op(m, t, OP_FORK, plan);

	op->a = a;
	op->b = b;
}

void plan_wait(struct machine *m, struct task *t, uint32_t left)
{
	plan_op(m, t, OP_WAIT, 0)->a = left;
}

void plan_exit(struct machine *m, struct task *t, uint32_t code)
{
	plan_op(m, t, OP_EXIT, 0)->a = code;
}

/* The libraries of a program are always the same, whichever they are. */
struct image *plan_image(struct machine *m, uint32_t exe)
{
	struct image *i = image_new(m, exe);
	struct rng own;

	if (!i)
		return NULL;
	rng_seed(&own, exe);
	for (unsigned n = 1 + rng_below(&own, 5); n--;) {
		uint32_t lib = tree_pick(&m->tree, SET_LIBS, &own);

		if (lib != m->tree.sets[SET_LIBS].first)
			i->libs[i->n_libs++] = lib;
	}
	i->libs[i->n_libs++] = m->tree.sets[SET_LIBS].first;
	return i;
}

void plan_exec_search(struct machine *m, struct task *t, struct image *i, unsigned misses)
{
	for (unsigned k = 0; k < misses; k++) {
		struct op *op = plan_op(m, t, OP_EXEC_FAIL, 0);

		op->ret = -ENOENT;
		op->a = k;
		op->b = (uintptr_t)i;
	}
}

void plan_exec(struct machine *m, struct task *t, struct image *i, bool locale)
{
	struct op *op;
	int16_t fd;

	if (!i)
		return;
	op = plan_op(m, t, OP_EXEC, i->exe);
	op->b = (uintptr_t)i;
	op->a = t->proc->tty ? 4 : 2;
	t->proc->fds = 7;
	fd = plan_open(m, t, F_LD_CACHE, O_CLOSE_EXEC);
	plan_close(m, t, fd, F_LD_CACHE);
	for (unsigned k = 0; k < i->n_libs; k++) {
		uint32_t lib = i->libs[k];

		fd = plan_open(m, t, lib, O_CLOSE_EXEC);
		plan_read(m, t, fd, lib, 832);
		plan_op(m, t, OP_MMAP, lib)->fd = fd;
		if (k + 1 == i->n_libs)
			plan_fold(m, t, fd, lib, 4, 3184, 0);
		plan_close(m, t, fd, lib);
	}
	if (!locale)
		return;
	plan_absent(m, t, 1);
	plan_slurp(m, t, F_LOCALE_ALIAS);
	fd = plan_open(m, t, F_LC_CTYPE, O_CLOSE_EXEC);
	plan_close(m, t, fd, F_LC_CTYPE);
	fd = plan_open(m, t, F_GCONV, 0);
	plan_close(m, t, fd, F_GCONV);
}

uint32_t plan_temporary(struct machine *m, uint32_t dev, const char *fmt, ...)
{
	char path[TREE_RING_TEXT];
	uint64_t inode;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (dev == DEV_ROOT || dev == DEV_HOME)
		inode = m->tree.next_inode += 1 + rng_below(&m->rng, 3);
	else
		inode = m->tree.next_anon += 1 + rng_below(&m->rng, 2);
	return tree_temporary(&m->tree, dev, inode, path, n < 0 ? 0 : (size_t)n);
}

uint32_t plan_socket(struct machine *m)
{
	return plan_temporary(m, DEV_SOCK, "socket:");
}

void plan_child(struct machine *m, struct task *t, const struct op *fork)
{
	enum plan plan = (enum plan)fork->file;

	if (plan <= PLAN_LD)
		plan_build(m, t, fork);
	else if (plan <= PLAN_COMMAND)
		plan_shell(m, t, fork);
	else if (plan == PLAN_BACKEND)
		plan_backend(m, t);
	else if (plan == PLAN_ATTACK)
		plan_attack(m, t, fork);
	else
		plan_admin(m, t, fork);
}

void plan_work(struct machine *m, struct task *t, enum workload work)
{
	t->n = t->at = 0;
	switch (work) {
	case WORK_BUILD:
		plan_fork(m, t, PLAN_MAKE, rng_below(&m->rng, m->tree.n_projects), 0);
		plan_wait(m, t, 0);
		break;
	case WORK_SCRIPT:
		plan_fork(m, t, PLAN_SCRIPT, rng_between(&m->rng, 5, 25), 0);
		plan_wait(m, t, 0);
		break;
	case WORK_PACKAGE:
		plan_fork(m, t, PLAN_APT, rng_between(&m->rng, 1, 6), 0);
		plan_wait(m, t, 0);
		break;
	case WORK_CRON:
		plan_fork(m, t, PLAN_CRON_JOB, rng_chance(&m->rng, 300), 0);
		plan_wait(m, t, 0);
		break;
	case WORK_SSH:
		plan_fork(m, t, PLAN_SSH, 0, 0);
		plan_wait(m, t, 0);
		break;
	default:
		plan_server_work(m, t, work);
	}
}
