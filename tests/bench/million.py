"""The benchmark behind tests/bench/million: is a big database as quick as a small one?

Objects of 100 B to 4 KiB are written, 64 at a time; each tenth is overwritten, all are listed, 100,000 are read at random,
the first tenth is deleted, the gateway is killed and started. What is said of the whole is said of the first tenth of it, too: the
aims compare both. The grace of freeing is short, so that what is measured is the pace.
"""

import argparse
import http.client
import os
import re
import statistics
import sys
import time

import bench as benchmark
import cluster as clusters
import s3

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SIZE_MIN, SIZE_MAX = 100, 4 * KIB
PARALLEL = 64
SLICES = 20
READS = 100_000
PAGES = 1000
DELETE_KEYS = 1000  # keys of a DeleteObjects
FREED_SECONDS = 300
FREED_PART = 0.8
OBJECT_BYTES = 900  # of disk that an object may take beside three copies of its bytes
BUCKET = "load"
PREFIX = "key"


class Million:
    def __init__(self, cluster, objects):
        self.cluster, self.objects = cluster, objects
        self.bench = benchmark.Bench(cluster, 3600)
        self.stall_us = 0
        self.data_bytes = 0

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def load(self, kind, **settings):
        return self.bench.load(kind, self.cluster.port, bucket=BUCKET, prefix=PREFIX, **settings)

    def put(self, first, count, step=1):
        got = self.load("s3-put", **{"size": SIZE_MAX, "size-min": SIZE_MIN, "keys": self.objects, "from": first, "step": step},
                        requests=count, parallel=PARALLEL)
        self.stall_us = max(self.stall_us, got["stall_us"])
        return got

    def write(self, first, count):
        """PUTs a second."""
        seconds = 0
        for slice_first in range(first, first + count, self.objects // SLICES):
            got = self.put(slice_first, min(self.objects // SLICES, first + count - slice_first))
            seconds += got["seconds"]
            self.data_bytes += got["bytes"]
            self.say(f"{slice_first + got['requests']:,} objects: {got['requests'] / got['seconds']:,.0f} PUT/s, "
                     f"p99 {got['p99_us'] / 1e3:.0f} ms, stall {got['stall_us'] / 1e3:.0f} ms, {self.memory()}")
        return count / seconds

    def memory(self):
        gateway, nodes = self.rss()
        return f"gateway {gateway:.0f} MiB, node {nodes:.0f} MiB"

    def rss(self):
        return self.cluster.gateway.peak_rss_bytes() / MIB, max(node.peak_rss_bytes() for node in self.cluster.nodes) / MIB

    def read(self, keys):
        """p99 of random pages and of random GETs, in ms, and GETs a second."""
        page = self.load("s3-list", size=0, keys=keys, requests=PAGES, parallel=1)
        self.load("s3-get", keys=keys, requests=READS // 10, parallel=PARALLEL)
        got = self.load("s3-get", keys=keys, requests=READS, parallel=PARALLEL)
        self.say(f"{keys:,} objects: page {page['p99_us'] / 1e3:.1f} ms, GET {got['p99_us'] / 1e3:.1f} ms")
        return page["p99_us"] / 1e3, got["p99_us"] / 1e3, got["requests"] / got["seconds"]

    def list_all(self):
        """Seconds, and p99 of a page in ms. Every key must be there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.cluster.port)
        after, count, times, begun = "", 0, [], time.monotonic()
        while True:
            target = f"/{BUCKET}?list-type=2&max-keys=1000&start-after={after}"
            headers = s3.sign(self.cluster, "GET", target)
            asked = time.monotonic()
            connection.request("GET", target, headers=headers)
            body = connection.getresponse().read()
            times.append(1e3 * (time.monotonic() - asked))
            keys = re.findall(rb"<Key>([^<]*)</Key>", body)
            count += len(keys)
            if b"<IsTruncated>true" not in body:
                break
            after = keys[-1].decode()
        if count != self.objects:
            raise SystemExit(f"{count:,} of {self.objects:,} keys were listed")
        return time.monotonic() - begun, statistics.quantiles(times, n=100)[98]

    def delete(self):
        """Seconds until the first tenth is deleted, until their rows are gone, and until the disk has most of their bytes back."""
        count, before = self.objects // 10, self.cluster.disk_bytes()
        begun = time.monotonic()
        self.load("s3-delete", keys=self.objects, requests=count // DELETE_KEYS, parallel=1)
        deleted = time.monotonic()
        clusters.poll(lambda: self.cluster.metric("tercet_gc_backlog") == 0, "the rows of garbage are gone", 3600)
        emptied = time.monotonic()
        goal = before - int(3 * self.data_bytes / 10 * FREED_PART)
        while self.cluster.disk_bytes() > goal and time.monotonic() - deleted < FREED_SECONDS:
            time.sleep(1)
        self.say(f"disk {before / GIB:.2f} GiB, {self.cluster.disk_bytes() / GIB:.2f} GiB after the deletions")
        return deleted - begun, emptied - deleted, time.monotonic() - deleted

    def restart(self):
        """Seconds from the start of a gateway that was killed to its first write."""
        self.cluster.gateway.kill()
        begun = time.monotonic()
        self.cluster.gateway.start()
        headers = s3.sign(self.cluster, "PUT", f"/{BUCKET}/first", body=b"first")
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.cluster.port, timeout=30)
            try:
                connection.request("PUT", f"/{BUCKET}/first", body=b"first", headers=headers)
                if connection.getresponse().status == 200:
                    return time.monotonic() - begun
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.01)


def run(million):
    objects, tenth = million.objects, million.objects // 10
    s3.client(million.cluster).create_bucket(Bucket=BUCKET)
    first_rate = million.write(0, tenth)
    first_page, first_get, first_gets = million.read(tenth)
    million.write(tenth, objects - 2 * tenth)
    rate = million.write(objects - tenth, tenth)
    page, get, gets = million.read(objects)
    disk = million.cluster.disk_bytes()
    overwritten = million.put(0, tenth, step=10)
    listed, list_page = million.list_all()
    deleted, emptied, freed = million.delete()
    gateway, node = million.rss()
    restarted = million.restart()
    disk_aim = 3 * million.data_bytes + OBJECT_BYTES * objects
    return [
        ("PUT/s, 64 at a time", first_rate, rate, "≥ 0.9 ×", rate >= 0.9 * first_rate),
        ("list page p99, ms", first_page, page, "≤ 1.2 ×", page <= 1.2 * first_page),
        ("random GET p99, ms, 64 at a time", first_get, get, "≤ 1.5 ×", get <= 1.5 * first_get),
        ("random GET/s, 64 at a time", first_gets, gets, "", None),
        ("a tenth overwritten, PUT/s", None, overwritten["requests"] / overwritten["seconds"], "", None),
        ("listed whole, s", None, listed, "", None),
        ("a page of it, p99, ms", None, list_page, "", None),
        ("longest stall of writes, s", None, million.stall_us / 1e6, "≤ 1", million.stall_us <= 1e6),
        ("gateway, MiB", None, gateway, "≤ 256", gateway <= 256),
        ("a node, MiB", None, node, "≤ 256", node <= 256),
        ("disk, GiB", None, disk / GIB, f"≤ {disk_aim / GIB:.2f}", disk <= disk_aim),
        ("a tenth deleted, s", None, deleted, f"≤ {60 * objects / 1e7:g}", deleted <= 60 * objects / 1e7),
        ("their rows gone after, s", None, emptied, "≤ 300", emptied <= 300),
        (f"{FREED_PART:.0%} of their bytes free after, s", None, freed, "≤ 300", freed < 300),
        ("gateway killed, until its first write, s", None, restarted, "≤ 1", restarted <= 1),
    ]


def figure(value):
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def report(million, rows, seconds):
    where = benchmark.machine(million.cluster.directory)
    print(f"{million.objects:,} objects, {million.data_bytes / GIB:.2f} GiB, in {seconds / 60:.0f} minutes; {where}\n")
    print(f"| what | at {million.objects // 10:,} | at {million.objects:,} | wanted | reached |\n|---|---:|---:|---|---|")
    for name, first, last, wanted, reached in rows:
        print(f"| {name} | {figure(first)} | {figure(last)} | {wanted} | {'' if reached is None else 'yes' if reached else 'no'} |")


def main():
    options = argparse.ArgumentParser(prog="tests/bench/million")
    options.add_argument("--objects", type=int, default=1_000_000)
    options.add_argument("--build", metavar="FOLDER", default=os.environ["TERCET_BUILD"], help="another build's programs")
    options.add_argument("--dir", help="where the cluster's data go (default: the temporary folder)")
    chosen = options.parse_args()
    cluster = clusters.Cluster(build=os.path.abspath(chosen.build), tls=False, directory=chosen.dir,
                               gateway_options=("-gc-grace", "2s", "-gc-interval", "1s"))
    try:
        cluster.start()
        begun = time.monotonic()
        million = Million(cluster, chosen.objects)
        rows = run(million)
        report(million, rows, time.monotonic() - begun)
        cluster.stop()
    finally:
        for program in cluster.programs:
            if program.running():
                program.kill()
        cluster.remove()


if __name__ == "__main__":
    main()
