"""Notifications of buckets from a put to a consumer: a gateway with a target of each kind of broker, which are real ones; they
stop and come back while objects are written, and so does the gateway. Nothing is lost, and each key's events keep their order.
AWS's own parser for Java reads what came."""

import concurrent.futures
import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import brokers
import s3
from cluster import poll
from harness import ClusterTest, main

JAVA = os.path.join(brokers.ROOT, "tests/clients/java")
KEYS = ["plain", "with space", "ümlaut/☃", "a+b&c"]


class BrokersTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="tercet-brokers-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.executor = concurrent.futures.ThreadPoolExecutor(4)
        cls.addClassCleanup(cls.executor.shutdown)
        kinds = {"rabbit": brokers.Rabbit, "redis": brokers.Redis, "mosquitto": brokers.Mosquitto, "kafka": brokers.Kafka}
        cls.brokers = {name: kind(folder) for name, kind in kinds.items()}
        cls.addClassCleanup(cls.every, "stop")
        cls.every("start")
        cls.prepare()
        rest = {"rabbit": "?queue=events", "redis": "?stream=events", "mosquitto": "/events/all", "kafka": "/events"}
        targets = " ".join(f"{name}={broker.url(rest[name], tls=name != 'kafka')}" for name, broker in cls.brokers.items())
        cls.cluster_options = {"tls": False, "gateway_options": ["-notify", targets, "-notify-timeout", "5s"]}
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        for name in cls.brokers:
            cls.s3.create_bucket(Bucket=f"to-{name}")
            cls.s3.put_bucket_notification_configuration(Bucket=f"to-{name}", NotificationConfiguration={
                "QueueConfigurations": [{"Id": f"id-{name}", "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{name}",
                                         "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]})  # fmt: skip

    @classmethod
    def every(cls, what):
        """All brokers at once: the slow ones start together."""
        for future in [cls.executor.submit(getattr(broker, what)) for broker in cls.brokers.values()]:
            future.result()

    @classmethod
    def prepare(cls):
        connection = cls.brokers["rabbit"].connection()
        connection.channel().queue_declare("events", durable=True)
        connection.close()
        cls.subscriber = cls.brokers["mosquitto"].subscriber("events/#")
        cls.addClassCleanup(cls.subscriber.close)
        cls.brokers["kafka"].create_topic("events", 3)
        cls.taken = []

    def bodies(self, name):
        """All that came so far."""
        if name == "rabbit":
            self.taken += [body for body, _, _ in self.brokers[name].messages("events", 0)]
            return self.taken
        if name == "redis":
            return [fields[b"body"] for fields in self.brokers[name].messages("events")]
        if name == "mosquitto":
            return [message.payload for message in self.subscriber.messages]
        return [record.value for record in self.brokers[name].messages("events", 1000, seconds=4)]

    def events(self, name):
        return [record for body in self.bodies(name) for record in json.loads(body).get("Records", [])]

    def put(self, first, count):
        """Sizes are the numbers: they say which put an event is of."""
        for name in self.brokers:
            for i in range(first, first + count):
                self.s3.put_object(Bucket=f"to-{name}", Key=KEYS[i % len(KEYS)], Body=b"x" * i)

    def waits(self):
        targets = json.loads(self.cluster.get("/system/notifications")[1])["targets"]
        return sum(target["waiting"] for target in targets)

    def check(self, name, count):
        seen = {}
        for record in self.events(name):
            entry = record["s3"]["object"]
            sizes = seen.setdefault(entry["key"], {})
            if entry["sequencer"] not in sizes:  # else it came again
                self.assertTrue(not sizes or max(sizes) < entry["sequencer"], (name, record))
                sizes[entry["sequencer"]] = entry["size"]
        found = sorted(size for sizes in seen.values() for size in sizes.values())
        self.assertEqual(found, list(range(count)), name)
        for sizes in seen.values():
            self.assertEqual(list(sizes.values()), sorted(sizes.values()))

    def test_brokers_and_gateway_that_stop(self):
        self.put(0, 20)
        poll(lambda: self.waits() == 0, "all is delivered")
        self.every("stop")
        self.put(20, 20)
        poll(lambda: self.waits() >= 80, "what was put meanwhile waits")
        self.cluster.gateway.kill()
        self.cluster.gateway.start()
        self.cluster.wait_ready()
        self.put(40, 10)
        self.every("start")
        self.put(50, 10)
        poll(lambda: self.waits() == 0, "all is delivered", 90)
        poll(lambda: len(self.subscriber.messages) >= 60, "the subscriber has all")
        for name in self.brokers:
            self.check(name, 60)
        text = self.cluster.gateway.log_text()
        self.assertNotIn(brokers.PASSWORD, text)
        self.assertNotIn(brokers.ESCAPED, text)
        self.read_by_java()

    def read_by_java(self):
        if not shutil.which("javac"):
            raise unittest.SkipTest("there is no Java compiler here")
        bodies = [body for body in self.bodies("redis") if b'"Records"' in body]
        jars = ":".join(glob.glob(os.path.join(brokers.JARS, "*.jar")))
        done = subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-cp", jars, os.path.join(JAVA, "ReadEvents.java")],
                              input=b"\n".join(bodies) + b"\n", capture_output=True, check=False)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
        self.assertEqual(len(rows), len(bodies))
        sent = [json.loads(body)["Records"][0] for body in bodies]
        for row, record in zip(rows, sent):
            self.assertRegex(row[0], r"^2\.\d$")
            self.assertEqual(row[1:3], ["aws:s3", "ObjectCreated:Put"])
            self.assertEqual(row[4:8], ["us-east-1", "id-redis", "to-redis", "arn:aws:s3:::to-redis"])
            self.assertEqual(row[8], KEYS[int(row[9]) % len(KEYS)])
            self.assertEqual(row[10:12], [record["s3"]["object"]["eTag"], record["s3"]["object"]["sequencer"]])
            self.assertEqual(row[13], "127.0.0.1")


if __name__ == "__main__":
    main()
