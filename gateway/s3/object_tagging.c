/* GET, PUT and DELETE of the tags of an object or a version. */
#include "compat/request_xml.h"
#include "gateway/front/operation.h"
#include "gateway/front/pipeline_refusal.h"
#include "gateway/notify/event.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/body.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/object_tags.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

/* The version whose tags are meant; a delete marker has none. */
static enum status find(struct exchange *exchange, struct meta_object *object)
{
    enum status status = s3_find_object(exchange, object);

    if (status || !object->delete_marker)
        return status;
    status = s3_fail_delete_marker(exchange, object, false);
    meta_object_release(object);
    return status;
}

void s3_get_object_tagging(struct exchange *exchange)
{
    struct meta_object object;
    struct tag_set set;
    struct buffer body;

    if (find(exchange, &object))
        return;
    if (object_tags_of(&object, &set)) {
        HTTP_LAST_REPLY(s3_fail_status(exchange, STATUS_CORRUPT));
    } else {
        buffer_init(&body, TAG_SET_XML_BYTES_MAX);
        s3_reply_version(exchange, object.version_id);
        HTTP_LAST_REPLY(s3_reply_document(exchange, response_tagging(&body, set.tags, set.count), &body));
        tag_set_release(&set);
    }
    meta_object_release(&object);
}

/* Who may do this because of the tags that the version has may do it to no other one, which has come meanwhile. Others
 * mean whichever is there. */
static enum status store(struct exchange *exchange, struct bytes document)
{
    const struct meta_version version = {.id = uri_query_value(&exchange->query, "versionId")};
    const struct meta_attribute change = {S3_ATTRIBUTE_TAGGING, document.len > 0 ? document : (struct bytes){0}};
    struct meta_object_update update = {.changes = &change, .count = 1};
    struct notify_event event = {0};
    struct meta_object object;
    enum status status = find(exchange, &object);

    if (status)
        return status;
    if (exchange->decision.of_version)
        update.sequence = object.sequence;
    meta_object_release(&object);
    update.outbox = notify_event_make(exchange, exchange->operation->event, exchange->key, &event);
    status =
        meta_object_update(exchange->gateway->meta, exchange->bucket.id, exchange->key, &version, &update, &object);
    notify_event_release(&event);
    if (status == STATUS_NOT_FOUND)
        return s3_fail_no_such_key(exchange);
    if (status == STATUS_CONFLICT)
        return s3_fail_delete_marker(exchange, &object, false);
    if (status == STATUS_PRECONDITION)
        return s3_fail(exchange, S3_CONDITIONAL_REQUEST_CONFLICT);
    if (status == STATUS_LIMIT)
        return s3_fail(exchange, S3_METADATA_TOO_LARGE);
    if (status)
        return s3_fail_status(exchange, status);
    s3_reply_version(exchange, object.version_id);
    return STATUS_OK;
}

static enum status read_tags(struct exchange *exchange, struct tag_set *set)
{
    struct buffer document;
    enum status status = s3_read_document(exchange, REQUEST_XML_BYTES_MAX, true, &document);

    if (!status && tagging_parse(buffer_bytes(&document), set))
        status = s3_fail(exchange, S3_MALFORMED_XML);
    buffer_release(&document);
    return status;
}

/* The operation's own right, now that what policies may ask about is known. */
static enum status check_right(struct exchange *exchange, const struct tag_set *set)
{
    const struct resource resource = {.kind = RESOURCE_OBJECT,
                                      .bucket = exchange->bucket_name,
                                      .key = exchange->key,
                                      .version_id = uri_query_value(&exchange->query, "versionId")};
    const char *right = operation_right(exchange->operation, uri_query_has(&exchange->query, "versionId"));

    exchange->new_tags = set;
    exchange->decision = exchange_decide(exchange, right, &resource);
    return exchange->decision.allowed ? STATUS_OK : refuse_denied(exchange, right, &exchange->decision);
}

static enum status put(struct exchange *exchange, const struct tag_set *set)
{
    struct s3_error_details details = {0};
    struct buffer document;
    enum status status = check_right(exchange, set);

    if (status)
        return status;
    if (tag_set_check_object(set, &details))
        return s3_fail_details(exchange, &details);
    buffer_init(&document, OBJECT_TAGS_KEPT_BYTES_MAX);
    status = object_tags_write(&document, set);
    status = status ? s3_fail_status(exchange, status) : store(exchange, buffer_bytes(&document));
    buffer_release(&document);
    return status;
}

void s3_put_object_tagging(struct exchange *exchange)
{
    struct tag_set set;

    if (read_tags(exchange, &set))
        return;
    if (put(exchange, &set) == STATUS_OK)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
    exchange->new_tags = NULL;
    tag_set_release(&set);
}

/* That there were none is no error. */
void s3_delete_object_tagging(struct exchange *exchange)
{
    if (store(exchange, (struct bytes){0}) == STATUS_OK)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 204));
}
