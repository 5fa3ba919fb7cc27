"""What clients should never send: each gets a clear error, stores nothing that can be seen, and harms nobody else."""

import base64
import datetime
import hashlib
import json
import re
import unittest.mock

import raw_http
import s3
from harness import ClusterTest, content, main

HOST = "Host: localhost\r\n"


class BadInput(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="bad")

    def tearDown(self):
        self.assertEqual(self.cluster.get("/health")[0], 200)
        super().tearDown()

    def keys(self, bucket="bad"):
        return [row["Key"] for row in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def files(self):
        return re.findall(rb'"filename": ?"([^"]*)"', self.cluster.get("/files")[1])

    def refused(self, data, *statuses):
        """The bytes get one of the statuses, and the connection is closed: nothing behind them is ever read."""
        with raw_http.connect(self.cluster.port) as peer:
            try:
                peer.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = raw_http.read_answer(peer)
            self.assertIsNotNone(answer, data[:80])
            self.assertIn(answer.status, statuses, data[:80])
            try:
                self.assertEqual(peer.recv(1), b"", data[:80])
            except ConnectionResetError:
                pass

    def s3_error(self, answer, status, code):
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(b"<Code>" + code.encode() + b"</Code>", answer.body)
        self.assertRegex(answer.body, rb"<RequestId>\w+</RequestId>")

    def test_malformed_heads(self):
        for head in (
            "GARBAGE\r\n\r\n",
            "GET /health\r\n\r\n",
            "GET /health HTTP/1.1\r\n\r\n",
            f"GET /health HTTP/1.1\r\n{HOST}{HOST}\r\n",
            f"GET  /health HTTP/1.1\r\n{HOST}\r\n",
            f"G\x01T /health HTTP/1.1\r\n{HOST}\r\n",
            f"GET /he\x00alth HTTP/1.1\r\n{HOST}\r\n",
            f"GET /health HTTP/1.1\r\n{HOST}Name : value\r\n\r\n",
            f"GET /health HTTP/1.1\r\n{HOST}: value\r\n\r\n",
            f"GET /health HTTP/1.1\r\n{HOST}Name: one\r\n two\r\n\r\n",
            f"GET /health HTTP/1.1\r\n{HOST}Name: a\x00b\r\n\r\n",
            f"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n",
        ):
            self.refused(head.encode("latin-1"), 400)

    def test_other_protocol_versions(self):
        self.refused(f"GET /health HTTP/3.0\r\n{HOST}\r\n".encode(), 400, 505)

    def test_conflicting_lengths(self):
        smuggled = b"GET /system/nodes HTTP/1.1\r\nHost: x\r\n\r\n"
        for lengths in (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: 99999999999999999999999\r\n",
            "Content-Length: \r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        ):
            head = f"POST /upload HTTP/1.1\r\n{HOST}{lengths}\r\n".encode()
            self.refused(head + b"0\r\n\r\n" + smuggled, 400, 501)
        self.refused(f"POST /upload HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(), 400)

    def test_oversized_heads(self):
        self.refused(f"GET /{'x' * 200_000} HTTP/1.1\r\n{HOST}\r\n".encode(), 414, 431)
        self.refused(f"GET /health HTTP/1.1\r\n{HOST}X: {'x' * 200_000}\r\n\r\n".encode(), 431)
        many = "".join(f"X-{number}: 1\r\n" for number in range(5000))
        self.refused(f"GET /health HTTP/1.1\r\n{HOST}{many}\r\n".encode(), 400, 431)

    def test_errors_are_small(self):
        """However much a request holds that its error would give back, escaped and in hex."""
        port = self.cluster.port
        quotes = '"' * 60_000
        for target in ("/bad/" + quotes, "/bad/%" + quotes, "/bad?" + quotes):
            answer = raw_http.request(port, "GET", target)
            self.assertIn(answer.status, (400, 403), target[:9])
            self.assertLess(len(answer.body), 4096, target[:9])
        answer = raw_http.request(port, "GET", "/bad/" + quotes)
        self.assertIn(b"... [cut: 60005 bytes in all]</Resource>", answer.body)
        for target in ("/bad/" + "&" * 60_000, "/bad/k?prefix=" + "%01" * 18_000, "/bad/" + "+" * 60_000):
            headers = s3.sign(self.cluster, "GET", "/bad/short", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
            answer = raw_http.request(port, "GET", target, {k: v for k, v in headers.items() if k != "Host"})
            self.s3_error(answer, 403, "SignatureDoesNotMatch")
            self.assertLess(len(answer.body), 20_000)
            for name in (b"CanonicalRequest", b"CanonicalRequestBytes"):
                self.assertRegex(answer.body, rb"\.\.\. \[cut: \d+ bytes in all\]</" + name + b">")
            self.assertIn(b"<StringToSign>AWS4-HMAC-SHA256\n", answer.body)
            signature = f"AWS {self.cluster.access_key}:{'A' * 28}"
            date = datetime.datetime.now(datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
            answer = raw_http.request(port, "GET", target, {"Authorization": signature, "Date": date})
            self.s3_error(answer, 403, "SignatureDoesNotMatch")
            self.assertLess(len(answer.body), 20_000)
        key = "/bad/" + "k" * 1000
        headers = s3.sign(self.cluster, "GET", key, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, secret_key="x" * 40)
        answer = raw_http.request(port, "GET", key, {k: v for k, v in headers.items() if k != "Host"})
        self.assertNotIn(b"[cut", answer.body)  # what people compare when a signature is wrong is whole
        canonical = re.search(rb"<CanonicalRequest>(.*)</CanonicalRequest>", answer.body, re.DOTALL).group(1)
        self.assertIn(b"GET\n" + key.encode() + b"\n\nhost:", canonical)
        in_hex = re.search(rb"<CanonicalRequestBytes>(.*)</CanonicalRequestBytes>", answer.body).group(1)
        self.assertEqual(bytes.fromhex(in_hex.decode()), canonical)
        self.assertIn(canonical.splitlines()[-1], b"UNSIGNED-PAYLOAD")

    def test_malformed_chunks(self):
        head = f"POST /upload HTTP/1.1\r\n{HOST}Content-Type: multipart/form-data; boundary=b\r\n"
        for chunks in (b"zz\r\n", b"-1\r\n", b"5\r\nabcdefgh\r\n", b"fffffffffffffffff\r\n", b"1" * 100_000):
            answer = raw_http.exchange(self.cluster.port, (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunks)
            self.assertTrue(answer is None or answer.status == 400, chunks[:20])
        self.assertEqual(self.files(), [])

    def test_malformed_percent_encoding(self):
        for target in ("/bad/%zz", "/bad/%4", "/bad/%"):
            self.s3_error(s3.signed(self.cluster, "GET", target), 400, "InvalidURI")
        for target in ("/download?filename=%zz", "/files?" + "&".join(f"p{number}" for number in range(1000))):
            answer = raw_http.request(self.cluster.port, "GET", target)
            self.assertEqual((answer.status, json.loads(answer.body)["error"]), (400, "Malformed query"))

    def delete_xml(self, document):
        headers = {"Content-MD5": base64.b64encode(hashlib.md5(document).digest()).decode()}
        return s3.signed(self.cluster, "POST", "/bad?delete", headers, document)

    def test_xml_bombs(self):
        entities = "".join(f'<!ENTITY l{n} "&l{n - 1};&l{n - 1};&l{n - 1};&l{n - 1};&l{n - 1};&l{n - 1};&l{n - 1};">' for n in range(1, 20))
        for document in (
            f'<!DOCTYPE d [<!ENTITY l0 "lol">{entities}]><Delete><Object><Key>&l19;</Key></Object></Delete>',
            '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>',
            '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd"><Delete><Object><Key>k</Key></Object></Delete>',
            "<Delete>" * 10_000,
            "<Delete><Object><Key>k</Key></Object>",
            "not XML at all",
            "<Delete/>",
            "<Other><Object><Key>k</Key></Object></Other>",
            "<Delete>" + "<Object><Key>k</Key></Object>" * 1001 + "</Delete>",
        ):
            answer = self.delete_xml(document.encode())
            self.s3_error(answer, 400, "MalformedXML")
            self.assertNotIn(b"root:", answer.body)
        huge = b"<Delete>" + b"<Object><Key>" + b"k" * 20_000_000 + b"</Key></Object></Delete>"
        answer = self.delete_xml(huge)
        self.assertTrue(answer is None or answer.status == 400)

    def form(self, body, content_type="multipart/form-data; boundary=bound"):
        return raw_http.request(self.cluster.port, "POST", "/upload", {"Content-Type": content_type}, body)

    def test_malformed_forms(self):
        part = b'--bound\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        for body in (
            b"", b"--bound--\r\n", b"no boundary at all", part + b"data", part + b"data\r\n--bound",
            b"--bound\r\n\r\ndata\r\n--bound--\r\n",
            b"--bound\r\nContent-Disposition: form-data\r\n\r\ndata\r\n--bound--\r\n",
            b'--bound\r\nContent-Disposition: form-data; name="filename"\r\n\r\nonly-a-name\r\n--bound--\r\n',
            b'--bound\r\nContent-Disposition: form-data; name="file"\r\nX: ' + b"x" * 100_000 + b"\r\n\r\n\r\n--bound--\r\n",
            part + b"one\r\n" + part + b"two\r\n--bound--\r\n",
        ):
            answer = self.form(body)
            self.assertEqual(answer.status, 400, body[:100])
            self.assertIn(b'"error"', answer.body)
        good = part + b"data\r\n--bound--\r\n"
        for content_type in ("multipart/form-data", "multipart/form-data; boundary=", "text/plain",
                             "multipart/form-data; boundary=" + "b" * 300):
            self.assertIn(self.form(good, content_type).status, (400, 415), content_type)
        self.assertEqual(self.files(), [])

    def test_file_names(self):
        def upload(name):
            disposition = b'--bound\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\ndata\r\n'
            field = b'--bound\r\nContent-Disposition: form-data; name="filename"\r\n\r\n' + name + b"\r\n--bound--\r\n"
            return self.form(disposition + field)

        for name in (b"x" * 1025, b"a\x00b", b"a\x01b", b"a\nb", b"\xff\xfe", b"\xed\xa0\x80", b"x" * 100_000):
            answer = upload(name)
            self.assertEqual(answer.status, 400, name[:20])
            self.assertIn(b'"error"', answer.body)
        self.assertEqual(self.files(), [])
        # Dots are letters like others: no name is ever a path on a disk.
        escape = b"../../../../tmp/tercet-escaped"
        self.assertEqual(upload(escape).status, 200)
        self.assertEqual(self.files(), [escape])
        self.assertEqual(raw_http.request(self.cluster.port, "GET", "/download?filename=" + escape.decode()).body, b"data")
        raw_http.request(self.cluster.port, "DELETE", "/delete?filename=" + escape.decode())
        for target in ("/download?filename=../../../../etc/passwd", "/files/../../../../etc/passwd", "/files/%2e%2e%2fx"):
            self.assertEqual(raw_http.request(self.cluster.port, "GET", target).status, 404, target)

    def test_versions(self):
        for value in ("one", "1x", "1.5", "99999999999999999999999999"):
            self.assertEqual(raw_http.request(self.cluster.port, "GET", f"/download?filename=x&version={value}").status, 400)
        self.assertEqual(raw_http.request(self.cluster.port, "GET", "/download?filename=x&version=7").status, 404)
        self.s3_error(s3.signed(self.cluster, "GET", "/files/x?versionId=nonsense"), 400, "InvalidArgument")

    def test_wrong_digests_store_nothing(self):
        body = content(3_000_000)
        other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        self.s3_error(s3.signed(self.cluster, "PUT", "/bad/md5", {"Content-MD5": other}, body), 400, "BadDigest")
        headers = s3.sign(self.cluster, "PUT", "/bad/sha", {}, body)
        changed = b"X" + body[1:]
        self.s3_error(raw_http.request(self.cluster.port, "PUT", "/bad/sha", headers, changed), 400, "XAmzContentSHA256Mismatch")
        self.assertEqual(self.keys(), [])

    def streaming(self, key, tail, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        """An aws-chunked upload of eleven bytes, whose end is `tail`."""
        headers = {"x-amz-content-sha256": payload, "x-amz-decoded-content-length": "11", "Content-Encoding": "aws-chunked",
                   "x-amz-trailer": "x-amz-checksum-crc32"}
        with unittest.mock.patch("botocore.auth.S3SigV4Auth.payload", return_value=payload):
            signed = s3.sign(self.cluster, "PUT", "/bad/" + key, headers)
        return raw_http.request(self.cluster.port, "PUT", "/bad/" + key, signed, tail)

    def test_aws_chunked(self):
        good = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"
        self.assertEqual(self.streaming("chunked-good", good).status, 200)
        self.s3_error(self.streaming("c1", good.replace(b"DUoR", b"AAAA")), 400, "BadDigest")
        for key, tail in (("c2", b"b\r\nhello world\r\n"), ("c3", b"zz\r\nhello world\r\n0\r\n\r\n"),
                          ("c4", good.replace(b"b\r\n", b"c\r\n", 1)), ("c5", b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"),
                          ("c6", b"ffffffffffffffffff\r\n")):
            self.assertIn(self.streaming(key, tail).status, (400, 403), key)
        signed = b"b;chunk-signature=" + b"0" * 64 + b"\r\nhello world\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"
        self.s3_error(self.streaming("c7", signed, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), 403, "SignatureDoesNotMatch")
        self.assertEqual(self.keys(), ["chunked-good"])
        self.s3.delete_object(Bucket="bad", Key="chunked-good")

    def test_truncated_uploads_store_nothing(self):
        body = content(12_000_000)
        headers = s3.sign(self.cluster, "PUT", "/bad/cut", {}, body)
        head = "PUT /bad/cut HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n" % (self.cluster.port, len(body))
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        form = b'--bound\r\nContent-Disposition: form-data; name="file"; filename="cut"\r\n\r\n'
        post = "POST /upload HTTP/1.1\r\n%sContent-Type: multipart/form-data; boundary=bound\r\nContent-Length: %d\r\n\r\n"
        for data in (head.encode() + body[:-1], head.encode() + body[:5_000_000], head.encode(),
                     (post % (HOST, len(body))).encode() + form + body[:9_000_000]):
            answer = raw_http.exchange(self.cluster.port, data, finish=True)
            self.assertTrue(answer is None or answer.status == 400)
        self.assertEqual(self.keys(), [])
        self.assertEqual(self.files(), [])

    def signed_at(self, shift_seconds, target="/bad?list-type=2"):
        now = datetime.datetime.utcnow() + datetime.timedelta(seconds=shift_seconds)
        with unittest.mock.patch("botocore.auth.datetime") as module:
            module.datetime.utcnow.return_value = now
            return s3.signed(self.cluster, "GET", target)

    def test_clock_skew(self):
        for shift in (-1000, 1000):
            answer = self.signed_at(shift)
            self.s3_error(answer, 403, "RequestTimeTooSkewed")
            self.assertIn(b"<ServerTime>", answer.body)
        for shift in (-600, 600):
            self.assertEqual(self.signed_at(shift).status, 200)

    def test_expired_and_changed_links(self):
        now = datetime.datetime.utcnow() - datetime.timedelta(seconds=100)
        with unittest.mock.patch("botocore.auth.datetime") as module:
            module.datetime.utcnow.return_value = now
            target = s3.presign(self.cluster, "GET", "/bad/key", expires=60)
        answer = raw_http.request(self.cluster.port, "GET", target)
        self.s3_error(answer, 403, "AccessDenied")
        self.assertIn(b"Request has expired", answer.body)
        target = s3.presign(self.cluster, "GET", "/bad/key")
        self.s3_error(raw_http.request(self.cluster.port, "GET", target), 404, "NoSuchKey")
        self.s3_error(raw_http.request(self.cluster.port, "PUT", target, body=b"x"), 403, "SignatureDoesNotMatch")
        self.s3_error(raw_http.request(self.cluster.port, "GET", target.replace("/bad/key", "/bad/other")), 403,
                      "SignatureDoesNotMatch")
        self.s3_error(raw_http.request(self.cluster.port, "GET", "/bad/key"), 403, "AccessDenied")

    def test_keys(self):
        self.s3_error(s3.signed(self.cluster, "PUT", "/bad/" + "k" * 1025, {}, b"x"), 400, "KeyTooLongError")
        self.s3_error(s3.signed(self.cluster, "PUT", "/bad/%FF%FE", {}, b"x"), 400, "InvalidURI")
        for key in ("/bad/..", "/bad/../../etc/passwd", "/bad/%01%02"):
            self.assertEqual(s3.signed(self.cluster, "PUT", key, {}, b"x").status, 200, key)
            self.assertEqual(s3.signed(self.cluster, "GET", key).body, b"x", key)
            self.assertEqual(s3.signed(self.cluster, "DELETE", key).status, 204, key)

    def test_slow_and_silent_peers_do_not_block_others(self):
        peers = [raw_http.connect(self.cluster.port) for _ in range(200)]
        try:
            for peer in peers[:100]:
                peer.sendall(b"GET /health HTTP/1.1\r\nHo")
            self.assertEqual(self.cluster.get("/health")[0], 200)
            self.s3.put_object(Bucket="bad", Key="beside", Body=b"x")
            self.s3.delete_object(Bucket="bad", Key="beside")
        finally:
            for peer in peers:
                peer.close()

    def test_nodes_refuse_strangers(self):
        port = self.cluster.node_ports[0]
        chunk = "/chunks/" + "0" * 32
        for method in ("GET", "PUT", "DELETE"):
            self.assertIn(raw_http.request(port, method, chunk, body=b"x" if method == "PUT" else b"").status, (401, 403))
            forged = {"x-tercet-auth": f"v1 0 - {'0' * 64}"}
            self.assertIn(raw_http.request(port, method, chunk, forged).status, (401, 403))


if __name__ == "__main__":
    main()
