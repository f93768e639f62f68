#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Asking SQL of a capture, measured on this machine in one run: `make bench-query`.

	query.py [EVENTS [RUNS]]		50M (REEL_BENCH_EVENTS) and 3

The stock sqlite3 loads the extension and runs each question by itself, with the capture open; times
are its own (.timer). Each figure is the median of its runs, beside its budget. Misses are marked, not
hidden, and make the exit status 1; with BOUNDS=generous only what is far off does (a busy machine
must not fail a test). Events per second of a core are by CPU time, user's and system's together; a
time under which a question must stay is CPU time too.

Beside it, where there is a perf that records here, the same questions to perf script, of as many calls
of a dd as there are events, or PEER_EVENTS (5M); by CPU time, its own and that of what counts.
"""

import collections
import os
import re
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
BENCH = os.environ.get("BENCH", os.path.join(SRC, ".output", "bench"))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
EXTENSION = os.environ.get("EXTENSION", os.path.join(SRC, ".output", "reel"))
GENEROUS = os.environ.get("BOUNDS") == "generous"
UNITS = {"K": 10 ** 3, "M": 10 ** 6, "G": 10 ** 9}

# What is asked, in SQL; {first}, {last}: times of the capture, {ts}, {pid}, {path}, {id}: of some
# event in its middle; {far}: the moment that is farthest behind a keyframe. A rate is of all events of the capture, in millions a second; a time in ms.
# Without a budget it is 0.
Question = collections.namedtuple("Question", "what sql kind budget generous")

QUESTIONS = [
    Question("count(*)", "SELECT count(*) FROM event", "M/s", 10, 2),
    Question("count by type", "SELECT type, count(*) FROM event GROUP BY type", "M/s", 3, 0.7),
    Question("a type that is rare",
             "SELECT id, path FROM event WHERE type IN ('init_module', 'finit_module')",
             "M/s", 15, 3),
    Question("a path that is nowhere", "SELECT id FROM event WHERE path = '/no/such/path'",
             "M/s", 15, 3),
    Question("a path that is rare", "SELECT id, ts, pid FROM event WHERE path = '{path}'",
             "M/s", 15, 3),
    Question("a prefix that is rare", "SELECT id, ts, pid FROM event WHERE path GLOB '{path}*'",
             "M/s", 15, 3),
    Question("an id", "SELECT ts, fields FROM event WHERE id = '{id}'", "M/s", 15, 3),
    Question("one pid", "SELECT id, fields FROM event WHERE pid = {pid}", "M/s", 15, 3),
    Question("one pid in one minute",
             "SELECT ts, id, type, path FROM event WHERE pid = {pid} AND "
             "ts BETWEEN {ts} - 30000000000 AND {ts} + 30000000000", "ms", 100, 1000),
    Question("the same in order",
             "SELECT ts, id, type, path FROM event WHERE pid = {pid} AND "
             "ts BETWEEN {ts} - 30000000000 AND {ts} + 30000000000 ORDER BY ts", "ms", 100, 1000),
    Question("the same with whose they are",
             "SELECT ts, id, type, exe, uid FROM event WHERE pid = {pid} AND "
             "ts BETWEEN {ts} - 30000000000 AND {ts} + 30000000000 ORDER BY ts", "ms", 0, 0),
    Question("the first ten", "SELECT * FROM event ORDER BY ts LIMIT 10", "ms", 100, 1000),
    Question("one second, all columns",
             "SELECT count(fields), count(exe) FROM event WHERE ts BETWEEN {ts} AND "
             "{ts} + 1000000000", "ms", 0, 0),
    Question("processes_at in the middle", "SELECT count(*) FROM processes_at('@{ts}')",
             "ms", 100, 1000),
    Question("the same, far from a keyframe", "SELECT count(*) FROM processes_at('@{far}')",
             "ms", 100, 1000),
    Question("mounts_at in the middle", "SELECT count(*) FROM mounts_at('@{ts}')", "ms", 0, 0),
    Question("the same, far from a keyframe", "SELECT count(*) FROM mounts_at('@{far}')",
             "ms", 0, 0),
    Question("files_open_at in the middle", "SELECT count(*) FROM files_open_at('@{ts}')",
             "ms", 0, 0),
    Question("the same, far from a keyframe", "SELECT count(*) FROM files_open_at('@{far}')",
             "ms", 0, 0),
    Question("sockets_at in the middle", "SELECT count(*) FROM sockets_at('@{ts}')", "ms", 0, 0),
    Question("the same, far from a keyframe", "SELECT count(*) FROM sockets_at('@{far}')",
             "ms", 0, 0),
    Question("a program", "SELECT count(*) FROM event WHERE exe = '/usr/sbin/sshd'", "M/s", 0, 0),
    Question("opens that failed", "SELECT count(*) FROM open WHERE ret < 0", "M/s", 0, 0),
    Question("opens by errno", "SELECT errno, count(*) FROM open GROUP BY errno", "M/s", 0, 0),
    Question("a column of each", "SELECT max(tid) FROM event", "M/s", 0, 0),
    Question("events by exe", "SELECT exe, count(*) FROM event GROUP BY exe", "M/s", 0, 0),
]

# Slices of a case of the same capture, which must stay under a second: the SQL finds the start.
SLICES = [
    ("forward from a file", "forward", "path", "SELECT path FROM file WHERE writers > 0 AND "
     "readers > 0 AND kind = 'file' ORDER BY first_ns DESC LIMIT 1"),
    ("forward from what all have read", "forward", "path",
     "SELECT path FROM file WHERE kind = 'file' ORDER BY readers DESC LIMIT 1"),
    ("backward from what many have written", "backward", "path",
     "SELECT path FROM file WHERE kind = 'file' ORDER BY writers DESC LIMIT 1"),
    ("backward from a process", "backward", "process",
     "SELECT id FROM process ORDER BY id DESC LIMIT 1"),
    ("forward from an address", "forward", "addr", "SELECT addr FROM connection WHERE addr IS NOT "
     "NULL AND kind = 'connect' GROUP BY addr HAVING count(*) < 500 ORDER BY count(*) DESC LIMIT 1"),
]

# The same of perf script: a shell command, {perf}: its options and file, {pid}: who it was.
PEER_QUESTIONS = [
    ("count(*)", "perf script {perf} -F event | wc -l"),
    ("count by type", "perf script {perf} -F event | sort | uniq -c"),
    ("one pid, which is nobody", "perf script {perf} -F time,pid,event --pid {nobody} | wc -l"),
    ("one pid in one millisecond",
     "perf script {perf} -F time,pid,event --pid {pid} --time {begin},{end} | wc -l"),
]

missed = False


def count_of(text):
    return int(float(text.rstrip("KMG")) * UNITS.get(text[-1], 1))


def ask(capture, sql):
    """The answer's lines, and CPU seconds and wall seconds of the one statement."""
    script = (f".load '{EXTENSION}'\n.output /dev/null\nSELECT reel_open('{capture}');\n.output\n"
              f".timer on\n{sql};\n")
    done = subprocess.run(["sqlite3", "-batch", "-bail", ":memory:"], input=script,
                          capture_output=True, text=True, check=False)
    times = re.search(r"Run Time: real ([\d.]+) user ([\d.]+) sys ([\d.]+)", done.stdout)
    if done.returncode or not times:
        sys.exit(f"{sql}: {done.stderr or done.stdout}")
    real, user, system = map(float, times.groups())
    return done.stdout[:times.start()].splitlines(), user + system, real


