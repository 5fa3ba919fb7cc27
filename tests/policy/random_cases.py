"""Random policies and requests. The words are few, so that statements often speak of a request, and half of the patterns are
made of few characters, so that they often nearly match."""

import json
import random

ACCOUNTS = ("123456789012", "210987654321")
CALLERS = [{"kind": "anonymous"}, {"kind": "web-identity", "arn": "arn:aws:iam::123456789012:oidc-provider/idp.example.org"}]
for account in ACCOUNTS:
    iam, sts = f"arn:aws:iam::{account}:", f"arn:aws:sts::{account}:"
    CALLERS += [
        {"kind": "root", "account": account, "arn": iam + "root", "canonical": "c0ffee" + account},
        {"kind": "user", "account": account, "arn": iam + "user/ann", "canonical": "c0ffee" + account},
        {"kind": "user", "account": account, "arn": iam + "user/team/bob"},
        {"kind": "role-session", "account": account, "arn": sts + "assumed-role/reader/s1", "issuer": iam + "role/reader"},
        {"kind": "federated", "account": account, "arn": sts + "federated-user/eve", "issuer": iam + "user/ann"},
    ]
ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteObjectVersion", "s3:ListAllMyBuckets", "s3:PutBucketPolicy"]
ACTION_PATTERNS = ["*", "s3:*", "s3:*", "s3:Get*", "S3:getobject", "s3:?etObject", "s3:*Object*", "s3:List*", "s3:PutBucketPolicy", "s3:*t"]
OTHER_ACTION_PATTERNS = ["iam:*", "*:*", "s3express:CreateSession", "sts:AssumeRole"]
TRUST_ACTIONS = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
TRUST_PATTERNS = ["sts:*", "sts:AssumeRole", "sts:AssumeRole*", "STS:TagSession", "sts:?agSession"]
B = "arn:aws:s3:::b"
RESOURCES = ["*", B, B + "/", B + "/k", B + "/home/ann/x", B + "/home/bob", B + "/red/k", B + "/a:b", B + "/\u00e9", B + "/x:s3:::b/k"]
RESOURCE_PATTERNS = ["*", "*", B, B + "/*", B + "*", B + "/?", B + "/home/*", B + "/a:*"]
OTHER_RESOURCE_PATTERNS = ["arn:*:s3:::b/*", "arn:aws:s3:*", "arn:aws:s3:::c/*", "arn:aws:*:::b/k", "arn:*"]
VARIABLES = ["${aws:username}", "${aws:username, 'ann'}", "${aws:PrincipalTag/team}", "${aws:principaltag/TEAM,'red'}", "${s3:prefix}",
             "${*}", "${?}", "${$}", "${aws:TagKeys}", "${aws:userid}"]
UNKNOWN = "zz:nobody-knows"
STRINGS = ["ann", "Ann", "bob", "a*", "a?", "home/", "home/ann", "", "red", "*", "?nn", "\u00e9"]
NUMBERS = ["0", "1", "-1", "10", "10.0", "010", "9.99", "+1.50", "9007199254740993", "9007199254740992"]
DATES = ["2026-11-29", "2026-11-29T00:00Z", "2026-11-29T01:00:00+01:00", "2026-11-28T23:59:59.999Z", "1795910400", "2024-02-29T12:00:00.5-0130"]
NETWORKS = ["10.0.0.0/8", "10.1.2.3", "192.0.2.128/25", "0.0.0.0/0", "2001:db8::/33", "::/0", "::ffff:10.0.0.0/104", "10.1.2.3/7"]
ADDRESSES = ["10.1.2.3", "11.0.0.1", "192.0.2.128", "192.0.2.1", "2001:db8::1", "2001:db8:8000::1", "::ffff:10.1.2.3"]
BINARIES = ["AQID", "AQ==", "AQI=", ""]
ARNS = [caller["arn"] for caller in CALLERS if "arn" in caller] + [B, B + "/k", "arn:aws:sns:x:123456789012:a:b", "ann", ""]
ARN_PATTERNS = ["arn:aws:iam::*:user/*", "arn:aws:iam::123456789012:*", "arn:*", "*", "arn:aws:sts::??????9012:assumed-role/*/s1", B + "/*",
                "${aws:PrincipalArn}", "arn:aws:iam::123456789012:user/${aws:username}", *ARNS[:6]]
