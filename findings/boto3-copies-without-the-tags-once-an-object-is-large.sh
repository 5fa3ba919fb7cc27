#!/bin/sh
# boto3 1.44.8 with s3transfer 0.19.3: client.copy() of an object below 8 MiB is one CopyObject, by which S3 takes the tags along. Above, it is a
# multipart copy: s3transfer asks HeadObject for the metadata and gives them to CreateMultipartUpload, but does not ask
# for the tags, although the answer of HeadObject says that there are two (x-amz-tagging-count). So policies and lifecycle
# rules by tag stop to hold for large objects only, and nothing is raised.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with boto3==1.44.8 botocore==1.44.8 s3transfer==0.19.3

cat >"$work/finding.py" <<'END'
from stand_in import before, boto3_client, objects

def look(request):
    if request.command == "PUT" and "x-amz-tagging-directive" not in request.headers and not request.query:
        print("  CopyObject, and by default S3 takes metadata and tags along")
    elif "uploads" in request.query:
        print("  CreateMultipartUpload with", sorted(name for name in map(str.lower, request.headers.keys())
                                                    if name.startswith(("x-amz-meta", "x-amz-tagging", "content-type"))))
    elif "tagging" in request.query:
        print("  GetObjectTagging")

before.append(look)
s3 = boto3_client()
for size in (1 << 20, 9 << 20):
    print(size >> 20, "MiB")
    objects["/b/k"] = (bytes(size), {"x-amz-meta-colour": "red", "content-type": "text/plain", "x-amz-tagging-count": "2"})
    s3.copy({"Bucket": "b", "Key": "k"}, "b", "copy")
END
still "$(cd "$work" && "$python" finding.py)" "1 MiB
  CopyObject, and by default S3 takes metadata and tags along
9 MiB
  CreateMultipartUpload with ['content-type', 'x-amz-meta-colour']"
