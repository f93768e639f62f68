#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A name is looked up and connected to, in a network of its own, and recorded: Sigma's rules find the
connection by that name, not by that of another, and say so where DNS was not recorded."""

import json
import os
import subprocess

import suite

NAME, ADDRESS = "tunnel.us.Ngrok.test", "127.0.0.9"
# Who asks is not who answers, and a program that begins in the capture.
SCRIPT = f"""
import fcntl, os, socket, struct, sys
if len(sys.argv) > 1:
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.connect(("127.0.0.1", 53))
    labels = b"".join(bytes([len(p)]) + p.encode() for p in "{NAME}".split("."))
    asker.send(b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0" + labels + b"\\0\\0\\1\\0\\1")
    answer = asker.recv(512)
    asker.close()
    for address in (socket.inet_ntoa(answer[-4:]), "127.0.0.8"):
        socket.create_connection((address, 443)).close()
    sys.exit()
up = struct.pack("16sH14x", b"lo", 1)
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, up)
resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
resolver.bind(("127.0.0.1", 53))
server = socket.create_server(("0.0.0.0", 443), backlog=2)
child = os.fork()
if not child:
    os.execv(sys.executable, [sys.executable, sys.argv[0], "ask"])
question, peer = resolver.recvfrom(512)
resolver.sendto(question[:2] + b"\\x81\\x80\\0\\1\\0\\1" + question[8:] + b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" +
                socket.inet_aton("{ADDRESS}"), peer)
for _ in range(2):
    server.accept()[0].close()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
RULES = """title: by its name
logsource: {product: linux, category: network_connection}
detection: {s: {'DestinationHostname|endswith': .NGROK.test}, condition: s}
---
title: by no name
logsource: {product: linux, category: network_connection}
detection: {s: {DestinationHostname: null, Initiated: 'true', DestinationPort: 443}, condition: s}
---
title: by another name
logsource: {product: linux, category: network_connection}
detection: {s: {DestinationHostname: example.org}, condition: s}
"""


def replay(rules, capture):
    """(the address of each finding by its rule, verdicts)"""
    done = suite.run([suite.REEL, "replay", "--json", "--all", "-r", rules, capture])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    found = {}
    for row in rows:
        if "finding" in row:
            found.setdefault(row["rule"], []).append(row["evidence"][0]["event"]["addr"])
    return found, {r["rule"]: r for r in rows if "verdict" in r}


def main():
    t = suite.Suite()
    t.need_recorder()
    if subprocess.run(["/usr/bin/unshare", "-n", "/usr/bin/true"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        t.skip("recording", "no namespace of one's own here")
        t.done()
    script, rules = os.path.join(t.tmp, "ask.py"), os.path.join(t.tmp, "rules.yml")
    for path, text in ((script, SCRIPT), (rules, RULES)):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    for options in ((), ("--no-dns",)):
        capture = os.path.join(t.tmp, "capture" + "".join(options))
        done = suite.record(capture, ["/usr/bin/unshare", "-n", "/usr/bin/python3", script], *options)
        if done.returncode:
            t.say(False, "recorded " + " ".join(options), suite.output(done))
            continue
        found, verdicts = replay(rules, capture)
        if options:
            t.same("without DNS nothing is found by a name, or by none", found, {})
            t.same("and no rule that asks for one can be decided",
                   {v["verdict"] for v in verdicts.values()}, {"not evaluable"})
            continue
        t.same("the connection is found by the name that was looked up, the other by none", found,
               {"by its name": [ADDRESS], "by no name": ["127.0.0.8"]})
        t.same("by another name there is none", verdicts["by another name"]["verdict"], "clean")
    t.done()


main()
