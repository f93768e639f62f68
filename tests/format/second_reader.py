#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A second reader of captures, written from format/FORMAT.md and nothing else: simple, not fast.

It prints what "reel dump --json [--key FILE] CAPTURE" prints, and what is broken on standard error.
Numbers in comments are sections and rules of FORMAT.md. Exit status: 3 nothing to read, 4 something
broken, or not to be decrypted."""

import bisect, errno, hashlib, heapq, ipaddress, itertools, json, os, pathlib, re, stat
import struct, sys, time
from collections import Counter, defaultdict, namedtuple
import xxhash, zstandard

META, SCHEMA, STATE, EVENTS, GAP, CLOCK, END = range(1, 8)  # 4
ZSTD, SEALED, REQUIRED, ENCRYPTED = 1, 2, 4, 8  # 3.3
BLOCKED, WIDE_RET, UNKNOWN_LENGTH = 8, 128, 2**32 - 1  # 8.2, 8.4
NUMBERS = {1: "<B", 2: "<H", 3: "<I", 4: "<Q", 5: "<i", 6: "<q"}  # 6.2
ADDR, RESULT, PATH, TEXT, ARGS = 7, 8, 16, 17, 19
HEADER = struct.Struct("<IBBHIIQQQQQIHH32s32sQ")  # 3.1
Header = namedtuple("Header", (
    "magic kind flags header_bytes stored_bytes raw_bytes segment sequence ts_min ts_max settled "
    "n_events bloom_bytes reserved types link body_sum"))
Block = namedtuple("Block", "h path at bloom body tag is_tagged end header is_plain", defaults=[False])
Type = namedtuple("Type", "name fixed_bytes fields strings classes")
Field = namedtuple("Field", "kind optional offset name hint key")
Event = namedtuple("Event", "ts cpu seq pid tid ret call flags type fixed strings segment")
status = 0
class Broken(Exception): """Something is not as FORMAT.md wants it."""
def padded(n): return n + 7 & ~7
def complain(path, at, what):
    global status
    status = 4
    print(f"{path}: byte {at}: {what}", file=sys.stderr)

# Blocks -----------------------------------------------------------------------------------------
def xxh3(data, h): return xxhash.xxh3_64_intdigest(data, (h.segment + h.sequence) % 2**64)  # 3.2
def parse_block(path, data, at):  # the block that begins at AT, by rules B1 to B4, or None
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
    check = struct.pack("<I", xxh3(data[end:end + 8], h) % 2**32)
    if h.kind == END and data[end + 8:end + 16] == check + b"RLE1":  # 13.3
        end += 16
    return Block(h, path, at, data[body - 8 - h.bloom_bytes:body - 8], data[body:tag],
                 data[tag:tag + 32], is_tagged or h.flags & SEALED, end, data[at:body])
def next_block(path, data, at, segment):  # 16.2: the one at AT, or the next to go on with
    while 0 <= at < len(data):
        block = parse_block(path, data, at)
        if block and not parse_block(path, data, block.end) and not is_sound(block):
            block = None
        same = block and segment and block.h.segment == segment.id
        if block and (block.h.kind == META or block.h.kind == SCHEMA and not same
                      or same and block.h.sequence > segment.last.h.sequence):
            return block
        at = block.end if block else data.find(b"RLB1", at + 1)
    return None
def is_sound(block): return xxh3(block.body, block.h) == block.h.body_sum  # B5
def body_of(block):  # B5, B6: as it was before compression
    h, raw = block.h, block.body
    if h.flags & ENCRYPTED or not (block.is_plain or is_sound(block)):
        raise Broken("the body is encrypted, or does not match its checksum")
    try:
        if h.flags & ZSTD and zstandard.frame_content_size(raw) == h.raw_bytes:
            raw = zstandard.ZstdDecompressor().decompress(raw)
    except zstandard.ZstdError as e:
        raise Broken(f"the body cannot be decompressed: {e}") from None
    if len(raw) != h.raw_bytes:
        raise Broken("the body has a wrong length")
    return raw
def items_of(raw):  # 5.1
    items, at = {}, 0
    while at < len(raw):
        tag, _, n = struct.unpack("<HHI", raw[at:at + 8].ljust(8, b"\xff"))
        if at + 8 + padded(n) > len(raw):
            raise Broken("an item is cut")
        items[tag] = raw[at + 8:at + 8 + n]
        at += 8 + padded(n)
    return items

# Encryption -------------------------------------------------------------------------------------
SECRETS = {}  # by the id of the public key: both keys of the pair
def read_key(path):  # of reel-keygen(1)
    import nacl.bindings
    kind, *lines = pathlib.Path(path).read_text("ascii").splitlines()
    lines = [line.split(" ", 1) for line in lines]
    values = {name: bytes.fromhex(value) for name, value in lines if name not in ("host", "made")}
    if kind == "reel-secret-key 1":
        SECRETS[values["id"]] = values["key"], values["secret"]
    for box in [bytes.fromhex(value) for name, value in lines if name == "box"]:
        if box[:16] in SECRETS:
            inside = nacl.bindings.crypto_box_seal_open(box[16:], *SECRETS[box[:16]])
            ROOTS[values["host-key"]] = inside[16:48]
def unsealed(message, beside, nonce, key):  # 21.1: message and mac
    import nacl.bindings, nacl.exceptions  # who reads plain captures only does not need it
    try:
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(message, beside, nonce, key)
    except nacl.exceptions.CryptoError:
        raise Broken("it does not decrypt") from None
def first_key_of(recipients):  # 21.2: D(0)
    import nacl.bindings, nacl.exceptions
    for at in range(0, len(recipients) - 95, 96):
        if recipients[at:at + 16] in SECRETS:
            try:
                return nacl.bindings.crypto_box_seal_open(
                    recipients[at + 16:at + 96], *SECRETS[recipients[at:at + 16]])
            except nacl.exceptions.CryptoError:
                raise Broken("a box does not open") from None
    raise Broken("the segment is encrypted to other keys than were given")
def decrypted(block, segment):  # 21.3: the block as if it had been plain
    h, header = block.h, block.header
    if h.kind == META or not segment.keys:
        return block
    if not h.flags & ENCRYPTED:
        raise Broken("a plain block in an encrypted segment")
    if not is_sound(block) or h.header_bytes < 184 + h.bloom_bytes or len(block.body) < 16:
        raise Broken("the body does not match its checksum, or is not encrypted at all")
    while len(segment.keys) <= h.sequence - segment.first.h.sequence <= 50000:
        segment.keys.append(hashlib.blake2b(b"reel block", key=segment.keys[-1], digest_size=32).digest())
    key, nonce, mac = segment.keys[h.sequence - segment.first.h.sequence], header[136:160], header[160:176]
    lids = unsealed(h.types + block.bloom + mac, header[:64], nonce, key)
    body = unsealed(block.body, header[:128], bytes([nonce[0] ^ 1]) + nonce[1:], key)
    return block._replace(h=h._replace(flags=h.flags & ~ENCRYPTED, types=lids[:32]), bloom=lids[32:],
                          body=body, is_plain=True)

# Seals (22) -------------------------------------------------------------------------------------
ROOTS = {}  # R(0) by the host key
def keyed(key, said): return hashlib.blake2b(said, key=key, digest_size=32).digest()
def run_key(host, n, *said):  # K(0), 22.1; None: no root was given
    root = ROOTS.get(host)
    for _ in range(n if root and n < 1 << 20 else 0):
        root = keyed(root, b"reel run")
    return root and [keyed(root, b"reel chain" + b"".join(said))]
def check_seal(block, segment):  # S1, S3, as far as there is a root
    if ROOTS and bool(block.h.flags & SEALED) != segment.is_sealed and not segment.refused:
        complain(block.path, block.at, "sealed and not sealed in one segment")
    i = block.h.sequence - segment.first_of_run if segment.seal else -1
    while 0 <= i < 1 << 32 and len(segment.seal) <= i:
        segment.seal.append(keyed(segment.seal[-1], b"reel next"))
    if segment.seal and (i < 0 or keyed(segment.seal[i], block.header + block.body) != block.tag):
        complain(block.path, block.at, "the seal is wrong")

# Segments ---------------------------------------------------------------------------------------
class Segment:
    def __init__(self, block):
        self.id, self.first, self.last, self.blocks = block.h.segment, block, block, []
        self.types, self.range, self.refused = {}, None, False  # range: of a cut, 15.2
        self.capture = self.boot = bytes(16)  # what follows is so where META is lost, 16.2
        self.number, self.host, self.start, self.keys = 0, b"", (0, 0), []  # keys: D, 21.2
        self.is_sealed, self.seal, self.first_of_run = False, None, 0  # seal: K, 22.1

    def take_meta(self, block):
        items = defaultdict(bytes, items_of(body_of(block)))
        if block.h.flags & ZSTD or items[1][:2] != b"\1\0" or items[2][:1] > b"\3" or any(items[2][1:8]):  # 5.3
            self.refused = True
            raise Broken("the segment needs a newer reader")
        self.capture, self.boot = (items[tag][:16].ljust(16, b"\0") for tag in (3, 6))
        self.number, self.host = int.from_bytes(items[4][:8], "little"), items[7].split(b"\0")[0]
        self.start = struct.unpack("<Qq", items[14][:16].ljust(16, b"\0"))
        self.is_sealed = 19 in items
        if self.is_sealed:
            host, n, self.first_of_run = struct.unpack("<16sQQ", items[19][:32])
            self.seal = run_key(host, n, self.capture, items[19][24:32], items[18][:8])
        if items[2][:1] in (b"\1", b"\3") and 16 not in items:
            self.take_hidden(block, items)
        return items

    def take_hidden(self, block, items):  # 21.4
        try:
            self.keys = [first_key_of(items[20])]
        except Broken:
            self.refused = True
            raise
        n = len(items[21])
        beside = struct.pack("<QQ", block.h.segment, block.h.sequence) + block.body[:-padded(n)]
        hidden = items_of(unsealed(items[21][24:], beside, items[21][:24], self.keys[0]))
        self.host = hidden.get(7, self.host).split(b"\0")[0]
def follows(a, b): return a.h.sequence == b.h.sequence + 1 and a.h.link == b.tag  # G3, G4, C2
def read_file(path):
    data = pathlib.Path(path).read_bytes()
    at, segment, segments, cut = 0, None, [], (0, 0, 0)
    while at < len(data):
        block = next_block(path, data, at, segment)
        if not block or block.at > at:
            complain(path, at, f"{(block.at if block else len(data)) - at} bytes that are no block")
        if not block:
            break
        if block.h.kind == META or not segment or block.h.segment != segment.id:
            segment = Segment(block)
        elif not segment.range and not follows(block, segment.last):
            complain(path, block.at, "does not follow the block before it")
        if not block.is_tagged:
            complain(path, block.at, "the tag or the padding is wrong")
        segment.last, at, stored = block, block.end, block
        if block.h.kind != META:
            check_seal(stored, segment)
        try:
            block = decrypted(block, segment)
            if block.h.kind == META:
                segments.append(segment)
                items = segment.take_meta(block)
                if 16 in items:  # 15.2: announces a cut, and is no segment itself
                    cut = struct.unpack("<qqQ", items[16][:24])
                    segments.pop()
                    continue
                check_seal(stored, segment)
                segment.range, cut = cut[2] and cut[:2], (*cut[:2], max(cut[2] - 1, 0))
            elif block.h.kind == SCHEMA and not segment.refused:
                segments += [segment] if segment.first is block else []
                segment.types = schema_of(body_of(block))
                if segment.first is block:
                    raise Broken("the beginning of the segment is missing")
            elif STATE <= block.h.kind <= CLOCK and not segment.refused:
                segment.blocks.append(block)
            elif block.h.flags & REQUIRED:
                raise Broken("a block of a kind that needs a newer reader")
        except Broken as e:
            complain(path, block.at, e)
    return segments
def files_of(path, depth=0):  # 2.2
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
def key_for(name, type_name, taken):  # A.4: prefixes until nobody has it
    while name in COMMON or any(a in (b, b + "_hex", b + "_length")
                                for other in taken for a, b in ((name, other), (other, name))):
        name = f"{type_name}_{name}"
    return name
def schema_of(raw):  # 6.1
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
            classes |= {take("B")[0]: take_name()}
        for _ in range(n_types):
            number, _, _, n_fields, fixed_bytes = take("<BBBBH")
            name, fields, strings = take_name(), [], []
            for _ in range(n_fields):
                kind, _, offset = take("<BBH")
                field, hint, optional, kind = take_name(), take_name(), kind >> 7, kind & 127
                if kind >= PATH:
                    strings.append(offset)
                if kind in NUMBERS or kind in (ADDR, RESULT) or kind >= PATH:  # 6.4
                    key = key_for(field, name, [f.key for f in fields])
                    fields.append(Field(kind, optional, offset, field, hint, key))
            types[number] = Type(name, fixed_bytes, fields, strings, classes)
        if at != len(raw) or len(types) != n_types:
            raise Broken("SCHEMA is malformed")
    except (struct.error, UnicodeDecodeError):
        raise Broken("SCHEMA is cut") from None
    return types

# Bodies of events -------------------------------------------------------------------------------
COLUMNS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 6: "I", 7: "i"}  # 7.2
def columns_of(n, rows, take):
    columns = {number: (0,) * n for number in COLUMNS}
    for number, width, encoding, _, size in rows:
        values = take(size)
        form = COLUMNS.get(number)
        if size != width * n or form and (
                struct.calcsize(form) != width or encoding > (width == 4)):
            raise Broken("a column has a wrong shape")  # E3, E4
        if form and encoding == 1:
            values = bytes(itertools.chain(*zip(*(values[i * n:i * n + n] for i in range(4)))))
        if form:
            columns[number] = struct.unpack(f"<{n}{form}", values)
    return columns.values()
def lane_in_form(form, take, n):  # 7.4: what each of n events has, two bytes each
    if form == 0:
        return bytes(2 * n)
    if form == 1:
        return take(2) * n
    if form == 2:
        return b"".join(bytes((low, 0)) for low in take(n))
    if form == 3:
        k = take(1)[0] + 1
        values = take(2 * k).ljust(512, b"\0")
        return b"".join(values[2 * i:2 * i + 2] for i in take(n))
    if form == 4:
        return take(2 * n)
    raise Broken("a lane in an unknown form")
def lanes_of(n, coding, low, high, width, lanes):  # where each begins in the fixed part, and its bytes
    at = 0
    def take(size):
        nonlocal at
        at += size
        if at > len(lanes):
            raise Broken("a lane is cut")
        return lanes[at - size:at]
    if coding:
        forms = take(width // 2)
        found = [(2 * i, 2, lane_in_form(form, take, n)) for i, form in enumerate(forms)]
    else:
        found = [(4 * i, 4, take(4 * n)) for i in range(128) if (low | high << 64) >> i & 1]
    if at != len(lanes):
        raise Broken("more than the lanes of a group")
    return found
def fixed_parts_of(groups, take, types):  # 7.4: by type, in order, each with the usual call
    sizes = [g[4] if g[3] else 4 * g[0] * (g[4] | g[5] << 64).bit_count() for g in groups]
    lanes, fixed = take(sum(sizes)), {}
    for (n, usual_call, number, coding, low, high), size in zip(groups, sizes):
        width = types[number].fixed_bytes
        parts = bytearray(width * n)
        for at, step, values in lanes_of(n, coding, low, high, width, lanes[:size]):
            for k in range(step):
                parts[at + k:width * n:width] = values[k::step]
        lanes = lanes[size:]
        fixed[number] = iter([(usual_call, bytes(parts[i * width:][:width])) for i in range(n)])
    return fixed
def events_of(block, segment):  # 7
    raw, at = body_of(block), 0
    def take(n):
        nonlocal at
        at += padded(n)
        if at > len(raw):
            raise Broken("the parts of the body do not add up")  # E1
        return raw[at - padded(n):at - padded(n) + n]
    n, n_runs, n_wide, n_columns, n_types, n_strings, n_cuts, n_bytes = struct.unpack(
        "<8I", take(32))
    if n != block.h.n_events or n_columns > 64:  # E2
        raise Broken("the counts of the body do not agree")
    rows = list(struct.iter_unpack("<BBBBI", take(8 * n_columns)))
    runs = list(struct.iter_unpack("<QQIHH", take(24 * n_runs)))
    groups = list(struct.iter_unpack("<IHBBQQ", take(24 * n_types)))
    columns = list(columns_of(n, rows, take))
    wide = dict(struct.iter_unpack("<Ii", take(8 * n_wide)))
    if Counter(columns[0]) != {g[2]: g[0] for g in groups} or any(
            g[2] not in segment.types or g[3] > 1 or not g[3] and
            (g[4] | g[5] << 64) >> segment.types[g[2]].fixed_bytes // 4 for g in groups):
        raise Broken("types are not counted rightly, or not as SCHEMA says")  # E6, E7
    fixed = fixed_parts_of(groups, take, segment.types)
    lengths = struct.unpack(f"<{n_strings}H", take(2 * n_strings))
    ends = list(itertools.accumulate(lengths, initial=0))
    cuts, text = dict(struct.iter_unpack("<II", take(8 * n_cuts))), take(n_bytes)
    strings = [(text[a:b], cuts.get(number, b - a))  # number 0 is the empty one
               for number, (a, b) in enumerate(zip([0] + ends, ends))]
    flagged = [i for i, flags in enumerate(columns[1]) if flags & WIDE_RET]
    counts = [run[2] for run in runs]
    if (at, sum(counts), ends[-1]) != (len(raw), n, n_bytes) or 0 in counts or flagged != [*wide]:
        raise Broken("the parts of the body do not add up")  # E1, E5, E8, E9
    events, cells = [], zip(*columns)
    for ts, seq, count, cpu, _ in runs:
        for k, cell in enumerate(itertools.islice(cells, count)):
            number, flags, call, step, pid, tid, ret = cell
            usual_call, part = next(fixed[number])
            if flags & WIDE_RET:
                ret = wide[len(events)] << 32 | ret & 0xFFFFFFFF
            ts += step
            events.append(Event(ts, cpu, seq + k, pid, (pid + tid) % 2**32, ret, call ^ usual_call,
                                flags & ~WIDE_RET, segment.types[number], part, strings, segment))
    if block.h.ts_max == 2**64 - 1 or not all(block.h.ts_min <= e.ts <= block.h.ts_max for e in events):
        raise Broken("an event is outside the time in the header")  # E10
    if (not all(block.h.types[t // 8] >> t % 8 & 1 for t in set(columns[0]))
            or block.bloom and not all(may_have(block.bloom, pid) for pid in set(columns[4]))):
        complain(block.path, block.at, "the header denies an event that is there")  # E11, E12
    return events

def may_have(bloom, pid):  # 3.4
    h = (pid + 0x9E3779B97F4A7C15) % 2**64
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    h = (h ^ h >> 27) * 0x94D049BB133111EB % 2**64
    h ^= h >> 31
    bits = [(h + i * (h >> 32 | 1)) % 2**32 % (8 * len(bloom)) for i in range(4)]
    return all(bloom[bit // 8] >> bit % 8 & 1 for bit in bits)

# Order and time ---------------------------------------------------------------------------------
def events_of_boot(segments):  # 9.1, 10.2: in order, each with its wall time
    events, clocks = [], []
    for segment, block in [(s, b) for s in segments for b in s.blocks]:
        try:
            own = events_of(block, segment)
        except Broken as e:
            complain(block.path, block.at, e)
            continue
        events += own
        clocks += [(e.ts, put_number(field, e)) for e in own if block.h.kind == CLOCK
                   for field in e.type.fields if (e.type.name, field.name) == ("clock", "realtime")]
    clocks = clocks or [s.start for s in segments if s.start[1]][:1]  # 10.3
    clocks.sort(key=lambda clock: clock[0])
    starts = [ts for ts, _ in clocks]
    for e in sorted(events, key=lambda e: e[:3]):
        clock = clocks[max(bisect.bisect_right(starts, e.ts) - 1, 0)] if clocks else (e.ts, -1)
        ns = clock[1] + e.ts - clock[0]
        if not e.segment.range or e.segment.range[0] <= ns < e.segment.range[1]:  # 15.2
            yield e, ns

def events_of_capture(segments):
    segments.sort(key=lambda s: s.number)
    for a, b in zip(segments, segments[1:]):
        if not a.range and not b.range and not follows(b.first, a.last):
            complain(b.first.path, b.first.at, "the segment does not follow the one before it")
    for _, boot in itertools.groupby(segments, lambda s: s.boot):
        yield from events_of_boot(list(boot))

# JSON -------------------------------------------------------------------------------------------
ERRNOS = dict(errno.errorcode) | {35: "EDEADLK", 95: "EOPNOTSUPP", 133: "EHWPOISON"}  # A.3
ERRNOS |= zip((n for n in range(512, 532) if n != 520), (
    "ERESTARTSYS ERESTARTNOINTR ERESTARTNOHAND ENOIOCTLCMD ERESTART_RESTARTBLOCK EPROBE_DEFER "
    "EOPENSTALE ENOPARAM EBADHANDLE ENOTSYNC EBADCOOKIE ENOTSUPP ETOOSMALL ESERVERFAULT "
    "EBADTYPE EJUKEBOX EIOCBQUEUED ERECALLCONFLICT ENOGRACE").split())
LATER_CALLS = dict(enumerate((  # not yet in the headers of Debian 12
    "cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount "
    "lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat "
    "removexattrat open_tree_attr file_getattr file_setattr").split(), 451))

URING = (  # enum io_uring_op
    "nop readv writev fsync read_fixed write_fixed poll_add poll_remove sync_file_range "
    "sendmsg recvmsg timeout timeout_remove accept async_cancel link_timeout connect fallocate "
    "openat close files_update statx read write fadvise madvise send recv openat2 epoll_ctl "
    "splice provide_buffers remove_buffers tee shutdown renameat unlinkat mkdirat symlinkat "
    "linkat msg_ring fsetxattr setxattr fgetxattr getxattr socket uring_cmd send_zc sendmsg_zc "
    "read_multishot waitid futex_wait futex_wake futex_waitv fixed_fd_install ftruncate bind "
    "listen recv_zc epoll_wait readv_fixed writev_fixed pipe")
CALLS = [{n: f"io_uring.{name}" for n, name in enumerate(URING.split(), 1)}]  # 8.3
for header in "unistd_64.h", "unistd_32.h", "unistd_x32.h":
    text = pathlib.Path("/usr/include/x86_64-linux-gnu/asm", header).read_text("ascii")
    rows = re.findall(r"#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)", text)
    CALLS.append(LATER_CALLS | {int(number): name for name, number in rows})

def quoted(raw):  # A.2: a JSON string, and whether it says all that the bytes say
    text = raw.decode("utf-8", "replace")
    escaped = json.dumps(text, ensure_ascii=False)
    escaped = re.sub("[\x7f-\x9f]", lambda m: f"\\u{ord(m[0]):04x}", escaped)
    return escaped, text.encode() == raw

def put_number(field, e):  # A.5
    if field.kind == RESULT:
        return e.ret if e.ret >= 0 and not e.flags & BLOCKED else "null"
    if field.kind == ADDR:
        address = ipaddress.IPv6Address(e.fixed[field.offset:field.offset + 16])
        return f'"{address.ipv4_mapped or address}"'
    value = struct.unpack_from(NUMBERS[field.kind], e.fixed, field.offset)[0]
    if field.hint == "bool":
        return "true" if value else "false"
    labels = dict(enumerate(field.hint.split("|"))) if "|" in field.hint else (
        e.type.classes if field.hint == "class" else {})
    return f'"{labels[value]}"' if value in labels else value

def put_string(field, raw, true_length):  # A.6
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

def strings_of(e):  # 8.4: the bytes of each string, and its length before it was cut
    for offset in e.type.strings:
        number = struct.unpack_from("<H", e.fixed, offset)[0]
        yield e.strings[number] if number < len(e.strings) else (b"", UNKNOWN_LENGTH)

def json_of(e, ns, with_host):  # A.1
    cpu = "r" if e.cpu == 0xFFFF else e.cpu
    pairs = [("type", f'"{e.type.name}"'), ("id", f'"{e.segment.boot[:4].hex()}-{cpu}-{e.seq}"')]
    pairs += [("host", quoted(e.segment.host)[0])] * with_host
    wall = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9))
    pairs += [("ts", e.ts), ("time", f'"{wall}.{ns % 10**9:09}Z"' if ns > 0 else "null"),
              ("pid", e.pid), ("tid", e.tid), ("ret", e.ret)]
    if e.call:
        abi, number = divmod(e.call, 1 << 14)
        if -4095 <= e.ret < 0 and not e.flags & BLOCKED:
            pairs += [("errno", f'"{ERRNOS.get(-e.ret, f"errno_{-e.ret}")}"')]
        pairs += [("syscall", f'"{CALLS[abi].get(number, f"syscall_{number}")}"')]
        pairs += [("abi", name) for name in ('"i386"', '"x32"')[abi - 2:abi - 1] if abi >= 2]
    pairs += [(name, "true") for bit, name in enumerate(COMMON[11:]) if e.flags >> bit & 1]
    strings = strings_of(e)
    for field in e.type.fields:
        pairs += put_string(field, *next(strings)) if field.kind >= PATH else [
            (field.key, put_number(field, e))]
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}\n"

def main(paths):
    captures = {}
    for s in [s for path in paths for name in files_of(path) for s in read_file(name)]:
        captures.setdefault(s.capture, []).append(s)
    lanes = [events_of_capture(own) for own in captures.values()]
    for e, ns in heapq.merge(*lanes, key=lambda pair: pair[1]):  # 9.4
        sys.stdout.write(json_of(e, ns, len(captures) > 1))
    refused = captures and all(s.refused for own in captures.values() for s in own)
    return status if captures and not refused else 3

if __name__ == "__main__":
    arguments = sys.argv[1:]
    while arguments[0] == "--key":
        read_key(arguments[1])
        arguments = arguments[2:]
    sys.exit(main(arguments))
