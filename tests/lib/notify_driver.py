"""The program tests/clients/notify_send.c: one target of bucket notifications without a gateway around it."""

import json
import os
import subprocess

BUILD = os.environ["TERCET_BUILD"]


class Driver:
    """With `with`: at its end the program must have ended well, and the sanitizers have nothing to say."""

    def __init__(self, url):
        self.process = subprocess.Popen([os.path.join(BUILD, "tests/notify_send"), url], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.answer, self.error = self.process.stdout.readline().rstrip("\n").split(" ", 1)
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        _, errors = self.process.communicate()
        if self.process.returncode != 0 or errors:
            raise AssertionError(f"notify_send ended with {self.process.returncode} and wrote to stderr: {errors[-4000:]}")

    def send(self, count, keys=1, size=200, timeout_ms=20000, first=None):
        """Status, messages delivered, milliseconds, error. The next call goes on behind what was delivered."""
        first = self.sent if first is None else first
        self.process.stdin.write(f"{first} {count} {keys} {size} {timeout_ms}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().rstrip("\n")
        # The name of a status may have spaces: the numbers behind it have none.
        parts = words.split(" ")
        at = next(i for i, part in enumerate(parts) if part.isdigit())
        self.sent = first + int(parts[at])
        return " ".join(parts[:at]), int(parts[at]), int(parts[at + 1]), " ".join(parts[at + 2:])


def number(body):
    return json.loads(body)["Records"][0]["n"]


def without_repetitions(numbers):
    """The order in which each one came first: what at-least-once delivery has to keep."""
    return list(dict.fromkeys(numbers))
