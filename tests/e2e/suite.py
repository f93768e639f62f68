# SPDX-License-Identifier: BSD-2-Clause
"""What the end-to-end tests in Python share: checks that print TAP, the recorder, the tape.

$REEL, $SRC and $TMP are set by tests/run, or here for a run by hand. REEL_SCALE=10 asks for ten times
the load, REEL_SCALE=0.1 for a tenth. Only what a test starts itself is ever recorded.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(HERE)))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
PROGRAMS = os.path.join(os.path.dirname(REEL), "e2e")
SCALE = float(os.environ.get("REEL_SCALE", "1"))
SHOWN = 40

CLASSES = "process,file,io,net,priv,mem,kernel,ipc"


def scratch():
    if "TMP" not in os.environ:
        os.environ["TMP"] = tempfile.mkdtemp(prefix="reel-e2e-")
        if not os.environ.get("REEL_KEEP"):
            atexit.register(shutil.rmtree, os.environ["TMP"], True)
    return os.environ["TMP"]


class Suite:
    """Checks, each a line "ok N - name" or "not ok N - name" with what is wrong below it."""

    def __init__(self):
        self.n = self.failed = 0
        self.tmp = scratch()
        os.chdir(self.tmp)

    def say(self, good, name, detail=()):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}")
        if isinstance(detail, str):
            detail = detail.splitlines()
        detail = [] if good else list(detail)
        for line in detail[:SHOWN]:
            print(f"#   {line}")
        if len(detail) > SHOWN:
            print(f"#   and {len(detail) - SHOWN} more")
        sys.stdout.flush()
        return good

    def none(self, name, complaints):
        """Good if nobody complains."""
        complaints = list(complaints)
        return self.say(not complaints, name, complaints)

    def same(self, name, got, want):
        return self.say(got == want, name, [f"got  {got!r}", f"want {want!r}"])

    def skip(self, name, why):
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {why}", flush=True)

    def done(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)

    def need_recorder(self):
        """Where nobody may record, there is nothing to test; where root may, a refusal is a failure."""
        if os.geteuid() != 0:
            self.skip("recording", "needs root")
            self.done()
        if not os.path.exists("/sys/kernel/btf/vmlinux"):
            self.skip("recording", "this kernel has no BTF")
            self.done()
        if not os.path.exists(os.path.join(os.path.dirname(REEL), "reel-record")):
            self.say(False, "reel-record is built")
            self.done()


def scaled(n):
    """So many rounds, as a word of a command line. A step may be run in each 64th round only."""
    return str(max(int(n * SCALE), 9))


def program(name):
    """A test program of this directory."""
    return os.path.join(PROGRAMS, name)


def run(argv, **more):
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(argv, check=False, **more)


def record(capture, argv, *options, **more):
    """The command under the recorder."""
    return run([REEL, "record", "-q", "-o", capture, *options, "--", *argv], **more)


def dump(capture, *options):
    """The events of a capture, in their order. A capture with losses is one as well."""
    with subprocess.Popen(
        [REEL, "dump", "--json", "-q", *options, capture], stdout=subprocess.PIPE
    ) as child:
        for line in child.stdout:
            yield json.loads(line)
        status = child.wait()
    if status not in (0, 4):
        raise RuntimeError(f"reel dump {capture}: status {status}")


def types():
    """What reel knows of each type of event: its class, its stream, ..."""
    lines = run([REEL, "list", "events", "--format", "json"]).stdout.splitlines()
    return {row["name"]: row for row in map(json.loads, lines)}


def output(done):
    """What a command said, for a complaint."""
    text = (done.stderr or b"") + b"\n" + (done.stdout or b"")[-2000:]
    return f"status {done.returncode}\n" + text.decode("utf-8", "replace")
