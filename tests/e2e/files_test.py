"""The file API where a file has many versions: listings in pages, version numbers, and how many versions are kept."""

import json

import raw_http
import s3
from cluster import poll
from harness import ClusterTest, main

PAGE = 1000  # rows of metadata that the gateway reads at a time for a listing


class FilesTest(ClusterTest):
    cluster_options = {"tls": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)

    def upload(self, name, body=b"x"):
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        part = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        answer = raw_http.request(self.cluster.port, "POST", "/upload", headers, part + body + b"\r\n--b--\r\n")
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)["version"]

    def listed(self, query):
        """Rows as (filename, version). An answer that does not end is cut by the time limit of the connection."""
        answer = raw_http.request(self.cluster.port, "GET", "/files?" + query)
        return [(row["filename"], row["version"]) for row in json.loads(answer.body)["files"]]

    def mark(self, name, count):
        """Gives the file so many delete markers, which are versions like others but cheap to make."""
        for start in range(0, count, PAGE):
            objects = [{"Key": name}] * min(PAGE, count - start)
            self.assertNotIn("Errors", self.s3.delete_objects(Bucket="files", Delete={"Objects": objects}))


class Listing(FilesTest):
    def test_many_versions_of_one_file(self):
        rows = [("many-a", self.upload("many-a")) for _ in range(2)]
        self.mark("many-a", 2 * PAGE + 100)  # two pages that hold nothing but this file
        rows.append(("many-a", self.upload("many-a")))
        rows += [("many-b", self.upload("many-b")) for _ in range(2)]
        rows.sort(key=lambda row: (row[0], -row[1]))
        self.assertEqual(self.listed("prefix=many-"), rows)
        self.assertEqual(self.listed("prefix=many-&limit=2"), rows[:3])
        self.assertEqual(self.listed("prefix=many-&after=many-a"), rows[3:])
        versions = self.s3.get_paginator("list_object_versions").paginate(Bucket="files", Prefix="many-")
        self.assertEqual(sum(len(page.get("Versions", [])) for page in versions), len(rows))


class Numbers(FilesTest):
    def delete(self, name, version=None):
        target = f"/files/{name}" + (f"?version={version}" if version else "")
        self.assertEqual(raw_http.request(self.cluster.port, "DELETE", target).status, 200)

    def downloaded(self, name, version):
        answer = raw_http.request(self.cluster.port, "GET", f"/download?filename={name}&version={version}")
        return answer.body if answer.status == 200 else answer.status

    def test_a_number_is_given_once(self):
        self.assertEqual([self.upload("n", b"1"), self.upload("n", b"2")], [1, 2])
        self.delete("n", 2)
        self.assertEqual(self.upload("n", b"3"), 3)
        self.assertEqual(self.downloaded("n", 2), 404)
        self.delete("n")
        self.assertEqual(self.upload("n", b"4"), 4)

        # the bucket's other side: a marker, which has a number, and its removal; then every version by its id
        marker = self.s3.delete_object(Bucket="files", Key="n")["VersionId"]
        self.s3.delete_object(Bucket="files", Key="n", VersionId=marker)
        newest = self.s3.put_object(Bucket="files", Key="n", Body=b"6")["VersionId"]
        self.assertEqual(self.downloaded("n", 6), b"6")
        self.s3.delete_object(Bucket="files", Key="n", VersionId=newest)
        oldest = self.s3.list_object_versions(Bucket="files", Prefix="n")["Versions"][0]["VersionId"]
        self.s3.delete_object(Bucket="files", Key="n", VersionId=oldest)
        self.assertNotIn("Versions", self.s3.list_object_versions(Bucket="files", Prefix="n"))

        self.cluster.stop()
        self.cluster.start()
        self.assertEqual(self.upload("n", b"7"), 7)
        for program in self.cluster.programs:
            program.kill()
        self.cluster.start()
        self.delete("n", 7)
        self.assertEqual(self.upload("n", b"8"), 8)
        self.assertEqual([self.downloaded("n", number) for number in (6, 7, 8)], [404, 404, b"8"])
        self.assertEqual(self.upload("new"), 1)


class Bounded(FilesTest):
    def versions(self, name):
        return [version for _, version in self.listed(f"prefix={name}")]

    def test_a_bound_by_number(self):
        for name, count in (("old-a", 12), ("old-b", 2)):
            for number in range(count):
                self.s3.put_object(Bucket="files", Key=name, Body=b"%d" % number)
        gateway = self.cluster.gateway
        gateway.terminate()
        gateway.wait_end()
        gateway.argv += ["-files-versions-max", "3", "-gc-grace", "0s", "-gc-interval", "100ms"]
        self.cluster.start()
        poll(lambda: self.versions("old-") == [12, 11, 10, 2, 1], "the surplus that was there before is removed")
        self.assertEqual([self.upload("new") for _ in range(5)], [1, 2, 3, 4, 5])
        self.assertEqual(self.versions("new"), [5, 4, 3])
        self.s3.delete_object(Bucket="files", Key="new")
        self.assertEqual(self.versions("new"), [5, 4])  # the third is the marker
        self.assertEqual(raw_http.request(self.cluster.port, "GET", "/download?filename=new").status, 404)
        self.assertEqual(raw_http.request(self.cluster.port, "GET", "/download?filename=new&version=4").body, b"x")
        poll(lambda: self.cluster.metric("tercet_gc_backlog") == 0, "what was removed is freed")


if __name__ == "__main__":
    main()
