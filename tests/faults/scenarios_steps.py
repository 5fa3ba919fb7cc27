"""Processes that die at every step of storing a chunk, committing, deleting and answering."""

import glob
import os
import time

from cluster import NODE_COUNT
from faulty_cluster import DEFAULT_PACE, QUICK
from load import Mix
from preload import Failpoint
from runner import scenario

# What a step does and what it works on; see preload/failpoints.c. {own}: the program's port, {node}: that of the node
# {number}.
NODE_STEPS = {
    "request arrives": ("read", "socket:{own}:* PUT /chunks/*"),
    "chunk file is created": ("create", "*/node{number}/tmp/*"),
    "chunk file is written": ("write", "*/node{number}/tmp/*"),
    "chunk file is synced": ("sync", "*/node{number}/tmp/*"),
    "chunk file gets its name": ("rename", "*/node{number}/chunks/*"),
    "chunk's directory is synced": ("sync", "*/node{number}/chunks/*"),
    "rows of chunks and metadata are written": ("write", "*/node{number}/small/*.log"),
    "rows of chunks and metadata are synced": ("sync", "*/node{number}/small/*.log"),
    "chunk file is deleted": ("unlink", "*/node{number}/chunks/*"),
    "chunk is acknowledged": ("write", "socket:{own}:* HTTP/1.1 201* for PUT /chunks/*"),
    "metadata are acknowledged": ("write", "socket:{own}:* HTTP/1.1 204* for PUT /meta/batches*"),
    "deletion is acknowledged": ("write", "socket:{own}:* HTTP/1.1 200* for POST /chunks/delete*"),
}
GATEWAY_STEPS = {
    "request arrives": ("read", "socket:{own}:* PUT /faults/*"),
    "chunk goes to a node": ("write", "socket:*:{node} PUT /chunks/*"),
    "node's answer arrives": ("read", "socket:*:{node} HTTP/1.1 201* for PUT /chunks/*"),
    "commit is written": ("write", "*/gateway/meta/*.log"),
    "commit is synced": ("sync", "*/gateway/meta/*.log"),
    "commit goes to a node": ("write", "socket:*:{node} PUT /meta/batches*"),
    "deletion goes to a node": ("write", "socket:*:{node} POST /chunks/delete*"),
    "answer goes to the client": ("write", "socket:{own}:* HTTP/1.1 200* for PUT /faults/*"),
    "deletion is answered": ("write", "socket:{own}:* HTTP/1.1 204* for DELETE /faults/*"),
}

# While copies that a node has lost are fetched from the others.
REPAIR_STEPS = {
    "target": {
        "pull arrives": ("read", "socket:{own}:* POST /chunks/*/pull*"),
        "source is asked": ("write", "socket:*:* GET /chunks/*"),
        "source's answer arrives": ("read", "socket:*:* HTTP/1.1 200* for GET /chunks/*"),
        "copy is written": ("write", "*/node{number}/tmp/*"),
        "copy gets its name": ("rename", "*/node{number}/chunks/*"),
        "copy is acknowledged": ("write", "socket:{own}:* HTTP/1.1 201* for POST /chunks/*/pull*"),
    },
    "source": {"copy is sent": ("write", "socket:*:* HTTP/1.1 200* for GET /chunks/*")},
    "gateway": {
        "pull goes to a node": ("write", "socket:*:{node} POST /chunks/*/pull*"),
        "answer to a pull arrives": ("read", "socket:*:{node} HTTP/1.1 201* for POST /chunks/*/pull*"),
        "copy is recorded": ("sync", "*/gateway/meta/*.log"),
    },
}
# While the gateway's metadata are brought back; what one process does.
RESTORE_STEPS = {
    "nodes are asked to shut the old gateway out": ("write", "socket:*:* POST /meta/fence*"),
    "a node has shut the old gateway out": ("read", "socket:*:* HTTP/1.1 204* for POST /meta/fence*"),
    "metadata are asked for": ("write", "socket:*:* POST /meta/dump*"),
    "metadata arrive": ("read", "socket:*:* HTTP/1.1 200* for POST /meta/dump*"),
    "metadata are written": ("write", "*/gateway/meta.restoring/*"),
    "metadata are synced": ("sync", "*/gateway/meta.restoring/*"),
    "old metadata are set aside": ("rename", "*/gateway/meta.replaced*"),
    "new metadata get their name": ("rename", "*/gateway/meta"),
    "name is synced": ("sync", "*/gateway"),
}


def _failpoint(run):
    """One that all programs share, and what goes before their commands."""
    failpoint = Failpoint(run.directory, "all")
    return failpoint, {name: failpoint.words for name in ["gateway", "node1", "node2", "node3", "node4"]}


def _reach(run, failpoint, name):
    """Waits until the failpoint has ended a program, and starts that again."""
    deadline = time.monotonic() + 30
    dead = []
    while not dead and time.monotonic() < deadline:
        time.sleep(0.01)
        dead = [program for program in run.cluster.programs if not program.running()]
    failpoint.disarm()
    run.expect(len(dead) == 1, f"{len(dead)} programs have ended within 30 s at the step: {name}")
    for program in dead:
        program.killed = True
        run.cluster.restart(program)


