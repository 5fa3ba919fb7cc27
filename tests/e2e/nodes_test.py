"""Six nodes in three zones: where copies go, and how a node is emptied, while clients write and read and processes are killed."""

import json
import random
import threading

import s3
from cluster import poll
from harness import PART, ClusterTest, content, main
from inventory import holders, inventory

ZONES = ("x", "x", "y", "y", "z", "z")
SIZES = (1000, 200_000, 9 * 1024 * 1024)
FAST = ("-health-interval", "500ms", "-suspect-interval", "200ms", "-breaker-open", "300ms", "-repair-interval", "200ms",
        "-gc-grace", "500ms", "-gc-interval", "200ms")


class Client(threading.Thread):
    """Writes objects and reads all that it wrote, again and again, until it is told to stop."""

    def __init__(self, cluster, bucket):
        super().__init__()
        self.s3, self.bucket = s3.client(cluster), bucket
        self.over, self.written, self.read, self.wrong, self.lost = threading.Event(), 0, 0, [], []

    def run(self):
        while not self.over.is_set():
            key = f"{self.written:05}"
            try:
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=content(3000 + self.written, key))
            except Exception:  # not acknowledged: a process was killed; what was is read below
                continue
            self.written += 1
            self.look(random.randrange(self.written))

    def look(self, number):
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=f"{number:05}")["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            self.lost.append(number)
            return
        except Exception:  # the gateway is away
            return
        self.read += 1
        if body != content(3000 + number, f"{number:05}"):
            self.wrong.append(number)


class Nodes(ClusterTest):
    cluster_options = {"tls": False, "ports": (0,) * 8, "zones": ZONES, "gateway_options": FAST}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="kept")
        for number, size in enumerate(SIZES * 8):
            cls.s3.put_object(Bucket="kept", Key=f"{number:02}", Body=content(size, number))
        upload = cls.s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
        part = cls.s3.upload_part(Bucket="kept", Key="parts", UploadId=upload, PartNumber=1, Body=content(PART, "part"))
        cls.s3.complete_multipart_upload(Bucket="kept", Key="parts", UploadId=upload, MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})

    def order(self, number, state):
        return s3.signed(self.cluster, "PUT", f"/system/nodes/{number}", {}, json.dumps({"state": state}).encode())

    def node(self, number):
        return json.loads(self.cluster.get("/system/nodes")[1])["nodes"][number - 1]

    def check(self):
        for number, size in enumerate(SIZES * 8):
            body = self.s3.get_object(Bucket="kept", Key=f"{number:02}")["Body"].read()
            self.assertEqual(body, content(size, number), number)

    def three_zones(self, found):
        return all(len({ZONES[node - 1] for node in nodes}) == 3 for nodes in found.values())

    def test_1_copies_are_in_three_zones(self):
        # a node that was slow may have been passed over: then the copy is moved
        poll(lambda: self.three_zones(holders(self.cluster)), "copies are in three zones", 30)
        found = holders(self.cluster)
        self.assertGreater(len(found), 32)
        self.assertEqual({number: self.node(number)["zone"] for number in range(1, 7)}, dict(enumerate(ZONES, 1)))
        held = {node for nodes in found.values() for node in nodes}
        self.assertEqual(held, set(range(1, 7)))

    def test_2_a_zone_that_is_away_stops_nobody(self):
        for number in (1, 2):
            self.cluster.nodes[number - 1].kill()
        poll(lambda: self.cluster.healthy_nodes() == 4, "a zone is seen to be away")
        self.check()
        before = set(holders(self.cluster))
        self.s3.put_object(Bucket="kept", Key="meanwhile", Body=content(100_000, "meanwhile"))
        for number in (1, 2):
            self.cluster.restart_node(number)
        poll(lambda: self.cluster.healthy_nodes() == 6, "the zone is back")
        self.assertEqual(self.s3.get_object(Bucket="kept", Key="meanwhile")["Body"].read(), content(100_000, "meanwhile"))
        written = holders(self.cluster).keys() - before
        self.assertEqual(len(written), 1)

        def moved():
            found = holders(self.cluster)
            return self.three_zones(found) and all(len(found[chunk]) == 3 for chunk in written)
        poll(moved, "what was written meanwhile is in three zones", 60)

    def test_3_orders_that_cannot_be(self):
        self.assertEqual(self.order(7, "draining").status, 404)
        self.assertEqual(s3.signed(self.cluster, "PUT", "/system/nodes/0x1", {}, b"{}").status, 404)
        self.assertEqual(self.order(1, "away").status, 400)
        self.assertEqual(s3.signed(self.cluster, "PUT", "/system/nodes/1", {}, b"[").status, 400)
        self.assertEqual(s3.signed(self.cluster, "PUT", "/system/nodes/1", {}, b'{"state":"active","x":1}').status, 400)
        for number in (1, 2, 3):
            self.assertEqual(self.order(number, "draining").status, 200)
        self.assertEqual(self.order(4, "draining").status, 409)
        for number in (1, 2, 3):
            self.assertEqual(self.order(number, "active").status, 200)
            self.assertEqual(self.node(number)["state"], "active")

    def test_4_a_node_is_emptied_under_load_with_kills(self):
        """Everything stays readable, no chunk that was there is short of copies, and the end is what the node's own list says."""
        before = set(holders(self.cluster))
        self.s3.create_bucket(Bucket="busy")
        client = Client(self.cluster, "busy")
        client.start()
        self.addCleanup(client.join)
        self.addCleanup(client.over.set)
        self.assertEqual(self.order(2, "draining").status, 200)
        for program in (self.cluster.nodes[1], self.cluster.gateway, self.cluster.nodes[1]):
            program.kill()
            program.start()
            poll(lambda: self.cluster.healthy_nodes() == 6, "all nodes are healthy again", 60)
            self.assertIn(self.node(2)["state"], ("draining", "drained"))
        poll(lambda: self.node(2)["state"] == "drained", "the node is empty", 90)
        poll(lambda: client.read > 20, "the client reads", 60)
        client.over.set()
        client.join()
        self.assertEqual((client.wrong, client.lost), ([], []))
        self.assertEqual(inventory(self.cluster, 2), [])
        poll(lambda: self.settled(before), "three copies of each chunk in three zones", 60)
        self.check()
        self.assertEqual(self.node(2)["drain"], {"copiesLeft": 0, "bytesLeft": 0, "secondsLeft": 0})
        for number in range(client.written):
            client.look(number)
        self.assertEqual((client.wrong, client.lost), ([], []))

    def settled(self, before):
        found = holders(self.cluster)
        return before <= set(found) and all(len(nodes) == 3 and 2 not in nodes for nodes in found.values()) and self.three_zones(found)

    def test_5_an_empty_node_stays_so_until_it_is_told(self):
        self.cluster.gateway.kill()
        self.cluster.gateway.start()
        poll(lambda: self.cluster.healthy_nodes() == 6, "the gateway is back", 60)
        self.s3.put_object(Bucket="kept", Key="later", Body=content(9 * 1024 * 1024, "later"))
        self.assertEqual(inventory(self.cluster, 2), [])
        poll(lambda: self.node(2)["state"] == "drained", "the node is known to be empty")
        self.assertEqual(self.order(2, "active").status, 200)

        def used():
            self.s3.put_object(Bucket="kept", Key="later", Body=content(9 * 1024 * 1024, "later"))
            return inventory(self.cluster, 2)
        poll(used, "the node takes chunks again", 30)
        self.assertNotIn("drain", self.node(2))


if __name__ == "__main__":
    main()
