"""Debian's rclone: a real source tree both ways with `rclone check`, over HTTP and HTTPS, both addressing styles."""

import os
import shutil

from harness import ClusterTest, content, main, run, tree
from tunnel import Tunnel

RCLONE = "/usr/bin/rclone"
SOURCE = "/usr/share/doc"
SOURCE_FILES = 400


def copy_source_tree(target):
    """A part of a tree that every Debian machine has: files as real as they come, with odd names among them."""
    copied = 0
    for parent, folders, names in os.walk(SOURCE):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            if copied == SOURCE_FILES:
                return
            if os.path.isfile(path) and not os.path.islink(path):
                to = os.path.join(target, os.path.relpath(path, SOURCE))
                os.makedirs(os.path.dirname(to), exist_ok=True)
                shutil.copyfile(path, to)
                copied += 1


class Rclone:
    """The steps; the classes below say how the cluster is reached."""

    tls = False
    path_style = True
    signature_v2 = False
    provider = "Other"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        endpoint = cls.cluster.tls_url if cls.tls else cls.cluster.url
        cls.environment = {"RCLONE_CONFIG": os.path.join(cls.cluster.directory, "rclone.conf")}
        if not cls.path_style:
            tunnel = Tunnel(cls.cluster.tls_port)
            cls.addClassCleanup(tunnel.close)
            endpoint = f"https://{cls.cluster.domain}:{cls.cluster.tls_port}"
            cls.environment["HTTPS_PROXY"] = tunnel.url
        with open(cls.environment["RCLONE_CONFIG"], "w") as config:
            config.write(
                f"[tercet]\ntype = s3\nprovider = {cls.provider}\naccess_key_id = {cls.cluster.access_key}\n"
                f"secret_access_key = {cls.cluster.secret_key}\nendpoint = {endpoint}\nregion = us-east-1\n"
                f"force_path_style = {str(cls.path_style).lower()}\nv2_auth = {str(cls.signature_v2).lower()}\n"
            )
        cls.rclone("mkdir", "tercet:clone")

    @classmethod
    def rclone(cls, *arguments, **options):
        flags = ["--ca-cert", cls.cluster.ca, "--retries", "1", "--low-level-retries", "2"]
        return run(RCLONE, *flags, *arguments, env=cls.environment, **options)

    def lines(self, *arguments):
        return sorted(self.rclone(*arguments).stdout.decode().splitlines())

    def test_bucket_of_another_region_is_there_already(self):
        """It is created before each upload, which is an error outside us-east-1."""
        flags = ["--s3-location-constraint", "eu-central-1"]
        for number in (1, 2):
            self.rclone("mkdir", "tercet:clone-abroad", *flags)
            self.rclone("copy", os.path.dirname(self.file(f"abroad-{number}/file", number)), "tercet:clone-abroad", *flags)
            self.assertEqual(self.rclone("cat", "tercet:clone-abroad/file").stdout, content(number, f"abroad-{number}/file"))

    def test_source_tree_both_ways(self):
        source, back = self.path("source"), self.path("back")
        copy_source_tree(source)
        self.rclone("sync", source, "tercet:clone/doc")
        self.rclone("check", source, "tercet:clone/doc")
        self.rclone("check", "--download", source, "tercet:clone/doc")
        again = self.rclone("sync", "-v", source, "tercet:clone/doc").stderr.decode()
        self.assertNotIn("Copied", again)
        self.rclone("sync", "tercet:clone/doc", back)
        self.assert_same_tree(source, back)
        self.assertEqual(len(self.lines("lsf", "-R", "--files-only", "tercet:clone/doc")), len(tree(source)))
        name = sorted(tree(source))[0]
        os.unlink(os.path.join(source, name))
        self.rclone("sync", source, "tercet:clone/doc")
        self.assertNotIn(name, self.lines("lsf", "-R", "--files-only", "tercet:clone/doc"))
        self.rclone("delete", "tercet:clone/doc")
        self.assertEqual(self.lines("lsf", "-R", "--files-only", "tercet:clone/doc"), [])

    def test_copy_multipart(self):
        path = self.file("large", 13 * 1024 * 1024 + 1)
        self.rclone("copy", "--s3-upload-cutoff", "6M", "--s3-chunk-size", "5M", path, "tercet:clone/big")
        self.rclone("copy", "tercet:clone/big/large", self.path("back"))
        self.assert_same_file(path, self.path("back/large"))
        self.rclone("check", self.folder, "tercet:clone/big", "--include", "/large")

    def test_rcat_cat(self):
        self.rclone("rcat", "tercet:clone/piped", stdin=content(300_000))
        self.assertEqual(self.rclone("cat", "tercet:clone/piped").stdout, content(300_000))
        self.assertEqual(self.rclone("cat", "--offset", "1000", "--count", "10", "tercet:clone/piped").stdout,
                         content(300_000)[1000:1010])

    def test_odd_names_and_move(self):
        for name in ("plus+sign", "per%20cent", "semi;colon", "quo'te", "日本語", "with space", "a&b=c"):
            self.file("odd/" + name, len(name))
        self.rclone("copy", self.path("odd"), "tercet:clone/odd")
        self.rclone("check", self.path("odd"), "tercet:clone/odd")
        self.rclone("move", "tercet:clone/odd", "tercet:clone/moved")
        self.rclone("check", self.path("odd"), "tercet:clone/moved")
        self.assertEqual(self.lines("lsf", "tercet:clone/odd"), [])
        self.assertEqual(self.lines("lsf", "tercet:clone/moved"), sorted(os.listdir(self.path("odd"))))

    def test_buckets(self):
        self.rclone("mkdir", "tercet:clone-second")
        self.assertIn("clone-second/", self.lines("lsf", "tercet:"))
        self.rclone("rmdir", "tercet:clone-second")
        self.assertNotIn("clone-second/", self.lines("lsf", "tercet:"))


class HttpPath(Rclone, ClusterTest):
    pass


class HttpPathSignatureV2(Rclone, ClusterTest):
    signature_v2 = True


class HttpsPathAsMinio(Rclone, ClusterTest):
    tls = True
    provider = "Minio"


class HttpsVirtualHost(Rclone, ClusterTest):
    tls = True
    path_style = False


if __name__ == "__main__":
    main()
