/* SPDX-License-Identifier: BSD-2-Clause */
#include "record/host_impl.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static size_t append(char *to, size_t at, size_t size, const char *s, size_t length)
{
	if (length > size - at)
		length = size - at;
	memcpy(to + at, s, length);
	return at + length;
}

/*
 * The flags of the mount, then the options of its file system, as mount(8) would show them: one ro
 * of the two makes it ro.
 */
static size_t merge_options(const struct proc_mount *m, char *to, size_t size)
{
	bool ro = proc_has_option(&m->options, "ro") || proc_has_option(&m->super_options, "ro");
	const struct proc_string *const lists[] = { &m->options, &m->super_options };
	size_t at = append(to, 0, size, ro ? "ro" : "rw", 2);

	for (unsigned i = 0; i < 2; i++) {
		const char *p = lists[i]->bytes, *end = p + lists[i]->length;

		if (lists[i]->length >= 2 && (!memcmp(p, "ro", 2) || !memcmp(p, "rw", 2)) &&
		    (p + 2 == end || p[2] == ','))
			p += 2;
		else if (p < end)
			at = append(to, at, size, ",", 1);
		at = append(to, at, size, p, (size_t)(end - p));
	}
	return at;
}

static int put_mount(struct proc_look *l, const struct proc_mount *m, uint32_t mnt_ns)
{
	struct ev_mounted *e = proc_record(l, EV_mounted, 0, 0);
	size_t length = merge_options(m, l->entries, sizeof(l->entries));

	e->mount_id = m->id;
	e->parent_id = m->parent;
	e->dev = m->dev;
	e->mnt_ns = mnt_ns;
	reel_record_string(&l->record, m->root.bytes, m->root.length);
	reel_record_string(&l->record, m->path.bytes, m->path.length);
	reel_record_string(&l->record, m->fstype.bytes, m->fstype.length);
	reel_record_string(&l->record, m->source.bytes, m->source.length);
	reel_record_cut_string(&l->record, l->entries, length,
			       length < sizeof(l->entries) ? (uint32_t)length : EV_UNKNOWN_LENGTH);
	return proc_put(l);
}

int host_put_mounts(struct proc_look *l, int dir, uint32_t mnt_ns, bool *ret_whole)
{
	struct proc_lines s;
	struct proc_mount m;
	int fd, r, n = 0;
	size_t length;
	char *line;

	*ret_whole = false;
	fd = proc_open(dir, "mountinfo", O_RDONLY);
	if (fd < 0) {
		l->totals.refused += fd == -EACCES || fd == -EPERM;
		return 0;
	}
	s = proc_lines_begin(fd, l->buffer, sizeof(l->buffer));
	while ((r = proc_lines_next(&s, &line, &length)) > 0) {
		if (!proc_mount_parse(line, &m)) {
			l->totals.left_out++;
			continue;
		}
		n = put_mount(l, &m, mnt_ns);
		if (n < 0)
			break;
	}
	l->totals.left_out += s.skipped;
	close(fd);
	*ret_whole = r == 0;
	return n;
}
