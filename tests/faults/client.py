"""One client with one connection: S3 requests signed here, so that a test can say at which time they were signed.

A request ends in an Answer, or raises NotSent (nothing can have happened) or NoAnswer (anything may have).
"""

import datetime
import hashlib
import hmac
import http.client
import time
import urllib.parse

from s3 import REGION

READ_BYTES = 65536


class NotSent(Exception):
    """The server cannot have seen the request."""


class NoAnswer(Exception):
    """The answer did not come, or not whole. head: status and headers, when they came; body: what came of it."""

    def __init__(self, reason, status=0, headers=None, body=b""):
        super().__init__(reason)
        self.status, self.headers, self.body = status, headers or {}, body


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def etag(self):
        return self.headers.get("ETag", "").strip('"')


def quote_path(path):
    return urllib.parse.quote(path, safe="/~")


def quote_query(query):
    return "&".join(
        f"{urllib.parse.quote(k, safe='~')}={urllib.parse.quote(str(v), safe='~')}" for k, v in sorted(query.items())
    )


class Client:
    """clock_offset: seconds that the signing time differs from this machine's clock."""

    def __init__(self, cluster, timeout=20):
        self.cluster = cluster
        self.timeout = timeout
        self.clock_offset = 0
        self._connection = None

    def close(self):
        if self._connection:
            self._connection.close()
        self._connection = None

    def _open(self):
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.cluster.port, timeout=self.timeout)
            try:
                self._connection.connect()
            except OSError as error:
                self.close()
                raise NotSent(str(error)) from error
        return self._connection

    def sign(self, method, path, query, body, extra):
        """The headers of a SigV4 request, the given x-amz- ones among them."""
        now = datetime.datetime.fromtimestamp(time.time() + self.clock_offset, datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        digest = hashlib.sha256(body).hexdigest()
        host = f"127.0.0.1:{self.cluster.port}"
        signed = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        signed |= {name: value for name, value in extra.items() if name.startswith("x-amz-")}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{quote_path(path)}\n{quote_query(query)}\n{lines}\n{names}\n{digest}"
        scope = f"{day}/{REGION}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.cluster.secret_key).encode()
        for piece in (day, REGION, "s3", "aws4_request"):
            key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self.cluster.access_key}/{scope}"
        return {
            "Host": host,
            "x-amz-content-sha256": digest,
            "x-amz-date": stamp,
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}",
        }

    def start(self, method, path, query=None, body=b"", headers=None, signed=True):
        """Sends the request and returns http.client's response with the body unread."""
        query = query or {}
        extra = headers or {}
        sent = self.sign(method, path, query, body, extra) if signed else {}
        sent.update(extra)
        target = quote_path(path) + ("?" + quote_query(query) if query else "")
        connection = self._open()
        try:
            connection.request(method, target, body=body if body or method in ("PUT", "POST") else None, headers=sent)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error

    def request(self, method, path, query=None, body=b"", headers=None, signed=True):
        response = self.start(method, path, query, body, headers, signed)
        pieces = []
        try:
            while piece := response.read1(READ_BYTES):
                pieces.append(piece)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswer(type(error).__name__, response.status, response.headers, b"".join(pieces)) from error
        data = b"".join(pieces)
        response.close()  # read1 leaves it open when exactly the announced length was read
        length = response.headers.get("Content-Length")
        if method != "HEAD" and length is not None and len(data) != int(length):
            self.close()
            raise NoAnswer("body cut short", response.status, response.headers, data)
        if response.will_close:
            self.close()
        return Answer(response.status, response.headers, data)
