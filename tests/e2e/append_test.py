"""The gateway, then everything, killed while logs are appended to: each acknowledged row is there once and in its place, and of
the one that was under way all or nothing."""

import threading

import s3
from harness import ClusterTest, content, main

WRITERS = 3
ROUNDS = 2
ROW = 700


class Append(ClusterTest):
    cluster_options = {"tls": False}

    def append(self, key, offset, row):
        return s3.signed(self.cluster, "PUT", f"/logs/{key}", {"x-amz-write-offset-bytes": str(offset)}, row)

    def write(self, key, rows, stop):
        """Appends rows until it is told to stop, or nobody answers."""
        while not stop.is_set():
            row = content(ROW, f"{key} {len(rows)}")
            try:
                answer = self.append(key, sum(map(len, rows)), row)
            except OSError:
                return
            if answer is None or answer.status != 200:  # the connection was cut
                return
            rows.append(row)

    def settle(self, key, rows):
        """What is there: the rows, and at most the one that nobody got an answer for."""
        body = s3.signed(self.cluster, "GET", f"/logs/{key}").body
        whole = b"".join(rows)
        under_way = content(ROW, f"{key} {len(rows)}")
        self.assertIn(body, (whole, whole + under_way), f"{key}: {len(body)} bytes, {len(whole)} acknowledged")
        if len(body) > len(whole):
            rows.append(under_way)

    def test_killed_while_appending(self):
        self.assertEqual(s3.signed(self.cluster, "PUT", "/logs").status, 200)
        logs = {f"log-{n}": [] for n in range(WRITERS)}
        for turn in range(ROUNDS):
            stop, enough = threading.Event(), threading.Event()
            threads = [threading.Thread(target=self.write, args=(key, rows, stop)) for key, rows in logs.items()]
            before = sum(map(len, logs.values()))
            for thread in threads:
                thread.start()
            while sum(map(len, logs.values())) < before + 40 and any(thread.is_alive() for thread in threads):
                enough.wait(0.02)
            for program in self.cluster.programs if turn else [self.cluster.gateway]:
                program.kill()
            stop.set()
            for thread in threads:
                thread.join()
            self.assertGreaterEqual(sum(map(len, logs.values())), before + 40)
            self.cluster.start()
            for key, rows in logs.items():
                self.settle(key, rows)
                self.assertEqual(self.append(key, sum(map(len, rows)) + 1, b"x").status, 400)
        for key, rows in logs.items():
            rows.append(b"the end")
            self.assertEqual(self.append(key, sum(map(len, rows[:-1])), rows[-1]).status, 200)
            self.settle(key, rows)


if __name__ == "__main__":
    main()
