# SPDX-License-Identifier: BSD-2-Clause
"""Holds what a trap program expected (see expect.h) against the events of a capture."""

import json
import re


class Events:
    """Those of a capture, by type and process, since nearly every expectation names both."""

    def __init__(self, events):
        self.all, self.by_type, self.by_both = [], {}, {}
        for e in events:
            self.all.append(e)
            self.by_type.setdefault(e["type"], []).append(e)
            self.by_both.setdefault((e["type"], e["pid"]), []).append(e)

    def near(self, want):
        if "type" not in want:
            return self.all
        if "pid" not in want:
            return self.by_type.get(want["type"], [])
        return self.by_both.get((want["type"], want["pid"]), [])


def holds(event, key, value):
    if key.endswith("!"):
        return key[:-1] not in event
    if key.endswith("~"):
        return re.fullmatch(value, str(event.get(key[:-1])), re.S) is not None
    return key in event and event[key] == value


def misses(event, want):
    return [k for k, v in want.items() if not holds(event, k, v)]


def short(event):
    text = json.dumps(event)
    return text if len(text) < 900 else text[:900] + "..."


def complaint(expected, events):
    """None, or what is wrong: the nearest events, and in which fields they differ."""
    want = expected["want"]
    near = events.near(want)
    found = [e for e in near if not misses(e, want)]
    count = expected.get("count")
    if len(found) == count or (count is None and found):
        return None
    lines = [f"line {expected['line']}: {len(found)}, not {'any' if count is None else count}: "
             f"{json.dumps(want)}"]
    if count is None or len(found) < count:
        others = sorted((e for e in near if misses(e, want)), key=lambda e: len(misses(e, want)))
        for e in others[:2]:
            wrong = ", ".join(f"{k.rstrip('~!')}={e.get(k.rstrip('~!'))!r}"
                              for k in misses(e, want))
            lines.append(f"    nearest has {wrong}: {short(e)}")
        if not near:
            lines.append("    there is no event of this type and process")
    else:
        lines += [f"    {short(e)}" for e in found[:3]]
    return lines


def check(text, events):
    """(case, complaints, reason to skip) for each case in what the trap program printed."""
    cases = {}
    for line in text.splitlines():
        row = json.loads(line)
        cases.setdefault(row["case"], []).append(row)
    for case, rows in cases.items():
        complaints, skip, checked = [], None, 0
        for row in rows:
            if "broken" in row:
                complaints.append(f"the trap itself failed: {row['broken']}")
            elif "skip" in row:
                skip = row["skip"]
            else:
                checked += 1
                complaints += complaint(row, events) or []
        if not checked and not skip and not complaints:
            complaints.append("nothing was expected")
        yield case, complaints, skip
