/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that are sets of bits, a row a name. */
#include "format/names_tables.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/kexec.h>
#include <linux/memfd.h>
#include <linux/sched.h>

#define FLAG NAME_FLAG
#define FLAG64 NAME_FLAG64
#define PART NAME_PART
#define AS NAME_BIT_AS

/* O_LARGEFILE by number: libc says 0 where all files may be large, the kernel sets the bit. */
#define STATUS_FLAGS						\
	FLAG(O_CREAT),						\
	FLAG(O_EXCL),						\
	FLAG(O_NOCTTY),						\
	FLAG(O_TRUNC),						\
	FLAG(O_APPEND),						\
	FLAG(O_NONBLOCK),					\
	FLAG(O_SYNC),						\
	FLAG(O_DSYNC),						\
	FLAG(O_ASYNC),						\
	FLAG(O_DIRECT),						\
	AS(0100000, "O_LARGEFILE"),				\
	FLAG(O_TMPFILE),					\
	FLAG(O_DIRECTORY),					\
	FLAG(O_NOFOLLOW),					\
	FLAG(O_NOATIME),					\
	FLAG(O_CLOEXEC),					\
	FLAG(O_PATH)

static const struct name_row open_flags[] = {
	PART(O_ACCMODE, O_RDONLY),
	PART(O_ACCMODE, O_WRONLY),
	PART(O_ACCMODE, O_RDWR),
	PART(O_ACCMODE, O_ACCMODE),
	STATUS_FLAGS,
};

/* Of calls that take some flags of open(), but not how the file is accessed. */
static const struct name_row fd_flags[] = {
	STATUS_FLAGS,
};

#define SOCK_TYPE_MASK 0xf

static const struct name_row sock_types[] = {
	PART(SOCK_TYPE_MASK, SOCK_STREAM),
	PART(SOCK_TYPE_MASK, SOCK_DGRAM),
	PART(SOCK_TYPE_MASK, SOCK_RAW),
	PART(SOCK_TYPE_MASK, SOCK_RDM),
	PART(SOCK_TYPE_MASK, SOCK_SEQPACKET),
	PART(SOCK_TYPE_MASK, SOCK_DCCP),
	PART(SOCK_TYPE_MASK, SOCK_PACKET),
	FLAG(SOCK_CLOEXEC),
	FLAG(SOCK_NONBLOCK),
};

static const struct name_row prots[] = {
	FLAG(PROT_READ),
	FLAG(PROT_WRITE),
	FLAG(PROT_EXEC),
	AS(0x8, "PROT_SEM"),
	FLAG(PROT_GROWSDOWN),
	FLAG(PROT_GROWSUP),
};

#define HUGE_MASK ((uint64_t)0x3f << 26)
#define HUGE_PART(log2, name)                           \
	{                                               \
		HUGE_MASK, (uint64_t)(log2) << 26, name \
	}

static const struct name_row map_flags[] = {
	PART(MAP_TYPE, MAP_SHARED),
	PART(MAP_TYPE, MAP_PRIVATE),
	PART(MAP_TYPE, MAP_SHARED_VALIDATE),
	{ MAP_TYPE, 0x8, "MAP_DROPPABLE" },
	FLAG(MAP_FIXED),
	FLAG(MAP_ANONYMOUS),
	AS(0x40, "MAP_32BIT"),
	AS(0x80, "MAP_ABOVE4G"),
	FLAG(MAP_GROWSDOWN),
	FLAG(MAP_DENYWRITE),
	FLAG(MAP_EXECUTABLE),
	FLAG(MAP_LOCKED),
	FLAG(MAP_NORESERVE),
	FLAG(MAP_POPULATE),
	FLAG(MAP_NONBLOCK),
	FLAG(MAP_STACK),
	FLAG(MAP_HUGETLB),
	FLAG(MAP_SYNC),
	FLAG(MAP_FIXED_NOREPLACE),
	HUGE_PART(21, "MAP_HUGE_2MB"),
	HUGE_PART(30, "MAP_HUGE_1GB"),
};

static const struct name_row memfd_flags[] = {
	FLAG(MFD_CLOEXEC),
	FLAG(MFD_ALLOW_SEALING),
	FLAG(MFD_HUGETLB),
	AS(0x8, "MFD_NOEXEC_SEAL"),
	AS(0x10, "MFD_EXEC"),
	HUGE_PART(21, "MFD_HUGE_2MB"),
	HUGE_PART(30, "MFD_HUGE_1GB"),
	/* memfd_secret() has one flag, which is that of open() */
	FLAG(O_CLOEXEC),
};

