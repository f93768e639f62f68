/* SPDX-License-Identifier: BSD-2-Clause */
/* Scripts, and the small programs that they and people call. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/lib_emit.h"
#include "tests/bench/lib_plan.h"

static void pipeline(struct machine *m, struct task *t)
{
	uint32_t file = plan_temporary(m, DEV_PIPE, "pipe:");
	int16_t in = plan_fd(t), out = plan_fd(t);
	struct op *op = plan_op(m, t, OP_PIPE, file);

	op->fd = in;
	op->a = (uint32_t)out;
	plan_fork(m, t, PLAN_COMMAND, rng_below(&m->rng, CMD_DATE), (uint64_t)file << 32 | 1);
	plan_close(m, t, out, file);
	plan_fork(m, t, PLAN_COMMAND, CMD_GREP + rng_below(&m->rng, 5),
		  (uint64_t)file << 32 | 0x100);
	plan_close(m, t, in, file);
	plan_wait(m, t, 0);
}

/* $(command): its output goes through a pipe to the shell. */
static void substitution(struct machine *m, struct task *t)
{
	uint32_t file = plan_temporary(m, DEV_PIPE, "pipe:");
	int16_t in = plan_fd(t), out = plan_fd(t);
	struct op *op = plan_op(m, t, OP_PIPE, file);

	op->fd = in;
	op->a = (uint32_t)out;
	plan_fork(m, t, PLAN_COMMAND, rng_below(&m->rng, CMD_RM), (uint64_t)file << 32 | 1);
	plan_close(m, t, out, file);
	plan_read(m, t, in, file, rng_between(&m->rng, 5, 200));
	plan_close(m, t, in, file);
	plan_wait(m, t, 0);
}

static void script(struct machine *m, struct task *t, uint32_t commands)
{
	struct image *i = plan_image(m, rng_chance(&m->rng, 500) ? m->bin.bash : m->bin.dash);
	uint32_t file =
		m->tree.sets[SET_SHARE].first + alias_next(&m->tree.sets[SET_SHARE].pick, &m->rng);
	int16_t fd;

	image_arg(i, "/bin/sh");
	image_arg(i, tree_path(&m->tree, file));
	if (i)
		i->path = file;
	plan_op(m, t, OP_SETPGID, 0);
	plan_exec(m, t, i, rng_chance(&m->rng, 500));
	plan_slurp(m, t, F_TTY);
	fd = plan_open(m, t, file, O_RD);
	plan_read(m, t, fd, file, 1000);
	plan_op(m, t, OP_DUP, file)->a = 255;
	plan_close(m, t, fd, file);
	while (commands--) {
		uint32_t kind = rng_below(&m->rng, 100);

		if (kind < 30) {
			pipeline(m, t);
		} else if (kind < 55) {
			substitution(m, t);
		} else {
			plan_fork(m, t, PLAN_COMMAND, rng_below(&m->rng, CMD_COUNT), 0);
			plan_wait(m, t, 0);
		}
	}
	plan_exit(m, t, rng_chance(&m->rng, 60));
}

static void slurp_some(struct machine *m, struct task *t, enum tree_set set, uint32_t n)
{
	while (n--)
		plan_slurp(m, t, tree_pick(&m->tree, set, &m->rng));
}

static void list_directories(struct machine *m, struct task *t, uint32_t n)
{
	uint32_t at = tree_pick(&m->tree, SET_DIRS, &m->rng);
	const struct set *s = &m->tree.sets[SET_DIRS];

	while (n--) {
		uint32_t directory = s->first + (at++ - s->first) % s->n;

		if (rng_chance(&m->rng, 30)) {
			plan_open_fail(m, t, directory, O_DIR | O_CLOSE_EXEC | O_NOBLOCK, EACCES);
			continue;
		}
		plan_close(m, t, plan_open(m, t, directory, O_DIR | O_CLOSE_EXEC | O_NOBLOCK),
			   directory);
	}
}

