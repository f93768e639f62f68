/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "bpf/events.h"
#include "format/out.h"
#include "format/types.h"
#include "harness.h"

static const char *text_of(struct reel_out *o)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%.*s", (int)o->len, o->buf);
	out_done(o);
	return text;
}

static const char *named(const char *hint, uint64_t value)
{
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return NULL;
	CHECK_EQ(reel_name_value(&o, hint, value), 0);
	return text_of(&o);
}

static const char *named_signed(const char *hint, int64_t value)
{
	struct reel_hint h;
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return NULL;
	CHECK_EQ(reel_hint_init(&h, hint), 0);
	reel_hint_put_signed(&o, &h, value);
	return text_of(&o);
}

static const char *proto(unsigned family, uint64_t value)
{
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return NULL;
	reel_proto_put(&o, family, value);
	return text_of(&o);
}

static const char *address(const uint8_t addr[16])
{
	struct reel_out o;

	if (out_init_mem(&o) < 0)
		return NULL;
	reel_addr_format(&o, addr);
	return text_of(&o);
}

TEST(calls_have_names_in_each_abi)
{
	CHECK_STR(reel_syscall_name(EV_ABI_NATIVE, 257), "openat");
	CHECK_STR(reel_syscall_name(EV_ABI_NATIVE, 0), "read");
	CHECK_STR(reel_syscall_name(EV_ABI_COMPAT, 0), "restart_syscall");
	CHECK_STR(reel_syscall_name(EV_ABI_COMPAT, 11), "execve");
	CHECK_STR(reel_syscall_name(EV_ABI_COMPAT, 102), "socketcall");
	CHECK_STR(reel_syscall_name(EV_ABI_X32, 520), "execve");
	CHECK_STR(reel_syscall_name(EV_ABI_X32, 257), "openat");
	CHECK_STR(reel_syscall_name(EV_ABI_X32, 59), NULL);
	CHECK_STR(reel_syscall_name(EV_ABI_NATIVE, 452), "fchmodat2");
	CHECK_STR(reel_syscall_name(EV_ABI_COMPAT, 469), "file_setattr");
	CHECK_STR(reel_syscall_name(EV_ABI_NATIVE, 335 + 1000), NULL);
	CHECK_STR(reel_syscall_name(EV_ABI_NATIVE, UINT32_MAX), NULL);
	CHECK_STR(reel_syscall_name(EV_ABI_NONE, 0), NULL);
	CHECK_STR(reel_syscall_name(EV_ABI_NONE, 1), "io_uring.nop");
	CHECK_STR(reel_syscall_name(EV_ABI_NONE, 19), "io_uring.openat");
	CHECK_STR(reel_syscall_name(EV_ABI_NONE, 63), "io_uring.pipe");
	CHECK_STR(reel_syscall_name(EV_ABI_NONE, 64), NULL);
	CHECK_STR(reel_syscall_name(EV_ABI_NONE, 452), NULL);
	CHECK_STR(reel_syscall_name(4, 0), NULL);
}

TEST(calls_are_found_by_name)
{
	unsigned abi = 0, number = 0;

	CHECK_EQ(reel_syscall_number(EV_ABI_NATIVE, "openat", 6, &number), 0);
	CHECK_EQ(number, 257);
	CHECK_EQ(reel_syscall_number(EV_ABI_COMPAT, "openat", 6, &number), 0);
	CHECK_EQ(number, 295);
	CHECK_EQ(reel_syscall_number(EV_ABI_NATIVE, "open", 4, &number), 0);
	CHECK_EQ(number, 2);
	CHECK_EQ(reel_syscall_number(EV_ABI_NATIVE, "mseal", 5, &number), 0);
	CHECK_EQ(number, 462);
	CHECK_EQ(reel_syscall_number(EV_ABI_NATIVE, "nothing", 7, &number), -ENOENT);
	CHECK_EQ(reel_syscall_number(EV_ABI_NATIVE, "", 0, &number), -ENOENT);
	CHECK_EQ(reel_syscall_number(7, "read", 4, &number), -ENOENT);
	CHECK_EQ(reel_syscall_number(EV_ABI_NONE, "io_uring.openat", 15, &number), 0);
	CHECK_EQ(number, 19);
	CHECK_EQ(reel_syscall_number(EV_ABI_NONE, "cachestat", 9, &number), -ENOENT);
	CHECK_EQ(reel_syscall_find("socketcall", 10, &abi, &number), 0);
	CHECK_EQ(abi, EV_ABI_COMPAT);
	CHECK_EQ(number, 102);
	CHECK_EQ(reel_syscall_find("read", 4, &abi, &number), 0);
	CHECK_EQ(abi, EV_ABI_NATIVE);
	for (unsigned a = EV_ABI_NATIVE; a <= EV_ABI_X32; a++) {
		for (unsigned n = 0; n < 700; n++) {
			const char *name = reel_syscall_name(a, n);

			if (!name)
				continue;
			CHECK_EQ(reel_syscall_number(a, name, strlen(name), &number), 0);
			CHECK_EQ(number, n);
		}
	}
}

