#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each named query on the sample capture and on two tales, against tests/cli/queries/*.txt, which were
read line by line beside `reel dump`. The same rows come from Python's own sqlite3, without our extension,
where the query needs only the case. crypto-tracer's documents have the keys and types that it documents.

	queries.py [--write]	write what is expected anew; then read it
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
BENCH = os.environ.get("BENCH", os.path.join(SRC, ".output", "bench"))
HERE = os.path.join(SRC, "tests", "cli", "queries")
QUERIES = os.path.join(SRC, "samples", "queries")

# Of each capture what is asked: a query with its parameters. All come in a case with findings.
ASKED = {
    "web-shell": (
        "tree", "timeline", "ancestry pid=325", "touched pid=325", "touched pid=322 family=1",
        "who_touched path=/tmp/.u", "who_touched path=/var/spool/*", "peers", "listening", "dropped",
        "deleted", "privileges", "persistence", "crypto_libraries", "crypto_files", "top_talkers",
        "rare", "first_seen kind=[^e]*", "gaps", "findings severity=medium", "verdicts", "attack",
        "crypto_profile pid=264", "crypto_snapshot at=2026-11-21T14:08:04Z", "crypto",
        "forward path=/tmp/.u", "backward addr=203.0.113.66:4444 steps=3"),
    "incident": (
        "tree", "tree pid=200", "timeline", "timeline writes=1 pid=220", "ancestry pid=230",
        "touched pid=220", "touched pid=200 family=1", "who_touched path=/tmp/k",
        "who_touched path=/etc/cron.d/*", "peers", "peers pid=230", "listening",
        "listening at=2023-11-14T22:13:22Z", "dropped", "dropped within=1", "deleted", "privileges",
        "privileges gains=1", "persistence", "top_talkers limit=1", "rare", "first_seen",
        "first_seen from=2023-11-14T22:13:25Z", "gaps", "findings", "verdicts", "attack"),
    "crypto": (
        "crypto", "crypto extensions=0", "crypto pid=101", "crypto file=*.pem", "crypto library=GNUTLS",
        "crypto name=ngi", "crypto type=process_*", "crypto_files", "crypto_files file=/home/*",
        "crypto_libraries", "crypto_libraries name=client", "crypto_profile pid=300",
        "crypto_profile name=nginx", "crypto_profile pid=300 extensions=0", "crypto_snapshot",
        "crypto_snapshot at=2023-11-14T22:13:27Z", "crypto_snapshot extensions=0"),
}

# What needs our extension: events, its functions, or other named queries.
NEEDS_EXTENSION = {"crypto", "crypto_profile", "crypto_snapshot", "types", "type_times", "events_of",
                   "forward", "backward"}

number = failed = 0


def check(name, wrong):
    global number, failed
    number += 1
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    for w in wrong[:30]:
        print("# " + str(w).replace("\n", "\n# "))
    failed += bool(wrong)


def run(*argv, statuses=(0, 4)):
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode not in statuses:
        raise SystemExit(f"{' '.join(argv)}: {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="surrogateescape")


def ask(where, query, *options):
    name, *params = query.split()
    return run(REEL, "query", *options, where, "@" + name, *params)


def rows(where, query):
    return [json.loads(line) for line in ask(where, query, "--json").splitlines()]


def compare(where, capture, query, write):
    is_tree = query.split()[0] in ("tree", "forward", "backward")
    got = ask(where, query, *(() if is_tree else ("--null", "-")))
    path = os.path.join(HERE, capture + "." + re.sub(r"[^A-Za-z0-9=.:_-]", "_", query) + ".txt")
    if write:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write(got)
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        want = f.read()
    got, want = got.splitlines(), want.splitlines()
    return [f"{i + 1}: got  {g}\n{i + 1}: want {w}" for i, (g, w) in enumerate(
        zip(got + [None] * len(want), want + [None] * len(got))) if g != w and (g or w)]


def listed():
    return {q["name"]: q for q in map(json.loads, run(REEL, "query", "--list", "--json").splitlines())}


def python_value(param):
    kind, text = param.get("type"), param.get("default", "null")
    if text == "null":
        return None
    return int(text) if kind in ("integer", "time") else text.strip("'")


def in_python(db, query, given):
    """Rows of the statement as the stock library gives them; texts as they are on the way out of reel."""
    values = {p["name"]: python_value(p) for p in query["params"]}
    for key, value in given.items():
        kind = {p["name"]: p["type"] for p in query["params"]}[key]
        values[key] = int(value) if kind == "integer" else value
    cursor = db.execute(query["sql"], values)
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row)) for row in cursor]


