"""The queries of the dashboards and alert rules, with the variables filled in as Grafana would."""

import glob
import json
import os
import re

import yaml

from harness import run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MONITORING = os.path.join(ROOT, "deploy", "monitoring")
FASTER = 15  # the tests scrape so many times as often as is shipped
VARIABLES = {"$__auto": "1m", "$service": ".*", "$serverID": ".*", "$search": ""}


def data_source(name):
    """A provisioned data source of Grafana."""
    with open(os.path.join(MONITORING, "grafana", "provisioning", "datasources", "tercet.yml")) as file:
        return next(source for source in yaml.safe_load(file)["datasources"] if source["name"] == name)


def rate_interval_s():
    """The shortest that Grafana fills in for $__rate_interval: four times the scrape interval that the data source states,
    at the tests' speed. What has data over this has data over every longer one."""
    return 4 * int(data_source("Prometheus")["jsonData"]["timeInterval"].removesuffix("s")) / FASTER


def load_all():
    """File name -> dashboard."""
    found = {}
    for path in sorted(glob.glob(os.path.join(MONITORING, "grafana", "dashboards", "*.json"))):
        with open(path) as file:
            found[os.path.basename(path)] = json.load(file)
    return found


def targets(kind):
    """(where, query, labels that the legend names) of every panel that asks a data source of the kind, prometheus or loki."""
    variables = VARIABLES | {"$__rate_interval": f"{rate_interval_s() * 1000:.0f}ms"}
    for name, dashboard in load_all().items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                if target["datasource"]["type"] != kind:
                    continue
                query = target["expr"]
                for variable, value in variables.items():
                    query = query.replace(variable, value)
                assert not re.search(r"\$[a-z_]", query), f"{name}: {panel['title']}: a variable is left in {query}"
                legend = re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))
                yield f"{name}: {panel['title']}: {target['refId']}", query, legend


def queries(kind):
    """(where, query) of the same."""
    for where, query, _ in targets(kind):
        yield where, query


def parsed(mode, kind, queries):
    """What parse_queries.mjs says of each query, by the published grammar; mode: --names or --mutants."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parse_queries.mjs")
    asked = json.dumps([{"language": kind, "query": query} for query in queries])
    return json.loads(run("node", program, mode, stdin=asked.encode()).stdout)
