"""The nodes keep replicas of the metadata: a gateway that lost its disk gets everything back, a node that was away
catches up, and a gateway that must not serve refuses."""

import glob
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import threading
import time

import botocore.exceptions
import raw_http
import s3
from cluster import NODE_COUNT, poll
from harness import PART, ClusterTest, content, main

LOG_BLOCK = 32768  # of RocksDB's log
SIZES = (0, 1, 1000, 65537, 3_000_000)


class MetadataSync(ClusterTest):
    cluster_options = {"tls": False, "gateway_options": ("-health-interval", "1s", "-suspect-interval", "200ms")}

    # ---- what is stored, and whether it is all there ----------------------------------------------------------

    def fill(self, bucket):
        client = s3.client(self.cluster)
        client.create_bucket(Bucket=bucket)
        for size in SIZES:
            client.put_object(Bucket=bucket, Key=f"key/{size}", Body=content(size, bucket), Metadata={"size": str(size)})
            client.put_object(Bucket=bucket, Key=f"gone/{size}", Body=b"gone")
            client.delete_object(Bucket=bucket, Key=f"gone/{size}")
            client.put_object(Bucket="files", Key=f"{bucket}-{size}", Body=b"first version")
            client.put_object(Bucket="files", Key=f"{bucket}-{size}", Body=content(size, "file"))
        upload = client.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
        first = client.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=content(PART, 1))
        second = client.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=2, Body=b"end")
        parts = [{"PartNumber": 1, "ETag": first["ETag"]}, {"PartNumber": 2, "ETag": second["ETag"]}]
        client.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})

    def state(self, bucket):
        """Everything that clients can see of it: names, versions, headers, digests of all bytes, by both APIs."""
        client = s3.client(self.cluster)
        seen = {}
        for row in client.list_objects_v2(Bucket=bucket)["Contents"]:
            got = client.get_object(Bucket=bucket, Key=row["Key"])
            digest = hashlib.sha256(got["Body"].read()).hexdigest()
            seen[row["Key"]] = (digest, got["ETag"], got["LastModified"], got["Metadata"], row["Size"])
        versions = client.list_object_versions(Bucket="files", Prefix=f"{bucket}-")["Versions"]
        for row in versions:
            got = client.get_object(Bucket="files", Key=row["Key"], VersionId=row["VersionId"])
            seen[row["Key"], row["VersionId"]] = (hashlib.sha256(got["Body"].read()).hexdigest(), row["IsLatest"])
        for row in json.loads(self.cluster.get(f"/files?prefix={bucket}-")[1])["files"]:
            target = f"/download?filename={row['filename']}&version={row['version']}"
            body = raw_http.request(self.cluster.port, "GET", target).body
            seen[row["filename"], row["version"], "file"] = hashlib.sha256(body).hexdigest()
        self.assertEqual(len(seen), len(SIZES) + 1 + 4 * len(SIZES))
        return seen

    # ---- the cluster's processes -------------------------------------------------------------------------------

    @property
    def meta(self):
        return os.path.join(self.cluster.data("gateway"), "meta")

    def run_gateway(self, *options):
        """A gateway that is expected to end by itself: (exit code, what it said)."""
        done = subprocess.run([*self.cluster.gateway.argv, *options], capture_output=True, text=True, timeout=90)
        return done.returncode, done.stdout + done.stderr

    def restart_gateway(self):
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        self.cluster.start()

    def wait_in_step(self):
        names = [f'tercet_metadata_replica_lag{{node="{number}"}}' for number in range(1, NODE_COUNT + 1)]
        poll(lambda: self.cluster.healthy_nodes() == NODE_COUNT, "all nodes are healthy")
        poll(lambda: all(self.cluster.metric(name) == 0 for name in names), "all replicas are in step")

    def restore_from(self, number):
        """Loses the gateway's disk and the replicas of all other nodes, and restores from that node's."""
        for program in self.cluster.programs:
            program.kill()
        shutil.rmtree(self.meta)
        for other in range(1, NODE_COUNT + 1):
            if other != number:
                shutil.rmtree(os.path.join(self.cluster.data(f"node{other}"), "meta-replica"))
        for other in range(1, NODE_COUNT + 1):
            self.cluster.restart_node(other)
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 0, said)
        self.assertIn(f"restored from node {number}", said)
        self.cluster.start()
        self.wait_in_step()

    # ---- tests ---------------------------------------------------------------------------------------------------

    def test_lost_gateway_disk(self):
        self.fill("lost")
        before = self.state("lost")
        self.cluster.gateway.kill()
        shutil.rmtree(self.meta)
        code, said = self.run_gateway()
        self.assertEqual(code, 1, said)
        self.assertIn("-restore-metadata", said)
        self.assertFalse(os.path.exists(self.meta), "a refused start left a database behind")
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 0, said)
        self.cluster.start()
        self.assertEqual(self.state("lost"), before)
        self.fill("again")  # a restored gateway is one like any other
        before = self.state("lost"), self.state("again")
        self.wait_in_step()
        self.assertEqual(self.cluster.metric("tercet_metadata_snapshots_total"), 0, "all nodes held what was restored")
        self.restore_from(3)
        self.assertEqual((self.state("lost"), self.state("again")), before)

    def test_restore_waits_for_nodes_that_may_hold_more(self):
        """The last changes are on nodes 1 and 2; one comes back empty, the other is down: the rest must not be taken for
        all that there is."""
        self.wait_in_step()
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="more")
        self.wait_in_step()
        for node in self.cluster.nodes[2:]:
            node.kill()
        client.put_object(Bucket="more", Key="key", Body=b"acknowledged")
        self.cluster.gateway.kill()
        for node in self.cluster.nodes[:2]:
            node.kill()
        shutil.rmtree(self.meta)
        shutil.rmtree(os.path.join(self.cluster.data("node1"), "meta-replica"))
        for number in (1, 3, 4):
            self.cluster.restart_node(number)
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 1, said)
        self.assertIn("(1 hold nothing)", said)
        self.cluster.restart_node(2)
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 0, said)
        self.assertIn("restored from node 2", said)
        self.cluster.start()
        self.wait_in_step()
        self.assertEqual(s3.client(self.cluster).get_object(Bucket="more", Key="key")["Body"].read(), b"acknowledged")

    def test_node_away_catches_up_from_the_log(self):
        self.wait_in_step()
        self.cluster.nodes[1].kill()
        self.fill("log")
        before = self.state("log")
        self.restart_gateway_without(2)
        self.cluster.restart_node(2)
        self.wait_in_step()
        self.assertEqual(self.cluster.metric("tercet_metadata_snapshots_total"), 0)
        self.restore_from(2)
        self.assertEqual(self.state("log"), before)

    def test_node_away_catches_up_by_a_snapshot(self):
        self.wait_in_step()
        self.cluster.nodes[3].kill()
        self.fill("snapshot")
        before = self.state("snapshot")
        self.restart_gateway_without(4, lose_log=True)
        self.cluster.restart_node(4)
        self.wait_in_step()
        self.assertEqual(self.cluster.metric("tercet_metadata_snapshots_total"), 1)
        self.restore_from(4)
        self.assertEqual(self.state("snapshot"), before)

    def restart_gateway_without(self, number, lose_log=False):
        """A new process has no commits in memory; its database's log is all there is, unless that is lost too."""
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        if lose_log:
            archive = os.path.join(self.meta, "archive")
            self.assertTrue(os.listdir(archive))
            shutil.rmtree(archive)
        self.cluster.gateway.start()
        poll(lambda: self.cluster.get("/health")[0] == 200, "the gateway answers")
        poll(lambda: self.cluster.healthy_nodes() == NODE_COUNT - 1, f"all nodes but {number} are healthy")

    def test_replaced_node_gets_everything(self):
        self.fill("replaced")
        self.wait_in_step()
        before = self.state("replaced")
        self.cluster.nodes[0].kill()
        shutil.rmtree(os.path.join(self.cluster.data("node1"), "meta-replica"))
        self.cluster.restart_node(1)
        s3.client(self.cluster).put_object(Bucket="replaced", Key="key/0", Body=b"")
        before = self.state("replaced")
        self.wait_in_step()
        self.restore_from(1)
        self.assertEqual(self.state("replaced"), before)

    def newest_log(self):
        return max(glob.glob(os.path.join(self.meta, "*.log")), key=lambda path: int(os.path.basename(path)[:-4]))

    def test_torn_record_is_dropped(self):
        """A power loss leaves the last record with its length but not its bytes. No node has it, so it is dropped; not
        while two nodes are away, which might have it."""
        self.fill("torn")
        before = self.state("torn")
        self.wait_in_step()
        self.cluster.gateway.kill()
        with open(self.newest_log(), "ab") as log:
            if log.tell() % LOG_BLOCK > LOG_BLOCK - 500:
                log.write(bytes(LOG_BLOCK - log.tell() % LOG_BLOCK))
            log.write(secrets.token_bytes(4) + (400).to_bytes(2, "little") + b"\x01" + secrets.token_bytes(400))
        size = os.path.getsize(self.newest_log())
        for node in self.cluster.nodes[:2]:
            node.terminate()
            node.wait_end()
        code, said = self.run_gateway()
        self.assertEqual(code, 1, said)
        self.assertIn("only 2 of 4 nodes say", said)
        self.assertEqual(os.path.getsize(self.newest_log()), size, "a refused start changed the log")
        self.cluster.start()
        self.assertIn("was torn and is dropped", self.cluster.gateway.log_tail())
        self.assertEqual(self.state("torn"), before)

    def test_damaged_last_record_is_refused(self):
        """The same look, but the nodes have it: it was acknowledged."""
        self.fill("damaged")
        before = self.state("damaged")
        self.wait_in_step()
        self.cluster.gateway.kill()
        with open(self.newest_log(), "r+b") as log:
            log.seek(-5, os.SEEK_END)
            byte = log.read(1)
            log.seek(-5, os.SEEK_END)
            log.write(bytes([byte[0] ^ 1]))
        code, said = self.run_gateway()
        self.assertEqual(code, 1, said)
        self.assertIn("behind", said)
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 0, said)
        self.cluster.start()
        self.assertEqual(self.state("damaged"), before)

    def test_stale_local_database_is_refused(self):
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        stale = self.path("stale")
        shutil.copytree(self.meta, stale)
        self.cluster.start()
        self.fill("stale")
        before = self.state("stale")
        self.wait_in_step()
        self.cluster.gateway.kill()
        shutil.rmtree(self.meta)
        shutil.copytree(stale, self.meta)
        code, said = self.run_gateway()
        self.assertEqual(code, 1, said)
        self.assertIn("behind", said)
        self.assertIn("-restore-metadata", said)
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 0, said)
        self.cluster.start()
        self.assertEqual(self.state("stale"), before)

    def test_stale_database_is_found_out_when_its_nodes_come_late(self):
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        stale = self.path("stale")
        shutil.copytree(self.meta, stale)
        self.cluster.start()
        self.fill("late")
        before = self.state("late")
        self.wait_in_step()
        for program in self.cluster.programs:
            program.kill()
        shutil.rmtree(self.meta)
        shutil.copytree(stale, self.meta)
        self.cluster.gateway.start()
        poll(lambda: self.cluster.get("/health")[0] == 200, "the gateway answers without nodes")
        self.cluster.gateway.killed = True  # it is expected to end by itself
        for number in range(1, NODE_COUNT + 1):
            self.cluster.restart_node(number)
        self.assertEqual(self.cluster.gateway.process.wait(60), 1)
        self.assertIn("-restore-metadata", self.cluster.gateway.log_tail())
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 0, said)
        self.cluster.start()
        self.assertEqual(self.state("late"), before)

    def make_two_histories(self, bucket):
        """The log loses its tail while the nodes that have it are away, and the gateway goes on with the others:
        "first" is acknowledged on nodes 1 and 2, "second" on nodes 3 and 4. Ends with the gateway's end."""
        s3.client(self.cluster).create_bucket(Bucket=bucket)
        self.wait_in_step()
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        stale = self.path("stale")
        shutil.copytree(self.meta, stale)
        self.cluster.gateway.start()
        self.wait_in_step()
        for node in self.cluster.nodes[2:]:
            node.kill()
        for i in range(5):
            s3.client(self.cluster).put_object(Bucket=bucket, Key=f"first/{i}", Body=content(3000, i))
        for program in (self.cluster.gateway, *self.cluster.nodes[:2]):
            program.kill()
        shutil.rmtree(self.meta)
        shutil.move(stale, self.meta)
        for number in (3, 4):
            self.cluster.restart_node(number)
        self.cluster.gateway.start()
        poll(lambda: self.cluster.get("/health")[0] == 200, "the gateway answers")
        poll(lambda: self.cluster.healthy_nodes() == 2, "two nodes are healthy")
        for i in range(50):  # more changes than were lost: the sequences alone do not show it
            s3.client(self.cluster).put_object(Bucket=bucket, Key=f"second/{i}", Body=content(3000, i))
        self.cluster.gateway.killed = True  # it is expected to end by itself
        for number in (1, 2):
            self.cluster.restart_node(number)
        self.assertEqual(self.cluster.gateway.process.wait(60), 1)
        self.assertIn("went on without", self.cluster.gateway.log_tail())
        code, said = self.run_gateway()
        self.assertEqual(code, 1, said)
        self.assertIn("have another history than those of node", said)
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 1, said)
        self.assertRegex(said, "-restore-from [34] or -restore-from [12]")

    def go_on_from(self, number, bucket, kept):
        code, said = self.run_gateway("-restore-metadata", "-restore-from", str(number))
        self.assertEqual(code, 0, said)
        self.assertIn(f"restored from node {number}", said)
        self.cluster.start()
        self.wait_in_step()
        client = s3.client(self.cluster)
        names = [row["Key"] for row in client.list_objects_v2(Bucket=bucket)["Contents"]]
        self.assertEqual({name.split("/")[0] for name in names}, {kept})
        for name in names:
            body = client.get_object(Bucket=bucket, Key=name)["Body"].read()
            self.assertEqual(body, content(3000, int(name.split("/")[1])))

    def test_two_histories_the_first_is_kept(self):
        self.make_two_histories("forked-1")
        self.go_on_from(1, "forked-1", "first")
        self.restore_from(4)  # the nodes of the other history hold this one now
        self.assertEqual(len(s3.client(self.cluster).list_objects_v2(Bucket="forked-1")["Contents"]), 5)

    def test_two_histories_the_second_is_kept(self):
        self.make_two_histories("forked-2")
        code, said = self.run_gateway("-restore-metadata", "-restore-from", "9")
        self.assertEqual(code, 1, said)
        self.assertIn("node 9 does not answer", said)
        self.go_on_from(3, "forked-2", "second")

    def test_damaged_replica_is_passed_over(self):
        self.fill("rotten")
        before = self.state("rotten")
        replica = os.path.join(self.cluster.data("node1"), "meta-replica")
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="more")
        for number in range(300):  # so that there are blocks which a start does not read
            client.put_object(Bucket="more", Key=str(number), Body=b"more")
        self.cluster.nodes[0].kill()
        self.cluster.restart_node(1)  # what the log of the first process had becomes a table
        self.wait_in_step()
        self.cluster.nodes[0].kill()
        table = max(glob.glob(os.path.join(replica, "*.sst")), key=os.path.getsize)
        with open(table, "r+b") as file:
            file.seek(os.path.getsize(table) // 2)
            file.write(b"rotten")
        self.cluster.restart_node(1)
        self.cluster.gateway.kill()
        shutil.rmtree(self.meta)
        code, said = self.run_gateway("-restore-metadata", "-restore-from", "1")
        self.assertEqual(code, 1, said)
        self.assertIn("could not be restored from node 1", said)
        self.assertIn("-restore-from 2 restores from that node", said)
        code, said = self.run_gateway("-restore-metadata", "-restore-from", "2")
        self.assertEqual(code, 0, said)
        self.cluster.nodes[0].kill()
        shutil.rmtree(replica)
        self.cluster.restart_node(1)
        self.cluster.start()
        self.wait_in_step()
        self.assertEqual(self.state("rotten"), before)

    def test_restore_refuses_what_is_not_behind(self):
        self.wait_in_step()
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 1, said)
        self.assertIn("not behind", said)
        self.cluster.start()

    def test_wrong_cluster_id_is_refused(self):
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        code, said = self.run_gateway("-cluster-id", secrets.token_hex(16))
        self.assertEqual(code, 1, said)
        self.assertIn("another cluster", said)
        code, said = self.run_gateway("-cluster-id", secrets.token_hex(16), "-data-dir", self.path("empty"))
        self.assertEqual(code, 1, said)
        self.assertIn("wrong cluster-id", said)
        self.cluster.start()

    def test_changes_need_two_replicas(self):
        client = s3.client(self.cluster, retries={"max_attempts": 0})
        client.create_bucket(Bucket="two")
        for number in (1, 2, 3):
            self.cluster.nodes[number - 1].kill()
        poll(lambda: self.cluster.healthy_nodes() == 1, "one node is left")
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            client.delete_bucket(Bucket="two")
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        for number in (1, 2, 3):
            self.cluster.restart_node(number)
        self.wait_in_step()
        client.delete_bucket(Bucket="two")  # it was refused, not half done

    def test_repeated_deletion_is_not_acknowledged_before_the_first(self):
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="repeated")
        client.put_object(Bucket="repeated", Key="key", Body=b"body")
        self.wait_in_step()
        for node in self.cluster.nodes[1:]:
            node.pause()
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(s3.signed(self.cluster, "DELETE", "/repeated/key").status))
                   for _ in range(6)]
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        for thread in threads:
            thread.join()
        for node in self.cluster.nodes[1:]:
            node.resume()
        self.assertEqual(answers, [503] * 6)
        self.wait_in_step()
        client.delete_object(Bucket="repeated", Key="key")


if __name__ == "__main__":
    main()
