#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The policies of POLICIES.md, run slowly:  reference.py RULES... < events.json

Events are the lines of `reel dump --json`. A line of JSON for each finding, then one for each
verdict.
"""

import json
import sys

from machine import Event, Machine
from policy import load
from sequence import run
from text import PolicyError
from verdict import verdicts


def read_events(lines):
    out = []
    for line in lines:
        if line.strip():
            out.append(Event(len(out), json.loads(line)))
    return out


def replay(rules, tunes, events):
    """(findings as JSON has them, verdicts)"""
    machine = Machine()
    blind = {}
    found, _ = run(rules, tunes, events, machine, blind)
    base = min((e.ts for e in events), default=0)
    out = []
    for f in found:
        j = {"finding": f.rule.name, "ts": f.ts, "time_s": (f.ts - base) / 1e9,
             "evidence": f.evidence, "blocks": f.blocks, "way": f.way}
        if getattr(f, "tuned", None):
            j["suppressed"] = True
        if f.despite:
            j["despite"] = list(f.despite)
        out.append(j)
    return out, verdicts(rules, events, out, blind)


def main(argv):
    try:
        rules, tunes = load(argv[1:])
    except PolicyError as e:
        print(e, file=sys.stderr)
        return 2
    found, judged = replay(rules, tunes, read_events(sys.stdin.buffer))
    for j in found + judged:
        print(json.dumps(j))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
