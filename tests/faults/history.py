"""The record of what clients did and saw: the checker's only input.

Every operation has the time before it was sent and the time after its answer, and an outcome:
  ok      answered with success (for a read: the key's absence is an answer too)
  maybe   a timeout, a cut connection or a 5xx: it may have happened, may happen later, or never
  failed  certainly without effect: refused with a 4xx, or never sent; for a read: no answer to judge
The value of a write is its id; ABSENT stands for "no such key" and PRESENT for "there, content unknown" (a listing
that does not tell versions apart).
"""

import itertools
import json
import threading
import time
from dataclasses import asdict, dataclass, field

import content

OK, MAYBE, FAILED = "ok", "maybe", "failed"
ABSENT, PRESENT = "absent", "present"
PUT, DELETE, GET, LIST = "put", "delete", "get", "list"


@dataclass
class Operation:
    kind: str
    key: str
    value: object = None  # a write id, ABSENT or PRESENT
    start: float = 0.0
    end: float = 0.0
    outcome: str = FAILED
    status: int = 0
    problem: str = ""  # why the bytes that were read are wrong
    note: str = ""
    retry_after: str = ""  # of the answer to a write
    final: bool = False  # a read after all faults have ended, which must succeed

    @property
    def is_write(self):
        return self.kind in (PUT, DELETE)

    @property
    def is_error(self):
        """Whether the server failed the client: 5xx, no answer, or a cut one."""
        return self.outcome != OK and (self.status >= 500 or self.status == 0 or self.outcome == MAYBE)

    @property
    def seconds(self):
        return self.end - self.start


@dataclass
class Write:
    """What was sent under a write id."""

    key: str
    size: int
    etag: str = ""
    digest: str = ""
    parts: list = field(default_factory=list)  # sizes of a multipart upload's parts


class History:
    def __init__(self):
        self.operations = []
        self.writes = {}
        self._etags = {}  # (key, ETag) -> write id
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def new_write(self, key, size):
        write_id = next(self._ids)
        with self._lock:
            self.writes[write_id] = Write(key, size)
        return write_id

    def begin(self, kind, key, value=None, final=False):
        return Operation(kind, key, value, time.monotonic(), final=final)

    def end(self, operation, outcome, status=0, value=None, problem="", note=""):
        operation.end = time.monotonic()
        operation.outcome, operation.status = outcome, status
        operation.problem, operation.note = problem, note
        if value is not None:
            operation.value = value
        self.add(operation)

    def add(self, *operations):
        with self._lock:
            self.operations.extend(operations)

    def snapshot(self):
        with self._lock:
            return list(self.operations)

    def set_etag(self, write_id, etag):
        """To be called before the write can become visible."""
        with self._lock:
            write = self.writes[write_id]
            write.etag = etag
            self._etags[write.key, etag] = write_id

    def by_etag(self, key, etag):
        """The write of that key that has the ETag, or None."""
        with self._lock:
            return self._etags.get((key, etag))

    def judge(self, key, data, offset=0, whole=True, etag=""):
        """Which write these bytes of the key are, and what is wrong with them: (write id or None, problem or "")."""
        write_id = content.first_write(data, offset)
        if write_id is None and etag:
            write_id = self.by_etag(key, etag)
        write = self.writes.get(write_id)
        if write is None:
            return None, "bytes that nobody wrote"
        if write.key != key:
            return None, f"bytes of {write.key}"
        expected = content.make(write_id, key, write.size)
        expected = expected[offset:] if whole else expected[offset : offset + len(data)]
        if data != expected:
            return write_id, content.explain(data, expected, offset)
        if etag and write.etag != etag:
            return write_id, f"ETag {etag} with the bytes of {write.etag}"
        return write_id, ""

    def save(self, path):
        with open(path, "w") as file:
            for operation in sorted(self.snapshot(), key=lambda operation: operation.start):
                json.dump(asdict(operation), file)
                file.write("\n")
            for write_id, write in self.writes.items():
                json.dump({"write": write_id} | asdict(write), file)
                file.write("\n")
