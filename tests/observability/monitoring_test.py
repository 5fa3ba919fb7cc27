"""The monitoring against a real cluster: Debian's Prometheus scrapes it under load, with the shipped configuration and
rules; each panel's query must return data there, and each alert's expression must be evaluated without an error.

Grafana is not to be had as a package. In its place the published grammars parse all queries. The log is logs_test.py's."""

import concurrent.futures
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import boto3
import yaml
from botocore.config import Config

import cluster
import dashboards
from s3 import signed
from harness import ClusterTest, content, main, run

HERE = os.path.dirname(os.path.abspath(__file__))
PROMETHEUS = os.path.join(dashboards.MONITORING, "prometheus")
CASES = ("alerts_test.yml", "alerts_slow_test.yml")
# The clock of promtool's tests begins at 0: no time of a whole pass is both after it and three weeks ago.
EQUIVALENT = {"TercetScrubStale: 2 for 0"}
# Series that exist only after something happened that this test does not cause.
QUIET = {"overview.json: Damaged copies found, 24 h: A"}
DOCUMENTED = {
    "http_requests_total": {"method", "endpoint", "status_code", "server_id"},
    "http_request_duration_seconds_bucket": {"method", "endpoint", "server_id", "le"},
    "http_errors_total": {"method", "endpoint", "error_type", "server_id"},
    "data_transfer_bytes_total": {"operation", "server_id"},
    "storage_operation_duration_seconds_bucket": {"operation", "server_id", "le"},
    "storage_errors_total": {"operation", "server_id"},
    "node_availability": {"server_id"},
    "cluster_health_score": set(),
    "file_uploads_total": set(),
    "file_downloads_total": set(),
    "file_deletions_total": set(),
    "storage_used_bytes": set(),
    "active_connections": set(),
}


def load_rules():
    """The shipped alerts."""
    with open(os.path.join(PROMETHEUS, "alerts.yml")) as file:
        return [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]


def load_cases(name):
    """A file of cases, its numbers as promtool reads them."""
    with open(os.path.join(PROMETHEUS, name)) as file:
        cases = yaml.load(file, yaml.BaseLoader)  # texts alone: 0x40 is no number there
    for asked in [asked for case in cases["tests"] for asked in case.get("promql_expr_test", [])]:
        for sample in asked.get("exp_samples", []):
            sample["value"] = float(sample["value"])
    return cases


def load_once(url, s3, number):
    """One of everything that the dashboards look at."""
    run("curl", "-fsS", "-F", f"file=@{__file__}", "-F", f"filename=load-{number % 3}", url + "/upload")
    run("curl", "-fsS", "-o", os.devnull, f"{url}/download?filename=load-{number % 3}")
    run("curl", "-fsS", "-o", os.devnull, url + "/files")
    run("curl", "-sS", "-o", os.devnull, url + "/download?filename=nothing")
    s3.put_object(Bucket="metrics-test", Key=f"k{number % 5}", Body=content(200_000, number))
    s3.get_object(Bucket="metrics-test", Key=f"k{number % 5}")["Body"].read()
    s3.list_objects_v2(Bucket="metrics-test")


