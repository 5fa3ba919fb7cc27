"""Disks that lie, fill up, fail, slow down and lose power."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import time

import faults
import storage_node
from client import NoAnswer, NotSent
from cluster import NODE_COUNT, poll
from history import OK, PUT
from load import BUCKET, Mix
from runner import scenario

LARGE = 900_000
SMALL = 30_000
PAYLOAD = 4096  # where the payload of a chunk file begins


def _prepare(run, count, size, **options):
    """A cluster with `count` objects; their write ids, key by key."""
    cluster = run.start_cluster(mix=Mix(threads=2, keys=count, files_keys=1), **options)
    session = run.session()
    for key in run.load.s3_keys:
        run.expect(session.put(key, size) == OK, f"{key} could not be written")
    session.client.close()
    return cluster, {op.key: op.value for op in run.history.snapshot() if op.kind == PUT}


def _copies_of(cluster, write_id):
    """offset -> {node: path} of the chunks of a write."""
    return {offset: nodes for (found, offset), nodes in cluster.large_copies().items() if found == write_id}


@scenario(seconds=90)
def bit_flips(run):
    """One and two damaged copies: right bytes, quarantine, repair. Three: a clean error, never wrong bytes."""
    cluster, written = _prepare(run, 9, LARGE)
    run.phase("flips")
    session = run.session()
    bad = {}
    for number, (key, write_id) in enumerate(sorted(written.items())):
        damaged = 1 + number % 3
        for nodes in _copies_of(cluster, write_id).values():
            for node in run.rng.sample(sorted(nodes), damaged):
                faults.flip(nodes[node], PAYLOAD + run.rng.randrange(os.path.getsize(nodes[node]) - PAYLOAD))
                bad.setdefault(node, []).append(nodes[node])
        if damaged == 3:
            run.excluded.add(key)
    for key in sorted(written):
        operation = session.get(key)
        if key in run.excluded:
            clean = operation.status >= 500 or operation.outcome != OK
            run.expect(clean, f"{key}: three damaged copies, answer {operation.status}")
        else:
            right = operation.value == written[key] and not operation.problem
            run.expect(right, f"{key}: {operation.status} {operation.note} {operation.problem}")
    for _ in range(20):  # until every replica of every chunk was the one that was read
        for key in sorted(set(written) - run.excluded):
            session.get(key)
    found = sum(len(cluster.quarantined(node)) for node in range(1, NODE_COUNT + 1))
    run.measure("damaged, quarantined", f"{sum(map(len, bad.values()))}, {found}")
    run.expect(found > 0, "no damaged copy is in quarantine")
    # The repair, which asks a node for a copy that is damaged too, finds some before the reader does.
    counted = sum(cluster.node_metric(node, "tercet_node_corruptions_total") for node in range(1, NODE_COUNT + 1))
    run.expect(counted >= found, f"{found} copies in quarantine, {counted} counted")
    run.expect(cluster.metric("tercet_chunk_read_damaged_total") > 0, "damaged copies that were read are not counted")
    run.expect(cluster.metric("tercet_chunk_read_failures_total") > 0, "chunks without a good copy are not counted")
    for key in run.excluded:
        run.expect(session.delete(key) == OK, f"{key} has no good copy and cannot be deleted")
    session.client.close()
    read = time.monotonic()
    run.read_all()
    run.measure("full redundancy s", run.expect_redundant(20, read, "damaged copies"))


@scenario(seconds=90)
def bit_flips_small(run):
    """The same for chunks that live in the nodes' databases."""
    cluster, written = _prepare(run, 6, SMALL)
    run.phase("flips")
    for _ in range(2):  # a start moves the rows from the log to table files
        for node in cluster.nodes:
            node.terminate()
            node.wait_end()
            node.start()
        cluster.wait_ready()
    for node in cluster.nodes:
        node.terminate()
        node.wait_end()
    flipped = 0
    for order, (key, write_id) in enumerate(sorted(written.items())):
        places = {node: cluster.small_places(write_id, node) for node in range(1, NODE_COUNT + 1)}
        holders = [node for node in places if places[node]]
        for node in run.rng.sample(holders, min(1 + order % 2, len(holders) - 1)):
            for path, offset in places[node]:
                faults.flip(path, offset + run.rng.randrange(SMALL))
                flipped += 1
    run.measure("damaged", flipped)
    run.expect(flipped > 0, "no small chunk was found in the nodes' table files")
    for node in cluster.nodes:
        node.start()
    cluster.wait_ready()
    session = run.session()
    for _ in range(4):
        for key, write_id in sorted(written.items()):
            operation = session.get(key)
            run.expect(operation.value == write_id, f"{key}: {operation.status} {operation.note} {operation.problem}")
    session.client.close()
    run.start_load(run.seconds(3, 30))  # the nodes must still take small chunks


