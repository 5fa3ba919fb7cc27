"""IAM's Query API as its clients use it: aws-cli and boto3, unmodified, on the port of S3. Users, keys, groups, policies,
roles, pagination, conflicts and limits; what was made is there after a restart, and what users may do, they may."""

import concurrent.futures
import contextlib
import gzip
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request

import boto3
import s3
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from harness import ClusterTest, main, run

AWS = os.environ.get("TERCET_AWS", "/usr/bin/aws")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MODULES = os.path.join(HERE, "python_modules")
NEWEST_AWS = os.path.join(MODULES, "bin/aws")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Parameters of AWS's model that no action here honours.
NOT_HONOURED = {"MaxSigninSessionDuration", "ResetMaxSigninSessionDuration", "CallerArn", "PolicyExclusionList", "ResourceHandlingOption",
                "ResourceOwner", "ResourcePolicy", "OrderedOrganizationPolicyInputList", "ContextProvider", "IdentityCenterInstanceArn"}


def policy(action="s3:GetObject", resource="arn:aws:s3:::b/*", effect="Allow", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource} | more]})


def trust(principal):
    return json.dumps({"Version": "2012-10-17",
                       "Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}]})


class IamTest(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.iam = cls.client()
        cls.account = cls.iam.get_user()["User"]["UserId"]

    @classmethod
    def client(cls, access_key=None, secret_key=None):
        return boto3.client("iam", endpoint_url=cls.cluster.url, region_name="us-east-1",
                            aws_access_key_id=access_key or cls.cluster.access_key,
                            aws_secret_access_key=secret_key or cls.cluster.secret_key,
                            config=Config(retries={"max_attempts": 1}, proxies={}, read_timeout=120))

    def refused(self, code, call, status=None, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        error = raised.exception.response
        self.assertEqual(error["Error"]["Code"], code, error["Error"]["Message"])
        self.assertTrue(error["ResponseMetadata"]["RequestId"])
        if status:
            self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], status)
        return error["Error"]["Message"]

    @contextlib.contextmanager
    def user(self, name, **arguments):
        yield self.iam.create_user(UserName=name, **arguments)["User"]
        self.iam.delete_user(UserName=name)

    @contextlib.contextmanager
    def managed(self, name, document=None, **arguments):
        arn = self.iam.create_policy(PolicyName=name, PolicyDocument=document or policy(), **arguments)["Policy"]["Arn"]
        yield arn
        self.iam.delete_policy(PolicyArn=arn)


class Users(IamTest):
    def test_root_is_who_calls(self):
        user = self.iam.get_user()["User"]
        self.assertEqual(user["Arn"], f"arn:aws:iam::{self.account}:root")
        self.assertRegex(self.account, r"\A\d{12}\Z")

    def test_life_of_a_user(self):
        made = self.iam.create_user(UserName="Alice", Path="/staff/", Tags=[{"Key": "Team", "Value": "a b=c"}])["User"]
        self.assertEqual(made["Arn"], f"arn:aws:iam::{self.account}:user/staff/Alice")
        self.assertRegex(made["UserId"], r"\AAIDA[A-Z2-7]{17}\Z")
        got = self.iam.get_user(UserName="Alice")["User"]
        self.assertEqual(got, made)
        self.assertEqual(got["Tags"], [{"Key": "Team", "Value": "a b=c"}])
        self.refused("EntityAlreadyExists", self.iam.create_user, 409, UserName="aLICE")
        self.iam.update_user(UserName="Alice", NewUserName="Bob", NewPath="/boss/")
        self.assertEqual(self.iam.get_user(UserName="Bob")["User"]["Arn"], f"arn:aws:iam::{self.account}:user/boss/Bob")
        self.assertEqual(self.iam.get_user(UserName="Bob")["User"]["UserId"], made["UserId"])
        message = self.refused("NoSuchEntity", self.iam.get_user, 404, UserName="Alice")
        self.assertEqual(message, "The user with name Alice cannot be found.")
        listed = self.iam.list_users(PathPrefix="/boss/")["Users"]
        self.assertEqual([user["UserName"] for user in listed], ["Bob"])
        self.assertNotIn("Tags", listed[0])
        self.iam.delete_user(UserName="Bob")
        self.refused("NoSuchEntity", self.iam.delete_user, 404, UserName="Bob")

    def test_wrong_names(self):
        for name in ("a b", "a/b", "é", "x" * 65):
            with self.assertRaises(ClientError) as raised:
                self.iam.create_user(UserName=name)
            self.assertEqual(raised.exception.response["Error"]["Code"], "ValidationError")
        self.refused("ValidationError", self.iam.create_user, 400, UserName="a", Path="/é/")
        self.refused("InvalidInput", self.iam.create_user, 400, UserName="a",
                     Tags=[{"Key": "k", "Value": "1"}, {"Key": "K", "Value": "2"}])

    def test_tags(self):
        with self.user("tagged"):
            self.iam.tag_user(UserName="tagged", Tags=[{"Key": f"k{i}", "Value": str(i)} for i in range(50)])
            self.refused("LimitExceeded", self.iam.tag_user, 409, UserName="tagged", Tags=[{"Key": "one more", "Value": ""}])
            self.iam.tag_user(UserName="tagged", Tags=[{"Key": "K1", "Value": "new"}])
            self.iam.untag_user(UserName="tagged", TagKeys=["k2", "never there"])
            tags = {tag["Key"]: tag["Value"] for tag in self.iam.list_user_tags(UserName="tagged")["Tags"]}
            self.assertEqual(len(tags), 49)
            self.assertEqual(tags["K1"], "new")
            self.assertNotIn("k1", tags)
            page = self.iam.list_user_tags(UserName="tagged", MaxItems=40)
            rest = self.iam.list_user_tags(UserName="tagged", MaxItems=40, Marker=page["Marker"])
            self.assertEqual((len(page["Tags"]), page["IsTruncated"], len(rest["Tags"]), rest["IsTruncated"]), (40, True, 9, False))

    def test_pages(self):
        names = [f"page{i:03}" for i in range(25)]
        for name in names:
            self.iam.create_user(UserName=name, Path="/pages/")
        first = self.iam.list_users(PathPrefix="/pages/", MaxItems=10)
        self.assertTrue(first["IsTruncated"])
        self.assertEqual(len(first["Users"]), 10)
        pages = list(self.iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 7}))
        self.assertEqual([user["UserName"] for page in pages for user in page["Users"]], names)
        self.assertEqual(len(pages), 4)
        exact = self.iam.list_users(PathPrefix="/pages/", MaxItems=25)
        self.assertFalse(exact["IsTruncated"])
        for name in names:
            self.iam.delete_user(UserName=name)
        self.refused("ValidationError", self.iam.list_users, PathPrefix="pages")

    def test_summary(self):
        with self.user("counted"), self.managed("counted"):
            summary = self.iam.get_account_summary()["SummaryMap"]
        self.assertEqual((summary["Users"], summary["Policies"], summary["PolicyVersionsInUse"]), (1, 1, 1))
        self.assertEqual((summary["AccessKeysPerUserQuota"], summary["VersionsPerPolicyQuota"]), (2, 5))

    def test_what_there_is_none_of(self):
        with self.user("plain"):
            self.assertEqual(self.iam.list_mfa_devices(UserName="plain")["MFADevices"], [])
            self.assertEqual(self.iam.list_ssh_public_keys(UserName="plain")["SSHPublicKeys"], [])
            self.assertEqual(self.iam.list_signing_certificates(UserName="plain")["Certificates"], [])
            self.assertEqual(self.iam.list_service_specific_credentials(UserName="plain")["ServiceSpecificCredentials"], [])
            self.refused("NoSuchEntity", self.iam.get_login_profile, 404, UserName="plain")
            self.refused("NoSuchEntity", self.iam.delete_login_profile, 404, UserName="plain")
            self.refused("NoSuchEntity", self.iam.list_mfa_devices, 404, UserName="nobody")
            self.assertEqual(self.iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"], [])
            self.assertEqual(self.iam.list_instance_profiles()["InstanceProfiles"], [])
            self.refused("NoSuchEntity", self.iam.get_account_password_policy, 404)
            message = self.refused("InvalidAction", self.iam.create_login_profile, 400, UserName="plain", Password="secret")
            self.assertIn("CreateLoginProfile", message)


class Keys(IamTest):
    def test_keys(self):
        with self.user("keyed"):
            key = self.iam.create_access_key(UserName="keyed")["AccessKey"]
            self.assertRegex(key["AccessKeyId"], r"\AAKIA[A-Z2-7]{16}\Z")
            self.assertEqual((len(key["SecretAccessKey"]), key["Status"], key["UserName"]), (40, "Active", "keyed"))
            other = self.iam.create_access_key(UserName="keyed")["AccessKey"]
            self.refused("LimitExceeded", self.iam.create_access_key, 409, UserName="keyed")
            listed = self.iam.list_access_keys(UserName="keyed")["AccessKeyMetadata"]
            self.assertEqual({row["AccessKeyId"] for row in listed}, {key["AccessKeyId"], other["AccessKeyId"]})
            self.assertNotIn("SecretAccessKey", listed[0])
            self.refused("DeleteConflict", self.iam.delete_user, 409, UserName="keyed")
            self.refused("NoSuchEntity", self.iam.delete_access_key, 404, UserName="keyed", AccessKeyId="AKIA" + "A" * 16)
            with self.user("another"):
                self.refused("NoSuchEntity", self.iam.delete_access_key, 404, UserName="another", AccessKeyId=key["AccessKeyId"])
            used = self.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
            self.assertEqual((used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]), ("keyed", "N/A"))

            mine = self.client(key["AccessKeyId"], key["SecretAccessKey"])
            self.refused("AccessDenied", mine.list_users, 403)
            self.iam.put_user_policy(UserName="keyed", PolicyName="self", PolicyDocument=policy(
                "iam:*AccessKey*", f"arn:aws:iam::{self.account}:user/keyed"))
            self.iam.put_user_policy(UserName="keyed", PolicyName="see", PolicyDocument=policy(
                "iam:GetUser", f"arn:aws:iam::{self.account}:user/keyed"))
            self.assertEqual(mine.get_user()["User"]["UserName"], "keyed")
            used = self.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
            self.assertEqual((used["ServiceName"], used["Region"]), ("iam", "us-east-1"))
            self.assertEqual(len(mine.list_access_keys()["AccessKeyMetadata"]), 2)
            self.refused("AccessDenied", mine.list_access_keys, 403, UserName="another")
            self.refused("AccessDenied", mine.get_user, 403, UserName="another")
            mine.update_access_key(AccessKeyId=other["AccessKeyId"], Status="Inactive")
            inactive = self.client(other["AccessKeyId"], other["SecretAccessKey"])
            self.refused("InvalidClientTokenId", inactive.get_user, 403)
            mine.update_access_key(AccessKeyId=other["AccessKeyId"], Status="Active")
            self.assertEqual(inactive.get_user()["User"]["UserName"], "keyed")
            mine.delete_access_key(AccessKeyId=other["AccessKeyId"])
            self.refused("InvalidClientTokenId", inactive.get_user, 403)

            self.iam.update_user(UserName="keyed", NewUserName="renamed")
            self.refused("AccessDenied", mine.get_user, 403)  # the policy names keyed
            self.assertEqual(self.iam.list_access_keys(UserName="renamed")["AccessKeyMetadata"][0]["UserName"], "renamed")
            self.iam.update_user(UserName="renamed", NewUserName="keyed")
            self.iam.delete_access_key(UserName="keyed", AccessKeyId=key["AccessKeyId"])
            for name in ("self", "see"):
                self.iam.delete_user_policy(UserName="keyed", PolicyName=name)

    def test_limits_hold_whoever_asks_at_once(self):
        with self.user("racer"):
            def attempt(_):
                try:
                    return self.client().create_access_key(UserName="racer")["AccessKey"]["AccessKeyId"]
                except ClientError as error:
                    return error.response["Error"]["Code"]
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(attempt, range(8)))
            made = [answer for answer in answers if answer.startswith("AKIA")]
            self.assertEqual(len(made), 2, answers)
            self.assertLessEqual(set(answers) - set(made), {"LimitExceeded", "ConcurrentModification"})
            listed = self.iam.list_access_keys(UserName="racer")["AccessKeyMetadata"]
            self.assertEqual({row["AccessKeyId"] for row in listed}, set(made))
            for key in made:
                self.iam.delete_access_key(UserName="racer", AccessKeyId=key)

    def test_no_key_of_root(self):
        self.refused("ValidationError", self.iam.create_access_key, 400)

    def test_wrong_signatures(self):
        self.refused("SignatureDoesNotMatch", self.client(secret_key="wrong").list_users, 403)
        self.refused("InvalidClientTokenId", self.client(access_key="AKIANOBODY").list_users, 403)


