#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Against strace: both watch the same run of ordinary programs, and must agree on each call.

strace runs inside the recorder: `reel record -- strace -f PROGRAM`. So both see the same processes
with the same numbers in the same order, and nothing has to be made equal before it is compared;
strace itself is left out by its pid. `strace.py NAME...` runs only these workloads.
"""
# timeout: 280

import copy
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import strace_compare
import strace_read
from suite import SRC, Suite, dump, output, program, record, run, scaled

ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C", "TZ": "UTC",
    "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@a", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@a",
}

SHELL = r"""
set -u
echo one > one; mv one 'two words'; chmod 640 'two words'; ln -s 'two words' link; cat link
mkdir -p d/e/f; cd d/e; echo x > ./f/../x; rm ../e/x; cd ../..
cat missing /nonexistent/file; ./not-there; ls /proc/self/nothing
printf '#!/bin/sh -e\necho "$@"\n' > script; chmod +x script; ./script a 'b c' ''
echo '#!/bin/sh' > plain; ./plain
(echo sub; exit 3) | tr a-z A-Z | sort > sorted
for i in 1 2 3 4 5 6 7 8; do (: > file.$i; exec /bin/true) & done; wait
sleep 100 & kill $!; wait $!
(kill -9 $(exec sh -c 'echo $PPID'))
cat << END > here
text of $(pwd)
END
find . -name 'file.*' -exec rm {} +
rm -r d; rm -f missing; rmdir nothing; cd /; cd /tmp; cd - > /dev/null
exit 7
"""

MAKEFILE = "prog: a.o b.o\n\tgcc -o $@ a.o b.o\n%.o: %.c\n\tgcc -O1 -c -o $@ $<\n"

WEB = r"""
import http.client, http.server, os, socketserver, subprocess, sys, threading
os.makedirs("www", exist_ok=True)
for i in range(3):
    open(f"www/{i}.html", "w").write("<p>" * i)
os.chdir("www")
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    pass
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass
server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = '''
import http.client, sys
for path in ("/0.html", "/1.html", "/2.html", "/missing", "/"):
    c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    c.request("GET", path)
    c.getresponse().read()
    c.close()
'''
for _ in range(2):
    subprocess.run([sys.executable, "-I", "-c", client, str(server.server_port)], check=True)
server.shutdown()
"""

SQLITE = r"""
import sqlite3
db = sqlite3.connect("test.db")
db.execute("create table t (a, b)")
for i in range(20):
    db.execute("insert into t values (?, ?)", (i, "x" * i))
    db.commit()
db.execute("pragma journal_mode=wal")
db.execute("update t set a = a + 1")
db.commit()
db.execute("vacuum")
db.close()
"""

GIT = r"""
set -e
git init -q -b main one
cd one
for i in 1 2 3 4 5; do echo $i > file$i; mkdir -p dir$i; echo $i > dir$i/f; git add .; git commit -q -m "c $i"; done
git gc -q
cd ..
git clone -q one two
git clone -q --no-hardlinks --depth 1 "file://$PWD/one" three
cd two; git mv file1 renamed; git commit -q -m moved; git log --oneline | head -n 1; git push -q origin HEAD:other
"""

TREE = r"""
set -e
mkdir -p src
cp -a "$1"/tests/cli "$1"/format src/
ln -s nowhere src/broken; mkfifo src/fifo; chmod 2755 src/cli
cp -a src copy
find src -type f -name '*.[ch]' -newer src/broken -print
find copy -name '*.sh' -exec chmod 600 {} \;
tar -cf all.tar src
mkdir out; tar -C out -xpf all.tar
tar -czf all.tgz src; rm -rf copy; mv out renamed; rm -rf renamed
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def compile_files():
    write("Makefile", MAKEFILE)
    write("a.c", '#include <stdio.h>\nint b(void);\nint main(void) { return printf("%d", b()); }\n')
    write("b.c", "int b(void) { return 3; }\n")


def python(name, text):
    def make():
        write(name, text)
    return make, ["/usr/bin/python3", "-I", name]


# Name: (what prepares the directory, the command)
WORKLOADS = {
    "shell": (lambda: write("w.sh", SHELL), ["/bin/sh", "w.sh"]),
    "bash": (lambda: write("w.sh", SHELL), ["/bin/bash", "w.sh"]),
    "compile": (compile_files, ["make", "-j2"]),
    "tree": (lambda: write("w.sh", TREE), ["/bin/sh", "w.sh", SRC]),
    "git": (lambda: write("w.sh", GIT), ["/bin/sh", "w.sh"]),
    "web": python("web.py", WEB),
    "sqlite": python("db.py", SQLITE),
    "storm": (lambda: None, [program("count"), "-p", "2", "-t", "4", "-r", scaled(9),
                             "-s", "open,names,attributes,tcp,udp,unix,fork,run,exec,process"]),
    "processes": (lambda: None, [program("trap_process")]),
    "images": (lambda: None, [program("trap_image")]),
}

