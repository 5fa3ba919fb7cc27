/* PUT of settings that a bucket has only as every bucket has them: the owner pays, nothing is accelerated, tags
 * of the bucket decide nothing. What asks for that changes nothing; what asks for more is refused by its
 * name. */
#include "compat/default_setting.h"
#include "compat/request_xml.h"
#include "gateway/front/operation.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"

static const struct default_row {
    const char *selector;
    struct default_setting setting;
} settings[] = {
    {"requestPayment", {"RequestPaymentConfiguration", "Payer", "BucketOwner", "Requester"}},
    {"accelerate", {"AccelerateConfiguration", "Status", "Suspended", "Enabled"}},
    {"abac", {"AbacStatus", "Status", "Disabled", "Enabled"}},
};

void s3_put_default(struct exchange *exchange)
{
    const struct default_row *row =
        s3_row_of_selector(exchange, settings, sizeof(settings[0]), sizeof(settings) / sizeof(settings[0]));
    struct buffer sent;
    bool is_default;

    if (s3_read_document(exchange, REQUEST_XML_BYTES_MAX, false, &sent) == STATUS_OK) {
        if (default_setting_read(&row->setting, buffer_bytes(&sent), &is_default))
            HTTP_LAST_REPLY(s3_fail(exchange, S3_MALFORMED_XML));
        else if (is_default)
            HTTP_LAST_REPLY(s3_reply_empty(exchange, 200));
        else
            s3_not_offered(exchange);
    }
    buffer_release(&sent);
}