def same_rows(got, want):
    def plain(row):
        return {k: v for k, v in row.items() if not isinstance(v, bytes) and not k.endswith("_hex") and
                not (isinstance(v, str) and ("\ufffd" in v or "\\x" in v or re.search("[\udc80-\udcff]", v)))}

    wrong = [] if len(got) == len(want) else [f"{len(got)} rows, not {len(want)}"]
    for g, w in zip(got, want):
        g, w = plain(g), plain(w)
        wrong += [f"{k}: {g[k]!r}, not {w[k]!r}" for k in g.keys() & w.keys() if g[k] != w[k]]
    return wrong


def tables_of(sql):
    return {alias: table for table, alias in re.findall(r"\b(?:FROM|JOIN)\s+(\w+)\s+AS\s+(\w+)", sql)}


def full_scans(db, query):
    """Tables that grow with the capture and that the plan reads from end to end, for want of an index."""
    given = {p["name"]: python_value(p) for p in query["params"]}
    given.update({k: v for k, v in {"pid": 220, "path": "/tmp/k"}.items() if k in given})
    plan = [r[3] for r in db.execute("EXPLAIN QUERY PLAN " + query["sql"], given)]
    alias = tables_of(query["sql"])
    scanned = {alias.get(m[1], m[1]) for m in (re.match(r"SCAN (\w+)", p) for p in plan) if m}
    return scanned & {"edge", "fd"}


# crypto-tracer's documented keys, with their types. No time is known of what was there before.
EVENT_KEYS = {
    "file_open": {"file": str, "file_type": str, "flags": str, "result": int, "exe": str},
    "lib_load": {"library": str, "library_name": str, "exe": str},
    "process_exec": {"cmdline": str, "exe": str},
    "process_exit": {"exit_code": int},
    "api_call": {"function_name": str, "library": str, "exe": str},
    "tls_handshake": {"function_name": str, "library": str, "result": int, "exe": str},
}
ALL_KEYS = {"event_type": str, "timestamp": str, "pid": int, "uid": int, "process": str}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
PROFILE = {
    "profile_version": str, "generated_at": str, "duration_seconds": int,
    "process": {"pid": int, "name": str, "exe": str, "cmdline": str, "uid": int, "gid": int,
                "start_time": (str, type(None))},
    "libraries": [{"name": str, "path": str, "load_time": (str, type(None))}],
    "files_accessed": [{"path": str, "type": str, "access_count": int, "mode": str,
                        "first_access": (str, type(None)), "last_access": (str, type(None))}],
    "api_calls": [{"function_name": str, "count": int}],
    "statistics": {"total_events": int, "libraries_loaded": int, "files_accessed": int,
                   "api_calls_made": int},
}
SNAPSHOT = {
    "snapshot_version": str, "generated_at": str, "hostname": str, "kernel": str,
    "processes": [{"pid": int, "name": str, "exe": str, "running_as": str, "libraries": [str],
                   "open_crypto_files": [str]}],
    "summary": {"total_processes": int, "total_libraries": int, "total_files": int},
}


def misshapen(value, shape, at="$"):
    if isinstance(shape, dict):
        if not isinstance(value, dict) or set(value) != set(shape):
            return [f"{at}: {value!r}"]
        return [w for k in shape for w in misshapen(value[k], shape[k], f"{at}.{k}")]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{at}: {value!r}"]
        return [w for i, v in enumerate(value) for w in misshapen(v, shape[0], f"{at}[{i}]")]
    if not isinstance(value, shape) or isinstance(value, bool):
        return [f"{at}: {value!r}"]
    if at.endswith(("_at", "_time", "_access")) and value is not None and not TIME.fullmatch(value):
        return [f"{at}: {value!r}"]
    return []


