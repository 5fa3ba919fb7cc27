"""More than the gateway can serve: what is beyond a bound is refused at once and cheaply, what must work then works, and
clients that hold on to something without making use of it are cut, but never for a pause that the gateway itself made."""

import json
import socket
import threading
import time

import raw_http
import s3
from harness import ClusterTest, content, main

PATIENCE_SECONDS = 60  # until something that is certain has happened, however slow the machine


def receives_all(peer):
    """Everything until the connection ends, b"" when it is reset."""
    data = b""
    try:
        while piece := peer.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


class Overload(ClusterTest):
    def head(self, method, target, headers=(), length=0):
        signed = s3.sign(
            self.cluster, method, target, dict(headers) | {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b""
        )
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.cluster.port}"]
        lines += [f"{name}: {value}" for name, value in signed.items() if name.lower() not in ("host", "content-length")]
        lines += [f"Content-Length: {length}"] if method == "PUT" else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def begin(self, data, receive_bytes=None):
        """A connection on which the bytes were sent."""
        peer = socket.socket()
        self.addCleanup(peer.close)
        if receive_bytes:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        peer.settimeout(PATIENCE_SECONDS)
        peer.connect(("127.0.0.1", self.cluster.port))
        peer.sendall(data)
        return peer

    def wait_for(self, name, value):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.cluster.metric(name) != value:
            self.assertLess(time.monotonic(), deadline, name)
            time.sleep(0.02)

    def hold_uploads(self, count):
        peers = [self.begin(self.head("PUT", f"/load/held{i}", length=100) + b"x" * 50) for i in range(count)]
        self.wait_for('tercet_requests_in_flight{class="write"}', count)
        return peers

    def assert_slow_down(self, answer):
        self.assertEqual(answer.status, 503)
        self.assertIn(b"<Code>SlowDown</Code>", answer.body)
        self.assertGreaterEqual(int(answer.header("Retry-After")), 1)
        self.assertEqual(int(answer.header("X-Amz-Retry-After")), 1000 * int(answer.header("Retry-After")))


class Bounds(Overload):
    cluster_options = {
        "tls": False,
        "gateway_options": ["-reads", "2", "-writes", "2", "-lists", "1", "-rate-window", "10m"],
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="load")
        cls.s3.put_object(Bucket="load", Key="large", Body=content(16 << 20))
        cls.s3.put_object(Bucket="load", Key="small", Body=b"small")

    def test_uploads(self):
        refused = self.cluster.metric('tercet_requests_refused_total{reason="write"}')
        peers = self.hold_uploads(2)
        # one that asks first is refused without a "100 Continue"
        peer = self.begin(self.head("PUT", "/load/asks", {"Expect": "100-continue"}, length=1 << 20))
        self.assertTrue(receives_all(peer).startswith(b"HTTP/1.1 503 "))
        # a small body is read and the connection kept
        peer = self.begin(self.head("PUT", "/load/kept", length=5) + b"12345")
        self.assert_slow_down(raw_http.read_answer(peer))
        peer.sendall(self.head("GET", "/load/small"))
        self.assertEqual(raw_http.read_answer(peer).body, b"small")
        # a copy is an upload too; the file API has an answer of its own kind
        self.assert_slow_down(s3.signed(self.cluster, "PUT", "/load/copy", {"x-amz-copy-source": "load/small"}))
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ndata\r\n--b--\r\n'
        upload = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = raw_http.request(self.cluster.port, "POST", "/upload", upload, form)
        self.assertEqual((answer.status, answer.header("Content-Type")), (503, "application/json"))
        self.assertIn("error", json.loads(answer.body))
        self.assertIsNotNone(answer.header("Retry-After"))
        self.assertIsNotNone(answer.header("X-Amz-Retry-After"))
        self.assertEqual(self.cluster.metric('tercet_requests_refused_total{reason="write"}'), refused + 4)
        # nobody else suffers
        for path in ("/health", "/livez", "/readyz", "/system/health", "/metrics"):
            self.assertEqual(raw_http.request(self.cluster.port, "GET", path).status, 200, path)
        self.assertEqual(s3.signed(self.cluster, "GET", "/load?list-type=2").status, 200)
        self.assertEqual(s3.signed(self.cluster, "DELETE", "/load/none").status, 204)
        # and afterwards there is room again
        for peer in peers:
            peer.sendall(b"y" * 50)
            self.assertEqual(raw_http.read_answer(peer).status, 200)
        self.assertEqual(s3.signed(self.cluster, "PUT", "/load/after", body=b"after").status, 200)
        self.wait_for('tercet_requests_in_flight{class="write"}', 0)  # soon after the answer
        self.wait_for("tercet_upload_memory_bytes", 0)

    def test_downloads(self):
        readers = [self.begin(self.head("GET", "/load/large"), receive_bytes=4096) for _ in range(2)]
        self.wait_for('tercet_requests_in_flight{class="read"}', 2)
        self.assert_slow_down(s3.signed(self.cluster, "GET", "/load/small"))
        answer = raw_http.request(self.cluster.port, "GET", "/download?filename=none")
        self.assertEqual((answer.status, answer.header("Content-Type")), (503, "application/json"))
        self.assertEqual(s3.signed(self.cluster, "PUT", "/load/meanwhile", body=b"x").status, 200)
        for reader in readers:
            reader.close()
        self.wait_for('tercet_requests_in_flight{class="read"}', 0)
        self.assertEqual(s3.signed(self.cluster, "GET", "/load/small").body, b"small")

    def test_who_has_no_credentials_takes_no_room(self):
        peers = self.hold_uploads(2)
        answer = raw_http.request(self.cluster.port, "PUT", "/load/anonymous", body=b"x")
        self.assertEqual(answer.status, 403)
        for peer in peers:
            peer.close()
        self.wait_for('tercet_requests_in_flight{class="write"}', 0)

    def test_connections_are_counted(self):
        self.s3.close()
        self.wait_for("active_connections", 1)  # the one that asks
        peers = [self.begin(b"") for _ in range(20)]
        self.wait_for("active_connections", 21)
        self.wait_for('tercet_requests_in_flight{class="system"}', 1)
        for peer in peers:
            peer.close()
        self.wait_for("active_connections", 1)


