"""A certificate authority for one test, and certificates of it."""

import os
import ssl
import subprocess


CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Authority:
    """Makes certificates that are good for both sides, for 127.0.0.1 if no other name is said."""

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.ca = self._path("ca.pem")
        _openssl("req", "-x509", *CURVE, "-days", "2", "-subj", "/CN=Cluster authority", "-keyout", self._path("ca.key"),
                 "-out", self.ca, "-addext", "keyUsage=critical,keyCertSign")

    def _path(self, name):
        return os.path.join(self.directory, name)

    def issue(self, name, names="IP:127.0.0.1", expired=False, by=None):
        """The paths of certificate and key, in the place of an earlier one of that name. by: another authority."""
        by = by or self
        certificate, key, request = (self._path(f"{name}.{kind}") for kind in ("pem", "key", "csr"))
        with open(self._path("extensions"), "w") as extensions:
            extensions.write(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
        _openssl("req", *CURVE, "-subj", f"/CN={name}", "-keyout", key + ".new", "-out", request)
        # x509 takes no date of the past, but a negative number of days
        _openssl("x509", "-req", "-in", request, "-CA", by.ca, "-CAkey", by._path("ca.key"), "-CAcreateserial",
                 "-days", "-1" if expired else "2", "-extfile", self._path("extensions"), "-out", certificate + ".new")
        os.replace(key + ".new", key)
        os.replace(certificate + ".new", certificate)
        return certificate, key

    def context(self, name):
        """What speaks as that program."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self._path(name + ".pem"), self._path(name + ".key"))
        return context


def make(directory, domain=None):
    """Returns the paths of the CA certificate, the server certificate and its key."""
    def path(name):
        return os.path.join(directory, name)

    names = "DNS:localhost,IP:127.0.0.1" + (f",DNS:{domain},DNS:*.{domain}" if domain else "")
    with open(path("extensions"), "w") as extensions:
        extensions.write(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    _openssl("req", "-x509", *CURVE, "-days", "2", "-subj", "/CN=Test authority", "-keyout", path("ca.key"),
             "-out", path("ca.pem"), "-addext", "keyUsage=critical,keyCertSign")
    _openssl("req", *CURVE, "-subj", "/CN=localhost", "-keyout", path("server.key"), "-out", path("server.csr"))
    _openssl("x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
             "-CAcreateserial", "-days", "2", "-extfile", path("extensions"), "-out", path("server.pem"))
    return path("ca.pem"), path("server.pem"), path("server.key")
