/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/proc_cgroup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/proc_impl.h"

/* In the order of hierarchies[]; by what a mount and a line of /proc/PID/cgroup name them. */
static const char *const controllers[PROC_HIERARCHIES] = { NULL, "pids", "memory", "name=systemd" };

static bool is_mount_of(const struct proc_mount *m, unsigned hierarchy)
{
	if (!hierarchy)
		return strcmp(m->fstype.bytes, "cgroup2") == 0;
	return strcmp(m->fstype.bytes, "cgroup") == 0 &&
	       proc_has_option(&m->super_options, controllers[hierarchy]);
}

/*
 * A line "NUMBER:CONTROLLERS:PATH". Which of the hierarchies it is about, PROC_HIERARCHIES: none.
 * *ret_path is in the line.
 */
static unsigned parse_line(char *line, uint32_t *ret_number, char **ret_path)
{
	struct proc_string names;
	uint64_t number;
	char *colon;

	if (!proc_number(&line, 10, &number) || *line++ != ':')
		return PROC_HIERARCHIES;
	colon = strchr(line, ':');
	if (!colon)
		return PROC_HIERARCHIES;
	*ret_number = (uint32_t)number;
	*ret_path = colon + 1;
	if (!number)
		return 0;
	names = (struct proc_string){ line, (size_t)(colon - line) };
	for (unsigned i = 1; i < PROC_HIERARCHIES; i++)
		if (proc_has_option(&names, controllers[i]))
			return i;
	return PROC_HIERARCHIES;
}

/* Unless something else is mounted over it. */
static int open_mount(const struct proc_mount *m)
{
	int fd = proc_open(AT_FDCWD, m->path.bytes, O_RDONLY | O_DIRECTORY);
	struct proc_inode i;

	if (fd < 0 || (proc_stat(fd, "", AT_EMPTY_PATH, &i) == 0 && i.mount_id == m->id))
		return fd;
	close(fd);
	return -ENOENT;
}

static int find_mounts(struct proc_look *l, struct proc_cgroups *c)
{
	int fd = proc_open(l->proc, "self/mountinfo", O_RDONLY), r = 0;
	struct proc_lines s = proc_lines_begin(fd, l->buffer, sizeof(l->buffer));
	struct proc_mount m;
	size_t length;
	char *line;

	if (fd < 0)
		return 0;
	while (r == 0 && proc_lines_next(&s, &line, &length) > 0) {
		if (!proc_mount_parse(line, &m))
			continue;
		for (unsigned i = 0; i < PROC_HIERARCHIES; i++) {
			struct proc_hierarchy *h = &c->hierarchies[i];

			/* Of several mounts the one that shows most. */
			if (!is_mount_of(&m, i) || (h->fd >= 0 && strlen(h->root) <= m.root.length))
				continue;
			fd = open_mount(&m);
			if (fd < 0)
				continue;
			if (h->fd >= 0)
				close(h->fd);
			free(h->root);
			h->fd = fd;
			h->root = strdup(m.root.bytes);
			if (!h->root)
				r = proc_no_memory(l);
		}
	}
	close(s.fd);
	return r;
}

int proc_cgroups_open(struct proc_look *l, struct proc_cgroups *ret)
{
	struct proc_cgroups c = { { { 0 } } };
	char *line, *next, *path;
	uint32_t number;
	int r;

	for (unsigned i = 0; i < PROC_HIERARCHIES; i++)
		c.hierarchies[i].fd = -1;
	r = find_mounts(l, &c);
	if (r < 0) {
		proc_cgroups_close(&c);
		return r;
	}
	if (proc_read(l->proc, "self/cgroup", l->buffer, sizeof(l->buffer)) > 0) {
		for (line = l->buffer; line; line = next) {
			unsigned i;

			next = strchr(line, '\n');
			if (next)
				*next++ = 0;
			i = parse_line(line, &number, &path);
			if (i < PROC_HIERARCHIES)
				c.hierarchies[i].number = number;
		}
	}
	*ret = c;
	return 0;
}

void proc_cgroups_close(struct proc_cgroups *c)
{
	for (unsigned i = 0; i < PROC_HIERARCHIES; i++) {
		if (c->hierarchies[i].fd >= 0)
			close(c->hierarchies[i].fd);
		free(c->hierarchies[i].root);
	}
}

static int read_id(const struct proc_hierarchy *h, const char *path, uint64_t *ret)
{
	size_t root = strlen(h->root);
	struct proc_inode i;
	int r;

	if (root > 1) {
		if (strncmp(path, h->root, root) != 0 || (path[root] && path[root] != '/'))
			return -ENOENT;
		path += root;
	}
	path += *path == '/';
	r = proc_stat(h->fd, path, *path ? 0 : AT_EMPTY_PATH, &i);
	if (r == 0)
		*ret = i.inode;
	return r;
}

uint64_t proc_cgroup_id(struct proc_look *l, const struct proc_cgroups *c, int dir)
{
	char *paths[PROC_HIERARCHIES] = { NULL }, *line, *next, *path;
	const struct proc_hierarchy *h = c->hierarchies;
	uint64_t id = 0;
	uint32_t number;
	unsigned i;
	ssize_t r = proc_read(dir, "cgroup", l->buffer, sizeof(l->buffer));

	if (r < 0) {
		proc_note(l, r);
		return 0;
	}
	for (line = l->buffer; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		i = parse_line(line, &number, &path);
		if (i < PROC_HIERARCHIES && h[i].fd >= 0)
			paths[i] = path;
	}
	for (i = 0; i < PROC_HIERARCHIES; i++)
		if (paths[i] && strcmp(paths[i], "/") != 0)
			break;
	if (i == PROC_HIERARCHIES)
		for (i = 0; i < PROC_HIERARCHIES && !paths[i];)
			i++;
	if (i == PROC_HIERARCHIES)
		return 0;
	r = read_id(&h[i], paths[i], &id);
	/* A cgroup that was removed while something dead is still in it has no directory. */
	if (r < 0)
		l->fault = true;
	if (r == -EACCES)
		l->refused = true;
	return id;
}
