#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 280
# trust-checks: A process of reel can do no more than it needs | the calls of real recordings, by strace, against the table of those allowed
"""The table of calls that the recorder's processes keep (format/confine_calls.c), held against what real
recordings use once they are confined, as strace sees it: none uses what it is refused, and what none
uses is in the table for a reason that is named here.
"""

import glob
import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from suite import REEL, SRC, Suite, output, run

RECORDER, HELPER, PARSER = "recorder", "helper", "parser"
ROLES = {"R": (RECORDER,), "H": (HELPER,), "P": (PARSER,), "ALL": (RECORDER, HELPER, PARSER), "A": (HELPER,)}

# Of what is allowed and none of the recordings here uses: why it is.
UNUSED = {
    "other versions and builds of the C library make these in the place of those that are used":
        "stat fstat newfstatat readv writev nanosleep clock_nanosleep ppoll poll clock_gettime clock_getres time alarm "
        "setitimer clock_adjtime adjtimex sysinfo sched_getaffinity fcntl lseek pread64 getdents64 readlink faccessat "
        "prlimit64 ioctl write read",
    "the C library makes these for memory, threads and their ends, now and then":
        "brk mmap mremap madvise mprotect munmap futex set_robust_list rseq set_tid_address gettid getpid "
        "sched_yield exit exit_group clone restart_syscall rt_sigreturn rt_sigaction rt_sigprocmask sigaltstack "
        "tgkill prctl getrandom membarrier",
    "keys are kept from being swapped out": "mlock munlock",
    "who is asked whether he is still who he was": "getuid geteuid getgid getegid getppid capget",
    "on a bad day: a full disk, a torn end, segments kept aside, the command that is to end, a step of the clock":
        "ftruncate fallocate linkat mkdirat rmdir flock kill timerfd_settime close_range getrusage",
    "a child of the helper gives up the rest by these, and begins only when a file is to be parsed":
        "capset seccomp landlock_create_ruleset landlock_restrict_self",
    "probes of kernels before 6.6": "perf_event_open",
}
suite = Suite()


def table():
    """What each role may, and what it is meant to try in vain."""
    allowed = {role: set() for role in (RECORDER, HELPER, PARSER)}
    tried = {role: set() for role in allowed}
    with open(os.path.join(SRC, "format", "confine_calls.c"), encoding="utf-8") as f:
        rows = re.findall(r"^\t(CALL|CALL_IF|KILL_UNLESS|REFUSE|ABSENT)\((\w+), ([\w |]+)", f.read(), re.M)
    for kind, name, roles in rows:
        for role in {r for letter in roles.split(" | ") for r in ROLES.get(letter, ())}:
            (tried if kind in ("REFUSE", "ABSENT") else allowed)[role].add(name)
    return allowed, tried


# Reading strace --------------------------------------------------------------------------------

CALL = re.compile(r"^(\d+\.\d+) (\w+)\((.*)$")
BEGUN = re.compile(r"= (\d+)$")


class Thread:
    def __init__(self, path):
        self.tid = int(path.rsplit(".", 1)[1])
        self.calls = []
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f:
                found = CALL.match(line.rstrip())
                if found:
                    self.calls.append((float(found.group(1)), found.group(2), found.group(3)))

    def children(self, threads):
        for _, name, rest in self.calls:
            if name in ("clone", "clone3", "fork", "vfork") and ("CLONE_THREAD" in rest) == threads:
                begun = BEGUN.search(rest)
                if begun:
                    yield int(begun.group(1))

    def confined_at(self):
        for at, name, rest in self.calls:
            if name == "seccomp" and "SECCOMP_SET_MODE_FILTER" in rest and rest.endswith("= 0"):
                return at
        return None


