#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
"""The machine at a moment: processes_at() and its like against /proc, as a recorded scenario itself
saw it just then; and against the lives in a case of the same capture, at random moments."""

import collections
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

SRC = os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
GEN = os.path.join(os.environ.get("BENCH", os.path.join(SRC, ".output", "bench")), "gen")
EXTENSION = os.path.join(SRC, ".output", "reel")
TELL = os.path.join(os.path.dirname(GEN), "tell")
MOMENTS = 12

# 200 comes and goes; 210 leaves a child, 220 a mount; 230 comes twice; 240 is there for a while;
# 250 is of a parent that was never heard of, who stays.
COMING_AND_GOING = """\
0 1 process exe=/sbin/init
0 100 process ppid=1 exe=/bin/sh
1.0 100 fork child=200
1.1 200 exec path=/bin/true exe=/bin/true
1.2 200 exit
2.0 100 fork child=210
2.1 210 exec path=/bin/helper exe=/bin/helper
2.2 210 fork child=211
2.3 210 exit
3.0 100 fork child=220
3.1 220 mount source=none path=/m fstype=tmpfs
3.2 220 exit
4.0 100 fork child=230
4.1 230 exit
4.2 100 fork child=230
5.0 100 fork child=240
5.5 240 exit
6.0 999 fork child=250
6.1 250 exit
7.0 100 fork child=260
"""

tests = 0
failed = 0


def check(name, wrong):
    """WRONG is empty where it holds."""
    global tests, failed
    tests += 1
    failed += bool(wrong)
    print(f"{'not ' if wrong else ''}ok {tests} - {name}")
    for line in str(wrong).splitlines()[:12] if wrong else []:
        print(f"#   {line}")


# The scenario, which is recorded -----------------------------------------------------------------


def descriptors(pid):
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            path = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        # The directory that is being read is open for just as long.
        if path != f"/proc/{pid}/fd":
            found[int(name)] = path
    return found


