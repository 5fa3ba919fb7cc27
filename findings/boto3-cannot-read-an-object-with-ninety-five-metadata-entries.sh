#!/bin/sh
# boto3 1.44.8 (botocore 1.44.8, urllib3 2.8.0) on CPython: S3 bounds user metadata by bytes (2 KB), not by number, and boto3 writes an
# object with 95 short entries. It cannot read it again: http.client, on which urllib3 stands, gives up an answer with more
# than 100 header lines, and head_object and get_object fail as if the connection were broken, after all retries.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with boto3==1.44.8 botocore==1.44.8 urllib3==2.8.0

cat >"$work/finding.py" <<'END'
import socket, threading, boto3
from botocore.config import Config

stored = []

def serve(peer):
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536)
    head, _ = data.split(b"\r\n\r\n", 1)
    lines = head.split(b"\r\n")
    if lines[0].startswith(b"PUT"):
        stored[:] = [line for line in lines if line.lower().startswith(b"x-amz-meta-")]
        answer = [b'ETag: "0"', b"Content-Length: 0"]
    else:
        answer = [b'ETag: "0"', b"Content-Length: 0", b"Content-Type: text/plain", b"Accept-Ranges: bytes", b"x-amz-request-id: 1",
                  b"Last-Modified: Sun, 01 Nov 2026 00:00:00 GMT", b"Connection: close"] + stored
    peer.sendall(b"\r\n".join([b"HTTP/1.1 200 OK"] + answer) + b"\r\n\r\n")
    peer.close()

listener = socket.create_server(("127.0.0.1", 0))

def accept():
    while True:
        serve(listener.accept()[0])

threading.Thread(target=accept, daemon=True).start()
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}", region_name="us-east-1", aws_access_key_id="a",
                  aws_secret_access_key="b", config=Config(proxies={}, retries={"max_attempts": 1}, s3={"addressing_style": "path"}))
for count in (90, 95):
    s3.put_object(Bucket="b", Key="k", Metadata={f"m{number}": "v" for number in range(count)})
    try:
        print(count, "written, read back:", len(s3.head_object(Bucket="b", Key="k")["Metadata"]))
    except Exception as error:
        print(count, "written, read back:", type(error).__name__)
END
still "$(cd "$work" && "$python" finding.py)" "90 written, read back: 90
95 written, read back: ConnectionClosedError"
