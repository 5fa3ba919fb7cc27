/* Buckets: list, create, look at, delete, and what clients ask about a bucket's settings in passing. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/names.h"
#include "compat/request_xml.h"
#include "gateway/s3/s3.h"

#define LIST_BUCKETS_MAX                                                                                               \
    10000 /* that a page may ask for; without a page size all are listed, as AWS did from the start */

struct bucket_query {
    struct bytes prefix, region; /* empty: any */
    uint64_t max;
    char after[META_BUCKET_MAX + 1]; /* the continuation token is this name in hex */
    bool with_regions;               /* as AWS: only for a request with a parameter */
};

static const char *region_of(const struct exchange *exchange, const struct meta_bucket *bucket)
{
    return bucket->region[0] ? bucket->region : exchange->gateway->options.region;
}

static enum status read_query(struct exchange *exchange, struct bucket_query *query)
{
    struct bytes max = uri_query_value(&exchange->query, "max-buckets");
    struct bytes token = uri_query_value(&exchange->query, "continuation-token");

    *query = (struct bucket_query){.prefix = uri_query_value(&exchange->query, "prefix"),
                                   .region = uri_query_value(&exchange->query, "bucket-region"),
                                   .max = UINT64_MAX};
    query->with_regions = query->prefix.data || query->region.data || max.data || token.data;
    if (max.data && (bytes_parse_u64(max, LIST_BUCKETS_MAX, &query->max) || query->max == 0))
        return s3_fail_argument(exchange, "max-buckets", max, "max-buckets must be an integer between 1 and 10000.");
    if (token.len > 2 * META_BUCKET_MAX || hex_decode(token, query->after, token.len / 2))
        return s3_fail_argument(exchange, "continuation-token", token, "The continuation token provided is incorrect");
    return STATUS_OK;
}

static bool is_listed(const struct exchange *exchange, const struct bucket_query *query,
                      const struct meta_bucket *bucket)
{
    return strcmp(bucket->name, query->after) > 0 && bytes_starts_with(bytes_from_str(bucket->name), query->prefix) &&
           (query->region.len == 0 || bytes_equal_str(query->region, region_of(exchange, bucket)));
}

void s3_list_buckets(struct exchange *exchange)
{
    struct bucket_query query;
    struct meta_bucket *buckets;
    const struct meta_bucket *last = NULL;
    char token[2 * META_BUCKET_MAX + 1];
    size_t count, i;
    struct buffer body;
    struct xml_writer writer;

    if (read_query(exchange, &query))
        return;
    buffer_init(&body, 64u << 20);
    meta_bucket_list(exchange->gateway->meta, &buckets, &count);
    response_buckets_begin(&writer, &body, &s3_owner);
    for (i = 0; i < count; i++) {
        if (!is_listed(exchange, &query, &buckets[i]))
            continue;
        if (query.max-- == 0)
            break;
        last = &buckets[i];
        response_buckets_add(&writer, bytes_from_str(last->name), last->created_ms,
                             bytes_from_str(query.with_regions ? region_of(exchange, last) : NULL));
    }
    bool truncated = i < count && last;
    if (truncated)
        hex_encode(last->name, strlen(last->name), token);
    if (response_buckets_end(&writer, query.prefix, bytes_from_str(truncated ? token : NULL)))
        s3_fail(exchange, S3_INTERNAL_ERROR);
    else
        s3_reply_xml(exchange, &body);
    free(buckets);
    buffer_release(&body);
}

static enum status check_region(struct exchange *exchange, const char *region)
{
    struct s3_error_details details = {0};

    for (const char *c = region; *c; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-')
            continue;
        s3_error_set(&details, S3_INVALID_LOCATION_CONSTRAINT);
        s3_error_add(&details, "LocationConstraint", bytes_from_str(region));
        return s3_fail_details(exchange, &details);
    }
    return STATUS_OK;
}

static enum status requested_location(struct exchange *exchange, char region[LOCATION_CONSTRAINT_MAX + 1])
{
    struct s3_body *body = NULL;
    struct buffer document;
    enum status status = STATUS_OK;

