"""Copies are made anew, removed and freed in the background, until the nodes hold exactly what is recorded."""

import json
import math
import os
import re
import shutil

import s3
from cluster import poll
from harness import PART, ClusterTest, content, main
from inventory import holders, inventory

MIB = 1024 * 1024
OBJECTS = {"large": 20 * MIB, "small": 5000, "odd": 3 * MIB + 17}


def options(dead_after):
    return {
        "tls": False,
        "node_options": ("-scrub-period", "3s"),
        "gateway_options": (
            *("-health-interval", "500ms", "-suspect-interval", "200ms", "-breaker-open", "300ms"),
            *("-node-dead-after", dead_after, "-repair-interval", "200ms"),
            *("-gc-grace", "500ms", "-gc-interval", "200ms", "-upload-expiry", "5s"),
        ),
    }


class RepairTest(ClusterTest):
    """What the tests below share: three objects, and what the nodes hold of them."""

    def setUp(self):
        super().setUp()
        self.s3 = s3.client(self.cluster)
        self.s3.create_bucket(Bucket="repair")
        for key, size in OBJECTS.items():
            self.s3.put_object(Bucket="repair", Key=key, Body=content(size, key))

    def tearDown(self):
        for number, node in enumerate(self.cluster.nodes, 1):
            if not node.running():
                self.cluster.restart_node(number)
        poll(lambda: self.cluster.healthy_nodes() == 4, "all nodes are healthy again")
        for entry in self.s3.list_objects_v2(Bucket="repair").get("Contents", []):
            self.s3.delete_object(Bucket="repair", Key=entry["Key"])
        self.s3.delete_bucket(Bucket="repair")
        poll(lambda: not self.holders(), "every copy is freed")
        super().tearDown()

    def inventory(self, number):
        return inventory(self.cluster, number)

    def holders(self):
        return holders(self.cluster)

    def state(self):
        status, body = self.cluster.get("/system/repair")
        self.assertEqual(status, 200)
        return json.loads(body)

    def deletions_asked(self):
        """How often the nodes that are up were asked to delete chunks."""
        asked = r'(?:method="DELETE",endpoint="/chunks/{id}"|method="POST",endpoint="/chunks/delete")'
        found = re.compile(rf"^http_requests_total{{{asked},.*}} (\d+)$", re.MULTILINE)
        texts = [self.cluster.get("/metrics", self.cluster.node_url(number))[1].decode() for number in range(1, 5)]
        return sum(int(count) for text in texts for count in found.findall(text))

    def settled(self, chunks):
        """Whether the nodes hold exactly three copies of each of these chunks, and nothing is left to be repaired."""
        found = self.holders()
        return set(found) == chunks and all(len(nodes) == 3 for nodes in found.values()) and \
            self.state()["queuedChunks"] == 0

    def settled_holders(self):
        """The holders, once copies that stood in for slow ones are gone."""
        chunks = set(self.holders())
        poll(lambda: self.settled(chunks), "three copies of each chunk", 30)
        return self.holders()

    def check(self):
        for key, size in OBJECTS.items():
            self.assertEqual(self.s3.get_object(Bucket="repair", Key=key)["Body"].read(), content(size, key))

    def take_down(self, number):
        self.cluster.nodes[number - 1].kill()
        poll(lambda: self.cluster.healthy_nodes() == 3, "the node is seen to be down")

