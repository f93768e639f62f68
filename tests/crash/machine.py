#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 1000
"""What befalls a machine while it is recorded, in QEMU: its clock is set, it sleeps, its disk dies.

This script runs here, and again in the guest. The one that sleeps is a guest of its own, which is
alone (tests/kernel/vm): its recording comes out with what it prints.
"""

import base64
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from datetime import datetime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True

import tries  # noqa: E402
from suite import REEL, SRC, Suite, dump, output, run  # noqa: E402

VM = os.path.join(SRC, "tests", "kernel", "vm")
UNABLE = 77
# Of verify: nothing is damaged, but an end or events may be missing.
SOUND = (0, 4)

# How long the recorder is given to notice, how far a time may be off, how long the machine sleeps.
NOTICED_S, OFF_S, SLEEP_S = 0.5, 0.1, 4
# An emulated guest now and then dies of its sleep, or is so slow that its alarm comes too early.
SLEEPS = 3
# When the disk dies, and what may be lost with it: what the latency holds back, and a sync.
DIES_AFTER_S, LOST_WITH_IT_S = 8, 3

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

# Of a shell, since that guest has no other. Uptime is BOOTTIME, read before MONOTONIC and after it.
SLEEP_CHILD = """
mark() {
	cat "/nowhere/$1" 2>/dev/null
	read -r before _ </proc/uptime
	monotonic=$(sed -n "s/^now at \\([0-9]*\\) nsecs/\\1/p" /proc/timer_list)
	read -r after _ </proc/uptime
	echo "mark $1 $before $after $monotonic"
}
mark before
echo "+$1" >/sys/class/rtc/rtc0/wakealarm
echo mem >/sys/power/state || echo "it cannot"
mark after
sleep 1
mark end
"""

