# SPDX-License-Identifier: BSD-2-Clause
"""Policies as text become rules: paths unfolded into trees of nodes, tunes, and their predicates."""

import ipaddress
import os
import re

from schema import BY_CALL, EVENT_FIELDS, PROCESS_FIELDS, TYPES, Field, number_of

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
NEGATED = {"!=": "==", "!~": "=~"}


class PolicyError(Exception):
    pass


# What predicates are made of --------------------------------------------------------------------

class Ref:
    """A field, as a predicate names it. scope: own, parent, ancestor or step."""

    def __init__(self, scope, name, index=None, step=None):
        self.scope, self.name, self.index, self.step = scope, name, index, step

    def __repr__(self):
        return ".".join(x for x in (self.step or (self.scope if self.scope != "own" else ""),
                                    self.name) if x)

    def key(self):
        return (self.step, self.name, self.index)

    def fields(self, types):
        """The fields it may be, by type."""
        if self.scope in ("parent", "ancestor"):
            return {t: PROCESS_FIELDS.get(self.name) for t in types}
        return {t: field_of(t, self.name) for t in types}


def field_of(type_, name):
    f = type_.fields.get(name) or EVENT_FIELDS.get(name) or PROCESS_FIELDS.get(name)
    if not f and name == "path" and "inode" in type_.fields:
        f = Field("path", "path", "")
    return f


class Pred:
    """op: true and or not flag exists cmp."""

    def __init__(self, op, **more):
        self.op = op
        self.__dict__.update(more)


class Step:
    def __init__(self):
        self.types, self.outcome, self.pred = [], "succeeded", Pred("true")
        self.name, self.count, self.distinct, self.window = None, 0, None, None
        self.within, self.has_within, self.collects = None, False, False
        self.text = ""


class Node:
    """A place where a token can stand. kind: step, count, all."""

    def __init__(self, parent, kind, steps, guards, unlesses, blocks):
        self.parent, self.kind, self.steps = parent, kind, steps
        self.guards, self.unlesses, self.blocks = list(guards), list(unlesses), tuple(blocks)
        self.within, self.has_within = None, False
        self.children, self.is_end, self.after = [], False, []
        self.bindings = []      # by member: the refs of later steps that name it
        self.number = 0

    @property
    def step(self):
        return self.steps[0]

    def way(self):
        return (self.parent.way() if self.parent else []) + [self]


class Rule:
    def __init__(self, name):
        self.name, self.key, self.within, self.has_within = name, "family", None, False
        self.severity, self.words = "medium", {}
        self.unlesses, self.nodes = [], []

    def ends(self):
        return [n for n in self.nodes if n.is_end]

    def all_steps(self):
        for n in self.nodes:
            yield from n.steps
            yield from n.guards
            yield from n.unlesses
            yield from (s for s, _ in n.after)
        yield from self.unlesses


# Text --------------------------------------------------------------------------------------------

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


# Files -------------------------------------------------------------------------------------------

class Loader:
    def __init__(self):
        self.rules, self.tunes, self.included = [], [], {}

    def load(self, path):
        names = self.file(os.path.abspath(path))
        return names

    def file(self, path):
        real = os.path.realpath(path)
        if real in self.included:
            return self.included[real]
        self.included[real] = names = {}
        with open(path, "rb") as f:
            Parser(self, Text(path, f.read()), names).file()
        return names


