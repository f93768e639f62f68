#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""All that README.md shows, in its order and in one directory: what comes out is what it shows. "..."
stands for anything: alone on a line for any lines, inside one for any text.

"$ " is run as whoever runs the test; "# " records, and is left out where that cannot be done. With
READS=1 only what reads is run, which needs no right and no kernel."""

import os
import re
import subprocess
import sys

SRC = os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
TMP = os.environ.get("TMP", ".")


def examples(text):
    """(mark, command, lines) of each that begins with "$ " or "# " and runs reel."""
    found = []
    for block in re.findall(r"(?m)(?:^\t.*\n)+", text):
        for part in re.split(r"(?m)^\t(?=[$#] )", block)[1:]:
            command, *lines = part.splitlines()
            if "reel " in command:
                found.append((command[0], command[2:], [line[1:] for line in lines]))
    return found


def can_record():
    """Why not, or nothing."""
    if os.geteuid() != 0:
        return "not root"
    done = subprocess.run([REEL, "doctor", "-q"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return "" if done.returncode == 0 else "nothing can be recorded here"


# 1: there are findings; 4: something was lost
STATUS = (("reel replay", (0, 1)), ("reel info", (0, 4)), ("reel doctor", (0, 5)))


def status_is_good(command, status):
    for begin, good in STATUS:
        if command.startswith(begin):
            return status in good
    return status == 0


def pattern(lines):
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(p) for p in line.split("...")) + r"\n")
    return "".join(parts)


def main():
    os.chdir(TMP)
    os.symlink(os.path.join(SRC, "samples"), "samples")
    os.mkdir("bin")
    os.symlink(REEL, "bin/reel")
    env = dict(os.environ, PATH=os.path.abspath("bin") + ":" + os.environ["PATH"], LC_ALL="C.UTF-8")

    with open(os.path.join(SRC, "README.md"), encoding="utf-8") as f:
        todo = examples(f.read())
    why_not = "only what reads" if os.environ.get("READS") else can_record()
    failed = len(todo) < 20
    print(f"{'not ok' if failed else 'ok'} 1 - there are examples to check")
    unmade = set()
    for n, (mark, command, lines) in enumerate(todo, 2):
        made = re.findall(r"(?:-o|--state|--seal) (\S+)", command)
        needs = [name for name in unmade if re.search(rf"\b{re.escape(name)}\b", command)]
        if (mark == "#" and why_not) or needs:
            unmade.update(name for name in made if not os.path.exists(name))
            print(f"ok {n} - {command} # SKIP {why_not}")
            continue
        # A snapshot is of all processes: of those of a namespace of its own here.
        argv = ["sh", "-c", command]
        if "--snapshot" in command:
            if why_not:
                print(f"ok {n} - {command} # SKIP {why_not}")
                continue
            argv = ["unshare", "--pid", "--fork", "--mount-proc", "--", *argv]
        done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        got = done.stdout.decode("utf-8", "replace")
        good = status_is_good(command, done.returncode) and re.fullmatch(pattern(lines), got)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {n} - {command}")
        if not good:
            print(f"#   status {done.returncode}; README.md shows")
            print("\n".join("#   | " + line for line in lines))
            print("#   and this came out:")
            print("\n".join("#   | " + line for line in got.splitlines()))
    print(f"1..{len(todo) + 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
