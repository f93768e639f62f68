# SPDX-License-Identifier: BSD-2-Clause
"""Falco's conditions: their text, their tree, and whether it holds."""

import base64
import fnmatch
import ipaddress
import re

from predicate import NO, UNKNOWN, UNKNOWN_VALUE, YES, both, either, negate

FIELD = re.compile(r"[a-zA-Z]+[a-zA-Z0-9_]*(\.[a-zA-Z]+[a-zA-Z0-9_]*)+")
WORD = re.compile(r"[a-zA-Z]+[a-zA-Z0-9_]*")
BARE_ARG = re.compile(r"[^\[\]\"'\s]+")
BARE = re.compile(r"[^()\"'\s=,]+")
NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[+-]?[0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?")
BLANKS = re.compile(r"\s*")
WORD_OPS = ("contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "glob",
            "iglob", "regex")
SIGNS = ("<=", ">=", "<", ">", "==", "=", "!=")
LIST_OPS = ("in", "intersects", "pmatch")
MODIFIERS = ("oneof", "anyof", "allof")
TRANSFORMERS = ("tolower", "toupper", "b64", "basename", "len")
CALLS = ("concat", "join", "getopt")
MOST_PARTS, DEEPEST = 16, 4
# What is not one value: both ends of a connection, and any ancestor.
SEVERAL = ("fd.ip", "fd.net", "fd.port")
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", " ": " ", "\\": "\\", '"': '"',
           "'": "'"}


class Rejected(Exception):
    pass


class Ref:
    """A field, or what transformers make of one."""

    def __init__(self, name, arg=None):
        self.name, self.arg, self.transformers = name, arg, []


class Call(Ref):
    """One value of several, or a list: parts are texts, Refs, and lists of these."""

    def __init__(self, name, parts, selector):
        super().__init__(name, selector)
        self.parts = parts

    def is_list(self):
        return self.name == "getopt" and self.arg is None


class Parser:
    def __init__(self, text):
        self.text, self.at, self.deep = text, 0, 0

    def blank(self):
        found = BLANKS.match(self.text, self.at)
        self.at = found.end()
        return found.group() != ""

    def take(self, literal):
        if self.text.startswith(literal, self.at):
            self.at += len(literal)
            return True
        return False

    def match(self, pattern):
        found = pattern.match(self.text, self.at)
        if not found:
            return None
        self.at = found.end()
        return found.group()

    def fail(self, what):
        raise Rejected(f"{what} expected at {self.text[self.at:self.at + 20]!r}")

    def parse(self):
        tree = self.any()
        self.blank()
        if self.at < len(self.text):
            self.fail("and, or")
        return tree

    def row(self, word, part):
        self.blank()
        parts = [part()]
        self.blank()
        while self.text.startswith(word, self.at) and \
                self.text[self.at + len(word):self.at + len(word) + 1] in (*" \t\r\n\b(",):
            self.at += len(word)
            self.blank()
            parts.append(part())
            self.blank()
        return parts

    def any(self):
        return ("or", self.row("or", self.every))

    def every(self):
        return ("and", self.row("and", self.unary))

    def unary(self):
        self.blank()
        if re.compile(r"not[\s(]").match(self.text, self.at):
            self.at += 3
            return ("not", self.unary())
        return self.check()

    def inner(self):
        tree = self.any()
        self.blank()
        if not self.take(")"):
            self.fail(")")
        return tree

    def check(self):
        if self.take("("):
            return self.inner()
        left = self.reference(False)
        if left is None:
            word = self.match(WORD)
            if word is None:
                self.fail("a field, a macro or (")
            return ("macro", word)
        return self.condition(left)

    def reference(self, is_right):
        """A field with its transformers; on the right val() goes around a field."""
        for t in (*TRANSFORMERS, "val") if is_right else TRANSFORMERS:
            if self.take(t + "("):
                self.blank()
                ref = self.reference(False)
                if ref is None:
                    self.fail("a field")
                self.blank()
                if not self.take(")"):
                    self.fail(")")
                if t != "val":
                    ref.transformers.append(t)
                return ref
        for name in CALLS:
            if self.take(name + "("):
                self.deep += 1
                if self.deep > DEEPEST:
                    self.fail("fewer calls in one another")
                parts = self.parts(False)
                self.deep -= 1
                return Call(name, parts, self.argument())
        if is_right:
            return None
        name = self.match(FIELD)
        return Ref(name, self.argument()) if name else None

    def argument(self):
        if not self.take("["):
            return None
        arg = self.quoted() if self.text[self.at:self.at + 1] in ("'", '"') else \
            self.match(BARE_ARG)
        if arg is None or not self.take("]"):
            self.fail("]")
        return arg

    def parts(self, in_list):
        out = []
        self.blank()
        if self.take(")"):
            return out
        while True:
            self.blank()
            if not in_list and self.take("("):
                out.append(self.parts(True))
            else:
                ref = self.reference(False)
                part = self.value() if ref is None else ref
                if part is None:
                    self.fail("a value")
                out.append(part)
            if len(out) > MOST_PARTS:
                self.fail("fewer values")
            self.blank()
            if self.take(")"):
                return out
            if not self.take(","):
                self.fail(", or )")

    def condition(self, left):
        self.blank()
        op = next((s for s in SIGNS if self.take(s)), None)
        if op is None:
            op = self.match(WORD)
            if op == "exists":
                return ("exists", left)
            if op not in WORD_OPS + LIST_OPS:
                self.fail("an operator")
        op = "=" if op == "==" else op
        self.blank()
        if op in LIST_OPS:
            right = self.reference(True)
            return ("check", left, op, None, right if right else self.list())
        for m in MODIFIERS:
            at = self.at
            if self.take(m):
                self.blank()
                if self.text[self.at:self.at + 1] == "(":
                    return ("check", left, op, m, self.list())
                self.at = at
        right = self.reference(True)
        if right is None and op in ("<", "<=", ">", ">="):
            right = self.match(NUMBER)
        elif right is None:
            right = self.value()
        if right is None:
            self.fail("a value")
        return ("check", left, op, None, right)

    def list(self):
        if not self.take("("):
            self.fail("(")
        out = []
        self.blank()
        if self.take(")"):
            return out
        while True:
            self.blank()
            value = self.value()
            if value is None:
                self.fail("a value")
            out.append(value)
            self.blank()
            if self.take(")"):
                return out
            if not self.take(","):
                self.fail(", or )")

    def value(self):
        if self.text[self.at:self.at + 1] in ("'", '"'):
            return self.quoted()
        return self.match(BARE)

    def quoted(self):
        quote, i, out = self.text[self.at], self.at + 1, ""
        while i < len(self.text):
            c = self.text[i]
            if c == quote:
                self.at = i + 1
                return out
            if c == "\\":
                i += 1
                c = ESCAPES.get(self.text[i:i + 1])
                if c is None:
                    self.fail("an escape that is known")
            out += c
            i += 1
        return self.fail("the end of a string")


