# SPDX-License-Identifier: BSD-2-Clause
"""What a probe costs the program that makes a call: getpid() with none, with probes of the kinds that
others measured, and with the recorder's."""

import json
import os

NAME = "probe"
TITLE = "Probe cost: what is added to a call"
QUICK = True

# What the README of the benchmark that this one is made after says, in ns: an M1 MacBook Air of 2020,
# Linux 6.5-rc1 in QEMU. It has no tp_btf by that name: its "tracepoint" is one.
SEED = {
    "base": 117.3,
    "tp_btf-empty": 132.2,
    "tp_btf-simple": 152.2,
    "tp_btf-complex": 212.8,
    "fentry-empty": 141.0,
    "fentry-simple": 159.1,
    "fentry-complex": 220.7,
    "kprobe-empty": 253.8,
    "kprobe-simple": 277.1,
    "kprobe-complex": 346.3,
}

SAID = {
    "base": "no probe",
    "tp_btf-empty": "tp_btf, empty",
    "tp_btf-simple": "tp_btf, a map by pid",
    "tp_btf-complex": "tp_btf, a map by pid, random number and name",
    "tracepoint-empty": "classic tracepoint, empty",
    "tracepoint-simple": "the same, a map by pid",
    "tracepoint-complex": "the same, a map by pid, random number and name",
    "fentry-empty": "fentry, empty",
    "fentry-simple": "fentry, a map by pid",
    "fentry-complex": "fentry, a map by pid, random number and name",
    "kprobe-empty": "kprobe, empty",
    "kprobe-simple": "kprobe, a map by pid",
    "kprobe-complex": "kprobe, a map by pid, random number and name",
}
RECORDER = {
    "empty": "an empty probe on the hook of the recorder",
    "recorded": "reel records it",
    "in-scope": "reel records it, inside a scope",
    "not-by-class": "filtered out by class",
    "not-by-scope": "filtered out by scope",
    "ask-scope": "the least that asks whose a call is",
    "fold": "the least that folds: asks that, finds the sums of a file, adds to two",
    "in-place": "written into the ring where it will lie",
    "by-scratch": "put together in a scratch, and copied",
    "by-output": "the same in one go",
    "in-place-2": "in place, on two CPUs at once",
    "by-scratch-2": "by scratch, on two CPUs at once",
    "by-output-2": "in one go, on two CPUs at once",
}
RING = "in-place", "the clock and the kernel's ring"
# Name, budget, and a bound for busy machines, as multiples of what an empty probe adds. Where an empty
# one adds little, as on machines without the mitigations, the multiple is large and the cost small.
# Behind them the least there is, as measured by a program of record_hook, and whose it is.
RATIOS = {
    "recorded": ("a call that is recorded", 2.5, 15, RING),
    "in-scope": ("the same inside a scope", 3.0, 18, RING),
    "not-by-class": ("a call that is not wanted", 1.3, 6, None),
    "not-by-scope": ("a call of a process that is not wanted", 1.7, 9,
                     ("ask-scope", "task storage of the kernel")),
}

LOADS_OF_PROGRAMS = 8
LOADS = [("io", 300_000), ("close", 300_000), ("path", 200_000), ("open", 100_000)]


def _hook(ctx):
    """By what is on the hook, over several loads: where the kernel has put the code of a program makes
    up to 10 ns of it, and of two programs that are alike one is dearer."""
    loads, rounds, calls = (2, 4, 20_000) if ctx.quick else (LOADS_OF_PROGRAMS, 5, 20_000)
    argv = [os.path.join(ctx.bench, "record_hook"), str(rounds), str(calls)]
    argv += ["budget"] if ctx.quick else []
    of = {}
    for _ in range(loads):
        done = ctx.cost(argv)
        if done.status < 0:
            raise RuntimeError(f"record_hook died of signal {-done.status}")
        if done.status:
            ctx.missing(
                "record_hook",
                done.err.decode("utf-8", "replace").strip() or f"status {done.status}",
            )
            return None
        for r in map(json.loads, done.out.splitlines()):
            of.setdefault(r["what"], []).append(r)
    return {what: _merged(ctx, ones) for what, ones in of.items()}


def _merged(ctx, ones):
    if any("error" in one for one in ones):
        return ones[0]
    merged = {key: ctx.median([one[key] for one in ones]) for key in ("ns", "added_ns")}
    return {**merged, "rounds_ns": [ns for one in ones for ns in one["rounds_ns"]]}


def _row(ctx, found, what, said, base):
    one = found[what]
    if "error" in one:
        return [said, "-", "-", f"does not load here: {one['error']}"]
    times = one["rounds_ns"]
    return [said, ctx.median(times), one["ns"] - base, ctx.spread(times)]


