/* SPDX-License-Identifier: BSD-2-Clause */
/* Packages are updated, cron runs its jobs, somebody logs in. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/lib_emit.h"
#include "tests/bench/lib_plan.h"

static void apt(struct machine *m, struct task *t, uint32_t packages)
{
	struct image *i = plan_image(m, m->bin.apt);
	uint32_t first = m->tree.sets[SET_DPKG].first;

	image_arg(i, "apt-get");
	image_arg(i, "-y");
	image_arg(i, "upgrade");
	plan_exec_search(m, t, i, 2);
	plan_exec(m, t, i, true);
	plan_slurp(m, t, F_DPKG_STATUS);
	for (unsigned k = 0; k < 30; k++)
		plan_slurp(m, t, tree_pick(&m->tree, SET_ETC, &m->rng));
	for (unsigned k = rng_below(&m->rng, 1500), n = 0; n < 200; n++, k++)
		if (k % 5 == 0)
			plan_slurp(m, t, first + k);
	while (packages--) {
		plan_fork(m, t, PLAN_DPKG, rng_between(&m->rng, 5, 120), 0);
		plan_wait(m, t, 0);
	}
	plan_exit(m, t, 0);
}

static void unpack(struct machine *m, struct task *t, uint32_t files)
{
	static const char *const parts[] = { "list", "md5sums", "postinst" };
	struct image *i = plan_image(m, m->bin.dpkg);
	char name[32];

	snprintf(name, sizeof(name), "lib%04x", rng_below(&m->rng, 0xffff));
	image_arg(i, "/usr/bin/dpkg");
	image_arg(i, "--unpack");
	image_arg(i, name);
	plan_exec(m, t, i, true);
	plan_slurp(m, t, F_DPKG_STATUS);
	for (unsigned k = 0; k < 3; k++)
		plan_create(m, t, plan_temporary(m, DEV_ROOT, "/var/lib/dpkg/tmp.ci/%s", parts[k]),
			    CONTENT_LOG, 3000);
	for (unsigned k = 0; k < files; k++) {
		uint32_t old = tree_pick(&m->tree, SET_SHARE, &m->rng);
		uint32_t made =
			plan_temporary(m, DEV_ROOT, "%.90s.dpkg-new", tree_path(&m->tree, old));
		struct op *op;

		plan_create(m, t, made, CONTENT_PACKED, m->tree.files[old].size);
		op = plan_op(m, t, OP_CHOWN, made);
		op->fd = 8;
		plan_op(m, t, OP_CHMOD, made)->a = 0644;
		plan_op(m, t, OP_UTIMES, made)->b =
			1690000000000000000ull + (rng_next(&m->rng) >> 12);
		if (rng_chance(&m->rng, 300))
			plan_op(m, t, OP_LINK,
				plan_temporary(m, DEV_ROOT, "%.90s.dpkg-tmp",
					       tree_path(&m->tree, old)))
				->a = old;
		plan_op(m, t, OP_RENAME, old)->a = made;
	}
	plan_fork(m, t, PLAN_MAINTAINER_SCRIPT, 0, 0);
	plan_wait(m, t, 0);
	plan_exit(m, t, 0);
}

/* A service is started again: with a /tmp of its own, and a socket that waits. */
static void restart(struct machine *m, struct task *t)
{
	static const enum op_code codes[] = { OP_SOCKET, OP_BIND, OP_LISTEN, OP_CLOSE };
	uint32_t sock = plan_socket(m);

	plan_op(m, t, OP_MOUNT, F_TMP)->b = 6;
	for (unsigned k = 0; k < 4; k++) {
		struct op *op = plan_op(m, t, codes[k], sock);

		op->fd = 3;
		op->b = (uint64_t)(8000 + rng_below(&m->rng, 90)) << 48 | (127u << 24 | 1);
	}
}

static void maintainer_script(struct machine *m, struct task *t)
{
	struct image *i = plan_image(m, m->bin.dash);
	uint32_t file = m->tree.sets[SET_DPKG].first + 5 * rng_below(&m->rng, 500) + 2;

	image_arg(i, "/bin/sh");
	image_arg(i, tree_path(&m->tree, file));
	image_arg(i, "configure");
	if (i)
		i->path = file;
	plan_exec(m, t, i, false);
	plan_slurp(m, t, file);
	for (unsigned n = rng_between(&m->rng, 1, 4); n--;) {
		plan_fork(m, t, PLAN_COMMAND, rng_below(&m->rng, CMD_DATE), 0);
		plan_wait(m, t, 0);
	}
	if (rng_chance(&m->rng, 200))
		restart(m, t);
	plan_op(m, t, OP_SYMLINK,
		plan_temporary(m, DEV_ROOT, "/etc/alternatives/p%04x", rng_below(&m->rng, 0xffff)))
		->a = tree_pick(&m->tree, SET_BIN, &m->rng);
	plan_op(m, t, OP_MKDIR,
		plan_temporary(m, DEV_ROOT, "/etc/p%04x", rng_below(&m->rng, 0xffff)))
		->ret = rng_chance(&m->rng, 500) ? -EEXIST : 0;
	plan_exit(m, t, 0);
}

