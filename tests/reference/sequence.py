# SPDX-License-Identifier: BSD-2-Clause
"""Tokens on their ways: POLICIES.md sections 7 to 11. Slow, and as the text says it.

A token stands at a node of the rule's tree, one for each tuple of bound values. Counts and `all`
remember every event that may still be part of them, each with the token that stood before the node
when it came, and look at all of them anew with each event.
"""

import itertools

from predicate import (UNKNOWN, UNKNOWN_VALUE, YES, Str, either, evaluate, glob, step_matches,
                       values_of)
from text import SECOND

EVIDENCE_MAX = 64


class Token:
    def __init__(self, first, first_ts, last_ts, evidence, bound, despite=(), counted=()):
        self.first, self.first_ts, self.last_ts = first, first_ts, last_ts
        self.evidence = evidence        # a tuple of event ids for each step
        self.bound = bound
        self.last, self.number = evidence[-1][-1], 0
        self.blocked = set()            # numbers of the nodes that it may not go to any more
        self.despite = tuple(despite)
        self.counted = frozenset(counted)       # the events that counts on its way have counted
        self.numbers = None             # of the events by their ids

    def age(self):
        return self.number, [self.numbers[i] for step in reversed(self.evidence)
                             for i in reversed(step)]

    def copy(self):
        new = Token(self.first, self.first_ts, self.last_ts, self.evidence, self.bound,
                    self.despite, self.counted)
        new.blocked, new.last, new.number = set(self.blocked), self.last, self.number
        new.numbers = self.numbers
        return new


class Partial:
    """Some members of an `all`: the token before, and their events from the first on."""

    def __init__(self, base, since, entries, bound):
        self.base, self.since, self.entries, self.bound = base, since, entries, bound
        self.first = base.first if base else entries[0].id
        self.first_ts = base.first_ts if base else entries[0].ts
        self.counted = base.counted if base else frozenset()

    def age(self):
        return [e.number for e in self.entries], self.base.age() if self.base else ()


class Entry:
    """An event that a count may use."""

    def __init__(self, ev, member, base, value, bound):
        self.ev, self.member, self.base = ev, member, base
        self.value, self.bound = value, bound


def freeze(bound):
    return tuple(sorted(((k, tuple(v)) for k, v in bound.items()), key=str))


class Story:
    """All tokens of one rule and key."""

    def __init__(self):
        self.tokens = {}        # by node's number: {tuple: token}
        self.entries = {}       # by node's number: {tuple of the token before: [entry]}
        self.partial = {}       # by number of an `all`: {(members, tuple): Partial}
        self.pending = []       # (token, node, deadlines, its last event)

    def copy(self):
        new = Story()
        new.tokens = {n: {k: t.copy() for k, t in ts.items()} for n, ts in self.tokens.items()}
        new.entries = {n: {k: list(es) for k, es in d.items()} for n, d in self.entries.items()}
        new.partial = {n: dict(d) for n, d in self.partial.items()}
        return new

    def at(self, node):
        return self.tokens.setdefault(node.number, {})

    def before(self, node):
        """The tokens from which NODE may be reached, the newest first: of those that one event
        placed, the one whose events are newer, from the last on. None stands for the beginning."""
        if not node.parent:
            return {(): None}
        return dict(sorted(self.at(node.parent).items(), key=lambda kv: kv[1].age(), reverse=True))

    def entries_of(self, node):
        return self.entries.setdefault(node.number, {})

    def use_up(self, used):
        """What a finding has used up: its first event, and the events that it counted."""
        def is_gone(token):
            return token.first == used.first or token.counted & used.counted

        for d in self.tokens.values():
            for k in [k for k, t in d.items() if is_gone(t)]:
                del d[k]
        for d in self.entries.values():
            for k in d:
                d[k] = [e for e in d[k] if e.ev.id != used.first and e.ev.id not in used.counted
                        and not (isinstance(e.base, Token) and is_gone(e.base))]
        for d in self.partial.values():
            for k in [k for k, p in d.items() if is_gone(p)]:
                del d[k]
        self.pending = [p for p in self.pending if not is_gone(p[0])]


