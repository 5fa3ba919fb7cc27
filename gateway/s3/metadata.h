/* The headers that are kept with an object: standard ones and user metadata. */
#ifndef TERCET_GATEWAY_S3_METADATA_H
#define TERCET_GATEWAY_S3_METADATA_H

#include "gateway/front/exchange.h"

/* Collects those of the request into `stored`. Answers errors. */
enum status s3_collect_headers(struct exchange *exchange, struct buffer *stored);
/* The same of the fields of a form, which stand for headers. */
enum status s3_collect_fields(struct exchange *exchange, struct header_list fields, struct buffer *stored);
/* Gives them back, with response-* overrides of a GET or HEAD. */
void s3_give_headers(struct exchange *exchange, const struct meta_object *object);

#endif