class Monitoring(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        cls.cluster_options = dict(cls.cluster_options)
        super().setUpClass()
        cls.holder = cluster.hold_port()
        cls.addClassCleanup(cls.holder.close)
        cls.prometheus = f"http://127.0.0.1:{cls.holder.getsockname()[1]}"
        cls.start_prometheus()
        cls.apply_load()

    @classmethod
    def start_prometheus(cls):
        """The shipped configuration, with other targets and every interval a fifteenth of what it is."""
        folder = cls.cluster.data("prometheus")
        os.makedirs(os.path.join(folder, "targets"))
        shutil.copy(os.path.join(PROMETHEUS, "alerts.yml"), folder)
        with open(os.path.join(PROMETHEUS, "prometheus.yml")) as file:
            text = re.sub(r"(scrape_interval|evaluation_interval): (\d+)s",
                          lambda match: f"{match[1]}: {int(match[2]) * 1000 // dashboards.FASTER}ms", file.read())
        with open(os.path.join(folder, "prometheus.yml"), "w") as file:
            file.write(text.replace("127.0.0.1:9090", cls.prometheus.removeprefix("http://")))
        for name, ports in (("gateway", [cls.cluster.port]), ("nodes", cls.cluster.node_ports)):
            with open(os.path.join(folder, "targets", name + ".yml"), "w") as file:
                json.dump([{"targets": [f"127.0.0.1:{port}" for port in ports]}], file)
        log = open(os.path.join(folder, "log"), "wb")
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={cls.prometheus.removeprefix('http://')}"], stdout=log, stderr=log)
        cls.addClassCleanup(log.close)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.terminate)
        cluster.poll(lambda: cls.cluster.get("/-/ready", cls.prometheus)[0] == 200, "Prometheus is ready")

    @classmethod
    def apply_load(cls):
        s3 = boto3.client("s3", endpoint_url=cls.cluster.url, region_name="us-east-1", config=Config(proxies={}),
                          aws_access_key_id=cls.cluster.access_key, aws_secret_access_key=cls.cluster.secret_key)
        s3.create_bucket(Bucket="metrics-test")
        quota = json.dumps({"bytes": 1 << 30, "objects": 1000}).encode()
        signed(cls.cluster, "PUT", "/system/quota/metrics-test", {}, quota)
        run("curl", "-fsS", "-F", f"file=@{__file__}", "-F", "filename=gone", cls.cluster.url + "/upload")
        run("curl", "-fsS", "-X", "DELETE", cls.cluster.url + "/delete?filename=gone")
        # For longer than any rate() of the panels looks back, and until Prometheus has seen every kind of target twice.
        end = time.monotonic() + 14
        number = 0
        while time.monotonic() < end or len(cls.query("up == 1")) < 7:
            load_once(cls.cluster.url, s3, number)
            number += 1
            if time.monotonic() > end + 60:
                raise cluster.ClusterError(f"targets: {cls.query('up')}")
        cls.load_ended = time.time()

    @staticmethod
    def alert(name):
        """Its expression."""
        return next(rule["expr"] for rule in load_rules() if rule["alert"] == name)

    @classmethod
    def query(cls, expression, at=None):
        """The result, of now or of a time."""
        asked = {"query": expression} | ({"time": at} if at else {})
        status, body = cls.cluster.get("/api/v1/query?" + urllib.parse.urlencode(asked), cls.prometheus)
        answer = json.loads(body)
        if status != 200 or answer["status"] != "success" or answer.get("warnings"):
            raise AssertionError(f"{expression}: {answer}")
        return answer["data"]["result"]

    def test_panels_return_data(self):
        count = 0
        for where, query, legend in dashboards.targets("prometheus"):
            with self.subTest(where):
                count += 1
                result = self.query(query, self.load_ended)
                self.assertTrue(result, f"no data: {query}")
                lines = [sample["metric"] for sample in result if sample["metric"] or "vector(0)" not in query]
                for label in legend:
                    self.assertTrue(all(line.get(label) for line in lines), f"no {label} for the legend: {query}")
                values = [float(sample["value"][1]) for sample in result]
                self.assertTrue(where in QUIET or any(value == value for value in values), f"only NaN: {query}")
        self.assertGreater(count, 90)

    def exposed(self):
        """All that gateway and nodes expose."""
        return b"".join(self.cluster.get(path, base)[1] for base, path in
                        [(self.cluster.url, "/metrics"), (self.cluster.url, "/metrics/buckets"),
                         (self.cluster.node_url(1), "/metrics")]).decode()

    def families(self):
        return set(re.findall(r"^# TYPE (\w+) ", self.exposed(), re.MULTILINE))

    def test_every_metric_and_label_named_exists(self):
        """`or vector(0)` shows a number for a metric that there is not, and `=~` one for a label that there is not."""
        rules = load_rules()
        asked = list(dashboards.queries("prometheus")) + [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules]
        exposed = set(re.findall(r"^(\w+)[{ ]", self.exposed(), re.MULTILINE)) | {"up"}  # up is Prometheus's own
        named = dashboards.parsed("--names", "prometheus", [query for _, query in asked])
        self.assertGreater(len(set(one["metric"] for names in named for one in names["selectors"])), 90)
        for (where, _), names in zip(asked, named, strict=True):
            for label in set(names["groups"]):
                with self.subTest(where, group=label):
                    self.assertTrue(any(self.query(f'last_over_time({one["metric"]}{{{label}!=""}}[1m])', self.load_ended)
                                        for one in names["selectors"]), "no metric of the query has it")
            for one in names["selectors"]:
                with self.subTest(where, **one):
                    self.assertTrue(one["metric"] in exposed, "neither gateway nor nodes expose it")
                    labels = ",".join(f'{label}!=""' for label in sorted(set(one["labels"])))
                    self.assertTrue(self.query(f'last_over_time({one["metric"]}{{{labels}}}[1m])', self.load_ended), labels)

    def test_alerts_are_evaluated(self):
        groups = json.loads(self.cluster.get("/api/v1/rules", self.prometheus)[1])["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        self.assertGreaterEqual(len(rules), 20)
        for rule in rules:
            with self.subTest(rule["name"]):
                self.assertEqual(rule["health"], "ok", rule)
                self.assertNotEqual(rule["state"], "firing", rule)
                self.query(rule["query"])
                self.assertTrue(os.path.exists(os.path.join(dashboards.ROOT, rule["annotations"]["runbook"])))

    def test_metrics_are_clean(self):
        for base, path in [(self.cluster.url, "/metrics"), (self.cluster.url, "/metrics/buckets"),
                           (self.cluster.node_url(1), "/metrics")]:
            status, text = self.cluster.get(path, base)
            self.assertEqual(status, 200)
            done = run("promtool", "check", "metrics", stdin=text, check=False)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""), base + path)
            self.assertNotIn(b"load-0", text, "a client's name became a label")

    def test_documented_metrics(self):
        """The names and labels that users of the documented dashboards know."""
        for name, labels in DOCUMENTED.items():
            result = self.query(f'{name}{{job=~"tercet-.*"}}')
            self.assertTrue(result, name)
            for sample in result:
                self.assertLessEqual(labels, set(sample["metric"]), name)

    def test_metrics_are_shown(self):
        """Nearly all families are in a panel or an alert; the names of those that are not are printed."""
        with open(os.path.join(PROMETHEUS, "alerts.yml")) as file:
            asked = " ".join([query for _, query in dashboards.queries("prometheus")] + [file.read()])
        shown = set(re.findall(r"\w+", asked))
        families = self.families()
        hidden = sorted(name for name in families if not shown & {name, name + "_bucket", name + "_sum", name + "_count"})
        print(f"{len(families)} families, in no panel: {hidden}")
        self.assertLess(len(hidden), len(families) / 10)

    def test_documents_name_metrics_that_exist(self):
        families = self.families()
        pages = glob.glob(os.path.join(dashboards.ROOT, "docs", "**", "*.md"), recursive=True)
        for path in pages + [os.path.join(dashboards.ROOT, name) for name in ("README.md", "ARCHITECTURE.md", "RELIABILITY.md")]:
            with open(path) as file:
                text = re.sub(r"docker volume rm \S+", "", file.read())
            named = set(re.findall(r"\btercet_[a-z0-9_]+[a-z0-9]\b(?!\*)", text))
            self.assertEqual({name for name in named if re.sub("_(bucket|sum|count)$", "", name) not in families}, set(), path)

    def test_numbers_are_right(self):
        """What the panels show is what was stored."""
        text = self.cluster.get("/metrics/buckets")[1].decode()
        self.assertIn('tercet_bucket_objects{bucket="metrics-test"} 5\n', text)
        self.assertIn('tercet_bucket_size_bytes{bucket="metrics-test"} 1000000\n', text)
        self.assertIn('tercet_bucket_objects{bucket="files"} 3\n', text)
        metrics = self.cluster.get("/metrics")[1].decode()
        self.assertIn('tercet_chunks{copies="2"} 0\n', metrics)
        self.assertNotIn('tercet_chunks{copies="3"} 0\n', metrics)

    def test_shipped_targets_answer(self):
        """By the names that Prometheus has for them in its container, and without a token."""
        ports = {8080 + number: port for number, port in enumerate([self.cluster.port, *self.cluster.node_ports])}
        asked = 0
        for file_name, paths in (("gateway.yml", ("/metrics", "/metrics/buckets")), ("nodes.yml", ("/metrics",))):
            with open(os.path.join(PROMETHEUS, "targets", file_name)) as file:
                targets = [target for group in yaml.safe_load(file) for target in group["targets"]]
            for name, _, shipped in (target.partition(":") for target in targets):
                port = ports[int(shipped)]
                for path in paths:
                    status = run("curl", "-s", "--noproxy", "*", "--resolve", f"{name}:{port}:127.0.0.1", "-o", os.devnull,
                                 "-w", "%{http_code}", f"http://{name}:{port}{path}").stdout
                    self.assertEqual(status, b"200", f"{name}:{port}{path}")
                    asked += 1
        self.assertEqual(asked, 6)

    def test_cluster_health_follows_the_write_quorum(self):
        def shown(down, tolerable):
            """As Prometheus sees it: so many nodes away, and the alerts that this is a reason for."""
            fires = [bool(self.query(self.alert(name))) for name in ("TercetNoFailureTolerable", "TercetUnderReplicated")]
            return (len(self.query(self.alert("TercetNodeDown"))) == down and fires == [down == 2, down >= 2]
                    and bool(self.query(f"tercet_node_failures_tolerable == {tolerable}")))

        self.assertEqual(self.cluster.get("/health/cluster")[0], 200)
        self.assertTrue(shown(0, 2))
        try:
            for number, tolerable in ((2, 1), (3, 0), (4, 0)):
                self.assertFalse(self.query(self.alert("TercetWriteQuorumLost")))
                self.cluster.nodes[number - 1].kill()
                # An upload is what makes the gateway look.
                run("curl", "-s", "-F", f"file=@{__file__}", "-F", "filename=load-0", self.cluster.url + "/upload")
                cluster.poll(lambda: shown(number - 1, tolerable), "Prometheus sees it")
            cluster.poll(lambda: self.cluster.get("/health/cluster")[0] == 503, "the quorum is known to be lost")
            self.assertEqual(self.cluster.get("/minio/health/cluster")[0], 503)
            for path in ("/livez", "/readyz", "/health", "/minio/health/live", "/minio/health/ready"):
                self.assertEqual(self.cluster.get(path)[0], 200, path)
            cluster.poll(lambda: self.query('ALERTS{alertname="TercetWriteQuorumLost"}'), "the alert is pending")
        finally:
            for number in (2, 3, 4):
                self.cluster.restart_node(number)
        cluster.poll(lambda: self.cluster.get("/health/cluster")[0] == 200, "the quorum is back")
        cluster.poll(lambda: shown(0, 2), "every chunk has three copies again", 60)


