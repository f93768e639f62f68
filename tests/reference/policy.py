# SPDX-License-Identifier: BSD-2-Clause
"""The grammar of policies: their text becomes rules, tunes and predicates."""

import os
import re

from rule import Pred, Ref, Rule, Step, unfold
from schema import BY_CALL, TYPES, number_of
from text import ADDRESS, NAME, WORD, Text, address, integer

NEGATED = {"!=": "==", "!~": "=~"}


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
        while self.goes_on():
            if t.take_word("within"):
                s.within, s.has_within = t.duration(), True
            elif t.data.startswith(b"..", t.at) and not t.data.startswith(b"...", t.at):
                t.at += 2
                s.collects = True
            else:
                break
        s.text = t.data[begin:t.at].decode(errors="replace").strip()
        return s

    def goes_on(self):
        """What is a statement of its own, too, is a step's only on the line on which it ends."""
        at = self.t.at
        if not self.t.blanks():
            return True
        self.t.at = at
        return False

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
            if self.goes_on() and t.take_word("within"):
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
