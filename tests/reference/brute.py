# SPDX-License-Identifier: BSD-2-Clause
"""Every match of a rule in a short stream, by trying all choices of events: no tokens here.

A match gives each node of one way its events (a step one, a count N, an `all` one for each member),
each node's behind those of the node before, such that keys, predicates, bounds, conditions of an
else and unless hold. The interpreter's newest-token rule must find, in each key, the match that is
complete first, and nothing that is no match.
"""

import itertools

from machine import Machine
from predicate import UNKNOWN_VALUE, YES, Str, step_matches, values_of
from rule import refs_of
from text import SECOND


class Seen:
    """An event with answers that were true when it happened."""

    def __init__(self, ev, key):
        self.ev, self.key, self.ts, self.number = ev, key, ev.ts, ev.number
        self.answers = {}       # by step: a function of bound values that are tried
        self.values = {}


class Brute:
    def __init__(self, rule, events, host="tale"):
        """EVENTS are told to a machine of its own; predicates are asked at once, for every event
        that could bind, since the machine moves on."""
        self.rule, self.steps = rule, list(dict.fromkeys(rule.all_steps()))
        self.machine = Machine(host)
        self.seen, self.copies, self.ends = [], [], {}
        self.end = max((e.ts for e in events), default=0)
        self.refs = {(s, ref.key()): ref for n in rule.nodes for m, ref in n.bindings
                     for s in [n.steps[m]]}
        for ev in events:
            self.machine.tell(ev)
            if self.machine.copied and rule.key == "family":
                self.copies.append((self.machine.copied[0], self.machine.copied[1], ev.number))
            if any(ev.type in s.types for s in self.steps):
                self.see(ev)
            for key in self.machine.ended:
                self.ends[key] = ev.number
            self.machine.forget(ev)

    def see(self, ev):
        s = Seen(ev, self.machine.key(self.rule.key))
        for (_, key), ref in self.refs.items():
            s.values[key] = tuple(values_of(type(ref)("own", ref.name, ref.index), ev,
                                            self.machine, {}))
        candidates = {}
        for (_, key) in self.refs:
            candidates.setdefault(key, set()).update(o.values[key] for o in self.seen + [s])
        for step in self.steps:
            wanted = sorted({r for r in self.bound_refs(step)}, key=str)
            for choice in itertools.product(*(candidates.get(k, {()}) for k in wanted)):
                bound = dict(zip(wanted, choice))
                s.answers[step, tuple(sorted(bound.items(), key=str))] = \
                    step_matches(step, ev, self.machine, bound) is YES
            if step.distinct:
                s.values[step] = tuple(
                    (v.data, v.cut) if isinstance(v, Str) else v
                    for v in values_of(step.distinct, ev, self.machine, {}))
        self.seen.append(s)

    def bound_refs(self, step):
        return [r.key() for r in refs_of(step.pred) if r.scope == "step"]

    def is_match(self, step, s, bound):
        key = {k: bound[k] for k in set(self.bound_refs(step))}
        return s.answers[step, tuple(sorted(key.items(), key=str))]

    # Streams of keys

    def streams(self):
        """For each key its events, those before it was founded by setsid included."""
        for key in dict.fromkeys(s.key for s in self.seen):
            own = [s for s in self.seen if s.key == key]
            before, at, wanted = [], None, key
            while True:
                copy = [c for c in self.copies if c[1] == wanted]
                if not copy:
                    break
                wanted, limit = copy[0][0], copy[0][2]
                at = limit if at is None else min(at, limit)
                before = [s for s in self.seen if s.key == wanted and s.number < at] + before
            yield key, before + own, {s.number for s in own}

    # Matches

    def matches(self):
        """(key, way, evidence, last event) of every match."""
        for key, stream, own in self.streams():
            for end in self.rule.ends():
                for chosen in self.extend(stream, end.way(), 0, []):
                    last = chosen[-1][1][-1]
                    if last.number in own and self.whole(stream, chosen) and \
                            self.is_quiet(stream, end, chosen, last):
                        yield key, end, chosen, last

    def extend(self, stream, way, i, chosen):
        if i == len(way):
            yield chosen
            return
        node = way[i]
        previous = chosen[-1][1][-1] if chosen else None
        later = [s for s in stream if previous is None or s.number > previous.number]
        bound = self.bound_of(chosen)
        for events in getattr(self, "choose_" + node.kind)(node, later, bound, previous):
            ordered = tuple(sorted(set(events), key=lambda s: s.number))
            first, last = ordered[0], ordered[-1]
            between = [s for s in later if s.number <= last.number]
            if previous and any(self.is_match(u, s, bound) for u in node.unlesses
                                for s in between):
                continue
            held = [s for s in between if s.number <= first.number] if previous else [first]
            if any(self.is_match(g, s, bound) for g in node.guards for s in held):
                continue
            yield from self.extend(stream, way, i + 1, chosen + [(node, ordered, events)])

    def bound_of(self, chosen):
        bound = {}
        for node, _, events in chosen:
            for m, ref in node.bindings:
                bound[ref.key()] = events[m].values[ref.key()]
        return bound

    def bound(self, node):
        if node.has_within:
            return node.within
        return None if self.rule.has_within else 30 * SECOND

    def in_time(self, node, since, ts):
        limit = self.bound(node)
        return limit is None or ts - since <= limit

    def choose_step(self, node, later, bound, previous):
        for s in later:
            if self.is_match(node.step, s, bound) and \
                    (not previous or self.in_time(node, previous.ts, s.ts)):
                yield (s,)

    def choose_count(self, node, later, bound, previous):
        step = node.step
        fitting = [s for s in later if self.is_match(step, s, bound)]
        if step.distinct:
            fitting = [s for s in fitting
                       if s.values[step] and UNKNOWN_VALUE not in s.values[step]]
        for events in itertools.combinations(fitting, step.count):
            if previous and not self.in_time(node, previous.ts, events[0].ts):
                continue
            if step.window is not None and events[-1].ts - events[0].ts > step.window:
                continue
            # Different values, each by its newest event.
            if step.distinct and any(
                    s.values[step] == o.values[step] for s in events for o in fitting
                    if s.number < o.number <= events[-1].number):
                continue
            yield events

    def choose_all(self, node, later, bound, previous):
        fitting = [[s for s in later if self.is_match(step, s, bound)] for step in node.steps]
        for events in itertools.product(*fitting):
            if len(set(events)) < len(events):
                continue
            first = min(events, key=lambda s: s.number)
            last = max(events, key=lambda s: s.number)
            if self.in_time(node, previous.ts if previous else first.ts, last.ts):
                yield events

    def whole(self, stream, chosen):
        first, last = chosen[0][1][0], chosen[-1][1][-1]
        if self.rule.within is not None and last.ts - first.ts > self.rule.within:
            return False
        return not any(self.is_match(u, s, {}) for u in self.rule.unlesses for s in stream
                       if first.number < s.number <= last.number)

    def is_quiet(self, stream, end, chosen, last):
        bound = self.bound_of(chosen)
        wait = max((w for _, w in end.after), default=0)
        if any(self.is_match(u, s, {}) for u in self.rule.unlesses for s in stream
               if s.number > last.number and s.ts <= last.ts + wait and wait):
            return False
        key_ends = self.ends.get(last.key, None)
        return all((self.end > last.ts + wait or key_ends is not None) and
                   not any(self.is_match(u, s, bound) for s in stream
                           if s.number > last.number and s.ts <= last.ts + wait)
                   for u, wait in end.after)


