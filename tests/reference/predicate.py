# SPDX-License-Identifier: BSD-2-Clause
"""Predicates on an event: true, false, or unknown (None), as POLICIES.md sections 5 and 6 have it."""

import re

from schema import CLASSES, EVENT_FIELDS, PROCESS_FIELDS
from text import address

YES, NO, UNKNOWN = True, False, None


def both(values):
    """And of three values."""
    values = list(values)
    if NO in [v for v in values if v is not UNKNOWN]:
        return NO
    return UNKNOWN if UNKNOWN in values else YES


def either(values):
    return negate(both(negate(v) for v in values))


def negate(v):
    return UNKNOWN if v is UNKNOWN else not v


class Str:
    """Bytes; if it was cut, length is what it had been, or None where nobody knows."""

    def __init__(self, data, cut=False, length=None):
        self.data, self.cut = data, cut
        self.length = length if cut else len(data)

    def __repr__(self):
        return repr(self.data) + ("~" if self.cut else "")

    def __eq__(self, other):
        return isinstance(other, Str) and (self.data, self.cut, self.length) == \
            (other.data, other.cut, other.length)

    def __hash__(self):
        return hash((self.data, self.cut, self.length))

    def shorter_than(self, n):
        """Whether it is known to have had fewer bytes than N."""
        return self.length is not None and self.length < n


class NotKnown:
    def __repr__(self):
        return "unknown"


# A field's value is a list: nothing if it is absent, several where any will do.
UNKNOWN_VALUE = NotKnown()


# Strings -----------------------------------------------------------------------------------------

def equals(s, lit):
    if not s.cut:
        return s.data == lit
    if not lit.startswith(s.data):
        return NO
    return UNKNOWN if s.length in (None, len(lit)) else NO


def contains(s, lit):
    if lit in s.data:
        return YES
    return UNKNOWN if s.cut and not s.shorter_than(len(lit)) else NO


def starts(s, lit):
    if s.data.startswith(lit):
        return YES
    return UNKNOWN if s.cut and lit.startswith(s.data) and not s.shorter_than(len(lit)) else NO


def ends(s, lit):
    if not s.cut:
        return s.data.endswith(lit)
    if lit == b"":
        return YES
    return NO if s.shorter_than(len(lit)) else UNKNOWN


def glob_parts(pattern):
    """The pattern as a row of: "*", or the set of bytes that fit there."""
    parts, i = [], 0
    while i < len(pattern):
        c = pattern[i:i + 1]
        i += 1
        if c == b"*":
            parts.append("*")
        elif c == b"?":
            parts.append(set(range(256)))
        elif c == b"[" and b"]" in pattern[i + 1:]:
            inverse = pattern[i:i + 1] in (b"!", b"^")
            i += inverse
            chosen, first = set(), True
            while i < len(pattern) and (first or pattern[i:i + 1] != b"]"):
                low = high = pattern[i]
                if pattern[i + 1:i + 2] == b"-" and pattern[i + 2:i + 3] not in (b"]", b""):
                    high = pattern[i + 2]
                    i += 2
                chosen |= set(range(low, high + 1))
                i, first = i + 1, False
            i += 1
            parts.append(set(range(256)) - chosen if inverse else chosen)
        else:
            parts.append({c[0]})
    return parts


def glob(s, lit):
    parts = glob_parts(lit)

    def closure(states):
        out = set()
        for at in states:
            out.add(at)
            while at < len(parts) and parts[at] == "*":
                at += 1
                out.add(at)
        return out

    states = closure({0})
    for byte in s.data:
        states = closure({at if parts[at] == "*" else at + 1 for at in states
                          if at < len(parts) and (parts[at] == "*" or byte in parts[at])})
    if not s.cut:
        return len(parts) in states
    if not states or states == {len(parts)} or \
            s.shorter_than(sum(part != "*" for part in parts)):
        return NO
    is_open = any(at == len(parts) - 1 and parts[at] == "*" for at in states if at < len(parts))
    return YES if is_open else UNKNOWN


def compile_regex(pattern):
    """PCRE2's DOLLAR_ENDONLY: $ is the very end."""
    out, i, in_class = b"", 0, False
    while i < len(pattern):
        c = pattern[i:i + 1]
        if c == b"\\":
            pair = pattern[i:i + 2]
            out += {b"\\z": b"\\Z", b"\\/": b"/", b"\\-": b"-"}.get(pair, pair)
            i += 2
            continue
        if c == b"[" and not in_class:
            in_class = True
            if pattern[i + 1:i + 2] in (b"]", b"^"):
                out += c
                i += 1
                c = pattern[i:i + 1]
        elif c == b"]":
            in_class = False
        out += b"\\Z" if c == b"$" and not in_class else c
        i += 1
    return re.compile(out, re.DOTALL)


