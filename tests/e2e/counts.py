#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Exact counts: what count.c did, call by call, is what lies on tape, no more and no less.

count prints for each of its threads how often it made which call with which result. The events of
the thread must be the same, by type, call and error; by CPU as well, where it was pinned to one.
The counters on tape must add up for each CPU and class, and say how many events there are.
"""
# timeout: 280

import os
import shutil
import sys

sys.dont_write_bytecode = True
from suite import CLASSES, PROGRAMS, REEL, Suite, output, program, record, run, scaled
from tally import (TYPES, Tape, Truth, compare_cpus, compare_lives, compare_losses, compare_sums,
                   compare_threads, counted)

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
    rounds = scaled(130)
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
    args = ("-r", scaled(200), "-c", cpus, "-s", "io,descriptors")
    truth, tape = counting("folded", ("-e", CLASSES, "--io", "first"), *args)
    if not truth:
        return
    check("folded", truth, tape, io)
    suite.say(counted(tape, "folded", "io") > 0, "folded: most io is folded")
    for kind, field in (("read", "reads"), ("write", "writes")):
        made = sum(n for w in truth.workers.values() for key, n in w["calls"].items()
                   if key[0] == kind)
        pids = set(truth.processes)
        totals = sum(f[field] for f in tape.folds if f["pid"] in pids)
        singles = sum(n for tid, c in tape.calls.items() for key, n in c.items()
                      if key[0] == kind and tid in truth.workers)
        suite.same(f"folded: {kind} events and totals", singles + totals, made)
    stay = sum(n for tid, c in tape.calls.items() for key, n in c.items()
               if tid in truth.workers and key[0] in ("read", "write") and key[2] == "0")
    made = truth.total("read", "write")
    # Each worker reads and writes six files, and the first of each is told.
    suite.say(stay <= 12 * len(truth.workers), "folded: few stay", f"{stay} of {made}")


def not_wanted(cpus):
    """Classes that nobody asked for leave nothing."""
    args = ("-r", scaled(20), "-c", cpus)
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
        # Whose call it is is asked before what the call is: ioctl() may be of two classes.
        got, made = counted(tape, "filtered"), truth.total()
        suite.say(got >= made, "elsewhere: all is counted as filtered", f"{got}, {made} made")


def flood(cpus):
    """Full speed on all CPUs, with the rings that everybody gets."""
    rounds = scaled(6000)
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
