"""Concurrent clients that write, overwrite, delete, read and list through both APIs, and record all of it.

Keys are few, so that operations meet. Sizes: small chunks, several chunks, multipart. A key's API is its prefix:
"s3/" keys live in a plain bucket; "files/" keys in the documented API's, read through S3 as well.
"""

import hashlib
import json
import random
import threading
import time
import xml.etree.ElementTree
from dataclasses import dataclass

import content
from client import Client, NoAnswer, NotSent
from history import ABSENT, DELETE, FAILED, GET, LIST, MAYBE, OK, PRESENT, PUT

BUCKET = "faults"
KIB = 1024
PART = 5 * KIB * KIB
FORM_BOUNDARY = "harness-form-boundary"


@dataclass
class Mix:
    """How the clients spend their time; weights need not add up to anything."""

    threads: int = 6
    keys: int = 30
    files_keys: int = 8
    small: tuple = (content.SIZE_MIN, 48 * KIB)
    large: tuple = (300 * KIB, 1200 * KIB)
    put: int = 30
    put_large: int = 6
    multipart: float = 0.5
    delete: int = 8
    get: int = 45
    get_range: int = 10
    list: int = 3
    pause: float = 0.01


class Session:
    """The operations, each recorded. One per thread."""

    def __init__(self, cluster, history, rng, timeout=20):
        self.client = Client(cluster, timeout)
        self.history = history
        self.rng = rng

    # ---- names

    @staticmethod
    def path(key):
        return f"/{BUCKET}/{key}" if key.startswith("s3/") else "/" + key

    @staticmethod
    def name(key):
        return key.split("/", 1)[1]

    # ---- writing

    def _finish_write(self, operation, call):
        """Runs call(), which returns an Answer, and records what became of the write. Returns the outcome."""
        status, note = 0, ""
        try:
            answer = call()
            status = answer.status
            operation.retry_after = answer.headers.get("Retry-After", "")
            outcome = OK if status in (200, 204) else MAYBE if status >= 500 else FAILED
            note = "" if outcome == OK else answer.body[:300].decode(errors="replace")
        except NotSent as error:
            outcome, note = FAILED, str(error)
        except NoAnswer as error:
            outcome, status, note = MAYBE, error.status, str(error)
        self.history.end(operation, outcome, status, note=note)
        return outcome

    def _new(self, key, size):
        write_id = self.history.new_write(key, size)
        data = content.make(write_id, key, size)
        self.history.set_etag(write_id, hashlib.md5(data).hexdigest())
        self.history.writes[write_id].digest = hashlib.sha256(data).hexdigest()
        return write_id, data

    def put(self, key, size):
        write_id, data = self._new(key, size)
        operation = self.history.begin(PUT, key, write_id)
        return self._finish_write(operation, lambda: self.client.request("PUT", self.path(key), body=data))

    def upload(self, key, size):
        """POST /upload of the documented API."""
        write_id, data = self._new(key, size)
        form = f"--{FORM_BOUNDARY}\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\n{self.name(key)}\r\n"
        form += f"--{FORM_BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
        body = form.encode() + data + f"\r\n--{FORM_BOUNDARY}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={FORM_BOUNDARY}"}
        operation = self.history.begin(PUT, key, write_id)
        return self._finish_write(
            operation, lambda: self.client.request("POST", "/upload", body=body, headers=headers, signed=False)
        )

    def multipart(self, key, sizes, pause=0.0):
        """Only Complete makes the object: before it, a failure is recorded, and has no effect. pause: seconds after each
        part."""
        write_id, data = self._new(key, sum(sizes))
        path, etags, digest, start = self.path(key), [], hashlib.md5(), 0
        step = self.history.begin(PUT, key, write_id)

        def refused(status, note, headers=None):
            step.retry_after = (headers or {}).get("Retry-After", "")
            self.history.end(step, FAILED, status, note=note)
            return FAILED

        try:
            answer = self.client.request("POST", path, {"uploads": ""})
            if answer.status != 200:
                return refused(answer.status, answer.body[:300].decode(errors="replace"), answer.headers)
            upload = xml.etree.ElementTree.fromstring(answer.body).findtext("{*}UploadId")
            for number, size in enumerate(sizes, 1):
                part = data[start : start + size]
                step = self.history.begin(PUT, key, write_id)
                answer = self.client.request("PUT", path, {"partNumber": number, "uploadId": upload}, part)
                if answer.status != 200:
                    return refused(answer.status, answer.body[:300].decode(errors="replace"), answer.headers)
                digest.update(hashlib.md5(part).digest())
                etags.append(answer.etag)
                start += size
                time.sleep(pause)
        except NotSent as error:
            return refused(0, str(error))
        except NoAnswer as error:
            return refused(error.status, str(error))
        self.history.set_etag(write_id, f"{digest.hexdigest()}-{len(sizes)}")
        self.history.writes[write_id].parts = list(sizes)
        body = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>" for n, e in enumerate(etags, 1))
        body = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()
        operation = self.history.begin(PUT, key, write_id)

        def complete():
            answer = self.client.request("POST", path, {"uploadId": upload}, body)
            if answer.status == 200 and b"<Error>" in answer.body:
                answer.status = 500
            return answer

        return self._finish_write(operation, complete)

    def delete(self, key):
        operation = self.history.begin(DELETE, key, ABSENT)
        if key.startswith("s3/"):
            return self._finish_write(operation, lambda: self.client.request("DELETE", self.path(key)))
        query = {"filename": self.name(key)}
        return self._finish_write(
            operation, lambda: self.client.request("DELETE", "/delete", query, signed=False)
        )

    # ---- reading

    def get(self, key, byte_range=None, through_s3=True, final=False):
        """Reads and judges the bytes, also those of an answer that broke off. Returns the operation."""
        operation = self.history.begin(GET, key, final=final)
        headers = {"Range": f"bytes={byte_range[0]}-{byte_range[1]}"} if byte_range else {}
        try:
            if through_s3:
                answer = self.client.request("GET", self.path(key), headers=headers)
            else:
                query = {"filename": self.name(key)}
                answer = self.client.request("GET", "/download", query, headers=headers, signed=False)
        except NotSent as error:
            self.history.end(operation, FAILED, note=str(error))
            return operation
        except NoAnswer as error:
            problem = ""
            if error.status in (200, 206) and len(error.body) > content.BLOCK:
                offset = byte_range[0] if byte_range else 0
                problem = self.history.judge(key, error.body, offset, False)[1]
            self.history.end(operation, FAILED, error.status, problem=problem, note=str(error))
            return operation
        self._judge(operation, answer, byte_range, through_s3)
        return operation

    def _judge(self, operation, answer, byte_range, through_s3):
        if answer.status == 404:
            return self.history.end(operation, OK, 404, ABSENT)
        if answer.status not in (200, 206):
            note = answer.body[:300].decode(errors="replace")
            return self.history.end(operation, FAILED, answer.status, note=note)
        ranged = answer.status == 206
        offset = int(answer.headers["Content-Range"].split()[1].split("-")[0]) if ranged else 0
        if ranged and offset != byte_range[0]:
            return self.history.end(operation, OK, 206, problem=f"range from {offset} instead of {byte_range[0]}")
        value, problem = self.history.judge(
            operation.key, answer.body, offset, not ranged, answer.etag if through_s3 else ""
        )
        if ranged and not problem:
            last = min(byte_range[1], self.history.writes[value].size - 1)
            if len(answer.body) != last - offset + 1:
                problem = f"{len(answer.body)} bytes of the range {offset}-{last}"
        return self.history.end(operation, OK, answer.status, value, problem)

    def list_objects(self, keys):
        """A whole listing of the bucket: one observation of each of the keys. False when it failed, which is recorded."""
        operation = self.history.begin(LIST, "")
        seen, token, status = {}, None, 0
        try:
            while True:
                query = {"list-type": 2, "max-keys": 17} | ({"continuation-token": token} if token else {})
                answer = self.client.request("GET", f"/{BUCKET}", query)
                status = answer.status
                if status != 200:
                    self.history.end(operation, FAILED, status, note=answer.body[:300].decode(errors="replace"))
                    return False
                page = xml.etree.ElementTree.fromstring(answer.body)
                for entry in page.iterfind("{*}Contents"):
                    seen[entry.findtext("{*}Key")] = entry.findtext("{*}ETag").strip('"')
                token = page.findtext("{*}NextContinuationToken")
                if not token:
                    break
        except (NotSent, NoAnswer) as error:
            self.history.end(operation, FAILED, 0, note=str(error))
            return False
        for key in keys:
            self._observe(operation, key, seen.get(key))
        return True

    def _observe(self, listing, key, etag):
        value = ABSENT if etag is None else self.history.by_etag(key, etag)
        problem = "" if value is not None else f"listed with ETag {etag}, which no write of it has"
        seen = self.history.begin(LIST, key)
        seen.start = listing.start
        self.history.end(seen, OK, 200, value, problem)

    def list_files(self, keys):
        operation = self.history.begin(LIST, "")
        try:
            answer = self.client.request("GET", "/files", signed=False)
            if answer.status != 200:
                self.history.end(operation, FAILED, answer.status, note=answer.body[:300].decode(errors="replace"))
                return False
            names = {row["filename"] for row in json.loads(answer.body)["files"]}
        except (NotSent, NoAnswer, ValueError) as error:
            self.history.end(operation, FAILED, 0, note=str(error))
            return False
        for key in keys:
            seen = self.history.begin(LIST, key)
            seen.start = operation.start
            self.history.end(seen, OK, 200, PRESENT if self.name(key) in names else ABSENT)
        return True


