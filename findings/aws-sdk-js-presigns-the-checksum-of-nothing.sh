#!/bin/sh
# @aws-sdk/client-s3 and s3-request-presigner 3.1169.0: the presigned URL of a PutObjectCommand without a body has
# x-amz-checksum-crc32=AAAAAA==, the checksum of no bytes, signed, whatever will be uploaded by it. A server that
# takes a query parameter as the header of that name and compares refuses every such upload. With requestChecksumCalculation
# WHEN_REQUIRED the URL has none.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
command -v npm >/dev/null 2>&1 || cannot "needs npm"
node_with @aws-sdk/client-s3@3.1169.0 @aws-sdk/s3-request-presigner@3.1169.0

cat >"$work/finding.mjs" <<'END'
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

for (const requestChecksumCalculation of [undefined, "WHEN_REQUIRED"]) {
  const s3 = new S3Client({
    region: "us-east-1", endpoint: "http://127.0.0.1:9", credentials: { accessKeyId: "a", secretAccessKey: "b" },
    ...(requestChecksumCalculation && { requestChecksumCalculation }),
  });
  const url = new URL(await getSignedUrl(s3, new PutObjectCommand({ Bucket: "b", Key: "k" })));
  const found = [...url.searchParams].filter(([name]) => name.includes("checksum")).map((pair) => pair.join("="));
  console.log(requestChecksumCalculation ?? "by default", found.join(" ") || "none");
}
END
still "$(cd "$work" && node finding.mjs)" "by default x-amz-checksum-crc32=AAAAAA== x-amz-sdk-checksum-algorithm=CRC32
WHEN_REQUIRED none"
