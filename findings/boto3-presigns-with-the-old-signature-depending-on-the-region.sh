#!/bin/sh
# boto3 1.44.8 (botocore 1.44.8): generate_presigned_url with a custom endpoint and no signature_version makes a signature version 2 URL
# (AWSAccessKeyId, Signature, Expires) when the client's region is one of the old six (us-east-1, us-west-1, us-west-2, eu-west-1,
# ap-northeast-1, sa-east-1 of those asked below), and a version 4 URL in all others. The same client signs its own requests with
# version 4 everywhere. So a server that dropped version 2, since its log shows none, breaks presigned URLs for some users only, and
# a life of more than 7 days is granted in one region and refused in the next.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
python_with boto3==1.44.8 botocore==1.44.8

cat >"$work/finding.py" <<'END'
import boto3
for region in ("us-east-1", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-central-1", "ap-northeast-1", "ap-south-1",
               "sa-east-1", "us-east-2"):
    s3 = boto3.client("s3", endpoint_url="http://s3.example.org", region_name=region, aws_access_key_id="a",
                      aws_secret_access_key="b")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    print(region, "version 4" if "X-Amz-Signature=" in url else "version 2" if "&Signature=" in url else url)
END
still "$(cd "$work" && "$python" finding.py)" "us-east-1 version 2
us-west-1 version 2
us-west-2 version 2
eu-west-1 version 2
eu-west-2 version 4
eu-central-1 version 4
ap-northeast-1 version 2
ap-south-1 version 4
sa-east-1 version 2
us-east-2 version 4"
