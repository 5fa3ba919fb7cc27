/* The XML documents that clients send. Element order does not matter, and elements of other namespaces are ignored.
 * Failures are STATUS_INVALID and STATUS_LIMIT (both MalformedXML to the client); then there is nothing to release. */
#ifndef TERCET_COMPAT_REQUEST_XML_H
#define TERCET_COMPAT_REQUEST_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/checksum_header.h"
#include "compat/etag.h"
#include "compat/tags.h"

#define REQUEST_XML_BYTES_MAX       ((size_t)1024 * 1024)
#define REQUEST_XML_LARGE_BYTES_MAX ((size_t)2 * 1024 * 1024) /* DeleteObjects, CompleteMultipartUpload */
#define DELETE_OBJECTS_MAX          1000
#define COMPLETE_PARTS_MAX          10000
#define LOCATION_CONSTRAINT_MAX     31

/* DeleteObjects. Absent elements have data NULL; keys are not checked beyond not being empty. */
struct delete_object {
    struct bytes key, version_id;
    struct bytes etag, size, last_modified; /* conditions, as sent */
};
struct delete_request {
    bool quiet;
    struct delete_object *objects; /* 1 to DELETE_OBJECTS_MAX */
    size_t count;
    char *storage; /* what the spans point into */
};
/* An unknown element is malformed, as on AWS, where ETag was one until conditions came. */
enum status delete_request_parse(struct bytes document, struct delete_request *request);
void delete_request_release(struct delete_request *request);

/* CompleteMultipartUpload: parts as listed; their order and numbers are the caller's to check. */
struct complete_part {
    uint32_t number;                /* any; 0 or beyond 10000 names no part */
    struct etag etag;               /* ETAG_NONE when it cannot be any part's */
    struct checksum_value checksum; /* algorithm CHECKSUM_NONE when not given */
};
struct complete_request {
    struct complete_part *parts; /* 1 to COMPLETE_PARTS_MAX */
    size_t count;
};
enum status complete_request_parse(struct bytes document, struct complete_request *request);
void complete_request_release(struct complete_request *request);

/* CreateBucketConfiguration. An empty document asks for nothing, and so does an empty element. */
struct create_bucket_request {
    char region[LOCATION_CONSTRAINT_MAX + 1]; /* LocationConstraint; "" without one */
    struct tag_set tags;                      /* their rules are the caller's to check */
    bool has_others;                          /* Location and Bucket of directory buckets, and what AWS may add */
};
enum status create_bucket_request_parse(struct bytes document, struct create_bucket_request *request);
void create_bucket_request_release(struct create_bucket_request *request); /* idempotent */

enum versioning_status { VERSIONING_ABSENT, VERSIONING_ENABLED, VERSIONING_SUSPENDED };
struct versioning_configuration {
    enum versioning_status status; /* absent: the element is */
    bool mfa_delete;               /* MfaDelete is Enabled */
};
enum status versioning_configuration_parse(struct bytes document, struct versioning_configuration *configuration);

#endif
