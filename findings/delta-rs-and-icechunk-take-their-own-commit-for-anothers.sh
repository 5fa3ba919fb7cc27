#!/bin/sh
# deltalake 1.6.6 (delta-rs) and icechunk 1.1.21 commit by a conditional PUT. The server carries one out and its answer is lost on the way:
# it says 500, as a proxy would for a connection that broke. Both repeat the request, get 412, and do not look whether the object
# there is the one that they just wrote. delta-rs commits an append a second time, as two versions of the table; it raises
# CommitFailedError for a delete that is done. icechunk raises ConflictError: another has committed, namely itself. So a server
# that answers an error after it has stored the object makes false conflicts; "unknown" has to stay rarer than "refused".
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with deltalake==1.6.6 pyarrow==26.0.1 icechunk==1.1.21 zarr==3.1.6

cat >"$work/finding.py" <<'END'
import icechunk, pyarrow, zarr
from deltalake import DeltaTable, write_deltalake
from stand_in import before, error, objects, url

lost = []  # whose answer is to be lost

def look(request):
    conditional = "If-None-Match" in request.headers or "If-Match" in request.headers
    if not lost or request.command != "PUT" or not conditional or request.refused():
        return False
    lost.clear()
    objects[request.key] = (request.body, {})
    return request.answer(500, error("InternalError"))

def outcome(action):
    try:
        action()
        return "succeeded"
    except Exception as raised:
        return type(raised).__name__

before.append(look)
options = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
           "AWS_ALLOW_HTTP": "true", "conditional_put": "etag"}
rows = pyarrow.table({"x": [1, 2, 3]})
def table():
    return DeltaTable("s3://b/t", storage_options=options)
write_deltalake("s3://b/t", rows, storage_options=options)
for name, action in (("append", lambda: write_deltalake("s3://b/t", rows, mode="append", storage_options=options)),
                     ("delete", lambda: table().delete("x = 1"))):
    version = table().version()
    lost.append(name)
    print(f"delta-rs, {name}: {outcome(action)}, versions made: {table().version() - version},",
          "rows:", table().to_pyarrow_table().num_rows)

repository = icechunk.Repository.create(icechunk.s3_storage(
    bucket="b", prefix="r", endpoint_url=url, access_key_id="a", secret_access_key="b", region="us-east-1", allow_http=True,
    force_path_style=True))
session = repository.writable_session("main")
zarr.group(session.store).attrs["colour"] = "red"
lost.append("commit")
print("icechunk, commit:", outcome(lambda: session.commit("the commit")) + ", history:",
      [snapshot.message for snapshot in repository.ancestry(branch="main")])
END
still "$(cd "$work" && "$python" finding.py)" "delta-rs, append: succeeded, versions made: 2, rows: 6
delta-rs, delete: CommitFailedError, versions made: 1, rows: 4
icechunk, commit: ConflictError, history: ['the commit', 'Repository initialized']"
