"""The commands of README.md and docs/operating.md, run as they stand there, one after the other, on one cluster. Only the
ports differ, and the folder: one that looks like the source tree, with data and files of its own."""

import json
import os
import re
import subprocess
import tempfile
import unittest

import cluster
from harness import content, main, replaced

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOT_HERE = ("tests/run",)  # blocks with these are for readers


def hold_ports(count):
    """That many ports in a row, held."""
    for _ in range(100):
        holders = [cluster.hold_port()]
        try:
            for offset in range(1, count):
                holders.append(cluster.hold_port(holders[0].getsockname()[1] + offset))
            return holders
        except (OSError, OverflowError):
            for holder in holders:
                holder.close()
    raise AssertionError(f"no {count} free ports in a row")


def blocks(name):
    """Heading -> commands: the shell blocks below each heading of a document."""
    found = {}
    with open(os.path.join(ROOT, name)) as file:
        parts = re.split(r"^#+ (.*)$", file.read(), flags=re.MULTILINE)
    for heading, text in zip(parts[1::2], parts[2::2]):
        commands = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
                    if not any(word in block for word in NOT_HERE)]
        if commands:
            found[heading] = "".join(commands)
    return found


class Operating(unittest.TestCase):
    def setUp(self):
        holders = hold_ports(6)
        for holder in holders:
            self.addCleanup(holder.close)
        self.port = holders[0].getsockname()[1]
        folder = tempfile.TemporaryDirectory(prefix="tercet-operating-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(self.path("deploy"))
        for name in ("up", "down", "status"):
            with open(self.path("deploy/" + name), "w") as file:
                file.write(f'#!/bin/sh\nexec {ROOT}/deploy/{name} "$@"\n')
            os.chmod(self.path("deploy/" + name), 0o755)
        os.symlink(os.path.join(ROOT, "build"), self.path("build"))
        self.addCleanup(self.shell, "deploy/down", check=False)

    def path(self, name):
        return os.path.join(self.folder, name)

    def shell(self, commands, check=True):
        ports = {"localhost:8080": f"localhost:{self.port}", "8443": str(self.port + 5)}
        commands = replaced(commands, {old: new for old, new in ports.items() if old in commands})
        nodes = ",".join(f"{number}=127.0.0.1:{self.port + number}" for number in range(1, 5))
        environment = {key: value for key, value in os.environ.items()
                       if not re.match(r"TERCET_|AWS_|CURL_|.*_proxy$", key, re.IGNORECASE)}
        environment |= {"TERCET_DATA": self.path("data"), "TERCET_BASE_PORT": str(self.port), "TERCET_NODES": nodes,
                        "HOME": self.folder, "TERCET_HEALTH_INTERVAL": "1s"}
        done = subprocess.run(["sh", "-eu", "-c", commands], cwd=self.folder, env=environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
        if check:
            self.assertEqual(done.returncode, 0, f"{commands}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout + done.stderr

    def node_chunks(self, number):
        return json.loads(self.shell(f"cd data/tls; curl -fsS --cacert ca.crt --cert gateway.crt --key gateway.key "
                                     f"https://127.0.0.1:{self.port + number}/health"))["chunks"]

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data)

    def test_documents(self):
        self.shell("deploy/up")
        self.readme()
        guide = blocks("docs/operating.md")
        steps = {"TLS": self.nothing, "TLS between gateway and nodes": self.nodes_speak_tls, "Credentials": self.credentials, "Logs": self.nothing, "Back up and restore": None,
                 "Replace a node": self.replaced, "Empty a node and take it away": self.emptied, "Upgrade": self.upgraded}
        self.assertEqual(list(guide), list(steps), "a section with commands and none that looks at what they did")
        for heading, check in steps.items():
            with self.subTest(heading):
                if check:
                    check(lambda: self.shell(guide[heading]))
                else:
                    self.backed_up_and_restored(guide[heading])
        self.assertEqual(self.shell("deploy/status").count("healthy "), 5)

    def readme(self):
        self.write("example.txt", b"an example")
        self.write("holiday.jpg", content(100_000, "holiday"))
        self.write("album/one.jpg", content(6_000_000, "one"))
        commands = blocks("README.md")["Tercet"]
        self.assertEqual(commands.count("curl "), 4)
        self.assertEqual(commands.count("aws "), 3)
        said = self.shell(commands)
        self.assertEqual(self.read("downloaded_file.txt"), b"an example")
        self.assertIn("upload: album/one.jpg to s3://photos/album/one.jpg", said)

    def nothing(self, run):
        run()

    def nodes_speak_tls(self, run):
        run()
        self.assertIn("4 of 4 nodes healthy", self.shell("deploy/status"))
        self.assertNotIn("{", self.shell(f"curl -sS http://localhost:{self.port + 1}/health", check=False))
        self.node_chunks(1)

    def credentials(self, run):
        before = self.read("data/secret-key"), self.read("data/cluster-secret")
        said = run()
        self.assertIn("operator\n", said)
        self.assertIn('"files":', said)
        self.assertNotIn(self.read("data/secret-key"), before)
        self.assertNotIn(self.read("data/cluster-secret"), before)

    def backed_up_and_restored(self, commands):
        for number in range(8):
            self.write("example.txt", content(20_000, number))
            self.shell(f"curl -fsS -F file=@example.txt -F filename=f{number} http://localhost:8080/upload")
        backup, restore = commands.split("build/gateway", 1)
        self.shell(backup)
        self.assertEqual(self.read("backup/files/f3"), content(20_000, 3))
        self.shell("deploy/down gateway; rm -r data/gateway; mkdir -m 700 data/gateway")
        self.assertIn("-restore-metadata", self.shell("deploy/up", check=False))
        # the section before had gateway and nodes speak TLS; the guide says what a restore needs then
        tls = "-node-tls-ca data/tls/ca.crt -node-tls-cert data/tls/gateway.crt -node-tls-key data/tls/gateway.key"
        self.shell("build/gateway" + restore.replace("-restore-metadata", f"-restore-metadata {tls}", 1))
        self.shell("curl -fsS -o back http://localhost:8080/files/f3")
        self.assertEqual(self.read("back"), content(20_000, 3))

    def replaced(self, run):
        before = self.node_chunks(3)
        run()
        self.assertGreater(before, 0)
        self.assertEqual(self.node_chunks(3), before)

    def emptied(self, run):
        self.assertGreater(self.node_chunks(4), 0)
        run()
        self.assertIn('"drain":{"copiesLeft":0,"bytesLeft":0,', self.shell("curl -fsS http://localhost:8080/system/nodes"))

    def upgraded(self, run):
        before = {name: self.read(f"data/run/{name}.pid") for name in ("gateway", "node1", "node2", "node3", "node4")}
        run()
        for name, pid in before.items():
            self.assertNotEqual(self.read(f"data/run/{name}.pid"), pid, name)


if __name__ == "__main__":
    main()