TEST(errors_and_signals)
{
	for (unsigned e = 1; e < 200; e++) {
		const char *libc = strerrorname_np((int)e);

		/* Two names for one number: the header's own is what people search for. */
		CHECK_STR(reel_errno_name(e), e == EOPNOTSUPP ? "EOPNOTSUPP" : libc);
	}
	CHECK_STR(reel_errno_name(512), "ERESTARTSYS");
	CHECK_STR(reel_errno_name(0), NULL);
	CHECK_STR(reel_errno_name(UINT32_MAX), NULL);
	CHECK_STR(reel_signal_name(9), "SIGKILL");
	CHECK_STR(reel_signal_name(64), "SIGRTMIN+30");
	CHECK_STR(reel_signal_name(0), NULL);
	CHECK_STR(reel_signal_name(65), NULL);
	CHECK_STR(named("errno", 2), "ENOENT");
	CHECK_STR(named("errno", (uint64_t)-13), "EACCES");
	CHECK_STR(named("errno", 0), "0");
	CHECK_STR(named("errno", 4000), "4000");
	CHECK_STR(named_signed("errno", -4000), "-4000");
	CHECK_STR(named("sig", 0), "0");
	CHECK_STR(named("sig", 11), "SIGSEGV");
	CHECK_STR(named("sig", 34), "SIGRTMIN");
	CHECK_STR(named_signed("sig", -1), "-1");
}

TEST(flags_of_open)
{
	CHECK_STR(named("open_flags", 0), "O_RDONLY");
	CHECK_STR(named("open_flags", 01), "O_WRONLY");
	CHECK_STR(named("open_flags", 03), "O_ACCMODE");
	CHECK_STR(named("open_flags", 02000000), "O_RDONLY|O_CLOEXEC");
	CHECK_STR(named("open_flags", 01102), "O_RDWR|O_CREAT|O_TRUNC");
	CHECK_STR(named("open_flags", 04010000), "O_RDONLY|O_SYNC");
	CHECK_STR(named("open_flags", 010000), "O_RDONLY|O_DSYNC");
	CHECK_STR(named("open_flags", 020200002), "O_RDWR|O_TMPFILE");
	CHECK_STR(named("open_flags", 0200000), "O_RDONLY|O_DIRECTORY");
	CHECK_STR(named("open_flags", 0100000), "O_RDONLY|O_LARGEFILE");
	CHECK_STR(named("open_flags", 0x80000001), "O_WRONLY|0x80000000");
	CHECK_STR(named("fd_flags", 0), "0");
	CHECK_STR(named("fd_flags", 02004000), "O_NONBLOCK|O_CLOEXEC");
}

