"""Processes that die at every step of storing a chunk, committing, deleting and answering."""

import time

from cluster import NODE_COUNT
from faulty_cluster import DEFAULT_PACE, QUICK
from load import Mix
from preload import Failpoint
from runner import scenario

# What a step does and what it works on; see preload/failpoints.c. {own}: the program's port, {node}: a node's.
NODE_STEPS = {
    "request arrives": ("read", "socket:{own}:* PUT /chunks/*"),
    "chunk file is created": ("create", "*/node?/tmp/*"),
    "chunk file is written": ("write", "*/node?/tmp/*"),
    "chunk file is synced": ("sync", "*/node?/tmp/*"),
    "chunk file gets its name": ("rename", "*/node?/chunks/*"),
    "chunk's directory is synced": ("sync", "*/node?/chunks/*"),
    "chunk's row is written": ("write", "*/node?/small/*.log"),
    "chunk's row is synced": ("sync", "*/node?/small/*.log"),
    "metadata are written": ("write", "*/node?/meta-replica/*.log"),
    "metadata are synced": ("sync", "*/node?/meta-replica/*.log"),
    "chunk file is deleted": ("unlink", "*/node?/chunks/*"),
    "chunk is acknowledged": ("write", "socket:{own}:* HTTP/1.1 201* for PUT /chunks/*"),
    "metadata are acknowledged": ("write", "socket:{own}:* HTTP/1.1 204* for PUT /meta/batches*"),
    "deletion is acknowledged": ("write", "socket:{own}:* HTTP/1.1 204* for DELETE /chunks/*"),
}
GATEWAY_STEPS = {
    "request arrives": ("read", "socket:{own}:* PUT /faults/*"),
    "chunk goes to a node": ("write", "socket:*:{node} PUT /chunks/*"),
    "node's answer arrives": ("read", "socket:*:{node} HTTP/1.1 201*"),
    "commit is written": ("write", "*/gateway/meta/*.log"),
    "commit is synced": ("sync", "*/gateway/meta/*.log"),
    "commit goes to a node": ("write", "socket:*:{node} PUT /meta/batches*"),
    "deletion goes to a node": ("write", "socket:*:{node} DELETE /chunks/*"),
    "answer goes to the client": ("write", "socket:{own}:* HTTP/1.1 200* for PUT /faults/*"),
    "deletion is answered": ("write", "socket:{own}:* HTTP/1.1 204* for DELETE /faults/*"),
}


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
    names = ["gateway"] + [f"node{number}" for number in range(1, NODE_COUNT + 1)]
    failpoints = {name: Failpoint(run.directory, name) for name in names}
    wrap = {name: failpoint.words for name, failpoint in failpoints.items()}
    pace = {name: QUICK[name] for name in DEFAULT_PACE}  # in the long form, too: it restarts a hundred times
    cluster = run.start_cluster(options=pace, mix=Mix(threads=4, put_large=15, delete=15), wrap=wrap)
    run.start_load(1)
    run.phase("kill")
    steps = _steps(run)
    for kind, name, after in steps:
        number = run.rng.randint(1, NODE_COUNT)
        program = cluster.gateway if kind == "gateway" else cluster.nodes[number - 1]
        own = cluster.port if kind == "gateway" else cluster.node_ports[number - 1]
        call, place = (GATEWAY_STEPS if kind == "gateway" else NODE_STEPS)[name]
        place = place.format(own=own, node=cluster.node_ports[number - 1])
        failpoints[program.name].kill_at(call, place, after, run.rng.randint(1, 6))
        deadline = time.monotonic() + 30
        while program.running() and time.monotonic() < deadline:
            time.sleep(0.01)
        failpoints[program.name].disarm()
        run.expect(not program.running(), f"{kind}: the step was not reached within 30 s: {name}")
        if not program.running():
            program.killed = True
            cluster.restart(program)
            cluster.wait_healthy()
    run.measure("steps", len(steps))


@scenario(seconds=90)
def crash_slow_disks(run):
    """kill -9 of all five at once while the nodes' disks take 300 ms to sync a chunk: what was answered is there."""
    names = [f"node{number}" for number in range(1, NODE_COUNT + 1)]
    failpoints = {name: Failpoint(run.directory, name) for name in names}
    wrap = {name: failpoint.words for name, failpoint in failpoints.items()}
    cluster = run.start_cluster(mix=Mix(put_large=60), wrap=wrap)
    run.start_load(1)
    run.phase("crashes")
    for _ in range(run.times(3, 20)):
        for failpoint in failpoints.values():
            failpoint.delay("sync", "*/node?/tmp/*", 300)
        time.sleep(run.rng.uniform(0.8, 1.5))
        cluster.crash_all()
        run.load.stop()
        for failpoint in failpoints.values():
            failpoint.disarm()
        for program in cluster.programs:
            program.start()
        cluster.wait_ready()
        run.read_all()  # before what is lost could be overwritten
        run.load.start()
