/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Any other call, wanted by its name: what it was passed, and no more. */
#ifndef REEL_BPF_SYS_BPF_H
#define REEL_BPF_SYS_BPF_H

#include "bpf/call.bpf.h"

static __always_inline int sys_tell(const struct call *c)
{
	struct ev_sys e = {
		.arg1 = c->args[0],
		.arg2 = c->args[1],
		.arg3 = c->args[2],
		.arg4 = c->args[3],
		.arg5 = c->args[4],
		.arg6 = c->args[5],
	};

	return call_emit_fixed(sys, c, &e);
}

HANDLER(sys)
{
	return sys_tell(c);
}

/* The call is an event, but of another class than the one that counts it. */
static __always_inline void call_changes_class(const struct call *c, __u32 from, __u32 to)
{
	c->counts->no_event[from]++;
	c->counts->extra[to]++;
}

/* Nothing that has a type; but somebody may want all of these calls. */
static __always_inline int call_is_other(const struct call *c, __u32 class)
{
	struct call_layout *l = bpf_map_lookup_elem(&layouts, &c->slot);

	if (!l || !l->by_name)
		return call_no_event(c, class);
	call_changes_class(c, class, EV_CLASS_sys);
	return sys_tell(c);
}

#endif
