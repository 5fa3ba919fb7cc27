"""The AWS SDK for JavaScript v3 with default settings; the steps are in sdk.test.mjs."""

import os

from harness import ClusterTest, main, run


class JavaScript(ClusterTest):
    def sdk(self, tls, style):
        scheme, port = ("https", self.cluster.tls_port) if tls else ("http", self.cluster.port)
        host = self.cluster.domain if style == "virtual" else "localhost"
        environment = {
            "ENDPOINT": f"{scheme}://{host}:{port}",
            "PATH_STYLE": "yes" if style == "path" else "",
            "AWS_ACCESS_KEY_ID": self.cluster.access_key,
            "AWS_SECRET_ACCESS_KEY": self.cluster.secret_key,
            "AWS_REGION": "us-east-1",
            "NODE_EXTRA_CA_CERTS": self.cluster.ca,
            "BUCKET": f"js-{scheme}-{style}",
        }
        run("node", os.path.join(os.path.dirname(__file__), "sdk.test.mjs"), env=environment)

    def test_http_path(self):
        self.sdk(False, "path")

    def test_https_path(self):
        self.sdk(True, "path")

    def test_http_virtual_host(self):
        self.sdk(False, "virtual")

    def test_https_virtual_host(self):
        self.sdk(True, "virtual")


if __name__ == "__main__":
    main()
