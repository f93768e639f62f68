#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""How reel compares with what else there is, measured on this machine in one run: `make bench`.

	bench.py [--quick] [--only NAME]... [--scale X]
	bench.py --list
	bench.py --render

Each section is a module b_NAME.py with NAME, TITLE and run(ctx), which returns tables. What is measured
is kept in .output/bench-results.json, a section at a time, and RESULTS.md is made of that: --only
measures some sections again and leaves the others as they are, --render only writes the file.

--quick is a test: the sections that have QUICK, each for seconds, with bounds that only something badly
wrong would miss. Nothing is written down. It says "ok" and "not ok", like every test.

Only processes that a section has started itself are recorded, by reel and by the others.
"""

import argparse
import glob
import importlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

import results  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(HERE)))
OUT = os.path.join(SRC, ".output")
UNITS = {"K": 10 ** 3, "M": 10 ** 6, "G": 10 ** 9}

# The order of the sections, which is that of the questions; others come behind.
ORDER = ["probe", "record", "vm", "load", "format", "read", "rules", "case", "growth"]

# How a tool says which one it is.
VERSIONS = {
    "perf": ["perf", "version"],
    "trace-cmd": ["trace-cmd", "--version"],
    "strace": ["strace", "--version"],
    "bpftrace": ["bpftrace", "--version"],
    "nginx": ["nginx", "-v"],
    "wrk": ["wrk", "-v"],
    "sysdig": ["sysdig", "--version"],
    "zstd": ["zstd", "--version"],
    "gcc": ["gcc", "--version"],
    "sqlite3": ["sqlite3", "--version"],
    "tar": ["tar", "--version"],
}
VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*(?:-\w+)?")


def count_of(text):
    return int(float(text.rstrip("KMG")) * UNITS.get(text[-1], 1))


class Cost:
    """What a command took, with all its children that it waited for."""

    def __init__(self, status, used, wall_s, out, err):
        self.status, self.wall_s, self.out, self.err = status, wall_s, out, err
        self.user_s, self.sys_s = used.ru_utime, used.ru_stime
        self.cpu_s = used.ru_utime + used.ru_stime
        self.max_rss_kib = used.ru_maxrss


class Context:
    """What a section has to do with."""

    def __init__(self, quick, scale, work):
        self.src, self.work, self.quick, self.scale = SRC, work, quick, scale
        self.reel = os.environ.get("REEL", os.path.join(OUT, "reel"))
        self.bench = os.environ.get("BENCH", os.path.join(OUT, "bench"))
        self.cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
                                  "reel-bench")
        self.checks, self.missed_tools, self.tools = [], [], {}
        self._captures = {}

    @staticmethod
    def say(text):
        print(f"# {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    @staticmethod
    def median(values):
        return statistics.median(values)

    @staticmethod
    def spread(values):
        """How far apart they are."""
        return f"{results.number(min(values))}..{results.number(max(values))}"

    @staticmethod
    def table(title, columns, rows, notes=(), commands=()):
        return {"title": title, "columns": list(columns), "rows": [list(r) for r in rows],
                "notes": list(notes), "commands": list(commands)}

    def check(self, name, value, budget, unit, better="less", generous=None, floor=None):
        """A budget. Of generous, a bound for busy machines, is a test made: without it there is none.
        Floor: a value that nobody can do better than, measured beside it, and what is behind it."""
        bound = generous if self.quick else budget
        if bound is not None:
            self.checks.append({"name": name, "value": value, "budget": bound, "unit": unit,
                                "better": better, "floor": floor,
                                "holds": value <= bound if better == "less" else value >= bound})
        return value

    def missing(self, tool, why):
        """A peer that is not there, or does not run on this machine."""
        self.missed_tools.append({"tool": tool, "why": why})

    def tool(self, name):
        """Where it is, or None: installed, or taken out of its package. Its version goes to the results."""
        places = [os.environ.get("PATH", ""), "/usr/sbin", "/sbin",
                  *glob.glob(os.path.join(self.cache, "deb", "*", "usr", "*bin"))]
        path = shutil.which(name, path=":".join(places))
        if path and name not in self.tools:
            said = subprocess.run([path] + VERSIONS.get(name, [name, "--version"])[1:], check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT).stdout.decode("utf-8", "replace")
            found = VERSION.search(said)
            self.tools[name] = found.group(0) if found else "?"
        return path

    def cost(self, argv, stdout=None, stderr=None, timeout_s=600, sample=None, **kw):
        """Runs it. stdout and stderr are files, or kept; sample(pid) is called a hundred times a second.
        What takes longer than timeout_s is ended with its children, and its status is negative."""
        with tempfile.TemporaryFile(dir=self.work) as out, \
             tempfile.TemporaryFile(dir=self.work) as err:
            begun = time.monotonic()
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout or out,
                                     stderr=stderr or err, start_new_session=True, **kw)
            too_long = threading.Timer(timeout_s, os.killpg, (child.pid, signal.SIGKILL))
            too_long.start()
            try:
                ended = 0
                while not ended:
                    ended, raw, used = os.wait4(child.pid, os.WNOHANG if sample else 0)
                    if not ended:
                        sample(child.pid)
                        time.sleep(0.01)
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                raise
            finally:
                too_long.cancel()
            wall_s = time.monotonic() - begun
            child.returncode = os.waitstatus_to_exitcode(raw)
            out.seek(0)
            err.seek(0)
            return Cost(child.returncode, used, wall_s, out.read(), err.read())

    def policies(self, n):
        """A file of that many, made up."""
        path = os.path.join(self.work, f"{n}.policy")
        if not os.path.exists(path):
            make = os.path.join(self.src, "tests", "bench", "make_policies.py")
            with open(path, "wb") as f:
                subprocess.run([sys.executable, make, str(n)], check=True, stdout=f)
        return path

    def capture(self, events, seed=1, rate=13900, options=()):
        """A capture that gen makes, once in a run: (directory, events). It is in memory when this is back."""
        key = (events, seed, rate, tuple(options))
        if key not in self._captures:
            path = os.path.join(self.work, f"capture-{events}-{seed}-{rate}-{len(options)}")
            self.say(f"a capture of {events:,} events is made")
            done = subprocess.run([os.path.join(self.bench, "gen"), "-o", path, "-n", str(events), "-s",
                                   str(seed), "--rate", str(rate), "--batch", "4000000", "--in-line",
                                   "--no-sync", *options], check=True, stdout=subprocess.PIPE)
            for segment in glob.glob(os.path.join(path, "*.rls")):
                with open(segment, "rb") as f:
                    while f.read(1 << 20):
                        pass
            self._captures[key] = path, json.loads(done.stdout.splitlines()[-1])
        return self._captures[key]

    def libzstd_ns(self, capture, what="unpack", runs=3):
        """What libzstd alone takes for the bodies of a capture, ns of CPU an event: nobody who keeps them
        so can be faster, and what lies above is reel's own."""
        out = self.cost([os.path.join(self.bench, "read_bench"), capture, str(runs), "libzstd-" + what]).out
        said = json.loads(out.splitlines()[-1])
        return said["cpu_s"] / said["events"] * 1e9

    def capture_drop(self, events, seed=1, rate=13900, options=()):
        """One that nobody needs any more."""
        path, _ = self._captures.pop((events, seed, rate, tuple(options)), (None, None))
        if path:
            shutil.rmtree(path)


