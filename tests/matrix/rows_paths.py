"""The matrix's rows of the paths beside S3 (file API, /system, /metrics, health), of websites and preflights. All is asked as
from another host: a request of this machine itself may read state and files without being anybody (e2e.admin-paths)."""

from asking import Request
from row import HEADER_FORMS, Row

FAR = {"X-Forwarded-For": "192.0.2.1"}
FILES, QUOTA = "arn:aws:s3:::files", "arn:aws:s3:::plain"
UPLOAD = (b'--b\r\nContent-Disposition: form-data; name="file"; filename="up"\r\nContent-Type: text/plain\r\n\r\nup\r\n--b--\r\n')
WEB = "web.example.test"


def path(action, method, where, right, resource="*", status=200, query=None, body=b"", headers=None, at="", make=None, **more):
    def made(w):
        if make:
            make(w)
        return Request(method, path=where, query=query or {}, body=body, headers={**FAR, **(headers or {})})

    return Row("path", action, made, (("tercet:" + right, resource),), status, at=f"{method} {at or where}", forms=HEADER_FORMS, **more)


def state(action, where):
    return path(action, "GET", where, "ReadState", root=False)


def keep(name):
    return lambda w: w.put("files", name)


def files(action, method, where, status=200, **more):
    return path(action, method, where, "UseFiles", FILES, status, root=False, **more)


def health(action, where):
    return [path(action, method, where, "Health", open_to="all") for method in ("GET", "HEAD")]


ROWS = [
    files("UploadFile", "POST", "/upload", body=UPLOAD, headers={"Content-Type": "multipart/form-data; boundary=b"}),
    files("DownloadFile", "GET", "/download", query={"filename": "kept"}),
    files("DownloadFile", "HEAD", "/download", query={"filename": "kept"}),
    files("DeleteFile", "DELETE", "/delete", query={"filename": "gone"}, make=keep("gone")),
    # signed, these are the bucket `files` of S3: only the token and the anonymous can ask for them
    files("ListFiles", "GET", "/files", open_to="token"),
    files("DownloadFile", "GET", "/files/kept", at="/files/", open_to="token"),
    files("DownloadFile", "HEAD", "/files/kept", at="/files/", open_to="token"),
    files("DeleteFile", "DELETE", "/files/gone", at="/files/", make=keep("gone"), open_to="token"),
    *health("Health", "/health"), *health("Ready", "/readyz"), *health("Live", "/livez"), *health("ClusterHealth", "/health/cluster"),
    *health("Live", "/minio/health/live"), *health("Ready", "/minio/health/ready"), *health("ClusterHealth", "/minio/health/cluster"),
    state("SystemHealth", "/system/health"), state("SystemNodes", "/system/nodes"), state("SystemRepair", "/system/repair"),
    state("SystemEncryption", "/system/encryption"),
    state("SystemNotifications", "/system/notifications"), state("SystemLifecycle", "/system/lifecycle"), state("Metrics", "/metrics"), state("BucketMetrics", "/metrics/buckets"),
    path("PutNodeState", "PUT", "/system/nodes/1", "ManageNodes", "*", body=b'{"state": "active"}', at="/system/nodes/"),
    path("PutBucketQuota", "PUT", "/system/quota/plain", "PutBucketQuota", QUOTA, 204, body=b'{"bytes": 1000000000}', at="/system/quota/"),
    path("GetBucketQuota", "GET", "/system/quota/plain", "GetBucketQuota", QUOTA, at="/system/quota/"),
    path("DeleteBucketQuota", "DELETE", "/system/quota/plain", "PutBucketQuota", QUOTA, 204, at="/system/quota/"),
]


def website(action, method, bucket, open_to, status=200):
    return Row("website", action, lambda w: Request(method, path="/page", host=f"{bucket}.{WEB}"), (("s3:GetObject", f"arn:aws:s3:::{bucket}/page"),),
               status, name=f"of {bucket}", open_to=open_to, forms=HEADER_FORMS)


ROWS += [
    website("WebsiteGet", "GET", "closed-site", "nobody"), website("WebsiteGet", "GET", "open-site", "everything"),
    website("WebsiteHead", "HEAD", "closed-site", "nobody"), website("WebsiteHead", "HEAD", "open-site", "everything"),
    website("WebsiteOther", "POST", "closed-site", "everything", 405),
    Row("preflight", "Preflight", lambda w: Request("OPTIONS", "plain", "kept", headers={
        "Origin": "http://page.example", "Access-Control-Request-Method": "GET"}), (("s3:GetObject", "arn:aws:s3:::plain/kept"),),
        open_to="nobody", forms=("header",), shows_nothing=lambda answer: answer.status == 403 and b"CORSResponse" in answer.body),
]
