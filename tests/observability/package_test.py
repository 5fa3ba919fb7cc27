"""The Debian package: built by CPack from the Release build, installed into a root of its own with its scripts run there,
its programs started by hand with the installed settings as a user without rights, removed and purged."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import cluster
from harness import main, run

USER = 65534
CONFFILES = {"/etc/tercet/gateway.conf"} | {f"/etc/tercet/node-{number}.conf" for number in range(1, 5)}
TOOLS = ("sh", "openssl", "mv", "rm", "rmdir")


def copy_tool(root, name):
    """A program and its libraries, for the maintainer scripts."""
    path = shutil.which(name)
    libraries = re.findall(r"(/\S+)", run("ldd", path, check=False).stdout.decode())
    for file in {path, *libraries}:
        target = root + file
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.realpath(file), target)


class Package(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "skipped: installing into another root needs root")
    def test_life_of_a_package(self):
        folder = tempfile.mkdtemp(prefix="tercet-deb-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)
        run("cpack", "-B", folder, "--config", os.path.join(os.environ["TERCET_BUILD"], "CPackConfig.cmake"))
        package = next(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".deb"))
        self.assertEqual(set(run("dpkg-deb", "-I", package, "conffiles").stdout.decode().split()), CONFFILES)
        self.assertIn("librocksdb", run("dpkg-deb", "-f", package, "Depends").stdout.decode())
        root = self.make_root(folder)
        dpkg = ["dpkg", f"--root={root}", "--force-depends"]
        run(*dpkg, "-i", package)
        with open(root + "/etc/tercet/gateway.conf", "a") as conf:
            conf.write("# changed by the operator\n")
        run(*dpkg, "-i", package)
        with open(root + "/etc/tercet/gateway.conf") as conf:
            self.assertIn("changed by the operator", conf.read())
        for secret in ("cluster-secret", "secret-key", "cluster.env"):
            self.assertEqual(os.stat(f"{root}/etc/tercet/{secret}").st_mode & 0o777, 0o600)
        self.serve(root)
        run(*dpkg, "-r", "tercet")
        self.assertFalse(os.path.exists(root + "/usr/bin/tercet-gateway"))
        self.assertTrue(os.path.exists(root + "/etc/tercet/gateway.conf"))
        run(*dpkg, "-P", "tercet")
        self.assertFalse(os.path.exists(root + "/etc/tercet"))

    def make_root(self, folder):
        root = os.path.join(folder, "root")
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
        return root

    def serve(self, root):
        """What the units do, by hand: the installed programs and settings, as a user that may do nothing else."""
        holders = [cluster.hold_port() for _ in range(5)]
        ports = [holder.getsockname()[1] for holder in holders]
        with open(root + "/etc/tercet/cluster.env") as file:
            environment = dict(line.strip().split("=", 1) for line in file)
        state = os.path.join(root, "state")
        os.makedirs(state)
        for secret in ("cluster-secret", "secret-key"):
            shutil.copy(f"{root}/etc/tercet/{secret}", state)
            os.chown(os.path.join(state, secret), USER, USER)
        os.chown(state, USER, USER)
        environment["TERCET_CLUSTER_SECRET_FILE"] = os.path.join(state, "cluster-secret")
        environment["TERCET_SECRET_KEY_FILE"] = os.path.join(state, "secret-key")
        nodes = ",".join(f"{number}=127.0.0.1:{ports[number]}" for number in range(1, 5))
        members = [("tercet-gateway", "gateway", ports[0], ["-nodes", nodes])]
        members += [("tercet-node", f"node-{number}", ports[number], []) for number in range(1, 5)]
        processes = []
        try:
            for program, name, port, more in reversed(members):
                processes.append(subprocess.Popen(
                    [f"{root}/usr/bin/{program}", "-config", f"{root}/etc/tercet/{name}.conf", "-port", str(port),
                     "-data-dir", os.path.join(state, name), *more],
                    env=environment, user=USER, group=USER, extra_groups=[], cwd="/"))
            probe = [f"{root}/usr/bin/tercet-gateway", "-health", "-port", str(ports[0])]
            cluster.poll(lambda: run(*probe, check=False).returncode == 0, "the installed gateway is well")
            run("curl", "-fsS", "-F", f"file=@{__file__}", "-F", "filename=x", f"http://127.0.0.1:{ports[0]}/upload")
        finally:
            for process in reversed(processes):
                process.terminate()
            codes = [process.wait(60) for process in processes]
            for holder in holders:
                holder.close()
        self.assertEqual(codes, [0] * 5)


if __name__ == "__main__":
    main()
