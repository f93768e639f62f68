#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A second reader of captures, written from format/FORMAT.md and nothing else.

    second_reader.py CAPTURE...

It prints what "reel dump --json" prints, and what is broken on standard error. It is simple, not
fast: everything is held in memory. Numbers in comments are sections of FORMAT.md.

Exit status: 0 all was read, 2 usage, 3 there was nothing to read, 4 something is broken.
"""

import bisect
import collections
import datetime
import errno
import hashlib
import heapq
import ipaddress
import os
import re
import stat
import struct
import sys

import xxhash
import zstandard

META, SCHEMA, STATE, EVENTS, GAP, CLOCK, END = range(1, 8)  # 4
ZSTD, SEALED, REQUIRED, ENCRYPTED, KEYFRAME = 1, 2, 4, 8, 16  # 3.3
FAULT, TRUNCATED, RACED, BLOCKED, RESTARTED, OF_KEYFRAME, PARTIAL, WIDE_RET = (
    1 << bit for bit in range(8))  # 8.2
NO_CPU, UNKNOWN_LENGTH = 0xFFFF, 0xFFFFFFFF
MAX_BODY, MAX_STORED, MAX_EVENTS, MAX_HEADER, MAX_BLOOM = 4 << 20, (4 << 20) + (64 << 10), 1 << 18, 0xFFF8, 32 << 10

HEADER = struct.Struct("<IBBHIIQQQQQIHH32s32sQ")  # 3.1
Header = collections.namedtuple(
    "Header", "magic kind flags header_bytes stored_bytes raw_bytes segment sequence ts_min ts_max "
    "settled n_events bloom_bytes reserved types link body_sum")
Block = collections.namedtuple("Block", "h path at bloom body tag tag_is_right end")
Field = collections.namedtuple("Field", "kind optional offset name hint key")
Type = collections.namedtuple("Type", "name fixed_bytes fields strings classes")
Event = collections.namedtuple(
    "Event", "ts cpu seq pid tid ret call flags type fixed strings segment")

status = 0


class Broken(Exception):
    """Something that is not as FORMAT.md wants it."""


def complain(path, at, what):
    global status
    status = 4
    print(f"{path}: byte {at}: {what}", file=sys.stderr)


def padded(n):
    return n + 7 & ~7


# Blocks: 3 --------------------------------------------------------------------------------------


def parse_block(path, data, at):
    """The block that begins at AT, by rules B1 to B4, or None."""
    if len(data) - at < HEADER.size + 8 or data[at:at + 4] != b"RLB1":
        return None
    h = Header(*HEADER.unpack_from(data, at))
    bloom_is_right = h.bloom_bytes == 0 or (
        8 <= h.bloom_bytes <= MAX_BLOOM and h.bloom_bytes & (h.bloom_bytes - 1) == 0)
    if (not bloom_is_right or h.header_bytes < HEADER.size + 8 + h.bloom_bytes
            or h.header_bytes % 8 or h.header_bytes > MAX_HEADER or h.raw_bytes > MAX_BODY
            or h.stored_bytes > MAX_STORED or h.n_events > MAX_EVENTS):
        return None
    body = at + h.header_bytes
    tag = body + h.stored_bytes
    end = at + padded(h.header_bytes + h.stored_bytes + 32)
    if end > len(data):
        return None
    seed = (h.segment + h.sequence) % 2**64
    if xxhash.xxh3_64_intdigest(data[at:body - 8], seed) != int.from_bytes(data[body - 8:body], "little"):
        return None
    hashed = hashlib.blake2b(data[at:tag], digest_size=32).digest()
    return Block(h, path, at, data[body - 8 - h.bloom_bytes:body - 8], data[body:tag],
                 data[tag:tag + 32], hashed == data[tag:tag + 32] and not any(data[tag + 32:end]), end)


def find_block(path, data, at, segment):
    """The next block to go on with where something is broken (16.2)."""
    while (at := data.find(b"RLB1", at)) >= 0:
        block = parse_block(path, data, at)
        if block and (block.h.kind == META or not segment or block.h.segment == segment.id
                      and block.h.sequence > segment.last.h.sequence):
            return block
        at += 1
    return None


def body_of(block):
    """The body before compression: rules B5 and B6."""
    h = block.h
    if h.flags & ENCRYPTED:
        raise Broken("the block is encrypted")
    if xxhash.xxh3_64_intdigest(block.body, (h.segment + h.sequence) % 2**64) != h.body_sum:
        raise Broken("the body does not match its checksum")
    raw = block.body
    if h.flags & ZSTD:
        try:
            if zstandard.frame_content_size(raw) != h.raw_bytes:
                raise Broken("the body has a wrong length")
            raw = zstandard.ZstdDecompressor().decompress(raw)
        except zstandard.ZstdError as e:
            raise Broken(f"the body cannot be decompressed: {e}") from None
    if len(raw) != h.raw_bytes:
        raise Broken("the body has a wrong length")
    return raw


def items_of(raw):
    """META and END: 5.1"""
    items, at = {}, 0
    while at < len(raw):
        if len(raw) - at < 8:
            raise Broken("an item is cut")
        tag, _, n = struct.unpack_from("<HHI", raw, at)
        if at + 8 + padded(n) > len(raw):
            raise Broken("an item is cut")
        items[tag] = raw[at + 8:at + 8 + n]
        at += 8 + padded(n)
    return items


# Segments: 2, 5, 14 -----------------------------------------------------------------------------


class Segment:
    def __init__(self, block):
        self.id = block.h.segment
        self.first = self.last = block
        self.capture = self.boot = bytes(16)
        self.host, self.number, self.start = b"", 0, None
        self.types = None  # until SCHEMA is read
        self.is_refused = False
        self.range = None  # of a cut: 15.2
        self.blocks = []
        self.has_end = False

    def take_meta(self, block):
        if block.h.flags & ZSTD:
            raise Broken("META is compressed")
        items = items_of(body_of(block))
        if struct.unpack("<H", items.get(1, b"\0\0")[:2])[0] != 1 or any(items.get(2, b"")):
            self.is_refused = True
            raise Broken("the segment needs a newer reader")
        self.capture = items.get(3, b"")[:16].ljust(16, b"\0")
        self.number = int.from_bytes(items.get(4, b"")[:8], "little")
        self.boot = items.get(6, b"")[:16].ljust(16, b"\0")
        self.host = items.get(7, b"").split(b"\0")[0]
        if len(items.get(14, b"")) >= 16:
            self.start = struct.unpack_from("<Qq", items[14])
        return items


def read_file(path, segments):
    with open(path, "rb") as f:
        data = f.read()
    at, segment, cut, cut_left = 0, None, None, 0
    while at < len(data):
        block = parse_block(path, data, at)
        if not block:
            block = find_block(path, data, at, segment)
            n = (block.at if block else len(data)) - at
            complain(path, at, f"{n} bytes that are no block")
            if not block:
                break
        at, h = block.end, block.h
        if not block.tag_is_right and not h.flags & SEALED:
            complain(path, block.at, "the tag or the padding is wrong")
        if h.kind == META or not segment or h.segment != segment.id:
            segment = Segment(block)
            if h.kind != META:
                complain(path, block.at, "the beginning of the segment is missing")
        elif not segment.range and (h.sequence != segment.last.h.sequence + 1
                                    or h.link != segment.last.tag):
            complain(path, block.at, "does not follow the block before it")
        segment.last = block
        try:
            if h.kind == META:
                items = segment.take_meta(block)
                if 16 in items:  # 15.2: announces a cut, and is no segment itself
                    *cut, cut_left = struct.unpack_from("<qqQ", items[16])
                    continue
                if cut_left:
                    segment.range, cut_left = cut, cut_left - 1
                segments.append(segment)
            elif h.kind == SCHEMA:
                segment.types = schema_of(body_of(block))
            elif STATE <= h.kind <= CLOCK:
                segment.blocks.append(block)
            elif h.kind == END:
                segment.has_end = True
                items_of(body_of(block))
                offset = block.at - segment.first.at
                check = xxhash.xxh3_64_intdigest(struct.pack("<Q", offset),
                                                 (h.segment + h.sequence) % 2**64)
                if data[at:at + 16] == struct.pack("<QI4s", offset, check % 2**32, b"RLE1"):
                    at += 16  # 13.3
            elif h.flags & REQUIRED:
                raise Broken("a block of a kind that needs a newer reader")
        except Broken as e:
            complain(path, block.at, e)
    if segment and not segment.has_end and not segment.range:
        print(f"{path}: no END: its writer died or goes on", file=sys.stderr)


def files_of(path, depth=0):
    """2.2"""
    mode = (os.lstat if depth else os.stat)(path).st_mode
    if stat.S_ISDIR(mode) and depth < 2:
        for name in sorted(os.listdir(os.fsencode(path))):
            if not name.startswith(b"."):
                yield from files_of(os.path.join(os.fsencode(path), name), depth + 1)
    elif stat.S_ISREG(mode) and (depth == 0 or os.fsencode(path).endswith(b".rls")):
        yield os.fsdecode(path)


# SCHEMA: 6 --------------------------------------------------------------------------------------

NUMBERS = {1: "<B", 2: "<H", 3: "<I", 4: "<Q", 5: "<i", 6: "<q"}
ADDR, RESULT, PATH, TEXT, BYTES, ARGS = 7, 8, 16, 17, 18, 19
COMMON = ("type id host ts time pid tid ret errno syscall abi fault truncated raced blocked "
          "restarted keyframe partial").split()


def key_for(name, type_name, taken):
    """A.4: a prefix as often as is needed."""

    def is_taken(key):
        pairs = ((key, other) for other in taken)
        return key in COMMON or any(
            a == b or a in (b + "_hex", b + "_length") or b in (a + "_hex", a + "_length")
            for a, b in pairs)

    while is_taken(name):
        name = f"{type_name}_{name}"
    return name


def schema_of(raw):
    try:
        return read_schema(raw)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise Broken("SCHEMA is cut") from None


def read_schema(raw):
    at = 8

    def take(form):
        nonlocal at
        values = struct.unpack_from(form, raw, at)
        at += struct.calcsize(form)
        return values

    def take_name():
        nonlocal at
        n = raw[at]
        name = raw[at + 1:at + 1 + n].decode("ascii")
        at += 1 + n
        return name

    n_classes, n_types = struct.unpack_from("<II", raw)
    classes, types = {}, {}
    for _ in range(n_classes):
        number = take("<B")[0]
        classes[number] = take_name()
    for _ in range(n_types):
        number, _, _, n_fields, fixed_bytes = take("<BBBBH")
        name, fields, keys, strings = take_name(), [], [], []
        for _ in range(n_fields):
            kind, _, offset = take("<BBH")
            field, hint = take_name(), take_name()
            optional, kind = bool(kind & 0x80), kind & 0x7F
            if kind >= PATH:
                strings.append(offset)
            if kind in NUMBERS or kind in (ADDR, RESULT) or kind >= PATH:  # 6.4: others are passed over
                keys.append(key_for(field, name, keys))
                fields.append(Field(kind, optional, offset, field, hint, keys[-1]))
        if number in types or fixed_bytes % 8:
            raise Broken("SCHEMA is malformed")
        types[number] = Type(name, fixed_bytes, fields, strings, classes)
    if at != len(raw):
        raise Broken("SCHEMA is malformed")
    return types


# Blocks of events: 7 ----------------------------------------------------------------------------

COLUMNS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 8: 4}  # id: width
TYPE, FLAGS, CALL, STRINGS, TS, PID, TID, RET = COLUMNS


def events_of(block, segment):
    raw, at = body_of(block), 0

    def take(n):
        nonlocal at
        piece = raw[at:at + n]
        at += padded(n)
        if at > len(raw):
            raise Broken("the body is too short")
        return piece

    n, n_runs, n_wide, n_columns, fixed_bytes, string_bytes = struct.unpack("<6I", take(24).ljust(24, b"\0"))
    if n != block.h.n_events or n_runs > n or n_wide > n or n_columns > 64:
        raise Broken("the counts of the body do not agree")
    rows = list(struct.iter_unpack("<BBBBI", take(8 * n_columns)))
    runs = list(struct.iter_unpack("<QQIHH", take(24 * n_runs)))
    columns = {number: (0,) * n for number in COLUMNS}
    for number, width, encoding, _, size in rows:
        values = take(size)
        if size != width * n:
            raise Broken("a column has a wrong length")
        if number not in COLUMNS:
            continue
        if width != COLUMNS[number] or encoding > 1:
            raise Broken("a column has a wrong shape")
        if encoding == 1:  # planes
            joined = bytearray(size)
            for plane in range(width):
                joined[plane::width] = values[plane * n:(plane + 1) * n]
            values = joined
        letter = "i" if number == RET else {1: "B", 2: "H", 4: "I"}[width]
        columns[number] = struct.unpack(f"<{n}{letter}", values)
    wide = dict(struct.iter_unpack("<Ii", take(8 * n_wide)))
    fixed, strings = take(fixed_bytes), take(string_bytes)
    if at != len(raw) or sum(run[2] for run in runs) != n:
        raise Broken("the parts of the body do not add up")

    events, i, fixed_at, strings_at = [], 0, 0, 0
    for ts, seq, count, cpu, _ in runs:
        for k in range(count):
            event_type = segment.types.get(columns[TYPE][i])
            if not event_type:
                raise Broken("an event of a type that SCHEMA lacks")
            ts += columns[TS][i]
            flags, ret = columns[FLAGS][i], columns[RET][i]
            if flags & WIDE_RET:
                ret = wide.get(i, ret >> 32) << 32 | ret & 0xFFFFFFFF
            fixed_end = fixed_at + event_type.fixed_bytes
            strings_end = strings_at + columns[STRINGS][i]
            pid = columns[PID][i]
            if not block.h.ts_min <= ts <= block.h.ts_max:
                raise Broken("an event is outside the time in the header")
            events.append(Event(ts, cpu, seq + k, pid, (pid + columns[TID][i]) % 2**32, ret,
                                columns[CALL][i], flags & ~WIDE_RET, event_type,
                                fixed[fixed_at:fixed_end], strings[strings_at:strings_end], segment))
            i, fixed_at, strings_at = i + 1, fixed_end, strings_end
    if fixed_at != fixed_bytes or strings_at != string_bytes:
        raise Broken("the lengths of the events do not add up")
    check_header(block, set(columns[TYPE]), set(columns[PID]))
    return events


def check_header(block, types, pids):
    """Nothing may be there that the header denies: E10, E11 (7.5)."""
    listed = {t for t in range(256) if block.h.types[t // 8] >> t % 8 & 1}
    if types - listed or (block.bloom and not all(may_have(block.bloom, pid) for pid in pids)):
        complain(block.path, block.at, "the header denies an event that is there")


def may_have(bloom, pid):
    """3.4"""
    h = (pid + 0x9E3779B97F4A7C15) % 2**64
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    h = (h ^ h >> 27) * 0x94D049BB133111EB % 2**64
    h ^= h >> 31
    bits = ((h + i * (h >> 32 | 1)) % 2**32 % (8 * len(bloom)) for i in range(4))
    return all(bloom[bit // 8] >> bit % 8 & 1 for bit in bits)


# Order and time: 9, 10 --------------------------------------------------------------------------


class Boot:
    """Events and clocks that one capture has of one boot."""

    def __init__(self, segments):
        self.events, self.clocks = [], []
        for segment in segments:
            for block in segment.blocks:
                try:
                    if not segment.types:
                        raise Broken("the segment has no SCHEMA")
                    events = events_of(block, segment)
                except Broken as e:
                    complain(block.path, block.at, e)
                    continue
                self.events += events
                if block.h.kind == CLOCK:
                    self.clocks += [(e.ts, number_of(e, "realtime") - e.ts) for e in events
                                    if e.type.name == "clock"]
        if not self.clocks:
            self.clocks = [(s.start[0], s.start[1] - s.start[0]) for s in segments
                           if s.start and s.start[1]][:1]
        self.events.sort(key=lambda e: e[:3])  # ts, cpu, seq; equal ones as on tape
        self.clocks.sort(key=lambda c: c[0])
        self.starts = [ts for ts, _ in self.clocks]

    def in_order(self):
        for e in self.events:
            i = max(bisect.bisect_right(self.starts, e.ts) - 1, 0)
            time = e.ts + self.clocks[i][1] if self.clocks else None
            shown = e.segment.range
            if not shown or (time is not None and shown[0] <= time < shown[1]):
                yield e, time


def number_of(event, name):
    for f in event.type.fields:
        if f.name == name:
            return struct.unpack_from(NUMBERS[f.kind], event.fixed, f.offset)[0]
    return 0


def group(things, key):
    groups = []
    for thing in things:
        if not groups or key(groups[-1][-1]) != key(thing):
            groups.append([])
        groups[-1].append(thing)
    return groups


def read_captures(paths):
    """A list of captures, each a list of boots."""
    segments, captures = [], {}
    for path in paths:
        for name in files_of(path):
            read_file(name, segments)
    for s in segments:
        if not s.is_refused:
            captures.setdefault(s.capture, []).append(s)
    for own in captures.values():
        own.sort(key=lambda s: s.number)
        for a, b in zip(own, own[1:]):
            if not a.range and not b.range and (b.first.h.sequence != a.last.h.sequence + 1
                                                or b.first.h.link != a.last.tag):
                complain(b.first.path, b.first.at, "the segment does not follow the one before it")
    return [[Boot(g) for g in group(own, lambda s: s.boot)] for own in captures.values()]


# JSON: A ----------------------------------------------------------------------------------------

ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
# A.3: where the errno module knows a synonym only, or nothing.
ERRNOS = dict(errno.errorcode) | {35: "EDEADLK", 95: "EOPNOTSUPP", 133: "EHWPOISON"} | dict(zip(
    (512, 513, 514, 515, 516, 517, 518, 519, 521, 522, 523, 524, 525, 526, 527, 528, 529, 530, 531),
    "ERESTARTSYS ERESTARTNOINTR ERESTARTNOHAND ENOIOCTLCMD ERESTART_RESTARTBLOCK EPROBE_DEFER "
    "EOPENSTALE ENOPARAM EBADHANDLE ENOTSYNC EBADCOOKIE ENOTSUPP ETOOSMALL ESERVERFAULT EBADTYPE "
    "EJUKEBOX EIOCBQUEUED ERECALLCONFLICT ENOGRACE".split()))
LATER_CALLS = dict(enumerate(  # newer than the headers of Debian 12
    "cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount "
    "lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat "
    "removexattrat open_tree_attr file_getattr file_setattr".split(), 451))


def calls_in(header):
    for room in ("/usr/include/x86_64-linux-gnu/asm/", "/usr/include/asm/"):
        if os.path.exists(room + header):
            with open(room + header, encoding="ascii") as f:
                found = re.findall(r"#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?", f.read())
            return LATER_CALLS | {int(number): name for name, number in found}
    return LATER_CALLS


ABIS = (({}, None), (calls_in("unistd_64.h"), None), (calls_in("unistd_32.h"), "i386"),
        (calls_in("unistd_x32.h"), "x32"))


def quoted(raw):
    """A JSON string, and whether it says all that the bytes say (A.2)."""
    text = raw.decode("utf-8", "replace")
    escaped = re.sub(r'[\x00-\x1f"\\\x7f-\x9f]',
                     lambda m: ESCAPES.get(m[0]) or f"\\u{ord(m[0]):04x}", text)
    return f'"{escaped}"', text.encode() == raw


def put_string(field, raw, true_length):
    """A.6"""
    is_cut, exact = true_length != len(raw), True
    if field.optional and not raw and not is_cut:
        return
    if field.kind == ARGS:
        parts = [quoted(arg) for arg in (raw[:-1] if raw.endswith(b"\0") else raw).split(b"\0")] if raw else []
        exact = all(whole for _, whole in parts)
        yield field.key, "[" + ",".join(text for text, _ in parts) + "]"
    elif field.kind not in (PATH, TEXT) and field.hint == "hex":
        yield field.key, f'"{raw.hex()}"'
    elif field.kind not in (PATH, TEXT) and field.hint == "u32":
        whole = len(raw) // 4
        yield field.key, "[" + ",".join(map(str, struct.unpack_from(f"<{whole}I", raw))) + "]"
        exact = len(raw) % 4 == 0
    else:
        text, exact = quoted(raw)
        yield field.key, text
    if not exact:
        yield field.key + "_hex", f'"{raw.hex()}"'
    if is_cut:
        yield field.key + "_length", "null" if true_length == UNKNOWN_LENGTH else str(true_length)


def put_number(field, e):
    """A.5"""
    if field.kind == RESULT:
        return str(e.ret) if e.ret >= 0 and not e.flags & BLOCKED else "null"
    if field.kind == ADDR:
        address = ipaddress.IPv6Address(e.fixed[field.offset:field.offset + 16])
        return f'"{address.ipv4_mapped or address.compressed}"'
    value = struct.unpack_from(NUMBERS[field.kind], e.fixed, field.offset)[0]
    if "|" in field.hint:
        labels = field.hint.split("|")
        return f'"{labels[value]}"' if 0 <= value < len(labels) else str(value)
    if field.hint == "class" and value in e.type.classes:
        return f'"{e.type.classes[value]}"'
    if field.hint == "bool":
        return "true" if value else "false"
    return str(value)


def strings_of(e):
    """8.4: the bytes of each string, and its length before it was cut."""
    kept = [struct.unpack_from("<H", e.fixed, offset)[0] for offset in e.type.strings]
    lengths, total = kept, sum(kept)
    if total + (4 * len(kept) if e.flags & TRUNCATED else 0) > len(e.strings):
        return [(b"", UNKNOWN_LENGTH)] * len(kept)
    if e.flags & TRUNCATED:
        lengths = struct.unpack_from(f"<{len(kept)}I", e.strings, total)
    ends = [sum(kept[:i + 1]) for i in range(len(kept))]
    return [(e.strings[end - n:end], length) for end, n, length in zip(ends, kept, lengths)]


def json_of(e, time, host):
    """A.1"""
    cpu = "r" if e.cpu == NO_CPU else e.cpu
    pairs = [("type", f'"{e.type.name}"'), ("id", f'"{e.segment.boot[:4].hex()}-{cpu}-{e.seq}"')]
    if host:
        pairs.append(("host", quoted(e.segment.host)[0]))
    if time is None or time < 0:
        pairs += [("ts", e.ts), ("time", "null")]
    else:
        second = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=time // 10**9)
        pairs += [("ts", e.ts), ("time", f'"{second.isoformat()}.{time % 10**9:09}Z"')]
    pairs += [("pid", e.pid), ("tid", e.tid), ("ret", e.ret)]
    if e.call:
        names, abi = ABIS[e.call >> 14]
        number = e.call & 0x3FFF
        if -4095 <= e.ret < 0 and not e.flags & BLOCKED:
            pairs.append(("errno", f'"{ERRNOS.get(-e.ret, f"errno_{-e.ret}")}"'))
        pairs.append(("syscall", f'"{names.get(number, f"syscall_{number}")}"'))
        if abi:
            pairs.append(("abi", f'"{abi}"'))
    pairs += [(name, "true") for bit, name in enumerate(COMMON[11:]) if e.flags >> bit & 1]
    strings = iter(strings_of(e))
    for field in e.type.fields:
        if field.kind >= PATH:
            pairs += put_string(field, *next(strings))
        else:
            pairs.append((field.key, put_number(field, e)))
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}\n"


def main(paths):
    if not paths:
        sys.exit("usage: second_reader.py CAPTURE...")
    captures = read_captures(paths)
    if not captures:
        print("there is no segment", file=sys.stderr)
        return 3
    lanes = [(pair for boot in boots for pair in boot.in_order()) for boots in captures]
    for e, time in heapq.merge(*lanes, key=lambda pair: pair[1] or 0):  # 9.4
        sys.stdout.write(json_of(e, time, len(captures) > 1))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
