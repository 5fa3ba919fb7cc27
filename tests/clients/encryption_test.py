"""Encryption as aws-cli, s3cmd and rclone ask for it, each with its own options."""

import os
import subprocess
import tempfile

import s3
from harness import ClusterTest, content, main, run

AWS = os.environ.get("TERCET_AWS", "/usr/bin/aws")
MIB = 1024 * 1024
KEY = content(32, "customer")


class EncryptionByClients(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="keyring-")
        cls.addClassCleanup(folder.cleanup)
        keyring = os.path.join(folder.name, "keyring")
        program = os.path.join(os.environ["TERCET_BUILD"], "gateway", "tercet-gateway")
        for name in ("other", "main"):
            subprocess.run([program, "-keyring", keyring, "-new-key", name], check=True, capture_output=True)
        cls.cluster_options = {"gateway_options": ["-keyring", keyring]}
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster, tls=True)
        cls.s3.create_bucket(Bucket="clients")

    def head(self, key, **more):
        return self.s3.head_object(Bucket="clients", Key=key, **more)

    def assert_sealed(self, key, method, key_name=None):
        head = self.head(key)
        self.assertEqual(head["ServerSideEncryption"], method)
        if key_name:
            self.assertEqual(head["SSEKMSKeyId"].rsplit("/", 1)[1], key_name)

    def assert_customer(self, key):
        with self.assertRaisesRegex(Exception, "400"):
            self.head(key)
        self.assertEqual(self.head(key, SSECustomerAlgorithm="AES256", SSECustomerKey=KEY)["SSECustomerAlgorithm"], "AES256")

    def aws(self, *arguments, **options):
        environment = {
            "AWS_ACCESS_KEY_ID": self.cluster.access_key, "AWS_SECRET_ACCESS_KEY": self.cluster.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_CA_BUNDLE": self.cluster.ca, "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        return run(AWS, "--endpoint-url", self.cluster.tls_url, "s3", *arguments, env=environment, **options)

    def test_aws_cli(self):
        small, large, key = self.file("small", 1000), self.file("large", 9 * MIB), self.path("key")
        with open(key, "wb") as file:
            file.write(KEY)
        by_customer = ("--sse-c", "AES256", "--sse-c-key", f"fileb://{key}")
        for path, name in ((small, "small"), (large, "large")):
            for how, target in ((("--sse",), "s3"), (("--sse", "aws:kms"), "kms"),
                                (("--sse", "aws:kms", "--sse-kms-key-id", "other"), "kms-other"), (by_customer, "c")):
                url = f"s3://clients/aws/{target}-{name}"
                self.aws("cp", path, url, *how)
                self.aws("cp", url, self.path("back"), *(how if target == "c" else ()))
                self.assert_same_file(path, self.path("back"))
            self.assert_sealed(f"aws/s3-{name}", "AES256")
            self.assert_sealed(f"aws/kms-{name}", "aws:kms", "main")
            self.assert_sealed(f"aws/kms-other-{name}", "aws:kms", "other")
            self.assert_customer(f"aws/c-{name}")
        self.assertNotEqual(self.aws("cp", "s3://clients/aws/c-small", self.path("none"), check=False).returncode, 0)
        source = ("--sse-c-copy-source", "AES256", "--sse-c-copy-source-key", f"fileb://{key}")
        self.aws("cp", "s3://clients/aws/c-large", "s3://clients/aws/copied", *source, "--sse", "aws:kms")
        self.assert_sealed("aws/copied", "aws:kms", "main")
        os.makedirs(self.path("tree"))
        for number in range(5):
            # S3's times have whole seconds: what is as old as its object counts as newer
            os.utime(self.file(f"tree/{number}", 1000 + number), (1_700_000_000, 1_700_000_000))
        self.aws("sync", self.path("tree"), "s3://clients/synced", "--sse")
        self.assert_sealed("synced/3", "AES256")
        self.assertNotIn(b"upload:", self.aws("sync", self.path("tree"), "s3://clients/synced", "--sse").stdout)
        self.aws("sync", "s3://clients/synced", self.path("tree back"))
        self.assert_same_tree(self.path("tree"), self.path("tree back"))

    def test_s3cmd(self):
        config, host = self.path("s3cfg"), f"localhost:{self.cluster.tls_port}"
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"[default]\naccess_key = {self.cluster.access_key}\nsecret_key = {self.cluster.secret_key}\n"
                       f"host_base = {host}\nhost_bucket = {host}\nuse_https = True\nca_certs_file = {self.cluster.ca}\n"
                       "multipart_chunk_size_mb = 5\nprogress_meter = False\n")  # fmt: skip
        for size in (1000, 6 * MIB):
            path = self.file(f"cmd-{size}", size)
            for how, key in ((("--server-side-encryption",), f"cmd/s3-{size}"),
                             (("--server-side-encryption", "--server-side-encryption-kms-id=other"), f"cmd/kms-{size}")):
                run("/usr/bin/s3cmd", "--config", config, *how, "put", path, f"s3://clients/{key}")
                run("/usr/bin/s3cmd", "--config", config, "--force", "get", f"s3://clients/{key}", self.path("back"))
                self.assert_same_file(path, self.path("back"))
            self.assert_sealed(f"cmd/s3-{size}", "AES256")
            self.assert_sealed(f"cmd/kms-{size}", "aws:kms", "other")

    def rclone(self, *arguments, **options):
        flags = ["--ca-cert", self.cluster.ca, "--retries", "1", "--low-level-retries", "2", "--config", self.path("rclone.conf")]
        return run("/usr/bin/rclone", *flags, *arguments, **options)

    def test_rclone(self):
        printable = "0123456789abcdef0123456789abcdef"
        remotes = {"aes": "server_side_encryption = AES256\n", "kms": "server_side_encryption = aws:kms\nsse_kms_key_id = other\n",
                   "own": f"sse_customer_algorithm = AES256\nsse_customer_key = {printable}\n"}
        with open(self.path("rclone.conf"), "w", encoding="utf-8") as file:
            for name, more in remotes.items():
                file.write(f"[{name}]\ntype = s3\nprovider = Other\naccess_key_id = {self.cluster.access_key}\n"
                           f"secret_access_key = {self.cluster.secret_key}\nendpoint = {self.cluster.tls_url}\n"
                           f"region = us-east-1\nchunk_size = 5M\nupload_cutoff = 5M\n{more}\n")  # fmt: skip
        os.makedirs(self.path("cloned"))
        self.file("cloned/small", 1000)
        self.file("cloned/large", 12 * MIB)
        for name in remotes:
            self.rclone("copy", self.path("cloned"), f"{name}:clients/clone-{name}")
            self.rclone("check", "--download", self.path("cloned"), f"{name}:clients/clone-{name}")
        self.assert_sealed("clone-aes/large", "AES256")
        self.assert_sealed("clone-kms/small", "aws:kms", "other")
        head = self.head("clone-own/large", SSECustomerAlgorithm="AES256", SSECustomerKey=printable)
        self.assertEqual(head["ContentLength"], 12 * MIB)
        self.assertEqual(self.rclone("cat", "aes:clients/clone-own/small", check=False).stdout, b"")


if __name__ == "__main__":
    main()
