# SPDX-License-Identifier: BSD-2-Clause
"""Recorders that do not run on every machine, on Debian's 6.1 kernel in QEMU: all in one boot.

Emulated, so that only ratios within the boot mean anything: a clock read, for one, costs ten times what
it does on hardware, and sysdig and reel pay it alike. What is recorded is kept for b_read.py.
"""

import json
import os
import re
import shutil
import subprocess

import peers

NAME = "vm"
TITLE = "Recording in QEMU: sysdig and auditd too"

ROUNDS = 5
LOOPS = {"getpid": 100000, "open": 15000, "exec": 40}
CALLS = {"getpid": 1, "open": 3, "exec": 33}
MIX_ROUNDS = 12
TIMEOUT_S = 1500
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
    def argv(name):
        return have.argv(name)

    if not have.visible:
        raise peers.Unable(f"the guest does not see {have.root}: XDG_CACHE_HOME is to lie elsewhere")
    spec = {"reel": [ctx.reel], "bench": ctx.bench, "rounds": 2 if ctx.quick else ROUNDS,
            "loops": {k: max(1, n // 10) if ctx.quick else n for k, n in LOOPS.items()},
            "mix": MIX, "mix_rounds": 1 if ctx.quick else MIX_ROUNDS,
            "probes": {"record_hook": [os.path.join(ctx.bench, "record_hook"), "10", "20000"]}}
    for name in ("perf", "sysdig", "trace-cmd", "auditd", "auditctl"):
        spec[name] = argv(name)
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
