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
    """The ids of the chunks that the node has, by its own account."""
    node = StorageNode(cluster, number)
    try:
        return set(node.records())
    finally:
        node.close()


def _replicated(cluster):
    """id -> the nodes that have it, of what has copies. One that was passed over for being slow may have a copy that
    nobody counts, for two stalls; a probe of a slow node has one copy, and no record."""
    holders = {}
    for number in range(1, NODE_COUNT + 1):
        for identity in _held(cluster, number):
            holders.setdefault(identity, set()).add(number)
    copied = {identity: nodes for identity, nodes in holders.items() if len(nodes) > 1}
    return copied if all(len(nodes) == 3 for nodes in copied.values()) else None


def _held_for_good(cluster, number):
    """The ids of the chunks of which the node has one of three copies, once there are no others."""
    copied = poll(lambda: _replicated(cluster), "every chunk has three copies, and none has four", 30)
    return {identity for identity, nodes in copied.items() if number in nodes}


def _lose_disk(cluster, number):
    """The node comes back empty at once."""
    cluster.nodes[number - 1].kill()
    cluster.wipe(f"node{number}")
    cluster.restart_node(number)


@scenario(seconds=90)
def killed_while_repairing(run):
    """The gateway is killed in mid-repair: it goes on where it was, and no copy that was made is made again."""
    cluster = _start(run, "3M", threads=1)
    run.phase("repair")
    number = run.rng.randint(1, NODE_COUNT)
    lost = _held_for_good(cluster, number)
    _lose_disk(cluster, number)
    begun = time.monotonic()
    poll(lambda: len(_held(cluster, number)) >= len(lost) // 3, "a third of the copies is made anew", 30)
    cluster.gateway.kill()
    made, fetched = len(_held(cluster, number)), _fetched(cluster)
    run.expect(made < len(lost), "the repair was over before the gateway was killed")
    cluster.restart_gateway()
    left = json.loads(cluster.get("/system/repair")[1])["queuedChunks"]
    missing = len(lost) - made + CONCURRENCY
    run.expect(0 < left <= missing, f"{left} chunks are queued after the restart")
    run.measure("full redundancy s", run.expect_redundant(30, begun, "a restart in mid-repair"))
    again = _fetched(cluster) - fetched
    run.measure("copies lost, made until the kill, fetched afterwards", f"{len(lost)}, {made}, {again}")
    absent = lost - _held(cluster, number)
    run.expect(not absent, f"the node lacks {len(absent)} of the {len(lost)} chunks that it had")
    run.expect(again <= missing, f"{again} copies were fetched after the restart, {made} were there")


@scenario(seconds=120)
def wiped_while_repairing(run):
    """A second node loses its disk before the first one's copies are made anew: nothing is lost, clients see nothing."""
    cluster = _start(run, "3M", threads=3)
    run.phase("repair")
    begun = time.monotonic()
    first, second = run.rng.sample(range(1, NODE_COUNT + 1), 2)
    lost = _held_for_good(cluster, first)
    _lose_disk(cluster, first)
    poll(lambda: len(_held(cluster, first)) >= len(lost) // 4, "a quarter of the copies is made anew", 30)
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
