#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Asking SQL of a capture, measured on this machine in one run: `make bench-query`.

	query.py [EVENTS [RUNS]]		50M (REEL_BENCH_EVENTS) and 3

The stock sqlite3 loads the extension and runs each question by itself, with the capture open; times
are its own (.timer). Each figure is the median of its runs, beside its budget. Misses are marked, not
hidden, and make the exit status 1; with BOUNDS=generous only what is far off does (a busy machine
must not fail a test). Events per second of a core are by CPU time, user's and system's together; a
time under which a question must stay is CPU time too.
"""

import collections
import os
import re
import statistics
import subprocess
import sys
import tempfile

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
BENCH = os.environ.get("BENCH", os.path.join(SRC, ".output", "bench"))
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
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
