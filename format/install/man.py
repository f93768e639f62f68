#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A page of Markdown, as this tree writes them, as a manual page: man.py PAGE.md NAME SECTION "what" """

import re
import sys

SEE_ALSO = ("reel 1", "reel-dump 1", "reel-record 1", "reel-replay 1")


ITEM = re.compile(r" {0,3}([-*]|\d+\.) ")


def escaped(text):
    text = text.replace("\\", "\\e")
    return "\\&" + text if text[:1] in (".", "'") else text


def inline(text):
    """Links lose where they lead to, which is no file here; what is literal is bold."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    parts = re.split(r"(`+[^`]*`+|\*\*[^*]+\*\*)", text)
    out = []
    for i, part in enumerate(parts):
        body = part.replace("\\", "\\e").replace("\\e|", "|")
        out.append("\\fB" + body.strip("`*").strip() + "\\fR" if i % 2 else body)
    text = " ".join("".join(out).split())
    sentences = re.sub(r"([.!?]\)?) ", r"\1\n", text).split("\n")
    return "\n".join("\\&" + x if x[:1] in (".", "'") else x for x in sentences)


def blocks(lines):
    """(kind, lines) of what belongs together."""
    at = 0
    while at < len(lines):
        line = lines[at]
        begin = at
        if line.startswith("```"):
            at += 1
            while at < len(lines) and not lines[at].startswith("```"):
                at += 1
            yield "literal", lines[begin + 1:at]
            at += 1
        elif re.match(r"\t| {4,}\S", line):
            while at < len(lines) and (re.match(r"\t| {4}", lines[at]) or not lines[at].strip()):
                at += 1
            body = lines[begin:at]
            while not body[-1].strip():
                body.pop()
            yield "literal", [re.sub(r"^(\t| {4})", "", x) for x in body]
        elif line.startswith("#"):
            at += 1
            yield "heading", [line]
        elif line.startswith("|"):
            while at < len(lines) and lines[at].startswith("|"):
                at += 1
            yield "table", lines[begin:at]
        elif ITEM.match(line):
            at += 1
            while at < len(lines) and re.match(r" +\S", lines[at]) and not ITEM.match(lines[at]):
                at += 1
            yield "item", [re.sub(r"^\s*([-*]|\d+\.) +", "", " ".join(x.strip() for x in lines[begin:at]))]
        elif not line.strip():
            at += 1
        else:
            at += 1
            while at < len(lines) and lines[at].strip() and not re.match(r"[#|\t]|```| {0,3}([-*]|\d+\.) ",
                                                                         lines[at]):
                at += 1
            yield "text", lines[begin:at]


def cells(row):
    return [c.strip() for c in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def table(rows):
    head, body = cells(rows[0]), [cells(r) for r in rows[2:]]
    yield ".Bl -tag -width Ds"
    if any(head):
        body.insert(0, head)
    for row in body:
        yield ".It \\&" + (" ".join(inline(row[0]).split("\n")) or " ")
        yield inline("; ".join(c for c in row[1:] if c)) or "\\&"
    yield ".El"


def page(lines):
    in_items = after_heading = False
    for kind, body in blocks(lines):
        if in_items and kind != "item":
            yield ".El"
            in_items = False
        if kind == "heading":
            depth = len(body[0]) - len(body[0].lstrip("#"))
            title = inline(body[0].lstrip("# ")).replace("\n", " ")
            if depth > 1:
                yield (".Sh " if depth == 2 else ".Ss ") + (title.upper() if depth == 2 else title)
        elif kind == "literal":
            yield ".Bd -literal -offset indent"
            yield from (escaped(x.expandtabs(8)) or "\\&" for x in body)
            yield ".Ed"
        elif kind == "table":
            yield from table(body)
        elif kind == "item" and body[0].startswith("[") and body[0].endswith(")") and "](#" in body[0]:
            continue  # of the table of contents
        elif kind == "item":
            if not in_items:
                yield ".Bl -bullet"
            in_items = True
            yield ".It"
            yield inline(body[0])
        else:
            if not after_heading:
                yield ".Pp"
            yield inline(" ".join(body))
        after_heading = kind == "heading"
    if in_items:
        yield ".El"


def main():
    path, name, section, what = sys.argv[1:]
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    print(f""".\\" Made from {path.split("/")[-1]}.
.Dd November 30, 2026
.Dt {name.upper()} {section}
.Os
.Sh NAME
.Nm {name}
.Nd {what}
.Sh DESCRIPTION""")
    print("\n".join(page(lines)))
    print(".Sh SEE ALSO")
    print(" ,\n".join(".Xr " + x for x in SEE_ALSO))


main()
