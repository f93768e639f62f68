# SPDX-License-Identifier: BSD-2-Clause
"""Reading what was recorded: every tool on the same work, which all of them recorded at once.

The work is that of b_vm.py, in the guest, where sysdig and auditd recorded it too, and the same once
more here, larger, by perf and reel. Of reel alone there is a capture that is larger still, for its
budgets. Rates are by CPU time, user's and system's together, so that they are of one core.
"""

import collections
import glob
import os
import re
import shlex
import subprocess

import b_vm
import peers
import results

NAME = "read"
TITLE = "Reading, side by side"

RUNS = 3
ROUNDS_HERE = 12
LARGE = 5_000_000
# Time between the audit events of the log that was thinned out.
SPACING_S = 0.01
SPACED_TIMES = 8

Reader = collections.namedtuple("Reader", "what argv")


def by_reel(ctx, path):
    r = ctx.reel
    return [
        Reader("reel dump", [r, "dump", path]),
        Reader("reel dump --json", [r, "dump", "--json", path]),
        Reader("reel dump --context --json", [r, "dump", "--context", "--json", path]),
        Reader("reel dump --type exec", [r, "dump", "--type", "exec", path]),
        Reader("reel dump --where, no exec of a path like it", [
            r, "dump", "--where", 'type == "exec" and path contains "/no/such/"', path]),
        Reader("reel dump --where, no path like it", [r, "dump", "--where",
                                                      'path contains "/no/such/"', path]),
        Reader("reel dump --where, no process like it", [r, "dump", "--where", 'comm == "zzz"', path]),
        Reader("reel replay, one policy", [r, "replay", "-q", "-j1", "-r", ctx.policies(1), path]),
        Reader("reel replay, 100 policies", [r, "replay", "-q", "-j1", "-r", ctx.policies(100), path]),
        Reader("reel query, count of each type", [r, "query", "-q", path,
                                                  "SELECT type, count(*) FROM event GROUP BY type"]),
        Reader("reel query, no path like it", [r, "query", "-q", path, "SELECT id FROM event WHERE "
                                               "path = '/no/such/path'"]),
        Reader("reel query, no part of a path like it", [r, "query", "-q", path, "SELECT id FROM event WHERE "
                                                         "path LIKE '%/no/such/%'"]),
        Reader("reel verify", [r, "verify", "-q", path]),
    ]


def by_sysdig(argv, path):
    return [
        Reader("sysdig -r, no process like it", [*argv, "-r", path, "proc.name=zzz"]),
        Reader("sysdig -r, no file like it", [*argv, "-r", path, "fd.name contains /no/such/"]),
        Reader("sysdig -r, evt.type=execve", [*argv, "-r", path, "evt.type=execve"]),
        Reader("sysdig -r", [*argv, "-r", path]),
        Reader("sysdig -r -j", [*argv, "-j", "-r", path]),
    ]


def by_perf(argv, path):
    return [
        Reader("perf script --comm, no process like it", [*argv, "script", "-i", path, "--comm", "zzz"]),
        Reader("perf script", [*argv, "script", "-i", path]),
        Reader("perf report --stats", [*argv, "report", "--stats", "-i", path]),
    ]


def by_trace_cmd(argv, path):
    return [
        Reader("trace-cmd report", [*argv, "report", "-i", path]),
        Reader("trace-cmd report -F, no call like it", [*argv, "report", "-i", path, "-F",
                                                        "raw_syscalls:id==9999"]),
    ]


def by_audit(have, path):
    search, report = have.argv("ausearch"), have.argv("aureport")
    readers = []
    if search:
        readers += [Reader("ausearch -f, no file like it", [*search, "-if", path, "-f", "/no/such/"]),
                    Reader("ausearch -sc openat, as text", [*search, "-if", path, "-sc", "openat"])]
    if report:
        readers.append(Reader("aureport --summary", [*report, "-if", path, "--summary"]))
    return readers


