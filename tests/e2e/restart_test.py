"""Everything stopped, or killed at once, and started again: whatever was acknowledged is there, byte for byte."""

import hashlib
import json

import raw_http
import s3
from harness import PART, ClusterTest, content, main

SIZES = (0, 1, 1000, 65536, 65537, 1_000_000, 20_000_000)


class Restart(ClusterTest):
    cluster_options = {"tls": False}

    def fill(self, prefix):
        """Objects of all sizes by both APIs, some overwritten, some deleted, an upload half done."""
        client = s3.client(self.cluster)
        client.create_bucket(Bucket=prefix)
        stored = {}
        for size in SIZES:
            client.put_object(Bucket=prefix, Key=f"key/{size}", Body=content(size + 1, "old"), Metadata={"size": str(size)})
            client.put_object(Bucket=prefix, Key=f"key/{size}", Body=content(size, prefix), Metadata={"size": str(size)})
            stored[f"key/{size}"] = hashlib.sha256(content(size, prefix)).hexdigest()
            client.put_object(Bucket=prefix, Key=f"gone/{size}", Body=b"gone")
            client.delete_object(Bucket=prefix, Key=f"gone/{size}")
            client.put_object(Bucket="files", Key=f"{prefix}-{size}", Body=b"first version")
            client.put_object(Bucket="files", Key=f"{prefix}-{size}", Body=content(size, "file"))
        upload = client.create_multipart_upload(Bucket=prefix, Key="parts")["UploadId"]
        etag = client.upload_part(Bucket=prefix, Key="parts", UploadId=upload, PartNumber=1, Body=content(PART, 1))["ETag"]
        return stored, upload, etag

    def verify(self, prefix, stored, upload, etag):
        client = s3.client(self.cluster)
        listed = client.list_objects_v2(Bucket=prefix)
        self.assertEqual([row["Key"] for row in listed["Contents"]], sorted(stored))
        for key, digest in stored.items():
            got = client.get_object(Bucket=prefix, Key=key)
            self.assertEqual(hashlib.sha256(got["Body"].read()).hexdigest(), digest, key)
            self.assertEqual(got["Metadata"]["size"], key.split("/")[1])
        files = json.loads(self.cluster.get(f"/files?prefix={prefix}-")[1])["files"]
        self.assertEqual(len(files), 2 * len(SIZES))
        self.assertEqual({row["availability_status"] for row in files}, {"Available"})
        for size in SIZES:
            for version, body in (("1", b"first version"), ("2", content(size, "file"))):
                target = f"/download?filename={prefix}-{size}&version={version}"
                self.assertEqual(raw_http.request(self.cluster.port, "GET", target).body, body)
        second = client.upload_part(Bucket=prefix, Key="parts", UploadId=upload, PartNumber=2, Body=b"end")["ETag"]
        parts = [{"PartNumber": 1, "ETag": etag}, {"PartNumber": 2, "ETag": second}]
        client.complete_multipart_upload(Bucket=prefix, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
        self.assertEqual(client.get_object(Bucket=prefix, Key="parts")["Body"].read(), content(PART, 1) + b"end")
        client.delete_object(Bucket=prefix, Key="parts")

    def test_orderly_restart(self):
        state = self.fill("orderly")
        self.cluster.stop()
        self.cluster.start()
        self.verify("orderly", *state)

    def test_everything_killed_at_once(self):
        state = self.fill("killed")
        for program in self.cluster.programs:
            program.kill()
        self.cluster.start()
        self.verify("killed", *state)


if __name__ == "__main__":
    main()
