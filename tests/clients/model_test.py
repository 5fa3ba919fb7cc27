"""Every operation of AWS's model of S3: a request for it does its own or is refused by its name, and never does another's.
Which are offered, and which headers they honour, stands here beside the gateway's own table."""

import base64
import contextlib
import collections
import functools
import gzip
import hashlib
import json
import os

import raw_http
import s3
from harness import ClusterTest, main

MODULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_modules")
MODEL = os.path.join(MODULES, "botocore/data/s3/2006-03-01/service-2.json.gz")
KEPT = b"kept"

# Operation: the status (and error) of a request with what it needs and no more.
OFFERED = {
    "AbortMultipartUpload": 204, "CompleteMultipartUpload": 200, "CopyObject": 200, "CreateBucket": 200,
    "CreateMultipartUpload": 200, "DeleteBucket": 204, "DeleteObject": 204, "DeleteObjects": 200, "GetObject": 200,
    "HeadBucket": 200, "HeadObject": 200, "ListBuckets": 200, "ListMultipartUploads": 200, "ListObjectVersions": 200,
    "ListObjects": 200, "ListObjectsV2": 200, "ListParts": 200, "PutObject": 200, "UploadPart": 200, "UploadPartCopy": 200,
    # what a bucket or an object has without a setting
    "GetBucketAccelerateConfiguration": 200, "GetBucketAcl": 200, "GetBucketLocation": 200, "GetBucketLogging": 200,
    "GetBucketNotification": 200, "GetBucketNotificationConfiguration": 200, "GetBucketRequestPayment": 200,
    "GetBucketVersioning": 200, "PutBucketVersioning": 200, "GetObjectAcl": 200, "GetObjectTagging": 200,
    # an object has no annotations until one is put
    "GetObjectAnnotation": "NoSuchAnnotation", "ListObjectAnnotations": 200, "DeleteObjectAnnotation": 204,
    "PutObjectAnnotation": 200,
    # settings that were never made
    "GetBucketCors": "NoSuchCORSConfiguration", "GetBucketEncryption": "ServerSideEncryptionConfigurationNotFoundError",
    "GetBucketLifecycle": "NoSuchLifecycleConfiguration", "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
    "GetBucketOwnershipControls": "OwnershipControlsNotFoundError", "GetBucketPolicy": "NoSuchBucketPolicy",
    "GetBucketPolicyStatus": "NoSuchBucketPolicy", "GetBucketReplication": "ReplicationConfigurationNotFoundError",
    "GetBucketTagging": "NoSuchTagSet", "GetBucketWebsite": "NoSuchWebsiteConfiguration",
    "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
    # in a bucket without object lock (clients.object-lock has one); the configuration is malformed
    "GetObjectLegalHold": 400, "GetObjectRetention": 400, "PutObjectLegalHold": 400, "PutObjectRetention": 400,
    "PutObjectLockConfiguration": 400,
    "GetPublicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "DeleteBucketCors": 204, "DeleteBucketEncryption": 204, "PutBucketLifecycle": 200,
    "PutBucketLifecycleConfiguration": 200, "DeleteBucketLifecycle": 204,
    "DeleteBucketOwnershipControls": 204, "DeleteBucketPolicy": 204, "DeleteBucketReplication": 204,
    "DeleteBucketTagging": 204, "PutObjectTagging": 200, "GetObjectAttributes": 200, "PutBucketCors": 200, "PutBucketTagging": 204, "DeleteBucketWebsite": 204, "DeleteObjectTagging": 204, "DeletePublicAccessBlock": 204,
    "PutBucketAcl": 200, "PutObjectAcl": 200,
    "PutBucketOwnershipControls": 200, "PutBucketPolicy": 204, "PutPublicAccessBlock": 200, "PutBucketWebsite": 200,
    "PutBucketEncryption": 200,
    # without a keyring (e2e.encryption has one)
    "UpdateObjectEncryption": 400,
    # which ask for what a bucket has anyway
    "PutBucketLogging": 200, "PutBucketNotification": 200, "PutBucketNotificationConfiguration": 200,
    "PutBucketRequestPayment": 200, "GetBucketAbac": 200, "PutBucketAbac": 200, "PutBucketAccelerateConfiguration": 200,
    # which no bucket has, since they would make AWS do something
    "GetBucketAnalyticsConfiguration": "NoSuchConfiguration", "GetBucketInventoryConfiguration": "NoSuchConfiguration",
    "GetBucketIntelligentTieringConfiguration": "NoSuchConfiguration", "GetBucketMetricsConfiguration": "NoSuchConfiguration",
    "ListBucketAnalyticsConfigurations": 200, "ListBucketIntelligentTieringConfigurations": 200,
    "ListBucketInventoryConfigurations": 200, "ListBucketMetricsConfigurations": 200,
    "DeleteBucketAnalyticsConfiguration": 204, "DeleteBucketIntelligentTieringConfiguration": 204,
    "DeleteBucketInventoryConfiguration": 204, "DeleteBucketMetricsConfiguration": 204,
    "GetBucketMetadataConfiguration": "MetadataConfigurationNotFound", "DeleteBucketMetadataConfiguration": 204,
    "GetBucketMetadataTableConfiguration": "MetadataConfigurationNotFound", "DeleteBucketMetadataTableConfiguration": 204,
    # in a bucket of its own, without versioning
    "RenameObject": 200,
}  # fmt: skip

