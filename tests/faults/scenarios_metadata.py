"""Metadata that are damaged or gone: the gateway's and the nodes' logs, the gateway's whole disk."""

import glob
import os
import time

import faults
from cluster import NODE_COUNT, ClusterError, poll
from history import OK
from load import Mix
from runner import scenario

SMALL = 30_000
LOG_BLOCK = 32768  # RocksDB's log is cut into such blocks
LOG_HEADER = 7


def _log(cluster, name="gateway", database="meta"):
    """The newest write-ahead log of a program's database."""
    return max(glob.glob(os.path.join(cluster.data(name), database, "*.log")), key=os.path.getmtime)


def _torn_tails(rng, path):
    """What a crash may leave behind the last whole record of a log: name -> bytes."""
    room = LOG_BLOCK - os.path.getsize(path) % LOG_BLOCK - LOG_HEADER  # a record never crosses the end of a block
    if room < 64:
        return {}
    header = rng.randbytes(4) + min(room, 5000).to_bytes(2, "little") + b"\x01"  # checksum, length, type FULL
    payload = rng.randbytes(min(room, 5000))
    return {
        "header only": header,
        "half a header": header[:3],
        "almost all": header + payload[:-10],
        "whole": header + payload,
        "half": header + payload[: len(payload) // 2],
        "zeros": bytes(6000),
    }


@scenario(seconds=90)
def torn_log(run):
    """A half-written record at the end of the gateway's log, which nobody was told about, is dropped."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(1)
    run.phase("torn")
    for name in ("header only", "half a header", "almost all", "whole", "half", "zeros"):
        cluster.gateway.kill()
        tails = _torn_tails(run.rng, _log(cluster))
        with open(_log(cluster), "ab") as log:
            log.write(tails.get(name, b""))
        cluster.restart_gateway()
        time.sleep(0.5)


@scenario(seconds=60)
def damaged_log(run):
    """A flipped bit in the middle of the gateway's log: it refuses to start and says so, instead of forgetting."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(3)
    run.load.stop()
    run.phase("damaged")
    cluster.gateway.kill()
    path = _log(cluster)
    middle = os.path.getsize(path) // 2
    run.expect(middle > 5000, "the log is too short to have a middle")
    faults.flip(path, middle)
    cluster.gateway.start()
    code = cluster.wait_exit(cluster.gateway)
    cluster.gateway.killed = True
    run.expect(code not in (0, -6, -11), f"the gateway ended with {code}")
    text = cluster.gateway.log_tail()
    run.expect("orrupt" in text and "meta" in text, f"no clear message: {text[-300:]}")
    faults.flip(path, middle)
    cluster.restart_gateway()


def _refuse_and_restore(run):
    """The gateway's metadata were harmed while it did not run: it must not serve as if what is gone had never been, and
    the nodes must bring it back."""
    cluster = run.cluster
    cluster.gateway.start()
    try:
        code = cluster.wait_exit(cluster.gateway, 30)
    except ClusterError:
        code = 0
        cluster.gateway.kill()
    cluster.gateway.killed = True
    run.expect(code not in (0, -6, -11), f"the gateway serves without a part of what it has acknowledged ({code})")
    text = cluster.gateway.log_tail()
    run.expect("-restore-metadata" in text, f"no clear message: {text[-300:]}")
    begun = time.monotonic()
    code, said = cluster.restore_metadata()
    run.expect(code == 0, f"the restoration ended with {code}: {said[-500:]}")
    cluster.restart_gateway()
    run.measure("restored s", time.monotonic() - begun)


def _harm_log(run, harm):
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(3)
    run.phase("log harmed")
    cluster.gateway.kill()
    path = _log(cluster)
    run.expect(os.path.getsize(path) > 5000, "the log is too short")
    harm(path)
    _refuse_and_restore(run)
    time.sleep(run.seconds(1, 20))


@scenario(seconds=90)
def cut_log(run):
    """The second half of the gateway's log is gone, at the end of a record or within one."""
    _harm_log(run, lambda path: os.truncate(path, os.path.getsize(path) // 2))


@scenario(seconds=90)
def deleted_log(run):
    """The gateway's log is gone altogether."""
    _harm_log(run, os.unlink)


@scenario(seconds=120)
def wiped_gateway(run):
    """The gateway's disk is lost under load, the second time with a node down: the nodes have all that was acknowledged."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(2)
    run.phase("wiped")
    for down in (None, run.rng.randint(1, NODE_COUNT)):
        cluster.gateway.kill()
        cluster.wipe("gateway")
        if down:
            cluster.nodes[down - 1].kill()
        _refuse_and_restore(run)
        if down:
            cluster.restart_node(down)
        time.sleep(run.seconds(1.5, 20))
    run.load.stop()
    cluster.wait_healthy()
    run.read_all()


@scenario(seconds=90)
def damaged_log_of_node(run):
    """A flipped bit in the middle of a node's log: its database is set aside, all but the damaged record is taken back
    out of it, and the rest comes from the other nodes."""
    cluster = run.start_cluster(mix=Mix(threads=2, keys=12, files_keys=1))
    session = run.session()
    for key in run.load.s3_keys:
        run.expect(session.put(key, SMALL) == OK, f"{key} could not be written")
    session.client.close()
    run.phase("damaged")
    number = run.rng.randint(1, 4)
    node = cluster.nodes[number - 1]
    node.kill()
    path = max(glob.glob(os.path.join(cluster.data(node.name), "small", "*.log")), key=os.path.getsize)
    faults.flip(path, os.path.getsize(path) // 2)
    run.start_load(1)
    cluster.restart_node(number)
    cluster.wait_healthy()
    text = node.log_text()
    run.expect("orrupt" in text and "set aside" in text, f"no clear message: {text[-300:]}")
    poll(lambda: "chunks were taken back" in node.log_text(), "what can be read is taken back", 30)
    poll(lambda: cluster.metric("tercet_repair_backlog") == 0, "nothing is left to repair", 30)


@scenario(seconds=150)
def harmed_logs_of_nodes(run):
    """Logs of nodes are cut or gone, with chunks and rows of the metadata in them: what they lack is brought to them, so
    that the others can be lost afterwards."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(2)
    run.phase("logs harmed")
    for number in (1, 2):
        node = cluster.nodes[number - 1]
        node.kill()
        cluster.wait_healthy(NODE_COUNT - 1)
        path = _log(cluster, node.name, "small")
        if number == 1:
            os.truncate(path, os.path.getsize(path) // 2)
        else:
            os.unlink(path)
        cluster.restart_node(number)
        cluster.wait_healthy()
    run.load.stop()
    poll(lambda: cluster.metric("tercet_repair_backlog") == 0, "nothing is left to repair", 30)
    cluster.gateway.kill()
    cluster.wipe("gateway")
    _refuse_and_restore(run)
    cluster.wait_healthy()
    for node in cluster.nodes[2:]:
        node.kill()
    run.read_all()