class Repair(RepairTest):
    """A node is given up after a second and a half, and one that merely starts slowly may be, too."""

    cluster_options = options("1500ms")

    def test_dead_node(self):
        chunks = set(self.holders())
        self.assertGreaterEqual(len(chunks), 5)
        victim = max(range(1, 5), key=lambda number: len(self.inventory(number)))
        held = len(self.inventory(victim))
        self.take_down(victim)
        poll(lambda: self.settled(chunks), "three copies of all are on the other nodes")
        state = self.state()
        self.assertGreaterEqual(state["repairedChunks"], held)
        self.assertEqual(state["bytesLeft"], 0)
        self.assertEqual(state["secondsLeft"], 0)
        self.check()
        self.cluster.restart_node(victim)
        poll(lambda: self.cluster.healthy_nodes() == 4, "the node is back")
        poll(lambda: self.settled(chunks), "the copies that are too many are removed")
        self.assertEqual(self.inventory(victim), [])
        self.check()

    def test_what_is_left(self):
        """Metrics and /system/repair say the same, while nothing can be copied and when nothing is left."""
        def left():
            state = self.state()
            seconds = self.cluster.metric("tercet_repair_left_seconds")
            return state["bytesLeft"], self.cluster.metric("tercet_repair_left_bytes"), state["secondsLeft"], \
                None if math.isnan(seconds) else seconds

        for number in (3, 4):
            self.cluster.nodes[number - 1].kill()
        poll(lambda: self.cluster.healthy_nodes() == 2, "two nodes are seen to be down")
        self.s3.put_object(Bucket="repair", Key="two-copies", Body=content(MIB, "two-copies"))
        poll(lambda: self.cluster.metric("tercet_repair_oldest_age_seconds") > 1, "the queue grows old")
        # Both nodes are given up meanwhile: a copy of each chunk is missing, or two.
        poll(lambda: self.state()["bytesLeft"] >= sum(OBJECTS.values()) + MIB, "both are given up")
        bytes_left, bytes_shown, seconds_left, seconds_shown = left()
        self.assertEqual((bytes_left, seconds_left), (bytes_shown, seconds_shown))
        for number in (3, 4):
            self.cluster.restart_node(number)
        poll(lambda: left() == (0, 0, 0, 0), "nothing is left")
        poll(lambda: self.cluster.metric("tercet_repair_oldest_age_seconds") == 0, "the queue is empty")

    def test_wiped_node(self):
        before = self.holders()
        victim = max(range(1, 5), key=lambda number: len(self.inventory(number)))
        self.take_down(victim)
        shutil.rmtree(self.cluster.data(f"node{victim}"))
        os.mkdir(self.cluster.data(f"node{victim}"))
        self.cluster.restart_node(victim)
        poll(lambda: self.settled(set(before)), "every chunk has its three copies again")
        self.check()

    def test_deletes_while_a_node_is_away(self):
        self.take_down(3)
        held = self.holders()
        for key in OBJECTS:
            self.s3.delete_object(Bucket="repair", Key=key)
        poll(lambda: not self.holders(), "the nodes that are there free the copies")
        self.assertTrue(held)
        self.assertGreaterEqual(self.cluster.metric("tercet_gc_backlog_bytes"), min(OBJECTS.values()))
        self.assertGreaterEqual(self.cluster.metric("tercet_gc_backlog"), 1)  # what the node holds is not forgotten
        asked = self.deletions_asked()
        for _ in range(3):  # rounds, as what is deleted now is freed by them
            self.s3.put_object(Bucket="repair", Key="round", Body=b"round")
            self.s3.delete_object(Bucket="repair", Key="round")
            poll(lambda: not self.holders(), "it is freed")
        self.assertEqual(self.deletions_asked(), asked + 3 * 3, "nodes that acknowledged are not asked again")
        self.cluster.restart_node(3)
        poll(lambda: self.cluster.healthy_nodes() == 4, "the node is back")
        poll(lambda: not self.inventory(3), "the node that was away frees its copies")
        poll(lambda: self.cluster.metric("tercet_gc_backlog") == 0, "every node has acknowledged")
        self.assertEqual(self.cluster.metric("tercet_gc_backlog_bytes"), 0)
        self.assertEqual(self.s3.list_objects_v2(Bucket="repair")["KeyCount"], 0)

    def test_deletes_while_a_node_was_given_up(self):
        self.take_down(3)
        chunks = set(self.holders())
        poll(lambda: self.settled(chunks), "three copies of all are on the other nodes")
        for key in OBJECTS:
            self.s3.delete_object(Bucket="repair", Key=key)
        poll(lambda: not self.holders(), "the nodes that are there free the copies")
        self.cluster.restart_node(3)
        poll(lambda: self.cluster.healthy_nodes() == 4, "the node is back")
        poll(lambda: not self.inventory(3), "the node that was given up frees its copies")

    def test_damage_is_found_by_the_scrub(self):
        before = self.holders()
        flipped = None
        for parent, _, names in os.walk(os.path.join(self.cluster.data("node2"), "chunks")):
            for name in names:
                flipped = flipped or os.path.join(parent, name)
        self.assertIsNotNone(flipped)
        inode = os.stat(flipped).st_ino
        with open(flipped, "r+b") as file:
            file.seek(4096 + 70000)
            byte = file.read(1)[0]
            file.seek(4096 + 70000)
            file.write(bytes([byte ^ 4]))
        quarantine = os.path.join(self.cluster.data("node2"), "quarantine")
        poll(lambda: inode in [os.stat(os.path.join(quarantine, n)).st_ino for n in os.listdir(quarantine)],
             "the bad copy is set aside")
        poll(lambda: self.holders() == before and self.state()["queuedChunks"] == 0, "the copy is made anew")
        with open(flipped, "rb") as file:
            file.seek(4096 + 70000)
            self.assertEqual(file.read(1)[0], byte)
        health = json.loads(self.cluster.get("/health", self.cluster.node_url(2))[1])
        self.assertGreaterEqual(health["scrub"]["damaged"], 1)
        self.check()

    def test_expired_upload(self):
        before = set(self.holders())
        where = {"Bucket": "repair", "Key": "parts"}
        where["UploadId"] = self.s3.create_multipart_upload(**where)["UploadId"]
        self.s3.upload_part(**where, PartNumber=1, Body=content(PART, 1))
        self.assertGreater(len(self.holders()), len(before))
        poll(lambda: not self.s3.list_multipart_uploads(Bucket="repair").get("Uploads"), "the upload expires")
        poll(lambda: set(self.holders()) == before, "its chunks are freed")


