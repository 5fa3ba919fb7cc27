"""Debian's aws-cli and the newest, unmodified and with default settings, over HTTP and HTTPS, in path and virtual-host style."""

import base64
import json
import os
import zlib

from harness import PART, ClusterTest, content, main, run, tree
from tunnel import Tunnel

AWS = os.environ.get("TERCET_AWS", "/usr/bin/aws")
MIB = 1024 * 1024


class AwsCli:
    """The steps; the classes below say how the cluster is reached."""

    style = "path"
    tls = False
    bucket = "cli"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.endpoint = cls.cluster.tls_url if cls.tls else cls.cluster.url
        cls.environment = {
            "AWS_ACCESS_KEY_ID": cls.cluster.access_key,
            "AWS_SECRET_ACCESS_KEY": cls.cluster.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.path.join(cls.cluster.directory, "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }
        if cls.tls:
            cls.environment["AWS_CA_BUNDLE"] = cls.cluster.ca
        if cls.style == "virtual":
            tunnel = Tunnel(cls.cluster.tls_port)
            cls.addClassCleanup(tunnel.close)
            cls.endpoint = f"https://{cls.cluster.domain}:{cls.cluster.tls_port}"
            cls.environment["HTTPS_PROXY"] = tunnel.url
        with open(cls.environment["AWS_CONFIG_FILE"], "w") as config:
            config.write(f"[default]\ns3 =\n    addressing_style = {cls.style}\n")
        cls.aws("s3", "mb", f"s3://{cls.bucket}")

    @classmethod
    def aws(cls, *arguments, **options):
        env = cls.environment | options.pop("env", {})
        return run(AWS, "--endpoint-url", cls.endpoint, *arguments, env=env, **options)

    @classmethod
    def api(cls, action, *arguments, **options):
        done = cls.aws("s3api", action, *arguments, "--output", "json", **options)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def failure(self, action, *arguments):
        done = self.aws("s3api", action, *arguments, check=False)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr.decode()

    def url(self, key=""):
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix):
        listed = self.api("list-objects-v2", "--bucket", self.bucket, "--prefix", prefix)
        return [row["Key"] for row in listed.get("Contents", [])]

    def test_cp_both_ways(self):
        for name, size in (("small", 1234), ("large", 20 * MIB + 3)):
            path = self.file(name, size)
            self.aws("s3", "cp", path, self.url("cp/" + name))
            self.aws("s3", "cp", self.url("cp/" + name), self.path("back"))
            self.assert_same_file(path, self.path("back"))
        listing = self.aws("s3", "ls", self.url("cp/")).stdout.decode()
        self.assertRegex(listing, r" 1234 small\n")
        self.assertRegex(listing, r" 20971523 large\n")

    def test_streams(self):
        self.aws("s3", "cp", "-", self.url("stream"), stdin=content(9 * MIB))
        self.assertEqual(self.aws("s3", "cp", self.url("stream"), "-").stdout, content(9 * MIB))

    def test_sync_ls_mv_rm(self):
        for name in ("a", "b/c", "b/d e+f", "ü/ö"):
            os.utime(self.file("tree/" + name, 100 + len(name)), (1.7e9, 1.7e9))  # S3 counts in whole seconds
        self.aws("s3", "sync", self.path("tree"), self.url("tree"))
        self.assertEqual(self.aws("s3", "sync", self.path("tree"), self.url("tree")).stdout, b"")
        listing = self.aws("s3", "ls", "--recursive", self.url("tree/")).stdout.decode()
        self.assertEqual([line.split(maxsplit=3)[3] for line in listing.splitlines()],
                         ["tree/a", "tree/b/c", "tree/b/d e+f", "tree/ü/ö"])
        self.assertIn("PRE b/", self.aws("s3", "ls", self.url("tree/")).stdout.decode())
        self.aws("s3", "sync", self.url("tree"), self.path("back"))
        self.assert_same_tree(self.path("tree"), self.path("back"))
        self.aws("s3", "mv", self.url("tree/a"), self.url("moved/a"))
        self.assertEqual(self.keys("moved/"), ["moved/a"])
        self.assertEqual(len(self.keys("tree/")), 3)
        self.aws("s3", "rm", "--recursive", self.url("tree/"))
        self.assertEqual(self.keys("tree/"), [])

    def test_sync_delete_and_source_tree(self):
        source = self.path("source")
        for number in range(40):
            self.file(f"source/{number % 5}/file{number}", number * 37)
        self.aws("s3", "sync", source, self.url("src"))
        os.unlink(os.path.join(source, "1", "file1"))
        self.aws("s3", "sync", "--delete", source, self.url("src"))
        self.assertEqual(sorted(self.keys("src/")), sorted("src/" + name for name in tree(source)))

    def test_presign(self):
        path = self.file("presigned", 5000)
        self.aws("s3", "cp", path, self.url("presigned"))
        url = self.aws("s3", "presign", self.url("presigned"), "--expires-in", "120").stdout.decode().strip()
        resolve = ["--connect-to", f"::127.0.0.1:{self.cluster.tls_port if self.tls else self.cluster.port}"]
        got = run("curl", "-fsS", "--noproxy", "*", "--cacert", self.cluster.ca, *resolve, url).stdout
        self.assertEqual(got, content(5000, "presigned"))

    def test_bucket_cors(self):
        rules = {"CORSRules": [{"AllowedOrigins": ["https://*.example"], "AllowedMethods": ["PUT", "GET"],
                                "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}]}  # fmt: skip
        self.api("put-bucket-cors", "--bucket", self.bucket, "--cors-configuration", json.dumps(rules))
        self.assertEqual(self.api("get-bucket-cors", "--bucket", self.bucket), rules)
        self.api("delete-bucket-cors", "--bucket", self.bucket)

    def test_put_head_get(self):
        body = content(3000)
        path = self.path("body")
        with open(path, "wb") as out:
            out.write(body)
        put = ["--bucket", self.bucket, "--key", "put/object", "--body", path]
        self.api("put-object", *put, "--content-type", "text/x-test", "--cache-control", "no-cache",
                 "--metadata", "colour=red,size=large", "--content-disposition", "attachment")
        head = self.api("head-object", "--bucket", self.bucket, "--key", "put/object")
        self.assertEqual((head["ContentType"], head["CacheControl"]), ("text/x-test", "no-cache"))
        self.assertEqual((head["ContentLength"], head["ContentDisposition"]), (3000, "attachment"))
        self.assertEqual(head["Metadata"], {"colour": "red", "size": "large"})
        got = self.api("get-object", "--bucket", self.bucket, "--key", "put/object", "--range", "bytes=10-19",
                       self.path("part"))
        self.assertEqual(got["ContentRange"], "bytes 10-19/3000")
        self.assertEqual(self.read("part"), body[10:20])
        self.assertIn("InvalidRange", self.failure("get-object", "--bucket", self.bucket, "--key", "put/object",
                                                   "--range", "bytes=3000-", self.path("none")))
        self.assertIn("NoSuchKey", self.failure("get-object", "--bucket", self.bucket, "--key", "none", self.path("none")))
        self.assertIn("Not Found", self.failure("head-object", "--bucket", self.bucket, "--key", "none"))

    def test_checksums(self):
        path = self.file("summed", 2000)
        crc = base64.b64encode(zlib.crc32(content(2000, "summed")).to_bytes(4, "big")).decode()
        for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256"):
            put = self.api("put-object", "--bucket", self.bucket, "--key", "sum/" + algorithm, "--body", path,
                           "--checksum-algorithm", algorithm)
            head = self.api("head-object", "--bucket", self.bucket, "--key", "sum/" + algorithm, "--checksum-mode", "ENABLED")
            field = "Checksum" + algorithm
            self.assertEqual(put[field], head[field])
            if algorithm == "CRC32":
                self.assertEqual(put[field], crc)
            self.api("get-object", "--bucket", self.bucket, "--key", "sum/" + algorithm, "--checksum-mode", "ENABLED",
                     self.path("back"))
            self.assert_same_file(path, self.path("back"))
        wrong = self.failure("put-object", "--bucket", self.bucket, "--key", "sum/wrong", "--body", path,
                             "--checksum-crc32", "AAAAAA==")
        self.assertIn("BadDigest", wrong)
        self.assertEqual(self.keys("sum/wrong"), [])

    def test_listing_pages(self):
        self.file("many/x", 1)
        for number in range(25):
            self.file(f"many/{number:03}", 1)
        self.aws("s3", "cp", "--recursive", self.path("many"), self.url("many/"))
        listed = self.api("list-objects-v2", "--bucket", self.bucket, "--prefix", "many/", "--page-size", "4")
        self.assertEqual([row["Key"] for row in listed["Contents"]], [f"many/{n:03}" for n in range(25)] + ["many/x"])
        page = self.api("list-objects-v2", "--bucket", self.bucket, "--prefix", "many/", "--max-items", "5")
        rest = self.api("list-objects-v2", "--bucket", self.bucket, "--prefix", "many/", "--starting-token", page["NextToken"])
        self.assertEqual(len(page["Contents"]) + len(rest["Contents"]), 26)
        first = self.api("list-objects", "--bucket", self.bucket, "--delimiter", "/")
        self.assertIn({"Prefix": "many/"}, first["CommonPrefixes"])

    def test_copy(self):
        self.aws("s3", "cp", self.file("one", 999), self.url("copy/source"))
        copied = self.api("copy-object", "--bucket", self.bucket, "--key", "copy/target", "--copy-source",
                          f"{self.bucket}/copy/source", "--metadata", "new=yes", "--metadata-directive", "REPLACE")
        self.assertTrue(copied["CopyObjectResult"]["ETag"])
        head = self.api("head-object", "--bucket", self.bucket, "--key", "copy/target")
        self.assertEqual((head["Metadata"], head["ContentLength"]), ({"new": "yes"}, 999))
        self.assertIn("InvalidRequest", self.failure("copy-object", "--bucket", self.bucket, "--key", "copy/target",
                                                     "--copy-source", f"{self.bucket}/copy/target"))

    def test_multipart_by_hand(self):
        where = ["--bucket", self.bucket, "--key", "parts"]
        self.aws("s3", "cp", self.file("source", 6 * MIB), self.url("parts-source"))
        upload = self.api("create-multipart-upload", *where, "--content-type", "text/parts")["UploadId"]
        listed = self.api("list-multipart-uploads", "--bucket", self.bucket)["Uploads"]
        self.assertIn(("parts", upload), [(row["Key"], row["UploadId"]) for row in listed])
        part = self.file("part1", PART)
        first = self.api("upload-part", *where, "--upload-id", upload, "--part-number", "1", "--body", part)["ETag"]
        copied = self.api("upload-part-copy", *where, "--upload-id", upload, "--part-number", "2", "--copy-source",
                          f"{self.bucket}/parts-source", "--copy-source-range", f"bytes=100-{PART + 99}")
        last = self.api("upload-part", *where, "--upload-id", upload, "--part-number", "7", "--body", self.file("last", 10))
        etags = {1: first, 2: copied["CopyPartResult"]["ETag"], 7: last["ETag"]}
        parts = self.api("list-parts", *where, "--upload-id", upload)["Parts"]
        self.assertEqual([(p["PartNumber"], p["Size"], p["ETag"]) for p in parts],
                         [(1, PART, etags[1]), (2, PART, etags[2]), (7, 10, etags[7])])
        document = {"Parts": [{"PartNumber": n, "ETag": etag} for n, etag in etags.items()]}
        done = self.api("complete-multipart-upload", *where, "--upload-id", upload, "--multipart-upload", json.dumps(document))
        self.assertTrue(done["ETag"].endswith('-3"'), done)
        self.aws("s3", "cp", self.url("parts"), self.path("whole"))
        want = content(PART, "part1") + content(6 * MIB, "source")[100 : PART + 100] + content(10, "last")
        self.assertEqual(self.read("whole"), want)
        self.assertEqual(self.api("head-object", *where)["ContentType"], "text/parts")

    def test_multipart_abort(self):
        where = ["--bucket", self.bucket, "--key", "aborted"]
        upload = self.api("create-multipart-upload", *where)["UploadId"]
        self.api("upload-part", *where, "--upload-id", upload, "--part-number", "1", "--body", self.file("p", PART))
        self.api("abort-multipart-upload", *where, "--upload-id", upload)
        self.assertIn("NoSuchUpload", self.failure("list-parts", *where, "--upload-id", upload))
        self.assertEqual(self.keys("aborted"), [])

    def test_delete_objects(self):
        for name in ("x", "y & z", "<w>"):
            self.aws("s3", "cp", self.file("any", 3), self.url("gone/" + name))
        objects = [{"Key": "gone/" + name} for name in ("x", "y & z", "<w>", "never")]
        done = self.api("delete-objects", "--bucket", self.bucket, "--delete", json.dumps({"Objects": objects}))
        self.assertEqual(sorted(row["Key"] for row in done["Deleted"]), sorted(row["Key"] for row in objects))
        self.assertEqual(self.keys("gone/"), [])

    def test_buckets(self):
        other = self.bucket + "-other"
        self.aws("s3", "mb", f"s3://{other}")
        self.assertIn(other, [row["Name"] for row in self.api("list-buckets")["Buckets"]])
        self.api("head-bucket", "--bucket", other)
        self.assertIn(self.api("get-bucket-location", "--bucket", other)["LocationConstraint"], (None, "us-east-1"))
        self.aws("s3", "cp", self.file("any", 3), f"s3://{other}/object")
        self.assertIn("BucketNotEmpty", self.failure("delete-bucket", "--bucket", other))
        self.aws("s3", "rb", "--force", f"s3://{other}")
        self.assertIn("NoSuchBucket", self.failure("list-objects-v2", "--bucket", other))
        self.assertEqual(self.api("get-bucket-versioning", "--bucket", self.bucket), {})
        self.assertIn("NoSuchBucketPolicy", self.failure("get-bucket-policy", "--bucket", self.bucket))
        self.assertIn("NoSuchLifecycleConfiguration",
                      self.failure("get-bucket-lifecycle-configuration", "--bucket", self.bucket))
        self.assertIn("NotImplemented", self.failure("put-bucket-accelerate-configuration", "--bucket", self.bucket,
                                                     "--accelerate-configuration", "Status=Enabled"))

    def test_bucket_tagging(self):
        where = ("--bucket", self.bucket)
        self.assertIn("(NoSuchTagSet)", self.failure("get-bucket-tagging", *where))
        tags = [{"Key": "Project", "Value": "a b"}, {"Key": "empty", "Value": ""}]
        self.api("put-bucket-tagging", *where, "--tagging", json.dumps({"TagSet": tags}))
        self.assertEqual(self.api("get-bucket-tagging", *where)["TagSet"], tags)
        refused = self.failure("put-bucket-tagging", *where, "--tagging", "TagSet=[{Key=a,Value=1},{Key=a,Value=2}]")
        self.assertIn("(InvalidTag)", refused)
        self.assertEqual(self.api("get-bucket-tagging", *where)["TagSet"], tags)
        self.api("delete-bucket-tagging", *where)
        self.assertIn("(NoSuchTagSet)", self.failure("get-bucket-tagging", *where))

    def test_bucket_versioning(self):
        bucket = self.bucket + "-versioning"
        self.aws("s3", "mb", f"s3://{bucket}")
        where = ("--bucket", bucket)
        self.assertEqual(self.api("get-bucket-versioning", *where), {})
        for status in ("Enabled", "Suspended", "Enabled"):
            self.api("put-bucket-versioning", *where, "--versioning-configuration", f"Status={status}")
            self.assertEqual(self.api("get-bucket-versioning", *where), {"Status": status})
        refused = self.failure("put-bucket-versioning", *where, "--versioning-configuration",
                               "Status=Enabled,MFADelete=Enabled")
        self.assertIn("(NotImplemented)", refused)
        self.aws("s3", "cp", self.file("one", 3), f"s3://{bucket}/object")
        self.aws("s3", "rm", f"s3://{bucket}/object")
        rows = self.api("list-object-versions", *where)
        self.assertEqual((len(rows["Versions"]), len(rows["DeleteMarkers"])), (1, 1))

    def test_wrong_secret(self):
        done = self.aws("s3", "ls", env={"AWS_SECRET_ACCESS_KEY": "wrong"}, check=False)
        self.assertIn(b"SignatureDoesNotMatch", done.stderr)
        done = self.aws("s3", "ls", env={"AWS_ACCESS_KEY_ID": "UNKNOWN"}, check=False)
        self.assertIn(b"InvalidAccessKeyId", done.stderr)


class HttpPath(AwsCli, ClusterTest):
    pass


class HttpsVirtualHost(AwsCli, ClusterTest):
    style = "virtual"
    tls = True


if __name__ == "__main__":
    main()
