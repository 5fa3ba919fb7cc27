"""tercet-check-policy: what it says of policies in files, its exit codes, and the commands of docs/users.md that use it."""

import json
import os
import subprocess
import tempfile
import unittest

TOOL = os.path.join(os.environ["TERCET_BUILD"], "tools", "tercet-check-policy")
ANNA = "arn:aws:iam::000000000000:user/team/anna"


def statement(effect="Allow", action="s3:GetObject", resource="arn:aws:s3:::b/*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource} | more


class CheckPolicy(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tercet-check-")
        self.addCleanup(self.folder.cleanup)

    def write(self, name, *statements):
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as file:
            json.dump({"Version": "2012-10-17", "Statement": statements}, file)
        return name

    def run_tool(self, *options):
        done = subprocess.run([TOOL, *options], cwd=self.folder.name, capture_output=True, text=True, timeout=30)
        return done.returncode, (done.stdout if done.returncode < 2 else done.stderr).strip()

    def ask(self, *options, principal=ANNA, action="s3:GetObject", resource="arn:aws:s3:::b/k"):
        return self.run_tool("-principal", principal, "-action", action, "-resource", resource, *options)

    def test_who_decides(self):
        read = self.write("read.json", statement(Sid="Read"), statement(action="s3:ListBucket", resource="arn:aws:s3:::b"))
        deny = self.write("deny.json", statement("Deny", "s3:*", "*"))
        self.assertEqual(self.ask("-identity", read), (0, "allowed by statement 1 (Read) of read.json"))
        self.assertEqual(self.ask("-identity", read, action="s3:ListBucket", resource="arn:aws:s3:::b"),
                         (0, "allowed by statement 2 of read.json"))
        self.assertEqual(self.ask("-identity", read, action="s3:PutObject"), (1, "denied: no statement allows it"))
        self.assertEqual(self.ask(), (1, "denied: no statement allows it"))
        self.assertEqual(self.ask("-identity", read, "-identity", deny), (1, "denied by statement 1 of deny.json"))
        other = self.write("other.json", statement(action="s3:PutObject"))
        self.assertEqual(self.ask("-identity", read, "-boundary", other),
                         (1, "denied: the permissions boundary does not allow it"))
        session = "arn:aws:sts::000000000000:assumed-role/reader/one"
        self.assertEqual(self.ask("-identity", read, "-session", other, principal=session),
                         (1, "denied: no policy of the session allows it"))
        self.assertEqual(self.ask("-identity", read, "-session", read, principal=session)[0], 0)
        self.assertEqual(self.ask(principal="arn:aws:iam::000000000000:root"), (0, "allowed: it is the root of the account"))

    def test_policies_of_buckets(self):
        public = self.write("bucket.json", statement(Principal="*"))
        named = self.write("named.json", statement(Principal={"AWS": ANNA}))
        self.assertEqual(self.ask("-bucket", public, principal="anonymous"), (0, "allowed by statement 1 of bucket.json"))
        self.assertEqual(self.ask("-bucket", named)[0], 0)
        self.assertEqual(self.ask("-bucket", named, principal="anonymous")[0], 1)
        stranger = "arn:aws:iam::111111111111:user/x"
        self.assertEqual(self.ask("-bucket", public, principal=stranger)[0], 1)  # its own account has to allow it, too
        self.assertEqual(self.ask("-bucket", public, "-identity", self.write("own.json", statement()), principal=stranger)[0], 0)

    def test_conditions(self):
        near = self.write("near.json", statement(Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}))
        self.assertEqual(self.ask("-identity", near)[0], 1)
        self.assertEqual(self.ask("-identity", near, "-context", "aws:SourceIp=192.0.2.7")[0], 0)
        self.assertEqual(self.ask("-identity", near, "-context", "AWS:sourceip=198.51.100.7")[0], 1)
        own = self.write("own.json", statement(resource="arn:aws:s3:::b/${aws:username}/*"))
        self.assertEqual(self.ask("-identity", own, resource="arn:aws:s3:::b/anna/k")[0], 0)
        self.assertEqual(self.ask("-identity", own, resource="arn:aws:s3:::b/bert/k")[0], 1)
        tags = self.write("tags.json", statement(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}))
        self.assertEqual(self.ask("-identity", tags, "-context", "aws:TagKeys=a", "-context", "aws:TagKeys=b")[0], 0)
        self.assertEqual(self.ask("-identity", tags, "-context", "aws:TagKeys=a", "-context", "aws:TagKeys=c")[0], 1)

    def test_what_is_wrong(self):
        read = self.write("read.json", statement())
        bad = self.write("bad.json", statement(action="nonsense:"), {"Effect": "Perhaps"})
        for options, word in ((("-identity", "none.json"), "none.json"), (("-identity", bad), "bad.json"),
                              (("-bucket", read), "read.json"), (("-boundary", read, "-boundary", read), "one permissions"),
                              (("-context", "aws:SourceIp"), "KEY=VALUE"), (("-nonsense", "x"), "-nonsense"), (("-identity",), "-identity"),
                              (("-identity", self.folder.name), "directory")):  # fmt: skip
            code, said = self.ask(*options)
            self.assertEqual(code, 2, options)
            self.assertIn(word, said)
        self.assertEqual(self.ask(principal="anna")[0], 2)
        self.assertEqual(self.ask(principal="arn:aws:iam::000000000000:group/g")[0], 2)
        self.assertEqual(self.run_tool("-action", "s3:GetObject")[0], 2)
        self.assertEqual(self.run_tool("-help")[0], 0)


if __name__ == "__main__":
    unittest.main()
