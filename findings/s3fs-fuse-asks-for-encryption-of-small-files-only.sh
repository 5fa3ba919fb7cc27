#!/bin/sh
# s3fs-fuse 1.90 (Debian 12), mounted with use_sse: a file that goes up in one PUT asks for x-amz-server-side-encryption, one that is
# large enough for a multipart upload does not: neither CreateMultipartUpload nor any part has the header. On AWS nobody notices, since
# every bucket encrypts by itself; on a store that encrypts what asks for it the large files are plain. There the default of the bucket
# has to say so. Needs FUSE.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
case $(s3fs --version 2>/dev/null) in *"V1.90"*) ;; *) cannot "needs s3fs 1.90, as Debian 12 has it" ;; esac
[ -w /dev/fuse ] || cannot "needs /dev/fuse"

cat >"$work/finding.py" <<'END_OF_PYTHON'
import os, subprocess, time
from stand_in import before, url

asked = []


def look(request):
    part = "partNumber" in request.query
    if request.command in ("PUT", "POST") and request.key.count("/") == 2 and not part and "uploadId" not in request.query:
        asked.append((request.key, "uploads" in request.query, request.headers.get("x-amz-server-side-encryption")))
    return False


before.append(look)
with open(os.open("passwd", os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
    file.write("a:b\n")
os.mkdir("mounted")
s3fs = subprocess.Popen(["s3fs", "buck", "mounted", "-f", "-o", "passwd_file=passwd", "-o", f"url={url}", "-o", "use_path_request_style",
                         "-o", "use_sse"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(100):
    if os.path.ismount("mounted") or s3fs.poll() is not None:
        break
    time.sleep(0.1)
for name, megabytes in (("small", 1), ("large", 30)):
    with open(f"mounted/{name}", "wb") as file:
        file.write(bytes(megabytes << 20))
subprocess.run(["umount", "mounted"], check=True)
s3fs.wait(20)
for key, multipart, header in asked:
    print(key, "multipart" if multipart else "one PUT", header)
END_OF_PYTHON
still "$(cd "$work" && python3 finding.py)" "/buck/small one PUT AES256
/buck/large multipart None"
