# SPDX-License-Identifier: BSD-2-Clause
"""Random rules of Sigma and Falco, and tales of events that they are about."""

import base64

import yaml

import foreign
from foreign import quoted

# What is in arguments and names: both cases, what patterns mean something by, nothing.
WORDS = ["a", "A", "ab", "aB*", "a?b", "a\\b", "\\", "-x", "/x", "-X y", "", "foo", "Foo.sh", "10",
         "9", "0", "b\nc", "foobar", "a*", "\\*", "x", "xa", "[a]", "true", "d.d"]
# What getopt() finds something in.
OPTIONS = ["-n", "-t", "-tx", "-nt", "-x", "--", "-", "--long", "a", "-nx", "-tfoo", "", "foo", "-t:"]
PATHS = ["/a", "/A", "/tmp/a", "/tmp/A*b", "/Tmp/x.sh", "/etc/x.sh", "/etc/a?b", "/etc/a\\b", "/tmp/d"]
EXES = ["/bin/sh", "/bin/x", "/tmp/a", "/Bin/X", "/usr/bin/averyverylongname"]
ADDRS = ["10.0.0.1", "10.1.2.3", "192.0.2.1", "2001:db8::1", "::1", "127.0.0.1"]
NETS = ["10.0.0.0/8", "10.0.0.0/15", "192.0.2.0/24", "2001:db8::/32", "2000::/3", "0.0.0.0/0", "::1/128",
        "10.1.2.3/32", "127.0.0.0/8"]
PORTS = [0, 22, 80, 443, 8080, 4433]
NAMES = ["a.example", "A.example", "foo.test", "d.d", "x"]


