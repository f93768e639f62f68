/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Signals and shared memory. */
#ifndef REEL_BPF_IPC_BPF_H
#define REEL_BPF_IPC_BPF_H

#include "bpf/family.bpf.h"
#include "bpf/fds.bpf.h"
#include "bpf/process.bpf.h"

/*
 * Roles: target, target_tid, signal, pidfd. Variant 'p' has the last one, and what it stands for.
 */
FILLER(kill)
{
	e->target = call_arg(c, 0);
	e->target_tid = call_arg(c, 1);
	e->signal = call_arg(c, 2);
	e->fd = -1;
	if (c->variant == 'p') {
		e->fd = call_arg(c, 3);
		e->target = pidfd_target(c->task, e->fd);
	}
	return true;
}

enum {
	/* What the one call of i386 is to do; the upper half is a version. */
	IPC_SHMAT = 21,
	IPC_SHMDT = 22,
	IPC_SHMGET = 23,
	IPC_SHMCTL = 24,
	SHM_NEW_LAYOUT = 0x100, /* in commands of i386 */
};

/* Variants: 'g' shmget, 'a' shmat, 'd' shmdt, 'c' shmctl, 'm' the one for all. */
FILLER(shm)
{
	__u64 args[3] = { call_arg(c, 0), call_arg(c, 1), call_arg(c, 2) };
	char which = c->variant;

	if (which == 'm') {
		switch (args[0] & 0xffff) {
		case IPC_SHMGET:
			which = 'g';
			break;
		case IPC_SHMAT:
			which = 'a';
			break;
		case IPC_SHMDT:
			which = 'd';
			break;
		case IPC_SHMCTL:
			which = 'c';
			break;
		default:
			return false;
		}
		args[0] = args[1];
		args[1] = args[2];
		args[2] = which == 'a' ? args[1] : call_arg(c, 3);
	}
	e->shm_id = -1;
	e->cmd = -1;
	switch (which) {
	case 'g':
		e->key = args[0];
		e->size = args[1];
		e->flags = args[2];
		if (call_worked(c))
			e->shm_id = c->ret;
		break;
	case 'a':
		e->shm_id = args[0];
		e->flags = args[2];
		break;
	case 'c':
		e->shm_id = args[0];
		e->cmd = args[1] & ~SHM_NEW_LAYOUT;
		break;
	}
	return true;
}

FILLED_FAMILY(ipc, EV_CLASS_ipc, FILLED(kill) FILLED(shm))

/* Signals that end the process. */

enum {
	SIGNAL_KILL = 9,
	SIGNAL_UNKILLABLE_FLAG = 0x40,
	SENT_BY_PROCESS = 0,
	SENT_BY_QUEUE = -1,
	SENT_BY_TKILL = -6,
	SENT_BY_KERNEL = 0x80,
	/* In place of a description: sent by kill() or the like, and by the kernel. */
	INFO_NONE = 0,
	INFO_KERNEL = 1,
};

#define BIT_OF(signal) (1ull << (signal))
/* CHLD, CONT, URG, WINCH are ignored, STOP, TSTP, TTIN, TTOU stop; a fault has an address. */
#define SIGNALS_HARMLESS                                                               \
	(BIT_OF(17) | BIT_OF(18) | BIT_OF(23) | BIT_OF(28) | BIT_OF(19) | BIT_OF(20) | \
	 BIT_OF(21) | BIT_OF(22))
/* ILL, TRAP, BUS, FPE, SEGV. */
#define SIGNALS_OF_FAULTS (BIT_OF(4) | BIT_OF(5) | BIT_OF(7) | BIT_OF(8) | BIT_OF(11))

static __always_inline bool signal_is_deadly(__u32 signal, __u64 handler)
{
	return signal && signal <= 64 && (signal == 64 || !(SIGNALS_HARMLESS >> signal & 1)) &&
	       (!handler || signal == SIGNAL_KILL);
}

