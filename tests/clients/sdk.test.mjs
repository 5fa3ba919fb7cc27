// What programs do with the AWS SDK for JavaScript v3, with its default settings. The cluster comes from the
// environment (see js_test.py).
import assert from "node:assert/strict";
import crypto from "node:crypto";
import http from "node:http";
import https from "node:https";
import { Readable } from "node:stream";
import test, { before } from "node:test";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteObjectCommand, DeleteObjectsCommand, GetObjectAttributesCommand,
  GetObjectCommand, GetObjectTorrentCommand, HeadBucketCommand, HeadObjectCommand, ListBucketsCommand, ListObjectsV2Command, NoSuchKey,
  PutObjectCommand, S3Client, paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const { ENDPOINT, BUCKET: Bucket, PATH_STYLE } = process.env;
// Every name means this machine, so that virtual-host style needs no entry in a resolver.
const lookup = (host, options, done) =>
  options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);
const httpAgent = new http.Agent({ keepAlive: true, lookup });
const httpsAgent = new https.Agent({ keepAlive: true, lookup });
const s3 = new S3Client({
  endpoint: ENDPOINT, forcePathStyle: Boolean(PATH_STYLE), requestHandler: { httpAgent, httpsAgent }, maxAttempts: 1,
});

const pattern = crypto.createHash("shake256", { outputLength: 1 << 20 }).update("pattern").digest();
const bytes = (size) => Buffer.alloc(size, pattern);
const digest = (data) => crypto.createHash("sha256").update(data).digest("hex");
// A stream whose length the SDK cannot know, in pieces of odd sizes.
const stream = (data) => Readable.from((function* () {
  for (let at = 0; at < data.length; at += 77777) yield data.subarray(at, at + 77777);
})());
const put = (Key, Body, more = {}) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Key, more = {}) => {
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return { ...answer, data: Buffer.from(await answer.Body.transformToByteArray()) };
};
const fetchUrl = (url, method, body) => new Promise((resolve, reject) => {
  const agent = url.startsWith("https:") ? httpsAgent : httpAgent;
  const request = (url.startsWith("https:") ? https : http).request(url, { method, agent }, (answer) => {
    const parts = [];
    answer.on("data", (part) => parts.push(part));
    answer.on("end", () => resolve({ status: answer.statusCode, data: Buffer.concat(parts) }));
  });
  request.on("error", reject);
  request.end(body);
});

before(() => s3.send(new CreateBucketCommand({ Bucket })));

test("strings, buffers and streams", async () => {
  await put("string", "hello world", { Metadata: { a: "b" }, ContentType: "text/plain" });
  const hello = await get("string");
  assert.equal(hello.data.toString(), "hello world");
  assert.deepEqual(hello.Metadata, { a: "b" });
  assert.equal(hello.ContentType, "text/plain");
  assert.equal(hello.ContentEncoding, undefined);
  const large = bytes(5 << 20);
  await put("buffer", large);
  assert.equal(digest((await get("buffer")).data), digest(large));
  const odd = bytes(1_000_001);
  await put("stream", stream(odd), { ContentLength: odd.length });
  assert.equal(digest((await get("stream")).data), digest(odd));
  await put("empty", "");
  assert.equal((await get("empty")).data.length, 0);
});

for (const algorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
  test(`checksum ${algorithm}`, async () => {
    const known = { CRC32: "DUoRhQ==", CRC32C: "yZRlqg==", CRC64NVME: "jSnVw/bqjr4=" }[algorithm];
    for (const body of ["hello world", stream(Buffer.from("hello world"))]) {
      const length = typeof body === "string" ? {} : { ContentLength: 11 };
      const Key = `sum/${algorithm}`;
      const answer = await put(Key, body, { ChecksumAlgorithm: algorithm, ...length });
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
      assert.ok(answer[`Checksum${algorithm}`]);
      assert.equal(head[`Checksum${algorithm}`], answer[`Checksum${algorithm}`]);
      if (known) assert.equal(head[`Checksum${algorithm}`], known);
      assert.equal((await get(Key)).data.toString(), "hello world");
    }
  });
}

