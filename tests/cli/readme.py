#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""All that README.md and samples/README.md show, in its order and in one directory: what comes out is
what is shown. "..." stands for anything: alone on a line for any lines, inside one for any text. A last
line "(status N)" says how it ends.

"$ " is run as whoever runs the test; "# " records, and is left out where that cannot be done. With
READS=1 only what reads is run, which needs no right and no kernel."""

import glob
import os
import re
import subprocess
import sys

SRC = os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
TMP = os.environ.get("TMP", ".")
DOCUMENTS = ("README.md", "samples/README.md")
SAMPLE_BYTES_MAX = 300_000

# Of each sample it is shown what it is, whether it is whole, what a rule finds, and a question.
SHOWN = ("info", "verify", "replay", "query")
STATUS = re.compile(r"\(status (\d+)\)")


def examples(text):
    """(mark, command, lines) of each that begins with "$ " or "# " and runs reel."""
    found = []
    for block in re.findall(r"(?m)(?:^\t.*\n)+", text):
        for part in re.split(r"(?m)^\t(?=[$#] )", block)[1:]:
            command, *lines = part.splitlines()
            if "reel " in command:
                found.append((command[0], command[2:], [line[1:] for line in lines]))
    return found


def no_recording():
    """Why nothing can be recorded, or nothing."""
    if os.environ.get("READS"):
        return "only what reads"
    if os.geteuid() != 0:
        return "not root"
    done = subprocess.run([REEL, "doctor", "-q"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return "" if done.returncode == 0 else "nothing can be recorded here"


def pattern(lines):
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(p) for p in line.split("...")) + r"\n")
    return "".join(parts)


def expected_status(command, lines):
    """What it may end with; of "reel replay" 1 says that there are findings, of a flood 4 that events
    were lost."""
    said = STATUS.fullmatch(lines[-1]) if lines else None
    if said:
        lines.pop()
        return (int(said.group(1)),)
    may = {"reel replay": (0, 1), "reel report": (0, 1), "reel info flood.reel": (0, 4), "reel doctor": (0, 5)}
    return next((good for begin, good in may.items() if command.startswith(begin)), (0,))


def samples(commands):
    """Complaints about the captures beside samples/README.md."""
    found = sorted(glob.glob(os.path.join(SRC, "samples", "*.rls")))
    if len(found) < 6:
        yield f"there are only {len(found)}"
    for path in found:
        name = "samples/" + os.path.basename(path)
        if os.path.getsize(path) > SAMPLE_BYTES_MAX:
            yield f"{name} is over {SAMPLE_BYTES_MAX} bytes"
        for word in SHOWN:
            if not any(c.startswith(f"reel {word} ") and name in c for c in commands):
                yield f"README.md and samples/README.md do not show reel {word} of {name}"


def main():
    os.chdir(TMP)
    os.symlink(os.path.join(SRC, "samples"), "samples")
    os.mkdir("bin")
    os.symlink(REEL, "bin/reel")
    env = dict(os.environ, PATH=os.path.abspath("bin") + ":" + os.environ["PATH"], LC_ALL="C.UTF-8")

    todo = []
    for name in DOCUMENTS:
        with open(os.path.join(SRC, name), encoding="utf-8") as f:
            found = examples(f.read())
        todo += [(name, *example) for example in found]
    wrong = list(samples([command for _, _, command, _ in todo]))
    failed = len(wrong) > 0
    print(f"{'not ok' if failed else 'ok'} 1 - every sample is small, and shown")
    print("".join(f"#   {line}\n" for line in wrong), end="")
    why_not = no_recording()
    unmade = set()
    for n, (name, mark, command, lines) in enumerate(todo, 2):
        argv = ["sh", "-c", command]
        needs_rights = mark == "#" or "--snapshot" in command
        if why_not and (needs_rights or any(re.search(rf"\b{re.escape(u)}\b", command) for u in unmade)):
            unmade.update(made for made in re.findall(r"-o (\S+)", command))
            print(f"ok {n} - {command} # SKIP {why_not}")
            continue
        # A snapshot is of all processes: here of those of a namespace of its own.
        if "--snapshot" in command:
            argv = ["unshare", "--pid", "--fork", "--mount-proc", "--", *argv]
        statuses = expected_status(command, lines)
        done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT if needs_rights else subprocess.PIPE)
        got = done.stdout.decode("utf-8", "replace")
        good = done.returncode in statuses and re.fullmatch(pattern(lines), got)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {n} - {command}")
        if not good:
            print(f"#   status {done.returncode}; {name} shows")
            print("\n".join("#   | " + line for line in lines))
            print("#   and this came out:")
            print("\n".join("#   | " + line for line in (got + (done.stderr or b"").decode()).splitlines()))
    print(f"1..{len(todo) + 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
