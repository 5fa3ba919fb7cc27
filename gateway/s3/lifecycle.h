/* The lifecycle of a bucket: its setting, and what clients are told of it with an object or an upload. The rules are
 * compat/lifecycle.h, who acts on them is jobs/lifecycle.c. */
#ifndef TERCET_GATEWAY_S3_LIFECYCLE_H
#define TERCET_GATEWAY_S3_LIFECYCLE_H

#include "compat/lifecycle.h"
#include "gateway/front/exchange.h"

/* What is kept: the name of the minimum, a line feed, and the document that a GET gives back. */
#define LIFECYCLE_SETTING_BYTES_MAX (LIFECYCLE_KEPT_BYTES_MAX - 64)

/* What requests read of it. */
struct lifecycle_setting {
    enum lifecycle_minimum minimum;
    struct bytes document; /* a part of what is kept */
    struct lifecycle_configuration configuration;
};
enum status lifecycle_setting_parse(struct bytes kept, void **parsed); /* meta_setting_kind.parse */
void lifecycle_setting_free(void *parsed);

/* How far the job has come with a bucket: kept as a setting of it, so that it goes with the bucket, and is on the nodes
 * as all else is. */
struct lifecycle_progress {
    uint64_t day;     /* the number of the day on which this round of the bucket began */
    uint32_t crc;     /* of the kept lifecycle that it goes by */
    bool finished;    /* the round is over */
    struct bytes key; /* all names up to this one are done; empty: none */
};
#define LIFECYCLE_PROGRESS_BYTES_MAX 1056
enum status lifecycle_progress_write(struct buffer *out, const struct lifecycle_progress *progress);
enum status lifecycle_progress_read(struct bytes document, struct lifecycle_progress *progress);
enum status lifecycle_progress_parse(struct bytes document, void **parsed); /* meta_setting_kind.parse */

/* The length of a day, by which rules count. */
int64_t lifecycle_day_ms(const struct gateway_options *options);

/* x-amz-expiration, when a rule of the bucket says when the object expires; attributes: the object's. */
void s3_reply_expiration(struct exchange *exchange, const struct meta_object *object, struct bytes attributes);
/* x-amz-abort-date and x-amz-abort-rule-id, when a rule says when the upload is aborted. */
void s3_reply_abort_date(struct exchange *exchange, const struct meta_upload *upload);

#endif
