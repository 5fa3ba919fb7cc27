/* Access control lists: of new objects and buckets, and what they give; see the header. The operations on them are
 * acl_operations.c. */
#include "gateway/s3/acl.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/acl_wish.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

enum status acl_setting_parse(struct bytes document, void **parsed)
{
    struct acl *acl = mem_alloc(sizeof(*acl));
    enum status status = acl_read(document, acl);

    if (status)
        free(acl);
    else
        *parsed = acl;
    return status;
}

struct response_owner acl_bucket_owner(const struct meta_settings *settings)
{
    const struct bucket_owner *owner = bucket_owner_of(settings);

    return owner ? (struct response_owner){owner->canonical_id, owner->name} : s3_owner;
}

enum object_ownership acl_ownership(const struct meta_settings *settings)
{
    struct meta_setting found;
    enum status status = meta_setting_find(settings, S3_SETTING_OWNERSHIP, &found);

    return status ? OWNERSHIP_BUCKET_OWNER_ENFORCED : *(const enum object_ownership *)found.parsed;
}

/* ---- of what is new ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned permission;
} grant_headers[] = {
    {"x-amz-grant-full-control", ACL_FULL_CONTROL}, {"x-amz-grant-read", ACL_READ},
    {"x-amz-grant-read-acp", ACL_READ_ACP},         {"x-amz-grant-write", ACL_WRITE},
    {"x-amz-grant-write-acp", ACL_WRITE_ACP},
};
#define GRANT_HEADERS (sizeof(grant_headers) / sizeof(grant_headers[0]))

struct bytes acl_wish_canned(const struct exchange *exchange)
{
    if (exchange->form)
        return bytes_trim(post_fields_find(s3_form_fields(exchange->form), "acl"));
    return s3_header(exchange, "x-amz-acl");
}

bool acl_wish_has_grants(const struct exchange *exchange)
{
    for (size_t i = 0; !exchange->form && i < GRANT_HEADERS; i++)
        if (s3_header(exchange, grant_headers[i].name).data)
            return true;
    return false;
}

/* The grants that the headers name take the place of what the owner has without them. */
static enum status add_grants(const struct exchange *exchange, struct acl *acl, struct s3_error_details *error)
{
    enum status status = STATUS_OK;

    acl->count = 0;
    for (size_t i = 0; !status && i < GRANT_HEADERS; i++)
        status = acl_add_grants(acl, grant_headers[i].permission, s3_header(exchange, grant_headers[i].name), error);
    return status;
}

enum status acl_wish_read(struct exchange *exchange, struct bytes owner, struct bytes bucket_owner, struct acl *acl)
{
    struct bytes name = acl_wish_canned(exchange);
    bool has_grants = acl_wish_has_grants(exchange);
    struct s3_error_details details = {0};

    acl_init(acl, owner);
    if (name.len > 0 && has_grants) {
        s3_error_setf(&details, S3_INVALID_REQUEST, "Specifying both Canned ACLs and Header Grants is not allowed");
        return s3_fail_details(exchange, &details);
    }
    if (name.len > 0 && !acl_add_canned(acl, name, bucket_owner))
        return s3_fail_argument(exchange, "x-amz-acl", name, "The value of this header is none that it can have.");
    if (has_grants && add_grants(exchange, acl, &details))
        return s3_fail_details(exchange, &details);
    return STATUS_OK;
}

bool acl_wish_is_private(const struct exchange *exchange)
{
    static const char *const same[] = {"private", "bucket-owner-read", "bucket-owner-full-control"};
    struct bytes name = acl_wish_canned(exchange);

    if (acl_wish_has_grants(exchange))
        return false;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        if (bytes_equal_str(name, same[i]))
            return true;
    return name.len == 0;
}

/* Who owns what this request writes: nobody who is known leaves it to the bucket's owner. */
static struct bytes writer(const struct exchange *exchange, struct bytes bucket_owner)
{
    const struct policy_caller *caller = &exchange->principal.caller;

    if (caller->kind == POLICY_ROOT)
        return s3_owner.id;
    return caller->canonical_id.len > 0 ? caller->canonical_id : bucket_owner;
}

