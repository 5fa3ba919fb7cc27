"""The newest boto3, aws-cli and Debian's rclone: what belongs to an object beside its bytes and its metadata."""

import base64
import datetime
import hashlib
import json
import os
import urllib.error
import urllib.request

from botocore.exceptions import ClientError

import s3
from harness import ClusterTest, content, main, run

AWS = os.environ.get("TERCET_AWS", "/usr/bin/aws")


def tags(*pairs):
    return [{"Key": key, "Value": value} for key, value in pairs]


class Objects(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        for bucket in ("objects", "versions"):
            cls.s3.create_bucket(Bucket=bucket)
        cls.s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})

    def fails(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        answer = raised.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
        return answer["Error"]

    def tags_of(self, key, bucket="objects", **more):
        return self.s3.get_object_tagging(Bucket=bucket, Key=key, **more)["TagSet"]


class Tags(Objects):
    def test_boto3(self):
        where = {"Bucket": "objects", "Key": "a b/\N{EURO SIGN}"}
        self.fails("NoSuchKey", 404, self.s3.get_object_tagging, **where)
        self.s3.put_object(Body=b"body", Tagging="a=1&b%20c=%C3%BC", **where)
        self.assertEqual(self.tags_of(where["Key"]), tags(("a", "1"), ("b c", "ü")))
        self.assertEqual(self.s3.get_object(**where)["TagCount"], 2)
        self.assertEqual(self.s3.head_object(**where)["TagCount"], 2)
        many = tags(*((f"k{i}", "v" * 256) for i in range(10)))
        self.s3.put_object_tagging(Tagging={"TagSet": many}, **where)
        self.assertEqual(self.tags_of(where["Key"]), many)
        more = {"TagSet": many + tags(("one", "more"))}
        error = self.fails("BadRequest", 400, self.s3.put_object_tagging, Tagging=more, **where)
        self.assertEqual(error["Message"], "Object tags cannot be greater than 10")
        error = self.fails("InvalidTag", 400, self.s3.put_object_tagging, Tagging={"TagSet": tags(("aws:k", ""))}, **where)
        self.assertEqual(error["Message"], "Your TagKey cannot be prefixed with aws:")
        error = self.fails("InvalidArgument", 400, self.s3.put_object, Body=b"", Tagging="a=1&a=2", **where)
        self.assertIn("shall be encoded as UTF-8 then URLEncoded URL query parameters", error["Message"])
        self.assertEqual(self.tags_of(where["Key"]), many)
        self.s3.delete_object_tagging(**where)
        self.assertEqual(self.tags_of(where["Key"]), [])
        self.assertNotIn("TagCount", self.s3.head_object(**where))

    def test_copies_and_uploads_in_parts(self):
        self.s3.put_object(Bucket="objects", Key="source", Body=b"body", Tagging="a=1")
        copy = {"Bucket": "objects", "Key": "copy", "CopySource": "objects/source"}
        self.s3.copy_object(**copy)
        self.assertEqual(self.tags_of("copy"), tags(("a", "1")))
        self.s3.copy_object(Tagging="b=2", TaggingDirective="REPLACE", **copy)
        self.assertEqual(self.tags_of("copy"), tags(("b", "2")))
        part = {"Bucket": "objects", "Key": "parts"}
        part["UploadId"] = self.s3.create_multipart_upload(Tagging="c=3&d", **part)["UploadId"]
        etag = self.s3.upload_part(Body=content(10), PartNumber=1, **part)["ETag"]
        self.s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}, **part)
        self.assertEqual(self.tags_of("parts"), tags(("c", "3"), ("d", "")))

    def test_versions(self):
        where = {"Bucket": "versions", "Key": "key"}
        first = self.s3.put_object(Body=b"1", Tagging="n=1", **where)["VersionId"]
        second = self.s3.put_object(Body=b"2", Tagging="n=2", **where)["VersionId"]
        done = self.s3.put_object_tagging(Tagging={"TagSet": tags(("n", "one"))}, VersionId=first, **where)
        self.assertEqual(done["VersionId"], first)
        self.assertEqual(self.tags_of("key", "versions", VersionId=first), tags(("n", "one")))
        self.assertEqual(self.s3.get_object_tagging(**where)["VersionId"], second)
        self.assertEqual(self.s3.delete_object_tagging(VersionId=first, **where)["VersionId"], first)
        self.assertEqual(self.tags_of("key", "versions", VersionId=first), [])
        self.assertEqual(self.tags_of("key", "versions"), tags(("n", "2")))
        marker = self.s3.delete_object(**where)["VersionId"]
        self.fails("MethodNotAllowed", 405, self.s3.get_object_tagging, **where)
        self.fails("MethodNotAllowed", 405, self.s3.put_object_tagging, Tagging={"TagSet": []}, VersionId=marker, **where)

    def test_aws_cli(self):
        environment = {"AWS_ACCESS_KEY_ID": self.cluster.access_key, "AWS_SECRET_ACCESS_KEY": self.cluster.secret_key,
                       "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null", "AWS_PAGER": "",
                       "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}  # fmt: skip

        def api(*arguments):
            where = ("--bucket", "objects", "--key", "cli", "--output", "json")
            done = run(AWS, "--endpoint-url", self.cluster.url, "s3api", *arguments, *where, env=environment)
            return json.loads(done.stdout) if done.stdout.strip() else {}

        api("put-object", "--body", self.file("small", 10), "--tagging", "Project=a b&empty=")
        self.assertEqual(api("get-object-tagging")["TagSet"], tags(("Project", "a b"), ("empty", "")))
        self.assertEqual(api("head-object")["TagCount"], 2)
        api("put-object-tagging", "--tagging", "TagSet=[{Key=a,Value=1}]")
        self.assertEqual(api("get-object-tagging")["TagSet"], tags(("a", "1")))
        api("delete-object-tagging")
        self.assertEqual(api("get-object-tagging")["TagSet"], [])

    def test_rclone(self):
        config = self.path("rclone.conf")
        with open(config, "w") as file:
            file.write(f"[t]\ntype = s3\nprovider = Other\naccess_key_id = {self.cluster.access_key}\nsecret_access_key = "
                       f"{self.cluster.secret_key}\nendpoint = {self.cluster.url}\nregion = us-east-1\n")

        def rclone(*arguments):
            return run("/usr/bin/rclone", "--config", config, "--retries", "1", *arguments, env={}).stdout

        for name, size in (("small", 100), ("large", 6 << 20)):
            flags = ("--header-upload", "x-amz-tagging: by=rclone", "--s3-upload-cutoff", "5M", "--metadata",
                     "--metadata-set", "colour=red")
            rclone("copyto", *flags, self.file(name, size), f"t:objects/rclone-{name}")
            self.assertEqual(self.tags_of(f"rclone-{name}"), tags(("by", "rclone")))
            rclone("copyto", "--metadata", f"t:objects/rclone-{name}", f"t:objects/rclone-{name}-copy")  # on the server
            self.assertEqual(self.tags_of(f"rclone-{name}-copy"), tags(("by", "rclone")))
            head = self.s3.head_object(Bucket="objects", Key=f"rclone-{name}-copy")
            self.assertEqual(head["Metadata"].get("colour"), "red", head)


class Attributes(Objects):
    EVERY = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]

    def attributes(self, key, names=EVERY, bucket="objects", **more):
        found = self.s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=names, **more)
        return found, {name: found[name] for name in self.EVERY if name in found}

    def upload(self, key, parts, **more):
        """Uploads these parts with a checksum of each by the upload's algorithm."""
        upload = {"Bucket": "objects", "Key": key}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload, **more)["UploadId"]
        done = []
        for number, body in parts.items():
            algorithm = {"ChecksumAlgorithm": more["ChecksumAlgorithm"]} if "ChecksumAlgorithm" in more else {}
            answer = self.s3.upload_part(Body=body, PartNumber=number, **algorithm, **upload)
            sums = {name: value for name, value in answer.items() if name.startswith("Checksum") and name != "ChecksumType"}
            done.append({"PartNumber": number, "ETag": answer["ETag"]} | sums)
        return self.s3.complete_multipart_upload(MultipartUpload={"Parts": done}, **upload), done

    def test_of_one_part(self):
        body = content(1000)
        put = self.s3.put_object(Bucket="objects", Key="one", Body=body, ChecksumAlgorithm="SHA256", StorageClass="STANDARD_IA")
        found, shown = self.attributes("one")
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        self.assertEqual(shown, {"ETag": put["ETag"].strip('"'), "Checksum": {"ChecksumSHA256": digest, "ChecksumType": "FULL_OBJECT"},
                                 "StorageClass": "STANDARD_IA", "ObjectSize": 1000})  # fmt: skip
        self.assertEqual(found["LastModified"], self.s3.head_object(Bucket="objects", Key="one")["LastModified"])
        self.assertEqual(self.attributes("one", ["ObjectSize"])[1], {"ObjectSize": 1000})
        self.fails("InvalidArgument", 400, self.attributes, key="one", names=["Colour"])
        self.fails("NoSuchKey", 404, self.attributes, key="none")

    def test_parts_in_pages(self):
        parts = {1: content(5 << 20, 1), 3: content(5 << 20, 3), 7: content(7, 7)}
        _, done = self.upload("parts", parts, ChecksumAlgorithm="CRC32C")
        shown = self.attributes("parts")[1]
        pages = shown["ObjectParts"]
        self.assertEqual((pages["TotalPartsCount"], pages["IsTruncated"], pages["MaxParts"]), (3, False, 1000))
        expected = [{"PartNumber": part["PartNumber"], "Size": len(parts[part["PartNumber"]]),
                     "ChecksumCRC32C": part["ChecksumCRC32C"]} for part in done]  # fmt: skip
        self.assertEqual(pages["Parts"], expected)
        self.assertEqual(shown["Checksum"]["ChecksumType"], "COMPOSITE")
        self.assertNotIn("-", shown["Checksum"]["ChecksumCRC32C"])
        page = self.attributes("parts", MaxParts=2)[1]["ObjectParts"]
        self.assertEqual((page["Parts"], page["IsTruncated"], page["NextPartNumberMarker"]), (expected[:2], True, 3))
        page = self.attributes("parts", MaxParts=2, PartNumberMarker=3)[1]["ObjectParts"]
        self.assertEqual((page["Parts"], page["IsTruncated"]), (expected[2:], False))
        for part in done:  # boto3 holds it against the bytes
            got = self.s3.get_object(Bucket="objects", Key="parts", PartNumber=part["PartNumber"], ChecksumMode="ENABLED")
            self.assertEqual(got["Body"].read(), parts[part["PartNumber"]])
            self.assertEqual((got["ChecksumCRC32C"], got["ChecksumType"]), (part["ChecksumCRC32C"], "COMPOSITE"))
        whole = self.s3.head_object(Bucket="objects", Key="parts", ChecksumMode="ENABLED")
        self.assertEqual(whole["ChecksumCRC32C"], shown["Checksum"]["ChecksumCRC32C"] + "-3")
        some = self.s3.get_object(Bucket="objects", Key="parts", Range="bytes=0-9", ChecksumMode="ENABLED")
        self.assertNotIn("ChecksumCRC32C", some)
        self.assertEqual(some["Body"].read(), parts[1][:10])
        self.upload("whole", parts, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
        self.assertEqual(self.attributes("whole")[1]["ObjectParts"], {"TotalPartsCount": 3})

    def test_versions(self):
        where = {"Bucket": "versions", "Key": "attributes"}
        first = self.s3.put_object(Body=b"1", **where)["VersionId"]
        self.s3.put_object(Body=b"22", **where)
        self.assertEqual(self.attributes("attributes", ["ObjectSize"], "versions")[1], {"ObjectSize": 2})
        found, shown = self.attributes("attributes", ["ObjectSize"], "versions", VersionId=first)
        self.assertEqual((found["VersionId"], shown), (first, {"ObjectSize": 1}))
        marker = self.s3.delete_object(**where)["VersionId"]
        self.fails("NoSuchKey", 404, self.attributes, key="attributes", bucket="versions")
        self.fails("MethodNotAllowed", 405, self.attributes, key="attributes", bucket="versions", VersionId=marker)


class Checksums(Objects):
    cluster_options = {}
    BODY = b"hello world"
    VALUES = {
        "CRC32": "DUoRhQ==", "CRC32C": "yZRlqg==", "CRC64NVME": "jSnVw/bqjr4=", "SHA1": "Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        "SHA256": "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=", "MD5": "XrY7u+Ae7tCTyyK7j1rNww==",
        "SHA512": "MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw==",
        "XXHASH64": "RatnNLIeaWg=", "XXHASH3": "1Eex6kDmmIs=", "XXHASH128": "340J6T+HSQCpm4d1zBW2xw==",
    }  # fmt: skip

    def test_of_one_piece(self):
        for algorithm, value in self.VALUES.items():
            where = {"Bucket": "objects", "Key": f"sum-{algorithm}"}
            name = "Checksum" + algorithm
            put = self.s3.put_object(Body=self.BODY, **{name: value}, **where)
            self.assertEqual((put[name], put["ChecksumType"]), (value, "FULL_OBJECT"))
            self.assertEqual(self.s3.head_object(ChecksumMode="ENABLED", **where)[name], value)
            self.assertNotIn(name, self.s3.head_object(**where))
            self.assertEqual(self.s3.get_object(ChecksumMode="ENABLED", **where)[name], value)
            found = self.s3.get_object_attributes(ObjectAttributes=["Checksum"], **where)["Checksum"]
            self.assertEqual(found, {name: value, "ChecksumType": "FULL_OBJECT"})
            listed = self.s3.list_objects_v2(Bucket="objects", Prefix=where["Key"])["Contents"][0]
            self.assertEqual((listed["ChecksumAlgorithm"], listed["ChecksumType"]), ([algorithm], "FULL_OBJECT"))
            copy = self.s3.copy_object(Bucket="objects", Key="sum-copy", CopySource="objects/sum-CRC32", ChecksumAlgorithm=algorithm)
            self.assertEqual(copy["CopyObjectResult"][name], value)
            self.fails("BadDigest", 400, self.s3.put_object, Body=b"hello worle", **{name: value}, **where)
            self.fails("InvalidRequest", 400, self.s3.put_object, Body=self.BODY, **{name: "AAAA"}, **where)

    def test_of_parts(self):
        for algorithm in self.VALUES:
            where = {"Bucket": "objects", "Key": f"parts-{algorithm}"}
            name = "Checksum" + algorithm
            if algorithm != "CRC64NVME":
                upload = self.s3.create_multipart_upload(ChecksumAlgorithm=algorithm, **where)
                self.assertEqual((upload["ChecksumAlgorithm"], upload["ChecksumType"]), (algorithm, "COMPOSITE"))
                part = {"UploadId": upload["UploadId"], **where}
                sent = self.s3.upload_part(PartNumber=1, Body=self.BODY, **{name: self.VALUES[algorithm]}, **part)
                done = {"PartNumber": 1, "ETag": sent["ETag"], name: sent[name]}
                self.assertEqual(self.s3.list_parts(**part)["Parts"][0][name], self.VALUES[algorithm])
                whole = self.s3.complete_multipart_upload(MultipartUpload={"Parts": [done]}, **part)
                self.assertRegex(whole[name], "^.*=-1$" if whole[name].count("=") else "-1$")
                self.assertEqual(self.s3.head_object(ChecksumMode="ENABLED", **where)[name], whole[name])
                found = self.s3.get_object_attributes(ObjectAttributes=["ObjectParts"], **where)["ObjectParts"]["Parts"]
                self.assertEqual(found, [{"PartNumber": 1, "Size": len(self.BODY), name: self.VALUES[algorithm]}])
            if not algorithm.startswith("CRC"):
                self.fails("InvalidRequest", 400, self.s3.create_multipart_upload, ChecksumAlgorithm=algorithm,
                           ChecksumType="FULL_OBJECT", **where)

    def test_in_a_trailer(self):
        """As the SDK sends it over HTTPS, and one that it cannot compute, by hand."""
        digest = base64.b64encode(hashlib.sha512(content(100_000)).digest()).decode()
        where = {"Bucket": "objects", "Key": "trailer"}
        put = s3.client(self.cluster, tls=True).put_object(Body=content(100_000), ChecksumAlgorithm="SHA512", **where)
        self.assertEqual(put["ChecksumSHA512"], digest)
        for value, status in ((self.VALUES["XXHASH128"], 200), ("A" * 22 + "==", 400)):
            body = f"b\r\nhello world\r\n0\r\nx-amz-checksum-xxhash128:{value}\r\n\r\n".encode()
            headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "11",
                       "x-amz-trailer": "x-amz-checksum-xxhash128", "Content-Encoding": "aws-chunked"}  # fmt: skip
            self.assertEqual(s3.signed(self.cluster, "PUT", "/objects/trailer", headers, body).status, status)
        self.assertEqual(self.s3.head_object(ChecksumMode="ENABLED", **where)["ChecksumXXHASH128"], self.VALUES["XXHASH128"])

    def test_in_a_form(self):
        for algorithm, value in self.VALUES.items():
            field = "x-amz-checksum-" + algorithm.lower()
            post = self.s3.generate_presigned_post("objects", "form", Fields={field: value}, Conditions=[{field: value}])
            for body, status in ((self.BODY, 204), (b"other", 400)):
                self.assertEqual(self.send_form(post, body), status)
            self.assertEqual(self.s3.head_object(Bucket="objects", Key="form", ChecksumMode="ENABLED")["Checksum" + algorithm], value)

    def send_form(self, post, body):
        parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in post["fields"].items()]
        head = "".join(parts) + '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        request = urllib.request.Request(post["url"], head.encode() + body + b"\r\n--b--\r\n", method="POST")
        request.add_header("Content-Type", "multipart/form-data; boundary=b")
        try:
            return urllib.request.urlopen(request).status
        except urllib.error.HTTPError as error:
            return error.code


