"""Runs one scenario: cluster, load, faults, the reading of everything at the end, judgement.

A scenario is a function of a Run, registered by @scenario. It starts the cluster and the load, marks the phases, does
its faults and states what it expects; the runner heals, reads every key and checks the history.
"""

import contextlib
import os
import random
import signal
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass, field

import checker
import faults
from cluster import NODE_COUNT, ClusterError, poll
from faulty_cluster import FaultyCluster, Monitor
from history import ABSENT, DELETE, GET, LIST, OK, PUT, History
from load import BUCKET, Load

SCENARIOS = {}
PEAK_BYTES_MAX = {"gateway": 200 << 20, "node": 128 << 20}  # of a build without sanitizers
CALM = ("healthy", "after")  # phases in which nothing is broken


class TimedOut(Exception):
    pass


@dataclass
class Scenario:
    function: object
    seconds: int  # bound of the whole scenario
    short: bool  # part of the short form


def scenario(seconds=120, short=True):
    def register(function):
        SCENARIOS[function.__name__.replace("_", "-")] = Scenario(function, seconds, short)
        return function

    return register


@dataclass
class Result:
    name: str
    seed: int
    skipped: str = ""
    must_lose: bool = False  # the scenario breaks the product, to prove that the harness notices
    failures: list = field(default_factory=list)
    operations: int = 0
    acknowledged: int = 0
    under_faults: int = 0  # of the operations, those begun while something was broken
    errors: int = 0  # 5xx, timeouts and cut connections that clients met
    violations: dict = field(default_factory=dict)
    p99: dict = field(default_factory=dict)  # phase -> (read ms, write ms)
    measured: dict = field(default_factory=dict)
    peak_bytes: dict = field(default_factory=dict)  # "gateway" and "node" -> most resident memory of one process
    seconds: float = 0.0

    @property
    def state(self):
        return "FAILED" if self.failures else "skipped" if self.skipped else "ok"


