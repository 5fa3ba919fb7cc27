"""The numbers per bucket are those of the listings, after each kind of change, changes at once, a kill and a restore."""

import random
import re
import shutil
import threading

import botocore.exceptions

import raw_http
import s3
from cluster import poll
from harness import PART, ClusterTest, main, run

NAMES = ("tercet_bucket_objects", "tercet_bucket_versions", "tercet_bucket_size_bytes")
THREADS = 6
CHANGES = 300


class Buckets(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)

    def exposed(self):
        """Bucket -> (objects, versions, bytes)."""
        text = self.cluster.get("/metrics/buckets")[1].decode()
        families = [dict(re.findall(rf'^{name}{{bucket="(.+)"}} (\d+)$', text, re.MULTILINE)) for name in NAMES]
        self.assertTrue(families[0])
        self.assertEqual([set(family) for family in families], [set(families[0])] * len(NAMES))
        return {bucket: tuple(int(family[bucket]) for family in families) for bucket in families[0]}

    def listed(self, bucket):
        versions, markers = [], []
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 7}):
            versions += page.get("Versions", [])
            markers += page.get("DeleteMarkers", [])
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [row["Key"] for page in pages for row in page.get("Contents", [])]
        self.assertEqual(keys, [row["Key"] for row in versions if row["IsLatest"]])
        return len(keys), len(versions) + len(markers), sum(row["Size"] for row in versions)

    def check(self, **expected):
        """Every bucket's numbers, those of all together, and what is expected of some."""
        exposed = self.exposed()
        names = [row["Name"] for row in self.s3.list_buckets()["Buckets"]]
        self.assertEqual(exposed, {name: self.listed(name) for name in names})
        self.assertEqual({name: exposed[name] for name in expected}, expected)
        text = self.cluster.get("/metrics")[1].decode()
        for name, column in (("tercet_objects", 0), ("tercet_object_bytes", 2), ("storage_used_bytes", 2)):
            total = sum(numbers[column] for numbers in exposed.values())
            self.assertEqual(int(re.search(rf"^{name} (\d+)$", text, re.MULTILINE)[1]), total, name)
        return exposed

    def refused(self, code, call, **arguments):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)

    # ---- one change after the other -----------------------------------------------------------------------------

    def test_objects(self):
        put, delete = self.s3.put_object, self.s3.delete_object
        self.s3.create_bucket(Bucket="objects")
        self.check(objects=(0, 0, 0))
        put(Bucket="objects", Key="a", Body=b"x" * 1000)
        put(Bucket="objects", Key="b", Body=b"x" * 70_000)
        put(Bucket="objects", Key="empty", Body=b"")
        self.check(objects=(3, 3, 71_000))
        put(Bucket="objects", Key="a", Body=b"x" * 10)
        put(Bucket="objects", Key="b", Body=b"")
        put(Bucket="objects", Key="empty", Body=b"xx")
        self.check(objects=(3, 3, 12))
        self.assertEqual(s3.signed(self.cluster, "PUT", "/objects/a", {"If-None-Match": "*"}, b"xxx").status, 412)
        self.refused("BadDigest", put, Bucket="objects", Key="a", Body=b"xxx", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
        delete(Bucket="objects", Key="never there")
        self.check(objects=(3, 3, 12))
        delete(Bucket="objects", Key="b")
        delete(Bucket="objects", Key="a", VersionId="null")
        delete(Bucket="objects", Key="a")
        self.check(objects=(1, 1, 2))

    def test_copies(self):
        self.s3.create_bucket(Bucket="source")
        self.s3.create_bucket(Bucket="target")
        self.s3.put_object(Bucket="source", Key="key", Body=b"x" * 300)
        self.s3.put_object(Bucket="source", Key="other", Body=b"x" * 5)
        self.s3.copy_object(Bucket="target", Key="key", CopySource="source/key")
        self.s3.copy_object(Bucket="target", Key="key", CopySource="source/other")
        self.s3.copy_object(Bucket="source", Key="other", CopySource="source/key")
        self.s3.copy_object(Bucket="source", Key="key", CopySource="source/key", MetadataDirective="REPLACE")
        self.s3.copy_object(Bucket="target", Key="second", CopySource="source/key")
        self.refused("NoSuchKey", self.s3.copy_object, Bucket="target", Key="third", CopySource="source/none")
        self.check(source=(2, 2, 600), target=(2, 2, 305))

    def test_multipart(self):
        """Parts count when they are an object, and only those that became part of it."""
        self.s3.create_bucket(Bucket="multipart")
        target = {"Bucket": "multipart", "Key": "parts"}
        self.s3.put_object(**target, Body=b"replaced")

        def upload_part(upload, number, size):
            etag = self.s3.upload_part(**target, UploadId=upload, PartNumber=number, Body=b"x" * size)["ETag"]
            return {"PartNumber": number, "ETag": etag}

        upload, aborted = (self.s3.create_multipart_upload(**target)["UploadId"] for _ in range(2))
        upload_part(upload, 1, PART + 77)
        first = upload_part(upload, 1, PART)
        upload_part(upload, 2, 999)
        last = upload_part(upload, 3, 10)
        upload_part(aborted, 1, 500)
        self.check(multipart=(1, 1, len(b"replaced")))
        self.s3.abort_multipart_upload(**target, UploadId=aborted)
        self.check(multipart=(1, 1, len(b"replaced")))
        for _ in range(2):  # a Complete may be repeated
            self.s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": [first, last]})
            self.check(multipart=(1, 1, PART + 10))
        self.s3.delete_object(**target)
        self.check(multipart=(0, 0, 0))

    def test_delete_objects(self):
        self.s3.create_bucket(Bucket="many")
        for number in range(20):
            self.s3.put_object(Bucket="many", Key=f"k{number}", Body=b"x" * number)
        rows = [{"Key": f"k{number}"} for number in range(10)]
        self.s3.delete_objects(Bucket="many", Delete={"Objects": [*rows, rows[0], {"Key": "none"}]})
        self.check(many=(10, 10, sum(range(10, 20))))

    def test_versions(self):
        put, delete = self.s3.put_object, self.s3.delete_object
        objects, versions, size = self.check()["files"]

        def check(*change):
            self.check(files=(objects + change[0], versions + change[1], size + change[2]))

        first = put(Bucket="files", Key="v", Body=b"x" * 100)["VersionId"]
        second = put(Bucket="files", Key="v", Body=b"x" * 20)["VersionId"]
        third = put(Bucket="files", Key="v", Body=b"")["VersionId"]
        check(1, 3, 120)
        delete(Bucket="files", Key="v", VersionId=second)
        check(1, 2, 100)
        marker = delete(Bucket="files", Key="v")["VersionId"]
        check(0, 3, 100)
        upper = delete(Bucket="files", Key="v")["VersionId"]
        check(0, 4, 100)
        delete(Bucket="files", Key="v", VersionId=marker)
        check(0, 3, 100)
        delete(Bucket="files", Key="v", VersionId=upper)
        check(1, 2, 100)
        nothing = delete(Bucket="files", Key="never there")["VersionId"]
        check(1, 3, 100)
        delete(Bucket="files", Key="never there", VersionId=nothing)
        check(1, 2, 100)
        delete(Bucket="files", Key="v")
        put(Bucket="files", Key="v", Body=b"above a marker")
        check(1, 4, 114)
        rows = [{"Key": "v"}, {"Key": "v", "VersionId": first}, {"Key": "none"}, {"Key": "v", "VersionId": third}]
        self.s3.delete_objects(Bucket="files", Delete={"Objects": rows})
        check(0, 4, 14)
        run("curl", "-fsS", "-X", "DELETE", self.cluster.url + "/delete?filename=v")
        check(0, 1, 0)
        self.s3.copy_object(Bucket="files", Key="none", CopySource="files/" + self.file_upload("copied", b"x" * 9))
        check(2, 3, 18)

    def file_upload(self, name, body):
        with open(self.path(name), "wb") as file:
            file.write(body)
        run("curl", "-fsS", "-F", f"file=@{self.path(name)}", "-F", f"filename={name}", self.cluster.url + "/upload")
        return name

    def test_file_api(self):
        objects, versions, size = self.check()["files"]
        for body in (b"one", b"three", b""):
            self.file_upload("file", body)
        self.check(files=(objects + 1, versions + 3, size + 8))
        for target, change in (("/delete?filename=file&version=3", (1, 2, 8)), ("/files/file?version=1", (1, 1, 5)),
                               ("/files/file", (0, 0, 0)), ("/files/file", (0, 0, 0))):
            raw_http.request(self.cluster.port, "DELETE", target)
            self.check(files=(objects + change[0], versions + change[1], size + change[2]))

    def test_series_end_with_their_bucket(self):
        self.s3.create_bucket(Bucket="short-lived")
        self.s3.put_object(Bucket="short-lived", Key="key", Body=b"x")
        self.check(**{"short-lived": (1, 1, 1)})
        self.refused("BucketNotEmpty", self.s3.delete_bucket, Bucket="short-lived")
        self.check(**{"short-lived": (1, 1, 1)})
        self.s3.delete_object(Bucket="short-lived", Key="key")
        self.s3.delete_bucket(Bucket="short-lived")
        self.assertNotIn("short-lived", self.check())
        self.s3.create_bucket(Bucket="short-lived")
        self.check(**{"short-lived": (0, 0, 0)})
        self.s3.delete_bucket(Bucket="short-lived")

    # ---- changes at once, and the ends of the process --------------------------------------------------------------

    def work(self, seed, ended):
        """Changes of a few keys, the same ones in all threads, so that many share a commit."""
        choose = random.Random(seed)
        client = s3.client(self.cluster, retries={"max_attempts": 0})
        try:
            while not ended.is_set():
                bucket, key = choose.choice(("busy", "files")), f"busy-{choose.randrange(4)}"
                kind = choose.randrange(4)
                if kind < 2:
                    client.put_object(Bucket=bucket, Key=key, Body=b"x" * choose.randrange(2000))
                elif kind == 2:
                    client.delete_object(Bucket=bucket, Key=key)
                else:
                    rows = client.list_object_versions(Bucket=bucket, Prefix=key)
                    rows = rows.get("Versions", []) + rows.get("DeleteMarkers", [])
                    for row in rows[:choose.randrange(4)]:
                        client.delete_object(Bucket=bucket, Key=key, VersionId=row["VersionId"])
        except (botocore.exceptions.HTTPClientError, botocore.exceptions.ClientError) as error:
            if not self.cluster.gateway.killed:
                self.problems.append(error)

    def test_changes_at_once_a_kill_and_a_restore(self):
        self.problems = []
        self.s3.create_bucket(Bucket="busy")
        for kill in (False, True):
            ended = threading.Event()
            threads = [threading.Thread(target=self.work, args=(seed, ended)) for seed in range(THREADS)]
            before = self.sequence()
            for thread in threads:
                thread.start()
            poll(lambda: self.sequence() > before + CHANGES, "changes are made")
            if kill:
                self.cluster.gateway.kill()
            ended.set()
            for thread in threads:
                thread.join()
            if kill:
                self.cluster.start()
            self.assertEqual(self.problems, [])
            numbers = self.check()
        self.cluster.gateway.kill()
        shutil.rmtree(self.cluster.data("gateway") + "/meta")
        run(*self.cluster.gateway.argv, "-restore-metadata")
        self.cluster.start()
        self.assertEqual(self.check(), numbers)

    def sequence(self):
        text = self.cluster.get("/metrics")[1].decode()
        return int(re.search(r"^tercet_meta_sequence (\d+)$", text, re.MULTILINE)[1])


if __name__ == "__main__":
    main()
