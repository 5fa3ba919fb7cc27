"""Encryption at rest: what the nodes and the gateway keep, what another program makes of it, and what boto3 sees."""

import base64
import glob
import hashlib
import json
import os
import secrets
import subprocess
import tempfile

from botocore.exceptions import ClientError

import raw_http
import s3
import sealed
from harness import PART, ClusterTest, content, main

KEY = secrets.token_bytes(32)
OTHER = secrets.token_bytes(32)


def customer(key, prefix=""):
    return {f"{prefix}SSECustomerAlgorithm": "AES256", f"{prefix}SSECustomerKey": key}


class EncryptionTest(ClusterTest):
    bucket = "sealed"

    small_max = "0"
    more_options = ()

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="keyring-")
        cls.addClassCleanup(folder.cleanup)
        cls.keyring = os.path.join(folder.name, "keyring")
        for name in ("first-key", "second-key"):
            cls.add_key(name)
        options = ("-keyring", cls.keyring, "-small-max", cls.small_max, *cls.more_options)
        cls.cluster_options = {"gateway_options": options}
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster, tls=True)
        cls.s3.create_bucket(Bucket=cls.bucket)

    @classmethod
    def add_key(cls, name):
        program = os.path.join(os.environ["TERCET_BUILD"], "gateway", "tercet-gateway")
        return subprocess.run([program, "-keyring", cls.keyring, "-new-key", name], check=True, capture_output=True, text=True)

    def put(self, key, body=b"body", **more):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def get(self, key, **more):
        return self.s3.get_object(Bucket=self.bucket, Key=key, **more)

    def read_back(self, key, **more):
        return self.get(key, **more)["Body"].read()

    def fails(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        answer = raised.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
        return answer["Error"]

    def multipart(self, key, bodies, part_more=None, **more):
        part_more = part_more or {}
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key, **more)
        parts = []
        for number, body in enumerate(bodies, 1):
            part = self.s3.upload_part(Bucket=self.bucket, Key=key, UploadId=upload["UploadId"], PartNumber=number, Body=body,
                                       **part_more)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        done = self.s3.complete_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload["UploadId"],
                                                 MultipartUpload={"Parts": parts})
        return upload, done

    def stored_bytes(self):
        """All files of the nodes and of the gateway."""
        for program in self.cluster.programs:
            for parent, _, files in os.walk(self.cluster.data(program.name)):
                for name in files:
                    with open(os.path.join(parent, name), "rb") as file:
                        yield file.read()


