#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every way through the policies of ExecRay, on tales that are made from their text.

For each way: a tale with an event for each of its steps, on which it must be found; the same without
one of the events, for each of them; and with an event that a condition takes away, where the way
leads through an else. --engine asks reel, and not the slow interpreter.
"""

import itertools
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from examples import Failed, by_engine, by_reference, tell  # noqa: E402
from policy import load  # noqa: E402
from predicate import compile_regex  # noqa: E402
from schema import SRC  # noqa: E402

try:
    import re._parser as sre
except ImportError:
    import sre_parse as sre

RULES = os.environ.get("EXECRAY_RULES",
                       os.path.join(SRC, os.pardir, "shared", "rules", "execray"))
WAYS = 57
PLAIN = {"open": "path=/x/y ret=3", "exec": "path=/x/y argv=(y)", "write": "fd=3"}
FIELDS = {"pathname": "path", "filename": "path", "content": "content", "argv": "argv"}


# Strings from patterns ---------------------------------------------------------------------------

def strings(parsed):
    """Some strings that fit: every branch of an alternative, the least of a repetition."""
    out = [b""]
    for op, arg in parsed:
        out = [a + b for a, b in itertools.islice(itertools.product(out, piece(op, arg)), 200)]
    return out


def piece(op, arg):
    name = str(op)
    if name == "LITERAL":
        return [bytes([arg])]
    if name == "ANY":
        return [b"a"]
    if name == "IN":
        return [bytes([in_set(arg)])]
    if name == "BRANCH":
        return [s for branch in arg[1] for s in strings(branch)]
    if name == "SUBPATTERN":
        return strings(arg[-1])
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        least, _, what = arg
        return [s * least for s in strings(what)]
    if name == "AT":
        return [b""]
    raise ValueError(f"no example is made of {name}")


def in_set(items):
    negated, chosen = False, set()
    for op, arg in items:
        if str(op) == "NEGATE":
            negated = True
        elif str(op) == "LITERAL":
            chosen.add(arg)
        elif str(op) == "RANGE":
            chosen |= set(range(arg[0], arg[1] + 1))
        else:
            raise ValueError(f"no example is made of {op}")
    return min(set(range(33, 127)) - chosen if negated else chosen)


def examples_of(test):
    if test.compare == "==":
        return list(test.typed.values())[0]
    pattern = list(test.typed.values())[0][0]
    found = strings(sre.parse(compile_regex(pattern).pattern))
    return [s for s in found if compile_regex(pattern).search(s)]


# Events from steps -------------------------------------------------------------------------------

def fits(step, type_name, field, value):
    """Whether a step's one test holds for an event that has VALUE in FIELD, and is plain else."""
    test = step.pred
    if type_name not in [t.name for t in step.types]:
        return False
    if FIELDS[test.left.name] != field:
        value = {"path": b"/x/y", "argv": b"y", "content": b""}[FIELDS[test.left.name]]
    literal = list(test.typed.values())[0][0]
    return value == literal if test.compare == "==" else \
        compile_regex(literal).search(value) is not None


def event_of(step, rule):
    """A line for it: of those that can be made the one that fits the fewest other steps."""
    field = FIELDS[step.pred.left.name]
    type_name = step.types[0].name
    others = {id(s): s for s in rule.all_steps()}.values()

    def strangers(value):
        return sum(fits(s, type_name, field, value) for s in others)

    made = examples_of(step.pred)
    if field == "path":
        made = [v if v.startswith(b"/") else b"/" + v for v in made]
        made = [v for v in made if fits(step, type_name, field, v)]
    value = min(made, key=lambda v: (strangers(v), len(v)))
    quoted = '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}"
                           for b in value) + '"'
    if field == "argv":
        return f"exec path=/x/y argv=({quoted})"
    rest = " ".join(p for p in PLAIN[type_name].split() if not p.startswith(field + "="))
    return f"{type_name} {rest} {field}={quoted}"


def tale_of(lines):
    out = ["0 1 process exe=/sbin/init", "0 100 process ppid=1 exe=/x/y argv=(y)"]
    return "\n".join(out + [f"{i + 1} 100 {line}" for i, line in enumerate(lines)]) + "\n"


def variants(rule, end):
    """(name, tale, whether it is found)"""
    way = end.way()
    lines = [event_of(n.step, rule) for n in way]
    yield "whole", tale_of(lines), True
    for i in range(len(lines)):
        yield f"without step {i + 1}", tale_of(lines[:i] + lines[i + 1:]), False
    for i, node in enumerate(way):
        for guard in node.guards if i else []:
            yield (f"with the condition before step {i + 1}",
                   tale_of(lines[:i] + [event_of(guard, rule)] + lines[i:]), False)


def is_way(finding, rule, end):
    return finding["rule"] == rule.name and finding.get("blocks", []) == list(end.blocks) and \
        len(finding["evidence"]) == len(end.way())


def check(rules_file, rule, end, run):
    wrong = []
    for name, tale, is_found in variants(rule, end):
        with tempfile.TemporaryDirectory() as d:
            capture = os.path.join(d, "capture")
            tell(tale, capture)
            found = [f for f in run(rules_file, capture)[0] if is_way(f, rule, end)]
        if bool(found) != is_found:
            wrong.append(f"{name}: {'not ' if is_found else ''}found on")
            wrong += ["  " + line for line in tale.splitlines()]
    return wrong


def main(argv):
    run = by_engine if "--engine" in argv else by_reference
    if not os.path.isdir(RULES):
        if os.environ.get("CI") == "true":
            print("not ok 1 - the policies of ExecRay are not there")
            return 1
        print("ok 1 - ways through the policies of ExecRay # SKIP they are not there")
        return 0
    number = failed = 0
    for name in sorted(os.listdir(RULES)):
        if not name.endswith(".policy"):
            continue
        file = os.path.join(RULES, name)
        for rule in load([file])[0]:
            for end in rule.ends():
                number += 1
                try:
                    wrong = check(file, rule, end, run)
                except Failed as e:
                    wrong = [str(e)]
                what = " > ".join(end.blocks) or end.step.text
                print(f"{'not ok' if wrong else 'ok'} {number} - {rule.name}: {what}")
                for w in wrong:
                    print(f"# {w}")
                failed += bool(wrong)
    print(f"{'ok' if number == WAYS else 'not ok'} {number + 1} - there are {number} ways")
    print(f"1..{number + 1}")
    return failed != 0 or number != WAYS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
