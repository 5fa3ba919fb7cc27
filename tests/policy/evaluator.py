"""A slow, plainly written evaluator of policies: from AWS's documentation ("IAM JSON policy elements reference", "Policy
evaluation logic", "Blocking public access"), and not from the code that it is compared with. A text that follows AWS's rules
says True or False; None is what AWS leaves open, or a key that nobody knows, and is decided against the caller: an Allow does
not count then, and a Deny does."""

import base64
import datetime
import ipaddress
import re
from fractions import Fraction


class Request:
    """known: is the name of a condition key one that anybody knows? context: key -> list of values."""

    def __init__(self, caller, action, resource, account, context, known):
        self.caller, self.action, self.resource, self.account = caller, action, resource, account
        self.context = {key.lower(): values for key, values in context.items()}
        self.known = known

    def values(self, key):
        """The list of values, empty when the request does not have the key; None when nobody knows it."""
        if key.lower() in self.context:
            return self.context[key.lower()]
        return [] if self.known(key) else None


def every(truths):
    """and, with three values"""
    truths = list(truths)
    return False if False in truths else None if None in truths else True


def some(truths):
    """or, with three values"""
    truths = list(truths)
    return True if True in truths else None if None in truths else False


def negation(truth):
    return None if truth is None else not truth


def listed(value):
    return value if isinstance(value, list) else [value]


# -- texts with wildcards and variables ------------------------------------------------------------------------------------

class Text:
    """A text of a policy, as it stands in a request. Without a value for one of its variables it is `missing` (the request
    does not have the key), or `unknown` (nobody knows it, or it has several values); whatever could be there is then .*"""

    def __init__(self, text, request, wildcards, variables, ignore_case=False):
        self.missing = self.unknown = False
        expression = ""
        for token in re.findall(r"\$\{[^}]*\}|.", text, re.DOTALL) if variables else text:
            if len(token) > 1:
                expression += self.variable(token[2:-1], request)
            elif wildcards and token in "*?":
                expression += ".*" if token == "*" else "."
            else:
                expression += re.escape(token)
        self.expression = re.compile(re.sub(r"(\.\*)+", ".*", expression), re.DOTALL | (re.IGNORECASE | re.ASCII if ignore_case else 0))

    def variable(self, inner, request):
        if inner in ("*", "?", "$"):
            return re.escape(inner)
        key, comma, default = inner.partition(",")
        values = request.values(key.strip(" \t"))
        if values is None or len(values) > 1:
            self.unknown = True
        elif values:
            return re.escape(values[0])
        elif comma:
            return re.escape(default.strip(" \t")[1:-1])
        else:
            self.missing = True
        return ".*"

    def equals(self, text):
        """True, False, "missing" or "unknown"."""
        if not self.expression.fullmatch(text):
            return False
        return "unknown" if self.unknown else "missing" if self.missing else True


def arn_equals(pattern, text, request, variables):
    """An ARN part by part, each of which may have wildcards. A pattern with fewer than six ends with what stands for the rest."""
    parts = [""]
    for token in re.findall(r"\$\{[^}]*\}|.", pattern, re.DOTALL) if variables else pattern:
        if token == ":" and len(parts) < 6:
            parts.append("")
        else:
            parts[-1] += token
    of_text = text.split(":", len(parts) - 1)
    if len(of_text) < len(parts):
        return False
    answers = [Text(part, request, True, variables).equals(other) for part, other in zip(parts, of_text)]
    for worst in (False, "unknown", "missing"):
        if worst in answers:
            return worst
    return True


# -- conditions ------------------------------------------------------------------------------------------------------------

def number(text):
    return Fraction(text) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) else None


