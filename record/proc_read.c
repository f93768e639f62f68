/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/proc_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void proc_note(struct proc_look *l, ssize_t r)
{
	if (r >= 0 || proc_is_gone(r))
		return;
	l->fault = true;
	if (r == -EACCES || r == -EPERM)
		l->refused = true;
}

int proc_open(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

ssize_t proc_read(int dir, const char *name, char *buffer, size_t size)
{
	int fd = proc_open(dir, name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, buffer, size - 1);
	if (n < 0)
		n = -errno;
	else
		buffer[n] = 0;
	close(fd);
	return n;
}

ssize_t proc_read_link(struct proc_look *l, int dir, const char *name)
{
	ssize_t n = readlinkat(dir, name, l->link, sizeof(l->link));

	if (n < 0)
		return -errno;
	return n == sizeof(l->link) ? -ENAMETOOLONG : n;
}

ssize_t proc_put_link(struct proc_look *l, int dir, const char *name)
{
	ssize_t n = proc_read_link(l, dir, name);

	proc_note(l, n);
	reel_record_string(&l->record, l->link, n < 0 ? 0 : (size_t)n);
	return n;
}

bool proc_has_own_root(struct proc_look *l, int dir)
{
	return proc_read_link(l, dir, "root") == 1 && l->link[0] == '/';
}

uint32_t proc_read_space(struct proc_look *l, int dir, const char *name)
{
	ssize_t n = proc_read_link(l, dir, name);
	uint64_t inode;
	char *p;

	proc_note(l, n);
	if (n <= 0)
		return 0;
	l->link[n] = 0;
	p = memchr(l->link, '[', (size_t)n);
	if (!p++ || !proc_number(&p, 10, &inode) || *p != ']')
		return 0;
	return (uint32_t)inode;
}

int proc_stat(int dir, const char *name, int flags, struct proc_inode *ret)
{
	struct statx s;

	if (statx(dir, name, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_TYPE | STATX_MODE | STATX_INO | STATX_MNT_ID, &s) < 0)
		return -errno;
	*ret = (struct proc_inode){
		.inode = s.stx_ino,
		.dev = s.stx_dev_major << 20 | s.stx_dev_minor,
		.mount_id = s.stx_mask & STATX_MNT_ID ? (uint32_t)s.stx_mnt_id : 0,
		.mode = s.stx_mode,
	};
	return 0;
}

struct proc_lines proc_lines_begin(int fd, char *buffer, size_t size)
{
	return (struct proc_lines){ .fd = fd, .buffer = buffer, .size = size };
}

int proc_lines_next(struct proc_lines *s, char **ret, size_t *ret_length)
{
	for (size_t seen = 0;;) {
		char *line = s->buffer + s->at;
		char *nl = memchr(line + seen, '\n', s->end - s->at - seen);
		ssize_t n;

		if (nl) {
			*nl = 0;
			s->at = (size_t)(nl - s->buffer) + 1;
			if (!s->dropping) {
				*ret = line;
				*ret_length = (size_t)(nl - line);
				return 1;
			}
			s->dropping = false;
			seen = 0;
			continue;
		}
		seen = s->end - s->at;
		if (s->at) {
			memmove(s->buffer, line, seen);
			s->at = 0;
			s->end = seen;
		}
		/* One byte is kept free for the NUL behind a last line. */
		if (s->end == s->size - 1) {
			s->skipped += !s->dropping;
			s->dropping = true;
			s->end = seen = 0;
		}
		n = read(s->fd, s->buffer + s->end, s->size - 1 - s->end);
		if (n < 0)
			return -errno;
		if (n == 0) {
			if (!s->end || s->dropping)
				return 0;
			s->buffer[s->end] = 0;
			*ret = s->buffer;
			*ret_length = s->end;
			s->end = 0;
			return 1;
		}
		s->end += (size_t)n;
	}
}

int proc_dir_next(struct proc_look *l, struct proc_dir *d, struct dirent64 **ret)
{
	if (d->at == d->end) {
		ssize_t n = getdents64(d->fd, l->entries, sizeof(l->entries));

		if (n <= 0)
			return n < 0 ? -errno : 0;
		d->at = 0;
		d->end = (size_t)n;
	}
	*ret = (struct dirent64 *)(void *)(l->entries + d->at);
	d->at += (*ret)->d_reclen;
	return 1;
}

bool proc_is_number(const char *name, uint32_t *ret)
{
	uint64_t n = 0;

	if (!*name)
		return false;
	for (; *name; name++) {
		if (*name < '0' || *name > '9')
			return false;
		n = n * 10 + (uint64_t)(*name - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*ret = (uint32_t)n;
	return true;
}

bool proc_number(char **p, int base, uint64_t *ret)
{
	char *end;

	while (**p == ' ' || **p == '\t')
		++*p;
	if (!**p)
		return false;
	*ret = strtoull(*p, &end, base);
	if (end == *p)
		return false;
	*p = end;
	return true;
}

/* Tables ------------------------------------------------------------------------------------- */

static struct proc_row *find_row(const struct proc_table *t, uint32_t key)
{
	/* Keys are often in a row: a multiplication spreads them. */
	uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (t->room - 1);

	while (t->rows[at].key && t->rows[at].key != key)
		at = (at + 1) & (t->room - 1);
	return &t->rows[at];
}

static int grow(struct proc_table *t)
{
	struct proc_table bigger = { .room = t->room ? 2 * t->room : 256 };

	bigger.rows = calloc(bigger.room, sizeof(*bigger.rows));
	if (!bigger.rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->room; i++)
		if (t->rows[i].key)
			*find_row(&bigger, t->rows[i].key) = t->rows[i];
	bigger.n = t->n;
	free(t->rows);
	*t = bigger;
	return 0;
}

int proc_table_put(struct proc_table *t, uint32_t key, uint32_t value)
{
	struct proc_row *row = t->room ? find_row(t, key) : NULL;

	if (!row || !row->key) {
		if (!key || t->n == PROC_TABLE_MAX)
			return 0;
		if (2 * (t->n + 1) > t->room) {
			if (grow(t) < 0)
				return -ENOMEM;
			row = find_row(t, key);
		}
		t->n++;
	}
	*row = (struct proc_row){ key, value };
	return 0;
}

bool proc_table_get(const struct proc_table *t, uint32_t key, uint32_t *ret)
{
	const struct proc_row *row = t->room && key ? find_row(t, key) : NULL;

	if (!row || !row->key)
		return false;
	if (ret)
		*ret = row->value;
	return true;
}
