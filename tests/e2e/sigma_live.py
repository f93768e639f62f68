#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 900
"""Sigma and Falco rules of others on what they are about, recorded: a user without rights and without a
network runs a script, the rules that are named fire, and on a twin that means no harm they do not.

sigma_live.py [WORD...] takes the scenarios that have one of these words in their name. The rules are
those of ../shared/rules (REEL_FOREIGN_RULES: elsewhere).
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import suite

RULES = os.environ.get("REEL_FOREIGN_RULES",
                       os.path.join(suite.SRC, os.pardir, "shared", "rules"))
NOBODY = 65534
PYTHON = "/usr/bin/python3"

# name, script, Sigma rules by their files, Falco rules by name, the twin. $D is a directory of its own
# in /tmp, and the home; scripts are run by sh from a file there.
SCENARIOS = [
    ("text from base64 is run", """
echo 'ZWNobyBoZWxsbwo=' | base64 -d > $D/art.sh
chmod +x $D/art.sh
$D/art.sh >/dev/null
""", ["proc_creation_lnx_base64_decode", "proc_creation_lnx_chmod_targeting_sensitive_directories",
      "lnx_auditd_file_or_folder_permissions"], [], "echo hello | base64 >/dev/null"),
    ("a byte is added", """
cp /bin/true $D/padded
dd if=/dev/zero bs=1 count=1 >> $D/padded 2>/dev/null
""", ["lnx_auditd_binary_padding"], [], "dd if=/dev/zero of=$D/file bs=1 count=1 2>/dev/null"),
    ("who is here", "users\nw >/dev/null\n", ["lnx_auditd_user_discovery"], [], "date >/dev/null"),
    ("who was here", "who -a >/dev/null\nid >/dev/null\n", ["lnx_auditd_user_discovery"], [],
     "/usr/bin/who >/dev/null"),
    ("a shell with another name", """
cp /bin/sh $D/crond
$D/crond -c true
""", ["lnx_auditd_masquerading_crond", "lnx_auditd_susp_cmds", "lnx_auditd_susp_exe_folders",
      "proc_creation_lnx_susp_execution_tmp_folder"], [], "cp /bin/ls $D/crond-list"),
    ("a hidden shell", """
mkdir $D/...
cp /bin/sh $D/.../sh
$D/.../sh -c true
""", ["proc_creation_lnx_susp_execution_tmp_folder", "lnx_auditd_susp_exe_folders"], [],
     "mkdir $D/... && ls $D/... >/dev/null"),
    ("a document that runs", """
printf '#!/bin/sh\\necho hello\\n' > $D/report.pdf.sh
chmod 0755 $D/report.pdf.sh
$D/report.pdf.sh >/dev/null
""", ["proc_creation_lnx_chmod_targeting_sensitive_directories",
      "lnx_auditd_file_or_folder_permissions"], [], "cat $D/script.sh >/dev/null"),
    ("files are served", f"timeout 1 {PYTHON} -m http.server 9090 >/dev/null 2>&1\ntrue\n",
     ["proc_creation_lnx_python_http_server_execution"], [], f"{PYTHON} -c 'print(1)' >/dev/null"),
    ("processes are listed", "ps > $D/loot.txt\nps aux >> $D/loot.txt\n",
     ["proc_creation_lnx_susp_running_process_discovery"], [], "ls > $D/list.txt"),
    ("a script is made in a temporary directory", """
echo 'echo hello' > $D/art.sh
chmod +x $D/art.sh
sh $D/art.sh >/dev/null
""", ["proc_creation_lnx_chmod_targeting_sensitive_directories"], [],
     "cd $D && echo > x && chmod +x x"),
    ("a command behind base64", "$(echo aWQ= | base64 -d) >/dev/null\n",
     ["proc_creation_lnx_base64_decode", "lnx_auditd_user_discovery"], [],
     "echo -d; base64 /dev/null"),
    ("awk starts a shell", "awk 'BEGIN {system(\"/bin/sh &\")}'\n",
     ["proc_creation_lnx_awk_shell_spawn"], [], "awk 'BEGIN {print 1}' >/dev/null"),
    ("a download to a temporary directory", """
