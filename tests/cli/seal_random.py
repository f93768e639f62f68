#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
"""Random changes to a sealed capture: of bytes, blocks, segments and headers, by somebody who makes anew
what he can. Each must be found, and nothing from the first place on that differs may be called sealed.

	seal_random.py [TRIES [SEED]]		1,000 tries of a seed that is printed
"""

import copy
import os
import random
import shutil
import sys
import time

SRC = os.environ.setdefault("SRC", os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
os.environ.setdefault("REEL", os.path.join(SRC, ".output", "reel"))
os.environ.setdefault("BENCH", os.path.join(SRC, ".output", "bench"))
TMP = os.environ.setdefault("TMP", os.getcwd())
sys.path.insert(0, os.path.join(SRC, "tests", "cli"))

import forge  # noqa: E402
import seal_forge as sf  # noqa: E402

OUT = os.path.join(TMP, "tried")
MADE = os.path.join(TMP, "made")


def read_files(directory):
    files = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".rls"):
            with open(os.path.join(directory, name), "rb") as f:
                files.append(bytearray(f.read()))
    return files


def write_files(files, directory):
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
    for n, data in enumerate(files):
        if data:
            with open(os.path.join(directory, f"x-{n + 1:06}-y.rls"), "wb") as f:
                f.write(data)


class Places:
    """Where the blocks of a capture lie in its files."""

    def __init__(self, files):
        self.of = []  # (file, begin, end, sequence), in order
        for n, data in enumerate(files):
            at = 0
            for b in sf.read_segment(bytes(data)):
                self.of.append((n, at, at + b.total, b.sequence))
                at += b.total

    def first_changed(self, before, after):
        """The sequence of the first block whose bytes are not where they were; None: all are."""
        for n, begin, end, sequence in self.of:
            if n >= len(after) or after[n][begin:end] != before[n][begin:end]:
                return sequence
        return None


# Of raw bytes: nothing is made anew ------------------------------------------------------------
def flip_bytes(files, r):
    for _ in range(r.choice((1, 1, 1, 2, 5))):
        f = files[r.randrange(len(files))]
        f[r.randrange(len(f))] ^= 1 << r.randrange(8)


def cut_bytes(files, r):
    f = files[r.randrange(len(files))]
    del f[r.randrange(len(f)):]


def remove_bytes(files, r):
    f = files[r.randrange(len(files))]
    at = r.randrange(len(f))
    del f[at:at + r.choice((1, 8, 100, 5000))]


def insert_bytes(files, r):
    f = files[r.randrange(len(files))]
    at = r.randrange(len(f) + 1)
    f[at:at] = r.randbytes(r.choice((1, 8, 100)))


def move_blocks(files, r):
    places = Places(files).of
    n, begin, end, _ = r.choice(places)
    m, at, _, _ = r.choice(places)
    block = files[n][begin:end]
    if r.random() < 0.5:
        files[m][at:at] = block
    else:
        _, _, stop, _ = next(p for p in places if p[:2] == (m, at))
        files[m][at:stop] = block


def drop_blocks(files, r):
    places = Places(files).of
    n, begin, end, _ = r.choice(places)
    del files[n][begin:end]


def drop_files(files, r):
    files[r.randrange(len(files))][:] = b""


def swap_files(files, r):
    a, b = r.sample(range(len(files)), 2)
    files[a], files[b] = files[b], files[a]


RAW = (flip_bytes, flip_bytes, flip_bytes, cut_bytes, remove_bytes, insert_bytes, move_blocks,
       drop_blocks, drop_files, swap_files)


# By who knows the format: sums, links, tables made anew, and tags with keys that he may have ----
def change_body(x, r):
    b = r.choice([b for b in x.blocks() if b.body])
    at = r.randrange(len(b.body))
    forge.put(b, at, bytes([b.body[at] ^ 1 << r.randrange(8)]))
    return b.sequence


def change_header(x, r):
    b = r.choice(x.blocks())
    name = r.choice(("ts_min", "ts_max", "settled", "n_events", "sequence", "segment", "kind",
                     "flags"))
    setattr(b, name, getattr(b, name) ^ 1 << r.randrange(3))
    return b.sequence


def drop_block(x, r):
    s = r.choice(x.segments)
    b = s.pop(r.randrange(len(s)))
    if r.random() < 0.5:
        x.segments = [s for s in x.segments if s]
        x.renumber()
    return b.sequence


def swap_blocks(x, r):
    s = r.choice(x.segments)
    i, j = sorted(r.sample(range(len(s)), 2))
    s[i], s[j] = s[j], s[i]
    s[i].sequence, s[j].sequence = s[j].sequence, s[i].sequence
    return min(s[i].sequence, s[j].sequence)