def date(text):
    if re.fullmatch(r"[0-9]+", text): # up to the end of the year 9999, as with the other form
        return Fraction(int(text)) if int(text) < 253402300800 else None
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?", text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
                                   tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    ahead = 0
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 23 or minutes > 59:
            return None
        ahead = (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
    milliseconds = int((fraction or ".")[1:4].ljust(3, "0"))
    return Fraction(int(moment.timestamp())) - ahead * 60 + Fraction(milliseconds, 1000)


def address(text):
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def network(text):
    found = ipaddress.ip_network(text, strict=False)
    if found.version == 6 and found.prefixlen >= 96 and found.network_address.ipv4_mapped:
        return ipaddress.ip_network((found.network_address.ipv4_mapped, found.prefixlen - 96))
    return found


def truth(text):
    return {"true": True, "false": False}.get(text.lower())


def binary(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def compared(convert, relation):
    """Of the request's value to the policy's, after both were converted; None when the request's is not of that type."""
    def compare(value, operand, _request, _variables):
        converted = convert(value)
        return None if converted is None else relation(converted, convert(operand))
    return compare


def string(wildcards, ignore_case):
    def compare(value, operand, request, variables):
        answer = Text(operand, request, wildcards, variables, ignore_case).equals(value)
        return None if answer == "unknown" else answer is True
    return compare


def arn(value, operand, request, variables):
    if value.count(":") < 5:
        return None
    answer = arn_equals(operand, value, request, variables)
    return None if answer == "unknown" else answer is True


def within(value, operand, _request, _variables):
    found = address(value)
    return None if found is None else found in network(operand)


def plain(kind, convert):
    return {kind + "Equals": compared(convert, lambda a, b: a == b),
            kind + "LessThan": compared(convert, lambda a, b: a < b),
            kind + "LessThanEquals": compared(convert, lambda a, b: a <= b),
            kind + "GreaterThan": compared(convert, lambda a, b: a > b),
            kind + "GreaterThanEquals": compared(convert, lambda a, b: a >= b)}


MATCHES = {
    "StringEquals": string(False, False), "StringEqualsIgnoreCase": string(False, True), "StringLike": string(True, False),
    **plain("Numeric", number), **plain("Date", date),
    "Bool": compared(truth, lambda a, b: a == b), "BinaryEquals": compared(binary, lambda a, b: a == b),
    "IpAddress": within, "ArnEquals": arn, "ArnLike": arn,
}
# Operator -> the one that it negates.
NEGATED = {"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
           "NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals", "NotIpAddress": "IpAddress",
           "ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike"}
OPERATORS = [*MATCHES, *NEGATED]


def as_text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def condition_holds(name, key, operands, request, variables):
    quantifier, colon, operator = name.rpartition(":")
    values, operands = request.values(key), [as_text(operand) for operand in listed(operands)]
    if values is None:
        return None
    if operator == "Null":
        return any(truth(operand) == (not values) for operand in operands)
    base = operator.removesuffix("IfExists")
    if not values:
        return base != operator or quantifier == "ForAllValues" or (base in NEGATED and not colon)
    match = MATCHES[NEGATED.get(base, base)]

    def holds_for(value):
        matched = some(match(value, operand, request, variables) for operand in operands)
        return negation(matched) if base in NEGATED else matched

    if quantifier == "ForAllValues":
        return values == [""] or every(map(holds_for, values))
    if quantifier == "ForAnyValue":
        return some(map(holds_for, values))
    return holds_for(values[0]) if len(values) == 1 else None


# -- statements ------------------------------------------------------------------------------------------------------------

def action_matches(patterns, request):
    return any(Text(pattern, request, True, False, True).equals(request.action) is True for pattern in listed(patterns))


def resource_matches(statement, request, variables):
    if "Resource" not in statement and "NotResource" not in statement:
        return True
    excluded = "NotResource" in statement
    answers = [arn_equals(pattern, request.resource, request, variables)
               for pattern in listed(statement["NotResource" if excluded else "Resource"])]
    if True in answers:
        return not excluded
    if "unknown" in answers or (excluded and "missing" in answers):
        return None
    return excluded


def named(kind, name, caller):
    """As what the principal names the caller: itself, issuer, account; None when it does not."""
    if kind == "AWS":
        if name == "*":  # denies to everybody, and allows to whoever is not a provider's, which is to be named
            return "account" if caller["kind"] == "web-identity" else "itself"
        if caller.get("account") and name in (caller["account"], f"arn:aws:iam::{caller['account']}:root"):
            return "account"
        if caller["kind"] in ("user", "role-session", "federated"):
            return "itself" if name == caller["arn"] else "issuer" if name == caller.get("issuer") else None
    if kind == "Federated" and caller["kind"] == "web-identity" and name == caller["arn"]:
        return "itself"
    if kind == "CanonicalUser" and name == caller.get("canonical"):
        return "account"
    return None


def names(principal, caller):
    pairs = [("AWS", "*")] if principal == "*" else [(kind, name) for kind, value in principal.items() for name in listed(value)]
    return {named(kind, name, caller) for kind, name in pairs} - {None}, ("AWS", "*") in pairs


def as_whom(statement, caller, bounded):
    """The ways in which the statement names the caller; a statement without principals names it itself."""
    if "Principal" in statement:
        return names(statement["Principal"], caller)[0]
    if "NotPrincipal" in statement:
        ways, everybody = names(statement["NotPrincipal"], caller)
        wanted = {"account"} if caller["kind"] == "root" else {"itself"}
        if caller.get("account"):
            wanted.add("account")
        if caller.get("issuer"):
            wanted.add("issuer")
        return set() if everybody or (wanted <= ways and not bounded) else {"itself"}
    return {"itself"}


def speaks(document, statement, request, bounded=False):
    """The ways in which the statement names the caller when it counts for this request, else the empty set."""
    variables = document.get("Version") == "2012-10-17"
    ways = as_whom(statement, request.caller, bounded)
    about = action_matches(statement["Action"], request) if "Action" in statement else not action_matches(statement["NotAction"], request)
    if not ways or not about:
        return set()
    holds = every([resource_matches(statement, request, variables),
                   *(condition_holds(name, key, operands, request, variables)
                     for name, block in statement.get("Condition", {}).items() for key, operands in block.items())])
    return ways if holds or (holds is None and statement["Effect"] == "Deny") else set()


def ways_of(effect, documents, request, bounded):
    return set().union(*(speaks(document, statement, request, bounded) for document in documents
                         for statement in listed(document["Statement"]) if statement["Effect"] == effect))


# -- the decision ----------------------------------------------------------------------------------------------------------

def decide(policies, request):
    """policies: kind -> list of documents. (allowed, by an explicit deny)"""
    caller, owner = request.caller, request.caller.get("account") == request.account
    resource = policies.get("bucket", []) + policies.get("trust", [])
    boundary, session, identity = policies.get("boundary", []), policies.get("session", []), policies.get("identity", [])
    root = caller["kind"] == "root"
    if root and owner and request.action.lower() in ("s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"):
        resource = []
    # 1. An explicit deny in any of them.
    if ways_of("Deny", resource + boundary + session + identity, request, bool(boundary)):
        return False, True
    # 2. What each of them allows.
    by_resource = ways_of("Allow", resource, request, bool(boundary))
    in_boundary = not boundary or bool(ways_of("Allow", boundary, request, False))
    in_session = bool(ways_of("Allow", session, request, False)) if session else caller["kind"] != "federated"
    by_identity = (root or bool(ways_of("Allow", identity, request, False))) and in_boundary and in_session
    # 3. Who has no account has nothing but the resource's policy.
    if caller["kind"] in ("anonymous", "web-identity"):
        return "itself" in by_resource, False
    # 4. Between accounts both have to allow.
    if not owner:
        return bool(by_resource) and by_identity, False
    # 5. Within one account either is enough, as far as the resource's policy names the caller itself.
    if "itself" in by_resource or ("issuer" in by_resource and in_boundary and in_session):
        return True, False
    return by_identity and (bool(by_resource) or not policies.get("trust")), False


# -- public ----------------------------------------------------------------------------------------------------------------

BINDING = ("aws:principalorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce",
           "aws:userid", "s3:dataaccesspointaccount", "s3:dataaccesspointarn", "s3:x-amz-server-side-encryption-aws-kms-key-id")


def is_fixed(operator, key, operand, variables):
    if key == "aws:sourceip":
        return operator == "IpAddress" and network(operand).prefixlen >= (8 if network(operand).version == 4 else 32)
    if key not in BINDING or operator not in ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"):
        return False
    tokens = re.findall(r"\$\{[^}]*\}|.", operand, re.DOTALL) if variables else operand
    if any(len(token) > 1 and token[2:-1] not in ("*", "?", "$") for token in tokens):
        return False
    if key == "s3:dataaccesspointarn":
        tokens = operand.split(":accesspoint/")[0]
    return operator in ("StringEquals", "StringEqualsIgnoreCase") or not ("*" in tokens or "?" in tokens)


def is_public(document):
    variables = document.get("Version") == "2012-10-17"
    for statement in listed(document["Statement"]):
        bound = any(all(is_fixed(name.removeprefix("ForAnyValue:"), key.lower(), as_text(operand), variables) for operand in listed(operands))
                    for name, block in statement.get("Condition", {}).items() for key, operands in block.items())
        if statement["Effect"] == "Allow" and names(statement["Principal"], {"kind": "anonymous"})[1] and not bound:
            return True
    return False
