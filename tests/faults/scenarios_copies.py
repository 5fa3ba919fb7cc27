"""Copies that count and must not, and such that do not count and must: what the numbers say is what is there."""

import errno
import json
import os
import time

from cluster import NODE_COUNT, poll
from history import OK
from load import Mix
from preload import Failpoint
from runner import scenario

LARGE = 200_000  # one chunk


def _write_all(run, size):
    """Every S3 key of the load, once."""
    session = run.session()
    for key in run.load.s3_keys:
        run.expect(session.put(key, size) == OK, f"{key} could not be written")
    session.client.close()


def _counted(cluster):
    """Copies -> chunks, as the gateway counts them."""
    return {copies: cluster.metric(f'tercet_chunks{{copies="{copies}"}}') for copies in range(4)}


def _damaged(cluster):
    return sum(cluster.node_metric(node, "tercet_node_corruptions_total") for node in range(1, NODE_COUNT + 1))


@scenario(seconds=90)
def unreadable_copies(run):
    """Copies turn into directories, loops of links, pipes and entries that the file system does not show: the scrub finds
    each, it is counted and made anew, also on another node where nothing can be put in its place; no disk counts as failed."""
    failpoint = Failpoint(run.directory, "node2")
    cluster = run.start_cluster(node_options=("-scrub-period", "2s"), mix=Mix(threads=2, keys=12, files_keys=1),
                                wrap={"node2": failpoint.words})
    _write_all(run, LARGE)
    run.phase("unreadable")
    begun = time.monotonic()
    turned = {"directory": 0, "loop": 0, "pipe": 0, "refused": 0}
    for number, copies in enumerate(sorted(cluster.large_copies().values(), key=lambda copies: 2 not in copies)):
        node, path = (2, copies[2]) if number == 0 else run.rng.choice(sorted(copies.items()))
        kind = "refused" if number == 0 else ("directory", "loop", "pipe")[number % 3]
        turned[kind] += 1
        if kind == "refused":
            failpoint.refuse("*/node2/chunks/*/" + os.path.basename(path), errno.EUCLEAN)
            continue
        os.unlink(path)
        {"directory": os.mkdir, "loop": lambda at: os.symlink(at, at), "pipe": os.mkfifo}[kind](path)
    run.measure("unreadable", ", ".join(f"{kind} {count}" for kind, count in turned.items()))
    run.expect(all(turned.values()), f"too few chunks to show each kind: {turned}")
    poll(lambda: _damaged(cluster) >= sum(turned.values()), "the scrubs find every copy", run.within(20))
    run.measure("found s", time.monotonic() - begun)
    run.read_all()
    run.expect_redundant(run.within(20), begun, "copies that cannot be read")
    run.expect(_counted(cluster)[3] > 0 and not any(_counted(cluster)[copies] for copies in range(3)),
               f"copies are counted as {_counted(cluster)}")
    failures = [cluster.metric(f'tercet_node_disk_failures_total{{node="{number}"}}') for number in range(1, NODE_COUNT + 1)]
    run.expect(not any(failures), f"disks count as failed: {failures}")