class Policies(IamTest):
    def test_inline(self):
        iam = self.iam
        iam.create_group(GroupName="g", Path="/p/")
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust("*"))
        iam.create_user(UserName="u")
        document = json.dumps(json.loads(policy()), indent=4)
        for kind, name, chars in (("User", "u", 2048), ("Group", "g", 5120), ("Role", "r", 10240)):
            put, get = getattr(iam, f"put_{kind.lower()}_policy"), getattr(iam, f"get_{kind.lower()}_policy")
            listing, delete = getattr(iam, f"list_{kind.lower()}_policies"), getattr(iam, f"delete_{kind.lower()}_policy")
            who = {f"{kind}Name": name}
            put(**who, PolicyName="P", PolicyDocument=document)
            self.assertEqual(get(**who, PolicyName="P")["PolicyDocument"], json.loads(document))
            put(**who, PolicyName="p", PolicyDocument=policy("s3:*"))
            self.assertEqual(listing(**who)["PolicyNames"], ["p"])
            self.refused("MalformedPolicyDocument", put, 400, **who, PolicyName="x", PolicyDocument="{")
            self.refused("MalformedPolicyDocument", put, 400, **who, PolicyName="x", PolicyDocument=policy(effect="Perhaps"))
            empty = len(policy("s3:*", "arn:aws:s3:::").replace(" ", "")) + len(policy("s3:*").replace(" ", ""))
            put(**who, PolicyName="q", PolicyDocument=policy("s3:*", "arn:aws:s3:::" + "b" * (chars - empty)))
            self.refused("LimitExceeded", put, 409, **who, PolicyName="q",
                         PolicyDocument=policy("s3:*", "arn:aws:s3:::" + "b" * (chars - empty + 1)))
            self.refused("DeleteConflict", getattr(iam, f"delete_{kind.lower()}"), 409, **who)
            for policy_name in ("p", "q"):
                delete(**who, PolicyName=policy_name)
            self.refused("NoSuchEntity", delete, 404, **who, PolicyName="p")
            self.refused("NoSuchEntity", get, 404, **who, PolicyName="p")
            getattr(iam, f"delete_{kind.lower()}")(**who)

    def test_managed(self):
        iam = self.iam
        made = iam.create_policy(PolicyName="M", Path="/m/", PolicyDocument=policy(), Description="ü",
                                 Tags=[{"Key": "a", "Value": "b"}])["Policy"]
        arn = made["Arn"]
        self.assertEqual(arn, f"arn:aws:iam::{self.account}:policy/m/M")
        self.assertEqual((made["DefaultVersionId"], made["AttachmentCount"], made["Description"]), ("v1", 0, "ü"))
        self.refused("EntityAlreadyExists", iam.create_policy, 409, PolicyName="m", PolicyDocument=policy())
        for number in range(2, 6):
            version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(f"s3:Get{number}*"), SetAsDefault=number == 3)
            self.assertEqual(version["PolicyVersion"]["VersionId"], f"v{number}")
        self.refused("LimitExceeded", iam.create_policy_version, 409, PolicyArn=arn, PolicyDocument=policy())
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        self.assertEqual([(v["VersionId"], v["IsDefaultVersion"]) for v in versions],
                         [("v5", False), ("v4", False), ("v3", True), ("v2", False), ("v1", False)])
        self.refused("DeleteConflict", iam.delete_policy_version, 409, PolicyArn=arn, VersionId="v3")
        self.refused("DeleteConflict", iam.delete_policy, 409, PolicyArn=arn)
        iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
        self.assertEqual(iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy())["PolicyVersion"]["VersionId"], "v6")
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
        self.assertEqual(iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"], "v2")
        document = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"]
        self.assertEqual(document, json.loads(policy("s3:Get2*")))
        self.refused("NoSuchEntity", iam.get_policy_version, 404, PolicyArn=arn, VersionId="v1")
        self.refused("NoSuchEntity", iam.get_policy, 404, PolicyArn=arn.replace("/m/", "/"))
        self.refused("LimitExceeded", iam.create_policy, 409, PolicyName="big", PolicyDocument=policy(
            resource="arn:aws:s3:::" + "b" * 6144))
        for version in ("v3", "v4", "v5", "v6"):
            iam.delete_policy_version(PolicyArn=arn, VersionId=version)
        self.assertEqual([p["PolicyName"] for p in iam.list_policies(Scope="Local", PathPrefix="/m/")["Policies"]], ["M"])
        of_aws = [p["Arn"] for p in iam.list_policies(Scope="AWS")["Policies"]]
        self.assertIn("arn:aws:iam::aws:policy/AmazonS3FullAccess", of_aws)
        pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 2})
        self.assertEqual([p["Arn"] for page in pages for p in page["Policies"]], of_aws + [arn])
        iam.delete_policy(PolicyArn=arn)
        message = self.refused("NoSuchEntity", iam.get_policy, 404, PolicyArn=arn)
        self.assertEqual(message, f"Policy {arn} was not found.")

    def test_attachments(self):
        iam = self.iam
        iam.create_group(GroupName="at")
        iam.create_role(RoleName="at", AssumeRolePolicyDocument=trust("*"))
        with self.user("at"), self.managed("at") as arn:
            for kind in ("user", "group", "role"):
                who = {f"{kind.title()}Name": "at"}
                getattr(iam, f"attach_{kind}_policy")(**who, PolicyArn=arn)
                getattr(iam, f"attach_{kind}_policy")(**who, PolicyArn=arn)  # twice is once
                attached = getattr(iam, f"list_attached_{kind}_policies")(**who)["AttachedPolicies"]
                self.assertEqual(attached, [{"PolicyName": "at", "PolicyArn": arn}])
            self.assertEqual(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 3)
            entities = iam.list_entities_for_policy(PolicyArn=arn)
            self.assertEqual([len(entities[f"Policy{kind}s"]) for kind in ("User", "Group", "Role")], [1, 1, 1])
            self.assertEqual(entities["PolicyUsers"][0]["UserId"], iam.get_user(UserName="at")["User"]["UserId"])
            pages = list(iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn, PaginationConfig={"PageSize": 1}))
            self.assertEqual([[len(page[f"Policy{kind}s"]) for kind in ("Group", "User", "Role")] for page in pages],
                             [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
            self.assertEqual([p["PolicyName"] for p in iam.list_policies(OnlyAttached=True)["Policies"]], ["at"])
            self.refused("DeleteConflict", iam.delete_policy, 409, PolicyArn=arn)
            for kind in ("user", "group", "role"):
                self.refused("DeleteConflict", getattr(iam, f"delete_{kind}"), 409, **{f"{kind.title()}Name": "at"})
            iam.update_user(UserName="at", NewUserName="at2")
            iam.update_group(GroupName="at", NewGroupName="at2")
            entities = iam.list_entities_for_policy(PolicyArn=arn)
            self.assertEqual((entities["PolicyUsers"][0]["UserName"], entities["PolicyGroups"][0]["GroupName"]), ("at2", "at2"))
            iam.detach_user_policy(UserName="at2", PolicyArn=arn)
            iam.detach_group_policy(GroupName="at2", PolicyArn=arn)
            iam.detach_role_policy(RoleName="at", PolicyArn=arn)
            self.refused("NoSuchEntity", iam.detach_role_policy, 404, RoleName="at", PolicyArn=arn)
            self.assertEqual(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 0)
            iam.update_user(UserName="at2", NewUserName="at")
            absent = f"arn:aws:iam::{self.account}:policy/absent"
            message = self.refused("NoSuchEntity", iam.attach_user_policy, 404, UserName="at", PolicyArn=absent)
            self.assertEqual(message, f"Policy {absent} does not exist or is not attachable.")
            message = self.refused("ValidationError", iam.attach_user_policy, 400, UserName="at", PolicyArn="not an ARN at all, but long")
            self.assertEqual(message, "Invalid ARN:  Could not be parsed!")
        iam.delete_group(GroupName="at2")
        iam.delete_role(RoleName="at")

    def test_aws_s_own(self):
        """They are attached like others, but nobody changes them, or has one of the same name."""
        iam, arn = self.iam, "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
        self.refused("EntityAlreadyExists", iam.create_policy, 409, PolicyName="amazons3readonlyaccess", PolicyDocument=policy())
        with self.user("reader"):
            iam.attach_user_policy(UserName="reader", PolicyArn=arn)
            self.assertEqual(iam.list_attached_user_policies(UserName="reader")["AttachedPolicies"],
                             [{"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": arn}])
            self.assertEqual(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1)
            self.assertEqual(iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"][0]["UserName"], "reader")
            self.refused("AccessDenied", iam.create_policy_version, 403, PolicyArn=arn, PolicyDocument=policy())
            self.refused("AccessDenied", iam.delete_policy, 403, PolicyArn=arn)
            self.refused("AccessDenied", iam.tag_policy, 403, PolicyArn=arn, Tags=[{"Key": "k", "Value": "v"}])
            self.assertEqual(iam.list_policy_tags(PolicyArn=arn)["Tags"], [])
            iam.detach_user_policy(UserName="reader", PolicyArn=arn)

    def test_ten_are_attached(self):
        arns = [self.iam.create_policy(PolicyName=f"ten{i}", PolicyDocument=policy())["Policy"]["Arn"] for i in range(11)]
        with self.user("ten"):
            for arn in arns[:10]:
                self.iam.attach_user_policy(UserName="ten", PolicyArn=arn)
            self.refused("LimitExceeded", self.iam.attach_user_policy, 409, UserName="ten", PolicyArn=arns[10])
            for arn in arns[:10]:
                self.iam.detach_user_policy(UserName="ten", PolicyArn=arn)
        for arn in arns:
            self.iam.delete_policy(PolicyArn=arn)

    def test_boundaries(self):
        iam = self.iam
        with self.managed("bound") as arn, self.user("bounded", PermissionsBoundary=arn):
            self.assertEqual(iam.get_user(UserName="bounded")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"], arn)
            self.assertEqual(iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"], 1)
            used = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
            self.assertEqual(used["PolicyUsers"][0]["UserName"], "bounded")
            self.refused("DeleteConflict", iam.delete_policy, 409, PolicyArn=arn)
            iam.delete_user_permissions_boundary(UserName="bounded")
            self.refused("NoSuchEntity", iam.delete_user_permissions_boundary, 404, UserName="bounded")
            iam.put_user_permissions_boundary(UserName="bounded", PermissionsBoundary=arn)
            iam.delete_user_permissions_boundary(UserName="bounded")

    def test_large_document(self):
        """131072 characters are received, and refused for what they are."""
        big = policy().replace("{", "{" + " " * 100000, 1)
        with self.managed("spaces", big) as arn:
            document = self.iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
            self.assertEqual(document, json.loads(policy()))
        self.refused("ValidationError", self.iam.create_policy, 400, PolicyName="x", PolicyDocument=" " * 131073)
        self.refused("LimitExceeded", self.iam.create_policy, 409, PolicyName="x", PolicyDocument='"' * 131072)
        self.refused("RequestEntityTooLarge", self.iam.create_policy, 413, PolicyName="x", PolicyDocument='"' * 400000)


class Conditions(IamTest):
    """What an administrator of a part may do: conditions on boundaries, on policies that are attached, and on tags."""

    def test_conditions(self):
        iam, users = self.iam, f"arn:aws:iam::{self.account}:user/part/*"
        statements = [
            {"Action": ["iam:CreateUser", "iam:PutUserPermissionsBoundary", "iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:DetachUserPolicy"],
             "Resource": users, "Condition": {"StringEquals": {"iam:PermissionsBoundary": f"arn:aws:iam::{self.account}:policy/fence"}}},
            {"Action": ["iam:TagUser", "iam:UntagUser"], "Resource": users,
             "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["colour"]}, "StringLike": {"aws:ResourceTag/owner": "${aws:username}"}}},
            {"Action": "iam:TagUser", "Resource": users, "Condition": {"StringEquals": {"aws:RequestTag/owner": "${aws:username}"}}}]
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | statement for statement in statements]}
        document["Statement"].append({"Effect": "Deny", "Action": "iam:AttachUserPolicy", "Resource": "*",
                                      "Condition": {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}}})
        with self.user("deputy"), self.managed("fence") as fence, self.managed("other") as other:
            iam.put_user_policy(UserName="deputy", PolicyName="p", PolicyDocument=json.dumps(document))
            key = iam.create_access_key(UserName="deputy")["AccessKey"]
            mine = self.client(key["AccessKeyId"], key["SecretAccessKey"])
            self.refused("AccessDenied", mine.create_user, 403, UserName="w", Path="/part/")
            self.refused("AccessDenied", mine.create_user, 403, UserName="w", Path="/part/", PermissionsBoundary=other)
            self.refused("AccessDenied", mine.create_user, 403, UserName="w", Path="/", PermissionsBoundary=fence)
            self.refused("AccessDenied", mine.create_user, 403, UserName="w", Path="/part/", PermissionsBoundary=fence,
                         Tags=[{"Key": "owner", "Value": "another"}])
            mine.create_user(UserName="w", Path="/part/", PermissionsBoundary=fence, Tags=[{"Key": "owner", "Value": "deputy"}])
            mine.put_user_policy(UserName="w", PolicyName="p", PolicyDocument=policy())
            mine.attach_user_policy(UserName="w", PolicyArn=other)
            mine.detach_user_policy(UserName="w", PolicyArn=other)
            self.refused("AccessDenied", mine.attach_user_policy, 403, UserName="w", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
            self.refused("AccessDenied", mine.put_user_permissions_boundary, 403, UserName="w", PermissionsBoundary=other)
            self.refused("AccessDenied", mine.delete_user_permissions_boundary, 403, UserName="w")
            mine.tag_user(UserName="w", Tags=[{"Key": "colour", "Value": "red"}])
            self.refused("AccessDenied", mine.tag_user, 403, UserName="w", Tags=[{"Key": "colour", "Value": "red"}, {"Key": "x", "Value": ""}])
            self.refused("AccessDenied", mine.untag_user, 403, UserName="w", TagKeys=["owner"])
            iam.tag_user(UserName="w", Tags=[{"Key": "owner", "Value": "another"}])
            self.refused("AccessDenied", mine.tag_user, 403, UserName="w", Tags=[{"Key": "colour", "Value": "red"}])
            iam.delete_user_permissions_boundary(UserName="w")
            self.refused("AccessDenied", mine.put_user_policy, 403, UserName="w", PolicyName="p", PolicyDocument=policy())
            iam.delete_user_policy(UserName="w", PolicyName="p")
            iam.delete_user(UserName="w")
            iam.delete_user_policy(UserName="deputy", PolicyName="p")
            iam.delete_access_key(UserName="deputy", AccessKeyId=key["AccessKeyId"])


class Groups(IamTest):
    def test_members(self):
        iam = self.iam
        made = iam.create_group(GroupName="Devs", Path="/d/")["Group"]
        self.assertEqual(made["Arn"], f"arn:aws:iam::{self.account}:group/d/Devs")
        self.refused("EntityAlreadyExists", iam.create_group, 409, GroupName="devs")
        for name in ("m1", "m2", "m3"):
            iam.create_user(UserName=name)
            iam.add_user_to_group(GroupName="Devs", UserName=name)
        iam.add_user_to_group(GroupName="Devs", UserName="m1")
        self.refused("NoSuchEntity", iam.add_user_to_group, 404, GroupName="Devs", UserName="nobody")
        self.refused("NoSuchEntity", iam.add_user_to_group, 404, GroupName="none", UserName="m1")
        pages = list(iam.get_paginator("get_group").paginate(GroupName="Devs", PaginationConfig={"PageSize": 2}))
        self.assertEqual([[user["UserName"] for user in page["Users"]] for page in pages], [["m1", "m2"], ["m3"]])
        iam.update_group(GroupName="Devs", NewGroupName="Ops", NewPath="/o/")
        self.assertEqual([g["Arn"] for g in iam.list_groups_for_user(UserName="m1")["Groups"]],
                         [f"arn:aws:iam::{self.account}:group/o/Ops"])
        self.assertEqual(len(iam.get_group(GroupName="Ops")["Users"]), 3)
        self.refused("DeleteConflict", iam.delete_group, 409, GroupName="Ops")
        self.refused("DeleteConflict", iam.delete_user, 409, UserName="m1")
        iam.update_user(UserName="m3", NewUserName="m4")
        self.assertEqual([u["UserName"] for u in iam.get_group(GroupName="Ops")["Users"]], ["m1", "m2", "m4"])
        for name in ("m1", "m2", "m4"):
            iam.remove_user_from_group(GroupName="Ops", UserName=name)
            iam.delete_user(UserName=name)
        self.assertEqual(iam.list_groups()["Groups"][0]["GroupName"], "Ops")
        iam.delete_group(GroupName="Ops")

    def test_ten_groups(self):
        with self.user("joiner"):
            for i in range(11):
                self.iam.create_group(GroupName=f"ten{i}")
            for i in range(10):
                self.iam.add_user_to_group(GroupName=f"ten{i}", UserName="joiner")
            self.refused("LimitExceeded", self.iam.add_user_to_group, 409, GroupName="ten10", UserName="joiner")
            for i in range(10):
                self.iam.remove_user_from_group(GroupName=f"ten{i}", UserName="joiner")
            for i in range(11):
                self.iam.delete_group(GroupName=f"ten{i}")

    def test_a_group_s_policy_counts_for_its_users(self):
        iam = self.iam
        iam.create_group(GroupName="readers")
        iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=policy("iam:ListUsers", "*"))
        with self.user("reader"):
            key = iam.create_access_key(UserName="reader")["AccessKey"]
            mine = self.client(key["AccessKeyId"], key["SecretAccessKey"])
            self.refused("AccessDenied", mine.list_users, 403)
            iam.add_user_to_group(GroupName="readers", UserName="reader")
            self.assertEqual(len(mine.list_users()["Users"]), 1)
            iam.remove_user_from_group(GroupName="readers", UserName="reader")
            self.refused("AccessDenied", mine.list_users, 403)
            iam.delete_access_key(UserName="reader", AccessKeyId=key["AccessKeyId"])
        iam.delete_group_policy(GroupName="readers", PolicyName="p")
        iam.delete_group(GroupName="readers")


class Roles(IamTest):
    def test_life_of_a_role(self):
        iam = self.iam
        document = trust(f"arn:aws:iam::{self.account}:root")
        made = iam.create_role(RoleName="R", Path="/r/", AssumeRolePolicyDocument=document, Description="first",
                               Tags=[{"Key": "k", "Value": "v"}])["Role"]
        self.assertEqual(made["Arn"], f"arn:aws:iam::{self.account}:role/r/R")
        self.assertEqual(made["AssumeRolePolicyDocument"], json.loads(document))
        got = iam.get_role(RoleName="R")["Role"]
        self.assertEqual((got["MaxSessionDuration"], got["Description"], got["Tags"]), (3600, "first", [{"Key": "k", "Value": "v"}]))
        iam.update_role(RoleName="R", Description="second", MaxSessionDuration=7200)
        iam.update_role(RoleName="R", MaxSessionDuration=7201)
        got = iam.get_role(RoleName="R")["Role"]
        self.assertEqual((got["MaxSessionDuration"], got["Description"]), (7201, "second"))
        self.assertEqual(iam.update_role_description(RoleName="R", Description="third")["Role"]["Description"], "third")
        other = trust(f"arn:aws:iam::{self.account}:user/x")
        iam.update_assume_role_policy(RoleName="R", PolicyDocument=other)
        self.assertEqual(iam.get_role(RoleName="R")["Role"]["AssumeRolePolicyDocument"], json.loads(other))
        self.refused("MalformedPolicyDocument", iam.update_assume_role_policy, 400, RoleName="R", PolicyDocument=policy())
        self.refused("MalformedPolicyDocument", iam.create_role, 400, RoleName="S", AssumeRolePolicyDocument="no policy")
        self.refused("ValidationError", iam.update_role, 400, RoleName="R", MaxSessionDuration=43201)
        self.refused("EntityAlreadyExists", iam.create_role, 409, RoleName="r", AssumeRolePolicyDocument=document)
        self.assertEqual(iam.list_instance_profiles_for_role(RoleName="R")["InstanceProfiles"], [])
        self.assertEqual([role["RoleName"] for role in iam.list_roles(PathPrefix="/r")["Roles"]], ["R"])
        iam.tag_role(RoleName="R", Tags=[{"Key": "k2", "Value": ""}])
        iam.untag_role(RoleName="R", TagKeys=["k"])
        self.assertEqual(iam.list_role_tags(RoleName="R")["Tags"], [{"Key": "k2", "Value": ""}])
        iam.delete_role(RoleName="R")
        self.refused("NoSuchEntity", iam.get_role, 404, RoleName="R")


class Account(IamTest):
    def test_details(self):
        iam = self.iam
        iam.create_group(GroupName="dg")
        iam.put_group_policy(GroupName="dg", PolicyName="p", PolicyDocument=policy())
        iam.create_role(RoleName="dr", AssumeRolePolicyDocument=trust("*"))
        with self.user("du"), self.managed("dp") as arn:
            iam.add_user_to_group(GroupName="dg", UserName="du")
            iam.attach_role_policy(RoleName="dr", PolicyArn=arn)
            for size in (1, 2, 100):
                pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": size})
                whole = pages.build_full_result()
                self.assertEqual([whole["UserDetailList"][0]["GroupList"], whole["GroupDetailList"][0]["GroupPolicyList"][0]["PolicyDocument"],
                                  whole["RoleDetailList"][0]["AttachedManagedPolicies"][0]["PolicyArn"],
                                  whole["Policies"][0]["PolicyVersionList"][0]["VersionId"]],
                                 [["dg"], json.loads(policy()), arn, "v1"])
                self.assertEqual([len(whole[name]) for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")],
                                 [1, 1, 1, 1])
            only = iam.get_account_authorization_details(Filter=["Role"])
            self.assertEqual([len(only[name]) for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")], [0, 0, 1, 0])
            iam.remove_user_from_group(GroupName="dg", UserName="du")
            iam.detach_role_policy(RoleName="dr", PolicyArn=arn)
        iam.delete_group_policy(GroupName="dg", PolicyName="p")
        iam.delete_group(GroupName="dg")
        iam.delete_role(RoleName="dr")

    def decisions(self, answer):
        return [row["EvalDecision"] for row in answer["EvaluationResults"]]

    def test_simulation(self):
        iam = self.iam
        iam.create_group(GroupName="sg")
        iam.put_group_policy(GroupName="sg", PolicyName="p", PolicyDocument=policy("s3:PutObject", effect="Deny"))
        with self.user("su") as user, self.managed("sp", policy("s3:*")) as arn, \
             self.managed("sb", policy(["s3:GetObject", "s3:PutObject"], "*")) as boundary:
            ask = {"PolicySourceArn": user["Arn"], "ActionNames": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                   "ResourceArns": ["arn:aws:s3:::b/k"]}
            self.assertEqual(self.decisions(iam.simulate_principal_policy(**ask)), ["implicitDeny"] * 3)
            iam.attach_user_policy(UserName="su", PolicyArn=arn)
            iam.add_user_to_group(GroupName="sg", UserName="su")
            self.assertEqual(self.decisions(iam.simulate_principal_policy(**ask)), ["allowed", "explicitDeny", "allowed"])
            matched = [row["MatchedStatements"][0]["SourcePolicyId"] for row in iam.simulate_principal_policy(**ask)["EvaluationResults"]]
            self.assertEqual(matched, ["sp", "group_sg_p", "sp"])
            iam.put_user_permissions_boundary(UserName="su", PermissionsBoundary=boundary)
            self.assertEqual(self.decisions(iam.simulate_principal_policy(**ask)), ["allowed", "explicitDeny", "implicitDeny"])
            ask["ResourceArns"] = ["arn:aws:s3:::other/k"]
            self.assertEqual(self.decisions(iam.simulate_principal_policy(**ask)), ["implicitDeny"] * 3)
            iam.delete_user_permissions_boundary(UserName="su")
            iam.detach_user_policy(UserName="su", PolicyArn=arn)
            iam.remove_user_from_group(GroupName="sg", UserName="su")
        iam.delete_group_policy(GroupName="sg", PolicyName="p")
        iam.delete_group(GroupName="sg")
        condition = policy(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
        for address, decision in (("10.1.2.3", "allowed"), ("11.1.2.3", "implicitDeny")):
            answer = iam.simulate_custom_policy(PolicyInputList=[condition], ActionNames=["s3:GetObject"], ResourceArns=["arn:aws:s3:::b/k"],
                                                ContextEntries=[{"ContextKeyName": "aws:SourceIp", "ContextKeyValues": [address],
                                                                 "ContextKeyType": "ip"}])
            self.assertEqual(self.decisions(answer), [decision])
        self.refused("NoSuchEntity", iam.simulate_principal_policy, 404, PolicySourceArn=user["Arn"], ActionNames=["s3:GetObject"])

    def test_simulation_bounds(self):
        """A policy that would be left out is an error, since it may be the one that denies; so is what takes too long together."""
        iam = self.iam
        ask = {"PolicyInputList": [policy("*", "*")], "ActionNames": ["s3:GetObject"], "ResourceArns": ["arn:aws:s3:::b/k"]}
        self.assertEqual(self.decisions(iam.simulate_custom_policy(**ask)), ["allowed"])
        self.refused("InvalidInput", iam.simulate_custom_policy, 400, **{**ask, "ResourceArns": ["arn:aws:s3:::b/" + "k" * 2034]})
        agent = lambda value: [{"ContextKeyName": "aws:UserAgent", "ContextKeyValues": [value], "ContextKeyType": "string"}]
        self.refused("InvalidInput", iam.simulate_custom_policy, 400, ContextEntries=agent("a" * 2049), **ask)
        ask["PolicyInputList"] = [policy("*", "*", Condition={"StringNotLike": {"aws:UserAgent": "*" + "?" * 1000 + "b"}})]
        ask["ContextEntries"] = agent("a" * 2048)
        self.assertEqual(self.decisions(iam.simulate_custom_policy(**ask)), ["implicitDeny"])  # it has no end here
        ask["ResourceArns"] = [f"arn:aws:s3:::b/{i}" for i in range(64)]
        self.assertEqual(self.decisions(iam.simulate_custom_policy(**ask)), ["implicitDeny"] * 64)
        self.refused("InvalidInput", iam.simulate_custom_policy, 400, **{**ask, "ActionNames": ["s3:GetObject", "s3:PutObject"]})
        iam.create_group(GroupName="Many")
        arn = iam.get_group(GroupName="Many")["Group"]["Arn"]
        ask = {"PolicySourceArn": arn, "PolicyInputList": [policy("*", "*")] * 64, "ActionNames": ["s3:GetObject"]}
        deny = json.dumps({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}})
        try:
            self.assertEqual(self.decisions(iam.simulate_principal_policy(**ask)), ["allowed"])
            self.refused("NoSuchEntity", iam.simulate_principal_policy, 404, **{**ask, "PolicySourceArn": arn.replace("Many", "many")})
            for i in range(65):
                iam.put_group_policy(GroupName="Many", PolicyName=f"p{i}", PolicyDocument=deny)
            self.refused("InvalidInput", iam.simulate_principal_policy, 400, **ask)
        finally:
            for name in iam.list_group_policies(GroupName="Many", MaxItems=1000)["PolicyNames"]:
                iam.delete_group_policy(GroupName="Many", PolicyName=name)
            iam.delete_group(GroupName="Many")

    def test_providers(self):
        iam = self.iam
        arn = iam.create_open_id_connect_provider(Url="https://idp.example.test/a/", ClientIDList=["one"], ThumbprintList=["0" * 40],
                                                  Tags=[{"Key": "k", "Value": "v"}])["OpenIDConnectProviderArn"]
        self.assertEqual(arn, f"arn:aws:iam::{self.account}:oidc-provider/idp.example.test/a")
        self.refused("EntityAlreadyExists", iam.create_open_id_connect_provider, 409, Url="https://idp.example.test/a", ThumbprintList=[])
        for url in ("http://idp.example.test", "https://h:80/", "https://h/?q", "https://"):
            self.refused("ValidationError", iam.create_open_id_connect_provider, 400, Url=url, ThumbprintList=[])
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="two")
        iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="one")
        iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["a" * 40, "b" * 40])
        got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        self.assertEqual((got["Url"], got["ClientIDList"], got["ThumbprintList"], got["Tags"]),
                         ("idp.example.test/a", ["two"], ["a" * 40, "b" * 40], [{"Key": "k", "Value": "v"}]))
        self.assertEqual(iam.list_open_id_connect_providers()["OpenIDConnectProviderList"], [{"Arn": arn}])
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        self.refused("NoSuchEntity", iam.get_open_id_connect_provider, 404, OpenIDConnectProviderArn=arn)


class Restart(IamTest):
    """With aws-cli: what an administrator types, and what is left of it after the gateway began anew."""

    def aws(self, *arguments, check=True):
        environment = {"AWS_ACCESS_KEY_ID": self.cluster.access_key, "AWS_SECRET_ACCESS_KEY": self.cluster.secret_key,
                       "AWS_DEFAULT_REGION": "eu-west-1", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                       "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}
        done = run(AWS, "--endpoint-url", self.cluster.url, "--output", "json", *arguments, env=environment, check=check)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def test_an_administrator_s_five_minutes(self):
        s3.client(self.cluster).create_bucket(Bucket="photos")
        self.aws("iam", "create-user", "--user-name", "backup")
        with open(self.path("policy.json"), "w") as file:
            file.write(policy(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::photos/*"))
        self.aws("iam", "put-user-policy", "--user-name", "backup", "--policy-name", "photos",
                 "--policy-document", "file://" + self.path("policy.json"))
        key = self.aws("iam", "create-access-key", "--user-name", "backup")["AccessKey"]
        for again in range(2):
            mine = s3.client(self.cluster, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
            mine.put_object(Bucket="photos", Key="k", Body=b"x")
            self.assertEqual(mine.get_object(Bucket="photos", Key="k")["Body"].read(), b"x")
            self.refused("AccessDenied", mine.delete_object, 403, Bucket="photos", Key="k")
            self.assertEqual(self.aws("iam", "get-user-policy", "--user-name", "backup", "--policy-name", "photos")["PolicyDocument"],
                             json.loads(policy(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::photos/*")))
            if not again:
                self.cluster.stop()
                self.cluster.start()
        log = "".join(program.log_text() for program in self.cluster.programs)
        for secret in (key["SecretAccessKey"], urllib.parse.quote(key["SecretAccessKey"], safe="")):
            self.assertNotIn(secret, log)


class Document(IamTest):
    """The commands of docs/users.md, as they stand there but for address and keys, in one shell after the other."""

    def test_every_block(self):
        with open(os.path.join(ROOT, "docs", "users.md"), encoding="utf-8") as file:
            blocks = re.findall(r"```sh\n(.*?)```", file.read(), re.DOTALL)
        self.assertGreaterEqual(len(blocks), 5)
        os.mkdir(self.path("bin"))
        with open(os.open(self.path("bin/aws"), os.O_WRONLY | os.O_CREAT, 0o700), "w", encoding="utf-8") as wrapper:
            wrapper.write(f'#!/bin/sh\nexec /usr/bin/python3 {NEWEST_AWS} "$@"\n')
        script = "".join(blocks)
        for old, new in (("localhost:8080", f"localhost:{self.cluster.port}"), ("ACCESS-KEY", self.cluster.access_key),
                         ("SECRET-KEY", self.cluster.secret_key)):
            script = script.replace(old, new)
        said = run("sh", "-eu", "-c", script, cwd=self.folder,
                   env={"HOME": self.folder, "PATH": f"{self.path('bin')}:{os.environ['TERCET_BUILD']}/tools:{os.environ['PATH']}", "AWS_PAGER": "",
                        "PYTHONPATH": MODULES}).stdout.decode()
        self.assertIn("s3:GetObject\tallowed\ns3:DeleteObject\timplicitDeny\n", said)
        keys = self.iam.list_access_keys(UserName="restic")["AccessKeyMetadata"]
        self.assertEqual([key["Status"] for key in keys], ["Active"])
        self.assertIn(keys[0]["AccessKeyId"], said)


class Caller(IamTest):
    def sts(self, **keys):
        return boto3.client("sts", endpoint_url=self.cluster.url, region_name="us-east-1",
                            aws_access_key_id=keys.get("AccessKeyId", self.cluster.access_key),
                            aws_secret_access_key=keys.get("SecretAccessKey", self.cluster.secret_key),
                            config=Config(retries={"max_attempts": 1}, proxies={}, read_timeout=120))

    def test_who_calls(self):
        """Root and users are told who they are, also those whom a policy denies everything; nobody else is."""
        who = self.sts().get_caller_identity()
        self.assertEqual([who["Account"], who["UserId"], who["Arn"]], [self.account, self.account, f"arn:aws:iam::{self.account}:root"])
        user = self.iam.create_user(UserName="caller", Path="/team/")["User"]
        self.iam.put_user_policy(UserName="caller", PolicyName="none", PolicyDocument=policy("*", "*", "Deny"))
        keys = self.iam.create_access_key(UserName="caller")["AccessKey"]
        who = self.sts(**keys).get_caller_identity()
        self.assertEqual([who["Account"], who["UserId"], who["Arn"]], [self.account, user["UserId"], user["Arn"]])
        self.refused("InvalidAction", self.sts(**keys).get_access_key_info, 400, AccessKeyId=keys["AccessKeyId"])
        self.refused("SignatureDoesNotMatch", self.sts(**keys | {"SecretAccessKey": "wrong"}).get_caller_identity, 403)
        self.iam.update_access_key(UserName="caller", AccessKeyId=keys["AccessKeyId"], Status="Inactive")
        self.refused("InvalidClientTokenId", self.sts(**keys).get_caller_identity, 403)
        with self.assertRaises(urllib.error.HTTPError) as unsigned:
            OPENER.open(self.cluster.url, b"Action=GetCallerIdentity&Version=2011-06-15")
        self.assertEqual(unsigned.exception.code, 403)
        unsigned.exception.close()


class Model(IamTest):
    """Every action of AWS's model is offered with the parameters of the model, or refused by its name."""

    def test_every_action(self):
        with gzip.open(os.path.join(MODULES, "botocore/data/iam/2010-05-08/service-2.json.gz")) as file:
            model = json.load(file)
        refused, offered = set(), set()
        for action in model["operations"]:
            form = urllib.parse.urlencode({"Action": action, "Version": "2010-05-08", "NoSuchParameter": "1"})
            code, message = self.post(form)
            self.assertIn(code, ("InvalidAction", "InvalidQueryParameter"), action)
            self.assertIn(action, message)
            (refused if code == "InvalidAction" else offered).add(action)
        self.assertEqual(len(offered), 94)
        for action in offered:  # no parameter is taken for another action's
            shape = model["operations"][action].get("input", {}).get("shape")
            members = set(model["shapes"][shape]["members"]) if shape else set()
            for name in members - NOT_HONOURED:
                self.assertNotEqual(self.post(urllib.parse.urlencode({"Action": action, "Version": "2010-05-08", name: ""}))[0],
                                    "InvalidQueryParameter", (action, name))
            for name in members & NOT_HONOURED:
                self.assertEqual(self.post(urllib.parse.urlencode({"Action": action, "Version": "2010-05-08", name: ""}))[0],
                                 "InvalidQueryParameter", (action, name))

    def test_calls_in_the_query(self):
        """A GET, and a presigned one, do the same as the form of a POST; a signature for another service does not."""
        form = urllib.parse.urlencode({"Action": "GetUser", "Version": "2010-05-08"})
        credentials = Credentials(self.cluster.access_key, self.cluster.secret_key)
        for signer, status in ((SigV4Auth(credentials, "iam", "us-east-1"), 200), (SigV4QueryAuth(credentials, "iam", "us-east-1"), 200),
                               (SigV4Auth(credentials, "s3", "us-east-1"), 403), (SigV4QueryAuth(credentials, "s3", "us-east-1"), 403)):
            request = AWSRequest("GET", f"{self.cluster.url}/?{form}")
            signer.add_auth(request)
            try:
                with OPENER.open(urllib.request.Request(request.url, headers=dict(request.headers))) as answer:
                    text, code = answer.read().decode(), answer.status
            except urllib.error.HTTPError as error:
                text, code = error.read().decode(), error.code
            self.assertEqual(code, status, text)
            self.assertIn(":root</Arn>" if status == 200 else "<ErrorResponse", text)

    def post(self, form):
        request = AWSRequest("POST", self.cluster.url + "/", data=form,
                             headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
        SigV4Auth(Credentials(self.cluster.access_key, self.cluster.secret_key), "iam", "us-east-1").add_auth(request)
        try:
            with OPENER.open(urllib.request.Request(request.url, form.encode(), dict(request.headers), method="POST")) as answer:
                self.assertEqual(answer.status, 200)
                return None, None
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            self.assertLess(error.code, 500, text)
            return re.search("<Code>(.*)</Code>", text)[1], re.search("<Message>(.*)</Message>", text, re.DOTALL)[1]


if __name__ == "__main__":
    main()
