/* Reading an object; see the header. */
#include "gateway/object/object_read.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/front/reply.h"
#include "gateway/object/join_hints.h"
#include "gateway/object/object_reader.h"

struct etag object_etag(const struct meta_object *object)
{
    struct etag etag = {.parts = object->etag_parts};

    memcpy(etag.md5, object->etag_md5, MD5_LEN);
    return etag;
}

struct condition_target object_condition_target(const struct meta_object *object)
{
    return (struct condition_target){object_etag(object), object->modified_ms, clock_wall_ms()};
}

struct meta_condition object_condition(const struct condition_write *condition)
{
    struct meta_condition out = {.must_be_absent = condition->must_be_absent,
                                 .must_match = condition->must_match,
                                 .must_exist = condition->must_exist,
                                 .must_have_size = condition->must_have_size,
                                 .must_have_time = condition->must_have_time,
                                 .size = condition->size,
                                 .modified_s = condition->modified_s,
                                 .etag_parts = condition->etag.parts};

    memcpy(out.etag_md5, condition->etag.md5, MD5_LEN);
    return out;
}

static void give_validators(struct exchange *exchange, const struct meta_object *object)
{
    const struct etag etag = object_etag(object);
    char date[CLOCK_TEXT_MAX];

    reply_etag(exchange, &etag);
    clock_format_rfc1123(object->modified_ms, date);
    http_reply_header_str(exchange->http, "Last-Modified", date);
}

enum status object_check_conditions(struct exchange *exchange, const struct meta_object *object,
                                    struct s3_error_details *error)
{
    const struct condition_target target = object_condition_target(object);
    enum status status = conditions_check_read(exchange_headers(exchange), &target, error);

    if (status && error->code == S3_NOT_MODIFIED)
        give_validators(exchange, object);
    return status;
}

struct object_range object_range_whole(const struct meta_object *object)
{
    return (struct object_range){.range = {0, object->size}};
}

enum status object_select_range(struct exchange *exchange, const struct meta_object *object,
                                struct object_range *wanted)
{
    struct bytes header = http_request_header(exchange->http, "Range");
    char content_range[RANGE_TEXT_MAX];

    *wanted = object_range_whole(object);
    if (header.data) {
        const struct condition_target target = object_condition_target(object);
        if (!conditions_range_counts(exchange_headers(exchange), &target))
            return STATUS_OK;
    }
    switch (range_resolve(header, object->size, &wanted->range)) {
    case RANGE_WHOLE:
        return STATUS_OK;
    case RANGE_PARTIAL:
        wanted->partial = true;
        return STATUS_OK;
    case RANGE_UNSATISFIABLE:
        break;
    }
    range_content_range_unsatisfied(object->size, content_range);
    http_reply_header_str(exchange->http, "Content-Range", content_range);
    return STATUS_INVALID;
}

static enum status start(struct exchange *exchange, const struct meta_object *object, const struct object_range *wanted,
                         object_give_headers give, const void *arg)
{
    char content_range[RANGE_TEXT_MAX];

    give(exchange, object, arg);
    give_validators(exchange, object);
    http_reply_header_str(exchange->http, "Accept-Ranges", "bytes");
    if (wanted->partial) {
        range_content_range(&wanted->range, object->size, content_range);
        http_reply_header_str(exchange->http, "Content-Range", content_range);
    }
    int usual = wanted->partial ? 206 : 200;
    return reply_start(exchange, wanted->http_status ? wanted->http_status : usual, wanted->range.length);
}

/* The bytes that the reader has. The connection is cut when they cannot all be had. */
static void send_bytes(struct exchange *exchange, struct object_reader *reader)
{
    enum status status = STATUS_OK;
    struct bytes piece;

    while (!status) {
        status = object_reader_next(reader, &piece);
        if (status) {
            log_error("object cannot be read to its end, response cut", LOG_INT("bytesMissing", reader->left),
                      LOG_STATUS(status));
            http_reply_abort(exchange->http);
        } else if (piece.len == 0) {
            HTTP_LAST_REPLY(http_reply_finish(exchange->http));
            return;
        } else {
            status = http_reply_write(exchange->http, piece.data, piece.len);
        }
    }
}

enum status object_send(struct exchange *exchange, const struct meta_object *object, const struct object_key *key,
                        const struct object_range *wanted, object_give_headers give, const void *arg)
{
    struct object_reader reader;
    enum status status;

    if (bytes_equal_str(exchange->http->method, "HEAD")) {
        if (start(exchange, object, wanted, give, arg) == STATUS_OK)
            HTTP_LAST_REPLY(http_reply_finish(exchange->http));
        return STATUS_OK;
    }
    status = object_reader_open(&reader, exchange->gateway, object, key, wanted->range.offset, wanted->range.length);
    if (!status)
        join_hints_look(exchange->gateway->join_hints, exchange->bucket_name, exchange->key, object);
    if (!status && start(exchange, object, wanted, give, arg) == STATUS_OK)
        send_bytes(exchange, &reader);
    object_reader_release(&reader);
    return status;
}
