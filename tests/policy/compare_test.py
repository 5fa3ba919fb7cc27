"""The policy language beside an evaluator that was written apart from it (evaluator.py), on random policies and requests:
what is allowed, whether by an explicit deny, that the statement which is named speaks, and which bucket policies are public.

    compare_test.py                          as the suite runs it
    compare_test.py --cases N [--seed N]     as many as wanted, from that seed on"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import evaluator
import random_cases

PROGRAM = os.path.join(os.environ["TERCET_BUILD"], "tests", "policy", "policy_lines")
CASES_IN_SUITE = 25_000
CASES_AT_ONCE = 5_000


def answers(cases):
    with tempfile.TemporaryFile("w+") as lines:
        lines.writelines(json.dumps(case) + "\n" for case in cases)
        lines.seek(0)
        done = subprocess.run([PROGRAM], stdin=lines, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{PROGRAM} ended with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_known(key):
    return not key.lower().startswith("zz:")


def statements_of(document):
    return evaluator.listed(document["Statement"])


def difference(case, documents, answer):
    """What the two say differently; None when they agree."""
    if documents is None:
        return None if "refused" in answer else "it was not refused"
    if "refused" in answer:
        return "it was refused"
    request = evaluator.Request(case["caller"], case["action"], case["resource"], case["account"], case["context"], is_known)
    by_kind = {}
    for kind, document in documents:
        by_kind.setdefault(kind, []).append(document)
    allowed, denied = evaluator.decide(by_kind, request)
    if (answer["allowed"], answer["reason"] == "explicit-deny") != (allowed, denied):
        return f"expected allowed {allowed}, explicitly denied {denied}"
    if answer["policy"] >= 0:
        kind, document = documents[answer["policy"]]
        statement = statements_of(document)[answer["statement"] - 1]
        if statement["Effect"] != ("Allow" if allowed else "Deny"):
            return "it names a statement of the other effect"
        if not evaluator.speaks(document, statement, request, "boundary" in by_kind and kind in ("bucket", "trust")):
            return "it names a statement that does not speak"
    elif answer["reason"] in ("allowed", "explicit-deny"):
        return "it names no statement"
    if "bucket" in by_kind and answer["public"] != evaluator.is_public(by_kind["bucket"][0]):
        return f"public should be {evaluator.is_public(by_kind['bucket'][0])}"
    return None


def compare(seed, count):
    """How often each reason was given. Raises AssertionError with the first case that differs."""
    maker, reasons = random_cases.Maker(seed, evaluator.OPERATORS), {}
    pairs = [maker.case() for _ in range(count)]
    for (case, documents), answer in zip(pairs, answers([case for case, _ in pairs]), strict=True):
        found = difference(case, documents, answer)
        if found:
            raise AssertionError(f"seed {seed}: {found}, but: {answer}\n{json.dumps(case, indent=1)}\n" +
                                 "\n".join(json.dumps(document, indent=1) for _, document in documents or ()))
        reason = "refused" if "refused" in answer else answer["reason"]
        reasons[reason] = reasons.get(reason, 0) + 1
        if answer.get("public"):
            reasons["public"] = reasons.get("public", 0) + 1
    return reasons


class Compare(unittest.TestCase):
    def test_random(self):
        reasons = {}
        for seed in range(CASES_IN_SUITE // CASES_AT_ONCE):
            for reason, count in compare(seed, CASES_AT_ONCE).items():
                reasons[reason] = reasons.get(reason, 0) + count
        print(reasons)
        for reason in ("explicit-deny", "not-allowed", "beyond-boundary", "beyond-session", "allowed", "allowed-to-root", "refused", "public"):
            self.assertGreater(reasons.get(reason, 0), 100, reason)


def many(count, seed):
    total, done = {}, 0
    while done < count:
        for reason, number in compare(seed, min(count - done, CASES_AT_ONCE)).items():
            total[reason] = total.get(reason, 0) + number
        done, seed = done + CASES_AT_ONCE, seed + 1
        print(min(done, count), total, flush=True)


if __name__ == "__main__":
    if "--cases" in sys.argv:
        options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
        many(int(options["--cases"]), int(options.get("--seed", 0)))
    else:
        sys.exit(not unittest.main(exit=False, verbosity=2).result.wasSuccessful())
