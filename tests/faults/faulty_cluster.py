"""A cluster whose processes can be put on disks and into networks of the harness, and what can be read of its state."""

import contextlib
import glob
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import content
from cluster import NODE_COUNT, Cluster, ClusterError, poll

# Background work and health checks at the pace of a test. The long form keeps the product's defaults for breakers.
QUICK = {
    "-health-interval": "1s",
    "-suspect-interval": "250ms",
    "-breaker-open": "500ms",
    "-repair-interval": "200ms",
    "-gc-interval": "200ms",
    "-gc-grace": "500ms",
    "-drain": "2s",
    "-chunk-size": "256K",
}
DEFAULT_PACE = ("-health-interval", "-suspect-interval", "-breaker-open")


class FaultyCluster(Cluster):
    """network: a faults.Network, then the nodes live in its namespaces. disks: program name -> faults.Disk, where it
    keeps its data. wrap: program name -> words to put before its command."""

    def __init__(self, options=None, node_options=(), network=None, disks=None, wrap=None, product_pace=False):
        settings = {k: v for k, v in QUICK.items() if not (product_pace and k in DEFAULT_PACE)} | (options or {})
        flags = [word for pair in settings.items() for word in pair]
        super().__init__(tls=False, domain=None, gateway_options=flags, node_options=("-drain", "2s", *node_options))
        self.chunk_bytes = _bytes(settings["-chunk-size"])
        self.network = network
        for name, disk in (disks or {}).items():
            disk.attach(self.data(name))
        for name, words in (wrap or {}).items():
            self.program(name).argv[:0] = words
        if network:
            for number, node in enumerate(self.nodes, 1):
                set_option(node.argv, "-listen", network.address(number))
                node.argv[:0] = network.command(number)
            addresses = (f"{n}={network.address(n)}:{port}" for n, port in enumerate(self.node_ports, 1))
            set_option(self.gateway.argv, "-nodes", ",".join(addresses))

    def program(self, name):
        return next(program for program in self.programs if program.name == name)

    def node_url(self, number):
        host = self.network.address(number) if self.network else "127.0.0.1"
        return f"http://{host}:{self.node_ports[number - 1]}"

    def restart_gateway(self):
        self.gateway.start()
        poll(lambda: self._answers(self.gateway, self.url), "the gateway answers")

    def restore_metadata(self, *options):
        """(exit code, what it said) of a gateway that rebuilds its metadata from the nodes."""
        command = [*self.gateway.argv, "-restore-metadata", *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90)
        return done.returncode, done.stdout + done.stderr

    def restart(self, program):
        if program is self.gateway:
            self.restart_gateway()
        else:
            self.restart_node(self.nodes.index(program) + 1)

    def wipe(self, name):
        """Empties the data directory of a program that does not run."""
        path = self.data(name)
        shutil.rmtree(path)
        os.mkdir(path, 0o700)

    def crash_all(self):
        """All processes at once, as near as one process can do it."""
        for program in self.programs:
            if program.running():
                program.killed = True
                program.process.kill()
        for program in self.programs:
            program.process.wait()

    def wait_healthy(self, count=NODE_COUNT, seconds=60):
        poll(lambda: self.healthy_nodes() == count, f"{count} nodes are healthy", seconds)

    def node_states(self):
        """Node number -> its row of /system/nodes; {} when the gateway does not answer."""
        status, body = self.get("/system/nodes")
        return {row["nodeId"]: row for row in json.loads(body)["nodes"]} if status == 200 else {}

    def peak_bytes(self):
        """"gateway" and "node" -> the most memory that one running process has had so far."""
        peaks = {}
        for program in self.programs:
            kind = "gateway" if program is self.gateway else "node"
            with contextlib.suppress(OSError, AttributeError):  # it does not run
                peaks[kind] = max(program.peak_rss_bytes(), peaks.get(kind, 0))
        return peaks

    def sanitized(self):
        """Whether the programs were built with sanitizers, which take memory of their own."""
        with open(os.path.join(self.build, "CMakeCache.txt")) as cache:
            return any(line.startswith("TERCET_SANITIZE:") and line.strip()[-1] != "=" for line in cache)

    # ---- copies on the nodes' disks

    def chunk_files(self, node):
        return glob.glob(os.path.join(self.data(f"node{node}"), "chunks", "*", "*"))

    def large_copies(self):
        """(write id, offset) -> {node number: path} for every chunk that has a file of its own."""
        found = {}
        for node in range(1, NODE_COUNT + 1):
            for path in self.chunk_files(node):
                try:
                    with open(path, "rb") as file:
                        file.seek(4096)
                        block = content.block_at(file.read(64), 0)
                except OSError:  # gone, or no file
                    continue
                if block:
                    found.setdefault(block[:2], {})[node] = path
        return found

    def small_places(self, write_id, node):
        """(path, offset) of every copy of a small write's bytes in the table files of a node's database."""
        places, start = [], content.marker(write_id) + bytes(8)
        for pattern in ("*.sst", "*.blob"):
            for path in sorted(glob.glob(os.path.join(self.data(f"node{node}"), "small", pattern))):
                with open(path, "rb") as file:
                    data = file.read()
                at = data.find(start)
                while at >= 0:
                    places.append((path, at))
                    at = data.find(start, at + 1)
        return places

    def chunk_offsets(self, write):
        """Where the chunks of a write begin that are large enough to be files, with certainty."""
        offsets, start = [], 0
        for size in write.parts or [write.size]:
            for offset in range(0, size, self.chunk_bytes):
                if min(self.chunk_bytes, size - offset) > 64 * 1024:
                    offsets.append(start + offset)
            start += size
        return offsets

    def missing_copies(self, writes):
        """How many copies of large chunks are missing to three, for these (write id, Write) pairs."""
        copies = self.large_copies()
        return sum(
            max(0, 3 - len(copies.get((write_id, offset), ())))
            for write_id, write in writes
            for offset in self.chunk_offsets(write)
        )

    def quarantined(self, node):
        return os.listdir(os.path.join(self.data(f"node{node}"), "quarantine"))

    def keep_or_remove(self, keep, directory, failed):
        """After a failure the logs are kept in `directory`; with keep all data, too."""
        if failed:
            for program in self.programs:
                if os.path.exists(program.log_path):
                    shutil.copy(program.log_path, directory)
        if keep:
            shutil.copytree(self.directory, os.path.join(directory, "cluster"), dirs_exist_ok=True)
        self.remove()
        if not keep and not failed:
            shutil.rmtree(directory, ignore_errors=True)

    def wait_exit(self, program, seconds=30):
        """Waits until the process has ended by itself; its exit status."""
        try:
            return program.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"{program.name} still runs after {seconds} s") from error


class Monitor:
    """Follows /system/nodes: when which breaker changed, and when which node stopped being healthy."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.transitions = []  # (time, node number, circuit state, healthy)
        self._last = {}

    def poll(self):
        for number, row in self.cluster.node_states().items():
            state = (row["circuitState"], row["healthy"])
            if self._last.get(number) != state:
                self._last[number] = state
                self.transitions.append((time.monotonic(), number, *state))

    def first(self, node, since, condition):
        """Seconds from `since` to the node's first state after it that meets the condition, or None."""
        for at, number, circuit, healthy in self.transitions:
            if number == node and at > since and condition(circuit, healthy):
                return at - since
        return None


def _bytes(text):
    return int(text[:-1]) * {"K": 1024, "M": 1024 * 1024}[text[-1]]


def set_option(argv, name, value):
    argv[argv.index(name) + 1] = value
