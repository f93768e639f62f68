#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 900
"""A hit that a loss has taken away is never called clean.

Captures with known hits are made from tales (story_shapes.py), each is checked to hit, and then written
again by tests/bench/lose with something gone: each event of the story by itself, the end of each of
its strings, random events, neighbours, whole hooks. Of each the rules must still hit, or be blind at
the moment of the hit that is gone and say so. REEL_ORACLE=N makes N captures (80; 200 where promises are counted).

	loss_oracle.py [FIRST_SEED]		$TMP/K/ has capture K while it is looked at
"""

import concurrent.futures
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import story_shapes  # noqa: E402

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
BENCH = os.environ.get("BENCH", os.path.join(SRC, ".output", "bench"))
RANDOM_LOSSES = (("events", 1), ("events", 30), ("span", 10), ("span", 60), ("tails", 10),
                 ("tails", 80), ("hook", 1), ("hook", 1))


def run(argv, text=None):
    return subprocess.run(argv, input=text, capture_output=True, text=True)


class Outcome:
    """What replay says, by rule."""

    def __init__(self, directory, policy):
        done = run([REEL, "replay", "--all", "--json", "-j1", "-r", policy, directory])
        if done.returncode not in (0, 1, 4):
            raise RuntimeError(f"replay: {done.returncode}: {done.stderr.strip()}")
        self.verdicts, self.hits, self.lines = {}, {}, []
        for line in done.stdout.splitlines():
            j = json.loads(line)
            if "summary" in j:
                continue
            self.lines.append(line)
            if "verdict" in j:
                self.verdicts[j["rule"]] = j
            else:
                self.hits.setdefault(j["rule"], []).append(j)


def is_inside(intervals, first, last):
    return any(i["from_ts"] <= last and i["to_ts"] >= first for i in intervals)


def judge(before, after, gone, negative):
    """What is wrong with AFTER, as (rule, words)."""
    first, last = min(g["ts"] for g in gone), max(g["ts"] for g in gone)
    for rule, verdict in after.verdicts.items():
        kind = verdict["verdict"]
        if rule in negative:
            if kind == "hit" and not verdict.get("despite"):
                yield rule, "hits, though what was lost held it back: not despite"
            continue
        if kind == "hit" or kind == "not evaluable":
            continue
        hits = [h["ts"] for h in before.hits[rule]]
        if kind == "clean":
            yield rule, f"clean, though it hit at {hits}"
        elif not is_inside(verdict["intervals"], first, last) and \
                not any(is_inside(verdict["intervals"], t, t) for t in hits):
            yield rule, "clean except, but not for what is gone"
        elif not any(is_inside(verdict["intervals"], t, t) for t in hits):
            yield rule, f"clean except, but not at the moment of the hit, {hits}"


def lose(capture, to, *options):
    """Events that are gone; none: there was no such event."""
    shutil.rmtree(to, ignore_errors=True)
    done = run([os.path.join(BENCH, "lose"), "-o", to, *options, capture])
    if done.returncode == 1:
        return []
    if done.returncode:
        raise RuntimeError(f"lose: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def losses_of(rng, capture, story_ts):
    """Options of lose, one loss each."""
    done = run([REEL, "dump", "--json", capture])
    for line in done.stdout.splitlines():
        j = json.loads(line)
        if j["ts"] in story_ts:
            name = j["id"].split("-", 1)[1]
            yield ("--what", "events", "--event", name)
            yield ("--what", "tails", "--event", name, "--seed", str(rng.randrange(1 << 30)))
            yield ("--what", "hook", "--type", j["type"], "--seed", str(rng.randrange(1 << 30)))
    for what, n in RANDOM_LOSSES:
        yield ("--what", what, "-n", str(n), "--seed", str(rng.randrange(1 << 30)))


def check_writes(rng, where, policy, before, shape):
    """One lost write is nothing to a rule that reads none."""
    to = os.path.join(where, "lost")
    gone = lose(os.path.join(where, "capture"), to, "--what", "events", "--type", "write",
                "--seed", str(rng.randrange(1 << 30)))
    if gone and not shape.reads_io and Outcome(to, policy).lines != before.lines:
        yield "a lost write has changed something"


def check(seed, base):
    """Problems of one capture, as lines; and how many losses were looked at."""
    rng = random.Random(seed)
    shape = story_shapes.make(rng, seed)
    where = os.path.join(base, str(seed))
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    policy = os.path.join(where, "rules.policy")
    with open(policy, "w", encoding="utf-8") as f:
        f.write(shape.policy)
    with open(os.path.join(where, "tale"), "w", encoding="utf-8") as f:
        f.write(shape.tale)
    capture = os.path.join(where, "capture")
    told = run([os.path.join(BENCH, "tell"), "-o", capture, os.path.join(where, "tale")])
    if told.returncode:
        return [f"{shape.name} {seed}: {told.stderr.strip()}"], 0
    before = Outcome(capture, policy)
    wrong = [f"{shape.name} {seed}: {rule} says {v['verdict']} of the whole capture"
             for rule, v in before.verdicts.items()
             if v["verdict"] != ("clean" if rule in shape.negative else "hit")]
    if wrong:
        return wrong, 0
    n = 0
    for options in losses_of(rng, capture, shape.story_ts):
        gone = lose(capture, os.path.join(where, "lost"), *options)
        if not gone:
            continue
        n += 1
        after = Outcome(os.path.join(where, "lost"), policy)
        wrong += [f"{shape.name} {seed}: lose {' '.join(options)}: {rule}: {words}"
                  for rule, words in judge(before, after, gone, shape.negative)]
    wrong += [f"{shape.name} {seed}: {w}" for w in check_writes(rng, where, policy, before, shape)]
    if not wrong:
        shutil.rmtree(where)
    return wrong, n


def main(argv):
    count = int(os.environ.get("REEL_ORACLE", "200" if os.environ.get("REEL_TRUST") else "80"))
    first = int(argv[0]) if argv else 1
    base = os.environ.get("TMP") or tempfile.mkdtemp()
    by_shape, losses = {}, 0
    seeds = range(first, first + count)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for seed, (wrong, n) in zip(seeds, pool.map(lambda s: check(s, base), seeds)):
            by_shape.setdefault(story_shapes.name_of(seed), []).extend(wrong)
            losses += n
    failed = 0
    for number, (name, wrong) in enumerate(sorted(by_shape.items()), 1):
        print(f"{'not ok' if wrong else 'ok'} {number} - what a loss takes away is not clean: {name}")
        for w in wrong[:20]:
            print(f"# {w}")
        failed += bool(wrong)
    enough = losses >= 10 * count
    print(f"{'ok' if enough else 'not ok'} {len(by_shape) + 1} - {losses} losses were looked at")
    print(f"1..{len(by_shape) + 1}")
    return failed != 0 or not enough


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