class Run:
    """What a scenario works with."""

    def __init__(self, name, seed, long, keep, count):
        self.name, self.long, self.keep, self.count = name, long, keep, count
        self.rng = random.Random(f"{seed}-{name}")
        self.seed = seed
        self.history = History()
        self.result = Result(name, seed)
        self.directory = tempfile.mkdtemp(prefix="tercet-faults-")
        self.cluster = self.load = self.monitor = None
        self.excluded = set()  # keys that the scenario has destroyed on purpose
        self.phases = []  # (name, start)
        self._closers = []
        self._monitoring = threading.Event()
        self._monitor_thread = None

    # ---- for scenarios

    def seconds(self, short, long):
        return long if self.long else short

    def times(self, short, long):
        """How often a fault is repeated; --count says otherwise."""
        return self.count or (long if self.long else short)

    def expect(self, condition, text):
        if not condition:
            self.result.failures.append(text)

    def expect_no_errors(self, since, until, cause):
        """Clients must not have noticed the cause: no 5xx, timeout or cut connection."""
        failed = [op for op in self.history.snapshot() if since <= op.start < until and op.is_error]
        self.expect(not failed, f"{len(failed)} requests failed because of {cause}, first: {failed[:1]}")

    def within(self, seconds):
        """The bound for what the product promises within so many seconds: half as much again for a machine that does
        other work, three times for a build with sanitizers."""
        return seconds * (3 if self.cluster.sanitized() else 1.5)

    def expect_refused(self, since, until, seconds, cause):
        """Every upload begun then was answered 503 with Retry-After, in about so many seconds. Returns the slowest's."""
        uploads = [op for op in self.history.snapshot() if op.kind == PUT and since <= op.start < until]
        slowest = max(uploads, key=lambda op: op.seconds)
        served = [op for op in uploads if op.status != 503 or not op.retry_after]
        self.expect(not served, f"{len(served)} of {len(uploads)} uploads with {cause} were not refused: {served[:1]}")
        self.expect(slowest.seconds <= self.within(seconds), f"{cause}: a refusal took {slowest.seconds:.2f} s: {slowest}")
        return slowest.seconds

    def measure(self, name, value):
        self.result.measured[name] = value

    def closing(self, thing):
        """thing.close() is called after the processes have ended."""
        self._closers.append(thing)
        return thing

    def start_cluster(self, mix=None, **options):
        self.cluster = FaultyCluster(product_pace=self.long, **options)
        self.cluster.start()
        self.load = Load(self.cluster, self.history, self.seed, mix)
        session = self.load.session("setup")
        poll(lambda: session.client.request("PUT", f"/{BUCKET}").status in (200, 409), "the bucket is there")
        session.client.close()
        self.monitor = Monitor(self.cluster)
        self._monitor_thread = threading.Thread(target=self._follow, daemon=True)
        self._monitor_thread.start()
        return self.cluster

    def start_load(self, healthy_seconds=3):
        """Starts the clients and lets them work undisturbed for a while."""
        self.phase("healthy")
        self.load.start()
        time.sleep(healthy_seconds)

    def phase(self, name):
        self.phases.append((name, time.monotonic()))

    def session(self, name="scenario", timeout=20):
        return self.load.session(name, timeout)

    def breaker_times(self, title, node, fault_start, fault_end):
        """Records how long the breaker of the node took to open (a short fault may end before) and, after the fault, to
        close; that the fault was noticed at all, and its end, is expected."""
        first = self.monitor.first
        unhealthy = first(node, fault_start, lambda _, ok: not ok)
        again = first(node, fault_end, lambda state, ok: ok and state == "CLOSED")
        self.measure(f"{title}breaker opened s", first(node, fault_start, lambda state, _: state == "OPEN"))
        self.measure(f"{title}unhealthy s", unhealthy)
        self.measure(f"{title}healthy again s", again)
        self.expect(unhealthy is not None, f"{title}node {node} was never seen as unhealthy")
        self.expect(again is not None, f"{title}node {node} was never seen as healthy again")

    def live_writes(self):
        """(write id, Write) of the newest acknowledged value of each key, where no delete or maybe blurs it."""
        newest = {}
        for op in sorted(self.history.snapshot(), key=lambda op: op.start):
            if op.kind == GET and op.final and op.outcome == OK:
                newest[op.key] = op.value
        return [(v, self.history.writes[v]) for v in newest.values() if v != ABSENT and v in self.history.writes]

    def expect_redundant(self, seconds, since, cause):
        """Expects that in this time all nodes are healthy (so they have been compared), every large chunk that read_all
        saw has three copies and the repair queue is empty. Seconds from `since` to then; None: not in time."""
        deadline = time.monotonic() + seconds
        live = self.live_writes()
        self.expect(live, f"{cause}: nothing was read whose copies could be counted")
        while True:
            healthy, missing = self.cluster.healthy_nodes(), self.cluster.missing_copies(live)
            queued = self.cluster.metric("tercet_repair_backlog")
            if healthy == NODE_COUNT and missing == 0 and queued == 0:
                return time.monotonic() - since
            if time.monotonic() > deadline:
                found = f"{healthy} nodes healthy, {missing} copies missing, {queued} chunks queued"
                self.expect(False, f"{cause}: no full redundancy within {seconds} s: {found}")
                return None
            time.sleep(0.1)

    def wait_freed(self, write_ids, seconds):
        """Whether no node has a chunk file of these writes any more, within the time."""
        wanted = set(write_ids)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not any(write_id in wanted for write_id, _ in self.cluster.large_copies()):
                return True
            time.sleep(0.2)
        return False

    def rewrite_all(self, size):
        """Gives every S3 key a new value of this size, and waits until the nodes have freed the old ones."""
        session = self.session()
        for key in self.load.s3_keys:
            self.expect(session.put(key, size) == OK, f"{key} could not be written")
        session.client.close()
        self.read_all()
        poll(lambda: self.cluster.metric("tercet_gc_backlog") == 0, "what was replaced is freed", 30)

    def read_all(self):
        """Every key, through the session's API, after the faults."""
        session = self.session("final", timeout=30)
        for key in self.load.keys:
            if key not in self.excluded:
                session.get(key, final=True, through_s3=not key.startswith("files/"))
        listed = session.list_objects([key for key in self.load.s3_keys if key not in self.excluded])
        listed = session.list_files([key for key in self.load.files_keys if key not in self.excluded]) and listed
        self.expect(listed, "the bucket or the files cannot be listed after the faults")
        session.client.close()

    # ---- the frame

    def _follow(self):
        while not self._monitoring.wait(0.1):
            self.monitor.poll()
            for kind, peak in self.cluster.peak_bytes().items():
                self.result.peak_bytes[kind] = max(peak, self.result.peak_bytes.get(kind, 0))

    def heal(self):
        """Everything runs again and is seen to be healthy."""
        self.phase("after")
        for program in self.cluster.programs:
            if program.running():
                program.resume()
            else:
                program.start()
        self.cluster.wait_ready()

    def conclude(self):
        self.load.stop()
        self.heal()
        self.read_all()
        violations = [
            violation
            for violation in checker.check(self.history.snapshot())
            if violation.key not in self.excluded or violation.category == checker.MIXED
        ]
        if self.result.must_lose:
            self.measure("noticed", len(violations))
            self.expect(violations, "the harness did not notice the loss")
            return
        if not self.cluster.sanitized():
            for kind, peak in self.result.peak_bytes.items():
                self.expect(peak <= PEAK_BYTES_MAX[kind], f"a {kind} used {peak >> 20} MiB of memory")
        self.result.violations = checker.count(violations)
        self.result.failures += [str(violation) for violation in violations[:20]]

    def close(self):
        self._monitoring.set()
        with contextlib.suppress(Exception):
            if self.load:
                self.load.stop()
        if self._monitor_thread:
            self._monitor_thread.join()
        if self.cluster:
            for program in self.cluster.programs:
                if program.running():
                    program.resume()
            try:
                self.cluster.stop()
            except ClusterError as error:
                self.result.failures.append(str(error))
        for thing in reversed(self._closers):
            thing.close()
        if self.cluster:
            if self.keep or self.result.failures:
                self.history.save(os.path.join(self.directory, "history.jsonl"))
            self.cluster.keep_or_remove(self.keep, self.directory, bool(self.result.failures))

    def summarise(self):
        operations = [op for op in self.history.snapshot() if not op.final]
        requests = [op for op in operations if op.kind != LIST]
        self.result.operations = len(requests)
        self.result.acknowledged = sum(op.kind in (PUT, DELETE) and op.outcome == OK for op in requests)
        self.result.errors = sum(op.is_error for op in requests)
        edges = self.phases + [("after", float("inf"))]
        for (name, start), (_, end) in zip(edges, edges[1:]):
            part = [op for op in requests if start <= op.start < end]
            reads = [op.seconds for op in part if op.kind == GET]
            writes = [op.seconds for op in part if op.kind in (PUT, DELETE)]
            self.result.under_faults += len(part) if name not in CALM else 0
            if reads or writes:
                self.result.p99[name] = (_p99_ms(reads), _p99_ms(writes))


def _p99_ms(seconds):
    return round(sorted(seconds)[int(len(seconds) * 0.99)] * 1000) if seconds else None


def _alarm(_signal, _frame):
    raise TimedOut("took too long")


def run_scenario(name, seed, long=False, keep=False, count=0):
    """One scenario from start to end; never raises but for the user's interrupt."""
    chosen = SCENARIOS[name]
    run = Run(name, seed, long, keep, count)
    begun = time.monotonic()
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(chosen.seconds * max(10 if long else 1, count))
    try:
        chosen.function(run)
        run.conclude()
    except faults.Unavailable as reason:
        if run.phases:  # what was there at the start has failed under load: nothing was checked
            run.result.failures.append(f"a facility failed in the middle: {reason}")
        else:
            run.result.skipped = str(reason)
    except Exception as error:  # whatever it is: this scenario has failed, the others are still to be run
        run.result.failures.append("".join(traceback.format_exception(error))[-3000:])
    finally:
        signal.alarm(0)
        run.summarise()
        run.close()
    run.result.seconds = time.monotonic() - begun
    return run.result
