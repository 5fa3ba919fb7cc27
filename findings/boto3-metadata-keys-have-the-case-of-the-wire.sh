#!/bin/sh
# boto3 1.44.8 (botocore 1.44.8): the keys of an object's Metadata have the case that the answer's header names have on the
# wire. HTTP says that the case of a header's name means nothing, and proxies and servers written in Go send
# "X-Amz-Meta-Colour": behind such a proxy response["Metadata"]["colour"] is a KeyError, with the same server, object and program.
# ContentType, ETag and the other named fields are found in any case. (The AWS SDK for JavaScript v3 has lower case always.)
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with boto3==1.44.8 botocore==1.44.8

cat >"$work/finding.py" <<'END'
from stand_in import before, boto3_client

def look(request):
    name = {"/b/as-s3-sends-it": "x-amz-meta-colour", "/b/as-go-sends-it": "X-Amz-Meta-Colour"}[request.path]
    return request.answer(200, b"", {name: "red", "content-TYPE": "text/plain"})

before.append(look)
s3 = boto3_client()
for key in ("as-s3-sends-it", "as-go-sends-it"):
    head = s3.head_object(Bucket="b", Key=key)
    print(key, head["ContentType"], head["Metadata"])
END
still "$(cd "$work" && "$python" finding.py)" "as-s3-sends-it text/plain {'colour': 'red'}
as-go-sends-it text/plain {'Colour': 'red'}"
