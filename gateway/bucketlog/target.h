/* The bucket that the server access log of another one goes to: whether it can take it. Asked when logging is put and
 * each time that something is delivered. */
#ifndef TERCET_GATEWAY_BUCKETLOG_TARGET_H
#define TERCET_GATEWAY_BUCKETLOG_TARGET_H

#include "compat/error.h"
#include "gateway/gateway.h"
#include "meta/bucket_settings.h"

struct bucketlog_target {
    struct bytes source;       /* whose log it is: name and owner's canonical id */
    struct bytes source_owner; /* data NULL: the bucket is gone, or is another one now */
    struct bytes bucket, key;  /* where to, and which object */
};

/* Whether the bucket with these settings takes the object: its owner is the source's, no retention waits for what is
 * written there, and its policy allows s3:PutObject to the service principal logging.s3.amazonaws.com, or its ACL gives
 * WRITE and READ_ACP to the group LogDelivery. DENIED fills the error. Memory only. */
enum status bucketlog_target_check(const struct gateway *gateway, const struct bucketlog_target *target,
                                   const struct meta_settings *settings, struct s3_error_details *error);

#endif