#define NAMESPACE_FLAGS						\
	FLAG(CLONE_NEWTIME),					\
	FLAG(CLONE_NEWNS),					\
	FLAG(CLONE_NEWCGROUP),					\
	FLAG(CLONE_NEWUTS),					\
	FLAG(CLONE_NEWIPC),					\
	FLAG(CLONE_NEWUSER),					\
	FLAG(CLONE_NEWPID),					\
	FLAG(CLONE_NEWNET)

static const struct name_row clone_flags[] = {
	FLAG(CLONE_VM),
	FLAG(CLONE_FS),
	FLAG(CLONE_FILES),
	FLAG(CLONE_SIGHAND),
	FLAG(CLONE_PIDFD),
	FLAG(CLONE_PTRACE),
	FLAG(CLONE_VFORK),
	FLAG(CLONE_PARENT),
	FLAG(CLONE_THREAD),
	FLAG(CLONE_SYSVSEM),
	FLAG(CLONE_SETTLS),
	FLAG(CLONE_PARENT_SETTID),
	FLAG(CLONE_CHILD_CLEARTID),
	FLAG(CLONE_DETACHED),
	FLAG(CLONE_UNTRACED),
	FLAG(CLONE_CHILD_SETTID),
	NAMESPACE_FLAGS,
	FLAG(CLONE_IO),
	FLAG64(CLONE_CLEAR_SIGHAND),
	FLAG64(CLONE_INTO_CGROUP),
};

/* unshare() also takes what a thread may stop to share. */
static const struct name_row ns_flags[] = {
	NAMESPACE_FLAGS,
	FLAG(CLONE_FS),
	FLAG(CLONE_FILES),
	FLAG(CLONE_SYSVSEM),
	FLAG(CLONE_VM),
	FLAG(CLONE_SIGHAND),
	FLAG(CLONE_THREAD),
};

static const struct name_row mount_flags[] = {
	PART(MS_MGC_MSK, MS_MGC_VAL),
	FLAG(MS_RDONLY),
	FLAG(MS_NOSUID),
	FLAG(MS_NODEV),
	FLAG(MS_NOEXEC),
	FLAG(MS_SYNCHRONOUS),
	FLAG(MS_REMOUNT),
	FLAG(MS_MANDLOCK),
	FLAG(MS_DIRSYNC),
	FLAG(MS_NOSYMFOLLOW),
	FLAG(MS_NOATIME),
	FLAG(MS_NODIRATIME),
	FLAG(MS_BIND),
	FLAG(MS_MOVE),
	FLAG(MS_REC),
	FLAG(MS_SILENT),
	FLAG(MS_POSIXACL),
	FLAG(MS_UNBINDABLE),
	FLAG(MS_PRIVATE),
	FLAG(MS_SLAVE),
	FLAG(MS_SHARED),
	FLAG(MS_RELATIME),
	FLAG(MS_KERNMOUNT),
	FLAG(MS_I_VERSION),
	FLAG(MS_STRICTATIME),
	FLAG(MS_LAZYTIME),
};

/* By number: the headers of libc and of the kernel that have these exclude each other. */
static const struct name_row umount_flags[] = {
	AS(0x1, "MNT_FORCE"),
	AS(0x2, "MNT_DETACH"),
	AS(0x4, "MNT_EXPIRE"),
	AS(0x8, "UMOUNT_NOFOLLOW"),
};

static const struct name_row unlink_flags[] = {
	FLAG(AT_REMOVEDIR),
};

static const struct name_row rename_flags[] = {
	FLAG(RENAME_NOREPLACE),
	FLAG(RENAME_EXCHANGE),
	FLAG(RENAME_WHITEOUT),
};

static const struct name_row at_flags[] = {
	FLAG(AT_SYMLINK_NOFOLLOW),
	FLAG(AT_EACCESS),
	FLAG(AT_SYMLINK_FOLLOW),
	FLAG(AT_NO_AUTOMOUNT),
	FLAG(AT_EMPTY_PATH),
	AS(0x2000, "AT_STATX_FORCE_SYNC"),
	AS(0x4000, "AT_STATX_DONT_SYNC"),
	AS(0x8000, "AT_RECURSIVE"),
	AS(0x10000, "AT_EXECVE_CHECK"),
};

static const struct name_row access_modes[] = {
	FLAG(R_OK),
	FLAG(W_OK),
	FLAG(X_OK),
};

