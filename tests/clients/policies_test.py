"""The policy language beside a public evaluator, @cloud-copilot/iam-simulate, on the random policies and requests of
tests/policy. Where the two differ, one of REASONS says why, and each of them is shown by a case of its own."""

import json
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "policy"))

import compare_test  # noqa: E402
import evaluator  # noqa: E402
import random_cases  # noqa: E402

CASES = 6_000


def statements(documents):
    return [(document, statement) for _, document in documents for statement in evaluator.listed(document["Statement"])]


def conditions(documents):
    """(operator, without IfExists and set operator; key; operands) of all conditions"""
    return [(name.rpartition(":")[2].removesuffix("IfExists"), name, key.lower(), [evaluator.as_text(text) for text in evaluator.listed(operands)])
            for _, statement in statements(documents) for name, block in statement.get("Condition", {}).items() for key, operands in block.items()]


def undecided(request, documents):
    """Somewhere it cannot be said whether a statement counts: we decide against the caller, they take it for no match."""
    return any(evaluator.resource_matches(statement, request, document.get("Version") == "2012-10-17") is None or
               any(evaluator.condition_holds(name, key, operands, request, document.get("Version") == "2012-10-17") is None
                   for name, block in statement.get("Condition", {}).items() for key, operands in block.items())
               for document, statement in statements(documents))


def short_arn(_request, documents):
    """A pattern with fewer than six parts, or `*`, in a condition on ARNs: we let the last part stand for the rest, they take
    the pattern for wrong, which makes a negated operator fail, too."""
    return any(operator.startswith("Arn") and any(len(text.split(":")) < 6 or "${" in text for text in operands)
               for operator, _, _, operands in conditions(documents))


def empty_set(request, documents):
    """ForAllValues with an empty text as the only value: AWS calls that no value."""
    return any(name.startswith("ForAllValues:") and request.values(key) == [""] for _, name, key, _ in conditions(documents))


def any_service(_request, documents):
    """An action `*:*` is all actions here, and none there."""
    return any("*:*" in evaluator.listed(statement.get(name, [])) for _, statement in statements(documents) for name in ("Action", "NotAction"))


def federated(request, _documents):
    """Without a session policy GetFederationToken gives no rights of the user's; they do not know that."""
    return request.caller["kind"] == "federated"


def not_principal(_request, documents):
    """NotPrincipal spares whom it names in all of its ways, account, role and session, as AWS says that they are to be listed;
    there one of them is enough, and the anonymous are spared."""
    return any("NotPrincipal" in statement for _, statement in statements(documents))


def any_if_exists(request, documents):
    """ForAnyValue:...IfExists holds without the key, as every IfExists; there it does not."""
    return any(name.startswith("ForAnyValue:") and name.endswith("IfExists") and not request.values(key) for _, name, key, _ in conditions(documents))


def canonical(request, documents):
    """CanonicalUser names an account here; there nobody."""
    return "canonical" in request.caller and any("CanonicalUser" in statement.get(name, ()) for _, statement in statements(documents)
                                                 for name in ("Principal", "NotPrincipal"))


def texts(documents):
    return json.dumps([document for _, document in documents if document.get("Version") == "2012-10-17"])


def default_without_space(_request, documents):
    """`${key,'default'}` is `${key, 'default'}` here; there it is the name of a key."""
    return ",'" in texts(documents)


def variable_of_list(_request, documents):
    """A key that can have several values stands for its value here when it has one; there for none."""
    return "${aws:TagKeys}" in texts(documents)


def empty_variable(request, documents):
    """A variable whose value is empty stands for nothing at all here; there it is as one without value."""
    return any(request.values(key) == [""] for key in re.findall(r"\$\{([^},]*:[^},]*)", texts(documents)))


def list_without_set(_request, documents):
    """A key that can have several values is compared without a set operator here when it has one; there it never matches."""
    return any(":" not in name and key == "aws:tagkeys" for _, name, key, _ in conditions(documents))


def not_resource(request, documents):
    """A NotResource with a variable without value leaves out what it could stand for here; there the statement does not count."""
    return any("NotResource" in statement and any(len(request.values(key)) != 1 for key in re.findall(r"\$\{([^},]*:[^},]*)", json.dumps(statement["NotResource"])))
               for _, statement in statements(documents))


