#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 280
# trust-checks: What is done to a recorder is on its tape, as an event or as a loss | attacks by root in its scope
"""The recorder under attack, by root, in its scope: what happened is on tape, as an event or as a loss.

Only recorders that are started here are attacked. record/THREATS.md has the table of it.
attacks.py NAME... runs only these.
"""

import json
import os
import re
import shutil
import signal
import sys
import time

sys.dont_write_bytecode = True
import expect
from suite import CLASSES, HERE, REEL, SRC, Suite, dump, output, program, record, run
from tally import Tape, compare_gaps, compare_sums, compare_told, lost

PYTHON = "/usr/bin/python3"
EPERM, EOPNOTSUPP = 1, 95
MAP_UPDATE, PROG_LOAD, LINK_UPDATE, LINK_DETACH = 2, 5, 29, 34
suite = Suite()


def sh(capture, script, *options, **more):
    """A script under a recorder, which it knows as $PPID."""
    return record(capture, ["/bin/sh", "-c", script], *options, **more)


def events(capture, *types):
    return list(dump(capture, "--type", ",".join(types)))


def warnings(capture, *words):
    return [e["text"] for e in events(capture, "warning") if all(w in e["text"] for w in words)]


def verified(capture):
    return run([REEL, "verify", capture])


def has(capture, kind, **fields):
    """Events with these fields; a string is found anywhere in the field."""
    def fits(e):
        return all(v in str(e.get(k)) if isinstance(v, str) else e.get(k) == v for k, v in fields.items())
    return [e for e in events(capture, kind) if fits(e)]


def liar():
    """attack.c: a program that says something else than it is."""
    os.mkdir("liar")
    done = record(os.path.abspath("liar.reel"), [program("attack")], "-e", CLASSES, "--io", "all",
                  "--content", "64", cwd="liar")
    text = done.stdout.decode()
    suite.say(done.returncode == 0 and text, "liar: is recorded", output(done))
    suite.say(verified("liar.reel").returncode == 0, "liar: the capture is whole")
    tape = expect.Events(dump("liar.reel"))
    suite.none("liar: nothing is lost", map(str, tape.by_type.get("lost", [])))
    for case, complaints, skip in expect.check(text, tape):
        if skip and not complaints:
            suite.skip(f"liar: {case}", skip)
        else:
            suite.none(f"liar: {case}", complaints)


def identity():
    """What rules say of it: the program is what was executed, not what it is called."""
    os.mkdir("identity")
    record(os.path.abspath("identity.reel"), [program("attack"), "name"], cwd="identity")
    with open("identity.policy", "w", encoding="utf-8") as f:
        f.write('path "as it is" { mkdir { path endswith "/as-kworker", exe endswith "/attack" } }\n'
                'path "as it says" { mkdir { path endswith "/as-kworker", comm == "kworker/0:1" } }\n'
                'path "as it was" { mkdir { path endswith "/as-kworker", exe endswith "/kworker" } }\n')
    done = run([REEL, "replay", "--json", "-r", "identity.policy", "identity.reel"])
    found = sorted(row["rule"] for row in map(json.loads, done.stdout.splitlines()) if "finding" in row)
    suite.same("identity: rules see file and name", found, ["as it is", "as it says"])


def bpf(mode, *options):
    """attack_bpf.py: what it tried, and the capture."""
    capture = f"bpf-{mode}.reel"
    done = record(capture, [PYTHON, os.path.join(HERE, "attack_bpf.py"), mode], *options)
    suite.say(done.returncode == 0, f"bpf {mode}: is recorded", output(done))
    return [json.loads(line) for line in done.stdout.splitlines()], capture


def bpf_maps():
    tried, capture = bpf("maps")
    suite.say(verified(capture).returncode == 0, "bpf maps: the capture is whole")
    suite.say(len(tried) > 20, "bpf maps: there were some", str(len(tried)))
    open_ones = {t["map"] for t in tried if -EPERM not in (t["update"], t["delete"]) or t["update"] >= 0}
    suite.same("bpf maps: only these can be changed", open_ones, {".data.user"})
    told = [e["status"] for e in events(capture, "coverage") if e["hook"] == "frozen maps"]
    suite.same("bpf maps: coverage says so", told, ["loaded"])
    suite.same("bpf maps: each try to change one is an event",
               len(has(capture, "bpf", cmd=MAP_UPDATE, ret=-EPERM)), len(tried) - 1)


def bpf_probes():
    _, capture = bpf("probes", "-e", "+user")
    suite.same("bpf probes: that they were ended is told", len(warnings(capture, "probes")), 1)


