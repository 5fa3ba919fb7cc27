#!/bin/sh
# minio-py 7.2.20 (urllib3 2.8.0): of an object that was stored with Content-Encoding: gzip, get_object and fget_object give the unpacked
# bytes, while boto3, obstore and pyarrow give those that were stored. The file of fget_object has neither the size nor the
# digest that stat_object tells, and get_object of a range fails, since the middle of a packed stream cannot be unpacked.
# A backup or a copy between two services by minio-py changes such objects.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with minio==7.2.20 urllib3==2.8.0 boto3==1.44.8 botocore==1.44.8 obstore==0.12.1 pyarrow==26.0.1

cat >"$work/finding.py" <<'END'
import gzip, os, obstore
from minio import Minio
from obstore.store import S3Store
from pyarrow import fs
from stand_in import boto3_client, objects, url

stored = gzip.compress(bytes(1000))
objects["/bucket/k"] = (stored, {"content-encoding": "gzip", "content-type": "text/plain"})
minio = Minio(url.removeprefix("http://"), access_key="a", secret_key="b", secure=False)
arrow = fs.S3FileSystem(endpoint_override=url, access_key="a", secret_key="b", region="us-east-1")
store = S3Store("bucket", endpoint=url, access_key_id="a", secret_access_key="b", region="us-east-1", client_options={"allow_http": True})

def into_file():
    minio.fget_object("bucket", "k", "file")
    return bytes(os.path.getsize("file"))

for name, read in (("boto3", lambda: boto3_client().get_object(Bucket="bucket", Key="k")["Body"].read()),
                   ("obstore", lambda: obstore.get(store, "k").bytes()),
                   ("pyarrow", lambda: arrow.open_input_file("bucket/k").readall()),
                   ("minio-py get_object", lambda: minio.get_object("bucket", "k").read()),
                   ("minio-py fget_object", into_file),
                   ("minio-py stat_object", lambda: bytes(minio.stat_object("bucket", "k").size)),
                   ("minio-py get_object of bytes 5 to 14", lambda: minio.get_object("bucket", "k", offset=5, length=10).read())):
    try:
        size = len(read())
        print(name + ":", "as stored" if size == len(stored) else "unpacked" if size == 1000 else size)
    except Exception as error:
        print(name + ":", type(error).__name__)
END
still "$(cd "$work" && "$python" finding.py)" "boto3: as stored
obstore: as stored
pyarrow: as stored
minio-py get_object: unpacked
minio-py fget_object: unpacked
minio-py stat_object: as stored
minio-py get_object of bytes 5 to 14: DecodeError"
