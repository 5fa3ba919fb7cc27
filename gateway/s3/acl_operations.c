/* GET and PUT of the ACL of a bucket, an object or a version. */
#include <string.h>

#include "gateway/front/operation.h"
#include "gateway/notify/event.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/acl_wish.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

static bool are_enforced(const struct exchange *exchange)
{
    return acl_ownership(exchange->settings) == OWNERSHIP_BUCKET_OWNER_ENFORCED;
}

/* The ACL that the bucket or the object has, of whichever the request names; of an object also which version it is.
 * Errors are answered here. */
static enum status find_acl(struct exchange *exchange, struct acl *acl, uint64_t *sequence)
{
    struct response_owner owner = acl_bucket_owner(exchange->settings);
    struct meta_setting found;
    struct meta_object object;
    struct bytes document;
    enum status status;

    acl_init(acl, owner.id);
    *sequence = 0;
    if (exchange->level != S3_OBJECT) {
        if (!are_enforced(exchange) && meta_setting_find(exchange->settings, S3_SETTING_ACL, &found) == STATUS_OK)
            *acl = *(const struct acl *)found.parsed;
        return STATUS_OK;
    }
    status = s3_find_object(exchange, &object);
    if (status)
        return status;
    if (object.delete_marker)
        status = s3_fail_delete_marker(exchange, &object, false);
    else if (!are_enforced(exchange) &&
             meta_attribute_find(object.attributes, S3_ATTRIBUTE_ACL, &document) == STATUS_OK &&
             acl_read(document, acl))
        status = s3_fail_status(exchange, STATUS_CORRUPT);
    *sequence = object.sequence;
    meta_object_release(&object);
    return status;
}

static struct bytes owner_name(const struct exchange *exchange, const struct acl *acl)
{
    struct response_owner owner = acl_bucket_owner(exchange->settings);

    if (bytes_equal_str(owner.id, acl->owner))
        return owner.display_name;
    return bytes_equal_str(s3_owner.id, acl->owner) ? s3_owner.display_name : (struct bytes){0};
}

void s3_get_acl(struct exchange *exchange)
{
    struct buffer body;
    uint64_t sequence;
    struct acl acl;

    if (find_acl(exchange, &acl, &sequence))
        return;
    buffer_init(&body, ACL_XML_BYTES_MAX);
    HTTP_LAST_REPLY(s3_reply_document(exchange, acl_respond(&body, &acl, owner_name(exchange, &acl)), &body));
}

static enum status read_document(struct exchange *exchange, const struct acl *before, struct acl *acl)
{
    struct s3_error_details details = {0};
    struct buffer document;
    /* s3cmd sends it without a digest, and AWS takes it */
    enum status status = s3_read_document(exchange, ACL_XML_BYTES_MAX, false, &document);

    if (!status && acl_parse_document(buffer_bytes(&document), acl, &details))
        status = s3_fail_details(exchange, &details);
    buffer_release(&document);
    if (!status && acl->owner[0] != '\0' && strcmp(acl->owner, before->owner) != 0)
        return s3_fail(exchange, S3_ACCESS_DENIED); /* an ACL does not change the owner */
    memcpy(acl->owner, before->owner, sizeof(acl->owner));
    return status;
}

/* What the request wants, in headers or in the body, never in both. */
static enum status read_wish(struct exchange *exchange, const struct acl *before, struct acl *acl)
{
    bool in_headers = acl_wish_canned(exchange).len > 0 || acl_wish_has_grants(exchange);
    bool in_body = http_request_has_body(exchange->http);
    struct bytes bucket_owner = acl_bucket_owner(exchange->settings).id;

    if (in_headers && in_body)
        return s3_fail(exchange, S3_UNEXPECTED_CONTENT);
    if (!in_headers && !in_body)
        return s3_fail(exchange, S3_MISSING_SECURITY_HEADER);
    if (in_body)
        return read_document(exchange, before, acl);
    return acl_wish_read(exchange, bytes_from_str(before->owner),
                         exchange->level == S3_OBJECT ? bucket_owner : (struct bytes){0}, acl);
}

static enum status check_wish(struct exchange *exchange, const struct acl *acl)
{
    bool in_headers = acl_wish_canned(exchange).len > 0;

