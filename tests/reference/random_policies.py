#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Random policies on random events: what the slow interpreter finds, against something else.

	random_policies.py [--seed N] [--rounds N]		brute force, on short streams
	random_policies.py --engine [--seed N] [--rounds N]	reel replay, on longer ones

Each round is one file of policies and one capture. The first difference is made as small as lines
can be left out of the tale, and kept in a directory that is named.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from brute import judge  # noqa: E402
from examples import Failed, dump, tell  # noqa: E402
from machine import Machine  # noqa: E402
from policy import load  # noqa: E402
from reference import read_events  # noqa: E402
from schema import REEL  # noqa: E402
from sequence import run  # noqa: E402

PATHS = ["/a", "/b", "/c", "/tmp/a", "/tmp/b"]
PORTS = [22, 80, 443]
ADDRS = ["10.0.0.1", "192.0.2.1", "2001:db8::1"]
EXES = ["/bin/sh", "/bin/x", "/tmp/a"]
WORDS = ["root", "key", "word"]
PRELUDE = """list paths ("/a", "/tmp/b")
list ports (80, 443)
macro from_sh { exe == "/bin/sh" or exe == "/bin/x" }
macro low { port < 100 }
"""


# Events ------------------------------------------------------------------------------------------

class Tales:
    """NARROW: few kinds of events, on which long sequences are found often."""

    def __init__(self, rng, n, is_narrow):
        self.rng, self.lines, self.n, self.is_narrow = rng, [], n, is_narrow
        self.pids, self.next_pid, self.t = [100, 101, 102], 200, 1.0

    def make(self):
        r = self.rng
        self.lines = ["0 1 process exe=/sbin/init", "0 90 process ppid=1 exe=/bin/sh uid=5 cwd=/srv",
                      f"0 100 process ppid={r.choice([1, 90])} exe=/bin/sh uid=5",
                      f"0 101 process ppid={r.choice([1, 90, 100])} exe=/bin/x uid=0",
                      f"0 102 process ppid=100 exe=/tmp/a uid=5"]
        if r.random() < 0.3:
            self.lines += ["0 103 process ppid=1 cgroup=7 exe=/bin/sh",
                           "0 - container cgroup=7 container_id=c0ffee name=box"]
            self.pids.append(103)
        for _ in range(self.n):
            self.t += r.choice([0, 0.5, 0.5, 1, 1, 1, 2, 2, 3, 5, 8, 12, 31])
            self.event()
        if r.random() < 0.7:
            self.lines.append(f"{self.t + 40:g} - warning text=end")
        return "\n".join(self.lines) + "\n"

    def event(self):
        r = self.rng
        pid = r.choice(self.pids)
        if self.is_narrow and r.random() < 0.93:
            pid = r.choice(self.pids[:2])
            self.lines.append(f"{self.t:g} {pid} {r.choice(['open', 'open', 'unlink'])} "
                              f"path={r.choice(PATHS[:3])}")
            return
        kind = r.choices(["open", "connect", "write", "exec", "unlink", "setuid", "fork", "setsid",
                          "exit"], [12, 6, 4, 4, 4, 1, 1.5, 1, 0.7])[0]
        line = getattr(self, kind)(r, pid)
        if line:
            flags = "" if r.random() > 0.05 else " !blocked"
            self.lines.append(f"{self.t:g} {pid} {line}{flags}")

    def open(self, r, pid):
        flags = r.choice(["O_RDONLY", "O_CREAT|O_WRONLY", "O_RDWR|O_TRUNC"])
        ret = r.choice(["", "", "", " ret=-ENOENT", " ret=-EACCES"])
        path = r.choice(PATHS)
        cut = r.choice(["", "", "", "", f"~{len(path) + 1}", "~?"])
        arg = r.choice(["", "", " path_arg=" + r.choice(PATHS)])
        return f"{r.choice(['open', 'openat', 'creat'])} path={path}{cut}{arg} flags={flags}{ret}"

    def connect(self, r, pid):
        if r.random() < 0.2:
            return "connect family=AF_UNIX unix_path=" + r.choice(PATHS)
        ret = r.choice(["", "", " ret=-EINPROGRESS", " ret=-ECONNREFUSED"])
        return f"connect addr={r.choice(ADDRS)} port={r.choice(PORTS)}{ret}"

    def write(self, r, pid):
        content = "".join(r.choice(["x", " ", r.choice(WORDS)]) for _ in range(3))
        path = r.choice(["", " path=" + r.choice(PATHS)])
        return f'write content="{content}"{r.choice(["", "", "~99"])}{path} fd=3'

    def exec(self, r, pid):
        args = ",".join(r.choice(["-c", "-x", r.choice(PATHS)]) for _ in range(r.randint(0, 2)))
        return f"exec path={r.choice(EXES)} argv=(sh{',' if args else ''}{args})" + \
            r.choice(["", " memfd=true"])

    def unlink(self, r, pid):
        return "unlink path=" + r.choice(PATHS)

    def setuid(self, r, pid):
        return f"setuid uid={r.choice([0, 5])} euid={r.choice([0, 5])}"

    def fork(self, r, pid):
        child, self.next_pid = self.next_pid, self.next_pid + 1
        self.pids.append(child)
        return f"fork child={child}"

    def setsid(self, r, pid):
        return "setsid"

    def exit(self, r, pid):
        if len(self.pids) < 3:
            return None
        self.pids.remove(pid)
        return "exit"