class Files(unittest.TestCase):
    def test_rules(self):
        run("promtool", "check", "config", "--syntax-only", os.path.join(PROMETHEUS, "prometheus.yml"))
        run("promtool", "check", "rules", os.path.join(PROMETHEUS, "alerts.yml"))
        run("promtool", "test", "rules", *(os.path.join(PROMETHEUS, name) for name in CASES))

    def test_every_alert_has_a_page_and_a_case(self):
        with open(os.path.join(PROMETHEUS, "alerts.yml")) as file:
            names = re.findall(r"- alert: (\w+)", file.read())
        cases = set(re.findall(r"^Tercet\w+", "\n".join(case["name"] for name in CASES for case in load_cases(name)["tests"]), re.MULTILINE))
        pages = {name.removesuffix(".md") for name in os.listdir(os.path.join(dashboards.ROOT, "docs", "runbooks"))}
        self.assertEqual(set(names), cases)
        self.assertEqual(set(names), pages - {"README"})

    def test_every_part_of_an_alert_has_a_case(self):
        """With an operand left out, a threshold a quarter off, another range, a matcher less, or without `for`: a case fails."""
        folder = tempfile.TemporaryDirectory(prefix="tercet-rules-")
        self.addCleanup(folder.cleanup)
        rules = load_rules()
        files = [load_cases(name) for name in CASES]

        def fails(number, rule):
            """Do the cases of the rule, and those of no rule, fail with it alone?"""
            own = os.path.join(folder.name, str(number))
            os.mkdir(own)
            written = {"alerts.yml": {"groups": [{"name": "one", "rules": [rule]}]}}
            for name, cases in zip(CASES, files, strict=True):
                chosen = [case for case in cases["tests"] if re.match(rf"{rule['alert']}\b|a healthy", case["name"])]
                written[name] = cases | {"tests": chosen}
            for name, content in written.items():
                with open(os.path.join(own, name), "w") as file:
                    yaml.safe_dump(content, file)
            done = run("promtool", "test", "rules", *(os.path.join(own, name) for name in CASES), check=False)
            return b"FAILED" in done.stdout + done.stderr

        wrong = []
        for rule, mutants in zip(rules, dashboards.parsed("--mutants", "prometheus", [rule["expr"] for rule in rules]), strict=True):
            wrong += [("as it is", rule)] + [(mutant["what"], rule | {"expr": mutant["query"]}) for mutant in mutants]
            if "for" in rule:
                wrong += [("without for", {key: value for key, value in rule.items() if key != "for"})]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(fails, range(len(wrong)), [rule for _, rule in wrong]))
        self.assertGreater(len(found), 150)
        unseen = [f"{rule['alert']}: {what}" for (what, rule), fail in zip(wrong, found, strict=True) if fail == (what == "as it is")]
        self.assertFalse(set(unseen) - EQUIVALENT, "\n".join(["no case fails with", *sorted(unseen)]))

    def test_pages_say_what_the_rules_say(self):
        rules = load_rules()
        for rule in rules:
            with open(os.path.join(dashboards.ROOT, rule["annotations"]["runbook"])) as file:
                title, text = file.read().split("\n", 1)
            self.assertEqual(title, f"# {rule['alert']}: {rule['annotations']['summary']}")
            begins = f"after {rule['for']}" if "for" in rule else "at once"
            self.assertIn(f"Severity {rule['labels']['severity']}, {begins}.", text, title)
            self.assertIn(" ".join(rule["expr"].split()), " ".join(text.split()), title)

    def test_documents_name_settings_that_exist(self):
        with open(os.path.join(dashboards.ROOT, "docs", "configuration.md")) as file:
            known = set(re.findall(r"^  (-[a-z0-9-]+)", file.read(), re.MULTILINE))
        pages = glob.glob(os.path.join(dashboards.ROOT, "docs", "runbooks", "*.md"))
        for path in pages + [os.path.join(dashboards.ROOT, name) for name in ("README.md", "ARCHITECTURE.md", "RELIABILITY.md", "BENCHMARKS.md", "docs/operating.md")]:
            with open(path) as file:
                named = set(re.findall(r"`(?:tercet-\w+ )?(-[a-z][a-z0-9-]+)", file.read()))
            self.assertEqual(named - known, set(), path)

    def test_queries_parse(self):
        queries = [{"language": kind, "query": query} for kind in ("prometheus", "loki")
                   for _, query in dashboards.queries(kind)]
        self.assertGreater(len(queries), 100)
        broken = [{"language": "loki", "query": '{job="x" |= "y"'}, {"language": "prometheus", "query": "sum(rate(x[5m])"}]
        program = os.path.join(HERE, "parse_queries.mjs")
        run("node", program, stdin=json.dumps(queries).encode())
        done = run("node", program, stdin=json.dumps(broken).encode(), check=False)
        self.assertIn(b"0 parsed, 2 not", done.stdout)

    def test_actions_named_exist(self):
        """One that is misspelt among `A|B|C` leaves a matcher that still finds the others."""
        known = set()
        for path in glob.glob(os.path.join(dashboards.ROOT, "gateway", "*", "operation*.c")):
            with open(path) as file:
                known.update(re.findall(r'^    (?!NOT_OFFERED)[A-Z0-9]+\((?:\w+, )*"(\w+)", "', file.read(), re.MULTILINE))
        with open(os.path.join(PROMETHEUS, "alerts.yml")) as file:
            text = "\n".join([query for _, query in dashboards.queries("prometheus")] + [file.read()])
        named = {action for found in re.findall(r'\baction(?:=~|!~|!=|=)"([^"]*)"', text) for action in found.split("|")}
        self.assertGreater(len(named), 15)
        self.assertEqual(named - known, set())

    def test_intervals_fit(self):
        """Grafana takes rates over what the data source says of scraping, and the buckets are scraped more rarely."""
        with open(os.path.join(PROMETHEUS, "prometheus.yml")) as file:
            config = yaml.safe_load(file)
        self.assertEqual(config["global"]["scrape_interval"], dashboards.data_source("Prometheus")["jsonData"]["timeInterval"])
        self.assertEqual(int(config["global"]["scrape_interval"].removesuffix("s")) % dashboards.FASTER, 0)

    def test_dashboards_are_sound(self):
        found = dashboards.load_all()
        self.assertEqual(len(found), 5)
        self.assertEqual(len({dashboard["uid"] for dashboard in found.values()}), 5)
        for name, dashboard in found.items():
            ids = [panel["id"] for panel in dashboard["panels"]]
            self.assertEqual(len(ids), len(set(ids)), name)

    def test_configuration_reference_is_current(self):
        docs = os.path.join(dashboards.ROOT, "docs")
        made = run(os.path.join(docs, "make-configuration"), os.environ["TERCET_BUILD"]).stdout.decode()
        with open(os.path.join(docs, "configuration.md")) as file:
            self.assertEqual(file.read(), made, "run: docs/make-configuration BUILD >docs/configuration.md")

    def test_systemd_units(self):
        """At most 2.0 by systemd's own measure of exposure, and nothing in them that systemd does not know."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("there is no systemd-analyze here")
        folder = tempfile.TemporaryDirectory(prefix="tercet-units-")
        self.addCleanup(folder.cleanup)
        for unit in ("tercet-gateway.service", "tercet-node@.service"):
            path = os.path.join(dashboards.ROOT, "deploy", "systemd", unit)
            run("systemd-analyze", "security", "--offline=yes", "--threshold=20", path)
            with open(path) as file:
                text = re.sub(r"/usr/bin/tercet-\w+", "/bin/true", file.read())  # the program must exist
            copy = os.path.join(folder.name, unit.replace("@", "@1"))
            with open(copy, "w") as file:
                file.write(text)
            said = run("systemd-analyze", "verify", "--man=no", copy).stderr.decode()
            self.assertNotIn("tercet", said)

    def compose_config(self, *files):
        arguments = [argument for file in files for argument in ("-f", file)]
        return run("docker-compose", *arguments, "--profile", "alloy", "config", env={"TERCET_CLUSTER_ID": "0"}).stdout.decode()

    def test_compose_files_fit_together(self):
        """The monitoring reads the logs and scrapes the ports of the cluster in containers."""
        deploy = os.path.dirname(dashboards.MONITORING)
        tercet = yaml.safe_load(self.compose_config(f"{deploy}/compose.yaml"))
        for network in ("host", "override"):
            watching = yaml.safe_load(self.compose_config(*(
                f"{dashboards.MONITORING}/compose{part}.yaml" for part in ("", "." + network, ".containers"))))
            volume = watching["volumes"]["tercet-logs"]["name"]
            self.assertIn(volume, [settings.get("name") for settings in tercet["volumes"].values()])
            for reader in ("promtail", "alloy"):
                mounts = [mount for mount in watching["services"][reader]["volumes"] if ":/var/log/tercet:" in mount]
                self.assertEqual(mounts, ["tercet-logs:/var/log/tercet:ro"], "of one place, and not of data/log")
        published = []
        for service in tercet["services"].values():
            self.assertIn("logs:/var/log/tercet:rw", service["volumes"])
            self.assertEqual(service["environment"]["TERCET_LOGDIR"], "/var/log/tercet")
            published += service["ports"]
        scraped = ""
        for name in ("gateway", "nodes"):
            with open(os.path.join(PROMETHEUS, "targets", name + ".yml")) as file:
                scraped += file.read()
        self.assertEqual({port.split(":")[-2] for port in published}, set(re.findall(r":(\d+)", scraped)))

    def test_compose_files(self):
        """docker-compose resolves each combination that is used; every image is pinned, every port is on loopback."""
        monitoring = dashboards.MONITORING
        deploy = os.path.dirname(monitoring)
        for files in ([f"{monitoring}/compose.yaml", f"{monitoring}/compose.override.yaml"],
                      [f"{monitoring}/compose.yaml", f"{monitoring}/compose.host.yaml"], [f"{deploy}/compose.yaml"],
                      [f"{monitoring}/compose.yaml", f"{monitoring}/compose.host.yaml", f"{monitoring}/compose.containers.yaml"]):
            text = self.compose_config(*files)
            for image in re.findall(r"image: (\S+)", text):
                self.assertRegex(image, r":v?\d+\.\d+\.\d+$", files)
            for port in re.findall(r"^ +- (\S+:\d+:\d+)", text, re.MULTILINE) + re.findall(r"published: (\S+)", text):
                self.assertTrue(port.startswith("127.0.0.1:"), (files, port))


if __name__ == "__main__":
    main()
