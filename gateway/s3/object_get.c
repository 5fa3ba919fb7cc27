/* GetObject and HeadObject: versions, conditions, ranges and parts. */
#include <stdlib.h>
#include <string.h>

#include "gateway/front/reply.h"
#include "gateway/object/object_read.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/lifecycle.h"
#include "gateway/s3/metadata.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/object_tags.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

/* What of the object is wanted. */
struct selection {
    struct object_range wanted;
    size_t tags;                    /* that the object has, as far as who asks may know it */
    struct lock_wish lock;          /* likewise, what it is locked with */
    unsigned part, parts_count;     /* with partNumber: of a multipart object, else 0 */
    struct checksum_value checksum; /* of these bytes; algorithm NONE: none is given */
};

static enum status select_part(struct exchange *exchange, const struct meta_object *object, struct selection *selection)
{
    struct range *range = &selection->wanted.range;
    struct s3_error_details details = {0};
    unsigned number;

    if (s3_part_number(exchange, &number))
        return STATUS_DENIED;
    if (http_request_header(exchange->http, "Range").data) {
        s3_error_setf(&details, S3_INVALID_REQUEST, "Cannot specify both Range header and partNumber query parameter");
        return s3_fail_details(exchange, &details);
    }
    if (meta_object_part(object, number, &range->offset, &range->length, &selection->parts_count)) {
        s3_error_set(&details, S3_INVALID_PART_NUMBER);
        s3_error_add_u64(&details, "PartNumberRequested", number);
        s3_error_add_u64(&details, "ActualPartCount", object->etag_parts ? object->etag_parts : 1);
        return s3_fail_details(exchange, &details);
    }
    selection->part = number;
    if (object->etag_parts == 0)
        selection->part = selection->parts_count = 0;
    selection->wanted.partial = object->size > 0;
    return STATUS_OK;
}

static enum status select_bytes(struct exchange *exchange, const struct meta_object *object,
                                struct selection *selection)
{
    struct s3_error_details details = {0};

    *selection = (struct selection){.wanted = object_range_whole(object)};
    if (uri_query_has(&exchange->query, "partNumber"))
        return select_part(exchange, object, selection);
    if (object_select_range(exchange, object, &selection->wanted) == STATUS_OK)
        return STATUS_OK;
    range_unsatisfiable(http_request_header(exchange->http, "Range"), object->size, &details);
    return s3_fail_details(exchange, &details);
}

/* object_give_headers */
static void give_headers(struct exchange *exchange, const struct meta_object *object, const void *arg)
{
    const struct selection *selection = arg;
    s3_give_headers(exchange, object);
    s3_reply_version(exchange, object->version_id);
    s3_reply_checksum_typed(exchange, &selection->checksum, selection->part ? 0 : object->etag_parts,
                            object->checksum.full_object);
    s3_reply_storage_class(exchange, object);
    s3_lock_give_headers(exchange, &selection->lock);
    s3_reply_encryption(exchange, object->attributes, false);
    if (selection->tags > 0)
        http_reply_header_u64(exchange->http, "x-amz-tagging-count", selection->tags);
    s3_reply_expiration(exchange, object, object->attributes);
    if (selection->parts_count > 0)
        http_reply_header_u64(exchange->http, "x-amz-mp-parts-count", selection->parts_count);
}

/* Of a part its own. SDKs compare a checksum with the bytes they got: one of the whole object on some of it breaks
 * them.
 */
static enum status find_checksum(struct exchange *exchange, const struct meta_object *object,
                                 struct selection *selection)
{
    struct meta_part *parts;
    size_t count;
    bool truncated;

    if (!bytes_equal_nocase(s3_header(exchange, "x-amz-checksum-mode"), "ENABLED"))
        return STATUS_OK;
    if (!selection->part) {
        if (selection->wanted.range.length == object->size)
            selection->checksum = stored_checksum_read(&object->checksum);
        return STATUS_OK;
    }
    enum status status =
        meta_object_parts(exchange->gateway->meta, object, selection->part - 1, 1, &parts, &count, &truncated);
    if (status)
        return s3_fail_status(exchange, status);
    if (count == 1 && parts->checksum.algorithm == object->checksum.algorithm)
        selection->checksum = stored_checksum_read(&parts->checksum);
    free(parts);
    return STATUS_OK;
}

/* To others an object is one without tags. */
static size_t tags_shown(const struct exchange *exchange, const struct meta_object *object)
{
    const struct resource resource = {.kind = RESOURCE_OBJECT,
                                      .bucket = exchange->bucket_name,
                                      .key = exchange->key,
                                      .version_id = uri_query_value(&exchange->query, "versionId")};
    bool by_version = uri_query_has(&exchange->query, "versionId");
    size_t count = object_tags_number(object);

    if (count == 0)
        return 0;
    const char *right = by_version ? "s3:GetObjectVersionTagging" : "s3:GetObjectTagging";
    return exchange_may_of(exchange, right, &resource, object->sequence) ? count : 0;
}

static void send_selected(struct exchange *exchange, const struct meta_object *object, const struct object_key *key)
{
    struct s3_error_details details = {0};
    struct selection selection;
    enum status status;

    if (object_check_conditions(exchange, object, &details)) {
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        return;
    }
    if (select_bytes(exchange, object, &selection))
        return;
    if (find_checksum(exchange, object, &selection))
        return;
    selection.tags = tags_shown(exchange, object);
    selection.lock = s3_lock_shown(exchange, object);
    status = object_send(exchange, object, key, &selection.wanted, give_headers, &selection);
    if (status)
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
}

/* Who does not have the key learns nothing of the object, not by a condition either. */
static void get(struct exchange *exchange, const struct meta_object *object)
{
    struct object_key key;

    if (s3_key_to_read(exchange, object->attributes, &key) == STATUS_OK)
        send_selected(exchange, object, &key);
    explicit_bzero(&key, sizeof(key));
}

void s3_get_object(struct exchange *exchange)
{
    struct meta_object object;

    if (s3_find_readable(exchange, &object))
        return;
    get(exchange, &object);
    meta_object_release(&object);
}
