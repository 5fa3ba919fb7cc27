"""-audit-log: a line for each denial, each change of a right and each use of root's keys, and no secret in any."""

import json
import os
import shutil
import tempfile
import time

import s3
from botocore.exceptions import ClientError
from cluster import poll
from harness import ClusterTest, main

POLICY = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Mine", "Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::mine", "arn:aws:s3:::mine/*"]},
    {"Sid": "NotThat", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::mine/kept/*"}]}
SECRET = "a secret of sixteen"


class Audit(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="tercet-audit-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.path, bootstrap = os.path.join(folder, "audit"), os.path.join(folder, "users.json")
        with open(os.open(bootstrap, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump({"users": [{"name": "anna", "policies": {"p": POLICY}, "keys": [{"id": "ANNA", "secret": SECRET}]}],
                       "buckets": [{"name": "mine"}, {"name": "other"}]}, file)
        cls.cluster_options = {"tls": False, "gateway_options": ("-bootstrap", bootstrap, "-audit-log", cls.path)}
        super().setUpClass()
        cls.root = s3.client(cls.cluster)
        cls.anna = s3.client(cls.cluster, access_key="ANNA", secret_key=SECRET)

    def read(self):
        with open(self.path) as file:
            return [json.loads(line) for line in file]

    def lines(self, count, call, **arguments):
        """The lines that the call adds to the file; its error is expected, if it has one. They come behind the answer."""
        before = len(self.read())
        try:
            call(**arguments)
        except ClientError:
            pass
        poll(lambda: len(self.read()) >= before + count, f"{count} lines of audit", 10)
        return self.read()[before:]

    def line(self, wanted, call, **arguments):
        (line,) = self.lines(1, call, **arguments)
        self.assertEqual({name: line[name] for name in wanted}, wanted)
        return line

    def test_denials(self):
        who = {"outcome": "denied", "principal": "arn:aws:iam::000000000000:user/anna", "accessKey": "ANNA", "remote": "127.0.0.1"}
        line = self.line(who | {"operation": "GetObject", "right": "s3:GetObject", "bucket": "other", "key": "k",
                                "by": "nothing allows it", "statement": 0, "statusCode": 403, "error": "AccessDenied"},
                         self.anna.get_object, Bucket="other", Key="k")
        self.assertRegex(line["timestamp"], r"^\d{4}-\d\d-\d\dT")
        self.assertTrue(line["requestID"])
        self.line(who | {"operation": "PutObject", "key": "kept/k", "by": "policy", "statement": 2, "sid": "NotThat"},
                  self.anna.put_object, Bucket="mine", Key="kept/k", Body=b"x")
        self.line({"outcome": "denied", "principal": "anonymous", "accessKey": "", "statusCode": 403},
                  self.cluster.get, path="/mine/k")
        stranger = s3.client(self.cluster, access_key="ANNA", secret_key="a wrong secret")
        self.line({"outcome": "denied", "principal": "anonymous", "accessKey": "ANNA", "error": "SignatureDoesNotMatch", "by": ""},
                  stranger.list_objects_v2, Bucket="mine")

    def test_each_key_of_a_batch(self):
        keys = [{"Key": key} for key in ("kept/a", "free", "kept/b")]
        self.line({"outcome": "denied", "key": "kept/a", "keys": 2, "right": "s3:DeleteObject"},
                  self.anna.delete_objects, Bucket="mine", Delete={"Objects": keys})

    def test_strangers_do_not_fill_the_disk(self):
        before, begun = len(self.read()), time.monotonic()
        for _ in range(300):
            self.cluster.get("/mine/k")
        seconds = time.monotonic() - begun
        time.sleep(1.1)  # so that there are places again
        self.cluster.get("/mine/k")
        poll(lambda: sum(1 + line["leftOut"] for line in self.read()[before:]) == 301, "each denial is a line, or counted", 10)
        self.assertLessEqual(len(self.read()[before:]), 50 * (seconds + 3))

    def test_what_users_may_is_not_audited_but_changes_of_rights(self):
        def use():
            self.anna.put_object(Bucket="mine", Key="k", Body=b"x")
            self.anna.get_object(Bucket="mine", Key="k")["Body"].read()
            self.anna.get_object(Bucket="other", Key="denied")  # on the same connection, so its line is behind theirs

        self.line({"operation": "GetObject", "key": "denied"}, use)
        policy = json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:user/anna"}, "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::mine/*"}})
        self.line({"outcome": "done", "operation": "PutBucketPolicy", "bucket": "mine", "by": "policy", "sid": "Mine", "statement": 1},
                  self.anna.put_bucket_policy, Bucket="mine", Policy=policy)
        self.line({"outcome": "done", "operation": "DeleteBucketPolicy"}, self.anna.delete_bucket_policy, Bucket="mine")

    def test_root_is_audited(self):
        root = {"principal": "arn:aws:iam::000000000000:root", "accessKey": self.cluster.access_key, "by": "granted"}
        self.line(root | {"outcome": "done", "operation": "PutObject", "key": "r"}, self.root.put_object, Bucket="other", Key="r", Body=b"x")
        self.line(root | {"outcome": "failed", "operation": "GetObject", "error": "NoSuchKey"}, self.root.get_object, Bucket="other",
                  Key="none")

    def test_no_secret_and_nobody_else_reads_it(self):
        url = self.anna.generate_presigned_url("get_object", Params={"Bucket": "other", "Key": "k"})
        self.cluster.get(url[len(self.cluster.url):])
        with open(self.path) as file:
            text = file.read()
        for secret in (SECRET, self.cluster.secret_key, "Signature="):
            self.assertNotIn(secret, text)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)


if __name__ == "__main__":
    main()
