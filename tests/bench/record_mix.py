#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The mix, bare and recorded by turns: what recording costs in all, and what is on tape.

record_mix.py REEL MIX ROUNDS: a line of JSON with medians. The recorder's start, which costs as much
for a second as for a year, is measured with an empty recording and left out.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile

reel, mix, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])


def cpu_s(*argv):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def record(place, *command, options=()):
    return cpu_s(reel, "record", "-q", "-o", place, *options, "--", *command)


def info(place):
    out = subprocess.run([reel, "info", "--json", place], check=False, stdout=subprocess.PIPE)
    return json.loads(out.stdout)


starts, bares, recordeds, events, sizes, lost = [], [], [], [], [], 0
with tempfile.TemporaryDirectory(dir="/var/tmp") as top:
    # All calls that the mix makes, whether the default classes have them or not.
    record(f"{top}/all", mix, options=("-e", "all", "--syscalls", "all"))
    every = info(f"{top}/all")["counted"]
    calls = every["kept"] + every["folded"]
    for i in range(rounds):
        starts.append(record(f"{top}/s{i}", "true"))
        bares.append(cpu_s(mix))
        recordeds.append(record(f"{top}/m{i}", mix))
        tape = info(f"{top}/m{i}")
        events.append(tape["counted"]["kept"] + tape["counted"]["folded"])
        sizes.append(tape["bytes_per_event"])
        lost += tape["lost"]

extra = [r - s - b for r, s, b in zip(recordeds, starts, bares)]
print(json.dumps({
    "calls": calls,
    "events": int(statistics.median(events)),
    "bare_s": round(statistics.median(bares), 3),
    "extra_s": round(statistics.median(extra), 3),
    "extra_us_per_call": round(statistics.median(extra) / calls * 1e6, 3),
    "bytes_per_event": round(statistics.median(sizes), 2),
    "lost": lost,
}))
