"""How fast a node that lost its disk is made anew when it held many small chunks: copies a second.

  TERCET_BUILD=build tests/bench/remake [COUNT]

Writes COUNT (20000) objects of 1 KiB, wipes a node and waits until each chunk has three copies again.
"""

import os
import subprocess
import sys
import time

import s3
from cluster import Cluster, poll

LOAD = os.environ.get("TERCET_LOAD") or os.path.join(os.environ["TERCET_BUILD"], "tests", "bench", "load")


def main(count):
    cluster = Cluster(tls=False, gateway_options=("-repair-interval", "200ms", "-health-interval", "500ms"))
    try:
        cluster.start()
        s3.client(cluster).create_bucket(Bucket="load")
        subprocess.run([LOAD, "-kind", "s3-put", "-port", str(cluster.port), "-access-key", cluster.access_key,
                        "-secret-key", cluster.secret_key, "-bucket", "load", "-size", "1K", "-keys", str(count),
                        "-requests", str(count), "-parallel", "32", "-duration", "900s"],
                       check=False, stdout=subprocess.DEVNULL)  # one that failed is one less
        poll(lambda: cluster.metric("tercet_repair_backlog") == 0, "nothing is to be repaired before", 120)
        cluster.nodes[0].kill()
        subprocess.run(["rm", "-rf", cluster.data("node1")], check=True)
        os.mkdir(cluster.data("node1"), 0o700)
        begun = time.monotonic()
        cluster.restart_node(1)
        poll(lambda: cluster.metric("tercet_repair_backlog") > 0, "the loss is noticed", 120)
        noticed = time.monotonic()
        poll(lambda: cluster.metric("tercet_repair_backlog") == 0 and cluster.healthy_nodes() == 4, "made anew", 900)
        took = time.monotonic() - noticed
        copies = cluster.metric("tercet_repaired_chunks_total")
        print(f"{copies:.0f} copies in {took:.1f} s, {copies / took:.0f} a second; noticed after {noticed - begun:.1f} s; "
              f"node 1 took {cluster.nodes[0].peak_rss_bytes() >> 20} MiB, the gateway {cluster.gateway.peak_rss_bytes() >> 20} MiB")
        cluster.stop()
    finally:
        for program in cluster.programs:
            if program.running():
                program.process.kill()
        cluster.remove()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20000)
