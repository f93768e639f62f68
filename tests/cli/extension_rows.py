#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the extension's tables say of each event is what `reel dump --json` says: of every type, on
captures of this version and others, sound and damaged; by any way of reading, the rows are the same."""

import json
import os
import random
import sqlite3
import subprocess
import sys

SRC = os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
EXTENSION = os.path.join(SRC, ".output", "reel")
GOLDEN = os.path.join(SRC, "tests", "golden")

FLAGS = ["fault", "truncated", "raced", "blocked", "restarted", "keyframe", "partial"]
COMMON = ["id", "ts", "time", "type", "pid", "tid", "ret", "errno", "syscall", "abi"]
CONTEXT = ["ppid", "comm", "exe", "uid"]

tests = 0
failed = 0


def check(name, wrong):
    """WRONG is empty where it holds."""
    global tests, failed
    tests += 1
    failed += bool(wrong)
    print(f"{'not ' if wrong else ''}ok {tests} - {name}")
    for line in str(wrong).splitlines()[:12] if wrong else []:
        print(f"#   {line}")


def connect(path):
    db = sqlite3.connect(":memory:")
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    db.execute("SELECT reel_open(?)", [path])
    return db


def rows(db, sql, *values):
    cursor = db.execute(sql, values)
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, r)) for r in cursor]


def dumped(path):
    done = subprocess.run([REEL, "dump", "--json", "--context", path], capture_output=True,
                          check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def same_string(value, key, event):
    """What SQL has of a string that JSON shows."""
    if key not in event:
        return value is None
    if key + "_hex" in event:
        return value == bytes.fromhex(event[key + "_hex"])
    if isinstance(value, bytes):
        return b"\0" in value and value.decode() == event[key]
    return value == event[key]


def wrong_of_event(row, event, own):
    """The first column of `event` that is something else; None."""
    for key in COMMON:
        if row[key] != event.get(key):
            return key
    if row["flags"] != (" ".join(f for f in FLAGS if f in event) or None):
        return "flags"
    if json.loads(row["fields"]) != own:
        return "fields"
    if not same_string(row["path"], "path", own):
        return "path"
    for key in CONTEXT:
        if key not in own and not (same_string(row[key], key, event)
                                   if key in ("comm", "exe") else row[key] == event.get(key)):
            return key
    boot8, cpu, seq = row["id"].split("-")
    if (row["cpu"], row["seq"] % (1 << 64)) != (None if cpu == "r" else int(cpu), int(seq)):
        return "cpu, seq"
    return None


def same_field(row, column, key, own):
    """One of the type's own fields, and its names."""
    value, name, shown = row[column], row.get(column + "_name"), own.get(key)
    if isinstance(shown, str) and (isinstance(value, int) or name is not None):
        return name == shown  # a label
    if isinstance(shown, bool):
        return value == shown
    if isinstance(shown, int):
        return value == (shown if shown < 1 << 63 else shown - (1 << 64))
    if isinstance(shown, list):
        return json.loads(value) == shown
    return same_string(value, key, own)


def own_fields(event):
    """Without what is common, and what is said beside."""
    keys = list(event)
    begin = keys.index("ret") + 1
    return {k: event[k] for k in keys[begin:] if k not in COMMON + FLAGS}


def wrong_of_type(row, event, own, columns):
    known = 0
    for key in own:
        plain = key[len(event["type"]) + 1:] if key.startswith(event["type"] + "_") else key
        prefixed = f"{event['type']}_{plain}"
        column = prefixed if prefixed in columns else plain
        if column not in columns or column in COMMON + ["host"]:
            continue  # of a version that we do not know
        known += 1
        if not same_field(row, column, key, own):
            return f"{column}: {row[column]!r} {row.get(column + '_name')!r} {own[key]!r}"
    return None if known or not own else f"no column of {sorted(own)}"


def compare(path):
    name = os.path.basename(path)
    db = connect(path)
    events = {e["id"]: e for e in dumped(path)}
    got = rows(db, "SELECT * FROM event")
    ids = [r["id"] for r in got]
    check(f"{name}: the same events", sorted(ids) != sorted(events) and
          f"{len(ids)} rows, {len(events)} events")
    wrong = []
    for row in got:
        event = events[row["id"]]
        at = wrong_of_event(row, event, own_fields(event))
        if at:
            wrong.append(f"{at}: {row} {event}")
    check(f"{name}: each says the same", "\n".join(wrong))
    light = rows(db, "SELECT id, ts, time, type, pid, tid, ret, errno, syscall, abi, flags, cpu, "
                 "seq, path, fields FROM event")
    full = {r["id"]: r for r in got}
    check(f"{name}: without context as well",
          [r for r in light if any(r[k] != full[r["id"]][k] for k in r)] or
          len(light) != len(got) and f"{len(light)} {len(got)}")
    types = {r["type"] for r in got}
    built_in = {r["name"][6:] for r in rows(db, "SELECT name FROM pragma_module_list "
                                            "WHERE name LIKE 'event\\_%' ESCAPE '\\'")}
    wrong = []
    for t in sorted(types & built_in):
        table = rows(db, f'SELECT * FROM "event_{t}"')
        wanted = [e for e in events.values() if e["type"] == t]
        if sorted(r["id"] for r in table) != sorted(e["id"] for e in wanted):
            wrong.append(f"{t}: {len(table)} rows, {len(wanted)} events")
            continue
        for row in table:
            event = events[row["id"]]
            at = wrong_of_type(row, event, own_fields(event), set(row))
            if at:
                wrong.append(f"{t} {row['id']}: {at}")
    check(f"{name}: each of {len(types & built_in)} types has its own table", "\n".join(wrong))
    questions(db, name, got)
    db.close()


