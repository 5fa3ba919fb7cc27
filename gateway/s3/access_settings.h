/* The settings of a bucket that decide who may do what with it: its policy, the switches against public access, who
 * owns what others write, and whose the bucket is. Their kinds for meta/, and what authorize() is told of them. */
#ifndef TERCET_GATEWAY_S3_ACCESS_SETTINGS_H
#define TERCET_GATEWAY_S3_ACCESS_SETTINGS_H

#include "compat/bucket_access.h"
#include "compat/policy.h"
#include "gateway/front/authorize.h"
#include "meta/bucket_settings.h"

/* S3_SETTING_POLICY, parsed. The bucket's name was looked at when it was put. */
struct bucket_policy {
    struct policy *policy;
    bool is_public;
};
enum status bucket_policy_parse(struct bytes document, void **parsed);
void bucket_policy_free(void *parsed);

/* S3_SETTING_PUBLIC_ACCESS: a struct public_access_block. S3_SETTING_OWNERSHIP: an enum object_ownership. */
enum status public_access_setting_parse(struct bytes document, void **parsed);
enum status ownership_setting_parse(struct bytes document, void **parsed);

/* S3_SETTING_OWNER: the user who made the bucket. One without is the account's. */
#define BUCKET_OWNER_BYTES_MAX 512
struct bucket_owner {
    struct bytes canonical_id, user_id, name; /* without spaces */
};
enum status bucket_owner_write(struct buffer *out, const struct bucket_owner *owner);
enum status bucket_owner_parse(struct bytes document, void **parsed); /* a struct bucket_owner, to be freed */
/* NULL: the account's. */
const struct bucket_owner *bucket_owner_of(const struct meta_settings *settings);

/* The bucket of the file API, with what CreateBucket begins with: all switches on, no ACLs. As meta_bucket_create(). */
enum status files_bucket_create(struct meta *meta);

/* The bucket's switches, or the account's: the strictest counts. A bucket without the setting has all off, one whose
 * setting cannot be read all on. */
struct public_access_block public_access_of(const struct meta_settings *settings);

/* Fills owner, policy, policy_unreadable and restricted. Good while the settings are. */
void access_settings_tell(const struct meta_settings *settings, struct resource *resource);

#endif
