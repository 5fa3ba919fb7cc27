/* The quota of a bucket: a setting, which an administrator makes at /system/quota/BUCKET or in the bootstrap file, and
 * which the committer holds to (meta/quota.h). S3 has none, so it is JSON. */
#ifndef TERCET_GATEWAY_BUCKET_QUOTA_H
#define TERCET_GATEWAY_BUCKET_QUOTA_H

#include <jansson.h>

#include "gateway/front/exchange.h"
#include "meta/quota.h"

#define BUCKET_QUOTA_BYTES_MAX 256

/* {"bytes": N, "objects": N}: either may be absent or null, which is no bound, but not both. NULL: it is one; else why
 * not. */
const char *bucket_quota_read(const json_t *value, struct meta_quota *quota);
enum status bucket_quota_write(struct buffer *out, const struct meta_quota *quota);
/* meta_setting_kind.parse: *parsed is a struct meta_quota. */
enum status bucket_quota_parse(struct bytes document, void **parsed);
/* That of a bucket with these settings; false: none, or one that cannot be read. */
bool bucket_quota_of(const struct meta_settings *settings, struct meta_quota *quota);

void bucket_quota_get(struct exchange *exchange);
void bucket_quota_put(struct exchange *exchange);
void bucket_quota_delete(struct exchange *exchange);

#endif
