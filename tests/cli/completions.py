#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What comes next on a line of a shell: asked of reel, and of bash, zsh and fish, as a user would."""

import os
import re
import shutil
import subprocess
import sys

SRC = os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
HERE = os.path.join(SRC, "format", "completions")
PATIENCE = 60

# (the line, whose last word is not finished; what must be offered; what must not)
CASES = (
    ("reel re", {"record", "replay"}, {"dump"}),
    ("reel dump --fo", {"--follow", "--format"}, {"--from"}),
    ("reel dump --format ", {"text", "json", "csv"}, {"markdown"}),
    ("reel dump --type exec", {"exec", "execve"}, {"open"}),
    ("reel dump --type open,conn", {"open,connect"}, {"connect", "conn"}),
    ("reel dump --color=a", {"--color=auto", "--color=always"}, {"--color=never"}),
    ("reel record -e net,+lo", {"net,+look"}, {"net,+file"}),
    ("reel record --syscalls mou", {"mount", "mount_setattr"}, {"umount2"}),
    ("reel query case.db @who", {"@who_touched"}, {"@tree"}),
    ("reel list ", {"events", "fields", "tables"}, set()),
    ("reel help do", {"doctor"}, {"dump"}),
    ("reel info web", {"web1.reel"}, {"other.reel"}),
    ("reel info --key web", {"web1.reel"}, {"other.reel"}),
)

n = failed = 0


def told(name, good, detail=""):
    global n, failed
    n += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {n} - {name}")
    if not good:
        print("\n".join(f"#   {line}" for line in detail.splitlines()))


def check(shell, ask):
    for line, wanted, unwanted in CASES:
        got = ask(line)
        told(f"{shell}: {line}", wanted <= got and not unwanted & got, f"it offers {sorted(got)}")


def run(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
    return done.stdout.decode("utf-8", "replace")


def words(line):
    return re.split(" ", line)


def ask_reel(line):
    out = run(REEL, "--complete", *words(line)[1:])
    if out == ":files\n":
        return {f for f in os.listdir() if f.startswith(words(line)[-1])}
    return {x.split("\t")[0] for x in out.splitlines()}


def ask_bash(line):
    """As readline calls it, whose words end at "=" too."""
    parts = [p for w in words(line) for p in (re.findall(r"=|[^=]+", w) or [""])]
    script = (f"source {HERE}/reel.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMP_LINE=x;"
              " $(complete -p reel | sed 's/.*-F \\([^ ]*\\).*/\\1/'); printf '%s\\n' \"${COMPREPLY[@]}\"")
    out = run("bash", "--norc", "-c", script, "bash", *parts)
    before = re.match(r"[^=]*=", words(line)[-1])
    return {(before.group(0) if before else "") + x for x in out.splitlines()}


def ask_fish(line):
    out = run("fish", "--no-config", "-c", f"source {HERE}/reel.fish; complete -C '{line}'")
    return {x.split("\t")[0].rstrip("/") for x in out.splitlines()}


def ask_zsh(line):
    """The function itself, in place of whose callers and helpers these stand."""
    script = """
        _describe() { print -l -- ${${(P)argv[-1]}%%:*} }
        _files() { print -l -- ${words[CURRENT]}*(N:t) }
        compdef() { : }
        words=("$@"); CURRENT=$#
        source $0
    """
    out = run("zsh", "-f", "-c", script, os.path.join(HERE, "_reel"), *words(line))
    return set(out.splitlines())


def main():
    os.chdir(os.environ.get("TMP", "."))
    os.mkdir("bin")
    os.symlink(REEL, "bin/reel")
    os.environ["PATH"] = os.path.abspath("bin") + ":" + os.environ["PATH"]
    os.environ["HOME"] = os.getcwd()
    for name in ("web1.reel", "other.reel"):
        os.mkdir(name)
    os.environ["XDG_CONFIG_HOME"] = os.path.join(os.getcwd(), "config")
    os.makedirs("config/reel")
    os.symlink(os.path.join(SRC, "samples", "queries"), "config/reel/queries")

    check("reel", ask_reel)
    check("bash", ask_bash)
    if shutil.which("fish"):
        check("fish", ask_fish)
    else:
        print(f"ok {n + 1} - fish # SKIP it is not there")
    if shutil.which("zsh"):
        check("zsh", ask_zsh)
    else:
        print(f"ok {n + 1} - zsh # SKIP it is not there")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
