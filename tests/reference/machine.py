# SPDX-License-Identifier: BSD-2-Clause
"""The machine as the events tell it: processes, families, containers, users, open files."""

from dns import Names
from predicate import UNKNOWN_VALUE, Str, args_values, own_value, pick
from schema import PROCESS_FIELDS, TYPES

IDS = ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid")
SPACES = ("mnt_ns", "pid_ns", "net_ns", "user_ns", "uts_ns", "ipc_ns", "cgroup_ns")
CAPS = ("cap_effective", "cap_permitted", "cap_inheritable", "cap_bounding", "cap_ambient")


class Event:
    def __init__(self, number, j):
        self.number, self.json = number, j
        self.type = TYPES[j["type"]]
        self.ts, self.id = j["ts"], j["id"]
        cpu = self.id.split("-")[1]
        self.cpu = 0xffff if cpu == "r" else int(cpu)

    def field(self, name, machine=None):
        f = self.type.fields.get(name)
        return own_value(self, f, machine) if f else []


class Process:
    def __init__(self, serial, pid, start):
        self.serial, self.pid, self.start = serial, pid, start
        self.ppid, self.parent, self.family = None, None, None
        self.has_parent_pid = False
        self.values = {}        # by field: a list as in predicate.py; not there: nobody said
        self.cgroup, self.container, self.is_dead = None, None, False
        self.is_forked, self.founded = False, 0
        self.ran_in_capture = False     # what it runs began to in the capture
        self.is_whole = False   # a keyframe told of it, or of those from whom it descends

    def is_told_of(self):
        """Or there was only what it does: nobody knows who it is, whatever it changes."""
        return "exe" in self.values


