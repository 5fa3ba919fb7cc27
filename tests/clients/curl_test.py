"""curl: the documented commands as they stand in the README (only the port differs), then what the API adds."""

import json
import shlex

from harness import ClusterTest, content, main, run, run_json


class DocumentedCommands(ClusterTest):
    def shell(self, command, **options):
        """A documented command line, run in the test's folder."""
        command = command.replace("http://localhost:8080", f"http://localhost:{self.cluster.port}")
        return run(*shlex.split(command), cwd=self.folder, **options)

    def json(self, command):
        return json.loads(self.shell(command).stdout)

    def curl(self, *arguments, tls=False, **options):
        extra = ["--cacert", self.cluster.ca] if tls else []
        return run("curl", "-sS", "--noproxy", "*", *extra, *arguments, **options)

    def rows(self, prefix):
        return [f for f in run_json("curl", "-sS", self.cluster.url + "/files")["files"] if f["filename"].startswith(prefix)]

    def test_documented_commands(self):
        self.file("example.txt", 100_000)
        uploaded = self.json('curl -X POST -F "file=@example.txt" -F "filename=example.txt" http://localhost:8080/upload')
        self.assertEqual(uploaded["version"], 1)
        self.assertEqual(uploaded["filename"], "example.txt")
        self.assertEqual(uploaded["size"], 100_000)
        for field in ("message", "fileID", "serverID"):
            self.assertTrue(uploaded[field])
        self.shell('curl -X GET -o downloaded_file.txt "http://localhost:8080/download?filename=example.txt&version=1"')
        self.assert_same_file(self.path("example.txt"), self.path("downloaded_file.txt"))
        listed = self.json("curl -X GET http://localhost:8080/files")
        row = next(f for f in listed["files"] if f["filename"] == "example.txt")
        self.assertEqual((row["size"], row["version"], row["availability_status"]), (100_000, 1, "Available"))
        self.assertTrue(row["last_modified"])
        self.assertTrue(listed["serverID"])
        deleted = self.json('curl -X DELETE "http://localhost:8080/delete?filename=example.txt"')
        self.assertTrue(deleted["message"])
        self.assertEqual(self.rows("example.txt"), [])

    def test_versions_count_from_one(self):
        for number in (1, 2, 3):
            self.file("counted.bin", 1000 * number, seed=number)
            answer = self.json('curl -F "filename=counted.bin" -F "file=@counted.bin" http://localhost:8080/upload')
            self.assertEqual(answer["version"], number)
        self.assertEqual([(f["version"], f["size"]) for f in self.rows("counted")], [(3, 3000), (2, 2000), (1, 1000)])
        for number, query in ((1, "&version=1"), (2, "&version=2"), (3, ""), (3, "&version=0"), (3, "&version=-1")):
            got = self.curl(f"{self.cluster.url}/download?filename=counted.bin{query}").stdout
            self.assertEqual(got, content(1000 * number, number), query)
        self.json('curl -X DELETE "http://localhost:8080/delete?filename=counted.bin&version=2"')
        self.assertEqual([f["version"] for f in self.rows("counted")], [3, 1])
        self.assertEqual(self.status("/download?filename=counted.bin&version=2"), 404)

    def status(self, target, *arguments):
        return int(self.curl("-o", "/dev/null", "-w", "%{http_code}", *arguments, self.cluster.url + target).stdout)

    def test_deletion_of_no_version_in_particular(self):
        self.curl("-f", "-F", f"file=@{self.file('kept', 5)}", "-F", "filename=kept", self.cluster.url + "/upload")
        for version in ("0", "-1", ""):
            for target in (f"/delete?filename=kept&version={version}", f"/files/kept?version={version}"):
                self.assertEqual(self.status(target, "-X", "DELETE"), 400)
        self.assertEqual(self.status("/files/kept?version=0"), 200)

    def test_errors(self):
        self.assertEqual(self.status("/download?filename=never-stored"), 404)
        self.assertEqual(self.status("/download?filename=never-stored&version=one"), 400)
        self.assertEqual(self.status("/download"), 400)
        self.assertEqual(self.status("/delete?filename=never-stored", "-X", "DELETE"), 200)
        self.assertEqual(self.status("/upload", "-X", "POST"), 400)
        self.assertEqual(self.status("/upload"), 405)
        error = json.loads(self.curl(self.cluster.url + "/download?filename=never-stored").stdout)
        self.assertTrue(error["error"])

    def test_download_headers_and_ranges(self):
        path = self.file("ranged.bin", 300_000)
        self.curl("-F", f"file=@{path}", self.cluster.url + "/upload")
        target = self.cluster.url + "/download?filename=ranged.bin"
        head = self.curl("-I", target).stdout.decode().lower()
        self.assertIn("content-length: 300000", head)
        self.assertIn("etag: ", head)
        self.assertIn("ranged_v1.bin", head)
        whole = content(300_000, "ranged.bin")
        for spec, want in (("0-0", whole[:1]), ("65530-65540", whole[65530:65541]), ("299990-", whole[-10:]), ("-7", whole[-7:])):
            self.assertEqual(self.curl("-f", "-r", spec, target).stdout, want, spec)
        self.assertEqual(self.status("/download?filename=ranged.bin", "-r", "300000-"), 416)
        self.curl("-f", "-C", "100000", "-o", self.path("tail"), target)
        self.assertEqual(self.read("tail"), whole[100_000:])

    def test_file_resource(self):
        path = self.file("resource.txt", 10)
        self.curl("-f", "-F", f"file=@{path}", self.cluster.url + "/upload")
        self.assertEqual(self.status("/files/resource.txt"), 200)
        self.assertEqual(self.status("/files/resource.txt?version=1"), 200)
        self.assertEqual(self.status("/files/resource.txt?version=2"), 404)
        self.assertEqual(self.status("/files/resource.txt", "-X", "DELETE"), 200)
        self.assertEqual(self.status("/files/resource.txt"), 404)

    def test_listing_by_prefix_and_pages(self):
        path = self.file("any", 5)
        names = [f"page/{number:02}" for number in range(7)]
        for name in names:
            self.curl("-f", "-F", f"file=@{path}", "-F", f"filename={name}", self.cluster.url + "/upload")
        seen, after = [], ""
        while True:
            target = f"{self.cluster.url}/files?prefix=page/&limit=3&after={after}"
            files = json.loads(self.curl(target).stdout)["files"]
            self.assertLessEqual(len(files), 3)
            if not files:
                break
            seen += [f["filename"] for f in files]
            after = files[-1]["filename"]
        self.assertEqual(seen, names)

    def test_pages_keep_the_versions_of_a_file_together(self):
        path = self.file("any", 5)
        for name in ("versions/a", "versions/b", "versions/a", "versions/b", "versions/a"):
            self.curl("-f", "-F", f"file=@{path}", "-F", f"filename={name}", self.cluster.url + "/upload")
        rows = [("versions/a", 3), ("versions/a", 2), ("versions/a", 1), ("versions/b", 2), ("versions/b", 1)]
        for limit, pages in ((0, [[]]), (1, [rows[:3], rows[3:], []]), (3, [rows[:3], rows[3:], []]), (4, [rows, []])):
            after = ""
            for page in pages:
                target = f"{self.cluster.url}/files?prefix=versions/&limit={limit}&after={after}"
                files = json.loads(self.curl(target).stdout)["files"]
                self.assertEqual([(row["filename"], row["version"]) for row in files], page)
                after = files[-1]["filename"] if files else ""

    def test_empty_and_large_file_over_both_schemes(self):
        for size in (0, 1, 65536, 20 * 1024 * 1024 + 17):
            for tls in (False, True):
                name = f"size-{size}-{tls}"
                path = self.file(name, size)
                base = self.cluster.tls_url if tls else self.cluster.url
                self.curl("-f", "-F", f"file=@{path}", "-F", f"filename={name}", base + "/upload", tls=tls)
                self.curl("-f", "-o", self.path("back"), f"{base}/download?filename={name}", tls=tls)
                self.assert_same_file(path, self.path("back"))

    def test_names(self):
        path = self.file("any", 5)
        for name in ("mit Umlauten äöü.txt", "日本.txt", "a b+c&d=e%41.txt", "deep/er/file", "...", "a//b"):
            self.curl("-f", "-F", f"file=@{path}", "-F", f"filename={name}", self.cluster.url + "/upload")
            got = self.curl("-f", "-G", "--data-urlencode", f"filename={name}", self.cluster.url + "/download").stdout
            self.assertEqual(got, content(5, "any"), name)
            self.assertEqual(len(self.rows(name)), 1, name)

    def test_signed_path_with_a_plus(self):
        """curl signs the path as it is given; a plus in it is a space, as on AWS."""
        def s3(path, *arguments):
            signing = ["--aws-sigv4", "aws:amz:us-east-1:s3", "-u", f"{self.cluster.access_key}:{self.cluster.secret_key}"]
            return self.curl("-f", *signing, "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *arguments, self.cluster.url + path).stdout

        s3("/signed", "-X", "PUT")
        for path, body in (("/signed/a%2Bb", "plus"), ("/signed/a+b", "space")):
            s3(path, "-T", self.file(body, 5))
        for path, body in (("/signed/a%2Bb", "plus"), ("/signed/a%20b", "space"), ("/signed/a+b", "space")):
            self.assertEqual(s3(path), content(5, body), path)

    def test_health_and_metrics(self):
        health = run_json("curl", "-sS", self.cluster.url + "/health")
        self.assertEqual((health["status"], health["role"]), ("OK", "coordinator"))
        self.assertTrue(health["serverID"])
        system = run_json("curl", "-sS", self.cluster.url + "/system/health")
        self.assertEqual((system["status"], system["healthyNodes"], system["totalNodes"]), ("healthy", 4, 4))
        self.assertEqual({node["circuitState"] for node in system["nodes"]}, {"CLOSED"})
        nodes = run_json("curl", "-sS", self.cluster.url + "/system/nodes")
        self.assertEqual((nodes["healthyCount"], nodes["totalCount"], len(nodes["nodes"])), (4, 4, 4))
        node = run_json("curl", "-sS", self.cluster.node_url(1) + "/health")
        self.assertEqual((node["status"], node["role"]), ("OK", "storage-node"))
        metrics = self.curl("-f", self.cluster.url + "/metrics").stdout.decode()
        for name in ("http_requests_total", "http_request_duration_seconds", "node_availability", "cluster_health_score"):
            self.assertIn(f"# TYPE {name} ", metrics)
        self.assertIn("# TYPE ", self.curl("-f", self.cluster.node_url(1) + "/metrics").stdout.decode())

    def test_signed_by_curl_in_both_styles(self):
        path = self.file("signed", 1000)
        signing = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{self.cluster.access_key}:{self.cluster.secret_key}"]
        signing += ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
        self.curl("-f", *signing, "-X", "PUT", self.cluster.url + "/curl-bucket")
        self.curl("-f", *signing, "-T", path, self.cluster.url + "/curl-bucket/key")
        host = f"curl-bucket.{self.cluster.domain}"
        for scheme, port in (("http", self.cluster.port), ("https", self.cluster.tls_port)):
            resolve = ["--resolve", f"{host}:{port}:127.0.0.1"]
            got = self.curl("-f", *resolve, *signing, f"{scheme}://{host}:{port}/key", tls=True).stdout
            self.assertEqual(got, content(1000, "signed"))

    def test_the_bucket_files_is_the_documented_api(self):
        path = self.file("shared.txt", 77)
        self.curl("-f", "-F", f"file=@{path}", self.cluster.url + "/upload")
        signing = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{self.cluster.access_key}:{self.cluster.secret_key}"]
        got = self.curl("-f", *signing, self.cluster.url + "/files/shared.txt", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
        self.assertEqual(got.stdout, content(77, "shared.txt"))


class Tokens(ClusterTest):
    """Other hosts need a token; here every peer is on loopback, so only the open form can be told apart."""

    cluster_options = {"tls": False, "gateway_options": ("-open-files-api",)}

    def test_open_api_answers(self):
        self.assertEqual(run_json("curl", "-sS", self.cluster.url + "/files")["files"], [])

    def test_who_signs_keeps_other_rights(self):
        def status(method, path, *more):
            return run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, self.cluster.url + path, *more).stdout

        signing = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{self.cluster.access_key}:{self.cluster.secret_key}",
                   "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]  # fmt: skip
        self.assertEqual(status("PUT", "/bounded", *signing), b"200")
        self.assertEqual(status("GET", "/system/quota/bounded", *signing), b"200")
        self.assertEqual(status("GET", "/files", *signing), b"200")
        self.assertEqual(status("GET", "/system/quota/bounded"), b"403")


if __name__ == "__main__":
    main()
