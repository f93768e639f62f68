/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All cgroups of the hierarchies whose ids are used. The directory entry of a cgroup already has
 * its id, so that only the directories are opened.
 */
#include "record/host_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/proc_cgroup.h"

/* Directories that are still to be read, by their paths below the mount, each with a NUL. */
struct pending {
	char *bytes;
	size_t used, room;
};

enum { PENDING_MAX = 16 << 20 };

static int push(struct pending *p, const char *path)
{
	size_t length = strlen(path) + 1;

	if (p->used + length > PENDING_MAX)
		return -ENOSPC;
	if (p->used + length > p->room) {
		size_t room = 2 * (p->used + length) + 4096;
		char *bytes = realloc(p->bytes, room);

		if (!bytes)
			return -ENOMEM;
		p->bytes = bytes;
		p->room = room;
	}
	memcpy(p->bytes + p->used, path, length);
	p->used += length;
	return 0;
}

static void pop(struct pending *p, char *path)
{
	size_t at = p->used - 1;

	while (at && p->bytes[at - 1])
		at--;
	memcpy(path, p->bytes + at, p->used - at);
	p->used = at;
}

static int put_cgroup(struct proc_look *l, const struct proc_hierarchy *h, const char *path,
		      uint64_t id)
{
	struct ev_cgroup *e = proc_record(l, EV_cgroup, 0, 0);
	const char *root = h->root[1] ? h->root : "";
	char full[2 * PATH_MAX];
	int n = snprintf(full, sizeof(full), "%s%s%s", root, *path || !*root ? "/" : "", path);

	e->cgroup = id;
	e->hierarchy = h->number;
	reel_record_string(&l->record, full, n < (int)sizeof(full) ? (size_t)n : sizeof(full) - 1);
	return proc_put(l);
}

/* Its children become records, and are pending. PATH has room for a child's. */
static int read_cgroup(struct proc_look *l, const struct proc_hierarchy *h, char *path,
		       struct pending *p)
{
	struct proc_dir d = { .fd = proc_open(h->fd, *path ? path : ".",
					      O_RDONLY | O_DIRECTORY | O_NOFOLLOW) };
	size_t length = strlen(path);
	struct dirent64 *entry;
	int r = 0;

	if (d.fd < 0) {
		l->totals.refused += d.fd == -EACCES || d.fd == -EPERM;
		return 0;
	}
	while (r == 0 && proc_dir_next(l, &d, &entry) > 0) {
		size_t name = strlen(entry->d_name);

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		/* No call takes a longer path. */
		if (length + 1 + name >= PATH_MAX) {
			l->totals.left_out++;
			continue;
		}
		snprintf(path + length, PATH_MAX - length, "%s%s", length ? "/" : "",
			 entry->d_name);
		r = put_cgroup(l, h, path, entry->d_ino);
		if (r < 0)
			break;
		switch (push(p, path)) {
		case -ENOSPC:
			l->totals.left_out++;
			break;
		case -ENOMEM:
			r = proc_no_memory(l);
			break;
		}
	}
	close(d.fd);
	return r;
}

static int walk(struct proc_look *l, const struct proc_hierarchy *h, struct pending *p)
{
	char path[PATH_MAX] = "";
	struct proc_inode i;
	int r = proc_stat(h->fd, "", AT_EMPTY_PATH, &i);

	if (r < 0)
		return 0;
	r = put_cgroup(l, h, "", i.inode);
	if (r == 0)
		r = read_cgroup(l, h, path, p);
	while (r == 0 && p->used) {
		pop(p, path);
		r = read_cgroup(l, h, path, p);
	}
	return r;
}

int host_put_cgroups(struct proc_look *l)
{
	struct pending p = { 0 };
	struct proc_cgroups c;
	int r = proc_cgroups_open(l, &c);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < PROC_HIERARCHIES && r == 0; i++) {
		const struct proc_hierarchy *h = &c.hierarchies[i], *same = c.hierarchies;

		/* Two controllers may be mounted as one hierarchy. */
		while (same < h && (same->fd < 0 || same->number != h->number))
			same++;
		if (h->fd >= 0 && same == h)
			r = walk(l, h, &p);
	}
	proc_cgroups_close(&c);
	free(p.bytes);
	return r;
}
