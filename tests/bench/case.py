#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""How fast a case is written, against the budgets. BENCH_EVENTS: events of the capture (2M).

rows        rows of tables as they are filled from a capture (case_write), without reading one;
            by CPU time, since one thread does it, with the wall time beside it
capture     a whole capture, by its events: reading it is in it
events      the table of all events, of the same capture; by wall time, since two threads do it:
            on a machine that does something else too it says nothing
"""
import json
import os
import re
import subprocess
import sys
import tempfile

REEL, BENCH = os.environ["REEL"], os.environ["BENCH"]
EVENTS = os.environ.get("BENCH_EVENTS", "2M")
BEFORE, WITH = 700_000, 250_000
failed = False


def check(name, got, budget):
    global failed
    ok = got >= budget
    failed |= not ok
    print(f"{'ok' if ok else 'MISSED':8} {name:32} {got:12,.0f}/s   budget {budget:,}/s")


def load(case, *options):
    done = subprocess.run([REEL, "replay", "-v", "--no-rules", "-o", case, *options],
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 4):
        sys.exit(done.stderr)
    found = re.search(r"(\d+) rows, (\d+) events, loading ([\d.]+) s, events ([\d.]+) s, "
                      r"indexes ([\d.]+) s, checks ([\d.]+) s", done.stderr)
    return [int(found[1]), int(found[2])] + [float(found[i]) for i in range(3, 7)]


with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
    os.chdir(directory)
    rows = json.loads(subprocess.run([BENCH + "/case_write", "rows.db", "2000000"],
                                     stdout=subprocess.PIPE, check=True).stdout)
    inserting, all_of_it = rows["insert_cpu_s"], sum(rows[k] for k in rows if k.endswith("_cpu_s"))
    check("rows, before indexes", rows["rows"] / inserting, BEFORE)
    check("rows, with indexes and checks", rows["rows"] / all_of_it, WITH)
    print(f"         by wall time {rows['rows_per_s']:,.0f}/s and {rows['rows_per_s_with_indexes']:,.0f}/s")
    subprocess.run([BENCH + "/gen", "-o", "capture", "-n", EVENTS, "-s", "7"],
                   stdout=subprocess.DEVNULL, check=True)
    n, _, loading, _, indexes, checks = load("tables.db", "capture")
    events = json.loads(subprocess.run([REEL, "info", "--json", "capture"], stdout=subprocess.PIPE,
                                       check=True).stdout)["events"]
    whole = loading + indexes + checks
    print(f"         a capture of {events:,} events: {n:,} rows in {whole:.2f} s "
          f"(loading {loading:.2f}, indexes {indexes:.2f}, checks {checks:.2f}), "
          f"{events / whole:,.0f} events/s, {os.path.getsize('tables.db') / events:.0f} bytes an event")
    _, n, _, making, more, checks = load("events.db", "--load-events", "capture")
    check("events, before indexes", n / making, BEFORE)
    check("events, with their indexes", n / (making + max(0, more - indexes)), WITH)
    print(f"         {os.path.getsize('events.db') / n:.0f} bytes an event with --load-events")
    before = os.path.getsize("tables.db")
    load("tables.db", "capture")
    print(f"         the same again: {'the same size' if os.path.getsize('tables.db') == before else 'NOT the same size'}")
sys.exit(failed)
