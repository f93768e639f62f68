# SPDX-License-Identifier: BSD-2-Clause
"""Which names addresses were looked up by, from the messages of DNS on the tape."""

import ipaddress

from predicate import UNKNOWN_VALUE, Str

A, AAAA = 1, 28


class Cut(Exception):
    """The message ends where more of it should be."""


def take(data, at, n):
    if at + n > len(data):
        raise Cut
    return data[at:at + n], at + n


def number(data, at, n):
    raw, at = take(data, at, n)
    return int.from_bytes(raw, "big"), at


def name(data, at):
    """(the labels with dots between them, where what follows begins)"""
    labels, behind, seen = [], None, set()
    while True:
        n, at = number(data, at, 1)
        if n == 0:
            return b".".join(labels), at if behind is None else behind
        if n >= 0xc0:
            low, at = number(data, at, 1)
            behind = at if behind is None else behind
            at = (n & 0x3f) << 8 | low
            if at in seen:
                raise Cut
            seen.add(at)
            continue
        label, at = take(data, at, n)
        labels.append(label.replace(b"\\", b"\\\\").replace(b".", b"\\."))


def answers(data):
    """[(address, name that was asked for)] as far as the message goes; None: it is no answer."""
    found, asked = [], None
    try:
        flags, at = number(data, 2, 2)
        n_questions, at = number(data, at, 2)
        n_answers, at = number(data, at, 2)
        at += 4
        if not flags & 0x8000 or flags & 0x7800 or n_questions > 1:
            return None
        if n_questions:
            asked, at = name(data, at)
            at += 4
        for _ in range(n_answers):
            of, at = name(data, at)
            kind, at = number(data, at, 2)
            n, at = number(data, at + 6, 2)
            raw, at = take(data, at, n)
            if (kind, n) in ((A, 4), (AAAA, 16)) and (asked or of):
                found.append((address(raw), asked if asked is not None else of))
    except Cut:
        pass
    return found


def address(raw):
    a = ipaddress.ip_address(raw)
    return str(a.ipv4_mapped or a) if a.version == 6 else str(a)


class Names:
    """By who asked, and by its network namespace: the last name of each address."""

    def __init__(self):
        self.of, self.not_recorded = {}, False

    def keys(self, process):
        spaces = process.values.get("net_ns", [])
        space = spaces[0] if spaces and spaces[0] is not UNKNOWN_VALUE else 0
        return [("process", process.serial), ("space", space)]

    def tell(self, payload, process, stream):
        data = payload.data
        if stream and len(data) > 14 and int.from_bytes(data[:2], "big") >= max(12, len(data) - 2):
            data = data[2:]
        found = answers(data)
        if found is None:
            return
        for key in self.keys(process):
            for addr, of in found:
                self.of[key, addr] = of
            if payload.cut:     # it may have told of any other address
                self.of = {k: UNKNOWN_VALUE if k[0] == key else v for k, v in self.of.items()}
                self.of[key, None] = UNKNOWN_VALUE

    def find(self, addr, process):
        """As a field's values: nothing if nobody asked for it."""
        if self.not_recorded:
            return [UNKNOWN_VALUE]
        for key in self.keys(process):
            for a in (addr, None):
                if (key, a) in self.of:
                    of = self.of[key, a]
                    return [of if of is UNKNOWN_VALUE else Str(of)]
        # What ran before the capture began may have asked then.
        return [] if process.ran_in_capture else [UNKNOWN_VALUE]