def regex(s, pattern, cache={}):
    if re.fullmatch(rb"[A-Za-z0-9/_ -]*", pattern):
        return contains(s, pattern)
    if pattern not in cache:
        cache[pattern] = compile_regex(pattern)
    found = cache[pattern].search(s.data)
    if not s.cut:
        return found is not None
    # What follows can take a match away only where the pattern asks for the end.
    asks_end = re.search(rb"\$|\\[bBzZ]|\(\?", pattern)
    if found and (not asks_end or (found.end() < len(s.data) and b"(?" not in pattern)):
        return YES
    # An anchored beginning of plain characters that differs will differ for ever.
    m = re.match(rb"\^([A-Za-z0-9/_]*)(?![*?{+|])", pattern)
    if m and b"|" not in pattern:
        begin = m.group(1)
        begin = begin[:-1] if pattern[m.end():m.end() + 1] in (b"*", b"?", b"{") else begin
        n = min(len(begin), len(s.data))
        if s.data[:n] != begin[:n]:
            return NO
    return UNKNOWN


STRING_TESTS = {"==": equals, "contains": contains, "startswith": starts, "endswith": ends,
                "glob": glob, "=~": regex}


def compare_strings(op, a, b):
    """A field with a field."""
    if not b.cut:
        return STRING_TESTS[op](a, b.data)
    if op == "==":
        if a.cut:
            n = min(len(a.data), len(b.data))
            return UNKNOWN if a.data[:n] == b.data[:n] else NO
        return equals(b, a.data)
    # Of a literal that is cut only a difference in what there is can be known.
    if op == "contains":
        return UNKNOWN if a.cut or b.data in a.data else NO
    if op == "startswith":
        n = min(len(a.data), len(b.data))
        return UNKNOWN if a.data[:n] == b.data[:n] else NO
    return UNKNOWN


def test(op, value, literal):
    if isinstance(value, Str):
        return STRING_TESTS[op](value, literal)
    if isinstance(literal, tuple):      # a network
        return literal[0] <= value <= literal[1]
    return {"==": lambda: value == literal, "<": lambda: value < literal,
            "<=": lambda: value <= literal, ">": lambda: value > literal,
            ">=": lambda: value >= literal, "&": lambda: value & literal != 0}[op]()


def test_fields(op, a, b):
    if isinstance(a, Str) != isinstance(b, Str):
        return NO
    return compare_strings(op, a, b) if isinstance(a, Str) else test(op, a, b)


# Fields of an event ------------------------------------------------------------------------------

def string_value(ev, key):
    """A string as it was recorded; None if the event does not show it."""
    if key not in ev.json:
        return None
    v = ev.json[key]
    data = bytes.fromhex(ev.json[key + "_hex"]) if key + "_hex" in ev.json else v.encode()
    return Str(data, key + "_length" in ev.json, ev.json.get(key + "_length"))


def args_values(ev, key):
    """Arguments; of those that are cut the last is, and others may follow."""
    v = ev.json.get(key)
    if v is None:
        return []
    if key + "_hex" in ev.json:
        raw = bytes.fromhex(ev.json[key + "_hex"])
        v = raw[:-1].split(b"\0") if raw.endswith(b"\0") else raw.split(b"\0") if raw else []
    else:
        v = [a.encode() for a in v]
    out = [Str(a) for a in v]
    if key + "_length" in ev.json:
        if out:
            out[-1] = Str(out[-1].data, True)
        out.append(UNKNOWN_VALUE)
    return out


SOCKET_FIELDS = {"addr", "laddr", "port", "lport"}