# Each must be seen, in the traces taken together, or the comparison says nothing of it.
WANTED = {"exec", "open", "create", "rename", "unlink", "chmod", "connect", "bind", "exit", "fork",
          "thread"}


def broken(events):
    """Each way in which a recorder could be wrong: (what, the events of such a one)."""

    def first(test):
        return next((i for i, e in enumerate(events) if test(e)), None)

    def changed(i, **fields):
        other = copy.deepcopy(events)
        other[i].update(fields)
        return other

    def opened(e):
        return e["type"] == "open" and e["ret"] >= 0

    cases = (
        ("an event is missing", lambda e: e["type"] == "unlink", None),
        ("an exec is missing", lambda e: e["type"] == "exec" and e["ret"] == 0, None),
        ("an exit is missing", lambda e: e["type"] == "exit", None),
        ("a fork is missing", lambda e: e["type"] == "fork", None),
        ("another path", opened, {"path": "/somewhere/else"}),
        ("another way to know it", opened, {"path_from": "passed"}),
        ("another argument", opened, {"path_arg": "other"}),
        ("another result", opened, {"ret": 77}),
        ("another descriptor", opened, {"fd": 78}),
        ("another error", lambda e: e["type"] == "open" and e["ret"] < 0, {"errno": "EIO"}),
        ("other flags", opened, {"flags": 0x123456}),
        ("another mode", lambda e: e["type"] == "chmod", {"mode": 0o123}),
        ("another old name", lambda e: e["type"] == "rename", {"oldpath": "/x"}),
        ("another new name", lambda e: e["type"] == "rename", {"path": "/x"}),
        ("other arguments", lambda e: e["type"] == "exec", {"argv": ["other"]}),
        ("another code", lambda e: e["type"] == "exit" and not e["signal"], {"code": 99}),
        ("another signal", lambda e: e["type"] == "exit", {"signal": 31}),
        ("another process", opened, {"pid": 1}),
        ("another call", opened, {"syscall": "creat"}),
        ("another type", opened, {"type": "create"}),
    )
    for name, test, fields in cases:
        i = first(test)
        if i is None:
            yield name, None
        elif fields is None:
            yield name, events[:i] + events[i + 1:]
        else:
            yield name, changed(i, **fields)
    i = first(opened)
    yield "an event too much", events[:i + 1] + events[i:]
    tid = events[i]["tid"]
    j = first(lambda e: opened(e) and e["tid"] == tid and e["path"] != events[i]["path"])
    swapped = list(events)
    swapped[i], swapped[j] = swapped[j], swapped[i]
    yield "another order", swapped


def traced(name):
    """(the trace's file, the command to make it), in a directory that is ready."""
    prepare, argv = WORKLOADS[name]
    os.mkdir(name)
    os.chdir(name)
    prepare()
    os.chdir("..")
    file = os.path.abspath(f"{name}.trace")
    return file, ["strace", "-o", file, *strace_read.OPTIONS, "--", *argv]


def trace_of(file, name):
    return strace_read.Trace(file, os.path.abspath(name).encode())


def prove(suite):
    """The comparison itself: it accepts what a faultless recorder would say, and nothing else."""
    for name in ("shell", "storm"):
        file, argv = traced(name)
        done = run(argv, cwd=name, env=ENV)
        suite.say(done.returncode in (0, 7), f"{name}: runs under strace", output(done))
        trace = trace_of(file, name)
        events = list(strace_compare.events_of(trace))
        suite.none(f"{name}: a faultless recorder passes",
                   strace_compare.Comparison(trace, events).complaints)
        for what, others in broken(events) if name == "shell" else ():
            suite.say(others is not None and strace_compare.Comparison(trace, others).complaints,
                      f"{name}: noticed: {what}")
        shutil.rmtree(name)


def compare(suite, name, seen):
    file, argv = traced(name)
    capture = f"{name}.reel"
    done = record(os.path.abspath(capture), argv, cwd=name, env=ENV)
    if not suite.say(os.path.exists(file) and os.path.exists(capture), f"{name}: is recorded",
                     output(done)):
        return
    trace = trace_of(file, name)
    result = strace_compare.Comparison(trace, dump(capture))
    suite.none(f"{name}: strace and the tape agree", result.complaints)
    seen.update(result.compared)
    print(f"# {name}: " + ", ".join(f"{n} {t}" for t, n in sorted(result.compared.items())))
    for rule, n in sorted(result.used.items()):
        print(f"#   {n} x {rule}: {strace_compare.RULES[rule]}")
    if not os.environ.get("REEL_KEEP"):
        shutil.rmtree(capture)
        shutil.rmtree(name)
        os.unlink(file)


def main():
    suite = Suite()
    if not shutil.which("strace"):
        suite.skip("strace", "is not installed")
        suite.done()
    chosen = sys.argv[1:] or WORKLOADS
    if chosen is WORKLOADS:
        prove(suite)
    suite.need_recorder()
    seen = set()
    for name in chosen:
        compare(suite, name, seen)
    if chosen is WORKLOADS:
        suite.same("each type was compared", sorted(WANTED - seen), [])
    suite.done()


main()