class Return(RepairTest):
    """A node that is back before it is given up: however slowly it starts, nothing is to be moved."""

    cluster_options = options("10m")

    def test_short_absence_moves_nothing(self):
        before = self.settled_holders()
        self.cluster.nodes[1].kill()
        self.cluster.restart_node(2)
        poll(lambda: self.cluster.healthy_nodes() == 4, "the node is back")
        poll(lambda: self.state()["queuedChunks"] == 0 and not any(n["awaitsComparison"] for n in self.state()["nodes"]),
             "the node is compared and admitted")
        self.assertEqual(self.holders(), before)

    def test_wiped_node_of_small_chunks(self):
        """Many small chunks come back with few requests, each where it was."""
        for number in range(300):
            self.s3.put_object(Bucket="repair", Key=f"many/{number}", Body=content(1 + 11 * number, f"many/{number}"))
        before = self.settled_holders()
        chunks, held = set(before), {chunk for chunk, nodes in before.items() if 2 in nodes}
        self.take_down(2)
        shutil.rmtree(self.cluster.data("node2"))
        os.mkdir(self.cluster.data("node2"), 0o700)
        self.cluster.restart_node(2)
        poll(lambda: self.settled(chunks), "three copies of everything", 30)
        self.assertEqual(set(self.inventory(2)), held)
        text = self.cluster.get("/metrics", self.cluster.node_url(2))[1].decode()
        asked = {endpoint: int(count) for endpoint, count in
                 re.findall(r'^http_requests_total{method="POST",endpoint="(/chunks/[^"]*pull)",.*} (\d+)$', text, re.MULTILINE)}
        self.assertLess(0, asked.get("/chunks/pull", 0))
        self.assertLess(sum(asked.values()), len(held) / 4)
        for number in range(0, 300, 7):
            body = self.s3.get_object(Bucket="repair", Key=f"many/{number}")["Body"].read()
            self.assertEqual(body, content(1 + 11 * number, f"many/{number}"))


if __name__ == "__main__":
    main()
