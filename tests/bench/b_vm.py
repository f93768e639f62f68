# SPDX-License-Identifier: BSD-2-Clause
"""Recorders that do not run on every machine, on Debian's 6.1 kernel in QEMU: all in one boot.

Emulated, so that only ratios within the boot mean anything: a clock read, for one, costs ten times what
it does on hardware, and sysdig and reel pay it alike. What is recorded is kept for b_read.py.
"""

import glob
import json
import os
import re
import shutil
import subprocess

import zstandard

import b_probe
import peers
import vm_guest

NAME = "vm"
TITLE = "Recording in QEMU: sysdig and auditd too"

# Many and short: a round that other work does not interrupt is the one that counts.
ROUNDS = {"getpid": 60, "open": 12, "exec": 12}
LOOPS = {"getpid": 5000, "open": 600, "exec": 4}
CALLS = {"getpid": 1, "open": 3, "exec": 33}
MIX_ROUNDS = 4
TIMEOUT_S = 2400
MEMORY_MIB = 3072

# What people do, small enough for an emulated machine.
MIX = """
i=0
while [ $i -lt $1 ]; do
	find /usr/include /usr/lib/python3 -name '*.h' >/dev/null
	tar cf - /usr/include/linux 2>/dev/null | cat >/tmp/mix.tar
	grep -rl __u64 /usr/include/linux >/dev/null
	for f in 1 2 3 4 5 6 7 8 9 10; do
		cp /etc/passwd /tmp/mix.$f; sort /tmp/mix.$f | head -n 3 >/dev/null; rm /tmp/mix.$f
	done
	ls -lR /usr/share/doc/g* >/dev/null
	i=$((i + 1))
done
"""


def spec_of(ctx, have, tree):
    if not have.visible:
        raise peers.Unable(f"the guest does not see {have.root}: XDG_CACHE_HOME is to lie elsewhere")
    spec = {"reel": [ctx.reel], "bench": ctx.bench, "rounds": ROUNDS, "loops": LOOPS,
            "mix": MIX, "mix_rounds": MIX_ROUNDS,
            "probes": {"record_hook": [os.path.join(ctx.bench, "record_hook"), "10", "10000"]}}
    for name in ("perf", "sysdig", "trace-cmd", "auditd", "auditctl"):
        spec[name] = have.argv(name)
    if spec["sysdig"]:
        try:
            spec["scap"] = have.scap_module(tree)
        except (peers.Unable, OSError, IndexError) as e:
            ctx.missing("sysdig", f"its module is not built: {e}")
    return spec