    region[0] = '\0';
    if (!http_request_has_body(exchange->http))
        return STATUS_OK;
    buffer_init(&document, REQUEST_XML_BYTES_MAX);
    status = s3_body_open(exchange, REQUEST_XML_BYTES_MAX, &body);
    if (!status)
        status = s3_body_to_buffer(body, &document);
    if (!status && document.len > 0 && location_constraint_parse(buffer_bytes(&document), region))
        status = s3_fail(exchange, S3_MALFORMED_XML);
    if (!status)
        status = check_region(exchange, region);
    if (body)
        s3_body_close(body);
    buffer_release(&document);
    return status;
}

void s3_create_bucket(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    char region[LOCATION_CONSTRAINT_MAX + 1], location[META_BUCKET_MAX + 2];
    enum status status;

    if (bucket_name_check(exchange->bucket_name, &details)) {
        s3_fail_details(exchange, &details);
        return;
    }
    if (s3_refuse_features(exchange) || requested_location(exchange, region))
        return;
    status = meta_bucket_create(exchange->gateway->meta, exchange->bucket_name, false, bytes_from_str(region));
    /* us-east-1 answers 200 when one's own bucket is created again, and clients rely on it */
    if (status && status != STATUS_EXISTS) {
        s3_fail_status(exchange, status);
        return;
    }
    location[0] = '/';
    memcpy(location + 1, exchange->bucket_name.data, exchange->bucket_name.len);
    http_reply_header(exchange->http, "Location", bytes_of(location, exchange->bucket_name.len + 1));
    s3_reply_empty(exchange, 200);
}

void s3_head_bucket(struct exchange *exchange)
{
    struct meta_bucket bucket;

    if (s3_bucket(exchange, &bucket))
        return;
    s3_reply_text(exchange, "x-amz-bucket-region", bytes_from_str(region_of(exchange, &bucket)));
    s3_reply_empty(exchange, 200);
}

void s3_delete_bucket(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    struct meta_bucket bucket;

    if (s3_bucket(exchange, &bucket))
        return;
    if (bytes_equal_str(exchange->bucket_name, GATEWAY_FILES_BUCKET)) {
        s3_error_setf(&details, S3_INVALID_BUCKET_STATE, "The bucket of the file API cannot be deleted.");
        s3_fail_details(exchange, &details);
        return;
    }
    enum status status = meta_bucket_delete(exchange->gateway->meta, exchange->bucket_name);
    if (status == STATUS_NOT_EMPTY) {
        s3_error_set(&details, S3_BUCKET_NOT_EMPTY);
        s3_error_add(&details, "BucketName", exchange->bucket_name);
        s3_fail_details(exchange, &details);
    } else if (status && status != STATUS_NOT_FOUND) {
        s3_fail_status(exchange, status);
    } else {
        s3_reply_empty(exchange, 204);
    }
}

static void reply_document(struct exchange *exchange, enum status status, struct buffer *body)
{
    if (status)
        s3_fail(exchange, S3_INTERNAL_ERROR);
    else
        s3_reply_xml(exchange, body);
    buffer_release(body);
}

void s3_get_bucket_location(struct exchange *exchange)
{
    struct meta_bucket bucket;
    struct buffer body;

    if (s3_bucket(exchange, &bucket))
        return;
    buffer_init(&body, 4096);
    reply_document(exchange, response_location(&body, bytes_from_str(bucket.region)), &body);
}

void s3_get_bucket_versioning(struct exchange *exchange)
{
    struct meta_bucket bucket;
    struct buffer body;

    if (s3_bucket(exchange, &bucket))
        return;
    buffer_init(&body, 4096);
    reply_document(exchange, response_versioning(&body, bucket.versioned), &body);
}

/* The addressed bucket and, where a key is addressed, that its object exists. Errors are answered here. */
static enum status find_resource(struct exchange *exchange, struct meta_bucket *bucket)
{
    const struct meta_version version = s3_version(exchange);
    struct meta_object object;
    enum status status = s3_bucket(exchange, bucket);

    if (status || exchange->level != S3_OBJECT)
        return status;
    status = meta_object_get(exchange->gateway->meta, bucket->id, exchange->key, &version, &object);
    if (status == STATUS_INVALID)
        return s3_fail_argument(exchange, "versionId", version.id, "Invalid version id specified");
    if (status && status != STATUS_NOT_FOUND)
        return s3_fail_status(exchange, status);
    bool there = !status && !object.delete_marker;
    if (!status)
        meta_object_release(&object);
    return there ? STATUS_OK : s3_fail_no_such_key(exchange);
}

