"""deploy/start-monitoring.sh and deploy/stop-monitoring.sh, without Docker: a `docker` of ours records what it is asked and
has docker-compose resolve the files. The answers that the script waits for come from servers in a network of its own,
since the ports are fixed."""

import os
import shutil
import subprocess
import tempfile
import unittest

import yaml

from harness import main, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MONITORING = os.path.join(ROOT, "deploy", "monitoring")
PORT = 8090  # of the cluster that is watched; nobody listens there in the network of the script
TARGETS = os.path.join(MONITORING, "prometheus", f"targets-{PORT}")
DOCKER = """#!/bin/sh
[ "$1" != info ] || exit "$DOCKER_INFO"
[ "$1" = compose ] || exit 1
shift
[ "$1" != version ] || exit "$DOCKER_COMPOSE"
printf '%s\\n' "$*" >>"$CALLS"
case "${PROMETHEUS:+$*}" in
*" up "*)
    mkdir "$PROMETHEUS" && cp "${TERCET_PROMETHEUS_CONFIG:-$SHIPPED/prometheus.yml}" "$SHIPPED/alerts.yml" "$PROMETHEUS"
    ln -s "$TERCET_MONITORING_TARGETS" "$PROMETHEUS/targets"
    prometheus --config.file="$PROMETHEUS/prometheus.yml" --storage.tsdb.path="$PROMETHEUS/data" \\
        --web.listen-address=127.0.0.1:9090 >"$PROMETHEUS/log" 2>&1 &
    ;;
esac
while [ "$1" = -p ] || [ "$1" = -f ]; do files="${files:-} $1 $2"; shift 2; done
exec docker-compose $files config -q
"""
# Brings the loopback up, answers 200 on the ports, with PROMETHEUS starts a cluster, without node STOPPED, and makes the
# containers' name of the host known, then runs the command. All of it ends with this process: it is the first of its PIDs.
INSIDE = """
import http.server, os, subprocess, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for port in sys.argv[1].split(","):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
if os.environ.get("PROMETHEUS"):
    import cluster
    with open(os.environ["PROMETHEUS"] + ".hosts", "w") as hosts:
        hosts.write("127.0.0.1 localhost host.docker.internal")
    subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
    base = int(os.environ["TERCET_BASE_PORT"])
    watched = cluster.Cluster(tls=False, directory=os.path.dirname(hosts.name), ports=[base, 0, *range(base + 1, base + 5)])
    watched.start()
    for number in os.environ["STOPPED"].split():
        watched.nodes[int(number) - 1].kill()
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""


class Start(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("docker-compose"):
            raise unittest.SkipTest("there is no docker-compose here")
        # Root in a user namespace of its own does as well where one is not root.
        for flags in ("-n", "-rn"):
            if run("unshare", flags, "true", check=False).returncode == 0:
                cls.unshare = flags
                return
        raise unittest.SkipTest("a network of one's own is not allowed here")

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tercet-monitoring-")
        self.addCleanup(folder.cleanup)
        self.addCleanup(shutil.rmtree, TARGETS, ignore_errors=True)
        self.folder = folder.name
        self.bin = os.path.join(self.folder, "bin")
        os.mkdir(self.bin)
        with open(os.path.join(self.bin, "docker"), "w") as file:
            file.write(DOCKER)
        os.chmod(file.name, 0o755)

    def script(self, name, *arguments, ports=(9090, 3000, 3100), **settings):
        """What the script did: exit status, output, and what docker was asked to do."""
        calls = os.path.join(self.folder, "calls")
        open(calls, "w").close()
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("TERCET_", "DOCKER_"))}
        environment |= {"PATH": self.bin + ":" + os.environ["PATH"], "CALLS": calls, "DOCKER_INFO": "0", "DOCKER_COMPOSE": "0",
                        "TERCET_DATA": os.path.join(self.folder, "data"), "TERCET_BASE_PORT": str(PORT),
                        "TERCET_MONITORING_WAIT": "3"} | settings
        done = subprocess.run(["unshare", self.unshare, "-m", "-p", "-f", "--kill-child",
                               "/usr/bin/python3", "-c", INSIDE, ",".join(map(str, ports)), os.path.join(ROOT, "deploy", name), *arguments],
                              env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
        with open(calls) as file:
            return done.returncode, done.stdout + done.stderr, file.read()

    def test_start_and_stop(self):
        code, said, calls = self.script("start-monitoring.sh")
        self.assertEqual(code, 0, said)
        for text in ("http://localhost:3000", "admin / admin", "http://localhost:9090", "http://localhost:3100", "promtail"):
            self.assertIn(text, said)
        self.assertIn(f"No gateway answers on port {PORT}", said)
        self.assertIn("compose.host.yaml", calls)
        self.assertIn("up -d --scale alloy=0", calls)
        with open(os.path.join(TARGETS, "gateway.yml")) as file:
            self.assertIn(f"host.docker.internal:{PORT}", file.read())
        with open(os.path.join(TARGETS, "nodes.yml")) as file:
            self.assertEqual(file.read().count("host.docker.internal:"), 4)
        for settings in ({}, {"TERCET_MONITORING_NETWORK": "bridge"}):
            code, said, calls = self.script("start-monitoring.sh", "--alloy", **settings)
            self.assertEqual(code, 0, said)
            self.assertIn("up -d --scale promtail=0", calls)
        self.assertIn("compose.override.yaml", calls)
        self.assertEqual(self.script("stop-monitoring.sh")[0::2], (0, calls.split(" --profile")[0].replace(
            "compose.override", "compose.host") + " --profile alloy down --remove-orphans\n"))
        self.assertIn("down --remove-orphans --volumes", self.script("stop-monitoring.sh", "--delete")[2])

    def real_prometheus(self, stopped):
        """What the script says with Debian's Prometheus in the container's place."""
        code, said, _ = self.script("start-monitoring.sh", ports=(3000, 3100), STOPPED=stopped, TERCET_MONITORING_WAIT="30",
                                    PROMETHEUS=os.path.join(self.folder, "prometheus" + stopped),
                                    SHIPPED=os.path.join(MONITORING, "prometheus"), TERCET_BUILD=os.environ["TERCET_BUILD"])
        self.assertEqual(code, 0, said)
        return said

    def test_real_prometheus_reads_the_cluster(self):
        """Gateway and nodes are read by the names and files that are shipped; what is not is listed with the reason."""
        self.assertIn("Prometheus reads the gateway and all nodes.", self.real_prometheus(""))
        listed = self.real_prometheus("4").partition("Prometheus cannot read all of the cluster")[2].splitlines()[1:]
        self.assertEqual(len(listed), 1, listed)
        self.assertRegex(listed[0], rf"^  down http://host\.docker\.internal:{PORT + 4}/metrics .*connection refused")

    def test_failures_are_loud(self):
        code, said, _ = self.script("start-monitoring.sh", ports=(9090, 3000))
        self.assertEqual(code, 1)
        self.assertIn("loki does not answer at http://127.0.0.1:3100/ready", said)
        code, said, calls = self.script("start-monitoring.sh", DOCKER_INFO="1")
        self.assertEqual((code, calls), (1, ""))
        self.assertIn("Docker does not answer", said)
        code, said, _ = self.script("start-monitoring.sh", "--aloy")
        self.assertEqual(code, 1)
        self.assertIn("--aloy", said)
        self.assertEqual(self.script("start-monitoring.sh", TERCET_MONITORING_NETWORK="none")[0], 1)

    def test_token(self):
        """A gateway that asks for its token gets it from Prometheus; in every job that asks the gateway."""
        token = os.path.join(self.folder, "token")
        with open(token, "w") as file:
            file.write("the-files-token")
        for again in (False, True):
            code, said, _ = self.script("start-monitoring.sh", TERCET_FILES_TOKEN_FILE=token)
            self.assertEqual(code, 0, said)
            mode = os.stat(os.path.join(TARGETS, "token")).st_mode & 0o777
            self.assertEqual(mode, 0o600 if self.unshare == "-n" else 0o644, f"again: {again}")  # who may give it away
        with open(os.path.join(TARGETS, "token")) as file:
            self.assertEqual(file.read(), "the-files-token")
        self.assertIn(os.stat(os.path.join(TARGETS, "token")).st_uid, (65534, os.getuid()))
        with open(os.path.join(TARGETS, "prometheus.yml")) as file:
            jobs = {job["job_name"]: job for job in yaml.safe_load(file)["scrape_configs"]}
        asking = {name for name, job in jobs.items() if job.get("authorization") == {"credentials_file": "targets/token"}}
        self.assertEqual(asking, {"tercet-gateway", "tercet-buckets"})
        self.assertEqual(self.script("start-monitoring.sh", TERCET_FILES_TOKEN_FILE=token + ".none")[0], 1)

    def test_cluster_in_containers(self):
        token = os.path.join(self.folder, "token")
        with open(token, "w") as file:
            file.write("the-files-token")
        logs = os.path.join(self.folder, "data", "log")
        code, said, calls = self.script("start-monitoring.sh", "--alloy", "--containers", TERCET_FILES_TOKEN_FILE=token)
        self.assertEqual(code, 0, said)
        self.assertRegex(calls, r"-f \S*/compose\.host\.yaml -f \S*/compose\.containers\.yaml --profile alloy up ")
        self.assertIn("filled by alloy from the volume tercet-logs", said)
        self.assertFalse(os.path.exists(logs))
        self.assertTrue(os.path.exists(os.path.join(TARGETS, "token")))
        self.assertNotIn("compose.containers.yaml", self.script("stop-monitoring.sh", "--delete")[2], "it would delete the logs")
        if not os.path.exists(os.path.join(ROOT, "secrets", "files-token")):
            code, said, _ = self.script("start-monitoring.sh", "--containers")
            self.assertEqual(code, 1)
            self.assertIn("secrets/files-token", said)

    def test_docker_compose_of_its_own(self):
        """Where docker has no plug-in, docker-compose is taken."""
        with open(os.path.join(self.bin, "docker-compose"), "w") as file:
            file.write('#!/bin/sh\nprintf "own %s\\n" "$*" >>"$CALLS"\n')
        os.chmod(file.name, 0o755)
        code, said, calls = self.script("start-monitoring.sh", DOCKER_COMPOSE="1")
        self.assertEqual(code, 0, said)
        self.assertTrue(calls.startswith("own -p tercet-monitoring -f "), calls)


if __name__ == "__main__":
    main()
