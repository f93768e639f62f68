/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/proc_impl.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "record/now.h"

int proc_look_start(const struct record_sink *sink, struct reel_err *err, struct proc_look **ret)
{
	struct proc_look *l = calloc(1, sizeof(*l));
	long ticks = sysconf(_SC_CLK_TCK);
	struct statfs fs;
	int r;

	if (!l)
		return reel_err_set(err, -ENOMEM, "no memory to look at the machine");
	l->sink = sink;
	l->err = err;
	l->tick_ns = 1000000000ull / (uint64_t)(ticks > 0 ? ticks : 100);
	r = l->proc = proc_open(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
	if (r < 0) {
		reel_err_set(err, r, "cannot open /proc: %s", strerror(-r));
		goto fail;
	}
	if (fstatfs(l->proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
		r = reel_err_set(err, -ENODEV, "/proc is not mounted");
		goto fail;
	}
	l->no_audit = faccessat(l->proc, "self/loginuid", F_OK, 0) < 0 && errno == ENOENT;
	*ret = l;
	return 0;

fail:
	proc_look_free(l);
	return r;
}

void proc_look_free(struct proc_look *l)
{
	if (!l)
		return;
	if (l->proc >= 0)
		close(l->proc);
	free(l->mount_devs.rows);
	free(l->mount_spaces.rows);
	free(l);
}

int proc_no_memory(struct proc_look *l)
{
	return reel_err_set(l->err, -ENOMEM, "no memory to look at the machine");
}

void *proc_record(struct proc_look *l, enum ev_type type, uint32_t pid, uint32_t tid)
{
	void *fixed = reel_record_begin(&l->record, reel_type_by_id(type));
	struct ev_header *h = &l->record.header;

	h->ts = now_boottime_ns();
	h->pid = pid;
	h->tid = tid;
	h->flags = EV_KEYFRAME;
	l->fault = l->refused = false;
	return fixed;
}

void proc_text(struct proc_look *l, const char *s)
{
	reel_record_string(&l->record, s, strlen(s));
}

int proc_put(struct proc_look *l)
{
	struct ev_header *h = &l->record.header;

	if (l->fault)
		h->flags |= EV_FAULT;
	l->totals.refused += l->refused;
	l->totals.records++;
	l->totals.by_type[h->type]++;
	return record_put(l->sink, &l->record, l->err);
}

/* Mounts ------------------------------------------------------------------------------------- */

uint32_t proc_device(const struct proc_look *l, const struct proc_inode *i)
{
	uint32_t dev = i->dev;

	proc_table_get(&l->mount_devs, i->mount_id, &dev);
	return dev;
}

int proc_learn_mounts(struct proc_look *l, int dir, uint32_t mnt_ns)
{
	/* A chrooted process sees a part of the mounts, better than nothing until another comes. */
	enum { NOTHING, PART, ALL };
	uint32_t known = NOTHING, now;
	struct proc_lines s;
	struct proc_mount m;
	size_t length;
	char *line;
	int fd, r;

	if (!mnt_ns || (proc_table_get(&l->mount_spaces, mnt_ns, &known) && known == ALL))
		return 0;
	now = proc_has_own_root(l, dir) ? ALL : PART;
	if (now <= known)
		return 0;
	fd = proc_open(dir, "mountinfo", O_RDONLY);
	if (fd < 0)
		return 0;
	s = proc_lines_begin(fd, l->buffer, sizeof(l->buffer));
	while ((r = proc_lines_next(&s, &line, &length)) > 0) {
		if (!proc_mount_parse(line, &m))
			continue;
		r = proc_table_put(&l->mount_devs, m.id, m.dev);
		if (r < 0)
			break;
	}
	close(fd);
	/* Of one that has ended meanwhile there may be more; the next process has them. */
	if (r == 0)
		r = proc_table_put(&l->mount_spaces, mnt_ns, now);
	return r == -ENOMEM ? proc_no_memory(l) : 0;
}

/* Undoes the octal escapes of a word in place. */
static size_t unescape(char *s)
{
	char *from = s, *to = s;

	while (*from) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
		    from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
				       (from[3] - '0'));
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
	return (size_t)(to - s);
}

/* A word may be empty: a source can be. */
static bool next_word(char **p, struct proc_string *ret)
{
	char *space;

	if (!*p)
		return false;
	space = strchr(*p, ' ');
	ret->bytes = *p;
	*p = space ? space + 1 : NULL;
	if (space)
		*space = 0;
	ret->length = unescape(ret->bytes);
	return true;
}

bool proc_mount_parse(char *line, struct proc_mount *ret)
{
	uint64_t id, parent, major, minor;
	struct proc_string optional;
	char *p = line;

	if (!proc_number(&p, 10, &id) || !proc_number(&p, 10, &parent) ||
	    !proc_number(&p, 10, &major) || *p++ != ':' || !proc_number(&p, 10, &minor) ||
	    *p++ != ' ')
		return false;
	ret->id = (uint32_t)id;
	ret->parent = (uint32_t)parent;
	ret->dev = (uint32_t)(major << 20 | minor);
	if (!next_word(&p, &ret->root) || !next_word(&p, &ret->path) ||
	    !next_word(&p, &ret->options))
		return false;
	do {
		if (!next_word(&p, &optional))
			return false;
	} while (strcmp(optional.bytes, "-") != 0);
	if (!next_word(&p, &ret->fstype) || !next_word(&p, &ret->source) || !p)
		return false;
	/* Not every file system escapes blanks in its options. */
	ret->super_options = (struct proc_string){ p, unescape(p) };
	return true;
}

bool proc_has_option(const struct proc_string *options, const char *option)
{
	size_t length = strlen(option);
	const char *p = options->bytes, *end = p + options->length;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;

		if ((size_t)(stop - p) == length && memcmp(p, option, length) == 0)
			return true;
		p = stop + 1;
	}
	return false;
}
