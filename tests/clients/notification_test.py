"""Notifications of buckets: what boto3 and aws-cli set and are told, the events of each change as a receiver gets them, and
receivers that are away, refuse, or want credentials."""

import datetime
import json
import os
import re
import tempfile
import urllib.parse
import urllib.request

import certificates
import s3
from botocore.exceptions import ClientError
from cluster import poll
from harness import PART, ClusterTest, content, main, run
from webhook import Webhook

ALL = "s3:ObjectCreated:* s3:ObjectRemoved:* s3:ObjectTagging:* s3:ObjectAcl:Put s3:ObjectRetention:Put".split()


def queue(name, events=ALL, kind="sqs", **more):
    resource = f"function:{name}" if kind == "lambda" else name
    member = {"sqs": "QueueArn", "sns": "TopicArn", "lambda": "LambdaFunctionArn"}[kind]
    return {member: f"arn:aws:{kind}:us-east-1:000000000000:{resource}", "Events": list(events)} | more


def key_filter(**rules):
    return {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules.items()]}}


class NotificationTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.plain, cls.away = Webhook(), Webhook()
        targets = f"plain=http://127.0.0.1:{cls.plain.port}/hook?a=b,away=http://127.0.0.1:{cls.away.port}"
        cls.cluster_options = {"tls": False, "gateway_options": ["-notify", targets, "-loglevel", "info"]}
        for webhook in (cls.plain, cls.away):
            cls.addClassCleanup(webhook.__exit__)
        cls.plain.start()
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)

    def bucket(self, name, *configurations, versioned=False, **more):
        self.s3.create_bucket(Bucket=name, **more)
        if versioned:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if configurations:
            self.configure(name, *configurations)
        return name

    def configure(self, bucket, *configurations, **more):
        document = {}
        for row in configurations:
            member = ("QueueConfigurations" if "QueueArn" in row else
                      "TopicConfigurations" if "TopicArn" in row else "LambdaFunctionConfigurations")  # fmt: skip
            document.setdefault(member, []).append(row)
        return self.s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration=document | more.pop("also", {}), **more)

    def refused(self, code, bucket, *configurations, **more):
        with self.assertRaises(ClientError) as raised:
            self.configure(bucket, *configurations, **more)
        error = raised.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        return error

    def state(self, target):
        rows = json.loads(self.cluster.get("/system/notifications")[1])["targets"]
        return next(row for row in rows if row["name"] == target)

    # ---- what is set ----

    def test_what_is_set_comes_back(self):
        bucket = self.bucket("configured")
        self.assertNotIn("QueueConfigurations", self.s3.get_bucket_notification_configuration(Bucket=bucket))
        tried = len(self.plain.documents())
        self.configure(
            bucket,
            queue("plain", ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"], Id="one", Filter=key_filter(prefix="a&b/", suffix=".jpg")),
            queue("plain", ["s3:ObjectTagging:*"], "sns", Filter=key_filter(Suffix="ü")),
            queue("plain:live", ["s3:ObjectAcl:Put"], "lambda", Id="three"),
        )  # fmt: skip
        read = self.s3.get_bucket_notification_configuration(Bucket=bucket)
        [one], [two], [three] = (read[f"{kind}Configurations"] for kind in ("Queue", "Topic", "LambdaFunction"))
        self.assertEqual((one["Id"], one["QueueArn"]), ("one", "arn:aws:sqs:us-east-1:000000000000:plain"))
        self.assertEqual(one["Events"], ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"])
        self.assertEqual(one["Filter"], key_filter(Prefix="a&b/", Suffix=".jpg"))
        self.assertEqual(two["Filter"], key_filter(Suffix="ü"))
        self.assertRegex(two["Id"], "^[0-9a-f]{32}$")
        self.assertEqual(three["LambdaFunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:plain:live")
        [test] = self.plain.documents()[tried:]  # one for each destination
        self.assertEqual({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket}.items() & test.items(),
                         {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket}.items())
        self.assertEqual(set(test), {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"})
        self.configure(bucket)
        self.assertNotIn("QueueConfigurations", self.s3.get_bucket_notification_configuration(Bucket=bucket))

    def test_what_is_refused(self):
        bucket = self.bucket("refused")
        error = self.refused("InvalidArgument", bucket, queue("unknown"))
        self.assertEqual(error["Message"], "Unable to validate the following destination configurations")
        self.assertEqual(error["ArgumentName"], "arn:aws:sqs:us-east-1:000000000000:unknown")
        self.assertEqual(error["ArgumentValue"], "The destination queue does not exist")
        self.refused("InvalidArgument", bucket, queue("unknown"), SkipDestinationValidation=True)
        error = self.refused("InvalidArgument", bucket, {"QueueArn": "arn:aws:sns:::plain", "Events": ALL})
        self.assertEqual(error["Message"], "The ARN could not be parsed")
        error = self.refused("InvalidArgument", bucket, queue("plain", Filter=key_filter(infix="x")))
        self.assertEqual(error["Message"], "filter rule name must be either prefix or suffix")
        error = self.refused("InvalidArgument", bucket, queue("plain", ["s3:ObjectCreated:Append"]))
        self.assertIn("not supported", error["Message"])
        error = self.refused("InvalidArgument", bucket, queue("plain", ["s3:ObjectCreated:*"]),
                             queue("plain", ["s3:ObjectCreated:Put"], "sns"))
        self.assertIn("cannot share a common event type", error["Message"])
        error = self.refused("InvalidArgument", bucket, queue("plain", Filter=key_filter(prefix="a")),
                             queue("plain", Filter=key_filter(prefix="ab")))
        self.assertIn("ambiguously defined", error["Message"])
        error = self.refused("NotImplemented", bucket, also={"EventBridgeConfiguration": {}})
        self.assertIn("EventBridge", error["Message"])
        error = self.refused("InvalidArgument", bucket, queue("away"))
        self.assertEqual(error["ArgumentValue"], "The destination does not take a test message.")
        self.assertEqual(self.s3.get_bucket_notification_configuration(Bucket=bucket).keys(), {"ResponseMetadata"})
        self.configure(bucket, queue("away"), SkipDestinationValidation=True)

    def test_aws_cli(self):
        bucket = self.bucket("by-cli")
        env = os.environ | {"AWS_ACCESS_KEY_ID": self.cluster.access_key, "AWS_SECRET_ACCESS_KEY": self.cluster.secret_key,
                            "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null"}  # fmt: skip
        aws = [os.environ.get("TERCET_AWS", "aws"), "--endpoint-url", self.cluster.url, "s3api"]
        document = json.dumps({"QueueConfigurations": [queue("plain", Id="cli")]})
        run(*aws, "put-bucket-notification-configuration", "--bucket", bucket, "--notification-configuration", document, env=env)
        out = run(*aws, "get-bucket-notification-configuration", "--bucket", bucket, env=env).stdout
        self.assertEqual(json.loads(out)["QueueConfigurations"][0]["Events"], sorted(ALL, key=ALL.index))

    # ---- what is told ----

    def test_records(self):
        bucket = self.bucket("events", queue("plain", Id="all"))
        key = "a b/ü@+.txt"
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5)
        put = self.s3.put_object(Bucket=bucket, Key=key, Body=b"12345")
        self.s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
        self.s3.delete_object_tagging(Bucket=bucket, Key=key)
        self.s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
        self.s3.delete_object(Bucket=bucket, Key=key)
        self.s3.delete_object(Bucket=bucket, Key="never-there")
        rows = self.plain.wait(5, bucket)
        self.assertEqual([row["eventName"] for row in rows], [
            "ObjectCreated:Put", "ObjectTagging:Put", "ObjectTagging:Delete", "ObjectCreated:Copy", "ObjectRemoved:Delete"])  # fmt: skip
        first = rows[0]
        self.assertEqual((first["eventVersion"], first["eventSource"], first["awsRegion"]), ("2.1", "aws:s3", "us-east-1"))
        self.assertRegex(first["eventTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertLess(before, datetime.datetime.fromisoformat(first["eventTime"].replace("Z", "+00:00")))
        self.assertEqual(first["userIdentity"], {"principalId": "AWS:000000000000"})
        self.assertEqual(first["requestParameters"], {"sourceIPAddress": "127.0.0.1"})
        self.assertEqual(first["responseElements"]["x-amz-request-id"], put["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"])
        self.assertEqual(set(first["responseElements"]), {"x-amz-request-id", "x-amz-id-2"})
        where = first["s3"]
        self.assertEqual((where["s3SchemaVersion"], where["configurationId"]), ("1.0", "all"))
        self.assertEqual((where["bucket"]["name"], where["bucket"]["arn"]), (bucket, f"arn:aws:s3:::{bucket}"))
        self.assertRegex(where["bucket"]["ownerIdentity"]["principalId"], "^[0-9a-f]{64}$")
        self.assertEqual(where["object"]["key"], "a+b/%C3%BC%40%2B.txt")
        self.assertEqual(urllib.parse.unquote_plus(where["object"]["key"]), key)
        self.assertEqual((where["object"]["size"], where["object"]["eTag"]), (5, put["ETag"].strip('"')))
        for row, members in zip(rows, ["key size eTag sequencer", "key eTag", "key eTag", "key size eTag sequencer", "key sequencer"]):
            self.assertEqual(set(row["s3"]["object"]), set(members.split()), row["eventName"])
        self.assertEqual(rows[1]["eventVersion"], "2.3")
        self.assertLess(where["object"]["sequencer"], rows[4]["s3"]["object"]["sequencer"])

    def test_versions(self):
        bucket = self.bucket("versions", queue("plain"), versioned=True, ObjectLockEnabledForBucket=True)
        version = self.s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
        self.s3.put_object_retention(Bucket=bucket, Key="k", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
        marker = self.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=version, BypassGovernanceRetention=True)
        rows = self.plain.wait(5, bucket)
        self.assertEqual([(row["eventName"], row["s3"]["object"]["versionId"]) for row in rows], [
            ("ObjectCreated:Put", version), ("ObjectRetention:Put", version), ("ObjectRemoved:DeleteMarkerCreated", marker),
            ("ObjectRemoved:Delete", marker), ("ObjectRemoved:Delete", version)])  # fmt: skip
        self.assertEqual(rows[2]["s3"]["object"]["eTag"], "d41d8cd98f00b204e9800998ecf8427e")

    def test_deletions_of_one_kind(self):
        bucket = self.bucket("kinds", queue("plain", ["s3:ObjectRemoved:Delete"]), versioned=True)
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"1")
        marker = self.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]  # is told to nobody
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
        [row] = self.plain.wait(1, bucket)
        self.assertEqual((row["eventName"], row["s3"]["object"]["versionId"]), ("ObjectRemoved:Delete", marker))
        poll(lambda: self.cluster.metric("tercet_notifications_waiting") == self.state("away")["waiting"], "nothing is left over")

    def test_filters_multipart_form_and_batch(self):
        bucket = self.bucket("filtered", queue("plain", ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                                               Filter=key_filter(prefix="in/", suffix=".x")))  # fmt: skip
        for key in ("in/a.x", "in/b.y", "out/c.x", "in/.x", "in.x"):
            self.s3.put_object(Bucket=bucket, Key=key, Body=b"1")
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="in/big.x")["UploadId"]
        parts = [self.s3.upload_part(Bucket=bucket, Key="in/big.x", UploadId=upload, PartNumber=n, Body=content(PART))
                 for n in (1, 2)]  # fmt: skip
        made = self.s3.complete_multipart_upload(Bucket=bucket, Key="in/big.x", UploadId=upload, MultipartUpload={
            "Parts": [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(parts, 1)]})  # fmt: skip
        form = self.s3.generate_presigned_post(bucket, "in/form.x")
        body = "".join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                       for name, value in form["fields"].items())  # fmt: skip
        body += '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nxyz\r\n--b--\r\n'
        request = urllib.request.Request(form["url"], body.encode(), {"Content-Type": "multipart/form-data; boundary=b"})
        urllib.request.urlopen(request, timeout=30).close()
        self.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in ("in/a.x", "in/b.y", "in/none.x")]})
        rows = self.plain.wait(5, bucket)
        self.assertEqual([(row["eventName"], row["s3"]["object"]["key"]) for row in rows], [
            ("ObjectCreated:Put", "in/a.x"), ("ObjectCreated:Put", "in/.x"),
            ("ObjectCreated:CompleteMultipartUpload", "in/big.x"), ("ObjectCreated:Post", "in/form.x"),
            ("ObjectRemoved:Delete", "in/a.x")])  # fmt: skip
        self.assertEqual((rows[2]["s3"]["object"]["size"], rows[2]["s3"]["object"]["eTag"]), (2 * PART, made["ETag"].strip('"')))

    def test_file_api(self):
        self.configure("files", queue("plain"))
        self.addCleanup(self.configure, "files")
        for text in ("one", "two"):
            body = f'--b\r\nContent-Disposition: form-data; name="file"; filename="told"\r\n\r\n{text}\r\n--b--\r\n'
            request = urllib.request.Request(f"{self.cluster.url}/upload", body.encode(),
                                             {"Content-Type": "multipart/form-data; boundary=b"})  # fmt: skip
            urllib.request.urlopen(request, timeout=30).close()
        for query in ("?version=1", ""):
            request = urllib.request.Request(f"{self.cluster.url}/files/told{query}", method="DELETE")
            urllib.request.urlopen(request, timeout=30).close()
        rows = self.plain.wait(4, "files")
        self.assertEqual([row["eventName"] for row in rows], 2 * ["ObjectCreated:Put"] + 2 * ["ObjectRemoved:Delete"])
        self.assertEqual(rows[2]["s3"]["object"]["versionId"], rows[0]["s3"]["object"]["versionId"])
        self.assertNotIn("versionId", rows[3]["s3"]["object"])

    # ---- receivers ----

    def test_one_that_is_away_holds_up_nobody(self):
        bucket = self.bucket("away", queue("plain", ["s3:ObjectCreated:*"]))
        self.configure(bucket, queue("plain", ["s3:ObjectCreated:*"]), queue("away", ["s3:ObjectRemoved:*"]),
                       SkipDestinationValidation=True)  # fmt: skip
        for i in range(20):
            self.s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"1")
            self.s3.delete_object(Bucket=bucket, Key=f"k{i}")
        self.plain.wait(20, bucket)
        poll(lambda: self.state("away")["failingSince"], "the failure is seen")
        self.assertGreaterEqual(self.state("away")["waiting"], 20)
        self.assertIn("cannot be reached", self.state("away")["lastError"])
        self.assertEqual(self.state("plain")["failingSince"], None)
        self.away.answer = 307  # which is not followed
        self.away.start()
        self.addCleanup(self.away.stop)
        self.refused("InvalidArgument", bucket, queue("away"))
        self.away.answer = 200
        self.configure(bucket, queue("away", ["s3:ObjectRemoved:*"]))  # the test message has what waits tried at once
        rows = self.away.wait(20, bucket)
        self.assertEqual([row["s3"]["object"]["key"] for row in rows], [f"k{i}" for i in range(20)])
        poll(lambda: self.state("away")["waiting"] == 0, "nothing waits")
        self.assertEqual(self.state("away")["failingSince"], None)

    def test_nothing_is_lost_when_the_gateway_is_killed(self):
        bucket = self.bucket("killed", queue("plain", ["s3:ObjectCreated:*"]))
        self.plain.answer = 503
        for i in range(30):
            self.s3.put_object(Bucket=bucket, Key=f"k{i % 3}", Body=b"x" * i)
        poll(lambda: self.plain.refused > 0, "it is tried")
        self.cluster.gateway.kill()
        self.plain.answer = 200
        self.cluster.gateway.start()
        self.cluster.wait_ready()
        self.s3.put_object(Bucket=bucket, Key="last", Body=b"")
        rows = self.plain.wait(31, bucket)
        self.assertEqual([row["s3"]["object"]["size"] for row in rows], [*range(30), 0])
        self.check_sequencers(rows)

    def test_nothing_is_lost_when_it_is_killed_while_it_sends(self):
        bucket = self.bucket("killed-while-sending", queue("plain", ["s3:ObjectCreated:*"]))
        for i in range(60):
            self.s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"")
            if i % 20 == 19:
                self.cluster.gateway.kill()
                self.cluster.gateway.start()
                self.cluster.wait_ready()
        poll(lambda: {row["s3"]["object"]["key"] for row in self.plain.records(bucket)} == {f"k{i}" for i in range(60)}, "all came")
        self.check_sequencers(self.plain.records(bucket))

    def check_sequencers(self, rows):
        """What is new of a key is behind what came of it before, when what came again is left out."""
        seen = {}
        for row in rows:
            entry = row["s3"]["object"]
            sent = seen.setdefault(entry["key"], [])
            if entry["sequencer"] not in sent:
                self.assertTrue(not sent or sent[-1] < entry["sequencer"], row)
                sent.append(entry["sequencer"])


