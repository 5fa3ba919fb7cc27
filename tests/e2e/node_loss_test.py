"""Nodes that die or freeze while bytes flow: clients see success, and the right bytes."""

import http.client
import itertools
import json
import re
import time

from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

import s3
from cluster import poll
from harness import ClusterTest, blocks, content, main

MIB = 1024 * 1024
SIZE = 96 * MIB
SLICE = 64 * 1024


class NodeLoss(ClusterTest):
    cluster_options = {
        "tls": False,
        "gateway_options": ("-health-interval", "2s", "-breaker-open", "500ms", "-node-timeout", "6s"),
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster, retries={"max_attempts": 0})
        cls.s3.create_bucket(Bucket="loss")

    def tearDown(self):
        for number, node in enumerate(self.cluster.nodes, 1):
            if not node.running():
                self.cluster.restart_node(number)
        poll(lambda: self.cluster.healthy_nodes() == 4, "all nodes are healthy again")
        super().tearDown()

    def upload(self, key, size, at_half):
        """One PUT request; at_half() is called when half of its body has been sent. Returns the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.cluster.port, timeout=120)
        headers = s3.sign(self.cluster, "PUT", f"/loss/{key}", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        connection.putrequest("PUT", f"/loss/{key}", skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", f"127.0.0.1:{self.cluster.port}")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        sent = 0
        for block in blocks(size, key):
            if sent <= size // 2 < sent + len(block):
                at_half()
            connection.send(block)
            sent += len(block)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def check(self, key, size, at_third=lambda: None):
        """A download whose every byte is compared; at_third() is called when a third of it has been read."""
        body = self.s3.get_object(Bucket="loss", Key=key)["Body"]
        read = 0
        for block in blocks(size, key):
            if read <= size // 3 < read + len(block):
                at_third()
            self.assertEqual(body.read(len(block)), block, f"{key} differs in the piece at {read}")
            read += len(block)
        self.assertEqual(body.read(), b"")

    def test_node_killed_during_upload(self):
        for number, node in enumerate(self.cluster.nodes, 1):
            key = f"upload-{number}"
            self.assertEqual(self.upload(key, SIZE, node.kill), 200)
            self.check(key, SIZE)
            self.cluster.restart_node(number)
            poll(lambda: self.cluster.healthy_nodes() == 4, "the node is back")
            self.check(key, SIZE)

    def test_node_killed_during_download(self):
        self.s3.put_object(Bucket="loss", Key="download", Body=content(SIZE, "download"))
        for number, node in enumerate(self.cluster.nodes, 1):
            self.check("download", SIZE, node.kill)
            self.cluster.restart_node(number)
            poll(lambda: self.cluster.healthy_nodes() == 4, "the node is back")

    def test_node_frozen_during_upload(self):
        node = self.cluster.nodes[2]
        begun = time.monotonic()
        try:
            self.assertEqual(self.upload("frozen", SIZE, node.pause), 200)
            self.check("frozen", SIZE)
        finally:
            node.resume()
        self.assertLess(time.monotonic() - begun, 60)

    def test_node_frozen_during_download(self):
        self.s3.put_object(Bucket="loss", Key="thaw", Body=content(SIZE, "thaw"))
        for node in self.cluster.nodes:
            try:
                self.check("thaw", SIZE, node.pause)
            finally:
                node.resume()

    def download_slices(self, key, size, stopped, at):
        """Reads in slices; when `at` bytes have come, the nodes freeze. Returns the longest wait for a slice after it
        and what came."""
        body = self.s3.get_object(Bucket="loss", Key=key)["Body"]
        received, longest, begun = bytearray(), 0, None
        try:
            while len(received) < size:
                if begun is None and len(received) >= at:
                    begun = True
                    for node in stopped:
                        node.pause()
                before = time.monotonic()
                slice_ = body.read(SLICE)
                if begun:
                    longest = max(longest, time.monotonic() - before)
                received += slice_
                if not slice_:
                    break
        finally:
            for node in stopped:
                node.resume()
        return longest, bytes(received)

    def test_two_nodes_frozen_during_download(self):
        """Of three copies one is left, and who asks a second frozen node next has to leave that, too."""
        size = 64 * MIB
        expected = content(size, "pairs")
        self.s3.put_object(Bucket="loss", Key="pairs", Body=expected)
        waits = []
        for pair in itertools.combinations(self.cluster.nodes, 2):
            poll(lambda: self.cluster.healthy_nodes() == 4, "all nodes are healthy")
            longest, received = self.download_slices("pairs", size, pair, size // 3)
            self.assertTrue(received == expected, "other bytes than were stored")
            waits.append(longest)
        print("longest waits in s:", " ".join(f"{wait:.2f}" for wait in sorted(waits)))
        self.assertLess(max(waits), 5)  # about a second, and time for a machine with other things to do

    def test_all_nodes_frozen_during_download(self):
        """The connection is cut; the bytes before are right."""
        size = 64 * MIB
        expected = content(size, "all")
        self.s3.put_object(Bucket="loss", Key="all", Body=expected)
        body = self.s3.get_object(Bucket="loss", Key="all")["Body"]
        received = bytearray(body.read(SLICE))
        try:
            for node in self.cluster.nodes:
                node.pause()
            with self.assertRaises((ResponseStreamingError, ReadTimeoutError, IncompleteReadError, OSError)) as raised:
                while True:
                    slice_ = body.read(SLICE)
                    if not slice_:
                        break
                    received += slice_
        finally:
            for node in self.cluster.nodes:
                node.resume()
        self.assertNotIsInstance(raised.exception, ReadTimeoutError)
        self.assertLess(len(received), size)
        self.assertTrue(expected.startswith(bytes(received)))

    def breaker(self, number, path="/system/nodes"):
        rows = json.loads(self.cluster.get(path)[1])["nodes"]
        return rows[number - 1]

    def test_breaker_tells(self):
        self.cluster.nodes[2].kill()
        poll(lambda: self.breaker(3)["circuitState"] == "OPEN", "the breaker of a dead node opens")
        for path in ("/system/nodes", "/system/health"):
            row = self.breaker(3, path)
            self.assertFalse(row["healthy"])
            self.assertIn("cannot connect", row["circuitReason"])
            self.assertTrue(row["lastTransition"].endswith("Z"))
        opened = re.findall(r'tercet_node_breaker_opened_total{node="3",cause="(.*)"} [1-9]', self.cluster.get("/metrics")[1].decode())
        self.assertTrue(opened and row["circuitReason"].startswith(tuple(opened)), (opened, row))
        self.cluster.restart_node(3)
        poll(lambda: self.breaker(3)["circuitState"] == "CLOSED", "canaries close it again")
        row = self.breaker(3)
        self.assertEqual((row["circuitReason"], row["nextProbe"]), (None, None))
        self.assertEqual([move["state"] for move in row["transitions"][:3]], ["CLOSED", "HALF-OPEN", "OPEN"])
        self.assertEqual(row["transitions"][0]["time"], row["lastTransition"])
        self.assertEqual(row["transitions"][0]["reason"], "probes passed")

    def test_two_nodes_down(self):
        self.s3.put_object(Bucket="loss", Key="before", Body=content(5 * MIB, "before"))
        for node in self.cluster.nodes[:2]:
            node.kill()
        poll(lambda: self.cluster.healthy_nodes() == 2, "two nodes are seen to be down")
        self.check("before", 5 * MIB)
        self.s3.put_object(Bucket="loss", Key="degraded", Body=content(20 * MIB, "degraded"))
        self.check("degraded", 20 * MIB)
        status, body = self.cluster.get("/system/health")
        self.assertIn(b"degraded", body)

    def test_three_nodes_down(self):
        self.s3.put_object(Bucket="loss", Key="kept", Body=b"x")
        for node in self.cluster.nodes[1:]:
            node.kill()
        poll(lambda: self.cluster.healthy_nodes() == 1, "three nodes are seen to be down")
        begun = time.monotonic()
        with self.assertRaises(self.s3.exceptions.ClientError) as raised:
            self.s3.put_object(Bucket="loss", Key="refused", Body=b"x" * 1000)
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        self.assertLess(time.monotonic() - begun, 3)
        listed = self.s3.list_objects_v2(Bucket="loss", Prefix="refused")
        self.assertEqual(listed["KeyCount"], 0)
        with self.assertRaises(self.s3.exceptions.ClientError) as raised:
            self.s3.delete_object(Bucket="loss", Key="kept")
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        answer = self.s3.delete_objects(Bucket="loss", Delete={"Objects": [{"Key": "kept"}]})
        self.assertEqual([error["Code"] for error in answer["Errors"]], ["ServiceUnavailable"])


class HungNode(ClusterTest):
    cluster_options = {"tls": False}

    def test_the_gateway_stops(self):
        """It waits for what was begun, but not for as long as a node may take to answer (30 s)."""
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="hung")
        self.cluster.nodes[1].pause()
        try:
            client.put_object(Bucket="hung", Key="key", Body=b"the node is to hear of it")
            begun = time.monotonic()
            self.cluster.gateway.terminate()
            self.cluster.gateway.wait_end()
        finally:
            self.cluster.nodes[1].resume()
        self.assertLess(time.monotonic() - begun, 15)


if __name__ == "__main__":
    main()