class Tales:
    def __init__(self, rng, for_sigma=True):
        self.rng, self.lines, self.t, self.next_pid = rng, [], 1.0, 200
        self.for_sigma = for_sigma
        self.pids = [100, 101, 102]

    def make(self, n):
        r = self.rng
        self.lines = [
            "0 1 process exe=/sbin/init argv=(init)",
            "0 90 process ppid=1 exe=/bin/sh uid=5 cwd=/srv argv=(sh,-i) loginuid=5 tty=34816",
            f"0 100 process ppid=90 exe=/bin/sh uid=5 argv=({self.word()}) cwd=/tmp/a",
            f"0 101 process ppid=100 exe=/bin/x uid=0 argv=(x,{self.word()}) cwd=/",
            "0 102 process ppid=101 exe=/tmp/a uid=7 argv=(a)", "0 - account kind=user account_id=5 name=foo",
            "0 - account kind=user account_id=0 name=root"]
        if r.random() < 0.3:
            self.lines += ["0 103 process ppid=1 cgroup=7 exe=/bin/sh argv=(sh) uid=5 cwd=/",
                           "0 - container cgroup=7 container_id=c0ffee00112233445566 name=box "
                           "image=d.d/foo:1"]
            self.pids.append(103)
        if r.random() < 0.1 and self.for_sigma:
            self.pids.append(150)       # nobody has told of it
        kinds = {"exec": 8, "open": 6, "connect": 5, "rename": 1, "unlink": 2, "fork": 1.5,
                 "exit": 0.5, "setuid": 0.7, "chmod": 1, "mknod": 0.5, "personality": 0.5,
                 "write": 1, "symlink": 0.7, "accept": 1, "syslog": 0.3}
        kinds["dns"] = 3
        for _ in range(n):
            self.t += r.choice([0, 0.125, 0.25, 1, 1, 40] if self.for_sigma else [0, 0.25, 1])
            pid = r.choice(self.pids)
            kind = r.choices(list(kinds), list(kinds.values()))[0]
            line = getattr(self, kind)(r, pid)
            if line:
                self.lines.append(f"{self.t:g} {pid} {line}")
        return "\n".join(self.lines) + "\n"

    def word(self):
        return quoted(self.rng.choice(WORDS))

    def path(self):
        return quoted(self.rng.choice(PATHS))

    def exec(self, r, pid):
        args = ",".join([r.choice(["sh", "x", '"/bin/x"', self.word()])] + (
            [quoted(r.choice(OPTIONS)) for _ in range(r.randint(0, 4))]
            if not self.for_sigma and r.random() < 0.4 else
            [self.word() for _ in range(r.randint(0, 3))]))
        more = r.choice(["", "", " memfd=true", " comm=" + r.choice(["foo", "Foo.sh", '"a b"'])])
        exe = r.choice(["", "", " exe=/bin/x"]) + f" cwd={r.choice(['/', '/srv', '/tmp/a'])}"
        return f"exec path={r.choice(EXES)}{exe} argv=({args}){more}"

    def open(self, r, pid):
        flags = r.choice(["O_RDONLY", "O_RDONLY", "O_CREAT|O_WRONLY", "O_RDWR|O_TRUNC",
                          "O_WRONLY|O_CREAT|O_TRUNC", "O_RDONLY|O_DIRECTORY"])
        created = r.choice(["yes", "no"]) if "O_CREAT" in flags else "no"
        ret = r.choice(["", "", "", " ret=-ENOENT created=no", " ret=-EACCES created=no"])
        arg = r.choice(["", "", " path_arg=" + self.path()])
        return f"{r.choice(['open', 'openat', 'creat'])} path={self.path()}{arg} flags={flags}" + \
            (ret or f" created={created}")

    def connect(self, r, pid):
        if r.random() < 0.15:
            return "connect family=AF_UNIX unix_path=" + self.path()
        addr = r.choice(ADDRS)
        local = r.choice(["2001:db8::9", "::1"]) if ":" in addr else r.choice(["10.0.0.9", "127.0.0.1"])
        ret = r.choice(["", "", " ret=-EINPROGRESS", " ret=-ECONNREFUSED"])
        return (f"connect addr={addr} port={r.choice(PORTS)} laddr={local} lport={r.choice(PORTS)} "
                f"sock_type={r.choice(['SOCK_STREAM', 'SOCK_DGRAM'])}{ret}")

    def accept(self, r, pid):
        return (f"{r.choice(['accept', 'accept4'])} addr={r.choice(ADDRS[:3])} port={r.choice(PORTS)} "
                f"laddr=10.0.0.9 lport={r.choice(PORTS)} sock_type=SOCK_STREAM")

    def rename(self, r, pid):
        return f"rename oldpath={self.path()} path={self.path()}"

    def unlink(self, r, pid):
        return f"{r.choice(['unlink', 'unlinkat'])} path={self.path()}" + r.choice(["", " ret=-ENOENT"])

    def symlink(self, r, pid):
        return f"symlink link_target={self.path()} path={self.path()}"

    def fork(self, r, pid):
        child, self.next_pid = self.next_pid, self.next_pid + 1
        self.pids.append(child)
        return f"fork child={child}"

    def exit(self, r, pid):
        if len(self.pids) < 4:
            return None
        self.pids.remove(pid)
        return "exit"

    def setuid(self, r, pid):
        return f"setuid uid={r.choice([0, 5, 7])}"

    def chmod(self, r, pid):
        return f"chmod path={self.path()} mode={r.choice(['04755', '0644', '02755', '01777'])}"

    def mknod(self, r, pid):
        return f"mknod path={self.path()} mode=0010600"

    def personality(self, r, pid):
        return f"personality persona={r.choice(['0x40000', '0x10', '10', '0'])}"

    def syslog(self, r, pid):
        return f"syslog action={r.choice([4, 5, 10])}"

    def dns(self, r, pid):
        return foreign.dns(r.choice(NAMES), *r.sample(ADDRS, r.randint(1, 2)))

    def write(self, r, pid):
        return f"write fd=1 path={self.path()} content={self.word()}"


# Sigma -------------------------------------------------------------------------------------------

