/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler. The CPU whose clock is behind all others runs a slice of a thread that is ready:
 * so causes come before effects on every CPU, and each CPU has a clock of its own. Work is given to
 * those whose share of the events is behind what it should be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/tape.h"
#include "tests/bench/lib_plan.h"

enum { SLICE_EVENTS = 39 }; /* mean, as measured on a real machine; README.md */

/* Shares of the events, in parts of a thousand. */
static const uint16_t shares[WORK_COUNT] = {
	[WORK_BUILD] = 460,  [WORK_SCRIPT] = 220, [WORK_WEB] = 130, [WORK_DATABASE] = 40,
	[WORK_MONITOR] = 60, [WORK_PACKAGE] = 60, [WORK_CRON] = 20, [WORK_SSH] = 10,
};

void task_ready(struct machine *m, struct task *t)
{
	struct cpu *c = &m->cpus[t->cpu];

	/* Where it ran before, unless another CPU has nothing to do. */
	if (c->n_ready > 2)
		for (uint32_t i = 0; i < m->n_cpus; i++)
			if (m->cpus[i].n_ready < c->n_ready - 1)
				c = &m->cpus[i];
	t->idle = false;
	t->cpu = (uint32_t)(c - m->cpus);
	t->next = NULL;
	if (c->last)
		c->last->next = t;
	else
		c->first = t;
	c->last = t;
	c->n_ready++;
	m->n_runnable++;
}

static struct task *take(struct machine *m, struct cpu *c)
{
	struct task *t = c->first;

	if (!t)
		return NULL;
	c->first = t->next;
	if (!c->first)
		c->last = NULL;
	c->n_ready--;
	m->n_runnable--;
	return t;
}

static void wake_sleepers(struct machine *m, uint64_t now)
{
	struct task **at = &m->sleeping;

	while (*at) {
		struct task *t = *at;

		if (t->ready > now) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		task_ready(m, t);
	}
}

/* A standing process of the workload that is furthest behind. */
static bool give_work(struct machine *m, uint64_t now)
{
	uint32_t tried = 0;

	for (unsigned n = 0; n < WORK_ATTACK; n++) {
		uint64_t furthest = UINT64_MAX;
		unsigned work = 0;

		for (unsigned w = 0; w < WORK_ATTACK; w++) {
			uint64_t done = m->by_work[w] * 1000 / shares[w];

			if (!(tried & 1u << w) && done < furthest) {
				furthest = done;
				work = w;
			}
		}
		tried |= 1u << work;
		for (uint32_t k = 0, from = rng_below(&m->rng, m->n_standing); k < m->n_standing;
		     k++) {
			uint32_t at = (from + k) % m->n_standing;
			struct task *t = m->standing[at];

			if (!t->idle || m->standing_work[at] != work)
				continue;
			if (t->ready < now)
				t->ready = now;
			plan_work(m, t, (enum workload)work);
			if (!t->n)
				continue;
			task_ready(m, t);
			return true;
		}
	}
	return false;
}

static void wake_parent(struct machine *m, struct proc *child, uint64_t ts)
{
	struct proc *p = child->parent;
	struct task *t = p ? p->waiter : NULL;

	if (!t || p->children >= t->waiting)
		return;
	p->waiter = NULL;
	t->waiting = 0;
	t->ready = ts + 20000;
	task_ready(m, t);
}

static void do_fork(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	struct proc *p = proc_fork(m, t->proc, c->now - 30000);
	struct task *child = p ? task_new(m, p, p->pid, c->now + 15000) : NULL;

	if (!child)
		return;
	emit_fork(m, t, p, c);
	child->cpu = rng_below(&m->rng, m->n_cpus);
	plan_child(m, child, op);
	task_ready(m, child);
}

/* Threads come and go at once here: who lives on has no events of its own. */
static void do_thread(struct machine *m, struct task *t, struct cpu *c)
{
	struct task child = { .proc = t->proc, .tid = pid_new(m), .start = c->now - 20000 };

	emit_thread(m, t, &child, c);
	pid_free(m, child.tid);
}

static void do_exit(struct machine *m, struct task *t, const struct op *op, struct cpu *c)
{
	struct proc *p = t->proc;

	p->code = op->a << 8;
	emit_exit(m, t, c);
	proc_exit(m, p, c->now);
	wake_parent(m, p, c->now);
	task_free(m, t);
}

enum after { GOES_ON, SLICE_ENDS, GONE };

static enum after run_op(struct machine *m, struct task *t, struct cpu *c)
{
	struct op op = t->ops[t->at++];

