/* What the multipart handlers share. */
#ifndef TERCET_GATEWAY_S3_MULTIPART_H
#define TERCET_GATEWAY_S3_MULTIPART_H

#include "gateway/s3/s3.h"

/* The upload that the request names, to be released; NoSuchBucket and NoSuchUpload are answered here. */
enum status s3_upload(struct exchange *exchange, struct meta_bucket *bucket, struct meta_upload *upload);
/* The same, but an upload that is gone is given too, by its name alone and with *ended true: it may have been completed
 * by this very request, sent before; meta knows. */
enum status s3_upload_or_ended(struct exchange *exchange, struct meta_bucket *bucket, struct meta_upload *upload,
                               bool *ended);
enum status s3_fail_no_such_upload(struct exchange *exchange);
struct etag s3_part_etag(const struct meta_part *part);

#endif