static void copy_tree(struct machine *m, struct task *t, bool packed)
{
	unsigned n = rng_between(&m->rng, 2, 60);
	uint32_t from = tree_pick(&m->tree, SET_SHARE, &m->rng);

	for (unsigned k = 0; k < n; k++) {
		uint32_t source =
			m->tree.sets[SET_SHARE].first +
			(from - m->tree.sets[SET_SHARE].first + k) % m->tree.sets[SET_SHARE].n;
		uint32_t made = plan_temporary(m, DEV_HOME, "/home/dev/backup/%u/%.60s", from % 90,
					       tree_path(&m->tree, source) + 11);

		if (!packed)
			plan_slurp(m, t, source);
		plan_create(m, t, made, CONTENT_LOG, m->tree.files[source].size);
		plan_op(m, t, OP_CHMOD, made)->a = 0644;
		plan_op(m, t, OP_UTIMES, made)->b =
			1700000000000000000ull + rng_next(&m->rng) % 1000000;
	}
}

static void fetch(struct machine *m, struct task *t)
{
	uint32_t lookup = plan_socket(m), file = plan_socket(m), out;
	uint32_t address = 198u << 24 | 51 << 16 | 100 << 8 | rng_below(&m->rng, 256);
	uint32_t query = (uint32_t)rng_next(&m->rng);
	int16_t fd;

	plan_slurp(m, t, F_RESOLV);
	plan_slurp(m, t, F_HOSTS);
	for (unsigned k = 0; k < 5; k++) {
		struct op *op = plan_op(m, t,
					k == 0 ? OP_SOCKET :
					k == 1 ? OP_CONNECT :
					k == 4 ? OP_CLOSE :
						 OP_DNS,
					lookup);

		op->fd = 5;
		op->flags = OPF_UDP | (k == 3 ? OPF_RECEIVED : 0);
		op->a = query;
		op->b = (uint64_t)53 << 48 | (uint64_t)rng_between(&m->rng, 32768, 60999) << 32 |
			0x0a000203;
	}
	fd = plan_fd(t);
	for (unsigned k = 0; k < 6; k++) {
		static const enum op_code codes[] = { OP_SOCKET, OP_CONNECT, OP_SEND,
						      OP_RECV,	 OP_FLOW,    OP_CLOSE };
		struct op *op = plan_op(m, t, codes[k], file);

		op->fd = fd;
		op->b = (uint64_t)443 << 48 | (uint64_t)rng_between(&m->rng, 32768, 60999) << 32 |
			address;
		op->a = rng_between(&m->rng, 100, 900);
		op->ret = codes[k] == OP_CONNECT ? -EINPROGRESS :
			  codes[k] == OP_CLOSE	 ? 0 :
						   (int32_t)op->a;
	}
	plan_fd_free(t, fd);
	out = plan_temporary(m, DEV_HOME, "/home/dev/Downloads/%08x", (unsigned)rng_next(&m->rng));
	plan_create(m, t, out, CONTENT_PACKED, (uint32_t)spread_next(&m->size, &m->rng, 200000));
}

/* How the shell sets up descriptors between fork and exec. */
static void redirect(struct machine *m, struct task *t, uint64_t b)
{
	uint32_t file = (uint32_t)(b >> 32);
	struct op *op;

	if (!file)
		return;
	op = plan_op(m, t, OP_DUP, file);
	op->fd = b & 1 ? 4 : 3;
	op->a = b & 1;
	plan_op(m, t, OP_CLOSE, file)->fd = 3;
	plan_op(m, t, OP_CLOSE, file)->fd = 4;
}

