/* Access control lists of buckets and objects: where they are kept, and what they give. Neither has one unless its
 * bucket allows ACLs (object ownership), and then only when it gives more than everything to the bucket's owner. */
#ifndef TERCET_GATEWAY_S3_ACL_H
#define TERCET_GATEWAY_S3_ACL_H

#include "compat/acl.h"
#include "compat/bucket_access.h"
#include "compat/response_xml.h"
#include "gateway/front/exchange.h"

/* S3_SETTING_ACL: a struct acl, to be freed. */
enum status acl_setting_parse(struct bytes document, void **parsed);

/* Who owns a bucket with these settings: the user who made it, or the account. */
struct response_owner acl_bucket_owner(const struct meta_settings *settings);
/* BucketOwnerEnforced when nobody has set it, or nobody knows. On AWS it is ObjectWriter then. But there users of one
 * account get nothing by ACLs, while here who writes an object owns it: s3:PutObject would give the right to read it
 * and to open it to others in every bucket that was made before there were ACLs. */
enum object_ownership acl_ownership(const struct meta_settings *settings);

/* For attributes.c: S3_ATTRIBUTE_ACL by x-amz-acl and x-amz-grant-* (or the field of a form). A copy gets none of its
 * source. */
enum status acl_of_new_object(struct exchange *exchange, const struct meta_object *copied, struct buffer *document);
/* The document of a new bucket's setting, empty for none; *wanted: the request names more than a private one. */
enum status acl_of_new_bucket(struct exchange *exchange, enum object_ownership ownership, struct buffer *document,
                              bool *wanted);

/* Whether the ACL of the bucket, or that of the object, lets who asks do this. The second reads the object, of which
 * version *sequence is then: suspends. */
bool acl_bucket_allows(const struct exchange *exchange, const char *action, const struct meta_settings *settings);
bool acl_object_allows(const struct exchange *exchange, const char *action, const struct resource *resource,
                       uint32_t bucket, const struct meta_settings *settings, uint64_t *sequence);
/* The same of an ACL that was read already, of an object in the request's bucket. */
bool acl_gives(const struct exchange *exchange, const char *action, const struct acl *acl);

/* BucketOwnerEnforced needs a bucket whose ACL gives nothing to others; else the error is answered here. */
enum status acl_check_ownership(struct exchange *exchange, struct bytes controls);

#endif
