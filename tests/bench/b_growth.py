# SPDX-License-Identifier: BSD-2-Clause
"""How each main figure grows with size: the exponent tells, and a plot shows it.

The exponent is the slope of the line through the logarithms of size and CPU time, of those sizes
whose time is not mostly that of beginning at all. 1 is linear: whatever is well above is a fault.
"""

import collections
import math
import os
import shutil
import subprocess

import peers
import results

NAME = "growth"
TITLE = "Growth: each main figure against size"

EVENTS = [1_000_000, 3_000_000, 10_000_000, 50_000_000, 200_000_000]
RULES = [1, 10, 100, 1000]
RULES_EVENTS = 2_000_000
PROCESSES = [10, 100, 1_000, 10_000, 30_000, 100_000]
LIVE = [10, 100, 1_000, 3_000]

# A machine changes its speed from minute to minute: sizes that are short are taken by turns, so often.
ROUNDS = 3
BY_TURNS = {"rules", "processes"}

# Less than this is mostly the beginning and the end of a program.
LEAST_S = 0.08
ONE = {"events": "event", "rules": "rule", "processes": "process"}
# The least that a plot shows.
SHOWN_S = 0.002
# What a fit through a few times of a busy machine may have, and still be called linear.
LINEAR = 1.15
# A capture takes this on disk, a case of it this, at most; that much is left free.
CAPTURE_BYTES, CASE_BYTES, FREE_BYTES = 15, 160, 8 << 30

Figure = collections.namedtuple("Figure", "key what argv after", defaults=[None])


def sql(query):
    return lambda ctx, c: [ctx.reel, "query", "-q", c.path, query]


def remove(*names):
    def after(c):
        for name in names:
            path = os.path.join(c.work, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)
    return after


BY_EVENTS = [
    Figure("info", "info", lambda ctx, c: [ctx.reel, "info", "-q", c.path]),
    Figure("verify", "verify", lambda ctx, c: [ctx.reel, "verify", "-q", c.path]),
    Figure("json", "dump --json", lambda ctx, c: [ctx.reel, "dump", "--json", c.path]),
    Figure("where", "dump --where, hardly any match", lambda ctx, c: [
        ctx.reel, "dump", "--where", 'path == "/no/such/path"', c.path]),
    Figure("replay", "replay of 100 policies", lambda ctx, c: [
        ctx.reel, "replay", "--json", "-r", c.rules(100), c.path]),
    Figure("case", "a case (replay -o)", lambda ctx, c: [
        ctx.reel, "replay", "-q", "--no-rules", "-o", c.made("case.db"), c.path]),
    Figure("forward", "query @forward from what all have read, in that case", lambda ctx, c: [
        ctx.reel, "query", "-q", c.made("case.db"), "@forward", "path=" + c.most_read()]),
    Figure("tree", "query @tree, in that case", lambda ctx, c: [
        ctx.reel, "query", "-q", c.made("case.db"), "@tree"]),
    Figure("timeline", "query @timeline, in that case", lambda ctx, c: [
        ctx.reel, "query", "-q", c.made("case.db"), "@timeline"]),
    Figure("verify_case", "verify --case", lambda ctx, c: [
        ctx.reel, "verify", "-q", "--case", c.made("case.db"), c.path]),
    Figure("cut", "cut of the middle tenth", lambda ctx, c: [
        ctx.reel, "cut", "-q", "--from", f"@{c.at(0.45)}", "--to", f"@{c.at(0.55)}", "-o",
        c.made("cut.rls"), c.path], remove("cut.rls")),
    Figure("cut_pid", "cut of one process", lambda ctx, c: [
        ctx.reel, "cut", "-q", "--pid", "1", "-o", c.made("cut.rls"), c.path], remove("cut.rls")),
    Figure("keep", "keep of the last half", lambda ctx, c: [
        ctx.reel, "keep", "-q", "--from", f"@{c.at(0.5)}", "-o", c.made("kept"), c.path],
           remove("kept")),
    Figure("merge", "merge with a small capture", lambda ctx, c: [
        ctx.reel, "merge", "-q", "-o", c.made("merged"), c.path, c.other()], remove("merged")),
    Figure("count", "SQL: count(*)", sql("SELECT count(*) FROM event")),
    Figure("path", "SQL: a path that is nowhere",
           sql("SELECT id FROM event WHERE path = '/no/such/path'")),
    Figure("processes_at", "SQL: processes_at the end", lambda ctx, c: [
        ctx.reel, "query", "-q", c.path, f"SELECT count(*) FROM processes_at('@{c.at(0.999)}')"]),
    Figure("files_open_at", "SQL: files_open_at the end", lambda ctx, c: [
        ctx.reel, "query", "-q", c.path, f"SELECT count(*) FROM files_open_at('@{c.at(0.999)}')"]),
]

