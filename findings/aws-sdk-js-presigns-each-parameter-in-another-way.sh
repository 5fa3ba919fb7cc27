#!/bin/sh
# @aws-sdk/client-s3 and s3-request-presigner 3.1169.0: of one PutObjectCommand, the presigned URL has metadata, tags and storage class as
# query parameters, so the uploader sends nothing and the server has to read them there. Encryption, If-None-Match and
# Content-Disposition are signed headers, so the uploader has to send them, and the URL does not say with which values. The
# ContentType is nowhere: the uploader may send any. boto3 1.44.8 (signature version 4) makes signed headers of all of them.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
command -v npm >/dev/null 2>&1 || cannot "needs npm"
node_with @aws-sdk/client-s3@3.1169.0 @aws-sdk/s3-request-presigner@3.1169.0
python_with boto3==1.44.8 botocore==1.44.8

cat >"$work/request.json" <<'END'
{"Bucket": "b", "Key": "k", "ContentType": "text/plain", "ContentDisposition": "inline", "IfNoneMatch": "*", "Metadata": {"colour": "red"},
 "Tagging": "team=blue", "StorageClass": "STANDARD_IA", "ServerSideEncryption": "AES256"}
END
cat >"$work/sign.mjs" <<'END'
import { readFileSync } from "node:fs";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const s3 = new S3Client({ region: "us-east-1", endpoint: "http://127.0.0.1:9", credentials: { accessKeyId: "a", secretAccessKey: "b" },
  requestChecksumCalculation: "WHEN_REQUIRED" });
console.log(await getSignedUrl(s3, new PutObjectCommand(JSON.parse(readFileSync("request.json")))));
END
cat >"$work/finding.py" <<'END'
import json, subprocess, urllib.parse
from stand_in import boto3_client

names = {"ContentType": "content-type", "ContentDisposition": "content-disposition", "IfNoneMatch": "if-none-match",
         "Metadata": "x-amz-meta-colour", "Tagging": "x-amz-tagging", "StorageClass": "x-amz-storage-class",
         "ServerSideEncryption": "x-amz-server-side-encryption"}
with open("request.json") as file:
    request = json.load(file)
for sdk, url in (("JavaScript", subprocess.run(["node", "sign.mjs"], stdout=subprocess.PIPE, text=True).stdout.strip()),
                 ("boto3", boto3_client(signature_version="s3v4").generate_presigned_url("put_object", Params=request))):
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    headers = query["X-Amz-SignedHeaders"].split(";")
    print(sdk + ":", *(f"{name}={'query' if header in query else 'header' if header in headers else 'nowhere'}"
                       for name, header in names.items()))
END
still "$(cd "$work" && "$python" finding.py)" "JavaScript: ContentType=nowhere ContentDisposition=header IfNoneMatch=header Metadata=query Tagging=query\
 StorageClass=query ServerSideEncryption=header
boto3: ContentType=header ContentDisposition=header IfNoneMatch=header Metadata=header Tagging=header StorageClass=header\
 ServerSideEncryption=header"
