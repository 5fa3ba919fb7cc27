"""docs/moving.md: each command of the last column of its tables, as it stands there but for address and keys, in their order.
The aws-cli takes most of a second to begin, so one process that has begun forks for each command."""

import os
import re
import subprocess
import sys
import unittest

from cluster import poll
from harness import ClusterTest

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(HERE, "python_modules")
DOCUMENT = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs", "moving.md")
SERVER = r"""
import json, os, socket, sys
from awscli.clidriver import create_clidriver

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
while True:
    connection, _ = listener.accept()
    arguments = json.loads(connection.makefile().readline())
    child = os.fork()
    if child == 0:
        os.dup2(connection.fileno(), 1)
        os.dup2(connection.fileno(), 2)
        code = create_clidriver().main(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(1, b"\0%d" % code)
        os._exit(0)
    connection.close()
    os.waitpid(child, 0)
"""
CLIENT = r"""#!/usr/bin/python3 -SE
import json, os, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "server"))
server.sendall(json.dumps(sys.argv[1:]).encode() + b"\n")
said, _, code = b"".join(iter(lambda: server.recv(65536), b"")).rpartition(b"\0")
sys.stdout.buffer.write(said)
sys.exit(int(code))
"""


def commands():
    """The preparation, and (what it is, the command) of each command on the right."""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    (preparation,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ") and "`" in line]
    return preparation, [(row[0].strip(), command) for row in rows for command in re.findall(r"`([^`]+)`", row[-1])]


class Moving(ClusterTest):
    cluster_options = {"tls": False}

    def start_aws(self):
        os.mkdir(self.path("bin"))
        with open(os.open(self.path("bin/aws"), os.O_WRONLY | os.O_CREAT, 0o700), "w", encoding="utf-8") as client:
            client.write(CLIENT)
        environment = {"HOME": self.folder, "PATH": os.environ["PATH"], "PYTHONPATH": MODULES, "AWS_PAGER": "",
                       "AWS_ENDPOINT_URL": self.cluster.url, "AWS_DEFAULT_REGION": "us-east-1",
                       "AWS_ACCESS_KEY_ID": self.cluster.access_key, "AWS_SECRET_ACCESS_KEY": self.cluster.secret_key}  # fmt: skip
        server = subprocess.Popen([sys.executable, "-c", SERVER, self.path("bin/server")], cwd=self.folder, env=environment)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        poll(lambda: os.path.exists(self.path("bin/server")), "the aws-cli has begun")

    def test_every_command(self):
        preparation, rows = commands()
        self.assertGreater(len(rows), 50)
        self.start_aws()
        for old, new in (("localhost:8080", f"localhost:{self.cluster.port}"), ("ACCESS-KEY", self.cluster.access_key),
                         ("SECRET-KEY", self.cluster.secret_key)):
            preparation = preparation.replace(old, new)
        script = preparation + "".join(f'echo "# {what.replace(chr(96), "")}" >&2\n{command}\n' for what, command in rows)
        done = subprocess.run(["sh", "-eu", "-c", script], cwd=self.folder, capture_output=True, text=True, timeout=600,
                              env={"HOME": self.folder, "PATH": f"{self.path('bin')}:{os.environ['PATH']}"})  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout[-1000:] + done.stderr[-2000:])


if __name__ == "__main__":
    unittest.main()
