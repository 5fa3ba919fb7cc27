"""Processes that die and stall: one, two, three, all; nodes that come back empty or late; the collector."""

import http.client
import time

from cluster import NODE_COUNT, poll
from history import DELETE, OK, PUT
from load import PART, Mix
from runner import scenario


@scenario(seconds=120)
def kill_node(run):
    """Each node in turn is killed under load; clients see no error."""
    cluster = run.start_cluster()
    run.start_load()
    run.phase("kill")
    for number in (1, 3) if not run.long else (1, 2, 3, 4):
        begun = time.monotonic()
        cluster.nodes[number - 1].kill()
        time.sleep(run.seconds(3, 10))
        ended = time.monotonic()
        cluster.restart_node(number)
        cluster.wait_healthy()
        time.sleep(0.3)
        run.breaker_times(f"node {number} ", number, begun, ended)
    run.expect_no_errors(run.phases[-1][1], time.monotonic(), "one dead node")
    run.load.stop()
    run.read_all()
    run.measure("full redundancy s", run.expect_redundant(20, ended, "killed nodes"))


@scenario(seconds=120)
def kill_random(run):
    """Any of the five processes, at random, again and again; at most one node at a time."""
    cluster = run.start_cluster()
    run.start_load(1)
    run.phase("kill")
    end = time.monotonic() + run.seconds(10, 120)
    while time.monotonic() < end:
        victim = run.rng.choice(cluster.programs)
        time.sleep(run.rng.uniform(0.1, 1))
        victim.kill()
        time.sleep(run.rng.uniform(0, 1))
        cluster.restart(victim)
        cluster.wait_healthy()


@scenario(seconds=120)
def two_down(run):
    """Two dead nodes: everything can be read and written; afterwards each chunk gets its third copy."""
    cluster = run.start_cluster()
    run.start_load(2)
    run.phase("two down")
    run.load.stop()  # an upload under way could lose both of its copies' nodes at once: a clean start
    for node in cluster.nodes[:2]:
        node.kill()
    cluster.wait_healthy(2)
    begun = time.monotonic()
    run.load.start()
    time.sleep(run.seconds(4, 30))
    run.expect_no_errors(begun, time.monotonic(), "two dead nodes")
    run.load.stop()
    run.read_all()
    back = time.monotonic()
    for number in (1, 2):
        cluster.restart_node(number)
    run.measure("full redundancy s", run.expect_redundant(30, back, "two dead nodes"))


def _refusals(run, session, seconds):
    """Uploads of every kind, again and again, besides those of the load; the time at which the first one was begun."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        for size in (1000, 500_000):
            session.put("s3/key-000", size)
        session.upload("files/file-00.bin", 1000)
        session.multipart("s3/key-001", [PART, 70_000])
        time.sleep(0.05)
    return begun


@scenario(seconds=120)
def three_down(run):
    """One node left: writes are refused within a second with 503 and Retry-After, and work again afterwards."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(1)
    run.phase("three down")
    for node in cluster.nodes[1:]:
        node.kill()
    session = run.session()
    begun = _refusals(run, session, run.seconds(2, 20))
    run.measure("slowest refusal s", run.expect_refused(begun, time.monotonic(), 1, "one node left"))
    cluster.wait_healthy(1)
    for number in (2, 3, 4):
        cluster.restart_node(number)
    begun = time.monotonic()
    poll(lambda: session.put("s3/key-000", 1000) == OK, "writes work again", 30)
    run.measure("writes again s", time.monotonic() - begun)
    session.client.close()


