"""Deleted and replaced data are really freed on the nodes' disks."""

import json
import os

import raw_http
import s3
from cluster import poll
from harness import PART, ClusterTest, content, main

MIB = 1024 * 1024


class Deletion(ClusterTest):
    cluster_options = {"tls": False, "gateway_options": ("-gc-grace", "500ms", "-gc-interval", "200ms")}

    def used_bytes(self):
        """What the nodes' chunks take up on disk (not counted: logs that RocksDB keeps for reuse)."""
        used = 0
        for number in range(1, 5):
            for parent, _, names in os.walk(os.path.join(self.cluster.data(f"node{number}"), "chunks")):
                for name in names:
                    try:
                        used += os.stat(os.path.join(parent, name)).st_blocks * 512
                    except FileNotFoundError:
                        pass
        return used

    def chunks(self):
        return sum(json.loads(self.cluster.get("/health", self.cluster.node_url(number))[1])["chunks"] for number in range(1, 5))

    def test_small_objects(self):
        before = self.chunks()
        for number in range(10):
            self.s3.put_object(Bucket="freed", Key=f"small{number}", Body=b"x" * 1000)
        self.assertGreaterEqual(self.chunks(), before + 30)
        for number in range(10):
            self.s3.delete_object(Bucket="freed", Key=f"small{number}")
        poll(lambda: self.chunks() == before, "the nodes forget the chunks")

    def setUp(self):
        super().setUp()
        self.s3 = s3.client(self.cluster)
        self.s3.create_bucket(Bucket="freed")
        self.before = self.used_bytes()

    def assert_grown_and_freed(self, stored_bytes, free):
        self.assertGreater(self.used_bytes() - self.before, 3 * stored_bytes * 0.99)
        free()
        poll(lambda: self.used_bytes() - self.before < 2 * MIB, "the nodes free the space")

    def test_deleted_object(self):
        self.s3.put_object(Bucket="freed", Key="big", Body=content(24 * MIB))
        self.assert_grown_and_freed(24 * MIB, lambda: self.s3.delete_object(Bucket="freed", Key="big"))

    def test_replaced_object(self):
        self.s3.put_object(Bucket="freed", Key="big", Body=content(24 * MIB))
        self.assert_grown_and_freed(24 * MIB, lambda: self.s3.put_object(Bucket="freed", Key="big", Body=b"small"))
        self.assertEqual(self.s3.get_object(Bucket="freed", Key="big")["Body"].read(), b"small")

    def test_aborted_upload(self):
        where = {"Bucket": "freed", "Key": "parts"}
        where["UploadId"] = self.s3.create_multipart_upload(**where)["UploadId"]
        for number in (1, 2):
            self.s3.upload_part(**where, PartNumber=number, Body=content(PART, number))
        self.assert_grown_and_freed(2 * PART, lambda: self.s3.abort_multipart_upload(**where))

    def test_copies_share_nothing_or_keep_what_they_share(self):
        self.s3.put_object(Bucket="freed", Key="source", Body=content(16 * MIB))
        self.s3.copy_object(Bucket="freed", Key="copy", CopySource={"Bucket": "freed", "Key": "source"})
        self.s3.delete_object(Bucket="freed", Key="source")
        self.s3.put_object(Bucket="freed", Key="other", Body=content(16 * MIB, "other"))
        self.s3.delete_object(Bucket="freed", Key="other")
        poll(lambda: self.used_bytes() - self.before < 50 * MIB, "only the copy is left")
        self.assertEqual(self.s3.get_object(Bucket="freed", Key="copy")["Body"].read(), content(16 * MIB))
        self.s3.delete_object(Bucket="freed", Key="copy")
        poll(lambda: self.used_bytes() - self.before < 2 * MIB, "the nodes free the copy")

    def test_file_with_all_versions(self):
        for _ in range(3):
            self.s3.put_object(Bucket="files", Key="doc", Body=content(8 * MIB))
        delete = lambda: raw_http.request(self.cluster.port, "DELETE", "/delete?filename=doc")
        self.assert_grown_and_freed(24 * MIB, delete)

    def test_delete_marker_keeps_data(self):
        self.s3.put_object(Bucket="files", Key="kept", Body=content(8 * MIB))
        marker = self.s3.delete_object(Bucket="files", Key="kept")["VersionId"]
        self.s3.put_object(Bucket="freed", Key="other", Body=content(8 * MIB))
        self.s3.delete_object(Bucket="freed", Key="other")
        poll(lambda: self.used_bytes() - self.before < 26 * MIB, "the other object is freed")
        self.s3.delete_object(Bucket="files", Key="kept", VersionId=marker)
        self.assertEqual(self.s3.get_object(Bucket="files", Key="kept")["Body"].read(), content(8 * MIB))
        raw_http.request(self.cluster.port, "DELETE", "/delete?filename=kept")
        poll(lambda: self.used_bytes() - self.before < 2 * MIB, "the nodes free the space")


if __name__ == "__main__":
    main()
