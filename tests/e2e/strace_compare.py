# SPDX-License-Identifier: BSD-2-Clause
"""Holds the calls that strace saw against the events of the same run, one by one.

Within each thread the order must be the same. What may differ is in RULES, each with a name and the
reason; whatever no rule explains is a complaint.
"""

import collections
import os
import signal
import socket

import strace_read

TYPES = ("exec", "open", "create", "unlink", "rename", "chmod", "connect", "bind")

# Name: why strace and the tape may say different things. How often each was needed is printed.
RULES = {
    "exec by a thread": "strace 6.1 takes the next call's exit for its own, and loses that call",
    "newer than strace": "calls that this strace has never heard of are on tape only",
    "script": "the kernel has let go of a script when its interpreter runs: its name is left",
    "arguments of a script": "before Linux 6.10 no hook tells what was passed to one",
    "no arguments": "the kernel gives a program without arguments an empty one",
    "cut": "arguments beyond --max-arg are told by their length",
    "port of the kernel": "bind() to port 0 asks the kernel for one, which only the tape has",
    "no address of this family": "strace decodes addresses that the tape has no field for",
    "read by the kernel only": "an address that strace could not read, an event that says fault",
    "unresolved program": "the file that was executed is gone now, so that its links are not known",
}


def bytes_of(event, name):
    """A string as its bytes: what is no text has them in hexadecimal."""
    if name + "_hex" in event:
        return bytes.fromhex(event[name + "_hex"])
    return event[name].encode() if name in event else None