def judge(rule, events, findings):
    """What is wrong with what the interpreter found, as lines."""
    wrong = []
    found = {}
    every, first = set(), {}
    brute = Brute(rule, events)
    for key, end, chosen, last in brute.matches():
        ids = tuple(s.ev.id for _, ordered, _ in chosen for s in ordered)
        every.add((key, end.number, ids))
        first[key] = min(first.get(key, last.ts), last.ts)
    used = {}
    for f in findings:
        # A finding has used up its first event.
        spent = used.setdefault(f.key, set())
        if f.first in spent:
            wrong.append(f"{rule.name}: {f.evidence} at {f.ts} was used up")
        spent.add(f.first)
        found[f.key] = min(found.get(f.key, f.ts), f.ts)
        collects = any(s.collects for n in f.node.way() for s in n.steps)
        if not collects and (f.key, f.node.number, tuple(f.evidence)) not in every:
            wrong.append(f"{rule.name}: {f.evidence} at {f.ts} is no match")
    for key in set(first) | set(found):
        # What the family before had found, and used up, was not copied.
        before = [c[0] for c in brute.copies if c[1] == key]
        while before and before[0] not in found:
            before = [c[0] for c in brute.copies if c[1] == before[0]]
        if before and before[0] in found:
            continue
        if first.get(key) != found.get(key):
            wrong.append(f"{rule.name}: key {key}: the first match ends at {first.get(key)}, "
                         f"found at {found.get(key)}")
    return wrong