class StorageClasses(Objects):
    """Labels, in every call that shows them."""

    def test_everywhere(self):
        for name in ("STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY", "GLACIER_IR", "STANDARD"):
            shown = {"StorageClass": name} if name != "STANDARD" else {}
            bucket, key = "versions", f"class-{name}"
            put = self.s3.put_object(Bucket=bucket, Key=key, Body=b"body", StorageClass=name)
            where = {"Bucket": bucket, "Key": key}
            for answer in (self.s3.head_object(**where), self.s3.get_object(**where), self.s3.head_object(VersionId=put["VersionId"], **where)):
                self.assertEqual(answer.get("StorageClass"), shown.get("StorageClass"))
            found = self.s3.get_object_attributes(ObjectAttributes=["StorageClass"], **where)
            self.assertEqual(found["StorageClass"], name)
            rows = [self.s3.list_objects(Bucket=bucket, Prefix=key, OptionalObjectAttributes=["RestoreStatus"])["Contents"],
                    self.s3.list_objects_v2(Bucket=bucket, Prefix=key, OptionalObjectAttributes=["RestoreStatus"])["Contents"],
                    self.s3.list_object_versions(Bucket=bucket, Prefix=key, OptionalObjectAttributes=["RestoreStatus"])["Versions"]]  # fmt: skip
            self.assertEqual([row[0]["StorageClass"] for row in rows], [name] * 3)
            self.assertNotIn("RestoreStatus", rows[0][0])
            copy = {"Bucket": bucket, "Key": "class-copy", "CopySource": f"{bucket}/{key}"}
            self.s3.copy_object(**copy)  # as on AWS the source's class stays behind
            self.assertNotIn("StorageClass", self.s3.head_object(Bucket=bucket, Key="class-copy"))
            self.s3.copy_object(StorageClass=name, **copy)
            self.assertEqual(self.s3.head_object(Bucket=bucket, Key="class-copy").get("StorageClass"), shown.get("StorageClass"))
            upload = {"UploadId": self.s3.create_multipart_upload(StorageClass=name, **where)["UploadId"], **where}
            etag = self.s3.upload_part(PartNumber=1, Body=b"part", **upload)["ETag"]
            self.assertEqual(self.s3.list_parts(**upload)["StorageClass"], name)
            listed = self.s3.list_multipart_uploads(Bucket=bucket, Prefix=key)["Uploads"]
            self.assertEqual(listed[0]["StorageClass"], name)
            self.s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}, **upload)
            self.assertEqual(self.s3.head_object(**where).get("StorageClass"), shown.get("StorageClass"))
        for name in ("GLACIER", "DEEP_ARCHIVE", "OUTPOSTS", "NONSENSE"):
            self.fails("InvalidStorageClass", 400, self.s3.put_object, Bucket="objects", Key="class", Body=b"", StorageClass=name)


