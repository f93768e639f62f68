#!/usr/bin/python3 -BS
# SPDX-License-Identifier: BSD-2-Clause
# record: --io all --content 256 -e +user --env LD_PRELOAD --env LD_AUDIT --env LD_LIBRARY_PATH --env KUBERNETES_SERVICE_HOST
"""Everyday work, that all packs together must not take for anything else: quiet.py CASE DIR."""

import os
import subprocess
import sys

from stage import PYTHON, main, quiet, sh

MAKEFILE = """
all: hello linked
hello: main.o part.o
	cc -o $@ main.o part.o
libhello.so: part.c
	cc -shared -fPIC -o $@ part.c
linked: main.o libhello.so
	cc -o $@ main.o -L. -lhello
%.o: %.c
	cc -O2 -g -c -o $@ $<
install: all
	install -d out/bin out/lib
	install -m 755 hello out/bin/hello
	install -m 644 libhello.so out/lib/libhello.so
	strip out/bin/hello
	strip --strip-unneeded out/lib/libhello.so
clean:
	rm -f *.o hello linked libhello.so
"""
MAIN_C = """#include <stdio.h>
int part(void);
int main(void)
{
	return printf("%d\\n", part()) < 0;
}
"""
MAKE = """
cd $1
make -j2
./hello
LD_LIBRARY_PATH=. ./linked
make install
out/bin/hello
make clean
"""

VISITS = """
for n in 1 2 3; do
	curl -sS --retry 9 --retry-connrefused --retry-delay 1 -o $1/page$n http://127.0.0.1:8080/
done
curl -s http://127.0.0.1:8080/none
grep -q hello $1/page3
"""

CONTROL = """Package: reel-sample
Version: 1
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: a package that brings what packages bring
"""
POSTINST = """#!/bin/sh
set -e
chmod 640 /etc/sudoers.d/reel-sample
if [ -x /usr/sbin/update-rc.d ]; then update-rc.d reel-sample defaults || :; fi
update-alternatives --install /usr/bin/reel-alternative reel-alternative /usr/bin/reel-sample 10
ldconfig
cp /etc/hostname /etc/cron.daily/reel-made
"""
PRERM = """#!/bin/sh
update-alternatives --remove reel-alternative /usr/bin/reel-sample
rm -f /etc/cron.daily/reel-made
"""
BRINGS = ("cron.d/reel-sample", "init.d/reel-sample", "sudoers.d/reel-sample",
          "profile.d/reel-sample.sh", "systemd/system/reel-sample.service")
INSTALL = """
cd $1
mkdir -p p/usr/bin p/usr/lib
cp /bin/true p/usr/bin/reel-sample
cp /lib/x86_64-linux-gnu/libm.so.6 p/usr/lib/libreel-sample.so
dpkg-deb --build p p.deb
dpkg -i p.deb
/usr/bin/reel-sample
dpkg -P reel-sample
"""

ROTATE = """#!/bin/sh
cd /var/log
gzip -f sample.log.1
mv sample.log sample.log.1
: >sample.log
chmod 640 sample.log
chown root:adm sample.log
"""
CLEAN = """#!/bin/sh
find /var/log -name '*.gz' -mtime +30 -delete
df -P >/dev/null
"""
BACKUP = """#!/bin/sh
tar -czf %s/etc.tgz --exclude=shadow --exclude=gshadow /etc/cron* /etc/passwd
md5sum /etc/passwd >%s/passwd.md5
"""
NIGHT = """
setsid -w sh -c "cd / && run-parts $1/daily"
setsid -w sh -c "run-parts --report $1/hourly"
"""

# What is not there does not run.
MORNING = """
cd /root
ps aux; ls -la /etc /proc/self; id; df; uname -a; mount
cat /etc/passwd /etc/hosts
getent passwd root
grep -r PATH /etc/profile /etc/profile.d
sysctl kernel.randomize_va_space
crontab -l
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
chmod 700 .ssh
git init -q repo
cd repo
echo x >x
git add x
git -c user.name=x -c user.email=x@example.org commit -qm x
echo 'echo hello' >$1/x.sh
sh $1/x.sh
sudo -n true
perl -e 'print 1'
awk 'BEGIN { print 1 }'
bash -c 'kill -0 $$'
strace -o $1/trace true
gdb -batch -ex run --args true
exit 0
"""


def must(script, *args):
    """Each of its commands must succeed."""
    status = sh("set -e\n" + script, *args)
    if status:
        sys.exit(f"status {status}")


@quiet
def build(stage):
    """A program and a library, and their installation."""
    stage.file("Makefile", MAKEFILE)
    stage.file("main.c", MAIN_C)
    stage.file("part.c", "int part(void) { return 42; }\n")
    must(MAKE, stage.root)


@quiet
def web(stage):
    """A web server and its visitors."""
    stage.net()
    os.mkdir(stage.path("www"))
    stage.file("www/index.html", "<p>hello</p>\n")
    argv = [PYTHON, "-m", "http.server", "--bind", "127.0.0.1", "--directory", stage.path("www"), "8080"]
    none = subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=none, stdout=none, stderr=none) as server:
        must(VISITS, stage.root)
        server.terminate()


@quiet
def package(stage):
    """A package with a program, a library, a start script, jobs of cron and a rule of sudo."""
    for where in ("/etc", "/usr", "/var"):
        stage.over(where)
    stage.file("p/DEBIAN/control", CONTROL)
    stage.file("p/DEBIAN/postinst", POSTINST, 0o755)
    stage.file("p/DEBIAN/prerm", PRERM, 0o755)
    for name in BRINGS:
        stage.file("p/etc/" + name, "# a sample\n", 0o755)
    must(INSTALL, stage.root)


@quiet
def jobs(stage):
    """What cron does at night."""
    lines = "line\n" * 500
    stage.over("/var", files=[("log/sample.log", lines), ("log/sample.log.1", lines)])
    stage.file("daily/rotate", ROTATE, 0o755)
    stage.file("daily/clean", CLEAN, 0o755)
    stage.file("daily/backup", BACKUP % (stage.root, stage.root), 0o755)
    stage.file("hourly/clean", CLEAN, 0o755)
    must(NIGHT, stage.root)


@quiet
def administrator(stage):
    """What somebody does who looks after a machine."""
    stage.empty("/root")
    sh(MORNING, stage.root)


main()
