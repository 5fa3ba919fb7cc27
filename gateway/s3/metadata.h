/* The headers that are kept with an object: standard ones and user metadata. */
#ifndef TERCET_GATEWAY_S3_METADATA_H
#define TERCET_GATEWAY_S3_METADATA_H

#include "gateway/front/exchange.h"

/* Stored as other headers are, and followed by websites. */
#define S3_REDIRECT_HEADER "x-amz-website-redirect-location"

/* Whether the request has user metadata (x-amz-meta-), in a header or in the query. */
bool s3_names_metadata(const struct exchange *exchange);
/* Collects those of the request into `stored`. Answers errors. */
enum status s3_collect_headers(struct exchange *exchange, struct buffer *stored);
/* The same of the fields of a form, which stand for headers. */
enum status s3_collect_fields(struct exchange *exchange, struct header_list fields, struct buffer *stored);
/* What a copy that keeps its source's metadata is stored with: the source's headers, and the redirect location that the
 * request names, since a copy does not have the source's. Answers errors. */
enum status s3_copy_headers(struct exchange *exchange, struct bytes source, struct buffer *stored);
/* Gives them back, with response-* overrides of a GET or HEAD. */
void s3_give_headers(struct exchange *exchange, const struct meta_object *object);

#endif
