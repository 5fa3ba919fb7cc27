"""A certificate authority for one test, and a certificate of it for localhost and the virtual-host domain."""

import os
import subprocess


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make(directory, domain=None):
    """Returns the paths of the CA certificate, the server certificate and its key."""
    def path(name):
        return os.path.join(directory, name)

    names = "DNS:localhost,IP:127.0.0.1" + (f",DNS:{domain},DNS:*.{domain}" if domain else "")
    with open(path("extensions"), "w") as extensions:
        extensions.write(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=Test authority", "-keyout", path("ca.key"),
             "-out", path("ca.pem"), "-addext", "keyUsage=critical,keyCertSign")
    _openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", path("server.key"), "-out", path("server.csr"))
    _openssl("x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
             "-CAcreateserial", "-days", "2", "-extfile", path("extensions"), "-out", path("server.pem"))
    return path("ca.pem"), path("server.pem"), path("server.key")
