# SPDX-License-Identifier: BSD-2-Clause
"""What Falco's fields are, of an event as reel tells it."""

import errno
import ipaddress
import os

from predicate import UNKNOWN_VALUE, Str, args_values, own_value
from schema import CAPS

OPENS = ("open", "create", "open_by_handle")
SOCKETS = ("bind", "listen", "connect", "accept", "send", "recv")
# Whose peer is the server; of the others it is the client.
TO_SERVER = ("connect", "send")
OPEN_FLAGS = [(n, getattr(os, n)) for n in (
    "O_CREAT", "O_APPEND", "O_DSYNC", "O_EXCL", "O_NONBLOCK", "O_SYNC", "O_TRUNC", "O_DIRECT",
    "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")]
MODES = [("S_IXOTH", 0o1), ("S_IWOTH", 0o2), ("S_IROTH", 0o4), ("S_IXGRP", 0o10),
         ("S_IWGRP", 0o20), ("S_IRGRP", 0o40), ("S_IXUSR", 0o100), ("S_IWUSR", 0o200),
         ("S_IRUSR", 0o400), ("S_ISVTX", 0o1000), ("S_ISGID", 0o2000), ("S_ISUID", 0o4000)]
PTRACE = {0: "PTRACE_TRACEME", 16: "PTRACE_ATTACH", 0x4206: "PTRACE_SEIZE", 4: "PTRACE_POKETEXT",
          5: "PTRACE_POKEDATA", 13: "PTRACE_SETREGS"}
FAMILIES = {1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 17: "AF_PACKET", 16: "AF_NETLINK"}
BPF = {5: "BPF_PROG_LOAD", 0: "BPF_MAP_CREATE"}

KINDS = {"num": """evt.num evt.rawres fd.num fd.port fd.cport fd.sport fd.lport fd.rport proc.pid
proc.ppid proc.tty proc.vpid user.uid user.loginuid group.gid proc.nargs""",
         "bool": """evt.failed evt.is_open_read evt.is_open_write evt.is_open_create fd.connected
proc.is_exe_from_memfd proc.is_exe_upper_layer""",
         "ip": "fd.ip fd.cip fd.sip fd.lip fd.rip",
         "net": "fd.net fd.cnet fd.snet fd.lnet fd.rnet",
         "enum": "evt.arg.cmd evt.arg.uid",
         "str": """evt.type evt.res evt.arg.flags evt.arg.mode evt.arg.path evt.arg.name
evt.arg.oldpath evt.arg.newpath evt.arg.target evt.arg.linkpath evt.arg.domain evt.arg.request
evt.arg.filename fd.name fd.sip.name fd.rip.name
fd.directory fd.filename fd.nameraw fd.type fd.typechar fd.l4proto fd.sockfamily proc.name proc.exe
proc.exepath proc.args proc.cmdline proc.cwd proc.pname proc.pexe proc.pexepath proc.pcmdline
proc.aname proc.aexe proc.aexepath proc.acmdline user.name user.loginname group.name container.id
container.name container.image.repository thread.cap_effective thread.cap_permitted"""}
# What no event tells here.
NEVER = """container.privileged container.mounts container.start_ts container.duration k8s.ns.name k8s.pod.name
proc.env proc.duration proc.sname fd.name_changed fd.cip.name evt.args evt.arg.fd evt.buffer
evt.is_open_exec fd.sockfamily.name container.mount.dest proc.is_vpgid_leader
fd.lip.name proc.exe_ino.ctime proc.exe_ino.mtime proc.exe_ino.ctime_duration_proc_start""".split()
KIND = {name: kind for kind, names in KINDS.items() for name in names.split()}


def field_kind(name):
    return "str" if name in NEVER else KIND.get(name)


def text(s):
    return [s.encode()]


