"""The newest boto3 and curl: RenameObject and appending, which AWS offers for directory buckets."""

import base64
import concurrent.futures
import hashlib
import os
import subprocess
import tempfile
import threading
from urllib.parse import quote

from botocore.exceptions import ClientError

import s3
from harness import PART, ClusterTest, content, main

ODD = ("a b/\N{EURO SIGN}+%", "/slash", "../dots", "ü" * 500, "trailing/")


class RenameAppendTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="keyring-")
        cls.addClassCleanup(folder.cleanup)
        keyring = os.path.join(folder.name, "keyring")
        gateway = os.path.join(os.environ["TERCET_BUILD"], "gateway/tercet-gateway")
        subprocess.run([gateway, "-keyring", keyring, "-new-key", "one"], check=True, capture_output=True)
        cls.cluster_options = {"gateway_options": ("-keyring", keyring)}
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster, tls=True)
        cls.s3.create_bucket(Bucket="plain")

    def fails(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        answer = raised.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
        return answer["Error"]

    def read(self, key, **more):
        return self.s3.get_object(Bucket="plain", Key=key, **more)["Body"].read()

    def keys(self, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="plain", Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


class Rename(RenameAppendTest):
    def rename(self, source, target, **more):
        return self.s3.rename_object(Bucket="plain", Key=target, RenameSource=source, **more)

    def test_all_that_an_object_has_goes_with_it(self):
        body = content(3 * PART + 5)
        self.s3.put_object(Bucket="plain", Key="from", Body=body, Metadata={"kind": "x"}, Tagging="a=1",
                           ContentType="text/x", CacheControl="no-store", StorageClass="STANDARD_IA",
                           ChecksumAlgorithm="SHA256")  # fmt: skip
        before = self.s3.head_object(Bucket="plain", Key="from", ChecksumMode="ENABLED")
        self.rename("from", "to")
        after = self.s3.head_object(Bucket="plain", Key="to", ChecksumMode="ENABLED")
        for answer in (before, after):
            del answer["ResponseMetadata"]
        self.assertEqual(before, after)
        self.assertEqual(after["Metadata"], {"kind": "x"})
        self.assertEqual(self.read("to"), body)
        tags = self.s3.get_object_tagging(Bucket="plain", Key="to")["TagSet"]
        self.assertEqual(tags, [{"Key": "a", "Value": "1"}])
        self.assertNotIn("from", self.keys())
        self.fails("NoSuchKey", 404, self.rename, source="from", target="to")
        self.fails("PreconditionFailed", 412, self.rename, source="to", target="x", SourceIfMatch='"0"')
        self.s3.put_object(Bucket="plain", Key="there", Body=b"")
        self.fails("PreconditionFailed", 412, self.rename, source="to", target="there", DestinationIfNoneMatch="*")
        self.rename("to", "there", ClientToken="one")
        self.rename("to", "there", ClientToken="one")
        self.fails("IdempotencyParameterMismatch", 400, self.rename, source="to", target="x", ClientToken="one")

    def test_odd_keys(self):
        for odd in ODD:
            with self.subTest(odd):
                self.s3.put_object(Bucket="plain", Key="even", Body=odd.encode())
                self.rename("even", odd)
                self.assertEqual(self.read(odd), odd.encode())
                self.rename(quote(odd, safe=""), "even again")
                self.assertEqual(self.read("even again"), odd.encode())
                self.assertNotIn(odd, self.keys())

    def test_parts(self):
        where = {"Bucket": "plain", "Key": "parts"}
        upload = self.s3.create_multipart_upload(**where)["UploadId"]
        bodies = [content(PART), content(1234)]
        etags = [
            self.s3.upload_part(UploadId=upload, PartNumber=number, Body=body, **where)["ETag"]
            for number, body in enumerate(bodies, 1)
        ]
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        self.s3.complete_multipart_upload(UploadId=upload, MultipartUpload={"Parts": parts}, **where)
        self.rename("parts", "moved parts")
        self.assertEqual(self.read("moved parts"), b"".join(bodies))
        self.assertEqual(self.read("moved parts", PartNumber=2), bodies[1])

    def test_sealed_objects(self):
        """The object's own key is bound to its name: renamed, it is bound to the new one."""
        customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
        body = content(200000)
        for name, sse in (("s3", {"ServerSideEncryption": "AES256"}), ("kms", {"ServerSideEncryption": "aws:kms"})):
            self.s3.put_object(Bucket="plain", Key=name, Body=body, **sse)
            self.rename(name, name + " moved")
            self.assertEqual(self.read(name + " moved"), body)
            self.assertEqual(self.read(name + " moved", Range="bytes=70000-70009"), body[70000:70010])
            self.rename(name + " moved", name)
            self.assertEqual(self.read(name), body)
            self.assertEqual(self.s3.head_object(Bucket="plain", Key=name)["ServerSideEncryption"], sse["ServerSideEncryption"])
        self.s3.put_object(Bucket="plain", Key="own", Body=body, **customer)
        error = self.fails("InvalidRequest", 400, self.rename, source="own", target="own moved")
        self.assertIn("Server Side Encryption", error["Message"])
        self.assertEqual(self.read("own", **customer), body)

        def add(request, **_):
            """The model of RenameObject has no such parameters."""
            prefix = "x-amz-server-side-encryption-customer-"
            request.headers[prefix + "algorithm"] = "AES256"
            request.headers[prefix + "key"] = base64.b64encode(b"k" * 32).decode()
            request.headers[prefix + "key-MD5"] = base64.b64encode(hashlib.md5(b"k" * 32).digest()).decode()

        self.s3.meta.events.register("before-sign.s3.RenameObject", add)
        self.addCleanup(self.s3.meta.events.unregister, "before-sign.s3.RenameObject", add)
        self.rename("own", "own moved")
        self.assertEqual(self.read("own moved", **customer), body)

    def test_one_of_many_wins(self):
        """Renames of one key to many: one has it. Of many to one: all are gone but the last."""
        self.s3.put_object(Bucket="plain", Key="race", Body=b"race")

        def attempt(target):
            try:
                self.rename("race", target)
            except ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "NoSuchKey")
                return 0
            return 1

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(sum(pool.map(attempt, [f"race-{i}" for i in range(32)])), 1)
            self.assertEqual(len(self.keys("race")), 1)
            for i in range(32):
                self.s3.put_object(Bucket="plain", Key=f"many/{i}", Body=str(i).encode())
            list(pool.map(lambda i: self.rename(f"many/{i}", "many/one"), range(32)))
        self.assertEqual(self.keys("many/"), ["many/one"])

    def test_buckets_with_versions(self):
        self.s3.create_bucket(Bucket="versions")
        self.s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_object(Bucket="versions", Key="a", Body=b"a")
        arguments = {"Bucket": "versions", "Key": "b", "RenameSource": "a"}
        error = self.fails("InvalidBucketState", 409, self.s3.rename_object, **arguments)
        self.assertIn("versioning", error["Message"])


class Append(RenameAppendTest):
    def append(self, key, offset, body, **more):
        return self.s3.put_object(Bucket="plain", Key=key, Body=body, WriteOffsetBytes=offset, **more)

    def checksum(self, key, **more):
        head = self.s3.head_object(Bucket="plain", Key=key, ChecksumMode="ENABLED", **more)
        return {name: value for name, value in head.items() if name.startswith("Checksum")}

    def note(self, key):
        return self.s3.get_object_annotation(Bucket="plain", Key=key, AnnotationName="a")["AnnotationPayload"].read()

    def test_a_log(self):
        """Many small appends, as a writer of a log makes them: every byte is there, in few chunks."""
        rows = [f"{i:06} ".encode() + os.urandom(40).hex().encode() + b"\n" for i in range(400)]
        etags, size = set(), 0
        for i, row in enumerate(rows):
            answer = self.append("log", size, row)
            size += len(row)
            etags.add(answer["ETag"])
            self.assertEqual(answer["Size"], size)
            if i % 50 == 0:
                self.assertEqual(self.read("log"), b"".join(rows[: i + 1]))
        self.assertEqual(len(etags), len(rows))
        self.assertEqual(self.read("log"), b"".join(rows))
        self.assertEqual(self.read("log", Range="bytes=100-20000"), b"".join(rows)[100:20001])
        head = self.s3.head_object(Bucket="plain", Key="log")
        self.assertEqual((head["ContentLength"], head["ETag"]), (size, answer["ETag"]))
        listed = self.s3.list_objects_v2(Bucket="plain", Prefix="log")["Contents"][0]
        self.assertEqual((listed["Size"], listed["ETag"]), (size, answer["ETag"]))

    def test_pieces_of_all_sizes(self):
        whole = b""
        for size in (1, 65535, 1, 65536, 70000, 3, PART + 17, 9 << 20, 5, 65530, 6, 1):
            piece = content(size)
            self.append("sizes", len(whole), piece)
            whole += piece
            self.assertEqual(hashlib.md5(self.read("sizes")).digest(), hashlib.md5(whole).digest())
        for start in (0, 65535, 65536, 131072, len(whole) - 65540, len(whole) - 2):
            self.assertEqual(self.read("sizes", Range=f"bytes={start}-{start + 70000}"), whole[start : start + 70001])
        self.s3.copy_object(Bucket="plain", Key="sizes copied", CopySource="plain/sizes")
        self.assertEqual(self.read("sizes copied"), whole)
        self.s3.rename_object(Bucket="plain", Key="sizes renamed", RenameSource="sizes")
        self.append("sizes renamed", len(whole), b"more")
        self.assertEqual(self.read("sizes renamed"), whole + b"more")

    def test_checksums(self):
        """A CRC of the whole is combined, whatever the appends say; another checksum is no more."""
        body, more = content(1000), content(70000)

        def put(key, data, algorithm):
            if algorithm == "CRC64NVME":  # what an object has of which nothing is said
                self.assertEqual(s3.signed(self.cluster, "PUT", f"/plain/{key}", body=data).status, 200)
            else:
                self.s3.put_object(Bucket="plain", Key=key, Body=data, ChecksumAlgorithm=algorithm)

        for algorithm in ("CRC32", "CRC32C", "CRC64NVME"):
            for other in ("CRC32", "SHA256", "nothing"):
                key = f"{algorithm}-{other}"
                put(key, body, algorithm)
                if other == "nothing":
                    headers = {"x-amz-write-offset-bytes": "1000"}
                    self.assertEqual(s3.signed(self.cluster, "PUT", f"/plain/{key}", headers, more).status, 200)
                else:
                    self.append(key, 1000, more, ChecksumAlgorithm=other)
                put("whole", body + more, algorithm)
                self.assertEqual(self.checksum(key), self.checksum("whole"))
                self.assertEqual(self.read(key, ChecksumMode="ENABLED"), body + more)
        self.s3.put_object(Bucket="plain", Key="sha", Body=body, ChecksumAlgorithm="SHA256")
        self.append("sha", 1000, more, ChecksumAlgorithm="SHA256")
        self.assertEqual(self.checksum("sha"), {})
        self.fails("BadDigest", 400, self.append, key="sha", offset=71000, body=b"x", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
        self.fails("BadDigest", 400, self.append, key="sha", offset=71000, body=b"x", ChecksumCRC32="AAAAAA==")
        self.assertEqual(self.read("sha"), body + more)

    def test_offsets_and_conditions(self):
        self.fails("InvalidWriteOffset", 400, self.append, key="offset", offset=1, body=b"x")
        self.fails("InvalidRequest", 400, self.append, key="offset", offset=0, body=b"")
        self.assertEqual(self.append("offset", 0, b"one", Metadata={"kind": "x"}, Tagging="a=1")["Size"], 3)
        for wrong in (0, 2, 4):
            self.fails("InvalidWriteOffset", 400, self.append, key="offset", offset=wrong, body=b"x")
        error = self.fails("InvalidRequest", 400, self.append, key="offset", offset=3, body=b"x", Metadata={"kind": "y"})
        self.assertIn("user-defined object metadata", error["Message"])
        for more in ({"Tagging": "a=1"}, {"StorageClass": "STANDARD_IA"}, {"ACL": "private"}):
            self.fails("InvalidRequest", 400, self.append, key="offset", offset=3, body=b"x", **more)
        self.fails("InvalidRequest", 400, self.append, key="offset", offset=3, body=b"")
        self.fails("PreconditionFailed", 412, self.append, key="offset", offset=3, body=b"x", IfMatch='"0"')
        self.fails("PreconditionFailed", 412, self.append, key="offset", offset=3, body=b"x", IfNoneMatch="*")
        etag = self.s3.head_object(Bucket="plain", Key="offset")["ETag"]
        self.append("offset", 3, b" two", IfMatch=etag)
        self.assertEqual(self.read("offset"), b"one two")
        head = self.s3.head_object(Bucket="plain", Key="offset")
        self.assertEqual(head["Metadata"], {"kind": "x"})
        self.assertEqual(self.s3.get_object_tagging(Bucket="plain", Key="offset")["TagSet"], [{"Key": "a", "Value": "1"}])
        self.s3.put_object(Bucket="plain", Key="empty", Body=b"", Metadata={"kind": "e"})
        self.append("empty", 0, b"no more")
        self.assertEqual(self.read("empty"), b"no more")
        self.assertEqual(self.s3.head_object(Bucket="plain", Key="empty")["Metadata"], {"kind": "e"})
        self.s3.create_bucket(Bucket="kept")
        self.s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        arguments = {"Bucket": "kept", "Key": "k", "Body": b"x", "WriteOffsetBytes": 0}
        self.fails("InvalidBucketState", 409, self.s3.put_object, **arguments)

    def test_an_object_in_parts(self):
        where = {"Bucket": "plain", "Key": "append parts"}
        for sse in ({}, {"ServerSideEncryption": "AES256"}):
            upload = self.s3.create_multipart_upload(**where, **sse)["UploadId"]
            bodies = [content(PART), content(1234)]
            parts = []
            for number, body in enumerate(bodies, 1):
                etag = self.s3.upload_part(UploadId=upload, PartNumber=number, Body=body, **where)["ETag"]
                parts.append({"PartNumber": number, "ETag": etag})
            self.s3.complete_multipart_upload(UploadId=upload, MultipartUpload={"Parts": parts}, **where)
            whole = b"".join(bodies)
            for size in (10, 100000, 20):
                piece = content(size)
                self.append(where["Key"], len(whole), piece)
                whole += piece
                self.assertEqual(self.read(where["Key"]), whole)
            self.assertEqual(self.read(where["Key"], PartNumber=2), bodies[1])
            self.assertEqual(self.read(where["Key"], PartNumber=3), whole[PART + 1234 :])

    def test_sealed_objects(self):
        customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
        other = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"o" * 32}
        kms = {"ServerSideEncryption": "aws:kms"}
        for key, sse, repeated in (("sse", {"ServerSideEncryption": "AES256"}, {}), ("kms", kms, {}), ("own", customer, customer)):
            whole = b""
            for size in (0, 10, 20, 65000, 600, 65536, 65520, 200000, 7):
                piece = content(size)
                if not size:
                    self.s3.put_object(Bucket="plain", Key=key, Body=b"", **sse)
                    if key != "own":  # AWS has none of such objects
                        note = {"AnnotationName": "a", "AnnotationPayload": b"note"}
                        self.s3.put_object_annotation(Bucket="plain", Key=key, **note)
                else:
                    self.append(key, len(whole), piece, **repeated)
                whole += piece
                self.assertEqual(self.read(key, **repeated), whole)
            self.assertEqual(self.read(key, Range="bytes=65000-66999", **repeated), whole[65000:67000])
            wrong = {"ServerSideEncryption": "aws:kms:dsse"}
            if key != "own":
                self.fails("EncryptionTypeMismatch", 400, self.append, key=key, offset=len(whole), body=b"x", **customer)
            else:
                self.fails("EncryptionTypeMismatch", 400, self.append, key=key, offset=len(whole), body=b"x")
                self.fails("AccessDenied", 403, self.append, key=key, offset=len(whole), body=b"x", **other)
            if key != "own":
                self.fails("EncryptionTypeMismatch", 400, self.append, key=key, offset=len(whole), body=b"x", **wrong)
                self.assertEqual(self.note(key), b"note")
                self.s3.rename_object(Bucket="plain", Key=key + " renamed", RenameSource=key)
                self.assertEqual(self.note(key + " renamed"), b"note")
                self.append(key + " renamed", len(whole), b"end", **({} if key == "kms" else sse))
                self.assertEqual(self.read(key + " renamed"), whole + b"end")
                self.assertEqual(self.note(key + " renamed"), b"note")
        self.s3.put_object(Bucket="plain", Key="open", Body=b"open")
        self.fails("EncryptionTypeMismatch", 400, self.append, key="open", offset=4, body=b"x", ServerSideEncryption="AES256")

    def test_writers_at_once(self):
        """Of those who append at one offset, one does; nobody's bytes are lost or there twice."""
        self.append("shared", 0, b"begin\n")

        def write(writer):
            done = []
            for i in range(10):
                row = f"{writer}-{i}\n".encode()
                while True:
                    size = self.s3.head_object(Bucket="plain", Key="shared")["ContentLength"]
                    try:
                        self.append("shared", size, row)
                        break
                    except ClientError as error:
                        self.assertIn(error.response["Error"]["Code"], ("InvalidWriteOffset", "ConditionalRequestConflict"))
                done.append(row)
            return done

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            rows = [row for rows in pool.map(write, range(4)) for row in rows]
        self.assertEqual(sorted(self.read("shared").splitlines(keepends=True)[1:]), sorted(rows))

    def test_annotations_of_what_grows(self):
        """Who reads one while the object is appended to gets it: the object is always there."""
        self.append("grows", 0, b"begin")
        self.s3.put_object_annotation(Bucket="plain", Key="grows", AnnotationName="a", AnnotationPayload=b"note")
        done = threading.Event()

        def write():
            size = len(b"begin")
            while not done.is_set():
                size = self.append("grows", size, b"more")["Size"]

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            try:
                for _ in range(300):
                    self.assertEqual(self.note("grows"), b"note")
            finally:
                done.set()
            writing.result()

    def test_curl(self):
        """What the documentation shows."""
        user = f"{self.cluster.access_key}:{self.cluster.secret_key}"
        signed = ["curl", "-sS", "--fail-with-body", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", user,
                  "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]  # fmt: skip
        for offset, text in ((0, "one "), (4, "two "), (8, "three")):
            subprocess.run([*signed, "-X", "PUT", "-H", f"x-amz-write-offset-bytes: {offset}", "--data-binary", text,
                            f"{self.cluster.url}/plain/curl"], check=True, capture_output=True)  # fmt: skip
        subprocess.run([*signed, "-X", "PUT", "-H", "x-amz-rename-source: curl", f"{self.cluster.url}/plain/curled?renameObject="],
                       check=True, capture_output=True)  # fmt: skip
        self.assertEqual(self.read("curled"), b"one two three")


if __name__ == "__main__":
    main()
