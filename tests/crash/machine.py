#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 500
"""What befalls a machine while it is recorded, in QEMU: its clock is set, it sleeps, its disk dies.

This script runs here, and again in the guest.
"""

import os
import re
import subprocess
import sys
import time
from datetime import datetime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True

import tries  # noqa: E402
from suite import REEL, SRC, Suite, dump, output, run  # noqa: E402

VM = os.path.join(SRC, "tests", "kernel", "vm")
UNABLE = 77
SOUND = (0, 4)

# How long the recorder is given to notice, how far a time may be off, how long the machine sleeps.
NOTICED_S, OFF_S, SLEEP_S = 0.5, 0.1, 4
# When the disk dies, and what may be lost besides what was not synced: the latency, much delayed.
DIES_AFTER_S, LOST_WITH_IT_S = 12, 3

STEPS = (3600, -7200, 86400 * 40, -0.7, -86400 * 400)

CLOCK_CHILD = """
import os, sys, time
def mark(name):
    try:
        os.open("/nowhere/" + name, os.O_RDONLY)
    except OSError:
        print(name, time.time(), flush=True)
mark("0")
for n, step in enumerate(map(float, sys.argv[2:]), 1):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + step)
    time.sleep(float(sys.argv[1]))
    mark(str(n))
"""

SLEEP_CHILD = """
import os, sys, time
def mark(name):
    try:
        os.open("/nowhere/" + name, os.O_RDONLY)
    except OSError:
        print(name, time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic(), flush=True)
mark("before")
with open("/sys/class/rtc/rtc0/wakealarm", "w") as f:
    f.write("+" + sys.argv[1])
with open("/sys/power/state", "w") as f:
    f.write("freeze")
mark("after")
time.sleep(1)
"""

BUSY_CHILD = """
import os, sys, time
end, n = time.monotonic() + float(sys.argv[1]), 0
while time.monotonic() < end:
    if n % 50 == 0:
        print(n, time.clock_gettime(time.CLOCK_BOOTTIME), flush=True)
        time.sleep(0.01)
    try:
        os.open("/nowhere/%d" % n, os.O_RDONLY)
    except OSError:
        pass
    n += 1
"""


def record(capture, child, *args, options=()):
    return run([REEL, "record", "-q", "-o", capture, *options, "--", sys.executable, "-c", child,
                *map(str, args)])


def said(done):
    return {words[0]: [float(w) for w in words[1:]] for words in
            (line.split() for line in done.stdout.decode().splitlines())}


def opened(capture):
    return {e["path"][len("/nowhere/"):]: e for e in dump(capture, "--type", "open")
            if e.get("path", "").startswith("/nowhere/")}


def seconds(text):
    head, fraction = re.fullmatch(r"(.*)\.(\d+)Z", text).groups()
    return datetime.fromisoformat(head + "+00:00").timestamp() + float("0." + fraction)


def verifies(capture):
    return run([REEL, "verify", "-q", capture]).returncode in SOUND


def check_clock(suite):
    done = record("clock.reel", CLOCK_CHILD, NOTICED_S, *STEPS)
    marks, events = said(done), opened("clock.reel")
    clocks = [e for e in dump("clock.reel", "--type", "clock") if e["reason"] == "step"]
    wrong = []
    if sorted(marks) != sorted(events) or len(marks) != len(STEPS) + 1:
        wrong.append(f"there are {sorted(events)} of {sorted(marks)}: {output(done)}")
    for name in marks.keys() & events.keys():
        off = seconds(events[name]["time"]) - marks[name][0]
        if abs(off) > OFF_S:
            wrong.append(f"step {name}: {off:+.3f} s off")
    in_order = [events[n]["ts"] for n in sorted(events)]
    if in_order != sorted(in_order):
        wrong.append("boot time is not in order")
    if len(clocks) < len(STEPS):
        wrong.append(f"{len(clocks)} steps were noticed, of {len(STEPS)}")
    if not verifies("clock.reel"):
        wrong.append("it does not verify")
    suite.none(f"wall times are right after {len(STEPS)} steps of the clock", wrong)
    tries.tell("the clock is set", "recorder, Linux 6.1", "10.2", len(STEPS), len(wrong), 0)


