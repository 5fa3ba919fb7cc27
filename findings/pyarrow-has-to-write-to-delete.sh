#!/bin/sh
# pyarrow 26.0.1: S3FileSystem.delete_file sends the DELETE and then a PUT of an empty object "dir/", lest the folder seem to vanish with
# its last file; it does not look whether others are left. A principal that may delete but not write gets an error (AccessDenied)
# for a file that is gone. Where the bucket keeps versions, each delete adds a version of "dir/", which a lifecycle rule or
# a listing then meets. move() and delete_dir_contents() do the same.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with pyarrow==26.0.1

cat >"$work/finding.py" <<'END'
from pyarrow import fs
from stand_in import before, error, objects, url

def look(request):
    if request.command != "HEAD":
        print(request.command, request.path, request.headers["Content-Type"], len(request.body))
    return request.command == "PUT" and request.answer(403, error("AccessDenied"))

before.append(look)
s3 = fs.S3FileSystem(endpoint_override=url, access_key="a", secret_key="b", region="us-east-1")
objects.update({"/b/dir/one": (b"1", {}), "/b/dir/two": (b"2", {})})
try:
    s3.delete_file("b/dir/one")
except OSError as error:
    print("ACCESS_DENIED" in str(error), sorted(objects))
END
still "$(cd "$work" && "$python" finding.py)" "DELETE /b/dir/one application/xml 0
PUT /b/dir/ application/x-directory 0
True ['/b/dir/two']"
