"""What the test files share: a test case with a cluster, running a client, files to move about."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest

from cluster import Cluster

LONG = bool(os.environ.get("TERCET_LONG"))
PERSONAL = re.compile(r"(AWS|RCLONE|NODE|SSL|CURL|REQUESTS)_|.*_proxy$", re.IGNORECASE)  # settings that would change clients
SKIPPED = 77  # exit status, as in suite.cmake
PART = 5 * 1024 * 1024  # the smallest part of a multipart upload


class ClusterTest(unittest.TestCase):
    """One cluster for all tests of the class; each test gets an empty folder, self.folder."""

    cluster_options = {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(**cls.cluster_options)
        cls.addClassCleanup(cls.cluster.remove)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="files-", dir=self.cluster.directory)
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.cluster.check_alive()

    def tearDown(self):
        self.cluster.check_alive()

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, size, seed=None):
        """A file of random bytes that are the same in every run; returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            for block in blocks(size, seed if seed is not None else name):
                out.write(block)
        return path

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def assert_same_file(self, first, second):
        self.assertEqual(os.path.getsize(first), os.path.getsize(second))
        self.assertEqual(file_digest(first), file_digest(second), f"{first} and {second} differ")

    def assert_same_tree(self, first, second):
        self.assertEqual(tree(first), tree(second))


def blocks(size, seed):
    """The bytes of a test file, a piece at a time. One random megabyte repeats, told apart by a counter."""
    pattern = random.Random(str(seed)).randbytes(1024 * 1024)
    for start in range(0, size, len(pattern)):
        block = start.to_bytes(8, "big") + pattern[8:]
        yield block[: size - start]


def content(size, seed="content"):
    return b"".join(blocks(size, seed))


def file_digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()


def tree(folder):
    """Relative path -> digest of everything below the folder."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            found[os.path.relpath(path, folder)] = file_digest(path)
    return found


def run(*argv, env=None, stdin=None, cwd=None, check=True, timeout=300):
    """Runs a client; its output as bytes. With check, a non-zero exit fails the test with what it printed."""
    environment = {k: v for k, v in os.environ.items() if not PERSONAL.match(k)}
    environment.update(env or {})
    done = subprocess.run(
        [str(a) for a in argv], input=stdin, cwd=cwd, env=environment, capture_output=True, timeout=timeout
    )
    if check and done.returncode != 0:
        raise AssertionError(
            f"{' '.join(map(str, argv))}\nended with {done.returncode}\n"
            f"{done.stdout.decode(errors='replace')[-3000:]}\n{done.stderr.decode(errors='replace')[-3000:]}"
        )
    return done


def run_json(*argv, **options):
    out = run(*argv, **options).stdout
    return json.loads(out) if out.strip() else {}


def replaced(text, changes):
    """The text with each old -> new, all at once: what is put in may contain what is to be replaced (a port has 443 in it
    at times)."""
    for old in changes:
        assert old in text, f"{old} is not in the text"
    return re.sub("|".join(map(re.escape, changes)), lambda found: changes[found[0]], text) if changes else text


def main():
    """Runs the file's tests. Exits with SKIPPED, which ctest knows, when none of them could be run here."""
    program = unittest.main(module=sys.modules["__main__"], verbosity=2, warnings="ignore", exit=False)
    for test, why in program.result.skipped:
        print(f"skipped: {why} ({test})")
    if not program.result.wasSuccessful():
        sys.exit(1)
    # A class that is skipped whole counts as one skip and no test run.
    if program.result.skipped and len(program.result.skipped) >= program.result.testsRun:
        sys.exit(SKIPPED)
