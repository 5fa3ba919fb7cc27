"""Chunks that no record refers to go to the trash of their nodes, and nothing else ever does."""

import json
import os
import shutil
import subprocess
import time

import raw_http
import s3
from cluster import poll
from harness import ClusterTest, content, main
from storage_node import StorageNode, chunk_id

MIB = 1024 * 1024
AGE_MS = 2400
WATCHING = ("-health-interval", "500ms", "-suspect-interval", "200ms", "-breaker-open", "300ms")
COMPARING = ("-chunk-size", "1M", "-inventory-interval", "300ms", "-repair-interval", "200ms")
OBJECTS = {"large": 5 * MIB, "small": 5000}


class OrphanTest(ClusterTest):
    def setUp(self):
        super().setUp()
        self.nodes = [StorageNode(self.cluster, number) for number in range(1, 5)]
        for node in self.nodes:
            self.addCleanup(node.close)
        self.s3 = s3.client(self.cluster)
        self.s3.create_bucket(Bucket="orphans")
        for key, size in OBJECTS.items():
            self.s3.put_object(Bucket="orphans", Key=key, Body=content(size, key))

    def check(self):
        for key, size in OBJECTS.items():
            self.assertEqual(self.s3.get_object(Bucket="orphans", Key=key)["Body"].read(), content(size, key))

    def state(self, number):
        status, body = self.cluster.get("/system/repair")
        self.assertEqual(status, 200)
        return json.loads(body)["nodes"][number - 1]

    def in_service(self):
        return {(number, chunk) for number, node in enumerate(self.nodes, 1) for chunk in node.records()}

    def in_trash(self):
        return {(number, chunk) for number, node in enumerate(self.nodes, 1) for chunk in node.records("/trash")}

    def plant(self, number, size=3000, age_seconds=3600):
        """An orphan on the node; when it was stored, by the node's clock."""
        identity = chunk_id(age_seconds)
        self.nodes[number - 1].put(identity, os.urandom(size))
        return identity, self.nodes[number - 1].records()[identity].milliseconds

    def await_trashed(self, number, identity):
        """When it was put into the trash."""
        poll(lambda: (number, identity) in self.in_trash(), "the orphan is in the trash")
        self.assertNotIn((number, identity), self.in_service())
        return self.nodes[number - 1].records("/trash")[identity].milliseconds

    def pass_over(self, number):
        """Waits until whatever was an orphan on the node before is in the trash."""
        identity, _ = self.plant(number)
        self.await_trashed(number, identity)

    def begin_upload(self, key, size, sent):
        """A connection on which a part of an object was sent."""
        url = self.s3.generate_presigned_url("put_object", Params={"Bucket": "orphans", "Key": key})
        peer = raw_http.connect(self.cluster.port, timeout=120)
        self.addCleanup(peer.close)
        target = url[len(self.cluster.url) :]
        head = f"PUT {target} HTTP/1.1\r\nHost: 127.0.0.1:{self.cluster.port}\r\nContent-Length: {size}\r\n\r\n"
        peer.sendall(head.encode() + content(size, key)[:sent])
        return peer


class Orphans(OrphanTest):
    cluster_options = {
        "tls": False,
        "gateway_options": (*WATCHING, *COMPARING, "-orphan-age", f"{AGE_MS}ms"),
    }

    def test_orphans_go_to_the_trash(self):
        recorded = self.in_service()
        for size in (3000, 100000):
            identity, stored_ms = self.plant(2, size)
            self.assertGreaterEqual(self.await_trashed(2, identity), stored_ms + AGE_MS)
        self.assertGreaterEqual(self.state(2)["trashed"], 2)
        self.assertGreaterEqual(self.state(2)["trashedBytes"], 103000)
        self.assertFalse(self.state(2)["orphansDoubted"])
        metrics = self.cluster.get("/metrics")[1].decode()
        total = next(line for line in metrics.splitlines() if line.startswith("tercet_orphans_trashed_total"))
        self.assertGreaterEqual(float(total.split()[1]), 2)
        poll(lambda: self.state(2)["orphans"] == 0, "nothing is left")
        self.assertLessEqual(recorded, self.in_service())
        self.check()

    def test_the_time_in_the_id_counts_too(self):
        young, _ = self.plant(3, age_seconds=-3600)
        self.pass_over(3)
        self.assertIn((3, young), self.in_service())
        self.assertGreaterEqual(self.state(3)["unknown"], 1)
        self.assertEqual(self.nodes[2].request("DELETE", f"/chunks/{young.hex()}")[0], 204)

    def test_upload_under_way(self):
        before = self.in_service()
        peer = self.begin_upload("slow", 6 * MIB, 4 * MIB)
        held = poll(lambda: len({c for _, c in self.in_service() - before}) >= 2 and self.in_service() - before, "chunks come")
        for number in range(1, 5):
            self.pass_over(number)  # its orphan is younger than those chunks
        self.assertLessEqual(held, self.in_service())
        peer.sendall(content(6 * MIB, "slow")[4 * MIB :])
        self.assertEqual(raw_http.read_answer(peer, "PUT").status, 200)
        for number in range(1, 5):
            self.pass_over(number)
        self.assertEqual(self.s3.get_object(Bucket="orphans", Key="slow")["Body"].read(), content(6 * MIB, "slow"))
        self.assertFalse(held & self.in_trash())

    def test_upload_that_a_crash_cut(self):
        before = self.in_service()
        self.begin_upload("cut", 6 * MIB, 4 * MIB)
        held = poll(lambda: len({c for _, c in self.in_service() - before}) >= 2 and self.in_service() - before, "chunks come")
        self.cluster.gateway.kill()
        self.cluster.gateway.start()
        self.cluster.wait_ready()
        poll(lambda: held <= self.in_trash(), "the chunks are in the trash")
        poll(lambda: self.in_service() == before, "nothing but what is recorded is left")
        self.check()

    def test_recorded_chunks_come_back(self):
        recorded = self.in_service()
        chunks = {chunk for _, chunk in recorded}
        lost = next(iter(chunks))
        for number, chunk in recorded:
            if chunk == lost or number == 1:
                self.assertEqual(self.nodes[number - 1].trash(chunk), 204)
        poll(lambda: self.in_service() == recorded, "they are in service again")
        self.assertFalse({chunk for _, chunk in self.in_trash()} & chunks)
        self.check()


