# SPDX-License-Identifier: BSD-2-Clause
"""Values of Sigma: escapes and wildcards, modifiers, and what they ask of a field's value."""

import base64
import datetime
import ipaddress
import itertools
import re

from predicate import NO, UNKNOWN, UNKNOWN_VALUE, YES, Str, both, either, negate

ANY, ONE = "any", "one"     # * and ?
DASHES = ["-", "/", "\u2013", "\u2014", "\u2015"]


class Rejected(Exception):
    """A document that must not be loaded, and why."""


def scan(text):
    """The value as a row of bytes, ANY and ONE: a backslash takes their meaning from * ? and from
    itself, before anything else it stands for itself."""
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c == "\\" and i + 1 < len(text) and text[i + 1] in "*?\\":
            out += text[i + 1].encode()
            i += 2
            continue
        out += [ANY] if c == "*" else [ONE] if c == "?" else list(c.encode())
        i += 1
    return out


def plain(parts):
    """The bytes of a value without wildcards; None: it has some."""
    return None if ANY in parts or ONE in parts else bytes(parts)


def as_text(value):
    """How a value of an event is written."""
    return value.data if isinstance(value, Str) else b"%d" % value


class Glob:
    def __init__(self, parts, cased=False):
        self.parts, self.cased = parts, cased

    def around(self, before, after):
        return Glob(([ANY] if before else []) + self.parts + ([ANY] if after else []), self.cased)

    def test(self, value):
        pattern = b"".join(b".*" if p is ANY else b"." if p is ONE else re.escape(bytes([p]))
                           for p in self.parts)
        text = as_text(value)
        if not self.cased:
            pattern = b"".join(b".*" if p is ANY else b"." if p is ONE else
                               re.escape(bytes([p]).lower()) for p in self.parts)
            text = text.lower()
        found = re.fullmatch(pattern, text, re.DOTALL) is not None
        if isinstance(value, Str) and value.cut:
            return YES if found and self.parts[-1:] == [ANY] else UNKNOWN
        return found


class Regex:
    def __init__(self, text):
        self.text, self.flags = text, 0

    def compile(self):
        try:
            return re.compile(self.text.encode(), self.flags)
        except re.error as e:
            raise Rejected(f"regular expression: {e}") from e

    def test(self, value):
        if isinstance(value, Str) and value.cut:
            return UNKNOWN
        return self.compile().search(as_text(value)) is not None


class Cidr:
    def __init__(self, text):
        try:
            self.net = ipaddress.ip_network(text, strict=False)
        except ValueError as e:
            raise Rejected(f"network: {e}") from e

    def test(self, value):
        try:
            address = ipaddress.ip_address(as_text(value).decode())
        except ValueError:
            return NO
        if address.version == 6 and address.ipv4_mapped:
            address = address.ipv4_mapped
        return address.version == self.net.version and address in self.net


class Compare:
    def __init__(self, op, number):
        self.op, self.number = op, number

    def test(self, value):
        text = as_text(value)
        if not re.fullmatch(rb"-?\d+(\.\d+)?", text):
            return NO
        n = float(text)
        return {"lt": n < self.number, "lte": n <= self.number, "gt": n > self.number,
                "gte": n >= self.number}[self.op]


DATE_PARTS = {"minute": (0, 59, lambda d: d.minute), "hour": (0, 23, lambda d: d.hour),
              "day": (1, 31, lambda d: d.day), "week": (1, 53, lambda d: d.isocalendar()[1]),
              "month": (1, 12, lambda d: d.month), "year": (0, 9999, lambda d: d.year)}


class DatePart:
    """A number of a date: equal, or compared by what follows."""

    def __init__(self, part, number):
        least, most, self.read = DATE_PARTS[part]
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            raise Rejected(f"no {part} is {number}")
        self.number, self.op = number, "eq"

    def test(self, value):
        n = self.read(datetime.datetime.fromisoformat(as_text(value).decode()))
        return {"eq": n == self.number, "lt": n < self.number, "lte": n <= self.number,
                "gt": n > self.number, "gte": n >= self.number}[self.op]


class Token:
    """A number among keywords: it does not stand inside a longer word."""

    def __init__(self, number):
        self.pattern = re.compile(rb"(?<![0-9A-Za-z_])%s(?![0-9A-Za-z_])" %
                                  re.escape(str(number).encode()))

    def test(self, value):
        return self.pattern.search(as_text(value)) is not None