def itself_in_session(request, documents):
    """What a resource's policy gives to the session itself or to everybody is not limited by a session's policy here, as AWS says;
    there it is."""
    return any(kind == "session" for kind, _ in documents) and \
        any("Principal" in statement and "itself" in evaluator.as_whom(statement, request.caller, False) for _, statement in statements(documents))


def large_numbers(request, documents):
    """Numbers are exact here; there they are floating-point ones."""
    return "90071992547409" in json.dumps([request.context, [document for _, document in documents]])


def epoch(request, documents):
    """A date of digits is in seconds here; there it is in milliseconds."""
    return any(operator.startswith("Date") and any(text.isdecimal() for text in operands + (request.values(key) or [])) for operator, _, key, operands in conditions(documents))


def every_address(_request, documents):
    """0.0.0.0/0 has every IPv4 address here; there none."""
    return any("0.0.0.0/0" in operands for *_, operands in conditions(documents))


def one_address(_request, documents):
    """An address without prefix in NotIpAddress: one of the other family is another one here; there the operator fails."""
    return any(operator == "NotIpAddress" and any("/" not in text for text in operands) for operator, *_, operands in conditions(documents))


def mapped_address(request, documents):
    """::ffff:10.1.2.3 is 10.1.2.3 here; there it is an IPv6 address."""
    return "::ffff:" in json.dumps([request.context, [document for _, document in documents]])


def missing_in_negated(request, documents):
    """A variable without value in a negated operator equals nothing here, as AWS says, so the operator holds; there it fails."""
    return any("Not" in operator and any(len(request.values(key)) != 1 for text in operands for key in re.findall(r"\$\{([^},]*:[^},]*)", text))
               for operator, _, _, operands in conditions(documents))


USER, SESSION, FEDERATED = random_cases.CALLERS[3], random_cases.CALLERS[5], random_cases.CALLERS[6]
B = random_cases.B


def policy(kind, *listed):
    return kind, {"Version": "2012-10-17", "Statement": [{"Action": "s3:*", "Resource": "*", **statement} for statement in listed]}


def allow(**more):
    return policy("identity", {"Effect": "Allow", **more})


def allow_if(operator, key, operand):
    return allow(Condition={operator: {key: operand}})


# Reason -> a case that shows it: what we say, who asks, the keys of the request, the policies. What the others say differs.
REASONS = {
    undecided: ("ExplicitlyDenied", USER, {"s3:max-keys": ["ten"]},
                [policy("identity", {"Effect": "Allow"}, {"Effect": "Deny", "Condition": {"NumericEquals": {"s3:max-keys": 1}}})]),
    short_arn: ("Allowed", USER, {"aws:PrincipalArn": [USER["arn"]]}, [allow_if("ArnLike", "aws:PrincipalArn", "arn:*")]),
    empty_set: ("Allowed", USER, {"aws:Referer": [""]}, [allow_if("ForAllValues:StringEquals", "aws:Referer", "a")]),
    any_service: ("Allowed", USER, {}, [allow(Action="*:*")]),
    federated: ("ImplicitlyDenied", FEDERATED, {}, [allow()]),
    not_principal: ("ExplicitlyDenied", USER, {}, [allow(), policy("bucket", {"Effect": "Deny", "NotPrincipal": {"AWS": USER["arn"]}})]),
    any_if_exists: ("Allowed", USER, {}, [allow_if("ForAnyValue:StringEqualsIfExists", "aws:Referer", "a")]),
    canonical: ("ExplicitlyDenied", USER, {}, [allow(), policy("bucket", {"Effect": "Deny", "Principal": {"CanonicalUser": USER["canonical"]}})]),
    default_without_space: ("Allowed", USER, {}, [allow(Resource=B + "/${aws:username,'k'}")]),
    variable_of_list: ("Allowed", USER, {"aws:TagKeys": ["k"]}, [allow(Resource=B + "/${aws:TagKeys}")]),
    empty_variable: ("Allowed", USER, {"aws:username": [""]}, [allow(Resource=B + "/${aws:username}k")]),
    list_without_set: ("Allowed", USER, {"aws:TagKeys": ["k"]}, [allow_if("StringEquals", "aws:TagKeys", "k")]),
    not_resource: ("Allowed", USER, {}, [("identity", {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "*", "NotResource": B + "/a${aws:username}"}})]),
    itself_in_session: ("Allowed", SESSION, {}, [policy("bucket", {"Effect": "Allow", "Principal": {"AWS": SESSION["arn"]}}),
                                                 policy("session", {"Effect": "Allow", "Action": "s3:PutObject"})]),
    large_numbers: ("ImplicitlyDenied", USER, {"s3:max-keys": ["9007199254740992"]},
                    [allow_if("NumericEquals", "s3:max-keys", "9007199254740993")]),
    epoch: ("Allowed", USER, {"aws:CurrentTime": ["1795910400"]}, [allow_if("DateEquals", "aws:CurrentTime", "2026-11-29")]),
    every_address: ("Allowed", USER, {"aws:SourceIp": ["192.0.2.1"]}, [allow_if("IpAddress", "aws:SourceIp", "0.0.0.0/0")]),
    one_address: ("Allowed", USER, {"aws:SourceIp": ["2001:db8::1"]}, [allow_if("NotIpAddress", "aws:SourceIp", "10.1.2.3")]),
    mapped_address: ("Allowed", USER, {"aws:SourceIp": ["::ffff:10.1.2.3"]}, [allow_if("IpAddress", "aws:SourceIp", "10.0.0.0/8")]),
    missing_in_negated: ("Allowed", USER, {"aws:Referer": ["a"]}, [allow_if("ForAnyValue:StringNotEquals", "aws:Referer", "${aws:username}")]),
}


