#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Policies as people write them, made up: for measuring. Few of them ever match what gen makes.

	make_policies.py N [SEED]		N policies to standard output

Of twenty, eleven are one step and nine are told by several. The same N and SEED give the same bytes;
the first N of more are the same policies.
"""

import random
import sys

PROGRAMS = ("nc", "ncat", "socat", "nmap", "masscan", "xmrig", "kinsing", "tor", "rclone", "gost",
            "chisel", "frpc", "gdb", "strace", "insmod", "modprobe", "useradd", "passwd", "crontab",
            "at", "iptables", "tcpdump", "mknod", "chattr", "shred", "base64", "openssl", "gcc",
            "docker", "kubectl", "nsenter", "unshare", "systemctl", "auditctl", "setenforce")
SECRETS = ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/root/.ssh/id_rsa", "/root/.aws/credentials",
           "/var/lib/kubelet/pki", "/etc/krb5.keytab", "/root/.kube/config", "/etc/ssl/private")
PLACES = ("/tmp/", "/dev/shm/", "/var/tmp/", "/run/user/", "/usr/local/lib/", "/etc/cron.d/",
          "/etc/systemd/system/", "/etc/profile.d/", "/etc/ld.so.preload", "/etc/pam.d/", "/boot/",
          "/lib/modules/", "/var/spool/cron/", "/etc/init.d/", "/opt/")
WORDS = ("miner", "beacon", "implant", "stage", "loader", "agent", "dump", "hook", "rootkit", "shell",
         "drop", "keylog", "tunnel", "payload", "inject", "c2", "exfil", "backdoor", "scan", "wipe")
SERVERS = ("nginx", "apache2", "httpd", "php-fpm", "tomcat", "node", "postgres", "mysqld", "redis-server")
PORTS = (1337, 4444, 5555, 6666, 6667, 8333, 9001, 9050, 14444, 31337, 45700)
KEYS = ("family", "process", "user", "host", "container")


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def any(self, *of):
        return self.rng.choice(of[0] if len(of) == 1 else of)

    def some(self, of, n):
        return ", ".join(f'"{w}"' if isinstance(w, str) else str(w)
                         for w in self.rng.sample(of, n))

    def word(self):
        """One that no capture has by accident."""
        return f"{self.any(WORDS)}{self.any('-_.')}{self.rng.randrange(10000)}"

    def context(self):
        return self.any(
            f"parent.comm in ({self.some(SERVERS, 3)})",
            f'exe startswith "{self.any(PLACES)}"',
            f'not ancestor.exe endswith "/{self.any(PROGRAMS)}"',
            "uid == 0",
            "container.id exists",
            f'cwd startswith "{self.any(PLACES)}"',
            f'comm != "{self.any(SERVERS)}"',
            f'cmdline contains "{self.word()}"',
        )

    # One step each

    def executed(self):
        w = self.any(PROGRAMS)
        return self.any(
            f'exec {{ path endswith "/{w}", {self.context()} }}',
            f'exec {{ path endswith "/{w}", cmdline contains "{self.word()}" }}',
            f'exec {{ cmdline =~ "\\b{w}\\b.*-{self.any("elpxc")} ?{self.word()}" }}',
            f'exec {{ argv[0] == "{self.word()}", path startswith "{self.any(PLACES)}" }}',
            f'exec {{ argv == "--{self.word()}" or path == "/usr/bin/{self.word()}" }}',
            f'exec {{ path startswith "{self.any(PLACES)}{self.word()}" }}',
            f'exec {{ path glob "{self.any(PLACES)}*/{self.word()}*", {self.context()} }}',
            'exec { memfd, uid == 0, ' + self.context() + ' }',
        )

    def opened(self):
        return self.any(
            f'open {{ path == "{self.any(SECRETS)}", {self.context()} }}',
            f'open {{ path startswith "{self.any(PLACES)}", flags & O_CREAT, '
            f'path endswith ".{self.any("so", "ko", "elf", "sh", "py")}", {self.context()} }}',
            f'open {{ path contains "/.{self.word()}" }}',
            f'open {{ path =~ "^{self.any(PLACES)}[^/]+/\\.{self.any(WORDS)}[0-9]+$" }}',
            f'open {{ path =~ "(?i){self.any(WORDS)}[_-](cfg|conf|key){self.rng.randrange(1000)}" }}',
            f'open failed {{ path in ({self.some(SECRETS, 3)}), errno == EACCES }}',
            f'open {{ pathname startswith "{self.any(PLACES)}{self.any(WORDS)}", flags & O_CREAT|O_TRUNC }}',
        )

    def connected(self):
        return self.any(
            f"connect {{ port in ({self.some(PORTS, 3)}), not addr in 10.0.0.0/8 }}",
            f"connect {{ addr cidr (\"198.51.100.0/24\", \"203.0.113.{self.rng.randrange(200, 255)}/32\"), "
            f"port != 443, {self.context()} }}",
            f"connect {{ port == {self.any(PORTS)}, {self.context()} }}",
            f'connect {{ unix_path endswith "/{self.any("docker", "containerd", "crio")}.sock", uid != 0 }}',
        )

    def changed(self):
        return self.any(
            f'chmod {{ mode & 06000, path startswith "{self.any(PLACES)}" }}',
            f'unlink {{ path startswith "/var/log/{self.any(WORDS)}" }}',
            f'rename {{ path == "{self.any(SECRETS)}", {self.context()} }}',
            f'chown {{ path endswith "/{self.word()}" }}',
            f'link|symlink {{ path startswith "{self.any(PLACES)}{self.any(WORDS)}" }}',
            f'write {{ path startswith "{self.any(PLACES)}", content contains "{self.word()}" }}',
            f'truncate {{ path startswith "/var/log/{self.any(WORDS)}" }}',
        )

    def privileged(self):
        return self.any(
            f'setuid {{ euid < old_euid, comm == "{self.word()}" }}',
            f'ptrace {{ request == PTRACE_POKETEXT, {self.context()} }}',
            f'init_module|finit_module {{ name startswith "{self.any(WORDS)}" }}',
            f'memfd_create {{ name contains "{self.any(WORDS)}" }}',
            f'mount {{ path startswith "{self.any(PLACES)}", {self.context()} }}',
            f'mmap {{ path startswith "{self.any(PLACES)}", prot & PROT_EXEC, {self.context()} }}',
        )

    def step(self):
        return self.any(self.executed, self.executed, self.opened, self.opened, self.connected,
                        self.changed, self.privileged)()

    def by(self):
        return f"by {self.rng.choices(KEYS, (8, 5, 1, 1, 1))[0]}; "

    def told(self):
        """A path of several steps."""
        within = f"within {self.any(10, 30, 60, 300)}s; "
        return self.by() + self.any(
            lambda: f"{within}{self.step()} {self.step()}",
            lambda: f"{within}{self.step()} {self.step()} {self.step()}",
            lambda: f'{within}open {{ flags & O_CREAT, path startswith "{self.any(PLACES)}" }} as f\n'
                    f"\texec {{ path == f.path }} {self.connected()}",
            lambda: f'open {{ path startswith "{self.any(PLACES)}{self.any(WORDS)}" }} as f\n'
                    f"\tunless rename {{ path == f.path }} unlink {{ path == f.path }}",
            lambda: f"open failed {{ path in ({self.some(SECRETS, 3)}) }} "
                    f"count {self.rng.randrange(3, 20)} within 10s",
            lambda: f"connect attempted {{ port in ({self.some(PORTS, 4)}) }} "
                    f"count {self.rng.randrange(5, 30)} distinct addr within 60s",
            lambda: f"{within}all {{ {self.step()} {self.step()} }} {self.connected()}",
            lambda: f"{self.step()} {self.executed()} ? {self.connected()} : {self.opened()}",
            lambda: f"{within}unless exec {{ comm == \"{self.any(PROGRAMS)}\" }} "
                    f"{self.executed()} {self.privileged()}",
        )()

    def path(self, number):
        body = self.step() if self.rng.randrange(20) < 11 else self.told()
        severity = self.any("informational", "low", "medium", "high", "critical")
        tag = f"attack.t{1000 + self.rng.randrange(600)}"
        return (f'path "made {number}" {{\n\tseverity {severity}; '
                f'description "number {number} of those that were made up"; tags "{tag}"\n\t{body}\n}}\n')


def main(argv):
    if not 1 <= len(argv) <= 2:
        sys.exit("usage: make_policies.py N [SEED]")
    maker = Maker(int(argv[1]) if len(argv) > 1 else 1)
    for number in range(1, int(argv[0]) + 1):
        print(maker.path(number))


if __name__ == "__main__":
    main(sys.argv[1:])
