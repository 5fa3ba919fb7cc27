"""The queries of the dashboards and alert rules, with the variables filled in as Grafana would."""

import glob
import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MONITORING = os.path.join(ROOT, "deploy", "monitoring")
VARIABLES = {"$__rate_interval": "10s", "$__auto": "1m", "$service": ".+", "$serverID": ".+", "$search": ""}


def load_all():
    """File name -> dashboard."""
    found = {}
    for path in sorted(glob.glob(os.path.join(MONITORING, "grafana", "dashboards", "*.json"))):
        with open(path) as file:
            found[os.path.basename(path)] = json.load(file)
    return found


def queries(kind):
    """(where, query) of every panel that asks a data source of the kind, prometheus or loki."""
    for name, dashboard in load_all().items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                if target["datasource"]["type"] != kind:
                    continue
                query = target["expr"]
                for variable, value in VARIABLES.items():
                    query = query.replace(variable, value)
                assert not re.search(r"\$[a-z_]", query), f"{name}: {panel['title']}: a variable is left in {query}"
                yield f"{name}: {panel['title']}: {target['refId']}", query