static const struct name_row send_flags[] = {
	FLAG(MSG_OOB),
	FLAG(MSG_PEEK),
	FLAG(MSG_DONTROUTE),
	FLAG(MSG_CTRUNC),
	FLAG(MSG_PROXY),
	FLAG(MSG_TRUNC),
	FLAG(MSG_DONTWAIT),
	FLAG(MSG_EOR),
	FLAG(MSG_WAITALL),
	FLAG(MSG_FIN),
	FLAG(MSG_SYN),
	FLAG(MSG_CONFIRM),
	FLAG(MSG_RST),
	FLAG(MSG_ERRQUEUE),
	FLAG(MSG_NOSIGNAL),
	FLAG(MSG_MORE),
	FLAG(MSG_WAITFORONE),
	FLAG(MSG_BATCH),
	AS(0x2000000, "MSG_SOCK_DEVMEM"),
	FLAG(MSG_ZEROCOPY),
	FLAG(MSG_FASTOPEN),
	FLAG(MSG_CMSG_CLOEXEC),
};

/* The two calls use the same bits for different things. */
static const struct name_row kexec_flags[] = {
	FLAG(KEXEC_ON_CRASH),
	FLAG(KEXEC_PRESERVE_CONTEXT),
	AS(0x4, "KEXEC_UPDATE_ELFCOREHDR"),
	AS(0x8, "KEXEC_CRASH_HOTPLUG_SUPPORT"),
	PART(KEXEC_ARCH_MASK, KEXEC_ARCH_386),
	PART(KEXEC_ARCH_MASK, KEXEC_ARCH_X86_64),
	PART(KEXEC_ARCH_MASK, KEXEC_ARCH_AARCH64),
	PART(KEXEC_ARCH_MASK, KEXEC_ARCH_RISCV),
};

static const struct name_row kexec_file_flags[] = {
	FLAG(KEXEC_FILE_UNLOAD),
	FLAG(KEXEC_FILE_ON_CRASH),
	FLAG(KEXEC_FILE_NO_INITRAMFS),
	AS(0x8, "KEXEC_FILE_DEBUG"),
};

static const struct name_row io_uring_flags[] = {
	FLAG(IORING_SETUP_IOPOLL),
	FLAG(IORING_SETUP_SQPOLL),
	FLAG(IORING_SETUP_SQ_AFF),
	FLAG(IORING_SETUP_CQSIZE),
	FLAG(IORING_SETUP_CLAMP),
	FLAG(IORING_SETUP_ATTACH_WQ),
	FLAG(IORING_SETUP_R_DISABLED),
	FLAG(IORING_SETUP_SUBMIT_ALL),
	FLAG(IORING_SETUP_COOP_TASKRUN),
	FLAG(IORING_SETUP_TASKRUN_FLAG),
	FLAG(IORING_SETUP_SQE128),
	FLAG(IORING_SETUP_CQE32),
	FLAG(IORING_SETUP_SINGLE_ISSUER),
	FLAG(IORING_SETUP_DEFER_TASKRUN),
	AS(1 << 14, "IORING_SETUP_NO_MMAP"),
	AS(1 << 15, "IORING_SETUP_REGISTERED_FD_ONLY"),
	AS(1 << 16, "IORING_SETUP_NO_SQARRAY"),
	AS(1 << 17, "IORING_SETUP_HYBRID_IOPOLL"),
	AS(1 << 18, "IORING_SETUP_CQE_MIXED"),
};

static const struct name_row inode_flags[] = {
	FLAG(FS_SECRM_FL),
	FLAG(FS_UNRM_FL),
	FLAG(FS_COMPR_FL),
	FLAG(FS_SYNC_FL),
	FLAG(FS_IMMUTABLE_FL),
	FLAG(FS_APPEND_FL),
	FLAG(FS_NODUMP_FL),
	FLAG(FS_NOATIME_FL),
	FLAG(FS_DIRTY_FL),
	FLAG(FS_COMPRBLK_FL),
	FLAG(FS_NOCOMP_FL),
	FLAG(FS_ENCRYPT_FL),
	FLAG(FS_INDEX_FL),
	FLAG(FS_IMAGIC_FL),
	FLAG(FS_JOURNAL_DATA_FL),
	FLAG(FS_NOTAIL_FL),
	FLAG(FS_DIRSYNC_FL),
	FLAG(FS_TOPDIR_FL),
	FLAG(FS_HUGE_FILE_FL),
	FLAG(FS_EXTENT_FL),
	FLAG(FS_VERITY_FL),
	FLAG(FS_EA_INODE_FL),
	FLAG(FS_EOFBLOCKS_FL),
	FLAG(FS_NOCOW_FL),
	FLAG(FS_DAX_FL),
	FLAG(FS_INLINE_DATA_FL),
	FLAG(FS_PROJINHERIT_FL),
	FLAG(FS_CASEFOLD_FL),
	FLAG(FS_RESERVED_FL),
};

