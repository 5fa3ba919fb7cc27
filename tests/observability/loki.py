"""What stands in for Loki and for those who fill it, to check the log's shape: a push endpoint that takes and refuses what
Loki 3 does, and a shipper that reads files by the stages of deploy/monitoring. Neither keeps an index or a position."""

import calendar
import glob
import http.server
import json
import os
import re
import threading
import time
import urllib.request

import yaml

import dashboards

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
LABELS_MAX = 15  # max_label_names_per_series
LINE_BYTES_MAX = 256 * 1024  # max_line_size
RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
IN_CONTAINER = "/var/log/tercet"  # where the containers see the log folder


def limits():
    with open(os.path.join(dashboards.MONITORING, "loki", "loki.yml")) as file:
        return yaml.safe_load(file)["limits_config"]


def time_ns(text):
    """Nanoseconds since 1970 of a time as Go's RFC3339Nano reads it; ValueError for any other form."""
    match = RFC3339.fullmatch(text)
    if not match:
        raise ValueError(f"not RFC 3339: {text!r}")
    offset = 0
    if match[3] != "Z":
        sign = -1 if match[3][0] == "-" else 1
        offset = sign * (int(match[3][1:3]) * 3600 + int(match[3][4:6]) * 60)
    seconds = calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S")) - offset
    return seconds * 10**9 + int((match[2] or "").ljust(9, "0"))


def matched_labels(query):
    """The labels by which a LogQL query selects streams."""
    return re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", re.search(r"\{(.*?)\}", query)[1])


class Loki:
    """Push endpoint at self.url. entries: (labels, time in ns, line) of all that was taken."""

    def __init__(self):
        self.entries = []
        self.age_max_ns = int(limits()["reject_old_samples_max_age"].removesuffix("h")) * 3600 * 10**9
        loki = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, text = (404, "no such path") if self.path != "/loki/api/v1/push" else loki.push(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/loki/api/v1/push"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def push(self, body):
        try:
            taken = [entry for stream in json.loads(body)["streams"] for entry in self.check(stream)]
        except (ValueError, KeyError, TypeError) as error:
            return 400, f"{type(error).__name__}: {error}"
        self.entries += taken
        return 204, ""

    def check(self, stream):
        """The stream's entries; ValueError for what Loki refuses."""
        labels = stream["stream"]
        if not labels or len(labels) > LABELS_MAX:
            raise ValueError(f"{len(labels)} labels")
        for name, value in labels.items():
            if not LABEL.fullmatch(name) or not isinstance(value, str) or len(value) > 2048:
                raise ValueError(f"label {name}={value!r}")
        now = time.time_ns()
        for stamp, line in stream["values"]:
            if not now - self.age_max_ns <= int(stamp) <= now + 600 * 10**9:
                raise ValueError(f"time {stamp} is too old or too new")
            if len(line.encode()) > LINE_BYTES_MAX:
                raise ValueError("the line is too long")
            yield labels, int(stamp), line


def promtail_pipeline():
    """(path pattern, labels, stages) of promtail.yml; a stage is (name, options)."""
    with open(os.path.join(dashboards.MONITORING, "promtail", "promtail.yml")) as file:
        job = yaml.safe_load(file)["scrape_configs"][0]
    labels = dict(job["static_configs"][0]["labels"])
    stages = [next(iter(stage.items())) for stage in job["pipeline_stages"]]
    return labels.pop("__path__"), labels, stages


def alloy_pipeline():
    """The same of config.alloy, in Promtail's words."""
    with open(os.path.join(dashboards.MONITORING, "alloy", "config.alloy")) as file:
        text = file.read()
    pairs = re.compile(r'"?(\w+)"?\s*=\s*"([^"]*)"')
    labels = dict(pairs.findall(re.search(r"path_targets\s*=\s*\[\{(.*?)\}\]", text)[1]))
    stages = []
    for name, body in re.findall(r"stage\.(\w+) \{\n(.*?)\n  \}", text, re.DOTALL):
        if name == "label_drop":
            stages.append(("labeldrop", re.findall(r'"(\w+)"', body)))
        elif name == "json":
            stages.append((name, {"expressions": dict(pairs.findall(body))}))
        elif name == "labels":
            stages.append((name, {key: None if key == value else value for key, value in pairs.findall(body)}))
        else:
            stages.append((name, dict(pairs.findall(body))))
    return labels.pop("__path__"), labels, stages


def run_stages(stages, labels, line):
    """The labels and the time in ns that the stages make of a line. A stage that is not known here is an error."""
    labels = dict(labels)
    extracted = {}
    stamp = None
    for name, options in stages:
        if name == "json":
            fields = json.loads(line)
            extracted.update({key: fields.get(field or key) for key, field in options["expressions"].items()})
        elif name == "labels":
            found = {label: extracted.get(source or label) for label, source in options.items()}
            labels.update({label: str(value) for label, value in found.items() if value is not None})
        elif name == "timestamp":
            if options["format"] != "RFC3339Nano":
                raise ValueError(f"format {options['format']}")
            stamp = time_ns(extracted[options["source"]])
        elif name == "labeldrop":
            for label in options:
                labels.pop(label, None)
        else:
            raise ValueError(f"stage {name} is not known here")
    return labels, stamp


def ship(folder, url, pipeline):
    """Sends every line of the folder's logs to the endpoint, a file at a time. Returns how many there were."""
    pattern, labels, stages = pipeline
    assert pattern.startswith(IN_CONTAINER), pattern
    count = 0
    for path in sorted(glob.glob(folder + pattern.removeprefix(IN_CONTAINER), recursive=True)):
        streams = {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                found, stamp = run_stages(stages, labels | {"filename": path}, line)
                streams.setdefault(tuple(sorted(found.items())), []).append([str(stamp), line.rstrip("\n")])
                count += 1
        body = {"streams": [{"stream": dict(key), "values": values} for key, values in streams.items()]}
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            assert answer.status == 204
    return count
