/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of lib_emit*.c: how a record is begun and where it goes. */
#ifndef REEL_TESTS_BENCH_EMIT_H
#define REEL_TESTS_BENCH_EMIT_H

#include "tests/bench/lib_machine.h"

/* clang-format off */
/* Numbers of x86-64, whatever the machine that generates: the capture says that it is one. */
enum {
	NR_read = 0, NR_write = 1, NR_close = 3, NR_mmap = 9, NR_mprotect = 10, NR_pread64 = 17,
	NR_writev = 20, NR_dup2 = 33, NR_sendfile = 40, NR_socket = 41, NR_connect = 42,
	NR_sendto = 44, NR_recvfrom = 45, NR_shutdown = 48, NR_bind = 49, NR_listen = 50,
	NR_clone = 56, NR_execve = 59, NR_kill = 62, NR_truncate = 76, NR_ftruncate = 77,
	NR_chdir = 80, NR_rename = 82, NR_mkdir = 83, NR_rmdir = 84, NR_link = 86, NR_unlink = 87,
	NR_symlink = 88, NR_fchown = 93, NR_ptrace = 101, NR_setpgid = 109, NR_setsid = 112,
	NR_setgroups = 116, NR_setresuid = 117, NR_setresgid = 119, NR_capset = 126, NR_prctl = 157,
	NR_mount = 165, NR_clock_settime = 227, NR_exit_group = 231, NR_openat = 257,
	NR_unlinkat = 263, NR_fchmodat = 268, NR_unshare = 272, NR_utimensat = 280,
	NR_accept4 = 288, NR_pipe2 = 293, NR_process_vm_writev = 311, NR_finit_module = 313,
	NR_seccomp = 317, NR_memfd_create = 319, NR_bpf = 321, NR_clone3 = 435,
};
/* clang-format on */

void *emit_begin(struct machine *m, const struct task *t, const struct cpu *c, unsigned type,
		 unsigned number, int64_t result);
/* What was begun is complete. */
void emit_end(struct machine *m, struct task *t, struct cpu *c, unsigned op_flags);
void emit_path(struct machine *m, uint32_t file);
void emit_path_and_arg(struct machine *m, uint32_t file);

bool emit_net(struct machine *m, struct task *t, const struct op *op, struct cpu *c);
bool emit_process(struct machine *m, struct task *t, const struct op *op, struct cpu *c);
bool emit_file(struct machine *m, struct task *t, const struct op *op, struct cpu *c);
/* What programs write: 64 bytes of it. */
enum content {
	CONTENT_LOG,
	CONTENT_ELF,
	CONTENT_ASM,
	CONTENT_PACKED,
	CONTENT_HTTP,
	CONTENT_SCRIPT
};
void content_make(struct machine *m, enum content kind, char bytes[64]);

#endif
