#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fuzzers at work for so many seconds of CPU time each, as many at once as there are CPUs.

	long.py SECONDS FUZZER...	programs in .output/fuzz, by name

Of CPU time, so that it is as much on a busy machine; by the scheduler's idle policy, so that nobody
else notices. What was found stays in .output/fuzz/corpus, and the next run goes on with it. SIGINT
ends a fuzzer early, and is told. Results go to the file REEL_TRIES too, for tests/trust.
"""

import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = os.path.abspath(os.path.join(HERE, "..", "..", ".output", "fuzz"))
TICKS = os.sysconf("SC_CLK_TCK")
INPUTS = re.compile(r"^stat::number_of_executed_units: +(\d+)", re.M)
NEVER_S = 10**6
# By the clock, of one input: on a machine that has no time left for fuzzers.
INPUT_S = 100
MEMORY_MIB = 2048
INTERRUPTED = 72  # libFuzzer's status after SIGINT

sys.path.insert(0, os.path.join(HERE, "..", "crash"))
sys.dont_write_bytecode = True

import tries  # noqa: E402


def cpu_s(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    except (OSError, IndexError):
        return 0


class Fuzzer:
    def __init__(self, name):
        self.name, self.spent_s = name, 0
        corpora = [os.path.join(BUILT, "corpus", name), os.path.join(HERE, "corpus", name)]
        for directory in corpora:
            os.makedirs(directory, exist_ok=True)
        self.log = os.path.join(BUILT, f"{name}.log")
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                [os.path.join(BUILT, name), f"-max_total_time={NEVER_S}", f"-timeout={INPUT_S}",
                 f"-rss_limit_mb={MEMORY_MIB}", f"-artifact_prefix={BUILT}/{name}-",
                 "-print_final_stats=1", "-verbosity=0", *corpora],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)))

    def has_ended(self, seconds):
        if self.process.poll() is not None:
            return True
        self.spent_s = cpu_s(self.process.pid) or self.spent_s
        if self.spent_s >= seconds:
            self.process.send_signal(signal.SIGINT)
        return False

    def tell(self):
        """True: nothing was found."""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            said = f.read()
        found = INPUTS.search(said)
        inputs, broken = int(found[1]) if found else 0, self.process.returncode != INTERRUPTED
        tries.tell("fuzz", self.name, "", inputs, int(broken), 0, cpu_s=round(self.spent_s))
        if broken:
            lines = [line for line in said.splitlines() if "NEW_FUNC" not in line]
            print("\n".join(lines[-30:]), file=sys.stderr)
        return not broken and inputs > 0


def main():
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    seconds, names, running, well = int(sys.argv[1]), sys.argv[2:], [], True
    try:
        while names or running:
            while names and len(running) < len(os.sched_getaffinity(0)):
                running.append(Fuzzer(names.pop(0)))
            time.sleep(min(1, seconds / 4))
            for fuzzer in [f for f in running if f.has_ended(seconds)]:
                running.remove(fuzzer)
                well = fuzzer.tell() and well
    finally:
        for fuzzer in running:
            fuzzer.process.send_signal(signal.SIGINT)
            fuzzer.process.wait()
            fuzzer.tell()
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