static __always_inline bool sent_by_process(__s32 code)
{
	return code == SENT_BY_PROCESS || code == SENT_BY_QUEUE || code == SENT_BY_TKILL;
}

/* What describes the signal. The verifier holds it for a pointer, never 0, and would leave out what
 * is done if it is. */
static __always_inline __u64 signal_info(__u64 *ctx)
{
	__u64 info = 0;

	bpf_probe_read_kernel(&info, sizeof(info), &ctx[1]);
	return info;
}

/*
 * A signal is on its way, and its sender is the current process. That is kept, since at the end it
 * is not told any more: of most signals all threads but see that they are killed.
 */
SEC("tp_btf/signal_generate")
int signal_generate(__u64 *ctx)
{
	__u32 signal = ctx[0], result = ctx[4];
	__u64 info, hand;
	struct task_struct *task = (struct task_struct *)ctx[2];
	struct task_note *note;
	__s32 code;

	/* Ignored, there already, or no room. */
	if (result != 0 && result != 4)
		return 0;
	hand = kload_pointer((__u64)&task->sighand);
	hand += bpf_core_field_offset(struct sighand_struct, action) +
		(signal - 1 & 63) * bpf_core_type_size(struct k_sigaction);
	if (!signal_is_deadly(signal, KPTR(struct k_sigaction, hand, sa.sa_handler)))
		return 0;
	info = signal_info(ctx);
	code = info == INFO_NONE   ? SENT_BY_PROCESS :
	       info == INFO_KERNEL ? SENT_BY_KERNEL :
				     KLOAD(struct kernel_siginfo, info, si_code);
	note = bpf_task_storage_get(&notes, task->group_leader, NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!note)
		return 0;
	note->deadly = signal;
	note->deadly_code = code;
	note->deadly_sender = sent_by_process(code) ? (__u32)task_to_load()->tgid : 0;
	return 0;
}

/* The first thread of a process that is to die of a signal. */
SEC("tp_btf/signal_deliver")
int signal_deliver(__u64 *ctx)
{
	__u32 signal = ctx[0], flags;
	__u64 info, action = ctx[2], all;
	struct task_struct *task;
	struct cpu_counts *own;
	struct task_note *note;
	fixed_new(signal, e);

	if (!signal_is_deadly(signal, KPTR(struct k_sigaction, action, sa.sa_handler)))
		return 0;
	info = signal_info(ctx);
	all = kload_pointer((__u64)&task_to_load()->signal);
	flags = KLOAD(struct signal_struct, all, flags);
	if ((flags & SIGNAL_UNKILLABLE_FLAG) && signal != SIGNAL_KILL)
		return 0;
	if (signal == SIGNAL_KILL && info == INFO_NONE) {
		/* So does the end by exit_group() look to the others, and an exec. */
		signal = KLOAD(struct signal_struct, all, group_exit_code) & 0x7f;
		if (!(flags & SIGNAL_GROUP_EXIT) || !signal)
			return 0;
	}
	task = bpf_get_current_task_btf();
	note = bpf_task_storage_get(&notes, task->group_leader, NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	own = cpu_counts();
	if (!own || (note && __sync_lock_test_and_set(&note->deadly_told, 1)))
		return 0;
	count_extra(EV_CLASS_ipc);
	if (!current_wanted(task)) {
		own->filtered[EV_CLASS_ipc]++;
		return 0;
	}
	e.signal = signal;
	if (info != INFO_NONE && info != INFO_KERNEL) {
		e.code = KLOAD(struct kernel_siginfo, info, si_code);
		if (e.code > 0 && e.code < SENT_BY_KERNEL && signal < 32 &&
		    (SIGNALS_OF_FAULTS >> signal & 1))
			e.addr = KPTR(struct kernel_siginfo, info, _sifields._sigfault._addr);
	}
	if (note && note->deadly == signal) {
		e.code = note->deadly_code;
		e.sender = note->deadly_sender;
	}
	return emit_fixed(signal, call_now(task), 0, &e);
}

#endif
