# SPDX-License-Identifier: BSD-2-Clause
"""What reel says of Sigma and Falco rules: what it finds, and how it takes each rule."""

import ipaddress
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


def labels(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


def dns(name, *addresses):
    """A tale's event: an answer that says that NAME has these addresses; or cname:OTHER."""
    records = []
    for a in addresses:
        if a.startswith("cname:"):
            kind, data = 5, labels(a[6:])
        else:
            data = ipaddress.ip_address(a).packed
            kind = 1 if len(data) == 4 else 28
        records.append(b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" +
                       len(data).to_bytes(2, "big") + data)
    message = b"\x12\x34\x81\x80\0\1" + len(records).to_bytes(2, "big") + b"\0\0\0\0" + \
        labels(name) + b"\0\1\0\1" + b"".join(records)
    return ("dns family=AF_INET sock_type=SOCK_DGRAM addr=127.0.0.53 port=53 direction=received "
            f"payload={quoted(message)}")
