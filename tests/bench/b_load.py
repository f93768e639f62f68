# SPDX-License-Identifier: BSD-2-Clause
"""The recorder under load: how much it takes, and what it takes for it."""

import json
import os
import shutil
import subprocess

import load

NAME = "load"
TITLE = "Load"
QUICK = True

# What ExecRay's documents say, by number of processes: events/s, CPU %, MB, events dropped in %.
EXECRAY = {
    10: (8_456, 0.3, 12.3, 0),
    50: (18_923, 0.8, 23.1, 0),
    100: (31_247, 1.4, 34.5, 0),
    500: (78_334, 3.2, 67.8, 0.1),
    1000: (125_678, 5.9, 134.2, 1.2),
    2000: (189_456, 11.3, 256.7, 4.7),
}
# The same, by number of cores: the most events/s.
EXECRAY_CORES = {1: 12_456, 2: 23_892}
# What crypto-tracer's documents say, by filter: events/s, CPU in %.
CRYPTO_TRACER = {
    "none": (10_000, 0.5),
    "by process": (1_000, 0.1),
    "by file": (500, 0.05),
    "both": (100, 0.02),
}
FORMATS = ["text", "json", "array", "pretty", "csv"]
MILLION = 1_000_000


def seconds_of(ctx, s):
    return max(2, round(s * min(1, ctx.scale)))


def crowds(ctx):
    rows, seconds = [], seconds_of(ctx, 5)
    for processes, (rate, cpu, mb, dropped) in EXECRAY.items():
        ctx.say(f"  {processes} processes")
        alone = load.bare(ctx, "file", processes, rate, seconds)
        r = load.recorded(ctx, "file", processes, rate, seconds)
        rows.append(
            [
                processes,
                rate,
                r.offered,
                r.kept / seconds,
                r.lost,
                100 * r.cpu,
                100 * (r.cpu + (r.load_cpu_s - alone.load_cpu_s) / seconds),
                r.memory_mib,
                r.bytes / r.events,
                "",
                rate,
                cpu,
                mb,
                dropped,
            ]
        )
    return ctx.table(
        "A crowd of processes",
        [
            "processes",
            "events/s asked for",
            "made",
            "kept/s",
            "lost",
            "recorder CPU %",
            "all CPU more %",
            "recorder MiB",
            "bytes an event",
            "ExecRay:",
            "events/s",
            "CPU %",
            "MB",
            "dropped %",
        ],
        rows,
        notes=[
            f"{seconds} s each: open() and close() of a file of one's own, at the rates "
            "that ExecRay's documents "
            "tell of. CPU is of one core. \"All CPU more\" is with what the hooks cost the "
            "crowd, whose CPU time "
            "is compared with the same crowd not recorded: with many processes it spreads "
            "more than the "
            "recorder takes.",
            "MiB is the most memory that the recorder had, beyond its rings of 16 MiB a CPU.",
        ],
        commands=["reel record -o DIR -- crowd file PROCESSES RATE SECONDS"],
    )


def most(ctx, kind, cpus, seconds):
    """The highest rate without loss: (events/s, loss at the most that was offered, that rate, ns an event)."""
    processes = len(cpus.split(","))
    full = load.recorded(ctx, kind, processes, 100 * MILLION, seconds, cpus=cpus)
    if not full.lost:
        return full.offered, 0, full
    low, high, best = 0, full.offered, None
    for _ in range(5):
        tried = load.recorded(ctx, kind, processes, (low + high) / 2, seconds, cpus=cpus)
        if tried.lost:
            high = (low + high) / 2
        else:
            low, best = (low + high) / 2, tried
    return best.offered if best else 0, full.lost / (full.lost + full.kept), best or full


def search(ctx):
    rows, seconds = [], seconds_of(ctx, 5)
    n = os.cpu_count()
    for cores in (1, 2):
        if cores > n:
            ctx.missing("two cores", "this machine has one")
            continue
        for kind, said in (("call", "getppid()"), ("file", "open() and close()")):
            ctx.say(f"  the most, {said}, {cores} cores")
            cpus = ",".join(str(n - 1 - i) for i in range(cores))
            rate, lost, at = most(ctx, kind, cpus, seconds)
            rows.append(
                [
                    cores,
                    said,
                    rate,
                    100 * lost,
                    at.ring_percent,
                    at.ns_each,
                    at.memory_mib,
                    EXECRAY_CORES[cores],
                ]
            )
    return ctx.table(
        "The highest rate without loss, by search",
        [
            "cores",
            "calls",
            "events/s",
            "lost % if as fast as possible",
            "ring at most %",
            "recorder CPU, ns an event",
            "recorder MiB",
            "ExecRay: events/s",
        ],
        rows,
        notes=[
            f"{seconds} s a try. As many processes as cores make calls as fast as they can, "
            "and share the cores with "
            "the recorder; if then something is lost, the rate is halved in between, five "
            "times. With nothing "
            "lost the rate is what is left for the calls."
        ],
        commands=[
            "taskset -c CPUS reel record --syscalls getppid -o DIR -- crowd call CORES "
            "100000000 5"
        ],
    )


