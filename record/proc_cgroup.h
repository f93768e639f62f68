/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cgroup hierarchies whose ids are used: version 2 first, and of version 1 those that tell
 * containers apart on hybrid hosts, in this order of preference: pids, memory, systemd.
 */
#ifndef REEL_RECORD_PROC_CGROUP_H
#define REEL_RECORD_PROC_CGROUP_H

#include <stdint.h>

enum { PROC_HIERARCHIES = 4 };

struct proc_cgroups {
	struct proc_hierarchy {
		int fd;	    /* where it is mounted; -1: it is not */
		char *root; /* the cgroup that shows there, "/" as a rule */
		uint32_t number;
	} hierarchies[PROC_HIERARCHIES];
};

struct proc_look;

int proc_cgroups_open(struct proc_look *l, struct proc_cgroups *ret);
void proc_cgroups_close(struct proc_cgroups *c);

/*
 * The id of the cgroup that the process with this directory is in: that of version 2, and where
 * this is the root, the first of version 1 that is not. 0: there is none, or it is not known, which
 * is noted.
 */
uint64_t proc_cgroup_id(struct proc_look *l, const struct proc_cgroups *c, int dir);

#endif