static void cron_job(struct machine *m, struct task *t, bool rotates)
{
	struct image *i = plan_image(m, m->bin.dash);

	plan_op(m, t, OP_SETSID, 0);
	plan_slurp(m, t, F_PASSWD);
	plan_op(m, t, OP_SETGROUPS, 0)->a = 2;
	plan_op(m, t, OP_SETGID, 0)->a = 0;
	plan_op(m, t, OP_SETUID, 0)->a = 0;
	image_arg(i, "/bin/sh");
	image_arg(i, "-c");
	image_arg(i, "cd / && run-parts --report /etc/cron.hourly");
	plan_exec(m, t, i, false);
	plan_op(m, t, OP_CHDIR, F_ROOT);
	if (rng_chance(&m->rng, 30))
		plan_op(m, t, OP_CLOCK_SETTIME, 0)->b = 1732150800000000000;
	if (rotates) {
		plan_fork(m, t, PLAN_LOGROTATE, 0, 0);
		plan_wait(m, t, 0);
	} else {
		for (unsigned n = rng_between(&m->rng, 1, 8); n--;) {
			plan_fork(m, t, PLAN_COMMAND, rng_below(&m->rng, CMD_RM), 0);
			plan_wait(m, t, 0);
		}
	}
	plan_exit(m, t, 0);
}

static void logrotate(struct machine *m, struct task *t)
{
	struct image *i = plan_image(m, m->bin.logrotate);
	struct op *op;

	image_arg(i, "/usr/sbin/logrotate");
	image_arg(i, "/etc/logrotate.conf");
	plan_exec(m, t, i, true);
	for (unsigned n = 0; n < 20; n++) {
		uint32_t log = m->tree.sets[SET_LOG].first + 3 * n, old;

		plan_slurp(m, t, tree_pick(&m->tree, SET_ETC, &m->rng));
		old = plan_temporary(m, DEV_ROOT, "%s.1", tree_path(&m->tree, log));
		plan_op(m, t, OP_RENAME, old)->a = log;
		plan_create(m, t, log, CONTENT_LOG, 1);
		op = plan_op(m, t, OP_CHOWN, log);
		op->a = 0;
		op->b = 4;
		plan_op(m, t, OP_CHMOD, log)->a = 0640;
	}
	op = plan_op(m, t, OP_KILL, 0);
	op->a = m->standing[0]->proc->pid;
	op->b = 1;
	plan_exit(m, t, 0);
}

static void ssh(struct machine *m, struct task *t)
{
	struct image *i = plan_image(m, m->bin.sshd);
	uint32_t sock = plan_socket(m);
	struct op *op;

	image_arg(i, "sshd: dev [priv]");
	plan_exec(m, t, i, true);
	plan_slurp(m, t, F_SSHD_CONFIG);
	plan_slurp(m, t, F_PASSWD);
	plan_slurp(m, t, F_SHADOW);
	plan_slurp(m, t, F_GROUP);
	op = plan_op(m, t, OP_UNSHARE, 0);
	op->b = 0x20000;
	op->a = rng_below(&m->rng, 40);
	plan_op(m, t, OP_PRCTL, 0)->a = 38;
	t->ops[t->n - 1].b = 1;
	plan_op(m, t, OP_CAPSET, 0)->b = 0x3;
	plan_op(m, t, OP_SECCOMP, 0);
	op = plan_op(m, t, OP_SEND, sock);
	op->fd = 4;
	op->a = 1040;
	op->ret = 1040;
	op->b = (uint64_t)rng_between(&m->rng, 32768, 60999) << 48 | (uint64_t)22 << 32 |
		0x0a000202;
	op = plan_op(m, t, OP_CGROUP_MOVE, 0);
	op->a = rng_below(&m->rng, 9999);
	op->b = 9000 + op->a;
	plan_slurp(m, t, F_UTMP);
	plan_create(m, t, F_WTMP, CONTENT_LOG, 384);
	plan_fork(m, t, PLAN_LOGIN_SHELL, 0, 0);
	plan_wait(m, t, 0);
	plan_exit(m, t, 0);
}

static void login_shell(struct machine *m, struct task *t)
{
	struct image *i = plan_image(m, m->bin.bash);

	plan_op(m, t, OP_SETSID, 0);
	plan_op(m, t, OP_SETGROUPS, 0)->a = 7;
	plan_op(m, t, OP_SETGID, 0)->a = 1000;
	plan_op(m, t, OP_SETUID, 0)->a = 1000;
	t->ops[t->n - 1].b = 1000;
	plan_op(m, t, OP_CHDIR, F_HOME);
	image_arg(i, "-bash");
	plan_exec(m, t, i, true);
	plan_slurp(m, t, F_PROFILE);
	plan_slurp(m, t, F_BASHRC);
	plan_slurp(m, t, F_HISTORY);
	for (unsigned n = rng_between(&m->rng, 2, 15); n--;) {
		plan_fork(m, t, PLAN_COMMAND, rng_below(&m->rng, CMD_COUNT), 0);
		plan_wait(m, t, 0);
		plan_op(m, t, OP_SLEEP, 0)->b = rng_between(&m->rng, 1, 400) * 1000000ull;
	}
	plan_create(m, t, F_HISTORY, CONTENT_LOG, 2000);
	plan_exit(m, t, 0);
}

void plan_admin(struct machine *m, struct task *t, const struct op *fork)
{
	switch ((enum plan)fork->file) {
	case PLAN_APT:
		apt(m, t, fork->a);
		break;
	case PLAN_DPKG:
		unpack(m, t, fork->a);
		break;
	case PLAN_MAINTAINER_SCRIPT:
		maintainer_script(m, t);
		break;
	case PLAN_CRON_JOB:
		cron_job(m, t, fork->a);
		break;
	case PLAN_LOGROTATE:
		logrotate(m, t);
		break;
	case PLAN_SSH:
		ssh(m, t);
		break;
	default:
		login_shell(m, t);
	}
}
