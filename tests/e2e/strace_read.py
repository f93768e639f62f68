# SPDX-License-Identifier: BSD-2-Clause
"""Reads what strace wrote, and says of each call what the tape should say of it.

strace runs with OPTIONS: strings in hexadecimal and flags as numbers leave nothing to guess, and
-yy adds to each descriptor what it refers to. What strace does not show is followed here: the
working directory of each process, and who is a thread of whom.
"""

import re
import socket
import subprocess

PATHS = "open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,chmod,fchmod,fchmodat,?fchmodat2"
OTHERS = "execve,execveat,connect,bind,exit,exit_group"
FOLLOWED = "chdir,fchdir,clone,clone3,fork,vfork"
OPTIONS = ["-f", "-yy", "-X", "raw", "-xx", "-v", "-s", "65535", "--seccomp-bpf", "-q",
           "-e", "signal=none", "-e", f"trace={PATHS},{OTHERS},{FOLLOWED}"]

TYPE = {
    "open": "open", "openat": "open", "openat2": "open", "creat": "create",
    "unlink": "unlink", "unlinkat": "unlink",
    "rename": "rename", "renameat": "rename", "renameat2": "rename",
    "chmod": "chmod", "fchmod": "chmod", "fchmodat": "chmod", "fchmodat2": "chmod",
    "execve": "exec", "execveat": "exec", "connect": "connect", "bind": "bind",
}

AT_FDCWD = -100
CLONE_FS, CLONE_THREAD = 0x200, 0x10000
RESTART = {"ERESTARTSYS": -512, "ERESTARTNOINTR": -513, "ERESTARTNOHAND": -514,
           "ERESTART_RESTARTBLOCK": -516}

LINE = re.compile(r"(\d+) +(.*)")
CALL = re.compile(r"(\w+)\((.*)\) += (.*)")
# An exec by a thread that is not the first: strace 6.1 takes the next call's exit for its own.
MISREAD = re.compile(r"-1 \(errno \d{10,}\)")
RESULT = re.compile(r"(-?\d+|0x[0-9a-f]+|\?)(<.*>(?:\(deleted\))?)?(?: (E\w+))?")
HEX = re.compile(r"\\x([0-9a-f]{2})")
DEVICE = re.compile(r"<(?:char|block) [^>]*>")


