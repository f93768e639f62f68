/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "record/host_impl.h"

struct spaces {
	uint32_t parts;
	struct proc_table mounts, nets; /* those that have been told */
	bool chrooted; /* some mount namespace was seen by a process with another root only */
};

static int put_nets(struct proc_look *l, uint32_t parts, int dir, bool own, uint32_t net_ns)
{
	struct host_talk t;
	int r = 0;

	host_talk_open(own ? -1 : dir, &t);
	if (parts & HOST_NETIFS)
		r = host_put_netifs(l, &t, net_ns);
	if (r == 0 && parts & HOST_SOCKS)
		r = host_put_socks(l, &t, dir, net_ns);
	host_talk_close(&t);
	return r;
}

/* Whether it has not been told yet, and may be remembered when it has. */
static bool is_new(struct proc_look *l, const struct proc_table *t, uint32_t space)
{
	if (!space || proc_table_get(t, space, NULL))
		return false;
	l->totals.left_out += t->n == PROC_TABLE_MAX;
	return t->n < PROC_TABLE_MAX;
}

/*
 * A chrooted process sees a part of its mounts, and paths below its root: it is asked only where
 * there is no other one.
 */
static int look_at_spaces(struct proc_look *l, struct spaces *s, int dir, bool own, bool any_root)
{
	const uint32_t nets = HOST_NETIFS | HOST_SOCKS;
	uint32_t mnt_ns, net_ns;
	bool whole;
	int r = 0;

	l->fault = l->refused = false;
	mnt_ns = s->parts & HOST_MOUNTS ? proc_read_space(l, dir, "ns/mnt") : 0;
	net_ns = s->parts & nets ? proc_read_space(l, dir, "ns/net") : 0;
	l->totals.refused += l->refused;
	if (is_new(l, &s->mounts, mnt_ns)) {
		if (!any_root && !proc_has_own_root(l, dir)) {
			s->chrooted = true;
		} else {
			r = host_put_mounts(l, dir, mnt_ns, &whole);
			if (r == 0 && whole && proc_table_put(&s->mounts, mnt_ns, 1) < 0)
				r = proc_no_memory(l);
		}
	}
	if (r == 0 && is_new(l, &s->nets, net_ns)) {
		r = put_nets(l, s->parts, dir, own, net_ns);
		if (r == 0 && proc_table_put(&s->nets, net_ns, 1) < 0)
			r = proc_no_memory(l);
	}
	return r;
}

static int look_at(struct proc_look *l, struct spaces *s, const char *name, bool own, bool any_root)
{
	int dir = proc_open(l->proc, name, O_PATH | O_DIRECTORY), r;

	if (dir < 0)
		return 0;
	r = look_at_spaces(l, s, dir, own, any_root);
	close(dir);
	return r;
}

static int put_spaces(struct proc_look *l, const struct host_options *o, uint32_t parts)
{
	struct spaces s = { .parts = parts };
	struct proc_list list;
	int r = proc_list_read(l, &list);

	if (r < 0)
		return r;
	proc_list_choose(l, o->wants, o->wants_arg, &list);
	r = look_at(l, &s, "self", true, true);
	for (unsigned pass = 0; pass < 2 && r == 0; pass++) {
		for (size_t i = 0; i < list.n && r == 0; i++) {
			char name[16];

			snprintf(name, sizeof(name), "%u", list.pids[i]);
			if (list.wanted[i] == PROC_WANTED)
				r = look_at(l, &s, name, false, pass);
		}
		if (!s.chrooted)
			break;
		s.parts &= HOST_MOUNTS;
	}
	proc_list_free(&list);
	free(s.mounts.rows);
	free(s.nets.rows);
	return r;
}

int host_keyframe(const struct host_options *o, const struct record_sink *sink,
		  struct proc_totals *ret, struct reel_err *err)
{
	uint32_t parts = o->parts ? o->parts : HOST_ALL;
	struct proc_look *l;
	int r = proc_look_start(sink, err, &l);

	if (r < 0)
		return r;
	if (parts & HOST_ACCOUNTS)
		r = host_put_accounts(l);
	if (r == 0 && parts & HOST_CGROUPS)
		r = host_put_cgroups(l);
	if (r == 0 && parts & (HOST_MOUNTS | HOST_NETIFS | HOST_SOCKS))
		r = put_spaces(l, o, parts);
	if (r == 0)
		*ret = l->totals;
	proc_look_free(l);
	return r;
}