# Refused with 501 and their names; the model's names where the gateway has one row for two operations.
NOT_OFFERED = {
    "CreateBucketMetadataConfiguration", "CreateBucketMetadataTableConfiguration", "CreateSession",
    "GetObjectTorrent", "ListDirectoryBuckets",
    "PutBucketAnalyticsConfiguration", "PutBucketIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration", "PutBucketMetricsConfiguration", "PutBucketReplication",
    "RestoreObject", "SelectObjectContent", "UpdateBucketMetadataAnnotationTableConfiguration",
    "UpdateBucketMetadataInventoryTableConfiguration", "UpdateBucketMetadataJournalTableConfiguration",
    "WriteGetObjectResponse",
}  # fmt: skip

# Headers that ask for nothing, and those that an operation honours, with a value that it takes. Any other header of the
# model is refused by the operation that the model gives it to.
COMMON = {"x-amz-request-payer": "requester", "x-amz-expected-bucket-owner": "000000000000"}
COPY = {"x-amz-copy-source": "/walk/kept", "x-amz-source-expected-bucket-owner": "000000000000",
        "x-amz-copy-source-if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT",
        "x-amz-copy-source-if-unmodified-since": "Thu, 01 Jan 2099 00:00:00 GMT",
        "x-amz-copy-source-if-match": hashlib.md5(KEPT).hexdigest(), "x-amz-copy-source-if-none-match": '"other"'}
OWNER = "id=" + "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
GRANTS = {"x-amz-grant-" + name: OWNER for name in ("full-control", "read", "read-acp", "write", "write-acp")}
NEW = {**GRANTS, "x-amz-acl": "private", "x-amz-meta-": "value", "x-amz-storage-class": "STANDARD",
       "x-amz-tagging": "a=1", "x-amz-website-redirect-location": "/elsewhere"}