@scenario(seconds=90)
def deleted_while_given_up(run):
    """A node is away for so long that it is given up, with deletions and overwrites queued for it: the others free their
    copies, and no chunk that waits for this one counts as lost or is repaired."""
    cluster = run.start_cluster(options={"-node-dead-after": "1500ms", "-inventory-interval": "1s"},
                                mix=Mix(threads=2, keys=30, files_keys=1))
    _write_all(run, LARGE)
    run.phase("away")
    session = run.session()
    away = run.rng.randint(1, NODE_COUNT)
    cluster.nodes[away - 1].kill()
    poll(lambda: cluster.healthy_nodes() == NODE_COUNT - 1, "the node is seen to be away", 20)
    begun, worst = time.monotonic(), 0
    for number, key in enumerate(run.load.s3_keys):
        run.expect((session.delete(key) if number % 3 else session.put(key, LARGE)) == OK, f"{key} could not be changed")
    session.client.close()
    while time.monotonic() - begun < run.within(5):
        counted = _counted(cluster)
        worst = max(worst, counted[0] + counted[1])
        time.sleep(0.05)
    backlog = cluster.metric("tercet_gc_backlog")
    run.measure("deletions that wait", backlog)
    run.expect(backlog > 0, "nothing waits for the node")
    run.expect(worst == 0, f"{worst:.0f} chunks counted as lost or nearly so while they waited to be freed")
    kept = sum(1 for number, _ in enumerate(run.load.s3_keys) if number % 3 == 0)
    poll(lambda: _counted(cluster) == {0: 0, 1: 0, 2: 0, 3: kept}, "what is kept counts as whole, and nothing else", 20)
    run.expect(cluster.metric("tercet_repair_backlog") == 0, "repair is not over")
    run.expect(cluster.metric("tercet_repair_left_bytes") == 0, "repair has bytes left")
    cluster.restart_node(away)
    poll(lambda: cluster.metric("tercet_gc_backlog") == 0, "what waited is freed", 30)
    run.read_all()
    run.expect_redundant(run.within(20), begun, "a node that was given up")
    run.expect(_counted(cluster) == {0: 0, 1: 0, 2: 0, 3: kept}, f"chunks are counted as {_counted(cluster)}")


def _restart_with_nodes(cluster, numbers):
    """The gateway, with only these nodes in its list."""
    cluster.gateway.terminate()
    cluster.gateway.wait_end()
    listed = ",".join(f"{number}=127.0.0.1:{cluster.node_ports[number - 1]}" for number in numbers)
    cluster.gateway.argv[cluster.gateway.argv.index("-nodes") + 1] = listed
    cluster.restart_gateway()


@scenario(seconds=90)
def node_left_out(run):
    """The gateway is started with a list that lacks a node: it says so, gives the node up after its time, makes its copies
    anew on the others, and deletions do not wait for it. Back in the list, the node brings nothing deleted back."""
    cluster = run.start_cluster(options={"-node-dead-after": "3s"}, mix=Mix(threads=2, keys=24, files_keys=1))
    _write_all(run, LARGE)
    run.phase("left out")
    out = run.rng.randint(1, NODE_COUNT)
    others = [number for number in range(1, NODE_COUNT + 1) if number != out]
    held = sum(out in copies for copies in cluster.large_copies().values())
    run.measure("copies on the node", held)
    _restart_with_nodes(cluster, others)
    begun = time.monotonic()
    series = f'tercet_unlisted_node_copies{{node="{out}"}}'
    poll(lambda: cluster.metric(series) == held, "the metric shows what is recorded on the node", 10)
    health = json.loads(cluster.get("/system/health")[1])
    run.expect((health["status"], health["unlistedNodes"]) == ("degraded", [{"nodeId": out, "copies": held}]),
               f"/system/health says {health['status']}, {health['unlistedNodes']}")
    run.expect("not in -nodes" in cluster.gateway.log_tail(), "the gateway's log says nothing")
    session = run.session()
    deleted = run.load.s3_keys[:8]
    for key in deleted:
        run.expect(session.delete(key) == OK, f"{key} could not be deleted")
    session.client.close()
    kept = len(run.load.s3_keys) - len(deleted)
    poll(lambda: cluster.metric(series) == 0, "the node is given up", run.within(20))
    run.measure("given up s", time.monotonic() - begun)
    poll(lambda: _counted(cluster) == {0: 0, 1: 0, 2: 0, 3: kept}, "what is kept is whole again", run.within(20))
    run.measure("full redundancy s", time.monotonic() - begun)
    poll(lambda: cluster.metric("tercet_gc_backlog") == 0, "deletions do not wait for the node", 20)
    copies = [set(nodes) - {out} for nodes in cluster.large_copies().values()]
    whole = sum(nodes == set(others) for nodes in copies)
    run.expect(whole == kept, f"{whole} of {kept} chunks are on all three nodes that are left")
    run.read_all()
    _restart_with_nodes(cluster, range(1, NODE_COUNT + 1))
    cluster.wait_healthy()
    run.expect(json.loads(cluster.get("/system/health")[1])["unlistedNodes"] == [], "a node is not in the list")
