/* The lines of a bucket's server access log that a request makes (AWS: "Amazon S3 server access log format"). A request
 * for a bucket without logging makes none, and costs one look at the bucket's settings. Nothing here suspends or waits
 * for a disk. */
#ifndef TERCET_GATEWAY_BUCKETLOG_LINES_H
#define TERCET_GATEWAY_BUCKETLOG_LINES_H

#include "gateway/front/exchange.h"

/* When the request was answered, whatever it was answered. */
void bucketlog_request(struct exchange *exchange);
/* Each key of DeleteObjects, beside the request's own line. error_code: NULL for none. */
void bucketlog_deleted_key(struct exchange *exchange, struct bytes key, struct bytes version_id, int status,
                           const char *error_code);

/* What a copy read, for the log of the source's bucket; when it was answered. */
struct bucketlog_source {
    struct bytes bucket, key, version_id;
    bool has_size;
    uint64_t size;
};
void bucketlog_copy_source(struct exchange *exchange, const struct bucketlog_source *source);

/* What the lifecycle does. operation: S3.EXPIRE.OBJECT and its kin. */
void bucketlog_lifecycle(struct gateway *gateway, const struct meta_bucket *bucket,
                         const struct meta_settings *settings, const char *operation, struct bytes key,
                         struct bytes version_id);

#endif