class Objects(EncryptionTest):
    def test_sizes_ranges_and_etags(self):
        for size in (0, 1, 65535, 65536, 65537, 131072, 300_000):
            body, key = content(size, f"s{size}"), f"size-{size}"
            put = self.put(key, body, ServerSideEncryption="AES256")
            self.assertEqual((put["ServerSideEncryption"], put["ETag"]), ("AES256", f'"{hashlib.md5(body).hexdigest()}"'))
            head = self.s3.head_object(Bucket=self.bucket, Key=key)
            self.assertEqual((head["ContentLength"], head["ServerSideEncryption"]), (size, "AES256"))
            self.assertEqual(self.read_back(key), body)
            for begin, end in ((0, 0), (65535, 65536), (65536, 65536), (size - 1, size - 1), (100, 250_000)):
                if 0 <= begin < size:
                    part = self.read_back(key, Range=f"bytes={begin}-{end}")
                    self.assertEqual(part, body[begin : end + 1], (size, begin, end))
        sizes = {row["Key"]: row["Size"] for row in self.s3.list_objects_v2(Bucket=self.bucket, Prefix="size-")["Contents"]}
        self.assertEqual(sizes["size-65537"], 65537)

    def test_kms(self):
        body = content(100_000, "kms")
        context = base64.b64encode(b'{"team":"a"}').decode()
        put = self.put("kms", body, ServerSideEncryption="aws:kms", SSEKMSKeyId="first-key", SSEKMSEncryptionContext=context,
                       BucketKeyEnabled=True)
        arn = "arn:aws:kms:us-east-1:000000000000:key/first-key"
        self.assertEqual((put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]), ("aws:kms", arn, True))
        self.assertEqual(put["SSEKMSEncryptionContext"], context)
        self.assertNotEqual(put["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
        got = self.get("kms")
        self.assertEqual((got["Body"].read(), got["ETag"], got["SSEKMSKeyId"]), (body, put["ETag"], arn))
        for name in (arn, "alias/first-key", "arn:aws:kms:us-east-1:000000000000:alias/first-key"):
            self.assertEqual(self.put("kms", body, ServerSideEncryption="aws:kms:dsse", SSEKMSKeyId=name)["SSEKMSKeyId"], arn)
        default = self.put("kms", body, ServerSideEncryption="aws:kms")["SSEKMSKeyId"]
        self.assertRegex(default, "key/[a-z]+-key$")
        for name, message in (("none", "Invalid keyId 'none'"), (arn + "x", f"Key '{arn}x' does not exist"),
                              ("arn:aws:s3:::x", "Invalid arn us-east-1")):
            error = self.fails("KMS.NotFoundException", 400, self.put, key="x", ServerSideEncryption="aws:kms", SSEKMSKeyId=name)
            self.assertEqual(error["Message"], message)
        self.fails("InvalidArgument", 400, self.put, key="x", ServerSideEncryption="AES256", SSEKMSKeyId="first-key")
        self.fails("InvalidArgument", 400, self.put, key="x", ServerSideEncryption="rot13")
        for wrong in (b"[]", b'{"a":1}', b'{"a":{"b":"c"}}', b"x"):
            self.fails("InvalidArgument", 400, self.put, key="x", ServerSideEncryption="aws:kms",
                       SSEKMSEncryptionContext=base64.b64encode(wrong).decode())

    def test_customer_key(self):
        body = content(200_000, "c")
        put = self.put("c", body, **customer(KEY))
        md5 = base64.b64encode(hashlib.md5(KEY).digest()).decode()
        self.assertEqual((put["SSECustomerAlgorithm"], put["SSECustomerKeyMD5"]), ("AES256", md5))
        self.assertNotIn("ServerSideEncryption", put)
        got = self.get("c", **customer(KEY))
        self.assertEqual((got["Body"].read(), got["SSECustomerKeyMD5"]), (body, md5))
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="c", **customer(KEY))["ContentLength"], 200_000)
        self.fails("InvalidRequest", 400, self.get, key="c")
        self.fails("400", 400, self.s3.head_object, Bucket=self.bucket, Key="c")
        self.fails("AccessDenied", 403, self.get, key="c", **customer(OTHER))
        self.fails("InvalidRequest", 400, self.get, key="c", IfMatch='"x"')
        self.fails("InvalidArgument", 400, self.put, key="x", ServerSideEncryption="AES256", **customer(KEY))
        self.fails("InvalidArgument", 400, self.put, key="x", SSECustomerAlgorithm="AES256")
        self.fails("InvalidEncryptionAlgorithmError", 400, self.put, key="x", SSECustomerAlgorithm="AES128", SSECustomerKey=KEY)
        self.fails("InvalidArgument", 400, self.put, key="x", SSECustomerAlgorithm="AES256",
                   SSECustomerKey=base64.b64encode(KEY).decode(), SSECustomerKeyMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
        self.fails("InvalidArgument", 400, self.put, key="x", **customer(b"short"))
        self.put("plain")
        self.fails("InvalidRequest", 400, self.get, key="plain", **customer(KEY))
        over_http = s3.client(self.cluster)
        self.fails("InvalidRequest", 400, over_http.get_object, Bucket=self.bucket, Key="c", **customer(KEY))

    def test_multipart(self):
        bodies = [content(PART, "p1"), content(PART + 7, "p2"), b"end"]
        whole = b"".join(bodies)
        upload, done = self.multipart("mp", bodies, ServerSideEncryption="AES256")
        self.assertEqual((upload["ServerSideEncryption"], done["ServerSideEncryption"]), ("AES256", "AES256"))
        self.assertEqual(self.read_back("mp"), whole)
        for begin, end in ((PART - 10, PART + 10), (PART, PART), (2 * PART + 6, 2 * PART + 9), (PART + 65536, 2 * PART + 8)):
            self.assertEqual(self.read_back("mp", Range=f"bytes={begin}-{end}"), whole[begin : end + 1])
        self.assertEqual(self.read_back("mp", PartNumber=2), bodies[1])
        self.multipart("mpc", bodies, customer(KEY), **customer(KEY))
        self.assertEqual(self.read_back("mpc", **customer(KEY)), whole)
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="m", **customer(KEY))
        part = {"Bucket": self.bucket, "Key": "m", "UploadId": upload["UploadId"], "PartNumber": 1}
        self.fails("InvalidRequest", 400, self.s3.upload_part, Body=b"x", **part)
        self.fails("InvalidRequest", 400, self.s3.upload_part, Body=b"x", **part, **customer(OTHER))
        self.put("source", whole, ServerSideEncryption="aws:kms")
        copied = self.s3.upload_part_copy(CopySource=f"{self.bucket}/source", CopySourceRange="bytes=5-6000004", **part,
                                          **customer(KEY))
        self.s3.complete_multipart_upload(Bucket=self.bucket, Key="m", UploadId=upload["UploadId"], MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}]})
        self.assertEqual(self.read_back("m", **customer(KEY)), whole[5:6000005])

    def test_copies_between_all_kinds(self):
        body = content(150_000, "copy")
        kinds = {"plain": {}, "s3": {"ServerSideEncryption": "AES256"}, "kms": {"ServerSideEncryption": "aws:kms"},
                 "c": customer(KEY)}
        for name, how in kinds.items():
            self.put(f"from-{name}", body, **how)
        for source, read in kinds.items():
            for target, how in kinds.items():
                reading = customer(KEY, "CopySource") if source == "c" else {}
                self.s3.copy_object(Bucket=self.bucket, Key="to", CopySource=f"{self.bucket}/from-{source}", **how, **reading)
                got = self.get("to", **(how if target == "c" else {}))
                by = how.get("ServerSideEncryption")
                if target == "plain" and source != "plain":  # what was sealed stays sealed when nobody says anything
                    by = "AES256"
                self.assertEqual((got["Body"].read(), got.get("ServerSideEncryption")), (body, by))
        self.fails("InvalidRequest", 400, self.s3.copy_object, Bucket=self.bucket, Key="to", CopySource=f"{self.bucket}/from-c")
        self.s3.copy_object(Bucket=self.bucket, Key="from-s3", CopySource=f"{self.bucket}/from-s3", ServerSideEncryption="aws:kms")
        self.fails("InvalidRequest", 400, self.s3.copy_object, Bucket=self.bucket, Key="from-kms",
                   CopySource=f"{self.bucket}/from-kms", ServerSideEncryption="aws:kms")

    def test_a_copy_of_what_is_sealed_is_never_plain(self):
        mark = f"known-plaintext-{secrets.token_hex(8)}".encode()
        for key, how in (("s3", {"ServerSideEncryption": "AES256"}), ("kms", {"ServerSideEncryption": "aws:kms"}),
                         ("c", customer(KEY))):
            reading = customer(KEY, "CopySource") if key == "c" else {}
            self.put(f"self-{key}", mark * 9, **how)
            copied = self.s3.copy_object(Bucket=self.bucket, Key=f"self-{key}", CopySource=f"{self.bucket}/self-{key}",
                                         MetadataDirective="REPLACE", Metadata={"a": "b"}, **reading)
            got = self.get(f"self-{key}")
            self.assertEqual((copied["ServerSideEncryption"], got["ServerSideEncryption"]), ("AES256", "AES256"))
            self.assertEqual((got["Body"].read(), got["Metadata"]), (mark * 9, {"a": "b"}))
        self.assertEqual([data for data in self.stored_bytes() if mark in data], [])
        self.fails("InvalidRequest", 400, self.s3.copy_object, Bucket=self.bucket, Key="self-s3",
                   CopySource=f"{self.bucket}/self-s3")

    def test_parts_are_encrypted_as_their_upload(self):
        self.put("part-source", b"x" * 1000, ServerSideEncryption="AES256")
        for how, by in (({}, None), ({"ServerSideEncryption": "AES256"}, "AES256")):
            upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="by-part", **how)["UploadId"]
            part = self.s3.upload_part_copy(Bucket=self.bucket, Key="by-part", UploadId=upload, PartNumber=1,
                                            CopySource=f"{self.bucket}/part-source")
            self.s3.complete_multipart_upload(Bucket=self.bucket, Key="by-part", UploadId=upload, MultipartUpload={
                "Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]})
            got = self.get("by-part")
            self.assertEqual((got["Body"].read(), got.get("ServerSideEncryption")), (b"x" * 1000, by))

    def test_completion_says_nothing_of_a_customer_key(self):
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="quiet", **customer(KEY))["UploadId"]
        part = self.s3.upload_part(Bucket=self.bucket, Key="quiet", UploadId=upload, PartNumber=1, Body=b"x", **customer(KEY))
        said = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": base64.b64encode(KEY).decode(),
                "SSECustomerKeyMD5": base64.b64encode(hashlib.md5(KEY).digest()).decode()}
        done = self.s3.complete_multipart_upload(Bucket=self.bucket, Key="quiet", UploadId=upload, **said,
                                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        headers = done["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual([name for name in headers if "encryption" in name], [])

    def test_bucket_encryption(self):
        bucket = "with-default"
        self.s3.create_bucket(Bucket=bucket)
        self.fails("ServerSideEncryptionConfigurationNotFoundError", 404, self.s3.get_bucket_encryption, Bucket=bucket)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "first-key"},
                "BucketKeyEnabled": True, "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
        self.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        kept = self.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        self.assertEqual(kept, [rule])
        put = self.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        self.assertEqual((put["SSEKMSKeyId"][-9:], put["BucketKeyEnabled"]), ("first-key", True))
        self.assertEqual(self.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256")
                         ["ServerSideEncryption"], "AES256")
        self.fails("AccessDenied", 403, self.s3.put_object, Bucket=bucket, Key="k", Body=b"x", **customer(KEY))
        for rules in ([], [rule, rule]):
            self.fails("MalformedXML", 400, self.s3.put_bucket_encryption, Bucket=bucket,
                       ServerSideEncryptionConfiguration={"Rules": rules})
        self.fails("InvalidArgument", 400, self.s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "first-key"}}]})
        self.s3.delete_bucket_encryption(Bucket=bucket)
        self.assertNotIn("ServerSideEncryption", self.s3.put_object(Bucket=bucket, Key="k", Body=b"x"))

    def update(self, key, name="second-key", bucket_key=None, **more):
        by = {"KMSKeyArn": f"arn:aws:kms:us-east-1:000000000000:key/{name}"}
        if bucket_key is not None:
            by["BucketKeyEnabled"] = bucket_key
        return self.s3.update_object_encryption(Bucket=self.bucket, Key=key, ObjectEncryption={"SSEKMS": by}, **more)

    def test_update_object_encryption(self):
        body, parts = content(200_000, "update"), [content(PART, "u1"), content(77_000, "u2")]
        self.put("update", body, ServerSideEncryption="AES256", Metadata={"a": "b"}, ChecksumAlgorithm="SHA256")
        self.multipart("update-parts", parts, ServerSideEncryption="aws:kms", SSEKMSKeyId="first-key")
        chunks = sorted(self.chunk_files())
        for key, whole in (("update", body), ("update-parts", b"".join(parts))):
            before = self.get(key, ChecksumMode="ENABLED")
            self.update(key, bucket_key=True)
            after = self.get(key, ChecksumMode="ENABLED")
            self.assertEqual(after["Body"].read(), whole)
            self.assertEqual((after["ServerSideEncryption"], after["SSEKMSKeyId"][-10:], after["BucketKeyEnabled"]),
                             ("aws:kms", "second-key", True))
            for field in ("ETag", "LastModified", "Metadata", "ChecksumSHA256", "ContentLength", "VersionId"):
                self.assertEqual(before.get(field), after.get(field))
            self.update(key, "first-key")
            again = self.get(key)
            self.assertEqual((again["Body"].read(), again["SSEKMSKeyId"][-9:], again.get("BucketKeyEnabled")),
                             (whole, "first-key", None))
        self.assertEqual(sorted(self.chunk_files()), chunks)

    def chunk_files(self):
        return [path for node in range(1, 5) for path in glob.glob(self.cluster.data(f"node{node}") + "/chunks/*/*")]

    def test_update_object_encryption_refuses(self):
        for key, how in (("u-plain", {}), ("u-c", customer(KEY)), ("u-dsse", {"ServerSideEncryption": "aws:kms:dsse"})):
            self.put(key, **how)
            self.fails("InvalidRequest", 400, self.update, key=key)
        self.put("u", ServerSideEncryption="AES256")
        self.fails("KMS.NotFoundException", 400, self.update, key="u", name="none")
        self.fails("NoSuchKey", 404, self.update, key="u-none")
        self.fails("InvalidRequest", 400, self.s3.update_object_encryption, Bucket=self.bucket, Key="u",
                   ObjectEncryption={"SSEKMS": {"KMSKeyArn": "alias/a-key-that-is-long-enough"}})
        self.fails("AccessDenied", 403, self.s3.update_object_encryption, Bucket=self.bucket, Key="u",
                   ObjectEncryption={"SSEKMS": {"KMSKeyArn": "arn:aws:kms:us-east-1:000000000001:key/first-key"}})
        self.assertEqual(self.get("u")["ServerSideEncryption"], "AES256")

    def test_update_object_encryption_of_versions(self):
        bucket = "locked-keys"
        self.s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        versions = [self.s3.put_object(Bucket=bucket, Key="k", Body=body, ServerSideEncryption="AES256")["VersionId"]
                    for body in (b"one", b"two")]
        by = {"SSEKMS": {"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/second-key"}}
        old = {"Bucket": bucket, "Key": "k", "VersionId": versions[0]}
        self.s3.put_object_legal_hold(**old, LegalHold={"Status": "ON"})
        error = self.fails("AccessDenied", 403, self.s3.update_object_encryption, **old, ObjectEncryption=by)
        self.assertIn("Object Lock", error["Message"])
        self.s3.put_object_legal_hold(**old, LegalHold={"Status": "OFF"})
        self.s3.update_object_encryption(**old, ObjectEncryption=by)
        for version, body, kind in zip(versions, (b"one", b"two"), ("aws:kms", "AES256")):
            got = self.s3.get_object(Bucket=bucket, Key="k", VersionId=version)
            self.assertEqual((got["Body"].read(), got["ServerSideEncryption"]), (body, kind))
        marker = self.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
        self.fails("MethodNotAllowed", 405, self.s3.update_object_encryption, Bucket=bucket, Key="k", VersionId=marker,
                   ObjectEncryption=by)

    def test_policy_conditions(self):
        bucket, arn = "conditions", "arn:aws:kms:us-east-1:000000000000:key/first-key"
        self.s3.create_bucket(Bucket=bucket)
        aes, kms = {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn}
        other = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "second-key"}
        own, plain = customer(KEY), {}
        for name, value, allowed, denied in (
                ("", "AES256", (aes,), (plain, kms, own)), ("-aws-kms-key-id", arn, (kms,), (plain, aes, other)),
                ("-customer-algorithm", "AES256", (own,), (plain, aes, kms))):
            statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*",
                         "Condition": {"StringNotEquals": {f"s3:x-amz-server-side-encryption{name}": value}}}
            self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": statement}))
            for how in allowed:
                self.s3.put_object(Bucket=bucket, Key="k", Body=b"x", **how)
                upload = self.s3.create_multipart_upload(Bucket=bucket, Key="k", **how)["UploadId"]
                self.s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
            for how in denied:
                self.fails("AccessDenied", 403, self.s3.put_object, Bucket=bucket, Key="k", Body=b"x", **how)
                self.fails("AccessDenied", 403, self.s3.create_multipart_upload, Bucket=bucket, Key="k", **how)

    def test_another_program_reads_it(self):
        body = content(300_001, "independent")
        self.put("independent", body, ServerSideEncryption="aws:kms", SSEKMSKeyId="first-key")
        size = len(body) + 5 * 16
        chunks = [path for path in glob.glob(self.cluster.data("node1") + "/chunks/*/*") +
                  glob.glob(self.cluster.data("node2") + "/chunks/*/*") if os.path.getsize(path) == 4096 + size]
        with open(chunks[0], "rb") as file:
            stored = file.read()[4096:]
        keys, _ = sealed.read_keyring(self.keyring)
        found = [description for data in self.stored_bytes() for description in sealed.find_descriptions(data, "first-key")]
        opened = set()
        for description in found:
            try:
                object_key = description.open(keys["first-key"], self.bucket, "independent")
            except sealed.InvalidTag:
                continue
            opened.add(sealed.open_stream(object_key, description.identity, stored))
        self.assertEqual(opened, {body})


