"""The benchmark behind tests/bench/users: is a user's key as quick as root's?

Small objects are read, 64 at a time, by root, by a user with one statement, by one with policies of 20 KB whose last statement
allows it, and in a bucket with a policy of 20 KB. They take turns, so that what else the machine does meets all of them; a
figure is the median of its turns. Then the database gets its users, and all take turns again. At last many users ask once
each, with a cache that has room for a few: its memory has to stay within its bound.
"""

import argparse
import json
import os
import statistics
import sys
import time

import asking
import bench as benchmark
import cluster as clusters
import s3

KIB, MIB = 1 << 10, 1 << 20
PARALLEL, KEYS = 64, 1000
AIM = 0.95
CACHE = 4 * MIB
ASKING = 20_000  # users that ask once each
SECRET = "the secret of a user"
INLINE_CHARS, MANAGED_CHARS, BUCKET_BYTES = 1900, 6000, 20_000


def statement(number, action="s3:GetObject", resource="arn:aws:s3:::team-{0}/reports/{0}/*", **more):
    return {"Sid": f"s{number}", "Effect": "Allow", "Action": action, "Resource": resource.format(number),
            "Condition": {"IpAddress": {"aws:SourceIp": [f"10.{number % 250}.0.0/16", "192.0.2.0/24"]}}, **more}


def policy_of(length, last=(), **more):
    """One whose statements are about other things, up to the length; then those of `last`."""
    statements = []
    while len(json.dumps({"Version": "2012-10-17", "Statement": [*statements, *last]}, separators=(",", ":"))) < length:
        statements.append(statement(len(statements), **more))
    return {"Version": "2012-10-17", "Statement": [*statements[:-1], *last]}


READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::load/*", "arn:aws:s3:::policed/*"]}


def bootstrap(path, count):
    """The users that are measured, and so many others."""
    managed = [{"name": f"m{n}", "document": policy_of(MANAGED_CHARS)} for n in range(3)]
    users = [{"name": "small", "policies": {"p": {"Statement": [READ]}}, "keys": [{"id": "SMALL-KEY", "secret": SECRET}]},
             {"name": "large", "policies": {"p": policy_of(INLINE_CHARS, [READ])}, "attached": [entry["name"] for entry in managed],
              "keys": [{"id": "LARGE-KEY", "secret": SECRET}]}]
    users += [{"name": f"u{n:06}", "keys": [{"id": f"KEY{n:06}", "secret": SECRET}]} for n in range(count)]
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({"policies": managed, "users": users}, file, separators=(",", ":"))


class Users:
    def __init__(self, cluster, seconds, rounds):
        self.cluster, self.rounds = cluster, rounds
        self.bench = benchmark.Bench(cluster, seconds)
        self.root = (cluster.access_key, self.bench.secret)

    def prepare(self):
        client = s3.client(self.cluster)
        for bucket in ("load", "policed"):
            client.create_bucket(Bucket=bucket)
            self.bench.load("s3-put", self.cluster.port, bucket=bucket, size=4 * KIB, keys=KEYS, requests=KEYS, parallel=16, duration="600s")
        others = {"AWS": "arn:aws:iam::000000000000:root"}
        document = policy_of(BUCKET_BYTES, [{**READ, "Resource": "arn:aws:s3:::policed/*", "Principal": others}],
                             resource="arn:aws:s3:::policed/reports/{0}/*", Principal=others)
        client.put_bucket_policy(Bucket="policed", Policy=json.dumps(document, separators=(",", ":")))

    def measure(self, programs):
        """Requests a second and CPU microseconds of the gateway for each request, by who asks."""
        who = {"root": ("load", self.root), "a user": ("load", ("SMALL-KEY", SECRET)), "a user with 20 KB": ("load", ("LARGE-KEY", SECRET)),
               "root, bucket with 20 KB": ("policed", self.root), "a user, bucket with 20 KB": ("policed", ("SMALL-KEY", SECRET))}
        rates, cpu = {name: [] for name in who}, {name: [] for name in who}
        for _ in range(self.rounds):
            for name, (bucket, (key, secret)) in who.items():
                before = programs.cpu_seconds()
                got = self.bench.load("s3-get", self.cluster.port, bucket=bucket, size=4 * KIB, keys=KEYS, parallel=PARALLEL,
                                      **{"access-key": key, "secret-key": secret})
                rates[name].append(got["requests"] / got["seconds"])
                cpu[name].append(1e6 * (programs.cpu_seconds() - before) / got["requests"])
        return {name: (statistics.median(rates[name]), statistics.median(cpu[name])) for name in who}

    def ask_once_each(self, count):
        """Many users, one after the other. They may not, which is found out as well."""
        sender = asking.Sender(self.cluster.port, self.cluster.domain)
        begun = time.monotonic()
        for number in range(count):
            answer = sender.send(asking.Request("GET", "load", "key-00000000"), asking.Key(f"KEY{number:06}", SECRET))
            if answer.status != 403:
                raise SystemExit(f"user {number}: {answer}")
        return count / (time.monotonic() - begun)


def table(title, measured, lines):
    rate, cpu = measured["root"]
    lines += ["", title, "", "| who | requests/s | beside root | gateway CPU µs a request | beside root |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {name} | {own:,.0f} | {own / rate:.2f} | {own_cpu:.0f} | {own_cpu / cpu:.2f} |" for name, (own, own_cpu) in measured.items()]


def main():
    options = argparse.ArgumentParser(prog="tests/bench/users")
    options.add_argument("--users", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=int, default=2)
    options.add_argument("--dir", help="where the cluster's data go (default: the temporary folder)")
    chosen = options.parse_args()
    cluster = clusters.Cluster(tls=False, directory=chosen.dir)
    path = os.path.join(cluster.directory, "bootstrap.json")
    cluster.gateway.argv += ["-bootstrap", path, "-identity-cache", str(CACHE)]
    lines = []
    try:
        bootstrap(path, 0)
        cluster.start()
        users = Users(cluster, chosen.seconds, chosen.rounds)
        lines.append(f"{benchmark.machine(cluster.directory)}; load average {os.getloadavg()[0]:.1f}")
        users.prepare()
        few = users.measure(cluster.gateway)
        table("With two users:", few, lines)
        print("\n".join(lines), file=sys.stderr, flush=True)
        bootstrap(path, chosen.users)
        cluster.gateway.terminate()
        cluster.gateway.wait_end()
        begun = time.monotonic()
        clusters.START_SECONDS = 3600
        cluster.gateway.start()
        clusters.poll(lambda: cluster.get("/health")[0] == 200, "the gateway answers", 3600)
        cluster.wait_ready()
        lines += ["", f"{chosen.users:,} users were made from a bootstrap file in {time.monotonic() - begun:.0f} s."]
        many = users.measure(cluster.gateway)
        table(f"With {chosen.users:,} users:", many, lines)
        before = cluster.gateway.peak_rss_bytes() / MIB
        rate = users.ask_once_each(min(ASKING, chosen.users))
        lines += ["", "| aim | measured | wanted |", "|---|---:|---:|"]
        for name, (own, _) in many.items():
            lines.append(f"| {name}, beside root | {own / many['root'][0]:.2f} | ≥ {AIM} |")
        lines += [f"| memory that {min(ASKING, chosen.users):,} users added who asked once, with a cache of {CACHE // MIB} MiB, MiB "
                  f"| {cluster.gateway.peak_rss_bytes() / MIB - before:.1f} | ≤ {4 * CACHE // MIB} |",
                  f"| users that ask for the first time, one at a time, a second | {rate:,.0f} | |"]
        cluster.stop()
    finally:
        for program in cluster.programs:
            if program.running():
                program.kill()
        cluster.remove()
    print("\n".join(lines))


if __name__ == "__main__":
    main()