	switch (op.code) {
	case OP_WAIT:
		if (t->proc->children <= op.a)
			return GOES_ON;
		t->waiting = op.a + 1;
		t->proc->waiter = t;
		return GONE;
	case OP_SLEEP:
		t->ready = c->now + op.b;
		t->next = m->sleeping;
		m->sleeping = t;
		return GONE;
	case OP_THINK:
		return SLICE_ENDS;
	case OP_FORK:
		do_fork(m, t, &op, c);
		break;
	case OP_THREAD:
		do_thread(m, t, c);
		break;
	case OP_EXIT:
		do_exit(m, t, &op, c);
		return GONE;
	default:
		emit_op(m, t, &op, c);
	}
	c->now += 250 + spread_next(&m->gap, &m->rng, m->gap_ns);
	return GOES_ON;
}

static void begin_slice(struct machine *m, struct cpu *c)
{
	struct task *t;

	while (m->n_runnable < 3 * m->n_cpus && give_work(m, c->now))
		;
	wake_sleepers(m, c->now);
	t = take(m, c);
	for (uint32_t i = 0; !t && i < m->n_cpus; i++)
		t = take(m, &m->cpus[i]);
	if (!t) {
		/* Nobody wants the CPU. */
		c->now += 1000000;
		return;
	}
	t->cpu = (uint32_t)(c - m->cpus);
	if (c->now < t->ready)
		c->now = t->ready + rng_below(&m->rng, 3000);
	c->running = t;
	c->left = 1 + (uint32_t)spread_next(&m->run, &m->rng, SLICE_EVENTS);
}

static void run_slice(struct machine *m, struct cpu *c)
{
	struct task *t = c->running;
	enum after after = GOES_ON;

	while (after == GOES_ON && c->left && c->now < m->now && m->n_events < m->max_events) {
		if (t->at == t->n) {
			t->idle = true;
			t->proc->plant = 0;
			after = GONE;
			break;
		}
		after = run_op(m, t, c);
		if (after == GOES_ON)
			c->left--;
	}
	if (after == GOES_ON && c->left)
		return;
	/* Until the next slice the CPU computes, waits or is idle. */
	t->ready = t->ready > c->now ? t->ready : c->now;
	c->running = NULL;
	c->now += spread_next(&m->pause, &m->rng, m->pause_ns);
	if (after != GONE)
		task_ready(m, t);
}

static void begin_loss(struct machine *m)
{
	if (!m->with_loss || m->n_events < m->next_loss)
		return;
	m->next_loss += 100000 + rng_below(&m->rng, 200000);
	m->cpus[rng_below(&m->rng, m->n_cpus)].dropping = rng_between(&m->rng, 10, 5000);
}

/*
 * Keeps the rate. Who is ahead of the clock should be a little slower for a while, and pauses
 * follow that slowly, within bounds: else they swing, and a CPU that sleeps for minutes holds up
 * all who wait for its threads.
 */
static void steer(struct machine *m, uint64_t round_ns, uint64_t made)
{
	double ahead = (double)m->n_events - m->rate * (double)(m->now - m->began) / 1e9;
	double correction = ahead / m->rate / 4, now = (double)made * 1e9 / (double)round_ns;
	uint64_t step = m->pause_ns / 64 + 1;

	correction = correction > 0.5 ? 0.5 : correction < -0.5 ? -0.5 : correction;
	m->smooth_rate += (now - m->smooth_rate) / 32;
	if (m->smooth_rate < m->rate * (1 - correction)) {
		if (m->pause_ns > m->first_pause_ns / 64)
			m->pause_ns -= step;
	} else if (m->pause_ns < 4 * m->first_pause_ns) {
		m->pause_ns += step;
	}
}

/* One small ring for all CPUs: what it holds is in the order of time. */
static void order_state(struct machine *m)
{
	for (uint32_t i = 1; i < m->n_state; i++) {
		struct state_entry e = m->state_order[i];
		uint32_t k = i;

		for (; k && m->state_order[k - 1].ts > e.ts; k--)
			m->state_order[k] = m->state_order[k - 1];
		m->state_order[k] = e;
	}
}

bool machine_round(struct machine *m, uint64_t round_ns)
{
	uint64_t before = m->n_events;

	m->now += round_ns;
	begin_loss(m);
	if (m->planted < m->n_plants &&
	    m->n_events >= (2 * m->planted + 1) * (m->max_events / (2 * m->n_plants)) &&
	    plan_attack_begin(m, m->planted + 1))
		m->planted++;
	while (m->n_events < m->max_events && !m->err) {
		struct cpu *c = &m->cpus[0];

		for (uint32_t i = 1; i < m->n_cpus; i++)
			if (m->cpus[i].now < c->now)
				c = &m->cpus[i];
		if (c->now >= m->now)
			break;
		if (!c->running)
			begin_slice(m, c);
		else
			run_slice(m, c);
	}
	order_state(m);
	steer(m, round_ns, m->n_events - before);
	return m->n_events < m->max_events && !m->err;
}