class Comparison:
    def __init__(self, trace, events):
        self.complaints, self.used = [], collections.Counter()
        self.compared = collections.Counter()
        self.trace = trace
        with open("/sys/kernel/btf/vmlinux", "rb") as f:
            self.has_prepare = b"btf_trace_sched_prepare_exec\0" in f.read()
        self.unheard = {call for call in ("fchmodat2",) if not strace_read.knows(call)}
        tids = set(trace.threads)
        self.events = collections.defaultdict(list)
        self.exits, self.made = {}, []
        for e in events:
            if e["tid"] not in tids and e["pid"] not in tids:
                continue
            if e.get("syscall") in self.unheard:
                self.rule("newer than strace")
            elif e["type"] in TYPES:
                self.events[e["tid"]].append(e)
            elif e["type"] == "exit":
                self.exits.setdefault(e["pid"], []).append(e)
            elif e["type"] in ("fork", "thread") and e["ret"] > 0:
                self.made.append((e["type"], e["tid"], e["ret"]))
        for line in trace.unknown:
            self.complaints.append(f"the test does not understand: {line[:300]}")
        for tid in sorted(tids):
            self.thread(tid)
        self.lives()

    def complain(self, text):
        self.complaints.append(text)

    def rule(self, name):
        assert name in RULES
        self.used[name] += 1
        return True

    def thread(self, tid):
        calls, events = self.trace.calls.get(tid, []), self.events[tid]
        for i, call in enumerate(calls):
            if i and calls[i - 1].get("swallows") and i < len(events):
                self.rule("exec by a thread")
                del events[i]
            if i == len(events):
                self.complain(f"thread {tid}: no event for {self.shown(call)}")
                return
            wrong = list(self.pair(call, events[i]))
            if wrong:
                self.complain(f"thread {tid}: {self.shown(call)}")
                for line in wrong:
                    self.complain(f"    {line}; event {events[i]['id']}")
                if call["type"] != events[i]["type"]:
                    return
            else:
                self.compared[call["type"]] += 1
        for e in events[len(calls):]:
            self.complain(f"thread {tid}: an event that strace did not see: {e}")

    @staticmethod
    def shown(call):
        return f"{call['syscall']} = {call['ret']} {call['error'] or ''}, " + ", ".join(
            f"{k}={call[k]!r}" for k in ("oldpath", "path", "flags", "mode", "argv", "address", "file")
            if call.get(k) is not None)

    def pair(self, call, event):
        """What is wrong with this event, if it is that of this call."""
        if event["type"] != call["type"] or event.get("syscall") != call["syscall"]:
            yield f"is {event['type']} by {event.get('syscall')}"
            return
        if event["pid"] != call["pid"]:
            yield f"is of process {event['pid']}"
        if event.get("abi"):
            yield f"is of ABI {event['abi']}"
        yield from self.results(call, event)
        yield from getattr(self, "pair_" + call["type"])(call, event)

    @staticmethod
    def results(call, event):
        if call["ret"] <= -512:
            if event["ret"] != call["ret"] or not event.get("restarted"):
                yield f"interrupted: result {event['ret']}"
        elif call["ret"] < 0:
            if event.get("errno") != call["error"]:
                yield f"error {event.get('errno')}, result {event['ret']}"
        elif event["ret"] != call["ret"]:
            yield f"result {event['ret']} {event.get('errno', '')}"

    def number(self, call, event, name):
        if call.get(name) is not None and event.get(name) != call[name]:
            yield f"{name} {event.get(name)}"

    def passed(self, place, event, name="path"):
        """A path that leads to no object: as it was passed, behind its directory."""
        got, arg = bytes_of(event, name), bytes_of(event, name + "_arg")
        how = event.get(name + "_from")
        if place["passed"] is None:
            if not event.get("fault"):
                yield f"{name} {got!r} of an address that strace could not read"
            self.rule("read by the kernel only")
            return
        if place["passed"][:1] == b"/" or place["directory"] is None:
            want, want_arg, want_how = place["passed"], None, "passed"
        else:
            directory = place["directory"]
            want = (directory if directory != b"/" else b"") + b"/" + place["passed"]
            want_arg, want_how = place["passed"], "dir+name"
        if got != want:
            yield f"{name} {got!r}"
        if arg != want_arg:
            yield f"{name}_arg {arg!r}"
        if how != want_how:
            yield f"{name}_from {how}"

    @staticmethod
    def object(place, file, event):
        """A path that was walked from the file."""
        got, arg = bytes_of(event, "path"), bytes_of(event, "path_arg")
        if got != file:
            yield f"path {got!r}"
        if event["path_from"] != "object":
            yield f"path_from {event['path_from']}"
        if place and arg != (place["passed"] if place["passed"] != file else None):
            yield f"path_arg {arg!r}"

    def pair_open(self, call, event):
        if call["ret"] >= 0:
            yield from self.object(call["path"], call["file"], event)
            if event["fd"] != call["ret"]:
                yield f"fd {event['fd']}"
        else:
            yield from self.passed(call["path"], event)
        yield from self.number(call, event, "flags")
        yield from self.number(call, event, "mode")

    pair_create = pair_open

    def pair_unlink(self, call, event):
        yield from self.passed(call["path"], event)
        yield from self.number(call, event, "flags")

    def pair_rename(self, call, event):
        yield from self.passed(call["oldpath"], event, "oldpath")
        yield from self.passed(call["path"], event)
        yield from self.number(call, event, "flags")

    def pair_chmod(self, call, event):
        if "path" in call:
            yield from self.passed(call["path"], event)
        else:
            yield from self.number(call, event, "fd")
            if call["file"] is not None:
                yield from self.object(None, call["file"], event)
        yield from self.number(call, event, "mode")

    def pair_exec(self, call, event):
        if call["ret"] < 0:
            yield from self.passed(call["path"], event)
        else:
            yield from self.image(call["path"], event)
        if call["argv"] is not None:
            yield from self.arguments(call, event)

    def image(self, place, event):
        path = os.path.join(place["directory"], place["passed"])
        if not place["passed"]:
            yield from self.object(None, place["directory"], event)
        elif self.is_script(path, event):
            self.rule("script")
            yield from self.passed(place, event)
        else:
            if (bytes_of(event, "path_arg") or bytes_of(event, "path")) != place["passed"]:
                yield f"path_arg {bytes_of(event, 'path_arg')!r}"
            if event["path_from"] != "object":
                yield f"path_from {event['path_from']}"
            if event["exe"] != event["path"]:
                yield f"exe {event['exe']}"
            if not os.path.exists(path):
                self.rule("unresolved program")
            elif bytes_of(event, "path") != os.path.realpath(path):
                yield f"path {bytes_of(event, 'path')!r}"

    @staticmethod
    def is_script(path, event):
        """Whatever is no program itself; once it is gone, the tape has to be believed."""
        if not os.path.exists(path):
            return event["exe"] != event["path"]
        with open(path, "rb") as f:
            return f.read(4) != b"\x7fELF"

    def arguments(self, call, event):
        got = event.get("argv_arg", event.get("argv"))
        want = [word.decode("utf-8", "replace") for word in call["argv"]]
        length = event.get("argv_arg_length", event.get("argv_length"))
        if got == want:
            return
        if not want and got == [""]:
            self.rule("no arguments")
        elif length is not None and length == sum(len(word) + 1 for word in call["argv"]):
            self.rule("cut")
            if not "\0".join(want).startswith("\0".join(got)):
                yield f"argv {got}"[:300]
        elif event["exe"] != event["path"] and not self.has_prepare and got[-len(want) + 1:] == want[1:]:
            self.rule("arguments of a script")
        else:
            yield f"argv {got}"[:300]

    def pair_connect(self, call, event):
        yield from self.number(call, event, "fd")
        if call["address"] is None:
            if not event.get("fault"):
                yield "no fault, though the address could not be read"
            self.rule("read by the kernel only")
            return
        family, address, port = call["address"]
        if event["ret"] == 0 and family and event["family"] != family:
            yield f"family {event['family']}"
        if address is None:
            self.rule("no address of this family")
        elif family == socket.AF_UNIX:
            if (bytes_of(event, "unix_path") or b"") != address:
                yield f"unix_path {event.get('unix_path')!r}"
        elif event["addr"] != address.removeprefix("::ffff:"):
            yield f"addr {event['addr']}"
        elif call["type"] == "bind" and port == 0 and call["ret"] == 0:
            self.rule("port of the kernel")
            if not event["port"]:
                yield "no port, though the kernel has chosen one"
        elif event["port"] != port:
            yield f"port {event['port']}"

    pair_bind = pair_connect

    def lives(self):
        for pid, (code, name) in self.trace.ends.items():
            exits = self.exits.get(pid, [])
            number = signal.Signals[name].value if name else 0
            got = [(e["code"], e["signal"]) for e in exits]
            if len(got) != 1 or got[0][1] != number or (not number and got[0][0] != code):
                self.complain(f"process {pid}: code {code}, signal {number}; on tape {got}")
            else:
                self.compared["exit"] += 1
        made = collections.Counter(self.made)
        for row in self.trace.made:
            if made[row] != 1:
                self.complain(f"{row[0]} of {row[2]} by {row[1]}: {made[row]} events")
            made[row] -= 1
            self.compared[row[0]] += 1
        for row, n in made.items():
            if n > 0:
                self.complain(f"{row[0]} of {row[2]} by {row[1]} was not seen by strace")