def check_sleep(suite):
    try:
        with open("/sys/power/state", encoding="ascii") as f:
            can = "freeze" in f.read() and os.path.exists("/sys/class/rtc/rtc0/wakealarm")
    except OSError:
        can = False
    if not can:
        suite.skip("the machine sleeps", "this guest cannot")
        return
    done = record("sleep.reel", SLEEP_CHILD, SLEEP_S)
    if b"Operation not supported" in done.stderr:
        suite.skip("the machine sleeps", "its files lie on virtiofs, which does not let it")
        return
    marks, events = said(done), opened("sleep.reel")
    clocks = list(dump("sleep.reel", "--type", "clock"))
    wrong = []
    if sorted(events) != ["after", "before"]:
        suite.say(False, "the machine sleeps", output(done))
        return
    slept = marks["after"][0] - marks["before"][0] - (marks["after"][1] - marks["before"][1])
    if slept < SLEEP_S / 2:
        suite.skip("the machine sleeps", f"this guest slept {slept:.1f} s only")
        return
    gap = (events["after"]["ts"] - events["before"]["ts"]) / 1e9
    if gap < slept:
        wrong.append(f"it slept {slept:.3f} s, and {gap:.3f} s lie between the events")
    told = max(c["ts"] - c["monotonic"] for c in clocks) - min(c["ts"] - c["monotonic"]
                                                               for c in clocks)
    if abs(told / 1e9 - slept) > OFF_S:
        wrong.append(f"it slept {slept:.3f} s, the clocks say {told / 1e9:.3f} s")
    if run([REEL, "verify", "-q", "sleep.reel"]).returncode != 0:
        wrong.append("it does not verify")
    suite.none(f"a sleep of {slept:.1f} s is seen in the clocks, and nothing is lost", wrong)
    tries.tell("suspend", "recorder, Linux 6.1", "10.5", 1, bool(wrong), 0)


def make_dying_disk():
    """/dev/vda through a device of which all writes fail, after a while."""
    with open("/sys/block/vda/size", encoding="ascii") as f:
        table = f"0 {f.read().strip()} flakey /dev/vda 0 {DIES_AFTER_S} 3600 1 error_writes"
    made = run(["dmsetup", "create", "dying", "--noudevsync", "--noudevrules", "--table", table])
    # There is no udev that would make its name.
    with open("/sys/block/dm-0/dev", encoding="ascii") as f:
        os.mknod("/dev/dying", 0o60600, os.makedev(*map(int, f.read().split(":"))))
    return made


def check_dying_disk(suite):
    os.mkdir("/tmp/m")
    made = make_dying_disk()
    born = time.clock_gettime(time.CLOCK_BOOTTIME)
    mounted = run(["mount", "-t", "ext4", "/dev/dying", "/tmp/m"])
    if made.returncode or mounted.returncode:
        suite.say(False, "a disk that will die is mounted", output(made) + output(mounted))
        return
    done = record("/tmp/m/capture", BUSY_CHILD, DIES_AFTER_S + 10,
                  options=("--sync", "block", "--segment-size", "100K"))
    run(["umount", "-l", "/tmp/m"])
    run(["mount", "-t", "ext4", "-o", "ro", "/dev/vda", "/tmp/m"])
    marks = said(done)
    numbers = sorted(map(int, opened("/tmp/m/capture")))
    old = [int(n) for n, (t,) in marks.items() if t < born + DIES_AFTER_S - LOST_WITH_IT_S]
    wrong = []
    if done.returncode != 125 or not re.search("Input/output|Read-only", done.stderr.decode()):
        wrong.append(output(done)[-300:])
    if numbers != list(range(len(numbers))) or not old or len(numbers) < max(old):
        wrong.append(f"{max(old, default=0)} were older than {LOST_WITH_IT_S} s, "
                     f"{len(numbers)} are there")
    if not verifies("/tmp/m/capture"):
        wrong.append("it does not verify")
    suite.none("of a disk that dies what was synced is left, and the recorder says why it ended", wrong)
    tries.tell("the disk dies", "recorder, Linux 6.1, dm-flakey, ext4", "17.4", 1, bool(wrong),
               len(marks) * 50 - len(numbers))


def in_guest():
    suite = Suite()
    check_dying_disk(suite)
    check_clock(suite)
    check_sleep(suite)
    suite.done()


def main():
    if os.path.exists("/run/vm/shared/started"):
        in_guest()
    suite = Suite()
    with open("disk", "wb") as f:
        f.truncate(64 << 20)
    if run(["mkfs.ext4", "-q", "-F", "disk"]).returncode:
        suite.skip("a disk", "mkfs.ext4 does not work")
        suite.done()
    child = subprocess.run([VM, "--timeout", "400", "--disk", os.path.abspath("disk"), "--",
                            sys.executable, os.path.abspath(__file__)], check=False,
                           stdout=subprocess.PIPE)
    sys.stdout.write(child.stdout.decode("utf-8", "replace"))
    sys.stdout.flush()
    tries.pass_on(child.stdout.decode("utf-8", "replace"))
    if child.returncode == UNABLE:
        suite.skip("a machine", "no such guest here")
        suite.done()
    sys.exit(child.returncode)


if __name__ == "__main__":
    main()
