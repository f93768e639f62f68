#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What b_vm.py runs on Debian's 6.1 kernel: every recorder on the same loops, in one boot.

	vm_guest.py SPEC

SPEC is JSON: reel, bench, perf, sysdig, trace-cmd, auditd, auditctl: how each is begun; scap: the
module; rounds: of each loop; loops: how often each goes round; mix: a script, and how often. What was
measured is /run/vm/out/measured.json, beside it all that was recorded. The machine is gone
afterwards, so that audit may be switched on, and stays on: it comes last.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

OUT = "/run/vm/out"
WORK = "/tmp/work"
STARTED_S = 60
AUDITED = "openat,execve,getpid"
AUDIT_CONFIG = """\
local_events = yes
write_logs = yes
log_file = {log}
log_format = RAW
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 8
max_log_file_action = IGNORE
priority_boost = 4
name_format = NONE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
use_libwrap = no
q_depth = 2000
overflow_action = IGNORE
"""


def say(text):
    print(f"# guest {time.monotonic():.0f} s: {text}", flush=True)


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Guest:
    def __init__(self, spec):
        self.spec = spec
        self.bare = {kind: [] for kind in spec["loops"]}

    def loop(self, kind):
        return [os.path.join(self.spec["bench"], "loops"), kind, str(self.spec["loops"][kind])]

    def script(self, kind):
        """All rounds, as one command."""
        one = " ".join(self.loop(kind))
        return ["/bin/sh", "-c", "; ".join([one] * self.spec["rounds"][kind])]

    def run(self, argv):
        """The times of the rounds that it had, and all that it said."""
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, text=True, errors="replace")
        return [json.loads(line)["wall_ns"] for line in done.stdout.splitlines()
                if line.startswith('{"kind"')], done.stdout

    def nothing(self, kind):
        times, _ = self.run(self.script(kind))
        self.bare[kind] += times
        return times

    def around(self, tool, argv, kind, file):
        """A recorder that begins the command itself."""
        bare, before = self.nothing(kind), cpu_of_children()
        times, said = self.run([*argv, *self.script(kind)])
        return {"bare": bare, "ns": times, "said": said[-3000:], "file": self.keep(tool, kind, file),
                "cpu_s": cpu_of_children() - before}

    def beside(self, tool, argv, kind, file):
        """One that records the machine, until it is told to end."""
        bare = self.nothing(kind)
        recorder = self.begin(argv, file)
        times, _ = self.run(self.script(kind))
        said, used = self.end(recorder)
        return {"bare": bare, "ns": times, "said": said[-3000:], "file": self.keep(tool, kind, file),
                "cpu_s": used.ru_utime + used.ru_stime, "rss_kib": used.ru_maxrss}

    def begin(self, argv, file):
        log = open(os.path.join(WORK, "said"), "w+", encoding="utf-8", errors="replace")
        recorder = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        recorder.log = log
        deadline = time.monotonic() + STARTED_S
        while time.monotonic() < deadline and recorder.poll() is None:
            if os.path.exists(file) and os.path.getsize(file) > 0:
                break
            time.sleep(0.1)
        time.sleep(1)
        return recorder

    @staticmethod
    def end(recorder, how=signal.SIGINT):
        recorder.send_signal(how)
        _, _, used = os.wait4(recorder.pid, 0)
        recorder.returncode = 0
        recorder.log.seek(0)
        said = recorder.log.read()
        recorder.log.close()
        return said, used

    @staticmethod
    def keep(tool, kind, path):
        name = f"{tool}-{kind}{os.path.splitext(path)[1]}"
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(OUT, name))
            shutil.rmtree(path)
        elif os.path.exists(path):
            shutil.copy(path, os.path.join(OUT, name))
            os.unlink(path)
        else:
            return None
        return name

    def recorders(self):
        """Name, how, and whether it runs the command."""
        s = self.spec
        reel, data = os.path.join(WORK, "t.reel"), os.path.join(WORK, "t.data")
        scap = os.path.join(WORK, "t.scap")
        yield "reel", [*s["reel"], "record", "-o", reel, "-e", "all", "--syscalls", "all",
                       "--io", "all", "--"], reel, True
        yield "reel-default", [*s["reel"], "record", "-o", reel, "--"], reel, True
        if s.get("sysdig") and s.get("scap"):
            yield "sysdig", [*s["sysdig"], "-v", "-w", scap], scap, False
            yield "sysdig-z", [*s["sysdig"], "-v", "-z", "-w", scap], scap, False
        if s.get("trace-cmd"):
            yield "trace-cmd", [*s["trace-cmd"], "record", "-F", "-c", "-b", "16384", "-e",
                                "raw_syscalls", "-o", data], data, True
        if s.get("perf"):
            perf = ["-m", "1024", "-e", "raw_syscalls:*", "-o", data]
            yield "perf", [*s["perf"], "record", *perf], data, True
            yield "perf-z", [*s["perf"], "record", "-z", *perf], data, True

    def mix(self):
        """One run that all of them see at once, for reading it later."""
        s = self.spec
        script = ["/bin/sh", "-c", s["mix"], "mix", str(s["mix_rounds"])]
        argv = [*s["reel"], "record", "-q", "-o", os.path.join(WORK, "mix.reel"), "-e", "all", "--syscalls", "all",
                "--io", "all", "--ring", "64", "--", *script]
        if s.get("perf"):
            argv = [*s["perf"], "record", "-m", "2048", "-e", "raw_syscalls:*", "-o",
                    os.path.join(WORK, "mix.perf"), "--", *argv]
        if s.get("trace-cmd"):
            argv = [*s["trace-cmd"], "record", "-F", "-c", "-b", "65536", "-e", "raw_syscalls",
                    "-o", os.path.join(WORK, "mix.trace"), *argv]
        recorder = None
        if s.get("sysdig") and s.get("scap"):
            scap = os.path.join(WORK, "mix.scap")
            recorder = self.begin([*s["sysdig"], "-v", "-w", scap], scap)
        begun = time.monotonic()
        _, said = self.run(argv)
        took_s = time.monotonic() - begun
        if recorder:
            said += self.end(recorder)[0]
        files = [self.keep("mix", kind, os.path.join(WORK, name)) for kind, name in
                 (("reel", "mix.reel"), ("perf", "mix.perf"), ("trace", "mix.trace"),
                  ("sysdig", "mix.scap"))]
        return {"said": said[-3000:], "took_s": took_s, "files": [f for f in files if f]}

    def probes(self):
        found = {}
        for name, argv in self.spec["probes"].items():
            _, found[name] = self.run(argv)
        return found

    def audit(self):
        """Without rules, and with some; then the mix once more, as its log tells it."""
        s, found = self.spec, {}
        place = os.path.join(WORK, "audit")
        os.mkdir(place, 0o700)
        log = os.path.join(place, "audit.log")
        with open(os.path.join(place, "auditd.conf"), "w", encoding="utf-8") as f:
            f.write(AUDIT_CONFIG.format(log=log))
        os.chmod(os.path.join(place, "auditd.conf"), 0o600)
        open(log, "w", encoding="utf-8").close()
        os.chmod(log, 0o600)
        bare = {kind: self.nothing(kind) for kind in s["loops"]}
        daemon = self.begin([*s["auditd"], "-n", "-c", place], log)
        for option in (["-b", "65536"], ["--backlog_wait_time", "60000"], ["-e", "1"]):
            self.run([*s["auditctl"], *option])
        found["audit-on"] = {kind: {"bare": bare[kind], "ns": self.run(self.script(kind))[0]}
                             for kind in s["loops"]}
        _, said = self.run([*s["auditctl"], "-a", "always,exit", "-F", "arch=b64", "-S", AUDITED])
        found["auditd"] = {}
        for kind in s["loops"]:
            start, before = os.path.getsize(log), self.of_daemon(daemon)
            times = self.run(self.script(kind))[0]
            self.settle(log)
            cpu_s, rss_kib = self.of_daemon(daemon)
            with open(log, "rb") as f:
                f.seek(start)
                text = f.read()
            found["auditd"][kind] = {
                "bare": bare[kind], "ns": times, "bytes": len(text), "cpu_s": cpu_s - before[0],
                "rss_kib": rss_kib, "events": len(set(re.findall(rb"msg=audit\(([^)]*)\)", text))),
                "said": said + self.run([*s["auditctl"], "-s"])[1]}
        start = os.path.getsize(log)
        self.run(["/bin/sh", "-c", s["mix"], "mix", str(max(1, s["mix_rounds"] // 2))])
        self.settle(log)
        with open(log, "rb") as f, open(os.path.join(OUT, "mix-audit.log"), "wb") as to:
            f.seek(start)
            shutil.copyfileobj(f, to)
        self.run([*s["auditctl"], "-D"])
        self.end(daemon, signal.SIGTERM)
        return found

    @staticmethod
    def of_daemon(daemon):
        with open(f"/proc/{daemon.pid}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        with open(f"/proc/{daemon.pid}/status", encoding="utf-8") as f:
            rss = re.search(r"VmHWM:\s+(\d+)", f.read())
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(rss[1])

    @staticmethod
    def settle(path):
        """Until nothing is added to it any more."""
        before = -1
        while before != os.path.getsize(path):
            before = os.path.getsize(path)
            time.sleep(2)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        spec = json.load(f)
    os.makedirs(WORK, exist_ok=True)
    guest, measured = Guest(spec), {"kernel": os.uname().release, "tools": {}}
    if spec.get("scap"):
        done = subprocess.run(["/run/vm/busybox", "insmod", spec["scap"]], check=False,
                              stderr=subprocess.PIPE, text=True)
        measured["insmod"] = done.stderr
        if done.returncode:
            spec["scap"] = None
    say("probes")
    measured["probes"] = guest.probes()
    for tool, argv, file, runs_it in guest.recorders():
        say(tool)
        how = guest.around if runs_it else guest.beside
        measured["tools"][tool] = {
            "argv": argv, "loads": {kind: how(tool, argv, kind, file) for kind in spec["loops"]}}
    say("the mix")
    measured["mix"] = guest.mix()
    if spec.get("scap"):
        subprocess.run(["/run/vm/busybox", "rmmod", "scap"], check=False)
    if spec.get("auditd") and spec.get("auditctl"):
        say("audit")
        how = {"audit-on": ["-e", "1"],
               "auditd": ["-a", "always,exit", "-F", "arch=b64", "-S", AUDITED]}
        for tool, loads in guest.audit().items():
            measured["tools"][tool] = {"argv": [*spec["auditctl"], *how[tool]], "loads": loads}
    measured["bare"] = guest.bare
    with open(os.path.join(OUT, "measured.json"), "w", encoding="utf-8") as f:
        json.dump(measured, f)
    say("done")


if __name__ == "__main__":
    main()
