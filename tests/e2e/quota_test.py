"""Quotas of buckets: set by root, by a user who may and by the bootstrap file, exact under many writers at once, and after
everything was killed."""

import concurrent.futures
import json
import os
import shutil
import tempfile
import types
import unittest

import raw_http
import s3
from botocore.exceptions import ClientError
from harness import ClusterTest

WHO = {"Statement": {"Effect": "Allow", "Action": ["tercet:GetBucketQuota", "tercet:PutBucketQuota"],
                     "Resource": "arn:aws:s3:::team"}}  # fmt: skip
ALL = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
PART = 5 << 20


class Quota(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="tercet-quota-")
        cls.addClassCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "bootstrap.json")
        users = [{"name": name, "keys": [{"id": f"{name.upper()}-KEY", "secret": f"the secret of {name}"}],
                  "policies": {"own": policy}}
                 for name, policy in (("keeper", WHO), ("writer", ALL))]  # fmt: skip
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump({"users": users, "buckets": [{"name": "team", "quota": {"bytes": 1000}}, {"name": "other"}]}, file)
        cls.cluster_options = {"tls": False, "gateway_options": ("-bootstrap", path)}
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)

    def ask(self, method, bucket, body=None, key=None, secret=None):
        signer = types.SimpleNamespace(port=self.cluster.port, url=self.cluster.url, access_key=key or self.cluster.access_key,
                                       secret_key=secret or self.cluster.secret_key)
        answer = s3.signed(signer, method, f"/system/quota/{bucket}", {}, json.dumps(body).encode() if body else b"")
        return answer.status, json.loads(answer.body) if answer.body else None

    def set(self, bucket, **quota):
        self.assertEqual(self.ask("PUT", bucket, quota), (204, None))

    def used(self, bucket):
        status, state = self.ask("GET", bucket)
        self.assertEqual(status, 200)
        return state["bytes"], state["objects"], state["uploadBytes"]

    def refused(self, call, *arguments, **named):
        with self.assertRaises(ClientError) as raised:
            call(*arguments, **named)
        error = raised.exception.response
        self.assertEqual((error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]), ("QuotaExceeded", 403))

    def test_by_the_bootstrap_file(self):
        self.assertEqual(self.ask("GET", "team")[1]["quota"], {"bytes": 1000, "objects": None})
        self.refused(self.s3.put_object, Bucket="team", Key="large", Body=bytes(1001))
        self.assertIn('tercet_bucket_quota_bytes{bucket="team"} 1000', self.cluster.get("/metrics/buckets")[1].decode())

    def test_who_may(self):
        keeper = {"key": "KEEPER-KEY", "secret": "the secret of keeper"}
        writer = {"key": "WRITER-KEY", "secret": "the secret of writer"}
        self.assertEqual(self.ask("GET", "team", **keeper)[0], 200)
        self.assertEqual(self.ask("PUT", "team", {"bytes": 1000}, **keeper)[0], 204)
        self.assertEqual(self.ask("PUT", "other", {"bytes": 1000}, **keeper)[0], 403)
        for method, body in (("GET", None), ("PUT", {"bytes": 1}), ("DELETE", None)):
            self.assertEqual(self.ask(method, "team", body, **writer)[0], 403)
            unsigned = raw_http.request(self.cluster.port, method, "/system/quota/team", {}, json.dumps(body).encode())
            self.assertEqual(unsigned.status, 403)
        self.assertEqual(self.ask("GET", "none")[0], 404)
        for body in ({}, {"bytes": -1}, {"bytes": "1"}, {"bytes": 1, "more": 1}, [1], {"bytes": None}):
            self.assertEqual(self.ask("PUT", "other", body or {"x": 1})[0], 400, body)

    def test_many_writers_at_once(self):
        self.s3.create_bucket(Bucket="crowd")
        self.set("crowd", bytes=10_000, objects=15)

        def write(i):
            try:
                self.s3.put_object(Bucket="crowd", Key=str(i), Body=bytes(1000))
                return 1
            except ClientError:
                return 0

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(sum(pool.map(write, range(40))), 10)
        self.assertEqual(self.used("crowd"), (10_000, 10, 0))
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda i: self.s3.put_object(Bucket="crowd", Key=f"empty{i}", Body=b""), range(5)))
        self.refused(self.s3.put_object, Bucket="crowd", Key="one more", Body=b"")

    def test_every_way_to_write(self):
        self.s3.create_bucket(Bucket="ways")
        self.s3.put_object(Bucket="ways", Key="a", Body=bytes(PART))
        self.set("ways", bytes=2 * PART + 10)
        upload = self.s3.create_multipart_upload(Bucket="ways", Key="parts")["UploadId"]
        part = self.s3.upload_part(Bucket="ways", Key="parts", UploadId=upload, PartNumber=1, Body=bytes(PART))
        where = {"Bucket": "ways", "Key": "parts", "UploadId": upload}
        self.refused(self.s3.upload_part, PartNumber=2, Body=bytes(11), **where)
        self.refused(self.s3.upload_part_copy, PartNumber=2, CopySource="/ways/a", **where)
        self.refused(self.s3.copy_object, Bucket="ways", Key="copy", CopySource="/ways/a")
        self.s3.complete_multipart_upload(MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}, **where)
        self.assertEqual(self.used("ways"), (2 * PART, 2, 0))
        self.s3.put_object(Bucket="ways", Key="a", Body=b"smaller")
        self.set("files", bytes=5)
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n123456\r\n--b--\r\n'
        answer = raw_http.request(self.cluster.port, "POST", "/upload", {"Content-Type": "multipart/form-data; boundary=b"}, form)
        self.assertEqual((answer.status, json.loads(answer.body)["error"]), (403, "Quota exceeded"))
        self.assertEqual(self.ask("DELETE", "files")[0], 204)

    def test_exact_after_a_kill(self):
        self.s3.create_bucket(Bucket="killed")
        self.s3.put_bucket_versioning(Bucket="killed", VersioningConfiguration={"Status": "Enabled"})
        self.set("killed", bytes=100 << 20, objects=1000)
        upload = self.s3.create_multipart_upload(Bucket="killed", Key="parts")["UploadId"]
        self.s3.upload_part(Bucket="killed", Key="parts", UploadId=upload, PartNumber=1, Body=bytes(70_001))
        sent = {}

        def write(i):
            try:
                self.s3.put_object(Bucket="killed", Key=str(i % 50), Body=bytes(100 * i + 1))
                sent[i] = True
            except Exception:
                return

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            work = [pool.submit(write, i) for i in range(400)]
            while len(sent) < 60:
                concurrent.futures.wait(work, timeout=0.01)
            self.cluster.gateway.kill()
            for task in work:
                task.cancel()
        self.cluster.gateway.start()
        self.cluster.wait_ready()
        versions = [row for page in self.s3.get_paginator("list_object_versions").paginate(Bucket="killed")
                    for row in page.get("Versions", [])]  # fmt: skip
        self.assertGreaterEqual(len(versions), len(sent))
        self.assertEqual(self.used("killed"), (sum(row["Size"] for row in versions), len(versions), 70_001))
        self.set("killed", bytes=sum(row["Size"] for row in versions) + 70_001)
        self.refused(self.s3.put_object, Bucket="killed", Key="x", Body=b"1")


if __name__ == "__main__":
    unittest.main()
