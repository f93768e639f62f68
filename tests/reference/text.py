# SPDX-License-Identifier: BSD-2-Clause
"""The text of a policy: blanks, words, numbers, strings, addresses, durations."""

import ipaddress
import re

SECOND = 10 ** 9
FOREVER = None
UNITS = {"ns": 1, "us": 1000, "ms": 10 ** 6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND,
         "d": 86400 * SECOND}
DURATION = re.compile(rb"(?:\d+(?:ms|us|ns|[smhd]))+(?![A-Za-z0-9_])")
WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_.]*")
NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
INTEGER = re.compile(rb"-?(?:0[xX][0-9a-fA-F]+|\d+)(?![A-Za-z0-9_.])")
ADDRESS = re.compile(rb"(?:\d+\.\d+\.\d+\.\d+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*|::)"
                     rb"(?:/\d+)?")


class PolicyError(Exception):
    pass


class Text:
    def __init__(self, path, data):
        self.path, self.data, self.at = path, data, 0

    def fail(self, why, at=None):
        at = self.at if at is None else at
        line = self.data.count(b"\n", 0, at) + 1
        column = at - (self.data.rfind(b"\n", 0, at) + 1) + 1
        raise PolicyError(f"{self.path}:{line}:{column}: {why}")

    def blanks(self, newlines=True):
        """Passes over blanks and comments. Returns whether a newline, or ;, was among them."""
        seen = False
        while self.at < len(self.data):
            c = self.data[self.at:self.at + 1]
            if c in (b"\n", b";"):
                if not newlines:
                    return True
                seen = True
                self.at += 1
            elif c in b" \t\r":
                self.at += 1
            elif c == b"#" or self.data.startswith(b"//", self.at):
                end = self.data.find(b"\n", self.at)
                self.at = len(self.data) if end < 0 else end
            else:
                break
        return seen

    def take(self, literal):
        self.blanks()
        literal = literal.encode()
        if not self.data.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def want(self, literal):
        if not self.take(literal):
            self.fail(f"{literal} expected")

    def match(self, pattern):
        self.blanks()
        m = pattern.match(self.data, self.at)
        if not m:
            return None
        self.at = m.end()
        return m.group().decode()

    def peek(self, pattern=WORD):
        at = self.at
        found = self.match(pattern)
        self.at = at
        return found

    def take_word(self, word):
        if self.peek() != word:
            return False
        self.match(WORD)
        return True

    def duration(self):
        if self.take_word("forever"):
            return FOREVER
        text = self.match(DURATION)
        if not text:
            self.fail("a duration expected, such as 60s")
        return sum(int(n) * UNITS[u] for n, u in re.findall(r"(\d+)(ms|us|ns|[smhd])", text))

    def number(self):
        text = self.match(INTEGER)
        if text is None:
            self.fail("an integer expected")
        return integer(text)

    def string(self):
        self.blanks()
        if self.data[self.at:self.at + 1] != b'"':
            self.fail("a string expected")
        out, i, d = bytearray(), self.at + 1, self.data
        while True:
            c = d[i:i + 1]
            if c in (b"", b"\n"):
                self.fail("the string has no end")
            if c == b'"':
                break
            if c != b"\\":
                out += c
                i += 1
                continue
            c = d[i + 1:i + 2]
            plain = {b"\\": b"\\", b'"': b'"', b"n": b"\n", b"t": b"\t", b"r": b"\r"}.get(c)
            if c == b"x" and re.match(rb"[0-9a-fA-F]{2}", d[i + 2:i + 4]):
                out.append(int(d[i + 2:i + 4], 16))
                i += 4
            else:
                out += plain if plain is not None else b"\\" + c
                i += 2
        self.at = i + 1
        return bytes(out)


def integer(text):
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    if re.fullmatch(r"0\d+", digits):
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def address(text):
    """(first, last) of a network, IPv4 as v4-mapped."""
    net = ipaddress.ip_network(text, strict=False)
    if net.version == 6 and net.prefixlen >= 96 and net.network_address.ipv4_mapped:
        net = ipaddress.ip_network((int(net.network_address) & 0xffffffff, net.prefixlen - 96),
                                   strict=False)
    offset = 0xffff << 32 if net.version == 4 else 0
    return (int(net.network_address) + offset, int(net.broadcast_address) + offset)
