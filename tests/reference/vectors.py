#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs vectors/sigma/*.yml and vectors/falco/*.yml: in the slow evaluators, or with --engine in reel.

	vectors.py [--engine [--no-shortcuts]] [FILE ...]

README.md says what the files look like.
"""

import glob
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import yaml  # noqa: E402

import falco  # noqa: E402
import foreign  # noqa: E402
import sigma  # noqa: E402
from examples import BASE_NS, Failed, dump, tell  # noqa: E402
from falco_fields import Told  # noqa: E402
from machine import Machine  # noqa: E402
from reference import read_events  # noqa: E402
from sigma_records import records_of  # noqa: E402

OPTIONS = []
HERE = os.path.dirname(os.path.abspath(__file__))
PRELUDE = """0 1 process exe=/sbin/init argv=(init)
0 90 process ppid=1 exe=/usr/bin/bash argv=(bash,-i) uid=1000 cwd=/home/ubuntu loginuid=1000
0 - account kind=user account_id=0 name=root
0 - account kind=user account_id=1000 name=ubuntu
0 - account kind=user account_id=33 name=www-data
"""
PROCESS = "ppid=90 exe=/usr/bin/dash argv=(sh,-x) uid=1000 cwd=/srv loginuid=1000"


class Case:
    """One rule, and what it is asked about: events of its own, or a story."""

    def __init__(self, raw, defaults, title):
        self.raw = {**defaults, **raw}
        self.title, self.name = title, raw["name"]
        # The keys true and false are truths to YAML.
        self.events = [(e, True) for e in self.raw.get(True, [])] + \
            [(e, False) for e in self.raw.get(False, [])]
        if not self.events and not {"rejected", "story"} & set(self.raw):
            raise ValueError(f"{self.name}: nothing is asked")
        self.ids = []

    def line(self, event):
        template = self.raw["event"]
        if isinstance(event, dict):
            for key, value in event.items():
                template = template.replace("{" + key + "}", str(value))
            return template
        return template.replace("{raw}", str(event)).replace("{}", foreign.quoted(str(event)))

    def process(self):
        return self.raw.get("process", PROCESS)


class SigmaCase(Case):
    def text(self):
        if "rule" in self.raw:
            return self.raw["rule"]
        doc = {"title": self.title, "logsource": self.raw["logsource"],
               "detection": self.raw["detection"], **self.raw.get("with", {})}
        return yaml.safe_dump(doc, allow_unicode=True, sort_keys=False)


class FalcoCase(Case):
    def items(self):
        if "rules" in self.raw:
            return self.raw["rules"]
        return yaml.safe_dump([{"rule": self.title, "desc": "a vector", "priority": "NOTICE",
                                "condition": self.raw["condition"],
                                "output": self.raw.get("output", "it is %evt.type"),
                                **self.raw.get("with", {})}], allow_unicode=True, sort_keys=False)

    text = items


# The two ways of asking --------------------------------------------------------------------------

class BySelf:
    """The slow evaluators."""

    def __init__(self, language):
        self.language = language

    def rejected(self, text, title):
        rules = sigma.load(text) if self.language == "sigma" else falco.load(text)
        if self.language == "falco" and rules.error:
            return rules.error
        for _, who, why in rules.rejected:
            if who == title or title is None:
                return why
        return None

    def find(self, text, directory):
        events = read_events(dump(directory))
        machine = Machine()
        if self.language == "sigma":
            hits = sigma.run(sigma.load(text), events, records_of, machine)
            out = {}
            for h in hits:
                out.setdefault(h.rule.title, []).append((h.ts, h.ids, {}))
            return out
        out = {}
        for rule, ts, event, line in falco.run(falco.load(text), events, Told, machine):
            out.setdefault(rule, []).append((ts, [event], {"output": line}))
        return out


class ByEngine:
    def __init__(self, language):
        self.language = language

    def file(self, text, directory):
        path = os.path.join(directory, "vector.yml" if self.language == "sigma" else "vector.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def rejected(self, text, title):
        with tempfile.TemporaryDirectory() as d:
            for j in foreign.statuses(self.file(text, d)):
                if j["status"] in ("rejected", "unsupported"):
                    return j.get("reason") or "no reason"
        return None

    def find(self, text, directory):
        with tempfile.TemporaryDirectory() as d:
            return foreign.replay(self.file(text, d), directory, *OPTIONS)[0]


# Checks ------------------------------------------------------------------------------------------

def capture_of(cases, directory):
    """A capture of the events of all cases, each in a process of its own."""
    lines, moments, pid, second = [], [], 1000, 1
    for case in cases:
        for event, _ in case.events:
            lines.append(f"0 {pid} process {case.process()}")
            lines.append(f"{second} {pid} {case.line(event)}")
            moments.append((case, BASE_NS + second * 10 ** 9))
            pid, second = pid + 1, second + 1
    if not lines:
        return
    tell(PRELUDE + "\n".join(lines) + "\n", directory)
    by_ts = {e.ts: e.id for e in read_events(dump(directory)) if e.type.class_name != "tape" and
             e.json["pid"] >= 1000}
    for case, ts in moments:
        case.ids.append(by_ts.get(ts))


def check_events(case, found):
    hits = [i for _, ids, _ in found.get(case.title, []) for i in ids]
    wrong = []
    for (event, expected), i in zip(case.events, case.ids):
        if i is None:
            wrong.append(f"no event was made of {event!r}")
        elif (i in hits) != expected:
            wrong.append(f"{'not ' if expected else ''}found: {event!r}")
    outputs = {ids[0]: line.get("output") for _, ids, line in found.get(case.title, [])}
    for (event, _), i, expected in zip(case.events, case.ids, case.raw.get("outputs", [])):
        told = re.sub(r"^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}: ", "", outputs.get(i) or "")
        if told != expected:
            wrong.append(f"{event!r} is put out as {told!r}, not {expected!r}")
    return wrong


def with_answers(story):
    """{dns NAME ADDRESS ...} is an answer of DNS."""
    return re.sub(r"\{dns ([^}]*)\}", lambda m: foreign.dns(*m[1].split()), story)


def check_story(case, asker):
    """Rules and a tale of their own: first when each of them is found, or how often."""
    with tempfile.TemporaryDirectory() as d:
        capture = os.path.join(d, "capture")
        tell(PRELUDE + with_answers(case.raw["story"]), capture)
        found = asker.find(case.text(), capture)
    wrong = []
    for rule, expected in case.raw["hits"].items():
        seconds = sorted((ts - BASE_NS) / 10 ** 9 for ts, _, _ in found.get(rule, []))
        if expected is None or expected == []:
            if seconds:
                wrong.append(f"{rule} is found at {seconds}")
        elif not isinstance(expected, list):
            if not seconds or seconds[0] != expected:
                wrong.append(f"{rule} is found at {seconds}, not first at {expected}")
        elif seconds != expected:
            wrong.append(f"{rule} is found at {seconds}, not at {expected}")
    return wrong


def check_file(path, engine):
    """(name, what is wrong) for each case of the file"""
    language = os.path.basename(os.path.dirname(os.path.abspath(path)))
    kind = SigmaCase if language == "sigma" else FalcoCase
    asker = (ByEngine if engine else BySelf)(language)
    with open(path, encoding="utf-8") as f:
        raw = yaml.safe_load(f)
    stem = os.path.splitext(os.path.basename(path))[0]
    cases = [kind(c, raw.get("defaults", {}), c.get("title", f"{stem} {i}"))
             for i, c in enumerate(raw["cases"])]
    plain = [c for c in cases if c.events and "rejected" not in c.raw]
    found, why = {}, None
    with tempfile.TemporaryDirectory() as d:
        capture = os.path.join(d, "capture")
        try:
            capture_of(plain, capture)
            if plain:
                separator = "---\n" if language == "sigma" else ""
                found = asker.find(separator.join(c.text() for c in plain), capture)
        except Failed as e:
            why = str(e)
    for case in cases:
        try:
            if "rejected" in case.raw:
                told = asker.rejected(case.text(), case.title)
                wrong = [] if told else ["it is not rejected"]
            elif "story" in case.raw:
                wrong = check_story(case, asker)
            else:
                wrong = [why] if why else check_events(case, found)
        except Failed as e:
            wrong = [str(e)]
        yield f"{language}/{stem}: {case.name}", wrong


def main(argv):
    engine = "--engine" in argv
    OPTIONS.extend(a for a in argv if a == "--no-shortcuts")
    files = [a for a in argv if not a.startswith("-")] or \
        sorted(glob.glob(os.path.join(HERE, "vectors", "*", "*.yml")))
    number = failed = 0
    for path in files:
        for name, wrong in check_file(path, engine):
            number += 1
            print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
            for w in wrong:
                print(f"# {w}")
            failed += bool(wrong)
    print(f"1..{number}")
    return failed != 0 or number == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
