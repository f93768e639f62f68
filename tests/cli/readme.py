#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What README.md shows of the samples is what comes out. "..." stands for anything: alone on a line
for any lines, inside one for any text."""

import os
import re
import shutil
import subprocess
import sys

SRC = os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
TMP = os.environ.get("TMP", ".")


def examples(text):
    """(command, lines) of each that begins with "$ " and reads a sample, or what was made of one."""
    known = ["samples/"]
    found = []
    for block in re.findall(r"(?m)(?:^\t.*\n)+", text):
        for part in re.split(r"(?m)^\t(?=[$#] )", block)[1:]:
            command, *lines = part.splitlines()
            if command.startswith("$ ") and any(k in command for k in known):
                known += re.findall(r"-o (\S+)", command)
                found.append((command[2:], [line[1:] for line in lines]))
    return found


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
    failed = len(todo) < 4
    print(f"{'not ok' if failed else 'ok'} 1 - there are examples to check")
    for n, (command, lines) in enumerate(todo, 2):
        if "jq" in command and not shutil.which("jq"):
            print(f"ok {n} - {command} # SKIP no jq")
            continue
        done = subprocess.run(["sh", "-c", command], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        got = done.stdout.decode("utf-8", "replace")
        # 1: there are findings
        status_ok = done.returncode in ((0, 1) if command.startswith(("reel replay", "reel report")) else (0,))
        good = status_ok and re.fullmatch(pattern(lines), got)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {n} - {command}")
        if not good:
            print(f"#   status {done.returncode}; README.md shows")
            print("\n".join("#   | " + line for line in lines))
            print("#   and this came out:")
            print("\n".join("#   | " + line for line in (got + done.stderr.decode()).splitlines()))
    print(f"1..{len(todo) + 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