SLEEP_SCRIPT = """
cd /tmp
"$1" record -q -o sleep.reel -- sh -c "$2" sh "$3"
echo "status $?"
echo "tape $(tar -c sleep.reel | base64 | tr -d '\\n')"
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


def complaints_of_sleep(least, most, events):
    """FORMAT.md 10.5, of sleep.reel."""
    gap = (events["after"]["ts"] - events["before"]["ts"]) / 1e9
    if gap < least:
        yield f"it slept {least:.3f} s, and {gap:.3f} s lie between the events"
    asleep = [c["ts"] - c["monotonic"] for c in dump("sleep.reel", "--type", "clock")]
    told = (max(asleep) - min(asleep)) / 1e9
    if not least - OFF_S < told < most + OFF_S:
        yield f"it slept {least:.3f} s to {most:.3f} s, the clocks say {told:.3f} s"
    last = max(dump("sleep.reel", "--type", "clock"), key=lambda c: c["ts"])
    if (max(asleep) - (last["ts"] - last["monotonic"])) / 1e9 > OFF_S:
        yield "the last clock does not know that it slept"
    if run([REEL, "verify", "-q", "sleep.reel"]).returncode != 0:
        yield "it does not verify"
    counted = json.loads(run([REEL, "info", "--json", "sleep.reel"]).stdout)["counted"]
    lost = counted["lost"] + counted["missed"]
    if lost or not counted["seen"]:
        yield f"of {counted['seen']} events {lost} were lost"
    if list(dump("sleep.reel", "--type", "lost")):
        yield "losses are told, and there were none"


def sleep_once():
    """What the guest did and printed, its marks, and its tapes; it may have died, or hardly slept."""
    recorder = os.path.join(os.path.dirname(REEL), "reel-record")
    done = run([VM, "--timeout", "120", "--alone", REEL, recorder, "--",
                "sh", "-c", SLEEP_SCRIPT, "sh", REEL, SLEEP_CHILD, str(SLEEP_S)])
    lines = [line.split() for line in done.stdout.decode("utf-8", "replace").splitlines() if line]
    # How long it had slept, at least and at most, when a mark was made.
    marks = {w[1]: [float(t) - int(w[4]) / 1e9 for t in w[2:4]] for w in lines
             if w[0] == "mark" and len(w) == 5}
    tapes = [w[1] for w in lines if w[0] == "tape" and len(w) > 1]
    return done, marks, tapes if ["status", "0"] in lines else []


def check_sleep(suite):
    for _ in range(SLEEPS):
        done, marks, tapes = sleep_once()
        if done.returncode == UNABLE:
            suite.skip("the machine sleeps", "no such guest here")
            return
        if len(marks) == 3:
            least = marks["after"][0] - marks["before"][1]
            most = marks["after"][1] - marks["before"][0]
            if most >= SLEEP_S / 4:
                break
        elif done.returncode == 0:
            # The guest is well: it is the recording that is not.
            suite.say(False, "a recording of a machine that sleeps", output(done)[:2000])
            return
        print(f"# the guest did not sleep: {sorted(marks)}, status {done.returncode}; once more")
    else:
        suite.say(False, "the machine sleeps", output(done)[:2000])
        return
    if not tapes:
        suite.say(False, "a recording of a machine that sleeps", output(done)[:2000])
        return
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(tapes[0]))) as tape:
        tape.extractall()
    events = opened("sleep.reel")
    if sorted(events) != sorted(marks):
        suite.say(False, "the machine sleeps", f"there are {sorted(events)}: {output(done)[:2000]}")
        return
    wrong = list(complaints_of_sleep(least, most, events))
    suite.none(f"a sleep of {most:.1f} s is seen in the clocks, and nothing is lost", wrong)
    tries.tell("suspend to memory", "recorder, Linux 6.1", "10.5", 1, int(bool(wrong)), 0)


def dm(*words):
    return run(["dmsetup", *words, "--noudevsync"])


def table(kind, *more):
    with open("/sys/block/vda/size", encoding="ascii") as f:
        return " ".join(["0", f.read().strip(), kind, "/dev/vda", "0", *more])


def make_mortal_disk():
    """/dev/vda, through a device that can begin to fail."""
    done = dm("create", "mortal", "--table", table("linear"))
    if done.returncode:
        return done
    # There is no udev that would make its name.
    with open("/sys/block/dm-0/dev", encoding="ascii") as f:
        os.mknod("/dev/dying", 0o60600, os.makedev(*map(int, f.read().split(":"))))
    return run(["mount", "-t", "ext4", "/dev/dying", "/tmp/m"])


def let_it_die():
    """From now on all writes fail; what is under way is not waited for."""
    dm("suspend", "--noflush", "--nolockfs", "mortal")
    dm("load", "mortal", "--table", table("flakey", "0", "3600", "1", "error_writes"))
    dm("resume", "mortal")


def mount_what_is_left():
    for _ in range(50):
        if run(["umount", "/tmp/m"]).returncode == 0:
            break
        time.sleep(0.2)
    dm("remove", "mortal")
    return run(["mount", "-t", "ext4", "/dev/vda", "/tmp/m"])


def check_dying_disk(suite):
    os.mkdir("/tmp/m")
    made = make_mortal_disk()
    if made.returncode:
        suite.say(False, "a disk that will die is mounted", output(made))
        return
    recorder = subprocess.Popen(
        [REEL, "record", "-q", "-o", "/tmp/m/capture", "--sync", "block", "--segment-size", "100K",
         "--", sys.executable, "-c", BUSY_CHILD, str(2 * DIES_AFTER_S)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = recorder.stdout.readline()
    time.sleep(DIES_AFTER_S)
    died = time.clock_gettime(time.CLOCK_BOOTTIME)
    let_it_die()
    rest, complaint = recorder.communicate()
    left = mount_what_is_left()
    if left.returncode:
        suite.say(False, "what is left of the disk is mounted", output(left))
        return
    marks = [line.split() for line in (first + rest).decode().splitlines()]
    numbers = sorted(map(int, opened("/tmp/m/capture")))
    old = max((int(n) for n, t in marks if float(t) < died - LOST_WITH_IT_S), default=0)
    done = sum(float(t) < died for _, t in marks) * 50
    wrong = []
    if recorder.returncode != 125 or not re.search(b"Input/output|Read-only", complaint):
        wrong.append(f"status {recorder.returncode}, {complaint.decode()}")
    if numbers != list(range(len(numbers))) or not old or len(numbers) < old:
        wrong.append(f"{old} were older than {LOST_WITH_IT_S} s, {len(numbers)} are there")
    if not verifies("/tmp/m/capture"):
        wrong.append("it does not verify")
    suite.none(f"a disk dies: what was synced is left, and why it ended is said ({old} of {done} "
               f"were sure, {len(numbers)} are there)", wrong)
    tries.tell("the disk dies", "recorder, Linux 6.1, dm-flakey, ext4", "17.4", 1, int(bool(wrong)),
               max(done - len(numbers), 0))


def in_guest():
    suite = Suite()
    check_dying_disk(suite)
    check_clock(suite)
    suite.done()


def in_machine(suite):
    """The tests that run in the guest: their lines come out as they are."""
    with open("disk", "wb") as f:
        f.truncate(64 << 20)
    if run(["mkfs.ext4", "-q", "-F", "disk"]).returncode:
        suite.skip("a disk", "mkfs.ext4 does not work")
        return
    child = run([VM, "--timeout", "400", "--disk", os.path.abspath("disk"), "--", sys.executable,
                 os.path.abspath(__file__)], stderr=None)
    said = child.stdout.decode("utf-8", "replace")
    if child.returncode == UNABLE:
        suite.skip("a machine", "no such guest here")
        return
    sys.stdout.write(re.sub(r"(?m)^1\.\.\d+\n", "", said))
    tries.pass_on(said)
    tests = re.findall(r"^(?:not )?ok ", said, re.M)
    suite.n += len(tests)
    suite.failed += tests.count("not ok ")
    if child.returncode and "not ok " not in tests or not tests:
        suite.say(False, "the machine ends well", f"status {child.returncode}")


def main():
    if os.path.exists("/run/vm/shared/started"):
        in_guest()
    suite = Suite()
    in_machine(suite)
    check_sleep(suite)
    suite.done()


if __name__ == "__main__":
    main()
