"""Nobody gets in: every operation of the gateway's table, asked by everybody who is not to have it, and by those who are, in each
way to ask. Each is denied unless its row (rows_s3.py, rows_iam.py, rows_paths.py) says otherwise, and an operation without a row
fails the test.

Beside those whose credentials are no good, a row is asked by a user (and by temporary credentials) who has everything but one of
the rights that AWS names for it, has that one everywhere but on the resource, or is denied it there; and by a user who has these
rights and nothing else, who must pass. What the denied asked for must still be possible when they are through."""

import base64
import collections
import datetime
import hashlib
import hmac
import json
import os
import re
import subprocess
import unittest

import rows_iam
import rows_paths
import rows_s3
from asking import Key, Request, Sender, form_query, is_denied
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness import ClusterTest, main
from row import ACCOUNT

HERE = "tests/matrix"
PLACES = {"s3": "rows_s3.py", "control": "rows_s3.py", "iam": "rows_iam.py", "path": "rows_paths.py", "website": "rows_paths.py",
          "preflight": "rows_paths.py"}
TOKEN = "a token of the file API"
EVERYTHING = [{"Effect": "Allow", "Action": ["*", "tercet:*"], "Resource": "*"}]
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
KEPT_BUCKETS = ("plain", "sets", "acls", "locked", "unkept")  # which are there in all rows
TERCET = ("tercet:UseFiles", "tercet:ReadState", "tercet:GetBucketQuota", "tercet:PutBucketQuota", "tercet:ManageNodes")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGES = json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open-site/*"}}).encode()


def policy(statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def exactly(rights):
    """A statement a right: no more than is needed."""
    return [{"Effect": "Allow", "Action": right, "Resource": resource} for right, resource in rights]


def all_but(lacking):
    """Everything, but of one right only what is not its resource."""
    right, resource = lacking
    return [{"Effect": "Allow", "NotAction": right, "Resource": "*"},
            {"Effect": "Allow", "Action": right, "NotResource": resource},
            {"Effect": "Allow", "Action": [name for name in TERCET if name != right], "Resource": "*"}]


def denied(right, resource):
    return [*EVERYTHING, {"Effect": "Deny", "Action": right, "Resource": resource}]


class World:
    """What the rows need of the cluster, made by root."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.sender = Sender(cluster.port, cluster.domain)
        self.root = Key(cluster.access_key, cluster.secret_key)

    def root_s3(self, method, bucket, key="", query=None, headers=None, body=b"", status=200):
        query = query or {}
        answer = self.sender.send(Request(method, bucket, key, query, {**rows_s3.with_md5(body), **(headers or {})}, body), self.root)
        if status and answer.status != status:
            raise AssertionError(f"{method} {bucket}/{key} {query}: {answer}")
        return answer

    def put(self, bucket, key, headers=None):
        return self.root_s3("PUT", bucket, key, headers=headers, body=b"kept").headers.get("x-amz-version-id", "null")

    def upload(self, bucket, key, parts=0):
        upload = re.search(rb"<UploadId>(.+)</UploadId>", self.root_s3("POST", bucket, key, {"uploads": ""}).body)[1].decode()
        for number in range(1, parts + 1):
            self.sender.send(Request("PUT", bucket, key, {"uploadId": upload, "partNumber": str(number)}, {}, b"part"), self.root)
        return upload

    def call(self, key, action, parameters, service="iam"):
        version = "2011-06-15" if service == "sts" else "2010-05-08"
        return self.sender.send(Request("POST", path="/", service=service, headers=FORM, body=form_query(
            {"Action": action, "Version": version, **parameters})), key)

    def root_iam(self, action, parameters):
        """What is there already, or is not there any more, is no failure."""
        if action == "DROP KEYS":
            for found in re.findall(rb"<AccessKeyId>(\w+)<", self.root_iam("ListAccessKeys", parameters).body):
                self.root_iam("DeleteAccessKey", {**parameters, "AccessKeyId": found.decode()})
            return None
        if action == "DROP VERSIONS":
            self.root_iam("SetDefaultPolicyVersion", {**parameters, "VersionId": "v1"})
            for found in re.findall(rb"<VersionId>(v\d+)<", self.root_iam("ListPolicyVersions", parameters).body):
                if found != b"v1":
                    self.root_iam("DeletePolicyVersion", {**parameters, "VersionId": found.decode()})
            return None
        answer = self.call(self.root, action, parameters)
        if answer.status != 200 and answer.code not in ("EntityAlreadyExists", "NoSuchEntity"):
            raise AssertionError(f"{action} {parameters}: {answer}")
        return answer

    def key_of_user(self, user):
        self.root_iam("DROP KEYS", {"UserName": user})
        return self.new_key(user).id

    def new_key(self, user):
        body = self.root_iam("CreateAccessKey", {"UserName": user}).body
        return Key(re.search(rb"<AccessKeyId>(\w+)<", body)[1].decode(), re.search(rb"<SecretAccessKey>([^<]+)<", body)[1].decode())

    def policy_version(self, arn):
        self.root_iam("DROP VERSIONS", {"PolicyArn": arn})
        body = self.root_iam("CreatePolicyVersion", {"PolicyArn": arn, "PolicyDocument": rows_iam.OTHER_DOCUMENT}).body
        return re.search(rb"<VersionId>(v\d+)<", body)[1].decode()

    def bound(self, arn, statements):
        """Puts the statements in place of what the managed policy says."""
        body = self.root_iam("CreatePolicyVersion", {"PolicyArn": arn, "PolicyDocument": policy(statements), "SetAsDefault": "true"}).body
        number = int(re.search(rb"<VersionId>v(\d+)<", body)[1])
        self.root_iam("DeletePolicyVersion", {"PolicyArn": arn, "VersionId": f"v{number - 1}"})

    def bucket_policy(self, bucket, statements):
        """None: none."""
        body = policy(statements).encode() if statements else b""
        self.root_s3("PUT" if statements else "DELETE", bucket, query={"policy": ""}, body=body, status=204)

    def user(self, name, statements=None):
        self.root_iam("CreateUser", {"UserName": name})
        self.give(name, statements)
        return self.new_key(name)

    def give(self, name, statements):
        if statements:
            self.root_iam("PutUserPolicy", {"UserName": name, "PolicyName": "p", "PolicyDocument": policy(statements)})

    def credentials(self, key, action, parameters):
        answer = self.call(key, action, parameters, "sts")
        found = [re.search(rb"<" + name + rb">([^<]+)<", answer.body) for name in (b"AccessKeyId", b"SecretAccessKey", b"SessionToken")]
        if not all(found):
            raise AssertionError(f"{action} {parameters}: {answer}")
        return Key(*(word[1].decode() for word in found))

    def role(self, name, statements):
        self.root_iam("CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": rows_iam.TRUST})
        self.root_iam("PutRolePolicy", {"RoleName": name, "PolicyName": "p", "PolicyDocument": policy(statements)})

    def session(self, key, role, statements=None):
        narrowed = {"Policy": policy(statements)} if statements else {}
        return self.credentials(key, "AssumeRole", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "RoleSessionName": "matrix", **narrowed})

    def expired(self, session):
        """The session as it will be: its token opened, its end set to a minute ago, and sealed again as only the gateway can."""
        with open(os.path.join(self.cluster.data("gateway"), "identity.key"), encoding="utf-8") as file:
            seal = bytes.fromhex(re.search(r"^[0-9a-f]{64}$", file.read(), re.MULTILINE)[0])
        cipher = AESGCM(hmac.new(seal, f"session token {session.id}".encode(), hashlib.sha256).digest())
        sealed = base64.b64decode(session.token)
        text = json.loads(cipher.decrypt(sealed[1:13], sealed[13:], session.id.encode()))
        text["issued"], text["expires"] = text["issued"] - 7_200_000, text["issued"] - 60_000
        again = cipher.encrypt(sealed[1:13], json.dumps(text, separators=(",", ":")).encode(), session.id.encode())
        return Key(session.id, session.secret, base64.b64encode(sealed[:13] + again).decode())

    def prepare(self):
        for bucket in ("plain", "sets", "acls", "source", "closed-site", "open-site"):
            self.root_s3("PUT", bucket)
            self.root_s3("PUT", bucket, query={"versioning": ""}, body=rows_s3.VERSIONING)
        self.root_s3("PUT", "unkept")  # without versioning
        self.root_s3("PUT", "locked", headers={"x-amz-bucket-object-lock-enabled": "true"})
        self.root_s3("PUT", "acls", query={"ownershipControls": ""}, body=rows_s3.OWNERSHIP.replace(b"BucketOwnerEnforced", b"ObjectWriter"))
        for bucket in ("acls", "open-site"):
            self.root_s3("DELETE", bucket, query={"publicAccessBlock": ""}, status=204)
        for bucket in ("closed-site", "open-site"):
            self.root_s3("PUT", bucket, query={"website": ""}, body=rows_s3.WEBSITE)
            self.put(bucket, "page")
        self.root_s3("PUT", "open-site", query={"policy": ""}, body=PAGES, status=204)
        for bucket in ("plain", "acls", "files"):
            self.put(bucket, "kept")
        self.put("locked", "governed", rows_s3.GOVERNED)
        for call in rows_iam.BEFORE_ALL:
            self.root_iam(*call)


Caller = collections.namedtuple("Caller", "name key bearer at", defaults=("", None))


class Matrix(ClusterTest):
    cluster_options = {"tls": False, "gateway_options": ("-files-token", TOKEN, "-website-domain", rows_paths.WEB)}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.world = w = World(cls.cluster)
        w.prepare()
        lines = subprocess.run([os.path.join(os.environ["TERCET_BUILD"], HERE, "operation_lines")], capture_output=True, text=True, check=True).stdout
        cls.operations = [json.loads(line) for line in lines.splitlines()]
        cls.rows = [*rows_s3.ROWS, *rows_s3.rows_not_offered(cls.operations), *rows_iam.ROWS, *rows_paths.ROWS]
        cls.asked = 0
        cls.make_callers()

    @classmethod
    def make_callers(cls):
        """Those who are the same for every row. `bad`: whose credentials are no good, whatever they may; `known`: whose are, and who
        have no right that a row is about."""
        w, past = cls.world, datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        cls.exact, cls.lacking, cls.forbidden, cls.named = (w.user(name) for name in ("exact", "lacking", "forbidden", "named"))
        cls.bounded = w.user("bounded", EVERYTHING)
        w.root_iam("CreatePolicy", {"PolicyName": "boundary", "PolicyDocument": policy(EVERYTHING)})
        w.root_iam("PutUserPermissionsBoundary", {"UserName": "bounded", "PermissionsBoundary": BOUNDARY})
        w.role("everything", EVERYTHING)
        w.role("everything-until-deleted", EVERYTHING)
        everybody = {name: w.user(name, EVERYTHING) for name in ("everybody", "inactive", "deleted", "keyless")}
        own = {name: w.credentials(everybody[name], "GetSessionToken", {}) for name in ("inactive", "deleted", "keyless")}
        cls.everybody = everybody["everybody"]
        session, void = w.session(cls.everybody, "everything"), w.session(cls.everybody, "everything-until-deleted")
        w.root_iam("DeleteRolePolicy", {"RoleName": "everything-until-deleted", "PolicyName": "p"})
        w.root_iam("DeleteRole", {"RoleName": "everything-until-deleted"})
        w.root_iam("UpdateAccessKey", {"UserName": "inactive", "AccessKeyId": everybody["inactive"].id, "Status": "Inactive"})
        for name in ("deleted", "keyless"):
            w.root_iam("DeleteAccessKey", {"UserName": name, "AccessKeyId": everybody[name].id})
        w.root_iam("DeleteUserPolicy", {"UserName": "deleted", "PolicyName": "p"})
        w.root_iam("DeleteUser", {"UserName": "deleted"})
        cls.bad = [
            *(Caller(f"a key that is {name}", everybody[name]) for name in ("inactive", "deleted", "keyless")),
            *(Caller(f"a session of a key that is {name}", own[name]) for name in ("inactive", "deleted", "keyless")),
            Caller("a session that has expired", w.expired(session)),
            Caller("a session of a role that is gone", void),
            Caller("a session with another's token", Key(session.id, session.secret, void.token)),
            Caller("a session without its token", Key(session.id, session.secret)),
            Caller("a wrong signature", Key(cls.everybody.id, "not the secret")),
            Caller("a wrong signature of root", Key(w.root.id, "not the secret")),
            Caller("a wrong signature of a session", Key(session.id, "not the secret", session.token)),
            Caller("a key of nobody", Key("AKIANOBODY", "x" * 40)),
            Caller("a signature of an hour ago", cls.everybody, at=past),
        ]
        cls.anonymous = [Caller("nobody", None), Caller("a wrong token", None, "no token of the file API")]
        cls.known = [
            Caller("a user without rights", w.user("none")),
            Caller("a user with rights elsewhere", w.user("other", [{"Effect": "Allow", "Action": "*", "Resource": [
                "arn:aws:s3:::others", "arn:aws:s3:::others/*", f"arn:aws:iam::{ACCOUNT}:user/others"]}])),
            Caller("a federated user without a policy", w.credentials(w.root, "GetFederationToken", {"Name": "without"})),
        ]

    def ask(self, caller, request, form):
        type(self).asked += 1
        return self.world.sender.send(request, caller.key, form, caller.bearer, caller.at)

    def of_row(self, row):
        """(allowed, denied) callers of the row that have rights by name."""
        w = self.world
        w.give("exact", exactly(row.rights))
        may = [Caller("a user with exactly the rights", self.exact),
               Caller("a session with exactly the rights", w.session(self.everybody, "everything", exactly(row.rights)))]
        return may, Caller("root", w.root)

    def without(self, row):
        """(caller, forms): those who lack one right, for each right."""
        w = self.world
        for right, resource in row.rights:
            rest, one = all_but((right, resource)), row.forms[:1]
            w.give("lacking", rest)
            w.give("forbidden", denied(right, resource))
            w.bound(BOUNDARY, rest)
            yield Caller(f"a user with all but {right}", self.lacking), row.forms
            yield Caller(f"a user denied {right}", self.forbidden), row.forms
            yield Caller(f"a session with all but {right}", w.session(self.everybody, "everything", rest)), row.forms
            yield Caller(f"a user with a boundary without {right}", self.bounded), one
            yield Caller(f"a federated user with all but {right}",
                         w.credentials(self.everybody, "GetFederationToken", {"Name": "app", "Policy": policy(rest)})), one

    def by_bucket_policy(self, row, wrong):
        """The same by a bucket's policy: it gives to who has nothing, and takes from who has all."""
        w, names = self.world, {resource.removeprefix(rows_s3.ARN).partition("/")[0] for _, resource in row.rights}
        if row.api != "s3" or row.status == 501 or len(names) != 1 or not names <= set(KEPT_BUCKETS) or "BucketPolicy" in row.action:
            return
        bucket, form = names.pop(), row.forms[0]
        named = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/named"}
        w.bucket_policy(bucket, [{**statement, "Principal": named} for statement in exactly(row.rights)])
        self.assert_allowed(row, Caller("a user whom the bucket's policy gives the rights", self.named), row.make(w), form, wrong)
        w.bucket_policy(bucket, None)
        request = row.make(w)
        for right, resource in row.rights:
            w.bucket_policy(bucket, [{"Effect": "Deny", "Principal": "*", "Action": right, "Resource": resource}])
            for caller in (Caller("root", w.root), Caller("a user with all rights", self.everybody)):
                denier = caller._replace(name=f"{caller.name}, denied {right} by the bucket's policy,")
                self.assert_denied(row, denier, request, form, wrong)
        w.bucket_policy(bucket, None)

    def assert_denied(self, row, caller, request, form, wrong):
        answer = self.ask(caller, request, form)
        if not is_denied(answer, request.method) and not (row.shows_nothing and row.shows_nothing(answer)):
            wrong.append(f"{row}: {caller.name} by {form} was let in: {answer}")

    def assert_allowed(self, row, caller, request, form, wrong):
        answer = self.ask(caller, request, form)
        if answer.status != row.status or (row.is_done and not row.is_done(answer)):
            wrong.append(f"{row}: {caller.name} by {form} was not let in (expected {row.status}): {answer}")

    def check(self, row):
        wrong, w = [], self.world
        may, root = self.of_row(row)
        request = row.make(w)
        refused = {"everything": [], "all": self.bad, "known": [*self.bad, *self.anonymous]}.get(row.open_to)
        if refused is None:
            refused = [*self.bad, *self.anonymous, *self.known]
            for caller, forms in self.without(row) if row.open_to != "token" else ():  # its rights are of this moment
                for form in forms:
                    self.assert_denied(row, caller, request, form, wrong)
        let_in = {"everything": [*self.bad, *self.anonymous, *self.known, *may, root], "all": [*self.anonymous, *self.known, *may, root],
                  "known": [*self.known, *may, root], "nobody": []}.get(row.open_to, [*may, root])
        if row.api == "path" and row.open_to in ("allowed", "token") and any(right in ("tercet:UseFiles", "tercet:ReadState") for right, _ in row.rights):
            let_in = [Caller("the files token", None, TOKEN), *(let_in if row.open_to == "allowed" else ())]
        elif row.open_to == "allowed":
            refused = [*refused, Caller("the files token", None, TOKEN)]
        if not row.root:
            let_in = [caller for caller in let_in if caller is not root]
            refused = [*refused, root] if row.open_to == "allowed" else refused
        if not row.sessions:
            refused = [*refused, *(caller for caller in let_in if caller.key and caller.key.token)]
            let_in = [caller for caller in let_in if not (caller.key and caller.key.token)]
        for caller in refused:
            for form in row.forms if caller.key else row.forms[::2]:
                self.assert_denied(row, caller, request, form, wrong)
        for form in row.forms:
            for caller in let_in:
                self.assert_allowed(row, caller, request, form, wrong)
                request = row.make(w)
        self.by_bucket_policy(row, wrong)
        return wrong

    def test_every_operation_has_a_row(self):
        def name(api, action, at):
            return (api, action, at if api == "path" else "")

        table = {name(o["api"], o["action"], f"{o['method']} {o['path']}"): o for o in self.operations}
        rows = {name(row.api, row.action, row.at) for row in self.rows}
        lacking = [f"{' '.join(filter(None, key))} (asks for {table[key]['right']}): add its row to {HERE}/{PLACES[key[0]]}" for key in table if key not in rows]
        self.assertEqual(lacking, [], "operations without a row in the matrix of who may do what")
        self.assertEqual([key for key in rows if key not in table], [], "rows of operations that the gateway does not have")

    def check_rows(self, *apis):
        wrong = []
        for row in self.rows:
            if row.api in apis and os.environ.get("TERCET_ROW", "") in str(row):
                wrong += self.check(row)
        print(f"{self.asked} requests", flush=True)
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_s3(self):
        self.check_rows("s3", "control")

    def test_iam_and_sts(self):
        self.check_rows("iam")

    def test_other_paths(self):
        self.check_rows("path", "website", "preflight")


if __name__ == "__main__":
    main()