class Load:
    """Threads of sessions that follow the mix until stop()."""

    def __init__(self, cluster, history, seed, mix=None):
        self.cluster, self.history, self.mix = cluster, history, mix or Mix()
        self.seed = seed
        self.s3_keys = [f"s3/key-{n:03}" for n in range(self.mix.keys)]
        self.files_keys = [f"files/file-{n:02}.bin" for n in range(self.mix.files_keys)]
        self.errors = []
        self._stop = threading.Event()
        self._threads = []
        self.clock_offset = 0

    @property
    def keys(self):
        return self.s3_keys + self.files_keys

    def session(self, name, timeout=20):
        return Session(self.cluster, self.history, random.Random(f"{self.seed}-{name}"), timeout)

    def start(self):
        self._stop.clear()
        for number in range(self.mix.threads):
            thread = threading.Thread(target=self._work, args=(number,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads = []
        if self.errors:
            raise self.errors[0]

    def _work(self, number):
        session = self.session(number)
        mix = self.mix
        actions = ("put", "put_large", "multipart", "delete", "get", "get_range", "list")
        weights = [getattr(mix, action) for action in actions]
        try:
            while not self._stop.is_set():
                session.client.clock_offset = self.clock_offset
                begun = time.monotonic()
                self._act(session, session.rng.choices(actions, weights)[0])
                if time.monotonic() - begun < 0.002:  # refused at once: do not spin
                    time.sleep(0.05)
                time.sleep(session.rng.random() * 2 * mix.pause)
        except Exception as error:  # a defect of the harness: the run must fail, not go on with fewer clients
            self.errors.append(error)
        finally:
            session.client.close()

    def _act(self, session, action):
        rng, mix = session.rng, self.mix
        key = rng.choice(self.keys)
        in_files = key.startswith("files/")
        if action in ("put", "put_large"):
            size = rng.randint(*(mix.small if action == "put" else mix.large))
            if in_files and rng.random() < 0.8:
                session.upload(key, size)
            else:
                session.put(key, size)
        elif action == "multipart":
            session.multipart(rng.choice(self.s3_keys), [PART, rng.randint(1, 40) * content.BLOCK])
        elif action == "delete":
            session.delete(key)
        elif action == "get":
            session.get(key, through_s3=not in_files or rng.random() < 0.3)
        elif action == "get_range":
            start = rng.randint(0, 20 * KIB)
            session.get(key, (start, start + rng.randint(2 * content.BLOCK, 600 * KIB)))
        elif rng.random() < 0.7:
            session.list_objects(self.s3_keys)
        else:
            session.list_files(self.files_keys)