class Parser:
    def __init__(self, loader, text, names):
        self.loader, self.t, self.names = loader, text, names
        self.path_names = {}

    def file(self):
        t = self.t
        while True:
            t.blanks()
            if t.at == len(t.data):
                return
            word = t.match(NAME)
            if word == "path":
                self.loader.rules.append(self.path())
            elif word == "list":
                self.list()
            elif word == "macro":
                name = self.new_name()
                t.want("{")
                self.names[name] = ("macro", self.predicates("}"))
            elif word == "include":
                where = os.path.join(os.path.dirname(t.path), os.fsdecode(t.string()))
                self.names.update(self.loader.file(where))
            elif word == "tune":
                self.tune()
            else:
                t.fail("path, list, macro, include or tune expected")

    def new_name(self):
        name = self.t.match(NAME)
        if not name or name in self.names:
            self.t.fail("a new name expected")
        return name

    def list(self):
        t, name = self.t, self.new_name()
        if t.take_word("from"):
            where = os.path.join(os.path.dirname(t.path), os.fsdecode(t.string()))
            with open(where, "rb") as f:
                lines = [line.strip() for line in f.read().split(b"\n")]
            values = [("raw", line) for line in lines if line and not line.startswith(b"#")]
        else:
            t.want("(")
            values = self.values()
        self.names[name] = ("list", values)

    def tune(self):
        glob = self.t.string()
        self.t.want("{")
        preds = []
        while not self.t.take("}"):
            if not self.t.take_word("unless"):
                self.t.fail("unless expected")
            preds.append(self.predicates("}", stop_word="unless"))
            self.t.at -= 1
        for p in preds:
            self.check(p, list(TYPES.values()))
        self.loader.tunes.append((glob, preds))

    # Predicates

    def predicates(self, close, stop_word=None):
        """All up to CLOSE: newline and , mean and, binding weakest."""
        t, parts = self.t, []
        while True:
            while t.take(","):
                pass
            if t.take(close):
                break
            if stop_word and t.peek() == stop_word:
                t.blanks()
                t.at += 1       # the caller takes one back, for the } it does not see here
                break
            parts.append(self.either(close == ")"))
            newline = t.blanks(close == ")")
            c = t.data[t.at:t.at + 1]
            if not newline and c not in (b",", close.encode()):
                t.fail("a newline, a comma or an operator expected")
        if not parts:
            return Pred("true")
        return parts[0] if len(parts) == 1 else Pred("and", parts=parts)

    def joins(self, word, inside):
        """Whether the next word is WORD, on this line or at the beginning of the next."""
        at = self.t.at
        self.t.blanks()
        if self.t.peek() == word:
            self.t.match(WORD)
            return True
        self.t.at = at
        return False

    def either(self, inside):
        parts = [self.both(inside)]
        while self.joins("or", inside):
            parts.append(self.both(inside))
        return parts[0] if len(parts) == 1 else Pred("or", parts=parts)

    def both(self, inside):
        parts = [self.negation(inside)]
        while self.joins("and", inside):
            parts.append(self.negation(inside))
        return parts[0] if len(parts) == 1 else Pred("and", parts=parts)

    def negation(self, inside):
        if self.t.take_word("not"):
            return Pred("not", part=self.negation(inside))
        if self.t.take("("):
            return self.predicates(")")
        return self.test()

    def ref(self):
        t = self.t
        word = t.match(WORD)
        if not word:
            t.fail("a field expected")
        index = None
        if t.data[t.at:t.at + 1] == b"[":
            m = re.compile(rb"\[(\d+)\]").match(t.data, t.at)
            if not m:
                t.fail("an index expected")
            index, t.at = int(m.group(1)), m.end()
        head, _, rest = word.partition(".")
        if head in ("parent", "ancestor") and rest:
            return Ref(head, rest, index)
        if head in self.path_names and rest:
            return Ref("step", rest, index, head)
        return Ref("own", word, index)

    def test(self):
        t, at = self.t, self.t.at
        word = t.peek()
        if word in self.names and self.names[word][0] == "macro":
            t.match(WORD)
            return self.names[word][1]
        left = self.ref()
        if left.scope == "step":
            t.fail("a step's field stands on the right only", at)
        here = t.at
        op = t.match(re.compile(rb"==|!=|<=|>=|=~|!~|=|<|>|&|"
                                rb"(?:in|contains|startswith|endswith|glob|cidr|exists)(?![\w.])"))
        newline = b"\n" in t.data[here:t.at]
        if op is None or newline:
            t.at = here
            return Pred("flag", left=left, at=at)
        if op == "exists":
            return Pred("exists", left=left, at=at)
        op = "==" if op in ("=", "in") else op
        negated, op = op in NEGATED, NEGATED.get(op, op)
        values, right = self.right()
        p = Pred("cmp", left=left, compare=op, negated=negated, values=values, right=right, at=at)
        return p

    def right(self):
        """(values, None) or (None, the field)."""
        t = self.t
        if t.take("("):
            return self.values(), None
        found = self.value()
        if found[0] != "word":
            return [found], None
        name = found[1]
        if name in self.names and self.names[name][0] == "list":
            return self.names[name][1], None
        head, _, rest = name.partition(".")
        if head in self.path_names and rest:
            return None, Ref("step", rest, self.index(), head)
        if head in ("parent", "ancestor") and rest:
            return None, Ref(head, rest, self.index())
        return [found], None

    def index(self):
        m = re.compile(rb"\[(\d+)\]").match(self.t.data, self.t.at)
        if not m:
            return None
        self.t.at = m.end()
        return int(m.group(1))

    def value(self):
        t = self.t
        t.blanks()
        if t.data[t.at:t.at + 1] == b'"':
            return ("string", t.string())
        text = t.match(ADDRESS)
        if text is not None:
            try:
                return ("address", address(text))
            except ValueError:
                t.fail("no address")
        text = t.match(re.compile(rb"[A-Za-z_][\w.]*(?:\|\w+)*|0x[0-9a-fA-F]+(?:\|\w+)+"))
        if text is not None:
            return ("word", text)
        return ("int", t.number())

    def values(self):
        t, values = self.t, []
        while not t.take(")"):
            values.append(self.value())
            if not t.take(",") and t.data[t.at:t.at + 1] != b")":
                t.fail(", or ) expected")
        return values

    # Steps and paths

    def step(self):
        t, s = self.t, Step()
        begin = t.at
        while True:
            name = t.match(NAME)
            type_ = TYPES.get(name) or BY_CALL.get(name)
            if not type_:
                t.fail(f"no such type of event: {name}", begin)
            s.types.append(type_)
            if type_.name == "open":
                s.types += [TYPES["create"], TYPES["open_by_handle"]]
            if not t.take("|"):
                break
        s.types = list(dict.fromkeys(s.types))
        for outcome in ("failed", "attempted"):
            if t.take_word(outcome):
                s.outcome = outcome
        if t.take("{"):
            s.pred = self.predicates("}")
        self.check(s.pred, s.types)
        if s.outcome == "succeeded" and tests_result(s.pred):
            s.outcome = "attempted"
        if t.take_word("as"):
            s.name = t.match(NAME)
            self.path_names[s.name] = s.types
        if t.take_word("count"):
            s.count = t.number()
            if t.take_word("distinct"):
                s.distinct = self.ref()
                self.kind(s.distinct, s.types)
            if not t.take_word("within"):
                t.fail("a count needs within")
            s.window = t.duration()
            if not 2 <= s.count <= 1024:
                t.fail("a count is 2 to 1024")
        if t.take_word("within"):
            s.within, s.has_within = t.duration(), True
        t.blanks()
        if t.data.startswith(b"..", t.at) and not t.data.startswith(b"...", t.at):
            t.at += 2
            s.collects = True
        s.text = t.data[begin:t.at].decode(errors="replace").strip()
        return s

    def check(self, pred, types):
        """Types of values are settled here: pred.typed has them by type of event."""
        if pred.op in ("and", "or"):
            for p in pred.parts:
                self.check(p, types)
        elif pred.op == "not":
            self.check(pred.part, types)
        elif pred.op in ("flag", "exists"):
            self.kind(pred.left, types)
        elif pred.op == "cmp":
            family, hint = self.kind(pred.left, types)
            if pred.right:
                return
            known = getattr(pred, "typed", {})
            words = [v for v in pred.values if v[0] == "word"]
            if words and len(pred.values) == 1 and number_of(hint, words[0][1]) is None:
                name, pred.values = words[0][1], None
                pred.right = Ref("own", name, None)
                self.kind(pred.right, types)
                return
            known[(family, hint)] = [self.typed(v, family, hint, pred) for v in pred.values]
            pred.typed = known

    def typed(self, value, family, hint, pred):
        kind, v = value
        if kind == "raw":
            if family in ("str", "args"):
                return v
            if family == "addr":
                return address(v.decode())
            n = number_of(hint, v.decode())
            return integer(v.decode()) if n is None else n
        if family in ("str", "args") and kind == "string":
            return v
        if family == "addr" and kind == "address":
            return v
        if family == "addr" and kind == "string" and pred.compare == "cidr":
            return address(v.decode())
        if family == "int" and kind == "int":
            return v
        if family == "int" and kind == "word":
            n = number_of(hint, v)
            if n is None:
                self.t.fail(f"no such name: {v}", pred.at)
            return n
        self.t.fail(f"a value of the wrong type for {pred.left}", pred.at)

    def kind(self, ref, types):
        fields = [f for f in ref.fields(types).values() if f]
        if not fields:
            self.t.fail(f"no such field: {ref}")
        return (fields[0].family, fields[0].hint)

    def path(self):
        t = self.t
        rule = Rule(t.string().decode())
        if any(r.name == rule.name for r in self.loader.rules):
            t.fail("there is a rule of that name")
        self.path_names = {}
        t.want("{")
        unfold(rule, self.statements(rule, True), t)
        return rule

    def statements(self, rule, is_top=False):
        out = []
        while not self.t.take("}"):
            s = self.statement(rule, is_top)
            if s:
                out.append(s)
        return out

    def statement(self, rule, is_top=False):
        t = self.t
        if t.take("...") or t.take(".."):
            return None
        word = t.peek(NAME)
        if is_top and word in ("severity", "by"):
            t.match(NAME)
            value = t.match(NAME)
            if word == "by":
                rule.key = value
                if value not in ("family", "process", "container", "user", "host"):
                    t.fail("no such key")
            else:
                rule.severity = value
            return None
        if is_top and word in ("description", "tags", "reference", "falsepositives", "author"):
            t.match(NAME)
            rule.words.setdefault(word, []).append(t.string())
            while t.peek(re.compile(rb'"')):
                rule.words[word].append(t.string())
            return None
        if is_top and word == "within":
            t.match(NAME)
            rule.within, rule.has_within = t.duration(), True
            return None
        if word == "unless":
            t.match(NAME)
            s = self.step()
            return ("unless", s, s.within if s.has_within else None)
        return self.movement(rule)

    def movement(self, rule):
        """What a way goes through: a step, a choice, a block, any, all."""
        t = self.t
        word = t.peek(NAME)
        if word == "block":
            t.match(NAME)
            name = t.string().decode()
            t.want("{")
            return ("block", name, self.statements(rule))
        if word in ("any", "all"):
            t.match(NAME)
            t.want("{")
            members = self.statements(rule)
            within, has = None, False
            if t.take_word("within"):
                within, has = t.duration(), True
            if word == "all" and (len(members) > 8 or any(m[0] != "step" for m in members)):
                t.fail("all takes up to 8 steps")
            return (word, members, within, has)
        s = self.step()
        if not t.take("?"):
            return ("step", s)
        x = self.movement(rule)
        t.want(":")
        return ("choice", s, x, self.movement(rule))


