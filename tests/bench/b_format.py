# SPDX-License-Identifier: BSD-2-Clause
"""Writing captures, and reading them back, without the kernel and without rules."""

import json
import os

NAME = "format"
TITLE = "Writing and reading captures"
QUICK = True

# Of reel's own, beside what libzstd takes: the budgets above leave 50 ns to a reader and 150 to a
# writer, and libzstd by itself takes most of that. These hold what is left from growing.
READER_NS, WRITER_NS = 25, 110

RATE = 13_900
MILLION = 1_000_000


def written(ctx, events, runs):
    """Through the writer, in line, each time anew: what it says of itself."""
    said = []
    for run_number in range(runs):
        if run_number:
            ctx.capture_drop(events)
        said.append(ctx.capture(events)[1])
    return said


def run(ctx):
    events, runs = (MILLION, 1) if ctx.quick else (max(MILLION, int(20 * MILLION * ctx.scale)), 3)
    said = written(ctx, events, runs)
    capture, _ = ctx.capture(events)
    ns = [s["writer_ns_per_event"] for s in said]
    ctx.check(
        "on tape, the generator's events",
        said[-1]["bytes_per_event"],
        14,
        "bytes an event",
        generous=16,
    )
    out = ctx.cost([os.path.join(ctx.bench, "read_bench"), capture, str(runs)]).out
    read = {r["what"]: r for r in map(json.loads, out.splitlines())}
    floor = {k: read["libzstd-" + k]["cpu_s"] / read["libzstd-" + k]["events"] * 1e9
             for k in ("unpack", "pack")}
    tag = read["libsodium-tag"]["cpu_s"] / read["libsodium-tag"]["events"] * 1e9
    ctx.check("writer: CPU in all", ctx.median(ns), 150, "ns an event", generous=1200,
              floor=(floor["pack"] + tag, "libzstd and libsodium, of the same blocks"))
    ctx.check("writer: what reel adds to libzstd's share", ctx.median(ns) - floor["pack"], WRITER_NS,
              "ns an event", generous=1000)
    one, two = read["blocks-1"]["m_events_per_s"], read["blocks-2"]["m_events_per_s"]
    own = read["blocks-1"]["cpu_s"] / read["blocks-1"]["events"] * 1e9 - floor["unpack"]
    ctx.check(
        "reader: decode and walk, one core", one, 20, "M events/s", better="more", generous=0.3,
        floor=(1000 / floor["unpack"], "libzstd alone"),
    )
    ctx.check("reader: what reel adds to libzstd's share", own, READER_NS, "ns an event", generous=200)
    ctx.check("reader: two threads against one", two / one, 1.8, "x", better="more", generous=0.1)
    minute = read["minute"]
    # A minute's share of the capture, and a little for the blocks that reach over its ends.
    bound = min(1, 1.2 * 60 / said[-1]["capture_s"] + 0.002)
    ctx.check(
        "one minute: share of blocks read",
        minute["unpacked"] / minute["blocks"],
        bound,
        "",
        generous=1,
    )
    rows = [
        ["one minute", minute["unpacked"], minute["blocks"], 1000 * minute["median_s"]],
        [
            "processes at a moment",
            read["at"]["unpacked"],
            minute["blocks"],
            1000 * read["at"]["median_s"],
        ],
        [
            "a pid that is nowhere",
            read["no-match"]["unpacked"],
            minute["blocks"],
            1000 * read["no-match"]["median_s"],
        ],
        ["opening", "-", "-", 1000 * read["open"]["median_s"]],
    ]
    ctx.capture_drop(events)
    return [
        ctx.table(
            "Throughput",
            ["what", "", "unit"],
            [
                ["writer, CPU in all", ctx.median(ns), "ns an event"],
                ["the same, span", ctx.spread(ns), ""],
                ["libzstd alone, packing the same", floor["pack"], "ns an event"],
                ["libsodium alone, the tags of the same blocks", tag, "ns an event"],
                ["on tape", said[-1]["bytes_per_event"], "bytes an event"],
                ["reading on one core", one, "M events/s"],
                ["libzstd alone, unpacking the same", 1000 / floor["unpack"], "M events/s"],
                ["what reel adds to that", own, "ns an event, of CPU"],
                ["on two threads", two, "M events/s, by the clock"],
                ["by two processes", read["apart"]["m_events_per_s"], "M events/s, by the clock"],
                ["in the order of time, one core", read["ordered"]["m_events_per_s"], "M events/s"],
            ],
            notes=[
                f"{events:,} events of the generator (README.md), {RATE:,} a second "
                f"of capture time, {runs} runs. "
                "Reading is from memory, not from the disk. Two processes share "
                "nothing, and each reads all: more than they no two threads can do on this machine.",
                "libzstd alone: every body from where it lies into one buffer, and from there packed as the "
                "writer does it, nothing else; by CPU time.",
            ],
            commands=[
                f"gen -o DIR -n {events} -s 1 --rate {RATE} --in-line",
                f"read_bench DIR {runs}",
            ],
        ),
        ctx.table("Reading a part", ["what", "blocks read", "of", "ms"], rows),
    ]
