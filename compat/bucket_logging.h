/* BucketLoggingStatus: where the server access log of a bucket goes to, and the names of what is delivered there. Pure
 * functions over bytes. */
#ifndef TERCET_COMPAT_BUCKET_LOGGING_H
#define TERCET_COMPAT_BUCKET_LOGGING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/acl.h"
#include "compat/error.h"

#define BUCKET_LOGGING_XML_BYTES_MAX  65536 /* as it is sent */
#define BUCKET_LOGGING_KEPT_BYTES_MAX 49152
#define BUCKET_LOGGING_TARGET_MAX     63
#define BUCKET_LOGGING_PREFIX_MAX     800 /* the longest name of an object beginning so has its room */

/* Stored in lines that wait for their delivery, so a number is never given to another one. */
enum bucketlog_key_format {
    BUCKETLOG_KEY_SIMPLE = 0,           /* prefix, time of delivery, unique */
    BUCKETLOG_KEY_BY_DELIVERY_TIME = 1, /* with account, region, bucket and the day of delivery as folders */
    BUCKETLOG_KEY_BY_EVENT_TIME = 2,    /* the same with the day of the requests, one day an object */
};

struct bucket_logging {
    bool enabled; /* false: all else means nothing */
    char target[BUCKET_LOGGING_TARGET_MAX + 1];
    char prefix[BUCKET_LOGGING_PREFIX_MAX + 1];
    bool has_format; /* else it is simple, and not given back */
    enum bucketlog_key_format format;
    struct acl grants; /* on what is delivered; `owner` means nothing */
};

/* The error is filled: MalformedXML, or what AWS says of a grant or a prefix. */
enum status bucket_logging_parse(struct bytes document, struct bucket_logging *logging, struct s3_error_details *error);
/* As a GET gives it back. LIMIT. */
enum status bucket_logging_write(struct buffer *out, const struct bucket_logging *logging);

/* The object that is delivered. */
struct bucketlog_key {
    struct bytes prefix, account, region, bucket;
    enum bucketlog_key_format format;
    int64_t time_ms; /* wall clock: of the delivery, or of the day's requests */
    uint64_t unique;
};
/* LIMIT: longer than a key can be. */
enum status bucketlog_key_write(struct buffer *out, const struct bucketlog_key *key);

#endif
