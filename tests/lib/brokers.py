"""Real brokers for tests of bucket notifications: each one a process of this test on a free port of the loopback, with a
folder of its own, as Debian's packages and Kafka's own jars bring them; never a service of the system."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import certificates
from cluster import hold_port, poll

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JARS = os.path.join(ROOT, "tests/clients/java_modules")
USER, PASSWORD = "tercet", "p@ss:w/rd"
ESCAPED = "tercet:p%40ss%3Aw%2Frd"
STOP_SECONDS = 30


HOLDERS = []


def ports(count):
    """Ports that nobody else gets while this test runs."""
    holders = [hold_port() for _ in range(count)]
    HOLDERS.extend(holders)
    return [holder.getsockname()[1] for holder in holders]


class Broker:
    """start() returns when it answers; stop() is the orderly end, kill() is not. Ports and data stay for the next start."""

    START_SECONDS = 60

    def __init__(self, folder):
        self.folder = os.path.join(folder, type(self).__name__.lower())
        os.makedirs(self.folder)
        self.authority, self.certificate, self.key = certificates.make(self.folder)
        self.port, self.tls_port = ports(2)
        self.process = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def spawn(self, *argv, environment=None):
        with open(self.path("output"), "ab") as output:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                                    env=os.environ | (environment or {}), start_new_session=True)

    def start(self):
        self.process = self.launch()

        def answers():
            if self.process.poll() is not None:
                with open(self.path("output"), errors="replace") as output:
                    raise AssertionError(f"{type(self).__name__} ended: {output.read()[-3000:]}")
            return self.is_ready()

        poll(answers, f"{type(self).__name__} answers", self.START_SECONDS)

    def is_ready(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def signal(self, number):
        """To all processes of the broker: scripts start it."""
        os.killpg(self.process.pid, number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        if self.process:
            self.signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self):
        if not self.process:
            return
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def url(self, rest, tls=False, user=ESCAPED, host="localhost"):
        query = f"{'&' if '?' in rest else '?'}ca-file={self.authority}" if tls else ""
        return (f"{self.SCHEME}{'s' if tls else ''}://{user}{'@' if user else ''}{host}:"
                f"{self.tls_port if tls else self.port}{rest}{query}")


class Rabbit(Broker):
    SCHEME = "amqp"
    # The script of the package changes into another user; this one it calls.
    PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    def __init__(self, folder):
        super().__init__(folder)
        if not os.path.exists(self.PROGRAM):
            raise unittest.SkipTest("there is no rabbitmq-server here")
        self.epmd_port, self.dist_port = ports(2)
        self.epmd = None
        self.write("rabbitmq.conf", "\n".join([
            f"listeners.tcp.1 = 127.0.0.1:{self.port}", f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}",
            f"ssl_options.cacertfile = {self.authority}", f"ssl_options.certfile = {self.certificate}",
            f"ssl_options.keyfile = {self.key}", f"default_user = {USER}", f"default_pass = {PASSWORD}",
            "disk_free_limit.absolute = 1MB", "log.console = false"]) + "\n")
        self.write("enabled_plugins", "[].\n")

    def launch(self):
        # The port mapper is told apart from the system's by its port; the broker would leave one of its own behind.
        self.epmd = self.spawn("epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1")
        return self.spawn(self.PROGRAM, environment={
            "HOME": self.folder, "ERL_EPMD_PORT": str(self.epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"t{self.port}@localhost", "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": self.path("mnesia"), "RABBITMQ_LOG_BASE": self.path("log"),
            "RABBITMQ_CONFIG_FILE": self.path("rabbitmq.conf"), "RABBITMQ_PID_FILE": self.path("pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.path("enabled_plugins"), "RABBITMQ_GENERATED_CONFIG_DIR": self.path("generated")})

    def is_ready(self):
        try:
            self.connection().close()
            return True
        except Exception:  # pylint: disable=broad-except
            return False

    def connection(self):
        import pika
        return pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", self.port, "/", pika.PlainCredentials(USER, PASSWORD), socket_timeout=5))

    def stop(self):
        super().stop()
        self.end_mapper()

    def kill(self):
        super().kill()
        self.end_mapper()

    def end_mapper(self):
        if self.epmd:
            self.epmd.kill()
            self.epmd.wait()
            self.epmd = None

    def messages(self, queue, count, seconds=30):
        """Bodies and properties of the queue, taken off."""
        connection = self.connection()
        channel = connection.channel()
        found = []

        def more():
            while True:
                frame, properties, body = channel.basic_get(queue, auto_ack=True)
                if not frame:
                    return len(found) >= count
                found.append((body, properties, frame.routing_key))

        poll(more, f"{count} messages in {queue}", seconds)
        connection.close()
        return found


class Redis(Broker):
    SCHEME = "redis"

    def __init__(self, folder):
        super().__init__(folder)
        if not shutil.which("redis-server"):
            raise unittest.SkipTest("there is no redis-server here")
        self.write("redis.conf", "\n".join([
            "bind 127.0.0.1", f"port {self.port}", f"tls-port {self.tls_port}", f"tls-cert-file {self.certificate}",
            f"tls-key-file {self.key}", f"tls-ca-cert-file {self.authority}", "tls-auth-clients no", f"dir {self.folder}",
            "appendonly yes", "appendfsync always", "save \"\"", f"user {USER} on >{PASSWORD} ~* &* +@all",
            f"requirepass {PASSWORD}"]) + "\n")

    def launch(self):
        return self.spawn("redis-server", self.path("redis.conf"))

    def client(self):
        import redis
        return redis.Redis("127.0.0.1", self.port, password=PASSWORD, protocol=2)

    def is_ready(self):
        try:
            return self.client().ping()
        except Exception:  # pylint: disable=broad-except
            return False

    def messages(self, stream, database=0):
        import redis
        return [fields for _, fields in
                redis.Redis("127.0.0.1", self.port, db=database, password=PASSWORD, protocol=2).xrange(stream)]


class Mosquitto(Broker):
    SCHEME = "mqtt"
    PROGRAM = "/usr/sbin/mosquitto"

    def __init__(self, folder):
        super().__init__(folder)
        if not os.path.exists(self.PROGRAM):
            raise unittest.SkipTest("there is no mosquitto here")
        passwords = self.path("passwords")
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, USER, PASSWORD], check=True, capture_output=True)
        self.write("acl", f"user {USER}\ntopic readwrite events/#\n")
        os.chmod(self.path("acl"), 0o600)
        owner = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
        self.write("mosquitto.conf", "\n".join([
            f"user {owner}", "persistence true", f"persistence_location {self.folder}/", "autosave_interval 1",
            f"log_dest file {self.folder}/log",
            f"password_file {passwords}", f"acl_file {self.path('acl')}", "max_queued_messages 0",
            f"listener {self.port} 127.0.0.1", f"listener {self.tls_port} 127.0.0.1", f"certfile {self.certificate}",
            f"keyfile {self.key}"]) + "\n")

    def launch(self):
        return self.spawn(self.PROGRAM, "-c", self.path("mosquitto.conf"))

    def subscriber(self, topic):
        return Subscriber(self, topic)


class Subscriber:
    """A client with a session that lasts: what comes while it is away waits for it."""

    def __init__(self, broker, topic):
        import paho.mqtt.client as mqtt
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties
        self.messages = []
        self.subscribed = False
        lasting = Properties(PacketTypes.CONNECT)
        lasting.SessionExpiryInterval = 3600
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="reader", protocol=mqtt.MQTTv5)
        self.client.username_pw_set(USER, PASSWORD)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda *_: self.client.subscribe(topic, 1)
        self.client.on_subscribe = self.note_subscription
        self.client.on_message = lambda client, data, message: self.messages.append(message)
        self.client.connect("127.0.0.1", broker.port, clean_start=False, properties=lasting)
        self.client.loop_start()
        poll(lambda: self.subscribed, "the subscription")

    def note_subscription(self, *_):
        self.subscribed = True

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Kafka(Broker):
    """One node that is broker and controller. Two listeners for clients: SASL without TLS, and TLS without SASL."""

    SCHEME = "kafka"
    CLASSES = os.path.join(JARS, "*")
    START_SECONDS = 120

    def __init__(self, folder):
        super().__init__(folder)
        if not os.path.isdir(JARS) or not shutil.which("java"):
            raise unittest.SkipTest("Kafka's jars are not here")
        self.controller_port, = ports(1)
        with open(self.path("store.pem"), "w") as store:
            for part in (self.key, self.certificate):
                with open(part) as file:
                    store.write(file.read())
        jaas = ('org.apache.kafka.common.security.{0}.{1}LoginModule required username="' + USER + '" password="' + PASSWORD +
                '"{2};')
        self.write("server.properties", "\n".join([
            "process.roles=broker,controller", "node.id=1", f"controller.quorum.voters=1@127.0.0.1:{self.controller_port}",
            "controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAIN",
            f"listeners=PLAIN://127.0.0.1:{self.port},TLS://127.0.0.1:{self.tls_port},"
            f"CONTROLLER://127.0.0.1:{self.controller_port}",
            f"advertised.listeners=PLAIN://127.0.0.1:{self.port},TLS://127.0.0.1:{self.tls_port}",
            "listener.security.protocol.map=PLAIN:SASL_PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms=PLAIN", "sasl.mechanism.inter.broker.protocol=PLAIN",
            "listener.name.plain.plain.sasl.jaas.config=" + jaas.format("plain", "Plain", f' user_{USER}="{PASSWORD}"'),
            "ssl.keystore.type=PEM", f"ssl.keystore.location={self.path('store.pem')}", f"log.dirs={self.path('data')}",
            "auto.create.topics.enable=false", "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=1",
            "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
            "group.initial.rebalance.delay.ms=0", "num.io.threads=2", "num.network.threads=1",
            "log.cleaner.enable=false"]) + "\n")
        self.write("log4j2.yaml", "Configuration:\n  Appenders:\n    Console:\n      name: out\n      PatternLayout:\n"
                   "        pattern: '%p %m%n'\n  Loggers:\n    Root:\n      level: warn\n      AppenderRef:\n        ref: out\n")
        self.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c",
                  self.path("server.properties"))

    def command(self, name, *arguments):
        return ["java", "-Xmx256m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                f"-Dlog4j2.configurationFile={self.path('log4j2.yaml')}", "-cp", self.CLASSES, name, *arguments]

    def java(self, name, *arguments):
        done = subprocess.run(self.command(name, *arguments), capture_output=True, text=True, cwd=self.folder)
        if done.returncode != 0:
            raise AssertionError(done.stdout[-2000:] + done.stderr[-2000:])
        return done.stdout

    def launch(self):
        return self.spawn(*self.command("kafka.Kafka", self.path("server.properties")))

    def security(self):
        return {"bootstrap_servers": f"127.0.0.1:{self.port}", "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "PLAIN", "sasl_plain_username": USER, "sasl_plain_password": PASSWORD}

    def is_ready(self):
        if not super().is_ready():
            return False
        import kafka
        try:
            kafka.KafkaAdminClient(**self.security()).close()
            return True
        except Exception:  # pylint: disable=broad-except
            return False

    def url(self, rest, tls=False, user=ESCAPED, host="localhost"):
        return super().url(rest, tls, "" if tls else user, host)

    def create_topic(self, name, partitions):
        import kafka
        from kafka.admin import NewTopic
        admin = kafka.KafkaAdminClient(**self.security())
        admin.create_topics([NewTopic(name, partitions, 1)])
        admin.close()

    def messages(self, topic, count, seconds=30):
        """Records of the topic from its beginning, each partition in its order."""
        import kafka
        consumer = kafka.KafkaConsumer(**self.security(), auto_offset_reset="earliest", enable_auto_commit=False)
        consumer.assign([kafka.TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)])
        found = []
        deadline = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=500).values():
                found += records
        consumer.close()
        return found


@contextlib.contextmanager
def cutter():
    """A listener that resets each connection, at once or when something came; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    ended = threading.Event()

    def cut():
        turn = 0
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                peer, _ = listener.accept()
                turn += 1
                if turn % 2:
                    peer.settimeout(5)
                    peer.recv(1)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        thread.join()
        listener.close()


def blackhole():
    """A listener that takes connections and never says a word."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]