def _steps(run):
    """(program's kind, step, whether to die after it), in random order."""
    sides = [(kind, name) for kind, steps in (("node", NODE_STEPS), ("gateway", GATEWAY_STEPS)) for name in steps]
    if run.long:
        chosen = [(kind, name, after) for kind, name in sides for after in (False, True)]
    else:
        chosen = [(kind, name, run.rng.random() < 0.5) for kind, name in sides]
    chosen *= run.times(1, 3)
    run.rng.shuffle(chosen)
    return chosen


@scenario(seconds=200)
def kill_at_step(run):
    """Processes die right before or right after a step: each step of the write, commit and delete paths."""
    failpoint, wrap = _failpoint(run)
    pace = {name: QUICK[name] for name in DEFAULT_PACE}  # in the long form, too: it restarts a hundred times
    cluster = run.start_cluster(options=pace, mix=Mix(threads=4, put_large=15, delete=15), wrap=wrap)
    run.start_load(1)
    run.phase("kill")
    steps = _steps(run)
    for kind, name, after in steps:
        number = run.rng.randint(1, NODE_COUNT)
        node = cluster.node_ports[number - 1]
        own = cluster.port if kind == "gateway" else node
        call, place = (GATEWAY_STEPS if kind == "gateway" else NODE_STEPS)[name]
        failpoint.kill_at(call, place.format(own=own, node=node, number=number), after, run.rng.randint(1, 6))
        _reach(run, failpoint, name)
        cluster.wait_healthy()
    run.measure("steps", len(steps))


@scenario(seconds=200)
def kill_at_repair_step(run):
    """A node has lost its disk, and it dies at a step of fetching its copies, or one that sends them does, or the gateway:
    every chunk gets its copies again."""
    failpoint, wrap = _failpoint(run)
    pace = {"-health-interval": "300ms", "-suspect-interval": "100ms", "-breaker-open": "200ms", "-repair-interval": "100ms"}
    cluster = run.start_cluster(options=pace | {"-repair-concurrency": "2"}, mix=Mix(threads=2, keys=6), wrap=wrap)
    run.start_load(1)
    run.load.stop()
    run.rewrite_all(600_000)
    run.phase("kill")
    steps = [(role, name, after) for role, steps in REPAIR_STEPS.items() for name in steps for after in (False, True)]
    run.rng.shuffle(steps)
    steps = steps if run.long else steps[::3]
    for role, name, after in steps:
        begun = time.monotonic()
        # repair may have put copies elsewhere: this one has some, whatever it had before
        number = max(range(1, NODE_COUNT + 1), key=lambda number: len(cluster.chunk_files(number)))
        node = cluster.node_ports[number - 1]
        call, place = REPAIR_STEPS[role][name]
        cluster.nodes[number - 1].kill()
        cluster.wait_healthy(NODE_COUNT - 1)
        cluster.wipe(f"node{number}")
        failpoint.kill_at(call, place.format(own=node, node=node, number=number), after, 2)
        cluster.nodes[number - 1].start()
        _reach(run, failpoint, name)
        run.expect_redundant(30, begun, f"{role}, {name}")
    run.measure("steps", len(steps))


def _restore(run, code, what):
    found, said = run.cluster.restore_metadata()
    run.expect(found == code, f"{what}: the restoration ended with {found}: {said[-500:]}")


@scenario(seconds=120)
def kill_at_restore_step(run):
    """The restoration of the metadata dies at each of its steps, and is begun anew: all that was acknowledged is there."""
    failpoint = Failpoint(run.directory, "gateway")
    cluster = run.start_cluster(mix=Mix(threads=4), wrap={"gateway": failpoint.words})
    run.start_load(2)
    run.load.stop()
    run.phase("kill")
    for name, (call, place) in RESTORE_STEPS.items():
        after = run.rng.random() < 0.5
        cluster.gateway.kill()
        for log in glob.glob(os.path.join(cluster.data("gateway"), "meta", "*.log")):
            os.unlink(log)
        failpoint.kill_at(call, place, after, 1)
        _restore(run, -9, f"killed {'after' if after else 'before'}: {name}")
        failpoint.disarm()
        if name != "name is synced" and not (after and name == "new metadata get their name"):
            _restore(run, 0, name)
        cluster.restart_gateway()
        run.load.start()
        time.sleep(run.seconds(0.3, 3))
        run.load.stop()
    run.measure("steps", len(RESTORE_STEPS))


@scenario(seconds=90)
def crash_slow_disks(run):
    """kill -9 of all five at once while the nodes' disks take 300 ms to sync a chunk: what was answered is there."""
    failpoint, wrap = _failpoint(run)
    cluster = run.start_cluster(mix=Mix(put_large=60), wrap=wrap)
    run.start_load(1)
    run.phase("crashes")
    for _ in range(run.times(3, 20)):
        failpoint.delay("sync", "*/node?/tmp/*", 300)
        time.sleep(run.rng.uniform(0.8, 1.5))
        cluster.crash_all()
        run.load.stop()
        failpoint.disarm()
        for program in cluster.programs:
            program.start()
        cluster.wait_ready()
        run.read_all()  # before what is lost could be overwritten
        run.load.start()
