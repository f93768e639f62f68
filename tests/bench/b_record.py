# SPDX-License-Identifier: BSD-2-Clause
"""The same work under one recorder after the other, and without any."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request

import recorders
import results

NAME = "record"
TITLE = "Recording, side by side"
QUICK = True

HEADERS = "find /usr/include /usr/share/doc -name *.h"
COMPILE = "for i in 1 2 3 4 5 6; do gcc -c -O1 f.c -o f$i.o; done"
MIX = "the mix"
# Name, command, calls of a round and rounds if they are known, and whether a slow recorder gets fewer.
WORK = [
    ("getpid", "{bench}/loops getpid {n}", 1, 150_000),
    ("open, read, close", "{bench}/loops open {n}", 3, 40_000),
    ("fork, exec, wait", "{bench}/loops exec {n}", None, 100),
    ("dd, single bytes", "dd if=/dev/zero of=/dev/null bs=1 count={n}", 2, 60_000),
    ("find", HEADERS, None, None),
    ("tar", "tar cf {work}/headers.tar -C /usr include", None, None),
    ("a compile", f"sh -c '{COMPILE}'", None, None),
    (MIX, "{src}/tests/bench/record_mix.sh", None, None),
]
COLUMNS = [
    "recorder",
    "x longer",
    "span",
    "all CPU more, us a call",
    "events",
    "lost",
    "bytes an event",
    "after zstd -3",
    "bytes a call",
    "recorder CPU, ns an event",
    "recorder MiB",
]
# Whether the kernel counts how long programs run.
COUNTS = "/proc/sys/kernel/bpf_stats_enabled"
# Of fewer events nothing is said for each.
MANY = 5000
PORT = 18080
NGINX = """\
daemon off; master_process on; worker_processes 1; pid {place}/pid; error_log /dev/null;
events {{ worker_connections 256; }}
http {{
    access_log {place}/access.log; client_body_temp_path {place}/t1; proxy_temp_path {place}/t2;
    fastcgi_temp_path {place}/t3; uwsgi_temp_path {place}/t4; scgi_temp_path {place}/t5;
    server {{ listen 127.0.0.1:{port}; root {place}/www; }}
}}
"""


# What the recorder, of which the work is a child, and its other children have taken before the work begins.
SCRIPT = """\
#!/bin/bash
cd {work}
read -r kids </proc/$PPID/task/$PPID/children
kids=" $PPID $kids "
ns=$({bench}/loops cpu ${{kids/ $$ / }})
TIMEFORMAT="$ns %3R %3U %3S"
{{ time {command} >/dev/null 2>&1; }} 2>{times}
"""


class Bench:
    def __init__(self, ctx):
        self.ctx, self.rounds = ctx, 1 if ctx.quick else max(1, min(3, round(3 * ctx.scale)))
        self.times = os.path.join(ctx.work, "times")
        with open(os.path.join(ctx.work, "f.c"), "w", encoding="utf-8") as f:
            f.write(
                "#include <stdio.h>\n#include <stdlib.h>\n#include <pthread.h>\nint f(int "
                "x) { return x; }\n"
            )
        with open(self.times, "w", encoding="utf-8") as f:
            f.write("0 0 0 0")
        self.usable, self.start_s, self.end_s, self.start_bytes = [], {}, {}, {}

    def script(self, command):
        """The work by itself says how long it took, whoever watches it."""
        path = os.path.join(self.ctx.work, "work.sh")
        with open(path, "w", encoding="utf-8") as f:
            f.write(SCRIPT.format(work=self.ctx.work, command=command, times=self.times,
                                  bench=self.ctx.bench))
        os.chmod(path, 0o755)
        return [path]

    def inner(self):
        """By the clock, CPU time, and that of the recorder before it."""
        with open(self.times, encoding="utf-8") as f:
            before_ns, wall, user, system = map(float, f.read().split())
        return wall, user + system, before_ns / 1e9

    def choose(self, kinds):
        """Those that can record here, and what their start and end take."""
        for kind in kinds:
            recorder = kind(self.ctx, os.path.join(self.ctx.work, "tape"))
            if not recorder.path:
                self.ctx.missing(recorder.name, "not installed: make bench-deps")
                continue
            starts, ends, sizes = [], [], []
            for _ in range(3):
                recorder.clear()
                done = self.ctx.cost(recorder.argv(self.script("true")))
                starts.append(self.inner()[2])
                ends.append(done.cpu_s - sum(self.inner()[1:]))
                if not done.status:
                    sizes.append((recorder.bytes(), recorder.zstd_bytes() or 0))
            if done.status or not recorder.files() or not recorder.events(done)[0]:
                said = (done.err + done.out).decode("utf-8", "replace").strip().splitlines()
                self.ctx.missing(
                    recorder.name,
                    "does not record on this machine: " + " ".join(" ".join(said[-3:]).split()),
                )
            else:
                self.usable.append(recorder)
                self.start_s[recorder.name] = self.ctx.median(starts)
                self.end_s[recorder.name] = self.ctx.median(ends)
                # Now and then a recorder sees something of its own; the least is what it always takes.
                self.start_bytes[recorder.name] = tuple(map(min, zip(*sizes)))
            recorder.clear()

    def calls_of(self, command):
        """All that are made, as counted by reel."""
        counter = recorders.ReelAll(self.ctx, os.path.join(self.ctx.work, "tape"))
        counter.clear()
        self.ctx.cost(counter.argv(self.script(command)))
        counted = counter.info()["counted"]
        return counted["kept"] + counted["folded"]

    def one(self, recorder, command, calls, rounds):
        """A row: this recorder on that work."""
        ctx, bare, recorded, peak = self.ctx, [], [], [0]
        for i in range(rounds):
            ctx.cost(self.script(command))
            bare.append(self.inner())
            recorder.clear()
            done = ctx.cost(
                recorder.argv(self.script(command)),
                sample=(lambda pid: peak.append(results.own_kib(pid))) if not i else None,
            )
            wall, cpu, before = self.inner()
            recorded.append((wall, cpu, done.cpu_s - before - cpu - self.end_s[recorder.name]))
        events, lost = recorder.events(done)
        size, zstd = recorder.bytes(), recorder.zstd_bytes()
        empty, empty_zstd = self.start_bytes[recorder.name]
        own_s = ctx.median([own for _, _, own in recorded])
        more_s = ctx.median([cpu + own - b[1] for (_, cpu, own), b in zip(recorded, bare)])
        ratios = [r[0] / b[0] for r, b in zip(recorded, bare)]
        grown = max(0, size - empty)
        return {
            "row": [
                recorder.name,
                ctx.median([r[0] for r in recorded]) / ctx.median([b[0] for b in bare]),
                ctx.spread(ratios),
                more_s / calls * 1e6,
                events,
                lost,
                grown / max(1, events),
                max(0, zstd - empty_zstd) / max(1, events) if zstd is not None else "-",
                grown / calls,
                own_s / events * 1e9 if events >= MANY else "-",
                max(peak) / 1024,
            ],
            "more_us": more_s / calls * 1e6,
            "bytes_per_event": size / max(1, events),
            "lost": lost,
            "calls": calls,
            "own_s": own_s,
        }


def everyday(bench, kind, command, per_round, n):
    """One table: all recorders on one work."""
    ctx, rows, of = bench.ctx, [], {}
    ctx.say(f"  {kind}")

    def text(share):
        return command.format(
            bench=ctx.bench,
            src=ctx.src,
            work=ctx.work,
            n=max(20, int((n or 0) * share * ctx.scale)),
        )

    def calls(share):
        # Each loop runs a twentieth beforehand.
        ahead = 1.05 if "loops" in command else 1
        return (
            int(per_round * n * ahead * share * ctx.scale)
            if per_round
            else bench.calls_of(text(share))
        )

    for recorder in bench.usable:
        share = recorder.share if per_round else 1
        rounds = min(bench.rounds, 3 if per_round else recorder.rounds)
        # What reel adds to it is less than by how much two runs of it differ.
        if kind == MIX and recorder.name == "reel":
            rounds *= 3
        of[recorder.name] = bench.one(recorder, text(share), calls(share), rounds)
        rows.append(of[recorder.name]["row"])
    said = text(1).replace(ctx.bench + "/", "").replace(ctx.src + "/", "").replace(ctx.work, "DIR")
    return ctx.table(kind, COLUMNS, rows, commands=[said]), of


def counted_reel(bench, command):
    """How long the kernel programs of a recording ran, in seconds, how often, and how long at a call."""
    metrics = os.path.join(bench.ctx.work, "metrics")
    recorder = recorders.Reel(bench.ctx, os.path.join(bench.ctx.work, "tape"))
    recorder.clear()
    argv = recorder.argv(bench.script(command))
    argv[2:2] = ["--metrics-file", metrics]
    bench.ctx.cost(argv)
    recorder.clear()
    seconds, runs = {}, {}
    with open(metrics, encoding="utf-8") as f:
        for line in f:
            for name, of in (("seconds", seconds), ("runs", runs)):
                if line.startswith(f"reel_program_{name}_total{{"):
                    of[line.split("\"")[1]] = float(line.split()[-1])
    return (sum(seconds.values()), sum(runs.values()),
            seconds["sys_exit"] / max(1, runs["sys_exit"]))


def counted_least(bench, command):
    """The same of the least that can be recorded."""
    done = bench.ctx.cost([os.path.join(bench.ctx.bench, "record_least"), *bench.script(command)])
    said = json.loads(done.out)
    return said["run_ns"] / 1e9, said["runs"], said["run_ns"] / 1e9 / max(1, said["runs"])


def us_a_call(bench, counted, command, calls):
    """Without what the programs took of the calls of others, who are on the machine as well: as much
    for each of their runs as while nothing else is recorded."""
    found = []
    for _ in range(bench.rounds):
        seconds, runs, _ = counted(bench, command)
        _, _, other_s = counted(bench, "sleep 1")
        found.append((seconds - max(0, runs - calls) * other_s) / calls * 1e6)
    return bench.ctx.median(found)


def packing_us(bench, command, calls):
    """What libzstd alone takes of the recorder's, to pack what comes on tape."""
    recorder = recorders.Reel(bench.ctx, os.path.join(bench.ctx.work, "tape"))
    recorder.clear()
    bench.ctx.cost(recorder.argv(bench.script(command)))
    events = recorder.info()["events"]
    us = bench.ctx.libzstd_ns(recorder.file(), "pack") * events / calls / 1000
    recorder.clear()
    return us


