"""The newest boto3 and curl: RenameObject, which AWS offers for directory buckets."""

import base64
import concurrent.futures
import hashlib
import os
import subprocess
import tempfile
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


if __name__ == "__main__":
    main()
