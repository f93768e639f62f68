# SPDX-License-Identifier: BSD-2-Clause
"""Rules of every shape, each with a tale that it hits, among other processes that do other things."""

BASE_NS = 1000 * 10 ** 9

FRAME = """\
0 1 process exe=/sbin/init
0 - account kind=user account_id=1000 name=alice
0 - account kind=user account_id=33 name=www
0 - container cgroup=77 container_id=c0ffee name=shop image=shop:1
0 100 process ppid=1 exe=/usr/sbin/sshd uid=0 cwd=/
0 101 process ppid=100 exe=/usr/bin/bash uid=1000 cwd=/home/alice argv=(bash,-i)
0 200 process ppid=1 exe=/usr/sbin/nginx uid=33 cwd=/srv argv=(nginx)
0 300 process ppid=1 exe=/usr/bin/shop uid=33 cgroup=77 cwd=/ argv=(shop)
0 301 process ppid=300 exe=/usr/bin/worker uid=33 cgroup=77 cwd=/ argv=(worker)
0 900 process ppid=1 exe=/usr/bin/cron uid=0 cwd=/ argv=(cron)
"""


class Shape:
    def __init__(self, name, policy, tale, story_ts, negative=(), reads_io=False):
        self.name, self.policy, self.tale, self.story_ts = name, policy, tale, story_ts
        self.negative, self.reads_io = set(negative), reads_io


