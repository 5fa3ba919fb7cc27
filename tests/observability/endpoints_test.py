"""What those ask who run a gateway: /readyz when it cannot commit, its own -health in each way of listening, debug lines at
run time, and the cap of /metrics/buckets."""

import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor

import certificates
import s3
from cluster import poll
from harness import ClusterTest, main, run

HERE = os.path.dirname(os.path.abspath(__file__))
BUCKETS_SHOWN = 1000


class Endpoints(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)

    def restart_gateway(self, argv, ready):
        gateway = self.cluster.gateway
        gateway.terminate()
        gateway.wait_end()
        gateway.argv = argv
        gateway.start()
        poll(ready, "the gateway answers")

    def restart_gateway_for_now(self, argv, ready):
        before = self.cluster.gateway.argv
        self.restart_gateway(argv, ready)
        self.addCleanup(self.cluster.wait_ready)
        self.addCleanup(self.restart_gateway, before, lambda: self.cluster.get("/health")[0] == 200)

    def probe(self, *options):
        """Exit status and message of the gateway's -health, with its own settings."""
        argv = self.cluster.gateway.argv
        program = next(index for index, word in enumerate(argv) if word.endswith("tercet-gateway"))
        done = run(*argv[program:], *options, "-health", check=False)
        return done.returncode, done.stderr.decode()

    def test_health_over_http(self):
        self.assertEqual(self.probe(), (0, ""))
        code, said = self.probe("-port", "1")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"^http://127\.0\.0\.1:1/health: .*connect")

    def test_health_over_tls_alone(self):
        """A certificate without -tls-port: the one port speaks HTTPS, with a certificate that nobody here trusts."""
        _, certificate, key = certificates.make(self.folder, "s3.example.test")
        argv = [*self.cluster.gateway.argv, "-tls-cert", certificate, "-tls-key", key]
        url = f"https://127.0.0.1:{self.cluster.port}"
        self.restart_gateway_for_now(argv, lambda: run("curl", "-fsk", url + "/livez", check=False).returncode == 0)
        self.assertEqual(self.cluster.get("/livez")[0], 0, "it speaks HTTP too")
        self.assertEqual(self.probe(), (0, ""))

    def test_health_of_a_stopped_gateway(self):
        gateway = self.cluster.gateway
        gateway.terminate()
        gateway.wait_end()
        try:
            code, said = self.probe()
        finally:
            gateway.start()
            self.cluster.wait_ready()
        self.assertEqual(code, 1)
        self.assertRegex(said, rf"^http://127\.0\.0\.1:{self.cluster.port}/health: .*connect")
        self.assertEqual(self.probe(), (0, ""))

    def test_debug_lines_at_run_time(self):
        gateway = self.cluster.gateway

        def lines(path):
            with open(gateway.log_path) as file:
                return [line for line in map(json.loads, file) if path in line.values()]

        def asked(path):
            self.assertEqual(self.cluster.get(path)[0], 404)
            return lines(path)

        self.assertEqual(asked("/files/before"), [])
        os.kill(gateway.process.pid, signal.SIGUSR2)
        found = poll(lambda: asked("/files/debugged"), "each request is logged")
        self.assertEqual({(line["message"], line["statusCode"]) for line in found}, {("access", 404)})
        os.kill(gateway.process.pid, signal.SIGUSR2)
        poll(lambda: len(asked("/files/after")) == len(asked("/files/after")), "requests are no longer logged")

    def test_debug_lines_of_a_node_at_run_time(self):
        """Each operation, with the id that the gateway gave to the request."""
        node = self.cluster.nodes[0]
        self.s3.create_bucket(Bucket="debugged")

        def lines():
            with open(node.log_path) as file:
                return [json.loads(line) for line in file if line.startswith("{")]

        def put():
            """Ids of uploads, most of which have a copy there. Small ones come in groups, with the metadata."""
            answers = [s3.signed(self.cluster, "PUT", "/debugged/key", {}, b"x" * 100_000) for _ in range(8)]
            self.assertEqual({answer.status for answer in answers}, {200})
            return {answer.header("x-amz-request-id") for answer in answers}

        def shown():
            ids = put()
            return [line for line in lines() if line.get("requestID") in ids]

        self.assertEqual(shown(), [])
        os.kill(node.process.pid, signal.SIGUSR2)
        found = poll(shown, "operations are logged")
        self.assertEqual({(line["level"], line["serverID"]) for line in found}, {("debug", "node-1")})
        self.assertIn("operation", {line["message"] for line in found})
        for other in self.cluster.nodes[1:]:
            self.assertNotIn('"level":"debug"', other.log_tail())
        os.kill(node.process.pid, signal.SIGUSR2)
        poll(lambda: not shown(), "operations are no longer logged")

    def test_ready_follows_the_database(self):
        """503 while RocksDB cannot write its tables, and 200 by itself when it can; the process is live all the while."""
        library, flag = self.path("no_room.so"), self.path("no-room")
        run("cc", "-shared", "-fPIC", "-O1", "-o", library, os.path.join(HERE, "no_room.c"), "-ldl")
        preload = ["env", f"LD_PRELOAD={library}", f"NO_ROOM={flag}", "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"]
        self.restart_gateway_for_now([*preload, *self.cluster.gateway.argv], lambda: self.cluster.get("/readyz")[0] == 200)
        self.cluster.wait_ready()
        open(flag, "w").close()
        number = 0
        while self.cluster.get("/readyz")[0] == 200:
            self.assertLess(number, 60, "a flush that fails is not seen")
            markers = [{"Key": "long" * 245 + f"{number}-{index}"} for index in range(500)]
            self.s3.delete_objects(Bucket="files", Delete={"Objects": markers, "Quiet": True})
            number += 1
        for path in ("/readyz", "/minio/health/ready"):
            status, body = self.cluster.get(path)
            self.assertEqual(status, 503, path)
            self.assertIn("metadata database", json.loads(body)["error"])
        for path in ("/livez", "/health", "/minio/health/live"):
            self.assertEqual(self.cluster.get(path)[0], 200, path)
        self.assertEqual(self.probe(), (0, ""), "restarting would not help")
        self.assertIn("\ntercet_meta_failing 1\n", self.cluster.get("/metrics")[1].decode())
        os.unlink(flag)
        poll(lambda: self.cluster.get("/readyz")[0] == 200, "it is ready again")
        self.assertIn("\ntercet_meta_failing 0\n", self.cluster.get("/metrics")[1].decode())

    def test_buckets_beyond_the_cap(self):
        def shown():
            text = self.cluster.get("/metrics/buckets")[1].decode()
            names = re.findall(r'^tercet_bucket_objects{bucket="(.*?)"}', text, re.MULTILINE)
            return names, int(re.search(r"^tercet_buckets_omitted (\d+)$", text, re.MULTILINE)[1])

        before, omitted = shown()
        self.assertEqual(omitted, 0)
        names = [f"many-{number:04}" for number in range(BUCKETS_SHOWN + 3)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: self.s3.create_bucket(Bucket=name), names))
        every = sorted(before + names)
        self.assertEqual(shown(), (every[:BUCKETS_SHOWN], len(every) - BUCKETS_SHOWN))


if __name__ == "__main__":
    main()