class Machine:
    def __init__(self, host="tale"):
        self.host = host
        self.living = {}        # by pid
        self.serial = 0
        self.containers = {}    # by cgroup: [serial, values, has a first process]
        self.users = {}
        self.files = {}
        self.names = Names()
        self.ended, self.copied = [], None      # by the event that was told last
        self.process = None

    def new_serial(self):
        self.serial += 1
        return self.serial

    def new_process(self, pid, start):
        p = Process(self.new_serial(), pid, start)
        self.living[pid] = p
        return p

    def guess(self, pid):
        if pid == 0:
            return None
        return self.living.get(pid) or self.new_process(pid, None)

    # Families

    def found(self, p):
        p.founded += 1
        p.family = (p.serial, p.founded)
        return p.family

    def family(self, p):
        """Settled before the first event that is no state: a keyframe may tell of a child before
        its parent."""
        if p.family is None:
            parent = p.parent or (self.living.get(p.ppid) if p.ppid else None)
            sid = p.values.get("sid", [0])
            founds = (p.ppid == 1 or parent is None or parent is p or
                      (not p.is_forked and sid == [p.pid]) or self.is_first(p))
            p.family = self.found(p) if founds else self.family(parent)
        return p.family

    def is_first(self, p):
        c = p.container
        return c is not None and c["first"] is p

    def enter(self, p, cgroup):
        p.cgroup = cgroup
        before, p.container = p.container, self.containers.get(cgroup)
        if p.container and p.container is not before and p.container["first"] is None:
            p.container["first"] = p
            if p.family is not None:
                self.found(p)

    # What an event tells

    def tell(self, ev):
        """Called with each event, before anything is asked about it."""
        self.ended, self.copied, self.process = [], None, None
        j, name = ev.json, ev.type.name
        handler = getattr(self, "on_" + name, None)
        if ev.type.class_name != "tape" and name not in ("container", "account", "cgroup", "netif",
                                                         "mounted", "hash", "sock"):
            self.process = self.guess(j["pid"])
        if ev.type.class_name not in ("state", "tape"):
            for p in list(self.living.values()):
                self.family(p)
        if handler and j["ret"] >= 0 and not j.get("blocked"):
            handler(ev, j, self.process)
        self.learn_name(ev, j)

    def on_process(self, ev, j, p):
        if p.start is not None and p.start != j["start"]:
            p = self.process = self.new_process(j["pid"], j["start"])
        p.start, p.is_whole = j["start"], True
        if p.ppid is None:
            p.ppid = j["ppid"]
            p.parent = self.living.get(p.ppid)
        for name in ("exe", "comm", "cwd", "root"):
            p.values[name] = [v for v in ev.field(name) if v != Str(b"")]
        p.values["argv"] = args_values(ev, "argv")
        for name in IDS + SPACES + CAPS + ("loginuid", "sid", "pgid", "tty", "seccomp_mode",
                                           "no_new_privs", "kernel_thread"):
            p.values[name] = ev.field(name)
        self.enter(p, j["cgroup"])

    def on_container(self, ev, j, _):
        c = self.containers.setdefault(j["cgroup"], {"serial": self.new_serial(), "first": None})
        c["id"], c["name"], c["image"] = (ev.field(n) for n in ("container_id", "name", "image"))
        for key in ("id", "name", "image"):
            c[key] = [v for v in c[key] if v != Str(b"")]
        c["runtime"], c["privileged"] = ev.field("runtime"), ev.field("privileged")
        for p in sorted(self.living.values(), key=lambda p: p.start or 0):
            if p.cgroup == j["cgroup"] and p.container is not c:
                self.enter(p, p.cgroup)

    def on_account(self, ev, j, _):
        if j["kind"] == "user":
            self.users[j["account_id"]] = ev.field("name")

    def on_fork(self, ev, j, p):
        child = self.new_process(j["child"], j["child_start"])
        child.is_forked, child.is_whole = True, p.is_whole
        child.ppid, child.parent = p.pid, p
        child.values = dict(p.values)
        child.values["ppid"] = [p.pid]
        child.container = p.container
        child.ran_in_capture = p.ran_in_capture
        self.family(child)
        self.enter(child, j["cgroup"] or p.cgroup)

    def on_dns(self, ev, j, p):
        if j["direction"] == "received":
            self.names.tell(ev.field("payload")[0], p, j["sock_type"] & 15 == 1)

    def on_coverage(self, ev, j, _):
        if j.get("hook") == "--no-dns":
            self.names.not_recorded = True

    def on_exec(self, ev, j, p):
        p.ran_in_capture = True
        for name in ("exe", "comm"):
            p.values[name] = ev.field(name)
        p.values["argv"] = args_values(ev, "argv")
        for name in IDS + CAPS:
            if name in ev.type.fields:
                p.values[name] = ev.field(name)
        if ev.field("cwd"):
            p.values["cwd"] = ev.field("cwd")

    def on_setuid(self, ev, j, p):
        for name in IDS:
            if name in ev.type.fields:
                p.values[name] = ev.field(name)

    on_setgid = on_setuid

    def on_capset(self, ev, j, p):
        for name in CAPS[:3]:
            p.values[name] = ev.field(name)

    def on_chdir(self, ev, j, p):
        p.values["cwd"] = ev.field("path")

    def on_chroot(self, ev, j, p):
        p.values["root"] = ev.field("path")

    def on_setns(self, ev, j, p):
        for name in SPACES:
            p.values[name] = ev.field(name)

    on_unshare = on_setns

    def on_setpgid(self, ev, j, p):
        self.guess(j["target"] or p.pid).values["pgid"] = ev.field("pgid")

    def on_cgroup_move(self, ev, j, p):
        target = self.guess(j["target"] or j["pid"])
        if target:
            self.enter(target, j["cgroup"])

    def on_prctl(self, ev, j, p):
        if j["option"] == 15:
            p.values["comm"] = ev.field("text")
        elif j["option"] == 38:
            p.values["no_new_privs"] = [1]

    def on_setsid(self, ev, j, p):
        old = self.family(p)
        p.values["sid"] = p.values["pgid"] = [j["ret"]]
        p.values["tty"] = [0]
        self.copied = (("family", old), ("family", self.found(p)))
        self.end_family(old, p)

    def on_exit(self, ev, j, p):
        self.ended.append(("process", p.serial))
        family = self.family(p)
        self.end_family(family, p)
        if p.container and not any(o.container is p.container for o in self.living.values()
                                   if o is not p):
            self.ended.append(("container", p.container["serial"]))

    def end_family(self, family, p):
        if not any(self.family(o) == family for o in list(self.living.values()) if o is not p):
            self.ended.append(("family", family))

    def forget(self, ev):
        """Behind the event: who is gone is gone."""
        if ev.type.name == "exit" and self.process:
            self.process.is_dead = True
            if self.living.get(self.process.pid) is self.process:
                del self.living[self.process.pid]

    # Open files

    def learn_name(self, ev, j):
        if j["ret"] < 0 or not j.get("inode"):
            return
        key = (j.get("dev", 0), j["inode"])
        name = ev.type.name
        path = None
        if name in ("socket", "bind", "listen", "connect", "accept", "send", "recv", "sock"):
            path = Str(b"socket:[%d]" % j["inode"])
        elif name == "pipe":
            path = Str(b"pipe:[%d]" % j["inode"])
        elif name == "memfd_create":
            path = Str(b"/memfd:" + ev.field("name")[0].data)
        else:
            for field in ("exe", "path"):
                if not path and field in ev.type.fields and j.get(field):
                    path = own_value(ev, ev.type.fields[field], self)[0]
        if path:
            self.files[key] = path

    def file_path(self, ev):
        inode = ev.json.get("inode")
        key = (ev.json.get("dev", 0), inode)
        if not inode:
            return [UNKNOWN_VALUE]
        found = self.files.get(key) or self.files.get((0, inode))
        return [found] if found else [UNKNOWN_VALUE]

    # Fields of processes

    def values(self, p, name, index=None):
        if name == "host":
            return [Str(self.host.encode())]
        if p is None:
            return []
        if not p.is_told_of():
            return [UNKNOWN_VALUE]
        if name == "ppid":
            return [p.ppid] if p.ppid is not None and p.is_whole else [UNKNOWN_VALUE]
        if name.startswith("container."):
            if p.cgroup is None or not p.is_whole:
                return [UNKNOWN_VALUE]
            return p.container.get(name[10:], []) if p.container else []
        if name == "user":
            uid = p.values.get("uid", [UNKNOWN_VALUE])
            return uid if uid == [UNKNOWN_VALUE] else self.users.get(uid[0], [])
        if name == "cmdline":
            args = p.values.get("argv", [UNKNOWN_VALUE])
            if not args or args == [UNKNOWN_VALUE]:
                return args
            whole = [a for a in args if a is not UNKNOWN_VALUE]
            return [Str(b" ".join(a.data for a in whole), len(whole) < len(args))]
        if name not in p.values:
            return [UNKNOWN_VALUE]
        return pick(p.values[name], index)

    def login(self, p):
        """Name of who logged in."""
        uid = self.values(p, "loginuid")
        return self.users.get(uid[0], []) if uid and uid[0] is not UNKNOWN_VALUE else uid

    def process_values(self, ev, name, index):
        p = self.process
        # cmdline of an exec is that of its own arguments, which the process has by now.
        return self.values(p, name, index)

    def parent(self, p):
        """(known, the parent or None)"""
        if not p.is_whole:
            return False, None
        if p.parent:
            return True, p.parent
        if p.ppid is None:
            return False, None
        if p.ppid == 0:
            return True, None
        p.parent = self.living.get(p.ppid)
        return p.parent is not None, p.parent

    def parent_values(self, ev, name, index):
        if self.process is None:
            return []
        known, parent = self.parent(self.process)
        if not known:
            return [UNKNOWN_VALUE]
        return self.values(parent, name, index) if parent else []

    def ancestor_values(self, ev, name, index):
        out, p = [], self.process
        while p:
            known, p = self.parent(p)
            if not known:
                out.append(UNKNOWN_VALUE)
            elif p:
                out += self.values(p, name, index)
        return out

    # Keys

    def key(self, by):
        """What ties an event to others; None: nobody knows."""
        p = self.process
        if by == "host":
            return ("host",)
        if p is None:
            return (by, None)
        if by == "process":
            return ("process", p.serial)
        if by == "family":
            return ("family", self.family(p))
        if by == "container":
            return ("container", p.container["serial"] if p.container else None)
        uid = p.values.get("uid", [UNKNOWN_VALUE])
        return None if uid == [UNKNOWN_VALUE] or not p.is_told_of() else ("user", uid[0])
