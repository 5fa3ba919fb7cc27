"""What the nodes of a cluster hold, as they say themselves."""

import hashlib
import hmac
import struct
import time
import urllib.error
import urllib.request


def inventory(cluster, number):
    """The ids of the chunks on a node; empty while it is down."""
    with open(cluster.secret_path, "rb") as file:
        secret = file.read().strip()
    target = "/chunks?limit=10000"
    now = int(time.time() * 1000)
    text = f"tercet-v1\nGET\n{target}\n{cluster.cluster_id}\n{now}\n-"
    mac = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    request = urllib.request.Request(cluster.node_url(number) + target)
    request.add_header("x-tercet-auth", f"v1 {now} - {mac}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
    except urllib.error.HTTPError:
        raise
    except OSError:
        return []
    return [struct.unpack_from("16s", body, at)[0] for at in range(0, len(body), 32)]


def holders(cluster):
    """Chunk id -> the nodes that hold it."""
    found = {}
    for number in range(1, len(cluster.nodes) + 1):
        for chunk in inventory(cluster, number):
            found.setdefault(chunk, []).append(number)
    return found
