"""The newest boto3: annotations of objects, and the version ids of uploads in parts. Killed and restored in between."""

import os
import secrets
import shutil
import subprocess
import tempfile

from botocore.exceptions import ClientError

import s3
from cluster import poll
from harness import PART, ClusterTest, content, main

LABEL = "ml.sentiment"


class Annotations(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="keyring-")
        cls.addClassCleanup(folder.cleanup)
        keyring = os.path.join(folder.name, "keyring")
        program = os.path.join(os.environ["TERCET_BUILD"], "gateway", "tercet-gateway")
        subprocess.run([program, "-keyring", keyring, "-new-key", "first"], check=True, capture_output=True)
        cls.cluster_options = {"gateway_options": ("-keyring", keyring, "-gc-grace", "0s")}
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster, tls=True)
        cls.s3.create_bucket(Bucket="plain")
        cls.s3.create_bucket(Bucket="kept")
        cls.s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})

    def fails(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        answer = raised.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
        return answer["Error"]

    def put(self, name, text, bucket="plain", key="k", **more):
        return self.s3.put_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, AnnotationPayload=text, **more)

    def read(self, name, bucket="plain", key="k", **more):
        answer = self.s3.get_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, ChecksumMode="ENABLED", **more)
        return answer["AnnotationPayload"].read()

    def names(self, bucket="plain", key="k", **more):
        pages = self.s3.get_paginator("list_object_annotations").paginate(Bucket=bucket, Key=key, **more)
        return [row["AnnotationName"] for page in pages for row in page.get("Annotations", [])]

    def test_what_is_put_is_given_back(self):
        self.s3.put_object(Bucket="plain", Key="k", Body=b"body")
        put = self.put(LABEL, "größer".encode(), ChecksumAlgorithm="SHA256")
        self.assertEqual((put["Key"], put["AnnotationName"]), ("k", LABEL))
        self.assertNotIn("ObjectVersionId", put)
        got = self.s3.get_object_annotation(Bucket="plain", Key="k", AnnotationName=LABEL, ChecksumMode="ENABLED")
        self.assertEqual(got["AnnotationPayload"].read().decode(), "größer")
        self.assertEqual((got["ETag"], got["ChecksumSHA256"]), (put["ETag"], put["ChecksumSHA256"]))
        for size in (1, 65536, 65537, 1 << 20):
            text = (b"0123456789abcdef" * (1 << 16))[:size]
            self.put(f"size.{size}", text)
            self.assertEqual(self.read(f"size.{size}"), text)
        page = self.s3.list_object_annotations(Bucket="plain", Key="k", AnnotationPrefix="size.", MaxAnnotationResults=2)
        self.assertEqual((page["AnnotationCount"], page["MaxAnnotationResults"]), (2, 2))
        self.assertIn("NextContinuationToken", page)
        self.assertEqual(self.names(AnnotationPrefix="size.", PaginationConfig={"PageSize": 1}),
                         ["size.1", "size.1048576", "size.65536", "size.65537"])
        row = next(row for row in self.s3.list_object_annotations(Bucket="plain", Key="k")["Annotations"]
                   if row["AnnotationName"] == LABEL)
        self.assertEqual((row["Size"], row["ETag"], row["ChecksumAlgorithm"]), (8, put["ETag"], ["SHA256"]))
        self.s3.delete_object_annotation(Bucket="plain", Key="k", AnnotationName=LABEL)
        self.fails("NoSuchAnnotation", 404, self.read, name=LABEL)
        self.assertEqual([row["Key"] for row in self.s3.list_objects_v2(Bucket="plain", Prefix="k")["Contents"]], ["k"])

    def test_what_is_refused(self):
        etag = self.s3.put_object(Bucket="plain", Key="refuse", Body=b"body")["ETag"]
        where = {"bucket": "plain", "key": "refuse"}
        for name in ("aws.x", "S3.x", "a b"):
            self.fails("InvalidAnnotationName", 400, self.put, name=name, text=b"x", **where)
        self.fails("AnnotationNameTooLong", 400, self.put, name="n" * 513, text=b"x", **where)
        self.fails("UnsupportedMediaType", 415, self.put, name="a", text=b"\xff\xfe", **where)
        self.fails("EntityTooLarge", 400, self.put, name="a", text=b"x" * ((1 << 20) + 1), **where)
        self.fails("PreconditionFailed", 412, self.put, name="a", text=b"x", ObjectIfMatch='"0"', **where)
        self.put("n" * 512, b"x", ObjectIfMatch=etag, **where)
        self.fails("NoSuchKey", 404, self.put, name="a", text=b"x", key="none")
        self.fails("InvalidPrefix", 400, self.s3.list_object_annotations, Bucket="plain", Key="refuse", AnnotationPrefix="a b")
        secret = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": secrets.token_bytes(32)}
        self.s3.put_object(Bucket="plain", Key="refuse", Body=b"body", **secret)
        self.fails("InvalidRequest", 400, self.put, name="a", text=b"x", **where)

    def test_encrypted_like_the_object(self):
        text = b"what no node may read " * 5000
        for kind in ("AES256", "aws:kms"):
            self.s3.put_object(Bucket="plain", Key="sealed", Body=b"body", ServerSideEncryption=kind)
            put = self.put("a", text, key="sealed")
            self.assertEqual(put["ServerSideEncryption"], kind)
            self.assertEqual(self.read("a", key="sealed"), text)
            self.s3.copy_object(Bucket="plain", Key="sealed-copy", CopySource="plain/sealed", ServerSideEncryption="AES256")
            self.assertEqual(self.read("a", key="sealed-copy"), text)
        for program in self.cluster.programs:
            for parent, _, files in os.walk(self.cluster.data(program.name)):
                for name in files:
                    with open(os.path.join(parent, name), "rb") as file:
                        self.assertNotIn(b"what no node may read", file.read(), name)

    def test_copies_take_them(self):
        self.s3.put_object(Bucket="plain", Key="from", Body=b"body")
        for name, text in (("a", b"one"), ("b", b"x" * 300_000)):
            self.put(name, text, key="from")
        self.s3.copy_object(Bucket="kept", Key="to", CopySource="plain/from")
        self.assertEqual((self.read("a", "kept", "to"), len(self.read("b", "kept", "to"))), (b"one", 300_000))
        self.s3.copy_object(Bucket="kept", Key="to", CopySource="plain/from", AnnotationDirective="EXCLUDE")
        self.assertEqual(self.names("kept", "to"), [])

    # ---- the id of a version that is still to come ----

    def test_an_upload_has_its_version_id_from_the_start(self):
        first = self.s3.create_multipart_upload(Bucket="kept", Key="m")
        second = self.s3.create_multipart_upload(Bucket="kept", Key="m")
        ids = first["VersionId"], second["VersionId"]
        self.assertNotEqual(*ids)
        listed = self.s3.list_multipart_uploads(Bucket="kept", Prefix="m")["Uploads"]
        self.assertEqual([row["VersionId"] for row in listed], list(ids))
        versions = {}
        self.s3.put_object(Bucket="kept", Key="source", Body=content(PART, "part"))
        for upload in (second, first):  # the one that was begun last is completed first
            where = {"Bucket": "kept", "Key": "m", "UploadId": upload["UploadId"]}
            part = self.s3.upload_part(**where, PartNumber=1, Body=content(PART, "part"))
            copied = self.s3.upload_part_copy(**where, PartNumber=2, CopySource="kept/source")
            self.assertEqual((part["VersionId"], copied["VersionId"]), (upload["VersionId"], upload["VersionId"]))
            self.assertEqual(self.s3.list_parts(**where)["VersionId"], upload["VersionId"])
            parts = [{"PartNumber": 1, "ETag": part["ETag"]}, {"PartNumber": 2, "ETag": copied["CopyPartResult"]["ETag"]}]
            done = self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
            self.assertEqual(done["VersionId"], upload["VersionId"])
            versions[upload["VersionId"]] = done["ETag"]
        rows = self.s3.list_object_versions(Bucket="kept", Prefix="m")["Versions"]
        self.assertEqual([(row["VersionId"], row["IsLatest"]) for row in rows], [(ids[1], True), (ids[0], False)])
        self.assertEqual(self.s3.head_object(Bucket="kept", Key="m")["VersionId"], ids[1])
        for version in ids:
            self.assertEqual(self.s3.get_object(Bucket="kept", Key="m", VersionId=version)["ContentLength"], 2 * PART)
        aborted = self.s3.create_multipart_upload(Bucket="kept", Key="m")
        answer = self.s3.abort_multipart_upload(Bucket="kept", Key="m", UploadId=aborted["UploadId"])
        self.assertEqual(answer["VersionId"], aborted["VersionId"])
        self.fails("NoSuchVersion", 404, self.s3.get_object, Bucket="kept", Key="m", VersionId=aborted["VersionId"])
        plain = self.s3.create_multipart_upload(Bucket="plain", Key="m")
        self.assertNotIn("VersionId", plain)
        self.assertNotIn("VersionId", self.s3.list_multipart_uploads(Bucket="plain")["Uploads"][0])

    # ---- what lasts ----

    def state(self):
        return {name: self.read(name, "kept", "lasting") for name in self.names("kept", "lasting")}

    def test_killed_and_restored(self):
        """What was answered is there after kill -9, and again from a node's replica of the metadata."""
        self.s3.put_object(Bucket="kept", Key="lasting", Body=b"body")
        for name, size in (("small", 100), ("large", 200_000), ("gone", 100)):
            self.put(name, b"x" * size, "kept", "lasting")
        self.s3.delete_object_annotation(Bucket="kept", Key="lasting", AnnotationName="gone")
        upload = self.s3.create_multipart_upload(Bucket="kept", Key="lasting")
        before = self.state()
        self.assertEqual(set(before), {"small", "large"})
        self.cluster.gateway.kill()
        self.cluster.start()
        self.assertEqual(self.state(), before)
        poll(self.cluster.replicas_are_in_step, "all replicas are in step")
        self.cluster.gateway.kill()
        shutil.rmtree(os.path.join(self.cluster.data("gateway"), "meta"))
        restored = subprocess.run([*self.cluster.gateway.argv, "-restore-metadata"], capture_output=True, text=True, timeout=90)
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.cluster.start()
        self.assertEqual(self.state(), before)
        where = {"Bucket": "kept", "Key": "lasting", "UploadId": upload["UploadId"]}
        part = self.s3.upload_part(**where, PartNumber=1, Body=b"part")
        done = self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self.assertEqual(done["VersionId"], upload["VersionId"])

    def test_nothing_is_left_on_the_nodes(self):
        """Of an object that goes with its annotations."""
        self.s3.create_bucket(Bucket="short")
        self.s3.put_object(Bucket="short", Key="k", Body=b"x" * 100_000)
        for number in range(20):
            self.put(f"n{number}", b"y" * 90_000, "short")
        freed = self.cluster.metric("tercet_gc_chunks_total")
        self.s3.delete_object(Bucket="short", Key="k")
        self.s3.delete_bucket(Bucket="short")
        poll(lambda: self.cluster.metric("tercet_gc_chunks_total") >= freed + 21, "all of its chunks are freed")
        poll(lambda: self.cluster.metric("tercet_gc_backlog") == 0, "no garbage is left")


if __name__ == "__main__":
    main()
