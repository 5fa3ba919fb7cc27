"""The paths beside S3 (/system, /metrics, the file API, quotas): open to the token, and to users whose own policies name the
action; each asked by one who may and by those who may not."""

import json
import os
import shutil
import tempfile
import types
import unittest

import raw_http
import s3
from harness import ClusterTest

TOKEN = "a token of the file API"
STATE = [("GET", path) for path in ("/system/health", "/system/nodes", "/system/repair", "/system/lifecycle", "/system/encryption", "/system/notifications", "/metrics", "/metrics/buckets")]
FILES = [("GET", "/download?filename=kept"), ("HEAD", "/download?filename=kept"), ("DELETE", "/delete?filename=none")]
READ_QUOTA = [("GET", "/system/quota/bounded")]
CHANGE_QUOTA = [("PUT", "/system/quota/bounded"), ("DELETE", "/system/quota/bounded")]
NODES = [("PUT", "/system/nodes/1")]
EVERY = STATE + FILES + READ_QUOTA + CHANGE_QUOTA + NODES
# name: what its policy allows, on what, and what that opens
USERS = {
    "state": ("tercet:ReadState", "*", STATE),
    "files": ("tercet:UseFiles", "arn:aws:s3:::files", FILES),
    "auditor": ("tercet:GetBucketQuota", "arn:aws:s3:::bounded", READ_QUOTA),
    "keeper": ("tercet:PutBucketQuota", "arn:aws:s3:::bounded", CHANGE_QUOTA),
    "other": ("tercet:PutBucketQuota", "arn:aws:s3:::another", []),
    "operator": ("tercet:ManageNodes", "*", NODES),
    "all-of-tercet": ("tercet:*", "*", EVERY),
    "all-of-aws": ("*", "*", []),
    "nobody": (None, None, []),
}


class AdminPaths(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="tercet-admin-")
        cls.addClassCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "bootstrap.json")
        users = []
        for name, (action, resource, _) in USERS.items():
            user = {"name": name, "keys": [{"id": f"{name.upper()}-KEY", "secret": f"the secret of {name}"}]}
            if action:
                user["policies"] = {"own": {"Statement": {"Effect": "Allow", "Action": action, "Resource": resource}}}
            users.append(user)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            json.dump({"users": users, "buckets": [{"name": "bounded"}]}, file)
        cls.cluster_options = {"tls": False, "gateway_options": ("-bootstrap", path, "-files-token", TOKEN)}
        super().setUpClass()
        s3.client(cls.cluster).put_object(Bucket="files", Key="kept", Body=b"kept")

    def body(self, method, path):
        if method != "PUT":
            return b""
        return b'{"bytes": 1000000}' if "quota" in path else b'{"state": "active"}'

    def statuses(self, ask):
        """(method, path) -> whether it was let in: what is not there is found to be so by who may look."""
        answers = {row: ask(*row, self.body(*row)) for row in EVERY}
        for row, answer in answers.items():
            self.assertIn(answer.status, (200, 204, 401, 403, 404), row)
            if answer.status in (401, 403) and row[0] != "HEAD":
                self.assertIn("error", json.loads(answer.body), row)
        return [row for row, answer in answers.items() if answer.status not in (401, 403)]

    def by(self, access_key, secret_key):
        signer = types.SimpleNamespace(port=self.cluster.port, url=self.cluster.url, access_key=access_key, secret_key=secret_key)
        return lambda method, path, body: s3.signed(signer, method, path, {}, body)

    def test_users(self):
        for name, (_, _, opened) in USERS.items():
            with self.subTest(name):
                self.assertEqual(self.statuses(self.by(f"{name.upper()}-KEY", f"the secret of {name}")), opened)

    def test_root_and_the_token(self):
        self.assertEqual(self.statuses(self.by(self.cluster.access_key, self.cluster.secret_key)), READ_QUOTA + CHANGE_QUOTA + NODES)

        def with_token(method, path, body, token=TOKEN):
            return raw_http.request(self.cluster.port, method, path, {"Authorization": f"Bearer {token}"}, body)

        self.assertEqual(self.statuses(with_token), STATE + FILES)
        self.assertEqual(self.statuses(lambda *row: with_token(*row, token="another token of the API")), [])

    def test_this_machine_and_others(self):
        def unsigned(method, path, body, headers=()):
            return raw_http.request(self.cluster.port, method, path, dict(headers), body)

        self.assertEqual(self.statuses(unsigned), STATE + FILES)
        self.assertEqual(self.statuses(lambda *row: unsigned(*row, headers={"X-Forwarded-For": "192.0.2.1"})), [])


if __name__ == "__main__":
    unittest.main()
