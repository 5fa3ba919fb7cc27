"""The public access block of the account, by boto3's s3control, which puts the account's number before the host; combined with
the buckets' own by the strictest, and kept over a kill."""

import json
import unittest

import boto3
import raw_http
import s3
from botocore.config import Config
from botocore.exceptions import ClientError
from harness import ClusterTest

ACCOUNT = "000000000000"
SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
PATH = "/v20180820/configuration/publicAccessBlock"
PUBLIC = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open/*"}}


class AccountAccess(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        s3.resolve_locally("localhost")
        cls.s3 = s3.client(cls.cluster)
        cls.control = cls.control_client(cls.cluster.access_key, cls.cluster.secret_key)
        cls.s3.create_bucket(Bucket="open")
        cls.s3.delete_public_access_block(Bucket="open")
        cls.s3.put_object(Bucket="open", Key="k", Body=b"public")

    @classmethod
    def control_client(cls, key, secret, **config):
        return boto3.client("s3control", endpoint_url=f"http://localhost:{cls.cluster.port}", region_name=s3.REGION,
                            aws_access_key_id=key, aws_secret_access_key=secret,
                            config=Config(retries={"max_attempts": 1}, proxies={}, **config))  # fmt: skip

    def tearDown(self):
        self.control.delete_public_access_block(AccountId=ACCOUNT)
        super().tearDown()

    def put(self, **switches):
        block = {name: switches.get(name, False) for name in SWITCHES}
        self.control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=block)
        return block

    def fails(self, code, call, *arguments, **named):
        with self.assertRaises(ClientError) as raised:
            call(*arguments, **named)
        self.assertEqual(raised.exception.response["Error"]["Code"], code)

    def anonymous(self):
        return raw_http.request(self.cluster.port, "GET", "/open/k").status

    def test_made_read_and_removed(self):
        get = self.control.get_public_access_block
        self.fails("NoSuchPublicAccessBlockConfiguration", get, AccountId=ACCOUNT)
        block = self.put(BlockPublicAcls=True, RestrictPublicBuckets=True)
        self.assertEqual(get(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"], block)
        self.fails("AccessDenied", get, AccountId="123456789012")
        self.control.delete_public_access_block(AccountId=ACCOUNT)
        self.control.delete_public_access_block(AccountId=ACCOUNT)
        self.fails("NoSuchPublicAccessBlockConfiguration", get, AccountId=ACCOUNT)
        self.fails("NotImplemented", self.control.list_jobs, AccountId=ACCOUNT)

    def test_at_the_plain_host_and_in_path_style(self):
        plain = self.control_client(self.cluster.access_key, self.cluster.secret_key, inject_host_prefix=False)
        self.fails("NoSuchPublicAccessBlockConfiguration", plain.get_public_access_block, AccountId=ACCOUNT)
        answer = s3.signed(self.cluster, "GET", PATH, {"x-amz-account-id": ACCOUNT})
        self.assertEqual(answer.status, 404)
        self.assertIn(b"<ErrorResponse><Error><Code>NoSuchPublicAccessBlockConfiguration</Code>", answer.body)
        answer = s3.signed(self.cluster, "PUT", PATH, {"x-amz-account-id": ACCOUNT}, b"<Public")
        self.assertEqual(answer.status, 400)
        unsigned = raw_http.request(self.cluster.port, "DELETE", PATH, {"x-amz-account-id": ACCOUNT})
        self.assertEqual(unsigned.status, 403)
        self.s3.create_bucket(Bucket="v20180820")  # a bucket's name all the same, without that header
        self.s3.put_object(Bucket="v20180820", Key="configuration/publicAccessBlock", Body=b"an object")
        self.assertEqual(s3.signed(self.cluster, "GET", PATH).body, b"an object")

    def test_the_strictest_counts(self):
        self.s3.put_bucket_policy(Bucket="open", Policy=json.dumps(PUBLIC))
        self.assertEqual(self.anonymous(), 200)
        self.put(RestrictPublicBuckets=True)
        self.assertEqual(self.anonymous(), 403)
        self.assertEqual(self.s3.get_object(Bucket="open", Key="k")["Body"].read(), b"public")
        self.put(BlockPublicPolicy=True)
        self.assertEqual(self.anonymous(), 200)  # what is there stays
        self.fails("AccessDenied", self.s3.put_bucket_policy, Bucket="open", Policy=json.dumps(PUBLIC))
        self.control.delete_public_access_block(AccountId=ACCOUNT)
        self.s3.put_bucket_policy(Bucket="open", Policy=json.dumps(PUBLIC))
        self.s3.delete_bucket_policy(Bucket="open")

    def test_acls(self):
        self.s3.put_bucket_ownership_controls(Bucket="open", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
        self.s3.put_object_acl(Bucket="open", Key="k", ACL="public-read")
        self.assertEqual(self.anonymous(), 200)
        self.put(IgnorePublicAcls=True)
        self.assertEqual(self.anonymous(), 403)
        self.put(BlockPublicAcls=True)
        self.assertEqual(self.anonymous(), 200)
        self.fails("AccessDenied", self.s3.put_object_acl, Bucket="open", Key="k", ACL="public-read")
        self.fails("AccessDenied", self.s3.put_object, Bucket="open", Key="new", Body=b"x", ACL="public-read")
        self.s3.put_object_acl(Bucket="open", Key="k", ACL="private")
        self.s3.delete_bucket_ownership_controls(Bucket="open")

    def test_who_may(self):
        iam = boto3.client("iam", endpoint_url=self.cluster.url, region_name=s3.REGION,
                           aws_access_key_id=self.cluster.access_key, aws_secret_access_key=self.cluster.secret_key)
        iam.create_user(UserName="reader")
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        reader = self.control_client(key["AccessKeyId"], key["SecretAccessKey"])
        self.fails("AccessDenied", reader.get_public_access_block, AccountId=ACCOUNT)
        allow = {"Statement": {"Effect": "Allow", "Action": "s3:GetAccountPublicAccessBlock", "Resource": "*"}}
        iam.put_user_policy(UserName="reader", PolicyName="own", PolicyDocument=json.dumps(allow))
        self.fails("NoSuchPublicAccessBlockConfiguration", reader.get_public_access_block, AccountId=ACCOUNT)
        self.fails("AccessDenied", reader.delete_public_access_block, AccountId=ACCOUNT)
        buckets = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::*"}}  # the account is none
        iam.put_user_policy(UserName="reader", PolicyName="own", PolicyDocument=json.dumps(buckets))
        self.fails("AccessDenied", reader.get_public_access_block, AccountId=ACCOUNT)
        self.fails("AccessDenied", reader.delete_public_access_block, AccountId=ACCOUNT)

    def test_kept_over_a_kill(self):
        block = self.put(IgnorePublicAcls=True, RestrictPublicBuckets=True)
        self.cluster.gateway.kill()
        self.cluster.gateway.start()
        self.cluster.wait_ready()
        self.assertEqual(self.control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"], block)


if __name__ == "__main__":
    unittest.main()