def flood(ctx):
    """A million events a second, and something else that wants all CPUs."""
    rate, seconds = (100_000, 2) if ctx.quick else (MILLION, seconds_of(ctx, 10))
    if ctx.quick:
        r = load.recorded(ctx, "call", 2, rate, seconds)
    else:
        with load.Busy():
            r = load.recorded(ctx, "call", 2, rate, seconds)
    ns = r.ns_each
    ctx.check(
        f"lost at {rate:,} events/s" + ("" if ctx.quick else ", both cores busy"),
        r.lost,
        0,
        "events",
        generous=20_000,
    )
    ctx.check("the recorder's own CPU", ns, 120, "ns an event", generous=1500)
    ctx.check("the recorder's memory, beyond its rings", r.memory_mib, 24, "MiB", generous=40)
    return ctx.table(
        "A million events a second, both cores busy",
        [
            "asked for",
            "made",
            "kept/s",
            "lost",
            "ring at most %",
            "recorder CPU, ns an event",
            "recorder MiB",
        ],
        [[rate, r.offered, r.kept / seconds, r.lost, r.ring_percent, ns, r.memory_mib]],
        notes=[
            f"{seconds} s of getppid() in two processes; as many processes as there are "
            "CPUs compute beside them."
        ],
        commands=[f"reel record --syscalls getppid -o DIR -- crowd call 2 {rate} {seconds}"],
    )


def filters(ctx):
    rows, seconds = [], seconds_of(ctx, 8)
    few = os.path.join(ctx.work, "few")
    shutil.copy(os.path.join(ctx.bench, "crowd"), few)
    # Of 10,000 a second 1,000 are the other program's, and 500 are of the name; of that program 100 are.
    script = (
        " ".join(
            f"{' '.join(argv)} &"
            for argv in (
                [few, "name", "10", "1000", str(seconds)],
                [os.path.join(ctx.bench, "crowd"), "name", "18", "7200", str(seconds)],
                [os.path.join(ctx.bench, "crowd"), "name", "3", "1800", str(seconds)],
            )
        )
        + " wait"
    )
    options = {
        "none": (),
        "by process": ("-n", "few"),
        "by file": ("--path", "*/3"),
        "both": ("-n", "few", "--path", "*/3"),
    }
    alone = load.bare(ctx, "name", 31, 10_000, seconds)
    for what, (rate, cpu) in CRYPTO_TRACER.items():
        ctx.say(f"  filter: {what}")
        r = load.recorded(
            ctx, "name", 0, 0, seconds, options=options[what], command=["/bin/sh", "-c", script]
        )
        rows.append(
            [
                what,
                " ".join(options[what]) or "-",
                r.offered,
                r.kept / seconds,
                r.lost,
                100 * r.cpu,
                100 * (r.cpu + (r.load_cpu_s - alone.load_cpu_s) / seconds),
                r.memory_mib,
                "",
                rate,
                cpu,
            ]
        )
    return ctx.table(
        "What filters leave",
        [
            "filter",
            "options",
            "calls/s",
            "kept/s",
            "lost",
            "recorder CPU %",
            "all CPU more %",
            "recorder MiB",
            "crypto-tracer:",
            "events/s",
            "CPU %",
        ],
        rows,
        notes=[
            f"The same 10,000 calls a second for {seconds} s, of 31 processes, 10 of them "
            "of another program. CPU is of "
            "one core."
        ],
        commands=[
            "reel record -n few --path '*/3' -o DIR -- sh -c 'few name 10 1000 8 & crowd "
            "name 18 7200 8 & ...'"
        ],
    )