# Values ------------------------------------------------------------------------------------------

def number(text):
    if not NUMBER.fullmatch(text):
        raise Rejected(f"{text} is no number")
    if text.lower().startswith("0x"):
        return int(text, 16)
    return float(text) if re.search(r"[.eE]", text) else int(text)


def network(text):
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as e:
        raise Rejected(str(e)) from e


def literal(kind, op, text):
    """The value as a field of this kind is compared with it."""
    if kind == "num":
        return number(text)
    if kind == "enum":
        return number(text) if NUMBER.fullmatch(text) else text.encode()
    if kind == "bool":
        if text not in ("true", "false"):
            raise Rejected(f"{text} is neither true nor false")
        return text == "true"
    if kind in ("ip", "net"):
        return network(text)
    if op == "regex":
        try:
            return re.compile(text.encode())
        except re.error as e:
            raise Rejected(str(e)) from e
    if op in ("bcontains", "bstartswith"):
        try:
            return bytes.fromhex(text)
        except ValueError as e:
            raise Rejected(f"{text}: no hexadecimal digits") from e
    return text.encode()


def same_length_parts(path, pattern):
    path, pattern = [p for p in path.split(b"/") if p], [p for p in pattern.split(b"/") if p]
    return len(path) >= len(pattern) and all(
        fnmatch.fnmatchcase(a.decode("latin1"), glob(b)) if set(b) & set(b"*?[") else a == b
        for a, b in zip(path, pattern))


def glob(pattern):
    """fnmatch as C has it: a backslash takes the meaning from what follows."""
    text, out, i = pattern.decode("latin1"), "", 0
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text):
            out += "[" + text[i + 1] + "]"
            i += 2
        else:
            out += text[i]
            i += 1
    return out


