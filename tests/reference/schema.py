# SPDX-License-Identifier: BSD-2-Clause
"""What types of events there are and what their fields are called; names of the kernel's numbers."""

import errno
import json
import mmap
import os
import re
import signal
import socket
import stat
import subprocess

SRC = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(SRC, ".output")
REEL = os.environ.get("REEL", os.path.join(OUT, "reel"))
TELL = os.environ.get("TELL", os.path.join(OUT, "bench", "tell"))

INTS = {"u8", "u16", "u32", "u64", "s32", "s64", "result"}
STRINGS = {"path", "text", "bytes"}


class Field:
    def __init__(self, name, kind, hint, optional=False, key=None):
        self.name, self.kind, self.hint, self.optional = name, kind, hint, optional
        self.key = key or name

    @property
    def family(self):
        """What it is compared as: int, str, args or addr."""
        if self.kind in INTS:
            return "int"
        if self.kind == "addr":
            return "addr"
        return "args" if self.kind == "args" else "str"


class Type:
    def __init__(self, name, class_name, aliases):
        self.name, self.class_name, self.aliases, self.fields = name, class_name, aliases, {}

    def __repr__(self):
        return self.name


def ask(*args):
    out = subprocess.run([REEL, "list", *args, "--json"], check=True, capture_output=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def load_types():
    types = {}
    for t in ask("events"):
        types[t["name"]] = Type(t["name"], t["class"], t["aliases"])
    for f in ask("fields"):
        types[f["type"]].fields[f["field"]] = Field(f["field"], f["kind"], f["hint"],
                                                    f["optional"], f["key"])
    return types


TYPES = load_types()
BY_CALL = {a: t for t in TYPES.values() for a in t.aliases}
CLASSES = {"process": 1, "file": 2, "io": 3, "net": 4, "priv": 5, "mem": 6, "kernel": 7, "ipc": 8,
           "look": 9, "sys": 10, "user": 11, "state": 12, "tape": 13}

# What every event has, and what every process has.
EVENT_FIELDS = {f.name: f for f in [
    Field("type", "text", ""), Field("pid", "u32", "pid"), Field("tid", "u32", "pid"),
    Field("cpu", "u16", "dec"), Field("ret", "s64", "errno_or_result"),
    Field("errno", "u32", "errno"), Field("syscall", "text", ""),
    Field("fault", "u8", "bool"), Field("truncated", "u8", "bool"), Field("raced", "u8", "bool"),
    Field("blocked", "u8", "bool"), Field("restarted", "u8", "bool"),
    Field("partial", "u8", "bool"), Field("keyframe", "u8", "bool"),
    Field("pathname", "path", ""), Field("filename", "path", "")]}
PROCESS_FIELDS = {f.name: f for f in [
    Field("exe", "path", ""), Field("comm", "text", ""), Field("cmdline", "text", ""),
    Field("argv", "args", ""), Field("cwd", "path", ""), Field("root", "path", ""),
    Field("user", "text", ""), *[Field(n, "u32", "dec") for n in (
        "uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid", "loginuid", "ppid", "sid",
        "pgid", "tty", "mnt_ns", "pid_ns", "net_ns", "user_ns", "uts_ns", "ipc_ns", "cgroup_ns")],
    *[Field(n, "u64", "caps") for n in (
        "cap_effective", "cap_permitted", "cap_inheritable", "cap_bounding", "cap_ambient")],
    Field("seccomp_mode", "u8", "off|strict|filter"), Field("no_new_privs", "u8", "bool"),
    Field("kernel_thread", "u8", "bool"), Field("container.id", "text", ""),
    Field("container.name", "text", ""), Field("container.image", "text", ""),
    Field("container.runtime", "u8", "unknown|docker|podman|containerd|cri-o"),
    Field("container.privileged", "u8", "bool"), Field("host", "text", "")]}

CAPS = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
PERFMON BPF CHECKPOINT_RESTORE""".split()
CLONES = {"CLONE_VM": 0x100, "CLONE_FS": 0x200, "CLONE_FILES": 0x400, "CLONE_SIGHAND": 0x800,
          "CLONE_PIDFD": 0x1000, "CLONE_PTRACE": 0x2000, "CLONE_VFORK": 0x4000,
          "CLONE_PARENT": 0x8000, "CLONE_THREAD": 0x10000, "CLONE_NEWNS": 0x20000,
          "CLONE_NEWCGROUP": 0x2000000, "CLONE_NEWUTS": 0x4000000, "CLONE_NEWIPC": 0x8000000,
          "CLONE_NEWUSER": 0x10000000, "CLONE_NEWPID": 0x20000000, "CLONE_NEWNET": 0x40000000}
PTRACE = {"PTRACE_TRACEME": 0, "PTRACE_PEEKTEXT": 1, "PTRACE_PEEKDATA": 2, "PTRACE_POKETEXT": 4,
          "PTRACE_POKEDATA": 5, "PTRACE_ATTACH": 16, "PTRACE_SETREGS": 13,
          "PTRACE_SEIZE": 0x4206, "PTRACE_INTERRUPT": 0x4207}


def of_module(module, prefix):
    return lambda name: getattr(module, name, None) if name.startswith(prefix) else None


def of_table(table):
    return table.get


LOOKUPS = {
    "open_flags": of_module(os, "O_"), "fd_flags": of_module(os, "O_"),
    "memfd_flags": of_module(os, "MFD_"),
    "errno": of_module(errno, "E"), "sig": of_module(signal, "SIG"),
    "family": of_module(socket, "AF_"), "sock_type": of_module(socket, "SOCK_"),
    "proto": of_module(socket, "IPPROTO_"), "send_flags": of_module(socket, "MSG_"),
    "prot": of_module(mmap, "PROT_"), "map_flags": of_module(mmap, "MAP_"),
    "mode": of_module(stat, "S_I"), "oct": of_module(stat, "S_I"),
    "caps": of_table({"CAP_" + name: 1 << i for i, name in enumerate(CAPS)}),
    "clone_flags": of_table(CLONES), "ns_flags": of_table(CLONES),
    "ptrace_request": of_table(PTRACE), "class": of_table(CLASSES),
    "bool": of_table({"true": 1, "false": 0}),
    "at_flags": of_table({"AT_SYMLINK_NOFOLLOW": 0x100, "AT_REMOVEDIR": 0x200,
                          "AT_EACCESS": 0x200, "AT_SYMLINK_FOLLOW": 0x400,
                          "AT_EMPTY_PATH": 0x1000}),
    "unlink_flags": of_table({"AT_REMOVEDIR": 0x200}),
    "rename_flags": of_table({"RENAME_NOREPLACE": 1, "RENAME_EXCHANGE": 2, "RENAME_WHITEOUT": 4}),
    "prctl_option": of_table({"PR_SET_NAME": 15, "PR_SET_DUMPABLE": 4, "PR_SET_PDEATHSIG": 1,
                              "PR_SET_NO_NEW_PRIVS": 38, "PR_SET_SECCOMP": 22}),
}


def number_of(hint, name):
    """The number that a name stands for under a field's hint; None: there is none."""
    if "|" in hint:
        labels = hint.split("|")
        return labels.index(name) if name in labels else None
    total = 0
    for part in name.split("|"):
        value = LOOKUPS[hint](part) if hint in LOOKUPS else None
        if value is None:
            if not re.fullmatch(r"0x[0-9a-fA-F]+|\d+", part):
                return None
            value = int(part, 8 if re.fullmatch(r"0\d+", part) else 0)
        total |= int(value)
    return total