@scenario(seconds=120)
def three_stopped(run):
    """SIGSTOP of three nodes, whose connections stay open: writes are refused as if they were dead."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(1)
    run.phase("three stopped")
    for node in cluster.nodes[1:]:
        node.pause()
    session = run.session()
    begun = _refusals(run, session, run.seconds(4, 60))
    run.measure("slowest refusal s", run.expect_refused(begun, time.monotonic(), 1, "three nodes stopped"))
    for node in cluster.nodes[1:]:
        node.resume()
    begun = time.monotonic()
    poll(lambda: session.put("s3/key-000", 1000) == OK, "writes work again", 30)
    run.measure("writes again s", time.monotonic() - begun)
    cluster.wait_healthy()
    session.client.close()


@scenario(seconds=120)
def stop_gateway(run):
    """SIGSTOP of the gateway: it goes on where it was, and holds its own silence against no node."""
    cluster = run.start_cluster()
    run.start_load(2)
    run.phase("stopped")
    for seconds in run.rng.sample((0.3, 0.7, 1.5, 3), 4) + ([60] if run.long else []):
        cluster.gateway.pause()
        time.sleep(seconds)
        cluster.gateway.resume()
        time.sleep(0.7)
    run.phase("healthy")
    time.sleep(run.seconds(1, 10))
    rows = cluster.node_states()
    blamed = [number for number, row in rows.items() if row["transitions"] or not row["healthy"]]
    run.expect(len(rows) == NODE_COUNT and not blamed, f"of nodes {sorted(rows)}, these were blamed: {blamed}")


@scenario(seconds=120)
def stop_node(run):
    """SIGSTOP: connections stay open and nothing answers. Clients hardly notice."""
    cluster = run.start_cluster()
    run.start_load(4)
    number = run.rng.randint(1, 4)
    run.phase("stopped")
    begun = time.monotonic()
    cluster.nodes[number - 1].pause()
    time.sleep(run.seconds(8, 60))
    cluster.nodes[number - 1].resume()
    ended = time.monotonic()
    cluster.wait_healthy()
    time.sleep(0.3)
    run.breaker_times("", number, begun, ended)
    run.expect_no_errors(begun, ended, "one stopped node")
    slowest = max((op for op in run.history.snapshot() if begun <= op.start < ended), key=lambda op: op.seconds)
    run.measure("slowest request s", slowest.seconds)
    run.expect(slowest.seconds <= run.within(1), f"a request took {slowest.seconds:.1f} s: {slowest}")


@scenario(seconds=120)
def two_stopped(run):
    """Two nodes stall and come back at different times, which overlap: clients see no error, and each chunk gets its
    third copy."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(2)
    run.phase("two stopped")
    begun = time.monotonic()
    first, second = (cluster.nodes[number - 1] for number in run.rng.sample(range(1, NODE_COUNT + 1), 2))
    first.pause()
    time.sleep(run.seconds(1.5, 30))
    second.pause()
    time.sleep(run.seconds(2, 30))
    first.resume()
    time.sleep(run.seconds(1.5, 30))
    second.resume()
    ended = time.monotonic()
    run.expect_no_errors(begun, ended, "two stopped nodes")
    run.load.stop()
    run.read_all()
    run.measure("full redundancy s", run.expect_redundant(run.seconds(20, 90), ended, "two stopped nodes"))


@scenario(seconds=90)
def crash_all(run):
    """kill -9 of all five at once, under load, several times."""
    cluster = run.start_cluster()
    run.start_load(1)
    run.phase("crashes")
    for _ in range(run.times(3, 20)):
        time.sleep(run.rng.uniform(0.5, 2))
        cluster.crash_all()
        for program in cluster.programs:
            program.start()
        cluster.wait_ready()


@scenario(seconds=120)
def wiped_node(run):
    """A node comes back empty: everything stays readable, and it gets its copies again."""
    cluster = run.start_cluster()
    run.start_load(2)
    run.phase("wiped")
    number = run.rng.randint(1, 4)
    cluster.nodes[number - 1].kill()
    cluster.wipe(f"node{number}")
    time.sleep(run.seconds(2, 20))
    run.load.stop()
    run.read_all()
    back = time.monotonic()
    cluster.restart_node(number)
    run.measure("full redundancy s", run.expect_redundant(run.seconds(20, 120), back, "a wiped node"))
    run.load.start()
    time.sleep(run.seconds(2, 20))


