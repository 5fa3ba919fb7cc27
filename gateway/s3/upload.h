/* What the handlers of multipart uploads share. */
#ifndef TERCET_GATEWAY_S3_UPLOAD_H
#define TERCET_GATEWAY_S3_UPLOAD_H

#include "compat/etag.h"
#include "gateway/front/exchange.h"

/* The upload that the request names, to be released; NoSuchUpload is answered here. */
enum status s3_upload(struct exchange *exchange, struct meta_upload *upload);
/* The same, but an upload that is gone is given too, by its name alone and with *ended true: it may have been completed
 * by this very request, sent before; meta knows. */
enum status s3_upload_or_ended(struct exchange *exchange, struct meta_upload *upload, bool *ended);
/* x-amz-version-id of the version that the upload will be, where that is known already. */
void s3_reply_upload_version(struct exchange *exchange, const struct meta_upload *upload);
enum status s3_fail_no_such_upload(struct exchange *exchange);
struct etag s3_part_etag(const struct meta_part *part);

#endif
