"""A million random policies and requests: compat/policy.h beside the evaluator of evaluator.py, and, where it knows what is
asked, beside the public one of clients/policies_test.py. In parts, each made of a seed, with a line in a log when it is done:
the same command goes on where it was stopped.

    million.py --log FILE [--cases N] [--seed N] [--evaluator-only]

It ends with what was counted, and with 1 when something differs for a reason that nobody wrote down; the log has the case."""

import argparse
import collections
import json
import os
import sys

import compare_test
import evaluator
import random_cases

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "clients"))
import policies_test  # noqa: E402

CASES_OF_PART = 10_000
OUTCOME = {"explicit-deny": "ExplicitlyDenied", "allowed": "Allowed", "allowed-to-root": "Allowed"}


def read_log(path):
    """The parts that are done, by their seed. A line that a stop cut short is taken out."""
    parts = {}
    with open(path, "a+b") as log:
        log.seek(0)
        whole = log.read().rpartition(b"\n")[0].splitlines(keepends=True)
        log.truncate(sum(map(len, whole)) + bool(whole))
    for line in whole:
        part = json.loads(line)
        parts[part["seed"]] = part
    return parts


def beside_public(pairs, answers):
    """What the public evaluator said of those that it can be asked: how often the same, and why not; what differs for no reason
    that is known."""
    asked = [(pair, answer) for pair, answer in zip(pairs, answers, strict=True)
             if "refused" not in answer and policies_test.comparable(*pair)]
    counts, differs = collections.Counter(), []
    for ((case, documents), answer), their in zip(asked, policies_test.theirs([case for (case, _), _ in asked]), strict=True):
        our = OUTCOME.get(answer["reason"], "ImplicitlyDenied")
        if our == their:
            counts["same"] += 1
            continue
        request = policies_test.request_of(case)
        why = [reason.__name__ for reason in policies_test.REASONS if reason(request, documents)]
        counts[why[0] if len(why) == 1 else "several" if why else "unexplained"] += 1
        if not why:
            differs.append({"here": our, "there": their, "case": case, "documents": documents})
    return counts, differs


def do_part(seed, count, public):
    maker = random_cases.Maker(seed, evaluator.OPERATORS)
    pairs = [maker.case() for _ in range(count)]
    answers = compare_test.answers([case for case, _ in pairs])
    part = {"seed": seed, "cases": count, "reasons": collections.Counter(), "differs": []}
    for (case, documents), answer in zip(pairs, answers, strict=True):
        found = compare_test.difference(case, documents, answer)
        if found:
            part["differs"].append({"found": found, "answer": answer, "case": case, "documents": documents})
        part["reasons"]["refused" if "refused" in answer else answer["reason"]] += 1
    if public:
        part["public"], differs = beside_public(pairs, answers)
        part["differs"] += differs
    return part


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", required=True)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1_000_000, help="of the first part; the suite has the small ones")
    parser.add_argument("--evaluator-only", action="store_true")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + -(-options.cases // CASES_OF_PART))
    parts = read_log(options.log)
    with open(options.log, "a") as log:
        for seed in seeds:
            if seed not in parts:
                parts[seed] = do_part(seed, CASES_OF_PART, not options.evaluator_only)
                print(json.dumps(parts[seed]), file=log, flush=True)
    total = {"cases": 0, "differs": 0, "reasons": collections.Counter(), "public": collections.Counter()}
    for seed in seeds:
        total["cases"] += parts[seed]["cases"]
        total["differs"] += len(parts[seed]["differs"])
        total["reasons"].update(parts[seed]["reasons"])
        total["public"].update(parts[seed].get("public", {}))
    print(json.dumps(total, indent=1))
    return 1 if total["differs"] else 0


if __name__ == "__main__":
    sys.exit(main())
