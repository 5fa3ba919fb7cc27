"""The settings of docs/clients.md, as they stand there but for addresses, keys and paths, each used by its client."""

import json
import os
import re
import shutil
import tempfile

import cluster
import s3
from harness import ClusterTest, main, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node_modules")
POSTGRES = "/usr/lib/postgresql/15/bin"


def sections():
    """Heading -> [(language, text)]: the blocks below each heading of the document."""
    with open(os.path.join(ROOT, "docs", "clients.md")) as file:
        parts = re.split(r"^## (.*)$", file.read(), flags=re.MULTILINE)
    found = {}
    for heading, text in zip(parts[1::2], parts[2::2]):
        blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
        if blocks:
            found[heading] = blocks
    return found


class Documents(ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.sections = sections()
        folder = tempfile.TemporaryDirectory(prefix="keyring-")
        cls.addClassCleanup(folder.cleanup)
        keyring = os.path.join(folder.name, "keyring")
        cls.cluster_options = {"gateway_options": ("-website-domain", "web.localhost", "-keyring", keyring)}
        make = cls.sections["Encryption"][0][1].replace("/etc/tercet/keyring", keyring)
        programs = os.path.join(os.environ["TERCET_BUILD"], "gateway")
        run("sh", "-eu", "-c", make, env={"PATH": f"{programs}:{os.environ['PATH']}"})
        super().setUpClass()
        cls.s3 = s3.client(cls.cluster)

    def setUp(self):
        super().setUp()
        for name, size in (("album/one.jpg", 300_000), ("album/deep/two words+.jpg", 7_000_000), ("album/empty", 0)):
            self.file(name, size)

    def blocks(self, heading, *languages):
        """The section's blocks, which must be of these languages, for this cluster."""
        self.assertEqual([language for language, _ in self.sections[heading]], list(languages))
        return [self.adapted(text) for _, text in self.sections[heading]]

    def adapted(self, text):
        for old, new in (("localhost:8080", f"localhost:{self.cluster.port}"), ("ACCESS-KEY", self.cluster.access_key),
                         ("SECRET-KEY", self.cluster.secret_key)):
            text = text.replace(old, new)
        return text

    def write(self, name, text, mode=0o600):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT, mode), "w") as file:
            file.write(text)
        return self.path(name)

    def shell(self, commands, **environment):
        return run("sh", "-eu", "-c", commands, cwd=self.folder, env={"HOME": self.folder} | environment).stdout.decode()

    def keys(self, bucket):
        return {row["Key"]: row["Size"] for row in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])}

    def test_every_section_is_run(self):
        tests = {name.removeprefix("test_client_") for name in dir(self) if name.startswith("test_client_")}
        names = {re.sub(r"\W+", "_", heading.lower()) for heading in self.sections}
        self.assertEqual(names - tests, {"terraform_and_opentofu"})

    def newest_aws_cli(self, config, commands):
        self.write(".aws/config", config)
        os.mkdir(self.path("bin"))
        self.write("bin/aws", f'#!/bin/sh\nexec /usr/bin/python3 {os.environ["TERCET_AWS"]} "$@"\n', 0o700)
        self.with_newest_aws_cli(commands)

    def with_newest_aws_cli(self, commands):
        self.shell(commands, PATH=f"{self.path('bin')}:{os.environ['PATH']}")

    def test_client_aws_cli(self):
        config, commands = self.blocks("aws-cli", "ini", "sh")
        self.newest_aws_cli(config, commands)
        sizes = {"album/one.jpg": 300_000, "album/deep/two words+.jpg": 7_000_000, "album/empty": 0}
        self.assertEqual(self.keys("photos"), sizes)

    def test_client_tags(self):
        config, _ = self.blocks("aws-cli", "ini", "sh")
        (commands,) = self.blocks("Tags", "sh")
        self.s3.create_bucket(Bucket="photos")
        self.newest_aws_cli(config, commands)
        tags = self.s3.get_object_tagging(Bucket="photos", Key="tagged")["TagSet"]
        self.assertEqual(tags, [{"Key": "access", "Value": "public"}])

    def test_client_lifecycle_rules(self):
        config, _ = self.blocks("aws-cli", "ini", "sh")
        (commands,) = self.blocks("Lifecycle rules", "sh")
        self.s3.create_bucket(Bucket="backup")
        self.newest_aws_cli(config, commands)
        self.assertEqual(self.s3.get_bucket_lifecycle_configuration(Bucket="backup")["Rules"][0]["ID"], "old")

    def test_client_pages_in_a_browser(self):
        config, _ = self.blocks("aws-cli", "ini", "sh")
        rules, commands = self.blocks("Pages in a browser", "json", "sh")
        self.write("cors.json", rules)
        self.newest_aws_cli(config, commands)
        self.assertEqual(self.s3.get_bucket_cors(Bucket="uploads")["CORSRules"][0]["ExposeHeaders"], ["ETag"])

    def test_client_websites(self):
        config, _ = self.blocks("aws-cli", "ini", "sh")
        website, policy, commands = self.blocks("Websites", "json", "json", "sh")
        self.write("website.json", website)
        self.write("policy.json", policy)
        self.newest_aws_cli(config, commands)
        page = run("curl", "-sS", "--fail", "-H", "Host: pages.web.localhost", f"{self.cluster.url}/").stdout
        self.assertEqual(page, b"<h1>Hello</h1>")

    def test_older_aws_cli(self):
        """Debian's, by the command in the text."""
        config, _ = self.blocks("aws-cli", "ini", "sh")
        self.write(".aws/config", config)
        with open(os.path.join(ROOT, "docs", "clients.md")) as file:
            (command,) = re.findall(r"`(aws --endpoint-url [^`]*)`", file.read())
        self.s3.create_bucket(Bucket="seen-by-the-old-one")
        self.assertIn("seen-by-the-old-one", self.shell(self.adapted(command).replace("aws ", "/usr/bin/aws ", 1)))

    def test_client_boto3(self):
        (program,) = self.blocks("boto3", "python")
        run("/usr/bin/python3", self.write("program.py", program), env={"HOME": self.folder})
        self.assertEqual(self.keys("boto3")["a/key"], 4)

    def test_client_uploads_by_forms(self):
        """The form is made by boto3 and sent by curl, which has no key."""
        (client,), (form,) = self.blocks("boto3", "python"), self.blocks("Uploads by forms", "python")
        program = self.write("form.py", f"{client}{form}\nimport json\nprint(json.dumps(post))\n")
        post = json.loads(run("/usr/bin/python3", program, env={"HOME": self.folder}).stdout)
        fields = [part for name, value in post["fields"].items() for part in ("--form-string", f"{name}={value}")]
        run("curl", "--fail", "--silent", "--show-error", *fields, "-F", f"file=@{self.path('album/one.jpg')}", post["url"])
        self.assertEqual(self.keys("boto3")["up/one.jpg"], 300_000)

    def test_client_object_lock(self):
        (client,), (program,) = self.blocks("boto3", "python"), self.blocks("Object lock", "python")
        run("/usr/bin/python3", self.write("lock.py", client + program), env={"HOME": self.folder})
        self.assertEqual(self.s3.head_object(Bucket="vault", Key="backup")["ObjectLockMode"], "GOVERNANCE")

    def test_client_encryption(self):
        config, _ = self.blocks("aws-cli", "ini", "sh")
        _, commands, update = self.blocks("Encryption", "sh", "sh", "sh")
        self.newest_aws_cli(config, commands)
        kinds = {key: self.s3.head_object(Bucket="sealed", Key=key)["ServerSideEncryption"] for key in self.keys("sealed")}
        self.assertEqual(kinds, {"one.jpg": "AES256", "kms.jpg": "aws:kms", "default.jpg": "AES256"})
        self.with_newest_aws_cli(update)
        self.assertEqual(self.s3.head_object(Bucket="sealed", Key="one.jpg")["ServerSideEncryption"], "aws:kms")

    def test_client_annotations(self):
        config, _ = self.blocks("aws-cli", "ini", "sh")
        (commands,) = self.blocks("Annotations", "sh")
        self.s3.create_bucket(Bucket="photos")
        self.s3.put_object(Bucket="photos", Key="tagged", Body=b"bytes")
        self.addCleanup(self.s3.delete_object, Bucket="photos", Key="tagged")
        self.newest_aws_cli(config, commands)
        self.assertEqual(json.loads(self.read("out.json")), {"mood": "calm"})

    def test_client_appending(self):
        config, _ = self.blocks("aws-cli", "ini", "sh")
        (commands,) = self.blocks("Appending", "sh")
        self.s3.create_bucket(Bucket="plain")
        self.newest_aws_cli(config, commands)
        self.assertEqual(self.s3.get_object(Bucket="plain", Key="log")["Body"].read(), b"one\ntwo\n")
        self.s3.delete_object(Bucket="plain", Key="log")

    def test_client_renaming(self):
        config, _ = self.blocks("aws-cli", "ini", "sh")
        (commands,) = self.blocks("Renaming", "sh")
        self.s3.create_bucket(Bucket="plain")
        self.s3.put_object(Bucket="plain", Key="old/name", Body=b"bytes")
        self.newest_aws_cli(config, commands)
        self.assertEqual(self.keys("plain"), {"newer/name": 5})
        self.s3.delete_object(Bucket="plain", Key="newer/name")

    def test_client_server_access_logs(self):
        config, _ = self.blocks("aws-cli", "ini", "sh")
        (commands,) = self.blocks("Server access logs", "sh")
        for bucket in ("photos", "logs"):
            self.s3.create_bucket(Bucket=bucket)
        self.newest_aws_cli(config, commands)
        self.assertEqual(self.s3.get_bucket_logging(Bucket="photos")["LoggingEnabled"]["TargetBucket"], "logs")

    def test_client_rclone(self):
        config, commands = self.blocks("rclone", "ini", "sh")
        self.write(".config/rclone/rclone.conf", config)
        self.shell(commands)
        self.assertEqual(len(self.keys("rclone")), 3)

    def test_client_s3cmd(self):
        config, commands = self.blocks("s3cmd", "ini", "sh")
        self.write(".s3cfg", config)
        self.shell(commands)
        self.assertEqual(self.keys("s3cmd"), {"one.jpg": 300_000})

    def test_client_restic(self):
        (commands,) = self.blocks("restic", "sh")
        self.assertIn("no errors were found", self.shell(commands))
        restore = commands.split("\n")[0] + f"\nrestic -r s3:http://localhost:{self.cluster.port}/restic restore latest --target back"
        self.shell(restore)
        self.assert_same_tree(self.path("album"), self.path("back/album"))

    def test_client_javascript(self):
        (program,) = self.blocks("JavaScript", "js")
        os.symlink(MODULES, self.path("node_modules"))
        run("node", self.write("program.mjs", program), env={"HOME": self.folder})
        self.assertEqual(self.keys("javascript"), {"a/key": 4})

    def test_client_s3fs(self):
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            self.skipTest("this machine has no /dev/fuse")
        (commands,) = self.blocks("s3fs", "sh")
        self.s3.create_bucket(Bucket="s3fs")
        os.mkdir(self.path("mnt"))
        self.shell(commands)
        self.addCleanup(run, "umount", "-l", self.path("mnt"), check=False)
        cluster.poll(lambda: os.path.ismount(self.path("mnt")), "s3fs has mounted the bucket", 30)
        shutil.copytree(self.path("album"), self.path("mnt/album"), copy_function=shutil.copyfile)
        self.assert_same_tree(self.path("album"), self.path("mnt/album"))
        run("umount", self.path("mnt"))
        self.assertEqual(self.keys("s3fs")["album/deep/two words+.jpg"], 7_000_000)

    def test_client_pgbackrest(self):
        """A real database, backed up, harmed and restored."""
        (config,) = self.blocks("pgBackRest", "ini")
        self.s3.create_bucket(Bucket="pgbackrest")
        shutil.copy(self.cluster.ca, self.path("ca.pem"))
        for old, new in (("s3.example.org\n", f"localhost\nrepo1-storage-port={self.cluster.tls_port}\n"),
                         ("/etc/ssl/s3.example.org.pem", self.path("ca.pem")), ("/var/lib/postgresql/15/main", self.path("pg"))):
            self.assertIn(old, config)
            config = config.replace(old, new, 1)
        more = f"log-level-console=info\nlog-path={self.folder}\nlock-path={self.folder}\nspool-path={self.folder}\n"
        self.write("pgbackrest.conf", config.replace("[main]", more + f"\n[main]\npg1-socket-path={self.folder}\npg1-port=5432"))
        os.chmod(self.cluster.directory, 0o711)
        run("chown", "-R", "postgres", self.folder)
        backrest = f"pgbackrest --config={self.path('pgbackrest.conf')} --stanza=main"
        server = f"{POSTGRES}/pg_ctl -D pg -w -l server.log"
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "archive_mode": "on", "fsync": "off",
                    "archive_command": f"{backrest} archive-push %p"}
        self.addCleanup(self.postgres, f"{server} -m immediate stop", check=False)
        self.postgres(f"{POSTGRES}/initdb -D pg -A trust >/dev/null")
        with open(self.path("pg/postgresql.conf"), "a") as file:
            file.write("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        self.postgres(f"{server} start")
        self.postgres(f"psql -h {self.folder} -c 'create table t as select n from generate_series(1, 50000) n' postgres")
        self.postgres(f"{backrest} stanza-create && {backrest} --type=full --start-fast backup && {backrest} check")
        self.postgres(f"{server} -m immediate stop && rm -rf pg/base && {backrest} --delta restore && {server} start")
        self.assertIn("1250025000", self.postgres(f"psql -h {self.folder} -Atc 'select sum(n) from t' postgres"))

    def postgres(self, commands, check=True):
        """As the user postgres, since the server refuses root."""
        return run("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "sh", "-eu", "-c", commands, check=check,
                   cwd=self.folder, env={"HOME": self.folder}).stdout.decode()


if __name__ == "__main__":
    main()
