/* Which ACL a request asks for in its headers, for acl.c and acl_operations.c. */
#ifndef TERCET_GATEWAY_S3_ACL_WISH_H
#define TERCET_GATEWAY_S3_ACL_WISH_H

#include "gateway/s3/acl.h"

struct bytes acl_wish_canned(const struct exchange *exchange); /* x-amz-acl, or a form's field; empty: none */
bool acl_wish_has_grants(const struct exchange *exchange);     /* x-amz-grant-* */
/* Nothing, or what means the same where everything is the bucket owner's. */
bool acl_wish_is_private(const struct exchange *exchange);
/* bucket_owner: of an object; data NULL: the ACL is a bucket's. Errors are answered here. */
enum status acl_wish_read(struct exchange *exchange, struct bytes owner, struct bytes bucket_owner, struct acl *acl);

#endif
