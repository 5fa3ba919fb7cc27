"""One request of 2 GiB (5 GiB in the long form) up and down: memory does not grow with the object."""

import hashlib
import http.client

import raw_http
import s3
from harness import LONG, ClusterTest, blocks, main

MIB = 1024 * 1024
SIZE = (5 if LONG else 2) * 1024 * MIB
GATEWAY_RSS_MAX = 200 * MIB
NODE_RSS_MAX = 128 * MIB


class LargeUpload(ClusterTest):
    cluster_options = {"tls": False, "gateway_options": ("-gc-grace", "1s", "-gc-interval", "1s")}

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.cluster.port, timeout=600)

    def digest_of_download(self, target, headers):
        connection = self.connection()
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.length), (200, SIZE))
        digest = hashlib.sha256()
        while block := answer.read(MIB):
            digest.update(block)
        return digest.hexdigest()

    def digesting(self, before, after):
        """The body's pieces, with their digest in self.sent."""
        digest = hashlib.sha256()
        yield before
        for block in blocks(SIZE, "large"):
            digest.update(block)
            yield block
        yield after
        self.sent = digest.hexdigest()

    def send(self, method, target, headers, before=b"", after=b""):
        connection = self.connection()
        length = {"Content-Length": str(SIZE + len(before) + len(after))}
        connection.request(method, target, self.digesting(before, after), headers | length)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def assert_small_memory(self):
        for program in self.cluster.programs:
            bound = GATEWAY_RSS_MAX if program is self.cluster.gateway else NODE_RSS_MAX
            peak = program.peak_rss_bytes()
            print(f"{program.name}: peak RSS {peak / MIB:.1f} MiB", flush=True)
            self.assertLessEqual(peak, bound, program.name)

    def test_documented_api(self):
        part = b'--bound\r\nContent-Disposition: form-data; name="file"; filename="large"\r\n\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=bound"}
        status, body = self.send("POST", "/upload", headers, part, b"\r\n--bound--\r\n")
        self.assertEqual(status, 200, body)
        self.assertEqual(self.digest_of_download("/download?filename=large", {}), self.sent)
        self.assertEqual(raw_http.request(self.cluster.port, "DELETE", "/delete?filename=large").status, 200)
        self.assert_small_memory()

    def test_form(self):
        client = s3.client(self.cluster)
        client.create_bucket(Bucket="form")
        fields = client.generate_presigned_post("form", "object")["fields"]
        parts = [f'--bound\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in fields.items()]
        file = '--bound\r\nContent-Disposition: form-data; name="file"; filename="large"\r\n\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=bound"}
        status, body = self.send("POST", "/form", headers, "".join([*parts, file]).encode(), b"\r\n--bound--\r\n")
        self.assertEqual(status, 204, body)
        self.assertEqual(self.digest_of_download("/form/object", s3.sign(self.cluster, "GET", "/form/object")), self.sent)
        client.delete_object(Bucket="form", Key="object")
        self.assert_small_memory()

    def test_s3(self):
        s3.client(self.cluster).create_bucket(Bucket="large")
        headers = s3.sign(self.cluster, "PUT", "/large/object", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        status, body = self.send("PUT", "/large/object", headers)
        self.assertEqual(status, 200, body)
        self.assertEqual(self.digest_of_download("/large/object", s3.sign(self.cluster, "GET", "/large/object")), self.sent)
        self.assert_small_memory()


if __name__ == "__main__":
    main()
