# SPDX-License-Identifier: BSD-2-Clause
"""What policies become: predicates, steps, and rules whose ways are unfolded into a tree of nodes."""

from schema import EVENT_FIELDS, PROCESS_FIELDS, Field


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


# Unfolding --------------------------------------------------------------------------------------

class Tail:
    """Where a way has come to while it is being unfolded."""

    def __init__(self, node=None, guards=(), unlesses=(), blocks=()):
        self.node, self.guards, self.unlesses = node, tuple(guards), tuple(unlesses)
        self.blocks = tuple(blocks)


def unfold(rule, statements, text):
    def add(tail, kind, steps, within, has_within):
        node = Node(tail.node, kind, steps, tail.guards, [u for u, _ in tail.unlesses],
                    tail.blocks)
        node.within, node.has_within = within, has_within
        if tail.node:
            tail.node.children.append(node)
        node.number = len(rule.nodes)       # statement by statement, as the text has them
        rule.nodes.append(node)
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
