"""The senders of bucket notifications with real brokers: RabbitMQ, Redis and Mosquitto, which this test starts. Each event that
was said to be delivered is read back by a client of that broker."""

import time

import brokers
from cluster import poll
from harness import main
from notify_cases import Common, Target
from notify_driver import Driver, number, without_repetitions


class RabbitTarget(Common, Target):
    BROKER, REST = brokers.Rabbit, "?queue=events"

    @classmethod
    def prepare(cls):
        connection = cls.broker.connection()
        channel = connection.channel()
        channel.queue_declare("events", durable=True)
        channel.queue_declare("small", durable=True, arguments={"x-max-length": 5, "x-overflow": "reject-publish"})
        channel.exchange_declare("topics", "topic", durable=True)
        channel.queue_declare("by key", durable=True)
        channel.queue_bind("by key", "topics", "bucket/key 1")
        connection.close()

    def empty(self):
        connection = self.broker.connection()
        connection.channel().queue_purge("events")
        connection.close()

    def numbers(self, count):
        return [number(body) for body, _, _ in self.broker.messages("events", count)]

    def test_what_a_message_says(self):
        self.empty()
        with Driver(self.broker.url("/%2F" + self.REST)) as driver:
            driver.send(1)
            driver.send(1, first=0)
        (_, first, _), (_, second, _) = self.broker.messages("events", 2)
        self.assertEqual((first.content_type, first.delivery_mode, first.type, first.app_id),
                         ("application/json", 2, "s3:ObjectCreated:Put", "tercet"))
        self.assertRegex(first.message_id, "^[0-9a-f]{32}$")
        self.assertEqual(first.message_id, second.message_id)
        self.assertLess(abs(first.timestamp - time.time()), 60)

    def test_the_key_is_the_routing_key(self):
        with Driver(self.broker.url("?exchange=topics")) as driver:
            # With three keys, the first message goes to a key that no queue is bound to.
            status, delivered, _, error = driver.send(3, keys=3)
            self.assertEqual((status, delivered), ("not found", 0), error)
            self.assertRegex(error, "no queue takes the message: 312 NO_ROUTE.*topics.*bucket/key 0")
            status, delivered, _, error = driver.send(2, keys=3, first=1)
            self.assertEqual((status, delivered), ("not found", 1), error)
        self.assertEqual([key for _, _, key in self.broker.messages("by key", 1)], ["bucket/key 1"])
        with Driver(self.broker.url("?exchange=topics&routing-key=bucket/key%201")) as driver:
            self.assertEqual(driver.send(5, keys=5)[:2], ("ok", 5))
        self.assertEqual(len(self.broker.messages("by key", 5)), 5)

    def test_what_is_not_there(self):
        self.fails(self.broker.url("?queue=nowhere"), "not found", "312 NO_ROUTE.*nowhere")
        self.fails(self.broker.url("?exchange=nowhere"), "not found", "404 NOT_FOUND - no exchange 'nowhere'")
        self.fails(self.broker.url("/elsewhere" + self.REST), "denied", "530 NOT_ALLOWED - vhost elsewhere not found")
        self.fails(self.broker.url(self.REST, user="tercet:wrong"), "denied", "403 ACCESS_REFUSED")

    def test_a_queue_that_is_full(self):
        with Driver(self.broker.url("?queue=small")) as driver:
            status, delivered, _, error = driver.send(20)
            self.assertEqual((status, delivered), ("unavailable", 5), error)
            self.assertIn("nack", error)
        self.assertEqual([number(body) for body, _, _ in self.broker.messages("small", 5)], list(range(5)))

    def test_urls(self):
        for rest, reason in (("", "needs queue=NAME or exchange=NAME"), ("?queue=a&exchange=b", "needs queue=NAME or"),
                             ("?queue=a&routing-key=b", "routing-key= is for exchange="), ("?queue=a&quue=b", "no parameter"),
                             ("?queue=a&queue=b", "twice"), ("/%zz?queue=a", "percent-encoded"),
                             ("?queue=" + "q" * 256, "at most 255")):
            self.refused("amqp://localhost" + rest, reason)