    if (are_enforced(exchange) && !(in_headers ? acl_wish_is_private(exchange) : acl_is_private(acl)))
        return s3_fail(exchange, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    if (acl_is_public(acl) && public_access_of(exchange->settings).block_acls)
        return s3_fail(exchange, S3_ACCESS_DENIED);
    return STATUS_OK;
}

static bool is_without(const struct exchange *exchange, const struct acl *acl)
{
    return are_enforced(exchange) ||
           (acl_is_private(acl) && bytes_equal_str(acl_bucket_owner(exchange->settings).id, acl->owner));
}

/* Who may change an ACL by that ACL alone may change the one that was found: at the decision it may have been another
 * object's, which somebody has replaced since. */
static enum status check_right(struct exchange *exchange, const struct acl *before)
{
    if (exchange->decision.by != DECIDED_BY_ACL || exchange->level != S3_OBJECT ||
        acl_gives(exchange, "s3:PutObjectAcl", before))
        return STATUS_OK;
    return s3_fail(exchange, S3_ACCESS_DENIED);
}

/* The switch and the ownership may have changed meanwhile. */
static enum status check_settings(const struct acl *acl, const struct meta_settings *settings)
{
    if (acl_is_public(acl) && public_access_of(settings).block_acls)
        return STATUS_DENIED;
    return acl_ownership(settings) == OWNERSHIP_BUCKET_OWNER_ENFORCED && !acl_is_private(acl) ? STATUS_DENIED
                                                                                              : STATUS_OK;
}

/* meta_settings_update.check, meta_object_update.check */
static enum status check_bucket(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings)
{
    (void)bucket;
    return check_settings(arg, settings);
}

static enum status check_object(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings,
                                const struct meta_object *object)
{
    (void)bucket, (void)object;
    return check_settings(arg, settings);
}

static enum status store_of_bucket(struct exchange *exchange, struct acl *acl, struct bytes document)
{
    const struct meta_setting_change change = {S3_SETTING_ACL, document.len > 0 ? document : (struct bytes){0}};
    const struct meta_settings_update update = {.changes = &change, .count = 1, .check = check_bucket, .arg = acl};

    return s3_update_settings(exchange, &update);
}

/* Of the very version that was looked at, even when it was named by its key alone. */
static enum status store_of_object(struct exchange *exchange, struct acl *acl, uint64_t sequence, struct bytes document)
{
    const struct meta_version version = {.id = uri_query_value(&exchange->query, "versionId")};
    const struct meta_attribute change = {S3_ATTRIBUTE_ACL, document.len > 0 ? document : (struct bytes){0}};
    struct notify_event event = {0};
    const struct meta_object_update update = {
        .changes = &change,
        .count = 1,
        .sequence = sequence,
        .check = check_object,
        .arg = acl,
        .outbox = notify_event_make(exchange, exchange->operation->event, exchange->key, &event)};
    struct meta_object object;
    enum status status =
        meta_object_update(exchange->gateway->meta, exchange->bucket.id, exchange->key, &version, &update, &object);

    notify_event_release(&event);
    if (status == STATUS_NOT_FOUND)
        return s3_fail_no_such_key(exchange);
    if (status == STATUS_PRECONDITION)
        return s3_fail(exchange, S3_CONDITIONAL_REQUEST_CONFLICT);
    if (status == STATUS_DENIED) /* the bucket allows no such ACL any more */
        return s3_fail(exchange, S3_ACCESS_DENIED);
    if (status)
        return s3_fail_status(exchange, status);
    s3_reply_version(exchange, object.version_id);
    return STATUS_OK;
}

void s3_put_acl(struct exchange *exchange)
{
    struct acl before, acl;
    struct buffer document;
    uint64_t sequence;
    enum status status = find_acl(exchange, &before, &sequence);

    buffer_init(&document, ACL_KEPT_BYTES_MAX);
    if (!status)
        status = check_right(exchange, &before);
    if (!status)
        status = read_wish(exchange, &before, &acl);
    if (!status)
        status = check_wish(exchange, &acl);
    if (!status && !is_without(exchange, &acl) && acl_write(&document, &acl))
        status = s3_fail(exchange, S3_MALFORMED_ACL);
    if (!status)
        status = exchange->level == S3_OBJECT ? store_of_object(exchange, &acl, sequence, buffer_bytes(&document))
                                              : store_of_bucket(exchange, &acl, buffer_bytes(&document));
    if (!status)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    buffer_release(&document);
}
