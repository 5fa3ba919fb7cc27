/* The policy of a bucket: put, and whether it is public. GET and DELETE are those of every setting. */
#include "compat/policy.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/body.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/reply.h"

#define SENT_BYTES_MAX 65536 /* one that is too large is told so, up to here */

/* meta_settings_update.check: BlockPublicPolicy refuses a public policy, as the bucket is when it would be stored. */
static enum status check_block(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings)
{
    const bool *is_public = arg;

    (void)bucket;
    return *is_public && public_access_of(settings).block_policy ? STATUS_DENIED : STATUS_OK;
}

static void store(struct exchange *exchange, struct bytes document, bool is_public)
{
    const struct meta_setting_change change = {S3_SETTING_POLICY, document};
    const struct meta_settings_update update = {
        .changes = &change, .count = 1, .check = check_block, .arg = &is_public};

    if (s3_update_settings(exchange, &update) == STATUS_OK)
        HTTP_LAST_REPLY(s3_reply_empty(exchange, 204));
}

void s3_put_bucket_policy(struct exchange *exchange)
{
    struct s3_error_details details = {0};
    struct policy_problem problem;
    struct policy *policy;
    struct buffer sent;

    if (s3_read_document(exchange, SENT_BYTES_MAX, true, &sent) == STATUS_OK) {
        if (policy_parse(buffer_bytes(&sent), POLICY_BUCKET, exchange->bucket_name, &policy, &problem)) {
            s3_error_setf(&details, S3_MALFORMED_POLICY, "%s", problem.text);
            HTTP_LAST_REPLY(s3_fail_details(exchange, &details));
        } else {
            store(exchange, buffer_bytes(&sent), policy_is_public(policy));
            policy_free(policy);
        }
    }
    buffer_release(&sent);
}

void s3_get_bucket_policy_status(struct exchange *exchange)
{
    struct meta_setting kept;
    struct buffer body;

    if (s3_require_setting(exchange, S3_SETTING_POLICY, &kept))
        return;
    const struct bucket_policy *policy = kept.parsed;
    buffer_init(&body, S3_REPLY_SMALL_BYTES_MAX);
    HTTP_LAST_REPLY(s3_reply_document(exchange, policy_status_write(&body, policy->is_public), &body));
}
