"""The matrix's rows of S3 and S3 Control. The rights are those of AWS's list of actions, and not taken from the gateway's table:
what the two say differently fails. Operations that are not offered have rows of themselves (rows_not_offered)."""

import base64
import hashlib


from asking import Request
from row import ACCOUNT, HEADER_FORMS, S3_FORMS, Row

ARN = "arn:aws:s3:::"
PLAIN, SETS = ARN + "plain", ARN + "sets"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
TAGS = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"


def with_md5(body):
    return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()} if body else {}


def on_bucket(action, method, selector, right, status=200, body=b"", bucket="sets", headers=None, **more):
    """An operation of a bucket: its right alone."""
    query = {selector: ""} if selector else {}
    return Row("s3", action, lambda w: Request(method, bucket, "", query, {**with_md5(body), **(headers or {})}, body),
               (("s3:" + right, ARN + bucket),), status, **more)


def on_configuration(action, method, selector, right, status, query=None):
    """Of what a bucket may have many of, by name."""
    return Row("s3", action, lambda w: Request(method, "sets", "", {selector: "", **(query or {})}), (("s3:" + right, SETS),), status,
               name="of a name" if query and method == "GET" else "")


def on_object(action, method, right, status=200, selector="", body=b"", headers=None, key="kept", bucket="plain", further=(), make=None,
              version=None, more_query=None, **more):
    """An operation of an object: its right and the further ones on the same object. version: World -> id."""
    resource = f"{ARN}{bucket}/{key}"

    def made(w):
        if make:
            make(w, bucket, key)
        query = {selector: "", **(more_query or {})} if selector else {}
        if version:
            query["versionId"] = version(w, bucket, key)
        return Request(method, bucket, key, query, {**with_md5(body), **(headers or {})}, body)

    rights = tuple((name if ":" in name else "s3:" + name, resource) for name in (right, *further))
    return Row("s3", action, made, rights, status, **more)


def put(w, bucket, key):
    return w.put(bucket, key)


def put_tagged(w, bucket, key):
    return w.put(bucket, key, {"x-amz-tagging": "a=1"})


ANNOTATION = {"annotation": "", "annotationName": "a"}


def put_annotated(w, bucket, key):
    version = w.put(bucket, key)
    w.root_s3("PUT", bucket, key, {**ANNOTATION, "versionId": version}, body=b"text")
    return version


def put_annotated_governed(w, bucket, key):
    version = put_governed(w, bucket, key)
    w.root_s3("PUT", bucket, key, {**ANNOTATION, "versionId": version}, body=b"text")
    return version


def on_annotation(action, method, right, status=200, make=put_annotated, **more):
    """Of an annotation of an object, or of a version; without annotationName when it lists."""
    return on_object(action, method, right, status, selector="annotation",
                     more_query=None if action == "ListObjectAnnotations" else {"annotationName": "a"}, make=make, **more)


def of_upload(action, method, right, status=200, parts=0, query=None, body=b"", further=(), headers=None, key="", **more):
    key = key or "upload-" + action

    def made(w):
        upload = w.upload("plain", key, parts)
        return Request(method, "plain", key, {"uploadId": upload, **(query or {})}, headers or {}, body)

    rights = (("s3:" + right, f"{PLAIN}/{key}"), *further)
    return Row("s3", action, made, rights, status, **more)


def no_bucket(name, headers=None, body=b""):
    def made(w):
        w.root_s3("DELETE", name, status=None)
        return Request("PUT", name, "", {}, headers or {}, body)

    return made


def a_bucket(w, name):
    w.root_s3("PUT", name, status=None)
    return Request("DELETE", name)


def all_refused(answer):
    return answer.status == 200 and b"<Deleted>" not in answer.body and answer.body.count(b"<Code>AccessDenied</Code>") >= 1


def none_refused(answer):
    return b"<Error>" not in answer.body


def no_buckets(answer):
    """Of a user who may not list them: its own alone, of which there are none."""
    return answer.status == 200 and b"<Name>" not in answer.body


