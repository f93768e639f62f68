# SPDX-License-Identifier: BSD-2-Clause
"""The recorder under the load of a crowd: what was offered, what is on tape, and what it took."""

import glob
import json
import os
import re
import subprocess
import threading
import time

import results

KINDS = {"call": ("--syscalls", "getppid"), "file": (), "name": ()}


def crowd(ctx, kind, processes, rate, seconds):
    return [os.path.join(ctx.bench, "crowd"), kind, str(processes), str(int(rate)), str(seconds)]


def info(ctx, capture):
    done = subprocess.run(
        [ctx.reel, "info", "--json", capture], check=False, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout)


class Watcher:
    """CPU time of a process, and memory that is neither a file's nor a ring's, while it works."""

    def __init__(self, every_s=0.2):
        self.every_s, self.seen = every_s, []

    def __call__(self, pid):
        now = time.monotonic()
        if self.seen and now - self.seen[-1][0] < self.every_s:
            return
        try:
            cpu_ns = 0
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                with open(path, encoding="ascii") as f:
                    cpu_ns += int(f.read().split()[0])
        except OSError:
            return
        self.seen.append(
            (now, cpu_ns, results.own_kib(pid))
        )

    def share(self, begin_s, end_s):
        """Of one CPU, between two moments."""
        span = [s for s in self.seen if begin_s <= s[0] <= end_s]
        if len(span) < 2:
            return float("nan")
        return (span[-1][1] - span[0][1]) / 1e9 / (span[-1][0] - span[0][0])

    def since(self, begin_s):
        """All CPU time from a moment on, in ns."""
        before = [s for s in self.seen if s[0] <= begin_s] or self.seen[:1]
        return self.seen[-1][1] - before[-1][1]


class Result:
    def __init__(self, made, seconds, load_cpu_s):
        self.made, self.seconds, self.load_cpu_s = made, seconds, load_cpu_s
        self.offered = made / seconds


def bare(ctx, kind, processes, rate, seconds, cpus=None):
    said = json.loads(ctx.cost(_on(cpus) + crowd(ctx, kind, processes, rate, seconds)).out)
    return Result(said["made"], seconds, said["cpu_s"])


def _on(cpus):
    return ["taskset", "-c", cpus] if cpus else []


def recorded(ctx, kind, processes, rate, seconds, cpus=None, options=(), command=None):
    """A crowd, or a command that prints what crowds print, recorded."""
    place = os.path.join(ctx.work, "load")
    subprocess.run(["rm", "-rf", place], check=True)
    os.makedirs(place)
    capture, metrics, watcher = (
        os.path.join(place, "tape"),
        os.path.join(place, "metrics"),
        Watcher(),
    )
    command = command or crowd(ctx, kind, processes, rate, seconds)
    done = ctx.cost(
        _on(cpus)
        + [
            ctx.reel,
            "record",
            "-q",
            "-o",
            capture,
            "--metrics-file",
            metrics,
            *KINDS[kind],
            *options,
            "--",
            *command,
        ],
        sample=watcher,
        cwd=place,
    )
    said = [json.loads(line) for line in done.out.splitlines()]
    if done.status or not said:
        raise RuntimeError(done.err.decode("utf-8", "replace"))
    result = Result(sum(s["made"] for s in said), seconds, sum(s["cpu_s"] for s in said))
    told = info(ctx, capture)
    result.kept = told["counted"]["kept"] + told["counted"]["folded"]
    result.lost, result.bytes = told["lost"], told["stored_bytes"]
    result.events = told["events"]
    begin_s = min(s["begin_s"] for s in said)
    result.cpu = watcher.share(begin_s + 0.1 * seconds, begin_s + 0.95 * seconds)
    result.ns_each = watcher.since(begin_s) / max(1, result.kept)
    result.watched = watcher.seen
    with open(metrics, encoding="utf-8") as f:
        text = f.read()
    result.memory_mib = float(re.search(r"^reel_memory_bytes (\S+)", text, re.M)[1]) / 2**20
    result.ring_percent = float(re.search(r"^reel_ring_high_percent (\S+)", text, re.M)[1])
    return result


class Busy:
    """As many processes as there are CPUs that do nothing else than compute."""

    def __enter__(self):
        self.children = [
            subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"])
            for _ in range(os.cpu_count())
        ]

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()


class Sink(threading.Thread):
    """What a tape is written to: so many bytes a second, or one that stands still for a while."""

    def __init__(self, source, path, bytes_per_s=None, still=None):
        super().__init__()
        self.source, self.path, self.bytes_per_s, self.still = source, path, bytes_per_s, still
        self.begun = time.monotonic()

    def run(self):
        taken = 0
        with open(self.path, "wb") as to:
            while True:
                after_s = time.monotonic() - self.begun
                if self.still and self.still[0] <= after_s < self.still[1]:
                    time.sleep(self.still[1] - after_s)
                piece = os.read(self.source.fileno(), 4096)
                if not piece:
                    return
                to.write(piece)
                taken += len(piece)
                if self.bytes_per_s:
                    time.sleep(max(0, self.begun + taken / self.bytes_per_s - time.monotonic()))


def onto(ctx, processes, rate, seconds, bytes_per_s=None, still=None):
    """A crowd that is recorded to standard output, and what became of it."""
    path, ready = os.path.join(ctx.work, "stream.rls"), os.pipe()
    load = subprocess.Popen(
        [
            "/bin/sh",
            "-c",
            'read -r go; exec "$@"',
            "sh",
            *crowd(ctx, "file", processes, rate, seconds),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    recorder = subprocess.Popen(
        [ctx.reel, "record", "-q", "-o", "-", "-p", str(load.pid), "--ready-fd", str(ready[1])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pass_fds=[ready[1]],
    )
    os.close(ready[1])
    sink = Sink(recorder.stdout, path, bytes_per_s, still)
    try:
        sink.start()
        os.read(ready[0], 1)
        sink.begun = time.monotonic()
        out, _ = load.communicate(b"go\n")
        begun = time.monotonic()
        recorder.terminate()
        recorder.wait()
        sink.join()
    finally:
        os.close(ready[0])
        for child in (recorder, load):
            if child.poll() is None:
                child.kill()
                child.wait()
    result = Result(json.loads(out)["made"], seconds, 0)
    told = info(ctx, path)
    result.kept, result.lost = told["counted"]["kept"] + told["counted"]["folded"], told["lost"]
    result.end_s, result.bytes = time.monotonic() - begun, os.path.getsize(path)
    result.told = len(told["losses"]) if told["lost"] else 0
    os.unlink(path)
    return result