wget -t 1 -T 1 -O $D/art http://127.0.0.1:9/art 2>/dev/null
true
""", ["proc_creation_lnx_wget_download_suspicious_directory",
      "file_event_lnx_wget_download_file_in_tmp_dir"], [], "wget --version >/dev/null"),
    ("the history is removed", "echo x > $D/.bash_history\nrm $D/.bash_history\n",
     ["proc_creation_lnx_susp_history_delete", "proc_creation_lnx_file_deletion",
      "lnx_auditd_susp_histfile_operations"], ["Delete or rename shell history"],
     "ls $D >/dev/null"),
    ("the history is emptied", "echo \"\" > $D/.bash_history\n", [],
     ["Delete or rename shell history"], "echo x >> $D/.bash_history"),
    ("the history is nowhere", "ln -sf /dev/null $D/.bash_history\n",
     ["lnx_auditd_susp_histfile_operations"], [], "ln -sf /dev/null $D/.nothing"),
    ("release of the system", "cat /etc/issue >/dev/null\nuname -a >/dev/null\n",
     ["lnx_auditd_system_info_discovery", "proc_creation_lnx_system_info_discovery"], [],
     "cat /etc/hostname >/dev/null"),
    ("a link to all that is sensitive", "ln -s /etc $D/link\n", [],
     ["Create Symlink Over Sensitive Files"], "ln -s /usr $D/link"),
    ("a name for all that is sensitive", "ln /etc/shadow $D/link 2>/dev/null\ntrue\n", [],
     ["Create Hardlink Over Sensitive Files"], "echo > $D/a; ln $D/a $D/b"),
    ("up and down the directories", f"""
{PYTHON} -c 'import os
os.chdir("/etc")
if not os.fork(): open("/etc/../etc/../etc/passwd").read()
else: os.wait()'
""", [], ["Directory traversal monitored file read"],
     f"{PYTHON} -c 'open(\"/etc/passwd\").read()'"),
    ("from shared memory", """
cp /bin/true /dev/shm/reel-live-$$
/dev/shm/reel-live-$$
rm /dev/shm/reel-live-$$
""", [], ["Execution from /dev/shm"], "echo > /dev/shm/reel-live-$$; rm /dev/shm/reel-live-$$"),
    ("from memory", f"""
{PYTHON} -c 'import os
fd = os.memfd_create("x")
os.write(fd, open("/bin/true", "rb").read())
os.execve(fd, ["x"], {{}})'
""", [], ["Fileless execution via memfd_create"], f"{PYTHON} -c 'import os\nos.memfd_create(\"x\")'"),
    ("credentials are looked for", "find $D -path '*/.aws/credentials'\n", [],
     ["Find AWS Credentials"], "find $D -name credentials.txt"),
    ("keys are looked for", "find $D -name id_rsa\n", [], ["Search Private Keys or Passwords"],
     "find $D -name rsa_id"),
    ("nobody may trace", f"{PYTHON} -c 'import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)'\n", [],
     ["PTRACE anti-debug attempt"], f"{PYTHON} -c 'import ctypes\nctypes.CDLL(None).getpid()'"),
    ("another is traced", f"""
{PYTHON} -c 'import ctypes, os, time
child = os.fork()
if not child:
    time.sleep(5)
    os._exit(0)
libc = ctypes.CDLL(None)
libc.ptrace(16, child, 0, 0)
os.kill(child, 9)
os.waitpid(child, 0)'
""", [], ["PTRACE attached to process"], f"{PYTHON} -c 'import os\nos.fork() or os._exit(0)\nos.wait()'"),
    ("bulk data is removed", "echo x > $D/x\nshred $D/x\n", [], ["Remove Bulk Data from Disk"],
     "echo x > $D/x\nrm $D/x"),
    ("a server starts a shell", """
ln -s /bin/dash $D/httpd
$D/httpd -c 'bash -c true; true'
""", [], ["Run shell untrusted"], "ln -s /bin/dash $D/worker\n$D/worker -c 'bash -c true; true'"),
    ("a database starts a program", """
