"""Freeing what was deleted and replaced: beside slow readers, and as fast as it is made."""

import http.client
import time

from cluster import poll
from history import OK, PUT
from load import PART, Mix
from runner import scenario

AT_ONCE = {"-gc-grace": "0s", "-gc-interval": "50ms"}


class SlowReader:
    """A download of which only the beginning is taken, until read_on."""

    def __init__(self, run, key):
        self.key = key
        self.session = run.session(f"slow-{key}", timeout=60)
        self.response = self.session.client.start("GET", self.session.path(key))
        self.pieces = [self.response.read(1 << 20)]

    def read_on(self):
        """The whole body, as far as it comes."""
        try:
            while piece := self.response.read(1 << 20):
                self.pieces.append(piece)
        except (OSError, http.client.HTTPException):
            pass  # what has come is judged: it is not the whole
        self.session.client.close()
        return b"".join(self.pieces)


def writes(run):
    return {op.value for op in run.history.snapshot() if op.kind == PUT and op.outcome == OK}


@scenario(seconds=120)
def reader_holds_its_own(run):
    """Slow readers of one object in one piece and of one in parts: all else that is replaced and deleted is freed while they
    are there, newer versions of what they read as well; they get every byte."""
    cluster = run.start_cluster(options=AT_ONCE)
    run.phase("healthy")
    session = run.session()
    plain, parts, *others = run.load.s3_keys[:5]
    run.expect(session.put(plain, 16 << 20) == OK and session.multipart(parts, [PART, PART, PART]) == OK, "not written")
    read = writes(run)
    readers = [SlowReader(run, key) for key in (plain, parts)]
    run.phase("slow readers")
    for key in [*others, plain, parts, plain]:
        run.expect(session.put(key, 400_000) == OK, f"{key} could not be written")
    for key in [*others, plain, parts]:
        session.delete(key)
    beside = writes(run) - read
    run.expect(len(beside) == len(others) + 3, "not all was written")
    begun = time.monotonic()
    run.expect(run.wait_freed(beside, 20), "slow readers of two objects hold back the freeing of others")
    run.measure("freed beside them s", time.monotonic() - begun)
    held = {write_id for write_id, _ in cluster.large_copies()}
    run.expect(held == read, f"on the disks is {sorted(held)} in the place of what is read, {sorted(read)}")
    for reader in readers:
        write_id, problem = run.history.judge(reader.key, reader.read_on())
        run.expect(not problem and write_id in read, f"slow reader of {reader.key}: {problem or f'write {write_id}'}")
    session.client.close()
    run.expect(run.wait_freed(read, 20), "space of deleted objects is not freed after their readers have gone")


@scenario(seconds=120)
def overwriting(run):
    """A few keys are overwritten as fast as it goes, beside a slow reader: what was replaced is freed as fast."""
    overwriting_only = {"put": 100, "put_large": 0, "multipart": 0, "delete": 0, "get": 0, "get_range": 0, "list": 0}
    mix = Mix(threads=8, keys=10, files_keys=0, pause=0, small=(4096, 4096), **overwriting_only)
    cluster = run.start_cluster(mix, options=AT_ONCE)
    session = run.session()
    run.expect(session.put("s3/slow", 16 << 20) == OK, "the slow reader's object could not be written")
    reader = SlowReader(run, "s3/slow")
    run.load.start()
    run.phase("overwriting")
    end, most = time.monotonic() + run.seconds(10, 120), 0
    while time.monotonic() < end:
        time.sleep(0.2)
        most = max(most, cluster.metric("tercet_gc_backlog") or 0)
    run.load.stop()
    done = len(writes(run))
    # each write but the first of a key makes one entry
    run.expect(most < done / 4, f"of {done} overwritten objects {most:.0f} waited to be freed at once")
    run.measure("overwritten; most that waited", f"{done}; {most:.0f}")
    poll(lambda: cluster.metric("tercet_gc_backlog") == 0, "all that was replaced is freed", 30)
    write_id, problem = run.history.judge("s3/slow", reader.read_on())
    run.expect(not problem, f"slow reader: {problem}, write {write_id}")
    session.client.close()