enum status acl_of_new_object(struct exchange *exchange, const struct meta_object *copied, struct buffer *document)
{
    (void)copied;
    enum object_ownership ownership = acl_ownership(exchange->settings);
    struct bytes bucket_owner = acl_bucket_owner(exchange->settings).id, owner = writer(exchange, bucket_owner);
    struct acl acl;
    enum status status;

    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        return acl_wish_is_private(exchange) ? STATUS_OK : s3_fail(exchange, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    if (ownership == OWNERSHIP_BUCKET_OWNER_PREFERRED &&
        bytes_equal_str(acl_wish_canned(exchange), "bucket-owner-full-control"))
        owner = bucket_owner;
    status = acl_wish_read(exchange, owner, bucket_owner, &acl);
    if (status)
        return status;
    if (acl_is_public(&acl) && public_access_of(exchange->settings).block_acls)
        return s3_fail(exchange, S3_ACCESS_DENIED);
    if (acl_is_private(&acl) && bytes_equal_str(bucket_owner, acl.owner))
        return STATUS_OK;
    status = acl_write(document, &acl);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

enum status acl_of_new_bucket(struct exchange *exchange, enum object_ownership ownership, struct buffer *document,
                              bool *wanted)
{
    struct bytes owner = writer(exchange, s3_owner.id);
    struct acl acl;
    enum status status;

    *wanted = !acl_wish_is_private(exchange);
    if (!*wanted)
        return STATUS_OK;
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        return s3_fail(exchange, S3_INVALID_BUCKET_ACL_WITH_OWNERSHIP);
    status = acl_wish_read(exchange, owner, (struct bytes){0}, &acl);
    if (status)
        return status;
    if (acl_is_public(&acl)) /* all switches are on in a new bucket */
        return s3_fail(exchange, S3_INVALID_BUCKET_ACL_WITH_BLOCK);
    status = acl_write(document, &acl);
    return status ? s3_fail_status(exchange, status) : STATUS_OK;
}

enum status acl_check_ownership(struct exchange *exchange, struct bytes controls)
{
    struct meta_setting found;
    enum object_ownership ownership;

    if (ownership_controls_parse(controls, &ownership) || ownership != OWNERSHIP_BUCKET_OWNER_ENFORCED ||
        meta_setting_find(exchange->settings, S3_SETTING_ACL, &found))
        return STATUS_OK;
    return s3_fail(exchange, S3_INVALID_BUCKET_ACL_WITH_OWNERSHIP);
}

/* ---- what they give ------------------------------------------------------------------------------------------- */

static const struct given {
    const char *action;
    unsigned by_bucket, by_object;
} given[] = {
    {"s3:ListBucket", ACL_READ, 0},
    {"s3:ListBucketVersions", ACL_READ, 0},
    {"s3:ListBucketMultipartUploads", ACL_READ, 0},
    {"s3:PutObject", ACL_WRITE, 0},
    {"s3:DeleteObject", ACL_WRITE, 0},
    {"s3:GetBucketAcl", ACL_READ_ACP, 0},
    {"s3:PutBucketAcl", ACL_WRITE_ACP, 0},
    {"s3:GetObject", 0, ACL_READ},
    {"s3:GetObjectVersion", 0, ACL_READ},
    {"s3:GetObjectAcl", 0, ACL_READ_ACP},
    {"s3:GetObjectVersionAcl", 0, ACL_READ_ACP},
    {"s3:PutObjectAcl", 0, ACL_WRITE_ACP},
    {"s3:PutObjectVersionAcl", 0, ACL_WRITE_ACP},
};

static const struct given *given_by_acl(const char *action)
{
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        if (strcmp(given[i].action, action) == 0)
            return &given[i];
    return NULL;
}

static unsigned permissions(const struct exchange *exchange, const struct acl *acl,
                            const struct meta_settings *settings)
{
    const struct policy_caller *caller = &exchange->principal.caller;

    return acl_permissions(acl, caller->kind == POLICY_ANONYMOUS ? (struct bytes){0} : writer(exchange, BYTES("")),
                           public_access_of(settings).ignore_acls);
}

bool acl_bucket_allows(const struct exchange *exchange, const char *action, const struct meta_settings *settings)
{
    const struct given *row;
    struct meta_setting found;

    if (meta_setting_find(settings, S3_SETTING_ACL, &found) ||
        acl_ownership(settings) == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        return false;
    row = given_by_acl(action);
    return row && (permissions(exchange, found.parsed, settings) & row->by_bucket);
}

bool acl_object_allows(const struct exchange *exchange, const char *action, const struct resource *resource,
                       uint32_t bucket, const struct meta_settings *settings, uint64_t *sequence)
{
    const struct given *row = given_by_acl(action);
    const struct meta_version version = {.id = resource->version_id};
    struct meta_object object;
    struct bytes document;
    struct acl acl;

    if (!row || !row->by_object || acl_ownership(settings) == OWNERSHIP_BUCKET_OWNER_ENFORCED ||
        meta_object_get(exchange->gateway->meta, bucket, resource->key, &version, &object))
        return false;
    bool allows = meta_attribute_find(object.attributes, S3_ATTRIBUTE_ACL, &document) == STATUS_OK &&
                  acl_read(document, &acl) == STATUS_OK && (permissions(exchange, &acl, settings) & row->by_object);
    *sequence = object.sequence;
    meta_object_release(&object);
    return allows;
}

bool acl_gives(const struct exchange *exchange, const char *action, const struct acl *acl)
{
    const struct given *row = given_by_acl(action);

    return row && acl_ownership(exchange->settings) != OWNERSHIP_BUCKET_OWNER_ENFORCED &&
           (permissions(exchange, acl, exchange->settings) & row->by_object);
}