class ConditionalDeletions(Objects):
    def test_of_one_key(self):
        where = {"Bucket": "objects", "Key": "deleted"}
        etag = self.s3.put_object(Body=b"body", **where)["ETag"]
        written = self.s3.head_object(**where)["LastModified"]
        self.fails("PreconditionFailed", 412, self.s3.delete_object, IfMatch='"0"', **where)
        self.fails("PreconditionFailed", 412, self.s3.delete_object, IfMatchSize=5, **where)
        self.fails("PreconditionFailed", 412, self.s3.delete_object,
                   IfMatchLastModifiedTime=written + datetime.timedelta(seconds=1), **where)
        self.s3.delete_object(IfMatch=etag, IfMatchSize=4, IfMatchLastModifiedTime=written, **where)
        self.fails("NoSuchKey", 404, self.s3.delete_object, IfMatch="*", **where)

    def test_of_a_batch(self):
        where = {"Bucket": "versions", "Key": "batch"}
        etag = self.s3.put_object(Body=b"body", **where)["ETag"]
        written = self.s3.head_object(**where)["LastModified"]
        wanted = [{"Size": 5}, {"ETag": '"0"'}, {"LastModifiedTime": written - datetime.timedelta(days=1)},
                  {"Size": 4, "ETag": etag, "LastModifiedTime": written}]  # fmt: skip
        answer = self.s3.delete_objects(Bucket="versions", Delete={"Objects": [{"Key": "batch"} | one for one in wanted]})
        self.assertEqual([error["Code"] for error in answer["Errors"]], ["PreconditionFailed"] * 3)
        self.assertEqual([done["DeleteMarker"] for done in answer["Deleted"]], [True])


if __name__ == "__main__":
    main()
