/* SPDX-License-Identifier: BSD-2-Clause */
#include "query/at_columns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/names.h"
#include "format/out.h"

enum { FAMILY_INET = 2, FAMILY_INET6 = 10 };

/* Values */

static void put_number(sqlite3_context *x, bool is_known, uint64_t value)
{
	if (is_known)
		sqlite3_result_int64(x, (sqlite3_int64)value);
}

static bool is_text(const uint8_t *bytes, size_t n)
{
	while (n) {
		uint32_t character;
		size_t bad, length = out_utf8_next(bytes, n, &character, &bad);

		if (!length || !character)
			return false;
		bytes += length;
		n -= length;
	}
	return true;
}

/* What is no UTF-8 is a BLOB. */
static void put_bytes(sqlite3_context *x, const void *bytes, size_t n)
{
	if (is_text(bytes, n))
		sqlite3_result_text64(x, bytes, n, SQLITE_TRANSIENT, SQLITE_UTF8);
	else
		sqlite3_result_blob64(x, bytes, n, SQLITE_TRANSIENT);
}

static void put_text(sqlite3_context *x, const struct model_text *t)
{
	if (t)
		put_bytes(x, t->bytes, t->length);
}

static void put_string(sqlite3_context *x, const char *text)
{
	if (text)
		put_bytes(x, text, strlen(text));
}

static void put_time(sqlite3_context *x, struct at_machine *m, uint64_t ts)
{
	int64_t ns = at_realtime(m, ts);

	if (ns)
		sqlite3_result_int64(x, ns);
}

static void put_made(sqlite3_context *x, struct reel_out *o)
{
	if (out_error(o) < 0)
		sqlite3_result_error_nomem(x);
	else
		sqlite3_result_text64(x, o->buf, o->len, SQLITE_TRANSIENT, SQLITE_UTF8);
	out_done(o);
}

static void put_name(sqlite3_context *x, bool is_known, const char *hint, uint64_t value)
{
	struct reel_out o;

	if (!is_known)
		return;
	if (out_init_mem(&o) < 0) {
		sqlite3_result_error_nomem(x);
		return;
	}
	(void)reel_name_value(&o, hint, value);
	put_made(x, &o);
}

/* AF_INET6 is inet6, as in a case. */
static void put_plain(sqlite3_context *x, struct reel_out *o)
{
	char *name = out_error(o) < 0 ? NULL : memchr(o->buf, '_', o->len);

	if (name) {
		size_t n = (size_t)(o->buf + o->len - name - 1);

		memmove(o->buf, name + 1, n);
		o->len = n;
		for (size_t i = 0; i < n; i++)
			if (o->buf[i] >= 'A' && o->buf[i] <= 'Z')
				o->buf[i] = (char)(o->buf[i] - 'A' + 'a');
	}
	put_made(x, o);
}

static void put_family(sqlite3_context *x, unsigned family)
{
	struct reel_out o;

	if (out_init_mem(&o) < 0) {
		sqlite3_result_error_nomem(x);
		return;
	}
	(void)reel_name_value(&o, "family", family);
	put_plain(x, &o);
}

static bool is_inet(const struct life_connection *c)
{
	return c->family == FAMILY_INET || c->family == FAMILY_INET6;
}

static bool has_peer(const struct life_connection *c)
{
	return is_inet(c) && c->kind != EV_listen && c->kind != EV_bind;
}

static void put_proto(sqlite3_context *x, const struct life_connection *c)
{
	struct reel_out o;

	if (!is_inet(c))
		return;
	if (out_init_mem(&o) < 0) {
		sqlite3_result_error_nomem(x);
		return;
	}
	reel_proto_put(&o, c->family, c->proto);
	put_plain(x, &o);
}

static void put_addr(sqlite3_context *x, bool is_known, const uint8_t addr[16])
{
	struct reel_out o;

	if (!is_known)
		return;
	if (out_init_mem(&o) < 0) {
		sqlite3_result_error_nomem(x);
		return;
	}
	reel_addr_format(&o, addr);
	put_made(x, &o);
}

