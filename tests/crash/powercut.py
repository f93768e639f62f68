#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
"""The power fails, at any moment: is what was synced there?

A writer runs in QEMU on a disk of its own, once for each policy of --sync. QEMU notes every write to
that disk, and every flush, in their order. From these notes the disk is made as it was when the power
went: all that was flushed, and of what was written behind the last flush all, nothing, or some at
random, the last write torn. After each round the writer puts a mark beside the file system, so that
the notes say what had been promised at that moment (format/FORMAT.md, 17.2).

ext4's journal is replayed by e2fsck; the images of xfs and btrfs, which POWERCUT_FS=xfs,btrfs asks for, are
mounted by a second guest, which takes long. POWERCUTS (25) moments are tried for ext4, and one in ten as many
for each of the others.
"""

import os
import random
import re
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True

import tries  # noqa: E402
from suite import SRC, Suite, output, run  # noqa: E402

BENCH = os.environ.get("BENCH", os.path.join(SRC, ".output", "bench"))
VM = os.path.join(SRC, "tests", "kernel", "vm")
CUTS = int(os.environ.get("POWERCUTS", "25"))
SYSTEMS = os.environ.get("POWERCUT_FS", "ext4").split(",")
UNABLE = 77

SECTOR = 512
MARK_BYTES = 4096
MARKS_BYTES = 1 << 20
MARK = struct.Struct("<QQQQ")
MARK_MAGIC = 0x6b72616d6c656572
LOG_MAGIC = 0x6a736677736872
SUPER = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")
FLUSH, FUA, DISCARD = 1, 2, 4

# What is younger may be lost: five seconds and two rounds, by the writer's own time.
SECONDS_NS = 5_200_000_000

# Of each: its options, and whether what was written is lost at most so long after it was.
WAYS = (
    ("block", ["--sync", "block", "-n", "120", "--segment-size", "30K"]),
    ("seconds", ["--sync", "seconds", "-n", "240", "--segment-size", "150K"]),
    ("block, retention", ["--sync", "block", "-n", "120", "--segment-size", "24K",
                          "--keep-size", "60K"]),
    ("seconds, retention", ["--sync", "seconds", "-n", "240", "--segment-size", "60K",
                            "--keep-size", "150K"]),
    ("none", ["--sync", "none", "-n", "120", "--segment-size", "30K"]),
)

MAKE = {
    "ext4": (64 << 20, ["mkfs.ext4", "-q", "-F"], lambda path, size: [path, f"{size >> 10}k"]),
    "xfs": (300 << 20, ["mkfs.xfs", "-q", "-f"], lambda path, size: ["-d", f"size={size}", path]),
    "btrfs": (128 << 20, ["mkfs.btrfs", "-q", "-f"], lambda path, size: ["-b", str(size), path]),
}


