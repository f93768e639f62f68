/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes, threads and images come and go; a keyframe can still ask for a past moment. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/lib_machine.h"

uint32_t pid_new(struct machine *m)
{
	uint32_t pid;

	do {
		pid = m->next_pid++;
		if (m->next_pid >= m->max_pid)
			m->next_pid = 300;
	} while (m->pids[pid >> 3] & 1 << (pid & 7));
	m->pids[pid >> 3] |= (uint8_t)(1 << (pid & 7));
	return pid;
}

void pid_free(struct machine *m, uint32_t pid)
{
	m->pids[pid >> 3] &= (uint8_t) ~(1 << (pid & 7));
}

struct image *image_new(struct machine *m, uint32_t exe)
{
	struct image *i = m->free_images;
	const struct file *f = &m->tree.files[exe];
	const char *path = tree_path(&m->tree, exe), *name = path + f->path_len;

	if (i) {
		m->free_images = i->next;
	} else {
		i = malloc(sizeof(*i));
		if (!i) {
			m->err = -ENOMEM;
			return NULL;
		}
		i->made = m->all_images;
		m->all_images = i;
	}
	i->refs = 0;
	i->exe = i->path = exe;
	i->argv_len = 0;
	i->n_libs = 0;
	while (name > path && name[-1] != '/')
		name--;
	i->comm_len = (uint16_t)(path + f->path_len - name);
	if (i->comm_len > 15)
		i->comm_len = 15;
	memcpy(i->comm, name, i->comm_len);
	return i;
}

static void image_drop(struct machine *m, struct image *i)
{
	if (i && --i->refs == 0) {
		i->next = m->free_images;
		m->free_images = i;
	}
}

void image_args(struct image *i, const char *bytes, size_t length)
{
	if (!i || length > (size_t)(IMAGE_ARGV - i->argv_len))
		return;
	memcpy(i->argv + i->argv_len, bytes, length);
	i->argv_len = (uint16_t)(i->argv_len + length);
}

void image_arg(struct image *i, const char *text)
{
	image_args(i, text, strlen(text) + 1);
}

struct proc *proc_fork(struct machine *m, struct proc *parent, uint64_t ts)
{
	struct proc *p = m->free_procs;

	if (p)
		m->free_procs = p->next;
	else
		p = malloc(sizeof(*p));
	if (!p) {
		m->err = -ENOMEM;
		return NULL;
	}
	*p = (struct proc){ .pid = pid_new(m), .parent = parent, .start = ts, .born = ts };
	if (parent) {
		p->ppid = parent->pid;
		p->parent_start = parent->start;
		p->image = parent->image;
		p->image->refs++;
		p->creds = parent->creds;
		p->sid = parent->sid;
		p->pgid = parent->pgid;
		p->tty = parent->tty;
		p->cwd = parent->cwd;
		p->cgroup = parent->cgroup;
		p->fds = parent->fds;
		memcpy(p->fd_file, parent->fd_file, sizeof(p->fd_file));
		p->work = parent->work;
		p->plant = parent->plant;
		p->map_top = parent->map_top;
		parent->children++;
	}
	p->next = m->living;
	if (m->living)
		m->living->prev = p;
	m->living = p;
	m->n_living++;
	return p;
}

void proc_exec(struct machine *m, struct proc *p, struct image *i, uint64_t ts)
{
	if (!i)
		return;
	image_drop(m, p->before);
	p->before = p->image;
	p->image = i;
	i->refs++;
	p->executed = ts;
	p->map_top = 0x7f0000000000 | (rng_next(&m->rng) & 0xfffffff) << 12;
}

void proc_exit(struct machine *m, struct proc *p, uint64_t ts)
{
	struct proc *parent = p->parent;

	p->died = ts;
	if (p->prev)
		p->prev->next = p->next;
	else
		m->living = p->next;
	if (p->next)
		p->next->prev = p->prev;
	p->prev = NULL;
	p->next = m->dead;
	m->dead = p;
	m->n_living--;
	/* Those that are left behind go to init, as everywhere. */
	for (struct proc *child = p->children ? m->living : NULL; child; child = child->next)
		if (child->parent == p) {
			child->parent = m->init;
			child->ppid = 1;
			child->parent_start = m->init->start;
			m->init->children++;
		}
	if (parent)
		parent->children--;
	pid_free(m, p->pid);
}

void proc_forget(struct machine *m, uint64_t ts)
{
	struct proc **at = &m->dead;

	while (*at) {
		struct proc *p = *at;

		if (p->died > ts) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		image_drop(m, p->image);
		image_drop(m, p->before);
		p->next = m->free_procs;
		m->free_procs = p;
	}
}

const struct image *proc_image_at(const struct proc *p, uint64_t ts)
{
	return p->before && ts < p->executed ? p->before : p->image;
}

struct task *task_new(struct machine *m, struct proc *p, uint32_t tid, uint64_t ts)
{
	struct task *t = m->free_tasks;

	if (t) {
		m->free_tasks = t->next;
	} else {
		t = calloc(1, sizeof(*t));
		if (t) {
			t->max = 512;
			t->ops = malloc(t->max * sizeof(*t->ops));
		}
		if (!t || !t->ops) {
			free(t);
			m->err = -ENOMEM;
			return NULL;
		}
		t->made = m->all_tasks;
		m->all_tasks = t;
	}
	*t = (struct task){ .proc = p,
			    .tid = tid,
			    .start = ts,
			    .ops = t->ops,
			    .max = t->max,
			    .made = t->made };
	t->ready = ts;
	p->n_tasks++;
	return t;
}

void task_free(struct machine *m, struct task *t)
{
	if (t->tid != t->proc->pid)
		pid_free(m, t->tid);
	t->next = m->free_tasks;
	m->free_tasks = t;
}

static void free_procs(struct proc *p)
{
	while (p) {
		struct proc *next = p->next;

		free(p);
		p = next;
	}
}

void procs_done(struct machine *m)
{
	free_procs(m->living);
	free_procs(m->dead);
	free_procs(m->free_procs);
	while (m->all_images) {
		struct image *i = m->all_images;

		m->all_images = i->made;
		free(i);
	}
	while (m->all_tasks) {
		struct task *t = m->all_tasks;

		m->all_tasks = t->made;
		free(t->ops);
		free(t);
	}
}
