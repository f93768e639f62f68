# SPDX-License-Identifier: BSD-2-Clause
"""What Sysmon for Linux and auditd would have written of an event, as Sigma's rules expect it."""

import ipaddress

from predicate import UNKNOWN_VALUE, Str, args_values, own_value

O_CREAT = 0o100
# Calls whose arguments are on the tape, by type: what a0, a1 ... were.
ARGUMENTS = {"personality": ("persona",), "syslog": ("action",), "mknod": (),
             "socket": ("family", "sock_type", "proto"), "memfd_create": ()}
NAMING = ("open", "exec", "chmod", "chown", "truncate", "chdir", "setxattr", "utimes", "setflags", "mount",
          "umount", "chroot")
CREATING = ("mkdir", "mknod", "symlink", "link", "rename")


# Fields of records that are text: those that are numbers, addresses, times, or the same on all
# records of a kind, are not looked into by keywords.
TEXTS = ("Image", "CommandLine", "CurrentDirectory", "User", "ParentImage", "ParentCommandLine",
         "ParentUser", "TargetFilename", "SourceFilename", "DestinationHostname", "proctitle", "cwd",
         "name", "SYSCALL", "exe", "comm", "AUID", "UID")


class Record:
    """TEXTS: what keywords are looked for in, if not in its fields."""

    def __init__(self, source, fields, texts=None):
        self.source, self.fields, self.all_texts = source, fields, texts

    def get(self, name, default=None):
        return self.fields.get(name, default if default is not None else [])

    def texts(self):
        if self.all_texts is not None:
            return self.all_texts
        return [v for name, values in self.fields.items() if name in TEXTS for v in values]


def text(s):
    return Str(s.encode())


def when(ev):
    """The date of a record, as Sysmon writes it."""
    return [text(ev.json["time"][:23].replace("T", " "))]


def succeeded(ev):
    return (ev.json["ret"] >= 0 or ev.type.name == "connect" and ev.json["ret"] == -115) and \
        not ev.json.get("blocked")


def joined(values):
    """Arguments in a row with a blank between."""
    if not values or UNKNOWN_VALUE in values and len(values) == 1:
        return values
    whole = [v for v in values if v is not UNKNOWN_VALUE]
    return [Str(b" ".join(v.data for v in whole), len(whole) < len(values))]


def own(ev, name, machine):
    field = ev.type.fields.get(name)
    return own_value(ev, field, machine) if field else []


def process_fields(ev, m):
    p = m.process
    values = lambda name: m.values(p, name)     # noqa: E731
    return {"UtcTime": when(ev), "@timestamp": when(ev), "Image": values("exe"), "CommandLine": values("cmdline"),
            "CurrentDirectory": values("cwd"), "User": values("user"),
            "LogonId": values("loginuid"), "ProcessId": [p.pid],
            "ParentImage": m.parent_values(ev, "exe", None),
            "ParentCommandLine": m.parent_values(ev, "cmdline", None),
            "ParentUser": m.parent_values(ev, "user", None),
            "ParentProcessId": values("ppid")}


def created(ev):
    """Whether a file came into being: yes, no, or nobody knows."""
    name, j = ev.type.name, ev.json
    if name in ("mknod", "rename"):
        return "yes"
    if name == "create" or name == "open" and j["flags"] & O_CREAT:
        return j.get("created", "unknown")
    return "no"


def is_told_before(ev, field):
    """The path of a descriptor: whoever opened it has told it."""
    return field.name == "path" and field.optional and "inode" in ev.type.fields


def is_not_kept(ev, field, m):
    """Data that was moved, and nothing of it kept: that is passed over."""
    return field.name == "content" and not ev.json.get("fault") and \
        own_value(ev, field, m) == [UNKNOWN_VALUE]


def all_texts(ev, m):
    """All that is text, or bytes; of the arguments the line."""
    texts = []
    for field in ev.type.fields.values():
        if is_told_before(ev, field):
            continue
        if field.name == "argv":
            texts += joined(args_values(ev, field.key))
        elif is_not_kept(ev, field, m):
            continue
        elif field.family in ("str", "args"):
            texts += own_value(ev, field, m)
    return texts