class Finding:
    def __init__(self, rule, token, node, key, ts):
        self.rule, self.node, self.key, self.ts = rule, node, key, ts
        self.evidence = [i for step in token.evidence for i in step]
        self.steps, self.first = token.evidence, token.first
        self.blocks = list(node.blocks)
        self.way = [e.number for e in rule.ends()].index(node.number)
        self.despite = token.despite
        self.last_event = None

    def sort_key(self):
        return (self.ts, self.rule.name)


class Runner:
    def __init__(self, rule, machine, blind=None):
        self.rule, self.machine = rule, machine
        self.stories, self.findings = {}, []
        self.numbers = {}       # of events by their ids
        self.made = {}          # what an event has made of an `all`
        self.blind = blind if blind is not None else []

    # Time that passes, keys that end

    def pass_time(self, ts, is_end=False):
        """Those that wait for T to pass without an event, when it has."""
        for key, story in list(self.stories.items()):
            for p in sorted(story.pending, key=lambda p: max(p[2])):
                token, node, deadlines, last = p
                if p not in story.pending:
                    continue
                if max(deadlines) < ts:
                    self.find(story, token, node, key, last)
                elif is_end:
                    self.blind.append((token.last_ts, ts, "the capture ends before"))

    def end_keys(self, ended):
        for key in ended:
            if key[0] == self.rule.key and key in self.stories:
                # What waits for an event not to come need not wait any more: it cannot come.
                story = self.stories[key]
                while story.pending:
                    token, node, _, last = min(story.pending, key=lambda p: max(p[2]))
                    self.find(story, token, node, key, last)
                del self.stories[key]

    def copy_key(self, copied):
        if copied and self.rule.key == "family" and copied[0] in self.stories:
            self.stories[copied[1]] = self.stories[copied[0]].copy()

    # One event

    def matches(self, step, ev, bound):
        return step_matches(step, ev, self.machine, bound)

    def event(self, ev):
        self.ev = ev
        if not any(ev.type in s.types for s in self.rule.all_steps()):
            return
        self.numbers[ev.id] = ev.number
        key = self.machine.key(self.rule.key)
        if key is None and any(n.children or n.kind != "step" for n in self.rule.nodes):
            self.note_blind(ev, "nobody knows the key")
            return
        story = self.stories.setdefault(key, Story())
        self.kill(story, ev)
        self.used, self.counted = set(), set()
        for node in reversed(self.rule.nodes):
            for token in self.arrivals(story, node, ev):
                if token.first in self.used or token.counted & self.counted:
                    continue
                if not node.is_end:
                    self.place(story, node, token, ev)
                elif node.after:
                    deadlines = [ev.ts + wait for _, wait in node.after]
                    story.pending.append((token, node, deadlines, ev))
                else:
                    self.used.add(token.first)
                    self.counted |= token.counted
                    self.find(story, token, node, key, ev)
            if node.kind == "all":
                self.keep_partial(story, node)
            if node.kind == "step" and node.step.collects and not node.is_end:
                self.collect(story, node, ev)

    def find(self, story, token, node, key, ev):
        f = Finding(self.rule, token, node, key, ev.ts)
        f.last_event = ev
        self.findings.append(f)
        story.use_up(token)

    def kill(self, story, ev):
        rule = self.rule
        for step in rule.unlesses:
            found = self.matches(step, ev, {})
            if found is YES:
                story.tokens, story.entries, story.pending = {}, {}, []
                story.partial = {}
            elif found is UNKNOWN:
                for d in story.tokens.values():
                    for t in d.values():
                        t.despite += (ev.id,)
        for node in rule.nodes:
            if not node.parent:
                continue
            for key, token in story.at(node.parent).items():
                self.stop(story, node, key, token, ev)
            self.stop_begun(story, node, ev)
        kept = []
        for p in story.pending:
            found = [self.matches(step, ev, p[0].bound) for step, _ in p[1].after]
            late = [ev.ts > d for d in p[2]]
            if not any(f is YES and not l for f, l in zip(found, late)):
                kept.append(p)
            if any(f is UNKNOWN for f in found):
                p[0].despite += (ev.id,)
        story.pending = kept

    def stop(self, story, node, key, token, ev):
        """Unless, and conditions of which this is the else: the token may not go there any more."""
        unless = either(self.matches(s, ev, token.bound) for s in node.unlesses)
        guard = either(self.matches(s, ev, token.bound) for s in node.guards)
        if unless is YES:
            story.entries_of(node).pop(key, None)
            d = story.partial.get(node.number, {})
            for k in [k for k, p in d.items() if p.base and freeze(p.base.bound) == key]:
                del d[k]
        if unless is YES or guard is YES:
            token.blocked.add(node.number)
        elif UNKNOWN in (unless, guard):
            token.despite += (ev.id,)

    def stop_begun(self, story, node, ev):
        """The same of counts and `all` whose token is gone."""
        here = story.at(node.parent)
        counts = story.entries_of(node)
        parts = story.partial.get(node.number, {})

        def is_stopped(bound):
            return either(self.matches(s, ev, bound) for s in node.unlesses) is YES

        for key in [k for k in counts if k not in here]:
            if is_stopped({k: list(v) for k, v in key}):
                del counts[key]
        for k in [k for k, p in parts.items() if p.base and freeze(p.base.bound) not in here]:
            if is_stopped(parts[k].base.bound):
                del parts[k]

    # Steps

    def bound_of(self, node, member, ev):
        return {ref.key(): tuple(values_of(type(ref)("own", ref.name, ref.index), ev, self.machine,
                                           {})) for m, ref in node.bindings if m == member}

    def may_begin(self, node, token, ev):
        """Whether the way from TOKEN to NODE is open, bounds of time aside."""
        if token:
            return node.number not in token.blocked
        guards = [self.matches(g, ev, {}) for g in node.guards]
        return YES not in guards

    def step_bound(self, node):
        if node.has_within:
            return node.within
        return None if self.rule.has_within else 30 * SECOND

    def in_time(self, node, token, ts):
        if token is None:
            return True
        bound = self.step_bound(node)
        return bound is None or ts - token.last_ts <= bound

    def in_whole_time(self, first_ts, ts):
        return self.rule.within is None or ts - first_ts <= self.rule.within

    def arrivals(self, story, node, ev):
        """The tokens that this event brings to NODE. What they come from is left as it is."""
        if not any(ev.type in s.types for s in node.steps):
            return []
        return getattr(self, "arrive_" + node.kind)(story, node, ev)

    def note_blind(self, ev, why="a field decides that is not known"):
        self.blind.append((ev.ts, ev.ts, why))

    def arrive_step(self, story, node, ev):
        out = []
        for token in story.before(node).values():
            if not self.may_begin(node, token, ev) or not self.in_time(node, token, ev.ts):
                continue
            if token and not self.in_whole_time(token.first_ts, ev.ts):
                continue
            bound = token.bound if token else {}
            found = self.matches(node.step, ev, bound)
            if found is UNKNOWN:
                self.note_blind(ev)
            if found is not YES:
                continue
            bound = {**bound, **self.bound_of(node, 0, ev)}
            if token:
                out.append(Token(token.first, token.first_ts, ev.ts,
                                 token.evidence + ((ev.id,),), bound, token.despite,
                                 token.counted))
            else:
                out.append(Token(ev.id, ev.ts, ev.ts, ((ev.id,),), bound))
        return out

    def remember(self, story, node, ev):
        """Adds the event to what a count or `all` may use; returns where it was added."""
        d, touched = story.entries_of(node), []
        before = story.before(node)
        # First those that may begin with it, from the newest token on; then those that counted
        # last, in the order in which they did.
        begin = [k for k, t in before.items() if self.may_begin(node, t, ev) and
                 self.in_time(node, t, ev.ts)]
        for key in begin + [k for k in d if k not in begin]:
            token = before.get(key)
            is_known = key in before
            bound = dict(key) if key else {}
            begins = is_known and self.may_begin(node, token, ev)
            if node.kind == "count" and ev.id in self.counted:
                continue        # used up by what it has just completed
            if begins and node.kind == "count" and not self.in_time(node, token, ev.ts):
                begins = False
            entries = d.setdefault(key, [])
            for member, step in enumerate(node.steps):
                found = self.matches(step, ev, {k: list(v) for k, v in bound.items()})
                if found is UNKNOWN:
                    self.note_blind(ev)
                if found is not YES:
                    continue
                value = None
                if step.distinct:
                    value = tuple(values_of(step.distinct, ev, self.machine, {}))
                    if not value or UNKNOWN_VALUE in value:
                        continue
                    # How long it was does not make what was cut another one.
                    value = tuple((v.data, v.cut) if isinstance(v, Str) else v for v in value)
                if entries and entries[-1].ev is ev and entries[-1].member == member:
                    touched.append(key)
                    continue
                # As the token is now: what it collects behind this is not of this story.
                base = (token.copy() if token else "head") if begins else None
                entries.append(Entry(ev, member, base, value, self.bound_of(node, member, ev)))
                touched.append(key)
        touched = list(dict.fromkeys(touched))
        story.entries[node.number] = {k: d[k] for k in touched + [k for k in d if k not in touched]}
        return touched

    def arrive_count(self, story, node, ev):
        out, step = [], node.step
        for key in self.remember(story, node, ev):
            entries = story.entries_of(node)[key]
            newest = entries
            if step.distinct:
                newest = [e for i, e in enumerate(entries)
                          if not any(o.value == e.value for o in entries[i + 1:])]
            window = [e for e in newest if step.window is None or ev.ts - e.ev.ts <= step.window]
            for at in range(len(window) - step.count, -1, -1):
                first = window[at]
                if first.base is None:
                    continue
                chosen = [first] + window[len(window) - step.count + 1:]
                token = self.join(node, first.base, chosen, ev)
                if token:
                    out.append(token)
                    break
        return out

    def join(self, node, base, chosen, ev):
        """The token that these events of a count or `all` make; None: the whole takes too long."""
        ids = list(dict.fromkeys(e.ev.id for e in sorted(chosen, key=lambda e: e.ev.number)))
        first = chosen[0].ev if node.kind == "count" else min((e.ev for e in chosen),
                                                              key=lambda e: e.number)
        counted = set(ids) if node.kind == "count" else set()
        evidence = tuple(ids[-EVIDENCE_MAX:])
        if base == "head":
            token = Token(first.id, first.ts, ev.ts, (evidence,), {}, (), counted)
        else:
            token = Token(base.first, base.first_ts, ev.ts, base.evidence + (evidence,),
                          dict(base.bound), base.despite, base.counted | counted)
        for e in chosen:
            token.bound = {**token.bound, **e.bound}
        return token if self.in_whole_time(token.first_ts, ev.ts) else None

    def arrive_all(self, story, node, ev):
        """For each set of members and each tuple the newest: of those that one event makes, the
        one whose events are later, compared from the first on."""
        partial, made, bound = story.partial.setdefault(node.number, {}), {}, self.step_bound(node)

        def offer(members, base, since, entries, values):
            key = (frozenset(members), freeze(values))
            new = Partial(base, since, entries, values)
            if key not in made or new.age() > made[key].age():
                made[key] = new

        for token in story.before(node).values():
            if not self.may_begin(node, token, ev) or not self.in_time(node, token, ev.ts) or \
                    (token and not self.in_whole_time(token.first_ts, ev.ts)):
                continue
            values = token.bound if token else {}
            for m, step in enumerate(node.steps):
                if self.holds(step, ev, values):
                    offer([m], token.copy() if token else None, token.last_ts if token else ev.ts, [ev],
                          {**values, **self.bound_of(node, m, ev)})
        for (members, _), p in partial.items():
            if bound is not None and ev.ts - p.since > bound or \
                    not self.in_whole_time(p.first_ts, ev.ts):
                continue
            for m, step in enumerate(node.steps):
                if m not in members and self.holds(step, ev, p.bound):
                    offer(members | {m}, p.base, p.since, p.entries + [ev],
                          {**p.bound, **self.bound_of(node, m, ev)})
        whole = [k for k in made if len(k[0]) == len(node.steps)]
        out = [self.join_all(made.pop(k), ev)
               for k in sorted(whole, key=lambda k: made[k].age(), reverse=True)]
        self.made = made
        return out

    def keep_partial(self, story, node):
        """What was begun with events that have just been used up replaces nothing."""
        partial = story.partial.setdefault(node.number, {})
        partial.update((k, p) for k, p in self.made.items()
                       if p.first not in self.used and not p.counted & self.counted)
        self.made = {}

    def holds(self, step, ev, bound):
        found = self.matches(step, ev, bound)
        if found is UNKNOWN:
            self.note_blind(ev)
        return found is YES

    @staticmethod
    def join_all(p, ev):
        ids = tuple(e.id for e in p.entries)[-EVIDENCE_MAX:]
        before, despite = (p.base.evidence, p.base.despite) if p.base else ((), ())
        return Token(p.first, p.first_ts, ev.ts, before + (ids,), p.bound, despite, p.counted)

    def place(self, story, node, token, ev):
        token.number, token.numbers = ev.number, self.numbers
        here = story.at(node)
        key = freeze(token.bound)
        old = here.get(key)
        if node.kind == "step" and node.step.collects and old and node.parent and \
                self.may_go_on(node, old, ev.ts):
            # Those that came since the step before are of this story too.
            since = self.numbers[token.evidence[-2][-1]]
            earlier = tuple(i for i in old.evidence[-1] if self.numbers[i] > since)
            token.evidence = token.evidence[:-1] + (
                (earlier + token.evidence[-1])[:EVIDENCE_MAX],)
        here.pop(key, None)
        here[key] = token

    def may_go_on(self, node, token, ts):
        return self.in_whole_time(token.first_ts, ts) and \
            any(self.in_time(child, token, ts) for child in node.children)

    def collect(self, story, node, ev):
        """What comes before the next step is evidence, too, where no token can come any more."""
        for token in story.at(node).values():
            if token.last != ev.id and len(token.evidence[-1]) < EVIDENCE_MAX and \
                    self.may_go_on(node, token, ev.ts) and \
                    self.matches(node.step, ev, token.bound) is YES:
                token.evidence = token.evidence[:-1] + (token.evidence[-1] + (ev.id,),)


def run(rules, tunes, events, machine, blind=None):
    """All findings of a capture, by the time of their last event."""
    runners = [Runner(r, machine, None if blind is None else blind.setdefault(r.name, []))
               for r in rules]
    end = 0
    for ev in events:
        end = max(end, ev.ts)
        machine.tell(ev)
        for r in runners:
            seen = len(r.findings)
            r.pass_time(ev.ts)
            r.copy_key(machine.copied)
            r.event(ev)
            for f in r.findings[seen:]:
                f.tuned = [g for g, preds in tunes if glob(Str(r.rule.name.encode()), g) and
                           f.last_event is ev and
                           any(evaluate(p, ev, machine, {}) is YES for p in preds)]
            r.end_keys(machine.ended)
        machine.forget(ev)
    for r in runners:
        r.pass_time(end, is_end=True)
    found = [f for r in runners for f in r.findings]
    return sorted(found, key=Finding.sort_key), runners
