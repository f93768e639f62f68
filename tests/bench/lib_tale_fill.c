/* SPDX-License-Identifier: BSD-2-Clause */
/* What a line of a tale does not say, filled in so that short tales are like life. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "format/names.h"
#include "tests/bench/lib_tale.h"

static const char *const id_names[8] = { "uid", "euid", "suid", "fsuid",
					 "gid", "egid", "sgid", "fsgid" };
static const char *const cap_names[4] = { "cap_effective", "cap_permitted", "cap_inheritable",
					  "cap_ambient" };

static struct tale_value *value_of(struct tale *t, const char *name)
{
	for (unsigned i = 0; i < t->type->n_fields; i++)
		if (strcmp(t->type->fields[i].name, name) == 0)
			return &t->values[i];
	return NULL;
}

static void set_number(struct tale *t, const char *name, uint64_t number)
{
	struct tale_value *v = value_of(t, name);

	if (v && !v->given) {
		v->number = number;
		v->given = true;
	}
}

static void set_text(struct tale *t, const char *name, const struct tale_value *from)
{
	struct tale_value *v = value_of(t, name);

	if (v && !v->given && from)
		*v = *from;
}

/* The process, made if nobody has spoken of it. NULL: no memory. */
static struct tale_process *process_of(struct tale *t, uint32_t pid)
{
	struct tale_process *more;

	for (size_t i = 0; i < t->n_processes; i++)
		if (t->processes[i].pid == pid)
			return &t->processes[i];
	more = reallocarray(t->processes, t->n_processes + 1, sizeof(*more));
	if (!more)
		return NULL;
	t->processes = more;
	more += t->n_processes++;
	memset(more, 0, sizeof(*more));
	more->pid = pid;
	more->start = 1000ull * pid;
	return more;
}

/* A name's last part, as the kernel makes comm of it. */
static void set_comm(struct tale *t, const struct tale_value *path)
{
	struct tale_value *comm = value_of(t, "comm");
	const uint8_t *slash;

	if (!comm || comm->given || !path)
		return;
	*comm = *path;
	slash = path->length ? memrchr(path->bytes, '/', path->length) : NULL;
	if (slash) {
		comm->length -= (uint32_t)(slash + 1 - comm->bytes);
		comm->bytes += slash + 1 - comm->bytes;
	}
	if (comm->length > 15)
		comm->length = 15;
	comm->true_length = comm->length;
}

/* The path alone as the arguments. */
static int set_argv(struct tale *t, const struct tale_value *path)
{
	struct tale_value *argv = value_of(t, "argv");

	if (!argv || argv->given || !path || !path->length)
		return 0;
	if (t->text_room - t->text_used < path->length + 1)
		return -ENOSPC;
	argv->bytes = t->text + t->text_used;
	memcpy(argv->bytes, path->bytes, path->length);
	argv->bytes[path->length] = 0;
	argv->length = argv->true_length = path->length + 1;
	t->text_used += argv->length;
	argv->given = true;
	return 0;
}

/* In a process line euid, suid and fsuid are uid's unless they are given, and gid's the same;
 * elsewhere each is what it was. */
static void set_ids(struct tale *t, struct tale_process *p)
{
	static const char *const old_names[8] = { "old_uid", "old_euid", "old_suid", "old_fsuid",
						  "old_gid", "old_egid", "old_sgid", "old_fsgid" };

	for (unsigned i = 0; i < 8; i++) {
		struct tale_value *v = value_of(t, id_names[i]);

		set_number(t, old_names[i], p->ids[i]);
		if (t->type->id == EV_process && i % 4)
			set_number(t, id_names[i], value_of(t, id_names[i / 4 * 4])->number);
		set_number(t, id_names[i], p->ids[i]);
		if (v)
			p->ids[i] = (uint32_t)v->number;
	}
	for (unsigned i = 0; i < 4; i++) {
		struct tale_value *v = value_of(t, cap_names[i]);

		set_number(t, cap_names[i], p->caps[i]);
		if (v)
			p->caps[i] = v->number;
	}
}

