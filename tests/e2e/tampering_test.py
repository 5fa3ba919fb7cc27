"""Somebody has all nodes and the cluster's secret, and changes encrypted chunks there: on every node that has a copy, with the
checksums made right (four bytes at the chunk's end give it the CRC32C that the gateway has recorded). No client ever gets a wrong
byte of it. The same on a plain object is believed, which shows that the checksums were right."""

import http.client
import os
import subprocess
import tempfile
import urllib.parse

import s3
from harness import ClusterTest, content, main
from storage_node import StorageNode, _TABLE

BLOCK, STORED = 65536, 65536 + 16
SIZE = 4 * BLOCK + 1000
LAST = 4 * STORED  # where the last block begins, as stored
REVERSE = {entry >> 24: index for index, entry in enumerate(_TABLE)}


def register(data, crc=0xFFFFFFFF):
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    return crc


def with_crc_of(original, changed):
    """`changed` with its last four bytes such that its CRC32C is the original's."""
    goal = register(original)
    for _ in range(4):  # the register before the last four bytes, if these were zero
        index = REVERSE[goal >> 24]
        goal = (goal ^ _TABLE[index]) << 8 & 0xFFFFFFFF | index
    return changed[:-4] + (goal ^ register(changed[:-4])).to_bytes(4, "little")


def swapped(data, _):
    return data[STORED : 2 * STORED] + data[:STORED] + data[2 * STORED :]


def repeated(data, _):
    return data[:STORED] + data[:STORED] + data[2 * STORED :]


def flipped(data, _):
    return bytes([data[0] ^ 1]) + data[1:]


def tag_flipped(data, _):
    return data[: STORED - 1] + bytes([data[STORED - 1] ^ 128]) + data[STORED:]


def moved_up(data, _):
    """The first block is cut out; one of zeros fills the end."""
    return data[STORED:] + bytes(STORED)


def other_block(data, other):
    return other[:STORED] + data[STORED:]


def other_whole(_, other):
    return other


def cut(data, _):
    """A whole last block is missing: a chunk that ends before."""
    return data[:LAST]


def cut_within(data, _):
    return data[: STORED + 100]


class Tampering(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="keyring-")
        cls.addClassCleanup(folder.cleanup)
        keyring = os.path.join(folder.name, "keyring")
        program = os.path.join(os.environ["TERCET_BUILD"], "gateway", "tercet-gateway")
        subprocess.run([program, "-keyring", keyring, "-new-key", "k"], check=True, capture_output=True)
        cls.cluster_options = {"tls": False, "gateway_options": ["-keyring", keyring, "-small-max", "0"]}
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="tampered")
        cls.nodes = [StorageNode(cls.cluster, number) for number in range(1, 5)]
        for node in cls.nodes:
            cls.addClassCleanup(node.close)

    def ids(self):
        return set().union(*(node.records() for node in self.nodes))

    def put(self, key, body, **how):
        """The id of the object's chunk."""
        before = self.ids()
        self.s3.put_object(Bucket="tampered", Key=key, Body=body, **how)
        (identity,) = self.ids() - before
        return identity

    def holders(self, identity):
        return [node for node in self.nodes if identity in node.records()]

    def chunk(self, identity):
        status, body = self.holders(identity)[0].request("GET", f"/chunks/{identity.hex()}")
        self.assertEqual(status, 200)
        size = self.holders(identity)[0].records()[identity].size
        return body[-size:]

    def replace(self, identity, data):
        holders = self.holders(identity)
        self.assertEqual(len(holders), 3)
        for node in holders:
            self.assertEqual(node.request("DELETE", f"/chunks/{identity.hex()}")[0], 204)
            node.put(identity, data)

    def read(self, key, span=None):
        """(status or None when nothing was answered, the bytes that came, whether the answer is whole)"""
        url = urllib.parse.urlsplit(self.s3.generate_presigned_url("get_object", Params={"Bucket": "tampered", "Key": key}))
        connection = http.client.HTTPConnection("127.0.0.1", self.cluster.port, timeout=60)
        try:
            connection.request("GET", f"{url.path}?{url.query}", headers={"Range": f"bytes={span[0]}-{span[1]}"} if span else {})
            answer = connection.getresponse()
            try:
                return answer.status, answer.read(), True
            except http.client.IncompleteRead as error:
                return answer.status, error.partial, False
        except (ConnectionError, http.client.HTTPException):
            return None, b"", False
        finally:
            connection.close()

    def assert_no_wrong_byte(self, key, body, span=None):
        status, got, whole = self.read(key, span)
        expected = body[span[0] : span[1] + 1] if span else body
        if status in (200, 206):
            self.assertFalse(whole, key)
            self.assertTrue(expected.startswith(got), key)
            self.assertLess(len(got), len(expected))
        else:
            self.assertNotEqual(status, 404, key)
            self.assertNotIn(body[:20], got)

    def test_nothing_wrong_is_given(self):
        other = self.chunk(self.put("other", content(SIZE, "other"), ServerSideEncryption="AES256"))
        for change in (flipped, tag_flipped, swapped, repeated, moved_up, other_block, other_whole, cut, cut_within):
            with self.subTest(change.__name__):
                key, body = change.__name__, content(SIZE, change.__name__)
                identity = self.put(key, body, ServerSideEncryption="AES256")
                data = self.chunk(identity)
                self.assertEqual(len(data), SIZE + 5 * 16)
                changed = change(data, other)
                self.replace(identity, with_crc_of(data, changed))
                self.assert_no_wrong_byte(key, body)
                first = BLOCK if change is repeated else 0  # of a block that was changed, while the last one is not read
                self.assert_no_wrong_byte(key, body, (first, first + 99))
        self.assertEqual(self.read("other"), (200, content(SIZE, "other"), True))

    def test_what_was_not_changed_is_given(self):
        body = content(SIZE, "part")
        identity = self.put("part", body, ServerSideEncryption="AES256")
        data = self.chunk(identity)
        self.replace(identity, with_crc_of(data, flipped(data, None)))
        self.assertEqual(self.read("part", (BLOCK, 2 * BLOCK - 1)), (206, body[BLOCK : 2 * BLOCK], True))
        self.replace(identity, data)
        self.assertEqual(self.read("part"), (200, body, True))

    def test_checksums_are_made_right(self):
        body = content(SIZE, "plain")
        identity = self.put("plain", body)
        changed = with_crc_of(body, flipped(body, None))
        self.replace(identity, changed)
        self.assertEqual(self.read("plain"), (200, changed, True))


if __name__ == "__main__":
    main()
