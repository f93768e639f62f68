# SPDX-License-Identifier: BSD-2-Clause
"""What reel says of Sigma and Falco rules: what it finds, and how it takes each rule."""

import json
import subprocess

from examples import Failed
from schema import REEL


def replay(rules_file, directory, *options):
    """(findings by rule: a list of (ts, ids of evidence, the line), all lines)"""
    done = subprocess.run([REEL, "replay", "--all", "--json", *options, "-r", rules_file, directory],
                          capture_output=True)
    if done.returncode not in (0, 1, 4):
        raise Failed(f"replay: status {done.returncode}: " +
                     done.stderr.decode(errors="replace").strip())
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = {}
    for j in lines:
        if "finding" in j and not j.get("suppressed"):
            ids = [e["event"]["id"] if isinstance(e, dict) else e for e in j["evidence"]]
            found.setdefault(j.get("title") or j["rule"], []).append((j["ts"], ids, j))
    return found, lines


def statuses(*rules):
    """By title: the lines of `reel rules --json`."""
    done = subprocess.run([REEL, "rules", "--json", *rules], capture_output=True)
    if done.returncode not in (0, 2):
        raise Failed(f"rules: status {done.returncode}: " +
                     done.stderr.decode(errors="replace").strip())
    out = []
    for line in done.stdout.splitlines():
        j = json.loads(line)
        if "status" in j:
            out.append(j)
    return out


def quoted(data):
    """Bytes as a string of a tale."""
    data = data.encode() if isinstance(data, str) else data
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}"
                         for b in data) + '"'