/* Of a bucket or an object: everything belongs to the owner alone. */
void s3_get_acl(struct exchange *exchange)
{
    struct meta_bucket bucket;
    struct buffer body;

    if (find_resource(exchange, &bucket))
        return;
    buffer_init(&body, 4096);
    reply_document(exchange, response_acl(&body, &s3_owner), &body);
}

/* What AWS answers for a bucket (or object) on which the setting was never made: an error, or a document. */
static const struct unset {
    const char *selector;
    enum s3_error error;
    const char *root, *content; /* when there is no error */
} unsets[] = {
    {"policy", S3_NO_SUCH_BUCKET_POLICY, NULL, NULL},
    {"policyStatus", S3_NO_SUCH_BUCKET_POLICY, NULL, NULL},
    {"lifecycle", S3_NO_SUCH_LIFECYCLE_CONFIGURATION, NULL, NULL},
    {"cors", S3_NO_SUCH_CORS_CONFIGURATION, NULL, NULL},
    {"object-lock", S3_OBJECT_LOCK_CONFIGURATION_NOT_FOUND, NULL, NULL},
    {"retention", S3_NO_SUCH_OBJECT_LOCK_CONFIGURATION, NULL, NULL},
    {"legal-hold", S3_NO_SUCH_OBJECT_LOCK_CONFIGURATION, NULL, NULL},
    {"encryption", S3_SERVER_SIDE_ENCRYPTION_CONFIGURATION_NOT_FOUND, NULL, NULL},
    {"website", S3_NO_SUCH_WEBSITE_CONFIGURATION, NULL, NULL},
    {"replication", S3_REPLICATION_CONFIGURATION_NOT_FOUND, NULL, NULL},
    {"publicAccessBlock", S3_NO_SUCH_PUBLIC_ACCESS_BLOCK, NULL, NULL},
    {"ownershipControls", S3_OWNERSHIP_CONTROLS_NOT_FOUND, NULL, NULL},
    {"logging", S3_ERROR_NONE, "BucketLoggingStatus", ""},
    {"notification", S3_ERROR_NONE, "NotificationConfiguration", ""},
    {"accelerate", S3_ERROR_NONE, "AccelerateConfiguration", ""},
    {"requestPayment", S3_ERROR_NONE, "RequestPaymentConfiguration", "BucketOwner"},
};

static void reply_unset(struct exchange *exchange, const struct unset *unset)
{
    struct s3_error_details details = {0};
    struct xml_writer writer;
    struct buffer body;

    if (unset->error != S3_ERROR_NONE) {
        s3_error_set(&details, unset->error);
        if (exchange->level == S3_BUCKET)
            s3_error_add(&details, "BucketName", exchange->bucket_name);
        else
            s3_error_add(&details, "Key", exchange->key);
        s3_fail_details(exchange, &details);
        return;
    }
    buffer_init(&body, 4096);
    xml_writer_init(&writer, &body);
    xml_writer_open_root(&writer, unset->root);
    if (unset->content[0])
        xml_writer_element_str(&writer, "Payer", unset->content);
    xml_writer_close(&writer);
    reply_document(exchange, xml_writer_finish(&writer), &body);
}

static void reply_no_tags(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    struct buffer body;

    if (exchange->level == S3_BUCKET) {
        s3_error_set(&details, S3_NO_SUCH_TAG_SET);
        s3_error_add(&details, "BucketName", exchange->bucket_name);
        s3_fail_details(exchange, &details);
        return;
    }
    buffer_init(&body, 4096);
    reply_document(exchange, response_tagging(&body, NULL, 0), &body);
}

void s3_get_unset(struct exchange *exchange)
{
    struct meta_bucket bucket;

    if (find_resource(exchange, &bucket))
        return;
    if (uri_query_has(&exchange->query, "tagging")) {
        reply_no_tags(exchange);
        return;
    }
    for (size_t i = 0; i < sizeof(unsets) / sizeof(unsets[0]); i++)
        if (uri_query_has(&exchange->query, unsets[i].selector)) {
            reply_unset(exchange, &unsets[i]);
            return;
        }
    s3_fail(exchange, S3_NOT_IMPLEMENTED);
}