# Policies ----------------------------------------------------------------------------------------

class Policies:
    def __init__(self, rng, is_narrow):
        self.rng, self.is_narrow, self.blocks, self.names = rng, is_narrow, 0, 0

    def string_test(self, values):
        r, v = self.rng, self.rng.choice(values)
        head = v[:r.randint(1, len(v))]
        tail = v[r.randint(0, len(v) - 1):]
        return r.choice([
            f'== "{v}"', f'= "{v}"', f'!= "{v}"', f'in ("{v}", "{r.choice(values)}")',
            f'contains "{tail}"', f'startswith "{head}"', f'endswith "{tail}"', f'=~ "{tail}"',
            f'!~ "{tail}"', f'=~ "^{head}"', f'glob "{head}*"', f'glob "*{tail}"', "exists"])

    def number_test(self, values):
        r, v = self.rng, self.rng.choice(values)
        return r.choice([f"== {v}", f"!= {v}", f"< {v}", f">= {v}",
                         f"in ({v}, {r.choice(values)})"])

    def leaf(self, type_, bound):
        r = self.rng
        if self.is_narrow and type_ in ("open", "unlink") and r.random() < 0.9:
            names = [n for n, kind in bound if kind in ("open", "unlink")]
            if names and r.random() < 0.3:
                return f"path {r.choice(['==', '!='])} {r.choice(names)}.path"
            return r.choice([f'path == "{r.choice(PATHS[:3])}"', f'path != "{r.choice(PATHS[:3])}"'])
        own = {
            "open": [lambda: "path " + self.string_test(PATHS),
                     lambda: "pathname " + self.string_test(PATHS),
                     lambda: "path in paths", lambda: "flags & O_CREAT",
                     lambda: "flags & O_CREAT|O_TRUNC"],
            "unlink": [lambda: "path " + self.string_test(PATHS), lambda: "path != paths"],
            "connect": [lambda: "port " + self.number_test(PORTS), lambda: "low",
                        lambda: f"addr in {r.choice(['10.0.0.0/8', '192.0.2.0/24', '::/0'])}",
                        lambda: f"addr == {r.choice(ADDRS)}", lambda: "port in ports",
                        lambda: "unix_path exists"],
            "write": [lambda: "content " + r.choice(["contains", "=~"]) + f' "{r.choice(WORDS)}"',
                      lambda: f'content =~ ".*({r.choice(WORDS)}|{r.choice(WORDS)}).*"',
                      lambda: "path " + self.string_test(PATHS)],
            "exec": [lambda: "path " + self.string_test(EXES), lambda: 'argv == "-c"',
                     lambda: 'argv != "-x"', lambda: 'argv[1] ' + self.string_test(["-c", "/a"]),
                     lambda: "memfd"],
            "setuid": [lambda: "euid < old_euid", lambda: "uid == 0"],
            "fork": [lambda: "child > 201"],
        }
        everywhere = [
            lambda: f"pid == {r.choice([100, 101, 102, 200])}", lambda: "uid == 0",
            lambda: "from_sh", lambda: "exe " + self.string_test(EXES),
            lambda: "parent.exe " + self.string_test(EXES),
            lambda: "ancestor.exe " + self.string_test(EXES), lambda: "container.id exists",
            lambda: "ret >= 0", lambda: "errno == ENOENT", lambda: "blocked",
            lambda: 'cmdline contains "-c"', lambda: 'cwd == "/srv"', lambda: "comm != \"sh\"",
            lambda: "type " + r.choice(['== "open"', '!= "exec"'])]
        pairs = {("open", "path"): "path", ("unlink", "path"): "path", ("exec", "path"): "argv",
                 ("connect", "port"): "port"}
        for name, kind in bound:
            for (mine, field), theirs in pairs.items():
                if mine == type_ and kind in ("open", "unlink", "exec") and field == "path":
                    if r.random() < 0.6:
                        return r.choice([f"path == {name}.path", f"path != {name}.path",
                                         f"path startswith {name}.path",
                                         f"pid == {name}.pid"] +
                                        ([f"argv contains {name}.path"] if mine == "exec" else []))
                if mine == type_ == kind == "connect" and r.random() < 0.6:
                    return f"port {r.choice(['==', '<', '>='])} {name}.port"
        return r.choice(own.get(type_, everywhere) if r.random() < 0.75 else everywhere)()

    def predicates(self, type_, bound):
        r = self.rng
        n = r.choices([0, 1, 2, 3], [3, 6, 1, 0.5])[0]
        out = []
        for _ in range(n):
            p = self.leaf(type_, bound)
            if r.random() < 0.15:
                p = "not " + p
            if r.random() < 0.2:
                p = f"({p} or {self.leaf(type_, bound)})"
            out.append(p)
        return (" { " + r.choice([", ", " and "]).join(out) + " }") if out else ""

    def step(self, bound, can_name=True, can_count=True, plain=False):
        r = self.rng
        type_ = r.choices(["open", "unlink", "connect", "write", "exec", "setuid", "fork"],
                          [9, 4, 0.1, 0.1, 0.1, 0.1, 0.1] if self.is_narrow else
                          [9, 3, 5, 3, 3, 0.7, 0.7])[0]
        word = {"open": r.choice(["open", "openat"]), "exec": "execve"}.get(type_, type_)
        outcome = r.choice(["", "", "", "", " failed", " attempted"])
        text = word + outcome + self.predicates(type_, bound)
        if r.random() < 0.08:
            text = r.choice(["open|unlink", "exec|fork", "connect|open"]) + outcome
            type_ = "other"
        if plain:
            return text
        if can_count and r.random() < 0.15:
            field = {"open": "path", "connect": "port"}.get(type_, "pid")
            text += f" count {r.randint(2, 3)}"
            text += f" distinct {field}" if r.random() < 0.4 else ""
            text += f" within {r.choice(['3s', '10s', '40s', 'forever'])}"
        elif can_name and r.random() < 0.4:
            self.names += 1
            name = f"n{self.names}"
            bound.append((name, type_))
            text += f" as {name}"
        if r.random() < 0.25:
            text += f" within {r.choice(['2s', '5s', '12s', '45s', 'forever'])}"
        if r.random() < 0.1:
            text += " .."
        return text

    def movement(self, bound, depth, condition=True):
        """One statement: for members, and for both sides of a choice."""
        r = self.rng
        kind = r.choices(["step", "block", "choice"], [6, 2, 1 if depth and condition else 0])[0]
        if kind == "step":
            return self.step(bound, can_count=False)
        if kind == "block":
            self.blocks += 1
            name = f"b{self.blocks}"
            return f'block "{name}" {{ ' + self.row(bound, depth - 1, r.randint(1, 2), True) + " }"
        return self.choice(bound, depth - 1)

    def choice(self, bound, depth):
        condition = self.step(bound, can_name=False, can_count=False, plain=True)
        x = self.movement(list(bound), depth)
        y = self.movement(list(bound), depth)
        return f"{condition} ? {x} : {y}"

    def row(self, bound, depth, n, inside=False):
        r, out = self.rng, []
        for i in range(n):
            if i and r.random() < 0.2:
                out.append("unless " + self.step(bound, plain=True))
            kind = r.choices(["step", "choice", "any", "all", "block"],
                             [8, *([1.5, 1, 1, 1] if depth > 0 else [0, 0, 0, 0])])[0]
            if inside and i == 0:
                kind = "step"
            if kind == "step":
                out.append(self.step(bound, can_count=not (inside and i == 0)))
            elif kind == "choice":
                out.append(self.choice(bound, depth - 1))
            elif kind == "any":
                members = [self.movement(list(bound), depth - 1, False)
                           for _ in range(r.randint(2, 3))]
                out.append("any { " + " ".join(members) + " }")
            elif kind == "all":
                members = [self.step(list(bound), can_name=False, plain=True)
                           for _ in range(r.randint(2, 3))]
                within = r.choice(["", "", " within 12s", " within forever"])
                out.append("all { " + " ".join(members) + " }" + within)
            else:
                self.blocks += 1
                out.append(f'block "b{self.blocks}" {{ ' + self.row(bound, depth - 1, 2) + " }")
        return "; ".join(out)

    def rule(self, name):
        r = self.rng
        self.blocks = self.names = 0
        key = r.choice(["family", "family", "process", "container", "user", "host", "host"])
        head = f"by {key}" if r.random() < 0.8 else ""
        if r.random() < 0.3:
            head += f"; within {r.choice(['5s', '20s', '60s', 'forever'])}"
        if r.random() < 0.06:
            head += "; unless " + self.step([], plain=True)
        body = self.row([], 2, r.choices([1, 2, 3], [1, 6, 4])[0])
        tail = ""
        if r.random() < 0.1:
            tail = f"; unless {self.step([], plain=True)} within {r.choice(['3s', '10s'])}"
        return f'path "{name}" {{ {head}; {body}{tail} }}\n'