def _read_slowly(response):
    """The rest of an answer: (all of its bytes, whether it ended cleanly)."""
    pieces = []
    try:
        while piece := response.read1(65536):
            pieces.append(piece)
    except (OSError, http.client.HTTPException):
        return b"".join(pieces), False
    return b"".join(pieces), True


@scenario(seconds=90)
def bit_flips_while_reading(run):
    """Copies are damaged ahead of a slow reader: one and two cost nothing, three cut the connection."""
    size = 16 << 20  # more than connections hold
    cluster, written = _prepare(run, 3, size)
    run.phase("flips")
    for damaged, (key, write_id) in enumerate(sorted(written.items()), 1):
        session = run.session(f"reader-{key}", timeout=60)
        response = session.client.start("GET", session.path(key))
        begin = response.read(1 << 20)
        for offset, nodes in _copies_of(cluster, write_id).items():
            if offset >= size // 2:
                for node in run.rng.sample(sorted(nodes), damaged):
                    faults.flip(nodes[node], PAYLOAD + run.rng.randrange(100_000))
        rest, clean = _read_slowly(response)
        data = begin + rest
        found, problem = run.history.judge(key, data, whole=damaged < 3)
        run.expect(found == write_id and not problem, f"{damaged} damaged: {problem or found}")
        cut = not clean or len(data) < size
        run.expect(cut == (damaged == 3), f"{damaged} damaged: {len(data)} bytes, {'cut' if cut else 'whole'}")
        session.client.close()
        if damaged == 3:
            run.excluded.add(key)


ALONE = {"-small-max": "0"}  # small chunks do not ride with the commit


def _expect_carried(run, cluster):
    run.expect(cluster.metric("tercet_carried_groups_total") > 0, "nothing was carried")


def _full_node(run, options=None):
    disk = run.closing(faults.Disk("tmpfs", 80, run.directory))
    cluster = run.start_cluster(disks={"node2": disk}, node_options=("-reserve", "8M"), mix=Mix(threads=4), options=options)
    run.start_load(1)
    run.phase("full")
    begun = time.monotonic()
    empty = disk.fill(leave_bytes=4 << 20)
    time.sleep(run.seconds(4, 30))
    ended = time.monotonic()
    state = cluster.node_states()[2]
    run.expect(state["full"] and not state["writable"], f"the full node is not shown as full: {state}")
    run.expect(state["circuitState"] == "CLOSED", f"the full node's breaker is {state['circuitState']}")
    shown = [cluster.metric(f'tercet_node_reported_full{{node="{n}"}}') for n in (1, 2)]
    run.expect(shown == [0, 1], f"the metrics of a sound and of the full node say {shown}")
    run.expect_no_errors(begun, ended, "one full node")
    empty()
    poll(lambda: cluster.node_states()[2]["writable"], "the node takes chunks again", 30)
    run.measure("writable again s", time.monotonic() - ended)
    return cluster


@scenario(seconds=90)
def full_node(run):
    """A node's disk is full: it leaves placement with its breaker closed, everything goes on; then it comes back. Small
    chunks are sent by themselves."""
    _full_node(run, ALONE)


@scenario(seconds=90)
def full_node_carried(run):
    """The same with small chunks that ride with the commit."""
    _expect_carried(run, _full_node(run))


def _expect_no_start(run, program, *words):
    """The program ends with 1 and says why, on stderr and in its log."""
    program.start()
    code = run.cluster.wait_exit(program)
    program.killed = True
    said = program.log_tail()
    run.expect(code == 1, f"{program.name} ended with {code}")
    run.expect(all(word in said for word in words), f"{program.name} did not say why: {said[-300:]}")


