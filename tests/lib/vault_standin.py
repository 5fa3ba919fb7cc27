"""A stand-in of HashiCorp Vault and OpenBao for tests: the calls of the transit engine, of tokens and of AppRole that are
used, over TLS, with their answers as the servers' documentation and source have them. It is no Vault: what it does not
know it answers with 404. Keys are kept while the object lives, so that stop() and start() are a restart."""

import base64
import contextlib
import http.server
import json
import secrets
import socket
import ssl
import threading
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Refusal(Exception):
    def __init__(self, status, *errors):
        super().__init__(*errors)
        self.status, self.errors = status, list(errors)


def decoded(item, name):
    try:
        return base64.b64decode(item.get(name, ""), validate=True)
    except ValueError:
        raise Refusal(400, f"failed to base64-decode {name}") from None


class Vault:
    def __init__(self, certificate, key, mount="transit"):
        self.certificate, self.key, self.mount = certificate, key, mount
        self.keys, self.tokens, self.roles = {}, {}, {}
        self.sealed = self.creates = False
        self.delay = 0
        self.calls = []  # (method, path) as they come
        self.encrypted = []  # (name, version of the key)
        self.lock = threading.Lock()
        self.port = 0
        self.server = None
        self.peers = set()

    # ---- what a test does to it ----------------------------------------------------------------------------------

    def start(self):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        vault = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                vault.serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = serve

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def get_request(self):
                peer, address = super().get_request()
                peer = context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
                vault.peers.add(peer)
                return peer, address

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.server = None
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        self.peers.clear()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def make_key(self, name, kind="aes256-gcm96"):
        self.keys[name] = {"type": kind, "versions": [AESGCM.generate_key(256)], "min": 1}

    def rotate(self, name):
        self.keys[name]["versions"].append(AESGCM.generate_key(256))

    def make_token(self, ttl=0, max_ttl=0, renewable=True):
        token = "hvs." + secrets.token_urlsafe(24)
        now = time.monotonic()
        self.tokens[token] = {"ttl": ttl, "ends": now + ttl if ttl else None, "renewable": renewable,
                              "last": now + max_ttl if max_ttl else None}
        return token

    def revoke(self):
        self.tokens.clear()

    # ---- what it answers -----------------------------------------------------------------------------------------

    def serve(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        with self.lock:
            self.calls.append((request.command, request.path))
        time.sleep(self.delay)
        try:
            if self.sealed:
                raise Refusal(503, "Vault is sealed")
            status, answer = 200, self.answer(request, json.loads(body or b"{}"))
        except Refusal as refusal:
            status, answer = refusal.status, {"errors": refusal.errors}
        if isinstance(answer, tuple):
            status, answer = answer
        data = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def answer(self, request, body):
        if not request.path.startswith("/v1/"):
            raise Refusal(404)
        path = request.path[4:]
        if path == "auth/approle/login":
            return self.login(body)
        token = self.tokens.get(request.headers.get("X-Vault-Token", ""))
        if not token or (token["ends"] and time.monotonic() >= token["ends"]):
            raise Refusal(403, "permission denied")
        if path == "auth/token/lookup-self":
            return {"data": {"id": request.headers["X-Vault-Token"], "ttl": self.left(token), "renewable": token["renewable"]}}
        if path == "auth/token/renew-self":
            return self.renew(request.headers["X-Vault-Token"], token)
        mount, _, rest = path.partition("/")
        if mount != self.mount:
            raise Refusal(403, "permission denied")
        return self.transit(request.command, rest.split("/"), body)

    @staticmethod
    def left(token):
        return max(0, round(token["ends"] - time.monotonic())) if token["ends"] else 0

    def login(self, body):
        role = self.roles.get(body.get("role_id"))
        if not role or role["secret_id"] != body.get("secret_id"):
            raise Refusal(400, "invalid role or secret ID")
        token = self.make_token(role["ttl"], role["max_ttl"])
        return {"auth": {"client_token": token, "lease_duration": role["ttl"], "renewable": True}}

    def renew(self, text, token):
        if not token["renewable"]:
            raise Refusal(400, "lease is not renewable")
        now = time.monotonic()
        token["ends"] = min(now + token["ttl"], token["last"] or now + token["ttl"])
        return {"auth": {"client_token": text, "lease_duration": self.left(token), "renewable": True}}

    def transit(self, method, path, body):
        if len(path) != 2:
            raise Refusal(404)
        verb, name = path
        key = self.keys.get(name)
        if (method, verb) == ("GET", "keys"):
            if not key:
                raise Refusal(404)
            return {"data": {"type": key["type"], "latest_version": len(key["versions"]), "derived": False,
                             "keys": {str(n + 1): 1 for n in range(len(key["versions"]))},
                             "min_decryption_version": key["min"], "supports_encryption": True}}
        if verb == "encrypt" and not key and self.creates:
            self.make_key(name)
            key = self.keys[name]
        if verb not in ("encrypt", "decrypt"):
            raise Refusal(404)
        if not key:
            raise Refusal(400, "encryption key not found")
        if verb == "encrypt":
            self.encrypted.append((name, len(key["versions"])))
        act = self.encrypt if verb == "encrypt" else self.decrypt
        if "batch_input" not in body:
            return {"data": act(key, body)}
        results = []
        for item in body["batch_input"]:
            try:
                results.append(act(key, item))
            except Refusal as refusal:
                results.append({"error": refusal.errors[0]})
        bad = [result for result in results if "error" in result]
        status = 200
        if bad:
            status = body.get("partial_failure_response_code", 400) if len(bad) < len(results) else 400
        return status, {"data": {"batch_results": results}}

    def encrypt(self, key, item):
        nonce, version = secrets.token_bytes(12), len(key["versions"])
        text = nonce + AESGCM(key["versions"][-1]).encrypt(nonce, decoded(item, "plaintext"), decoded(item, "associated_data"))
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(text).decode()}", "key_version": version}

    def decrypt(self, key, item):
        parts = item.get("ciphertext", "").split(":")
        if len(parts) != 3 or parts[0] != "vault":
            raise Refusal(400, "invalid ciphertext: no prefix")
        version = int(parts[1][1:])
        if version < key["min"]:
            raise Refusal(400, "ciphertext or signature version is disallowed by policy (too old)")
        text = base64.b64decode(parts[2])
        try:
            plain = AESGCM(key["versions"][version - 1]).decrypt(text[:12], text[12:], decoded(item, "associated_data"))
        except (InvalidTag, IndexError):
            raise Refusal(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plain).decode()}
