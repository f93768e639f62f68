# SPDX-License-Identifier: BSD-2-Clause
"""Rules: what they cost by their number, how soon they find, and all that others have written."""

import collections
import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time

import results

NAME = "rules"
TITLE = "Rules"
QUICK = True

# What ExecRay's documents say, by number of policies: ms until found, MB, ms to compile.
EXECRAY = {
    1: (1.2, 2.1, 15),
    10: (2.3, 8.7, 89),
    50: (4.1, 31.4, 234),
    100: (6.8, 58.9, 467),
    250: (12.4, 142.3, 1123),
    500: (23.7, 287.6, 2456),
}
MILLION = 1_000_000

Run = collections.namedtuple("Run", "cpu_s wall_s own_mib lines")

# Opens a file that a policy waits for, at times that no timer of the others has.
VICTIM = """\
import os, random, sys, time
random.seed(int(sys.argv[3]))
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    time.sleep(random.uniform(0.01, 0.05))
    os.close(os.open(sys.argv[1], os.O_RDONLY))
"""


def measured(ctx, argv, runs):
    """The median of each figure; what was said by the last."""
    all_runs, peak = [], [0]
    for _ in range(runs):
        done = ctx.cost(argv, sample=lambda pid: peak.append(results.own_kib(pid)))
        if done.status not in (0, 1, 4):
            raise RuntimeError(f"{argv}: {done.err.decode('utf-8', 'replace')}")
        all_runs.append(done)
    return Run(
        ctx.median([r.cpu_s for r in all_runs]),
        ctx.median([r.wall_s for r in all_runs]),
        max(peak) / 1024,
        all_runs[-1].out.splitlines(),
    )


def replay(ctx, capture, rules, threads=1, runs=3):
    options = [word for r in rules for word in ("-r", r)]
    return measured(
        ctx,
        [ctx.reel, "replay", "--json", f"-j{threads}", *options, capture],
        1 if ctx.quick else runs,
    )


def findings(run):
    return [line for line in run.lines if line.startswith(b'{"finding"')]