def rows_of(ctx, readers, said, path, events):
    rows = []
    for reader in readers:
        costs, kib = [], [0]
        with open(os.devnull, "wb") as nowhere:
            for _ in range(RUNS):
                costs.append(ctx.cost(reader.argv, stdout=nowhere, timeout_s=300, sample=lambda pid, kib=kib:
                                      kib.append(results.own_kib(pid))))
        # ausearch and grep: 1, nothing was found.
        if any(c.status not in (0, 1, 4) for c in costs):
            ctx.missing(reader.what, costs[-1].err.decode("utf-8", "replace").strip()[-200:])
            continue
        cpu = [c.cpu_s for c in costs]
        cpu_s, mb = max(ctx.median(cpu), 1e-3), b_vm.bytes_of(path) / 1e6
        rows.append([reader.what, said, events, mb, cpu_s, ctx.spread(cpu), events / cpu_s / 1e6, mb / cpu_s,
                     max(kib) / 1024 if max(kib) else "-"])
        ctx.say(f"{reader.what}: {rows[-1][6]:.2f} M events/s")
    return rows


COLUMNS = ["reader", "of", "events", "MB", "CPU s", "span", "M events/s", "MB/s", "own MiB"]


def spaced(path, to):
    """The same audit events, several times, with some time in between: as logs mostly are. Returns how
    many there are."""
    with open(path, "rb") as f:
        lines = f.read().splitlines()
    stamp = re.compile(rb"msg=audit\(([0-9.]+):([0-9]+)\)")
    n, now_s = 0, 1_700_000_000.0
    with open(to, "wb") as f:
        for _ in range(SPACED_TIMES):
            before = None
            for line in lines:
                found = stamp.search(line)
                if not found:
                    continue
                if found.group(2) != before:
                    before, n, now_s = found.group(2), n + 1, now_s + SPACING_S
                f.write(line[:found.start()] + b"msg=audit(%.3f:%d)" % (now_s, n) + line[found.end():] + b"\n")
    return n


def audit_events(path):
    with open(path, "rb") as f:
        return len(set(re.findall(rb"msg=audit\(([^)]*)\)", f.read())))


def events_of(ctx, have, tool, path):
    if tool == "sysdig":
        argv = have.argv("sysdig")
        return b_vm.said_by([*argv, "-r", path, "-p", "."]).count("\n") if argv else 0
    return b_vm.COUNTERS[tool](ctx, have, path, "")[0]


def from_guest(ctx, have):
    place = os.path.join(ctx.cache, "mix")
    if not os.path.isdir(place):
        ctx.missing("sysdig, trace-cmd, ausearch", "nothing of theirs was recorded here: the section vm "
                    "does that, bench.py --only vm")
        return []
    rows = []
    paths = {os.path.basename(p): p for p in glob.glob(os.path.join(place, "*"))}
    tools = [("mix-sysdig.scap", "sysdig", by_sysdig, "sysdig"),
             ("mix-perf.perf", "perf", by_perf, "perf"),
             ("mix-trace.trace", "trace-cmd", by_trace_cmd, "trace-cmd")]
    for name, tool, readers, counter in tools:
        argv = have.argv(tool)
        if argv and name in paths:
            events = events_of(ctx, have, counter, paths[name])
            rows += rows_of(ctx, readers(argv, paths[name]), "the work", paths[name], events)
    if "mix-audit.log" in paths:
        log = paths["mix-audit.log"]
        rows += rows_of(ctx, by_audit(have, log), "half of it", log, audit_events(log))
        to = os.path.join(ctx.work, "spaced.log")
        n = spaced(log, to)
        rows += rows_of(ctx, by_audit(have, to), f"that {SPACED_TIMES} times, spaced", to, n)
    if "mix-reel.reel" in paths:
        path = paths["mix-reel.reel"]
        rows += rows_of(ctx, by_reel(ctx, path), "the work", path, events_of(ctx, have, "reel", path))
    return [ctx.table(
        "The same work in the guest, recorded by all at once", COLUMNS, rows,
        notes=["The work: find, tar, grep, cp, sort, ls, small programs. perf, trace-cmd and reel follow its "
               "processes, sysdig has the machine's, and so also the others at their work.",
               "An event of reel is a call. sysdig, perf and trace-cmd have two for each, so that in calls "
               "a second their rates are half of what stands here. An event of audit is a call too.",
               "auditd recorded openat, execve and getpid only, in a run of its own, as fast as they came. "
               f"ausearch is slow on events that lie close together: spaced is the same log {SPACED_TIMES} "
               f"times over, with {SPACING_S * 1000:.0f} ms between events.",
               "Where reel needs a few ms, most of them are its start: the larger captures below tell "
               "more. Memory is what is no file's, as far as it was seen while it ran."])]


