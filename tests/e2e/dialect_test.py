"""Requests as unusual clients write them, and AWS's answers: spaces in paths, header lines, storage classes, dates, regions.
The second class pins answers that clients were seen to depend on."""

import base64
import email.utils
import hashlib
import http.client
import re
import time
import zlib

import raw_http
import s3
from harness import ClusterTest, content, main


class RawTest(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        s3.signed(cls.cluster, "PUT", "/dialect")

    def signed(self, method, target, headers=None, body=b""):
        return s3.signed(self.cluster, method, target, headers, body)

    def answered(self, status, method, target, headers=None, body=b""):
        answer = self.signed(method, target, headers, body)
        self.assertEqual(answer.status, status, answer.body)
        return answer

    def refused(self, status, code, method, target, headers=None, body=b""):
        answer = self.answered(status, method, target, headers, body)
        self.assertIn(b"<Code>" + code.encode() + b"</Code>", answer.body)
        return answer

    def lines(self, method, target, headers, body=b""):
        """Signs by the URL and sends every header line as it is given."""
        target = s3.presign(self.cluster, method, target)
        return raw_http.request(self.cluster.port, method, target, headers, body)


class Dialect(RawTest):
    def test_plus_in_a_path(self):
        self.answered(200, "PUT", "/dialect/n+ew", body=b"space")
        self.answered(200, "PUT", "/dialect/n%2Bew", body=b"plus")
        self.assertEqual(self.signed("GET", "/dialect/n%20ew").body, b"space")
        self.assertEqual(self.signed("GET", "/dialect/n+ew").body, b"space")
        self.assertEqual(self.signed("GET", "/dialect/n%2Bew").body, b"plus")
        for source, body in (("n+ew", b"space"), ("n%20ew", b"space"), ("n%2Bew", b"plus")):
            self.answered(200, "PUT", "/dialect/copied", {"x-amz-copy-source": "dialect/" + source})
            self.assertEqual(self.signed("GET", "/dialect/copied").body, body)
        signed_plus = s3.presign(self.cluster, "GET", "/dialect/n%2Bew")
        self.assertEqual(raw_http.request(self.cluster.port, "GET", signed_plus).body, b"plus")
        moved = raw_http.request(self.cluster.port, "GET", signed_plus.replace("n%2Bew", "n+ew"))
        self.assertEqual(moved.status, 403)

    def test_plus_of_the_file_api(self):
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a+b"\r\n\r\nplus\r\n--b--\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        self.assertEqual(raw_http.request(self.cluster.port, "POST", "/upload", headers, form).status, 200)
        self.assertEqual(raw_http.request(self.cluster.port, "GET", "/files/a+b").body, b"plus")
        self.assertEqual(self.signed("GET", "/files/a%2Bb").body, b"plus")

    def test_metadata_in_several_lines(self):
        self.addCleanup(setattr, http.client, "_MAXHEADERS", http.client._MAXHEADERS)
        http.client._MAXHEADERS = 1000
        many = [(f"x-amz-meta-{number:03}", "v") for number in range(300)]
        lines = [("x-amz-meta-a", "1"), ("x-amz-meta-b", "b"), ("X-Amz-Meta-A", "2"), ("x-amz-meta-", "nameless"),
                 ("x-amz-meta-a", " 3 "), ("Cache-Control", "private"), ("Cache-Control", "max-age=5")]
        signed = "host;" + ";".join(sorted({name.lower() for name, _ in lines + many if name.startswith(("x", "X"))}))
        aws = self.sign_lines("PUT", "/dialect/lines", lines + many, signed)
        answer = raw_http.request(self.cluster.port, "PUT", "/dialect/lines", aws, b"")
        self.assertEqual(answer.status, 200, answer.body)
        answer = self.answered(200, "GET", "/dialect/lines")
        self.assertEqual((answer.header("x-amz-meta-a"), answer.header("x-amz-meta-b")), ("1,2,3", "b"))
        self.assertEqual((answer.header("x-amz-meta-"), answer.header("Cache-Control")), ("nameless", "private,max-age=5"))
        self.assertEqual([answer.header(name) for name, _ in many], ["v"] * 300)
        copied = {"x-amz-copy-source": "dialect/lines"}
        self.answered(200, "PUT", "/dialect/lines-copied", copied)
        self.assertEqual(self.signed("HEAD", "/dialect/lines-copied").header("x-amz-meta-a"), "1,2,3")

    def sign_lines(self, method, target, lines, signed):
        """The lines with an Authorization that covers them, values of one name joined."""
        joined = {}
        for name, value in lines:
            joined.setdefault(name.lower(), []).append(value.strip())
        values = {name: ",".join(values) for name, values in joined.items() if name in signed.split(";")}
        aws = s3.sign(self.cluster, method, target, values)
        mine = [(name, value) for name, value in aws.items() if name.lower() not in values]
        return [(name, value) for name, value in lines] + mine

    def test_source_that_was_signed_as_one_line(self):
        self.answered(200, "PUT", "/dialect/a", body=b"not meant")
        lines = [("x-amz-copy-source", "/dialect/a"), ("x-amz-copy-source", "b")]
        aws = self.sign_lines("PUT", "/dialect/taken", lines, "host;x-amz-copy-source")
        answer = raw_http.request(self.cluster.port, "PUT", "/dialect/taken", aws)
        self.assertEqual(answer.status, 400, answer.body)
        self.assertIn(b"<Code>InvalidArgument</Code>", answer.body)
        self.answered(404, "GET", "/dialect/taken")

    def test_name_of_a_checksum(self):  # as FoundationDB's backups write it
        def named(algorithm, body):
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            return {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-sha256": digest}

        self.answered(200, "PUT", "/dialect/summed", named("SHA256", b"x"), b"x")
        self.refused(400, "InvalidRequest", "PUT", "/dialect/summed", named("CRC32", b"x"), b"x")
        self.refused(400, "BadDigest", "PUT", "/dialect/summed", named("SHA256", b"x"), b"y")
        self.refused(400, "InvalidRequest", "PUT", "/dialect/summed", {"x-amz-checksum-algorithm": "SHA256"}, b"x")
        create = self.answered(200, "POST", "/dialect/summed?uploads", {"x-amz-checksum-algorithm": "SHA256"})
        upload = re.search(rb"<UploadId>(.*?)<", create.body).group(1).decode()
        self.answered(200, "PUT", f"/dialect/summed?partNumber=1&uploadId={upload}", named("SHA256", b"x"), b"x")

    def test_storage_classes(self):
        for label in ("STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY", "GLACIER_IR"):
            header = {"x-amz-storage-class": label}
            key = f"/dialect/class-{label}"
            self.assertEqual(self.answered(200, "PUT", key, header, b"x").header("x-amz-storage-class"), label)
            for method in ("HEAD", "GET"):
                self.assertEqual(self.signed(method, key).header("x-amz-storage-class"), label)
            self.assertIsNone(self.answered(200, "PUT", "/dialect/class-copy",
                                            {"x-amz-copy-source": key}).header("x-amz-storage-class"))
            self.assertIsNone(self.signed("HEAD", "/dialect/class-copy").header("x-amz-storage-class"))
            self.answered(200, "PUT", "/dialect/class-copy", {"x-amz-copy-source": "dialect/class-copy"} | header)
            self.assertEqual(self.signed("HEAD", "/dialect/class-copy").header("x-amz-storage-class"), label)
            create = self.answered(200, "POST", "/dialect/class-parts?uploads", header)
            upload = re.search(rb"<UploadId>(.*?)<", create.body).group(1).decode()
            etag = self.answered(200, "PUT", f"/dialect/class-parts?partNumber=1&uploadId={upload}", body=b"x").header("ETag")
            said = f"<StorageClass>{label}</StorageClass>".encode()
            for listing in ("?uploads&prefix=class-parts", f"/class-parts?uploadId={upload}"):
                self.assertIn(said, self.signed("GET", "/dialect" + listing).body)
            document = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
            self.answered(200, "POST", f"/dialect/class-parts?uploadId={upload}", body=document.encode())
            self.assertEqual(self.signed("HEAD", "/dialect/class-parts").header("x-amz-storage-class"), label)
            for listing in ("prefix=class-parts", "list-type=2&prefix=class-parts", "versions&prefix=class-parts"):
                self.assertIn(said, self.signed("GET", "/dialect?" + listing).body, listing)
        self.assertIsNone(self.answered(200, "PUT", "/dialect/plain", {"x-amz-storage-class": "STANDARD"}).header("x-amz-storage-class"))
        self.assertIn(b"<StorageClass>STANDARD</StorageClass>", self.signed("GET", "/dialect?prefix=plain").body)

    def test_storage_classes_that_are_refused(self):
        for label, words in (("GLACIER", b"restored before"), ("DEEP_ARCHIVE", b"restored before"), ("OUTPOSTS", b"not offered"),
                             ("FakeClass", b"not valid"), ("standard", b"not valid")):
            for method, target in (("PUT", "/dialect/refused"), ("POST", "/dialect/refused?uploads")):
                answer = self.refused(400, "InvalidStorageClass", method, target, {"x-amz-storage-class": label})
                self.assertIn(words, answer.body)
                self.assertIn(f"<StorageClassRequested>{label}<".encode(), answer.body)
        self.answered(404, "GET", "/dialect/refused")

    def test_bucket_created_again(self):
        def create(bucket, region):
            document = f"<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            return "PUT", "/" + bucket, None, document.encode() if region else b""

        self.answered(200, *create("here", ""))
        self.answered(200, *create("here", ""))
        self.answered(200, *create("there", "eu-central-1"))
        for region in ("", "eu-central-1", "eu-west-1"):
            answer = self.refused(409, "BucketAlreadyOwnedByYou", *create("there", region))
            self.assertIn(b"<BucketName>there</BucketName>", answer.body)

    def test_copied_range_beyond_the_source(self):
        self.answered(200, "PUT", "/dialect/source", body=b"0123456789")
        create = self.answered(200, "POST", "/dialect/ranged?uploads")
        upload = re.search(rb"<UploadId>(.*?)<", create.body).group(1).decode()
        for spec in ("bytes=0-10", "bytes=10-11", "bytes=5-", "bytes=-5", "0-5"):
            self.refused(400, "InvalidArgument", "PUT", f"/dialect/ranged?partNumber=1&uploadId={upload}",
                         {"x-amz-copy-source": "dialect/source", "x-amz-copy-source-range": spec})

    def test_delete_marker_by_its_version(self):
        self.answered(200, "PUT", "/files/marked", body=b"x")
        marker = self.answered(204, "DELETE", "/files/marked").header("x-amz-version-id")
        for method in ("GET", "HEAD"):
            answer = self.answered(405, method, f"/files/marked?versionId={marker}")
            at = email.utils.parsedate_to_datetime(answer.header("Last-Modified")).timestamp()
            self.assertLess(abs(time.time() - at), 60)

    def test_encodings_as_they_were_sent(self):
        for sent, kept in (("gzip, br", "gzip, br"), ("aws-chunked", None), ("gzip,aws-chunked", "gzip"),
                           ("aws-chunked, gzip, br", "gzip,br"), (" gzip ,br", "gzip ,br")):
            self.answered(200, "PUT", "/dialect/encoded", {"Content-Encoding": sent}, b"x")
            self.assertEqual(self.signed("HEAD", "/dialect/encoded").header("Content-Encoding"), kept, sent)

    def test_empty_expectation(self):
        self.assertEqual(self.lines("PUT", "/dialect/expected", {"Expect": ""}, b"x").status, 200)

    def test_dates_of_no_zone(self):
        self.signed("PUT", "/dialect/dated", body=b"x")
        past = email.utils.formatdate(time.time() - 3600)
        for zone in ("GMT", "-0000", "+0000"):
            headers = {"If-Unmodified-Since": past.replace("-0000", zone)}
            self.answered(412, "GET", "/dialect/dated", headers)


class Pinned(RawTest):
    """What stays as it is, since clients need it."""

    def test_etags_without_quotes(self):  # icechunk
        etag = self.answered(200, "PUT", "/dialect/bare", body=b"1").header("ETag")
        bare = etag.strip('"')
        self.answered(304, "GET", "/dialect/bare", {"If-None-Match": bare})
        self.answered(200, "GET", "/dialect/bare", {"If-Match": bare})
        self.answered(200, "PUT", "/dialect/bare", {"If-Match": bare}, b"2")
        self.refused(412, "PreconditionFailed", "PUT", "/dialect/bare", {"If-Match": bare}, b"3")

    def test_size_in_an_unsatisfiable_range(self):  # clients on the common runtime of AWS
        for size in (0, 10):
            self.signed("PUT", "/dialect/sized", body=b"x" * size)
            answer = self.refused(416, "InvalidRange", "GET", "/dialect/sized", {"Range": "bytes=10-20"})
            self.assertIn(f"<ActualObjectSize>{size}</ActualObjectSize>".encode(), answer.body)
        answer = self.answered(200, "PUT", "/dialect/sized", body=b"")
        answer = self.answered(200, "GET", "/dialect/sized?partNumber=1")
        self.assertEqual((answer.body, answer.header("Content-Range")), (b"", None))
        self.answered(200, "HEAD", "/dialect/sized?partNumber=1")

    def test_condition_on_a_missing_key(self):  # tensorstore
        for method in ("GET", "PUT"):
            self.refused(404, "NoSuchKey", method, "/dialect/missing", {"If-Match": '""'})

    def test_suffix_longer_than_the_object(self):  # polars
        self.signed("PUT", "/dialect/short", body=b"0123456789")
        answer = self.answered(206, "GET", "/dialect/short", {"Range": "bytes=-65536"})
        self.assertEqual((answer.body, answer.header("Content-Range")), (b"0123456789", "bytes 0-9/10"))

    def test_copy_without_a_length(self):  # AWS SDK for Rust
        self.signed("PUT", "/dialect/original", body=b"original")
        headers = s3.sign(self.cluster, "PUT", "/dialect/duplicate", {"x-amz-copy-source": "dialect/original"})
        head = f"PUT /dialect/duplicate HTTP/1.1\r\nHost: 127.0.0.1:{self.cluster.port}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name.lower() != "content-length")
        self.assertEqual(raw_http.exchange(self.cluster.port, head.encode() + b"\r\n", "PUT").status, 200)
        self.assertEqual(self.signed("GET", "/dialect/duplicate").body, b"original")

    def test_one_chunk_of_a_whole_part(self):  # 8 MiB, as one aws-chunked chunk
        body = content(8 << 20)
        upload = re.search(rb"<UploadId>(.*?)<", self.answered(200, "POST", "/dialect/chunked?uploads").body).group(1).decode()
        framed = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\nx-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(body).to_bytes(4, "big")) + b"\r\n\r\n"
        headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding": "aws-chunked",
                   "x-amz-decoded-content-length": str(len(body)), "x-amz-trailer": "x-amz-checksum-crc32"}
        target = f"/dialect/chunked?partNumber=1&uploadId={upload}"
        etag = self.answered(200, "PUT", target, headers, framed).header("ETag")
        document = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
        self.answered(200, "POST", f"/dialect/chunked?uploadId={upload}", body=document.encode())
        self.assertEqual(self.signed("GET", "/dialect/chunked").body, body)

    def test_time_of_a_change(self):
        before = int(time.time())
        self.signed("PUT", "/dialect/timed", body=b"x")
        after = time.time()
        answer = self.answered(200, "HEAD", "/dialect/timed")
        at = email.utils.parsedate_to_datetime(answer.header("Last-Modified")).timestamp()
        self.assertTrue(before <= at <= after, (before, at, after))
        self.answered(200, "GET", "/dialect/timed")
        self.assertEqual(self.signed("HEAD", "/dialect/timed").header("Last-Modified"), answer.header("Last-Modified"))


if __name__ == "__main__":
    main()