def comparable(case, documents):
    """Left out: who they do not know (root, who needs no policy; a web identity), who cannot be (a user with a session policy,
    somebody anonymous with policies of its own), several session policies, keys that nobody knows, and requests for `*`, which
    they take for a pattern."""
    if documents is None or case["resource"] == "*" or "zz:" in json.dumps(documents).lower():
        return False
    kinds, caller = [kind for kind, _ in documents], case["caller"]["kind"]
    if caller == "anonymous":
        return not {"identity", "boundary", "session"} & set(kinds)
    return caller in ("role-session", "federated") and kinds.count("session") < 2 or caller == "user" and "session" not in kinds


def request_of(case):
    return evaluator.Request(case["caller"], case["action"], case["resource"], case["account"], case["context"], compare_test.is_known)


def theirs(cases):
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run(["node", os.path.join(HERE, "simulate.mjs")], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(cases):
    for answer in compare_test.answers(cases):
        yield "Allowed" if answer["allowed"] else "ExplicitlyDenied" if answer["reason"] == "explicit-deny" else "ImplicitlyDenied"


class Policies(unittest.TestCase):
    def test_random(self):
        maker, pairs = random_cases.Maker(1, evaluator.OPERATORS), []
        while len(pairs) < CASES:
            case, documents = maker.case()
            if comparable(case, documents):
                pairs.append((case, documents))
        cases, same, explained = [case for case, _ in pairs], {}, 0
        for (case, documents), our, their in zip(pairs, ours(cases), theirs(cases), strict=True):
            if our == their:
                same[our] = same.get(our, 0) + 1
            elif any(reason(request_of(case), documents) for reason in REASONS):
                explained += 1
            else:
                self.fail(f"{our} here, {their} there:\n{json.dumps(case, indent=1)}\n" + "\n".join(json.dumps(document, indent=1) for _, document in documents))
        print(same, explained)
        self.assertTrue(all(same.get(answer, 0) > CASES // 50 for answer in ("Allowed", "ExplicitlyDenied", "ImplicitlyDenied")), same)

    def test_reasons(self):
        """Each difference, alone."""
        cases = [{"policies": [{"kind": kind, "document": json.dumps(document)} for kind, document in documents], "bucket": "b", "caller": caller,
                  "action": "s3:GetObject", "resource": B + "/k", "account": caller["account"], "context": context}
                 for _, caller, context, documents in REASONS.values()]
        for (reason, (expected, *_, documents)), case, our, their in zip(REASONS.items(), cases, ours(cases), theirs(cases), strict=True):
            with self.subTest(reason.__name__):
                self.assertEqual([other for other in REASONS if other(request_of(case), documents)], [reason])
                self.assertEqual(our, expected)
                self.assertIn(their, {"Allowed", "ExplicitlyDenied", "ImplicitlyDenied"} - {expected})


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False, verbosity=2).result.wasSuccessful())
