/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Identity, capabilities, namespaces and confinement. What an event does not say but the kernel
 * does with it (credentials(7), capabilities(7)) is done here too, for capabilities.
 */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <string.h>

#include "replay/model_impl.h"

#define ALL_CAPS ((2ull << CAP_LAST_CAP) - 1)

static bool is_any_root(const struct model_ids *ids)
{
	return !ids->uid || !ids->euid || !ids->suid;
}

int model_on_setuid(struct told *t, const void *fixed)
{
	const struct ev_setuid *e = fixed;
	struct node *n = t->by;
	struct model_ids old;
	struct model_caps *caps;

	if (!n || !model_call_worked(t->ev))
		return 0;
	caps = &n->p.caps;
	old = n->p.ids;
	n->p.ids.uid = e->uid;
	n->p.ids.euid = e->euid;
	n->p.ids.suid = e->suid;
	n->p.ids.fsuid = e->fsuid;
	if (n->has_uids) {
		if (is_any_root(&old) && !is_any_root(&n->p.ids)) {
			caps->ambient = 0;
			if (!n->keeps_caps)
				caps->permitted = caps->effective = 0;
		}
		if (!old.euid && e->euid)
			caps->effective = 0;
		else if (old.euid && !e->euid)
			caps->effective = caps->permitted;
	}
	n->has_uids = true;
	n->p.has_ids = n->has_gids;
	return 0;
}

int model_on_setgid(struct told *t, const void *fixed)
{
	const struct ev_setgid *e = fixed;
	struct node *n = t->by;

	if (!n || !model_call_worked(t->ev))
		return 0;
	n->p.ids.gid = e->gid;
	n->p.ids.egid = e->egid;
	n->p.ids.sgid = e->sgid;
	n->p.ids.fsgid = e->fsgid;
	n->has_gids = true;
	n->p.has_ids = n->has_uids;
	return 0;
}

/* Only the caller's own can be set. */
int model_on_capset(struct told *t, const void *fixed)
{
	const struct ev_capset *e = fixed;
	struct model_caps *caps;

	if (!t->by || !model_call_worked(t->ev))
		return 0;
	caps = &t->by->p.caps;
	caps->effective = e->cap_effective;
	caps->permitted = e->cap_permitted;
	caps->inheritable = e->cap_inheritable;
	caps->ambient &= e->cap_permitted & e->cap_inheritable;
	return 0;
}

void model_new_user_space(struct node *n)
{
	n->p.caps = (struct model_caps){ .effective = ALL_CAPS,
					 .permitted = ALL_CAPS,
					 .bounding = ALL_CAPS };
	n->p.has_caps = n->p.has_bounding = true;
	n->keeps_caps = false;
}

static void change_ambient(struct model_caps *caps, uint64_t how, uint64_t cap)
{
	if (how == PR_CAP_AMBIENT_CLEAR_ALL)
		caps->ambient = 0;
	else if (how == PR_CAP_AMBIENT_RAISE && cap < 64)
		caps->ambient |= 1ull << cap;
	else if (how == PR_CAP_AMBIENT_LOWER && cap < 64)
		caps->ambient &= ~(1ull << cap);
}

enum { COMM_MAX = 15 };

/* A name is that of a thread. */
static int change_comm(struct told *t)
{
	struct reel_string s = reel_event_string_at(t->ev, offsetof(struct ev_prctl, text));

	if (t->ev->tid != t->ev->pid || (t->ev->flags & EV_FAULT))
		return 0;
	if (reel_string_is_cut(&s) && s.length < COMM_MAX)
		return model_take_string(t, offsetof(struct ev_prctl, text), &t->by->p.comm);
	return model_take_bytes(t->m, s.bytes, s.length < COMM_MAX ? s.length : COMM_MAX,
				&t->by->p.comm);
}

int model_on_prctl(struct told *t, const void *fixed)
{
	const struct ev_prctl *e = fixed;
	struct node *n = t->by;

	if (!n || !model_call_worked(t->ev))
		return 0;
	switch (e->option) {
	case PR_SET_NAME:
		return change_comm(t);
	case PR_SET_NO_NEW_PRIVS:
		n->p.no_new_privs = true;
		break;
	case PR_SET_SECCOMP:
		n->p.seccomp_mode = (uint8_t)e->arg2;
		break;
	case PR_SET_KEEPCAPS:
		n->keeps_caps = e->arg2 != 0;
		break;
	case PR_CAPBSET_DROP:
		if (e->arg2 < 64)
			n->p.caps.bounding &= ~(1ull << e->arg2);
		break;
	case PR_CAP_AMBIENT:
		change_ambient(&n->p.caps, e->arg2, e->arg3);
		break;
	}
	return 0;
}

/* With TSYNC a positive result is the thread that stood in the way. */
int model_on_seccomp(struct told *t, const void *fixed)
{
	const struct ev_seccomp *e = fixed;

	if (!t->by || !model_call_worked(t->ev))
		return 0;
	if (t->ev->ret > 0 && (e->flags & SECCOMP_FILTER_FLAG_TSYNC) &&
	    !(e->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return 0;
	if (e->op == SECCOMP_SET_MODE_STRICT)
		t->by->p.seccomp_mode = SECCOMP_MODE_STRICT;
	else if (e->op == SECCOMP_SET_MODE_FILTER)
		t->by->p.seccomp_mode = SECCOMP_MODE_FILTER;
	return 0;
}

/*
 * Namespaces are those of a thread; a process has those of its first one. Of another thread they
 * are kept for the children that it makes, as programs do that start a command elsewhere.
 */
static int enter_spaces(struct told *t, const struct model_spaces *s)
{
	struct node *n = t->by;

	if (!n || !model_call_worked(t->ev))
		return 0;
	if (t->ev->tid != t->ev->pid) {
		n->strayed_tid = t->ev->tid;
		n->strayed = *s;
		return 0;
	}
	if (n->p.has_spaces && n->p.spaces.user && s->user && n->p.spaces.user != s->user)
		model_new_user_space(n);
	n->p.spaces = *s;
	n->p.has_spaces = true;
	return 0;
}

int model_on_setns(struct told *t, const void *fixed)
{
	const struct ev_setns *e = fixed;
	const struct model_spaces s = { e->mnt_ns, e->pid_ns, e->net_ns,   e->user_ns,
					e->uts_ns, e->ipc_ns, e->cgroup_ns };

	return enter_spaces(t, &s);
}

int model_on_unshare(struct told *t, const void *fixed)
{
	const struct ev_unshare *e = fixed;
	const struct model_spaces s = { e->mnt_ns, e->pid_ns, e->net_ns,   e->user_ns,
					e->uts_ns, e->ipc_ns, e->cgroup_ns };

	return enter_spaces(t, &s);
}
