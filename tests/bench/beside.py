"""The benchmark behind tests/bench/beside: by what factor is this build better than another one?

Both clusters run at once on one machine and one disk, and are measured in turn, each kind of request for some seconds; who
comes first changes from round to round. What counts is the median, so that a round in which the machine was busy does not.
A factor above 1 is for this build, also where less is better. Memory at rest and disk are measured with clusters of their
own, which begin empty.
"""

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import bench as benchmark
import cluster as clusters
import s3

KIB, MIB = 1 << 10, 1 << 20
SMALL = 4 * KIB
MANY_KEYS = 20_000
PAGE_KEYS = 2000
LIST = "list"
DELETED = 5000
PART_FILES, PART_FILE_BYTES = 4, 128 * MIB
OPTIONS = ("-gc-grace", "1s", "-gc-interval", "500ms")
AWS_CONFIG = "[default]\nregion = us-east-1\ns3 =\n  max_concurrent_requests = 4\n  multipart_chunksize = 8MB\n  addressing_style = path\n"


@dataclass
class Row:
    name: str
    unit: str
    wanted: float  # the least factor; of a bound the most of the unit
    less: bool = False  # less of it is better
    bound: bool = False

    def factor(self, this, other):
        return other / this if self.less else this / other

    def reached(self, this, other):
        return this <= self.wanted if self.bound else self.factor(this, other) >= self.wanted

    def aim(self):
        return f"≤ {self.wanted:,.0f} {self.unit}" if self.bound else f"≥ {self.wanted:g} ×"


class Side:
    """A build with its cluster and what was prepared in it."""

    def __init__(self, build, seconds, directory):
        self.build, self.seconds, self.directory = build, seconds, directory
        self.prepared = set()
        self.cluster = self.bench = None

    def start(self):
        self.cluster = clusters.Cluster(build=self.build, tls=False, directory=self.directory, gateway_options=OPTIONS)
        try:
            self.cluster.start()
            self.bench = benchmark.Bench(self.cluster, self.seconds)
            for bucket in ("load", LIST):
                s3.client(self.cluster).create_bucket(Bucket=bucket)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        try:
            if sys.exc_info()[0] is None:
                self.cluster.stop()
        finally:
            for program in self.cluster.programs:
                if program.running():
                    program.kill()
            self.cluster.remove()

    @contextlib.contextmanager
    def empty(self):
        """Another cluster of the same build, for as long as it is needed."""
        other = Side(self.build, self.seconds, self.directory).start()
        try:
            yield other
        finally:
            other.stop()

    def load(self, kind, **settings):
        return self.bench.load(kind, self.cluster.port, **settings)

    def store(self, prefix, keys, size, bucket="load"):
        """Once: makes sure that the keys exist."""
        if prefix not in self.prepared:
            self.load("s3-put", size=size, keys=keys, prefix=prefix, bucket=bucket, requests=keys, parallel=32 if size <= MIB else 4,
                      duration="600s")
            self.prepared.add(prefix)

    def cpu_seconds(self):
        return sum(program.cpu_seconds() for program in self.cluster.programs)

    def rss_mib(self):
        """(gateway's, the greatest of the nodes')"""
        nodes = [node.peak_rss_bytes() for node in self.cluster.nodes]
        return [self.cluster.gateway.peak_rss_bytes() / MIB, max(nodes) / MIB]


def rate(got):
    return got["requests"] / got["seconds"]


def put(size, parallel, keys):
    return lambda side: [rate(side.load("s3-put", size=size, parallel=parallel, keys=keys, prefix=f"put{size}-"))]


def put_with_cpu(side):
    before = side.cpu_seconds()
    got = side.load("s3-put", size=SMALL, parallel=64, keys=1000, prefix=f"put{SMALL}-")
    return [rate(got), 1e6 * (side.cpu_seconds() - before) / got["requests"]]


def get(prefix, keys, size, parallel):
    def measure(side):
        side.store(prefix, keys, size)
        return [rate(side.load("s3-get", size=size, parallel=parallel, keys=keys, prefix=prefix))]

    return measure


def get_first_byte(side):
    side.store("large-", 8, 64 * MIB)
    return [side.load("s3-get", size=64 * MIB, parallel=1, keys=8, prefix="large-")["first_p50_us"] / 1e3]


def page(side):
    side.store("key", PAGE_KEYS, 0, LIST)
    return [rate(side.load("s3-list", size=0, parallel=1, keys=PAGE_KEYS, bucket=LIST))]


