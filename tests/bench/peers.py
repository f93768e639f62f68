# SPDX-License-Identifier: BSD-2-Clause
"""What others use, taken out of Debian's packages and installed nowhere: for the guest, which sees
them where they are unpacked, and for reading here what was recorded there."""

import glob
import importlib.machinery
import importlib.util
import os
import shutil
import subprocess

PACKAGES = ["sysdig", "auditd", "trace-cmd", "gnuplot-nox"]
MODULE_PACKAGE = "falcosecurity-scap-dkms"
PLACES = ["usr/bin", "usr/sbin", "sbin", "bin"]
LIBRARIES = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
# What the guest has of its own, so that it does not see this machine's.
HIDDEN = ["/tmp/", "/var/tmp/", "/run/", "/dev/", "/etc/"]


class Unable(Exception):
    """Why not, as the tables say it."""


def quietly(argv, cwd=None):
    done = subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True, errors="replace",
                          env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["it says nothing"])[-1]
        raise Unable(f"{argv[0]}: {last}")
    return done.stdout


def kernel(ctx):
    """The kernel of the tests, unpacked: its directory."""
    path = os.path.join(ctx.src, "tests", "kernel", "vm")
    loader = importlib.machinery.SourceFileLoader("vm", path)
    vm = importlib.util.module_from_spec(importlib.util.spec_from_loader("vm", loader))
    loader.exec_module(vm)
    try:
        return vm.kernel()
    except vm.Unable as e:
        raise Unable(str(e)) from e


def unpack(root, packages):
    """Each once, whoever asks."""
    debs = os.path.join(root, "debs")
    os.makedirs(debs, exist_ok=True)
    for package in packages:
        if glob.glob(os.path.join(debs, package + "_*.deb.done")):
            continue
        quietly(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package], cwd=debs)
        deb = glob.glob(os.path.join(debs, package + "_*.deb"))[0]
        quietly(["dpkg", "-x", deb, root])
        open(deb + ".done", "w", encoding="utf-8").close()
        os.unlink(deb)


def not_installed(packages):
    """Those and what they need, as far as it is not on this machine."""
    said = quietly(["apt-get", "-s", "-q", "--no-install-recommends", "install", *packages])
    return [line.split()[1] for line in said.splitlines() if line.startswith("Inst ")]


class Peers:
    """Programs of others, where they are."""

    def __init__(self, ctx):
        self.ctx = ctx
        self.root = os.path.join(ctx.cache, "deb", "peers")
        self.visible = not any(self.root.startswith(p) for p in HIDDEN)
        try:
            unpack(self.root, not_installed(PACKAGES))
        except (Unable, OSError, IndexError) as e:
            ctx.missing(", ".join(PACKAGES), f"not to be had: {e}")
        self.environment = {"LD_LIBRARY_PATH": ":".join(os.path.join(self.root, d)
                                                        for d in LIBRARIES)}

    def path(self, name):
        """Of a program, or None."""
        here = [os.path.join(self.root, p) for p in PLACES]
        return shutil.which(name, path=":".join([*here, os.environ.get("PATH", ""), "/usr/sbin"]))

    def argv(self, name):
        """How it is begun, or None. It finds its libraries; its version is kept."""
        path = self.path(name)
        if not path:
            self.ctx.missing(name, "it is not there")
            return None
        argv = [path]
        if path.startswith(self.root):
            argv = ["/usr/bin/env", *(f"{k}={v}" for k, v in self.environment.items()), path]
        # A daemon could take the question for a reason to begin.
        if name not in self.ctx.tools and name != "auditd":
            self.ctx.tools[name] = version(argv)
        return argv

    def scap_module(self, tree):
        """sysdig's kernel module, built for the kernel in that directory."""
        release = os.path.basename(glob.glob(os.path.join(tree, "lib/modules/*"))[0])
        built = os.path.join(self.root, "scap", release, "scap.ko")
        if os.path.exists(built):
            return built
        headers = f"linux-headers-{release}"
        common = headers.replace("-cloud-amd64", "-common")
        unpack(self.root, [headers, common, "linux-kbuild-" + ".".join(release.split(".")[:2]),
                           MODULE_PACKAGE])
        source = os.path.join(self.root, "usr", "src")
        makefile = os.path.join(source, headers, "Makefile")
        with open(makefile, "w", encoding="utf-8") as f:
            f.write(f"include {source}/{common}/Makefile\n")
        place = os.path.dirname(built)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(glob.glob(os.path.join(source, "scap-*"))[0], place)
        quietly(["make", "-C", os.path.join(source, headers), "M=" + place, "modules"])
        return built


def version(argv):
    """The first word of what it says of itself that looks like one."""
    for how in ("--version", "-v", "version"):
        done = subprocess.run([*argv, how], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, text=True, errors="replace")
        for word in done.stdout.replace("(", " ").split():
            if word[0].isdigit() and "." in word:
                return word
    return "?"
