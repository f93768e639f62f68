# SPDX-License-Identifier: BSD-2-Clause
"""Sigma's documents, slowly: rules, filters and correlations over the records of events."""

import itertools
import math
import re

import yaml

from predicate import NO, UNKNOWN_VALUE, YES, both, either, negate
from sigma_value import Item, Rejected

LEVELS = ("informational", "low", "medium", "high", "critical")


class Loader(yaml.SafeLoader):
    """Without dates, and with keys that occur once."""


def mapping(loader, node, deep=False):
    keys = [loader.construct_object(k, deep=True) for k, _ in node.value]
    if len(set(map(repr, keys))) < len(keys):
        raise Rejected("a key occurs twice")
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Loader.add_constructor("tag:yaml.org,2002:map", mapping)
Loader.add_constructor("tag:yaml.org,2002:timestamp",
                       lambda loader, node: loader.construct_scalar(node))


# Conditions --------------------------------------------------------------------------------------

TOKEN = re.compile(r"\s*([()]|[^\s()]+)")


class Condition:
    """or, and, not, x of, parentheses; from weak to strong."""

    def __init__(self, text, names):
        if not isinstance(text, str):
            raise Rejected("a condition is text")
        if "|" in text:
            raise Rejected("conditions with | are not of this language any more")
        self.tokens, self.at, self.names = TOKEN.findall(text), 0, names
        self.tree = self.any()
        if self.at < len(self.tokens):
            raise Rejected(f"{self.tokens[self.at]} is too much in the condition")

    def take(self, word):
        if self.at < len(self.tokens) and self.tokens[self.at].lower() == word:
            self.at += 1
            return True
        return False

    def any(self):
        parts = [self.every()]
        while self.take("or"):
            parts.append(self.every())
        return ("or", parts)

    def every(self):
        parts = [self.unary()]
        while self.take("and"):
            parts.append(self.unary())
        return ("and", parts)

    def unary(self):
        if self.take("not"):
            return ("not", self.unary())
        if self.take("("):
            inner = self.any()
            if not self.take(")"):
                raise Rejected(") expected")
            return inner
        if self.at >= len(self.tokens):
            raise Rejected("the condition ends too early")
        word = self.tokens[self.at]
        self.at += 1
        if word.lower() in ("1", "any", "all") and self.take("of"):
            if self.at >= len(self.tokens):
                raise Rejected("of what?")
            pattern = self.tokens[self.at]
            self.at += 1
            return ("and" if word.lower() == "all" else "or", [("name", n)
                                                               for n in self.chosen(pattern)])
        if word not in self.names:
            raise Rejected(f"the condition names {word}, which is not there")
        return ("name", word)

    def chosen(self, pattern):
        glob = "*" if pattern.lower() == "them" else pattern
        fits = re.compile(re.escape(glob).replace(r"\*", ".*"))
        out = [n for n in self.names if fits.fullmatch(n) and
               (not n.startswith("_") or glob.startswith("_"))]
        if not out:
            raise Rejected(f"nothing is called {pattern}")
        return out

    def evaluate(self, values, tree=None):
        op, arg = tree or self.tree
        if op == "name":
            return values(arg)
        if op == "not":
            return negate(self.evaluate(values, arg))
        return (both if op == "and" else either)(self.evaluate(values, t) for t in arg)


# Documents ---------------------------------------------------------------------------------------

class Detection:
    """Named selections and a condition over them."""

    def __init__(self, raw):
        if not isinstance(raw, dict) or "condition" not in raw:
            raise Rejected("no condition")
        self.parts = {name: self.part(value) for name, value in raw.items()
                      if name not in ("condition", "timeframe", "rules")}
        if not self.parts:
            raise Rejected("no selection")
        texts = raw["condition"] if isinstance(raw["condition"], list) else [raw["condition"]]
        self.conditions = [Condition(t, list(self.parts)) for t in texts]

    def part(self, value):
        if isinstance(value, dict):
            if not value:
                raise Rejected("an empty selection")
            return ("and", [Item(str(k), v) for k, v in value.items()])
        if isinstance(value, list):
            if not value:
                raise Rejected("an empty selection")
            if any(isinstance(v, (dict, list)) for v in value):
                return ("or", [self.part(v) for v in value])
            return Item("", value)
        return Item("", value)

    def ask(self, part, record):
        if isinstance(part, Item):
            return part.evaluate(record)
        op, parts = part
        return (both if op == "and" else either)(self.ask(p, record) for p in parts)

    def evaluate(self, record):
        return either(c.evaluate(lambda name: self.ask(self.parts[name], record))
                      for c in self.conditions)


