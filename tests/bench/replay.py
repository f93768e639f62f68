#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Replaying rules over captures, measured on this machine in one run: `make bench-replay`.

	replay.py [EVENTS [RUNS]]		50M (REEL_BENCH_EVENTS) and 3

Each figure is the median of its runs, beside its budget. Misses are marked, not hidden, and make the
exit status 1; with BOUNDS=generous only what is far off does (a busy machine must not fail a test).
Events per second of a core are by CPU time, user's and system's together.
"""

import collections
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
BENCH = os.environ.get("BENCH", os.path.join(SRC, ".output", "bench"))
FOREIGN = os.environ.get("REEL_FOREIGN_RULES", os.path.join(SRC, os.pardir, "shared", "rules"))
PLANTED = os.path.join(SRC, "tests", "bench", "planted.policy")
GENEROUS = os.environ.get("BOUNDS") == "generous"
UNITS = {"K": 10 ** 3, "M": 10 ** 6, "G": 10 ** 9}

# What ExecRay's documents say, by number of policies: latency of an event, memory, compile time.
EXECRAY = {1: (1.2, 2.1, 15), 10: (2.3, 8.7, 89), 50: (4.1, 31.4, 234), 100: (6.8, 58.9, 467),
           250: (12.4, 142.3, 1123), 500: (23.7, 287.6, 2456)}

Run = collections.namedtuple("Run", "cpu_s wall_s rss_mb own_mb output")

missed = False


def count_of(text):
    return int(float(text.rstrip("KMG")) * UNITS.get(text[-1], 1))


def own_memory_kb(pid):
    """What is not a file's, now."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            found = re.search(r"^RssAnon:\s*(\d+)", f.read(), re.M)
    except OSError:
        return 0
    return int(found.group(1)) if found else 0


def measure(argv, runs=1):
    """The median of each figure; output of the last. own_mb is what is not mapped of the capture."""
    all_runs = []
    for _ in range(runs):
        begun = time.monotonic()
        own_kb, ended = 0, 0
        with tempfile.TemporaryFile() as out:
            child = subprocess.Popen(argv, stdout=out)
            while not ended:
                ended, status, used = os.wait4(child.pid, os.WNOHANG)
                own_kb = max(own_kb, own_memory_kb(child.pid))
                time.sleep(0.01)
            wall_s = time.monotonic() - begun
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode not in (0, 1, 4):
                sys.exit(f"{argv}: {child.returncode}")
            out.seek(0)
            output = out.read()
        all_runs.append(Run(used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss / 1024,
                            own_kb / 1024, output))
    middle = [statistics.median(r[i] for r in all_runs) for i in range(4)]
    return Run(*middle, all_runs[-1].output)


def figure(what, value, unit, how, budget, generous):
    global missed
    bound = generous if GENEROUS else budget
    holds = value <= bound if how == "max" else value >= bound
    missed |= not holds
    print(f"{what:<52} {value:>10.2f} {unit:<10} {how} {bound}: {'holds' if holds else 'MISSED'}",
          flush=True)


def compile_ms(policy):
    done = subprocess.run([os.path.join(BENCH, "rules_bench"), policy], check=True,
                          capture_output=True, text=True)
    return float(re.search(r"rules: ([0-9.]+) ms", done.stdout).group(1))


def replay(capture, policy, threads, runs):
    return measure([REEL, "replay", "--json", f"-j{threads}", "-r", policy, capture], runs)


def make_policies(directory, n):
    path = os.path.join(directory, f"{n}.policy")
    with open(path, "wb") as f:
        subprocess.run([sys.executable, os.path.join(SRC, "tests", "bench", "make_policies.py"),
                        str(n)], check=True, stdout=f)
    return path


def by_policies(directory, capture, events, runs):
    """Throughput, memory and compile time by number of policies."""
    print(f"{'':10}{'one core':>10}{'wall':>10}{'memory':>10}{'compile':>10}{'each':>9}"
          f"{'findings':>10}   ExecRay: {'an event':>9}{'memory':>9}{'compile':>10}")
    results = {}
    for n, (latency, memory, compiled) in EXECRAY.items():
        policy = make_policies(directory, n)
        r = replay(capture, policy, 1, runs)
        ms = compile_ms(policy)
        found = r.output.count(b'{"finding"')
        results[n] = (r, ms)
        print(f"{n:>4} rules{events / r.cpu_s / 1e6:>8.2f} M/s{events / r.wall_s / 1e6:>6.2f} M/s"
              f"{r.own_mb:>7.1f} MB{ms:>7.2f} ms{1000 * ms / n:>6.1f} us{found:>10}"
              f"{'':13}{latency:>6.1f} ms{memory:>6.1f} MB{compiled:>7} ms", flush=True)
    return results