# Comparing ---------------------------------------------------------------------------------------

def compare_brute(rules, tunes, events):
    short = [r for r in rules if all(len(e.way()) <= 4 for e in r.ends())]
    found, _ = run(short, tunes, events, Machine())
    wrong = []
    for rule in short:
        for w in judge(rule, events, [f for f in found if f.rule is rule]):
            wrong.append((rule.name, w))
    return wrong, len(found)


def outcome(rule, ts, evidence, blocks):
    ids = [e["event"]["id"] if isinstance(e, dict) else e for e in evidence]
    return (rule, ts, tuple(sorted(set(ids))), tuple(blocks))


def compare_engine(rules, tunes, events, rules_file, capture):
    found, _ = run(rules, tunes, events, Machine())
    mine = [outcome(f.rule.name, f.ts, f.evidence, f.blocks) for f in found]
    done = subprocess.run([REEL, "replay", "--all", "--json", "-r", rules_file, capture],
                          capture_output=True)
    if done.returncode not in (0, 1, 4):
        return [("", done.stderr.decode(errors="replace"))], len(mine)
    theirs = [outcome(j["rule"], j["ts"], j["evidence"], j.get("blocks", []))
              for j in map(json.loads, done.stdout.splitlines()) if "finding" in j]
    wrong = [(o[0], f"only the interpreter finds {o}") for o in mine if o not in theirs]
    wrong += [(o[0], f"only the engine finds {o}") for o in theirs if o not in mine]
    if not wrong and sorted(mine) != sorted(theirs):
        wrong = [("", "one finds the same more often")]
    return wrong, len(mine)


