"""Debian's boto3 and the newest: the S3 API as a program uses it, over HTTP and HTTPS, in path and virtual-host style."""

import base64
import hashlib
import io
import ssl
import urllib.error
import urllib.request
import zlib

from botocore.exceptions import ClientError

import raw_http
import s3
from harness import PART, ClusterTest, content, main

ODD_KEYS = [
    "a", "a/b", "a//b", "a/", "/leading", "..", "../up", ".", "a/../b", "+", "a+b", " ", "a b", "a  b", "&", "a&b=c",
    "%", "%41", "?", "a?b", "#", "a#b", "ä", "日本語/键", "\U0001f600", "quote\"'", "<tag>", "back\\slash", "~", "*", "a;b,c:d@e",
    "tab\tkey", "new\nline", "bell\x07", "x" * 1024, "ü" * 512,
]


class Boto3:
    """The steps; the classes below say how the cluster is reached."""

    tls = False
    style = "path"
    bucket = "boto"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster, cls.tls, cls.style)
        cls.s3.create_bucket(Bucket=cls.bucket)

    def fails(self, code, status, call, **arguments):
        """The call must fail with this error; its parsed body is returned."""
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        answer = raised.exception.response
        self.assertEqual(answer["Error"]["Code"], code, answer)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], status, answer)
        self.assertTrue(answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"])
        return answer["Error"]

    def put(self, key, body=b"body", **more):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def get(self, key, **more):
        return self.s3.get_object(Bucket=self.bucket, Key=key, **more)["Body"].read()

    def keys(self, **more):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, **more)
        return [row["Key"] for page in pages for row in page.get("Contents", [])]

    def test_put_get_head(self):
        body = content(70_000)
        put = self.put("plain", body, ContentType="text/x-test", Metadata={"a": "1", "b-c": "two words"},
                       ContentEncoding="gzip", ContentLanguage="de", CacheControl="max-age=5")
        self.assertEqual(put["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
        head = self.s3.head_object(Bucket=self.bucket, Key="plain")
        self.assertEqual((head["ContentLength"], head["ContentType"], head["ContentEncoding"]), (70_000, "text/x-test", "gzip"))
        self.assertEqual((head["ContentLanguage"], head["CacheControl"], head["AcceptRanges"]), ("de", "max-age=5", "bytes"))
        self.assertEqual((head["ETag"], head["Metadata"]), (put["ETag"], {"a": "1", "b-c": "two words"}))
        self.assertEqual(self.get("plain"), body)
        changed = self.s3.get_object(Bucket=self.bucket, Key="plain", ResponseContentType="x/y", ResponseCacheControl="no")
        self.assertEqual((changed["ContentType"], changed["CacheControl"]), ("x/y", "no"))
        self.put("empty", b"")
        self.assertEqual(self.get("empty"), b"")
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="empty")["ETag"], '"d41d8cd98f00b204e9800998ecf8427e"')

    def test_transfer_manager(self):
        body = content(20 * 1024 * 1024 + 11)
        self.s3.upload_fileobj(io.BytesIO(body), self.bucket, "managed")
        back = io.BytesIO()
        self.s3.download_fileobj(self.bucket, "managed", back)
        self.assertEqual(hashlib.sha256(back.getvalue()).digest(), hashlib.sha256(body).digest())
        self.assertRegex(self.s3.head_object(Bucket=self.bucket, Key="managed")["ETag"], r'^"[0-9a-f]{32}-3"$')

    def test_ranges(self):
        body = content(200_000)
        self.put("ranged", body)
        for spec, part in (("bytes=0-0", body[:1]), ("bytes=65535-65536", body[65535:65537]), ("bytes=199999-", body[-1:]),
                           ("bytes=-5", body[-5:]), ("bytes=100-999999", body[100:]), ("bytes=-999999", body)):
            got = self.s3.get_object(Bucket=self.bucket, Key="ranged", Range=spec)
            self.assertEqual(got["Body"].read(), part, spec)
            self.assertEqual(got["ResponseMetadata"]["HTTPStatusCode"], 206)
            self.assertTrue(got["ContentRange"].endswith("/200000"))
        for spec in ("bytes=5-2", "bytes=x", "bytes=0-1,3-4"):
            got = self.s3.get_object(Bucket=self.bucket, Key="ranged", Range=spec)
            self.assertEqual((got["ResponseMetadata"]["HTTPStatusCode"], got["Body"].read()), (200, body), spec)
        for spec in ("bytes=200000-", "bytes=-0"):
            self.fails("InvalidRange", 416, self.s3.get_object, Bucket=self.bucket, Key="ranged", Range=spec)

    def test_odd_keys(self):
        for key in ODD_KEYS:
            body = ("odd:" + key).encode()
            self.put(key, body)
            self.assertEqual(self.get(key), body, repr(key))
        listed = [key for key in self.keys() if key in ODD_KEYS]
        self.assertEqual(listed, sorted(ODD_KEYS, key=lambda key: key.encode()))
        for key in ODD_KEYS:
            self.s3.delete_object(Bucket=self.bucket, Key=key)
        self.assertEqual([key for key in self.keys() if key in ODD_KEYS], [])

    def test_bad_keys(self):
        error = self.fails("KeyTooLongError", 400, self.put, key="y" * 1025)
        self.assertEqual(error["Message"], "Your key is too long")
        self.fails("KeyTooLongError", 400, self.put, key="ü" * 513)

    def test_listing(self):
        names = [f"l/{letter}/{number}" for letter in "abc" for number in range(3)] + ["l/top", "l/a"]
        for name in names:
            self.put(name, b"1")
        ordered = sorted(names)
        self.assertEqual(self.keys(Prefix="l/", PaginationConfig={"PageSize": 2}), ordered)
        self.assertEqual(self.keys(Prefix="l/", StartAfter="l/b/1"), ordered[ordered.index("l/b/1") + 1 :])
        page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="l/", Delimiter="/")
        self.assertEqual([p["Prefix"] for p in page["CommonPrefixes"]], ["l/a/", "l/b/", "l/c/"])
        self.assertEqual([c["Key"] for c in page["Contents"]], ["l/a", "l/top"])
        self.assertEqual((page["KeyCount"], page["IsTruncated"], page["Name"]), (5, False, self.bucket))
        row = page["Contents"][1]
        self.assertEqual((row["Size"], row["ETag"], row["StorageClass"]), (1, f'"{hashlib.md5(b"1").hexdigest()}"', "STANDARD"))
        self.assertNotIn("Owner", row)
        owned = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="l/top", FetchOwner=True)["Contents"][0]
        self.assertTrue(owned["Owner"]["ID"])
        pages = list(self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix="l/", Delimiter="/", PaginationConfig={"PageSize": 1}))
        self.assertEqual([len(p.get("Contents", [])) + len(p.get("CommonPrefixes", [])) for p in pages], [1] * 5)
        first = self.s3.list_objects(Bucket=self.bucket, Prefix="l/", Delimiter="/", MaxKeys=2)
        self.assertTrue(first["IsTruncated"])
        second = self.s3.list_objects(Bucket=self.bucket, Prefix="l/", Delimiter="/", Marker=first["NextMarker"])
        self.assertEqual(len(second.get("Contents", [])) + len(second["CommonPrefixes"]), 3)
        self.assertEqual(self.s3.list_objects_v2(Bucket=self.bucket, Prefix="l/", MaxKeys=0)["KeyCount"], 0)
        self.fails("InvalidArgument", 400, self.s3.list_objects_v2, Bucket=self.bucket, ContinuationToken="nonsense")

    def test_checksums(self):
        body = content(5000)
        sums = {
            "CRC32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode(),
            "SHA1": base64.b64encode(hashlib.sha1(body).digest()).decode(),
            "SHA256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        for algorithm, value in sums.items():
            field = "Checksum" + algorithm
            put = self.put("sum", body, **{field: value})
            self.assertEqual(put[field], value)
            got = self.s3.get_object(Bucket=self.bucket, Key="sum", ChecksumMode="ENABLED")
            self.assertEqual((got[field], got["Body"].read()), (value, body))
            self.put("sum-by-sdk", body, ChecksumAlgorithm=algorithm)
            self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="sum-by-sdk", ChecksumMode="ENABLED")[field], value)
            wrong = base64.b64encode(bytes(len(base64.b64decode(value)))).decode()
            self.fails("BadDigest", 400, self.put, key="sum-wrong", body=body, **{field: wrong})
            self.fails("InvalidRequest", 400, self.put, key="sum-wrong", body=body, **{field: "AAAA"})
        self.fails("BadDigest", 400, self.put, key="sum-wrong", body=body, ContentMD5=base64.b64encode(bytes(16)).decode())
        self.fails("InvalidDigest", 400, self.put, key="sum-wrong", body=body, ContentMD5="short")
        self.fails("404", 404, self.s3.head_object, Bucket=self.bucket, Key="sum-wrong")

    def test_conditional_reads(self):
        etag = self.put("cond", b"one")["ETag"]
        where = {"Bucket": self.bucket, "Key": "cond"}
        modified = self.s3.head_object(**where)["LastModified"]
        self.assertEqual(self.s3.get_object(**where, IfMatch=etag)["Body"].read(), b"one")
        self.fails("PreconditionFailed", 412, self.s3.get_object, **where, IfMatch='"0"')
        self.fails("304", 304, self.s3.get_object, **where, IfNoneMatch=etag)
        self.fails("304", 304, self.s3.get_object, **where, IfModifiedSince=modified)
        self.fails("PreconditionFailed", 412, self.s3.get_object, **where, IfUnmodifiedSince="Wed, 01 Jan 2020 00:00:00 GMT")
        self.assertEqual(self.s3.get_object(**where, IfNoneMatch='"0"')["Body"].read(), b"one")

    def conditional_put(self, key, name, value, body=b"x"):
        """This boto3 has no parameter for it yet: the header is added before signing."""
        client = s3.client(self.cluster, self.tls, self.style)
        client.meta.events.register("before-sign.s3.PutObject", lambda request, **_: request.headers.add_header(name, value))
        return client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def test_conditional_writes(self):
        self.conditional_put("once", "If-None-Match", "*")
        error = self.fails("PreconditionFailed", 412, self.conditional_put, key="once", name="If-None-Match", value="*")
        self.assertEqual(error["Message"], "At least one of the pre-conditions you specified did not hold")
        etag = self.conditional_put("once", "If-Match", f'"{hashlib.md5(b"x").hexdigest()}"', b"y")["ETag"]
        self.assertEqual(etag, f'"{hashlib.md5(b"y").hexdigest()}"')
        self.fails("PreconditionFailed", 412, self.conditional_put, key="once", name="If-Match", value='"0"')
        self.fails("NoSuchKey", 404, self.conditional_put, key="absent", name="If-Match", value='"0"')
        self.fails("NotImplemented", 501, self.conditional_put, key="once", name="If-None-Match", value='"0"')
        self.assertEqual(self.get("once"), b"y")

    def test_copy(self):
        self.put("from/ü +&", b"copied", ContentType="a/b", Metadata={"k": "v"})
        source = {"Bucket": self.bucket, "Key": "from/ü +&"}
        self.s3.copy_object(Bucket=self.bucket, Key="to/same", CopySource=source)
        head = self.s3.head_object(Bucket=self.bucket, Key="to/same")
        self.assertEqual((head["ContentType"], head["Metadata"], self.get("to/same")), ("a/b", {"k": "v"}, b"copied"))
        self.s3.copy_object(Bucket=self.bucket, Key="to/other", CopySource=source, MetadataDirective="REPLACE", ContentType="c/d")
        head = self.s3.head_object(Bucket=self.bucket, Key="to/other")
        self.assertEqual((head["ContentType"], head["Metadata"]), ("c/d", {}))
        self.fails("NoSuchKey", 404, self.s3.copy_object, Bucket=self.bucket, Key="to/none",
                   CopySource={"Bucket": self.bucket, "Key": "none"})
        self.fails("PreconditionFailed", 412, self.s3.copy_object, Bucket=self.bucket, Key="to/none", CopySource=source,
                   CopySourceIfMatch='"0"')
        self.fails("InvalidRequest", 400, self.s3.copy_object, Bucket=self.bucket, Key=source["Key"], CopySource=source)
        self.s3.delete_object(**source)
        self.assertEqual(self.get("to/same"), b"copied")

    def begin(self, key, **more):
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key, **more)["UploadId"]
        return {"Bucket": self.bucket, "Key": key, "UploadId": upload}

    def part(self, where, number, body):
        return {"PartNumber": number, "ETag": self.s3.upload_part(**where, PartNumber=number, Body=body)["ETag"]}

    def test_multipart(self):
        where = self.begin("parts", Metadata={"m": "n"}, ContentType="t/p")
        bodies = {1: content(PART, 1), 5: content(PART + 1, 5), 9: content(3, 9)}
        parts = [self.part(where, number, body) for number, body in bodies.items()]
        self.part(where, 5, content(PART, "replaced"))
        parts[1] = self.part(where, 5, bodies[5])
        listed = self.s3.list_parts(**where, MaxParts=2)
        self.assertEqual(([p["PartNumber"] for p in listed["Parts"]], listed["IsTruncated"], listed["NextPartNumberMarker"]),
                         ([1, 5], True, 5))
        self.assertEqual(len(self.s3.list_parts(**where, PartNumberMarker=5)["Parts"]), 1)
        self.fails("InvalidPartOrder", 400, self.s3.complete_multipart_upload, **where, MultipartUpload={"Parts": parts[::-1]})
        bad = [parts[0], {"PartNumber": 5, "ETag": '"00000000000000000000000000000000"'}]
        self.fails("InvalidPart", 400, self.s3.complete_multipart_upload, **where, MultipartUpload={"Parts": bad})
        self.assertEqual(self.keys(Prefix="parts"), [])
        done = self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        digest = hashlib.md5(b"".join(hashlib.md5(b).digest() for b in bodies.values())).hexdigest()
        self.assertEqual(done["ETag"], f'"{digest}-3"')
        self.assertEqual(self.get("parts"), b"".join(bodies.values()))
        head = self.s3.head_object(Bucket=self.bucket, Key="parts")
        self.assertEqual((head["Metadata"], head["ContentType"]), ({"m": "n"}, "t/p"))
        second = self.s3.get_object(Bucket=self.bucket, Key="parts", PartNumber=5)
        self.assertEqual((second["PartsCount"], second["Body"].read()), (3, bodies[5]))
        self.fails("NoSuchUpload", 404, self.s3.list_parts, **where)

    def test_multipart_errors(self):
        where = self.begin("small-parts")
        parts = [self.part(where, 1, b"too small"), self.part(where, 2, b"end")]
        self.fails("EntityTooSmall", 400, self.s3.complete_multipart_upload, **where, MultipartUpload={"Parts": parts})
        self.fails("InvalidArgument", 400, self.s3.upload_part, **where, PartNumber=10001, Body=b"x")
        self.fails("MalformedXML", 400, self.s3.complete_multipart_upload, **where, MultipartUpload={"Parts": []})
        uploads = self.s3.list_multipart_uploads(Bucket=self.bucket, Prefix="small-")["Uploads"]
        self.assertEqual([(u["Key"], u["UploadId"]) for u in uploads], [("small-parts", where["UploadId"])])
        self.s3.abort_multipart_upload(**where)
        self.fails("NoSuchUpload", 404, self.s3.upload_part, **where, PartNumber=1, Body=b"x")
        self.fails("NoSuchUpload", 404, self.s3.abort_multipart_upload, **where)
        self.assertNotIn("Uploads", self.s3.list_multipart_uploads(Bucket=self.bucket, Prefix="small-"))

    def test_upload_part_copy(self):
        body = content(PART * 2)
        self.put("copy-source", body)
        where = self.begin("part-copy")
        parts = []
        for number, spec in ((1, f"bytes=0-{PART - 1}"), (2, f"bytes={PART}-{PART + 9}")):
            copied = self.s3.upload_part_copy(**where, PartNumber=number, CopySourceRange=spec,
                                              CopySource={"Bucket": self.bucket, "Key": "copy-source"})
            parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
        self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        self.assertEqual(self.get("part-copy"), body[: PART + 10])

    def test_delete_objects(self):
        names = [f"many/{number:04}" for number in range(120)]
        for name in names:
            self.put(name, b"")
        done = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": name} for name in names]})
        self.assertEqual(sorted(row["Key"] for row in done["Deleted"]), names)
        self.assertEqual(self.keys(Prefix="many/"), [])
        self.put("quiet")
        done = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "quiet"}], "Quiet": True})
        self.assertNotIn("Deleted", done)
        self.s3.delete_object(Bucket=self.bucket, Key="never-there")

    def test_error_codes_and_words(self):
        where = {"Bucket": self.bucket, "Key": "never"}
        error = self.fails("NoSuchKey", 404, self.s3.get_object, **where)
        self.assertEqual((error["Message"], error["Key"]), ("The specified key does not exist.", "never"))
        error = self.fails("NoSuchBucket", 404, self.s3.get_object, Bucket="no-such-bucket", Key="k")
        self.assertEqual((error["Message"], error["BucketName"]), ("The specified bucket does not exist", "no-such-bucket"))
        self.fails("404", 404, self.s3.head_bucket, Bucket="no-such-bucket")
        self.fails("NoSuchBucket", 404, self.s3.put_object, Bucket="no-such-bucket", Key="k", Body=b"x")
        for call, code in ((self.s3.get_bucket_policy, "NoSuchBucketPolicy"), (self.s3.get_bucket_tagging, "NoSuchTagSet"),
                           (self.s3.get_bucket_cors, "NoSuchCORSConfiguration"),
                           (self.s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
                           (self.s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError")):
            self.fails(code, 404, call, Bucket=self.bucket)
        self.assertTrue(self.s3.get_bucket_acl(Bucket=self.bucket)["Grants"])
        self.assertNotIn("Status", self.s3.get_bucket_versioning(Bucket=self.bucket))
        self.fails("NotImplemented", 501, self.s3.put_bucket_accelerate_configuration, Bucket=self.bucket,
                   AccelerateConfiguration={"Status": "Enabled"})

    def test_settings_as_every_bucket_has_them(self):
        """What asks for nothing is done; what asks for more is refused by its name."""
        bucket = {"Bucket": self.bucket}
        self.s3.put_bucket_request_payment(RequestPaymentConfiguration={"Payer": "BucketOwner"}, **bucket)
        self.assertEqual(self.s3.get_bucket_request_payment(**bucket)["Payer"], "BucketOwner")
        self.fails("NotImplemented", 501, self.s3.put_bucket_request_payment,
                   RequestPaymentConfiguration={"Payer": "Requester"}, **bucket)
        self.fails("MalformedXML", 400, self.s3.put_bucket_request_payment, RequestPaymentConfiguration={"Payer": "Me"}, **bucket)
        self.s3.put_bucket_accelerate_configuration(AccelerateConfiguration={"Status": "Suspended"}, **bucket)
        self.assertNotIn("Status", self.s3.get_bucket_accelerate_configuration(**bucket))
        for kind in ("analytics", "intelligent_tiering", "inventory", "metrics"):
            listed = getattr(self.s3, f"list_bucket_{kind}_configurations")(**bucket)
            self.assertEqual((listed["IsTruncated"], len(listed)), (False, 2), listed)
            self.fails("NoSuchConfiguration", 404, getattr(self.s3, f"get_bucket_{kind}_configuration"), Id="i", **bucket)
            getattr(self.s3, f"delete_bucket_{kind}_configuration")(Id="i", **bucket)
        self.s3.put_bucket_logging(BucketLoggingStatus={}, **bucket)
        self.fails("InvalidTargetBucketForLogging", 400, self.s3.put_bucket_logging, BucketLoggingStatus={
            "LoggingEnabled": {"TargetBucket": self.bucket, "TargetPrefix": "log/"}}, **bucket)
        self.s3.put_bucket_notification_configuration(NotificationConfiguration={}, **bucket)
        self.fails("InvalidArgument", 400, self.s3.put_bucket_notification_configuration, NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:000000000000:q", "Events": ["s3:ObjectCreated:*"]}]},
            **bucket)

    def test_bucket_tagging(self):
        where = {"Bucket": f"{self.bucket}-tagged"}

        def tags(*pairs):
            return [{"Key": key, "Value": value} for key, value in pairs]

        def put(*pairs):
            return self.s3.put_bucket_tagging(Tagging={"TagSet": tags(*pairs)}, **where)

        def refused(code, *pairs):
            return self.fails(code, 400, self.s3.put_bucket_tagging, Tagging={"TagSet": tags(*pairs)}, **where)["Message"]

        self.fails("NoSuchBucket", 404, self.s3.get_bucket_tagging, **where)
        self.s3.create_bucket(**where)
        self.fails("NoSuchTagSet", 404, self.s3.get_bucket_tagging, **where)
        kept = [("Project", "a+b"), ("empty", ""), ("k\N{EURO SIGN}y", "x y")]
        self.assertEqual(put(*kept)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.assertEqual(self.s3.get_bucket_tagging(**where)["TagSet"], tags(*kept))
        self.assertEqual(refused("InvalidTag", ("k", "1"), ("k", "2")), "Cannot provide multiple Tags with the same key")
        self.assertEqual(refused("InvalidTag", ("aws:k", "1")), "System tags cannot be added/updated by requester")
        self.assertEqual(refused("InvalidTag", ("k" * 129, "1")), "The TagKey you have provided is invalid")
        self.assertEqual(refused("InvalidTag", ("k", "v" * 257)), "The TagValue you have provided is invalid")
        refused("BadRequest", *((f"k{i}", "v") for i in range(51)))
        self.assertEqual(self.s3.get_bucket_tagging(**where)["TagSet"], tags(*kept))
        many = [(f"k{i}", "v" * 256) for i in range(50)]
        put(*many)
        self.assertEqual(self.s3.get_bucket_tagging(**where)["TagSet"], tags(*many))
        self.assertEqual(self.s3.delete_bucket_tagging(**where)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.fails("NoSuchTagSet", 404, self.s3.get_bucket_tagging, **where)
        put(*kept)
        self.s3.delete_bucket(**where)
        self.create_tagged(where, tags(*kept))
        self.s3.delete_bucket(**where)

    def test_bucket_cors(self):
        where = {"Bucket": f"{self.bucket}-cors"}
        kept = [
            {"ID": "pages", "AllowedOrigins": ["https://a.example", "https://*.b.example"], "AllowedMethods": ["PUT", "GET"],
             "AllowedHeaders": ["content-type", "x-amz-*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 600},
            {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
        ]  # fmt: skip

        def put(*rules):
            return self.s3.put_bucket_cors(CORSConfiguration={"CORSRules": list(rules)}, **where)

        def refused(code, **rule):
            rules = {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], **rule}]}
            return self.fails(code, 400, self.s3.put_bucket_cors, CORSConfiguration=rules, **where)["Message"]

        self.fails("NoSuchBucket", 404, self.s3.get_bucket_cors, **where)
        self.s3.create_bucket(**where)
        error = self.fails("NoSuchCORSConfiguration", 404, self.s3.get_bucket_cors, **where)
        self.assertEqual(error["BucketName"], where["Bucket"])
        self.assertEqual(put(*kept)["ResponseMetadata"]["HTTPStatusCode"], 200)
        self.assertEqual(refused("InvalidRequest", AllowedMethods=["GET", "PATCH"]),
                         "Found unsupported HTTP method in CORS config. Unsupported method is PATCH")
        self.assertEqual(refused("InvalidRequest", AllowedOrigins=["*.*"]),
                         'AllowedOrigin "*.*" can not have more than one wildcard.')
        refused("MalformedXML", AllowedOrigins=[])
        self.assertEqual(self.s3.get_bucket_cors(**where)["CORSRules"], kept)
        self.assertEqual(self.s3.delete_bucket_cors(**where)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.fails("NoSuchCORSConfiguration", 404, self.s3.get_bucket_cors, **where)
        put(*kept)
        self.s3.delete_bucket(**where)
        self.s3.create_bucket(**where)
        self.fails("NoSuchCORSConfiguration", 404, self.s3.get_bucket_cors, **where)
        self.s3.delete_bucket(**where)

    def create_tagged(self, where, tags):
        """The tags of a bucket that was deleted do not come back; those given at its creation are there."""
        self.s3.create_bucket(**where)
        self.fails("NoSuchTagSet", 404, self.s3.get_bucket_tagging, **where)
        if "Tags" not in self.s3.meta.service_model.shape_for("CreateBucketConfiguration").members:
            return  # an old SDK
        self.s3.delete_bucket(**where)
        wrong = {"Tags": [{"Key": "aws:k", "Value": "v"}]}
        self.fails("InvalidTag", 400, self.s3.create_bucket, CreateBucketConfiguration=wrong, **where)
        self.fails("404", 404, self.s3.head_bucket, **where)
        self.s3.create_bucket(CreateBucketConfiguration={"Tags": tags}, **where)
        self.assertEqual(self.s3.get_bucket_tagging(**where)["TagSet"], tags)

    def test_credentials(self):
        wrong = s3.client(self.cluster, self.tls, self.style, secret_key="wrong")
        error = self.fails("SignatureDoesNotMatch", 403, wrong.list_buckets)
        self.assertTrue(error["StringToSign"].startswith("AWS4-HMAC-SHA256\n"))
        self.assertTrue(error["CanonicalRequest"].startswith("GET\n/\n"))
        self.assertEqual(error["AWSAccessKeyId"], self.cluster.access_key)
        unknown = s3.client(self.cluster, self.tls, self.style, access_key="UNKNOWN")
        self.fails("InvalidAccessKeyId", 403, unknown.list_buckets)

    def test_signature_v2(self):
        old = s3.client(self.cluster, self.tls, self.style, signature="s3")
        old.put_object(Bucket=self.bucket, Key="v2 +", Body=b"old", Metadata={"x": "y"})
        self.assertEqual(old.get_object(Bucket=self.bucket, Key="v2 +")["Body"].read(), b"old")
        self.assertEqual(len(old.list_objects(Bucket=self.bucket, Prefix="v2")["Contents"]), 1)  # botocore signs V2 lists wrongly

    def open_url(self, url, method="GET", body=None, headers=None):
        context = ssl.create_default_context(cafile=self.cluster.ca)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        request = urllib.request.Request(url, method=method, data=body, headers=headers or {})
        with opener.open(request, timeout=60) as answer:
            return answer.read()

    def test_presigned(self):
        for signature in ("s3v4", "s3"):
            signer = s3.client(self.cluster, self.tls, self.style, signature=signature)
            where = {"Bucket": self.bucket, "Key": f"pre signed/{signature}"}
            if signature == "s3v4":
                self.open_url(signer.generate_presigned_url("put_object", where), "PUT", b"presigned")
            else:
                self.put(where["Key"], b"presigned")
            self.assertEqual(self.open_url(signer.generate_presigned_url("get_object", where)), b"presigned")
            self.open_url(signer.generate_presigned_url("delete_object", where), "DELETE")
            self.fails("NoSuchKey", 404, self.s3.get_object, **where)

    def post_form(self, post, body, filename="pic.png", **fields):
        """What a browser does with the fields that boto3 made; the answer's body."""
        parts = [f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in {**post["fields"], **fields}.items()]
        file = f'--XX\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
        form = "".join([*parts, file]).encode() + body + b"\r\n--XX--\r\n"
        return self.open_url(post["url"], "POST", form, {"Content-Type": "multipart/form-data; boundary=XX"})

    def form_fails(self, code, status, *arguments, **fields):
        with self.assertRaises(urllib.error.HTTPError) as raised:
            self.post_form(*arguments, **fields)
        answer = raised.exception.read().decode()
        self.assertEqual(raised.exception.code, status, answer)
        self.assertIn(f"<Code>{code}</Code>", answer)
        return answer

    def test_forms(self):
        extra = {"Content-Type": "image/png", "x-amz-meta-a": "1", "success_action_status": "201"}
        conditions = [{name: value} for name, value in extra.items()]
        for signature in ("s3v4", "s3"):
            signer = s3.client(self.cluster, self.tls, self.style, signature=signature)
            for size in (0, 5_000, 20 << 20):
                post = signer.generate_presigned_post(self.bucket, f"form {size}/${{filename}}", dict(extra), list(conditions))
                answer = self.post_form(post, content(size), "C:\\pictures\\a b.png").decode()
                key = f"form {size}/a b.png"
                self.assertIn(f"<Key>{key}</Key>", answer)
                self.assertIn(f"form%20{size}/a%20b.png</Location>", answer)
                head = self.s3.head_object(Bucket=self.bucket, Key=key)
                self.assertEqual((head["ContentType"], head["Metadata"]), ("image/png", {"a": "1"}))
                self.assertEqual(head["ETag"], f'"{hashlib.md5(content(size)).hexdigest()}"')
                self.assertEqual(self.get(key), content(size))
                self.s3.delete_object(Bucket=self.bucket, Key=key)

    def test_forms_that_are_refused(self):
        for signature in ("s3v4", "s3"):
            signer = s3.client(self.cluster, self.tls, self.style, signature=signature)
            where = (self.bucket, "refused/${filename}")
            post = signer.generate_presigned_post(*where, Conditions=[["content-length-range", 2, 1000]])
            answer = self.form_fails("EntityTooLarge", 400, post, b"x" * 1001)
            self.assertIn("<ProposedSize>1001</ProposedSize><MaxSizeAllowed>1000</MaxSizeAllowed>", answer)
            self.form_fails("EntityTooLarge", 400, post, content(20 << 20))
            self.form_fails("EntityTooSmall", 400, post, b"x")
            self.form_fails("AccessDenied", 403, post, b"xx", key="other/${filename}")
            answer = self.form_fails("AccessDenied", 403, post, b"xx", acl="private")
            self.assertIn("Invalid according to Policy: Extra input fields: acl", answer)
            self.form_fails("InvalidArgument", 400, post, b"xx", KEY="refused/other")
            name = "x-amz-signature" if signature == "s3v4" else "signature"
            self.form_fails("SignatureDoesNotMatch", 403, post, b"xx", **{name: "0" * 64})
            self.form_fails("SignatureDoesNotMatch", 403, post, b"xx", policy="e30=")
            old = signer.generate_presigned_post(*where, ExpiresIn=-1)
            self.assertIn("Policy expired.", self.form_fails("AccessDenied", 403, old, b"xx"))
            self.form_fails("AccessDenied", 403, {"url": post["url"], "fields": {"key": "refused/k"}}, b"xx")
            stranger = s3.client(self.cluster, self.tls, self.style, signature=signature, access_key="UNKNOWN")
            self.form_fails("InvalidAccessKeyId", 403, stranger.generate_presigned_post(*where), b"xx")
            forger = s3.client(self.cluster, self.tls, self.style, signature=signature, secret_key="wrong")
            self.form_fails("SignatureDoesNotMatch", 403, forger.generate_presigned_post(*where), b"xx")
            elsewhere = signer.generate_presigned_post("another", where[1])
            self.form_fails("AccessDenied", 403, {**elsewhere, "url": post["url"]}, b"xx")
        self.assertEqual(self.keys(Prefix="refused"), [])

    def test_buckets(self):
        self.fails("BucketNotEmpty", 409, self.filled_bucket_delete)
        self.s3.delete_object(Bucket="boto-filled", Key="k")
        self.s3.delete_bucket(Bucket="boto-filled")
        self.assertNotIn("boto-filled", [b["Name"] for b in self.s3.list_buckets()["Buckets"]])
        self.assertEqual(self.s3.head_bucket(Bucket=self.bucket)["ResponseMetadata"]["HTTPStatusCode"], 200)
        self.s3.create_bucket(Bucket=self.bucket)
        create = s3.client(self.cluster, self.tls).create_bucket
        for name in ("ab", "no_underscore", "192.168.0.1", "x..y"):
            self.fails("InvalidBucketName", 400, create, Bucket=name)
        for name in ("download", "upload", "delete", "health", "metrics", "system"):
            self.fails("InvalidBucketName", 400, create, Bucket=name)
            self.assertNotIn(name, [b["Name"] for b in self.s3.list_buckets()["Buckets"]])

    def filled_bucket_delete(self):
        self.s3.create_bucket(Bucket="boto-filled")
        self.s3.put_object(Bucket="boto-filled", Key="k", Body=b"x")
        self.s3.delete_bucket(Bucket="boto-filled")

    def set_versioning(self, bucket, status):
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        self.assertEqual(self.s3.get_bucket_versioning(Bucket=bucket)["Status"], status)

    def test_versioning_of_a_bucket(self):
        bucket = "boto-versioning"
        self.s3.create_bucket(Bucket=bucket)
        where = {"Bucket": bucket, "Key": "k"}
        self.assertNotIn("VersionId", self.s3.put_object(**where, Body=b"before"))
        self.set_versioning(bucket, "Enabled")
        kept = self.s3.put_object(**where, Body=b"kept")["VersionId"]
        self.assertEqual(self.s3.get_object(**where, VersionId="null")["Body"].read(), b"before")
        self.set_versioning(bucket, "Suspended")
        self.assertNotIn("VersionId", self.s3.put_object(**where, Body=b"replaced"))
        upload = self.s3.create_multipart_upload(**where)["UploadId"]
        part = self.s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"after")["ETag"]
        done = self.s3.complete_multipart_upload(
            **where, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
        self.assertNotIn("VersionId", done)
        answer = self.s3.get_object(**where)
        self.assertEqual((answer["Body"].read(), answer["VersionId"]), (b"after", "null"))
        rows = self.s3.list_object_versions(Bucket=bucket)["Versions"]
        self.assertEqual([(row["VersionId"], row["IsLatest"]) for row in rows], [("null", True), (kept, False)])
        copied = self.s3.copy_object(Bucket=bucket, Key="copy", CopySource={**where, "VersionId": kept})
        self.assertEqual(copied["CopySourceVersionId"], kept)
        self.assertNotIn("VersionId", copied)
        marker = self.s3.delete_object(**where)
        self.assertEqual((marker["DeleteMarker"], marker["VersionId"]), (True, "null"))
        self.fails("NoSuchKey", 404, self.s3.get_object, **where)
        listed = self.s3.list_object_versions(Bucket=bucket, Prefix="k", MaxKeys=1)
        self.assertEqual(listed["DeleteMarkers"][0]["VersionId"], "null")
        self.assertEqual(listed["NextVersionIdMarker"], "null")
        rest = self.s3.list_object_versions(Bucket=bucket, Prefix="k", KeyMarker="k", VersionIdMarker="null")
        self.assertEqual([row["VersionId"] for row in rest["Versions"]], [kept])
        for marker in ({"VersionIdMarker": kept}, {"VersionIdMarker": "none", "KeyMarker": "k"}):
            error = self.fails("InvalidArgument", 400, self.s3.list_object_versions, Bucket=bucket, **marker)
            self.assertEqual((error["ArgumentName"], error["ArgumentValue"]), ("version-id-marker", marker["VersionIdMarker"]))
        self.set_versioning(bucket, "Enabled")
        self.assertNotEqual(self.s3.put_object(**where, Body=b"new")["VersionId"], "null")
        self.fails("NotImplemented", 501, self.s3.put_bucket_versioning, Bucket=bucket,
                   VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"})
        self.fails("IllegalVersioningConfigurationException", 400, self.s3.put_bucket_versioning, Bucket=bucket,
                   VersioningConfiguration={})
        self.fails("InvalidBucketState", 409, self.s3.put_bucket_versioning, Bucket="files",
                   VersioningConfiguration={"Status": "Suspended"})
        for row in self.s3.list_object_versions(Bucket=bucket).get("Versions", []):
            self.s3.delete_object(Bucket=bucket, Key=row["Key"], VersionId=row["VersionId"])
        self.s3.delete_object(**where, VersionId="null")
        self.s3.delete_bucket(Bucket=bucket)

    def test_versions_of_the_bucket_files(self):
        where = {"Bucket": "files", "Key": "doc.txt"}
        first = self.s3.put_object(**where, Body=b"first")["VersionId"]
        second = self.s3.put_object(**where, Body=b"second")["VersionId"]
        self.assertNotEqual(first, second)
        self.assertEqual(self.s3.get_object(**where)["Body"].read(), b"second")
        self.assertEqual(self.s3.get_object(**where, VersionId=first)["Body"].read(), b"first")
        self.assertEqual(self.s3.get_bucket_versioning(Bucket="files")["Status"], "Enabled")
        answer = raw_http.request(self.cluster.port, "GET", "/download?filename=doc.txt&version=1")
        self.assertEqual((answer.status, answer.body), (200, b"first"))
        marker = self.s3.delete_object(**where)
        self.assertTrue(marker["DeleteMarker"])
        self.fails("NoSuchKey", 404, self.s3.get_object, **where)
        self.fails("MethodNotAllowed", 405, self.s3.get_object, **where, VersionId=marker["VersionId"])
        self.s3.delete_object(**where, VersionId=marker["VersionId"])
        self.assertEqual(self.s3.get_object(**where)["Body"].read(), b"second")
        self.s3.delete_object(**where, VersionId=second)
        self.assertEqual(self.s3.get_object(**where)["Body"].read(), b"first")
        self.fails("NoSuchVersion", 404, self.s3.get_object, **where, VersionId=second)


class HttpPath(Boto3, ClusterTest):
    pass


class HttpsVirtualHost(Boto3, ClusterTest):
    tls = True
    style = "virtual"


if __name__ == "__main__":
    main()