TEST(other_sets_of_bits)
{
	CHECK_STR(named("prot", 0), "0");
	CHECK_STR(named("prot", 7), "PROT_READ|PROT_WRITE|PROT_EXEC");
	CHECK_STR(named("map_flags", 0x22), "MAP_PRIVATE|MAP_ANONYMOUS");
	CHECK_STR(named("map_flags", 0x3), "MAP_SHARED_VALIDATE");
	CHECK_STR(named("map_flags", 0x40022 | 21U << 26),
		  "MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB|MAP_HUGE_2MB");
	CHECK_STR(named("map_flags", 0x5), "0x5");
	CHECK_STR(named("sock_type", 1), "SOCK_STREAM");
	CHECK_STR(named("sock_type", 02004002), "SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK");
	CHECK_STR(named("sock_type", 15), "0xf");
	CHECK_STR(named("clone_flags", 17), "SIGCHLD");
	CHECK_STR(named("clone_flags", 0x4111), "CLONE_VM|CLONE_VFORK|SIGCHLD");
	CHECK_STR(named("clone_flags", 0x80), "CLONE_NEWTIME");
	CHECK_STR(named("clone_flags", 0x200000000), "CLONE_INTO_CGROUP");
	CHECK_STR(named("clone_flags", 0x80000000), "CLONE_IO");
	CHECK_STR(named("clone_flags", 0x800000000000007f), "0x800000000000007f");
	CHECK_STR(named("ns_flags", 0), "0");
	CHECK_STR(named("ns_flags", 0x10020000), "CLONE_NEWNS|CLONE_NEWUSER");
	CHECK_STR(named("ns_flags", 17), "0x11");
	CHECK_STR(named("mount_flags", 0xc0ed0000 | 33), "MS_MGC_VAL|MS_RDONLY|MS_REMOUNT");
	CHECK_STR(named("mount_flags", 0x5000), "MS_BIND|MS_REC");
	CHECK_STR(named("umount_flags", 0xa), "MNT_DETACH|UMOUNT_NOFOLLOW");
	CHECK_STR(named("unlink_flags", 0x200), "AT_REMOVEDIR");
	CHECK_STR(named("rename_flags", 3), "RENAME_NOREPLACE|RENAME_EXCHANGE");
	CHECK_STR(named("at_flags", 0x1100), "AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH");
	CHECK_STR(named("memfd_flags", 0x13), "MFD_CLOEXEC|MFD_ALLOW_SEALING|MFD_EXEC");
	CHECK_STR(named("access_mode", 0), "0");
	CHECK_STR(named("access_mode", 5), "R_OK|X_OK");
	CHECK_STR(named("send_flags", 0x4040), "MSG_DONTWAIT|MSG_NOSIGNAL");
	CHECK_STR(named("kexec_flags", 62 << 16 | 1), "KEXEC_ON_CRASH|KEXEC_ARCH_X86_64");
	CHECK_STR(named("kexec_file_flags", 1), "KEXEC_FILE_UNLOAD");
	CHECK_STR(named("io_uring_flags", 2 | 1 << 16),
		  "IORING_SETUP_SQPOLL|IORING_SETUP_NO_SQARRAY");
	CHECK_STR(named("setflags", 0x30), "FS_IMMUTABLE_FL|FS_APPEND_FL");
	CHECK_STR(named("personality", 0), "0");
	CHECK_STR(named("personality", 0x440000), "ADDR_NO_RANDOMIZE|READ_IMPLIES_EXEC");
	CHECK_STR(named("personality", 8), "PER_LINUX32");
	CHECK_STR(named("personality", 0xffffffff), "0xffffffff");
}

TEST(capabilities)
{
	CHECK_STR(named("caps", 0), "0");
	CHECK_STR(named("caps", 1), "CAP_CHOWN");
	CHECK_STR(named("caps", 1ULL << 21 | 1ULL << 39), "CAP_SYS_ADMIN|CAP_BPF");
	CHECK_STR(named("caps", 0x1ffffffffff), "full");
	CHECK_STR(named("caps", 0x3ffffffffff), "full|0x20000000000");
	CHECK(strncmp(named("caps", 0x1fffffffffe), "CAP_DAC_OVERRIDE|", 17) == 0);
}

TEST(one_of_many)
{
	CHECK_STR(named("family", 0), "AF_UNSPEC");
	CHECK_STR(named("family", 1), "AF_UNIX");
	CHECK_STR(named("family", 10), "AF_INET6");
	CHECK_STR(named("family", 200), "200");
	CHECK_STR(named("proto", 0), "0");
	CHECK_STR(named("proto", 6), "IPPROTO_TCP");
	CHECK_STR(named("ptrace_request", 0), "PTRACE_TRACEME");
	CHECK_STR(named("ptrace_request", 0x4206), "PTRACE_SEIZE");
	CHECK_STR(named("ptrace_request", 0x4212), "PTRACE_SET_SYSCALL_INFO");
	CHECK_STR(named("prctl_option", 15), "PR_SET_NAME");
	CHECK_STR(named("prctl_option", 0x59616d61), "PR_SET_PTRACER");
	CHECK_STR(named("prctl_option", 0x12345678), "0x12345678");
	CHECK_STR(named("keyctl_cmd", 11), "KEYCTL_READ");
	CHECK_STR(named("bpf_cmd", 0), "BPF_MAP_CREATE");
	CHECK_STR(named("bpf_cmd", 5), "BPF_PROG_LOAD");
	CHECK_STR(named("bpf_cmd", 28), "BPF_LINK_CREATE");
	CHECK_STR(named("bpf_cmd", 36), "BPF_TOKEN_CREATE");
	CHECK_STR(named("seccomp_op", 1), "SECCOMP_SET_MODE_FILTER");
	CHECK_STR(named("syslog_action", 4), "SYSLOG_ACTION_READ_CLEAR");
	CHECK_STR(named("reboot_cmd", 0x4321fedc), "LINUX_REBOOT_CMD_POWER_OFF");
	CHECK_STR(named("reboot_cmd", 0xcdef0123), "LINUX_REBOOT_CMD_HALT");
	CHECK_STR(named_signed("reboot_cmd", (int32_t)0xcdef0123), "LINUX_REBOOT_CMD_HALT");
	CHECK_STR(named("clock_id", 0), "CLOCK_REALTIME");
	CHECK_STR(named("clock_id", 7), "CLOCK_BOOTTIME");
	CHECK_STR(named("fcntl_cmd", 1030), "F_DUPFD_CLOEXEC");
	CHECK_STR(named("shm_cmd", 0), "IPC_RMID");
	CHECK_STR(named("shutdown_how", 2), "SHUT_RDWR");
	CHECK_STR(named("perf_type", 5), "PERF_TYPE_BREAKPOINT");
	CHECK_STR(named("perf_type", 11), "11");
	CHECK_STR(named("class", EV_CLASS_net), "net");
	CHECK_STR(named("class", 0), "0");
	CHECK_STR(named("class", 1ULL << 32 | 1), "4294967297");
}

