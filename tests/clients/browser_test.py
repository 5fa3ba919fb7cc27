"""A real browser (Debian's Chromium) on a page of another origin: what CORS rules of a bucket let it do, and what not."""

import http.server
import json
import os
import signal
import subprocess
import tempfile
import threading
import time

import s3
from browser_modules import Modules
from harness import ClusterTest, main

BROWSER = "chromium-headless-shell"
SECONDS_MAX = 60
PART = 5 << 20

# What the page does: each step's outcome is what a page may know. "blocked" is what a browser says of an answer that it
# keeps from the page.
PAGE = """<!doctype html><meta charset="utf-8"><script type="module">
const steps = STEPS, outcomes = {};
for (const [name, step] of Object.entries(steps)) {
  try {
    const body = step.size ? new Uint8Array(step.size).fill(97) : step.body;
    const answer = await fetch(step.url, {method: step.method, headers: step.headers, body});
    const text = await answer.text();
    outcomes[name] = {status: answer.status, headers: Object.fromEntries(answer.headers), text: text.slice(0, 1000)};
  } catch (error) {
    outcomes[name] = "blocked";
  }
}
await fetch("/outcomes", {method: "POST", body: JSON.stringify(outcomes)});
</script>"""


# The same with the SDK: a multipart upload, as a program in a page does it.
SDK_PAGE = """<!doctype html><meta charset="utf-8"><script type="module">
const place = {Bucket: "pages", Key: "sdk"}, outcomes = {}, options = STEPS;
try {
  const sdk = await import("MODULE");
  const { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, S3Client, UploadPartCommand } = sdk;
  const s3 = new S3Client({...options, maxAttempts: 1}), Parts = [];
  const UploadId = (await s3.send(new CreateMultipartUploadCommand(place))).UploadId;
  for (const PartNumber of [1, 2]) {
    const Body = new Uint8Array(5 << 20).fill(98);
    Parts.push({PartNumber, ...await s3.send(new UploadPartCommand({...place, UploadId, PartNumber, Body}))});
  }
  outcomes.etag = (await s3.send(new CompleteMultipartUploadCommand({...place, UploadId, MultipartUpload: {Parts}}))).ETag;
} catch (error) {
  outcomes.error = String(error.stack);
}
await fetch("/outcomes", {method: "POST", body: JSON.stringify(outcomes)});
</script>"""