def delete_objects(side):
    """Of objects that were stored just now, which is not measured."""
    prefix = "deleted-"
    side.load("s3-put", size=SMALL, keys=DELETED, prefix=prefix, requests=DELETED, parallel=32, duration="600s")
    got = side.load("s3-delete", keys=DELETED, prefix=prefix, requests=DELETED // 1000, parallel=1, duration="600s")
    return [1000 * rate(got)]


def multipart(side):
    folder, config = side.cluster.data("multipart"), side.cluster.data("aws-config")
    if "multipart" not in side.prepared:
        os.mkdir(folder)
        for number in range(PART_FILES):
            with open(os.path.join(folder, str(number)), "wb") as out:
                for _ in range(0, PART_FILE_BYTES, 8 * MIB):
                    out.write(os.urandom(8 * MIB))
        with open(config, "w") as out:
            out.write(AWS_CONFIG)
        side.prepared.add("multipart")
    environment = os.environ | {"AWS_CONFIG_FILE": config, "AWS_ACCESS_KEY_ID": side.cluster.access_key,
                                "AWS_SECRET_ACCESS_KEY": side.bench.secret, "AWS_EC2_METADATA_DISABLED": "true"}
    begun = time.monotonic()
    subprocess.run([os.environ.get("TERCET_AWS", "/usr/bin/aws"), "--endpoint-url", side.cluster.url, "s3", "cp", "--recursive", "--quiet", folder,
                    "s3://load/multipart/"], check=True, env=environment)
    return [PART_FILES * PART_FILE_BYTES / 1e6 / (time.monotonic() - begun)]


def busy_memory(side):
    side.bench.begin_peaks([program.process.pid for program in side.cluster.programs])
    side.load("s3-put", size=64 * MIB, parallel=64, keys=64, prefix="busy-", requests=64, duration="600s")
    return side.rss_mib()


def empty_cluster(side):
    """Memory at rest, and what objects of 4 KiB take of the disk."""
    with side.empty() as empty:
        idle = empty.rss_mib()
        empty.store("many-", MANY_KEYS, SMALL)
        return idle + [empty.cluster.disk_bytes() / MANY_KEYS]


MEASUREMENTS = (
    ([Row("4 KiB PUT, 1 at a time", "/s", 2.5)], put(SMALL, 1, 1000)),
    ([Row("4 KiB PUT, 16 at a time", "/s", 3)], put(SMALL, 16, 1000)),
    ([Row("4 KiB PUT, 64 at a time", "/s", 4), Row("CPU of gateway and nodes for one of them", "µs", 3, less=True)], put_with_cpu),
    ([Row("4 KiB GET of 1,000 keys, 16 at a time", "/s", 1)], get("few-", 1000, SMALL, 16)),
    ([Row("4 KiB GET of 20,000 keys, 16 at a time", "/s", 1.3)], get("many-", MANY_KEYS, SMALL, 16)),
    ([Row("4 KiB GET of 20,000 keys, 64 at a time", "/s", 1.8)], get("many-", MANY_KEYS, SMALL, 64)),
    ([Row("64 KiB PUT, 16 at a time", "/s", 1.8)], put(64 * KIB, 16, 1000)),
    ([Row("64 MiB PUT, 1 at a time", "/s", 1.3)], put(64 * MIB, 1, 8)),
    ([Row("64 MiB PUT, 16 at a time", "/s", 1.5)], put(64 * MIB, 16, 16)),
    ([Row("keys deleted by DeleteObjects of 1,000", "/s", 5)], delete_objects),
    ([Row("16 parts of 8 MiB, 4 at a time, by aws-cli", "MB/s", 1.2)], multipart),
    ([Row("list page of 1,000 keys", "/s", 0.97)], page),
    ([Row("64 MiB GET, 4 at a time", "/s", 0.97)], get("large-", 8, 64 * MIB, 4)),
    ([Row("first byte of a 64 MiB GET", "ms", 0.97, less=True)], get_first_byte),
    ([Row("gateway at 64 uploads of 64 MiB", "MiB", 200, True, True), Row("a node then", "MiB", 200, True, True)], busy_memory),
    ([Row("gateway idle", "MiB", 64, True, True), Row("a node idle", "MiB", 64, True, True),
      Row("disk for a 4 KiB object, all together", "bytes", 14_500, True, True)], empty_cluster),
)


def measure(measurements, sides, rounds):
    """row name -> (values of this build, of the other), a value a round."""
    values = {row.name: ([], []) for rows, _ in measurements for row in rows}
    for number in range(rounds):
        for rows, take in measurements:
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                side = sides[which]
                side.bench.wait_freed()
                side.bench.page_cache.fill()
                for row, value in zip(rows, take(side)):
                    values[row.name][which].append(value)
            for row in rows:
                this, other = (each[-1] for each in values[row.name])
                print(f"round {number + 1}, {row.name}: {figure(this)} beside {figure(other)} {row.unit}", file=sys.stderr, flush=True)
    return values


def figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def report(measurements, values):
    print("| work | this build | the other | unit | factor | of the rounds | wanted | reached |\n|---|---:|---:|---|---:|---|---:|---|")
    for row in (row for rows, _ in measurements for row in rows):
        this, other = (statistics.median(each) for each in values[row.name])
        each = sorted(row.factor(a, b) for a, b in zip(*values[row.name]))
        print(f"| {row.name} | {figure(this)} | {figure(other)} | {row.unit} | {row.factor(this, other):.2f} "
              f"| {each[0]:.2f} to {each[-1]:.2f} | {row.aim()} | {'yes' if row.reached(this, other) else 'no'} |")


def main():
    options = argparse.ArgumentParser(prog="tests/bench/beside")
    options.add_argument("other", metavar="FOLDER", help="the other build's folder")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=3, help="of each measurement")
    options.add_argument("--rows", metavar="REGEX", default="", help="only the rows whose name matches")
    options.add_argument("--dir", help="where the clusters' data go (default: the temporary folder)")
    chosen = options.parse_args()
    measurements = [each for each in MEASUREMENTS if any(re.search(chosen.rows, row.name) for row in each[0])]
    builds = os.environ["TERCET_BUILD"], os.path.abspath(chosen.other)
    with contextlib.ExitStack() as stack:
        sides = []
        for build in builds:
            sides.append(Side(build, chosen.seconds, chosen.dir).start())
            stack.callback(sides[-1].stop)
        values = measure(measurements, sides, chosen.rounds)
    report(measurements, values)


if __name__ == "__main__":
    main()
