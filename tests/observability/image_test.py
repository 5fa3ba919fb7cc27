"""The container image: deploy/Dockerfile built by buildah, and a cluster of containers run from it with the settings of
deploy/compose.yaml. Without a registry the base image is made from Debian's packages.

Skipped, with the reason, where buildah or mmdebstrap is missing, no package mirror answers or the system lets nobody run
a container. A build that fails where containers do run is a failure."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import yaml

import cluster
import debian
import loki
from harness import main, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(ROOT, "deploy")
BASE = "docker.io/library/debian:bookworm-slim"
IMAGE = "localhost/tercet:test"
USER = 10001
CHROOT = ("--isolation", "chroot")


def processes_below(pid):
    """The pids of a process and of all that it started."""
    found = [pid]
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = file.read().split()
        for thread in os.listdir(f"/proc/{pid}/task"):
            if thread != str(pid):
                with open(f"/proc/{pid}/task/{thread}/children") as file:
                    children += file.read().split()
    except FileNotFoundError:
        return found
    for child in children:
        found += processes_below(int(child))
    return found


class Container:
    """One service of the compose file: a container of the image with the service's command and settings."""

    def __init__(self, image, name, service, settings, folder):
        self.image = image
        self.name = name
        self.command = service["command"]
        self.probe = service["healthcheck"]["test"][1:]
        self.id = image.buildah("from", "--pull-never", IMAGE).decode().strip()
        # Of a volume of the image and one of ours at the same place, buildah shows now this one, now that one.
        image.buildah("config", "--volume", "/var/lib/tercet-", self.id)
        data = os.path.join(folder, name)
        os.mkdir(data)
        os.chown(data, USER, USER)
        self.options = [*CHROOT, "-v", f"{data}:/var/lib/tercet:rw", "-v", f"{folder}/logs:/var/log/tercet:rw",
                        "-v", f"{folder}/secrets:/run/secrets:ro"]
        for key, value in (service["environment"] | settings).items():
            self.options += ["--env", f"{key}={value}"]
        self.log_path = os.path.join(folder, name + ".log")
        self.process = None

    def run(self, *command, check=True):
        return run(*self.image.program, "run", *self.options, self.id, "--", *command, check=check)

    def start(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*self.image.program, "run", *self.options, self.id, "--", *self.command],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def main_pid(self):
        """The pid of the program in the container; None when it does not run."""
        for pid in reversed(processes_below(self.process.pid)):
            try:
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == self.command[0]:
                    return pid
            except OSError:
                pass
        return None

    def stop(self):
        """What docker stop does. The exit status."""
        pid = self.main_pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
        return self.process.wait(60)


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in ("buildah", "docker-compose"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"there is no {program} here")
        cls.folder = tempfile.mkdtemp(prefix="tercet-image-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        os.chmod(cls.folder, 0o755)
        cls.find_storage()
        cls.make_base()

    @classmethod
    def buildah(cls, *arguments, check=True):
        done = run(*cls.program, *arguments, check=check, timeout=900)
        return done.stdout if check else done

    @classmethod
    def find_storage(cls):
        """Images and containers of our own, in a form that this system can mount."""
        for driver in ("overlay", "vfs"):
            cls.program = ["buildah", "--root", f"{cls.folder}/images-{driver}", "--runroot", f"{cls.folder}/run-{driver}",
                           "--storage-driver", driver]
            done = cls.buildah("from", "scratch", check=False)
            if done.returncode == 0:
                cls.addClassCleanup(cls.buildah, "rm", "--all")
                return
        raise unittest.SkipTest("buildah cannot store images here: " + done.stderr.decode()[-300:].strip())

    @classmethod
    def make_base(cls):
        archive = debian.archive()
        container = cls.buildah("from", "scratch").decode().strip()
        cls.buildah("add", "-q", container, archive, "/")
        done = cls.buildah("run", *CHROOT, container, "--", "true", check=False)
        if done.returncode != 0:
            raise unittest.SkipTest("this system runs no container: " + done.stderr.decode()[-300:].strip())
        cls.buildah("commit", "-q", "--rm", container, BASE)
        cls.buildah("bud", *CHROOT, "--pull-never", "--format", "docker", "-t", IMAGE,
                    "-f", os.path.join(DEPLOY, "Dockerfile"), ROOT)

    def said(self, *command):
        """What a command prints in a new container: through a file, since buildah now and then loses what comes at the end."""
        container = self.buildah("from", "--pull-never", IMAGE).decode().strip()
        self.buildah("run", *CHROOT, container, "--", "sh", "-c", 'exec "$@" >/var/tmp/said', "sh", *command)
        with open(os.path.join(self.buildah("mount", container).decode().strip(), "var/tmp/said")) as file:
            return file.read()

    def test_what_the_image_says(self):
        config = json.loads(self.buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
        self.assertEqual(config["User"], f"{USER}:{USER}")
        self.assertEqual(config["Cmd"], ["tercet-gateway"])
        self.assertEqual(config["Healthcheck"]["Test"], ["CMD", "tercet-gateway", "-health"])
        self.assertEqual(config["StopSignal"], "SIGTERM")
        self.assertEqual(set(config["Volumes"]), {"/var/lib/tercet"})
        owner = self.said("stat", "-c", "%u", "/var/lib/tercet", "/var/log/tercet").split()
        self.assertEqual(owner, [str(USER)] * 2, "a new volume takes its owner from the image")
        for program in ("tercet-gateway", "tercet-node"):
            self.assertRegex(self.said(program, "-version"), rf"^{program} \d+\.\d+\.\d+\n$")
        self.assertEqual(self.said("sh", "-c", "command -v cc cmake ninja; true"), "", "the compiler is in the image")

    def services(self):
        """The services of deploy/compose.yaml as docker-compose resolves them."""
        text = run("docker-compose", "-f", os.path.join(DEPLOY, "compose.yaml"), "config",
                   env={"TERCET_CLUSTER_ID": os.urandom(16).hex()}).stdout
        return yaml.safe_load(text)["services"]

    def make_containers(self):
        """The compose file's cluster. Without a network of their own the containers need ports instead of names."""
        secrets = os.path.join(self.folder, "secrets")
        os.mkdir(secrets, 0o755)
        for name in ("cluster-secret", "secret-key", "files-token"):
            path = os.path.join(secrets, name)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(os.urandom(32).hex())
            os.chown(path, USER, USER)
        logs = os.path.join(self.folder, "logs")
        os.mkdir(logs)
        os.chown(logs, USER, USER)
        services = self.services()
        self.ports = {}
        for name in services:
            holder = cluster.hold_port()
            self.addCleanup(holder.close)
            self.ports[name] = holder.getsockname()[1]
        nodes = services["gateway"]["environment"]["TERCET_NODES"]
        for name in ("node1", "node2", "node3", "node4"):
            nodes = nodes.replace(f"{name}:8081", f"127.0.0.1:{self.ports[name]}")
        services["gateway"]["environment"]["TERCET_NODES"] = nodes
        return {name: Container(self, name, service,
                                {"TERCET_LISTEN": "127.0.0.1", "TERCET_PORT": str(self.ports[name])}, self.folder)
                for name, service in services.items()}

    def test_cluster_of_containers(self):
        containers = self.make_containers()
        gateway = containers["gateway"]
        url = f"http://127.0.0.1:{self.ports['gateway']}"
        self.assertNotEqual(gateway.run(*gateway.probe, check=False).returncode, 0, "well before it was started")
        try:
            for container in sorted(containers.values(), key=lambda one: one is gateway):
                container.start()
            for container in containers.values():
                cluster.poll(lambda: container.run(*container.probe, check=False).returncode == 0, f"{container.name} is well")
            cluster.poll(lambda: run("curl", "-fs", url + "/health/cluster", check=False).returncode == 0, "writes are possible")
            run("curl", "-fsS", "-F", f"file=@{__file__}", "-F", "filename=image", url + "/upload")
            self.check_download(url)
            with open(f"/proc/{gateway.main_pid()}/status") as status:
                self.assertIn(f"\nUid:\t{USER}\t", status.read())
            self.restore_metadata(gateway, url)
        finally:
            codes = {name: container.stop() for name, container in containers.items() if container.process}
            for name, code in codes.items():
                if code != 0:
                    with open(containers[name].log_path, errors="replace") as log:
                        print(f"{name} ended with {code}:\n{log.read()[-3000:]}")
        self.assertEqual(codes, {name: 0 for name in containers})
        self.check_logs()

    def check_download(self, url):
        with open(__file__, "rb") as file:
            self.assertEqual(run("curl", "-fsS", url + "/download?filename=image").stdout, file.read())

    def restore_metadata(self, gateway, url):
        """The commands of the operator's guide for a gateway whose volume was lost, and the rotation of the logs."""
        with open(os.path.join(ROOT, "docs", "operating.md")) as file:
            guide = file.read().split("## In containers", 1)[1].split("\n## ", 1)[0]
        self.assertEqual(gateway.stop(), 0)
        gateway.process = None
        data = os.path.join(self.folder, gateway.name)
        self.assertTrue(os.path.exists(os.path.join(data, "meta", "CURRENT")))
        shutil.rmtree(data)
        os.mkdir(data)
        os.chown(data, USER, USER)
        restore = re.search(r"run --rm --no-deps gateway (.*)", guide)[1].split()
        said = gateway.run(*restore)
        self.assertIn(b"rows restored from node", said.stdout + said.stderr)
        gateway.run("sh", "-c", re.search(r"exec gateway sh -c '(.*)'", guide)[1])
        gateway.start()
        cluster.poll(lambda: run("curl", "-fs", url + "/health/cluster", check=False).returncode == 0, "writes are possible again")
        self.check_download(url)
        self.assertTrue({"coordinator.log", "coordinator.log.1"} <= set(os.listdir(f"{self.folder}/logs/tercet-gateway")))

    def check_logs(self):
        """What the readers of compose.containers.yaml find in the volume of the logs."""
        endpoint = loki.Loki()
        self.addCleanup(endpoint.close)
        loki.ship(os.path.join(self.folder, "logs"), endpoint.url, loki.promtail_pipeline())
        self.assertIn("coordinator", {labels["node"] for labels, _, _ in endpoint.entries})
        self.assertEqual(len(os.listdir(os.path.join(self.folder, "logs", "tercet-node"))), 4)


if __name__ == "__main__":
    main()