class Told:
    def __init__(self, ev, machine, number):
        self.ev, self.m, self.number, self.j = ev, machine, number, ev.json
        self.p = machine.process

    def is_event(self):
        """exec is seen when it succeeded; what the recorder tells of itself is nothing."""
        if self.ev.type.class_name in ("state", "tape") or self.p is None:
            return False
        if self.ev.type.name in ("fold", "flow", "dns", "cgroup_move", "tls", "tls_setup", "line"):
            return False
        return not (self.ev.type.name == "exec" and self.j["ret"] < 0) and \
            not self.j.get("blocked")

    def values(self, name, arg):
        """(values: none where it cannot be extracted, kind)"""
        if name in NEVER:
            return [], "str"
        head, _, rest = name.partition(".")
        if name.startswith("evt.arg."):
            found = self.argument(name[8:])
        else:
            found = getattr(self, head)(rest, arg)
        return [v.data if isinstance(v, Str) else v for v in found], KIND[name]

    # evt

    def evt(self, name, _):
        j, ret = self.j, self.j["ret"]
        if name == "num":
            return [self.number]
        if name == "type":
            if self.ev.type.name == "exit":
                return text("procexit")
            return text(j.get("syscall", self.ev.type.name))
        if name == "rawres":
            return [ret]
        if name == "failed":
            return [ret < 0]
        if name == "res":
            return text("SUCCESS" if ret >= 0 else errno.errorcode.get(-ret, str(ret)))
        if self.ev.type.name not in OPENS or j.get("syscall") == "creat":
            return [False]      # of whatever is no open
        mode = j["flags"] & 3
        return {"is_open_read": [mode in (0, 2)], "is_open_write": [mode in (1, 2)],
                "is_open_create": [bool(j["flags"] & os.O_CREAT)]}[name]

    def argument(self, name):
        j, kind = self.j, self.ev.type.name
        if name == "flags" and kind in OPENS:
            out = [("O_RDONLY", "O_WRONLY", "O_RDWR")[j["flags"] & 3]]
            out += [n for n, bit in OPEN_FLAGS if j["flags"] & bit == bit]
            return text("|".join(out))
        if name == "mode" and kind in ("chmod", *OPENS):
            return text("|".join(n for n, bit in MODES if j["mode"] & bit) or "0")
        if name == "request" and kind == "ptrace":
            return text(PTRACE[j["request"]]) if j["request"] in PTRACE else []
        if name == "domain" and kind == "socket":
            return text(FAMILIES[j["family"]]) if j["family"] in FAMILIES else []
        if name == "cmd" and kind == "bpf":
            return [(j["cmd"], BPF.get(j["cmd"], "").encode())]
        if name == "uid" and kind == "setuid":
            user = self.m.users.get(j["uid"], [])
            return [(j["uid"], user[0].data if user else b"")]
        fields = {"path": {"unlink": "path", "mkdir": "path", "rmdir": "path"},
                  "name": {"unlink": "path", **{o: "path" for o in OPENS}},
                  "filename": {"chmod": "path"},
                  "oldpath": {"rename": "oldpath", "link": "oldpath"},
                  "newpath": {"rename": "path", "link": "path"},
                  "target": {"symlink": "link_target"}, "linkpath": {"symlink": "path"}}
        if kind == "unlink" and name != ("name" if j.get("syscall") == "unlinkat" else "path"):
            return []
        field = fields.get(name, {}).get(kind)
        return self.own(field) if field else []

    def own(self, name):
        field = self.ev.type.fields.get(name)
        return own_value(self.ev, field, self.m) if field else []

    # fd

    def fd(self, name, _):
        kind, j = self.ev.type.name, self.j
        if kind in OPENS:
            return self.file(name)
        if kind in SOCKETS:
            return self.socket(name)
        if kind in ("read", "write") and "path" in self.j:
            return self.file(name)
        if name == "num" and "fd" in j:
            return [j["fd"]]
        return []

    def file(self, name):
        j = self.j
        path = self.own("path")
        if name == "num":
            return [j["fd"] if self.ev.type.name not in OPENS else max(j["ret"], -1)]
        if name == "name":
            return path
        if name == "nameraw":
            return self.own("path_arg") or path
        # Of an open that failed there is no descriptor: only what can be told from the call.
        is_open = self.ev.type.name in OPENS
        has_failed = is_open and j["ret"] < 0
        is_directory = not has_failed and j.get("flags", 0) & os.O_DIRECTORY == os.O_DIRECTORY
        if name == "typechar":
            return text("d" if is_directory else
                        "o" if has_failed and self.ev.type.name == "open_by_handle" else "f")
        if name == "type":
            return [] if has_failed else text("directory" if is_directory else "file")
        if name not in ("directory", "filename") or not path or path[0] is UNKNOWN_VALUE:
            return []
        if name == "filename" and (is_directory or has_failed):
            return []
        if name == "directory" and is_directory:    # it is one itself
            return [path[0].data]
        head, _, tail = path[0].data.rpartition(b"/")
        return [tail] if name == "filename" else [head or b"/"]

    def socket(self, name):
        j = self.j
        family = j.get("family")
        if name == "num":
            return [j["ret"]] if self.ev.type.name == "accept" else [j["fd"]]
        if family == 1:
            return {"typechar": text("u"), "type": text("unix"), "sockfamily": text("unix"),
                    "name": self.own("unix_path")}.get(name, [])
        if family not in (2, 10):
            return []
        remote = (ipaddress.ip_address(j["addr"]), j["port"])
        local = (ipaddress.ip_address(j["laddr"]), j["lport"])
        if name in ("sip.name", "rip.name"):
            kind = self.ev.type.name
            if kind in ("bind", "listen") and name == "rip.name":
                return []
            return self.m.names.find(str(remote[0]), self.p) if kind == "connect" else [UNKNOWN_VALUE]
        client, server = (local, remote) if self.ev.type.name in TO_SERVER else (remote, local)
        version = "4" if family == 2 else "6"
        if name in ("ip", "net"):
            return [client[0], server[0]]
        if name == "port":
            return [client[1], server[1]]
        if name in ("cip", "cnet", "sip", "snet", "lip", "lnet", "rip", "rnet"):
            return [{"c": client, "s": server, "l": local, "r": remote}[name[0]][0]]
        if name in ("cport", "sport", "lport", "rport"):
            return [{"c": client, "s": server, "l": local, "r": remote}[name[0]][1]]
        if name == "l4proto":
            proto = {1: "tcp", 2: "udp", 3: "raw"}.get(j.get("sock_type", 0) & 0xf)
            return text(proto) if proto else []
        if name == "connected":
            return [j["ret"] >= 0]
        return {"typechar": text(version), "type": text("ipv" + version), "sockfamily": text("ip"),
                "name": text(f"{client[0]}:{client[1]}->{server[0]}:{server[1]}")}.get(name, [])

    # proc, user, group, container, thread

    def of(self, p, name):
        """A field of one process."""
        if p is None:
            return []
        if p is UNKNOWN_VALUE:
            return [UNKNOWN_VALUE]
        if name == "name":
            return self.m.values(p, "comm")
        if name == "exepath":
            return self.m.values(p, "exe")
        if name == "cwd":
            cwd = self.m.values(p, "cwd")
            if not cwd or cwd[0] is UNKNOWN_VALUE:
                return cwd
            return [cwd[0].data.rstrip(b"/") + b"/"]
        args = self.m.values(p, "argv")
        if UNKNOWN_VALUE in args:
            return [UNKNOWN_VALUE]
        rest = b" ".join(a.data for a in args[1:])
        if name == "exe":
            return args[:1]
        if name == "args":
            return [rest]
        if name == "nargs":
            return [max(len(args) - 1, 0)]
        comm = self.m.values(p, "comm")
        if not comm or comm[0] is UNKNOWN_VALUE:
            return comm
        return [comm[0].data + (b" " + rest if len(args) > 1 else b"")]

    def arguments(self):
        """Those behind the first, or what is not known, or None."""
        args = self.m.values(self.p, "argv")
        if not args or UNKNOWN_VALUE in args:
            return UNKNOWN_VALUE if args else None
        return [a.data for a in args[1:]]

    def ancestors(self):
        out, p = [], self.p
        while p:
            known, p = self.m.parent(p)
            if not known:
                out.append(UNKNOWN_VALUE)
                break
            if p:
                out.append(p)
        return out

    def at(self, level):
        if level == 0:
            return self.p
        row = self.ancestors()
        if level <= len(row):
            return row[level - 1]
        return UNKNOWN_VALUE if row[-1:] == [UNKNOWN_VALUE] else None

    def proc(self, name, arg):
        p = self.p
        if name in ("aname", "aexe", "aexepath", "acmdline"):
            if arg is not None:
                return self.of(self.at(int(arg)), name[1:])
            return [v for a in self.ancestors() for v in self.of(a, name[1:])]
        if name in ("pname", "pexe", "pexepath", "pcmdline"):
            return self.of(self.at(1), name[1:])
        if name == "pid":
            return [p.pid]
        if name in ("ppid", "tty"):
            return self.m.values(p, name)
        if name == "vpid":
            return [p.pid]
        if name.startswith("is_exe"):
            return [bool(self.j.get({"is_exe_from_memfd": "memfd",
                                     "is_exe_upper_layer": "upper_layer"}[name]))] \
                if self.ev.type.name == "exec" else []
        return self.of(p, name)

    def user(self, name, _):
        field = "loginuid" if name.startswith("login") else "euid"      # who acts
        ids = self.m.values(self.p, field)
        if name.endswith("uid") or UNKNOWN_VALUE in ids:
            return ids
        return self.m.users.get(ids[0], []) if ids else []

    def group(self, name, _):
        return self.m.values(self.p, "egid") if name == "gid" else []

    def container(self, name, _):
        ids = self.m.values(self.p, "container.id")
        if UNKNOWN_VALUE in ids:
            return ids
        if name == "id":
            return [ids[0].data[:12]] if ids else text("host")
        if name == "name":
            return self.m.values(self.p, "container.name") if ids else text("host")
        image = self.m.values(self.p, "container.image")
        if not image or image[0] is UNKNOWN_VALUE:
            return image
        data = image[0].data.split(b"@")[0]
        head, slash, tail = data.rpartition(b"/")
        return [head + slash + tail.split(b":")[0]]

    def thread(self, name, _):
        bits = self.m.values(self.p, name)
        if not bits or bits[0] is UNKNOWN_VALUE:
            return bits
        return text(" ".join("CAP_" + c for i, c in enumerate(CAPS) if bits[0] >> i & 1))