test("a wrong checksum stores nothing", async () => {
  await assert.rejects(put("wrong", "hello world", { ChecksumCRC32: "AAAAAA==" }), { name: "BadDigest" });
  await assert.rejects(s3.send(new HeadObjectCommand({ Bucket, Key: "wrong" })), { name: "NotFound" });
});

test("managed uploads", async () => {
  const large = bytes((20 << 20) + 3);
  for (const Body of [large, stream(large)]) {
    await new Upload({ client: s3, params: { Bucket, Key: "managed", Body } }).done();
    const back = await get("managed");
    assert.equal(digest(back.data), digest(large));
    assert.match(back.ETag, /-5"$/);
  }
});

test("ranges", async () => {
  const body = bytes(100_000);
  await put("ranged", body);
  const part = await get("ranged", { Range: "bytes=65530-65545" });
  assert.deepEqual(part.data, body.subarray(65530, 65546));
  assert.equal(part.ContentRange, "bytes 65530-65545/100000");
});

test("listing and deleting", async () => {
  const names = ["list/a", "list/a/b", "list/a//b", "list/ü", "list/+", "list/ ", "list/&", "list/../x"];
  for (const name of names) await put(name, name);
  const seen = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket, Prefix: "list/" }))
    seen.push(...page.Contents.map((row) => row.Key));
  assert.deepEqual(seen, [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  for (const name of names) assert.equal((await get(name)).data.toString(), name);
  const done = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: names.map((Key) => ({ Key })) } }));
  assert.equal(done.Deleted.length, names.length);
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "list/" }))).KeyCount, 0);
});

test("copies and conditions", async () => {
  await put("source", "copy me", { Metadata: { k: "v" } });
  await s3.send(new CopyObjectCommand({ Bucket, Key: "target", CopySource: `${Bucket}/source` }));
  assert.equal((await get("target")).data.toString(), "copy me");
  await assert.rejects(put("target", "x", { IfNoneMatch: "*" }), { name: "PreconditionFailed" });
  await put("fresh", "x", { IfNoneMatch: "*" });
  const { ETag } = await s3.send(new HeadObjectCommand({ Bucket, Key: "fresh" }));
  await put("fresh", "y", { IfMatch: ETag });
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "fresh" }));
});

test("presigned URLs", async () => {
  const upload = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "presigned" }), { expiresIn: 60 });
  assert.equal((await fetchUrl(upload, "PUT", "by url")).status, 200);
  const download = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "presigned" }), { expiresIn: 60 });
  assert.equal((await fetchUrl(download, "GET")).data.toString(), "by url");
  assert.equal((await fetchUrl(download.replace("presigned?", "other?"), "GET")).status, 403);
  const source = { CopySource: `${Bucket}/presigned`, MetadataDirective: "REPLACE", Metadata: { a: "b" } };
  const copy = await getSignedUrl(s3, new CopyObjectCommand({ Bucket, Key: "by url", ...source }), { expiresIn: 60 });
  assert.equal((await fetchUrl(copy, "PUT")).status, 200);
  const copied = await get("by url");
  assert.equal(copied.data.toString(), "by url");
  assert.deepEqual(copied.Metadata, { a: "b" });
});

test("errors are the SDK's own classes", async () => {
  await assert.rejects(get("never"), NoSuchKey);
  await assert.rejects(s3.send(new HeadBucketCommand({ Bucket: "js-no-such-bucket" })), { name: "NotFound" });
  const { ObjectSize } = await s3.send(new GetObjectAttributesCommand({ Bucket, Key: "string", ObjectAttributes: ["ObjectSize"] }));
  assert.ok(ObjectSize > 0);
  await assert.rejects(s3.send(new GetObjectTorrentCommand({ Bucket, Key: "string" })),
    { name: "NotImplemented" });
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  assert.ok(Buckets.some((row) => row.Name === Bucket));
});
