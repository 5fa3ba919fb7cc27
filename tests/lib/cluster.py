"""A real cluster for tests: one gateway and four nodes as processes, in a temporary directory, on free ports.

The ports are held by a bound socket of ours for as long as the cluster lives, so that no other test can get them, also
while a node is down; with SO_REUSEADDR on both, a server can listen there all the same. Readiness is polled. Each process must end with status 0 when it is told to
stop, unless the test killed it, and must never have printed a sanitizer's report; stop() checks both.
"""

import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import certificates

START_SECONDS = 60
STOP_SECONDS = 60
NODE_COUNT = 4
DOMAIN = "s3.example.test"
REPORT = re.compile(r"ERROR: (Address|Leak|Thread|Undefined)|WARNING: ThreadSanitizer|runtime error:|DEADLYSIGNAL")

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ClusterError(Exception):
    pass


def poll(condition, what, seconds=START_SECONDS):
    """Waits until condition() is true; its last value is returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def hold_port(port=0):
    """A socket that keeps the port for us (port 0: one that the kernel chooses); OSError when somebody has it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", port))
    return holder


class Program:
    """One process of the cluster, which can be started again."""

    def __init__(self, name, argv, directory):
        self.name = name
        self.argv = argv
        self.log_path = os.path.join(directory, name + ".log")
        self.process = None
        self.killed = False
        self.failures = []

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
        environment["ASAN_OPTIONS"] = "detect_leaks=1:detect_stack_use_after_return=0"
        environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
        self.killed = False
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """What a power cut does to a process."""
        self.killed = True
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def terminate(self):
        if self.running():
            self.process.send_signal(signal.SIGTERM)

    def wait_end(self):
        if self.process is None:
            return
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.failures.append(f"{self.name} still ran {STOP_SECONDS} s after SIGTERM")
            self.process.kill()
            self.process.wait()
            self.killed = True
            code = 0
        if code != 0 and not self.killed:
            self.failures.append(f"{self.name} ended with {code}")
        self.process = None

    def peak_rss_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) * 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log_text(self):
        """All of it, for what may have been said long ago."""
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def log_tail(self):
        try:
            with open(self.log_path, errors="replace") as log:
                return log.read()[-6000:]
        except FileNotFoundError:
            return ""

    def sanitizer_report(self):
        try:
            with open(self.log_path, errors="replace") as log:
                text = log.read()
        except FileNotFoundError:
            return None
        found = REPORT.search(text)
        return text[max(0, found.start() - 200) : found.start() + 6000] if found else None


