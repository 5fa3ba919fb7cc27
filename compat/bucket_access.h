/* Two settings of buckets: the switches against public access, and who owns what others write (object ownership). */
#ifndef TERCET_COMPAT_BUCKET_ACCESS_H
#define TERCET_COMPAT_BUCKET_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

#define BUCKET_ACCESS_XML_BYTES_MAX 4096 /* as it is written */

/* Which each of them stops: "Blocking public access" of AWS's guide. */
struct public_access_block {
    bool block_acls, ignore_acls, block_policy, restrict_buckets;
};
/* PublicAccessBlockConfiguration; a switch that is not there is off, *given is how many are. STATUS_INVALID,
 * STATUS_LIMIT: MalformedXML to the client. */
enum status public_access_block_parse(struct bytes document, struct public_access_block *block, unsigned *given);
enum status public_access_block_write(struct buffer *out, const struct public_access_block *block);

enum object_ownership {
    OWNERSHIP_OBJECT_WRITER,
    OWNERSHIP_BUCKET_OWNER_PREFERRED,
    OWNERSHIP_BUCKET_OWNER_ENFORCED, /* no ACLs */
    OWNERSHIP_COUNT,
};
/* False for a name that there is not. */
bool object_ownership_parse(struct bytes name, enum object_ownership *ownership);
/* OwnershipControls of one rule; STATUS_INVALID, STATUS_LIMIT: MalformedXML to the client. */
enum status ownership_controls_parse(struct bytes document, enum object_ownership *ownership);
enum status ownership_controls_write(struct buffer *out, enum object_ownership ownership);

enum status policy_status_write(struct buffer *out, bool is_public);

#endif
