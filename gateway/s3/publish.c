/* The end of every write of an object: its errors in the words of S3. */
#include "gateway/s3/publish.h"

#include "gateway/front/operation.h"
#include "gateway/notify/event.h"
#include "gateway/object/object_read.h"
#include "gateway/s3/lifecycle.h"
#include "gateway/s3/reply.h"

struct meta_condition s3_condition_of_write(const struct exchange *exchange, const struct condition_write *said)
{
    struct meta_condition condition = object_condition(said);

    condition.of_version = exchange->further.of_version;
    condition.sequence = exchange->further.sequence;
    return condition;
}

enum status s3_publish(struct exchange *exchange, struct ingest *ingest, const struct s3_version *version,
                       struct meta_object *object)
{
    struct meta_condition condition = s3_condition_of_write(exchange, version->condition_said);
    struct notify_event event = {0};
    const struct ingest_version committed = {
        .bucket = exchange->bucket.id,
        .key = exchange->key,
        .headers = version->headers,
        .attributes = version->attributes,
        .storage_class = (uint8_t)version->storage_class,
        .condition = &condition,
        .annotations = version->annotations,
        .outbox = notify_event_make(exchange, exchange->operation->event, exchange->key, &event)};
    struct s3_error_details details = {0};
    condition.must_be_absent = condition.must_be_absent || version->offset_zero;
    enum status status = ingest_publish(ingest, &committed, object);

    notify_event_release(&event);
    switch (status) {
    case STATUS_OK:
        exchange_log_size(exchange, object->size);
        s3_reply_expiration(exchange, object, version->attributes);
        return STATUS_OK;
    case STATUS_PRECONDITION:
        if (version->offset_zero && !version->condition_said->must_be_absent)
            return s3_fail(exchange, S3_INVALID_WRITE_OFFSET);
        conditions_failed(version->condition_said, &details);
        return s3_fail_details(exchange, &details);
    case STATUS_NOT_FOUND:
        return condition.must_match ? s3_fail_no_such_key(exchange) : s3_fail_no_such_bucket(exchange);
    default:
        return s3_fail_status(exchange, status);
    }
}
