"""Temporary credentials as their clients get and use them: boto3 and its own providers of credentials, unmodified, on the
port of S3. Who may assume a role and what is left of it then, how long, and what makes a session void."""

import contextlib
import functools
import json
import os
import re
import time
import urllib.error
import urllib.request

import boto3
import botocore.session
import raw_http
from botocore.config import Config
from botocore.exceptions import ClientError
from harness import ClusterTest, main

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ACCOUNT = "000000000000"
CONFIG = {"retries": {"max_attempts": 1}, "proxies": {}, "read_timeout": 120, "parameter_validation": False}


def statement(action="s3:*", resource="*", effect="Allow", **more):
    return {"Effect": effect, "Action": action, "Resource": resource} | more


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements or (statement(),))})


def trust(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole"} | entry for entry in statements]})


def role_arn(name):
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def user_arn(name):
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


class StsTest(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.iam = cls.client("iam")
        cls.s3 = cls.client("s3")
        cls.s3.create_bucket(Bucket="shelf")
        for key in ("a/1", "a/2", "b/1"):
            cls.s3.put_object(Bucket="shelf", Key=key, Body=key.encode())
        cls.keys = {name: cls.user(name) for name in ("alice", "bob")}

    @classmethod
    def client(cls, service, credentials=None, **config):
        """credentials: of an answer, with a token or without."""
        given = credentials or {"AccessKeyId": cls.cluster.access_key, "SecretAccessKey": cls.cluster.secret_key}
        return boto3.client(service, endpoint_url=cls.cluster.url, region_name="us-east-1",
                            aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
                            aws_session_token=given.get("SessionToken"), config=Config(**CONFIG | config))

    @classmethod
    def user(cls, name, *statements):
        cls.iam.create_user(UserName=name)
        if statements:
            cls.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))
        return cls.iam.create_access_key(UserName=name)["AccessKey"]

    def role(self, name, *principals, statements=(statement(),), **arguments):
        """principals: statements of the trust policy; none: alice may assume it."""
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(
            *(principals or ({"Principal": {"AWS": user_arn("alice")}},))), **arguments)
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))

    def assume(self, name, key=None, session="work", **arguments):
        return self.client("sts", key or self.keys["alice"]).assume_role(RoleArn=role_arn(name), RoleSessionName=session, **arguments)

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        error = raised.exception.response["Error"]
        self.assertEqual(error["Code"], code, error["Message"])
        return error["Message"]

    def may(self, client, key):
        try:
            return client.get_object(Bucket="shelf", Key=key)["Body"].read() == key.encode()
        except ClientError as error:
            self.assertEqual(error.response["Error"]["Code"], "AccessDenied", error)
            return False


