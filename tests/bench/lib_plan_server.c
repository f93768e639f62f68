/* SPDX-License-Identifier: BSD-2-Clause */
/* Those who are always there: web server, PHP, database, monitoring, parents of the rest. */
#include <string.h>

#include "tests/bench/lib_emit.h"
#include "tests/bench/lib_plan.h"

static struct op *net(struct machine *m, struct task *t, enum op_code code, uint32_t file,
		      int16_t fd, uint64_t ends, uint32_t bytes)
{
	struct op *op = plan_op(m, t, code, file);

	op->fd = fd;
	op->b = ends;
	op->a = bytes;
	op->ret = (int32_t)bytes;
	return op;
}

static uint64_t client(struct machine *m)
{
	/* Some come often, most once. */
	uint32_t address = rng_chance(&m->rng, 600) ? 192u << 24 | 2 << 8 | rng_below(&m->rng, 30) :
						      (uint32_t)rng_next(&m->rng) >> 2 | 64u << 24;

	return (uint64_t)rng_between(&m->rng, 1024, 65535) << 48 | (uint64_t)443 << 32 | address;
}

static void static_request(struct machine *m, struct task *t, uint32_t sock, int16_t fd,
			   uint64_t ends)
{
	uint32_t file = tree_pick(&m->tree, SET_WWW, &m->rng);
	int16_t in;

	if (rng_chance(&m->rng, 60)) {
		plan_open_fail(m, t, tree_pick(&m->tree, SET_ABSENT, &m->rng),
			       O_NOBLOCK | O_CLOSE_EXEC, ENOENT);
		net(m, t, OP_SEND, sock, fd, ends, 710);
		return;
	}
	in = plan_open(m, t, file, O_NOBLOCK | O_CLOSE_EXEC);
	net(m, t, OP_SEND, sock, fd, ends, 238 + rng_below(&m->rng, 30));
	net(m, t, OP_COPY, file, in, (uint64_t)m->tree.files[sock].inode << 32 | (uint16_t)fd,
	    m->tree.files[file].size);
	plan_close(m, t, in, file);
}

static void nginx(struct machine *m, struct task *t)
{
	for (unsigned n = rng_between(&m->rng, 1, 6); n--;) {
		uint32_t sock = plan_socket(m), upstream;
		uint64_t ends = client(m);
		int16_t fd = plan_fd(t), up;

		net(m, t, OP_ACCEPT, sock, fd, ends, 6);
		net(m, t, OP_RECV, sock, fd, ends, rng_between(&m->rng, 180, 1400));
		if (rng_chance(&m->rng, 650)) {
			for (unsigned k = rng_between(&m->rng, 1, 5); k--;)
				static_request(m, t, sock, fd, ends);
		} else {
			upstream = plan_socket(m);
			up = plan_fd(t);
			net(m, t, OP_SOCKET, upstream, up, 0, 0)->flags = OPF_UNIX;
			net(m, t, OP_CONNECT, upstream, up, F_DB_SOCKET, 0)->flags = OPF_UNIX;
			net(m, t, OP_SEND, upstream, up, F_DB_SOCKET,
			    rng_between(&m->rng, 500, 1900))
				->flags = OPF_UNIX;
			net(m, t, OP_RECV, upstream, up, F_DB_SOCKET,
			    rng_between(&m->rng, 500, 4096))
				->flags = OPF_UNIX;
			plan_close(m, t, up, upstream);
			net(m, t, OP_SEND, sock, fd, ends, rng_between(&m->rng, 500, 16000));
		}
		net(m, t, OP_FLOW, sock, fd, ends, rng_between(&m->rng, 500, 90000));
		plan_close(m, t, fd, sock);
	}
}

static void look_up(struct machine *m, struct task *t)
{
	uint32_t sock = plan_socket(m), query = (uint32_t)rng_next(&m->rng);
	int16_t fd = plan_fd(t);
	uint64_t ends = (uint64_t)53 << 48 | (uint64_t)rng_between(&m->rng, 32768, 60999) << 32 |
			0x0a000203;

	net(m, t, OP_SOCKET, sock, fd, ends, 0)->flags = OPF_UDP;
	net(m, t, OP_CONNECT, sock, fd, ends, 0)->flags = OPF_UDP;
	net(m, t, OP_DNS, sock, fd, ends, query)->flags = OPF_UDP;
	net(m, t, OP_DNS, sock, fd, ends, query)->flags = OPF_UDP | OPF_RECEIVED;
	plan_close(m, t, fd, sock);
}

