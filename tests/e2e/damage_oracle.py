#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A hit that a broken byte or a torn end has taken away is never called clean: the captures of
story_shapes.py, with a byte changed behind their META, or cut off somewhere."""

import glob
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
TELL = os.path.join(os.environ.get("BENCH", os.path.join(SRC, ".output", "bench")), "tell")
META_BYTES = 600
FIRST_SEED = 5000


def damaged(rng, whole, is_torn):
    if is_torn:
        return whole[:rng.randrange(META_BYTES, len(whole))]
    at = rng.randrange(META_BYTES, len(whole))
    return whole[:at] + bytes([whole[at] ^ (1 + rng.randrange(255))]) + whole[at + 1:]


def check(seed, directory):
    """(how many were open or gone, what is wrong)"""
    rng = random.Random(seed)
    shape = story_shapes.make(rng, seed)
    policy, capture, copy = (os.path.join(directory, n) for n in ("policy", "capture", "copy.rls"))
    shutil.rmtree(capture, ignore_errors=True)
    with open(policy, "w", encoding="utf-8") as f:
        f.write(shape.policy)
    subprocess.run([TELL, "-o", capture, "--block-bytes", "4096"], input=shape.tale.encode(),
                   check=True)
    with open(glob.glob(capture + "/*.rls")[0], "rb") as f:
        whole = f.read()
    doubts, wrong = 0, []
    for turn in range(8):
        with open(copy, "wb") as f:
            f.write(damaged(rng, whole, turn % 4 == 3))
        done = subprocess.run([REEL, "replay", "--json", "-j1", "-r", policy, copy],
                              capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 3, 4):
            wrong.append(f"{shape.name} {seed}, {turn}: status {done.returncode}")
        for j in map(json.loads, done.stdout.splitlines()):
            if "verdict" not in j or j["rule"] in shape.negative:
                continue
            doubts += j["verdict"] != "hit"
            if j["verdict"] == "clean":
                wrong.append(f"{shape.name} {seed}, {turn}: {j['rule']} is clean")
    return doubts, wrong


def main():
    doubts, wrong, n = 0, [], len(story_shapes.SHAPES)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMP")) as d:
        for seed in range(FIRST_SEED, FIRST_SEED + n):
            more, bad = check(seed, d)
            doubts += more
            wrong += bad
    print(f"{'not ok' if wrong else 'ok'} 1 - what damage takes away is not clean, {8 * n} times")
    for w in wrong[:20]:
        print(f"# {w}")
    print(f"{'ok' if doubts > n else 'not ok'} 2 - {doubts} hits were taken away")
    print("1..2")
    return bool(wrong) or doubts <= n


if __name__ == "__main__":
    sys.exit(main())
