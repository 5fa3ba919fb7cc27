"""TLS between the gateway and its nodes: everything works with it, nothing without it, and certificates change while
requests go on."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess

import s3
from certificates import Authority
from cluster import poll
from harness import ClusterTest, blocks, content, main
from recorder import Recorder

MIB = 1024 * 1024
MARK = b"seen by everybody on the wire "


class NodeTls(ClusterTest):
    cluster_options = {
        "node_tls": True,
        "gateway_options": ("-health-interval", "1s", "-suspect-interval", "200ms", "-breaker-open", "300ms",
                            "-node-dead-after", "2s", "-repair-interval", "500ms", "-inventory-interval", "2s",
                            "-loglevel", "warn"),
        "node_options": ("-loglevel", "warn"),
    }

    def setUp(self):
        super().setUp()
        self.s3 = s3.client(self.cluster)
        self.bucket = self.id().rsplit(".", 1)[1].replace("_", "-").lower()
        self.s3.create_bucket(Bucket=self.bucket)

    def healthy(self, count=4):
        poll(lambda: self.cluster.healthy_nodes() == count, f"{count} nodes are healthy")

    def put(self, key, size):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content(size, key))

    def check(self, key, size):
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read(), content(size, key))

    def node_error(self, number):
        nodes = json.loads(self.cluster.get("/system/nodes")[1])["nodes"]
        return next(node for node in nodes if node["nodeId"] == number).get("error", "")

    def restart_gateway(self, *options):
        self.cluster.gateway.terminate()
        self.cluster.gateway.wait_end()
        argv = self.cluster.gateway.argv
        self.cluster.gateway.argv = [*argv, *options]
        self.addCleanup(setattr, self.cluster.gateway, "argv", argv)
        self.cluster.gateway.start()
        poll(lambda: self.cluster.get("/health")[0] == 200, "the gateway answers")

    def reload(self, program):
        program.process.send_signal(signal.SIGHUP)

    def test_repair_and_restore(self):
        self.put("small", 4096)
        self.put("large", 20 * MIB)
        node = self.cluster.nodes[1]
        node.kill()
        shutil.rmtree(self.cluster.data("node2"))
        os.mkdir(self.cluster.data("node2"), 0o700)
        self.check("large", 20 * MIB)
        self.cluster.restart_node(2)
        self.healthy()
        self.put("later", 4096)
        poll(lambda: self.cluster.node_metric(2, "tercet_node_chunks") > 0, "chunks are copied from node to node")
        poll(self.cluster.replicas_are_in_step, "the node got a snapshot of the metadata")
        self.cluster.gateway.kill()
        shutil.rmtree(self.cluster.data("gateway"))
        os.mkdir(self.cluster.data("gateway"), 0o700)
        done = subprocess.run([*self.cluster.gateway.argv, "-restore-metadata"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.cluster.start()
        self.check("small", 4096)
        self.check("large", 20 * MIB)

    def test_nothing_is_readable_on_the_wire(self):
        body = MARK * 40000
        recorder = Recorder(self.cluster.node_ports[0])
        self.addCleanup(recorder.close)
        nodes = ",".join(f"{number}=127.0.0.1:{recorder.port if number == 1 else port}"
                         for number, port in enumerate(self.cluster.node_ports, 1))
        self.restart_gateway("-nodes", nodes)
        self.healthy()
        for number in range(8):
            self.s3.put_object(Bucket=self.bucket, Key=f"secret-{number}", Body=body)
            self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key=f"secret-{number}")["Body"].read(), body)
        self.assertGreater(len(recorder.seen), len(body))
        for text in (MARK, b"HTTP/1.1", b"secret-", b"clusterId", self.bucket.encode()):
            self.assertNotIn(text, bytes(recorder.seen))
        with open(self.cluster.secret_path) as file:
            self.assertNotIn(file.read().strip().encode(), bytes(recorder.seen))
        self.restart_gateway()
        self.healthy()

    def test_node_that_is_not_trusted(self):
        """The gateway says why, for each kind; the others go on."""
        authority, node = self.cluster.authority, self.cluster.nodes[2]
        stranger = Authority(self.path("stranger"))
        cases = (({"by": stranger}, "unknown authority"), ({"names": "DNS:node3"}, "does not name its host"),
                 ({"expired": True}, "has expired"))
        for how, words in cases:
            node.terminate()
            node.wait_end()
            authority.issue("node3", **how)
            node.start()
            poll(lambda: words in self.node_error(3), f"the gateway says that node 3 {words}")
            self.healthy(3)
            self.put("without", MIB)
            self.check("without", MIB)
            self.assertIn(f"{words}\"", self.cluster.gateway.log_text())
        authority.issue("node3")
        self.reload(node)
        self.healthy()

    def test_gateway_that_is_not_trusted(self):
        authority = self.cluster.authority
        gateway = self.cluster.gateway
        authority.issue("gateway", by=Authority(self.path("stranger")))
        gateway.terminate()
        gateway.wait_end()
        gateway.start()
        poll(lambda: "refuses our certificate" in gateway.log_text(), "the gateway says that nodes refuse it")
        poll(lambda: "a peer is refused" in self.cluster.nodes[0].log_text(), "the node says so, too")
        gateway.kill()  # without the nodes' word it serves nobody
        authority.issue("gateway")
        self.cluster.start()
        self.healthy()

    def test_no_tls_and_old_tls(self):
        port = self.cluster.node_ports[3]
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                said = plain.recv(4096)
            except ConnectionError:
                said = b""
            self.assertNotIn(b"HTTP", said)
        for change in ("version", "certificate"):
            context = self.cluster.authority.context("gateway")
            if change == "version":
                context.maximum_version = ssl.TLSVersion.TLSv1_2
            else:
                context = ssl.create_default_context(cafile=self.cluster.authority.ca)
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                with socket.create_connection(("127.0.0.1", port)) as peer:
                    with context.wrap_socket(peer, server_hostname="127.0.0.1") as tls:
                        tls.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                        if not tls.recv(4096):
                            raise ConnectionError("closed")
        node = self.cluster.nodes[3]
        node.terminate()
        node.wait_end()
        argv, at = node.argv, node.argv.index("-tls-ca")
        node.argv = argv[:at] + argv[at + 6:]
        node.start()
        poll(lambda: "does not speak TLS" in self.node_error(4), "a node without TLS is refused")
        node.terminate()
        node.wait_end()
        node.argv = argv
        self.cluster.restart_node(4)
        self.healthy()

    def test_certificates_change_under_a_download(self):
        """On the public port and towards the nodes; a new one that is no good changes nothing."""
        size = 64 * MIB
        self.put("long", size)
        authority, gateway = self.cluster.authority, self.cluster.gateway
        public = gateway.argv[gateway.argv.index("-tls-cert") + 1]
        with open(public) as file:
            good = file.read()
        self.addCleanup(lambda: open(public, "w").write(good))
        client = s3.client(self.cluster, tls=True, retries={"max_attempts": 0})
        body = client.get_object(Bucket=self.bucket, Key="long")["Body"]
        for number, block in enumerate(blocks(size, "long")):
            self.assertEqual(body.read(len(block)), block)
            if number == 8:
                for name in ("gateway", "node1", "node2", "node3", "node4"):
                    authority.issue(name)
                for program in self.cluster.programs:
                    self.reload(program)
            if number == 24:
                with open(public, "w") as file:
                    file.write("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
                authority.issue("node1", expired=True)
                self.reload(gateway)
                self.reload(self.cluster.nodes[0])
        self.assertEqual(body.read(), b"")
        refused = "a new TLS certificate is refused"
        for program in (gateway, self.cluster.nodes[0]):
            poll(lambda: refused in program.log_text(), f"{program.name} refuses what is no good")
        fresh = s3.client(self.cluster, tls=True)
        fresh.head_object(Bucket=self.bucket, Key="long")  # a new connection has the certificate of before
        self.assertEqual(self.cluster.healthy_nodes(), 4)
        authority.issue("node1")
        self.reload(self.cluster.nodes[0])

    def test_the_new_certificate_is_shown(self):
        gateway = self.cluster.gateway
        public, key = (gateway.argv[gateway.argv.index(name) + 1] for name in ("-tls-cert", "-tls-key"))
        kept = [(path, open(path).read()) for path in (public, key)]
        self.addCleanup(lambda: [open(path, "w").write(text) for path, text in kept])
        shown = lambda: ssl.get_server_certificate(("127.0.0.1", self.cluster.tls_port))
        before = shown()
        other = Authority(self.path("other")).issue("public", names="DNS:localhost")
        for path, new in zip((public, key), other):
            shutil.copy(new, path)
        self.reload(gateway)
        poll(lambda: shown() != before, "the new certificate is shown")
        self.assertEqual(shown(), open(other[0]).read())
        for path, text in kept:
            with open(path, "w") as file:
                file.write(text)
        self.reload(gateway)
        poll(lambda: shown() == before, "the certificate of before is shown")

    def test_health_of_a_node(self):
        argv = self.cluster.nodes[0].argv
        self.assertEqual(subprocess.run([*argv, "-health"], timeout=30).returncode, 0)


if __name__ == "__main__":
    main()