class FieldRef:
    def __init__(self, name):
        self.name, self.before, self.after, self.cased = name, False, False, False


class Null:
    pass


class Exists:
    def __init__(self, wanted):
        self.wanted = wanted


class OneOf:
    """What one value became several of."""

    def __init__(self, values):
        self.values = values


def each(value, function):
    return OneOf([each(v, function) for v in value.values]) if isinstance(value, OneOf) \
        else function(value)


# Modifiers ---------------------------------------------------------------------------------------

def strings_only(modifier):
    def check(value):
        if not isinstance(value, Glob):
            raise Rejected(f"the modifier {modifier.__name__} is for strings")
        return modifier(value)
    return check


def without_wildcards(value, name):
    data = plain(value.parts)
    if data is None:
        raise Rejected(f"{name} of a value with wildcards")
    return data


@strings_only
def windash(value):
    """A dash or slash at the beginning of a word can be any of five characters."""
    text = "".join("\0" if p is ANY else "\1" if p is ONE else chr(p) for p in value.parts)
    at = [m.start() for m in re.finditer(r"\B[-/]\b", text, re.ASCII)]
    out = []
    for chosen in itertools.product(DASHES, repeat=len(at)):
        parts = list(value.parts)
        for i, dash in sorted(zip(at, chosen), reverse=True):
            parts[i:i + 1] = list(dash.encode())
        out.append(Glob(parts, value.cased))
    return OneOf(out)


@strings_only
def base64_(value):
    return Glob(list(base64.b64encode(without_wildcards(value, "base64"))), value.cased)


