"""A gateway in whose place another one comes while it is still there, running or paused: the metadata are restored into
another folder, as if on another machine."""

import copy
import os
import shutil
import threading
import time

from cluster import Program, hold_port, poll
from faulty_cluster import set_option
from history import OK
from load import Mix
from runner import scenario

EXIT_REPLACED = 4
SMALL = 30_000


def _restore_elsewhere(run):
    """Restores into a folder of its own, which is returned."""
    folder = os.path.join(run.cluster.directory, "successor-data")
    code, said = run.cluster.restore_metadata("-data-dir", folder)
    run.expect(code == 0, f"the restoration ended with {code}: {said[-500:]}")
    return folder


def _expect_end(run, seconds=30):
    code = run.cluster.wait_exit(run.cluster.gateway, seconds)
    run.cluster.gateway.killed = True
    run.expect(code == EXIT_REPLACED, f"the gateway that was replaced ended with {code}")
    text = run.cluster.gateway.log_tail()
    run.expect("this gateway was replaced" in text, f"no clear message: {text[-300:]}")


def _move_in(run, folder):
    """The gateway's data are those in the folder from now on."""
    shutil.rmtree(run.cluster.data("gateway"))
    os.rename(folder, run.cluster.data("gateway"))
    run.cluster.restart_gateway()


@scenario(seconds=120)
def replaced_while_running(run):
    """A restore under load: refused in the gateway's own folder; made elsewhere, it has all that was acknowledged, and the
    old gateway acknowledges nothing more, ends, and does not start again."""
    cluster = run.start_cluster(mix=Mix(threads=4))
    run.start_load(1)
    run.phase("replaced")
    for _ in range(run.times(3, 20)):
        code, said = cluster.restore_metadata()
        run.expect(code == 1 and "in use by a gateway" in said, f"beside its gateway: {code}: {said[-300:]}")
        begun = time.monotonic()
        folder = _restore_elsewhere(run)
        _expect_end(run)
        cluster.gateway.start()
        _expect_end(run)
        _move_in(run, folder)
        run.measure("replaced s", time.monotonic() - begun)
        time.sleep(run.seconds(0.7, 3))


class Successor:
    """A gateway with the restored metadata on a port of its own, while the old one still has the cluster's."""

    def __init__(self, cluster, folder):
        self._holder = hold_port()
        self.cluster = copy.copy(cluster)
        self.cluster.port = self._holder.getsockname()[1]
        argv = list(cluster.gateway.argv)
        set_option(argv, "-port", str(self.cluster.port))
        set_option(argv, "-data-dir", folder)
        self.program = Program("successor", argv, cluster.directory)
        self.program.start()

    def wait(self):
        poll(lambda: self.cluster.get("/health")[0] == 200, "the successor answers")

    def close(self):
        """Its end; what was wrong with it."""
        self.program.terminate()
        self.program.wait_end()
        self._holder.close()
        report = self.program.sanitizer_report()
        return self.program.failures + ([report] if report else [])


def _read_until(run, done, number):
    """One of the readers that do not know of the new gateway."""
    session = run.session(f"reader-{number}")
    while not done.is_set():
        for key in run.load.s3_keys[number::4]:
            session.get(key)
        session.list_objects(run.load.s3_keys)
    session.client.close()


@scenario(seconds=120)
def replaced_while_paused(run):
    """SIGSTOP of the gateway, which is replaced meanwhile: when it goes on, no reader gets what was overwritten by then."""
    cluster = run.start_cluster(mix=Mix(threads=4, keys=12))
    run.start_load(1)
    run.load.stop()
    run.rewrite_all(SMALL)
    for _ in range(run.times(3, 12)):
        run.phase("paused")
        cluster.gateway.pause()
        folder = _restore_elsewhere(run)
        successor = run.closing(Successor(cluster, folder))
        successor.wait()
        writer = run.session("writer")
        writer.client.cluster = successor.cluster
        for key in run.load.s3_keys:
            run.expect(writer.put(key, SMALL) == OK, f"{key} could not be written")
        writer.client.close()
        done = threading.Event()
        readers = [threading.Thread(target=_read_until, args=(run, done, number)) for number in range(4)]
        for reader in readers:
            reader.start()
        time.sleep(0.2)  # they wait for the one that is paused
        cluster.gateway.resume()
        _expect_end(run)
        done.set()
        for reader in readers:
            reader.join()
        for failure in successor.close():
            run.expect(False, f"successor: {failure}")
        _move_in(run, folder)
