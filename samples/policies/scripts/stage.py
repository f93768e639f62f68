# SPDX-License-Identifier: BSD-2-Clause
"""A stage on which a technique is shown and nothing of the machine is changed.

Each script runs one of its cases: SCRIPT CASE DIR. Everything is in a mount namespace of its own: DIR is
an empty file system in memory, what is written to /usr or /etc lands in DIR, networks are namespaces
with addresses that RFC 5737 keeps for documentation. A container is a cgroup with a container's name.
"""

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8914, 0x8916, 1

OUTSIDE = "203.0.113.66"
CLUSTER = "10.96.0.1"
SH, PYTHON = os.path.realpath("/bin/sh"), os.path.realpath("/usr/bin/python3")
CASES = {}


def case(rule, says="", hit=True, record=""):
    """A function is a case: its name; the rule that fires, or must not; the block it goes through."""

    def add(function):
        CASES[function.__name__] = dict(rule=rule, block=says, hit=hit, record=record, run=function)
        return function

    return add


def near(rule, record=""):
    return case(rule, hit=False, record=record)


def quiet(function):
    """A case of everyday work: no rule of any pack may find more in it than a low finding."""
    return case("", hit=False)(function)


def check(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), what)
    return result


def mount(source, target, fstype=None, flags=0, data=None):
    args = [text.encode() if text else None for text in (source, target, fstype)]
    check(LIBC.mount(*args, ctypes.c_ulong(flags), data.encode() if data else None), target)


class Stage:
    def __init__(self, root):
        self.root = os.path.realpath(root)
        check(LIBC.unshare(CLONE_NEWNS), "unshare")
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        mount("stage", self.root, "tmpfs", data="mode=755")

    def path(self, name):
        return os.path.join(self.root, name)

    def file(self, name, text="", mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def over(self, where, programs=(), files=(), dirs=()):
        """What is written there is written to DIR. Programs are copies: ("bin/gdb", PYTHON)."""
        name = where.strip("/").replace("/", "-")
        upper, work = self.path("upper-" + name), self.path("work-" + name)
        os.mkdir(upper)
        os.mkdir(work)
        for path in dirs:
            os.makedirs(os.path.join(upper, path))
        for path, text in files:
            self.file(os.path.join(upper, path), text)
        for path, source in programs:
            path = os.path.join(upper, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy(source, path)
        mount("stage", where, "overlay", data=f"lowerdir={where},upperdir={upper},workdir={work}")

    def empty(self, where, *names, mode="755"):
        """An empty file system, with these files in it."""
        mount("stage", where, "tmpfs", data="mode=" + mode)
        for name in names:
            self.file(os.path.join(where, name))

    def net(self, *addresses):
        """A network that goes nowhere; all addresses are the loopback's."""
        check(LIBC.unshare(CLONE_NEWNET), "unshare")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("16sH14x", b"lo", IFF_UP)
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)
            for n, address in enumerate(addresses, 1):
                packed = socket.inet_aton(address)
                request = struct.pack("16sHH4s8x", b"lo:%d" % n, socket.AF_INET, 0, packed)
                fcntl.ioctl(any_socket, SIOCSIFADDR, request)

    def listener(self, address, port):
        return socket.create_server((address, port), backlog=16)

    def container(self):
        """From here on this process is in a container, as its cgroup says. Its parent clears up."""
        groups = self.path("cgroups")
        os.mkdir(groups)
        mount("none", groups, "cgroup2")
        group = os.path.join(groups, f"docker-{os.urandom(32).hex()}.scope")
        os.mkdir(group)
        child = os.fork()
        if child:
            status = os.waitpid(child, 0)[1]
            os.rmdir(group)
            os._exit(os.waitstatus_to_exitcode(status) and 1)
        with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as out:
            out.write(str(os.getpid()))
        time.sleep(0.1)


def run(*argv, **more):
    """A program that may fail; what it says is nobody's business."""
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("check", False)
    none = subprocess.DEVNULL
    return subprocess.run(argv, stdout=none, stderr=none, **more).returncode


def sh(script, *args, **more):
    return run(SH, "-c", script, "sh", *args, **more)


def peek(path):
    """The file is opened, read and closed."""
    fd = os.open(path, os.O_RDONLY)
    os.read(fd, 16)
    os.close(fd)


def append(path, text="x\n", flags=0):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | flags, 0o644)
    os.write(fd, text.encode())
    os.close(fd)


def forked(function, *args):
    """In a process of its own; the same program."""
    child = os.fork()
    if not child:
        function(*args)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def sleeper():
    """A process to do something to, that shares addresses with this one."""
    child = os.fork()
    if not child:
        time.sleep(30)
        os._exit(0)
    return child


def end(child):
    os.kill(child, 9)
    os.waitpid(child, 0)


def main():
    if sys.argv[1:] == ["--list"]:
        for name, row in CASES.items():
            print(json.dumps({"case": name, **{k: v for k, v in row.items() if k != "run"}}))
        return
    name, root = sys.argv[1:]
    CASES[name]["run"](Stage(root))