def own_value(ev, field, machine):
    name, j = field.name, ev.json
    t = ev.type
    if field.kind == "args":
        values = args_values(ev, field.key)
        if not values and j.get("fault") and not field.optional:
            return [UNKNOWN_VALUE]
        return values
    if field.family == "str":
        s = string_value(ev, field.key)
        if s is None or (s.data == b"" and not s.cut):
            if name == "path" and t.name in ("read", "write") and "inode" in t.fields:
                return machine.file_path(ev)
            if j.get("fault") or name == "content" and j["ret"] > 0:
                return [UNKNOWN_VALUE]
            return [] if s is None or field.optional else [s]
        return [s]
    if name in SOCKET_FIELDS and "family" in t.fields:
        if j.get("family") not in (2, 10):
            return [UNKNOWN_VALUE] if j.get("fault") and j.get("family") == 0 else []
    v = j.get(field.key)
    if v is None:
        return []
    if field.kind == "addr":
        return [address(v)[0]]
    if field.hint == "class" and isinstance(v, str):
        return [CLASSES[v]]
    if isinstance(v, bool):
        return [int(v)]
    if isinstance(v, str) and "|" in field.hint:
        return [field.hint.split("|").index(v)]
    return [v]


def common_value(ev, name):
    j = ev.json
    if name == "type":
        return [Str(ev.type.name.encode())]
    if name == "cpu":
        return [ev.cpu]
    if name == "errno":
        return [-j["ret"]] if "errno" in j else []
    if name == "syscall":
        return [Str(j["syscall"].encode())] if "syscall" in j else []
    if name in ("pid", "tid", "ret"):
        return [j[name]]
    return [int(bool(j.get(name)))]


def values_of(ref, ev, machine, bound):
    """What a field is for an event: a list of values."""
    if ref.scope == "step":
        return bound[ref.key()]
    if ref.scope == "parent":
        return machine.parent_values(ev, ref.name, ref.index)
    if ref.scope == "ancestor":
        return machine.ancestor_values(ev, ref.name, ref.index)
    if ref.name in ("pathname", "filename"):
        t = ev.type
        out = []
        for name in ("path", "path_arg"):
            if name in t.fields or (name == "path" and "inode" in t.fields):
                out += values_of(type(ref)("own", name), ev, machine, bound)
        # The path itself said nothing: then it is as it was passed.
        return [v for v in out if v != Str(b"")] or out[:1]
    field = ev.type.fields.get(ref.name)
    if field:
        values = own_value(ev, field, machine)
    elif ref.name in EVENT_FIELDS:
        return common_value(ev, ref.name)
    elif ref.name == "path" and "inode" in ev.type.fields:
        return machine.file_path(ev)
    elif ref.name in PROCESS_FIELDS:
        return machine.process_values(ev, ref.name, ref.index)
    else:
        return []
    return pick(values, ref.index)


def pick(values, index):
    """One of the arguments, or all."""
    if index is None:
        return values
    if index < len(values):
        return [values[index]]
    return [UNKNOWN_VALUE] if values and values[-1] is UNKNOWN_VALUE else []


# Predicates --------------------------------------------------------------------------------------

def evaluate(pred, ev, machine, bound):
    if pred.op == "true":
        return YES
    if pred.op == "and":
        return both(evaluate(p, ev, machine, bound) for p in pred.parts)
    if pred.op == "or":
        return either(evaluate(p, ev, machine, bound) for p in pred.parts)
    if pred.op == "not":
        return negate(evaluate(pred.part, ev, machine, bound))
    left = values_of(pred.left, ev, machine, bound)
    if pred.op == "exists":
        if not left:
            return NO
        return UNKNOWN if all(v is UNKNOWN_VALUE for v in left) else YES
    if pred.op == "flag":
        return either(UNKNOWN if v is UNKNOWN_VALUE else bool(v) for v in left) if left else NO
    if not left:
        return NO
    if pred.right:
        right = values_of(pred.right, ev, machine, bound)
        if not right:
            return NO
        found = either(UNKNOWN if UNKNOWN_VALUE in (a, b) else test_fields(pred.compare, a, b)
                       for a in left for b in right)
    else:
        literals = next(iter(pred.typed.values()))
        for (family, hint), typed in pred.typed.items():
            field = pred.left.fields([ev.type]).get(ev.type)
            if field and (family, hint) == (field.family, field.hint):
                literals = typed
        found = either(UNKNOWN if v is UNKNOWN_VALUE else test(pred.compare, v, lit)
                       for v in left for lit in literals)
    return negate(found) if pred.negated else found


def succeeded(ev):
    ret = ev.json["ret"]
    if ev.json.get("blocked"):
        return NO
    return ret >= 0 or (ev.type.name == "connect" and ret == -115)


def step_matches(step, ev, machine, bound):
    if ev.type not in step.types:
        return NO
    if step.outcome != "attempted" and succeeded(ev) != (step.outcome == "succeeded"):
        return NO
    return evaluate(step.pred, ev, machine, bound)
