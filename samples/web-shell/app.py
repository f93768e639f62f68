# SPDX-License-Identifier: BSD-2-Clause
"""A page that looks up a host name. What it is asked for, it hands to a shell."""

import http.server
import os
import signal
import socketserver
import subprocess
import sys
import urllib.parse


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        host = query.get("host", ["localhost"])[0]
        found = subprocess.run("getent hosts " + host, shell=True, stdout=subprocess.PIPE)
        self.send_response(200)
        self.send_header("Content-Length", str(len(found.stdout)))
        self.end_headers()
        self.wfile.write(found.stdout)

    def log_message(self, form, *values):
        with open("/var/log/www/access.log", "a", encoding="utf-8") as log:
            log.write(f"{self.client_address[0]} {form % values}\n")


class Server(socketserver.TCPServer):
    allow_reuse_address = True


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with open("/srv/www/app.pid", "w", encoding="utf-8") as file:
    file.write(f"{os.getpid()}\n")
Server(("", 8080), Page).serve_forever()
