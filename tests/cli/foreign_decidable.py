#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
"""The given rules of Sigma and Falco load, and each is as decidable as it was found to be when they
were read one by one (detection, 1.4 and 2.4): the tables are here.

The rules are those of ../shared/rules (REEL_FOREIGN_RULES: elsewhere). How many there should be of a
class is asked where all 248 are there.
"""

import collections
import glob
import json
import os
import subprocess
import sys

import yaml

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
RULES = os.environ.get("REEL_FOREIGN_RULES", os.path.join(SRC, os.pardir, "shared", "rules"))

# Class of a Sigma rule: how many of the 248, the status, whether a reason is told with it.
SIGMA = {
    "process_creation": (144, "loaded", False),
    "file_event": (18, "loaded", False),
    "network_connection by address or port": (2, "loaded", False),
    "network_connection by name": (3, "loaded", False),
    "auditd": (49, "loaded", False),
    "auditd, partly of logs": (2, "loaded", True),
    "auditd by a key and a program": (1, None, True),
    "auditd, of no event": (2, "not evaluable", True),
    "texts of any event": (16, "loaded", True),
    "lines of logs": (11, "not evaluable", True),
    "unsupported": (None, "rejected", True),
    "set aside as unsupported": (None, "not evaluable", True),
}
# Two more of the 16 without category and service are asked of texts, though only logs have them.
FALCO = {       # by name of the rule; what is not named here is decidable
    "Network Connection outside Local Subnet": "Kubernetes",
}
# What only the runtime of a container says, and its keyframe keeps: decidable where it was there.
RUNTIME = ("Debugfs Launched in Privileged Container", "Launch Privileged Container",
           "Mount Launched in Privileged Container", "Launch Sensitive Mount Container")

number = failed = 0


def check(name, wrong):
    global number, failed
    number += 1
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    for w in wrong[:40]:
        print(f"# {w}")
    failed += bool(wrong)


def fields_of(part):
    if isinstance(part, dict):
        return {k.split("|")[0] for k in part if k and not k.startswith("|")}
    if isinstance(part, list):
        return set().union(*[fields_of(p) for p in part]) if part else set()
    return set()


def values_of(part, field):
    parts = part if isinstance(part, list) else [part]
    out = []
    for p in parts:
        if isinstance(p, dict):
            for key, v in p.items():
                if key.split("|")[0] == field:
                    out += [str(x) for x in (v if isinstance(v, list) else [v])]
    return out


def class_of(path, doc):
    source = doc.get("logsource", {})
    parts = {k: v for k, v in doc["detection"].items() if k != "condition"}
    fields = set().union(*[fields_of(p) for p in parts.values()])
    if doc.get("status") == "unsupported":
        return "unsupported"
    if os.sep + "unsupported" + os.sep in path:
        return "set aside as unsupported"
    if source.get("category") == "network_connection":
        return "network_connection by " + ("name" if "DestinationHostname" in fields else
                                           "address or port")
    if source.get("category"):
        return source["category"]
    if source.get("service") == "auditd":
        types = {t.upper() for p in parts.values() for t in values_of(p, "type")}
        if "key" in fields:
            return "auditd by a key and a program" if "exe" in fields else "auditd, of no event"
        if types & {"SERVICE_STOP"}:
            return "auditd, of no event"
        return "auditd, partly of logs" if types & {"TTY", "ADD_USER"} else "auditd"
    return "lines of logs" if source.get("service") else "texts of any event"


def statuses(path):
    done = subprocess.run([REEL, "rules", "--json", path], capture_output=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, [r for r in rows if "status" in r]


def sigma():
    status, rows = statuses(os.path.join(RULES, "sigma"))
    told = {os.path.realpath(r["file"]): r for r in rows}
    files = glob.glob(os.path.join(RULES, "sigma", "**", "*.yml"), recursive=True)
    check("reel rules takes all files of Sigma", [] if status == 0 else [f"status {status}"])
    wrong, counts = [], collections.Counter()
    for path in sorted(files):
        with open(path, encoding="utf-8") as f:
            doc = yaml.safe_load(f)
        kind = class_of(path, doc)
        counts[kind] += os.sep + "deprecated" + os.sep not in path
        _, expected, has_reason = SIGMA[kind]
        row = told.get(os.path.realpath(path))
        if row is None:
            wrong.append(f"{path}: nothing is said of it")
        elif expected and row["status"] != expected:
            wrong.append(f"{path}: {row['status']} ({row.get('reason')}), and is {kind}: {expected}")
        elif has_reason and not row.get("reason"):
            wrong.append(f"{path}: no reason, and is {kind}")
        elif row["status"] != "loaded" and not row.get("reason"):
            wrong.append(f"{path}: {row['status']} without a reason")
    check(f"each of {len(files)} rules of Sigma is loaded, rejected or not evaluable as it should be",
          wrong)
    for kind, n in counts.items():
        print(f"# {n:4} of {SIGMA[kind][0] or '-':>4} {kind}")
    total = sum(n for kind, n in counts.items() if "unsupported" not in kind)
    check("there are no more of a class than were counted",
          [f"{kind}: {counts[kind]}" for kind, (n, _, _) in SIGMA.items()
           if n is not None and (counts[kind] > n or total == 248 and counts[kind] != n)])


def falco():
    wrong = []
    for path in sorted(glob.glob(os.path.join(RULES, "falco", "*.yaml"))):
        with open(path, encoding="utf-8") as f:
            names = [i["rule"] for i in yaml.safe_load(f) if "rule" in i]
        status, rows = statuses(path)
        told = {r.get("title"): r for r in rows}
        wrong += [] if status == 0 else [f"{path}: status {status}"]
        for name in names:
            row, reason = told.get(name), FALCO.get(name)
            if row is None:
                wrong.append(f"{name}: nothing is said of it")
            elif reason and (row["status"] != "not evaluable" or reason not in row.get("reason", "")):
                wrong.append(f"{name}: {row['status']}: {row.get('reason')}, not {reason}")
            elif not reason and row["status"] != "loaded" and name not in RUNTIME:
                wrong.append(f"{name}: {row['status']}: {row.get('reason')}")
        check(f"each of {len(names)} rules of {os.path.basename(path)} is as decidable as it should be",
              wrong)


def main():
    if not os.path.isdir(os.path.join(RULES, "sigma")) or not os.path.isdir(os.path.join(RULES, "falco")):
        if os.environ.get("CI") == "true":
            check("the given rules are there", [f"{RULES} has none"])
        else:
            print(f"ok 1 - the given rules # SKIP {RULES} is not there")
        return number and failed
    sigma()
    falco()
    print(f"1..{number}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
