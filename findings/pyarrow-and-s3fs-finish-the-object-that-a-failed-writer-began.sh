#!/bin/sh
# pyarrow 26.0.1 and s3fs 2026.9.0: a writer fails inside its "with" block, after half of the data. Both close the file as if all had
# been written: the half becomes the object, by a single PUT or by CompleteMultipartUpload, in the place of the whole one that was
# there. That an upload shows up at its end or not at all, as S3 promises, does not help: nobody aborts. smart_open 7.5.0, on
# the same server, aborts the upload, and the old object stays.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with pyarrow==26.0.1 s3fs==2026.9.0 aiobotocore==3.10.0 botocore==1.43.117 boto3==1.43.117 smart-open==7.5.0

cat >"$work/finding.py" <<'END'
import s3fs, smart_open
from pyarrow import fs
from stand_in import boto3_client, objects, parts, url

arrow = fs.S3FileSystem(endpoint_override=url, access_key="a", secret_key="b", region="us-east-1")
fsspec = s3fs.S3FileSystem(key="a", secret="b", endpoint_url=url, client_kwargs={"region_name": "us-east-1"})
parameters = {"client": boto3_client(), "min_part_size": 5 << 20}
for name, size, opened in (
        ("pyarrow", 1000, lambda: arrow.open_output_stream("b/k")),
        ("pyarrow", 12 << 20, lambda: arrow.open_output_stream("b/k")),
        ("s3fs", 1000, lambda: fsspec.open("b/k", "wb")),
        ("s3fs", 12 << 20, lambda: fsspec.open("b/k", "wb", block_size=5 << 20)),
        ("smart_open", 1000, lambda: smart_open.open("s3://b/k", "wb", transport_params=parameters)),
        ("smart_open", 12 << 20, lambda: smart_open.open("s3://b/k", "wb", transport_params=parameters))):
    objects["/b/k"] = (b"the old, whole object", {})
    parts.clear()
    try:
        with opened() as file:
            file.write(bytes(size))
            raise KeyError("the source of the data failed")
    except KeyError:
        pass
    left = len(objects["/b/k"][0])
    print(name, size, "of twice as many:", "they are the object" if left == size else "the old object" if left == 21 else left)
END
still "$(cd "$work" && "$python" finding.py)" "pyarrow 1000 of twice as many: they are the object
pyarrow 12582912 of twice as many: they are the object
s3fs 1000 of twice as many: they are the object
s3fs 12582912 of twice as many: they are the object
smart_open 1000 of twice as many: the old object
smart_open 12582912 of twice as many: the old object"
