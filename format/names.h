/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of the kernel as people know them. The tables are made from the headers of the machine
 * that builds, with later additions by number, and they do not depend on the machine that runs.
 */
#ifndef REEL_FORMAT_NAMES_H
#define REEL_FORMAT_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct reel_out;

/* ABI is an enum ev_abi, NUMBER as in EV_CALL(): x32 without its bit. EV_ABI_NONE has the
 * operations of io_uring, from 1. NULL where there is none. */
const char *reel_syscall_name(unsigned int abi, unsigned int number);
/* Returns 0, or -ENOENT if ABI has no call of that name. */
int reel_syscall_number(unsigned int abi, const char *name, size_t len, unsigned int *ret_number);
/* The same in the first ABI that has it: native, compat, x32. */
int reel_syscall_find(const char *name, size_t len, unsigned int *ret_abi,
		      unsigned int *ret_number);

/* NULL where there is none. ERRNO_VALUE is positive, and may be one that only the kernel sees. */
const char *reel_errno_name(unsigned int errno_value);
const char *reel_signal_name(unsigned int signal);

/*
 * A hint of bpf/events.h, looked up once for many values:
 *	sets of bits	open_flags fd_flags map_flags clone_flags ns_flags mount_flags
 *			umount_flags unlink_flags rename_flags at_flags memfd_flags send_flags
 *			kexec_flags kexec_file_flags io_uring_flags setflags prot access_mode
 *			sock_type personality caps
 *	one of many	family proto netlink_proto sig errno ptrace_request prctl_option
 *			keyctl_cmd bpf_cmd seccomp_op syslog_action reboot_cmd clock_id fcntl_cmd
 *			shm_cmd shutdown_how perf_type class, or a list of labels "a|b"
 *	numbers		dec hex oct mode dev pid fd bool ns
 * Bits without a name follow as 0x.. behind a |, a value without a name is a number.
 */
struct reel_hint {
	const struct name_table *table; /* NULL: LABELS, or decimal without them */
	const char *labels;
};

/* Returns -ENOENT for a hint that is not known, and then RET_HINT means decimal; "" is decimal.
 * A list of labels has to live as long as RET_HINT. */
int reel_hint_init(struct reel_hint *ret_hint, const char *hint);

/* VALUE of a signed field is sign-extended. */
void reel_hint_put(struct reel_out *o, const struct reel_hint *h, uint64_t value);
/* For fields of a signed kind: what is decimal shows its sign, what is bits has 32 of them. */
void reel_hint_put_signed(struct reel_out *o, const struct reel_hint *h, int64_t value);

/* Both in one, for values that are few. Returns 0, or -ENOENT where the hint is not known. */
int reel_name_value(struct reel_out *o, const char *hint, uint64_t value);

/* The other way: the number that one NAME stands for under HINT. -ENOENT where there is none. */
int reel_name_lookup(const char *hint, const char *name, size_t len, uint64_t *ret_value);

/* All names of a table, for a suggestion; a list of labels has them in HINT itself. */
void reel_name_each(const char *hint, void (*take)(void *user, const char *name), void *user);

/* The third argument of socket(), which means something else in each family. */
void reel_proto_put(struct reel_out *o, unsigned int family, uint64_t proto);

/* An IPv6 address as RFC 5952 wants it; a v4-mapped one as four numbers with dots. */
void reel_addr_format(struct reel_out *o, const uint8_t addr[16]);

#endif