def logsource(raw):
    if not isinstance(raw, dict):
        raise Rejected("no logsource")
    return {k: str(raw[k]).lower() for k in ("product", "category", "service") if raw.get(k)}


class Rule:
    def __init__(self, doc):
        self.title, self.id, self.name = doc.get("title"), doc.get("id"), doc.get("name")
        if not self.title:
            raise Rejected("no title")
        if str(doc.get("status", "")).lower() == "unsupported":
            raise Rejected("its status is unsupported")
        if doc.get("taxonomy", "sigma") != "sigma":
            raise Rejected("another taxonomy")
        if "logsource" not in doc:
            raise Rejected("no logsource")
        self.source = logsource(doc["logsource"])
        self.detection = Detection(doc.get("detection"))
        self.filters = []

    def is_called(self, name):
        return name in (self.id, self.name)

    def asks(self, record):
        if not set(self.source) - {"product"}:
            return record.source == {"product": self.source.get("product", "linux")}
        return all(record.source.get(k) == v for k, v in self.source.items())

    def matching(self, records):
        """(whether, the records that match): the records of one event, each by itself."""
        found = []
        for record in records:
            if not self.asks(record):
                continue
            value = both([self.detection.evaluate(record)] +
                         [negate(f.evaluate(record)) for f in self.filters])
            found.append((value, record))
        return either(v for v, _ in found), [r for v, r in found if v is YES]


class Filter:
    def __init__(self, doc):
        raw = doc["filter"]
        if not doc.get("title") or not isinstance(raw, dict):
            raise Rejected("a filter has a title and a map")
        self.source = logsource(doc.get("logsource"))
        rules = raw.get("rules")
        if not rules:
            raise Rejected("a filter of no rules")
        self.rules = rules if isinstance(rules, list) else [rules]
        self.detection = Detection(raw)

    def evaluate(self, record):
        return self.detection.evaluate(record)