def compare(op, value, lit):
    if isinstance(lit, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return value.version == lit.version and value in lit
    if isinstance(value, tuple):        # a number that has a name
        number_, name = value
        value = name if isinstance(lit, bytes) else number_
    if op in ("=", "in", "intersects"):
        return value == lit
    if isinstance(value, (int, float)):
        return {"<": value < lit, "<=": value <= lit, ">": value > lit, ">=": value >= lit}[op]
    return {
        "contains": lambda: lit in value, "bcontains": lambda: lit in value,
        "icontains": lambda: lit.lower() in value.lower(),
        "startswith": lambda: value.startswith(lit),
        "bstartswith": lambda: value.startswith(lit),
        "endswith": lambda: value.endswith(lit),
        "glob": lambda: fnmatch.fnmatchcase(value.decode("latin1"), glob(lit)),
        "iglob": lambda: fnmatch.fnmatchcase(value.lower().decode("latin1"), glob(lit.lower())),
        "regex": lambda: lit.fullmatch(value) is not None,
        "pmatch": lambda: same_length_parts(value, lit)}[op]()


def transformed(name, values):
    if name == "len":
        return [len(v) for v in values]
    functions = {"tolower": bytes.lower, "toupper": bytes.upper,
                 "basename": lambda v: v.rsplit(b"/", 1)[-1]}
    if name != "b64":
        return [functions[name](v) for v in values]
    out = []
    for v in values:
        try:
            out.append(base64.b64decode(v, validate=True))
        except ValueError:
            pass
    return out


def text_of(part, told):
    """A part's value as text; None: it is not there."""
    if isinstance(part, str):
        return part.encode()
    values, _ = of(part, told)
    if not values or UNKNOWN_VALUE in values:
        return UNKNOWN_VALUE if values else None
    value = values[0][1] if isinstance(values[0], tuple) else values[0]
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return value if isinstance(value, bytes) else str(value).encode()


def texts_of(parts, told):
    """All of them, or None, or what is not known."""
    texts = [text_of(p, told) for p in parts]
    if None in texts:
        return None
    return UNKNOWN_VALUE if UNKNOWN_VALUE in texts else texts


def options(words, known):
    """[(letter, value or None)] as getopt() finds them; a letter that is not known is ?."""
    found, words = [], list(words)
    while words:
        word = words.pop(0)
        if word == b"--" or len(word) < 2 or not word.startswith(b"-"):
            break
        if word.startswith(b"--"):
            continue
        rest = word[1:].decode("latin1")
        while rest:
            letter, rest = rest[0], rest[1:]
            at = known.find(letter) if letter != ":" else -1
            if at < 0:
                found.append(("?", None))
            elif not known.startswith(":", at + 1):
                found.append((letter, None))
            elif rest or known.startswith("::", at + 1):
                found.append((letter, rest.encode("latin1")))
                rest = ""
            else:
                found.append((letter, words.pop(0) if words else b""))
    return found


def called(call, told):
    if call.name == "getopt":
        of_argv = isinstance(call.parts[0], Ref)
        words = told.arguments() if of_argv else texts_of(call.parts[0], told)
        if words is None or words is UNKNOWN_VALUE:
            return [] if words is None else [words]
        found = options(words, call.parts[1])
        if call.arg is not None:
            return [letter.encode() if value is None else value
                    for letter, value in found if letter == call.arg][-1:]
        return [v for letter, value in found for v in
                ([letter.encode()] if value is None else [letter.encode(), value])]
    flat = call.parts if call.name == "concat" else [call.parts[0], *call.parts[1]]
    texts = texts_of(flat, told)
    if texts is None or texts is UNKNOWN_VALUE:
        return [] if texts is None else [texts]
    return [b"".join(texts) if call.name == "concat" else texts[0].join(texts[1:])]


def of(ref, told):
    """(values, kind) of a field on an event"""
    values, kind = (called(ref, told), "str") if isinstance(ref, Call) else \
        told.values(ref.name, ref.arg)
    for t in ref.transformers:
        if UNKNOWN_VALUE not in values:
            values = transformed(t, values)
        kind = "num" if t == "len" else "str"
    return values, kind


def matches(op, modifier, values, rights):
    """One operator over a field's values: any of them will do."""
    def one(value, lits):
        if value is UNKNOWN_VALUE:
            return UNKNOWN
        found = [compare(op, value, lit) for lit in lits]
        if modifier == "allof":
            return all(found)
        if modifier == "oneof":
            return found.count(True) == 1
        return any(found)
    return either(one(v, rights) for v in values)


def holds(tree, told, macros):
    op = tree[0]
    if op in ("and", "or"):
        return (both if op == "and" else either)(holds(t, told, macros) for t in tree[1])
    if op == "not":
        return negate(holds(tree[1], told, macros))
    if op == "macro":
        return holds(macros[tree[1]], told, macros)
    values, kind = of(tree[1], told)
    if op == "exists":
        return UNKNOWN if UNKNOWN_VALUE in values else bool(values)
    _, _, sign, modifier, right = tree
    if not values:
        return NO
    if isinstance(right, Ref):
        theirs, _ = of(right, told)
        if UNKNOWN_VALUE in values or UNKNOWN_VALUE in theirs:
            return UNKNOWN
        rights = theirs
        if not rights:
            return NO
    else:
        texts = right if isinstance(right, list) else [right]
        rights = [literal(kind, sign, t) for t in texts]
        if not rights:      # whatever the value is
            return NO
    if sign == "!=":
        if modifier:
            def differ(value):
                found = [not compare("=", value, lit) for lit in rights]
                return {"anyof": any(found), "allof": all(found),
                        "oneof": found.count(True) == 1}[modifier]
            return either(UNKNOWN if v is UNKNOWN_VALUE else differ(v) for v in values)
        # Of both ends of a connection neither may be it, nor anything of a list.
        join = both if tree[1].name in (*SEVERAL, *CALLS) else either
        return join(UNKNOWN if v is UNKNOWN_VALUE else
                    not any(compare("=", v, lit) for lit in rights) for v in values)
    if sign == "in" and isinstance(tree[1], Call) and tree[1].is_list():
        # All of a list have to be among them.
        return both(UNKNOWN if v is UNKNOWN_VALUE else
                    any(compare("=", v, lit) for lit in rights) for v in values)
    if modifier and isinstance(tree[1], Call) and tree[1].is_list():
        fitting = [matches(sign, None, values, [lit]) for lit in rights]
        if modifier == "oneof":
            return either(both([f, *map(negate, fitting[:i] + fitting[i + 1:])])
                          for i, f in enumerate(fitting))
        return (both if modifier == "allof" else either)(fitting)
    found = matches(sign, modifier, values, rights)
    return found if found in (YES, NO) else UNKNOWN


def check_part(part, fields):
    if isinstance(part, str):
        return
    if isinstance(part, list):
        raise Rejected("a list where one value should be")
    check_ref(part, fields)
    if isinstance(part, Call):
        several = part.is_list()
    else:
        several = part.name in SEVERAL or part.arg is None and part.name in (
            "proc.aname", "proc.aexe", "proc.aexepath", "proc.acmdline")
    if several or part.name in ("evt.num", "evt.dir"):
        raise Rejected(f"{part.name} is not one value")


def check_ref(ref, fields):
    if not isinstance(ref, Call):
        if not fields(ref.name):
            raise Rejected(f"there is no field {ref.name}")
        return
    parts = ref.parts
    if ref.name == "concat":
        if len(parts) < 2:
            raise Rejected("concat takes at least two")
    elif len(parts) != 2:
        raise Rejected(f"{ref.name} takes two")
    if ref.name == "join":
        if not isinstance(parts[1], list):
            raise Rejected("what is joined is a list")
        check_part(parts[0], fields)
        parts = parts[1]
    if ref.name == "getopt":
        if not isinstance(parts[1], str):
            raise Rejected("the options are a text")
        if not isinstance(parts[0], list):
            if not isinstance(parts[0], Ref) or parts[0].name != "proc.args" or \
                    parts[0].transformers or parts[0].arg:
                raise Rejected("the arguments are proc.args or a list")
            parts = []
        else:
            parts = parts[0]
        if ref.arg is not None and len(ref.arg.encode()) != 1:
            raise Rejected("one option is chosen")
        if ref.is_list() and "len" in ref.transformers:
            raise Rejected("the length of a list")
    elif ref.arg is not None:
        raise Rejected(f"{ref.name} has no argument")
    for p in parts:
        check_part(p, fields)


def check_tree(tree, macros, fields):
    """Raises Rejected for what no event could be asked."""
    op = tree[0]
    if op in ("and", "or"):
        for t in tree[1]:
            check_tree(t, macros, fields)
    elif op == "not":
        check_tree(tree[1], macros, fields)
    elif op == "macro":
        if tree[1] not in macros:
            raise Rejected(f"there is no macro {tree[1]}")
    else:
        for ref in (tree[1], tree[4] if op == "check" else None):
            if isinstance(ref, Ref):
                check_ref(ref, fields)
        if op == "check" and isinstance(tree[4], Ref) and \
                any(isinstance(r, Call) and r.is_list() for r in (tree[1], tree[4])):
            raise Rejected("a list is compared with values")
        if op == "check" and not isinstance(tree[4], Ref):
            kind = "str" if isinstance(tree[1], Call) else fields(tree[1].name)
            for t in tree[1].transformers:
                kind = "num" if t == "len" else "str"
            for text in tree[4] if isinstance(tree[4], list) else [tree[4]]:
                literal(kind, tree[2], text)
