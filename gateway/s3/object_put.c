/* PutObject: the body goes to the nodes while it is hashed; only when everything the client said of it holds,
 * the version is committed and with it becomes visible. */

#include "gateway/s3/s3.h"

/* Everything that is known before the body. */
struct put_request {
    struct meta_bucket bucket;
    struct condition_write condition;
    struct buffer headers;
    struct s3_body *body;
};

static enum status prepare(struct exchange *exchange, struct put_request *request)
{
    struct s3_error_details details = {0};
    enum status status = s3_bucket(exchange, &request->bucket);

    if (!status)
        status = s3_whole_object(exchange);
    if (!status && conditions_parse_write(s3_headers(exchange), &request->condition, &details))
        status = s3_fail_details(exchange, &details);
    if (!status)
        status = s3_collect_headers(exchange, &request->headers);
    if (!status)
        status = s3_body_open(exchange, S3_OBJECT_BYTES_MAX, &request->body);
    return status;
}

static void reply(struct exchange *exchange, const struct put_request *request, const struct meta_object *object)
{
    const struct etag etag = s3_object_etag(object);
    const struct checksum_value checksum = stored_checksum_read(&object->checksum);

    s3_reply_etag(exchange, &etag);
    s3_reply_checksum(exchange, &checksum, 0);
    s3_reply_version(exchange, &request->bucket, object->version_id);
    s3_reply_empty(exchange, 200);
}

void s3_put_object(struct exchange *exchange)
{
    struct put_request request = {0};
    struct ingest ingest = {0};
    struct meta_object object = {0};
    enum status status;

    buffer_init(&request.headers, META_HEADERS_MAX);
    status = prepare(exchange, &request);
    if (status)
        goto out;
    enum checksum_algorithm algorithm = s3_body_algorithm(request.body);
    const struct ingest_plan plan = {
        .expected_size = s3_body_size(request.body),
        .sha256 = s3_body_wants_sha256(request.body),
        .algorithm = algorithm == CHECKSUM_NONE ? CHECKSUM_CRC64NVME : algorithm, /* as AWS does */
    };
    status = ingest_open(&ingest, exchange->gateway, &plan);
    if (status) {
        s3_fail_status(exchange, status);
        goto out;
    }
    status = s3_body_to_ingest(request.body, &ingest);
    if (!status)
        status = s3_publish(exchange, &ingest, request.bucket.id, buffer_bytes(&request.headers), &request.condition,
                            &object);
    if (!status)
        reply(exchange, &request, &object);
out:
    ingest_release(&ingest);
    if (request.body)
        s3_body_close(request.body);
    buffer_release(&request.headers);
}
