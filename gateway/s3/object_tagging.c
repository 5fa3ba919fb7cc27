/* The tags of an object: there are none. */
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

void s3_get_object_tagging(struct exchange *exchange)
{
    struct buffer body;

    if (s3_require_resource(exchange))
        return;
    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_tagging(&body, NULL, 0), &body));
}

/* What was never made is gone. */
void s3_delete_object_tagging(struct exchange *exchange)
{
    if (s3_require_resource(exchange) == STATUS_OK)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 204));
}
