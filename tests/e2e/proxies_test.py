"""The configurations of docs/proxies.md, as they stand there but for ports and files, each in front of a cluster: boto3 with odd
keys, metadata, multipart, presigned URLs and streamed uploads, and the file API closed to what comes through."""

import io
import os
import re
import select
import socket
import ssl
import subprocess
import unittest
import urllib.error
import urllib.request
from email.utils import formatdate

import cluster
import s3
from harness import PART, ClusterTest, content, main, replaced

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ODD_KEYS = ["a//b", "a/", "a/../b", "..", "a/./b", "a b", "a+b", "a%41b", "a%2Fb", "a&b=c", "a?b", "a#b", "ä/日本語", "quote\"'",
            "a;b,c:d@e", "back\\slash", "[x]{y}|^`", "tab\tkey", "x" * 1024]


def configuration(language):
    """The one block of that language in the document."""
    with open(os.path.join(ROOT, "docs", "proxies.md")) as file:
        found = re.findall(rf"```{language}\n(.*?)```", file.read(), re.DOTALL)
    assert len(found) == 1, f"{len(found)} blocks of {language}"
    return found[0]


class Proxy:
    """The steps; the classes below say which proxy, and start it."""

    cluster_options = {"domain": "localhost"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        holder = cluster.hold_port()
        cls.addClassCleanup(holder.close)
        cls.port = holder.getsockname()[1]
        cls.proxy = cls.start()
        cls.addClassCleanup(cls.end)
        cls.base = f"https://localhost:{cls.port}"
        cls.context = ssl.create_default_context(cafile=cls.cluster.ca)
        cls.wait_for_answer()
        cls.s3 = s3.client(cls.cluster, endpoint=cls.base, verify=cls.cluster.ca)
        cls.s3.create_bucket(Bucket="proxied")

    @classmethod
    def wait_for_answer(cls):
        def answered():
            status, body = cls.fetch("/livez")
            if status != 200 and cls.proxy.poll() is not None:
                raise cluster.ClusterError(f"it ended with {cls.proxy.returncode}")
            answers.append(f"{status} {body[:200]}")
            return status == 200

        answers = []
        try:
            cluster.poll(answered, f"{cls.__name__} answers", 30)
        except cluster.ClusterError as error:
            raise cluster.ClusterError(f"{error}\n{answers[-1:]}\n{cls.log()}") from None

    @classmethod
    def data(cls, name):
        return cls.cluster.data(name)

    @classmethod
    def adapted(cls, language, *more):
        """The document's configuration with this cluster's port, certificate and key, in a file."""
        path = cls.data(language)
        with open(path, "w") as file:
            file.write(replaced(configuration(language), dict([("127.0.0.1:8080", f"127.0.0.1:{cls.cluster.port}"), *more])))
        return path

    @classmethod
    def spawn(cls, *argv):
        environment = {"PATH": os.environ["PATH"], "HOME": cls.cluster.directory, "XDG_DATA_HOME": cls.cluster.directory,
                       "XDG_CONFIG_HOME": cls.cluster.directory}
        with open(cls.data("proxy.log"), "wb") as log:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                    cwd=cls.cluster.directory)

    @classmethod
    def log(cls):
        with open(cls.data("proxy.log"), errors="replace") as file:
            return file.read()[-3000:]

    @classmethod
    def end(cls):
        cls.proxy.terminate()
        cls.proxy.wait(30)

    @classmethod
    def fetch(cls, target, method="GET", headers={}, body=None, base=None):
        request = urllib.request.Request((base or cls.base) + target, method=method, headers=headers, data=body)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=cls.context))
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError as error:
            return 0, str(error).encode()

    def put(self, key, body, **more):
        return self.s3.put_object(Bucket="proxied", Key=key, Body=body, **more)

    def get(self, key, **more):
        return self.s3.get_object(Bucket="proxied", Key=key, **more)["Body"].read()

    def test_odd_keys(self):
        for key in ODD_KEYS:
            with self.subTest(key):
                self.put(key, ("odd:" + key).encode())
                self.assertEqual(self.get(key), ("odd:" + key).encode())
        rows = self.s3.list_objects_v2(Bucket="proxied")["Contents"]
        self.assertEqual([row["Key"] for row in rows if row["Key"] in ODD_KEYS], sorted(ODD_KEYS, key=str.encode))
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": "proxied", "Key": "a//b"})
        self.assertEqual(self.fetch(url[len(self.base):]), (200, b"odd:a//b"))
        for key in ODD_KEYS:
            self.s3.delete_object(Bucket="proxied", Key=key)

    def test_metadata(self):
        metadata = {"plain": "1", "with_underscore": "2", "with.dot": "3", "long": "x" * 1800}
        self.put("metadata", b"m", Metadata=metadata)
        stored = self.s3.head_object(Bucket="proxied", Key="metadata")["Metadata"]
        self.assertEqual({name.lower(): value for name, value in stored.items()}, metadata)  # Caddy capitalizes names

    def test_multipart_and_ranges(self):
        body = content(3 * PART + 77)
        self.s3.upload_fileobj(io.BytesIO(body), "proxied", "multipart")
        back = io.BytesIO()
        self.s3.download_fileobj("proxied", "multipart", back)
        self.assertEqual(back.getvalue(), body)
        self.assertRegex(self.s3.head_object(Bucket="proxied", Key="multipart")["ETag"], r'^"[0-9a-f]{32}-\d"$')
        self.assertEqual(self.get("multipart", Range="bytes=100-199"), body[100:200])

    def test_copy_and_delete_many(self):
        self.put("from me", b"copied")
        self.s3.copy_object(Bucket="proxied", Key="to me", CopySource={"Bucket": "proxied", "Key": "from me"})
        self.assertEqual(self.get("to me"), b"copied")
        keys = [{"Key": key} for key in ("from me", "to me", "never there")]
        self.assertEqual(len(self.s3.delete_objects(Bucket="proxied", Delete={"Objects": keys})["Deleted"]), 3)

    def test_presigned(self):
        body = content(2_000_000, "presigned")
        url = self.s3.generate_presigned_url("put_object", Params={"Bucket": "proxied", "Key": "pre signed+1"})
        self.assertEqual(self.fetch(url[len(self.base):], "PUT", body=body)[0], 200)
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": "proxied", "Key": "pre signed+1"})
        self.assertEqual(self.fetch(url[len(self.base):]), (200, body))

    def test_large_body_is_passed_on_as_it_comes(self):
        """Tercet refuses a wrong key before it has the body. A proxy that collects bodies would want all of it first."""
        head = (f"PUT /proxied/huge HTTP/1.1\r\nHost: localhost:{self.port}\r\nContent-Length: {1 << 40}\r\n"
                f"Authorization: AWS nobody:{'A' * 27}=\r\nDate: {formatdate(usegmt=True)}\r\n\r\n")
        with self.tls_connection() as peer:
            peer.sendall(head.encode())
            for _ in range(256):  # MiB; a client sends until it is told to stop
                if select.select([peer], [], [], 0)[0]:
                    break
                try:
                    peer.sendall(b"x" * (1 << 20))
                except OSError:
                    break
            self.assertRegex(peer.recv(4096), rb"^HTTP/1.1 403 ")

    def tls_connection(self):
        context = ssl.create_default_context(cafile=self.cluster.ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 session tickets come, which look like an answer to select
        plain = socket.create_connection(("127.0.0.1", self.port), 60)
        return context.wrap_socket(plain, server_hostname="localhost")

    def test_virtual_host_style(self):
        s3.resolve_locally("localhost")
        client = s3.client(self.cluster, endpoint=self.base, verify=self.cluster.ca, style="virtual")
        client.put_object(Bucket="proxied", Key="virtual/host", Body=b"v")
        self.assertEqual(self.get("virtual/host"), b"v")

    def test_file_api_is_closed(self):
        for method, target in (("GET", "/files"), ("GET", "/download?filename=x"), ("POST", "/upload"), ("GET", "/metrics"),
                               ("DELETE", "/delete?filename=x"), ("GET", "/system/nodes"), ("GET", "/files/x")):
            with self.subTest(target):
                body = b"" if method == "POST" else None
                direct = self.fetch(target, method, body=body, base=self.cluster.url)[0]
                self.assertNotEqual(direct, 401)
                self.assertEqual(self.fetch(target, method, body=body)[0], 401)
                self.assertEqual(self.fetch(target, method, {"X-Forwarded-For": "127.0.0.1"}, body)[0], 401)
        self.assertEqual(self.fetch("/health")[0], 200)


class Adapting(unittest.TestCase):
    def test_what_was_put_in_stays(self):
        changes = {"127.0.0.1:8080": "127.0.0.1:44301", "443": "127.0.0.1:24430", ":443 ssl": ""}
        self.assertEqual(replaced("listen 443;\nproxy_pass http://127.0.0.1:8080;\nlisten [::]:443 ssl", changes),
                         "listen 127.0.0.1:24430;\nproxy_pass http://127.0.0.1:44301;\nlisten [::]")


class Nginx(Proxy, ClusterTest):
    @classmethod
    def start(cls):
        site = cls.adapted("nginx", ("443", f"127.0.0.1:{cls.port}"), ("s3.example.org *.s3.example.org", "localhost *.localhost"),
                           ("/etc/ssl/s3.example.org.pem", cls.data("server.pem")),
                           ("/etc/ssl/s3.example.org.key", cls.data("server.key")))
        with open(cls.data("nginx.conf"), "w") as file:
            file.write("daemon off;\nmaster_process off;\nerror_log stderr;\nevents {}\n"
                       f"pid {cls.data('nginx.pid')};\nhttp {{\naccess_log off;\n")
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
                file.write(f"{kind}_temp_path {cls.data('nginx_' + kind)};\n")
            file.write(f"include {site};\n}}\n")
        return cls.spawn("/usr/sbin/nginx", "-c", cls.data("nginx.conf"), "-p", cls.cluster.directory)


class Haproxy(Proxy, ClusterTest):
    @classmethod
    def start(cls):
        with open(cls.data("both.pem"), "w") as both:
            for name in ("server.pem", "server.key"):
                with open(cls.data(name)) as one:
                    both.write(one.read())
        path = cls.adapted("haproxy", (":443", f"127.0.0.1:{cls.port}"), ("/etc/ssl/s3.example.org.both.pem", cls.data("both.pem")))
        return cls.spawn("/usr/sbin/haproxy", "-db", "-f", path)


class Caddy(Proxy, ClusterTest):
    @classmethod
    def start(cls):
        path = cls.adapted("caddyfile", ("s3.example.org, *.s3.example.org", f"localhost:{cls.port}, *.localhost:{cls.port}"),
                           ("/etc/ssl/s3.example.org.pem", cls.data("server.pem")),
                           ("/etc/ssl/s3.example.org.key", cls.data("server.key")))
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + text)
        return cls.spawn("/usr/bin/caddy", "run", "--config", path, "--adapter", "caddyfile")


if __name__ == "__main__":
    main()