TIMESPAN = re.compile(r"(\d+)([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
COUNTS = ("event_count", "value_count", "value_sum", "value_avg", "value_percentile")
TYPES = COUNTS + ("temporal", "temporal_ordered")
OPS = {"gt": lambda a, b: a > b, "gte": lambda a, b: a >= b, "lt": lambda a, b: a < b,
       "lte": lambda a, b: a <= b, "eq": lambda a, b: a == b, "neq": lambda a, b: a != b}


class Correlation:
    def __init__(self, doc):
        raw = doc["correlation"]
        self.title, self.id, self.name = doc.get("title"), doc.get("id"), doc.get("name")
        if not self.title or not isinstance(raw, dict):
            raise Rejected("a correlation has a title and a map")
        self.type = raw.get("type")
        if self.type not in TYPES:
            raise Rejected(f"there is no correlation {self.type}")
        self.rules = raw.get("rules") or []
        self.rules = self.rules if isinstance(self.rules, list) else [self.rules]
        if not self.rules:
            raise Rejected("a correlation of no rules")
        span = TIMESPAN.fullmatch(str(raw.get("timespan", raw.get("timeframe", ""))))
        if not span:
            raise Rejected("a timespan is a number with s, m, h or d")
        self.span = int(span[1]) * SECONDS[span[2]] * 10 ** 9
        by = raw.get("group-by") or []
        self.group_by = by if isinstance(by, list) else [by]
        self.aliases = raw.get("aliases") or {}
        self.generate = bool(raw.get("generate", doc.get("generate", False)))
        condition = raw.get("condition") or {}
        field = condition.get("field")
        self.fields = field if isinstance(field, list) else [field] if field else []
        self.percentile = condition.get("percentile")
        self.bounds = [(k, v) for k, v in condition.items() if k not in ("field", "percentile")]
        if any(k not in OPS for k, _ in self.bounds):
            raise Rejected("a condition is gt, gte, lt, lte, eq or neq")
        if self.type in COUNTS:
            self.check_count()
        elif condition and dict(self.bounds) not in ({"gte": len(self.rules)},
                                                     {"eq": len(self.rules)}):
            raise Rejected("what comes together is all of its rules")

    def check_count(self):
        if not self.bounds:
            raise Rejected("a count without a condition")
        numbers = int if self.type in ("event_count", "value_count") else (int, float)
        if any(isinstance(v, bool) or not isinstance(v, numbers) for _, v in self.bounds):
            raise Rejected("a bound is a number, and of a count a whole one")
        if self.type != "event_count" and not self.fields:
            raise Rejected(f"{self.type} of which field?")
        is_measure = self.type in ("value_sum", "value_avg") or self.percentile is not None
        if len(self.fields) > 1 and is_measure:
            raise Rejected(f"{self.type} of more than one field")
        if self.percentile is not None and (
                self.type != "value_percentile" or not isinstance(self.percentile, int) or
                not 0 <= self.percentile <= 100):
            raise Rejected("a percentile is between 0 and 100")

    def is_called(self, name):
        return name in (self.id, self.name)

    def holds(self, n):
        return all(OPS[k](n, v) for k, v in self.bounds)

    def waits(self):
        """More of it can end what held: so it is asked when the window ends."""
        return self.type == "value_percentile" or \
            any(k in ("lt", "lte", "neq", "eq") for k, _ in self.bounds)

    def group(self, rule, records):
        """The group of a rule's match; None: a field is not there, or not known."""
        return self.tuple_of(self.group_by, rule, records)

    def tuple_of(self, fields, rule, records):
        out = []
        for field in fields:
            of = self.aliases.get(field, {})
            name = of.get(rule.name) or of.get(rule.id) or field
            values = [v for r in records for v in r.get(name, [])][:1]
            if not values or values[0] is UNKNOWN_VALUE:
                return None
            out.append(values[0])
        return tuple(out)


class Rules:
    def __init__(self):
        self.rules, self.filters, self.correlations, self.rejected = [], [], [], []

    def document(self, doc, where):
        try:
            if not isinstance(doc, dict):
                raise Rejected("a document is a map")
            if "correlation" in doc:
                self.correlations.append(Correlation(doc))
            elif "filter" in doc:
                self.filters.append(Filter(doc))
            else:
                self.rules.append(Rule(doc))
        except Rejected as e:
            self.rejected.append((where, doc.get("title") if isinstance(doc, dict) else None,
                                  str(e)))

    def finish(self):
        for f in self.filters:
            for rule in self.rules:
                if any(rule.is_called(r) for r in f.rules):
                    rule.filters.append(f)
        known = list(self.correlations)
        while True:     # a chain ends where one of its rules is not there
            bad = [c for c in known if not all(any(r.is_called(n) for r in self.rules + known)
                                               for n in c.rules)]
            if not bad:
                break
            for c in bad:
                known.remove(c)
                self.rejected.append((0, c.title, "names a rule that is not there"))
        for c in list(known):
            if not self.is_chain(c, known, 8):
                known.remove(c)
                self.rejected.append((0, c.title, "of itself, too deep, or of what ends with its time"))
        self.correlations = known
        quiet = {n for c in known if not c.generate for n in c.rules}
        self.silent = [r for r in self.rules + known if r.id in quiet or r.name in quiet]


    def is_chain(self, c, known, depth):
        """Correlations of correlations: at most so deep, of those that an event completes."""
        inner = [o for o in known if any(o.is_called(n) for n in c.rules)]
        return depth > 0 and all(not (o.type in COUNTS and o.waits()) and
                                 self.is_chain(o, known, depth - 1) for o in inner)


def load(text):
    rules = Rules()
    documents = yaml.load_all(text, Loader)
    number = 0
    while True:
        try:
            doc = next(documents)
        except StopIteration:
            break
        except (Rejected, yaml.YAMLError) as e:
            rules.rejected.append((number, None, str(e)))
            break
        if doc is not None:
            rules.document(doc, number)
        number += 1
    rules.finish()
    return rules


# Correlating -------------------------------------------------------------------------------------

class Hit:
    """A rule that matched: when, on what, and the records: of a correlation those of the event that
    completes it."""

    def __init__(self, rule, ts, ids, records):
        self.rule, self.ts, self.ids, self.records = rule, ts, ids, records


def moments(correlation, hits, last_ts):
    """When the correlation holds: (ts, hits that it rests on), with hits of all its rules by time.
    A hit that has been used up counts no more."""
    groups = {}
    for h in hits:
        g = correlation.group(h.rule, h.records)
        if g is not None:
            groups.setdefault(g, []).append(h)
    out = []
    for mine in groups.values():
        if correlation.type in COUNTS:
            out += counted(correlation, once(mine), last_ts)
        else:
            out += together(correlation, mine)
    return sorted(out, key=lambda m: m[0])


def once(hits):
    """An event that is several of the rules is counted once."""
    seen, out = set(), []
    for h in hits:
        is_rule = isinstance(h.rule, Rule)
        if not is_rule or h.ids[-1] not in seen:
            out.append(h)
        if is_rule:
            seen.add(h.ids[-1])
    return out


def value_of(correlation, hit):
    return correlation.tuple_of(correlation.fields, hit.rule, hit.records)


def holds(correlation, window):
    """Whether what the window has of it is within the bounds."""
    if correlation.type == "event_count":
        return correlation.holds(len(window))
    values = [value_of(correlation, h) for h in window]
    if correlation.type == "value_count":
        return correlation.holds(len(set(values)))
    if correlation.type == "value_percentile" and correlation.percentile is None:
        return any(correlation.holds(100 * values.count(v) / len(values)) for v in set(values))
    numbers = sorted(v[0] for v in values)
    if correlation.type == "value_percentile":      # so many of a hundred are not greater
        rank = math.ceil(correlation.percentile * len(numbers) / 100)
        return correlation.holds(numbers[max(rank, 1) - 1])
    return correlation.holds(sum(numbers) / (len(numbers) if correlation.type == "value_avg" else 1))


def rests_on(correlation, window):
    """Of a count of values the newest hit with each: the others are left for later."""
    if correlation.type != "value_count":
        return window
    newest = {value_of(correlation, h): h for h in window}
    return [h for h in window if newest[value_of(correlation, h)] is h]


def counted(correlation, hits, last_ts):
    out, window = [], []
    hits = [h for h in hits if correlation.type == "event_count" or
            value_of(correlation, h) is not None]
    if correlation.waits():
        while hits:
            end = hits[0].ts + correlation.span
            window = [h for h in hits if h.ts <= end]
            # At its very end more may come, if the capture had gone on.
            if end < last_ts and holds(correlation, window):
                out.append((end, window))
            hits = hits[len(window):]
        return out
    for h in hits:
        window = [w for w in window if h.ts - w.ts <= correlation.span] + [h]
        if holds(correlation, window):
            used = rests_on(correlation, window)
            out.append((h.ts, used))
            window = [w for w in window if w not in used]
    return out


def together(correlation, hits):
    """Each of the rules by an event of its own. Of those of them that have come the newest way stands;
    what it has replaced does not come back."""
    out, ways, every = [], {}, frozenset(range(len(correlation.rules)))
    number = {h.ids[-1]: n for n, h in enumerate(hits)}

    def age(way):
        return [number[h.ids[-1]] for h in way]

    for _, same in itertools.groupby(hits, lambda h: h.ids[-1]):
        same, made = list(same), {}
        ways = {k: w for k, w in ways.items() if same[0].ts - w[0].ts <= correlation.span}
        for come, way in [(frozenset(), []), *ways.items()]:
            for h in same:
                for i in going_on(correlation, come, h):
                    key, new = come | {i}, way + [h]
                    if key not in made or age(new) > age(made[key]):
                        made[key] = new
        if every not in made:
            ways.update(made)
            continue
        chosen = made[every]
        out.append((chosen[-1].ts, chosen))
        used = {h.ids[-1] for h in chosen}
        ways = {k: w for k, w in ways.items() if not used & {h.ids[-1] for h in w}}
    return out


def going_on(correlation, come, hit):
    """Which of the rules the hit can be, where those have COME; in their order if that is asked."""
    return [i for i, name in enumerate(correlation.rules) if hit.rule.is_called(name) and
            (i == len(come) if correlation.type == "temporal_ordered" else i not in come)]


def run(rules, events, records_of, machine):
    """Findings: Hits, of the rules that report by themselves."""
    hits, last_ts = [], 0
    number = {ev.id: n for n, ev in enumerate(events)}
    for ev in events:
        machine.tell(ev)
        records = records_of(ev, machine)
        last_ts = ev.ts
        for rule in rules.rules:
            found, which = rule.matching(records)
            if found is YES:
                hits.append(Hit(rule, ev.ts, [ev.id], which))
        machine.forget(ev)
    done, waiting = [], list(rules.correlations)
    while waiting:
        c = next(c for c in waiting if not any(o.is_called(n) for n in c.rules for o in waiting))
        waiting.remove(c)
        mine = sorted((h for h in hits if any(h.rule.is_called(n) for n in c.rules)),
                      key=lambda h: (h.ts, number[h.ids[-1]]))
        for ts, used in moments(c, mine, last_ts):
            hits.append(Hit(c, ts, [i for u in used for i in u.ids],
                            used[-1].records))
        done.append(c)
    return [h for h in hits if h.rule not in rules.silent]