def delete_objects(name, rights, versions=False, headers=None, bucket="plain", extra=None):
    keys = [f"batch-{name}-{n}".replace(" ", "-") for n in (1, 2)]

    def made(w):
        ids = [w.put(bucket, key, extra) for key in keys]
        listed = "".join(f"<Object><Key>{key}</Key>" + (f"<VersionId>{version}</VersionId>" if versions else "") + "</Object>"
                         for key, version in zip(keys, ids, strict=True))
        body = f"<Delete>{listed}</Delete>".encode()
        return Request("POST", bucket, "", {"delete": ""}, {**with_md5(body), **(headers or {})}, body)

    return Row("s3", "DeleteObjects", made, tuple(("s3:" + right, f"{ARN}{bucket}/batch-{name.replace(' ', '-')}-*") for right in rights),
               name=name, shows_nothing=all_refused, is_done=none_refused)


def renamed(w):
    w.put("unkept", "renaming")
    return Request("PUT", "unkept", "renamed", {"renameObject": ""}, {"x-amz-rename-source": "renaming"})


def appended(w):
    w.put("unkept", "append")
    return Request("PUT", "unkept", "append", {}, {"x-amz-write-offset-bytes": "4"}, b"more")


def copy(name, source, further, headers=None, key="copy", upload=False):
    """source: World -> (bucket, key, query). further: rights beside PutObject of the target."""
    key = (key + "-" + name).replace(" ", "-")

    def made(w):
        bucket, from_key, query = source(w)
        query = {"partNumber": "1", "uploadId": w.upload("plain", key)} if upload else {}, query
        return Request("PUT", "plain", key, query[0], {"x-amz-copy-source": f"/{bucket}/{from_key}{query[1]}", **(headers or {})})

    rights = (("s3:PutObject", f"{PLAIN}/{key}"), *((right, where.replace("KEY", key)) for right, where in further))
    return Row("s3", "UploadPartCopy" if upload else "CopyObject", made, rights, name=name)


def one_mechanism(answer):
    """A form with a token in its head says twice who asks."""
    return answer.status == 400 and b"Only one auth mechanism allowed" in answer.body


def form(name, rights, fields=None, key=None):
    key = key or "form-" + name.replace(" ", "-")
    return Row("s3", "PostObject", lambda w: Request("POST", "plain", fields={"key": key, **(fields or {})}),
               tuple(("s3:" + right, f"{PLAIN}/{key}") for right in rights), 204, name=name, forms=("upload form", "upload form by host"),
               shows_nothing=one_mechanism)


def source_plain(w):
    w.put("source", "s")
    return "source", "s", ""


def source_tagged(w):
    w.put("source", "tagged", {"x-amz-tagging": "a=1"})
    return "source", "tagged", ""


def source_version(w):
    return "source", "v", "?versionId=" + w.put("source", "v")


def source_version_tagged(w):
    return "source", "vt", "?versionId=" + w.put("source", "vt", {"x-amz-tagging": "a=1"})


def source_annotated(w):
    put_annotated(w, "source", "noted")
    return "source", "noted", ""


def source_version_annotated(w):
    return "source", "notedv", "?versionId=" + put_annotated(w, "source", "notedv")


def put_in(bucket, key):
    return lambda w: w.put(bucket, key)


SOURCE = ARN + "source/"
DENY = b'{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObjectTorrent", "Resource": "arn:aws:s3:::sets/*"}}'
LIFECYCLE = (b"<LifecycleConfiguration><Rule><ID>r</ID><Filter/><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
             b"</LifecycleConfiguration>")
CORS = b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
BLOCK = b"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
ENCRYPTION = (b"<ServerSideEncryptionConfiguration><Rule><BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes>"
              b"</Rule></ServerSideEncryptionConfiguration>")
