#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Storms of processes and of half matches: a replay stays within its memory, and says what it forgot."""

import json
import os
import subprocess
import sys
import tempfile

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
STORM = os.path.join(os.environ.get("BENCH", os.path.join(SRC, ".output", "bench")), "storm")
PROCESSES = 300_000

number = failed = 0


def check(name, holds, detail=""):
    global number, failed
    number += 1
    print(f"{'ok' if holds else 'not ok'} {number} - {name}")
    if not holds:
        print(f"# {detail}")
        failed += 1


def replay(directory, what, *options):
    """(lines by rule, summary, peak memory in MB)"""
    argv = [REEL, "replay", "--json", "-j1", "-r", os.path.join(directory, what + ".policy"), *options,
            os.path.join(directory, what)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as child:
        output = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    lines = [json.loads(line) for line in output.splitlines()]
    verdicts = {j["rule"]: j for j in lines if "verdict" in j}
    return verdicts, lines[-1]["summary"], used.ru_maxrss / 1024


def is_evicted(verdict):
    return any(i["reason"] == "evicted" for i in verdict["intervals"])


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMP")) as d:
        for what in ("forks", "tokens"):
            with open(os.path.join(d, what + ".policy"), "wb") as f:
                subprocess.run([STORM, "--rules", what], check=True, stdout=f)
            subprocess.run([STORM, "-o", os.path.join(d, what), "-n", str(PROCESSES), what], check=True)

        verdicts, summary, mb = replay(d, "forks")
        check(f"{PROCESSES} processes take 2.5 KB each at most", mb < PROCESSES * 2.5 / 1024, f"{mb} MB")
        check("those that are forgotten of a key are counted", summary["evicted_tokens"] >
              PROCESSES * 0.9, summary)
        check("and make the rule blind", is_evicted(verdicts["by name"]), verdicts["by name"])
        check("but no other", verdicts["last"]["verdict"] == "clean", verdicts["last"])
        # Chains are longer than anybody looks up: that is said.
        check("ancestors that are too far up are not guessed",
              verdicts["by ancestor"]["verdict"] == "clean except", verdicts["by ancestor"])

        for limit in (1000, 20000):
            verdicts, summary, mb = replay(d, "tokens", "--max-state", str(limit))
            check(f"--max-state {limit}: tokens of processes are thrown away, and it is said",
                  is_evicted(verdicts["by process"]), verdicts["by process"])
            check(f"--max-state {limit}: they are counted",
                  summary["evicted_tokens"] >= PROCESSES - limit, summary)
            check(f"--max-state {limit}: and no memory is kept", mb < 300, f"{mb} MB")
        verdicts, summary, mb = replay(d, "tokens")
        check("without a limit in the way nothing of processes is thrown away",
              verdicts["by process"]["verdict"] == "clean", verdicts["by process"])
        check(f"{PROCESSES} tokens take 1.5 KB each at most", mb < PROCESSES * 1.5 / 1024, f"{mb} MB")
    print(f"1..{number}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
