#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 1800
"""The packs of samples/policies on recordings of what they are about.

Each technique is recorded and its rule must fire, by the way that the case names; what only looks like
it is recorded, and it must not. Everyday work is recorded, and no rule may find more in it than what
is low. packs.py [WORD...] takes the cases that have one of these words in their name or rule.
"""

import collections
import glob
import json
import os
import re
import sys
import time

import suite

PACKS = os.path.join(suite.SRC, "samples", "policies")
SCRIPTS = os.path.join(PACKS, "scripts")
TELL = os.path.join(os.path.dirname(suite.REEL), "bench", "tell")
PYTHON = "/usr/bin/python3"
LOW = ("informational", "low")
LOW_AT_MOST = 3
WEB_SHELL = {"TRC-101 stdio over socket", "TRC-1015 hidden executable created",
             "TRC-1027 scheduled task changed", "dropped script stays or steals"}


def script(name):
    return os.path.join(SCRIPTS, name + ".py")


def options(name):
    """How a script wants to be recorded: its line "# record:"."""
    with open(script(name), encoding="utf-8") as text:
        return re.search(r"^# record:(.*)$", text.read(), re.M).group(1).split()


def cases(name):
    lines = suite.run([PYTHON, "-BS", script(name), "--list"]).stdout.splitlines()
    return [json.loads(line) for line in lines]


def rules(name):
    """The rules of a pack, and the blocks that have steps of their own in each."""
    with open(os.path.join(PACKS, name + ".policy"), encoding="utf-8") as text:
        parts = re.split(r'^path "([^"]+)"', text.read(), flags=re.M)[1:]
    return {rule: re.findall(r'^\s*block "([^"]+)"', body, re.M)
            for rule, body in zip(parts[::2], parts[1::2])}


def replay(capture, *more):
    """What the packs find: a list, and what was said where it went wrong."""
    done = suite.run([suite.REEL, "replay", "--json", *more, "-r", PACKS, capture])
    if done.returncode not in (0, 1, 4):
        return None, suite.output(done)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [row for row in rows if is_finding(row)], suite.output(done)


def is_finding(row):
    return "finding" in row and not row.get("suppressed")


def shown(findings):
    return [f"{row['rule']}: {json.dumps(row)[:300]}" for row in findings]


class Packs(suite.Suite):
    def record(self, name, row):
        """A case on tape. None if it did not even run, which was said."""
        place = os.path.join(self.tmp, f"{name}-{row['case']}")
        os.makedirs(place + ".d")
        capture = place + ".reel"
        done = suite.record(capture, [PYTHON, "-BS", script(name), row["case"], place + ".d"],
                            *options(name), *row["record"].split())
        if done.returncode:
            self.say(False, f"{name} {row['case']} is recorded", suite.output(done))
            return None
        return capture

    def case(self, name, row):
        capture = self.record(name, row)
        if not capture:
            return
        found, said = replay(capture)
        if found is None:
            self.say(False, f"{name} {row['case']} is replayed", said)
            return
        hits = [f for f in found if f["rule"] == row["rule"]]
        if row["hit"]:
            by = f", by {row['block']}" if row["block"] else ""
            good = [f for f in hits if not row["block"] or row["block"] in f.get("blocks", [])]
            self.say(bool(good), f"{row['case']}: {row['rule']} fires{by}",
                     shown(hits or found) or said)
        else:
            self.say(not hits, f"{row['case']}: {row['rule']} is quiet", shown(hits))

    def tale(self, path):
        """A story that was made up: what takes too long to wait for."""
        name = os.path.basename(path)
        with open(path, encoding="utf-8") as text:
            rule = re.search(r"^# rule: (.*)$", text.read(), re.M).group(1)
        capture = os.path.join(self.tmp, name + ".reel")
        told = suite.run([TELL, "-o", capture, path])
        found, said = replay(capture) if not told.returncode else (None, suite.output(told))
        if found is None:
            self.say(False, f"{name} is told and replayed", said)
            return
        hits = [f for f in found if f["rule"] == rule]
        if name.endswith(".near.tale"):
            self.say(not hits, f"{name}: {rule} is quiet", shown(hits))
        else:
            self.say(bool(hits), f"{name}: {rule} fires", shown(found) or said)

    def web_shell(self):
        """The intrusion of samples/, which is to be found by these and no others."""
        found, said = replay(os.path.join(suite.SRC, "samples", "web-shell.rls"))
        loud = {f["rule"] for f in found or [] if f["severity"] not in LOW}
        self.say(loud == WEB_SHELL, "web-shell.rls: what the packs find", sorted(loud) + [said])

    def quiet(self, row):
        capture = self.record("quiet", row)
        if not capture:
            return
        found, said = replay(capture)
        if found is None:
            self.say(False, f"quiet {row['case']} is replayed", said)
            return
        counts = collections.Counter(f["severity"] for f in found)
        loud = [f for f in found if f["severity"] not in LOW]
        text = ", ".join(f"{n} {severity}" for severity, n in sorted(counts.items())) or "nothing"
        self.say(not loud, f"quiet {row['case']}: no finding above low", shown(loud))
        self.say(counts["low"] <= LOW_AT_MOST, f"quiet {row['case']}: few that are low",
                 shown(f for f in found if f["severity"] == "low"))
        print(f"# {row['case']}: {text}")
        for rule, n in sorted(collections.Counter(f["rule"] for f in found).items()):
            print(f"#   {n} x {rule}")

    def complete(self, name, wanted):
        """Every rule has a case on either side, and every block of a rule a case that goes through it."""
        complaints = []
        for rule, blocks in rules(name).items():
            mine = [row for row in wanted if row["rule"] == rule]
            for hit in (True, False):
                if not any(row["hit"] == hit for row in mine):
                    complaints.append(f"{rule}: no {'technique' if hit else 'near miss'}")
            complaints += [f"{rule}: nothing goes through {block}" for block in blocks
                           if not any(row["block"] == block for row in mine)]
        complaints += [f"{row['case']}: no rule {row['rule']}" for row in wanted
                       if row["rule"] not in rules(name)]
        with open(os.path.join(PACKS, "README.md"), encoding="utf-8") as text:
            told = text.read()
        complaints += [f"{row['case']}: not in README.md" for row in wanted
                       if f"`{row['case']}`" not in told]
        self.none(f"{name}.policy: a technique for each block of each rule, and a near miss",
                  complaints)


def main():
    t = Packs()
    words = sys.argv[1:]

    def chosen(row):
        return not words or any(w in row["case"] or w in row["rule"] for w in words)

    for path in sorted(glob.glob(os.path.join(SCRIPTS, "*.tale"))):
        if not words or "tale" in words:
            t.tale(path)
    if not words or "web-shell" in words:
        t.web_shell()
    t.need_recorder()
    # Of near misses every day a half, and the other half the next time.
    near = [row["case"] for name in sorted(os.listdir(PACKS)) if name.endswith(".policy")
            and rules(name[:-7]) for row in cases(name[:-7]) if not row["hit"]]
    left_out = () if os.environ.get("REEL_TRUST") else set(near[time.time_ns() // 1000 % 2::2])
    names = sorted(os.path.basename(p)[:-7] for p in glob.glob(os.path.join(PACKS, "*.policy")))
    for name in names:
        if not rules(name):
            continue
        rows = cases(name)
        if not words:
            t.complete(name, rows)
        for row in filter(chosen, rows):
            if row["hit"] or words or row["case"] not in left_out:
                t.case(name, row)
    for row in cases("quiet"):
        if not words or "quiet" in words or row["case"] in words:
            t.quiet(row)
    t.done()


main()
