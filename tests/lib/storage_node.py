"""Storage nodes spoken to as the gateway does: signed requests, inventories, chunks of the test's own making."""

import hashlib
import hmac
import http.client
import os
import struct
import time

_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    _TABLE.append(_byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def chunk_id(age_seconds=0):
    """A new id whose time is so long ago."""
    return struct.pack(">Q", int((time.time() - age_seconds) * 1000))[2:] + os.urandom(10)


class Record:
    """A line of an inventory; milliseconds is when the node stored the chunk, or put it into the trash."""

    def __init__(self, data):
        self.id, self.size, self.crc32c, self.milliseconds = struct.unpack(">16sIIQ", data)


class StorageNode:
    def __init__(self, cluster, number):
        with open(cluster.secret_path, "rb") as file:
            self._secret = file.read().strip()
        self._cluster_id = cluster.cluster_id
        self._connection = http.client.HTTPConnection("127.0.0.1", cluster.node_ports[number - 1], timeout=30)

    def request(self, method, target, body=None):
        """(status, body)"""
        now = int(time.time() * 1000)
        content = "-" if body is None else f"crc32c:{crc32c(body):08x}:{len(body)}"
        text = f"tercet-v1\n{method}\n{target}\n{self._cluster_id}\n{now}\n{content}"
        mac = hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
        self._connection.request(method, target, body, {"x-tercet-auth": f"v1 {now} {content} {mac}"})
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def records(self, path="/chunks"):
        """Everything in the inventory, or with path "/trash" in the trash: id -> Record."""
        found = {}
        after = ""
        while True:
            status, body = self.request("GET", f"{path}?{after}limit=10000")
            if status != 200:
                raise AssertionError(f"{path} was answered with {status}")
            page = [Record(body[at : at + 32]) for at in range(0, len(body), 32)]
            found |= {record.id: record for record in page}
            if len(page) < 10000:
                return found
            after = f"after={page[-1].id.hex()}&"

    def put(self, identity, body):
        status, _ = self.request("PUT", f"/chunks/{identity.hex()}", body)
        if status != 201:
            raise AssertionError(f"a chunk was answered with {status}")

    def trash(self, identity):
        return self.request("POST", f"/chunks/{identity.hex()}/trash", b"")[0]

    def close(self):
        self._connection.close()
