"""Lifecycle rules on a cluster whose days are two seconds long: what boto3 and aws-cli set and are told, what goes and what
stays, and a gateway that is killed in the middle."""

import concurrent.futures
import datetime
import json

import s3
from botocore.exceptions import ClientError
from cluster import poll
from harness import ClusterTest, main, run
from webhook import Webhook

MINIMUM = "x-amz-transition-default-minimum-object-size"  # which older boto3 do not know
PAST = datetime.datetime(2020, 1, 1)
ALL = {"Prefix": ""}


def rule(name, **actions):
    return {"ID": name, "Status": "Enabled", "Filter": ALL} | actions


class LifecycleTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.told = Webhook()
        cls.addClassCleanup(cls.told.__exit__)
        cls.told.start()
        cls.cluster_options = {"tls": False, "gateway_options": [
            "-lifecycle-day", "2s", "-lifecycle-change-rate", "100", "-notify", f"told=http://127.0.0.1:{cls.told.port}"]}  # fmt: skip
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)

    def bucket(self, name, versioned=False):
        self.s3.create_bucket(Bucket=name)
        if versioned:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def rules(self, bucket, *rules):
        return self.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})

    def keys(self, bucket):
        return [row["Key"] for row in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def versions(self, bucket):
        """How many versions, and how many delete markers."""
        page = self.s3.list_object_versions(Bucket=bucket)
        return len(page.get("Versions", [])), len(page.get("DeleteMarkers", []))

    def refused(self, code, bucket, *rules):
        with self.assertRaises(ClientError) as raised:
            self.rules(bucket, *rules)
        self.assertEqual(raised.exception.response["Error"]["Code"], code)
        return raised.exception.response["Error"]["Message"]

    # ---- what is set ----

    def header(self, answer):
        return answer["ResponseMetadata"]["HTTPHeaders"][MINIMUM]

    @staticmethod
    def say_minimum(params, **_):
        params["headers"][MINIMUM] = "varies_by_storage_class"

    def test_what_is_set_comes_back(self):
        bucket = self.bucket("configured")
        tag = {"Key": "k", "Value": "v w"}
        sent = [
            rule("one", Expiration={"Days": 365},
                 Transitions=[{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 60, "StorageClass": "GLACIER_IR"}]),
            rule("two", Filter={"And": {"Prefix": "a&b/", "Tags": [tag], "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 9}},
                 NoncurrentVersionExpiration={"NoncurrentDays": 7, "NewerNoncurrentVersions": 3},
                 NoncurrentVersionTransitions=[{"NoncurrentDays": 2, "StorageClass": "GLACIER_IR"}]),
            rule("three", Filter={"Tag": tag}, Expiration={"Days": 1}),
            rule("four", Status="Disabled", Expiration={"ExpiredObjectDeleteMarker": True},
                 AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}),
        ]  # fmt: skip
        self.assertEqual(self.header(self.rules(bucket, *sent)), "all_storage_classes_128K")
        event = "before-call.s3.PutBucketLifecycleConfiguration"
        self.s3.meta.events.register(event, self.say_minimum)
        self.assertEqual(self.header(self.rules(bucket, *sent)), "varies_by_storage_class")
        self.s3.meta.events.unregister(event, self.say_minimum)
        got = self.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
        self.assertEqual(got["Rules"], sent)
        self.assertEqual(self.header(got), "varies_by_storage_class")
        self.s3.delete_bucket_lifecycle(Bucket=bucket)
        with self.assertRaises(ClientError) as raised:
            self.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
        self.assertEqual(raised.exception.response["Error"]["Code"], "NoSuchLifecycleConfiguration")

    def test_the_old_operation_and_aws_cli(self):
        bucket = self.bucket("configured-otherwise")
        old = [{"Prefix": "logs/", "Status": "Enabled", "Expiration": {"Date": datetime.datetime(2099, 1, 1)}}]
        self.s3.put_bucket_lifecycle(Bucket=bucket, LifecycleConfiguration={"Rules": old})
        got = self.s3.get_bucket_lifecycle(Bucket=bucket)["Rules"][0]
        self.assertEqual((got["Prefix"], got["Expiration"]["Date"].year, len(got["ID"])), ("logs/", 2099, 32))
        environment = {"AWS_ACCESS_KEY_ID": self.cluster.access_key, "AWS_SECRET_ACCESS_KEY": self.cluster.secret_key,
                       "AWS_DEFAULT_REGION": s3.REGION, "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip

        def aws(*arguments):
            out = run("aws", "--endpoint-url", self.cluster.url, "s3api", *arguments, "--bucket", bucket, env=environment).stdout
            return json.loads(out) if out.strip() else {}

        aws("put-bucket-lifecycle-configuration", "--lifecycle-configuration",
            json.dumps({"Rules": [{"ID": "cli", "Filter": {"Prefix": "x"}, "Status": "Enabled", "Expiration": {"Days": 3}}]}))
        self.assertEqual(aws("get-bucket-lifecycle-configuration")["Rules"][0]["ID"], "cli")

    def test_what_aws_refuses(self):
        bucket = self.bucket("refused")
        self.refused("MalformedXML", bucket, {"ID": "r", "Status": "Enabled", "Expiration": {"Days": 1}})
        self.refused("MalformedXML", bucket, rule("r", Prefix="x", Expiration={"Days": 1}))
        self.refused("MalformedXML", bucket, rule("r", Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True}))
        message = self.refused("InvalidArgument", bucket, rule("r", Expiration={"Date": datetime.datetime(2030, 1, 1, 2)}))
        self.assertEqual(message, "'Date' must be at midnight GMT")
        tag = {"Key": "k", "Value": "v"}
        message = self.refused("InvalidRequest", bucket, rule("r", Filter={"And": {"Tags": [tag, tag]}}, Expiration={"Days": 1}))
        self.assertEqual(message, "Duplicate Tag Keys are not allowed.")
        self.refused("InvalidArgument", bucket, *[rule("same", Expiration={"Days": 1})] * 2)
        self.refused("InvalidStorageClass", bucket, rule("r", Transitions=[{"Days": 1, "StorageClass": "GLACIER"}]))

    # ---- what is done ----

    def test_objects_of_a_prefix_expire(self):
        bucket = self.bucket("expiring")
        self.rules(bucket, rule("tmp rule", Filter={"Prefix": "tmp/"}, Expiration={"Days": 1},
                                AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}))  # fmt: skip
        told = self.s3.put_object(Bucket=bucket, Key="tmp/a", Body=b"x")["Expiration"]
        self.assertRegex(told, r'^expiry-date="\w{3}, .* GMT", rule-id="tmp%20rule"$')
        self.assertNotIn("Expiration", self.s3.put_object(Bucket=bucket, Key="kept", Body=b"x"))
        copied = self.s3.copy_object(Bucket=bucket, Key="tmp/b", CopySource=f"{bucket}/kept")
        self.assertIn("expiry-date", copied["Expiration"])
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key="tmp/c")
        self.assertEqual(upload["AbortRuleId"], "tmp rule")
        where = {"Bucket": bucket, "Key": "tmp/c", "UploadId": upload["UploadId"]}
        self.assertEqual(self.s3.list_parts(**where)["AbortDate"], upload["AbortDate"])
        poll(lambda: self.keys(bucket) == ["kept"], "what has the prefix goes")
        poll(lambda: "Uploads" not in self.s3.list_multipart_uploads(Bucket=bucket), "the upload is aborted")
        self.assertNotIn("Expiration", self.s3.head_object(Bucket=bucket, Key="kept"))

    def test_versions(self):
        bucket = self.bucket("versioned", versioned=True)
        for body in (b"1", b"2", b"3"):
            newest = self.s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"]
        self.rules(bucket, rule("old", NoncurrentVersionExpiration={"NoncurrentDays": 1}))
        poll(lambda: self.versions(bucket) == (1, 0), "the replaced versions go")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="k")["VersionId"], newest)
        self.rules(bucket, rule("now", Expiration={"Date": PAST}))
        poll(lambda: self.versions(bucket) == (1, 1), "the current version gets a delete marker")
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="k", VersionId=newest)["Body"].read(), b"3")
        self.s3.delete_object(Bucket=bucket, Key="k", VersionId=newest)
        self.rules(bucket, rule("marker", Expiration={"ExpiredObjectDeleteMarker": True}))
        poll(lambda: self.versions(bucket) == (0, 0), "the delete marker that hides nothing goes")

    def test_events(self):
        events = ["s3:LifecycleExpiration:*", "s3:LifecycleTransition"]
        told = {"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:::told", "Events": events}]}
        for versioned in (False, True):
            bucket = self.bucket(f"told-{versioned}".lower(), versioned=versioned)
            self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)
            self.s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 131072)
            self.rules(bucket, rule("cold", Transitions=[{"Days": 0, "StorageClass": "GLACIER_IR"}]))
            self.assertEqual(self.told.wait(1, bucket)[0]["eventName"], "LifecycleTransition")
            self.rules(bucket, rule("now", Expiration={"Date": PAST}, NoncurrentVersionExpiration={"NoncurrentDays": 1}))
            rows = self.told.wait(3 if versioned else 2, bucket)[1:]
            kinds = ["DeleteMarkerCreated", "Delete"] if versioned else ["Delete"]
            self.assertEqual([row["eventName"] for row in rows[: len(kinds)]], [f"LifecycleExpiration:{kind}" for kind in kinds])
            self.assertEqual(rows[0]["userIdentity"], {"principalId": "s3.amazonaws.com"})
            self.assertEqual(rows[0]["eventVersion"], "2.3")

    def test_transition(self):
        bucket = self.bucket("colder")
        self.s3.put_object(Bucket=bucket, Key="large", Body=b"x" * 131072)
        self.s3.put_object(Bucket=bucket, Key="small", Body=b"x")
        self.rules(bucket, rule("cold", Transitions=[{"Days": 0, "StorageClass": "GLACIER_IR"}]))
        poll(lambda: self.s3.head_object(Bucket=bucket, Key="large").get("StorageClass") == "GLACIER_IR", "the class changes")
        self.assertNotIn("StorageClass", self.s3.head_object(Bucket=bucket, Key="small"))
        listed = {row["Key"]: row["StorageClass"] for row in self.s3.list_objects_v2(Bucket=bucket)["Contents"]}
        self.assertEqual(listed, {"large": "GLACIER_IR", "small": "STANDARD"})
        self.assertEqual(self.s3.get_object(Bucket=bucket, Key="large")["Body"].read(), b"x" * 131072)

    def test_killed_in_the_middle(self):
        bucket = self.bucket("many")
        count = 300

        def put(number):
            self.s3.put_object(Bucket=bucket, Key=f"{number:05}", Body=b"x")

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(count)))
        self.s3.put_object(Bucket=bucket, Key="zz/kept", Body=b"x")
        self.rules(bucket, rule("all", Filter={"Prefix": "0"}, Expiration={"Date": PAST}))
        poll(lambda: 0 < len(self.keys(bucket)) <= count, "some are gone")
        self.cluster.gateway.kill()
        self.cluster.start()
        left = len(self.keys(bucket))
        self.assertGreater(left, 1, "the gateway was to be killed in the middle")
        poll(lambda: self.keys(bucket) == ["zz/kept"], "it goes on where it was")
        poll(lambda: self.cluster.metric("tercet_lifecycle_unfinished_buckets") == 0, "all buckets are done")
        state = json.loads(self.cluster.get("/system/lifecycle")[1])
        self.assertGreaterEqual(state["expired"], left - 1)


if __name__ == "__main__":
    main()