static void php(struct machine *m, struct task *t)
{
	uint32_t sock = plan_socket(m), base = plan_socket(m);
	uint64_t ends = (uint64_t)5432 << 48 | (uint64_t)rng_between(&m->rng, 32768, 60999) << 32 |
			(127u << 24 | 1);
	int16_t fd = plan_fd(t), db;

	net(m, t, OP_ACCEPT, sock, fd, F_DB_SOCKET, 0)->flags = OPF_UNIX;
	plan_read(m, t, fd, sock, rng_between(&m->rng, 500, 1900));
	for (unsigned n = rng_below(&m->rng, 12); n--;)
		plan_slurp(m, t, tree_pick(&m->tree, SET_PHP, &m->rng));
	if (rng_chance(&m->rng, 120))
		look_up(m, t);
	db = plan_fd(t);
	net(m, t, OP_SOCKET, base, db, 0, 0);
	net(m, t, OP_CONNECT, base, db, ends, 0)->ret = -EINPROGRESS;
	net(m, t, OP_SEND, base, db, ends, rng_between(&m->rng, 60, 400));
	net(m, t, OP_RECV, base, db, ends, rng_between(&m->rng, 60, 8192));
	net(m, t, OP_FLOW, base, db, ends, rng_between(&m->rng, 60, 8192));
	plan_close(m, t, db, base);
	plan_write(m, t, fd, sock, rng_between(&m->rng, 500, 9000), CONTENT_HTTP);
	plan_op(m, t, OP_SHUTDOWN, sock)->fd = fd;
	plan_close(m, t, fd, sock);
}

/* A backend of the database serves one connection. */
void plan_backend(struct machine *m, struct task *t)
{
	uint64_t ends = (uint64_t)rng_between(&m->rng, 32768, 60999) << 48 | (uint64_t)5432 << 32 |
			(127u << 24 | 1);
	uint32_t sock = plan_socket(m);

	t->proc->fds = 0x3ff;
	net(m, t, OP_RECV, sock, 9, ends, 86);
	plan_slurp(m, t, m->tree.sets[SET_DB].first);
	for (unsigned n = rng_between(&m->rng, 4, 30); n--;) {
		uint32_t file = tree_pick(&m->tree, SET_DB, &m->rng);
		int16_t fd;
		struct op *op;

		if (rng_chance(&m->rng, 100)) {
			plan_open_fail(m, t, file, O_RDW | O_CLOSE_EXEC, ENOENT);
			continue;
		}
		fd = plan_open(m, t, file, O_RDW | O_CLOSE_EXEC);
		plan_read(m, t, fd, file, 8192);
		if (rng_chance(&m->rng, 300))
			plan_write(m, t, fd, file, 8192, CONTENT_PACKED);
		op = plan_op(m, t, OP_FOLD, file);
		op->fd = fd;
		op->a = 2 + (uint32_t)spread_next(&m->size, &m->rng, 40);
		op->b = 8192ull * op->a;
		plan_close(m, t, fd, file);
	}
	plan_op(m, t, OP_KILL, 0)->b = 10;
	t->ops[t->n - 1].a = t->proc->ppid;
	net(m, t, OP_SEND, sock, 9, ends, rng_between(&m->rng, 60, 8192));
	net(m, t, OP_FLOW, sock, 9, ends, rng_between(&m->rng, 60, 8192));
	plan_op(m, t, OP_CLOSE, sock)->fd = 9;
	plan_exit(m, t, 0);
}

static void monitor(struct machine *m, struct task *t)
{
	static const char *const names[] = { "stat", "status", "io", "cmdline" };
	unsigned n = 0;

	/* The metrics of some processes, those that began last first, and of the machine. */
	for (const struct proc *p = m->living; p && n < 25; p = p->next, n++) {
		uint32_t file = plan_temporary(m, DEV_PROC, "/proc/%u/%s", p->pid,
					       names[rng_below(&m->rng, 4)]);

		m->tree.files[file].size = 300;
		if (rng_chance(&m->rng, 40))
			plan_open_fail(m, t, file, O_CLOSE_EXEC, EACCES);
		else
			plan_slurp(m, t, file);
	}
	if (rng_chance(&m->rng, 50)) {
		struct op *op = plan_op(m, t, OP_BPF, 0);

		op->a = 1;
		op->fd = 9;
	}
	if (rng_chance(&m->rng, 100))
		plan_op(m, t, OP_THREAD, 0);
	if (rng_chance(&m->rng, 30))
		plan_op(m, t, OP_MPROTECT, 0);
}

void plan_server_work(struct machine *m, struct task *t, enum workload work)
{
	if (work == WORK_DATABASE) {
		plan_fork(m, t, PLAN_BACKEND, 0, 0);
		plan_wait(m, t, 2);
	} else if (work == WORK_MONITOR) {
		monitor(m, t);
	} else if (t->proc->image->exe == m->bin.nginx) {
		nginx(m, t);
	} else {
		php(m, t);
	}
}