class CredentialsTest(ClusterTest):
    """Over HTTPS, with a token and a signature; several records in one request; a bound on what waits."""

    @classmethod
    def setUpClass(cls):
        cls.files = cls.enterClassFolder()
        cls.ca, *certificate = certificates.make(cls.files)
        cls.secret = Webhook(certificate, token="tok-3n", hmac_key=b"hmac key")
        cls.full = Webhook()
        for name, text in (("token", "tok-3n"), ("hmac", "hmac key")):
            with open(os.open(f"{cls.files}/{name}", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(text + "\n")
        url = f"https://127.0.0.1:{cls.secret.port}/?token-file={cls.files}/token&hmac-file={cls.files}/hmac&records=10"
        targets = (f"secret={url}&ca-file={cls.ca} stranger={url} open=https://127.0.0.1:{cls.secret.port}/?ca-file={cls.ca} "
                   f"full=http://127.0.0.1:{cls.full.port}")  # fmt: skip
        cls.cluster_options = {"tls": False, "gateway_options": [
            "-notify", targets, "-notify-rows", "10", "-notify-age", "2s", "-notify-timeout", "2s", "-loglevel", "warn"]}  # fmt: skip
        for webhook in (cls.secret, cls.full):
            cls.addClassCleanup(webhook.__exit__)
        cls.secret.start()
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)

    @classmethod
    def enterClassFolder(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        return folder.name

    configure, bucket, refused, state = (getattr(NotificationTest, name) for name in ("configure", "bucket", "refused", "state"))

    def test_credentials(self):
        bucket = self.bucket("secret", queue("secret"))
        for i in range(5):
            self.s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"")
        rows = self.secret.wait(5, bucket)
        self.assertEqual([row["s3"]["object"]["key"] for row in rows], [f"k{i}" for i in range(5)])
        self.refused("InvalidArgument", bucket, queue("open"))
        self.assertIn("does not take", self.refused("InvalidArgument", bucket, queue("stranger"))["ArgumentValue"])
        text = self.cluster.gateway.log_text()
        self.assertIn("the server answered 403", text)
        self.assertFalse(re.search("tok-3n|hmac key", text))

    def test_bounds(self):
        bucket = self.bucket("full")
        self.configure(bucket, queue("full", ["s3:ObjectCreated:*"]), SkipDestinationValidation=True)
        dropped = 'tercet_notifications_dropped_total{reason="%s"}'
        poll(lambda: self.s3.put_object(Bucket=bucket, Key="k", Body=b"") and self.cluster.metric(dropped % "full") > 0,
             "what is too much is dropped")  # fmt: skip
        poll(lambda: self.cluster.metric(dropped % "old") > 0 and self.state("full")["waiting"] == 0, "what is too old is dropped")
        self.assertEqual(self.full.records(), [])


if __name__ == "__main__":
    main()
