/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Descriptors that go over UNIX sockets in control messages: an event behind that of the call. */
#ifndef REEL_BPF_PASS_BPF_H
#define REEL_BPF_PASS_BPF_H

#include "bpf/files.bpf.h"
#include "bpf/message.bpf.h"

enum {
	CONTROLS_MAX = 64,
	RIGHTS_MAX = 253, /* of one message */
	LEVEL_SOCKET = 1,
	CONTROL_RIGHTS = 1,
};

static long control_step(__u32 i, void *unused)
{
	struct net_work *w = net_work();
	struct scratch *s = cpu_scratch();
	struct {
		__u64 length;
		__u32 level, type;
	} h;
	__u64 head = sizeof(h), align = 7, n, at;

	if (!w || !s)
		return 1;
	at = w->control.at;
	if (w->call.narrow) {
		__u32 narrow[3];

		if (bpf_probe_read_user(narrow, sizeof(narrow), (void *)at) < 0)
			return 1;
		h.length = narrow[0];
		h.level = narrow[1];
		h.type = narrow[2];
		head = sizeof(narrow);
		align = 3;
	} else if (bpf_probe_read_user(&h, sizeof(h), (void *)at) < 0) {
		return 1;
	}
	if (h.length < head || at + h.length > w->control.end)
		return 1;
	n = h.length - head;
	if (h.level == LEVEL_SOCKET && h.type == CONTROL_RIGHTS && n <= 4 * RIGHTS_MAX &&
	    w->control.got + n <= 4 * RIGHTS_MAX) {
		n &= 1023;
		n &= ~3ull;
		if (n && bpf_probe_read_user(&s->payload[in_payload(w->control.to)], n,
					     (void *)(at + head)) == 0) {
			w->control.got += n;
			w->control.to += n;
		}
	}
	w->control.at = at + ((h.length + align) & ~align);
	return w->control.at + head > w->control.end;
}

/* A descriptor that was received has an entry, by which its close will know what it was. */
static long passed_begin(__u32 i, void *unused)
{
	struct scratch *s = cpu_scratch();
	__u64 at = sizeof(struct ev_pass) + 4 * (__u64)i;
	__s32 fd;

	if (!s || at >= EV_MAX_PAYLOAD)
		return 1;
	__builtin_memcpy(&fd, &s->payload[at], sizeof(fd));
	files_opened(bpf_get_current_task_btf(), fd, 0);
	return 0;
}

/* Descriptors that the message in the work carries, if any. */
__noinline int pass_tell(void)
{
	struct net_work *w = net_work();
	struct ev_pass *e;
	struct build b;

	if (!w || !w->message.control || w->message.control_bytes < 12)
		return 0;
	e = net_build(&b, pass, w);
	w->control.at = w->message.control;
	w->control.end = w->message.control + w->message.control_bytes;
	w->control.got = 0;
	w->control.to = b.used;
	bpf_loop(CONTROLS_MAX, control_step, NULL, 0);
	if (!w->control.got)
		return 0;
	e->inode = w->sock.inode;
	e->fd = w->call.args[0];
	e->direction = !w->each.sent;
	e->count = w->control.got / 4;
	e->fds = build_took(&b, w->control.got & 1023, w->control.got & 1023);
	count_extra(class_of_pass);
	build_emit(&b, pass);
	if (!w->each.sent && (wants(close) || wants(fold)))
		bpf_loop(w->control.got / 4, passed_begin, NULL, 0);
	return 0;
}

#endif
