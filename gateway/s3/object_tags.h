/* The tags that a request wants an object to have, in x-amz-tagging, in the field `tagging` of a form, or those of a
 * copy's source, and the ones that an object has. */
#ifndef TERCET_GATEWAY_S3_OBJECT_TAGS_H
#define TERCET_GATEWAY_S3_OBJECT_TAGS_H

#include "compat/object_tags.h"
#include "gateway/front/exchange.h"

/* Of header or form, and not those that a copy takes with it. They may be none; release the set after STATUS_OK.
 * Failures fill the error. */
enum status object_tags_of_request(const struct exchange *exchange, struct tag_set *set,
                                   struct s3_error_details *error);

/* Whether the request is a copy that takes its source's tags with it, as one does unless x-amz-tagging-directive is
 * REPLACE. x-amz-tagging is passed over then, as on AWS. */
bool object_tags_are_copied(const struct exchange *exchange);

/* For attributes.c: S3_ATTRIBUTE_TAGGING. Errors are answered here. */
enum status tags_of_new_object(struct exchange *exchange, const struct meta_object *copied, struct buffer *document);

/* Of a version. CORRUPT; release the set after STATUS_OK. */
enum status object_tags_of(const struct meta_object *object, struct tag_set *set);
size_t object_tags_number(const struct meta_object *object);

#endif
