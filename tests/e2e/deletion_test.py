"""Deleted and replaced data are really freed on the nodes' disks."""

import json
import os
import socket

import raw_http
import s3
from cluster import poll
from harness import PART, ClusterTest, content, main

MIB = 1024 * 1024


class DeletionTest(ClusterTest):
    def setUp(self):
        super().setUp()
        self.s3 = s3.client(self.cluster)
        self.s3.create_bucket(Bucket="freed")
        self.before = self.used_bytes()

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

    def assert_freed(self):
        poll(lambda: self.used_bytes() - self.before < 2 * MIB, "the nodes free the space")


class Deletion(DeletionTest):
    cluster_options = {"tls": False, "gateway_options": ("-gc-grace", "500ms", "-gc-interval", "200ms")}

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

    def assert_grown_and_freed(self, stored_bytes, free):
        self.assertGreater(self.used_bytes() - self.before, 3 * stored_bytes * 0.99)
        free()
        self.assert_freed()

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
        self.assert_freed()

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
        self.assert_freed()


class UnderReaders(DeletionTest):
    """Nothing is freed under a reader who began before, however long it takes."""

    SIZE = 64 * MIB
    ROUNDS = 3  # of the garbage collection, with the reader in its way
    cluster_options = {
        "tls": False,
        "gateway_options": ("-chunk-size", "1M", "-gc-grace", "300ms", "-gc-interval", "50ms"),
    }

    def begin_download(self, target):
        """A connection with small buffers, from which the head was read. Closing the stream ends it."""
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        peer.settimeout(60)
        peer.connect(("127.0.0.1", self.cluster.port))
        peer.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{self.cluster.port}\r\nConnection: close\r\n\r\n".encode())
        stream = peer.makefile("rb")
        peer.close()
        self.addCleanup(stream.close)
        self.assertIn(b" 200 ", stream.readline())
        while stream.readline() not in (b"\r\n", b""):
            pass
        return stream

    def begin_s3_download(self, key):
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": "freed", "Key": key})
        return self.begin_download(url[len(self.cluster.url) :])

    def read_on(self, stream, seed):
        """The rest comes after the garbage collection had its time; then everything is freed."""
        expected = content(self.SIZE, seed)
        self.assertTrue(stream.read(100000) == expected[:100000])
        for _ in range(self.ROUNDS):  # what is deleted later is freed earlier
            before = self.used_bytes()
            self.s3.put_object(Bucket="freed", Key="round", Body=content(MIB))
            self.s3.delete_object(Bucket="freed", Key="round")
            poll(lambda: self.used_bytes() <= before, "another object is freed")
        self.assertGreater(self.used_bytes() - self.before, 3 * self.SIZE * 0.99, "chunks were freed under a reader")
        self.assertTrue(stream.read() == expected[100000:], "the reader got other bytes")
        self.assert_freed()

    def test_deleted_while_it_is_read(self):
        self.s3.put_object(Bucket="freed", Key="read", Body=content(self.SIZE))
        stream = self.begin_s3_download("read")
        self.s3.delete_object(Bucket="freed", Key="read")
        self.read_on(stream, "content")

    def test_replaced_while_it_is_read(self):
        self.s3.put_object(Bucket="freed", Key="read", Body=content(self.SIZE, 1))
        stream = self.begin_s3_download("read")
        self.s3.put_object(Bucket="freed", Key="read", Body=b"another")
        self.read_on(stream, 1)
        self.assertEqual(self.s3.get_object(Bucket="freed", Key="read")["Body"].read(), b"another")

    def test_multipart_object_deleted_while_it_is_read(self):
        where = {"Bucket": "freed", "Key": "parts"}
        where["UploadId"] = self.s3.create_multipart_upload(**where)["UploadId"]
        whole = content(self.SIZE, "parts")
        parts = []
        for number in range(1, 5):
            body = whole[(number - 1) * self.SIZE // 4 : number * self.SIZE // 4]
            parts.append({"PartNumber": number, "ETag": self.s3.upload_part(**where, PartNumber=number, Body=body)["ETag"]})
        self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        stream = self.begin_s3_download("parts")
        self.s3.delete_object(Bucket="freed", Key="parts")
        self.read_on(stream, "parts")

    def test_file_deleted_while_it_is_read(self):
        self.s3.put_object(Bucket="files", Key="doc", Body=content(self.SIZE, "doc"))
        stream = self.begin_download("/download?filename=doc")
        self.assertEqual(raw_http.request(self.cluster.port, "DELETE", "/delete?filename=doc").status, 200)
        self.read_on(stream, "doc")

    def test_readers_that_leave_hold_nothing(self):
        self.s3.put_object(Bucket="freed", Key="left", Body=content(self.SIZE))
        stream = self.begin_s3_download("left")
        self.s3.delete_object(Bucket="freed", Key="left")
        stream.close()
        self.assert_freed()


if __name__ == "__main__":
    main()
