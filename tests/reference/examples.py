#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the examples of replay/POLICIES.md and corners.md: in the slow interpreter, or with --engine in reel."""

import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from policy import load  # noqa: E402
from reference import read_events, replay  # noqa: E402
from schema import REEL, SRC, TELL  # noqa: E402
from text import PolicyError  # noqa: E402

BASE_NS = 1000 * 10 ** 9
PAGES = (os.path.join(SRC, "replay", "POLICIES.md"),
         os.path.join(os.path.dirname(os.path.abspath(__file__)), "corners.md"))


class Failed(Exception):
    pass


def examples(path):
    """(line, rules, tale, expected outcomes)"""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for m in re.finditer(r"^```example\n(.*?)^```$", text, re.M | re.S):
        rules, _, story = m.group(1).partition("\n---\n")
        tale = [line for line in story.splitlines() if not line.startswith("=>")]
        expected = [line[2:].strip() for line in story.splitlines() if line.startswith("=>")]
        yield text.count("\n", 0, m.start()) + 1, rules + "\n", "\n".join(tale) + "\n", expected


def tell(tale, directory, *options):
    done = subprocess.run([TELL, "-o", directory, *options], input=tale.encode(),
                          capture_output=True)
    if done.returncode:
        raise Failed("tell: " + done.stderr.decode(errors="replace").strip())


def dump(directory):
    done = subprocess.run([REEL, "dump", "--json", directory], capture_output=True)
    if not done.stdout:
        raise Failed("dump: " + done.stderr.decode(errors="replace").strip())
    return done.stdout.splitlines()


def by_reference(rules_file, directory):
    try:
        rules, tunes = load([rules_file])
    except PolicyError as e:
        raise Failed(str(e)) from e
    found, judged = replay(rules, tunes, read_events(dump(directory)))
    return ([{"rule": f["finding"], **f} for f in found if not f.get("suppressed")],
            {v["rule"]: v["verdict"] for v in judged})


def by_engine(rules_file, directory):
    done = subprocess.run([REEL, "replay", "--all", "--json", "-r", rules_file, directory],
                          capture_output=True)
    if done.returncode not in (0, 1, 4):
        raise Failed("replay: " + done.stderr.decode(errors="replace").strip())
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return ([j for j in lines if "finding" in j and not j.get("suppressed")],
            {j["rule"]: j["verdict"] for j in lines if "verdict" in j})


def seconds(ts):
    whole, rest = divmod(ts - BASE_NS, 10 ** 9)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".")


def outcomes(found, judged):
    out = [f"hit {f['rule']} {seconds(f['ts'])}" for f in found]
    return out, {f"{verdict} {rule}" for rule, verdict in judged.items()}


def check(rules, tale, expected, run):
    """What differs, as lines; none: all is as it should be."""
    with tempfile.TemporaryDirectory() as d:
        rules_file = os.path.join(d, "example.policy")
        with open(rules_file, "w", encoding="utf-8") as f:
            f.write(rules)
        tell(tale, os.path.join(d, "capture"))
        hits, judged = outcomes(*run(rules_file, os.path.join(d, "capture")))
    wanted = sorted(e for e in expected if e.startswith("hit "))
    wrong = [f"missing: {h}" for h in wanted if h not in hits]
    wrong += [f"not expected: {h}" for h in hits if h not in wanted]
    if not wrong and sorted(hits) != wanted:
        wrong.append(f"found {sorted(hits)}")
    return wrong + [f"no verdict: {e}" for e in expected
                    if not e.startswith("hit ") and e not in judged]


def main(argv):
    run = by_engine if "--engine" in argv else by_reference
    number = failed = 0
    for page, line, rules, tale, expected in [(os.path.basename(p), *e) for p in PAGES
                                              for e in examples(p)]:
        number += 1
        try:
            wrong = check(rules, tale, expected, run)
        except Failed as e:
            wrong = [str(e)]
        print(f"{'not ok' if wrong else 'ok'} {number} - {page}:{line}")
        for w in wrong:
            print(f"# {w}")
        failed += bool(wrong)
    print(f"1..{number}")
    return failed != 0 or number == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
