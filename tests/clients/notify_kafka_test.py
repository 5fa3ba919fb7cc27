"""The sender of bucket notifications with a real Kafka: one node of its own jars, which this test starts."""

import itertools

import brokers
from harness import main
from notify_cases import Common, Target
from notify_driver import Driver, number, without_repetitions

TOPICS = itertools.count()


class KafkaTarget(Common, Target):
    BROKER, REST = brokers.Kafka, "/none"

    @classmethod
    def prepare(cls):
        cls.broker.create_topic("none", 1)

    def empty(self):
        self.REST = f"/topic-{next(TOPICS)}"
        self.broker.create_topic(self.REST[1:], 1)

    def numbers(self, count):
        return [number(record.value) for record in self.broker.messages(self.REST[1:], count)]

    def test_keys_keep_their_order_over_partitions(self):
        self.broker.create_topic("parts", 3)
        with Driver(self.broker.url("/parts?sasl=PLAIN")) as driver:
            self.assertEqual(driver.send(300, keys=20)[:2], ("ok", 300))
        records = self.broker.messages("parts", 300)
        self.assertEqual(sorted(number(record.value) for record in records), list(range(300)))
        self.assertEqual({record.partition for record in records}, {0, 1, 2})
        for key in range(20):
            of_key = [record for record in records if record.key == b"bucket/key %d" % key]
            self.assertEqual([number(record.value) for record in of_key], list(range(key, 300, 20)))
            self.assertEqual(len({record.partition for record in of_key}), 1)

    def test_a_broker_that_restarts(self):
        """Killed once; the whole of it is with the faster brokers."""
        self.empty()
        with Driver(self.broker.url(self.REST)) as driver:
            self.assertEqual(driver.send(20)[:2], ("ok", 20))
            self.broker.kill()
            result = driver.send(20, timeout_ms=2000)
            self.assertEqual(result[:2], ("timeout", 0), result)
            self.assertRegex(result[3], "refused|closed|Disconnected|Timed out")
            self.broker.start()
            self.assertEqual(driver.send(20)[:2], ("ok", 20))
        self.assertEqual(without_repetitions(self.numbers(40)), list(range(40)))

    def test_what_is_not_there(self):
        self.fails(self.broker.url("/nowhere"), "not found", 'Kafka has no topic "nowhere"')
        self.fails(self.broker.url("/none", user="tercet:wrong"), "timeout", "Authentication failed", timeout_ms=3000)

    def test_nobody_is_there(self):
        """The library looks for brokers until the time is over."""
        port, = brokers.ports(1)
        self.fails(f"kafka://localhost:{port}/none", "timeout", "refused", timeout_ms=1500)
        self.fails("kafka://no-such-host.invalid/none", "timeout", "Failed to resolve", timeout_ms=1500)

    def test_certificates(self):
        at = "kafkas://{}:" + f"{self.broker.tls_port}/none?ca-file={{}}"
        self.fails(at.format("localhost", self.other_authority()), "timeout", "certificate verify failed", timeout_ms=1500)
        self.fails(at.format("127.1", self.broker.authority), "timeout", "certificate verify failed", timeout_ms=1500)
        self.fails(at.format("localhost", "/nowhere"), "invalid", "no producer: ssl.ca.location")
        with Driver(at.format("127.0.0.1", self.broker.authority)) as driver:
            self.assertEqual(driver.send(1)[:2], ("ok", 1))

    def test_an_event_that_is_too_large(self):
        """The broker takes 1 MiB; what comes before it counts."""
        self.empty()
        with Driver(self.broker.url(self.REST)) as driver:
            status, delivered, _, error = driver.send(1, size=2000000)
            self.assertEqual((status, delivered), ("limit reached", 0))
            self.assertIn("size too large", error)
            self.assertEqual(driver.send(3, first=0)[:2], ("ok", 3))
        self.assertEqual(self.numbers(3), [0, 1, 2])

    def test_urls(self):
        for rest, reason in (("", "name of a topic"), ("/a/b", "name of a topic"), ("/..", "name of a topic"),
                             ("/t?sasl=GSSAPI", "sasl= is PLAIN"), ("/t?sasl=PLAIN", "needs a user"),
                             ("/t?brokers=", "HOST:PORT"), ("/t?brokers=a;b", "HOST:PORT"), ("/t?acks=0", "no parameter")):
            self.refused("kafka://localhost" + rest, reason)
        self.fails("kafka://localhost:1/t?brokers=127.0.0.1:2,[::1]:3", "timeout", "refused", timeout_ms=1500)


del Target  # it is no test by itself

if __name__ == "__main__":
    main()