@strings_only
def base64offset(value):
    """Behind 0, 1 or 2 unknown bytes, and before unknown ones: only the characters that depend on
    the value alone."""
    data, out = without_wildcards(value, "base64offset"), []
    for shift in range(3):
        first = -(-8 * shift // 6)
        last = 8 * (shift + len(data)) // 6
        encoded = base64.b64encode(b"\0" * shift + data + b"\0\0")
        out.append(Glob(list(encoded[first:last]), value.cased))
    return OneOf(out)


def encoding(name, prefix=b""):
    @strings_only
    def encode(value):
        out = list(prefix)
        for p in value.parts:
            out += [p] if p in (ANY, ONE) else list(bytes([p]).decode("latin1").encode(name))
        return Glob(out, value.cased)
    return encode


def around(before, after):
    def modify(value):
        if isinstance(value, FieldRef):
            value.before, value.after = value.before or before, value.after or after
            return value
        if not isinstance(value, Glob):
            raise Rejected("contains, startswith and endswith are for strings")
        return value.around(before, after)
    return modify


@strings_only
def cased(value):
    return Glob(value.parts, True)


def flag(which):
    def modify(value):
        if not isinstance(value, Regex):
            raise Rejected("i, m and s come behind re")
        value.flags |= which
        value.compile()
        return value
    return modify


def comparison(op):
    def modify(value):
        if isinstance(value, DatePart) and value.op == "eq":
            value.op = op
            return value
        if not isinstance(value, Compare):
            raise Rejected(f"{op} is for numbers")
        return Compare(op, value.number)
    return modify


MODIFIERS = {
    "contains": around(True, True), "startswith": around(False, True),
    "endswith": around(True, False), "cased": cased, "windash": windash, "base64": base64_,
    "base64offset": base64offset, "wide": encoding("utf-16-le"), "utf16le": encoding("utf-16-le"),
    "utf16be": encoding("utf-16-be"), "utf16": encoding("utf-16-le", b"\xff\xfe"),
    "i": flag(re.IGNORECASE), "ignorecase": flag(re.IGNORECASE), "m": flag(re.MULTILINE),
    "multiline": flag(re.MULTILINE), "s": flag(re.DOTALL), "dotall": flag(re.DOTALL),
    "lt": comparison("lt"), "lte": comparison("lte"), "gt": comparison("gt"),
    "gte": comparison("gte"),
}
OF_ITEMS = {"all", "neq"}
FIRST = {"re", "cidr", "exists", "fieldref", "expand"}


def first_value(raw, modifiers):
    """What the value is before its modifiers."""
    kinds = [m for m in modifiers if m in FIRST]
    if kinds and modifiers[0] != kinds[0] and modifiers[0] not in OF_ITEMS:
        raise Rejected(f"{kinds[0]} of a value that was modified")
    kind = kinds[0] if kinds else None
    if kind == "exists":
        if not isinstance(raw, bool):
            raise Rejected("exists takes true or false")
        return Exists(raw)
    if raw is None:
        if modifiers:
            raise Rejected("null takes no modifiers")
        return Null()
    if isinstance(raw, (dict, list)):
        raise Rejected("a value is a string, a number, true, false or null")
    text = "true" if raw is True else "false" if raw is False else str(raw)
    is_string = isinstance(raw, str)
    if kind == "expand":
        if re.search(r"(?<!\\)%[^%]+(?<!\\)%", text):
            raise Rejected("placeholders have no values here")
        return Glob(scan(text.replace("\\%", "%")))
    if kind == "re":
        regex = Regex(text)
        regex.compile()
        return regex
    if kind == "cidr":
        return Cidr(text)
    if kind == "fieldref":
        name = plain(scan(text))
        if name is None:
            raise Rejected("the name of a field has no wildcards")
        return FieldRef(name.decode())
    parts = [m for m in modifiers if m in DATE_PARTS]
    if parts:
        if [m for m in modifiers if m not in OF_ITEMS][0] != parts[0] or len(parts) > 1:
            raise Rejected(f"{parts[0]} is for dates as they stand")
        return DatePart(parts[0], raw)
    if any(m in ("lt", "lte", "gt", "gte") for m in modifiers):
        if is_string or isinstance(raw, bool):
            raise Rejected("a number is compared with numbers only")
        return Compare(None, raw)
    return Glob(scan(text) if is_string else list(text.encode()))


def modified(raw, modifiers):
    value = first_value(raw, modifiers)
    for m in modifiers:
        if m in FIRST or m in OF_ITEMS or m in DATE_PARTS:
            continue
        if m not in MODIFIERS:
            raise Rejected(f"there is no modifier {m}")
        value = each(value, MODIFIERS[m])
    return value


# Asking ------------------------------------------------------------------------------------------

def reference(value, mine, record):
    def fits(a, b):
        if UNKNOWN_VALUE in (a, b):
            return UNKNOWN
        parts = Glob(list(as_text(b))).around(value.before and value.after or
                                              (value.before and not value.after),
                                              value.after)
        return parts.test(a)
    theirs = record.get(value.name, [])
    return either(fits(a, b) for a in mine for b in theirs)


def ask(value, mine, record):
    """Whether a field's values have this value."""
    if isinstance(value, OneOf):
        return either(ask(v, mine, record) for v in value.values)
    if isinstance(value, Exists):
        if mine and all(v is UNKNOWN_VALUE for v in mine):
            return UNKNOWN
        return bool(mine) == value.wanted
    if isinstance(value, Null):
        if mine and all(v is UNKNOWN_VALUE for v in mine):
            return UNKNOWN
        return not mine
    if isinstance(value, FieldRef):
        return reference(value, mine, record)
    return either(UNKNOWN if v is UNKNOWN_VALUE else value.test(v) for v in mine)


DATES = ("UtcTime", "@timestamp")


class Item:
    """FIELD|MODIFIERS: VALUES; without a field: keywords."""

    def __init__(self, key, raw):
        self.field, *modifiers = key.split("|") if key else [""]
        raws = raw if isinstance(raw, list) else [raw]
        if isinstance(raw, list) and None in raw:
            raise Rejected("null among other values")
        if isinstance(raw, list) and not raw:
            raise Rejected("an empty list")
        if set(modifiers) & set(DATE_PARTS) and self.field not in DATES:
            raise Rejected(f"{self.field} is no date")
        self.all, self.negated = "all" in modifiers, "neq" in modifiers
        self.values = []
        for r in raws:
            if self.field:
                self.values.append(modified(r, modifiers))
            elif isinstance(r, (int, float)) and not isinstance(r, bool) and \
                    not set(modifiers) - OF_ITEMS:
                self.values.append(Token(r))
            else:
                value = modified(r, modifiers)
                self.values.append(each(value, lambda v: v.around(True, True)
                                        if isinstance(v, Glob) else v))

    def evaluate(self, record):
        mine = record.get(self.field, []) if self.field else record.texts()
        found = [ask(v, mine, record) for v in self.values]
        result = both(found) if self.all else either(found)
        return negate(result) if self.negated else result