def boot(ctx, spec, out):
    path = os.path.join(ctx.src, ".output", "vm-spec.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(spec, f)
    argv = [os.path.join(ctx.src, "tests", "kernel", "vm"), "--timeout", str(TIMEOUT_S), "--memory",
            str(MEMORY_MIB), "--out", out, "--", "/usr/bin/python3",
            os.path.join(ctx.src, "tests", "bench", "vm_guest.py"), path]
    machine = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    said = []
    for line in machine.stdout:
        said.append(line.strip())
        if line.startswith("#"):
            ctx.say(line[1:].strip())
    machine.wait()
    os.unlink(path)
    measured = os.path.join(out, "measured.json")
    if machine.returncode or not os.path.exists(measured):
        raise peers.Unable(f"the guest ended with {machine.returncode}: {' '.join(said[-3:])}")
    with open(measured, encoding="utf-8") as f:
        return json.load(f)


# What was recorded ---------------------------------------------------------------------------------


def bytes_of(path):
    if os.path.isdir(path):
        return sum(os.path.getsize(p) for p in glob.glob(os.path.join(path, "*.rls")))
    return os.path.getsize(path)


def packed_bytes(path):
    """What zstd -3 makes of it."""
    total = 0
    for name in glob.glob(os.path.join(path, "*.rls")) if os.path.isdir(path) else [path]:
        compressor = zstandard.ZstdCompressor(level=3).compressobj()
        with open(name, "rb") as f:
            while chunk := f.read(1 << 20):
                total += len(compressor.compress(chunk))
        total += len(compressor.flush())
    return total


def said_by(argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False, text=True, errors="replace").stdout


def of_reel(ctx, _, path, said):
    info = json.loads(said_by([ctx.reel, "info", "--json", path]))
    return info["counted"]["kept"], info["counted"]["lost"]


def of_sysdig(_ctx, _have, _path, said):
    found = re.search(r"Driver Events:(\d+)\s+Driver Drops:(\d+)", said)
    return (int(found[1]), int(found[2])) if found else ("-", "-")


def of_perf(_, have, path, said):
    report = said_by([*have.argv("perf"), "report", "--stats", "-i", path])
    events = re.search(r"SAMPLE events:\s*(\d+)", report)
    lost = re.findall(r"LOST\w* events:\s*(\d+)", report)
    return int(events[1]) if events else "-", sum(map(int, lost[:2]))


def of_trace_cmd(_, have, path, said):
    report = said_by([*have.argv("trace-cmd"), "report", "-i", path])
    lost = sum(map(int, re.findall(r"(?<!commit )overrun: (\d+)", said)))
    return report.count(" sys_enter: ") + report.count(" sys_exit: "), lost


COUNTERS = {"reel": of_reel, "reel-default": of_reel, "sysdig": of_sysdig, "sysdig-z": of_sysdig,
            "trace-cmd": of_trace_cmd, "perf": of_perf, "perf-z": of_perf}

CALLED = {
    "reel": "reel, all calls", "reel-default": "reel, as it is without options",
    "sysdig": "sysdig -w", "sysdig-z": "sysdig -z -w", "trace-cmd": "trace-cmd, raw_syscalls",
    "perf": "perf record, raw_syscalls", "perf-z": "perf record -z, raw_syscalls",
    "audit-on": "audit switched on, no rules", "auditd": "auditd, openat execve getpid",
}

DIFFERENCES = [
    "reel, perf and trace-cmd record the processes of the loop; sysdig and auditd the machine, whose "
    "other events are in their counts.",
    "One event a call: reel, with its result, the path and whose it is. Two: sysdig, with arguments and "
    "what it knows of descriptors; perf and trace-cmd, raw numbers. auditd: several lines an event, of the "
    "three calls named only.",
    "For each open reel finds out in the kernel which file it is, with the whole path. Before Linux 6.2 that "
    "is many calls of helpers, which cost little (1 us in all) but not where they are emulated. The others "
    "keep what the program passed, or of it the address.",
    "reel without options does not record getpid(), and of reads the first of each open file.",
    "reel's file begins with the state of the machine, which weighs where the events are few; "
    "in bytes an event it is counted.",
]


def counts(ctx, have, out, tool, load):
    """Events, lost, bytes an event, and after zstd -3."""
    if tool == "auditd":
        lost = re.search(r"^lost (\d+)", load["said"].split("enabled")[-1], re.M)
        return load["events"], int(lost[1]) if lost else "-", load["bytes"] / max(1, load["events"]), "-"
    if tool not in COUNTERS or not load.get("file"):
        return "-", "-", "-", "-"
    path = os.path.join(out, load["file"])
    events, lost = COUNTERS[tool](ctx, have, path, load["said"])
    if not isinstance(events, int) or events < 1:
        return events, lost, "-", "-"
    return events, lost, bytes_of(path) / events, packed_bytes(path) / events


def least(measured, kind):
    """Without a recorder, at any time of the boot: other work on the machine only makes it dearer."""
    return min(measured["bare"][kind])


def table_of(ctx, have, out, measured, kind):
    rows = []
    for tool, one in measured["tools"].items():
        load = one["loads"][kind]
        if not load["ns"]:
            ctx.missing(tool, f"{kind} did not run: {load.get('said', '')[-200:].strip()}")
            continue
        bare, ns = least(measured, kind), min(load["ns"])
        rows.append([CALLED[tool], bare, ns, ns / bare, (ns - bare) / CALLS[kind],
                     ctx.spread(load["ns"]), *counts(ctx, have, out, tool, load)])
    return ctx.table(f"In QEMU: {kind}, {LOOPS[kind]:,} times",
                     ["recorder", "bare ns", "ns", "x", "added ns a call", "span", "events", "lost",
                      "bytes an event", "after zstd -3"], rows,
                     notes=[f"The least of {ROUNDS[kind]} rounds with the recorder, and of "
                            f"{len(measured['bare'][kind])} without, by turns, by the clock of the guest, "
                            "which runs too fast where the machine was busy at boot. A round makes "
                            f"{CALLS[kind]} call{'s' if CALLS[kind] > 1 else ''}."])


def probe_table(ctx, measured):
    lines = [line for line in measured["probes"].get("record_hook", "").splitlines()
             if line.startswith("{")]
    found = {one["what"]: one for one in map(json.loads, lines)}
    if "base" not in found:
        ctx.missing("record_hook", "it did not run in the guest")
        return []
    base = found["base"]["ns"]
    seed = b_probe.SEED
    rows = []
    for what, said in {**b_probe.SAID, **b_probe.RECORDER}.items():
        if what not in found:
            continue
        one = found[what]
        if "error" in one:
            rows.append([said, "-", "-", one["error"], "-", "-"])
            continue
        alone = found["base-2"]["ns"] if what.endswith("-2") and "base-2" in found else base
        rows.append([said, one["ns"], one["ns"] - alone, ctx.spread(one["rounds_ns"]),
                     seed.get(what, "-"), seed[what] - seed["base"] if what in seed else "-"])
    return [ctx.table("In QEMU: getpid() under probes, where fentry and kprobe load too",
                      ["probe", "ns", "added ns", "span", "the seed's ns", "the seed's added"], rows,
                      notes=["Emulated: a clock read costs several times what an empty probe does, and is "
                             "in all that reel records; what reads none compares with hardware."],
                      commands=["record_hook 10 10000"])]


def keep_for_reading(ctx, out, measured):
    """The same work as each of them tells it: b_read.py reads it."""
    place = os.path.join(ctx.cache, "mix")
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    for name in [*measured["mix"]["files"], "mix-audit.log"]:
        path = os.path.join(out, name)
        if os.path.exists(path):
            shutil.move(path, os.path.join(place, name))


def run(ctx):
    if os.geteuid():
        ctx.missing("QEMU", "only root can start the guest")
        return []
    have = peers.Peers(ctx)
    out = os.path.join(ctx.work, "out")
    try:
        spec = spec_of(ctx, have, peers.kernel(ctx))
        measured = boot(ctx, spec, out)
    except peers.Unable as e:
        ctx.missing("QEMU", str(e))
        return []
    if measured.get("insmod"):
        ctx.missing("sysdig", f"its module is not loaded: {measured['insmod'].strip()}")
    tables = probe_table(ctx, measured)
    tables += [table_of(ctx, have, out, measured, kind) for kind in LOOPS]
    tables[-1]["notes"] += DIFFERENCES
    tables[-1]["commands"] += dict.fromkeys(plain(ctx, one["argv"]) for one in measured["tools"].values())
    tools = measured["tools"]
    if all(t in tools and tools[t]["loads"]["getpid"]["ns"] for t in ("reel", "sysdig")):
        added = [min(tools[t]["loads"]["getpid"]["ns"]) - least(measured, "getpid")
                 for t in ("reel", "sysdig")]
        ctx.check("what reel adds to getpid in QEMU, of what sysdig adds", added[0] / added[1], 1, "x")
    keep_for_reading(ctx, out, measured)
    return tables


def plain(ctx, argv):
    """As somebody else would begin it."""
    words = [w for w in argv if w != "/usr/bin/env" and not w.startswith("LD_LIBRARY_PATH=")]
    return " ".join(os.path.basename(w) if os.path.isabs(w) and i == 0 else w
                    for i, w in enumerate(words)).replace(ctx.reel, "reel").replace(vm_guest.WORK, "DIR")