class Connections(Overload):
    """Ten times as many connections as there may be, by default of one peer; see also tests/unit/base/http_places_test.c."""

    cluster_options = {"tls": False, "gateway_options": ["-connections", "64", "-idle-timeout", "10m", "-head-timeout", "10m"]}

    def flood(self, data):
        peers = [self.begin(data) for _ in range(640)]
        for path in ("/health", "/livez", "/readyz", "/metrics", "/health/cluster", "/system/health"):
            self.assertEqual(raw_http.request(self.cluster.port, "GET", path).status, 200, path)
        client = s3.client(self.cluster)
        self.assertEqual(client.list_buckets()["Buckets"][0]["Name"], "files")  # who waits makes room
        self.assertLessEqual(self.cluster.metric("active_connections"), 64 + 256)
        for peer in peers:
            peer.close()

    def test_idle(self):
        self.flood(b"")

    def test_unfinished_heads(self):
        self.flood(b"GET / HTTP/1.1\r\nX-Unfinished: ")

    def test_large_unfinished_heads(self):
        self.flood(b"GET / HTTP/1.1\r\nX-Unfinished: " + b"x" * 60_000)


class Metrics(Overload):
    cluster_options = {"tls": False, "gateway_options": ["-errors", "2", "-rate-window", "10m"]}

    def test_few_wait_for_clients_that_do_not_read(self):
        for _ in range(8):  # more than the system takes for a connection
            self.begin(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200, receive_bytes=4096)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.cluster.metric("active_connections") > 3:  # with that of the question
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)


class UploadMemory(Overload):
    cluster_options = {"tls": False, "gateway_options": ["-window", "1M", "-upload-memory", "2816K", "-rate-window", "10m"]}

    def test_large_uploads_share_it(self):
        s3.client(self.cluster).create_bucket(Bucket="load")
        large = [self.begin(self.head("PUT", f"/load/large{i}", length=8 << 20)) for i in range(2)]
        one = (1024 + 3 * 128) << 10  # a window, and what is being sent to three nodes
        self.wait_for("tercet_upload_memory_bytes", 2 * one)
        self.assert_slow_down(s3.signed(self.cluster, "PUT", "/load/small", body=b"x"))
        large[0].close()
        self.wait_for("tercet_upload_memory_bytes", one)
        self.assertEqual(s3.signed(self.cluster, "PUT", "/load/small", body=b"x").status, 200)
        self.assertEqual(self.cluster.metric('tercet_requests_refused_total{reason="upload-memory"}'), 1)