class RedisTarget(Common, Target):
    BROKER, REST = brokers.Redis, "?stream=events"

    def empty(self):
        self.broker.client().flushall()

    def numbers(self, count):
        messages = self.broker.messages("events")
        self.assertGreaterEqual(len(messages), count)
        return [number(fields[b"body"]) for fields in messages]

    def test_fields_and_database(self):
        self.empty()
        with Driver(self.broker.url("/3" + self.REST)) as driver:
            self.assertEqual(driver.send(2, keys=2)[:2], ("ok", 2))
        self.assertEqual([(fields[b"key"], fields[b"event"]) for fields in self.broker.messages("events", 3)],
                         [(b"bucket/key 0", b"s3:ObjectCreated:Put"), (b"bucket/key 1", b"s3:ObjectCreated:Put")])

    def test_a_stream_that_is_cut(self):
        self.empty()
        with Driver(self.broker.url("?stream=cut&maxlen=100")) as driver:
            for _ in range(4):
                self.assertEqual(driver.send(300)[:2], ("ok", 300))
        kept = [number(fields[b"body"]) for fields in self.broker.messages("cut")]
        self.assertLess(len(kept), 300)
        self.assertEqual(kept, list(range(1200))[-len(kept):])

    def test_the_password_alone(self):
        self.empty()
        with Driver(self.broker.url(self.REST, user=":p%40ss%3Aw%2Frd")) as driver:
            self.assertEqual(driver.send(1)[:2], ("ok", 1))

    def test_what_is_refused(self):
        self.empty()
        self.fails(self.broker.url(self.REST, user=""), "denied", "NOAUTH")
        self.fails(self.broker.url(self.REST, user="tercet:wrong"), "denied", "password: WRONGPASS$")
        self.fails(self.broker.url("/9999" + self.REST), "unavailable", "refuses SELECT: ERR")
        self.broker.client().set("text", "no stream")
        self.fails(self.broker.url("?stream=text"), "unavailable", "refuses XADD: WRONGTYPE")
        self.fails(self.broker.url(self.REST + "&replicas=1"), "unavailable", "only 0 of 1 replicas", timeout_ms=1000)

    def test_memory_that_ends(self):
        """What was confirmed before the refusal counts, and the next round begins with one message."""
        self.empty()
        client = self.broker.client()
        with Driver(self.broker.url(self.REST)) as driver:
            self.assertEqual(driver.send(1)[:2], ("ok", 1))
            client.config_set("maxmemory", 1)
            status, delivered, _, error = driver.send(10)
            client.config_set("maxmemory", 0)
            self.assertEqual((status, delivered), ("unavailable", 0))
            self.assertIn("OOM", error)
            self.assertEqual(driver.send(10)[:2], ("ok", 10))
        self.assertEqual(self.numbers(11), list(range(11)))

    def test_urls(self):
        for rest, reason in (("", "needs stream=NAME"), ("/a?stream=s", "number of a database"), ("?stream=s&maxlen=0", "from 1"),
                             ("?stream=s&maxlen=x", "number"), ("?stream=s&replicas=100", "to 99"), ("?stream=s&x=1", "no parameter")):
            self.refused("redis://localhost" + rest, reason)
        self.refused("redis://user@localhost?stream=s", "has a password")


class MqttTarget(Common, Target):
    BROKER, REST = brokers.Mosquitto, "/events/all?subscribers=required"

    @classmethod
    def prepare(cls):
        cls.subscriber = cls.broker.subscriber("events/#")

    @classmethod
    def finish(cls):
        if hasattr(cls, "subscriber"):
            cls.subscriber.close()

    def empty(self):
        self.subscriber.messages.clear()

    def numbers(self, count):
        poll(lambda: len(without_repetitions(map(self.read, self.subscriber.messages))) >= count, f"{count} messages", 30)
        return [self.read(message) for message in self.subscriber.messages]

    def end(self):
        self.broker.stop()  # Mosquitto writes what it acknowledged to its disk from time to time only

    def read(self, message):
        return number(message.payload)

    def test_what_a_message_says(self):
        self.empty()
        with Driver(self.broker.url("/events/a%20b")) as driver:
            self.assertEqual(driver.send(1)[:2], ("ok", 1))
        self.numbers(1)
        message = self.subscriber.messages[0]
        self.assertEqual((message.topic, message.qos, message.properties.ContentType), ("events/a b", 1, "application/json"))

    def test_the_older_version(self):
        self.empty()
        with Driver(self.broker.url("/events/all?version=3.1.1&client-id=gateway")) as driver:
            self.assertEqual(driver.send(300)[:2], ("ok", 300))
        self.assertEqual(self.numbers(300), list(range(300)))

    def test_what_the_broker_does_not_take(self):
        self.fails(self.broker.url("/elsewhere"), "denied", "does not take the message: Not authorized")
        self.fails(self.broker.url(self.REST, user="tercet:wrong"), "denied", "refuses the connection: (Not authorized|Bad user)")
        self.fails(self.broker.url(self.REST, user=""), "denied", "refuses the connection: Not authorized")

    def test_nobody_listens(self):
        self.subscriber.client.unsubscribe("events/#")
        url = self.broker.url("/events/none")
        try:
            with Driver(url) as driver:
                status = poll(lambda: (result := driver.send(5, first=0))[0] != "ok" and result, "nobody listens")
                self.assertEqual(status[:2], ("not found", 0))
                self.assertRegex(status[3], 'nobody has subscribed to the topic "events/none"')
            with Driver(url + "?subscribers=optional") as driver:
                self.assertEqual(driver.send(5)[:2], ("ok", 5))
        finally:
            self.subscriber.subscribed = False
            self.subscriber.client.subscribe("events/#", 1)
            poll(lambda: self.subscriber.subscribed, "the subscription")

    def test_urls(self):
        for rest, reason in (("", "is a topic"), ("/a/%23", "without wildcards"), ("/t?version=4", "version= is 5 or 3.1.1"),
                             ("/t?subscribers=no", "required or optional"), ("/t?client-id=", "1 to 255"), ("/t?qos=2", "no parameter")):
            self.refused("mqtt://localhost" + rest, reason)
        self.refused("mqtt://:p@localhost/t", "has a user")


del Target  # it is no test by itself

if __name__ == "__main__":
    main()
