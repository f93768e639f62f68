#!/usr/bin/python3 -BS
# SPDX-License-Identifier: BSD-2-Clause
# record: -e +user
"""What crypto.policy shows, and what it must not take for it: crypto.py CASE DIR."""

import ctypes
import subprocess
import time

from stage import case, main, near, peek, run

MAKE = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
        "-days", "2")


def opens(*names):
    """A case that opens these files."""

    def act(stage):
        for name in names:
            peek(stage.file(name))

    return act


def files(rule, good, bad):
    for names, add in ((good, case(rule)), (bad, near(rule))):
        act = opens(*names)
        act.__name__ = rule.split()[1].replace("-", "_") + ("_opened" if names is good else "_alike")
        add(act)


files("crypto certificate opened", ("a.PEM", "b.der", "c.csr"), ("crt", "a.pem.txt", "d/server.key"))
files("crypto private key opened", ("A.Key", "b.p8", ".ssh/id_ed25519"),
      (".ssh/id_ed25519.pub", "key", "a.crt"))


@case("crypto keystore opened")
def keystore_opened(stage):
    opens("a.P12", "b.kdbx", ".gnupg/private-keys-v1.d/x.key")(stage)


@near("crypto keystore opened")
def keystore_alike(stage):
    opens("keystore", "a.kdbx.bak", "private-keys-v1.d")(stage)


@case("crypto library mapped")
def library(_):
    run("openssl", "version")


@near("crypto library mapped")
def library_read(stage):
    peek(stage.file("libssl.so.3"))
    run("/bin/true")


def until_looked_at(stage, name, library):
    """A new segment begins with how things are: this file open, this library mapped."""
    with open(stage.file(name), encoding="utf-8"):
        ctypes.CDLL(library)
        time.sleep(1.2)
        peek("/dev/null")
        time.sleep(0.2)


@case("crypto library in use", record="--segment-time 1s")
def library_there(stage):
    until_looked_at(stage, "x", "libcrypto.so.3")


@near("crypto library in use", record="--segment-time 1s")
def other_library_there(stage):
    until_looked_at(stage, "libssl.so.3", "libm.so.6")


@case("crypto file in use", record="--segment-time 1s")
def file_there(stage):
    until_looked_at(stage, "x.pem", "libm.so.6")


@near("crypto file in use", record="--segment-time 1s")
def other_file_there(stage):
    peek(stage.file("x.pem"))
    until_looked_at(stage, "x.txt", "libm.so.6")


@case("crypto random device opened")
def random(_):
    peek("/dev/urandom")


@near("crypto random device opened")
def no_random(_):
    peek("/dev/zero")


def server(stage, *more):
    """A TLS server for one visitor, on a loopback of its own."""
    stage.net()
    key, certificate = stage.path("k"), stage.path("c")
    run(*MAKE, "-keyout", key, "-out", certificate)
    argv = ["openssl", "s_server", "-accept", "127.0.0.1:4433", "-key", key, "-cert", certificate,
            "-naccept", "1", "-quiet", *more]
    with open(stage.path("ready"), "wb") as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    while run("/bin/sh", "-c", "grep -q ':1151 ' /proc/net/tcp") != 0:
        time.sleep(0.01)
    return child


def visit(*more):
    argv = ["openssl", "s_client", "-connect", "127.0.0.1:4433", *more]
    none = subprocess.DEVNULL
    subprocess.run(argv, input=b"Q\n", stdout=none, stderr=none, check=False)


@case("crypto TLS handshake")
def handshake(stage):
    child = server(stage)
    visit()
    child.wait()


@case("crypto TLS set up")
def set_up(stage):
    child = server(stage)
    visit()
    child.wait()


@case("crypto TLS handshake failed")
def handshake_failed(stage):
    child = server(stage, "-tls1_3")
    visit("-tls1_2")
    child.terminate()
    child.wait()


@case("crypto old TLS")
def old(stage):
    child = server(stage, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    visit("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    child.wait()


@near("crypto old TLS")
def current(stage):
    handshake(stage)


@near("crypto TLS handshake failed")
def handshake_well(stage):
    handshake(stage)


@near("crypto TLS handshake")
def no_handshake(stage):
    child = server(stage)
    child.terminate()
    child.wait()


@near("crypto TLS set up")
def nothing_set_up(_):
    run("openssl", "version")


main()