FIELDS = {
    "process_creation": {"Image": EXES, "CommandLine": None, "ParentImage": EXES,
                         "ParentCommandLine": None, "User": ["foo", "root"], "CurrentDirectory": PATHS,
                         "LogonId": [5, 0], "ParentUser": ["foo", "root"],
                         "UtcTime": ["2023-11-14 22:13:2*", "*:13:*"]},
    "file_event": {"TargetFilename": PATHS, "Image": EXES},
    "network_connection": {"DestinationIp": ADDRS, "DestinationPort": PORTS, "Image": EXES,
                           "Initiated": ["true", True, "false"], "SourcePort": PORTS,
                           "SourceIp": ADDRS, "DestinationHostname": NAMES,
                           "UtcTime": ["2023-11-14 22:13:2*", "*:13:*"]},
    "EXECVE": {"a0": None, "a1": None, "a2": None, "a3": None},
    "PATH": {"name": PATHS, "nametype": ["CREATE", "NORMAL", "normal"]},
    "SYSCALL": {"exe": EXES, "comm": ["x", "sh", "foo", "averyverylongna"], "uid": [0, 5, 7], "euid": [0, 5],
                "a0": [40000, 10, "a", 4]},
}


# Second 0 of a tale is 2023-11-14 22:13:20, in week 46.
PARTS = {"minute": [13, 14, 15, 20], "hour": [21, 22, 23], "day": [14, 15], "week": [45, 46],
         "month": [11, 12], "year": [2023, 2024]}


