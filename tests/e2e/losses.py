#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""When the recorder cannot keep up: what is lost is told, with the right time and count, and the
state of the machine is whole.

The rings are far too small, the recorder is stopped for a while, its disk is slow, its disk is full.
And before that: where nothing happens it hardly wakes, and what one CPU can do at most is all there.
"""
# timeout: 280

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from suite import CLASSES, REEL, SCALE, SRC, Suite, output, program, run, scaled
from tally import (Tape, Truth, compare_gaps, compare_lives, compare_rest, compare_sums,
                   compare_told, lost)

STOP_S = max(5, int(5 * SCALE))
IDLE_S, IDLE_WAKES_A_SECOND, BURST_S, BURST_FILLS_PERCENT = 2, 70, 2, 80
CROWD = os.path.join(os.environ.get("BENCH", os.path.join(SRC, ".output", "bench")), "crowd")
STEPS = "io,descriptors,signals,fork"
SMALL = ("-e", CLASSES, "--io", "all", "--ring", "1")


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def load(name, *args):
    """What it prints must not be among what is lost: it rests before."""
    return [program("count"), "-w", f"{name}.d", "-a", "3", *args]


def started(options, command=(), **more):
    """The recorder in the background, once it records. Its pid is that of the recorder itself."""
    read_end, write_end = os.pipe()
    argv = [REEL, "record", "-q", "--ready-fd", str(write_end), *options]
    more.setdefault("stdout", subprocess.PIPE)
    child = subprocess.Popen(argv + (["--", *command] if command else []),
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             pass_fds=(write_end,), **more)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as ready:
        suite.say(ready.readline(), f"{options[1]}: is ready")
    return child


def ended(child):
    out, err = child.communicate()
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def check(name, truth, tape, cause):
    told = lost(tape)
    suite.say(told > 0, f"{name}: something was lost")
    suite.say(lost(tape, cause=cause) == told, f"{name}: and the cause is known",
              str({e["cause"] for e in tape.lost}))
    suite.none(f"{name}: sums by CPU and class", compare_sums(tape))
    suite.none(f"{name}: what is missing is what was lost", compare_gaps(tape))
    suite.none(f"{name}: made, less what is on tape, is what was lost", compare_rest(truth, tape))
    suite.none(f"{name}: every process is on tape from its fork to its exit",
               compare_lives(truth, tape))
    suite.none(f"{name}: the order within each thread", tape.disorder)
    for e in tape.lost:
        if not 0 < e["first"] <= e["last"] <= e["ts"]:
            suite.say(False, f"{name}: the times of a loss", str(e))
            break
    print(f"# {name}: {told} lost in {len(tape.lost)} records, {sum(tape.kept.values())} kept")


def info(name, capture, verdict):
    """reel info says that it is incomplete, and how much."""
    done = run([REEL, "info", "-v", capture])
    text = done.stdout.decode()
    suite.say(done.returncode == 4 and verdict in text, f"{name}: reel info says so", output(done))


def wakes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt"))


def idle():
    child = started(("-o", "idle.reel"), ["sleep", str(IDLE_S + 1)])
    time.sleep(0.5)
    before = wakes(child.pid)
    time.sleep(IDLE_S)
    often = (wakes(child.pid) - before) / IDLE_S
    done = ended(child)
    suite.say(done.returncode == 0, "idle: ends well", output(done))
    suite.say(often <= IDLE_WAKES_A_SECOND, "idle: the recorder hardly wakes",
              f"{often} times a second")


def burst_once():
    """On one CPU, which the recorder has to share, and while it still has to find out how the machine
    is. How full the ring was."""
    child = started(("-o", "burst.reel", "--syscalls", "getppid", "--metrics-file", "metrics"),
                    [CROWD, "call", "1", "100000000", str(BURST_S)],
                    preexec_fn=lambda: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]))
    done = ended(child)
    suite.say(done.returncode == 0, "burst: ends well", output(done))
    with open("metrics", encoding="utf-8") as f:
        return next(float(line.split()[1]) for line in f if line.startswith("reel_ring_high_percent "))


def burst():
    """As fast as a program can. What else the machine does may keep the recorder away from its CPU, so
    there are two more tries."""
    for _ in range(3):
        full = burst_once()
        told = run([REEL, "info", "burst.reel"])
        if told.returncode == 0 and full <= BURST_FILLS_PERCENT:
            break
        print(f"# burst: the ring was {full:.0f}% full")
        shutil.rmtree("burst.reel")
    suite.say(full <= BURST_FILLS_PERCENT, "burst: the ring has room for more", f"{full}%")
    suite.say(told.returncode == 0, "burst: nothing is lost", output(told))


def stopped():
    """SIGSTOP while the load goes on: all that did not fit is lost, and only then."""
    child = started(("-o", "stopped.reel", *SMALL), load(
        "stopped", "-T", str(STOP_S + 2), "-g", "1500", "-p", "2", "-t", "1", "-s", STEPS))
    time.sleep(1)
    begin = boottime()
    os.kill(child.pid, signal.SIGSTOP)
    time.sleep(STOP_S)
    os.kill(child.pid, signal.SIGCONT)
    end = boottime()
    done = ended(child)
    suite.say(done.returncode == 0, "stopped: goes on afterwards", output(done))
    truth, tape = Truth(done.stdout.decode()), Tape("stopped.reel")
    check("stopped", truth, tape, "ring full")
    slack = 500_000_000
    outside = [e for e in tape.lost if e["first"] < begin or e["last"] > end + slack]
    suite.none("stopped: nothing is lost before, nothing after", map(str, outside))
    info("stopped", "stopped.reel", "lost")


def overrun():
    """Rings of 1 MiB at full speed."""
    rounds = scaled(3000)
    child = started(("-o", "overrun.reel", *SMALL), load(
        "overrun", "-r", rounds, "-p", str(os.cpu_count()), "-t", "1", "-s", STEPS))
    # The recorder gets less of the CPUs than the load, so that it cannot keep up.
    os.setpriority(os.PRIO_PROCESS, child.pid, 19)
    done = ended(child)
    suite.say(done.returncode == 0, "overrun: ends well", output(done))
    truth, tape = Truth(done.stdout.decode()), Tape("overrun.reel")
    if not tape.lost:
        suite.skip("overrun: something was lost", "the recorder kept up")
        suite.none("overrun: sums by CPU and class", compare_sums(tape))
        return
    check("overrun", truth, tape, "ring full")


class SlowReader(threading.Thread):
    """Takes what comes at so many bytes a second, until it is told to hurry."""

    def __init__(self, stream, path, per_second):
        super().__init__()
        self.stream, self.path = stream, path
        self.step, self.slow_until = per_second // 20, float("inf")

    def hurry_in(self, seconds):
        self.slow_until = time.monotonic() + seconds

    def run(self):
        with open(self.path, "wb") as out:
            while True:
                slow = time.monotonic() < self.slow_until
                data = os.read(self.stream.fileno(), self.step if slow else 1 << 20)
                if not data:
                    return
                out.write(data)
                if slow:
                    time.sleep(0.05)


def slow_disk():
    """Standard output is a pipe whose reader is slow."""
    counter = subprocess.Popen(
        load("slow", "-i", "-T", "5", "-g", "1000", "-p", "2", "-t", "1", "-s", STEPS),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stream:
        reader = SlowReader(stream, "slow.rls", 20_000)
        reader.start()
        child = started(("-o", "-", *SMALL, "-p", str(counter.pid)), stdout=write_end)
        os.close(write_end)
        reader.hurry_in(3)
        truth = Truth(counter.communicate()[0].decode())
        os.kill(child.pid, signal.SIGINT)
        done = ended(child)
        reader.join()
    suite.say(done.returncode == 0, "slow disk: ends well", output(done))
    tape = Tape("slow.rls")
    check("slow disk", truth, tape, "ring full")
    info("slow disk", "slow.rls", "lost")


def full_disk(name="full disk", size="4m", more=(), rounds="20000", niceness=0):
    """A small disk: the recording ends, or goes on without the rest, but says what is missing."""
    os.makedirs("disk", exist_ok=True)
    shutil.rmtree("full.d", ignore_errors=True)
    if run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", "disk"]).returncode:
        suite.skip(name, "a tmpfs cannot be mounted")
        return
    try:
        child = started(("-o", "disk/full.reel", "-e", CLASSES, "--io", "all", *more),
                        load("full", "-r", rounds, "-p", "2", "-t", "1", "-s", STEPS))
        if niceness:
            os.setpriority(os.PRIO_PROCESS, child.pid, niceness)
        done = ended(child)
        said = done.stderr.decode("utf-8", "replace")
        suite.say("No space left" in said or "full" in said, f"{name}: is said", output(done))
        suite.say(done.returncode != 0, f"{name}: is in the status", output(done))
        verified = run([REEL, "verify", "disk/full.reel"])
        suite.say(verified.returncode == 0, f"{name}: what is there is whole", output(verified))
        tape = Tape("disk/full.reel")
        suite.say(lost(tape, cause="disk full") > 0, f"{name}: the rest is told as lost",
                  str({e["cause"]: e["count"] for e in tape.lost}))
        suite.none(f"{name}: sums by CPU and class", compare_sums(tape))
        suite.none(f"{name}: what was lost before is told too", compare_told(tape))
        info(name, "disk/full.reel", "disk full")
    finally:
        run(["umount", "disk"])


def full_disk_and_rings():
    """Both at once: what tells of the losses of the rings comes too late for the disk as well."""
    for size in ("1300k", "1400k", "1500k"):
        full_disk(f"full disk and rings, {size}", size, ("--ring", "1"), "20000", 19)


suite = Suite()
suite.need_recorder()
if not os.path.exists(program("count")):
    suite.say(False, f"{program('count')} is built")
    suite.done()
for test in (idle, burst, stopped, overrun, slow_disk, full_disk, full_disk_and_rings):
    test()
    for left in os.listdir("."):
        if os.path.isdir(left) and left != "disk":
            shutil.rmtree(left, ignore_errors=True)
suite.done()
