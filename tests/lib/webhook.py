"""A server that takes events: it keeps what it is sent, in its order, and can be away, slow to say so, or unwilling. Its port
stays the same."""

import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time

from cluster import hold_port, poll


class Webhook:
    """certificate: (certificate, key), for HTTPS. token and hmac_key: what requests must bring, else they get 403."""

    def __init__(self, certificate=None, token=None, hmac_key=None):
        self.certificate, self.token, self.hmac_key = certificate, token, hmac_key
        self._holder = hold_port()
        self.port = self._holder.getsockname()[1]
        self.answer = 200
        self.bodies = []  # of what was taken
        self.refused = 0
        self._lock = threading.Lock()
        self._server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        self._holder.close()

    def start(self):
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not webhook._server:  # a connection that was kept
                    self.close_connection = True
                    return
                status = webhook.take(self.headers, body)
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", self.port), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self):
        server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()

    def take(self, headers, body):
        with self._lock:
            good = self.answer == 200 and self.is_allowed(headers, body)
            if good:
                self.bodies.append(body)
            else:
                self.refused += 1
            return self.answer if good or self.answer != 200 else 403

    def is_allowed(self, headers, body):
        if self.token and headers["Authorization"] != f"Bearer {self.token}":
            return False
        if not self.hmac_key:
            return True
        seconds = headers["X-Tercet-Timestamp"]
        digest = hmac.new(self.hmac_key, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
        return abs(time.time() - int(seconds)) < 300 and headers["X-Tercet-Signature"] == f"sha256={digest}"

    def documents(self):
        with self._lock:
            return [json.loads(body) for body in self.bodies]

    def records(self, bucket=None):
        """All records, in the order in which they came."""
        rows = [record for document in self.documents() for record in document.get("Records", [])]
        return [row for row in rows if bucket in (None, row["s3"]["bucket"]["name"])]

    def wait(self, count, bucket=None, seconds=30):
        """The records, once there are so many."""
        poll(lambda: len(self.records(bucket)) >= count, f"{count} events", seconds)
        return self.records(bucket)
