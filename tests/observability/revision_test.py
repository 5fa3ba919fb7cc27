"""The revision that the programs show: what git says of their source when they are built, and nothing that git does not say."""

import os
import re
import shutil
import tempfile
import unittest

import dashboards
from harness import ClusterTest, main, run

SCRIPT = os.path.join(dashboards.ROOT, "base", "revision.cmake")
NAME = r'return "([0-9A-Za-z./_+-]+)";'


class Programs(ClusterTest):
    cluster_options = {"tls": False}

    def test_shown(self):
        with open(os.path.join(os.environ["TERCET_BUILD"], "revision.c")) as file:
            revision = re.search(NAME, file.read())[1]
        if os.path.exists(os.path.join(dashboards.ROOT, ".git")):
            self.assertNotEqual(revision, "unknown")
        for program, base, role in ((self.cluster.gateway, None, "coordinator"),
                                    (self.cluster.nodes[0], self.cluster.node_url(1), "storage-node")):
            text = self.cluster.get("/metrics", base)[1].decode()
            labels = re.search(r"^tercet_build_info{(.*)} 1$", text, re.MULTILINE)[1]
            version = re.fullmatch(rf'role="{role}",version="(\d+\.\d+\.\d+)",revision="{re.escape(revision)}"', labels)[1]
            path = program.argv[0]
            shown = "" if revision == "unknown" else f" ({revision})"
            self.assertEqual(run(path, "-version").stdout.decode(), f"{os.path.basename(path)} {version}{shown}\n")


@unittest.skipUnless(shutil.which("git"), "there is no git here")
class Script(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tercet-revision-")
        self.addCleanup(folder.cleanup)
        self.tree, self.out = os.path.join(folder.name, "tree"), os.path.join(folder.name, "revision.c")
        os.mkdir(self.tree)

    def git(self, *arguments, folder=None):
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.test", "-c", "commit.gpgsign=false")
        return run("git", "-C", folder or self.tree, *identity, *arguments).stdout.decode().strip()

    def commit(self, text):
        with open(os.path.join(self.tree, "file"), "w") as file:
            file.write(text)
        self.git("add", "file")
        self.git("commit", "-q", "-m", text)
        return self.git("rev-parse", "--short", "HEAD")

    def revision(self):
        run("cmake", f"-DTREE={self.tree}", f"-DOUT={self.out}", "-P", SCRIPT)
        with open(self.out) as file:
            return re.search(NAME, file.read())[1]

    def test_follows_git(self):
        self.git("init", "-q")
        first = self.commit("first")
        self.assertEqual(self.revision(), first)
        with open(os.path.join(self.tree, "file"), "a") as file:
            file.write("changed")
        self.assertEqual(self.revision(), first + "-dirty")
        second = self.commit("second")
        self.assertNotEqual(second, first)
        self.assertEqual(self.revision(), second)
        self.git("tag", "-a", "-m", "tag", 'v1"$x;')
        self.assertEqual(self.revision(), "v1__x_")

    def test_unchanged_is_not_written(self):
        """Or each build would link the programs anew."""
        self.git("init", "-q")
        self.commit("first")
        self.revision()
        os.utime(self.out, (1, 1))
        self.revision()
        self.assertEqual(os.path.getmtime(self.out), 1)

    def test_without_git(self):
        """Also where the tree was unpacked within another repository."""
        self.assertEqual(self.revision(), "unknown")
        self.git("init", "-q", folder=os.path.dirname(self.tree))
        self.commit("another's")
        self.assertEqual(self.revision(), "unknown")


if __name__ == "__main__":
    main()
