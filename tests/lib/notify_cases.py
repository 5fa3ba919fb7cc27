"""What every sender of bucket notifications has to hold, whatever the broker: cases for tests/clients/notify_*_test.py."""

import os
import shutil
import tempfile
import unittest

import brokers
from brokers import PASSWORD
from notify_driver import Driver, without_repetitions


class Target(unittest.TestCase):
    """What is the same for all kinds. REST: the URL behind the authority."""

    BROKER = REST = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tercet-notify-")
        try:
            cls.broker = cls.BROKER(cls.folder)
            cls.broker.start()
            cls.prepare()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        broker = getattr(cls, "broker", None)
        if broker:
            cls.finish()
            broker.stop()
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def finish(cls):
        pass

    def refused(self, url, reason):
        with Driver(url) as driver:
            self.assertEqual(driver.answer, "refused")
            self.assertRegex(driver.error, reason)

    def fails(self, url, status, reason, timeout_ms=10000):
        with Driver(url) as driver:
            self.assertEqual(driver.answer, "ready", driver.error)
            result = driver.send(1, timeout_ms=timeout_ms)
            self.assertEqual(result[:2], (status, 0), result)
            self.assertRegex(result[3], reason)
            self.assertNotIn(PASSWORD, result[3])
            self.assertLess(result[2], timeout_ms + 2000)


class Common:
    """Beside Target in a class with empty(), which forgets what came, and numbers(count), which waits for so many."""

    def end(self):
        self.broker.kill()

    def test_a_batch_arrives_in_its_order(self):
        for tls in (False, True):
            self.empty()
            with Driver(self.broker.url(self.REST, tls=tls)) as driver:
                self.assertEqual(driver.answer, "ready", driver.error)
                for count in (1, 300, 40):
                    result = driver.send(count, keys=7)
                    self.assertEqual(result[:2] + result[3:], ("ok", count, "-"), result)
            self.assertEqual(self.numbers(341), list(range(341)))

    def test_a_large_event(self):
        self.empty()
        with Driver(self.broker.url(self.REST)) as driver:
            result = driver.send(3, size=300000)
            self.assertEqual(result[:2], ("ok", 3), result)
        self.assertEqual(self.numbers(3), [0, 1, 2])

    def test_a_broker_that_restarts(self):
        """The kept connection is found closed and made anew within one call; while the broker is away each call ends."""
        self.empty()
        with Driver(self.broker.url(self.REST)) as driver:
            self.assertEqual(driver.send(20)[:2], ("ok", 20))
            self.end()
            result = driver.send(20, timeout_ms=3000)
            self.assertEqual(result[1], 0, result)
            self.assertRegex(result[3], "refused|closed|reach")
            self.broker.start()
            result = driver.send(20)
            self.assertEqual(result[:2], ("ok", 20), result)
            self.broker.stop()
            self.broker.start()
            result = driver.send(20)
            self.assertEqual(result[:2], ("ok", 20), result)
        self.assertEqual(without_repetitions(self.numbers(60)), list(range(60)))

    def test_a_broker_that_hangs(self):
        self.empty()
        with Driver(self.broker.url(self.REST)) as driver:
            self.assertEqual(driver.send(5)[:2], ("ok", 5))
            self.broker.pause()
            try:
                status, delivered, took, error = driver.send(300, size=20000, timeout_ms=1500)
                self.assertEqual((status, delivered), ("timeout", 0), error)
                self.assertLess(took, 3500)
                status, delivered, took, error = driver.send(1, timeout_ms=1000)
                self.assertEqual((status, delivered), ("timeout", 0), error)
                self.assertLess(took, 3000)
            finally:
                self.broker.resume()
            result = driver.send(300)
            self.assertEqual(result[:2], ("ok", 300), result)
        self.assertEqual(without_repetitions(self.numbers(305)), list(range(305)))

    def test_a_port_that_never_answers(self):
        listener, port = brokers.blackhole()
        with listener:
            for tls in ("", "s"):
                self.fails(f"{self.broker.SCHEME}{tls}://u:{PASSWORD.replace('@', '%40').replace('/', '%2F')}@127.0.0.1:{port}"
                           f"{self.REST}", "timeout", ".", timeout_ms=1000)

    def test_a_port_that_cuts_connections(self):
        with brokers.cutter() as port:
            for tls in ("", "s"):
                with Driver(f"{self.broker.SCHEME}{tls}://127.0.0.1:{port}{self.REST}") as driver:
                    for _ in range(5):
                        status, delivered, took, error = driver.send(3, timeout_ms=2000)
                        self.assertEqual((status in ("closed", "timeout"), delivered), (True, 0), (status, error))
                        self.assertLess(took, 4000)

    def test_nobody_is_there(self):
        port, = brokers.ports(1)
        with Driver(f"{self.broker.SCHEME}://localhost:{port}{self.REST}") as driver:
            for _ in range(3):
                self.assertRegex(driver.send(3, timeout_ms=5000)[3], "refused")
        self.fails(f"{self.broker.SCHEME}://no-such-host.invalid{self.REST}", "unavailable", "name is not known")

    def other_authority(self):
        other = os.path.join(self.folder, "other")
        os.makedirs(other, exist_ok=True)
        return brokers.certificates.make(other)[0]

    def test_certificates(self):
        joined = "&" if "?" in self.REST else "?"
        at = f"{self.broker.SCHEME}s://{brokers.ESCAPED}@{{}}:{self.broker.tls_port}{self.REST}{joined}ca-file={{}}"
        self.fails(at.format("localhost", self.other_authority()), "closed", "TLS failed: .*certificate")
        self.fails(at.format("localhost", "/nowhere"), "invalid", "ca-file")
        # The certificate is for localhost and 127.0.0.1; the resolver reads this name as the latter.
        self.fails(at.format("127.1", self.broker.authority), "closed", "TLS failed: .*(certificate|hostname)")
        with Driver(at.format("127.0.0.1", self.broker.authority)) as driver:
            self.assertEqual(driver.send(1, first=100000)[:2], ("ok", 1))