def pattern_of(rand, text, op):
    """One that fits the text, or nearly: some of its characters stand for others."""
    any_of, one = ("%", "_") if op == "LIKE" else ("*", "?")
    pattern = ""
    for c in text:
        how = rand.randrange(24)
        if how == 0:
            pattern += any_of
        elif how == 1:
            pattern += one
        elif how == 2 and op == "GLOB":
            pattern += rand.choice((f"[{c}]", f"[]{c}-]", f"[^]{c}]", f"[^/]{any_of}"))
        elif how == 3:
            pattern += any_of + c + any_of
        else:
            pattern += c.swapcase() if op == "LIKE" and how < 10 else c
    cut = rand.randrange(len(pattern) + 1)
    behind = any_of + pattern[cut:]
    return rand.choice((pattern, behind, behind + any_of, pattern + "["))


def questions(db, name, got):
    """Whatever is pushed down, the rows are those that SQLite would have found itself: behind a +
    or in an expression a constraint is not seen by the table."""
    rand = random.Random(name)
    some = [rand.choice(got) for _ in range(12)] if got else []
    clauses = []
    for r in some:
        quote = {k: db.execute("SELECT quote(?)", [r[k]]).fetchone()[0] for k in r}
        clauses += [(f"ts {op}", quote["ts"]) for op in ("<", "<=", ">", ">=", "=")]
        clauses += [(f"{k} {op}", quote[k]) for k in ("time_ns", "time")
                    for op in ("<", "<=", ">", ">=", "=")]
        clauses += [(f"{k} =", quote[k]) for k in ("type", "pid", "exe", "path", "id", "comm")]
        clauses.append(("type IN", f"({quote['type']}, 'exec', 'no such type')"))
        clauses.append(("pid IN", f"({quote['pid']}, 1, -5, 'x', 2.5, NULL)"))
        clauses.append(("ts <", f"{r['ts']}.5"))
        clauses.append(("ts >", f"{r['ts']}.5"))
        if isinstance(r["time"], str):
            cut = rand.randrange(1, len(r["time"]))
            clauses += [(f"time {op}", f"'{r['time'][:cut]}'") for op in ("<", ">=")]
        if isinstance(r["path"], str) and len(r["path"]) > 1 and "'" not in r["path"]:
            cut = rand.randrange(1, len(r["path"]))
            clauses += [("path GLOB", f"'{r['path'][:cut]}*'"),
                        ("path LIKE", f"'{r['path'][:cut].upper()}%'")]
            clauses += [(f"path {op}", f"'{pattern_of(rand, r['path'], op)}'")
                        for op in ("GLOB", "LIKE") for _ in range(3)]
    wrong = []
    for _ in range(120 if clauses else 0):
        chosen = rand.sample(clauses, rand.choice((1, 1, 2, 3)))
        pushed = " AND ".join(f"{c} {v}" for c, v in chosen)
        plain = " AND ".join(f"(+{c.split()[0]}) {c.split()[1]} {v}" for c, v in chosen)
        order = rand.choice(("", " ORDER BY ts", " ORDER BY time_ns", " ORDER BY time DESC"))
        what = rand.choice(("id", "id, exe", "id, type, path", "count(*)"))
        # Its keyframes do not name the processes, so that what is known depends on the beginning.
        if name == "retired" and "exe" in what + pushed:
            continue
        a = db.execute(f"SELECT {what} FROM event WHERE {pushed}{order}").fetchall()
        b = db.execute(f"SELECT {what} FROM event WHERE {plain}{order}").fetchall()
        if sorted(map(repr, a)) != sorted(map(repr, b)):
            wrong.append(f"{pushed}{order}: {len(a)}, {len(b)}")
        times = [r[0] for r in db.execute(f"SELECT ts, id, exe FROM event WHERE {pushed} "
                                          "ORDER BY ts")]
        if times != sorted(times):
            wrong.append(f"{pushed}: not in the order of ts")
    check(f"{name}: what is pushed down changes no answer", "\n".join(wrong))
    counts = db.execute("SELECT type, count(*) FROM event GROUP BY type").fetchall()
    plain = db.execute("SELECT +type, count(*), count(pid) FROM event GROUP BY 1").fetchall()
    check(f"{name}: counted by type", counts != [p[:2] for p in plain] and f"{counts} {plain}")


def main():
    if not os.path.exists(EXTENSION + ".so"):
        check("the extension is built", "there is no reel.so")
    else:
        compare(os.path.join(SRC, "samples", "web-shell.rls"))
        for entry in sorted(os.listdir(GOLDEN)):
            path = os.path.join(GOLDEN, entry)
            if entry.endswith(".rls") or os.path.isdir(path):
                try:
                    compare(path)
                except sqlite3.OperationalError as e:
                    done = subprocess.run([REEL, "dump", path], capture_output=True, text=True,
                                          check=False)
                    check(f"{entry}: is refused as by dump", done.returncode == 0 and str(e))
    print(f"1..{tests}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