def bpf_links():
    tried, capture = bpf("links")
    suite.say(len(tried) > 10, "bpf links: there were some", str(len(tried)))
    suite.same("bpf links: none can be detached", {t["detach"] for t in tried}, {-EOPNOTSUPP})
    suite.same("bpf links: each try is an event", len(has(capture, "bpf", cmd=LINK_DETACH)), len(tried))


def bpf_iterator():
    tried, capture = bpf("iterator")
    taken = sum(t["update"] >= 0 for t in tried)
    suite.same("bpf iterator: one can be replaced", taken, 1)
    suite.same("bpf iterator: it is told", len(warnings(capture, "iter/task")), 1)
    last = [e for e in events(capture, "coverage") if e["hook"] == "iter/task"][-1]
    suite.same("bpf iterator: coverage says that it is not there any more", last["status"], "refused")
    suite.say(has(capture, "bpf", cmd=LINK_UPDATE, ret=0), "bpf iterator: the call is an event")


def bpf_ring():
    tried, capture = bpf("ring")
    made = tried[-1]["made"]
    suite.same("bpf ring: it is told", len(warnings(capture, "ring")), 1)
    tape = Tape(capture)
    suite.say(lost(tape, cause="recorder stopped") > made // 2, "bpf ring: what was taken is lost",
              f"{lost(tape)} lost, {made} made")
    suite.none("bpf ring: sums by CPU and class", compare_sums(tape))
    suite.none("bpf ring: what was lost is told", compare_told(tape))
    suite.same("bpf ring: reel info says so", run([REEL, "info", capture]).returncode, 4)


def bpf_forge():
    tried, capture = bpf("forge")
    suite.same("bpf forge: it can be done", [t["ran"] for t in tried], [0, 0, 0])
    suite.same("bpf forge: three are on tape", len(has(capture, "seccomp", pid=4242)), 3)
    suite.same("bpf forge: and that they are too many", len(warnings(capture, "3 records more")), 1)
    suite.same("bpf forge: verify finds that their numbers are not in order", verified(capture).returncode, 3)
    suite.say(has(capture, "bpf", cmd=PROG_LOAD), "bpf forge: the program is an event")


def killed():
    """SIGKILL by what is recorded: all is there but the last half second."""
    done = sh("killed.reel", "mkdir before; sleep 1.5; kill -9 $PPID; sleep 0.2; mkdir after")
    suite.same("killed: the recorder is", done.returncode, -signal.SIGKILL)
    suite.say(os.path.isdir("before"), "killed: not before the command was at work")
    suite.say(has("killed.reel", "mkdir", path="/before", ret=0), "killed: what was before is on tape")
    check = verified("killed.reel")
    suite.say(check.returncode == 4 and b"no END" in check.stdout, "killed: verify says how it ended",
              output(check))
    shown = run([REEL, "info", "killed.reel"])
    suite.say(b"complete, nothing was lost" not in shown.stdout, "killed: info calls it no complete one",
              output(shown))
    done = sh("killed.reel", "mkdir again")
    suite.say(done.returncode == 0, "killed: the capture is gone on with", output(done))
    suite.say(has("killed.reel", "mkdir", path="/again", ret=0), "killed: by the next recorder")
    check = verified("killed.reel")
    suite.say(check.returncode == 4 and b"no END" in check.stdout,
              "killed: it is still seen that one was killed", output(check))


def stopped():
    """SIGSTOP by what is recorded, and a flood meanwhile."""
    script = ("sleep 0.5; kill -STOP $PPID; end=$(($(date +%s) + 4)); "
              "while [ $(date +%s) -lt $end ]; do i=0; while [ $i -lt 2000 ]; do "
              "true <nothing-$i; true >/dev/null; i=$((i + 1)); done; done 2>/dev/null; kill -CONT $PPID; sleep 0.5")
    done = sh("stopped.reel", script, "--ring", "1", "--io", "all")
    suite.say(done.returncode == 0, "stopped: goes on afterwards", output(done))
    suite.say(has("stopped.reel", "kill", signal=signal.SIGSTOP.value), "stopped: the signal is an event")
    tape = Tape("stopped.reel")
    suite.say(lost(tape, cause="ring full") > 0, "stopped: what did not fit is lost")
    suite.none("stopped: sums by CPU and class", compare_sums(tape))
    suite.none("stopped: what is missing is what was lost", compare_gaps(tape))
    told = warnings("stopped.reel", "did not run for")
    suite.same("stopped: that it was is told", len(told), 1)
    seconds = float(told[0].split("did not run for ")[1].split(" ")[0]) if told else 0
    suite.say(3 <= seconds <= 20, "stopped: and for how long", str(told))