def misshapen_event(e):
    shape = ALL_KEYS | EVENT_KEYS.get(e.get("event_type"), {"?": str})
    wrong = [f"{k} of {e}" for k, t in shape.items() if not isinstance(e.get(k), t)]
    return wrong + ([] if TIME.fullmatch(e.get("timestamp", "")) else [f"time of {e}"])


def check_formats(capture):
    stream = [json.loads(line) for line in ask(capture, "crypto").splitlines()]
    check("json-stream: an object a line", [] if stream else ["there is none"])
    check("json-array is the same", [] if json.loads(ask(capture, "crypto", "--format", "array")) ==
          stream else ["it is not"])
    text, pretty = ask(capture, "crypto", "--format", "pretty"), []
    while text.strip():
        value, end = json.JSONDecoder().raw_decode(text.lstrip())
        text = text.lstrip()[end:]
        pretty.append(value)
    check("json-pretty too", [] if pretty == stream else ["it is not"])
    counts = {t: sum(e["event_type"] == t for e in stream) for t in EVENT_KEYS}
    # It has the five most frequent values of a column.
    summary = ask(capture, "crypto type=[^p]*", "--format", "summary")
    check("summary counts them", [t for t, n in counts.items() if not t.startswith("process") and
                                  not re.search(rf"^ +{n}  {t}$", summary, re.M)])
    check("all types of events occur", [t for t, n in counts.items() if not n])
    check("events have the documented keys and types", [w for e in stream for w in misshapen_event(e)])
    check("an event has no key of another type", [e for e in stream if e["event_type"] != "lib_load" and
                                                  "library_name" in e])
    return stream


def check_defects(capture, stream):
    """What crypto-tracer gets wrong."""
    base = ask(capture, "crypto file=*.pem").splitlines()
    check("a pattern matches over slashes", [] if len(base) >= 2 else base)
    hidden = ask(capture, "crypto file=/home/alice/*", "--redact", "home").splitlines()
    check("filters come before redaction", [] if hidden and not any("alice" in h for h in hidden) and all(
        "/home/USER/" in h for h in hidden) else hidden or ["nothing is left"])
    args = ask(capture, "crypto type=process_exec", "--redact", "args")
    check("command lines can be hidden", [args] if "secret" in args or "cmdline" not in args else [])
    profile = ask(capture, "crypto_profile pid=300", "--redact", "home,args")
    check("also in documents", [profile] if "secret" in profile or "alice" in profile or
          "/home/USER/" not in profile else [])
    check("times are wall time", [e for e in stream if not e["timestamp"].startswith("2023-11-14T22:13:")])
    check("handshakes are told, also failed ones",
          [] if [e["result"] for e in stream if e["event_type"] == "tls_handshake"] == [0, -110] else stream)
    lost = subprocess.run([REEL, "query", capture, "@crypto"], capture_output=True, check=False)
    check("losses are told exactly", [] if lost.returncode == 4 and
          lost.stderr == b"reel query: 7 events were lost when this was recorded\n" else [lost.stderr])
    check("names that are not UTF-8 are JSON, and exact",
          [] if [e["file_hex"] for e in stream if "file_hex" in e] ==
          [b"/home/alice/\xff\x01.key".hex()] else ["they are not"])


def check_recognition():
    def block(name, start):
        with open(os.path.join(QUERIES, name), encoding="utf-8") as f:
            return re.search(re.escape(start) + r".*?\n\)", f.read(), re.S)[0]

    check("queries agree on what is a crypto file", [] if block("crypto.sql", "suffix(suffix") ==
          block("crypto_files.sql", "suffix(suffix") else ["they do not"])
    check("and a library", [] if block("crypto.sql", "library(name") ==
          block("crypto_libraries.sql", "library(name") else ["they do not"])