def formats(ctx):
    n = max(50_000, int(MILLION * ctx.scale))
    capture, _ = ctx.capture(n)
    told, rows = load.info(ctx, capture), []
    rows.append(["tape", "-", "-", told["stored_bytes"] / told["events"]])
    for form in FORMATS:
        path = os.path.join(ctx.work, "dumped")
        runs = []
        for _ in range(3):
            with open(path, "wb") as f:
                runs.append(ctx.cost([ctx.reel, "dump", "--format", form, capture], stdout=f))
        cpu_s = ctx.median([r.cpu_s for r in runs])
        rows.append(
            [
                form,
                told["events"] / cpu_s / MILLION,
                ctx.spread([told["events"] / r.cpu_s / MILLION for r in runs]),
                os.path.getsize(path) / told["events"],
            ]
        )
        os.unlink(path)
    ctx.capture_drop(n)
    return ctx.table(
        "Output formats",
        ["format", "M events/s a core", "span", "bytes an event"],
        rows,
        notes=[
            "A recorder writes the tape and nothing else; the others are made "
            "of it when somebody asks. "
            "Written to a file on disk."
        ],
        commands=["reel dump --format FORMAT CAPTURE"],
    )


def slow_disk(ctx):
    rows, seconds, rate = [], seconds_of(ctx, 6), 200_000
    cases = [
        ("as fast as it comes", {}),
        ("400 KB/s", {"bytes_per_s": 400_000}),
        ("200 KB/s", {"bytes_per_s": 200_000}),
        ("stands still for 1 s", {"still": (1, 2)}),
        ("stands still for 4 s", {"still": (1, 5)}),
    ]
    for said, how in cases:
        ctx.say(f"  a disk that takes {said}")
        r = load.onto(ctx, 10, rate, seconds, **how)
        rows.append(
            [said, r.offered, r.kept / seconds, r.lost, r.told, r.bytes / 1000 / seconds, r.end_s]
        )
    return ctx.table(
        "A slow disk",
        [
            "takes",
            "events/s",
            "kept/s",
            "lost",
            "losses told on tape",
            "tape, KB/s",
            "to its end, s",
        ],
        rows,
        notes=[
            f"{rate:,} events a second for {seconds} s, recorded to "
            "standard output and read from there at that pace. "
            "Rings and the writer's queue bridge what they can; what "
            "they cannot is counted, and said on tape."
        ],
        commands=["reel record -o - -p PID | ..."],
    )


def start(ctx):
    """From the start of the recorder until something that happened is on tape."""
    times, cpu = [], []
    for i in range(2 if ctx.quick else 7):
        capture = os.path.join(ctx.work, f"start{i}")
        cpu.append(ctx.cost([ctx.reel, "record", "-q", "-o", capture, "--", "true"]).cpu_s)
        out = subprocess.run(
            [ctx.reel, "dump", "--json", "--type", "exec,process", capture],
            check=False,
            stdout=subprocess.PIPE,
        ).stdout
        events = [json.loads(line) for line in out.splitlines()]
        begun = [
            e["start"] for e in events if e["type"] == "process" and e["comm"] == "reel-record"
        ]
        times.append((min(e["ts"] for e in events if e["type"] == "exec") - min(begun)) / 1e9)
    ctx.check("first event after the start", ctx.median(times), 0.5, "s", generous=10)
    return ctx.table(
        "From the start until the first event is on tape",
        ["runs", "s", "span", "CPU s, with the end"],
        [[len(times), ctx.median(times), ctx.spread(times), ctx.median(cpu)]],
        notes=[
            "From the birth of the recorder's process to the first event of "
            "the command that it records."
        ],
        commands=["reel record -o DIR -- true"],
    )


def long_run(ctx):
    seconds = max(6, round(60 * ctx.scale))
    ctx.say(f"  memory, {seconds} s")
    r = load.recorded(ctx, "file", 100, 50_000, seconds, options=("--segment-size", "4M"))
    ends = r.watched[-1][0]
    seen = [rss for t, _, rss in r.watched if ends - seconds <= t]
    third = len(seen) // 3
    middle, last = (ctx.median(part) for part in (seen[third : 2 * third], seen[-third:]))
    hour = (last - middle) / 1024 / (seconds / 3) * 3600
    return ctx.table(
        "Memory over a long run",
        ["s", "events", "lost", "middle third, MiB", "last third, MiB", "MiB an hour"],
        [[seconds, r.kept, r.lost, middle / 1024, last / 1024, hour]],
        notes=[
            "Memory of the process that is neither a file's nor a ring's. "
            "50,000 events a second of 100 "
            "processes, a new segment each 4 MiB. ExecRay's documents say less "
            "than 1 MB an hour. The last column is the difference of the two before it, and of "
            "a short run no more than a hint."
        ],
        commands=["reel record --segment-size 4M -o DIR -- crowd file 100 50000 " f"{seconds}"],
    )


def run(ctx):
    if os.geteuid():
        ctx.missing("reel", "only root can record")
        return []
    if ctx.quick:
        return [flood(ctx), start(ctx)]
    return [f(ctx) for f in (crowds, search, flood, filters, formats, slow_disk, start, long_run)]