def measure(question, capture, values, events, runs):
    global missed
    sql = question.sql.format(**values)
    results = [ask(capture, sql) for _ in range(runs)]
    rows, cpu_s = len(results[-1][0]), statistics.median(r[1] for r in results)
    wall_s = statistics.median(r[2] for r in results)
    bound = question.generous if GENEROUS else question.budget
    if question.kind == "M/s":
        value = events / max(cpu_s, 1e-6) / 1e6
        holds = value >= bound
        shown, least = f"{min(value, 99999):>9.1f} M/s", "min"
    else:
        value = cpu_s * 1000
        holds = not bound or value <= bound
        shown, least = f"{value:>9.1f} ms ", "max"
    missed |= not holds
    verdict = f"{least} {bound}: {'holds' if holds else 'MISSED'}" if bound else ""
    print(f"{question.what:<32}{shown}{wall_s * 1000:>11.1f} ms{rows:>9} rows   {verdict}",
          flush=True)


def values_of(capture):
    """What questions are about: an event in the middle, and a path that is not met often."""
    first, last = ask(capture, "SELECT min(ts), max(ts) FROM event")[0][0].split("|")
    middle = (int(first) + int(last)) // 2
    ts, pid, event = ask(capture, "SELECT ts, pid, id FROM event WHERE type = 'exit' AND "
                         f"ts >= {middle} ORDER BY ts LIMIT 1")[0][0].split("|")
    path = ask(capture, f"SELECT path FROM mkdir WHERE ts >= {middle} AND ret = 0 "
               "ORDER BY ts LIMIT 1")[0]
    # Each but the first begins farthest behind the one before.
    frames = [int(row[0]) for row in
              (line.split("|") for line in
               ask(capture, "SELECT ts, edge FROM event_keyframe ORDER BY ts")[0]) if row[1] == "0"]
    spans = [(b - a, b - 1) for a, b in zip(frames, frames[1:] + [int(last)])]
    return {"first": first, "last": last, "ts": ts, "far": max(spans)[1] if spans else last, "pid": pid, "id": event,
            "path": path[0] if path else "/no/such/path"}


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_case(directory, capture, events, runs):
    global missed
    case = os.path.join(directory, "case.db")
    before, began = cpu_of_children(), time.monotonic()
    done = subprocess.run([REEL, "replay", "-v", "--no-rules", "-o", case, capture],
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 4):
        sys.exit(done.stderr)
    cpu_s, wall_s = cpu_of_children() - before, time.monotonic() - began
    rows = int(re.search(r"(\d+) rows", done.stderr)[1])
    print(f"\na case of it: {rows} rows in {cpu_s:.1f} s of CPU, {wall_s:.1f} s, "
          f"{rows / cpu_s / 1e3:.0f} K rows/s and {events / cpu_s / 1e6:.2f} M events/s, "
          f"{os.path.getsize(case) / events:.0f} bytes an event")
    db = sqlite3.connect(case)
    for what, query, kind, sql in SLICES:
        start, times, walls = db.execute(sql).fetchone(), [], []
        if not start:
            continue
        for _ in range(runs):
            before, began = cpu_of_children(), time.monotonic()
            done = subprocess.run([REEL, "query", "-q", case, "@" + query, f"{kind}={start[0]}"],
                                  capture_output=True, check=False)
            times.append(cpu_of_children() - before)
            walls.append(time.monotonic() - began)
        if done.returncode not in (0, 4):
            sys.exit(done.stderr.decode())
        value, bound = statistics.median(times) * 1000, 5000 if GENEROUS else 1000
        missed |= value > bound
        print(f"{what:<36}{value:>9.1f} ms{statistics.median(walls) * 1000:>11.1f} ms"
              f"{len(done.stdout.splitlines()):>9} rows   max {bound}: "
              f"{'holds' if value <= bound else 'MISSED'}", flush=True)


