/* Access control lists of buckets and objects: the canned ones, grants by header, the document of a client, how they
 * are kept, and what they give to whom. */
#ifndef TERCET_COMPAT_ACL_H
#define TERCET_COMPAT_ACL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/error.h"

#define ACL_GRANTS_MAX     100
#define ACL_ID_LEN         64 /* of a canonical id, in hex */
#define ACL_XML_BYTES_MAX  65536
#define ACL_KEPT_BYTES_MAX 8192 /* of as many grants as there can be */

/* Permissions, as bits. */
#define ACL_READ         1u
#define ACL_WRITE        2u
#define ACL_READ_ACP     4u
#define ACL_WRITE_ACP    8u
#define ACL_FULL_CONTROL 15u

enum acl_grantee { ACL_USER, ACL_ALL_USERS, ACL_AUTHENTICATED_USERS, ACL_LOG_DELIVERY, ACL_GRANTEE_COUNT };
struct acl_grant {
    enum acl_grantee grantee;
    char id[ACL_ID_LEN + 1]; /* of a USER; else "" */
    unsigned permission;     /* one, or ACL_FULL_CONTROL */
};
struct acl {
    char owner[ACL_ID_LEN + 1];
    struct acl_grant grants[ACL_GRANTS_MAX];
    size_t count;
};

/* The owner alone, with everything. Ids that are not 64 hex digits become empty ones, which are nobody's. */
void acl_init(struct acl *acl, struct bytes owner);
/* Whether the ACL gives nothing but that. */
bool acl_is_private(const struct acl *acl);
/* x-amz-acl, on top of acl_init. bucket_owner: of an object; data NULL: the ACL is a bucket's. False: no such name. */
bool acl_add_canned(struct acl *acl, struct bytes name, struct bytes bucket_owner);
/* x-amz-grant-*: id="...", uri="...". Fills the error and returns DENIED. */
enum status acl_add_grants(struct acl *acl, unsigned permission, struct bytes text, struct s3_error_details *error);
/* AccessControlPolicy. `has_owner`: acl->owner is the one that the document names, else "". MalformedACLError and
 * the like are in the error. */
enum status acl_parse_document(struct bytes document, struct acl *acl, struct s3_error_details *error);

/* How it is kept, in a setting or an attribute. INVALID: not such a text. */
enum status acl_write(struct buffer *out, const struct acl *acl);
enum status acl_read(struct bytes text, struct acl *acl);
/* The answer of GET; name: of the owner. */
enum status acl_respond(struct buffer *out, const struct acl *acl, struct bytes owner_name);

/* The URI that names the group; not of USER. */
const char *acl_group_uri(enum acl_grantee grantee);
/* Gives something to AllUsers or AuthenticatedUsers. */
bool acl_is_public(const struct acl *acl);
/* What it gives to who has that id; data NULL: who is anonymous. without_groups: IgnorePublicAcls. */
unsigned acl_permissions(const struct acl *acl, struct bytes canonical_id, bool without_groups);

#endif
