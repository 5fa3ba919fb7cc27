"""HTTP as it is on the wire, for requests that no client would send."""

import http.client
import socket


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        return self.headers.get(name)


def connect(port, timeout=30):
    peer = socket.create_connection(("127.0.0.1", port), timeout)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def read_answer(peer, method="GET"):
    """The next response on the connection, None when the connection ended without one."""
    response = http.client.HTTPResponse(peer, method=method)
    try:
        response.begin()
        body = response.read()
    except (http.client.BadStatusLine, ConnectionError):
        return None
    return Answer(response.status, response.headers, body)


def exchange(port, data, method="GET", finish=False):
    """Sends the bytes as they are and returns the first answer. finish: also closes our side, as a cut upload does."""
    with connect(port) as peer:
        try:
            peer.sendall(data)
            if finish:
                peer.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_answer(peer, method)


def request(port, method, target, headers=(), body=b""):
    """A well-formed request with exactly these headers, beside Host and Content-Length."""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    if body or method in ("PUT", "POST"):
        if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in pairs):
            pairs.append(("Content-Length", str(len(body))))
    head += "".join(f"{name}: {value}\r\n" for name, value in pairs)
    return exchange(port, head.encode("latin-1") + b"\r\n" + body, method)
