# SPDX-License-Identifier: BSD-2-Clause
"""Verdicts: POLICIES.md section 12, as far as losses, cuts, coverage and folds go."""

from schema import EVENT_FIELDS, PROCESS_FIELDS, TYPES
from text import SECOND

PRIVILEGES = {"uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid", "user", "mnt_ns",
              "pid_ns", "net_ns", "user_ns", "uts_ns", "ipc_ns", "cgroup_ns", "seccomp_mode",
              "no_new_privs", "cap_effective", "cap_permitted", "cap_inheritable", "cap_bounding",
              "cap_ambient", "root"}
# What tells which process is which.
KEY_TYPES = {"fork", "exit", "setsid"}
NOT_THERE = ("not wanted", "not there", "refused")


def leaves(pred):
    if pred.op in ("and", "or"):
        return [x for p in pred.parts for x in leaves(p)]
    if pred.op == "not":
        return leaves(pred.part)
    if pred.op == "true":
        return []
    return [pred.left] + ([pred.right] if pred.op == "cmp" and pred.right else [])


def process_refs(rule):
    """The fields that a rule reads of processes."""
    for s in rule.all_steps():
        for ref in leaves(s.pred) + ([s.distinct] if s.distinct else []):
            own = any(ref.name in t.fields or ref.name in EVENT_FIELDS for t in s.types)
            if ref.scope in ("parent", "ancestor") or (not own and ref.name in PROCESS_FIELDS):
                yield ref


def reads_process(rule):
    return any(True for _ in process_refs(rule))


def classes_of(rule):
    """The classes of events that a rule reads: by its steps, its fields and its key."""
    out = set()
    for s in rule.all_steps():
        out |= {t.class_name for t in s.types}
    for ref in process_refs(rule):
        out.add("process")
        if ref.name in PRIVILEGES:
            out.add("priv")
    if any(len(n.way()) > 1 or n.kind != "step" for n in rule.nodes):
        if rule.key in ("family", "process", "container", "user"):
            out.add("process")
        if rule.key == "user":
            out.add("priv")
    return out


def reach(rule):
    """What its bounds allow behind the end of a gap; None: for ever."""
    if rule.has_within:
        return rule.within
    longest = 0
    for end in rule.ends():
        total = 0
        for i, n in enumerate(end.way()):
            bounds = [(n.within if n.has_within else 30 * SECOND) if i or n.kind == "all" else 0]
            bounds += [n.step.window] if n.kind == "count" else []
            if None in bounds:
                return None
            total += sum(bounds)
        longest = max(longest, total + max([w for _, w in end.after], default=0))
    return longest


def never_seen(events):
    """Types that were recorded at no moment."""
    state = {}
    for e in events:
        if e.type.name == "coverage":
            for name in e.json.get("types", "").split():
                if name in TYPES and e.json["status"] in NOT_THERE + ("loaded", "partly"):
                    state.setdefault(name, set()).add(e.json["status"] in NOT_THERE)
    return {name for name, seen in state.items() if seen == {True}}


def verdicts(rules, events, found, blind):
    out = []
    last = max((e.ts for e in events), default=0)
    missing = never_seen(events)
    for rule in rules:
        classes, behind = classes_of(rule), reach(rule)
        gaps = []

        def gap(begin, end, why):
            gaps.append((begin, last if behind is None else min(last, end + behind), why))

        for e in events:
            if e.type.name == "lost" and e.json["lost_class"] in classes:
                gap(e.json["first"], e.json["last"], "lost")
            folds = [s for s in rule.all_steps() for t in s.types if t.name in ("read", "write")]
            if e.type.name == "fold" and folds:
                gap(e.json["first"], e.json["last"], "folded")
        for begin, end, _ in blind.get(rule.name, []):
            gap(begin, end, "not known")
        possible = [end for end in rule.ends()
                    if not any(all(t.name in missing for t in s.types)
                               for n in end.way() for s in (n.steps if n.kind == "all"
                                                            else n.steps[:1]))]
        hits = [j for j in found if j["finding"] == rule.name and not j.get("suppressed")]
        # An unless that is not seen hides nothing that is not found.
        some_missing = any(t.name in missing for n in rule.nodes for s in n.steps for t in s.types)
        some_missing |= "process" in classes and bool(missing & KEY_TYPES)
        some_missing |= reads_process(rule) and "exec" in missing
        if hits:
            verdict = "hit"
        elif not possible:
            verdict = "not evaluable"
        elif gaps or some_missing:
            verdict = "clean except"
        else:
            verdict = "clean"
        j = {"verdict": verdict, "rule": rule.name}
        if hits:
            j["count"] = len(hits)
            j["despite"] = any("despite" in h for h in hits)
        if gaps:
            j["except"] = sorted(set(gaps))
        out.append(j)
    return out