def knows(call):
    """Whether this strace has ever heard of the call."""
    done = subprocess.run(["strace", "-e", "trace=" + call, "true"], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def text_of(token):
    """A string argument as bytes; None for NULL and for an address that strace could not read."""
    found = re.fullmatch(r'@?"((?:\\x[0-9a-f]{2})*)"', token)
    if not found:
        return None
    return (b"\0" if token[0] == "@" else b"") + bytes.fromhex(HEX.sub(r"\1", found.group(1)))


def number_of(token):
    found = re.match(r"-?0x[0-9a-f]+|-?\d+", token)
    if not found:
        return None
    text = found.group(0)
    if "x" in text:
        return int(text, 16)
    return int(text, 8) if len(text) > 1 and text[0] == "0" else int(text)


def file_of(decoration):
    """What a descriptor refers to, as /proc shows it: a path, or something like socket:[1]."""
    if not decoration:
        return None
    gone = decoration.endswith("(deleted)")
    inside = DEVICE.sub("", decoration[: -len("(deleted)")] if gone else decoration)[1:-1]
    inside = HEX.sub(lambda m: chr(int(m.group(1), 16)), inside).encode("latin-1")
    return inside + b" (deleted)" if gone else inside


def split(text):
    """The arguments: at commas that no bracket and no string encloses."""
    parts, depth, start, quoted = [], 0, 0, False
    for i, c in enumerate(text):
        if c == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif c in "([{<":
            depth += 1
        elif c in ")]}" or (c == ">" and text[i - 1] != "-"):
            depth -= 1
        elif c == "," and not depth:
            parts.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return parts + [last] if last else parts


def descriptor(token):
    """(number, what it refers to)"""
    found = re.match(r"(-?\d+)(<.*>(?:\(deleted\))?)?", token)
    return (int(found.group(1)), file_of(found.group(2))) if found else (None, None)


def members(token):
    """A struct {a=1, b="x"} as a dict of tokens."""
    return dict(part.split("=", 1) for part in split(token.strip("{}")) if "=" in part)


def address_of(token):
    """{sa_family=...} as (family, address or path, port); None where it could not be read."""
    if not token.startswith("{"):
        return None
    m = members(token)
    family = number_of(m.get("sa_family", "0"))
    if family == socket.AF_UNIX:
        return family, text_of(m.get("sun_path", '""')), 0
    for prefix, kind in (("sin6", socket.AF_INET6), ("sin", socket.AF_INET)):
        if family == kind and f"{prefix}_port" in m:
            raw, port = text_of(m[f"{prefix}_addr"]), text_of(m[f"{prefix}_port"])
            return family, socket.inet_ntop(kind, raw), int.from_bytes(port, "big")
    return family, None, 0


class Process:
    """Threads of a group share it; forks get a copy, or the same with CLONE_FS."""

    def __init__(self, pid, cwd):
        self.pid, self.cwd = pid, cwd


class Trace:
    """Calls of each thread in their order, the end of each process, and who made whom."""

    def __init__(self, path, cwd):
        self.calls, self.ends, self.made = {}, {}, []
        self.threads, self.unknown = {}, []
        self.cwd, self.misread = cwd, set()
        rows = list(self.rows(path))
        self.parents = {}
        for tid, name, args, result in rows:
            if name in ("clone", "clone3", "fork", "vfork") and result[0] > 0:
                flags = re.search(r"flags=(0x[0-9a-f]+)", args)
                self.parents[result[0]] = (tid, int(flags.group(1), 16) if flags else 0)
        for tid, name, args, result in rows:
            self.take(tid, name, args, result)

    def rows(self, path):
        """Whole calls: (tid, name, arguments, (ret, error, file of ret)), ends as name None."""
        begun, superseded = {}, set()
        with open(path, encoding="latin-1") as f:
            for line in f:
                tid, text = LINE.match(line.rstrip("\n")).groups()
                tid = int(tid)
                if text.startswith("+++ superseded by execve in pid"):
                    begun[tid] = begun.pop(int(text.split()[6]), begun.get(tid, ""))
                    superseded.add(tid)
                    continue
                if text.startswith("+++ "):
                    yield tid, None, text, None
                    continue
                if text.endswith("<unfinished ...>"):
                    begun[tid] = text[: -len("<unfinished ...>")].rstrip()
                    continue
                resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
                if resumed:
                    text = begun.pop(tid, "") + resumed.group(1)
                    if tid in superseded and MISREAD.search(text):
                        text = MISREAD.sub("0", text)
                        self.misread.add((tid, text))
                    superseded.discard(tid)
                call = CALL.fullmatch(text)
                result = call and RESULT.match(call.group(3))
                if not result:
                    self.unknown.append(line.rstrip())
                    continue
                yield tid, call.group(1), call.group(2), self.result(result)
                if (tid, text) in self.misread:
                    yield tid, "misread", "", (0, None, None)

    @staticmethod
    def result(found):
        value, decoration, error = found.groups()
        if value == "?":
            return RESTART.get(error, 0), error, None
        return number_of(value), error, file_of(decoration)

    def process(self, tid):
        """A thread that was never seen is the first of all, or was made by one that was."""
        if tid not in self.threads:
            if tid in self.parents:
                parent, flags = self.parents[tid]
                of = self.process(parent)
                if flags & CLONE_THREAD:
                    self.threads[tid] = of
                else:
                    self.threads[tid] = Process(tid, list(of.cwd))
                    if flags & CLONE_FS:
                        self.threads[tid].cwd = of.cwd
            else:
                self.threads[tid] = Process(tid, [self.cwd])
        return self.threads[tid]

    def take(self, tid, name, args, result):
        process = self.process(tid)
        if name is None:
            if tid == process.pid:
                found = re.match(r"\+\+\+ (?:exited with (\d+)|killed by (\w+))", args)
                self.ends[tid] = (int(found.group(1) or 0), found.group(2))
            return
        ret, error, file = result
        if name in ("clone", "clone3", "fork", "vfork"):
            if ret > 0:
                kind = "thread" if self.parents[ret][1] & CLONE_THREAD else "fork"
                self.made.append((kind, tid, ret))
            return
        a = split(args)
        if name == "misread":
            self.calls[tid][-1]["swallows"] = True
        if name in ("chdir", "fchdir"):
            if ret == 0:
                self.move(process, name, a)
            return
        if name not in TYPE:
            return
        call = {"type": TYPE[name], "syscall": name, "pid": process.pid, "tid": tid, "ret": ret,
                "error": error, "file": file}
        getattr(self, "read_" + TYPE[name])(call, process, name, a)
        self.calls.setdefault(tid, []).append(call)

    @staticmethod
    def move(process, name, a):
        if name == "fchdir":
            process.cwd[0] = descriptor(a[0])[1]
        else:
            passed = text_of(a[0])
            process.cwd[0] = passed if passed[:1] == b"/" else process.cwd[0] + b"/" + passed

    @staticmethod
    def place(process, passed, at=None):
        """The directory that a relative name is behind. strace's own word is the better one."""
        number, directory = descriptor(at) if at else (AT_FDCWD, None)
        if number == AT_FDCWD and directory:
            process.cwd[0] = directory
        if number == AT_FDCWD:
            directory = process.cwd[0]
        return {"passed": passed, "directory": directory, "at": number}

    def read_open(self, call, process, name, a):
        at = None if name in ("open", "creat") else a.pop(0)
        call["path"] = self.place(process, text_of(a[0]), at)
        if name == "openat2":
            how = members(a[1])
            call["flags"] = number_of(how["flags"]) & 0xffffffff if "flags" in how else None
            call["mode"] = number_of(how["mode"]) if "mode" in how else None
            return
        if name == "creat":
            call["mode"] = number_of(a[1])
            return
        call["flags"] = number_of(a[1]) & 0xffffffff
        if len(a) > 2:
            call["mode"] = number_of(a[2])

    read_create = read_open

    def read_unlink(self, call, process, name, a):
        if name == "unlink":
            call["path"], call["flags"] = self.place(process, text_of(a[0])), 0
        else:
            call["path"] = self.place(process, text_of(a[1]), a[0])
            call["flags"] = number_of(a[2])

    def read_rename(self, call, process, name, a):
        if name == "rename":
            a = [None, a[0], None, a[1]]
        call["oldpath"] = self.place(process, text_of(a[1]), a[0])
        call["path"] = self.place(process, text_of(a[3]), a[2])
        call["flags"] = number_of(a[4]) if len(a) > 4 else 0

    def read_chmod(self, call, process, name, a):
        if name == "fchmod":
            call["fd"], call["file"] = descriptor(a[0])
        elif name == "chmod":
            call["path"] = self.place(process, text_of(a[0]))
        else:
            call["path"] = self.place(process, text_of(a[1]), a.pop(0))
        call["mode"] = number_of(a[1])

    def read_exec(self, call, process, name, a):
        at = a.pop(0) if name == "execveat" else None
        call["path"] = self.place(process, text_of(a[0]), at)
        call["argv"] = None
        if a[1].startswith("["):
            call["argv"] = [text_of(word) for word in split(a[1][1:-1])]

    @staticmethod
    def read_connect(call, _process, _name, a):
        call["fd"], call["address"] = descriptor(a[0])[0], address_of(a[1])

    read_bind = read_connect