class Page(http.server.ThreadingHTTPServer):
    """The site that the page is of, with the modules that it imports; it takes the outcomes."""

    modules = Modules(os.path.join(os.path.dirname(os.path.abspath(__file__)), "node_modules"))

    def __init__(self, text, steps):
        super().__init__(("127.0.0.1", 0), PageHandler)
        self.page = text.replace("STEPS", json.dumps(steps)).encode()
        self.outcomes, self.done = None, threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class PageHandler(http.server.BaseHTTPRequestHandler):
    def answer(self, body=b"", content_type="text/html; charset=utf-8"):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/modules/"):
            self.answer(self.server.modules.source(self.path.removeprefix("/modules/")), "text/javascript; charset=utf-8")
        else:
            self.answer(self.server.page if self.path == "/" else b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()
        self.server.outcomes = json.loads(body)
        self.server.done.set()

    def log_message(self, *arguments):
        pass


def living(group):
    """How many processes the group has that did not end; one that ended may wait for somebody to notice."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                state, _, of_group = file.read().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        count += state not in "ZX" and int(of_group) == group
    return count


class Browser(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)
        cls.s3.create_bucket(Bucket="pages")

    def rules(self, origin, **more):
        rule = {"AllowedOrigins": [origin], "AllowedMethods": ["PUT", "GET", "DELETE"], "AllowedHeaders": ["content-type"],
                "ExposeHeaders": ["ETag"]}  # fmt: skip
        self.s3.put_bucket_cors(Bucket="pages", CORSConfiguration={"CORSRules": [rule | more]})

    def step(self, method, target, wrong=False, **more):
        url = self.cluster.url + s3.presign(self.cluster, method, target)
        return {"method": method, "url": url[:-64] + "0" * 64 if wrong else url, **more}

    def browse(self, page):
        """The outcomes of the page's steps."""
        profiles = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # it may write in its last moment
        with profiles as profile, open(self.path("browser.log"), "wb") as log:
            browser = subprocess.Popen(
                [BROWSER, "--no-sandbox", "--disable-gpu", "--no-proxy-server", f"--user-data-dir={profile}",
                 "--remote-debugging-port=0", f"http://127.0.0.1:{page.server_port}/"], stdout=log, stderr=log,
                start_new_session=True)  # fmt: skip
            try:
                self.assertTrue(page.done.wait(SECONDS_MAX), "the page told nothing")
            finally:
                os.killpg(browser.pid, signal.SIGKILL)  # Debian's command is a script, which the browser outlives
                browser.wait(SECONDS_MAX)
        deadline = time.monotonic() + SECONDS_MAX
        while living(browser.pid):
            self.assertLess(time.monotonic(), deadline, "processes of the browser live on")
            time.sleep(0.01)
        return page.outcomes

    def visit(self, steps, origin=None, text=PAGE, **rule):
        page = Page(text, steps)
        self.addCleanup(page.server_close)
        self.addCleanup(page.shutdown)
        self.rules(origin or f"http://127.0.0.1:{page.server_port}", **rule)
        return self.browse(page)

    def test_a_page_uploads_and_reads_the_etag(self):
        text = {"content-type": "text/x-page"}
        outcomes = self.visit({
            "put": self.step("PUT", "/pages/key", body="from a page", headers=text),
            "get": self.step("GET", "/pages/key"),
            "none": self.step("GET", "/pages/none"),
            "wrong signature": self.step("GET", "/pages/key", wrong=True),
            "header without leave": self.step("PUT", "/pages/key", body="x", headers={"x-amz-meta-a": "b"}),
            "method without leave": self.step("POST", "/pages/key?uploads="),
            "delete": self.step("DELETE", "/pages/key"),
        })  # fmt: skip
        etag = '"1219f418c4a7385836767feed2483369"'
        self.assertEqual((outcomes["put"]["status"], outcomes["put"]["headers"].get("etag")), (200, etag))
        self.assertEqual((outcomes["get"]["status"], outcomes["get"]["text"]), (200, "from a page"))
        self.assertEqual(outcomes["get"]["headers"]["content-type"], "text/x-page")
        self.assertNotIn("x-amz-request-id", outcomes["get"]["headers"])
        self.assertEqual(outcomes["none"]["status"], 404)
        self.assertIn("<Code>NoSuchKey<", outcomes["none"]["text"])
        self.assertEqual(outcomes["wrong signature"]["status"], 403)
        self.assertIn("<Code>SignatureDoesNotMatch<", outcomes["wrong signature"]["text"])
        self.assertEqual(outcomes["header without leave"], "blocked")
        self.assertEqual(outcomes["method without leave"], "blocked")
        self.assertEqual(outcomes["delete"]["status"], 204)

    def test_a_page_of_another_origin_is_kept_out(self):
        self.s3.put_object(Bucket="pages", Key="kept", Body=b"kept")
        steps = {"get": self.step("GET", "/pages/kept"), "put": self.step("PUT", "/pages/kept", body="x")}
        self.assertEqual(self.visit(steps, "https://page.example"), {"get": "blocked", "put": "blocked"})
        self.assertEqual(self.s3.get_object(Bucket="pages", Key="kept")["Body"].read(), b"kept")
        outcomes = self.visit({"get": steps["get"]}, "*", ExposeHeaders=[])
        self.assertEqual(outcomes["get"]["text"], "kept")
        self.assertNotIn("etag", outcomes["get"]["headers"])

    def test_a_page_uploads_in_parts(self):
        upload = self.s3.create_multipart_upload(Bucket="pages", Key="parts")["UploadId"]
        outcomes = self.visit({
            str(part): self.step("PUT", f"/pages/parts?partNumber={part}&uploadId={upload}", size=PART) for part in (1, 2)
        })
        parts = [{"PartNumber": part, "ETag": outcomes[str(part)]["headers"]["etag"]} for part in (1, 2)]
        self.s3.complete_multipart_upload(Bucket="pages", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
        self.assertEqual(self.s3.get_object(Bucket="pages", Key="parts")["Body"].read(), b"a" * (2 * PART))

    def test_the_sdk_in_a_page_uploads_in_parts(self):
        options = {"endpoint": self.cluster.url, "region": "us-east-1", "forcePathStyle": True,
                   "credentials": {"accessKeyId": self.cluster.access_key, "secretAccessKey": self.cluster.secret_key}}  # fmt: skip
        text = SDK_PAGE.replace("MODULE", "/modules/" + Page.modules.find("@aws-sdk/client-s3", ""))
        outcomes = self.visit(options, text=text, AllowedMethods=["POST", "PUT"], AllowedHeaders=["*"])
        self.assertNotIn("error", outcomes)
        stored = self.s3.get_object(Bucket="pages", Key="sdk")
        self.assertEqual((stored["ETag"], stored["Body"].read()), (outcomes["etag"], b"b" * (10 << 20)))


if __name__ == "__main__":
    main()
