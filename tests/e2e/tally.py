# SPDX-License-Identifier: BSD-2-Clause
"""What count.c says that it did, what is on tape, and how the two compare."""

import collections
import json

from suite import dump, types

# Told by whatever thread is there when a socket closes, and by the last of a process.
NO_CALL = {"flow", "exit", "fold"}
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
        self.holes, self.missing = [], collections.Counter()
        for cpu, numbers in sorted(seqs.items()):
            numbers.sort()
            for a, b in zip(numbers, numbers[1:]):
                if b != a + 1:
                    self.holes.append(f"CPU {cpu}: {b} follows {a}")
                    self.missing[cpu] += b - a - 1


def differences(got, want):
    for key in sorted(set(got) | set(want)):
        if got[key] != want[key]:
            yield f"{' '.join(map(str, key))}: {got[key]} on tape, {want[key]} made"


def without(counts, types):
    return collections.Counter({k: n for k, n in counts.items() if k[0] not in types})


def compare_threads(truth, tape, skip=()):
    """What is the same in several threads is said once."""
    said = {}
    for tid, worker in truth.workers.items():
        got, want = without(tape.calls[tid], skip), without(worker["calls"], skip)
        for line in differences(got, want):
            said.setdefault(line, []).append(tid)
        if worker["overflow"]:
            yield f"thread {tid}: the test itself lost count"
    for line, tids in said.items():
        yield f"{line}, by {len(tids)} of {len(truth.workers)} threads, e.g. {tids[0]}"


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
        if name not in STATE_CLASSES and not unwritten(tape) and c["kept"] != tape.kept[cpu, name]:
            yield f"CPU {cpu}, {name}: kept {c['kept']}, {tape.kept[cpu, name]} on tape"
    # What was taken from the rings and could not be written is told by class.
    for name in {n for _, n in tape.counters} - STATE_CLASSES if unwritten(tape) else ():
        kept, there = counted(tape, "kept", name), sum(
            n for (_, k), n in tape.kept.items() if k == name)
        gone = lost(tape, cause="disk full", lost_class=name)
        if kept != there + gone:
            yield f"{name}: kept {kept}, {there} on tape, {gone} could not be written"
    for (cpu, name), n in sorted(tape.kept.items()):
        if (cpu, name) not in tape.counters:
            yield f"CPU {cpu}, {name}: {n} on tape, no counters"


def unwritten(tape):
    return lost(tape, cause="disk full")


def counted(tape, part, *names):
    return sum(c[part] for (_, n), c in tape.counters.items() if not names or n in names)


def compare_losses(tape):
    yield from (f"{e['count']} of {e['lost_class']}: {e['cause']}" for e in tape.lost)
    yield from tape.holes
    if counted(tape, "lost") or counted(tape, "missed"):
        yield f"lost {counted(tape, 'lost')}, missed {counted(tape, 'missed')}"


def lost(tape, **fields):
    """How many events the LOST records tell of, of those with these fields."""
    return sum(e["count"] for e in tape.lost if all(e[k] == v for k, v in fields.items()))


def compare_gaps(tape):
    """What is missing is what was said to be lost: by number, by CPU and class, by counter."""
    for cpu in sorted({c for c, _ in tape.counters} | set(tape.missing)):
        # What the recorder tells itself at the end lies behind the last number of the CPU.
        told = sum(e["count"] for e in tape.lost
                   if e["lost_cpu"] == cpu and e["id"].split("-")[1] != "r")
        if told != tape.missing[cpu]:
            yield f"CPU {cpu}: {tape.missing[cpu]} numbers are missing, {told} are told as lost"
    yield from compare_told(tape)


def compare_told(tape):
    """The LOST records tell of each CPU and class what the counters count, also at the worst of times."""
    for (cpu, name), c in sorted(tape.counters.items()):
        told = lost(tape, lost_cpu=cpu, lost_class=name)
        if told != c["lost"]:
            yield f"CPU {cpu}, {name}: {told} told as lost, {c['lost']} counted"


def compare_rest(truth, tape):
    """For each class: what the threads made, less what is on tape, is what was lost."""
    for name in sorted({row["class"] for row in TYPES.values()}):
        made = sum(n for w in truth.workers.values() for (t, _, _), n in w["calls"].items()
                   if TYPES[t]["class"] == name)
        kept = sum(n for tid, calls in tape.calls.items() if tid in truth.workers
                   for (t, _, _), n in calls.items() if TYPES[t]["class"] == name)
        gone = lost(tape, lost_class=name)
        if made - kept != gone:
            yield f"{name}: {made} made, {kept} on tape, {gone} told as lost"
