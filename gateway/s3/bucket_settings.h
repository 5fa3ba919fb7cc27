/* Settings of buckets. A new one is a row of each table in bucket_settings.c, the reading of its document in compat/,
 * and its rows in operations.c. */
#ifndef TERCET_GATEWAY_S3_BUCKET_SETTINGS_H
#define TERCET_GATEWAY_S3_BUCKET_SETTINGS_H

#include "gateway/front/exchange.h"
#include "meta/bucket_settings.h"

/* The numbers under which meta/ keeps them: never given to another kind. */
enum s3_setting_number {
    S3_SETTING_NONE,
    S3_SETTING_TAGGING,
    S3_SETTING_CORS,
    S3_SETTING_POLICY,
    S3_SETTING_PUBLIC_ACCESS,
    S3_SETTING_OWNERSHIP,
    S3_SETTING_OWNER,
    S3_SETTING_ACL,
    S3_SETTING_LIFECYCLE = 8,
    S3_SETTING_OBJECT_LOCK = 9,
    S3_SETTING_ENCRYPTION = 10,
    S3_SETTING_WEBSITE = 11,
    S3_SETTING_LOGGING = 12,
    S3_SETTING_NOTIFICATION = 13,
    S3_SETTING_QUOTA = 14,              /* of Tercet, not of S3: gateway/system/bucket_quota.h */
    S3_SETTING_LIFECYCLE_PROGRESS = 20, /* of the job; no client sees it */
};

/* What requests read of them: of CORS a struct cors_configuration (compat/cors.h), of
 * a website a struct website (compat/website.h), of logging a struct bucket_logging (compat/bucket_logging.h), of those
 * about access what access_settings.h says, of a lifecycle what lifecycle.h says, of tags nothing. For meta_open. */
extern const struct meta_setting_kind s3_setting_kinds[];
extern const size_t s3_setting_kind_count;

/* A setting of the addressed bucket. That it was never made is answered here as AWS answers it, by the error of its
 * row, and so is one that cannot be read. Good while exchange->settings are. */
enum status s3_require_setting(struct exchange *exchange, enum s3_setting_number number, struct meta_setting *kept);

/* The row that has the operation's selector, of a table whose rows begin with one: `const char *selector`. There is
 * one. */
const void *s3_row_of_selector(const struct exchange *exchange, const void *rows, size_t row_bytes, size_t count);

/* Changes settings of the addressed bucket. Errors are answered here; DENIED by update->check is AccessDenied. */
enum status s3_update_settings(struct exchange *exchange, const struct meta_settings_update *update);

#endif