def without_names(directory):
    """The policies of 100 that ask nothing of a descriptor: each event that names a file is looked
    at for those that do."""
    with open(os.path.join(directory, "100.policy"), encoding="utf-8") as f:
        paths = f.read().split("\n\n")
    path = os.path.join(directory, "rest.policy")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n\n".join(p for p in paths if "write {" not in p))
    return path


def planted(directory, capture, truth, events):
    with open(truth, encoding="utf-8") as f:
        plants = [j for j in map(json.loads, f) if "plant" in j]
    r = replay(capture, PLANTED, 1, 1)
    found = [json.loads(line) for line in r.output.splitlines() if line.startswith(b'{"finding"')]
    steps = {(s["cpu"], s["seq"]) for p in plants for s in p["steps"]}
    ids = [tuple(map(int, e["event"]["id"].split("-")[1:])) for f in found for e in f["evidence"]]
    print(f"{'planted sequences: found, of, events of no plant':<52} {len(found):>10} {len(plants)}, "
          f"{sum(i not in steps for i in ids)}; at {events / r.cpu_s / 1e6:.2f} M/s a core")
    global missed
    missed |= len(found) != len(plants) or any(i not in steps for i in ids)


def storms(directory, processes, tokens):
    """What a storm of processes, and one of half matches, takes."""
    for what, n, bound in (("forks", processes, 3000), ("tokens", tokens, 2000)):
        capture, policy = os.path.join(directory, what), os.path.join(directory, what + ".policy")
        storm = os.path.join(BENCH, "storm")
        with open(policy, "wb") as f:
            subprocess.run([storm, "--rules", what], check=True, stdout=f)
        subprocess.run([storm, "-o", capture, "-n", str(n), what], check=True)
        r = replay(capture, policy, 1, 1)
        summary = json.loads(r.output.splitlines()[-1])["summary"]
        figure(f"{n} {what}: peak memory", r.own_mb, "MB", "max", bound, bound)
        print(f"{'':52} {summary['evicted_tokens']} tokens and {summary['evicted_processes']} "
              f"processes evicted, {r.cpu_s:.1f} s")
        shutil.rmtree(capture)


def count_findings(run):
    return run.output.count(b'{"finding"')


def of_others(directory, capture, events, runs):
    """All Sigma and Falco files of ../shared/rules, together: on what gen makes, and where each string
    is new."""
    rules = [os.path.join(FOREIGN, d) for d in ("sigma", "falco")]
    if not all(os.path.isdir(r) for r in rules):
        print(f"# {FOREIGN} is not there: nothing of Sigma and Falco is measured")
        return
    options = [word for r in rules for word in ("-r", r)]
    for r in rules:
        ms = 1000 * measure([REEL, "rules", "-q", r], 5).wall_s
        print(f"{'reel rules of ' + os.path.basename(r):<52} {ms:>10.2f} ms")
    empty = os.path.join(directory, "empty")
    subprocess.run([os.path.join(BENCH, "tell"), "-o", empty], input=b"0 1 process exe=/sbin/init\n",
                   check=True)
    began = measure([REEL, "replay", "--json", "-j1", *options, empty], 5)
    print(f"{'reel replay of nothing with all of them':<52} {1000 * began.wall_s:>10.2f} ms")
    r = measure([REEL, "replay", "--json", "-j1", *options, capture], runs)
    figure("replay, all of Sigma and Falco, a core", events / r.cpu_s / 1e6, "M/s", "min", 5, 0.3)
    print(f"{'':52} {count_findings(r):>10} findings, {r.own_mb:.1f} MB")
    fresh = os.path.join(directory, "fresh")
    n = max(events // 5, 1000)
    subprocess.run([os.path.join(BENCH, "storm"), "-o", fresh, "-n", str(n), "strings"], check=True)
    r = measure([REEL, "replay", "--json", "-j1", *options, fresh], runs)
    figure("the same, where every string is new", n / r.cpu_s / 1e6, "M/s", "min", 1, 0.1)
    print(f"{'':52} {count_findings(r):>10} findings, {r.own_mb:.1f} MB")
    shutil.rmtree(fresh)


def main(argv):
    text = argv[0] if argv else os.environ.get("REEL_BENCH_EVENTS", "50M")
    events, runs = count_of(text), int(argv[1]) if len(argv) > 1 else 3
    print(f"# {text} events, {runs} runs; {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as d:
        capture, truth = os.path.join(d, "capture"), os.path.join(d, "truth")
        subprocess.run([os.path.join(BENCH, "gen"), "-o", capture, "-n", text, "-s", "1", "--rate",
                        "13900", "--batch", "4000000", "--in-line", "--no-sync", "--truth", truth],
                       check=True, stdout=subprocess.DEVNULL)
        replay(capture, PLANTED, 1, 1)          # from here on it lies in memory
        results = by_policies(d, capture, events, runs)
        one, ms = results[100]
        figure("replay, 100 policies, a core", events / one.cpu_s / 1e6, "M/s", "min", 10, 0.5)
        r = replay(capture, without_names(d), 1, runs)
        print(f"{'the same but for those that ask how files are called':<52} "
              f"{events / r.cpu_s / 1e6:>10.2f} M/s, {r.rss_mb:.0f} MB with the capture")
        two = replay(capture, os.path.join(d, "100.policy"), 2, runs)
        print(f"{'the same on two threads, against one':<52} {one.wall_s / two.wall_s:>10.2f} x, "
              f"{events / two.wall_s / 1e6:.2f} M/s, {two.rss_mb:.0f} MB")
        if two.output != one.output:
            sys.exit("one thread and two do not say the same")
        figure("compile, a policy of 100", 10 * ms, "us", "max", 20, 200)
        figure("compile, 500 policies", results[500][1], "ms", "max", 50, 500)
        planted(d, capture, truth, events)
        of_others(d, capture, events, runs)
        storms(d, max(events // 5, 1000), max(events // 10, 1000))
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