def tests_result(pred):
    if pred.op in ("and", "or"):
        return any(tests_result(p) for p in pred.parts)
    if pred.op == "not":
        return tests_result(pred.part)
    if pred.op == "true":
        return False
    refs = [pred.left] + ([pred.right] if pred.op == "cmp" and pred.right else [])
    return any(r.scope == "own" and r.name in ("ret", "errno") for r in refs)


# Ways --------------------------------------------------------------------------------------------

class Tail:
    """Where a way has come to while it is being unfolded."""

    def __init__(self, node=None, guards=(), unlesses=(), blocks=()):
        self.node, self.guards, self.unlesses = node, tuple(guards), tuple(unlesses)
        self.blocks = tuple(blocks)


def unfold(rule, statements, text):
    roots = []

    def add(tail, kind, steps, within, has_within):
        node = Node(tail.node, kind, steps, tail.guards, [u for u, _ in tail.unlesses],
                    tail.blocks)
        node.within, node.has_within = within, has_within
        (tail.node.children if tail.node else roots).append(node)
        return Tail(node, blocks=tail.blocks)

    def one(s, tails):
        kind = s[0]
        if kind == "step":
            step = s[1]
            return [add(t, "count" if step.count else "step", [step], step.within,
                        step.has_within) for t in tails]
        if kind == "unless":
            if not tails[0].node:
                rule.unlesses.append(s[1])
                return tails
            return [Tail(t.node, t.guards, t.unlesses + ((s[1], s[2]),), t.blocks) for t in tails]
        if kind == "block":
            return row(s[2], [Tail(t.node, t.guards, t.unlesses, t.blocks + (s[1],))
                              for t in tails])
        if kind == "any":
            return [new for t in tails for m in s[1] for new in one(m, [t])]
        if kind == "all":
            return [add(t, "all", [m[1] for m in s[1]], s[2], s[3]) for t in tails]
        _, condition, x, y = s
        out = []
        for t in tails:
            out += one(x, one(("step", condition), [t]))
            out += one(y, [Tail(t.node, t.guards + (condition,), t.unlesses, t.blocks)])
        return out

    def row(statements_, tails):
        for s in statements_:
            tails = one(s, tails)
        return tails

    for t in row(statements, [Tail()]):
        if not t.node:
            text.fail("a path needs a step")
        t.node.is_end = True
        for step, wait in t.unlesses:
            if wait is None:
                text.fail("unless behind the last step needs within")
            t.node.after.append((step, wait))

    def number(node):
        node.number = len(rule.nodes)
        rule.nodes.append(node)
        for child in node.children:
            number(child)

    for root in roots:
        number(root)
    for node in rule.nodes:
        bind(node)


def refs_of(pred):
    if pred.op in ("and", "or"):
        return [r for p in pred.parts for r in refs_of(p)]
    if pred.op == "not":
        return refs_of(pred.part)
    return [pred.right] if pred.op == "cmp" and pred.right else []


def bind(node):
    """Which fields of the node's steps later ones compare with."""
    used = {}

    def below(n):
        for c in n.children:
            for s in c.steps + c.guards + c.unlesses + [a for a, _ in c.after]:
                for r in refs_of(s.pred):
                    if r.scope == "step":
                        used[r.key()] = r
            below(c)

    for s, _ in node.after:
        for r in refs_of(s.pred):
            if r.scope == "step":
                used[r.key()] = r
    below(node)
    for member, step in enumerate(node.steps):
        for key in sorted(used, key=str):
            if step.name and key[0] == step.name:
                node.bindings.append((member, used[key]))


def load(paths):
    loader = Loader()
    for p in paths:
        files = [p]
        if os.path.isdir(p):
            files = sorted(os.path.join(d, n) for d, _, ns in os.walk(p) for n in ns
                           if n.endswith(".policy"))
        for f in files:
            loader.load(f)
    return loader.rules, loader.tunes
