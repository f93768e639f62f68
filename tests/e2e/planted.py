#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What gen plants is found, all of it and nothing else: each finding's evidence are steps of one plant.
Where events were lost a rule that does not find it must be blind at that moment.

	planted.py [EVENTS [PLANTS]]
"""

import json
import os
import subprocess
import sys
import tempfile

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
BENCH = os.environ.get("BENCH", os.path.join(SRC, ".output", "bench"))
RULES = os.path.join(SRC, "tests", "bench", "planted.policy")

number = failed = 0


def check(name, wrong):
    global number, failed
    number += 1
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    for w in wrong[:20]:
        print(f"# {w}")
    failed += bool(wrong)


def read_truth(path):
    """By number of the plant: its kind, its steps as CPU and seq, and when it ends."""
    plants = {}
    with open(path, encoding="utf-8") as f:
        for j in map(json.loads, f):
            if "plant" in j:
                plants[j["plant"]] = (j["name"], {(s["cpu"], s["seq"]) for s in j["steps"]}, j["last"])
    return plants


def evidence_ids(finding):
    """What a finding rests on, as CPU and seq."""
    for e in finding["evidence"]:
        _, cpu, seq = e["event"]["id"].split("-")
        yield int(cpu), int(seq)


def compare(plants, findings, verdicts):
    of_step = {step: n for n, (_, steps, _) in plants.items() for step in steps}
    found, wrong = {}, []
    for f in findings:
        ids = set(evidence_ids(f))
        whose = {of_step.get(i) for i in ids}
        if None in whose or len(whose) != 1:
            wrong.append(f"{f['rule']} at {f['time']} rests on {sorted(ids)}: of plants {whose}")
            continue
        plant = whose.pop()
        if plants[plant][0] != f["rule"]:
            wrong.append(f"{f['rule']} found in plant {plant}, which is {plants[plant][0]}")
        found[plant] = found.get(plant, 0) + 1
    for n, (name, _, last) in plants.items():
        blind = verdicts[name]["intervals"]
        if n not in found and not any(i["from_ts"] <= last <= i["to_ts"] for i in blind):
            wrong.append(f"plant {n}, {name}: not found")
    wrong += [f"plant {n} found {times} times" for n, times in found.items() if times > 1]
    return wrong


def main(argv):
    events, plants = argv[0] if argv else "2M", argv[1] if len(argv) > 1 else "16"
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMP")) as d:
        for name, options in (("", ()), (", with losses", ("--loss",)),
                              (", with steps of the clock", ("--clock-steps", "--rate", "10000"))):
            capture, truth = os.path.join(d, "capture"), os.path.join(d, "truth")
            subprocess.run(["rm", "-rf", capture], check=True)
            subprocess.run([os.path.join(BENCH, "gen"), "-o", capture, "-n", events, "--plants",
                            plants, "--truth", truth, "--no-sync", *options], check=True,
                           stdout=subprocess.DEVNULL)
            done = subprocess.run([REEL, "replay", "--all", "--json", "-r", RULES, capture],
                                  capture_output=True, check=False)
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            wrong = [] if done.returncode == 1 else [f"status {done.returncode}",
                                                     done.stderr.decode(errors="replace")]
            told = read_truth(truth)
            verdicts = {j["rule"]: j for j in lines if "verdict" in j}
            findings = [j for j in lines if "finding" in j]
            check(f"{len(told)} plants are found and nothing else{name}",
                  wrong + compare(told, findings, verdicts))
            # As the folds of reads and writes make that rule blind from end to end, it is counted.
            check(f"each kind's verdict is hit{name}",
                  [f"{rule}: {v['verdict']}" for rule, v in verdicts.items() if v["verdict"] != "hit"] +
                  ([] if len(verdicts) == 8 else ["there are not eight rules"]) +
                  ([] if "--loss" in options or len(findings) == len(told) else
                   [f"{len(findings)} findings"]))
    print(f"1..{number}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
