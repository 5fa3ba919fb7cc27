"""Users: a key of theirs opens what their policies allow, by every form of a signature; what is taken away is gone at
once; they and their secrets survive the loss of the gateway's disk, with the file of their key."""

import os
import shutil
import stat
import subprocess
import urllib.request

import boto3
import botocore.exceptions
import raw_http
import s3
from botocore.config import Config
from harness import ClusterTest, main

ALLOW = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%s,"Resource":"*"}]}'


class Users(ClusterTest):
    cluster_options = {"tls": False, "gateway_options": ("-health-interval", "1s", "-suspect-interval", "200ms")}

    def iam(self):
        return boto3.client("iam", endpoint_url=self.cluster.url, aws_access_key_id=self.cluster.access_key,
                            aws_secret_access_key=self.cluster.secret_key, region_name="us-east-1",
                            config=Config(retries={"max_attempts": 1}, proxies={}))

    def new_user(self, name, actions='"s3:*"'):
        iam = self.iam()
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=ALLOW % actions)
        return iam.create_access_key(UserName=name)["AccessKey"]

    def client(self, key, **options):
        return s3.client(self.cluster, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"], **options)

    def assert_refused(self, code, call, **arguments):
        with self.assertRaises(botocore.exceptions.ClientError) as refused:
            call(**arguments)
        self.assertEqual(refused.exception.response["Error"]["Code"], code)

    def form(self, key, name):
        """Sends an upload form that is signed with the user's key."""
        post = self.client(key).generate_presigned_post("shelf", name)
        parts = [f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
                 for field, value in post["fields"].items()]
        parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nby form\r\n--x--\r\n')
        return raw_http.request(self.cluster.port, "POST", "/shelf", {"Content-Type": "multipart/form-data; boundary=x"},
                                "".join(parts).encode()).status

    def test_every_form_of_a_signature(self):
        key = self.new_user("signer")
        client = self.client(key)
        client.create_bucket(Bucket="shelf")
        client.put_object(Bucket="shelf", Key="k", Body=b"by header")
        self.assertEqual(self.client(key, signature="s3").get_object(Bucket="shelf", Key="k")["Body"].read(), b"by header")
        for signature in ("s3v4", "s3"):
            url = self.client(key, signature=signature).generate_presigned_url(
                "get_object", {"Bucket": "shelf", "Key": "k"})
            with urllib.request.urlopen(url) as answer:
                self.assertEqual(answer.read(), b"by header")
        self.assertEqual(self.form(key, "form"), 204)
        self.assertEqual(client.get_object(Bucket="shelf", Key="form")["Body"].read(), b"by form")
        self.iam().update_access_key(UserName="signer", AccessKeyId=key["AccessKeyId"], Status="Inactive")
        self.assert_refused("InvalidAccessKeyId", client.get_object, Bucket="shelf", Key="k")
        self.assertEqual(self.form(key, "form"), 403)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url)
        self.assertEqual(refused.exception.code, 403)

    def test_taken_away_at_once(self):
        key = self.new_user("guest", '"s3:ListAllMyBuckets"')
        client, iam = self.client(key), self.iam()
        client.list_buckets()
        for _ in range(20):
            iam.put_user_policy(UserName="guest", PolicyName="p", PolicyDocument=ALLOW % '"s3:GetObject"')
            self.assert_refused("AccessDenied", client.list_buckets)
            iam.put_user_policy(UserName="guest", PolicyName="p", PolicyDocument=ALLOW % '"s3:ListAllMyBuckets"')
            client.list_buckets()
        iam.delete_access_key(UserName="guest", AccessKeyId=key["AccessKeyId"])
        self.assert_refused("InvalidAccessKeyId", client.list_buckets)

    def run_gateway(self, *options):
        done = subprocess.run([*self.cluster.gateway.argv, *options], capture_output=True, text=True, timeout=90)
        return done.returncode, done.stdout + done.stderr

    def test_lost_disk(self):
        data = self.cluster.data("gateway")
        key_file = os.path.join(data, "identity.key")
        self.assertEqual(stat.S_IMODE(os.stat(key_file).st_mode), 0o600)
        key = self.new_user("survivor", '"s3:ListAllMyBuckets"')
        for path, _, names in os.walk(self.cluster.directory):  # the secret is in no file of gateway and nodes
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    self.assertNotIn(key["SecretAccessKey"].encode(), file.read(), name)
        self.cluster.gateway.kill()
        shutil.rmtree(os.path.join(data, "meta"))
        os.rename(key_file, key_file + ".kept")
        code, said = self.run_gateway("-restore-metadata")
        self.assertEqual(code, 0, said)
        code, said = self.run_gateway()
        self.assertEqual(code, 1, said)
        self.assertIn("identity.key", said)
        self.assertFalse(os.path.exists(key_file))
        os.rename(key_file + ".kept", key_file)
        self.cluster.start()
        self.client(key).list_buckets()

        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        os.remove(key_file)
        self.cluster.gateway.argv.append("-identity-key-lost")
        self.cluster.gateway.argv.append("true")
        self.cluster.start()
        self.assert_refused("InvalidAccessKeyId", self.client(key).list_buckets)
        iam = self.iam()
        self.assertEqual(iam.list_access_keys(UserName="survivor")["AccessKeyMetadata"], [])
        key = iam.create_access_key(UserName="survivor")["AccessKey"]
        self.client(key).list_buckets()


if __name__ == "__main__":
    main()
