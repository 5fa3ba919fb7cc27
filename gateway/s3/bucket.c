/* Buckets: create, look at, delete. */
#include <string.h>

#include "compat/names.h"
#include "compat/request_xml.h"
#include "gateway/front/reply.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/acl.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

#define VALUE_SHOWN_MAX 64 /* of a wrong one, in the answer */

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

static enum status refuse_others(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_NOT_IMPLEMENTED,
                  "Elements of CreateBucketConfiguration other than LocationConstraint and Tags are not implemented.");
    return s3_fail_details(exchange, &details);
}

static enum status read_configuration(struct exchange *exchange, struct create_bucket_request *request)
{
    struct buffer document;
    enum status status;

    *request = (struct create_bucket_request){0};
    if (!http_request_has_body(exchange->http))
        return STATUS_OK;
    status = s3_read_document(exchange, REQUEST_XML_BYTES_MAX, false, &document);
    if (!status && create_bucket_request_parse(buffer_bytes(&document), request))
        status = s3_fail(exchange, S3_MALFORMED_XML);
    buffer_release(&document);
    return status;
}

static bool wants_lock(const struct exchange *exchange)
{
    return bytes_equal_nocase(bytes_trim(s3_header(exchange, "x-amz-bucket-object-lock-enabled")), "true");
}

/* The rights that AWS asks for, of what the request wants beside the bucket. */
static bool may_create(const struct exchange *exchange, const struct create_bucket_request *request)
{
    const struct resource resource = {.kind = RESOURCE_BUCKET, .bucket = exchange->bucket_name};

    return exchange_may(exchange, "s3:CreateBucket", &resource) &&
           (request->tags.count == 0 || exchange_may(exchange, "s3:TagResource", &resource)) &&
           (!s3_header(exchange, "x-amz-object-ownership").data ||
            exchange_may(exchange, "s3:PutBucketOwnershipControls", &resource)) &&
           (!wants_lock(exchange) || (exchange_may(exchange, "s3:PutBucketObjectLockConfiguration", &resource) &&
                                      exchange_may(exchange, "s3:PutBucketVersioning", &resource)));
}

static enum status read_ownership(struct exchange *exchange, enum object_ownership *ownership)
{
    struct bytes value = s3_header(exchange, "x-amz-object-ownership");
    struct s3_error_details details = {0};

    *ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    if (!value.data || object_ownership_parse(value, ownership))
        return STATUS_OK;
    s3_error_argument(&details, BYTES("x-amz-object-ownership"), value, "Invalid x-amz-object-ownership header: %.*s",
                      (int)(value.len < VALUE_SHOWN_MAX ? value.len : VALUE_SHOWN_MAX), value.data);
    return s3_fail_details(exchange, &details);
}

/* Who may do what with a new bucket and what is in it. */
struct first_access {
    enum object_ownership ownership;
    struct buffer acl; /* empty: none */
};

static enum status read_access(struct exchange *exchange, struct first_access *access)
{
    const struct resource resource = {.kind = RESOURCE_BUCKET, .bucket = exchange->bucket_name};
    bool wanted;
    enum status status = read_ownership(exchange, &access->ownership);

    if (!status)
        status = acl_of_new_bucket(exchange, access->ownership, &access->acl, &wanted);
    if (!status && wanted && !exchange_may(exchange, "s3:PutBucketAcl", &resource))
        status = s3_fail(exchange, S3_ACCESS_DENIED);
    return status;
}

static enum status check_configuration(struct exchange *exchange, const struct create_bucket_request *request)
{
    struct s3_error_details details = {0};

    struct bytes lock = bytes_trim(s3_header(exchange, "x-amz-bucket-object-lock-enabled"));

    exchange->location = request->region[0] ? bytes_from_str(request->region) : (struct bytes){0};
    if (!may_create(exchange, request))
        return s3_fail(exchange, S3_ACCESS_DENIED);
    if (request->has_others)
        return refuse_others(exchange);
    if (lock.len > 0 && !wants_lock(exchange) && !bytes_equal_nocase(lock, "false"))
        return s3_fail_argument(exchange, "x-amz-bucket-object-lock-enabled", lock,
                                "The value of this header is none that it can have.");
    if (tag_set_check_bucket(&request->tags, &details))
        return s3_fail_details(exchange, &details);
    return check_region(exchange, request->region);
}

/* Whether the bucket, as loaded, has these tags. */
static bool has_tags(const struct exchange *exchange, const struct tag_set *tags)
{
    struct meta_setting kept;
    struct tag_set set;

    if (meta_setting_find(exchange->settings, S3_SETTING_TAGGING, &kept) || tagging_parse(kept.document, &set))
        return false;
    bool equal = tag_set_equal(&set, tags);
    tag_set_release(&set);
    return equal;
}

static bool is_own(const struct exchange *exchange)
{
    const struct bucket_owner *owner = bucket_owner_of(exchange->settings);

    const struct policy_caller *caller = &exchange->principal.caller;

    if (owner)
        return bytes_equal(owner->canonical_id, caller->canonical_id);
    return caller->kind == POLICY_ROOT || caller->kind == POLICY_ROLE_SESSION; /* what a role makes is the account's */
}

/* In us-east-1 one's own bucket may be created again, and clients rely on it; other regions answer 409. So do tags that
 * are not the bucket's, and an object lock that it has not: they would be dropped. */
static enum status create_again(struct exchange *exchange, const struct tag_set *tags)
{
    struct s3_error_details details = {0};
    bool is_there = exchange_load_bucket(exchange), own = is_there && is_own(exchange);
    const struct lock_rule *rule;

