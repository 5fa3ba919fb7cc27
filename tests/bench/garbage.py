"""The benchmark behind tests/bench/garbage: does freeing keep up with what makes garbage?

A thousand keys of 4 KiB are overwritten at full rate, with a reader of 2 KB/s under way; then many objects are deleted at
once. Each run is a cluster of its own. The grace is short, so that what is measured is the pace of freeing.
"""

import argparse
import contextlib
import http.client
import json
import os
import subprocess
import threading
import time

import cluster as clusters
import s3

KIB, MIB = 1 << 10, 1 << 20
KEYS = 1000
PAGE = 1000  # keys of a DeleteObjects
DRAIN_SECONDS = 300
GRACE = ("-gc-grace", "2s", "-gc-interval", "1s")
LOAD = os.path.join(os.environ["TERCET_BUILD"], "tests", "bench", "load")
HEADER = ("build", "PUT/s", "p99 ms", "freed/s meanwhile", "entries left", "drained s", "MB on disk: at the end", "drained",
          "deleted/s", "listing then ms", "their entries gone s", "MB on disk then", "CPU s gateway/nodes")


def load(cluster, **settings):
    argv = [LOAD, "-kind", "s3-put", "-port", str(cluster.port), "-access-key", cluster.access_key,
            "-secret-key", cluster.secret_key, "-bucket", "load"]
    for name, value in settings.items():
        argv += ["-" + name, str(value)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)} failed: {done.stdout}")
    return json.loads(done.stdout)


class SlowReader(threading.Thread):
    """Takes 2 KB/s of a large object; what is overwritten meanwhile is none of its business."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        s3.client(cluster).put_object(Bucket="load", Key="slow", Body=os.urandom(64 * MIB))
        self.connection = http.client.HTTPConnection("127.0.0.1", cluster.port)
        self.connection.request("GET", "/load/slow", headers=s3.sign(cluster, "GET", "/load/slow"))
        self.answer = self.connection.getresponse()
        self.stopped = threading.Event()
        self.start()

    def run(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not self.stopped.wait(0.5) and self.answer.read(KIB):
                pass

    def stop(self):
        self.stopped.set()
        self.join()
        self.connection.close()


def disk_mb(cluster):
    return cluster.disk_bytes() / 1e6


def seconds_until_empty(cluster, left=0):
    begun = time.monotonic()
    while cluster.metric("tercet_gc_backlog") > left:
        if time.monotonic() - begun > DRAIN_SECONDS:
            return f"> {DRAIN_SECONDS}"
        time.sleep(0.1)
    return time.monotonic() - begun


def cpu(cluster):
    return [cluster.gateway.cpu_seconds(), sum(node.cpu_seconds() for node in cluster.nodes)]


def overwrite(cluster, seconds, reader):
    freed = cluster.metric("tercet_gc_chunks_total")
    got = load(cluster, size=4 * KIB, keys=KEYS, parallel=16, duration=f"{seconds}s")
    row = [got["requests"] / got["seconds"], got["p99_us"] / 1e3,
           (cluster.metric("tercet_gc_chunks_total") - freed) / got["seconds"], cluster.metric("tercet_gc_backlog")]
    used = disk_mb(cluster)
    if reader:
        reader.stop()
    return row + [seconds_until_empty(cluster), used, disk_mb(cluster)]


def delete(cluster, count):
    client = s3.client(cluster)
    load(cluster, size=4 * KIB, keys=count, prefix="doomed", requests=count, parallel=64, duration="900s")
    begun = time.monotonic()
    for at in range(0, count, PAGE):
        keys = [{"Key": f"doomed{number:08}"} for number in range(at, min(at + PAGE, count))]
        answer = client.delete_objects(Bucket="load", Delete={"Objects": keys, "Quiet": True})
        assert not answer.get("Errors"), answer["Errors"][:3]
    took = time.monotonic() - begun
    return [count / took, listing_ms(client), seconds_until_empty(cluster), disk_mb(cluster)]


def listing_ms(client):
    """The slowest of some listings of where nothing is left."""
    times = []
    for _ in range(5):
        begun = time.monotonic()
        assert not client.list_objects_v2(Bucket="load", Prefix="doomed")["KeyCount"]
        times.append(1e3 * (time.monotonic() - begun))
    return max(times)


def run(build, name, chosen):
    cluster = clusters.Cluster(build=build, tls=False, directory=chosen.dir, gateway_options=GRACE)
    try:
        cluster.start()
        s3.client(cluster).create_bucket(Bucket="load")
        reader = None if chosen.no_reader else SlowReader(cluster)
        before = cpu(cluster)
        row = overwrite(cluster, chosen.seconds, reader)
        spent = [now - then for now, then in zip(cpu(cluster), before)]
        row += delete(cluster, chosen.deletions) if chosen.deletions else [""] * 4
        cluster.stop()
    finally:
        for program in cluster.programs:
            if program.running():
                program.kill()
        cluster.remove()
    texts = [f"{value:,.0f}" if isinstance(value, float) and value >= 100 else f"{value:.1f}" if isinstance(value, float) else value
             for value in row]
    print("| " + " | ".join([name, *map(str, texts), f"{spent[0]:.0f}/{spent[1]:.0f}"]) + " |", flush=True)


def main():
    options = argparse.ArgumentParser(prog="tests/bench/garbage")
    options.add_argument("--seconds", type=int, default=60, help="of overwriting")
    options.add_argument("--deletions", type=int, default=100_000, help="objects deleted afterwards")
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--no-reader", action="store_true", help="without a slow reader")
    options.add_argument("--beside", metavar="FOLDER", help="another build's programs, measured in turn with this one's")
    options.add_argument("--dir", help="where the clusters' data go (default: the temporary folder)")
    chosen = options.parse_args()
    print("| " + " | ".join(HEADER) + " |\n|---|" + "---:|" * (len(HEADER) - 1))
    for _ in range(chosen.rounds):
        if chosen.beside:
            run(chosen.beside, "other", chosen)
        run(os.environ["TERCET_BUILD"], "this", chosen)


if __name__ == "__main__":
    main()
