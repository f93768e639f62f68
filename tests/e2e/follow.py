#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
"""reel replay of a tape that is being written, and of pipes.

Most of it follows tales that are told while it goes on (tell --live); the end of it a real recorder,
where one may record.
"""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from suite import REEL, SRC, Suite  # noqa: E402

TELL = os.path.join(os.environ.get("BENCH", os.path.join(SRC, ".output", "bench")), "tell")
IN_TIME = 1.5
RELOAD_MS = 50


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def replace(path, text):
    """As an editor does that takes care."""
    write(path + ".tmp", text)
    os.rename(path + ".tmp", path)


def wait_for(condition, seconds=10.0):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            return False
        time.sleep(0.02)
    return True


def event_time(text):
    """Seconds; the nine digits behind them are more than datetime knows."""
    head, fraction = re.fullmatch(r"(.*)\.(\d+)Z", text).groups()
    return datetime.fromisoformat(head + "+00:00").timestamp() + float("0." + fraction)


class Followed:
    """A replay that goes on, and when each of its lines came."""

    def __init__(self, *args):
        self.lines, self.talk = [], []
        self.process = subprocess.Popen([REEL, "replay", "--json", "--follow", *args],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.threads = [threading.Thread(target=self.read, args=a) for a in
                        ((self.process.stdout, self.lines), (self.process.stderr, self.talk))]
        for t in self.threads:
            t.start()

    @staticmethod
    def read(pipe, to):
        for line in pipe:
            to.append((time.time(), line.decode(errors="replace").rstrip("\n")))

    def said(self, pattern, seconds=10.0):
        return wait_for(lambda: any(re.search(pattern, line) for _, line in self.talk), seconds)

    def end(self, number=None, seconds=60):
        if number:
            self.process.send_signal(number)
        self.process.wait(seconds)
        for t in self.threads:
            t.join()
        return self.process.returncode

    def objects(self, kind):
        return [(at, o) for at, o in ((at, json.loads(line)) for at, line in list(self.lines))
                if kind in o]

    def findings(self, rule=None):
        return [(at, o) for at, o in self.objects("finding") if rule in (None, o["rule"])]

    def verdict(self, rule):
        return next((o for _, o in self.objects("verdict") if o["rule"] == rule), {})

    def all_talk(self):
        return "\n".join(line for _, line in self.talk)


def tell_live(directory, tale):
    teller = subprocess.Popen([TELL, "--live", "-o", directory], stdin=subprocess.PIPE)
    teller.stdin.write(tale.encode())
    teller.stdin.close()
    wait_for(lambda: glob.glob(directory + "/*.rls"))
    return teller


def opens(times, pid=100):
    return "".join(f"{at} {pid} open path={path}\n" for at, path in times)


def ticks(seconds):
    """Somebody is always doing something."""
    return opens((f"{i / 5:.1f}", "/tick") for i in range(1, int(seconds * 5)))


PAIR = 'path "pair" {{ by host; within forever; open {{ path == "{}" }} open {{ path == "{}" }} }}\n'
SECRET = 'path "secret" { severity high; open { path == "/secret" } }\n'


def late(findings, waits=0.0):
    return [at - event_time(o["time"]) - waits for at, o in findings]


def check_late(suite, name, findings, waits=0.0):
    lags = late(findings, waits)
    suite.say(bool(lags) and all(-0.01 <= lag <= IN_TIME for lag in lags), name,
              [f"after {lag:.3f} s" for lag in lags] or ["there is none"])


def check_reload(suite):
    """What is kept, what begins anew, over good and bad files, lists, directories and SIGHUP."""
    os.mkdir("rules")
    write("rules/a.policy", PAIR.format("/one", "/two") + SECRET)
    changed = PAIR.replace("pair", "changed")
    write("rules/b.policy", changed.format("/one", "/three"))
    write("listed.txt", "/nothing\n")
    write("rules/c.policy", 'list bad from "../listed.txt"\n'
          'path "listed" { open { path in bad } }\n')
    teller = tell_live("a.reel", "0 100 process ppid=1\n" + ticks(12) + opens([
        (0.5, "/one"), (1.0, "/secret"), (6.0, "/two"), (6.1, "/four"), (6.2, "/listed"),
        (6.3, "/new"), (9.0, "/secret2"), (10.0, "/one"), (10.5, "/four")]))
    f = Followed("-r", "rules", "--metrics-file", "figures.prom", "a.reel")
    wait_for(lambda: f.findings("secret"))
    time.sleep(0.5)
    suite.same("no finding yet but one", [o["rule"] for _, o in f.findings()], ["secret"])

    # All at once: one rule changes, one file is new, a list gets longer, a comment moves the lines.
    replace("rules/b.policy", "# a line more\n" + changed.format("/one", "/four"))
    replace("rules/a.policy", "\n\n" + PAIR.format("/one", "/two") + SECRET)
    replace("listed.txt", "/nothing\n/listed\n")
    write("rules/d.policy", 'path "new" { open { path == "/new" } }\n')
    suite.say(f.said("5 rules loaded again"), "rules that change are loaded again", f.all_talk())
    times = [float(ms) for ms in re.findall(r"loaded again in ([0-9.]+) ms", f.all_talk())]
    suite.say(bool(times) and max(times) <= RELOAD_MS, f"within {RELOAD_MS} ms", f"{times}")

    f.process.send_signal(signal.SIGHUP)
    suite.say(f.said("the rules have not changed"), "SIGHUP looks at them at once", f.all_talk())
    write("rules/a.policy", PAIR.format("/one", "/two") + 'path "secret" { openn { } }\n')
    suite.say(f.said("a.policy:2:.*error") and f.said("the rules stay as they were"),
              "a bad file is named, and the old rules stay", f.all_talk())
    suite.say(wait_for(lambda: f.findings("pair")), "a rule that did not change kept its state")
    suite.say(wait_for(lambda: f.findings("listed") and f.findings("new")),
              "a longer list and a new file are taken")
    write("rules/a.policy", PAIR.format("/one", "/two") + SECRET.replace("/secret", "/secret2"))
    suite.say(f.said("1 are new or have changed, 1 are gone"), "a file that is right again is taken",
              f.all_talk())
    shutil.copy("figures.prom", "early.prom")
    status = f.end()
    teller.wait()
    suite.same("it ends with the tape, and says that there were findings", status, 1)
    check_late(suite, "findings come in time", f.findings())
    suite.same("a changed rule begins empty",
               [round(event_time(o["time"]) * 10) % 10 for _, o in f.findings("changed")],
               [round(event_time(o["time"]) * 10 + 45) % 10 for _, o in f.findings("pair")[:1]])
    suite.same("and its matches are those from there on", f.verdict("changed").get("matches"), 1)
    suite.say("since" in f.verdict("changed") and "since" in f.verdict("new"),
              "its verdict says since when", f"{f.verdict('changed')}")
    suite.say("since" not in f.verdict("pair"), "that of others does not", f"{f.verdict('pair')}")
    suite.same("each finding is shown once", sorted(o["rule"] for _, o in f.findings()),
               ["changed", "listed", "new", "pair", "secret", "secret"])
    check_figures(suite, f)


def figures(path):
    with open(path, encoding="utf-8") as file:
        return {k: float(v) for k, v in
                (line.rsplit(" ", 1) for line in file if not line.startswith("#"))}


def check_figures(suite, f):
    got, early = figures("figures.prom"), figures("early.prom")
    name = "reel_replay_finding_lag_seconds"
    want = {
        "reel_replay_findings_total{severity=\"high\"}": 2,
        "reel_replay_findings_total{severity=\"medium\"}": 4,
        "reel_replay_reloads_total": len(re.findall("loaded again", f.all_talk())),
        "reel_replay_bad_reloads_total": len(re.findall("the rules stay as", f.all_talk())),
        "reel_replay_lost_total": 0,
        "reel_replay_rules{verdict=\"hit\"}": 5,
        name + "_count": 6,
    }
    suite.none("figures", [f"{k} is {got.get(k)}, not {v}" for k, v in want.items()
                           if got.get(k) != v])
    ranges = {
        name + "{quantile=\"0.5\"}": (0, IN_TIME), name + "{quantile=\"0.99\"}": (0, IN_TIME),
        "reel_replay_memory_bytes": (1 << 20, 1 << 28), "reel_replay_event_lag_seconds": (0, 5),
        "reel_replay_events_total": (60, 200), "reel_replay_blind_seconds{rule=\"pair\"}": (0, 0.1),
    }
    suite.none("figures that differ", [f"{k} is {got.get(k)}" for k, (low, high) in ranges.items()
                                       if not low <= got.get(k, -1) <= high])
    suite.say(0 < early["reel_replay_events_total"] < got["reel_replay_events_total"] and
              early["reel_replay_events_per_second"] > 1, "they are written while it goes on",
              f"{early}")
    suite.same("nothing else is left beside the file", glob.glob("figures.prom?*"), [])


def check_keep(suite):
    """What waits is found in time; and the tape around findings is kept."""
    write("k.policy", 'path "no/answer" { by host; open { path == "/ask" } '
          'unless open { path == "/answer" } within 1s }\n' + SECRET)
    teller = tell_live("k.reel", "0 100 process ppid=1\n" + ticks(6) + opens([
        (1.0, "/ask"), (1.5, "/answer"), (2.0, "/ask"), (4.0, "/secret")]))
    f = Followed("-r", "k.policy", "--keep", "kept", "--after", "500ms", "--warn-memory", "1K",
                 "--warn-lag", "1ms", "k.reel")
    suite.say(wait_for(lambda: glob.glob("kept/no_answer-*Z.reel")),
              "the tape around a finding is kept, by a name that does no harm", f.all_talk())
    f.end()
    teller.wait()
    check_late(suite, "what waits for something not to come is found in time",
               f.findings("no/answer"), waits=1.0)
    suite.same("and not where it came", len(f.findings("no/answer")), 1)
    kept = sorted(glob.glob("kept/*"))
    suite.same("each story is kept once", [k.split("-")[0] for k in kept],
               ["kept/no_answer", "kept/secret"])
    suite.none("what is kept is sound", [k for k in kept if subprocess.run(
        [REEL, "verify", "-q", k], capture_output=True).returncode not in (0, 4)])
    for k, rule in zip(kept, ("no/answer", "secret")):
        dumped = subprocess.run([REEL, "dump", "-q", "--json", k], capture_output=True).stdout
        ids = {json.loads(line)["id"] for line in dumped.splitlines()}
        want = {e["event"]["id"] for _, o in f.findings(rule) for e in o["evidence"]}
        suite.say(bool(want) and want <= ids, f"with the events of {rule}", f"{want - ids}")
    suite.same("too much memory is said, once", len(re.findall("memory are used", f.all_talk())), 1)
    suite.say(f.said("warning: the tape is looked at"), "and what comes late", f.all_talk())


def check_signals(suite):
    """An end that somebody asked for."""
    write("s.policy", PAIR.format("/one", "/two"))
    teller = tell_live("s.reel", "0 100 process ppid=1\n" + ticks(30))
    for number, name in ((signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")):
        f = Followed("-r", "s.policy", "s.reel")
        time.sleep(0.5)
        status = f.end(number)
        suite.same(f"{name} ends it with verdicts",
                   (status in (0, 4), f.verdict("pair").get("verdict") in ("clean", "clean except")),
                   (True, True))
    os.unlink("s.policy")
    write("s2.policy", PAIR.format("/one", "/two"))
    f = Followed("-r", "s2.policy", "s.reel")
    time.sleep(0.3)
    os.unlink("s2.policy")
    suite.say(f.said("cannot read.*the rules stay"), "rules that are gone stay loaded",
              f.all_talk())
    write("s2.policy", PAIR.format("/one", "/tick"))
    suite.say(f.said("1 rules loaded again"), "and come back", f.all_talk())
    f.end(signal.SIGTERM)

    replace("s2.policy", PAIR.format("/one", "/two"))
    f = Followed("-r", "s2.policy", "s.reel")
    wait_for(lambda: False, 1.5)
    teller.kill()
    teller.wait()
    suite.same("it ends when the recorder dies, and says where it could not see", f.end(), 4)
    suite.same("which is the end", {i["reason"] for i in f.verdict("pair").get("intervals", [])},
               {"end"})


def replayed(*args, stdin=None):
    done = subprocess.run([REEL, "replay", "--json", *args], stdin=stdin, capture_output=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        for key in ("capture_hash", "captures", "blocks", "events", "candidates"):
            line.get("summary", {}).pop(key, None)
    return done.returncode, lines


def differences(got, want, where=""):
    """Where two things of JSON differ, a line each."""
    if isinstance(got, dict) and isinstance(want, dict):
        for key in sorted(got.keys() | want.keys()):
            yield from differences(got.get(key), want.get(key), f"{where}.{key}")
    elif isinstance(got, (list, tuple)) and isinstance(want, (list, tuple)) and \
            len(got) == len(want):
        for i, (one, other) in enumerate(zip(got, want)):
            yield from differences(one, other, f"{where}[{i}]")
    elif got != want:
        yield f"{where}: {got!r:.200}, not {want!r:.200}"


def without_hindsight(answer):
    """A file tells of losses before the events that they are told behind; a pipe cannot. So it may
    take for certain, until it is told, what is in doubt already; and says so in the end."""
    status, lines = answer
    if any(line["summary"]["lost"] for line in lines if "summary" in line):
        for line in lines:
            line.pop("despite", None)
            line.pop("clear", None)
            if "intervals" in line:
                line["intervals"] = [i for i in line["intervals"] if i["reason"] != "process"]
    return status, lines


def check_pipes(suite):
    """A pipe gives what the file gives."""
    write("p.policy", 'path "opened" { by process; open { } ..\n close { } }\n'
          'path "run" { exec { } }\npath "talks" { by host; any { connect { } send { } } exit { } }\n'
          'path "silent" { by host; fork { } unless exec { } within 2s }\n')
    tale = "0 100 process ppid=1\n" + "".join(
        f"{i / 10:.1f} 100 {kind}\n" for i in range(1, 400)
        for kind in (f"open path=/f{i % 7} flags=O_CREAT|O_WRONLY", "close fd=3"))
    done = subprocess.run([TELL, "-o", "p.reel", "--block-bytes", "8K", "--segment-at", "17"],
                          input=tale.encode(), capture_output=True)
    suite.same("a tale is told", (done.returncode, done.stderr), (0, b""))
    captures = ["p.reel", os.path.join(SRC, "samples", "web-shell.rls")]
    golden = os.path.join(SRC, "tests", "golden")
    captures += sorted(glob.glob(golden + "/*.rls"))
    captures += sorted({os.path.dirname(d) for d in glob.glob(golden + "/*/*.rls")})
    for capture in captures:
        by_file = replayed("-r", "p.policy", capture)
        if by_file[0] not in (0, 1, 4):
            continue
        paths = sorted(glob.glob(capture + "/*.rls")) or [capture]
        name = os.path.basename(capture)
        with subprocess.Popen(["cat", *paths], stdout=subprocess.PIPE) as cat:
            by_pipe = replayed("-r", "p.policy", "-", stdin=cat.stdout)
        if name in ("p.reel", "web-shell.rls"):
            suite.same(f"{name}: there is something to find", by_file[0], 1)
        health = subprocess.run([REEL, "verify", "-q", capture], capture_output=True).returncode
        more_clear = [f"{x['rule']}: {x['clear']}, not {y['clear']}"
                      for x, y in zip(by_pipe[1], by_file[1])
                      if "verdict" in x and "verdict" in y and x["clear"] > y["clear"]]
        if health == 0:
            suite.none(f"{name}: a pipe gives what the file gives", differences(
                without_hindsight(by_pipe), without_hindsight(by_file)))
            suite.none(f"{name}: and claims no more", more_clear)
            if name in ("p.reel", "web-shell.rls"):
                status, lines = replayed("-r", "p.policy", "--follow", capture)
                suite.same(f"{name}: and so does following it",
                           (status, {o["finding"] for o in lines if "finding" in o}),
                           (by_file[0], {o["finding"] for o in by_file[1] if "finding" in o}))
            continue
        # Where something is broken, no more may be claimed than of the file.
        clean = {o["rule"] for o in by_pipe[1] if o.get("verdict") == "clean"}
        unsure = {o["rule"] for o in by_file[1] if "verdict" in o and o["verdict"] != "clean"}
        suite.same(f"{name}: a pipe claims no more than the file", clean & unsure, set())


def check_recorder(suite):
    """The real one."""
    if os.geteuid() != 0 or not os.path.exists("/sys/kernel/btf/vmlinux"):
        suite.skip("a recorder that is followed", "needs root, and a kernel with BTF")
        return
    directory = os.getcwd()
    write("r.policy", f'path "read" {{ open {{ path == "{directory}/bait" }} }}\n')
    write("bait", "")
    recorder = subprocess.Popen([REEL, "record", "-q", "-o", "r.reel", "--", "sh", "-c",
                                 "for i in 1 2 3 4; do sleep 1; cat bait; done; sleep 2"])
    wait_for(lambda: glob.glob("r.reel/*.rls"))
    f = Followed("-r", "r.policy", "--keep", "r.kept", "--after", "1s", "r.reel")
    recorder.wait()
    status = f.end()
    suite.same("what is recorded is found while it goes on", (status, len(f.findings())), (1, 4))
    check_late(suite, "in time", f.findings())
    suite.same("and its capture is named at the end", len([
        o for _, o in f.objects("summary") if o["summary"]["capture_hash"]]), 1)
    suite.say(bool(glob.glob("r.kept/read-*.reel")), "and kept", f.all_talk())

    # Nothing else is recorded, so that only the recorder itself can say that time has passed.
    shutil.copy("/bin/cat", "quietcat")
    write("q.policy", f'path "no answer" {{ open {{ path == "{directory}/bait" }} '
          'unless unlink { } within 1s }\n')
    recorder = subprocess.Popen([REEL, "record", "-q", "-o", "q.reel", "-n", "quietcat", "-d", "12"])
    wait_for(lambda: glob.glob("q.reel/*.rls"))
    f = Followed("-r", "q.policy", "q.reel")
    time.sleep(2)
    subprocess.run(["./quietcat", "bait"], check=True)
    suite.say(wait_for(lambda: f.findings(), 7), "a quiet tape goes on, too", f.all_talk())
    recorder.wait()
    f.end()

    ready, told = os.pipe()
    recorder = subprocess.Popen([REEL, "record", "-q", "-o", "-", "-n", "quietcat", "-d", "8",
                                 "--ready-fd", str(told)], stdout=subprocess.PIPE, pass_fds=[told])
    replay = subprocess.Popen([REEL, "replay", "--json", "--follow", "-r", "r.policy", "-"],
                              stdin=recorder.stdout, stdout=subprocess.PIPE)
    recorder.stdout.close()
    os.close(told)
    os.read(ready, 1)
    os.close(ready)
    subprocess.run(["./quietcat", "bait"], check=True)
    line = json.loads(replay.stdout.readline())
    check_late(suite, "and through a pipe", [(time.time(), line)])
    replay.stdout.read()
    suite.same("which ends with the recorder", (recorder.wait(), replay.wait()), (0, 1))


def check_misuse(suite):
    write("m.policy", SECRET)
    for words in (["--keep", "kept", "x.reel"], ["--metrics-file", "f", "x.reel"],
                  ["--follow", "x.reel", "y.reel"], ["--follow", "--keep", "kept", "-"]):
        done = subprocess.run([REEL, "replay", "-r", "m.policy", *words], capture_output=True,
                              stdin=subprocess.DEVNULL)
        suite.same(f"refused: {' '.join(words)}", done.returncode, 2)


def main():
    suite = Suite()
    for check in (check_reload, check_keep, check_signals, check_pipes, check_recorder,
                  check_misuse):
        check(suite)
    suite.done()


if __name__ == "__main__":
    main()