/* Numbers of the lowest byte have several names each; the first is enough. */
static const struct name_row personalities[] = {
	{ UINT32_MAX, UINT32_MAX, "0xffffffff" }, /* a question, no set of bits */
	{ PER_MASK, PER_SVR4 &PER_MASK, "PER_SVR4" },
	PART(PER_MASK, PER_BSD),
	PART(PER_MASK, PER_LINUX32),
	FLAG(UNAME26),
	FLAG(ADDR_NO_RANDOMIZE),
	FLAG(FDPIC_FUNCPTRS),
	FLAG(MMAP_PAGE_ZERO),
	FLAG(ADDR_COMPAT_LAYOUT),
	FLAG(READ_IMPLIES_EXEC),
	FLAG(ADDR_LIMIT_32BIT),
	FLAG(SHORT_INODE),
	FLAG(WHOLE_SECONDS),
	FLAG(STICKY_TIMEOUTS),
	FLAG(ADDR_LIMIT_3GB),
};

#define CAP(macro)                                                     \
	{                                                              \
		(uint64_t)1 << (macro), (uint64_t)1 << (macro), #macro \
	}
#define ALL_CAPS (((uint64_t)2 << CAP_CHECKPOINT_RESTORE) - 1)

static const struct name_row capabilities[] = {
	{ ALL_CAPS, ALL_CAPS, "full" },
	CAP(CAP_CHOWN),
	CAP(CAP_DAC_OVERRIDE),
	CAP(CAP_DAC_READ_SEARCH),
	CAP(CAP_FOWNER),
	CAP(CAP_FSETID),
	CAP(CAP_KILL),
	CAP(CAP_SETGID),
	CAP(CAP_SETUID),
	CAP(CAP_SETPCAP),
	CAP(CAP_LINUX_IMMUTABLE),
	CAP(CAP_NET_BIND_SERVICE),
	CAP(CAP_NET_BROADCAST),
	CAP(CAP_NET_ADMIN),
	CAP(CAP_NET_RAW),
	CAP(CAP_IPC_LOCK),
	CAP(CAP_IPC_OWNER),
	CAP(CAP_SYS_MODULE),
	CAP(CAP_SYS_RAWIO),
	CAP(CAP_SYS_CHROOT),
	CAP(CAP_SYS_PTRACE),
	CAP(CAP_SYS_PACCT),
	CAP(CAP_SYS_ADMIN),
	CAP(CAP_SYS_BOOT),
	CAP(CAP_SYS_NICE),
	CAP(CAP_SYS_RESOURCE),
	CAP(CAP_SYS_TIME),
	CAP(CAP_SYS_TTY_CONFIG),
	CAP(CAP_MKNOD),
	CAP(CAP_LEASE),
	CAP(CAP_AUDIT_WRITE),
	CAP(CAP_AUDIT_CONTROL),
	CAP(CAP_SETFCAP),
	CAP(CAP_MAC_OVERRIDE),
	CAP(CAP_MAC_ADMIN),
	CAP(CAP_SYSLOG),
	CAP(CAP_WAKE_ALARM),
	CAP(CAP_BLOCK_SUSPEND),
	CAP(CAP_AUDIT_READ),
	CAP(CAP_PERFMON),
	CAP(CAP_BPF),
	CAP(CAP_CHECKPOINT_RESTORE),
};

const struct name_table name_flag_tables[] = {
	NAME_TABLE("open_flags", NAME_BITS, open_flags),
	NAME_TABLE("fd_flags", NAME_BITS, fd_flags),
	NAME_TABLE("sock_type", NAME_BITS, sock_types),
	NAME_TABLE("prot", NAME_BITS, prots),
	NAME_TABLE("map_flags", NAME_BITS, map_flags),
	NAME_TABLE("memfd_flags", NAME_BITS, memfd_flags),
	NAME_TABLE("clone_flags", NAME_CLONE, clone_flags),
	NAME_TABLE("ns_flags", NAME_BITS, ns_flags),
	NAME_TABLE("mount_flags", NAME_BITS, mount_flags),
	NAME_TABLE("umount_flags", NAME_BITS, umount_flags),
	NAME_TABLE("unlink_flags", NAME_BITS, unlink_flags),
	NAME_TABLE("rename_flags", NAME_BITS, rename_flags),
	NAME_TABLE("at_flags", NAME_BITS, at_flags),
	NAME_TABLE("access_mode", NAME_BITS, access_modes),
	NAME_TABLE("send_flags", NAME_BITS, send_flags),
	NAME_TABLE("kexec_flags", NAME_BITS, kexec_flags),
	NAME_TABLE("kexec_file_flags", NAME_BITS, kexec_file_flags),
	NAME_TABLE("io_uring_flags", NAME_BITS, io_uring_flags),
	NAME_TABLE("setflags", NAME_BITS, inode_flags),
	NAME_TABLE("personality", NAME_BITS, personalities),
	NAME_TABLE("caps", NAME_BITS, capabilities),
	{ .hint = NULL },
};