ln -s /bin/dash $D/mysqld
$D/mysqld -c 'ls >/dev/null; true'
""", [], ["DB program spawned process"], "ln -s /bin/dash $D/worker\n$D/worker -c 'ls >/dev/null; true'"),
    ("a tool for networks", "ln -s /bin/true $D/nmap\n$D/nmap\n", [],
     ["Launch Suspicious Network Tool on Host"], "ln -s /bin/true $D/map\n$D/map"),
    ("crontab", "ln -s /bin/true $D/crontab\n$D/crontab -l\n", [], ["Schedule Cron Jobs"],
     "ln -s /bin/true $D/cron\n$D/cron -l"),
    ("as its owner", "cp /bin/true $D/x\nchmod u+s $D/x\n", [], ["Set Setuid or Setgid bit"],
     "cp /bin/true $D/x\nchmod u+x $D/x"),
    ("the shell's settings change", "cp /etc/hostname $D/.bashrc\n", [],
     ["Modify Shell Configuration File"], "cp /etc/hostname $D/bashrc"),
    ("sensitive files are read", "cat /etc/pam.d/* >/dev/null\n", [],
     ["Read sensitive file untrusted"], "cat /etc/hostname >/dev/null"),
]
# As two rules upstream have it by mistake: no path of Linux has a backslash there.
NEVER = """title: shell below a backslash
logsource: {product: linux, category: process_creation}
detection: {s: {'ParentImage|endswith': '\\bash'}, condition: s}
---
title: runtime below a backslash
logsource: {product: linux, category: process_creation}
detection: {s: {'Image|endswith': '\\node'}, condition: s}
"""


def titles():
    """Title of each Sigma rule by the name of its file."""
    out = {}
    for path in glob.glob(os.path.join(RULES, "sigma", "**", "*.yml"), recursive=True):
        with open(path, encoding="utf-8") as f:
            found = re.search(r"^title: *(.+?) *$", f.read(), re.M)
        out[os.path.basename(path)[:-4]] = found.group(1).strip("'\"")
    return out


class Live(suite.Suite):
    def __init__(self):
        super().__init__()
        self.titles = titles()
        self.falco = set()
        for path in glob.glob(os.path.join(RULES, "falco", "*.yaml")):
            with open(path, encoding="utf-8") as f:
                self.falco |= {m.strip() for m in re.findall(r"^- rule: *(.+)$", f.read(), re.M)}

    def record(self, name, text):
        """The script on tape; None: it was not, which was said."""
        place = tempfile.mkdtemp(prefix="reel-live-", dir="/tmp")
        try:
            script = os.path.join(place, "script.sh")
            with open(script, "w", encoding="utf-8") as f:
                f.write("D=" + place + "\nHOME=$D\ncd /\n" + text.strip() + "\n")
            for path in (place, script):
                os.chmod(path, 0o755)
                os.chown(path, NOBODY, NOBODY)
            capture = os.path.join(self.tmp, re.sub(r"\W+", "-", name) + ".reel")
            # Paths, so that nothing is looked for in PATH.
            done = suite.record(capture, [
                "/usr/bin/unshare", "-n", "/usr/bin/setpriv", f"--reuid={NOBODY}",
                f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", "--no-new-privs",
                "/bin/sh", script], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"})
        finally:
            shutil.rmtree(place, True)
        if done.returncode:
            self.say(False, f"{name}: recorded", suite.output(done))
            return None
        return capture

    def found(self, name, capture, *rules):
        done = suite.run([suite.REEL, "replay", "--json", *[w for r in rules for w in ("-r", r)],
                          capture])
        if done.returncode not in (0, 1, 4):
            self.say(False, f"{name}: replayed", suite.output(done))
            return None
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {row.get("title") or row["rule"] for row in rows if "finding" in row and not row.get("suppressed")}

    def scenario(self, name, script, sigma, falco, twin):
        wanted = [self.titles[s] for s in sigma if s in self.titles] + \
            [f for f in falco if f in self.falco]
        absent = [r for r in sigma + falco if r not in self.titles and r not in self.falco]
        if absent:
            self.skip(f"{name}: {', '.join(absent)}", "not among the shared rules")
        if not wanted:
            return
        for what, text, fires in ((name, script, True), (name + ", the twin", twin, False)):
            capture = self.record(what, text)
            rules = capture and self.found(what, capture, os.path.join(RULES, "sigma"),
                                           os.path.join(RULES, "falco"))
            if rules is None:
                continue
            wrong = [r for r in wanted if (r in rules) != fires]
            self.say(not wrong, f"{what}: {'fires' if fires else 'is quiet'}: {', '.join(wanted)}",
                     [f"{'does not fire' if fires else 'fires'}: {r}" for r in wrong] +
                     ["found: " + ", ".join(sorted(rules))])

    def never(self):
        path = os.path.join(self.tmp, "never.yml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(NEVER)
        done = suite.run([suite.REEL, "rules", "--json", path])
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        loaded = [r["title"] for r in rows if r.get("status") == "loaded"]
        self.same("rules with a backslash for a slash are loaded", loaded,
                  ["shell below a backslash", "runtime below a backslash"])
        capture = self.record("never", f"bash -c 'ls >/dev/null; true'\ncp /bin/true $D/node\n$D/node")
        if capture:
            self.same("and find nothing", self.found("never", capture, path), set())


def main():
    t = Live()
    if not t.titles or not t.falco:
        if os.environ.get("CI") == "true":
            t.say(False, "the rules are there", [f"{RULES} has none"])
        else:
            t.skip("rules of others", f"{RULES} is not there")
        t.done()
    t.need_recorder()
    if subprocess.run(["/usr/bin/unshare", "-n", "/usr/bin/true"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        t.skip("recording", "no namespace of one's own here")
        t.done()
    words = sys.argv[1:]
    for row in SCENARIOS:
        if not words or any(w in row[0] for w in words):
            t.scenario(*row)
    if not words:
        t.never()
    t.done()


main()
