"""-bootstrap: users with their keys, groups, policies and buckets from a file, at the start and on SIGHUP, as docs/bootstrap.md
says; asked by boto3 with the keys of the file."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import cluster
import s3
from botocore.exceptions import ClientError
from harness import ClusterTest, main

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def document():
    """The one example of the document."""
    with open(os.path.join(ROOT, "docs", "bootstrap.md")) as file:
        (text,) = re.findall(r"```json\n(.*?)```", file.read(), re.DOTALL)
    return json.loads(text)


class Bootstrap(ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tercet-bootstrap-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.path = os.path.join(cls.folder, "users.json")
        cls.secret_file = os.path.join(cls.folder, "anna")
        with open(os.open(cls.secret_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("anna's own secret\n")
        cls.write(cls.example())
        cls.cluster_options = {"tls": False, "gateway_options": ("-bootstrap", cls.path, "-loglevel", "info")}
        super().setUpClass()
        cls.root = s3.client(cls.cluster)

    @classmethod
    def example(cls):
        wanted = document()
        wanted["users"][0]["keys"] = [{"id": "ANNA-KEY", "secretFile": cls.secret_file}]
        wanted["users"][1]["keys"] = [{"id": "BACKUP-KEY", "secret": "the backup's secret"}]
        return wanted

    @classmethod
    def write(cls, wanted):
        text = wanted if isinstance(wanted, str) else json.dumps(wanted)
        with open(os.open(cls.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)

    def setUp(self):
        super().setUp()
        self.write(self.example())
        self.reload()

    def lines(self, message):
        with open(self.cluster.gateway.log_path) as file:
            return [json.loads(line) for line in file if message in line]

    def reload(self, message="bootstrap file applied"):
        """Has the gateway read the file again, and returns what it logs then."""
        before = len(self.lines(message))
        self.cluster.gateway.process.send_signal(signal.SIGHUP)
        cluster.poll(lambda: len(self.lines(message)) > before, message, 30)
        return self.lines(message)[-1]

    def counts(self):
        line = self.reload()
        return [line[name] for name in ("made", "changed", "removed", "unchanged")]

    def stop_gateway(self):
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()

    def client(self, key, secret):
        return s3.client(self.cluster, access_key=key, secret_key=secret)

    def assert_refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)

    def test_users_may_what_the_file_says(self):
        backup, anna = self.client("BACKUP-KEY", "the backup's secret"), self.client("ANNA-KEY", "anna's own secret")
        backup.put_object(Bucket="backup", Key="k", Body=b"b")
        self.assertEqual(backup.get_object(Bucket="backup", Key="k")["Body"].read(), b"b")
        self.root.put_object(Bucket="photos", Key="p", Body=b"p")
        self.assertEqual(anna.get_object(Bucket="photos", Key="p")["Body"].read(), b"p")
        self.assert_refused("AccessDenied", anna.put_object, Bucket="photos", Key="p", Body=b"x")
        self.assert_refused("AccessDenied", anna.get_object, Bucket="backup", Key="k")
        self.assert_refused("AccessDenied", backup.get_object, Bucket="photos", Key="p")
        self.assertEqual(self.root.get_bucket_versioning(Bucket="photos")["Status"], "Enabled")
        self.assertEqual(self.root.get_bucket_tagging(Bucket="photos")["TagSet"], [{"Key": "for", "Value": "the family"}])

    def test_the_same_file_changes_nothing(self):
        self.assertEqual(self.counts(), [0, 0, 0, 6])
        self.stop_gateway()
        self.cluster.gateway.start()
        self.cluster.wait_ready()
        line = self.lines("bootstrap file applied")[-1]
        self.assertEqual([line[name] for name in ("made", "changed", "removed", "unchanged")], [0, 0, 0, 6])
        self.client("ANNA-KEY", "anna's own secret").list_objects_v2(Bucket="photos")

    def test_what_differs_is_changed_at_once(self):
        wanted = self.example()
        wanted["users"][1]["keys"][0]["secret"] = "another secret"
        wanted["users"][0]["keys"][0]["active"] = False
        wanted["policies"][0]["document"]["Statement"][0]["Action"] = "s3:GetObject"
        self.write(wanted)
        self.assertEqual(self.counts(), [0, 3, 0, 3])
        self.client("BACKUP-KEY", "another secret").put_object(Bucket="backup", Key="k", Body=b"b")
        self.assert_refused("SignatureDoesNotMatch", self.client("BACKUP-KEY", "the backup's secret").list_objects_v2,
                            Bucket="backup")
        anna = self.client("ANNA-KEY", "anna's own secret")
        self.assert_refused("InvalidAccessKeyId", anna.list_objects_v2, Bucket="photos")
        wanted["users"][0]["keys"][0]["active"] = True
        self.write(wanted)
        self.assertEqual(self.counts(), [0, 1, 0, 5])
        self.root.put_object(Bucket="photos", Key="p", Body=b"p")
        anna.get_object(Bucket="photos", Key="p")
        self.assert_refused("AccessDenied", anna.list_objects_v2, Bucket="photos")

    def test_policies_of_aws_are_attached(self):
        attached = ["AmazonS3ReadOnlyAccess", "arn:aws:iam::aws:policy/IAMReadOnlyAccess"]
        self.write({"users": [{"name": "reader", "attached": attached, "boundary": "AmazonS3ReadOnlyAccess",
                               "keys": [{"id": "READER", "secret": "12345678"}]}]})
        self.assertEqual(self.counts(), [1, 0, 0, 0])
        self.assertEqual(self.counts(), [0, 0, 0, 1])
        self.root.put_object(Bucket="photos", Key="p", Body=b"p")
        self.client("READER", "12345678").get_object(Bucket="photos", Key="p")
        self.write({"users": [{"name": "reader", "absent": True}], "policies": [{"name": "AmazonS3ReadOnlyAccess",
                                                                                   "document": document()["policies"][0]["document"]}]})
        problem = self.reload("the bootstrap file was not applied to its end")["problem"]
        self.assertEqual(problem, "policies[0].name: a policy of AWS's own has that name")
        self.write({"users": [{"name": "reader", "absent": True}]})
        self.assertEqual(self.counts(), [0, 0, 1, 0])

    def test_a_boundary_does_not_go(self):
        self.write({"policies": [{"name": "fence", "document": self.example()["policies"][0]["document"]}],
                    "users": [{"name": "fenced", "boundary": "fence"}]})
        self.assertEqual(self.counts(), [2, 0, 0, 0])
        self.write({"policies": [{"name": "fence", "absent": True}]})
        self.assertIn("or a boundary, so it cannot go", self.reload("the bootstrap file was not applied to its end")["problem"])
        self.write({"users": [{"name": "fenced", "absent": True}]})
        self.assertEqual(self.counts(), [0, 0, 1, 0])
        self.write({"policies": [{"name": "fence", "absent": True}]})
        self.assertEqual(self.counts(), [0, 0, 1, 0])

    def test_a_key_that_was_made_inactive_stays_so(self):
        wanted = self.example()
        wanted["users"][0]["keys"][0]["active"] = False
        self.write(wanted)
        self.assertEqual(self.counts(), [0, 1, 0, 5])
        self.write(self.example())
        self.assertEqual(self.counts(), [0, 0, 0, 6])
        wanted["users"][0]["keys"][0]["active"] = True
        self.write(wanted)
        self.assertEqual(self.counts(), [0, 1, 0, 5])

    def test_nothing_goes_that_is_not_named(self):
        self.write({"users": [{"name": "ANNA"}], "buckets": []})
        self.assertEqual(self.counts(), [0, 0, 0, 1])
        self.client("ANNA-KEY", "anna's own secret").list_objects_v2(Bucket="photos")

    def test_exact_lists(self):
        self.write({"users": [{"name": "anna", "exact": True, "keys": [{"id": "SECOND", "secret": "12345678"}]}]})
        self.assertEqual(self.counts(), [0, 1, 0, 0])
        self.assert_refused("InvalidAccessKeyId", self.client("ANNA-KEY", "anna's own secret").list_buckets)
        self.assert_refused("AccessDenied", self.client("SECOND", "12345678").list_objects_v2, Bucket="photos")
        self.write({"users": [{"name": "anna", "exact": True, "groups": ["family"],
                               "keys": [{"id": "ANNA-KEY", "secretFile": self.secret_file}]}]})
        self.assertEqual(self.counts(), [0, 1, 0, 0])
        self.client("ANNA-KEY", "anna's own secret").list_objects_v2(Bucket="photos")

    def test_what_is_absent_goes(self):
        self.write({"users": [{"name": "extra", "keys": [{"id": "EXTRA", "secret": "12345678"}], "attached": ["read-photos"]}],
                    "groups": [{"name": "guests"}], "buckets": [{"name": "passing"}]})
        self.assertEqual(self.counts(), [3, 0, 0, 0])
        self.client("EXTRA", "12345678").list_objects_v2(Bucket="photos")
        gone = {"users": [{"name": "extra", "absent": True}], "groups": [{"name": "guests", "absent": True}],
                "buckets": [{"name": "passing", "absent": True}]}
        self.write(gone)
        self.assertEqual(self.counts(), [0, 0, 3, 0])
        self.assert_refused("InvalidAccessKeyId", self.client("EXTRA", "12345678").list_objects_v2, Bucket="photos")
        self.assert_refused("NoSuchBucket", self.root.list_objects_v2, Bucket="passing")
        self.assertEqual(self.counts(), [0, 0, 0, 3])

    def test_buckets_with_their_settings(self):
        everybody = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                                                            "Resource": "arn:aws:s3:::open/*"}}
        wanted = {"name": "open", "owner": "anna", "policy": everybody}
        self.write({"buckets": [wanted]})
        line = self.reload("the bootstrap file was not applied to its end")
        self.assertEqual(line["problem"], "buckets[0].policy: it is public, and publicAccessBlock.blockPublicPolicy is on")
        wanted["publicAccessBlock"] = {"blockPublicPolicy": False, "restrictPublicBuckets": False}
        self.write({"buckets": [wanted]})
        self.assertEqual(self.counts(), [1, 0, 0, 0])
        self.assertEqual(self.counts(), [0, 0, 0, 1])
        anna = self.client("ANNA-KEY", "anna's own secret")
        anna.put_object(Bucket="open", Key="k", Body=b"for all")
        self.assertEqual(self.cluster.get("/open/k"), (200, b"for all"))
        self.assertEqual(self.root.get_public_access_block(Bucket="open")["PublicAccessBlockConfiguration"],
                         {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False,
                          "RestrictPublicBuckets": False})
        wanted |= {"publicAccessBlock": {}, "policy": everybody | {"Statement": everybody["Statement"] | {
            "Principal": {"AWS": "arn:aws:iam::000000000000:user/backup"}}}}
        self.write({"buckets": [wanted]})
        self.assertEqual(self.counts(), [0, 1, 0, 0])
        self.assertEqual(self.cluster.get("/open/k")[0], 403)
        backup = self.client("BACKUP-KEY", "the backup's secret")
        self.assertEqual(backup.get_object(Bucket="open", Key="k")["Body"].read(), b"for all")
        anna.delete_object(Bucket="open", Key="k")
        self.write({"buckets": [{"name": "open", "absent": True}]})
        self.assertEqual(self.counts(), [0, 0, 1, 0])

    def test_what_is_used_does_not_go(self):
        for section, name, reason in (("groups", "family", "the group has users, so it cannot go"),
                                      ("policies", "read-photos", "the policy is attached, or a boundary, so it cannot go")):
            self.write({section: [{"name": name, "absent": True}]})
            line = self.reload("the bootstrap file was not applied to its end")
            self.assertEqual(line["problem"], f"{section}[0]: {reason}")
        self.root.put_object(Bucket="backup", Key="k", Body=b"b")
        self.write({"buckets": [{"name": "backup", "absent": True}]})
        line = self.reload("the bootstrap file was not applied to its end")
        self.assertEqual(line["problem"], "buckets[0].absent: the bucket is not empty")

    def test_what_is_wrong_is_said_with_its_place(self):
        secret = {"id": "NEW", "secret": "12345678"}
        for wanted, problem in (
            ("{", "line 1, column 1: this is no JSON, or a field is there twice"),
            ('{"users": [], "users": []}', "this is no JSON, or a field is there twice"),
            ("[" * 100000, "it is nested more than 64 deep"),
            ({"user": []}, 'the field "user" is not known'),
            ({"users": {}}, "users: a list is needed"),
            ({"users": ["anna"]}, "users[0]: an object is needed"),
            ({"users": [{"nam": "anna"}]}, "users[0].name: it is missing"),
            ({"users": [{"name": "anna", "group": []}]}, 'users[0]: the field "group" is not known'),
            ({"users": [{"name": "a b"}]}, "users[0].name: "),
            ({"users": [{"name": "x"}, {"name": "X"}]}, 'users[1].name: "X" is in the file twice'),
            ({"users": [{"name": "anna", "groups": ["nobody's"]}]}, 'users[0].groups: there is no group "nobody\'s"'),
            ({"users": [{"name": "anna", "attached": ["none"]}]}, 'users[0].attached: there is no managed policy "none"'),
            ({"users": [{"name": "anna", "policies": {"p": {"Statement": [{"Effect": "Maybe"}]}}}]}, "users[0].policies.p: "),
            ({"users": [{"name": "anna", "keys": [{"id": "BACKUP-KEY", "secret": "12345678"}]}]},
             "users[0].keys[0].id: it is the key of another user"),
            ({"users": [{"name": "anna", "keys": [{"id": self.cluster.access_key, "secret": "12345678"}]}]},
             "users[0].keys[0].id: it is the root user's"),
            ({"users": [{"name": "anna", "keys": [secret | {"secretFile": "x"}]}]},
             "users[0].keys[0]: one of secret, secretFile and secretEnvironment is needed"),
            ({"users": [{"name": "anna", "keys": [{"id": "NEW", "secretEnvironment": "NOT_THERE"}]}]},
             "users[0].keys[0].secretEnvironment: NOT_THERE is not in the environment"),
            ({"users": [{"name": "anna", "keys": [secret, {"id": "NEW2", "secret": "12345678"}]}]},
             "users[0].keys: a user has no more"),
            ({"users": [{"name": "anna", "keys": [{"id": "NEW", "secret": "short"}]}]},
             "users[0].keys[0]: the secret has fewer than 8 characters"),
            ({"users": [{"name": "anna", "keys": [{"id": "anna-key", "secret": "12345678"}]}]},
             "users[0].keys[0].id: another key of the user differs by upper and lower case alone"),
            ({"buckets": [{"name": "A"}]}, "buckets[0].name: "),
            ({"buckets": [{"name": "photos", "versioning": "On"}]}, 'buckets[0].versioning: "Enabled" or "Suspended" is needed'),
            ({"buckets": [{"name": "photos", "owner": "nobody"}]}, 'buckets[0].owner: there is no user "nobody"'),
            ({"buckets": [{"name": "photos", "publicAccessBlock": {"all": True}}]}, 'the field "all" is not known'),
            ({"buckets": [{"name": "photos", "objectOwnership": "Mine"}]}, "buckets[0].objectOwnership: BucketOwnerEnforced"),
            ({"buckets": [{"name": "photos", "policy": {"Statement": []}}]}, "buckets[0].policy: "),
            ({"roles": [{"name": "r"}]}, "roles[0].trust: it is missing"),
            ({"policies": [{"name": "p"}]}, "policies[0].document: it is missing"),
            ({"policies": [{"name": "read-photos", "path": "/x/"}]}, "policies[0].path: the policy is there with the path /"),
        ):
            with self.subTest(problem):
                self.write(wanted)
                self.assertIn(problem, self.reload("the bootstrap file was not applied to its end")["problem"])
        with open(self.cluster.gateway.log_path) as file:
            self.assertNotIn("12345678", file.read())

    def test_a_start_with_a_wrong_file_is_refused(self):
        self.stop_gateway()
        self.write({"users": [{"name": "anna", "group": []}]})
        done = subprocess.run(self.cluster.gateway.argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn('tercet-gateway: bootstrap: users[0]: the field "group" is not known\n', done.stderr)
        self.write(self.example())
        self.cluster.gateway.start()
        self.cluster.wait_ready()


if __name__ == "__main__":
    main()
