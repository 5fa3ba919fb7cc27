"""Encryption with keys in Vault. The Vault here is tests/lib/vault_standin.py, a stand-in of the transit engine, of tokens and
of AppRole: over real TLS, with tokens that end, seals and restarts."""

import json
import os
import subprocess
import tempfile
import time

from botocore.exceptions import ClientError

import certificates
import s3
from cluster import poll
from harness import ClusterTest, content, main
from vault_standin import Vault

CACHE_S = 2


def secret_file(path, text):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")


class VaultTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="vault-")
        cls.addClassCleanup(folder.cleanup)
        cls.directory = folder.name
        cls.authority = certificates.Authority(cls.directory)
        cls.vault = Vault(*cls.authority.issue("vault")).start()
        cls.vault.make_key("t-main")
        cls.vault.make_key("t-other")
        cls.vault.make_key("t-signing", "rsa-2048")
        cls.token_file = os.path.join(cls.directory, "token")
        secret_file(cls.token_file, cls.vault.make_token())
        cls.keyring = os.path.join(cls.directory, "keyring")
        program = os.path.join(os.environ["TERCET_BUILD"], "gateway", "tercet-gateway")
        subprocess.run([program, "-keyring", cls.keyring, "-new-key", "old"], check=True, capture_output=True)
        cls.vault_options = ("-vault-url", cls.vault.url, "-vault-ca-file", cls.authority.ca, "-vault-key", "main",
                             "-vault-key-prefix", "t-", "-key-cache", f"{CACHE_S}s")
        cls.cluster_options = {"gateway_options": ("-keyring", cls.keyring, "-loglevel", "info")}
        super().setUpClass()
        cls.plain_argv = list(cls.cluster.gateway.argv)
        cls.s3 = s3.client(cls.cluster, retries={"max_attempts": 0})
        cls.s3.create_bucket(Bucket="sealed")
        cls.s3.put_object(Bucket="sealed", Key="of-the-keyring", Body=b"old", ServerSideEncryption="AES256")
        for key in ("chosen", "to-rename"):
            cls.s3.put_object(Bucket="sealed", Key=key, Body=b"old", ServerSideEncryption="aws:kms", SSEKMSKeyId="old")
        cls.use("-key-provider", "vault", *cls.vault_options, "-vault-token-file", cls.token_file)

    @classmethod
    def use(cls, *options):
        """Starts the gateway anew with these options."""
        gateway = cls.cluster.gateway
        gateway.terminate()
        gateway.wait_end()
        gateway.argv = [*cls.plain_argv, *options]
        gateway.start()
        poll(lambda: cls.cluster.get("/health")[0] == 200, "the gateway answers")
        poll(lambda: cls.cluster.healthy_nodes() == 4, "all nodes are healthy")

    def setUp(self):
        super().setUp()
        self.vault.sealed, self.vault.delay = False, 0
        secret_file(self.token_file, self.vault.make_token())
        self.ready()

    def ready(self):
        poll(lambda: self.cluster.get("/readyz")[0] == 200, "the gateway is ready")

    def away(self, words):
        poll(lambda: words in self.cluster.get("/readyz")[1].decode(), f"/readyz says: {words}")
        self.assertEqual(self.cluster.get("/readyz")[0], 503)
        self.assertEqual(self.cluster.metric("tercet_key_provider_up"), 0)

    def put(self, key, body=b"body", **more):
        more = {"ServerSideEncryption": "aws:kms"} | more
        return self.s3.put_object(Bucket="sealed", Key=key, Body=body, **more)

    def get(self, key):
        return self.s3.get_object(Bucket="sealed", Key=key)["Body"].read()

    def fails(self, status, code, call, *arguments, **more):
        begin = time.monotonic()
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **more)
        self.assertLess(time.monotonic() - begin, 12)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], status, caught.exception)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)

    def expire(self):
        """What is in the cache and not used goes."""
        poll(lambda: self.cluster.metric("tercet_key_cache_keys") > 0, "what is in the cache is counted", 2)
        poll(lambda: self.cluster.metric("tercet_key_cache_keys") == 0, "the cache is empty", CACHE_S + 20)

    # ---- tests ---------------------------------------------------------------------------------------------------

    def test_small_objects_cost_no_call(self):
        self.put("first")
        before, begin = len(self.vault.calls), time.monotonic()
        for number in range(100):
            self.put(f"small-{number}", content(4096, number))
        for number in range(100):
            self.assertEqual(self.get(f"small-{number}"), content(4096, number))
        made, seconds = len(self.vault.calls) - before, time.monotonic() - begin
        self.assertLess(made, 10 + 4 * seconds, "only what keeps the cache fresh, twice in its time")
        self.put("large", content(20_000_000))
        self.assertEqual(self.get("large"), content(20_000_000))

    def state(self):
        return json.loads(self.cluster.get("/system/encryption")[1])

    def test_from_the_keyring_to_vault(self):
        """What no client chose a key for goes to Vault; what one did stays, and can be read and taken along."""
        self.put("by-another", SSEKMSKeyId="other")
        self.expire_now()
        poll(lambda: self.state()["pass"]["lastEnded"], "a pass over all keys", 30)
        state = self.state()
        self.assertEqual(state["current"], "main")
        self.assertEqual([(key["name"], key["versions"]) for key in state["keys"]], [("old", 2)])
        self.assertEqual(state["missing"], [], "Vault has it")
        self.assertEqual(self.get("of-the-keyring"), b"old")
        self.assertEqual(self.get("chosen"), b"old")
        self.fails(400, "KMS.DisabledException", self.put, "none", SSEKMSKeyId="old")
        self.s3.rename_object(Bucket="sealed", Key="renamed", RenameSource="to-rename")
        self.assertEqual(self.get("renamed"), b"old")
        by = {"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/other"}
        self.put("to-change", b"change")
        self.s3.update_object_encryption(Bucket="sealed", Key="to-change", ObjectEncryption={"SSEKMS": by})
        self.assertEqual(self.get("to-change"), b"change")

    def test_sealed_then_hanging(self):
        """The gateway starts all the same, nothing takes longer than a call may, and the rotation to another key waits."""
        self.put("before", b"before")
        self.put("to-another", b"moved", ServerSideEncryption="AES256")
        self.vault.make_key("t-next")
        options = [*self.vault_options]
        options[options.index("-vault-key") + 1] = "next"
        self.addCleanup(self.expire_now)
        self.vault.sealed = True
        self.use("-key-provider", "vault", *options, "-vault-token-file", self.token_file)
        self.fails(503, "ServiceUnavailable", self.get, "before")
        self.away("Vault is sealed")
        poll(lambda: "cannot be sealed anew now" in self.cluster.gateway.log_text(), "the pass does not get on", 20)
        self.vault.sealed, self.vault.delay = False, 30
        self.fails(503, "ServiceUnavailable", self.get, "before")  # fails() bounds the time
        self.assertIsNone(self.state()["pass"]["lastEnded"])
        self.vault.delay = 0
        self.ready()
        self.assertEqual(self.get("before"), b"before")
        poll(lambda: self.state()["pass"]["lastEnded"], "the pass ends", 30)
        state = self.state()
        self.assertGreater(state["pass"]["rewrapped"], 0)
        self.assertEqual((state["pass"]["failed"], state["missing"]), (0, []))
        self.assertEqual(self.get("to-another"), b"moved")

    def test_keys_by_name(self):
        answer = self.put("by-name", SSEKMSKeyId="other")
        self.assertTrue(answer["SSEKMSKeyId"].endswith(":key/other"))
        self.assertEqual(self.get("by-name"), b"body")
        self.fails(400, "KMS.NotFoundException", self.put, "none", SSEKMSKeyId="no-such-key")
        self.fails(400, "KMS.NotFoundException", self.put, "none", SSEKMSKeyId="../../sys/seal")
        self.fails(400, "KMS.NotFoundException", self.put, "none", SSEKMSKeyId="signing")
        self.assertNotIn("t-no-such-key", self.vault.keys)
        self.vault.creates = True  # a policy that lets the token make keys
        self.addCleanup(setattr, self.vault, "creates", False)
        self.fails(400, "KMS.NotFoundException", self.put, "none", SSEKMSKeyId="typing-error")
        self.assertNotIn("t-typing-error", self.vault.keys)
        self.ready()

    def all_fail(self, upload):
        """Whatever needs a key of Vault's."""
        there, away = {"Bucket": "sealed", "Key": "not-now"}, (503, "ServiceUnavailable")
        by = {"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/unseen"}
        self.fails(*away, self.put, "not-now", ServerSideEncryption="AES256")
        self.fails(*away, self.put, "not-now", SSEKMSKeyId="unseen")
        self.fails(*away, self.s3.copy_object, **there, CopySource="sealed/hot")
        self.fails(*away, self.s3.copy_object, **there, CopySource="sealed/chosen", ServerSideEncryption="aws:kms")
        self.fails(*away, self.s3.rename_object, **there, RenameSource="hot")
        self.fails(*away, self.s3.rename_object, **there, RenameSource="chosen")
        self.fails(*away, self.s3.create_multipart_upload, **there, ServerSideEncryption="aws:kms")
        self.fails(*away, self.s3.upload_part, **upload, PartNumber=1, Body=b"part")
        self.fails(*away, self.s3.upload_part_copy, **upload, PartNumber=1, CopySource="sealed/hot")
        self.fails(*away, self.s3.update_object_encryption, Bucket="sealed", Key="hot", ObjectEncryption={"SSEKMS": by})

    def test_away_and_back(self):
        upload = {"Bucket": "sealed", "Key": "parts"}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload, ServerSideEncryption="aws:kms")["UploadId"]
        self.put("kept", b"kept")
        self.expire()
        self.put("hot", b"hot")
        self.vault.stop()
        try:
            self.assertEqual(self.get("hot"), b"hot")
            self.put("still", b"still")
            self.away("is away")
            self.expire()
            self.fails(503, "ServiceUnavailable", self.get, "hot")
            self.fails(503, "ServiceUnavailable", self.put, "not-now")
            self.s3.put_object(Bucket="sealed", Key="plain", Body=b"plain")
            self.assertEqual(self.get("plain"), b"plain")
            self.assertEqual(self.get("chosen"), b"old")
            self.all_fail(upload)
        finally:
            self.vault.start()
        self.ready()
        for key in ("hot", "still", "kept"):
            self.assertEqual(self.get(key), key.encode())

    def test_restart_of_the_gateway(self):
        for number in range(5):
            self.put(f"restart-{number}", content(5000, number))
        self.use("-key-provider", "vault", *self.vault_options, "-vault-token-file", self.token_file)
        for number in range(5):
            self.assertEqual(self.get(f"restart-{number}"), content(5000, number))

    def test_rotation_in_vault(self):
        self.put("version-1", b"one")
        self.vault.rotate("t-main")
        newest = len(self.vault.keys["t-main"]["versions"])

        def is_sealed_anew():
            self.put("version-2", b"two")
            return ("t-main", newest) in self.vault.encrypted

        poll(is_sealed_anew, "new objects are sealed with the new version", 30)
        self.expire()
        self.assertEqual(self.get("version-1"), b"one")
        self.assertEqual(self.get("version-2"), b"two")

    def expire_now(self):
        self.use("-key-provider", "vault", *self.vault_options, "-vault-token-file", self.token_file)

    def test_lost_key(self):
        self.vault.make_key("t-lost")
        self.put("lost", b"lost", SSEKMSKeyId="lost")
        self.expire()
        kept = self.vault.keys.pop("t-lost")
        self.fails(400, "KMS.NotFoundException", self.get, "lost")
        self.vault.keys["t-lost"] = kept
        self.assertEqual(self.get("lost"), b"lost")

    def test_tokens(self):
        """One that ends soon is renewed; one that was revoked is read anew from its file."""
        secret_file(self.token_file, self.vault.make_token(ttl=3))
        self.use("-key-provider", "vault", *self.vault_options, "-vault-token-file", self.token_file)
        time_end = time.monotonic() + 4.5
        while time.monotonic() < time_end:
            self.put("renewed", b"renewed")
            time.sleep(0.5)
        self.assertIn(("POST", "/v1/auth/token/renew-self"), self.vault.calls)
        self.expire()
        self.assertEqual(self.get("renewed"), b"renewed")
        self.vault.revoke()
        self.expire()
        self.fails(503, "ServiceUnavailable", self.get, "renewed")
        self.away("takes no token of ours")
        secret_file(self.token_file, self.vault.make_token())
        self.ready()
        self.assertEqual(self.get("renewed"), b"renewed")

    def test_role(self):
        self.vault.roles["role"] = {"secret_id": "the-secret-id", "ttl": 3, "max_ttl": 5}
        secret = os.path.join(self.directory, "secret-id")
        secret_file(secret, "the-secret-id")
        self.use("-key-provider", "vault", *self.vault_options, "-vault-role-id", "role", "-vault-secret-id-file", secret)
        self.addCleanup(self.expire_now)
        logins = lambda: self.vault.calls.count(("POST", "/v1/auth/approle/login"))
        self.ready()
        before = logins()
        self.put("role", b"role")
        poll(lambda: logins() > before, "a token that cannot live longer is replaced", 20)
        self.put("role", b"role")
        self.expire()
        self.assertEqual(self.get("role"), b"role")
        log = self.cluster.gateway.log_text()
        self.assertNotIn("the-secret-id", log)
        self.assertNotIn("hvs.", log)

    def test_refused_at_the_start(self):
        argv = [*self.plain_argv[:1], "-health=false", "-access-key", "access", "-secret-key", "a-secret-key"]
        for provider, words in (("kmip", "501"), ("aws-kms", "501"), ("vaults", "keyring or vault")):
            done = subprocess.run([*argv, "-key-provider", provider], capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)

    def test_wrong_authority(self):
        stranger = certificates.Authority(self.path("stranger"))
        options = [*self.vault_options]
        options[options.index("-vault-ca-file") + 1] = stranger.ca
        self.use("-key-provider", "vault", *options, "-vault-token-file", self.token_file)
        self.addCleanup(self.expire_now)
        self.away("has a certificate of an unknown authority")
        self.fails(503, "ServiceUnavailable", self.put, "no")


if __name__ == "__main__":
    main()
