"""Debian's s3cmd: signature versions 4 and 2, over HTTP and HTTPS, in path and virtual-host style."""

import os
import re

from harness import ClusterTest, content, main, run, tree

S3CMD = "/usr/bin/s3cmd"
MIB = 1024 * 1024


class S3cmd:
    """The steps; the classes below say how the cluster is reached."""

    tls = False
    signature_v2 = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = os.path.join(cls.cluster.directory, "s3cfg")
        host = f"localhost:{cls.cluster.tls_port}" if cls.tls else f"127.0.0.1:{cls.cluster.port}"
        with open(cls.config, "w") as config:
            config.write(
                f"[default]\naccess_key = {cls.cluster.access_key}\nsecret_key = {cls.cluster.secret_key}\n"
                f"host_base = {host}\nhost_bucket = {host}\nuse_https = {cls.tls}\nsignurl_use_https = {cls.tls}\n"
                f"signature_v2 = {cls.signature_v2}\nca_certs_file = {cls.cluster.ca}\n"
                f"multipart_chunk_size_mb = 5\nmultipart_copy_chunk_size_mb = 5\n"
                f"bucket_location = US\nprogress_meter = False\n"
            )
        cls.s3cmd("mb", "s3://cmd")

    @classmethod
    def s3cmd(cls, *arguments, **options):
        return run(S3CMD, "--config", cls.config, *arguments, **options)

    def text(self, *arguments):
        return self.s3cmd(*arguments).stdout.decode()

    def test_put_ls_get_info_del(self):
        path = self.file("object with space+plus.txt", 5000)
        self.s3cmd("put", "--add-header=Cache-Control:no-cache", "-m", "text/x-test", path, "s3://cmd/dir/")
        url = "s3://cmd/dir/object with space+plus.txt"
        self.assertRegex(self.text("ls", "s3://cmd/dir/"), r" 5000 +s3://cmd/dir/object with space\+plus\.txt\n")
        self.assertIn("DIR", self.text("ls", "s3://cmd"))
        info = self.text("info", url)
        self.assertIn("File size: 5000", info)
        self.assertIn("MIME type: text/x-test", info)
        self.s3cmd("get", url, self.path("back"))
        self.assert_same_file(path, self.path("back"))
        self.s3cmd("del", url)
        self.assertEqual(self.text("ls", "s3://cmd/dir/"), "")
        self.assertNotEqual(self.s3cmd("get", url, self.path("none"), check=False).returncode, 0)

    def test_multipart(self):
        path = self.file("large", 12 * MIB + 5)
        self.s3cmd("put", path, "s3://cmd/large")
        self.s3cmd("get", "s3://cmd/large", self.path("back"))
        self.assert_same_file(path, self.path("back"))
        self.assertEqual(self.text("multipart", "s3://cmd").count("large"), 0)

    def test_standard_input(self):
        self.s3cmd("put", "-", "s3://cmd/piped", stdin=content(6 * MIB))
        self.assertEqual(self.s3cmd("get", "s3://cmd/piped", "-").stdout, content(6 * MIB))

    def test_sync_both_ways(self):
        for number in range(20):
            self.file(f"tree/{number % 3}/ä {number}", number * 100)
        self.s3cmd("sync", self.path("tree") + "/", "s3://cmd/sync/")
        self.assertNotIn("upload:", self.text("sync", self.path("tree") + "/", "s3://cmd/sync/"))
        os.mkdir(self.path("back"))
        self.s3cmd("sync", "s3://cmd/sync/", self.path("back") + "/")
        self.assert_same_tree(self.path("tree"), self.path("back"))
        name = next(iter(sorted(tree(self.path("tree")))))
        os.unlink(self.path("tree/" + name))
        self.s3cmd("sync", "--delete-removed", self.path("tree") + "/", "s3://cmd/sync/")
        self.assertEqual(self.text("ls", "-r", "s3://cmd/sync/").count("\n"), 19)
        self.s3cmd("del", "-r", "--force", "s3://cmd/sync/")
        self.assertEqual(self.text("ls", "-r", "s3://cmd/sync/"), "")

    def test_copy_and_move(self):
        self.s3cmd("put", self.file("one", 700), "s3://cmd/one")
        self.s3cmd("cp", "s3://cmd/one", "s3://cmd/two")
        self.s3cmd("mv", "s3://cmd/two", "s3://cmd/three")
        self.s3cmd("get", "s3://cmd/three", self.path("back"))
        self.assert_same_file(self.path("one"), self.path("back"))
        self.assertEqual(re.findall(r"s3://cmd/(two|three)", self.text("ls", "s3://cmd")), ["three"])

    def test_copy_of_a_large_object(self):
        path = self.file("large source", 12 * MIB + 1)
        self.s3cmd("put", "--add-header=x-amz-meta-kept:yes", path, "s3://cmd/large-source")
        self.s3cmd("cp", "s3://cmd/large-source", "s3://cmd/large-copy")
        self.s3cmd("get", "s3://cmd/large-copy", self.path("back"))
        self.assert_same_file(path, self.path("back"))
        self.assertRegex(self.text("info", "s3://cmd/large-copy"), "x-amz-meta-kept: +yes")

    def test_signurl(self):
        self.s3cmd("put", self.file("linked", 800), "s3://cmd/linked")
        url = self.text("signurl", "s3://cmd/linked", "+60").strip()
        curl = ["curl", "-fsS", "--noproxy", "*", "--cacert", self.cluster.ca]
        self.assertEqual(run(*curl, url).stdout, content(800, "linked"))
        self.assertNotEqual(run(*curl, url.replace("linked", "other"), check=False).returncode, 0)

    def test_buckets(self):
        self.s3cmd("mb", "s3://cmd-second")
        self.assertIn("s3://cmd-second", self.text("ls"))
        self.assertIn("Location:", self.text("info", "s3://cmd-second"))
        self.s3cmd("rb", "s3://cmd-second")
        self.assertNotIn("s3://cmd-second", self.text("ls"))


class V4Http(S3cmd, ClusterTest):
    pass


class V4Https(S3cmd, ClusterTest):
    tls = True


class V2Http(S3cmd, ClusterTest):
    signature_v2 = True


if __name__ == "__main__":
    main()