# Those that need not look at all events.
ASKED = {"info", "forward", "tree", "timeline", "cut", "cut_pid", "keep", "merge", "count", "path",
         "processes_at", "files_open_at"}
# Longer than the rest together, and no other than a case for what grows.
MOST = {"verify_case": 10_000_000}
# Beyond this there is no case, and only what most people would ask of so much.
MOST_OF_ALL = 50_000_000
OF_MORE = {"info", "verify", "where", "replay", "path"}

BY_PROCESSES = [
    Figure("p_json", "dump --json", lambda ctx, c: [ctx.reel, "dump", "--json", c.path]),
    Figure("p_context", "dump --context", lambda ctx, c: [ctx.reel, "dump", "--context", c.path]),
    Figure("p_replay", "replay, rules that follow each process", lambda ctx, c: [
        ctx.reel, "replay", "-q", "-r", c.storm_rules(), c.path]),
    Figure("p_case", "a case", lambda ctx, c: [
        ctx.reel, "replay", "-q", "--no-rules", "-o", c.made("case.db"), c.path]),
    Figure("p_tree", "query @tree", lambda ctx, c: [ctx.reel, "query", "-q", c.made("case.db"),
                                                    "@tree"]),
    Figure("p_timeline", "query @timeline", lambda ctx, c: [
        ctx.reel, "query", "-q", c.made("case.db"), "@timeline"]),
    Figure("p_ancestry", "query @ancestry of the last", lambda ctx, c: [
        ctx.reel, "query", "-q", c.made("case.db"), "@ancestry", f"pid={c.last_pid()}"]),
    Figure("p_report", "report", lambda ctx, c: [
        ctx.reel, "report", "-q", c.made("case.db"), "-o", c.made("report.html")],
           remove("report.html")),
    Figure("p_processes_at", "SQL: processes_at the end", lambda ctx, c: [
        ctx.reel, "query", "-q", c.path, f"SELECT count(*) FROM processes_at('@{c.at(0.999)}')"]),
    Figure("p_files_open_at", "SQL: files_open_at the end", lambda ctx, c: [
        ctx.reel, "query", "-q", c.path, f"SELECT count(*) FROM files_open_at('@{c.at(0.999)}')"]),
]


class Capture:
    """One size, and what its figures need besides."""

    def __init__(self, ctx, path, n):
        self.ctx, self.path, self.n, self.work = ctx, path, n, ctx.work
        rows = self.ask("SELECT min(ts), max(ts) FROM event")
        self.first, self.last = map(int, rows[-1].split("\t"))

    def ask(self, query, path=None):
        done = subprocess.run([self.ctx.reel, "query", "-q", path or self.path, query], check=True,
                              stdout=subprocess.PIPE, text=True)
        return done.stdout.splitlines()

    def at(self, share):
        return self.first + int((self.last - self.first) * share)

    def made(self, name):
        return os.path.join(self.work, name)

    def rules(self, n):
        return self.ctx.policies(n)

    def storm_rules(self):
        path = self.made("storm.policy")
        with open(path, "wb") as f:
            subprocess.run([os.path.join(self.ctx.bench, "storm"), "--rules", "forks"], check=True,
                           stdout=f)
        return path

    def most_read(self):
        return self.ask("SELECT path FROM file WHERE kind = 'file' ORDER BY readers DESC LIMIT 1",
                        self.made("case.db"))[-1]

    def last_pid(self):
        return self.ask("SELECT pid FROM process ORDER BY id DESC LIMIT 1", self.made("case.db"))[-1]

    def other(self):
        return self.ctx.capture(200_000, seed=99)[0]


class Points:
    """What was measured: by figure, (size, CPU seconds, KiB). Of several tries the least time."""

    def __init__(self, ctx):
        self.ctx, self.what, self._of = ctx, {}, {}

    @property
    def of(self):
        return {key: [(n, *by_size[n]) for n in sorted(by_size)] for key, by_size in self._of.items()}

    def add(self, key, what, size, cpu_s, kib):
        by_size = self._of.setdefault(key, {})
        least_s, most_kib = by_size.get(size, (cpu_s, kib))
        by_size[size] = min(least_s, cpu_s), max(most_kib, kib)
        self.what[key] = what

    def measure(self, figure, capture):
        most = [0]

        def sample(pid):
            most[0] = max(most[0], results.own_kib(pid))

        with open(os.devnull, "wb") as nowhere:
            done = self.ctx.cost(figure.argv(self.ctx, capture), stdout=nowhere, sample=sample,
                                 timeout_s=1800)
        if done.status not in (0, 1, 4):
            self.ctx.missing(f"reel {figure.what}", f"at {capture.n:,}: status {done.status}, "
                             + done.err.decode("utf-8", "replace").strip()[-200:])
        else:
            self.add(figure.key, figure.what, capture.n, done.cpu_s, most[0])
            self.ctx.say(f"{figure.what}, {capture.n:,}: {done.cpu_s:.2f} s, {most[0] / 1024:.0f} MiB")
        if figure.after:
            figure.after(capture)


