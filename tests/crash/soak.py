#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 800
"""Hours in minutes: a recorder, and a replay that follows it, at work for SOAK_SECONDS (120).

A load of its own makes SOAK_RATE (200,000) events a second, as far as the machine allows. Segments
come and go, rules are loaded again and again, every other time from a file that is broken. Nothing
may be lost, but for want of a CPU; memory, descriptors and the disk stay as they are.
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True

import tries  # noqa: E402
from suite import REEL, SRC, Suite, run  # noqa: E402

LOAD = os.path.join(os.environ.get("BENCH", os.path.join(SRC, ".output", "bench")), "soak_load")
SECONDS = int(os.environ.get("SOAK_SECONDS", "120"))
RATE = int(os.environ.get("SOAK_RATE", "200000"))

SEGMENT_BYTES = 2 << 20
KEEP_BYTES = 12 << 20
# A block and the reserve lie beyond what is kept.
BEYOND_BYTES = 2 << 20
RELOAD_EVERY_S = 1.5

# Between the middle third and the last: what an allocator moves about, and no more.
GROWTH_KIB = 3 << 10
# A ring holds a second of such a load. A recorder that was kept waiting for half of it may lose.
WAIT_NS = 500 * 1000 * 1000

STEADY = 'path "secret" { by host; open { path == "%s" } }\n'
CHANGING = """path "changing %d" {
    by process; within 10s
    mkdir { path =~ "/d[0-9]+$" } chmod { mode == 0%o } rmdir { path == "/nowhere" } }