static void work_of(struct machine *m, struct task *t, enum command command)
{
	struct rng *r = &m->rng;

	switch (command) {
	case CMD_LS:
		list_directories(m, t, rng_between(r, 1, 6));
		break;
	case CMD_FIND:
		list_directories(m, t, (uint32_t)spread_next(&m->size, r, 60) + 2);
		break;
	case CMD_GREP:
		slurp_some(m, t, rng_chance(r, 300) ? SET_HEADERS : SET_SHARE,
			   (uint32_t)spread_next(&m->size, r, 40) + 1);
		break;
	case CMD_DATE:
		plan_slurp(m, t, F_LOCALTIME);
		break;
	case CMD_RM:
		for (unsigned n = rng_between(r, 1, 12); n--;)
			plan_op(m, t, rng_chance(r, 150) ? OP_RMDIR : OP_UNLINK,
				plan_temporary(m, DEV_HOME, "/home/dev/backup/%u/%08x",
					       rng_below(r, 90), (unsigned)rng_next(r)))
				->ret = rng_chance(r, 200) ? -ENOENT : 0;
		break;
	case CMD_CP:
	case CMD_TAR:
		copy_tree(m, t, command == CMD_TAR);
		break;
	case CMD_PYTHON:
		slurp_some(m, t, SET_PYTHON, rng_between(r, 20, 90));
		plan_absent(m, t, 4);
		break;
	case CMD_PERL:
		slurp_some(m, t, SET_SHARE, rng_between(r, 5, 20));
		plan_absent(m, t, 8);
		break;
	case CMD_GIT:
		plan_absent(m, t, 6);
		slurp_some(m, t, SET_SHARE, rng_between(r, 5, 40));
		list_directories(m, t, rng_between(r, 5, 50));
		break;
	case CMD_CURL:
		fetch(m, t);
		break;
	default:
		slurp_some(m, t, SET_SHARE, rng_between(r, 1, 3));
	}
}

static void command(struct machine *m, struct task *t, enum command which, uint64_t b)
{
	const uint32_t programs[] = {
		m->bin.ls,     m->bin.grep, m->bin.sed,	 m->bin.cat,  m->bin.sort, m->bin.wc,
		m->bin.find,   m->bin.mawk, m->bin.date, m->bin.rm,   m->bin.cp,   m->bin.tar,
		m->bin.python, m->bin.perl, m->bin.git,	 m->bin.curl,
	};
	struct image *i = plan_image(m, programs[which]);

	t->proc->fds = 7;
	redirect(m, t, b);
	if (i)
		image_args(i, i->comm, i->comm_len);
	image_args(i, "", 1);
	for (unsigned n = rng_below(&m->rng, 5); n--;)
		image_arg(i, tree_path(&m->tree,
				       tree_pick(&m->tree, n % 2 ? SET_SHARE : SET_ETC, &m->rng)));
	plan_exec_search(m, t, i, rng_below(&m->rng, 2) * 2);
	plan_exec(m, t, i, rng_chance(&m->rng, 600));
	work_of(m, t, which);
	if (b & 0xff) {
		plan_write(m, t, 1, (uint32_t)(b >> 32), rng_between(&m->rng, 5, 4000),
			   CONTENT_LOG);
	} else if (t->proc->tty && rng_chance(&m->rng, 500)) {
		plan_write(m, t, 1, F_TTY, rng_between(&m->rng, 5, 200), CONTENT_LOG);
	}
	plan_close(m, t, 1, b ? (uint32_t)(b >> 32) : F_TTY);
	plan_close(m, t, 2, F_TTY);
	if (rng_chance(&m->rng, 2)) {
		plan_op(m, t, OP_SIGNAL, 0)->b = 11;
		plan_exit(m, t, 0);
		return;
	}
	plan_exit(m, t, which == CMD_GREP && rng_chance(&m->rng, 300));
}

void plan_shell(struct machine *m, struct task *t, const struct op *fork)
{
	if (fork->file == PLAN_SCRIPT)
		script(m, t, fork->a);
	else
		command(m, t, (enum command)fork->a, fork->b);
}