OWNERSHIP = b"<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"
WEBSITE = b"<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>"
VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
LOCK = b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"
RETENTION = b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate></Retention>"
SHORTER = RETENTION.replace(b"2099", b"2098")
NO_HOLD = b"<LegalHold><Status>OFF</Status></LegalHold>"
NO_ACCELERATION = b"<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>"
NO_ABAC = b"<AbacStatus><Status>Disabled</Status></AbacStatus>"
NO_LOGGING = b'<BucketLoggingStatus xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
NO_NOTIFICATION = b'<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
PAYER = b"<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"
NEW_BUCKET_TAGS = (b"<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>1</Value></Tag></Tags></CreateBucketConfiguration>")
GOVERNED = {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z"}


def etag(headers):
    """Asks for it with the ETag of `kept`, which is never another."""
    return {**headers, "If-Match": '"' + hashlib.md5(b"kept").hexdigest() + '"'}


def put_governed(w, bucket, key):
    return w.put(bucket, key, GOVERNED)


BYPASS = {"x-amz-bypass-governance-retention": "true"}

BUCKET_ROWS = [
    Row("s3", "ListBuckets", lambda w: Request("GET"), (("s3:ListAllMyBuckets", "*"),), forms=HEADER_FORMS, shows_nothing=no_buckets),
    Row("s3", "CreateBucket", no_bucket("new-bucket"), (("s3:CreateBucket", ARN + "new-bucket"),)),
    *(Row("s3", "CreateBucket", no_bucket("new-" + name, headers, body),
          tuple(("s3:" + right, ARN + "new-" + name) for right in ("CreateBucket", *further)), name=name)
      for name, further, headers, body in (
          ("with-acl", ("PutBucketAcl", "PutBucketOwnershipControls"), {"x-amz-acl": "log-delivery-write", "x-amz-object-ownership": "ObjectWriter"}, b""),
          ("with-grant", ("PutBucketAcl", "PutBucketOwnershipControls"),
           {"x-amz-grant-read-acp": f'uri="{LOG_DELIVERY}"', "x-amz-object-ownership": "ObjectWriter"}, b""),
          ("with-ownership", ("PutBucketOwnershipControls",), {"x-amz-object-ownership": "ObjectWriter"}, b""),
          ("with-lock", ("PutBucketObjectLockConfiguration", "PutBucketVersioning"), {"x-amz-bucket-object-lock-enabled": "true"}, b""),
          ("with-tags", ("TagResource",), {}, NEW_BUCKET_TAGS))),
    Row("s3", "DeleteBucket", lambda w: a_bucket(w, "old-bucket"), (("s3:DeleteBucket", ARN + "old-bucket"),), 204),
    on_bucket("HeadBucket", "HEAD", "", "ListBucket"),
    on_bucket("ListObjects", "GET", "", "ListBucket"),
    Row("s3", "ListObjects", lambda w: Request("GET", "plain", "", {"list-type": "2", "prefix": "k"}), (("s3:ListBucket", PLAIN),), name="of version 2"),
    on_bucket("ListObjectVersions", "GET", "versions", "ListBucketVersions"),
    on_bucket("ListMultipartUploads", "GET", "uploads", "ListBucketMultipartUploads"),
    on_bucket("GetBucketAccelerate", "GET", "accelerate", "GetAccelerateConfiguration"),
    on_bucket("PutBucketAccelerate", "PUT", "accelerate", "PutAccelerateConfiguration", body=NO_ACCELERATION),
    on_bucket("GetBucketAbac", "GET", "abac", "GetBucketAbac"),
    on_bucket("PutBucketAbac", "PUT", "abac", "PutBucketAbac", body=NO_ABAC),
    on_configuration("GetBucketAnalyticsConfiguration", "GET", "analytics", "GetAnalyticsConfiguration", 200),
    on_configuration("GetBucketAnalyticsConfiguration", "GET", "analytics", "GetAnalyticsConfiguration", 404, {"id": "one"}),
    on_configuration("DeleteBucketAnalyticsConfiguration", "DELETE", "analytics", "PutAnalyticsConfiguration", 204, {"id": "one"}),
    on_configuration("GetBucketIntelligentTieringConfiguration", "GET", "intelligent-tiering", "GetIntelligentTieringConfiguration", 200),
    on_configuration("GetBucketIntelligentTieringConfiguration", "GET", "intelligent-tiering", "GetIntelligentTieringConfiguration", 404, {"id": "one"}),
    on_configuration("DeleteBucketIntelligentTieringConfiguration", "DELETE", "intelligent-tiering", "PutIntelligentTieringConfiguration", 204, {"id": "one"}),
    on_configuration("GetBucketInventoryConfiguration", "GET", "inventory", "GetInventoryConfiguration", 200),
    on_configuration("GetBucketInventoryConfiguration", "GET", "inventory", "GetInventoryConfiguration", 404, {"id": "one"}),
    on_configuration("DeleteBucketInventoryConfiguration", "DELETE", "inventory", "PutInventoryConfiguration", 204, {"id": "one"}),
    on_configuration("GetBucketMetricsConfiguration", "GET", "metrics", "GetMetricsConfiguration", 200),
    on_configuration("GetBucketMetricsConfiguration", "GET", "metrics", "GetMetricsConfiguration", 404, {"id": "one"}),
    on_configuration("DeleteBucketMetricsConfiguration", "DELETE", "metrics", "PutMetricsConfiguration", 204, {"id": "one"}),
    on_bucket("GetBucketMetadataConfiguration", "GET", "metadataConfiguration", "GetBucketMetadataTableConfiguration", 404),
    on_bucket("DeleteBucketMetadataConfiguration", "DELETE", "metadataConfiguration", "DeleteBucketMetadataTableConfiguration", 204),
    on_bucket("GetBucketMetadataTableConfiguration", "GET", "metadataTable", "GetBucketMetadataTableConfiguration", 404),
    on_bucket("DeleteBucketMetadataTableConfiguration", "DELETE", "metadataTable", "DeleteBucketMetadataTableConfiguration", 204),
    on_bucket("GetBucketAcl", "GET", "acl", "GetBucketAcl"),
    on_bucket("PutBucketAcl", "PUT", "acl", "PutBucketAcl", bucket="acls", headers={"x-amz-acl": "private"}),
    on_bucket("GetBucketCors", "GET", "cors", "GetBucketCORS", 404),
    on_bucket("PutBucketCors", "PUT", "cors", "PutBucketCORS", body=CORS),
    on_bucket("DeleteBucketCors", "DELETE", "cors", "PutBucketCORS", 204),
    on_bucket("GetBucketEncryption", "GET", "encryption", "GetEncryptionConfiguration", 404),
    on_bucket("PutBucketEncryption", "PUT", "encryption", "PutEncryptionConfiguration", body=ENCRYPTION),
    on_bucket("DeleteBucketEncryption", "DELETE", "encryption", "PutEncryptionConfiguration", 204),
    on_bucket("GetBucketLifecycle", "GET", "lifecycle", "GetLifecycleConfiguration", 404),
    on_bucket("PutBucketLifecycle", "PUT", "lifecycle", "PutLifecycleConfiguration", body=LIFECYCLE),
    on_bucket("DeleteBucketLifecycle", "DELETE", "lifecycle", "PutLifecycleConfiguration", 204),
    on_bucket("GetBucketLocation", "GET", "location", "GetBucketLocation"),
    on_bucket("GetBucketLogging", "GET", "logging", "GetBucketLogging"),
    on_bucket("PutBucketLogging", "PUT", "logging", "PutBucketLogging", body=NO_LOGGING),
    on_bucket("GetBucketNotification", "GET", "notification", "GetBucketNotification"),
    on_bucket("PutBucketNotification", "PUT", "notification", "PutBucketNotification", body=NO_NOTIFICATION),
    on_bucket("GetObjectLockConfiguration", "GET", "object-lock", "GetBucketObjectLockConfiguration", bucket="locked"),
    on_bucket("PutObjectLockConfiguration", "PUT", "object-lock", "PutBucketObjectLockConfiguration", body=LOCK, bucket="locked"),
    on_bucket("GetBucketOwnershipControls", "GET", "ownershipControls", "GetBucketOwnershipControls", bucket="plain"),
    on_bucket("PutBucketOwnershipControls", "PUT", "ownershipControls", "PutBucketOwnershipControls", body=OWNERSHIP),
    on_bucket("DeleteBucketOwnershipControls", "DELETE", "ownershipControls", "PutBucketOwnershipControls", 204),
    on_bucket("GetBucketPolicy", "GET", "policy", "GetBucketPolicy", 404),
    on_bucket("PutBucketPolicy", "PUT", "policy", "PutBucketPolicy", 204, body=DENY),
    on_bucket("GetBucketPolicyStatus", "GET", "policyStatus", "GetBucketPolicyStatus"),
    on_bucket("DeleteBucketPolicy", "DELETE", "policy", "DeleteBucketPolicy", 204),
    on_bucket("GetPublicAccessBlock", "GET", "publicAccessBlock", "GetBucketPublicAccessBlock"),
    on_bucket("PutPublicAccessBlock", "PUT", "publicAccessBlock", "PutBucketPublicAccessBlock", body=BLOCK),
    on_bucket("DeletePublicAccessBlock", "DELETE", "publicAccessBlock", "PutBucketPublicAccessBlock", 204),
    on_bucket("GetBucketReplication", "GET", "replication", "GetReplicationConfiguration", 404),
    on_bucket("DeleteBucketReplication", "DELETE", "replication", "PutReplicationConfiguration", 204),
    on_bucket("GetBucketRequestPayment", "GET", "requestPayment", "GetBucketRequestPayment"),
    on_bucket("PutBucketRequestPayment", "PUT", "requestPayment", "PutBucketRequestPayment", body=PAYER),
    on_bucket("GetBucketTagging", "GET", "tagging", "GetBucketTagging", 404),
    on_bucket("PutBucketTagging", "PUT", "tagging", "PutBucketTagging", 204, body=TAGS),
    on_bucket("DeleteBucketTagging", "DELETE", "tagging", "PutBucketTagging", 204),
    on_bucket("GetBucketVersioning", "GET", "versioning", "GetBucketVersioning"),
    on_bucket("PutBucketVersioning", "PUT", "versioning", "PutBucketVersioning", body=VERSIONING),
    on_bucket("GetBucketWebsite", "GET", "website", "GetBucketWebsite", 404),
    on_bucket("PutBucketWebsite", "PUT", "website", "PutBucketWebsite", body=WEBSITE),
    on_bucket("DeleteBucketWebsite", "DELETE", "website", "DeleteBucketWebsite", 204),
    delete_objects("keys", ("DeleteObject",)),
    delete_objects("versions", ("DeleteObjectVersion",), versions=True),
    delete_objects("governed", ("DeleteObjectVersion", "BypassGovernanceRetention"), True, BYPASS, "locked", GOVERNED),
]

OBJECT_ROWS = [
    on_object("GetObject", "GET", "GetObject"),
    on_object("GetObject", "GET", "GetObjectVersion", version=put, key="get-version", name="version"),
    Row("s3", "GetObject", lambda w: Request("GET", "plain", "missing"), (("s3:GetObject", PLAIN + "/missing"), ("s3:ListBucket", PLAIN)), 404,
        name="that is not there"),
    on_object("HeadObject", "HEAD", "GetObject"),
    on_object("HeadObject", "HEAD", "GetObjectVersion", version=put, key="head-version", name="version"),
    on_object("GetObjectAttributes", "GET", "GetObjectAttributes", selector="attributes", headers={"x-amz-object-attributes": "ETag"}, further=("GetObject",)),
    on_object("GetObjectAttributes", "GET", "GetObjectVersionAttributes", selector="attributes", headers={"x-amz-object-attributes": "ETag"},
              further=("GetObjectVersion",), version=put, key="attributes-version", name="version"),
    on_object("PutObject", "PUT", "PutObject", body=b"new", key="put"),
    on_object("PutObject", "PUT", "PutObject", body=b"new", key="put-tagged", headers={"x-amz-tagging": "a=1"}, further=("PutObjectTagging",), name="tagged"),
    on_object("PutObject", "PUT", "PutObject", body=b"new", key="put-acl", bucket="acls", headers={"x-amz-acl": "private"}, further=("PutObjectAcl",),
              name="with an ACL"),
    on_object("PutObject", "PUT", "PutObject", body=b"new", key="put-grant", bucket="acls", headers={"x-amz-grant-read": f'uri="{ALL_USERS}"'},
              further=("PutObjectAcl",), name="with a grant"),
    on_object("PutObject", "PUT", "PutObject", body=b"new", key="put-retained", bucket="locked", headers=GOVERNED, further=("PutObjectRetention",),
              name="retained"),
    on_object("PutObject", "PUT", "PutObject", body=b"new", key="put-held", bucket="locked", headers={"x-amz-object-lock-legal-hold": "OFF"},
              further=("PutObjectLegalHold",), name="held"),
    on_object("PutObject", "PUT", "PutObject", body=b"kept", key="put-match", headers=etag({}), make=put, further=("GetObject",), name="if it matches"),
    Row("s3", "PutObject", appended, (("s3:PutObject", ARN + "unkept/append"),), name="behind the bytes of an object"),
    form("alone", ("PutObject",)),
    form("tagged", ("PutObject", "PutObjectTagging"), {"tagging": TAGS.decode()}),
    copy("plain", source_plain, (("s3:GetObject", SOURCE + "s"),)),
    copy("of tagged", source_tagged, (("s3:GetObject", SOURCE + "tagged"), ("s3:GetObjectTagging", SOURCE + "tagged"), ("s3:PutObjectTagging", PLAIN + "/KEY"))),
    copy("of version", source_version, (("s3:GetObjectVersion", SOURCE + "v"),)),
    copy("of tagged version", source_version_tagged, (("s3:GetObjectVersion", SOURCE + "vt"), ("s3:GetObjectVersionTagging", SOURCE + "vt"),
                                                      ("s3:PutObjectTagging", PLAIN + "/KEY"))),
    copy("with new tags", source_tagged, (("s3:GetObject", SOURCE + "tagged"), ("s3:PutObjectTagging", PLAIN + "/KEY")),
         {"x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "b=2"}),
    copy("a part", source_plain, (("s3:GetObject", SOURCE + "s"),), upload=True),
    copy("a part of version", source_version, (("s3:GetObjectVersion", SOURCE + "v"),), upload=True),
    Row("s3", "RenameObject", renamed, (("s3:PutObject", ARN + "unkept/renamed"), ("s3:GetObject", ARN + "unkept/renaming"),
                                        ("s3:DeleteObject", ARN + "unkept/renaming"))),
    on_object("DeleteObject", "DELETE", "DeleteObject", 204, make=put, key="delete"),
    on_object("DeleteObject", "DELETE", "DeleteObjectVersion", 204, version=put, key="delete-version", name="version"),
    on_object("DeleteObject", "DELETE", "DeleteObjectVersion", 204, version=put_governed, key="delete-governed", bucket="locked",
              headers=BYPASS, further=("BypassGovernanceRetention",), name="governed"),
    on_object("DeleteObject", "DELETE", "DeleteObject", 204, make=put, key="delete-match", headers=etag({}), further=("GetObject",), name="if it matches"),
    on_object("GetObjectAcl", "GET", "GetObjectAcl", selector="acl"),
    on_object("GetObjectAcl", "GET", "GetObjectVersionAcl", selector="acl", version=put, key="acl-version", name="version"),
    on_object("PutObjectAcl", "PUT", "PutObjectAcl", selector="acl", bucket="acls", headers={"x-amz-acl": "private"}),
    on_object("PutObjectAcl", "PUT", "PutObjectVersionAcl", selector="acl", bucket="acls", headers={"x-amz-acl": "private"}, version=put,
              key="acl-version", name="version"),
    on_object("GetObjectTagging", "GET", "GetObjectTagging", selector="tagging"),
    on_object("GetObjectTagging", "GET", "GetObjectVersionTagging", selector="tagging", version=put, key="tags-version", name="version"),
    on_object("PutObjectTagging", "PUT", "PutObjectTagging", selector="tagging", body=TAGS, key="tags-put", make=put),
    on_object("PutObjectTagging", "PUT", "PutObjectVersionTagging", selector="tagging", body=TAGS, version=put, key="tags-put-version", name="version"),
    on_object("DeleteObjectTagging", "DELETE", "DeleteObjectTagging", 204, selector="tagging", key="tags-delete", make=put_tagged),
    on_object("DeleteObjectTagging", "DELETE", "DeleteObjectVersionTagging", 204, selector="tagging", version=put_tagged, key="tags-delete-version",
              name="version"),
    on_annotation("GetObjectAnnotation", "GET", "GetObjectAnnotation", key="note-get"),
    on_annotation("GetObjectAnnotation", "GET", "GetObjectVersionAnnotation", make=None, version=put_annotated, key="note-get-version", name="version"),
    on_annotation("ListObjectAnnotations", "GET", "ListObjectAnnotations", key="note-list"),
    on_annotation("ListObjectAnnotations", "GET", "ListObjectVersionAnnotations", make=None, version=put_annotated, key="note-list-version", name="version"),
    on_annotation("PutObjectAnnotation", "PUT", "PutObjectAnnotation", body=b"note", key="note-put"),
    on_annotation("PutObjectAnnotation", "PUT", "PutObjectVersionAnnotation", make=None, body=b"note", version=put_annotated, key="note-put-version",
                  name="version"),
    on_annotation("DeleteObjectAnnotation", "DELETE", "DeleteObjectAnnotation", 204, key="note-delete"),
    on_annotation("DeleteObjectAnnotation", "DELETE", "DeleteObjectVersionAnnotation", 204, make=None, version=put_annotated, key="note-delete-version",
                  name="version"),
    on_annotation("DeleteObjectAnnotation", "DELETE", "DeleteObjectVersionAnnotation", 204, make=None, version=put_annotated_governed,
                  key="note-delete-governed", bucket="locked", headers=BYPASS, further=("BypassGovernanceRetention",), name="governed"),
    copy("of annotated", source_annotated, (("s3:GetObject", SOURCE + "noted"), ("s3:GetObjectAnnotation", SOURCE + "noted"),
                                            ("s3:PutObjectAnnotation", PLAIN + "/KEY"))),
    copy("without annotations", source_annotated, (("s3:GetObject", SOURCE + "noted"),), {"x-amz-object-annotation-directive": "EXCLUDE"}),
    copy("of annotated version", source_version_annotated, (("s3:GetObjectVersion", SOURCE + "notedv"), ("s3:GetObjectVersionAnnotation", SOURCE + "notedv"),
                                                            ("s3:PutObjectAnnotation", PLAIN + "/KEY"))),
    on_object("GetObjectRetention", "GET", "GetObjectRetention", selector="retention", bucket="locked", key="governed"),
    on_object("GetObjectLegalHold", "GET", "GetObjectLegalHold", 404, selector="legal-hold", bucket="locked", key="governed"),
    on_object("PutObjectRetention", "PUT", "PutObjectRetention", selector="retention", body=RETENTION, bucket="locked", key="retain", make=put),
    on_object("PutObjectRetention", "PUT", "PutObjectRetention", selector="retention", body=SHORTER, bucket="locked", key="retain-less",
              make=put_governed, headers=BYPASS, further=("BypassGovernanceRetention",), name="for less"),
    on_object("UpdateObjectEncryption", "PUT", "UpdateObjectEncryption", 400, selector="encryption", body=b"<ObjectEncryption/>"),
    on_object("PutObjectLegalHold", "PUT", "PutObjectLegalHold", selector="legal-hold", body=NO_HOLD, bucket="locked", key="hold", make=put),
    on_object("CreateMultipartUpload", "POST", "PutObject", selector="uploads", key="begin"),
    on_object("CreateMultipartUpload", "POST", "PutObject", selector="uploads", key="begin-tagged", headers={"x-amz-tagging": "a=1"},
              further=("PutObjectTagging",), name="tagged"),
    on_object("CreateMultipartUpload", "POST", "PutObject", selector="uploads", key="begin-acl", bucket="acls", headers={"x-amz-acl": "private"},
              further=("PutObjectAcl",), name="with an ACL"),
    on_object("CreateMultipartUpload", "POST", "PutObject", selector="uploads", key="begin-retained", bucket="locked", headers=GOVERNED,
              further=("PutObjectRetention",), name="retained"),
    on_object("CreateMultipartUpload", "POST", "PutObject", selector="uploads", key="begin-held", bucket="locked",
              headers={"x-amz-object-lock-legal-hold": "OFF"}, further=("PutObjectLegalHold",), name="held"),
    of_upload("UploadPart", "PUT", "PutObject", query={"partNumber": "1"}, body=b"part"),
    of_upload("ListParts", "GET", "ListMultipartUploadParts"),
    of_upload("AbortMultipartUpload", "DELETE", "AbortMultipartUpload", 204),
    of_upload("CompleteMultipartUpload", "POST", "PutObject", parts=1, body=(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + hashlib.md5(b"part").hexdigest() + "</ETag></Part>"
        "</CompleteMultipartUpload>").encode()),
]

CONTROL = "/v20180820/configuration/publicAccessBlock"


def control(action, method, right, status, body=b""):
    return Row("control", action, lambda w: Request(method, path=CONTROL, headers={"x-amz-account-id": ACCOUNT, **with_md5(body)}, body=body),
               (("s3:" + right, "*"),), status, forms=HEADER_FORMS)


CONTROL_ROWS = [
    control("PutAccountPublicAccessBlock", "PUT", "PutAccountPublicAccessBlock", 201, BLOCK),
    control("GetAccountPublicAccessBlock", "GET", "GetAccountPublicAccessBlock", 200),
    control("DeleteAccountPublicAccessBlock", "DELETE", "PutAccountPublicAccessBlock", 204),
]
ROWS = BUCKET_ROWS + OBJECT_ROWS + CONTROL_ROWS


def rows_not_offered(operations):
    """Of what is refused as a whole: by its name to who has its right, to nobody else."""
    for operation in operations:
        if operation["refused"]:
            selector, level = operation["selector"], operation["level"]
            query = {selector: ""} if selector else {}
            bucket, key = "plain" if level else "", "kept" if level == 2 else ""
            resource = "*" if not level else ARN + bucket + ("/" + key if key else "")
            yield Row("s3", operation["action"], lambda w, r=(operation["method"], bucket, key, query): Request(*r),
                      ((operation["right"], resource),), 501, forms=HEADER_FORMS)
