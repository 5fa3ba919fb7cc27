/* The versioning of a bucket: never enabled, enabled or suspended. */
#include "compat/request_xml.h"
#include "gateway/s3/body.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"

/* As AWS names it; NULL: it was never enabled. */
static const char *versioning_status(const struct meta_bucket *bucket)
{
    if (bucket->suspended)
        return "Suspended";
    return bucket->versioned ? "Enabled" : NULL;
}

void s3_get_bucket_versioning(struct exchange *exchange)
{
    struct buffer body;

    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX);
    HTTP_LAST_REPLY(
        s3_reply_document(exchange, response_versioning(&body, versioning_status(&exchange->bucket)), &body));
}

static enum status read_configuration(struct exchange *exchange, enum versioning_status *asked)
{
    struct versioning_configuration configuration;
    struct s3_error_details details = {0};
    struct buffer document;
    enum status status = s3_read_document(exchange, REQUEST_XML_BYTES_MAX, true, &document);

    if (!status && versioning_configuration_parse(buffer_bytes(&document), &configuration))
        status = s3_fail(exchange, S3_MALFORMED_XML);
    buffer_release(&document);
    if (status)
        return status;
    if (configuration.mfa_delete) {
        s3_error_setf(&details, S3_NOT_IMPLEMENTED, "MfaDelete of VersioningConfiguration is not implemented.");
        return s3_fail_details(exchange, &details);
    }
    if (configuration.status == VERSIONING_ABSENT)
        return s3_fail(exchange, S3_ILLEGAL_VERSIONING_CONFIGURATION);
    *asked = configuration.status;
    return STATUS_OK;
}

void s3_put_bucket_versioning(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    enum versioning_status asked = VERSIONING_ABSENT;

    if (read_configuration(exchange, &asked))
        return;
    if (asked == VERSIONING_SUSPENDED && bytes_equal_str(exchange->bucket_name, GATEWAY_FILES_BUCKET)) {
        s3_error_setf(&details, S3_INVALID_BUCKET_STATE,
                      "The bucket of the file API keeps every version: its versioning cannot be suspended.");
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        return;
    }
    enum status status =
        meta_bucket_set_versioning(exchange->gateway->meta, exchange->bucket.id, asked == VERSIONING_SUSPENDED, NULL);
    if (status == STATUS_DENIED) {
        s3_error_setf(&details, S3_INVALID_BUCKET_STATE,
                      "An Object Lock configuration is present on this bucket, so the versioning state cannot be "
                      "changed.");
        HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
    } else if (status == STATUS_NOT_FOUND)
        HTTP_LAST_REPLY(s3_fail_no_such_bucket(exchange));
    else if (status)
        HTTP_LAST_REPLY(s3_fail_status(exchange, status));
    else
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
}
