/* Named configurations of a bucket that no bucket has here, since each makes AWS do something: analytics, inventory,
 * metrics, intelligent tiering. Tools that describe a bucket whole read them all, so the truth is told: a list of
 * none, and none by any name. */
#include "compat/xml_writer.h"
#include "gateway/front/operation.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"

static const struct kind_of_configuration {
    const char *selector, *list_root;
} kinds[] = {
    {"analytics", "ListBucketAnalyticsConfigurationResult"},
    {"intelligent-tiering", "ListBucketIntelligentTieringConfigurationsOutput"},
    {"inventory", "ListInventoryConfigurationsResult"},
    {"metrics", "ListMetricsConfigurationsResult"},
};

void s3_get_configurations(struct exchange *exchange)
{
    const struct kind_of_configuration *kind =
        s3_row_of_selector(exchange, kinds, sizeof(kinds[0]), sizeof(kinds) / sizeof(kinds[0]));
    struct xml_writer writer;
    struct buffer body;

    if (uri_query_has(&exchange->query, "id")) {
        HTTP_LAST_REPLY(s3_fail(exchange, S3_NO_SUCH_CONFIGURATION));
        return;
    }
    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX);
    xml_writer_init(&writer, &body);
    xml_writer_open_root(&writer, kind->list_root);
    xml_writer_element_bool(&writer, "IsTruncated", false);
    xml_writer_close(&writer);
    HTTP_LAST_REPLY(s3_reply_document(exchange, xml_writer_finish(&writer), &body));
}

void s3_delete_configuration(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    if (uri_query_has(&exchange->query, "id")) {
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 204)); /* what was never made is gone */
        return;
    }
    s3_error_setf(&details, S3_INVALID_REQUEST, "Missing required parameter: id");
    HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
}
