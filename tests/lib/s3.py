"""S3 from Python: boto3 clients for each way to reach a cluster, and signing of requests that boto3 would not make."""

import socket

import boto3
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

import raw_http

REGION = "us-east-1"
_getaddrinfo = socket.getaddrinfo


def resolve_locally(domain):
    """Lets every name below the domain mean this machine, in this process."""

    def resolve(host, *arguments, **options):
        if isinstance(host, str) and (host == domain or host.endswith("." + domain)):
            host = "127.0.0.1"
        return _getaddrinfo(host, *arguments, **options)

    socket.getaddrinfo = resolve


def client(cluster, tls=False, style="path", signature="s3v4", access_key=None, secret_key=None, endpoint=None,
           verify=None, **config):
    """endpoint, verify: of something in front of the cluster, with its CA."""
    if endpoint is None and style == "path":
        endpoint = cluster.tls_url if tls else cluster.url
    elif endpoint is None:
        resolve_locally(cluster.domain)
        scheme, port = ("https", cluster.tls_port) if tls else ("http", cluster.port)
        endpoint = f"{scheme}://{cluster.domain}:{port}"
    settings = {"retries": {"max_attempts": 1}, "proxies": {}, "read_timeout": 120} | config
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key or cluster.access_key,
        aws_secret_access_key=secret_key or cluster.secret_key,
        region_name=REGION,
        verify=verify or (cluster.ca if tls else None),
        config=Config(signature_version=signature, s3={"addressing_style": style}, **settings),
    )


class _Auth(S3SigV4Auth):
    """Botocore replaces the payload hash that it is given; this one keeps it."""

    def payload(self, request):
        return self.given or super().payload(request)


def sign(cluster, method, target, headers=None, body=b"", secret_key=None):
    """The headers of a request signed with SigV4, the given ones among them."""
    aws = AWSRequest(method, cluster.url + target, headers=headers or {}, data=body)
    auth = _Auth(Credentials(cluster.access_key, secret_key or cluster.secret_key), "s3", REGION)
    auth.given = (headers or {}).get("x-amz-content-sha256")
    auth.add_auth(aws)
    return dict(aws.headers.items())


def presign(cluster, method, target, expires=300, base=None):
    """Path and query of a presigned request."""
    aws = AWSRequest(method, (base or cluster.url) + target)
    credentials = Credentials(cluster.access_key, cluster.secret_key)
    S3SigV4QueryAuth(credentials, "s3", REGION, expires=expires).add_auth(aws)
    return aws.url[len(base or cluster.url) :]


def signed(cluster, method, target, headers=None, body=b""):
    """Sends a signed request over a plain socket."""
    return raw_http.request(cluster.port, method, target, sign(cluster, method, target, headers, body), body)
