"""Static websites: made with boto3 and with the aws-cli, visited as a browser does, by curl that follows what it is told."""

import json
import subprocess
import unittest

import s3
from harness import ClusterTest

WEB = "web.localhost"
SITE = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"},
        "RoutingRules": [{"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "docs/"}}]}  # fmt: skip


class Website(ClusterTest):
    cluster_options = {"tls": False, "gateway_options": ("-website-domain", WEB, "-website-hosts", "www.example.org")}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="site")
        cls.s3.delete_public_access_block(Bucket="site")
        cls.s3.put_bucket_website(Bucket="site", WebsiteConfiguration=SITE)
        cls.allow("s3:GetObject")
        for key in ("index.html", "docs/index.html", "docs/a b.html", "error.html"):
            cls.s3.put_object(Bucket="site", Key=key, Body=f"page {key}".encode(), ContentType="text/html")
        cls.s3.put_object(Bucket="site", Key="moved", Body=b"", WebsiteRedirectLocation="/docs/")

    @classmethod
    def allow(cls, *actions):
        statement = {"Effect": "Allow", "Principal": "*", "Action": actions,
                     "Resource": ["arn:aws:s3:::site", "arn:aws:s3:::site/*"]}  # fmt: skip
        cls.s3.put_bucket_policy(Bucket="site", Policy=json.dumps({"Statement": statement}))

    def visit(self, path, *options, host="site." + WEB):
        """The status, the body and the URL at the end of all redirects."""
        url = f"http://{host}:{self.cluster.port}{path}"
        run = subprocess.run(
            ["curl", "-sS", "--max-time", "30", "-L", "--resolve", f"{host}:{self.cluster.port}:127.0.0.1", "-w",
             "\n%{http_code} %{url_effective}", *options, url], capture_output=True, text=True, check=True)  # fmt: skip
        body, _, last = run.stdout.rpartition("\n")
        status, effective = last.split(" ", 1)
        return int(status), body, effective.split(str(self.cluster.port), 1)[1]

    def test_configuration(self):
        kept = self.s3.get_bucket_website(Bucket="site")
        self.assertEqual({key: kept[key] for key in SITE}, SITE)

    def test_pages(self):
        self.assertEqual(self.visit("/"), (200, "page index.html", "/"))
        self.assertEqual(self.visit("/docs"), (200, "page docs/index.html", "/docs/"))
        self.assertEqual(self.visit("/docs/a%20b.html"), (200, "page docs/a b.html", "/docs/a%20b.html"))
        self.assertEqual(self.visit("/old/a%20b.html"), (200, "page docs/a b.html", "/docs/a%20b.html"))
        self.assertEqual(self.visit("/moved"), (200, "page docs/index.html", "/docs/"))
        self.assertEqual(self.visit("/", "-I")[0], 200)
        self.assertEqual(self.visit("/index.html", "-r", "0-3"), (206, "page", "/index.html"))

    def test_what_is_not_there(self):
        self.assertEqual(self.visit("/none"), (403, "page error.html", "/none"))
        self.allow("s3:GetObject", "s3:ListBucket")
        self.assertEqual(self.visit("/none"), (404, "page error.html", "/none"))
        self.allow("s3:GetObject")
        self.assertEqual(self.visit("/", "-X", "PUT", "-d", "x")[0], 405)
        status, body, _ = self.visit("/%3Cb%3E", host="other." + WEB)
        self.assertEqual(status, 404)
        self.assertIn("NoSuchBucket", body)

    def test_redirect_location(self):
        self.assertEqual(self.s3.head_object(Bucket="site", Key="moved")["WebsiteRedirectLocation"], "/docs/")
        upload = self.s3.create_multipart_upload(Bucket="site", Key="parts", WebsiteRedirectLocation="/")["UploadId"]
        part = self.s3.upload_part(Bucket="site", Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
        self.s3.complete_multipart_upload(Bucket="site", Key="parts", UploadId=upload,
                                          MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]})
        self.assertEqual(self.visit("/parts"), (200, "page index.html", "/"))
        post = self.s3.generate_presigned_post("site", "form", Fields={"x-amz-website-redirect-location": "/docs/"},
                                               Conditions=[{"x-amz-website-redirect-location": "/docs/"}])
        fields = [option for name, value in post["fields"].items() for option in ("-F", f"{name}={value}")]
        subprocess.run(["curl", "-sS", "--fail", "--max-time", "30", *fields, "-F", "file=x", post["url"]], check=True)
        self.assertEqual(self.visit("/form"), (200, "page docs/index.html", "/docs/"))
        with self.assertRaises(self.s3.exceptions.ClientError) as raised:
            self.s3.put_object(Bucket="site", Key="bad", Body=b"", WebsiteRedirectLocation="docs")
        self.assertEqual(raised.exception.response["Error"]["Code"], "InvalidRedirectLocation")

    def test_redirect_of_all(self):
        self.s3.create_bucket(Bucket="www.example.org")
        self.s3.put_bucket_website(Bucket="www.example.org", WebsiteConfiguration={
            "RedirectAllRequestsTo": {"HostName": f"site.{WEB}:{self.cluster.port}", "Protocol": "http"}})
        site = ("--resolve", f"site.{WEB}:{self.cluster.port}:127.0.0.1")
        self.assertEqual(self.visit("/docs/?a=b", *site, host="www.example.org"),
                         (200, "page docs/index.html", "/docs/?a=b"))


if __name__ == "__main__":
    unittest.main()
