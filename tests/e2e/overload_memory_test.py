"""The gateway's memory stays under its bound with 9,000 idle connections and under five times the load that it can
serve, and what it answers then is right or 503 SlowDown. The bounds are stated in RELIABILITY.md."""

import re
import resource
import selectors
import socket
import threading
import time

import raw_http
import s3
from cluster import poll
from harness import ClusterTest, content, main

MIB = 1024 * 1024
IDLE_CONNECTIONS = 9000
IDLE_RSS_MAX = 128 * MIB
READS, WRITES, UPLOAD_MEMORY = 16, 16, 16 * MIB
LOAD_RSS_MAX = 256 * MIB
ERRORS, UNFINISHED_HEADS = 8000, 9000
ERRORS_RSS_MAX = HEADS_RSS_MAX = 384 * MIB
HELD_RSS_MAX = 1536 * MIB  # of the default bounds: 1,024 downloads and 768 MiB of uploads
NODE_RSS_MAX = 512 * MIB
CLIENTS = 5 * (READS + WRITES)
ROUNDS = 6


def raise_file_limit():
    """The most files that this process may open now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def report(test, what, bound):
    peak = test.cluster.gateway.peak_rss_bytes()
    print(f"{what}: peak RSS of the gateway {peak / MIB:.1f} MiB, bound {bound // MIB} MiB", flush=True)
    test.assertLessEqual(peak, bound)


class IdleConnections(ClusterTest):
    cluster_options = {"tls": False, "gateway_options": ["-idle-timeout", "10m"]}

    def test_idle_connections(self):
        if raise_file_limit() < IDLE_CONNECTIONS + 2048:
            self.skipTest("the hard limit of open files is too low for 9,000 connections")
        peers = [raw_http.connect(self.cluster.port) for _ in range(IDLE_CONNECTIONS)]
        self.addCleanup(lambda: [peer.close() for peer in peers])
        for peer in peers[:: IDLE_CONNECTIONS // 100]:  # some were used and wait for their next request
            peer.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(raw_http.read_answer(peer).status, 200)
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="idle")
        client.put_object(Bucket="idle", Key="served", Body=b"meanwhile")
        self.assertEqual(client.get_object(Bucket="idle", Key="served")["Body"].read(), b"meanwhile")
        text = raw_http.request(self.cluster.port, "GET", "/metrics").body.decode()
        count = next(line for line in text.splitlines() if line.startswith("active_connections "))
        self.assertGreaterEqual(float(count.split()[1]), IDLE_CONNECTIONS)
        report(self, f"{IDLE_CONNECTIONS} idle connections", IDLE_RSS_MAX)


class WithoutCredentials(ClusterTest):
    """What needs no credentials, all at once, and nobody reads: requests whose errors would give much back, and heads that
    do not end."""

    cluster_options = {"tls": False, "gateway_options": ["-head-timeout", "10m", "-rate-window", "10m"]}

    def setUp(self):
        super().setUp()
        if raise_file_limit() < UNFINISHED_HEADS + 2048:
            self.skipTest("the hard limit of open files is too low")

    def flood(self, count, data):
        peers = []
        for _ in range(count):
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.settimeout(60)
            peer.connect(("127.0.0.1", self.cluster.port))
            peer.settimeout(5)
            peers.append(peer)
            self.addCleanup(peer.close)
            try:
                peer.sendall(data)
            except (TimeoutError, ConnectionError):
                pass  # it has had enough of this one
            if len(peers) % 500 == 0:
                begin = time.monotonic()
                self.assertEqual(raw_http.request(self.cluster.port, "GET", "/health").status, 200)
                self.assertLess(time.monotonic() - begin, 5)
        return peers

    def test_errors_that_nobody_reads(self):
        path = '"' * 60_000
        request = f"GET /files-of/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        self.flood(ERRORS, request * 3)
        report(self, f"{ERRORS} clients without credentials that read no error", ERRORS_RSS_MAX)

    def test_unfinished_heads(self):
        self.flood(UNFINISHED_HEADS, b"GET / HTTP/1.1\r\nHost: x\r\nX-Unfinished: " + b"x" * 64_000)
        report(self, f"{UNFINISHED_HEADS} unfinished heads of 64 KB", HEADS_RSS_MAX)
        self.assertEqual(raw_http.request(self.cluster.port, "GET", "/health").status, 200)


class FiveTimesTheLoad(ClusterTest):
    cluster_options = {
        "tls": False,
        "gateway_options": ["-reads", str(READS), "-writes", str(WRITES), "-upload-memory", str(UPLOAD_MEMORY)],
    }
    size = 4 * MIB

    def put(self, number, turn):
        body = content(self.size, f"{number}/{turn}")
        headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        answer = s3.signed(self.cluster, "PUT", f"/load/{number}", headers, body)
        if answer is not None and answer.status == 200:
            with self.lock:
                self.stored[number] = turn
        return answer

    def get(self, number):
        answer = s3.signed(self.cluster, "GET", f"/load/read{number % 4}")
        if answer is not None and answer.status == 200 and answer.body != self.objects[number % 4]:
            with self.lock:
                self.problems.append(f"wrong bytes of read{number % 4}")
        return answer

    def client(self, number):
        for turn in range(ROUNDS):
            try:
                answer = self.put(number, turn) if number % 2 else self.get(number)
            except OSError as error:
                answer = None
                with self.lock:
                    self.problems.append(f"{type(error).__name__}: {error}")
            with self.lock:
                if answer is None:
                    self.problems.append("the connection ended without an answer")
                elif answer.status == 503 and b"<Code>SlowDown</Code>" in answer.body:
                    self.refused += 1
                elif answer.status == 200:
                    self.served += 1
                else:
                    self.problems.append(f"{answer.status} {answer.body[:200]}")

    def test_five_times_the_load(self):
        raise_file_limit()
        self.lock, self.problems, self.stored = threading.Lock(), [], {}
        self.served = self.refused = 0
        self.objects = [content(self.size, f"read{number}") for number in range(4)]
        boto = s3.client(self.cluster)
        boto.create_bucket(Bucket="load")
        for number, body in enumerate(self.objects):
            boto.put_object(Bucket="load", Key=f"read{number}", Body=body)
        # uploads that go on no further hold all places but one, so that the bound is reached for sure
        held = [self.hold(number) for number in range(WRITES - 1)]
        threads = [threading.Thread(target=self.client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for peer in held:
            peer.close()
        print(f"{CLIENTS} clients: {self.served} served, {self.refused} refused", flush=True)
        self.assertEqual(self.problems, [])
        self.assertGreater(self.served, 0)
        self.assertGreater(self.refused, 0)
        report(self, "five times the load", LOAD_RSS_MAX)
        for number, turn in self.stored.items():
            body = boto.get_object(Bucket="load", Key=str(number))["Body"].read()
            self.assertEqual(body, content(self.size, f"{number}/{turn}"))
        boto.put_object(Bucket="load", Key="after", Body=b"after")
        self.assertEqual(boto.get_object(Bucket="load", Key="after")["Body"].read(), b"after")

    def hold(self, number):
        """An upload that has begun and goes on no further."""
        target = f"/load/held{number}"
        headers = s3.sign(self.cluster, "PUT", target, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        lines = [f"PUT {target} HTTP/1.1", f"Host: 127.0.0.1:{self.cluster.port}", f"Content-Length: {64 * 1024}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() != "host"]
        peer = raw_http.connect(self.cluster.port)
        peer.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return peer


class DefaultBounds(ClusterTest):
    """Five times as many uploads and downloads as the default bounds admit, all at once, whose clients hold on: readers
    that do not read, and uploads whose windows are full because no node takes anything."""

    # nothing of what is held is given up while the test looks at it
    held_on = ["-rate-window", "10m", "-stall", "60s", "-node-timeout", "2m", "-health-interval", "1h"]
    cluster_options = {"tls": False, "gateway_options": held_on}
    upload_bytes = 9 * MIB  # of several chunks, so that it may take the most: a window, and what is sent to six nodes
    upload_memory = 7 * MIB // 4

    def metric(self, name):
        text = raw_http.request(self.cluster.port, "GET", "/metrics").body.decode()
        return int(float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE).group(1)))

    def begin(self, method, target, length=0):
        """A connection on which the head was sent; the system keeps little of what comes."""
        headers = s3.sign(self.cluster, method, target, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.cluster.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() not in ("host", "content-length")]
        lines += [f"Content-Length: {length}"] if length else []
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(60)
        peer.connect(("127.0.0.1", self.cluster.port))
        peer.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        self.addCleanup(peer.close)
        self.peers.append(peer)
        return peer

    def answers(self, peers, count):
        """Waits until so many of them have an answer: status -> connections."""
        found = {}
        selector = selectors.DefaultSelector()
        for peer in peers:
            selector.register(peer, selectors.EVENT_READ)
        deadline = time.monotonic() + 120
        while sum(map(len, found.values())) < count:
            self.assertLess(time.monotonic(), deadline, {status: len(of) for status, of in found.items()})
            for key, _ in selector.select(1):
                text = key.fileobj.recv(1024)
                status = int(text.split()[1])
                if status == 503:
                    self.assertIn(b"<Code>SlowDown</Code>", text)
                    self.assertIn(b"Retry-After: ", text)
                found.setdefault(status, []).append(key.fileobj)
                selector.unregister(key.fileobj)
        selector.close()
        return found

    def fill(self, rest, most):
        """Sends at most so much of each upload, and ends when nothing is taken any more. rest: connection -> what is left
        of its upload. Returns what was sent of all."""
        piece = bytes(256 * 1024)
        quiet = time.monotonic()
        room = {peer: min(left, most) for peer, left in rest.items()}
        sent = 0
        while time.monotonic() < quiet + 2:
            for peer in [peer for peer, left in room.items() if left]:
                try:
                    taken = peer.send(piece[: room[peer]])
                except BlockingIOError:
                    continue
                rest[peer] -= taken
                room[peer] -= taken
                sent += taken
                quiet = time.monotonic()
        return sent

    def test_five_times_the_bounds(self):
        if raise_file_limit() < 20000:
            self.skipTest("the hard limit of open files is too low")
        self.peers = []
        reads = self.metric('tercet_requests_in_flight_limit{class="read"}')
        memory = self.metric("tercet_upload_memory_limit_bytes")
        boto = s3.client(self.cluster)
        boto.create_bucket(Bucket="load")
        boto.put_object(Bucket="load", Key="large", Body=bytes(32 * MIB))
        readers = [self.begin("GET", "/load/large") for _ in range(5 * reads)]
        found = self.answers(readers, 5 * reads)
        self.assertEqual({status: len(peers) for status, peers in found.items()}, {200: reads, 503: 4 * reads})
        for peer in found[503]:
            peer.close()
        uploads = self.uploads(memory)  # before the pause: nothing is begun while no node says that this gateway is still the one
        for node in self.cluster.nodes:
            node.pause()
        try:
            self.fill_windows(uploads, memory)
        finally:
            for node in self.cluster.nodes:
                node.resume()
        sent = self.fill(uploads, MIB)
        self.assertGreater(sent, len(uploads) * MIB // 2)  # the nodes take what comes
        for number, node in enumerate(self.cluster.nodes, 1):
            print(f"node {number}: peak RSS {node.peak_rss_bytes() / MIB:.1f} MiB, bound {NODE_RSS_MAX // MIB} MiB")
            self.assertLessEqual(node.peak_rss_bytes(), NODE_RSS_MAX)
        for peer in self.peers:
            peer.close()
        poll(lambda: self.metric("tercet_upload_memory_bytes") == 0, "the room is given back", 120)
        poll(lambda: self.metric('tercet_requests_in_flight{class="read"}') == 0, "the room is given back", 120)
        boto.put_object(Bucket="load", Key="after", Body=b"after")
        self.assertEqual(boto.get_object(Bucket="load", Key="after")["Body"].read(), b"after")

    def uploads(self, memory):
        """Those that were admitted: connection -> what is left of the upload."""
        most = memory // self.upload_memory
        uploads = [self.begin("PUT", f"/load/{number}", self.upload_bytes) for number in range(5 * most)]
        found = self.answers(uploads, 4 * most)
        self.assertEqual({status: len(peers) for status, peers in found.items()}, {503: 4 * most})
        return dict.fromkeys(set(uploads) - set(found[503]), self.upload_bytes)

    def fill_windows(self, rest, memory):
        most = memory // self.upload_memory
        for peer in rest:
            peer.setblocking(False)
        sent = self.fill(rest, self.upload_bytes)
        self.assertGreater(sent, most * MIB)  # the windows are full
        self.assertEqual(self.metric("tercet_upload_memory_bytes"), most * self.upload_memory)
        print(f"{len(rest)} uploads, {sent // MIB} MiB sent", flush=True)
        report(self, "the default bounds, five times over", HELD_RSS_MAX)


if __name__ == "__main__":
    main()