@scenario(seconds=120)
def full_node_at_start(run):
    """A node is started on a disk that others filled to the last byte: it reads and deletes, which frees space, refuses
    chunks, and takes them again when there is room. Without its ballast it says why it cannot start."""
    disk = run.closing(faults.Disk("tmpfs", 256, run.directory))
    cluster = run.start_cluster(disks={"node2": disk}, node_options=("-reserve", "64M"), mix=Mix(threads=4))
    run.start_load(1)
    node, ballast = cluster.nodes[1], os.path.join(disk.path, "ballast")
    chunks = {storage_node.chunk_id(): os.urandom(size) for size in [SMALL] * 4 + [LARGE] * 20}
    asker = storage_node.StorageNode(cluster, 2)
    for identity, body in chunks.items():
        asker.put(identity, body)
    asker.close()
    run.expect(os.path.exists(ballast), "the node has made no ballast")

    run.phase("not a byte free")
    node.terminate()
    node.wait_end()
    empty = disk.fill()
    run.expect(disk.free_bytes() == 0, f"{disk.free_bytes()} bytes are still free")
    cluster.restart_node(2)
    begun = time.monotonic()
    asker = storage_node.StorageNode(cluster, 2)
    for identity, body in chunks.items():
        status, found = asker.request("GET", f"/chunks/{identity.hex()}")
        run.expect(status == 200 and found.endswith(body), f"a chunk of {len(body)} bytes is answered with {status}")
    for size in (SMALL, LARGE):
        status, _ = asker.request("PUT", f"/chunks/{storage_node.chunk_id().hex()}", bytes(size))
        run.expect(status == 507, f"a new chunk of {size} bytes is answered with {status}")
    health = json.loads(cluster.get("/health", cluster.node_url(2))[1])
    run.expect(health["full"] and health["ballastBytes"] == 0, f"/health says {health}")
    run.expect("the disk is full" in node.log_tail(), "the log does not say that the disk is full")
    poll(lambda: cluster.node_states()[2]["full"] and cluster.healthy_nodes() == NODE_COUNT, "the gateway sees a full node", 30)
    free = disk.free_bytes()
    for identity, body in chunks.items():
        status, _ = asker.request("DELETE", f"/chunks/{identity.hex()}")
        run.expect(status == 204, f"the deletion of {len(body)} bytes is answered with {status}")
    run.expect(disk.free_bytes() > free + 10 * LARGE, f"free before and after: {free}, {disk.free_bytes()}")
    time.sleep(run.seconds(2, 20))
    run.expect_no_errors(begun, time.monotonic(), "one full node")
    empty()
    begun = time.monotonic()
    poll(lambda: cluster.node_states()[2]["writable"] and os.path.exists(ballast), "the node takes chunks, with a ballast", 30)
    run.measure("writable again s", time.monotonic() - begun)
    asker.put(storage_node.chunk_id(), bytes(LARGE))
    asker.close()

    run.phase("no ballast")
    node.terminate()
    node.wait_end()
    os.unlink(ballast)
    empty = disk.fill()
    _expect_no_start(run, node, f"tercet-node: {disk.path}: no space left on its disk", "the node cannot start")
    empty()
    cluster.restart(node)


def _full_nodes(run, mix, options=None):
    disks = [run.closing(faults.Disk("tmpfs", 128, run.directory)) for _ in range(4)]
    cluster = run.start_cluster(disks={f"node{n}": disk for n, disk in enumerate(disks, 1)}, node_options=("-reserve", "32M"),
                                mix=mix, options=options)
    run.start_load(1)
    run.phase("all full")
    empties = [disk.fill(leave_bytes=16 << 20) for disk in disks]  # and the ballast of 8: what clients delete makes no room
    if options:
        _expect_commits_go_on(run, cluster)
    poll(lambda: not any(state["writable"] for state in cluster.node_states().values()), "all nodes are full", 40)
    session = run.session()
    answers = _refusals(session.client)
    for what in ("put", "upload"):
        text = answers[what].body.decode(errors="replace")
        run.expect(answers[what].status == 507 and "disks of the storage nodes" in text, f"{what}: {answers[what].status} {text[:200]}")
    operation = session.get("s3/key-002")
    run.expect(operation.outcome == OK, f"reads do not go on: {operation.status} {operation.note}")
    operation = session.delete("s3/key-002")
    run.expect(operation == OK, f"deletions do not go on: {operation}")
    session.client.close()
    for empty in empties:
        empty()
    begun = time.monotonic()
    poll(lambda: all(state["writable"] for state in cluster.node_states().values()), "the nodes take chunks again", 40)
    run.measure("writable again s", time.monotonic() - begun)
    return cluster


