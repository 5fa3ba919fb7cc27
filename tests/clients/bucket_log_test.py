"""Server access logs, set by boto3 and aws-cli, delivered into a bucket, and read with the pattern that AWS gives for them:
what each kind of request is called, that bytes of a client make no lines, who may deliver, and what a kill leaves."""

import concurrent.futures
import datetime
import json
import os
import re
import urllib.parse

import raw_http
import s3
from botocore.exceptions import ClientError
from cluster import poll
from harness import ClusterTest, main, run

# "Querying access logs with Athena": the input.regex of AWS's user guide, and the names of its columns.
PATTERN = re.compile(
    r'([^ ]*) ([^ ]*) \[(.*?)\] ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ("[^"]*"|-) (-|[0-9]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*)'
    r' ([^ ]*) ([^ ]*) ("[^"]*"|-) ([^ ]*)(?: ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*))?.*$'
)
COLUMNS = (
    "bucketowner bucket_name requestdatetime remoteip requester requestid operation key request_uri httpstatus errorcode"
    " bytessent objectsize totaltime turnaroundtime referrer useragent versionid hostid sigv ciphersuite authtype endpoint"
    " tlsversion accesspointarn aclrequired"
).split()
OWNER = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
ACCOUNT = "000000000000"
AWS = os.environ.get("TERCET_AWS", "aws")


def allow(bucket, *sources, **condition):
    """The policy that AWS's guide has for a target bucket."""
    condition = condition or {"ArnLike": {"aws:SourceArn": [f"arn:aws:s3:::{source}" for source in sources]},
                              "StringEquals": {"aws:SourceAccount": ACCOUNT}}  # fmt: skip
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "S3ServerAccessLogsPolicy", "Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": condition}]})  # fmt: skip


class Logged:
    """What the tests do with a bucket and its log."""

    def pair(self, name, prefix="p/", key_format=None, **condition):
        """A bucket and one that takes its log."""
        self.s3.create_bucket(Bucket=name)
        self.s3.create_bucket(Bucket=name + "-logs")
        self.s3.put_bucket_policy(Bucket=name + "-logs", Policy=allow(name + "-logs", name, **condition))
        self.enable(name, name + "-logs", prefix, key_format)
        return name, name + "-logs"

    def enable(self, bucket, target, prefix="p/", key_format=None, grants=None):
        enabled = {"TargetBucket": target, "TargetPrefix": prefix}
        if key_format is not None:
            enabled["TargetObjectKeyFormat"] = key_format
        if grants is not None:
            enabled["TargetGrants"] = grants
        self.s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})

    def fails(self, code, call, *arguments, **named):
        with self.assertRaises(ClientError) as raised:
            call(*arguments, **named)
        self.assertEqual(raised.exception.response["Error"]["Code"], code)
        return raised.exception.response

    def keys(self, target):
        return [row["Key"] for row in self.s3.list_objects_v2(Bucket=target).get("Contents", [])]

    def lines(self, target):
        """All that were delivered: each a dict by AWS's columns."""
        rows = []
        for key in self.keys(target):
            for line in self.s3.get_object(Bucket=target, Key=key)["Body"].read().decode("ascii").splitlines():
                match = PATTERN.fullmatch(line)
                self.assertIsNotNone(match, line)
                self.assertEqual(match.group(26), "-" if " Yes " not in line else "Yes", line)
                self.assertEqual(len(line) - match.end(26), 2, line)  # the source region, behind AWS's pattern
                rows.append(dict(zip(COLUMNS, match.groups())))
        return rows

    def line_of(self, target, request_id, operation=None):
        def find():
            rows = [row for row in self.lines(target) if row["requestid"] == request_id]
            rows = [row for row in rows if operation in (None, row["operation"])]
            return rows

        rows = poll(find, f"a line of {request_id}", 30)
        self.assertEqual(len(rows), 1, rows)
        return rows[0]

    @staticmethod
    def id_of(answer):
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return headers["x-amz-request-id"]


