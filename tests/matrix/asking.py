"""Requests of the matrix and how they are sent: raw, by one kept connection, signed here and not by an SDK, so that a request
costs a millisecond, and so that what is wrong with it is wrong on purpose."""

import base64
import dataclasses
import datetime
import hashlib
import hmac
import http.client
import json
import re
import urllib.parse

REGION = "us-east-1"
SIGNED = ("host", "content-md5", "content-type")  # and all that begin with x-amz-
# What says that it was who asks, or its right.
DENIALS = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidClientTokenId",
           "MissingAuthenticationToken", "IncompleteSignature", "RequestTimeTooSkewed"}


@dataclasses.dataclass
class Key:
    id: str
    secret: str
    token: str = ""
    cache: dict = dataclasses.field(default_factory=dict)

    def signing_key(self, date, service):
        if (date, service) not in self.cache:
            key = ("AWS4" + self.secret).encode()
            for word in (date, REGION, service, "aws4_request"):
                key = hmac.digest(key, word.encode(), "sha256")
            self.cache[date, service] = key
        return self.cache[date, service]

    def sign(self, date, service, text):
        return hmac.digest(self.signing_key(date, service), text.encode(), "sha256").hex()


@dataclasses.dataclass
class Request:
    method: str
    bucket: str = ""  # S3's; of anything else the path is in `path`
    key: str = ""
    query: dict = dataclasses.field(default_factory=dict)
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    path: str = ""
    service: str = "s3"
    host: str = ""
    fields: dict = None  # of an upload form, which is signed in its fields

    def target(self, by_host):
        if self.path:
            return self.path
        return "/" + "/".join(part for part in (("" if by_host else self.bucket), self.key) if part)


@dataclasses.dataclass
class Answer:
    status: int
    body: bytes
    headers: dict

    @property
    def code(self):
        found = re.search(rb"<Code>(\w+)</Code>", self.body)
        return found[1].decode() if found else ""

    def __str__(self):
        return f"{self.status} {self.code} {self.body[:300]!r}"


def is_denied(answer, method):
    """Whether nobody got anything: of S3 and IAM by the code, which HEAD does not have; of the file API by the status."""
    if answer.code:
        return answer.status in (400, 403) and answer.code in DENIALS
    if method == "HEAD":
        return answer.status in (400, 401, 403) and not answer.body
    return answer.status in (401, 403) and (b'"error"' in answer.body or b"<html" in answer.body)


def quote(text):
    return urllib.parse.quote(text, safe="-_.~")


def query_text(query):
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in sorted(query.items()))


def form_query(parameters):
    return urllib.parse.urlencode(parameters).encode()


class Sender:
    """One connection. form: "header", "presigned", each also "by host"; "upload form"."""

    def __init__(self, port, domain):
        self.port, self.domain = port, domain
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def host(self, request, by_host):
        if request.host:
            return f"{request.host}:{self.port}"
        return f"{request.bucket}.{self.domain}:{self.port}" if by_host else f"127.0.0.1:{self.port}"

    def exchange(self, method, target, headers, body):
        for again in (True, False):
            try:
                self.connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    self.connection.putheader(name, value)
                self.connection.endheaders(body or None)
                answer = self.connection.getresponse()
                return Answer(answer.status, answer.read(), dict(answer.getheaders()))
            except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
                self.connection.close()  # it was closed behind the last answer
                if not again:
                    raise
        return None

    def send(self, request, key=None, form="header", bearer="", at=None):
        """key: None for no signature. at: when it was signed, now by default."""
        by_host = form.endswith("by host")
        target, headers = request.target(by_host), {"Host": self.host(request, by_host)}
        headers.update(request.headers)
        body, query = request.body, dict(request.query)
        if request.fields is not None:
            body, headers["Content-Type"] = self.upload_form(request, key, at)
        elif key and form.startswith("presigned"):
            query.update(self.presign(request, target, headers, key, at))
        elif key:
            self.sign(request, target, headers, key, at)
        if bearer:
            headers["Authorization"] = "Bearer " + bearer
        if body or request.method in ("PUT", "POST"):
            headers["Content-Length"] = str(len(body))
        return self.exchange(request.method, target + ("?" + query_text(query) if query else ""), headers, body)

    @staticmethod
    def canonical(request, target, query, headers, payload):
        signed = sorted(name.lower() for name in headers if name.lower() in SIGNED or name.lower().startswith("x-amz-"))
        values = {name.lower(): value for name, value in headers.items()}
        lines = "".join(f"{name}:{values[name]}\n" for name in signed)
        text = f"{request.method}\n{target}\n{query_text(query)}\n{lines}\n{';'.join(signed)}\n{payload}"
        return ";".join(signed), hashlib.sha256(text.encode()).hexdigest()

    @staticmethod
    def now(at):
        return (at or datetime.datetime.now(datetime.timezone.utc)).strftime("%Y%m%dT%H%M%SZ")

    def sign(self, request, target, headers, key, at):
        time, payload = self.now(at), hashlib.sha256(request.body).hexdigest()
        headers["x-amz-date"] = time
        if request.service == "s3":
            headers["x-amz-content-sha256"] = payload
        if key.token:
            headers["x-amz-security-token"] = key.token
        signed, digest = self.canonical(request, target, request.query, headers, payload)
        scope = f"{time[:8]}/{REGION}/{request.service}/aws4_request"
        signature = key.sign(time[:8], request.service, f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}")
        headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={key.id}/{scope}, SignedHeaders={signed}, Signature={signature}"

    def presign(self, request, target, headers, key, at):
        time = self.now(at)
        scope = f"{time[:8]}/{REGION}/{request.service}/aws4_request"
        names = sorted(name.lower() for name in headers if name.lower() in SIGNED or name.lower().startswith("x-amz-"))
        added = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{key.id}/{scope}", "X-Amz-Date": time,
                 "X-Amz-Expires": "300", "X-Amz-SignedHeaders": ";".join(names)}
        if key.token:
            added["X-Amz-Security-Token"] = key.token
        payload = "UNSIGNED-PAYLOAD" if request.service == "s3" else hashlib.sha256(request.body).hexdigest()
        _, digest = self.canonical(request, target, {**request.query, **added}, headers, payload)
        added["X-Amz-Signature"] = key.sign(time[:8], request.service, f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}")
        return added

    def upload_form(self, request, key, at):
        fields = dict(request.fields)
        if key:
            time = self.now(at)
            fields.update({"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-date": time,
                           "x-amz-credential": f"{key.id}/{time[:8]}/{REGION}/s3/aws4_request"})
            if key.token:
                fields["x-amz-security-token"] = key.token
            end = (at or datetime.datetime.now(datetime.timezone.utc)) + datetime.timedelta(minutes=5)
            policy = {"expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
                      "conditions": [{"bucket": request.bucket}, *({name: value} for name, value in fields.items())]}
            fields["policy"] = base64.b64encode(json.dumps(policy).encode()).decode()
            fields["x-amz-signature"] = key.sign(time[:8], "s3", fields["policy"])
        parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
        parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nby form\r\n--x--\r\n')
        return "".join(parts).encode(), "multipart/form-data; boundary=x"