# Each is (name, policy, story, options). In a story {c} is a pid that is free, {p} a path of its
# own, {port} a port; seconds are counted from its beginning.
SHAPES = (
    ("one step", 'path "r" { open { path == "{p}" } }',
     "1 101 open path={p}", {}),
    ("one step, a pattern", 'path "r" { exec { argv[1] =~ "^-c.*" and cmdline contains "{p}" } }',
     "1 101 fork child={c}\n2 {c} exec path=/bin/sh argv=(sh,-cx,{p})", {}),
    ("one step, not", 'path "r" { connect { not addr in 10.0.0.0/8, port == {port} } }',
     "1 200 connect addr=192.0.2.7 port={port}", {}),
    ("failed", 'path "r" { open failed { path == "{p}", errno == EACCES } }',
     "1 101 open path={p} ret=-EACCES", {}),
    ("glob and ends", 'path "r" { unlink { path glob "{p}*[x]" and path endswith "ax" } }',
     "1 101 unlink path={p}ax", {}),
    ("two fields", 'path "r" { rename { pathname == "{p}" or pathname == "{p}2" } }',
     "1 101 rename oldpath={p} path={p}2", {}),
    ("family, bound", 'path "r" { by family; within 60s; open { path startswith "{p}" } as f\n'
     'exec { path == f.path } connect { port == {port} } }',
     "1 101 fork child={c}\n2 {c} open path={p}z flags=O_CREAT|O_WRONLY\n"
     "3 101 fork child={d}\n4 {d} exec path={p}z\n5 {d} connect addr=192.0.2.9 port={port}", {}),
    ("process", 'path "r" { by process; open { path == "{p}" } unlink { path == "{p}" } }',
     "1 101 fork child={c}\n2 {c} open path={p}\n4 {c} exec path=/bin/x\n9 {c} unlink path={p}", {}),
    ("process, forever", 'path "r" { by process; open { path == "{p}" } '
     'unlink { path == "{p}" } within forever }',
     "1 101 fork child={c}\n2 {c} open path={p}\n4 {c} exec path=/bin/x\n39 {c} unlink path={p}",
     {}),
    ("user", 'path "r" { by user; open { path == "{p}" } unlink { path == "{p}" } }',
     "1 101 open path={p}\n2 101 fork child={c}\n3 {c} setsid\n4 {c} unlink path={p}", {}),
    ("user, changed", 'path "r" { by user; open { path == "{p}" } unlink { path == "{p}" } }',
     "1 101 open path={p}\n2 900 fork child={c}\n"
     "3 {c} setuid uid=1000 euid=1000 suid=1000 fsuid=1000\n4 {c} unlink path={p}", {}),
    ("host", 'path "r" { by host; open { path == "{p}" } unlink { path == "{p}" } }',
     "1 101 open path={p}\n4 200 unlink path={p}", {}),
    ("container", 'path "r" { by container; open { path == "{p}" } unlink { path == "{p}" } }',
     "1 300 open path={p}\n2 301 fork child={c} cgroup=77\n4 {c} unlink path={p}", {}),
    ("container, moved", 'path "r" { by container; open { path == "{p}" } unlink { path == "{p}" } }',
     "1 300 open path={p}\n2 900 fork child={c}\n3 900 cgroup_move target={c} cgroup=77\n"
     "4 {c} unlink path={p}", {}),
    ("family, setsid", 'path "r" { by family; open { path == "{p}" } unlink { path == "{p}" } }',
     "1 101 open path={p}\n2 101 fork child={c}\n3 {c} setsid\n4 {c} unlink path={p}", {}),
    ("family, grandchildren", 'path "r" { open { path == "{p}" } unlink { path == "{p}" } }',
     "1 101 fork child={c}\n2 {c} fork child={d}\n3 {c} exit\n4 {d} open path={p}\n"
     "5 101 unlink path={p}", {}),
    ("unless between", 'path "r" { open { path == "{p}" } unless chmod { path == "{p}" } '
     'unlink { path == "{p}" } }\npath "held back" { open { path == "{p}b" } '
     'unless chmod { path == "{p}b" } unlink { path == "{p}b" } }',
     "1 101 open path={p}\n3 101 unlink path={p}\n"
     "4 101 open path={p}b\n5 101 chmod path={p}b mode=0600\n6 101 unlink path={p}b",
     {"negative": ["held back"]}),
    ("unless of the whole", 'path "r" { unless chmod { path == "{p}" } open { path == "{p}" } '
     'unlink { path == "{p}" } }',
     "1 101 open path={p}\n3 101 unlink path={p}", {}),
    ("unless behind", 'path "r" { open { path == "{p}" } unless truncate {} within 4s }\n'
     'path "held back" { open { path == "{p}b" } unless chmod { path == "{p}b" } within 9s }',
     "1 900 open path={p}\n2 101 open path={p}b\n6 101 chmod path={p}b mode=0600\n"
     "30 900 open path=/etc/motd", {"negative": ["held back"]}),
    ("else", 'path "r" { open { path == "{p}" } exec { path == "/bin/then" } '
     '? block "x" { unlink { path == "{p}x" } } : block "y" { unlink { path == "{p}y" } } }\n'
     'path "held back" { open { path == "{p}" } chmod { path == "{p}c" } '
     '? block "x" { unlink { path == "{p}n" } } : block "y" { unlink { path == "{p}y" } } }',
     "1 101 open path={p}\n2 101 chmod path={p}c mode=0600\n3 101 unlink path={p}y",
     {"negative": ["held back"]}),
    ("then", 'path "r" { open { path == "{p}" } exec { path == "{p}e" } '
     '? block "x" { unlink { path == "{p}x" } } : block "y" { unlink { path == "{p}y" } } }',
     "1 101 open path={p}\n2 101 fork child={c}\n3 {c} exec path={p}e\n4 {c} unlink path={p}x", {}),
    ("count", 'path "r" { by process; open failed { path startswith "{p}" } count 4 within 10s }',
     "".join(f"{i} 101 open path={{p}}{i} ret=-ENOENT\n" for i in range(1, 5)), {}),
    ("count distinct", 'path "r" { connect attempted { addr == 192.0.2.77 } '
     'count 3 distinct port within 10s }',
     "1 101 connect addr=192.0.2.77 port=1\n2 101 connect addr=192.0.2.77 port=2\n"
     "3 101 connect addr=192.0.2.77 port=2\n4 101 connect addr=192.0.2.77 port=3", {}),
    ("all", 'path "r" { all { open { path == "{p}" } unlink { path == "{p}2" } '
     'chmod { path == "{p}3" } } connect { port == {port} } }',
     "1 101 unlink path={p}2\n2 101 chmod path={p}3 mode=0600\n3 101 open path={p}\n"
     "4 101 connect addr=192.0.2.4 port={port}", {}),
    ("any", 'path "r" { any { open { path == "{p}" } block "b" { unlink { path == "{p}" } '
     'chmod { path == "{p}" } } } connect { port == {port} } }',
     "1 101 unlink path={p}\n2 101 chmod path={p} mode=0600\n"
     "4 101 connect addr=192.0.2.4 port={port}", {}),
    ("exe", 'path "r" { connect { exe startswith "{p}", port == {port} } }',
     "1 101 fork child={c}\n2 {c} exec path={p}q\n20 {c} connect addr=192.0.2.4 port={port}", {}),
    ("exe of a fork", 'path "r" { connect { exe == "{p}q", port == {port} } }',
     "1 101 fork child={c}\n2 {c} exec path={p}q\n3 {c} fork child={d}\n4 {c} exit\n"
     "20 {d} connect addr=192.0.2.4 port={port}", {}),
    ("cmdline", 'path "r" { connect { cmdline contains "{p}", port == {port} } }',
     "1 101 fork child={c}\n2 {c} exec path=/bin/nc argv=(nc,-e,{p})\n"
     "20 {c} connect addr=192.0.2.4 port={port}", {}),
    ("argv, none", 'path "r" { connect { not argv == "-safe", exe == "/bin/nc", port == {port} } }',
     "1 101 fork child={c}\n2 {c} exec path=/bin/nc argv=(nc,-e,{p})\n"
     "20 {c} connect addr=192.0.2.4 port={port}", {}),
    ("comm", 'path "r" { unlink { comm == "evil{c}", path == "{p}" } }',
     "1 101 fork child={c}\n2 {c} prctl option=PR_SET_NAME text=evil{c}\n9 {c} unlink path={p}", {}),
    ("user's name", 'path "r" { unlink { user == "alice", path == "{p}" } }',
     "1 900 fork child={c}\n2 {c} setuid uid=1000 euid=1000 suid=1000 fsuid=1000\n"
     "9 {c} unlink path={p}", {}),
    ("cwd", 'path "r" { exec { cwd == "{p}" } }\npath "s" { unlink { cwd == "{p}", path == "{p}x" } }',
     "1 101 fork child={c}\n2 {c} chdir path={p}\n3 {c} exec path=/bin/ls cwd={p}\n7 {c} unlink path={p}x",
     {}),
    ("parent", 'path "r" { unlink { parent.exe == "{p}q", path == "{p}" } }',
     "1 101 fork child={c}\n2 {c} exec path={p}q\n3 {c} fork child={d}\n4 {d} exec path=/bin/rm\n"
     "5 {d} unlink path={p}", {}),
    ("ancestor", 'path "r" { unlink { ancestor.exe == "{p}q", path == "{p}" } }',
     "1 101 fork child={c}\n2 {c} exec path={p}q\n3 {c} fork child={d}\n4 {d} exec path=/bin/sh\n"
     "5 {d} fork child={e}\n6 {e} exec path=/bin/rm\n7 {e} unlink path={p}", {}),
    ("container's id", 'path "r" { unlink { container.id == "c0ffee", path == "{p}" } }',
     "1 301 fork child={c} cgroup=77\n9 {c} unlink path={p}", {}),
    ("on the host", 'path "r" { unlink { not container.id exists, path == "{p}" } }',
     "1 900 fork child={c}\n9 {c} unlink path={p}", {}),
    ("container's id, executed", 'path "r" { unlink { container.id == "c0ffee", path == "{p}" } }',
     "1 301 fork child={c} cgroup=77\n8 {c} exec path=/bin/rm\n9 {c} unlink path={p}", {}),
    ("container's id, moved", 'path "r" { unlink { container.id == "c0ffee", path == "{p}" } }',
     "1 900 fork child={c}\n2 900 cgroup_move target={c} cgroup=77\n8 {c} exec path=/bin/rm\n"
     "9 {c} unlink path={p}", {}),
    ("not in a container", 'path "r" { unlink { not container.id == "c0ffee", path == "{p}" } }\n'
     'path "held back" { unlink { not container.id == "c0ffee", path == "{p}2" } }',
     "1 900 fork child={c}\n2 {c} exec path=/bin/rm\n3 {c} unlink path={p}\n"
     "4 301 fork child={d} cgroup=77\n5 {d} exec path=/bin/rm\n6 {d} unlink path={p}2",
     {"negative": ["held back"]}),
    ("session", 'path "r" { unlink { sid == {c}, path == "{p}" } }',
     "1 900 fork child={c}\n2 {c} setsid\n3 {c} exec path=/bin/rm\n6 {c} unlink path={p}", {}),
    ("parent's number", 'path "r" { unlink { ppid == 900, path == "{p}" } }',
     "1 900 fork child={c}\n3 {c} exec path=/bin/rm\n6 {c} unlink path={p}", {}),
    ("cwd of a child", 'path "s" { unlink { cwd == "{p}", path == "{p}x" } }',
     "1 101 fork child={c}\n2 {c} chdir path={p}\n3 {c} fork child={d}\n4 {d} exec path=/bin/ls\n"
     "7 {d} unlink path={p}x", {}),
    ("bounding set", 'path "r" { unlink { not cap_bounding & CAP_SYS_ADMIN, path == "{p}" } }',
     "1 900 fork child={c}\n3 {c} exec path=/bin/rm\n6 {c} unlink path={p}", {}),
    ("name of a file", 'path "r" { close { path == "{p}" } }',
     "1 101 open path={p} dev=8 inode=4{c} ret=5\n3 101 close fd=5 dev=8 inode=4{c}", {}),
    ("name of a copy", 'path "r" { dup { path == "{p}" } }',
     "1 101 open path={p} dev=8 inode=4{c} ret=5\n3 101 dup fd=5 newfd=9 dev=8 inode=4{c}", {}),
    ("content", 'path "r" { write { content contains "evil {c}" } }',
     '1 101 write fd=4 path={p} dev=8 inode=4{c} content="some evil {c} text" ret=20',
     {"reads_io": True}),
    ("written and run", 'path "r" { write { path startswith "{p}" } as w\nexec { path == w.path } }',
     "1 101 write fd=4 path={p}w dev=8 inode=4{c} content=x ret=1\n2 101 fork child={c}\n"
     "3 {c} exec path={p}w", {"reads_io": True}),
    ("ids", 'path "r" { setuid { euid < old_euid } unlink { euid == 0, path == "{p}" } }',
     "1 101 fork child={c}\n2 {c} setuid uid=0 euid=0 suid=0 fsuid=0\n3 {c} unlink path={p}", {}),
    ("capabilities", 'path "r" { unlink { cap_effective & CAP_SYS_ADMIN, path == "{p}" } }',
     "1 900 fork child={c}\n2 {c} capset cap_effective=CAP_SYS_ADMIN cap_permitted=CAP_SYS_ADMIN\n"
     "3 {c} unlink path={p}", {}),
    ("itself", 'path "r" { unlink { path == exe, path == "{p}q" } }',
     "1 101 fork child={c}\n2 {c} exec path={p}q\n5 {c} unlink path={p}q", {}),
    ("number given again", 'path "r" { by process; open { path == "{p}" } unlink { exe == "{p}q" } }',
     "1 101 fork child={c}\n2 {c} exec path=/bin/a\n3 {c} exit\n4 900 fork child={c}\n"
     "5 {c} exec path={p}q\n6 {c} open path={p}\n7 {c} unlink path={p}", {}),
)


