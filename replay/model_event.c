/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes begin, execute, move and end: a handler for each type. */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "replay/model_impl.h"

/* Begin */

static void forget_spaces(struct model_spaces *s, uint64_t flags)
{
	if (flags & CLONE_NEWNS)
		s->mnt = 0;
	if (flags & CLONE_NEWNET)
		s->net = 0;
	if (flags & CLONE_NEWUSER)
		s->user = 0;
	if (flags & CLONE_NEWUTS)
		s->uts = 0;
	if (flags & CLONE_NEWIPC)
		s->ipc = 0;
	if (flags & CLONE_NEWCGROUP)
		s->cgroup = 0;
}

/* All that a child has from its parent; CHILD is new. */
static void inherit(struct node *child, const struct node *parent)
{
	const struct model_process *from = &parent->p;
	struct model_process *to = &child->p;

	to->image = from->image;
	to->exec_ns = from->exec_ns;
	to->exe = from->exe;
	to->comm = from->comm;
	to->argv = from->argv;
	to->cwd = from->cwd;
	to->root = from->root;
	model_text_ref(to->exe);
	model_text_ref(to->comm);
	model_text_ref(to->argv);
	model_text_ref(to->cwd);
	model_text_ref(to->root);
	to->ids = from->ids;
	to->caps = from->caps;
	to->spaces = from->spaces;
	to->loginuid = from->loginuid;
	to->sid = from->sid;
	to->pgid = from->pgid;
	to->tty = from->tty;
	to->cgroup = from->cgroup;
	to->seccomp_mode = from->seccomp_mode;
	to->no_new_privs = from->no_new_privs;
	to->kernel_thread = from->kernel_thread;
	to->has_ids = from->has_ids;
	to->has_caps = from->has_caps;
	to->has_bounding = from->has_bounding;
	to->has_spaces = from->has_spaces;
	to->has_container = from->has_container;
	child->has_uids = parent->has_uids;
	child->has_gids = parent->has_gids;
	child->keeps_caps = parent->keeps_caps;
}

static int place_child(struct model *m, struct node *child, const struct node *parent,
		       uint64_t cgroup)
{
	struct model_container *c = parent->p.container;
	struct container *found = (struct container *)c;
	bool is_first;

	if (cgroup && cgroup != parent->p.cgroup) {
		child->p.cgroup = cgroup;
		child->p.has_container = model_cgroup_find(m, cgroup, &found);
	}
	is_first = found && !found->c.members;
	if (found)
		model_container_enter(child, found);
	if (!is_first && parent->p.pid != 1)
		model_family_inherit(child, parent);
	else if (model_family_found(m, child, false) < 0)
		return -ENOMEM;
	if (is_first)
		found->c.family = child->p.family;
	return child->p.has_container || !child->p.cgroup ? 0 : model_pend(m, child);
}

int model_on_fork(struct told *t, const void *fixed)
{
	const struct ev_fork *e = fixed;
	struct model *m = t->m;
	struct node *parent = t->by, *child;
	int r;

	if (!parent || !model_call_worked(t->ev) || !e->child)
		return 0;
	r = model_bear(m, e->child, t->change, &child);
	if (r < 0)
		return r;
	inherit(child, parent);
	child->p.known_by = MODEL_FORK;
	child->p.start_ns = e->child_start;
	child->p.certain_ns = t->ev->ts;
	child->is_vague = !model_is_certain(m, &parent->p);
	child->p.whole_ns = model_is_whole(m, &parent->p) ? t->ev->ts : 0;
	child->p.ids_ns = model_is_certain_of_ids(m, &parent->p) ? t->ev->ts : 0;
	child->p.rights_ns = model_is_whole_of_rights(m, &parent->p) ? t->ev->ts : 0;
	child->p.ppid = e->clone_flags & CLONE_PARENT ? parent->p.ppid : parent->p.pid;
	child->p.vpid = e->vpid;
	child->p.parent = &parent->p;
	model_ref(&parent->p);
	model_cut_ancestors(m, &parent->p, MODEL_ANCESTORS_MAX - 1);
	if (parent->strayed_tid && parent->strayed_tid == t->ev->tid)
		child->p.spaces = parent->strayed;
	forget_spaces(&child->p.spaces, e->clone_flags);
	if (e->pid_ns)
		child->p.spaces.pid = e->pid_ns;
	if (e->clone_flags & CLONE_NEWUSER)
		model_new_user_space(child);
	t->change->child = &child->p;
	/* A parent that has just lost its pid to the child has no family any more. */
	if (!parent->family)
		return model_family_found(m, child, true);
	return place_child(m, child, parent, e->cgroup);
}