def check_dump(where, capture):
    """Some counts as `reel dump` has them."""
    events = [json.loads(line) for line in run(REEL, "dump", "--json", capture).splitlines()]
    execs = sorted(e["time"] for e in events if e["type"] == "exec" and e["ret"] == 0)
    check("timeline has each exec", [] if execs == sorted(
        r["time"] for r in rows(where, "timeline") if r["kind"] == "exec") else [execs])
    pids = {e["pid"] for e in events if e["type"] in ("exec", "process")} | {
        e["child"] for e in events if e["type"] == "fork"}
    tree = rows(where, "tree")
    check("tree has each process", [] if {r["pid"] for r in tree} == pids else
          [sorted(pids ^ {r["pid"] for r in tree})])
    depth = -1
    wrong = []
    for r in tree:
        wrong += [r] if r["depth"] > depth + 1 else []
        depth = r["depth"]
    check("in preorder", wrong)
    opened = {e["path"] for e in events if e["type"] in ("open", "create") and e["ret"] >= 0 and
              e["pid"] == 220}
    touched = {r["object"] for r in rows(where, "touched pid=220")}
    check("touched has each file that was opened", [] if capture.endswith(".rls") or
          opened - {o for o in opened if "\ufffd" in o} <= touched else [opened - touched])


def check_readme(queries):
    with open(os.path.join(QUERIES, "README.md"), encoding="utf-8") as f:
        got = [line for line in f.read().splitlines() if line.startswith("| `@")]
    want = [f"| `@{q['name']}` | {q['title']} | " + " ".join(
        f"`{p['name']}`" if p["required"] else f"[`{p['name']}`]" for p in q["params"]) + " |"
        for q in queries.values()]
    check("README.md has each query", [f"{w}" for w in want if w not in got] +
          [f"too much: {g}" for g in got if g not in want])


def main(argv):
    write = "--write" in argv
    os.chdir(SRC)  # so that no answer names a place of this machine
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMP")) as d:
        captures = {"web-shell": os.path.join(SRC, "samples", "web-shell.rls")}
        for name in ("incident", "crypto"):
            captures[name] = os.path.join(d, name)
            run(os.path.join(BENCH, "tell"), "-o", captures[name], os.path.join(HERE, name + ".tale"))
        queries = listed()
        asked = {q.split()[0] for all_of in ASKED.values() for q in all_of}
        check("each query is asked", sorted(set(queries) - asked - {"events_of", "types", "type_times"}))
        for name, capture in captures.items():
            case = os.path.join(d, name + ".db")
            run(REEL, "replay", "-q", "-r", "samples/policies", "-o", case, capture,
                statuses=(0, 1, 4))
            db = sqlite3.connect(case)
            db.text_factory = lambda text: text.decode(errors="surrogateescape")
            for query in ASKED[name]:
                q, *params = query.split()
                # Of events there is nothing in a case.
                where = capture if q == "crypto" else case
                check(f"{name}: {query}", compare(where, name, query, write))
                given = dict(p.split("=", 1) for p in params)
                if q not in NEEDS_EXTENSION and not {"at", "from", "to"} & given.keys():
                    check(f"{name}: {query}: the stock sqlite3 says the same",
                          same_rows(in_python(db, queries[q], given), rows(case, query)))
            if name == "incident":
                for q in queries.values():
                    if q["name"] not in NEEDS_EXTENSION:
                        check(f"{q['name']} uses indexes", sorted(full_scans(db, q)))
            if name != "crypto":
                check_dump(case, capture)
            db.close()
        case = os.path.join(d, "crypto.db")
        stream = check_formats(captures["crypto"])
        check_defects(captures["crypto"], stream)
        for shape, query in ((PROFILE, "crypto_profile"), (SNAPSHOT, "crypto_snapshot")):
            documents = [json.loads(line) for line in ask(case, query, "--json").splitlines()]
            check(f"{query} has the documented shape", [w for x in documents for w in misshapen(x, shape)]
                  if documents else ["there is none"])
        check_recognition()
        check_readme(queries)
    print(f"1..{number}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