HONOURED = collections.defaultdict(dict, {
    "CompleteMultipartUpload": {"x-amz-mp-object-size": "4", "x-amz-checksum-type": "FULL_OBJECT"},
    "CopyObject": {**COPY, **NEW, "x-amz-checksum-algorithm": "SHA256", "x-amz-metadata-directive": "REPLACE",
                   "x-amz-tagging-directive": "COPY", "x-amz-object-annotation-directive": "COPY"},
    "CreateBucket": {"x-amz-acl": "private", "x-amz-object-ownership": "BucketOwnerEnforced",
                     "x-amz-bucket-namespace": "global"},
    "PutBucketAcl": {**GRANTS, "x-amz-acl": "private"}, "PutObjectAcl": {**GRANTS, "x-amz-acl": "private"},
    "CreateMultipartUpload": {**NEW, "x-amz-checksum-algorithm": "CRC32"},
    "DeleteObject": {"x-amz-if-match-size": "3", "x-amz-if-match-last-modified-time": "WRITTEN"},
    "GetObjectAttributes": {"x-amz-object-attributes": "ETag", "x-amz-max-parts": "1", "x-amz-part-number-marker": "0"},
    "DeleteObjectAnnotation": {"x-amz-object-if-match": hashlib.md5(KEPT).hexdigest()},
    "GetObjectAnnotation": {"x-amz-checksum-mode": "ENABLED"},
    "PutObjectAnnotation": {"x-amz-object-if-match": hashlib.md5(KEPT).hexdigest()},
    "GetObject": {"x-amz-checksum-mode": "ENABLED"}, "HeadObject": {"x-amz-checksum-mode": "ENABLED"},
    "ListObjects": {"x-amz-optional-object-attributes": "RestoreStatus"},
    "ListObjectsV2": {"x-amz-optional-object-attributes": "RestoreStatus"},
    "ListObjectVersions": {"x-amz-optional-object-attributes": "RestoreStatus"},
    "PutBucketLifecycleConfiguration": {"x-amz-transition-default-minimum-object-size": "varies_by_storage_class"},
    "PutBucketPolicy": {"x-amz-confirm-remove-self-bucket-access": "true"},
    "PutBucketNotificationConfiguration": {"x-amz-skip-destination-validation": "true"},
    "PutObject": {**NEW, "x-amz-write-offset-bytes": "0"},
    "RenameObject": {"x-amz-client-token": "token", "x-amz-rename-source": "/walk-bucket/kept",
                     "x-amz-rename-source-if-match": hashlib.md5(KEPT).hexdigest(),
                     "x-amz-rename-source-if-none-match": '"other"',
                     "x-amz-rename-source-if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT",
                     "x-amz-rename-source-if-unmodified-since": "Thu, 01 Jan 2099 00:00:00 GMT"},
    "UploadPartCopy": {**COPY, "x-amz-copy-source-range": "bytes=0-3"},
})  # fmt: skip
# These are compared with the body, which is what others test; the last one announces one of them.
CHECKSUMS = ["x-amz-checksum-" + name for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512", "md5",
                                                 "xxhash64", "xxhash3", "xxhash128")]
CHECKSUMS.append("x-amz-sdk-checksum-algorithm")
REFUSALS = {400, 501}


def read_model():
    with gzip.open(MODEL) as file:
        return json.load(file)