class TooMany(OrphanTest):
    COUNT = 2100  # more than a page of the comparison
    cluster_options = {
        "tls": False,
        "gateway_options": (*WATCHING, *COMPARING, "-orphan-age", "100ms"),
    }

    def test_doubt(self):
        planted = {chunk_id(3600) for _ in range(self.COUNT)}
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        for identity in planted:
            self.nodes[3].put(identity, b"x" * 10)
        self.cluster.gateway.start()
        self.cluster.wait_ready()
        state = poll(lambda: self.state(4)["orphans"] >= self.COUNT and self.state(4), "the orphans are found")
        self.assertTrue(state["orphansDoubted"])
        self.assertEqual(state["trashed"], 0)
        self.assertIn(b'tercet_orphans_doubted{node="4"} 1', self.cluster.get("/metrics")[1])
        self.assertIn("are the metadata right?", self.cluster.gateway.log_tail())
        self.pass_over(1)  # other nodes are not concerned
        self.assertLessEqual(planted, set(self.nodes[3].records()))
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        self.cluster.gateway.argv += ["-orphan-percent", "100"]
        self.cluster.gateway.start()
        self.cluster.wait_ready()
        poll(lambda: planted <= set(self.nodes[3].records("/trash")), "whoever is sure can have them removed")
        self.check()
        self.cluster.nodes[3].terminate()
        self.cluster.nodes[3].wait_end()
        done = subprocess.run(self.cluster.nodes[3].argv + ["-restore-trash"], capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, f"{self.COUNT} chunks taken back from the trash\n".encode()))


class Emptied(OrphanTest):
    GRACE_MS = 1500
    cluster_options = {
        "tls": False,
        "node_options": ("-trash-grace", f"{GRACE_MS}ms"),
        "gateway_options": (*WATCHING, *COMPARING, "-orphan-age", "100ms"),
    }

    def test_the_trash_is_emptied_after_its_grace(self):
        first_ms = time.time() * 1000
        planted = {self.plant(2, size)[0] for size in (3000, 100000)}
        poll(lambda: self.state(2)["trashed"] >= 2, "they are in the trash")
        poll(lambda: not self.in_trash(), "the trash is emptied")
        self.assertGreaterEqual(time.time() * 1000, first_ms + self.GRACE_MS)
        self.assertFalse(planted & {chunk for _, chunk in self.in_service()})
        self.assertEqual(os.listdir(os.path.join(self.cluster.data("node2"), "trash")), [])
        health = json.loads(self.cluster.get("/health", self.cluster.node_url(2))[1])
        self.assertEqual((health["trashChunks"], health["trashBytes"]), (0, 0))
        self.check()


class Restored(OrphanTest):
    AGE_MS = 6000
    cluster_options = {
        "tls": False,
        "gateway_options": (*WATCHING, *COMPARING, "-orphan-age", f"{AGE_MS}ms"),
    }

    def test_the_age_counts_from_the_restore(self):
        recorded = self.in_service()
        identity, stored_ms = self.plant(2)
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        poll(lambda: time.time() * 1000 > stored_ms + self.AGE_MS, "it would be old enough")
        shutil.rmtree(os.path.join(self.cluster.data("gateway"), "meta"))
        restored_ms = time.time() * 1000
        done = subprocess.run(self.cluster.gateway.argv + ["-restore-metadata"], capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.cluster.gateway.start()
        self.cluster.wait_ready()
        self.assertGreaterEqual(self.await_trashed(2, identity), restored_ms + self.AGE_MS)
        self.assertEqual(self.in_service(), recorded)
        self.check()


if __name__ == "__main__":
    main()