def sections():
    """Modules by name, in their order."""
    found = {}
    for path in sorted(glob.glob(os.path.join(HERE, "b_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        found[module.NAME] = module
    known = [n for n in ORDER if n in found]
    return {n: found[n] for n in known + [n for n in found if n not in known]}


def measure(module, quick, scale):
    """The results of one section."""
    with tempfile.TemporaryDirectory(prefix="reel-bench.",
                                     dir=os.environ.get("TMPDIR", "/var/tmp")) as work:
        ctx = Context(quick, scale, work)
        ctx.say(module.TITLE)
        before, begun = os.getloadavg(), time.monotonic()
        tables = module.run(ctx)
        return {"title": module.TITLE, "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
                "took_s": round(time.monotonic() - begun), "scale": scale,
                "load_before": before, "load_after": os.getloadavg(), "tools": ctx.tools,
                "machine": results.machine(work), "tables": tables, "checks": ctx.checks,
                "missing": ctx.missed_tools}


def run_quick(modules, scale):
    """As a test. What a module cannot do here is no success."""
    n = failed = 0
    for module in modules:
        if not getattr(module, "QUICK", False):
            continue
        result = measure(module, True, scale)
        for check in result["checks"]:
            n, failed = n + 1, failed + (not check["holds"])
            sign = "at most" if check["better"] == "less" else "at least"
            print(f"{'ok' if check['holds'] else 'not ok'} {n} - {check['name']}: "
                  f"{results.number(check['value'])} {check['unit']}, {sign} "
                  f"{results.number(check['budget'])}", flush=True)
        if not result["checks"] and not result["missing"]:
            n, failed = n + 1, failed + 1
            print(f"not ok {n} - {result['title']}: nothing was measured")
        for missing in result["missing"]:
            n += 1
            print(f"ok {n} - {result['title']}: {missing['tool']} # SKIP {missing['why']}")
    print(f"1..{n}")
    return failed != 0


def write_results(found):
    """RESULTS.md, of all that is kept. Returns it."""
    kept = results.load(OUT)
    in_order = {n: kept[n] for n in found if n in kept}
    results.render(os.path.join(HERE, "RESULTS.md"), in_order)
    return in_order


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="this section, several times")
    parser.add_argument("--quick", action="store_true", help="as a test, in seconds")
    parser.add_argument("--scale", type=float, default=float(os.environ.get("REEL_BENCH_SCALE", 1)),
                        help="that many times as many events")
    parser.add_argument("--render", action="store_true", help="only write RESULTS.md")
    parser.add_argument("--list", action="store_true", help="show the sections")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found = sections()
    for name in options.only or []:
        if name not in found:
            parser.error(f"no section {name}; there are {', '.join(found)}")
    chosen = [m for n, m in found.items() if not options.only or n in options.only]
    if options.list:
        for module in found.values():
            print(f"{module.NAME:10} {module.TITLE}")
        return 0
    if options.quick:
        return run_quick(chosen, options.scale)
    # Who ends it loses no more than the section that is being measured.
    for module in [] if options.render else chosen:
        results.store(OUT, {**results.load(OUT), module.NAME: measure(module, False, options.scale)})
        write_results(found)
    in_order = write_results(found)
    missed = [c for r in in_order.values() for c in r["checks"] if not c["holds"]]
    for check in missed:
        print(f"MISSED: {check['name']}: {results.number(check['value'])} {check['unit']}, "
              f"budget {results.number(check['budget'])}", file=sys.stderr)
    return 1 if missed and not options.render else 0


if __name__ == "__main__":
    sys.exit(main())