def by_parts(bench, command, calls, own_s):
    """What one recording costs as the kernel counts the programs, and the recorder itself. Two runs of
    such work differ by more than that."""
    ctx = bench.ctx
    try:
        with open(COUNTS, encoding="ascii") as f:
            before = f.read()
        with open(COUNTS, "w", encoding="ascii") as f:
            f.write("1")
    except OSError as e:
        ctx.missing("the kernel's count of programs", str(e))
        return None
    try:
        programs_us = us_a_call(bench, counted_reel, command, calls)
        least_us = us_a_call(bench, counted_least, command, calls)
    finally:
        with open(COUNTS, "w", encoding="ascii") as f:
            f.write(before)
    own_us, pack_us = own_s / calls * 1e6, packing_us(bench, command, calls)
    ctx.check("mix: programs and recorder, a call", programs_us + own_us, 0.6, "us", generous=8,
              floor=(least_us + pack_us, "the least that can be recorded, and libzstd"))
    if not ctx.quick:
        ctx.check("mix: programs, of the least that can be recorded of it", programs_us / least_us, 2.5,
                  "x")
    return ctx.table(
        "the mix, by parts",
        ["what", "us a call"],
        [
            ["the programs in the kernel", programs_us],
            ["the least that can be recorded of it: registers, and sums of reads and writes",
             least_us],
            ["the recorder", own_us],
            ["of that libzstd alone, packing what comes on tape", pack_us],
            ["the programs and the recorder", programs_us + own_us],
        ],
        notes=[
            "The programs as the kernel counts them (kernel.bpf_stats_enabled), with two looks at the "
            "clock for each run of one, and without the way to them: that is most of an empty probe. "
            "Under such work they find nothing of theirs in the caches, and that is most of the least."
        ],
        commands=["reel record -q --metrics-file FILE -o DIR -- record_mix.sh",
                  "record_least record_mix.sh", "read_bench DIR 3 libzstd-pack"],
    )


