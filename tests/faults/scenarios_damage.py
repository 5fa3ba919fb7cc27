"""Bits that flip in the table files of the databases, of the gateway and of nodes."""

import contextlib
import glob
import json
import os

import faults
import node_database
from cluster import NODE_COUNT, poll
from load import BUCKET, Mix
from runner import scenario

OBJECTS = 1500
TABLE_BYTES_MIN = 40_000  # a table with many rows: its middle is rows


def _many_objects(run, cluster, count=OBJECTS):
    """Objects beside those of the history, so that tables have many blocks; their names."""
    client = run.session("filler").client
    names = [f"filler/{number:05}" for number in range(count)]
    for name in names:
        answer = client.request("PUT", f"/{BUCKET}/{name}", body=name.encode())
        run.expect(answer.status == 200, f"{name}: {answer.status}")
    client.close()
    return names


def _restart(cluster, number):
    """A start moves the rows from the log to table files."""
    node = cluster.nodes[number - 1]
    node.terminate()
    node.wait_end()
    cluster.restart_node(number)
    cluster.wait_healthy()


def _flip_tables(directory, size_min=TABLE_BYTES_MIN):
    """One bit in the rows of each table of a database that has so many bytes; how many tables."""
    tables = [path for path in glob.glob(os.path.join(directory, "*.sst")) if os.path.getsize(path) > size_min]
    for path in tables:
        faults.flip(path, os.path.getsize(path) // 4)
    return len(tables)


def _flip_replica(cluster, node, size_min=2000, every=500):
    """Bits all over the tables of a stopped node's replica of the metadata; how many tables. Its chunks are in others."""
    tables = node_database.replica_tables(os.path.join(cluster.data(node.name), "small"))
    tables = [path for path in tables if os.path.getsize(path) > size_min]
    for path in tables:
        for offset in range(every // 2, os.path.getsize(path), every):
            faults.flip(path, offset)
    return len(tables)


def _set_aside(cluster, number):
    """What a node keeps of damaged databases; None while it does not answer."""
    with contextlib.suppress(OSError):
        status, body = cluster.get("/health", cluster.node_url(number))
        return json.loads(body)["setAside"] if status == 200 else None
    return None


def _read(run, names):
    """Every object, which must be right; the nodes pass each other the reads that one cannot serve."""
    client = run.session("reader").client
    for name in names:
        answer = client.request("GET", f"/{BUCKET}/{name}")
        run.expect(answer.status == 200 and answer.body == name.encode(), f"{name}: {answer.status}")
    client.close()


def _wait_whole(cluster, number, seconds=60):
    """The node has a new database, and every chunk three copies again."""
    poll(lambda: (_set_aside(cluster, number) or {}).get("chunks") == 1, f"node {number} set its database aside", seconds)
    cluster.wait_healthy()
    poll(lambda: cluster.metric("tercet_repair_backlog") == 0, "nothing is left to repair", seconds)
    poll(lambda: cluster.metric('tercet_chunks{copies="2"}') == 0, "every chunk has three copies", seconds)


@scenario(seconds=180)
def damaged_tables_of_nodes(run):
    """A flipped bit in the tables of a node's database, while it is stopped and while it runs, and many in those of its
    replica of the metadata: it goes on with a new database, nobody reads anything wrong, and what is missing comes back."""
    cluster = run.start_cluster(mix=Mix(threads=2, keys=12, files_keys=2))
    run.start_load(1)
    run.load.stop()
    names = _many_objects(run, cluster, 700)
    stopped, running, replica = run.rng.sample(range(1, NODE_COUNT + 1), 3)

    run.phase("damaged while stopped")
    node = cluster.nodes[stopped - 1]
    _restart(cluster, stopped)
    node.terminate()
    node.wait_end()
    directory = os.path.join(cluster.data(node.name), "small")
    run.expect(_flip_tables(directory, 8000) > 0, "the small chunks have no table to damage")
    node.start()
    _read(run, names)
    _wait_whole(cluster, stopped)
    run.expect("small.damaged-" in node.log_tail(), "the log does not name what was set aside")

    run.phase("damaged while running")
    node = cluster.nodes[running - 1]
    _restart(cluster, running)
    directory = os.path.join(cluster.data(node.name), "small")
    run.expect(_flip_tables(directory, 8000) > 0, "the small chunks have no table to damage")
    pid = node.process.pid

    def found():
        _read(run, names)
        return (_set_aside(cluster, running) or {}).get("chunks") == 1

    poll(found, f"node {running} notices its damage", 60)
    _wait_whole(cluster, running)
    run.expect(node.running() and node.process.pid == pid, "the node ended")

    run.phase("replica damaged")
    node = cluster.nodes[replica - 1]
    node.terminate()
    node.wait_end()
    run.expect(_flip_replica(cluster, node) > 0, "the replica has no table to damage")
    node.start()
    _wait_whole(cluster, replica)
    client = run.session("writer").client
    for number in range(20):
        answer = client.request("PUT", f"/{BUCKET}/filler/{number:05}", body=f"filler/{number:05}".encode())
        run.expect(answer.status == 200, f"a write with a replica begun anew: {answer.status}")
    client.close()
    _read(run, names)


@scenario(seconds=120)
def damaged_tables_of_gateway(run):
    """A flipped bit in the tables of the metadata: it is called what it is, the rest is served, and the nodes bring it
    back."""
    cluster = run.start_cluster(mix=Mix(threads=2, keys=12, files_keys=2))
    run.start_load(1)
    run.load.stop()
    names = _many_objects(run, cluster)
    cluster.gateway.terminate()
    cluster.gateway.wait_end()
    run.phase("damaged")
    run.expect(_flip_tables(os.path.join(cluster.data("gateway"), "meta")) > 0, "the metadata have no table to damage")
    cluster.restart_gateway()
    client = run.session("reader").client
    answers = [client.request("GET", f"/{BUCKET}/{name}") for name in names]
    served = sum(a.status == 200 and a.body == name.encode() for name, a in zip(names, answers))
    refused = sum(a.status == 500 and b"database is damaged" in a.body for a in answers)
    run.measure("served, refused", f"{served}, {refused}")
    others = [answer.status for answer in answers if answer.status not in (200, 500)]
    run.expect(served + refused == len(names), f"{served} served, {refused} refused, other answers: {others[:3]}")
    run.expect(served > len(names) * 8 // 10 and refused > 0, f"{served} served, {refused} refused")
    run.expect(client.request("PUT", f"/{BUCKET}/later", body=b"later").status == 200, "nothing can be written")
    client.close()
    status, body = cluster.get("/readyz")
    run.expect(status == 503 and b"damaged" in body, f"/readyz: {status} {body[:200]}")
    health = json.loads(cluster.get("/system/health")[1])
    run.expect(health["metadataDamaged"] and health["status"] == "degraded", f"/system/health: {health}")
    run.expect(cluster.metric("tercet_metadata_corruptions_total") >= refused, "damage is not counted")
    cluster.gateway.terminate()
    cluster.gateway.wait_end()
    code, said = cluster.restore_metadata()
    run.expect(code != 0 and "-restore-damaged" in said, f"a restoration without a word: {code} {said[-500:]}")
    code, said = cluster.restore_metadata("-restore-damaged")
    run.expect(code == 0, f"the restoration ended with {code}: {said[-500:]}")
    cluster.restart_gateway()
    client = run.session("reader").client
    for name, content in [(name, name.encode()) for name in names] + [("later", b"later")]:
        answer = client.request("GET", f"/{BUCKET}/{name}")
        run.expect(answer.status == 200 and answer.body == content, f"{name} after the restoration: {answer.status}")
    client.close()
    run.expect(cluster.get("/readyz")[0] == 200, "the gateway is not ready after the restoration")


@scenario(seconds=240)
def lost_replicas(run):
    """The gateway's disk is lost, and with it two of four replicas to damage: what they held may be more than what the
    others hold, so nothing is begun or restored before the operator has chosen."""
    cluster = run.start_cluster(mix=Mix(threads=2, keys=12, files_keys=2))
    run.start_load(1)
    run.load.stop()
    names = _many_objects(run, cluster, 300)
    poll(cluster.replicas_are_in_step, "the two that are left hold everything, too", 10)
    run.phase("lost")
    cluster.gateway.kill()
    cluster.wipe("gateway")
    for number in (1, 2):
        node = cluster.nodes[number - 1]
        node.terminate()
        node.wait_end()
        run.expect(_flip_replica(cluster, node) > 0, "the replica has no table to damage")
        cluster.restart_node(number)
    cluster.gateway.start()
    code = cluster.wait_exit(cluster.gateway, 60)
    cluster.gateway.killed = True
    text = cluster.gateway.log_tail()
    run.expect(code == 1 and "damaged replica" in text, f"a gateway without metadata: {code} {text[-300:]}")
    code, said = cluster.restore_metadata()
    run.expect(code == 1 and "damaged replica" in said, f"a restoration without a choice: {code} {said[-300:]}")
    code, said = cluster.restore_metadata("-restore-from", "3")
    run.expect(code == 0, f"the restoration ended with {code}: {said[-500:]}")
    cluster.restart_gateway()
    cluster.wait_healthy()
    _read(run, names)
