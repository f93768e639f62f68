# SPDX-License-Identifier: BSD-2-Clause
"""Falco's files, slowly: items in their order, lists as text, macros as trees, exceptions."""

import re

import yaml

from falco_fields import field_kind
from falco_filter import BARE, CALLS, TRANSFORMERS, Parser, Rejected, Ref, check_part, check_tree, \
    holds, of
from predicate import UNKNOWN_VALUE, YES

PRIORITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info",
              "informational", "debug")
APPENDED = {"rule": ("condition", "output", "desc", "tags", "exceptions"),
            "macro": ("condition",), "list": ("items",)}
REPLACED = {"rule": APPENDED["rule"] + ("priority", "enabled", "capture", "capture_duration",
                                        "warn_evttypes", "skip-if-unknown-filter"),
            "macro": ("condition",), "list": ("items",)}
COMPARISONS = ("=", "==", "!=", "<", "<=", ">", ">=", "contains", "icontains", "bcontains",
               "startswith", "bstartswith", "endswith", "glob", "iglob", "regex", "in", "intersects",
               "pmatch")


class Loader(yaml.BaseLoader):
    """Scalars are what they are written as; nothing, null and ~ are nothing."""


def scalar(loader, node):
    is_null = node.style is None and node.value in ("", "~", "null", "Null", "NULL")
    return None if is_null else node.value


Loader.add_constructor("tag:yaml.org,2002:str", scalar)


def is_true(value):
    if str(value).lower() in ("true", "yes", "on", "y"):
        return True
    if str(value).lower() in ("false", "no", "off", "n"):
        return False
    raise Rejected(f"{value} is neither true nor false")


class Exception_:
    def __init__(self, raw):
        if not isinstance(raw, dict) or not raw.get("name"):
            raise Rejected("an exception has a name")
        self.name, self.fields = raw["name"], raw.get("fields")
        self.comps, self.values = raw.get("comps"), list(raw.get("values") or [])

    def complete(self):
        if not self.fields:
            raise Rejected(f"the exception {self.name} has no fields")
        if isinstance(self.fields, list):
            self.comps = self.comps or ["="] * len(self.fields)
            if not isinstance(self.comps, list) or len(self.comps) != len(self.fields):
                raise Rejected("as many comparisons as fields")
            comps = self.comps
        else:
            self.comps = self.comps or "in"
            words = str(self.comps).split()
            if words[-1] not in ("oneof", "anyof", "allof") and \
                    self.comps not in ("in", "pmatch", "intersects"):
                raise Rejected("one field is compared with a list")
            comps = [words[0]]
        for c in comps:
            if c.split()[0] not in COMPARISONS:
                raise Rejected(f"there is no comparison {c}")
        for f in self.fields if isinstance(self.fields, list) else [self.fields]:
            if not field_kind(f.split("[")[0]):
                raise Rejected(f"there is no field {f}")
        if isinstance(self.fields, list):
            for row in self.values:
                if not isinstance(row, list) or len(row) != len(self.fields):
                    raise Rejected("as many values as fields")

    def text(self):
        """What goes behind the condition."""
        if not self.values:
            return ""
        if not isinstance(self.fields, list):
            inner = ", ".join(value_text(v) for v in self.values)
            return f" and not {self.fields} {self.comps} ({inner})"
        rows = ["(" + " and ".join(f"{f} {c} {value_text(v)}" for f, c, v in
                                   zip(self.fields, self.comps, row)) + ")"
                for row in self.values]
        return " and not (" + " or ".join(rows) + ")"


def value_text(value):
    if isinstance(value, list):
        return "(" + ", ".join(value_text(v) for v in value) + ")"
    text = str(value)
    if text[:1] in ("(", '"', "'") or BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quoted_item(item):
    text = str(item)
    if re.search(r"\s", text) and text[:1] not in ("'", '"'):
        return '"' + text + '"'
    return text


