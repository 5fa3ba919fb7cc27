#!/bin/sh
# boto3 1.44.8 with s3transfer: upload_file(ExtraArgs={"ChecksumSHA256": ...}) of a file that is large enough for several parts asks
# for x-amz-checksum-type FULL_OBJECT with SHA256 at CreateMultipartUpload. S3 has FULL_OBJECT for CRCs only and answers 400, so
# a program that works with small files fails when one grows beyond the threshold. A whole-object CRC32 works at any size.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with boto3==1.44.8 botocore==1.44.8 s3transfer==0.19.3

cat >"$work/finding.py" <<'END'
import base64, hashlib
from stand_in import before, boto3_client, error

def look(request):
    print("asks for", request.headers["x-amz-checksum-algorithm"], request.headers["x-amz-checksum-type"])
    return request.answer(400, error("InvalidRequest"))

before.append(look)
s3 = boto3_client()
data = bytes(9 << 20)
open("file", "wb").write(data)
try:
    s3.upload_file("file", "b", "k", ExtraArgs={"ChecksumSHA256": base64.b64encode(hashlib.sha256(data).digest()).decode()})
except Exception as error:
    print(type(error).__name__, "InvalidRequest" in str(error))
END
still "$(cd "$work" && "$python" finding.py)" "asks for SHA256 FULL_OBJECT
S3UploadFailedError True"
