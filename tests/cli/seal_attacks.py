#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
"""What somebody can do to sealed captures who has the machine afterwards, and all that is on it.

Each attack is tried at every place where it can be. reel verify must say exactly how far the capture
is as it was sealed, and call nothing sealed that may be somebody else's work; where nobody could know
better, which FORMAT.md 22 lists, the test wants to be told just what is known.
"""

import copy
import os
import shutil
import struct
import sys

SRC = os.environ.setdefault("SRC", os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
os.environ.setdefault("REEL", os.path.join(SRC, ".output", "reel"))
os.environ.setdefault("BENCH", os.path.join(SRC, ".output", "bench"))
TMP = os.environ.setdefault("TMP", os.getcwd())
sys.path.insert(0, os.path.join(SRC, "tests", "cli"))

import forge  # noqa: E402
import seal_forge as sf  # noqa: E402
from forge import EVENTS, END  # noqa: E402
from seal_forge import Capture, Chain  # noqa: E402

OUT = os.path.join(TMP, "tried")
OUT2 = os.path.join(TMP, "tried2")


class Test:
    """Counts tries, and says of each attack whether all of them came out right."""

    def __init__(self):
        self.n = self.tries = self.failed = 0
        self.attack_tries, self.wrong = 0, []

    def check(self, is_right, what):
        self.tries += 1
        self.attack_tries += 1
        if not is_right:
            self.wrong.append(what)

    def told(self, where, out, to, results, status, n=0):
        """Verify says that so far it is sealed, and no farther."""
        said, got = out
        c = said[n]
        self.check(sf.sealed_to(c) == to and c["result"] in results and got == status,
                   f"{where}: {c['result']}, sealed to {sf.sealed_to(c)} and not {to}, status "
                   f"{got}: {[f['what'] for f in c['findings'][:3]]}")

    def done(self, name):
        self.n += 1
        self.failed += bool(self.wrong)
        print(f"{'not ok' if self.wrong else 'ok'} {self.n} - {name} ({self.attack_tries} tries)")
        for line in self.wrong[:5]:
            print(f"#   {line}")
        print(f"trust: What was sealed is not changed unseen, by whoever has the machine later | {name} | "
              f"{self.attack_tries} tries | {len(self.wrong)} missed", flush=True)
        self.attack_tries, self.wrong = 0, []


T = Test()
KEYS, STATE, ROOT = sf.make_keys(TMP)
MADE = os.path.join(TMP, "made")
for run in range(3):
    sf.generate(MADE, STATE, 10 + run, 1700000000 + 3600 * run, 700)
ORIGINAL = Capture(MADE)
N = len(ORIGINAL.blocks())
AFTER = sf.root_of(ROOT, 3)  # what the state file has when all is over


def copy_of():
    return copy.deepcopy(ORIGINAL)


FIRST_OF_RUN = {s[0].get(sf.SEAL, "<16sQQ")[2] for s in ORIGINAL.segments}


def is_so_far(said, to, how):
    """Sealed up to there; or, where tags are still those of their blocks, behind what was done."""
    seal = said["seal"]
    if "first_block" in seal and how == "as they were":
        return seal["last_block"] <= to or seal["first_block"] > to + 1
    return sf.sealed_to(said) <= to


def verify(*paths, **more):
    return sf.verify(*(paths or (OUT,)), keys=KEYS, **more)


def run_of(capture, sequence):
    """(segment index, its run's first segment index) of a block."""
    for n, s in enumerate(capture.segments):
        if s and s[0].sequence <= sequence <= s[-1].sequence:
            return n
    raise IndexError


def change(b):
    """Other content, as well formed as before: a pid, a time, a word of META or SCHEMA."""
    if b.kind == END:
        forge.patch(b, forge.item(b, 1), "<Q", lambda n: 2 if n != 2 else 0)
    elif b.kind == forge.META:
        forge.patch(b, forge.item(b, 13), "<Q", lambda n: n + 1)
    elif b.kind == forge.SCHEMA:
        b.body = b.body.replace(b"chmod", b"chmox")
    else:
        # the high half of the first event's sequence number would be missed; this is in a run
        forge.patch(b, forge.first_run(b) + 8, "<Q", lambda n: n ^ 1 << 20)
    assert b.body != b.was


def taggers(first_changed):
    """How the tags from the changed block on can be made by who has no key of them."""
    late = Chain(AFTER, 0)
    stolen = ORIGINAL.chain(ROOT, ORIGINAL.segments[-1])

    def is_before(b):
        return b.sequence < first_changed

    yield "as they were", lambda b: None
    yield "without a key", lambda b: None if is_before(b) else b""
    yield "with the root of the next run", lambda b: None if is_before(b) else \
        late.key(b.sequence)
    yield "with the last key of the last run", lambda b: None if is_before(b) else \
        stolen.key(N - stolen.first)


# A capture that nobody has touched, also with all made anew that needs no key ------------------
out = verify(MADE)
T.told("untouched", out, N - 1, ("sealed",), 0)
T.check(out[0][0]["seal"]["right"] == N, "blocks that are right")
x = copy_of()
x.reseal(lambda b: None)
x.write(OUT)
T.told("copied", verify(), N - 1, ("sealed",), 0)
said, status = sf.verify(MADE)
T.check(said[0]["result"] == "consistent" and status == 0 and sf.sealed_to(said[0]) == -1,
        "without the root it is called sealed")
sealer = {id(s): ORIGINAL.chain(ROOT, s) for s in ORIGINAL.segments}
for s in ORIGINAL.segments:
    for b in s:
        c = sealer[id(s)]
        b2 = copy.deepcopy(b)
        b2.key = c.key(b.sequence - c.first)
        b2.bytes()
        T.check(b2.tag == b.was_tag, f"the tag of block {b.sequence} by FORMAT.md")
T.done("what nobody touched is sealed, by a second opinion too")

# Changed, dropped, reordered, pasted, with all sums and links made anew -------------------------
for i in range(N):
    for how, key_of in taggers(i):
        x = copy_of()
        b = x.blocks()[i]
        change(b)
        x.reseal(key_of)
        x.write(OUT)
        T.told(f"block {i} changed, tags {how}", verify(), i - 1, ("damaged",), 3)
T.done("a changed block")

for i in range(N - 1):
    for renumbered in (False, True):
        for how, key_of in taggers(i):
            x = copy_of()
            for s in x.segments:
                s[:] = [b for b in s if b.sequence != i]
            if renumbered:
                x.renumber()
            x.reseal(key_of)
            x.write(OUT)
            where = f"block {i} dropped, renumbered {renumbered}, tags {how}"
            if i not in FIRST_OF_RUN | {0, ORIGINAL.segments[-1][0].sequence}:
                T.told(where, verify(), i - 1, ("damaged",), 3)
                continue
            # Without META nobody can say what the blocks behind it belong to: they are told apart.
            said, status = verify()
            T.check(status == 3 and not said[-1]["capture"] and said[-1]["damages"] and
                    all(is_so_far(c, i - 1, how) for c in said), where)
T.done("a dropped block")

for i in range(1, N - 1):
    n = run_of(ORIGINAL, i)
    if run_of(ORIGINAL, i + 1) != n or i == ORIGINAL.segments[n][0].sequence:
        continue
    for renumbered in (False, True):
        for how, key_of in taggers(i):
            x = copy_of()
            s = x.segments[n]
            k = i - s[0].sequence
            s[k], s[k + 1] = s[k + 1], s[k]
            if renumbered:
                s[k].sequence, s[k + 1].sequence = i, i + 1
            x.reseal(key_of)
            x.write(OUT)
            T.told(f"blocks {i}, {i + 1} reordered, renumbered {renumbered}, tags {how}", verify(),
                   i - 1, ("damaged",), 3)
T.done("reordered blocks")

for i in range(N):
    n = run_of(ORIGINAL, i)
    for from_where in (i - 7, i + 9):
        if not 0 <= from_where < N or i == ORIGINAL.segments[n][0].sequence:
            continue
        for how, key_of in taggers(i):
            x = copy_of()
            s = x.segments[n]
            b = copy.deepcopy(x.blocks()[from_where])
            b.segment, b.sequence = s[0].segment, i
            s[i - s[0].sequence] = b
            x.reseal(key_of)
            x.write(OUT)
            where = f"block {from_where} in the place of {i}, tags {how}"
            if b.kind != forge.META:
                T.told(where, verify(), i - 1, ("damaged",), 3)
                continue
            said, status = verify()  # a segment begins there, of which the number counts
            T.check(said[0]["result"] == "damaged" and sf.sealed_to(said[0]) < i and status == 3,
                    f"{where}: {said[0]['result']}, sealed to {sf.sealed_to(said[0])}")
T.done("a block in the place of another")

# Cut ------------------------------------------------------------------------------------------
for i in range(1, N):
    x = copy_of()
    x.segments = [s[:max(0, i - s[0].sequence)] for s in x.segments]
    x.segments = [s for s in x.segments if s]
    for s in x.segments:
        for b in s:
            b.tag_kept = b.was_tag
    x.write(OUT, fix=False)
    last = x.segments[-1][-1]
    ends_run = last.kind == END and last.get(1, "<Q") == (0,)
    rotates = last.kind == END and not ends_run
    if ends_run:  # later runs were never given to anybody: nobody could know of them
        T.told(f"cut behind a run, at {i}", verify(), i - 1, ("sealed",), 0)
    elif rotates:
        out = verify()
        T.told(f"cut behind a segment, at {i}", out, i - 1, ("consistent",), 4)
        T.check(any("went on behind block" in f["what"] for f in out[0][0]["findings"]),
                f"cut at {i}: nothing is said of what went on")
    else:
        out = verify()
        T.told(f"cut at {i}", out, i - 1, ("unclean",), 4)
        T.check(any("has no END" in f["what"] for f in out[0][0]["findings"]),
                f"cut at {i}: nothing is said of what may have been behind")
    if last.kind == END:
        continue
    # ... and an END behind it, as a recorder that ended there would have put.
    for how, key_of in taggers(i):
        if i == N - 1 and how == "as they were":
            continue  # it was
        y = copy.deepcopy(x)
        end = copy.deepcopy(ORIGINAL.segments[-1][-1])
        end.segment, end.sequence = last.segment, i
        y.segments[-1].append(end)
        y.reseal(key_of)
        y.write(OUT)
        T.told(f"an END forged at {i}, tags {how}", verify(), i - 1, ("damaged",), 3)
T.done("a cut tail")

for n in range(1, len(ORIGINAL.segments)):
    x = copy_of()
    x.segments = x.segments[n:]
    x.reseal(lambda b: None)
    x.write(OUT)
    said, status = verify()
    T.check(said[0]["result"] == "consistent" and said[0]["head_missing"] and status == 4 and
            said[0]["seal"]["first_block"] == x.segments[0][0].sequence,
            f"without the first {n} segments: {said[0]['result']}")
    # ... as if it began there
    x = copy_of()
    x.segments = x.segments[n:]
    x.segments[0][0].drop_item(sf.PREVIOUS)
    x.segments[0][0].link = bytes(32)
    for k, s in enumerate(x.segments):
        s[0].set(sf.NUMBER, "<Q", k + 1)
    x.renumber()
    for b in x.blocks():
        b.sequence -= ORIGINAL.segments[n][0].sequence
    x.reseal(lambda b: None)
    x.write(OUT)
    T.told(f"begun anew at segment {n}", verify(), -1, ("damaged",), 3)
T.done("a cut head")

for n in range(1, len(ORIGINAL.segments) - 1):
    first = ORIGINAL.segments[n][0].sequence
    for renumbered in (False, True):
        for how, key_of in taggers(first):
            x = copy_of()
            del x.segments[n]
            if renumbered:
                for k, s in enumerate(x.segments):
                    s[0].set(sf.NUMBER, "<Q", k + 1)
                x.renumber()
            x.reseal(key_of)
            x.write(OUT)
            T.told(f"segment {n} out, renumbered {renumbered}, tags {how}", verify(), first - 1,
                   ("damaged",), 3)
T.done("a segment that was left out")

# Keys of later ---------------------------------------------------------------------------------
for stolen_at in range(2, N):
    n = run_of(ORIGINAL, stolen_at)
    full = ORIGINAL.chain(ROOT, ORIGINAL.segments[n])
    if stolen_at == full.first:
        continue
    stolen = full.from_block(stolen_at - full.first)
    for i in sorted({full.first, (full.first + stolen_at) // 2, stolen_at - 1}):
        x = copy_of()
        x.segments = [s for s in x.segments if s[0].sequence < stolen_at + 1]
        change(x.blocks()[i])

        def late(b):
            if b.sequence < i:
                return None
            # the nearest that he has: for the block that it is, or of the place where he took it
            return stolen.key(max(b.sequence - full.first, stolen.start))

        x.reseal(late)
        x.write(OUT)
        said, status = verify()
        T.check(said[0]["result"] == "damaged" and status == 3 and
                sf.sealed_to(said[0]) == i - 1,
                f"block {i} sealed anew with the key of {stolen_at}: {said[0]['result']}, "
                f"to {sf.sealed_to(said[0])}")
        # The same, as if his key belonged to an earlier block of the run.
        x.reseal(lambda b: None if b.sequence < i else stolen.key(
            stolen.start + b.sequence - i))
        x.write(OUT)
        T.told(f"block {i} and on sealed with the keys from {stolen_at} on", verify(), i - 1,
               ("damaged",), 3)
T.done("old blocks that are sealed anew with later keys")

for stolen_at in range(2, N):
    n = run_of(ORIGINAL, stolen_at)
    full = ORIGINAL.chain(ROOT, ORIGINAL.segments[n])
    if stolen_at == full.first or ORIGINAL.blocks()[stolen_at].kind == forge.META:
        continue
    stolen = full.from_block(stolen_at - full.first)
    x = copy_of()
    x.segments = x.segments[:n + 1]
    change(x.blocks()[stolen_at])
    x.reseal(lambda b: None if b.sequence < stolen_at else stolen.key(b.sequence - full.first))
    x.write(OUT)
    said, status = verify()
    # The limit: from there on it is his. All before it is as it was.
    T.check(said[0]["seal"]["right"] == x.segments[-1][-1].sequence + 1,
            f"forged from {stolen_at} on with the key of that block: {said[0]['seal']}")
T.done("what comes behind a stolen key is its thief's, as it must be")

# Runs ------------------------------------------------------------------------------------------
def runs_of(capture):
    """[[segment indexes]] of each run"""
    runs = {}
    for n, s in enumerate(capture.segments):
        runs.setdefault(s[0].get(sf.RUN, "<Q"), []).append(n)
    return list(runs.values())


for r in (1, 2):
    gone = runs_of(ORIGINAL)[r]
    first = ORIGINAL.segments[gone[0]][0].sequence
    for how, key_of in taggers(first):
        x = copy_of()
        x.segments = [s for n, s in enumerate(x.segments) if n not in gone]
        for k, s in enumerate(x.segments):
            s[0].set(sf.NUMBER, "<Q", k + 1)
        x.renumber()
        x.reseal(key_of)
        x.write(OUT)
        if r == 2:  # the last: as if it had never been
            T.told("the last run out", verify(), first - 1, ("sealed",), 0)
        else:
            T.told(f"run {r} out, tags {how}", verify(), first - 1, ("damaged",), 3)
T.done("a run that was left out of its capture")

shutil.copy(STATE, STATE + ".kept")
ONE, OTHER = os.path.join(TMP, "one"), os.path.join(TMP, "other")
sf.generate(ONE, STATE, 31, 1700020000, 100)    # run 3
sf.generate(ONE, STATE, 32, 1700030000, 100)    # run 4: of another capture, see below
shutil.rmtree(ONE)
sf.generate(ONE, STATE, 33, 1700040000, 100)    # run 5
said, status = verify(MADE, ONE)
notes = [f["what"] for c in said for f in c["findings"]]
T.check(status == 0 and any("runs 3 to 4 of host key" in w and "not among these" in w
                            for w in notes), f"runs that are missing: {notes}")
T.check(all(c["result"] == "sealed" for c in said), "what is there is sealed")
T.done("runs that left nothing, or were taken away, are named")

# Whoever has the state file, R_3, can do a run 3 of his own; but then there are two.
shutil.copy(STATE + ".kept", STATE)
os.chmod(STATE, 0o600)
sf.generate(OTHER, STATE, 41, 1700020000, 100)  # run 3
shutil.copy(STATE + ".kept", STATE)
os.chmod(STATE, 0o600)
shutil.rmtree(ONE)
sf.generate(ONE, STATE, 42, 1700020000, 100)    # run 3
for alone in (ONE, OTHER):
    said, status = verify(alone)
    T.check(said[0]["result"] == "sealed" and said[0]["seal"]["first_run"] == 3 and status == 0,
            f"one of two runs 3 alone: {said[0]['result']}")
said, status = verify(ONE, OTHER)
T.check(status == 3 and all(c["result"] == "damaged" and sf.sealed_to(c) == -1 for c in said),
        f"two runs 3: {[c['result'] for c in said]}")
# Run 1 of the capture stands again, in a second capture: R_1 stolen from a backup.
x = Capture(ONE)
for s in x.segments:
    host, n, first = s[0].get(sf.SEAL, "<16sQQ")
    s[0].set(sf.SEAL, "<16sQQ", host, 1, first)
again = x.chain(ROOT, x.segments[0])
x.reseal(lambda b: again.key(b.sequence))
x.write(OUT2)
said, status = verify(OUT2, MADE)
first = ORIGINAL.segments[runs_of(ORIGINAL)[1][0]][0].sequence
for c in said:
    T.check(c["result"] == "damaged" and
            sf.sealed_to(c) == (first - 1 if c["blocks"] == N else -1) and status == 3,
            f"run 1 twice: {c['result']}, to {sf.sealed_to(c)}")
T.done("the same run twice")

# Starts: a run of later that says it was earlier.
for same_boot in (False, True):
    x = Capture(ONE)
    made = ORIGINAL.segments[-1][0]
    for s in x.segments:
        boottime, realtime = made.get(sf.START, "<Qq")
        s[0].set(sf.START, "<Qq", boottime - 10**9 if boottime > 10**9 else 0,
                 realtime - 3600 * 10**9)
        if same_boot:
            s[0].set(sf.BOOT, "<16s", *made.get(sf.BOOT, "<16s"))
        else:
            s[0].set(sf.BOOT, "<16s", os.urandom(16))
    third = x.chain(ROOT, x.segments[0])
    x.reseal(lambda b: third.key(b.sequence))
    x.write(OUT2)
    said, status = verify(MADE, OUT2)
    forged = next(c for c in said if c["blocks"] != N)
    if same_boot:
        T.check(forged["result"] == "damaged" and sf.sealed_to(forged) == -1 and status == 3,
                f"a start before the run before, in its boot: {forged['result']}")
    else:
        T.check(forged["result"] == "consistent" and status == 4 and
                any("clock was set back" in f["what"] for f in forged["findings"]),
                f"a start before the run before: {forged['result']}, {status}")
T.done("a run that says it began before one with a lower number")

# Seals that are missing -----------------------------------------------------------------------
for i in range(N):
    x = copy_of()
    x.reseal(lambda b: None)
    b = x.blocks()[i]
    b.flags &= ~sf.SEALED
    b.key, b.tag_kept = b"", None
    x.write(OUT)
    T.told(f"block {i} without a seal", verify(), i - 1, ("damaged",), 3)
    n = run_of(ORIGINAL, i)
    if i == ORIGINAL.segments[n][-1].sequence:
        continue
    for how, key_of in taggers(i + 1):
        x = copy_of()
        x.reseal(key_of)
        s = x.segments[n]
        k = i + 1 - s[0].sequence
        more = copy.deepcopy(next(b for b in x.blocks() if b.kind == EVENTS))
        more.flags &= ~sf.SEALED
        more.segment, more.key, more.tag_kept = s[0].segment, b"", None
        s.insert(k, more)
        x.renumber()
        x.write(OUT)
        T.told(f"a block without a seal behind {i}, tags {how}", verify(), i, ("damaged",), 3)
T.done("blocks without a seal among sealed ones")


def strip(x, segments, keep_item=False, old=False):
    for s in segments:
        for b in s:
            b.flags &= ~sf.SEALED
            b.key, b.tag_kept = b"", None
        if not keep_item:
            s[0].drop_item(sf.SEAL)
        if old:
            s[0].set(sf.VERSION, "<HH", 1, 0)


for old in (False, True):
    x = copy_of()
    strip(x, x.segments, old=old)
    x.write(OUT)
    said, status = sf.verify(OUT)
    T.check(said[0]["result"] == "consistent" and status == 0 and not said[0]["seal"]["blocks"],
            f"stripped, without keys: {said[0]['result']}")
    T.told("stripped", verify(), -1, ("consistent",), 4)
    T.check(verify()[0][0]["seal"]["unsealed"] == N, "how many are not sealed")
x = copy_of()
strip(x, x.segments, keep_item=True)
x.write(OUT)
T.told("stripped, but META still names the seal", verify(), -1, ("damaged",), 3)
x = copy_of()
x.reseal(lambda b: None)
for s in x.segments:
    s[0].drop_item(sf.SEAL)
x.write(OUT)
T.told("META names no seal, the blocks have one", verify(), -1, ("damaged",), 3)
for n in range(1, len(ORIGINAL.segments)):
    first = ORIGINAL.segments[n][0].sequence
    is_within = ORIGINAL.segments[n][0].get(sf.RUN, "<Q") == \
        ORIGINAL.segments[n - 1][0].get(sf.RUN, "<Q")
    x = copy_of()
    x.reseal(lambda b: None)
    strip(x, x.segments[n:])
    x.write(OUT)
    if is_within:
        T.told(f"stripped from segment {n} on, in a run", verify(), first - 1, ("damaged",), 3)
    else:
        T.told(f"stripped from segment {n} on", verify(), first - 1, ("consistent",), 4)
    # ... as another run, that was never sealed
    for s in x.segments[n:]:
        s[0].set(sf.RUN, "<Q", 4711)
    x.write(OUT)
    T.told(f"from segment {n} on another run", verify(), first - 1, ("consistent",), 4)
T.done("seals that were taken off")

# Claims of META -------------------------------------------------------------------------------
for n, segment in enumerate(ORIGINAL.segments):
    _, number, first = segment[0].get(sf.SEAL, "<16sQQ")
    at = segment[0].sequence
    claims = [("first", {"first": f}) for f in (0, first + 1, first - 1, at, at + 1, 2**63)
              if f != first and f >= 0]
    claims += [("run", {"number": m}) for m in (0, 1, 2, 3, 4, 2**20, 2**40, 2**64 - 1)
               if m != number]
    claims += [("host", {"host": os.urandom(16)})]
    for what, claim in claims:
        for how, key_of in taggers(at):
            x = copy_of()
            host, m, f = x.segments[n][0].get(sf.SEAL, "<16sQQ")
            x.segments[n][0].set(sf.SEAL, "<16sQQ", claim.get("host", host),
                                 claim.get("number", m), claim.get("first", f))
            x.reseal(key_of)
            x.write(OUT)
            said, status = verify()
            T.check(said[0]["result"] in ("damaged", "consistent") and status in (3, 4) and
                    is_so_far(said[0], at - 1, how),
                    f"segment {n} claims {what} {claim}, tags {how}: {said[0]['result']}, "
                    f"to {sf.sealed_to(said[0])}, status {status}")
T.done("META that claims another first block, run or host")

# A whole capture of somebody else's ------------------------------------------------------------
FOREIGN = os.path.join(TMP, "foreign")
os.mkdir(FOREIGN)
foreign_keys, foreign_state, foreign_root = sf.make_keys(FOREIGN)
sf.generate(os.path.join(FOREIGN, "c"), foreign_state, 51, 1700000000, 200)
T.told("by another host's key", verify(os.path.join(FOREIGN, "c")), -1, ("consistent",), 4)
x = Capture(os.path.join(FOREIGN, "c"))
host, _, _ = ORIGINAL.segments[0][0].get(sf.SEAL, "<16sQQ")
for n in range(6):
    for s in x.segments:
        s[0].set(sf.SEAL, "<16sQQ", host, n, 0)
    # He has R_3, and the seal of a run follows from the root of that run.
    capture, = x.segments[0][0].get(sf.CAPTURE, "<16s")
    run_id, = x.segments[0][0].get(sf.RUN, "<Q")
    said_by_him = b"reel chain" + capture + struct.pack("<QQ", 0, run_id)
    mine = Chain(sf.keyed(sf.root_of(AFTER, max(0, n - 3)), said_by_him))
    x.reseal(lambda b: mine.key(b.sequence))
    x.write(OUT)
    said, status = verify()
    if n < 3:
        T.told(f"a run {n} forged with the state of run 3", verify(), -1, ("damaged",), 3)
    else:  # the limit: runs that come after he took the machine are his
        T.check(said[0]["result"] == "sealed" and said[0]["seal"]["first_run"] == n,
                f"run {n} by who has R_3: {said[0]['result']}")
T.done("a whole capture, forged with what the machine has after the run")

# He cuts the capture back, and goes on behind it with the run that is his.
for i in range(1, N):
    n = run_of(ORIGINAL, i - 1)
    x = copy_of()
    x.segments = [s[:max(0, i - s[0].sequence)] for s in x.segments]
    x.segments = [s for s in x.segments if s]
    x.reseal(lambda b: None)
    more = Capture(ONE).segments[0]
    meta = more[0]
    id_of_capture, = x.segments[0][0].get(sf.CAPTURE, "<16s")
    meta.set(sf.CAPTURE, "<16s", id_of_capture)
    meta.set(sf.NUMBER, "<Q", n + 2)
    meta.set(sf.SEAL, "<16sQQ", host, 3, i)
    previous = struct.pack("<HHIQQ32s", sf.PREVIOUS, 0, 48, 0, 0, bytes(32))
    meta.body += previous
    for k, b in enumerate(more):
        b.sequence = i + k
    run_id, = meta.get(sf.RUN, "<Q")
    his = Chain(sf.keyed(AFTER, b"reel chain" + id_of_capture + struct.pack("<QQ", i, run_id)), i)
    for b in more:
        b.key = his.key(b.sequence - i)
    last = x.segments[-1][-1]
    x.segments.append(more)
    x.write(OUT)
    out = verify()
    c = out[0][0]
    what = [f["what"] for f in c["findings"]]
    where = f"cut at {i}, and gone on with run 3"
    if last.kind == END and last.get(1, "<Q") == (0,):
        # Behind the end of a run another may come: the limit. The runs between are missing.
        T.check(c["result"] == "sealed" and out[1] == 0, f"{where}: {c['result']} {what}")
    elif last.kind == END:
        T.told(where, out, i + len(more) - 1, ("consistent",), 4)
        T.check(any("went on behind block" in w for w in what), f"{where}: {what}")
    else:
        T.told(where, out, i + len(more) - 1, ("unclean",), 4)
        T.check(any(f"has no END: what it wrote behind block {i - 1}," in w for w in what),
                f"{where}: {what}")
T.done("a capture that is cut back and gone on with by who has the next run")

print(f"# {T.tries} tries in all")
print(f"1..{T.n}")
sys.exit(T.failed > 0)
