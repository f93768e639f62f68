/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The few kernel types that the programs touch, and of them only the members that are touched. The
 * offsets are those of the running kernel: libbpf puts them in when it loads the programs (CO-RE).
 * A name with three underscores is the same type in another kernel.
 */
#ifndef REEL_BPF_KERNEL_H
#define REEL_BPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>

typedef _Bool bool;
#define NULL ((void *)0)
enum { false, true };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};
struct hlist_bl_node {
	struct hlist_bl_node *next, **pprev;
};
typedef struct { int counter; } atomic_t;
typedef struct { unsigned int val; } kuid_t;
typedef struct { unsigned int val; } kgid_t;
typedef struct { __u64 val; } kernel_cap_t;
struct kernel_cap_struct___old {
	__u32 cap[2];
};
typedef struct { unsigned long sig[1]; } sigset_t;

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};

/* Files */

struct qstr {
	union {
		struct {
			__u32 hash;
			__u32 len;
		};
		__u64 hash_len;
	};
	const unsigned char *name;
};
union shortname_store {
	unsigned char string[40];
	unsigned long words[5];
};
struct seqcount {
	unsigned int sequence;
};
struct seqcount_spinlock {
	struct seqcount seqcount;
};
struct dentry {
	unsigned int d_flags;
	struct seqcount_spinlock d_seq;
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	union shortname_store d_shortname;
	struct super_block *d_sb;
};
struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	int mnt_flags;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
	int mnt_id;
	const char *mnt_devname;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file_system_type {
	const char *name;
};
struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
	struct file_system_type *s_type;
	void *s_fs_info;
};
struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
};
struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	unsigned int i_rdev;
	struct super_block *i_sb;
	long long i_size;
	void *i_private;
};
struct file {
	unsigned int f_mode;
	unsigned int f_flags;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
	const void *f_op;
	long long f_pos;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *close_on_exec;
	unsigned long *open_fds;
};
struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};
struct fs_struct {
	struct path root;
	struct path pwd;
};
struct filename {
	const char *name;
};

/* Processes */

struct proc_ns_operations {
	const char *name;
};
struct ns_common {
	const struct proc_ns_operations *ops;
	unsigned int inum;
};
struct uts_namespace {
	struct ns_common ns;
};
struct ipc_namespace {
	struct ns_common ns;
};
struct mnt_namespace {
	struct ns_common ns;
	struct mount *root;
};
struct user_namespace {
	struct ns_common ns;
};
struct cgroup_namespace {
	struct ns_common ns;
};
struct pid_namespace {
	struct ns_common ns;
	unsigned int level;
};
struct net {
	struct ns_common ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct cgroup_namespace *cgroup_ns;
};
struct group_info {
	int ngroups;
	kgid_t gid[];
};
struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	kernel_cap_t cap_bset;
	kernel_cap_t cap_ambient;
	struct user_namespace *user_ns;
	struct group_info *group_info;
};
struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	unsigned long start_stack;
	struct file *exe_file;
};
struct vm_area_struct {
	unsigned long vm_start, vm_end;
	unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file *vm_file;
	struct mm_struct *vm_mm;
};
struct kernfs_node {
	__u64 id;
	const char *name;
	struct kernfs_node *parent;
};
struct kernfs_node___new {
	struct kernfs_node *__parent;
};
struct cgroup {
	struct kernfs_node *kn;
	int level;
	struct cgroup_root *root;
};
struct cgroup_root {
	int hierarchy_id;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
};
struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};
struct task_io_accounting {
	__u64 rchar, wchar, read_bytes, write_bytes;
};
struct tty_driver {
	int major, minor_start;
};
struct tty_struct {
	struct tty_driver *driver;
	int index;
};
struct sigpending {
	sigset_t signal;
};
struct signal_struct {
	int nr_threads;
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	struct pid *pids[4];
	struct tty_struct *tty;
	__u64 utime, stime;
	unsigned long long sum_sched_runtime;
	struct task_io_accounting ioac;
};
struct seccomp {
	int mode;
};
struct thread_info {
	unsigned int status;
};
struct rq {
	struct task_struct *curr;
	int cpu;
};
struct cfs_rq {
	struct rq *rq;
};
struct sched_entity {
	__u64 sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};
