"""The log files of a real cluster, read by the stages that Promtail and Alloy are given and pushed to what stands in for
Loki: labels, times, the fields of each kind of line, and the way of one request through all programs."""

import collections
import json
import os
import re
import signal
import tempfile
import time
import unittest
import urllib.parse

import cluster
import dashboards
import loki
import raw_http
import s3
from harness import ClusterTest, content, main

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SIGNATURE = "0123456789abcdef" * 4
HOSTILE_KEY = 'a"b\n\t\\{}é\u2028.txt'
FIXED = {"timestamp", "level", "caller", "message", "service", "serverID"}
ACCESS = {"requestID", "remote", "method", "path", "parameters", "action", "bucket", "key", "accessKey", "statusCode", "error",
          "bytesIn", "bytesOut", "durationUs"}
ASKED = {("PUT", "/logged?abac"): ("PutBucketAbac", "abac"), ("PUT", "/logged/asked?word&x-id=1"): ("none", "word&x-id"),
         ("GET", "/logged?list-type=2&prefix=secret"): ("ListObjects", "list-type&prefix")}
SERVERS = {"coordinator", "node-1", "node-2", "node-3", "node-4"}


class Logs(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="tercet-logs-")
        cls.addClassCleanup(folder.cleanup)
        cls.logs = folder.name
        options = ("-loglevel", "debug", "-logdir", cls.logs)
        cls.cluster_options = {"tls": False, "gateway_options": (*options, "-accesslog"), "node_options": options}
        cls.began_ns = time.time_ns()
        super().setUpClass()
        cls.loki = loki.Loki()
        cls.addClassCleanup(cls.loki.close)
        cls.make_lines()
        loki.ship(cls.logs, cls.loki.url, loki.promtail_pipeline())
        cls.ended_ns = time.time_ns()
        cls.lines = [(labels, stamp, json.loads(line)) for labels, stamp, line in cls.loki.entries]

    @classmethod
    def make_lines(cls):
        """Requests of every kind; the one that is followed has cls.request_id."""
        s3.client(cls.cluster).create_bucket(Bucket="logged")
        traced = s3.signed(cls.cluster, "PUT", "/logged/traced", {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
                           content(200_000))
        cls.request_id = traced.header("x-amz-request-id")
        s3.signed(cls.cluster, "PUT", "/logged/" + urllib.parse.quote(HOSTILE_KEY, safe=""), {}, b"x")
        s3.signed(cls.cluster, "GET", "/logged/traced")
        for target in ("/files", "/download?filename=none", "/%ff%fe", "/none/none",
                       f"/logged/traced?X-Amz-Signature={SIGNATURE}&X-Amz-Credential={cls.cluster.access_key}&Signature=" + SIGNATURE):
            raw_http.request(cls.cluster.port, "GET", target)
        raw_http.request(cls.cluster.port, "GET", "/files", {"Authorization": "Bearer " + SIGNATURE})
        raw_http.request(cls.cluster.port, "GET", f"/logged/wrong?Signature%3D{SIGNATURE}&X-Amz-Signature%3D" + SIGNATURE)
        for method, target in ASKED:
            s3.signed(cls.cluster, method, target)
        raw_http.exchange(cls.cluster.port, b"GARBAGE\r\n\r\n")

    def access(self):
        return [line for _, _, line in self.lines if line["message"] == "access"]

    def test_what_was_asked_for(self):
        """Also where nothing is offered: the operation or the word, and never a parameter's value."""
        found = {(line["action"], line["parameters"]) for line in self.access()}
        self.assertLessEqual(set(ASKED.values()), found)
        wrong = [line["parameters"] for line in self.access() if line["path"] == "/logged/wrong"]
        self.assertEqual(wrong, ["Signature"])

    def test_labels(self):
        """Few, bounded, and none of them a client's."""
        self.assertGreater(len(self.lines), 30)
        for labels, _, line in self.lines:
            self.assertEqual(set(labels), {"job", "service", "level", "node"})
            self.assertEqual(labels["job"], "distributed-storage")
            self.assertEqual(labels["service"], "tercet-gateway" if labels["node"] == "coordinator" else "tercet-node")
            self.assertIn(labels["level"], ("debug", "info", "warn", "error"))
            self.assertEqual((labels["service"], labels["level"], labels["node"]),
                             (line["service"], line["level"], line["serverID"]))
        self.assertEqual({labels["node"] for labels, _, _ in self.lines}, SERVERS)

    def test_both_readers_make_the_same(self):
        self.assertEqual(loki.alloy_pipeline(), loki.promtail_pipeline())

    def test_times(self):
        """UTC with milliseconds, of now, and in order within a file."""
        last = {}
        for labels, stamp, line in self.lines:
            self.assertRegex(line["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertLessEqual(self.began_ns // 10**6, stamp // 10**6)
            self.assertLessEqual(stamp, self.ended_ns)
            key = tuple(labels.values())
            self.assertLessEqual(last.get(key, 0), stamp + 10**9, "a line far out of order")
            last[key] = stamp

    def test_fields(self):
        for _, _, line in self.lines:
            self.assertLessEqual(FIXED, set(line))
            self.assertNotIn("truncated", line)
        found = {line["action"]: line for line in self.access()}
        for line in found.values():
            self.assertLessEqual(ACCESS, set(line))
            self.assertRegex(line["requestID"], r"^[0-9A-F]{16}$")
        self.assertLessEqual({"PutObject", "GetObject", "ListFiles", "DownloadFile"}, set(found))
        line = next(one for one in self.access() if one["action"] == "GetObject" and one["statusCode"] == 200)
        self.assertEqual((line["bucket"], line["key"], line["bytesOut"], line["error"], line["accessKey"]),
                         ("logged", "traced", 200_000, "", self.cluster.access_key))
        self.assertEqual(found["DownloadFile"]["statusCode"], 404)
        self.assertIn(HOSTILE_KEY, {line["key"] for line in self.access()})
        self.assertTrue(any(line["message"] == "request refused" and line["code"] == "BadRequest" for _, _, line in self.lines))

    def test_one_request_through_all_programs(self):
        servers = {labels["node"] for labels, _, line in self.lines if line.get("requestID") == self.request_id}
        self.assertIn("coordinator", servers)
        self.assertGreaterEqual(len(servers), 4, "the gateway and the nodes that took the copies")
        traced = [line for _, _, line in self.lines if line.get("traceID") == TRACE]
        self.assertEqual({line["serverID"] for line in traced}, servers)
        self.assertEqual({line["requestID"] for line in traced}, {self.request_id})

    def test_secrets_stay_out(self):
        with open(os.path.join(self.cluster.directory, "cluster-secret")) as file:
            secrets = [file.read().strip(), self.cluster.secret_key, SIGNATURE]
        for _, _, line in self.loki.entries:
            for secret in secrets:
                self.assertNotIn(secret, line)

    def test_stdout_has_the_same(self):
        for program in self.cluster.programs:
            with open(program.log_path, encoding="utf-8") as file:
                printed = set(file.read().split("\n"))
            server = program.name.replace("node", "node-").replace("gateway", "coordinator")
            shipped = {line for labels, _, line in self.loki.entries if labels["node"] == server}
            self.assertLessEqual(shipped, printed)

    def rotate(self, program, folder, server, request):
        """Renames the file as logrotate does. What request() returns is in the line that it causes."""
        path = os.path.join(self.logs, folder, server + ".log")
        expected = []

        def written():
            expected.append(request())
            with open(path) as file:
                text = file.read()
            return any(words in text for words in expected)

        os.rename(path, path + ".1")
        os.kill(program.process.pid, signal.SIGHUP)
        cluster.poll(lambda: os.path.exists(path), "the log is opened anew")
        cluster.poll(written, "the new file is written to")
        sizes = os.path.getsize(path), os.path.getsize(path + ".1")
        cluster.poll(lambda: request() and os.path.getsize(path) > sizes[0], "it still is")
        self.assertEqual(os.path.getsize(path + ".1"), sizes[1], "the old file is written to")

    def test_rotation(self):
        def request():
            raw_http.request(self.cluster.port, "GET", "/livez")
            return '"path":"/livez"'

        self.rotate(self.cluster.gateway, "tercet-gateway", "coordinator", request)

    def test_rotation_of_a_node(self):
        """The lines of the new file have the gateway's request ids."""

        def request():
            answer = s3.signed(self.cluster, "PUT", "/logged/rotated", {}, b"x" * 100_000)
            return f'"requestID":"{answer.header("x-amz-request-id")}"'

        self.rotate(self.cluster.nodes[1], "tercet-node", "node-2", request)

    def test_dashboards_ask_for_labels_that_exist(self):
        for where, query in dashboards.queries("loki"):
            for label in loki.matched_labels(query):
                self.assertIn(label, ("job", "service", "level", "node"), where)
        asked = [variable["query"] for variable in dashboards.load_all()["logs.json"]["templating"]["list"]
                 if variable["type"] == "query"]
        self.assertEqual(len(asked), 2)
        for variable in asked:
            self.assertIn(variable["label"], ("job", "service", "level", "node"))
            self.assertEqual(loki.matched_labels(variable["stream"]), ["job"])

    def test_dashboards_ask_for_fields_that_exist(self):
        """A misspelt field is no error in LogQL: it selects nothing."""
        fields = {"job", "service", "level", "node", "__error__"}.union(*(line for _, _, line in self.lines))
        targets = list(dashboards.targets("loki"))
        named = dashboards.parsed("--names", "loki", [query for _, query, _ in targets])
        for (where, query, legend), names in zip(targets, named, strict=True):
            self.assertLessEqual(set(names["fields"]), fields, where)
            self.assertLessEqual(set(legend), set(names["fields"]), where)
            # What a query filters by before it parses must be in lines that have the fields.
            for text in re.findall(r'\|= "(\w+)"', query):
                self.assertIn(text, fields, where)

    def test_who_is_asking(self):
        """What the panels by access key and by remote address count, of the lines that were shipped."""
        by_key = collections.Counter(line["accessKey"] for line in self.access())
        self.assertGreaterEqual(by_key[self.cluster.access_key], 3)
        self.assertEqual(set(by_key), {"", self.cluster.access_key})
        self.assertEqual({line["remote"] for line in self.access()}, {"127.0.0.1"})


class StandIn(unittest.TestCase):
    """What is refused must be refused, or the tests above would show nothing."""

    def test_push_endpoint(self):
        endpoint = loki.Loki()
        self.addCleanup(endpoint.close)
        now = time.time_ns()

        def push(labels, stamp, line="{}"):
            body = json.dumps({"streams": [{"stream": labels, "values": [[str(stamp), line]]}]}).encode()
            return endpoint.push(body)[0]

        self.assertEqual(push({"job": "x"}, now), 204)
        self.assertEqual(push({}, now), 400)
        self.assertEqual(push({"a-b": "x"}, now), 400)
        self.assertEqual(push({"job": 1}, now), 400)
        self.assertEqual(push({f"l{n}": "x" for n in range(16)}, now), 400)
        self.assertEqual(push({"job": "x"}, now // 1000), 400, "milliseconds")
        self.assertEqual(push({"job": "x"}, now - 169 * 3600 * 10**9), 400)
        self.assertEqual(push({"job": "x"}, now, "x" * 300_000), 400)
        self.assertEqual(len(endpoint.entries), 1)

    def test_times(self):
        self.assertEqual(loki.time_ns("1970-01-01T00:00:01.5Z"), 1_500_000_000)
        self.assertEqual(loki.time_ns("1970-01-01T01:00:00+01:00"), 0)
        for text in ("1970-01-01T00:00:01.5+0200", "1970-01-01 00:00:01Z", "1970-01-01T00:00:01"):
            with self.assertRaises(ValueError):
                loki.time_ns(text)


if __name__ == "__main__":
    main()
