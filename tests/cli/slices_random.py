#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Slices of random cases, against the same question answered row by row until nothing more comes.

What is written below says again, as plainly as it can, what query/slice.h promises: which steps
there are, when they are possible, and which are not followed.
"""

import os
import random
import sqlite3
import subprocess
import sys

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
OUT = os.path.join(SRC, ".output")
ROUNDS = 150
SLACK = 100_000
INFINITE = 1 << 60
FILE_KINDS_OUT = ("write", "create", "truncate", "rename", "link")
PATHS = ("/tmp/a", "/tmp/b", "/etc/c", "/dev/null", "/dev/pts/3", "/proc/sys/x", "/usr/lib/d.so",
         "pipe:[7]", "pipe:[8]", "socket:[9]")

number = failed = 0


def check(name, wrong):
    global number, failed
    number += 1
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    for w in wrong[:20]:
        print(f"# {w}")
    failed += bool(wrong)


def new_case(r):
    sql = subprocess.run([os.path.join(OUT, "bench", "case_sql")], capture_output=True, check=True,
                         text=True).stdout
    db = sqlite3.connect(":memory:")
    db.enable_load_extension(True)
    db.load_extension(os.path.join(OUT, "reel"))
    db.executescript(sql)
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("INSERT INTO capture(id, capture_id, hash, path, segments, bytes, events, lost,"
               " damages, ending, is_cut, loaded_ns, loaded_by)"
               " VALUES (1, 'c', 'h', 'p', 1, 1, 1, 0, 0, 'complete', 0, 1, 'x')")
    n_boots = r.choice((1, 1, 2))
    for b in range(1, n_boots + 1):
        db.execute("INSERT INTO boot(id, capture, boot_id, from_ns, from_ts) VALUES (?, 1, ?, ?, 0)",
                   (b, f"b{b}", b * INFINITE // 8))
        db.execute("INSERT INTO session(id, boot, sid, leader, processes) VALUES (?, ?, 1, ?, 1)",
                   (b, b, r.randrange(1, 10)))
    for p in range(1, 13):
        db.execute("INSERT INTO process(id, boot, pid, known_by, comm, ppid, session, kernel_thread)"
                   " VALUES (?, ?, ?, 'fork', 'p', ?, ?, ?)",
                   (p, p % n_boots + 1, r.choice((1, 100 + p, 100 + p, 100 + p, 100 + p)),
                    r.choice((1, 50, 50)), r.choice((None, 1)), r.choice((None, 0, 0, 0, 0, 1))))
    for f, path in enumerate(PATHS, 1):
        kind = path.split(":")[0] if ":" in path else "file"
        db.execute("INSERT INTO file(id, capture, path, kind, writers, readers, executions)"
                   " VALUES (?, 1, ?, ?, 0, 0, 0)", (f, path, kind))
    for c in range(1, 5):
        db.execute("INSERT INTO connection(id, boot, process, kind, family, addr, port)"
                   " VALUES (?, 1, 1, 'connect', 'inet', '192.0.2.1', ?)", (c, c))
    rows = []
    # Few moments close together, so that ties and the slack are met.
    unit = r.choice((1, 30_000, 1_000_000))
    for _ in range(r.randrange(5, 70)):
        process = r.randrange(1, 13)
        a = r.randrange(0, 60) * unit
        b = a + r.choice((0, 0, 0, r.randrange(0, 20))) * unit
        row = {"boot": process % n_boots + 1, "process": process, "file": None, "child": None,
               "connection": None, "old_file": None, "from_ts": a, "to_ts": b}
        what = r.random()
        if what < 0.65:
            row["kind"] = r.choice(FILE_KINDS_OUT + ("write", "read", "read", "read", "exec", "map"))
            row["file"] = r.randrange(1, len(PATHS) + 1)
            if row["kind"] in ("rename", "link"):
                row["old_file"] = r.choice([f for f in range(1, len(PATHS) + 1)
                                            if f != row["file"]])
        elif what < 0.85:
            row["kind"] = r.choice(("send", "recv", "connect", "accept"))
            row["connection"] = r.randrange(1, 5)
        else:
            others = [p for p in range(1, 13) if p != process
                      and p % n_boots + 1 == row["boot"]]
            row["kind"], row["child"] = "fork", r.choice(others)
        row["is_out"] = row["kind"] in FILE_KINDS_OUT + ("send", "connect", "fork")
        rows.append(row)
    rows.sort(key=lambda row: (row["boot"], row["from_ts"]))
    for i, row in enumerate(rows, 1):
        row["id"] = i
        db.execute("INSERT INTO edge(id, boot, process, kind, is_out, file, child, connection,"
                   " old_file, from_ts, to_ts, count, event) VALUES (:id, :boot, :process, :kind,"
                   " :is_out, :file, :child, :connection, :old_file, :from_ts, :to_ts, 1, 'e')", row)
    return db, rows, unit > SLACK


class Reference:
    """Moments are pairs of boot and ts; backwards everything is mirrored, but where it says so."""

    def __init__(self, db, rows, is_backward, unwritten):
        self.rows, self.is_backward, self.unwritten = rows, is_backward, unwritten
        self.path = dict(db.execute("SELECT id, path FROM file"))
        self.founder = {}
        leaders = {row[0]: row[1] for row in db.execute("SELECT id, leader FROM session")}
        for p, pid, ppid, session, kernel in db.execute(
                "SELECT id, pid, ppid, session, kernel_thread FROM process"):
            self.founder[p] = (2 if pid == 1 or kernel == 1 else
                               1 if ppid == 1 or leaders.get(session) == p else 0)

    def ways(self):
        """(from, to, row, whether it is a name of the same file)"""
        for row in self.rows:
            process = ("process", row["process"])
            other = next((k, row[c]) for k, c in (("file", "file"), ("process", "child"),
                                                  ("connection", "connection")) if row[c])
            yield (process, other, row, False) if row["is_out"] else (other, process, row, False)
            if row["old_file"]:
                is_link = row["kind"] == "link"
                yield ("file", row["old_file"]), other, row, is_link
                if is_link:
                    yield other, ("file", row["old_file"]), row, True

    def moment(self, row, now, slack, is_name):
        first, last = (row["boot"], row["from_ts"]), (row["boot"], row["to_ts"])
        if not self.is_backward:
            if first >= now:
                return first
            if is_name or last >= now:
                return now
            return last if last >= (now[0], now[1] - slack) else None
        if first <= now:
            return now if is_name else min(last, now)
        return first if not is_name and first <= (now[0], now[1] + slack) else None

    def others(self, file, process, until):
        """Whether the file has its content from, or hands it to, somebody else than the process."""
        found = None
        for row in self.rows:
            if self.is_backward:
                if row["kind"] == "link" and row["old_file"] == file:
                    found = True
                if row["file"] != file or not row["is_out"]:
                    continue
                if (row["boot"], row["from_ts"]) > (until[0], until[1] + SLACK):
                    continue
                found = bool(found) or bool(row["process"] != process or row["old_file"])
            elif row["file"] == file and not row["is_out"]:
                found = bool(found) or row["process"] != process
        return found

    def judge(self, here, there, at, is_root):
        """None: not shown; else whether it is followed."""
        kind, n = there
        if kind == "connection":
            return True
        if kind == "process":
            leaf = self.founder[n] == 2
            if here[0] == "process" and not is_root and self.founder[here[1]] and self.founder[n]:
                if not self.is_backward:
                    return None
                leaf = True
            return not leaf
        path = self.path[n]
        if path == "/dev/null" or path.startswith("/dev/pts/"):
            return None
        is_own = ":" in path
        if self.is_backward or is_own:
            others = self.others(n, here[1] if here[0] == "process" else 0, at)
            if self.is_backward and others is None:
                return (not path.startswith("/proc/")) if self.unwritten else None
            if not others:
                return None
        return not path.startswith("/proc/")

    def answer(self, root, at, slack_ns=SLACK):
        best = {root: at}
        shown = {root}
        more = True
        ways = list(self.ways())
        while more:
            more = False
            for a, b, row, is_name in ways:
                here, there = (b, a) if self.is_backward else (a, b)
                if here not in best:
                    continue
                slack = 0 if here == root or here[0] == "process" else slack_ns
                t = self.moment(row, best[here], slack, is_name)
                if t is None or there == root:
                    continue
                follow = self.judge(here, there, t, here == root)
                if follow is None:
                    continue
                if there not in shown:
                    shown.add(there)
                    more = True
                old = best.get(there)
                if follow and (old is None or (t > old if self.is_backward else t < old)):
                    best[there] = t
                    more = True
        return shown


def one_round(seed):
    r = random.Random(seed)
    db, rows, is_exact = new_case(r)
    wrong = []
    starts = [("process", p) for p in range(1, 13)] + [("file", f) for f in range(1, 11)] + \
        [("connection", c) for c in range(1, 5)]
    for direction in ("forward", "backward"):
        is_backward = direction == "backward"
        for kind, n in r.sample(starts, 8):
            unwritten = r.choice((0, 0, 1))
            at = None
            when = (INFINITE, INFINITE) if is_backward else (-INFINITE, -INFINITE)
            if r.random() < 0.5:
                boot = r.choice([row[0] for row in db.execute("SELECT id FROM boot")])
                ts = r.randrange(0, 60) * 30_000
                at, when = boot * INFINITE // 8 + ts, (boot, ts)
            got = db.execute("SELECT depth, node, node_id, note FROM slice(?, ?, ?, ?, 1000, 1000,"
                             " 1000, ?)", (direction, kind, n, at, unwritten)).fetchall()
            nodes = [(row[1], row[2]) for row in got
                     if not (row[3] or "").startswith(("already", "shown below"))]
            reference = Reference(db, rows, is_backward, unwritten)
            most = reference.answer((kind, n), when)
            # Within the slack a step out of a file may lean on a step into it by the same process,
            # which the slice does not allow: there it may show less, but never less than without.
            least = most if is_exact else reference.answer((kind, n), when, 0)
            if not least <= set(nodes) <= most or len(nodes) != len(set(nodes)):
                wrong.append(f"seed {seed}: {direction} from {kind} {n} at {at}: "
                             f"too many {sorted(set(nodes) - most)}, missing "
                             f"{sorted(least - set(nodes))}, {len(nodes)} lines")
            depth = -1
            for row in got:
                if row[0] > depth + 1 or (row[0] == 0) != (depth == -1):
                    wrong.append(f"seed {seed}: {direction} from {kind} {n}: no preorder")
                    break
                depth = row[0]
            full = len(nodes)
            for limit in (1, 3, full):
                few = [row for row in db.execute(
                    "SELECT note FROM slice(?, ?, ?, ?, 1000, ?, 1000, ?)",
                    (direction, kind, n, at, limit, unwritten))
                    if not (row[0] or "").startswith(("already", "shown below"))]
                if len(few) != min(limit, full):
                    wrong.append(f"seed {seed}: {len(few)} nodes of {full} with nodes={limit}")
                if limit < full and not any("beyond the nodes" in (row[0] or "") for row in few):
                    wrong.append(f"seed {seed}: nothing is said of what nodes={limit} cut")
    return wrong


def main(argv):
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        print("ok 1 - slices_random.py # SKIP this Python cannot load extensions of SQLite")
        return 0
    first = int(argv[0]) if argv else 0
    rounds = int(argv[1]) if len(argv) > 1 else ROUNDS
    wrong = []
    for seed in range(first, first + rounds):
        wrong += one_round(seed)
    check(f"{rounds} random cases, 16 slices of each: the nodes are those that can be reached", wrong)
    print(f"1..{number}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