def removed():
    """The segment that is being written is removed, and the next one is cut."""
    second = "until ls removed.reel/*-000002-*.rls >/dev/null 2>&1; do sleep 0.1; done"
    done = sh("removed.reel", f"mkdir one; sleep 1; rm removed.reel/*-000001-*.rls; mkdir two; {second}; "
              "sleep 1; truncate -s 64 removed.reel/*-000002-*.rls; mkdir three")
    suite.say(done.returncode == 0, "removed: goes on", output(done))
    names = sorted(n for n in os.listdir("removed.reel") if n.endswith(".rls"))
    suite.same("removed: three segments were begun, one is gone", [n.split("-")[-2] for n in names],
               ["000002", "000003"])
    suite.say(verified("removed.reel").returncode == 3, "removed: verify finds the one that was cut")
    last = f"removed.reel/{names[-1]}"
    suite.say(has(last, "truncate", path=names[0]), "removed: the call that cut it is on tape")
    suite.say(has(last, "mkdir", path="/three"), "removed: and what came later")
    suite.say(warnings(last, "cut or written to"), "removed: and it is told", str(warnings(last)))
    suite.say(b"cut or written to by somebody else" in done.stderr, "removed: also to who records",
              output(done))
    done = sh("gone.reel", "mkdir four; sleep 1; rm gone.reel/*-000001-*.rls; mkdir five")
    suite.say(has("gone.reel", "unlink", path="-000001-"), "removed: the call that removes one is on tape")
    suite.say(has("gone.reel", "mkdir", path="/five") and not has("gone.reel", "mkdir", path="/four"),
              "removed: what was in it is gone")
    suite.say(warnings("gone.reel", "removed by somebody else"), "removed: that it was is told")
    check = verified("gone.reel")
    suite.say(b"those before it are not here" in check.stdout, "removed: and verify misses it",
              output(check))
    done = sh("all.reel", "sleep 1; rm -r all.reel; mkdir six")
    suite.say(b"No such file" in done.stderr, "removed: without its directory the recording ends, and says so",
              output(done))


def filled():
    """Somebody else fills the disk."""
    os.mkdir("disk")
    if run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", "disk"]).returncode:
        suite.skip("filled", "a tmpfs cannot be mounted")
        return
    try:
        done = sh("disk/filled.reel", "mkdir before; sleep 0.7; (sleep 1; cat /dev/zero 2>/dev/null) >disk/zeros; "
                  "i=0; while [ $i -lt 30000 ]; do true <nothing-$i; i=$((i + 1)); done 2>/dev/null; mkdir after; "
                  "sleep 0.7")
        suite.say(done.returncode != 0 and b"No space left" in done.stderr, "filled: is said", output(done))
        tape = Tape("disk/filled.reel")
        suite.say(lost(tape, cause="disk full") > 0, "filled: the rest is lost")
        suite.none("filled: sums by CPU and class", compare_sums(tape))
        suite.say(verified("disk/filled.reel").returncode == 0, "filled: what is there is whole")
        suite.say(has("disk/filled.reel", "open", path="/zeros"), "filled: and who filled it")
    finally:
        run(["umount", "disk"])


def clocks():
    """A time of its own is nobody else's: events have the time of the machine."""
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    done = record("clocks.reel", ["unshare", "-T", "--boottime", "864000", "--monotonic", "864000", "mkdir",
                                  "elsewhen"])
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    if not os.path.isdir("elsewhen"):
        suite.skip("clocks", "no namespaces of time here")
        return
    suite.say(done.returncode == 0, "clocks: is recorded", output(done))
    made = has("clocks.reel", "mkdir", path="/elsewhen")
    suite.say(len(made) == 1 and before < made[0]["ts"] < after, "clocks: when it was", str(made))


def threats():
    """The table that says what these tests show names those that there are, and all of them."""
    with open(os.path.join(SRC, "record", "THREATS.md"), encoding="utf-8") as f:
        text = f.read()
    with open(os.path.join(HERE, "attack.c"), encoding="utf-8") as f:
        cases = set(re.findall(r'^\t\{ "([a-z-]+)", \w+ \},$', f.read(), re.M))
    named = set(re.findall(r"`attacks\.py (\w+)`", text)) - {"NAME"}
    suite.same("threats: the tests it names", named, set(TESTS) - {"liar", "threats"})
    suite.same("threats: the cases it names", set(re.findall(r"`liar: ([a-z-]+)`", text)),
               cases - {"recorder-is-signalled"})


TESTS = {t.__name__: t for t in (liar, identity, bpf_maps, bpf_probes, bpf_links, bpf_iterator, bpf_ring,
                                 bpf_forge, killed, stopped, removed, filled, clocks, threats)}


def main():
    suite.need_recorder()
    for name in sys.argv[1:] or TESTS:
        TESTS[name]()
        if not os.environ.get("REEL_KEEP"):
            for left in os.listdir("."):
                shutil.rmtree(left, ignore_errors=True)
    suite.done()


main()