TEST(numbers)
{
	struct reel_out o;

	CHECK_STR(named("dec", UINT64_MAX), "18446744073709551615");
	CHECK_STR(named_signed("dec", -5), "-5");
	CHECK_STR(named("", 7), "7");
	CHECK_STR(named(NULL, 7), "7");
	CHECK_STR(named("hex", 255), "0xff");
	CHECK_STR(named_signed("hex", -1), "0xffffffff");
	CHECK_STR(named("oct", 0644), "0644");
	CHECK_STR(named("oct", 0), "0");
	CHECK_STR(named("mode", 0100644), "S_IFREG|0644");
	CHECK_STR(named("mode", 020620), "S_IFCHR|0620");
	CHECK_STR(named("mode", 0010000), "S_IFIFO|0");
	CHECK_STR(named("mode", 0755), "0755");
	CHECK_STR(named("mode", 0), "0");
	CHECK_STR(named("mode", 0030644), "030644");
	CHECK_STR(named("dev", 0), "0:0");
	CHECK_STR(named("dev", 8 << 20 | 1), "8:1");
	CHECK_STR(named("dev", 0xffffffff), "4095:1048575");
	CHECK_STR(named("pid", 1), "1");
	CHECK_STR(named_signed("pid", -1), "-1");
	CHECK_STR(named("fd", 3), "3");
	CHECK_STR(named_signed("fd", -100), "AT_FDCWD");
	CHECK_STR(named("fd", (uint32_t)-100), "AT_FDCWD");
	CHECK_STR(named_signed("fd", -1), "-1");
	CHECK_STR(named("fd", UINT32_MAX), "4294967295");
	CHECK_STR(named("bool", 0), "false");
	CHECK_STR(named("bool", 1), "true");
	CHECK_STR(named("bool", 2), "2");
	CHECK_STR(named("ns", 450000000), "450ms");
	CHECK_STR(named_signed("ns", -3200000000), "-3.2s");
	CHECK(named_signed("ns", INT64_MIN) != NULL);

	REQUIRE(out_init_mem(&o) == 0);
	CHECK_EQ(reel_name_value(&o, "no_such_hint", 12), -ENOENT);
	CHECK_STR(text_of(&o), "12");
}

TEST(labels)
{
	CHECK_STR(named("passed|dir+name|object", 0), "passed");
	CHECK_STR(named("passed|dir+name|object", 1), "dir+name");
	CHECK_STR(named("passed|dir+name|object", 2), "object");
	CHECK_STR(named("passed|dir+name|object", 3), "3");
	CHECK_STR(named("passed|dir+name|object", UINT64_MAX), "18446744073709551615");
	CHECK_STR(named("a||c", 1), "");
}

