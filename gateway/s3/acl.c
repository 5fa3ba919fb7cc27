/* Access control lists: of a bucket or an object everything belongs to the owner alone. */
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

void s3_get_acl(struct exchange *exchange)
{
    struct buffer body;

    if (s3_require_resource(exchange))
        return;
    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX);
    HTTP_LAST_REPLY(s3_reply_document(exchange, response_acl(&body, &s3_owner), &body));
}
