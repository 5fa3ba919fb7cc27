#!/bin/sh
# boto3 1.44.8 (botocore 1.44.8): put_object sends Expect: 100-continue and a Content-Length. When the server answers at once with 403 and keeps
# the connection, botocore drops the body and sends its NEXT request on the same connection. A server that reads and
# throws away the announced bytes before it looks for another request, as it does for a client that sends them anyway after
# a pause (RFC 9110 lets it), takes that next request for the body and waits for more. Only "Connection: close" is safe after
# an early answer to such a request.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with boto3==1.44.8 botocore==1.44.8

cat >"$work/finding.py" <<'END'
import socket, threading, boto3
from botocore.config import Config

def serve(peer, connection):
    while True:
        data = b""
        while b"\r\n\r\n" not in data:
            more = peer.recv(65536)
            if not more:
                return
            data += more
        lines = data.split(b"\r\n\r\n")[0].decode().split("\r\n")
        told = [line for line in lines if line.startswith(("Expect", "Content-Length"))]
        print(f"connection {connection}: {lines[0]}", *told, "and of the body", len(data.split(b"\r\n\r\n", 1)[1]))
        peer.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

def accept(listener):
    for connection in range(1, 9):
        threading.Thread(target=serve, args=(listener.accept()[0], connection), daemon=True).start()

listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=accept, args=(listener,), daemon=True).start()
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}", region_name="us-east-1", aws_access_key_id="a",
                  aws_secret_access_key="b", config=Config(proxies={}, s3={"addressing_style": "path"}))
for request in (lambda: s3.put_object(Bucket="b", Key="k", Body=bytes(1000)), lambda: s3.head_bucket(Bucket="b")):
    try:
        request()
    except s3.exceptions.ClientError:
        pass
END
still "$(cd "$work" && "$python" finding.py)" "connection 1: PUT /b/k HTTP/1.1 Expect: 100-continue Content-Length: 1000 and of the body 0
connection 1: HEAD /b HTTP/1.1 and of the body 0"