def put(event, name, raw):
    """As reel dump writes a string."""
    if raw is None:
        return
    event[name] = raw.decode("utf-8", "replace")
    if event[name].encode() != raw:
        event[name + "_hex"] = raw.hex()


def put_passed(event, place, name="path"):
    passed, directory = place["passed"], place["directory"]
    if passed is None:
        event.update({name: "", name + "_from": "passed", "fault": True})
    elif passed[:1] == b"/" or directory is None:
        put(event, name, passed)
        event[name + "_from"] = "passed"
    else:
        put(event, name, (b"" if directory == b"/" else directory) + b"/" + passed)
        put(event, name + "_arg", passed)
        event[name + "_from"] = "dir+name"


def event_of(call, n):
    """The event that a faultless recorder makes of a call: to see that nothing is made of nothing."""
    e = {"type": call["type"], "id": f"test-0-{n}", "pid": call["pid"], "tid": call["tid"],
         "ret": call["ret"], "syscall": call["syscall"]}
    if call["ret"] < 0:
        e["errno"] = call["error"]
        if call["ret"] <= -512:
            e["restarted"] = True
    for name in ("flags", "mode", "fd"):
        if call.get(name) is not None:
            e[name] = call[name]
    if "oldpath" in call:
        put_passed(e, call["oldpath"], "oldpath")
    if call["type"] in ("open", "create"):
        e["fd"] = call["ret"] if call["ret"] >= 0 else None
    file = call["file"]
    if call["type"] == "exec" and call["ret"] == 0:
        path = os.path.join(call["path"]["directory"], call["path"]["passed"])
        file = os.path.realpath(path) if os.path.exists(path) else path
        if not call["path"]["passed"]:
            file = call["path"]["directory"]
    script = call["type"] == "exec" and call["ret"] == 0 and call["path"]["passed"]
    if script and Comparison.is_script(path, {"exe": 0, "path": 0}):
        put_passed(e, call["path"])
        e["exe"] = "/bin/sh"
    elif file is not None:
        put(e, "path", file)
        e["exe"] = e["path"]
        e["path_from"] = "object"
        if "path" in call and call["path"]["passed"] != file:
            put(e, "path_arg", call["path"]["passed"])
    elif "path" in call:
        put_passed(e, call["path"])
    if call.get("argv") is not None:
        e["argv"] = [word.decode("utf-8", "replace") for word in call["argv"]]
    if "address" in call:
        family, address, port = call["address"] or (0, None, 0)
        e["fault"] = call["address"] is None
        e.update(family=family, addr="::", port=port or 1)
        if isinstance(address, bytes):
            put(e, "unix_path", address)
        elif address:
            e["addr"] = address.removeprefix("::ffff:")
    return e


def events_of(trace):
    n = 0
    for calls in trace.calls.values():
        for call in calls:
            n += 1
            yield event_of(call, n)
    for pid, (code, name) in trace.ends.items():
        yield {"type": "exit", "pid": pid, "tid": pid, "ret": 0, "code": code,
               "signal": signal.Signals[name].value if name else 0}
    for kind, parent, child in trace.made:
        yield {"type": kind, "pid": parent, "tid": parent, "ret": child}