class Server:
    """nginx, alone or begun by a recorder, and what wrk gets out of it."""

    def __init__(self, bench):
        self.bench, self.ctx = bench, bench.ctx
        self.place = os.path.join(self.ctx.work, "nginx")
        os.makedirs(os.path.join(self.place, "www"))
        os.chmod(self.ctx.work, 0o755)
        for name, text in (
            ("www/index.html", "x" * 1024),
            ("conf", NGINX.format(place=self.place, port=PORT)),
        ):
            with open(os.path.join(self.place, name), "w", encoding="utf-8") as f:
                f.write(text)

    def requests(self, recorder):
        """Requests a second, CPU of all but wrk, and what the recorder says."""
        ctx = self.ctx
        command = [ctx.tool("nginx"), "-c", os.path.join(self.place, "conf")]
        argv = recorder.argv(command) if recorder else command
        with open(os.path.join(self.place, "said"), "w+b") as said:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            try:
                self.wait()
                out = subprocess.run(
                    [ctx.tool("wrk"), "-t1", "-c16", "-d3", f"http://127.0.0.1:{PORT}/index.html"],
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                ).stdout
                with open(os.path.join(self.place, "pid"), encoding="utf-8") as f:
                    os.kill(int(f.read()), 3)
            except BaseException:
                child.kill()
                raise
            finally:
                _, _, used = os.wait4(child.pid, 0)
                child.returncode = 0
        for line in out.splitlines():
            if "Requests/sec" in line:
                rate = float(line.split()[1])
            if "requests in" in line:
                n = int(line.split()[0])
        return rate, n, used.ru_utime + used.ru_stime, used.ru_maxrss

    @staticmethod
    def wait():
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/index.html", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise TimeoutError("nginx does not answer")

    def table(self):
        ctx, rows = self.ctx, []
        for recorder in self.bench.usable:
            bare, recorded = [], []
            for _ in range(self.bench.rounds):
                bare.append(self.requests(None))
                recorder.clear()
                recorded.append(self.requests(recorder))
            empty = ctx.cost(["true"])
            events, lost = recorder.events(empty)
            own = ctx.median([r[2] / r[1] for r in recorded]) - ctx.median(
                [b[2] / b[1] for b in bare]
            )
            rows.append(
                [
                    recorder.name,
                    ctx.median([b[0] for b in bare]),
                    ctx.median([r[0] for r in recorded]),
                    ctx.median([b[0] for b in bare]) / ctx.median([r[0] for r in recorded]),
                    ctx.spread([b[0] / r[0] for b, r in zip(bare, recorded)]),
                    own * 1e6,
                    events / recorded[-1][1],
                    lost,
                    recorder.bytes() / max(1, events),
                ]
            )
            recorder.clear()
        return ctx.table(
            "nginx, by wrk on loopback",
            [
                "recorder",
                "requests/s bare",
                "recorded",
                "x fewer",
                "span",
                "all CPU more, us a request",
                "events a request",
                "lost",
                "bytes an event",
            ],
            rows,
            notes=[
                "nginx and its worker are recorded, wrk is not. 16 connections "
                "that stay, 1 KiB, an "
                "access log; 3 s each time. nginx, wrk and the recorder share "
                "the CPUs."
            ],
            commands=["wrk -t1 -c16 -d3 http://127.0.0.1/index.html"],
        )


