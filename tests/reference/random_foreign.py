#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Random Sigma and Falco rules on random events: reel, with its shortcuts and without, against the
slow evaluators.

	random_foreign.py [--language sigma|falco] [--seed N] [--rounds N] [--rules N] [--go-on]

Each round is one file of rules and one capture. A difference is made as small as lines can be left
out of the tale, and kept in a directory that is named.
"""

import argparse
import os
import random
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import yaml  # noqa: E402

import falco  # noqa: E402
import foreign  # noqa: E402
import sigma  # noqa: E402
from examples import Failed, dump, tell  # noqa: E402
from falco_fields import Told  # noqa: E402
from foreign_rules import FalcoRules, SigmaRules, Tales  # noqa: E402
from machine import Machine  # noqa: E402
from reference import read_events  # noqa: E402
from sigma_records import records_of  # noqa: E402

REJECTED = ("rejected", "unsupported")
# What FOREIGN.md says that reel does not take, with its reason.
LIMITS = ("evt.type is compared with names only",)
NAMES = {"sigma": "random.yml", "falco": "random.yaml"}


def by_self(language, text, capture):
    """({(rule, event)}, rejected rules, {(rule, event): output})"""
    events, outputs = read_events(dump(capture)), {}
    if language == "sigma":
        rules = sigma.load(text)
        found = {(h.rule.title, h.ids[-1]) for h in sigma.run(rules, events, records_of, Machine())}
    else:
        rules = falco.load(text)
        if rules.error:
            raise Failed(rules.error)
        for name, _, event, line in falco.run(rules, events, Told, Machine()):
            outputs[name, event] = line
        found = set(outputs)
    return found, {r[1]: r[2] for r in rules.rejected}, outputs


def compare(language, text, tale, directory):
    """(what differs: (rule, text) ..., number of findings, number of rules that are rejected)"""
    with tempfile.TemporaryDirectory(dir=directory) as d:
        rules_file, capture = os.path.join(d, NAMES[language]), os.path.join(d, "capture")
        with open(rules_file, "w", encoding="utf-8") as f:
            f.write(text)
        tell(tale, capture)
        mine, rejected, outputs = by_self(language, text, capture)
        wrong = []
        told = {title_of(text, j): j for j in foreign.statuses(rules_file)}
        for title, why in rejected.items():
            if told.get(title, {}).get("status") not in REJECTED:
                wrong.append((title, f"only the evaluator rejects it: {why}"))
        for title, j in told.items():
            if j["status"] in REJECTED and title not in rejected and \
                    not any(limit in j.get("reason", "") for limit in LIMITS):
                wrong.append((title, f"only reel rejects it: {j.get('reason')}"))
        bad = {t for t, j in told.items() if j["status"] in REJECTED} | set(rejected)
        mine = {(rule, e) for rule, e in mine if rule not in bad}
        if bad:
            with open(rules_file, "w", encoding="utf-8") as f:
                f.write(without(language, text, bad))
        for options in ((), ("--no-shortcuts",)) if len(told) > len(bad) else ():
            found, _ = foreign.replay(rules_file, capture, *options)
            theirs = {(rule, ids[-1]) for rule, hits in found.items() for _, ids, _ in hits}
            who = " ".join(("reel", *options))
            wrong += [(r, f"only the evaluator finds {e}, not {who}") for r, e in mine - theirs]
            wrong += [(r, f"only {who} finds {e}") for r, e in theirs - mine]
            for rule, hits in found.items():
                wrong += [(rule, f"{who} puts {ids[-1]} out as {j.get('output')!r}, not "
                           f"{outputs[rule, ids[-1]]!r}") for _, ids, j in hits
                          if outputs.get((rule, ids[-1])) not in (None, j.get("output"))]
        return sorted(wrong), len(mine), len(rejected)


def title_of(text, status):
    """Of a line of `reel rules`: what was rejected has a line, at least."""
    if status.get("title"):
        return status["title"]
    before = "\n".join(text.splitlines()[:status["line"]])
    return re.findall(r"^(?:title|- rule): (.*)$", before, re.M)[-1]


def without(language, text, titles):
    if language == "sigma":
        return yaml.safe_dump_all([d for d in yaml.safe_load_all(text) if d["title"] not in titles],
                                  sort_keys=False, allow_unicode=True)
    return yaml.safe_dump([i for i in yaml.safe_load(text) if i.get("rule") not in titles],
                          sort_keys=False, allow_unicode=True)


def only(language, text, title):
    """The file with one rule, and those that it is of."""
    if language == "sigma":
        docs = list(yaml.safe_load_all(text))
        names, before = {title}, None
        while names != before:      # a correlation takes those that it names with it
            before = set(names)
            names |= {n for d in docs if d["title"] in before
                      for n in d.get("correlation", {}).get("rules", [])}
        return yaml.safe_dump_all([d for d in docs if d["title"] in names],
                                  sort_keys=False, allow_unicode=True)
    return yaml.safe_dump([i for i in yaml.safe_load(text) if i.get("rule", title) == title],
                          sort_keys=False, allow_unicode=True)


def shrink(language, text, tale, directory):
    lines = tale.splitlines()

    def differs(some):
        try:
            return bool(compare(language, text, "\n".join(some) + "\n", directory)[0])
        except Failed:
            return False

    def stays(line):        # who is who
        return line.startswith("0 ") or " fork " in line

    size = len(lines) // 2
    while size:
        at = 0
        while at < len(lines):
            part = lines[at:at + size]
            fewer = lines[:at] + [x for x in part if stays(x)] + lines[at + size:]
            if len(fewer) < len(lines) and differs(fewer):
                lines = fewer
            else:
                at += size
        size //= 2
    return "\n".join(lines) + "\n"


def keep(language, text, tale, wrong, directory):
    """A directory with the rule, the smallest tale, and what differs."""
    kept = tempfile.mkdtemp(prefix="reel-foreign-")
    rule = only(language, text, wrong[0][0]) if wrong[0][0] else text
    try:
        again = compare(language, rule, tale, directory)[0]
    except Failed:
        again = []
    if again:
        tale = shrink(language, rule, tale, directory)
        again = compare(language, rule, tale, directory)[0]
    else:       # it takes the other rules, too
        rule, again = text, wrong
    for file, content in ((NAMES[language], rule), ("tale", tale),
                          ("difference", "\n".join(f"{r}: {w}" for r, w in again) + "\n")):
        with open(os.path.join(kept, file), "w", encoding="utf-8") as f:
            f.write(content)
    return kept, rule if len(rule) < 4000 else "", tale, again


def rounds(language, o, directory):
    """(rules, findings, rejected, rounds that differ)"""
    total = hits = rejected = failed = 0
    for n in range(o.rounds):
        rng = random.Random(f"{o.seed}/{language}/{n}")
        make = SigmaRules if language == "sigma" else FalcoRules
        text = make(rng).file(o.rules)
        tale = Tales(rng, language == "sigma").make(o.events)
        try:
            wrong, found, refused = compare(language, text, tale, directory)
        except Failed as e:
            wrong, found, refused = [("", str(e))], 0, 0
        total, hits, rejected = total + o.rules, hits + found, rejected + refused
        if not wrong:
            continue
        failed += 1
        if wrong[0][0] == "":
            kept, rule, tale, again = "nothing", "", "", wrong
        else:
            kept, rule, tale, again = keep(language, text, tale, wrong, directory)
        print(f"# {language}: round {n} of seed {o.seed}: {len({r for r, _ in wrong})} rules differ; "
              f"kept in {kept}:")
        for line in (rule + tale).splitlines() + [f"{r}: {w}" for r, w in again[:10]]:
            print("#   " + line)
        if not o.go_on:
            break
    return total, hits, rejected, failed


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--language", choices=("sigma", "falco"))
    args.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    args.add_argument("--rounds", type=int, default=20)
    args.add_argument("--rules", type=int, default=60, help="of a round")
    args.add_argument("--events", type=int, default=120, help="of a round")
    args.add_argument("--go-on", action="store_true", help="do not stop at the first difference")
    o = args.parse_args()
    print(f"# seed {o.seed}")
    bad = number = 0
    for language in ("sigma", "falco") if not o.language else (o.language,):
        number += 1
        with tempfile.TemporaryDirectory() as d:
            total, hits, rejected, failed = rounds(language, o, d)
        wrong = failed or not hits
        bad += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {total} random rules of {language}, "
              f"{hits} findings, {rejected} rejected, seed {o.seed}")
    print(f"1..{number}")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
