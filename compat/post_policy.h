/* The policy of an upload form: base64 of a JSON document that says until when, and with which fields, somebody who
 * does not have the key may upload. Whoever has the key signed it. Pure: no clock, no input beyond the arguments. */
#ifndef TERCET_COMPAT_POST_POLICY_H
#define TERCET_COMPAT_POST_POLICY_H

#include "compat/error.h"
#include "compat/post_fields.h"

struct post_upload {
    const struct post_fields *fields; /* with the file's name put in */
    struct bytes bucket;              /* counts as a field, whatever the form says */
    int64_t now_wall_ms;
};

/* What the conditions on the file's size come to: both ends are allowed. */
struct post_range {
    uint64_t min, max;
};

/* Holds the upload against the policy. STATUS_INVALID: InvalidPolicyDocument. STATUS_DENIED: AccessDenied, since it has
 * expired, a condition failed, or a field has no condition. */
enum status post_policy_check(struct bytes encoded, const struct post_upload *upload, struct post_range *range,
                              struct s3_error_details *error);

#endif
