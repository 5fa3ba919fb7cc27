"""The Debian package, built by CPack from the Release build: what it brings; installed with its scripts run, its
programs started by hand with the installed settings as a user without rights, upgraded, removed and purged. The latter once in a
clean Debian with apt, where one can be made; once in a root with nothing but what the scripts call, everywhere."""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

import cluster
import debian
from harness import main, run

USER = 65534
CONFFILES = {"/etc/tercet/gateway.conf"} | {f"/etc/tercet/node-{number}.conf" for number in range(1, 5)}
SECRETS = ("cluster-secret", "secret-key", "cluster.env")
TOOLS = ("sh", "openssl", "mv", "rm", "rmdir", "sed", "sync")
SOURCE = os.path.join(debian.ROOT, "deploy", "monitoring")
# The scripts' library, the rules' tests, what only deploy/compose.yaml needs, and what the scripts write.
NOT_SHIPPED = re.compile(r"lib\.sh|prometheus/alerts\w*_test\.yml|compose\.containers\.yaml|"
                         r"prometheus/targets(-\d+/.*|/token|/prometheus\.yml)")
STATE = "/var/lib/private/tercet"  # what systemd makes of the units' StateDirectory
LOGS = "/var/log/private/tercet/gateway"  # and of the LogsDirectory of one


def make_package(folder, version=None):
    """The package's path. version: another than the tree's."""
    os.mkdir(folder)
    options = ["-R", version] if version else []
    run("cpack", "-B", folder, *options, "--config", os.path.join(os.environ["TERCET_BUILD"], "CPackConfig.cmake"))
    return next(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".deb"))


def copy_tool(root, name):
    """A program and its libraries, for the maintainer scripts."""
    path = shutil.which(name)
    libraries = re.findall(r"(/\S+)", run("ldd", path, check=False).stdout.decode())
    for file in {path, *libraries}:
        target = root + file
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.realpath(file), target)


# Says what it was asked, and that two nodes run.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/var/log/systemctl
[ "$1" != list-units ] || printf 'tercet-node@%s.service loaded active running\\n' 1 7
"""


class Services:
    """What the units do, by hand: the installed programs and settings, as a user that may do nothing else. chroot: below
    the root, with the libraries there; else from outside."""

    def __init__(self, root, chroot):
        self.root = root
        self.inside = "" if chroot else root
        self.prefix = ["chroot", f"--userspec={USER}:{USER}", root] if chroot else []
        self.holders = [cluster.hold_port() for _ in range(5)]
        self.ports = [holder.getsockname()[1] for holder in self.holders]
        self.url = f"http://127.0.0.1:{self.ports[0]}"
        self.nodes = ",".join(f"{number}=127.0.0.1:{self.ports[number]}" for number in range(1, 5))
        self.processes = []
        os.makedirs(root + STATE, exist_ok=True)
        os.chown(root + STATE, USER, USER)

    def environment(self):
        with open(self.root + "/etc/tercet/cluster.env") as file:
            environment = dict(line.strip().split("=", 1) for line in file)
        for secret in ("cluster-secret", "secret-key"):
            shutil.copy(f"{self.root}/etc/tercet/{secret}", self.root + STATE)
            os.chown(f"{self.root}{STATE}/{secret}", USER, USER)
        environment["TERCET_CLUSTER_SECRET_FILE"] = f"{self.inside}{STATE}/cluster-secret"
        environment["TERCET_SECRET_KEY_FILE"] = f"{self.inside}{STATE}/secret-key"
        return environment

    def start(self):
        members = [("tercet-node", f"node-{number}", self.ports[number], []) for number in range(1, 5)]
        members.append(("tercet-gateway", "gateway", self.ports[0], ["-nodes", self.nodes]))
        environment = {"PATH": os.environ["PATH"], **self.environment()}
        rights = {} if self.prefix else {"user": USER, "group": USER, "extra_groups": []}
        for program, name, port, more in members:
            self.processes.append(subprocess.Popen(
                [*self.prefix, f"{self.inside}/usr/bin/{program}", "-config", f"{self.inside}/etc/tercet/{name}.conf",
                 "-port", str(port), "-data-dir", f"{self.inside}{STATE}/{name}", *more],
                env=environment, cwd="/", **rights))
        probe = [*self.prefix, f"{self.inside}/usr/bin/tercet-gateway", "-health", "-port", str(self.ports[0])]
        cluster.poll(lambda: run(*probe, check=False).returncode == 0, "the installed gateway is well")
        cluster.poll(lambda: run("curl", "-fs", self.url + "/health/cluster", check=False).returncode == 0, "writes are possible")

    def restore_metadata(self):
        """The commands of the operator's guide for a gateway whose disk was lost, as root; what they said."""
        gateway = self.processes.pop()
        gateway.terminate()
        data = f"{STATE}/gateway"
        shutil.rmtree(self.root + data)
        os.mkdir(self.root + data, 0o700)
        os.chown(self.root + data, USER, USER)
        with open(os.path.join(debian.ROOT, "docs", "operating.md")) as file:
            restore, hand_over = re.search(r"^# (env .*?)\n# (chown .*?)\n", file.read(), re.MULTILINE | re.DOTALL).groups()
        said = run("chroot", self.root, "sh", "-ec", f"{restore} -nodes {self.nodes}\n{hand_over}")
        return gateway.wait(60), said.stderr.decode()

    def stop(self):
        """The exit statuses."""
        for process in reversed(self.processes):
            process.terminate()
        codes = [process.wait(60) for process in self.processes]
        self.processes = []
        return codes

    def close(self):
        self.stop()
        for holder in self.holders:
            holder.close()