@scenario(seconds=90)
def full_nodes(run):
    """All nodes' disks are at their reserve: writes are answered 507 and say so, reads and deletions go on; with room again,
    so do writes. Small chunks are sent by themselves."""
    _full_nodes(run, Mix(threads=4), ALONE)


def _expect_commits_go_on(run, cluster):
    """What is under way is stored, since nothing could be handed on behind it, deletions neither."""
    time.sleep(run.seconds(2, 20))
    poll(cluster.replicas_are_in_step, "the nodes follow the metadata", 10)
    uncertain = cluster.metric("tercet_metadata_uncertain_total")
    run.expect(uncertain == 0, f"{uncertain} commits did not reach enough nodes")


@scenario(seconds=90)
def full_nodes_carried(run):
    """The same with small chunks that ride with the commit: those that are under way when the nodes become full are stored,
    and what comes behind them goes on."""
    mix = Mix(threads=8, put=60, put_large=0, multipart=0, get=10, get_range=0)
    _expect_carried(run, _full_nodes(run, mix))


@scenario(seconds=90)
def no_space_at_all(run):
    """Without a reserve: ENOSPC in the middle of files and of the node's database."""
    disk = run.closing(faults.Disk("tmpfs", 80, run.directory))
    cluster = run.start_cluster(disks={"node3": disk}, node_options=("-reserve", "0"), mix=Mix(threads=4))
    run.start_load(1)
    run.phase("no space")
    begun = time.monotonic()
    empty = disk.fill(leave_bytes=300_000)
    time.sleep(run.seconds(4, 30))
    ended = time.monotonic()
    run.expect_no_errors(begun, ended, "one full node")
    run.measure("node ended", not cluster.nodes[2].running())
    cluster.nodes[2].killed = not cluster.nodes[2].running()
    empty()


def _take_all(path):
    """Takes what is free now; others write meanwhile."""
    for _ in range(100):
        info = os.statvfs(os.path.dirname(path))
        with open(path, "wb") as file, contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(4096, info.f_bavail * info.f_frsize))
            return
    raise faults.Unavailable(f"{path} cannot be made")


def _refusals(client):
    """What is answered to each way of adding data."""
    form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    return {
        "put": client.request("PUT", f"/{BUCKET}/refused", body=b"x" * 1000),
        "copy": client.request("PUT", f"/{BUCKET}/refused", headers={"x-amz-copy-source": f"/{BUCKET}/s3/key-002"}),
        "multipart": client.request("POST", f"/{BUCKET}/refused", {"uploads": ""}),
        "bucket": client.request("PUT", "/refused-bucket"),
        "upload": client.request("POST", "/upload", body=form.encode(), headers=kind, signed=False),
    }