static void set_family(struct tale *t)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct tale_value *addr = value_of(t, "addr");

	if (!addr || !addr->given || !value_of(t, "family"))
		return;
	set_number(t, "family", memcmp(addr->addr, mapped, 12) == 0 ? AF_INET : AF_INET6);
}

/* The result that such a call has when it succeeds. */
static int64_t usual_result(struct tale *t, const struct ev_header *h)
{
	const struct tale_value *v;

	switch (t->type->id) {
	case EV_fork:
	case EV_thread:
		return (int64_t)value_of(t, "child")->number;
	case EV_setsid:
		return h->pid;
	case EV_mmap:
		return 0x7f0000000000;
	case EV_read:
	case EV_write:
	case EV_send:
	case EV_recv:
		v = value_of(t, "content");
		return v->length;
	default:
		for (unsigned i = 0; i < t->type->n_fields; i++)
			if (t->type->fields[i].kind == REEL_RESULT)
				return 3;
		return 0;
	}
}

/* The call named like the type, or the first that it lists. */
static int set_call(struct tale *t, struct ev_header *h, struct reel_err *err)
{
	unsigned abi, number;
	const char *name = t->type->name;
	size_t length = strlen(name);

	if (t->call) {
		if (reel_syscall_find(t->call, t->call_length, &abi, &number) < 0)
			return tale_error(t, t->call, err, "no such call");
		h->call = EV_CALL(abi, number);
		return 0;
	}
	switch (t->type->id) {
	case EV_exit:
	case EV_signal:
	case EV_fold:
	case EV_flow:
	case EV_dns:
	case EV_cgroup_move:
		return 0;
	}
	if (t->type->class_id > EV_CLASS_look)
		return 0;
	if (reel_syscall_find(name, length, &abi, &number) < 0) {
		name = t->type->aliases;
		length = strcspn(name, " ");
		if (!length || reel_syscall_find(name, length, &abi, &number) < 0)
			return 0;
	}
	h->call = EV_CALL(abi, number);
	return 0;
}

int tale_fill(struct tale *t, struct ev_header *h, struct reel_err *err)
{
	struct tale_process *p = process_of(t, h->pid), *child;
	const struct tale_value *path = value_of(t, t->type->id == EV_exec ? "path" : "exe");
	int r = 0;

	if (!p)
		return reel_err_set(err, -ENOMEM, "no memory");
	switch (t->type->id) {
	case EV_process:
		set_number(t, "start", p->start);
		p->start = value_of(t, "start")->number;
		set_number(t, "parent_start", 1000ull * value_of(t, "ppid")->number);
		set_number(t, "vpid", h->pid);
		break;
	case EV_exec:
		set_text(t, "exe", path);
		break;
	case EV_exit:
		set_number(t, "start", p->start);
		break;
	case EV_fork:
		set_number(t, "child_start", h->ts);
		set_number(t, "vpid", value_of(t, "child")->number);
		child = process_of(t, (uint32_t)value_of(t, "child")->number);
		p = process_of(t, h->pid);
		if (!child || !p)
			return reel_err_set(err, -ENOMEM, "no memory");
		memcpy(child->ids, p->ids, sizeof(p->ids));
		memcpy(child->caps, p->caps, sizeof(p->caps));
		child->start = value_of(t, "child_start")->number;
		break;
	}
	if (t->type->id == EV_process || t->type->id == EV_exec) {
		set_comm(t, path);
		r = set_argv(t, path);
		if (r < 0)
			return reel_err_set(err, r, "a line is too long");
	}
	if (t->type->id == EV_process || t->type->id == EV_exec || t->type->id == EV_setuid ||
	    t->type->id == EV_setgid)
		set_ids(t, p);
	set_family(t);
	h->ret = t->ret.given ? (int64_t)t->ret.number : usual_result(t, h);
	return set_call(t, h, err);
}
