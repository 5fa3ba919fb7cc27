#!/bin/sh
# curl 7.88.1 (Debian 12) with --aws-sigv4: the query goes into the signature as it was written, while the signature's definition has it sorted and
# gives a parameter without value its "=". So "?list-type=2&prefix=a" is accepted, and "?prefix=a&list-type=2" and "?uploads" are refused
# with SignatureDoesNotMatch, which sends one to look for a wrong key. Sorted and with "=" written out, each works. It also
# sends no x-amz-content-sha256, which S3 demands; given by hand, that header is signed as well.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
case $(curl --version) in
"curl 7.88."*) ;;
*) cannot "needs curl 7.88, as Debian 12 has it" ;;
esac

cat >"$work/finding.py" <<'END'
import hashlib, hmac, re, subprocess
from stand_in import before, url

def keyed(key, *texts):
    for text in texts:
        key = hmac.new(key, text.encode(), "sha256").digest()
    return key

def signature(request, query):
    """Version 4, of the request with this query."""
    head = {name.lower(): value for name, value in request.headers.items()}
    names = re.search(r"SignedHeaders=([^,]*)", head["authorization"])[1]
    canonical = "\n".join([request.command, request.path.split("?")[0], query, "".join(f"{name}:{head[name]}\n" for name in names.split(";")),
                           names, head["x-amz-content-sha256"]])
    date = head["x-amz-date"]
    scope = [date[:8], "us-east-1", "s3", "aws4_request"]
    text = "\n".join(["AWS4-HMAC-SHA256", date, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
    return keyed(b"AWS4b", *scope, text).hex()

def look(request):
    sent = request.headers["Authorization"].split("Signature=")[1]
    written = request.path.split("?")[1]
    defined = "&".join(sorted(part if "=" in part else part + "=" for part in written.split("&")))
    print(request.path, "signed as defined:", sent == signature(request, defined), "as written:", sent == signature(request, written))

before.append(look)
for query in ("list-type=2&prefix=a", "prefix=a&list-type=2", "uploads=", "uploads"):
    subprocess.run(["curl", "--silent", "--output", "out", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "a:b",
                    "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", f"{url}/b?{query}"])
END
still "$(cd "$work" && python3 finding.py)" "/b?list-type=2&prefix=a signed as defined: True as written: True
/b?prefix=a&list-type=2 signed as defined: False as written: True
/b?uploads= signed as defined: True as written: True
/b?uploads signed as defined: False as written: True"
