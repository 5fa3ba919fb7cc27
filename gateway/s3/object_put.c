/* PutObject: the body goes to the nodes while it is hashed; only when everything the client said of it holds,
 * the version is committed and with it becomes visible. One that appends is object_append.c's, but for the first. */

#include <string.h>

#include "gateway/front/reply.h"
#include "gateway/object/object_read.h"
#include "gateway/object/stored_checksum.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/body.h"
#include "gateway/s3/encryption.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/metadata.h"
#include "gateway/s3/object_append.h"
#include "gateway/s3/object_lock.h"
#include "gateway/s3/publish.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

/* Everything that is known before the body. */
struct put_request {
    struct condition_write condition;
    enum storage_class storage_class;
    struct buffer headers, attributes;
    struct s3_body *body;
    struct object_key key;
    bool offset_zero; /* an append that makes the object */
};

static enum status prepare(struct exchange *exchange, struct put_request *request)
{
    struct s3_error_details details = {0};
    enum status status = STATUS_OK;

    if (conditions_parse_write(exchange_headers(exchange), &request->condition, &details))
        status = s3_fail_details(exchange, &details);
    if (!status)
        status = s3_collect_headers(exchange, &request->headers);
    if (!status)
        status = s3_attributes_of_new_object(exchange, NULL, &request->attributes);
    if (!status)
        status = s3_key_to_write(exchange, buffer_bytes(&request->attributes), &request->key);
    if (!status)
        status = s3_storage_class(exchange, &request->storage_class);
    if (!status)
        status = s3_body_open(exchange, S3_OBJECT_BYTES_MAX, &request->body);
    if (!status)
        status = s3_lock_check_digest(exchange, request->body);
    if (!status && request->offset_zero)
        status = s3_append_check_body(exchange, s3_body_size(request->body));
    return status;
}

static void reply(struct exchange *exchange, const struct put_request *request, const struct meta_object *object)
{
    const struct etag etag = object_etag(object);
    const struct checksum_value checksum = stored_checksum_read(&object->checksum);

    reply_etag(exchange, &etag);
    s3_reply_checksum(exchange, &checksum, 0);
    s3_reply_new_version(exchange, object->version_id);
    s3_reply_storage_class(exchange, object);
    s3_reply_encryption(exchange, object->attributes, true);
    if (request->offset_zero)
        s3_append_reply_size(exchange, object);
    HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
}

static void put(struct exchange *exchange, bool offset_zero)
{
    struct put_request request = {.offset_zero = offset_zero};
    struct ingest ingest = {0};
    struct meta_object object = {0};
    enum status status;

    buffer_init(&request.headers, META_HEADERS_MAX);
    buffer_init(&request.attributes, META_ATTRIBUTES_BYTES_MAX);
    status = prepare(exchange, &request);
    if (status)
        goto out;
    enum checksum_algorithm algorithm = s3_body_algorithm(request.body);
    const struct ingest_plan plan = {
        .expected_size = s3_body_size(request.body),
        .sha256 = s3_body_wants_sha256(request.body),
        .algorithm = algorithm == CHECKSUM_NONE ? CHECKSUM_CRC64NVME : algorithm, /* as AWS does */
        .key = &request.key,
    };
    status = ingest_open(&ingest, exchange->gateway, &plan);
    if (status) {
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
        goto out;
    }
    const struct s3_version version = {buffer_bytes(&request.headers),
                                       buffer_bytes(&request.attributes),
                                       request.storage_class,
                                       &request.condition,
                                       offset_zero,
                                       NULL};
    status = s3_body_to_ingest(request.body, &ingest);
    if (!status)
        status = s3_publish(exchange, &ingest, &version, &object);
    if (!status)
        reply(exchange, &request, &object);
out:
    explicit_bzero(&request.key, sizeof(request.key));
    ingest_release(&ingest);
    if (request.body)
        s3_body_close(request.body);
    buffer_release(&request.headers);
    buffer_release(&request.attributes);
}

void s3_put_object(struct exchange *exchange)
{
    uint64_t offset = 0;
    bool appends;

    if (s3_append_wanted(exchange, &appends, &offset))
        return;
    if (!appends || !s3_append_object(exchange, offset))
        put(exchange, appends);
}