@scenario(seconds=90)
def full_gateway(run):
    """The gateway's own disk is full: 507 for what adds data, reads and deletions go on, also after a restart; with not
    a byte left deletions are refused too. It recovers by itself. Without its ballast it says why it cannot start."""
    disk = run.closing(faults.Disk("tmpfs", 256, run.directory))
    cluster = run.start_cluster(disks={"gateway": disk}, mix=Mix(threads=4))
    session = run.session()
    extra = [f"s3/extra-{number}" for number in range(40)]
    for key in extra:
        run.expect(session.put(key, 1000) == OK, f"{key} could not be written")
    run.start_load(1)
    run.phase("gateway full")
    empty = disk.fill()
    poll(lambda: cluster.metric("tercet_gateway_disk_full") == 1, "the gateway sees that its disk is full", 10)
    for what, answer in _refusals(session.client).items():
        text = answer.body.decode(errors="replace")
        run.expect(answer.status == 507 and "gateway" in text, f"{what}: {answer.status} {text[:200]}")
    for restart in (False, True):
        if restart:
            cluster.gateway.kill()
            cluster.restart_gateway()
            session.client.close()
            session = run.session("after the restart")
        for key in extra[restart::2]:
            operation = session.get(key)
            run.expect(operation.outcome == OK, f"reads do not go on: {operation.status} {operation.note}")
            run.expect(session.delete(key) == OK, "deletions do not go on")
    health = json.loads(cluster.get("/system/health")[1])
    run.expect(health["gatewayDisk"]["full"] and not health["writable"], f"/system/health says {health}")
    run.expect(cluster.get("/readyz")[0] == 200, "a gateway that reads and deletes is not ready")

    run.phase("nothing left")
    rest = os.path.join(disk.path, "harness-rest")
    _take_all(rest)
    answer = session.client.request("DELETE", f"/{BUCKET}/s3/key-001")
    run.expect(answer.status in (204, 507), f"a deletion without any room: {answer.status}")
    time.sleep(run.seconds(2, 20))
    operation = session.get("s3/key-002")
    run.expect(operation.outcome == OK, f"reads do not go on without any room: {operation.status} {operation.note}")
    run.expect(cluster.gateway.running(), f"the gateway ended: {cluster.gateway.log_tail()[-300:]}")
    os.unlink(rest)
    empty()
    begun = time.monotonic()
    poll(lambda: session.put("s3/key-000", 1000) == OK, "writes work again", 20)
    run.measure("writable again s", time.monotonic() - begun)
    ballast = os.path.join(disk.path, "ballast")
    poll(lambda: os.path.exists(ballast), "the ballast is there again", 20)
    session.client.close()

    run.phase("no ballast")
    cluster.gateway.terminate()
    cluster.gateway.wait_end()
    os.unlink(ballast)
    empty = disk.fill()
    _expect_no_start(run, cluster.gateway, f"tercet-gateway: {disk.path}: no space left on its disk", "the gateway cannot start")
    empty()
    cluster.restart_gateway()


def _add_delete_markers(client, number):
    """Metadata without data, a MiB at a time: 500 markers in the versioned bucket, under names of 1000 bytes."""
    objects = "".join(f"<Object><Key>{'long' * 245}{number}-{index}</Key></Object>" for index in range(500))
    body = f"<Delete><Quiet>true</Quiet>{objects}</Delete>".encode()
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    return client.request("POST", "/files", {"delete": ""}, body, {"Content-MD5": digest})


@scenario(seconds=90, short=False)
def full_gateway_without_reserve(run):
    """No space in the middle of a record of the gateway's log, with nothing held back: it ends with a clear message and
    code 3, starts again when there is room, and has lost nothing."""
    disk = run.closing(faults.Disk("tmpfs", 64, run.directory))
    cluster = run.start_cluster(disks={"gateway": disk}, mix=Mix(threads=4), options={"-data-reserve": "0"})
    run.start_load(1)
    run.phase("no space")
    empty = disk.fill()
    session = run.session()
    number, deadline = 0, time.monotonic() + 60
    with contextlib.suppress(NoAnswer, NotSent):  # the log's next file has no space reserved ahead
        while time.monotonic() < deadline:
            number += 1
            _add_delete_markers(session.client, number)
    code = cluster.wait_exit(cluster.gateway)
    cluster.gateway.killed = True
    run.measure("requests until then, exit code", f"{number}, {code}")
    run.expect(code == 3, f"the gateway ended with {code}: {cluster.gateway.log_tail()[-300:]}")
    run.expect("metadata cannot be written" in cluster.gateway.log_tail(), "the gateway did not say why it ended")
    empty()
    cluster.restart_gateway()
    session.client.close()


def _disk_metrics(cluster):
    """Of the nodes 1 and 2: (says that its disk failed, how often it did)."""
    names = ("tercet_node_reported_read_only", "tercet_node_disk_failures_total")
    return [tuple(cluster.metric(f'{name}{{node="{number}"}}') for name in names) for number in (1, 2)]


