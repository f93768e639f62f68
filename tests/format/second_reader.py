#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A second reader of captures, written from format/FORMAT.md and nothing else.

    second_reader.py CAPTURE...

It prints what "reel dump --json" prints, and what is broken on standard error. It is simple, not
fast: all is held in memory. Numbers in comments are sections and rules of FORMAT.md.
Exit status: 0 all was read, 2 usage, 3 there was nothing to read, 4 something is broken.
"""

import bisect, collections, datetime, errno, hashlib, heapq, ipaddress, itertools
import os, re, stat, struct, sys
import xxhash, zstandard

META, SCHEMA, STATE, EVENTS, GAP, CLOCK, END = range(1, 8)  # 4
ZSTD, SEALED, REQUIRED, ENCRYPTED = 1, 2, 4, 8  # 3.3
TRUNCATED, BLOCKED, WIDE_RET = 2, 8, 128  # 8.2
NUMBERS = {1: "<B", 2: "<H", 3: "<I", 4: "<Q", 5: "<i", 6: "<q"}  # 6.2
ADDR, RESULT, PATH, TEXT, ARGS = 7, 8, 16, 17, 19
UNKNOWN_LENGTH = 0xFFFFFFFF
HEADER = struct.Struct("<IBBHIIQQQQQIHH32s32sQ")  # 3.1

Header = collections.namedtuple(
    "Header", "magic kind flags header_bytes stored_bytes raw_bytes segment sequence ts_min ts_max "
    "settled n_events bloom_bytes reserved types link body_sum")
Block = collections.namedtuple("Block", "h path at bloom body tag is_tagged end")
Type = collections.namedtuple("Type", "name fixed_bytes fields strings classes")
Field = collections.namedtuple("Field", "kind optional offset name hint key")
Event = collections.namedtuple("Event", "ts cpu seq pid tid ret call flags type fixed strings segment")
status = 0

class Broken(Exception):
    """Something is not as FORMAT.md wants it."""

def complain(path, at, what):
    global status
    status = 4
    print(f"{path}: byte {at}: {what}", file=sys.stderr)

def padded(n):
    return n + 7 & ~7

# Blocks -----------------------------------------------------------------------------------------

def xxh3(data, h):
    return xxhash.xxh3_64_intdigest(data, (h.segment + h.sequence) % 2**64)  # 3.2

def parse_block(path, data, at):
    """The block that begins at AT, by rules B1 to B4, or None."""
    if len(data) - at < HEADER.size + 8 or data[at:at + 4] != b"RLB1":
        return None
    h = Header._make(HEADER.unpack_from(data, at))
    body = at + h.header_bytes
    tag = body + h.stored_bytes
    end = at + padded(tag + 32 - at)
    if (h.bloom_bytes not in (0, *(1 << i for i in range(3, 16))) or h.header_bytes % 8
            or not HEADER.size + 8 + h.bloom_bytes <= h.header_bytes <= 65528
            or h.raw_bytes > 4 << 20 or h.stored_bytes > (4 << 20) + (64 << 10)
            or h.n_events > 1 << 18 or end > len(data)
            or xxh3(data[at:body - 8], h) != int.from_bytes(data[body - 8:body], "little")):
        return None
    is_tagged = (hashlib.blake2b(data[at:tag], digest_size=32).digest() == data[tag:tag + 32]
                 and not any(data[tag + 32:end]))  # B7, B8
    return Block(h, path, at, data[body - 8 - h.bloom_bytes:body - 8], data[body:tag],
                 data[tag:tag + 32], is_tagged or h.flags & SEALED, end)

def behind(data, block, segment_at):
    """Where the next block begins: behind the trailer of END, if it has one (13.3)."""
    offset, at = struct.pack("<Q", block.at - segment_at), block.end
    trailer = offset + struct.pack("<I", xxh3(offset, block.h) % 2**32) + b"RLE1"
    return at + 16 if block.h.kind == END and data[at:at + 16] == trailer else at

def next_block(path, data, at, segment):
    """The block at AT, or the next one to go on with where something is broken (16.2)."""
    start = at
    while True:
        block = parse_block(path, data, at)
        if block and (at == start or not segment or block.h.kind == META
                      or (block.h.segment == segment.id
                          and block.h.sequence > segment.last.h.sequence)):
            meta_at = segment.first.at if segment and block.h.kind != META else at
            end = behind(data, block, meta_at)
            if (end == len(data) or parse_block(path, data, end)
                    or xxh3(block.body, block.h) == block.h.body_sum):
                return block
        at = data.find(b"RLB1", at + 1)
        if at < 0:
            return None

def body_of(block):
    """The body before compression: B5, B6."""
    h, raw = block.h, block.body
    if h.flags & ENCRYPTED:
        raise Broken("the block is encrypted")
    if xxh3(raw, h) != h.body_sum:
        raise Broken("the body does not match its checksum")
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
    """META and END (5.1)."""
    items, at = {}, 0
    while at < len(raw):
        tag, _, n = struct.unpack("<HHI", raw[at:at + 8].ljust(8, b"\xff"))
        if at + 8 + padded(n) > len(raw):
            raise Broken("an item is cut")
        items[tag] = raw[at + 8:at + 8 + n]
        at += 8 + padded(n)
    return items

# Segments ---------------------------------------------------------------------------------------

class Segment:
    def __init__(self, block):
        self.id, self.first, self.last, self.blocks = block.h.segment, block, block, []
        self.capture = self.boot = bytes(16)
        self.host, self.number, self.start, self.types = b"", 0, (0, 0), None
        self.has_end, self.range = False, None  # range: of a cut, 15.2

    def take_meta(self, block):
        items = collections.defaultdict(bytes, items_of(body_of(block)))
        if block.h.flags & ZSTD or items[1][:2] != b"\1\0" or any(items[2]):  # 5.3
            raise Broken("the segment needs a newer reader")
        self.capture, self.boot = (items[tag][:16].ljust(16, b"\0") for tag in (3, 6))
        self.number, self.host = int.from_bytes(items[4][:8], "little"), items[7].split(b"\0")[0]
        self.start = struct.unpack("<Qq", items[14][:16].ljust(16, b"\0"))
        return items

def take_block(block, segment):
    if block.h.kind == SCHEMA:
        segment.types = schema_of(body_of(block))
    elif STATE <= block.h.kind <= CLOCK:
        segment.blocks.append(block)
    elif block.h.kind == END:
        segment.has_end = bool(items_of(body_of(block)))
    elif block.h.flags & REQUIRED:
        raise Broken("a block of a kind that needs a newer reader")

def follows(block, before):
    return block.h.sequence == before.h.sequence + 1 and block.h.link == before.tag  # G3, G4, C2

def read_file(path, segments):
    with open(path, "rb") as f:
        data = f.read()
    at, segment, cut = 0, None, (0, 0, 0)
    while at < len(data):
        block = next_block(path, data, at, segment)
        n = (block.at if block else len(data)) - at
        if n:
            complain(path, at, f"{n} bytes that are no block")
        if not block:
            break
        try:
            if not block.is_tagged:
                complain(path, block.at, "the tag or the padding is wrong")
            if block.h.kind == META:
                segment = Segment(block)
                items = segment.take_meta(block)
                if 16 in items:  # 15.2: announces a cut, and is no segment itself
                    cut = struct.unpack_from("<qqQ", items[16])
                else:
                    if cut[2]:
                        segment.range, cut = cut[:2], (*cut[:2], cut[2] - 1)
                    segments.append(segment)
            elif not segment or block.h.segment != segment.id:
                segment = Segment(block)
                complain(path, block.at, "the beginning of the segment is missing")
            else:
                if not segment.range and not follows(block, segment.last):
                    complain(path, block.at, "does not follow the block before it")
                take_block(block, segment)
        except Broken as e:
            complain(path, block.at, e)
        segment.last, at = block, behind(data, block, segment.first.at)

def files_of(path, depth=0):
    """2.2"""
    mode = (os.lstat if depth else os.stat)(path).st_mode
    if stat.S_ISDIR(mode) and depth < 2:
        for name in sorted(os.listdir(os.fsencode(path))):
            if not name.startswith(b"."):
                yield from files_of(os.path.join(os.fsencode(path), name), depth + 1)
    elif stat.S_ISREG(mode) and (depth == 0 or os.fsencode(path).endswith(b".rls")):
        yield os.fsdecode(path)

# SCHEMA -----------------------------------------------------------------------------------------

COMMON = ("type id host ts time pid tid ret errno syscall abi "
          "fault truncated raced blocked restarted keyframe partial").split()

def key_for(name, type_name, taken):
    """A.4: prefixes until nobody has it."""
    def is_taken(key):
        return key in COMMON or any(a in (b, b + "_hex", b + "_length")
                                    for other in taken for a, b in ((key, other), (other, key)))
    while is_taken(name):
        name = f"{type_name}_{name}"
    return name

def schema_of(raw):
    """6.1"""
    at = 0
    def take(form):
        nonlocal at
        at += struct.calcsize(form)
        return struct.unpack_from(form, raw, at - struct.calcsize(form))
    def take_name():
        return take(f"{take('B')[0]}s")[0].decode("ascii")
    classes, types = {}, {}
    try:
        n_classes, n_types = take("<II")
        for _ in range(n_classes):
            number, classes[number] = (number := take("B")[0]), take_name()
        for _ in range(n_types):
            number, _, _, n_fields, fixed_bytes = take("<BBBBH")
            name, fields, strings = take_name(), [], []
            for _ in range(n_fields):
                kind, _, offset = take("<BBH")
                field, hint, optional, kind = take_name(), take_name(), kind >> 7, kind & 0x7F
                if kind >= PATH:
                    strings.append(offset)
                if kind in NUMBERS or kind in (ADDR, RESULT) or kind >= PATH:  # 6.4
                    key = key_for(field, name, [f.key for f in fields])
                    fields.append(Field(kind, optional, offset, field, hint, key))
            if number in types or fixed_bytes % 8 or len(strings) > 12:
                raise Broken("SCHEMA is malformed")
            types[number] = Type(name, fixed_bytes, fields, strings, classes)
    except (struct.error, UnicodeDecodeError):
        raise Broken("SCHEMA is cut") from None
    if at != len(raw):
        raise Broken("SCHEMA is malformed")
    return types

# Bodies of events -------------------------------------------------------------------------------

COLUMNS = {1: "B", 2: "B", 3: "H", 4: "H", 5: "I", 6: "I", 7: "I", 8: "i"}  # 7.2

def columns_of(n, rows, take):
    columns = {number: (0,) * n for number in COLUMNS}
    for number, width, encoding, _, size in rows:
        values = take(size)
        if size != width * n:
            raise Broken("a column has a wrong length")  # E3
        if number not in COLUMNS:
            continue
        if struct.calcsize(COLUMNS[number]) != width or encoding > (width == 4):
            raise Broken("a column has a wrong shape")  # E4
        if encoding == 1:
            planes = [values[i * n:i * n + n] for i in range(width)]
            values = bytes(itertools.chain.from_iterable(zip(*planes)))
        columns[number] = struct.unpack(f"<{n}{COLUMNS[number]}", values)
    return columns.values()

def events_of(block, segment):
    """7"""
    raw, at = body_of(block), 0
    def take(n):
        nonlocal at
        at += padded(n)
        if at > len(raw):
            raise Broken("the parts of the body do not add up")  # E1
        return raw[at - padded(n):at - padded(n) + n]
    n, n_runs, n_wide, n_columns, n_fixed, n_strings = struct.unpack("<6I", take(24))
    if n != block.h.n_events or n_runs > n or n_wide > n or n_columns > 64:
        raise Broken("the counts of the body do not agree")  # E2
    rows = list(struct.iter_unpack("<BBBBI", take(8 * n_columns)))
    runs = list(struct.iter_unpack("<QQIHH", take(24 * n_runs)))
    columns = list(columns_of(n, rows, take))
    wide = dict(struct.iter_unpack("<Ii", take(8 * n_wide)))
    fixed, strings = take(n_fixed), take(n_strings)
    flagged = [i for i, flags in enumerate(columns[1]) if flags & WIDE_RET]
    if (at != len(raw) or not all(run[2] for run in runs) or sum(run[2] for run in runs) != n
            or flagged != list(wide) or len(wide) != n_wide):
        raise Broken("the parts of the body do not add up")  # E1, E5, E8

    events, cells, fixed_at, strings_at = [], zip(*columns), 0, 0
    for ts, seq, count, cpu, _ in runs:
        for k, cell in enumerate(itertools.islice(cells, count)):
            number, flags, call, string_bytes, step, pid, tid, ret = cell
            if number not in segment.types:
                raise Broken("an event of a type that SCHEMA lacks")  # E6
            if flags & WIDE_RET:
                ret = wide[len(events)] << 32 | ret & 0xFFFFFFFF
            ts += step
            fixed_from, fixed_at = fixed_at, fixed_at + segment.types[number].fixed_bytes
            strings_from, strings_at = strings_at, strings_at + string_bytes
            events.append(Event(ts, cpu, seq + k, pid, (pid + tid) % 2**32, ret, call,
                                flags & ~WIDE_RET, segment.types[number],
                                fixed[fixed_from:fixed_at], strings[strings_from:strings_at], segment))
    if fixed_at != n_fixed or strings_at != n_strings:
        raise Broken("the lengths of the events do not add up")  # E7
    if not all(block.h.ts_min <= e.ts <= block.h.ts_max for e in events):
        raise Broken("an event is outside the time that the header gives")  # E9
    if (not all(block.h.types[t // 8] >> t % 8 & 1 for t in set(columns[0]))
            or block.bloom and not all(may_have(block.bloom, pid) for pid in set(columns[5]))):
        complain(block.path, block.at, "the header denies an event that is there")  # E10, E11
    return events

def may_have(bloom, pid):
    """3.4"""
    h = (pid + 0x9E3779B97F4A7C15) % 2**64
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    h = (h ^ h >> 27) * 0x94D049BB133111EB % 2**64
    h ^= h >> 31
    bits = [(h + i * (h >> 32 | 1)) % 2**32 % (8 * len(bloom)) for i in range(4)]
    return all(bloom[bit // 8] >> bit % 8 & 1 for bit in bits)

# Order and time ---------------------------------------------------------------------------------

def events_of_boot(segments):
    """Events of one boot in order, each with its wall time (9.1, 10.2)."""
    events, clocks = [], []
    for segment, block in ((s, b) for s in segments for b in s.blocks):
        try:
            if not segment.types:
                raise Broken("the segment has no SCHEMA")
            own = events_of(block, segment)
        except Broken as e:
            complain(block.path, block.at, e)
            continue
        events += own
        clocks += [(e.ts, put_number(field, e)) for e in own if block.h.kind == CLOCK
                   for field in e.type.fields if (e.type.name, field.name) == ("clock", "realtime")]
    clocks = [(ts, int(time)) for ts, time in clocks] or [s.start for s in segments if s.start[1]][:1]
    clocks.sort(key=lambda clock: clock[0])
    starts = [ts for ts, _ in clocks]
    for e in sorted(events, key=lambda e: e[:3]):
        clock = clocks[max(bisect.bisect_right(starts, e.ts) - 1, 0)] if clocks else (e.ts, -1)
        time = clock[1] + e.ts - clock[0]
        if not e.segment.range or e.segment.range[0] <= time < e.segment.range[1]:  # 15.2
            yield e, time

def events_of_capture(segments):
    segments.sort(key=lambda s: s.number)
    for a, b in zip(segments, segments[1:]):
        if not a.range and not b.range and not follows(b.first, a.last):
            complain(b.first.path, b.first.at, "the segment does not follow the one before it")
    for _, boot in itertools.groupby(segments, lambda s: s.boot):
        yield from events_of_boot(list(boot))

# JSON -------------------------------------------------------------------------------------------

ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
ERRNOS = dict(errno.errorcode)  # A.3: it knows some by a synonym and some not at all
ERRNOS |= {35: "EDEADLK", 95: "EOPNOTSUPP", 133: "EHWPOISON"} | dict(zip(
    (n for n in range(512, 532) if n != 520), (
        "ERESTARTSYS ERESTARTNOINTR ERESTARTNOHAND ENOIOCTLCMD ERESTART_RESTARTBLOCK EPROBE_DEFER "
        "EOPENSTALE ENOPARAM EBADHANDLE ENOTSYNC EBADCOOKIE ENOTSUPP ETOOSMALL ESERVERFAULT "
        "EBADTYPE EJUKEBOX EIOCBQUEUED ERECALLCONFLICT ENOGRACE").split()))
LATER_CALLS = dict(enumerate((  # not yet in the headers of Debian 12
    "cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount "
    "lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat "
    "removexattrat open_tree_attr file_getattr file_setattr").split(), 451))

def calls_in(header):
    with open("/usr/include/x86_64-linux-gnu/asm/" + header, encoding="ascii") as f:
        rows = re.findall(r"#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)", f.read())
    return LATER_CALLS | {int(number): name for name, number in rows}

CALLS = ({}, calls_in("unistd_64.h"), calls_in("unistd_32.h"), calls_in("unistd_x32.h"))  # 8.3

def quoted(raw):
    """A JSON string, and whether it says all that the bytes say (A.2)."""
    text = raw.decode("utf-8", "replace")
    escaped = re.sub(r'[\0-\x1f"\\\x7f-\x9f]',
                     lambda m: ESCAPES.get(m[0]) or f"\\u{ord(m[0]):04x}", text)
    return f'"{escaped}"', text.encode() == raw

def put_number(field, e):
    """A.5"""
    if field.kind == RESULT:
        return e.ret if e.ret >= 0 and not e.flags & BLOCKED else "null"
    if field.kind == ADDR:
        address = ipaddress.IPv6Address(e.fixed[field.offset:field.offset + 16])
        return f'"{address.ipv4_mapped or address.compressed}"'
    value = struct.unpack_from(NUMBERS[field.kind], e.fixed, field.offset)[0]
    labels = dict(enumerate(field.hint.split("|"))) if "|" in field.hint else {}
    if field.hint == "class":
        labels = e.type.classes
    if field.hint == "bool":
        return "true" if value else "false"
    return f'"{labels[value]}"' if value in labels else value

def put_string(field, raw, true_length):
    """A.6"""
    is_cut, exact = true_length != len(raw), True
    if field.optional and not raw and not is_cut:
        return
    if field.kind == ARGS:
        parts = [quoted(arg) for arg in raw.split(b"\0")]
        parts = parts[:-1] if raw.endswith(b"\0") or not raw else parts
        exact = all(is_exact for _, is_exact in parts)
        text = "[" + ",".join(text for text, _ in parts) + "]"
    elif field.kind > TEXT and field.hint == "hex":
        text = f'"{raw.hex()}"'
    elif field.kind > TEXT and field.hint == "u32":
        exact = len(raw) % 4 == 0
        text = "[" + ",".join(map(str, struct.unpack_from(f"<{len(raw) // 4}I", raw))) + "]"
    else:
        text, exact = quoted(raw)
    yield field.key, text
    if not exact:
        yield field.key + "_hex", f'"{raw.hex()}"'
    if is_cut:
        yield field.key + "_length", "null" if true_length == UNKNOWN_LENGTH else true_length

def strings_of(e):
    """8.4: the bytes of each string, and its length before it was cut."""
    kept = [struct.unpack_from("<H", e.fixed, offset)[0] for offset in e.type.strings]
    ends, lengths = list(itertools.accumulate(kept, initial=0)), kept
    if ends[-1] + (4 * len(kept) if e.flags & TRUNCATED else 0) > len(e.strings):
        return [(b"", UNKNOWN_LENGTH)] * len(kept)
    if e.flags & TRUNCATED:
        lengths = struct.unpack_from(f"<{len(kept)}I", e.strings, ends[-1])
    return [(e.strings[a:b], length) for a, b, length in zip(ends, ends[1:], lengths)]

def json_of(e, time, with_host):
    """A.1"""
    cpu = "r" if e.cpu == 0xFFFF else e.cpu
    pairs = [("type", f'"{e.type.name}"'), ("id", f'"{e.segment.boot[:4].hex()}-{cpu}-{e.seq}"')]
    if with_host:
        pairs.append(("host", quoted(e.segment.host)[0]))
    second = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=max(time, 0) // 10**9)
    text = f'"{second.isoformat()}.{time % 10**9:09}Z"' if time >= 0 else "null"
    pairs += [("ts", e.ts), ("time", text), ("pid", e.pid), ("tid", e.tid), ("ret", e.ret)]
    if e.call:
        abi, number = divmod(e.call, 1 << 14)
        if -4095 <= e.ret < 0 and not e.flags & BLOCKED:
            pairs.append(("errno", f'"{ERRNOS.get(-e.ret, f"errno_{-e.ret}")}"'))
        pairs.append(("syscall", f'"{CALLS[abi].get(number, f"syscall_{number}")}"'))
        if abi >= 2:
            pairs.append(("abi", '"i386"' if abi == 2 else '"x32"'))
    pairs += [(name, "true") for bit, name in enumerate(COMMON[11:]) if e.flags >> bit & 1]
    strings = iter(strings_of(e))
    for field in e.type.fields:
        pairs += put_string(field, *next(strings)) if field.kind >= PATH else [
            (field.key, put_number(field, e))]
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}\n"

def main(paths):
    segments, captures = [], {}
    for name in (name for path in paths for name in files_of(path)):
        read_file(name, segments)
    for s in segments:
        captures.setdefault(s.capture, []).append(s)
        if not s.has_end and not s.range:
            print(f"{s.first.path}: no END: its writer died or goes on", file=sys.stderr)
    lanes = [events_of_capture(own) for own in captures.values()]
    for e, time in heapq.merge(*lanes, key=lambda pair: pair[1]):  # 9.4
        sys.stdout.write(json_of(e, time, len(captures) > 1))
    return status if captures else 3

if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("usage: second_reader.py CAPTURE...", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1:]))
