"""The benchmark behind tests/bench/run: a cluster of five processes and the load generator on one machine.

Every figure comes with what a plain server does with the same bytes in the same run: nginx in front of nginx for GET,
one storage node without a gateway for PUT. Client and servers share the cores, as they do in the baselines.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
import urllib.error
import urllib.request

import cluster as clusters
import s3
from baseline import Nginx

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SIZES = ((4 * KIB, "4 KiB"), (8 * MIB, "8 MiB"), (64 * MIB, "64 MiB"))
PARALLEL = (1, 16, 64)
MANY_KEYS = 20_000  # more than RocksDB's caches hold
CHUNK = 8 * MIB
NODE_PUTS = 256
LOAD = os.path.join(os.environ["TERCET_BUILD"], "tests", "bench", "load")
HEADER = ("what", "size", "at a time", "requests/s", "MB/s", "p50 ms", "p99 ms", "CPU s/GiB", "gateway MiB", "node MiB")


HEAD = """\
# Benchmarks

All but what is said after the tables is written by `tests/bench/run -o FILE`. Every figure stands beside what a plain server
does with the same bytes in the same run: nginx in front of nginx for GET, one storage node without a gateway for PUT. Client,
gateway and four nodes (or nginx) share the cores and one disk: compare within the table, on a machine that does nothing else.
Every PUT waits for three synced copies and for the metadata on two nodes. Before each row the free memory is filled with
cached pages, as on a server that has run for a day: a virtual machine that gives free memory back to its host pays up to four
times the CPU for the next writes to files, here as in any other program.
"""


class PageCache:
    """Keeps the machine's memory full of cached pages, as that of a server which has run for a day is.

    Else a virtual machine gives memory that lies free back to its host, and pays for getting it again a page at a time, at
    the next writes to files: writing costs up to four times the CPU then, in some rows of the table and not in others.
    """

    def __init__(self, directory):
        self.file = open(os.path.join(directory, "page-cache"), "w+b", buffering=0)
        self.piece = bytearray(8 * MIB)

    def fill(self):
        """Reads as many bytes of a file without blocks as memory is free."""
        free = next(int(line.split()[1]) << 10 for line in open("/proc/meminfo") if line.startswith("MemFree"))
        self.file.truncate(self.file.tell() + free)
        while self.file.readinto(self.piece):
            pass


class Bench:
    def __init__(self, cluster, seconds):
        self.cluster = cluster
        self.seconds = seconds
        self.rows = []
        self.page_cache = PageCache(cluster.directory)
        self.secret = open(cluster.data("secret-key")).read().strip()

    def load(self, kind, port, **settings):
        settings = {"duration": f"{self.seconds}s"} | settings
        argv = [LOAD, "-kind", kind, "-port", str(port), "-access-key", self.cluster.access_key, "-secret-key", self.secret]
        argv += ["-cluster-id", self.cluster.cluster_id, "-cluster-secret-file", self.cluster.secret_path]
        for name, value in settings.items():
            argv += ["-" + name, str(value)]
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(argv)} failed: {done.stdout}")
        return json.loads(done.stdout)

    def begin_peaks(self, pids):
        """From now on VmHWM is the peak of what follows."""
        for pid in pids:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/clear_refs", "w") as clear:
                clear.write("5")

    def measure(self, what, kind, port, size, size_name, parallel, programs=(), **settings):
        """One row of the table. CPU and memory are those of `programs`; the row is also returned as a dict."""
        self.page_cache.fill()
        self.begin_peaks([program.process.pid for program in programs])
        before = sum(program.cpu_seconds() for program in programs)
        got = self.load(kind, port, size=size, parallel=parallel, **settings)
        cpu = sum(program.cpu_seconds() for program in programs) - before
        row = {
            "what": what, "size": size_name, "at a time": parallel,
            "requests/s": got["requests"] / got["seconds"], "MB/s": got["bytes"] / got["seconds"] / 1e6,
            "p50 ms": got["p50_us"] / 1e3, "p99 ms": got["p99_us"] / 1e3,
            "CPU s/GiB": cpu / (got["bytes"] / GIB) if programs else None,
            "gateway MiB": None, "node MiB": None,
        }
        if self.cluster.gateway in programs:
            row["gateway MiB"] = self.cluster.gateway.peak_rss_bytes() / MIB
        nodes = [program.peak_rss_bytes() for program in programs if program is not self.cluster.gateway]
        row["node MiB"] = max(nodes) / MIB if nodes else None
        self.rows.append(row)
        print(cells(row), file=sys.stderr, flush=True)
        return row

    def rate(self, what, size_name, parallel):
        return next(r for r in self.rows if (r["what"], r["size"], r["at a time"]) == (what, size_name, parallel))

    def wait_freed(self):
        """Waits until the nodes have freed what was deleted or replaced, so that it is not measured in what follows."""
        def chunks():
            return sum(json.loads(self.cluster.get("/health", self.cluster.node_url(n))[1]).get("chunks", 0) for n in range(1, 5))

        last, since = chunks(), time.monotonic()
        while time.monotonic() - since < 2:
            time.sleep(0.25)
            now = chunks()
            if now != last:
                last, since = now, time.monotonic()


def cells(row):
    def text(name):
        value = row[name]
        if value is None:
            return ""
        if isinstance(value, float):
            return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
        return str(value)

    return "| " + " | ".join(text(name) for name in HEADER) + " |"


def put_and_get(bench, quick):
    cluster = bench.cluster
    s3.client(cluster).create_bucket(Bucket="load")
    for size, name in SIZES:
        for parallel in PARALLEL if not quick else (1, 64):
            keys = max(parallel, 1000 if size <= MIB else 16)
            limits = {"keys": keys, "prefix": f"s{size}-"}
            everything = cluster.programs
            bound = {"requests": NODE_PUTS} if size >= MIB else {}  # they stay on the disk: no metadata refer to them
            bench.measure("node PUT", "node-put", cluster.node_ports[0], min(size, CHUNK),
                          name if size <= CHUNK else "64 MiB as 8 MiB", parallel, cluster.nodes[:1], keys=1, **bound)
            bench.measure("S3 PUT", "s3-put", cluster.port, size, name, parallel, everything, **limits)
            bench.measure("files PUT", "files-put", cluster.port, size, name, parallel, everything, **limits)
            clear(bench, size, keys)
            fill(bench, size, keys)
            bench.measure("S3 GET", "s3-get", cluster.port, size, name, parallel, everything, **limits)
            bench.measure("files GET", "files-get", cluster.port, size, name, parallel, everything, **limits)
            with Nginx(cluster.directory, limits["prefix"], size, keys) as nginx:
                bench.measure("nginx GET", "plain-get", nginx.port, size, name, parallel, **limits)
            clear(bench, size, keys)


def get_many(bench, quick):
    """The same small GET when what is read was not written just now."""
    size, name = SIZES[0]
    limits = {"keys": MANY_KEYS, "prefix": "many-"}
    bench.load("s3-put", bench.cluster.port, size=size, requests=MANY_KEYS, parallel=64, duration="600s", **limits)
    for parallel in PARALLEL if not quick else (1, 64):
        bench.measure(f"S3 GET of {MANY_KEYS:,} keys", "s3-get", bench.cluster.port, size, name, parallel, bench.cluster.programs, **limits)
        with Nginx(bench.cluster.directory, limits["prefix"], size, MANY_KEYS) as nginx:
            bench.measure(f"nginx GET of {MANY_KEYS:,} keys", "plain-get", nginx.port, size, name, parallel, **limits)


def clear(bench, size, keys):
    """The documented API keeps every version: without this the disk would hold all that was ever sent."""
    for number in range(keys):
        request = urllib.request.Request(f"{bench.cluster.url}/files/s{size}-{number:08}", method="DELETE")
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request):
            pass
    bench.wait_freed()


def fill(bench, size, keys):
    """Makes sure that every key of both APIs exists."""
    for kind in ("s3-put", "files-put"):
        bench.load(kind, bench.cluster.port, size=size, keys=keys, prefix=f"s{size}-", requests=keys, parallel=8, duration="600s")
    bench.wait_freed()


def listing(bench, quick):
    for keys in (2_000, 20_000 if quick else 100_000):
        bucket = f"list-{keys}"
        s3.client(bench.cluster).create_bucket(Bucket=bucket)
        bench.load("s3-put", bench.cluster.port, size=0, keys=keys, bucket=bucket, requests=keys, parallel=64, duration="900s")
        bench.measure(f"ListObjectsV2 of {keys:,} keys", "s3-list", bench.cluster.port, 0, "1000 keys", 1,
                      bench.cluster.programs, keys=keys, bucket=bucket)


def idle_memory(bench):
    gateway = bench.cluster.gateway.peak_rss_bytes() / MIB
    node = max(node.peak_rss_bytes() for node in bench.cluster.nodes) / MIB
    return gateway, node


def ratios(bench, idle):
    """The aims, each with what was measured."""
    def ratio(what, beside, size, parallel, field="MB/s", beside_size=None):
        return bench.rate(what, size, parallel)[field] / bench.rate(beside, beside_size or size, parallel)[field]

    busy = bench.rate("S3 PUT", "64 MiB", 64)
    pages = [row for row in bench.rows if row["what"].startswith("ListObjects")]
    large, alone = "64 MiB", "64 MiB as 8 MiB"
    return [
        ("large GET beside nginx's, one at a time", ratio("S3 GET", "nginx GET", large, 1), "≥ 0.8"),
        ("large GET beside nginx's, 64 at a time", ratio("S3 GET", "nginx GET", large, 64), "≥ 0.8"),
        ("small GET beside nginx's, 64 at a time", ratio("S3 GET", "nginx GET", "4 KiB", 64, "requests/s"), "≥ 0.4"),
        (f"small GET of {MANY_KEYS:,} keys beside nginx's, 64 at a time",
         ratio(f"S3 GET of {MANY_KEYS:,} keys", f"nginx GET of {MANY_KEYS:,} keys", "4 KiB", 64, "requests/s"), "≥ 0.4"),
        ("large PUT (three copies) beside one node's, one at a time", ratio("S3 PUT", "node PUT", large, 1, "MB/s", alone), "≥ 0.3"),
        ("large PUT (three copies) beside one node's, 64 at a time", ratio("S3 PUT", "node PUT", large, 64, "MB/s", alone), "≥ 0.3"),
        ("gateway idle, MiB", idle[0], "≤ 64"),
        ("gateway at 64 uploads of 64 MiB, MiB", busy["gateway MiB"], "≤ 200"),
        ("node idle, MiB", idle[1], "≤ 64"),
        ("page of 1000 keys, median ms", pages[-1]["p50 ms"], "≤ 10"),
        ("the same page, many keys beside 2,000", pages[-1]["p50 ms"] / pages[0]["p50 ms"], "about 1"),
    ]


def machine(directory):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = int(open("/proc/meminfo").readline().split()[1]) / MIB
    return (f"{model}, {os.cpu_count()} cores for client and servers together, {memory:.0f} GiB, Linux {platform.release()}; "
            f"fdatasync of 4 KiB takes {sync_ms(directory):.2f} ms; {time.strftime('%Y-%m-%d')}")


def sync_ms(directory):
    """The median time that the disk takes to make a small write durable."""
    times = []
    fd = os.open(os.path.join(directory, "sync"), os.O_WRONLY | os.O_CREAT)
    for at in range(50):
        os.pwrite(fd, os.urandom(4096), at * 4096)
        begun = time.perf_counter()
        os.fdatasync(fd)
        times.append(time.perf_counter() - begun)
    os.close(fd)
    return sorted(times)[25] * 1e3


def report(bench, idle, where):
    lines = [HEAD, where, ""]
    lines += ["| " + " | ".join(HEADER) + " |", "|---|---|" + "---:|" * (len(HEADER) - 2)]
    lines += [cells(row) for row in bench.rows]
    lines += ["", "| aim | measured | wanted |", "|---|---:|---:|"]
    lines += [f"| {aim} | {value:.2f} | {wanted} |" for aim, value, wanted in ratios(bench, idle)]
    return "\n".join(lines) + "\n"


def main():
    options = argparse.ArgumentParser(prog="tests/bench/run")
    options.add_argument("-o", metavar="FILE", help="write the table into this file too")
    options.add_argument("--quick", action="store_true", help="shorter, and not at all levels of parallelism")
    options.add_argument("--dir", help="where the clusters' data go (default: the temporary folder)")
    chosen = options.parse_args()
    cluster = clusters.Cluster(tls=False, directory=chosen.dir, gateway_options=("-gc-grace", "1s", "-gc-interval", "500ms"))
    try:
        cluster.start()
        bench = Bench(cluster, 2 if chosen.quick else 4)
        where = machine(cluster.directory)
        idle = idle_memory(bench)
        put_and_get(bench, chosen.quick)
        get_many(bench, chosen.quick)
        listing(bench, chosen.quick)
        text = report(bench, idle, where)
        cluster.stop()
    finally:
        for program in cluster.programs:
            if program.running():
                program.kill()
        cluster.remove()
    print(text, end="")
    if chosen.o:
        with open(chosen.o, "w") as out:
            out.write(text)


if __name__ == "__main__":
    main()