/* Execute, end */

int model_on_exec(struct told *t, const void *fixed)
{
	const struct ev_exec *e = fixed;
	struct node *n = t->by;
	struct reel_string cwd = reel_event_string_at(t->ev, offsetof(struct ev_exec, cwd));
	int r;

	if (!n || !model_call_worked(t->ev))
		return 0;
	r = model_take_string(t, offsetof(struct ev_exec, exe), &n->p.exe);
	if (r == 0)
		r = model_take_string(t, offsetof(struct ev_exec, comm), &n->p.comm);
	if (r == 0)
		r = model_take_string(t, offsetof(struct ev_exec, argv), &n->p.argv);
	n->p.has_cwd = cwd.length || reel_string_is_cut(&cwd) || t->ev->flags & EV_FAULT;
	if (r == 0 && n->p.has_cwd)
		r = model_take_string(t, offsetof(struct ev_exec, cwd), &n->p.cwd);
	if (r < 0)
		return r;
	n->p.ids = (struct model_ids){ e->uid, e->euid, e->suid, e->fsuid,
				       e->gid, e->egid, e->sgid, e->fsgid };
	n->p.caps.effective = e->cap_effective;
	n->p.caps.permitted = e->cap_permitted;
	n->p.caps.inheritable = e->cap_inheritable;
	n->p.caps.ambient = e->cap_ambient;
	n->p.has_ids = n->p.has_caps = n->has_uids = n->has_gids = true;
	n->p.kernel_thread = false;
	n->p.image = model_serial(&t->m->image_serial);
	n->p.exec_ns = n->p.certain_ns = n->p.ids_ns = t->ev->ts;
	n->is_vague = n->keeps_caps = false;
	n->strayed_tid = 0;
	if (n->p.known_by == MODEL_GUESS)
		n->p.known_by = MODEL_EXEC;
	return 0;
}

int model_on_exit(struct told *t, const void *fixed)
{
	const struct ev_exit *e = fixed;

	/* A keyframe that saw him alive may still tell him: it has to be known who he is. */
	if (t->by && !t->by->p.start_ns)
		t->by->p.start_ns = e->start;
	return t->by ? model_die(t->m, t->by) : 0;
}

/* Move */

int model_on_chdir(struct told *t, const void *fixed)
{
	(void)fixed;
	if (!t->by || !model_call_worked(t->ev))
		return 0;
	t->by->p.has_cwd = true;
	return model_take_string(t, offsetof(struct ev_chdir, path), &t->by->p.cwd);
}

int model_on_chroot(struct told *t, const void *fixed)
{
	(void)fixed;
	if (!t->by || !model_call_worked(t->ev))
		return 0;
	return model_take_string(t, offsetof(struct ev_chroot, path), &t->by->p.root);
}

/* Paths are told from the root of the tree of mounts, and that is where the process then is. */
int model_on_pivot_root(struct told *t, const void *fixed)
{
	(void)fixed;
	if (!t->by || !model_call_worked(t->ev))
		return 0;
	return model_take_bytes(t->m, "/", 1, &t->by->p.root);
}

/*
 * The numbers are as the caller sees them. In a pid namespace of its own only those can be told
 * that mean the process itself; a shell's children say it themselves too.
 */
int model_on_setpgid(struct told *t, const void *fixed)
{
	const struct ev_setpgid *e = fixed;
	struct node *n = t->by;
	bool as_host = n && (n->p.vpid == n->p.pid || !n->p.vpid);

	if (!n || !model_call_worked(t->ev))
		return 0;
	if (e->target && e->target != (as_host ? n->p.pid : n->p.vpid))
		n = as_host ? model_lookup(t->m, e->target) : NULL;
	if (!n || n->p.is_dead)
		return 0;
	if (!e->pgid || e->pgid == (as_host ? n->p.pid : n->p.vpid))
		n->p.pgid = n->p.pid;
	else
		n->p.pgid = as_host ? e->pgid : 0;
	return 0;
}
