/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "record/proc_cgroup.h"
#include "record/proc_impl.h"

static int put_all_of(struct proc_look *l, const struct proc_options *o,
		      const struct proc_cgroups *c, uint32_t pid, bool is_ancestor)
{
	struct proc_held p = { .pid = pid, .fds = -1, .maps = -1 };
	char name[16];
	int r;

	snprintf(name, sizeof(name), "%u", pid);
	p.dir = p.alive = proc_open(l->proc, name, O_PATH | O_DIRECTORY);
	if (p.dir < 0) {
		if (proc_is_gone(p.dir))
			l->totals.vanished++;
		else
			l->totals.refused++;
		return 0;
	}
	r = proc_put_process(l, o, c, &p);
	if (r == 0 && !is_ancestor)
		r = proc_put_tasks(l, o, &p);
	if (r == 0 && p.fds >= 0)
		r = proc_put_fds(l, &p);
	if (r == 0 && p.maps >= 0)
		r = proc_put_maps(l, &p);
	if (p.maps >= 0)
		close(p.maps);
	if (p.fds >= 0)
		close(p.fds);
	if (p.alive != p.dir)
		close(p.alive);
	close(p.dir);
	return r < 0 ? r : 0;
}

int proc_keyframe(const struct proc_options *o, const struct record_sink *sink,
		  struct proc_totals *ret, struct reel_err *err)
{
	struct proc_options all = *o, ancestors;
	struct proc_cgroups cgroups;
	struct proc_list list;
	struct proc_look *l;
	int r = proc_look_start(sink, err, &l);

	if (r < 0)
		return r;
	if (!all.parts)
		all.parts = PROC_ALL;
	if (!all.max_arg)
		all.max_arg = PROC_MAX_ARG;
	if (all.max_arg > PROC_MAX_ARG_LIMIT)
		all.max_arg = PROC_MAX_ARG_LIMIT;
	ancestors = all;
	ancestors.parts &= PROC_PROCESSES;
	r = proc_cgroups_open(l, &cgroups);
	if (r < 0)
		goto out_look;
	r = proc_list_read(l, &list);
	if (r < 0)
		goto out;
	proc_list_choose(l, all.wants, all.wants_arg, &list);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		if (list.wanted[i] == PROC_WANTED)
			r = put_all_of(l, &all, &cgroups, list.pids[i], false);
		else if (list.wanted[i] == PROC_ANCESTOR && ancestors.parts)
			r = put_all_of(l, &ancestors, &cgroups, list.pids[i], true);
	}
	if (r == 0)
		*ret = l->totals;
	proc_list_free(&list);
out:
	proc_cgroups_close(&cgroups);
out_look:
	proc_look_free(l);
	return r;
}