def slope(points):
    """Of the line through their logarithms, by least squares; None where there are too few."""
    if len(points) < 2:
        return None
    xs, ys = [math.log(p[0]) for p in points], [math.log(p[1]) for p in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    below = sum((x - mean_x) ** 2 for x in xs)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / below if below else None


def exponent(points):
    return slope([(x, s) for x, s, _ in points if s >= LEAST_S])


def table(ctx, points, title, unit, keys, notes):
    keys = [k for k in keys if k in points.of]
    sizes = sorted({x for k in keys for x, _, _ in points.of[k]})
    rows = []
    for key in keys:
        by_size = {x: (s, kib) for x, s, kib in points.of[key]}
        e, last = exponent(points.of[key]), max(by_size)
        grows = "-" if e is None else round(e, 2)
        rows.append([points.what[key], *(by_size[x][0] if x in by_size else "-" for x in sizes), grows,
                     max(kib for _, _, kib in points.of[key]) / 1024,
                     "-" if by_size[last][0] < LEAST_S else by_size[last][0] / last * 1e9])
        if e is not None:
            ctx.check(f"growth of {points.what[key]} with {unit}", round(e, 2), LINEAR, "exponent")
    return ctx.table(title, ["CPU seconds", *(f"{x:,}" for x in sizes), "exponent", "memory MiB",
                             f"ns {'an' if unit[0] in 'aeiou' else 'a'} {ONE[unit]}"], rows, notes)


def plot(ctx, have, points, name, title, unit, keys):
    """Both axes by powers of ten, where linear is a line at 45 degrees. Returns whether it is there."""
    argv = have.argv("gnuplot-nox") or have.argv("gnuplot")
    keys = [k for k in keys if k in points.of and len(points.of[k]) > 1]
    if not argv or not keys:
        return False
    to = os.path.join(ctx.src, "tests", "bench", f"growth-{name}.svg")
    lines = [f'set terminal svg size 940,{max(300, 140 + 20 * len(keys))} font "sans-serif,11"',
             f'set output "{to}.new"', f'set title "{title}"', "set logscale xy", "set grid",
             f'set xlabel "{unit}"', 'set ylabel "CPU seconds"', "set format x '10^{%L}'",
             "set key outside right center vertical Left reverse", f"set yrange [{SHOWN_S}:*]"]
    for i, key in enumerate(keys):
        lines.append(f"$d{i} << end")
        lines += [f"{x} {max(s, SHOWN_S)}" for x, s, _ in points.of[key]]
        lines.append("end")
    drawn = []
    for i, key in enumerate(keys):
        e = exponent(points.of[key])
        label = points.what[key].replace("_", "\\\\_").replace("@", "\\\\@")
        label += "" if e is None else f"   ^ {e:.2f}".replace("^ ", "n^{") + "}"
        drawn.append(f'$d{i} using 1:2 with linespoints dt {1 + i // 8} pt 7 ps 0.4 title "{label}"')
    lines.append("plot " + ", \\\n  ".join(drawn))
    done = subprocess.run(argv, input="\n".join(lines) + "\n", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode or not os.path.exists(to + ".new"):
        ctx.missing("gnuplot", (done.stdout.strip().splitlines() or ["it says nothing"])[-1])
        return False
    with open(to + ".new", encoding="utf-8") as f, open(to, "w", encoding="utf-8") as tidy:
        tidy.writelines(line.rstrip() + "\n" for line in f)
    os.unlink(to + ".new")
    return True


def free_bytes(path):
    return shutil.disk_usage(path).free


def by_events(ctx, points, sizes):
    for n in sizes:
        has_case = n <= MOST_OF_ALL
        if n * (2 * CAPTURE_BYTES + has_case * CASE_BYTES) + FREE_BYTES > free_bytes(ctx.work):
            ctx.missing(f"{n:,} events", "too little room on the disk")
            continue
        path, made = ctx.capture(n)
        points.add("write", "writing it (the generator's share is left out)", n,
                   made["writer_cpu_s"], 0)
        capture = Capture(ctx, path, n)
        for figure in BY_EVENTS:
            if n <= MOST.get(figure.key, n) and (has_case or figure.key in OF_MORE):
                points.measure(figure, capture)
        remove("case.db")(capture)
        ctx.capture_drop(n)


def by_rules(ctx, points, sizes):
    path, _ = ctx.capture(RULES_EVENTS)
    for n in sizes * ROUNDS:
        policy = ctx.policies(n)
        for key, what, argv in (
                ("compile", "compile", [ctx.reel, "rules", "-q", policy]),
                ("r_replay", f"replay of {RULES_EVENTS:,} events",
                 [ctx.reel, "replay", "-q", "-r", policy, path])):
            capture = collections.namedtuple("Size", "n")(n)
            points.measure(Figure(key, what, lambda ctx, c, argv=argv: argv), capture)


def has_report(ctx):
    return b" report " in subprocess.run([ctx.reel, "--help"], stdout=subprocess.PIPE,
                                         check=False).stdout


def by_processes(ctx, points, sizes):
    captures = []
    for n in sizes:
        path = os.path.join(ctx.work, f"storm{n}")
        subprocess.run([os.path.join(ctx.bench, "storm"), "-o", path, "-n", str(n), "forks"],
                       check=True, stdout=subprocess.DEVNULL)
        captures.append(Capture(ctx, path, n))
    for capture in captures * ROUNDS:
        for figure in BY_PROCESSES:
            if figure.key != "p_report" or has_report(ctx):
                points.measure(figure, capture)
        remove("case.db")(capture)
    for capture in captures:
        shutil.rmtree(capture.path)


# In namespaces of their own, so that a snapshot tells of nobody else.
SLEEPERS = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c",
            "i=0; while [ $i -lt $0 ]; do sleep 3600 & i=$((i + 1)); done; echo $i; wait"]


def by_live(ctx, points, sizes):
    """Processes of the machine that is recorded: N that sleep."""
    if os.geteuid():
        ctx.missing("reel record", "only root can record")
        return
    for n in sizes:
        capture = collections.namedtuple("Size", "n work")(n, ctx.work)
        with subprocess.Popen([*SLEEPERS, str(n)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as sleepers:
            try:
                sleepers.stdout.readline()
                with open(f"/proc/{sleepers.pid}/task/{sleepers.pid}/children", encoding="utf-8") as f:
                    first = f.read().split()[0]
                points.measure(Figure("snapshot", "record --snapshot", lambda ctx, c: [
                    "nsenter", "-t", first, "-p", "-m", ctx.reel, "record", "-q", "--snapshot", "-o",
                    os.path.join(ctx.work, "now.reel")], remove("now.reel")), capture)
                points.measure(Figure("record", "record -- true", lambda ctx, c: [
                    ctx.reel, "record", "-q", "-o", os.path.join(ctx.work, "true.reel"), "--",
                    "true"], remove("true.reel")), capture)
            finally:
                sleepers.kill()


def sizes_of(ctx):
    most = int(EVENTS[-1] * ctx.scale)
    events = [n for n in EVENTS if n < most]
    return [*events, most], RULES, PROCESSES, LIVE


def run(ctx):
    have, points = peers.Peers(ctx), Points(ctx)
    events, n_rules, processes, live = sizes_of(ctx)
    by_live(ctx, points, live)
    by_processes(ctx, points, processes)
    by_rules(ctx, points, n_rules)
    by_events(ctx, points, events)
    groups = [
        ("events", "By the number of events: all of them looked at", "events", [
            "write", *(f.key for f in BY_EVENTS if f.key not in ASKED)]),
        ("asked", "By the number of events: a part, and questions", "events", [
            f.key for f in BY_EVENTS if f.key in ASKED]),
        ("rules", "By the number of rules", "rules", ["compile", "r_replay"]),
        ("processes", "By the number of processes that are there at once", "processes",
         [f.key for f in BY_PROCESSES]),
        ("live", "By the number of processes of the machine that is recorded", "processes",
         ["snapshot", "record"]),
    ]
    tables = []
    for name, title, unit, keys in groups:
        notes = [f"The least of {ROUNDS} rounds over all sizes."] if name in BY_TURNS else []
        tables.append(table(ctx, points, title, unit, keys, notes))
        if plot(ctx, have, points, name, title, unit, keys):
            tables[-1]["notes"].append(f"![{title}](growth-{name}.svg)")
    return tables
