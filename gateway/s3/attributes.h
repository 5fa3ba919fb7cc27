/* What a version is kept with beside its bytes and headers, and what can be changed without a new version: its
 * attributes (meta/attributes.h). A new kind is a number here and, when it comes with a write, a row in attributes.c.
 */
#ifndef TERCET_GATEWAY_S3_ATTRIBUTES_H
#define TERCET_GATEWAY_S3_ATTRIBUTES_H

#include "gateway/front/exchange.h"

/* Stored, so a number is never given to another kind. */
enum s3_attribute_number {
    S3_ATTRIBUTE_NONE = 0,
    S3_ATTRIBUTE_ACL = 1,
    S3_ATTRIBUTE_TAGGING = 2,
    S3_ATTRIBUTE_RETENTION = 3, /* with its event hold: compat/object_lock.h */
    S3_ATTRIBUTE_LEGAL_HOLD = 4,
    S3_ATTRIBUTE_ENCRYPTION = META_ATTRIBUTE_SEALED, /* 6 */
};

/* The attributes of an object that is to be written, by the request's headers (or a form's fields) and its bucket's
 * settings, packed; empty: none. copied: the source of a copy, NULL for any other write. Errors are answered here. */
enum status s3_attributes_of_new_object(struct exchange *exchange, const struct meta_object *copied,
                                        struct buffer *packed);

#endif