class BucketLog(Logged, ClusterTest):
    cluster_options = {"gateway_options": ["-log-delivery-interval", "200ms", "-lifecycle-day", "1s"]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.tls = s3.client(cls.cluster, tls=True)

    # ---- the setting ----

    def test_it_is_kept_and_given_back(self):
        bucket, target = self.pair("kept-source")
        get = self.s3.get_bucket_logging
        self.assertEqual(get(Bucket=bucket)["LoggingEnabled"], {"TargetBucket": target, "TargetPrefix": "p/"})
        for key_format in ({"SimplePrefix": {}}, {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
                           {"PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}}):  # fmt: skip
            self.enable(bucket, target, "", key_format)
            self.assertEqual(get(Bucket=bucket)["LoggingEnabled"],
                             {"TargetBucket": target, "TargetPrefix": "", "TargetObjectKeyFormat": key_format})  # fmt: skip
        self.s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
        self.assertNotIn("LoggingEnabled", get(Bucket=bucket))

    def test_targets_that_cannot_be(self):
        bucket, target = self.pair("refused-source")
        self.s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
        error = self.fails("InvalidTargetBucketForLogging", self.enable, bucket, "not-there")["Error"]
        self.assertEqual((error["Message"], error["TargetBucket"]), ("The target bucket for logging does not exist", "not-there"))
        grant = [{"Grantee": {"Type": "CanonicalUser", "ID": OWNER}, "Permission": "READ"}]
        self.fails("AccessControlListNotSupported", self.enable, bucket, target, grants=grant)
        self.s3.delete_bucket_policy(Bucket=target)
        self.assertIn("log-delivery group", self.fails("InvalidTargetBucketForLogging", self.enable, bucket, target)["Error"]["Message"])
        for condition in ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::another"}},
                          {"StringEquals": {"aws:SourceAccount": "123456789012"}}):  # fmt: skip
            self.s3.put_bucket_policy(Bucket=target, Policy=allow(target, **condition))
            self.fails("InvalidTargetBucketForLogging", self.enable, bucket, target)
        self.s3.create_bucket(Bucket="refused-west", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        error = self.fails("CrossLocationLoggingProhibitted", self.enable, bucket, "refused-west")["Error"]
        self.assertEqual(error["TargetBucketLocation"], "us-west-2")
        self.s3.create_bucket(Bucket="refused-locked", ObjectLockEnabledForBucket=True)
        self.s3.put_bucket_policy(Bucket="refused-locked", Policy=allow("refused-locked", bucket))
        self.s3.put_object_lock_configuration(Bucket="refused-locked", ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}})  # fmt: skip
        self.fails("InvalidTargetBucketForLogging", self.enable, bucket, "refused-locked")

    def test_by_acl_with_grants(self):
        self.s3.create_bucket(Bucket="acl-source")
        self.s3.create_bucket(Bucket="acl-logs", ObjectOwnership="ObjectWriter")
        self.fails("InvalidTargetBucketForLogging", self.enable, "acl-source", "acl-logs")
        self.s3.put_bucket_acl(Bucket="acl-logs", ACL="log-delivery-write")
        group = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
        self.s3.delete_public_access_block(Bucket="acl-logs")
        grants = [{"Grantee": {"Type": "Group", "URI": group}, "Permission": "READ"}]
        self.enable("acl-source", "acl-logs", "g/", grants=grants)
        self.assertEqual(self.s3.get_bucket_logging(Bucket="acl-source")["LoggingEnabled"]["TargetGrants"], grants)
        self.line_of("acl-logs", self.id_of(self.s3.put_object(Bucket="acl-source", Key="k", Body=b"1")))
        given = self.s3.get_object_acl(Bucket="acl-logs", Key=self.keys("acl-logs")[0])["Grants"]
        self.assertIn(("READ", group), [(grant["Permission"], grant["Grantee"].get("URI")) for grant in given])

    # ---- lines ----

    def test_requests_and_their_names(self):
        bucket, target = self.pair("named")
        put = self.s3.put_object(Bucket=bucket, Key="a b/ä", Body=b"12345")
        row = self.line_of(target, self.id_of(put))
        expected = {"bucketowner": OWNER, "bucket_name": bucket, "remoteip": "127.0.0.1", "requester": OWNER,
                    "operation": "REST.PUT.OBJECT", "key": "a%20b/%C3%A4", "httpstatus": "200", "errorcode": "-",
                    "request_uri": f'"PUT /{bucket}/a%20b/%C3%A4 HTTP/1.1"', "bytessent": "-", "objectsize": "5",
                    "hostid": put["ResponseMetadata"]["HTTPHeaders"]["x-amz-id-2"], "sigv": "SigV4",
                    "authtype": "AuthHeader", "ciphersuite": "-", "tlsversion": "-", "accesspointarn": "-", "versionid": "-"}  # fmt: skip
        self.assertEqual({name: row[name] for name in expected}, expected)
        self.assertEqual(urllib.parse.unquote(row["key"]), "a b/ä")
        self.assertIn("Boto3", row["useragent"])
        self.assertTrue(row["totaltime"].isdigit() and row["turnaroundtime"].isdigit(), row)
        seen = datetime.datetime.strptime(row["requestdatetime"], "%d/%b/%Y:%H:%M:%S %z")
        self.assertLess(abs((datetime.datetime.now(datetime.timezone.utc) - seen).total_seconds()), 120)
        got = self.tls.get_object(Bucket=bucket, Key="a b/ä", Range="bytes=0-1")
        row = self.line_of(target, self.id_of(got))
        self.assertEqual((row["operation"], row["httpstatus"], row["bytessent"], row["objectsize"]),
                         ("REST.GET.OBJECT", "206", "2", "5"))  # fmt: skip
        self.assertRegex(row["tlsversion"], r"TLSv1\.[23]")
        self.assertIn("_", row["ciphersuite"] + "_")
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
        calls = [
            ("REST.GET.BUCKET", self.s3.list_objects_v2(Bucket=bucket)), ("REST.HEAD.BUCKET", self.s3.head_bucket(Bucket=bucket)),
            ("REST.GET.LOGGING_STATUS", self.s3.get_bucket_logging(Bucket=bucket)),
            ("REST.GET.VERSIONING", self.s3.get_bucket_versioning(Bucket=bucket)),
            ("REST.PUT.PART", self.s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"part")),
            ("REST.GET.UPLOAD", self.s3.list_parts(Bucket=bucket, Key="m", UploadId=upload)),
            ("REST.DELETE.UPLOAD", self.s3.abort_multipart_upload(Bucket=bucket, Key="m", UploadId=upload)),
            ("REST.HEAD.OBJECT", self.s3.head_object(Bucket=bucket, Key="a b/ä")),
            ("REST.GET.OBJECT_TAGGING", self.s3.get_object_tagging(Bucket=bucket, Key="a b/ä")),
            ("REST.DELETE.OBJECT", self.s3.delete_object(Bucket=bucket, Key="a b/ä")),
        ]  # fmt: skip
        for name, answer in calls:
            self.assertEqual(self.line_of(target, self.id_of(answer))["operation"], name)

    def test_refused_and_anonymous_requests(self):
        bucket, target = self.pair("refused")
        failed = self.fails("NoSuchKey", self.s3.get_object, Bucket=bucket, Key="none")
        row = self.line_of(target, failed["Error"].get("RequestId") or self.id_of(failed))
        self.assertEqual((row["httpstatus"], row["errorcode"], row["hostid"]),
                         ("404", "NoSuchKey", failed["ResponseMetadata"]["HostId"]))  # fmt: skip
        answer = raw_http.request(self.cluster.port, "GET", f"/{bucket}/k")
        row = self.line_of(target, answer.header("x-amz-request-id"))
        self.assertEqual((row["requester"], row["httpstatus"], row["errorcode"], row["sigv"], row["authtype"]),
                         ("-", "403", "AccessDenied", "-", "-"))  # fmt: skip
        forger = s3.client(self.cluster, secret_key="another")
        failed = self.fails("SignatureDoesNotMatch", forger.get_object, Bucket=bucket, Key="k")
        row = self.line_of(target, self.id_of(failed))
        self.assertEqual((row["requester"], row["errorcode"]), ("-", "SignatureDoesNotMatch"))
        url = self.s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "none"})
        answer = raw_http.request(self.cluster.port, "GET", url.partition(str(self.cluster.port))[2])
        row = self.line_of(target, answer.header("x-amz-request-id"))
        self.assertEqual((row["authtype"], row["errorcode"]), ("QueryString", "NoSuchKey"))
        self.assertIn("Signature=REDACTED", row["request_uri"])

    def test_copies_and_batches(self):
        bucket, target = self.pair("copied")
        self.s3.create_bucket(Bucket="copied-to")
        self.s3.put_object(Bucket=bucket, Key="from", Body=b"123")
        copied = self.s3.copy_object(Bucket="copied-to", Key="to", CopySource={"Bucket": bucket, "Key": "from"})
        row = self.line_of(target, self.id_of(copied))
        self.assertEqual((row["operation"], row["key"], row["objectsize"], row["httpstatus"]),
                         ("REST.COPY.OBJECT_GET", "from", "3", "200"))  # fmt: skip
        copied = self.s3.copy_object(Bucket=bucket, Key="again", CopySource={"Bucket": bucket, "Key": "from"})
        self.assertEqual(self.line_of(target, self.id_of(copied), "REST.COPY.OBJECT")["key"], "again")
        self.assertEqual(self.line_of(target, self.id_of(copied), "REST.COPY.OBJECT_GET")["key"], "from")
        deleted = self.s3.delete_objects(Bucket=bucket, Delete={"Objects": [
            {"Key": "from"}, {"Key": "again", "VersionId": "none"}, {"Key": "x\ny"}]})  # fmt: skip
        self.line_of(target, self.id_of(deleted), "REST.POST.MULTI_OBJECT_DELETE")
        rows = {row["key"]: row for row in self.lines(target) if row["operation"] == "BATCH.DELETE.OBJECT"}
        self.assertEqual(set(rows), {"from", "again", "x%0Ay"})
        self.assertEqual({row["requestid"] for row in rows.values()}, {self.id_of(deleted)})
        self.assertEqual((rows["from"]["httpstatus"], rows["from"]["request_uri"]), ("204", "-"))
        self.assertEqual((rows["again"]["errorcode"], rows["again"]["versionid"]), ("InvalidArgument", "none"))

    def test_hostile_bytes(self):
        bucket, target = self.pair("hostile")
        forged = f'x" 200 - - - - - "-" "y" -\n{OWNER} {bucket} [01/Jan/2000:00:00:00 +0000] 6.6.6.6 - FORGED REST.GET.OBJECT'
        key = urllib.parse.quote(forged)
        answer = raw_http.request(self.cluster.port, "GET", f"/{bucket}/{key}",
                                  {"User-Agent": 'a"b\\" 7 ü', "Referer": 'http://x/" "FORGED'})  # fmt: skip
        row = self.line_of(target, answer.header("x-amz-request-id"))
        self.assertEqual(urllib.parse.unquote(row["key"]), forged)
        self.assertEqual(row["referrer"], '"http://x/%22%20%22FORGED"')
        self.assertTrue(row["useragent"].startswith('"a%22b%5C%22 7 %'), row["useragent"])
        self.assertEqual([row for row in self.lines(target) if "FORGED" == row["requestid"] or row["remoteip"] != "127.0.0.1"], [])

    # ---- objects ----

    def test_names_of_objects(self):
        today = r"20\d\d/\d\d/\d\d/"
        for number, (key_format, pattern) in enumerate([
            (None, r"p/20\d\d-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}"),
            ({"PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}},
             rf"p/{ACCOUNT}/us-east-1/keyed-1/{today}20\d\d-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{{16}}"),
            ({"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
             rf"p/{ACCOUNT}/us-east-1/keyed-2/{today}20\d\d-\d\d-\d\d-00-00-00-[0-9A-F]{{16}}"),
        ]):  # fmt: skip
            bucket, target = self.pair(f"keyed-{number}", key_format=key_format)
            self.line_of(target, self.id_of(self.s3.head_bucket(Bucket=bucket)))
            for key in self.keys(target):
                self.assertRegex(key, f"^{pattern}$")
        head = self.s3.head_object(Bucket=target, Key=self.keys(target)[0])
        self.assertEqual(head["ContentType"], "text/plain")

    def test_a_log_of_its_own_bucket_does_not_feed_itself(self):
        self.s3.create_bucket(Bucket="own")
        self.s3.put_bucket_policy(Bucket="own", Policy=allow("own", "own"))
        self.enable("own", "own", "log/")
        first = self.id_of(self.s3.head_bucket(Bucket="own"))
        self.line_of("own", first)
        before = self.cluster.metric("tercet_bucket_log_objects_total")
        other, target = self.pair("own-other")  # whose deliveries show that rounds went by
        for _ in range(3):
            self.line_of(target, self.id_of(self.s3.head_bucket(Bucket=other)))
        answers = self.s3.list_objects_v2(Bucket="own")
        self.line_of("own", self.id_of(answers))
        self.assertGreater(self.cluster.metric("tercet_bucket_log_objects_total"), before)
        self.assertEqual([row for row in self.lines("own") if row["operation"] == "REST.PUT.OBJECT"], [])

    def test_a_target_that_takes_no_more(self):
        bucket, target = self.pair("withdrawn")
        self.line_of(target, self.id_of(self.s3.head_bucket(Bucket=bucket)))
        lost = 'tercet_bucket_log_lost_lines_total{reason="target"}'
        before = self.cluster.metric(lost)
        self.s3.delete_bucket_policy(Bucket=target)
        count = len(self.keys(target))
        self.s3.head_bucket(Bucket=bucket)
        poll(lambda: self.cluster.metric(lost) > before, "a line that the target does not take")
        self.assertEqual(len(self.keys(target)), count)

    def test_what_the_lifecycle_does(self):
        bucket, target = self.pair("expiring")
        self.s3.put_object(Bucket=bucket, Key="old", Body=b"1")
        self.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
            {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]})  # fmt: skip
        rows = poll(lambda: [row for row in self.lines(target) if row["operation"].startswith("S3.")], "an expiration")
        self.assertEqual([(row["operation"], row["key"], row["requester"]) for row in rows],
                         [("S3.EXPIRE.OBJECT", "old", "AmazonS3")])  # fmt: skip

    def test_aws_cli(self):
        bucket, target = self.pair("by-cli")
        env = {"AWS_ACCESS_KEY_ID": self.cluster.access_key, "AWS_SECRET_ACCESS_KEY": self.cluster.secret_key,
               "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
               "AWS_PAGER": "", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}  # fmt: skip
        api = [AWS, "--endpoint-url", self.cluster.url, "s3api"]
        status = {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "cli/"}}
        run(*api, "put-bucket-logging", "--bucket", bucket, "--bucket-logging-status", json.dumps(status), env=env)
        done = run(*api, "get-bucket-logging", "--bucket", bucket, env=env)
        self.assertEqual(json.loads(done.stdout), status)
        self.line_of(target, self.id_of(self.s3.head_bucket(Bucket=bucket)))
        self.assertTrue([key for key in self.keys(target) if key.startswith("cli/")])


class Restart(Logged, ClusterTest):
    """Of a gateway that is killed between a request and its delivery, and then delivers at once."""

    cluster_options = {"tls": False, "gateway_options": ["-log-delivery-interval", "1h"]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)

    def test_what_was_written_is_delivered_after_a_kill(self):
        bucket, target = self.pair("killed")
        before = self.cluster.metric("tercet_bucket_log_lines_total")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.s3.head_bucket(Bucket=bucket), range(50)))
        poll(lambda: self.cluster.metric("tercet_bucket_log_lines_total") >= before + 50, "lines in a file")
        self.assertEqual(self.keys(target), [])
        gateway = self.cluster.gateway
        gateway.kill()
        gateway.argv = [*gateway.argv, "-log-delivery-interval", "200ms"]
        gateway.start()
        self.cluster.wait_ready()
        poll(lambda: self.keys(target), "a delivery")
        ids = [row["requestid"] for row in self.lines(target)]
        self.assertLessEqual({self.id_of(answer) for answer in answers}, set(ids))
        self.assertEqual(len(ids), len(set(ids)))


if __name__ == "__main__":
    main()
