# SPDX-License-Identifier: BSD-2-Clause
"""Seals as FORMAT.md has them, and a capture in the hands of somebody who knows the format and has
some of the keys: all sums, links, tables and PREVIOUS are made anew, and tags as far as he can.

For seal_attacks.py and seal_random.py.
"""

import hashlib
import json
import os
import shutil
import struct
import subprocess

import forge

REEL = os.environ["REEL"]
SEALED = 2
PREVIOUS, START, RUN, SEAL, VERSION, CAPTURE, NUMBER, BOOT, CUT = 15, 14, 18, 19, 1, 3, 4, 6, 16


def keyed(key, said):
    return hashlib.blake2b(said, digest_size=32, key=key).digest()


def next_root(root):
    return keyed(root, b"reel run")


def root_of(root, n):
    for _ in range(n):
        root = next_root(root)
    return root


class Chain:
    """The keys of a run from its block FROM on: with the root of it all, or stolen in its midst."""

    def __init__(self, key, first=0, start=0):
        self.first, self.start, self.keys = first, start, [key]

    @classmethod
    def of(cls, root, n, capture, first, run):
        said = b"reel chain" + capture + struct.pack("<QQ", first, run)
        return cls(keyed(root_of(root, n), said), first)

    def key(self, i):
        """Of block i of the run; None before what was stolen."""
        if i < self.start:
            return None
        while len(self.keys) <= i - self.start:
            self.keys.append(keyed(self.keys[-1], b"reel next"))
        return self.keys[i - self.start]

    def from_block(self, i):
        """What somebody has who reads the recorder's memory when block i is next."""
        return Chain(self.key(i), self.first, i)


class Block(forge.Block):
    tag_kept = None  # bytes: this tag, whatever is right
    segment_at = 0   # which segment it was in at first

    def __init__(self, data, at):
        super().__init__(data, at)
        self.was_tag = data[at + self.header_bytes + self.stored_bytes:][:32]

    def bytes(self):
        made = super().bytes()
        if self.tag_kept is None:
            return made
        at = self.header_bytes + self.stored_bytes
        self.tag = self.tag_kept
        return made[:at] + self.tag + made[at + 32:]

    def get(self, tag, fmt):
        return struct.unpack_from(fmt, self.body, forge.item(self, tag))

    def set(self, tag, fmt, *values):
        forge.put(self, forge.item(self, tag), struct.pack(fmt, *values))

    def drop_item(self, tag):
        at = forge.item(self, tag) - 8
        n, = struct.unpack_from("<I", self.body, at + 4)
        self.body = self.body[:at] + self.body[at + 8 + (n + 7 & ~7):]

    def has(self, tag):
        at = 0
        while at < len(self.body):
            t, _, n = struct.unpack_from("<HHI", self.body, at)
            if t == tag:
                return True
            at += 8 + (n + 7 & ~7)
        return False


def read_segment(data):
    blocks, at = [], 0
    while data[at:at + 4] == b"RLB1":
        blocks.append(Block(data, at))
        at += blocks[-1].total
    return blocks


class Capture:
    """Segments, each a list of blocks."""

    def __init__(self, directory):
        self.segments = []
        for name in sorted(os.listdir(directory)):
            if name.endswith(".rls"):
                with open(os.path.join(directory, name), "rb") as f:
                    self.segments.append(read_segment(f.read()))

    def blocks(self):
        return [b for s in self.segments for b in s]

    def chain(self, root, segment):
        """The keys of the run that a segment says it is of."""
        meta = segment[0]
        _, n, first = meta.get(SEAL, "<16sQQ")
        capture, = meta.get(CAPTURE, "<16s")
        run, = meta.get(RUN, "<Q")
        return Chain.of(root, n, capture, first, run)

    def write(self, directory, fix=True, trailer=True):
        """With all that needs no key made anew, if FIX."""
        shutil.rmtree(directory, ignore_errors=True)
        os.mkdir(directory)
        before = None
        for n, segment in enumerate(self.segments):
            if not segment:
                continue
            meta = segment[0]
            if fix and before is not None:
                meta.link = before.tag
                if meta.kind == forge.META and meta.has(PREVIOUS):
                    meta.set(PREVIOUS, "<QQ32s", before.segment, before.sequence, before.tag)
            data = forge.write(segment, fix)
            before = segment[-1]
            if not trailer and before.kind == forge.END:
                data = data[:-16]
            with open(os.path.join(directory, f"x-{n + 1:06}-y.rls"), "wb") as f:
                f.write(data)

    def reseal(self, key_of):
        """Tags by KEY_OF(block): a key, None for the tag as it was, b"" for one without a key."""
        for b in self.blocks():
            key = key_of(b)
            b.key, b.tag_kept = (b"", b.was_tag) if key is None else (key, None)

    def renumber(self):
        n = self.segments[0][0].sequence
        for b in self.blocks():
            b.sequence, n = n, n + 1


def verify(*paths, keys=(), anchors=(), reel=REEL):
    """[what it says of each capture], status"""
    argv = [reel, "verify", "--json"]
    for k in keys:
        argv += ["--key", k]
    for a in anchors:
        argv += ["--anchors", a]
    done = subprocess.run([*argv, *paths], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    if done.returncode not in (0, 3, 4):
        raise SystemExit(f"status {done.returncode}: {done.stderr.decode()}")
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def sealed_to(said):
    """The last block of what is sealed; -1: nothing."""
    return said["seal"].get("last_block", -1)


def make_keys(directory):
    """An examiner, a host and its R_0: (keys for verify, state, root)."""
    at = lambda name: os.path.join(directory, name)
    run = lambda *argv: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    run(REEL, "keygen", "-o", at("ann"))
    run(REEL, "keygen", "--host", "--to", at("ann.pub"), "--state", at("state"), "-o", at("root"))
    with open(at("state"), encoding="ascii") as f:
        lines = dict(line.split() for line in f)
    return (at("root"), at("ann.key")), at("state"), bytes.fromhex(lines["key"])


def generate(directory, state, seed, start_s, events=500):
    argv = [os.path.join(os.environ["BENCH"], "gen"), "-o", directory, "-n", str(events), "-s",
            str(seed), "--rate", "500", "--segment-size", "16K", "--latency-ms", "300", "--cpus",
            "2", "--in-line", "--start", str(start_s * 10**9)]
    if state:
        argv += ["--seal", state]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