class AssumeRole:
    def test_a_session(self):
        self.role("reader", statements=(statement("s3:GetObject", "arn:aws:s3:::shelf/a/*"),), Path="/of/it/")
        self.refused("AccessDenied", self.assume, name="reader")  # its ARN has a path
        got = self.client("sts", self.keys["alice"]).assume_role(RoleArn=role_arn("of/it/reader"), RoleSessionName="work")
        role = self.iam.get_role(RoleName="reader")["Role"]
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/work"
        self.assertEqual(got["AssumedRoleUser"], {"AssumedRoleId": role["RoleId"] + ":work", "Arn": arn})
        self.assertNotIn("PackedPolicySize", got)
        credentials = got["Credentials"]
        self.assertRegex(credentials["AccessKeyId"], r"\AASIA[A-Z2-7]{16}\Z")
        self.assertAlmostEqual(credentials["Expiration"].timestamp() - time.time(), 3600, delta=30)
        who = self.client("sts", credentials).get_caller_identity()
        self.assertEqual((who["Arn"], who["UserId"], who["Account"]), (arn, role["RoleId"] + ":work", ACCOUNT))
        s3 = self.client("s3", credentials)
        self.assertTrue(self.may(s3, "a/1"))
        self.assertFalse(self.may(s3, "b/1"))
        message = self.refused("AccessDenied", s3.delete_object, Bucket="shelf", Key="a/1")
        self.assertIn(arn, message)

    def test_who_may(self):
        """A user that is named; the account, which leaves it to the user's policies; a Deny; and nobody else."""
        bob = self.keys["bob"]
        self.role("of-alice")
        self.assertIn("not authorized to perform: sts:AssumeRole on resource: " + role_arn("of-alice"),
                      self.refused("AccessDenied", self.assume, name="of-alice", key=bob))
        self.role("of-account", {"Principal": {"AWS": ACCOUNT}})
        self.refused("AccessDenied", self.assume, name="of-account", key=bob)
        self.iam.put_user_policy(UserName="bob", PolicyName="p",
                                 PolicyDocument=policy(statement("sts:AssumeRole", role_arn("of-account"))))
        self.assume("of-account", bob)
        self.refused("AccessDenied", self.assume, name="of-alice", key=bob)
        self.iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=policy(statement("sts:*")))
        self.refused("AccessDenied", self.assume, name="of-alice", key=bob)  # its policy alone is not enough
        self.iam.put_user_policy(UserName="alice", PolicyName="no", PolicyDocument=policy(statement("sts:*", effect="Deny")))
        self.refused("AccessDenied", self.assume, name="of-alice")
        self.iam.delete_user_policy(UserName="alice", PolicyName="no")
        self.assume("of-alice")
        self.refused("AccessDenied", self.assume, name="is-not-there")
        self.refused("AccessDenied", self.client("sts").assume_role, RoleArn=role_arn("of-account"), RoleSessionName="root")
        self.refused("ValidationError", self.client("sts", bob).assume_role, RoleArn="x" * 20, RoleSessionName="work")
        self.refused("AccessDenied", self.client("sts", bob).assume_role,
                     RoleArn="arn:aws:iam::111111111111:role/of-account", RoleSessionName="work")

    def test_conditions_of_trust(self):
        self.role("partner", {"Principal": {"AWS": user_arn("alice")}, "Condition": {"StringEquals": {
            "sts:ExternalId": "blue", "sts:RoleSessionName": "${aws:username}", "aws:PrincipalArn": user_arn("alice")}}})
        self.refused("AccessDenied", self.assume, name="partner", session="alice")
        self.refused("AccessDenied", self.assume, name="partner", session="alice", ExternalId="red")
        self.refused("AccessDenied", self.assume, name="partner", session="bob", ExternalId="blue")
        self.assume("partner", session="alice", ExternalId="blue")

    def test_session_policies(self):
        self.role("wide")
        arn = self.iam.create_policy(PolicyName="of-b", PolicyDocument=policy(statement("s3:GetObject", "arn:aws:s3:::shelf/b/*")))["Policy"]["Arn"]
        got = self.assume("wide", Policy=policy(statement("s3:GetObject", "arn:aws:s3:::shelf/a/1")))
        self.assertTrue(0 < got["PackedPolicySize"] < 100)
        s3 = self.client("s3", got["Credentials"])
        self.assertEqual([self.may(s3, key) for key in ("a/1", "a/2", "b/1")], [True, False, False])
        self.assertIn("session policy", self.refused("AccessDenied", s3.delete_object, Bucket="shelf", Key="a/1"))
        s3 = self.client("s3", self.assume("wide", PolicyArns=[{"arn": arn}])["Credentials"])
        self.assertEqual([self.may(s3, key) for key in ("a/1", "b/1")], [False, True])
        s3 = self.client("s3", self.assume("wide", PolicyArns=[{"arn": arn}], Policy=policy(
            statement("s3:GetObject", "arn:aws:s3:::shelf/a/*"), statement("s3:*", "arn:aws:s3:::shelf/a/2", "Deny")))["Credentials"])
        self.assertEqual([self.may(s3, key) for key in ("a/1", "a/2", "b/1")], [True, False, True])
        self.refused("MalformedPolicyDocument", self.assume, name="wide", Policy="{}")
        self.refused("NoSuchEntity", self.assume, name="wide", PolicyArns=[{"arn": arn + "x"}])
        many = [f"arn:aws:s3:::shelf/{i:090}" for i in range(20)]
        self.refused("PackedPolicyTooLarge", self.assume, name="wide", Policy=policy(statement("s3:GetObject", many)))
        self.role("tagger", {"Principal": {"AWS": user_arn("alice")}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
        self.refused("PackedPolicyTooLarge", self.assume, name="tagger",
                     Tags=[{"Key": f"{i:0128}", "Value": "v" * 100} for i in range(40)])
        # a session policy gives nothing that the role has not
        self.role("nothing", statements=())
        self.assertFalse(self.may(self.client("s3", self.assume("nothing", Policy=policy())["Credentials"]), "a/1"))

    def test_bucket_policy_names_the_session_or_the_role(self):
        """One that names the session's ARN suffices, whatever its session policy; one that names the role does within it."""
        self.role("plain", statements=())
        narrow = policy(statement("s3:ListBucket"))
        session = f"arn:aws:sts::{ACCOUNT}:assumed-role/plain/work"
        self.s3.create_bucket(Bucket="named")
        self.s3.put_object(Bucket="named", Key="k", Body=b"k")

        def get(**arguments):
            client = self.client("s3", self.assume("plain", **arguments)["Credentials"])
            try:
                return client.get_object(Bucket="named", Key="k")["Body"].read() == b"k"
            except ClientError:
                return False

        for principal, alone, narrowed in ((session, True, True), (role_arn("plain"), True, False),
                                           (f"arn:aws:sts::{ACCOUNT}:assumed-role/plain/other", False, False),
                                           (ACCOUNT, False, False)):
            self.s3.put_bucket_policy(Bucket="named", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
                statement("s3:GetObject", "arn:aws:s3:::named/*", Principal={"AWS": principal})]}))
            self.assertEqual((get(), get(Policy=narrow)), (alone, narrowed), principal)
        self.s3.put_bucket_policy(Bucket="named", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            statement("s3:GetObject", "arn:aws:s3:::named/*", Principal={"AWS": session}),
            statement("s3:GetObject", "arn:aws:s3:::named/*", "Deny", Principal={"AWS": role_arn("plain")})]}))
        self.assertFalse(get())

    def test_boundary(self):
        arn = self.iam.create_policy(PolicyName="only-a", PolicyDocument=policy(statement("s3:GetObject", "arn:aws:s3:::shelf/a/*")))["Policy"]["Arn"]
        self.role("bounded", PermissionsBoundary=arn)
        s3 = self.client("s3", self.assume("bounded")["Credentials"])
        self.assertEqual([self.may(s3, key) for key in ("a/1", "b/1")], [True, False])

    def test_duration(self):
        self.role("short")
        self.role("long", MaxSessionDuration=7200)
        for name, seconds in (("short", 899), ("short", 3601), ("long", 7201), ("long", 43201)):
            self.refused("ValidationError", self.assume, name=name, DurationSeconds=seconds)
        got = self.assume("long", DurationSeconds=7200)
        self.assertAlmostEqual(got["Credentials"]["Expiration"].timestamp() - time.time(), 7200, delta=30)
        for session in ("a", "x" * 65, "a b", "a/b"):
            self.refused("ValidationError", self.assume, name="short", session=session)

    def test_chaining(self):
        """A role that assumes a role: an hour at most; tags that go on, and do not change; the source identity likewise."""
        may_tag = {"Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}
        self.role("first", {"Principal": {"AWS": user_arn("alice")}} | may_tag)
        self.role("second", {"Principal": {"AWS": role_arn("first")}} | may_tag, MaxSessionDuration=43200, statements=(
            statement("s3:GetObject", "arn:aws:s3:::shelf/${aws:PrincipalTag/folder}/*"),))
        self.role("third", {"Principal": {"AWS": role_arn("first")}})
        first = self.assume("first", SourceIdentity="anna", TransitiveTagKeys=["Folder"],
                            Tags=[{"Key": "Folder", "Value": "a"}, {"Key": "left", "Value": "behind"}])
        self.assertEqual(first["SourceIdentity"], "anna")
        chained = self.client("sts", first["Credentials"])
        arguments = {"RoleArn": role_arn("second"), "RoleSessionName": "work"}
        self.refused("ValidationError", chained.assume_role, DurationSeconds=3601, **arguments)
        self.refused("InvalidParameterValue", chained.assume_role, Tags=[{"Key": "folder", "Value": "b"}], **arguments)
        self.refused("AccessDenied", chained.assume_role, SourceIdentity="other", **arguments)
        got = chained.assume_role(**arguments)
        self.assertEqual(got["SourceIdentity"], "anna")
        s3 = self.client("s3", got["Credentials"])
        self.assertEqual([self.may(s3, key) for key in ("a/1", "b/1")], [True, False])
        # who may not tag, and not say who is behind it, may not hand that on
        self.refused("AccessDenied", chained.assume_role, RoleArn=role_arn("third"), RoleSessionName="work")
        self.refused("AccessDenied", chained.get_session_token)
        self.refused("AccessDenied", chained.get_federation_token, Name="name")

    def test_tags(self):
        self.role("tagged", {"Principal": {"AWS": user_arn("alice")}, "Action": ["sts:AssumeRole", "sts:TagSession"],
                             "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["folder"]}}},
                  Tags=[{"Key": "Folder", "Value": "b"}],
                  statements=(statement("s3:GetObject", "arn:aws:s3:::shelf/${aws:PrincipalTag/folder}/*"),))
        s3 = self.client("s3", self.assume("tagged")["Credentials"])
        self.assertEqual([self.may(s3, key) for key in ("a/1", "b/1")], [False, True])
        s3 = self.client("s3", self.assume("tagged", Tags=[{"Key": "folder", "Value": "a"}])["Credentials"])
        self.assertEqual([self.may(s3, key) for key in ("a/1", "b/1")], [True, False])
        self.refused("AccessDenied", self.assume, name="tagged", Tags=[{"Key": "other", "Value": "a"}])
        self.role("untagged")
        self.refused("AccessDenied", self.assume, name="untagged", Tags=[{"Key": "folder", "Value": "a"}])
        self.refused("AccessDenied", self.assume, name="untagged", SourceIdentity="anna")
        self.refused("InvalidParameterValue", self.assume, name="tagged", TransitiveTagKeys=["folder"])
        self.refused("InvalidParameterValue", self.assume, name="tagged",
                     Tags=[{"Key": "folder", "Value": "a"}, {"Key": "Folder", "Value": "b"}])

    def test_what_a_role_makes_is_the_accounts(self):
        self.role("maker")
        client = self.client("s3", self.assume("maker")["Credentials"])
        client.create_bucket(Bucket="made-by-role")
        client.create_bucket(Bucket="made-by-role")
        self.iam.put_role_policy(RoleName="maker", PolicyName="p", PolicyDocument=policy(statement("s3:ListAllMyBuckets")))
        self.refused("AccessDenied", client.delete_bucket, Bucket="made-by-role")
        self.assertIn("made-by-role", [bucket["Name"] for bucket in client.list_buckets()["Buckets"]])

    def test_a_role_administrates(self):
        """Sessions of roles call IAM as their policies say."""
        self.role("admin", statements=(statement("iam:GetUser"),))
        iam = self.client("iam", self.assume("admin")["Credentials"])
        self.assertEqual(iam.get_user(UserName="alice")["User"]["UserName"], "alice")
        self.refused("AccessDenied", iam.create_user, UserName="carl")
        self.refused("ValidationError", iam.get_user)


class Void:
    def begin(self):
        self.role("r")
        self.addCleanup(self.drop)
        self.void = self.assume("r")["Credentials"]

    def drop(self):
        for name in self.iam.list_role_policies(RoleName="r")["PolicyNames"]:
            self.iam.delete_role_policy(RoleName="r", PolicyName=name)
        self.iam.delete_role(RoleName="r")

    def test_revoked(self):
        """What the console's `Revoke active sessions` puts."""
        self.begin()
        s3 = self.client("s3", self.void)
        self.assertTrue(self.may(s3, "a/1"))
        time.sleep(0.01)
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{int(time.time() * 1000) % 1000:03}Z"
        self.iam.put_role_policy(RoleName="r", PolicyName="AWSRevokeOlderSessions", PolicyDocument=policy(
            statement("*", effect="Deny", Condition={"DateLessThan": {"aws:TokenIssueTime": now}})))
        self.assertFalse(self.may(s3, "a/1"))
        self.assertTrue(self.may(self.client("s3", self.assume("r")["Credentials"]), "a/1"))

    def test_role_made_anew(self):
        self.begin()
        s3 = self.client("s3", self.void)
        self.assertTrue(self.may(s3, "a/1"))
        self.drop()
        self.refused("InvalidToken", s3.get_object, Bucket="shelf", Key="a/1")
        self.role("r")
        self.refused("InvalidToken", s3.get_object, Bucket="shelf", Key="a/1")
        self.refused("InvalidClientTokenId", self.client("sts", self.void).get_caller_identity)

    def test_rights_of_the_role_change(self):
        self.begin()
        s3 = self.client("s3", self.void)
        self.assertTrue(self.may(s3, "a/1"))
        self.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy(statement("s3:List*")))
        self.assertFalse(self.may(s3, "a/1"))

    def test_wrong_tokens(self):
        self.begin()
        other, good = self.assume("r")["Credentials"], self.void
        token = good["SessionToken"]
        rows = [({"SessionToken": None}, "InvalidAccessKeyId"),
                ({"SessionToken": other["SessionToken"]}, "InvalidToken"),
                ({"AccessKeyId": other["AccessKeyId"]}, "InvalidToken"),
                ({"AccessKeyId": self.keys["alice"]["AccessKeyId"]}, "InvalidToken"),
                ({"AccessKeyId": self.cluster.access_key, "SecretAccessKey": self.cluster.secret_key}, "InvalidToken"),
                ({"SecretAccessKey": other["SecretAccessKey"]}, "SignatureDoesNotMatch"),
                ({"SecretAccessKey": "x" * 40}, "SignatureDoesNotMatch"),
                ({"SessionToken": token[:-4]}, "InvalidToken"), ({"SessionToken": "x"}, "InvalidToken"),
                ({"SessionToken": token + "AAAA"}, "InvalidToken"), ({"SessionToken": "A" * 20000}, "InvalidToken")]
        for at in (0, 1, 5, 20, len(token) // 2, len(token) - 10):
            rows.append(({"SessionToken": token[:at] + ("B" if token[at] != "B" else "C") + token[at + 1:]}, "InvalidToken"))
        for change, code in rows:
            self.refused(code, self.client("s3", good | change).list_buckets)
        for change, code in rows[:7]:
            code = "SignatureDoesNotMatch" if code.startswith("Sig") else "InvalidClientTokenId"
            self.refused(code, self.client("sts", good | change).get_caller_identity)


class Tokens:
    """GetSessionToken and GetFederationToken."""

    def test_session_token(self):
        key = self.user("sam", statement("s3:GetObject", "arn:aws:s3:::shelf/a/*"), statement("iam:*"), statement("sts:*"))
        credentials = self.client("sts", key).get_session_token(DurationSeconds=900)["Credentials"]
        self.assertAlmostEqual(credentials["Expiration"].timestamp() - time.time(), 900, delta=30)
        s3, sts = self.client("s3", credentials), self.client("sts", credentials)
        self.assertEqual([self.may(s3, key) for key in ("a/1", "b/1")], [True, False])
        self.assertEqual(sts.get_caller_identity()["Arn"], user_arn("sam"))
        self.refused("InvalidClientTokenId", self.client("iam", credentials).get_user)
        self.refused("AccessDenied", sts.get_session_token)
        self.refused("AccessDenied", sts.get_federation_token, Name="name")
        self.role("of-sam", {"Principal": {"AWS": user_arn("sam")}})
        sts.assume_role(RoleArn=role_arn("of-sam"), RoleSessionName="work")
        # a user is void with the key that made it
        self.iam.update_access_key(UserName="sam", AccessKeyId=key["AccessKeyId"], Status="Inactive")
        self.refused("InvalidToken", s3.list_buckets)
        self.iam.update_access_key(UserName="sam", AccessKeyId=key["AccessKeyId"], Status="Active")
        self.assertTrue(self.may(s3, "a/1"))
        self.iam.delete_access_key(UserName="sam", AccessKeyId=key["AccessKeyId"])
        self.refused("InvalidToken", s3.list_buckets)

    def test_session_token_of_root(self):
        got = self.client("sts").get_session_token(DurationSeconds=43200)["Credentials"]
        self.assertAlmostEqual(got["Expiration"].timestamp() - time.time(), 3600, delta=30)
        self.client("s3", got).list_buckets()
        self.assertEqual(self.client("sts", got).get_caller_identity()["Arn"], f"arn:aws:iam::{ACCOUNT}:root")
        self.refused("InvalidClientTokenId", self.client("iam", got).list_users)
        for seconds in (899, 129601):
            self.refused("ValidationError", self.client("sts").get_session_token, DurationSeconds=seconds)

    def test_federation(self):
        key = self.user("fay", statement(), statement("sts:GetFederationToken", f"arn:aws:sts::{ACCOUNT}:federated-user/app*"))
        sts = self.client("sts", key)
        self.refused("AccessDenied", sts.get_federation_token, Name="other")
        self.client("s3", key).create_bucket(Bucket="of-fay")  # which fay owns
        got = sts.get_federation_token(Name="app1")
        arn = f"arn:aws:sts::{ACCOUNT}:federated-user/app1"
        self.assertEqual(got["FederatedUser"], {"FederatedUserId": f"{ACCOUNT}:app1", "Arn": arn})
        self.assertEqual(got["PackedPolicySize"], 0)
        self.assertAlmostEqual(got["Credentials"]["Expiration"].timestamp() - time.time(), 43200, delta=30)
        s3 = self.client("s3", got["Credentials"])
        self.assertFalse(self.may(s3, "a/1"))  # without a policy nothing, not what fay owns either
        self.refused("AccessDenied", s3.list_objects_v2, Bucket="of-fay")
        self.refused("AccessDenied", s3.list_buckets)
        who = self.client("sts", got["Credentials"])
        self.assertEqual(who.get_caller_identity()["Arn"], arn)
        self.refused("AccessDenied", who.assume_role, RoleArn=role_arn("any-role"), RoleSessionName="work")
        self.refused("InvalidClientTokenId", self.client("iam", got["Credentials"]).list_users)
        got = sts.get_federation_token(Name="app2", Policy=policy(statement("s3:GetObject", "arn:aws:s3:::shelf/a/*"),
                                                                  statement("iam:*"), statement("tercet:*")))
        s3 = self.client("s3", got["Credentials"])
        self.assertEqual([self.may(s3, key) for key in ("a/1", "b/1")], [True, False])
        self.refused("AccessDenied", sts.get_federation_token, Name="app3", Tags=[{"Key": "k", "Value": "v"}])
        self.iam.delete_access_key(UserName="fay", AccessKeyId=key["AccessKeyId"])
        self.refused("InvalidToken", s3.get_object, Bucket="shelf", Key="a/1")

    def test_federation_of_root(self):
        got = self.client("sts").get_federation_token(Name="guest", Policy=policy(statement("s3:GetObject")))
        s3 = self.client("s3", got["Credentials"])
        self.assertTrue(self.may(s3, "a/1"))
        self.refused("AccessDenied", s3.put_object, Bucket="shelf", Key="x", Body=b"")
        s3 = self.client("s3", self.client("sts").get_federation_token(Name="guest")["Credentials"])
        self.refused("AccessDenied", s3.list_buckets)


class Forms:
    """A token in every place that it can come in."""

    @functools.cached_property
    def credentials(self):
        with contextlib.suppress(self.iam.exceptions.EntityAlreadyExistsException):
            self.role("forms")
        return self.assume("forms")["Credentials"]

    def test_presigned(self):
        for version in ("s3v4", "s3"):
            url = self.client("s3", self.credentials, signature_version=version).generate_presigned_url(
                "get_object", {"Bucket": "shelf", "Key": "a/1"})
            self.assertIn("security-token", url.lower())
            with OPENER.open(url) as answer:
                self.assertEqual(answer.read(), b"a/1")
            without = re.sub(r"(?i)&x-amz-security-token=[^&]*", "", url)
            for wrong in (without, url.replace("oken=", "oken=A", 1)):
                self.assertNotEqual(wrong, url)
                with self.assertRaises(urllib.error.HTTPError) as refused:
                    OPENER.open(wrong)
                self.assertIn(refused.exception.code, (400, 403))

    def test_version_2(self):
        client = self.client("s3", self.credentials, signature_version="s3")
        self.assertTrue(self.may(client, "a/1"))

    def test_uploads(self):
        """A body in signed chunks, whose signatures go on with the session's secret."""
        client = self.client("s3", self.credentials)
        client.put_object(Bucket="shelf", Key="chunked", Body=b"x" * 100000, ChecksumAlgorithm="CRC32")
        self.assertEqual(client.get_object(Bucket="shelf", Key="chunked")["Body"].read(), b"x" * 100000)

    def post(self, fields):
        parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
        parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nby form\r\n--x--\r\n')
        return raw_http.request(self.cluster.port, "POST", "/shelf", {"Content-Type": "multipart/form-data; boundary=x"},
                                "".join(parts).encode()).status

    def test_form(self):
        post = self.client("s3", self.credentials).generate_presigned_post("shelf", "form")
        self.assertEqual(self.post(post["fields"]), 204)
        self.assertEqual(self.s3.get_object(Bucket="shelf", Key="form")["Body"].read(), b"by form")
        fields = dict(post["fields"])
        fields["x-amz-security-token"] += "A"
        self.assertEqual(self.post(fields), 400)
        del fields["x-amz-security-token"]
        self.assertEqual(self.post(fields), 403)

    def test_botocore_assumes_by_itself(self):
        """The provider of a profile with role_arn, unmodified."""
        key, _ = self.keys["alice"], self.credentials
        config, credentials = self.path("config"), self.path("credentials")
        with open(config, "w") as file:
            file.write(f"[profile work]\nrole_arn = {role_arn('forms')}\nsource_profile = alice\nrole_session_name = by-profile\n"
                       f"region = us-east-1\nendpoint_url = {self.cluster.url}\n[profile alice]\nregion = us-east-1\n"
                       f"endpoint_url = {self.cluster.url}\n")
        with open(credentials, "w") as file:
            file.write(f"[alice]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n")
        old = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(old)))
        os.environ |= {"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": credentials, "AWS_ENDPOINT_URL": self.cluster.url}
        session = boto3.Session(botocore_session=botocore.session.Session(profile="work"))
        sts = session.client("sts", region_name="us-east-1", endpoint_url=self.cluster.url)
        self.assertEqual(sts.get_caller_identity()["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/forms/by-profile")


class Sts(AssumeRole, Void, Tokens, Forms, StsTest):
    """All on one cluster: each test has roles of its own."""


if __name__ == "__main__":
    main()
