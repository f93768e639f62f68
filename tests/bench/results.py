# SPDX-License-Identifier: BSD-2-Clause
"""What bench.py has measured: kept as JSON, and shown as RESULTS.md."""

import json
import os
import platform
import re
import subprocess


def number(value):
    """To read: three digits that count, and thousands apart."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or value == int(value) and abs(value) >= 100:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"


def first(path, pattern, otherwise="?", kind=str):
    """What the pattern's group is in that file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            found = re.search(pattern, f.read(), re.M)
    except OSError:
        return otherwise
    return kind(found.group(1).strip()) if found else otherwise


def own_kib(pid):
    """Memory of a process that is neither a file's nor a ring's, now."""
    return first(f"/proc/{pid}/status", r"^RssAnon:\s*(\d+)", 0, int)


def machine(work):
    """Where this was measured. work: a directory on the disk that was written to."""
    disk = subprocess.run(["df", "-h", "--output=fstype,size", work], check=False,
                          stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1].split()
    return {
        "CPU": f"{os.cpu_count()} x {first('/proc/cpuinfo', r'^model name[^:]*:(.*)')}",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "memory": f"{int(first('/proc/meminfo', r'^MemTotal: *([0-9]+)', '0')) / 2 ** 20:.1f} GiB",
        "disk": "{0}, {1}".format(*disk),
        "system": first("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
        "virtual machine": "yes" if " hypervisor" in first("/proc/cpuinfo", r"^(flags.*)") else "no",
    }


def load(directory):
    try:
        with open(os.path.join(directory, "bench-results.json"), encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def store(directory, kept):
    path = os.path.join(directory, "bench-results.json")
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(kept, f, indent=1)
    os.replace(path + ".new", path)


def _rows(columns, rows):
    """Numbers to the right, words to the left."""
    right = [all(isinstance(r[i], (int, float)) or r[i] in ("", "-") for r in rows) and bool(rows)
             for i in range(len(columns))]
    lines = ["| " + " | ".join(str(c) for c in columns) + " |",
             "|" + "|".join("---:" if r else "---" for r in right) + "|"]
    lines += ["| " + " | ".join(number(v).replace("|", "\\|") for v in row) + " |" for row in rows]
    return lines


def _budgets(results):
    rows = []
    for result in results.values():
        for c in result["checks"]:
            floor = c.get("floor")
            rows.append([c["name"], c["value"], f"{'<=' if c['better'] == 'less' else '>='} "
                         f"{number(c['budget'])}", c["unit"], "holds" if c["holds"] else "**missed**",
                         f"{number(floor[0])}: {floor[1]}" if floor else ""])
    return _rows(["what", "measured", "budget", "unit", "", "the least there is, measured beside it"],
                 rows)


def _section(result):
    before, after = (" ".join(f"{v:.1f}" for v in result[k]) for k in ("load_before", "load_after"))
    lines = [f"## {result['title']}", "",
             f"{result['date']} UTC, {result['took_s']} s, load average {before} before and {after} after"
             + (f"; {number(result['scale'])} times the events" if result["scale"] != 1 else "") + ".",
             ""]
    for table in result["tables"]:
        lines += [f"### {table['title']}", ""]
        if table["commands"]:
            lines += ["\t" + c for c in table["commands"]] + [""]
        if table["rows"]:
            lines += _rows(table["columns"], table["rows"]) + [""]
        if table["notes"]:
            lines += ["- " + note for note in table["notes"]] + [""]
    if result["missing"]:
        lines += ["Not measured:", ""]
        lines += [f"- **{m['tool']}**: {m['why']}" for m in result["missing"]] + [""]
    return lines


def render(path, results):
    """RESULTS.md, of all sections that are kept."""
    machines, tools = {}, {}
    for result in results.values():
        machines.setdefault(json.dumps(result["machine"]), result["machine"])
        tools.update(result["tools"])
    lines = ["# What was measured", "",
             "Written by `make bench`, of what it measured; README.md beside it says how. Figures are "
             "medians, and the span in which all runs lay stands beside them as least..most.", "",
             "## Machine", ""]
    for m in machines.values():
        lines += [f"- {k}: {v}" for k, v in m.items()] + [""]
    versions = ", ".join(f"{k} {v}" for k, v in sorted(tools.items()))
    lines += [f"Versions: {versions or 'no other tool was used'}.", "", "## Budgets", ""] + _budgets(results) + [""]
    for result in results.values():
        lines += _section(result)
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines).rstrip() + "\n")
