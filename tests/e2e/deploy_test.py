"""deploy/up, deploy/status and deploy/down as a user runs them, beside whatever else runs on the machine."""

import os
import subprocess
import tempfile
import unittest

import cluster
from harness import main

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def hold_five_ports():
    """Five ports in a row that nobody else uses."""
    for _ in range(100):
        first = cluster.hold_port()
        holders = [first]
        try:
            for offset in range(1, 5):
                holders.append(cluster.hold_port(first.getsockname()[1] + offset))
            return holders
        except (OSError, OverflowError):
            for holder in holders:
                holder.close()
    raise AssertionError("no five free ports in a row")


class Deploy(unittest.TestCase):
    def setUp(self):
        holders = hold_five_ports()
        for holder in holders:
            self.addCleanup(holder.close)
        folder = tempfile.TemporaryDirectory(prefix="tercet-deploy-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.port = holders[0].getsockname()[1]
        self.settings = {"TERCET_DATA": os.path.join(self.folder, "data"), "TERCET_BASE_PORT": str(self.port)}
        self.addCleanup(self.deploy, "down")

    def deploy(self, command, check=True, **settings):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")} | self.settings | settings
        done = subprocess.run([os.path.join(ROOT, "deploy", command)], env=environment, cwd=ROOT, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
        if check:
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def curl(self, *arguments):
        return subprocess.run(["curl", "-sS", "--noproxy", "*", *arguments], cwd=self.folder, capture_output=True).stdout

    def url(self, target):
        return f"http://localhost:{self.port}{target}"

    def data(self, name):
        return os.path.join(self.settings["TERCET_DATA"], name)

    def text(self, name):
        with open(self.data(name)) as file:
            return file.read().strip()

    def pids(self):
        return {name: self.text(f"run/{name}.pid") for name in ("gateway", "node1", "node2", "node3", "node4")}

    def test_life_of_a_cluster(self):
        out = self.deploy("up").stdout
        self.assertIn(self.url("/upload"), out)
        self.assertIn(self.text("secret-key"), out)
        for name in ("secret-key", "cluster-secret", "access-key"):
            self.assertEqual(os.stat(self.data(name)).st_mode & 0o777, 0o600, name)
        with open(os.path.join(self.folder, "example.txt"), "wb") as example:
            example.write(b"kept")
        self.curl("-X", "POST", "-F", "file=@example.txt", "-F", "filename=example.txt", self.url("/upload"))
        first = self.pids()
        self.assertIn("already running", self.deploy("up").stdout)
        self.assertEqual(self.pids(), first)
        self.assertEqual(self.deploy("status").stdout.count("healthy "), 5)

        os.kill(int(first["node2"]), 9)
        self.assertEqual(self.deploy("status", check=False).returncode, 1)
        self.deploy("up")
        self.assertEqual({name for name, pid in self.pids().items() if pid != first[name]}, {"node2"})

        secret = self.text("secret-key")
        self.assertIn("gateway", self.deploy("down").stdout)
        self.assertEqual(self.curl(self.url("/health")), b"")
        self.assertIn("nothing was running", self.deploy("down").stdout)
        self.deploy("up")
        self.assertEqual(self.text("secret-key"), secret)
        self.assertEqual(self.curl(self.url("/download?filename=example.txt&version=1")), b"kept")

    def test_ports_in_use(self):
        self.deploy("up")
        other = self.deploy("up", check=False, TERCET_DATA=os.path.join(self.folder, "second"))
        self.assertEqual(other.returncode, 1)
        self.assertIn("in use", other.stderr)
        moved = self.deploy("up", check=False, TERCET_BASE_PORT=str(self.port + 10))
        self.assertEqual(moved.returncode, 1)
        self.assertIn("deploy/down first", moved.stderr)

    def test_failing_start_shows_the_log(self):
        done = self.deploy("up", check=False, TERCET_LOGLEVEL="nonsense")
        self.assertEqual(done.returncode, 1)
        self.assertIn("did not start", done.stderr)
        self.assertIn("loglevel", done.stderr)

    def test_recycled_pids_are_left_alone(self):
        self.deploy("up")
        self.deploy("down")
        for name in ("gateway", "node1"):
            with open(self.data(f"run/{name}.pid"), "w") as file:
                file.write(f"{os.getpid()}\n")
        self.assertIn("nothing was running", self.deploy("down").stdout)
        self.deploy("up")

    def test_given_credentials_win(self):
        keys = {"TERCET_ACCESS_KEY": "TESTACCESSKEY", "TERCET_SECRET_KEY": "a-secret-of-some-length"}
        self.deploy("up")
        self.assertIn("restarting the gateway", self.deploy("up", **keys).stdout)
        self.assertEqual((self.text("access-key"), self.text("secret-key")), tuple(keys.values()))
        signed = self.curl("--aws-sigv4", "aws:amz:us-east-1:s3", "--user", ":".join(keys.values()),
                           "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", self.url("/"))
        self.assertIn(b"ListAllMyBucketsResult", signed)

    def test_refused_settings_replace_nothing(self):
        """What is stored is replaced by what can serve only: the cluster runs on and starts again with the old."""
        self.deploy("up")
        stored = {name: self.text(name) for name in ("access-key", "secret-key", "port")}
        refusals = {"TERCET_SECRET_KEY": ("abc", "one-line-and\nanother", "x" * 5000), "TERCET_ACCESS_KEY": ("ab",)}
        first = self.pids()
        for name, values in refusals.items():
            for value in values:
                done = self.deploy("up", check=False, **{name: value})
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn(name, done.stderr)
                self.assertNotIn(value, done.stderr)
                self.assertEqual({name: self.text(name) for name in stored}, stored)
        self.assertEqual(self.pids(), first)
        self.deploy("down")
        held = cluster.hold_port()
        self.addCleanup(held.close)
        held.listen()
        taken = self.deploy("up", check=False, TERCET_BASE_PORT=str(held.getsockname()[1]), TERCET_SECRET_KEY="s" * 20)
        self.assertEqual(taken.returncode, 1, taken.stdout + taken.stderr)
        self.assertEqual({name: self.text(name) for name in stored}, stored)
        self.deploy("up")


if __name__ == "__main__":
    main()
