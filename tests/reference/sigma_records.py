# SPDX-License-Identifier: BSD-2-Clause
"""What Sysmon for Linux and auditd would have written of an event, as Sigma's rules expect it."""

from predicate import UNKNOWN_VALUE, Str, args_values, own_value

O_CREAT = 0o100
# Calls whose arguments are on the tape, by type: what a0, a1 ... were.
ARGUMENTS = {"personality": ("persona",), "syslog": ("action",), "mknod": (),
             "socket": ("family", "sock_type", "proto"), "memfd_create": ()}
NAMING = ("open", "exec", "chmod", "chown", "truncate", "chdir", "setxattr", "utimes", "setflags", "mount",
          "umount", "chroot")
CREATING = ("mkdir", "mknod", "symlink", "link", "rename")


class Record:
    def __init__(self, source, fields, texts=None):
        self.source, self.fields, self.all_texts = source, fields, texts

    def get(self, name, default=None):
        return self.fields.get(name, default if default is not None else [])

    def texts(self):
        if self.all_texts is not None:
            return self.all_texts
        return [v for name, values in self.fields.items() for v in values]


def text(s):
    return Str(s.encode())


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
    return {"Image": values("exe"), "CommandLine": values("cmdline"),
            "CurrentDirectory": values("cwd"), "User": values("user"),
            "LogonId": values("loginuid"), "ProcessId": [p.pid],
            "ParentImage": m.parent_values(ev, "exe", None),
            "ParentCommandLine": m.parent_values(ev, "cmdline", None),
            "ParentProcessId": values("ppid")}


def created(ev):
    """Whether a file came into being: yes, no, or nobody knows."""
    name, j = ev.type.name, ev.json
    if name in ("mknod", "rename"):
        return "yes"
    if name == "create" or name == "open" and j["flags"] & O_CREAT:
        return j.get("created", "unknown")
    return "no"


def all_texts(ev, m):
    texts = []
    for field in ev.type.fields.values():
        if field.kind == "args":
            texts += joined(args_values(ev, field.key))
        elif field.family == "str":
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


def linux(ev, m, category, fields):
    """Keywords are looked for in the event's own text, not in what its parent is."""
    return Record({"product": "linux", "category": category}, fields, all_texts(ev, m))


def sysmon(ev, m):
    name = ev.type.name
    if name == "exec":
        yield linux(ev, m, "process_creation", process_fields(ev, m))
    if created(ev) == "yes":
        yield linux(ev, m, "file_event", {
            "TargetFilename": own(ev, "path", m), "Image": m.values(m.process, "exe"),
            "User": m.values(m.process, "user"), "ProcessId": [m.process.pid]})
    if name == "connect" and ev.json.get("family") in (2, 10):
        yield linux(ev, m, "network_connection", {
            "Image": m.values(m.process, "exe"), "User": m.values(m.process, "user"),
            "ProcessId": [m.process.pid], "Initiated": [text("true")],
            "DestinationIp": [text(ev.json["addr"])], "DestinationPort": [ev.json["port"]],
            "SourceIp": [text(ev.json["laddr"])], "SourcePort": [ev.json["lport"]]})
    if name == "accept" and ev.json.get("family") in (2, 10):
        yield linux(ev, m, "network_connection", {
            "Image": m.values(m.process, "exe"), "User": m.values(m.process, "user"),
            "ProcessId": [m.process.pid], "Initiated": [text("false")],
            "DestinationIp": [text(ev.json["laddr"])], "DestinationPort": [ev.json["lport"]],
            "SourceIp": [text(ev.json["addr"])], "SourcePort": [ev.json["port"]]})


def auditd(ev, m):
    name, j = ev.type.name, ev.json
    source = {"product": "linux", "service": "auditd"}
    if name == "exec":
        args = args_values(ev, "argv")
        fields = {"type": [text("EXECVE")]}
        for i, a in enumerate(args):
            fields[f"a{i}"] = [a]
        yield Record(source, fields, [text("EXECVE")] + joined(args))
    for field, kind in paths(ev):
        # auditd has the name as it was passed; that it was resolved does no harm to a rule.
        names = own(ev, field, m) + own(ev, field + "_arg", m)
        yield Record(source, {"type": [text("PATH")], "name": names, "nametype": [text(kind)]})
    if name == "exec" or name in ARGUMENTS:
        p = m.process
        fields = {"type": [text("SYSCALL")], "SYSCALL": [text(j["syscall"])],
                  "exe": m.values(p, "exe"), "comm": m.values(p, "comm"), "pid": [p.pid],
                  "ppid": m.values(p, "ppid"), "auid": m.values(p, "loginuid")}
        for i in ("uid", "euid", "gid", "egid"):
            fields[i] = m.values(p, i)
        for i, field in enumerate(ARGUMENTS.get(name, ())):
            fields[f"a{i}"] = [text(f"{j[field]:x}")]
        yield Record(source, fields)


def records_of(ev, m):
    if ev.type.class_name in ("state", "tape") or not succeeded(ev) or m.process is None:
        return []
    # For rules that say of which system it is and no more: what can have any text.
    has_text = any(f.family in ("str", "args") for f in ev.type.fields.values())
    whole = [Record({"product": "linux"}, {}, all_texts(ev, m))] if has_text else []
    return [*sysmon(ev, m), *auditd(ev, m), *whole]
