#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The same question, asked three ways, has the same answer: of the capture itself through the
extension, of a case into which its events were loaded, and of `reel dump --json` by jq."""
# timeout: 240

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys

SRC = os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
TMP = os.environ.get("TMP", ".")
QUESTIONS = int(os.environ.get("QUESTIONS", "40"))
SEED = int(os.environ.get("SEED", "5"))
CAPTURES = ("samples/web-shell.rls", "tests/golden/all-types.rls", "tests/golden/clock-steps",
            "tests/golden/two-boots", "tests/golden/damaged.rls", "tests/golden/cut.rls")

tests = 0
failed = 0


def check(name, wrong=""):
    global tests, failed
    tests += 1
    failed += bool(wrong)
    print(f"{'not ' if wrong else ''}ok {tests} - {name}")
    for line in str(wrong).splitlines()[:20] if wrong else []:
        print(f"#   {line}")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Question:
    """A condition on events as SQL and as a filter of jq, put together from what there is."""

    def __init__(self, dice, events):
        self.sql, self.jq, self.options = [], [], []
        some = dice.choice(events)
        for make in dice.sample((self.types, self.pid, self.time, self.result, self.path, self.who),
                                dice.choice((1, 1, 2, 2, 3))):
            make(dice, some, events)

    def types(self, dice, some, events):
        names = sorted({some["type"], dice.choice(events)["type"]})
        self.sql.append(f"type IN ({', '.join(quoted(n) for n in names)})")
        # What is left to reel dump itself here is told by it, and not by jq.
        self.options += ["--type", ",".join(names)]

    def pid(self, dice, some, events):
        self.sql.append(f"pid = {some['pid']}")
        if dice.random() < 0.5:
            self.options += ["--pid", str(some["pid"])]
        else:
            self.jq.append(f".pid == {some['pid']}")

    def time(self, dice, some, events):
        begin, end = sorted((some["ts"], dice.choice(events)["ts"]))
        self.sql.append(f"ts >= {begin} AND ts < {end}")
        self.jq.append(f".ts >= {begin} and .ts < {end}")

    def result(self, dice, some, events):
        bound = some["ret"] if abs(some["ret"]) < 1 << 50 else 0
        self.sql.append(f"ret {dice.choice(('<', '>='))} {bound}")
        self.jq.append(".ret" + self.sql[-1][3:])

    def path(self, dice, some, events):
        paths = [e["path"] for e in events if e.get("path") and "path_hex" not in e]
        if not paths:
            return
        path = dice.choice(paths)
        prefix = path[:dice.randint(1, len(path))]
        if any(c in prefix for c in "*?[%_'\"\\\0"):
            return
        self.sql.append(f"path GLOB {quoted(prefix + '*')}")
        # What is no text is a BLOB, to which GLOB does not apply.
        self.jq.append("(has(\"path_hex\") | not) and .path != null and "
                       f"(.path | startswith({json.dumps(prefix)}) and (test(\"\\u0000\") | not))")

    def who(self, dice, some, events):
        if "comm" not in some or "comm_hex" in some or "\0" in some["comm"]:
            return
        # Of some types it is a field of their own, which JSON shows instead of the process's.
        self.sql.append(f"comm = {quoted(some['comm'])} AND type NOT IN ('exec', 'process', 'task')")
        self.jq.append(f".comm == {json.dumps(some['comm'])} and "
                       "(.type | IN(\"exec\", \"process\", \"task\") | not)")

    def where(self):
        return " AND ".join(f"({s})" for s in self.sql) or "1"

    def select(self):
        return " and ".join(f"({s})" for s in self.jq) or "true"


# What is asked of the events that a question chooses: for SQL, and for jq of an array of them.
ANSWERS = (
    ("count(*)", "length"),
    ("json_group_array(id) FROM (SELECT id FROM {events} ORDER BY id)", "map(.id) | sort"),
    ("json_group_array(json_array(type, n)) FROM (SELECT type, count(*) AS n FROM {events} "
     "GROUP BY type ORDER BY type)", "group_by(.type) | map([.[0].type, length])"),
    ("json_array(count(DISTINCT pid), min(ts), max(seq))",
     "[(map(.pid) | unique | length), (map(.ts) | min), "
     "(map(.id | split(\"-\")[2] | tonumber) | max)]"),
    ("json_group_array(json_array(errno, n)) FROM (SELECT errno, count(*) AS n FROM {events} "
     "WHERE errno IS NOT NULL GROUP BY errno ORDER BY errno)",
     "map(select(.errno != null)) | group_by(.errno) | map([.[0].errno, length])"),
    ("json_group_array(syscall) FROM (SELECT DISTINCT syscall FROM {events} "
     "WHERE syscall IS NOT NULL ORDER BY 1)",
     "map(.syscall | select(. != null)) | unique"),
)


def sql_of(answer, where):
    events = f"(SELECT * FROM event WHERE {where})"
    if "{events}" in answer:
        return f"SELECT {answer.format(events=events)}"
    return f"SELECT {answer} FROM {events}"


def by_extension(capture, sql):
    done = subprocess.run([REEL, "query", "-q", "--format", "csv", "--no-header", capture, sql],
                          capture_output=True, check=False)
    text = done.stdout.decode().rstrip("\n")
    if text.startswith('"'):
        text = text[1:-1].replace('""', '"')
    return json.loads(text) if text else done.stderr.decode()


def by_jq(capture, question, answer):
    dump = subprocess.run([REEL, "dump", "-q", "--json", "--context", *question.options, capture],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    done = subprocess.run(["jq", "-c", "-s", f"map(select({question.select()})) | {answer}"],
                          input=dump.stdout, capture_output=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.decode()


def main():
    os.chdir(TMP)
    dice = random.Random(SEED)
    if not shutil.which("jq"):
        print("1..0 # SKIP no jq")
        return 0
    for n, name in enumerate(CAPTURES):
        capture, case = os.path.join(SRC, name), f"{n}.db"
        done = subprocess.run([REEL, "replay", "-q", "--no-rules", "--load-events", "-o", case,
                               capture], capture_output=True, check=False)
        check(f"{name}: is loaded", "" if done.returncode in (0, 4) else done.stderr.decode())
        dump = subprocess.run([REEL, "dump", "-q", "--json", "--context", capture],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        events = [json.loads(line) for line in dump.stdout.splitlines()]
        with sqlite3.connect(case) as db:
            n_loaded = db.execute("SELECT count(*) FROM event").fetchone()[0]
            check(f"{name}: all {len(events)} events are there",
                  "" if n_loaded == len(events) else f"{n_loaded} were loaded")
            wrong, empty = [], 0
            for _ in range(QUESTIONS):
                question = Question(dice, events)
                answer = dice.choice(ANSWERS)
                sql = sql_of(answer[0], question.where())
                loaded = db.execute(sql).fetchone()[0]
                loaded = json.loads(loaded) if isinstance(loaded, str) else loaded
                read = by_extension(capture, sql)
                dumped = by_jq(capture, question, answer[1])
                empty += loaded in (0, [], [0, None, None])
                if not loaded == read == dumped:
                    wrong.append(f"{sql}\n  loaded   {loaded}\n  capture  {read}\n"
                                 f"  dump     {dumped}\n  {question.options} {question.select()}")
            check(f"{name}: {QUESTIONS} questions have one answer each, {empty} an empty one",
                  "\n".join(str(w)[:900] for w in wrong[:4]))
            check(f"{name}: most answers are not empty",
                  "" if empty <= QUESTIONS * 0.75 else f"{empty} of {QUESTIONS} are")
    print(f"1..{tests}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