def run(ctx):
    if os.geteuid():
        ctx.missing("reel", "only root can record")
        return []
    bench = Bench(ctx)
    bench.choose([recorders.Reel] if ctx.quick else recorders.ALL)
    if not any(r.name == "reel" for r in bench.usable):
        return []
    tables = []
    for kind, command, per_round, n in WORK:
        if ctx.quick and kind != MIX:
            continue
        table, of = everyday(bench, kind, command, per_round, n)
        tables.append(table)
        if kind == MIX:
            parts = by_parts(bench, command.format(src=ctx.src), of["reel"]["calls"],
                             of["reel"]["own_s"])
            if parts:
                tables.append(parts)
            ctx.check(
                "mix: on tape", of["reel"]["bytes_per_event"], 12, "bytes an event", generous=20
            )
            ctx.check("mix: lost", of["reel"]["lost"], 0, "events", generous=1000)
    if ctx.quick:
        return tables
    if ctx.tool("nginx") and ctx.tool("wrk"):
        tables.append(Server(bench).table())
    else:
        ctx.missing("nginx and wrk", "not there: make bench-deps")
    what = [
        [
            r.name,
            r.says,
            f"`{' '.join(w if ' ' not in w else '...' for w in r.argv(['CMD'])[1:])}`".replace(
                ctx.work, ""
            ),
            bench.start_s[r.name],
            bench.end_s[r.name],
        ]
        for r in bench.usable
    ]
    tables.insert(
        0,
        ctx.table(
            "What each records",
            ["recorder", "of a call", "how", "start, CPU s", "end, CPU s"],
            what,
            notes=[
                f"{bench.rounds} runs each (of strace and bpftrace, where it is no loop, one), "
                "and one without a recorder right before each of them. \"x longer\" is "
                "by the clock, as the work itself sees it, without the recorder's start and end.",
                "\"All CPU more\" is what the work and the recorder take together beyond the "
                "work alone, without "
                "the recorder's start and end, over the calls that the work makes; \"recorder "
                "CPU\" is what of it "
                "is in the recorder's own processes. MiB is without its rings and files.",
                "Bytes are without what a recording of nothing takes, the headers of a file "
                "above all. Loops repeat themselves, and are compressed to next to nothing; the "
                "size of a real tape is that of "
                "the mix. strace and bpftrace get fewer rounds of the loops, since they take "
                "longer.",
            ],
        ),
    )
    return tables