def used(prefix):
    """What each role's threads called after they were confined: {role: {call: an example}}."""
    threads = {t.tid: t for t in map(Thread, glob.glob(glob.escape(prefix) + ".[0-9]*"))}
    parent = {c: t.tid for t in threads.values() for c in t.children(False)}
    roles = {}
    first = min(threads.values(), key=lambda t: t.calls[0][0] if t.calls else float("inf"))
    roles[first.tid] = RECORDER
    for tid, above in sorted(parent.items(), key=lambda p: threads[p[0]].calls[:1] if p[0] in threads else []):
        thread = threads.get(tid)
        if thread and thread.confined_at() and above == first.tid:
            roles[tid] = HELPER
    for tid, above in parent.items():
        if tid in threads and roles.get(above) == HELPER and threads[tid].confined_at():
            roles[tid] = PARSER
    out = {}
    for tid, role in roles.items():
        since = threads[tid].confined_at()
        if since is None:
            continue
        for member in [tid, *threads[tid].children(True)]:
            for at, name, rest in threads[member].calls if member in threads else ():
                if at > since:
                    out.setdefault(role, {}).setdefault(name, rest)
    return out


# Recordings ------------------------------------------------------------------------------------

WORK = ("i=0; while [ $i -lt 40 ]; do cat /etc/passwd | sort >/dev/null; i=$((i + 1)); done; "
        "python3 -c 'import ssl, socket; socket.socket()' 2>/dev/null; true")


def strace(name, argv):
    return ["strace", "-f", "-ff", "-ttt", "-s", "64", "-qq", "-o", os.path.abspath(name), REEL, *argv]


def of_command(name, *options):
    done = run(strace(name, ["record", "-q", "-o", name + ".reel", *options, "--", "/bin/sh", "-c", WORK]))
    suite.say(done.returncode == 0, f"{name}: is recorded", output(done))
    return used(name)


def of_process(name, *options):
    """With a life: segments, retention, one kept aside, a full minute's worth of signals."""
    with subprocess.Popen(["/bin/sh", "-c", "sleep 2; " + WORK + "; sleep 1;" + WORK + "; sleep 60"],
                          start_new_session=True) as load:
        argv = strace(name, ["record", "-q", "-o", name + ".reel", "-p", str(load.pid), *options])
        with subprocess.Popen(argv, stderr=subprocess.PIPE) as child:
            time.sleep(4)
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT):
                tracee = int(run(["ps", "-o", "pid=", "--ppid", str(child.pid)]).stdout.split()[0])
                os.kill(tracee, number)
                time.sleep(2)
            said = child.communicate()[1]
            suite.say(child.returncode == 0, f"{name}: is recorded", said.decode())
        os.killpg(load.pid, signal.SIGKILL)
    return used(name)


def main():
    suite.need_recorder()
    allowed, tried = table()
    suite.say(len(allowed[RECORDER]) > 40 and len(allowed[HELPER]) > 30, "the table is read",
              str({r: len(c) for r, c in allowed.items()}))
    runs = [
        of_command("plain"),
        of_command("rich", "-e", "+user", "--hash", "--io", "all", "--metrics-file", "metrics"),
        of_process("ring", "--segment-size", "64K", "--keep-size", "256K", "--sync", "block", "--metrics-file",
                   "metrics2"),
    ]
    for role in (RECORDER, HELPER, PARSER):
        seen = {}
        for found in runs:
            for name, example in found.get(role, {}).items():
                seen.setdefault(name, example)
        suite.say(len(seen) > 3, f"{role}: was traced", str(sorted(seen)))
        suite.none(f"{role}: uses nothing that it is refused",
                   [f"{n}({e}" for n, e in seen.items() if n not in allowed[role] | tried[role]])
        refused = [f"{n}({e}" for n, e in seen.items() if " = -1 EPERM" in e and n not in tried[role]]
        suite.none(f"{role}: and is refused nothing", refused)
        named = {n for names in UNUSED.values() for n in names.split()}
        unused = sorted(allowed[role] - set(seen))
        suite.none(f"{role}: what is in the table and was not used has a reason",
                   [n for n in unused if n not in named])
        print(f"# {role}: {len(seen)} calls used, {len(unused)} more allowed: {' '.join(unused)}")
    suite.done()


main()