class Contents(unittest.TestCase):
    """What the package brings, unpacked and not installed."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="tercet-deb-")
        cls.addClassCleanup(folder.cleanup)
        cls.root = os.path.join(folder.name, "root")
        run("dpkg-deb", "-x", make_package(os.path.join(folder.name, "deb")), cls.root)
        cls.documents = cls.root + "/usr/share/doc/tercet"
        cls.monitoring = cls.root + "/usr/share/tercet/monitoring"

    def read(self, path):
        with open(path) as file:
            return file.read()

    def files(self, folder):
        return sorted(os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names)

    def guide(self, language, word):
        """The block of the shipped guide that has this word in it."""
        text = self.read(self.documents + "/docs/operating.md")
        found = [block for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if word in block]
        self.assertEqual(len(found), 1, word)
        return found[0]

    def test_links_of_documents(self):
        links = 0
        for path in self.files(self.documents):
            self.assertTrue(path.endswith((".md", "/copyright")), path)
            for target in re.findall(r"\]\(([^)\s#]+)", self.read(path)):
                if "://" not in target:
                    links += 1
                    self.assertTrue(os.path.exists(os.path.join(os.path.dirname(path), target)), f"{path}: {target}")
        self.assertGreater(links, 10)

    def test_named_files(self):
        """What units, settings and documents name below /usr/share, and the page of each alert."""
        named = set()
        for path in self.files(self.root):
            if not path.startswith(self.root + "/usr/bin/"):
                found = re.findall(r"/usr/share/(?:doc/)?tercet/[\w./-]*", self.read(path))
                named |= {name.rstrip(".") for name in found}
        self.assertGreater(len(named), 4)
        for name in named:
            self.assertTrue(os.path.exists(self.root + name), name)
        rules = yaml.safe_load(self.read(self.monitoring + "/prometheus/alerts.yml"))
        pages = [rule["annotations"]["runbook"] for group in rules["groups"] for rule in group["rules"]]
        self.assertGreater(len(pages), 20)
        for page in pages:
            self.assertTrue(os.path.isfile(os.path.join(self.documents, page)), page)

    def test_monitoring_is_that_of_the_source(self):
        shipped = {os.path.relpath(path, self.monitoring) for path in self.files(self.monitoring)}
        tree = {os.path.relpath(path, SOURCE) for path in self.files(SOURCE)}
        self.assertEqual(shipped, {name for name in tree if not NOT_SHIPPED.fullmatch(name)})
        for name in shipped:
            self.assertEqual(self.read(f"{self.monitoring}/{name}"), self.read(f"{SOURCE}/{name}"), name)

    def test_containers_find_their_files(self):
        command = re.search(r"TERCET_LOGS=(\S+) docker compose (.*) up -d", self.guide("console", "compose.host.yaml"))
        text = run("docker-compose", *command[2].split(), "--profile", "alloy", "config", cwd=self.monitoring,
                   env={"TERCET_LOGS": command[1]}).stdout
        services = yaml.safe_load(text)["services"].values()
        mounts = {mount.split(":")[0] for service in services for mount in service["volumes"]}
        self.assertIn(command[1], mounts)
        inside = {mount for mount in mounts if mount.startswith(self.root)}
        self.assertGreaterEqual(len(inside), 8)
        for mount in inside:
            self.assertTrue(os.path.exists(mount), mount)

    def test_prometheus_of_ones_own(self):
        config = self.guide("yaml", "rule_files")
        path = self.root + "/prometheus.yml"
        with open(path, "w") as file:
            file.write(config.replace("/usr/share/", self.root + "/usr/share/"))
        said = run("promtool", "check", "config", path).stdout.decode()
        self.assertRegex(said, r"SUCCESS: [1-9]\d* rules found")
        known = yaml.safe_load(self.read(self.monitoring + "/prometheus/prometheus.yml"))["scrape_configs"]
        self.assertEqual({job["job_name"] for job in yaml.safe_load(config)["scrape_configs"]},
                         {job["job_name"] for job in known} - {"prometheus"})

    def test_made_as_the_guide_says(self):
        commands = self.guide("console", "cpack").replace("build/package", os.environ["TERCET_BUILD"]).splitlines()
        names = re.search(r"\$\((sed .*)\) dpkg-dev$", commands[0])[1]
        with open(os.path.join(debian.ROOT, "deploy", "packages")) as file:
            listed = [line.split()[0] for line in file if line[0].isalpha()]
        self.assertEqual(run("sh", "-c", names, cwd=debian.ROOT).stdout.decode().split(), listed)
        made, = [line for line in commands if "cpack" in line]
        folder = os.path.join(os.path.dirname(self.root), "guide")
        run("sh", "-c", made.removeprefix("  $ ").replace("&& cpack", f"&& cpack -B {folder}"))
        self.assertEqual(len(glob.glob(folder + "/tercet_*.deb")), 1)

    def test_grafana_of_ones_own(self):
        to = os.path.join(self.root, "etc/grafana/provisioning/")
        for kind in ("dashboards", "datasources"):
            os.makedirs(to + kind)
        commands = re.sub("/(usr|etc)/", rf"{self.root}/\1/", self.guide("console", "grafana"))
        lines = [line.removeprefix("# ") for line in commands.splitlines() if "systemctl" not in line]
        run("sh", "-eu", "-c", "\n".join(lines))
        provider, = yaml.safe_load(self.read(to + "dashboards/tercet.yml"))["providers"]
        self.assertEqual(len(os.listdir(provider["options"]["path"])), 5)
        sources = yaml.safe_load(self.read(to + "datasources/tercet.yml"))["datasources"]
        self.assertEqual({source["uid"]: source["url"] for source in sources},
                         {"prometheus": "http://localhost:9090", "loki": "http://localhost:3100"})


@unittest.skipUnless(os.geteuid() == 0, "installing into another root needs root")
class Package(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tercet-deb-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "root")

    def services(self, chroot):
        services = Services(self.root, chroot)
        self.addCleanup(services.close)
        return services

    def text(self, path):
        with open(self.root + path) as file:
            return file.read()

    def secrets(self):
        for name in SECRETS:
            self.assertEqual(os.stat(f"{self.root}/etc/tercet/{name}").st_mode & 0o777, 0o600)
        return {name: self.text("/etc/tercet/" + name) for name in SECRETS}

    def change_settings(self):
        with open(self.root + "/etc/tercet/gateway.conf", "a") as conf:
            conf.write("# changed by the operator\n")

    def make_logs(self):
        """As systemd makes them of the units' LogsDirectory, with DynamicUser."""
        os.makedirs(self.root + LOGS)
        os.makedirs(self.root + "/var/log/tercet")
        os.symlink("../private/tercet/gateway", self.root + "/var/log/tercet/gateway")
        open(f"{self.root}{LOGS}/coordinator.log", "w").close()

    def check_removed(self, remove, purge):
        self.make_logs()
        remove()
        self.assertFalse(os.path.exists(self.root + "/usr/bin/tercet-gateway"))
        self.assertIn("changed by the operator", self.text("/etc/tercet/gateway.conf"))
        self.assertTrue(os.path.exists(self.root + "/var/log/tercet/gateway/coordinator.log"))
        cluster_id = self.text("/etc/tercet/cluster.env").strip()
        said = purge().stdout.decode()
        self.assertFalse(os.path.exists(self.root + "/etc/tercet"))
        self.assertEqual([name for name in os.listdir(self.root + "/var/log") if name == "tercet"], [])
        self.assertEqual(os.listdir(self.root + "/var/log/private"), [])
        self.assertTrue(os.path.exists(f"{self.root}{STATE}/node-1/identity"), "a purge deleted data")
        self.assertIn(cluster_id, said, "what the data that were kept belong to")

    def test_in_a_root_of_its_own(self):
        package = make_package(os.path.join(self.folder, "deb"))
        self.assertEqual(set(run("dpkg-deb", "-I", package, "conffiles").stdout.decode().split()), CONFFILES)
        self.assertIn("librocksdb", run("dpkg-deb", "-f", package, "Depends").stdout.decode())
        self.make_root()
        dpkg = ["dpkg", f"--root={self.root}", "--force-depends"]
        run(*dpkg, "-i", package)
        self.change_settings()
        secrets = self.secrets()
        run(*dpkg, "-i", package)
        self.assertIn("changed by the operator", self.text("/etc/tercet/gateway.conf"))
        self.assertEqual(self.secrets(), secrets)
        services = self.services(chroot=False)
        services.start()
        run("curl", "-fsS", "-F", f"file=@{__file__}", "-F", "filename=x", services.url + "/upload")
        self.assertEqual(services.stop(), [0] * 5)
        self.check_removed(lambda: run(*dpkg, "-r", "tercet"), lambda: run(*dpkg, "-P", "tercet"))

    def make_root(self):
        root = self.root
        for part in ("updates", "info", "triggers"):
            os.makedirs(f"{root}/var/lib/dpkg/{part}")
        open(f"{root}/var/lib/dpkg/status", "w").close()
        os.makedirs(root + "/tmp")
        for tool in TOOLS:
            copy_tool(root, tool)
        os.makedirs(root + "/bin", exist_ok=True)
        if not os.path.exists(root + "/bin/sh"):
            shutil.copy(os.path.realpath("/bin/sh"), root + "/bin/sh")
        os.makedirs(root + "/dev")
        os.mknod(root + "/dev/null", 0o20666, os.makedev(1, 3))

    def apt(self, *arguments):
        environment = {"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        return run("chroot", self.root, "apt-get", "-qy", *arguments, env=environment, timeout=600)

    def install(self, package):
        shutil.copy(package, self.root + "/tmp/tercet.deb")
        self.apt("install", "--no-install-recommends", "/tmp/tercet.deb")
        return run("chroot", self.root, "dpkg-query", "-W", "-f", "${Version} ${Status}", "tercet").stdout.decode()

    def check_kept(self, services):
        with open(__file__, "rb") as file:
            self.assertEqual(run("curl", "-fsS", services.url + "/download?filename=kept").stdout, file.read())

    def pretend_systemd(self):
        os.makedirs(self.root + "/run/systemd/system")
        with open(self.root + "/usr/bin/systemctl", "w") as file:
            file.write(SYSTEMCTL)
        os.chmod(self.root + "/usr/bin/systemctl", 0o755)

    def asked_of_systemd(self):
        """What the maintainer scripts had systemctl do since the last time."""
        path = self.root + "/var/log/systemctl"
        with open(path) as file:
            asked = [line for line in file.read().splitlines() if not line.startswith("list-units")]
        os.unlink(path)
        return asked

    def test_upgrade_in_a_clean_debian(self):
        debian.extract(self.root)
        self.pretend_systemd()
        self.apt("update")
        self.assertEqual(self.install(make_package(os.path.join(self.folder, "old"), "0.0.9")), "0.0.9 install ok installed")
        self.assertEqual(self.asked_of_systemd(), ["daemon-reload"], "nothing is started before its settings were looked at")
        self.change_settings()
        secrets = self.secrets()
        services = self.services(chroot=True)
        services.start()
        run("curl", "-fsS", "-F", f"file=@{__file__}", "-F", "filename=kept", services.url + "/upload")
        self.assertEqual(services.stop(), [0] * 5)

        self.assertRegex(self.install(make_package(os.path.join(self.folder, "new"))), r"^0\.[1-9]\S* install ok installed$")
        units = ["tercet-node@1.service", "tercet-node@7.service", "tercet-gateway.service"]
        asked = [line for line in self.asked_of_systemd() if line != "daemon-reload"]
        self.assertEqual(asked, ["try-restart " + unit for unit in units])
        self.assertIn("changed by the operator", self.text("/etc/tercet/gateway.conf"))
        self.assertEqual(self.secrets(), secrets)
        services.start()
        self.check_kept(services)
        code, said = services.restore_metadata()
        self.assertEqual(code, 0)
        self.assertIn("rows restored from node", said)
        self.assertEqual(services.stop(), [0] * 4)
        services.start()
        self.check_kept(services)
        self.assertEqual(services.stop(), [0] * 5)
        self.check_removed(lambda: self.apt("remove", "tercet"), lambda: self.apt("purge", "tercet"))
        asked = self.asked_of_systemd()
        self.assertEqual(set(asked), {"daemon-reload"} | {"disable --now " + unit for unit in units})


if __name__ == "__main__":
    main()