def paths(ev):
    """(field, what became of the name) for each name that a call was given."""
    name = ev.type.name
    if name in ("open", "create"):
        yield "path", "CREATE" if created(ev) == "yes" else "NORMAL"
    elif name in NAMING:
        yield "path", "NORMAL"
    elif name in CREATING:
        yield "path", "CREATE"
    elif name in ("unlink", "rmdir"):
        yield "path", "DELETE"
    if name in ("rename", "link"):
        yield "oldpath", "DELETE" if name == "rename" else "NORMAL"


def linux(category, fields):
    return Record({"product": "linux", "category": category}, fields)


def connection(ev, m):
    """Whoever connects is the source."""
    j, peer, own_end = ev.json, ("addr", "port"), ("laddr", "lport")
    to, source = (peer, own_end) if ev.type.name == "connect" else (own_end, peer)
    fields = {"Initiated": [text("true" if ev.type.name == "connect" else "false")],
              "DestinationIp": [text(j[to[0]])], "DestinationPort": [j[to[1]]],
              "SourceIp": [text(j[source[0]])], "SourcePort": [j[source[1]]]}
    if ev.type.name == "connect":
        fields["DestinationHostname"] = m.names.find(str(ipaddress.ip_address(j["addr"])), m.process)
    return {**process_fields(ev, m), **fields}


def sysmon(ev, m):
    name = ev.type.name
    if name == "exec":
        yield linux("process_creation", process_fields(ev, m))
    if created(ev) == "yes":
        yield linux("file_event", {**process_fields(ev, m), "TargetFilename": own(ev, "path", m)})
    if name in ("connect", "accept") and ev.json.get("family") in (2, 10):
        yield linux("network_connection", connection(ev, m))


def auditd(ev, m):
    name, j = ev.type.name, ev.json
    source = {"product": "linux", "service": "auditd"}
    if name == "exec":
        args = args_values(ev, "argv")
        fields = {"type": [text("EXECVE")], "@timestamp": when(ev)}
        for i, a in enumerate(args):
            fields[f"a{i}"] = [a]
        yield Record(source, fields, joined(args))
        yield Record(source, {"type": [text("PROCTITLE")], "@timestamp": when(ev),
                              "proctitle": joined(args)})
        yield Record(source, {"type": [text("CWD")], "@timestamp": when(ev),
                              "cwd": m.values(m.process, "cwd")})
    for field, kind in paths(ev):
        # auditd has the name as it was passed; that it was resolved does no harm to a rule.
        names = own(ev, field, m) + own(ev, field + "_arg", m)
        yield Record(source, {"type": [text("PATH")], "@timestamp": when(ev), "name": names,
                              "nametype": [text(kind)]})
    if name == "exec" or name in ARGUMENTS:
        p = m.process
        fields = {"type": [text("SYSCALL")], "SYSCALL": [text(j["syscall"])],
                  "@timestamp": when(ev), "UID": m.values(p, "user"), "AUID": m.login(p),
                  "exe": m.values(p, "exe"), "comm": m.values(p, "comm"), "pid": [p.pid],
                  "ppid": m.values(p, "ppid"), "auid": m.values(p, "loginuid")}
        for i in ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid"):
            fields[i] = m.values(p, i)
        for i, field in enumerate(ARGUMENTS.get(name, ())):
            fields[f"a{i}"] = [text(f"{j[field]:x}")]
        yield Record(source, fields)


def records_of(ev, m):
    if ev.type.class_name in ("state", "tape") or not succeeded(ev) or m.process is None:
        return []
    # For rules that say of which system it is and no more: what can have any text.
    has_text = any(f.family in ("str", "args") for f in ev.type.fields.values())
    whole = [Record({"product": "linux"}, {"@timestamp": when(ev)}, all_texts(ev, m))] \
        if has_text else []
    return [*sysmon(ev, m), *auditd(ev, m), *whole]
