/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Any other call, wanted by its name: what it was passed, and no more. */
#ifndef REEL_BPF_SYS_BPF_H
#define REEL_BPF_SYS_BPF_H

#include "bpf/call.bpf.h"

HANDLER(sys)
{
	struct ev_sys e = {
		.arg1 = call_arg(c, 0),
		.arg2 = call_arg(c, 1),
		.arg3 = call_arg(c, 2),
		.arg4 = call_arg(c, 3),
		.arg5 = call_arg(c, 4),
		.arg6 = call_arg(c, 5),
	};

	return call_emit_fixed(sys, c, &e);
}

#endif
