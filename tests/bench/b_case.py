# SPDX-License-Identifier: BSD-2-Clause
"""How fast a case is written: a database of all that is known of a capture."""

import json
import os
import re

NAME = "case"
TITLE = "Writing cases"

# What reel replay -v says of a case that it has written.
SAID = re.compile(
    r"(\d+) rows, (\d+) events, loading ([\d.]+) s, events ([\d.]+) s, indexes ([\d.]+) s, "
    r"checks ([\d.]+) s"
)


def load(ctx, capture, case, *options):
    """rows, events, and seconds of loading, events, indexes and checks."""
    done = ctx.cost([ctx.reel, "replay", "-v", "--no-rules", "-o", case, *options, capture])
    if done.status not in (0, 4):
        raise RuntimeError(done.err.decode("utf-8", "replace"))
    found = SAID.search(done.err.decode("utf-8", "replace"))
    return [int(found[1]), int(found[2])] + [float(found[i]) for i in range(3, 7)]


def run(ctx):
    made = int(2_000_000 * min(1, max(0.1, ctx.scale)))
    rows = json.loads(
        ctx.cost(
            [os.path.join(ctx.bench, "case_write"), os.path.join(ctx.work, "rows.db"), str(made)]
        ).out
    )
    inserting, in_all = rows["insert_cpu_s"], sum(rows[k] for k in rows if k.endswith("_cpu_s"))
    before = ctx.check(
        "SQLite: rows before indexes", rows["rows"] / inserting, 700_000, "rows/s", better="more"
    )
    after = ctx.check(
        "SQLite: rows with indexes and checks",
        rows["rows"] / in_all,
        250_000,
        "rows/s",
        better="more",
    )
    capture, _ = ctx.capture(made, seed=7)
    tables, events = (os.path.join(ctx.work, n) for n in ("tables.db", "events.db"))
    n, _, loading, _, indexes, checks = load(ctx, capture, tables)
    whole = loading + indexes + checks
    _, loaded, _, making, more, _ = load(ctx, capture, events, "--load-events")
    plain = ctx.check("events, before indexes", loaded / making, 700_000, "rows/s", better="more")
    indexed = ctx.check(
        "events, with their indexes",
        loaded / (making + max(0, more - indexes)),
        250_000,
        "rows/s",
        better="more",
    )
    result = [
        ["rows, as they are filled from a capture, CPU time", rows["rows"], before, after, "-"],
        [
            "the tables of a whole capture, reading in it",
            n,
            n / loading,
            n / whole,
            os.path.getsize(tables) / n,
        ],
        [
            "the table of all events, by the clock",
            loaded,
            plain,
            indexed,
            os.path.getsize(events) / loaded,
        ],
    ]
    ctx.capture_drop(made, seed=7)
    return [
        ctx.table(
            "Rows a second",
            ["what", "rows", "rows/s before indexes", "with indexes and checks", "bytes a row"],
            result,
            notes=[
                "Two threads make the table of all events, so that it is "
                "by the clock; the first is one "
                "thread's CPU time."
            ],
            commands=[
                "case_write FILE N",
                "reel replay --no-rules -o CASE CAPTURE",
                "reel replay --no-rules --load-events -o CASE CAPTURE",
            ],
        )
    ]
