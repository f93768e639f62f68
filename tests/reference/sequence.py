# SPDX-License-Identifier: BSD-2-Clause
"""Tokens on their ways: POLICIES.md sections 7 to 11. Slow, and as the text says it.

A token stands at a node of the rule's tree, one for each tuple of bound values; on the way through an
`all` one for each set of members that have come. A count remembers every event that may still be
counted, each with the token that stood before the node when it came.
"""

from predicate import (UNKNOWN, UNKNOWN_VALUE, YES, Str, either, evaluate, glob, step_matches,
                       values_of)
from text import SECOND

EVIDENCE_MAX = 64


class Token:
    def __init__(self, first, first_ts, last_ts, evidence, bound, despite=(), counted=()):
        self.first, self.first_ts, self.last_ts = first, first_ts, last_ts
        self.evidence = evidence        # a tuple of event ids for each step
        self.bound = bound
        self.last = evidence[-1][-1]
        self.since = last_ts                    # in an `all`: what its bound counts from
        self.blocked = set()            # numbers of the nodes that it may not go to any more
        self.despite = tuple(despite)
        self.counted = frozenset(counted)       # what its counts have counted

    def copy(self):
        new = Token(self.first, self.first_ts, self.last_ts, self.evidence, self.bound,
                    self.despite, self.counted)
        new.blocked, new.last, new.since = set(self.blocked), self.last, self.since
        return new


class Entry:
    """An event that a count may use. BASE: the token before, "head", or None: it cannot be first."""

    def __init__(self, ev, base, value):
        self.ev, self.base, self.value = ev, base, value


def freeze(bound):
    return tuple(sorted(((k, tuple(v)) for k, v in bound.items()), key=str))