class Log:
    """The notes that QEMU's blklogwrites made, in the format of the kernel's dm-log-writes."""

    def __init__(self, path, marks_at):
        with open(path, "rb") as f:
            self.bytes = memoryview(f.read())
        magic, version, _, sector = SUPER.unpack_from(self.bytes)
        assert magic == LOG_MAGIC and version == 1 and sector == SECTOR
        self.entries, self.marks = [], []
        at = SECTOR
        while at + SECTOR <= len(self.bytes):
            place, count, flags, _ = ENTRY.unpack_from(self.bytes, at)
            if not count and not flags:
                break
            has_data = not flags & DISCARD
            data = self.bytes[at + SECTOR:at + SECTOR + count * SECTOR * has_data]
            at += SECTOR + len(data)
            if place * SECTOR >= marks_at and has_data and count:
                self.note_mark((place * SECTOR - marks_at) // MARK_BYTES, data)
            self.entries.append((place * SECTOR, data, flags, count))

    def note_mark(self, way, data):
        magic, number, now_ns, is_over = MARK.unpack_from(data)
        if magic == MARK_MAGIC:
            self.marks.append((len(self.entries), way, number, now_ns, is_over))

    def promised(self, way, cut):
        """The marks of a way that were there: what was sure, by which policy, and whether it was over."""
        marks = [m for m in self.marks if m[1] == way and m[0] < cut]
        if not marks:
            return 0, 0, False
        now_ns = marks[-1][3]
        old = [m[2] for m in marks if m[3] <= now_ns - SECONDS_NS]
        return marks[-1][2], old[-1] if old else 0, bool(marks[-1][4])


class Disk:
    """The image as it is when the power goes, moment after moment."""

    def __init__(self, base, work, log):
        self.log, self.at = log, 0
        self.durable = os.path.join(work, "durable")
        copy(base, self.durable)

    @staticmethod
    def put(file, entry, rng=None):
        place, data, flags, count = entry
        if flags & DISCARD:
            data = bytes(count * SECTOR)
        if rng:
            data = data[:rng.randrange(len(data) // SECTOR + 1) * SECTOR]
        os.pwrite(file, data, place)

    def cut(self, moment, how, rng, to):
        entries = self.log.entries
        flushed = max((i + 1 for i in range(self.at, moment) if entries[i][2] & FLUSH),
                      default=self.at)
        file = os.open(self.durable, os.O_RDWR)
        for entry in entries[self.at:flushed]:
            self.put(file, entry)
        os.close(file)
        self.at = flushed
        copy(self.durable, to)
        file = os.open(to, os.O_RDWR)
        volatile = entries[flushed:moment]
        if how == "some":
            volatile = [e for e in volatile if e[2] & FUA or rng.random() < 0.5]
        for i, entry in enumerate(volatile if how != "nothing" else ()):
            self.put(file, entry, rng if how == "some" and i == len(volatile) - 1 else None)
        os.close(file)


def copy(path, to):
    subprocess.run(["cp", "--sparse=always", path, to], check=True)


def value(name, line):
    found = re.search(rf"\b{name}=(\S+)", line)
    return found.group(1) if found else ""


def check_line(way, line, promise):
    """What is wrong with what was found, or None."""
    name, (sure, old, is_over) = WAYS[way][0], promise
    need = sure if name.startswith("block") or (is_over and name != "none") else old
    if name == "none":
        need = 0
    if not line.startswith("first="):
        return None if need == 0 else f"{need} were promised: {line}"
    if int(value("whole", line)) < need:
        return f"{need} were promised"
    if "retention" not in name and int(value("events", line)) and value("first", line) != "1":
        return "the beginning is missing"
    if name.startswith("block") and (value("damages", line) != "0" or
                                     value("whole", line) != value("last", line)):
        return "it is damaged"
    if is_over and name != "none" and value("ending", line) != "complete":
        return "its end was synced"
    return None


def examine_ext4(image, work):
    """The lines of the captures in it, by way. None: the file system itself is broken."""
    done = run(["e2fsck", "-fy", image])
    if done.returncode & ~1:
        return None
    found = os.path.join(work, "found")
    shutil.rmtree(found, ignore_errors=True)
    os.mkdir(found)
    run(["debugfs", "-R", f"rdump / {found}", image])
    return {way: check(os.path.join(found, str(way))) for way in range(len(WAYS))}


def check(path):
    if not os.path.isdir(path):
        return "no such capture"
    done = run([os.path.join(BENCH, "crash_writer"), "check", path])
    said = (done.stdout or done.stderr).decode("utf-8", "replace").strip()
    return said.splitlines()[-1] if said else f"status {done.returncode}"


LOOK = """
mkdir /tmp/m
for n in {numbers}; do
	if mount -t {system} -o loop,offset=$((n * {stride})),sizelimit={stride} /dev/vda /tmp/m; then
		for way in {ways}; do
			line="no such capture"
			[ ! -d /tmp/m/$way ] || line=$({bench}/crash_writer check /tmp/m/$way 2>&1 | tail -n 1)
			echo "cut $n $way $line"
		done
		umount /tmp/m
	fi
done
"""


def cuts_of(system):
    return CUTS if system == "ext4" else -(-CUTS // 10)


def examine_in_guest(system, images):
    """All images, which lie behind each other in one: {number: {way: line}}."""
    cuts = cuts_of(system)
    script = LOOK.format(system=system, bench=BENCH, stride=stride(system),
                         numbers=" ".join(map(str, range(cuts))),
                         ways=" ".join(map(str, range(len(WAYS)))))
    done = run([VM, "--timeout", str(300 + 40 * cuts), "--disk", images, "--", "sh", "-c", script])
    lines = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        words = line.split(" ", 3)
        if words[0] == "cut" and len(words) == 4:
            lines.setdefault(int(words[1]), {})[int(words[2])] = words[3]
    if not lines:
        print("#   " + output(done).replace("\n", "\n#   "))
    return lines


def stride(system):
    """The file system, and the place for marks."""
    return MAKE[system][0] + MARKS_BYTES


def put_behind(image, images, number, system):
    subprocess.run(["dd", "status=none", "bs=1M", "conv=sparse,notrunc", f"if={image}", f"of={images}",
                    f"seek={number * stride(system) >> 20}"], check=True)


def write_in_guest(system, work):
    """An image of before, and the notes. None and why not: it cannot be done here."""
    size, make, arguments = MAKE[system]
    base, image, notes = (os.path.join(work, n) for n in ("base", "image", "notes"))
    for path, length in ((base, stride(system)), (notes, 2 << 30)):
        with open(path, "wb") as f:
            f.truncate(length)
    done = run([*make, *arguments(base, size)])
    if done.returncode:
        return None, output(done)
    copy(base, image)
    script = f"set -e; mkdir /tmp/m; mount -t {system} /dev/vda /tmp/m\n"
    for way, (_, options) in enumerate(WAYS):
        script += (f"{BENCH}/crash_disk -o /tmp/m/{way} --marks /dev/vda "
                   f"--at {size + way * MARK_BYTES} {' '.join(options)}\n")
    done = run([VM, "--timeout", "400", "--disk", image, "--log", notes, "--", "sh", "-c", script])
    if done.returncode == UNABLE:
        return None, None
    if done.returncode:
        return None, output(done)
    os.truncate(notes, os.stat(notes).st_blocks * 512 + (1 << 20))
    return base, Log(notes, size)


def moments(log, rng, cuts):
    """Cuts of all ways alike, from before the first mark of each to behind the last."""
    ends = [max(m[0] for m in log.marks if m[1] == way) for way in range(len(WAYS))]
    begins = [0, *ends[:-1]]
    chosen = []
    for i in range(cuts):
        way = i % len(WAYS)
        chosen.append((rng.randrange(begins[way] + 1, ends[way] + 20), way))
    return sorted((min(m, len(log.entries)), way) for m, way in chosen)


def check_system(suite, system, seed):
    rng = random.Random(f"{seed} {system}")
    cuts = cuts_of(system)
    work = os.path.join(suite.tmp, system)
    os.mkdir(work)
    base, log = write_in_guest(system, work)
    if base is None:
        if log is None:
            suite.skip(system, "no such guest on this machine")
        else:
            suite.say(False, f"{system}: a disk is written", log)
        return
    disk = Disk(base, work, log)
    hows = ("all", "nothing", "some", "some")
    image, images = os.path.join(work, "cut"), os.path.join(work, "cuts")
    with open(images, "wb") as f:
        f.truncate(cuts * stride(system))
    pending, wrong, broken_systems = [], [], 0
    for number, (moment, way) in enumerate(moments(log, rng, cuts)):
        how = hows[number % len(hows)]
        disk.cut(moment, how, rng, image)
        if system == "ext4":
            lines = examine_ext4(image, work)
        else:
            lines = put_behind(image, images, number, system)
        pending.append((number, moment, way, how, lines))
    found = examine_in_guest(system, images) if system != "ext4" else {}
    counts = [dict(tries=0, broken=0, lost=0) for _ in WAYS]
    for number, moment, way, how, lines in pending:
        lines = lines if system == "ext4" else found.get(number)
        if not lines:
            broken_systems += 1
            continue
        for w in range(way + 1):
            promise = log.promised(w, moment)
            why = check_line(w, lines[w], promise)
            counts[w]["tries"] += w == way
            counts[w]["broken"] += why is not None
            counts[w]["lost"] += (w == way) * max(promise[0] - int(value("whole", lines[w]) or 0), 0)
            if why:
                wrong.append(f"write {moment} of {len(log.entries)}, {how} of what was not flushed, "
                             f"--sync {WAYS[w][0]}: {why}: {lines[w]}; marks {promise}")
    suite.none(f"{system}: what was synced is there, {cuts} times the power failed", wrong)
    suite.same(f"{system}: the file system itself comes up again", broken_systems, 0)
    suite.say(len(log.marks) > 500 and any(e[2] & FLUSH for e in log.entries),
              f"{system}: {len(log.entries)} writes and {len(log.marks)} marks were noted")
    for (name, _), c in zip(WAYS, counts):
        tries.tell("power cut", f"{system}, --sync {name}", "17.2", c["tries"], c["broken"],
                   c["lost"])
    shutil.rmtree(work)


def main():
    suite = Suite()
    seed = os.environ.get("POWERCUT_SEED", str(int(time.time())))
    print(f"# seed {seed}")
    for system in SYSTEMS:
        if not shutil.which(f"mkfs.{system}"):
            suite.skip(system, f"mkfs.{system} is not installed")
            continue
        check_system(suite, system, seed)
    suite.done()


if __name__ == "__main__":
    main()