struct standing {
	uint32_t exe;
	const char *argv;
	enum workload work;
	uint32_t uid;
	unsigned n;
	bool terminal;
	bool no_work;
};

static void stand(struct machine *m, const struct standing *s, unsigned number)
{
	struct proc *p =
		proc_fork(m, m->init, m->began - (uint64_t)rng_below(&m->rng, 3600) * 1000000000);
	struct image *i = plan_image(m, s->exe);
	struct task *t;

	if (!p || !i)
		return;
	image_arg(i, s->argv);
	proc_exec(m, p, i, p->start);
	t = task_new(m, p, p->pid, p->start);
	if (!t)
		return;
	p->standing = true;
	p->creds = (struct creds){ s->uid,
				   s->uid,
				   s->uid,
				   s->uid,
				   s->terminal ? 1000 : UINT32_MAX,
				   s->terminal ? 2 + number : UINT32_MAX };
	p->sid = p->pgid = p->pid;
	p->tty = s->terminal ? 136u << 20 | number : 0;
	p->cwd = s->terminal ? F_HOME : s->work == WORK_DATABASE ? F_DB_WAL : F_ROOT;
	p->cgroup = s->terminal ? 7000 + number : 3000 + s->exe % 1000;
	p->work = (uint8_t)s->work;
	p->fds = 0xff;
	for (unsigned fd = 0; fd < 8; fd++)
		p->fd_file[fd] = fd < 3 ? s->terminal ? F_TTY : F_NULL :
					  m->tree.sets[SET_LOG].first + (s->exe + fd) % 60;
	t->idle = true;
	if (s->no_work)
		return;
	m->standing_work[m->n_standing] = (uint8_t)s->work;
	m->standing[m->n_standing++] = t;
}

void plan_standing(struct machine *m)
{
	const struct standing rows[] = {
		{ m->bin.bash, "-bash", WORK_BUILD, 1000, 3, true, false },
		{ m->bin.bash, "-bash", WORK_SCRIPT, 1000, 4, true, false },
		{ m->bin.bash, "-bash", WORK_PACKAGE, 0, 1, true, false },
		{ m->bin.bash, "-bash", WORK_ATTACK, 1000, 1, true, false },
		{ m->bin.bash, "-bash", WORK_ATTACK, 0, 1, true, false },
		{ m->bin.php, "php-fpm: pool www", WORK_ATTACK, 33, 1, false, false },
		{ m->bin.nginx, "nginx: worker process", WORK_WEB, 33, 2, false, false },
		{ m->bin.php, "php-fpm: pool www", WORK_WEB, 33, 6, false, false },
		{ m->bin.postgres, "/usr/lib/postgresql/15/bin/postgres", WORK_DATABASE, 106, 1,
		  false, false },
		{ m->bin.exporter, "/usr/bin/node_exporter", WORK_MONITOR, 998, 2, false, false },
		{ m->bin.cron, "/usr/sbin/cron", WORK_CRON, 0, 1, false, false },
		{ m->bin.sshd, "sshd: /usr/sbin/sshd -D [listener]", WORK_SSH, 0, 1, false, false },
		{ m->bin.journald, "/lib/systemd/systemd-journald", WORK_MONITOR, 0, 1, false,
		  true },
		{ m->bin.rsyslogd, "/usr/sbin/rsyslogd", WORK_MONITOR, 0, 1, false, true },
		{ m->bin.agetty, "/sbin/agetty", WORK_MONITOR, 0, 6, false, true },
		{ m->bin.systemd, "/lib/systemd/systemd --user", WORK_MONITOR, 1000, 3, false,
		  true },
	};
	struct image *i = plan_image(m, m->bin.systemd);
	uint32_t next = m->next_pid;

	m->next_pid = 1;
	m->init = proc_fork(m, NULL, m->began - 7200000000000ull);
	if (!m->init || !i)
		return;
	image_arg(i, "/sbin/init");
	proc_exec(m, m->init, i, m->init->start);
	m->init->standing = true;
	m->init->cwd = F_ROOT;
	m->init->sid = m->init->pgid = 1;
	m->next_pid = 2;
	for (unsigned k = 0; k < 90; k++) {
		struct proc *p = proc_fork(m, m->init, m->init->start + 1000000 * k);

		if (!p)
			return;
		p->kernel = p->standing = true;
		p->ppid = k ? 2 : 0;
	}
	m->next_pid = 400;
	for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		for (unsigned n = 0; n < rows[k].n; n++)
			stand(m, &rows[k], n);
	m->next_pid = next;
}