static void put_args(sqlite3_context *x, const struct model_text *args)
{
	const uint8_t *at = args ? args->bytes : NULL, *end = args ? at + args->length : NULL;
	struct reel_out o;

	if (!args)
		return;
	if (out_init_mem(&o) < 0) {
		sqlite3_result_error_nomem(x);
		return;
	}
	out_char(&o, '[');
	while (at < end) {
		const uint8_t *nul = memchr(at, '\0', (size_t)(end - at));
		size_t n = (size_t)((nul ? nul : end) - at);

		if (at > args->bytes)
			out_char(&o, ',');
		(void)out_json_string(&o, at, n);
		at += n + (nul != NULL);
	}
	out_char(&o, ']');
	put_made(x, &o);
}

static void put_type(sqlite3_context *x, unsigned type, unsigned keyframe)
{
	const struct reel_type *t = reel_type_by_id(type);

	put_string(x, type == keyframe ? "keyframe" : t ? t->name : NULL);
}

/* Rows */

static int add(struct at_rows *rows, const struct at_row *row)
{
	if (rows->n == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 256;
		struct at_row *list = reallocarray(rows->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		rows->list = list;
		rows->room = room;
	}
	rows->list[rows->n++] = *row;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct at_row *x = a, *y = b;
	uint32_t m = x->process ? x->process->pid : 0, n = y->process ? y->process->pid : 0;

	if (m != n)
		return m < n ? -1 : 1;
	if (x->fd && y->fd && x->fd->fd != y->fd->fd)
		return x->fd->fd < y->fd->fd ? -1 : 1;
	return 0;
}

static void sort(struct at_rows *rows, size_t from)
{
	if (rows->n > from)
		qsort(rows->list + from, rows->n - from, sizeof(*rows->list), by_pid);
}

static int collect_processes(struct at_machine *m, struct at_rows *rows)
{
	size_t from = rows->n;
	int r = 0;

	for (struct model_process *p = model_next(m->model, NULL); p && r == 0;
	     p = model_next(m->model, p))
		r = add(rows, &(struct at_row){ .machine = m, .process = p });
	sort(rows, from);
	return r;
}

static int collect_files(struct at_machine *m, struct at_rows *rows)
{
	size_t from = rows->n;
	int r = 0;

	for (struct life *of = lives_next(m->lives, NULL); of && r == 0;
	     of = lives_next(m->lives, of)) {
		for (uint32_t i = 0; i < of->n_fds && r == 0; i++) {
			struct life_socket *s = of->fds[i]->socket;

			r = add(rows, &(struct at_row){ .machine = m,
							.process = of->process,
							.fd = of->fds[i],
							.connection = lives_connection(s) });
		}
	}
	sort(rows, from);
	return r;
}

struct collecting {
	struct at_machine *machine;
	struct at_rows *rows;
};

static int collect_socket(void *context, struct life_socket *s)
{
	struct collecting *c = context;
	int r = 0;

	for (struct life_connection *n = s->connections; n && r == 0; n = n->next) {
		struct model_process *p = n->pid ? model_find(c->machine->model, n->pid) : NULL;

		if (n->is_over)
			continue;
		r = add(c->rows, &(struct at_row){ .machine = c->machine,
						   .process = p && !p->is_dead ? p : NULL,
						   .connection = n });
	}
	return r;
}

static int collect_sockets(struct at_machine *m, struct at_rows *rows)
{
	struct collecting c = { m, rows };
	size_t from = rows->n;
	int r;

	/* Whose those are that keyframes tell, their descriptors say. */
	for (struct life *of = lives_next(m->lives, NULL); of; of = lives_next(m->lives, of)) {
		for (uint32_t i = 0; i < of->n_fds; i++) {
			struct life_connection *n = lives_connection(of->fds[i]->socket);

			if (n && !n->pid)
				n->pid = of->process->pid;
		}
	}
	r = lives_each_socket(m->lives, collect_socket, &c);
	sort(rows, from);
	return r;
}

static int collect_mounts(struct at_machine *m, struct at_rows *rows)
{
	size_t from = rows->n;
	int r = 0;

	for (struct life_mount *n = lives_mounts(m->lives); n && r == 0; n = n->next)
		r = add(rows, &(struct at_row){ .machine = m, .mount = n });
	/* They are listed from the newest to the oldest. */
	for (size_t i = from, k = rows->n; i + 1 < k; i++) {
		struct at_row row = rows->list[i];

		rows->list[i] = rows->list[--k];
		rows->list[k] = row;
	}
	return r;
}

/* Columns: X(name, affinity, what puts its value) */

#define NUMBER(is_known, value) put_number(x, is_known, (uint64_t)(value))

#define PROCESS_COLUMNS(X)                                                                 \
	X(host, TEXT, put_string(x, m->host))                                              \
	X(pid, INTEGER, NUMBER(true, p->pid))                                              \
	X(ppid, INTEGER, NUMBER(p->known_by >= MODEL_FORK, p->ppid))                       \
	X(vpid, INTEGER, NUMBER(p->vpid, p->vpid))                                         \
	X(from_ns, INTEGER, put_time(x, m, p->start_ns))                                   \
	X(from_ts, INTEGER, NUMBER(p->start_ns, p->start_ns))                              \
	X(known_by, TEXT, put_string(x, known_names[p->known_by & 3]))                     \
	X(certain, INTEGER, NUMBER(true, model_is_certain(m->model, p)))                   \
	X(sid, INTEGER, NUMBER(p->sid, p->sid))                                            \
	X(pgid, INTEGER, NUMBER(p->pgid, p->pgid))                                         \
	X(loginuid, INTEGER, NUMBER(p->loginuid != UINT32_MAX, p->loginuid))               \
	X(tty, INTEGER, NUMBER(p->tty, p->tty))                                            \
	X(container_id, TEXT, put_text(x, p->container ? p->container->id : NULL))         \
	X(container, TEXT, put_text(x, p->container ? p->container->name : NULL))          \
	X(comm, TEXT, put_text(x, p->comm))                                                \
	X(exe, TEXT, put_text(x, p->exe))                                                  \
	X(argv, TEXT, put_args(x, p->argv))                                                \
	X(cwd, TEXT, put_text(x, p->cwd))                                                  \
	X(root, TEXT, put_text(x, root_of(p)))                                             \
	X(exec_ns, INTEGER, put_time(x, m, p->exec_ns))                                    \
	X(user, TEXT, put_text(x, p->has_ids ? model_user(m->model, p->ids.uid) : NULL))   \
	X(uid, INTEGER, NUMBER(p->has_ids, p->ids.uid))                                    \
	X(euid, INTEGER, NUMBER(p->has_ids, p->ids.euid))                                  \
	X(suid, INTEGER, NUMBER(p->has_ids, p->ids.suid))                                  \
	X(fsuid, INTEGER, NUMBER(p->has_ids, p->ids.fsuid))                                \
	X(gid, INTEGER, NUMBER(p->has_ids, p->ids.gid))                                    \
	X(egid, INTEGER, NUMBER(p->has_ids, p->ids.egid))                                  \
	X(sgid, INTEGER, NUMBER(p->has_ids, p->ids.sgid))                                  \
	X(fsgid, INTEGER, NUMBER(p->has_ids, p->ids.fsgid))                                \
	X(cap_effective, INTEGER, NUMBER(p->has_caps, p->caps.effective))                  \
	X(cap_effective_names, TEXT, put_name(x, p->has_caps, "caps", p->caps.effective))  \
	X(cap_permitted, INTEGER, NUMBER(p->has_caps, p->caps.permitted))                  \
	X(cap_inheritable, INTEGER, NUMBER(p->has_caps, p->caps.inheritable))              \
	X(cap_bounding, INTEGER, NUMBER(p->has_bounding, p->caps.bounding))                \
	X(cap_ambient, INTEGER, NUMBER(p->has_caps, p->caps.ambient))                      \
	X(no_new_privs, INTEGER, NUMBER(p->has_spaces, p->no_new_privs))                   \
	X(seccomp, TEXT, put_string(x, p->has_spaces ? modes[p->seccomp_mode & 3] : NULL)) \
	X(user_ns, INTEGER, NUMBER(p->spaces.user, p->spaces.user))                        \
	X(pid_ns, INTEGER, NUMBER(p->spaces.pid, p->spaces.pid))                           \
	X(mnt_ns, INTEGER, NUMBER(p->spaces.mnt, p->spaces.mnt))                           \
	X(net_ns, INTEGER, NUMBER(p->spaces.net, p->spaces.net))                           \
	X(uts_ns, INTEGER, NUMBER(p->spaces.uts, p->spaces.uts))                           \
	X(ipc_ns, INTEGER, NUMBER(p->spaces.ipc, p->spaces.ipc))                           \
	X(cgroup_ns, INTEGER, NUMBER(p->spaces.cgroup, p->spaces.cgroup))                  \
	X(kernel_thread, INTEGER, NUMBER(p->known_by >= MODEL_FORK, p->kernel_thread))

#define FILE_COLUMNS(X)                                                 \
	X(host, TEXT, put_string(x, m->host))                           \
	X(pid, INTEGER, NUMBER(true, p->pid))                           \
	X(comm, TEXT, put_text(x, p->comm))                             \
	X(exe, TEXT, put_text(x, p->exe))                               \
	X(fd, INTEGER, sqlite3_result_int(x, f->fd))                    \
	X(path, TEXT, put_bytes(x, f->file->path, f->file->length))     \
	X(kind, TEXT, put_string(x, file_kinds[f->file->kind]))         \
	X(dev, INTEGER, NUMBER(f->inode && !f->socket, f->dev))         \
	X(inode, INTEGER, NUMBER(f->inode, f->inode))                   \
	X(flags, INTEGER, NUMBER(true, f->flags))                       \
	X(flags_names, TEXT, put_name(x, true, "open_flags", f->flags)) \
	X(how, TEXT, put_type(x, f->how, EV_fd))                        \
	X(from_ns, INTEGER, put_time(x, m, f->from_ts))                 \
	X(from_ts, INTEGER, NUMBER(f->from_ts, f->from_ts))             \
	X(read_bytes, INTEGER, NUMBER(true, f->read_bytes))             \
	X(written_bytes, INTEGER, NUMBER(true, f->written_bytes))       \
	X(certain, INTEGER, NUMBER(true, lives_fd_is_certain(m->lives, f)))

#define SOCKET_COLUMNS(X)                                             \
	X(host, TEXT, put_string(x, m->host))                         \
	X(pid, INTEGER, NUMBER(c->pid, c->pid))                       \
	X(comm, TEXT, put_text(x, p ? p->comm : NULL))                \
	X(exe, TEXT, put_text(x, p ? p->exe : NULL))                  \
	X(kind, TEXT, put_type(x, c->kind, EV_sock))                  \
	X(family, TEXT, put_family(x, c->family))                     \
	X(proto, TEXT, put_proto(x, c))                               \
	X(laddr, TEXT, put_addr(x, is_inet(c), c->laddr))             \
	X(lport, INTEGER, NUMBER(is_inet(c), c->lport))               \
	X(addr, TEXT, put_addr(x, has_peer(c), c->addr))              \
	X(port, INTEGER, NUMBER(has_peer(c), c->port))                \
	X(unix_path, TEXT, put_path(x, c->unix_path))                 \
	X(inode, INTEGER, NUMBER(c->socket->inode, c->socket->inode)) \
	X(net_ns, INTEGER, NUMBER(c->net_ns, c->net_ns))              \
	X(from_ns, INTEGER, put_time(x, m, c->from_ts))               \
	X(from_ts, INTEGER, NUMBER(c->from_ts, c->from_ts))           \
	X(sent_bytes, INTEGER, NUMBER(true, c->sent_bytes))           \
	X(received_bytes, INTEGER, NUMBER(true, c->received_bytes))   \
	X(certain, INTEGER, NUMBER(true, lives_connection_is_certain(m->lives, c)))

#define MOUNT_COLUMNS(X)                                                         \
	X(host, TEXT, put_string(x, m->host))                                    \
	X(mnt_ns, INTEGER, NUMBER(n->mnt_ns, n->mnt_ns))                         \
	X(mount_id, INTEGER, NUMBER(n->mount_id, n->mount_id))                   \
	X(parent_id, INTEGER, NUMBER(n->parent_id, n->parent_id))                \
	X(path, TEXT, put_string(x, n->path))                                    \
	X(source, TEXT, put_string(x, n->source))                                \
	X(root, TEXT, put_string(x, n->root))                                    \
	X(fstype, TEXT, put_string(x, n->fstype))                                \
	X(options, TEXT, put_string(x, n->options))                              \
	X(flags, INTEGER, NUMBER(n->has_flags, n->flags))                        \
	X(flags_names, TEXT, put_name(x, n->has_flags, "mount_flags", n->flags)) \
	X(pid, INTEGER, NUMBER(n->pid, n->pid))                                  \
	X(how, TEXT, put_type(x, n->how, EV_mounted))                            \
	X(from_ns, INTEGER, put_time(x, m, n->from_ts))                          \
	X(from_ts, INTEGER, NUMBER(n->from_ts, n->from_ts))                      \
	X(certain, INTEGER, NUMBER(true, lives_mount_is_certain(m->lives, n)))

static const char *const known_names[] = { "guess", "exec", "fork", "keyframe" };
static const char *const modes[] = { "off", "strict", "filter", "filter" };
static const char *const file_kinds[] = { "file", "pipe", "socket", "memfd", "anon" };

/* NULL where it is that of the mount namespace. */
static const struct model_text *root_of(const struct model_process *p)
{
	return p->root && p->root->length == 1 && p->root->bytes[0] == '/' ? NULL : p->root;
}

static void put_path(sqlite3_context *x, const struct life_file *f)
{
	if (f)
		put_bytes(x, f->path, f->length);
}

#define COLUMN(name, affinity, put) { #name, #affinity },
#define PROCESS_ENUM(name, affinity, put) PROCESS_##name,
#define FILE_ENUM(name, affinity, put) FILE_##name,
#define SOCKET_ENUM(name, affinity, put) SOCKET_##name,
#define MOUNT_ENUM(name, affinity, put) MOUNT_##name,
enum { PROCESS_COLUMNS(PROCESS_ENUM) };
enum { FILE_COLUMNS(FILE_ENUM) };
enum { SOCKET_COLUMNS(SOCKET_ENUM) };
enum { MOUNT_COLUMNS(MOUNT_ENUM) };

static const struct at_column process_columns[] = { PROCESS_COLUMNS(COLUMN){ 0 } };
static const struct at_column file_columns[] = { FILE_COLUMNS(COLUMN){ 0 } };
static const struct at_column socket_columns[] = { SOCKET_COLUMNS(COLUMN){ 0 } };
static const struct at_column mount_columns[] = { MOUNT_COLUMNS(COLUMN){ 0 } };

#define PUT(of, name, put) \
	case of##_##name:  \
		put;       \
		break;
#define PROCESS_PUT(name, affinity, put) PUT(PROCESS, name, put)
#define FILE_PUT(name, affinity, put) PUT(FILE, name, put)
#define SOCKET_PUT(name, affinity, put) PUT(SOCKET, name, put)
#define MOUNT_PUT(name, affinity, put) PUT(MOUNT, name, put)

static void put_process(sqlite3_context *x, const struct at_row *row, unsigned column)
{
	const struct model_process *p = row->process;
	struct at_machine *m = row->machine;

	switch (column) {
		PROCESS_COLUMNS(PROCESS_PUT)
	}
}

static void put_file(sqlite3_context *x, const struct at_row *row, unsigned column)
{
	const struct model_process *p = row->process;
	const struct life_fd *f = row->fd;
	struct at_machine *m = row->machine;

	switch (column) {
		FILE_COLUMNS(FILE_PUT)
	}
}

static void put_socket(sqlite3_context *x, const struct at_row *row, unsigned column)
{
	const struct model_process *p = row->process;
	const struct life_connection *c = row->connection;
	struct at_machine *m = row->machine;

	switch (column) {
		SOCKET_COLUMNS(SOCKET_PUT)
	}
}

static void put_mount(sqlite3_context *x, const struct at_row *row, unsigned column)
{
	const struct life_mount *n = row->mount;
	struct at_machine *m = row->machine;

	switch (column) {
		MOUNT_COLUMNS(MOUNT_PUT)
	}
}

const struct at_kind at_kinds[] = {
	{ "processes_at", "processes as they were at a moment", AT_PROCESSES, process_columns,
	  collect_processes, put_process },
	{ "files_open_at", "descriptors that were open at a moment", AT_EVENTS, file_columns,
	  collect_files, put_file },
	{ "sockets_at", "sockets with whom they were connected, or that they listened", AT_EVENTS,
	  socket_columns, collect_sockets, put_socket },
	{ "mounts_at", "what was mounted at a moment", AT_STATE, mount_columns, collect_mounts,
	  put_mount },
	{ 0 },
};