@scenario(seconds=120)
def two_wiped(run):
    """Two nodes lose their disks right after writes were acknowledged, before repair could have helped."""
    cluster = run.start_cluster(options={"-repair-interval": "1h"}, mix=Mix(put_large=20))
    run.start_load(3)
    run.load.stop()
    run.phase("two wiped")
    for number in run.rng.sample(range(1, NODE_COUNT + 1), 2):
        cluster.nodes[number - 1].kill()
        cluster.wipe(f"node{number}")
    run.read_all()


@scenario(seconds=120)
def deleted_while_away(run):
    """A node that missed deletions and overwrites frees those chunks when it is back; nothing comes back to life."""
    cluster = run.start_cluster(mix=Mix(threads=3, keys=10, put_large=20))
    session = run.session()
    for key in run.load.s3_keys:
        session.put(key, 700_000)
    run.start_load(1)
    run.load.stop()
    before = {op.value for op in run.history.snapshot() if op.kind == PUT and op.key in run.load.s3_keys}
    run.phase("away")
    number = run.rng.randint(1, 4)
    cluster.nodes[number - 1].kill()
    for key in run.load.s3_keys[:5]:
        session.delete(key)
    for key in run.load.s3_keys[5:]:
        session.put(key, 700_000)
    time.sleep(1.5)  # longer than the grace time: the others have freed their copies
    cluster.restart_node(number)
    cluster.wait_healthy()
    begun = time.monotonic()
    run.read_all()
    live = {write_id for write_id, _ in run.live_writes()}
    freed = run.wait_freed(before - live, 20)
    run.measure("freed s", time.monotonic() - begun if freed else None)
    run.expect(freed, "the returned node still holds chunks of deleted objects after 20 s")
    run.expect(any(op.kind == DELETE and op.outcome == OK for op in run.history.snapshot()), "nothing was deleted")
    session.client.close()


@scenario(seconds=60)
def slow_uploads(run):
    """An upload takes many rounds of the collector: nothing of it is freed."""
    run.start_cluster(options={"-gc-grace": "0s", "-gc-interval": "50ms"}, mix=Mix(threads=3, delete=30))
    run.start_load(1)
    run.phase("slow upload")
    session = run.session()
    outcome = session.multipart("s3/slow", [PART, PART, 70_000], pause=run.seconds(1.5, 30))
    run.expect(outcome == OK, f"the slow upload ended: {outcome}")
    time.sleep(1)
    operation = session.get("s3/slow")
    run.expect(not operation.problem and operation.status == 200, f"{operation.status} {operation.problem}")
    session.client.close()


@scenario(seconds=120)
def slow_readers(run):
    """Objects are deleted and replaced under slow readers: they get every byte, and the space is freed afterwards."""
    cluster = run.start_cluster(options={"-gc-grace": "0s", "-gc-interval": "50ms"})
    run.phase("healthy")
    session = run.session()
    size = 16 << 20  # more than connections hold
    keys = run.load.s3_keys[:4]
    for key in keys:
        session.put(key, size)
    doomed = [op.value for op in run.history.snapshot() if op.kind == PUT]
    run.phase("slow readers")
    readers = [run.session(f"slow-{key}", timeout=60) for key in keys]
    streams = []
    for key, reader in zip(keys, readers):
        response = reader.client.start("GET", reader.path(key))
        streams.append((key, response, [response.read(1 << 20)]))
    for number, key in enumerate(keys):
        session.put(key, 1000) if number % 2 else session.delete(key)
    time.sleep(run.seconds(3, 60))
    for key, response, pieces in streams:
        try:
            while piece := response.read1(65536):
                pieces.append(piece)
                time.sleep(0.005)
        except (OSError, http.client.HTTPException):
            pass  # what has come is judged: it is not the whole
        data = b"".join(pieces)
        write_id, problem = run.history.judge(key, data)
        run.expect(not problem and write_id in doomed, f"slow reader of {key}: {problem or f'write {write_id}'}")
    for reader in readers:
        reader.client.close()
    session.client.close()
    begun = time.monotonic()
    freed = run.wait_freed(doomed, 20)
    run.measure("freed s", time.monotonic() - begun if freed else None)
    run.expect(freed, "space of deleted objects is not freed after their readers have gone")
