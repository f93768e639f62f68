#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
"""The recorder itself is killed, stopped, and cannot write: what it had taken is on tape or told.

CRASH_COUNT times as much is tried as in a short run (1).
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True

import tries  # noqa: E402
from suite import REEL, SRC, Suite, dump, run, types  # noqa: E402

COUNT = int(os.environ.get("CRASH_COUNT", "1"))
LOAD = os.path.join(os.environ.get("BENCH", os.path.join(SRC, ".output", "bench")), "record_load")
FAULT = os.path.join(os.path.dirname(REEL), "fault.so")

KILLS, STOPS, FAULTS = 3 * COUNT, COUNT, 6 * COUNT

# The latency of 500 ms, and what a busy machine adds even to a recorder that runs before others.
LOST_BY_A_KILL_S = 2
HELPER_ENDS_S = 5

# Opens files that are not there, by number; says when it began with each hundredth.
NUMBERED = r"""
import os, sys, time
n, times, end = 0, [], time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    if n % 100 == 0:
        times.append(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    try:
        os.open("/nowhere/%d" % n, os.O_RDONLY)
    except OSError:
        pass
    n += 1
print(n, *times)
"""

# Kinds, as bits, and modes of tests/crash/fault.h.
WRITE, SYNC, OPEN, CLOSE = 1 << 1, 1 << 2, 1 << 0, 1 << 5
FAIL, HALF = 0, 2
# The CPU in the names of events that the recorder has made itself.
OWN = "r"
EIO, ENOSPC, EDQUOT = 5, 28, 122
# Of verify: nothing is damaged, but an end or events may be missing.
SOUND = (0, 4)
CAUSES = (
    ("write: EIO once", WRITE, 1, EIO, FAIL, 20),
    ("write: half of it, then EIO once", WRITE, 2, EIO, HALF, 20),
    ("write: ENOSPC once", WRITE, 1, ENOSPC, FAIL, 20),
    ("write: EDQUOT once", WRITE, 1, EDQUOT, FAIL, 20),
    ("fsync: EIO once", SYNC, 1, EIO, FAIL, 20),
    ("open: EIO once", OPEN, 1, EIO, FAIL, 3),
    ("close: EIO once", CLOSE, 1, EIO, FAIL, 2),
)


def numbers_on(events):
    prefix = "/nowhere/"
    return sorted(int(e["path"][len(prefix):]) for e in events
                  if e["type"] == "open" and e.get("path", "").startswith(prefix))


def untold_holes(events, found):
    """FORMAT.md 12.3: how many numbered opens are missing where sequence numbers are, untold.

    The rings of the CPUs are emptied one after another: where the load went from one to the other
    just before the kill, opens of the first are missing and nothing lies behind them there. And
    state has blocks of its own: where the last was not written yet, sequence numbers are missing
    and opens are not.
    """
    missing = found[-1] + 1 - len(set(found)) if found else 0
    sequences, told = {}, 0
    for e in events:
        _, cpu, sequence = e["id"].split("-")
        if e["type"] == "lost":
            told += e["count"] if e["lost_class"] == "file" else 0
        elif cpu != OWN:
            sequences.setdefault(cpu, []).append(int(sequence))
    holes = sum(max(s) - min(s) + 1 - len(s) for s in sequences.values())
    return max(min(holes, missing) - told, 0)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def is_recorder(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            return f.read().startswith("reel")
    except OSError:
        return False


def begin(capture, command, *options, **more):
    """A recorder that is recording."""
    ready, told = os.pipe()
    recorder = subprocess.Popen(
        [REEL, "record", "-q", "-o", capture, "--ready-fd", str(told), *options, "--", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[told], **more)
    os.close(told)
    os.read(ready, 1)
    os.close(ready)
    return recorder


def kill_once(rng, number):
    """What is wrong, as lines; how many events were lost."""
    capture = f"killed-{number}"
    recorder = begin(capture, [sys.executable, "-c", NUMBERED, "4"], "--segment-size", "200K")
    helpers = [p for p in children(recorder.pid) if is_recorder(p)]
    time.sleep(rng.uniform(0.2, 3.3))
    killed_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    recorder.kill()
    said = recorder.stdout.read().split()
    recorder.stderr.read()
    recorder.wait()
    total, times = int(said[0]), [int(word) for word in said[1:]]
    old = sum(t < killed_ns - LOST_BY_A_KILL_S * 1e9 for t in times)
    done = sum(t < killed_ns for t in times) * 100
    sure = max(old - 1, 0) * 100
    events = list(dump(capture))
    found = numbers_on(events)
    # A machine that is busy with other things may have kept it from emptying the rings.
    told = sum(e["count"] for e in events if e["type"] == "lost" and e["lost_class"] == "file")
    missing = sorted(set(range(sure)) - set(found))
    if len(missing) > told:
        yield (f"{sure} of {total} were older than {LOST_BY_A_KILL_S} s; of them {len(missing)} are "
               f"missing, {told} told as lost: {missing[:5]}")
    twice, holes = len(found) - len(set(found)), untold_holes(events, found)
    if twice or holes:
        yield f"{twice} are there twice, {holes} are missing between others and not told"
    if run([REEL, "verify", "-q", capture]).returncode not in SOUND:
        yield "it does not verify"
    end = time.monotonic() + HELPER_ENDS_S
    while any(map(is_recorder, helpers)) and time.monotonic() < end:
        time.sleep(0.05)
    if not helpers or any(map(is_recorder, helpers)):
        yield f"a helper that is left: {helpers}"
    if run([REEL, "record", "-q", "-o", capture, "--", "true"]).returncode != 0 or \
            run([REEL, "verify", "-q", capture]).returncode not in SOUND:
        yield "it cannot be continued"
    kill_once.lost += max(min(done, total) - len(found), 0)


kill_once.lost = 0


def check_kills(suite, rng):
    wrong = [list(kill_once(rng, i)) for i in range(KILLS)]
    suite.none(f"a killed recorder leaves what is older than {LOST_BY_A_KILL_S} s, {KILLS} times",
               (line for lines in wrong for line in lines))
    tries.tell("kill -9", "recorder", "17.1", KILLS, sum(map(bool, wrong)), kill_once.lost)


def counted(capture):
    """By class: what the counters say, what is on tape, what is told as lost, by cause."""
    class_of = {name: row["class"] for name, row in types().items()}
    by_class = {}
    last = {}
    for e in dump(capture):
        c = by_class.setdefault(class_of[e["type"]], {"tape": 0, "lost": {}})
        if e["type"] == "counters":
            last[e["counted_cpu"], e["counted_class"]] = e
        elif e["type"] == "lost":
            c = by_class.setdefault(e["lost_class"], {"tape": 0, "lost": {}})
            c["lost"][e["cause"]] = c["lost"].get(e["cause"], 0) + e["count"]
        elif e["id"].split("-")[1] != OWN:
            c["tape"] += 1
    for (_, name), e in last.items():
        c = by_class.setdefault(name, {"tape": 0, "lost": {}})
        c["kept"] = c.get("kept", 0) + e["kept"]
        c["shed"] = c.get("shed", 0) + e["lost"]
    return by_class


def check_stops(suite, rng):
    """While it is stopped the rings fill up. What finds no room in them is counted."""
    wrong, lost, calls = [], 0, 1500000
    for i in range(STOPS):
        capture = f"stopped-{i}"
        recorder = begin(capture, [LOAD, "flood", str(calls), "2"], "--syscalls", "getppid",
                         "--ring", "1")
        time.sleep(rng.uniform(0.05, 0.3))
        recorder.send_signal(signal.SIGSTOP)
        time.sleep(1)
        recorder.send_signal(signal.SIGCONT)
        recorder.communicate()
        c = counted(capture)["sys"]
        shed = sum(c["lost"].values())
        lost += shed
        if recorder.returncode or c["tape"] + shed != 2 * calls or not shed:
            wrong.append(f"status {recorder.returncode}, {c}, of {2 * calls} calls")
    suite.none(f"a recorder that was stopped counts what it lost ({lost} events)", wrong)
    tries.tell("SIGSTOP for a second", "recorder", "12", STOPS, len(wrong), lost)


def fail_once(rng, number, cause):
    """What is wrong, as lines; and how many events were told as lost. None: nothing failed."""
    name, kinds, times, error, mode, most = cause
    capture, state = f"failed-{number}", os.path.abspath("state")
    with open(state, "wb") as f:
        f.write(bytes(64))
    at = rng.randrange(1, most + 1)
    env = {**os.environ, "LD_PRELOAD": FAULT, "FAULT_PATH": ".rls", "FAULT_STATE": state,
           "FAULT": f"{kinds}:{at}:{times}:{error}:{mode}"}
    command = ["env", "-u", "LD_PRELOAD", "-u", "FAULT", LOAD, "flood", "150000", "2"]
    done = run([REEL, "record", "-q", "-o", capture, "--sync", "block", "--segment-size", "60K",
                "--latency", "20ms", "--syscalls", "getppid", "--", *command], env=env)
    with open(state, "rb") as f:
        hits = int.from_bytes(f.read()[24:28], "little")
    if not hits:
        return None
    where = f"{name}, call {at}: "
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 125 or os.strerror(error) not in said:
        return [f"{where}status {done.returncode}, {said}"], 0
    if not any(n.endswith(".rls") for n in os.listdir(capture)):
        return [], 0
    if run([REEL, "verify", "-q", capture]).returncode not in SOUND:
        return [f"{where}it does not verify"], 0
    wrong, lost = [], 0
    for name, c in counted(capture).items():
        told = c["lost"].get("write error", 0) + c["lost"].get("disk full", 0)
        lost += told
        if name in ("process", "file", "sys") and c.get("kept") != c["tape"] + told:
            wrong.append(f"{where}{name}: {c}")
    return wrong, lost


def check_faults(suite, rng):
    totals = {}
    wrong = []
    for i in range(FAULTS):
        cause = CAUSES[i % len(CAUSES)]
        result = fail_once(rng, i, cause)
        if result is None:
            continue
        t = totals.setdefault(cause[0], [0, 0, 0])
        t[0] += 1
        t[1] += bool(result[0])
        t[2] += result[1]
        wrong += result[0]
    suite.none("a recorder that cannot write says so, and each event is on tape or told", wrong)
    suite.say(sum(t[0] for t in totals.values()) >= FAULTS / 2, "and it was tried often enough",
              f"{totals}")
    for name, t in totals.items():
        tries.tell(name, "recorder", "17.4", *t)


def main():
    suite = Suite()
    suite.need_recorder()
    seed = os.environ.get("CRASH_SEED", str(int(time.time())))
    print(f"# seed {seed}")
    rng = random.Random(seed)
    check_kills(suite, rng)
    check_stops(suite, rng)
    check_faults(suite, rng)
    suite.done()


if __name__ == "__main__":
    main()
