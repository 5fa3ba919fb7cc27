"""Policies of buckets and the switches against public access, put by boto3 and met by curl, which signs nothing."""

import json
import os
import tempfile
import urllib.parse

import botocore.exceptions
import s3
from harness import ClusterTest, main, run

OFF = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)


class BucketPolicy(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.tls = s3.client(cls.cluster, tls=True)
        cls.made = 0

    def setUp(self):
        super().setUp()
        type(self).made += 1
        self.bucket = f"policy-{self.made}"
        self.s3.create_bucket(Bucket=self.bucket)
        for key in ("open/a", "shut/b"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=key.encode())

    def fails(self, code, status, call, **arguments):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(**arguments)
        error = caught.exception.response
        self.assertEqual((error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]), (code, status))
        return error["Error"]

    def statement(self, effect, actions, resource="/*", principal="*", **more):
        return {"Effect": effect, "Principal": principal, "Action": actions,
                "Resource": f"arn:aws:s3:::{self.bucket}{resource}"} | more  # fmt: skip

    def policy(self, *statements):
        return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})

    def put(self, *statements):
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=self.policy(*statements))

    def open(self):
        self.s3.put_public_access_block(Bucket=self.bucket, PublicAccessBlockConfiguration=OFF)

    def curl(self, key, *options, base=None):
        """The status of an unsigned request."""
        url = f"{base or self.cluster.url}/{self.bucket}/{key}"
        answer = run("curl", "-s", "-o", self.path("answer"), "-w", "%{http_code}", "--cacert", self.cluster.ca, *options, url)
        return int(answer.stdout)

    def test_it_is_kept_and_gone(self):
        self.open()
        self.fails("NoSuchBucketPolicy", 404, self.s3.get_bucket_policy, Bucket=self.bucket)
        self.put(self.statement("Allow", "s3:GetObject"))
        kept = self.s3.get_bucket_policy(Bucket=self.bucket)["Policy"]
        self.assertEqual(kept, self.policy(self.statement("Allow", "s3:GetObject")))
        status = self.s3.get_bucket_policy_status(Bucket=self.bucket)
        self.assertIs(status["PolicyStatus"]["IsPublic"], True)
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        self.fails("NoSuchBucketPolicy", 404, self.s3.get_bucket_policy, Bucket=self.bucket)
        self.fails("NoSuchBucketPolicy", 404, self.s3.get_bucket_policy_status, Bucket=self.bucket)

    def test_the_public_gets_what_is_allowed(self):
        self.open()
        self.assertEqual(self.curl("open/a"), 403)
        self.put(self.statement("Allow", "s3:GetObject", "/open/*"))
        self.assertEqual(self.curl("open/a"), 200)
        self.assertEqual(self.read("answer"), b"open/a")
        self.assertEqual(self.curl("open/a", "-I"), 200)
        self.assertEqual(self.curl("shut/b"), 403)
        self.assertEqual(self.curl("open/none"), 403)  # whether it is there is for those who may list
        self.assertEqual(self.curl(""), 403)
        self.assertEqual(self.curl("open/a", "-X", "DELETE"), 403)
        self.assertEqual(self.curl("open/a", "-T", "/dev/null"), 403)
        self.put(self.statement("Allow", ["s3:GetObject", "s3:PutObject"], "/open/*"),
                 self.statement("Allow", "s3:ListBucket", ""))  # fmt: skip
        self.assertEqual(self.curl("open/none"), 404)
        self.assertEqual(self.curl(""), 200)
        self.assertEqual(self.curl("open/new", "-X", "PUT", "-d", "new"), 200)
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key="open/new")["Body"].read(), b"new")
        self.assertEqual(self.curl("open/new?tagging"), 403)

    def test_a_deny_is_for_everybody(self):
        self.put(self.statement("Deny", "s3:GetObject", "/shut/*"))
        self.fails("AccessDenied", 403, self.s3.get_object, Bucket=self.bucket, Key="shut/b")
        self.fails("AccessDenied", 403, self.s3.copy_object, Bucket=self.bucket, Key="open/copy",
                   CopySource={"Bucket": self.bucket, "Key": "shut/b"})  # fmt: skip
        self.s3.get_object(Bucket=self.bucket, Key="open/a")
        self.put(self.statement("Deny", "s3:*"), self.statement("Deny", "s3:*", ""))
        self.fails("AccessDenied", 403, self.s3.list_objects_v2, Bucket=self.bucket)
        self.s3.get_bucket_policy(Bucket=self.bucket)
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        self.s3.get_object(Bucket=self.bucket, Key="shut/b")

    def test_conditions_on_the_way(self):
        secure = {"Bool": {"aws:SecureTransport": "false"}}
        self.put(self.statement("Deny", "s3:*", Condition=secure),
                 self.statement("Deny", "s3:*", Condition={"NumericLessThan": {"s3:TlsVersion": "1.3"}}))  # fmt: skip
        self.fails("AccessDenied", 403, self.s3.get_object, Bucket=self.bucket, Key="open/a")
        self.tls.get_object(Bucket=self.bucket, Key="open/a")
        old = self.curl("open/a", "--tls-max", "1.2", base=self.cluster.tls_url)
        self.assertEqual(old, 403)
        self.put(self.statement("Deny", "s3:GetObject", Condition={"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}))
        self.s3.get_object(Bucket=self.bucket, Key="open/a")
        url = self.s3.generate_presigned_url("get_object", {"Bucket": self.bucket, "Key": "open/a"})
        query = urllib.parse.urlparse(url).query
        self.assertEqual(self.curl("open/a?" + query), 403)
        self.put(self.statement("Deny", "s3:GetObject", Condition={"NumericGreaterThan": {"s3:signatureAge": "600000"}}))
        self.assertEqual(self.curl("open/a?" + query), 200)

    def test_conditions_on_what_is_put(self):
        self.put(self.statement("Deny", "s3:PutObject",
                                Condition={"StringNotEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}}))  # fmt: skip
        self.fails("AccessDenied", 403, self.s3.put_object, Bucket=self.bucket, Key="k", Body=b"k")
        self.s3.put_object(Bucket=self.bucket, Key="k", Body=b"k", StorageClass="STANDARD_IA")
        self.put(self.statement("Deny", "s3:PutObject", Condition={"Null": {"s3:if-none-match": "true"},
                                                                   "Bool": {"s3:ObjectCreationOperation": "true"}}))  # fmt: skip
        self.fails("AccessDenied", 403, self.s3.put_object, Bucket=self.bucket, Key="once", Body=b"k")
        answer = s3.signed(self.cluster, "PUT", f"/{self.bucket}/once", {"If-None-Match": "*"}, b"k")
        self.assertEqual(answer.status, 200, answer.body)
        self.s3.create_multipart_upload(Bucket=self.bucket, Key="parts")

    def test_malformed(self):
        for policy, text in (
            ("[]", "Policies must be valid JSON and the first byte must be '{'"),
            ("{}", "Missing required field Statement"),
            (self.policy(self.statement("Allow", "s3:GetObject", principal={"AWS": "nobody"})), "Invalid principal"),
        ):
            error = self.fails("MalformedPolicy", 400, self.s3.put_bucket_policy, Bucket=self.bucket, Policy=policy)
            self.assertIn(text, error["Message"])

    def test_the_switches(self):
        get = self.s3.get_public_access_block
        self.assertTrue(all(get(Bucket=self.bucket)["PublicAccessBlockConfiguration"].values()))
        public = self.policy(self.statement("Allow", "s3:GetObject"))
        self.fails("AccessDenied", 403, self.s3.put_bucket_policy, Bucket=self.bucket, Policy=public)
        self.s3.put_public_access_block(Bucket=self.bucket,
                                        PublicAccessBlockConfiguration=OFF | {"RestrictPublicBuckets": True})  # fmt: skip
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=public)
        self.assertEqual(self.curl("open/a"), 403)
        self.s3.delete_public_access_block(Bucket=self.bucket)
        self.assertEqual(self.curl("open/a"), 200)
        self.fails("NoSuchPublicAccessBlockConfiguration", 404, get, Bucket=self.bucket)

    def test_it_is_there_after_a_restart(self):
        self.open()
        self.put(self.statement("Allow", "s3:GetObject", "/open/*"))
        self.cluster.stop()
        self.cluster.start()
        self.assertEqual(self.curl("open/a"), 200)
        self.assertEqual(self.curl("shut/b"), 403)


def bootstrap(folder):
    """A file with two users who may make buckets, and no more."""
    path = os.path.join(folder.name, "users.json")
    create = {"Version": "2012-10-17",
              "Statement": [{"Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "arn:aws:s3:::*"}]}  # fmt: skip
    users = [{"name": name, "policies": {"create": create},
              "keys": [{"id": f"{name.upper()}-KEY-FOR-THE-TEST", "secret": f"{name}-secret-that-is-long-enough-to-be-one"}]}
             for name in ("anna", "bert")]  # fmt: skip
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump({"users": users}, file)
    return path


class Users(ClusterTest):
    """Each has buckets that the other does not see, until somebody lets the other in."""

    folder_of_users = tempfile.TemporaryDirectory(prefix="users-")
    cluster_options = {"tls": False, "gateway_options": ("-bootstrap", bootstrap(folder_of_users))}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = s3.client(cls.cluster)
        cls.anna, cls.bert = (s3.client(cls.cluster, access_key=f"{name.upper()}-KEY-FOR-THE-TEST",
                                        secret_key=f"{name}-secret-that-is-long-enough-to-be-one")
                              for name in ("anna", "bert"))  # fmt: skip
        cls.anna.create_bucket(Bucket="annas")
        cls.bert.create_bucket(Bucket="berts")
        cls.anna.put_object(Bucket="annas", Key="k", Body=b"annas")

    def fails(self, code, call, **arguments):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def names(self, client):
        return {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}

    def test_each_sees_its_own(self):
        self.assertEqual(self.names(self.anna), {"annas"})
        self.assertEqual(self.names(self.bert), {"berts"})
        self.assertLessEqual({"annas", "berts", "files"}, self.names(self.root))
        message = self.fails("AccessDenied", self.bert.get_object, Bucket="annas", Key="k")
        self.assertIn("user/bert is not authorized to perform: s3:GetObject", message)
        self.fails("AccessDenied", self.bert.get_object, Bucket="annas", Key="none")
        self.fails("NoSuchKey", self.anna.get_object, Bucket="annas", Key="none")
        self.fails("AccessDenied", self.bert.list_objects_v2, Bucket="annas")
        self.fails("AccessDenied", self.bert.put_bucket_policy, Bucket="annas", Policy="{}")
        self.fails("AccessDenied", self.bert.copy_object, Bucket="berts", Key="k", CopySource="annas/k")
        self.fails("BucketAlreadyExists", self.bert.create_bucket, Bucket="annas")
        self.assertEqual(self.root.get_object(Bucket="annas", Key="k")["Body"].read(), b"annas")

    def test_one_lets_the_other_in(self):
        bert = {"AWS": "arn:aws:iam::000000000000:user/bert"}
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": bert, "Action": ["s3:GetObject", "s3:DeleteObject"],
             "Resource": "arn:aws:s3:::annas/shared/*"},
            {"Effect": "Allow", "Principal": bert, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::annas",
             "Condition": {"StringLike": {"s3:prefix": "shared/*"}}}]}  # fmt: skip
        for key in ("shared/a", "shared/b", "own"):
            self.anna.put_object(Bucket="annas", Key=key, Body=key.encode())
        self.anna.put_bucket_policy(Bucket="annas", Policy=json.dumps(policy))
        self.addCleanup(self.anna.delete_bucket_policy, Bucket="annas")
        self.assertEqual(self.bert.list_objects_v2(Bucket="annas", Prefix="shared/")["KeyCount"], 2)
        self.fails("AccessDenied", self.bert.list_objects_v2, Bucket="annas")
        self.bert.copy_object(Bucket="berts", Key="copy", CopySource="annas/shared/a")
        self.fails("AccessDenied", self.bert.copy_object, Bucket="berts", Key="copy", CopySource="annas/own")
        answer = self.bert.delete_objects(Bucket="annas", Delete={"Objects": [{"Key": "shared/b"}, {"Key": "own"}]})
        self.assertEqual([deleted["Key"] for deleted in answer["Deleted"]], ["shared/b"])
        self.assertEqual([(error["Key"], error["Code"]) for error in answer["Errors"]], [("own", "AccessDenied")])
        self.anna.get_object(Bucket="annas", Key="own")

    def test_by_an_acl(self):
        self.anna.put_object(Bucket="annas", Key="given", Body=b"given")
        grant = {"GrantRead": f'id="{self.bert.list_buckets()["Owner"]["ID"]}"'}
        self.fails("AccessControlListNotSupported", self.anna.put_object_acl, Bucket="annas", Key="given", **grant)
        controls = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        self.anna.put_bucket_ownership_controls(Bucket="annas", OwnershipControls=controls)
        self.anna.put_object_acl(Bucket="annas", Key="given", **grant)
        self.assertEqual(self.bert.get_object(Bucket="annas", Key="given")["Body"].read(), b"given")
        self.fails("AccessDenied", self.bert.get_object, Bucket="annas", Key="k")
        self.fails("AccessDenied", self.bert.get_object_acl, Bucket="annas", Key="given")
        grants = self.anna.get_object_acl(Bucket="annas", Key="given")["Grants"]
        self.assertEqual([grant["Permission"] for grant in grants], ["READ"])


    def test_the_bucket_of_files_begins_closed(self):
        switches = self.root.get_public_access_block(Bucket="files")["PublicAccessBlockConfiguration"]
        self.assertTrue(all(switches.values()))
        rules = self.root.get_bucket_ownership_controls(Bucket="files")["OwnershipControls"]["Rules"]
        self.assertEqual(rules, [{"ObjectOwnership": "BucketOwnerEnforced"}])

    def test_who_only_writes_does_not_read(self):
        self.root.create_bucket(Bucket="box")
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:user/bert"}, "Action": "s3:PutObject",
             "Resource": "arn:aws:s3:::box/*"}]}  # fmt: skip
        self.root.put_bucket_policy(Bucket="box", Policy=json.dumps(policy))
        self.root.delete_bucket_ownership_controls(Bucket="box")
        self.bert.put_object(Bucket="box", Key="k", Body=b"berts")
        self.fails("AccessDenied", self.bert.get_object, Bucket="box", Key="k")
        self.fails("AccessDenied", self.bert.put_object_acl, Bucket="box", Key="k", ACL="public-read")


if __name__ == "__main__":
    main()