class Model(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = read_model()
        cls.s3 = s3.client(cls.cluster)

    def setUp(self):
        super().setUp()
        self.s3.create_bucket(Bucket="walk")
        self.s3.delete_bucket_cors(Bucket="walk")  # which another test made
        self.s3.delete_bucket_encryption(Bucket="walk")
        self.s3.delete_bucket_policy(Bucket="walk")
        self.s3.delete_bucket_website(Bucket="walk")
        self.s3.delete_bucket_ownership_controls(Bucket="walk")
        self.s3.delete_public_access_block(Bucket="walk")
        self.s3.put_object(Bucket="walk", Key="kept", Body=KEPT)

    def members(self, name):
        shape = self.model["operations"][name].get("input", {}).get("shape")
        return self.model["shapes"][shape] if shape else {"members": {}}

    def headers_of(self, name):
        members = self.members(name)["members"].values()
        return [member["locationName"] for member in members if member.get("location") in ("header", "headers")]

    # ---- what a request needs ------------------------------------------------------------------------------------------

    def upload(self, parts=False):
        upload = self.s3.create_multipart_upload(Bucket="walk", Key="parts")["UploadId"]
        if parts:
            self.s3.upload_part(Bucket="walk", Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
        return upload

    def value(self, name, location):
        """What a required parameter or header is filled with."""
        if location == "uploadId":
            return self.upload(parts=name == "CompleteMultipartUpload")
        return {"partNumber": "1", "x-amz-copy-source": "/walk/kept", "x-amz-object-attributes": "ETag",
                "x-amz-rename-source": "kept"}.get(location, "walked")

    def body(self, name):
        if name == "DeleteObjects":
            return b"<Delete><Object><Key>deleted</Key></Object></Delete>"
        if name == "CompleteMultipartUpload":
            part = f"<Part><PartNumber>1</PartNumber><ETag>{hashlib.md5(b'part').hexdigest()}</ETag></Part>"
            return f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
        if name in ("PutBucketLifecycle", "PutBucketLifecycleConfiguration"):
            rule = b"<ID>r</ID><Filter/><Status>Disabled</Status><Expiration><Days>1</Days></Expiration>"
            return b"<LifecycleConfiguration><Rule>" + rule + b"</Rule></LifecycleConfiguration>"
        if name == "PutBucketCors":
            rule = "<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
            return f"<CORSConfiguration>{rule}</CORSConfiguration>".encode()
        if name == "PutBucketEncryption":
            rule = "<Rule><BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes></Rule>"
            return f"<ServerSideEncryptionConfiguration>{rule}</ServerSideEncryptionConfiguration>".encode()
        if name in ("PutBucketAcl", "PutObjectAcl"):
            return b""  # a header says it
        if name == "PutBucketOwnershipControls":
            rule = "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>"
            return f"<OwnershipControls>{rule}</OwnershipControls>".encode()
        if name == "PutBucketPolicy":
            return (b'{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObjectTorrent",'
                    b' "Resource": "arn:aws:s3:::walk/*"}}')  # fmt: skip
        if name == "PutPublicAccessBlock":
            block = "<BlockPublicAcls>true</BlockPublicAcls>"
            return f"<PublicAccessBlockConfiguration>{block}</PublicAccessBlockConfiguration>".encode()
        if name == "PutBucketWebsite":
            index = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
            return f"<WebsiteConfiguration>{index}</WebsiteConfiguration>".encode()
        if name in ("PutBucketTagging", "PutObjectTagging"):
            return b"<Tagging><TagSet></TagSet></Tagging>"
        if name == "PutBucketRequestPayment":
            return b"<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"
        if name == "PutBucketAbac":
            return b"<AbacStatus><Status>Disabled</Status></AbacStatus>"
        if name == "PutBucketAccelerateConfiguration":
            return b"<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>"
        if name == "PutBucketVersioning":
            return b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
        if name in ("PutObject", "UploadPart", "PutObjectAnnotation", "WriteGetObjectResponse"):
            return b"part"
        payload = self.members(name).get("payload")
        return f"<{payload}/>".encode() if payload and name != "CreateBucket" else b""

    @contextlib.contextmanager
    def acls_allowed(self):
        rule = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        self.s3.put_bucket_ownership_controls(Bucket="walk", OwnershipControls=rule)
        yield
        self.s3.delete_bucket_ownership_controls(Bucket="walk")

    def ask(self, name, extra=None):
        """Sends a request for the operation with all that it requires, and these headers."""
        http = self.model["operations"][name]["http"]
        bucket, key = "walk", "kept"
        if name in ("CreateBucket", "DeleteBucket"):
            bucket = "walk-bucket"
        if name == "DeleteBucket":
            self.s3.create_bucket(Bucket=bucket)
        if name in ("CopyObject", "DeleteObject", "PutObject"):
            key = "own"
        if "Upload" in name or name == "ListParts":
            key = "parts"
        if "x-amz-write-offset-bytes" in (extra or {}):
            key = "begun"
        if name == "RenameObject":
            bucket, key = "walk-bucket", "renamed"
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_object(Bucket=bucket, Key="kept", Body=KEPT)
        target = http["requestUri"].replace("{Bucket}", bucket).replace("{Key+}", key)
        shape = self.members(name)
        headers = dict(extra or {})
        if name == "DeleteObject":
            self.s3.put_object(Bucket=bucket, Key=key, Body=b"own")
            written = self.s3.head_object(Bucket=bucket, Key=key)["ResponseMetadata"]["HTTPHeaders"]["last-modified"]
            headers = {header: value.replace("WRITTEN", written) for header, value in headers.items()}
        grants = bucket == "walk" and any("grant" in header for header in headers)
        if name in ("PutBucketAcl", "PutObjectAcl") and not any("acl" in header or "grant" in header for header in headers):
            headers["x-amz-acl"] = "private"
        for required in shape.get("required", ()):
            member = shape["members"][required]
            if member.get("location") == "querystring":
                mark = "&" if "?" in target else "?"
                target += f"{mark}{member['locationName']}={self.value(name, member['locationName'])}"
            elif member.get("location") == "header":
                headers.setdefault(member["locationName"], self.value(name, member["locationName"]))
        if name == "ListDirectoryBuckets":
            target += "?max-directory-buckets=1"  # AWS tells it from ListBuckets by the host
        body = self.body(name)
        if body:
            headers.setdefault("Content-MD5", base64.b64encode(hashlib.md5(body).digest()).decode())
        with self.acls_allowed() if grants else contextlib.nullcontext():
            answer = s3.signed(self.cluster, http["method"], target, headers, body)
        if name == "RenameObject":
            for left in ("kept", "renamed"):
                self.s3.delete_object(Bucket=bucket, Key=left)
            self.s3.delete_bucket(Bucket=bucket)
        return answer

    def assert_kept(self):
        answer = s3.signed(self.cluster, "GET", "/walk/kept")
        self.assertEqual((answer.status, answer.body), (200, KEPT))
        buckets = {bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]}
        self.assertLessEqual(buckets, {"files", "walk", "walk-bucket"})
        self.assertLessEqual({"files", "walk"}, buckets)

    # ---- tests ---------------------------------------------------------------------------------------------------------

    def test_each_operation_has_its_place(self):
        self.assertEqual(len(self.model["operations"]), 116)
        self.assertEqual(set(OFFERED) | NOT_OFFERED, set(self.model["operations"]))
        self.assertEqual(set(OFFERED) & NOT_OFFERED, set())

    def test_what_is_not_offered(self):
        for name in sorted(NOT_OFFERED):
            with self.subTest(name):
                answer = self.ask(name)
                self.assertEqual(answer.status, 501, answer.body)
                selector = self.model["operations"][name]["http"]["requestUri"].partition("?")[2].partition("&")[0]
                self.assertIn(b"NotImplemented", answer.body)
                self.assertIn(f"'{selector}'".encode() if selector else b"", answer.body)
                # its path is that of a form to a bucket, and its headers alone tell it apart
                self.assertEqual(b"A header" in answer.body, name == "WriteGetObjectResponse")
                self.assert_kept()

    def test_what_is_offered(self):
        for name, expected in OFFERED.items():
            with self.subTest(name):
                answer = self.ask(name)
                if isinstance(expected, int):
                    self.assertEqual(answer.status, expected, answer.body)
                else:
                    self.assertEqual(answer.status, 404)
                    self.assertIn(f"<Code>{expected}<".encode(), answer.body)
                self.assert_kept()

    def test_headers_of_what_is_offered(self):
        for name, expected in OFFERED.items():
            honoured = {**COMMON, **HONOURED[name]}
            for header in self.headers_of(name):
                if not header.startswith("x-amz-") or header in ("x-amz-copy-source", *CHECKSUMS):
                    continue
                with self.subTest(name, header=header):
                    sent = header + "walk" if header.endswith("-") else header
                    answer = self.ask(name, {sent: honoured.get(header, "walked")})
                    if header not in honoured:
                        self.assertIn(answer.status, REFUSALS, answer.body)
                    elif isinstance(expected, int):
                        self.assertEqual(answer.status, expected, answer.body)
                    else:
                        self.assertEqual(answer.status, 404, answer.body)
            self.assert_kept()

    def test_words_with_all_methods(self):
        """Each sub-resource of the model where the model does not have it, and one that nobody has."""
        places = {}
        for name, operation in self.model["operations"].items():
            path, _, query = operation["http"]["requestUri"].partition("?")
            word = query.partition("&")[0]
            if word and "=" not in word:
                level = "/walk/kept" if "Key" in path else "/walk"
                places.setdefault(word, set()).add((operation["http"]["method"], level))
        self.assertGreater(len(places), 35)
        places["nobodys"] = set()
        ask = functools.partial(s3.signed, self.cluster)
        for word, known in places.items():
            for method in ("PUT", "POST", "DELETE", "GET", "HEAD"):
                for target in ("/walk/kept", "/walk"):
                    if (method, target) in known or (word == "nobodys" and method in ("GET", "HEAD")):
                        continue
                    with self.subTest(word, method=method, target=target):
                        self.assertEqual(ask(method, f"{target}?{word}").status, 501)
                        self.assertEqual(ask(method, f"{target}?{word}=").status, 501)
            self.assert_kept()


if __name__ == "__main__":
    main()
