#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Change a segment as somebody would who knows the format: all sums, tags and links are made anew.

	forge.py IN OUT WHAT

What a verifier then still finds, it finds because the parts contradict each other. For verify.sh.
"""

import hashlib
import struct
import sys

import xxhash
import zstandard

META, SCHEMA, STATE, EVENTS, GAP, CLOCK, END = range(1, 8)
ZSTD, REQUIRED, KEYFRAME = 1, 4, 16
HEADER = struct.Struct("<IBBHIIQQQQQIHH32s32sQ")
FIELDS = ("magic kind flags header_bytes stored_bytes raw_bytes segment sequence ts_min ts_max settled "
          "n_events bloom_bytes reserved types link body_sum").split()


# What would be found in END already, were that not made to agree.
FIXES_END = ("nothing", "ts_max", "types", "settled", "keyframe", "seq", "sealed")


class Block:
    key = b""  # of a sealed one

    def __init__(self, data, at):
        for name, value in zip(FIELDS, HEADER.unpack_from(data, at)):
            setattr(self, name, value)
        end = at + self.header_bytes
        self.bloom = data[end - 8 - self.bloom_bytes:end - 8]
        self.stored = data[end:end + self.stored_bytes]
        self.body = self.stored
        if self.flags & ZSTD:
            self.body = zstandard.ZstdDecompressor().decompress(self.stored, self.raw_bytes)
        self.was = self.body
        self.total = (self.header_bytes + self.stored_bytes + 32 + 7) & ~7

    def bytes(self):
        stored = self.stored
        if self.body != self.was:
            stored = self.body
            if self.flags & ZSTD:
                stored = zstandard.ZstdCompressor().compress(self.body)
        seed = (self.segment + self.sequence) % 2**64
        self.stored_bytes, self.raw_bytes = len(stored), len(self.body)
        self.body_sum = xxhash.xxh3_64_intdigest(stored, seed)
        head = HEADER.pack(*(getattr(self, name) for name in FIELDS)) + self.bloom
        head += struct.pack("<Q", xxhash.xxh3_64_intdigest(head, seed))
        self.tag = hashlib.blake2b(head + stored, digest_size=32, key=self.key).digest()
        block = head + stored + self.tag
        return block + bytes(-len(block) % 8)


def read(data):
    blocks, at = [], 0
    while data[at:at + 4] == b"RLB1":
        blocks.append(Block(data, at))
        at += blocks[-1].total
    return blocks


def write(blocks, fix_end):
    out, rows, totals, types, tag = b"", b"", [0, 0, 0], [0] * 256, b""
    for b in blocks:
        if out:
            b.link = tag
        at = len(out)
        if b.kind == END and fix_end:
            put(b, item(b, 2), struct.pack("<QQQ", *totals))
            put(b, item(b, 3), struct.pack("<256Q", *types))
            put(b, item(b, 4), rows)
        out += b.bytes()
        tag = b.tag
        rows += struct.pack("<QQQQIIIHBB32s", at, b.ts_min, b.ts_max, b.settled, b.n_events,
                            b.stored_bytes, b.raw_bytes, b.header_bytes, b.kind, b.flags, b.types)
        for n, t in groups(b):
            types[t] += n
        totals = [totals[0] + b.n_events, totals[1] + b.raw_bytes, len(out)]
        if b.kind == END:
            offset = struct.pack("<Q", at)
            seed = (b.segment + b.sequence) % 2**64
            check = xxhash.xxh3_64_intdigest(offset, seed) & 0xffffffff
            out += offset + struct.pack("<I", check) + b"RLE1"
    return out


def groups(b):
    """How many events of which type are in a block."""
    if not STATE <= b.kind <= CLOCK:
        return
    n_runs, = struct.unpack_from("<I", b.body, 4)
    n_types, = struct.unpack_from("<I", b.body, 16)
    for i in range(n_types):
        at = first_run(b) + 24 * n_runs + 24 * i
        yield struct.unpack_from("<IHB", b.body, at)[0::2]


def put(b, at, value):
    b.body = b.body[:at] + value + b.body[at + len(value):]


def patch(b, at, fmt, change):
    value, = struct.unpack_from(fmt, b.body, at)
    put(b, at, struct.pack(fmt, change(value)))


def first_run(b):
    n_columns, = struct.unpack_from("<I", b.body, 12)
    return 32 + 8 * n_columns


def item(b, tag):
    at = 0
    while True:
        t, _, n = struct.unpack_from("<HHI", b.body, at)
        if t == tag:
            return at + 8
        at += 8 + (n + 7 & ~7)


def forge(blocks, what):
    events = [b for b in blocks if b.kind == EVENTS]
    b, end = events[len(events) // 2], blocks[-1]
    if what == "nothing":
        pass
    elif what == "ts_max":
        b.ts_max += 1
    elif what == "types":
        b.types = bytes([b.types[0] | 1]) + b.types[1:]
    elif what == "bloom":
        b.bloom = bytes(b.bloom_bytes)
    elif what == "settled":
        blocks[2].settled = 2**63
    elif what == "reserved":
        b.reserved = 1
    elif what == "keyframe":
        next(s for s in blocks if s.kind == STATE).flags ^= KEYFRAME
    elif what == "sealed":
        b.flags |= 2
    elif what == "required":
        b.kind, b.flags = 77, b.flags | REQUIRED
    elif what == "kind":
        b.kind = STATE
    elif what == "unpack":
        patch(b, 4, "<I", lambda n: n + 1)
    elif what == "column":
        patch(b, 32 + 3, "<B", lambda n: 1)
    elif what == "run":
        patch(b, first_run(b) + 22, "<H", lambda n: 1)
    elif what == "seq":
        patch(b, first_run(b) + 8, "<Q", lambda n: n + 5000)
    elif what == "totals":
        patch(end, item(end, 2), "<Q", lambda n: n + 1)
    elif what == "counts":
        patch(end, item(end, 3) + 8 * 16, "<Q", lambda n: n - 1)
    elif what == "rows":
        patch(end, item(end, 4) + 80 * 3 + 8, "<Q", lambda n: n + 1)
    elif what == "reason":
        patch(end, item(end, 1), "<Q", lambda n: 9)
    elif what == "item":
        patch(blocks[0], 2, "<H", lambda n: 1)
    elif what == "number":
        patch(blocks[0], item(blocks[0], 4), "<Q", lambda n: 7)
    elif what == "schema":
        patch(blocks[1], 4, "<I", lambda n: n + 1)
    elif what == "order":
        blocks[3], blocks[4] = blocks[4], blocks[3]
    elif what == "gone":
        blocks.remove(b)
    elif what == "renumbered":
        blocks.remove(b)
        for n, other in enumerate(blocks):
            other.sequence = blocks[0].sequence + n
    elif what == "segment":
        b.segment ^= 1
    elif what == "end":
        blocks.append(Block(blocks[-1].bytes(), 0))
        blocks[-1].sequence += 1
    else:
        sys.exit(f"what is {what}?")
    return blocks


def main():
    source, target, what = sys.argv[1:]
    with open(source, "rb") as f:
        blocks = read(f.read())
    with open(target, "wb") as f:
        f.write(write(forge(blocks, what), what in FIXES_END))


if __name__ == "__main__":
    main()