class SigmaRules:
    def __init__(self, rng):
        self.rng = rng

    def mutate(self, word):
        """A value that may well fit the word: a part of it, wildcards, escapes."""
        r = self.rng
        text = word
        if r.random() < 0.6:        # what has a meaning is escaped, mostly
            text = "".join("\\" + c if c in "*?\\" and r.random() < 0.8 else c for c in text)
        for _ in range(r.choice([0, 0, 1, 1, 2])):
            i = r.randint(0, len(text))
            kind = r.choice(["*", "?", "cut", "*", "\\", "\\*", "\\\\", "case", "?for", "*for"])
            if kind == "cut":
                text = text[:i]
            elif kind == "case":
                text = text[:i] + text[i:].swapcase()
            elif kind in ("?for", "*for"):
                text = text[:i] + kind[0] + text[i + r.randint(1, 2):]
            else:
                text = text[:i] + kind + text[i:]
        return text

    def line(self):
        r = self.rng
        return " ".join(r.choice(WORDS) for _ in range(r.randint(1, 3)))

    def value(self, choices, modifiers):
        r = self.rng
        if set(modifiers) & set(PARTS):
            return r.choice(PARTS[[m for m in modifiers if m in PARTS][0]])
        word = r.choice(choices) if choices else r.choice(WORDS) if r.random() < 0.6 else self.line()
        if "re" in modifiers:
            text = str(word)
            out = "".join("\\" + c if c in "*?\\[](){}.+|^$/" and c != "/" else c for c in text[:8])
            out = out.replace("a", r.choice(["a", "[a-c]", "a+", "(a|b)", "."]), 1)
            return r.choice(["", "", "^"]) + out + r.choice(["", "", "$", ".*"])
        if set(modifiers) & {"lt", "lte", "gt", "gte"}:
            return r.choice([0, 5, 9, 10, 80, 443, 8080])
        if "cidr" in modifiers:
            return r.choice(NETS)
        if "exists" in modifiers:
            return r.random() < 0.5
        if set(modifiers) & {"base64", "base64offset"}:
            return r.choice(["foobar", "ab", "foo", "Foo.sh"])
        if not isinstance(word, str):
            return word if r.random() < 0.7 else str(word)
        if word.isdigit() and r.random() < 0.3:
            return int(word)
        if "windash" in modifiers and len(word) > 6:
            word = word[:6]
        return self.mutate(word)

    def modifiers(self, field):
        r = self.rng
        if field in ("DestinationIp", "SourceIp") and r.random() < 0.5:
            return ["cidr"]
        if field in ("DestinationPort", "SourcePort", "LogonId", "uid", "a1", "a2") and r.random() < 0.25:
            return [r.choice(["lt", "lte", "gt", "gte"])]
        if field == "UtcTime" and r.random() < 0.6:
            return [r.choice(list(PARTS))] + r.choice([[], [], ["lt"], ["lte"], ["gt"], ["gte"]])
        roll = r.random()
        if roll < 0.3:
            return []
        if roll < 0.72:
            out = [r.choice(["contains", "startswith", "endswith"])]
            if r.random() < 0.15:
                out.insert(r.randint(0, 1), r.choice(["cased", "windash"]))
            return out
        if roll < 0.84:
            return ["re"] + [m for m in "ims" if r.random() < 0.2]
        return r.choice([["cased"], ["exists"], ["windash"], ["base64offset", "contains"],
                         ["base64", "contains"], ["fieldref"], ["windash", "contains"],
                         ["fieldref", r.choice(["startswith", "endswith", "contains"])]])

    def item(self, fields):
        r = self.rng
        field = r.choice(list(fields))
        if r.random() < 0.06:
            return field, None if r.random() < 0.6 else ""
        modifiers = self.modifiers(field)
        if "fieldref" in modifiers:
            others = [f for f in fields if f not in (field, "name")]
            if not others or field == "nametype" and len(modifiers) > 1:
                return field, r.choice(fields[field] or WORDS)
            value = r.choice(others)
            if r.random() < 0.2:
                modifiers.append("neq")
            return field + "|" + "|".join(modifiers), value
        n = r.choice([1, 1, 2, 3]) if "exists" not in modifiers else 1
        values = [self.value(fields[field], modifiers) for _ in range(n)]
        if n > 1 and r.random() < 0.25:
            modifiers.append("all")
        if r.random() < 0.1 and "exists" not in modifiers:
            modifiers.append("neq")
        return "|".join([field] + modifiers), values if n > 1 or r.random() < 0.2 else values[0]

    def selection(self, source):
        r = self.rng
        if source == "linux":
            return self.keywords()
        kind = source
        out = {}
        if source == "auditd":
            kind = r.choices(["EXECVE", "PATH", "SYSCALL"], [5, 3, 2])[0]
            out["type"] = kind if r.random() < 0.8 else kind.lower()
            if kind == "SYSCALL":
                out["SYSCALL"] = r.choice(["execve", ["execve", "mknod"], "personality", "syslog"])
        for _ in range(r.choice([1, 1, 2, 3])):
            key, value = self.item(FIELDS[kind])
            out[key] = value
        return out

    def word(self):
        return self.mutate(self.rng.choice([w for w in WORDS + PATHS + NAMES if len(w) > 1])) or "foo"

    def keywords(self):
        r = self.rng
        values = [self.word() for _ in range(r.choice([1, 2, 3]))]
        if r.random() < 0.15:
            values.append(r.choice([10, 9, 0, 443]))
        values = values or ["foo"]
        if len(values) > 1 and r.random() < 0.3:
            return {"|all": values}
        return values

    def selections(self, source):
        r = self.rng
        if r.random() < 0.12:       # beside fields, or in a list with them
            return self.keywords() if r.random() < 0.7 else [self.selection(source), self.word()]
        if r.random() < 0.15 and source != "linux":
            return [self.selection(source) for _ in range(2)]
        return self.selection(source)

    def condition(self, names, depth):
        r = self.rng
        if depth == 0 or r.random() < 0.35:
            roll = r.random()
            if roll < 0.7:
                return r.choice(names)
            return r.choice(["1 of", "all of", "any of"]) + " " + r.choice(["s*", "s_a*", "*", "them", "s_*"])
        if r.random() < 0.25:
            return "not " + self.group(names, depth)
        return f" {r.choice(['and', 'or', 'and', 'AND'])} ".join(
            self.group(names, depth) for _ in range(r.randint(2, 3)))

    def group(self, names, depth):
        inner = self.condition(names, depth - 1)
        return f"({inner})" if " " in inner else inner

    def rule(self, title):
        r = self.rng
        source = r.choices(["process_creation", "file_event", "network_connection", "auditd", "linux"],
                           [5, 2, 3, 4, 1])[0]
        names = ["s_a", "s_ab", "sel_c", "_d"][:r.randint(1, 4)]
        detection = {n: self.selections(source) for n in names}
        if not any(n.startswith("s_a") for n in names):
            detection["s_a"] = self.selections(source)
        detection["condition"] = self.condition(names, r.randint(0, 2))
        if source == "auditd":      # of which records nobody asks, and what of them, is not said
            detection["g"] = [{"type": "EXECVE"}, {"type": "PATH"},
                              {"type": "SYSCALL", "SYSCALL": ["execve", "mknod", "personality", "syslog"]}]
            detection["condition"] = f"g and ({detection['condition']})"
        if r.random() < 0.1 and source != "auditd":
            detection["condition"] = [detection["condition"], r.choice(names)]
        where = {"service": "auditd"} if source == "auditd" else \
            {} if source == "linux" else {"category": source}
        return {"title": title, "logsource": {"product": "linux", **where}, "detection": detection}

    def file(self, n):
        of = Correlations(self.rng).documents(n // 4)
        return yaml.safe_dump_all([self.rule(f"r{i}") for i in range(n - len(of))] + of,
                                  sort_keys=False, allow_unicode=True)


class Correlations:
    """Rules, of which an event may be two, and correlations of them, and of those."""

    def __init__(self, rng):
        self.rng, self.docs = rng, []

    def documents(self, n):
        r = self.rng
        kind, fields, bases = r.choice([
            ("process_creation", ["Image", "User", "CommandLine", "CurrentDirectory"],
             [{"Image|cased": exe} for exe in EXES] + [{"Image|contains": "/"}]),
            ("network_connection", ["Image", "User", "DestinationIp", "DestinationPort",
                                    "DestinationHostname"],
             [{"DestinationPort": port} for port in PORTS] + [{"DestinationPort|gte": 0}]),
            ("file_event", ["Image", "User", "TargetFilename"],
             [{"TargetFilename|endswith": p, "TargetFilename|cased": "*" + p} for p in
              ("/a", "b", ".sh", "d")])])
        self.fields = fields
        self.number = "DestinationPort" if "DestinationPort" in fields else "ProcessId"
        for i, selection in enumerate(r.sample(bases, min(len(bases), 4))):
            self.docs.append({"title": f"base{i}", "name": f"base{i}",
                              "logsource": {"product": "linux", "category": kind},
                              "detection": {"s": selection, "condition": "s"}})
        self.names = [d["name"] for d in self.docs]
        self.goes_on = list(self.names)     # what another correlation can be of
        while len(self.docs) < n:
            self.add(f"c{len(self.docs)}")
        return self.docs

    def add(self, name):
        r = self.rng
        how = r.choice(["event_count", "event_count", "value_count", "value_sum", "value_avg",
                        "value_percentile", "temporal", "temporal_ordered"])
        is_chain = len(self.goes_on) > len(self.names) and r.random() < 0.5
        rules = r.sample(self.goes_on if is_chain else self.names, r.randint(1, 3))
        c = {"type": how, "rules": rules, "timespan": r.choice(["1s", "3s", "10s", "1m", "5m"]),
             "group-by": r.sample(self.fields, r.choice([0, 1, 1, 2]))}
        if how.startswith("temporal"):
            rules += r.sample(rules, r.choice([0, 0, 0, 1]))
            if r.random() < 0.3:
                c["condition"] = {"gte": len(rules)}
        else:
            c["condition"] = self.condition(how)
        doc = {"title": name, "name": name, "correlation": c}
        if r.random() < 0.6:
            c["generate"] = True
        self.docs.append(doc)
        closes = how == "value_percentile" or \
            {"lt", "lte", "eq", "neq"} & set(c.get("condition", {}))
        if not closes or how.startswith("temporal"):
            self.goes_on.append(name)

    def condition(self, how):
        r = self.rng
        least = r.choice([1, 2, 2, 3, 4])
        out = r.choice([{"gte": least}, {"gte": least}, {"gt": least - 1}, {"lt": least + 1},
                        {"lte": least}, {"eq": least}, {"neq": least}, {"gte": 1, "lt": least + 1}])
        if how in ("value_sum", "value_avg", "value_percentile"):
            scale = r.choice([10, 100, 443, 33.5])
            out = {op: n * scale for op, n in out.items()}
            out["field"] = self.number
            if how == "value_percentile" and r.random() < 0.7:
                out["percentile"] = r.choice([0, 10, 50, 75, 99, 100])
            elif how == "value_percentile":
                out["field"] = r.sample(self.fields, r.randint(1, 2))
        elif how == "value_count":
            out["field"] = r.choice([r.choice(self.fields), r.sample(self.fields, 2)])
        return out


# Falco -------------------------------------------------------------------------------------------

FALCO = {
    "str": {"proc.name": ["sh", "x", "a", "foo", "Foo.sh", "averyverylongna", "a b"],
            "proc.args": None, "proc.exe": None, "proc.exepath": EXES, "proc.cmdline": None,
            "proc.pname": ["sh", "x", "a", "foo", "init"], "proc.pcmdline": None, "proc.pexepath": EXES,
            "proc.pexe": None, "proc.aname": ["sh", "x", "init", "a"], "proc.aname[2]": ["sh", "init", "x"],
            "proc.aname[3]": ["sh", "init"], "proc.aexepath": EXES, "proc.cwd": ["/", "/srv/", "/tmp/a/"],
            "user.name": ["foo", "root"], "fd.name": PATHS, "fd.directory": ["/tmp", "/etc", "/", "/Tmp"],
            "fd.filename": ["a", "x.sh", "A*b", ""], "fd.typechar": ["f", "4", "6", "u", "d"],
            "fd.l4proto": ["tcp", "udp"], "fd.sip.name": NAMES, "fd.rip.name": NAMES,
            "evt.type": ["execve", "open", "openat", "connect", "unlink", "creat"],
            "evt.res": ["SUCCESS", "ENOENT", "EACCES"],
            "container.id": ["host", "c0ffee001122"], "container.image.repository": ["d.d/foo", "x"],
            "evt.arg.oldpath": PATHS, "evt.arg.target": PATHS},
    "num": {"evt.rawres": [0, 3, -2], "fd.num": [0, 3, -1], "fd.sport": PORTS, "fd.port": PORTS,
            "fd.cport": PORTS, "user.uid": [0, 5, 7], "proc.tty": [0, 34816]},
    "net": {"fd.net": NETS, "fd.snet": NETS, "fd.cnet": NETS},
    "ip": {"fd.ip": ADDRS, "fd.sip": ADDRS, "fd.cip": ADDRS},
    "bool": {"evt.is_open_read": None, "evt.is_open_write": None, "evt.failed": None},
}
LISTS = {"words": ["sh", "x", "foo", "two words"], "paths": ["/tmp/a", "/etc"], "none": [],
         "more": ["words", "a"]}
MACROS = {"spawned": "evt.type in (execve, execveat)", "opened": "evt.type in (open, openat, creat) and fd.num >= 0",
          "by_sh": "proc.pname in (words) or proc.aname = init", "never": "evt.num = 0",
          "quiet": "spawned and not by_sh"}


def falco_quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class FalcoRules:
    def __init__(self, rng):
        self.rng = rng

    def text(self, choices):
        r = self.rng
        word = r.choice(choices) if choices else r.choice(WORDS) if r.random() < 0.6 else \
            " ".join(r.choice(WORDS) for _ in range(2))
        roll = r.random()
        if roll < 0.15:
            word = word[:r.randint(0, len(word))]
        elif roll < 0.25:
            word = word[r.randint(0, len(word)):]
        elif roll < 0.3:
            word = word.swapcase()
        return word

    def value(self, choices):
        text = self.text(choices)
        if text and not set(text) & set(" ()\"'\n\t=,") and self.rng.random() < 0.6 and \
                text not in LISTS:
            return text
        return falco_quoted(text)

    def part(self, deep):
        """(what stands in a call, texts that it may be)"""
        r = self.rng
        roll = r.random()
        if roll < 0.35:
            word = r.choice(WORDS + PATHS)
            return falco_quoted(word), [word]
        if roll < 0.5 and deep < 3:
            return self.call(deep + 1)
        if roll < 0.65:
            field = r.choice(["evt.rawres", "fd.sport", "fd.num", "user.uid", "evt.failed", "fd.sip"])
            return field, [str(v) for v in {"fd.sip": ADDRS, "evt.failed": ["true", "false"]}.get(field) or
                           FALCO["num"][field]]
        field = r.choice([f for f in FALCO["str"] if not f.startswith(("proc.aname", "proc.aexe"))])
        choices = FALCO["str"][field] or WORDS
        if r.random() < 0.15:
            return f"tolower({field})", [c.lower() for c in choices]
        return field, choices

    def call(self, deep=0):
        r = self.rng
        if r.random() < 0.3:
            chosen = r.choice("ntx")
            args = "proc.args" if r.random() < 0.8 else \
                f"({', '.join(self.part(deep)[0] for _ in range(r.randint(0, 3)))})"
            return (f"getopt({args}, \"{r.choice(['nt:', 'nt:', 'tx:n', 'n:t::', ''])}\")[{chosen}]",
                    [chosen, "x", "", "foo", "-t"])
        parts = [self.part(deep) for _ in range(r.choice([2, 2, 3]))]
        texts = [[r.choice(c) for _, c in parts] for _ in range(4)]
        blank = r.choice([",", ", ", " , "])
        if r.random() < 0.6:
            return f"concat({blank.join(p for p, _ in parts)})", ["".join(t) for t in texts]
        n = r.choice([0, 1, 2, 2, 3])
        between, of = self.part(deep) if r.random() < 0.2 else ('","', [","])
        return (f"join({between}, ({blank.join(p for p, _ in parts[:n])}))",
                [r.choice(of).join(t[:n]) for t in texts])

    def options(self):
        """A test of all options."""
        r = self.rng
        left = f"getopt(proc.args, \"{r.choice(['nt:', 'nt:', 'xt:n', 't::'])}\")"
        if r.random() < 0.15:
            left = f"{r.choice(['toupper', 'tolower'])}({left})"
        items = ", ".join(f'"{w}"' for w in r.choices(["n", "t", "x", "?", "", "foo", "N", "-t", "a"],
                                                      k=r.randint(1, 4)))
        roll = r.random()
        if roll < 0.7:
            return f"{left} {r.choice(['in', 'intersects', 'in', '= allof', '= oneof', '= anyof'])} ({items})"
        return left + r.choice([" exists", " = n", " != n", " = foo", ' != "?"', " startswith f"])

    def check(self):
        r = self.rng
        if r.random() < 0.04:
            return self.options()
        kind = r.choices(list(FALCO), [10, 3, 1, 1, 1])[0]
        field = r.choice(list(FALCO[kind]))
        choices = FALCO[kind][field]
        if r.random() < 0.07:
            return field + " exists"
        if kind == "bool":
            return f"{field}{r.choice([' = ', '=', ' != '])}{r.choice(['true', 'false'])}"
        if kind == "num":
            if r.random() < 0.2:
                return f"{field} in ({r.choice(choices)}, {r.choice(choices)})"
            return f"{field} {r.choice(['=', '!=', '<', '<=', '>', '>='])} {r.choice(choices)}"
        if kind in ("net", "ip"):
            if r.random() < 0.5:
                return f"{field} {r.choice(['in', 'in', 'intersects'])} (" + \
                    ", ".join(f'"{r.choice(choices)}"' for _ in range(r.randint(1, 2))) + ")"
            return f'{field} {r.choice(["=", "!="])} "{r.choice(choices)}"'
        if r.random() < 0.12:
            field, choices = self.call()
        left = field
        if r.random() < 0.1 and "aname" not in field and "aexe" not in field:
            left = r.choice(["tolower", "toupper", "basename"]) + f"({field})"
        roll = r.random()
        if roll < 0.3:
            items = [r.choice([self.value(choices), self.value(choices), "words", "none", "more"])
                     for _ in range(r.randint(1, 3))]
            # Names of calls are no paths: what pmatch says of an empty one is left open.
            paths = "in" if field == "evt.type" else "pmatch"
            return f"{left} {r.choice(['in', 'in', 'in', paths, 'intersects'])} ({', '.join(items)})"
        if roll < 0.36 and "aname" not in field and "aexe" not in field:
            items = ", ".join(self.value(choices) for _ in range(r.randint(1, 3)))
            return (f"{left} {r.choice(['=', 'contains', 'startswith', 'endswith'])} "
                    f"{r.choice(['anyof', 'allof', 'oneof'])} ({items})")
        if roll < 0.42 and "aname" not in field and "aexe" not in field:
            return f"{left} {r.choice(['=', 'contains', 'startswith', 'endswith'])} " + \
                r.choice(["val(proc.name)", "val(fd.name)", "tolower(proc.name)", "basename(proc.exepath)",
                          self.call()[0]])
        op = r.choice(["=", "=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob",
                       "regex"])
        if op in ("glob", "iglob"):
            word = self.text(choices)
            i = r.randint(0, len(word))
            return f"{left} {op} {falco_quoted(word[:i] + r.choice(['*', '?', '', '[!b]']) + word[i + 1:])}"
        if op == "regex":
            word = "".join("\\" + c if c in "*?\\[](){}.+|^$" else c for c in self.text(choices))
            i = r.randint(0, len(word))
            if word[:i].endswith("\\"):
                i = 0
            return f"{left} regex {falco_quoted(word[:i] + r.choice(['.*', 'a*', '(a|b)?', '']) + word[i:])}"
        return f"{left}{r.choice([' ', ' ', ''])}{op} {self.value(choices)}" if op in ("=", "!=") else \
            f"{left} {op} {self.value(choices)}"

    def condition(self, depth):
        r = self.rng
        if depth == 0 or r.random() < 0.25:
            return r.choice(list(MACROS)) if r.random() < 0.2 else self.check()
        if r.random() < 0.3:
            return r.choice(["not (", "not("]) + self.condition(depth - 1) + ")"
        word = r.choice([" and ", " or ", " and "])
        parts = [self.condition(depth - 1) for _ in range(r.randint(2, 3))]
        return word.join(p if " " not in p or r.random() < 0.2 else f"({p})" for p in parts)

    def exception(self, n):
        r = self.rng
        if r.random() < 0.4:
            return {"name": f"e{n}", "fields": "proc.name", "comps": r.choice(["in", "pmatch"]),
                    "values": [self.text(["sh", "x", "foo"]) or "q" for _ in range(2)]}
        return {"name": f"e{n}", "fields": ["proc.name", "proc.args"], "comps": ["=", r.choice(["=", "contains"])],
                "values": [[self.text(["sh", "x"]) or "q", r.choice(["a", "-x", "foo"])] for _ in range(2)]}

    def rule(self, name):
        r = self.rng
        out = {"rule": name, "desc": "random", "priority": r.choice(["ERROR", "notice", "Info"]),
               "condition": self.condition(r.randint(0, 3)),
               "output": r.choice(["%evt.type %proc.name %proc.cmdline", "%fd.name %user.name %evt.res",
                                   "*%proc.aname[2] %container.id", "plain",
                                   "%fd.sip.name", f"<%{self.call()[0]}> %tolower(proc.cmdline)%len(fd.name)"])}
        if r.random() < 0.2:
            out["exceptions"] = [self.exception(i) for i in range(r.randint(1, 2))]
        return out

    def file(self, n):
        items = [{"list": k, "items": v} for k, v in LISTS.items()]
        items += [{"macro": k, "condition": v} for k, v in MACROS.items()]
        items += [self.rule(f"r{i}") for i in range(n)]
        return yaml.safe_dump(items, sort_keys=False, allow_unicode=True)