class Story:
    """All tokens of one rule and key."""

    def __init__(self):
        self.tokens = {}        # by node's number: {tuple: token}
        self.partial = {}       # of `all`, by node's number: {(members, tuple): token}
        self.entries = {}       # of counts, by node's number: {tuple of the token before: [entry]}
        self.pending = []       # (token, node, deadlines, its last event)

    def copy(self):
        new = Story()
        new.tokens = {n: {k: t.copy() for k, t in ts.items()} for n, ts in self.tokens.items()}
        new.partial = {n: {k: t.copy() for k, t in ts.items()} for n, ts in self.partial.items()}
        new.entries = {n: {k: list(es) for k, es in d.items()} for n, d in self.entries.items()}
        return new

    def at(self, node):
        return self.tokens.setdefault(node.number, {})

    def before(self, node):
        """The tokens from which NODE may be reached; None stands for the beginning."""
        return self.at(node.parent) if node.parent else {(): None}

    def entries_of(self, node):
        return self.entries.setdefault(node.number, {})

    def use_up(self, used):
        """What a finding has used up: its first event, and the events that it counted."""
        def is_gone(token):
            return token.first == used.first or token.counted & used.counted

        for d in list(self.tokens.values()) + list(self.partial.values()):
            for k in [k for k, t in d.items() if is_gone(t)]:
                del d[k]
        for d in self.entries.values():
            for k in d:
                d[k] = [e for e in d[k] if e.ev.id not in used.counted and
                        e.ev.id != used.first and
                        not (isinstance(e.base, Token) and is_gone(e.base))]
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
                    token, node, _, last = story.pending[0]
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
                story.tokens, story.partial, story.entries, story.pending = {}, {}, {}, []
            elif found is UNKNOWN:
                for d in story.tokens.values():
                    for t in d.values():
                        t.despite += (ev.id,)
        for node in rule.nodes:
            if not node.parent:
                continue
            partial = story.partial.get(node.number, {})
            for k in [k for k, t in partial.items() if YES in [
                    self.matches(s, ev, t.bound) for s in node.unlesses]]:
                del partial[k]
            for key, token in story.at(node.parent).items():
                self.stop(story, node, key, token, ev)
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
        if unless is YES or guard is YES:
            token.blocked.add(node.number)
        elif UNKNOWN in (unless, guard):
            token.despite += (ev.id,)

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
        found = getattr(self, "arrive_" + node.kind)(story, node, ev)
        # Where several would be of one story, or stand in one place, the newest counts. It is the
        # last to be placed, and the first to be found.
        return sorted(found, key=self.age, reverse=node.is_end)

    def age(self, token):
        return [self.numbers[i] for ids in reversed(token.evidence) for i in reversed(ids)]

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

    def arrive_count(self, story, node, ev):
        out, step = [], node.step
        d, before = story.entries_of(node), story.before(node)
        for key in list(dict.fromkeys([*d, *before])):
            found = self.matches(step, ev, {k: list(v) for k, v in key})
            if found is UNKNOWN:
                self.note_blind(ev)
            value = tuple(values_of(step.distinct, ev, self.machine, {})) if step.distinct else ()
            if ev.id in self.counted:
                continue        # used up by what it has just completed
            if found is not YES or (step.distinct and (not value or UNKNOWN_VALUE in value)):
                continue
            token = before.get(key)
            begins = key in before and self.may_begin(node, token, ev) and \
                self.in_time(node, token, ev.ts)
            # Each value by its newest event.
            entries = d[key] = [e for e in d.get(key, []) if not value or e.value != value]
            base = (token.copy() if token else "head") if begins else None
            entries.append(Entry(ev, base, value))
            window = [e for e in entries if step.window is None or ev.ts - e.ev.ts <= step.window]
            for at in range(len(window) - step.count, -1, -1):
                if window[at].base is None:
                    continue
                chosen = [window[at]] + window[len(window) - step.count + 1:]
                token = self.count(node, chosen, ev)
                if token:
                    out.append(token)
                    break
        return out

    def count(self, node, chosen, ev):
        """The token that these events make; None: the whole takes too long."""
        ids = tuple(e.ev.id for e in chosen)
        counted = set(ids)
        evidence, base = ids[-EVIDENCE_MAX:], chosen[0].base
        if base == "head":
            first = chosen[0].ev
            token = Token(first.id, first.ts, ev.ts, (evidence,), {}, (), counted)
        else:
            token = Token(base.first, base.first_ts, ev.ts, base.evidence + (evidence,),
                          base.bound, base.despite, base.counted | counted)
        return token if self.in_whole_time(token.first_ts, ev.ts) else None

    def arrive_all(self, story, node, ev):
        """The sets with most members first, so that an event adds one member to each."""
        out, everybody = [], frozenset(range(len(node.steps)))
        partial = story.partial.setdefault(node.number, {})
        before = [(members, t) for (members, _), t in partial.items()]
        before += [(frozenset(), t) for t in story.before(node).values()]
        for size in range(len(everybody) - 1, -1, -1):
            new = []
            for members, token in before:
                if len(members) == size:
                    new += self.add_member(node, members, token, ev)
            for members, token in sorted(new, key=lambda n: self.age(n[1])):
                if members == everybody:
                    out.append(token)
                else:
                    partial[members, freeze(token.bound)] = token
        return out

    def add_member(self, node, members, token, ev):
        """(members, token) of each that the event adds to this set."""
        if not members and not self.may_begin(node, token, ev):
            return
        limit = self.step_bound(node)
        since = (token.last_ts if token else ev.ts) if not members else token.since
        if (limit is not None and ev.ts - since > limit) or \
                (token and not self.in_whole_time(token.first_ts, ev.ts)):
            return
        for m, step in enumerate(node.steps):
            if m in members:
                continue
            bound = token.bound if token else {}
            found = self.matches(step, ev, bound)
            if found is UNKNOWN:
                self.note_blind(ev)
            if found is not YES:
                continue
            bound = {**bound, **self.bound_of(node, m, ev)}
            if not token:
                new = Token(ev.id, ev.ts, ev.ts, ((ev.id,),), bound)
            else:
                evidence = token.evidence + ((ev.id,),)
                if members:
                    evidence = token.evidence[:-1] + (token.evidence[-1] + (ev.id,),)
                new = Token(token.first, token.first_ts, ev.ts, evidence, bound, token.despite,
                            token.counted)
            new.since = since
            yield members | {m}, new

    def place(self, story, node, token, ev):
        here = story.at(node)
        key = freeze(token.bound)
        old = here.get(key)
        if node.kind == "step" and node.step.collects and node.parent and old:
            # Those that came since the step before are of this story too.
            since = self.numbers[token.evidence[-2][-1]]
            earlier = tuple(i for i in old.evidence[-1] if self.numbers[i] > since)
            token.evidence = token.evidence[:-1] + (
                (earlier + token.evidence[-1])[:EVIDENCE_MAX],)
        here[key] = token

    def collect(self, story, node, ev):
        """What comes before the next step is evidence, too, where no token can come any more."""
        for token in story.at(node).values():
            if token.last != ev.id and len(token.evidence[-1]) < EVIDENCE_MAX and \
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