KEYS = {
    "aws:username": STRINGS, "s3:prefix": STRINGS, "aws:PrincipalTag/team": ["red", "blue", ""], "aws:Referer": STRINGS + NUMBERS,
    "s3:max-keys": NUMBERS + ["ten", ""], "aws:CurrentTime": DATES + ["now"], "aws:SourceIp": ADDRESSES, "aws:SecureTransport": ["true", "false"],
    "aws:TagKeys": ["one", "two", "Two", ""], "aws:PrincipalArn": ARNS, "aws:userid": ["AIDA:x", "AROA*:s"], "aws:SourceVpc": ["vpc-1"],
    "aws:UserAgent": BINARIES + ["x", "AQ="],
}
OPERANDS = {"String": STRINGS, "Numeric": NUMBERS, "Date": DATES, "Bool": ["true", "false", "True"], "BinaryEquals": BINARIES,
            "IpAddress": NETWORKS, "NotIpAddress": NETWORKS, "Arn": ARN_PATTERNS}
PRINCIPALS = [("AWS", "*"), ("Service", "logging.s3.amazonaws.com"), ("CanonicalUser", "c0ffee123456789012"), ("AWS", "AIDAJQABLZS4A3QDU576Q"),
              ("Federated", CALLERS[1]["arn"]), *(("AWS", account) for account in ACCOUNTS),
              *(("AWS", caller[name]) for caller in CALLERS[2:] for name in ("arn", "issuer") if name in caller)]


