"""AssumeRoleWithWebIdentity: roles for whoever brings a token of an OpenID Connect provider, by boto3 and its own provider of
credentials, unmodified; the provider is a small one of this test, which tells how often it was asked."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import ssl
import tempfile
import threading
import time
import urllib.parse

import boto3
import botocore.session
import certificates
import raw_http
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cluster import poll
from harness import ClusterTest, main

ACCOUNT = "000000000000"
CONFIG = {"retries": {"max_attempts": 1}, "proxies": {}, "read_timeout": 120, "parameter_validation": False}
REFRESH = 2


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Key:
    def __init__(self, kid, algorithm="RS256"):
        self.kid, self.algorithm = kid, algorithm
        self.private = (rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1()))

    def jwk(self):
        public = self.private.public_key().public_numbers()
        of_kind = ({"kty": "RSA", "n": number(public.n), "e": number(public.e)} if self.algorithm == "RS256" else
                   {"kty": "EC", "crv": "P-256", "x": number(public.x, 32), "y": number(public.y, 32)})
        return of_kind | {"kid": self.kid, "use": "sig", "alg": self.algorithm}

    def sign(self, text):
        if self.algorithm == "RS256":
            return self.private.sign(text, padding.PKCS1v15(), hashes.SHA256())
        r, s = utils.decode_dss_signature(self.private.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Provider(http.server.ThreadingHTTPServer):
    """Its documents, and what was asked for."""

    daemon_threads = True

    def __init__(self, scheme="http"):
        super().__init__(("127.0.0.1", 0), Asked)
        self.host = f"127.0.0.1:{self.server_port}"
        self.issuer = f"{scheme}://{self.host}"
        self.keys, self.asked, self.answer = [], [], None
        self.discovery = {"issuer": self.issuer, "jwks_uri": self.issuer + "/keys"}

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Asked(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.server.answer:
            self.server.answer(self)
            return
        documents = {"/.well-known/openid-configuration": self.server.discovery,
                     "/keys": {"keys": [key.jwk() for key in self.server.keys]}}
        body = json.dumps(documents.get(self.path, {})).encode()
        self.send_response(200 if self.path in documents else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class WebIdentityTest(ClusterTest):
    scheme = "http"

    @classmethod
    def start_provider(cls):
        cls.provider = Provider(cls.scheme)
        cls.key, cls.key_ec = Key("one"), Key("two", "ES256")
        cls.provider.keys = [cls.key, cls.key_ec]

    @classmethod
    def setUpClass(cls):
        cls.start_provider()
        cls.provider.start()
        cls.addClassCleanup(cls.provider.close)
        cls.cluster_options = {"tls": False, "gateway_options": (
            "-oidc-loopback", cls.scheme, "-oidc-refresh", f"{REFRESH}s", *cls.more_options())}
        super().setUpClass()
        cls.iam = cls.client("iam")
        s3 = cls.client("s3")
        s3.create_bucket(Bucket="shelf")
        for key in ("anna", "bert"):
            s3.put_object(Bucket="shelf", Key=f"{key}/k", Body=b"k")
        cls.arn = cls.iam.create_open_id_connect_provider(
            Url=cls.provider.issuer, ClientIDList=["app", "other"])["OpenIDConnectProviderArn"]

    @classmethod
    def more_options(cls):
        return ()

    @classmethod
    def client(cls, service, credentials=None, **config):
        given = credentials or {"AccessKeyId": cls.cluster.access_key, "SecretAccessKey": cls.cluster.secret_key}
        return boto3.client(service, endpoint_url=cls.cluster.url, region_name="us-east-1",
                            aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
                            aws_session_token=given.get("SessionToken"), config=Config(**CONFIG | config))

    def role(self, name, condition=None, principal=None, statements=None, action="sts:AssumeRoleWithWebIdentity"):
        entry = {"Effect": "Allow", "Action": action, "Principal": principal or {"Federated": self.arn}}
        if condition:
            entry["Condition"] = condition
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [entry]}))
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            statements or {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))

    def token(self, key=None, head=None, **claims):
        key, now = key or self.key, int(time.time())
        claims = {"iss": self.provider.issuer, "sub": "anna", "aud": "app", "exp": now + 300, "iat": now} | claims
        head = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT"} | (head or {})
        text = ".".join(b64(json.dumps({name: value for name, value in part.items() if value is not None}).encode())
                        for part in (head, claims))
        return f"{text}.{b64(key.sign(text.encode()))}"

    def assume(self, name, token=None, **arguments):
        return self.client("sts", signature_version=UNSIGNED).assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", RoleSessionName="work", WebIdentityToken=token or self.token(), **arguments)

    def refused(self, code, call, *given, **arguments):
        with self.assertRaises(ClientError) as raised:
            call(*given, **arguments)
        error = raised.exception.response["Error"]
        self.assertEqual(error["Code"], code, error["Message"])
        return error["Message"]


class Loopback(WebIdentityTest):
    @classmethod
    def more_options(cls):
        folder = tempfile.TemporaryDirectory(prefix="audit-")
        cls.addClassCleanup(folder.cleanup)
        cls.audit = os.path.join(folder.name, "audit")
        return ("-audit-log", cls.audit)

    def test_audit(self):
        """Says whom the provider named, of the call and of what the session is denied then."""
        self.role("audited", statements={"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
        token = self.token(sub="dora")
        s3 = self.client("s3", self.assume("audited", token)["Credentials"])
        self.refused("AccessDenied", s3.list_buckets)

        def lines():
            with open(self.audit) as file:
                return [line for line in map(json.loads, file) if line["subject"] == "dora"]

        poll(lambda: len(lines()) == 2, "two lines of audit", 10)
        made, denied = lines()
        self.assertEqual([made["operation"], made["principal"], made["outcome"]], ["AssumeRoleWithWebIdentity", self.arn, "done"])
        self.assertEqual([denied["operation"], denied["principal"], denied["outcome"]],
                         ["ListBuckets", f"arn:aws:sts::{ACCOUNT}:assumed-role/audited/work", "denied"])
        with open(self.audit) as file:
            self.assertNotIn(token, file.read())

    def test_a_session(self):
        self.role("web", {"StringEquals": {f"{self.provider.host}:aud": "app", f"{self.provider.host}:sub": ["anna", "bert"]}},
                  statements={"Effect": "Allow", "Action": "s3:GetObject",
                              "Resource": "arn:aws:s3:::shelf/${%s:sub}/*" % self.provider.host,
                              "Condition": {"StringEquals": {"aws:FederatedProvider": self.arn}}})
        for key in (self.key, self.key_ec):
            got = self.assume("web", self.token(key))
            self.assertEqual([got["SubjectFromWebIdentityToken"], got["Provider"], got["Audience"]], ["anna", self.provider.host, "app"])
            self.assertEqual(got["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/web/work")
            s3 = self.client("s3", got["Credentials"])
            self.assertEqual(s3.get_object(Bucket="shelf", Key="anna/k")["Body"].read(), b"k")
            self.refused("AccessDenied", s3.get_object, Bucket="shelf", Key="bert/k")
        self.refused("AccessDenied", self.assume, "web", self.token(sub="carl"))
        self.refused("AccessDenied", self.assume, "web", self.token(aud="other"))
        # aud is for whom it was made: azp, where that is said
        self.assume("web", self.token(aud="whoever", azp="app"))
        self.refused("AccessDenied", self.assume, "web", self.token(aud="app", azp="other"))
        self.refused("InvalidIdentityToken", self.assume, "web", self.token(aud="app", azp="whoever"))
        self.assume("web", self.token(aud=["whoever", "app"]), DurationSeconds=900)
        self.refused("ValidationError", self.assume, "web", DurationSeconds=3601)

    def test_who_is_trusted(self):
        """The provider by its name, and nobody else by that: not everybody, no user, and no other action."""
        self.role("of-all", principal={"AWS": "*"})
        self.role("of-all-federated", action="sts:*")
        self.role("of-users", action="sts:AssumeRole")
        self.role("of-mfa", {"ForAnyValue:StringEquals": {f"{self.provider.host}:amr": "mfa"}})
        self.refused("AccessDenied", self.assume, "of-all")
        self.refused("AccessDenied", self.assume, "of-users")
        self.refused("AccessDenied", self.assume, "not-there")
        self.assume("of-all-federated")
        self.refused("AccessDenied", self.assume, "of-mfa")
        self.refused("AccessDenied", self.assume, "of-mfa", self.token(amr=["pwd"]))
        self.assume("of-mfa", self.token(amr=["pwd", "mfa"]))

    def test_what_is_no_token(self):
        self.role("strict")
        public = self.key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        now, good = int(time.time()), self.token()
        head, claims, signature = good.split(".")
        confused = b64(json.dumps({"alg": "HS256", "kid": "one"}).encode()) + "." + claims
        confused += "." + b64(hmac.new(public, confused.encode(), hashlib.sha256).digest())
        none = b64(b'{"alg":"none"}') + "." + claims + "."
        stranger = Key("one")
        invalid = [confused, none, none + "AA", "x" * 10, good + "A", good[:-8], f"{head}.{claims}.{b64(bytes(256))}",
                   self.token(stranger), self.token(stranger, {"jwk": stranger.jwk()}), self.token(stranger, {"jku": self.provider.issuer}),
                   self.token(head={"crit": ["exp"]}), self.token(key=self.key_ec, head={"kid": "one"}),
                   self.token(iss="https://unknown.example"), self.token(iss=self.provider.issuer + "/other"),
                   self.token(iss=self.provider.issuer.replace("http", "https")), self.token(aud="stranger"), self.token(aud="APP"),
                   self.token(sub=None), self.token(aud=None), self.token(exp=None), self.token(iat=None), self.token(exp=str(now + 60)),
                   self.token(nbf=now + 600), self.token(iat=now + 600), self.token(**{"https://aws.amazon.com/tags": {}})]
        for token in invalid:
            self.refused("InvalidIdentityToken", self.assume, "strict", token)
        other = self.token(sub="bert").split(".")
        self.refused("InvalidIdentityToken", self.assume, "strict", f"{head}.{other[1]}.{signature}")
        self.refused("ExpiredTokenException", self.assume, "strict", self.token(iat=now - 600, exp=now - 300))
        self.assume("strict", self.token(iat=now - 600, exp=now - 30))  # of another clock
        self.assume("strict", self.token(iss=self.provider.issuer + "/"))
        self.refused("ValidationError", self.assume, "strict", "x" * 20001)
        self.refused("InvalidQueryParameter", self.assume, "strict", ProviderId="www.amazon.com")

    def test_signed_by_somebody(self):
        """The token says who asks, whoever signed the request: neither rights nor tags of that one count."""
        self.role("unsigned", {"Null": {"aws:username": "true", "aws:PrincipalArn": "true", "aws:TokenIssueTime": "true"}})
        credentials = self.client("sts").get_session_token()["Credentials"]
        form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "work",
                "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/unsigned", "WebIdentityToken": self.token()}
        body = urllib.parse.urlencode(form)
        request = AWSRequest("POST", self.cluster.url + "/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
        SigV4Auth(Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]), "sts",
                  "us-east-1").add_auth(request)
        answer = raw_http.request(self.cluster.port, "POST", "/", dict(request.headers), body.encode())
        self.assertEqual(answer.status, 200, answer.body)

    def test_botocore_does_it_by_itself(self):
        self.role("by-file")
        path = self.path("token")
        with open(path, "w") as file:
            file.write(self.token())
        old = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(old)))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            os.environ.pop(name, None)
        os.environ |= {"AWS_WEB_IDENTITY_TOKEN_FILE": path, "AWS_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/by-file",
                       "AWS_ROLE_SESSION_NAME": "by-file", "AWS_ENDPOINT_URL": self.cluster.url, "AWS_DEFAULT_REGION": "us-east-1",
                       "AWS_CONFIG_FILE": self.path("none"), "AWS_SHARED_CREDENTIALS_FILE": self.path("none")}
        session = boto3.Session(botocore_session=botocore.session.Session())
        self.assertEqual(session.client("s3").get_object(Bucket="shelf", Key="anna/k")["Body"].read(), b"k")

    def test_keys(self):
        """New keys are found, however many tokens with unknown ones come, at one fetch in a while; and what a provider answers
        that is none breaks nothing."""
        self.role("keys")
        self.assume("keys")
        self.provider.asked.clear()
        unknown = Key("unknown", "ES256")
        for _ in range(20):
            self.assume("keys")
            self.refused("InvalidIdentityToken", self.assume, "keys", self.token(unknown))
        self.assertLessEqual(len(self.provider.asked), 2 * (1 + 20 // REFRESH))
        fetches = len(self.provider.asked)
        new = Key("three", "ES256")
        self.provider.keys.append(new)
        self.addCleanup(self.provider.keys.remove, new)
        deadline = time.time() + 4 * REFRESH
        while True:
            with contextlib.suppress(ClientError):
                self.assume("keys", self.token(new))
                break
            self.assertLess(time.time(), deadline)
            time.sleep(0.1)
        self.assertLessEqual(len(self.provider.asked) - fetches, 6)

    def test_a_provider_that_fails(self):
        """Another one each time, so that none was asked before."""
        def redirect(request):
            request.send_response(302)
            request.send_header("Location", self.provider.issuer + "/.well-known/openid-configuration")
            request.end_headers()

        def flood(request):
            request.send_response(200)
            request.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(1000):
                    request.wfile.write(b" " * 10000)

        def cut(request):
            request.send_response(200)
            request.send_header("Content-Length", "1000")
            request.end_headers()

        rows = [{"answer": redirect}, {"answer": flood}, {"answer": cut}, {"discovery": {}}, {"discovery": []},
                {"discovery": {"issuer": "https://other.example", "jwks_uri": self.provider.issuer + "/keys"}},
                {"jwks": self.provider.issuer + "/keys"}, {"jwks": "file:///etc/passwd"}, {"jwks": "https://127.0.0.1:1/"},
                {"jwks": "http://127.0.0.1:1/keys"}]
        self.role("failing")
        for row in rows:
            provider = Provider()
            provider.keys = [self.key]
            provider.answer = row.get("answer")
            provider.discovery = row.get("discovery", {"issuer": provider.issuer, "jwks_uri": row.get("jwks", provider.issuer + "/keys")})
            provider.start()
            before = len(self.provider.asked)
            arn = self.iam.create_open_id_connect_provider(Url=provider.issuer, ClientIDList=["app"])["OpenIDConnectProviderArn"]
            self.refused("IDPCommunicationError", self.assume, "failing", self.token(iss=provider.issuer))
            asked = len(provider.asked)
            self.refused("IDPCommunicationError", self.assume, "failing", self.token(iss=provider.issuer))  # not at once again
            self.assertEqual(len(provider.asked), asked)
            self.assertEqual(len(self.provider.asked), before, row)  # nobody else was asked
            self.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
            self.refused("InvalidIdentityToken", self.assume, "failing", self.token(iss=provider.issuer))
            provider.close()
        gone = Provider()
        gone.server_close()
        self.iam.create_open_id_connect_provider(Url=gone.issuer, ClientIDList=["app"])
        self.refused("IDPCommunicationError", self.assume, "failing", self.token(iss=gone.issuer))


class Tls(WebIdentityTest):
    """Over TLS, by a certificate of an authority that is named."""

    scheme = "https"

    @classmethod
    def start_provider(cls):
        super().start_provider()
        folder = tempfile.TemporaryDirectory(prefix="oidc-")
        cls.addClassCleanup(folder.cleanup)
        cls.ca, certificate, key = certificates.make(folder.name)
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(certificate, key)
        cls.provider.socket = cls.context.wrap_socket(cls.provider.socket, server_side=True)

    @classmethod
    def more_options(cls):
        return ("-oidc-ca-file", cls.ca)

    def test_certificates(self):
        self.role("tls")
        self.assume("tls")
        with tempfile.TemporaryDirectory() as folder:  # of another authority
            _, certificate, key = certificates.make(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
        stranger = Provider("https")
        stranger.keys = [self.key]
        stranger.socket = context.wrap_socket(stranger.socket, server_side=True)
        stranger.start()
        self.addCleanup(stranger.close)
        self.iam.create_open_id_connect_provider(Url=stranger.issuer, ClientIDList=["app"])
        self.refused("IDPCommunicationError", self.assume, "tls", self.token(iss=stranger.issuer))
        self.assertEqual(stranger.asked, [])
        self.refused("ValidationError", self.iam.create_open_id_connect_provider, Url=self.provider.issuer.replace("https", "http"),
                     ClientIDList=["app"])


if __name__ == "__main__":
    main()
