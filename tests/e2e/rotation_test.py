"""Rotation of keys on a cluster: under load, with a gateway that is killed, every object can be read at each moment, and at the
end nothing needs the old key, which is then removed."""

import concurrent.futures
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading

import s3
from cluster import poll
from harness import PART, ClusterTest, content, main

OBJECTS = 150
KILLS = 2


class Rotation(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="keyring-")
        cls.addClassCleanup(folder.cleanup)
        cls.keyring = os.path.join(folder.name, "keyring")
        cls.key("-new-key", "k1")
        cls.cluster_options = {"tls": False, "gateway_options": ["-keyring", cls.keyring, "-encrypt-all", "-rekey-rate", "100",
                                                                 "-allow-ssec-over-http", "-small-max", "64K"]}  # fmt: skip
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="rotated")
        cls.s3.put_bucket_versioning(Bucket="rotated", VersioningConfiguration={"Status": "Enabled"})

    @classmethod
    def key(cls, *options):
        program = os.path.join(os.environ["TERCET_BUILD"], "gateway", "tercet-gateway")
        subprocess.run([program, "-keyring", cls.keyring, *options], check=True, capture_output=True)

    def reload(self):
        self.cluster.gateway.process.send_signal(signal.SIGHUP)

    def state(self):
        return json.loads(self.cluster.get("/system/encryption")[1])

    def key_state(self, name):
        return next((key for key in self.state()["keys"] if key["name"] == name), None)

    def fill(self):
        """Versions by name: what each is, and what it has to be."""
        stored = []
        for number in range(OBJECTS):
            key, body = f"k{number % 100}", content(100 + number * 700, number)
            how = [{}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k1"}][number % 2]
            version = self.s3.put_object(Bucket="rotated", Key=key, Body=body, **how)["VersionId"]
            stored.append((key, version, body))
        return stored

    def check(self, client, key, version, body):
        got = client.get_object(Bucket="rotated", Key=key, VersionId=version)
        self.assertEqual(got["Body"].read(), body, (key, version))

    def load(self, stored, stop, seed):
        """Reads all the time, and writes; what fails while the gateway is away is tried again. Returns what was written."""
        client, choice, written, reads = s3.client(self.cluster), random.Random(seed), [], 0
        while not stop.is_set():
            try:
                self.check(client, *choice.choice(stored))
                reads += 1
                if reads % 10:
                    continue
                body = secrets.token_bytes(2000)
                key = f"load-{seed}-{len(written)}"
                written.append((key, client.put_object(Bucket="rotated", Key=key, Body=body)["VersionId"], body))
            except AssertionError:
                raise
            except Exception as error:  # pylint: disable=broad-except
                answer = getattr(error, "response", None)  # an answer of the gateway's: only that it is not ready
                if answer and answer["ResponseMetadata"]["HTTPStatusCode"] != 503:
                    raise
        self.assertGreater(reads, 0)
        return written

    def test_under_load_with_kills(self):
        stored = self.fill()
        customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": secrets.token_bytes(32)}
        self.s3.put_object(Bucket="rotated", Key="customer", Body=b"own", **customer)
        upload = self.s3.create_multipart_upload(Bucket="rotated", Key="parts")["UploadId"]
        part = {"Bucket": "rotated", "Key": "parts", "UploadId": upload}
        parts = [{"PartNumber": 1, "ETag": self.s3.upload_part(**part, PartNumber=1, Body=content(PART, 1))["ETag"]}]
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            loads = [pool.submit(self.load, stored, stop, seed) for seed in range(2)]
            try:
                self.key("-new-key", "k2")
                self.key("-retire-key", "k1")
                self.reload()
                for _ in range(KILLS):
                    poll(lambda: self.state()["pass"]["rewrapped"] > 0 or self.key_state("k1")["removable"], "a pass")
                    self.cluster.gateway.kill()
                    self.cluster.gateway.start()
                    self.cluster.wait_ready()
                poll(lambda: self.key_state("k1")["removable"], "that the old key is removable", 120)
            finally:
                stop.set()
            written = [row for load in loads for row in load.result()]
        self.assertEqual(self.key_state("k1")["versions"], 0)
        self.key_removed("k1")
        for row in stored + written:
            self.check(self.s3, *row)
        self.assertEqual(self.s3.get_object(Bucket="rotated", Key="customer", **customer)["Body"].read(), b"own")
        parts.append({"PartNumber": 2, "ETag": self.s3.upload_part(**part, PartNumber=2, Body=b"end")["ETag"]})
        self.s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
        self.assertEqual(self.s3.get_object(Bucket="rotated", Key="parts")["Body"].read(), content(PART, 1) + b"end")

    def key_removed(self, name):
        with open(self.keyring, encoding="utf-8") as file:
            lines = [line for line in file if f" {name}" not in line]
        with open(self.keyring, "w", encoding="utf-8") as file:
            file.writelines(lines)
        self.reload()
        poll(lambda: self.key_state(name) is None, "that the key is gone")


class Restored(ClusterTest):
    """The gateway's disk is lost, and the keyring with it; of the keyring there is a copy that a passphrase seals."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="keyring-")
        cls.addClassCleanup(folder.cleanup)
        cls.keyring, cls.sealed, cls.passphrase = (os.path.join(folder.name, name) for name in ("keyring", "sealed", "passphrase"))
        with open(cls.passphrase, "w", opener=lambda path, flags: os.open(path, flags, 0o600), encoding="utf-8") as file:
            file.write("a passphrase of some length\n")
        Rotation.key.__func__(cls, "-new-key", "k1")
        cls.cluster_options = {"tls": False, "gateway_options": ["-keyring", cls.keyring]}
        super().setUpClass()

    def test_restored(self):
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="kept")
        client.put_object(Bucket="kept", Key="sealed", Body=b"sealed", ServerSideEncryption="AES256")
        client.put_object(Bucket="kept", Key="plain", Body=b"plain")
        Rotation.key.__func__(type(self), "-export-keys", self.sealed, "-passphrase-file", self.passphrase)
        self.cluster.gateway.kill()
        shutil.rmtree(os.path.join(self.cluster.data("gateway"), "meta"))
        os.unlink(self.keyring)
        argv = self.cluster.gateway.argv
        without = argv[: argv.index("-keyring")]
        subprocess.run([*without, "-restore-metadata"], check=True, capture_output=True, timeout=90)
        self.cluster.gateway.argv = without
        self.cluster.start()
        poll(lambda: self.missing() == [{"name": "k1", "versions": 1, "uploads": 0}], "that the key is said to be missing")
        self.assertIn("a key is missing", self.cluster.gateway.log_text())
        with self.assertRaisesRegex(Exception, "key/k1' does not exist"):
            client.get_object(Bucket="kept", Key="sealed")
        self.assertEqual(client.get_object(Bucket="kept", Key="plain")["Body"].read(), b"plain")
        self.cluster.stop()
        Rotation.key.__func__(type(self), "-import-keys", self.sealed, "-passphrase-file", self.passphrase)
        self.cluster.gateway.argv = argv
        self.cluster.start()
        self.assertEqual(client.get_object(Bucket="kept", Key="sealed")["Body"].read(), b"sealed")

    def missing(self):
        return json.loads(self.cluster.get("/system/encryption")[1])["missing"]


if __name__ == "__main__":
    main()