struct restart_block;
struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	int on_cpu;
	void *stack;
	unsigned int flags;
	struct sched_entity se;
	struct mm_struct *mm;
	int exit_code;
	int exit_state;
	unsigned int personality;
	unsigned long atomic_flags;
	int pid, tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_time;
	__u64 start_boottime;
	const struct cred *real_cred;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	struct sigpending pending;
	kuid_t loginuid;
	unsigned int sessionid;
	struct seccomp seccomp;
	struct task_io_accounting ioac;
	struct css_set *cgroups;
};
struct module {
	char name[56];
};
struct bpf_map {
	__u32 id;
};
struct bpf_prog_aux {
	__u32 id;
};
struct bpf_prog {
	struct bpf_prog_aux *aux;
};
struct bpf_link {
	__u32 id;
};
struct linux_binprm {
	struct file *executable;
	struct file *file;
	const char *filename;
	const char *interp;
	const char *fdpath;
	int argc, envc;
};
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};
union __sifields {
	struct {
		void *_addr;
	} _sigfault;
};
struct kernel_siginfo {
	int si_signo, si_errno, si_code;
	union __sifields _sifields;
};
struct sigaction {
	void (*sa_handler)(int);
};
struct k_sigaction {
	struct sigaction sa;
};
struct sighand_struct {
	struct k_sigaction action[64];
};

/* Sockets */

struct in6_addr {
	__u32 words[4];
};
struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
};
struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	int sk_err;
	struct socket *sk_socket;
};
struct socket {
	struct sock *sk;
};
struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};
struct inet_sock {
	struct sock sk;
	__u16 inet_sport;
};
struct tcp_sock {
	__u64 bytes_received;
	__u64 bytes_sent;
	__u64 bytes_retrans;
};
struct sockaddr_un {
	char sun_path[108];
};
struct unix_address {
	int len;
	struct sockaddr_un name[0];
};
struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
};

/* io_uring. A request has what its operation needs at its own beginning. */

struct io_cqe {
	__u64 user_data;
	__s32 res;
	int fd;
};
struct io_ring_ctx {
	unsigned int compat : 1;
	void *sq_data;
};
struct io_kiocb {
	struct file *file;
	__u8 opcode;
	unsigned int flags;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	void *async_data;
};
struct io_uring_cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};
struct open_how {
	__u64 flags;
	__u64 mode;
};
struct io_open {
	int dfd;
	__u32 file_slot;
	struct filename *filename;
	struct open_how how;
};
struct io_close {
	int fd;
	__u32 file_slot;
};
struct io_rw {
	__u64 addr;
	__u32 len;
};
struct io_connect {
	void *addr;
	int addr_len;
};
struct io_accept {
	__u32 file_slot;
	int iou_flags;
};
struct io_sr_msg {
	void *buf;
	unsigned int len;
	unsigned int msg_flags;
	__u16 flags;
	__u16 addr_len;
	void *addr;
};
struct io_rename {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};
struct io_unlink {
	int dfd;
	int flags;
	struct filename *filename;
};
struct io_mkdir {
	int dfd;
	unsigned short mode;
	struct filename *filename;
};
struct io_link {
	int old_dfd, new_dfd;
	struct filename *oldpath, *newpath;
	int flags;
};
struct io_socket {
	int domain, type, protocol;
	__u32 file_slot;
};
struct io_shutdown {
	int how;
};
struct io_listen {
	int backlog;
};
struct io_bind {
	int addr_len;
};
struct io_splice {
	__u64 len;
	int splice_fd_in;
	unsigned int flags;
};
struct io_statx {
	int dfd;
	unsigned int flags;
	struct filename *filename;
};
struct io_ftrunc {
	long long len;
};
struct io_pipe {
	int *fds;
	int flags;
	int file_slot;
};
struct io_fixed_install {
	unsigned int o_flags;
};
struct xattr_name {
	char name[256];
};
struct xattr_ctx {
	void *kvalue;
	unsigned long size;
	struct xattr_name *kname;
	unsigned int flags;
};
struct io_xattr {
	struct xattr_ctx ctx;
	struct filename *filename;
};
struct __kernel_sockaddr_storage {
	unsigned short ss_family;
};
struct msghdr {
	void *msg_name;
	int msg_namelen;
};
struct io_async_msghdr {
	struct msghdr msg;
	struct __kernel_sockaddr_storage addr;
};

#pragma clang attribute pop

#endif