def process(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        lines = dict(line.split(":", 1) for line in f)
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as f:
        mounts = [(m.split()[4], m.split(" - ")[1].split()[0]) for m in f]
    uids = lines["Uid"].split()
    return {"ppid": int(lines["PPid"]), "comm": lines["Name"].strip(), "uid": int(uids[0]),
            "euid": int(uids[1]), "gid": int(lines["Gid"].split()[0]),
            "cap_effective": int(lines["CapEff"].strip(), 16),
            "exe": os.readlink(f"/proc/{pid}/exe"), "cwd": os.readlink(f"/proc/{pid}/cwd"),
            "fds": descriptors(pid), "mounts": mounts,
            "mnt_ns": os.stat(f"/proc/{pid}/ns/mnt").st_ino}


class Scenario:
    def __init__(self):
        self.seen = []

    def look(self, name, pids, tcp=()):
        """Nothing happens just before and behind: events have the times of their calls' ends."""
        time.sleep(0.03)
        at = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self.seen.append({"name": name, "at": at, "tcp": list(tcp),
                          "processes": {pid: process(pid) for pid in pids}})
        time.sleep(0.03)

    def run(self, tmp):
        me = os.getpid()
        self.look("in the beginning", [me])
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = socket.create_connection(listener.getsockname())
        server, peer = listener.accept()
        client.sendall(b"hello")
        server.recv(10)
        here, there = listener.getsockname(), client.getsockname()
        tcp = [("listen", *here, None, None), ("connect", *there, *here), ("accept", *here, *peer)]
        self.look("connected over loopback", [me], tcp)
        with subprocess.Popen(["/bin/sh", "-c", f"cd /var; exec 7>{tmp}/redirected; exec 8<&7;"
                               " read x; exec sleep 100"], stdin=subprocess.PIPE) as child:
            time.sleep(0.3)
            self.look("a shell with redirections", [me, child.pid], tcp)
            child.stdin.write(b"go\n")
            child.stdin.flush()
            time.sleep(0.3)
            self.look("what it executed", [me, child.pid], tcp)
            pair = os.pipe()
            copy = os.dup(pair[0])
            os.dup2(pair[1], 50)
            os.close(pair[0])
            fork = os.fork()
            if fork == 0:
                os.close(50)
                os.setgid(65534)
                os.setuid(65534)
                os.chdir("/usr")
                time.sleep(100)
                os._exit(0)
            time.sleep(0.3)
            self.look("a child that is somebody else", [me, child.pid, fork], tcp)
            server.close()
            client.close()
            os.close(copy)
            with subprocess.Popen(["unshare", "-m", "/bin/sh", "-c", f"mkdir {tmp}/a {tmp}/b;"
                                   f" mount -t tmpfs t {tmp}/a; mount --bind /usr {tmp}/b;"
                                   " exec sleep 100"]) as space:
                time.sleep(0.6)
                # The child still has the connection.
                self.look("a mount namespace", [me, child.pid, fork, space.pid], tcp)
                space.kill()
            child.kill()
        os.kill(fork, 9)
        os.waitpid(fork, 0)
        time.sleep(0.2)
        self.look("in the end", [me], tcp[:1])
        with open(f"{tmp}/seen.json", "w", encoding="utf-8") as f:
            json.dump(self.seen, f)


# What the capture says ---------------------------------------------------------------------------


def connect(path=":memory:"):
    db = sqlite3.connect(path)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    return db


def compare_process(db, at, capture, pid, want):
    columns = ["ppid", "comm", "exe", "cwd", "uid", "euid", "gid", "cap_effective"]
    rows = db.execute(f"SELECT {', '.join(columns)}, certain FROM processes_at(?, ?)"
                      " WHERE pid = ?", [at, capture, pid]).fetchall()
    wrong = []
    if [list(r[:-1]) for r in rows] != [[want[c] for c in columns]] or not rows[0][-1]:
        wrong.append(f"process {pid}: {rows}")
    rows = db.execute("SELECT fd, path, certain FROM files_open_at(?, ?) WHERE pid = ?",
                      [at, capture, pid]).fetchall()
    told = {int(fd): path for fd, path in want["fds"].items()}
    # What an exec may have closed without a word is said to be uncertain.
    open_now = {fd: path for fd, path, certain in rows if certain or fd in told}
    wrong += [f"fd {fd} of {pid}: {open_now.get(fd)}, not {told.get(fd)}"
              for fd in sorted(open_now.keys() | told.keys())
              if open_now.get(fd) != told.get(fd)]
    mounted = collections.Counter(db.execute(
        "SELECT path, fstype FROM mounts_at(?, ?) WHERE mnt_ns = ?", [at, capture, want["mnt_ns"]]))
    told = collections.Counter(tuple(m) for m in want["mounts"])
    wrong += [f"mount {m} of {pid}" for m in (mounted - told) + (told - mounted)]
    return wrong


def compare_with_proc(capture, seen):
    db = connect()
    for moment in seen:
        at = f"@{moment['at']}"
        wrong = []
        for pid, want in moment["processes"].items():
            wrong += compare_process(db, at, capture, int(pid), want)
        tcp = set(db.execute("SELECT kind, laddr, lport, addr, port FROM sockets_at(?, ?)"
                             " WHERE proto = 'tcp'", [at, capture]))
        told = {tuple(t) for t in moment["tcp"]}
        if tcp != told:
            wrong.append(f"sockets {tcp}, not {told}")
        check(f"{moment['name']}: as /proc had it", "\n".join(wrong))


AS_OF = "(x.from_ns IS NULL OR x.from_ns <= :t) AND (x.to_ns IS NULL OR x.to_ns > :t)"
SAME = {
    "processes": ("SELECT pid, ppid, from_ts FROM processes_at(:t, :c)",
                  "SELECT pid, ppid, from_ts FROM process x WHERE "),
    "what they ran": ("SELECT pid, exe, argv FROM processes_at(:t, :c)",
                      "SELECT pid, x.exe, x.argv FROM image x JOIN process p ON p.id = x.process"
                      " WHERE "),
    "whose rights": ("SELECT pid, uid, euid, gid, cap_effective FROM processes_at(:t, :c)",
                     "SELECT pid, x.uid, x.euid, x.gid, x.cap_effective FROM credential x"
                     " JOIN process p ON p.id = x.process WHERE "),
    "descriptors": ("SELECT pid, fd, path FROM files_open_at(:t, :c)",
                    "SELECT pid, x.fd, path FROM fd x JOIN process p ON p.id = x.process"
                    " JOIN file f ON f.id = x.file WHERE "),
    "sockets": ("SELECT family, laddr, lport, addr, port, inode FROM sockets_at(:t, :c)",
                "SELECT family, laddr, lport, addr, port, inode FROM connection x WHERE "),
    "mounts": ("SELECT mnt_ns, path, fstype FROM mounts_at(:t, :c)",
               "SELECT mnt_ns, path, fstype FROM mount x WHERE "),
}


def compare_with_case(name, capture, tmp):
    """Where from_ns and to_ns of two events are the same, who comes first is not in a case."""
    case = os.path.join(tmp, "case.db")
    if os.path.exists(case):
        os.unlink(case)
    done = subprocess.run([REEL, "replay", "-q", "--no-rules", "-o", case, capture],
                          capture_output=True, check=False)
    check(f"{name}: a case", done.stderr if done.returncode not in (0, 4) else "")
    db = connect(case)
    # Before that, a case knows from later what nobody had told by then.
    first, = db.execute("SELECT min(time_ns) FROM event_keyframe(?) WHERE complete = 1",
                        [capture]).fetchone()
    last, = db.execute("SELECT max(to_ns) FROM boot").fetchone()
    draw = random.Random(name)
    moments = [draw.randint(first, last) for _ in range(MOMENTS)]
    # Keyframes that were made up do not tell every descriptor.
    for what, (at, lives) in SAME.items():
        if name == "made up" and what in ("descriptors", "sockets"):
            continue
        wrong = []
        for t in moments:
            now = collections.Counter(db.execute(at, {"t": t, "c": capture}))
            then = collections.Counter(db.execute(lives + AS_OF, {"t": t}))
            if now != then:
                wrong.append(f"{t}: only now {list(now - then)[:3]}, only then {list(then - now)[:3]}")
        check(f"{name}: {what} are the same in a case", "\n".join(wrong))


def compare_with_tale(tmp):
    capture = os.path.join(tmp, "coming-and-going")
    subprocess.run([TELL, "-o", capture], input=COMING_AND_GOING.encode(), check=True)
    db = connect(":memory:")
    db.execute("SELECT reel_open(?)", [capture]).fetchone()
    first, = db.execute("SELECT min(ts) FROM event_fork").fetchone()
    wrong = []
    for at, want in ((1.15, {200: "/bin/true"}), (1.3, {}), (3.3, {211: "/bin/helper"}),
                     (4.05, {211: "/bin/helper", 230: "/bin/sh"}), (4.15, {211: "/bin/helper"}),
                     (5.2, {211: "/bin/helper", 230: "/bin/sh", 240: "/bin/sh"}),
                     (7.1, {211: "/bin/helper", 230: "/bin/sh", 260: "/bin/sh", 999: None})):
        moment = f"@{first + int((at - 1) * 1e9)}"
        got = dict(db.execute("SELECT pid, exe FROM processes_at(?) WHERE pid NOT IN (1, 100)",
                              [moment]))
        if got != want:
            wrong.append(f"{at} s: {got}, not {want}")
        mounts = [row[0] for row in db.execute("SELECT path FROM mounts_at(?)", [moment])]
        if mounts != ["/m"] * (at > 3.1):
            wrong.append(f"{at} s: mounts {mounts}")
    check("who comes and goes, and what is left behind", "\n".join(wrong))


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMP")) as tmp:
        os.chmod(tmp, 0o755)
        capture = os.path.join(tmp, "scenario.reel")
        if os.getuid() == 0:
            # What others mount meanwhile, as tests beside this one do, is none of the scenario's.
            done = subprocess.run(["unshare", "--mount", "--propagation", "private", REEL, "record",
                                   "-q", "-o", capture, "--", "/usr/bin/python3",
                                   os.path.abspath(__file__), "--scenario", tmp],
                                  capture_output=True, text=True, check=False)
        if os.getuid() != 0 or done.returncode == 125:
            print(f"ok {tests + 1} - machine_at # SKIP nothing can be recorded here")
        else:
            check("the scenario ran", done.stderr if done.returncode else "")
            with open(f"{tmp}/seen.json", encoding="utf-8") as f:
                compare_with_proc(capture, json.load(f))
            compare_with_case("scenario", capture, tmp)
        compare_with_case("web-shell", os.path.join(SRC, "samples", "web-shell.rls"), tmp)
        if os.access(TELL, os.X_OK):
            compare_with_tale(tmp)
        if os.access(GEN, os.X_OK):
            made = os.path.join(tmp, "made")
            subprocess.run([GEN, "-o", made, "-n", "150K", "-s", "41", "--segment-size", "600K",
                            "--block-size", "64K"], stdout=subprocess.DEVNULL, check=True)
            compare_with_case("made up", made, tmp)
    print(f"1..{tests}")
    return failed != 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--scenario"]:
        Scenario().run(sys.argv[2])
    else:
        sys.exit(main())