class Cluster:
    """tls: also an HTTPS listener with a certificate of a CA made for this cluster (self.ca).
    node_tls: gateway and nodes speak TLS to each other, with certificates of self.authority.
    TERCET_SMALL_MAX in the environment: -small-max of gateways that are given none, to try any test so.
    ports: of the gateway, its HTTPS and the nodes (0: chosen by the kernel); so many nodes there are. zones: of each node."""

    def __init__(self, build=None, tls=True, domain=DOMAIN, gateway_options=(), node_options=(), directory=None,
                 ports=(0,) * (NODE_COUNT + 2), node_tls=False, zones=()):
        self.build = build or os.environ["TERCET_BUILD"]
        self.directory = tempfile.mkdtemp(prefix="tercet-", dir=directory)
        self.domain = domain
        self.access_key = "TK" + secrets.token_hex(9).upper()
        self.secret_key = base64.b64encode(secrets.token_bytes(30)).decode()
        self.cluster_id = secrets.token_hex(16)
        self._holders = [hold_port(port) for port in ports]
        ports = [holder.getsockname()[1] for holder in self._holders]
        self.port, self.tls_port, self.node_ports = ports[0], ports[1], ports[2:]
        self.ca = None
        self.secret_path = self._secret_file("cluster-secret", secrets.token_hex(32))
        self.authority = certificates.Authority(self.data("node-tls")) if node_tls else None
        self.zones = zones
        self.nodes = [self._node(number, node_options) for number in range(1, len(self.node_ports) + 1)]
        self.gateway = self._gateway(tls, gateway_options)

    def _secret_file(self, name, text):
        path = os.path.join(self.directory, name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text + "\n")
        return path

    def data(self, name):
        return os.path.join(self.directory, name)

    def _identity(self):
        return ["-cluster-id", self.cluster_id, "-cluster-secret-file", self.secret_path, "-loglevel", "error"]

    def _node(self, number, options):
        name = f"node{number}"
        os.mkdir(self.data(name), 0o700)
        argv = [os.path.join(self.build, "storage", "tercet-node"), "-listen", "127.0.0.1"]
        argv += ["-port", str(self.node_ports[number - 1]), "-data-dir", self.data(name), "-node-id", str(number)]
        argv += self._tls("", name)
        return Program(name, argv + self._identity() + list(options), self.directory)

    def _tls(self, prefix, name):
        """The settings with which that program speaks TLS to others."""
        if not self.authority:
            return []
        certificate, key = self.authority.issue(name)
        return [f"-{prefix}tls-ca", self.authority.ca, f"-{prefix}tls-cert", certificate, f"-{prefix}tls-key", key]

    def _gateway(self, tls, options):
        os.mkdir(self.data("gateway"), 0o700)
        places = [f"127.0.0.1:{port}" for port in self.node_ports]
        if self.zones:
            places = [f"{place}/{zone}" for place, zone in zip(places, self.zones, strict=True)]
        nodes = ",".join(f"{number}={place}" for number, place in enumerate(places, 1))
        argv = [os.path.join(self.build, "gateway", "tercet-gateway"), "-listen", "127.0.0.1"]
        argv += ["-port", str(self.port), "-data-dir", self.data("gateway"), "-nodes", nodes]
        argv += ["-access-key", self.access_key, *self._tls("node-", "gateway")]
        argv += ["-secret-key-file", self._secret_file("secret-key", self.secret_key)]
        if self.domain:
            argv += ["-domain", self.domain]
        if tls:
            self.ca, certificate, key = certificates.make(self.directory, self.domain)
            argv += ["-tls-port", str(self.tls_port), "-tls-cert", certificate, "-tls-key", key]
        if os.environ.get("TERCET_SMALL_MAX") and "-small-max" not in options:
            argv += ["-small-max", os.environ["TERCET_SMALL_MAX"]]
        return Program("gateway", argv + self._identity() + list(options), self.directory)

    @property
    def programs(self):
        return [*self.nodes, self.gateway]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self):
        return f"https://localhost:{self.tls_port}"

    def node_url(self, number):
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.node_ports[number - 1]}"

    def _opener_for(self, base):
        if not self.authority or not base or not base.startswith("https:"):
            return _opener
        return urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                           urllib.request.HTTPSHandler(context=self.authority.context("gateway")))

    def get(self, path, base=None):
        """(status, body) of a GET; (0, b"") when nobody answers."""
        try:
            with self._opener_for(base).open((base or self.url) + path, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def disk_bytes(self):
        """What the data of the gateway and of all nodes take; ballast counts as free."""
        blocks = 0
        for program in self.programs:
            for parent, _, files in os.walk(self.data(program.name)):
                for file in set(files) - {"ballast"}:
                    with contextlib.suppress(FileNotFoundError):
                        blocks += os.stat(os.path.join(parent, file)).st_blocks
        return blocks * 512

    def healthy_nodes(self):
        status, body = self.get("/system/health")
        return json.loads(body)["healthyNodes"] if status in (200, 503) and body else -1

    def replicas_are_in_step(self):
        """Whether every node holds all changes of the metadata."""
        return all(self.metric(f'tercet_metadata_replica_lag{{node="{number}"}}') == 0 for number in range(1, len(self.nodes) + 1))

    def metric(self, series):
        """The gateway's value of a series, named as it is exposed: name{labels}; None when there is none, or no answer."""
        status, body = self.get("/metrics")
        found = re.search(rf"^{re.escape(series)} (\S+)$", body.decode(), re.MULTILINE) if status == 200 else None
        return float(found[1]) if found else None

    def node_metric(self, number, name):
        """The value of the one series of that name of a node; 0.0 when there is none."""
        text = self.get("/metrics", self.node_url(number))[1].decode()
        found = re.search(rf"^{re.escape(name)}\{{.*\}} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def _answers(self, program, base):
        if not program.running():
            raise ClusterError(f"{program.name} ended at its start:\n{program.log_tail()}")
        return self.get("/health", base)[0] == 200

    def start(self):
        for program in self.programs:
            if not program.running():
                program.start()
        self.wait_ready()
        return self

    def wait_ready(self):
        for number, node in enumerate(self.nodes, 1):
            poll(lambda: self._answers(node, self.node_url(number)), f"{node.name} answers")
        poll(lambda: self._answers(self.gateway, self.url), "the gateway answers")
        poll(lambda: self.healthy_nodes() == len(self.nodes), "the gateway sees all nodes healthy")

    def restart_node(self, number):
        self.nodes[number - 1].start()
        poll(lambda: self._answers(self.nodes[number - 1], self.node_url(number)), f"node{number} answers")

    def stop(self):
        """Ends all processes, the gateway first. Raises ClusterError when one ended badly."""
        self.gateway.terminate()
        self.gateway.wait_end()
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            node.wait_end()
        problems = [failure for program in self.programs for failure in program.failures]
        for program in self.programs:
            report = program.sanitizer_report()
            if report:
                problems.append(f"{program.name} printed a sanitizer's report:\n{report}")
            elif program.failures:
                problems.append(f"{program.name}'s log ends with:\n{program.log_tail()}")
            program.failures = []
        if problems:
            raise ClusterError("\n".join(problems))

    def remove(self):
        for holder in self._holders:
            holder.close()
        if not os.environ.get("TERCET_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def check_alive(self):
        """Raises when a process that was not killed on purpose is gone."""
        for program in self.programs:
            if program.process is not None and not program.killed and program.process.poll() is not None:
                raise ClusterError(f"{program.name} died ({program.process.returncode}):\n{program.log_tail()}")
