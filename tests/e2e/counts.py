#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Exact counts: what count.c did, call by call, is what lies on tape, no more and no less.

count prints for each of its threads how often it made which call with which result. The events of
the thread must be the same, by type, call and error; by CPU as well, where it was pinned to one.
The counters on tape must add up for each CPU and class, and say how many events there are.
"""
# timeout: 280

import collections
import json
import os
import shutil
import sys

sys.dont_write_bytecode = True
from suite import CLASSES, LONG, PROGRAMS, REEL, Suite, dump, output, program, record, run, types

# Made by the kernel when a socket closes, in whatever process that happens.
NO_CALL = {"flow"}
STATE_CLASSES = {"state", "tape"}
TYPES = types()


class Truth:
    """What count printed: threads by tid, children by pid, its processes."""

    def __init__(self, text):
        self.workers, self.children, self.processes = {}, {}, {}
        for line in text.splitlines():
            row = json.loads(line)
            if "worker" in row:
                calls = {tuple(k.split()): n for k, n in row["calls"].items()}
                self.workers[row["tid"]] = dict(row, calls=collections.Counter(calls))
            elif "child" in row:
                self.children[row["child"]] = row
            else:
                self.processes[row["process"]] = row

    def total(self, *types):
        return sum(
            n
            for w in self.workers.values()
            for (t, _, _), n in w["calls"].items()
            if not types or t in types
        )


class Tape:
    """What is on tape, counted in one pass."""

    def __init__(self, capture):
        self.calls = collections.defaultdict(collections.Counter)
        self.lives = collections.defaultdict(collections.Counter)
        self.cpus = collections.defaultdict(collections.Counter)
        self.kept = collections.Counter()
        self.types = collections.Counter()
        self.forks = collections.defaultdict(set)
        self.counters = {}
        self.folds, self.lost, self.disorder = [], [], []
        self.restarted = 0
        seqs = collections.defaultdict(list)
        last = {}
        for e in dump(capture):
            kind, (_, cpu, seq) = e["type"], e["id"].split("-")
            if kind == "counters":
                self.counters[e["counted_cpu"], e["counted_class"]] = e
            elif kind == "lost":
                self.lost.append(e)
            elif kind == "fold":
                self.folds.append(e)
            if cpu == "r":
                continue
            seqs[int(cpu)].append(int(seq))
            if TYPES[kind]["class"] in STATE_CLASSES:
                continue
            self.kept[int(cpu), TYPES[kind]["class"]] += 1
            self.types[kind] += 1
            tid = e["tid"]
            if e["ts"] < last.get(tid, 0):
                self.disorder.append(f"{e['id']} of thread {tid} is earlier than the one before")
            last[tid] = e["ts"]
            if e.get("restarted"):
                self.restarted += 1
                continue
            self.lives[e["pid"]][kind] += 1
            if kind == "fork" and e["ret"] > 0:
                self.forks[tid].add(e["ret"])
            if kind not in NO_CALL:
                self.calls[tid][kind, str(e.get("syscall", "")), e.get("errno", "0")] += 1
                self.cpus[tid][int(cpu)] += 1
        self.holes = []
        for cpu, numbers in sorted(seqs.items()):
            numbers.sort()
            for a, b in zip(numbers, numbers[1:]):
                if b != a + 1:
                    self.holes.append(f"CPU {cpu}: {b} follows {a}")


def differences(got, want):
    for key in sorted(set(got) | set(want)):
        if got[key] != want[key]:
            yield f"{' '.join(map(str, key))}: {got[key]} on tape, {want[key]} made"


def without(counts, types):
    return collections.Counter({k: n for k, n in counts.items() if k[0] not in types})


def compare_threads(truth, tape, skip=()):
    for tid, worker in truth.workers.items():
        got, want = without(tape.calls[tid], skip), without(worker["calls"], skip)
        for line in differences(got, want):
            yield f"thread {tid}: {line}"
        if worker["overflow"]:
            yield f"thread {tid}: the test itself lost count"


def compare_cpus(truth, tape):
    for tid, worker in truth.workers.items():
        strangers = {c: n for c, n in tape.cpus[tid].items() if c != worker["cpu"]}
        if strangers:
            yield f"thread {tid} is pinned to CPU {worker['cpu']}, events are of {strangers}"


def compare_lives(truth, tape):
    born = set().union(*tape.forks.values())
    for pid, child in truth.children.items():
        life = {k: tape.lives[pid][k] for k in ("fork", "exec", "exit", "thread")}
        want = {"fork": 0, "exec": int(child["executed"]), "exit": 1, "thread": 0}
        if life != want:
            yield f"child {pid}: {life}, not {want}"
        if pid not in born:
            yield f"child {pid}: no fork returned it"
    for pid, process in truth.processes.items():
        life = {k: tape.lives[pid][k] for k in ("thread", "exit")}
        if life != {"thread": process["threads"], "exit": 1}:
            yield f"process {pid}: {life}"


def compare_sums(tape):
    parts = ("kept", "folded", "filtered", "lost", "missed")
    if not tape.counters:
        yield "there are no counters on tape"
    for (cpu, name), c in sorted(tape.counters.items()):
        if c["seen"] != sum(c[p] for p in parts):
            yield f"CPU {cpu}, {name}: " + ", ".join(f"{p} {c[p]}" for p in ("seen",) + parts)
        if name not in STATE_CLASSES and c["kept"] != tape.kept[cpu, name]:
            yield f"CPU {cpu}, {name}: kept {c['kept']}, {tape.kept[cpu, name]} on tape"
    for (cpu, name), n in sorted(tape.kept.items()):
        if (cpu, name) not in tape.counters:
            yield f"CPU {cpu}, {name}: {n} on tape, no counters"


def counted(tape, part, *names):
    return sum(c[part] for (_, n), c in tape.counters.items() if not names or n in names)


def compare_losses(tape):
    yield from (f"{e['count']} of {e['lost_class']}: {e['cause']}" for e in tape.lost)
    yield from tape.holes
    if counted(tape, "lost") or counted(tape, "missed"):
        yield f"lost {counted(tape, 'lost')}, missed {counted(tape, 'missed')}"


def counting(name, options, *args):
    """The program under the recorder: what it did, and what is on tape."""
    work, capture = f"{name}.d", f"{name}.reel"
    done = record(capture, [program("count"), "-w", work, *args], *options)
    shutil.rmtree(work, ignore_errors=True)
    suite.say(done.returncode == 0, f"{name}: is recorded", output(done))
    if done.returncode:
        return None, None
    verified = run([REEL, "verify", capture])
    suite.say(verified.returncode == 0, f"{name}: the capture is whole", output(verified))
    tape = Tape(capture)
    shutil.rmtree(capture)
    return Truth(done.stdout.decode()), tape


def check(name, truth, tape, skip=()):
    suite.none(f"{name}: each thread's calls", compare_threads(truth, tape, skip))
    suite.none(f"{name}: the lives of its processes", compare_lives(truth, tape))
    suite.none(f"{name}: sums by CPU and class", compare_sums(tape))
    suite.none(f"{name}: nothing is lost, no number is missing", compare_losses(tape))
    suite.none(f"{name}: the order within each thread", tape.disorder)


def all_calls(cpus):
    rounds = "2000" if LONG else "130"
    everything = ("-e", CLASSES + ",look", "--io", "all")
    truth, tape = counting("pinned", everything, "-r", rounds, "-c", cpus)
    if truth:
        check("pinned", truth, tape)
        suite.none("pinned: each on its CPU", compare_cpus(truth, tape))
    truth, tape = counting("roaming", everything, "-r", rounds, "-p", "3", "-t", "3")
    if truth:
        check("roaming", truth, tape)


def folded(cpus):
    """--io first: what is not on tape is in the totals."""
    io = ("read", "write", "copy")
    args = ("-r", "200", "-c", cpus, "-s", "io,descriptors")
    truth, tape = counting("folded", ("-e", CLASSES, "--io", "first"), *args)
    if not truth:
        return
    check("folded", truth, tape, io)
    on_tape = {k: sum(n for c in tape.calls.values() for key, n in c.items() if key[0] == k)
               for k in io}
    suite.say(counted(tape, "folded", "io") > 0, "folded: most io is folded")
    for kind, field in (("read", "reads"), ("write", "writes")):
        made = sum(n for w in truth.workers.values() for key, n in w["calls"].items()
                   if key[0] == kind)
        pids = set(truth.processes)
        totals = sum(f[field] for f in tape.folds if f["pid"] in pids)
        singles = sum(n for tid, c in tape.calls.items() for key, n in c.items()
                      if key[0] == kind and tid in truth.workers)
        suite.same(f"folded: {kind} events and totals", singles + totals, made)
    suite.say(on_tape["read"] < truth.total("read") // 10, "folded: few reads stay", str(on_tape))


def not_wanted(cpus):
    """Classes that nobody asked for leave nothing."""
    args = ("-r", "20", "-c", cpus)
    truth, tape = counting("only", ("-e", "net,ipc"), *args)
    if not truth:
        return
    wanted = {name for name, row in TYPES.items() if row["class"] in ("net", "ipc")}
    others = {name for name, row in TYPES.items() if row["stream"] == "events"} - wanted
    suite.none("only: each thread's calls", compare_threads(truth, tape, others))
    suite.none("only: nothing of other classes",
               (f"{n} of {name}" for name, n in tape.types.items() if name in others))
    suite.none("only: sums by CPU and class", compare_sums(tape))

    truth, tape = counting("elsewhere", ("-e", CLASSES, "-n", "nobody-has-it"), *args)
    if truth:
        kept = {t: sum(c.values()) for t, c in tape.calls.items() if t in truth.workers}
        suite.say(not any(kept.values()), "elsewhere: nothing is kept", str(kept))
        suite.none("elsewhere: sums by CPU and class", compare_sums(tape))
        for name in ("file", "net", "ipc"):
            made = sum(n for w in truth.workers.values() for (t, _, _), n in w["calls"].items()
                       if TYPES[t]["class"] == name)
            got = counted(tape, "filtered", name)
            suite.say(got >= made, f"elsewhere: {name} is counted as filtered",
                      f"{got} filtered, {made} made")


def flood(cpus):
    """Full speed on all CPUs, with the rings that everybody gets."""
    rounds = "60000" if LONG else "6000"
    args = ("-r", rounds, "-p", cpus, "-t", "1", "-c", cpus, "-s", "descriptors,signals,io")
    truth, tape = counting("flood", ("-e", CLASSES, "--io", "all"), *args)
    if truth:
        check("flood", truth, tape)
        print(f"# {truth.total()} calls of {len(truth.workers)} threads")


suite = Suite()
suite.need_recorder()
if not os.path.exists(program("count")):
    suite.say(False, f"{PROGRAMS}/count is built")
    suite.done()
CPUS = str(os.cpu_count())
all_calls(CPUS)
folded(CPUS)
not_wanted(CPUS)
flood(CPUS)
suite.done()