def _load_ns(ctx, kind, calls, recorded):
    """CPU time of a call, as the program itself sees it."""
    argv = [os.path.join(ctx.bench, "record_load"), kind, str(calls)]
    if recorded:
        argv = [
            ctx.reel,
            "record",
            "-q",
            "-o",
            os.path.join(ctx.work, f"{kind}{recorded}"),
            "--",
            *argv,
        ]
    done = ctx.cost(argv)
    return json.loads(done.out)["cpu_ns"]


def _calls(ctx, found):
    """Calls that a getpid() does not stand for. By turns, the least of all: nothing makes them cheaper."""
    rounds, rows, added = (2 if ctx.quick else 5), [], {}
    for kind, calls in LOADS:
        bare, recorded = [], []
        for i in range(rounds):
            bare.append(_load_ns(ctx, kind, calls // (4 if ctx.quick else 1), 0))
            recorded.append(_load_ns(ctx, kind, calls // (4 if ctx.quick else 1), i + 1))
        added[kind] = min(recorded) - min(bare)
        rows.append(
            [kind, ctx.median(bare), ctx.median(recorded), added[kind], ctx.spread(recorded)]
        )
    ctx.check(
        "a folded read, of what an empty probe adds", added["io"] / found["empty"]["added_ns"],
        2.5, "x", generous=15,
        floor="fold" in found and (found["fold"]["added_ns"] / found["empty"]["added_ns"],
                                   "a map of the kernel, and two sums"),
    )
    if not ctx.quick:
        ctx.check("a folded read, of the least that a fold takes",
                  added["io"] / found["fold"]["added_ns"], 1.5, "x")
    ctx.check(
        "a resolved path of 8 parts, over an event",
        added["path"] - added["close"],
        400,
        "ns",
        generous=3000,
    )
    names = {
        "io": "pread() of a byte, folded",
        "close": "close() of nothing",
        "path": "ftruncate(), with its path of 8 parts",
        "open": "open() of such a path, and close()",
    }
    return ctx.table(
        "Calls of other kinds, recorded by reel",
        ["call", "bare ns", "recorded ns", "added ns", "span, recorded"],
        [[names[r[0]], *r[1:]] for r in rows],
        notes=[
            f"{rounds} runs each, by turns. What is added is of the least of "
            "each: other work on "
            "the machine only ever makes a call dearer."
        ],
        commands=["record_load io 300000", "reel record -q -o DIR -- record_load " "io 300000"],
    )


def run(ctx):
    if os.geteuid():
        ctx.missing("record_hook", "only root can measure this")
        return []
    found = _hook(ctx)
    if not found:
        return []
    base, empty = found["base"]["ns"], found["empty"]["added_ns"]
    for what, (name, budget, generous, least) in RATIOS.items():
        ctx.check(
            name + ", of what an empty probe adds",
            found[what]["added_ns"] / empty,
            budget,
            "x",
            generous=generous,
            floor=least and least[0] in found and (found[least[0]]["added_ns"] / empty, least[1]),
        )
    if not ctx.quick:
        ctx.check("a call that is recorded, of the least that a record takes",
                  found["recorded"]["added_ns"] / found["in-place"]["added_ns"], 1.3, "x")
        ctx.check("a call of a process that is not wanted, of the least that asks whose it is",
                  found["not-by-scope"]["added_ns"] / found["ask-scope"]["added_ns"], 1.5, "x")
    n = len(found["base"]["rounds_ns"])
    probes = [
        _row(ctx, found, what, said, base)
        + [SEED.get(what, "-"), SEED.get(what, 0) - SEED["base"] if what in SEED else "-"]
        for what, said in SAID.items()
        if what in found
    ]
    ours = [
        _row(ctx, found, what, said, found["base-2"]["ns"] if what.endswith("-2") else base)
        + [found[what]["added_ns"] / empty]
        for what, said in RECORDER.items()
        if what in found
    ]
    return [
        ctx.table(
            "getpid() under the probes of the seed's benchmark",
            ["probe", "ns", "added ns", "span", "the seed's ns", "the seed's added"],
            probes,
            notes=[
                f"{n} rounds of 20,000 calls on one CPU, by turns, in {LOADS_OF_PROGRAMS} loads of "
                "the programs; CPU time of the thread. What is added is of the least of each load, "
                "and of these the median: where the kernel puts their code makes up to 10 ns of it.",
                "The seed's figures are from its README: another machine (Apple M1, "
                "QEMU), and "
                "in its maps 1,024 keys, which one thread fills, so that what comes "
                "after it is "
                "not counted; here they are large enough.",
                "tp_btf runs at each call of the machine, the others at getpid() "
                "only: so did the "
                "seed's, which calls it a tracepoint.",
            ],
            commands=[f"record_hook 5 20000  # {LOADS_OF_PROGRAMS} times"],
        ),
        ctx.table(
            "getpid() under the recorder",
            ["what", "ns", "added ns", "span", "x of empty"],
            ours,
            notes=[
                "The recorder's own programs, and at the end ways into the ring that "
                "differ in "
                "nothing else. In the same run, by turns with the probes above."
            ],
        ),
        _calls(ctx, found),
    ]
