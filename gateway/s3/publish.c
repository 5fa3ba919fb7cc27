/* The end of every write of an object: its errors in the words of S3. */
#include "gateway/s3/s3.h"

enum status s3_publish(struct exchange *exchange, struct ingest *ingest, uint32_t bucket, struct bytes headers,
                       const struct condition_write *condition_said, struct meta_object *object)
{
    const struct meta_condition condition = s3_condition(condition_said);
    const struct ingest_version version = {bucket, exchange->key, headers, &condition};
    struct s3_error_details details = {0};
    enum status status = ingest_publish(ingest, &version, object);

    switch (status) {
    case STATUS_OK:
        return STATUS_OK;
    case STATUS_PRECONDITION:
        conditions_failed(condition_said, &details);
        return s3_fail_details(exchange, &details);
    case STATUS_NOT_FOUND:
        return condition.must_match ? s3_fail_no_such_key(exchange) : s3_fail_no_such_bucket(exchange);
    default:
        return s3_fail_status(exchange, status);
    }
}
