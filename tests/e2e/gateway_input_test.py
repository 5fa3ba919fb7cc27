"""What clients make the gateway store and give back as headers, and requests that almost mean something else: none may
end the process, be answered with something plausible, or reach the open API from another site."""

import base64
import datetime
import hashlib
import hmac
import re
import unittest.mock
import zlib

import raw_http
import s3
from harness import PART, ClusterTest, main


class GatewayInput(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="input")

    def signed(self, method, target, headers=None, body=b""):
        return s3.signed(self.cluster, method, target, headers, body)

    def presigned(self, method, target, headers=(), body=b""):
        return raw_http.request(self.cluster.port, method, s3.presign(self.cluster, method, target), headers, body)

    def refused(self, answer, status, code):
        self.assertIsNotNone(answer)
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(b"<Code>" + code.encode() + b"</Code>", answer.body)

    def test_names_of_metadata_in_the_query(self):
        for name in ("a%0D%0Ab", "a%20b", "a%3A", "%C3%A9", "a%00"):
            self.refused(self.presigned("PUT", f"/input/m?x-amz-meta-{name}=v", body=b"x"), 400, "InvalidArgument")
            self.refused(self.presigned("POST", f"/input/m?uploads&x-amz-meta-{name}=v"), 400, "InvalidArgument")
        self.refused(self.presigned("PUT", "/input/m?x-amz-meta-a=" + "v" * 2049, body=b"x"), 400, "MetadataTooLarge")
        self.refused(self.signed("GET", "/input/m"), 404, "NoSuchKey")

    def test_values_of_metadata_in_the_query(self):
        self.assertEqual(self.presigned("PUT", "/input/v?x-amz-meta-a=%0D%0AX%3A%20y", body=b"x").status, 200)
        answer = self.signed("GET", "/input/v")
        self.assertEqual((answer.body, answer.header("X")), (b"x", None))
        self.assertEqual(answer.header("x-amz-meta-a"), "=?UTF-8?Q?=0D=0AX:_y?=")

    def test_overrides(self):
        self.signed("PUT", "/input/o", body=b"x")
        answer = self.signed("GET", "/input/o?response-content-type=a%0D%0AX%3A%20y")
        self.assertEqual((answer.body, answer.header("X")), (b"x", None))
        answer = self.signed("GET", "/input/o?response-content-disposition=attachment%3B%20filename%3D%22%C3%A9%22")
        self.assertEqual(answer.header("Content-Disposition").encode("latin-1"), 'attachment; filename="é"'.encode())

    def presigned_raw(self, target, raw, count):
        """A presigned GET whose last parameter ends in so many bytes that are no UTF-8, on the wire as they are."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        path, _, last = target.partition("?")
        query = (f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={self.cluster.access_key}%2F{scope.replace('/', '%2F')}"
                 f"&X-Amz-Date={now}&X-Amz-Expires=300&X-Amz-SignedHeaders=host&{last}")  # fmt: skip
        request = f"GET\n{path}\n{query}{'%FF' * count}\nhost:127.0.0.1:{self.cluster.port}\n\nhost\nUNSIGNED-PAYLOAD"
        key = b"AWS4" + self.cluster.secret_key.encode()
        for word in scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return f"{path}?X-Amz-Signature={signature}&{query}{raw * count}"

    def test_the_largest_headers(self):
        """What is given back encoded is up to six times as long as it came."""
        rule = {"AllowedOrigins": ["*.example"], "AllowedMethods": ["GET"], "ExposeHeaders": ["e" * 64000]}
        self.s3.put_bucket_cors(Bucket="input", CORSConfiguration={"CORSRules": [rule]})
        self.addCleanup(self.s3.delete_bucket_cors, Bucket="input")
        self.signed("PUT", "/input/large", body=b"x")
        target = self.presigned_raw("/input/large?response-content-disposition=%01", "\xff", 60000)
        with unittest.mock.patch("http.client._MAXLINE", 1 << 20):
            answer = raw_http.request(self.cluster.port, "GET", target, {"Origin": "https://page.example"})
        self.assertEqual((answer.status, answer.body), (200, b"x"))
        self.assertEqual(answer.header("Content-Disposition"), f"=?UTF-8?Q?=01{'=C3=BF' * 60000}?=")
        self.assertEqual(answer.header("Access-Control-Expose-Headers"), "e" * 64000)
        self.assertEqual(answer.header("Access-Control-Allow-Origin"), "https://page.example")

    def test_content_type_of_a_form_part(self):
        def upload(kind):
            part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="typed"\r\nContent-Type: '
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            body = part + kind + b"\r\n\r\ndata\r\n--b--\r\n"
            return raw_http.request(self.cluster.port, "POST", "/upload", headers, body)

        for kind in (b"a\x01b", b"a\tb", b"a\x7fb", b"\xff", b"x" * 256):
            self.assertEqual(upload(kind).status, 400, kind[:10])
        self.assertEqual(raw_http.request(self.cluster.port, "GET", "/download?filename=typed").status, 404)
        self.assertEqual(upload(b"text/plain; charset=utf-8").status, 200)
        answer = raw_http.request(self.cluster.port, "GET", "/download?filename=typed")
        self.assertEqual((answer.body, answer.header("Content-Type")), (b"data", "text/plain; charset=utf-8"))

    def test_location_constraints(self):
        def create(region):
            document = "<CreateBucketConfiguration><LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>"
            return self.signed("PUT", "/placed", body=(document % region).encode())

        self.refused(create("a&#13;&#10;X: y"), 400, "InvalidLocationConstraint")
        others = b"<CreateBucketConfiguration><Bucket><Type>x</Type></Bucket></CreateBucketConfiguration>"
        self.refused(self.signed("PUT", "/placed", body=others), 501, "NotImplemented")
        self.assertEqual(self.signed("HEAD", "/placed").status, 404)
        self.assertEqual(create("eu-west-1").status, 200)
        self.assertEqual(self.signed("HEAD", "/placed").header("x-amz-bucket-region"), "eu-west-1")

    def test_unhonoured_headers(self):
        part = f"/input/u?partNumber=1&uploadId={self.s3.create_multipart_upload(Bucket='input', Key='u')['UploadId']}"
        self.signed("PUT", "/input/plain", body=b"plain")
        customer = {"x-amz-server-side-encryption-customer-algorithm": "AES256"}
        lock = {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z"}
        for method, target, headers, status, code in (
            ("PUT", part, customer, 400, "InvalidArgument"),
            ("PUT", part, {**customer, "x-amz-copy-source": "/input/plain"}, 400, "InvalidArgument"),
            ("PUT", part, {"x-amz-meta-a": "1"}, 400, "InvalidArgument"),
            ("GET", "/input/plain", customer, 400, "InvalidArgument"),
            ("GET", "/input/plain", {"x-amz-server-side-encryption": "AES256"}, 400, "InvalidRequest"),
            ("GET", "/input/plain", {"x-amz-copy-source": "/input/u"}, 400, "InvalidArgument"),
            ("DELETE", "/input/plain", {"x-amz-copy-source": "/input/u"}, 400, "InvalidArgument"),
            ("DELETE", "/input/plain", {"x-amz-next-year": "1"}, 501, "NotImplemented"),
            ("DELETE", "/input/plain?versionId=", {}, 400, "InvalidArgument"),
            ("DELETE", "/input/plain?partNumber=1", {}, 400, "InvalidArgument"),
            ("PUT", "/input/plain", lock, 400, "InvalidRequest"),
            ("PUT", "/input/plain", {"x-amz-object-lock-legal-hold": "ON"}, 400, "InvalidRequest"),
            ("PUT", "/input/plain", {"x-amz-copy-source": ""}, 400, "InvalidArgument"),
            ("PUT", "/none/plain", lock, 404, "NoSuchBucket"),
            ("PUT", "/namespaced", {"x-amz-bucket-namespace": "account-regional"}, 501, "NotImplemented"),
            ("PUT", "/owned", {"x-amz-object-ownership": "nonsense"}, 400, "InvalidArgument"),
        ):
            with self.subTest(method=method, target=target, headers=headers):
                self.refused(self.signed(method, target, headers), status, code)
        for header in customer, {"x-amz-copy-source": "/input/u"}:
            self.assertEqual(self.signed("HEAD", "/input/plain", header).status, 400)
        self.assertEqual(self.signed("GET", "/input/plain").body, b"plain")
        self.assertEqual([bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]
                          if bucket["Name"] in ("namespaced", "owned")], [])
        self.assertEqual(self.signed("PUT", "/input/aptly", {"x-amz-acl": "", "x-amz-tagging": ""}, b"x").status, 200)
        headers = {"x-amz-object-ownership": "BucketOwnerEnforced", "x-amz-bucket-namespace": "global"}
        self.assertEqual(self.signed("PUT", "/owned", headers).status, 200)

    def test_expected_owners(self):
        self.signed("PUT", "/input/owned", body=b"owned")
        for name, method, target in (
            ("x-amz-expected-bucket-owner", "DELETE", "/input/owned"),
            ("x-amz-expected-bucket-owner", "PUT", "/input/owned"),
            ("x-amz-expected-bucket-owner", "GET", "/input"),
            ("x-amz-expected-bucket-owner", "DELETE", "/input"),
            ("x-amz-source-expected-bucket-owner", "PUT", "/input/owned"),
        ):
            copy = {"x-amz-copy-source": "/input/owned"} if name.startswith("x-amz-source") else {}
            with self.subTest(name=name, method=method):
                self.refused(self.signed(method, target, {name: "123456789012", **copy}), 403, "AccessDenied")
                self.refused(self.signed(method, target, {name: "12345", **copy}), 400,
                             "InvalidBucketOwnerAWSAccountID")
        parameter = "x-amz-expected-bucket-owner="
        self.refused(self.presigned("DELETE", f"/input/owned?{parameter}123456789012"), 403, "AccessDenied")
        self.refused(self.signed("GET", "/none", {parameter[:-1]: "123456789012"}), 404, "NoSuchBucket")
        self.assertEqual(self.signed("GET", "/input/owned").body, b"owned")
        self.assertEqual(self.presigned("DELETE", f"/input/owned?{parameter}000000000000").status, 204)

    def test_unknown_words(self):
        self.signed("PUT", "/input/word", body=b"kept")
        for method, target in (("PUT", "/input/word?word"), ("DELETE", "/input/word?word="), ("PUT", "/input?replication"),
                               ("POST", "/input/word?restore"), ("PUT", "/newer?metadataInventoryTable"),
                               ("GET", "/input/word?torrent"), ("POST", "/input/word?word")):
            answer = self.signed(method, target)
            self.refused(answer, 501, "NotImplemented")
            self.assertIn(b"'" + target.partition("?")[2].strip("=").encode() + b"'", answer.body)
            self.assertNotIn(b"header", answer.body)
        self.assertEqual(self.signed("HEAD", "/newer").status, 404)
        self.assertEqual(self.signed("GET", "/input/word?word").body, b"kept")
        self.assertEqual(self.signed("PUT", "/input/word?x-id=PutObject&tool=1", body=b"new").status, 200)

    def test_settings_that_were_never_made(self):
        self.signed("PUT", "/input/set", body=b"x")
        for word in ("cors", "encryption", "lifecycle", "ownershipControls", "policy", "publicAccessBlock",
                     "replication", "tagging", "website"):
            self.assertEqual(self.signed("DELETE", f"/input?{word}").status, 204, word)
            self.refused(self.signed("DELETE", f"/none?{word}"), 404, "NoSuchBucket")
        self.assertEqual(self.signed("DELETE", "/input/set?tagging").status, 204)
        self.refused(self.signed("DELETE", "/input/unset?tagging"), 404, "NoSuchKey")
        self.assertEqual(self.signed("GET", "/input/set").body, b"x")

    def test_without_a_signature(self):
        def ask(method, target, headers=(), body=b""):
            return raw_http.request(self.cluster.port, method, target, dict(headers), body)

        origin = {"Origin": "https://page.example", "Access-Control-Request-Method": "PUT"}
        self.refused(ask("GET", "/none/key"), 404, "NoSuchBucket")
        self.refused(ask("PUT", "/none/key", body=b"x"), 404, "NoSuchBucket")
        self.refused(ask("POST", "/none/key"), 404, "NoSuchBucket")
        self.refused(ask("DELETE", "/none?nextYears"), 404, "NoSuchBucket")
        self.refused(ask("GET", "/input/key"), 403, "AccessDenied")
        self.refused(ask("PUT", "/none"), 403, "AccessDenied")
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        fields = b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nkey\r\n'
        file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n'
        self.refused(ask("POST", "/input", form, fields + file + b"--b--\r\n"), 403, "AccessDenied")
        self.refused(ask("OPTIONS", "/input/key"), 400, "BadRequest")
        for target in ("/input/key", "/input", "/input/key?X-Amz-Algorithm=nonsense&X-Amz-Signature=0"):
            answer = ask("OPTIONS", target, origin)
            self.refused(answer, 403, "AccessForbidden")
            self.assertIn(b"CORSResponse: CORS is not enabled for this bucket.", answer.body)
        answer = ask("OPTIONS", "/none/key", origin)
        self.refused(answer, 403, "AccessForbidden")
        self.assertIn(b"CORSResponse: Bucket not found", answer.body)

    def test_features_asked_for_in_the_query(self):
        self.refused(self.presigned("PUT", "/input/f?x-amz-server-side-encryption=AES256", body=b"x"), 501, "NotImplemented")
        self.refused(self.presigned("PUT", "/input/f?x-amz-website-redirect-location=a", body=b"x"), 400,
                     "InvalidRedirectLocation")
        self.refused(self.presigned("PUT", "/input/f?x-amz-storage-class=GLACIER", body=b"x"), 400, "InvalidStorageClass")
        self.refused(self.presigned("PUT", "/input/f?x-amz-acl=public-read", body=b"x"), 400,
                     "AccessControlListNotSupported")
        headers = {"x-amz-bucket-object-lock-enabled": "yes"}
        self.refused(self.signed("PUT", "/featured", headers), 400, "InvalidArgument")
        headers = {"x-amz-acl": "public-read"}
        self.refused(self.signed("PUT", "/featured", headers), 400, "InvalidBucketAclWithObjectOwnership")
        self.assertEqual(self.signed("HEAD", "/featured").status, 404)
        self.assertEqual(self.presigned("PUT", "/input/f?x-amz-acl=private", body=b"x").status, 200)

    def test_almost_another_request(self):
        self.signed("PUT", "/input/whole", body=b"whole")
        self.refused(self.signed("PUT", "/input/whole?partNumber=1", {}, b"part"), 400, "InvalidArgument")
        self.refused(self.signed("PUT", "/input/whole?versionId=null", {}, b"other"), 400, "InvalidArgument")
        self.assertEqual(self.signed("GET", "/input/whole").body, b"whole")
        self.refused(self.signed("GET", "/input?acl&policy"), 501, "NotImplemented")
        self.refused(self.signed("GET", "/input/none?retention"), 400, "InvalidRequest")  # no object lock
        self.refused(self.signed("GET", "/input?uploads&key-marker=a&upload-id-marker=zz"), 400, "InvalidArgument")

    def test_copies_asked_for_in_the_query(self):
        self.signed("PUT", "/input/original", {"x-amz-meta-a": "1"}, b"original")
        self.signed("PUT", "/input/copied", body=b"before")
        copy = "/input/copied?x-amz-copy-source=input%2Foriginal"
        self.refused(self.presigned("PUT", copy + "&x-amz-copy-source-if-match=none"), 412, "PreconditionFailed")
        self.assertEqual(self.signed("GET", "/input/copied").body, b"before")
        self.assertEqual(self.presigned("PUT", copy).status, 200)
        answer = self.signed("GET", "/input/copied")
        self.assertEqual((answer.body, answer.header("x-amz-meta-a")), (b"original", "1"))
        answer = self.presigned("PUT", copy + "&x-amz-metadata-directive=REPLACE&x-amz-meta-b=2")
        self.assertEqual(answer.status, 200, answer.body)
        answer = self.signed("GET", "/input/copied")
        self.assertEqual((answer.header("x-amz-meta-a"), answer.header("x-amz-meta-b")), (None, "2"))
        create = self.presigned("POST", "/input/parted?uploads&x-amz-checksum-algorithm=SHA1")
        upload = re.search(rb"<UploadId>(.*?)<", create.body).group(1).decode()
        self.assertEqual(create.header("x-amz-checksum-algorithm"), "SHA1")
        part = f"/input/parted?partNumber=1&uploadId={upload}&x-amz-copy-source=input%2Foriginal&"
        self.assertIn(b"CopyPartResult", self.presigned("PUT", part + "x-amz-copy-source-range=bytes%3D0-3").body)
        self.assertIn(b"<Size>4</Size>", self.signed("GET", f"/input/parted?uploadId={upload}").body)

    def test_copy_onto_itself(self):
        self.signed("PUT", "/input/self", {"x-amz-meta-a": "1"}, b"self")
        source = {"x-amz-copy-source": "input/self"}
        self.refused(self.signed("PUT", "/input/self", source), 400, "InvalidRequest")
        answer = self.signed("PUT", "/input/self", source | {"x-amz-storage-class": "STANDARD"})
        self.assertEqual(answer.status, 200, answer.body)
        answer = self.signed("GET", "/input/self")
        self.assertEqual((answer.body, answer.header("x-amz-meta-a")), (b"self", "1"))

    def test_ranges_of_another_version(self):
        self.signed("PUT", "/files/resumed", body=b"0123456789")
        for answer_to in (lambda headers: self.signed("GET", "/files/resumed", headers),
                          lambda headers: raw_http.request(self.cluster.port, "GET", "/download?filename=resumed", headers)):
            whole = answer_to({})
            for said in (whole.header("ETag"), whole.header("Last-Modified")):
                answer = answer_to({"Range": "bytes=5-", "If-Range": said})
                self.assertEqual((answer.status, answer.body), (206, b"56789"))
            for said in ('"00000000000000000000000000000000"', "Sat, 01 Jan 2000 00:00:00 GMT"):
                for spec in ("bytes=5-", "bytes=50-"):
                    answer = answer_to({"Range": spec, "If-Range": said})
                    self.assertEqual((answer.status, answer.body), (200, b"0123456789"))

    def test_list_of_buckets(self):
        names = ["paged-a", "paged-b", "paged-c", "paged-d"]
        for name in names:
            self.signed("PUT", "/" + name)

        def listed(query):
            answer = self.signed("GET", "/?" + query)
            self.assertEqual(answer.status, 200, answer.body)
            token = re.search(rb"<ContinuationToken>(.*?)<", answer.body)
            return [name.decode() for name in re.findall(rb"<Name>(.*?)<", answer.body)], token and token.group(1).decode()

        self.assertEqual(listed("prefix=paged-"), (names, None))
        self.assertEqual(listed("prefix=paged-c"), (["paged-c"], None))
        self.assertEqual(listed("prefix=paged-&bucket-region=us-east-1"), (names, None))
        self.assertEqual(listed("prefix=paged-&bucket-region=eu-west-1"), ([], None))
        for size in range(1, 6):
            seen, token = listed(f"prefix=paged-&max-buckets={size}")
            while token:
                more, token = listed(f"prefix=paged-&max-buckets={size}&continuation-token={token}")
                self.assertLessEqual(len(more), size)
                seen += more
            self.assertEqual(seen, names, size)
        self.assertIn(b"<BucketRegion>us-east-1<", self.signed("GET", "/?prefix=paged-").body)
        self.assertNotIn(b"BucketRegion", self.signed("GET", "/").body)
        for query in ("max-buckets=0", "max-buckets=x", "max-buckets=10001", "continuation-token=xx"):
            self.refused(self.signed("GET", "/?" + query), 400, "InvalidArgument")

    def test_copy_onto_a_missing_key_with_if_match(self):
        etag = self.signed("PUT", "/input/source", body=b"x").header("ETag")
        headers = {"x-amz-copy-source": "input/source", "If-Match": etag}
        self.refused(self.signed("PUT", "/input/missing", headers), 404, "NoSuchKey")
        self.assertEqual(self.signed("PUT", "/input/source", headers | {"x-amz-metadata-directive": "REPLACE"}).status, 200)

    def test_completion_again_with_its_checksum_type(self):
        create = self.signed("POST", "/input/again?uploads", {"x-amz-checksum-algorithm": "CRC32"})
        upload = re.search(rb"<UploadId>(.*?)<", create.body).group(1).decode()
        listed = ""
        for number, body in ((1, b"a" * PART), (2, b"tail")):
            crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
            target = f"/input/again?partNumber={number}&uploadId={upload}"
            part = self.signed("PUT", target, {"x-amz-checksum-crc32": crc}, body)
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{part.header('ETag')}</ETag>"
            listed += f"<ChecksumCRC32>{crc}</ChecksumCRC32></Part>"
        document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        kind = {"x-amz-checksum-type": "COMPOSITE"}
        answers = [self.signed("POST", f"/input/again?uploadId={upload}", kind, document) for _ in range(2)]
        self.assertEqual([answer.status for answer in answers], [200, 200])
        self.assertEqual(answers[0].body, answers[1].body)

    def test_a_client_may_end_its_side(self):
        """Of the connection, after a whole request: it gets the answer that it would have got, also an error."""
        port, body = self.cluster.port, b"ended"
        cases = (
            ("PUT", "/input/ended", {}, body, 200),
            ("GET", "/input/ended", {}, b"", 200),
            ("HEAD", "/input/ended", {}, b"", 200),
            ("PUT", "/input/ended-copy", {"x-amz-copy-source": "/input/ended"}, b"", 200),
            ("GET", "/input/missing", {}, b"", 404),
            ("HEAD", "/input/missing", {}, b"", 404),
            ("PUT", "/missing-bucket/key", {}, body, 404),
            ("POST", "/input?delete", {}, b"not xml", 400),
            ("DELETE", "/input", {}, b"", 409),
            ("DELETE", "/input/ended-copy", {}, b"", 204),
        )
        for method, target, headers, sent, status in cases:
            headers = s3.sign(self.cluster, method, target, headers | {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, sent)
            lines = [f"{name}: {value}" for name, value in headers.items() if name.lower() not in ("host", "content-length")]
            head = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(sent)}", *lines]
            data = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + sent
            answer = raw_http.exchange(port, data, method, finish=True)
            self.assertEqual((method, target, answer and answer.status), (method, target, status))
        self.assertEqual(raw_http.exchange(port, b"GET /download?filename=none HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                           finish=True).status, 404)

    def test_every_answer_has_a_request_id(self):
        """Also those that no handler sees; and no two have the same."""
        self.signed("PUT", "/input/id", body=b"x")
        answers = [self.signed(method, "/input/id") for method in ("GET", "HEAD", "DELETE", "GET")]
        answers += [self.signed("GET", "/input?list-type=2"), self.signed("GET", "/input/id?tagging"), self.signed("GET", "/none")]
        targets = ["/", "/health", "/livez", "/readyz", "/health/cluster", "/minio/health/live", "/system/health",
                   "/system/nodes", "/system/repair", "/system/lifecycle", "/system/encryption", "/system/notifications", "/metrics", "/metrics/buckets", "/files", "/files/none",
                   "/download?filename=none", "/upload", "/files?limit=x", "/?bad=%zz", "/%zz", "/none/none"]
        answers += [raw_http.request(self.cluster.port, method, target)
                    for target in targets for method in ("GET", "HEAD", "DELETE", "OPTIONS", "PATCH")]
        heads = {b"GARBAGE\r\n\r\n": 400, b"GET / HTTP/1.1\r\n\r\n": 400, b"GET / HTTP/3.0\r\nHost: x\r\n\r\n": 505,
                 b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70000 + b"\r\n\r\n": 431,
                 b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: y\r\nContent-Length: 1\r\n\r\n": 417}
        for head, status in heads.items():
            answers.append(raw_http.exchange(self.cluster.port, head))
            self.assertEqual(answers[-1].status, status)
        for answer in answers:
            self.assertRegex(answer.header("x-amz-request-id"), r"^[0-9A-F]{16}$", vars(answer))
            self.assertEqual(len(answer.headers.get_all("x-amz-request-id")), 1)
            self.assertTrue(answer.header("x-amz-id-2"))
        self.assertEqual(len({answer.header("x-amz-request-id") for answer in answers}), len(answers))
        metrics = self.cluster.get("/metrics")[1].decode()
        self.assertRegex(metrics, r'tercet_http_refused_total{code="BadRequest"} [2-9]\n')

    def test_file_api_answers_have_a_request_id(self):
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="id"\r\n\r\ndata\r\n--b--\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        for method, target, status in [("POST", "/upload", 200), ("GET", "/download?filename=id", 200),
                                       ("HEAD", "/files/id", 200), ("GET", "/files", 200),
                                       ("DELETE", "/delete?filename=id", 200), ("POST", "/upload?filename=", 400)]:
            answer = raw_http.request(self.cluster.port, method, target, headers if method == "POST" else {},
                                      body if status == 200 and method == "POST" else b"")
            self.assertEqual(answer.status, status, target)
            self.assertRegex(answer.header("x-amz-request-id"), r"^[0-9A-F]{16}$", target)

    def test_open_api_only_for_local_names(self):
        def status(host):
            return raw_http.exchange(self.cluster.port, f"GET /files HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status

        for host in ("localhost", "LOCALHOST:80", "x.localhost", "127.0.0.1", "[::1]:8080", "myhost:8080",
                     "host.docker.internal:8080", "Host.Containers.Internal"):
            self.assertEqual(status(host), 200, host)
        for host in ("evil.example", "evil.example:8080", "evil.example.", "127.0.0.1.evil.example", "xlocalhost.example",
                     "evil.internal", "xhost.docker.internal", "host.docker.internal.evil.example"):
            self.assertEqual(status(host), 401, host)


if __name__ == "__main__":
    main()