def measure_peers(directory, events):
    """Each call of dd is an event: it reads and writes single bytes."""
    data = os.path.join(directory, "perf.data")
    recorded = subprocess.run(
        ["perf", "record", "-q", "-m", "16M", "-e", "raw_syscalls:sys_exit", "-o", data, "--", "dd",
         "if=/dev/zero", "of=/dev/null", "bs=1", f"count={events // 2}", "status=none"],
        capture_output=True, text=True, check=False) if shutil.which("perf") else None
    if recorded is None or recorded.returncode:
        print("perf script: not measured, since perf cannot record here" if recorded else
              "perf script: not measured, since there is no perf")
        return
    first = subprocess.run(f"perf script -i {data} -F time,pid 2>&- | head -n 1", shell=True,
                           capture_output=True, text=True, check=False).stdout.split()
    begin = float(first[1].rstrip(":"))
    values = {"perf": f"-i {data}", "pid": first[0], "nobody": 4194303, "begin": f"{begin + 0.1:.6f}",
              "end": f"{begin + 0.101:.6f}"}
    print(f"\nperf script, {events} calls of a dd:")
    for what, command in PEER_QUESTIONS:
        before = cpu_of_children()
        subprocess.run(command.format(**values) + " >/dev/null 2>&1", shell=True, check=False)
        print(f"{what:<32}{events / (cpu_of_children() - before) / 1e6:>9.1f} M/s", flush=True)


def main(argv):
    text = argv[0] if argv else os.environ.get("REEL_BENCH_EVENTS",
                                               os.environ.get("EVENTS", "50M"))
    events, runs = count_of(text), int(argv[1]) if len(argv) > 1 else 3
    with tempfile.TemporaryDirectory() as directory:
        capture = os.path.join(directory, "capture")
        subprocess.run([os.path.join(BENCH, "gen"), "-o", capture, "-n", str(events)], check=True,
                       stdout=subprocess.DEVNULL)
        values = values_of(capture)
        print(f"{events} events; opening the capture is not counted")
        print(f"{'':32}{'one core':>13}{'wall':>14}{'':14}   budget")
        for question in QUESTIONS:
            measure(question, capture, values, events, runs)
        measure_case(directory, capture, events, runs)
        measure_peers(directory, min(events, count_of(os.environ.get("PEER_EVENTS", "5M"))))
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
