/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/falco_args.h"

#include <stdio.h>
#include <string.h>

#include "format/names.h"

#define S FALCO_ARG_STRING
#define N FALCO_ARG_NAMED
#define RES(type)                                              \
	{                                                      \
		EV_##type, FALCO_ARG_RESULT, "res", NULL, NULL \
	}

const struct falco_arg falco_args[] = {
	RES(open),
	RES(create),
	RES(unlink),
	RES(rename),
	RES(link),
	RES(symlink),
	RES(mkdir),
	RES(rmdir),
	RES(chmod),
	RES(chown),
	RES(exec),
	RES(connect),
	RES(setuid),
	RES(setgid),
	RES(setns),
	RES(unshare),
	RES(ptrace),
	RES(mount),
	RES(umount),
	RES(init_module),
	RES(finit_module),
	RES(dup),
	RES(listen),
	RES(bind),
	RES(kill),
	RES(chroot),
	RES(chdir),
	RES(userfaultfd),
	RES(memfd_create),
	RES(capset),
	RES(prctl),
	RES(bpf),
	RES(mknod),
	{ EV_open, S, "name", "path", NULL },
	{ EV_open, N, "flags", "flags", NULL },
	{ EV_open, FALCO_ARG_MODE, "mode", "mode", NULL },
	{ EV_open, N, "fd", "fd", NULL },
	{ EV_open, N, "ino", "inode", NULL },
	{ EV_create, S, "name", "path", NULL },
	{ EV_create, FALCO_ARG_MODE, "mode", "mode", NULL },
	{ EV_create, N, "flags", "flags", NULL },
	{ EV_create, N, "fd", "fd", NULL },
	{ EV_open_by_handle, S, "path", "path", NULL },
	{ EV_open_by_handle, N, "flags", "flags", NULL },
	{ EV_open_by_handle, N, "fd", "fd", NULL },
	{ EV_open_by_handle, N, "mountfd", "mount_fd", NULL },
	{ EV_unlink, S, "path", "path", " unlink " },
	{ EV_unlink, S, "name", "path", " unlinkat " },
	{ EV_unlink, N, "flags", "flags", " unlinkat " },
	{ EV_rename, S, "oldpath", "oldpath", NULL },
	{ EV_rename, S, "newpath", "path", NULL },
	{ EV_rename, N, "flags", "flags", " renameat2 " },
	{ EV_link, S, "oldpath", "oldpath", NULL },
	{ EV_link, S, "newpath", "path", NULL },
	{ EV_link, N, "flags", "flags", " linkat " },
	{ EV_symlink, S, "target", "link_target", NULL },
	{ EV_symlink, S, "linkpath", "path", NULL },
	{ EV_mkdir, S, "path", "path", NULL },
	{ EV_mkdir, FALCO_ARG_MODE, "mode", "mode", NULL },
	{ EV_rmdir, S, "path", "path", NULL },
	{ EV_chmod, S, "filename", "path", " chmod fchmodat fchmodat2 " },
	{ EV_chmod, N, "fd", "fd", " fchmod " },
	{ EV_chmod, FALCO_ARG_MODE, "mode", "mode", NULL },
	{ EV_chown, S, "path", "path", " chown lchown " },
	{ EV_chown, S, "pathname", "path", " fchownat " },
	{ EV_chown, N, "fd", "fd", " fchown " },
	{ EV_chown, N, "uid", "owner", NULL },
	{ EV_chown, N, "gid", "group", NULL },
	{ EV_mknod, S, "path", "path", NULL },
	{ EV_mknod, FALCO_ARG_MODE, "mode", "mode", NULL },
	{ EV_mknod, N, "dev", "device", NULL },
	{ EV_mount, S, "dev", "source", NULL },
	{ EV_mount, S, "dir", "path", NULL },
	{ EV_mount, S, "type", "fstype", NULL },
	{ EV_mount, N, "flags", "flags", NULL },
	{ EV_umount, S, "name", "path", NULL },
	{ EV_umount, N, "flags", "flags", NULL },
	{ EV_chdir, S, "path", "path", " chdir " },
	{ EV_chroot, S, "path", "path", NULL },
	{ EV_exec, FALCO_ARG_RAW_PATH, "filename", "path", NULL },
	{ EV_exec, S, "exe", "path", NULL },
	{ EV_exec, S, "trusted_exepath", "exe", NULL },
	{ EV_exec, S, "comm", "comm", NULL },
	{ EV_exec, S, "cwd", "cwd", NULL },
	{ EV_exec, FALCO_ARG_ARGV, "args", "argv", NULL },
	{ EV_exec, N, "uid", "euid", NULL },
	{ EV_exec, N, "gid", "egid", NULL },
	{ EV_exec, N, "cap_effective", "cap_effective", NULL },
	{ EV_exec, N, "cap_permitted", "cap_permitted", NULL },
	{ EV_exec, N, "cap_inheritable", "cap_inheritable", NULL },
	{ EV_fork, N, "flags", "clone_flags", NULL },
	{ EV_fork, N, "vpid", "vpid", NULL },
	{ EV_socket, N, "domain", "family", NULL },
	{ EV_socket, N, "type", "sock_type", NULL },
	{ EV_socket, N, "proto", "proto", NULL },
	{ EV_socket, N, "fd", "fd", NULL },
	{ EV_connect, N, "fd", "fd", NULL },
	{ EV_connect, FALCO_ARG_CONNECTION, "tuple", NULL, NULL },
	{ EV_accept, N, "fd", "fd", NULL },
	{ EV_accept, FALCO_ARG_CONNECTION, "tuple", NULL, NULL },
	{ EV_bind, N, "fd", "fd", NULL },
	{ EV_bind, FALCO_ARG_CONNECTION, "addr", NULL, NULL },
	{ EV_listen, N, "fd", "fd", NULL },
	{ EV_listen, N, "backlog", "backlog", NULL },
	{ EV_send, N, "fd", "fd", NULL },
	{ EV_send, N, "size", "count", NULL },
	{ EV_send, FALCO_ARG_CONNECTION, "tuple", NULL, NULL },
	{ EV_send, S, "data", "content", NULL },
	{ EV_recv, N, "fd", "fd", NULL },
	{ EV_recv, N, "size", "count", NULL },
	{ EV_recv, FALCO_ARG_CONNECTION, "tuple", NULL, NULL },
	{ EV_recv, S, "data", "content", NULL },
	{ EV_read, N, "fd", "fd", NULL },
	{ EV_read, N, "size", "count", NULL },
	{ EV_read, S, "data", "content", NULL },
	{ EV_write, N, "fd", "fd", NULL },
	{ EV_write, N, "size", "count", NULL },
	{ EV_write, S, "data", "content", NULL },
	{ EV_ptrace, N, "request", "request", NULL },
	{ EV_ptrace, N, "pid", "target", NULL },
	{ EV_ptrace, N, "addr", "addr", NULL },
	{ EV_ptrace, N, "data", "data", NULL },
	{ EV_setuid, FALCO_ARG_ACCOUNT, "uid", "euid", " setuid " },
	{ EV_setuid, N, "ruid", "uid", " setreuid setresuid " },
	{ EV_setuid, FALCO_ARG_ACCOUNT, "euid", "euid", " setreuid setresuid " },
	{ EV_setuid, N, "suid", "suid", " setresuid " },
	{ EV_setgid, N, "gid", "egid", " setgid " },
	{ EV_setgid, N, "egid", "egid", " setregid setresgid " },
	{ EV_setns, N, "fd", "fd", NULL },
	{ EV_setns, N, "nstype", "flags", NULL },
	{ EV_unshare, N, "flags", "flags", NULL },
	{ EV_bpf, N, "cmd", "cmd", NULL },
	{ EV_bpf, N, "fd", "fd", NULL },
	{ EV_finit_module, N, "fd", "fd", NULL },
	{ EV_finit_module, S, "uargs", "params", NULL },
	{ EV_finit_module, N, "flags", "flags", NULL },
	{ EV_init_module, S, "uargs", "params", NULL },
	{ EV_init_module, N, "length", "length", NULL },
	{ EV_delete_module, S, "name", "name", NULL },
	{ EV_delete_module, N, "flags", "flags", NULL },
	{ EV_memfd_create, S, "name", "name", NULL },
	{ EV_memfd_create, N, "flags", "flags", NULL },
	{ EV_memfd_create, N, "fd", "fd", NULL },
	{ EV_userfaultfd, N, "flags", "flags", NULL },
	{ EV_dup, N, "fd", "newfd", NULL },
	{ EV_dup, N, "oldfd", "fd", NULL },
	{ EV_dup, N, "flags", "flags", " dup3 " },
	{ EV_kill, N, "pid", "target", NULL },
	{ EV_kill, N, "sig", "signal", NULL },
	{ EV_prctl, N, "option", "option", NULL },
	{ EV_prctl, S, "arg2_str", "text", NULL },
	{ EV_close, N, "fd", "fd", NULL },
	{ EV_mprotect, N, "prot", "prot", NULL },
	{ EV_mprotect, N, "addr", "addr", NULL },
	{ EV_mmap, N, "prot", "prot", NULL },
	{ EV_mmap, N, "flags", "flags", NULL },
	{ EV_mmap, N, "fd", "fd", NULL },
	{ EV_shutdown, N, "fd", "fd", NULL },
	{ EV_shutdown, N, "how", "how", NULL },
	{ EV_capset, N, "cap_effective", "cap_effective", NULL },
	{ EV_capset, N, "cap_permitted", "cap_permitted", NULL },
	{ EV_capset, N, "cap_inheritable", "cap_inheritable", NULL },
	{ EV_process_vm_readv, N, "pid", "target", NULL },
	{ EV_process_vm_writev, N, "pid", "target", NULL },
	{ 0 },
};

static bool has_call(const struct falco_arg *a, const struct reel_event *ev)
{
	const char *call;
	char wanted[40];

	if (!a->calls || !ev->call || EV_CALL_ABI(ev->call) == EV_ABI_NONE)
		return true;
	call = reel_syscall_name(EV_CALL_ABI(ev->call), EV_CALL_NUMBER(ev->call));
	if (!call)
		return true;
	snprintf(wanted, sizeof(wanted), " %s ", call);
	return strstr(a->calls, wanted) != NULL;
}

const struct falco_arg *falco_arg_find(const struct reel_event *ev, const char *name)
{
	for (const struct falco_arg *a = falco_args; a->name; a++)
		if (a->type == ev->type->id && strcmp(a->name, name) == 0 && has_call(a, ev))
			return a;
	return NULL;
}

bool falco_arg_types(const char *name, uint8_t ret[32])
{
	bool any = false;

	memset(ret, 0, 32);
	for (const struct falco_arg *a = falco_args; a->name; a++) {
		if (strcmp(a->name, name) != 0)
			continue;
		ret[a->type / 8] |= (uint8_t)(1u << a->type % 8);
		any = true;
	}
	return any;
}