TEST(names_are_numbers_again)
{
	uint64_t v = 0;

	CHECK_EQ(reel_name_lookup("open_flags", "O_CREAT", 7, &v), 0);
	CHECK_EQ(v, 0100);
	CHECK_EQ(reel_name_lookup("open_flags", "O_RDONLY", 8, &v), 0);
	CHECK_EQ(v, 0);
	CHECK_EQ(reel_name_lookup("family", "AF_INET6", 8, &v), 0);
	CHECK_EQ(v, 10);
	CHECK_EQ(reel_name_lookup("sig", "SIGKILL", 7, &v), 0);
	CHECK_EQ(v, 9);
	CHECK_EQ(reel_name_lookup("errno", "EPERM", 5, &v), 0);
	CHECK_EQ(v, 1);
	CHECK_EQ(reel_name_lookup("class", "net", 3, &v), 0);
	CHECK_EQ(v, EV_CLASS_net);
	CHECK_EQ(reel_name_lookup("bool", "true", 4, &v), 0);
	CHECK_EQ(v, 1);
	CHECK_EQ(reel_name_lookup("fd", "AT_FDCWD", 8, &v), 0);
	CHECK(v == (uint64_t)-100);
	CHECK_EQ(reel_name_lookup("caps", "CAP_BPF", 7, &v), 0);
	CHECK(v == 1ULL << 39);
	CHECK_EQ(reel_name_lookup("sent|received", "received", 8, &v), 0);
	CHECK_EQ(v, 1);
	CHECK_EQ(reel_name_lookup("sent|received", "receive", 7, &v), -ENOENT);
	CHECK_EQ(reel_name_lookup("sig", "SIGNOPE", 7, &v), -ENOENT);
	CHECK_EQ(reel_name_lookup("family", "AF_INET7", 8, &v), -ENOENT);
	CHECK_EQ(reel_name_lookup("dec", "1", 1, &v), -ENOENT);
	CHECK_EQ(reel_name_lookup("", "1", 1, &v), -ENOENT);
	CHECK_EQ(reel_name_lookup("no_such_hint", "x", 1, &v), -ENOENT);
}

TEST(protocols_belong_to_their_family)
{
	CHECK_STR(proto(2, 6), "IPPROTO_TCP");
	CHECK_STR(proto(10, 58), "IPPROTO_ICMPV6");
	CHECK_STR(proto(2, 0), "IPPROTO_IP");
	CHECK_STR(proto(16, 6), "NETLINK_XFRM");
	CHECK_STR(proto(1, 0), "0");
	CHECK_STR(proto(17, 768), "768");
}

/* Whatever hint the contract names has to be known here. */
TEST(all_hints_of_the_contract_are_known)
{
	struct reel_hint h;

	for (const struct reel_type *t = reel_types; t->name; t++) {
		for (unsigned i = 0; i < t->n_fields; i++) {
			const char *hint = t->fields[i].hint;

			/* How bytes are shown is no name of a value. */
			if (reel_field_is_string(&t->fields[i]))
				continue;
			if (reel_hint_init(&h, hint) < 0)
				T_FAIL("%s.%s: no hint %s", t->name, t->fields[i].name, hint);
		}
	}
}

TEST(addresses)
{
	static const char *const texts[] = {
		"::",
		"::1",
		"1::",
		"fe80::1",
		"2001:db8::1:0:0:1",
		"2001:db8:0:1:1:1:1:1",
		"2001:0:0:1::1",
		"1:2:3:4:5:6:7:8",
		"ff02::1:ff00:42",
		"::2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7:0",
		"a:b:c:d:e:f::",
		"0:0:1::",
		"64:ff9b::102:304",
	};
	uint8_t addr[16];
	char want[INET6_ADDRSTRLEN];
	uint32_t seed = 1;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		REQUIRE(inet_pton(AF_INET6, texts[i], addr) == 1);
		inet_ntop(AF_INET6, addr, want, sizeof(want));
		if (strcmp(texts[i], "::2:3:4:5:6:7:8") && strcmp(texts[i], "0:0:1::"))
			CHECK_STR(address(addr), texts[i]);
		CHECK_STR(address(addr), want);
	}
	REQUIRE(inet_pton(AF_INET6, "::ffff:192.0.2.1", addr) == 1);
	CHECK_STR(address(addr), "192.0.2.1");
	REQUIRE(inet_pton(AF_INET6, "::ffff:0.0.0.0", addr) == 1);
	CHECK_STR(address(addr), "0.0.0.0");
	for (int n = 0; n < 20000; n++) {
		for (int i = 0; i < 16; i += 2) {
			seed = seed * 1103515245 + 12345;
			addr[i] = seed >> 28 < 6 ? (uint8_t)(seed >> 16) : 0;
			addr[i + 1] = seed >> 30 ? 0 : (uint8_t)(seed >> 20);
		}
		addr[0] = 0x20;
		inet_ntop(AF_INET6, addr, want, sizeof(want));
		CHECK_STR(address(addr), want);
	}
}