    if (own && strcmp(s3_bucket_region(exchange, &exchange->bucket), "us-east-1") == 0 &&
        (tags->count == 0 || has_tags(exchange, tags)) &&
        (!wants_lock(exchange) || s3_lock_rule(exchange->settings, &rule) == STATUS_OK))
        return STATUS_OK;
    s3_error_set(&details, own || !is_there ? S3_BUCKET_ALREADY_OWNED_BY_YOU : S3_BUCKET_ALREADY_EXISTS);
    s3_error_add(&details, "BucketName", exchange->bucket_name);
    return s3_fail_details(exchange, &details);
}

static void reply_created(struct exchange *exchange)
{
    char location[META_BUCKET_MAX + 2];

    location[0] = '/';
    memcpy(location + 1, exchange->bucket_name.data, exchange->bucket_name.len);
    http_reply_header(exchange->http, "Location", bytes_of(location, exchange->bucket_name.len + 1));
    HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
}

/* What a new bucket begins with. */
struct first_settings {
    struct meta_setting_change changes[6];
    struct buffer documents[6];
    size_t count;
};

static struct buffer *add_setting(struct first_settings *first, uint8_t kind, size_t bytes_max)
{
    struct buffer *document = &first->documents[first->count];

    buffer_init(document, bytes_max);
    first->changes[first->count++].kind = kind;
    return document;
}

/* As on AWS nobody gets in from outside before its owner has said so: all switches against public access are on, and
 * ACLs are off unless the request wants them. */
static enum status fill_settings(const struct exchange *exchange, const struct create_bucket_request *request,
                                 const struct first_access *access, struct first_settings *first)
{
    static const struct public_access_block all = {true, true, true, true};
    static const struct lock_rule no_rule = {.mode = LOCK_MODE_NONE};
    const struct principal *principal = &exchange->principal;
    const struct bucket_owner owner = {principal->caller.canonical_id, principal->user_id, principal->user_name};
    enum status status;

    status = public_access_block_write(add_setting(first, S3_SETTING_PUBLIC_ACCESS, BUCKET_ACCESS_XML_BYTES_MAX), &all);
    if (!status)
        status = ownership_controls_write(add_setting(first, S3_SETTING_OWNERSHIP, BUCKET_ACCESS_XML_BYTES_MAX),
                                          access->ownership);
    if (!status && access->acl.len > 0)
        status =
            buffer_append_bytes(add_setting(first, S3_SETTING_ACL, ACL_KEPT_BYTES_MAX), buffer_bytes(&access->acl));
    if (!status && principal->caller.kind == POLICY_USER)
        status = bucket_owner_write(add_setting(first, S3_SETTING_OWNER, BUCKET_OWNER_BYTES_MAX), &owner);
    if (!status && request->tags.count > 0)
        status = response_tagging(add_setting(first, S3_SETTING_TAGGING, TAG_SET_XML_BYTES_MAX), request->tags.tags,
                                  request->tags.count);
    if (!status && wants_lock(exchange))
        status =
            lock_configuration_write(add_setting(first, S3_SETTING_OBJECT_LOCK, LOCK_KEPT_XML_BYTES_MAX), &no_rule);
    for (size_t i = 0; i < first->count; i++)
        first->changes[i].document = buffer_bytes(&first->documents[i]);
    return status;
}

/* The settings are there from the bucket's first moment on. */
static enum status create(struct exchange *exchange, const struct create_bucket_request *request,
                          const struct first_access *access)
{
    struct first_settings first = {.count = 0};
    enum status status = fill_settings(exchange, request, access, &first);
    const struct meta_settings_update settings = {.changes = first.changes, .count = first.count};

    if (!status)
        status = meta_bucket_create(exchange->gateway->meta, exchange->bucket_name, wants_lock(exchange),
                                    bytes_from_str(request->region), &settings);
    for (size_t i = 0; i < first.count; i++)
        buffer_release(&first.documents[i]);
    if (status == STATUS_EXISTS)
        return create_again(exchange, &request->tags);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

void s3_create_bucket(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    struct create_bucket_request request;
    struct first_access access;

    if (bucket_name_check(exchange->bucket_name, &details)) {
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        return;
    }
    buffer_init(&access.acl, ACL_KEPT_BYTES_MAX);
    if (!read_configuration(exchange, &request) && !check_configuration(exchange, &request) &&
        !read_access(exchange, &access) && !create(exchange, &request, &access))
        reply_created(exchange);
    buffer_release(&access.acl);
    create_bucket_request_release(&request);
}

void s3_head_bucket(struct exchange *exchange)
{
    reply_text(exchange, "x-amz-bucket-region", bytes_from_str(s3_bucket_region(exchange, &exchange->bucket)));
    HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
}

void s3_delete_bucket(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    if (bytes_equal_str(exchange->bucket_name, GATEWAY_FILES_BUCKET)) {
        s3_error_setf(&details, S3_INVALID_BUCKET_STATE, "The bucket of the file API cannot be deleted.");
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        return;
    }
    enum status status = meta_bucket_delete_this(exchange->gateway->meta, exchange->bucket_name, exchange->bucket.id);
    if (status == STATUS_NOT_EMPTY) {
        s3_error_set(&details, S3_BUCKET_NOT_EMPTY);
        s3_error_add(&details, "BucketName", exchange->bucket_name);
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
    } else if (status && status != STATUS_NOT_FOUND) {
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
    } else {
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 204));
    }
}

void s3_get_bucket_location(struct exchange *exchange)
{
    struct buffer body;

    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX);
    HTTP_LAST_REPLY(
        s3_reply_document(exchange, response_location(&body, bytes_from_str(exchange->bucket.region)), &body));
}
