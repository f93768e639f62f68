# SPDX-License-Identifier: BSD-2-Clause
"""Recorders of this machine, each made to record one command and its children, and to say what it got."""

import glob
import json
import os
import re
import shutil
import subprocess

# How children are followed, which bpftrace does not do by itself.
BPFTRACE = """\
BEGIN { @in[cpid] = 1; }
tracepoint:sched:sched_process_fork /@in[args->parent_pid]/ { @in[args->child_pid] = 1; }
tracepoint:sched:sched_process_exit /@in[tid]/ { delete(@in[tid]); }
tracepoint:raw_syscalls:sys_enter /@in[tid]/ {
	printf("%d %ld %llx %llx %llx\\n", tid, args->id, args->args[0], args->args[1], args->args[2]);
}
END { clear(@in); }
"""
INSTANCE = "reel-bench"


def _said(argv):
    return subprocess.run(
        argv,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ).stdout.decode("utf-8", "replace")


def _sum(pattern, text):
    return sum(int(n.replace(",", "")) for n in re.findall(pattern, text))


class Recorder:
    """name; tool: the program; share: of the calls of a loop, where one takes this much longer; rounds
    of what is no loop; per_call: events; says: what is recorded, since no two record the same."""

    share, rounds, per_call = 1.0, 3, 1

    def __init__(self, ctx, place):
        self.ctx, self.place = ctx, place
        self.path = ctx.tool(self.tool)

    def clear(self):
        shutil.rmtree(self.place, ignore_errors=True)
        os.makedirs(self.place)

    def files(self):
        return [self.file()]

    def file(self):
        return os.path.join(self.place, "data")

    def bytes(self):
        return sum(os.path.getsize(f) for f in self.files())

    def zstd_bytes(self):
        """What is left of them if they are compressed once more."""
        if not self.ctx.tool("zstd"):
            return None
        out = subprocess.run(
            ["/bin/sh", "-c", "cat \"$@\" | zstd -q -3 -c | wc -c", "sh", *self.files()],
            check=True,
            stdout=subprocess.PIPE,
        )
        return int(out.stdout)


class Reel(Recorder):
    name, tool, options = "reel", "reel", ()
    says = (
        "the default classes: results and arguments by name, resolved paths, process "
        "trees; of reads "
        "and writes the first of each file and sums (folded)"
    )

    def __init__(self, ctx, place):
        self.ctx, self.place, self.path = ctx, place, ctx.reel

    def argv(self, command):
        return [self.path, "record", "-q", "-o", self.file(), *self.options, "--", *command]

    def files(self):
        return sorted(glob.glob(os.path.join(self.file(), "*.rls")))

    def info(self):
        return json.loads(
            subprocess.run(
                [self.path, "info", "--json", self.file()], check=False, stdout=subprocess.PIPE
            ).stdout
        )

    def events(self, _):
        info = self.info()
        return info["events"], info["lost"]


class ReelAll(Reel):
    name, options = "reel, every call", ("-e", "all", "--io", "all", "--syscalls", "all")
    says = "every call, with its result, arguments, resolved paths, and 64 bytes of what is written"


class Perf(Recorder):
    name, tool, options, per_call = "perf record -z", "perf", ("-z",), 2
    says = "entry and exit of every call as two events, six raw arguments, nothing of strings and paths"

    def argv(self, command):
        return [
            self.path,
            "record",
            *self.options,
            "-m",
            "1024",
            "-e",
            "raw_syscalls:*",
            "-o",
            self.file(),
            "--",
            *command,
        ]

    def events(self, _):
        stats = _said([self.path, "report", "--stats", "-i", self.file()])
        # The sum of all comes first, then each kind by itself.
        sample, lost = (
            re.search(rf"^ *{kind} events: *(\d+)", stats, re.M)
            for kind in ("SAMPLE", "LOST_SAMPLES")
        )
        return int(sample[1]) if sample else 0, int(lost[1]) if lost else 0


class TraceCmd(Recorder):
    name, tool, per_call = "trace-cmd", "trace-cmd", 2
    says = "entry and exit of every call as two events, six raw arguments, nothing of strings and paths"

    def argv(self, command):
        return [
            self.path,
            "record",
            "-d",
            "-B",
            INSTANCE,
            "-b",
            "16384",
            "-F",
            "-c",
            "-e",
            "raw_syscalls",
            "-o",
            self.file(),
            *command,
        ]

    def clear(self):
        super().clear()
        try:
            os.rmdir("/sys/kernel/tracing/instances/" + INSTANCE)
        except OSError:
            pass

    def events(self, _):
        seen = _said([self.path, "report", "-i", self.file()])
        return seen.count(" sys_enter:") + seen.count(" sys_exit:"), _sum(
            r"\[(\d+) EVENTS DROPPED\]", seen
        )


class Strace(Recorder):
    name, tool, share, rounds = "strace -f", "strace", 0.05, 1
    says = "every call, with its arguments in words and the strings they point to"

    def argv(self, command):
        return [self.path, "-f", "-qq", "-o", self.file(), *command]

    def events(self, _):
        with open(self.file(), "rb") as f:
            return sum(b"resumed>" not in line for line in f), 0


class Bpftrace(Recorder):
    name, tool, share, rounds = "bpftrace", "bpftrace", 0.3, 1
    says = "entry of every call, three raw arguments, printed"

    def argv(self, command):
        # It begins nothing that is no ELF file, and scripts with a shell of theirs are none.
        if not command[0].endswith(".sh"):
            return [self.path, "-o", self.file(), "-e", BPFTRACE, "-c", " ".join(command)]
        return [
            self.path,
            "-o",
            self.file(),
            "-e",
            BPFTRACE,
            "-c",
            " ".join(["/bin/bash", *command]),
        ]

    def events(self, cost):
        with open(self.file(), "rb") as f:
            lines = sum(line[:1].isdigit() for line in f)
        return lines, _sum(
            r"[Ll]ost (\d+) events", (cost.out + cost.err).decode("utf-8", "replace")
        )


ALL = [Reel, ReelAll, Perf, TraceCmd, Strace, Bpftrace]