class MinimumRates(Overload):
    """A head within half a second, bodies of a kilobyte per second on average over a second."""

    cluster_options = {
        "tls": False,
        "gateway_options": ["-head-timeout", "500ms", "-rate-window", "1s", "-read-pause", "1s", "-stall", "30s",
                            "-node-timeout", "60s"],
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="load")
        cls.s3.put_object(Bucket="load", Key="large", Body=content(32 << 20))

    def drip(self, peer, piece=b"x"):
        """Sends a byte now and then until the gateway has enough of it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        peer.settimeout(0.05)
        while True:
            self.assertLess(time.monotonic(), deadline, "the connection was not cut")
            try:
                peer.sendall(piece)
                if not peer.recv(65536):
                    return
            except TimeoutError:
                pass
            except (ConnectionResetError, BrokenPipeError):
                return

    def test_heads(self):
        self.drip(self.begin(b"GET / HTTP/1.1\r\nX-Slow: "))

    def test_bodies(self):
        self.drip(self.begin(self.head("PUT", "/load/slow", length=1 << 20)))
        self.wait_for('tercet_requests_in_flight{class="write"}', 0)
        self.assertEqual(s3.signed(self.cluster, "HEAD", "/load/slow").status, 404)

    def test_readers(self):
        peer = self.begin(self.head("GET", "/load/large"), receive_bytes=4096)
        self.assertTrue(peer.recv(1))
        self.wait_for('tercet_requests_in_flight{class="read"}', 0)
        self.assertLess(len(receives_all(peer)), 32 << 20)

    def test_a_pause_of_our_own_is_not_the_clients(self):
        body = content(24 << 20, "paused")
        answers = []
        # Begun before, since nothing is begun while no node says that this gateway is still the one.
        peer = self.begin(self.head("PUT", "/load/paused", length=len(body)) + body[:65536])
        self.wait_for('tercet_requests_in_flight{class="write"}', 1)

        def send_the_rest():
            peer.sendall(body[65536:])
            answers.append(raw_http.read_answer(peer))

        for node in self.cluster.nodes:
            node.pause()
        try:
            sender = threading.Thread(target=send_the_rest)
            sender.start()
            time.sleep(4)  # several windows; the client cannot send on meanwhile
            self.assertEqual(answers, [])
        finally:
            for node in self.cluster.nodes:
                node.resume()
        sender.join(PATIENCE_SECONDS)
        self.assertEqual([answer and (answer.status, answer.body) for answer in answers], [(200, b"")])
        self.assertEqual(self.s3.get_object(Bucket="load", Key="paused")["Body"].read(), body)


class PausedReaders(Overload):
    """Two downloads at once; a client pauses when it takes less than a megabyte per second for a fifth of one."""

    cluster_options = {
        "tls": False,
        "gateway_options": ["-reads", "2", "-lists", "1", "-rate-min", "1M", "-rate-window", "200ms", "-read-pause", "10m",
                            "-stall", "500ms"],
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="load")
        cls.large = content(6 << 20, "paused")  # a small window takes its time
        cls.s3.put_object(Bucket="load", Key="large", Body=cls.large)

    def pause(self, already):
        """A download that began and whose client does not go on."""
        peer = self.begin(self.head("GET", "/load/large"), receive_bytes=4096)
        self.assertTrue(peer.recv(1))
        self.wait_for("tercet_http_paused", already + 1)
        return peer

    def test_a_pause_is_cut_only_when_its_place_is_needed(self):
        first = self.pause(0)
        second = self.pause(1)
        cut = self.cluster.metric('tercet_http_cut_total{reason="place"}')
        small = s3.signed(self.cluster, "GET", "/load/large", {"Range": "bytes=0-9"})  # it takes the place of the first
        self.assertEqual((small.status, small.body), (206, self.large[:10]))
        self.wait_for('tercet_http_cut_total{reason="place"}', cut + 1)
        answer = b""  # the other goes on where it was
        while not answer.endswith(self.large[-(1 << 20):]):  # its last megabyte is told from the others by its number
            self.assertTrue(piece := second.recv(1 << 20))
            answer += piece
        self.assertTrue(answer.endswith(self.large))
        self.assertLess(len(receives_all(first)), len(self.large))
        self.wait_for("tercet_http_paused", 0)


if __name__ == "__main__":
    main()
