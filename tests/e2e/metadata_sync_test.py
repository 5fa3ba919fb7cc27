"""The nodes keep replicas of the metadata: a gateway that lost its disk gets everything back, a node that was away
catches up, and a gateway that must not serve refuses."""

import fcntl
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
import node_database
import raw_http
import s3
import storage_node
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
        poll(lambda: self.cluster.healthy_nodes() == NODE_COUNT, "all nodes are healthy")
        poll(self.cluster.replicas_are_in_step, "all replicas are in step")

    def node_data(self, number):
        return os.path.join(self.cluster.data(f"node{number}"), "small")

    def restore_from(self, number):
        """Loses the gateway's disk and the replicas of all other nodes, and restores from that node's."""
        for program in self.cluster.programs:
            program.kill()
        shutil.rmtree(self.meta)
        for other in range(1, NODE_COUNT + 1):
            if other != number:
                node_database.forget_replica(self.node_data(other))
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
        node_database.forget_replica(self.node_data(1))
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
        node_database.forget_replica(self.node_data(1))
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

    def test_damaged_last_record_is_taken_over(self):
        """The same look, but the nodes have it: it was acknowledged, and comes back from them."""
        self.fill("damaged")
        before = self.state("damaged")
        self.wait_in_step()
        self.cluster.gateway.kill()
        with open(self.newest_log(), "r+b") as log:
            log.seek(-5, os.SEEK_END)
            byte = log.read(1)
            log.seek(-5, os.SEEK_END)
            log.write(bytes([byte[0] ^ 1]))
        self.cluster.start()
        self.assertIn("was torn and is dropped", self.cluster.gateway.log_tail())
        self.assertIn("it is taken over", self.cluster.gateway.log_tail())
        self.assertEqual(self.state("damaged"), before)

    def test_record_that_was_sent_but_not_synced_is_taken_over(self):
        """A gateway that loses its power between the two has it no more: the first one of a process, which begins an
        epoch."""
        self.fill("ahead")
        self.wait_in_step()
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        stale = self.path("ahead")
        shutil.copytree(self.meta, stale)
        self.cluster.start()
        s3.client(self.cluster).put_object(Bucket="ahead", Key=f"key/{SIZES[0]}", Body=b"only the nodes have its name")
        before = self.state("ahead")
        self.wait_in_step()
        self.cluster.gateway.kill()
        shutil.rmtree(self.meta)
        shutil.copytree(stale, self.meta)
        self.cluster.start()
        self.assertIn("it is taken over", self.cluster.gateway.log_tail())
        self.assertEqual(self.state("ahead"), before)
        s3.client(self.cluster).put_object(Bucket="ahead", Key=f"key/{SIZES[0]}", Body=b"it goes on")
        self.wait_in_step()

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
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="more")
        for number in range(300):  # so that there are blocks which a start does not read
            client.put_object(Bucket="more", Key=str(number), Body=b"more")
        self.cluster.nodes[0].kill()
        table = max(node_database.replica_tables(self.node_data(1)), key=os.path.getsize)
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
        self.cluster.start()
        self.wait_in_step()
        self.assertEqual(self.state("rotten"), before)
        [kept] = glob.glob(self.node_data(1) + ".damaged-*")
        poll(lambda: os.path.exists(os.path.join(kept, "salvaged")), "the node took its small chunks back")
        poll(lambda: self.cluster.metric("tercet_repair_backlog") == 0, "nothing is left to repair")
        shutil.rmtree(kept)  # as the runbook says; while it is there, an empty replica counts as lost

    def test_restore_refuses_what_is_not_behind(self):
        self.wait_in_step()
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 1, said)
        self.assertIn("not behind", said)
        self.cluster.start()

    def test_restore_into_the_folder_of_a_living_gateway_is_refused(self):
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="living")
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 1, said)
        self.assertIn("in use by a gateway", said)
        code, said = self.run_gateway()
        self.assertEqual(code, 1, said)
        self.assertIn("in use by a gateway", said)
        client.put_object(Bucket="living", Key="key", Body=b"goes on")
        self.restart_gateway()
        self.assertEqual(s3.client(self.cluster).get_object(Bucket="living", Key="key")["Body"].read(), b"goes on")

    def test_lock_of_a_gateway_of_an_earlier_build(self):
        """It holds RocksDB's lock alone."""
        self.cluster.gateway.kill()
        with open(os.path.join(self.meta, "LOCK"), "r+b") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            for options in ("-restore-metadata",), ("-restore-metadata", "-restore-from", "1"), ():
                code, said = self.run_gateway(*options)
                self.assertEqual(code, 1, said)
                self.assertRegex(said, "a gateway has (them|the metadata in .*) open")
                self.assertNotIn("corrupt", said)
        self.cluster.start()

    def restoring(self, *options):
        return subprocess.Popen([*self.cluster.gateway.argv, "-restore-metadata", *options], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def restore_at_once(self, folders):
        """How many of them succeeded. The others say why they did not."""
        running = [self.restoring("-data-dir", folder) for folder in folders]
        ended = [(restore.communicate(timeout=90)[0], restore.returncode) for restore in running]
        for said, code in ended:
            self.assertRegex(said, "rows restored" if code == 0 else "in use by a restore|not behind|another restore")
        return sum(code == 0 for _, code in ended)

    def test_restores_at_once(self):
        """Into one folder the first is the only one; into two, they may cross each other, but then say so."""
        self.fill("twice")
        before = self.state("twice")
        self.wait_in_step()
        self.cluster.gateway.kill()
        shutil.rmtree(self.meta)
        self.assertEqual(self.restore_at_once([self.cluster.data("gateway")] * 3), 1)
        self.restore_at_once([self.path("first"), self.path("second")])
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 0, said)
        self.cluster.start()
        self.assertEqual(self.state("twice"), before)

    def test_restore_elsewhere_shuts_the_living_gateway_out(self):
        """Nothing that it acknowledges is lost, and it ends; it does not come back in the place of the other."""
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="elsewhere")
        self.wait_in_step()
        acknowledged, stop = [], threading.Event()

        def write():
            while not stop.is_set():
                try:
                    client.put_object(Bucket="elsewhere", Key=str(len(acknowledged)), Body=b"acknowledged")
                    acknowledged.append(str(len(acknowledged)))
                except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
                    time.sleep(0.01)

        writer = threading.Thread(target=write)
        writer.start()
        poll(lambda: len(acknowledged) > 50, "there are some")
        other = self.path("other")
        code, said = self.run_gateway("-restore-metadata", "-data-dir", other)
        self.cluster.gateway.killed = True  # it is expected to end by itself
        self.assertEqual(code, 0, said)
        self.assertIn("take nothing more from a gateway", said)
        self.assertEqual(self.cluster.gateway.process.wait(30), 4)
        stop.set()
        writer.join()
        self.assertIn("this gateway was replaced", self.cluster.gateway.log_tail())
        code, said = self.run_gateway()
        self.assertEqual(code, 4, said)
        self.assertIn("this gateway was replaced", said)
        self.replace_folder(other)
        self.cluster.start()
        self.wait_in_step()
        listed = {row["Key"] for page in s3.client(self.cluster).get_paginator("list_objects_v2").paginate(Bucket="elsewhere")
                  for row in page["Contents"]}
        self.assertEqual(set(acknowledged) - listed, set())

    def replace_folder(self, other):
        """The gateway's data are these from now on."""
        shutil.rmtree(self.cluster.data("gateway"))
        os.rename(other, self.cluster.data("gateway"))

    def test_restore_that_ended_behind_its_fence(self):
        """Nothing was restored, but the nodes refuse the gateway: it says so, also when it is started again, and the
        restore can be repeated where it is."""
        self.fill("fenced")
        before = self.state("fenced")
        self.wait_in_step()
        self.cluster.gateway.killed = True  # it is expected to end by itself
        for number in range(1, NODE_COUNT + 1):
            node = storage_node.StorageNode(self.cluster, number)
            self.assertEqual(node.request("POST", "/meta/fence?generation=1000000"), (204, b""))
        self.assertEqual(self.cluster.gateway.process.wait(30), 4)
        code, said = self.run_gateway()
        self.assertEqual(code, 4, said)
        self.assertIn("-restore-metadata was begun", said)
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 0, said)
        self.cluster.start()
        self.wait_in_step()
        self.assertEqual(self.state("fenced"), before)

    def test_refused_restore_leaves_the_living_gateway_alone(self):
        self.wait_in_step()
        for node in self.cluster.nodes[:2]:
            node.kill()
        restore = self.restoring("-data-dir", self.path("unused"))
        said = restore.communicate(timeout=90)[0]
        self.assertEqual(restore.returncode, 1, said)
        self.assertIn("only 2 of 4 nodes say", said)
        for number in (1, 2):
            self.cluster.restart_node(number)
        self.wait_in_step()
        s3.client(self.cluster).create_bucket(Bucket="alone")
        self.restart_gateway()

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