class Maker:
    def __init__(self, seed, operators):
        self.random, self.operators = random.Random(seed), operators

    def some(self, *lists, most=3):
        """One or several, as a text or a list."""
        words = [self.random.choice(self.random.choice(lists)) for _ in range(self.random.choice((1, 1, 2, most)))]
        return words[0] if len(words) == 1 and self.random.random() < 0.7 else words

    def maybe(self, chance):
        return self.random.random() < chance

    def letters(self, alphabet, most=7):
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randint(0, most)))

    def resource_pattern(self, of_bucket, variables):
        if self.maybe(0.5):
            return self.random.choice(RESOURCE_PATTERNS if of_bucket or self.maybe(0.7) else OTHER_RESOURCE_PATTERNS)
        text = B + "/" + self.letters("ab*?:\u00e9")
        if variables and self.maybe(0.5):
            text += self.random.choice(VARIABLES + ([] if of_bucket else ["${%s}" % UNKNOWN, "${%s, 'a'}" % UNKNOWN])) + self.letters("*/a", 2)
        return text

    def operand(self, operator, variables):
        pool = next(values for prefix, values in OPERANDS.items() if operator.startswith(prefix))
        word = self.random.choice(pool)
        if operator.startswith("String") and self.maybe(0.4):
            word = self.letters("aA*?n")
        if variables and operator.startswith("String") and self.maybe(0.2):
            word += self.random.choice(VARIABLES)
        if operator == "Bool" and self.maybe(0.3):
            return word.lower() == "true"
        if operator.startswith("Numeric") and word.isdecimal() and not word.startswith("0") and self.maybe(0.3):
            return int(word)
        return word if variables or "${" not in word else "arn:*"

    def conditions(self, unknown, variables):
        blocks = {}
        for _ in range(self.random.choice((0, 0, 1, 1, 2))):
            operator = self.random.choice(self.operators)
            name = self.random.choice(("", "", "", "ForAllValues:", "ForAnyValue:")) + operator + self.random.choice(("", "", "IfExists"))
            fitting = {"Numeric": "s3:max-keys", "Date": "aws:CurrentTime", "IpAddress": "aws:SourceIp", "NotIpAddress": "aws:SourceIp",
                       "Bool": "aws:SecureTransport", "Arn": "aws:PrincipalArn", "Binary": "aws:UserAgent"}
            key = self.random.choice(list(KEYS) + ([UNKNOWN] if unknown else []))
            if self.maybe(0.6):
                key = next((key for prefix, key in fitting.items() if operator.startswith(prefix)), "aws:username")
            operands = [self.operand(operator, variables) for _ in range(self.random.choice((1, 1, 2, 3)))]
            if self.maybe(0.1):
                name, operands = "Null", [self.random.choice((True, False, "true"))]
            blocks.setdefault(name, {})[self.random.choice((key, key.upper(), key.lower()))] = operands if len(operands) > 1 or self.maybe(0.3) else operands[0]
        return blocks

    def principals(self, only_named=False):
        if not only_named and self.maybe(0.2):
            return "*"
        found = {}
        for _ in range(self.random.choice((1, 1, 2, 4))):
            kind, name = self.random.choice(PRINCIPALS)
            found.setdefault(kind, []).append(name)
        return {kind: words[0] if len(words) == 1 else words for kind, words in found.items()}

    def statement(self, kind, variables):
        bucket, trust = kind == "bucket", kind == "trust"
        statement = {"Effect": "Deny" if self.maybe(0.25) else "Allow"}
        if bucket or trust:
            negated = bucket and statement["Effect"] == "Deny" and self.maybe(0.3)
            statement["NotPrincipal" if negated else "Principal"] = self.principals(negated)
        pools = [TRUST_PATTERNS] if trust else [ACTION_PATTERNS] if bucket else [ACTION_PATTERNS, ACTION_PATTERNS, OTHER_ACTION_PATTERNS]
        statement["NotAction" if self.maybe(0.15) else "Action"] = self.some(*pools)
        if not trust:
            patterns = [self.resource_pattern(bucket, variables) for _ in range(self.random.choice((1, 1, 2, 3)))]
            statement["NotResource" if self.maybe(0.15) else "Resource"] = patterns if len(patterns) > 1 else patterns[0]
        conditions = self.conditions(not bucket, variables)
        if conditions:
            statement["Condition"] = conditions
        return statement

    def document(self, kind):
        variables = self.maybe(0.8)
        document = {"Version": "2012-10-17" if variables else "2008-10-17"}
        if not variables and self.maybe(0.5):
            del document["Version"]
        statements = [self.statement(kind, variables) for _ in range(self.random.choice((1, 1, 2, 3, 4)))]
        document["Statement"] = statements if len(statements) > 1 or self.maybe(0.5) else statements[0]
        return document

    def context(self):
        found = {}
        for key, values in KEYS.items():
            if self.maybe(0.6):
                count = self.random.choice((0, 1, 1, 2, 3)) if key == "aws:TagKeys" or self.maybe(0.03) else 1
                found[key] = [self.random.choice(values) for _ in range(count)]
        return found

    def spoil(self, document):
        """Makes the document one that has to be refused."""
        statement = document["Statement"][0] if isinstance(document["Statement"], list) else document["Statement"]
        self.random.choice((
            lambda: statement.pop("Effect"), lambda: statement.update(Effect="allow"), lambda: statement.update(Extra="x"),
            lambda: [statement.pop(name, None) for name in ("Action", "NotAction")], lambda: statement.update(Action="s3", NotAction="s3:*"),
            lambda: statement.update(Condition={"StringEqual": {"aws:username": "x"}}), lambda: document.update(Version="2012-10-18"),
            lambda: statement.update(Condition={"Bool": {"aws:SecureTransport": "maybe"}}), lambda: document.pop("Statement"),
            lambda: statement.update(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.256"}}), lambda: document.update(Statement=[]),
            lambda: statement.update(Principal={"AWS": "arn:aws:iam::123456789012:user/*"})))()

    def case(self):
        """(case for policy_lines, documents by kind; None when one of them is to be refused)"""
        trust = self.maybe(0.15)
        kinds = ["identity"] * self.random.choice((0, 1, 1, 2)) + ["trust" if trust else "bucket"] * self.random.choice((0, 1, 1, 1))
        kinds += ["boundary"] * self.maybe(0.25) + ["session"] * self.random.choice((0, 0, 1, 1, 2))
        documents = [(kind, self.document(kind)) for kind in kinds]
        spoiled = bool(documents) and self.maybe(0.02)
        if spoiled:
            self.spoil(self.random.choice(documents)[1])
        resource = self.random.choice(RESOURCES) if self.maybe(0.5) else B + "/" + self.letters("ab:\u00e9\u20ac")
        case = {"policies": [{"kind": kind, "document": json.dumps(document, ensure_ascii=self.maybe(0.5))} for kind, document in documents],
                "bucket": "b", "caller": self.random.choice(CALLERS), "action": self.random.choice(TRUST_ACTIONS if trust else ACTIONS),
                "resource": resource, "account": self.random.choice(ACCOUNTS[:1] * 4 + ACCOUNTS[1:]), "context": self.context()}
        return case, None if spoiled else documents
