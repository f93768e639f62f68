#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# trust-checks: What is built is hardened | each measure read from the ELF files, and missed in programs built without it
"""What is built is hardened: read from the ELF files, not from the Makefile.

First small programs are built without one measure each, to see that its lack is noticed.
"""

import os
import re
import subprocess
import sys

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
BUILT = os.path.dirname(os.environ.get("REEL", os.path.join(SRC, ".output", "reel")))
TMP = os.environ.get("TMP", "/tmp")
CC = os.environ.get("CC", "gcc")
PROGRAMS = ("reel", "reel-record", "reel.so")

# Of each source that was compiled; the compiler leaves its options in the description of types.
COMPILED = ("-O2", "-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection=full")
# And of those of the recorder, which are also held to _FORTIFY_SOURCE=3: no option that stays.
PRIVILEGED = ("-ftrivial-auto-var-init=zero",)
FEATURES = ("IBT", "SHSTK")
# Ours have both, but the file as a whole has IBT only where the C library's first code has it.
START = "Scrt1.o"


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def readelf(*argv):
    status, text = run("readelf", "-W", *argv)
    if status:
        sys.exit(f"readelf {' '.join(argv)}: {text}")
    return text


def features(path):
    """What the file says that all its code bears."""
    found = re.search(r"x86 feature: (.*)", readelf("-n", path))
    return set(found.group(1).replace(",", " ").split()) if found else set()


def segments(path):
    """(type, flags) of each."""
    return re.findall(r"^  ([A-Z_]+) +0x\S+ 0x\S+ 0x\S+ 0x\S+ 0x\S+ ([R ][W ][E ])",
                      readelf("-l", path), re.M)


def complaints(path, is_program, start_features):
    """What is missing; nothing if all is there."""
    header, dynamic = readelf("-h", path), readelf("-d", path)
    parts = segments(path)
    imported = set(re.findall(r" UND (\w+)", readelf("--dyn-syms", path)))
    if is_program and "Position-Independent Executable" not in header:
        yield "PIE: it is no position-independent program"
    if not is_program and "DYN (Shared object" not in header:
        yield "PIC: it is no shared object"
    if not any(kind == "GNU_RELRO" for kind, _ in parts):
        yield "RELRO: no part is made read-only after it was relocated"
    if "BIND_NOW" not in dynamic:
        yield "NOW: functions are bound when they are called first"
    if "TEXTREL" in dynamic:
        yield "TEXTREL: code is relocated"
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        yield "RPATH: it says where libraries are looked for"
    if [flags for kind, flags in parts if kind == "GNU_STACK"] != ["RW "]:
        yield "STACK: its stack is executable"
    if any("W" in flags and "E" in flags for _, flags in parts):
        yield "W^X: memory is writable and executable"
    if [flags for kind, flags in parts if kind == "LOAD"][:1] != ["R  "]:
        yield "SEPARATE: code lies with what is not code"
    if "__stack_chk_fail" not in imported:
        yield "PROTECTOR: no stack is checked"
    if not any(re.fullmatch(r"__\w+_chk", name) for name in imported - {"__stack_chk_fail"}):
        yield "FORTIFY: no copy is checked"
    for feature in FEATURES:
        if feature not in features(path) and (feature != "IBT" or feature in start_features):
            yield f"CET: it is not marked {feature}"
    yield from compiled(path)


def compiled(path):
    """Sources that were compiled without something."""
    text = run("readelf", "-W", "--debug-dump=info", "--dwarf-depth=1", path)[1]
    units = re.findall(r"DW_AT_producer .*?: (GNU C.*)(?:\n.*?)*?DW_AT_name .*: (\S+)", text)
    if not units:
        yield "COMPILED: nothing says how"
    for how, name in units:
        wanted = COMPILED + (PRIVILEGED if name.startswith("record/") else ())
        yield from (f"COMPILED: {name} without {o}" for o in wanted if o not in how.split())


class Checks:
    n = failed = 0

    def say(self, good, name, detail=()):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}")
        for line in () if good else detail:
            print(f"#   {line}")


# What each is built with in the stead of something good, and what must then be complained of.
LAX = (
    ("PIE", ["-no-pie", "-fno-pie"]),
    ("RELRO", ["-Wl,-z,norelro"]),
    ("NOW", ["-Wl,-z,lazy"]),
    ("STACK", ["-Wl,-z,execstack"]),
    ("SEPARATE", ["-Wl,-z,noseparate-code"]),
    ("RPATH", ["-Wl,-rpath,/opt"]),
    ("PROTECTOR", ["-fno-stack-protector"]),
    ("FORTIFY", ["-U_FORTIFY_SOURCE"]),
    ("CET", ["-Wl,-z,nognustack", "-fcf-protection=none", "NO-MARK"]),
    ("COMPILED", ["-fno-stack-clash-protection"]),
)
SOURCE = """#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	char name[64];
	strcpy(name, argv[argc - 1]);
	return puts(name);
}
"""


def makefile_flags():
    """As the Makefile has them."""
    status, text = run("make", "-s", "-C", SRC, "--eval",
                       "show-flags: ; @echo $(hardened) + $(relro)", "show-flags")
    if status or "+" not in text:
        sys.exit(f"the flags of the Makefile: {text}")
    flags, link = text.strip().splitlines()[-1].split(" + ")
    return flags.split(), link.split()


def build(name, flags, link):
    source, path = os.path.join(TMP, "lax.c"), os.path.join(TMP, name)
    with open(source, "w", encoding="utf-8") as f:
        f.write(SOURCE)
    status, text = run(CC, "-g", "-w", *flags, "-o", path, source, *link)
    if status:
        sys.exit(f"{name}: {text}")
    return path


def main():
    checks = Checks()
    start_features = features(run(CC, f"-print-file-name={START}")[1].strip())
    flags, link = makefile_flags()
    found = list(complaints(build("hard", flags, link), True, start_features))
    checks.say(not found, "a program that is built as ours are has all", found)
    for i, (what, instead) in enumerate(LAX):
        own_link = [f for f in link if "shstk" not in f] if "NO-MARK" in instead else link
        own_link = [f for f in own_link if what != "PIE" or f != "-pie"]
        instead = [f for f in instead if f != "NO-MARK"]
        path = build(f"lax{i}", flags + instead, own_link + [f for f in instead if f[:3] == "-Wl"])
        found = list(complaints(path, True, start_features))
        checks.say(any(c.startswith(what + ":") for c in found),
                   f"built with {' '.join(instead)}: is noticed", found or ["nothing was"])
    for name in PROGRAMS:
        path = os.path.join(BUILT, name)
        if not os.path.exists(path):
            checks.say(False, f"{name} is built")
            continue
        found = list(complaints(path, not name.endswith(".so"), start_features))
        checks.say(not found, f"{name} is hardened", found)
    objects = [os.path.join(at, name) for at, _, names in os.walk(os.path.join(BUILT, "obj"))
               for name in names if name.endswith(".o")]
    without = [path for path in objects if not features(path).issuperset(FEATURES)]
    checks.say(objects and not without, f"each of the objects is marked {' and '.join(FEATURES)}",
               without or ["there are none"])
    print(f"1..{checks.n}")
    sys.exit(checks.failed > 0)


main()
