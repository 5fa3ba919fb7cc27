/* Object lock as requests see it: what they ask for with a new object, what is shown of one that is there, and who may
 * pass over GOVERNANCE. What it forbids is decided in the committer (lock_guard.h), by compat/object_lock.h. */
#ifndef TERCET_GATEWAY_S3_OBJECT_LOCK_H
#define TERCET_GATEWAY_S3_OBJECT_LOCK_H

#include "compat/object_lock.h"
#include "gateway/front/exchange.h"

struct s3_body;

/* AWS's words for what a lock forbids; and where only the clocks that disagree do. */
#define S3_LOCKED_TEXT "Access Denied because object protected by object lock."
#define S3_LOCK_DOUBT_TEXT                                                                                             \
    "Access Denied because object protected by object lock: its retention has ended by this gateway's clock, but not " \
    "by those of all storage nodes, or none of them can be asked."

/* meta_setting_kind.parse: *parsed is a struct lock_rule. */
enum status lock_setting_parse(struct bytes document, void **parsed);
/* The rule of a bucket with object lock. NOT_FOUND: it has none. */
enum status s3_lock_rule(const struct meta_settings *settings, const struct lock_rule **rule);
/* That the addressed bucket has object lock; InvalidRequest is answered here. */
enum status s3_lock_require(struct exchange *exchange);

/* Rows of attributes.c: what a new object is locked with by its request. */
enum status lock_retention_of_new_object(struct exchange *exchange, const struct meta_object *copied,
                                         struct buffer *document);
enum status lock_legal_hold_of_new_object(struct exchange *exchange, const struct meta_object *copied,
                                          struct buffer *document);
/* What the request's headers or fields ask for; false: nothing, or what cannot be read. */
bool s3_lock_wished(const struct exchange *exchange, struct lock_wish *wish);
/* An object that will be locked must come with a digest that its sender made. InvalidRequest is answered here. */
enum status s3_lock_check_digest(struct exchange *exchange, const struct s3_body *body);

/* What a version is locked with. CORRUPT. */
enum status s3_lock_of_version(const struct meta_object *object, struct lock_retention *retention,
                               enum lock_hold *legal_hold);
/* As much of it as who asks may see. May suspend. */
struct lock_wish s3_lock_shown(const struct exchange *exchange, const struct meta_object *object);
void s3_lock_give_headers(struct exchange *exchange, const struct lock_wish *shown); /* does not */

/* x-amz-bypass-governance-retention, in a bucket that knows it; InvalidArgument is answered here. */
enum status s3_lock_bypass_wanted(struct exchange *exchange, bool *wanted);
#define S3_PERMIT_BYPASS_GOVERNANCE 1u /* of meta_object_deletion.permits */
/* The permits of who asks for the key or version. */
uint32_t s3_lock_permits(const struct exchange *exchange, bool bypass_wanted, const struct resource *resource);

#endif
