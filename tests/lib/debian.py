"""A clean Debian 12 for tests that install or build in one: an archive of its root file system, made of packages once a
day. Where that cannot be, the tests that need it are skipped and say why."""

import fcntl
import os
import shutil
import time
import unittest

from harness import run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
AGE_SECONDS_MAX = 24 * 3600


def archive():
    """The path of the archive. Raises unittest.SkipTest."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("making a root file system needs root")
    if not shutil.which("mmdebstrap"):
        raise unittest.SkipTest("there is no mmdebstrap here")
    os.makedirs(BUILD, exist_ok=True)
    path = os.path.join(BUILD, "debian.tar")
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path) or time.time() - os.path.getmtime(path) > AGE_SECONDS_MAX:
            make(path)
    return path


def make(path):
    new = path.removesuffix(".tar") + ".new.tar"
    done = run("mmdebstrap", "--quiet", "--variant=apt", "bookworm", new, check=False, timeout=600)
    if done.returncode != 0:
        raise unittest.SkipTest("mmdebstrap cannot make a Debian here: " + done.stderr.decode()[-300:].strip())
    os.replace(new, path)


def extract(folder):
    """The file system as a folder, with the names of this machine's resolver, for chroot."""
    source = archive()
    os.mkdir(folder)
    run("tar", "-xp", "--numeric-owner", "-f", source, "-C", folder)
    shutil.copy("/etc/resolv.conf", folder + "/etc/resolv.conf")