def here(ctx, have):
    """perf and reel record the same run on this machine, one inside the other."""
    perf = have.argv("perf")
    if not perf or os.geteuid():
        ctx.missing("perf", "it is not there, or this is not root")
        return []
    data, reel = os.path.join(ctx.work, "here.perf"), os.path.join(ctx.work, "here.reel")
    done = ctx.cost([*perf, "record", "-q", "-m", "2048", "-e", "raw_syscalls:*", "-o", data, "--", ctx.reel,
                     "record", "-q", "-o", reel, "-e", "all", "--syscalls", "all", "--io", "all", "--",
                     "/bin/sh", "-c", b_vm.MIX, "mix", str(ROUNDS_HERE)])
    if not os.path.exists(data) or not os.path.isdir(reel):
        ctx.missing("perf", done.err.decode("utf-8", "replace").strip()[-200:])
        return []
    rows = rows_of(ctx, by_perf(perf, data), "the work", data, events_of(ctx, have, "perf", data))
    rows += rows_of(ctx, by_reel(ctx, reel), "the work", reel, events_of(ctx, have, "reel", reel))
    return [ctx.table(f"The same work here, {ROUNDS_HERE} rounds, recorded by perf and reel at once", COLUMNS,
                      rows, notes=["perf records the processes of reel too, which is little."])]


def plain(argv, path):
    """As somebody else would begin it."""
    words = ["CAPTURE" if w == path else os.path.basename(w) if os.path.isabs(w) else w for w in argv]
    return shlex.join(words)


def large(ctx):
    n = int(LARGE * ctx.scale)
    path, _ = ctx.capture(n)
    rows = rows_of(ctx, by_reel(ctx, path), "made up", path, n)
    rate = {row[0]: row[6] for row in rows}
    floor = ctx.libzstd_ns(path)
    for what, budget in (("reel dump --json", 2),
                         ("reel dump --where, no exec of a path like it", 50),
                         ("reel query, no path like it", 20),
                         ("reel query, no part of a path like it", 10)):
        if what in rate:
            ctx.check(what, rate[what], budget, "M events/s a core", better="more",
                      floor=None if "exec" in what else (1000 / floor, "libzstd alone"))
    what = "reel query, no path like it"
    if what in rate:
        ctx.check(what + ": what reel adds to libzstd's share", 1000 / rate[what] - floor, 12, "ns an event")
    ctx.capture_drop(n)
    return [ctx.table(f"reel alone: {n:,} events that the generator made", COLUMNS, rows,
                      notes=[f"Of what reads all blocks libzstd alone takes {floor:.1f} ns an event, "
                             f"which would be {1000 / floor:.1f} M events/s: read_bench DIR 3 libzstd-unpack."],
                      commands=[plain(reader.argv, path) for reader in by_reel(ctx, path)])]


def run(ctx):
    have = peers.Peers(ctx)
    return [*from_guest(ctx, have), *here(ctx, have), *large(ctx)]
