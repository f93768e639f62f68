/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users and groups as the files of the host name them. No name service is asked: that would load
 * foreign code and talk to the network.
 */
#include "record/host_impl.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ACCOUNTS_MAX = 65536, FIELDS = 7 };

/* "name:password:uid:gid:comment:home:shell" and "name:password:gid:members" */
static int put_account(struct proc_look *l, uint8_t kind, char *line)
{
	char *fields[FIELDS] = { line };
	const unsigned wanted = kind ? 3 : FIELDS;
	uint32_t id, gid;
	struct ev_account *e;
	unsigned n = 1;

	for (char *p = line; n < wanted && (p = strchr(p, ':')); fields[n++] = p)
		*p++ = 0;
	if (kind && n == wanted)
		fields[2][strcspn(fields[2], ":")] = 0;
	/* A line that begins with + or - asks a name service. */
	if (!*line || *line == '#' || *line == '+' || *line == '-')
		return 0;
	if (n < wanted || !proc_is_number(fields[2], &id) ||
	    !proc_is_number(fields[kind ? 2 : 3], &gid)) {
		l->totals.left_out++;
		return 0;
	}
	e = proc_record(l, EV_account, 0, 0);
	e->account_id = id;
	e->gid = gid;
	e->kind = kind;
	proc_text(l, line);
	proc_text(l, kind ? "" : fields[5]);
	proc_text(l, kind ? "" : fields[6]);
	return proc_put(l);
}

static int put_file(struct proc_look *l, uint8_t kind, const char *path)
{
	struct proc_lines s;
	struct stat st;
	unsigned n = 0;
	size_t length;
	char *line;
	int fd, r = 0;

	/* Nothing that could make us wait, should it be no file. */
	fd = proc_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		l->totals.refused += fd == -EACCES || fd == -EPERM;
		return 0;
	}
	s = proc_lines_begin(fd, l->buffer, sizeof(l->buffer));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		while (r == 0 && n < ACCOUNTS_MAX && proc_lines_next(&s, &line, &length) > 0) {
			r = put_account(l, kind, line);
			n++;
		}
		l->totals.left_out += s.skipped + (n == ACCOUNTS_MAX);
	}
	close(fd);
	return r;
}

int host_put_accounts(struct proc_look *l)
{
	int r = put_file(l, 0, "/etc/passwd");

	return r < 0 ? r : put_file(l, 1, "/etc/group");
}
