#!/bin/sh
# icechunk 1.1.21: before each commit it asks HeadObject for the snapshot that it has just written and compares Last-Modified with its own
# clock. When they are more than ten minutes apart, it gives up the commit, although conditional writes decide who
# wins and need no clock. A server that lets no Last-Modified go back after its clock was put right is read and written
# by every other client, and takes no commit of this one.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with icechunk==1.1.21 zarr==3.1.6

cat >"$work/finding.py" <<'END'
import time, icechunk, zarr
from stand_in import clock, url

repository = icechunk.Repository.create(icechunk.s3_storage(
    bucket="b", prefix="r", endpoint_url=url, access_key_id="a", secret_access_key="b", region="us-east-1", allow_http=True,
    force_path_style=True))
for minutes in (0, 9, 11, -9, -11):
    clock[0] = lambda: time.time() + 60 * minutes
    session = repository.writable_session("main")
    zarr.group(session.store, overwrite=True).attrs["minutes"] = minutes
    try:
        session.commit("a commit")
        print(minutes, "minutes ahead: committed")
    except icechunk.IcechunkError as error:
        print(minutes, "minutes ahead:", "refused" if "clock has drifted" in str(error) else error)
END
still "$(cd "$work" && "$python" finding.py | grep '^-\{0,1\}[0-9]* minutes')" "0 minutes ahead: committed
9 minutes ahead: committed
11 minutes ahead: refused
-9 minutes ahead: committed
-11 minutes ahead: refused"