def with_lists(text, lists):
    """Names of lists give way to their items, wherever they stand alone."""
    for name, items in lists.items():
        pattern = re.compile(r"(?<![^\s(),=])" + re.escape(name) + r"(?![^\s(),=])")
        if items:
            text = pattern.sub(lambda m, t=", ".join(items): t, text)
            continue
        while True:
            found = pattern.search(text)
            if not found:
                break
            before, after = text[:found.start()], text[found.end():]
            if re.match(r"\s*,", after):
                after = re.sub(r"^\s*,", "", after)
            else:
                before = re.sub(r",\s*$", "", before)
            text = before + after
    return text


class Rules:
    def __init__(self):
        self.items, self.rejected, self.error = {}, [], None
        self.rules, self.macros = [], {}

    # Items

    def item(self, raw):
        if not isinstance(raw, dict):
            raise Rejected("an item is a map")
        kind = next((k for k in ("rule", "macro", "list", "required_engine_version",
                                 "required_plugin_versions") if k in raw), None)
        if kind is None:
            raise Rejected("an item of an unknown kind")
        if kind.startswith("required"):
            return
        name = raw[kind]
        if not isinstance(name, str) or not name:
            raise Rejected(f"a {kind} has a name")
        append = is_true(raw.get("append", "false"))
        if append and raw.get("override"):
            raise Rejected("append and override")
        if append:
            self.change(kind, name, raw, {k: "append" for k in APPENDED[kind] if k in raw})
        elif raw.get("override"):
            self.change(kind, name, raw, raw["override"])
        elif kind == "rule" and set(raw) == {"rule", "enabled"}:
            is_true(raw["enabled"])
            self.known(kind, name)["enabled"] = raw["enabled"]
        else:
            self.define(kind, name, raw)

    def known(self, kind, name):
        if (kind, name) not in self.items:
            raise Rejected(f"there is no {kind} {name} yet")
        return self.items[kind, name]

    def define(self, kind, name, raw):
        need = {"rule": ("condition", "output", "desc", "priority"), "macro": ("condition",),
                "list": ("items",)}[kind]
        for key in need:
            if key not in raw or raw[key] is None:
                raise Rejected(f"a {kind} without {key}")
        new = dict(raw)
        if kind == "rule":
            if str(raw["priority"]).lower() not in PRIORITIES:
                raise Rejected(f"there is no priority {raw['priority']}")
            new["exceptions"] = [Exception_(e) for e in raw.get("exceptions") or []]
            for e in new["exceptions"]:
                e.complete()
        if kind == "rule":
            is_true(raw.get("enabled", "true"))
        if kind == "list" and not isinstance(raw["items"], list):
            raise Rejected("the items of a list are a list")
        self.items[kind, name] = new        # of a name that is there: its place stays

    def change(self, kind, name, raw, how):
        old = self.known(kind, name)
        new = dict(old)
        if not how:
            raise Rejected("nothing to append")
        for key, what in how.items():
            allowed = {"append": APPENDED, "replace": REPLACED}.get(what, {}).get(kind, ())
            if key not in allowed or key not in raw:
                raise Rejected(f"{key} cannot be changed by {what}")
            if key == "exceptions":
                new[key] = self.exceptions(old.get(key, []), raw[key], what)
            elif what == "replace":
                new[key] = raw[key]
            elif key in ("items", "tags"):
                new[key] = list(old.get(key) or []) + list(raw[key])
            else:
                new[key] = str(old.get(key, "")) + " " + str(raw[key])
        for key in raw:
            if key in REPLACED[kind] and key not in how:
                raise Rejected(f"{key} is not among what is changed")
        self.items[kind, name] = new

    def exceptions(self, old, raw, what):
        given = [Exception_(e) for e in raw]
        if what == "replace":
            for e in given:
                e.complete()
            return given
        out = []
        for e in old:
            more = [v for g in given if g.name == e.name for v in g.values]
            new = Exception_({"name": e.name, "fields": e.fields, "comps": e.comps,
                              "values": e.values + more})
            new.complete()
            out.append(new)
        for g in given:
            if g.name not in [e.name for e in old]:
                g.complete()
                out.append(g)
        return out

    # What comes of them

    def compile(self):
        lists = {}
        for (kind, name), item in self.items.items():
            if kind == "list":
                out = []
                for i in item["items"]:
                    out += lists[i] if isinstance(i, str) and i in lists else [quoted_item(i)]
                lists[name] = out
        # A macro knows those before it, a rule all of them.
        macros = [i for i in self.items.items() if i[0][0] == "macro"]
        rules = [i for i in self.items.items() if i[0][0] == "rule"]
        for (kind, name), item in macros + rules:
            try:
                text = str(item["condition"])
                if kind == "rule" and item["exceptions"]:
                    text = "(" + text + ")" + "".join(e.text() for e in item["exceptions"])
                tree = Parser(with_lists(text, lists)).parse()
                try:
                    check_tree(tree, self.macros, field_kind)
                except Rejected:
                    if kind == "macro" or not is_true(item.get("skip-if-unknown-filter", "false")):
                        raise
                    continue
                if kind == "macro":
                    self.macros[name] = tree
                elif is_true(item.get("enabled", "true")) and item.get("source", "syscall") == "syscall":
                    output_fields(str(item["output"]))
                    self.rules.append((name, tree, item))
            except Rejected as e:
                self.rejected.append((kind, name, str(e)))