"""
BROKEN = 'path "broken" { openn { } }\n'


def numbers_of(pid, name):
    """Where a process that has ended has none."""
    try:
        with open(f"/proc/{pid}/{name}", encoding="ascii") as f:
            return f.read()
    except OSError:
        return ""


def anonymous_kib(pid):
    found = re.search(r"^RssAnon:\s*(\d+) kB", numbers_of(pid, "status"), re.M)
    return int(found.group(1)) if found else None


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def waited_ns(pid):
    """How long each of its threads has waited for a CPU."""
    threads = glob.glob(f"/proc/{pid}/task/*")
    said = ((t, numbers_of(pid, f"task/{os.path.basename(t)}/schedstat").split()) for t in threads)
    return {t: int(words[1]) for t, words in said if len(words) == 3}


def disk_bytes(directory):
    total = 0
    for name in os.listdir(directory):
        try:
            total += os.stat(os.path.join(directory, name)).st_size
        except OSError:
            pass
    return total


class Watched:
    """A process, looked at each second."""

    def __init__(self, name, pid):
        self.name, self.pid = name, pid
        self.kib, self.fds = [], []
        self.waits, self.longest_wait_ns = {}, 0

    def look(self):
        kib, fds, waits = anonymous_kib(self.pid), descriptors(self.pid), waited_ns(self.pid)
        if kib is None or not fds:
            return
        self.kib.append(kib)
        self.fds.append(fds)
        for thread, ns in waits.items():
            self.longest_wait_ns = max(self.longest_wait_ns, ns - self.waits.get(thread, ns))
        self.waits = waits

    def thirds(self, values):
        third = max(len(values) // 3, 1)
        return values[:third], values[third:2 * third] or values, values[-third:]

    def grown(self, values):
        """Some come and go: what is there most of the time is compared, at the end and before."""
        _, middle, last = self.thirds(values)
        return sorted(last)[len(last) // 2] - sorted(middle)[len(middle) // 2]

    def growth_kib(self):
        return self.grown(self.kib)

    def fds_grown(self):
        return self.grown(self.fds)


def child_named(parent, name):
    for path in glob.glob("/proc/[0-9]*/stat"):
        pid = path.split("/")[2]
        words = numbers_of(pid, "stat").rpartition(")")
        if words[2].split()[1:2] == [str(parent)] and name in numbers_of(pid, "comm"):
            return int(pid)
    return None


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


class Lines(threading.Thread):
    """What a process says, kept as counts of what matters."""

    def __init__(self, pipe, patterns):
        super().__init__()
        self.pipe, self.patterns = pipe, patterns
        self.counts = dict.fromkeys(patterns, 0)
        self.last = []
        self.start()

    def run(self):
        for raw in self.pipe:
            line = raw.decode("utf-8", "replace")
            self.last = self.last[-20:] + [line.rstrip("\n")]
            for name, pattern in self.patterns.items():
                self.counts[name] += bool(re.search(pattern, line))


def replace(path, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(path + ".new", path)


def figures(path):
    with open(path, encoding="utf-8") as f:
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in f if line[0] != "#")}


class Soak:
    def __init__(self):
        os.mkdir("rules")
        # In memory, where a disk's own doings do not show.
        self.work = tempfile.TemporaryDirectory(prefix="reel-soak-", dir="/dev/shm")
        secret = os.path.join(self.work.name, "secret")
        replace(secret, "")
        replace("rules/steady.policy", STEADY % secret)
        replace("rules/changing.policy", CHANGING % (0, 0o700))
        self.biggest_disk = self.good_writes = self.bad_writes = 0
        self.recorder = subprocess.Popen(
            [REEL, "record", "-o", "soak.reel", "--syscalls", "getppid", "--segment-size",
             str(SEGMENT_BYTES), "--keep-size", str(KEEP_BYTES), "--metrics-file", "record.prom",
             "--", LOAD, str(SECONDS), str(RATE), self.work.name, secret],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.said = Lines(self.recorder.stderr, {"seen": r"^\d+ seen = "})
        self.did = Lines(self.recorder.stdout, {})
        wait_for(lambda: glob.glob("soak.reel/*.rls") and
                 child_named(self.recorder.pid, "reel"))
        self.follower = subprocess.Popen(
            [REEL, "replay", "--json", "--follow", "-r", "rules", "--metrics-file", "replay.prom",
             "--warn-lag", "1h", "soak.reel"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.found = Lines(self.follower.stdout, {"findings": r'"finding"'})
        self.told = Lines(self.follower.stderr, {"good": "loaded again",
                                                 "bad": "the rules stay as they were"})
        self.watched = [Watched("recorder", self.recorder.pid),
                        Watched("helper", child_named(self.recorder.pid, "reel")),
                        Watched("follower", self.follower.pid)]

    def matches(self, rule):
        """As its verdict says at the end."""
        said = (json.loads(line) for line in self.found.last if '"verdict"' in line)
        return next((o.get("matches") for o in said if o.get("rule") == rule), None)

    def change_rules(self, n):
        """In turn one that is right and one that is not."""
        self.good_writes += n % 2 == 0
        self.bad_writes += n % 2
        replace("rules/changing.policy", BROKEN if n % 2 else CHANGING % (n, 0o700 + n % 64))

    def watch(self):
        begin = last_change = time.monotonic()
        n = 1
        while self.recorder.poll() is None:
            time.sleep(1)
            for w in self.watched:
                w.look()
            self.biggest_disk = max(self.biggest_disk, disk_bytes("soak.reel"))
            if time.monotonic() - last_change >= RELOAD_EVERY_S:
                last_change = time.monotonic()
                self.change_rules(n)
                n += 1
        self.follower.wait(120)
        self.seconds = time.monotonic() - begin
        for lines in (self.said, self.did, self.found, self.told):
            lines.join()


def check_accounts(suite, soak, load):
    """All that the load did was seen, and what was seen adds up. Returns what was lost."""
    wrote = figures("record.prom")
    sys_fates = {fate: wrote[f'reel_events_total{{class="sys",fate="{fate}"}}']
                 for fate in ("kept", "lost")}
    info = json.loads(run([REEL, "info", "--json", "soak.reel"]).stdout)
    counted = info["counted"]
    suite.same("all calls of the load are kept or lost", sum(sys_fates.values()), load["getppid"])
    suite.same("seen = kept + folded + filtered + lost + missed", counted["seen"],
               sum(counted[k] for k in ("kept", "folded", "filtered", "lost", "missed")))
    lost = counted["lost"] + counted["missed"]
    wait_ms = soak.watched[0].longest_wait_ns / 1e6
    if lost and soak.watched[0].longest_wait_ns > WAIT_NS:
        suite.skip("nothing is lost", f"the recorder waited {wait_ms:.0f} ms of a second for a CPU; "
                   f"{lost} events were lost, and counted")
    else:
        suite.same(f"nothing is lost (the recorder waited {wait_ms:.0f} ms of a second at most)",
                   lost, 0)
    return wrote, lost


def check_bounds(suite, soak):
    for w in soak.watched:
        suite.say(len(w.kib) > SECONDS / 2 and w.growth_kib() <= GROWTH_KIB,
                  f"memory of the {w.name} is flat: {max(w.kib, default=0)} KiB at most, "
                  f"{w.growth_kib():+d} KiB", f"{w.kib[::max(len(w.kib) // 30, 1)]}")
        suite.say(w.fds_grown() <= 0, f"descriptors of the {w.name} do not get more: "
                  f"{min(w.fds)} to {max(w.fds)}", f"{w.fds[::max(len(w.fds) // 30, 1)]}")
    suite.say(soak.biggest_disk <= KEEP_BYTES + BEYOND_BYTES,
              f"the disk is bounded: {soak.biggest_disk >> 10} KiB at most",
              f"{KEEP_BYTES >> 10} KiB were to be kept")


def check_follower(suite, soak, load, wrote, lost):
    suite.same("it ends with the tape, and there were findings", soak.follower.returncode, 1)
    suite.same("it has met every record of the tape, also of what is gone",
               figures("replay.prom")["reel_replay_events_total"],
               wrote["reel_tape_events_total"] + wrote["reel_segments_retired_total"])
    matches = soak.matches("secret")
    if not lost:
        suite.same("each secret is found, once", matches, load["secrets"])
    suite.say(soak.told.counts["good"] >= soak.good_writes - 1 and
              soak.told.counts["bad"] >= soak.bad_writes - 1 and soak.good_writes > SECONDS / 6,
              f"rules were loaded again {soak.told.counts['good']} times, and "
              f"{soak.told.counts['bad']} times not",
              [f"{soak.good_writes} good and {soak.bad_writes} bad files", *soak.told.last])


def main():
    suite = Suite()
    suite.need_recorder()
    soak = Soak()
    soak.watch()
    suite.same("the recorder ends well", soak.recorder.returncode, 0)
    if soak.recorder.returncode:
        print("# " + "\n# ".join(soak.said.last))
        suite.done()
    load = json.loads(soak.did.last[-1])
    wrote, lost = check_accounts(suite, soak, load)
    check_bounds(suite, soak)
    check_follower(suite, soak, load, wrote, lost)
    suite.same("what is left verifies", run([REEL, "verify", "-q", "soak.reel"]).returncode, 0)
    retired = int(wrote["reel_segments_retired_total"])
    suite.say(retired >= SECONDS / 15, f"{retired} segments have come and gone", f"{wrote}")
    events = load["getppid"] + load["files"]
    tries.tell("soak", "recorder and follower", "", 1, int(suite.failed != 0), lost,
               seconds=round(soak.seconds), events=events,
               events_a_second=round(events / load["seconds"]), asked=RATE,
               ticks_left_out=load["ticks_left_out"], segments=int(wrote["reel_segments_total"]),
               retired=retired, reloads=soak.told.counts["good"],
               bad_reloads=soak.told.counts["bad"], matches=soak.matches("secret"),
               recorder_cpu_s=round(wrote["reel_cpu_seconds_total"], 1),
               memory_kib={w.name: max(w.kib) for w in soak.watched},
               growth_kib={w.name: w.growth_kib() for w in soak.watched},
               descriptors={w.name: [min(w.fds), max(w.fds)] for w in soak.watched},
               disk_kib=soak.biggest_disk >> 10)
    suite.done()


if __name__ == "__main__":
    main()
