#!/bin/sh
# s3fs 2026.9.0: rm(recursive=True) of keys that the server refuses to delete, one by one in an answer 200 to DeleteObjects as S3 does for
# missing rights or object lock, raises nothing and returns an empty list. rm of a single file goes by the same request and is as
# silent. pyarrow's delete_dir raises for the same answer. Whoever checks rights or retention with s3fs has to list again.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with s3fs==2026.9.0 aiobotocore==3.10.0 botocore==1.43.117 pyarrow==26.0.1

cat >"$work/finding.py" <<'END'
import s3fs
from pyarrow import fs
from stand_in import before, objects, url

REFUSED = """<?xml version="1.0" encoding="UTF-8"?>
<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Error><Key>dir/kept</Key><Code>AccessDenied</Code>
<Message>Access Denied</Message></Error></DeleteResult>"""

before.append(lambda request: "delete" in request.query and request.answer(200, REFUSED, {"Content-Type": "application/xml"}))
objects["/b/dir/kept"] = (b"1", {})
fsspec = s3fs.S3FileSystem(key="a", secret="b", endpoint_url=url, client_kwargs={"region_name": "us-east-1"})
arrow = fs.S3FileSystem(endpoint_override=url, access_key="a", secret_key="b", region="us-east-1")
for name, remove in (("s3fs, recursive", lambda: fsspec.rm("b/dir", recursive=True)), ("s3fs, one file", lambda: fsspec.rm("b/dir/kept")),
                     ("pyarrow", lambda: arrow.delete_dir("b/dir"))):
    try:
        print(f"{name}: returns {remove()}", end="")
    except OSError as error:
        print(f"{name}: {type(error).__name__} {'Access Denied' in str(error)}", end="")
    print(", the object is there:", "/b/dir/kept" in objects)
END
still "$(cd "$work" && "$python" finding.py)" "s3fs, recursive: returns [], the object is there: True
s3fs, one file: returns [], the object is there: True
pyarrow: OSError True, the object is there: True"
