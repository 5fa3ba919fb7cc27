"""Multipart uploads as raw requests: conditions kept from their creation, Completes that come twice, and checksums that a
composite one needs."""

import base64
import hashlib
import re
import zlib

import s3
from harness import PART, ClusterTest, content, main


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


class Multipart(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        s3.signed(cls.cluster, "PUT", "/parts")

    def signed(self, method, target, headers=None, body=b""):
        return s3.signed(self.cluster, method, target, headers, body)

    def refused(self, answer, status, code):
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(b"<Code>" + code.encode() + b"</Code>", answer.body)
        return answer

    def create(self, key, headers=None):
        answer = self.signed("POST", f"/parts/{key}?uploads", headers)
        self.assertEqual(answer.status, 200, answer.body)
        return re.search(rb"<UploadId>(.*?)<", answer.body).group(1).decode()

    def upload(self, key, upload, number, body, headers=None):
        answer = self.signed("PUT", f"/parts/{key}?partNumber={number}&uploadId={upload}", headers, body)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.header("ETag")

    def complete(self, key, upload, parts, headers=None):
        """parts: (number, ETag) or (number, ETag, more elements)."""
        rows = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{''.join(more)}</Part>"
                       for number, etag, *more in parts)
        document = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
        return self.signed("POST", f"/parts/{key}?uploadId={upload}", headers, document)

    def test_condition_of_the_creation(self):
        upload = self.create("once", {"If-None-Match": "*"})
        etag = self.upload("once", upload, 1, b"mine")
        self.signed("PUT", "/parts/once", body=b"another's")
        answer = self.refused(self.complete("once", upload, [(1, etag)]), 412, "PreconditionFailed")
        self.assertIn(b"<Condition>If-None-Match</Condition>", answer.body)
        self.assertEqual(self.signed("GET", "/parts/once").body, b"another's")
        answer = self.signed("POST", "/parts/once?uploads", {"If-None-Match": "*"})
        self.refused(answer, 412, "PreconditionFailed")
        self.signed("DELETE", "/parts/once")
        self.assertEqual(self.complete("once", upload, [(1, etag)]).status, 200)
        self.assertEqual(self.signed("GET", "/parts/once").body, b"mine")

    def test_condition_on_what_is_replaced(self):
        before = self.signed("PUT", "/parts/replaced", body=b"before").header("ETag")
        self.refused(self.signed("POST", "/parts/replaced?uploads", {"If-Match": '"0"'}), 412, "PreconditionFailed")
        self.refused(self.signed("POST", "/parts/none?uploads", {"If-Match": before}), 404, "NoSuchKey")
        self.refused(self.signed("POST", "/parts/none?uploads", {"If-None-Match": before}), 501, "NotImplemented")
        upload = self.create("replaced", {"If-Match": before})
        etag = self.upload("replaced", upload, 1, b"after")
        self.signed("PUT", "/parts/replaced", body=b"between")
        answer = self.refused(self.complete("replaced", upload, [(1, etag)]), 412, "PreconditionFailed")
        self.assertIn(b"<Condition>If-Match</Condition>", answer.body)
        self.signed("DELETE", "/parts/replaced")
        self.refused(self.complete("replaced", upload, [(1, etag)]), 404, "NoSuchKey")

    def test_complete_twice(self):
        upload = self.create("twice")
        body = content(PART)
        parts = [(2, self.upload("twice", upload, 2, body)), (3, self.upload("twice", upload, 3, b"end"))]
        unused = (1, self.upload("twice", upload, 1, b"unused"))
        first = self.complete("twice", upload, parts)
        self.assertEqual(first.status, 200, first.body)
        again = self.complete("twice", upload, parts)
        self.assertEqual((again.status, again.body), (200, first.body))
        for wrong in ([(9, parts[0][1])], [parts[0], (3, parts[0][1])], [unused] + parts, [parts[0], (3, f'"{"0" * 32}"')]):
            self.refused(self.complete("twice", upload, wrong), 400, "InvalidPart")
        self.refused(self.complete("twice", upload, parts[:1]), 404, "NoSuchUpload")
        self.refused(self.complete("twice", upload, parts[::-1]), 400, "InvalidPartOrder")
        self.refused(self.complete("twice", upload, parts, {"x-amz-mp-object-size": "7"}), 400, "InvalidRequest")
        self.refused(self.complete("twice", upload, parts, {"If-None-Match": "*"}), 412, "PreconditionFailed")
        self.refused(self.complete("twice", upload, parts, {"If-Match": '"0"'}), 412, "PreconditionFailed")
        self.assertEqual(self.signed("GET", "/parts/twice").body, body + b"end")
        self.signed("PUT", "/parts/twice", body=b"later")
        self.refused(self.complete("twice", upload, parts), 404, "NoSuchUpload")

    def test_conditional_complete_twice(self):
        upload = self.create("retried")
        parts = [(1, self.upload("retried", upload, 1, b"only"))]
        for _ in range(2):  # the condition was decided by the first, whose object is the one that is there
            self.assertEqual(self.complete("retried", upload, parts, {"If-None-Match": "*"}).status, 200)

    def test_composite_checksums(self):
        for algorithm, kind in (("CRC32", {}), ("CRC32", {"x-amz-checksum-type": "COMPOSITE"})):
            upload = self.create("composite", {"x-amz-checksum-algorithm": algorithm} | kind)
            target = f"/parts/composite?partNumber=1&uploadId={upload}"
            answer = self.refused(self.signed("PUT", target, body=b"part"), 400, "InvalidRequest")
            self.assertIn(b"expected checksum Type: crc32, actual checksum Type: null", answer.body)
            sha1 = base64.b64encode(hashlib.sha1(b"part").digest()).decode()
            answer = self.refused(self.signed("PUT", target, {"x-amz-checksum-sha1": sha1}, b"part"), 400, "InvalidRequest")
            self.assertIn(b"expected checksum Type: crc32, actual checksum Type: sha1", answer.body)
            etag = self.upload("composite", upload, 1, b"part", {"x-amz-checksum-crc32": crc32(b"part")})
            answer = self.refused(self.complete("composite", upload, [(1, etag)]), 400, "InvalidRequest")
            self.assertIn(b"created using a crc32 checksum", answer.body)
            self.assertIn(b"missing for part 1", answer.body)
            said = f"<ChecksumCRC32>{crc32(b'part')}</ChecksumCRC32>"
            for _ in range(2):
                answer = self.complete("composite", upload, [(1, etag, said)])
                self.assertEqual(answer.status, 200, answer.body)
                self.assertIn(b"<ChecksumType>COMPOSITE</ChecksumType>", answer.body)
            self.refused(self.complete("composite", upload, [(1, etag)]), 400, "InvalidRequest")

    def test_checksums_of_the_whole(self):
        said = {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"}
        for headers in ({}, said, {"x-amz-checksum-algorithm": "CRC64NVME"}):
            upload = self.create("whole", headers)
            etag = self.upload("whole", upload, 1, b"part")
            answer = self.complete("whole", upload, [(1, etag)])
            self.assertEqual(answer.status, 200, answer.body)
            self.assertIn(b"<ChecksumType>FULL_OBJECT</ChecksumType>", answer.body)
        answer = self.complete("whole", upload, [(1, etag)], {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="})
        self.refused(answer, 400, "BadDigest")


if __name__ == "__main__":
    main()