def compare(rules_text, tale, directory, engine):
    """(what differs: (rule, text) ..., number of findings)"""
    with tempfile.TemporaryDirectory(dir=directory) as d:
        rules_file, capture = os.path.join(d, "random.policy"), os.path.join(d, "capture")
        with open(rules_file, "w", encoding="utf-8") as f:
            f.write(rules_text)
        rules, tunes = load([rules_file])
        tell(tale, capture)
        events = read_events(dump(capture))
        if engine:
            return compare_engine(rules, tunes, events, rules_file, capture)
        return compare_brute(rules, tunes, events)


def shrink(rule_text, tale, directory, engine):
    """Leaves lines of the tale out as long as there is a difference."""
    lines = tale.splitlines()

    def differs(some):
        try:
            return bool(compare(rule_text, "\n".join(some) + "\n", directory, engine)[0])
        except Failed:
            return False

    if not differs(lines):
        return tale
    at = 0
    while at < len(lines):
        if " process " in lines[at]:        # who is who stays as it is
            at += 1
            continue
        fewer = lines[:at] + lines[at + 1:]
        if differs(fewer):
            lines = fewer
        else:
            at += 1
    return "\n".join(lines) + "\n"


def keep(rules_text, tale, wrong, directory, engine):
    """A directory with the rule, the smallest tale, and what differs."""
    kept = tempfile.mkdtemp(prefix="reel-random-")
    name = wrong[0][0]
    rule = PRELUDE + "".join(line + "\n" for line in rules_text.splitlines()
                             if line.startswith(f'path "{name}"'))
    tale = shrink(rule, tale, directory, engine)
    again = compare(rule, tale, directory, engine)[0]
    if not again:       # it takes the other rules, too
        rule, again = rules_text, wrong
    for file, text in (("random.policy", rule), ("tale", tale),
                       ("difference", "\n".join(w for _, w in again) + "\n")):
        with open(os.path.join(kept, file), "w", encoding="utf-8") as f:
            f.write(text)
    return kept, rule[len(PRELUDE):] if len(rule) < 5000 else "", tale, again


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    args.add_argument("--rounds", type=int, default=30)
    args.add_argument("--rules", type=int, default=40, help="of a round")
    args.add_argument("--events", type=int, help="of a round")
    args.add_argument("--engine", action="store_true")
    args.add_argument("--go-on", action="store_true", help="do not stop at the first difference")
    o = args.parse_args()
    total = hits = failed = 0
    print(f"# seed {o.seed}")
    with tempfile.TemporaryDirectory() as d:
        for n in range(o.rounds):
            rng = random.Random(f"{o.seed}/{n}")
            is_narrow = rng.random() < 0.6
            policies = Policies(rng, is_narrow)
            text = PRELUDE + "".join(policies.rule(f"r{i}") for i in range(o.rules))
            tale = Tales(rng, o.events or (120 if o.engine else 11), is_narrow).make()
            wrong, found = compare(text, tale, d, o.engine)
            total, hits = total + o.rules, hits + found
            if not wrong:
                continue
            failed += 1
            kept, rule, tale, again = keep(text, tale, wrong, d, o.engine)
            print(f"# round {n} of seed {o.seed} is kept in {kept}:")
            for line in (rule + tale + "\n".join(w for _, w in again)).splitlines():
                print("#   " + line)
            if not o.go_on:
                break
    what = "the engine" if o.engine else "brute force"
    print(f"{'not ok' if failed or not hits else 'ok'} 1 - {total} random policies and {what}, "
          f"{hits} findings, seed {o.seed}")
    print("1..1")
    return failed != 0 or not hits


if __name__ == "__main__":
    sys.exit(main())
