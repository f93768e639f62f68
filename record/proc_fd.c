/* SPDX-License-Identifier: BSD-2-Clause */
/* Open descriptors, and files mapped executable. */
#include "record/proc_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* "key:\tnumber", a line each; those of files of special kinds follow. */
static bool read_info(char *text, const char *key, int base, uint64_t *ret)
{
	size_t length = strlen(key);

	for (char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, length) == 0 && p[length] == ':') {
			p += length + 1;
			return proc_number(&p, base, ret);
		}
	}
	return false;
}

/* -ENOENT: closed meanwhile. */
static int look_at_fd(struct proc_look *l, int fds, int infos, const char *name, struct ev_fd *e)
{
	struct proc_inode i;
	uint64_t number;
	ssize_t n = proc_put_link(l, fds, name);
	char text[1024];
	int r;

	if (proc_is_gone(n))
		return -ENOENT;
	r = proc_stat(fds, name, 0, &i);
	if (r == 0) {
		e->inode = i.inode;
		e->mode = i.mode;
		e->dev = proc_device(l, &i);
	}
	proc_note(l, r);
	n = infos < 0 ? infos : proc_read(infos, name, text, sizeof(text));
	if (proc_is_gone(r) || proc_is_gone(n))
		return -ENOENT;
	proc_note(l, n);
	if (n <= 0)
		return 0;
	if (read_info(text, "flags", 8, &number))
		e->flags = (uint32_t)number;
	/* The kernel's own number, where a file system has others for stat(). */
	if (r == 0 && read_info(text, "ino", 10, &number))
		e->inode = number;
	return 0;
}

int proc_put_fds(struct proc_look *l, const struct proc_held *p)
{
	int infos = proc_open(p->alive, "fdinfo", O_PATH | O_DIRECTORY), r = 0;
	struct proc_dir d = { .fd = p->fds };
	struct dirent64 *entry;

	while (r == 0 && proc_dir_next(l, &d, &entry) > 0) {
		struct ev_fd *e;
		uint32_t fd;

		if (!proc_is_number(entry->d_name, &fd))
			continue;
		e = proc_record(l, EV_fd, p->pid, p->pid);
		e->fd = (int32_t)fd;
		if (look_at_fd(l, d.fd, infos, entry->d_name, e) == 0)
			r = proc_put(l);
	}
	if (infos >= 0)
		close(infos);
	return r;
}

/* Maps --------------------------------------------------------------------------------------- */

/*
 * The text writes a newline in a name as \012, and a name that has these four characters just so.
 * The link to the mapped file tells, where privilege allows to read it.
 */
static void put_mapped_path(struct proc_look *l, const struct proc_held *p, uint64_t from,
			    uint64_t to, char *path, size_t length)
{
	char *escape = strstr(path, "\\012"), *out = escape;
	char name[64];
	ssize_t n;

	if (!escape) {
		reel_record_string(&l->record, path, length);
		return;
	}
	snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)from,
		 (unsigned long long)to);
	n = proc_read_link(l, p->dir, name);
	if (n >= 0) {
		reel_record_string(&l->record, l->link, (size_t)n);
		return;
	}
	while (*escape) {
		bool newline = strncmp(escape, "\\012", 4) == 0;

		*out++ = newline ? '\n' : *escape;
		escape += newline ? 4 : 1;
	}
	reel_record_string(&l->record, path, (size_t)(out - path));
}

/* "FROM-TO rwxp OFFSET MAJOR:MINOR INODE   PATH" */
static int put_map(struct proc_look *l, const struct proc_held *p, char *line, size_t length)
{
	uint64_t from, to, offset, major, minor, inode;
	char *perms = memchr(line, ' ', length), *at = line;
	struct ev_map *e;

	if (!perms || line + length - perms < 6 || perms[3] != 'x')
		return 0;
	if (!proc_number(&at, 16, &from) || *at++ != '-' || !proc_number(&at, 16, &to))
		return 0;
	at = perms + 5;
	if (!proc_number(&at, 16, &offset) || !proc_number(&at, 16, &major) || *at++ != ':' ||
	    !proc_number(&at, 16, &minor) || !proc_number(&at, 10, &inode) || !inode)
		return 0;
	e = proc_record(l, EV_map, p->pid, p->pid);
	e->addr = from;
	e->length = to - from;
	e->inode = inode;
	e->dev = (uint32_t)(major << 20 | minor);
	e->prot = PROT_EXEC | (perms[1] == 'r' ? PROT_READ : 0) |
		  (perms[2] == 'w' ? PROT_WRITE : 0);
	while (*at == ' ')
		at++;
	put_mapped_path(l, p, from, to, at, (size_t)(line + length - at));
	return proc_put(l);
}

int proc_put_maps(struct proc_look *l, const struct proc_held *p)
{
	struct proc_lines s = proc_lines_begin(p->maps, l->buffer, sizeof(l->buffer));
	size_t length;
	char *line;
	int r = 0;

	while (r == 0 && proc_lines_next(&s, &line, &length) > 0)
		r = put_map(l, p, line, length);
	return r;
}
