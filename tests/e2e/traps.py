#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each trap of tape.md: a program walks into it and says what the tape must show.

One recording for each program; a check for each case. `traps.py NAME...` runs only these programs.
"""
# timeout: 280

import os
import shutil
import sys

sys.dont_write_bytecode = True
import expect
from suite import CLASSES, REEL, Suite, dump, output, program, record, run

ALL = ("-e", CLASSES + ",look", "--io", "all", "--content", "64")

# The programs, and what the recorder is told.
PROGRAMS = {
    "trap_process": (*ALL, "--syscalls", "rt_sigreturn,getppid"),
    "trap_seccomp": ALL,
    "trap_space": ALL,
    "trap_path": ALL,
    "trap_image": (*ALL, "--max-arg", "4096"),
    "trap_fd": ("-e", CLASSES, "--io", "first"),
    "trap_net": ALL,
    "trap_fields": ALL,
    "trap_abi": ALL,
    "trap_uring": ALL,
}


def check(suite, name, options):
    capture = f"{name}.reel"
    os.mkdir(name)
    done = record(os.path.abspath(capture), [program(name)], *options, cwd=name)
    text = done.stdout.decode()
    suite.say(done.returncode in (0, 1) and text, f"{name}: is recorded", output(done))
    if not text:
        return
    verified = run([REEL, "verify", capture])
    suite.say(verified.returncode == 0, f"{name}: the capture is whole", output(verified))
    events = expect.Events(dump(capture))
    lost = [f"{e['count']} of {e['lost_class']}: {e['cause']}" for e in events.by_type.get("lost", [])]
    suite.none(f"{name}: nothing is lost", lost)
    for case, complaints, skip in expect.check(text, events):
        if skip and not complaints:
            suite.skip(f"{name}: {case}", skip)
        else:
            suite.none(f"{name}: {case}", complaints)
    if not os.environ.get("REEL_KEEP"):
        shutil.rmtree(capture)
        shutil.rmtree(name, ignore_errors=True)


def main():
    suite = Suite()
    suite.need_recorder()
    chosen = sys.argv[1:] or PROGRAMS
    for name in chosen:
        if os.path.exists(program(name)):
            check(suite, name, PROGRAMS[name])
        else:
            suite.say(False, f"{program(name)} is built")
    suite.done()


main()
