/* The tags of an object outside of XML: the header x-amz-tagging, and the form in which they are kept with a version.
 */
#ifndef TERCET_COMPAT_OBJECT_TAGS_H
#define TERCET_COMPAT_OBJECT_TAGS_H

#include "compat/tags.h"

/* Ten tags, of 128 and 256 characters of four bytes, with their lengths. */
#define OBJECT_TAGS_KEPT_BYTES_MAX 16384

/* x-amz-tagging: pairs as in a query, percent-encoded, '+' a space. Empty pieces are none, and a key may stand without
 * its '=' and value. InvalidArgument, in AWS's words, for what is not encoded so, is no UTF-8, or has a key twice; then
 * there is nothing to release. The rules of tag_set_check_object are asked by the caller. */
enum status tagging_header_parse(struct bytes header, struct tag_set *set, struct s3_error_details *error);

/* The kept form, of tags that passed tag_set_check_object; of an empty set it is empty. */
enum status object_tags_write(struct buffer *out, const struct tag_set *set);
/* CORRUPT for anything that object_tags_write does not write; then there is nothing to release. */
enum status object_tags_read(struct bytes kept, struct tag_set *set);
/* How many there are; 0 of a damaged form. */
size_t object_tags_count(struct bytes kept);

#endif