def name_of(seed):
    return SHAPES[seed % len(SHAPES)][0]


def noise(rng):
    """Lines of processes that have nothing to do with the story."""
    out, free = [], 5000
    living = [100, 101, 200, 300, 301, 900]
    for _ in range(rng.randrange(60, 200)):
        t = f"{rng.uniform(0.1, 70):.6f}"
        pid = rng.choice(living)
        cpu = rng.randrange(4)
        n = rng.randrange(1000)
        out.append((float(t), rng.choice((
            f"{pid}@{cpu} open path=/usr/lib/n{n} dev=8 inode={100000 + n} ret=3",
            f"{pid}@{cpu} close fd=3 dev=8 inode={100000 + n}",
            f"{pid}@{cpu} read fd=3 path=/usr/lib/n{n} dev=8 inode={100000 + n} ret=10",
            f"{pid}@{cpu} write fd=4 path=/var/log/n{n} dev=8 inode={200000 + n} content=line ret=4",
            f"{pid}@{cpu} connect addr=10.0.0.{n % 250} port=5432",
            f"{pid}@{cpu} rename oldpath=/var/n{n} path=/var/n{n}.old",
            f"{pid}@{cpu} unlink path=/var/n{n}.old",
            f"{pid}@{cpu} open path=/nowhere/n{n} ret=-ENOENT",
        ))))
    for _ in range(rng.randrange(2, 12)):
        t = rng.uniform(0.1, 60)
        parent, cpu = rng.choice(living), rng.randrange(4)
        group = " cgroup=77" if parent in (300, 301) else ""
        out += [(t, f"{parent}@{cpu} fork child={free}{group}"),
                (t + 0.001, f"{free}@{cpu} exec path=/usr/bin/n{free} argv=(n,{free})"),
                (t + 0.002, f"{free}@{cpu} open path=/etc/n{free}"),
                (t + 0.003, f"{free}@{cpu} exit")]
        free += 1
    return out


def make(rng, seed):
    name, policy, story, options = SHAPES[seed % len(SHAPES)]
    first = 1000 + rng.randrange(1000)
    words = {"c": first, "d": first + 1, "e": first + 2, "p": f"/story/{rng.randrange(10 ** 6)}/f",
             "port": rng.randrange(6000, 60000)}

    def fill(text):
        for key, value in words.items():
            text = text.replace("{" + key + "}", str(value))
        return text

    begin, speed = rng.uniform(1, 25), rng.choice((1, 1, 0.5))
    told, lines = set(), noise(rng)
    for line in fill(story).strip().splitlines():
        seconds, pid, rest = line.split(" ", 2)
        t = round(begin + float(seconds) * speed, 6)
        told.add(BASE_NS + int(round(t * 10 ** 6)) * 1000)
        lines.append((t, f"{pid}@{rng.randrange(4)} {rest}"))
    lines.sort()
    tale = FRAME + "".join(f"{t:.6f} {text}\n" for t, text in lines)
    return Shape(name, fill(policy) + "\n", tale, told, **options)
