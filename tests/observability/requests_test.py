"""How requests are counted: the first byte apart from the whole, and under their action also those that are refused."""

import socket
import time

import raw_http
import s3
from cluster import poll
from harness import ClusterTest, content, main

PAUSE_S = 1.5
BODY_BYTES = 32 << 20  # more than the sockets of both sides hold
RECEIVE_BUFFER_BYTES = 64 << 10


class Requests(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="requests")
        cls.s3.put_object(Bucket="requests", Key="large", Body=content(BODY_BYTES))

    def value(self, series):
        return self.cluster.metric(series) or 0

    # ---- times ---------------------------------------------------------------------------------------------------

    def times(self, action):
        """(requests, seconds, answers, seconds until their first byte)"""
        return [self.value(f'tercet_request_{kind}_{part}{{action="{action}"}}')
                for kind in ("seconds", "ttfb_seconds") for part in ("count", "sum")]

    def spent(self, action, send):
        """The seconds of the one request that send() makes: until its first byte, and until its end."""
        before = self.times(action)
        send()
        after = poll(lambda: self.times(action) if self.times(action)[0] > before[0] else None, "the request is counted")
        requests, seconds, answers, first = (now - then for now, then in zip(after, before))
        self.assertEqual((requests, answers), (1, 1))
        return first, seconds

    def connect(self, method, target, body=b""):
        """A connection, and the signed request to be sent there in pieces: head and body."""
        peer = raw_http.connect(self.cluster.port)
        self.addCleanup(peer.close)
        headers = s3.sign(self.cluster, method, target, {"Content-Length": str(len(body))}, body)
        headers["Host"] = f"127.0.0.1:{self.cluster.port}"
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return peer, "\r\n".join(lines).encode(), body

    def test_slow_download(self):
        """What passes after the first byte is the request's time, and no wait for us."""

        def read_slowly():
            peer, head, _ = self.connect("GET", "/requests/large")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            peer.sendall(head)
            begin = peer.recv(1)
            time.sleep(PAUSE_S)
            with peer.makefile("rb") as answer:
                self.assertIn(b"HTTP/1.1 200 ", begin + answer.readline())
                while answer.readline() != b"\r\n":
                    pass
                self.assertEqual(len(answer.read(BODY_BYTES)), BODY_BYTES)

        first, seconds = self.spent("GetObject", read_slowly)
        self.assertGreaterEqual(seconds, PAUSE_S)
        self.assertLess(first, PAUSE_S / 3)

    def test_slow_upload(self):
        """There is no answer before the body is whole: a slow client is in both times."""

        def write_slowly():
            peer, head, body = self.connect("PUT", "/requests/dribbled", content(30_000))
            peer.sendall(head)
            for at in range(0, len(body), 1000):
                time.sleep(PAUSE_S / 30)
                peer.sendall(body[at : at + 1000])
            self.assertEqual(raw_http.read_answer(peer, "PUT").status, 200)

        first, seconds = self.spent("PutObject", write_slowly)
        self.assertGreaterEqual(first, PAUSE_S)
        self.assertGreaterEqual(seconds, first)
        self.assertLess(seconds - first, PAUSE_S / 3)

    def test_time_before_the_request_does_not_count(self):
        """The times begin with the end of the head: neither a slow head nor an idle connection is in them."""

        def hesitate():
            peer, head, _ = self.connect("HEAD", "/requests/large")
            peer.sendall(head[:40])
            time.sleep(PAUSE_S)
            peer.sendall(head[40:])
            self.assertEqual(raw_http.read_answer(peer, "HEAD").status, 200)
            time.sleep(PAUSE_S)
            peer.sendall(head)
            self.assertEqual(raw_http.read_answer(peer, "HEAD").status, 200)

        before = self.times("HeadObject")
        hesitate()
        poll(lambda: self.times("HeadObject")[0] == before[0] + 2, "both are counted")
        requests, seconds, answers, first = (now - then for now, then in zip(self.times("HeadObject"), before))
        self.assertEqual((requests, answers), (2, 2))
        self.assertLess(seconds, PAUSE_S / 3)
        self.assertLessEqual(first, seconds)

    # ---- actions -------------------------------------------------------------------------------------------------

    def counted(self, action, code, method, target, headers=None, body=b""):
        """Sends the request as it is, and expects it to be counted so."""
        series = (f'tercet_requests_total{{action="{action}",code="{code}"}}', f'tercet_requests_total{{action="none",code="{code}"}}')
        before = [self.value(name) for name in series]
        times = self.times(action)
        self.assertEqual(raw_http.request(self.cluster.port, method, target, headers or {}, body).status, code)
        poll(lambda: sum(map(self.value, series)) > sum(before), "the request is counted")
        self.assertEqual(self.value(series[0]), before[0] + 1, series[0])
        self.assertEqual(self.times(action), times, "it is in the times of those that are served")

    def test_refused_requests_have_their_action(self):
        """A client with a wrong secret is found by what it tries."""
        for action, method, target, body in (
                ("PutObject", "PUT", "/requests/refused", b"x"), ("GetObject", "GET", "/requests/large", b""),
                ("ListObjects", "GET", "/requests?list-type=2", b""), ("ListBuckets", "GET", "/", b""),
                ("UploadPart", "PUT", "/requests/refused?partNumber=1&uploadId=u", b"x"),
                ("DeleteObjects", "POST", "/requests?delete", b"x"), ("PutObjectTagging", "PUT", "/requests/refused?tagging", b"x"),
                ("none", "PUT", "/requests/refused?word", b"x"),
                ("ListObjects", "GET", "/files", b""), ("GetObject", "GET", "/files/name", b"")):
            with self.subTest(action):
                headers = s3.sign(self.cluster, method, target, {}, body, secret_key="wrong")
                self.counted(action, 403, method, target, headers, body)
                if not target.startswith("/files"):  # those are the file API's when they are not signed
                    self.counted(action, 403, method, target, {}, body)
        self.counted("PutObject", 400, "PUT", "/requests/refused", {"Authorization": "AWS4-HMAC-SHA256 nonsense"}, b"x")
        self.counted("DownloadFile", 401, "GET", "/files/name", {"Authorization": "Bearer wrong"})
        self.counted("UploadFile", 401, "POST", "/upload", {"Origin": "http://example.test"}, b"x")
        self.assertEqual(s3.signed(self.cluster, "GET", "/requests/refused").status, 404, "nothing was stored")

    def test_missing_buckets(self):
        """In the times when the caller is known, as each answer to one who may ask; what is no operation has no times."""
        before = self.times("ListObjects")
        self.assertEqual(s3.signed(self.cluster, "GET", "/no-such-bucket?list-type=2").status, 404)
        poll(lambda: self.times("ListObjects")[0] == before[0] + 1, "it is counted")
        self.counted("ListObjects", 404, "GET", "/no-such-bucket?list-type=2")
        headers = s3.sign(self.cluster, "PUT", "/requests?word", {}, b"x")
        self.counted("none", 501, "PUT", "/requests?word", headers, b"x")


if __name__ == "__main__":
    main()