static void find_programs(struct machine *m)
{
	const struct {
		uint32_t *where;
		const char *name;
	} rows[] = {
		{ &m->bin.gcc, "gcc-12" },
		{ &m->bin.cc1, "cc1" },
		{ &m->bin.make, "make" },
		{ &m->bin.as, "x86_64-linux-gnu-as" },
		{ &m->bin.ld, "x86_64-linux-gnu-ld.bfd" },
		{ &m->bin.collect2, "collect2" },
		{ &m->bin.dash, "dash" },
		{ &m->bin.bash, "bash" },
		{ &m->bin.ls, "ls" },
		{ &m->bin.grep, "grep" },
		{ &m->bin.sed, "sed" },
		{ &m->bin.cat, "cat" },
		{ &m->bin.sort, "sort" },
		{ &m->bin.wc, "wc" },
		{ &m->bin.find, "find" },
		{ &m->bin.mawk, "mawk" },
		{ &m->bin.date, "date" },
		{ &m->bin.rm, "rm" },
		{ &m->bin.cp, "cp" },
		{ &m->bin.tar, "tar" },
		{ &m->bin.python, "python3.11" },
		{ &m->bin.perl, "perl" },
		{ &m->bin.git, "git" },
		{ &m->bin.curl, "curl" },
		{ &m->bin.dpkg, "dpkg" },
		{ &m->bin.apt, "apt-get" },
		{ &m->bin.sudo, "sudo" },
		{ &m->bin.id, "id" },
		{ &m->bin.chmod, "chmod" },
		{ &m->bin.sshd, "sshd" },
		{ &m->bin.nginx, "nginx" },
		{ &m->bin.php, "php-fpm8.2" },
		{ &m->bin.postgres, "postgres" },
		{ &m->bin.cron, "cron" },
		{ &m->bin.logrotate, "logrotate" },
		{ &m->bin.systemd, "systemd" },
		{ &m->bin.journald, "systemd-journald" },
		{ &m->bin.exporter, "node_exporter" },
		{ &m->bin.rsyslogd, "rsyslogd" },
		{ &m->bin.agetty, "agetty" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*rows[i].where = tree_find(&m->tree, SET_BIN, rows[i].name);
		if (!*rows[i].where)
			m->err = -ENOENT;
	}
}

int machine_init(struct machine *m, const struct machine_options *o)
{
	uint64_t gap;
	int ret;

	*m = (struct machine){ .n_cpus = o->cpus, .max_events = o->events, .n_plants = o->plants };
	m->with_loss = o->loss;
	m->next_loss = 50000;
	m->max_pid = o->max_pid;
	m->rate = (double)o->rate;
	rng_seed(&m->rng, o->seed);
	m->began = 266532ull * 1000000000 + (rng_next(&m->rng) & 0x3fffffff);
	m->now = m->began;
	m->next_pid = 20000 + rng_below(&m->rng, 10000);
	/*
	 * Within a slice events follow each other closely, and then nothing comes for a while. The
	 * shapes are those of perf's record of a real machine.
	 */
	spread_log_normal(&m->gap, 1.15);
	spread_log_normal(&m->pause, 1.9);
	spread_log_normal(&m->size, 1.5);
	spread_exponential(&m->run);
	gap = (uint64_t)o->cpus * 1000000000 / o->rate;
	m->gap_ns = gap > 9000 ? 4500 : gap / 2;
	m->pause_ns = m->first_pause_ns = (gap - m->gap_ns) * SLICE_EVENTS / 2;
	m->smooth_rate = m->rate;
	for (const struct reel_type *t = reel_types; t->name; t++)
		m->types[t->id] = t;
	m->pids = calloc(1, PIDS / 8);
	m->cpus = calloc(m->n_cpus, sizeof(*m->cpus));
	if (!m->pids || !m->cpus)
		return -ENOMEM;
	ret = tree_init(&m->tree, &m->rng);
	if (ret)
		return ret;
	for (uint32_t i = 0; i < m->n_cpus; i++) {
		m->cpus[i].now = m->began + rng_below(&m->rng, 1000000);
		m->cpus[i].seq = rng_below(&m->rng, 1000);
	}
	find_programs(m);
	if (!m->err)
		plan_standing(m);
	return m->err;
}

void machine_done(struct machine *m)
{
	procs_done(m);
	for (uint32_t i = 0; m->cpus && i < m->n_cpus; i++)
		free(m->cpus[i].ring.bytes);
	free(m->cpus);
	free(m->state.bytes);
	free(m->state_order);
	free(m->pids);
	free(m->steps);
	tree_done(&m->tree);
}
