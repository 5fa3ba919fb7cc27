#!/bin/sh
# boto3 1.44.8 (botocore 1.44.8): a profile with role_arn and duration_seconds = 900, the least that STS takes and so the choice of whoever
# wants short sessions. botocore renews credentials when less than 15 minutes are left: at once, so that every request to S3
# is preceded by an AssumeRole, and each has another access key. With 3600 seconds five requests take one AssumeRole. A server of
# temporary keys sees twice the requests, and whatever it caches by access key never helps.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with boto3==1.44.8 botocore==1.44.8

cat >"$work/finding.py" <<'END'
import os, time, urllib.parse, boto3
from botocore.config import Config
from stand_in import before, url

os.environ.update(AWS_ENDPOINT_URL=url, AWS_CONFIG_FILE="config", AWS_DEFAULT_REGION="us-east-1")
keys = []  # one for each AssumeRole
used = []  # one for each request to S3

def look(request):
    if b"Action=AssumeRole" not in request.body:
        used.append(request.headers["Authorization"].split("Credential=")[1].split("/")[0])
        return False
    seconds = int(urllib.parse.parse_qs(request.body.decode())["DurationSeconds"][0])
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    keys.append(f"ASIA{len(keys)}")
    return request.answer(200, f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{keys[-1]}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{ends}</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>""")

before.append(look)
for seconds in (900, 3600):
    with open("config", "w") as file:
        file.write(f"""[default]
role_arn = arn:aws:iam::111122223333:role/reader
source_profile = user
duration_seconds = {seconds}
[profile user]
aws_access_key_id = a
aws_secret_access_key = b
""")
    keys.clear()
    used.clear()
    s3 = boto3.session.Session().client("s3", config=Config(proxies={}, s3={"addressing_style": "path"}))
    for _ in range(5):
        s3.head_bucket(Bucket="b")
    print(f"{seconds} seconds: {len(used)} requests, {len(keys)} AssumeRole, {len(set(used))} access keys")
END
still "$(cd "$work" && "$python" finding.py)" "900 seconds: 5 requests, 5 AssumeRole, 5 access keys
3600 seconds: 5 requests, 1 AssumeRole, 1 access keys"
