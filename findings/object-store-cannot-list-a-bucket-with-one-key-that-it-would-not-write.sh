#!/bin/sh
# obstore 0.12.1 (Rust's object_store; delta-rs, polars, DataFusion and Lance stand on the same crate): S3 takes any key, but a listing
# that meets one with an empty segment ("a//b"), a segment "." or a control character fails as a whole, and none of the
# good keys is seen: one upload of another program, anywhere below the prefix, stops every reader. The folder marker "dir/" that
# pyarrow and consoles make is listed as "dir"; deleting what was listed reports success and leaves the marker.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with obstore==0.12.1

cat >"$work/finding.py" <<'END'
import obstore
from obstore.store import S3Store
from stand_in import objects, url

store = S3Store("b", endpoint=url, access_key_id="a", secret_access_key="b", region="us-east-1", client_options={"allow_http": True})

def listed():
    return [found["path"] for batch in obstore.list(store) for found in batch]

for key in ("a/b", "a//b", "a/./b", "a\tb"):
    objects.clear()
    objects.update({"/b/good": (b"1", {}), "/b/" + key: (b"2", {})})
    try:
        print(repr(key), listed())
    except Exception as error:
        print(repr(key), type(error).__name__)
objects.clear()
objects["/b/dir/"] = (b"", {})
print("the marker 'dir/'", listed(), obstore.delete(store, listed()), list(objects))
END
still "$(cd "$work" && "$python" finding.py)" "'a/b' ['a/b', 'good']
'a//b' InvalidPathError
'a/./b' InvalidPathError
'a\\tb' InvalidPathError
the marker 'dir/' ['dir'] None ['/b/dir/']"