@scenario(seconds=90)
def sync_error_of_node(run):
    """fdatasync and fsync fail with EIO: the node acknowledges nothing, says why, to the gateway too, and ends; the others
    go on."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(1)
    run.phase("EIO")
    begun = time.monotonic()
    node = cluster.nodes[0]
    with faults.Injection(node, "fdatasync,fsync:error=EIO"):
        code = cluster.wait_exit(node)
    node.killed = True
    run.measure("ended s", time.monotonic() - begun)
    run.expect(code == 3, f"the node ended with {code}, not 3")
    run.expect("sync" in node.log_tail(), "the node did not say that a sync failed")
    poll(lambda: _disk_metrics(cluster) == [(1, 1), (0, 0)], "the gateway has learnt of the bad disk", 10)
    time.sleep(run.seconds(2, 20))
    run.expect_no_errors(begun, time.monotonic(), "one bad disk")
    cluster.restart(node)
    poll(lambda: _disk_metrics(cluster) == [(0, 1), (0, 0)], "the failure is counted and over", 30)


@scenario(seconds=90)
def sync_error_of_idle_node(run):
    """The same when no request of the gateway meets it: the node stays until a health check has learnt why it ends."""
    cluster = run.start_cluster()
    run.phase("EIO")
    node = cluster.nodes[0]
    asker = storage_node.StorageNode(cluster, 1)
    with faults.Injection(node, "fdatasync,fsync:error=EIO"):
        status, _ = asker.request("PUT", f"/chunks/{storage_node.chunk_id().hex()}", bytes(SMALL))
        code = cluster.wait_exit(node)
    asker.close()
    node.killed = True
    run.expect((status, code) == (503, 3), f"the chunk was answered with {status}, the node ended with {code}")
    poll(lambda: _disk_metrics(cluster) == [(1, 1), (0, 0)], "the gateway has learnt of the bad disk", 10)
    cluster.restart(node)
    run.start_load(1)


@scenario(seconds=90)
def sync_error_of_gateway(run):
    """The gateway's disk fails: it acknowledges nothing more and ends; what was acknowledged is there afterwards."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(1)
    run.phase("EIO")
    begun = time.monotonic()
    with faults.Injection(cluster.gateway, "fdatasync,fsync:error=EIO"):
        code = cluster.wait_exit(cluster.gateway)
    cluster.gateway.killed = True
    run.measure("ended s", time.monotonic() - begun)
    run.expect(code not in (0, -9), f"the gateway ended with {code}")
    run.expect("sync" in cluster.gateway.log_tail() or "IO error" in cluster.gateway.log_tail(),
               "the gateway did not say that its disk failed")
    cluster.restart_gateway()


@scenario(seconds=150)
def slow_disk(run):
    """Every sync of one node takes 700 ms: its breaker opens, and uploads do not wait for it any more. A check that fails
    before shuts it out, too, until it was compared, which takes long on such a disk; then the breaker opens later."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(2)
    run.phase("slow disk")
    begun = time.monotonic()

    def opened():
        return run.monitor.first(2, begun, lambda state, _: state == "OPEN")

    with faults.Injection(cluster.nodes[1], "fdatasync,fsync:delay_enter=700000"):
        poll(lambda: opened() is not None, "the breaker of the slow node is open", 90)
        time.sleep(run.seconds(3, 60))
        ended = time.monotonic()
    run.expect_no_errors(begun, ended, "one slow disk")
    writes = [op.seconds for op in run.history.snapshot() if op.is_write and begun + opened() <= op.start < ended]
    middle = sorted(writes)[len(writes) // 2]
    run.expect(middle < 0.35, f"with the breaker open half of the writes still took over {middle:.2f} s")
    cluster.wait_healthy()
    time.sleep(0.3)
    run.breaker_times("", 2, begun, ended)


def _power_cuts(run, count, syncs_lie):
    names = ["gateway"] + [f"node{number}" for number in range(1, NODE_COUNT + 1)]
    disks = {name: run.closing(faults.Disk("ext4", 400, run.directory)) for name in names}
    cluster = run.start_cluster(disks=disks, node_options=("-reserve", "8M"), mix=Mix(threads=4))
    run.start_load(1)
    run.phase("power loss")
    for _ in range(count):
        what = "fdatasync,fsync:retval=0"
        lies = [faults.Injection(program, what) for program in cluster.programs] if syncs_lie else []
        time.sleep(run.rng.uniform(0.5, 2))
        order = list(disks.values())
        run.rng.shuffle(order)
        for disk in order:
            disk.cut_power()
        cluster.crash_all()
        for lie in lies:
            lie.close()
        for disk in order:
            disk.remount()
        for program in cluster.programs:
            program.start()
        cluster.wait_ready()


@scenario(seconds=120)
def power_loss(run):
    """All five machines lose power at once, with real filesystems that forget what was not synced."""
    _power_cuts(run, run.times(3, 20), False)


@scenario(seconds=120)
def power_loss_noticed(run):
    """The same with syncs that do nothing: acknowledged writes are lost, and this harness must notice."""
    run.result.must_lose = True
    _power_cuts(run, 1, True)