def double_block(x, r):
    s = r.choice(x.segments)
    i = r.randrange(len(s))
    s.insert(i, copy.deepcopy(s[i]))
    x.renumber()
    return s[i].sequence


def unseal_block(x, r):
    b = r.choice(x.blocks())
    b.flags &= ~sf.SEALED
    return b.sequence


def change_meta(x, r):
    s = r.choice(x.segments)
    tag = r.choice((sf.SEAL, sf.RUN, sf.START, sf.BOOT, sf.CAPTURE, sf.NUMBER))
    at = forge.item(s[0], tag) + r.randrange(8)
    forge.put(s[0], at, bytes([s[0].body[at] ^ 1 << r.randrange(8)]))
    return s[0].sequence


KNOWING = (change_body, change_body, change_header, drop_block, swap_blocks, double_block,
           unseal_block, change_meta)


class Thief:
    """Keys for tags, but not those that were gone when he came: he came at the end."""

    def __init__(self, original, root):
        self.after = sf.Chain(sf.root_of(root, 3))
        last = original.chain(root, original.segments[-1])
        n = original.blocks()[-1].sequence + 1
        self.stolen = last.from_block(n - last.first)

    def key(self, how, b):
        if how == 0:
            return None
        if how == 1:
            return b""
        if how == 2:
            return self.after.key(b.sequence % 2**20)
        return self.stolen.key(self.stolen.start + b.sequence % 64)


def main():
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    r = random.Random(seed)
    keys, state, root = sf.make_keys(TMP)
    for run in range(3):
        sf.generate(MADE, state, 10 + run, 1700000000 + 3600 * run, 700)
    original, before = sf.Capture(MADE), read_files(MADE)
    places, thief = Places(before), Thief(original, root)
    ends = {s[-1].sequence for s in original.segments}
    last = original.blocks()[-1].sequence
    wrong, counts = [], {}
    for i in range(tries):
        if r.random() < 0.5:
            change = r.choice(RAW)
            files = copy.deepcopy(before)
            change(files, r)
            write_files(files, OUT)
        else:
            change = r.choice(KNOWING)
            x = copy.deepcopy(original)
            at, how = change(x, r), r.randrange(4)
            x.segments = [s for s in x.segments if s]
            x.reseal(lambda b: None if b.sequence < at else thief.key(how, b))
            try:
                x.write(OUT, fix=r.random() < 0.8)
            except (forge.zstandard.ZstdError, forge.struct.error, IndexError, StopIteration):
                continue  # what cannot be made anew
        counts[change.__name__] = counts.get(change.__name__, 0) + 1
        first = places.first_changed(before, read_files(OUT) + [b""] * len(before))
        if change is swap_files:
            first = None  # names mean nothing: segments have numbers
        said, status = sf.verify(OUT, keys=keys)
        whole = [c for c in said if c["result"] == "sealed"]
        reached = max((sf.sealed_to(c) for c in said if c["capture"] == CAPTURE_OF(original)),
                      default=-1)
        if first is None:
            # Trailers differ at most, which are no part of a block, or names, or what was put
            # between and behind the blocks; and that must be said.
            is_same = sorted(map(bytes, before)) == sorted(map(bytes, read_files(OUT)))
            ok = status == 3 or (reached == last and
                                 (is_same or any(c["findings"] for c in said)))
        elif change in (move_blocks, insert_bytes) and all(
                bytes(b) in bytes(a) for b, a in zip(before, read_files(OUT))):
            # All that was written stands as it was, with bytes before a META: that is damage, and
            # how far the seal goes until they are met depends on what they are. A META of a later
            # run, say, is a segment by itself, and where that run begins.
            ok = status == 3 and any(c["damages"] for c in said)
        elif whole:
            # A run's end is an end: whatever came behind may never have been.
            ok = first - 1 in ends and reached == first - 1
        else:
            # Behind a beginning that is gone a row may begin anew, if it is as it was.
            ok = status in (3, 4) and (reached < first or all(
                c["seal"].get("first_block", 0) > first for c in said if sf.sealed_to(c) >= first))
        if not ok:
            wrong.append(f"try {i}, {change.__name__}: first change at block {first}, sealed to "
                         f"{reached}, {[c['result'] for c in said]}, status {status}")
    print(f"{'not ok' if wrong else 'ok'} 1 - random changes ({sum(counts.values())} tries, "
          f"seed {seed})")
    for line in wrong[:10]:
        print(f"#   {line}")
    print("# " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items())))
    print(f"trust: What was sealed is not changed unseen, by whoever has the machine later | random changes of "
          f"bytes, blocks and segments | {sum(counts.values())} tries | {len(wrong)} missed")
    print("1..1")
    return bool(wrong)


def CAPTURE_OF(x):
    return x.segments[0][0].get(sf.CAPTURE, "<16s")[0].hex()


if __name__ == "__main__":
    sys.exit(main())