def load(text):
    rules = Rules()
    try:
        raw = yaml.load(text, Loader)
    except yaml.YAMLError as e:
        rules.error = str(e)
        return rules
    if not isinstance(raw, list):
        rules.error = "a file is a list of items"
        return rules
    for i, item in enumerate(raw):
        try:
            rules.item(item)
        except Rejected as e:
            name = next((item[k] for k in ("rule", "macro", "list") if k in item), None) \
                if isinstance(item, dict) else None
            rules.rejected.append((i, name, str(e)))
    rules.compile()
    return rules


# Output ------------------------------------------------------------------------------------------

CALL = re.compile(r"(" + "|".join(CALLS + TRANSFORMERS) + r")\(")
OUTPUT = re.compile(r"%([a-zA-Z]+[a-zA-Z0-9_]*(?:\.[a-zA-Z]+[a-zA-Z0-9_]*)+)(\[[^\]]*\])?")


def call_at(text, at):
    """(a Ref with transformers, or a call; where it ends), or None"""
    if not CALL.match(text, at):
        return None
    parser = Parser(text)
    parser.at = at
    ref = parser.reference(False)
    check_part(ref, field_kind)
    return ref, parser.at


def output_fields(text):
    at = text.find("%")
    while at >= 0:
        found = call_at(text, at + 1)
        if found:
            text = text[:at] + text[found[1]:]
        at = text.find("%", at + (not found))
    for name, _ in OUTPUT.findall(text):
        if not field_kind(name) and name != "container.info":
            raise Rejected(f"there is no field {name} for the output")


def shown(told, ref):
    values, kind = of(ref, told)
    if not values or UNKNOWN_VALUE in values:
        return "<NA>"
    if kind == "bool":
        return "true" if values[0] else "false"
    value = values[0][1] if isinstance(values[0], tuple) else values[0]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def output(text, told):
    text = text.strip()
    if text.startswith("*"):
        text = text[1:]
    out, at = "", 0
    while at < len(text):
        call = call_at(text, at + 1) if text[at] == "%" else None
        field = OUTPUT.match(text, at)
        if call:
            out, at = out + shown(told, call[0]), call[1]
        elif field:
            out += shown(told, Ref(field[1], field[2][1:-1] if field[2] else None))
            at = field.end()
        else:
            out, at = out + text[at], at + 1
    return out


def line(item, told):
    """As Falco prints it: when, how bad, and the output."""
    priority = str(item["priority"]).lower()
    priority = "Informational" if priority.startswith("info") else priority.capitalize()
    when = told.j["time"][11:29]
    return f"{when}: {priority} {output(str(item['output']), told)}"


def run(rules, events, told_of, machine):
    """(rule, ts, event id, output) of all rules that match"""
    number = 0
    for ev in events:
        machine.tell(ev)
        told = told_of(ev, machine, number)
        if told.is_event():
            number += 1
            told.number = number
            for name, tree, item in rules.rules:
                if holds(tree, told, rules.macros) is YES:
                    yield name, ev.ts, ev.id, line(item, told)
        machine.forget(ev)