class AtRest(EncryptionTest):
    """Also what is carried with its name, and parts of an upload that nobody completed."""

    small_max = "64K"
    more_options = ("-encrypt-all",)

    def test_no_plain_byte_is_stored(self):
        marks = []
        for number in range(120):
            mark = f"known-plaintext-{number:03}-{secrets.token_hex(4)}".encode()
            marks.append(mark)
            how = ({}, {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms"}, customer(KEY))[number % 4]
            self.put(f"k{number}", mark * (1 + 4000 * (number % 3 == 0)), **how)
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="open")
        self.s3.upload_part(Bucket=self.bucket, Key="open", UploadId=upload["UploadId"], PartNumber=1, Body=marks[0] * 9)
        stored = b"\0".join(self.stored_bytes())
        self.assertEqual([mark for mark in marks if mark in stored], [])
        self.assertNotIn(KEY, stored)
        self.assertNotIn(base64.b64encode(KEY), stored)


class AtRestPlain(EncryptionTest):
    """The same search finds everything where nothing is encrypted."""

    small_max = "64K"

    def test_the_search_finds_what_is_plain(self):
        marks = [f"known-plaintext-{number:03}-{secrets.token_hex(4)}".encode() for number in range(40)]
        for number, mark in enumerate(marks):
            self.put(f"k{number}", mark * (1 + 4000 * (number % 3 == 0)))
        stored = b"\0".join(self.stored_bytes())
        self.assertEqual([mark for mark in marks if mark not in stored], [])


class WithoutKeyring(ClusterTest):
    """Keys of clients are all there are. What asks for no key, as websites and the file API, shows nothing of such objects."""

    cluster_options = {"gateway_options": ("-website-domain", "web.localhost")}
    fails = EncryptionTest.fails

    def setUp(self):
        super().setUp()
        self.s3 = s3.client(self.cluster, tls=True)

    def test_a_copy_needs_a_key(self):
        self.s3.create_bucket(Bucket="copies")
        self.s3.put_object(Bucket="copies", Key="c", Body=b"body", **customer(KEY))
        copy = {"Bucket": "copies", "Key": "c", "CopySource": "copies/c", "MetadataDirective": "REPLACE",
                **customer(KEY, "CopySource")}
        error = self.fails("NotImplemented", 501, self.s3.copy_object, **copy)
        self.assertIn("keyring", error["Message"])
        self.s3.copy_object(**copy, **customer(OTHER))
        self.assertEqual(self.s3.get_object(Bucket="copies", Key="c", **customer(OTHER))["Body"].read(), b"body")

    def visit(self, path, method="GET"):
        head = f"{method} {path} HTTP/1.1\r\nHost: site.web.localhost\r\n\r\n"
        return raw_http.exchange(self.cluster.port, head.encode(), method)

    def test_website(self):
        self.s3.create_bucket(Bucket="site")
        self.s3.delete_public_access_block(Bucket="site")
        self.s3.put_bucket_website(Bucket="site", WebsiteConfiguration={
            "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}})
        self.s3.put_bucket_policy(Bucket="site", Policy=json.dumps({"Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site/*"}}))
        for key in ("index.html", "error.html"):
            self.s3.put_object(Bucket="site", Key=key, Body=b"secret page", **customer(KEY))
        for path in ("/", "/none"):  # the second is answered by the error document, which cannot be had either
            answer = self.visit(path)
            self.assertEqual(answer.status, 403)
            self.assertIn(b"AccessDenied", answer.body)
        self.assertEqual(self.visit("/", "HEAD").status, 403)
        self.s3.put_object(Bucket="site", Key="index.html", Body=b"page")
        self.assertEqual(self.visit("/").body, b"page")

    def test_file_api(self):
        part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nbody\r\n--b--\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        self.assertEqual(raw_http.request(self.cluster.port, "POST", "/upload", headers, part).status, 200)
        self.s3.put_object(Bucket="files", Key="f", Body=b"secret", **customer(KEY))
        for path in ("/files/f", "/download?filename=f"):
            answer = raw_http.request(self.cluster.port, "GET", path)
            self.assertEqual((answer.status, json.loads(answer.body)["error"]), (403, "File is encrypted"))
        self.assertEqual(raw_http.request(self.cluster.port, "GET", "/download?filename=f&version=1").body, b"body")


if __name__ == "__main__":
    main()
