"""The newest boto3 and aws-cli: object lock, as backup tools use it."""

import datetime
import json
import os

from botocore.exceptions import ClientError

import s3
from harness import ClusterTest, main, run

AWS = os.environ.get("TERCET_AWS", "/usr/bin/aws")
LOCKED = "Access Denied because object protected by object lock."


def days(count):
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=count)


class Lock(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="vault", ObjectLockEnabledForBucket=True)

    def fails(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        answer = raised.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
        return answer["Error"]

    def stays(self, key, version, **more):
        error = self.fails("AccessDenied", 403, self.s3.delete_object, Bucket="vault", Key=key, VersionId=version, **more)
        self.assertEqual(error["Message"], LOCKED)

    def put(self, key, **more):
        return self.s3.put_object(Bucket="vault", Key=key, Body=b"backup", **more)["VersionId"]

    def test_the_probe_of_a_backup_tool(self):
        """What such tools try before they call a bucket immutable: root cannot delete what is locked."""
        answer = self.s3.get_object_lock_configuration(Bucket="vault")
        self.assertEqual(answer["ObjectLockConfiguration"], {"ObjectLockEnabled": "Enabled"})
        self.assertEqual(self.s3.get_bucket_versioning(Bucket="vault")["Status"], "Enabled")
        until = days(30)
        version = self.put("probe", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
        self.stays("probe", version)
        self.stays("probe", version, BypassGovernanceRetention=True)
        head = self.s3.head_object(Bucket="vault", Key="probe")
        self.assertEqual((head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]), ("COMPLIANCE", until))
        where = {"Bucket": "vault", "Key": "probe", "VersionId": version}
        for mode, end in (("COMPLIANCE", days(29)), ("GOVERNANCE", days(40))):
            self.fails("AccessDenied", 403, self.s3.put_object_retention, **where, BypassGovernanceRetention=True,
                       Retention={"Mode": mode, "RetainUntilDate": end})
        self.s3.put_object_retention(**where, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": days(31)})
        answer = self.s3.delete_objects(Bucket="vault", Delete={"Objects": [{"Key": "probe", "VersionId": version}]})
        self.assertEqual([(error["Code"], error["Message"]) for error in answer["Errors"]], [("AccessDenied", LOCKED)])
        self.assertTrue(self.s3.delete_object(Bucket="vault", Key="probe")["DeleteMarker"])
        self.assertEqual(self.s3.get_object(**where)["Body"].read(), b"backup")
        self.fails("BucketNotEmpty", 409, self.s3.delete_bucket, Bucket="vault")
        self.fails("InvalidBucketState", 409, self.s3.put_bucket_versioning, Bucket="vault",
                   VersioningConfiguration={"Status": "Suspended"})

    def test_governance_and_legal_hold(self):
        version = self.put("governed", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=days(1),
                           ObjectLockLegalHoldStatus="ON")
        where = {"Bucket": "vault", "Key": "governed", "VersionId": version}
        self.assertEqual(self.s3.get_object_legal_hold(**where)["LegalHold"], {"Status": "ON"})
        self.stays("governed", version, BypassGovernanceRetention=True)
        self.s3.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
        self.stays("governed", version)
        self.fails("AccessDenied", 403, self.s3.put_object_retention, **where, Retention={})
        self.s3.put_object_retention(**where, Retention={}, BypassGovernanceRetention=True)
        self.fails("NoSuchObjectLockConfiguration", 404, self.s3.get_object_retention, **where)
        self.s3.delete_object(**where)

    def test_default_retention_and_copies(self):
        self.s3.create_bucket(Bucket="ruled", ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 2}}
        configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
        self.s3.put_object_lock_configuration(Bucket="ruled", ObjectLockConfiguration=configuration)
        answer = self.s3.get_object_lock_configuration(Bucket="ruled")
        self.assertEqual(answer["ObjectLockConfiguration"], configuration)
        self.s3.put_object(Bucket="ruled", Key="a", Body=b"a")
        self.s3.copy_object(Bucket="ruled", Key="b", CopySource="ruled/a", ObjectLockMode="COMPLIANCE",
                            ObjectLockRetainUntilDate=days(1))
        upload = {"Bucket": "ruled", "Key": "c"}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload)["UploadId"]
        part = self.s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
        self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
        modes = [self.s3.get_object_retention(Bucket="ruled", Key=key)["Retention"]["Mode"] for key in "abc"]
        self.assertEqual(modes, ["GOVERNANCE", "COMPLIANCE", "GOVERNANCE"])
        head = self.s3.head_object(Bucket="ruled", Key="c")
        self.assertLess(abs(head["ObjectLockRetainUntilDate"] - head["LastModified"] - datetime.timedelta(days=2)),
                        datetime.timedelta(minutes=1))
        self.fails("InvalidRequest", 400, self.s3.get_object_retention, Bucket="files", Key="none")

    def test_event_hold(self):
        version = self.put("contract", ObjectLockMode="COMPLIANCE", ObjectLockEventHold="ON",
                           ObjectLockEventHoldDurationYears=5)
        where = {"Bucket": "vault", "Key": "contract", "VersionId": version}
        self.stays("contract", version, BypassGovernanceRetention=True)
        retention = self.s3.get_object_retention(**where)["Retention"]
        self.assertEqual((retention["EventHold"], retention["EventHoldDuration"]), ("ON", {"Years": 5}))
        self.s3.put_object_retention(**where, Retention={"Mode": "COMPLIANCE", "EventHold": "OFF"})
        head = self.s3.head_object(**where)
        self.assertEqual((head["ObjectLockEventHold"], head.get("ObjectLockEventHoldDurationYears")), ("OFF", None))
        self.assertLess(abs(head["ObjectLockRetainUntilDate"] - days(5 * 365)), datetime.timedelta(minutes=1))
        self.stays("contract", version)

    def test_policies_ask_what_is_locked(self):
        """AWS's example: no retention beyond ten days."""
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObjectRetention", "Resource": "arn:aws:s3:::vault/*",
                "Condition": {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}}
        self.s3.put_bucket_policy(Bucket="vault", Policy=json.dumps({"Statement": [deny]}))
        try:
            where = {"Bucket": "vault", "Key": "bounded"}
            long = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": days(11)}
            self.fails("AccessDenied", 403, self.s3.put_object, **where, Body=b"b", **long)
            self.put("bounded", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=days(10))
            self.fails("AccessDenied", 403, self.s3.put_object_retention, **where,
                       Retention={"Mode": "GOVERNANCE", "RetainUntilDate": days(12)})
            self.s3.put_object_retention(**where, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": days(10)})
        finally:
            self.s3.delete_bucket_policy(Bucket="vault")

    def test_aws_cli(self):
        def aws(*words, **options):
            environment = {"AWS_ACCESS_KEY_ID": self.cluster.access_key, "AWS_DEFAULT_REGION": "us-east-1",
                           "AWS_SECRET_ACCESS_KEY": self.cluster.secret_key, "AWS_CONFIG_FILE": "/dev/null",
                           "AWS_PAGER": "", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
            return run(AWS, "--endpoint-url", self.cluster.url, "s3api", *words, env=environment, **options)

        aws("create-bucket", "--bucket", "cli", "--object-lock-enabled-for-bucket")
        body = os.path.join(self.folder, "body")
        with open(body, "wb") as file:
            file.write(b"body")
        aws("put-object", "--bucket", "cli", "--key", "k", "--body", body)  # without a lock it needs no digest
        aws("put-object-retention", "--bucket", "cli", "--key", "k", "--retention",
            json.dumps({"Mode": "COMPLIANCE", "RetainUntilDate": days(3).isoformat()}))
        aws("put-object-legal-hold", "--bucket", "cli", "--key", "k", "--legal-hold", "Status=ON")
        versions = self.s3.list_object_versions(Bucket="cli")["Versions"]
        done = aws("delete-object", "--bucket", "cli", "--key", "k", "--version-id", versions[0]["VersionId"], check=False)
        self.assertIn(b"AccessDenied", done.stderr)
        self.assertEqual(len(self.s3.list_object_versions(Bucket="cli")["Versions"]), 1)


if __name__ == "__main__":
    main()