def compile_ms(ctx, *files):
    done = subprocess.run(
        [os.path.join(ctx.bench, "rules_bench"), *files],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(re.search(r"rules: ([0-9.]+) ms", done.stdout).group(1))


def by_number(ctx, capture, events):
    """Throughput, memory and compile time by number of policies."""
    rows, of, floor = [], {}, ctx.libzstd_ns(capture)
    for n, (_, memory, compiled) in EXECRAY.items():
        ctx.say(f"  {n} policies")
        policy = ctx.policies(n)
        of[n] = r = replay(ctx, capture, [policy])
        ms = compile_ms(ctx, policy)
        rows.append(
            [
                n,
                events / r.cpu_s / MILLION,
                r.cpu_s / events * 1e9,
                r.own_mib,
                ms,
                1000 * ms / n,
                len(findings(r)),
                "",
                memory,
                compiled,
            ]
        )
        if n == 100:
            ctx.check(
                "replay, 100 policies",
                events / r.cpu_s / MILLION,
                10,
                "M events/s a core",
                better="more",
                generous=0.5,
                floor=(1000 / floor, "libzstd alone"),
            )
            ctx.check(
                "replay, 100 policies: what reel adds to libzstd's share",
                r.cpu_s / events * 1e9 - floor,
                100,
                "ns an event",
                generous=1000,
            )
            ctx.check("compile, a policy of 100", 1000 * ms / n, 15, "us", generous=150)
        if n == 500:
            ctx.check("compile, 500 policies", ms, 10, "ms", generous=100)
    two = replay(ctx, capture, [ctx.policies(100)], threads=2)
    if two.lines != of[100].lines:
        raise RuntimeError("one thread and two do not say the same")
    return ctx.table(
        "By number of policies",
        [
            "policies",
            "M events/s a core",
            "CPU, ns an event",
            "MiB",
            "compile, ms",
            "us a policy",
            "findings",
            "ExecRay:",
            "MB",
            "compile, ms",
        ],
        rows,
        notes=[
            f"{events:,} events of the generator (README.md). By CPU time, on one thread; "
            "MiB is memory that is no file's.",
            f"Of that libzstd alone takes {floor:.1f} ns an event, to unpack the blocks "
            "(read_bench CAPTURE 3 libzstd-unpack).",
            f"100 policies on two threads take {of[100].wall_s / two.wall_s:.2f} times less "
            "than on one, by the clock, and say "
            "the same.",
        ],
        commands=[
            "make_policies.py N; rules_bench N.policy",
            "reel replay --json -j1 -r " "N.policy CAPTURE",
        ],
    )


def latencies(ctx, policy, seconds, seed):
    """From the event to the line that tells of it, in ms."""
    place = os.path.join(ctx.work, "live")
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    secret, capture, ready = os.path.join(place, "secret"), os.path.join(place, "tape"), os.pipe()
    for path, text in ((secret, ""), (os.path.join(place, "victim.py"), VICTIM)):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    with open(os.path.join(place, "secret.policy"), "w", encoding="utf-8") as f:
        f.write(f'path "secret" {{ by host; open {{ path == "{secret}" }} }}\n')
    victim = f"{sys.executable} {place}/victim.py {secret} {seconds} {seed}"
    crowd = f"{ctx.bench}/crowd file 50 10000 {seconds}"
    recorder = subprocess.Popen(
        [
            ctx.reel,
            "record",
            "-q",
            "-o",
            capture,
            "--ready-fd",
            str(ready[1]),
            "--",
            "/bin/sh",
            "-c",
            f"sleep 1; {crowd} & {victim}; wait",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[ready[1]],
    )
    os.close(ready[1])
    os.read(ready[0], 1)
    os.close(ready[0])
    found = []
    follower = subprocess.Popen(
        [
            ctx.reel,
            "replay",
            "--follow",
            "--json",
            "--all",
            "-r",
            policy,
            "-r",
            os.path.join(place, "secret.policy"),
            capture,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )

    def listen():
        for line in follower.stdout:
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            if line.startswith(b'{"finding"') and b'"rule":"secret"' in line:
                found.append((now - json.loads(line)["ts"]) / 1e6)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        recorder.wait(600)
        follower.wait(60)
    finally:
        # Both have ended by themselves, or should have.
        for child in (recorder, follower):
            child.terminate()
            child.wait()
        listener.join()
    return sorted(found)


def share(values, part):
    return values[min(len(values) - 1, int(part * len(values)))]


def following(ctx):
    rows, seconds, all_of_them = [], (2 if ctx.quick else max(3, round(6 * min(1, ctx.scale)))), []
    for n, (claimed, _, _) in EXECRAY.items():
        if ctx.quick and n != 100:
            continue
        ctx.say(f"  following, {n} policies")
        ms = latencies(ctx, ctx.policies(n), seconds, random.randrange(1 << 30))
        if not ms:
            raise RuntimeError("nothing was found while following")
        all_of_them += ms
        rows.append([n, len(ms), *(share(ms, p) for p in (0.5, 0.95, 0.99)), ms[-1], claimed])
    all_of_them.sort()
    ctx.check(
        "finding after its event, while following, p99",
        share(all_of_them, 0.99) / 1000,
        1,
        "s",
        generous=10,
    )
    return ctx.table(
        "Until it is found, while following",
        ["policies", "findings", "p50, ms", "p95, ms", "p99, ms", "most, ms", "ExecRay, ms"],
        rows,
        notes=[
            "From the time in the event to the moment at which the line of its "
            "finding is read. 10,000 events a second beside "
            "it. The recorder writes a block when it is full or 500 ms old "
            "(--latency), which is most of it: "
            "reel reads tapes, and stands in nobody's way."
        ],
        commands=[
            "reel record -o DIR -- ... & reel replay --follow --json --all " "-r N.policy DIR"
        ],
    )


def foreign(ctx):
    """All that there is: of others where it lies beside the project, else the samples."""
    given = os.environ.get(
        "REEL_FOREIGN_RULES", os.path.join(ctx.src, os.pardir, "shared", "rules")
    )
    places = [os.path.join(given, d) for d in ("sigma", "falco")]
    if all(os.path.isdir(p) for p in places):
        return places, True
    ctx.missing("all rules of Sigma and Falco", "they are not there; measured with the samples")
    return [os.path.join(ctx.src, "samples", d) for d in ("sigma", "falco")], False


def forget(paths):
    """What is read next comes from the disk."""
    for top in paths:
        for path in glob.glob(os.path.join(top, "**"), recursive=True):
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    os.fsync(f.fileno())
                    os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def of_others(ctx, capture, events):
    rows, (places, whole) = [], foreign(ctx)
    ctx.say("  rules of others")
    empty, fresh = (os.path.join(ctx.work, d) for d in ("empty", "fresh"))
    subprocess.run(
        [os.path.join(ctx.bench, "tell"), "-o", empty],
        input=b"0 1 process exe=/sbin/init\n",
        check=True,
    )
    for said, of in (
        (os.path.basename(places[0]), places[:1]),
        (os.path.basename(places[1]), places[1:]),
        ("both", places),
    ):
        n = (
            int(
                re.search(
                    r"\d+",
                    subprocess.run(
                        [os.path.join(ctx.bench, "rules_bench"), *of],
                        check=True,
                        stdout=subprocess.PIPE,
                        text=True,
                    ).stdout,
                )[0]
            )
            if said != "both"
            else sum(r[1] for r in rows)
        )
        forget(of)
        cold = measured(
            ctx,
            [ctx.reel, "replay", "--json", "-j1", *(w for p in of for w in ("-r", p)), empty],
            1,
        )
        warm = replay(ctx, empty, of, runs=5)
        rows.append([said, n, 1000 * cold.wall_s, 1000 * warm.wall_s, 1000 * warm.cpu_s])
    load = ctx.table(
        "Loading all of Sigma and Falco",
        ["rules of", "rules", "cold, ms", "warm, ms", "warm, CPU ms"],
        rows,
        notes=[
            "reel replay of a capture of one event. Cold: the files come from "
            "the disk, first run; warm: the median of five."
        ],
        commands=["reel replay --json -j1 -r sigma -r falco EMPTY"],
    )
    n = max(events // 5, 1000)
    subprocess.run(
        [os.path.join(ctx.bench, "storm"), "-o", fresh, "-n", str(n), "strings"], check=True
    )
    known, new, rates = replay(ctx, capture, places), replay(ctx, fresh, places), []
    for said, r, of in (
        ("strings that come again (the generator)", known, events),
        ("each string is new", new, n),
    ):
        rates.append(
            [said, of, of / r.cpu_s / MILLION, r.cpu_s / of * 1e9, r.own_mib, len(findings(r))]
        )
    # Samples are few: of them no budget speaks.
    if whole:
        ctx.check(
            "replay, all of Sigma and Falco",
            rates[0][2],
            5,
            "M events/s a core",
            better="more",
            generous=0.3,
            floor=(1000 / ctx.libzstd_ns(capture), "libzstd alone"),
        )
        ctx.check(
            "the same, where every string is new",
            rates[1][2],
            1,
            "M events/s a core",
            better="more",
            generous=0.1,
        )
    shutil.rmtree(fresh)
    return [
        load,
        ctx.table(
            "All of Sigma and Falco together",
            ["capture", "events", "M events/s a core", "CPU, ns an event", "MiB", "findings"],
            rates,
            notes=[
                "Warm: what a string is to the rules is remembered. Cold: "
                "in each event is one that was not seen before."
            ],
            commands=["reel replay --json -j1 -r sigma -r falco CAPTURE"],
        ),
    ]


def planted(ctx, capture, truth, events):
    """Those that gen has hidden are found, and nothing else is."""
    with open(truth, encoding="utf-8") as f:
        plants = [j for j in map(json.loads, f) if "plant" in j]
    r = replay(ctx, capture, [os.path.join(ctx.src, "tests", "bench", "planted.policy")], runs=1)
    steps = {(s["cpu"], s["seq"]) for p in plants for s in p["steps"]}
    found = [json.loads(line) for line in findings(r)]
    ids = [tuple(map(int, e["event"]["id"].split("-")[1:])) for f in found for e in f["evidence"]]
    wrong = sum(i not in steps for i in ids)
    ctx.check(
        "planted sequences that were not found, and events that are of none",
        abs(len(found) - len(plants)) + wrong,
        0,
        "",
        generous=0,
    )
    return ctx.table(
        "What was planted",
        ["sequences", "found", "events of none", "M events/s a core"],
        [[len(plants), len(found), wrong, events / r.cpu_s / MILLION]],
        commands=["reel replay --json -j1 -r planted.policy CAPTURE"],
    )


def storms(ctx, processes, tokens):
    """What a storm of processes, and one of half matches, takes."""
    rows = []
    for what, n, bound in (("forks", processes, 2500), ("tokens", tokens, 1500)):
        capture, policy = os.path.join(ctx.work, what), os.path.join(ctx.work, what + ".policy")
        storm = os.path.join(ctx.bench, "storm")
        with open(policy, "wb") as f:
            subprocess.run([storm, "--rules", what], check=True, stdout=f)
        subprocess.run([storm, "-o", capture, "-n", str(n), what], check=True)
        r = replay(ctx, capture, [policy], runs=1)
        summary = json.loads(r.lines[-1])["summary"]
        ctx.check(f"memory in a storm of {what}", r.own_mib, bound, "MiB", generous=bound)
        rows.append(
            [what, n, r.own_mib, summary["evicted_tokens"], summary["evicted_processes"], r.cpu_s]
        )
        shutil.rmtree(capture)
    return ctx.table(
        "Storms",
        ["of", "how many", "MiB", "tokens evicted", "processes evicted", "CPU s"],
        rows,
        commands=[
            "storm -o DIR -n N forks; storm --rules forks",
            "reel replay --json -j1 -r RULES DIR",
        ],
    )


def run(ctx):
    events = MILLION if ctx.quick else max(MILLION, int(10 * MILLION * ctx.scale))
    truth = os.path.join(ctx.work, "truth")
    options = ("--truth", truth)
    capture, _ = ctx.capture(events, options=options)
    tables = [by_number(ctx, capture, events)]
    tables += of_others(ctx, capture, events)
    tables += [planted(ctx, capture, truth, events)]
    ctx.capture_drop(events, options=options)
    tables += [storms(ctx, max(events // 5, 1000), max(events // 10, 1000))]
    if os.geteuid():
        ctx.missing("following", "only root can record")
    else:
        tables.insert(1, following(ctx))
    return tables
