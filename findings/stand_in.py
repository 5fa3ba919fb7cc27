"""A small S3 in memory, on a free port of the loopback, for findings about clients. It answers as S3 documents and checks no
signature. A finding looks at each request in `before`, and answers it there when that is the point:

    objects["/b/k"] = (b"body", {"x-amz-meta-colour": "red"})
    before.append(lambda request: request.command == "DELETE" and request.answer(403, error("AccessDenied")))
"""
import email.utils, hashlib, http.server, re, threading, time, urllib.parse
from xml.sax.saxutils import escape

objects = {}  # "/bucket/key": (bytes, headers)
before = []  # each is called with a request and is true when it has answered it
clock = [time.time]  # what Last-Modified says
parts = {}  # of the only upload that is ever under way


def error(code):
    return f"<Error><Code>{code}</Code><Message>as S3 answers</Message></Error>"


def etag(data):
    return '"' + hashlib.md5(data).hexdigest() + '"'


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", headers=()):
        body = body.encode() if isinstance(body, str) else body
        self.send_response_only(status)
        headers = dict(headers)
        if body.startswith(b"<"):
            headers.setdefault("Content-Type", "application/xml")
        for pair in headers.items():
            self.send_header(*pair)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def take_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def handle_request(self):
        body = self.take_body()
        while "aws-chunked" in self.headers.get("Content-Encoding", "") and body:
            head, rest = body.split(b"\r\n", 1)
            size = int(head.split(b";")[0], 16)
            self.body, body = getattr(self, "body", b"") + rest[:size], rest[size + 2:] if size else b""
        else:
            self.body = getattr(self, "body", b"") + body
        path, _, query = self.path.partition("?")
        self.key = urllib.parse.unquote(path)
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if not any(look(self) for look in before):
            self.of_bucket() if self.key.strip("/").count("/") == 0 and self.key.count("/") < 3 else self.of_object()
        self.body = b""

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request

    def of_bucket(self):
        bucket = "/" + self.key.strip("/") + "/"
        if "delete" in self.query:
            keys = [key.decode() for key in re.findall(b"<Key>(.*?)</Key>", self.body)]
            for key in keys:
                objects.pop(bucket + key, None)
            self.answer(200, "<DeleteResult>" + "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys) + "</DeleteResult>")
        elif self.command == "GET" and "list-type" in self.query:
            self.list(bucket)
        else:
            self.answer(200, b"" if "location" not in self.query else "<LocationConstraint/>")

    def list(self, bucket):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter")
        entries = {}
        for path in sorted(objects):
            key = path[len(bucket):]
            if not path.startswith(bucket + prefix) or key <= self.query.get("start-after", ""):
                continue
            if delimiter and delimiter in key[len(prefix):]:
                common = prefix + key[len(prefix):].split(delimiter)[0] + delimiter
                entries[common] = f"<CommonPrefixes><Prefix>{escape(common)}</Prefix></CommonPrefixes>"
            else:
                data = objects[path][0]
                entries[key] = (f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
                                f"<ETag>{etag(data)}</ETag><Size>{len(data)}</Size><StorageClass>STANDARD</StorageClass></Contents>")
        self.answer(200, '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                    f"<Name>{bucket.strip('/')}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(entries)}</KeyCount>"
                    f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{''.join(entries.values())}</ListBucketResult>")

    def of_object(self):
        if self.command == "POST" and "uploads" in self.query:
            self.answer(200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        elif self.command == "POST":
            objects[self.key] = (b"".join(parts[number] for number in sorted(parts)), {})
            parts.clear()
            self.answer(200, '<CompleteMultipartUploadResult><ETag>"0-1"</ETag></CompleteMultipartUploadResult>')
        elif self.command == "PUT":
            self.put()
        elif self.command == "DELETE":
            if "uploadId" not in self.query:
                objects.pop(self.key, None)
            self.answer(204)
        elif self.key not in objects:
            self.answer(404, error("NoSuchKey"))
        else:
            self.send(*objects[self.key])

    def refused(self):
        """Whether a condition of the PUT does not hold."""
        stored = etag(objects[self.key][0]) if self.key in objects else None
        wanted = self.headers.get("If-Match")
        return (self.headers.get("If-None-Match") == "*" and stored) or (wanted and wanted.strip('"') != (stored or "").strip('"'))

    def put(self):
        source = self.headers.get("x-amz-copy-source")
        data = objects["/" + urllib.parse.unquote(source).lstrip("/")] if source else (self.body, {
            name.lower(): value for name, value in self.headers.items() if name.lower().startswith(("x-amz-meta-", "content-type"))})
        name = "CopyPartResult" if "partNumber" in self.query else "CopyObjectResult"
        if self.refused():
            self.answer(412, error("PreconditionFailed"))
            return
        if "partNumber" in self.query:
            parts[int(self.query["partNumber"])] = data[0]
        else:
            objects[self.key] = data
        self.answer(200, f"<{name}><ETag>{etag(data[0])}</ETag></{name}>" if source else b"", {"ETag": etag(data[0])})

    def send(self, data, headers):
        headers = {"ETag": etag(data), "Last-Modified": email.utils.formatdate(clock[0](), usegmt=True), "Accept-Ranges": "bytes", **headers}
        span = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not span:
            self.answer(200, data, headers)
            return
        size = len(data)
        first, last = (int(span[1]), int(span[2] or size - 1)) if span[1] else (max(0, size - int(span[2])), size - 1)
        if first >= size:
            self.answer(416, error("InvalidRange"))
            return
        last = min(last, size - 1)
        self.answer(206, data[first:last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{size}"})

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Request)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"


def boto3_client(service="s3", **config):
    """A client of this server. It needs boto3."""
    import boto3
    from botocore.config import Config

    return boto3.client(service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b",
                        config=Config(**{"proxies": {}, "s3": {"addressing_style": "path"}, **config}))
