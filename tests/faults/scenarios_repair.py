"""Repair that is broken off, or that meets the next fault before it is done."""

import json
import re
import time

from cluster import NODE_COUNT, poll
from load import Mix
from runner import scenario
from storage_node import StorageNode

OBJECTS = 12
SIZE = 900_000
PULLS = re.compile(r'^http_requests_total{method="POST",endpoint="/chunks/{id}/pull",.*} (\d+)$', re.MULTILINE)
CONCURRENCY = 2


def _start(run, bandwidth, threads):
    """A cluster with slow repair, some past, and objects that take a while to be copied."""
    options = {"-repair-bandwidth": bandwidth, "-repair-concurrency": str(CONCURRENCY)}
    cluster = run.start_cluster(options=options, mix=Mix(threads=threads, keys=OBJECTS))
    run.start_load(1)
    run.load.stop()
    run.rewrite_all(SIZE)
    return cluster


def _fetched(cluster):
    """How many copies the nodes were told to fetch since they were started."""
    texts = (cluster.get("/metrics", cluster.node_url(number))[1].decode() for number in range(1, NODE_COUNT + 1))
    return sum(int(count) for text in texts for count in PULLS.findall(text))


def _held(cluster, number):
    """How many chunks the node has, by its own account."""
    node = StorageNode(cluster, number)
    try:
        return len(node.records())
    finally:
        node.close()


def _lose_disk(cluster, number):
    """The node comes back empty at once. Returns how many chunks it had."""
    held = _held(cluster, number)
    cluster.nodes[number - 1].kill()
    cluster.wipe(f"node{number}")
    cluster.restart_node(number)
    return held


@scenario(seconds=90)
def killed_while_repairing(run):
    """The gateway is killed in mid-repair: it goes on where it was, and no copy that was made is made again."""
    cluster = _start(run, "3M", threads=1)
    run.phase("repair")
    number = run.rng.randint(1, NODE_COUNT)
    lost = _lose_disk(cluster, number)
    begun = time.monotonic()
    poll(lambda: _held(cluster, number) >= lost // 3, "a third of the copies is made anew", 30)
    cluster.gateway.kill()
    made, fetched = _held(cluster, number), _fetched(cluster)
    run.expect(made < lost, "the repair was over before the gateway was killed")
    cluster.restart_gateway()
    left = json.loads(cluster.get("/system/repair")[1])["queuedChunks"]
    run.expect(0 < left <= lost - made + CONCURRENCY, f"{left} chunks are queued after the restart")
    run.measure("full redundancy s", run.expect_redundant(30, begun, "a restart in mid-repair"))
    again = _fetched(cluster) - fetched
    run.measure("copies lost, made until the kill, fetched afterwards", f"{lost}, {made}, {again}")
    held = _held(cluster, number)
    run.expect(held == lost, f"the node holds {held} chunks again, and had {lost}")
    run.expect(again <= lost - made + CONCURRENCY, f"{again} copies were fetched after the restart, {made} were there")


@scenario(seconds=120)
def wiped_while_repairing(run):
    """A second node loses its disk before the first one's copies are made anew: nothing is lost, clients see nothing."""
    cluster = _start(run, "3M", threads=3)
    run.phase("repair")
    begun = time.monotonic()
    first, second = run.rng.sample(range(1, NODE_COUNT + 1), 2)
    lost = _lose_disk(cluster, first)
    poll(lambda: _held(cluster, first) >= lost // 4, "a quarter of the copies is made anew", 30)
    run.load.start()
    queued = cluster.metric("tercet_repair_backlog")
    run.measure("chunks queued when the second disk was lost", queued)
    run.expect(queued > 0, "the repair was over before the second disk was lost")
    _lose_disk(cluster, second)
    time.sleep(run.seconds(3, 20))
    run.expect_no_errors(begun, time.monotonic(), "two nodes that lost their disks")
    run.load.stop()
    run.read_all()
    run.measure("full redundancy s", run.expect_redundant(30, begun, "two wiped nodes"))
